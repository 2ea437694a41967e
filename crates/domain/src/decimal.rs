//! Decimal numbers, compared exactly.
//!
//! Leads' numbers are compared with bounds and filters, where a float would put
//! `0.1 + 0.2` on the wrong side of `0.3`. So a number is an integer of
//! 10⁻¹⁸ and nothing is ever rounded: what has more digits is no number.

use std::str::FromStr;

/// Digits before the point that a number may have, leading zeros apart: with the
/// decimals together they fit an `i128`.
pub const MAX_WHOLE_DIGITS: usize = 20;
/// Digits after the point that a number may have, trailing zeros apart.
pub const MAX_DECIMALS: usize = 18;

/// A decimal number: an integer of 10⁻¹⁸.
///
/// Text form: an optional sign, digits, and optionally a point and digits; a
/// point may also come first (`.5`). No exponent, no thousands separators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i128);

/// The text is no decimal number of a length that can be compared exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number")]
pub struct InvalidDecimal;

impl FromStr for Decimal {
    type Err = InvalidDecimal;

    fn from_str(text: &str) -> Result<Self, InvalidDecimal> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, decimals) = match digits.split_once('.') {
            Some((_, "")) => return Err(InvalidDecimal),
            Some(parts) => parts,
            None if digits.is_empty() => return Err(InvalidDecimal),
            None => (digits, ""),
        };
        if !whole.bytes().chain(decimals.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(InvalidDecimal);
        }
        let (whole, decimals) = (whole.trim_start_matches('0'), decimals.trim_end_matches('0'));
        if whole.len() > MAX_WHOLE_DIGITS || decimals.len() > MAX_DECIMALS {
            return Err(InvalidDecimal);
        }
        let scaled: i128 =
            format!("0{whole}{decimals:0<MAX_DECIMALS$}").parse().map_err(|_| InvalidDecimal)?;
        Ok(Self(if negative { -scaled } else { scaled }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_compare_by_what_they_are_worth_and_not_by_how_they_are_written() {
        assert_eq!(number("18"), number("018.000"));
        assert_eq!(number("-0"), number("0"));
        assert_eq!(number("+1.50"), number("1.5"));
        assert_eq!(number(".5"), number("0.5"));
        assert!(number("9") < number("10"));
        assert!(number("-10") < number("-9"));
        assert!(number("0.1") < number("0.10000000000000001"));
        assert!(number("99999999999999999999.999999999999999999") > number("99999999999999999999"));
    }

    #[test]
    fn what_is_no_plain_decimal_is_refused() {
        for wrong in [
            "",
            "-",
            "+",
            ".",
            "5.",
            "1e3",
            "1,000",
            "$1",
            "--1",
            "+-1",
            "1.2.3",
            " 1",
            "٣",
            "NaN",
            "0x1",
            "999999999999999999999",
            "0.0000000000000000001",
        ] {
            assert_eq!(wrong.parse::<Decimal>(), Err(InvalidDecimal), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_number_or_refused(text in ".*") {
            let _ = text.parse::<Decimal>();
        }

        #[test]
        fn the_order_is_that_of_an_integer_model(
            a in any::<i64>(), b in any::<i64>(), places in 0usize..=9, more_places in 0usize..=9,
        ) {
            // The same number with more zeros behind it is the same number.
            let text = |n: i64| {
                let digits = format!("{:0>width$}", n.unsigned_abs(), width = places + 1);
                let (whole, decimals) = digits.split_at(digits.len() - places);
                let point = if places == 0 { "" } else { "." };
                format!("{}{whole}{point}{decimals}", if n < 0 { "-" } else { "" })
            };
            let zeros = if places == 0 { String::new() } else { "0".repeat(more_places) };
            prop_assert_eq!(number(&text(a)).cmp(&number(&format!("{}{zeros}", text(b)))), a.cmp(&b));
        }
    }
}
