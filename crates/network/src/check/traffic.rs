//! Affiliates, campaigns and the blacklist.

use super::Check;
use crumb_domain::network::{Campaign, Offer, PriceFormat};
use crumb_domain::{AffiliateId, CampaignId, OfferContractId, OfferId};
use std::collections::HashMap;

/// What tells the campaigns of an affiliate apart when a link is clicked; the
/// server's own are not held against a person's.
type Terms = (AffiliateId, OfferId, PriceFormat, Option<OfferContractId>, bool);

impl Check<'_> {
    pub(super) fn blacklist(&mut self) {
        for entry in &self.network.blacklist {
            let place = self.places.at(entry);
            self.affiliate_exists(format!("{place}.affiliate"), entry.affiliate);
            self.offer_exists(format!("{place}.offer"), entry.offer);
            if let Some(id) = entry.advertiser.filter(|id| !self.advertisers.contains(id)) {
                self.fault(format!("{place}.advertiser"), format!("no advertiser {id}"));
            }
            if entry.offer.is_some() && entry.advertiser.is_some() {
                self.fault(format!("{place}.advertiser"), "name an offer or an advertiser, not both");
            }
        }
    }

    pub(super) fn affiliates(&mut self) {
        for affiliate in &self.network.affiliate {
            let place = self.places.at(affiliate);
            self.head(&place, affiliate.id.0, &affiliate.name);
            self.link(format!("{place}.postback_url"), affiliate.postback_url.as_deref());
        }
    }

    pub(super) fn campaigns(&mut self) {
        let mut seen: HashMap<Terms, CampaignId> = HashMap::new();
        for campaign in self.places.in_order(&self.network.campaign) {
            let place = self.places.at(campaign);
            self.id(&place, campaign.id.0);
            self.affiliate_exists(format!("{place}.affiliate"), campaign.affiliate);
            self.offer_exists(format!("{place}.offer"), Some(campaign.offer));
            self.offer_exists(format!("{place}.redirect_offer"), campaign.redirect_offer);
            self.not_negative(format!("{place}.payout"), campaign.payout);
            self.link(format!("{place}.postback_url"), campaign.postback_url.as_deref());
            let Some(offer) = self.offers.get(&campaign.offer).copied() else { continue };
            let contract = campaign.offer_contract;
            if let Some(id) = contract.filter(|id| !offer.contract.iter().any(|c| c.id == *id)) {
                self.fault(
                    format!("{place}.offer_contract"),
                    format!("offer {} has no contract {id}", offer.id),
                );
                continue;
            }
            let terms = terms(campaign, offer);
            if let Some(other) = seen.insert(terms, campaign.id) {
                let message = format!(
                    "campaigns {other} and {} are equal: same affiliate, offer, price format and offer contract",
                    campaign.id
                );
                self.fault(place, message);
            }
        }
    }
}

fn terms(campaign: &Campaign, offer: &Offer) -> Terms {
    let contract = campaign.offer_contract.and_then(|id| offer.contract.iter().find(|c| c.id == id));
    let format =
        campaign.price_format.or(contract.and_then(|c| c.price_format)).unwrap_or(offer.price_format);
    (campaign.affiliate, campaign.offer, format, contract.map(|c| c.id), campaign.made_by_server)
}
