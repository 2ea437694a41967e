//! The newest leads, on their way into the indexes.
//!
//! Leads are found by id, person, session, e-mail address and phone number: random
//! keys, or as good as random. If each lead entered those indexes at once, each would
//! change a page anywhere in each of them. So the writer keeps the keys of new leads in
//! memory ([`known`]). When enough of them wait, they are brought in sorted ([`round`]), a
//! few with each commit, so that neighbours share a page and no commit is long. Which wait
//! is a row of `recent_leads` for each commit; their keys are read from the leads
//! themselves at the next start, if that comes first.
//!
//! A lead may stand in an index and still be recent; whoever looks asks both.
//! What a crash interrupts is begun again at the next start.

mod known;
mod round;

pub(crate) use known::{RecentLeads, Recently};

use super::indexes::{person_column, search_column};
use super::prepare::LeadRow;
use crate::codes::{from_json, to_json};
use crate::error::from_sqlite;
use crumb_storage::Result;
use known::Generation;
use round::Round;
use rusqlite::{Connection, params};
use std::collections::HashSet;
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
    session: i64,
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
    /// All of them, for readers too.
    known: Arc<RecentLeads>,
    /// Those that no round has taken.
    newest: Arc<Generation>,
    /// The same, in the order of their numbers.
    fresh: Vec<Entry>,
    /// How many of them are committed.
    stored: usize,
    /// Of the row of those that the open transaction adds.
    next_number: i64,
    round: Option<Round>,
    /// What a round that is over leaves, until nobody waits.
    ended: Option<(Round, Arc<Generation>)>,
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
        let known = Arc::<RecentLeads>::default();
        let newest = known.oldest();
        let mut recent = Self { known, newest, most: most.max(1), next_number: 1, ..Self::default() };
        let mut select = connection
            .prepare(
                "SELECT recent.number, lead.row, lead.id, lead.person, lead.fields, lead.session
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
                let [number, lead, id, session] = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(5)?];
                Ok((Entry { lead, number, id, person, session, search }, row.get::<_, String>(4)?))
            })()
            .map_err(from_sqlite)?;
            recent.next_number = entry.number.saturating_add(1);
            recent.remember(Entry { search: search_keys(entry.lead, &fields).into(), ..entry });
        }
        recent.stored = recent.fresh.len();
        recent.begin_round();
        Ok(recent)
    }

    /// The recent leads, as readers look them up.
    pub(crate) fn known(&self) -> Arc<RecentLeads> {
        Arc::clone(&self.known)
    }

    /// Those that are recent now, to the writer itself: all of them are in its transaction.
    pub(crate) fn now(&self) -> Recently {
        self.known.since_now()
    }

    /// Adds a new lead.
    pub(crate) fn add(&mut self, row: &LeadRow) {
        self.remember(Entry {
            lead: row.lead.row.as_i64(),
            number: self.next_number,
            id: row.id,
            person: row.person(),
            session: row.lead.session.as_i64(),
            search: Arc::clone(&row.search),
        });
    }

    fn remember(&mut self, entry: Entry) {
        self.newest.insert(&entry);
        self.fresh.push(entry);
    }

    /// Takes the keys of a lead that is about to be changed away from it, if it is
    /// a recent one. Its id stays.
    pub(crate) fn set_aside(&mut self, id: i64) {
        if let Some(lead) = self.now().get(id)
            && self.changed.insert(lead)
        {
            self.changed_now.push((lead, id));
        }
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
            self.newest.remove(&entry);
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
            self.known.since_now().forget_keys(id);
        }
        if let Some(ended) = self.round.take_if(Round::committed) {
            if !self.changed.is_empty() {
                ended.entries().iter().for_each(|entry| _ = self.changed.remove(&entry.lead));
            }
            self.ended = Some((ended, self.known.let_go()));
        }
    }

    /// Begins a round if one is due, and drops what the last one has left. Both take
    /// milliseconds: to be called when those who wait for the commit are answered.
    pub(crate) fn begin_round(&mut self) {
        self.ended = None;
        if self.round.is_none() && !self.fresh.is_empty() && self.fresh.len() >= self.most {
            self.stored = 0;
            self.newest = self.newest.followed();
            self.round = Some(Round::new(std::mem::take(&mut self.fresh)));
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
    use crate::connection::{SqliteOptions, open_reader, open_writer};
    use crate::leads::indexes::{OfSession, id_column, is_of_session, row_of};
    use crate::leads::prepare::new_lead;
    use crate::statements::Statements as _;
    use crumb_domain::lead::Lead;
    use crumb_storage::contract::build::{Rows, accept, lead, lead_id};

    /// Writes a lead, as a commit of its own.
    fn commit(writer: &Connection, recent: &mut Recent, lead: Lead) {
        let row = new_lead(accept(lead)).unwrap().0.posting.row;
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        super::super::rows::insert(writer, &row, 0).unwrap();
        recent.add(&row);
        recent.write(writer).unwrap();
        writer.execute_batch("COMMIT").unwrap();
        recent.committed();
        recent.begin_round();
    }

    #[test]
    fn a_snapshot_has_no_lead_of_a_session_that_came_after_a_look_at_the_recent_ones() {
        let folder = tempfile::tempdir().unwrap();
        let (path, options) = (folder.path().join("crumb.db"), SqliteOptions::default());
        let (writer, reader) = (open_writer(&path, &options).unwrap(), open_reader(&path, &options).unwrap());
        let (mut recent, mut rows) = (Recent::load(&writer, 2).unwrap(), Rows::new());
        let session = rows.next_row();
        let of_session = "SELECT count(*) FROM lead WHERE session = ?1";
        let found = concat!("SELECT count(*) FROM lead WHERE ", is_of_session!());
        for before in 0..5 {
            reader.execute_batch("BEGIN").unwrap();
            let its = OfSession::of_snapshot(&reader, &recent.now(), session).unwrap();
            commit(&writer, &mut recent, Lead { session, ..lead(before, rows.next_row()) });
            let in_snapshot = reader.number(of_session, &[&session.as_i64()]);
            assert_eq!(in_snapshot, Ok(Some(i64::from(before))));
            assert_eq!(reader.number(found, &its.and(&[])), in_snapshot);
            reader.execute_batch("ROLLBACK").unwrap();
        }
    }

    #[test]
    fn whoever_took_hold_before_its_snapshot_finds_all_that_it_has_however_late_it_looks() {
        let folder = tempfile::tempdir().unwrap();
        let (path, options) = (folder.path().join("crumb.db"), SqliteOptions::default());
        let (writer, reader) = (open_writer(&path, &options).unwrap(), open_reader(&path, &options).unwrap());
        // Every second commit begins a round, and the next one ends it.
        let mut recent = Recent::load(&writer, 2).unwrap();
        let (mut rows, mut committed) = (Rows::new(), 0);
        let session = rows.next_row();
        let mut commit = |recent: &mut Recent, committed: &mut u32| {
            commit(&writer, recent, Lead { session, ..lead(*committed, rows.next_row()) });
            *committed += 1;
        };
        for (before, after) in (0..6).flat_map(|before| (0..6).map(move |after| (before, after))) {
            let recently = recent.now();
            (0..before).for_each(|_| commit(&mut recent, &mut committed));
            reader.execute_batch("BEGIN").unwrap();
            assert_eq!(numbers(&reader, "SELECT count(*) FROM lead"), [i64::from(committed)]);
            let in_snapshot = committed;
            (0..after).for_each(|_| commit(&mut recent, &mut committed));
            let its = OfSession::new(&recently, session).unwrap();
            let count = concat!("SELECT count(*) FROM lead WHERE ", is_of_session!());
            assert_eq!(reader.number(count, &its.and(&[])), Ok(Some(i64::from(in_snapshot))));
            for number in 0..in_snapshot {
                let found = row_of(&reader, &recently, id_column(lead_id(number))).unwrap();
                assert!(found.is_some(), "{number} of {in_snapshot}, {before} before and {after} after");
            }
            reader.execute_batch("ROLLBACK").unwrap();
        }
    }

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
        assert_eq!(leads.iter().filter(|row| recent.now().get(row.id).is_some()).count(), 2);
    }
}
