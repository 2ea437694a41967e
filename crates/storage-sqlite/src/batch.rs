//! One batch of writes: one transaction.
//!
//! Clicks come first: they cannot refuse, and a lead of the same batch may name
//! one of their sessions. A write that fails takes no neighbour with it: one that
//! had changed something has the batch begun again, each write in a savepoint of
//! its own. Savepoints from the start would cost every lead a copy of each page
//! that it shares with its neighbours, for what happens about never.

use crate::clicks::write::insert_clicks;
use crate::error::{from_sqlite, is_constraint};
use crate::memory::Memory;
use crate::outbox::tell_caps;
use crate::statements::{HeldStatements, Statements};
use crumb_domain::click::Click;
use crumb_storage::clicks::ClickBatch;
use crumb_storage::{Result, StoreError};
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::sync::oneshot;

/// What a write works with.
pub(crate) struct WriteContext<'a> {
    pub(crate) connection: &'a Connection,
    /// The same one's, for what is run for each of many writes.
    pub(crate) statements: &'a dyn Statements,
    pub(crate) memory: &'a mut Memory,
}

/// Clicks that wait for their commit.
pub(crate) struct QueuedClicks {
    pub(crate) clicks: ClickBatch,
    pub(crate) reply: oneshot::Sender<Result<()>>,
}

