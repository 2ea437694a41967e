//! Reading a request, within bounds, and keeping it as it came.

use crate::answer::Verdict;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use url::form_urlencoded;

/// The longest head that is read, request line included: four times what a client
/// with many headers sends, and little enough for 10,000 connections.
pub const MAX_HEAD_BYTES: usize = 64 * 1_024;
/// The longest body that is read: far beyond any lead.
pub const MAX_BODY_BYTES: usize = 1_024 * 1_024;
/// What is read from a socket at a time.
const READ_BYTES: usize = 8 * 1_024;

/// A request, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its number among all that were recorded, from 1.
    pub number: u64,
    /// `GET`, `POST` …
    pub method: String,
    /// Before the question mark, as it was written.
    pub path: String,
    /// After it, as it was written; empty where there is none.
    pub query: String,
    /// In their order, with names as they were written.
    pub headers: Vec<(String, String)>,
    /// Its content.
    pub body: Vec<u8>,
    /// When it had been read, by the time since the server's start.
    pub since_start: Duration,
    /// Whether it came whole: a buyer that cuts the connection, and a client that
    /// breaks off, leave the beginning of one.
    pub is_whole: bool,
    /// What the buyer was about to do with it, in a few words.
    pub told: String,
    /// What the buyer made of it, if it was an order to make something of it.
    pub(crate) made: Option<Verdict>,
}

impl Request {
    /// A header's first value, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Its content as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The pairs of a query and of a urlencoded body, in their order.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let query = form_urlencoded::parse(self.query.as_bytes());
        let is_form = self
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let body = form_urlencoded::parse(if is_form { &self.body } else { &[] });
        query.into_owned().chain(body.into_owned()).collect()
    }

    /// The first value of a name in the query or a urlencoded body.
    pub fn value(&self, name: &str) -> Option<String> {
        self.pairs().into_iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// Path and query.
    pub fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// What it takes in memory, roughly.
    pub(crate) fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 64).sum();
        512 + self.path.len() + self.query.len() + self.body.len() + headers
    }
}

/// Why a request could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    /// The client closed the connection, or sent nothing for too long.
    #[error("the connection was closed")]
    Closed,
    /// Beyond [`MAX_HEAD_BYTES`].
    #[error("the head is longer than 64 KiB")]
    HeadTooLong,
    /// Beyond [`MAX_BODY_BYTES`].
    #[error("the body is longer than 1 MiB")]
    BodyTooLong,
    /// No HTTP/1.
    #[error("{0}")]
    Malformed(&'static str),
}

/// The first line of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestLine {
    pub method: String,
    pub path: String,
    pub query: String,
    /// Whether the connection stays open unless a header says otherwise.
    pub is_1_1: bool,
}

impl RequestLine {
    /// Path and query.
    pub fn target(&self) -> String {
        format!("{}?{}", self.path, self.query)
    }
}

/// Bytes of a connection that have come and were not used yet.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    used: usize,
    /// How much of the head may still come.
    head_left: usize,
}

