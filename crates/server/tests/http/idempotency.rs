//! `Idempotency-Key`: a post that is sent twice makes one lead.

use crate::contracts::{Contract, market};
use crate::posts::*;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network;
use crumb_testkit::{Reply, Request, Server};
use std::sync::Arc;

async fn with_key(server: &Server, key: &str, pairs: &[&str]) -> Reply {
    server.tracking.send(form(&pairs.join("&")).header("idempotency-key", key)).await
}

fn replayed(reply: &Reply) -> bool {
    reply.header("idempotency-replayed") == "true"
}

#[tokio::test]
async fn the_first_answer_is_given_again_byte_for_byte() {
    let server = Server::start(network::SMALL).await;
    let first = with_key(&server, "key-1", &[HOSTED, ANN]).await;
    let second = with_key(&server, "key-1", &[HOSTED, ANN]).await;
    assert!(!replayed(&first) && replayed(&second));
    assert_eq!(first.header("idempotency-replayed"), "");
    assert_eq!(first.body, second.body);
    assert_eq!(first.status, second.status);
    assert_eq!(first.header("content-type"), second.header("content-type"));
    assert_eq!(leads(&server).await.len(), 1);
    assert!(rejections(&server).await.is_empty());
}

#[tokio::test]
async fn a_redirects_location_is_given_again() {
    let server = Server::start(network::SMALL).await;
    let first = with_key(&server, "k", &[HOSTED, ANN, "ckm_bp=1"]).await;
    let second = with_key(&server, "k", &[HOSTED, ANN, "ckm_bp=1"]).await;
    assert_eq!(second.status, 302);
    assert_eq!(first.location(), second.location());
    assert_eq!(first.body, second.body);
    assert!(replayed(&second));
}

#[tokio::test]
async fn an_error_is_given_again_too() {
    let server = Server::start(network::SMALL).await;
    let first = with_key(&server, "k", &[HOSTED, "zip_code=x"]).await;
    let second = with_key(&server, "k", &[HOSTED, "zip_code=x"]).await;
    assert_eq!(first.body, second.body);
    assert!(replayed(&second));
    assert_eq!(rejections(&server).await.len(), 1);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_422() {
    let server = Server::start(network::SMALL).await;
    with_key(&server, "k", &[HOSTED, ANN]).await;
    let reply = with_key(&server, "k", &[HOSTED, BOB]).await;
    assert_eq!(reply.status, 422);
    assert_eq!(leads(&server).await.len(), 1);
}

#[tokio::test]
async fn another_body_is_one_whose_parsed_pairs_differ() {
    let server = Server::start(network::SMALL).await;
    let first = with_key(&server, "k", &[HOSTED, ANN]).await;
    // The same pairs, spelt otherwise and split otherwise.
    let request = Request::post(
        &format!("/d.ashx?{HOSTED}"),
        "application/x-www-form-urlencoded",
        "&email_address=ann%40example.com&&zip_code=%390210",
    );
    let second = server.tracking.send(request.header("idempotency-key", "k")).await;
    assert!(replayed(&second), "{} {}", second.status, second.text());
    assert_eq!(first.body, second.body);
}

#[tokio::test]
async fn equal_posts_with_one_key_at_once_make_one_lead_and_one_answer() {
    let server = Server::start(network::SMALL).await;
    let posts = (0..50).map(|_| {
        let client = server.tracking.clone();
        let request = form(&format!("{HOSTED}&{ANN}")).header("idempotency-key", "once");
        async move { client.send(request).await }
    });
    let replies = at_once(posts).await;
    let id = lead_id(&replies[0]);
    assert!(replies.iter().all(|reply| lead_id(reply) == id));
    assert_eq!(replies.iter().filter(|reply| !replayed(reply)).count(), 1);
    assert_eq!(leads(&server).await.len(), 1);
}

#[tokio::test]
async fn another_body_is_422_also_while_the_first_is_being_sold() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/stall"), "30.00");
    let server = Arc::new(Server::start(&market(&[contract])).await);
    let first = tokio::spawn({
        let server = Arc::clone(&server);
        async move { with_key(&server, "k", &[HOST_N_POST, ANN]).await }
    });
    while buyers.count("/stall") == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(with_key(&server, "k", &[HOST_N_POST, BOB]).await.status, 422);
    assert!(!first.is_finished());
    assert_eq!(leads(&server).await.len(), 1);
    first.abort();
}

