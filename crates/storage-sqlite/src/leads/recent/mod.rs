//! The newest leads, on their way into the indexes.
//!
//! Leads are found by id, person, e-mail address and phone number: random keys.
//! If each lead entered those indexes at once, each would change a page anywhere
//! in each of them. So a new lead is appended to one table in the order of
//! arrival (`recent_lead`), and the writer also keeps what it needs of it in
//! memory. When enough of them wait, they are brought in sorted ([`round`]), a few
//! with each commit, so that neighbours share a page and no commit is long.
//!
//! A lead may stand in an index and still be recent; whoever looks asks both.
//! What a crash interrupts is begun again at the next start.

mod ids;
mod round;

pub(crate) use ids::{Place, RecentIds};

use super::prepare::LeadRow;
use crate::error::from_sqlite;
use crate::statements::Statements;
use crumb_storage::Result;
use round::Round;
use rusqlite::{Connection, params};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A recent lead.
#[derive(Debug, Clone)]
struct Entry {
    place: Place,
    id: i64,
    person: Option<i64>,
    search: Arc<str>,
}

/// A moment within a transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    fresh: usize,
    changed: usize,
}

/// The writer's memory of the recent leads.
#[derive(Default)]
pub(crate) struct Recent {
    /// By id, for readers too.
    ids: Arc<RecentIds>,
    /// Rows by person. They may no longer be that person's: the lead's row says it.
    persons: HashMap<i64, Vec<i64>>,
    /// Those that no round has taken, in the order of their numbers.
    fresh: Vec<Entry>,
    /// How many of them are committed.
    stored: usize,
    next_number: i64,
    round: Option<Round>,
    /// Rows of recent leads that were changed since: their keys stand in the
    /// indexes already, and those they came with must not follow.
    changed: HashSet<i64>,
    /// Those that the open transaction added to them.
    changed_now: Vec<i64>,
    /// How many wait before a round begins.
    most: usize,
}

impl Recent {
    /// What an opened file's table holds.
    pub(crate) fn load(connection: &Connection, most: usize) -> Result<Self> {
        let mut recent = Self { most: most.max(1), next_number: 1, ..Self::default() };
        let mut select = connection
            .prepare("SELECT number, lead, id, person, search FROM recent_lead ORDER BY number")
            .map_err(from_sqlite)?;
        let mut rows = select.query([]).map_err(from_sqlite)?;
        while let Some(row) = rows.next().map_err(from_sqlite)? {
            let entry = (|| {
                let place = Place { number: row.get(0)?, lead: row.get(1)? };
                let search: String = row.get(4)?;
                Ok(Entry { place, id: row.get(2)?, person: row.get(3)?, search: search.into() })
            })();
            recent.remember(entry.map_err(from_sqlite)?);
        }
        recent.committed();
        recent.begin_round();
        Ok(recent)
    }

    /// The ids, as readers look them up.
    pub(crate) fn ids(&self) -> Arc<RecentIds> {
        Arc::clone(&self.ids)
    }

    /// Appends a new lead.
    pub(crate) fn add(&mut self, statements: &dyn Statements, row: &LeadRow) -> Result<()> {
        let place = Place { number: self.next_number, lead: row.lead.row.as_i64() };
        let person = row.person();
        statements
            .execute(
                "INSERT INTO recent_lead (number, lead, id, person, search) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![place.number, place.lead, row.id, person, &*row.search],
            )
            .map_err(from_sqlite)?;
        self.remember(Entry { place, id: row.id, person, search: Arc::clone(&row.search) });
        Ok(())
    }

    fn remember(&mut self, entry: Entry) {
        self.next_number = entry.place.number.saturating_add(1);
        self.ids.insert(entry.id, entry.place);
        if let Some(person) = entry.person {
            self.persons.entry(person).or_default().push(entry.place.lead);
        }
        self.fresh.push(entry);
    }

    /// Takes the keys of a lead that is about to be changed away from it, if it is
    /// a recent one. Its id stays.
    pub(crate) fn set_aside(&mut self, connection: &Connection, id: i64) -> Result<()> {
        let Some(place) = self.ids.get(id) else { return Ok(()) };
        connection
            .prepare_cached("UPDATE recent_lead SET person = NULL, search = '' WHERE number = ?1")
            .and_then(|mut update| update.execute([place.number]))
            .map_err(from_sqlite)?;
        if self.changed.insert(place.lead) {
            self.changed_now.push(place.lead);
        }
        Ok(())
    }

