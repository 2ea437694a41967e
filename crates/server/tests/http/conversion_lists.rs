//! The lists of conversions and of pixels: which rows each filter leaves.

use crate::conversions::*;
use crate::posts::{ANN, HOSTED, accepted};
use crumb_testkit::Server;
use serde_json::{Value, json};

const MORE: &str = "[[campaign]]\nid = 61\naffiliate = 13\noffer = 400\nkey = \"Qw3eR5tY7uJ\"\n\
    [[advertiser]]\nid = 2\nname = \"Shops\"\n";
const EVENTS: &str = "[[offer.event]]\nid = 1\nname = \"Sale\"\n[[offer.event]]\nid = 2\nname = \"Order\"";

/// With a shop of advertiser 2, a minute apart: a conversion of affiliate 12, one of affiliate 13 for event 2, a call that
/// names nobody, and a lead. With the request ids of the first two.
async fn four() -> (Server, [String; 2]) {
    let of_another = shop(EVENTS, MORE).replacen(
        "advertiser = 1\ntype = \"third_party\"",
        "advertiser = 2\ntype = \"third_party\"",
        1,
    );
    let server = Server::start(&of_another).await;
    let first = clicked(&server).await;
    converted(&server, &format!("r={first}&t=A")).await;
    server.clock.advance_seconds(60);
    let second = server.visitor().click("/?a=13&c=4001").await;
    converted(&server, &format!("r={second}&e=2&t=B")).await;
    server.clock.advance_seconds(60);
    refused(&server, "o=400&r=1", "Invalid Request ID").await;
    server.clock.advance_seconds(60);
    accepted(&server, &[HOSTED, ANN]).await;
    (server, [first, second])
}

/// The minutes at which the rows of a list came, oldest first.
async fn minutes(server: &Server, list: &str, filter: &str) -> Vec<String> {
    let found = server.api_json(&format!("/{list}?sort=id&{filter}")).await;
    let rows = found["data"].as_array().unwrap();
    assert_eq!(found["total"], rows.len(), "{filter}");
    rows.iter().map(|row| row["at"].as_str().unwrap()[14..16].to_owned()).collect()
}

#[tokio::test]
async fn conversions_are_listed_by_each_filter_from_a_moment_on_and_before_another() {
    let (server, [first, _]) = four().await;
    for (filter, expected) in [
        (String::new(), &["00", "01", "03"][..]),
        ("offer=400".to_owned(), &["00", "01"]),
        ("offer=100".to_owned(), &["03"]),
        ("affiliate=12".to_owned(), &["00", "03"]),
        ("affiliate=13".to_owned(), &["01"]),
        ("advertiser=1".to_owned(), &["03"]),
        ("advertiser=2".to_owned(), &["00", "01"]),
        ("advertiser=3".to_owned(), &[]),
        ("campaign=61".to_owned(), &["01"]),
        ("event=2".to_owned(), &["01"]),
        ("disposition=approved".to_owned(), &["00", "01", "03"]),
        ("disposition=rejected".to_owned(), &[]),
        (format!("request_id={first}"), &["00"]),
        ("request_id=5".to_owned(), &[]),
        ("transaction_id=B".to_owned(), &["01"]),
        ("from=2026-07-01T12:01:00Z".to_owned(), &["01", "03"]),
        ("to=2026-07-01T12:01:00Z".to_owned(), &["00"]),
        ("from=2026-07-01T12:01:00Z&to=2026-07-01T12:03:00Z".to_owned(), &["01"]),
        ("from=2026-07-01T12:01:00Z&to=2026-07-01T12:03:00.000001Z".to_owned(), &["01", "03"]),
    ] {
        assert_eq!(minutes(&server, "conversions", &filter).await, expected, "{filter}");
    }
    let newest_first = server.api_json("/conversions").await["data"].clone();
    let mut oldest_first = conversions(&server).await;
    oldest_first.reverse();
    assert_eq!(newest_first, Value::Array(oldest_first.clone()));
    for row in oldest_first {
        let id = row["id"].as_str().unwrap();
        assert_eq!(server.api_json(&format!("/conversions/{id}")).await, row, "a row is the resource");
    }
}

#[tokio::test]
async fn pixels_are_listed_by_each_filter_from_a_moment_on_and_before_another() {
    let (server, [first, second]) = four().await;
    for (filter, expected) in [
        (String::new(), &["00", "01", "02"][..]),
        ("offer=400".to_owned(), &["00", "01", "02"]),
        ("offer=100".to_owned(), &[]),
        ("affiliate=13".to_owned(), &["01"]),
        (format!("request_id={first}"), &["00"]),
        (format!("offer=400&request_id={second}"), &["01"]),
        ("disposition=ok".to_owned(), &["00", "01"]),
        ("disposition=Invalid%20Request%20ID".to_owned(), &["02"]),
        ("from=2026-07-01T12:01:00Z".to_owned(), &["01", "02"]),
        ("to=2026-07-01T12:01:00Z".to_owned(), &["00"]),
        ("from=2026-07-01T12:01:00Z&to=2026-07-01T12:02:00Z".to_owned(), &["01"]),
    ] {
        assert_eq!(minutes(&server, "pixels", &filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn a_wrong_filter_of_conversions_or_pixels_is_named() {
    let server = shop_server("", "").await;
    for (list, filter, path) in [
        ("conversions", "disposition=lost", "disposition"),
        ("conversions", "event=x", "event"),
        ("conversions", "from=now", "from"),
        ("conversions", "limit=1001", "limit"),
        ("conversions", "buyer=5", "buyer"),
        ("pixels", "disposition=lost", "disposition"),
        ("pixels", "disposition=OK", "disposition"),
        ("pixels", "to=now", "to"),
        ("pixels", "limit=1001", "limit"),
        ("pixels", "event=1", "event"),
        ("rejections", "outcome=lost", "outcome"),
        ("rejections", "limit=1001", "limit"),
        ("leads", "limit=1001", "limit"),
    ] {
        let refused = server.api(&format!("/{list}?{filter}")).await;
        assert_eq!(refused.status, 400, "{list} {filter}");
        assert_eq!(refused.json()["errors"][0]["path"], json!(path), "{list} {filter}");
    }
    let refused = server.api("/pixels?disposition=OK").await.json();
    let told = refused["errors"][0]["message"].as_str().unwrap();
    assert!(
        told.starts_with("expected one of \"ok\", \"Over Conversion Cap\", \"Invalid Offer\", "),
        "{told}"
    );
}
