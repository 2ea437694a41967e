//! Sold and unsold leads in each form of an answer, and whose leads are offered at all.

use crate::contracts::*;
use crate::posts::ANN;
use crumb_domain::lead::{LeadOutcome, LeadStatus};
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;
use crumb_testkit::{Request, Server};
use serde_json::json;

const BUYS: &str = "/accept?redirect=https://b.example/ok%3Fa%3D1%26b%3D2";
const THANKS: &str = "thank_you_link = \"https://lp.example/thanks\"\npayout = \"2.00\"";

async fn server(buyers: &MockBuyers, answer: &str) -> Server {
    let contract = Contract::new(7, &buyers.url(answer), "30.00");
    Server::start(&market_with(&[(Part::HostNPostOffer, THANKS)], &[contract])).await
}

#[tokio::test]
async fn json_is_answered_with_json() {
    let buyers = MockBuyers::start().await.unwrap();
    let lead = json!({ "ckm_campaign_id": 58, "ckm_key": "Zy9xW7vU5tS", "email_address": "ann@example.com",
        "zip_code": "90210" });
    let sold_to = server(&buyers, BUYS).await;
    let reply = sold_to.tracking.post_json("/d.ashx", &lead).await;
    let id = only(&sold_to).await.id;
    let expected = json!({ "code": 0, "msg": "success", "leadid": id, "price": "2.00", "redirect": "https://b.example/ok?a=1&b=2" });
    assert_eq!(reply.json(), expected);
    let unsold_to = server(&buyers, "/reject").await;
    let reply = unsold_to.tracking.post_json("/d.ashx", &lead).await;
    assert_eq!(reply.json(), json!({ "code": 1, "msg": "error", "errors": ["No Qualified Buyers Found"] }));
    let request = Request::post("/d.ashx", "application/x-www-form-urlencoded", &offered("bob"));
    let reply = unsold_to.tracking.send(request.header("accept", "application/json")).await;
    assert_eq!(reply.json()["errors"], json!(["No Qualified Buyers Found"]));
}

#[tokio::test]
async fn a_frame_is_told_what_an_ajax_post_is() {
    let buyers = MockBuyers::start().await.unwrap();
    for (answer, told) in [
        (BUYS, r#""success":true,"nextPage":"https://b.example/ok?a=1"#),
        ("/reject", r#""success":false,"error":"No Qualified Buyers Found""#),
    ] {
        let server = server(&buyers, answer).await;
        let reply = server.tracking.post_form("/d.ashx", &format!("{}&ckm_ifrm=1", offered("ann"))).await;
        assert!(reply.header("content-type").starts_with("text/html"));
        assert!(reply.text().contains("parent.CKM.on_iframe_load("), "{}", reply.text());
        let text = reply.text().replace("\\u0026", "&").replace("\\/", "/");
        assert!(text.contains(told), "{text}");
    }
}

#[tokio::test]
async fn an_unsold_visitor_is_sent_on_and_one_without_a_place_to_go_is_thanked() {
    let buyers = MockBuyers::start().await.unwrap();
    let bp = format!("{}&ckm_bp=1", offered("ann"));
    let sold_to = server(&buyers, BUYS).await;
    let reply = sold_to.tracking.post_form("/d.ashx", &bp).await;
    assert_eq!((reply.status.as_u16(), reply.location()), (302, "https://b.example/ok?a=1&b=2"));
    for answer in ["/accept", "/reject"] {
        let contract = Contract::new(7, &buyers.url(answer), "30.00");
        let server = Server::start(&market(&[contract])).await;
        let reply = server.tracking.post_form("/d.ashx", &bp).await;
        assert_eq!(reply.status, 200, "{answer}");
        assert!(reply.header("content-type").starts_with("text/html"), "{answer}");
        assert!(!reply.text().contains("No Qualified Buyers Found"), "{}", reply.text());
    }
}

#[tokio::test]
async fn a_session_post_is_answered_like_a_server_post() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = server(&buyers, "/in-turn?of=accept,reject").await;
    for name in ["ann", "bob"] {
        let id = server.visitor().click("/?a=12&c=2001").await;
        let post =
            format!("ckm_offer_id=200&ckm_request_id={id}&email_address={name}@example.com&zip_code=90210");
        let reply = server.tracking.post_form("/d.ashx", &post).await;
        if name == "ann" {
            assert_sold(&reply);
        } else {
            assert_unsold(&reply);
        }
        assert_eq!(newest(&server).await.affiliate.0, 12);
    }
}

#[tokio::test]
async fn an_unattributed_session_post_is_not_offered_for_sale_but_a_browsers_is() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = server(&buyers, "/accept").await;
    let session = format!("ckm_offer_id=200&ckm_request_id=12345&{ANN}");
    assert_unsold(&server.tracking.post_form("/d.ashx", &session).await);
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.outcome), (LeadStatus::Unsold, LeadOutcome::UnattributedSession));
    assert_eq!((lead.affiliate.0, buyers.seen().requests), (1, 0));
    let explained = server.api_json(&format!("/leads/{}/explain", lead.id)).await;
    assert_eq!((&explained["runs"], &explained["contracts"]), (&json!(0), &json!([])));
    for (form, number) in [("callback=cb", 2), ("ckm_bp=1", 3), ("ckm_ifrm=1", 4)] {
        let body = format!("{session}&{form}").replace("ann@", &format!("n{number}@"));
        server.tracking.post_form("/d.ashx", &body).await;
        let lead = newest(&server).await;
        assert_eq!((lead.status, lead.affiliate.0), (LeadStatus::Sold, 1), "{form}");
        assert_eq!(lead.payout.to_string(), "0.00", "the house pays itself nothing");
    }
}

