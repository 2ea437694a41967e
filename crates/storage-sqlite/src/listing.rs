//! Lists in pages: filters become SQL with bound values, the row id is the order
//! and the cursor.

use crate::error::from_sqlite;
use crumb_domain::{RowId, Timestamp};
use crumb_storage::{Cursor, Page, PageRequest, Result};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

/// Seconds by which an event's time may lie after that of its row id, which is
/// made a moment earlier or later in the same request.
const ID_SLACK_SECONDS: i64 = 60;

/// The lowest id that an event at or after a moment may have.
pub(crate) fn lowest_row(from: Timestamp) -> RowId {
    RowId::at_or_after(from.plus_seconds(-ID_SLACK_SECONDS))
}

/// A query under construction. Texts of SQL come from the program alone; values
/// are always bound.
pub(crate) struct Listing {
    table: &'static str,
    order: &'static str,
    conditions: String,
    values: Vec<Value>,
}

impl Listing {
    /// All rows of a table, ordered by a column that holds its row ids.
    pub(crate) fn new(table: &'static str, order: &'static str) -> Self {
        Self::given(table, order, Vec::new())
    }

    /// The same of a query in place of the table, with its parameters, which it names by
    /// their numbers.
    pub(crate) fn given(table: &'static str, order: &'static str, values: Vec<Value>) -> Self {
        Self { table, order, conditions: "TRUE".to_owned(), values }
    }

    /// Only rows for which the condition holds; its `?`s take the values in turn.
    pub(crate) fn also<V: Into<Value>>(&mut self, condition: &str, values: impl IntoIterator<Item = V>) {
        self.conditions.push_str(" AND ");
        self.conditions.push_str(condition);
        self.values.extend(values.into_iter().map(Into::into));
    }

    /// Only rows with that value, where one is asked for.
    pub(crate) fn equals<V: Into<Value>>(&mut self, column: &str, value: Option<V>) {
        if let Some(value) = value {
            self.also(&format!("{column} = ?"), [value]);
        }
    }

    /// Only rows from one moment until before another. Row ids never lie before
    /// their time, so that the lower end also bounds the scan; they may lie far
    /// after it when the clock was put back, so the upper end cannot.
    pub(crate) fn between(&mut self, from: Option<Timestamp>, to: Option<Timestamp>) {
        if let Some(from) = from {
            let row = lowest_row(from);
            self.also(&format!("{} >= ? AND at >= ?", self.order), [row.as_i64(), from.micros()]);
        }
        if let Some(to) = to {
            self.also("at < ?", [to.micros()]);
        }
    }

    /// The places of the first rows after one, in their order: for writes that go through
    /// a list of any length.
    pub(crate) fn places(
        mut self,
        connection: &Connection,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Vec<i64>> {
        let Self { table, order, .. } = self;
        if let Some(after) = after {
            self.also(&format!("{order} > ?"), [after]);
        }
        self.values.push(Value::from(limit as i64));
        let sql = format!("SELECT {order} FROM {table} WHERE {} ORDER BY {order} LIMIT ?", self.conditions);
        let mut select = connection.prepare_cached(&sql).map_err(from_sqlite)?;
        let places =
            select.query_map(params_from_iter(&self.values), |row| row.get(0)).map_err(from_sqlite)?;
        places.collect::<rusqlite::Result<_>>().map_err(from_sqlite)
    }

    /// The page asked for, and how many rows the whole list has. `read` gives a
    /// row's value and its place in the order.
    pub(crate) fn page<T>(
        mut self,
        connection: &Connection,
        page: &PageRequest,
        columns: &str,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<(Result<T>, i64)>,
    ) -> Result<Page<T>> {
        let Self { table, order, .. } = self;
        let total: i64 = connection
            .prepare_cached(&format!("SELECT count(*) FROM {table} WHERE {}", self.conditions))
            .and_then(|mut count| count.query_row(params_from_iter(&self.values), |row| row.get(0)))
            .map_err(from_sqlite)?;
        let (after, direction) = if page.ascending { (">", "ASC") } else { ("<", "DESC") };
        if let Some(Cursor(last)) = page.cursor {
            self.also(&format!("{order} {after} ?"), [last]);
        }
        let limit = page.limit.clamp(1, PageRequest::MAX_LIMIT) as usize;
        // One more than the page tells whether another follows.
        self.values.push(Value::from(limit as i64 + 1));
        let sql = format!(
            "SELECT {columns} FROM {table} WHERE {} ORDER BY {order} {direction} LIMIT ?",
            self.conditions
        );
        let mut statement = connection.prepare_cached(&sql).map_err(from_sqlite)?;
        let mut rows = statement.query(params_from_iter(&self.values)).map_err(from_sqlite)?;
        let mut data = Vec::new();
        let mut last = None;
        let mut next = None;
        while let Some(row) = rows.next().map_err(from_sqlite)? {
            if data.len() == limit {
                next = last;
                break;
            }
            let (value, place) = read(row).map_err(from_sqlite)?;
            data.push(value?);
            last = Some(Cursor(place));
        }
        Ok(Page { data, next, total: u64::try_from(total).unwrap_or(0) })
    }
}
