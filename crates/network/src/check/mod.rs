//! Whether a network is sound: every fault at once, each with its place.
//!
//! The network that is checked is the file laid over what is stored, so that a
//! file may mention a single campaign of a stored offer.

mod answer;
mod contracts;
mod links;
mod offers;
mod redirects;
mod traffic;
mod verticals;
mod webhooks;

pub(crate) use links::is_http;

use crate::entity::{Entity, Places};
use crate::error::FileError;
use crumb_domain::fields::FieldRules;
use crumb_domain::id::MAX_ENTITY_ID;
use crumb_domain::network::{Contract, Network, Offer, OfferType, Vertical};
use crumb_domain::time::Zone;
use crumb_domain::{AdvertiserId, AffiliateId, BuyerId, Money, OfferId, VerticalId};
use std::collections::{HashMap, HashSet};

/// Faults as they are found, and what references may point to.
pub(crate) struct Check<'a> {
    network: &'a Network,
    places: &'a Places,
    verticals: HashMap<VerticalId, &'a Vertical>,
    offers: HashMap<OfferId, &'a Offer>,
    affiliates: HashSet<AffiliateId>,
    advertisers: HashSet<AdvertiserId>,
    buyers: HashSet<BuyerId>,
    /// Of the verticals whose fields are sound.
    rules: HashMap<VerticalId, FieldRules>,
    errors: Vec<FileError>,
}

/// What else must hold of a buyer's contract, which only those know who talk to
/// buyers. Given the rules of its vertical's fields; the faults' paths begin below the
/// contract: `post.accepted[0]`.
pub type ContractCheck = fn(&Contract, &FieldRules) -> Vec<FileError>;

/// All faults of a network; none where it is sound.
pub(crate) fn check(
    network: &Network,
    places: &Places,
    of_contracts: Option<ContractCheck>,
) -> Vec<FileError> {
    let mut check = Check {
        network,
        places,
        verticals: network.vertical.iter().map(|v| (v.id, v)).collect(),
        offers: network.offer.iter().map(|o| (o.id, o)).collect(),
        affiliates: network.affiliate.iter().map(|a| a.id).collect(),
        advertisers: network.advertiser.iter().map(|a| a.id).collect(),
        buyers: network.buyer.iter().map(|b| b.id).collect(),
        rules: HashMap::new(),
        errors: Vec::new(),
    };
    check.settings();
    check.blacklist();
    check.verticals();
    for advertiser in &network.advertiser {
        let place = places.at(advertiser);
        check.head(&place, advertiser.id.0, &advertiser.name);
    }
    check.offers();
    check.affiliates();
    check.campaigns();
    check.buyers();
    check.contracts();
    check.webhooks();
    if let Some(of_contracts) = of_contracts {
        check.contracts_besides(of_contracts);
    }
    check.redirects();
    check.errors
}

/// Ids that a file, or a whole network, uses twice among entities of one kind.
pub(crate) fn ids_used_twice(network: &Network) -> Vec<FileError> {
    let mut errors = Vec::new();
    twice(&network.blacklist, &mut errors);
    twice(&network.vertical, &mut errors);
    twice(&network.advertiser, &mut errors);
    twice(&network.offer, &mut errors);
    twice(&network.affiliate, &mut errors);
    twice(&network.campaign, &mut errors);
    twice(&network.buyer, &mut errors);
    twice(&network.contract, &mut errors);
    twice(&network.webhook, &mut errors);
    errors
}

fn twice<T: Entity>(entities: &[T], errors: &mut Vec<FileError>) {
    let mut seen = HashSet::new();
    for (index, entity) in entities.iter().enumerate() {
        if !seen.insert(entity.name()) {
            errors.push(if T::KIND == "blacklist" {
                FileError::new(format!("{}[{index}]", T::KIND), "the same entry is there twice")
            } else {
                FileError::new(format!("{}[{index}].id", T::KIND), used_twice(entity.name()))
            });
        }
    }
}

fn used_twice(id: impl std::fmt::Display) -> String {
    format!("id {id} is used twice")
}

impl Check<'_> {
    fn fault(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.errors.push(FileError::new(path, message));
    }

    fn head(&mut self, place: &str, id: i64, name: &str) {
        self.id(place, id);
        self.named(place, name);
    }

    fn named(&mut self, place: &str, name: &str) {
        if name.trim().is_empty() {
            self.fault(format!("{place}.name"), "required");
        }
    }

    fn id(&mut self, place: &str, id: i64) {
        if !(1..=MAX_ENTITY_ID).contains(&id) {
            self.fault(format!("{place}.id"), format!("an id is between 1 and {MAX_ENTITY_ID}, not {id}"));
        }
    }

    fn not_negative(&mut self, path: String, amount: Option<Money>) {
        if let Some(amount) = amount.filter(|amount| amount.is_negative()) {
            self.fault(path, format!("{amount} is negative"));
        }
    }

    fn offer_exists(&mut self, path: impl Into<String>, offer: Option<OfferId>) {
        if let Some(id) = offer.filter(|id| !self.offers.contains_key(id)) {
            self.fault(path, format!("no offer {id}"));
        }
    }

    fn affiliate_exists(&mut self, path: impl Into<String>, affiliate: AffiliateId) {
        if !self.affiliates.contains(&affiliate) {
            self.fault(path, format!("no affiliate {affiliate}"));
        }
    }

    fn time_zone(&mut self, path: impl Into<String>, name: &str) {
        if let Err(unknown) = Zone::named(name) {
            self.fault(path, unknown.to_string());
        }
    }

    fn settings(&mut self) {
        let takes_leads = |offer: &Offer| offer.offer_type != OfferType::ThirdParty;
        let needs_internal = self.network.offer.iter().any(takes_leads);
        let internal = self.network.network.as_ref().and_then(|settings| settings.internal_affiliate);
        match internal {
            Some(id) => self.affiliate_exists("network.internal_affiliate", id),
            None if needs_internal => self
                .fault("network.internal_affiliate", "required once there is a hosted or host_n_post offer"),
            None => {}
        }
        let Some(settings) = &self.network.network else { return };
        self.named("network", &settings.name);
        if settings.currency.len() != 3 || !settings.currency.bytes().all(|b| b.is_ascii_alphabetic()) {
            let message =
                format!("\"{}\" is no currency; expected three letters like \"USD\"", settings.currency);
            self.fault("network.currency", message);
        }
        self.time_zone("network.time_zone", &settings.time_zone);
        self.base("network.tracking_url", settings.tracking_url.as_deref());
        self.link("network.global_redirect", settings.global_redirect.as_deref());
    }

    fn buyers(&mut self) {
        for buyer in &self.network.buyer {
            let place = self.places.at(buyer);
            self.head(&place, buyer.id.0, &buyer.name);
            if let crumb_domain::network::BuyerCredit::Prepaid { balance, limit } = buyer.credit {
                self.not_negative(format!("{place}.credit.balance"), Some(balance));
                self.not_negative(format!("{place}.credit.limit"), Some(limit));
            }
        }
    }
}
