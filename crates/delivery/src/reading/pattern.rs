//! Patterns that tell a sale from a refusal.

use super::Answer;
use super::json_path::JsonPath;
use super::xml_path::XmlPath;
use regex::{Regex, RegexBuilder};

/// Bytes that a compiled expression may take; what takes more repeats a
/// repetition. Matching is linear in the answer whatever the expression.
const MAX_COMPILED_BYTES: usize = 10 * 1024 * 1024;

/// One entry of `accepted`, `rejected`, `duplicate` or `error`.
#[derive(Debug)]
pub(super) enum Pattern {
    Contains(String),
    Equals(String),
    Regex(Regex),
    Json { path: JsonPath, value: String },
    Xml { path: XmlPath, value: String },
    Status(u16),
}

impl Pattern {
    pub(super) fn compile(pattern: &str) -> Result<Self, String> {
        let unknown = || format!("\"{pattern}\" is none of contains:, equals:, regex:, json:, xml:, status:");
        let (kind, rest) = pattern.split_once(':').ok_or_else(unknown)?;
        let comparison = || rest.split_once('=');
        match kind {
            "contains" | "equals" if rest.is_empty() => Err(format!("\"{pattern}\" looks for nothing")),
            "contains" => Ok(Self::Contains(rest.to_owned())),
            "equals" => Ok(Self::Equals(rest.to_owned())),
            "regex" => compile_regex(rest).map(Self::Regex),
            "json" => comparison()
                .and_then(|(path, value)| {
                    Some(Self::Json { path: JsonPath::parse(path)?, value: value.to_owned() })
                })
                .ok_or_else(|| format!("\"{pattern}\" is no comparison like \"json:$.status=ok\"")),
            "xml" => comparison()
                .and_then(|(path, value)| {
                    Some(Self::Xml { path: XmlPath::parse(path)?, value: value.to_owned() })
                })
                .ok_or_else(|| format!("\"{pattern}\" is no comparison like \"xml:/result/code=0\"")),
            "status" => match rest.parse() {
                Ok(status @ 100..=599) => Ok(Self::Status(status)),
                _ => Err(format!("\"{rest}\" is no HTTP status")),
            },
            _ => Err(unknown()),
        }
    }

    pub(super) fn fits(&self, answer: &Answer<'_>) -> bool {
        match self {
            Self::Contains(text) => answer.text.contains(text.as_str()),
            Self::Equals(text) => answer.text == text,
            Self::Regex(regex) => regex.is_match(answer.text),
            Self::Json { path, value } => path.find(answer.text).as_ref() == Some(value),
            // Of elements that repeat, any may fit: one error of several is an error.
            Self::Xml { path, value } => path.find_all(answer.text).contains(value),
            Self::Status(status) => answer.status == Some(*status),
        }
    }
}

pub(super) fn compile_regex(expression: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(expression)
        // Answers have line breaks where their printer likes them.
        .dot_matches_new_line(true)
        .size_limit(MAX_COMPILED_BYTES)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => format!("\"{expression}\" is too large once compiled"),
        error => {
            // The last line says what is wrong; those above it point into the text.
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            format!("\"{expression}\" is no regular expression: {reason}")
        }
    })
}
