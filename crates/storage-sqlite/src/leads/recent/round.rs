//! Bringing many leads into the indexes, in the order of the keys.

use super::Entry;
use crate::error::from_sqlite;
use crumb_storage::Result;
use rusqlite::{CachedStatement, Connection, params};
use std::collections::HashSet;

/// A key of a lead's row. In their order one index follows the other.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Id(i64, i64),
    Person(i64, i64),
    Search(Box<str>, i64),
    Session(i64, i64),
}

/// Leads that are brought in together, some keys with each commit.
pub(super) struct Round {
    entries: Vec<Entry>,
    keys: Vec<Key>,
    /// Keys that are committed.
    done: usize,
    /// Keys that the open transaction has reached.
    reached: usize,
}

impl Round {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        let mut keys = Vec::with_capacity(entries.len() * 5);
        for Entry { lead, id, person, session, search, .. } in &entries {
            keys.push(Key::Id(*id, *lead));
            keys.push(Key::Session(*session, *lead));
            keys.extend(person.map(|person| Key::Person(person, *lead)));
            let texts = search.split('\n').filter(|text| !text.is_empty());
            keys.extend(texts.map(|text| Key::Search(text.into(), *lead)));
        }
        keys.sort_unstable();
        Self { entries, keys, done: 0, reached: 0 }
    }

    /// The leads that it brings in.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Brings in the next keys, so many that the round is over when as many leads
    /// have come as it brings in; with the last, its leads are recent no more.
    /// After a crash a key may be there already.
    pub(super) fn bring_in(
        &mut self,
        connection: &Connection,
        new: usize,
        changed: &HashSet<i64>,
    ) -> Result<()> {
        let each = self.keys.len().div_ceil(self.entries.len().max(1));
        let end = self.keys.len().min(self.reached.saturating_add(new.saturating_mul(each)));
        let next = self.keys.get(self.reached..end).unwrap_or_default();
        insert(connection, next, changed).map_err(from_sqlite)?;
        self.reached = end;
        if end == self.keys.len()
            && let Some(last) = self.entries.last()
        {
            connection
                .prepare_cached("DELETE FROM recent_leads WHERE number <= ?1")
                .and_then(|mut delete| delete.execute([last.number]))
                .map_err(from_sqlite)?;
        }
        Ok(())
    }

    pub(super) fn rolled_back(&mut self) {
        self.reached = self.done;
    }

    /// Whether this commit was its last.
    pub(super) fn committed(&mut self) -> bool {
        self.done = self.reached;
        self.done == self.keys.len()
    }
}

fn insert(connection: &Connection, keys: &[Key], changed: &HashSet<i64>) -> rusqlite::Result<()> {
    let (mut ids, mut persons, mut searches, mut sessions) = (None, None, None, None);
    for key in keys {
        match key {
            Key::Id(id, lead) => {
                prepared(
                    &mut ids,
                    connection,
                    "INSERT OR IGNORE INTO lead_by_id (id, lead) VALUES (?1, ?2)",
                )?
                .execute([id, lead])?;
            }
            Key::Person(_, lead) | Key::Search(_, lead) if changed.contains(lead) => {}
            Key::Person(person, lead) => {
                let sql = "INSERT OR IGNORE INTO lead_by_person (person, lead) VALUES (?1, ?2)";
                prepared(&mut persons, connection, sql)?.execute([person, lead])?;
            }
            Key::Search(key, lead) => {
                let sql = "INSERT OR IGNORE INTO lead_search (key, lead) VALUES (?1, ?2)";
                prepared(&mut searches, connection, sql)?.execute(params![key, lead])?;
            }
            Key::Session(session, lead) => {
                let sql = "INSERT OR IGNORE INTO lead_by_session (session, lead) VALUES (?1, ?2)";
                prepared(&mut sessions, connection, sql)?.execute([session, lead])?;
            }
        }
    }
    Ok(())
}

/// A statement that is prepared when the first key wants it.
fn prepared<'s, 'c>(
    slot: &'s mut Option<CachedStatement<'c>>,
    connection: &'c Connection,
    sql: &str,
) -> rusqlite::Result<&'s mut CachedStatement<'c>> {
    match slot {
        Some(statement) => Ok(statement),
        None => Ok(slot.insert(connection.prepare_cached(sql)?)),
    }
}
