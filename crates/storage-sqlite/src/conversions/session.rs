//! What of a session a call of the conversion pixel rests on. Each question has one row for
//! an answer: a session may have any number of leads and conversions.

use super::rows::{COLUMNS, OF_SESSION, from_row};
use super::{duplicates, take_over};
use crate::error::from_sqlite;
use crate::leads::indexes::{OfSession, has_lead_of_session, is_of_session};
use crate::leads::recent::Recently;
use crate::leads::standing;
use crumb_domain::conversion::Conversion;
use crumb_domain::lead::Lead;
use crumb_storage::Result;
use crumb_storage::conversions::{SessionQuery, SessionRead};
use rusqlite::{Connection, OptionalExtension as _, ToSql};

/// Reads it, on one snapshot.
pub(crate) fn read(connection: &Connection, recent: &Recently, query: &SessionQuery) -> Result<SessionRead> {
    let SessionQuery { session, event, transaction_id } = query;
    let its = &OfSession::of_snapshot(connection, recent, *session)?;
    let leads = duplicates::leads_of_session(connection, its)?;
    let (only_tests, open_lead) = match leads {
        0 => (false, None),
        _ => (has_only_tests(connection, its)?, open_lead(connection, its)?),
    };
    let same_transaction = match transaction_id {
        Some(id) => oldest(connection, "event = ?3 AND transaction_id = ?4", &its.and(&[&event.0, id]))?,
        None => None,
    };
    let unshown = "event = ?3 AND disposition = 'approved' AND NOT pixels_shown";
    Ok(SessionRead {
        leads,
        only_tests,
        open_lead,
        is_before_lead: take_over::find(connection, *session, *event)?.is_some(),
        oldest: oldest(connection, "event = ?3", &its.and(&[&event.0]))?,
        unshown: oldest(connection, unshown, &its.and(&[&event.0]))?,
        same_transaction,
    })
}

fn oldest(connection: &Connection, condition: &str, values: &[&dyn ToSql]) -> Result<Option<Conversion>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM {OF_SESSION} WHERE {condition} ORDER BY place LIMIT 1"
        ))
        .and_then(|mut select| select.query_row(values, |row| Ok(from_row(row))).optional())
        .map_err(from_sqlite)?
        .transpose()
}

fn has_only_tests(connection: &Connection, its: &OfSession) -> Result<bool> {
    connection
        .prepare_cached(concat!("SELECT NOT ", has_lead_of_session!(" AND NOT lead.test")))
        .and_then(|mut select| select.query_row(its.and(&[]).as_slice(), |row| row.get(0)))
        .map_err(from_sqlite)
}

/// The oldest lead that no pixel has named, one that is a conversion before any other.
fn open_lead(connection: &Connection, its: &OfSession) -> Result<Option<Lead>> {
    let row: Option<i64> = connection
        .prepare_cached(concat!(
            "SELECT row FROM lead WHERE ",
            is_of_session!(),
            " AND NOT test AND conversion ->> '$.pixel_at' IS NULL ORDER BY event IS NULL, row LIMIT 1"
        ))
        .and_then(|mut select| select.query_row(its.and(&[]).as_slice(), |row| row.get(0)).optional())
        .map_err(from_sqlite)?;
    row.map_or(Ok(None), |row| standing::read(connection, row))
}
