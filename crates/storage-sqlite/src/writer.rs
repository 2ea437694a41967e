//! The one writer: a thread that takes whatever has gathered, commits it as one
//! transaction, and only then answers each caller.
//!
//! No lingering: while one commit waits for the disk, the next batch gathers, so
//! that batches are as large as the load asks for and a lone write waits for
//! nobody. What one fsync costs is shared by all writes of its batch.

use crate::batch::{self, Batch, QueuedClicks, QueuedTask, Task, WriteContext};
use crate::checkpoint::Checkpoints;
use crate::clicks::sessions::Sessions;
use crate::connection::{SqliteOptions, open_writer};
use crate::leads::recent::RecentLeads;
use crate::memory::Memory;
use crate::presence::Presence;
use crumb_storage::alerts::AlertToldFn;
use crumb_storage::clicks::ClickBatch;
use crumb_storage::{Result, StoreError};
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{Notify, oneshot, watch};

/// Writes that may wait. At 20,000 a second this is half a second's worth: more
/// would only turn an overload into timeouts.
pub const MAX_QUEUED_WRITES: usize = 10_000;

#[derive(Default)]
struct Waiting {
    batch: Batch,
    /// The writer sleeps: whoever adds a write wakes it. Kept here because waking
    /// costs a system call even where nobody sleeps.
    idle: bool,
    closed: bool,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, put: impl FnOnce(&mut Batch)) -> Result<()> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(closed());
        }
        if waiting.batch.len() >= MAX_QUEUED_WRITES {
            return Err(StoreError::Overloaded(MAX_QUEUED_WRITES));
        }
        put(&mut waiting.batch);
        let wake = std::mem::take(&mut waiting.idle);
        drop(waiting);
        if wake {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// All that has gathered; `None` once the queue is closed and empty.
    fn take(&self) -> Option<Batch> {
        let mut waiting = self.lock();
        loop {
            if waiting.batch.len() > 0 {
                let next = Batch::with_room_like(&waiting.batch);
                return Some(std::mem::replace(&mut waiting.batch, next));
            }
            if waiting.closed {
                return None;
            }
            waiting.idle = true;
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            waiting.idle = false;
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// The writing thread of a store, as its callers see it.
pub(crate) struct Writer {
    queue: Arc<Queue>,
    recent_leads: Arc<RecentLeads>,
    sessions: Arc<Sessions>,
    outbox_bell: Arc<Notify>,
    alerts_told: Arc<OnceLock<AlertToldFn>>,
    thread: Option<JoinHandle<()>>,
    /// Its sender lives as long as the thread, and says nothing.
    alive: watch::Receiver<()>,
}

impl Writer {
    /// Opens the file and starts the thread.
    pub(crate) fn start(path: &Path, options: &SqliteOptions) -> Result<Self> {
        let mut connection = open_writer(path, options)?;
        let memory = Memory::load(&connection, options)?;
        let (recent_leads, sessions) = (memory.recent.known(), Arc::clone(&memory.sessions));
        let outbox_bell = memory.outbox.rings();
        let alerts_told = Arc::clone(&memory.alerts_told);
        let checkpoints = Checkpoints::start(path, options, &mut connection)?;
        let presence = Presence::of(path)?;
        let queue = Arc::new(Queue::default());
        let (living, alive) = watch::channel(());
        let thread = std::thread::Builder::new()
            .name("write".to_owned())
            .spawn({
                let queue = Arc::clone(&queue);
                move || {
                    let _living = living;
                    write_all(&queue, &connection, &presence, memory, checkpoints);
                }
            })
            .map_err(|error| StoreError::Unavailable(format!("no thread to write with: {error}")))?;
        Ok(Self { queue, recent_leads, sessions, outbox_bell, alerts_told, thread: Some(thread), alive })
    }

    /// No thread: for a file that is only read. Whoever wants to write is told that the
    /// store is closed.
    pub(crate) fn none(connection: &Connection, options: &SqliteOptions) -> Result<Self> {
        let memory = Memory::load(connection, options)?;
        let queue = Arc::new(Queue::default());
        queue.lock().closed = true;
        let (recent_leads, sessions) = (memory.recent.known(), Arc::clone(&memory.sessions));
        let outbox_bell = memory.outbox.rings();
        let alerts_told = Arc::clone(&memory.alerts_told);
        Ok(Self {
            queue,
            recent_leads,
            sessions,
            outbox_bell,
            alerts_told,
            thread: None,
            alive: watch::channel(()).1,
        })
    }

    /// Ends when the thread has ended.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut alive = self.alive.clone();
        async move { while alive.changed().await.is_ok() {} }
    }

    /// The recent leads, as readers look them up.
    pub(crate) fn recent_leads(&self) -> &RecentLeads {
        &self.recent_leads
    }

    /// Rings when deliveries were written.
    pub(crate) fn outbox_bell(&self) -> &Notify {
        &self.outbox_bell
    }

    /// Who is told of new alerts, once somebody says so.
    pub(crate) fn alerts_told(&self) -> &OnceLock<AlertToldFn> {
        &self.alerts_told
    }

    /// The sessions that are found without the file.
    pub(crate) fn sessions(&self) -> Arc<Sessions> {
        Arc::clone(&self.sessions)
    }

    /// Writes the clicks of one request.
    pub(crate) async fn clicks(&self, clicks: ClickBatch) -> Result<()> {
        let (reply, result) = oneshot::channel();
        self.queue.add(|batch| batch.clicks.push(QueuedClicks { clicks, reply }))?;
        result.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Runs any other write, whole or not at all, with those of its batch before it
    /// in sight. It may be run twice, where a neighbour fails; then all that it did
    /// the first time was taken back.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut WriteContext<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let task: Box<dyn Task> = Box::new(QueuedTask::new(work, reply));
        self.queue.add(|batch| batch.tasks.push(task))?;
        result.await.map_or_else(|_| Err(closed()), |(result, _work)| result)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // What was queued is committed first. A thread that panicked has
            // nothing left to give back.
            let _ = thread.join();
        }
    }
}

/// Ends the queue with its thread, however that ends: whoever waits in it or comes
/// later is told that the store is closed, and nobody waits for ever.
struct EndOf<'q>(&'q Queue);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.closed = true;
        let left = std::mem::take(&mut waiting.batch);
        drop(waiting);
        left.answer(&Err(closed()));
    }
}

