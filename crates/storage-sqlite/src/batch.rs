//! One batch of writes: one transaction.
//!
//! Clicks come first: they cannot refuse, and a lead of the same batch may name
//! one of their sessions. Each other write runs in a savepoint of its own, so
//! that one which fails takes no neighbour with it.

use crate::clicks::write::insert_clicks;
use crate::error::{from_sqlite, is_constraint};
use crate::seen::Seen;
use crumb_storage::clicks::ClickBatch;
use crumb_storage::{Result, StoreError};
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::sync::oneshot;

/// What a write works with.
pub(crate) struct WriteContext<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) seen: &'a mut Seen,
}

/// Clicks that wait for their commit.
pub(crate) struct QueuedClicks {
    pub(crate) clicks: ClickBatch,
    pub(crate) reply: oneshot::Sender<Result<()>>,
}

/// Any other write that waits for its commit.
pub(crate) trait Task: Send {
    /// Does the write and keeps its result; why it failed, where it is to be
    /// rolled back.
    fn run(&mut self, context: &mut WriteContext<'_>) -> Result<()>;
    /// Gives the caller its result, or why nothing was committed.
    fn answer(self: Box<Self>, committed: &Result<()>);
}

/// A write as a function.
pub(crate) struct QueuedTask<T, F> {
    work: Option<F>,
    result: Result<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> QueuedTask<T, F> {
    pub(crate) fn new(work: F, reply: oneshot::Sender<Result<T>>) -> Self {
        let not_run = Err(StoreError::Unavailable("the write was not reached".to_owned()));
        Self { work: Some(work), result: not_run, reply }
    }
}

impl<T, F> Task for QueuedTask<T, F>
where
    T: Send,
    F: FnOnce(&mut WriteContext<'_>) -> Result<T> + Send,
{
    fn run(&mut self, context: &mut WriteContext<'_>) -> Result<()> {
        if let Some(work) = self.work.take() {
            // A caller's function renders the answer inside the write; if it
            // panics, that write fails and the writer lives on.
            self.result = catch_unwind(AssertUnwindSafe(|| work(context)))
                .unwrap_or_else(|_| Err(StoreError::Corrupt("a write panicked".to_owned())));
        }
        self.result.as_ref().map(|_| ()).map_err(StoreError::clone)
    }

    fn answer(self: Box<Self>, committed: &Result<()>) {
        let result = match committed {
            Ok(()) => self.result,
            Err(error) => Err(error.clone()),
        };
        // A caller that left meanwhile needs no answer; its write stands.
        let _ = self.reply.send(result);
    }
}

/// All writes of one transaction.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) clicks: Vec<QueuedClicks>,
    pub(crate) tasks: Vec<Box<dyn Task>>,
    /// Clicks that failed by themselves, by position.
    refused: Vec<(usize, StoreError)>,
}

impl Batch {
    pub(crate) fn len(&self) -> usize {
        self.clicks.len() + self.tasks.len()
    }

    /// Wakes every caller.
    pub(crate) fn answer(self, committed: &Result<()>) {
        let mut refused = self.refused.into_iter().peekable();
        for (position, queued) in self.clicks.into_iter().enumerate() {
            let own = refused.next_if(|(at, _)| *at == position).map(|(_, error)| error);
            let result = match (committed, own) {
                (Ok(()), Some(error)) => Err(error),
                (committed, _) => committed.clone(),
            };
            // A visitor who left meanwhile needs no answer; the click stands.
            let _ = queued.reply.send(result);
        }
        for task in self.tasks {
            task.answer(committed);
        }
    }
}

/// Runs a batch as one transaction. `Err`: nothing of it was kept.
pub(crate) fn commit(connection: &Connection, seen: &mut Seen, batch: &mut Batch) -> Result<()> {
    let result = run(connection, seen, batch);
    match &result {
        Ok(()) => seen.committed(),
        Err(_) => {
            seen.forget_since(0);
            // SQLite may have rolled back by itself already.
            if !connection.is_autocommit()
                && let Err(error) = connection.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "a failed transaction could not be rolled back");
            }
        }
    }
    result
}

fn run(connection: &Connection, seen: &mut Seen, batch: &mut Batch) -> Result<()> {
    let statement = |sql: &str| -> Result<()> {
        connection.prepare_cached(sql).and_then(|mut s| s.execute([])).map_err(from_sqlite)?;
        Ok(())
    };
    statement("BEGIN IMMEDIATE")?;
    if !batch.clicks.is_empty() {
        match insert_clicks(connection, seen, batch.clicks.iter().map(|queued| &queued.clicks)) {
            Ok(()) => {}
            Err(error) if is_constraint(&error) => {
                // Rare (an id given twice), so all begin again, each by itself.
                statement("ROLLBACK")?;
                seen.forget_since(0);
                statement("BEGIN IMMEDIATE")?;
                insert_each(connection, seen, batch)?;
            }
            Err(error) => return Err(from_sqlite(error)),
        }
    }
    for task in &mut batch.tasks {
        // The task keeps its own failure; only one that ended the transaction counts here.
        let _ = in_savepoint(connection, seen, |seen| task.run(&mut WriteContext { connection, seen }))?;
    }
    statement("COMMIT")
}

fn insert_each(connection: &Connection, seen: &mut Seen, batch: &mut Batch) -> Result<()> {
    for (position, queued) in batch.clicks.iter().enumerate() {
        let inserted = in_savepoint(connection, seen, |seen| {
            insert_clicks(connection, seen, std::iter::once(&queued.clicks)).map_err(from_sqlite)
        })?;
        if let Err(error) = inserted {
            batch.refused.push((position, error));
        }
    }
    Ok(())
}

/// Runs a write in a savepoint and takes it back where it failed, which is the
/// inner result. The outer one fails where the whole transaction is lost: a full
/// disk and the like end it at once.
fn in_savepoint(
    connection: &Connection,
    seen: &mut Seen,
    write: impl FnOnce(&mut Seen) -> Result<()>,
) -> Result<Result<()>> {
    let statement = |sql: &str| connection.prepare_cached(sql).and_then(|mut s| s.execute([]));
    let mark = seen.mark();
    statement("SAVEPOINT one").map_err(from_sqlite)?;
    let written = write(seen);
    if let Err(error) = &written {
        if connection.is_autocommit() {
            return Err(error.clone());
        }
        seen.forget_since(mark);
        statement("ROLLBACK TO one").map_err(from_sqlite)?;
    }
    statement("RELEASE one").map_err(from_sqlite)?;
    Ok(written)
}
