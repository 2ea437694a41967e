//! What a poster is told, from what became of the post.

use crate::onward::Onward;
use crumb_domain::fields::{Checked, FieldProblem, FieldRules};
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::network::{Offer, OfferType};
use crumb_domain::outcome::Problem;
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::session::Session;
use crumb_domain::{AffiliateId, CampaignId, CreativeId, Money, RequestId, Timestamp};
use crumb_tracking::links::source_time;
use crumb_wire::answer::LeadReply;
use crumb_wire::token::{Escape, replace_tokens};
use std::net::IpAddr;

/// What the tokens of a thank-you link can say.
pub struct ReplyTokens<'a> {
    /// The lead as it stands, or as it would.
    pub lead: &'a Lead,
    /// Whether it is in the store. Of one that is not, its id, its price and the
    /// session it would have opened are not told: nobody could do anything with them.
    pub is_kept: bool,
    /// What makes the session's public name, for which few ask; none where there is no session
    /// yet.
    pub names: Option<&'a RequestIdKey>,
    /// The session, where the lead did not open it.
    pub session: Option<&'a Session>,
    /// The vertical's fields: the names that are tokens even without a value.
    pub rules: &'a FieldRules,
    /// The poster's or consumer's address.
    pub ip: Option<IpAddr>,
    /// The moment.
    pub now: Timestamp,
}

impl ReplyTokens<'_> {
    /// A link with its tokens replaced.
    pub fn fill(&self, link: &str) -> String {
        replace_tokens(link, Escape::Url, &|name| self.lookup(name))
    }

    /// A token's value by its lower-case name; none for a name that is no token.
    pub fn lookup(&self, name: &str) -> Option<String> {
        let lead = self.lead;
        let session = self.session;
        let sub_id = |index: usize| lead.sub_ids.as_array().get(index).cloned();
        let address = |ip: Option<IpAddr>| ip.as_ref().map(IpAddr::to_string).unwrap_or_default();
        match name {
            "affid" => Some(lead.affiliate.to_string()),
            "oid" => Some(lead.offer.to_string()),
            "campid" => Some(lead.campaign.as_ref().map(CampaignId::to_string).unwrap_or_default()),
            "cid" => {
                Some(session.and_then(|s| s.creative).as_ref().map(CreativeId::to_string).unwrap_or_default())
            }
            "s1" => sub_id(0),
            "s2" => sub_id(1),
            "s3" => sub_id(2),
            "s4" => sub_id(3),
            "s5" => sub_id(4),
            "reqid" | "oreqid" => {
                let names = self.names.filter(|_| self.is_kept || session.is_some());
                let named = names.and_then(|names| names.request_id(lead.session));
                Some(named.as_ref().map(RequestId::to_string).unwrap_or_default())
            }
            "vstid" => Some(session.and_then(|s| s.visitor).map(|v| v.0.to_string()).unwrap_or_default()),
            "udid" => Some(session.and_then(|s| s.device_id.clone()).unwrap_or_default()),
            "tid" => Some(String::new()),
            "leadid" | "price" if !self.is_kept => Some(String::new()),
            "leadid" => Some(lead.id.to_string()),
            "price" => Some(price(lead).to_cents_string()),
            "ip" => Some(address(self.ip)),
            "sourceip" => Some(address(session.and_then(|s| s.ip))),
            "utcunixtime" => Some(self.now.unix_seconds().to_string()),
            "sourcedate" | "sourcetime" => Some(source_time(self.now)),
            field => {
                let value = lead.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(field));
                let known = self.rules.field(field).map(|_| String::new());
                value.map(|(_, value)| value.clone()).or(known)
            }
        }
    }
}

/// Whether a lead is answered with code 0: sold, or taken on an offer that sells
/// later, or a test, or waiting for a person.
pub fn is_success(offer: &Offer, lead: &Lead) -> bool {
    match lead.status {
        LeadStatus::Sold | LeadStatus::Test | LeadStatus::Returned => true,
        LeadStatus::Review => true,
        LeadStatus::Scrubbed => {
            offer.offer_type == OfferType::Hosted || lead.outcome == LeadOutcome::ThrownOut
        }
        LeadStatus::Queued | LeadStatus::Unsold | LeadStatus::PendingUnknown => {
            offer.offer_type == OfferType::Hosted
        }
    }
}

/// The reply to a post whose lead stands as it does. `onward`: where its sale sends the
/// visitor; `is_refused`: it was offered again, and nobody bought it then.
pub fn of_lead(offer: &Offer, tokens: &ReplyTokens<'_>, onward: &Onward, is_refused: bool) -> LeadReply {
    let lead = tokens.lead;
    let redirect = match onward {
        Onward::Buyer(redirect) => Some(redirect.clone()),
        Onward::Contract(link) => Some(tokens.fill(link)),
        Onward::Offer => offer.thank_you_link.as_deref().map(|link| tokens.fill(link)),
    };
    if is_success(offer, lead) && !is_refused {
        LeadReply::Success { lead: lead.id, price: price(lead), redirect }
    } else {
        LeadReply::Problem { problem: Problem::NoQualifiedBuyers, redirect }
    }
}

/// What the affiliate is told it earns: nothing for a lead that waits for a person.
fn price(lead: &Lead) -> Money {
    match lead.status {
        LeadStatus::Review | LeadStatus::Scrubbed | LeadStatus::Test => Money::ZERO,
        _ if lead.affiliate == AffiliateId::TEST => Money::ZERO,
        _ => lead.payout,
    }
}

/// The reply to a post that made no lead.
pub fn of_problem(offer: Option<&Offer>, problem: Problem, tokens: Option<&ReplyTokens<'_>>) -> LeadReply {
    let sends_on = matches!(problem, Problem::DuplicateLead | Problem::NoQualifiedBuyers);
    let link = offer.and_then(|offer| offer.thank_you_link.as_deref()).filter(|_| sends_on);
    let redirect = link.zip(tokens).map(|(link, tokens)| tokens.fill(link));
    LeadReply::Problem { problem, redirect }
}

/// The reply to a post with bad fields.
pub fn of_fields(checked: &Checked) -> LeadReply {
    let told =
        |problems: &[FieldProblem]| problems.iter().map(|p| (p.name.clone(), p.text.clone())).collect();
    LeadReply::Fields { missing: told(&checked.missing), wrong: told(&checked.wrong) }
}
