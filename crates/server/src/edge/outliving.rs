//! Work that goes on although nobody waits for it any more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;

/// Work that runs where it is awaited. If that is dropped first, what is left of the
/// work goes on as a task of its own: a client that hangs up does not stop it, and one
/// that waits, as nearly all do, costs no task.
pub struct Outliving<F>(Option<Pin<Box<F>>>)
where
    F: Future<Output: Send> + Send + 'static;

/// The work panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it panicked")]
pub struct Panicked;

impl<F> Outliving<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    /// Work that has not begun.
    pub fn new(work: F) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<F> Future for Outliving<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Nobody polls it after its end.
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let ended = match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(_) => Err(Panicked),
        };
        self.0 = None;
        Poll::Ready(ended)
    }
}

impl<F> Drop for Outliving<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    fn drop(&mut self) {
        // Without a runtime the process ends, and all work with it.
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn work_that_is_dropped_halfway_goes_on_to_its_end() {
        let (begin, begun) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        let mut work = Box::pin(Outliving::new(async move {
            begun.await.unwrap();
            end.send("its end").unwrap();
        }));
        tokio::select! {
            biased;
            _ = &mut work => panic!("it waits"),
            () = std::future::ready(()) => {}
        }
        drop(work);
        begin.send(()).unwrap();
        assert_eq!(ended.await, Ok("its end"));
    }

    #[tokio::test]
    async fn work_that_is_awaited_gives_its_output_and_ends_once() {
        let polls = Arc::new(AtomicU32::new(0));
        let polled = Arc::clone(&polls);
        let work = Outliving::new(poll_fn(move |_| {
            polled.fetch_add(1, Ordering::Relaxed);
            Poll::Ready("its end")
        }));
        assert_eq!(work.await, Ok("its end"));
        // Whatever went on as a task would have its turn now.
        tokio::task::yield_now().await;
        assert_eq!(polls.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_panic_ends_the_work_and_not_who_waits_for_it() {
        let work = Outliving::new(async { assert!(std::env::args().count() == 0, "a fault of the program") });
        assert_eq!(work.await, Err(Panicked));
    }
}
