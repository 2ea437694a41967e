//! What readers have read of the steps that are put off.
//!
//! To read through all of them for each count would take milliseconds under load, on the
//! threads that visitors wait for. The steps' ids rise and never come again, and all up to
//! one are taken away together: so a reader adds what came since the last one looked.

use super::Sums;
use super::put_off::{add, read_after};
use crate::error::from_sqlite;
use crumb_storage::Result;
use rusqlite::Connection;
use std::sync::{Mutex, PoisonError};

/// What the readers of a store know of the steps.
#[derive(Default)]
pub(crate) struct StepsRead(Mutex<SoFar>);

/// The sums of the steps of a stretch of ids.
#[derive(Default)]
struct SoFar {
    first: i64,
    last: i64,
    sums: Sums,
}

impl StepsRead {
    /// Works with the sums of all that is put off, as the connection's snapshot has it.
    pub(crate) fn with<T>(&self, connection: &Connection, work: impl FnOnce(&Sums) -> T) -> Result<T> {
        let (first, last) = ends(connection)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if (first, last) < (known.first, known.last) {
            // This snapshot is older than that of another reader.
            drop(known);
            return Ok(work(&SoFar::default().up_to(connection, first, last)?.sums));
        }
        // Taken out: where reading fails halfway, nothing is known.
        *known = std::mem::take(&mut *known).up_to(connection, first, last)?;
        Ok(work(&known.sums))
    }
}

impl SoFar {
    /// These, and what came since.
    fn up_to(self, connection: &Connection, first: i64, last: i64) -> Result<Self> {
        let mut so_far = if self.first == first { self } else { Self { first, ..Self::default() } };
        read_after(connection, so_far.last, |place, row| add(&mut so_far.sums, place, &row, 1))?;
        so_far.last = last;
        Ok(so_far)
    }
}

/// The first and the last id; 0 where there is none.
fn ends(connection: &Connection) -> Result<(i64, i64)> {
    connection
        .prepare_cached(
            "SELECT coalesce((SELECT min(id) FROM count_step), 0), coalesce((SELECT max(id) FROM count_step), 0)",
        )
        .and_then(|mut select| select.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(from_sqlite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clicks::counts::Counts;
    use crate::connection::{SqliteOptions, open_reader, open_writer};
    use crumb_domain::CampaignId;
    use crumb_domain::caps::{CapCheck, CapScope, DayCount};
    use crumb_domain::network::CapOf;
    use crumb_domain::time::Day;

    const SCOPE: CapScope = CapScope::Campaign(CampaignId(57));

    /// A commit that raises the count by one.
    fn raise(connection: &Connection, counts: &mut Counts) {
        counts.raise(&[DayCount { scope: SCOPE, of: CapOf::Click, day: Day(1) }]);
        counts.write(connection).unwrap();
        counts.committed();
    }

    fn count(connection: &Connection, steps: &StepsRead) -> u64 {
        let check = CapCheck { scope: SCOPE, of: CapOf::Click, first_day: Day(1), day: Day(1), limit: 0 };
        super::super::count(connection, steps, &check).unwrap()
    }

    #[test]
    fn each_reader_counts_as_its_own_snapshot_has_it_whoever_looked_before() {
        let folder = tempfile::tempdir().unwrap();
        let (path, options) = (folder.path().join("crumb.db"), SqliteOptions::default());
        let writer = open_writer(&path, &options).unwrap();
        let [early, late] = [0; 2].map(|_| open_reader(&path, &options).unwrap());
        // Brought in after so many commits.
        let mut counts = Counts::load(&writer, 3).unwrap();
        let steps = StepsRead::default();
        for n in 1..20 {
            early.execute_batch("BEGIN").unwrap();
            assert_eq!(count(&early, &steps), n - 1);
            raise(&writer, &mut counts);
            assert_eq!(count(&late, &steps), n);
            assert_eq!(count(&early, &steps), n - 1, "in its snapshot still");
            assert_eq!(count(&late, &steps), n);
            early.execute_batch("ROLLBACK").unwrap();
        }
    }

    #[test]
    fn a_count_reads_only_the_steps_that_came_since_the_last_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, options) = (folder.path().join("crumb.db"), SqliteOptions::default());
        let writer = open_writer(&path, &options).unwrap();
        let reader = open_reader(&path, &options).unwrap();
        let (mut counts, steps) = (Counts::load(&writer, 1_000).unwrap(), StepsRead::default());
        for n in 1..10 {
            raise(&writer, &mut counts);
            assert_eq!(count(&reader, &steps), n);
            // Whoever read this one again would fail.
            writer.execute("UPDATE count_step SET steps = x'00'", []).unwrap();
        }
    }

    #[test]
    fn a_read_that_failed_leaves_nothing_half_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (path, options) = (folder.path().join("crumb.db"), SqliteOptions::default());
        let writer = open_writer(&path, &options).unwrap();
        let (mut counts, steps) = (Counts::load(&writer, 1_000).unwrap(), StepsRead::default());
        raise(&writer, &mut counts);
        assert_eq!(count(&writer, &steps), 1);
        raise(&writer, &mut counts);
        writer.execute("INSERT INTO count_step (steps) VALUES (x'00')", []).unwrap();
        assert!(steps.with(&writer, |_| ()).is_err());
        writer.execute("DELETE FROM count_step WHERE steps = x'00'", []).unwrap();
        assert_eq!(count(&writer, &steps), 2);
    }
}
