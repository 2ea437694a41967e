//! Statements that the writer runs for each of many writes, or a reader for each visitor.
//!
//! A connection keeps prepared statements by their texts. To take one out and put it
//! back costs a look-up each by a text of some hundred bytes, a reset and a clearing
//! of what was bound, for each statement of each lead. [`HeldStatements`] takes a
//! statement out once and keeps it: the writer's until the batch ends, a reader's as long
//! as its thread lives.
//!
//! What is bound to those that write rows is put together by [`values!`], which knows each
//! value's type, and passes over those that are null: rows have some twenty columns, of
//! which half say nothing.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, Error, OptionalExtension as _, Statement, ToSql};
use std::cell::RefCell;

/// Binds a statement's values, as [`values!`] makes it.
pub(crate) type Bind<'a> = &'a dyn Fn(&mut Values<'_, '_>) -> rusqlite::Result<()>;

/// All values of a statement, in the order of its parameters.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &|values: &mut $crate::statements::Values<'_, '_>| {
            $(values.bind(&$value)?;)*
            Ok(())
        }
    };
}
pub(crate) use values;

/// A statement whose parameters are bound one after the other.
pub(crate) struct Values<'s, 'c> {
    statement: &'s mut Statement<'c>,
    bound: usize,
}

impl Values<'_, '_> {
    /// Binds the next one. A null needs no binding: that is what the others hold.
    #[inline]
    pub(crate) fn bind<T: ToSql>(&mut self, value: &T) -> rusqlite::Result<()> {
        self.bound += 1;
        match value.to_sql()? {
            ToSqlOutput::Borrowed(ValueRef::Null) | ToSqlOutput::Owned(Value::Null) => Ok(()),
            _ => self.statement.raw_bind_parameter(self.bound, value),
        }
    }
}

/// Runs a statement that gives no rows; how many it changed.
pub(crate) fn execute(statement: &mut Statement<'_>, values: Bind<'_>) -> rusqlite::Result<usize> {
    statement.clear_bindings();
    let mut binding = Values { statement, bound: 0 };
    values(&mut binding)?;
    let Values { statement, bound } = binding;
    match statement.parameter_count() {
        parameters if parameters == bound => statement.raw_execute(),
        parameters => Err(Error::InvalidParameterCount(bound, parameters)),
    }
}

/// Runs statements by their texts.
pub(crate) trait Statements {
    /// The connection that they run on.
    fn connection(&self) -> &Connection;

    /// Runs one that gives no rows with its [`values!`], and tells how many it changed.
    fn execute(&self, sql: &'static str, values: Bind<'_>) -> rusqlite::Result<usize>;

    /// Runs one that asks for a number; that of the first row, if there is one.
    fn number(&self, sql: &'static str, values: &[&dyn ToSql]) -> rusqlite::Result<Option<i64>>;
}

impl Statements for Connection {
    fn connection(&self) -> &Connection {
        self
    }

    fn execute(&self, sql: &'static str, values: Bind<'_>) -> rusqlite::Result<usize> {
        execute(&mut *self.prepare_cached(sql)?, values)
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

    /// Runs one as `run` does. It must leave it reset: what is held and stands half way holds its
    /// state of the file.
    pub(crate) fn with<T>(
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

    fn execute(&self, sql: &'static str, values: Bind<'_>) -> rusqlite::Result<usize> {
        self.with(sql, |statement| execute(statement, values))
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
            assert_eq!(statements.execute(INSERT, values![a]), Ok(1));
            assert!(statements.execute(INSERT, values![a]).is_err(), "it is there");
            assert_eq!(statements.number(FIND, params![a]), Ok(Some(a)));
        }
        let rows = "SELECT count(*) FROM one";
        assert_eq!(statements.connection().query_row(rows, [], |row| row.get(0)), Ok(3));
    }

    #[test]
    fn what_a_row_does_not_say_is_null_whatever_the_row_before_said() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE two (a INTEGER PRIMARY KEY, b TEXT, c BLOB)").unwrap();
        let statements = HeldStatements::new(&connection);
        let sql = "INSERT INTO two (a, b, c) VALUES (?1, ?2, ?3)";
        let rows = [
            (1_i64, Some("first".to_owned()), Some(&[1_u8][..])),
            (2, None, None),
            (3, None, Some(&[3])),
            (4, Some(String::new()), None),
        ];
        for (a, b, c) in &rows {
            assert_eq!(statements.execute(sql, values![*a, b, *c]), Ok(1));
        }
        let mut select = connection.prepare("SELECT a, b, c FROM two ORDER BY a").unwrap();
        let read = select.query_map([], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, Option<Vec<u8>>>(2)?))
        });
        let read = read.unwrap().collect::<rusqlite::Result<Vec<_>>>().unwrap();
        assert_eq!(read, rows.map(|(a, b, c)| (a, b, c.map(<[u8]>::to_vec))));
    }

    #[test]
    fn as_many_values_as_parameters_are_bound() {
        let connection = Connection::open_in_memory().unwrap();
        let statements = HeldStatements::new(&connection);
        connection.execute_batch("CREATE TABLE one (a INTEGER PRIMARY KEY)").unwrap();
        let (none, a) = (None::<i64>, 1_i64);
        let two = "INSERT INTO one (a) VALUES (coalesce(?1, ?2))";
        let wrong = |bound, parameters| Err(Error::InvalidParameterCount(bound, parameters));
        assert_eq!(statements.execute(two, values![a]), wrong(1, 2));
        assert_eq!(statements.execute(INSERT, values![a, none]), wrong(2, 1));
        assert!(statements.execute(INSERT, values![a, a]).is_err());
        assert_eq!(connection.query_row("SELECT count(*) FROM one", [], |row| row.get(0)), Ok(0));
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
