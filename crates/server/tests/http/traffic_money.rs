//! What clicks and impressions cost by themselves: CPC and CPM.

use crate::conversions::{clicked, converted, ledger_sum, shop};
use crate::posts::at_once;
use crate::traffic::*;
use crumb_testkit::{Request, Server};
use http::Method;
use serde_json::{Value, json};

/// The shop, which pays 25.00 for what campaign 60 earns 12.00 for.
async fn shop_at(price_format: &str, more: &str) -> Server {
    Server::start(&shop(&format!("price_format = \"{price_format}\""), more)).await
}

/// The movements of an account, oldest first.
async fn ledger(server: &Server, filter: &str) -> Vec<Value> {
    let page = server.api_json(&format!("/ledger?limit=1000&sort=id{filter}")).await;
    page["data"].as_array().cloned().unwrap_or_default()
}

/// For how many clicks or impressions, and how much.
fn counts(entries: &[Value]) -> Vec<(u64, &str)> {
    let shown = |entry: &'_ Value| entry["count"].as_u64().unwrap_or_default();
    entries.iter().map(|entry| (shown(entry), entry["amount"].as_str().unwrap_or_default())).collect()
}

async fn show(server: &Server, target: &str, times: usize) {
    let all: Vec<usize> = (0..times).collect();
    for some in all.chunks(100) {
        let calls = some.iter().map(|_| {
            let (client, target) = (server.tracking.clone(), target.to_owned());
            async move { client.send(Request::get(&target).header("user-agent", FIREFOX)).await }
        });
        for reply in at_once(calls).await {
            assert_eq!(reply.status, 200);
        }
    }
}

#[tokio::test]
async fn a_click_of_a_cpc_campaign_pays_its_affiliate_and_charges_the_advertiser() {
    let server = shop_at("cpc", "").await;
    clicked(&server).await;
    let entries = ledger(&server, "").await;
    let entry = |kind: &str, from: &str, to: &str, amount: &str| {
        json!({ "at": entries[0]["at"], "effective_at": entries[0]["at"], "kind": kind, "from": from, "to": to, "amount": amount, "lead": null,
                "conversion": null, "contract": null, "campaign": 60, "count": 1, "note": null })
    };
    let received = entry("click_received", "advertiser:1", "house", "25.00");
    let payout = entry("click_payout", "house", "affiliate:12", "12.00");
    assert_eq!(entries.len(), 2);
    assert!(entries.contains(&received) && entries.contains(&payout), "{entries:?}");
    let row = rows(&server).await.pop().unwrap();
    assert_eq!((&row["payout"], &row["received"]), (&json!("12.00"), &json!("25.00")));
    // A conversion that follows is not paid for again.
    converted(&server, &format!("r={}", row["request_id"].as_str().unwrap())).await;
    assert_eq!(ledger(&server, "").await.len(), 2);
}

#[tokio::test]
async fn a_click_of_a_campaign_that_is_not_paid_for_clicks_costs_nothing() {
    for format in ["cpa", "cpm", "fixed", "revshare"] {
        let server = shop_at(format, "").await;
        clicked(&server).await;
        assert_eq!(ledger(&server, "").await, Vec::<Value>::new(), "{format}");
        let row = rows(&server).await.pop().unwrap();
        assert_eq!((&row["payout"], &row["received"]), (&json!("0.00"), &json!("0.00")), "{format}");
    }
}

#[tokio::test]
async fn who_buys_clicks_for_an_offer_that_pays_for_sales_is_charged_no_sale_for_a_click() {
    let by_click = "[[campaign]]\nid = 61\naffiliate = 13\noffer = 400\nkey = \"Qw3eR5tY7uJ\"\n\
                    price_format = \"cpc\"\npayout = \"0.50\"";
    let server = Server::start(&shop("", by_click)).await;
    let id = server.visitor().click("/?a=13&c=4001").await;
    assert_eq!(ledger_sum(&server, "affiliate:13").await, "0.50");
    assert_eq!(ledger_sum(&server, "advertiser:1").await, "0.00");
    converted(&server, &format!("r={id}")).await;
    assert_eq!(ledger_sum(&server, "affiliate:13").await, "0.50");
    assert_eq!(ledger_sum(&server, "advertiser:1").await, "-25.00");
}

#[tokio::test]
async fn the_price_letter_of_a_link_picks_what_is_paid_for() {
    let by_click = "[[campaign]]\nid = 61\naffiliate = 12\noffer = 400\nkey = \"Qw3eR5tY7uJ\"\n\
                    price_format = \"cpc\"\npayout = \"0.005\"";
    let server = Server::start(&shop("", by_click)).await;
    for (link, owed) in [("/?a=12&c=4001", "0.00"), ("/?a=12&c=4001&p=c", "0.005")] {
        server.visitor().click(link).await;
        assert_eq!(ledger_sum(&server, "affiliate:12").await, owed, "{link}");
    }
    assert_eq!(ledger(&server, "").await[0]["campaign"], 61);
}

