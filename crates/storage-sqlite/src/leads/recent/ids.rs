//! The ids of recent leads, which readers look up as well as the writer.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where a recent lead stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its row.
    pub(crate) lead: i64,
    /// Among the recent ones.
    pub(crate) number: i64,
}

/// The recent leads by id. A lead is here before it is committed and until the
/// commit that has it in the index: whoever looks here first and then reads the
/// file finds it, or finds a row that is not there yet.
#[derive(Default)]
pub(crate) struct RecentIds(Mutex<HashMap<i64, Place>>);

impl RecentIds {
    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the lead of that id stands, if it is recent.
    pub(crate) fn get(&self, id: i64) -> Option<Place> {
        self.lock().get(&id).copied()
    }

    pub(super) fn insert(&self, id: i64, place: Place) {
        self.lock().insert(id, place);
    }

    pub(super) fn remove(&self, id: i64) {
        self.lock().remove(&id);
    }
}
