//! Leads by their random keys: in the indexes, and among the recent ones.

use super::prepare::LeadRow;
use super::recent::{Recent, Recently};
use crate::error::from_sqlite;
use crate::statements::Statements;
use crumb_domain::{LeadId, RowId};
use crumb_storage::leads::{DuplicateCheck, DuplicateKey};
use crumb_storage::{Result, lead_search};
use rusqlite::types::Value;
use rusqlite::{Connection, ToSql, params};

/// A lead's id as its column holds it.
pub(crate) fn id_column(id: LeadId) -> i64 {
    // Below 36^8, which is below 2^63.
    id.number().cast_signed()
}

/// The row of the lead of that id.
pub(crate) fn row_of(statements: &dyn Statements, recent: &Recently, id: i64) -> Result<Option<i64>> {
    if let Some(lead) = recent.get(id) {
        return Ok(Some(lead));
    }
    statements.number("SELECT lead FROM lead_by_id WHERE id = ?1", &[&id]).map_err(from_sqlite)
}

/// The part of a person's hash that is looked up.
pub(crate) fn person_of(key: &DuplicateKey) -> i64 {
    person_column(&key.hash).unwrap_or_default()
}

/// The same, of a hash as a lead's row holds it.
pub(crate) fn person_column(hash: &[u8]) -> Option<i64> {
    hash.first_chunk().map(|first| i64::from_be_bytes(*first))
}

/// The keys by which a lead with these fields is found: between line breaks,
/// which no key contains.
pub(crate) fn search_column(fields: &[(String, String)]) -> String {
    let keys = lead_search::keys_of(fields);
    let mut column = String::with_capacity(keys.iter().map(|key| key.len() + 1).sum::<usize>() + 1);
    for key in keys {
        if column.is_empty() {
            column.push('\n');
        }
        column.push_str(&key);
        column.push('\n');
    }
    column
}

/// Whether another lead than `itself` is the person's, in scope and window. The
/// indexes say which ones may be; the lead itself says whether it is.
pub(crate) fn is_there_another(
    statements: &dyn Statements,
    recent: &Recently,
    check: &DuplicateCheck,
    itself: Option<LeadId>,
) -> Result<bool> {
    let person = person_of(&check.key);
    let [since, vertical] = [check.since.micros(), check.key.vertical.0];
    let (offer, itself) = (check.offer.map(|id| id.0), itself.map(id_column));
    for lead in recent.of_person(person) {
        let is_one = statements
            .number(
                "SELECT 1 FROM lead WHERE row = ?1 AND person = ?2 AND vertical = ?3 AND at >= ?4
                     AND (?5 IS NULL OR offer = ?5) AND id IS NOT ?6",
                params![lead, check.key.hash, vertical, since, offer, itself],
            )
            .map_err(from_sqlite)?;
        if is_one.is_some() {
            return Ok(true);
        }
    }
    let is_one = statements
        .number(
            "SELECT 1 FROM lead_by_person AS found CROSS JOIN lead ON lead.row = found.lead
             WHERE found.person = ?1 AND lead.person = ?2 AND lead.vertical = ?3 AND lead.at >= ?4
                 AND (?5 IS NULL OR lead.offer = ?5) AND lead.id IS NOT ?6",
            params![person, check.key.hash, vertical, since, offer, itself],
        )
        .map_err(from_sqlite)?;
    Ok(is_one.is_some())
}

