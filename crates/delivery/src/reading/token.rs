//! Patterns that find a value.

use super::Answer;
use super::json_path::JsonPath;
use super::pattern::compile_regex;
use super::xml_path::XmlPath;
use regex::{Match, Regex};

/// One of `price`, `redirect`, `lead_id`, `session`.
#[derive(Debug)]
pub(super) enum Token {
    /// With one group.
    Regex(Regex),
    Json(JsonPath),
    Xml(XmlPath),
}

impl Token {
    pub(super) fn compile(pattern: &str) -> Result<Self, String> {
        let path = |example: &str| format!("\"{pattern}\" is no path like \"{example}\"");
        match pattern.split_once(':') {
            Some(("regex", expression)) => {
                let regex = compile_regex(expression)?;
                let groups = regex.captures_len() - 1;
                if groups != 1 {
                    return Err(format!("\"{expression}\" has {groups} groups; the value is in exactly one"));
                }
                Ok(Self::Regex(regex))
            }
            Some(("json", text)) => JsonPath::parse(text).map(Self::Json).ok_or_else(|| path("json:$.price")),
            Some(("xml", text)) => {
                XmlPath::parse(text).map(Self::Xml).ok_or_else(|| path("xml:/result/price"))
            }
            _ => Err(format!("\"{pattern}\" is none of regex:, json:, xml:")),
        }
    }

    /// The value, as the buyer means it. The first of several; JSON's `null` is
    /// none.
    pub(super) fn find(&self, answer: &Answer<'_>) -> Option<String> {
        match self {
            Self::Regex(regex) => regex.captures(answer.text)?.get(1).map(|found| meant(answer.text, found)),
            Self::Json(path) => path.find(answer.text).filter(|value| value != "null"),
            Self::Xml(path) => path.find_all(answer.text).into_iter().next(),
        }
    }
}

/// A text of XML with its references resolved. Where it has one that means nothing, as a bare
/// `&` in a link, the predefined ones are resolved all the same.
fn unescaped(raw: &str) -> String {
    match quick_xml::escape::unescape(raw) {
        Ok(text) => text.into_owned(),
        // The ampersand's comes last: what it brings forth is no reference.
        Err(_) => [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
            .iter()
            .fold(raw.to_owned(), |text, (reference, character)| text.replace(reference, character)),
    }
}

/// What an expression caught, as the answer's own format means it.
///
/// An expression sees the answer's raw text, where XML writes a redirect as
/// `?a=1&amp;b=2` or within CDATA, and JSON as `https:\/\/`. People write the
/// expression from an example and expect a link that works, so what was caught is
/// unwrapped once, by the format that the answer begins as. Any other answer's is
/// left alone.
fn meant(text: &str, found: Match<'_>) -> String {
    let raw = found.as_str();
    match text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').chars().next() {
        Some('<') => {
            let cdata = raw.trim().strip_prefix("<![CDATA[").and_then(|inner| inner.strip_suffix("]]>"));
            let is_within_cdata = text.get(..found.start()).is_some_and(|before| {
                before.rfind("<![CDATA[").is_some_and(|opened| !before[opened..].contains("]]>"))
            });
            match cdata {
                Some(inner) => inner.to_owned(),
                None if is_within_cdata => raw.to_owned(),
                None => unescaped(raw),
            }
        }
        Some('{' | '[') if raw.contains('\\') => {
            serde_json::from_str(&format!("\"{raw}\"")).unwrap_or_else(|_| raw.to_owned())
        }
        _ => raw.to_owned(),
    }
}
