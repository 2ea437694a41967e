//! What routing must know: read on a snapshot, and only advice. Caps and credit are
//! held where a reservation is made.

use super::{records, reservations};
use crate::codes::moment;
use crate::error::from_sqlite;
use crumb_domain::selling::ContractResult;
use crumb_domain::time::Day;
use crumb_domain::{BuyerId, ContractId, Money, RowId};
use crumb_storage::Result;
use crumb_storage::selling::{EarlierSend, SellingFacts};
use rusqlite::{Connection, Params, Row};
use std::collections::HashMap;
use std::hash::Hash;

/// Counts of days on, balances, last sales, and what a lead met.
pub(crate) fn read(connection: &Connection, lead: Option<RowId>, days_from: Day) -> Result<SellingFacts> {
    let mut facts = SellingFacts {
        counts: map(
            connection,
            "SELECT contract, day, n FROM contract_count WHERE day >= ?1 AND n <> 0",
            [i64::from(days_from.0)],
            |row| Ok(((ContractId(row.get(0)?), Day(row.get(1)?)), row.get(2)?)),
        )?,
        balances: map(connection, "SELECT buyer, balance - reserved FROM buyer_account", [], |row| {
            Ok((BuyerId(row.get(0)?), Money::from_micros(row.get(1)?)))
        })?,
        owed: map(
            connection,
            // By the index of what is owed, whose condition this is.
            "SELECT contract, buyer, count(*) FROM lead_return
             WHERE state = 'replaced' AND replaced_by IS NULL GROUP BY contract, buyer",
            [],
            |row| Ok(((ContractId(row.get(0)?), BuyerId(row.get(1)?)), row.get(2)?)),
        )?,
        last_sold: map(
            connection,
            "SELECT contract, last_sold FROM contract_state WHERE last_sold IS NOT NULL",
            [],
            |row| Ok((ContractId(row.get(0)?), moment(row.get(1)?))),
        )?,
        ..SellingFacts::default()
    };
    if let Some(lead) = lead {
        facts = of_lead(connection, lead.as_i64())?.beside(facts);
    }
    Ok(facts)
}

/// What a lead met in earlier runs, how many they were, and how the last one ended.
pub(crate) struct OwnFacts {
    pub(crate) earlier: Vec<EarlierSend>,
    pub(crate) runs: u32,
    pub(crate) last_met: Vec<(ContractId, ContractResult)>,
    pub(crate) last_told: Option<String>,
}

impl OwnFacts {
    /// With those of contracts and buyers.
    pub(crate) fn beside(self, facts: SellingFacts) -> SellingFacts {
        let Self { earlier, runs, last_met, last_told } = self;
        SellingFacts { earlier, runs, last_met, last_told, ..facts }
    }
}

/// The facts of one lead.
pub(crate) fn of_lead(connection: &Connection, lead: i64) -> Result<OwnFacts> {
    Ok(OwnFacts {
        earlier: reservations::of_lead(connection, lead)?,
        runs: records::count_runs(connection, lead)?,
        last_met: records::last_met(connection, lead)?,
        last_told: records::last_told(connection, lead)?,
    })
}

fn map<K: Hash + Eq, V>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<(K, V)>,
) -> Result<HashMap<K, V>> {
    let mut select = connection.prepare_cached(sql).map_err(from_sqlite)?;
    let pairs = select.query_map(values, read).map_err(from_sqlite)?;
    pairs.collect::<rusqlite::Result<_>>().map_err(from_sqlite)
}
