//! Which constants of a delivery method are secrets, going by the names that people
//! give them: they are masked wherever the method is shown.

use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// Names that people give to constants that are secrets. Only what ends so is
/// meant: `api_key`, `AuthToken`, `pwd`; no `key_type`.
const ENDINGS: &str = "(?:pass|passwd|password|passphrase|pwd|secret|token|auth|key|credentials?|signature)";

static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("(?i){ENDINGS}$")).ok());

/// A constant of such a name in a text: an element, a member, a form's or query's pair.
static IN_TEXT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        "(?i)(?:<[\\w:.-]*?{ENDINGS}>\\s*(?:<!\\[CDATA\\[)?([^<#\\]]+)|\"[^\"]*?{ENDINGS}\"\\s*:\\s*\"([^\"#]+)\"|(?:^|[&?])[^=&]*?{ENDINGS}=([^&#\\s]+))"
    ))
    .ok()
});

/// Whether a constant of this name is a secret.
pub fn is_secret_name(name: &str) -> bool {
    NAME.as_ref().is_some_and(|names| names.is_match(name))
}

/// Where secrets stand in a body, a parameter's value or a link's query, by the names
/// beside them, in order. What a token fills in is none.
pub fn secrets_in(text: &str) -> Vec<Range<usize>> {
    let Some(search) = IN_TEXT.as_ref() else { return Vec::new() };
    let found = search.captures_iter(text).flat_map(|found| {
        let groups: Vec<Range<usize>> = found.iter().skip(1).flatten().map(|value| value.range()).collect();
        groups
    });
    found
        .filter_map(|range| {
            let value = text.get(range.clone())?;
            let start = range.start + (value.len() - value.trim_start().len());
            let end = start + value.trim().len();
            (start < end).then_some(start..end)
        })
        .collect()
}

/// Where the credentials of a link stand: the password before its host, or the whole of
/// what stands there without one.
pub fn credentials_in(link: &str) -> Option<Range<usize>> {
    let start = link.find("://")? + "://".len();
    let authority = link.get(start..)?.split(['/', '?', '#']).next()?;
    let user_info = authority.get(..authority.rfind('@')?)?;
    let password = user_info.find(':').map_or(0, |colon| colon + 1);
    (password < user_info.len()).then(|| start + password..start + user_info.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_a_link_is_found() {
        for (link, found) in [
            ("https://user:p%40ss@b.example/a?x=@", "p%40ss"),
            ("https://token@b.example", "token"),
            ("https://a:b@c@b.example:8080?x", "b@c"),
        ] {
            let credentials = credentials_in(link).and_then(|range| link.get(range));
            assert_eq!(credentials, Some(found), "{link}");
        }
        for link in [
            "https://user:@b.example/",
            "https://b.example/a@b",
            "https://b.example?x=https://user:pw@c.example",
            "b.example",
        ] {
            assert_eq!(credentials_in(link), None, "{link}");
        }
    }

    #[test]
    fn constants_of_telling_names_are_found_wherever_they_stand() {
        for (text, found) in [
            ("<l:auth_token><![CDATA[abc def]]></l:auth_token>", "abc def"),
            ("{\"api_key\" : \"abc\", \"monkey\": \"#x#\"}", "abc"),
            ("zip=#zip#&pwd=abc&x=1&Key=d", "abc|d"),
            ("https://b.example/a?api_key=x%2Fy&zip=#zip#&token=#session#", "x%2Fy"),
            ("<token>#session#</token><Pass> a </Pass>", "a"),
            ("key_type=automatic", ""),
        ] {
            let secrets: Vec<&str> =
                secrets_in(text).into_iter().filter_map(|range| text.get(range)).collect();
            assert_eq!(secrets.join("|"), found, "{text}");
        }
        assert!(secrets_in("<token> </token>").is_empty(), "a blank is no secret");
        let indented = "{\"token\": \" abc \"}";
        assert_eq!(secrets_in(indented).first().and_then(|range| indented.get(range.clone())), Some("abc"));
        assert!(is_secret_name("ApiKey") && !is_secret_name("key_type"));
    }
}
