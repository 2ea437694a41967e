//! The first thing at a start: what a crash left in hand is settled.

use super::Selling;
use super::held::holding;
use super::supervised::BrokenRun;
use super::unsettled::is_away;
use crumb_storage::selling::Recovery;
use crumb_storage::{Store, StoreError};

impl<S: Store + Clone> Selling<S> {
    /// Settles what a crash left in hand. At the start, before anything is sold. A lead of
    /// which something cannot be read is left aside with an alert, and tried again.
    ///
    /// # Errors
    /// The store's, where it is away.
    pub async fn recover(&self) -> Result<(), StoreError> {
        let now = self.site.clock.now();
        let snapshot = self.site.network.snapshot();
        let Recovery { ended, aside } = self.site.store.recover(now, holding(snapshot, now)).await?;
        for recovered in ended {
            tracing::warn!(lead = %recovered.lead, outcome = recovered.outcome.as_str(), "left in hand by the last run");
            if recovered.unsettled {
                let told = self.tell_recovered(recovered.lead, "the server ended while it was being sold");
                match told.await {
                    Err(error) if !is_away(&error) => {
                        self.leave_aside(BrokenRun::Ended(recovered.lead), &error).await;
                    }
                    told => told?,
                }
            }
        }
        for one in aside {
            match (one.lead, one.is_ended) {
                (Some(lead), true) => self.leave_aside(BrokenRun::Ended(lead), &one.error).await,
                (Some(lead), false) => self.leave_aside(BrokenRun::InHand(lead, one.row), &one.error).await,
                (None, _) => self.alert_nameless(one.row, &one.error).await,
            }
        }
        Ok(())
    }
}
