//! Templates with `#token#`, compiled, and how a value is written where its token
//! stands.

use crumb_wire::escape::is_xml_char;
use crumb_wire::percent;
use crumb_wire::token::{Escape, MAX_NAME_CHARS};

/// What a template is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    /// A URL's path.
    Path,
    /// A URL's query or a form's body.
    Form,
    Json,
    Xml,
    Html,
    /// A header's value, a mail's subject or recipient.
    Header,
    /// Nothing that has rules; what surrounds it escapes all of it.
    Plain,
}

impl Language {
    /// The language of a parameter's template: a whole document in one parameter is
    /// XML or JSON, anything else is plain. The parameter as a whole is escaped for
    /// where it stands besides.
    pub(super) fn of_parameter(template: &str) -> Self {
        let trimmed = template.trim();
        if trimmed.starts_with('<') && trimmed.ends_with('>') {
            Self::Xml
        } else if trimmed.starts_with('{') && trimmed.ends_with('}') {
            Self::Json
        } else {
            Self::Plain
        }
    }
}

/// Where one token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Escaped(Escape),
    /// Within `<![CDATA[` and `]]>`, where entities mean nothing.
    CData,
    /// In JSON, outside of a string.
    JsonValue,
}

/// A compiled template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Text(String),
    Token {
        /// In lower case.
        name: String,
        /// As written, with its marks.
        written: String,
        place: Place,
        /// What stands there is escaped for a form besides.
        in_form: bool,
    },
}

impl Template {
    pub(super) fn compile(text: &str, language: Language) -> Self {
        match language {
            Language::Form => Self(text.split_inclusive('&').flat_map(of_pair).collect()),
            _ => Self(segments(text, language, false)),
        }
    }

    /// The template with each token's value in it. `value` gets a name in lower case
    /// and answers `None` for an unknown token, which stays as it is written.
    pub(super) fn render(&self, value: &dyn Fn(&str) -> Option<String>) -> String {
        let mut output = String::new();
        for segment in &self.0 {
            match segment {
                Segment::Text(text) => output.push_str(text),
                Segment::Token { name, written, place, in_form } => match (value(name), in_form) {
                    (Some(value), false) => place.write(&mut output, &value),
                    (None, false) => place.leave(&mut output, written),
                    (Some(value), true) => {
                        let mut in_document = String::new();
                        place.write(&mut in_document, &value);
                        Escape::Url.append(&mut output, &in_document);
                    }
                    (None, true) => percent::encode_into(&mut output, written),
                },
            }
        }
        output
    }

    /// Names of its tokens, in lower case.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Token { name, .. } => Some(name.as_str()),
            Segment::Text(_) => None,
        })
    }

    /// What stands between its tokens.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Text(text) => Some(text.as_str()),
            Segment::Token { .. } => None,
        })
    }
}

/// The segments of one pair of a form, with the mark behind it. A value that is a document
/// is escaped as that first, as in a parameter of its own: its template may be written as
/// it is or percent-encoded.
fn of_pair(pair: &str) -> Vec<Segment> {
    let begins = pair.find('=').map_or(pair.len(), |at| at + 1);
    let (name, value) = pair.split_at(begins);
    let document = Language::of_parameter(&percent::decode(value.trim_end_matches('&').as_bytes()));
    if document == Language::Plain {
        return segments(pair, Language::Form, false);
    }
    let mut all = segments(name, Language::Form, false);
    all.extend(segments(value, document, true));
    all
}

