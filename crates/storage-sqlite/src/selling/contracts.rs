//! What is kept for each contract: its leads by opening day, when it bought last, and
//! how its last posts went.

use crate::error::from_sqlite;
use crumb_domain::time::Day;
use crumb_domain::{ContractId, Timestamp};
use crumb_storage::Result;
use crumb_storage::selling::{PostFailures, REMEMBERED_POSTS};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Leads of a contract's opening day.
pub(crate) fn count(connection: &Connection, contract: ContractId, day: Day) -> Result<u32> {
    connection
        .prepare_cached("SELECT n FROM contract_count WHERE day = ?1 AND contract = ?2")
        .and_then(|mut select| select.query_row(params![day.0, contract.0], |row| row.get(0)).optional())
        .map(Option::unwrap_or_default)
        .map_err(from_sqlite)
}

/// Those of them that are sold.
pub(crate) fn sold_count(connection: &Connection, contract: ContractId, day: Day) -> Result<u32> {
    connection
        .prepare_cached("SELECT sold FROM contract_count WHERE day = ?1 AND contract = ?2")
        .and_then(|mut select| select.query_row(params![day.0, contract.0], |row| row.get(0)).optional())
        .map(Option::unwrap_or_default)
        .map_err(from_sqlite)
}

/// One more, or one less.
pub(crate) fn change_count(connection: &Connection, contract: ContractId, day: Day, by: i64) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO contract_count (day, contract, n, sold) VALUES (?1, ?2, ?3, 0)
             ON CONFLICT DO UPDATE SET n = n + excluded.n",
        )
        .and_then(|mut upsert| upsert.execute(params![day.0, contract.0, by]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// It bought what was reserved for an opening day.
pub(crate) fn sold(connection: &Connection, contract: ContractId, day: Day, at: Timestamp) -> Result<()> {
    connection
        .prepare_cached("UPDATE contract_count SET sold = sold + 1 WHERE day = ?1 AND contract = ?2")
        .and_then(|mut update| update.execute(params![day.0, contract.0]))
        .map_err(from_sqlite)?;
    connection
        .prepare_cached(
            "INSERT INTO contract_state (contract, last_sold, posts, failures) VALUES (?1, ?2, 0, 0)
             ON CONFLICT DO UPDATE SET last_sold = max(coalesce(last_sold, excluded.last_sold), excluded.last_sold)",
        )
        .and_then(|mut upsert| upsert.execute([contract.0, at.micros()]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// It was posted to.
pub(crate) fn posted(connection: &Connection, contract: ContractId, failed: bool) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO contract_state (contract, posts, failures) VALUES (?1, 1, ?2)
             ON CONFLICT DO UPDATE SET posts = min(posts + 1, ?3),
                 failures = ((failures << 1) | excluded.failures) & ((1 << ?3) - 1)",
        )
        .and_then(|mut upsert| upsert.execute(params![contract.0, failed, REMEMBERED_POSTS]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// How its last posts went.
pub(crate) fn failures(connection: &Connection, contract: ContractId) -> Result<PostFailures> {
    let found: Option<(u32, u32)> = connection
        .prepare_cached("SELECT posts, failures FROM contract_state WHERE contract = ?1")
        .and_then(|mut select| {
            select.query_row([contract.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .map_err(from_sqlite)?;
    Ok(found.map(|(of, bits)| PostFailures { failed: bits.count_ones(), of }).unwrap_or_default())
}

/// Forgets how they went.
pub(crate) fn forget_failures(connection: &Connection, contract: ContractId) -> Result<()> {
    connection
        .prepare_cached("UPDATE contract_state SET posts = 0, failures = 0 WHERE contract = ?1")
        .and_then(|mut update| update.execute([contract.0]))
        .map_err(from_sqlite)?;
    Ok(())
}
