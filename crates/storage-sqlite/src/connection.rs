//! How the file is opened: one connection that writes, one that checkpoints,
//! some that read.

use crate::error::from_sqlite;
use crate::migrations;
use crumb_storage::{Result, StoreError};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How the embedded store behaves.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// How long a write waits for another process that holds the file's lock
    /// before it fails. Short: callers hold a visitor's connection meanwhile.
    pub busy_timeout: Duration,
    /// The largest size of the file in pages of [`PAGE_SIZE`] bytes; writes beyond
    /// it fail as on a full disk. None: what the disk holds.
    pub max_pages: Option<u32>,
    /// Pages in the write-ahead log at which it is copied back into the file.
    /// About 8 MB: short enough to be read through quickly, long enough that a
    /// page that is written again and again is copied once.
    pub checkpoint_pages: u32,
    /// How long a read may take. A read holds the write-ahead log of its moment,
    /// which cannot begin anew meanwhile.
    pub read_timeout: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(2),
            max_pages: None,
            checkpoint_pages: 1_000,
            read_timeout: Duration::from_secs(30),
        }
    }
}

/// Bytes of a page: a click's row is about 230 bytes, and twice SQLite's usual
/// size halves the pages that a commit of many clicks touches.
pub const PAGE_SIZE: u32 = 8_192;
/// The writer's page cache: all inner pages of the tables and the leaves that are
/// written now.
const WRITER_CACHE_KIB: i32 = 16 * 1_024;
/// A reader's page cache; the system's own cache stands behind it.
const READER_CACHE_KIB: i32 = 4 * 1_024;
/// Prepared statements kept by each connection: more than there are texts.
const STATEMENTS: usize = 128;

/// Opens the file for writing, makes it where there is none, and brings it to the
/// present schema.
pub(crate) fn open_writer(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = open(path, flags, options)?;
    let in_words = |error| from_sqlite(error);
    // The page size only counts before the first table is made.
    connection.pragma_update(None, "page_size", PAGE_SIZE).map_err(in_words)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(in_words)?;
    if mode != "wal" {
        return Err(StoreError::Unavailable(format!("the file's system takes no write-ahead log ({mode})")));
    }
    set_for_writing(&connection)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB).map_err(in_words)?;
    migrations::migrate(&mut connection)?;
    if let Some(pages) = options.max_pages {
        connection
            .pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))
            .map_err(in_words)?;
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
    // Sorting and temporary indexes stay off the disk whose room is the clicks'.
    connection.pragma_update(None, "temp_store", "memory").map_err(from_sqlite)?;
    Ok(connection)
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
