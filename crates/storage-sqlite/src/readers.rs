//! Reads: threads of their own, each with a read-only connection, so that no read
//! blocks the async runtime or waits for the writer.
//!
//! There are two lanes. What a visitor waits for (a session, a count) never
//! stands behind what an operator asked for (a list over a year).

use crate::connection::{SqliteOptions, open_reader};
use crate::error::from_sqlite;
use crate::statements::{HeldStatements, Statements as _};
use crumb_storage::{Result, StoreError};
use rusqlite::Connection;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Threads of each lane: as many as small machines have cores.
const THREADS_PER_LANE: usize = 2;
/// Reads that may wait in a lane: at 20,000 short reads a second, half a second.
pub const MAX_QUEUED_READS: usize = 10_000;
/// SQLite's own steps between two looks at the clock: about a millisecond.
const STEPS_BETWEEN_CHECKS: i32 = 100_000;

/// Which reads wait for which.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LaneOf {
    /// Indexed reads of a row or few.
    Short,
    /// Lists and whole configurations.
    Long,
}

type Job = Box<dyn FnOnce(&Reader<'_>) + Send>;

/// A connection that only reads, whose statements are interrupted at a deadline.
struct TimedConnection {
    connection: Connection,
    begun: Instant,
    deadline_ms: Arc<AtomicU64>,
    limit: Duration,
}

impl TimedConnection {
    #[expect(clippy::disallowed_methods, reason = "how long a read takes is known only here")]
    fn open(path: &Path, options: &SqliteOptions) -> Result<Self> {
        let mut connection = open_reader(path, options)?;
        let begun = Instant::now();
        let deadline_ms = Arc::new(AtomicU64::new(u64::MAX));
        let deadline = Arc::clone(&deadline_ms);
        let is_late = move || elapsed_ms(begun) > deadline.load(Ordering::Relaxed);
        connection.progress_handler(STEPS_BETWEEN_CHECKS, Some(is_late)).map_err(from_sqlite)?;
        Ok(Self { connection, begun, deadline_ms, limit: options.read_timeout })
    }

    /// Runs a read, which may take so long and no longer.
    fn timed<T>(&self, read: impl FnOnce() -> Result<T>) -> Result<T> {
        let limit_ms = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
        self.deadline_ms.store(elapsed_ms(self.begun).saturating_add(limit_ms), Ordering::Relaxed);
        let result = surviving(read);
        self.deadline_ms.store(u64::MAX, Ordering::Relaxed);
        result
    }
}

/// What a thread reads with.
pub(crate) struct Reader<'c> {
    of: &'c TimedConnection,
    held: HeldStatements<'c>,
}

impl<'c> Reader<'c> {
    fn new(of: &'c TimedConnection) -> Self {
        Self { of, held: HeldStatements::new(&of.connection) }
    }

    /// Runs a read in a deferred transaction, which sees one state from its first
    /// statement to its end.
    pub(crate) fn on_snapshot<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let connection = &self.of.connection;
        self.statement("BEGIN")?;
        let result = self.of.timed(|| read(connection));
        // An error may have ended it already.
        if !connection.is_autocommit() {
            self.statement("ROLLBACK")?;
        }
        result
    }

    /// Runs a read of one statement, which sees one state by itself: for a row or two, to begin
    /// and end a transaction costs as much as they do, and so does it to find the statement.
    pub(crate) fn at_a_look<T>(&self, read: impl FnOnce(&HeldStatements<'c>) -> Result<T>) -> Result<T> {
        self.of.timed(|| read(&self.held))
    }

    /// Kept prepared: to read a row takes no longer than to prepare these.
    fn statement(&self, sql: &'static str) -> Result<()> {
        self.held.execute(sql, &|_| Ok(())).map(drop).map_err(from_sqlite)
    }
}

/// A read whose panic is an error: whoever asked for it hears of it, and the thread lives on.
fn surviving<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(StoreError::Corrupt("a read panicked".to_owned())))
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

#[derive(Default)]
struct Lane {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

impl Lane {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job; `None` once the lane is closed and empty.
    fn next(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if let Some(job) = waiting.jobs.pop_front() {
                return Some(job);
            }
            if waiting.closed {
                return None;
            }
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The reading threads of a store.
pub(crate) struct Readers {
    short: Arc<Lane>,
    long: Arc<Lane>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(crate) fn start(path: &Path, options: &SqliteOptions) -> Result<Self> {
        let mut readers = Self { short: Arc::default(), long: Arc::default(), threads: Vec::new() };
        for number in 0..THREADS_PER_LANE {
            for (name, lane) in [("short", Arc::clone(&readers.short)), ("long", Arc::clone(&readers.long))] {
                let connection = TimedConnection::open(path, options)?;
                let thread = std::thread::Builder::new()
                    .name(format!("read-{name}-{number}"))
                    .spawn(move || {
                        let reader = Reader::new(&connection);
                        while let Some(job) = lane.next() {
                            job(&reader);
                        }
                    })
                    .map_err(|error| StoreError::Unavailable(format!("no thread to read with: {error}")))?;
                readers.threads.push(thread);
            }
        }
        Ok(readers)
    }

    /// Runs a read on one snapshot and gives its result.
    pub(crate) async fn read<T, F>(&self, lane: LaneOf, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.with(lane, move |reader| reader.on_snapshot(read)).await
    }

    /// Runs a read that sees to its snapshots itself.
    pub(crate) async fn with<T, F>(&self, lane: LaneOf, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let lane = match lane {
            LaneOf::Short => &self.short,
            LaneOf::Long => &self.long,
        };
        {
            let mut waiting = lane.lock();
            if waiting.jobs.len() >= MAX_QUEUED_READS {
                return Err(StoreError::Overloaded(MAX_QUEUED_READS));
            }
            waiting.jobs.push_back(Box::new(move |reader| {
                // Nobody waits any more: a visitor who left costs no read.
                if !reply.is_closed() {
                    let _ = reply.send(surviving(|| read(reader)));
                }
            }));
        }
        lane.wake.notify_one();
        result.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the store is closed".to_owned())))
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        for lane in [&self.short, &self.long] {
            lane.lock().closed = true;
            lane.wake.notify_all();
        }
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to give back.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::open_writer;

    #[tokio::test]
    async fn a_read_that_panics_is_an_error_and_its_thread_reads_on_outside_of_a_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crumb.db");
        let options = SqliteOptions::default();
        let _writer = open_writer(&path, &options).unwrap();
        let readers = Readers::start(&path, &options).unwrap();
        // More often than there are threads.
        for _ in 0..=THREADS_PER_LANE {
            let on_snapshot = readers.read(LaneOf::Short, |_| -> Result<()> { panic!("on a snapshot") });
            assert!(matches!(on_snapshot.await, Err(StoreError::Corrupt(_))));
            let by_itself = readers.with(LaneOf::Short, |_| -> Result<()> { panic!("by itself") });
            assert!(matches!(by_itself.await, Err(StoreError::Corrupt(_))));
        }
        for _ in 0..=THREADS_PER_LANE {
            let is_outside = readers
                .with(LaneOf::Short, |reader| reader.at_a_look(|held| Ok(held.connection().is_autocommit())));
            assert!(is_outside.await.unwrap());
        }
    }
}
