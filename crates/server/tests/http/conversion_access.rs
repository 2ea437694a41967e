//! What an affiliate's key shows of conversions, pixels and deliveries: its own, and of
//! that neither the advertiser's money nor what it knows of its customers.

use crate::conversions::*;
use crumb_testkit::{Reply, Request, Server};
use serde_json::{Value, json};

const OTHERS: &str = "[[campaign]]\nid = 61\naffiliate = 13\noffer = 400\nkey = \"Qw3eR5tY7uJ\"\n\
                      postback_url = \"https://other.example/?t=#tid#\"";

async fn ask(server: &Server, key: &str, target: &str) -> Reply {
    server.admin.send(Request::get(&format!("/api/v1{target}")).bearer(key)).await
}

async fn rows(server: &Server, key: &str, target: &str) -> Vec<Value> {
    let reply = ask(server, key, target).await;
    assert_eq!(reply.status, 200, "{target}: {}", reply.text());
    reply.json()["data"].as_array().cloned().unwrap_or_default()
}

/// A conversion of affiliate 12 and one of affiliate 13, each with `t`; their request ids.
async fn two(server: &Server) -> [String; 2] {
    let ids = [clicked(server).await, server.visitor().click("/?a=13&c=4001").await];
    for (id, transaction) in ids.iter().zip(["T12", "T13"]) {
        converted(server, &format!("r={id}&t={transaction}&u=jane&udid=D1&ect=9.00")).await;
    }
    ids
}

#[tokio::test]
async fn an_affiliate_sees_what_is_its_own_by_whatever_filter() {
    let server = shop_server("", OTHERS).await;
    let [own, others] = two(&server).await;
    let key = server.api_key("affiliate:12").await;
    let theirs = conversions(&server).await[1]["id"].as_str().unwrap().to_owned();
    let delivery = server.api_json("/deliveries").await["data"][0]["id"].as_str().unwrap().to_owned();
    for (target, expected) in [
        ("/conversions".to_owned(), 1),
        (format!("/conversions?request_id={own}"), 1),
        (format!("/conversions?request_id={others}"), 0),
        ("/conversions?transaction_id=T13".to_owned(), 0),
        ("/conversions?campaign=61".to_owned(), 0),
        ("/pixels".to_owned(), 1),
        (format!("/pixels?request_id={others}"), 0),
        ("/deliveries".to_owned(), 0),
        (format!("/deliveries?conversion={theirs}"), 0),
        ("/deliveries?destination=campaign:61".to_owned(), 0),
    ] {
        let found = rows(&server, &key, &target).await;
        assert_eq!(found.len(), expected, "{target}");
        assert!(found.iter().all(|row| row["affiliate"] == 12), "{target}");
    }
    for list in ["conversions", "pixels", "deliveries"] {
        assert_eq!(ask(&server, &key, &format!("/{list}?affiliate=13")).await.status, 403, "{list}");
    }
    for target in [format!("/conversions/{theirs}"), format!("/deliveries/{delivery}")] {
        assert_eq!(ask(&server, &key, &target).await.status, 404, "{target}");
    }
    let key = server.api_key("affiliate:13").await;
    assert_eq!(rows(&server, &key, "/deliveries").await.len(), 1);
    assert_eq!(ask(&server, &key, &format!("/deliveries/{delivery}")).await.status, 200);
}

#[tokio::test]
async fn an_affiliate_is_told_neither_by_a_row_nor_by_a_filter_what_is_the_advertisers() {
    let server = shop_server("", OTHERS).await;
    two(&server).await;
    let key = server.api_key("affiliate:12").await;
    let row = rows(&server, &key, "/conversions").await.remove(0);
    for member in ["advertiser", "received", "order", "user_id", "device_id", "ip"] {
        assert_eq!(row[member], json!(null), "{member}");
    }
    assert_eq!(row["payout"], "12.00");
    let call = rows(&server, &key, "/pixels").await.remove(0);
    for member in ["advertiser", "ip", "user_agent", "referrer"] {
        assert_eq!(call[member], json!(null), "{member}");
    }
    assert_eq!(ask(&server, &key, "/conversions?advertiser=1").await.status, 403);
}

#[tokio::test]
async fn a_buyer_sees_none_of_it() {
    let server = shop_server("", OTHERS).await;
    two(&server).await;
    let key = server.api_key("buyer:5").await;
    for list in ["conversions", "pixels", "deliveries"] {
        assert_eq!(ask(&server, &key, &format!("/{list}")).await.status, 403, "{list}");
    }
}
