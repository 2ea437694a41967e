//! Click caps, counted in memory and resumed from the store.
//!
//! Counting here and not in the write lets a click go on without waiting for the
//! ones before it; a cap may thereby be passed by one commit batch per node,
//! which the dialect allows for clicks (never for leads).

use crumb_domain::caps::{self, CapCheck, CapScope};
use crumb_domain::network::{CapOf, CapRule};
use crumb_domain::time::Day;
use crumb_storage::{ClickStore, StoreError};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The running counts of capped offers and campaigns.
#[derive(Debug, Default)]
pub struct ClickCaps {
    counts: Mutex<HashMap<(CapScope, Day), u64>>,
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

    /// Counts a click of the scope.
    pub fn add(&self, scope: CapScope, day: Day) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for ((counted, first_day), count) in counts.iter_mut() {
            if *counted == scope && *first_day <= day {
                *count += 1;
            }
        }
    }

    async fn count<S: ClickStore>(&self, store: &S, check: CapCheck) -> Result<u64, StoreError> {
        let key = (check.scope, check.first_day);
        if let Some(count) = self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(*count);
        }
        let stored = store.count(check).await?;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        // Intervals that are over are never asked for again.
        counts.retain(|(scope, first_day), _| {
            *scope != check.scope
                || *first_day >= caps::first_day(crumb_domain::network::CapInterval::Month, check.day)
                || *first_day == caps::first_day(crumb_domain::network::CapInterval::Total, check.day)
        });
        Ok(*counts.entry(key).or_insert(stored))
    }
}