/// Takes a lead's keys away before its row is written anew.
pub(crate) fn take_out(connection: &Connection, recent: &mut Recent, id: i64, lead: i64) -> Result<()> {
    let (fields, person): (String, Option<Vec<u8>>) = connection
        .prepare_cached("SELECT fields, person FROM lead WHERE row = ?1")
        .and_then(|mut select| select.query_row([lead], |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(from_sqlite)?;
    let fields: Vec<(String, String)> = crate::codes::from_json(&fields)?;
    for key in lead_search::keys_of(&fields) {
        connection
            .prepare_cached("DELETE FROM lead_search WHERE key = ?1 AND lead = ?2")
            .and_then(|mut delete| delete.execute(params![key, lead]))
            .map_err(from_sqlite)?;
    }
    if let Some(person) = person.as_deref().and_then(person_column) {
        connection
            .prepare_cached("DELETE FROM lead_by_person WHERE person = ?1 AND lead = ?2")
            .and_then(|mut delete| delete.execute([person, lead]))
            .map_err(from_sqlite)?;
    }
    recent.set_aside(id);
    Ok(())
}

/// No rows, as JSON: what the conditions below compare with.
const NONE_RECENT: &str = "[]";

/// Of which leads the condition of [`is_of_session`] is true.
pub(crate) struct OfSession {
    session: i64,
    /// JSON: the rows of the recent ones.
    recent: String,
}

impl OfSession {
    /// To the writer, in whose transaction all recent leads are.
    pub(crate) fn new(recent: &Recently, session: RowId) -> Result<Self> {
        Ok(Self { session: session.as_i64(), recent: recent.of_session(session)? })
    }

    /// Those in the indexes alone.
    pub(crate) fn in_indexes(session: RowId) -> Self {
        Self { session: session.as_i64(), recent: NONE_RECENT.to_owned() }
    }

    /// To a reader. Its snapshot begins with its first look into the file, so that is taken
    /// first: a lead that is committed between would be in the snapshot, with all that it
    /// changed, and not among those that are looked up here.
    pub(crate) fn of_snapshot(connection: &Connection, recent: &Recently, session: RowId) -> Result<Self> {
        connection
            .prepare_cached("PRAGMA schema_version")
            .and_then(|mut look| look.query_row([], |_| Ok(())))
            .map_err(from_sqlite)?;
        Self::new(recent, session)
    }

    /// Its two parameters, and those after them.
    pub(crate) fn and<'v>(&'v self, further: &[&'v dyn ToSql]) -> Vec<&'v dyn ToSql> {
        let its: [&dyn ToSql; 2] = [&self.session, &self.recent];
        its.into_iter().chain(further.iter().copied()).collect()
    }

    /// The same for a list, which must have them before any other.
    pub(crate) fn into_values(self) -> [Value; 2] {
        [Value::from(self.session), Value::from(self.recent)]
    }
}

/// Whether a row of `lead` is one of the session's that is the first parameter. The lead
/// itself says whose it is; its index and the recent ones say where to look. Mostly none is
/// recent, and to open an empty list costs as much as the index.
macro_rules! is_of_session {
    () => {
        "session = ?1 AND row IN (SELECT lead FROM lead_by_session WHERE session = ?1
             UNION ALL SELECT value FROM json_each(?2) WHERE ?2 <> '[]')"
    };
}
pub(crate) use is_of_session;

/// Whether the same session has a lead for which a further condition holds. It ends at the
/// first one, and takes half the time of the list that [`is_of_session`] makes: it is asked
/// for each session that is read, and each conversion.
macro_rules! has_lead_of_session {
    ($also:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM lead_by_session AS found CROSS JOIN lead ON lead.row = found.lead
                 WHERE found.session = ?1 AND lead.session = ?1",
            $also,
            ") OR EXISTS (SELECT 1 FROM json_each(?2) AS found CROSS JOIN lead ON lead.row = found.value
                 WHERE ?2 <> '[]' AND lead.session = ?1",
            $also,
            "))"
        )
    };
}
pub(crate) use has_lead_of_session;

/// Puts a changed lead's keys into the indexes at once: changes are rare.
pub(crate) fn put_in(connection: &Connection, row: &LeadRow) -> Result<()> {
    let lead = row.lead.row.as_i64();
    for key in row.search.split('\n').filter(|key| !key.is_empty()) {
        connection
            .prepare_cached("INSERT OR IGNORE INTO lead_search (key, lead) VALUES (?1, ?2)")
            .and_then(|mut insert| insert.execute(params![key, lead]))
            .map_err(from_sqlite)?;
    }
    if let Some(person) = row.person() {
        connection
            .prepare_cached("INSERT OR IGNORE INTO lead_by_person (person, lead) VALUES (?1, ?2)")
            .and_then(|mut insert| insert.execute([person, lead]))
            .map_err(from_sqlite)?;
    }
    connection
        .prepare_cached("INSERT OR IGNORE INTO lead_by_session (session, lead) VALUES (?1, ?2)")
        .and_then(|mut insert| insert.execute([row.lead.session.as_i64(), lead]))
        .map_err(from_sqlite)?;
    Ok(())
}
