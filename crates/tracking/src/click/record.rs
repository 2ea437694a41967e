//! Writing clicks: the rows of one request with what they count, in one write.

use super::Clicks;
use crate::charges;
use crate::feed::Recorded;
use crate::webhooks;
use crumb_domain::caps::{CapCheck, CapScope, DayCount};
use crumb_domain::charge::{Charge, Priced};
use crumb_domain::click::Click;
use crumb_domain::network::CapOf;
use crumb_domain::payout::Worth;
use crumb_network::Snapshot;
use crumb_storage::clicks::ClickBatch;
use crumb_storage::configuration::HistoryOf;
use crumb_storage::outbox::CapTold;
use crumb_storage::{Store, StoreError};
use std::sync::Arc;

impl<S: Store + Clone> Clicks<S> {
    /// Returns once the rows are on stable storage.
    pub(super) async fn record(&self, snapshot: &Snapshot, clicks: Vec<Click>) -> Result<(), StoreError> {
        let counts = counts(snapshot, &clicks);
        let told = if self.site.feed.is_heard() { clicks.clone() } else { Vec::new() };
        let refers_to = references(snapshot, &clicks);
        let caps_told = self.count(snapshot, &clicks, &counts);
        let charges = charges_of(snapshot, &clicks);
        let batch = ClickBatch { clicks, counts: counts.clone(), caps_told, refers_to, charges };
        // Where the caller leaves meanwhile they stay counted, as the store keeps them.
        if let Err(error) = self.site.store.record_clicks(batch).await {
            for count in counts {
                self.caps.take_back(count.scope, count.day);
            }
            return Err(error);
        }
        for click in told {
            self.site.feed.tell(|| Recorded::Click(Arc::new(click)));
        }
        Ok(())
    }

    /// Counts clicks that are about to be written; who is told of the caps that they fill.
    fn count(&self, snapshot: &Snapshot, clicks: &[Click], counts: &[DayCount]) -> Vec<CapTold> {
        let mut told = Vec::new();
        for count in counts {
            let stands = self.caps.add(count.scope, count.day);
            if stands.is_empty() {
                continue;
            }
            let is_of = |click: &&Click| match count.scope {
                CapScope::Offer(id) => click.offer == Some(id),
                CapScope::Campaign(id) => click.campaign == Some(id),
            };
            let counted = clicks.iter().filter(|click| click.is_counted()).find(is_of);
            let Some((click, offer)) = counted.and_then(|click| Some((click, click.offer?))) else {
                continue;
            };
            let is_filled = |check: &CapCheck| {
                check.scope == count.scope && stands.contains(&(check.first_day, u64::from(check.limit)))
            };
            let whose = (offer, click.campaign);
            told.extend(webhooks::click_caps_reached(
                &self.site, snapshot, click.at, whose, count.day, is_filled,
            ));
        }
        told
    }
}

/// What the clicks refer to of the network. A stranger's number that nothing has is
/// kept in the row and is no history: it must neither fill the store nor hold on to
/// what is made under it later.
fn references(snapshot: &Snapshot, clicks: &[Click]) -> Vec<HistoryOf> {
    let mut references = Vec::with_capacity(clicks.len() * 4);
    for click in clicks {
        let affiliate = click.affiliate.filter(|id| snapshot.affiliate(*id).is_some());
        let creative = click.creative.filter(|id| snapshot.creative(*id).is_some());
        references.extend(affiliate.map(HistoryOf::Affiliate));
        references.extend(creative.map(HistoryOf::Creative));
        // These two are the server's own findings, not the link's.
        references.extend(click.offer.map(HistoryOf::Offer));
        references.extend(click.campaign.map(HistoryOf::Campaign));
    }
    references
}

fn counts(snapshot: &Snapshot, clicks: &[Click]) -> Vec<DayCount> {
    let mut counts = Vec::with_capacity(clicks.len() * 2);
    for click in clicks.iter().filter(|click| click.is_counted()) {
        let day = snapshot.zone().day_of(click.at);
        let scopes = [click.offer.map(CapScope::Offer), click.campaign.map(CapScope::Campaign)];
        counts.extend(scopes.into_iter().flatten().map(|scope| DayCount { scope, of: CapOf::Click, day }));
    }
    counts
}

/// Who is paid and who pays for the clicks; nobody for those of most campaigns.
fn charges_of(snapshot: &Snapshot, clicks: &[Click]) -> Vec<Charge> {
    let mut all = Vec::new();
    for click in clicks {
        let worth = Worth { payout: click.payout, received: click.received };
        if worth == Worth::default() {
            continue;
        }
        let campaign = click.campaign.and_then(|id| snapshot.campaign(id));
        let offer = click.offer.and_then(|id| snapshot.offer(id));
        if let (Some(campaign), Some(offer)) = (campaign, offer) {
            all.extend(charges::charges(snapshot, offer, campaign, Priced::Click, worth, click.at));
        }
    }
    all
}
