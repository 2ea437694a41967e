//! The embedded store: SQLite with one group-committing writer.
//!
//! One file, one process. All writes go to one thread, which commits what has
//! gathered as one transaction with one fsync and then answers each caller; reads
//! run on threads of their own, each on a snapshot. Rooms:
//!
//! * `connection`: how the file is opened; `migrations`: its schema.
//! * `writer`, `batch`: the queue and the transaction; `checkpoint`: keeping the
//!   write-ahead log short; `readers`: the reading threads.
//! * `clicks`, `leads`, `selling`, `conversions`, `outbox`, `alerts`, `configuration`, `access`:
//!   the store's traits; `ledger`: money moved by any of them.
//! * `codes`, `answers`: how values lie in columns; `listing`: pages.
//! * `memory`: what the writer remembers beside the file, and takes back with it;
//!   `seen`: what events refer to; `sub_affiliates`: whom they name.
//!
//! A second process that writes to the file is held off by SQLite's own locks;
//! the data directory's lock belongs to the program that opens the store.

mod access;
mod alerts;
mod answers;
mod batch;
mod checkpoint;
mod clicks;
mod codes;
mod configuration;
mod connection;
mod conversions;
mod error;
mod leads;
mod ledger;
mod listing;
mod memory;
mod migrations;
mod outbox;
mod presence;
mod readers;
mod retention;
mod seen;
mod selling;
mod statements;
mod sub_affiliates;
mod writer;

pub use connection::{PAGE_SIZE, SqliteOptions};
pub use readers::MAX_QUEUED_READS;
pub use writer::MAX_QUEUED_WRITES;

use clicks::counts::StepsRead;
use clicks::sessions::Sessions;
use crumb_storage::{Result, Store};
use leads::recent::Recently;
use readers::Readers;
use std::path::Path;
use std::sync::Arc;
use writer::Writer;

/// An open store. Clones share it; when the last one is dropped, what is queued
/// is committed and the file is closed.
#[derive(Clone)]
pub struct SqliteStore {
    threads: Arc<Threads>,
}

/// Readers end before the writer, so that closing the writer's connection, the
/// last one, copies the write-ahead log back.
struct Threads {
    readers: Readers,
    writer: Writer,
    steps_read: Arc<StepsRead>,
}

impl SqliteStore {
    /// Opens the file, makes it where there is none, and brings its schema up to
    /// date. [`crumb_storage::StoreError::Unavailable`] where it cannot be opened, is locked or is
    /// no store; [`crumb_storage::StoreError::Corrupt`] where its schema is not one that this
    /// program knows. Blocks; to be called before serving.
    pub fn open(path: &Path, options: SqliteOptions) -> Result<Self> {
        let writer = Writer::start(path, &options)?;
        let readers = Readers::start(path, &options)?;
        Ok(Self { threads: Arc::new(Threads { readers, writer, steps_read: Arc::default() }) })
    }

    /// Opens a file only to read it, beside whoever writes to it: nothing is written, not
    /// even the schema's steps, and writes are refused as those of a closed store.
    ///
    /// Each read sees what was committed when it began, leads by id and by
    /// session those that were there when the file was opened. [`crumb_storage::StoreError::Unavailable`] where there is no
    /// such file, or its schema is older than this program's. Blocks.
    pub fn open_to_read(path: &Path, options: SqliteOptions) -> Result<Self> {
        let connection = connection::open_reader(path, &options)?;
        migrations::check(&connection)?;
        let writer = Writer::none(&connection, &options)?;
        let readers = Readers::start(path, &options)?;
        Ok(Self { threads: Arc::new(Threads { readers, writer, steps_read: Arc::default() }) })
    }

    /// Ends when the store has stopped taking writes for good: when it is closed, or
    /// when its writing thread ended by a fault of the program. It does not keep the
    /// store open.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        self.writer().ended()
    }

    fn writer(&self) -> &Writer {
        &self.threads.writer
    }

    /// The leads that are recent now, and those that come: to be asked for before a
    /// snapshot is begun.
    fn recent_leads(&self) -> Recently {
        self.threads.writer.recent_leads().since_now()
    }

    fn sessions(&self) -> Arc<Sessions> {
        self.threads.writer.sessions()
    }

    fn steps_read(&self) -> Arc<StepsRead> {
        Arc::clone(&self.threads.steps_read)
    }

    fn readers(&self) -> &Readers {
        &self.threads.readers
    }
}

/// Bytes that a probe asks room for: four pages, more than a file that is full to
/// the last page has.
const PROBED_BYTES: u32 = 4 * PAGE_SIZE;

impl Store for SqliteStore {
    /// Writes: first as much as a few commits need, taken back at once, so that a
    /// disk without room is noticed; then a row that is really committed.
    async fn ready(&self) -> Result<()> {
        self.threads
            .writer
            .write(|context| {
                context
                    .connection
                    .execute_batch(&format!(
                        "SAVEPOINT room;
                         UPDATE probe SET filler = zeroblob({PROBED_BYTES});
                         ROLLBACK TO room;
                         RELEASE room;
                         UPDATE probe SET n = n + 1;"
                    ))
                    .map_err(error::from_sqlite)
            })
            .await
    }
}
