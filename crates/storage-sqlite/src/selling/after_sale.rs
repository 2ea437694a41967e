//! What comes after a sale: returns, what buyers say of leads, payments, and lists of the
//! ledger.

use super::accounts;
use crate::SqliteStore;
use crate::answers;
use crate::batch::WriteContext;
use crate::codes::{moment, row_id};
use crate::error::{corrupt, from_sqlite};
use crate::leads::{idempotency, standing};
use crate::ledger;
use crate::listing::Listing;
use crate::readers::LaneOf;
use crate::seen::Key;
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::selling::ReturnState;
use crumb_domain::{BuyerId, ContractId, Money, RowId, Timestamp};
use crumb_storage::after_sale::{
    BuyerAccount, BuyerStatus, LeadReturn, LedgerFilter, Paid, Payment, ReturnFilter, StoredReturn,
};
use crumb_storage::configuration::HistoryOf;
use crumb_storage::{AfterSaleStore, LeadStore as _, Page, PageRequest, Result};
use rusqlite::{Connection, Row, params};
use std::collections::BTreeMap;

impl AfterSaleStore for SqliteStore {
    async fn returns_of(&self, lead: RowId) -> Result<Vec<LeadReturn>> {
        self.readers().read(LaneOf::Short, move |connection| returns_of(connection, lead.as_i64())).await
    }

    async fn returns(&self, filter: ReturnFilter, page: PageRequest) -> Result<Page<StoredReturn>> {
        self.readers().read(LaneOf::Long, move |connection| returns(connection, &filter, &page)).await
    }

    async fn returns_owed(&self, buyer: Option<BuyerId>) -> Result<BTreeMap<ContractId, u32>> {
        self.readers().read(LaneOf::Long, move |connection| returns_owed(connection, buyer)).await
    }

    async fn statuses_of(&self, lead: RowId) -> Result<Vec<BuyerStatus>> {
        self.readers().read(LaneOf::Short, move |connection| statuses_of(connection, lead.as_i64())).await
    }

    async fn ledger(&self, filter: LedgerFilter, page: PageRequest) -> Result<Page<LedgerEntry>> {
        let lead = match filter.lead {
            Some(id) => match self.lead(id).await? {
                Some(lead) => Some(lead.row.as_i64()),
                None => return Ok(Page { data: Vec::new(), next: None, total: 0 }),
            },
            None => None,
        };
        let list = move |connection: &Connection| ledger::list(connection, &filter, lead, &page);
        self.readers().read(LaneOf::Long, list).await
    }

    async fn pay(&self, payment: Payment) -> Result<Paid> {
        self.writer().write(move |context| pay(context, &payment)).await
    }

    async fn buyer_account(&self, buyer: BuyerId) -> Result<BuyerAccount> {
        self.readers().read(LaneOf::Short, move |connection| accounts::read(connection, buyer)).await
    }
}

fn pay(context: &mut WriteContext<'_>, payment: &Payment) -> Result<Paid> {
    let connection = context.connection;
    let Payment { at, buyer, entries, idempotency: claim, answer } = payment;
    if let Some(claim) = claim
        && let Some(before) = idempotency::find(connection, &claim.scope, &claim.key, *at)?
    {
        return Ok(Paid::Before(before));
    }
    ledger::append_any(context, entries)?;
    let paid_by = Key::from(HistoryOf::Buyer(*buyer));
    context.memory.seen.note(connection, paid_by).map_err(from_sqlite)?;
    let answer = answer(&accounts::read(connection, *buyer)?);
    idempotency::keep(connection, claim.as_ref(), *at, Some(&answers::column(&answer)), None)?;
    Ok(Paid::Now(answer))
}

/// Keeps a return, in place of the one of the same sale.
pub(crate) fn put_return(context: &mut WriteContext<'_>, lead: i64, returned: &LeadReturn) -> Result<()> {
    let connection = context.connection;
    connection
        .prepare_cached(
            "INSERT INTO lead_return (id, lead, contract, buyer, price, at, by, reason, notes, state, decided_at,
                 decided_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (lead, contract) DO UPDATE SET state = excluded.state, decided_at = excluded.decided_at,
                 decided_by = excluded.decided_by",
        )
        .and_then(|mut upsert| {
            upsert.execute(params![
                returned.id.as_i64(),
                lead,
                returned.contract.0,
                returned.buyer.0,
                returned.price.micros(),
                returned.at.micros(),
                returned.by,
                returned.reason,
                returned.notes,
                returned.state.as_str(),
                returned.decided_at.map(Timestamp::micros),
                returned.decided_by,
            ])
        })
        .map_err(from_sqlite)?;
    context.memory.seen.note(connection, Key::node(returned.id)).map_err(from_sqlite)
}

