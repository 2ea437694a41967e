//! Offers whose affiliates can report conversions of their own clicks, and are paid for it.
//!
//! Whoever knows a request id can fire the pixel of a page, and an affiliate knows those of
//! its clicks. Where that is how an offer's conversions come it must be so, and the
//! advertiser's own count is what to hold it against. Here is named what hardly anybody
//! means: lead offers, which most often have no pixel in any page, and shares of an amount
//! that the pixel says.

use crumb_domain::network::{Offer, OfferType, PriceFormat, PriceOverride};
use crumb_domain::payout::price_format;
use crumb_network::{CompiledOffer, Snapshot};

/// A line for each kind, with its offers.
pub fn forgeable(snapshot: &Snapshot) -> Vec<String> {
    let mut open: Vec<&CompiledOffer> = snapshot.offers().filter(|offer| !offer.offer.trusted_only).collect();
    open.sort_unstable_by_key(|offer| offer.offer.id);
    let takes_leads = |offer: &Offer| offer.offer_type != OfferType::ThirdParty;
    let shares = |offer: &Offer| {
        offer.price_override != PriceOverride::None
            && (offer.payout_percent.is_some() || is_revshare(snapshot, offer))
    };
    let named = |is_meant: &dyn Fn(&Offer) -> bool, what: &str| {
        let ids: Vec<String> = open
            .iter()
            .filter(|offer| is_meant(&offer.offer))
            .map(|offer| offer.offer.id.to_string())
            .collect();
        let offers = if ids.len() == 1 { "offer" } else { "offers" };
        (!ids.is_empty()).then(|| format!("{offers} {}: {what}", ids.join(", ")))
    };
    let leads = "a conversion pixel pays without a lead, and affiliates can fire it for their own clicks \
                 (trusted_only prevents that)";
    let received = "affiliates are paid a share of what unsigned pixels say, and can fire them for their own \
                    clicks (price_override = \"none\" or trusted_only prevents that)";
    [named(&takes_leads, leads), named(&shares, received)].into_iter().flatten().collect()
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
