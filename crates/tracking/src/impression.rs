//! Impressions: that an advertisement was shown to somebody.
//!
//! They are counted by day for the campaign and for the creative, and paid for where the
//! campaign is paid by the thousand; nothing else is kept of them: no row, no cookie, no
//! session. Counted is what a link of the same parameters
//! would take a person's click of; click caps are about clicks and hold none back.

use crate::charges;
use crate::client::{Client, UserAgents};
use crate::gate::{self, Geo, Visit};
use crate::installation::Installation;
use crumb_domain::charge::Priced;
use crumb_storage::clicks::{Impression, ImpressionsOf};
use crumb_storage::{Store, StoreError};
use crumb_wire::link::LinkRequest;
use std::sync::Arc;

/// What a price of theirs is for.
const PRICED: Priced = Priced::ThousandImpressions;

/// The service that counts impressions.
pub struct Impressions<S> {
    site: Arc<Installation<S>>,
    agents: UserAgents,
}

impl<S: Store + Clone> Impressions<S> {
    /// A service on an installation.
    pub fn new(site: Arc<Installation<S>>) -> Self {
        Self { site, agents: UserAgents::new() }
    }

    /// Counts an impression, and says whether it counts. What does is on stable storage
    /// when this returns; of what does not, nothing is kept.
    ///
    /// # Errors
    /// Where it could not be stored.
    pub async fn impression(&self, link: &LinkRequest, client: &Client) -> Result<bool, StoreError> {
        match self.counted(link, client) {
            Some(impression) => self.site.store.record_impression(impression).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// What it counts for and costs; `None` where the link leads nowhere or is a test, or
    /// nobody sees it. A campaign is not made for it: that is for a click to do.
    fn counted(&self, link: &LinkRequest, client: &Client) -> Option<Impression> {
        let snapshot = self.site.network.snapshot();
        let now = self.site.clock.now();
        // That of test links is none of the network's.
        let affiliate = link.affiliate.filter(|id| snapshot.affiliate(*id).is_some())?;
        let (offer, creative) = link.creative.and_then(|id| snapshot.creative(id))?;
        let is_person = self.agents.non_human(&client.user_agent, client.head).is_none();
        if !is_person {
            return None;
        }
        let campaign =
            snapshot.choose_campaign(affiliate, offer.offer.id, link.price_format, link.offer_contract);
        let country = self.site.geo.as_ref().map(|geo| geo.country(client.ip));
        let visit = Visit {
            now,
            affiliate,
            sub_affiliate: link.sub_ids.sub_affiliate(),
            offer,
            campaign,
            creative: Some(creative),
            addresses: [Some(client.ip), None],
            country: match &country {
                None => Geo::NotEnforced,
                Some(None) => Geo::Unknown,
                Some(Some(code)) => Geo::Country(code),
            },
        };
        if gate::refuse(&snapshot, &visit).is_some() {
            return None;
        }
        let asked = link.offer_contract.filter(|id| offer.contract(*id).is_some());
        let charges = campaign.into_iter().flat_map(|campaign| {
            let contract = campaign.offer_contract.or(asked);
            let worth = charges::worth(&snapshot, offer, contract, campaign, PRICED);
            charges::charges(&snapshot, offer, campaign, PRICED, worth, now)
        });
        let of_campaign = campaign.map(|campaign| ImpressionsOf::Campaign(campaign.id));
        Some(Impression {
            of: of_campaign.into_iter().chain([ImpressionsOf::Creative(creative.id)]).collect(),
            day: snapshot.zone().day_of(now),
            charges: charges.collect(),
        })
    }
}
