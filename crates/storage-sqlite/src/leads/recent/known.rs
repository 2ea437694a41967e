//! The recent leads as readers look them up, as well as the writer.
//!
//! They are kept in generations: one for the leads of the round that is under way, one
//! for those that came since. A generation gets new leads until its round begins, and is
//! let go as a whole when the commit that ends its round has all of them in the indexes.
//! Each knows the one after it, so that whoever took hold of the oldest has all that were
//! recent then and all that came later, for as long as it wants: a lead that a snapshot has,
//! but not its indexes, is found whenever it is looked for.

use crate::codes::to_json;
use crumb_domain::RowId;
use crumb_storage::Result;
use std::collections::{BTreeSet, HashMap};
use std::iter::successors;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A lead's row and its keys between line breaks, unless they stand in the index already.
struct Known {
    row: i64,
    search: Option<Arc<str>>,
}

#[derive(Default)]
struct Keys {
    ids: HashMap<i64, Known>,
    /// With the row of each. It may no longer be that person's: the lead's row says it.
    persons: BTreeSet<(i64, i64)>,
    /// The same of sessions.
    sessions: BTreeSet<(i64, i64)>,
}

/// Leads that enter the indexes together.
#[derive(Default)]
pub(super) struct Generation {
    keys: Mutex<Keys>,
    next: OnceLock<Arc<Self>>,
}

impl Generation {
    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one after it, which it has from now on.
    pub(super) fn followed(&self) -> Arc<Self> {
        Arc::clone(self.next.get_or_init(Arc::default))
    }

    pub(super) fn insert(&self, entry: &super::Entry) {
        let mut keys = self.lock();
        keys.ids.insert(entry.id, Known { row: entry.lead, search: Some(Arc::clone(&entry.search)) });
        keys.persons.extend(entry.person.map(|person| (person, entry.lead)));
        keys.sessions.insert((entry.session, entry.lead));
    }

    pub(super) fn remove(&self, entry: &super::Entry) {
        let mut keys = self.lock();
        keys.ids.remove(&entry.id);
        if let Some(person) = entry.person {
            keys.persons.remove(&(person, entry.lead));
        }
        keys.sessions.remove(&(entry.session, entry.lead));
    }
}

impl Drop for Generation {
    /// One after the other: those that follow it may be many, and nobody else's.
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut alone) = next.and_then(Arc::into_inner) {
            next = alone.next.take();
        }
    }
}

/// Where the recent leads begin.
#[derive(Default)]
pub(crate) struct RecentLeads(Mutex<Arc<Generation>>);

impl RecentLeads {
    fn lock(&self) -> MutexGuard<'_, Arc<Generation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are recent now, and all that come. To be asked for before anything is
    /// read of a snapshot: what is recent no more then is in the indexes.
    pub(crate) fn since_now(&self) -> Recently {
        Recently(self.oldest())
    }

    /// The generation with which it begins.
    pub(super) fn oldest(&self) -> Arc<Generation> {
        Arc::clone(&self.lock())
    }

    /// The oldest generation is recent no more: it, to be dropped where nobody waits.
    pub(super) fn let_go(&self) -> Arc<Generation> {
        let mut oldest = self.lock();
        let next = oldest.followed();
        std::mem::replace(&mut *oldest, next)
    }
}

/// The leads that were recent at a moment, and all that came since. Some of them are in the
/// indexes by now, and some are committed later than a snapshot, or never: whoever finds one
/// here reads its row.
pub(crate) struct Recently(Arc<Generation>);

impl Recently {
    fn generations(&self) -> impl Iterator<Item = MutexGuard<'_, Keys>> {
        successors(Some(&self.0), |generation| generation.next.get()).map(|generation| generation.lock())
    }

    /// The row of the lead of that id.
    pub(crate) fn get(&self, id: i64) -> Option<i64> {
        self.generations().find_map(|keys| keys.ids.get(&id).map(|known| known.row))
    }

    /// The rows of those with a key. All are looked through: only people search.
    pub(crate) fn with_key(&self, key: &str) -> Vec<i64> {
        let key = format!("\n{key}\n");
        let has_it = |known: &&Known| known.search.as_ref().is_some_and(|keys| keys.contains(&key));
        let of_one = |keys: MutexGuard<'_, Keys>| -> Vec<i64> {
            keys.ids.values().filter(has_it).map(|known| known.row).collect()
        };
        self.generations().flat_map(of_one).collect()
    }

    /// Rows that may be a person's.
    pub(crate) fn of_person(&self, person: i64) -> Vec<i64> {
        self.generations().flat_map(|keys| rows_of(&keys.persons, person)).collect()
    }

    /// Whether there are rows that may be a session's.
    pub(crate) fn has_of_session(&self, session: RowId) -> bool {
        let session = session.as_i64();
        let of_one = |keys: MutexGuard<'_, Keys>| {
            keys.sessions.range((session, i64::MIN)..=(session, i64::MAX)).next().is_some()
        };
        self.generations().any(of_one)
    }

    /// Rows that may be a session's, as JSON.
    pub(crate) fn of_session(&self, session: RowId) -> Result<String> {
        let session = session.as_i64();
        let rows: Vec<i64> = self.generations().flat_map(|keys| rows_of(&keys.sessions, session)).collect();
        to_json(&rows)
    }

    /// The keys with which the lead of that id came are its own no more.
    pub(super) fn forget_keys(&self, id: i64) {
        for mut keys in self.generations() {
            if let Some(known) = keys.ids.get_mut(&id) {
                known.search = None;
            }
        }
    }
}

fn rows_of(keys: &BTreeSet<(i64, i64)>, key: i64) -> Vec<i64> {
    keys.range((key, i64::MIN)..=(key, i64::MAX)).map(|(_, row)| *row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_held_on_for_long_lets_any_number_go() {
        let known = RecentLeads::default();
        let recently = known.since_now();
        (0..200_000).for_each(|_| drop(known.let_go()));
        assert_eq!(recently.generations().count(), 200_001);
        drop(recently);
        assert_eq!(known.since_now().generations().count(), 1);
    }
}
