//! What a buyer has, what it pays in, and that it buys for no more.

use crate::contracts::*;
use crate::posts::{ANN, HOSTED, accepted, at_once};
use crate::returns::{get_as, post_as};
use crumb_domain::lead::LeadStatus;
use crumb_storage::SellingStore as _;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::{Reply, Request, Server};
use serde_json::{Value, json};
use std::sync::Arc;

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
async fn what_concerns_no_contract_of_its_vertical_runs_no_waiting_lead_and_a_run_without_news_is_no_entry() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").buyer(&prepaid("29.00", "0.00"));
    let idle = "[[buyer]]\nid = 99\nname = \"Idle\"\ncredit = { type = \"prepaid\", balance = \"0.00\" }";
    let server = Server::start(&(market(&[contract]) + idle)).await;
    accepted(&server, &[HOSTED, ANN]).await;
    let lead = until(&server, LeadStatus::Queued).await;
    let entries = async || server.site.store.timeline_of(lead.row).await.unwrap();
    let before = entries().await;
    assert_eq!(before.len(), 1, "{before:?}");
    let pay = async |buyer: i64, amount: &str| {
        let body = json!({ "amount": amount, "note": "a payment" });
        assert_eq!(server.api_post(&format!("/buyers/{buyer}/credit"), &body).await.status, 200);
    };
    // A new campaign, and a buyer that buys no such leads: neither concerns the lead. Each
    // payment has the queue look what is new, the campaign too.
    server.visitor().get("/?a=13&c=2001").await;
    for _ in 0..3 {
        pay(99, "10.00").await;
    }
    pay(7, "0.50").await;
    while server.site.store.runs_of(lead.row).await.unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    let again = until(&server, LeadStatus::Queued).await;
    let runs = server.site.store.runs_of(again.row).await.unwrap();
    assert_eq!(runs.len(), 2, "by its own buyer's payment only");
    assert_eq!(entries().await, before, "nobody was asked, for what kept them before");
    let explained = server.api_json(&format!("/leads/{}/explain", lead.id)).await;
    let text = explained["contracts"][0]["text"].as_str().unwrap();
    assert_eq!(text, "The buyer has 29.50 left and the price is 30.00.", "the run is told as it was");
    pay(7, "0.50").await;
    until(&server, LeadStatus::Sold).await;
    assert_eq!(entries().await.len(), 2);
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
    let both =
        [(7, "30.00"), (8, "20.00")].map(|(id, price)| Contract::new(id, &buyers.url("/accept"), price));
    let server = Server::start(&market(&both)).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(server.api("/buyers/8/balance").await.status, 200, "there is another");
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

async fn pay_as(server: &Server, key: &str, buyer: i64, once: &[&str], body: &Value) -> Reply {
    let target = format!("/api/v1/buyers/{buyer}/credit");
    let request = Request::post(&target, "application/json", &body.to_string()).bearer(key);
    let request = once.iter().fold(request, |request, once| request.header("idempotency-key", once));
    server.admin.send(request).await
}

/// A server with two buyers, who have nothing, and the keys of an admin and a manager.
async fn unpaid() -> (Server, String, String) {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = |id| Contract::new(id, &buyers.url("/accept"), "30.00").buyer(&prepaid("0.00", "5.00"));
    let server = Server::start(&market(&[contract(7), contract(8)])).await;
    let (admin, manager) = (server.api_key("admin").await, server.api_key("manager").await);
    (server, admin, manager)
}

async fn ledger_total(server: &Server) -> Value {
    server.api_json("/ledger").await["total"].clone()
}

