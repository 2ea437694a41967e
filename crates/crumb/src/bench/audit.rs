//! Whether what was acknowledged is stored.

pub mod conversions;

use anyhow::{Context as _, bail};
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::{LeadId, RequestId};
use rusqlite::{Connection, OpenFlags};
use std::collections::HashSet;
use std::path::Path;

/// Missing ids that are named; the rest are counted.
const NAMED: usize = 10;

/// Looks every acknowledged click up in a store that nobody writes any more, and
/// gives the number of rows.
///
/// # Errors
/// Where one is missing, where two clicks were given one id (the load brings no
/// cookies, so that each is a session of its own), or the store cannot be read.
pub fn clicks(database: &Path, key: &RequestIdKey, acknowledged: &[RequestId]) -> anyhow::Result<u64> {
    let mut wanted = HashSet::with_capacity(acknowledged.len());
    let mut unknown = Vec::new();
    for id in acknowledged {
        match key.row_id(*id) {
            Some(row) if wanted.insert(row.as_i64()) => {}
            _ => unknown.push(id.to_string()),
        }
    }
    complain("acknowledged twice, or no id of this installation", unknown)?;
    let rows = strike_off(database, "SELECT id FROM click", |row| {
        wanted.remove(&row.get(0)?);
        Ok(())
    })?;
    let missing =
        acknowledged.iter().filter(|id| key.row_id(**id).is_some_and(|row| wanted.contains(&row.as_i64())));
    complain("acknowledged, and not in the store", missing.map(ToString::to_string).collect())?;
    Ok(rows)
}

/// The same of leads: each with the post that made it.
///
/// # Errors
/// As for clicks.
pub fn leads(database: &Path, acknowledged: &[LeadId]) -> anyhow::Result<u64> {
    let mut wanted: HashSet<u64> = HashSet::with_capacity(acknowledged.len());
    let twice = acknowledged.iter().filter(|id| !wanted.insert(id.number()));
    complain("acknowledged twice", twice.map(ToString::to_string).collect())?;
    let stored = "SELECT lead.id FROM lead JOIN post ON post.id = lead.row AND post.lead = lead.row";
    let rows = strike_off(database, stored, |row| {
        wanted.remove(&row.get::<_, i64>(0)?.cast_unsigned());
        Ok(())
    })?;
    let missing = acknowledged.iter().filter(|id| wanted.contains(&id.number()));
    complain("acknowledged, and not in the store", missing.map(ToString::to_string).collect())?;
    Ok(rows)
}

/// How many campaigns the network has that a store holds.
///
/// # Errors
/// Where it cannot be read.
pub fn campaigns(database: &Path) -> anyhow::Result<u64> {
    let present = "SELECT key FROM entity WHERE key LIKE 'campaign:%' AND version_to IS NULL";
    strike_off(database, present, |_| Ok(()))
}

fn strike_off(
    database: &Path,
    sql: &str,
    mut strike: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>,
) -> anyhow::Result<u64> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("the store {} cannot be opened", database.display()))?;
    let mut select = connection.prepare(sql)?;
    let mut rows = select.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        strike(row)?;
        count += 1;
    }
    Ok(count)
}

fn complain(what: &str, mut ids: Vec<String>) -> anyhow::Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    ids.sort_unstable();
    let count = ids.len();
    ids.truncate(NAMED);
    let more = if count > NAMED { ", …" } else { "" };
    bail!("{count} {what}: {}{more}", ids.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_domain::RowId;

    const ROWS: [i64; 3] = [5, 6, 1 << 40];

    fn store(sql: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("crumb.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE click (id INTEGER PRIMARY KEY)").unwrap();
        connection
            .execute_batch(
                "CREATE TABLE lead (id INTEGER, row INTEGER); CREATE TABLE post (id INTEGER, lead INTEGER)",
            )
            .unwrap();
        connection.execute_batch(sql).unwrap();
        (directory, path)
    }

    fn names(key: &RequestIdKey) -> Vec<RequestId> {
        ROWS.iter().map(|row| key.request_id(RowId::from_i64(*row).unwrap()).unwrap()).collect()
    }

    #[test]
    fn clicks_that_are_stored_pass_with_others_beside_them() {
        let key = RequestIdKey::new(&[7; 32]);
        let (_directory, path) = store("INSERT INTO click VALUES (5), (6), (7), (1099511627776)");
        assert_eq!(clicks(&path, &key, &names(&key)).unwrap(), 4);
    }

    #[test]
    fn an_acknowledged_click_that_is_missing_is_named() {
        let key = RequestIdKey::new(&[7; 32]);
        let (_directory, path) = store("INSERT INTO click VALUES (5), (1099511627776)");
        let error = clicks(&path, &key, &names(&key)).unwrap_err().to_string();
        assert_eq!(error, format!("1 acknowledged, and not in the store: {}", names(&key)[1]));
    }

    #[test]
    fn one_id_for_two_clicks_is_a_lost_click() {
        let key = RequestIdKey::new(&[7; 32]);
        let (_directory, path) = store("INSERT INTO click VALUES (5), (6), (1099511627776)");
        let mut acknowledged = names(&key);
        acknowledged.push(acknowledged[0]);
        let error = clicks(&path, &key, &acknowledged).unwrap_err().to_string();
        assert!(error.starts_with("1 acknowledged twice, or no id"), "{error}");
    }

    #[test]
    fn a_lead_counts_as_stored_only_with_its_post() {
        let ids: Vec<LeadId> = ["AAAAAAAA", "BBBBBBBB"].map(|id| id.parse().unwrap()).into();
        let [a, b] = [ids[0].number(), ids[1].number()];
        let both = format!("INSERT INTO lead VALUES ({a}, 1), ({b}, 2); INSERT INTO post VALUES (1, 1)");
        let (_directory, path) = store(&both);
        let error = leads(&path, &ids).unwrap_err().to_string();
        assert_eq!(error, "1 acknowledged, and not in the store: BBBBBBBB");
        Connection::open(&path).unwrap().execute_batch("INSERT INTO post VALUES (2, 2)").unwrap();
        assert_eq!(leads(&path, &ids).unwrap(), 2);
        assert!(leads(&path, &[ids[0], ids[0]]).is_err());
    }

    #[test]
    fn of_many_missing_ids_some_are_named() {
        let error = complain("missing", (10..30).map(|n| n.to_string()).collect()).unwrap_err().to_string();
        assert_eq!(error, "20 missing: 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, …");
    }
}
