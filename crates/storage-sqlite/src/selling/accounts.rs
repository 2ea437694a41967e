//! Buyers' accounts: the sum of a buyer's entries, and of what is reserved.

use crate::error::from_sqlite;
use crumb_domain::{BuyerId, Money};
use crumb_storage::Result;
use crumb_storage::after_sale::BuyerAccount;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

/// Balance less what is reserved; nothing where a buyer has no account.
pub(crate) fn free(connection: &Connection, buyer: BuyerId) -> Result<Money> {
    Ok(find(connection, buyer)?.unwrap_or(Money::ZERO))
}

fn find(connection: &Connection, buyer: BuyerId) -> Result<Option<Money>> {
    connection
        .prepare_cached("SELECT balance - reserved FROM buyer_account WHERE buyer = ?1")
        .and_then(|mut select| select.query_row([buyer.0], |row| row.get(0)).optional())
        .map(|free| free.map(Money::from_micros))
        .map_err(from_sqlite)
}

/// Both sums of a buyer; nothing where it has no account.
pub(crate) fn read(connection: &Connection, buyer: BuyerId) -> Result<BuyerAccount> {
    let read = |row: &Row<'_>| {
        let (balance, reserved) = (Money::from_micros(row.get(0)?), Money::from_micros(row.get(1)?));
        Ok(BuyerAccount { balance, reserved })
    };
    connection
        .prepare_cached("SELECT balance, reserved FROM buyer_account WHERE buyer = ?1")
        .and_then(|mut select| select.query_row([buyer.0], read).optional())
        .map(Option::unwrap_or_default)
        .map_err(from_sqlite)
}

/// Changes both sums of a buyer, by so much.
pub(crate) fn change(connection: &Connection, buyer: BuyerId, balance: Money, reserved: Money) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO buyer_account (buyer, balance, reserved) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET balance = balance + excluded.balance,
                 reserved = reserved + excluded.reserved",
        )
        .and_then(|mut upsert| upsert.execute(params![buyer.0, balance.micros(), reserved.micros()]))
        .map_err(from_sqlite)?;
    Ok(())
}
