//! Answers as a column: a head that says how long the parts are, and the parts.
//!
//! Each lead has one, most of it XML: as JSON it would be escaped, and longer by a third.

use crate::error::corrupt;
use crumb_domain::post::StoredAnswer;
use crumb_storage::Result;
use std::fmt::Write as _;

/// Stands for the length of a part that there is not.
const NONE: &str = "-";
/// Bytes of the longest usual head.
const HEAD_BYTES: usize = 16;

/// An answer as its column: `status type location` and a line break, where of type and
/// location the bytes are said; then type, location and content.
pub(crate) fn column(answer: &StoredAnswer) -> String {
    let StoredAnswer { status, content_type, location, body } = answer;
    let parts = [content_type.as_deref(), location.as_deref()];
    let bytes = parts.iter().flatten().map(|part| part.len()).sum::<usize>();
    let mut column = String::with_capacity(HEAD_BYTES + bytes + body.len());
    // Writing to a text cannot fail.
    let _ = write!(column, "{status}");
    for part in parts {
        let _ = match part {
            Some(part) => write!(column, " {}", part.len()),
            None => write!(column, " {NONE}"),
        };
    }
    column.push('\n');
    parts.iter().flatten().for_each(|part| column.push_str(part));
    column.push_str(body);
    column
}

/// The answer of a column.
pub(crate) fn from_column(column: &str) -> Result<StoredAnswer> {
    read(column).ok_or_else(|| corrupt("an answer", column))
}

fn read(column: &str) -> Option<StoredAnswer> {
    let (head, rest) = column.split_once('\n')?;
    let [status, content_type, location]: [&str; 3] = head.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let (content_type, rest) = part(content_type, rest)?;
    let (location, body) = part(location, rest)?;
    Some(StoredAnswer { status: status.parse().ok()?, content_type, location, body: body.to_owned() })
}

/// The part of that length with which a text begins, and what is behind it.
fn part<'t>(length: &str, text: &'t str) -> Option<(Option<String>, &'t str)> {
    if length == NONE {
        return Some((None, text));
    }
    let (part, rest) = text.split_at_checked(length.parse().ok()?)?;
    Some((Some(part.to_owned()), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(content_type: Option<&str>, location: Option<&str>, body: &str) -> StoredAnswer {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        StoredAnswer {
            status: 302,
            content_type: owned(content_type),
            location: owned(location),
            body: body.to_owned(),
        }
    }

    #[test]
    fn an_answer_comes_back_as_it_was() {
        for answer in [
            answer(Some("text/xml"), None, "<?xml version=\"1.0\"?>\n<result>é</result>"),
            answer(None, Some("https://x.example/?a=\n5 5\n"), ""),
            answer(Some(""), Some(""), "\n-"),
            answer(None, None, "5 5\n"),
            answer(Some("text/ö"), Some("https://x.example/ü"), "é"),
        ] {
            assert_eq!(from_column(&column(&answer)), Ok(answer));
        }
        assert_eq!(column(&answer(Some("text/xml"), None, "<a/>")), "302 8 -\ntext/xml<a/>");
    }

    #[test]
    fn what_is_no_answer_is_corrupt() {
        for wrong in ["", "200 - -", "200 9 -\nshort", "200 1 -\né", "200 -\n", "200 - - -\n", "x - -\n"] {
            assert!(from_column(wrong).is_err(), "{wrong:?}");
        }
    }
}
