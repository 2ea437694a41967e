//! The first thing at a start: what a crash left in hand is settled.

use super::Selling;
use super::supervised::{BrokenRun, panicked, surviving};
use super::unsettled::is_away;
use crumb_storage::selling::{Aside, Recovered, Recovery};
use crumb_storage::{Store, StoreError};

impl<S: Store + Clone> Selling<S> {
    /// Settles what a crash left in hand. At the start, before anything is sold. A lead of
    /// which something cannot be read, or whose settling panics, is left aside with an alert,
    /// and tried again.
    ///
    /// # Errors
    /// The store's, where it is away.
    pub async fn recover(&self) -> Result<(), StoreError> {
        let now = self.site.clock.now();
        let Recovery { ended, aside } =
            self.site.store.recover(now, self.ending(now, "the server ended")).await?;
        for recovered in ended {
            tracing::warn!(lead = %recovered.lead, outcome = recovered.outcome.as_str(), "left in hand by the last run");
            let telling = surviving("what is told of a recovered lead", self.tell_of(&recovered));
            match telling.await.unwrap_or_else(panicked) {
                Err(error) if is_away(&error) => return Err(error),
                Err(error) if recovered.unsettled => {
                    self.set_aside(BrokenRun::Ended(recovered.lead), &error).await;
                }
                // It is ended, and nothing of it was to be told.
                Err(_) | Ok(()) => {}
            }
        }
        for Aside { row, lead, is_ended, error } in aside {
            match (lead, is_ended) {
                (Some(lead), true) => self.set_aside(BrokenRun::Ended(lead), &error).await,
                (Some(lead), false) => self.set_aside(BrokenRun::InHand(lead, row), &error).await,
                (None, _) => {
                    let _ = surviving("an alert of a lead in hand", self.alert_nameless(row, &error)).await;
                }
            }
        }
        Ok(())
    }

    async fn tell_of(&self, recovered: &Recovered) -> Result<(), StoreError> {
        self.told.broke_off(recovered.outcome);
        if !recovered.unsettled {
            return Ok(());
        }
        self.tell_recovered(recovered.lead, "the server ended while it was being sold").await
    }

    /// It is remembered before anybody is told of it: where the alert panics, it is tried
    /// again all the same.
    async fn set_aside(&self, run: BrokenRun, error: &StoreError) {
        let _ = surviving("an alert of a lead left aside", self.leave_aside(run, error)).await;
    }
}
