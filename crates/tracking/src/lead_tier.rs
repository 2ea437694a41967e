//! The lead tier that a lead is of.

use crumb_domain::Money;
use crumb_domain::lead::Lead;
use crumb_network::{CompiledOffer, Snapshot};

/// What the first tier pays that the lead matches. A tier is what partners are paid; the
/// house pays itself what its own campaign says.
pub fn payout(snapshot: &Snapshot, offer: &CompiledOffer, lead: &Lead) -> Option<Money> {
    if snapshot.settings().internal_affiliate == Some(lead.affiliate) {
        return None;
    }
    let today = snapshot.zone().day_of(lead.at);
    let value = |name: &str| lead.field(name).map(str::to_owned);
    let mut tiers = offer.vertical().tiers.iter();
    let tier = tiers.find(|(filter, _)| filter.matches(&value, today).is_ok());
    tier.map(|(_, tier)| tier.payout)
}
