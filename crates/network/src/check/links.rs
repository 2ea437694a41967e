//! Links: http and https only, tokens allowed.

use super::Check;
use crate::secrets::masked_link;
use url::Url;

impl Check<'_> {
    /// A link that visitors follow, where there is one.
    pub(super) fn link(&mut self, path: impl Into<String>, link: Option<&str>) {
        let path = path.into();
        if let Some(link) = link.filter(|link| has_token_in_host(link)) {
            let message = "has a token in its host, which may not come from a visitor";
            return self.fault(path, format!("\"{}\" {message}", masked_link(link)));
        }
        self.address(path, link);
    }

    /// An address, where there is one.
    pub(super) fn address(&mut self, path: impl Into<String>, address: Option<&str>) {
        if let Some(address) = address.filter(|address| !is_http(address)) {
            self.fault(path, format!("\"{}\" is no http or https address", masked_link(address)));
        }
    }

    /// A link, where there is one, that paths and queries are put behind.
    pub(super) fn base(&mut self, path: &str, link: Option<&str>) {
        match link {
            Some(link) if is_http(link) && link.contains(['?', '#']) => {
                self.fault(path, format!("\"{}\" is no base of links: it has a query", masked_link(link)));
            }
            _ => self.link(path, link),
        }
    }

    /// A host without scheme, port or path.
    pub(super) fn host(&mut self, path: String, host: &str) {
        let parsed = url::Host::parse(host);
        if parsed.is_err() || host.contains(['/', ':', '#', '?', '@', '*', ' ']) {
            self.fault(path, format!("\"{host}\" is no host name like \"lp.example\""));
        }
    }
}

/// Whether a token follows a host at once. Read as an address it is a fragment, but
/// what replaces it goes on with the host: `https://www#s1#` leads wherever a link says.
fn has_token_in_host(link: &str) -> bool {
    let Some((_, behind)) = link.split_once("://") else { return false };
    let host = behind.split(['/', '?', '\\']).next().unwrap_or_default();
    let mut parts = host.split('#').skip(1);
    let (name, closed) = (parts.next().unwrap_or_default(), parts.next().is_some());
    closed && !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Whether a link is an absolute http or https address. A token like `#reqid#`
/// may stand anywhere behind the host.
pub(crate) fn is_http(link: &str) -> bool {
    if link.chars().any(|c| c.is_control() || c == ' ') {
        return false;
    }
    match Url::parse(link) {
        Ok(url) => matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|h| !h.is_empty()),
        Err(_) => false,
    }
}
