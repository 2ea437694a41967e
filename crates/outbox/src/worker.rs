//! Deliveries as what is carried: store what ended, claim what is due, begin with it.

use crate::carry::{self, Carried, LONGEST_SLEEP, SHORTEST_SLEEP};
use crate::job::{ATTEMPT_SECONDS, Attempted, Job};
use crate::observer::OutboxObserver;
use crate::works::Works;
use crumb_domain::{Clock, RowId};
use crumb_storage::{OutboxStore, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Attempts that are made at the same time: most of their time is waiting.
pub const AT_ONCE: u32 = 256;
/// Of these to one destination: no receiver is run over, and none that is slow takes the
/// places of all others.
pub const AT_ONCE_EACH: u32 = 8;
/// How long a lease runs: longer than an attempt and the write of its end, and short
/// enough that what a dead process had is taken up again within 15 seconds.
pub const LEASE_SECONDS: i64 = 12;
const _: () = assert!(LEASE_SECONDS > ATTEMPT_SECONDS as i64 && LEASE_SECONDS < 15);
/// The outbox of one process. Only one process works on a store at a time.
pub struct Outbox<S, J> {
    store: S,
    job: Arc<J>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn OutboxObserver>,
    /// 0 to 999, at random.
    chance: fn() -> u16,
    woken: Notify,
}

impl<S: OutboxStore + Send + Sync + 'static, J: Job> Outbox<S, J> {
    /// An outbox that makes attempts by a job; `chance` gives a random number from 0 to 999
    /// each time.
    pub fn new(
        store: S,
        job: J,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn OutboxObserver>,
        chance: fn() -> u16,
    ) -> Self {
        Self { store, job: Arc::new(job), clock, observer, chance, woken: Notify::new() }
    }

    /// Has the worker look at once for what is due. Not needed after a write of this
    /// process: the store tells of those.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Delivers what is due, until told to stop; then lets the attempts end that are being
    /// made. What of that cannot be stored is tried again after the next start.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let deliveries = Deliveries { outbox: self, works: Works::default(), is_released: false };
        carry::carry(deliveries, stop).await;
    }

    /// Stores what ended and begins with what is due; says how long there is nothing more
    /// to do.
    pub(crate) async fn turn(&self, works: &mut Works) -> Result<Duration, StoreError> {
        while let Some(ended) = works.try_next_ended() {
            self.ended(works, Some(ended));
        }
        self.store_ends(works).await?;
        let now = self.clock.now();
        let room = works.room(now);
        if room.most == 0 {
            return Ok(LONGEST_SLEEP);
        }
        let claimed = self.store.claim_deliveries(now, now.plus_seconds(LEASE_SECONDS), room).await?;
        for claimed in claimed {
            let job = Arc::clone(&self.job);
            works.begin(claimed, now, |delivery| async move {
                let limit = Duration::from_secs(ATTEMPT_SECONDS) + SHORTEST_SLEEP;
                // The job ends by itself; this is for one that does not.
                match tokio::time::timeout(limit, job.attempt(&delivery)).await {
                    Ok(attempted) => attempted,
                    Err(_) => Attempted::broken("time was up"),
                }
            });
        }
        let next = self.store.next_delivery_due(now).await?;
        Ok(carry::until(now, next.into_iter().chain(works.next_pause_end(now)).min()))
    }

    pub(crate) fn ended(&self, works: &mut Works, ended: Option<(RowId, Attempted)>) {
        if let Some((id, attempted)) = ended {
            works.ended(id, attempted, self.clock.now(), (self.chance)());
        }
    }

    /// Stores how attempts ended: all that have by now in one write.
    async fn store_ends(&self, works: &mut Works) -> Result<(), StoreError> {
        let (ends, alerts) = works.to_store();
        if ends.is_empty() {
            return Ok(());
        }
        self.store.end_leases(ends, alerts).await?;
        for (kind, end) in works.stored() {
            self.observer.attempted(kind, end);
        }
        Ok(())
    }
}

/// The deliveries of an outbox, and what it has under way of them.
struct Deliveries<S, J> {
    outbox: Arc<Outbox<S, J>>,
    works: Works,
    /// Whether what another process had under way is released.
    is_released: bool,
}

impl<S: OutboxStore + Send + Sync + 'static, J: Job> Carried for Deliveries<S, J> {
    const NAME: &'static str = "deliveries";

    async fn turn(&mut self) -> Result<Duration, StoreError> {
        if !self.is_released {
            // Nobody else works on the store: whoever had these is gone.
            let released = self.outbox.store.release_leases(self.outbox.clock.now()).await?;
            if released > 0 {
                tracing::info!(released, "deliveries that a process had under way are taken up again");
            }
            self.is_released = true;
        }
        self.outbox.turn(&mut self.works).await
    }

    async fn stirred(&mut self) {
        tokio::select! {
            () = self.outbox.woken.notified() => {}
            () = self.outbox.store.deliveries_written() => {}
            ended = self.works.next_ended() => self.outbox.ended(&mut self.works, ended),
        }
    }

    async fn ended(&mut self) -> Result<(), StoreError> {
        while self.works.is_trying() {
            let ended = self.works.next_ended().await;
            self.outbox.ended(&mut self.works, ended);
        }
        self.outbox.store_ends(&mut self.works).await
    }
}
