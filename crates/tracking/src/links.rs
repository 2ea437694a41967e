//! Where a click's link leads: tokens, pre-fill values, deep links.

use crumb_domain::network::{Creative, Offer};
use crumb_domain::session::Session;
use crumb_domain::{CampaignId, CreativeId, RequestId};
use crumb_wire::token::{Escape, replace_link_tokens, replace_tokens};
use url::Url;

/// Stands in for personal data in what is kept of a redirect.
pub const MASK: &str = "***";

/// What a link's tokens say: the credited session's values.
#[derive(Debug, Clone, Copy)]
pub struct TokenValues<'a> {
    /// The session that the books credit.
    pub session: &'a Session,
    /// Its public name.
    pub request_id: RequestId,
}

impl TokenValues<'_> {
    /// The value of a token by its lower-cased name; `None` for an unknown one.
    pub fn lookup(&self, name: &str) -> Option<String> {
        let session = self.session;
        let sub_id = |index: usize| session.sub_ids.as_array().get(index).cloned();
        match name {
            "affid" => Some(session.affiliate.to_string()),
            "oid" => Some(session.offer.to_string()),
            "campid" => Some(session.campaign.as_ref().map(CampaignId::to_string).unwrap_or_default()),
            "cid" => Some(session.creative.as_ref().map(CreativeId::to_string).unwrap_or_default()),
            "s1" => sub_id(0),
            "s2" => sub_id(1),
            "s3" => sub_id(2),
            "s4" => sub_id(3),
            "s5" => sub_id(4),
            "reqid" | "oreqid" => Some(self.request_id.to_string()),
            "vstid" => Some(session.visitor.map(|visitor| visitor.0.to_string()).unwrap_or_default()),
            "udid" => Some(session.device_id.clone().unwrap_or_default()),
            _ => None,
        }
    }

    /// A link with its tokens replaced, fit for a `Location` header.
    pub fn fill(&self, link: &str) -> String {
        header_safe(replace_tokens(link, Escape::Url, &|name| self.lookup(name)))
    }
}

/// A link with pre-fill values appended to its query.
pub fn append_prefill(link: &str, prefill: &[(String, String)]) -> String {
    let (before, fragment) = match link.find('#') {
        Some(at) => link.split_at(at),
        None => (link, ""),
    };
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(prefill);
    let query = query.finish();
    if query.is_empty() {
        return link.to_owned();
    }
    let joint = match before.rfind('?') {
        None => "?",
        Some(at) if at + 1 == before.len() || before.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{before}{joint}{query}{fragment}")
}

/// The deep link's target, if it may replace the creative's: the creative allows
/// it, and the host — as a browser will read it, after tokens are replaced — is
/// one that the offer names. Anything else would be an open redirect.
pub fn deep_link(
    target: &str,
    creative: &Creative,
    offer: &Offer,
    values: &TokenValues<'_>,
) -> Option<String> {
    if !creative.allow_link_override {
        return None;
    }
    let filled = header_safe(replace_link_tokens(target, &|name| values.lookup(name)));
    let url = Url::parse(&filled).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let host = url.host_str()?;
    let listed = offer.link_override_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host));
    listed.then(|| url.to_string())
}

/// Visible ASCII as it is; anything else as a browser would encode it, so that
/// no value can end the header line.
fn header_safe(link: String) -> String {
    if link.bytes().all(|b| b.is_ascii_graphic()) {
        return link;
    }
    match Url::parse(&link) {
        Ok(url) => url.to_string(),
        Err(_) => link.chars().filter(char::is_ascii_graphic).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefill_values_join_the_query_before_the_fragment() {
        let prefill = [("zip_code".to_owned(), "90210 é".to_owned())];
        assert_eq!(append_prefill("https://lp/", &prefill), "https://lp/?zip_code=90210+%C3%A9");
        assert_eq!(append_prefill("https://lp/?a=1", &prefill), "https://lp/?a=1&zip_code=90210+%C3%A9");
        assert_eq!(append_prefill("https://lp/?", &prefill), "https://lp/?zip_code=90210+%C3%A9");
        assert_eq!(append_prefill("https://lp/#top", &prefill), "https://lp/?zip_code=90210+%C3%A9#top");
        assert_eq!(append_prefill("https://lp/#top", &[]), "https://lp/#top");
    }

    #[test]
    fn a_location_cannot_be_ended_by_a_value() {
        assert_eq!(header_safe("https://lp/a\r\nSet-Cookie: x".to_owned()), "https://lp/aSet-Cookie:%20x");
        assert_eq!(header_safe("https://lp/é".to_owned()), "https://lp/%C3%A9");
    }
}
