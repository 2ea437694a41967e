//! The field parameters of a post, as a posting document lists them.

use super::sample::Sample;
use super::{conditions, example};
use crumb_domain::fields::{FieldRule, FieldRules};
use crumb_domain::network::{Condition, Field, FieldType};
use crumb_domain::time::Day;

/// Said of a field that no example has.
const LEFT_OUT: &str = "left out of the examples";

/// A field that a post sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDoc {
    /// What posts send.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// What it holds.
    pub field_type: FieldType,
    /// That in words: `E-mail address`.
    pub type_name: &'static str,
    /// Whether a lead must have it.
    pub required: bool,
    /// Whether it is personal data.
    pub is_personal: bool,
    /// What else its values must fulfil, a sentence each.
    pub rules: Vec<String>,
    /// What a list may hold.
    pub values: Vec<String>,
    /// The longest value, in characters.
    pub max_length: u32,
    /// A value that fulfils all that, or a word for the reader to replace where none was found;
    /// empty where the examples leave the field out.
    pub sample: String,
    /// What is answered where it is required and absent.
    pub required_text: String,
    /// What is answered where its value is wrong.
    pub wrong_text: String,
}

impl FieldDoc {
    /// The fields of an offer's leads, with samples that meet the conditions of their vertical;
    /// `countries` are those that the offer takes leads of, none where all.
    pub(super) fn all(
        rules: &FieldRules,
        conditions: &[Condition],
        countries: &[String],
        today: Day,
    ) -> Vec<FieldDoc> {
        let chosen = conditions::samples(conditions, rules, today);
        let fields = rules.fields().map(|rule| {
            let field = rule.field();
            let sample = chosen.get(&field.name).cloned();
            Self::new(rule).with(sample.unwrap_or_else(|| Sample::of(rules, field, today)))
        });
        fields.map(|field| if countries.is_empty() { field } else { field.within(countries) }).collect()
    }

    /// For leads of some countries. No sample address is in any, so that a lead with
    /// it would be refused, and one without it is not.
    fn within(mut self, countries: &[String]) -> FieldDoc {
        if self.is_client_address() {
            self.rules.push(format!("an address in {}", countries.join(", ")));
            if self.required {
                self.rules.push("put such a one into the examples, whose own is in no country".to_owned());
            } else {
                self.rules.push(LEFT_OUT.to_owned());
                self.sample.clear();
            }
        }
        self
    }

    fn new(rule: &FieldRule) -> FieldDoc {
        let field = rule.field();
        FieldDoc {
            name: field.name.clone(),
            label: rule.label().to_owned(),
            field_type: field.field_type,
            type_name: type_name(field.field_type),
            required: field.required,
            is_personal: rule.is_pii(),
            rules: sentences(field),
            values: if field.field_type == FieldType::List { field.values.clone() } else { Vec::new() },
            max_length: field.max_length,
            sample: String::new(),
            required_text: rule.required_text().to_owned(),
            wrong_text: rule.wrong_text().to_owned(),
        }
    }

    /// With its sample; what the reader has to know of it stands among the rules.
    fn with(mut self, sample: Sample) -> FieldDoc {
        self.sample = match sample {
            Sample::Value(value) => value,
            Sample::LeftOut => {
                self.rules.push(LEFT_OUT.to_owned());
                String::new()
            }
            Sample::ToReplace => {
                let word = example::placeholder_of(&self.name);
                self.rules.push(format!("put a value of your own for {word} in the examples"));
                word
            }
        };
        self
    }

    /// Whether it is the consumer's address, which a browser's post need not send.
    pub fn is_client_address(&self) -> bool {
        self.name.eq_ignore_ascii_case("ip_address")
    }
}

fn type_name(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::String => "Text",
        FieldType::Email => "E-mail address",
        FieldType::Phone => "Phone number",
        FieldType::Zip => "ZIP code",
        FieldType::Date => "Date",
        FieldType::Number => "Number",
        FieldType::List => "List",
        FieldType::Bool => "Yes or no",
        FieldType::Ip => "IP address",
    }
}