#[tokio::test]
async fn a_lead_for_review_or_scrub_is_offered_to_nobody() {
    let buyers = MockBuyers::start().await.unwrap();
    for (decision, status) in [("review", LeadStatus::Review), ("throw_out", LeadStatus::Scrubbed)] {
        let keys = format!("server_decision = \"{decision}\"");
        let changes = [(Part::ZipCode, keys.as_str())];
        let contract = Contract::new(7, &buyers.url("/accept"), "30.00");
        let server = Server::start(&market_with(&changes, &[contract])).await;
        let bad = offered("ann").replace("90210", "nowhere");
        let reply = server.tracking.post_form("/d.ashx", &bad).await;
        assert_sold(&reply);
        assert_eq!(reply.between("<price>", "</price>"), "0.00");
        assert_eq!(only(&server).await.status, status);
    }
    assert_eq!(buyers.seen().requests, 0);
}

#[tokio::test]
async fn the_api_shows_what_a_sold_lead_brought_and_by_whom() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = server(&buyers, "/accept").await;
    assert_sold(&sell(&server, "ann").await);
    let shown = server.api_json(&format!("/leads/{}", only(&server).await.id)).await;
    assert_eq!((&shown["status"], &shown["outcome"]), (&json!("sold"), &json!("sold")));
    assert_eq!((&shown["payout"], &shown["revenue"]), (&json!("2.00"), &json!("30.00")));
    let sales = json!([{ "contract": 7, "buyer": 7, "price": "30.00", "type": "exclusive", "at": "2026-07-01T12:00:00Z" }]);
    assert_eq!(shown["sales"], sales);
}

#[tokio::test]
async fn two_posts_with_one_key_at_the_same_moment_are_one_sale() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = server(&buyers, "/after?ms=200&then=accept").await;
    let posts = (0..5).map(|_| {
        let request = Request::post("/d.ashx", "application/x-www-form-urlencoded", &offered("ann"));
        let (client, request) = (server.tracking.clone(), request.header("idempotency-key", "one"));
        async move { client.send(request).await }
    });
    let replies = crate::posts::at_once(posts).await;
    for reply in &replies {
        assert_sold(reply);
        assert_eq!(reply.text(), replies[0].text());
    }
    assert_eq!((stored(&server).await.len(), buyers.seen().requests), (1, 1));
    assert_eq!(replies.iter().filter(|reply| reply.header("idempotency-replayed") == "true").count(), 4);
}

#[tokio::test]
async fn two_equal_posts_at_the_same_moment_are_one_sale_and_one_duplicate() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = server(&buyers, "/after?ms=200&then=accept").await;
    let posts = (0..2).map(|_| {
        let (client, body) = (server.tracking.clone(), offered("ann"));
        async move { client.post_form("/d.ashx", &body).await }
    });
    let replies = crate::posts::at_once(posts).await;
    let told = |text: &str| replies.iter().filter(|reply| reply.text().contains(text)).count();
    assert_eq!((told("<code>0</code>"), told("<error>Duplicate Lead</error>")), (1, 1));
    assert_eq!(buyers.seen().requests, 1);
}
