//! Prices as buyers write them.

use crumb_domain::Money;
use crumb_domain::selling::PriceRead;

/// Reads a price: an optional `$`, thousands commas, up to six decimals, white
/// space at its ends. Blank is absent; negative and anything else is unreadable.
///
/// Commas must stand between threes: `12,50` is twelve and a half somewhere, and
/// not 1,250 anywhere.
pub(super) fn read_price(text: &str) -> PriceRead {
    let text = text.trim();
    if text.is_empty() {
        return PriceRead::Absent;
    }
    amount(text.strip_prefix('$').unwrap_or(text).trim_start())
        .map_or(PriceRead::Unreadable, PriceRead::Amount)
}

fn amount(text: &str) -> Option<Money> {
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
    match decimals {
        // `.50` is what some print for half a dollar.
        Some(decimals) if !decimals.is_empty() && is_digits(decimals) => {
            if plain.is_empty() {
                plain.push('0');
            }
            plain.push('.');
            plain.push_str(decimals);
        }
        Some(_) => return None,
        None => {}
    }
    plain.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_dollar_thousands_commas_and_six_decimals_are_understood() {
        for (text, micros) in [
            ("12", 12_000_000),
            ("12.5", 12_500_000),
            ("$12.50", 12_500_000),
            ("$ 12.50", 12_500_000),
            (" 12.50\n", 12_500_000),
            ("1,234.56", 1_234_560_000),
            ("$1,234,567.123456", 1_234_567_123_456),
            ("0.000001", 1),
            (".50", 500_000),
            ("0", 0),
            ("007", 7_000_000),
        ] {
            assert_eq!(read_price(text), PriceRead::Amount(Money::from_micros(micros)), "{text}");
        }
    }

    #[test]
    fn negative_or_unreadable_is_told_from_absent() {
        for text in ["", " ", "\n"] {
            assert_eq!(read_price(text), PriceRead::Absent);
        }
        for text in [
            "-1",
            "-$1",
            "$-1",
            "$",
            "abc",
            "12,50",
            "1,2345",
            "1234,567",
            ",123",
            "1,,234",
            "12.",
            ".",
            "1.2.3",
            "0.0000001",
            "1e2",
            "+1",
            "12 USD",
            "USD 12",
            "$$1",
            "null",
            "١",
            "9999999999999",
            "1 000",
        ] {
            assert_eq!(read_price(text), PriceRead::Unreadable, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_no_amount_is_negative(text in "[$0-9,. -]{0,16}|.*") {
            if let PriceRead::Amount(amount) = read_price(&text) {
                prop_assert!(!amount.is_negative());
            }
        }

        #[test]
        fn what_money_prints_is_read(micros in 0i64..999_999_999_999_000_000) {
            let money = Money::from_micros(micros);
            prop_assert_eq!(read_price(&money.to_string()), PriceRead::Amount(money));
        }
    }
}
