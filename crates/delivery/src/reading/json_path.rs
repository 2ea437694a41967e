//! Paths into a buyer's JSON: `$.a.b[0]['x']`.
//!
//! The document stays text: a step picks a part of it, so that a number is read as
//! it was written and money never passes through a float.

use serde_json::value::RawValue;
use std::collections::HashMap;

/// A path that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

impl JsonPath {
    /// Reads `$`, then `.name`, `['name']` and `[0]`; `None` for anything else.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let mut rest = path.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(name) = rest.strip_prefix('.') {
                let (name, after) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
                if name.is_empty() {
                    return None;
                }
                steps.push(Step::Name(name.to_owned()));
                rest = after;
            } else {
                let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
                let quoted = inside.strip_prefix('\'').and_then(|inside| inside.strip_suffix('\''));
                steps.push(match quoted {
                    Some("") => return None,
                    Some(name) => Step::Name(name.to_owned()),
                    None if inside.bytes().all(|byte| byte.is_ascii_digit()) => {
                        Step::Index(inside.parse().ok()?)
                    }
                    None => return None,
                });
                rest = after;
            }
        }
        (!steps.is_empty()).then_some(Self(steps))
    }

    /// What stands at the path: a text without its quotes and escapes, anything else
    /// as written. `None` where the document is no JSON or has nothing there.
    pub(super) fn find(&self, document: &str) -> Option<String> {
        let mut part: &RawValue = serde_json::from_str(document).ok()?;
        for step in &self.0 {
            part = match step {
                Step::Name(name) => {
                    serde_json::from_str::<HashMap<String, &RawValue>>(part.get()).ok()?.remove(name)?
                }
                Step::Index(index) => {
                    serde_json::from_str::<Vec<&RawValue>>(part.get()).ok()?.get(*index).copied()?
                }
            };
        }
        let text = part.get();
        if text.starts_with('"') { serde_json::from_str(text).ok() } else { Some(text.to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANSWER: &str = r#" {"a":{"b":[{"x":"one \"1\" A\/"},{"x":12.500000}]},"ok":true,"no":null,"with space":"s","list":[1, 2],"twice":1,"twice":2} "#;

    fn find(path: &str) -> Option<String> {
        JsonPath::parse(path).unwrap().find(ANSWER)
    }

    #[test]
    fn a_path_goes_down_by_names_and_places() {
        for (path, found) in [
            ("$.a.b[0].x", "one \"1\" A/"),
            ("$.a.b[0]['x']", "one \"1\" A/"),
            ("$['a']['b'][1].x", "12.500000"),
            ("$['with space']", "s"),
            ("$.ok", "true"),
            ("$.no", "null"),
            ("$.list", "[1, 2]"),
            ("$.list[1]", "2"),
            ("$.twice", "2"),
        ] {
            assert_eq!(find(path).as_deref(), Some(found), "{path}");
        }
        assert_eq!(JsonPath::parse("$[0]").unwrap().find("[7]").as_deref(), Some("7"));
    }

    #[test]
    fn where_nothing_stands_nothing_is_found() {
        for path in ["$.b", "$.a.x", "$.a[0]", "$.list[2]", "$.list.length", "$.ok.x", "$.A"] {
            assert_eq!(find(path), None, "{path}");
        }
        let path = JsonPath::parse("$.a").unwrap();
        for no_json in ["", "success", "{\"a\":1", "{\"a\":1} x", "<a>1</a>", "{'a':1}"] {
            assert_eq!(path.find(no_json), None, "{no_json}");
        }
    }

    #[test]
    fn anything_else_is_no_path() {
        for wrong in
            ["", "$", "a", ".a", "$a", "$.", "$..a", "$.a.", "$[]", "$[x]", "$[-1]", "$['']", "$[0", "$ .a"]
        {
            assert_eq!(JsonPath::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn depth_is_no_danger() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(JsonPath::parse("$.a").unwrap().find(&deep).is_some());
        assert!(JsonPath::parse("$.a[0][0]").unwrap().find(&deep).is_some());
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_not(document in ".{0,80}", path in "\\$[.\\[\\]'a0]{0,12}") {
            if let Some(path) = JsonPath::parse(&path) {
                let _ = path.find(&document);
            }
        }

        #[test]
        fn any_text_is_found_as_it_is(value in "(\\PC|[\\x00-\\x1f\\x7f]){0,30}") {
            let document = serde_json::json!({ "r": [{ "v": value }] }).to_string();
            prop_assert_eq!(JsonPath::parse("$.r[0].v").unwrap().find(&document), Some(value));
        }
    }
}
