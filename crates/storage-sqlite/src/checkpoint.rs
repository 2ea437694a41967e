//! Copying the write-ahead log back into the file, off the writer's path.
//!
//! A checkpoint inside a commit makes that commit's callers wait for tens of
//! milliseconds. So SQLite's own is switched off, and a thread with a connection
//! of its own copies (PASSIVE: it stops nobody) when the log has grown. What the
//! writer has added meanwhile it copies itself in one short step; with the whole
//! log copied, its next commit begins the log anew.
//!
//! The log can only begin anew while no reader looks at it. Where readers follow
//! each other without a gap, the log would grow for ever; beyond a length the
//! writer therefore holds them up for a moment.

use crate::connection::{SqliteOptions, open_checkpointer, page_size};
use crate::error::from_sqlite;
use crumb_storage::{Result, StoreError};
use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How many times the usual length the log may reach before the writer waits for
/// readers; tried again each time it has grown by the usual length.
const MAX_LENGTHS: u32 = 8;
/// How long the writer waits for readers then. Short reads end within it; a long
/// one is waited for again later.
const WAIT_FOR_READERS: Duration = Duration::from_millis(50);

/// The thread has nothing to do.
const IDLE: u8 = 0;
/// The thread was asked to copy.
const ASKED: u8 = 1;
/// The thread has copied what it found.
const COPIED: u8 = 2;

/// The writer's side of checkpoints.
pub(crate) struct Checkpoints {
    /// Pages in the log after the last commit, told by SQLite.
    pages: Arc<AtomicU32>,
    state: Arc<AtomicU8>,
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// The usual length of the log, in pages.
    usual: u32,
    /// The length at which the writer waits for readers next.
    limit: u32,
    busy_timeout: Duration,
}

impl Checkpoints {
    /// Starts the thread and listens to the writer's commits.
    pub(crate) fn start(path: &Path, options: &SqliteOptions, writer: &mut Connection) -> Result<Self> {
        let pages = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&pages);
        writer
            .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
                told.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
                Ok(())
            }))
            .map_err(from_sqlite)?;
        let state = Arc::new(AtomicU8::new(IDLE));
        let (ask, asked) = sync_channel(1);
        let connection = open_checkpointer(path, options)?;
        let done = Arc::clone(&state);
        let thread = std::thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || {
                for () in asked {
                    copy(&connection, CheckpointMode::PASSIVE);
                    done.store(COPIED, Ordering::Release);
                }
            })
            .map_err(|error| StoreError::Unavailable(format!("no thread for checkpoints: {error}")))?;
        let usual = (options.checkpoint_bytes / page_size(writer)?).max(1);
        Ok(Self {
            pages,
            state,
            ask: Some(ask),
            thread: Some(thread),
            usual,
            limit: usual.saturating_mul(MAX_LENGTHS),
            busy_timeout: options.busy_timeout,
        })
    }

    /// Called by the writer between two transactions.
    pub(crate) fn after_commit(&mut self, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        let state = self.state.load(Ordering::Acquire);
        if pages < self.usual {
            // The log has begun anew.
            self.limit = self.usual.saturating_mul(MAX_LENGTHS);
            if state == COPIED {
                self.state.store(IDLE, Ordering::Release);
            }
        } else if pages >= self.limit && state != ASKED {
            self.hold_readers_up(writer);
            self.limit = pages.saturating_add(self.usual);
        } else if state == COPIED {
            copy(writer, CheckpointMode::PASSIVE);
            self.state.store(IDLE, Ordering::Release);
        } else if state == IDLE
            && let Some(ask) = &self.ask
        {
            self.state.store(ASKED, Ordering::Release);
            // The thread is idle, so there is room; without a thread the state
            // stays as it is and the limit above still holds.
            let _ = ask.try_send(());
        }
    }

    fn hold_readers_up(&self, writer: &Connection) {
        let wait = |time| writer.busy_timeout(time).is_ok();
        if wait(WAIT_FOR_READERS) {
            copy(writer, CheckpointMode::RESTART);
        }
        if !wait(self.busy_timeout) {
            tracing::error!("the store's time to wait for a lock could not be set");
        }
    }
}

/// Copies what it may. That it could not (a reader, another checkpoint, no room)
/// loses nothing: the log stays and is copied later.
fn copy(connection: &Connection, mode: CheckpointMode) {
    if let Err(error) = connection.wal_checkpoint_v2(None::<&str>, mode) {
        tracing::debug!(%error, "a checkpoint was put off");
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to give back.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::open_writer;

    #[test]
    fn a_log_of_smaller_pages_has_more_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crumb.db");
        let options = SqliteOptions { checkpoint_bytes: 64 * 4_096, ..SqliteOptions::default() };
        Connection::open(&path).unwrap().execute_batch("PRAGMA page_size = 4096; VACUUM").unwrap();
        let mut writer = open_writer(&path, &options).unwrap();
        let checkpoints = Checkpoints::start(&path, &options, &mut writer).unwrap();
        assert_eq!((checkpoints.usual, checkpoints.limit), (64, 512));
    }
}
