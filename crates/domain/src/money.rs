//! Money: an integer number of micro-units of a currency. No floats anywhere.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An amount in micro-units (a millionth of a dollar) of the network's currency.
///
/// Text form: a decimal string with an optional sign and up to six decimals.
/// It prints at least two decimals and no more than needed: `25.00`, `0.005`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money {
    micros: i64,
}

/// The text is no decimal amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal amount like \"12.00\"")]
pub struct InvalidMoney;

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money { micros: 0 };
    /// Micro-units in one unit.
    pub const MICROS_PER_UNIT: i64 = 1_000_000;
    /// Digits behind the point that an amount has at most.
    pub const DECIMALS: usize = 6;
    /// Digits before the point that an amount is written with at most.
    pub const MAX_WHOLE_DIGITS: usize = 12;
    /// The largest amount that can be written so.
    pub const MOST_WRITTEN: Money = Money { micros: 1_000_000_000_000 * Self::MICROS_PER_UNIT - 1 };

    /// From micro-units.
    pub const fn from_micros(micros: i64) -> Self {
        Self { micros }
    }

    /// In micro-units.
    pub const fn micros(self) -> i64 {
        self.micros
    }

    /// The sum, or `None` where it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.micros.checked_add(other.micros).map(Self::from_micros)
    }

    /// The difference, or `None` where it does not fit.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.micros.checked_sub(other.micros).map(Self::from_micros)
    }

    /// True below zero.
    pub fn is_negative(self) -> bool {
        self.micros < 0
    }

    /// Exactly two decimals, half a cent rounded away from zero: what the wire
    /// answers' `price` shows.
    pub fn to_cents_string(self) -> String {
        let cents = (i128::from(self.micros).abs() + 5_000) / 10_000;
        let sign = if self.micros < 0 && cents != 0 { "-" } else { "" };
        format!("{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

impl FromStr for Money {
    type Err = InvalidMoney;

    fn from_str(text: &str) -> Result<Self, InvalidMoney> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > Self::MAX_WHOLE_DIGITS || fraction.len() > Self::DECIMALS {
            return Err(InvalidMoney);
        }
        if !all_digits(whole) || !all_digits(fraction) || digits.ends_with('.') {
            return Err(InvalidMoney);
        }
        let whole: i64 = whole.parse().map_err(|_| InvalidMoney)?;
        let fraction: i64 = format!("{fraction:0<6}").parse().map_err(|_| InvalidMoney)?;
        let micros = whole * Self::MICROS_PER_UNIT + fraction;
        Ok(Self::from_micros(if negative { -micros } else { micros }))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.micros < 0 { "-" } else { "" };
        let magnitude = self.micros.unsigned_abs();
        let per_unit = Self::MICROS_PER_UNIT.unsigned_abs();
        let fraction = format!("{:06}", magnitude % per_unit);
        let kept = fraction.trim_end_matches('0').len().max(2);
        write!(f, "{sign}{}.{}", magnitude / per_unit, &fraction[..kept])
    }
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DecimalString;
        impl serde::de::Visitor<'_> for DecimalString {
            type Value = Money;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal string like \"12.00\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Money, E> {
                text.parse().map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(DecimalString)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_decimal_strings() {
        for (text, shown) in [("12", "12.00"), ("12.5", "12.50"), ("0.005", "0.005"), ("-3.10", "-3.10")] {
            assert_eq!(text.parse::<Money>().map(|m| m.to_string()), Ok(shown.to_owned()));
        }
        for wrong in ["", ".5", "5.", "1e3", "1,000", "$1", "1.0000001", "--1", "9999999999999", "abc"] {
            assert_eq!(wrong.parse::<Money>(), Err(InvalidMoney), "{wrong}");
        }
    }

    #[test]
    fn a_price_has_two_decimals_and_no_sign_at_zero() {
        assert_eq!(Money::from_micros(25_000_000).to_cents_string(), "25.00");
        assert_eq!(Money::from_micros(5_000).to_cents_string(), "0.01");
        assert_eq!(Money::from_micros(-4_999).to_cents_string(), "0.00");
        assert_eq!(Money::from_micros(-5_000).to_cents_string(), "-0.01");
        assert_eq!(Money::ZERO.to_cents_string(), "0.00");
    }

    #[test]
    fn sums_and_differences_are_exact_or_none() {
        let [one, two, most] = [1, 2, i64::MAX].map(Money::from_micros);
        assert_eq!((one.checked_add(two), most.checked_add(one)), (Some(Money::from_micros(3)), None));
        let least = Money::from_micros(i64::MIN);
        assert_eq!((one.checked_sub(two), least.checked_sub(one)), (Some(Money::from_micros(-1)), None));
    }

    #[test]
    fn only_what_is_below_zero_is_negative() {
        assert_eq!([-1, 0, 1].map(|micros| Money::from_micros(micros).is_negative()), [true, false, false]);
    }

    #[test]
    fn a_number_in_place_of_an_amount_is_told_what_to_write() {
        let error = serde_json::from_str::<Money>("12").unwrap_err().to_string();
        assert!(error.contains("expected a decimal string like \"12.00\""), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(micros in -999_999_999_999_000_000i64..999_999_999_999_000_000) {
            let money = Money::from_micros(micros);
            prop_assert_eq!(money.to_string().parse::<Money>(), Ok(money));
        }
    }
}
