//! What a value of each type must look like, and how it is kept.

use super::FieldRuleError;
use super::date::{DateBound, PostedDate};
use crate::decimal::Decimal;
use crate::network::{Field, FieldType};
use crate::time::Day;
use email_address::{EmailAddress, Options};
use std::collections::HashMap;
use std::net::IpAddr;

/// How many digits a telephone number has: fewer is an extension, more than 15 is
/// none by E.164.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// A field's type with what it needs to read a value.
#[derive(Debug, Clone)]
pub(super) enum ValueType {
    Text,
    Email,
    Phone,
    Zip,
    Date {
        minimum: Option<DateBound>,
        maximum: Option<DateBound>,
    },
    Number {
        minimum: Option<Decimal>,
        maximum: Option<Decimal>,
    },
    /// Lower-cased to as listed.
    List(HashMap<String, String>),
    Bool,
    Ip,
}

impl ValueType {
    /// Bounds and values on a type that has none mean nothing and are let be, so
    /// that a field's type can be changed alone.
    pub(super) fn compile(field: &Field, place: &str) -> Result<Self, FieldRuleError> {
        let error = |key: &str, message: String| FieldRuleError { place: format!("{place}.{key}"), message };
        let below = || error("maximum", "lies below the minimum".to_owned());
        Ok(match field.field_type {
            FieldType::String => Self::Text,
            FieldType::Email => Self::Email,
            FieldType::Phone => Self::Phone,
            // A pattern says otherwise than the United States' five digits.
            FieldType::Zip if field.pattern.is_some() => Self::Text,
            FieldType::Zip => Self::Zip,
            FieldType::Bool => Self::Bool,
            FieldType::Ip => Self::Ip,
            FieldType::List if field.values.is_empty() => {
                return Err(error("values", "a list needs at least one value".to_owned()));
            }
            FieldType::List => {
                Self::List(field.values.iter().map(|v| (v.trim().to_lowercase(), v.clone())).collect())
            }
            FieldType::Date => {
                let minimum = bound(&field.minimum, DateBound::read).map_err(|m| error("minimum", m))?;
                let maximum = bound(&field.maximum, DateBound::read).map_err(|m| error("maximum", m))?;
                if let (Some(DateBound::On(low)), Some(DateBound::On(high))) = (&minimum, &maximum)
                    && high < low
                {
                    return Err(below());
                }
                Self::Date { minimum, maximum }
            }
            FieldType::Number => {
                let minimum = bound(&field.minimum, number).map_err(|m| error("minimum", m))?;
                let maximum = bound(&field.maximum, number).map_err(|m| error("maximum", m))?;
                if minimum.zip(maximum).is_some_and(|(low, high)| high < low) {
                    return Err(below());
                }
                Self::Number { minimum, maximum }
            }
        })
    }

    /// The value as it is kept, or as it was given where it is wrong. `text` is
    /// trimmed and not blank.
    pub(super) fn read(&self, text: String, today: Day) -> Result<String, String> {
        let is_right = match self {
            Self::Text => true,
            Self::Email => is_email(&text),
            Self::Phone => is_phone(&text),
            Self::Zip => is_us_zip(&text),
            Self::Number { minimum, maximum } => text.parse::<Decimal>().is_ok_and(|number| {
                minimum.is_none_or(|low| number >= low) && maximum.is_none_or(|high| number <= high)
            }),
            Self::Ip => text.parse::<IpAddr>().is_ok(),
            Self::Date { .. } | Self::List(_) | Self::Bool => {
                return self.read_in_own_form(&text, today).ok_or(text);
            }
        };
        if is_right { Ok(text) } else { Err(text) }
    }

    /// A value of the types that are kept in a form of their own.
    fn read_in_own_form(&self, text: &str, today: Day) -> Option<String> {
        match self {
            Self::Date { minimum, maximum } => {
                let date = PostedDate::read(text)?;
                let within = minimum.as_ref().is_none_or(|low| date.day >= low.day(today))
                    && maximum.as_ref().is_none_or(|high| date.day <= high.day(today));
                within.then(|| date.canonical())
            }
            Self::List(listed) => listed.get(&text.to_lowercase()).cloned(),
            Self::Bool => read_bool(text).map(|yes| if yes { "1" } else { "0" }.to_owned()),
            _ => None,
        }
    }
}

fn bound<T>(text: &Option<String>, read: fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    text.as_deref().map(|text| read(text.trim())).transpose()
}

fn number(text: &str) -> Result<Decimal, String> {
    text.parse().map_err(|_| format!("{text:?} is no decimal number"))
}

/// `1 0 true false yes no on off`, without regard to case.
pub(crate) fn read_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// The digits of a telephone number, without punctuation.
pub(crate) fn phone_digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// An address that a buyer can write to: by the grammar of RFC 5321, without a
/// display name, at a domain with a dot (no host of a local network, no literal
/// address) whose labels are letters, digits and hyphens.
fn is_email(text: &str) -> bool {
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    EmailAddress::parse_with_options(text, options).is_ok()
        && text
            .rsplit_once('@')
            .is_some_and(|(_, domain)| domain.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.'))
}

/// Only what people write between digits counts as punctuation, so that a word
/// with seven digits in it is no number.
fn is_phone(text: &str) -> bool {
    let punctuation = |c: char| {
        c.is_whitespace() || matches!(c, '+' | '(' | ')' | '-' | '.' | '/' | '\u{2010}'..='\u{2015}')
    };
    text.chars().all(|c| c.is_ascii_digit() || punctuation(c))
        && PHONE_DIGITS.contains(&text.bytes().filter(u8::is_ascii_digit).count())
}

/// `12345` or `12345-6789`.
pub(crate) fn is_us_zip(text: &str) -> bool {
    let digits = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
    match text.split_once('-') {
        Some((area, route)) => digits(area, 5) && digits(route, 4),
        None => digits(text, 5),
    }
}

/// A value in the form in which two of them are the same person's: e-mail trimmed
/// and lower-cased, phone digits only, all others trimmed.
pub fn normalised_for_comparison(field_type: FieldType, value: &str) -> String {
    match field_type {
        FieldType::Email => value.trim().to_lowercase(),
        FieldType::Phone => phone_digits(value),
        _ => value.trim().to_owned(),
    }
}
