//! Offers whose affiliates can report conversions of their own clicks, and are paid for it.
//!
//! Whoever knows a request id can fire the pixel of a page, and an affiliate knows those of
//! its clicks. Where that is how an offer's conversions come it must be so, and the
//! advertiser's own count is what to hold it against. Here is named what hardly anybody
//! means: shares of an amount that the pixel says.

use crumb_domain::network::{Offer, PriceFormat, PriceOverride};
use crumb_domain::payout::price_format;
use crumb_network::Snapshot;

/// A line that names them; none where there are none.
pub fn forgeable(snapshot: &Snapshot) -> Option<String> {
    let is_one = |offer: &Offer| {
        !offer.trusted_only
            && offer.price_override != PriceOverride::None
            && (offer.payout_percent.is_some() || is_revshare(snapshot, offer))
    };
    let mut ids: Vec<_> = snapshot
        .offers()
        .map(|offer| &offer.offer)
        .filter(|offer| is_one(offer))
        .map(|offer| offer.id)
        .collect();
    ids.sort_unstable();
    let offers = if ids.len() == 1 { "offer" } else { "offers" };
    let named = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    (!ids.is_empty()).then(|| {
        format!(
            "{offers} {named}: affiliates are paid a share of what unsigned pixels say, and can fire them for their \
             own clicks (price_override = \"none\" or trusted_only prevents that)"
        )
    })
}

/// Whether somebody's terms on it are a share of what is received.
fn is_revshare(snapshot: &Snapshot, offer: &Offer) -> bool {
    let is_share = |contract, campaign| price_format(offer, contract, campaign) == PriceFormat::Revshare;
    let campaigns = snapshot.network().campaign.iter().filter(|campaign| campaign.offer == offer.id);
    let mut of_campaigns = campaigns.map(|campaign| {
        let contract = offer.contract.iter().find(|contract| Some(contract.id) == campaign.offer_contract);
        is_share(contract, Some(campaign))
    });
    is_share(None, None)
        || offer.contract.iter().any(|contract| is_share(Some(contract), None))
        || of_campaigns.any(|is| is)
}
