//! Leads that buyers are owed for those that they gave back: owed, on their way with a
//! reservation, delivered with a sale.

use super::records;
use crate::error::from_sqlite;
use crate::leads::standing;
use crumb_domain::{BuyerId, ContractId, LeadId, Timestamp};
use crumb_storage::Result;
use crumb_storage::selling::TimelineEntry;
use rusqlite::{Connection, OptionalExtension as _, params};

/// The lead that a buyer gave back under a contract and that has been owed longest: its row
/// and name. One whose name cannot be read is owed on.
pub(crate) fn owed(
    connection: &Connection,
    contract: ContractId,
    buyer: BuyerId,
) -> Result<Option<(i64, LeadId)>> {
    let row: Option<i64> = connection
        .prepare_cached(
            "SELECT lead FROM lead_return
             WHERE contract = ?1 AND buyer = ?2 AND state = 'replaced' AND replaced_by IS NULL
             ORDER BY id LIMIT 1",
        )
        .and_then(|mut select| select.query_row([contract.0, buyer.0], |row| row.get(0)).optional())
        .map_err(from_sqlite)?;
    let Some(row) = row else { return Ok(None) };
    Ok(standing::id_of(connection, row).unwrap_or_default().map(|id| (row, id)))
}

/// Another lead is about to be sent in its place. Whoever decides about its return at the
/// same moment reads it again.
pub(crate) fn on_its_way(
    connection: &Connection,
    given_back: i64,
    contract: ContractId,
    lead: i64,
) -> Result<()> {
    connection
        .prepare_cached("UPDATE lead_return SET replaced_by = ?3 WHERE lead = ?1 AND contract = ?2")
        .and_then(|mut update| update.execute([given_back, contract.0, lead]))
        .map_err(from_sqlite)?;
    connection
        .prepare_cached("UPDATE lead SET revision = revision + 1 WHERE row = ?1")
        .and_then(|mut update| update.execute([given_back]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// That lead was not bought.
pub(crate) fn still_owed(connection: &Connection, given_back: i64, contract: ContractId) -> Result<()> {
    connection
        .prepare_cached("UPDATE lead_return SET replaced_by = NULL WHERE lead = ?1 AND contract = ?2")
        .and_then(|mut update| update.execute([given_back, contract.0]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// It was: the time line of the one that was given back says so. In words for its entry of
/// the ledger.
pub(crate) fn delivered(
    connection: &Connection,
    given_back: i64,
    contract: ContractId,
    lead: i64,
    at: Timestamp,
) -> Result<String> {
    connection
        .prepare_cached("UPDATE lead_return SET replaced_at = ?3 WHERE lead = ?1 AND contract = ?2")
        .and_then(|mut update| update.execute(params![given_back, contract.0, at.micros()]))
        .map_err(from_sqlite)?;
    let name =
        |row| Ok(standing::id_of(connection, row)?.map_or_else(|| row.to_string(), |id| id.to_string()));
    let text = format!("lead {} was delivered in its place under contract {contract}", name(lead)?);
    let entry = TimelineEntry { at, code: "replaced".to_owned(), text, by: None };
    records::append_timeline(connection, given_back, &[entry])?;
    Ok(format!("in place of lead {}", name(given_back)?))
}
