//! What a buyer has, what it pays in, and that it buys for no more.

use crate::contracts::*;
use crate::posts::{ANN, HOSTED, accepted, at_once};
use crate::returns::{get_as, post_as};
use crumb_domain::lead::LeadStatus;
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::{AdvertiserId, AffiliateId, Clock as _, Money};
use crumb_storage::SellingStore as _;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;
use serde_json::{Value, json};

fn prepaid(balance: &str, limit: &str) -> String {
    format!("credit = {{ type = \"prepaid\", balance = \"{balance}\", limit = \"{limit}\" }}")
}

#[tokio::test]
async fn a_balance_says_what_a_buyer_has_and_may_buy_for() {
    let buyers = MockBuyers::start().await.unwrap();
    let seven = Contract::new(7, &buyers.url("/accept"), "30.00").buyer(&prepaid("40.00", "25.00"));
    let eight = Contract::new(8, &buyers.url("/reject"), "20.00");
    let server = Server::start(&market(&[seven, eight])).await;
    assert_sold(&sell(&server, "ann").await);
    let expected = json!({
        "buyer": 7, "balance": "10.00", "reserved": "0.00", "limit": "25.00", "available": "35.00",
        "returns_owed": [],
    });
    assert_eq!(server.api_json("/buyers/7/balance").await, expected);
    // One sale may take part of each: what was prepaid, then the limit.
    assert_sold(&sell(&server, "bob").await);
    let after = server.api_json("/buyers/7/balance").await;
    assert_eq!((&after["balance"], &after["available"]), (&json!("-20.00"), &json!("5.00")));
    let unlimited = server.api_json("/buyers/8/balance").await;
    assert_eq!((&unlimited["limit"], &unlimited["available"]), (&Value::Null, &Value::Null));
    assert_eq!(server.api("/buyers/9/balance").await.status, 404);
}

#[tokio::test]
async fn what_is_held_is_reserved() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/cut-after"), "30.00").buyer(&prepaid("40.00", "0.00"));
    let server = Server::start(&market(&[contract])).await;
    assert_unsold(&sell(&server, "ann").await);
    let has = server.api_json("/buyers/7/balance").await;
    assert_eq!(
        (&has["balance"], &has["reserved"], &has["available"]),
        (&json!("40.00"), &json!("30.00"), &json!("10.00"))
    );
}

#[tokio::test]
async fn a_buyer_that_ran_out_buys_again_when_credit_comes_and_the_waiting_lead_is_sold() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").buyer(&prepaid("29.99", "0.00"));
    let server = Server::start(&market(&[contract])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    let lead = until(&server, LeadStatus::Queued).await;
    let explained = server.api_json(&format!("/leads/{}/explain", lead.id)).await;
    assert_eq!(explained["contracts"][0]["result"], "no_credit");
    let paid = server.api_post("/buyers/7/credit", &json!({ "amount": "0.01", "note": "a cent" })).await;
    assert_eq!(paid.status, 200, "{}", paid.text());
    let sold = until(&server, LeadStatus::Sold).await;
    assert_eq!((sold.id, sold.revenue.to_string().as_str()), (lead.id, "30.00"));
    assert_eq!(server.api_json("/buyers/7/balance").await["balance"], "0.00");
}

#[tokio::test]
async fn a_return_for_credit_too_lets_the_waiting_lead_be_sold() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").buyer(&prepaid("30.00", "0.00"));
    let server = Server::start(&market(&[contract])).await;
    assert_sold(&sell(&server, "bob").await);
    let first = only(&server).await;
    accepted(&server, &[HOSTED, ANN]).await;
    until(&server, LeadStatus::Queued).await;
    let body = json!({ "reason": "wrong number", "type": "approve_for_credit" });
    let returned = server.api_post(&format!("/leads/{}/returns", first.id), &body).await;
    assert_eq!(returned.status, 201);
    until(&server, LeadStatus::Sold).await;
}

#[tokio::test]
async fn of_two_sales_at_once_for_the_last_credit_one_is_made() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").buyer(&prepaid("20.00", "39.99"));
    let server = Server::start(&market(&[contract])).await;
    let posts = ["ann", "bob"].map(|name| (server.tracking.clone(), offered(name)));
    let replies = at_once(
        posts.into_iter().map(|(client, body)| async move { client.post_form("/d.ashx", &body).await }),
    )
    .await;
    assert_eq!(replies.iter().filter(|reply| reply.text().contains("<code>0</code>")).count(), 1);
    let has = server.api_json("/buyers/7/balance").await;
    assert_eq!((&has["balance"], &has["reserved"]), (&json!("-10.00"), &json!("0.00")));
}

#[tokio::test]
async fn credit_is_an_entry_of_the_ledger_and_a_correction_an_adjustment() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").buyer(&prepaid("10.00", "0.00"));
    let server = Server::start(&market(&[contract])).await;
    for (amount, note, balance) in [("500.00", Some("wire 17"), "510.00"), ("-400.00", None, "110.00")] {
        let paid = server.api_post("/buyers/7/credit", &json!({ "amount": amount, "note": note })).await;
        assert_eq!((paid.status.as_u16(), &paid.json()["balance"]), (200, &json!(balance)));
    }
    let ledger = server.api_json("/ledger?account=buyer:7&sort=id").await;
    let entries = ledger["data"].as_array().unwrap();
    let kinds: Vec<_> =
        entries.iter().map(|entry| (&entry["kind"], &entry["change"], &entry["from"])).collect();
    let (credit, outside) = (json!("credit"), json!("outside"));
    assert_eq!(
        kinds,
        [
            (&credit, &json!("10.00"), &outside),
            (&credit, &json!("500.00"), &outside),
            (&json!("adjustment"), &json!("-400.00"), &outside),
        ]
    );
    assert!(entries[1]["note"].as_str().unwrap().starts_with("wire 17 (by admin "));
    assert!(entries[2]["note"].as_str().unwrap().starts_with("by admin "));
}

