//! What is there already: of a session and event, with a transaction id.

use super::rows::{OF_SESSION, OLDEST_OF_TRANSACTION};
use crate::codes::row_id;
use crate::error::from_sqlite;
use crate::leads::indexes::{OfSession, has_lead_of_session, is_of_session};
use crate::leads::recent::Recently;
use crate::statements::Statements;
use crumb_domain::RowId;
use crumb_domain::conversion::Conversion;
use crumb_storage::Result;
use rusqlite::{Connection, params};

/// Whether a session has neither leads, whatever became of them, nor other conversions.
pub(crate) fn has_nothing(statements: &dyn Statements, recent: &Recently, session: RowId) -> Result<bool> {
    let has_some = statements
        .number(
            concat!(
                "SELECT EXISTS (SELECT 1 FROM conversion WHERE session = ?1) OR ",
                has_lead_of_session!("")
            ),
            &OfSession::new(recent, session)?.and(&[]),
        )
        .map_err(from_sqlite)?;
    Ok(has_some == Some(0))
}

/// How many leads a session has, whatever became of them.
pub(crate) fn leads_of_session(statements: &dyn Statements, its_leads: &OfSession) -> Result<usize> {
    let count = statements
        .number(concat!("SELECT count(*) FROM lead WHERE ", is_of_session!()), &its_leads.and(&[]))
        .map_err(from_sqlite)?;
    Ok(count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
}

/// The oldest conversion of the same session and event.
pub(crate) fn of_event(
    connection: &Connection,
    recent: &Recently,
    new: &Conversion,
) -> Result<Option<RowId>> {
    let its_leads = OfSession::new(recent, new.session)?;
    let place: Option<i64> = connection
        .prepare_cached(&format!("SELECT min(place) FROM {OF_SESSION} WHERE event = ?3"))
        .and_then(|mut select| select.query_row(its_leads.and(&[&new.event.0]).as_slice(), |row| row.get(0)))
        .map_err(from_sqlite)?;
    place.map(row_id).transpose()
}

/// The oldest other conversion of the same offer and event with the same transaction id.
/// Tests are compared with tests: what somebody tries out uses up nothing.
pub(crate) fn of_transaction(statements: &dyn Statements, new: &Conversion) -> Result<Option<RowId>> {
    let Some(transaction_id) = &new.reported.transaction_id else { return Ok(None) };
    let values = params![transaction_id, new.offer.0, new.event.0, new.test, new.id.as_i64()];
    let place = statements.number(OLDEST_OF_TRANSACTION, values).map_err(from_sqlite)?;
    place.map(row_id).transpose()
}