#[tokio::test]
async fn a_key_is_its_campaigns_own() {
    let server = Server::start(network::SMALL).await;
    accepted(&server, &[HOSTED, BOB]).await;
    let hosted = with_key(&server, "k", &[HOSTED, ANN]).await;
    let other = with_key(&server, "k", &[HOST_N_POST, ANN]).await;
    assert!(!replayed(&other));
    assert_eq!(other.status, 200);
    assert!(hosted.text().contains("success") && other.text().contains("No Qualified Buyers Found"));
}

#[tokio::test]
async fn a_key_of_a_session_post_is_its_offers_and_request_ids_own() {
    let server = Server::start(network::SMALL).await;
    let one = server.visitor().click("/?a=12&c=1057").await;
    let two = server.visitor().click("/?a=12&c=1057").await;
    let first = with_key(&server, "k", &[&format!("ckm_offer_id=100&ckm_request_id={one}"), ANN]).await;
    let other = with_key(&server, "k", &[&format!("ckm_offer_id=100&ckm_request_id={two}"), BOB]).await;
    let again = with_key(&server, "k", &[&format!("ckm_offer_id=100&ckm_request_id={one}"), ANN]).await;
    assert!(!replayed(&other) && other.status == 200);
    assert!(replayed(&again));
    assert_eq!(first.body, again.body);
    assert_eq!(leads(&server).await.len(), 2);
}

#[tokio::test]
async fn a_browser_post_without_request_id_ignores_it() {
    let server = Server::start(network::SMALL).await;
    let first = with_key(&server, "k", &["ckm_offer_id=100", ANN]).await;
    let second = with_key(&server, "k", &["ckm_offer_id=100", BOB]).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (302, 302));
    assert!(!replayed(&second));
    assert_eq!(leads(&server).await.len(), 2);
}

#[tokio::test]
async fn it_is_stored_for_seventy_two_hours() {
    let server = Server::start(network::SMALL).await;
    with_key(&server, "k", &[HOSTED, ANN]).await;
    server.clock.advance_seconds(72 * 3_600 - 1);
    assert!(replayed(&with_key(&server, "k", &[HOSTED, ANN]).await));
    server.clock.advance_seconds(2);
    let late = with_key(&server, "k", &[HOSTED, ANN]).await;
    assert!(!replayed(&late));
    assert_eq!(late.text().trim_end(), refusal(&["Duplicate Lead"]));
}

#[tokio::test]
async fn a_key_that_is_not_of_the_form_is_400() {
    let server = Server::start(network::SMALL).await;
    let long = "k".repeat(129);
    for key in ["", "a b", &long, "caf\u{e9}", "a\tb"] {
        let reply = with_key(&server, key, &[HOSTED, ANN]).await;
        assert_eq!(reply.status, 400, "{key:?}: {}", reply.text());
    }
    assert!(leads(&server).await.is_empty());
    let longest = "~".repeat(128);
    assert_eq!(with_key(&server, &longest, &[HOSTED, ANN]).await.status, 200);
    assert_eq!(with_key(&server, "!", &[HOSTED, BOB]).await.status, 200);
}

#[tokio::test]
async fn what_is_too_large_is_not_stored() {
    let server = Server::start(network::SMALL).await;
    let large = format!("{ANN}&x={}", "x".repeat(70_000));
    assert_eq!(with_key(&server, "k", &[HOSTED, &large]).await.status, 413);
    let reply = with_key(&server, "k", &[HOSTED, ANN]).await;
    assert!(!replayed(&reply) && reply.text().contains("success"));
}

#[tokio::test]
async fn an_unsold_host_n_post_leads_answer_is_given_again() {
    let server = Server::start(network::SMALL).await;
    let first = with_key(&server, "k", &[HOST_N_POST, ANN]).await;
    let second = with_key(&server, "k", &[HOST_N_POST, ANN]).await;
    assert_eq!(first.text().trim_end(), refusal(&["No Qualified Buyers Found"]));
    assert_eq!(first.body, second.body);
    assert!(replayed(&second));
    assert_eq!(leads(&server).await.len(), 1);
}

#[tokio::test]
async fn a_wrong_key_cannot_take_a_campaigns_idempotency_keys() {
    let server = Server::start(network::SMALL).await;
    let stranger = with_key(&server, "k", &["ckm_campaign_id=57&ckm_key=wrong", ANN]).await;
    assert_eq!(stranger.text().trim_end(), refusal(&["Invalid Post Key"]));
    let own = with_key(&server, "k", &[HOSTED, ANN]).await;
    assert!(!replayed(&own) && own.text().contains("success"), "{}", own.text());
    let stranger = with_key(&server, "k", &["ckm_campaign_id=57&ckm_key=wrong", ANN]).await;
    assert_eq!(stranger.text().trim_end(), refusal(&["Invalid Post Key"]));
}

