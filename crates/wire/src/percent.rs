//! Percent-encoding as links and forms use it: read leniently, written strictly.

use std::borrow::Cow;

/// Decodes a name or value of a query string or urlencoded body.
///
/// `+` is a space. A malformed escape stays as text. Bytes that are not UTF-8
/// are read as Windows-1252 (see [`text`]), which is what old forms send.
pub fn decode(raw: &[u8]) -> String {
    decoded(raw).into_owned()
}

/// As [`decode`]; itself, where nothing has to be decoded, as in most names and values.
pub(crate) fn decoded(raw: &[u8]) -> Cow<'_, str> {
    let encoded = memchr::memchr2(b'+', b'%', raw);
    let Some((plain, mut rest)) = encoded.and_then(|at| raw.split_at_checked(at)) else {
        return std::str::from_utf8(raw).map_or_else(|_| windows_1252(raw).into(), Cow::Borrowed);
    };
    let mut bytes = Vec::with_capacity(raw.len());
    bytes.extend_from_slice(plain);
    loop {
        rest = match rest {
            [] => break,
            [b'+', rest @ ..] => {
                bytes.push(b' ');
                rest
            }
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(hex_value(*high) << 4 | hex_value(*low));
                rest
            }
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        };
    }
    String::from_utf8(bytes).unwrap_or_else(|not_utf8| windows_1252(not_utf8.as_bytes())).into()
}

/// Bytes as text: UTF-8, or else Windows-1252, in which every byte means something.
pub fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => windows_1252(bytes),
    }
}

/// Appends a text as the value of a query parameter: all but RFC 3986's
/// unreserved characters are escaped, so that it cannot leave its place in a link.
pub fn encode_into(link: &mut String, value: &str) {
    link.reserve(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            link.push(char::from(byte));
        } else {
            link.extend(escape(byte).map(char::from));
        }
    }
}

/// The escape of a byte.
pub fn escape(byte: u8) -> [u8; 3] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

/// A text as the value of a query parameter; see [`encode_into`].
pub fn encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    encode_into(&mut encoded, value);
    encoded
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}

/// The characters of 0x80 to 0x9F by the WHATWG's table, in which the five
/// unassigned bytes are the control characters of their number. All other bytes
/// are the characters of their number, as in ISO 8859-1.
const WINDOWS_1252_HIGH: [char; 32] = [
    '\u{20AC}', '\u{81}', '\u{201A}', '\u{0192}', '\u{201E}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{02C6}',
    '\u{2030}', '\u{0160}', '\u{2039}', '\u{0152}', '\u{8D}', '\u{017D}', '\u{8F}', '\u{90}', '\u{2018}',
    '\u{2019}', '\u{201C}', '\u{201D}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{02DC}', '\u{2122}',
    '\u{0161}', '\u{203A}', '\u{0153}', '\u{9D}', '\u{017E}', '\u{0178}',
];

fn windows_1252(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            0x80..=0x9F => WINDOWS_1252_HIGH[usize::from(byte & 0x1F)],
            _ => char::from(*byte),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_and_plus_are_decoded() {
        assert_eq!(decode(b"a+b%20c%2Bd%c3%A9"), "a b c+d\u{e9}");
    }

    #[test]
    fn a_malformed_escape_is_kept_as_text() {
        for kept in ["%", "%2", "%zz", "100%", "%u00e9", "%2g", "% 41"] {
            assert_eq!(decode(kept.replace(' ', "+").as_bytes()), kept, "{kept}");
        }
        assert_eq!(decode(b"%%41"), "%A");
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_read_as_windows_1252() {
        assert_eq!(decode(b"caf%E9"), "caf\u{e9}");
        assert_eq!(decode(b"\x80uro %93x%94"), "\u{20ac}uro \u{201c}x\u{201d}");
        assert_eq!(text(b"\x81\x9f"), "\u{81}\u{178}");
    }

    #[test]
    fn nul_is_a_character_like_any_other() {
        assert_eq!(decode(b"a%00b\0"), "a\0b\0");
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(value in any::<String>()) {
            let encoded = encode(&value);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            prop_assert_eq!(decode(encoded.as_bytes()), value);
        }

        #[test]
        fn any_bytes_decode_to_some_text(raw in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(decode(&raw).chars().count() <= raw.len());
            prop_assert!(text(&raw).chars().count() <= raw.len());
        }
    }
}
