//! Attempts from a delivery method to the row that is kept, over real sockets.

use super::*;
use crate::outbound::OutboundOptions;
use crate::plan::Purpose;
use crumb_domain::Money;
use crumb_domain::fields::FieldRules;
use crumb_domain::selling::{MAX_KEPT_BYTES, PriceRead};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn plan(method: serde_json::Value) -> DeliveryPlan {
    let vertical = json!({ "id": 1, "name": "Auto", "field": [{ "name": "zip_code", "type": "zip" }] });
    let fields = FieldRules::compile(&serde_json::from_value(vertical).unwrap()).unwrap();
    let method = serde_json::from_value(method).unwrap();
    DeliveryPlan::compile(&method, &fields, Purpose::Post, &|_| None).unwrap()
}

fn courier() -> Courier {
    let allow = vec!["127.0.0.0/8".parse().unwrap()];
    let outbound = Outbound::new(OutboundOptions { allow, ..OutboundOptions::default() }).unwrap();
    Courier::new(Arc::new(outbound), None)
}

fn lead(name: &str) -> Option<String> {
    (name == "zip_code").then(|| "90001".to_owned())
}

/// A buyer who answers one request so, with where it is.
async fn buyer(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/leads", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        // A form ends with the lead's last value, a question with its head.
        while !(read.ends_with(b"=90001") || read.starts_with(b"GET") && read.ends_with(b"\r\n\r\n")) {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "the request ended early");
        }
        // The client may hang up on a long answer.
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
        let _ = stream.write_all((head + &answer).as_bytes()).await;
    });
    url
}

async fn attempted(answer: &str, method: serde_json::Value) -> Attempted {
    let mut whole = json!({
        "method": "post", "url": buyer(answer.to_owned()).await, "params": { "zip": "#zip_code#" },
        "accepted": ["contains:success"],
    });
    whole.as_object_mut().unwrap().extend(method.as_object().unwrap().clone());
    courier().attempt(&plan(whole), AttemptKind::Post, &lead, None).await
}

#[tokio::test]
async fn an_acceptance_is_read_and_all_of_it_is_kept() {
    let answer = "<r>success<price>12.50</price></r>";
    let attempted = attempted(answer, json!({ "price": "xml:/r/price" })).await;
    let price = Some(PriceRead::Amount(Money::from_micros(12_500_000)));
    assert_eq!(attempted.read, BuyerAnswer::Accepted(BuyerReading { price, ..BuyerReading::default() }));
    assert_eq!((attempted.phase, attempted.status, &attempted.error), (Phase::Done, Some(200), &None));
    assert!(attempted.request.ends_with(b"\r\n\r\nzip=90001"));
    assert_eq!(attempted.answer, answer.as_bytes());
    let at = Timestamp::from_micros(1_800_000_000_000_000);
    let row = attempted.into_attempt(RowId::at_or_after(at), at, ContractId(5));
    assert_eq!((row.kind, row.contract, row.ms.tls), (AttemptKind::Post, ContractId(5), None));
}

#[tokio::test]
async fn a_buyer_who_repeats_a_secret_does_not_get_it_into_the_row() {
    let method = json!({ "headers": { "X-Api-Key": "topsecret" }, "auth": { "basic": "me:opensesame" } });
    let answer = "success topsecret me:opensesame bWU6b3BlbnNlc2FtZQ==";
    let attempted = attempted(answer, method).await;
    assert!(matches!(attempted.read, BuyerAnswer::Accepted(_)));
    assert_eq!(attempted.answer, b"success ******** ******** ********");
    assert!(!String::from_utf8(attempted.request).unwrap().contains("topsecret"));
}

#[tokio::test]
async fn a_long_answer_is_read_whole_and_kept_in_part() {
    let answer = format!("{}success", "x".repeat(100_000));
    let attempted = attempted(&answer, json!({})).await;
    assert!(matches!(attempted.read, BuyerAnswer::Accepted(_)));
    assert_eq!(attempted.answer.len(), MAX_KEPT_BYTES);
}

