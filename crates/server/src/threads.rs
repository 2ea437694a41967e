//! Threads that serve connections, each those that it was given.
//!
//! A connection stays with its thread: what is read and written for it stays in the memory that is
//! near one core, and no other thread takes its work. What goes on once it has ended (a lead whose
//! poster has left) stays there, too. What is no connection's affair runs on the process's runtime.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// How often is looked whether anything is left to do.
const LOOK: Duration = Duration::from_millis(10);

/// Threads that serve until they are dropped, which waits for them to end; what they still serve
/// then ends at once.
pub struct Threads(Vec<Serving>);

/// One of them.
struct Serving {
    runtime: Handle,
    connections: Arc<AtomicUsize>,
    stop: CancellationToken,
    thread: JoinHandle<()>,
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
        // Begun with none, so that those which have started end where one cannot.
        let mut started = Self(Vec::new());
        for number in 0..threads {
            started.0.push(Serving::start(number)?);
        }
        Ok(started)
    }

    /// A place with the thread that has the fewest connections; none where no thread is left,
    /// which no fault of a connection brings about.
    pub(crate) fn place(&self) -> Option<Place> {
        let alive = self.0.iter().filter(|serving| !serving.thread.is_finished());
        let fewest = alive.min_by_key(|serving| serving.connections.load(Ordering::Relaxed))?;
        fewest.connections.fetch_add(1, Ordering::Relaxed);
        Some(Place { runtime: fewest.runtime.clone(), connections: Arc::clone(&fewest.connections) })
    }

    /// Returns once nothing is left to do for any connection, those that have ended among them,
    /// and the threads have ended.
    pub(crate) async fn end(self) {
        while self.0.iter().any(|serving| serving.runtime.metrics().num_alive_tasks() > 0) {
            tokio::time::sleep(LOOK).await;
        }
        // Elsewhere than on a thread that others wait for.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

impl Serving {
    fn start(number: usize) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let (told, made) = sync_channel(1);
        // Made where it is dropped: that must not be within another runtime.
        let serve = move || match Builder::new_current_thread().enable_all().build() {
            Err(error) => drop(told.send(Err(error))),
            Ok(runtime) => {
                let _ = told.send(Ok(runtime.handle().clone()));
                runtime.block_on(stopped);
                // What it serves ends here; what it has had looked up elsewhere is not waited for.
                runtime.shutdown_background();
            }
        };
        let thread = thread::Builder::new().name(format!("serve-{number}")).spawn(serve)?;
        let runtime = made.recv().unwrap_or_else(|gone| Err(io::Error::other(gone)))?;
        Ok(Self { runtime, connections: Arc::default(), stop, thread })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        for serving in &self.0 {
            serving.stop.cancel();
        }
        for serving in self.0.drain(..) {
            // One that panicked serves nobody any more, either.
            let _ = serving.thread.join();
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
    async fn they_end_once_nothing_is_left_to_do() {
        let threads = Threads::so_many(2).unwrap();
        let (go_on, told) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        let place = threads.place().unwrap();
        place.runtime.spawn(async move {
            told.await.unwrap();
            end.send("its end").unwrap();
        });
        // The connection has ended, what it began has not.
        drop(place);
        let mut ending = std::pin::pin!(threads.end());
        assert!(tokio::time::timeout(5 * LOOK, &mut ending).await.is_err(), "something is left");
        go_on.send(()).unwrap();
        ending.await;
        assert_eq!(ended.await, Ok("its end"));
    }

    #[tokio::test]
    async fn a_thread_that_is_gone_is_given_nothing() {
        let threads = Threads::so_many(2).unwrap();
        threads.0[0].stop.cancel();
        while !threads.0[0].thread.is_finished() {
            tokio::time::sleep(LOOK).await;
        }
        for _ in 0..3 {
            let place = threads.place().unwrap();
            assert_eq!(name_of_thread(&place).await.as_deref(), Some("serve-1"));
            std::mem::forget(place);
        }
        threads.0[1].stop.cancel();
        while !threads.0[1].thread.is_finished() {
            tokio::time::sleep(LOOK).await;
        }
        assert!(threads.place().is_none());
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
