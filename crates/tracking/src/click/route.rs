//! Which offer takes a click: the one that was clicked, or one along the chain
//! of redirect offers.

use super::Clicks;
use super::end::DeadEnd;
use super::incoming::{Incoming, Target};
use crate::gate::{self, Diversion, Geo, Visit};
use crumb_domain::caps::CapScope;
use crumb_domain::click::Disposition;
use crumb_domain::network::Campaign;
use crumb_domain::{AffiliateId, OfferContractId, OfferId};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_storage::{Store, StoreError};

/// Redirect offers that a diverted click follows at most; `apply` refuses loops,
/// so only a longer chain than anybody means is cut here.
const MAX_HOPS: usize = 5;

/// Where a click goes.
pub(super) enum Route {
    /// To an offer; `diverted` says why it is not the one that was clicked.
    Takes { offer: OfferId, diverted: Option<Disposition> },
    /// Nowhere; `why` is what the clicked offer said.
    Ends { why: Disposition, end: DeadEnd },
}

/// An offer on the way of a click.
struct Stop<'a> {
    offer: &'a CompiledOffer,
    campaign: Option<&'a Campaign>,
    /// What was clicked, where nothing has diverted the click yet.
    clicked: Option<&'a Target<'a>>,
}

impl<S: Store + Clone> Clicks<S> {
    /// Follows the chain of redirect offers until one takes the click.
    pub(super) async fn route(
        &self,
        snapshot: &Snapshot,
        incoming: &Incoming<'_>,
        target: &Target<'_>,
    ) -> Result<Route, StoreError> {
        let link = incoming.link;
        let mut offer = target.offer;
        let mut diverted = None;
        let mut hops = 0;
        loop {
            let contract = link.offer_contract.filter(|_| hops == 0);
            let campaign = snapshot.choose_campaign(target.affiliate, offer.id, link.price_format, contract);
            let stop = Stop { offer, campaign, clicked: (hops == 0).then_some(target) };
            let refused = self.refuse(snapshot, incoming, target.affiliate, &stop).await?;
            let Some((why, diversion)) = refused else {
                return Ok(Route::Takes { offer: offer.id, diverted });
            };
            let why = *diverted.get_or_insert(why);
            let end = match diversion {
                Diversion::Global => DeadEnd::Global,
                Diversion::NotFound => DeadEnd::NotFound,
                Diversion::Chain => match redirect_offer(snapshot, &stop, contract) {
                    // A pixel redirects nobody: the page stays where it is.
                    Some(next) if hops < MAX_HOPS && link.pixel.is_none() => {
                        offer = next;
                        hops += 1;
                        continue;
                    }
                    _ if offer.redirect_404 || campaign.is_some_and(|c| c.redirect_404) => DeadEnd::NotFound,
                    _ => DeadEnd::Global,
                },
            };
            return Ok(Route::Ends { why, end });
        }
    }

    /// The first reason to refuse the click on an offer: the shared checks, then
    /// the click caps.
    async fn refuse(
        &self,
        snapshot: &Snapshot,
        incoming: &Incoming<'_>,
        affiliate: AffiliateId,
        stop: &Stop<'_>,
    ) -> Result<Option<(Disposition, Diversion)>, StoreError> {
        let visit = Visit {
            now: incoming.now,
            affiliate,
            sub_affiliate: incoming.link.sub_ids.sub_affiliate(),
            offer: stop.offer,
            campaign: stop.campaign,
            creative: stop.clicked.map(|target| target.creative),
            addresses: [Some(incoming.client.ip), None],
            country: match (&self.site.geo, &incoming.country) {
                (None, _) => Geo::NotEnforced,
                (Some(_), None) => Geo::Unknown,
                (Some(_), Some(code)) => Geo::Country(code),
            },
        };
        let refused = match stop.clicked {
            Some(_) => gate::refuse(snapshot, &visit),
            None => gate::refuse_diverted(snapshot, &visit),
        };
        if let Some(refused) = refused {
            return Ok(Some((refused.why.disposition(), refused.diversion)));
        }
        if affiliate == AffiliateId::TEST {
            return Ok(None);
        }
        let day = snapshot.zone().day_of(incoming.now);
        let (store, offer) = (&self.site.store, stop.offer);
        if self.caps.is_reached(store, &offer.caps, CapScope::Offer(offer.id), day).await? {
            return Ok(Some((Disposition::OfferOverClickCap, Diversion::Chain)));
        }
        if let Some(campaign) = stop.campaign
            && self.caps.is_reached(store, &campaign.caps, CapScope::Campaign(campaign.id), day).await?
        {
            return Ok(Some((Disposition::CampaignOverClickCap, Diversion::Chain)));
        }
        Ok(None)
    }
}

/// The next offer of the chain: the campaign's, else the offer contract's, the
/// offer's, the vertical's, which may be the present offer itself and is none then. The
/// contract is the campaign's, else the one that the link asks for.
fn redirect_offer<'s>(
    snapshot: &'s Snapshot,
    stop: &Stop<'_>,
    asked: Option<OfferContractId>,
) -> Option<&'s CompiledOffer> {
    let offer = stop.offer;
    let asked = asked.filter(|id| offer.contract(*id).is_some());
    let contract = stop.campaign.and_then(|campaign| campaign.offer_contract).or(asked);
    stop.campaign
        .and_then(|campaign| campaign.redirect_offer)
        .or(offer.terms(contract).redirect_offer)
        .or(offer.redirect_offer)
        .or(offer.vertical().vertical.redirect_offer)
        .filter(|next| *next != offer.id)
        .and_then(|next| snapshot.offer(next))
}
