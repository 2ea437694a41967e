//! One keep-alive connection of the load: as little HTTP as the measured servers
//! answer with, because what the load costs the servers do not have.

use anyhow::{Context as _, bail, ensure};
use memchr::{memchr, memmem};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// More than any answer that is asked for here.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A connection.
pub struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

/// What a head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Bytes of the head and of the body after it.
    whole: usize,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Where nobody listens.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(4 * 1024) })
    }

    /// Sends a request and waits for the whole answer: its status, head and body.
    ///
    /// # Errors
    /// Where the connection breaks or the answer is not of the form that is read here.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<(u16, &[u8])> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        let mut head = None;
        loop {
            ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the server closed the connection");
            if head.is_none() {
                head = Head::read(&self.answer)?;
            }
            match head {
                Some(head) if self.answer.len() == head.whole => return Ok((head.status, &self.answer)),
                Some(head) => ensure!(self.answer.len() < head.whole, "more was answered than was asked"),
                None => {}
            }
            ensure!(self.answer.len() < MAX_ANSWER_BYTES, "the answer is too long");
        }
    }
}

impl Head {
    /// `None` until the head is complete.
    fn read(answer: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = memmem::find(answer, b"\r\n\r\n") else { return Ok(None) };
        let head = answer.get(..end).unwrap_or_default();
        let Some(status) = head.get(9..12).and_then(number) else { bail!("the answer has no status") };
        let (mut length, mut rest) = (0, head);
        while let Some(line_end) = memchr(b'\n', rest) {
            rest = rest.get(line_end + 1..).unwrap_or_default();
            if let Some(value) = value_of(rest, b"content-length:") {
                length = number(value).context("the answer's length is no number")?;
            }
            ensure!(value_of(rest, b"transfer-encoding:").is_none(), "the answer's length is not told");
        }
        Ok(Some(Self { status: u16::try_from(status)?, whole: end + 4 + length }))
    }
}

/// The value of the header that some lines begin with, if it is of that name.
fn value_of<'l>(lines: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let (begins, value) = lines.split_at_checked(name.len())?;
    let end = memchr(b'\r', value).unwrap_or(value.len());
    begins.eq_ignore_ascii_case(name).then_some(value.get(..end)?)
}

fn number(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_told_length_is_there() {
        let head = b"HTTP/1.1 302 Found\r\nContent-Length: 5\r\nlocation: https://x\r\n\r\n";
        let whole = head.len() + 5;
        assert_eq!(Head::read(head).unwrap(), Some(Head { status: 302, whole }));
        assert_eq!(Head::read(&head[..head.len() - 1]).unwrap(), None);
        let bare = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(Head::read(bare).unwrap(), Some(Head { status: 204, whole: bare.len() }));
    }

    #[test]
    fn an_answer_of_another_form_is_an_error() {
        for wrong in ["HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"] {
            assert!(Head::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
