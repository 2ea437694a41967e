//! What a store holds of leads and their sales after a run.

use super::posts::number_in;
use anyhow::Context as _;
use crumb_domain::{LeadId, Money};
use rusqlite::{Connection, OpenFlags, Row};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// A lead, with all that was written of its sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLead {
    pub id: LeadId,
    pub status: String,
    pub payout: Money,
    /// Contract and price of each.
    pub sales: Vec<(u64, Money)>,
    /// Contract and price of each sale in the ledger.
    pub sale_entries: Vec<(u64, Money)>,
    /// What the ledger says that its affiliate is owed.
    pub payout_entries: Money,
    /// Pings among the attempts.
    pub pings: u32,
    /// Those of them whose answer was read.
    pub answered_pings: u32,
    /// Contracts of the posts among the attempts of which any was sent, in their order.
    pub posts: Vec<u64>,
}

/// A store's content, as far as selling goes.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// By the number that each was posted with.
    pub leads: BTreeMap<u64, StoredLead>,
    /// Leads that nobody posted, or posted twice.
    pub strange: Vec<LeadId>,
    /// Leads that are still in hand or wait, and reservations without an end.
    pub unended: u64,
    /// Buyers whose balance is not the sum of their entries, or who have something
    /// reserved.
    pub unbalanced: Vec<u64>,
}

/// Reads a store that nobody writes any more.
///
/// # Errors
/// Where it cannot be read.
pub fn read(database: &Path) -> anyhow::Result<Stored> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("the store {} cannot be opened", database.display()))?;
    let mut stored = Stored::default();
    let mut numbers = HashMap::new();
    each(&connection, "SELECT row, id, status, payout, fields FROM lead ORDER BY row", |row| {
        let id = LeadId::from_number(row.get::<_, i64>(1)?.cast_unsigned());
        let id = id.ok_or(rusqlite::Error::IntegralValueOutOfRange(1, 0))?;
        let number = number_in(&row.get::<_, String>(4)?);
        match number.filter(|number| !stored.leads.contains_key(number)) {
            None => stored.strange.push(id),
            Some(number) => {
                numbers.insert(row.get::<_, i64>(0)?, number);
                let lead = StoredLead {
                    id,
                    status: row.get(2)?,
                    payout: money(row, 3)?,
                    sales: Vec::new(),
                    sale_entries: Vec::new(),
                    payout_entries: Money::ZERO,
                    pings: 0,
                    answered_pings: 0,
                    posts: Vec::new(),
                };
                stored.leads.insert(number, lead);
            }
        }
        Ok(())
    })?;
    let leads = &mut stored.leads;
    let mut with_lead = |sql: &str, take: fn(&mut StoredLead, &Row<'_>) -> rusqlite::Result<()>| {
        each(&connection, sql, |row| {
            let number = numbers.get(&row.get(0)?);
            match number.and_then(|number| leads.get_mut(number)) {
                Some(lead) => take(lead, row),
                None => Ok(()),
            }
        })
    };
    with_lead("SELECT lead, contract, price FROM sale ORDER BY lead, position", |lead, row| {
        lead.sales.push((id(row, 1)?, money(row, 2)?));
        Ok(())
    })?;
    with_lead("SELECT lead, contract, amount FROM ledger WHERE kind = 'sale'", |lead, row| {
        lead.sale_entries.push((id(row, 1)?, money(row, 2)?));
        Ok(())
    })?;
    with_lead("SELECT lead, sum(amount) FROM ledger WHERE kind = 'payout' GROUP BY lead", |lead, row| {
        lead.payout_entries = money(row, 1)?;
        Ok(())
    })?;
    with_lead("SELECT lead, contract, kind, phase FROM attempt ORDER BY id", |lead, row| {
        let (kind, phase): (String, String) = (row.get(2)?, row.get(3)?);
        if kind == "ping" {
            lead.pings += 1;
            lead.answered_pings += u32::from(phase == "done");
        } else if ["write", "head", "body", "done"].contains(&phase.as_str()) {
            lead.posts.push(id(row, 1)?);
        }
        Ok(())
    })?;
    let count = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned);
    stored.unended = count(
        "SELECT (SELECT count(*) FROM offered) + (SELECT count(*) FROM reservation WHERE state IN (1, 3))",
    )?;
    each(&connection, UNBALANCED, |row| {
        stored.unbalanced.push(id(row, 0)?);
        Ok(())
    })?;
    Ok(stored)
}

/// Accounts of kind 4 are buyers'.
const UNBALANCED: &str = "SELECT buyer FROM buyer_account WHERE reserved <> 0 OR balance <>
    (SELECT coalesce(sum(amount), 0) FROM ledger WHERE to_kind = 4 AND to_id = buyer)
    - (SELECT coalesce(sum(amount), 0) FROM ledger WHERE from_kind = 4 AND from_id = buyer)";

fn each(
    connection: &Connection,
    sql: &str,
    mut take: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> anyhow::Result<()> {
    let mut select = connection.prepare(sql)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}

fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

fn money(row: &Row<'_>, column: usize) -> rusqlite::Result<Money> {
    row.get(column).map(Money::from_micros)
}
