//! The loop: store what ended, claim what is due, sleep until there is more to do.

use crate::job::{ATTEMPT_SECONDS, Attempted, Job};
use crate::observer::OutboxObserver;
use crate::works::Works;
use crumb_domain::{Clock, RowId, Timestamp};
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
/// How long the worker sleeps at most, so that what other processes write is found, and a
/// clock that jumped noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// And at least: what is due has just been asked for.
const SHORTEST_SLEEP: Duration = Duration::from_millis(5);
/// How long it rests after the store failed it.
const AFTER_TROUBLE: Duration = Duration::from_secs(1);

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
        let mut works = Works::default();
        let mut trouble = Trouble::default();
        let mut is_released = false;
        while !stop.is_cancelled() {
            let turn = async {
                if !is_released {
                    // Nobody else works on the store: whoever had these is gone.
                    let released = self.store.release_leases(self.clock.now()).await?;
                    if released > 0 {
                        tracing::info!(
                            released,
                            "deliveries that a process had under way are taken up again"
                        );
                    }
                    is_released = true;
                }
                self.turn(&mut works).await
            };
            let sleep = match turn.await {
                Ok(sleep) => {
                    trouble.is_over();
                    sleep
                }
                Err(error) => {
                    trouble.is_told(&error);
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(AFTER_TROUBLE) => {}
                    }
                    continue;
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.woken.notified() => {}
                () = self.store.deliveries_written() => {}
                ended = works.next_ended() => self.ended(&mut works, ended),
                () = tokio::time::sleep(sleep) => {}
            }
        }
        while works.is_trying() {
            let ended = works.next_ended().await;
            self.ended(&mut works, ended);
        }
        if let Err(error) = self.store_ends(&mut works).await {
            tracing::error!(%error, "how deliveries ended could not be stored: they are tried again");
        }
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
        let next = next.into_iter().chain(works.next_pause_end(now)).min();
        Ok(next.map_or(LONGEST_SLEEP, |next| until(now, next)))
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

/// How long to sleep until a moment.
fn until(now: Timestamp, moment: Timestamp) -> Duration {
    let left = moment.micros().saturating_sub(now.micros());
    Duration::from_micros(u64::try_from(left).unwrap_or(0)).clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
}

/// Tells of the store's trouble once, not once a second.
#[derive(Default)]
struct Trouble {
    is_known: bool,
}

impl Trouble {
    fn is_told(&mut self, error: &StoreError) {
        if !std::mem::replace(&mut self.is_known, true) {
            tracing::error!(%error, "the outbox cannot be worked on");
        }
    }

    fn is_over(&mut self) {
        self.is_known = false;
    }
}
