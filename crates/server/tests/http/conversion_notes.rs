//! A pixel for a lead of its session: noted with it, never a conversion of its own.

use crate::contracts::*;
use crate::conversions::{conversions, converted, dispositions, ledger_sum, refused};
use crate::posts::lead_id;
use crumb_domain::lead::LeadStatus;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::{Part, SMALL, small_with};
use crumb_testkit::{Reply, Server};
use serde_json::json;

/// A click on an offer's creative, and a session post of somebody: the request id and the
/// answer.
async fn posted(server: &Server, creative: u32, offer: u32, name: &str) -> (String, Reply) {
    let id = server.visitor().click(&format!("/?a=12&c={creative}")).await;
    (id.clone(), post(server, offer, &id, name).await)
}

async fn post(server: &Server, offer: u32, id: &str, name: &str) -> Reply {
    let body =
        format!("ckm_offer_id={offer}&ckm_request_id={id}&email_address={name}@example.com&zip_code=90210");
    server.tracking.post_form("/d.ashx", &body).await
}

#[tokio::test]
async fn an_accepted_lead_is_the_conversion_and_its_pixel_is_noted_with_it() {
    let server = Server::start(SMALL).await;
    let (id, reply) = posted(&server, 1057, 100, "ann").await;
    let before = conversions(&server).await;
    assert_eq!(before.len(), 1);
    assert_eq!((&before[0]["lead"], &before[0]["source"]), (&json!(lead_id(&reply)), &json!("lead")));
    assert_eq!((&before[0]["payout"], &before[0]["event"]), (&json!("12.00"), &json!(1)));
    converted(&server, &format!("o=100&r={id}&t=T-1&p=33.00")).await;
    let after = conversions(&server).await;
    assert_eq!(after.len(), 1);
    assert_eq!(after[0]["id"], before[0]["id"]);
    for (member, value) in
        [("transaction_id", "T-1"), ("received", "33.00"), ("payout", "12.00"), ("disposition", "approved")]
    {
        assert_eq!(after[0][member], value, "{member}");
    }
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "12.00");
    refused(&server, &format!("o=100&r={id}"), "Duplicate Conversion").await;
}

#[tokio::test]
async fn each_lead_of_a_session_has_a_pixel_the_oldest_first() {
    let server = Server::start(SMALL).await;
    let (id, first) = posted(&server, 1057, 100, "ann").await;
    let second = post(&server, 100, &id, "bob").await;
    for transaction in ["A", "B"] {
        converted(&server, &format!("r={id}&t={transaction}")).await;
    }
    refused(&server, &format!("r={id}&t=C"), "Duplicate Conversion").await;
    let told = conversions(&server).await;
    let pairs: Vec<_> = told.iter().map(|row| (row["lead"].clone(), row["transaction_id"].clone())).collect();
    let of = |reply: &Reply, transaction: &str| (json!(lead_id(reply)), json!(transaction));
    assert_eq!(pairs, [of(&first, "A"), of(&second, "B")]);
}

#[tokio::test]
async fn another_event_than_the_leads_is_a_conversion_of_its_own() {
    let events = "[[offer.event]]\nid = 1\nname = \"Lead\"\n\
                  [[offer.event]]\nid = 2\nname = \"Funded\"\npayout = \"40.00\"\nreceived = \"90.00\"\n";
    let network =
        SMALL.replace("[[offer.creative]]\nid = 1057", &format!("{events}\n[[offer.creative]]\nid = 1057"));
    let server = Server::start(&network).await;
    let (id, _) = posted(&server, 1057, 100, "ann").await;
    converted(&server, &format!("r={id}&e=2")).await;
    let told = conversions(&server).await;
    assert_eq!(told.len(), 2);
    assert_eq!(
        (&told[1]["event"], &told[1]["payout"], &told[1]["lead"]),
        (&json!(2), &json!("40.00"), &json!(null))
    );
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "52.00");
}

