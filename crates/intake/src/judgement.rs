//! What a post says, held against the vertical's rules.

use crate::case::Case;
use crate::credit::{Credit, is_browsers};
use crumb_domain::fields::{Checked, FieldRules, FieldVerdict};
use crumb_domain::outcome::Problem;
use crumb_domain::{AffiliateId, Money};
use crumb_wire::post::PostRequest;

/// The name of the field that holds the consumer's address.
pub const IP_FIELD: &str = "ip_address";

/// A post's fields, checked.
pub struct Judged {
    /// The values and what is wrong with them.
    pub checked: Checked,
    /// What follows from that, by the decisions of the failing fields: a browser's
    /// visitor can be asked to mend them, a server cannot.
    pub verdict: Option<FieldVerdict>,
    /// Whether the vertical's inbound filter wants it.
    pub filtered: Option<Problem>,
    /// What the first lead tier that matches pays.
    pub tier_payout: Option<Money>,
}

/// Checks a post's fields. `standing` holds the values of a lead that is being
/// changed: what is not sent stays.
pub(crate) fn check(case: &Case<'_>, standing: &[(String, String)]) -> Judged {
    let (request, client, today) = (case.incoming.request, case.incoming.client, case.today());
    let vertical = case.offer.vertical();
    let browsers = is_browsers(request);
    let given = |name: &str| {
        let sent = request.fields.get(name).map(str::to_owned);
        let stays = || {
            let (_, value) = standing.iter().find(|(kept, _)| kept.eq_ignore_ascii_case(name))?;
            (!is_sent_in_parts(&vertical.rules, request, name)).then(|| value.clone())
        };
        let own = || (browsers && standing.is_empty() && name == IP_FIELD).then(|| client.ip.to_string());
        sent.filter(|value| !(name == IP_FIELD && browsers && value.trim().is_empty()))
            .or_else(stays)
            .or_else(own)
    };
    let nested = |name: &str| request.nested.iter().any(|n| n == name);
    let checked = vertical.rules.check_structured(&given, &nested, today);
    let verdict = if browsers { checked.client_verdict() } else { checked.server_verdict() };
    let value = |name: &str| {
        checked
            .values
            .iter()
            .find(|(kept, _)| kept.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
    };
    let filtered = vertical.inbound.matches(&value, today).err().map(|_| Problem::UnmatchedFilter);
    let tier_payout = vertical
        .tiers
        .iter()
        .find(|(filter, _)| filter.matches(&value, today).is_ok())
        .map(|(_, tier)| tier.payout);
    Judged { checked, verdict, filtered, tier_payout }
}

/// Whether a post gives a new value for a field by its group inputs.
fn is_sent_in_parts(rules: &FieldRules, request: &PostRequest, name: &str) -> bool {
    let sent = |input: &str| request.fields.get(input).is_some_and(|value| !value.trim().is_empty());
    rules.field(name).is_some_and(|rule| rule.inputs().skip(1).any(sent))
}

/// Whether a lead is a test: it says so, or its session is a test link's.
pub fn is_test(request: &PostRequest, credit: &Credit) -> bool {
    request.test
        || credit.affiliate == AffiliateId::TEST
        || credit.session.as_ref().is_some_and(|session| session.test)
}
