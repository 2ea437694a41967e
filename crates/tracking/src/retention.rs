//! Logs that people look back at go when they are old: the pixel log, what was delivered,
//! what buyers were asked.
//!
//! It is nobody's hurry: a few rows at a time, and after each of these writes the store is
//! left alone for much longer than it took.

use crate::installation::Installation;
use crumb_domain::Timestamp;
use crumb_storage::retention::{KeptFor, Removed};
use crumb_storage::{RetentionStore, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often it is looked for what has become old.
const LOOK: Duration = Duration::from_secs(3_600);
/// After a step the store is left alone for so many times as long as that took: nine tenths
/// of the time are others'.
const REST_FOR_EACH: u32 = 9;
/// And at least so long.
const SHORTEST_REST: Duration = Duration::from_millis(5);

/// For how many days what is kept; 0 is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Calls of the conversion pixel.
    pub pixel_log_days: u32,
    /// Deliveries that were delivered. Parked ones are kept for ever.
    pub deliveries_days: u32,
    /// What buyers were asked and answered.
    pub attempts_days: u32,
}

impl Retention {
    /// Three months, as long as CAKE keeps its pixel log.
    pub const DEFAULT: Self = Self { pixel_log_days: 92, deliveries_days: 92, attempts_days: 92 };

    fn days(&self, what: KeptFor) -> u32 {
        match what {
            KeptFor::PixelLog => self.pixel_log_days,
            KeptFor::Deliveries => self.deliveries_days,
            KeptFor::Attempts => self.attempts_days,
        }
    }

    /// What is older goes; none where nothing does.
    fn before(&self, what: KeptFor, now: Timestamp) -> Option<Timestamp> {
        let days = self.days(what);
        (days > 0).then(|| now.plus_days(-i64::from(days)))
    }

    /// Removes all that is old now; how many rows of which log.
    ///
    /// # Errors
    /// The store's. What was removed is.
    #[expect(clippy::disallowed_methods, reason = "how long a step takes is measured where it happens")]
    pub async fn sweep<S: RetentionStore>(
        &self,
        store: &S,
        now: Timestamp,
    ) -> Result<Vec<(KeptFor, u64)>, StoreError> {
        let mut all = Vec::new();
        for what in KeptFor::ALL {
            let Some(before) = self.before(what, now) else { continue };
            let (mut count, mut after) = (0, None);
            loop {
                let begun = Instant::now();
                let removed: Removed = store.remove_old(what, before, after).await?;
                count += u64::from(removed.count);
                after = removed.next;
                if after.is_none() {
                    break;
                }
                tokio::time::sleep((begun.elapsed() * REST_FOR_EACH).max(SHORTEST_REST)).await;
            }
            all.push((what, count));
        }
        Ok(all)
    }

    /// Removes what becomes old, for ever: may be dropped at any moment.
    pub async fn run<S: RetentionStore>(self, site: Arc<Installation<S>>) {
        loop {
            match self.sweep(&site.store, site.clock.now()).await {
                Ok(swept) => {
                    for (what, count) in swept.into_iter().filter(|(_, count)| *count > 0) {
                        tracing::info!(?what, count, "old rows were removed");
                    }
                }
                Err(error) => tracing::error!(%error, "old rows cannot be removed; it is tried in an hour"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_domain::RowId;
    use std::sync::Mutex;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    /// Has so many steps of each, and notes what it is asked.
    #[derive(Default)]
    struct Asked(Mutex<Vec<(KeptFor, Timestamp, Option<RowId>)>>);

    impl RetentionStore for Asked {
        async fn remove_old(
            &self,
            what: KeptFor,
            before: Timestamp,
            after: Option<RowId>,
        ) -> Result<Removed, StoreError> {
            let mut asked = self.0.lock().unwrap();
            asked.push((what, before, after));
            let next = if after.is_none() && what == KeptFor::Attempts { RowId::from_i64(7) } else { None };
            Ok(Removed { count: 2, next })
        }
    }

    #[tokio::test]
    async fn each_log_is_kept_for_its_own_days_and_gone_through_to_its_end() {
        let store = Asked::default();
        let kept = Retention { pixel_log_days: 92, deliveries_days: 0, attempts_days: 1 };
        let swept = kept.sweep(&store, NOW).await.unwrap();
        assert_eq!(swept, [(KeptFor::PixelLog, 2), (KeptFor::Attempts, 4)], "deliveries are for ever");
        let asked = store.0.into_inner().unwrap();
        let day = |days: i64| NOW.plus_days(-days);
        let expected = [
            (KeptFor::PixelLog, day(92), None),
            (KeptFor::Attempts, day(1), None),
            (KeptFor::Attempts, day(1), RowId::from_i64(7)),
        ];
        assert_eq!(asked, expected);
    }
}
