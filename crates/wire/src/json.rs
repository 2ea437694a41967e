//! JSON bodies: one object whose members are fields and control parameters.
//!
//! serde's own map would keep the last of equal members and change how numbers
//! are written, so members are visited one by one and kept as their raw text.

use crate::body::{BodyError, MAX_DEPTH, Member, body_text};
use crate::input::{InputError, PairCount};
use serde::Deserializer as _;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The object's members in their order, also those of equal names: strings as
/// their content, numbers and booleans as they are written, `null` left out.
/// Every member counts as a pair, wherever it lies.
pub(crate) fn parse_json(body: &[u8], count: &mut PairCount) -> Result<Vec<(String, Member)>, BodyError> {
    let text = body_text(body);
    let mut over_limit = None;
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let members = deserializer
        .deserialize_map(Members { count, over_limit: &mut over_limit })
        .and_then(|members| deserializer.end().map(|()| members));
    match (members, over_limit) {
        (_, Some(over_limit)) => Err(BodyError::Input(over_limit)),
        (Ok(members), None) => Ok(members),
        (Err(_), None) => Err(BodyError::Malformed),
    }
}

struct Members<'a> {
    count: &'a mut PairCount,
    /// Set where the count is exceeded: an error of serde holds only text.
    over_limit: &'a mut Option<InputError>,
}

impl Members<'_> {
    fn add<E: serde::de::Error>(&mut self, members: usize) -> Result<(), E> {
        self.count.add(members).map_err(|over_limit| {
            *self.over_limit = Some(over_limit);
            E::custom(over_limit)
        })
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Vec<(String, Member)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            self.add(1)?;
            let raw = map.next_value::<&RawValue>()?.get();
            let member = match raw.as_bytes().first() {
                Some(b'"') => Member::Text(serde_json::from_str(raw).map_err(A::Error::custom)?),
                Some(b'{' | b'[') => {
                    let shape = Shape::of(raw);
                    self.add(shape.members)?;
                    if shape.depth >= MAX_DEPTH {
                        return Err(A::Error::custom("too deep"));
                    }
                    Member::Nested
                }
                Some(b'n') | None => continue,
                Some(_) => Member::Text(raw.to_owned()),
            };
            members.push((name, member));
        }
        Ok(members)
    }
}

/// How much lies in a nested value.
#[derive(Debug, Default)]
struct Shape {
    /// Members of all objects in it.
    members: usize,
    /// The greatest number of brackets open at once.
    depth: usize,
}

