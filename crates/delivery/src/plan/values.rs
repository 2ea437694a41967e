//! A lead's values as a buyer wants them: mapped, then formatted.

use crate::error::{CompileError, Faults};
use crumb_domain::fields::{FieldRules, normalised_for_comparison};
use crumb_domain::network::{DeliveryMethod, FieldType};
use jiff::civil::Date;
use jiff::fmt::strtime;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

/// Tokens that every delivery knows, besides the lead's fields. Without a value
/// they are empty; a name that is neither is left as it is written.
pub const STANDARD_TOKENS: &[&str] = &[
    "affid",
    "buyerleadid",
    "campid",
    "cid",
    "ip",
    "leadid",
    "oid",
    "oreqid",
    "price",
    "reqid",
    "s1",
    "s2",
    "s3",
    "s4",
    "s5",
    "session",
    "sourcedate",
    "sourceip",
    "sourcetime",
    "tid",
    "udid",
    "utcunixtime",
    "vstid",
];

/// Which names mean something, and how the values of fields are written.
#[derive(Debug, Clone)]
pub(super) struct ValueRules {
    known: HashSet<String>,
    maps: HashMap<String, Map>,
    formats: HashMap<String, Format>,
}

/// Value to value.
#[derive(Debug, Clone)]
struct Map {
    exact: HashMap<String, String>,
    lower_cased: HashMap<String, String>,
}

#[derive(Debug, Clone)]
enum Format {
    Digits,
    E164,
    Lower,
    Md5(FieldType),
    Sha256(FieldType),
    Date(String),
    Bool { yes: String, no: String },
}

impl ValueRules {
    pub(super) fn compile(method: &DeliveryMethod, fields: &FieldRules, faults: &mut Faults) -> Self {
        let mut types = HashMap::new();
        for rule in fields.fields() {
            types.insert(rule.field().name.to_ascii_lowercase(), rule.field().field_type);
        }
        let mut formats = HashMap::new();
        for (field, text) in &method.formats {
            let field_type = types.get(&field.to_ascii_lowercase()).copied().unwrap_or(FieldType::String);
            let format = Format::compile(text, field_type)
                .map_err(|message| CompileError::new(format!("formats.{field}"), message));
            if let Some(format) = faults.keep(format) {
                formats.insert(field.to_ascii_lowercase(), format);
            }
        }
        let maps = method.maps.iter().map(|(field, map)| {
            let exact = map.iter().map(|(from, to)| (from.clone(), to.clone())).collect();
            let lower_cased = map.iter().map(|(from, to)| (from.to_lowercase(), to.clone())).collect();
            (field.to_ascii_lowercase(), Map { exact, lower_cased })
        });
        let standard = STANDARD_TOKENS.iter().map(|name| (*name).to_owned());
        Self { maps: maps.collect(), formats, known: types.into_keys().chain(standard).collect() }
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.known.contains(name)
    }

    /// A token's value as it is written, `None` for an unknown token. `given` is
    /// the lead's own value.
    pub(super) fn value(&self, name: &str, given: Option<String>) -> Option<String> {
        let given = match given {
            Some(given) => given,
            None if self.knows(name) => String::new(),
            None => return None,
        };
        let mapped = match self.maps.get(name) {
            Some(map) => map.apply(given),
            None => given,
        };
        Some(match self.formats.get(name) {
            Some(format) if !mapped.is_empty() => format.apply(mapped),
            _ => mapped,
        })
    }
}

impl Map {
    /// As written first, then without regard to case: lists are kept as the vertical
    /// writes them, and other fields as people type them.
    fn apply(&self, value: String) -> String {
        let to = self.exact.get(&value).or_else(|| self.lower_cased.get(&value.to_lowercase()));
        to.cloned().unwrap_or(value)
    }
}

