//! The ledger: money moved between accounts, and the buyers' balances, which are kept
//! in step with it.

use crate::batch::WriteContext;
use crate::codes::{moment, row_id};
use crate::error::{corrupt, from_sqlite};
use crate::leads::standing;
use crate::listing::Listing;
use crate::selling::accounts;
use crate::statements::{Statements, Values, values};
use crumb_domain::ledger::{Account, LedgerEntry, LedgerKind};
use crumb_domain::{AdvertiserId, AffiliateId, BuyerId, CampaignId, ContractId, Money, RowId, Timestamp};
use crumb_storage::after_sale::LedgerFilter;
use crumb_storage::{Page, PageRequest, Result, StoreError};
use rusqlite::{Connection, Row};
use std::slice;

/// The row of entries that are of no lead.
pub(crate) const NO_LEAD: i64 = 0;

macro_rules! insert_into {
    () => {
        "INSERT INTO ledger (lead, at, kind, from_kind, from_id, to_kind, to_id, amount, contract, note,
             conversion, campaign, count, effective) VALUES "
    };
}

/// One entry, as [`bind`] binds it.
macro_rules! one {
    () => {
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    };
}

/// Appends entries of a lead, by its row, or of [`NO_LEAD`].
pub(crate) fn append(statements: &dyn Statements, lead: i64, entries: &[LedgerEntry]) -> Result<()> {
    // Most come in twos, what is owed and what is received, and one statement that writes both
    // costs less than two.
    let (twos, rest) = entries.as_chunks();
    for [first, second] in twos {
        let both = |values: &mut Values<'_, '_>| {
            bind(values, lead, first)?;
            bind(values, lead, second)
        };
        statements.execute(concat!(insert_into!(), one!(), ", ", one!()), &both).map_err(from_sqlite)?;
    }
    for entry in rest {
        let one = |values: &mut Values<'_, '_>| bind(values, lead, entry);
        statements.execute(concat!(insert_into!(), one!()), &one).map_err(from_sqlite)?;
    }
    entries.iter().try_for_each(|entry| change_balances(statements, entry))
}

fn bind(values: &mut Values<'_, '_>, lead: i64, entry: &LedgerEntry) -> rusqlite::Result<()> {
    let ((from_kind, from_id), (to_kind, to_id)) = (column(entry.from), column(entry.to));
    values![
        lead,
        entry.at.micros(),
        entry.kind.as_str(),
        from_kind,
        from_id,
        to_kind,
        to_id,
        entry.amount.micros(),
        entry.contract.map(|id| id.0),
        entry.note,
        entry.conversion.map(RowId::as_i64),
        entry.campaign.map(|id| id.0),
        entry.count.map(u64::cast_signed),
        entry.effective.map(Timestamp::micros),
    ](values)
}

/// Keeps the balances of buyers in step with an entry.
fn change_balances(statements: &dyn Statements, entry: &LedgerEntry) -> Result<()> {
    for account in [entry.from, entry.to] {
        if let Account::Buyer(buyer) = account {
            accounts::change(statements.connection(), buyer, entry.change_of(account), Money::ZERO)?;
        }
        // Money that goes nowhere is in no account twice.
        if entry.from == entry.to {
            break;
        }
    }
    Ok(())
}

/// Appends entries that may name leads.
pub(crate) fn append_any(context: &WriteContext<'_>, entries: &[LedgerEntry]) -> Result<()> {
    let connection = context.connection;
    let of_leads: Vec<i64> = entries
        .iter()
        .map(|entry| match entry.lead {
            Some(lead) => standing::row_of(context, lead)?.ok_or(StoreError::Conflict),
            None => Ok(NO_LEAD),
        })
        .collect::<Result<_>>()?;
    of_leads
        .into_iter()
        .zip(entries)
        .try_for_each(|(lead, entry)| append(connection, lead, slice::from_ref(entry)))
}

/// Each entry with its lead's id.
const ENTRY_AND_LEAD: &str = "(SELECT ledger.*, lead.id AS lead_id \
                               FROM ledger LEFT JOIN lead ON lead.row = ledger.lead)";

/// The columns that [`entry`] reads, and an entry's number.
const COLUMNS: &str = "at, kind, from_kind, from_id, to_kind, to_id, amount, contract, note, lead_id, number, \
                       conversion, campaign, count, effective";

/// The entries of a lead, by its row. Those of none are not in the index.
const OF_LEAD: &str = "lead = ? AND lead <> 0";

