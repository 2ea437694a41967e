//! The loop of whatever is carried: take up what is due, sleep until there is more to do.

use crumb_domain::Timestamp;
use crumb_storage::StoreError;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a worker sleeps at most, so that what other processes write is found, and a
/// clock that jumped noticed.
pub const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// And at least: what is due has just been asked for.
pub(crate) const SHORTEST_SLEEP: Duration = Duration::from_millis(5);
/// How long it rests after the store failed it.
pub const AFTER_TROUBLE: Duration = Duration::from_secs(1);

/// Work that waits in the store until it is due, is done many at a time, and whose ends are
/// written to the store: deliveries here, leads that wait for a buyer elsewhere. How it is
/// claimed, and what follows from an end, is its own concern.
pub trait Carried: Send {
    /// What it is, as the log tells it.
    const NAME: &'static str;

    /// Stores what ended and begins with what is due; says how long there is nothing more
    /// to do.
    fn turn(&mut self) -> impl Future<Output = Result<Duration, StoreError>> + Send;

    /// Waits until something under way has ended, or something was written that may be
    /// due. May be dropped at any time without losing either.
    fn stirred(&mut self) -> impl Future<Output = ()> + Send;

    /// Lets what is under way end, and stores that.
    fn ended(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Carries what is due until told to stop, then lets end what is under way. While the store
/// fails, which is told once, nothing is begun but one look at it each second: whatever
/// stirs, all would be tried as fast as the store refuses.
pub async fn carry<C: Carried>(mut carried: C, stop: CancellationToken) {
    let mut is_failing = false;
    while !stop.is_cancelled() {
        match carried.turn().await {
            Ok(sleep) => {
                is_failing = false;
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = carried.stirred() => {}
                    () = tokio::time::sleep(sleep) => {}
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::error!(%error, "{} cannot be carried", C::NAME);
                }
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(AFTER_TROUBLE) => {}
                }
            }
        }
    }
    if let Err(error) = carried.ended().await {
        tracing::error!(%error, "how {} ended could not be stored: it is taken up by the next start", C::NAME);
    }
}

/// How long to sleep until what is due next, if anything is.
pub fn until(now: Timestamp, next: Option<Timestamp>) -> Duration {
    let left = next.map_or(i64::MAX, |next| next.micros().saturating_sub(now.micros()));
    Duration::from_micros(u64::try_from(left).unwrap_or(0)).clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
}
