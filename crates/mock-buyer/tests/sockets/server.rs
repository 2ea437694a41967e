//! The server itself: what it remembers, its limits, and its end.

use crate::client::{PATIENCE, answer, body, exchange, get, post, sent};
use crumb_mock_buyer::{MAX_BODY_BYTES, MAX_HEAD_BYTES, MockBuyers, Options};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn buyers() -> MockBuyers {
    MockBuyers::start().await.expect("a free port")
}

#[tokio::test]
async fn requests_are_recorded_as_they_came_before_they_are_answered() {
    let buyers = buyers().await;
    answer(&buyers, &post("/accept/big-carrier?price=3.00&x=%41", "zip=90210&zip=1")).await;
    body(&buyers, "/reject").await;
    let kept = buyers.requests();
    let (first, second) = (&kept[0], &kept[1]);
    assert_eq!((first.method.as_str(), first.path.as_str()), ("POST", "/accept/big-carrier"));
    assert_eq!((first.query.as_str(), first.text().as_str()), ("price=3.00&x=%41", "zip=90210&zip=1"));
    assert_eq!(first.header("HOST"), Some("b.example"));
    assert_eq!(first.headers[0].0, "Host", "names are as they were written");
    assert_eq!((first.number, second.number, first.is_whole), (1, 2, true));
    assert!(first.since_start > Duration::ZERO && first.since_start <= second.since_start);
    assert_eq!((first.told.as_str(), second.told.as_str()), ("accepted 3.00", "rejected"));
    assert_eq!((buyers.count("/accept/big-carrier"), buyers.count("reject"), buyers.count("/x")), (1, 1, 0));
    assert_eq!(buyers.requests_at("/reject?any=query").len(), 1);
    let unanswered = sent(&buyers, &get("/after?ms=600000&then=accept")).await;
    assert_eq!(buyers.wait_for(3).await.unwrap()[2].told, "accepted, after 600000 ms");
    drop(unanswered);
}

#[tokio::test]
async fn requests_can_be_waited_for() {
    let buyers = buyers().await;
    let clients: Vec<_> = (0..3).map(|_| sent(&buyers, "GET /stall HTTP/1.1\r\n\r\n")).collect();
    let mut open = Vec::new();
    for client in clients {
        open.push(client.await);
    }
    assert_eq!(buyers.wait_for(3).await.unwrap().len(), 3);
}

#[tokio::test]
async fn connections_on_which_nothing_was_sent_are_counted() {
    let buyers = buyers().await;
    let silent = TcpStream::connect(buyers.address()).await.unwrap();
    buyers.until(|seen| seen.opened == 1).await.unwrap();
    assert_eq!((buyers.seen().silent, buyers.seen().open), (1, 1));
    drop(silent);
    buyers.until(|seen| seen.open == 0).await.unwrap();
    body(&buyers, "/accept").await;
    let seen = buyers.until(|seen| seen.open == 0 && seen.opened == 2).await.unwrap();
    assert_eq!((seen.silent, seen.requests, seen.refused), (1, 1, 0));
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let buyers = buyers().await;
    let mut stream = sent(&buyers, "GET /accept HTTP/1.1\r\n\r\nGET /reject HTTP/1.1\r\n\r\n").await;
    stream.write_all(get("/duplicate").as_bytes()).await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    let order: Vec<usize> =
        ["success", "rejected", "duplicate"].iter().map(|said| answers.find(said).unwrap()).collect();
    assert!(order.is_sorted(), "{answers}");
    assert_eq!((buyers.seen().opened, buyers.seen().requests), (1, 3));
}

#[tokio::test]
async fn the_old_http_closes_unless_it_is_asked_not_to() {
    let buyers = buyers().await;
    assert!(answer(&buyers, "GET /accept HTTP/1.0\r\n\r\n").await.contains("\r\nConnection: close\r\n"));
    let both = "GET /accept HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /reject HTTP/1.0\r\n\r\n";
    assert!(answer(&buyers, both).await.contains("rejected"));
}

