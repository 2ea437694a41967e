//! Why a conversion is whose it is, and why a call of the pixel made nothing: as the API
//! says it.

use crate::conversions::*;
use crate::posts::{ANN, HOSTED, lead_id, post};
use crumb_testkit::{Server, Visitor};
use serde_json::{Value, json};

/// The newest line of the pixel log: by what its session was looked for, and why.
async fn last_line(server: &Server) -> (Value, String) {
    let row = log(server).await.pop().unwrap();
    (row["lookup"].clone(), row["why"].as_str().unwrap().to_owned())
}

/// The newest conversion's own.
async fn last_why(server: &Server) -> String {
    conversions(server).await.pop().unwrap()["why"].as_str().unwrap().to_owned()
}

async fn fired(visitor: &Visitor, query: &str) {
    assert_eq!(visitor.get(&format!("/p.ashx?{query}")).await.status, 200, "{query}");
}

#[tokio::test]
async fn a_conversion_says_by_what_it_was_credited_as_does_the_call_that_made_it() {
    let server = shop_server("", "").await;
    let (visitor, other) = (server.visitor(), server.visitor());
    let by_cookie = visitor.click("/?a=12&c=4001").await;
    let by_device = server.visitor().click("/?a=13&c=4001&udid=phone").await;
    let by_id = other.click("/?a=12&c=4001").await;
    server.clock.advance_seconds(130);
    let (id, cookie, device) = (
        format!(
            "Credited to affiliate 12 by request id: the call named session {by_id}, which was 2 minutes old."
        ),
        format!(
            "Credited to affiliate 12 by the visitor's cookie: it names session {by_cookie}, which was 2 minutes old."
        ),
        format!(
            "Credited to affiliate 13 by device id: a click that named the same is of session {by_device}, which was 2 \
             minutes old."
        ),
    );
    // A request id goes before a cookie, and a cookie before a device.
    for (query, lookup, why) in [
        (format!("o=400&f=img&r={by_id}"), "request_id", id),
        ("o=400&f=img&udid=phone".to_owned(), "cookie", cookie),
    ] {
        fired(&visitor, &query).await;
        assert_eq!(last_line(&server).await, (json!(lookup), why.clone()), "{query}");
        assert_eq!(last_why(&server).await, why, "{query}");
    }
    converted(&server, "o=400&udid=phone").await;
    assert_eq!(last_line(&server).await, (json!("device"), device.clone()));
    assert_eq!(last_why(&server).await, device);
    fired(&visitor, "a=1&f=img").await;
    let (lookup, why) = last_line(&server).await;
    assert_eq!(lookup, "cookie");
    assert_eq!(
        why,
        format!(
            "Duplicate Conversion: session {by_cookie} had a call or a conversion of this event before, so the call made no conversion."
        )
    );
}

#[tokio::test]
async fn a_call_that_names_no_session_is_told_which_of_the_ways_failed_and_how() {
    let server = shop_server("", "").await;
    let away = shop_server("", "").await;
    away.clock.advance_seconds(10);
    let (visitor, gone, lead) = (server.visitor(), away.visitor(), server.visitor());
    visitor.click("/?a=12&c=4001").await;
    let unknown = gone.click("/?a=12&c=4001").await;
    let of_lead = lead.click("/?a=12&c=1057").await;
    let forged = server.visitor();
    let names = gone.cookie_names();
    let name = names.iter().find(|name| name.ends_with("400")).unwrap();
    forged.set_cookie(name, Some("forged"));
    let kept = server.visitor();
    let value =
        gone.cookies().split("; ").find_map(|pair| pair.strip_prefix(&format!("{name}=")).map(str::to_owned));
    kept.set_cookie(name, value.as_deref());
    for (visitor, query, lookup, because) in [
        (
            &visitor,
            "r=x".to_owned(),
            "malformed_request_id",
            "its request id is none that was given out here",
        ),
        (&visitor, format!("r={unknown}"), "unknown_request_id", "there is no session of its request id"),
        (&visitor, format!("r={of_lead}"), "other_offer", "its request id is of a session on another offer"),
        (&lead, String::new(), "nothing_named", "it brought no request id and no cookie of the offer"),
        (
            &lead,
            "udid=phone".to_owned(),
            "unknown_device",
            "it brought no request id and no cookie of the offer, and no click on the offer named its device",
        ),
        (
            &forged,
            "udid=phone".to_owned(),
            "unsigned_cookie",
            "it brought no request id, and no cookie of the offer that was signed by this installation",
        ),
        (
            &kept,
            String::new(),
            "unknown_cookie",
            "it brought no request id, and there is no session of the cookie of the offer that it brought",
        ),
    ] {
        fired(visitor, &format!("o=400&f=img&{query}")).await;
        let why = format!("Invalid Request ID: {because}, so the call made no conversion.");
        assert_eq!(last_line(&server).await, (json!(lookup), why), "{query}");
    }
    refused(&server, "o=999", "Invalid Offer").await;
    let why = "Invalid Offer: it names no offer or advertiser that there is, so the call made no conversion.";
    assert_eq!(last_line(&server).await, (json!(null), why.to_owned()));
    assert!(conversions(&server).await.is_empty());
}

