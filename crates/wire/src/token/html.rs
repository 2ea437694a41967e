//! Where in a piece of HTML a token stands.
//!
//! Pixels are images, frames and scripts whose point is a link with tokens in it: there a
//! value must be a link's, though the link stands in an attribute or in a script's string.

use super::Escape;

/// Characters of a name that are looked at: longer than each that means something.
const MAX_NAME_CHARS: usize = 16;

/// Attributes that hold a link.
const LINK_ATTRIBUTES: [&str; 6] = ["src", "href", "action", "data", "poster", "background"];

/// The place behind the text that was read so far.
#[derive(Debug, Default)]
pub(super) struct HtmlPlace {
    state: State,
    /// Of the tag or attribute that is read, in lower case, cut.
    name: String,
    /// The tag that is read begins a script.
    is_script: bool,
    link: LinkState,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    TagName,
    /// Within a tag, before a value.
    Attributes,
    /// Behind a `=`.
    BeforeValue,
    /// In a value, within these quotes or none.
    Value(Option<char>),
    /// Between `<script>` and `</script`.
    Script,
}

/// How much of a link's beginning was read since the last character that is in none.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum LinkState {
    #[default]
    Start,
    /// A scheme, perhaps.
    Word,
    /// That many slashes which begin a host.
    Slashes(u8),
    /// Within a link.
    Within,
    /// Within something else.
    Other,
}

impl HtmlPlace {
    /// Reads on, and says how a value is escaped behind that text.
    pub(super) fn after(&mut self, text: &str) -> Escape {
        for character in text.chars() {
            self.link = self.link.after(character);
            self.read(character);
        }
        let is_in_link = self.link == LinkState::Within;
        match self.state {
            _ if is_in_link => Escape::Url,
            State::Value(Some(_)) if LINK_ATTRIBUTES.contains(&self.name.as_str()) => Escape::Url,
            State::Value(Some(_)) if self.name.starts_with("on") => Escape::Script,
            State::Script => Escape::Script,
            State::Text | State::Value(Some(_)) => Escape::Html,
            // Without quotes a blank ends the value, and nothing may begin another
            // attribute.
            State::TagName | State::Attributes | State::BeforeValue | State::Value(None) => Escape::Url,
        }
    }

    fn read(&mut self, character: char) {
        match (self.state, character) {
            (State::Text, '<') => self.enter(State::TagName),
            (State::Text, _) => {}
            (State::TagName, '>') => {
                self.is_script = self.name == "script";
                self.end_tag();
            }
            (State::TagName, c) if c.is_ascii_alphanumeric() => self.push(c),
            // A closing tag's; behind a name it ends that as a blank does.
            (State::TagName, '/') if self.name.is_empty() => self.push('/'),
            // A `<` that begins no tag.
            (State::TagName, _) if self.name.is_empty() => self.state = State::Text,
            (State::TagName, _) => {
                self.is_script = self.name == "script";
                self.enter(State::Attributes);
            }
            (State::Attributes | State::BeforeValue, '>') | (State::Value(None), '>') => self.end_tag(),
            (State::Attributes, '=') => self.state = State::BeforeValue,
            (State::Attributes, c) if c.is_whitespace() || c == '/' => self.name.clear(),
            (State::Attributes, c) => self.push(c),
            (State::BeforeValue, '"' | '\'') => self.state = State::Value(Some(character)),
            (State::BeforeValue, c) if c.is_whitespace() => {}
            (State::BeforeValue, _) => self.state = State::Value(None),
            (State::Value(None), c) if c.is_whitespace() => self.enter(State::Attributes),
            (State::Value(Some(quote)), c) if c == quote => self.enter(State::Attributes),
            (State::Value(_), _) => {}
            (State::Script, c) => self.read_script(c),
        }
    }

    /// A script ends at `</script`, whatever stands before it.
    fn read_script(&mut self, character: char) {
        const END: &str = "</script";
        if character == '<' {
            self.name.clear();
        }
        self.push(character);
        if self.name == END {
            self.is_script = false;
            self.enter(State::Attributes);
        }
    }

    fn end_tag(&mut self) {
        self.enter(if self.is_script { State::Script } else { State::Text });
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.name.clear();
    }

    fn push(&mut self, character: char) {
        if self.name.len() < MAX_NAME_CHARS {
            self.name.push(character.to_ascii_lowercase());
        }
    }
}

