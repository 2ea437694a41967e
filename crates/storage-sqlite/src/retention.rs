//! Old rows of logs go: what may go is found by a reader, and removed by the writer some at
//! a time.
//!
//! Rows lie in the order in which they came, so that the oldest are at the beginning of
//! their table.

use crate::SqliteStore;
use crate::batch::WriteContext;
use crate::codes::row_id;
use crate::conversions::pixels;
use crate::error::from_sqlite;
use crate::readers::LaneOf;
use crumb_domain::{RowId, Timestamp};
use crumb_storage::retention::{KeptFor, LOOKED_AT_PER_STEP, REMOVED_PER_STEP, Removed};
use crumb_storage::{Result, RetentionStore};
use rusqlite::{Connection, params};

impl RetentionStore for SqliteStore {
    async fn remove_old(&self, what: KeptFor, before: Timestamp, after: Option<RowId>) -> Result<Removed> {
        let find = move |connection: &_| find(connection, what, before, after);
        let Found { old, next, first } = self.readers().read(LaneOf::Long, find).await?;
        if old.is_empty() && first.is_none() {
            return Ok(Removed { count: 0, next });
        }
        let remove = move |context: &mut WriteContext<'_>| {
            if let Some(first) = first {
                pixels::begin_at(context.connection, first)?;
            }
            remove(context.connection, what, &old)
        };
        let count = self.writer().write(remove).await?;
        Ok(Removed { count, next })
    }
}

/// What may go, and where to look next.
struct Found {
    old: Vec<i64>,
    next: Option<RowId>,
    /// Where lines of the pixel log begin to lie with conversions, if that is further on
    /// than was known.
    first: Option<i64>,
}

/// The rows of a table that may go, but for their age.
fn may_go(what: KeptFor) -> (&'static str, &'static str) {
    match what {
        KeptFor::PixelLog => (pixels::LINES, "TRUE"),
        KeptFor::Deliveries => ("delivery", "state = 'delivered'"),
        KeptFor::Attempts => (
            "attempt",
            "NOT EXISTS (SELECT 1 FROM offered WHERE offered.lead = attempt.lead)
             AND NOT EXISTS (SELECT 1 FROM held WHERE held.lead = attempt.lead)",
        ),
    }
}

fn find(connection: &Connection, what: KeptFor, before: Timestamp, after: Option<RowId>) -> Result<Found> {
    let (table, may_go) = may_go(what);
    // An id is never of a time before its row's; where the clock was put back it is of a
    // later one, and the row goes then.
    let sql = format!(
        "SELECT id, at < ?3 AND {may_go} FROM {table} WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?4"
    );
    let mut select = connection.prepare_cached(&sql).map_err(from_sqlite)?;
    let after = after.map_or(i64::MIN, RowId::as_i64);
    let end = RowId::at_or_after(before).as_i64();
    let mut rows =
        select.query(params![after, end, before.micros(), LOOKED_AT_PER_STEP]).map_err(from_sqlite)?;
    let (mut old, mut seen, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        let (id, goes): (i64, bool) = (row.get(0).map_err(from_sqlite)?, row.get(1).map_err(from_sqlite)?);
        (seen, last) = (seen + 1, Some(id));
        old.extend(goes.then_some(id));
        if old.len() == REMOVED_PER_STEP as usize {
            break;
        }
    }
    let is_more = old.len() == REMOVED_PER_STEP as usize || seen == LOOKED_AT_PER_STEP;
    let next = last.filter(|_| is_more).map(row_id).transpose()?;
    let first = match what {
        KeptFor::PixelLog => pixels::first_conversion(connection, end)?,
        KeptFor::Deliveries | KeptFor::Attempts => None,
    };
    Ok(Found { old, next, first })
}

/// Removes those of them that may still go; how many.
fn remove(connection: &Connection, what: KeptFor, old: &[i64]) -> Result<u32> {
    if what == KeptFor::PixelLog {
        return old.iter().map(|id| pixels::remove(connection, *id)).sum();
    }
    let (table, may_go) = may_go(what);
    let sql = format!("DELETE FROM {table} WHERE id = ?1 AND {may_go}");
    let mut delete = connection.prepare_cached(&sql).map_err(from_sqlite)?;
    let mut count = 0;
    for id in old {
        let removed = delete.execute([id]).map_err(from_sqlite)?;
        if removed > 0 && what == KeptFor::Deliveries {
            connection
                .prepare_cached("DELETE FROM delivery_attempt WHERE delivery = ?1")
                .and_then(|mut attempts| attempts.execute([id]))
                .map_err(from_sqlite)?;
        }
        count += u32::from(removed > 0);
    }
    Ok(count)
}
