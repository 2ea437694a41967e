//! Impressions: that an advertisement was shown to somebody.
//!
//! They are counted by day for the campaign and for the creative, and nothing else is kept
//! of them: no row, no cookie, no session. Counted is what a link of the same parameters
//! would take a person's click of; click caps are about clicks and hold none back.

use crate::client::{Client, UserAgents};
use crate::gate::{self, Geo, Visit};
use crate::installation::Installation;
use crumb_storage::clicks::ImpressionsOf;
use crumb_storage::{Store, StoreError};
use crumb_wire::link::LinkRequest;
use std::sync::Arc;

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
        let of = self.counted(link, client);
        if of.is_empty() {
            return Ok(false);
        }
        let day = self.site.network.snapshot().zone().day_of(self.site.clock.now());
        self.site.store.record_impression(of, day).await?;
        Ok(true)
    }

    /// What it counts for; nothing where the link leads nowhere or is a test, or nobody
    /// sees it. A campaign is not made for it: that is for a click to do.
    fn counted(&self, link: &LinkRequest, client: &Client) -> Vec<ImpressionsOf> {
        let snapshot = self.site.network.snapshot();
        // That of test links is none of the network's.
        let affiliate = link.affiliate.filter(|id| snapshot.affiliate(*id).is_some());
        let creative = link.creative.and_then(|id| snapshot.creative(id));
        let (Some(affiliate), Some((offer, creative))) = (affiliate, creative) else { return Vec::new() };
        let is_person = self.agents.non_human(&client.user_agent, client.head).is_none();
        if !is_person {
            return Vec::new();
        }
        let campaign =
            snapshot.choose_campaign(affiliate, offer.offer.id, link.price_format, link.offer_contract);
        let country = self.site.geo.as_ref().map(|geo| geo.country(client.ip));
        let visit = Visit {
            now: self.site.clock.now(),
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
            return Vec::new();
        }
        let campaign = campaign.map(|campaign| ImpressionsOf::Campaign(campaign.id));
        campaign.into_iter().chain([ImpressionsOf::Creative(creative.id)]).collect()
    }
}
