//! Prices as buyers write them.

use crumb_domain::Money;
use crumb_domain::amount::{is_beyond_amounts, read_amount};
use crumb_domain::selling::PriceRead;

/// Reads a price, as [`read_amount`] reads amounts. Blank is absent; negative and
/// anything else that is no amount is unreadable. One with more digits than amounts have is
/// as much as can be: more than anybody believes.
pub(super) fn read_price(text: &str) -> PriceRead {
    if text.trim().is_empty() {
        return PriceRead::Absent;
    }
    match read_amount(text) {
        Some(price) => PriceRead::Amount(price),
        None if is_beyond_amounts(text) => PriceRead::Amount(Money::MOST_WRITTEN),
        None => PriceRead::Unreadable,
    }
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
    fn more_digits_than_any_amount_has_are_the_most_that_can_be() {
        assert_eq!(Money::MOST_WRITTEN.to_string(), "999999999999.999999");
        for text in ["9999999999999", "$1,000,000,000,000.00"] {
            assert_eq!(read_price(text), PriceRead::Amount(Money::MOST_WRITTEN), "{text}");
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
            "-9999999999999",
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
