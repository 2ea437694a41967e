//! Where a buyer sends the visitor.

use url::Url;

/// Characters of a redirect at most.
const MAX_REDIRECT_CHARS: usize = 2_048;

/// What a redirect's text came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Redirect {
    /// An absolute http(s) link in ASCII, fit for a `Location` header.
    pub(super) link: Option<String>,
    /// There was one that cannot be used.
    pub(super) is_bad: bool,
}

/// Reads a redirect: absolute http(s), at most 2,048 characters, free of control
/// characters. White space at its ends is the answer's layout and not its own;
/// blank is absent.
pub(super) fn read_redirect(text: &str) -> Redirect {
    let text = text.trim();
    if text.is_empty() {
        return Redirect::default();
    }
    let link = usable(text);
    Redirect { is_bad: link.is_none(), link }
}

fn usable(text: &str) -> Option<String> {
    if text.chars().nth(MAX_REDIRECT_CHARS).is_some() || text.chars().any(char::is_control) {
        return None;
    }
    // `http:x.example` and `http:\\x.example` mean something to browsers, and nothing
    // to anybody who means well.
    let (scheme, rest) = text.split_once("://")?;
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    if !is_http || rest.starts_with(['/', '\\']) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    url.host()?;
    // As the buyer wrote it, where a header can hold it.
    Some(if text.bytes().all(|byte| byte.is_ascii_graphic()) { text.to_owned() } else { url.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_absolute_link_is_kept_as_written() {
        for link in [
            "https://buyer.example/thanks?id=1&x=%20#top",
            "http://buyer.example",
            "HTTPS://Buyer.Example/",
            "https://buyer.example:8443/a",
        ] {
            let expected = Redirect { link: Some(link.to_owned()), is_bad: false };
            assert_eq!(read_redirect(link), expected, "{link}");
            assert_eq!(read_redirect(&format!(" {link}\r\n")), expected, "{link}");
        }
        let encoded = read_redirect("https://buyer.example/caf\u{e9} au lait");
        assert_eq!(encoded.link.as_deref(), Some("https://buyer.example/caf%C3%A9%20au%20lait"));
    }

    #[test]
    fn anything_else_counts_as_absent_and_is_told() {
        let long = format!("https://x.example/{}", "a".repeat(MAX_REDIRECT_CHARS - 17));
        for wrong in [
            "/thanks",
            "//buyer.example/",
            "buyer.example",
            "javascript:alert(1)",
            "javascript://x.example/%0aalert(1)",
            "data:text/html,x",
            "ftp://x.example/",
            "https:///x.example",
            "https://",
            "http:x.example",
            "https://x.example/\r\nSet-Cookie: a=b",
            "https://x.example/\ta",
            "https://x.example/\0",
            "https://x.example/\u{85}a",
            "https://x .example/",
            long.as_str(),
        ] {
            assert_eq!(read_redirect(wrong), Redirect { link: None, is_bad: true }, "{wrong:?}");
        }
        assert!(read_redirect(&long[..MAX_REDIRECT_CHARS]).link.is_some());
        assert_eq!(read_redirect(" \n"), Redirect::default(), "blank is absent");
    }

    proptest! {
        #[test]
        fn what_is_let_by_fits_a_header(text in "((https?|ftp|[a-z]{1,9})://)?[a-z.:/?#@\\\\ \u{e9}\r\n%]{0,40}") {
            if let Some(link) = read_redirect(&text).link {
                prop_assert!(link.bytes().all(|byte| byte.is_ascii_graphic()));
                let lower = link.to_lowercase();
                prop_assert!(lower.starts_with("http://") || lower.starts_with("https://"));
            }
        }
    }
}
