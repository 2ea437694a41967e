//! Where a click's link leads: tokens, pre-fill values, deep links.

use crumb_domain::fields::FieldRules;
use crumb_domain::network::Creative;
use crumb_domain::session::Session;
use crumb_domain::{CampaignId, CreativeId, RequestId, Timestamp};
use crumb_network::CompiledOffer;
use crumb_wire::escape::location;
use crumb_wire::percent;
use crumb_wire::token::{Escape, fragment_start, replace_link_tokens, replace_tokens};
use url::Url;

/// Stands in for personal data in what is kept of a redirect.
pub const MASK: &str = "***";

/// What a link's tokens say: the credited session's values.
#[derive(Clone, Copy)]
pub struct TokenValues<'a> {
    /// The session that the books credit.
    pub session: &'a Session,
    /// Its public name.
    pub request_id: RequestId,
    /// The vertical's fields: tokens of a thank-you link.
    pub rules: &'a FieldRules,
}

/// Tokens of every link.
pub const CLICK_TOKENS: [&str; 13] =
    ["affid", "oid", "campid", "cid", "s1", "s2", "s3", "s4", "s5", "reqid", "oreqid", "vstid", "udid"];

/// Tokens that conversions give a value: on a thank-you link they are known, but
/// a click has none for them.
pub const CONVERSION_TOKENS: [&str; 8] =
    ["tid", "leadid", "price", "ip", "sourceip", "utcunixtime", "sourcedate", "sourcetime"];

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
        location(&replace_tokens(link, Escape::Url, &|name| self.lookup(name)))
    }

    /// A thank-you link with its tokens replaced, for a visitor who has been
    /// thanked before: what is known of a conversion only becomes empty.
    pub fn fill_thank_you(&self, link: &str) -> String {
        let known = |name: &str| CONVERSION_TOKENS.contains(&name) || self.rules.field(name).is_some();
        let lookup = |name: &str| self.lookup(name).or_else(|| known(name).then(String::new));
        location(&replace_tokens(link, Escape::Url, &lookup))
    }
}

/// The dialect's form of a moment, in UTC: `2013-11-12T13:04:27.5670000`. Both
/// `#sourcedate#` and `#sourcetime#` say it.
pub fn source_time(at: Timestamp) -> String {
    let seconds = Timestamp::from_micros(at.unix_seconds().saturating_mul(1_000_000)).to_string();
    let tenths_of_micros = at.micros().rem_euclid(1_000_000) * 10;
    format!("{}.{tenths_of_micros:07}", seconds.trim_end_matches('Z'))
}

/// A link, its tokens not replaced yet, with pre-fill values appended to its query.
///
/// Before the tokens are replaced, because only then a fragment can be told from a
/// token that nobody knows and that is left as it is.
pub fn append_prefill(link: &str, prefill: &[(String, String)]) -> String {
    let (before, fragment) = match fragment_start(link) {
        Some(at) => link.split_at(at),
        None => (link, ""),
    };
    // A blank as %20, which scripts' decodeURIComponent reads as well as forms do.
    let pairs: Vec<String> = prefill
        .iter()
        .map(|(name, value)| format!("{}={}", percent::encode(name), percent::encode(value)))
        .collect();
    let query = pairs.join("&");
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
    offer: &CompiledOffer,
    values: &TokenValues<'_>,
) -> Option<String> {
    if !creative.allow_link_override {
        return None;
    }
    let filled = location(&replace_link_tokens(target, &|name| values.lookup(name)));
    let url = Url::parse(&filled).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let host = url.host_str()?;
    offer.is_override_host(host).then(|| url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_in_the_list_for_people() {
        let list = include_str!("../../../docs/HANDBOOK.md");
        for token in CLICK_TOKENS.iter().chain(&CONVERSION_TOKENS) {
            assert!(list.contains(&format!("`#{token}#`")), "{token}");
        }
    }

    #[test]
    fn prefill_values_join_the_query_before_the_fragment() {
        let prefill = [("zip_code".to_owned(), "90210 é".to_owned())];
        assert_eq!(append_prefill("https://lp/", &prefill), "https://lp/?zip_code=90210%20%C3%A9");
        assert_eq!(append_prefill("https://lp/?a=1", &prefill), "https://lp/?a=1&zip_code=90210%20%C3%A9");
        assert_eq!(append_prefill("https://lp/?", &prefill), "https://lp/?zip_code=90210%20%C3%A9");
        assert_eq!(append_prefill("https://lp/#top", &prefill), "https://lp/?zip_code=90210%20%C3%A9#top");
        assert_eq!(append_prefill("https://lp/#top", &[]), "https://lp/#top");
    }

    #[test]
    fn a_moment_has_seven_digits_of_a_second() {
        let at: Timestamp = "2013-11-12T13:04:27.567Z".parse().unwrap();
        assert_eq!(source_time(at), "2013-11-12T13:04:27.5670000");
    }

    #[test]
    fn a_token_is_no_fragment() {
        let prefill = [("zip_code".to_owned(), "#s1#".to_owned())];
        assert_eq!(
            append_prefill("https://lp/?a=#nope#&b=#s1##top", &prefill),
            "https://lp/?a=#nope#&b=#s1#&zip_code=%23s1%23#top"
        );
    }
}
