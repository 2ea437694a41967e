//! Counts by day, of which caps are sums.
//!
//! Most events of a batch raise the same few counts. They are added up in memory
//! and written together before the commit; whoever asks within the transaction
//! is told the stored sum and what is added to it. All that is counted of one on
//! one day is one row, as a lead that is a conversion raises two of its counts.
//! What a commit adds is not brought into these rows at once: see `put_off`.

mod put_off;
mod steps;
mod steps_read;

pub(crate) use steps_read::StepsRead;

use crate::codes::{cap_of, scope};
use crate::error::from_sqlite;
use crumb_domain::caps::{CapCheck, DayCount};
use crumb_domain::time::Day;
use crumb_storage::Result;
use put_off::PutOff;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// A count: scope, its id, of what, day.
pub(crate) type Key = (i64, i64, i64, i32);

/// A row's primary key: scope, its id, day. A check's days are a range.
type Place = (i64, i64, i32);

/// A row's counts, by [`slot`]: clicks, leads, conversions, impressions.
type Row = [i64; 4];

/// Rows by their places.
type Sums = BTreeMap<Place, Row>;

/// The columns of a row, by [`slot`].
const COLUMNS: [&str; 4] = ["clicks", "leads", "conversions", "impressions"];

/// Where in a row a count stands; nowhere where nothing of that kind is counted.
fn slot(of: i64) -> Option<usize> {
    usize::try_from(of).ok()?.checked_sub(1)
}

pub(crate) fn key(count: &DayCount) -> Key {
    let (scope, id) = scope(count.scope);
    (scope, id, cap_of(count.of), count.day.0)
}

/// By how much the open transaction changes which counts.
#[derive(Default)]
pub(crate) struct Counts {
    changed: Sums,
    /// Each step up or down, in order, so that the last ones can be taken back.
    steps: Vec<(Key, i64)>,
    /// What committed ones did and the rows do not have yet.
    put_off: PutOff,
}

impl Counts {
    /// What an opened file has put off. `most_commits`: for how many at most it is left so.
    pub(crate) fn load(connection: &Connection, most_commits: usize) -> Result<Self> {
        Ok(Self { put_off: PutOff::load(connection, most_commits)?, ..Self::default() })
    }

    /// Raises each by one.
    pub(crate) fn raise<'a>(&mut self, counts: impl IntoIterator<Item = &'a DayCount>) {
        counts.into_iter().for_each(|count| self.step(key(count), 1));
    }

    /// Raises one by one.
    pub(crate) fn raise_key(&mut self, key: Key) {
        self.step(key, 1);
    }

    /// Lowers each by one.
    pub(crate) fn lower(&mut self, counts: impl IntoIterator<Item = Key>) {
        counts.into_iter().for_each(|key| self.step(key, -1));
    }

    fn step(&mut self, key: Key, by: i64) {
        self.change(key, by);
        self.steps.push((key, by));
    }

    fn change(&mut self, (scope, id, of, day): Key, by: i64) {
        let row = self.changed.entry((scope, id, day)).or_default();
        if let Some(n) = slot(of).and_then(|slot| row.get_mut(slot)) {
            *n += by;
        }
    }

    /// The sum over a check's days, with what the open transaction adds.
    pub(crate) fn count(&self, connection: &Connection, check: &CapCheck) -> Result<u64> {
        let added = sum_of(&self.changed, check) + sum_of(self.put_off.sums(), check);
        Ok(unsigned(in_rows(connection, check)? + added))
    }

    /// A point to which [`Counts::forget_since`] goes back.
    pub(crate) fn mark(&self) -> usize {
        self.steps.len()
    }

    /// Takes back what was changed since a mark.
    pub(crate) fn forget_since(&mut self, mark: usize) {
        for (key, by) in self.steps.split_off(mark) {
            self.change(key, -by);
        }
    }

    /// Writes what the open transaction adds.
    pub(crate) fn write(&mut self, connection: &Connection) -> Result<()> {
        self.changed.retain(|_, row| *row != Row::default());
        self.put_off.write(connection, &self.changed)
    }

    /// They are stored; the next transaction begins at nothing.
    pub(crate) fn committed(&mut self) {
        self.put_off.committed(&self.changed);
        self.changed.clear();
        self.steps.clear();
    }
}

/// The sum over a check's days, as the file has it.
pub(crate) fn count(connection: &Connection, steps: &StepsRead, check: &CapCheck) -> Result<u64> {
    let put_off = steps.with(connection, |sums| sum_of(sums, check))?;
    Ok(unsigned(in_rows(connection, check)? + put_off))
}

/// A count of each of some days that has one, as the file has it.
pub(crate) fn by_day(
    connection: &Connection,
    steps: &StepsRead,
    (scope, id, of): (i64, i64, i64),
    first: Day,
    last: Day,
) -> Result<BTreeMap<Day, i64>> {
    let Some((slot, column)) = slot(of).and_then(|slot| Some((slot, COLUMNS.get(slot)?))) else {
        return Ok(BTreeMap::new());
    };
    let mut days = BTreeMap::new();
    let mut select = connection
        .prepare_cached(&format!(
            "SELECT day, {column} FROM day_count WHERE scope = ?1 AND scope_id = ?2 AND day BETWEEN ?3 AND ?4"
        ))
        .map_err(from_sqlite)?;
    let rows = select
        .query_map(params![scope, id, first.0, last.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(from_sqlite)?;
    for row in rows {
        let (day, n): (i32, i64) = row.map_err(from_sqlite)?;
        days.insert(Day(day), n);
    }
    if first <= last {
        let places = (scope, id, first.0)..=(scope, id, last.0);
        steps.with(connection, |sums| {
            for ((_, _, day), row) in sums.range(places) {
                *days.entry(Day(*day)).or_default() += row.get(slot).copied().unwrap_or(0);
            }
        })?;
    }
    days.retain(|_, n| *n != 0);
    Ok(days)
}

/// The sum over a check's days, as far as it is brought in.
fn in_rows(connection: &Connection, check: &CapCheck) -> Result<i64> {
    let (scope, scope_id) = scope(check.scope);
    let Some(column) = slot(cap_of(check.of)).and_then(|slot| COLUMNS.get(slot)) else { return Ok(0) };
    connection
        .prepare_cached(&format!(
            "SELECT coalesce(sum({column}), 0) FROM day_count
             WHERE scope = ?1 AND scope_id = ?2 AND day BETWEEN ?3 AND ?4"
        ))
        .and_then(|mut statement| {
            statement.query_row(params![scope, scope_id, check.first_day.0, check.day.0], |row| row.get(0))
        })
        .map_err(from_sqlite)
}

/// What rows hold of a check's days.
fn sum_of(sums: &Sums, check: &CapCheck) -> i64 {
    let ((scope, id), slot) = (scope(check.scope), slot(cap_of(check.of)));
    if check.first_day > check.day {
        return 0;
    }
    let days = (scope, id, check.first_day.0)..=(scope, id, check.day.0);
    sums.range(days).filter_map(|(_, row)| row.get(slot?)).sum()
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
