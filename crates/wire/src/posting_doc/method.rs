//! The seven ways to post a lead.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A way to post a lead, as the drop-down of a posting document names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// From a server, with campaign id and key.
    Server,
    /// A form that posts straight to the tracker; credited by cookie.
    BrowserHttp,
    /// A form that `d.js` posts without leaving the page.
    BrowserAjax,
    /// From the landing page's own server, with the request id of the click.
    Session,
    /// As [`Method::Server`], in JSON.
    ServerJson,
    /// As [`Method::Session`], in JSON.
    SessionJson,
    /// As [`Method::Server`], in XML.
    Xml,
}

/// The text names no method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a method is one of server, browser_http, browser_ajax, session, server_json, session_json, xml")]
pub struct UnknownMethod;

impl Method {
    /// All of them, in the order of the drop-down.
    pub const ALL: [Method; 7] = [
        Self::Server,
        Self::BrowserHttp,
        Self::BrowserAjax,
        Self::Session,
        Self::ServerJson,
        Self::SessionJson,
        Self::Xml,
    ];

    /// What `?method=` and `--method` say.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::BrowserHttp => "browser_http",
            Self::BrowserAjax => "browser_ajax",
            Self::Session => "session",
            Self::ServerJson => "server_json",
            Self::SessionJson => "session_json",
            Self::Xml => "xml",
        }
    }

    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Server => "Server Post",
            Self::BrowserHttp => "Browser HTTP Post",
            Self::BrowserAjax => "Browser AJAX Post",
            Self::Session => "Session Post",
            Self::ServerJson => "Server Post (JSON)",
            Self::SessionJson => "Session Post (JSON)",
            Self::Xml => "XML Post",
        }
    }

    /// Whether the visitor's browser posts, and not a server.
    pub fn is_browser(self) -> bool {
        matches!(self, Self::BrowserHttp | Self::BrowserAjax)
    }

    /// Whether it is credited by request id.
    pub fn is_session(self) -> bool {
        matches!(self, Self::Session | Self::SessionJson)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = UnknownMethod;

    /// The names of [`Method::as_str`] in any case, with `-` for `_`, and the
    /// short forms `browser` and `ajax`.
    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        let name = text.trim().to_ascii_lowercase().replace('-', "_");
        match name.as_str() {
            "browser" => Ok(Self::BrowserHttp),
            "ajax" => Ok(Self::BrowserAjax),
            name => Self::ALL.into_iter().find(|method| method.as_str() == name).ok_or(UnknownMethod),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_read_back_from_its_name() {
        for method in Method::ALL {
            assert_eq!(method.as_str().parse(), Ok(method));
            assert_eq!(method.to_string(), method.as_str());
            assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
        }
        assert_eq!("Session-JSON".parse(), Ok(Method::SessionJson));
        assert_eq!("ajax".parse(), Ok(Method::BrowserAjax));
        assert_eq!("soap".parse::<Method>(), Err(UnknownMethod));
    }
}