#[tokio::test]
async fn a_payment_that_cannot_be_meant_is_refused() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/accept"), "30.00")])).await;
    for body in [
        json!({ "amount": "0.00" }),
        json!({ "amount": "1000000000.01" }),
        json!({ "amount": "-1000000000.01" }),
        json!({ "amount": 5 }),
        json!({ "amount": "5 dollars" }),
        json!({ "amount": "5.00", "note": "x".repeat(501) }),
        json!({ "amount": "5.00", "currency": "USD" }),
        json!({}),
    ] {
        assert_eq!(server.api_post("/buyers/7/credit", &body).await.status, 400, "{body}");
    }
    assert_eq!(server.api_post("/buyers/9/credit", &json!({ "amount": "5.00" })).await.status, 404);
    assert_eq!(server.api_post("/buyers/x/credit", &json!({ "amount": "5.00" })).await.status, 404);
    assert_eq!(server.api_json("/ledger").await["total"], 0);
}

#[tokio::test]
async fn buyers_and_affiliates_see_their_own_account_only_and_give_no_credit() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/accept"), "30.00")])).await;
    assert_sold(&sell(&server, "ann").await);
    let (buyer, affiliate) = (server.api_key("buyer:7").await, server.api_key("affiliate:12").await);
    let reader = server.api_key("reader").await;
    assert_eq!(get_as(&server, &buyer, "/buyers/7/balance").await.json()["balance"], "-30.00");
    assert_eq!(get_as(&server, &buyer, "/buyers/8/balance").await.status, 404);
    assert_eq!(get_as(&server, &affiliate, "/buyers/7/balance").await.status, 403);
    for key in [&buyer, &affiliate, &reader] {
        let paid = post_as(&server, key, "/buyers/7/credit", &json!({ "amount": "5.00" })).await;
        assert_eq!(paid.status, 403);
    }
    let kinds = async |key: &str, target: &str| -> Vec<Value> {
        let listed = get_as(&server, key, target).await.json();
        listed["data"].as_array().unwrap().iter().map(|entry| entry["kind"].clone()).collect()
    };
    assert_eq!(kinds(&buyer, "/ledger").await, ["sale"]);
    assert_eq!(kinds(&affiliate, "/ledger?account=affiliate:12").await, ["payout"]);
    assert_eq!(kinds(&reader, "/ledger?sort=id").await, ["sale", "payout"]);
    for (key, account) in [(&buyer, "house"), (&buyer, "buyer:8"), (&affiliate, "buyer:7")] {
        let refused = get_as(&server, key, &format!("/ledger?account={account}")).await;
        assert_eq!(refused.status, 403, "{account}");
    }
}

#[tokio::test]
async fn the_ledger_is_found_by_each_filter_and_in_pages() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/accept"), "30.00")])).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    server.clock.advance_days(1);
    assert_sold(&sell(&server, "bob").await);
    let total = async |target: &str| server.api_json(target).await["total"].clone();
    assert_eq!(total("/ledger").await, 4);
    assert_eq!(total("/ledger?kind=payout").await, 2);
    assert_eq!(total(&format!("/ledger?lead={}", lead.id.to_string().to_lowercase())).await, 2);
    assert_eq!(total("/ledger?account=affiliate:12&kind=sale").await, 0);
    let next_day = lead.at.plus_days(1);
    assert_eq!(total(&format!("/ledger?from={next_day}")).await, 2);
    assert_eq!(total(&format!("/ledger?to={next_day}&account=house")).await, 2);
    for wrong in ["account=buyer", "account=5", "kind=refund", "lead=x"] {
        assert_eq!(server.api(&format!("/ledger?{wrong}")).await.status, 400, "{wrong}");
    }
    let first = server.api_json("/ledger?limit=3").await;
    let next = first["next"].as_str().unwrap();
    let rest = server.api_json(&format!("/ledger?limit=3&cursor={next}")).await;
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
}

#[tokio::test]
async fn the_ledger_names_the_conversion_and_its_advertiser() {
    let server = Server::start(&market(&[])).await;
    let (now, conversion) = (server.clock.now(), server.site.rows.next(server.clock.now()).0);
    let amount = |units: i64| Money::from_micros(units * Money::MICROS_PER_UNIT);
    let entries = vec![
        LedgerEntry::received(now, conversion, AdvertiserId(1), amount(9)),
        LedgerEntry::conversion_payout(now, conversion, AffiliateId(12), amount(5)),
    ];
    server.site.store.append_ledger(entries).await.unwrap();
    let name = server.site.keys.request_ids.request_id(conversion).unwrap().to_string();
    let owed = server.api_json("/ledger?account=advertiser:1").await["data"][0].take();
    for (member, expected) in [
        ("kind", "received"),
        ("from", "advertiser:1"),
        ("to", "house"),
        ("amount", "9.00"),
        ("change", "-9.00"),
        ("conversion", &name),
    ] {
        assert_eq!(owed[member], expected, "{member}");
    }
    let affiliate = server.api_key("affiliate:12").await;
    let paid = get_as(&server, &affiliate, "/ledger").await.json()["data"].take();
    assert_eq!((paid.as_array().unwrap().len(), &paid[0]["conversion"]), (1, &json!(name)));
    assert_eq!(server.api_json("/ledger?kind=received").await["total"], 1);
}
