//! One field of a vertical, compiled.

use super::checked::FieldProblem;
use super::value::ValueType;
use super::{FieldRuleError, pattern};
use crate::network::{Field, FieldType};
use crate::time::Day;
use regex::Regex;

/// A field with its texts and its validator.
#[derive(Debug, Clone)]
pub struct FieldRule {
    field: Field,
    label: String,
    required_text: String,
    wrong_text: String,
    is_pii: bool,
    /// Names as posts are asked for them, lower-cased.
    input: String,
    group: Vec<String>,
    value_type: ValueType,
    pattern: Option<Regex>,
}

impl FieldRule {
    pub(super) fn compile(field: &Field, place: &str) -> Result<Self, FieldRuleError> {
        let value_type = ValueType::compile(field, place)?;
        let pattern = match &field.pattern {
            Some(text) => Some(
                pattern::compile(text)
                    .map_err(|message| FieldRuleError { place: format!("{place}.pattern"), message })?,
            ),
            None => None,
        };
        let written = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let label = written(&field.label).unwrap_or_else(|| readable(&field.name));
        let error_text = written(&field.error_text);
        Ok(Self {
            required_text: error_text.clone().unwrap_or_else(|| format!("{label} is required.")),
            wrong_text: error_text.unwrap_or_else(|| format!("{label} is not valid.")),
            label,
            is_pii: field.pii.unwrap_or_else(|| is_personal(field)),
            input: field.name.to_lowercase(),
            group: field.group.iter().map(|name| name.to_lowercase()).collect(),
            value_type,
            pattern,
            field: field.clone(),
        })
    }

    /// The field as the network has it.
    pub fn field(&self) -> &Field {
        &self.field
    }

    /// What people call it: its label, else its name made readable
    /// (`email_address` is `Email address`).
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether it is personal data: as written, else for e-mail, phone, IP
    /// addresses and names.
    pub fn is_pii(&self) -> bool {
        self.is_pii
    }

    /// What is said where it is required and absent or blank.
    pub fn required_text(&self) -> &str {
        &self.required_text
    }

    /// What is said where its value fails the validator.
    pub fn wrong_text(&self) -> &str {
        &self.wrong_text
    }

    /// Whether a form should check it: it is required, or typed, or has a length of its own.
    pub fn is_validated(&self) -> bool {
        self.field.required || self.is_typed() || self.field.max_length != Field::DEFAULT_MAX_LENGTH
    }

    /// Whether only the server can tell a right value from a wrong one: any type
    /// but string, and a string with a pattern.
    pub fn is_typed(&self) -> bool {
        self.field.field_type != FieldType::String || self.pattern.is_some()
    }

    /// What a post gives for it, trimmed: the field itself, else its group inputs
    /// joined without anything between them (an area code, a prefix and a suffix
    /// make a number). `None` where all that is absent or blank.
    pub fn posted(&self, given: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        let value_of = |name: &String| given(name).map(trimmed);
        let posted = value_of(&self.input)
            .filter(|value| !value.is_empty())
            .unwrap_or_else(|| self.group.iter().filter_map(value_of).collect());
        Some(posted).filter(|value| !value.is_empty())
    }

    /// The lower-cased names under which posts may send it: its own, then its
    /// group inputs.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.input.as_str()).chain(self.group.iter().map(String::as_str))
    }

    /// The value as it is kept, or as it was given where it is wrong. Length and pattern look
    /// at what was posted, white space at its ends apart, not at the kept form.
    pub(super) fn read(&self, text: String, today: Day) -> Result<String, String> {
        let max_length = usize::try_from(self.field.max_length).unwrap_or(usize::MAX);
        // A text has no more characters than bytes.
        if text.len() > max_length && text.chars().nth(max_length).is_some() {
            return Err(text);
        }
        if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(&text)) {
            return Err(text);
        }
        self.value_type.read(text, today)
    }

    pub(super) fn problem(&self, text: &str) -> FieldProblem {
        FieldProblem {
            name: self.field.name.clone(),
            text: text.to_owned(),
            client: self.field.client_decision,
            server: self.field.server_decision,
        }
    }
}

/// A text without white space at its ends: itself, where there is none.
fn trimmed(text: String) -> String {
    let inner = text.trim();
    if inner.len() == text.len() { text } else { inner.to_owned() }
}

/// `email_address` as `Email address`.
fn readable(name: &str) -> String {
    let spaced = name.replace(['_', '-'], " ");
    let words = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut characters = words.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => name.to_owned(),
    }
}

/// Personal by what it holds, or a name by how it is called: `first_name`,
/// `lastname`, `name`.
fn is_personal(field: &Field) -> bool {
    matches!(field.field_type, FieldType::Email | FieldType::Phone | FieldType::Ip)
        || field
            .name
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word.to_ascii_lowercase().ends_with("name"))
}
