//! What a lead and its buyers may still do while a buyer's outcome is unknown.

use crate::contracts::*;
use crate::posts::{ANN, HOSTED, accepted};
use crumb_domain::lead::{LeadOutcome, LeadStatus};
use crumb_testkit::Server;
use crumb_testkit::buyers::{MockBuyers, NobodyThere};
use crumb_testkit::network::Part;

async fn a_day_later(server: &Server) {
    server.clock.advance_days(1);
    server.selling.look_at_held().await.unwrap();
}

#[tokio::test]
async fn a_waiting_network_change_offers_it_to_nobody() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/cut-after"), "30.00")])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    until(&server, LeadStatus::PendingUnknown).await;
    server.apply(&Contract::new(8, &buyers.url("/accept"), "40.00").to_string()).await;
    // Another lead goes through the queue after the change, so that the queue has seen it.
    accepted(&server, &[HOSTED, "email_address=bob@example.com&zip_code=90210"]).await;
    until(&server, LeadStatus::Sold).await;
    assert_eq!(stored(&server).await[0].status, LeadStatus::PendingUnknown);
    assert_eq!(buyers.count("/accept"), 1);
}

#[tokio::test]
async fn a_sold_lead_stays_sold_when_an_unknown_member_counts_as_rejected() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        Contract::new(7, &buyers.url("/cut-after"), "9.00").multisell().row("cap = 1"),
        Contract::new(8, &buyers.url("/accept"), "8.00").multisell(),
    ];
    let server = Server::start(&market(&all)).await;
    assert_sold(&sell(&server, "ann").await);
    a_day_later(&server).await;
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.outcome), (LeadStatus::Sold, LeadOutcome::Sold));
    assert_eq!((lead.sales.len(), lead.payout.to_string().as_str()), (1, "2.00"));
}

#[tokio::test]
async fn a_hosted_lead_whose_unknown_member_refused_goes_on_to_an_exclusive() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        Contract::new(7, &buyers.url("/cut-after"), "90.00").multisell(),
        Contract::new(8, &buyers.url("/reject"), "80.00").multisell(),
        Contract::new(9, &buyers.url("/accept"), "20.00"),
    ];
    let server = Server::start(&market(&all)).await;
    accepted(&server, &[HOSTED, ANN]).await;
    until(&server, LeadStatus::PendingUnknown).await;
    assert_eq!(buyers.count("/accept"), 0);
    a_day_later(&server).await;
    assert_eq!(until(&server, LeadStatus::Sold).await.revenue.to_string(), "20.00");
}

#[tokio::test]
async fn an_unknown_lead_was_not_answered_with_success_and_takes_no_lead_cap() {
    let buyers = MockBuyers::start().await.unwrap();
    let caps = "payout = \"2.00\"\ncaps = [{ of = \"lead\", interval = \"day\", limit = 1 }]";
    let contract = Contract::new(7, &buyers.url("/in-turn?of=cut-after,accept"), "30.00");
    let server = Server::start(&market_with(&[(Part::HostNPostOffer, caps)], &[contract])).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(only(&server).await.status, LeadStatus::PendingUnknown);
    assert_sold(&sell(&server, "bob").await);
}

#[tokio::test]
async fn a_reset_while_the_request_is_read_is_unknown() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/cut-before"), "30.00")])).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(only(&server).await.status, LeadStatus::PendingUnknown);
}

#[tokio::test]
async fn a_buyer_that_could_not_be_reached_was_not_sent_the_lead_and_may_be_by_another_contract() {
    let (buyers, nobody) = (MockBuyers::start().await.unwrap(), NobodyThere::bind().unwrap());
    let all = [
        Contract::new(7, &nobody.url("/x"), "30.00"),
        Contract::new(8, &buyers.url("/accept"), "20.00").of_buyer(7),
    ];
    let server = Server::start(&market(&all)).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(results(&server, &only(&server).await).await, ["7 post_error", "8 sold"]);
}

#[tokio::test]
async fn a_hosted_lead_is_sent_again_to_a_buyer_that_could_not_be_reached_but_not_to_one_that_answered() {
    let (buyers, nobody) = (MockBuyers::start().await.unwrap(), NobodyThere::bind().unwrap());
    let all =
        [Contract::new(7, &nobody.url("/x"), "30.00"), Contract::new(8, &buyers.url("/error"), "20.00")];
    let server = Server::start(&market(&all)).await;
    accepted(&server, &[HOSTED, ANN]).await;
    until(&server, LeadStatus::Queued).await;
    let there = [
        Contract::new(7, &buyers.url("/accept/7"), "15.00"),
        Contract::new(8, &buyers.url("/accept/8"), "20.00"),
    ];
    let tables: String = there.iter().map(ToString::to_string).collect();
    server.apply(&tables).await;
    let lead = until(&server, LeadStatus::Sold).await;
    assert_eq!(results(&server, &lead).await, ["7 sold", "8 already_bought"]);
    assert_eq!(buyers.count("/accept/8"), 0, "no buyer is sent a lead twice");
}

#[tokio::test]
async fn lead_caps_of_offers_and_campaigns_go_by_the_networks_zone_and_weeks_begin_on_monday() {
    let buyers = MockBuyers::start().await.unwrap();
    for (interval, over, free) in [
        ("day", "2026-07-02T03:59:59Z", "2026-07-02T04:00:00Z"),
        ("week", "2026-07-06T03:59:59Z", "2026-07-06T04:00:00Z"),
        ("month", "2026-08-01T03:59:59Z", "2026-08-01T04:00:00Z"),
        ("total", "2028-01-01T00:00:00Z", ""),
    ] {
        let caps = format!("caps = [{{ of = \"lead\", interval = \"{interval}\", limit = 1 }}]");
        let contracts = [Contract::new(7, &buyers.url("/accept"), "30.00")];
        let of_offer = format!("payout = \"2.00\"\n{caps}");
        for (network, text) in [
            (market_with(&[(Part::HostNPostOffer, &of_offer)], &contracts), "Offer Over Lead Cap"),
            (with_campaign(&market(&contracts), &caps), "Campaign Over Lead Cap"),
        ] {
            let server = Server::start(&network).await;
            assert_sold(&sell(&server, "ann").await);
            server.clock.set(over);
            let refusal = crate::posts::refusal(&[text]);
            assert_eq!(sell(&server, "bob").await.text().trim_end(), refusal, "{interval}");
            if !free.is_empty() {
                server.clock.set(free);
                assert_sold(&sell(&server, "bob").await);
            }
        }
    }
}

#[tokio::test]
async fn prices_of_pings_make_up_a_groups_sum_and_its_margin() {
    let buyers = MockBuyers::start().await.unwrap();
    let by = |id: u32, quoted: &str| {
        Contract::new(id, &buyers.url(&format!("/accept/{id}")), "1.00")
            .with("maximum_price = \"100.00\"")
            .ping(&buyers.url(&format!("/ping/{id}?price={quoted}")), "")
    };
    for (exclusive, sold) in [("34.00", 2), ("36.00", 1)] {
        let all = [by(7, "20.00").multisell(), by(8, "15.00").multisell(), by(9, exclusive)];
        let offer = "distribution = \"async_ping\"\npayout = \"2.00\"";
        let server = Server::start(&market_with(&[(Part::HostNPostOffer, offer)], &all)).await;
        assert_sold(&sell(&server, "ann").await);
        assert_eq!(only(&server).await.sales.len(), sold, "{exclusive}");
    }
}
