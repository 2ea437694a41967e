//! URLs with tokens. The host is the configuration's, never a lead's.

use super::template::{Language, Template};
use crate::error::{CompileError, RenderError};
use crate::outbound::Target;

/// A URL, of which path and query may have tokens.
#[derive(Debug, Clone)]
pub(super) struct LinkTemplate {
    /// `https://user:password@host:port`.
    origin: String,
    path: Template,
    /// Without its `?`.
    query: Option<Template>,
    /// As it is written, without credentials.
    text: String,
}

impl LinkTemplate {
    pub(super) fn compile(text: &str, place: &str) -> Result<Self, CompileError> {
        let fault = |message: &str| CompileError::new(place, message);
        let text = text.trim();
        let after_scheme = text.find("://").map(|at| at + 3).ok_or_else(|| fault("is no absolute URL"))?;
        let length = text.get(after_scheme..).and_then(|rest| rest.find(['/', '?', '#', '\\']));
        let (origin, rest) = text.split_at(length.map_or(text.len(), |length| after_scheme + length));
        let target = Target::parse(origin).map_err(|error| fault(&error.to_string()))?;
        // A `#` right behind the host is a token within it, or a fragment, of which
        // nothing would be sent.
        if rest.starts_with('#') {
            return Err(fault("has a token in its host, which may not come from a lead"));
        }
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let (path, path_ends) = without_fragment(path);
        let query = query.filter(|_| !path_ends).map(|query| without_fragment(query).0);
        let scheme = if target.is_https { "https" } else { "http" };
        Ok(Self {
            origin: origin.to_owned(),
            text: format!("{scheme}://{}{rest}", target.authority()),
            path: Template::compile(path, Language::Path),
            query: query.map(|query| Template::compile(query, Language::Form)),
        })
    }

    /// With its values, and with more query behind its own.
    pub(super) fn render(
        &self,
        value: &dyn Fn(&str) -> Option<String>,
        more_query: &str,
    ) -> Result<Target, RenderError> {
        let mut text = self.origin.clone();
        let path = self.path.render(value);
        if !path.starts_with(['/', '\\']) {
            text.push('/');
        }
        text.push_str(&path);
        let own = self.query.as_ref().map(|query| query.render(value)).unwrap_or_default();
        let divider = if own.is_empty() || more_query.is_empty() || own.ends_with('&') { "" } else { "&" };
        if self.query.is_some() || !more_query.is_empty() {
            text.extend(["?", &own, divider, more_query]);
        }
        Target::parse(&text).map_err(|error| RenderError(error.to_string()))
    }

    /// As it is written, without credentials.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        std::iter::once(&self.path).chain(&self.query)
    }

    /// `user:password@`, decoded.
    pub(super) fn user_info(&self) -> Option<(String, String)> {
        Target::parse(&self.origin).ok()?.user_info
    }
}

/// A template up to its fragment, and whether it had one: a `#` that begins no
/// token.
fn without_fragment(text: &str) -> (&str, bool) {
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find('#')).map(|at| from + at) {
        let rest = text.get(at..).unwrap_or_default();
        match super::template::token_name(rest) {
            Some(name) => from = at + name.len() + 2,
            None => return (text.get(..at).unwrap_or(text), true),
        }
    }
    (text, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rendered(link: &str, value: &str, more_query: &str) -> String {
        let link = LinkTemplate::compile(link, "url").unwrap();
        let target = link.render(&|name| (name == "x").then(|| value.to_owned()), more_query).unwrap();
        format!("{} {}", target.authority(), target.path_and_query)
    }

    #[test]
    fn values_stand_in_path_and_query_percent_encoded() {
        for (link, more, expected) in [
            ("https://b.example", "", "b.example /"),
            ("https://b.example?a=#x#", "", "b.example /?a=1%2F%3F%262"),
            (
                "https://b.example/#x#/leads?a=#x#&b=2#top",
                "",
                "b.example /1%2F%3F%262/leads?a=1%2F%3F%262&b=2",
            ),
            ("https://b.example/leads", "z=9", "b.example /leads?z=9"),
            ("https://b.example/leads?", "z=9", "b.example /leads?z=9"),
            ("https://b.example/leads?k=1", "z=9", "b.example /leads?k=1&z=9"),
            ("https://b.example/leads?k=1&", "z=9", "b.example /leads?k=1&z=9"),
            ("https://b.example/leads#top?k=1", "", "b.example /leads"),
            ("https://b.example/leads#top", "z=9", "b.example /leads?z=9"),
            ("https://b.example/leads?k=1#top", "z=9", "b.example /leads?k=1&z=9"),
            ("https://b.example/?a=#zip#", "", "b.example /?a=%23zip%23"),
            ("https://u:p@b.example:8443/a", "", "b.example:8443 /a"),
        ] {
            assert_eq!(rendered(link, "1/?&2", more), expected, "{link}");
        }
    }

    #[test]
    fn a_host_may_not_come_from_a_lead() {
        for link in [
            "https://#x#/leads",
            "https://#x#.b.example/",
            "https://b#x#.example/",
            "https://b.example#x#/",
            "https://b.example:#x#/",
            "https://u:#x#@b.example/",
            "#x#://b.example/",
            "//b.example/",
            "ftp://b.example/",
        ] {
            assert!(LinkTemplate::compile(link, "url").is_err(), "{link}");
        }
        let error = LinkTemplate::compile("https://b.example#x#/", "url").unwrap_err();
        assert_eq!(error.to_string(), "url: has a token in its host, which may not come from a lead");
    }

    proptest! {
        #[test]
        fn whatever_a_value_holds_the_host_stays_and_the_query_gives_it_back(value in "(\\PC|[\\x00-\\x1f\\x7f]){0,30}") {
            let link = LinkTemplate::compile("https://b.example/p/#x#/q?a=#x#&b=2", "url").unwrap();
            let Ok(target) = link.render(&|_| Some(value.clone()), "c=3") else { return Ok(()) };
            prop_assert_eq!(target.authority(), "b.example");
            let (path, query) = target.path_and_query.split_once('?').unwrap();
            prop_assert!(path.starts_with("/p/") && path.ends_with("/q"));
            let read = crumb_wire::input::parse_query(query.as_bytes()).unwrap();
            prop_assert_eq!(read.get("a"), Some(value.as_str()));
            prop_assert_eq!((read.get("b"), read.get("c")), (Some("2"), Some("3")));
        }
    }
}
