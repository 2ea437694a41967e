//! A connection whose requests are made readable on their way in; see [`Heads`].

use super::connection::Phase;
use super::target::Heads;
use bytes::{Buf as _, BytesMut};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that hands out at most one head at a time, its target made readable.
///
/// It keeps what one read of the connection brought, and no more.
pub struct LenientStream<T> {
    stream: T,
    phase: Phase,
    heads: Heads,
    /// Read, and not looked at yet.
    ahead: BytesMut,
    /// Rewritten, and not handed out yet.
    rewritten: BytesMut,
}

impl<T: AsyncRead + Unpin> LenientStream<T> {
    /// A stream on which no request has begun; its service tells by `phase` of those
    /// that do.
    pub fn new(stream: T, phase: Phase) -> Self {
        let (ahead, rewritten) = (BytesMut::new(), BytesMut::new());
        Self { stream, phase, heads: Heads::new(), ahead, rewritten }
    }

    /// Before the head is handed out whose it is: its service asks for it.
    fn tell_fragment(&mut self) {
        if let Some((head, fragment)) = self.heads.take_fragment() {
            self.phase.keep_fragment(head, fragment);
        }
    }

    /// Hands out of what was read, if anything of it can be.
    fn hand_out(&mut self, buf: &mut ReadBuf<'_>) {
        if self.rewritten.is_empty() && !self.ahead.is_empty() {
            let room = self.ahead.len().min(buf.remaining());
            let passed = self.heads.pass(&self.ahead[..room]);
            self.tell_fragment();
            match passed.rewritten {
                Some(rewritten) => self.rewritten.extend_from_slice(&rewritten),
                None => buf.put_slice(&self.ahead[..passed.taken]),
            }
            self.ahead.advance(passed.taken);
        }
        let room = self.rewritten.len().min(buf.remaining());
        buf.put_slice(&self.rewritten.split_to(room));
        if self.heads.is_within_head() {
            self.phase.next_has_begun();
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for LenientStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        if this.rewritten.is_empty() {
            let (begun, body_bytes) = this.phase.begun();
            this.heads.hear(begun, body_bytes);
        }
        loop {
            this.hand_out(buf);
            if buf.filled().len() > before || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if !this.ahead.is_empty() {
                // All that there was room for has been forgotten.
                continue;
            }
            ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
            let read = buf.filled().get(before..).unwrap_or_default();
            if read.is_empty() || this.heads.is_over() {
                return Poll::Ready(Ok(()));
            }
            let passed = this.heads.pass(read);
            if this.heads.is_within_head() {
                this.phase.next_has_begun();
            }
            this.tell_fragment();
            this.ahead.extend_from_slice(read.get(passed.taken..).unwrap_or_default());
            match passed.rewritten {
                Some(rewritten) => {
                    this.rewritten.extend_from_slice(&rewritten);
                    buf.set_filled(before);
                }
                None => buf.set_filled(before + passed.taken),
            }
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for LenientStream<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