impl Format {
    fn compile(text: &str, field_type: FieldType) -> Result<Self, String> {
        let unknown = || {
            let known = "digits, e164, lower, md5, sha256, date:%m/%d/%Y, bool:Y/N";
            format!("\"{text}\" is none of {known}")
        };
        Ok(match text.split_once(':') {
            None => match text {
                "digits" => Self::Digits,
                "e164" => Self::E164,
                "lower" => Self::Lower,
                "md5" => Self::Md5(field_type),
                "sha256" => Self::Sha256(field_type),
                _ => return Err(unknown()),
            },
            Some(("date", pattern)) if pattern.contains('%') => {
                strtime::format(pattern, jiff::civil::date(2024, 2, 29))
                    .map_err(|_| format!("\"{pattern}\" is no pattern of a date"))?;
                Self::Date(pattern.to_owned())
            }
            Some(("bool", words)) => match words.split('/').collect::<Vec<_>>().as_slice() {
                [yes, no] => Self::Bool { yes: (*yes).to_owned(), no: (*no).to_owned() },
                _ => return Err(unknown()),
            },
            Some(_) => return Err(unknown()),
        })
    }

    /// The value in its form; a value that has none (a date that is no date) stays.
    fn apply(&self, value: String) -> String {
        match self {
            Self::Digits => digits(&value),
            Self::E164 => e164(&value).unwrap_or(value),
            Self::Lower => value.to_lowercase(),
            // A buyer compares a hash with those of its own list, which are made of the
            // lower-cased address and of the bare digits: so that is what is hashed.
            Self::Md5(field_type) => hex(&md5::Md5::digest(normalised_for_comparison(*field_type, &value))),
            Self::Sha256(field_type) => hex(&Sha256::digest(normalised_for_comparison(*field_type, &value))),
            Self::Date(pattern) => {
                date(&value).and_then(|date| strtime::format(pattern, date).ok()).unwrap_or(value)
            }
            Self::Bool { yes, no } => match value.to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "on" => yes.clone(),
                "0" | "false" | "no" | "off" => no.clone(),
                _ => value,
            },
        }
    }
}

fn digits(value: &str) -> String {
    value.chars().filter(char::is_ascii_digit).collect()
}

/// `+` and all digits. Ten digits are North America's without their country code;
/// fewer are no number that can be called from abroad.
fn e164(value: &str) -> Option<String> {
    let digits = digits(value);
    match digits.len() {
        8..=15 if value.trim_start().starts_with('+') => Some(format!("+{digits}")),
        10 => Some(format!("+1{digits}")),
        11..=15 => Some(format!("+{digits}")),
        _ => None,
    }
}

