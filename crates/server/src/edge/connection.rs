//! One connection's clock: how long a head may take, and how long nothing.

use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// A request's head must arrive within this time of its first byte.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A new connection must bring its first byte within this time: whoever opens many
/// and asks nothing is to hold them no longer than one who asks slowly.
pub const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which nothing more is asked is closed after this time.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// A client that takes no byte of its answer for this time is given up.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a connection is doing; shared between its stream, which keeps the time,
/// and its service, which knows when a request begins and ends.
#[derive(Debug, Clone, Default)]
pub struct Phase(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    phase: AtomicU8,
    /// Of the next request something has come already.
    next_has_begun: AtomicBool,
    /// Requests that have begun.
    begun: AtomicU32,
    /// Bytes of the last one's body.
    body_bytes: AtomicU64,
    /// The fragment of a target, and of which request it is.
    fragment: Mutex<Option<(u32, Vec<u8>)>>,
}

/// The `#` of a request's target and what follows it, where the client sent that. The
/// parser drops it, so it comes beside the request.
#[derive(Debug, Clone)]
pub struct Fragment(pub Vec<u8>);

/// A body whose length is not known before its end.
const UNKNOWN_LENGTH: u64 = u64::MAX;

const _: () = assert!(
    HEAD_TIMEOUT.as_nanos() <= FIRST_BYTE_TIMEOUT.as_nanos()
        && HEAD_TIMEOUT.as_nanos() <= IDLE_TIMEOUT.as_nanos(),
    "see Alarm"
);

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;

impl Phase {
    /// A request's head has arrived, and its body has so many bytes, where that is
    /// known: the handler keeps the time now.
    pub fn begin(&self, body_bytes: Option<u64>) {
        self.0.body_bytes.store(body_bytes.unwrap_or(UNKNOWN_LENGTH), Ordering::Relaxed);
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        self.0.next_has_begun.store(false, Ordering::Relaxed);
        self.set(BUSY);
    }

    /// Keeps the fragment of a request that has not begun.
    pub fn keep_fragment(&self, request: u32, fragment: Vec<u8>) {
        *self.0.fragment.lock().unwrap_or_else(PoisonError::into_inner) = Some((request, fragment));
    }

    /// The fragment of the request that began last.
    pub fn fragment(&self) -> Option<Fragment> {
        let kept = self.0.fragment.lock().unwrap_or_else(PoisonError::into_inner).take();
        let begun = self.0.begun.load(Ordering::Relaxed);
        kept.filter(|(request, _)| *request == begun).map(|(_, fragment)| Fragment(fragment))
    }

    /// Part of a head was handed on that came together with what is before it: from the
    /// end of the request under way on it has its time, as if it came then.
    pub fn next_has_begun(&self) {
        self.0.next_has_begun.store(true, Ordering::Relaxed);
        if self.get() == IDLE {
            self.set(HEAD);
        }
    }

    /// The answer is on its way.
    pub fn end(&self) {
        self.set(if self.0.next_has_begun.load(Ordering::Relaxed) { HEAD } else { IDLE });
    }

    /// How many requests have begun, and the length of the last one's body.
    pub fn begun(&self) -> (u32, Option<u64>) {
        let body_bytes = self.0.body_bytes.load(Ordering::Relaxed);
        (self.0.begun.load(Ordering::Relaxed), Some(body_bytes).filter(|bytes| *bytes != UNKNOWN_LENGTH))
    }

    fn get(&self) -> u8 {
        self.0.phase.load(Ordering::Relaxed)
    }

    fn set(&self, phase: u8) {
        self.0.phase.store(phase, Ordering::Relaxed);
    }
}

/// A stream that fails once the connection's time is up.
pub struct TimedStream<T> {
    stream: T,
    phase: Phase,
    /// The phase for which `read_by` was set, and after how many requests.
    timed: (u8, u32),
    read_by: Instant,
    alarm: Alarm,
    /// Set while the client takes nothing of its answer.
    write_by: Option<Pin<Box<Sleep>>>,
}

impl<T> TimedStream<T> {
    /// Times a stream that has just been accepted.
    #[expect(clippy::disallowed_methods, reason = "this is an edge that measures")]
    pub fn new(stream: T, phase: Phase) -> Self {
        let now = Instant::now();
        let read_by = now + FIRST_BYTE_TIMEOUT;
        Self { stream, phase, timed: (IDLE, 0), read_by, alarm: Alarm::new(now), write_by: None }
    }

