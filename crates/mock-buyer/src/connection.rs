//! One client: its requests, and what is done with them.

use crate::answer::{Answer, Asked, Pace, Verdict};
use crate::behaviour::Behaviour;
use crate::catalogue::Fault;
use crate::request::{Length, ReadError, Reader, Request, RequestLine};
use crate::server::Shared;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long a connection may stay idle between requests.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a request may take to come, from its first byte on.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a behaviour may take, delays and a client's own slowness included.
const LONGEST: Duration = Duration::from_secs(2 * Behaviour::MAX_DELAY.as_secs());
/// How long, and how much, a client is listened to that is being told that its
/// request is too long: a connection closed on unread bytes loses the answer.
const LAST_WORDS: Duration = Duration::from_secs(1);
const LAST_WORDS_BYTES: u64 = 4 * 1_024 * 1_024;

/// In how many pieces a slow answer comes.
const PIECES: usize = 10;
/// How often an answer without end goes on.
const ENDLESS_TICK: Duration = Duration::from_millis(50);
const ENDLESS_TICKS_PER_SECOND: usize = 20;
/// What follows an answer that must be long.
const BLANKS: [u8; 16 * 1_024] = [b' '; 16 * 1_024];

/// Whether a connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Next,
    Close,
}

/// Serves a client until one of both closes the connection.
pub(crate) async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // Without it small answers wait for the client's acknowledgements.
    let _ = stream.set_nodelay(true);
    let mut connection = Connection { stream, reader: Reader::default(), shared, spoke: false };
    // A connection that breaks is its client's affair.
    while let Ok(Then::Next) = connection.exchange().await {}
}

struct Connection {
    stream: TcpStream,
    reader: Reader,
    shared: Arc<Shared>,
    /// Whether a byte has come on it.
    spoke: bool,
}

