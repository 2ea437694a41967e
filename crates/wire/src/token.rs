//! Tokens: `#name#` in links, pixels, postbacks and bodies.

mod html;

use html::HtmlPlace;

use crate::{escape, percent};

/// Characters of a token's name at most.
pub const MAX_NAME_CHARS: usize = 64;

/// Bytes by which a text grows where its tokens are replaced: most grow by less.
const ROOM_FOR_VALUES: usize = 64;

/// Where a value will stand, and so how it is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// In a link, as a query value: all but unreserved characters percent-encoded.
    Url,
    /// In XML text or an attribute; characters that XML cannot hold are dropped.
    Xml,
    /// Between the quotes of a JSON string.
    Json,
    /// In HTML text or a quoted attribute.
    Html,
    /// Between the quotes of a script's string, also where the script stands in an
    /// attribute.
    Script,
    /// In a header's value: control characters are dropped, so that it cannot end
    /// the line.
    Header,
    /// As it is.
    None,
}

/// Replaces the tokens of a template.
///
/// `lookup` gets a name in lower case and answers `None` for an unknown token,
/// which is left as it is, and `Some("")` for a known one without a value, which
/// becomes empty. A name is `[A-Za-z0-9_]{1,64}`; any other `#` is text. One pass
/// over the template: what was put in is never looked at again.
pub fn replace_tokens(template: &str, escape: Escape, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    replace(template, &["#"], &mut |_| escape, lookup)
}

/// Replaces the tokens of a link that came in a query, where a `#` had to be
/// written as `%23`: `#name#` and `%23name%23` are both tokens.
pub fn replace_link_tokens(link: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    replace(link, &["#", "%23"], &mut |_| Escape::Url, lookup)
}

/// Replaces the tokens of a piece of HTML, each escaped for where it stands: within a
/// link as a link's value, wherever the link is written; within a script as a part of a
/// string; else as text.
pub fn replace_html_tokens(template: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let mut place = HtmlPlace::default();
    replace(template, &["#"], &mut |text| place.after(text), lookup)
}

/// The names of a template's tokens as they are written, in their order.
pub fn token_names(template: &str) -> impl Iterator<Item = &str> {
    let mut rest = template;
    std::iter::from_fn(move || {
        loop {
            let (_, after_mark) = rest.split_once('#')?;
            rest = after_mark;
            if let Some((name, after)) = split_token(after_mark, "#") {
                rest = after;
                return Some(name);
            }
        }
    })
}

/// Where a link's fragment begins, tokens not replaced yet: at the first `#` that is
/// no token's, whether or not the token is known.
pub fn fragment_start(link: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = link.get(from..)?;
        let mark = rest.find('#')?;
        let Some((_, after)) = split_token(rest.get(mark + 1..)?, "#") else { return Some(from + mark) };
        from = link.len() - after.len();
    }
}

/// `escape` is asked before each token, with the template's text since the last one.
fn replace(
    template: &str,
    marks: &[&str],
    escape: &mut dyn FnMut(&str) -> Escape,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> String {
    let mut output = String::with_capacity(template.len() + ROOM_FOR_VALUES);
    let mut rest = template;
    let mut since_token = template;
    while let Some((at, mark)) = next_mark(rest, marks) {
        let (text, from_mark) = rest.split_at(at);
        output.push_str(text);
        let token = from_mark.strip_prefix(mark).and_then(|after| split_token(after, mark));
        let Some((name, after)) = token else {
            output.push_str(mark);
            rest = from_mark.strip_prefix(mark).unwrap_or_default();
            continue;
        };
        match lookup(&name.to_ascii_lowercase()) {
            Some(value) => {
                let before = since_token.len() - from_mark.len();
                escape(since_token.get(..before).unwrap_or_default()).append(&mut output, &value);
                since_token = after;
            }
            // By length: comparing all that comes after, for every token, would be
            // quadratic.
            None => output.push_str(from_mark.get(..from_mark.len() - after.len()).unwrap_or_default()),
        }
        rest = after;
    }
    output.push_str(rest);
    output
}

fn next_mark<'m>(text: &str, marks: &[&'m str]) -> Option<(usize, &'m str)> {
    // Only the bytes that begin a mark are looked at, so this reads the text once.
    text.bytes().enumerate().filter(|(_, byte)| matches!(byte, b'#' | b'%')).find_map(|(at, _)| {
        let mark = marks.iter().find(|mark| text.get(at..).is_some_and(|text| text.starts_with(**mark)))?;
        Some((at, *mark))
    })
}