    /// Nothing came; whether that has lasted too long.
    #[expect(clippy::disallowed_methods, reason = "this is an edge that measures")]
    fn poll_read_time(&mut self, phase: u8, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (now, timed) = (Instant::now(), (phase, self.phase.begun().0));
        if self.timed != timed {
            let timeout = if phase == IDLE { IDLE_TIMEOUT } else { HEAD_TIMEOUT };
            (self.timed, self.read_by) = (timed, now + timeout);
        }
        ready!(self.alarm.poll(self.read_by, now, cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// What a write answers: as the stream says, or an error once it has made no
    /// progress for too long.
    fn within_write_time<R>(
        &mut self,
        polled: Poll<io::Result<R>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<R>> {
        if polled.is_ready() {
            self.write_by = None;
            return polled;
        }
        let timer = self.write_by.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_TIMEOUT)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

/// Wakes who waits for something to come, now and then, to see whether it has taken too long.
///
/// A timer that is set anew for each request costs a lock that all connections share, and the
/// memory of the timer at a time when nothing else asks for it. This one rings once in
/// [`HEAD_TIMEOUT`], or at an end that comes before. No time is shorter than that, so it rings
/// before the end of each, whenever that begins.
struct Alarm {
    timer: Pin<Box<Sleep>>,
    rings: Instant,
    /// Whom it wakes; nobody before it was first set.
    wakes: Option<Waker>,
}

impl Alarm {
    fn new(now: Instant) -> Self {
        Self { timer: Box::pin(tokio::time::sleep_until(now)), rings: now, wakes: None }
    }

    /// Ready once it is `end`, which was [`HEAD_TIMEOUT`] away, or more, when it was set.
    #[expect(clippy::disallowed_methods, reason = "this is an edge that measures")]
    fn poll(&mut self, end: Instant, mut now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        while now < end {
            if now >= self.rings {
                self.rings = end.min(now + HEAD_TIMEOUT);
                self.timer.as_mut().reset(self.rings);
                self.wakes = None;
            }
            if self.wakes.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            // Where the task's budget is spent, a poll registers nobody, and looks no different.
            let timer = tokio::task::coop::unconstrained(self.timer.as_mut());
            if pin!(timer).poll(cx).is_pending() {
                self.wakes = Some(cx.waker().clone());
                return Poll::Pending;
            }
            now = Instant::now();
        }
        Poll::Ready(())
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for TimedStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        let phase = this.phase.get();
        if polled.is_ready() {
            if phase == IDLE && buf.filled().len() > before {
                this.phase.set(HEAD);
            }
            return polled;
        }
        if phase == BUSY {
            return Poll::Pending;
        }
        this.poll_read_time(phase, cx)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for TimedStream<T> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    /// Bytes that the pipe between client and server holds.
    const PIPE: usize = 64;

    fn connection() -> (DuplexStream, TimedStream<DuplexStream>, Phase) {
        let (client, server) = tokio::io::duplex(PIPE);
        let phase = Phase::default();
        (client, TimedStream::new(server, phase.clone()), phase)
    }

    /// Reads until the connection fails, and tells after how many seconds it did.
    #[expect(clippy::disallowed_methods, reason = "a test with a paused clock")]
    async fn seconds_until_closed(server: &mut (impl AsyncRead + Unpin)) -> u64 {
        let began = Instant::now();
        let mut bytes = [0; 16];
        loop {
            let read = tokio::time::timeout(Duration::from_secs(1_000), server.read(&mut bytes));
            match read.await.expect("it is closed at all") {
                Ok(0) => panic!("the client closed the connection"),
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                    return began.elapsed().as_secs();
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_brings_nothing_is_closed_after_10_seconds() {
        let (_client, mut server, _) = connection();
        assert_eq!(seconds_until_closed(&mut server).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_on_which_is_asked_now_and_then_lives_on() {
        let (mut client, mut server, phase) = connection();
        for seconds in [5, 70, 74, 1, 40] {
            let asked = async {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                client.write_all(b"GET / HTTP/1.1").await.unwrap();
            };
            let mut bytes = [0; 14];
            let (read, ()) = tokio::join!(server.read_exact(&mut bytes), asked);
            assert_eq!(read.unwrap(), bytes.len());
            phase.begin(Some(0));
            phase.end();
        }
        assert_eq!(seconds_until_closed(&mut server).await, 75);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_asks_for_its_time_now_and_then_and_not_for_each_request() {
        let (mut client, mut server, phase) = connection();
        let mut rang = std::collections::HashSet::new();
        for _ in 0..100 {
            let asked = async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                client.write_all(b"GET / HTTP/1.1").await.unwrap();
            };
            let mut bytes = [0; 14];
            let (read, ()) = tokio::join!(server.read_exact(&mut bytes), asked);
            assert_eq!(read.unwrap(), bytes.len());
            phase.begin(Some(0));
            phase.end();
            rang.insert(server.alarm.rings);
        }
        assert!((3..=5).contains(&rang.len()), "in 30 seconds: {}", rang.len());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_at_last_is_the_one_who_is_woken() {
        let (_client, mut server, _) = connection();
        let mut byte = [0];
        // Looked at once by somebody who goes away.
        let gone = Waker::noop();
        let mut buf = ReadBuf::new(&mut byte);
        let polled = Pin::new(&mut server).poll_read(&mut Context::from_waker(gone), &mut buf);
        assert!(polled.is_pending());
        assert_eq!(seconds_until_closed(&mut server).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_woken_also_after_a_turn_that_did_as_much_as_a_task_may() {
        let (_client, mut server, _) = connection();
        // In a task of its own, which polls nothing after that in the same turn.
        let closed = tokio::spawn(async move {
            poll_fn(|cx| {
                while tokio::task::coop::has_budget_remaining() {
                    let _ = pin!(tokio::task::coop::consume_budget()).poll(cx);
                }
                let mut byte = [0];
                let polled = Pin::new(&mut server).poll_read(cx, &mut ReadBuf::new(&mut byte));
                assert!(polled.is_pending());
                Poll::Ready(())
            })
            .await;
            server.read(&mut [0]).await
        });
        let closed = tokio::time::timeout(Duration::from_secs(1_000), closed);
        let error = closed.await.expect("it is closed at all").unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_that_rang_while_a_request_was_under_way_is_set_again_after_it() {
        let (mut client, mut server, phase) = connection();
        let mut bytes = [0; 14];
        let nothing = tokio::time::timeout(Duration::from_secs(1), server.read(&mut bytes)).await;
        assert!(nothing.is_err(), "it waits for the first byte");
        client.write_all(b"GET / HTTP/1.1").await.unwrap();
        server.read_exact(&mut bytes).await.unwrap();
        phase.begin(Some(0));
        let handled = tokio::time::timeout(Duration::from_secs(25), server.read(&mut bytes)).await;
        assert!(handled.is_err(), "it waits as long as the handler does");
        phase.end();
        assert_eq!(seconds_until_closed(&mut server).await, 75);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_is_not_whole_after_10_seconds_is_given_up_however_it_trickles() {
        let (mut client, mut server, _) = connection();
        let trickle = async {
            for _ in 0..60 {
                client.write_all(b"G").await.unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let seconds = tokio::select! {
            seconds = seconds_until_closed(&mut server) => seconds,
            () = trickle => 0,
        };
        assert_eq!(seconds, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_may_begin_at_any_time_of_an_idle_connection() {
        let (mut client, mut server, phase) = connection();
        phase.begin(Some(0));
        let handled = tokio::time::timeout(Duration::from_secs(1), server.read(&mut [0])).await;
        assert!(handled.is_err(), "it waits as long as the handler does");
        phase.end();
        let late = async {
            tokio::time::sleep(Duration::from_secs(70)).await;
            client.write_all(b"GET").await.unwrap();
            std::future::pending::<()>().await;
        };
        let seconds = tokio::select! {
            seconds = seconds_until_closed(&mut server) => seconds,
            () = late => 0,
        };
        assert_eq!(seconds, 80);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_under_way_is_not_timed_here_and_after_it_the_connection_is_idle_again() {
        let (mut client, mut server, phase) = connection();
        client.write_all(b"GET / HTTP/1.1").await.unwrap();
        let mut bytes = [0; 14];
        server.read_exact(&mut bytes).await.unwrap();
        phase.begin(Some(0));
        let waits = tokio::time::timeout(Duration::from_secs(3_600), server.read(&mut bytes)).await;
        assert!(waits.is_err(), "it waits as long as the handler does");
        phase.end();
        assert_eq!(seconds_until_closed(&mut server).await, 75);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_began_behind_another_request_has_10_seconds_from_that_ones_end() {
        use crate::edge::lenient::LenientStream;
        let (mut client, server, phase) = connection();
        let mut server = LenientStream::new(server, phase.clone());
        let request = b"GET / HTTP/1.1\r\n\r\n";
        client.write_all(&[&request[..], b"GET /?a"].concat()).await.unwrap();
        let mut bytes = [0; PIPE];
        let read = server.read(&mut bytes).await.unwrap();
        assert_eq!(&bytes[..read], request);
        phase.begin(Some(0));
        tokio::time::sleep(Duration::from_secs(5)).await;
        phase.end();
        assert_eq!(server.read(&mut bytes).await.unwrap(), "GET /?a".len());
        assert_eq!(seconds_until_closed(&mut server).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_began_while_another_request_was_under_way_has_10_seconds_from_that_ones_end() {
        use crate::edge::lenient::LenientStream;
        let (mut client, server, phase) = connection();
        let mut server = LenientStream::new(server, phase.clone());
        let mut bytes = [0; PIPE];
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert!(server.read(&mut bytes).await.unwrap() > 0);
        phase.begin(Some(0));
        client.write_all(b"GET /?a").await.unwrap();
        assert_eq!(server.read(&mut bytes).await.unwrap(), "GET /?a".len());
        tokio::time::sleep(Duration::from_secs(5)).await;
        phase.end();
        assert_eq!(seconds_until_closed(&mut server).await, 10);
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "a test with a paused clock")]
    async fn a_client_that_takes_nothing_of_its_answer_is_given_up_after_30_seconds() {
        let (mut client, mut server, phase) = connection();
        phase.begin(Some(0));
        server.write_all(&[0; PIPE]).await.unwrap();
        let began = Instant::now();
        let slow = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            client.read_exact(&mut [0; PIPE]).await.unwrap();
            std::future::pending::<()>().await;
        };
        let written = tokio::select! {
            written = server.write_all(&[0; 3 * PIPE]) => written,
            () = slow => Ok(()),
        };
        assert_eq!(written.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
        assert_eq!(began.elapsed().as_secs(), 50);
    }
}
