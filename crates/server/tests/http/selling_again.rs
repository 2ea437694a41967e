//! `ckm_resell`: a lead that is offered again by its poster.

use crate::contracts::*;
use crate::lead_actions::after_runs;
use crate::posts::{ANN, HOST_N_POST, HOSTED, accepted};
use crumb_domain::lead::LeadStatus;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;
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

#[tokio::test]
async fn a_waiting_lead_whose_values_change_is_tried_at_once_with_and_without_ckm_resell() {
    let buyers = MockBuyers::start().await.unwrap();
    for again in ["", "&ckm_resell=1"] {
        let contract = Contract::new(7, &buyers.url("/accept"), "30.00")
            .with("filter = [{ field = \"state\", op = \"eq\", value = \"CA\" }]");
        let server = Server::start(&market(&[contract])).await;
        let id = accepted(&server, &[HOSTED, ANN, "state=NV"]).await;
        assert_eq!(after_runs(&server, 1).await.status, LeadStatus::Queued);
        let update = format!("ckm_lead_id={id}&state=CA{again}");
        accepted(&server, &[HOSTED, &update]).await;
        until(&server, LeadStatus::Sold).await;
    }
}

#[tokio::test]
async fn a_waiting_host_n_post_lead_that_is_offered_again_is_tried_at_once_and_waits_on() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00")
        .with("filter = [{ field = \"state\", op = \"eq\", value = \"CA\" }]");
    let queues = (Part::HostNPostOffer, "queue_failures = true");
    let server = Server::start(&market_with(&[queues], &[contract])).await;
    let post = format!("{HOST_N_POST}&{ANN}&state=NV");
    assert_unsold(&server.tracking.post_form("/d.ashx", &post).await);
    let id = newest(&server).await.id;
    assert_eq!(newest(&server).await.status, LeadStatus::Queued);
    let update = format!("{HOST_N_POST}&ckm_lead_id={id}&state=CA&ckm_resell=1");
    assert_unsold(&server.tracking.post_form("/d.ashx", &update).await);
    until(&server, LeadStatus::Sold).await;
    assert_eq!(buyers.count("/accept"), 1);
}
