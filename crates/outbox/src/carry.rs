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

    /// Whether the store failed what was under way last, so that a turn which it does not
    /// fail says nothing yet: where it can be read and not written, leads can be taken up and
    /// none can be sold.
    fn is_in_doubt(&self) -> bool {
        false
    }

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
                is_failing &= carried.is_in_doubt();
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::time::Instant;
    use tracing::span;

    /// Counts what is logged.
    struct Log(Arc<AtomicUsize>);

    impl tracing::Subscriber for Log {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            *metadata.level() == tracing::Level::ERROR
        }

        fn event(&self, _: &tracing::Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    /// How each turn goes, by its number; whether something stirs all the time; how often
    /// it was let end.
    struct Turns {
        fails: fn(usize) -> bool,
        is_in_doubt: fn(usize) -> bool,
        turn: usize,
        until: usize,
        stop: CancellationToken,
        ended: Arc<AtomicUsize>,
    }

    impl Carried for Turns {
        const NAME: &'static str = "what is carried";

        async fn turn(&mut self) -> Result<Duration, StoreError> {
            self.turn += 1;
            if self.turn == self.until {
                self.stop.cancel();
            }
            match (self.fails)(self.turn) {
                true => Err(StoreError::Unavailable("the disk is full".to_owned())),
                false => Ok(LONGEST_SLEEP),
            }
        }

        async fn stirred(&mut self) {}

        fn is_in_doubt(&self) -> bool {
            (self.is_in_doubt)(self.turn)
        }

        async fn ended(&mut self) -> Result<(), StoreError> {
            self.ended.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the clock of a test, which stands still")]
    fn now() -> Instant {
        Instant::now()
    }

    /// Makes twelve turns: how often trouble was told, how many seconds it took, and how
    /// often what was under way was let end.
    async fn twelve(fails: fn(usize) -> bool, is_in_doubt: fn(usize) -> bool) -> (usize, u64, usize) {
        let (told, ended, stop) = (Arc::default(), Arc::default(), CancellationToken::new());
        let turns =
            Turns { fails, is_in_doubt, turn: 0, until: 12, stop: stop.clone(), ended: Arc::clone(&ended) };
        let _log = tracing::subscriber::set_default(Log(Arc::clone(&told)));
        let begun = now();
        carry(turns, stop).await;
        (told.load(Ordering::Relaxed), now().duration_since(begun).as_secs(), ended.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_store_fails_it_is_looked_at_each_second_whatever_stirs_and_told_of_once() {
        assert_eq!(twelve(|_| false, |_| false).await, (0, 0, 1), "it does not fail");
        // The last turn is told to stop.
        assert_eq!(twelve(|_| true, |_| false).await, (1, 11, 1));
        assert_eq!(twelve(|turn| turn % 6 == 0, |_| false).await.0, 2, "that it fails again is told");
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_can_be_read_but_not_written_is_told_of_once() {
        assert_eq!(twelve(|turn| turn % 2 == 0, |_| true).await.0, 1);
        assert_eq!(twelve(|turn| turn % 6 == 0, |turn| turn < 9).await.0, 2, "and again once it was written");
    }
}
