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

/// Decimals of an amount that is rounded: several times what a sum in floating point is
/// printed with.
const MAX_DECIMALS: usize = 64;

/// Reads an amount as [`read_amount`] does, with more decimals too, as `69.80000000000001`
/// is what a script adds up to: half a millionth is rounded away from zero.
pub fn read_amount_rounded(text: &str) -> Option<Money> {
    let written = written(text)?;
    let kept = written.find('.').map(|point| point + 1 + Money::DECIMALS).filter(|end| *end < written.len());
    let Some(kept) = kept else { return written.parse().ok() };
    let (amount, rest) = written.split_at_checked(kept)?;
    if rest.len() > MAX_DECIMALS - Money::DECIMALS || !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let more = i64::from(rest.as_bytes().first().is_some_and(|digit| *digit >= b'5'));
    amount.parse::<Money>().ok()?.checked_add(Money::from_micros(more))
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

    #[test]
    fn more_than_six_decimals_are_rounded_half_a_millionth_away_from_zero() {
        for (text, micros) in [
            ("69.80000000000001", 69_800_000),
            ("12.3456789", 12_345_679),
            ("0.1000000", 100_000),
            ("$1,234.5000004999", 1_234_500_000),
            (".0000005", 1),
            ("0.00000049", 0),
            ("0.9999995", 1_000_000),
            ("1.123456", 1_123_456),
            ("12", 12_000_000),
        ] {
            assert_eq!(read_amount_rounded(text), Some(Money::from_micros(micros)), "{text}");
        }
        let long = |decimals: usize| format!("1.{}", "0".repeat(decimals));
        assert_eq!(read_amount_rounded(&long(MAX_DECIMALS)), Some(Money::from_micros(1_000_000)));
        for text in [
            long(MAX_DECIMALS + 1).as_str(),
            "-1.0000000",
            "1.0000000x",
            "1.00000x0",
            "1.000000.",
            "1.0000000e2",
            "1.00000é0",
            "12.",
        ] {
            assert_eq!(read_amount_rounded(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_need_not_be_rounded_is_read_alike(text in "[$0-9,. -]{0,16}|[0-9]{0,3}.[0-9]{0,9}|.*") {
            let rounded = read_amount_rounded(&text);
            prop_assert!(rounded.is_none_or(|amount| !amount.is_negative()));
            if let Some(amount) = read_amount(&text) {
                prop_assert_eq!(rounded, Some(amount));
            }
        }

        #[test]
        fn any_text_is_read_and_no_amount_is_negative(text in "[$0-9,. -]{0,16}|.*") {
            prop_assert!(read_amount(&text).is_none_or(|amount| !amount.is_negative()));
        }
    }
}
