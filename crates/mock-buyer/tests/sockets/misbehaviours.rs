//! Buyers on a bad day.

use crate::client::{PATIENCE, answer, exchange, get, post, sent};
use crumb_mock_buyer::{Answer, Behaviour, MockBuyers, NobodyThere, Pace};
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn buyers() -> MockBuyers {
    MockBuyers::start().await.expect("a free port")
}

/// Waits until the server has closed every connection.
async fn all_closed(buyers: &MockBuyers) {
    buyers.until(|seen| seen.open == 0).await.expect("the end of all connections");
}

#[tokio::test]
async fn a_connection_is_reset_before_the_request_is_read() {
    let buyers = buyers().await;
    let mut stream = sent(&buyers, "POST /cut-before HTTP/1.1\r\nContent-Length: 9\r\n").await;
    let error = stream.read_u8().await.expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let kept = &buyers.requests()[0];
    assert_eq!((kept.path.as_str(), kept.is_whole, kept.headers.len()), ("/cut-before", false, 0));
}

#[tokio::test]
async fn a_request_that_came_whole_is_reset_too() {
    let buyers = buyers().await;
    let error = exchange(&buyers, &post("/cut-before", "zip=90210")).await.expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(buyers.requests()[0].body.is_empty());
}

#[tokio::test]
async fn a_connection_is_closed_in_peace_after_the_request_was_read() {
    let buyers = buyers().await;
    assert_eq!(answer(&buyers, &post("/cut-after", "zip=90210")).await, "");
    let kept = &buyers.requests()[0];
    assert_eq!((kept.is_whole, kept.text().as_str()), (true, "zip=90210"));
}

#[tokio::test]
async fn a_buyer_that_stalls_has_read_the_request_and_ends_with_its_client() {
    let buyers = buyers().await;
    let mut stream = sent(&buyers, &post("/stall", "zip=90210")).await;
    assert_eq!(buyers.wait_for(1).await.unwrap()[0].text(), "zip=90210");
    assert_eq!(buyers.seen().open, 1, "it stays on the line");
    // What comes afterwards is answered no more than the request.
    stream.write_all(get("/accept").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("its end").unwrap();
    assert_eq!((answer.as_str(), buyers.count("/accept")), ("", 0));
    all_closed(&buyers).await;
}

#[tokio::test]
async fn an_answer_without_end_goes_on_until_the_client_leaves() {
    let buyers = buyers().await;
    let mut stream = sent(&buyers, &get("/endless?price=1.00&kib_per_second=65536")).await;
    let mut beginning = vec![0; 1024 * 1024];
    stream.read_exact(&mut beginning).await.unwrap();
    let beginning = String::from_utf8(beginning).unwrap();
    let (head, body) = beginning.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("Content-Length"), "{head}");
    assert!(body.starts_with("<result><code>0</code><msg>success</msg><price>1.00</price></result> "));
    assert_eq!(buyers.seen().open, 1);
    drop(stream);
    all_closed(&buyers).await;
}

#[tokio::test]
async fn what_is_no_http_is_answered_and_the_connection_closed() {
    let answer = answer(&buyers().await, &get("/malformed")).await;
    assert!(!answer.is_empty() && !answer.contains("HTTP/"), "{answer}");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a delay is never shorter than it was said to be")]
async fn slow_answers_take_their_time_and_come_whole() {
    let buyers = buyers().await;
    let at_once = answer(&buyers, &get("/accept?price=3.00")).await;
    for buyer in ["slow-head", "slow-body", "after"] {
        let began = Instant::now();
        assert_eq!(answer(&buyers, &get(&format!("/{buyer}?ms=300&price=3.00"))).await, at_once, "{buyer}");
        assert!(began.elapsed() >= Duration::from_millis(300), "{buyer}");
    }
}

#[tokio::test]
async fn the_head_of_a_slow_body_does_not_wait_for_it() {
    let buyers = buyers().await;
    buyers.set("slow", Answer::accepted("1.00").pace(Pace::SlowBody(Behaviour::MAX_DELAY)));
    let mut stream = sent(&buyers, &get("/slow")).await;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        timeout(PATIENCE, stream.read_exact(&mut byte)).await.expect("the head").unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a delay is never shorter than it was said to be")]
async fn any_behaviour_may_come_after_a_delay() {
    let buyers = buyers().await;
    let after = async |then: &str| {
        let began = Instant::now();
        let came = exchange(&buyers, &get(&format!("/after?ms=100&then={then}"))).await;
        assert!(began.elapsed() >= Duration::from_millis(100), "{then}");
        came.map_err(|error| error.kind())
    };
    assert_eq!(after("cut-before").await, Err(ErrorKind::ConnectionReset));
    assert_eq!(after("cut-after").await.as_deref(), Ok(""));
    assert!(after("malformed").await.unwrap().starts_with("Good day!"));
    assert!(after("redirect&to=/x").await.unwrap().contains("\r\nLocation: /x\r\n"));
    assert!(after("reject").await.unwrap().contains("rejected"));
}

#[tokio::test]
async fn where_nobody_is_connections_are_refused() {
    let nobody = NobodyThere::bind().unwrap();
    let url = nobody.url("/leads");
    let address = url.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/leads")).unwrap();
    let error = TcpStream::connect(address).await.expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}
