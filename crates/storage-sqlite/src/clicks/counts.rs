//! Counts by day, of which caps are sums.
//!
//! Most events of a batch raise the same few counts. They are added up in memory
//! and written once each before the commit; whoever asks within the transaction
//! is told the stored sum and what is added to it. All that is counted of one on
//! one day is one row, as a lead that is a conversion raises two of its counts.

use crate::codes::{cap_of, scope};
use crate::error::from_sqlite;
use crumb_domain::caps::{CapCheck, DayCount};
use crumb_domain::network::CapOf;
use crumb_storage::Result;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// A count: scope, its id, of what, day.
pub(crate) type Key = (i64, i64, i64, i32);

/// A row's primary key: scope, its id, day. A check's days are a range.
type Place = (i64, i64, i32);

/// A row's counts, by [`slot`]: clicks, leads, conversions, impressions.
type Row = [i64; 4];

/// Nearly every row is there: only a day's first event finds none. To insert where there is
/// one, and to see that, costs more than to look first.
const RAISE: &str = "UPDATE day_count SET clicks = clicks + ?4, leads = leads + ?5,
         conversions = conversions + ?6, impressions = impressions + ?7
     WHERE scope = ?1 AND scope_id = ?2 AND day = ?3";
const INSERT: &str = "INSERT INTO day_count (scope, scope_id, day, clicks, leads, conversions, impressions)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

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
    changed: BTreeMap<Place, Row>,
    /// Each step up or down, in order, so that the last ones can be taken back.
    steps: Vec<(Key, i64)>,
}

impl Counts {
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
        let (scope, id) = scope(check.scope);
        let slot = slot(cap_of(check.of));
        let added: i64 = if check.first_day <= check.day {
            let days = (scope, id, check.first_day.0)..=(scope, id, check.day.0);
            self.changed.range(days).filter_map(|(_, row)| row.get(slot?)).sum()
        } else {
            0
        };
        Ok(count(connection, check)?.saturating_add_signed(added))
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

    /// Writes each distinct row once.
    pub(crate) fn write(&self, connection: &Connection) -> Result<()> {
        if self.steps.is_empty() {
            return Ok(());
        }
        let prepare = |sql| connection.prepare_cached(sql).map_err(from_sqlite);
        let (mut raise, mut insert) = (prepare(RAISE)?, prepare(INSERT)?);
        for ((scope, id, day), row) in self.changed.iter().filter(|(_, row)| **row != Row::default()) {
            let [clicks, leads, conversions, impressions] = row;
            let values = params![scope, id, day, clicks, leads, conversions, impressions];
            if raise.execute(values).map_err(from_sqlite)? == 0 {
                insert.execute(values).map_err(from_sqlite)?;
            }
        }
        Ok(())
    }

    /// They are stored; the next transaction begins at nothing.
    pub(crate) fn committed(&mut self) {
        self.changed.clear();
        self.steps.clear();
    }
}

/// The stored sum over a check's days.
pub(crate) fn count(connection: &Connection, check: &CapCheck) -> Result<u64> {
    let (scope, scope_id) = scope(check.scope);
    let column = match check.of {
        CapOf::Click => "clicks",
        CapOf::Lead => "leads",
        CapOf::Conversion => "conversions",
    };
    let n: i64 = connection
        .prepare_cached(&format!(
            "SELECT coalesce(sum({column}), 0) FROM day_count
             WHERE scope = ?1 AND scope_id = ?2 AND day BETWEEN ?3 AND ?4"
        ))
        .and_then(|mut statement| {
            statement.query_row(params![scope, scope_id, check.first_day.0, check.day.0], |row| row.get(0))
        })
        .map_err(from_sqlite)?;
    Ok(u64::try_from(n).unwrap_or(0))
}
