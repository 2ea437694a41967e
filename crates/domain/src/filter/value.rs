//! Values and what they are compared with.

use crate::decimal::Decimal;
use crate::fields::date::{DateBound, PostedDate};
use crate::fields::value::{is_us_zip, phone_digits, read_bool};
use crate::network::FieldType;
use crate::time::Day;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::net::IpAddr;

/// Digits of a US zip code without its route.
const ZIP_AREA_DIGITS: usize = 5;

/// A value in the form in which its type compares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Value {
    Number(Decimal),
    Day(Day),
    Text(String),
    Zip(String),
    Bool(bool),
    Ip(IpAddr),
}

impl Value {
    /// Reads a trimmed value; `None` where it is none of that type.
    pub(super) fn read(field_type: FieldType, text: &str) -> Option<Self> {
        Some(match field_type {
            FieldType::Number => Self::Number(text.parse().ok()?),
            FieldType::Date => Self::Day(PostedDate::read(text)?.day),
            FieldType::String => Self::Text(text.to_owned()),
            FieldType::Zip => Self::Zip(text.to_owned()),
            FieldType::List | FieldType::Email => Self::Text(text.to_lowercase()),
            FieldType::Phone => Self::Text(Some(phone_digits(text)).filter(|digits| !digits.is_empty())?),
            FieldType::Bool => Self::Bool(read_bool(text)?),
            FieldType::Ip => Self::Ip(text.parse().ok()?),
        })
    }
}

/// A lead's value of a field.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Trimmed, and not blank.
    pub text: String,
    /// None where it cannot be read by the field's type.
    pub value: Option<Value>,
}

impl Found {
    /// `None` where it is blank: that counts as absent.
    pub(super) fn read(field_type: FieldType, text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self { text: text.to_owned(), value: Value::read(field_type, text) })
    }
}

/// What a condition compares with: a value, or a day that moves with today.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Fixed(Value),
    Moving(DateBound),
}

impl Operand {
    /// Reads a wanted value; the error says what was expected.
    pub(super) fn read(field_type: FieldType, text: &str) -> Result<Self, String> {
        if field_type == FieldType::Date {
            return DateBound::read(text).map(Self::Moving);
        }
        let kind = match field_type {
            FieldType::Number => "decimal number",
            FieldType::Phone => "phone number",
            FieldType::Bool => "bool (1 0 true false yes no on off)",
            FieldType::Ip => "IP address",
            _ => "value",
        };
        Value::read(field_type, text).map(Self::Fixed).ok_or_else(|| format!("{text:?} is no {kind}"))
    }

    /// How a lead's value stands to this one, `None` where the two are not of one
    /// type.
    pub(super) fn order_of(&self, value: &Value, today: Day) -> Option<Ordering> {
        match (value, self) {
            (Value::Day(day), Self::Moving(bound)) => Some(day.cmp(&bound.day(today))),
            (Value::Zip(zip), Self::Fixed(Value::Zip(wanted))) => {
                let area = zip_area(zip).filter(|_| zip_area(wanted) == Some(wanted));
                Some(area.unwrap_or(zip).cmp(wanted.as_str()))
            }
            (value, Self::Fixed(wanted)) => {
                (std::mem::discriminant(value) == std::mem::discriminant(wanted)).then(|| value.cmp(wanted))
            }
            _ => None,
        }
    }

    /// True where both are fixed and this one lies above the other, so that nothing
    /// is between them.
    pub(super) fn is_above(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fixed(low), Self::Fixed(high)) => low > high,
            (Self::Moving(DateBound::On(low)), Self::Moving(DateBound::On(high))) => low > high,
            _ => false,
        }
    }
}

/// The first five digits of a US zip code.
fn zip_area(zip: &str) -> Option<&str> {
    if is_us_zip(zip) { zip.get(..ZIP_AREA_DIGITS) } else { None }
}

/// A list of wanted values. The fixed ones are a set, because buyers list tens of
/// thousands of zip codes and each lead is held against each buyer's list.
#[derive(Debug, Clone, Default)]
pub(super) struct Among {
    fixed: HashSet<Value>,
    /// The fixed ones again where they are few: comparing them is faster then.
    few: Vec<Value>,
    moving: Vec<Operand>,
}

/// Up to so many values are compared one by one.
const FEW: usize = 8;

impl Among {
    pub(super) fn is_empty(&self) -> bool {
        self.fixed.is_empty() && self.moving.is_empty()
    }

    /// Whether a lead's value equals one of them.
    pub(super) fn holds(&self, value: &Value, today: Day) -> bool {
        let area = match value {
            Value::Zip(zip) => zip_area(zip).map(|area| Value::Zip(area.to_owned())),
            _ => None,
        };
        let is_fixed = |value: &Value| match self.few.as_slice() {
            [] => self.fixed.contains(value),
            few => few.contains(value),
        };
        is_fixed(value)
            || area.is_some_and(|area| is_fixed(&area))
            || self.moving.iter().any(|operand| operand.order_of(value, today) == Some(Ordering::Equal))
    }
}

impl FromIterator<Operand> for Among {
    fn from_iter<I: IntoIterator<Item = Operand>>(operands: I) -> Self {
        let mut among = Self::default();
        for operand in operands {
            match operand {
                Operand::Fixed(value) => {
                    among.fixed.insert(value);
                }
                moving => among.moving.push(moving),
            }
        }
        if among.fixed.len() <= FEW {
            among.few = among.fixed.iter().cloned().collect();
        }
        among
    }
}

/// Whether values of a type are more or less than each other.
pub(super) fn has_order(field_type: FieldType) -> bool {
    matches!(field_type, FieldType::Number | FieldType::Date | FieldType::String | FieldType::Zip)
}

/// The text in which `contains` looks: lower-cased for lists and e-mail, the
/// digits of a phone number, else the value as it is.
pub(super) fn text_for_contains(field_type: FieldType, text: &str) -> String {
    match field_type {
        FieldType::List | FieldType::Email => text.to_lowercase(),
        FieldType::Phone => phone_digits(text),
        _ => text.to_owned(),
    }
}
