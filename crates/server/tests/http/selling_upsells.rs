//! Upsells: further leads of somebody who has just sent one, which the post says itself.

use crate::contracts::*;
use crate::pings::{ping, quoted};
use crate::posts::{ANN, BOB, HOST_N_POST, HOSTED, lead_id, post, refused};
use crumb_domain::lead::LeadStatus;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;

const UPSELL: &str = "ckm_upsell=1";

/// Two buyers, of which the one that pays less buys upsells.
async fn two_buyers(buyers: &MockBuyers) -> Server {
    let contracts = [
        Contract::new(7, &buyers.url("/accept/first"), "30.00"),
        Contract::new(8, &buyers.url("/accept/upsells"), "20.00").with("buy_upsells = true"),
    ];
    Server::start(&market(&contracts)).await
}

#[tokio::test]
async fn an_upsell_is_sold_to_those_who_buy_upsells_only() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = two_buyers(&buyers).await;
    assert_sold(&post(&server, &[HOST_N_POST, ANN]).await);
    assert_eq!(results(&server, &newest(&server).await).await, ["7 sold", "8 not_needed"]);
    let id = lead_id(&post(&server, &[HOST_N_POST, BOB, UPSELL]).await);
    assert_eq!(results(&server, &newest(&server).await).await, ["7 upsells_not_bought", "8 sold"]);
    let told = server.api_json(&format!("/leads/{id}")).await;
    assert_eq!((&told["upsell"], &told["revenue"]), (&true.into(), &"20.00".into()));
    let why = server.api_json(&format!("/leads/{id}/explain")).await;
    assert_eq!(why["contracts"][0]["text"], "The lead is an upsell, and the contract buys none.");
    let first = stored(&server).await.remove(0);
    assert_eq!(server.api_json(&format!("/leads/{}", first.id)).await["upsell"], false);
}

#[tokio::test]
async fn what_is_said_of_it_stays_with_the_lead_in_the_queue_after_a_restart_and_when_it_is_offered_again() {
    let buyers = MockBuyers::start().await.unwrap();
    let nobody = Contract::new(7, &buyers.url("/accept"), "30.00");
    let server = Server::start(&market(std::slice::from_ref(&nobody))).await;
    let id = lead_id(&post(&server, &[HOSTED, ANN, UPSELL]).await);
    until(&server, LeadStatus::Queued).await;
    let server = server.restart().await;
    assert_eq!(results(&server, &only(&server).await).await, ["7 upsells_not_bought"]);
    // An update says nothing of it.
    post(&server, &[HOSTED, ANN, "ckm_resell=1", &format!("ckm_lead_id={id}")]).await;
    assert!(only(&server).await.upsell);
    server.apply(&market(&[nobody.with("buy_upsells = true")])).await;
    until(&server, LeadStatus::Sold).await;
}

#[tokio::test]
async fn a_price_for_an_upsell_is_asked_of_those_who_buy_upsells_and_holds_for_one_only() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/accept/first"), "30.00"),
        Contract::new(8, &buyers.url("/accept/upsells"), "20.00").with("buy_upsells = true"),
    ];
    let server = crate::pings::sharing("direct", &contracts).await;
    let (plain, of_plain) = quoted(&ping(&server, "").await);
    let (upsell, of_upsell) = quoted(&ping(&server, "&ckm_upsell=1").await);
    assert_eq!((of_plain.as_str(), of_upsell.as_str()), ("15.00", "10.00"));
    let named = |id: &str| format!("ckm_ping_id={id}");
    refused(&server, &[HOST_N_POST, ANN, &named(&upsell)], &["Invalid Ping ID"]).await;
    refused(&server, &[HOST_N_POST, ANN, UPSELL, &named(&plain)], &["Invalid Ping ID"]).await;
    assert_sold(&post(&server, &[HOST_N_POST, ANN, UPSELL, &named(&upsell)]).await);
    assert_sold(&post(&server, &[HOST_N_POST, BOB, &named(&plain)]).await);
}
