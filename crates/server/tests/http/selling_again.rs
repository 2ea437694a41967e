//! `ckm_resell`: a lead that is offered again by its poster.

use crate::contracts::*;
use crate::posts::HOST_N_POST;
use crumb_domain::lead::LeadStatus;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::{Reply, Server};

async fn again(server: &Server) -> Reply {
    let id = newest(server).await.id;
    server.tracking.post_form("/d.ashx", &format!("{HOST_N_POST}&ckm_lead_id={id}&ckm_resell=1")).await
}

#[tokio::test]
async fn an_unsold_lead_is_offered_to_those_that_have_not_had_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/reject"), "30.00")])).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_unsold(&again(&server).await);
    assert_eq!(buyers.count("/reject"), 1, "no buyer is sent a lead twice");
    server.apply(&Contract::new(8, &buyers.url("/accept"), "20.00").to_string()).await;
    let reply = again(&server).await;
    assert_sold(&reply);
    let lead = only(&server).await;
    assert_eq!(lead.status, LeadStatus::Sold);
    assert_eq!(reply.between("<leadid>", "</leadid>"), lead.id.as_str());
}

#[tokio::test]
async fn a_lead_sold_exclusively_is_not_offered_again() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/accept/7"), "30.00")])).await;
    assert_sold(&sell(&server, "ann").await);
    server.apply(&Contract::new(8, &buyers.url("/accept/8"), "40.00").to_string()).await;
    assert_unsold(&again(&server).await);
    assert_eq!(buyers.count("/accept/8"), 0);
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.sales.len()), (LeadStatus::Sold, 1), "past sales stay");
}

#[tokio::test]
async fn a_shared_lead_is_offered_again_among_those_that_have_not_bought() {
    let buyers = MockBuyers::start().await.unwrap();
    let multi = |id: u32| Contract::new(id, &buyers.url(&format!("/accept/{id}")), "9.00").multisell();
    let server = Server::start(&market(&[multi(7), multi(8)])).await;
    assert_sold(&sell(&server, "ann").await);
    let tables: String = [multi(9), multi(10)].iter().map(ToString::to_string).collect();
    server.apply(&tables).await;
    assert_sold(&again(&server).await);
    let lead = only(&server).await;
    assert_eq!(lead.sales.len(), 3, "up to the resell limit");
    assert_eq!(lead.payout.to_string(), "2.00", "paid once");
    assert_eq!((buyers.count("/accept/7"), buyers.count("/accept/8")), (1, 1));
}

#[tokio::test]
async fn while_a_buyer_may_have_the_lead_nobody_else_is_offered_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/cut-after"), "30.00")])).await;
    assert_unsold(&sell(&server, "ann").await);
    server.apply(&Contract::new(8, &buyers.url("/accept/8"), "40.00").to_string()).await;
    assert_unsold(&again(&server).await);
    assert_eq!(only(&server).await.status, LeadStatus::PendingUnknown);
    assert_eq!((buyers.count("/cut-after"), buyers.count("/accept/8")), (1, 0));
}
