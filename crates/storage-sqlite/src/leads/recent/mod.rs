//! The newest leads, on their way into the indexes.
//!
//! Leads are found by id, person, e-mail address and phone number: random keys.
//! If each lead entered those indexes at once, each would change a page anywhere
//! in each of them. So the writer keeps the keys of new leads in memory. When
//! enough of them wait, they are brought in sorted ([`round`]), a few with each
//! commit, so that neighbours share a page and no commit is long. Which leads wait
//! is a row of `recent_leads` for each commit; their keys are read from the leads
//! themselves at the next start, if that comes first.
//!
//! A lead may stand in an index and still be recent; whoever looks asks both.
//! What a crash interrupts is begun again at the next start.

mod ids;
mod round;

pub(crate) use ids::RecentIds;

use super::indexes::{person_column, search_column};
use super::prepare::LeadRow;
use crate::codes::{from_json, to_json};
use crate::error::from_sqlite;
use crumb_storage::Result;
use round::Round;
use rusqlite::{Connection, params};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A recent lead.
#[derive(Debug, Clone)]
struct Entry {
    /// Its row.
    lead: i64,
    /// The row of `recent_leads` that has it.
    number: i64,
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
    /// Of the row of those that the open transaction adds.
    next_number: i64,
    round: Option<Round>,
    /// Rows of recent leads that were changed since: their keys stand in the
    /// indexes already, and those they came with must not follow.
    changed: HashSet<i64>,
    /// Rows and ids of those that the open transaction added to them.
    changed_now: Vec<(i64, i64)>,
    /// How many wait before a round begins.
    most: usize,
}

impl Recent {
    /// What an opened file's table holds.
    pub(crate) fn load(connection: &Connection, most: usize) -> Result<Self> {
        let mut recent = Self { most: most.max(1), next_number: 1, ..Self::default() };
        let mut select = connection
            .prepare(
                "SELECT recent.number, lead.row, lead.id, lead.person, lead.fields
                 FROM recent_leads AS recent CROSS JOIN json_each(recent.leads) AS one
                     CROSS JOIN lead ON lead.row = one.value
                 ORDER BY recent.number",
            )
            .map_err(from_sqlite)?;
        let mut rows = select.query([]).map_err(from_sqlite)?;
        while let Some(row) = rows.next().map_err(from_sqlite)? {
            let (entry, fields) = (|| {
                let person: Option<Vec<u8>> = row.get(3)?;
                let person = person.as_deref().and_then(person_column);
                let search = Arc::from("");
                let entry = Entry { number: row.get(0)?, lead: row.get(1)?, id: row.get(2)?, person, search };
                Ok((entry, row.get::<_, String>(4)?))
            })()
            .map_err(from_sqlite)?;
            recent.next_number = entry.number.saturating_add(1);
            recent.remember(Entry { search: search_keys(entry.lead, &fields).into(), ..entry });
        }
        recent.stored = recent.fresh.len();
        recent.begin_round();
        Ok(recent)
    }

    /// The ids, as readers look them up.
    pub(crate) fn ids(&self) -> Arc<RecentIds> {
        Arc::clone(&self.ids)
    }

    /// Adds a new lead.
    pub(crate) fn add(&mut self, row: &LeadRow) {
        self.remember(Entry {
            lead: row.lead.row.as_i64(),
            number: self.next_number,
            id: row.id,
            person: row.person(),
            search: Arc::clone(&row.search),
        });
    }

    fn remember(&mut self, entry: Entry) {
        self.ids.insert(entry.id, entry.lead, &entry.search);
        if let Some(person) = entry.person {
            self.persons.entry(person).or_default().push(entry.lead);
        }
        self.fresh.push(entry);
    }

    /// Takes the keys of a lead that is about to be changed away from it, if it is
    /// a recent one. Its id stays.
    pub(crate) fn set_aside(&mut self, id: i64) {
        if let Some(lead) = self.ids.get(id)
            && self.changed.insert(lead)
        {
            self.changed_now.push((lead, id));
        }
    }

    /// Rows of recent leads that may be a person's.
    pub(crate) fn of_person(&self, person: i64) -> &[i64] {
        self.persons.get(&person).map_or(&[], Vec::as_slice)
    }

    /// Notes the transaction's new leads, and brings in as many keys as they make room
    /// for, so that a round ends before the next one is due.
    pub(crate) fn write(&mut self, connection: &Connection) -> Result<()> {
        let new = self.fresh.get(self.stored..).unwrap_or_default();
        if new.is_empty() {
            return Ok(());
        }
        let leads: Vec<i64> = new.iter().map(|entry| entry.lead).collect();
        let json = to_json(&leads)?;
        connection
            .prepare_cached("INSERT INTO recent_leads (number, leads) VALUES (?1, ?2)")
            .and_then(|mut insert| insert.execute(params![self.next_number, json]))
            .map_err(from_sqlite)?;
        match &mut self.round {
            Some(round) => round.bring_in(connection, leads.len(), &self.changed),
            None => Ok(()),
        }
    }

    /// Now.
    pub(crate) fn mark(&self) -> Mark {
        Mark { fresh: self.fresh.len(), changed: self.changed_now.len() }
    }

    /// Forgets what was added since.
    pub(crate) fn forget_since(&mut self, mark: Mark) {
        for entry in self.fresh.split_off(mark.fresh) {
            forget(&self.ids, &mut self.persons, &entry);
        }
        for (lead, _) in self.changed_now.drain(mark.changed..) {
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
        if self.stored < self.fresh.len() {
            self.stored = self.fresh.len();
            self.next_number = self.next_number.saturating_add(1);
        }
        for (_, id) in self.changed_now.drain(..) {
            self.ids.forget_keys(id);
        }
        if let Some(ended) = self.round.take_if(Round::committed) {
            for entry in ended.entries() {
                forget(&self.ids, &mut self.persons, entry);
                self.changed.remove(&entry.lead);
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
        leads.retain(|lead| *lead != entry.lead);
        if leads.is_empty() {
            persons.remove(&person);
        }
    }
}

/// What a stored lead is searched by. One whose fields cannot be read is searched by
/// nothing, and keeps no store from being opened.
fn search_keys(lead: i64, fields: &str) -> String {
    match from_json::<Vec<(String, String)>>(fields) {
        Ok(fields) => search_column(&fields),
        Err(error) => {
            tracing::error!(%error, row = lead, "a recent lead's fields cannot be read");
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{SqliteOptions, open_writer};
    use crate::leads::prepare::new_lead;
    use crumb_storage::contract::build::{Rows, accept, lead};

    fn numbers(connection: &Connection, sql: &str) -> Vec<i64> {
        let mut select = connection.prepare(sql).unwrap();
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
                recent.add(row);
            }
            recent.write(&connection).unwrap();
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
        let indexed = "SELECT id FROM lead_by_id ORDER BY id";
        assert_eq!(numbers(&connection, indexed), [0_i64; 0]);
        commit(&leads[2..], true);
        assert_eq!(numbers(&connection, indexed), [leads[0].id, leads[1].id]);
        let waiting = numbers(&connection, "SELECT value FROM recent_leads, json_each(leads)");
        assert_eq!(waiting, [leads[2].lead.row.as_i64(), leads[3].lead.row.as_i64()]);
        let stored = recent.ids();
        assert_eq!(leads.iter().filter(|row| stored.get(row.id).is_some()).count(), 2);
    }
}