/// Offer 200 pays for leads that a pixel names; its buyers buy or not.
async fn by_pixel(path: &str, keys: &str) -> (Server, MockBuyers) {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url(path), "30.00");
    let offer = format!("pay_on_post = false\npayout = \"20.00\"\n{keys}");
    let server = Server::start(&market_with(&[(Part::HostNPostOffer, &offer)], &[contract])).await;
    (server, buyers)
}

#[tokio::test]
async fn where_the_offer_pays_on_the_pixel_the_pixel_pays_a_sold_lead_once() {
    let (server, _buyers) = by_pixel("/accept", "").await;
    let (id, reply) = posted(&server, 2001, 200, "ann").await;
    lead_id(&reply);
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "0.00");
    converted(&server, &format!("r={id}&t=T-1")).await;
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "20.00");
    refused(&server, &format!("r={id}"), "Duplicate Conversion").await;
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "20.00");
    assert_eq!(conversions(&server).await.len(), 1);
}

#[tokio::test]
async fn a_pixel_for_a_lead_that_nobody_bought_pays_nothing_where_only_sold_ones_pay() {
    for keys in ["", "pay_only_when_sold = true"] {
        let (server, _buyers) = by_pixel("/reject", keys).await;
        let (id, _) = posted(&server, 2001, 200, "ann").await;
        converted(&server, &format!("r={id}&t=T-1")).await;
        let told = conversions(&server).await;
        assert_eq!(told.len(), 1);
        assert_eq!((&told[0]["disposition"], &told[0]["payout"]), (&json!("rejected"), &json!("0.00")));
        assert_eq!(ledger_sum(&server, "affiliate:12").await, "0.00");
        assert_eq!(dispositions(&server).await, ["ok"]);
    }
}

#[tokio::test]
async fn where_neither_the_post_nor_a_sale_is_needed_the_pixel_pays_an_unsold_lead() {
    let (server, _buyers) = by_pixel("/reject", "pay_only_when_sold = false").await;
    let (id, _) = posted(&server, 2001, 200, "ann").await;
    converted(&server, &format!("r={id}")).await;
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "20.00");
}

#[tokio::test]
async fn what_a_pixel_says_of_the_payout_changes_no_leads() {
    let server = Server::start(&small_with(&[(Part::HostedOffer, "price_override = \"all\"")])).await;
    let (id, _) = posted(&server, 1057, 100, "ann").await;
    converted(&server, &format!("r={id}&ap=99.00&p=50.00")).await;
    let told = conversions(&server).await.pop().unwrap();
    assert_eq!((&told["payout"], &told["received"]), (&json!("12.00"), &json!("50.00")));
    let log = server.api_json("/pixels").await["data"][0].take();
    assert_eq!(log["ignored"], json!(["ap"]));
}

#[tokio::test]
async fn a_page_that_comes_after_the_postback_shows_the_leads_pixels_with_its_fields() {
    let pixel = "pixel_html = \"<img src='https://aff.example/i?z=#zip_code#&l=#leadid#'>\"";
    let server = Server::start(&small_with(&[(Part::Affiliate, pixel)])).await;
    let visitor = server.visitor();
    let id = visitor.click("/?a=12&c=1057").await;
    let lead = lead_id(&post(&server, 100, &id, "ann").await).to_owned();
    converted(&server, &format!("o=100&r={id}")).await;
    let page = visitor.get("/p.ashx?o=100").await.text();
    assert!(page.contains(&format!("aff.example/i?z=90210&amp;l={lead}'")), "{page}");
}

