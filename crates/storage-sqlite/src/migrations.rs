//! Numbered steps that bring a file to the present schema. They only go forward,
//! and each one's checksum is kept, so that a step that was changed after it ran
//! somewhere is noticed instead of leaving two files with one number apart.

use crate::error::from_sqlite;
use crumb_storage::{Result, StoreError};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// A step.
#[derive(Debug, Clone, Copy)]
struct Migration {
    number: i64,
    name: &'static str,
    sql: &'static str,
}

/// All steps, in order.
const MIGRATIONS: &[Migration] =
    &[Migration { number: 1, name: "begin", sql: include_str!("../migrations/0001_begin.sql") }];

/// Brings the file to the present schema. Refuses, touching nothing, a file that
/// a newer program has written or whose steps were not these.
pub(crate) fn migrate(connection: &mut Connection) -> Result<()> {
    run(connection, MIGRATIONS)
}

/// Refuses a file whose schema is not the present one, for whoever must not write to it.
pub(crate) fn check(connection: &Connection) -> Result<()> {
    let newest = newest(connection)?;
    refuse_newer(newest, MIGRATIONS)?;
    let known = MIGRATIONS.last().map_or(0, |migration| migration.number);
    if newest.unwrap_or(0) < known {
        return Err(StoreError::Unavailable(format!(
            "its schema is number {}, this program reads {known}: let a command that writes open it first",
            newest.unwrap_or(0)
        )));
    }
    Ok(())
}

fn run(connection: &mut Connection, migrations: &[Migration]) -> Result<()> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(from_sqlite)?;
    transaction
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS schema_migration (
                 number INTEGER PRIMARY KEY, name TEXT NOT NULL,
                 checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
        )
        .map_err(from_sqlite)?;
    refuse_newer(newest(&transaction)?, migrations)?;
    for migration in migrations {
        apply(&transaction, migration)?;
    }
    transaction.commit().map_err(from_sqlite)
}

fn newest(connection: &Connection) -> Result<Option<i64>> {
    connection
        .query_row("SELECT max(number) FROM schema_migration", [], |row| row.get(0))
        .map_err(from_sqlite)
}

fn refuse_newer(newest: Option<i64>, migrations: &[Migration]) -> Result<()> {
    let known = migrations.last().map_or(0, |migration| migration.number);
    match newest {
        Some(newest) if newest > known => Err(StoreError::Corrupt(format!(
            "the file was written by a newer program: its schema is number {newest}, this program knows {known}"
        ))),
        _ => Ok(()),
    }
}

fn apply(transaction: &Transaction<'_>, migration: &Migration) -> Result<()> {
    let checksum = checksum(migration.sql);
    let Migration { number, name, sql } = migration;
    let applied: Option<String> = transaction
        .query_row("SELECT checksum FROM schema_migration WHERE number = ?1", [number], |row| row.get(0))
        .optional()
        .map_err(from_sqlite)?;
    match applied {
        Some(applied) if applied == checksum => return Ok(()),
        Some(_) => {
            return Err(StoreError::Corrupt(format!(
                "the schema step {number:04}_{name} has another checksum than when it was applied to this file: another \
                 build of the program made it, and only such a one reads it"
            )));
        }
        None => {}
    }
    transaction.execute_batch(sql).map_err(from_sqlite)?;
    transaction
        .execute(
            "INSERT INTO schema_migration (number, name, checksum, applied_at)
                 VALUES (?1, ?2, ?3, CAST(unixepoch('subsec') * 1000000 AS INTEGER))",
            params![number, name, checksum],
        )
        .map_err(from_sqlite)?;
    Ok(())
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql.as_bytes()).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Migration = Migration { number: 1, name: "one", sql: "CREATE TABLE one (a INTEGER)" };
    const SECOND: Migration = Migration { number: 2, name: "two", sql: "CREATE TABLE two (a INTEGER)" };

    #[test]
    fn numbers_count_up_from_one() {
        assert!(MIGRATIONS.iter().zip(1..).all(|(migration, number)| migration.number == number));
    }

    #[test]
    fn each_step_runs_once_and_later_ones_follow() {
        let mut connection = Connection::open_in_memory().unwrap();
        run(&mut connection, &[FIRST]).unwrap();
        run(&mut connection, &[FIRST, SECOND]).unwrap();
        run(&mut connection, &[FIRST, SECOND]).unwrap();
        let steps: i64 =
            connection.query_row("SELECT count(*) FROM schema_migration", [], |row| row.get(0)).unwrap();
        assert_eq!(steps, 2);
    }

    #[test]
    fn a_step_that_changed_after_it_ran_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        run(&mut connection, &[FIRST]).unwrap();
        let changed = Migration { sql: "CREATE TABLE one (b INTEGER)", ..FIRST };
        let error = run(&mut connection, &[changed, SECOND]).unwrap_err().to_string();
        assert!(error.contains("0001_one has another checksum"), "{error}");
        assert!(error.contains("another build of the program made it"), "{error}");
        assert!(connection.prepare("SELECT * FROM two").is_err(), "no later step ran");
    }

    #[test]
    fn a_file_of_a_newer_program_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        run(&mut connection, &[FIRST, SECOND]).unwrap();
        let error = run(&mut connection, &[FIRST]).unwrap_err().to_string();
        assert!(error.contains("its schema is number 2, this program knows 1"), "{error}");
    }

    #[test]
    fn who_only_reads_takes_the_present_schema_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert!(check(&connection).is_err(), "no store");
        run(&mut connection, &[]).unwrap();
        let error = check(&connection).unwrap_err().to_string();
        assert!(error.contains("its schema is number 0, this program reads"), "{error}");
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        check(&connection).unwrap();
    }

    #[test]
    fn a_step_that_fails_leaves_nothing_behind() {
        let mut connection = Connection::open_in_memory().unwrap();
        let broken = Migration { sql: "CREATE TABLE two (a INTEGER); CREATE TABLE two (a)", ..SECOND };
        assert!(run(&mut connection, &[FIRST, broken]).is_err());
        assert!(connection.prepare("SELECT * FROM one").is_err());
        run(&mut connection, &[FIRST, SECOND]).unwrap();
    }
}
