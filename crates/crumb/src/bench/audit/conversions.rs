//! Whether every conversion that was acknowledged is stored, and every one that is stored
//! is whole: its line of the pixel log, what is owed by it, and who is to be told.

use super::{complain, strike_off};
use crate::bench::network::{PAYOUT, RECEIVED};
use crate::bench::requests::TRANSACTION;
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::{Money, RequestId};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// What the store must hold.
pub struct Expected<'a> {
    /// The installation's, of request ids.
    pub key: &'a RequestIdKey,
    /// The session of each request, by its number.
    pub sessions: &'a [RequestId],
    /// The requests whose conversion was acknowledged.
    pub acknowledged: &'a [u64],
    /// The ids under which postbacks arrived, where affiliates are told.
    pub told: Option<&'a HashSet<String>>,
}

/// A conversion with what belongs to it.
#[derive(Default)]
struct Stored {
    /// The request that reported it.
    number: Option<u64>,
    session: i64,
    log_lines: u32,
    /// In micros.
    owed: Vec<i64>,
    deliveries: u32,
}

/// Holds a store that nobody writes any more against what is expected, and gives the
/// number of conversions.
///
/// # Errors
/// Where one is missing, is not whole, or is there twice, where a postback came that is
/// none of the store's, or the store cannot be read.
pub fn check(database: &Path, expected: &Expected<'_>) -> anyhow::Result<u64> {
    let stored = read(database)?;
    let owed = owed()?;
    let (mut by_number, mut broken) = (HashSet::with_capacity(stored.len()), Vec::new());
    for (id, conversion) in &stored {
        let session =
            conversion.number.and_then(|number| expected.sessions.get(usize::try_from(number).ok()?));
        let row = session.and_then(|session| expected.key.row_id(*session));
        let is_its_sessions = row.is_some_and(|row| row.as_i64() == conversion.session);
        let is_whole = conversion.log_lines == 1
            && conversion.owed == owed
            && conversion.deliveries == u32::from(expected.told.is_some());
        let is_first = conversion.number.is_some_and(|number| by_number.insert(number));
        if !(is_its_sessions && is_whole && is_first) {
            broken.push(id.to_string());
        }
    }
    complain("stored, and not whole, not of its session, or twice", broken)?;
    let missing = expected.acknowledged.iter().filter(|number| !by_number.contains(number));
    complain(
        "acknowledged, and not in the store",
        missing.map(|number| format!("{TRANSACTION}{number}")).collect(),
    )?;
    if let Some(told) = expected.told {
        let mut unknown = told.clone();
        strike_off(database, "SELECT webhook_id FROM delivery", |row| {
            unknown.remove(&row.get::<_, String>(0)?);
            Ok(())
        })?;
        complain("delivered, and not in the store", unknown.into_iter().collect())?;
    }
    Ok(stored.len() as u64)
}

fn read(database: &Path) -> anyhow::Result<HashMap<i64, Stored>> {
    let mut stored: HashMap<i64, Stored> = HashMap::new();
    strike_off(database, "SELECT id, session, transaction_id FROM conversion", |row| {
        let transaction: Option<String> = row.get(2)?;
        let number = transaction.as_deref().and_then(|id| id.strip_prefix(TRANSACTION)?.parse().ok());
        stored.insert(row.get(0)?, Stored { number, session: row.get(1)?, ..Stored::default() });
        Ok(())
    })?;
    // What belongs to no conversion makes one that is not whole.
    let log = "SELECT conversion FROM pixel WHERE conversion IS NOT NULL
               UNION ALL SELECT id FROM conversion WHERE call_disposition IS NOT NULL";
    strike_off(database, log, |row| {
        stored.entry(row.get(0)?).or_default().log_lines += 1;
        Ok(())
    })?;
    let ledger = "SELECT conversion, amount FROM ledger WHERE conversion IS NOT NULL ORDER BY amount";
    strike_off(database, ledger, |row| {
        stored.entry(row.get(0)?).or_default().owed.push(row.get(1)?);
        Ok(())
    })?;
    let deliveries = "SELECT conversion FROM delivery WHERE conversion IS NOT NULL";
    strike_off(database, deliveries, |row| {
        stored.entry(row.get(0)?).or_default().deliveries += 1;
        Ok(())
    })?;
    Ok(stored)
}