/// A request that is being read.
struct Arriving {
    line: RequestLine,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Connection {
    /// A request, and what is done with it.
    async fn exchange(&mut self) -> io::Result<Then> {
        match timeout(IDLE_TIMEOUT, self.reader.has_begun(&mut self.stream)).await {
            Ok(true) => {}
            Ok(false) | Err(_) => return Ok(Then::Close),
        }
        if !std::mem::replace(&mut self.spoke, true) {
            self.shared.records.saw(|seen| seen.silent -= 1);
        }
        let line = timeout(REQUEST_TIMEOUT, self.reader.request_line(&mut self.stream)).await;
        let line = match line.unwrap_or(Err(ReadError::Closed)) {
            Ok(line) => line,
            Err(error) => return self.refuse(error).await,
        };
        let decided = self.shared.decide(&line.path, &line.query);
        let mut arriving = Arriving { line, headers: Vec::new(), body: Vec::new() };
        if let Ok((delay, Behaviour::CutBefore)) = decided {
            self.keep(arriving, false, "reset before it was read".to_owned(), None);
            sleep(delay).await;
            // Dropping the socket now sends a reset, whatever has come meanwhile.
            self.stream.set_zero_linger()?;
            return Ok(Then::Close);
        }
        let read = timeout(REQUEST_TIMEOUT, self.read(&mut arriving)).await;
        if let Err(error) = read.unwrap_or(Err(ReadError::Closed)) {
            self.keep(arriving, false, error.to_string(), None);
            return self.refuse(error).await;
        }
        let done = async {
            match decided {
                Ok((delay, behaviour)) => self.act(arriving, delay, behaviour).await,
                Err(fault) => self.explain(arriving, &fault).await,
            }
        };
        timeout(LONGEST, done).await.unwrap_or(Ok(Then::Close))
    }

    async fn read(&mut self, arriving: &mut Arriving) -> Result<(), ReadError> {
        arriving.headers = self.reader.headers(&mut self.stream).await?;
        let length = Length::of(&arriving.headers)?;
        let expects = arriving.header_is("expect", "100-continue");
        if expects && self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_err() {
            return Err(ReadError::Closed);
        }
        self.reader.body(&mut self.stream, length, &mut arriving.body).await
    }

    async fn act(&mut self, arriving: Arriving, delay: Duration, behaviour: Behaviour) -> io::Result<Then> {
        match behaviour {
            Behaviour::Answer(answer) => {
                self.answer(arriving, delay, &answer, |asked| answer.made(asked)).await
            }
            Behaviour::Status { tells, id, mut answer } => {
                let unheard = if id.is_empty() { Verdict::Unknown } else { Verdict::Rejected };
                answer.verdict = tells.or_else(|| self.shared.records.made_of(&id)).unwrap_or(unheard);
                self.answer(arriving, delay, &answer, |_| None).await
            }
            Behaviour::Redirect { to, status } => {
                let reply = Reply::redirect(&to, status, &arriving);
                self.keep(arriving, true, told(delay, &format!("sent to {to}")), None);
                sleep(delay).await;
                self.send(reply).await
            }
            Behaviour::Malformed => {
                self.keep(arriving, true, told(delay, "answered with what is no HTTP"), None);
                sleep(delay).await;
                self.stream.write_all(b"Good day! We are not a web server.\r\n\r\n").await?;
                Ok(Then::Close)
            }
            Behaviour::CutAfter { made } => {
                self.keep(arriving, true, told(delay, "closed without an answer"), made);
                sleep(delay).await;
                Ok(Then::Close)
            }
            Behaviour::Stall { made } => {
                self.keep(arriving, true, "never answered".to_owned(), made);
                self.stall().await
            }
            // Settled before, and not to be gone round again.
            Behaviour::CutBefore | Behaviour::After { .. } | Behaviour::InTurn(_) => Ok(Then::Close),
        }
    }

    async fn answer(
        &mut self,
        arriving: Arriving,
        delay: Duration,
        answer: &Answer,
        made: impl FnOnce(&Asked<'_>) -> Option<Verdict>,
    ) -> io::Result<Then> {
        let target = arriving.line.target();
        let asked = Asked { target: &target, body: &arriving.body };
        let reply = Reply::of(answer, &asked, &arriving);
        let (said, made) = (told(delay, &answer.told(&asked)), made(&asked));
        self.keep(arriving, true, said, made);
        sleep(delay).await;
        self.send(reply).await
    }

    /// Keeps silent until the client has had enough.
    async fn stall(&mut self) -> io::Result<Then> {
        let mut ignored = [0; 1_024];
        let gone = async { while self.stream.read(&mut ignored).await.is_ok_and(|read| read > 0) {} };
        let _ = timeout(Behaviour::MAX_DELAY, gone).await;
        Ok(Then::Close)
    }

    /// Tells who asked nobody who there is, or what is wrong with a parameter.
    async fn explain(&mut self, arriving: Arriving, fault: &Fault) -> io::Result<Then> {
        let (status, text) = match fault {
            Fault::NoSuchBuyer => {
                let mut text = format!("{fault}; there are:\n");
                for listed in crate::catalogue::listed() {
                    let _ = writeln!(text, "{}", listed.target);
                }
                (404, text)
            }
            Fault::Parameter { .. } => (400, format!("{fault}\n")),
        };
        let answer = Answer::exactly("text/plain; charset=utf-8", &text).status(status);
        let reply = Reply::of(&answer, &Asked { target: "", body: &[] }, &arriving);
        self.keep(arriving, true, format!("{fault}, status {status}"), None);
        self.send(reply).await
    }

    /// Tells why a request was not read, where anybody is there to be told.
    async fn refuse(&mut self, error: ReadError) -> io::Result<Then> {
        let status = match error {
            ReadError::Closed => return Ok(Then::Close),
            ReadError::HeadTooLong => "431 Request Header Fields Too Large",
            ReadError::BodyTooLong => "413 Content Too Large",
            ReadError::Malformed(_) => "400 Bad Request",
        };
        let body = format!("{error}\n");
        let reply = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(reply.as_bytes()).await?;
        self.stream.shutdown().await?;
        let mut rest = (&mut self.stream).take(LAST_WORDS_BYTES);
        let _ = timeout(LAST_WORDS, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
        Ok(Then::Close)
    }

    fn keep(&self, arriving: Arriving, is_whole: bool, told: String, made: Option<Verdict>) {
        let Arriving { line, headers, body } = arriving;
        let RequestLine { method, path, query, .. } = line;
        let since_start = self.shared.since_start();
        let request =
            Request { number: 0, method, path, query, headers, body, since_start, is_whole, told, made };
        self.shared.keep(request);
    }

    async fn send(&mut self, reply: Reply) -> io::Result<Then> {
        let body = if reply.has_body { reply.body.as_bytes() } else { &[] };
        match reply.pace {
            Pace::AtOnce => self.stream.write_all(&[reply.head.as_bytes(), body].concat()).await?,
            Pace::SlowHead(time) => {
                in_pieces(&mut self.stream, reply.head.as_bytes(), time).await?;
                self.stream.write_all(body).await?;
            }
            Pace::SlowBody(time) => {
                self.stream.write_all(reply.head.as_bytes()).await?;
                in_pieces(&mut self.stream, body, time).await?;
            }
            Pace::Endless { kib_per_second } => {
                self.stream.write_all(&[reply.head.as_bytes(), body].concat()).await?;
                return self.endless(kib_per_second).await;
            }
        }
        let blanks = if reply.has_body { reply.blanks } else { 0 };
        self.blanks(blanks).await?;
        Ok(reply.then)
    }

    async fn endless(&mut self, kib_per_second: u32) -> io::Result<Then> {
        let rate = usize::try_from(kib_per_second).unwrap_or(1).saturating_mul(1_024);
        let on_and_on = async {
            loop {
                self.blanks(rate.div_ceil(ENDLESS_TICKS_PER_SECOND)).await?;
                sleep(ENDLESS_TICK).await;
            }
        };
        timeout(Behaviour::MAX_DELAY, on_and_on).await.unwrap_or(Ok(Then::Close))
    }

    async fn blanks(&mut self, mut bytes: usize) -> io::Result<()> {
        while bytes > 0 {
            let part = BLANKS.get(..bytes.min(BLANKS.len())).unwrap_or_default();
            self.stream.write_all(part).await?;
            bytes -= part.len();
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.records.saw(|seen| seen.open -= 1);
    }
}

impl Arriving {
    fn header_is(&self, name: &str, value: &str) -> bool {
        self.headers
            .iter()
            .any(|(other, said)| other.eq_ignore_ascii_case(name) && said.eq_ignore_ascii_case(value))
    }

    /// What the client wants of the connection after the answer.
    fn then(&self) -> Then {
        let stays = match self.line.is_1_1 {
            true => !self.header_is("connection", "close"),
            false => self.header_is("connection", "keep-alive"),
        };
        if stays { Then::Next } else { Then::Close }
    }
}

/// An answer, ready to be sent.
struct Reply {
    head: String,
    body: String,
    /// Blanks that follow the body.
    blanks: usize,
    has_body: bool,
    pace: Pace,
    then: Then,
}

impl Reply {
    fn of(answer: &Answer, asked: &Asked<'_>, arriving: &Arriving) -> Self {
        let (content_type, body) = answer.written(asked);
        let headers = format!("Content-Type: {content_type}\r\n");
        let blanks = answer.at_least_bytes.saturating_sub(body.len());
        Self::made(answer.status, &headers, body, blanks, answer.pace, arriving)
    }

    fn redirect(to: &str, status: u16, arriving: &Arriving) -> Self {
        Self::made(status, &format!("Location: {to}\r\n"), String::new(), 0, Pace::AtOnce, arriving)
    }

    fn made(
        status: u16,
        headers: &str,
        body: String,
        blanks: usize,
        pace: Pace,
        arriving: &Arriving,
    ) -> Self {
        // A body without end has no length, and lasts as long as its connection.
        let is_endless = matches!(pace, Pace::Endless { .. });
        let then = if is_endless { Then::Close } else { arriving.then() };
        let connection = if then == Then::Close { "close" } else { "keep-alive" };
        let mut head =
            format!("HTTP/1.1 {status} {}\r\n{headers}Connection: {connection}\r\n", reason(status));
        if !is_endless {
            let _ = write!(head, "Content-Length: {}\r\n", body.len() + blanks);
        }
        head.push_str("\r\n");
        Self { head, body, blanks, has_body: arriving.line.method != "HEAD", pace, then }
    }
}

/// Sends bytes in about [`PIECES`] pieces, a pause before each, in that time.
async fn in_pieces(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8], time: Duration) -> io::Result<()> {
    let pieces = bytes.chunks(bytes.len().div_ceil(PIECES).max(1));
    let pause = time.min(Behaviour::MAX_DELAY) / u32::try_from(pieces.len().max(1)).unwrap_or(1);
    for piece in pieces {
        sleep(pause).await;
        stream.write_all(piece).await?;
    }
    Ok(())
}

/// What a buyer does, with the delay before it.
fn told(delay: Duration, does: &str) -> String {
    match delay {
        Duration::ZERO => does.to_owned(),
        delay => format!("{does}, after {} ms", delay.as_millis()),
    }
}

/// The usual words; none for the rare ones.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "a test with a paused clock")]
    async fn a_slow_answer_comes_in_even_pieces_none_of_which_is_long_in_coming() {
        let (mut client, mut server) = tokio::io::duplex(1_024);
        let bytes = [b'x'; 95];
        let began = Instant::now();
        let sent = in_pieces(&mut server, &bytes, Duration::from_secs(5));
        let come = async {
            let (mut buffer, mut come) = ([0; 95], Vec::new());
            while come.last().is_none_or(|(bytes, _)| *bytes < 95) {
                let before = come.last().map_or(0, |(bytes, _)| *bytes);
                let read = client.read(&mut buffer).await.unwrap();
                come.push((before + read, began.elapsed().as_millis()));
            }
            come
        };
        let (sent, come) = tokio::join!(sent, come);
        sent.unwrap();
        let expected: Vec<(usize, u128)> = (1..=10).map(|n| ((10 * n).min(95), n as u128 * 500)).collect();
        assert_eq!(come, expected);
    }
}