/// The segments of a text of one language, which stands in a form's value or does not.
fn segments(text: &str, language: Language, in_form: bool) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut scanner = Scanner { language, in_string: false, is_escaped: false, in_cdata: false };
    let (mut rest, mut pending) = (text, String::new());
    while let Some(at) = rest.find('#') {
        let (before, from_mark) = rest.split_at(at);
        pending.push_str(before);
        let Some(name) = token_name(from_mark) else {
            pending.push('#');
            rest = from_mark.get(1..).unwrap_or_default();
            continue;
        };
        match in_form {
            true => scanner.pass(&percent::decode(pending.as_bytes())),
            false => scanner.pass(&pending),
        }
        if !pending.is_empty() {
            segments.push(Segment::Text(std::mem::take(&mut pending)));
        }
        let (written, after) = from_mark.split_at(name.len() + 2);
        segments.push(Segment::Token {
            name: name.to_ascii_lowercase(),
            written: written.to_owned(),
            place: scanner.place(),
            in_form,
        });
        rest = after;
    }
    pending.push_str(rest);
    if !pending.is_empty() {
        segments.push(Segment::Text(pending));
    }
    segments
}

/// The name of the token that begins here: `[A-Za-z0-9_]{1,64}` between two marks.
pub(super) fn token_name(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('#')?.split_once('#')?;
    let is_name = (1..=MAX_NAME_CHARS).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some(name)
}

impl Place {
    fn write(self, output: &mut String, value: &str) {
        match self {
            // A segment of dots would climb to another path at the buyer's host, in any
            // encoding.
            Self::Path if value.bytes().all(|byte| byte == b'.') => {}
            Self::Path => percent::encode_into(output, value),
            Self::Escaped(escape) => escape.append(output, value),
            Self::CData => write_cdata(output, value),
            Self::JsonValue => write_json_value(output, value),
        }
    }

    /// An unknown token, as it is; in a link its marks would begin a fragment.
    fn leave(self, output: &mut String, written: &str) {
        match self {
            Self::Path | Self::Escaped(Escape::Url) => percent::encode_into(output, written),
            _ => output.push_str(written),
        }
    }
}

/// What XML cannot hold is dropped, and so is a carriage return, which it reads as a line
/// feed; `]]>` in a value is divided between two sections, so that it ends neither.
fn write_cdata(output: &mut String, value: &str) {
    let held: String =
        value.chars().filter(|character| *character != '\r' && is_xml_char(*character)).collect();
    output.push_str(&held.replace("]]>", "]]]]><![CDATA[>"));
}

/// A value that JSON can hold bare stands bare; another becomes a string, and an
/// empty one `null`, so that the document stays one whatever a lead says.
fn write_json_value(output: &mut String, value: &str) {
    let is_bare = serde_json::from_str::<serde_json::Value>(value)
        .is_ok_and(|read| read.is_number() || read.is_boolean() || read.is_null());
    if value.is_empty() {
        output.push_str("null");
    } else if is_bare {
        output.push_str(value.trim());
    } else {
        output.push('"');
        Escape::Json.append(output, value);
        output.push('"');
    }
}

/// Follows a template's own text, to know where its tokens stand.
struct Scanner {
    language: Language,
    in_string: bool,
    is_escaped: bool,
    in_cdata: bool,
}

impl Scanner {
    fn pass(&mut self, text: &str) {
        match self.language {
            Language::Json => {
                for character in text.chars() {
                    match character {
                        _ if self.is_escaped => self.is_escaped = false,
                        '\\' if self.in_string => self.is_escaped = true,
                        '"' => self.in_string = !self.in_string,
                        _ => {}
                    }
                }
            }
            Language::Xml => {
                let mut rest = text;
                let mark = |in_cdata| if in_cdata { "]]>" } else { "<![CDATA[" };
                while let Some((_, after)) = rest.split_once(mark(self.in_cdata)) {
                    self.in_cdata = !self.in_cdata;
                    rest = after;
                }
            }
            _ => {}
        }
    }

