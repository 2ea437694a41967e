//! Threads that serve connections, each those that it was given.
//!
//! A connection stays with its thread: what is read and written for it stays in the memory that is
//! near one core, and nothing is locked to hand its work around. What goes on once it has ended (a
//! lead whose poster has left) stays there, too. What is no connection's affair runs on the
//! process's runtime.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Threads that serve until they are dropped; what they still serve then ends at once.
pub struct Threads(Vec<Serving>);

/// One of them.
struct Serving {
    runtime: Handle,
    connections: Arc<AtomicUsize>,
    /// Dropped first: it tells the thread to end.
    stop: Option<DropGuard>,
    thread: Option<JoinHandle<()>>,
}

/// A connection's place with a thread; given back when dropped.
pub(crate) struct Place {
    /// The thread's own, on which the connection is to be made and to run.
    pub(crate) runtime: Handle,
    connections: Arc<AtomicUsize>,
}

impl Threads {
    /// Starts as many as there are cores.
    ///
    /// # Errors
    /// Where the system has no thread or descriptor left.
    pub fn start() -> io::Result<Self> {
        Self::so_many(thread::available_parallelism().map_or(1, usize::from))
    }

    pub(crate) fn so_many(threads: usize) -> io::Result<Self> {
        (0..threads).map(Serving::start).collect::<io::Result<_>>().map(Self)
    }

    /// A place with the thread that has the fewest connections.
    pub(crate) fn place(&self) -> Option<Place> {
        let fewest = self.0.iter().min_by_key(|serving| serving.connections.load(Ordering::Relaxed))?;
        fewest.connections.fetch_add(1, Ordering::Relaxed);
        Some(Place { runtime: fewest.runtime.clone(), connections: Arc::clone(&fewest.connections) })
    }
}

impl Serving {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, stop) = (runtime.handle().clone(), CancellationToken::new());
        let stopped = stop.clone().cancelled_owned();
        let thread = thread::Builder::new().name(format!("serve-{number}")).spawn(move || {
            runtime.block_on(stopped);
            // What it serves ends here; what it has had looked up elsewhere is not waited for.
            runtime.shutdown_background();
        })?;
        let connections = Arc::default();
        Ok(Self { runtime: handle, connections, stop: Some(stop.drop_guard()), thread: Some(thread) })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // One that panicked serves nobody any more, either.
            let _ = thread.join();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    async fn name_of_thread(place: &Place) -> Option<String> {
        place.runtime.spawn(async { thread::current().name().map(str::to_owned) }).await.unwrap()
    }

    #[tokio::test]
    async fn who_has_fewest_is_given_the_next() {
        let threads = Threads::so_many(2).unwrap();
        let mut places = Vec::new();
        for expected in ["serve-0", "serve-1", "serve-0"] {
            let place = threads.place().unwrap();
            assert_eq!(name_of_thread(&place).await.as_deref(), Some(expected));
            places.push(place);
        }
        places.remove(0);
        places.remove(1);
        assert_eq!(name_of_thread(&threads.place().unwrap()).await.as_deref(), Some("serve-0"));
    }

    #[tokio::test]
    async fn what_is_still_served_ends_with_its_thread_before_that_is_gone() {
        let threads = Threads::so_many(1).unwrap();
        let (served, mut ended) = oneshot::channel::<()>();
        let (begin, begun) = oneshot::channel();
        threads.place().unwrap().runtime.spawn(async move {
            begin.send(()).unwrap();
            std::future::pending::<()>().await;
            drop(served);
        });
        begun.await.unwrap();
        drop(threads);
        assert_eq!(ended.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}
