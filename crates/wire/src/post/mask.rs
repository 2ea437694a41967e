//! Masking a campaign's post key in what is kept of a post.
//!
//! The key has done its work once the post was judged, and whoever may read kept
//! posts need not learn it. What cannot be read is kept too, so that each pass works
//! on bytes and in doubt masks too much.

use super::body_format;
use crate::body::BodyFormat;
use crate::input::{Pairs, parse_query, split_pair, split_pairs};
use crate::multipart::{boundary_of, end_of_headers};
use crate::percent;

/// The name of the parameter.
const KEY: &str = "ckm_key";
/// What stands for its value.
const MASK: &[u8] = b"***";

/// Query string and body of a post as they are kept: with each value of `ckm_key`
/// masked, in whatever case and encoding the name was written.
pub fn mask_key(raw_query: &[u8], content_type: Option<&str>, body: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let query: Pairs = parse_query(raw_query).unwrap_or_default();
    let masked = match body_format(&query, content_type) {
        BodyFormat::Form => form(body),
        BodyFormat::Multipart(content_type) => multipart(content_type, body),
        BodyFormat::Xml => xml(body),
        BodyFormat::Json => json(body),
    };
    // A body may be of another format than it says.
    let masked = if find_key(&masked).is_some() { anything(&masked) } else { masked };
    (form(raw_query), masked)
}

/// Bytes of a boundary that are looked for, its two dashes included: as many as the
/// standard allows. Of a longer one the beginning will do.
const MAX_BOUNDARY_BYTES: usize = 72;

fn is_key(name: &str) -> bool {
    name.eq_ignore_ascii_case(KEY)
}

/// Whether a name, still encoded, is the key's; most are told from it at a glance.
fn is_encoded_key(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(KEY.as_bytes()) || (name.contains(&b'%') && is_key(&percent::decoded(name)))
}

/// Urlencoded pairs; most posts have no key among them.
fn form(raw: &[u8]) -> Vec<u8> {
    if !split_pairs(raw).any(|pair| is_encoded_key(split_pair(pair).0)) {
        return raw.to_vec();
    }
    mask_pairs(raw, |byte| byte == b'&', &is_encoded_key)
}

/// Urlencoded pairs with the values masked of those that bear a certain name, all else as
/// it was written. The name is told as it is written, encoded.
pub(crate) fn mask_pairs(
    raw: &[u8],
    ends_pair: impl Fn(u8) -> bool,
    is_masked: &dyn Fn(&[u8]) -> bool,
) -> Vec<u8> {
    let mut masked = Vec::with_capacity(raw.len());
    for ended in raw.split_inclusive(|byte| ends_pair(*byte)) {
        let (pair, end) = match ended {
            [pair @ .., last] if ends_pair(*last) => (pair, &[*last][..]),
            pair => (pair, &[][..]),
        };
        let (name, value) = split_pair(pair);
        if !value.is_empty() && is_masked(name) {
            masked.extend_from_slice(name);
            masked.push(b'=');
            masked.extend_from_slice(MASK);
        } else {
            masked.extend_from_slice(pair);
        }
        masked.extend_from_slice(end);
    }
    masked
}

/// The parts of a multipart body whose headers name the key.
fn multipart(content_type: &str, body: &[u8]) -> Vec<u8> {
    let boundary = boundary_of(content_type).map(|boundary| [b"--", boundary.as_slice()].concat());
    // A body without a boundary in its type begins with it.
    let first_line = || body.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default().to_vec();
    let mut boundary = boundary.unwrap_or_else(first_line);
    boundary.truncate(MAX_BOUNDARY_BYTES);
    if boundary.is_empty() {
        return body.to_vec();
    }
    let mut masked = Vec::with_capacity(body.len());
    let mut rest = body;
    loop {
        let (part, next) = match find(rest, &boundary) {
            Some(at) => rest.split_at(at),
            None => (rest, &[][..]),
        };
        mask_part(part, &mut masked);
        let Some(after) = next.strip_prefix(boundary.as_slice()) else { return masked };
        masked.extend_from_slice(&boundary);
        rest = after;
    }
}

fn mask_part(part: &[u8], masked: &mut Vec<u8>) {
    let split = end_of_headers(part).and_then(|at| part.split_at_checked(at));
    match split {
        Some((headers, value)) if percent::decode(headers).to_ascii_lowercase().contains(KEY) => {
            let line_end: &[u8] = match value {
                [.., b'\r', b'\n'] => b"\r\n",
                [.., b'\n'] => b"\n",
                _ => b"",
            };
            masked.extend_from_slice(headers);
            if value.len() > line_end.len() {
                masked.extend_from_slice(MASK);
            }
            masked.extend_from_slice(line_end);
        }
        _ => masked.extend_from_slice(part),
    }
}