/// What a conversion brings into the ledger, lowest first.
fn owed() -> anyhow::Result<Vec<i64>> {
    let mut amounts = Vec::new();
    for amount in [PAYOUT, RECEIVED] {
        amounts.push(amount.parse::<Money>()?.micros());
    }
    amounts.sort_unstable();
    Ok(amounts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_domain::RowId;
    use rusqlite::Connection;

    const SESSIONS: [i64; 2] = [5, 6];

    /// A store of two whole conversions, changed so; what is said of it.
    fn said(change: &str, acknowledged: &[u64], told: Option<&[&str]>) -> Result<u64, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("crumb.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE conversion (id INTEGER, session INTEGER, transaction_id TEXT, call_disposition TEXT);
                 CREATE TABLE pixel (conversion INTEGER);
                 CREATE TABLE ledger (conversion INTEGER, amount INTEGER);
                 CREATE TABLE delivery (conversion INTEGER, webhook_id TEXT);
                 INSERT INTO conversion VALUES (50, 5, 'order-0', 'ok'), (60, 6, 'order-0000000000000001', NULL);
                 INSERT INTO pixel VALUES (60), (NULL);
                 INSERT INTO ledger VALUES (50, 20000000), (50, 12500000), (60, 12500000), (60, 20000000);",
            )
            .unwrap();
        connection.execute_batch(change).unwrap();
        let key = RequestIdKey::new(&[7; 32]);
        let sessions = SESSIONS.map(|row| key.request_id(RowId::from_i64(row).unwrap()).unwrap());
        let told: Option<HashSet<String>> = told.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect());
        let expected = Expected { key: &key, sessions: &sessions, acknowledged, told: told.as_ref() };
        check(&path, &expected).map_err(|error| error.to_string())
    }

    #[test]
    fn conversions_that_are_whole_pass_whether_or_not_they_were_acknowledged() {
        assert_eq!(said("", &[0, 1], None), Ok(2));
        assert_eq!(said("", &[1], None), Ok(2));
    }

    #[test]
    fn an_acknowledged_conversion_that_is_missing_is_named() {
        let error = said(
            "DELETE FROM conversion WHERE id = 60; DELETE FROM pixel WHERE conversion = 60;
             DELETE FROM ledger WHERE conversion = 60",
            &[0, 1],
            None,
        );
        assert_eq!(error, Err("1 acknowledged, and not in the store: order-1".to_owned()));
    }

    #[test]
    fn a_conversion_that_lacks_a_part_or_has_one_twice_fails() {
        let whole = Err("1 stored, and not whole, not of its session, or twice: 60".to_owned());
        for change in [
            "DELETE FROM pixel WHERE conversion = 60",
            "INSERT INTO pixel VALUES (60)",
            "UPDATE conversion SET call_disposition = 'ok' WHERE id = 60",
            "DELETE FROM ledger WHERE conversion = 60 AND amount = 20000000",
            "INSERT INTO ledger VALUES (60, 12500000)",
            "INSERT INTO delivery VALUES (60, 'msg_1')",
            "UPDATE conversion SET session = 5 WHERE id = 60",
            "UPDATE conversion SET transaction_id = NULL WHERE id = 60",
            "DELETE FROM conversion WHERE id = 60",
        ] {
            assert_eq!(said(change, &[0], None), whole, "{change}");
        }
        let twice = said(
            "INSERT INTO conversion VALUES (70, 6, 'order-1', 'ok');
             INSERT INTO ledger VALUES (70, 12500000), (70, 20000000)",
            &[0],
            None,
        );
        assert!(twice.is_err(), "{twice:?}");
    }

    #[test]
    fn where_affiliates_are_told_each_conversion_has_one_postback_and_none_came_of_nothing() {
        let both = "INSERT INTO delivery VALUES (50, 'msg_1'), (60, 'msg_2')";
        assert_eq!(said(both, &[0, 1], Some(&["msg_2"])), Ok(2));
        assert!(said("INSERT INTO delivery VALUES (50, 'msg_1')", &[0, 1], Some(&[])).is_err());
        let error = said(both, &[0, 1], Some(&["msg_3"]));
        assert_eq!(error, Err("1 delivered, and not in the store: msg_3".to_owned()));
    }
}