#[tokio::test]
async fn the_pixel_after_a_test_lead_is_a_test_too_and_the_one_after_a_real_lead_is_noted_with_it() {
    let server = Server::start(SMALL).await;
    let visitor = server.visitor();
    let id = visitor.click("/?a=12&c=1057").await;
    post(&server, 100, &id, "eve@example.com&ckm_test=1&rest=").await;
    converted(&server, &format!("r={id}&t=T-1&p=33.00")).await;
    let tried = conversions(&server).await;
    assert_eq!((tried.len(), &tried[0]["test"], &tried[0]["payout"]), (1, &json!(true), &json!("0.00")));
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "0.00");
    let lead = lead_id(&post(&server, 100, &id, "ann").await).to_owned();
    converted(&server, &format!("r={id}&t=T-2")).await;
    let noted = conversions(&server).await.into_iter().find(|row| row["lead"] == json!(lead));
    assert_eq!(noted.map(|row| row["transaction_id"].clone()), Some(json!("T-2")));
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "12.00");
}

#[tokio::test]
async fn the_books_hold_what_a_pixel_said_is_received_whether_it_or_the_sale_comes_first() {
    for is_pixel_first in [true, false] {
        let buyers = MockBuyers::start().await.unwrap();
        let server = Server::start(SMALL).await;
        let (id, _) = posted(&server, 1057, 100, "ann").await;
        let pixel = format!("r={id}&p=40.00");
        if is_pixel_first {
            converted(&server, &pixel).await;
        }
        server.apply(&Contract::new(7, &buyers.url("/accept"), "30.00").to_string()).await;
        let lead = until(&server, LeadStatus::Sold).await;
        if !is_pixel_first {
            converted(&server, &pixel).await;
        }
        assert_eq!(conversions(&server).await[0]["received"], "40.00");
        assert_eq!(ledger_sum(&server, "buyer:7").await, "-30.00");
        assert_eq!(ledger_sum(&server, "advertiser:1").await, "-10.00", "{is_pixel_first}");
        let given_back = json!({ "type": "approve_for_credit", "reason": "wrong number", "contract": 7 });
        let reply = server.api_post(&format!("/leads/{}/returns", lead.id), &given_back).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        assert_eq!(conversions(&server).await[0]["received"], "40.00");
        assert_eq!(ledger_sum(&server, "advertiser:1").await, "-40.00", "{is_pixel_first}");
    }
}

#[tokio::test]
async fn a_sale_that_a_crash_left_untold_changes_nothing_of_what_a_pixel_said_is_received() {
    let buyers = MockBuyers::start().await.unwrap();
    let multi = |id: u32, path: &str| Contract::new(id, &buyers.url(path), "30.00").multisell();
    let all = [multi(7, "/accept"), multi(8, "/stall")];
    let server = Server::start(&market(&all)).await;
    let id = server.visitor().click("/?a=12&c=2001").await;
    let body = format!("ckm_offer_id=200&ckm_request_id={id}&email_address=ann@example.com&zip_code=90210");
    let client = server.tracking.clone();
    tokio::spawn(async move { client.post_form("/d.ashx", &body).await });
    buyers.wait_for(2).await.unwrap();
    converted(&server, &format!("r={id}&p=40.00")).await;
    assert_eq!(ledger_sum(&server, "advertiser:1").await, "0.00", "its run is not over");
    let server = server.crashed().await;
    assert_eq!(only(&server).await.status, LeadStatus::Sold);
    assert_eq!(conversions(&server).await[0]["received"], "40.00");
    assert_eq!(ledger_sum(&server, "advertiser:1").await, "-10.00");
}

#[tokio::test]
async fn a_pixel_for_a_lead_that_nobody_bought_charges_nobody() {
    let (server, _buyers) = by_pixel("/reject", "").await;
    let (id, _) = posted(&server, 2001, 200, "ann").await;
    converted(&server, &format!("r={id}&p=500.00")).await;
    let told = conversions(&server).await.pop().unwrap();
    assert_eq!((&told["disposition"], &told["received"]), (&json!("rejected"), &json!("0.00")));
    assert_eq!(ledger_sum(&server, "advertiser:1").await, "0.00");
    assert_eq!(server.api_json("/pixels").await["data"][0]["ignored"], json!(["p"]));
}
