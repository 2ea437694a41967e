//! A lead that becomes a conversion is the one that was reported before it was accepted:
//! looked for in the very write that accepts the lead, so that it does not matter which of
//! the two came a moment earlier.

use super::rows::{COLUMNS, OWN, from_row};
use crate::batch::WriteContext;
use crate::error::from_sqlite;
use crate::ledger;
use crate::selling::records::append_timeline;
use crate::statements::Statements;
use crumb_domain::conversion::Conversion;
use crumb_domain::lead::Lead;
use crumb_domain::{EventId, RowId};
use crumb_storage::conversions::TakeOver;
use crumb_storage::{Result, StoreError};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::slice;

/// The oldest conversion of a session and event that has a record of its own and is no test.
pub(crate) fn find(connection: &Connection, session: RowId, event: EventId) -> Result<Option<Conversion>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {OWN} WHERE session = ?1 AND event = ?2 AND NOT test ORDER BY place LIMIT 1"
    );
    connection
        .prepare_cached(&sql)
        .and_then(|mut select| {
            select.query_row([session.as_i64(), event.0], |row| Ok(from_row(row))).optional()
        })
        .map_err(from_sqlite)?
        .transpose()
}

/// Whether a session has any that [`find`] may find. Nearly none has, and each lead that
/// becomes a conversion asks.
fn has_one(statements: &dyn Statements, session: RowId) -> Result<bool> {
    let any = "SELECT 1 FROM conversion WHERE session = ?1 LIMIT 1";
    Ok(statements.number(any, &[&session.as_i64()]).map_err(from_sqlite)?.is_some())
}

/// What a lead that becomes a conversion takes over, where that is not what was decided.
pub(crate) struct Instead(pub(crate) Option<Box<Conversion>>);

/// Whether a lead that becomes a conversion by a write, and has no pixel yet, takes over
/// what it must.
pub(crate) fn check(
    statements: &dyn Statements,
    lead: &Lead,
    decided: Option<&TakeOver>,
) -> Result<std::result::Result<(), Instead>> {
    let event = lead.conversion.as_ref().filter(|told| !told.only_named).map(|told| told.event);
    let found = match event {
        Some(event) if has_one(statements, lead.session)? => {
            find(statements.connection(), lead.session, event)?
        }
        _ => None,
    };
    let is_as_decided = match (&found, decided) {
        (None, None) => true,
        (Some(found), Some(decided)) => (found.id, found.revision) == (decided.conversion, decided.revision),
        _ => false,
    };
    Ok(if is_as_decided { Ok(()) } else { Err(Instead(found.map(Box::new))) })
}

/// Whether no pixel has named the lead of that row, nor is it a conversion.
pub(crate) fn is_open(connection: &Connection, lead: RowId) -> Result<bool> {
    connection
        .prepare_cached("SELECT event IS NULL FROM lead WHERE row = ?1")
        .and_then(|mut select| select.query_row([lead.as_i64()], |row| row.get(0)).optional())
        .map(|open| open.unwrap_or(false))
        .map_err(from_sqlite)
}

/// The conversion is the lead's from now on.
pub(crate) fn take(context: &mut WriteContext<'_>, lead: &Lead, taken: &TakeOver) -> Result<()> {
    let changed = context
        .connection
        .prepare_cached(
            "UPDATE conversion SET taken_by = ?3, revision = revision + 1
             WHERE id = ?1 AND revision = ?2 AND taken_by IS NULL",
        )
        .and_then(|mut update| {
            update.execute(params![taken.conversion.as_i64(), taken.revision, lead.row.as_i64()])
        })
        .map_err(from_sqlite)?;
    if changed == 0 {
        return Err(StoreError::Conflict);
    }
    context.memory.session_changes.unknown(lead.session);
    let told = |of: RowId, entry| append_timeline(context.connection, of.as_i64(), slice::from_ref(entry));
    told(lead.row, &taken.told_of_lead)?;
    told(taken.conversion, &taken.told)?;
    ledger::append(context.statements, ledger::NO_LEAD, &taken.ledger)
}
