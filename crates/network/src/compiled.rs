//! Offers and verticals in the form in which clicks and posts use them.

use crate::error::FileError;
use crumb_domain::fields::FieldRules;
use crumb_domain::filter::Filter;
use crumb_domain::network::{
    ActiveStatus, Condition, Creative, Event, LeadTier, Offer, OfferContract, PriceFormat, Vertical,
};
use crumb_domain::{CreativeId, EventId, Money, OfferContractId, OfferId, Timestamp};
use std::ops::Deref;
use std::sync::Arc;

/// A vertical with its rules compiled.
#[derive(Debug)]
pub struct CompiledVertical {
    /// As written.
    pub vertical: Vertical,
    /// What its fields must look like.
    pub rules: FieldRules,
    /// What its leads must be; what fails is `Unmatched Filter`.
    pub inbound: Filter,
    /// As far as a ping can tell, which has no personal fields: without the conditions
    /// that name one.
    pub inbound_of_pings: Filter,
    /// Its lead tiers: the first whose filter holds sets the payout.
    pub tiers: Vec<(Filter, LeadTier)>,
}

impl CompiledVertical {
    /// Compiles a vertical; `place` is what its faults are named by.
    pub(crate) fn new(vertical: Vertical, place: &str) -> Result<Self, FileError> {
        let rules = FieldRules::compile(&vertical)
            .map_err(|error| FileError::new(format!("{place}.{}", error.place), error.message))?;
        let filter = |key: &str, conditions: &[Condition]| {
            Filter::compile(conditions, &rules)
                .map_err(|error| FileError::new(format!("{place}.{key}{}", error.path), error.message))
        };
        let inbound = filter("inbound_filter", &vertical.inbound_filter)?;
        let open = vertical.inbound_filter.iter().filter(|condition| !names_personal(condition, &rules));
        let open: Vec<Condition> = open.cloned().collect();
        let inbound_of_pings = filter("inbound_filter", &open)?;
        let mut tiers = Vec::with_capacity(vertical.lead_tier.len());
        for (index, tier) in vertical.lead_tier.iter().enumerate() {
            tiers.push((filter(&format!("lead_tier[{index}].filter"), &tier.filter)?, tier.clone()));
        }
        Ok(Self { vertical, rules, inbound, inbound_of_pings, tiers })
    }
}

/// Whether a condition cannot be told from fields that are not personal.
fn names_personal(condition: &Condition, rules: &FieldRules) -> bool {
    match condition {
        Condition::Compare { field, .. } => rules.field(field).is_some_and(|rule| rule.is_pii()),
        Condition::All(within) | Condition::Any(within) => {
            within.iter().any(|condition| names_personal(condition, rules))
        }
        Condition::Not(within) => names_personal(within, rules),
    }
}

impl Deref for CompiledVertical {
    type Target = Vertical;

    fn deref(&self) -> &Vertical {
        &self.vertical
    }
}

/// An offer with its vertical, its events and the hosts of its pages.
#[derive(Debug)]
pub struct CompiledOffer {
    /// As written.
    pub offer: Offer,
    vertical: Arc<CompiledVertical>,
    events: Vec<Event>,
    hosts: Vec<String>,
    postback_secret: Option<String>,
}

/// A set of terms of an offer: an offer contract, with the offer's own terms
/// where the contract says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms<'a> {
    /// The offer contract; none where the offer has none written.
    pub contract: Option<OfferContractId>,
    /// Where clicks go.
    pub link: Option<&'a str>,
    /// To the affiliate.
    pub payout: Money,
    /// From the advertiser.
    pub received: Money,
    /// What is paid for.
    pub price_format: PriceFormat,
    /// Where diverted clicks go by the contract alone; the offer's own redirect
    /// offer is the next in the chain.
    pub redirect_offer: Option<OfferId>,
}

impl CompiledOffer {
    pub(crate) fn new(
        offer: Offer,
        vertical: Arc<CompiledVertical>,
        postback_secret: Option<String>,
    ) -> Self {
        let mut hosts: Vec<String> = links(&offer).filter_map(host_of).collect();
        hosts.extend(offer.link_override_hosts.iter().map(|host| host.to_ascii_lowercase()));
        hosts.sort();
        hosts.dedup();
        let mut events: Vec<Event> = offer.event.iter().filter(|event| is_active(event)).cloned().collect();
        if events.is_empty() {
            events.push(conversion());
        }
        Self { offer, vertical, events, hosts, postback_secret }
    }

    /// Its vertical.
    pub fn vertical(&self) -> &Arc<CompiledVertical> {
        &self.vertical
    }

    /// The offer contract of that id.
    pub fn contract(&self, id: OfferContractId) -> Option<&OfferContract> {
        self.offer.contract.iter().find(|contract| contract.id == id)
    }