fn write_all(
    queue: &Queue,
    connection: &Connection,
    presence: &Presence,
    mut memory: Memory,
    mut checkpoints: Checkpoints,
) {
    let _end = EndOf(queue);
    let mut failing = false;
    while let Some(mut batch) = queue.take() {
        let committed = presence
            .check()
            .and_then(|()| batch::commit(connection, &mut memory, &mut batch))
            .and_then(|()| presence.check());
        log_turn(&mut failing, &committed);
        batch.answer(&committed);
        memory.after_answers();
        checkpoints.after_commit(connection);
    }
}

/// Once when the store stops taking writes and once when it takes them again:
/// a line for each failed commit would help nobody.
fn log_turn(failing: &mut bool, committed: &Result<()>) {
    match committed {
        Err(error) if !*failing => {
            *failing = true;
            tracing::error!(%error, "the store cannot be written");
        }
        Ok(()) if *failing => {
            *failing = false;
            tracing::info!("the store can be written again");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot::error::TryRecvError;

    /// A write that ends the thread, as a fault of the program outside the writes would.
    struct Deadly;

    impl Task for Deadly {
        fn run(&mut self, _: &mut WriteContext<'_>) -> Result<()> {
            Ok(())
        }

        fn answer(self: Box<Self>, _: &Result<()>) {
            panic!("the thread ends");
        }
    }

    #[test]
    fn whoever_waits_for_a_writer_that_died_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::start(&folder.path().join("crumb.db"), &SqliteOptions::default()).unwrap();
        // One behind the deadly write in its own batch, and one that comes after the end.
        let (reply, mut behind) = oneshot::channel();
        let task = QueuedTask::new(|_: &mut WriteContext<'_>| Ok(()), reply);
        let put = |batch: &mut Batch| {
            batch.tasks.push(Box::new(Deadly));
            batch.tasks.push(Box::new(task));
        };
        writer.queue.add(put).unwrap();
        let ended = writer.ended();
        assert!(writer.thread.take().unwrap().join().is_err());

        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(ended);
        assert_eq!(behind.try_recv().err(), Some(TryRecvError::Closed), "read as: the store is closed");
        assert_eq!(writer.queue.add(|batch| batch.tasks.push(Box::new(Deadly))), Err(closed()));
    }

    #[test]
    fn what_still_waits_when_the_thread_ends_is_answered() {
        let queue = Queue::default();
        let (reply, mut result) = oneshot::channel();
        let task = QueuedTask::new(|_: &mut WriteContext<'_>| Ok(()), reply);
        queue.add(|batch| batch.tasks.push(Box::new(task))).unwrap();
        drop(EndOf(&queue));
        assert_eq!(result.try_recv().unwrap().0, Err(closed()));
    }
}