#[tokio::test]
async fn a_device_stands_in_for_a_cookie_that_does_not_verify() {
    let server = shop_server("", "").await;
    server.visitor().click("/?a=12&c=4001&udid=phone").await;
    let forged = server.visitor();
    forged.click("/?a=12&c=4001").await;
    for name in forged.cookie_names() {
        forged.set_cookie(&name, Some("forged"));
    }
    fired(&forged, "o=400&f=img&udid=phone").await;
    assert_eq!(last_line(&server).await.0, json!("device"));
}

#[tokio::test]
async fn a_lead_and_what_a_person_brought_in_say_so() {
    let server = shop_server("", "").await;
    let brought = clicked(&server).await;
    let rows = json!({ "conversions": [{ "request_id": brought }] });
    assert_eq!(server.api_post("/conversions", &rows).await.status, 201);
    let why = format!("A person brought it in for session {brought}, which is affiliate 12's.");
    assert_eq!(last_why(&server).await, why);
    server.clock.advance_seconds(60);
    let visitor = server.visitor();
    let session = visitor.click("/?a=12&c=1057").await;
    let lead = lead_id(&post(&server, &[HOSTED, ANN, &format!("ckm_request_id={session}")]).await);
    assert_eq!(last_why(&server).await, format!("It is lead {lead}, and affiliate 12's as that is."));
    // The call that names it is noted with it.
    converted(&server, &format!("r={session}")).await;
    let why = format!(
        "For affiliate 12 by request id: the call named session {session}, which was 0 seconds old. The session has a \
         lead, with which the call is noted: what it is worth is said there."
    );
    assert_eq!(last_line(&server).await, (json!("request_id"), why));
}

#[tokio::test]
async fn a_call_for_all_of_an_advertisers_offers_is_told_of_them() {
    let server = shop_server("", "[[advertiser]]\nid = 2\nname = \"Other\"").await;
    let id = clicked(&server).await;
    for (query, because) in [
        ("a=1".to_owned(), "it brought no request id and no cookie of the advertiser's offers"),
        (format!("a=2&r={id}"), "its request id is of a session on none of the advertiser's offers"),
    ] {
        refused(&server, &query, "Invalid Request ID").await;
        let why = format!("Invalid Request ID: {because}, so the call made no conversion.");
        assert_eq!(last_line(&server).await.1, why);
    }
}

#[tokio::test]
async fn a_conversion_over_a_cap_says_so_and_a_test_that_it_is_one() {
    let caps = "caps = [{ of = \"conversion\", interval = \"total\", limit = 0 }]";
    let server = shop_server(caps, "").await;
    converted(&server, &format!("r={}", clicked(&server).await)).await;
    let (_, why) = last_line(&server).await;
    assert!(why.ends_with(" old. A conversion cap is full, so it is recorded at 0.00."), "{why}");
    let test = server.visitor().click("/?a=-1&c=4001").await;
    converted(&server, &format!("r={test}")).await;
    let why = format!(
        "Credited to the test affiliate by request id: the call named session {test}, which was 0 seconds old. It is \
         a test: never paid or counted."
    );
    assert_eq!(last_why(&server).await, why);
}