#[tokio::test]
async fn a_post_whose_affiliate_was_switched_off_meanwhile_still_gets_its_first_answer() {
    use crumb_testkit::network::{Part, small_with};
    let server = Server::start(network::SMALL).await;
    let first = with_key(&server, "k", &[HOSTED, ANN]).await;
    server.apply(&small_with(&[(Part::Affiliate, "status = \"inactive\"")])).await;
    let second = with_key(&server, "k", &[HOSTED, ANN]).await;
    assert_eq!(first.body, second.body);
    assert!(replayed(&second));
}

#[tokio::test]
async fn an_update_is_made_once_under_its_key() {
    let server = Server::start(network::SMALL).await;
    let id = accepted(&server, &[HOSTED, ANN]).await;
    let update = format!("ckm_lead_id={id}&first_name=One");
    with_key(&server, "u", &[HOSTED, &update]).await;
    accepted(&server, &[HOSTED, &format!("ckm_lead_id={id}&first_name=Two")]).await;
    assert!(replayed(&with_key(&server, "u", &[HOSTED, &update]).await));
    assert_eq!(lead(&server, &id).await["fields"]["first_name"], "Two");
}

#[tokio::test]
async fn a_forms_token_holds_although_the_page_learns_its_request_id_between_two_presses() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    let request_id = visitor.click("/?a=12&c=2001").await;
    let press = |request_id: &str| {
        format!(
            "/d.ashx?ckm_offer_id=200&ckm_request_id={request_id}&{ANN}&ckm_idempotency_key=a1b2&callback=cb"
        )
    };
    server.tracking.get(&press("")).await;
    let second = server.tracking.get(&press(&request_id)).await;
    assert_eq!(second.status, 422, "{}", second.text());
    let leads = server.api_json("/leads?offer=200").await;
    assert_eq!(leads["total"], 1);
}

#[tokio::test]
async fn a_session_post_with_an_empty_request_id_is_made_once_under_its_key() {
    let server = Server::start(network::SMALL).await;
    for (key, blank) in [("k1", ""), ("k2", "+"), ("k3", "%20%20")] {
        let pairs = [&format!("ckm_offer_id=100&ckm_request_id={blank}"), ANN];
        let first = with_key(&server, key, &pairs).await;
        let second = with_key(&server, key, &pairs).await;
        assert!(!replayed(&first) && replayed(&second), "{blank:?}");
        assert_eq!(first.body, second.body);
        assert_eq!(with_key(&server, key, &[pairs[0], BOB]).await.status, 422);
        let elsewhere = pairs[0].replace("=100", "=200");
        assert!(!replayed(&with_key(&server, key, &[&elsewhere, ANN]).await), "another offer's");
    }
    assert_eq!(server.api_json("/leads?offer=100").await["total"], 3);
}

#[tokio::test]
async fn a_browsers_post_with_an_empty_request_id_ignores_it() {
    let server = Server::start(network::SMALL).await;
    for browsers in ["ckm_bp=1", "callback=cb", "ckm_ifrm=1"] {
        for person in [ANN, BOB] {
            let pairs = ["ckm_offer_id=100&ckm_request_id=", browsers, person];
            let reply = with_key(&server, "k", &pairs).await;
            assert!(!replayed(&reply) && reply.status != 422, "{browsers}: {}", reply.text());
        }
    }
    assert_eq!(leads(&server).await.len(), 2, "the others were duplicates, each by itself");
}

#[tokio::test]
async fn a_post_that_the_store_could_not_take_is_a_first_one_once_it_can() {
    let patience = Some(std::time::Duration::from_millis(20));
    let options = crumb_testkit::Options { store_patience: patience, ..Default::default() };
    let server = Server::start_with(network::SMALL, options).await;
    let lock = server.lock_store();
    let refused = with_key(&server, "k", &[HOSTED, ANN]).await;
    assert_eq!((refused.status.as_u16(), replayed(&refused)), (503, false));
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    drop(lock);
    let first = with_key(&server, "k", &[HOSTED, ANN]).await;
    assert!(!replayed(&first));
    assert_eq!(leads(&server).await[0]["id"], lead_id(&first));
    assert!(replayed(&with_key(&server, "k", &[HOSTED, ANN]).await));
}