impl LinkState {
    /// A link begins with a scheme's `://` or, without one, with `//`.
    fn after(self, character: char) -> Self {
        match (self, character) {
            (_, '"' | '\'' | '`' | '<' | '>' | '(' | '=') if self != Self::Within => Self::Start,
            (_, '"' | '\'' | '`' | '<' | '>') => Self::Start,
            (_, c) if c.is_whitespace() => Self::Start,
            (Self::Within, _) => Self::Within,
            (Self::Start, '/') => Self::Slashes(1),
            (Self::Word, ':') => Self::Slashes(0),
            (Self::Slashes(0), '/') => Self::Slashes(1),
            (Self::Slashes(_), '/') => Self::Within,
            (Self::Start | Self::Word, c) if c.is_ascii_alphanumeric() => Self::Word,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::token::replace_html_tokens;
    use proptest::prelude::*;

    fn replaced(template: &str) -> String {
        let lookup = |name: &str| match name {
            "s1" => Some("a b&<\"'".to_owned()),
            "price" => Some("12.50".to_owned()),
            _ => None,
        };
        replace_html_tokens(template, &lookup)
    }

    const IN_LINK: &str = "a%20b%26%3C%22%27";
    const IN_TEXT: &str = "a b&amp;&lt;&quot;&#39;";
    const IN_SCRIPT: &str = "a b\\u0026\\u003c\\u0022\\u0027";

    fn is_written(template: &str, written: &str) {
        assert_eq!(replaced(template), template.replace("#s1#", written), "{template}");
    }

    #[test]
    fn a_token_in_a_link_is_escaped_as_a_links_value_wherever_the_link_is_written() {
        for template in [
            "<img src=\"https://aff.example/p?x=#s1#&y=1\" width=\"1\">",
            "<IMG SRC='//aff.example/p?x=#s1#&y=#s1#'>",
            "<img src=https://aff.example/p?x=#s1#>",
            "<iframe src=\"https://aff.example/p;#s1#/?a=b\"></iframe>",
            "<script src=\"https://aff.example/p.js?x=#s1#\"></script>",
            "<script>new Image().src = 'https://aff.example/p?f=(a)&x=#s1#';</script>",
            "<script>f(\"//aff.example/?x=#s1#\")</script>",
            "<div onclick=\"go('https://aff.example/?x=#s1#')\"></div>",
            "<a href=\"/relative?x=#s1#\">",
            "<a href=\"#s1#\">",
            "<a title=\"x\" id href=\"/relative?x=#s1#\">",
            "<div style=\"background:url(https://aff.example/?x=#s1#)\">",
            "https://aff.example/?x=#s1#",
            "see https://aff.example/?x=#s1#",
        ] {
            is_written(template, IN_LINK);
        }
    }

    #[test]
    fn a_token_in_a_script_is_escaped_as_a_part_of_a_string() {
        for template in [
            "<script>var x = \"#s1#\", y = `#s1#`;</script>",
            "<SCRIPT type=\"text/javascript\">\nif (1 < 2) x('#s1#')</SCRIPT >",
            "<body onload=\"track('#s1#')\">",
            "<script/>var x = '#s1#';</script>",
            "<script/async>var x = '#s1#';</script>",
            "<script>path('a:/#s1#'), f('1)://#s1#')</script>",
        ] {
            is_written(template, IN_SCRIPT);
        }
        assert_eq!(replaced("<script>pay(#price#)</script>"), "<script>pay(12.50)</script>");
    }

    #[test]
    fn a_token_in_text_or_another_attribute_is_escaped_as_html() {
        for template in [
            "<p>#s1#</p>",
            "#s1# < b #s1#",
            "<br/>#s1#<p/>#s1#</p>",
            "<img alt= \"#s1#\">",
            "<img alt=x title=\"#s1#\">",
            "<img alt=\"#s1#\" src=\"https://aff.example/\">#s1#",
            "<script>var a = '</script>#s1#",
            "<script src=\"https://aff.example/\"></script ><b>#s1#</b>",
            "see https://aff.example/ #s1#",
        ] {
            is_written(template, IN_TEXT);
        }
    }

    #[test]
    fn a_token_without_quotes_cannot_begin_another_attribute() {
        for template in [
            "<img alt=#s1#>",
            "<img alt=x#s1# src=y>",
            "<img alt=x\"#s1#\">",
            "<img alt=xx=\"#s1#\">",
            "<img #s1#>",
            "<#s1#>",
            "</#s1#>",
        ] {
            is_written(template, IN_LINK);
        }
    }

    #[test]
    fn an_unknown_token_stays_and_a_place_is_kept_over_it() {
        assert_eq!(
            replaced("<img src=\"https://x.example/?a=#nope#&b=#s1#\">#s1#"),
            format!("<img src=\"https://x.example/?a=#nope#&b={IN_LINK}\">{IN_TEXT}")
        );
    }

    proptest! {
        #[test]
        fn no_value_ends_the_place_where_it_stands(
            template in "(<script>|</script>|<img |src=|\"|'|//|:|=|#s1#|#no#|[a-z <>&/?(]){0,30}", value in any::<String>(),
        ) {
            let with = |value: &str| replace_html_tokens(&template, &|name| (name == "s1").then(|| value.to_owned()));
            let special = |text: &str| text.chars().filter(|c| "\"'<>".contains(*c)).collect::<String>();
            prop_assert_eq!(special(&with(&value)), special(&with("")));
            prop_assert_eq!(with("x"), template.replace("#s1#", "x"));
        }
    }
}
