//! Statements that the writer runs for each of many writes.
//!
//! A connection keeps prepared statements by their texts. To take one out and put it
//! back costs a look-up each by a text of some hundred bytes, a reset and a clearing
//! of what was bound, for each statement of each lead. [`HeldStatements`] takes a
//! statement out once and keeps it until the batch ends.

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Statement, ToSql};
use std::cell::RefCell;

/// Runs statements by their texts.
pub(crate) trait Statements {
    /// The connection that they run on.
    fn connection(&self) -> &Connection;

    /// Runs one that gives no rows, and tells how many it changed.
    fn execute(&self, sql: &'static str, values: &[&dyn ToSql]) -> rusqlite::Result<usize>;

    /// Runs one that asks for a number; that of the first row, if there is one.
    fn number(&self, sql: &'static str, values: &[&dyn ToSql]) -> rusqlite::Result<Option<i64>>;
}

impl Statements for Connection {
    fn connection(&self) -> &Connection {
        self
    }

    fn execute(&self, sql: &'static str, values: &[&dyn ToSql]) -> rusqlite::Result<usize> {
        self.prepare_cached(sql)?.execute(values)
    }

    fn number(&self, sql: &'static str, values: &[&dyn ToSql]) -> rusqlite::Result<Option<i64>> {
        number(&mut *self.prepare_cached(sql)?, values)
    }
}

/// Statements that are held once they were needed: few, so that they are looked
/// through one by one.
pub(crate) struct HeldStatements<'c> {
    connection: &'c Connection,
    held: RefCell<Vec<(&'static str, CachedStatement<'c>)>>,
}

impl<'c> HeldStatements<'c> {
    /// None yet.
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self { connection, held: RefCell::default() }
    }

    fn with<T>(
        &self,
        sql: &'static str,
        run: impl FnOnce(&mut Statement<'c>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut held = self.held.borrow_mut();
        // By its place in the program: an equal text elsewhere is held twice, and does no harm.
        if let Some((_, statement)) = held.iter_mut().find(|(text, _)| std::ptr::eq(*text, sql)) {
            return run(statement);
        }
        let mut statement = self.connection.prepare_cached(sql)?;
        let done = run(&mut statement);
        held.push((sql, statement));
        done
    }
}

impl Statements for HeldStatements<'_> {
    fn connection(&self) -> &Connection {
        self.connection
    }

    fn execute(&self, sql: &'static str, values: &[&dyn ToSql]) -> rusqlite::Result<usize> {
        self.with(sql, |statement| statement.execute(values))
    }

    fn number(&self, sql: &'static str, values: &[&dyn ToSql]) -> rusqlite::Result<Option<i64>> {
        self.with(sql, |statement| number(statement, values))
    }
}

fn number(statement: &mut Statement<'_>, values: &[&dyn ToSql]) -> rusqlite::Result<Option<i64>> {
    statement.query_row(values, |row| row.get(0)).optional()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::params;

    const INSERT: &str = "INSERT INTO one (a) VALUES (?1)";
    const FIND: &str = "SELECT a FROM one WHERE a = ?1";

    fn runs_each_with_its_own_values(statements: &dyn Statements) {
        for a in 0_i64..3 {
            assert_eq!(statements.number(FIND, params![a]), Ok(None));
            assert_eq!(statements.execute(INSERT, params![a]), Ok(1));
            assert!(statements.execute(INSERT, params![a]).is_err(), "it is there");
            assert_eq!(statements.number(FIND, params![a]), Ok(Some(a)));
        }
        let rows = "SELECT count(*) FROM one";
        assert_eq!(statements.connection().query_row(rows, [], |row| row.get(0)), Ok(3));
    }

    #[test]
    fn a_statement_runs_alike_whether_or_not_it_is_held() {
        for holds in [false, true] {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch("CREATE TABLE one (a INTEGER PRIMARY KEY)").unwrap();
            if holds {
                runs_each_with_its_own_values(&HeldStatements::new(&connection));
            } else {
                runs_each_with_its_own_values(&connection);
            }
        }
    }
}