#[tokio::test]
async fn a_long_request_is_sent_whole_and_kept_in_part() {
    let url = buyer("success".to_owned()).await;
    let long = "x".repeat(100_000);
    let plan = plan(json!({
        "method": "post", "url": url, "accepted": ["contains:success"], "params": { "zip": "#zip_code#", "a": long },
    }));
    let attempted = courier().attempt(&plan, AttemptKind::Post, &lead, None).await;
    assert!(matches!(attempted.read, BuyerAnswer::Accepted(_)), "{:?}", attempted.error);
    assert_eq!(attempted.request.len(), MAX_KEPT_BYTES);
}

#[tokio::test]
async fn an_answer_over_the_limit_is_an_error_answer() {
    let answer = format!("success{}", "x".repeat(300_000));
    let attempted = attempted(&answer, json!({})).await;
    assert_eq!(attempted.read, BuyerAnswer::Error(BuyerReading::default()));
    assert_eq!((attempted.phase, attempted.status), (Phase::Body, Some(200)));
    assert_eq!(attempted.answer.len(), MAX_KEPT_BYTES);
    assert!(attempted.error.unwrap().starts_with("the answer is longer than 262144 bytes"));
}

#[tokio::test]
async fn a_buyer_who_is_not_there_has_not_got_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/?api_key=abcdef", listener.local_addr().unwrap());
    drop(listener);
    let plan = plan(json!({ "method": "get", "url": url, "accepted": ["contains:x"] }));
    let attempted = courier().attempt(&plan, AttemptKind::Ping, &lead, None).await;
    assert_eq!(attempted.read, BuyerAnswer::Failed(PostFailure::Broken { sent: false }));
    assert_eq!((attempted.phase, attempted.kind), (Phase::Connect, AttemptKind::Ping));
    let error = attempted.error.unwrap();
    assert_eq!(error, "failed while connecting: connection refused; nothing was sent, so a repeat is safe");
}

#[tokio::test]
async fn a_status_is_asked_and_read_with_the_posts_patterns() {
    let url = buyer("success".to_owned()).await;
    let plan = plan(json!({
        "method": "post", "url": "https://buyer.example/", "status_url": format!("{url}?zip=#zip_code#"),
        "accepted": ["contains:success"],
    }));
    let attempted = courier().attempt(&plan, AttemptKind::Status, &lead, None).await;
    assert_eq!(attempted.kind, AttemptKind::Status);
    assert_eq!(attempted.read, BuyerAnswer::Accepted(BuyerReading::default()));
    assert!(attempted.request.starts_with(b"GET http://127.0.0.1:"));
}

#[tokio::test]
async fn a_status_without_an_address_is_not_asked() {
    let plan = plan(json!({ "method": "post", "url": "https://buyer.example/", "accepted": ["contains:x"] }));
    let attempted = courier().attempt(&plan, AttemptKind::Status, &lead, None).await;
    assert_eq!(attempted.read, BuyerAnswer::Failed(PostFailure::Broken { sent: false }));
    assert_eq!(
        attempted.error.as_deref(),
        Some(
            "the request could not be made: the buyer has no address to ask for a lead's status; nothing was sent, so a repeat is safe"
        )
    );
}

#[tokio::test]
async fn a_mail_without_a_relay_is_not_sent() {
    let plan = plan(json!({ "method": "email", "to": "a@b.example", "params": { "zip": "#zip_code#" } }));
    let attempted = courier().attempt(&plan, AttemptKind::Post, &lead, None).await;
    assert_eq!(attempted.read, BuyerAnswer::Failed(PostFailure::Broken { sent: false }));
    assert_eq!(attempted.request, b"To: a@b.example\r\nSubject: Lead \r\n\r\nzip: 90001\r\n");
}

/// An attempt may run on another thread, whatever looked the values up.
#[test]
fn an_attempt_crosses_threads() {
    fn crosses(_: &impl Send) {}
    let plan = plan(json!({ "method": "get", "url": "https://buyer.example/", "accepted": ["contains:x"] }));
    let courier = courier();
    let not_shared = std::cell::Cell::new(0);
    let lookup = |_: &str| {
        not_shared.set(1);
        None
    };
    crosses(&courier.attempt(&plan, AttemptKind::Post, &lookup, None));
}
