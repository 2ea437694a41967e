//! Buyers that answer.

use crate::client::{answer, body, get, post};
use crumb_mock_buyer::{Answer, MockBuyers, Verdict};

async fn buyers() -> MockBuyers {
    MockBuyers::start().await.expect("a free port")
}

/// What a buyer says that accepts without a price.
const ACCEPTED: &str = "<result><code>0</code><msg>success</msg></result>";

/// The value of an element of an answer.
fn element<'a>(body: &'a str, name: &str) -> &'a str {
    let after = body.split_once(&format!("<{name}>")).expect("the element").1;
    after.split_once(&format!("</{name}>")).expect("its end").0
}

#[tokio::test]
async fn an_accepting_buyer_says_code_0_success_and_its_price() {
    let buyers = buyers().await;
    let target = "/accept?price=30.00&redirect=https%3A%2F%2Fb.example%2F%3Fa%3D1%26b&lead_id=B-77";
    let body = "<result><code>0</code><msg>success</msg><price>30.00</price><lead_id>B-77</lead_id>\
                <redirect>https://b.example/?a=1&amp;b</redirect></result>";
    let expected = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(answer(&buyers, &post(target, "zip=90210")).await, expected);
}

#[tokio::test]
async fn each_verdict_has_its_code_and_words() {
    let buyers = buyers().await;
    for (path, said) in [
        ("/accept", "<code>0</code><msg>success</msg>"),
        ("/reject", "<code>1</code><msg>rejected</msg>"),
        ("/duplicate", "<code>2</code><msg>duplicate</msg>"),
        ("/error", "<code>3</code><msg>error</msg>"),
        ("/unknown", "<code>99</code><msg>thank you</msg>"),
    ] {
        assert_eq!(body(&buyers, path).await, format!("<result>{said}</result>"));
    }
}

#[tokio::test]
async fn an_answer_may_be_json_or_text_and_have_any_status() {
    let buyers = buyers().await;
    let json = answer(&buyers, &get("/accept?price=30.00&format=json")).await;
    assert!(json.contains("\r\nContent-Type: application/json\r\n"), "{json}");
    assert!(json.ends_with("\r\n\r\n{\"code\":0,\"msg\":\"success\",\"price\":\"30.00\"}"), "{json}");
    let text = answer(&buyers, &get("/reject?format=text&http=503")).await;
    assert!(text.starts_with("HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain"), "{text}");
    assert!(text.ends_with("\r\n\r\nrejected\n"), "{text}");
}

#[tokio::test]
async fn a_ping_is_quoted_with_a_session_token() {
    let buyers = buyers().await;
    let given = body(&buyers, "/ping?price=12.00&session=abc").await;
    assert_eq!((element(&given, "price"), element(&given, "session")), ("12.00", "abc"));
    let made = body(&buyers, "/ping?price=12.00").await;
    assert!(element(&made, "session").len() > 10, "{made}");
    assert_eq!(body(&buyers, "/ping?price=12.00").await, made, "the same for the same request");
}

#[tokio::test]
async fn an_auctions_price_repeats_differs_by_path_and_holds_for_the_post() {
    let buyers = buyers().await;
    let quote = body(&buyers, "/auction?min=5&max=4000&zip=90210").await;
    assert_eq!(body(&buyers, "/auction?min=5&max=4000&zip=90210").await, quote);
    let other = body(&buyers, "/auction/other?min=5&max=4000&zip=90210").await;
    assert_ne!(element(&other, "price"), element(&quote, "price"));
    let lead = format!("zip=90210&name=Ada&session={}", element(&quote, "session"));
    let sold = answer(&buyers, &post("/auction?min=5&max=4000", &lead)).await;
    assert_eq!(element(&sold, "price"), element(&quote, "price"));
}

#[tokio::test]
async fn a_big_answer_has_the_length_that_was_asked_for() {
    let buyers = buyers().await;
    let body = body(&buyers, "/big?kb=300&price=2.00").await;
    assert_eq!(body.len(), 300 * 1024);
    assert_eq!(body.trim_end_matches(' '), ACCEPTED.replace("</msg>", "</msg><price>2.00</price>"));
}