fn sentences(field: &Field) -> Vec<String> {
    let mut rules = Vec::new();
    match field.field_type {
        FieldType::Phone => rules.push("7 to 15 digits; punctuation does not count".to_owned()),
        FieldType::Zip if field.pattern.is_none() => rules.push("5 digits, or 5+4 (94105-1420)".to_owned()),
        FieldType::Date => rules.push("YYYY-MM-DD or M/D/YYYY".to_owned()),
        FieldType::Number => rules.push("a plain decimal number, like 35 or 7.5".to_owned()),
        FieldType::List => rules.push("one of the listed values; case does not matter".to_owned()),
        FieldType::Bool => rules.push("1 0 true false yes no on off".to_owned()),
        FieldType::Ip => rules.push("IPv4 or IPv6".to_owned()),
        FieldType::String | FieldType::Email | FieldType::Zip => {}
    }
    if field.max_length < LONGEST_UNSAID || is_free_text(field.field_type) {
        rules.push(format!("at most {} characters", field.max_length));
    }
    let bounds = [(&field.minimum, "at least", "not before"), (&field.maximum, "at most", "not after")];
    for (bound, of_number, of_date) in bounds {
        let Some(bound) = bound else { continue };
        match field.field_type {
            FieldType::Number => rules.push(format!("{of_number} {bound}")),
            FieldType::Date => rules.push(format!("{of_date} {}", date_in_words(bound))),
            // Nothing else has bounds, whatever is written.
            _ => {}
        }
    }
    if let Some(pattern) = &field.pattern {
        rules.push(format!("matches the regular expression {pattern}"));
    }
    if !field.group.is_empty() {
        rules.push(format!("may be sent in parts instead: {}", field.group.join(", ")));
    }
    rules
}

/// A length that a number, date or choice stays below by itself, so that saying
/// it would only be noise.
const LONGEST_UNSAID: u32 = 50;

fn is_free_text(field_type: FieldType) -> bool {
    matches!(field_type, FieldType::String | FieldType::Email | FieldType::Phone | FieldType::Zip)
}

/// `today-21y` as `21 years before today`; a date as it is.
pub(super) fn date_in_words(bound: &str) -> String {
    let in_words = || {
        let distance = bound.strip_prefix("today")?;
        let (direction, distance) = match distance.split_at_checked(1)? {
            ("-", rest) => ("before", rest),
            ("+", rest) => ("after", rest),
            _ => return None,
        };
        let (count, unit) = distance.split_at_checked(distance.len().checked_sub(1)?)?;
        let unit = match unit {
            "d" => "day",
            "w" => "week",
            "m" => "month",
            "y" => "year",
            _ => return None,
        };
        let plural = if count == "1" { "" } else { "s" };
        Some(format!("{count} {unit}{plural} {direction} today"))
    };
    in_words().unwrap_or_else(|| bound.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn told(keys: Value) -> Vec<String> {
        let mut field = json!({ "name": "x" });
        field.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        sentences(&serde_json::from_value(field).unwrap())
    }

    #[test]
    fn a_zip_with_a_pattern_is_told_by_that_alone() {
        let at_most = "at most 255 characters";
        assert_eq!(told(json!({ "type": "zip" })), ["5 digits, or 5+4 (94105-1420)", at_most]);
        let pattern = "matches the regular expression ^[A-Z0-9 ]+$";
        assert_eq!(told(json!({ "type": "zip", "pattern": "^[A-Z0-9 ]+$" })), [at_most, pattern]);
    }

    #[test]
    fn how_long_a_value_may_be_is_said_of_texts_and_where_it_is_short() {
        let says = |kind: &str, length: u32| {
            told(json!({ "type": kind, "max_length": length }))
                .contains(&format!("at most {length} characters"))
        };
        assert!(says("string", 255) && says("email", 50) && says("number", 49) && says("list", 2));
        assert!(!says("number", 50) && !says("list", 255));
    }

    #[test]
    fn bounds_are_told_of_what_has_them() {
        let bounds = |kind: &str, minimum: &str, maximum: &str| {
            told(json!({ "type": kind, "minimum": minimum, "maximum": maximum }))
        };
        assert!(bounds("number", "18", "99").ends_with(&["at least 18".to_owned(), "at most 99".to_owned()]));
        let days = ["not before 2026-11-22".to_owned(), "not after 1 day after today".to_owned()];
        assert!(bounds("date", "2026-11-22", "today+1d").ends_with(&days));
        for kind in ["string", "email", "zip", "list", "bool"] {
            assert_eq!(bounds(kind, "18", "99"), told(json!({ "type": kind })), "{kind}");
        }
    }

    #[test]
    fn a_day_that_moves_is_told_in_words() {
        for (bound, words) in [
            ("today-21y", "21 years before today"),
            ("today-1y", "1 year before today"),
            ("today+30d", "30 days after today"),
            ("today+2w", "2 weeks after today"),
            ("today-1m", "1 month before today"),
            ("today", "today"),
            ("2026-11-22", "2026-11-22"),
        ] {
            assert_eq!(date_in_words(bound), words);
        }
    }
}
