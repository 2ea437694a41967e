//! Where a request goes: a URL, taken apart.

use std::fmt;
use url::{Host, Url};

/// Characters of a URL at most: what most servers take of a request line.
pub const MAX_URL_CHARS: usize = 8_192;

/// An http(s) URL, taken apart. Its `Debug` shows the host only, since paths,
/// queries and user infos carry leads and credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Whether it is https.
    pub is_https: bool,
    /// The host.
    pub host: Host<String>,
    /// The port, the scheme's own where the URL names none.
    pub port: u16,
    /// The path and the query, as they stand in the request line.
    pub path_and_query: String,
    /// `user:password@`, decoded.
    pub user_info: Option<(String, String)>,
    has_default_port: bool,
}

/// Why a URL cannot be called. The URL is not repeated: it may hold secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No absolute URL.
    #[error("the address is no absolute URL")]
    NotAUrl,
    /// Another scheme.
    #[error("the address is neither http nor https")]
    NotHttp,
    /// Over [`MAX_URL_CHARS`].
    #[error("the address has more than {MAX_URL_CHARS} characters")]
    TooLong,
}

impl Target {
    /// Takes a URL apart, by the WHATWG's rules: `http://0x7f.1/` is 127.0.0.1, so
    /// that no writing of an address gets by the check. A fragment is dropped.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        if text.len() > MAX_URL_CHARS {
            return Err(TargetError::TooLong);
        }
        let url = Url::parse(text).map_err(|_| TargetError::NotAUrl)?;
        let is_https = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(TargetError::NotHttp),
        };
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(TargetError::NotAUrl);
        };
        let decoded = |text: &str| crumb_wire::percent::decode(text.replace('+', "%2B").as_bytes());
        let user_info = (!url.username().is_empty() || url.password().is_some())
            .then(|| (decoded(url.username()), decoded(url.password().unwrap_or_default())));
        let mut path_and_query = url.path().to_owned();
        if let Some(query) = url.query() {
            path_and_query.push('?');
            path_and_query.push_str(query);
        }
        Ok(Self {
            is_https,
            host: host.to_owned(),
            port,
            path_and_query,
            user_info,
            has_default_port: url.port().is_none(),
        })
    }

    /// The `Host` header's value.
    pub fn authority(&self) -> String {
        if self.has_default_port { self.host.to_string() } else { format!("{}:{}", self.host, self.port) }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let target = Target::parse("https://us%40er:p%3Aa+ss@Buyer.Example:8443/a b?x=1&y=%20#frag").unwrap();
        assert!(target.is_https);
        assert_eq!(target.authority(), "buyer.example:8443");
        assert_eq!(target.path_and_query, "/a%20b?x=1&y=%20");
        assert_eq!(target.user_info, Some(("us@er".to_owned(), "p:a+ss".to_owned())));
        assert_eq!(format!("{target:?}"), "Target(buyer.example:8443)", "no secrets in logs");
        let target = Target::parse("https://:pw@buyer.example/").unwrap();
        assert_eq!(target.user_info, Some((String::new(), "pw".to_owned())), "a password alone");
        let target = Target::parse("http://buyer.example").unwrap();
        assert_eq!(target.user_info, None);
        assert_eq!((target.port, target.path_and_query.as_str()), (80, "/"));
        assert_eq!(target.authority(), "buyer.example");
    }

    #[test]
    fn no_writing_of_an_address_gets_by() {
        for text in ["http://127.1/", "http://0x7f000001/", "http://2130706433/", "http://0177.0.0.1/"] {
            assert_eq!(Target::parse(text).unwrap().authority(), "127.0.0.1", "{text}");
        }
        assert_eq!(Target::parse("http://[::ffff:127.0.0.1]:81/").unwrap().authority(), "[::ffff:7f00:1]:81");
    }

    #[test]
    fn only_absolute_http_and_https_are_called() {
        assert_eq!(Target::parse("/relative"), Err(TargetError::NotAUrl));
        assert_eq!(Target::parse("https://"), Err(TargetError::NotAUrl));
        for other in ["ftp://x.example/", "file:///etc/passwd", "javascript:alert(1)", "gopher://x.example/"]
        {
            assert_eq!(Target::parse(other), Err(TargetError::NotHttp), "{other}");
        }
        let long = format!("http://x.example/{}", "a".repeat(MAX_URL_CHARS));
        assert_eq!(Target::parse(&long), Err(TargetError::TooLong));
    }
}
