//! Bodies that must arrive in time: a connection whose request is never whole would
//! otherwise hold its place for ever, and whoever has a key of the API could fill the
//! listener with them, which answers `/readyz` too.

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;

/// A request's body must arrive within this time of its head, as on the tracking listener.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A body that fails once its time is up.
struct InTime {
    body: Body,
    end: Pin<Box<Sleep>>,
}

/// The body, which fails unless it has arrived within [`BODY_TIMEOUT`] from now.
pub(crate) fn in_time(body: Body) -> Body {
    if body.is_end_stream() {
        return body;
    }
    Body::new(InTime { body, end: Box::pin(tokio::time::sleep(BODY_TIMEOUT)) })
}

impl HttpBody for InTime {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_ready() {
            return polled;
        }
        ready!(self.end.as_mut().poll(context));
        Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use tokio::time::{Instant, sleep};
    use tokio_stream::wrappers::ReceiverStream;

    /// A body of so many parts, a second between each and the next.
    fn trickling(parts: u32) -> Body {
        let (sender, parts_of) = tokio::sync::mpsc::channel::<io::Result<Bytes>>(1);
        tokio::spawn(async move {
            for _ in 0..parts {
                sleep(Duration::from_secs(1)).await;
                let _ = sender.send(Ok(Bytes::from_static(b"x"))).await;
            }
        });
        Body::from_stream(ReceiverStream::new(parts_of))
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "a test with a paused clock")]
    async fn a_body_must_arrive_within_30_seconds_however_it_trickles() {
        let whole = in_time(trickling(29)).collect().await.map(|body| body.to_bytes().len());
        assert_eq!(whole.ok(), Some(29));
        let began = Instant::now();
        assert!(in_time(trickling(1_000)).collect().await.is_err());
        assert_eq!(began.elapsed().as_secs(), 30);
    }
}