/// The contents of elements of that name, with or without a prefix.
fn xml(body: &[u8]) -> Vec<u8> {
    let mut masked = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
        let end = tag_end(rest, at);
        let Some((tag, after)) = rest.split_at_checked(end) else { break };
        masked.extend_from_slice(tag);
        rest = after;
        let name = tag.get(at + 1..).unwrap_or_default();
        let name_end = name.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'));
        let name = name.get(..name_end.unwrap_or(name.len())).unwrap_or_default();
        let local = name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
        if is_key(&percent::text(local)) && !tag.ends_with(b"/>") {
            let closing = [b"</", name].concat();
            let content = find(rest, &closing).unwrap_or(rest.len());
            masked.extend_from_slice(if content > 0 { MASK } else { b"" });
            rest = rest.get(content..).unwrap_or_default();
        }
    }
    masked.extend_from_slice(rest);
    masked
}

/// Where the tag that begins at a `<` ends; `>` within quotes does not end it.
fn tag_end(text: &[u8], begins: usize) -> usize {
    let mut quote = None;
    for (at, byte) in text.iter().enumerate().skip(begins) {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), _) if open == *byte => quote = None,
            _ => {}
        }
    }
    text.len()
}

/// The values of members of that name, at any depth.
fn json(body: &[u8]) -> Vec<u8> {
    let mut masked = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.iter().position(|byte| *byte == b'"') {
        let (before, string) = rest.split_at(at);
        masked.extend_from_slice(before);
        let (string, after) = string.split_at(string_end(string));
        masked.extend_from_slice(string);
        rest = after;
        let name: Option<String> = serde_json::from_slice(string).ok();
        let blanks = blank(rest);
        if name.is_some_and(|name| is_key(&name)) && rest.get(blanks) == Some(&b':') {
            let begins = blanks + 1 + blank(rest.get(blanks + 1..).unwrap_or_default());
            let (colon, value) = rest.split_at(begins);
            masked.extend_from_slice(colon);
            masked.extend_from_slice(b"\"***\"");
            rest = value.get(value_end(value)..).unwrap_or_default();
        }
    }
    masked.extend_from_slice(rest);
    masked
}