    fn place(&self) -> Place {
        match self.language {
            Language::Path => Place::Path,
            Language::Form => Place::Escaped(Escape::Url),
            Language::Json if self.in_string => Place::Escaped(Escape::Json),
            Language::Json => Place::JsonValue,
            Language::Xml if self.in_cdata => Place::CData,
            Language::Xml => Place::Escaped(Escape::Xml),
            Language::Html => Place::Escaped(Escape::Html),
            Language::Header => Place::Escaped(Escape::Header),
            Language::Plain => Place::Escaped(Escape::None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rendered(language: Language, template: &str, value: &str) -> String {
        Template::compile(template, language).render(&|name| (name == "x").then(|| value.to_owned()))
    }

    #[test]
    fn a_value_in_a_document_in_a_form_is_escaped_for_both() {
        const VALUE: &str = "T & <J>\"";
        for (template, sent) in [
            ("k=1&x=<l><n>#x#</n></l>&y=#x#", "<l><n>T &amp; &lt;J&gt;&quot;</n></l>"),
            ("x=%3Cl%3E%3Cn%3E#x#%3C%2Fn%3E%3C%2Fl%3E", "<l><n>T &amp; &lt;J&gt;&quot;</n></l>"),
            ("x=<l><![CDATA[#x#]]></l>", "<l><![CDATA[T & <J>\"]]></l>"),
            ("x=%3Cl%3E%3C![CDATA[#x#]]%3E%3C/l%3E", "<l><![CDATA[T & <J>\"]]></l>"),
            ("x=<l n=\"1\">#no#</l>", "<l n=\"1\">#no#</l>"),
            ("x={\"n\":\"#x#\"}", "{\"n\":\"T & \\u003cJ>\\\"\"}"),
            ("x=#x#", VALUE),
            ("x=<#x#", "<T & <J>\""),
        ] {
            let form = rendered(Language::Form, template, VALUE);
            let pairs: Vec<(String, String)> = form
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_owned(), percent::decode(value.as_bytes())))
                .collect();
            let x = pairs.iter().find(|(name, _)| name == "x");
            assert_eq!(x.map(|(_, value)| value.as_str()), Some(sent), "{template}: {form}");
            if template.contains("&y=") {
                assert_eq!((pairs.len(), pairs[2].1.as_str()), (3, VALUE), "{form}");
            }
        }
    }

    #[test]
    fn tokens_are_found_without_regard_to_case_and_other_marks_are_text() {
        for (template, expected) in [
            ("a#x#b#X#c", "aVbVc"),
            ("#x##x#", "VV"),
            ("##x#", "#V"),
            ("#no#x#", "#no#x#"),
            ("# x# #", "# x# #"),
            ("#x", "#x"),
            ("", ""),
        ] {
            assert_eq!(rendered(Language::Plain, template, "V"), expected, "{template}");
        }
        assert_eq!(
            rendered(Language::Plain, "#x#", "#x#"),
            "#x#",
            "what was put in is never looked at again"
        );
    }

    #[test]
    fn an_unknown_token_is_left_as_it_is() {
        for language in [Language::Plain, Language::Xml, Language::Json, Language::Header] {
            assert_eq!(rendered(language, "a#zip#b", ""), "a#zip#b");
        }
        assert_eq!(rendered(Language::Form, "a=#zip#", ""), "a=%23zip%23");
        assert_eq!(rendered(Language::Path, "/#zip#", ""), "/%23zip%23");
    }

    #[test]
    fn a_value_in_json_is_a_string_within_quotes_and_a_value_outside() {
        let template = r##"{"s\"":"#x#","v":#x#}"##;
        for (value, expected) in [
            ("7", r#"{"s\"":"7","v":7}"#),
            ("-1.50", r#"{"s\"":"-1.50","v":-1.50}"#),
            ("true", r#"{"s\"":"true","v":true}"#),
            ("02134", r#"{"s\"":"02134","v":"02134"}"#),
            ("", r#"{"s\"":"","v":null}"#),
            ("1,\"admin\":1", r#"{"s\"":"1,\"admin\":1","v":"1,\"admin\":1"}"#),
            ("[1]", r#"{"s\"":"[1]","v":"[1]"}"#),
        ] {
            assert_eq!(rendered(Language::Json, template, value), expected);
        }
    }

    #[test]
    fn a_value_in_cdata_has_no_entities_and_cannot_end_it() {
        let template = "<a t=\"#x#\">#x#<![CDATA[#x#]]>#x#</a>";
        assert_eq!(
            rendered(Language::Xml, template, "&]]>\u{1}\r'"),
            "<a t=\"&amp;]]&gt;&#39;\">&amp;]]&gt;&#39;<![CDATA[&]]]]><![CDATA[>']]>&amp;]]&gt;&#39;</a>"
        );
    }

    #[test]
    fn a_path_cannot_be_climbed() {
        for (value, expected) in
            [(".", "/a//b"), ("..", "/a//b"), ("a/../b", "/a/a%2F..%2Fb/b"), ("x.y", "/a/x.y/b")]
        {
            assert_eq!(rendered(Language::Path, "/a/#x#/b", value), expected);
        }
    }

    #[test]
    fn a_parameter_that_is_a_document_is_told_by_its_ends() {
        assert_eq!(Language::of_parameter(" <lead><z>#z#</z></lead>\n"), Language::Xml);
        assert_eq!(Language::of_parameter("{\"z\":\"#z#\"}"), Language::Json);
        for plain in ["#zip#", "a < b", "<3 #zip#", "{#zip#", ""] {
            assert_eq!(Language::of_parameter(plain), Language::Plain, "{plain}");
        }
    }

    /// What XML 1.0 holds, and no carriage return, which it reads as another character.
    fn xml_holds(value: &str) -> String {
        let holds =
            |c: &char| matches!(c, '\t' | '\n' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
        value.chars().filter(holds).collect()
    }

    fn xml_text(document: &str) -> String {
        let mut reader = quick_xml::Reader::from_str(document);
        let mut text = String::new();
        loop {
            use quick_xml::events::Event;
            match reader.read_event().unwrap() {
                Event::Text(part) => text.push_str(&part),
                Event::CData(part) => text.push_str(&part),
                Event::GeneralRef(part) => match part.resolve_char_ref().unwrap() {
                    Some(character) => text.push(character),
                    None => text.push_str(quick_xml::escape::resolve_xml_entity(&part).unwrap()),
                },
                Event::Eof => return text,
                _ => {}
            }
        }
    }

    proptest! {
        #[test]
        fn xml_gives_a_value_back(value in "(\\PC|[\\x00-\\x1f\\u{fffe}]|\\]\\]>|&amp;){0,30}") {
            prop_assert_eq!(xml_text(&rendered(Language::Xml, "<a>#x#</a>", &value)), xml_holds(&value));
            prop_assert_eq!(xml_text(&rendered(Language::Xml, "<a><![CDATA[#x#]]></a>", &value)), xml_holds(&value));
        }

        #[test]
        fn json_gives_a_value_back(value in "(\\PC|[\\x00-\\x1f\\x7f]){0,30}") {
            let document = rendered(Language::Json, r##"{"a":"#x#","b":[#x#]}"##, &value);
            let read: serde_json::Value = serde_json::from_str(&document).unwrap();
            prop_assert_eq!(read["a"].as_str(), Some(value.as_str()));
            prop_assert_eq!(read["b"].as_array().map(Vec::len), Some(1));
        }

        #[test]
        fn a_form_gives_a_value_back(value in "(\\PC|[\\x00-\\x1f\\x7f]){0,30}") {
            let body = rendered(Language::Form, "a=#x#&b=2", &value);
            let read = crumb_wire::input::parse_query(body.as_bytes()).unwrap();
            prop_assert_eq!(read.get("a"), Some(value.as_str()));
            prop_assert_eq!(read.get("b"), Some("2"));
        }

        #[test]
        fn a_template_without_values_is_itself(template in "[#<>\"\\\\a-c\\[\\]!CDAT ]{0,60}") {
            for language in [Language::Plain, Language::Xml, Language::Json, Language::Header] {
                prop_assert_eq!(Template::compile(&template, language).render(&|_| None), template.as_str());
            }
        }
    }
}
