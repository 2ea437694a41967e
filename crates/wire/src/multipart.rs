//! `multipart/form-data` bodies: the parts that are values; files are ignored.

use crate::input::{InputError, PairCount, Pairs};
use crate::percent;
use bytes::Bytes;
use http_body_util::{BodyDataStream, Full};
use multer::Multipart;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Adds the parts of a body. Every part counts, files too. A broken body gives
/// the parts before the break, one without a boundary none.
pub(crate) fn read_multipart(
    content_type: &str,
    body: &[u8],
    pairs: &mut Pairs,
    count: &mut PairCount,
) -> Result<(), InputError> {
    let Ok(boundary) = multer::parse_boundary(content_type) else {
        return Ok(());
    };
    let whole = BodyDataStream::new(Full::new(Bytes::copy_from_slice(body)));
    let mut parts = Multipart::new(whole, boundary);
    while let Some(Ok(Some(part))) = now(parts.next_field()) {
        count.add(1)?;
        let is_file = part.file_name().is_some();
        let name = part.name().unwrap_or_default().to_owned();
        let Some(Ok(value)) = now(part.bytes()) else {
            break;
        };
        if !is_file {
            pairs.add(&name, &percent::text(&value));
        }
    }
    Ok(())
}

/// What a future gives at once. The whole body is in memory, so one that would
/// wait waits for more than the body has.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::MAX_PAIRS;
    use proptest::prelude::*;

    const CONTENT_TYPE: &str = "multipart/form-data; boundary=XX";

    fn parse(body: impl AsRef<[u8]>) -> Result<Vec<(String, String)>, InputError> {
        let mut pairs = Pairs::default();
        read_multipart(CONTENT_TYPE, body.as_ref(), &mut pairs, &mut PairCount::default())?;
        Ok(pairs.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn part(disposition: &str, value: &str) -> String {
        format!("--XX\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn parts_are_values_as_sent() {
        let body = format!("{}{}--XX--\r\n", part("name=\"First\"", "a+b%20\r\nc"), part("name=b", ""));
        assert_eq!(parse(body), Ok(vec![pair("first", "a+b%20\r\nc"), pair("b", "")]));
    }

    #[test]
    fn files_are_ignored() {
        let file = part("name=\"b\"; filename=\"b.txt\"", "text");
        let body = format!("{}{file}{}--XX--", part("name=\"a\"", "1"), part("name=\"c\"", "3"));
        assert_eq!(parse(body), Ok(vec![pair("a", "1"), pair("c", "3")]));
        assert_eq!(parse(format!("{}--XX--", part("name=b; filename=\"\"", ""))), Ok(vec![]));
    }

    #[test]
    fn a_broken_body_keeps_what_was_readable() {
        let whole = part("name=\"a\"", "1");
        for broken in
            ["--XX", "--XX\r\nContent-Disp", "--XX\r\nContent-Disposition: form-data; name=b\r\n\r\nhalf"]
        {
            assert_eq!(parse(format!("{whole}{broken}")), Ok(vec![pair("a", "1")]), "{broken}");
        }
        assert_eq!(parse(whole), Ok(vec![]), "a value that is cut off is none");
        assert_eq!(parse("no boundary here"), Ok(vec![]));
        assert_eq!(parse(""), Ok(vec![]));
    }

    #[test]
    fn a_type_without_a_boundary_has_no_parts() {
        let mut pairs = Pairs::default();
        let body = part("name=a", "1");
        let read =
            read_multipart("multipart/form-data", body.as_bytes(), &mut pairs, &mut PairCount::default());
        assert_eq!(read, Ok(()));
        assert!(pairs.is_empty());
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_read_as_windows_1252() {
        let body = b"--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ncaf\xE9\r\n--XX--";
        assert_eq!(parse(body), Ok(vec![pair("a", "caf\u{e9}")]));
    }

    #[test]
    fn five_hundred_parts_are_read_and_one_more_is_too_many() {
        let many = |parts| format!("{}--XX--", part("name=a; filename=f", "1").repeat(parts));
        assert_eq!(parse(many(MAX_PAIRS)), Ok(vec![]));
        assert_eq!(parse(many(MAX_PAIRS + 1)), Err(InputError::TooManyPairs));
    }

    proptest! {
        #[test]
        fn any_cut_of_a_body_is_read(cut in 0_usize..200) {
            let body = format!("{}{}--XX--\r\n", part("name=\"a\"", "1"), part("name=\"b\"", "2"));
            prop_assert!(parse(body.as_bytes().get(..cut).unwrap_or(body.as_bytes())).is_ok());
        }

        #[test]
        fn any_bytes_after_a_boundary_are_read(rest in "[-X\r\n :;=\"a-z]{0,120}") {
            let body = format!("--XX\r\n{rest}");
            prop_assert!(parse(body).is_ok());
        }
    }
}