/// How many blanks a text begins with.
fn blank(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// The length of the JSON string that a text begins with, quotes included; all of it
/// where the string does not end.
fn string_end(text: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match (escaped, byte) {
            (true, _) => escaped = false,
            (false, b'\\') => escaped = true,
            (false, b'"') => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of the JSON value that a text begins with.
fn value_end(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at += string_end(text.get(at..).unwrap_or_default());
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return if depth == 0 { at } else { at + 1 },
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// What reads like a key in a text of whatever kind: the name, a sign that a value
/// follows, and the value up to the end of its quotes or the next sign.
fn anything(text: &[u8]) -> Vec<u8> {
    let mut masked = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find_key(rest) {
        let is_closing = rest.get(..at).is_some_and(ends_in_closing_tag);
        let (name, after) = rest.split_at(at + KEY.len());
        masked.extend_from_slice(name);
        rest = after;
        let skip = |text: &[u8], also: &[u8]| {
            text.iter().take_while(|byte| byte.is_ascii_whitespace() || also.contains(byte)).count()
        };
        let sign = skip(rest, b"\"'\\");
        if is_closing || !matches!(rest.get(sign), Some(b'=' | b':' | b'>')) {
            continue;
        }
        let begins = sign + 1 + skip(rest.get(sign + 1..).unwrap_or_default(), b"\\");
        let (before, value) = rest.split_at(begins);
        masked.extend_from_slice(before);
        let (open, value) = match value.split_first() {
            Some((quote @ (b'"' | b'\''), value)) => (Some(*quote), value),
            _ => (None, value),
        };
        masked.extend(open);
        let ends = |byte: &u8| match open {
            Some(quote) => *byte == quote,
            None => byte.is_ascii_whitespace() || b"&<,;}]\"'".contains(byte),
        };
        let end = value.iter().position(ends).unwrap_or(value.len());
        masked.extend_from_slice(if end > 0 { MASK } else { b"" });
        rest = value.get(end..).unwrap_or_default();
    }
    masked.extend_from_slice(rest);
    masked
}

/// Where the key's name first stands. Its underscore is looked for: that is rare, and
/// one comparison of bytes.
fn find_key(text: &[u8]) -> Option<usize> {
    let before = KEY.bytes().position(|byte| byte == b'_')?;
    let mut from = before;
    loop {
        let underscore = from + memchr::memchr(b'_', text.get(from..)?)?;
        let at = underscore - before;
        if text.get(at..at + KEY.len()).is_some_and(|name| name.eq_ignore_ascii_case(KEY.as_bytes())) {
            return Some(at);
        }
        from = underscore + 1;
    }
}

/// Whether a text breaks off within a closing tag.
fn ends_in_closing_tag(text: &[u8]) -> bool {
    let tag = text.iter().rposition(|byte| *byte == b'<').and_then(|at| text.get(at + 1..));
    tag.is_some_and(|tag| tag.starts_with(b"/") && !tag.contains(&b'>'))
}

/// Where a pattern, which is not empty, first stands.
fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::post::parse_post;
    use proptest::prelude::*;

    const MULTIPART: &str = "multipart/form-data; boundary=XX";

    fn query(raw: &str) -> String {
        String::from_utf8(mask_key(raw.as_bytes(), None, b"").0).unwrap()
    }

    fn body(raw_query: &str, content_type: &str, body: &str) -> String {
        String::from_utf8(mask_key(raw_query.as_bytes(), Some(content_type), body.as_bytes()).1).unwrap()
    }

    #[test]
    fn in_a_query_or_form_each_value_of_the_key_is_masked_however_its_name_is_written() {
        for (raw, kept) in [
            ("ckm_key=S3cret&zip=1", "ckm_key=***&zip=1"),
            ("a=1&CKM_Key=S3cret", "a=1&CKM_Key=***"),
            ("ckm%5Fkey=S3cret", "ckm%5Fkey=***"),
            ("%63km%5fKE%59=S3=cret&", "%63km%5fKE%59=***&"),
            ("ckm_key=one&&ckm_key=two", "ckm_key=***&&ckm_key=***"),
            ("ckm_key=&ckm_key", "ckm_key=&ckm_key"),
            ("ckm_key_2=x&my_ckm_kez=%zz&x=caf%E9", "ckm_key_2=x&my_ckm_kez=%zz&x=caf%E9"),
            ("ckm%5Fkey=S3cret&zip%5Fcode=94105", "ckm%5Fkey=***&zip%5Fcode=94105"),
        ] {
            assert_eq!(query(raw), kept);
            assert_eq!(body("", "application/x-www-form-urlencoded", raw), kept);
        }
    }

    #[test]
    fn in_a_multipart_body_the_keys_part_is_masked() {
        let part = |name: &str, value: &str| {
            format!("--XX\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n")
        };
        for name in ["\"ckm_key\"", "CKM_KEY", "\"ckm%5Fkey\""] {
            let raw = |key: &str| format!("{}{}--XX--\r\n", part("\"zip\"", "S3"), part(name, key));
            assert_eq!(body("", MULTIPART, &raw("S3\r\ncret")), raw("***"));
            assert_eq!(body("", MULTIPART, &raw("")), raw(""), "an empty one");
            let lines = |key: &str| raw(key).replace("\r\n", "\n");
            assert_eq!(body("", MULTIPART, &lines("S3cret")), lines("***"), "with plain line ends");
            assert_eq!(body("", "multipart/form-data", &raw("S3cret")), raw("***"), "without a boundary");
        }
        let cut = format!("{}S3cr", part("ckm_key", "").trim_end_matches("\r\n").to_owned() + "\r\n\r\n");
        assert!(!body("", MULTIPART, &cut).contains("S3"), "a body that was cut off");
    }

    #[test]
    fn in_an_xml_body_the_keys_elements_are_masked() {
        for (raw, kept) in [
            ("<r><ckm_key>S3cret</ckm_key><zip>1</zip></r>", "<r><ckm_key>***</ckm_key><zip>1</zip></r>"),
            ("<r><a:CKM_KEY x='>'>S3</a:CKM_KEY> b</r>", "<r><a:CKM_KEY x='>'>***</a:CKM_KEY> b</r>"),
            ("<r><ckm_key><![CDATA[S3<]]>&#83;</ckm_key></r>", "<r><ckm_key>***</ckm_key></r>"),
            ("<r><ckm_key/><zip>1</zip></r>", "<r><ckm_key/><zip>1</zip></r>"),
            ("<r><ckm_key></ckm_key><zip>1</zip></r>", "<r><ckm_key></ckm_key><zip>1</zip></r>"),
            ("<r ckm_key=\"S3 cret\"><zip>1</zip>", "<r ckm_key=\"***\"><zip>1</zip>"),
            ("<r><ckm_key>S3cret", "<r><ckm_key>***"),
            ("</zip>ckm_key=S3cret", "</zip>ckm_key=***"),
        ] {
            assert_eq!(body("ckm_xml=1", "text/xml", raw), kept);
        }
    }

    #[test]
    fn in_a_json_body_the_keys_members_are_masked() {
        for (raw, kept) in [
            (r#"{"ckm_key":"S3cret","zip":"1"}"#, r#"{"ckm_key":"***","zip":"1"}"#),
            (r#"{ "CKM_KEY" : 1234 , "zip" : 1}"#, r#"{ "CKM_KEY" : "***", "zip" : 1}"#),
            (r#"{"ckm\u005fkey":"S3\"cret"}"#, r#"{"ckm\u005fkey":"***"}"#),
            (r#"{"x":[{"ckm_key":["S3",{"a":"]"}]}],"y":2}"#, r#"{"x":[{"ckm_key":"***"}],"y":2}"#),
            (r#"{"x":"ckm_key","y":"S3"}"#, r#"{"x":"ckm_key","y":"S3"}"#),
            (r#"{"ckm_key":"S3cr"#, r#"{"ckm_key":"***""#),
            (r#"{"ckm_key":"#, r#"{"ckm_key":"***""#),
        ] {
            assert_eq!(body("", "application/json", raw), kept);
        }
    }

    #[test]
    fn a_body_of_another_format_than_it_says_is_masked_too() {
        let raw = r#"{"ckm_key":"S3cret","zip":"1"}"#;
        assert_eq!(body("", "text/plain", raw), r#"{"ckm_key":"***","zip":"1"}"#);
        assert_eq!(body("", "application/json", "ckm_key=S3cret&zip=1"), "ckm_key=***&zip=1");
        assert_eq!(body("", "", "<r><ckm_key>S3cret</ckm_key></r>"), "<r><ckm_key>***</ckm_key></r>");
        assert_eq!(body("", "text/plain", "a ckm_key is secret"), "a ckm_key is secret");
        for (raw, kept) in [
            ("ckm_key: S3cret", "ckm_key: ***"),
            ("CKM_KEY =  S3cret, zip", "CKM_KEY =  ***, zip"),
            ("\\\"ckm_key\\\": \\\"S3cret\\\"", "\\\"ckm_key\\\": \\\"***\""),
            ("{'ckm_key' : 'S3 cret'}", "{'ckm_key' : '***'}"),
            ("ckm_key=", "ckm_key="),
        ] {
            assert_eq!(body("ckm_xml=1", "text/xml", raw), kept);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it_and_what_has_no_key_stays(
            raw in prop::collection::vec(any::<u8>(), 0..120),
            format in 0_usize..4,
        ) {
            let (query, of) = [("", ""), ("", MULTIPART), ("ckm_xml=1", ""), ("", "application/json")][format];
            prop_assert_eq!(mask_key(query.as_bytes(), Some(of), &raw).1, raw);
        }

        #[test]
        fn a_key_is_in_nothing_that_is_kept(
            upper in prop::collection::vec(any::<bool>(), 7),
            noise in "[a-z&=<>\"':{},\\[\\] ]{0,20}",
            format in 0_usize..4,
        ) {
            let key = "S3cretS3cret";
            let letter = |(letter, upper): (char, bool)| if upper { letter.to_ascii_uppercase() } else { letter };
            let name: String = KEY.chars().zip(upper).map(letter).collect();
            let (query, of, text) = match format {
                0 => ("", "", format!("{noise}&{name}={key}&x={noise}")),
                1 => ("", MULTIPART, format!("{noise}--XX\r\nContent-Disposition: form-data; name={name}\r\n\r\n{key}\r\n--XX--{noise}")),
                2 => ("ckm_xml=1", "", format!("<r><{name}>{key}</{name}></r>{noise}")),
                _ => ("", "application/json", format!("{{\"{name}\":\"{key}\"}}{noise}")),
            };
            let kept = body(query, of, &text);
            prop_assert!(!kept.contains(key), "{}", kept);
            let read = parse_post(query.as_bytes(), Some(of), kept.as_bytes()).unwrap();
            prop_assert!(read.key.is_none_or(|read| read == "***"), "it still reads as what it is");
        }
    }
}