/// A token's name and what comes after it, where a token begins.
fn split_token<'t>(text: &'t str, mark: &str) -> Option<(&'t str, &'t str)> {
    let name_bytes = text
        .bytes()
        .take(MAX_NAME_CHARS)
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        .count();
    if name_bytes == 0 {
        return None;
    }
    // Behind as much of a longer name stands no mark.
    let (name, after) = text.split_at(name_bytes);
    Some((name, after.strip_prefix(mark)?))
}

impl Escape {
    /// Appends a value as it must be written in its place.
    pub fn append(self, output: &mut String, value: &str) {
        match self {
            Self::Url => percent::encode_into(output, value),
            Self::Xml => escape::push_xml(output, value),
            Self::Html => escape::push_html(output, value),
            Self::Json => push_json(output, value),
            Self::Script => push_script(output, value),
            Self::Header => output.extend(value.chars().filter(|c| !c.is_control())),
            Self::None => output.push_str(value),
        }
    }
}

fn push_json(output: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '"' => output.push_str("\\\""),
            '\\' => output.push_str("\\\\"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            // A body may end up in a script, where `</script>` would end it and
            // the two line separators were not always allowed.
            '\0'..='\u{1F}' | '<' | '\u{2028}' | '\u{2029}' => {
                output.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => output.push(character),
        }
    }
}

