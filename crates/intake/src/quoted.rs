//! A post that names a ping: held against what was quoted for it.

use crate::case::Case;
use crate::judgement::Judged;
use crate::selling::quote::Quoted;
use crate::service::Leads;
use crumb_domain::fields::{FieldRules, normalised_for_comparison};
use crumb_domain::outcome::Problem;
use crumb_storage::selling::QuoteFound;
use crumb_storage::{Store, StoreError};

impl<S: Store + Clone> Leads<S> {
    /// The quote that a post names, if it is its campaign's, of these fields, unused and
    /// has not passed. It is used up where the lead is accepted, and only there: a post
    /// that is refused before that may be mended and sent again.
    pub(crate) async fn quoted(
        &self,
        case: &Case<'_>,
        judged: &Judged,
        ping_id: &str,
    ) -> Result<Result<Quoted, Problem>, StoreError> {
        let Some(campaign) = case.credit.campaign else { return Ok(Err(Problem::InvalidPingId)) };
        let id = ping_id.trim().to_owned();
        Ok(match self.site.store.quote(id, campaign, case.incoming.now).await? {
            QuoteFound::Holds(quote) => {
                let rules = &case.offer.vertical().rules;
                let is_unchanged = is_unchanged(&quote.fields, &judged.checked.values, rules);
                let quoted = Quoted::read(*quote);
                let is_upsell = case.incoming.request.upsell;
                // Other buyers take upsells: their price was never asked for.
                if is_unchanged && quoted.is_upsell.is_none_or(|pinged| pinged == is_upsell) {
                    Ok(quoted)
                } else {
                    Err(Problem::InvalidPingId)
                }
            }
            QuoteFound::Expired => Err(Problem::PingExpired),
            QuoteFound::Unknown => Err(Problem::InvalidPingId),
        })
    }
}

/// Whether a post says all that its ping said. It may say more.
fn is_unchanged(pinged: &[(String, String)], posted: &[(String, String)], rules: &FieldRules) -> bool {
    pinged.iter().all(|(name, pinged)| {
        let Some(rule) = rules.field(name) else { return false };
        let same = |value: &str| normalised_for_comparison(rule.field().field_type, value);
        posted.iter().any(|(posted_name, posted)| posted_name == name && same(posted) == same(pinged))
    })
}
