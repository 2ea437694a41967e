//! Attempts over real sockets.

use super::*;
use crate::mail::tests::{Does, relay};
use crate::outbound::OutboundOptions;
use crumb_domain::RowId;
use crumb_domain::delivery::DeliveryState;
use crumb_mock_buyer::{Answer, Behaviour, MockBuyer, Pace};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn delivery(url: &str, body: Option<&str>) -> Delivery {
    Delivery {
        id: RowId::from_i64(1 << 40).unwrap(),
        webhook_id: "msg_7".to_owned(),
        at: Timestamp::from_micros(0),
        kind: DeliveryKind::Postback,
        destination: "campaign:57".to_owned(),
        affiliate: None,
        campaign: None,
        offer: None,
        conversion: None,
        lead: None,
        url: url.to_owned(),
        shown_url: None,
        body: body.map(str::to_owned),
        state: DeliveryState::Waits,
        tries: 0,
        due: Timestamp::from_micros(0),
    }
}

/// A clock that stands still.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_614_265_330_999_999)
    }
}

fn message(destination: &str, url: &str) -> Delivery {
    Delivery {
        kind: DeliveryKind::Webhook,
        destination: destination.to_owned(),
        webhook_id: "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned(),
        ..delivery(url, Some(r#"{"test": 2432232314}"#))
    }
}

fn postman(allow: &[&str]) -> Postman {
    let allow = allow.iter().map(|network| network.parse().unwrap()).collect();
    let outbound = Outbound::new(OutboundOptions { allow, ..OutboundOptions::default() }).unwrap();
    let keys: WebhookKeys = Arc::new(|destination| match destination {
        "webhook:1" => Ok(WebhookKey::of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()),
        "webhook:2" => Err(NoKey::Hopeless("webhook 2 is inactive".to_owned())),
        _ => Err(NoKey::NotNow("webhook 3 has no secret".to_owned())),
    });
    Postman::new(Arc::new(outbound), keys, Arc::new(Noon))
}

async fn attempt(delivery: &Delivery) -> Attempted {
    postman(&["127.0.0.0/8"]).attempt(delivery).await
}

#[tokio::test]
async fn a_postback_is_a_get_that_says_who_calls_and_by_which_id() {
    let receiver = MockBuyer::start(Answer::exactly("text/plain", "thanks")).await.unwrap();
    let attempted = attempt(&delivery(&format!("{}?a=1&b=%20x#part", receiver.url()), None)).await;
    assert!(attempted.is_delivered(), "{attempted:?}");
    assert_eq!((attempted.phase.as_str(), attempted.answer.as_str()), ("done", "thanks"));
    assert_eq!(attempted.error, None);
    let request = receiver.requests().remove(0);
    assert_eq!((request.method.as_str(), request.query.as_str()), ("GET", "a=1&b=%20x"));
    assert_eq!(request.header("webhook-id"), Some("msg_7"));
    assert_eq!(request.header("user-agent"), Some(AGENT));
    assert!(AGENT.starts_with("Crumb/"));
    assert_eq!((request.header("content-type"), request.header("authorization")), (None, None));
}

#[tokio::test]
async fn what_has_a_body_is_a_post_of_json() {
    let receiver = MockBuyer::start(Answer::exactly("text/plain", "")).await.unwrap();
    let attempted = attempt(&delivery(&receiver.url(), Some(r#"{"type":"lead.sold"}"#))).await;
    assert!(attempted.is_delivered(), "{attempted:?}");
    let request = receiver.requests().remove(0);
    assert_eq!((request.method.as_str(), request.text().as_str()), ("POST", r#"{"type":"lead.sold"}"#));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("webhook-id"), Some("msg_7"));
}

#[tokio::test]
async fn a_message_to_a_webhook_has_the_headers_of_standard_webhooks() {
    let receiver = MockBuyer::start(Answer::exactly("text/plain", "")).await.unwrap();
    assert!(attempt(&message("webhook:1", &receiver.url())).await.is_delivered());
    let request = receiver.requests().remove(0);
    assert_eq!(request.header("webhook-id"), Some("msg_p5jXN8AQM9LWM0D4loKWxJek"));
    assert_eq!(request.header("webhook-timestamp"), Some("1614265330"));
    let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(request.header("webhook-signature"), Some(signature));
    assert_eq!(request.text(), r#"{"test": 2432232314}"#);
}

#[tokio::test]
async fn a_message_that_nobody_is_to_have_is_hopeless_and_one_without_a_secret_is_not() {
    let receiver = MockBuyer::start(Answer::exactly("text/plain", "")).await.unwrap();
    for (destination, hopeless, why) in [
        ("webhook:2", true, "webhook 2 is inactive; nothing was sent"),
        ("webhook:3", false, "webhook 3 has no secret; nothing was sent"),
    ] {
        let attempted = attempt(&message(destination, &receiver.url())).await;
        assert_eq!((attempted.is_hopeless, attempted.error.as_deref()), (hopeless, Some(why)));
        assert!(!attempted.is_delivered());
    }
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn a_urls_user_and_password_are_sent_as_such() {
    let receiver = MockBuyer::start(Answer::exactly("text/plain", "")).await.unwrap();
    let url = receiver.url().replace("http://", "http://ann:s3cret@");
    assert!(attempt(&delivery(&url, None)).await.is_delivered());
    assert_eq!(receiver.requests()[0].header("authorization"), Some("Basic YW5uOnMzY3JldA=="));
}

#[tokio::test]
async fn only_2xx_is_an_answer_and_no_redirect_is_followed() {
    let receiver = MockBuyer::start(Behaviour::reject()).await.unwrap();
    for (status, expected) in
        [(200, true), (204, true), (299, true), (199, false), (304, false), (404, false), (500, false)]
    {
        receiver.set(Answer::exactly("text/plain", "").status(status));
        let attempted = attempt(&delivery(&receiver.url(), None)).await;
        assert_eq!(attempted.is_delivered(), expected, "{status}: {attempted:?}");
    }
    let before = receiver.count();
    receiver.set(Behaviour::Redirect { to: receiver.url(), status: 302 });
    let attempted = attempt(&delivery(&receiver.url(), None)).await;
    assert_eq!((attempted.status, attempted.is_delivered()), (Some(302), false));
    assert_eq!(receiver.count(), before + 1);
}

#[tokio::test]
async fn of_an_attempt_that_failed_it_is_said_what_happened_and_no_more() {
    let nobody = "http://127.0.0.1:1/";
    let error = attempt(&delivery(nobody, None)).await.error;
    assert_eq!(error.as_deref(), Some("failed while connecting: connection refused"));
    let attempted = attempt(&delivery(&cut_after("HTTP/1.1 ").await, None)).await;
    let error = attempted.error.unwrap();
    assert!(
        error.starts_with("failed while waiting for the answer: ") && !error.contains("repeat"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_that_is_cut_or_endless_after_its_2xx_counts_all_the_same() {
    let long = "x".repeat(crate::outbound::MAX_ANSWER_BYTES + 1);
    let receiver = MockBuyer::start(Answer::exactly("text/plain", &long)).await.unwrap();
    let attempted = attempt(&delivery(&receiver.url(), None)).await;
    assert!(attempted.is_delivered(), "{attempted:?}");
    assert!(attempted.error.unwrap().contains("longer than"));
    assert_eq!(attempted.answer.chars().count(), MAX_KEPT_ANSWER_CHARS, "its beginning is kept");
    let endless = Pace::Endless { kib_per_second: 65_536 };
    receiver.set(Answer::exactly("text/plain", "thanks").pace(endless));
    let attempted = attempt(&delivery(&receiver.url(), None)).await;
    assert!(attempted.is_delivered(), "{attempted:?}");
    assert!(attempted.error.unwrap().contains("longer than"));
    let attempted =
        attempt(&delivery(&cut_after("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nthan").await, None)).await;
    assert!(attempted.is_delivered(), "{attempted:?}");
    assert!(attempted.error.unwrap().starts_with("failed while reading the answer"));
    assert_eq!(attempted.answer, "than");
}

/// Who answers one request with these bytes, and closes.
async fn cut_after(bytes: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "the request ended early");
        }
        stream.write_all(bytes.as_bytes()).await.unwrap();
    });
    url
}

#[tokio::test]
async fn a_receiver_that_closes_without_a_word_has_not_answered() {
    let receiver = MockBuyer::start(Behaviour::CutAfter { made: None }).await.unwrap();
    let attempted = attempt(&delivery(&receiver.url(), None)).await;
    assert_eq!((attempted.status, attempted.is_delivered()), (None, false));
    assert!(attempted.error.is_some());
}

#[tokio::test]
async fn an_address_that_must_not_be_called_fails_with_a_clear_error() {
    let receiver = MockBuyer::start(Behaviour::accept("1.00")).await.unwrap();
    let attempted = postman(&[]).attempt(&delivery(&receiver.url(), None)).await;
    assert!(!attempted.is_delivered());
    let error = attempted.error.unwrap();
    assert!(error.contains("the host's address is loopback and no allowed network names it"), "{error}");
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn a_url_that_cannot_be_called_fails_with_a_clear_error() {
    for (url, why) in [
        ("ftp://x.example/", "the address is neither http nor https; nothing was sent"),
        ("javascript:alert(1)", "the address is neither http nor https; nothing was sent"),
        ("/relative", "the address is no absolute URL; nothing was sent"),
    ] {
        let attempted = attempt(&delivery(url, None)).await;
        assert!(!attempted.is_delivered());
        assert_eq!(attempted.error.as_deref(), Some(why));
    }
}

#[test]
fn what_a_receiver_asks_by_retry_after_is_told() {
    let headers = [(RETRY_AFTER, HeaderValue::from_static("120"))].into_iter().collect();
    let called = Called {
        phase: crumb_domain::selling::Phase::Done,
        ms: Milliseconds { connect: Some(2), head: Some(40), ..Milliseconds::default() },
        status: Some(503),
        headers,
        answer: Vec::new(),
        error: None,
    };
    let attempted = attempted(called);
    assert_eq!(attempted.retry_after.as_deref(), Some("120"));
    assert_eq!(attempted.took_ms, 42);
}

fn alert_mail() -> Delivery {
    Delivery {
        kind: DeliveryKind::Mail,
        destination: "mail:ops@example.com".to_owned(),
        ..delivery("mailto:ops@example.com?subject=Crumb%3A%20bad_redirect", Some("look at this\r\n"))
    }
}

#[tokio::test]
async fn a_mail_is_handed_to_the_relay_under_its_id() {
    let (options, relay) = relay("", Does::HangsUp).await;
    let mailer = Mailer::new(options).unwrap();
    let attempted = postman(&[]).mailing(Some(Arc::new(mailer))).attempt(&alert_mail()).await;
    assert!(attempted.is_delivered(), "{attempted:?}");
    assert_eq!((attempted.phase.as_str(), attempted.error), ("done", None));
    let lines = relay.await.unwrap();
    for line in [
        "RCPT TO:<ops@example.com>",
        "To: ops@example.com",
        "Subject: Crumb: bad_redirect",
        "Message-ID: <msg_7@crumb.example>",
        "look at this",
    ] {
        assert!(lines.iter().any(|said| said == line), "{line}: {lines:?}");
    }
}

#[tokio::test]
async fn a_mail_that_the_relay_does_not_take_is_none_and_follows_the_schedule() {
    for (at, says) in [(".", "554 no spam\r\n"), ("RCPT", "450 later\r\n")] {
        let (options, _) = relay(at, Does::Says(says)).await;
        let mailer = Mailer::new(options).unwrap();
        let attempted = postman(&[]).mailing(Some(Arc::new(mailer))).attempt(&alert_mail()).await;
        assert!(!attempted.is_delivered() && !attempted.is_hopeless, "{attempted:?}");
        assert!(attempted.error.is_some(), "{attempted:?}");
    }
    let attempted = postman(&[]).attempt(&alert_mail()).await;
    assert_eq!(attempted.error.as_deref(), Some("there is no mail relay; nothing was sent"));
}