/// Any other write that waits for its commit.
pub(crate) trait Task: Send {
    /// Does the write and keeps its result; why it failed, where it is to be
    /// rolled back. May be called again after that.
    fn run(&mut self, context: &mut WriteContext<'_>) -> Result<()>;
    /// Gives the caller its result, or why nothing was committed.
    fn answer(self: Box<Self>, committed: &Result<()>);
}

/// A write as a function. Its caller gets it back with the result: what it holds
/// was made by the caller's thread and is best dropped there, not by the writer.
pub(crate) struct QueuedTask<T, F> {
    work: F,
    result: Result<T>,
    reply: oneshot::Sender<(Result<T>, F)>,
}

impl<T, F> QueuedTask<T, F> {
    pub(crate) fn new(work: F, reply: oneshot::Sender<(Result<T>, F)>) -> Self {
        let not_run = Err(StoreError::Unavailable("the write was not reached".to_owned()));
        Self { work, result: not_run, reply }
    }
}

impl<T, F> Task for QueuedTask<T, F>
where
    T: Send,
    F: Fn(&mut WriteContext<'_>) -> Result<T> + Send,
{
    fn run(&mut self, context: &mut WriteContext<'_>) -> Result<()> {
        // A caller's function renders the answer inside the write; if it panics,
        // that write fails and the writer lives on.
        self.result = catch_unwind(AssertUnwindSafe(|| (self.work)(context)))
            .unwrap_or_else(|_| Err(StoreError::Corrupt("a write panicked".to_owned())));
        self.result.as_ref().map(|_| ()).map_err(StoreError::clone)
    }

    fn answer(self: Box<Self>, committed: &Result<()>) {
        let result = match committed {
            Ok(()) => self.result,
            Err(error) => Err(error.clone()),
        };
        // A caller that left meanwhile needs no answer; its write stands.
        let _ = self.reply.send((result, self.work));
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
    /// An empty one with room for as many: under a steady load the next batch is
    /// as large as this one, and those who add to it hold the queue's lock.
    pub(crate) fn with_room_like(other: &Self) -> Self {
        Self {
            clicks: Vec::with_capacity(other.clicks.len()),
            tasks: Vec::with_capacity(other.tasks.len()),
            refused: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.clicks.len() + self.tasks.len()
    }

    /// The clicks that were written, taken out: their callers only wait for a word.
    fn take_clicks(&mut self) -> impl Iterator<Item = Click> {
        let mut refused = self.refused.iter().map(|(position, _)| *position).peekable();
        self.clicks
            .iter_mut()
            .enumerate()
            .filter(move |(position, _)| refused.next_if_eq(position).is_none())
            .flat_map(|(_, queued)| std::mem::take(&mut queued.clicks.clicks))
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
pub(crate) fn commit(connection: &Connection, memory: &mut Memory, batch: &mut Batch) -> Result<()> {
    let result = run(connection, memory, batch);
    match &result {
        Ok(()) => memory.committed(batch.take_clicks()),
        Err(_) => {
            memory.forget_transaction();
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

fn run(connection: &Connection, memory: &mut Memory, batch: &mut Batch) -> Result<()> {
    statement(connection, "BEGIN IMMEDIATE")?;
    if run_together(connection, memory, batch)? == Together::Failed {
        statement(connection, "ROLLBACK")?;
        memory.forget_transaction();
        statement(connection, "BEGIN IMMEDIATE")?;
        run_each(connection, memory, batch)?;
    }
    memory.finish(connection)?;
    statement(connection, "COMMIT")
}

fn statement(connection: &Connection, sql: &str) -> Result<()> {
    connection.prepare_cached(sql).and_then(|mut s| s.execute([])).map_err(from_sqlite)?;
    Ok(())
}

/// How writes went that stand and fall together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Together {
    /// Each is whole, or has changed nothing.
    Stand,
    /// One of them has left a part of itself.
    Failed,
}

/// Tells of caps that clicks fill.
fn tell_click_caps(connection: &Connection, memory: &mut Memory, clicks: &ClickBatch) -> Result<()> {
    if clicks.caps_told.is_empty() {
        return Ok(());
    }
    tell_caps(&mut WriteContext { connection, statements: connection, memory }, &clicks.caps_told, None)
}

/// Runs all writes without savepoints. The error is one that ended the
/// transaction.
fn run_together(connection: &Connection, memory: &mut Memory, batch: &mut Batch) -> Result<Together> {
    if !batch.clicks.is_empty() {
        match insert_clicks(connection, memory, batch.clicks.iter().map(|queued| &queued.clicks)) {
            Ok(()) => {}
            // An id given twice.
            Err(error) if is_constraint(&error) => return Ok(Together::Failed),
            Err(error) => return Err(from_sqlite(error)),
        }
        for queued in &batch.clicks {
            if tell_click_caps(connection, memory, &queued.clicks).is_err() {
                return Ok(Together::Failed);
            }
        }
    }
    let statements = &HeldStatements::new(connection);
    for task in &mut batch.tasks {
        let before = (connection.total_changes(), memory.mark());
        // The task keeps its own failure.
        if let Err(error) = task.run(&mut WriteContext { connection, statements, memory }) {
            if connection.is_autocommit() {
                return Err(error);
            }
            if connection.total_changes() != before.0 {
                return Ok(Together::Failed);
            }
            memory.forget_since(before.1);
        }
    }
    Ok(Together::Stand)
}

/// Runs each write in a savepoint of its own.
fn run_each(connection: &Connection, memory: &mut Memory, batch: &mut Batch) -> Result<()> {
    insert_each(connection, memory, batch)?;
    for task in &mut batch.tasks {
        // The task keeps its own failure; only one that ended the transaction counts here.
        let _ = in_savepoint(connection, memory, |memory| {
            task.run(&mut WriteContext { connection, statements: connection, memory })
        })?;
    }
    Ok(())
}

fn insert_each(connection: &Connection, memory: &mut Memory, batch: &mut Batch) -> Result<()> {
    for (position, queued) in batch.clicks.iter().enumerate() {
        let inserted = in_savepoint(connection, memory, |memory| {
            insert_clicks(connection, memory, std::iter::once(&queued.clicks)).map_err(from_sqlite)?;
            tell_click_caps(connection, memory, &queued.clicks)
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
pub(crate) fn in_savepoint(
    connection: &Connection,
    memory: &mut Memory,
    write: impl FnOnce(&mut Memory) -> Result<()>,
) -> Result<Result<()>> {
    let mark = memory.mark();
    statement(connection, "SAVEPOINT one")?;
    let written = write(memory);
    if let Err(error) = &written {
        if connection.is_autocommit() {
            return Err(error.clone());
        }
        memory.forget_since(mark);
        statement(connection, "ROLLBACK TO one")?;
    }
    statement(connection, "RELEASE one")?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{SqliteOptions, open_writer};
    use crumb_domain::charge::{Charge, Party, Priced};
    use crumb_domain::time::Day;
    use crumb_domain::{AffiliateId, CampaignId, Money};
    use crumb_storage::contract::build::{self, NOW, Rows, click};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A write of a row, which then fails if its name says so.
    fn task(
        batch: &mut Batch,
        name: &'static str,
        runs: &Arc<AtomicUsize>,
    ) -> impl FnOnce() -> Result<()> + use<> {
        let (reply, mut result) = oneshot::channel();
        let runs = Arc::clone(runs);
        let work = move |context: &mut WriteContext<'_>| {
            runs.fetch_add(1, Ordering::Relaxed);
            if name == "refuses" {
                return Err(StoreError::Conflict);
            }
            let row = "INSERT INTO rejection_not_kept (problem, n) VALUES (?1, 1)";
            context.connection.execute(row, [name]).map_err(from_sqlite)?;
            if name == "fails" { Err(StoreError::Conflict) } else { Ok(()) }
        };
        batch.tasks.push(Box::new(QueuedTask::new(work, reply)));
        move || result.try_recv().unwrap().0
    }

    fn run_batch(names: &[&'static str]) -> (Vec<bool>, Vec<String>, usize) {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_writer(&folder.path().join("crumb.db"), &SqliteOptions::default()).unwrap();
        let (mut batch, runs) = (Batch::default(), Arc::new(AtomicUsize::new(0)));
        let results: Vec<_> = names.iter().map(|name| task(&mut batch, name, &runs)).collect();
        let committed = commit(&connection, &mut Memory::default(), &mut batch);
        batch.answer(&committed);
        let done = results.into_iter().map(|result| result().is_ok()).collect();
        let mut rows = connection.prepare("SELECT problem FROM rejection_not_kept ORDER BY problem").unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap();
        (done, rows, runs.load(Ordering::Relaxed))
    }

    #[test]
    fn a_write_that_fails_halfway_leaves_nothing_and_harms_no_neighbour() {
        let (done, rows, _) = run_batch(&["before", "fails", "refuses", "after"]);
        assert_eq!(done, [true, false, false, true]);
        assert_eq!(rows, ["after", "before"]);
    }

    #[test]
    fn a_write_that_refuses_before_it_changes_anything_has_nobody_begin_again() {
        let (done, rows, runs) = run_batch(&["before", "refuses", "after"]);
        assert_eq!((done, runs), (vec![true, false, true], 3));
        assert_eq!(rows, ["after", "before"]);
    }

    #[test]
    fn what_is_charged_for_is_charged_once_where_the_batch_is_begun_again() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_writer(&folder.path().join("crumb.db"), &SqliteOptions::default()).unwrap();
        let (mut batch, runs) = (Batch::default(), Arc::new(AtomicUsize::new(0)));
        let charge = Charge {
            campaign: CampaignId(57),
            party: Party::Affiliate(AffiliateId(12)),
            priced: Priced::Click,
            price: Money::from_micros(7),
            at: NOW,
            day: Day(1),
        };
        let clicks =
            ClickBatch { charges: vec![charge], ..build::batch(vec![click(Rows::new().next_row())]) };
        batch.clicks.push(QueuedClicks { clicks, reply: oneshot::channel().0 });
        let failed = task(&mut batch, "fails", &runs);
        let (reply, mut kept) = oneshot::channel();
        let add = move |context: &mut WriteContext<'_>| {
            context.memory.charges.add(&[charge]);
            Ok(())
        };
        batch.tasks.insert(0, Box::new(QueuedTask::new(add, reply)));
        let committed = commit(&connection, &mut Memory::default(), &mut batch);
        batch.answer(&committed);
        assert!(failed().is_err() && kept.try_recv().unwrap().0.is_ok());
        let sum = "SELECT sum(count), sum(amount) FROM ledger";
        let sum = connection.query_row(sum, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(sum, (2, 14));
    }
}
