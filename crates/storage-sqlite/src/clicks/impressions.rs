//! Impressions: counts by day, beside those that caps are held by.

use crate::batch::WriteContext;
use crate::codes::{IMPRESSION, impressions_of};
use crate::error::{corrupt, from_sqlite};
use crate::seen::Key;
use crumb_domain::time::Day;
use crumb_storage::Result;
use crumb_storage::clicks::{Impression, ImpressionsOf};
use crumb_storage::configuration::HistoryOf;
use rusqlite::{Connection, params};

/// Counts one of each, notes that they have history, and charges for it.
pub(crate) fn record(context: &mut WriteContext<'_>, impression: &Impression) -> Result<()> {
    for of in &impression.of {
        let (scope, id) = impressions_of(*of);
        context.memory.counts.raise_key((scope, id, IMPRESSION, impression.day.0));
        let history = match *of {
            ImpressionsOf::Campaign(id) => HistoryOf::Campaign(id),
            ImpressionsOf::Creative(id) => HistoryOf::Creative(id),
        };
        context.memory.seen.note(context.connection, Key::from(history)).map_err(from_sqlite)?;
    }
    context.memory.charges.add(&impression.charges);
    Ok(())
}

/// Its days of `first..=last`, in order.
pub(crate) fn by_day(
    connection: &Connection,
    of: ImpressionsOf,
    first: Day,
    last: Day,
) -> Result<Vec<(Day, u64)>> {
    let (scope, id) = impressions_of(of);
    let mut statement = connection
        .prepare_cached(
            "SELECT day, impressions FROM day_count
             WHERE scope = ?1 AND scope_id = ?2 AND day BETWEEN ?3 AND ?4 AND impressions > 0 ORDER BY day",
        )
        .map_err(from_sqlite)?;
    let rows = statement
        .query_map(params![scope, id, first.0, last.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(from_sqlite)?;
    rows.map(|row| {
        let (day, n): (i32, i64) = row.map_err(from_sqlite)?;
        Ok((Day(day), u64::try_from(n).map_err(|_| corrupt("a count of impressions", n))?))
    })
    .collect()
}