/// A lead's entries, oldest first.
pub(crate) fn of_lead(connection: &Connection, lead: i64) -> Result<Vec<LedgerEntry>> {
    let sql = format!("SELECT {COLUMNS} FROM {ENTRY_AND_LEAD} WHERE {OF_LEAD} ORDER BY number");
    let mut select = connection.prepare_cached(&sql).map_err(from_sqlite)?;
    let mut rows = select.query([lead]).map_err(from_sqlite)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        entries.push(entry(row)?);
    }
    Ok(entries)
}

/// A page of entries; `lead` is the row of the filter's lead.
pub(crate) fn list(
    connection: &Connection,
    filter: &LedgerFilter,
    lead: Option<i64>,
    page: &PageRequest,
) -> Result<Page<LedgerEntry>> {
    let mut listing = Listing::new(ENTRY_AND_LEAD, "number");
    if let Some((kind, id)) = filter.account.map(column) {
        let either = "((from_kind = ? AND from_id = ?) OR (to_kind = ? AND to_id = ?))";
        listing.also(either, [kind, id, kind, id]);
    }
    listing.equals("kind", filter.kind.map(|kind| kind.as_str().to_owned()));
    if let Some(lead) = lead {
        listing.also(OF_LEAD, [lead]);
    }
    // Not by the number, which knows no time.
    if let Some(from) = filter.from {
        listing.also("coalesce(effective, at) >= ?", [from.micros()]);
    }
    if let Some(to) = filter.to {
        listing.also("coalesce(effective, at) < ?", [to.micros()]);
    }
    listing.page(connection, page, COLUMNS, |row| Ok((entry(row), row.get(10)?)))
}

fn entry(row: &Row<'_>) -> Result<LedgerEntry> {
    let number = |at| row.get::<_, i64>(at).map_err(from_sqlite);
    let kind: String = row.get(1).map_err(from_sqlite)?;
    let contract: Option<i64> = row.get(7).map_err(from_sqlite)?;
    Ok(LedgerEntry {
        at: moment(number(0)?),
        effective: row.get::<_, Option<i64>>(14).map_err(from_sqlite)?.map(moment),
        kind: LedgerKind::from_code(&kind).ok_or_else(|| corrupt("a ledger entry's kind", kind))?,
        from: account_of(number(2)?, number(3)?)?,
        to: account_of(number(4)?, number(5)?)?,
        amount: Money::from_micros(number(6)?),
        lead: standing::maybe_id(row, 9)?,
        conversion: row.get::<_, Option<i64>>(11).map_err(from_sqlite)?.map(row_id).transpose()?,
        contract: contract.map(ContractId),
        campaign: row.get::<_, Option<i64>>(12).map_err(from_sqlite)?.map(CampaignId),
        count: row.get::<_, Option<i64>>(13).map_err(from_sqlite)?.map(i64::cast_unsigned),
        note: row.get(8).map_err(from_sqlite)?,
    })
}

/// The sum of an account's entries.
pub(crate) fn balance(connection: &Connection, account: Account) -> Result<Money> {
    let (kind, id) = column(account);
    connection
        .prepare_cached(
            "SELECT coalesce(sum(CASE WHEN to_kind = ?1 AND to_id = ?2 THEN amount ELSE 0 END
                 - CASE WHEN from_kind = ?1 AND from_id = ?2 THEN amount ELSE 0 END), 0) FROM ledger",
        )
        .and_then(|mut select| select.query_row([kind, id], |row| row.get(0)))
        .map(Money::from_micros)
        .map_err(from_sqlite)
}

/// An account as its kind and number.
pub(crate) fn column(account: Account) -> (i64, i64) {
    match account {
        Account::House => (1, 0),
        Account::Outside => (2, 0),
        Account::Affiliate(AffiliateId(id)) => (3, id),
        Account::Buyer(BuyerId(id)) => (4, id),
        Account::Advertiser(AdvertiserId(id)) => (5, id),
    }
}

fn account_of(kind: i64, id: i64) -> Result<Account> {
    match kind {
        1 => Ok(Account::House),
        2 => Ok(Account::Outside),
        3 => Ok(Account::Affiliate(AffiliateId(id))),
        4 => Ok(Account::Buyer(BuyerId(id))),
        5 => Ok(Account::Advertiser(AdvertiserId(id))),
        _ => Err(corrupt("a ledger entry's account", kind)),
    }
}
