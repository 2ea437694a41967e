//! Writing clicks: the rows of one request with what they count, in one write.

use super::Clicks;
use crate::feed::Recorded;
use crumb_domain::caps::{CapScope, DayCount};
use crumb_domain::click::Click;
use crumb_domain::network::CapOf;
use crumb_network::Snapshot;
use crumb_storage::clicks::ClickBatch;
use crumb_storage::{Store, StoreError};
use std::sync::Arc;

impl<S: Store + Clone> Clicks<S> {
    /// Returns once the rows are on stable storage.
    pub(super) async fn record(&self, snapshot: &Snapshot, clicks: Vec<Click>) -> Result<(), StoreError> {
        let counts = counts(snapshot, &clicks);
        let told = if self.site.feed.is_heard() { clicks.clone() } else { Vec::new() };
        self.site.store.record_clicks(ClickBatch { clicks, counts: counts.clone() }).await?;
        for count in counts {
            self.caps.add(count.scope, count.day);
        }
        for click in told {
            self.site.feed.tell(|| Recorded::Click(Arc::new(click)));
        }
        Ok(())
    }
}

fn counts(snapshot: &Snapshot, clicks: &[Click]) -> Vec<DayCount> {
    let mut counts = Vec::new();
    for click in clicks.iter().filter(|click| click.is_counted()) {
        let day = snapshot.zone().day_of(click.at);
        let scopes = [click.offer.map(CapScope::Offer), click.campaign.map(CapScope::Campaign)];
        counts.extend(scopes.into_iter().flatten().map(|scope| DayCount { scope, of: CapOf::Click, day }));
    }
    counts
}