    /// Rows of recent leads that may be a person's.
    pub(crate) fn of_person(&self, person: i64) -> &[i64] {
        self.persons.get(&person).map_or(&[], Vec::as_slice)
    }

    /// Brings in as many keys as the transaction's new leads make room for, so
    /// that a round ends before the next one is due.
    pub(crate) fn bring_in(&mut self, connection: &Connection) -> Result<()> {
        let new = self.fresh.len() - self.stored;
        match &mut self.round {
            Some(round) if new > 0 => round.bring_in(connection, new, &self.changed),
            _ => Ok(()),
        }
    }

    /// Now.
    pub(crate) fn mark(&self) -> Mark {
        Mark { fresh: self.fresh.len(), changed: self.changed_now.len() }
    }

    /// Forgets what was added since.
    pub(crate) fn forget_since(&mut self, mark: Mark) {
        for entry in self.fresh.split_off(mark.fresh) {
            self.next_number = self.next_number.min(entry.place.number);
            forget(&self.ids, &mut self.persons, &entry);
        }
        for lead in self.changed_now.drain(mark.changed..) {
            self.changed.remove(&lead);
        }
    }

    /// The open transaction was rolled back.
    pub(crate) fn forget_transaction(&mut self) {
        self.forget_since(Mark { fresh: self.stored, changed: 0 });
        if let Some(round) = &mut self.round {
            round.rolled_back();
        }
    }

    /// The open transaction is committed.
    pub(crate) fn committed(&mut self) {
        self.stored = self.fresh.len();
        self.changed_now.clear();
        if let Some(ended) = self.round.take_if(Round::committed) {
            for entry in ended.entries() {
                forget(&self.ids, &mut self.persons, entry);
                self.changed.remove(&entry.place.lead);
            }
        }
    }

    /// Begins a round if one is due. Sorting takes milliseconds: to be called when
    /// those who wait for the commit are answered.
    pub(crate) fn begin_round(&mut self) {
        if self.round.is_none() && !self.fresh.is_empty() && self.fresh.len() >= self.most {
            self.stored = 0;
            self.round = Some(Round::new(std::mem::take(&mut self.fresh)));
        }
    }
}

fn forget(ids: &RecentIds, persons: &mut HashMap<i64, Vec<i64>>, entry: &Entry) {
    ids.remove(entry.id);
    let Some(person) = entry.person else { return };
    if let Some(leads) = persons.get_mut(&person) {
        leads.retain(|lead| *lead != entry.place.lead);
        if leads.is_empty() {
            persons.remove(&person);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{SqliteOptions, open_writer};
    use crate::leads::prepare::new_lead;
    use crumb_storage::contract::build::{Rows, accept, lead};

    fn ids(connection: &Connection, table: &str) -> Vec<i64> {
        let mut select = connection.prepare(&format!("SELECT id FROM {table} ORDER BY id")).unwrap();
        select.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
    }

    #[test]
    fn keys_whose_commit_failed_are_brought_in_by_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_writer(&folder.path().join("crumb.db"), &SqliteOptions::default()).unwrap();
        let mut rows = Rows::new();
        let leads: Vec<LeadRow> = (0..4)
            .map(|number| new_lead(accept(lead(number, rows.next_row()))).unwrap().0.posting.row)
            .collect();
        let mut recent = Recent::load(&connection, 2).unwrap();
        let mut commit = |leads: &[LeadRow], holds: bool| {
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            for row in leads {
                recent.add(&connection, row).unwrap();
            }
            recent.bring_in(&connection).unwrap();
            connection.execute_batch(if holds { "COMMIT" } else { "ROLLBACK" }).unwrap();
            if holds {
                recent.committed()
            } else {
                recent.forget_transaction()
            }
            recent.begin_round();
        };
        commit(&leads[..2], true);
        commit(&leads[2..], false);
        assert_eq!(ids(&connection, "lead_by_id"), [0_i64; 0]);
        commit(&leads[2..], true);
        assert_eq!(ids(&connection, "lead_by_id"), [leads[0].id, leads[1].id]);
        assert_eq!(ids(&connection, "recent_lead"), [leads[2].id, leads[3].id]);
        let stored = recent.ids();
        assert_eq!(leads.iter().filter(|row| stored.get(row.id).is_some()).count(), 2);
    }
}
