//! `multipart/form-data` bodies: the parts that are values; files are ignored.
//!
//! Bodies come from libraries, which write them as the standard has it, and from scripts
//! written by hand. So line ends may be plain `\n`, the last boundary may be missing (the
//! body itself came to its end), and there may be text before the first and after the last.
//! What a part says of its own character set is not looked at: bytes are read as everywhere,
//! as UTF-8 or else as Windows-1252.

use crate::body::BodyError;
use crate::input::{PairCount, Pairs};
use crate::percent;

/// What the standard allows (RFC 2046 §5.1.1). A longer one could make the search for it as
/// long as itself at each byte.
const MAX_BOUNDARY_BYTES: usize = 70;

/// Adds the parts of a body; of equal names the first stands. Every part counts, also files
/// and those without a name, which are ignored.
///
/// # Errors
/// [`BodyError::Malformed`] where the type names no boundary or the body does not have it:
/// nothing of such a body can be read. More parts than are read.
pub(crate) fn read_multipart(
    content_type: &str,
    body: &[u8],
    pairs: &mut Pairs,
    count: &mut PairCount,
) -> Result<(), BodyError> {
    if body.trim_ascii().is_empty() {
        return Ok(());
    }
    let boundary = boundary_of(content_type).ok_or(BodyError::Malformed)?;
    let delimiter = [b"--", boundary.as_slice()].concat();
    let mut line = next_line(body, 0, &delimiter).ok_or(BodyError::Malformed)?;
    while !line.is_last {
        let next = next_line(body, line.ends, &delimiter);
        let ends = next.as_ref().map_or(body.len(), |next| next.begins);
        count.add(1)?;
        let part = body.get(line.ends..ends).unwrap_or_default();
        if let Some(headers_end) = end_of_headers(part)
            && let Some((headers, value)) = part.split_at_checked(headers_end)
            && let Some(name) = name_of(headers)
        {
            pairs.add(&name, &percent::text(without_line_end(value)));
        }
        match next {
            Some(next) => line = next,
            None => break,
        }
    }
    Ok(())
}

/// The boundary that a content type names.
pub(crate) fn boundary_of(content_type: &str) -> Option<Vec<u8>> {
    let boundary = parameters(content_type.as_bytes()).into_iter().find(|(name, _)| name == "boundary");
    boundary.map(|(_, value)| value).filter(|value| (1..=MAX_BOUNDARY_BYTES).contains(&value.len()))
}

/// Where the headers of a part end, the empty line behind them included; none where that is
/// missing.
pub(crate) fn end_of_headers(part: &[u8]) -> Option<usize> {
    // "\r\n\r\n" ends as "\n\r\n" does.
    [&b"\n\r\n"[..], b"\n\n"].iter().filter_map(|blank| Some(find(part, blank)? + blank.len())).min()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// A line that divides parts.
struct Line {
    /// Where it begins: what is before it is the part's, with a line end that is not.
    begins: usize,
    /// Where the next part begins.
    ends: usize,
    /// No part follows.
    is_last: bool,
}

/// The first dividing line at or after a place at which a line begins.
fn next_line(body: &[u8], from: usize, delimiter: &[u8]) -> Option<Line> {
    let mut at = from;
    loop {
        let rest = body.get(at..)?;
        let begins = at + find(rest, delimiter)?;
        let is_line =
            begins == from || begins.checked_sub(1).and_then(|before| body.get(before)) == Some(&b'\n');
        let after = begins + delimiter.len();
        let tail = body.get(after..).unwrap_or_default();
        let blanks = tail.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let line_end = match tail.get(blanks..).unwrap_or_default() {
            [] => Some(0),
            [b'\r', b'\n', ..] => Some(2),
            [b'\n', ..] | [b'\r'] => Some(1),
            _ => None,
        };
        // A body may end within its last line.
        let is_last = tail.starts_with(b"--") || tail == b"-";
        if is_line && (is_last || line_end.is_some()) {
            return Some(Line { begins, ends: after + blanks + line_end.unwrap_or_default(), is_last });
        }
        at = after;
    }
}

/// A value without the line end that belongs to the boundary behind it.
fn without_line_end(value: &[u8]) -> &[u8] {
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    value.strip_suffix(b"\r").unwrap_or(value)
}

/// The name in a part's headers; none for a file and for what has no name.
fn name_of(headers: &[u8]) -> Option<String> {
    let disposition = header(headers, "content-disposition")?;
    let parameters = parameters(&disposition);
    let named = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted);
    if named("filename").or(named("filename*")).is_some() {
        return None;
    }
    named("name").map(|(_, value)| percent::text(value)).filter(|name| !name.is_empty())
}

/// A header's value, with the lines that go on with it.
fn header(headers: &[u8], wanted: &str) -> Option<Vec<u8>> {
    let mut found: Option<Vec<u8>> = None;
    for line in headers.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let (Some(value), [b' ' | b'\t', ..]) = (&mut found, line) {
            value.extend_from_slice(line);
            continue;
        }
        if found.is_some() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        if let Some((name, value)) = colon.and_then(|at| line.split_at_checked(at))
            && name.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes())
        {
            found = Some(value.get(1..).unwrap_or_default().to_vec());
        }
    }
    found
}

/// The parameters behind a header's own value: names in lower case, values without quotes.
fn parameters(header: &[u8]) -> Vec<(String, Vec<u8>)> {
    let own = header.iter().position(|byte| *byte == b';').unwrap_or(header.len());
    let mut rest = header.get(own..).unwrap_or_default();
    let mut parameters = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        if let [b';', after @ ..] = rest {
            rest = after;
            continue;
        }
        if rest.is_empty() {
            return parameters;
        }
        let name_end = rest.iter().position(|byte| matches!(byte, b'=' | b';')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(name_end);
        let name = percent::text(name.trim_ascii()).to_ascii_lowercase();
        let (value, after) = match after {
            [b'=', after @ ..] => value(after.trim_ascii_start()),
            _ => (Vec::new(), after),
        };
        parameters.push((name, value));
        rest = after;
    }
}

/// A parameter's value, and what follows it.
fn value(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| *byte == b';').unwrap_or(text.len());
        let (token, rest) = text.split_at(end);
        return (token.trim_ascii().to_vec(), rest);
    };
    let (mut value, mut rest) = (Vec::new(), quoted);
    loop {
        rest = match rest {
            // Old browsers write the path of a file with single backslashes.
            [b'\\', byte @ (b'"' | b'\\'), after @ ..] => {
                value.push(*byte);
                after
            }
            [b'"', after @ ..] => return (value, after),
            [byte, after @ ..] => {
                value.push(*byte);
                after
            }
            [] => return (value, rest),
        };
    }
}

#[cfg(test)]
mod tests;
