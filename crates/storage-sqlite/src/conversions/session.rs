//! What of a session a call of the conversion pixel rests on. Each question has one row for
//! an answer: a session may have any number of leads and conversions.

use super::rows::{ALL, COLUMNS, from_row};
use super::{duplicates, take_over};
use crate::error::from_sqlite;
use crate::leads::standing;
use crumb_domain::RowId;
use crumb_domain::conversion::Conversion;
use crumb_domain::lead::Lead;
use crumb_storage::Result;
use crumb_storage::conversions::{SessionQuery, SessionRead};
use rusqlite::{Connection, OptionalExtension as _, Params, params};

/// Reads it, on one snapshot.
pub(crate) fn read(connection: &Connection, query: &SessionQuery) -> Result<SessionRead> {
    let SessionQuery { session, event, transaction_id } = query;
    let of_event = params![session.as_i64(), event.0];
    let leads = duplicates::leads_of_session(connection, *session)?;
    let (only_tests, open_lead) = match leads {
        0 => (false, None),
        _ => (has_only_tests(connection, *session)?, open_lead(connection, *session)?),
    };
    let same_transaction = match transaction_id {
        Some(id) => {
            let values = params![session.as_i64(), event.0, id];
            oldest(connection, "session = ?1 AND event = ?2 AND transaction_id = ?3", values)?
        }
        None => None,
    };
    let unshown = "session = ?1 AND event = ?2 AND disposition = 'approved' AND NOT pixels_shown";
    Ok(SessionRead {
        leads,
        only_tests,
        open_lead,
        is_before_lead: take_over::find(connection, *session, *event)?.is_some(),
        oldest: oldest(connection, "session = ?1 AND event = ?2", of_event)?,
        unshown: oldest(connection, unshown, of_event)?,
        same_transaction,
    })
}

fn oldest(connection: &Connection, condition: &str, values: impl Params) -> Result<Option<Conversion>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM {ALL} WHERE {condition} ORDER BY place LIMIT 1"))
        .and_then(|mut select| select.query_row(values, |row| Ok(from_row(row))).optional())
        .map_err(from_sqlite)?
        .transpose()
}

fn has_only_tests(connection: &Connection, session: RowId) -> Result<bool> {
    connection
        .prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM lead WHERE session = ?1 AND NOT test)")
        .and_then(|mut select| select.query_row([session.as_i64()], |row| row.get(0)))
        .map_err(from_sqlite)
}

/// The oldest lead that no pixel has named, one that is a conversion before any other.
fn open_lead(connection: &Connection, session: RowId) -> Result<Option<Lead>> {
    let row: Option<i64> = connection
        .prepare_cached(
            "SELECT row FROM lead
             WHERE session = ?1 AND NOT test AND conversion ->> '$.pixel_at' IS NULL
             ORDER BY event IS NULL, row LIMIT 1",
        )
        .and_then(|mut select| select.query_row([session.as_i64()], |row| row.get(0)).optional())
        .map_err(from_sqlite)?;
    row.map_or(Ok(None), |row| standing::read(connection, row))
}
