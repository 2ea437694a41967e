//! Calls over real sockets, to buyers that behave and to those that do not.
//!
//! Time-outs are not waited for: once the buyer is where the test wants it, the
//! clock is paused, and an idle runtime moves it to the next deadline.

mod answers;
mod failures;
mod requests;
mod tls;

use super::*;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Far longer than a test takes: what ends before it ended for another reason.
const LONG: Duration = Duration::from_secs(60);

/// Names that a test knows.
struct Named(Vec<IpAddr>);

impl Resolve for Named {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

fn loopback_options() -> OutboundOptions {
    OutboundOptions { allow: vec!["127.0.0.0/8".parse().unwrap()], ..OutboundOptions::default() }
}

fn outbound() -> Outbound {
    Outbound::new(loopback_options()).unwrap()
}

fn get(url: &str) -> OutboundRequest {
    OutboundRequest {
        method: Method::GET,
        target: Target::parse(url).unwrap(),
        headers: vec![],
        body: Bytes::new(),
    }
}

fn post(url: &str, body: impl Into<Bytes>) -> OutboundRequest {
    OutboundRequest { method: Method::POST, body: body.into(), ..get(url) }
}

fn within(timeout: Duration) -> Budget {
    Budget { timeout, until: None }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url_of(listener.local_addr().unwrap());
    (listener, url)
}

fn url_of(address: SocketAddr) -> String {
    format!("http://{address}/leads")
}

/// A buyer who reads one request and does with the stream as told. What it read is
/// the task's result.
async fn buyer<F: Future<Output = ()> + Send + 'static>(
    act: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> (String, tokio::task::JoinHandle<String>) {
    let (listener, url) = listen().await;
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        act(stream).await;
        request
    });
    (url, task)
}

/// A buyer who answers with these bytes and closes.
async fn answering(answer: impl Into<Vec<u8>>) -> (String, tokio::task::JoinHandle<String>) {
    let answer = answer.into();
    buyer(|mut stream| async move {
        stream.write_all(&answer).await.unwrap();
        stream.shutdown().await.unwrap();
    })
    .await
}

/// What came of a call, and of whoever serves it: at the latest soon after the call has ended.
async fn served<S>(call: impl Future<Output = Called>, serve: impl Future<Output = S>) -> (Called, S) {
    let (mut call, mut serve) = (pin!(call), pin!(serve));
    tokio::select! {
        served = &mut serve => (call.await, served),
        called = &mut call => {
            let served = tokio::time::timeout(Duration::from_secs(10), serve).await;
            (called, served.expect("whoever serves it was called"))
        }
    }
}

/// A request with its body, as long as its head says.
async fn read_request(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut read = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.unwrap();
        read.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert_ne!(count, 0, "the request ended early");
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            return text;
        }
        assert_ne!(count, 0, "the body ended early");
    }
}
