//! The recent leads as readers look them up, as well as the writer.
//!
//! They are kept in generations: one for the leads of the round that is under way, one
//! for those that came since. A generation gets new leads until its round begins, and is
//! let go as a whole when the commit that ends its round has all of them in the indexes.
//! Each knows the one after it, so that whoever took hold of the oldest has all that were
//! recent then and all that came later, for as long as it wants: a lead that a snapshot has,
//! but not its indexes, is found whenever it is looked for.

use crate::codes::to_json;
use crumb_domain::{ById, IdHash, RowId};
use crumb_storage::Result;
use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::iter::successors;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A lead's row and its keys between line breaks, unless they stand in the index already.
struct Known {
    row: i64,
    search: Option<Arc<str>>,
}

#[derive(Default)]
struct Keys {
    /// Ids are the server's own.
    ids: ById<i64, Known>,
    /// By what stands for a person, which strangers choose. A row may no longer be that
    /// person's: the lead's row says it.
    persons: RowsBy<RandomState>,
    /// The same of sessions.
    sessions: RowsBy<IdHash>,
}

/// Rows by a key: nearly always one for each.
#[derive(Default)]
struct RowsBy<S> {
    first: HashMap<i64, i64, S>,
    others: BTreeSet<(i64, i64)>,
}

impl<S: BuildHasher> RowsBy<S> {
    fn insert(&mut self, key: i64, row: i64) {
        if *self.first.entry(key).or_insert(row) != row {
            self.others.insert((key, row));
        }
    }

    fn remove(&mut self, key: i64, row: i64) {
        if self.others.remove(&(key, row)) || self.first.get(&key) != Some(&row) {
            return;
        }
        let other = self.others_of(key).next();
        match other {
            Some(other) => {
                self.others.remove(&(key, other));
                self.first.insert(key, other);
            }
            None => _ = self.first.remove(&key),
        }
    }

    fn others_of(&self, key: i64) -> impl Iterator<Item = i64> {
        self.others.range((key, i64::MIN)..=(key, i64::MAX)).map(|(_, row)| *row)
    }

    fn has(&self, key: i64) -> bool {
        self.first.contains_key(&key)
    }

    fn of(&self, key: i64) -> Vec<i64> {
        match self.first.get(&key) {
            Some(first) => std::iter::once(*first).chain(self.others_of(key)).collect(),
            None => Vec::new(),
        }
    }
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
        if let Some(person) = entry.person {
            keys.persons.insert(person, entry.lead);
        }
        keys.sessions.insert(entry.session, entry.lead);
    }

    pub(super) fn remove(&self, entry: &super::Entry) {
        let mut keys = self.lock();
        keys.ids.remove(&entry.id);
        if let Some(person) = entry.person {
            keys.persons.remove(person, entry.lead);
        }
        keys.sessions.remove(entry.session, entry.lead);
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
        self.generations().flat_map(|keys| keys.persons.of(person)).collect()
    }

    /// Whether there are rows that may be a session's.
    pub(crate) fn has_of_session(&self, session: RowId) -> bool {
        self.generations().any(|keys| keys.sessions.has(session.as_i64()))
    }

    /// Rows that may be a session's, as JSON.
    pub(crate) fn of_session(&self, session: RowId) -> Result<String> {
        let rows: Vec<i64> = self.generations().flat_map(|keys| keys.sessions.of(session.as_i64())).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_are_found_by_their_keys_while_they_are_there(
            steps in prop::collection::vec((any::<bool>(), 0..3_i64, 0..4_i64), 0..40)
        ) {
            let (mut rows, mut expected) = (RowsBy::<RandomState>::default(), BTreeSet::new());
            for (comes, key, row) in steps {
                if comes {
                    rows.insert(key, row);
                    expected.insert((key, row));
                } else {
                    rows.remove(key, row);
                    expected.remove(&(key, row));
                }
                for key in 0..3 {
                    let its: Vec<i64> = expected.iter().filter(|(of, _)| *of == key).map(|(_, row)| *row).collect();
                    let mut found = rows.of(key);
                    found.sort_unstable();
                    prop_assert_eq!(rows.has(key), !its.is_empty());
                    prop_assert_eq!(found, its);
                }
            }
        }
    }

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
