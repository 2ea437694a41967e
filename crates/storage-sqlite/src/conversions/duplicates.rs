//! What is there already: of a session and event, with a transaction id.

use super::rows::ALL;
use crate::codes::row_id;
use crate::error::from_sqlite;
use crate::statements::Statements;
use crumb_domain::RowId;
use crumb_domain::conversion::Conversion;
use crumb_storage::Result;
use rusqlite::{Connection, Params, params};

/// Whether a session has neither leads, whatever became of them, nor other conversions.
pub(crate) fn has_nothing(statements: &dyn Statements, session: RowId) -> Result<bool> {
    let has_some = statements
        .number(
            "SELECT EXISTS (SELECT 1 FROM conversion WHERE session = ?1)
                 OR EXISTS (SELECT 1 FROM lead WHERE session = ?1)",
            &[&session.as_i64()],
        )
        .map_err(from_sqlite)?;
    Ok(has_some == Some(0))
}

/// How many leads a session has, whatever became of them.
pub(crate) fn leads_of_session(statements: &dyn Statements, session: RowId) -> Result<usize> {
    let count = statements
        .number("SELECT count(*) FROM lead WHERE session = ?1", &[&session.as_i64()])
        .map_err(from_sqlite)?;
    Ok(count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
}

/// The oldest conversion of the same session and event.
pub(crate) fn of_event(connection: &Connection, new: &Conversion) -> Result<Option<RowId>> {
    let values = params![new.session.as_i64(), new.event.0];
    oldest(connection, "session = ?1 AND event = ?2", values)
}

/// The oldest other conversion of the same offer and event with the same transaction id.
/// Tests are compared with tests: what somebody tries out uses up nothing.
pub(crate) fn of_transaction(connection: &Connection, new: &Conversion) -> Result<Option<RowId>> {
    let Some(transaction_id) = &new.reported.transaction_id else { return Ok(None) };
    let values = params![transaction_id, new.offer.0, new.event.0, new.test, new.id.as_i64()];
    oldest(
        connection,
        "transaction_id = ?1 AND offer = ?2 AND event = ?3 AND test = ?4 AND place <> ?5",
        values,
    )
}

fn oldest(connection: &Connection, condition: &str, values: impl Params) -> Result<Option<RowId>> {
    let place: Option<i64> = connection
        .prepare_cached(&format!("SELECT min(place) FROM {ALL} WHERE {condition}"))
        .and_then(|mut select| select.query_row(values, |row| row.get(0)))
        .map_err(from_sqlite)?;
    place.map(row_id).transpose()
}
