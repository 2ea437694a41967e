//! How a lead stands: what changes of it after it was accepted.

use super::{duplicates, rows};
use crate::batch::WriteContext;
use crate::error::{corrupt, from_sqlite};
use crumb_domain::LeadId;
use crumb_domain::lead::Lead;
use crumb_storage::Result;
use crumb_storage::leads::DuplicateKey;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

/// The lead of that row.
pub(crate) fn read(connection: &Connection, row: i64) -> Result<Option<Lead>> {
    connection
        .prepare_cached(&format!("SELECT {} FROM lead WHERE row = ?1", rows::COLUMNS))
        .and_then(|mut select| select.query_row([row], |row| Ok(rows::from_row(connection, row))).optional())
        .map_err(from_sqlite)?
        .transpose()
}

/// Writes where a lead stands, what it earns and brought, and its sales, one revision
/// on. False, and nothing is written, where the revision is no longer the lead's.
pub(crate) fn write(connection: &Connection, lead: &Lead) -> Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE lead SET status = ?3, outcome = ?4, payout = ?5, revenue = ?6, revision = revision + 1
             WHERE row = ?1 AND revision = ?2",
        )
        .and_then(|mut update| {
            update.execute(params![
                lead.row.as_i64(),
                lead.revision,
                lead.status.as_str(),
                lead.outcome.as_str(),
                lead.payout.micros(),
                lead.revenue.micros(),
            ])
        })
        .map_err(from_sqlite)?;
    if changed == 0 {
        return Ok(false);
    }
    connection
        .prepare_cached("DELETE FROM sale WHERE lead = ?1")
        .and_then(|mut delete| delete.execute([lead.row.as_i64()]))
        .map_err(from_sqlite)?;
    rows::insert_sales(connection, lead)?;
    Ok(true)
}

/// The lead is the earlier one of no later lead from now on.
pub(crate) fn is_nobodys(context: &mut WriteContext<'_>, lead: &Lead) -> Result<()> {
    duplicates::unregister(context.connection, lead.row)
}

/// The lead is the earlier one of later leads of that person from now on.
pub(crate) fn is_persons(context: &mut WriteContext<'_>, lead: &Lead, key: &DuplicateKey) -> Result<()> {
    is_nobodys(context, lead)?;
    duplicates::register(context.connection, lead, key)
}

/// The row of the lead of that id.
pub(crate) fn row_of(context: &WriteContext<'_>, id: LeadId) -> Result<Option<i64>> {
    Ok(rows::revision(context.connection, id)?.map(|(row, _)| row.as_i64()))
}

/// A lead's id from its column, where a row has one.
pub(crate) fn maybe_id(row: &Row<'_>, at: usize) -> Result<Option<LeadId>> {
    let text: Option<String> = row.get(at).map_err(from_sqlite)?;
    text.map(|text| text.parse().map_err(|_| corrupt("a lead's id", text))).transpose()
}

/// A lead's id from its column.
pub(crate) fn id(row: &Row<'_>, at: usize) -> Result<LeadId> {
    maybe_id(row, at)?.ok_or_else(|| corrupt("a lead's id", "none"))
}
