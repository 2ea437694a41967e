//! Amounts as strangers write them: buyers in their answers, shops in their pixels.

use crate::Money;

/// Reads an amount that nobody can owe less than nothing of: an optional `$`, thousands
/// commas, up to six decimals, white space at its ends. `None` where it is blank,
/// negative or anything else.
///
/// Commas must stand between threes: `12,50` is twelve and a half somewhere, and
/// not 1,250 anywhere.
pub fn read_amount(text: &str) -> Option<Money> {
    written(text)?.parse().ok()
}

/// Whether a text is an amount as [`read_amount`] reads them, but for having more digits
/// than any amount can.
pub fn is_beyond_amounts(text: &str) -> bool {
    let Some(written) = written(text) else { return false };
    let (whole, decimals) = written.split_once('.').unwrap_or((&written, "0"));
    let rest_is_one = format!("0.{decimals}").parse::<Money>().is_ok();
    rest_is_one && whole.trim_start_matches('0').len() > Money::MAX_WHOLE_DIGITS
}

/// The digits of an amount and its point, without what stands around and between them.
fn written(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix('$').unwrap_or(text).trim_start();
    let (whole, decimals) = text.split_once('.').map_or((text, None), |(w, d)| (w, Some(d)));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let has_groups = whole.contains(',');
    if !is_digits(first) || has_groups && !(1..=3).contains(&first.len()) {
        return None;
    }
    if !groups.all(|group| group.len() == 3 && is_digits(group)) {
        return None;
    }
    let mut plain = whole.replace(',', "");
    if let Some(decimals) = decimals {
        // `.50` is what some print for half a dollar. That decimals are one to six digits
        // is the amount's own rule.
        if plain.is_empty() {
            plain.push('0');
        }
        plain.push('.');
        plain.push_str(decimals);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_more_digits_than_an_amount_is_told_from_what_is_none() {
        for beyond in ["1000000000000", "$1,000,000,000,000.50", "9".repeat(400).as_str(), " 01000000000000 "]
        {
            assert!(is_beyond_amounts(beyond) && read_amount(beyond).is_none(), "{beyond}");
        }
        for other in [
            "999999999999.999999",
            "0000000000001",
            "-1000000000000",
            "1000000000000.",
            "1e13",
            "",
            "1000000000000.0000001",
            "1000000000000x",
            "10000000000,00",
        ] {
            assert!(!is_beyond_amounts(other), "{other}");
        }
    }

    #[test]
    fn an_amount_has_a_dollar_thousands_commas_and_six_decimals_at_most() {
        for (text, micros) in [
            ("12", 12_000_000),
            (" $ 12.50\n", 12_500_000),
            ("$1,234,567.123456", 1_234_567_123_456),
            (".50", 500_000),
            ("0", 0),
        ] {
            assert_eq!(read_amount(text), Some(Money::from_micros(micros)), "{text}");
        }
        for text in [
            "",
            " ",
            "$",
            "-1",
            "$-1",
            "12,50",
            "1234,567",
            "12.",
            ".",
            "1.5.5",
            "1.-5",
            "1.5a",
            "0.0000001",
            "1e2",
            "+1",
            "12 USD",
        ] {
            assert_eq!(read_amount(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_no_amount_is_negative(text in "[$0-9,. -]{0,16}|.*") {
            prop_assert!(read_amount(&text).is_none_or(|amount| !amount.is_negative()));
        }
    }
}
