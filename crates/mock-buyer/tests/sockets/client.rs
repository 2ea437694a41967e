//! A client that hides nothing: it shows bytes as they came, and how the connection
//! ended.

use crumb_mock_buyer::MockBuyers;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything is waited for: far longer than a test takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A `GET` that asks for the connection to be closed.
pub fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\r\n")
}

/// A form that is posted, likewise.
pub fn post(target: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// A connection on which bytes were sent.
pub async fn sent(buyers: &MockBuyers, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(buyers.address()).await.expect("a connection");
    stream.write_all(bytes.as_bytes()).await.expect("a request sent");
    stream
}

/// All that comes until the buyer closes the connection.
pub async fn exchange(buyers: &MockBuyers, bytes: &str) -> io::Result<String> {
    let (mut stream, mut answer) = (sent(buyers, bytes).await, String::new());
    let read = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
    read.expect("the end of the connection").map(|_| answer)
}

/// The whole answer to a request.
pub async fn answer(buyers: &MockBuyers, bytes: &str) -> String {
    exchange(buyers, bytes).await.expect("an answer")
}

/// The body of the answer to a `GET` that succeeds.
pub async fn body(buyers: &MockBuyers, target: &str) -> String {
    let answer = answer(buyers, &get(target)).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    body.to_owned()
}
