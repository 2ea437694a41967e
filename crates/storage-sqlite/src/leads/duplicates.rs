//! What makes a lead the earlier one of a later lead.

use crate::error::from_sqlite;
use crumb_domain::lead::Lead;
use crumb_domain::{LeadId, RowId};
use crumb_storage::Result;
use crumb_storage::leads::{DuplicateCheck, DuplicateKey};
use rusqlite::{Connection, params};

/// Whether another lead than `itself` has the key, in scope and window.
pub(crate) fn is_there_another(
    connection: &Connection,
    check: &DuplicateCheck,
    itself: Option<LeadId>,
) -> Result<bool> {
    connection
        .prepare_cached(
            "SELECT 1 FROM duplicate_key
             WHERE hash = ?1 AND vertical = ?2 AND at >= ?3 AND (?4 IS NULL OR offer = ?4)
                 AND lead IS NOT (SELECT row FROM lead WHERE id = ?5)",
        )
        .and_then(|mut select| {
            select.exists(params![
                check.key.hash,
                check.key.vertical.0,
                check.since.micros(),
                check.offer.map(|id| id.0),
                itself.as_ref().map(LeadId::as_str),
            ])
        })
        .map_err(from_sqlite)
}

/// From now on the lead is the earlier one of others with its key; its age is
/// that of its acceptance, also when it is changed later.
pub(crate) fn register(connection: &Connection, lead: &Lead, key: &DuplicateKey) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO duplicate_key (lead, vertical, hash, offer, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                lead.row.as_i64(),
                key.vertical.0,
                key.hash,
                lead.offer.0,
                lead.at.micros()
            ])
        })
        .map_err(from_sqlite)?;
    Ok(())
}

/// The lead is no longer the earlier one of any.
pub(crate) fn unregister(connection: &Connection, lead: RowId) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM duplicate_key WHERE lead = ?1")
        .and_then(|mut delete| delete.execute([lead.as_i64()]))
        .map_err(from_sqlite)?;
    Ok(())
}
