//! What a person should look at, as it is listed.

use crate::contracts::{Contract, market, newest, only, sell};
use crumb_storage::SellingStore as _;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::{Request, Server};
use serde_json::{Value, json};

/// The alerts, newest first.
async fn listed(server: &Server, filter: &str) -> Vec<Value> {
    let list = server.api_json(&format!("/alerts{filter}")).await;
    list["data"].as_array().unwrap().clone()
}

/// One sale with that answer, and the one alert that it raised.
async fn raised_by(answer: &str, contract: impl FnOnce(Contract) -> Contract) -> (Server, Value) {
    let buyers = MockBuyers::start().await.unwrap();
    let of_buyer = Contract::new(7, &buyers.url(answer), "20.00").post("price = \"xml:/result/price\"");
    let server = Server::start(&market(&[contract(of_buyer)])).await;
    sell(&server, "ann").await;
    let alerts = listed(&server, "").await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    let counted = format!("crumb_selling_alerts_total{{alert={}}} 1\n", alerts[0]["code"]);
    let metrics = server.admin.get("/metrics").await.text();
    assert!(metrics.contains(&counted), "{counted} is not in\n{metrics}");
    (server, alerts[0].clone())
}

#[tokio::test]
async fn a_price_that_is_no_amount_or_over_the_maximum_and_a_bad_redirect_are_alerts() {
    for (answer, code, text) in [
        (
            "/accept?price=dear",
            "price_unreadable",
            "contract 7: the answered price is no amount; it counts as 0.00",
        ),
        (
            "/accept?price=-5.00",
            "price_unreadable",
            "contract 7: the answered price is no amount; it counts as 0.00",
        ),
        ("/accept", "price_absent", "contract 7: the answer names no price; it counts as 0.00"),
        (
            "/accept?price=50.00",
            "price_over_maximum",
            "contract 7: the answered price 50.00 is over 30.00, which it counts as",
        ),
        (
            "/accept?price=20.00&redirect=ftp://b.example/",
            "bad_redirect",
            "contract 7: the answered redirect is no address that a visitor can be sent to",
        ),
    ] {
        let buyers = MockBuyers::start().await.unwrap();
        let contract = Contract::new(7, &buyers.url(answer), "20.00")
            .with("maximum_price = \"30.00\"")
            .post("price = \"xml:/result/price\"");
        let server = Server::start(&market(&[contract])).await;
        sell(&server, "ann").await;
        let alerts = listed(&server, &format!("?code={code}")).await;
        let alert = &alerts[0];
        assert_eq!((&alert["code"], &alert["text"]), (&json!(code), &json!(text)), "{answer}");
        assert_eq!((&alert["contract"], &alert["buyer"], &alert["count"]), (&json!(7), &json!(7), &json!(1)));
        let lead = only(&server).await;
        assert_eq!(alert["lead"], lead.id.to_string());
        let timeline = server.site.store.timeline_of(lead.row).await.unwrap();
        assert!(timeline.iter().any(|entry| entry.code == "alert" && entry.text == text), "{timeline:?}");
    }
}

#[tokio::test]
async fn an_undercut_margin_is_an_alert_and_no_unsold_lead() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract =
        Contract::new(7, &buyers.url("/accept?price=1.00"), "20.00").post("price = \"xml:/result/price\"");
    let server = Server::start(&market(&[contract])).await;
    sell(&server, "ann").await;
    let alerts = listed(&server, "?code=margin_undercut").await;
    assert_eq!((alerts.len(), &alerts[0]["contract"]), (1, &json!(7)), "{alerts:?}");
    assert_eq!(alerts[0]["text"], "it brought 1.00 and pays 2.00, which leaves -1.00: less than 0.00");
    assert_eq!(only(&server).await.sales.len(), 1);
}