#[tokio::test]
async fn a_buyer_may_have_words_of_its_own() {
    let buyers = buyers().await;
    assert_eq!(body(&buyers, "/say?body=OK%7C12.50").await, "OK|12.50");
    buyers.set("odd", Answer::exactly("text/html", "<b>YES</b>"));
    let odd = answer(&buyers, &get("/odd")).await;
    assert!(odd.contains("\r\nContent-Type: text/html\r\n") && odd.ends_with("\r\n\r\n<b>YES</b>"), "{odd}");
}

#[tokio::test]
async fn a_status_is_told_outright() {
    let buyers = buyers().await;
    for (is, code) in [("accepted", "0"), ("rejected", "1"), ("unknown", "99")] {
        assert_eq!(element(&body(&buyers, &format!("/status?is={is}")).await, "code"), code);
    }
}

#[tokio::test]
async fn a_status_is_what_was_made_of_the_lead_that_was_posted() {
    let buyers = buyers().await;
    let cut = answer(&buyers, &post("/cut-after?made=accepted", "ref=VM3NYDBN&zip=90210")).await;
    assert_eq!(cut, "");
    answer(&buyers, &post("/reject", "<lead>QQ11</lead>")).await;
    for (target, code) in [
        ("/status?id=VM3NYDBN", "0"),
        ("/status?id=QQ11", "1"),
        ("/status?id=NEVER", "1"),
        ("/status?id=", "99"),
        ("/status?id=VM3NYDBN&is=rejected", "1"),
        // Asking makes nothing of a lead.
        ("/status?id=VM3NYDBN", "0"),
    ] {
        assert_eq!(element(&body(&buyers, target).await, "code"), code, "{target}");
    }
}

#[tokio::test]
async fn a_redirect_is_sent_and_nobody_follows() {
    let buyers = buyers().await;
    let sent = answer(&buyers, &get("/redirect?to=http%3A%2F%2Fx.example%2Fy")).await;
    assert!(sent.starts_with("HTTP/1.1 302 Found\r\nLocation: http://x.example/y\r\n"), "{sent}");
    assert!(sent.ends_with("\r\nContent-Length: 0\r\n\r\n"), "{sent}");
    assert!(answer(&buyers, &get("/redirect?http=307")).await.contains("\r\nLocation: /accept\r\n"));
    assert_eq!(buyers.count("/accept"), 0);
}

#[tokio::test]
async fn who_asks_for_nobody_is_told_who_there_is() {
    let buyers = buyers().await;
    let nobody = answer(&buyers, &get("/acept")).await;
    assert!(nobody.starts_with("HTTP/1.1 404 Not Found\r\n"), "{nobody}");
    assert!(nobody.contains("\r\n\r\nno such buyer; there are:\n/accept?price=30.00"), "{nobody}");
    let wrong = answer(&buyers, &get("/after?ms=soon")).await;
    assert!(wrong.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{wrong}");
    assert!(wrong.ends_with("\r\n\r\nms: a number from 0 to 600000\n"), "{wrong}");
}

#[tokio::test]
async fn a_head_is_asked_for_without_a_body() {
    let buyers = buyers().await;
    let whole = answer(&buyers, &get("/accept")).await;
    let head = answer(&buyers, &get("/accept").replace("GET", "HEAD")).await;
    assert_eq!(Some(head), whole.strip_suffix(ACCEPTED).map(str::to_owned));
}

#[tokio::test]
async fn every_verdict_can_be_set_in_code() {
    let buyers = buyers().await;
    for (verdict, said) in [
        (Verdict::Accepted, "success"),
        (Verdict::Rejected, "rejected"),
        (Verdict::Duplicate, "duplicate"),
        (Verdict::Error, "error"),
        (Verdict::Unknown, "thank you"),
    ] {
        buyers.set("/known", Answer::of(verdict));
        assert_eq!(element(&body(&buyers, "/known?any=thing").await, "msg"), said);
    }
}