#[tokio::test]
async fn a_client_that_asks_first_may_send_its_body() {
    let buyers = buyers().await;
    let head =
        "POST /accept HTTP/1.1\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    let mut stream = sent(&buyers, head).await;
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"a=b").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n"), "{rest}");
}

#[tokio::test]
async fn what_is_too_long_is_answered_so_and_recorded_as_not_whole() {
    let buyers = buyers().await;
    let head = format!("GET /accept HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(MAX_HEAD_BYTES));
    assert!(answer(&buyers, &head).await.starts_with("HTTP/1.1 431 "));
    let body = answer(&buyers, &post("/accept", &"x".repeat(MAX_BODY_BYTES + 1))).await;
    assert!(body.starts_with("HTTP/1.1 413 Content Too Large\r\n"), "{body}");
    let kept = buyers.requests();
    assert!(kept.len() == 2 && kept.iter().all(|request| !request.is_whole));
    assert_eq!(kept[1].told, "the body is longer than 1 MiB");
    assert!(answer(&buyers, "hello\r\n\r\n").await.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    assert_eq!(buyers.requests().len(), 2, "nobody was asked");
}

#[tokio::test]
async fn a_client_that_breaks_off_leaves_the_beginning_of_a_request() {
    let buyers = buyers().await;
    drop(sent(&buyers, "POST /accept HTTP/1.1\r\nContent-Length: 9\r\n\r\nzip=").await);
    let kept = buyers.wait_for(1).await.unwrap();
    assert_eq!((kept[0].is_whole, kept[0].text().as_str()), (false, "zip="));
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_at_once() {
    let buyers = MockBuyers::start_with(Options::default().max_connections(2)).await.unwrap();
    let open = [sent(&buyers, &get("/stall")).await, sent(&buyers, &get("/stall")).await];
    buyers.wait_for(2).await.unwrap();
    let mut third = TcpStream::connect(buyers.address()).await.unwrap();
    let end = timeout(PATIENCE, third.read(&mut [0; 1])).await.expect("its end");
    assert_eq!(end.unwrap_or(0), 0);
    assert_eq!((buyers.seen().refused, buyers.seen().opened), (1, 2));
    drop(open);
    buyers.until(|seen| seen.open == 0).await.unwrap();
    body(&buyers, "/accept").await;
}

#[tokio::test]
async fn hundreds_of_clients_are_served_at_once() {
    let buyers = Arc::new(buyers().await);
    let mut stalled = Vec::new();
    for _ in 0..300 {
        stalled.push(sent(&buyers, &get("/stall")).await);
    }
    buyers.until(|seen| seen.requests == 300).await.expect("none waits for another");
    drop(stalled);
    buyers.until(|seen| seen.open == 0).await.unwrap();
    let clients: Vec<_> = (0..300)
        .map(|number| {
            let buyers = Arc::clone(&buyers);
            let target = format!("/after?ms=20&then=accept&price={number}.00");
            tokio::spawn(async move { (number, body(&buyers, &target).await) })
        })
        .collect();
    for client in clients {
        let (number, body) = client.await.unwrap();
        assert!(body.contains(&format!("<price>{number}.00</price>")), "{body}");
    }
    assert_eq!(buyers.count("/after"), 300);
}

#[tokio::test]
async fn each_request_is_shown_to_who_watches() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let shown = Arc::clone(&lines);
    let options = Options::default().watcher(move |request| shown.lock().unwrap().push(request.target()));
    let buyers = MockBuyers::start_with(options).await.unwrap();
    body(&buyers, "/accept?price=3.00").await;
    assert_eq!(*lines.lock().unwrap(), ["/accept?price=3.00"]);
}

#[tokio::test]
async fn its_end_closes_every_connection_and_frees_the_port() {
    let buyers = buyers().await;
    let address = buyers.address();
    let mut stalled = sent(&buyers, &get("/stall")).await;
    buyers.wait_for(1).await.unwrap();
    buyers.stop().await;
    assert_eq!(stalled.read(&mut [0; 1]).await.unwrap_or(0), 0);
    let again = MockBuyers::start_with(Options::default().listen(address)).await.unwrap();
    assert!(exchange(&again, &get("/accept")).await.is_ok());
}