#[tokio::test]
async fn an_answered_price_beyond_a_buyers_credit_is_an_alert() {
    let prepaid = |contract: Contract| contract.buyer("credit = { type = \"prepaid\", balance = \"25.00\" }");
    let (_server, alert) = raised_by("/accept?price=30.00", prepaid).await;
    assert_eq!((&alert["code"], &alert["buyer"]), (&json!("credit_exceeded"), &json!(7)));
    let text = "buyer 7: an answered price left a balance of -5.00, and its credit limit is 0.00";
    assert_eq!(alert["text"], text);
    let buyers = MockBuyers::start().await.unwrap();
    let limited = Contract::new(7, &buyers.url("/accept?price=30.00"), "20.00")
        .post("price = \"xml:/result/price\"")
        .buyer("credit = { type = \"prepaid\", balance = \"25.00\", limit = \"5.00\" }");
    let server = Server::start(&market(&[limited])).await;
    sell(&server, "ann").await;
    assert!(listed(&server, "").await.is_empty(), "the limit allows it");
}

#[tokio::test]
async fn a_contract_that_is_switched_off_is_an_alert_and_a_warning() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/error"), "20.00").with("max_post_errors = 2");
    let server = Server::start(&market(&[contract])).await;
    let warnings = || async { server.admin.get("/readyz").await.json()["warnings"].to_string() };
    sell(&server, "ann").await;
    assert!(listed(&server, "").await.is_empty());
    assert!(!warnings().await.contains("switched off"));
    sell(&server, "bob").await;
    let alerts = listed(&server, "").await;
    assert_eq!(alerts.len(), 1);
    assert_eq!((&alerts[0]["code"], &alerts[0]["contract"]), (&json!("contract_switched_off"), &json!(7)));
    assert_eq!(alerts[0]["text"], "contract 7 is switched off: 2 of its last 2 posts failed");
    assert!(warnings().await.contains("contract 7 is switched off, because its posts failed"));
}

#[tokio::test]
async fn a_buyer_that_is_skipped_is_an_alert() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/stall"), "20.00")
        .with("unknown_is = \"rejected\"\nmax_post_errors = 11")
        .post("timeout_ms = 20");
    let server = Server::start(&market(&[contract])).await;
    for n in 0..crumb_intake::selling::TIMEOUTS_TO_OPEN {
        assert!(listed(&server, "").await.is_empty(), "{n}");
        sell(&server, &format!("ann{n}")).await;
    }
    let alerts = listed(&server, "?buyer=7").await;
    assert_eq!((alerts.len(), &alerts[0]["code"]), (1, &json!("buyer_skipped")), "{alerts:?}");
    assert_eq!(alerts[0]["text"], "buyer 7 is skipped for a while: its last answers timed out");
    assert_eq!(alerts[0]["lead"], newest(&server).await.id.to_string());
}

#[tokio::test]
async fn alerts_of_a_minute_about_the_same_are_one() {
    let buyers = MockBuyers::start().await.unwrap();
    let url = buyers.url("/accept?redirect=nowhere");
    let server = Server::start(&market(&[Contract::new(7, &url, "20.00")])).await;
    for name in ["ann", "bob", "cid"] {
        sell(&server, name).await;
    }
    let alerts = listed(&server, "").await;
    assert_eq!((alerts.len(), &alerts[0]["count"]), (1, &json!(3)));
    server.clock.advance_seconds(60);
    sell(&server, "dan").await;
    let counts: Vec<Value> = listed(&server, "").await.iter().map(|alert| alert["count"].clone()).collect();
    assert_eq!(counts, [json!(1), json!(3)], "newest first");
}

#[tokio::test]
async fn alerts_are_filtered_paged_and_shown_to_the_networks_own_people() {
    let (server, alert) = raised_by("/accept?price=20.00&redirect=nowhere", |contract| contract).await;
    let at = alert["at"].as_str().unwrap();
    for (filter, count) in [
        (format!("?from={at}"), 1),
        (format!("?to={at}"), 0),
        ("?contract=7&code=bad_redirect".to_owned(), 1),
        ("?contract=8".to_owned(), 0),
        ("?code=margin_undercut".to_owned(), 0),
    ] {
        assert_eq!(listed(&server, &filter).await.len(), count, "{filter}");
    }
    assert_eq!(server.api("/alerts?code=nope").await.status, 400);
    assert_eq!(server.api("/alerts?kind=x").await.status, 400);
    for (role, status) in [("manager", 200), ("reader", 200), ("affiliate:12", 403), ("buyer:7", 403)] {
        let key = server.api_key(role).await;
        assert_eq!(
            server.admin.send(Request::get("/api/v1/alerts").bearer(&key)).await.status,
            status,
            "{role}"
        );
    }
}
