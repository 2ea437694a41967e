//! Offers with their creatives, contracts and events.

use super::{Check, used_twice};
use crumb_domain::network::{ActiveStatus, MAX_THROW_OUT_SECONDS, Offer, OfferType};
use crumb_domain::{CreativeId, Money, OfferContractId, OfferId};
use std::collections::{HashMap, HashSet};

/// All of what the sale brings.
const HUNDRED_PERCENT: Money = Money::from_micros(100 * Money::MICROS_PER_UNIT);

impl Check<'_> {
    pub(super) fn offers(&mut self) {
        let mut creatives = HashMap::new();
        let mut contracts = HashMap::new();
        for offer in self.places.in_order(&self.network.offer) {
            let place = self.places.at(offer);
            self.offer(&place, offer);
            self.creatives(&place, offer, &mut creatives);
            self.offer_contracts(&place, offer, &mut contracts);
            self.events(&place, offer);
        }
    }

    fn offer(&mut self, place: &str, offer: &Offer) {
        self.head(place, offer.id.0, &offer.name);
        if !self.verticals.contains_key(&offer.vertical) {
            self.fault(format!("{place}.vertical"), format!("no vertical {}", offer.vertical));
        }
        if let Some(id) = offer.advertiser.filter(|id| !self.advertisers.contains(id)) {
            self.fault(format!("{place}.advertiser"), format!("no advertiser {id}"));
        }
        if offer.link.is_none() && offer.offer_type != OfferType::ThirdParty {
            self.fault(format!("{place}.link"), "required unless the type is third_party");
        }
        self.link(format!("{place}.link"), offer.link.as_deref());
        self.link(format!("{place}.thank_you_link"), offer.thank_you_link.as_deref());
        self.not_negative(format!("{place}.payout"), Some(offer.payout));
        self.not_negative(format!("{place}.received"), Some(offer.received));
        self.not_negative(format!("{place}.payout_percent"), offer.payout_percent);
        if offer.payout_percent.is_some_and(|share| share > HUNDRED_PERCENT) {
            self.fault(format!("{place}.payout_percent"), "more than 100 percent");
        }
        if offer.deadline_ms == 0 {
            self.fault(format!("{place}.deadline_ms"), "must be at least 1");
        }
        if offer.throw_out_seconds > MAX_THROW_OUT_SECONDS {
            let message = format!("must be at most {MAX_THROW_OUT_SECONDS} (one day)");
            self.fault(format!("{place}.throw_out_seconds"), message);
        }
        self.offer_exists(format!("{place}.redirect_offer"), offer.redirect_offer);
        for (index, country) in offer.countries.iter().enumerate() {
            if country.len() != 2 || !country.bytes().all(|b| b.is_ascii_alphabetic()) {
                let message = format!("\"{country}\" is no country; expected two letters like \"US\"");
                self.fault(format!("{place}.countries[{index}]"), message);
            }
        }
        for (index, host) in offer.link_override_hosts.iter().enumerate() {
            self.host(format!("{place}.link_override_hosts[{index}]"), host);
        }
    }

    fn creatives(&mut self, place: &str, offer: &Offer, seen: &mut HashMap<CreativeId, OfferId>) {
        for (index, creative) in offer.creative.iter().enumerate() {
            let place = format!("{place}.creative[{index}]");
            self.head(&place, creative.id.0, &creative.name);
            self.link(format!("{place}.link"), creative.link.as_deref());
            if let Some(other) = seen.insert(creative.id, offer.id) {
                self.nested_twice(&place, creative.id.0, other, offer.id);
            }
        }
    }

    fn offer_contracts(&mut self, place: &str, offer: &Offer, seen: &mut HashMap<OfferContractId, OfferId>) {
        for (index, contract) in offer.contract.iter().enumerate() {
            let place = format!("{place}.contract[{index}]");
            self.id(&place, contract.id.0);
            self.link(format!("{place}.link"), contract.link.as_deref());
            self.not_negative(format!("{place}.payout"), contract.payout);
            self.not_negative(format!("{place}.received"), contract.received);
            self.offer_exists(format!("{place}.redirect_offer"), contract.redirect_offer);
            if let Some(other) = seen.insert(contract.id, offer.id) {
                self.nested_twice(&place, contract.id.0, other, offer.id);
            }
        }
    }

    /// Creatives and offer contracts are named without their offer in links, so
    /// that their ids are unique over all offers.
    fn nested_twice(&mut self, place: &str, id: i64, one: OfferId, other: OfferId) {
        let message =
            if one == other { used_twice(id) } else { format!("{}: by offer {one} too", used_twice(id)) };
        self.fault(format!("{place}.id"), message);
    }

    fn events(&mut self, place: &str, offer: &Offer) {
        let mut ids = HashSet::new();
        let mut shorts = HashSet::new();
        let mut has_default = false;
        for (index, event) in offer.event.iter().enumerate() {
            let place = format!("{place}.event[{index}]");
            self.head(&place, event.id.0, &event.name);
            self.not_negative(format!("{place}.payout"), event.payout);
            self.not_negative(format!("{place}.received"), event.received);
            if !ids.insert(event.id) {
                self.fault(format!("{place}.id"), used_twice(event.id));
            }
            if let Some(short) = event.short.as_deref().filter(|short| !shorts.insert(*short)) {
                self.fault(format!("{place}.short"), format!("\"{short}\" is used twice"));
            }
            if event.default && event.status == ActiveStatus::Inactive {
                self.fault(format!("{place}.default"), "an inactive event cannot be the default");
            }
            if event.default && std::mem::replace(&mut has_default, true) {
                self.fault(format!("{place}.default"), "another event is the default already");
            }
        }
    }
}
