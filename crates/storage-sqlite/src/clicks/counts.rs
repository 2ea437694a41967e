//! Counts by day, of which caps are sums.

use crate::codes::{cap_of, scope};
use crate::error::from_sqlite;
use crumb_domain::caps::{CapCheck, DayCount};
use crumb_storage::Result;
use rusqlite::{Connection, params};
use std::collections::HashMap;

/// Raises counts; each distinct one is written once, however many events raise it.
pub(crate) fn raise<'a>(
    connection: &Connection,
    counts: impl Iterator<Item = &'a DayCount>,
) -> rusqlite::Result<()> {
    let mut sums: HashMap<&DayCount, i64> = HashMap::new();
    for count in counts {
        *sums.entry(count).or_default() += 1;
    }
    if sums.is_empty() {
        return Ok(());
    }
    let mut raise = connection.prepare_cached(
        "INSERT INTO day_count (scope, scope_id, of, day, n) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET n = n + excluded.n",
    )?;
    for (count, n) in sums {
        let (scope, scope_id) = scope(count.scope);
        raise.execute(params![scope, scope_id, cap_of(count.of), count.day.0, n])?;
    }
    Ok(())
}

/// The sum over a check's days.
pub(crate) fn count(connection: &Connection, check: &CapCheck) -> Result<u64> {
    let (scope, scope_id) = scope(check.scope);
    let n: i64 = connection
        .prepare_cached(
            "SELECT coalesce(sum(n), 0) FROM day_count
             WHERE scope = ?1 AND scope_id = ?2 AND of = ?3 AND day BETWEEN ?4 AND ?5",
        )
        .and_then(|mut statement| {
            statement.query_row(
                params![scope, scope_id, cap_of(check.of), check.first_day.0, check.day.0],
                |row| row.get(0),
            )
        })
        .map_err(from_sqlite)?;
    Ok(u64::try_from(n).unwrap_or(0))
}
