//! By what a lead is found: its e-mail addresses and phone numbers, brought into
//! one form on both sides, so that an operator may type them as a consumer would.
//!
//! A store does not know the fields' types. What looks like an address or a
//! number is kept as one; that a nine-digit number of another kind is found as a
//! phone number does no harm.

use std::collections::BTreeSet;

/// Fewest and most digits of a phone number.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// Bytes of the longest text that is kept: an e-mail address has at most 254.
const MAX_KEY_BYTES: usize = 254;

/// The keys under which a lead is found, each once.
pub fn keys_of(fields: &[(String, String)]) -> BTreeSet<String> {
    fields.iter().filter_map(|(_, value)| key_of(value)).collect()
}

/// The key that a text is, if it is an e-mail address or a phone number.
pub fn key_of(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > MAX_KEY_BYTES || is_date(text) {
        return None;
    }
    let is_of_number = |byte: u8| byte.is_ascii_digit() || b"+-./() ".contains(&byte);
    if !text.bytes().all(is_of_number) {
        let is_address = text.contains('@') && !text.contains(char::is_whitespace);
        return is_address.then(|| text.to_lowercase());
    }
    let mut digits = text.to_owned();
    digits.retain(|c| c.is_ascii_digit());
    // North American numbers are written with and without the country's 1.
    if digits.len() == 11 && digits.starts_with('1') {
        digits.remove(0);
    }
    PHONE_DIGITS.contains(&digits.len()).then_some(digits)
}

/// `YYYY-MM-DD`: a date of birth is no phone number.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_without_regard_to_case_and_a_number_to_punctuation() {
        assert_eq!(key_of(" Ann@Example.COM "), Some("ann@example.com".to_owned()));
        for written in ["5551234567", "(555) 123-4567", "+1 555 123 4567", "555.123.4567"] {
            assert_eq!(key_of(written), Some("5551234567".to_owned()), "{written}");
        }
    }

    #[test]
    fn other_values_are_no_keys() {
        for other in ["Ann", "30301", "1980-02-29", "", "12 Main St", "1234567890123456", "a b@c"] {
            assert_eq!(key_of(other), None, "{other}");
        }
    }
}
