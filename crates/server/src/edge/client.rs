//! Who sent a request, looked at through the proxies that are trusted.

use super::Edge;
use crumb_storage::Store;
use crumb_tracking::client::{Client, kept_header};
use crumb_wire::cookie::CookieJar;
use http::header::{self, HeaderName};
use http::{HeaderMap, Method, Request};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

impl<S: Store + Clone> Edge<S> {
    /// The sender of a request.
    pub(super) fn client<B>(&self, request: &Request<B>, peer: SocketAddr) -> Client {
        let headers = request.headers();
        let trusted = is_in(&self.trusted_proxies, peer.ip());
        let cookies = headers.get_all(header::COOKIE).iter().map(|value| value.as_bytes());
        Client {
            ip: if trusted {
                forwarded_for(headers, peer.ip(), &self.trusted_proxies)
            } else {
                peer.ip().to_canonical()
            },
            https: trusted && forwarded_https(headers),
            user_agent: text(headers, header::USER_AGENT),
            referrer: text(headers, header::REFERER),
            cookies: CookieJar::parse(cookies, &self.site.keys.cookies),
            head: *request.method() == Method::HEAD,
        }
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> String {
    let Some(value) = headers.get(name) else { return String::new() };
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => kept_header(text),
        Err(_) => kept_header(&String::from_utf8_lossy(value.as_bytes())),
    }
}

fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// The last address of `X-Forwarded-For` that is no trusted proxy: what stands
/// left of it is only what the client says of itself.
fn forwarded_for(headers: &HeaderMap, peer: IpAddr, trusted: &[IpNet]) -> IpAddr {
    // Bytes that are no text are the client's own, and must not hide what a proxy
    // wrote behind them.
    let lists: Vec<String> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    let mut client = peer.to_canonical();
    for hop in lists.iter().flat_map(|list| list.split(',')).rev() {
        let Some(address) = address(hop.trim()) else { break };
        client = address.to_canonical();
        if !is_in(trusted, client) {
            break;
        }
    }
    client
}

/// An address as proxies write it: alone, with a port, or bracketed.
fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip())).or_else(|| {
        text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).and_then(|inner| inner.parse().ok())
    })
}

fn forwarded_https(headers: &HeaderMap) -> bool {
    let last = headers.get_all(FORWARDED_PROTO).iter().next_back().and_then(|value| value.to_str().ok());
    last.and_then(|list| list.rsplit(',').next())
        .is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn seen(forwarded: &[&'static str]) -> IpAddr {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        forwarded_for(&headers, "10.0.0.1".parse().unwrap(), &trusted)
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_is_the_clients() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(seen(&["203.0.113.9"]), ip("203.0.113.9"));
        assert_eq!(seen(&["198.51.100.1, 203.0.113.9, 10.0.0.2"]), ip("203.0.113.9"));
        assert_eq!(seen(&["198.51.100.1", "203.0.113.9:4711, 10.0.0.2"]), ip("203.0.113.9"));
        assert_eq!(seen(&["[2001:db8::1]"]), ip("2001:db8::1"));
        assert_eq!(seen(&["forged, 10.0.0.2"]), ip("10.0.0.2"));
        assert_eq!(seen(&[]), ip("10.0.0.1"));
        assert_eq!(seen(&["\u{ff}, 203.0.113.9"]), ip("203.0.113.9"));
    }
}
