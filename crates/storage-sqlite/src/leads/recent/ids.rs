//! The recent leads as readers look them up, as well as the writer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A recent lead.
struct Known {
    /// Its row.
    lead: i64,
    /// Its keys between line breaks, unless they stand in the index already.
    search: Option<Arc<str>>,
}

/// The recent leads by id. A lead is here before it is committed and until the
/// commit that has it in the index: whoever looks here first and then reads the
/// file finds it, or finds a row that is not there yet.
#[derive(Default)]
pub(crate) struct RecentIds(Mutex<HashMap<i64, Known>>);

impl RecentIds {
    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The row of the lead of that id, if it is recent.
    pub(crate) fn get(&self, id: i64) -> Option<i64> {
        self.lock().get(&id).map(|known| known.lead)
    }

    /// The rows of those with a key. All are looked through: only people search.
    pub(crate) fn with_key(&self, key: &str) -> Vec<i64> {
        let key = format!("\n{key}\n");
        let has_it = |known: &&Known| known.search.as_ref().is_some_and(|keys| keys.contains(&key));
        self.lock().values().filter(has_it).map(|known| known.lead).collect()
    }

    pub(super) fn insert(&self, id: i64, lead: i64, search: &Arc<str>) {
        self.lock().insert(id, Known { lead, search: Some(Arc::clone(search)) });
    }

    /// The keys with which the lead of that id came are its own no more.
    pub(super) fn forget_keys(&self, id: i64) {
        if let Some(known) = self.lock().get_mut(&id) {
            known.search = None;
        }
    }

    pub(super) fn remove(&self, id: i64) {
        self.lock().remove(&id);
    }
}
