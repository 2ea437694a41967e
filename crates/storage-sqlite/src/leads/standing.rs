//! How a lead stands: what changes of it after it was accepted.

use super::indexes::{self, id_column, person_of};
use super::rows;
use crate::batch::WriteContext;
use crate::codes::lead_id;
use crate::error::{corrupt, from_sqlite};
use crate::ledger;
use crumb_domain::lead::Lead;
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::{LeadId, Money, RowId, Timestamp};
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
pub(crate) fn write(connection: &Connection, lead: &Lead, at: Timestamp) -> Result<bool> {
    let conversion = rows::conversion_column(lead)?;
    let advertisers_part = advertisers_part(connection, lead, at)?;
    let changed = connection
        .prepare_cached(
            "UPDATE lead SET status = ?3, outcome = ?4, payout = ?5, revenue = ?6, event = ?7, conversion = ?8,
                 revision = revision + 1
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
                lead.conversion.as_ref().map(|conversion| conversion.event.0),
                conversion,
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
    ledger::append(connection, lead.row.as_i64(), advertisers_part.as_slice())?;
    Ok(true)
}

/// What changes of an advertiser's part in a lead of which it was said what is received,
/// when the lead is accepted or its sales change what they bring: the books hold in sum
/// what was said, whether a pixel or the sale came first. None where nothing was said, or
/// no advertiser has a part.
fn advertisers_part(connection: &Connection, lead: &Lead, at: Timestamp) -> Result<Option<LedgerEntry>> {
    let Some(told) = lead.conversion.as_ref().filter(|told| told.received.is_some()) else { return Ok(None) };
    let Some(advertiser) = told.advertiser else { return Ok(None) };
    let before = read(connection, lead.row.as_i64())?;
    let part_before =
        before.as_ref().and_then(|lead| Some(lead.conversion.as_ref()?.advertisers_part(lead.revenue)));
    let part = told.advertisers_part(lead.revenue).micros();
    let more = part.saturating_sub(part_before.unwrap_or_default().micros());
    Ok((more != 0).then(|| LedgerEntry::received(at, lead.row, advertiser, Money::from_micros(more))))
}

/// The lead is the earlier one of no later lead from now on. That it is still found by
/// its person does no harm: its row says whose it is.
pub(crate) fn is_nobodys(connection: &Connection, lead: RowId) -> Result<()> {
    connection
        .prepare_cached("UPDATE lead SET person = NULL WHERE row = ?1")
        .and_then(|mut update| update.execute([lead.as_i64()]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// The lead is the earlier one of later leads of that person from now on.
pub(crate) fn is_persons(connection: &Connection, lead: RowId, key: &DuplicateKey) -> Result<()> {
    connection
        .prepare_cached("UPDATE lead SET person = ?2 WHERE row = ?1")
        .and_then(|mut update| update.execute(params![lead.as_i64(), key.hash]))
        .map_err(from_sqlite)?;
    connection
        .prepare_cached("INSERT OR IGNORE INTO lead_by_person (person, lead) VALUES (?1, ?2)")
        .and_then(|mut insert| insert.execute([person_of(key), lead.as_i64()]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// The row of the lead of that id.
pub(crate) fn row_of(context: &WriteContext<'_>, id: LeadId) -> Result<Option<i64>> {
    indexes::row_of(context.statements, &context.memory.recent.now(), id_column(id))
}

/// The id of the lead of that row, whatever else of it can be read.
pub(crate) fn id_of(connection: &Connection, row: i64) -> Result<Option<LeadId>> {
    let number: Option<i64> = connection
        .prepare_cached("SELECT id FROM lead WHERE row = ?1")
        .and_then(|mut select| select.query_row([row], |row| row.get(0)).optional())
        .map_err(from_sqlite)?;
    number.map(lead_id).transpose()
}

/// A lead's id from its column, where a row has one.
pub(crate) fn maybe_id(row: &Row<'_>, at: usize) -> Result<Option<LeadId>> {
    let number: Option<i64> = row.get(at).map_err(from_sqlite)?;
    number.map(lead_id).transpose()
}

/// A lead's id from its column.
pub(crate) fn id(row: &Row<'_>, at: usize) -> Result<LeadId> {
    maybe_id(row, at)?.ok_or_else(|| corrupt("a lead's id", "none"))
}