/// As fields keep it, or as Americans write it.
fn date(value: &str) -> Option<Date> {
    let value = value.trim();
    value.parse().ok().or_else(|| Date::strptime("%m/%d/%Y", value).ok())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> FieldRules {
        let vertical = serde_json::json!({ "id": 1, "name": "Auto", "field": [
            { "name": "State", "type": "string" }, { "name": "phone", "type": "phone" },
            { "name": "email", "type": "email" }, { "name": "dob", "type": "date" },
            { "name": "insured", "type": "bool" },
        ]});
        FieldRules::compile(&serde_json::from_value(vertical).unwrap()).unwrap()
    }

    fn rules(text: serde_json::Value) -> Result<ValueRules, CompileError> {
        let mut method = serde_json::json!({ "method": "post" });
        method.as_object_mut().unwrap().extend(text.as_object().unwrap().clone());
        let mut faults = Faults::default();
        let rules = ValueRules::compile(&serde_json::from_value(method).unwrap(), &fields(), &mut faults);
        faults.or(rules)
    }

    fn formatted(field: &str, format: &str, value: &str) -> String {
        let rules = rules(serde_json::json!({ "formats": { field: format } })).unwrap();
        rules.value(field, Some(value.to_owned())).unwrap()
    }

    #[test]
    fn each_format_writes_its_form() {
        for (field, format, value, expected) in [
            ("phone", "digits", "(310) 555-0123", "3105550123"),
            ("phone", "e164", "(310) 555-0123", "+13105550123"),
            ("phone", "e164", "1-310-555-0123", "+13105550123"),
            ("phone", "e164", "+44 20 7946 0958", "+442079460958"),
            ("phone", "e164", "+47 22 12 34 56", "+4722123456"),
            ("phone", "e164", "555-0123", "555-0123"),
            ("email", "lower", "Bob@Example.COM", "bob@example.com"),
            ("email", "md5", "bob@example.com", "4b9bb80620f03eb3719e0a061c14283d"),
            (
                "email",
                "sha256",
                "bob@example.com",
                "5ff860bf1190596c7188ab851db691f0f3169c453936e9e1eba2f9a47f7a0018",
            ),
            ("phone", "md5", "3105550123", "f2a4a2e9c757c886aac9dbdd644705ea"),
            ("dob", "date:%m/%d/%Y", "1990-06-01", "06/01/1990"),
            ("dob", "date:%d.%m.%y", "6/1/1990", "01.06.90"),
            ("dob", "date:%m/%d/%Y", "unknown", "unknown"),
            ("insured", "bool:Y/N", "1", "Y"),
            ("insured", "bool:Y/N", "0", "N"),
            ("insured", "bool:true/false", "YES", "true"),
            ("insured", "bool:Y/", "0", ""),
            ("insured", "bool:Y/N", "maybe", "maybe"),
            ("phone", "digits", "", ""),
            ("email", "md5", "", ""),
        ] {
            assert_eq!(formatted(field, format, value), expected, "{format} of {value:?}");
        }
    }

    #[test]
    fn a_hash_is_of_the_form_in_which_two_values_are_the_same_persons() {
        for format in ["md5", "sha256"] {
            assert_eq!(
                formatted("email", format, "Bob@Example.com"),
                formatted("email", format, "bob@example.com")
            );
            assert_eq!(
                formatted("phone", format, "(310) 555-0123"),
                formatted("phone", format, "3105550123")
            );
            assert_ne!(formatted("State", format, "CA"), formatted("State", format, "ca"));
        }
    }

    #[test]
    fn maps_come_before_formats_and_fields_are_named_without_regard_to_case() {
        let rules = rules(serde_json::json!({
            "maps": { "state": { "CA": "California", "": "None" } }, "formats": { "STATE": "lower" },
        }))
        .unwrap();
        for (value, expected) in [("CA", "california"), ("ca", "california"), ("NV", "nv"), ("", "none")] {
            assert_eq!(rules.value("state", Some(value.to_owned())).as_deref(), Some(expected));
        }
        assert_eq!(rules.value("state", None).as_deref(), Some("none"), "absent is empty");
    }

    #[test]
    fn a_known_token_without_a_value_is_empty_and_an_unknown_one_is_none() {
        let rules = rules(serde_json::json!({})).unwrap();
        for known in ["state", "email", "leadid", "session", "s5"] {
            assert_eq!(rules.value(known, None).as_deref(), Some(""), "{known}");
        }
        assert_eq!(rules.value("zip", None), None);
        assert_eq!(rules.value("zip", Some("1".to_owned())).as_deref(), Some("1"), "given is known");
    }

    #[test]
    fn a_faulty_format_is_named() {
        for (format, message) in [
            ("upper", "\"upper\" is none of digits, e164, lower, md5, sha256, date:%m/%d/%Y, bool:Y/N"),
            ("bool:Y", "\"bool:Y\" is none of digits, e164, lower, md5, sha256, date:%m/%d/%Y, bool:Y/N"),
            ("date:%H:%M", "\"%H:%M\" is no pattern of a date"),
        ] {
            let error = rules(serde_json::json!({ "formats": { "dob": format } })).unwrap_err();
            assert_eq!(error.to_string(), format!("formats.dob: {message}"));
        }
    }
}
