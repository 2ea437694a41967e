//! A sale that panics ends its own lead, and nothing else.
//!
//! Whatever goes wrong in the code that sells a lead, the lead is not left in hand until
//! the next start: it is ended at once as that start would end it, by what was written
//! before each post. What may have been sent is held, and is sent to nobody a second time;
//! of what was not, a posted lead is interrupted with its idempotency key free, and a
//! waiting one goes on waiting.

use super::{Selling, standing};
use crumb_domain::lead::Lead;
use crumb_domain::{LeadId, RowId};
use crumb_storage::{Store, StoreError};
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;

/// A fault of the program broke a sale off. Its lead is ended by what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fault of the program broke the sale off")]
pub struct BrokenOff;

/// A run that broke off, by how far its lead is ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum BrokenRun {
    /// Its lead is still in hand, and nobody else can take it.
    InHand(LeadId, RowId),
    /// It is ended, and what it has earned and is answered is to be told.
    Ended(LeadId),
}

impl BrokenRun {
    pub fn lead(self) -> LeadId {
        match self {
            Self::InHand(lead, _) | Self::Ended(lead) => lead,
        }
    }
}

/// What follows a sale that is settled: a panic there takes nothing from its lead, and
/// not its answer from its poster.
pub(super) async fn beside(lead: &Lead, work: impl Future<Output = ()> + Send) {
    if AssertUnwindSafe(work).catch_unwind().await.is_err() {
        tracing::error!(lead = %lead.id, "what follows its sale panicked; the sale stands");
    }
}

/// Does a part of what a worker does again and again. A panic there ends that part alone:
/// `None`, and the worker goes on with the next.
pub(super) async fn surviving<T>(part: &'static str, work: impl Future<Output = T>) -> Option<T> {
    // Nothing half done is looked at again: what is still to be done is read of the store.
    let ended = AssertUnwindSafe(work).catch_unwind().await.ok();
    if ended.is_none() {
        tracing::error!(part, "it panicked; the worker goes on");
    }
    ended
}

/// What stands for the end of a lead's settling that panicked: as of one that the store
/// refuses for something about it alone, it is tried again, and keeps no other from its end.
pub(super) fn panicked<T>() -> Result<T, StoreError> {
    Err(StoreError::Corrupt("its settling panicked".to_owned()))
}

impl<S: Store + Clone> Selling<S> {
    /// Does what sells a lead that is in hand. Where that panics, the lead is ended before
    /// this returns, or as soon as the store takes it.
    ///
    /// # Errors
    /// [`BrokenOff`] where it panicked.
    pub(crate) async fn supervised<T>(
        &self,
        lead: &Lead,
        sale: impl Future<Output = T> + Send,
    ) -> Result<T, BrokenOff> {
        // Nothing that it changed is looked at again: it shares only what stays whole at
        // each step (counters, the breakers), and its questions to buyers end with it.
        let ended = AssertUnwindSafe(sale).catch_unwind().await;
        let Err(_) = ended else { return ended.map_err(|_| BrokenOff) };
        // Where it happened the log has from the panic itself; its text may hold anything.
        tracing::error!(lead = %lead.id, "its sale panicked; it is ended by what was written");
        let mut run = BrokenRun::InHand(lead.id, lead.row);
        let ended = surviving("the end of a sale that panicked", self.end_broken(&mut run)).await;
        if let Err(error) = ended.unwrap_or_else(panicked) {
            tracing::error!(lead = %lead.id, %error, "it is ended as soon as the store takes it");
            self.end_later(run);
        }
        Err(BrokenOff)
    }

    /// Ends the lead of a run that broke off, as far as it is not ended yet.
    ///
    /// # Errors
    /// The store's; `run` says how far it came.
    pub(super) async fn end_broken(&self, run: &mut BrokenRun) -> Result<(), StoreError> {
        if let BrokenRun::InHand(lead, row) = *run {
            let now = self.site.clock.now();
            // What panics once may do so each time: it is not tried as fast as it fails.
            let due = now.plus_seconds(standing::LONGEST_WAIT_SECONDS);
            let Some(broken) =
                self.site.store.break_off(row, now, due, self.ending(now, "the sale broke off")).await?
            else {
                self.wake();
                return Ok(());
            };
            if broken.unsettled {
                *run = BrokenRun::Ended(lead);
            }
            self.told.broke_off(broken.outcome);
            if !broken.unsettled {
                self.wake();
                return Ok(());
            }
        }
        self.tell_recovered(run.lead(), "its sale broke off").await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_panics_ends_alone() {
        let fault = async { panic!("a fault of the program") };
        assert_eq!(surviving::<()>("a look", fault).await, None);
        assert_eq!(surviving("a look", async { 7 }).await, Some(7));
    }
}