impl Reader {
    /// Waits for the first byte of a request; false where the client closes instead.
    pub async fn has_begun(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> bool {
        self.buffer.drain(..self.used);
        self.used = 0;
        self.head_left = MAX_HEAD_BYTES;
        !self.buffer.is_empty() || self.fill(stream).await.is_ok()
    }

    /// The request line.
    pub async fn request_line(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Result<RequestLine, ReadError> {
        let mut line = self.line(stream).await?;
        // Some clients end their last body with a line end too many.
        while line.is_empty() {
            line = self.line(stream).await?;
        }
        request_line(&line).ok_or(ReadError::Malformed("the first line is no request of HTTP/1"))
    }

    /// The headers, to the empty line.
    pub async fn headers(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Result<Vec<(String, String)>, ReadError> {
        let mut headers = Vec::new();
        loop {
            let line = self.line(stream).await?;
            if line.is_empty() {
                return Ok(headers);
            }
            let (name, value) = line.split_once(':').ok_or(ReadError::Malformed("a header has no colon"))?;
            if name.is_empty() || name.contains(char::is_whitespace) {
                return Err(ReadError::Malformed("a header has a blank in its name"));
            }
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    /// Appends the body to `body`, which has what came even where it breaks off.
    pub async fn body(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        length: Length,
        body: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        match length {
            Length::Known(bytes) => self.take(stream, bytes, body).await,
            Length::Chunks => loop {
                let line = self.line(stream).await?;
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16)
                    .map_err(|_| ReadError::Malformed("a chunk has no size"))?;
                if size == 0 {
                    return self.headers(stream).await.map(drop);
                }
                self.take(stream, size, body).await?;
                if !self.line(stream).await?.is_empty() {
                    return Err(ReadError::Malformed("a chunk is longer than its size"));
                }
            },
        }
    }

    async fn take(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        bytes: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        if bytes > MAX_BODY_BYTES - into.len().min(MAX_BODY_BYTES) {
            return Err(ReadError::BodyTooLong);
        }
        let mut left = bytes;
        loop {
            let there = self.unused();
            let part = there.get(..left.min(there.len())).unwrap_or_default();
            into.extend_from_slice(part);
            let taken = part.len();
            self.used += taken;
            left -= taken;
            if left == 0 {
                return Ok(());
            }
            self.fill(stream).await?;
        }
    }

    /// A line without its end. All lines of a request together are its head, those
    /// between chunks included.
    async fn line(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<String, ReadError> {
        let mut searched = 0;
        loop {
            let there = self.unused();
            let found = there.iter().skip(searched).position(|byte| *byte == b'\n');
            if let Some(end) = found.map(|at| searched + at) {
                let line = String::from_utf8_lossy(there.get(..end).unwrap_or_default());
                let line = line.strip_suffix('\r').unwrap_or(&line).to_owned();
                self.used += end + 1;
                self.head_left = self.head_left.checked_sub(end + 1).ok_or(ReadError::HeadTooLong)?;
                return Ok(line);
            }
            searched = there.len();
            if searched >= self.head_left {
                return Err(ReadError::HeadTooLong);
            }
            self.fill(stream).await?;
        }
    }

    fn unused(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<(), ReadError> {
        if self.used == self.buffer.len() {
            self.buffer.clear();
            self.used = 0;
        }
        self.buffer.reserve(READ_BYTES);
        match stream.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => Err(ReadError::Closed),
            Ok(_) => Ok(()),
        }
    }
}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Known(usize),
    Chunks,
}

impl Length {
    pub fn of(headers: &[(String, String)]) -> Result<Self, ReadError> {
        let all = |wanted: &'static str| {
            headers
                .iter()
                .filter(move |(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.as_str())
        };
        let mut lengths = all("content-length");
        match (all("transfer-encoding").next(), lengths.next()) {
            (None, None) => Ok(Self::Known(0)),
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(Self::Chunks),
            (Some(_), None) => Err(ReadError::Malformed("the transfer encoding is not chunked")),
            (Some(_), Some(_)) => Err(ReadError::Malformed("it has both a length and chunks")),
            (None, Some(length)) if lengths.all(|other| other == length) => {
                let digits = length.bytes().all(|byte| byte.is_ascii_digit());
                let length = length.parse().ok().filter(|_| digits);
                length.map(Self::Known).ok_or(ReadError::Malformed("its length is no number"))
            }
            (None, Some(_)) => Err(ReadError::Malformed("it has two lengths")),
        }
    }
}

fn request_line(line: &str) -> Option<RequestLine> {
    let mut parts = line.split(' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    let is_1_1 = match version {
        "HTTP/1.1" => true,
        "HTTP/1.0" => false,
        _ => return None,
    };
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_alphabetic()) || parts.next().is_some() {
        return None;
    }
    // As a proxy is asked.
    let target = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => target,
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
    path.starts_with('/').then_some(RequestLine { method, path, query, is_1_1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader makes of bytes: request line, headers, and the body as far as it came.
    async fn read(bytes: &[u8]) -> Result<(RequestLine, Vec<(String, String)>, Vec<u8>), ReadError> {
        let (mut stream, mut reader, mut body) = (bytes, Reader::default(), Vec::new());
        if !reader.has_begun(&mut stream).await {
            return Err(ReadError::Closed);
        }
        let line = reader.request_line(&mut stream).await?;
        let headers = reader.headers(&mut stream).await?;
        let length = Length::of(&headers)?;
        reader.body(&mut stream, length, &mut body).await?;
        Ok((line, headers, body))
    }

    async fn fails(bytes: &[u8]) -> String {
        read(bytes).await.expect_err("no request").to_string()
    }

    #[tokio::test]
    async fn a_request_is_kept_as_it_came() {
        let bytes = b"POST /accept?price=3 HTTP/1.1\r\nX-API-Key:  k \r\ncontent-length: 5\r\n\r\nzip=9";
        let (line, headers, body) = read(bytes).await.unwrap();
        let (method, path, query) = ("POST".to_owned(), "/accept".to_owned(), "price=3".to_owned());
        assert_eq!(line, RequestLine { method, path, query, is_1_1: true });
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(headers, [pair("X-API-Key", "k"), pair("content-length", "5")]);
        assert_eq!(body, b"zip=9");
    }

    #[tokio::test]
    async fn a_body_may_come_in_chunks_and_a_target_may_be_whole() {
        let bytes = b"POST http://b.example/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nzip\r\n2\r\n=9\r\n0\r\nT: 1\r\n\r\n";
        let (line, _, body) = read(bytes).await.unwrap();
        assert_eq!((line.path.as_str(), body.as_slice()), ("/x", &b"zip=9"[..]));
    }

    #[tokio::test]
    async fn several_requests_may_follow_each_other() {
        let mut stream = &b"GET /a HTTP/1.1\r\n\r\n\r\nGET /b HTTP/1.0\r\n\r\n"[..];
        let mut reader = Reader::default();
        for path in ["/a", "/b"] {
            assert!(reader.has_begun(&mut stream).await);
            assert_eq!(reader.request_line(&mut stream).await.unwrap().path, path);
            reader.headers(&mut stream).await.unwrap();
        }
        assert!(!reader.has_begun(&mut stream).await);
    }

    #[tokio::test]
    async fn what_is_no_request_is_told_why() {
        let no_line = "the first line is no request of HTTP/1";
        for bytes in [
            "hello\r\n",
            "GET  / HTTP/1.1\r\n",
            "GET x HTTP/1.1\r\n",
            "GET / HTTP/2\r\n",
            "G\u{e9}T / HTTP/1.1\r\n",
        ] {
            assert_eq!(fails(bytes.as_bytes()).await, no_line, "{bytes}");
        }
        for (headers, told) in [
            ("no colon", "a header has no colon"),
            ("a b: c", "a header has a blank in its name"),
            ("Content-Length: +1", "its length is no number"),
            ("Content-Length: 1\r\nContent-Length: 2", "it has two lengths"),
            ("Content-Length: 1\r\nTransfer-Encoding: chunked", "it has both a length and chunks"),
            ("Transfer-Encoding: gzip", "the transfer encoding is not chunked"),
            ("Content-Length: 1048577", "the body is longer than 1 MiB"),
            ("Content-Length: 18446744073709551616", "its length is no number"),
            ("Content-Length: 3", "the connection was closed"),
        ] {
            assert_eq!(
                fails(format!("GET / HTTP/1.1\r\n{headers}\r\n\r\n").as_bytes()).await,
                told,
                "{headers}"
            );
        }
        for (chunks, told) in [
            ("x\r\n", "a chunk has no size"),
            ("1\r\nab\r\n", "a chunk is longer than its size"),
            ("fffffffffffffff\r\n", "the body is longer than 1 MiB"),
        ] {
            let bytes = format!("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
            assert_eq!(fails(bytes.as_bytes()).await, told, "{chunks}");
        }
    }

    #[tokio::test]
    async fn head_and_body_are_taken_to_their_limits_and_no_further() {
        let beginning = "GET / HTTP/1.1\r\nA: ";
        let head = |bytes: usize| {
            let filling = "x".repeat(bytes - beginning.len() - 4);
            format!("{beginning}{filling}\r\n\r\n")
        };
        assert!(read(head(MAX_HEAD_BYTES).as_bytes()).await.is_ok());
        assert_eq!(fails(head(MAX_HEAD_BYTES + 1).as_bytes()).await, "the head is longer than 64 KiB");
        assert_eq!(fails(&vec![b'G'; 2 * MAX_HEAD_BYTES]).await, "the head is longer than 64 KiB");
        let body = "x".repeat(MAX_BODY_BYTES);
        let whole = format!("POST / HTTP/1.1\r\nContent-Length: {MAX_BODY_BYTES}\r\n\r\n{body}");
        assert_eq!(read(whole.as_bytes()).await.unwrap().2.len(), MAX_BODY_BYTES);
        let longer = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}x", MAX_BODY_BYTES + 1);
        assert_eq!(fails(longer.as_bytes()).await, "the body is longer than 1 MiB");
        let chunks = format!("{MAX_BODY_BYTES:x}\r\n{body}\r\n1\r\nx\r\n0\r\n\r\n");
        let chunked = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        assert_eq!(fails(chunked.as_bytes()).await, "the body is longer than 1 MiB");
    }

    #[test]
    fn values_are_found_in_the_query_and_in_a_form() {
        let request = Request {
            number: 1,
            method: "POST".to_owned(),
            path: "/x".to_owned(),
            query: "a=1".to_owned(),
            headers: vec![("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
            body: b"b=2+3&a=4".to_vec(),
            since_start: Duration::ZERO,
            is_whole: true,
            told: String::new(),
            made: None,
        };
        assert_eq!(request.value("a").as_deref(), Some("1"));
        assert_eq!(request.value("b").as_deref(), Some("2 3"));
        assert_eq!(request.pairs().len(), 3);
        let json = Request { headers: Vec::new(), ..request };
        assert_eq!((json.value("b"), json.target().as_str()), (None, "/x?a=1"));
    }
}
