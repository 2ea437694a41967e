//! What counted clicks and impressions cost, and on whose account.

use crumb_domain::OfferContractId;
use crumb_domain::charge::{Charge, Party, Priced};
use crumb_domain::network::Campaign;
use crumb_domain::payout::{TrafficTerms, Worth};
use crumb_domain::{Money, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};

/// What a click, or a thousand impressions, of a campaign comes to.
pub(crate) fn worth(
    snapshot: &Snapshot,
    offer: &CompiledOffer,
    contract: Option<OfferContractId>,
    campaign: &Campaign,
    priced: Priced,
) -> Worth {
    let is_internal = snapshot.settings().internal_affiliate == Some(campaign.affiliate);
    let contract = contract.and_then(|id| offer.contract(id));
    TrafficTerms { offer: &offer.offer, contract, campaign, is_internal }.worth(priced)
}

/// Who is paid and who pays at those prices; nobody for nothing.
pub(crate) fn charges(
    snapshot: &Snapshot,
    offer: &CompiledOffer,
    campaign: &Campaign,
    priced: Priced,
    worth: Worth,
    at: Timestamp,
) -> impl Iterator<Item = Charge> {
    let day = snapshot.zone().day_of(at);
    let payout = Some((Party::Affiliate(campaign.affiliate), worth.payout));
    let received = offer.advertiser.map(|advertiser| (Party::Advertiser(advertiser), worth.received));
    let campaign = campaign.id;
    [received, payout]
        .into_iter()
        .flatten()
        .filter(|(_, price)| *price != Money::ZERO)
        .map(move |(party, price)| Charge { campaign, party, priced, price, at, day })
}
