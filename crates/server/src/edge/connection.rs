//! One connection's clock: how long a head may take, and how long nothing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// A request's head must arrive within this time of its first byte.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which nothing is asked is closed after this time.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// A client that takes no byte of its answer for this time is given up.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a connection is doing; shared between its stream, which keeps the time,
/// and its service, which knows when a request begins and ends.
#[derive(Debug, Clone, Default)]
pub struct Phase(Arc<AtomicU8>);

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;

impl Phase {
    /// A request's head has arrived: the handler keeps the time now.
    pub fn begin(&self) {
        self.0.store(BUSY, Ordering::Relaxed);
    }

    /// The answer is on its way.
    pub fn end(&self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }
}

/// A stream that fails once the connection's time is up.
pub struct TimedStream {
    stream: TcpStream,
    phase: Phase,
    /// The phase for which `read_by` was set.
    timed: u8,
    read_by: Pin<Box<Sleep>>,
    /// Set while the client takes nothing of its answer.
    write_by: Option<Pin<Box<Sleep>>>,
}

impl TimedStream {
    /// Times a stream that has just been accepted.
    pub fn new(stream: TcpStream, phase: Phase) -> Self {
        let read_by = Box::pin(tokio::time::sleep(IDLE_TIMEOUT));
        Self { stream, phase, timed: IDLE, read_by, write_by: None }
    }

    fn set_read_timer(&mut self, phase: u8, timeout: Duration) {
        self.timed = phase;
        self.read_by.as_mut().reset(Instant::now() + timeout);
    }

    /// What a write answers: as the stream says, or an error once it has made no
    /// progress for too long.
    fn within_write_time<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.write_by = None;
            return polled;
        }
        let timer = self.write_by.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_TIMEOUT)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        let phase = this.phase.0.load(Ordering::Relaxed);
        if polled.is_ready() {
            if phase == IDLE && buf.filled().len() > before {
                this.phase.0.store(HEAD, Ordering::Relaxed);
                this.set_read_timer(HEAD, HEAD_TIMEOUT);
            }
            return polled;
        }
        if phase == BUSY {
            this.timed = BUSY;
            return Poll::Pending;
        }
        if phase == IDLE && this.timed != IDLE {
            this.set_read_timer(IDLE, IDLE_TIMEOUT);
        }
        ready!(this.read_by.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.within_write_time(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.within_write_time(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.within_write_time(polled, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
