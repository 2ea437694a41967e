//! Runs in the order in which they began. They are kept in the order in which they ended,
//! and what a run read of caps and credit tells nothing of those that began after it.

use crumb_domain::{RowId, Timestamp};
use crumb_storage::selling::LeadRun;
use std::collections::BTreeMap;

/// How much longer than another a run is taken to last at most, in microseconds. A run that
/// lasts longer comes after some that began later, which costs nothing but that its place
/// under a cap may be counted twice.
const LONGEST_RUN_MICROS: i64 = 60_000_000;

/// Runs that wait for those that began before them.
#[derive(Default)]
pub(super) struct InOrder {
    waiting: BTreeMap<(Timestamp, RowId), LeadRun>,
    newest: Option<Timestamp>,
}

impl InOrder {
    /// Takes in some more, in the order in which they ended.
    pub fn take_in(&mut self, runs: Vec<LeadRun>) {
        for run in runs {
            self.newest = self.newest.max(Some(run.run.at));
            self.waiting.insert((run.run.at, run.run.id), run);
        }
    }

    /// The next one, once none can come any more that began before it.
    pub fn next(&mut self, is_last: bool) -> Option<LeadRun> {
        let newest = self.newest?.micros();
        let first = self.waiting.first_entry()?;
        let is_safe = first.key().0.micros() < newest.saturating_sub(LONGEST_RUN_MICROS);
        (is_last || is_safe).then(|| first.remove())
    }
}
