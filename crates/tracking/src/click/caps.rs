//! Click caps, counted in memory and resumed from the store.
//!
//! Counting here and not in the write lets a click go on without waiting for the
//! ones before it; a cap may thereby be passed by one commit batch per node,
//! which the dialect allows for clicks (never for leads).

use crumb_domain::ById;
use crumb_domain::caps::{self, CapCheck, CapScope};
use crumb_domain::network::{CapInterval, CapOf, CapRule};
use crumb_domain::time::Day;
use crumb_storage::{ClickStore, StoreError};
use std::sync::{Mutex, PoisonError};

/// The running counts of capped offers and campaigns: of each, one per interval
/// that has been asked for.
#[derive(Debug, Default)]
pub(super) struct ClickCaps {
    counts: Mutex<ById<CapScope, Vec<Running>>>,
}

#[derive(Debug, Clone, Copy)]
struct Running {
    first_day: Day,
    count: u64,
}

impl ClickCaps {
    /// Whether one more click would pass one of the caps.
    ///
    /// # Errors
    /// Where a count that is not in memory yet cannot be read.
    pub async fn is_reached<S: ClickStore>(
        &self,
        store: &S,
        rules: &[CapRule],
        scope: CapScope,
        day: Day,
    ) -> Result<bool, StoreError> {
        for check in caps::checks(rules, scope, CapOf::Click, day) {
            if self.count(store, check).await? >= u64::from(check.limit) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Counts a click of the scope that is about to be written, and says how the counts
    /// stand with it, by the first day of their intervals: of many at once each sees
    /// another number, so that one of them alone fills a cap.
    ///
    /// Its count was looked up before the click is written, so that the click is
    /// not in what was read then: nothing is counted twice.
    pub fn add(&self, scope: CapScope, day: Day) -> Vec<(Day, u64)> {
        self.change(scope, day, |count| count.saturating_add(1))
    }

    /// Takes back a click that could not be written.
    pub fn take_back(&self, scope: CapScope, day: Day) {
        self.change(scope, day, |count| count.saturating_sub(1));
    }

    fn change(&self, scope: CapScope, day: Day, change: impl Fn(u64) -> u64) -> Vec<(Day, u64)> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(of_scope) = counts.get_mut(&scope) else { return Vec::new() };
        let counting = of_scope.iter_mut().filter(|running| running.first_day <= day);
        let changed = counting.map(|running| {
            running.count = change(running.count);
            (running.first_day, running.count)
        });
        changed.collect()
    }

    async fn count<S: ClickStore>(&self, store: &S, check: CapCheck) -> Result<u64, StoreError> {
        if let Some(count) = self.running(check) {
            return Ok(count);
        }
        let count = store.count(check).await?;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_scope = counts.entry(check.scope).or_default();
        if let Some(earlier) = of_scope.iter().find(|running| running.first_day == check.first_day) {
            return Ok(earlier.count);
        }
        // Intervals that are over are never asked for again.
        of_scope.retain(|running| is_present(running.first_day, check.day));
        of_scope.push(Running { first_day: check.first_day, count });
        Ok(count)
    }

    fn running(&self, check: CapCheck) -> Option<u64> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_scope = counts.get(&check.scope)?;
        of_scope.iter().find(|running| running.first_day == check.first_day).map(|running| running.count)
    }
}

fn is_present(first_day: Day, day: Day) -> bool {
    [CapInterval::Day, CapInterval::Week, CapInterval::Month, CapInterval::Total]
        .into_iter()
        .any(|interval| caps::first_day(interval, day) == first_day)
}