#[tokio::test]
async fn what_is_no_counted_click_is_never_billed() {
    let more = "[[offer]]\nid = 401\nname = \"Ended\"\nvertical = 1\nadvertiser = 1\ntype = \"third_party\"\n\
                link = \"https://shop.example/\"\nprice_format = \"cpc\"\npayout = \"3.00\"\n\
                expires_at = \"2020-01-01T00:00:00Z\"\nredirect_offer = 400\n\
                [[offer.creative]]\nid = 4011\nname = \"Link\"\n\
                [[campaign]]\nid = 62\naffiliate = 12\noffer = 401\nkey = \"Qw3eR5tY7uK\"";
    let server = shop_at("cpc", more).await;
    let browser = |target: &str| Request::get(target).header("user-agent", FIREFOX);
    for request in [
        Request::of(Method::HEAD, "/?a=12&c=4001").header("user-agent", FIREFOX),
        Request::get("/?a=12&c=4001").header("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)"),
        Request::get("/?a=12&c=4001").header("user-agent", "Slackbot-LinkExpanding 1.0"),
        browser("/?a=-1&c=4001"),
        browser("/?a=14&c=4001"),
        browser("/?a=12&c=99"),
        browser("/?a=99&c=4001"),
    ] {
        server.tracking.send(request).await;
    }
    assert_eq!(ledger(&server, "").await, Vec::<Value>::new());
    // A visitor's further click is a duplicate, and one after a conversion is sent elsewhere.
    let visitor = server.visitor();
    let id = visitor.click("/?a=12&c=4001").await;
    visitor.get("/?a=12&c=4001").await;
    converted(&server, &format!("r={id}")).await;
    visitor.get("/?a=12&c=4001").await;
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "12.00");
    // Of a diverted click it is the row at its target that counts, on that offer's terms.
    server.visitor().get("/?a=12&c=4011").await;
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "24.00");
    let unpaid = rows(&server).await.into_iter().filter(|row| row["payout"] == "0.00").count();
    assert_eq!(unpaid, rows(&server).await.len() - 2);
}

#[tokio::test]
async fn the_house_earns_nothing_for_clicks_unless_its_campaign_says_so() {
    let server = shop_at("cpc", "").await;
    server.visitor().click("/?a=1&c=4001").await;
    assert_eq!(ledger_sum(&server, "affiliate:1").await, "0.00");
    assert_eq!(ledger_sum(&server, "advertiser:1").await, "-25.00");
    let written = "[[campaign]]\nid = 63\naffiliate = 1\noffer = 400\nkey = \"Qw3eR5tY7uL\"";
    for (payout, owed) in [("", "0.00"), ("payout = \"0.10\"", "0.10")] {
        let server = shop_at("cpc", &format!("{written}\n{payout}")).await;
        server.visitor().click("/?a=1&c=4001").await;
        assert_eq!(ledger_sum(&server, "affiliate:1").await, owed);
    }
}

#[tokio::test]
async fn impressions_of_a_cpm_campaign_are_paid_for_by_the_thousand_over_restarts() {
    let mut server = shop_at("cpm", "").await;
    show(&server, "/i.ashx?a=12&c=4001", 600).await;
    server = server.restart().await;
    show(&server, "/i.ashx?a=12&c=4001", 399).await;
    assert_eq!(ledger(&server, "").await, Vec::<Value>::new());
    server = server.crashed().await;
    show(&server, "/i.ashx?a=12&c=4001", 1).await;
    let paid = ledger(&server, "&kind=impression_payout").await;
    assert_eq!(counts(&paid), [(1_000, "12.00")]);
    assert_eq!((&paid[0]["campaign"], &paid[0]["to"]), (&json!(60), &json!("affiliate:12")));
    assert_eq!(counts(&ledger(&server, "&kind=impression_received").await), [(1_000, "25.00")]);
    show(&server, "/i.ashx?a=12&c=4001", 999).await;
    assert_eq!(ledger(&server, "").await.len(), 2);
}

#[tokio::test]
async fn an_impression_that_does_not_count_is_not_paid_for() {
    let server = shop_at("cpm", "").await;
    show(&server, "/i.ashx?a=12&c=4001", 999).await;
    let bot =
        Request::get("/i.ashx?a=12&c=4001").header("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)");
    server.tracking.send(bot).await;
    show(&server, "/i.ashx?a=-1&c=4001", 1).await;
    assert_eq!(ledger(&server, "").await, Vec::<Value>::new());
    show(&server, "/i.ashx?a=12&c=4001", 1).await;
    assert_eq!(ledger(&server, "").await.len(), 2);
}

#[tokio::test]
async fn clicks_at_the_same_moment_share_entries_that_sum_to_count_times_price() {
    const CLICKS: usize = 100;
    let mut server = shop_at("cpc", "").await;
    for round in 1..=2_usize {
        let calls = (0..CLICKS).map(|_| {
            let client = server.tracking.clone();
            async move { client.send(Request::get("/?a=12&c=4001").header("user-agent", FIREFOX)).await }
        });
        at_once(calls).await;
        server = server.crashed().await;
        let paid = ledger(&server, "&kind=click_payout").await;
        let count: u64 = counts(&paid).iter().map(|(count, _)| count).sum();
        assert_eq!(count, (round * CLICKS) as u64);
        assert_eq!(ledger_sum(&server, "affiliate:12").await, format!("{}.00", round * CLICKS * 12));
        assert_eq!(ledger_sum(&server, "advertiser:1").await, format!("-{}.00", round * CLICKS * 25));
        assert!(paid.len() < round * CLICKS, "clicks that are written at once share an entry");
    }
}

#[tokio::test]
async fn an_affiliate_sees_what_its_clicks_earn_and_not_what_they_bring() {
    let server = shop_at("cpc", "").await;
    clicked(&server).await;
    let key = server.api_key("affiliate:12").await;
    let own =
        async |target: &str| -> Value { server.admin.send(Request::get(target).bearer(&key)).await.json() };
    let click = own("/api/v1/clicks").await["data"][0].clone();
    assert_eq!((&click["payout"], &click["received"]), (&json!("12.00"), &Value::Null));
    let seen = own("/api/v1/ledger").await;
    assert_eq!((seen["total"].clone(), &seen["data"][0]["kind"]), (json!(1), &json!("click_payout")));
}
