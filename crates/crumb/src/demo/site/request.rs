//! What a page of the site knows of the request: who asks, for which page, with
//! which cookies.

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HOST};
use axum::http::request::Parts;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use url::form_urlencoded;

/// The name that this machine has for itself: for a browser, another site than the
/// tracker's.
pub const OTHER_HOST: &str = "localhost";

/// What is seen of a request.
pub struct Seen {
    /// The visitor's address.
    pub ip: IpAddr,
    /// Path and query, for the way back.
    pub target: String,
    /// The host that the visitor asked for, without its port.
    pub host: String,
    /// The query's pairs.
    pub query: Vec<(String, String)>,
    /// The cookies' names and values.
    pub cookies: Vec<(String, String)>,
}

impl Seen {
    /// The first value of a name in the query.
    pub fn value(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }

    /// The tracker's cookies. A browser keeps one jar for all ports of a host,
    /// which is why this site sees them where it has the tracker's host name; the
    /// demo needs that to lose and forge them, and uses it for nothing else.
    pub fn tracker_cookies(&self) -> impl Iterator<Item = &(String, String)> {
        self.cookies.iter().filter(|(name, _)| name.starts_with("crumb_"))
    }
}

impl<S: Sync> FromRequestParts<S> for Seen {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        Ok(Self {
            ip: peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip()),
            target: target.to_owned(),
            host: host.rsplit_once(':').map_or(host, |(host, _)| host).to_owned(),
            query: pairs(parts.uri.query().unwrap_or_default().as_bytes()),
            cookies: cookies(&parts.headers),
        })
    }
}

/// The pairs of a query or a form.
pub fn pairs(urlencoded: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(urlencoded).into_owned().collect()
}

/// The first value of a name.
pub fn first<'p>(pairs: &'p [(String, String)], name: &str) -> Option<&'p str> {
    pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

fn cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