#[tokio::test]
async fn a_payment_sent_again_under_its_key_is_made_once_and_answered_as_the_first_time() {
    let (server, admin, _) = unpaid().await;
    let body = json!({ "amount": "500.00", "note": "wire 17" });
    let first = pay_as(&server, &admin, 7, &["k-1"], &body).await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (200, ""));
    assert_eq!(first.json()["balance"], "500.00");
    server.api_post("/buyers/7/credit", &json!({ "amount": "1.00" })).await;
    server.clock.advance_seconds(72 * 3_600 - 1);
    let server = server.crashed().await;
    let same = json!({ "note": " wire 17 ", "amount": "500" });
    for body in [&body, &same] {
        let again = pay_as(&server, &admin, 7, &["k-1"], body).await;
        assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (200, "true"));
        assert_eq!(again.header("content-type"), first.header("content-type"));
        assert_eq!(again.text(), first.text());
    }
    assert_eq!(ledger_total(&server).await, 2);
    server.clock.advance_seconds(1);
    let late = pay_as(&server, &admin, 7, &["k-1"], &body).await;
    assert_eq!((late.header("idempotency-replayed"), &late.json()["balance"]), ("", &json!("1001.00")));
}

#[tokio::test]
async fn another_payment_under_a_used_key_is_422_and_not_made() {
    let (server, admin, manager) = unpaid().await;
    let body = json!({ "amount": "500.00", "note": "wire 17" });
    assert_eq!(pay_as(&server, &admin, 7, &["k-1"], &body).await.status, 200);
    for (buyer, body) in [
        (7, json!({ "amount": "500.01", "note": "wire 17" })),
        (7, json!({ "amount": "500.00", "note": "wire 18" })),
        (7, json!({ "amount": "0.00" })),
        (8, body.clone()),
    ] {
        let reply = pay_as(&server, &admin, buyer, &["k-1"], &body).await;
        assert_eq!(reply.status, 422, "{buyer} {body}: {}", reply.text());
        assert_eq!(reply.header("content-type"), "application/problem+json");
        assert_eq!(reply.json()["code"], "idempotency_key_used");
    }
    assert_eq!(ledger_total(&server).await, 1);
    // Other keys are other payments, and so is the same key of somebody else.
    for (key, once) in [(&admin, "k-2"), (&manager, "k-1")] {
        assert_eq!(pay_as(&server, key, 7, &[once], &body).await.header("idempotency-replayed"), "");
    }
    assert_eq!(ledger_total(&server).await, 3);
}

#[tokio::test]
async fn of_payments_with_one_key_at_the_same_moment_one_is_made() {
    let (server, admin, _) = unpaid().await;
    let server = Arc::new(server);
    let paying = (0..20).map(|_| (Arc::clone(&server), admin.clone()));
    let replies = at_once(paying.map(|(server, admin)| async move {
        pay_as(&server, &admin, 7, &["k-1"], &json!({ "amount": "5.00" })).await
    }))
    .await;
    for reply in &replies {
        assert_eq!(reply.json()["balance"], "5.00", "{}", reply.text());
    }
    assert_eq!(replies.iter().filter(|reply| reply.header("idempotency-replayed").is_empty()).count(), 1);
    assert_eq!(ledger_total(&server).await, 1);
}

#[tokio::test]
async fn a_refused_payment_does_not_use_its_key_up() {
    let (server, admin, _) = unpaid().await;
    for (buyer, amount, status) in [(7, "0.00", 400), (9, "5.00", 404), (7, "5.00", 200)] {
        let reply = pay_as(&server, &admin, buyer, &["k-1"], &json!({ "amount": amount })).await;
        assert_eq!((reply.status.as_u16(), reply.header("idempotency-replayed")), (status, ""));
    }
}

#[tokio::test]
async fn an_idempotency_key_is_one_of_1_to_128_visible_characters() {
    let (server, admin, _) = unpaid().await;
    let (longest, too_long) = ("k".repeat(128), "k".repeat(129));
    for (once, status) in [
        (&[""][..], 400),
        (&["a b"], 400),
        (&["k\u{e9}"], 400),
        (&[&too_long], 400),
        (&["a", "b"], 400),
        (&[&longest], 200),
        (&["!~"], 200),
    ] {
        let reply = pay_as(&server, &admin, 7, once, &json!({ "amount": "5.00" })).await;
        assert_eq!(reply.status, status, "{once:?}: {}", reply.text());
        if status == 400 {
            assert_eq!(reply.json()["errors"][0]["path"], "Idempotency-Key");
        }
    }
    assert_eq!(ledger_total(&server).await, 2);
}
