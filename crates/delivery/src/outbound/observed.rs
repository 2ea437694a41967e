//! A stream that tells when a request began to leave and when it was handed over.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const SENDING: u8 = 1;
const HANDED_OVER: u8 = 2;

/// How much of a request has gone out.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent(Arc<AtomicU8>);

impl Sent {
    /// A byte of the request was handed to the connection. From here on the buyer
    /// may have it.
    pub(super) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire) >= SENDING
    }

    /// The whole request was handed to the connection.
    pub(super) fn is_handed_over(&self) -> bool {
        self.0.load(Ordering::Acquire) >= HANDED_OVER
    }
}

/// A stream, of which the first write and the flush after it are noted.
///
/// The note is made before the bytes are passed on: whatever becomes of that
/// write, they may have left.
pub(super) struct Observed<S> {
    stream: S,
    sent: Sent,
}

impl<S> Observed<S> {
    pub(super) fn new(stream: S) -> (Self, Sent) {
        let sent = Sent::default();
        (Self { stream, sent: sent.clone() }, sent)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Observed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.stream).poll_read(context, buffer)) {
            // Old servers close a TLS connection without saying so. As over plain TCP
            // that is an end; an answer of known length that is short stays broken.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            read => Poll::Ready(read),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Observed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !bytes.is_empty() {
            self.sent.0.fetch_max(SENDING, Ordering::AcqRel);
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        // The client flushes when its buffer is empty, and a request's head and body
        // go into the buffer together.
        if self.sent.has_begun() {
            self.sent.0.fetch_max(HANDED_OVER, Ordering::AcqRel);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    // Vectored writes are left to the default, which is one `poll_write` of the first
    // slice: requests are small, and one way out is easier to watch than two.
}