impl Shape {
    /// Of a text that is known to be valid JSON: outside of strings each `:`
    /// belongs to one member.
    fn of(raw: &str) -> Self {
        let mut shape = Self::default();
        let mut depth = 0_usize;
        let mut in_string = false;
        let mut bytes = raw.bytes();
        while let Some(byte) = bytes.next() {
            match (in_string, byte) {
                (true, b'\\') => _ = bytes.next(),
                (_, b'"') => in_string = !in_string,
                (false, b':') => shape.members += 1,
                (false, b'{' | b'[') => {
                    depth += 1;
                    shape.depth = shape.depth.max(depth);
                }
                (false, b'}' | b']') => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::MAX_PAIRS;
    use proptest::prelude::*;

    fn parse(body: &str) -> Result<Vec<(String, Member)>, BodyError> {
        parse_json(body.as_bytes(), &mut PairCount::default())
    }

    fn text(name: &str, value: &str) -> (String, Member) {
        (name.to_owned(), Member::Text(value.to_owned()))
    }

    #[test]
    fn the_shape_of_a_nested_value_is_its_members_and_its_greatest_depth() {
        for (raw, members, depth) in [
            ("{}", 0, 1),
            (r#"{"a":1,"b":{"c":[]}}"#, 3, 3),
            (r#"[[],[{}],[]]"#, 0, 3),
            (r#"{"a":"\":{[","b":"\\","c":"}:"}"#, 3, 1),
        ] {
            let shape = Shape::of(raw);
            assert_eq!((shape.members, shape.depth), (members, depth), "{raw}");
        }
    }

    #[test]
    fn strings_are_their_content() {
        let members = parse(" {\"a\" : \"x\\u00e9\\n\\\"\" , \"\\u0062\":\"\"}\n");
        assert_eq!(members, Ok(vec![text("a", "x\u{e9}\n\""), text("b", "")]));
    }

    #[test]
    fn numbers_and_booleans_are_their_text_as_written() {
        let body = r#"{"a":1.10,"b":-0,"c":1e999,"d":12345678901234567890123,"e":true,"f":false}"#;
        let values = ["1.10", "-0", "1e999", "12345678901234567890123", "true", "false"];
        let expected = ["a", "b", "c", "d", "e", "f"].into_iter().zip(values).map(|(n, v)| text(n, v));
        assert_eq!(parse(body), Ok(expected.collect()));
    }

    #[test]
    fn null_is_absent() {
        assert_eq!(parse(r#"{"a":null,"b":"null"}"#), Ok(vec![text("b", "null")]));
    }

    #[test]
    fn equal_members_are_kept_in_their_order() {
        assert_eq!(parse(r#"{"a":"1","a":"2"}"#), Ok(vec![text("a", "1"), text("a", "2")]));
    }

    #[test]
    fn a_nested_member_has_no_value() {
        let nested = |name: &str| (name.to_owned(), Member::Nested);
        assert_eq!(parse(r#"{"a":{"b":"c"},"d":[1,2]}"#), Ok(vec![nested("a"), nested("d")]));
    }

    #[test]
    fn what_is_not_one_object_is_malformed() {
        let bodies = [
            "",
            " ",
            "null",
            "1",
            "\"x\"",
            "[]",
            "[{}]",
            "{",
            "{}{}",
            "{} x",
            "{\"a\":1,}",
            "{'a':1}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":}",
            "{\"a\"}",
            "a=1",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\n\"}",
            "{\"a\":nul}",
        ];
        for body in bodies {
            assert_eq!(parse(body), Err(BodyError::Malformed), "{body}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_read_as_windows_1252() {
        let members = parse_json(b"\xEF\xBB\xBF{\"a\":\"caf\xE9\"}", &mut PairCount::default());
        assert_eq!(members, Ok(vec![text("a", "caf\u{e9}")]));
        let members = parse_json(b"{\"a\":\"caf\xE9\"}", &mut PairCount::default());
        assert_eq!(members, Ok(vec![text("a", "caf\u{e9}")]));
    }

    #[test]
    fn five_hundred_members_are_read_and_one_more_is_too_many() {
        let many = |members: usize| vec!["\"a\":null"; members].join(",");
        let too_many = Err(BodyError::Input(InputError::TooManyPairs));
        assert_eq!(parse(&format!("{{{}}}", many(MAX_PAIRS))), Ok(vec![]));
        assert_eq!(parse(&format!("{{{}}}", many(MAX_PAIRS + 1))), too_many);
        assert_eq!(parse(&format!("{{\"x\":[{{{}}}]}}", many(MAX_PAIRS))), too_many, "also nested ones");
        assert!(parse(&format!("{{\"x\":[{{{}}}]}}", many(MAX_PAIRS - 1))).is_ok());
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(parse(&deep(MAX_DEPTH)).is_ok());
        assert_eq!(parse(&deep(MAX_DEPTH + 1)), Err(BodyError::Malformed));
        assert_eq!(parse(&format!("{{\"a\":{}", "[".repeat(60_000))), Err(BodyError::Malformed));
    }

    #[test]
    fn colons_and_brackets_in_strings_do_not_count() {
        let shape = Shape::of(r#"{"a:{":["\":[",{"b":1}]}"#);
        assert_eq!((shape.members, shape.depth), (2, 3));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(body in "[{}\\[\\]\":,\\\\a-c0-9.eE+-]{0,60}") {
            let _ = parse(&body);
        }

        #[test]
        fn written_strings_are_read_back(name in any::<String>(), value in any::<String>()) {
            let body = serde_json::json!({ name.clone(): value.clone() }).to_string();
            prop_assert_eq!(parse(&body), Ok(vec![text(&name, &value)]));
        }
    }
}
