//! How the file is opened: one connection that writes, one that checkpoints,
//! some that read.

use crate::error::from_sqlite;
use crate::migrations;
use crumb_storage::clicks::MAX_SUB_AFFILIATES;
use crumb_storage::{Result, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How the embedded store behaves.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// How long a write waits for another process that holds the file's lock
    /// before it fails. Short: callers hold a visitor's connection meanwhile.
    pub busy_timeout: Duration,
    /// The largest size of the file in its own pages, of [`PAGE_SIZE`] bytes in a new
    /// one; writes beyond it fail as on a full disk. None: what the disk holds.
    pub max_pages: Option<u32>,
    /// The length of the write-ahead log at which it is copied back into the file:
    /// short enough to be read through quickly, long enough that a page that is
    /// written again and again is copied once.
    pub checkpoint_bytes: u32,
    /// How long a read may take. A read holds the write-ahead log of its moment,
    /// which cannot begin anew meanwhile.
    pub read_timeout: Duration,
    /// How many new leads wait before they are brought into the indexes of random
    /// keys together. More of them share a page of an index; but a search for an
    /// e-mail address looks through up to twice as many, and they are in memory.
    pub recent_leads: usize,
    /// How many sessions are kept in memory: those that were opened or read last.
    /// Each takes half a kilobyte. 0 = none.
    pub kept_sessions: usize,
    /// For how many commits counts are put off before they are brought into the rows of
    /// their days together. More of them raise a row once; but a start, and the first who
    /// reads a count after that, reads through what all of them added.
    pub counts_put_off: usize,
    /// How many sub-affiliates an affiliate may have.
    pub sub_affiliates: u32,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(2),
            max_pages: None,
            checkpoint_bytes: 16_000_000,
            read_timeout: Duration::from_secs(30),
            recent_leads: 8_192,
            kept_sessions: 32_768,
            counts_put_off: 256,
            sub_affiliates: MAX_SUB_AFFILIATES,
        }
    }
}

/// Bytes of a page of a new file; one that was made with others keeps them. Nearly all
/// that a commit writes is appended, and a page costs it two calls whatever its size. But
/// leads also change pages anywhere in the indexes of their random keys, and each is
/// written whole: larger ones would cost large stores more than they save.
pub const PAGE_SIZE: u32 = 8_192;
/// The writer's page cache: all inner pages of the tables and the leaves that are
/// written now.
const WRITER_CACHE_KIB: i32 = 16 * 1_024;
/// A reader's page cache; the system's own cache stands behind it.
const READER_CACHE_KIB: i32 = 4 * 1_024;
/// How many times the usual length of the write-ahead log stays on the disk.
const LOG_LENGTHS_KEPT: u32 = 8;
/// Prepared statements kept by each connection: more than there are texts.
const STATEMENTS: usize = 128;

/// Opens the file for writing, makes it where there is none, and brings it to the
/// present schema.
pub(crate) fn open_writer(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = open(path, flags, options)?;
    // The page size only counts before the first table is made.
    connection.pragma_update(None, "page_size", PAGE_SIZE).map_err(from_sqlite)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(from_sqlite)?;
    if mode != "wal" {
        return Err(StoreError::Unavailable(format!("the file's system takes no write-ahead log ({mode})")));
    }
    set_for_writing(&connection)?;
    // Whatever readers made of the log's length, it is cut back when it begins anew.
    let most = i64::from(options.checkpoint_bytes) * i64::from(LOG_LENGTHS_KEPT);
    connection
        .pragma_update_and_check(None, "journal_size_limit", most, |row| row.get::<_, i64>(0))
        .map_err(from_sqlite)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB).map_err(from_sqlite)?;
    migrations::migrate(&mut connection)?;
    if let Some(pages) = options.max_pages {
        connection
            .pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))
            .map_err(from_sqlite)?;
    }
    Ok(connection)
}

/// A second connection that only copies the write-ahead log back.
pub(crate) fn open_checkpointer(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags, options)?;
    set_for_writing(&connection)?;
    Ok(connection)
}

/// A connection that cannot write.
pub(crate) fn open_reader(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags, options)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB).map_err(from_sqlite)?;
    Ok(connection)
}

fn open(path: &Path, flags: OpenFlags, options: &SqliteOptions) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, flags).map_err(from_sqlite)?;
    connection.busy_timeout(options.busy_timeout).map_err(from_sqlite)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // No plan rests on the values that are bound. Otherwise SQLite prepares some
    // statements anew for each run, which costs more than the run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(from_sqlite)?;
    // Sorting and temporary indexes stay off the disk whose room is the clicks'.
    connection.pragma_update(None, "temp_store", "memory").map_err(from_sqlite)?;
    Ok(connection)
}

/// Bytes of a page of the file as it is.
pub(crate) fn page_size(connection: &Connection) -> Result<u32> {
    connection.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(from_sqlite)
}

/// FULL: a commit returns after the log is on stable storage, which is what an
/// acknowledgement means. Checkpoints are ours (see `checkpoint`).
fn set_for_writing(connection: &Connection) -> Result<()> {
    connection.pragma_update(None, "synchronous", "full").map_err(from_sqlite)?;
    connection
        .pragma_update_and_check(None, "wal_autocheckpoint", 0, |row| row.get::<_, i64>(0))
        .map_err(from_sqlite)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma(connection: &Connection, name: &str) -> String {
        connection
            .pragma_query_value(None, name, |row| {
                row.get_ref(0).map(|value| format!("{:?}", rusqlite::types::Value::try_from(value).unwrap()))
            })
            .unwrap()
    }

    #[test]
    fn each_commit_is_on_stable_storage_and_checkpoints_are_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crumb.db");
        let options = SqliteOptions::default();
        let writer = open_writer(&path, &options).unwrap();
        let checkpointer = open_checkpointer(&path, &options).unwrap();
        for connection in [&writer, &checkpointer] {
            assert_eq!(pragma(connection, "synchronous"), "Integer(2)");
            assert_eq!(pragma(connection, "journal_mode"), "Text(\"wal\")");
            assert_eq!(pragma(connection, "wal_autocheckpoint"), "Integer(0)");
            assert_eq!(pragma(connection, "page_size"), "Integer(8192)");
        }
    }

    #[test]
    fn a_file_with_pages_of_another_size_keeps_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crumb.db");
        let options = SqliteOptions::default();
        let made = Connection::open(&path).unwrap();
        made.execute_batch("PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; VACUUM").unwrap();
        drop(made);
        let writer = open_writer(&path, &options).unwrap();
        assert_eq!(page_size(&writer).unwrap(), 4_096);
        assert_eq!(pragma(&writer, "journal_mode"), "Text(\"wal\")");
        writer.execute("UPDATE probe SET n = 7", []).unwrap();
        drop(writer);
        let reader = open_reader(&path, &options).unwrap();
        let n: i64 = reader.query_row("SELECT n FROM probe", [], |row| row.get(0)).unwrap();
        assert_eq!((n, page_size(&reader).unwrap()), (7, 4_096));
    }

    #[test]
    fn a_reader_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crumb.db");
        let options = SqliteOptions::default();
        let _writer = open_writer(&path, &options).unwrap();
        let reader = open_reader(&path, &options).unwrap();
        let error = reader.execute("UPDATE probe SET n = 7", []).unwrap_err();
        assert!(from_sqlite(error).to_string().contains("cannot be written"));
    }
}