/// What means nothing to any kind of quotes, to HTML or to a template literal stays.
fn push_script(output: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            ' ' | '-' | '.' | '_' => output.push(character),
            '\0'..='\u{9F}' if !character.is_ascii_alphanumeric() => {
                output.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            '\u{2028}' | '\u{2029}' => output.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => output.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_templates_tokens_are_named_in_order() {
        let names = |template| token_names(template).collect::<Vec<_>>();
        assert_eq!(names("https://lp/#S1#?a=#reqid##nope#&b=#b c#x#top"), ["S1", "reqid", "nope", "x"]);
        assert_eq!(names("#a#b#c#"), ["a", "c"]);
        assert!(names("https://lp/#top").is_empty() && names("###").is_empty());
    }

    fn lookup(name: &str) -> Option<String> {
        match name {
            "s1" => Some("one".to_owned()),
            "blank" => Some(String::new()),
            "token" => Some("#s1#".to_owned()),
            "hash" => Some("#".to_owned()),
            "wild" => Some("a b&<\"'>\r\n\0\\\u{e9}".to_owned()),
            _ => None,
        }
    }

    fn replaced(template: &str) -> String {
        replace_tokens(template, Escape::None, &lookup)
    }

    #[test]
    fn a_token_is_replaced_without_regard_to_case() {
        assert_eq!(replaced("https://x.example/?a=#s1#&b=#S1#"), "https://x.example/?a=one&b=one");
        assert_eq!(replaced("#s1##s1#"), "oneone");
    }

    #[test]
    fn an_unknown_token_is_left_as_it_is() {
        assert_eq!(replaced("a#Unknown#b#s1#"), "a#Unknown#bone");
        assert_eq!(replaced("#unknown#s1#"), "#unknown#s1#", "its second mark begins no other");
    }

    #[test]
    fn a_known_token_without_a_value_becomes_empty() {
        assert_eq!(replaced("a=#blank#&b"), "a=&b");
    }

    #[test]
    fn what_was_put_in_is_never_looked_at_again() {
        assert_eq!(replaced("#token#"), "#s1#");
        assert_eq!(replaced("#hash#s1#hash#"), "#s1#");
    }

    #[test]
    fn a_mark_that_is_no_tokens_stays() {
        for text in
            ["#", "##", "###", "#s1", "s1#", "# s1#", "#s 1#", "#s-1#", "#/path", "#\u{e9}#", "%23s1%23"]
        {
            assert_eq!(replaced(text), text);
        }
        assert_eq!(replaced("##s1#"), "#one");
        assert_eq!(replaced("#/path?x=#s1#"), "#/path?x=one");
    }

    #[test]
    fn a_name_has_sixty_four_characters_at_most() {
        let known = |_: &str| Some("x".to_owned());
        let name = |chars| format!("#{}#", "a".repeat(chars));
        assert_eq!(replace_tokens(&name(MAX_NAME_CHARS), Escape::None, &known), "x");
        assert_eq!(replace_tokens(&name(MAX_NAME_CHARS + 1), Escape::None, &known), name(MAX_NAME_CHARS + 1));
    }

    #[test]
    fn values_are_escaped_for_where_they_stand() {
        let wild = |escape| replace_tokens("#wild#", escape, &lookup);
        assert_eq!(wild(Escape::Url), "a%20b%26%3C%22%27%3E%0D%0A%00%5C%C3%A9");
        assert_eq!(wild(Escape::Xml), "a b&amp;&lt;&quot;&#39;&gt;\n\\\u{e9}");
        assert_eq!(wild(Escape::Html), "a b&amp;&lt;&quot;&#39;&gt;\r\n\0\\\u{e9}");
        assert_eq!(wild(Escape::Json), "a b&\\u003c\\\"'>\\r\\n\\u0000\\\\\u{e9}");
        assert_eq!(wild(Escape::Header), "a b&<\"'>\\\u{e9}");
        assert_eq!(wild(Escape::None), "a b&<\"'>\r\n\0\\\u{e9}");
        assert_eq!(
            wild(Escape::Script),
            "a b\\u0026\\u003c\\u0022\\u0027\\u003e\\u000d\\u000a\\u0000\\u005c\u{e9}"
        );
        // What ends a line, in JSON by its short form where it has one.
        let lines = |escape| replace_tokens("#x#", escape, &|_| Some("\t\u{2028}\u{2029}".to_owned()));
        assert_eq!(lines(Escape::Json), "\\t\\u2028\\u2029");
        assert_eq!(lines(Escape::Script), "\\u0009\\u2028\\u2029");
    }

    #[test]
    fn the_template_itself_is_not_escaped() {
        assert_eq!(replace_tokens("<a href=\"?x=#s1#&y\">", Escape::Html, &lookup), "<a href=\"?x=one&y\">");
    }

    #[test]
    fn a_link_that_came_in_a_query_may_have_its_marks_encoded() {
        let replaced = |link| replace_link_tokens(link, &lookup);
        assert_eq!(replaced("https://x.example/?a=%23s1%23&b=#s1#"), "https://x.example/?a=one&b=one");
        assert_eq!(
            replaced("https://x.example/?a=%23no%23&b=%23s1#"),
            "https://x.example/?a=%23no%23&b=%23s1#"
        );
        assert_eq!(replaced("?a=%24%23%2"), "?a=%24%23%2");
    }

    #[test]
    fn a_fragment_begins_at_a_mark_that_is_no_tokens() {
        for (link, fragment) in [
            ("https://x.example/?a=1", None),
            ("https://x.example/?a=1#top", Some("#top")),
            ("https://x.example/?a=#s1#&b=#nope#", None),
            ("https://x.example/?a=#nope##top", Some("#top")),
            ("https://x.example/?a=#s1#&b=#nope#&c=1#/p?x=#s1#", Some("#/p?x=#s1#")),
            ("https://x.example/##s1##", Some("##s1##")),
            ("#", Some("#")),
            ("", None),
        ] {
            assert_eq!(fragment_start(link).and_then(|at| link.get(at..)), fragment, "{link}");
        }
    }

    proptest! {
        #[test]
        fn a_template_without_marks_is_itself(template in "[^#]*") {
            prop_assert_eq!(replaced(&template), template);
        }

        #[test]
        fn with_no_known_tokens_any_template_is_itself(template in "[#%23a-c\u{e9} ]{0,60}") {
            prop_assert_eq!(replace_tokens(&template, Escape::Url, &|_| None), template.as_str());
            prop_assert_eq!(replace_link_tokens(&template, &|_| None), template.as_str());
        }

        #[test]
        fn a_url_value_reads_back_and_stays_in_its_place(value in any::<String>()) {
            let link = replace_tokens("?a=#x#&b=2", Escape::Url, &|_| Some(value.clone()));
            let query = crate::input::parse_query(link.trim_start_matches('?').as_bytes()).unwrap();
            prop_assert_eq!(query.get("a"), Some(value.as_str()));
            prop_assert_eq!(query.get("b"), Some("2"));
        }

        #[test]
        fn a_json_value_reads_back(value in any::<String>()) {
            let json = replace_tokens("\"#x#\"", Escape::Json, &|_| Some(value.clone()));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), value);
        }

        #[test]
        fn a_header_value_has_no_control_characters(value in any::<String>()) {
            let header = replace_tokens("#x#", Escape::Header, &|_| Some(value.clone()));
            prop_assert!(!header.chars().any(char::is_control));
        }
    }
}
