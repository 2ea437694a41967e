//! How old a lead may and must be, and what becomes of one that nobody buys.

use crate::contracts::*;
use crate::posts::{ANN, BOB, HOSTED, accepted};
use crumb_domain::lead::{LeadOutcome, LeadStatus};
use crumb_storage::SellingStore as _;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;

/// The results of the latest of so many runs, once they are there.
async fn after_runs(server: &Server, runs: usize) -> Vec<String> {
    loop {
        let lead = newest(server).await;
        if server.site.store.runs_of(lead.row).await.unwrap().len() == runs {
            return results(server, &lead).await;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_lead_that_is_too_young_waits_until_it_is_old_enough() {
    let buyers = MockBuyers::start().await.unwrap();
    for (keys, seconds) in [("min_lead_age_minutes = 5", 300), ("posting_wait_seconds = 40", 40)] {
        let contract = Contract::new(7, &buyers.url("/accept"), "30.00").with(keys);
        let server = Server::start(&market(&[contract])).await;
        accepted(&server, &[HOSTED, ANN]).await;
        assert_eq!(after_runs(&server, 1).await, ["7 lead_too_young"], "{keys}");
        server.clock.advance_seconds(seconds - 1);
        server.selling.wake();
        assert_eq!(newest(&server).await.status, LeadStatus::Queued, "{keys}");
        server.clock.advance_seconds(1);
        until(&server, LeadStatus::Sold).await;
    }
}

#[tokio::test]
async fn a_lead_older_than_the_contract_buys_is_too_old() {
    let buyers = MockBuyers::start().await.unwrap();
    for (age, result) in [("59", "7 lead_too_old"), ("60", "7 sold")] {
        let contract = Contract::new(7, &buyers.url("/accept"), "30.00")
            .open("09:00", "17:00")
            .with(&format!("max_lead_age_minutes = {age}"));
        let server = Server::start(&market(&[contract])).await;
        accepted(&server, &[HOSTED, ANN]).await;
        assert_eq!(after_runs(&server, 1).await, ["7 schedule_closed"]);
        server.clock.set("2026-07-01T13:00:00Z");
        assert_eq!(after_runs(&server, 2).await, [result]);
    }
}

#[tokio::test]
async fn a_lead_that_nobody_bought_goes_to_the_scrub_queue_when_its_time_is_over() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/reject"), "30.00");
    for (keys, hours) in [("expiration_hours = 1", 1), ("duplicate_window_days = 30", 72)] {
        let network = market_with(&[(Part::Vertical, keys)], std::slice::from_ref(&contract));
        let server = Server::start(&network).await;
        accepted(&server, &[HOSTED, ANN]).await;
        assert_eq!(after_runs(&server, 1).await, ["7 post_rejected"]);
        server.clock.advance_seconds(hours * 3_600 - 1);
        server.selling.wake();
        assert_eq!(newest(&server).await.status, LeadStatus::Queued, "{keys}");
        server.clock.advance_seconds(1);
        let lead = until(&server, LeadStatus::Scrubbed).await;
        assert_eq!((lead.outcome, lead.payout.to_string().as_str()), (LeadOutcome::Expired, "12.00"));
    }
    assert_eq!(buyers.count("/reject"), 2, "no buyer is sent a lead twice");
}

#[tokio::test]
async fn an_excluded_affiliate_and_another_offer_are_named() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        Contract::new(7, &buyers.url("/accept"), "30.00").with("exclude_affiliates = [13, 12]"),
        Contract::new(8, &buyers.url("/accept"), "30.00").with("offer = 200"),
        Contract::new(9, &buyers.url("/accept"), "30.00").with("exclude_affiliates = [13]\noffer = 100"),
    ];
    let server = Server::start(&market(&all)).await;
    accepted(&server, &[HOSTED, BOB]).await;
    assert_eq!(after_runs(&server, 1).await, ["7 affiliate_excluded", "8 wrong_offer", "9 sold"]);
}

#[tokio::test]
async fn where_the_router_is_off_nothing_is_offered_for_sale() {
    let buyers = MockBuyers::start().await.unwrap();
    let changes = [(Part::Vertical, "router = { on = false }")];
    let server =
        Server::start(&market_with(&changes, &[Contract::new(7, &buyers.url("/accept"), "30.00")])).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(buyers.seen().requests, 0);
}

#[tokio::test]
async fn a_row_that_opens_later_is_another_chance_also_for_one_that_paid_too_little() {
    let buyers = MockBuyers::start().await.unwrap();
    let row = |open: &str, close: &str, price: &str| {
        format!(
            "{{ days = [\"all\"], open = \"{open}\", close = \"{close}\", price = \"{price}\", type = \"exclusive\" }}"
        )
    };
    let rows = [row("00:00", "10:00", "3.00"), row("10:00", "24:00", "30.00")].join(", ");
    let server =
        Server::start(&market(&[Contract::new(7, &buyers.url("/accept"), "").schedule(&rows)])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    assert_eq!(after_runs(&server, 1).await, ["7 margin_too_small"]);
    server.clock.set("2026-07-01T14:00:00Z");
    assert_eq!(until(&server, LeadStatus::Sold).await.revenue.to_string(), "30.00");
}

#[tokio::test]
async fn a_buyer_that_refused_the_ping_is_pinged_again_when_its_row_opens_again() {
    let buyers = MockBuyers::start().await.unwrap();
    let ping = buyers.url("/in-turn?of=reject,ping&price=30.00");
    let contract = Contract::new(7, &buyers.url("/accept"), "20.00").ping(&ping, "");
    let changes = [(Part::HostedOffer, "distribution = \"async_ping\"")];
    let server = Server::start(&market_with(&changes, &[contract])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    assert_eq!(after_runs(&server, 1).await, ["7 ping_rejected"]);
    server.clock.set("2026-07-02T04:00:00Z");
    assert_eq!(until(&server, LeadStatus::Sold).await.revenue.to_string(), "30.00");
}