    /// The terms under that contract; the offer's own where none is named or the
    /// offer has no such contract: a contract that is added changes no link that is
    /// out in the world.
    pub fn terms(&self, contract: Option<OfferContractId>) -> Terms<'_> {
        let contract = contract.and_then(|id| self.contract(id));
        Terms {
            contract: contract.map(|c| c.id),
            link: contract.and_then(|c| c.link.as_deref()).or(self.offer.link.as_deref()),
            payout: contract.and_then(|c| c.payout).unwrap_or(self.offer.payout),
            received: contract.and_then(|c| c.received).unwrap_or(self.offer.received),
            price_format: contract.and_then(|c| c.price_format).unwrap_or(self.offer.price_format),
            redirect_offer: contract.and_then(|c| c.redirect_offer),
        }
    }

    /// Its creative of that id.
    pub fn creative(&self, id: crumb_domain::CreativeId) -> Option<&Creative> {
        self.offer.creative.iter().find(|creative| creative.id == id)
    }

    /// The one creative that links to it can name: active, and not ended at `now`.
    ///
    /// # Errors
    /// Where there is none such, or where there are several, in words that name the offer and
    /// list them.
    pub fn only_creative(&self, now: Timestamp) -> Result<CreativeId, String> {
        let is_usable = |creative: &&Creative| {
            creative.status == ActiveStatus::Active && creative.expires_at.is_none_or(|end| now < end)
        };
        let usable: Vec<CreativeId> = self.offer.creative.iter().filter(is_usable).map(|c| c.id).collect();
        match usable[..] {
            [only] => Ok(only),
            [] => Err(format!("offer {} has no creative that can be used", self.offer.id)),
            _ => {
                let ids = usable.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                Err(format!("offer {} has several creatives, name one: {ids}", self.offer.id))
            }
        }
    }

    /// Its events that may happen; where none is written or all are inactive, event 1,
    /// `Conversion`.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The event of a pixel's `e`: an id or a short name. `None` where it has no such event.
    pub fn event(&self, id_or_short: &str) -> Option<&Event> {
        let id = id_or_short.parse::<EventId>().ok();
        self.events
            .iter()
            .find(|event| Some(event.id) == id)
            .or_else(|| self.events.iter().find(|event| event.short.as_deref() == Some(id_or_short)))
    }

    /// An event that its conversions may be of, inactive or not.
    pub fn known_event(&self, id: EventId) -> Option<&Event> {
        self.offer.event.iter().chain(&self.events).find(|event| event.id == id)
    }

    /// The event of a pixel without `e`, and of an accepted lead.
    pub fn default_event(&self) -> Option<&Event> {
        self.events.iter().find(|event| event.default).or_else(|| self.events.first())
    }

    /// Whether `ckmrdr` may send a visitor to that host (without port; any case).
    /// The creative's `allow_link_override` has to hold as well.
    pub fn is_override_host(&self, host: &str) -> bool {
        self.offer.link_override_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    }

    /// Whether the host (without port; any case) is one of the offer's own pages:
    /// of its links, its contracts' and creatives' links, or its override hosts.
    pub fn is_own_host(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.hosts.binary_search(&host).is_ok()
    }

    /// The key of signed postbacks, from the environment where it is kept there.
    pub fn postback_secret(&self) -> Option<&str> {
        self.postback_secret.as_deref()
    }
}

impl Deref for CompiledOffer {
    type Target = Offer;

    fn deref(&self) -> &Offer {
        &self.offer
    }
}

/// All links of an offer: its own, its thank-you link, its contracts' and creatives'.
pub(crate) fn links(offer: &Offer) -> impl Iterator<Item = &str> {
    let own = offer.link.as_deref().into_iter().chain(offer.thank_you_link.as_deref());
    let contracts = offer.contract.iter().filter_map(|contract| contract.link.as_deref());
    own.chain(contracts).chain(offer.creative.iter().filter_map(|creative| creative.link.as_deref()))
}

/// The host of an http(s) link, lower-case and without port. Tokens in the link
/// do no harm unless they stand in the host.
pub(crate) fn host_of(link: &str) -> Option<String> {
    let url = url::Url::parse(link).ok()?;
    url.host_str().map(str::to_ascii_lowercase)
}

fn is_active(event: &Event) -> bool {
    event.status == ActiveStatus::Active
}

/// The event of an offer that lists none.
fn conversion() -> Event {
    Event {
        id: EventId(1),
        name: "Conversion".to_owned(),
        status: ActiveStatus::Active,
        short: None,
        default: true,
        allow_duplicates: false,
        deduplicate_transaction_id: false,
        payout: None,
        received: None,
    }
}
