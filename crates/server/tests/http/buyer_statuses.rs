//! What buyers say of the leads that they bought.

use crate::contracts::*;
use crate::returns::{get_as, post_as};
use crumb_storage::SellingStore as _;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;
use serde_json::{Value, json};

async fn sold_to_both(buyers: &MockBuyers) -> (Server, String) {
    let both = [(7, "30.00"), (8, "20.00")]
        .map(|(id, price)| Contract::new(id, &buyers.url(&format!("/accept/{id}")), price).multisell());
    let server = Server::start(&market(&both)).await;
    assert_sold(&sell(&server, "ann").await);
    let id = only(&server).await.id;
    (server, format!("/leads/{id}/statuses"))
}

#[tokio::test]
async fn a_buyers_status_is_kept_for_its_sale_and_stands_in_the_time_line() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, target) = sold_to_both(&buyers).await;
    let (seven, eight) = (server.api_key("buyer:7").await, server.api_key("buyer:8").await);
    let told = json!({ "status": "contacted", "sub_status": "left a message", "note": "Rings back." });
    let kept = post_as(&server, &seven, &target, &told).await;
    assert_eq!(kept.status, 201, "{}", kept.text());
    assert_eq!((&kept.json()["contract"], &kept.json()["buyer"]), (&json!(7), &json!(7)));
    server.clock.advance_days(1);
    post_as(&server, &seven, &target, &json!({ "status": "funded" })).await;
    post_as(&server, &eight, &target, &json!({ "status": "no answer", "contract": 8 })).await;
    let shown = server.api_json(&target).await;
    let said: Vec<_> = shown["data"].as_array().unwrap().iter().map(|one| one["status"].clone()).collect();
    assert_eq!((said, &shown["total"]), (vec![json!("funded"), json!("no answer")], &json!(2)));
    assert_eq!(shown["data"][0]["sub_status"], Value::Null, "the newer replaces the older");
    let row = only(&server).await.row;
    let line = server.site.store.timeline_of(row).await.unwrap();
    let said: Vec<_> = line.iter().filter(|entry| entry.code == "buyer_status").collect();
    assert_eq!(said[0].text, "buyer 7 says of it: contacted, left a message, Rings back.");
    assert_eq!(said.len(), 3);
    assert!(said[0].by.as_deref().unwrap().starts_with("buyer:7 "));
}

#[tokio::test]
async fn a_buyer_speaks_for_its_own_sale_and_the_network_for_each() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, target) = sold_to_both(&buyers).await;
    let told = json!({ "status": "contacted" });
    let other = json!({ "status": "contacted", "contract": 8 });
    let (seven, nine) = (server.api_key("buyer:7").await, server.api_key("buyer:9").await);
    assert_eq!(post_as(&server, &nine, &target, &told).await.status, 404);
    assert_eq!(post_as(&server, &seven, &target, &other).await.status, 409);
    for role in ["reader", "affiliate:12"] {
        let key = server.api_key(role).await;
        assert_eq!(post_as(&server, &key, &target, &told).await.status, 403);
    }
    let unclear = server.api_post(&target, &told).await;
    assert_eq!(unclear.status, 409, "the network names the contract");
    assert_eq!(server.api_post(&target, &other).await.status, 201);
    assert_eq!(get_as(&server, &seven, &target).await.json()["data"], json!([]), "another's is not shown");
    assert_eq!(post_as(&server, &seven, &target, &told).await.status, 201);
    let own = get_as(&server, &seven, &target).await.json()["data"].clone();
    assert_eq!((own.as_array().map(Vec::len), &own[0]["buyer"]), (Some(1), &json!(7)), "its own is");
    let affiliate = server.api_key("affiliate:12").await;
    assert_eq!(get_as(&server, &affiliate, &target).await.status, 403);
}

#[tokio::test]
async fn a_status_is_a_word_or_a_few() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, target) = sold_to_both(&buyers).await;
    for (body, path) in [
        (json!({ "contract": 7 }), "status"),
        (json!({ "contract": 7, "status": "x".repeat(65) }), "status"),
        (json!({ "contract": 7, "status": "x", "sub_status": "x".repeat(65) }), "sub_status"),
        (json!({ "contract": 7, "status": "x", "note": "x".repeat(501) }), "note"),
    ] {
        let refused = server.api_post(&target, &body).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["path"]), (400, &json!(path)));
    }
    let most = json!({ "contract": 7, "status": "é".repeat(64) });
    assert_eq!(server.api_post(&target, &most).await.status, 201);
}