/// The columns that [`returned`] reads.
const RETURN_COLUMNS: &str = "id, contract, buyer, price, at, by, reason, notes, state, decided_at, decided_by, \
     (SELECT by.id FROM lead AS by WHERE by.row = replaced_by), replaced_at";

/// A lead's returns.
fn returns_of(connection: &Connection, lead: i64) -> Result<Vec<LeadReturn>> {
    let sql = format!("SELECT {RETURN_COLUMNS} FROM lead_return WHERE lead = ?1 ORDER BY contract");
    let mut select = connection.prepare_cached(&sql).map_err(from_sqlite)?;
    let mut rows = select.query([lead]).map_err(from_sqlite)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        found.push(returned(row)?);
    }
    Ok(found)
}

fn returned(row: &Row<'_>) -> Result<LeadReturn> {
    let number = |at| row.get::<_, i64>(at).map_err(from_sqlite);
    let state: String = row.get(8).map_err(from_sqlite)?;
    Ok(LeadReturn {
        id: row_id(number(0)?)?,
        contract: ContractId(number(1)?),
        buyer: BuyerId(number(2)?),
        price: Money::from_micros(number(3)?),
        at: moment(number(4)?),
        by: row.get(5).map_err(from_sqlite)?,
        reason: row.get(6).map_err(from_sqlite)?,
        notes: row.get(7).map_err(from_sqlite)?,
        state: ReturnState::from_code(&state).ok_or_else(|| corrupt("a return's state", state))?,
        decided_at: row.get::<_, Option<i64>>(9).map_err(from_sqlite)?.map(moment),
        decided_by: row.get(10).map_err(from_sqlite)?,
        replaced_by: standing::maybe_id(row, 11)?,
        replaced_at: row.get::<_, Option<i64>>(12).map_err(from_sqlite)?.map(moment),
    })
}

/// Each return with its lead.
const RETURN_AND_LEAD: &str = "(SELECT lead_return.*, lead.id AS lead_id \
                                FROM lead_return JOIN lead ON lead.row = lead_return.lead)";

/// A page of returns.
fn returns(connection: &Connection, filter: &ReturnFilter, page: &PageRequest) -> Result<Page<StoredReturn>> {
    let mut listing = Listing::new(RETURN_AND_LEAD, "id");
    listing.equals("state", filter.state.map(|state| state.as_str().to_owned()));
    listing.equals("buyer", filter.buyer.map(|id| id.0));
    listing.between(filter.from, filter.to);
    let stored = |row: &Row<'_>| Ok(StoredReturn { lead: standing::id(row, 13)?, returned: returned(row)? });
    let columns = format!("{RETURN_COLUMNS}, lead_id");
    listing.page(connection, page, &columns, |row| Ok((stored(row), row.get(0)?)))
}

fn returns_owed(connection: &Connection, buyer: Option<BuyerId>) -> Result<BTreeMap<ContractId, u32>> {
    let mut select = connection
        .prepare_cached(
            "SELECT contract, count(*) FROM lead_return
             WHERE state = ?1 AND replaced_at IS NULL AND buyer = coalesce(?2, buyer) GROUP BY contract",
        )
        .map_err(from_sqlite)?;
    let owed = select
        .query_map(params![ReturnState::Replaced.as_str(), buyer.map(|id| id.0)], |row| {
            Ok((ContractId(row.get(0)?), row.get(1)?))
        })
        .map_err(from_sqlite)?
        .collect::<rusqlite::Result<_>>();
    owed.map_err(from_sqlite)
}

/// Keeps what a buyer says, in place of what it said before.
pub(crate) fn put_status(connection: &Connection, lead: i64, status: &BuyerStatus) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO buyer_status (lead, contract, buyer, at, status, sub_status, note, by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .and_then(|mut upsert| {
            upsert.execute(params![
                lead,
                status.contract.0,
                status.buyer.0,
                status.at.micros(),
                status.status,
                status.sub_status,
                status.note,
                status.by,
            ])
        })
        .map_err(from_sqlite)?;
    Ok(())
}

fn statuses_of(connection: &Connection, lead: i64) -> Result<Vec<BuyerStatus>> {
    let mut select = connection
        .prepare_cached(
            "SELECT contract, buyer, at, status, sub_status, note, by FROM buyer_status
             WHERE lead = ?1 ORDER BY contract",
        )
        .map_err(from_sqlite)?;
    let statuses = select
        .query_map([lead], |row| {
            Ok(BuyerStatus {
                contract: ContractId(row.get(0)?),
                buyer: BuyerId(row.get(1)?),
                at: moment(row.get(2)?),
                status: row.get(3)?,
                sub_status: row.get(4)?,
                note: row.get(5)?,
                by: row.get(6)?,
            })
        })
        .map_err(from_sqlite)?
        .collect::<rusqlite::Result<_>>();
    statuses.map_err(from_sqlite)
}
