//! Posts whose end is not known.

use crate::contracts::*;
use crate::posts::lead_id;
use crumb_domain::lead::{LeadOutcome, LeadStatus};
use crumb_testkit::buyers::{Behaviour, MockBuyers};
use crumb_testkit::{Reply, Request, Server};

/// A post with an idempotency key.
async fn keyed(server: &Server, name: &str) -> Reply {
    let request = Request::post("/d.ashx", "application/x-www-form-urlencoded", &offered(name));
    server.tracking.send(request.header("idempotency-key", name)).await
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_post_is_pending_unknown_and_nobody_else_is_posted_to() {
    let buyers = MockBuyers::start().await.unwrap();
    for cut in ["/cut-after", "/malformed", "/stall"] {
        let contracts = [
            Contract::new(7, &buyers.url(cut), "30.00").post("timeout_ms = 300"),
            Contract::new(8, &buyers.url("/accept/next"), "20.00"),
        ];
        let server = Server::start(&market(&contracts)).await;
        assert_unsold(&sell(&server, "ann").await);
        let lead = only(&server).await;
        assert_eq!(lead.status, LeadStatus::PendingUnknown, "{cut}");
        assert_eq!(lead.outcome, LeadOutcome::PendingUnknown, "{cut}");
        assert_eq!(results(&server, &lead).await[0], "7 post_unknown", "{cut}");
    }
    assert_eq!(buyers.count("/accept/next"), 0);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_unknown_too() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/slow-body?ms=30000"), "30.00").post("timeout_ms = 300");
    let server = Server::start(&market(&[contract])).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(only(&server).await.status, LeadStatus::PendingUnknown);
}

#[tokio::test]
async fn price_and_cap_of_an_unknown_stay_reserved() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/buyer"), "30.00").row("cap = 1");
    let server = Server::start(&market(&[contract])).await;
    buyers.set("/buyer", Behaviour::CutAfter { made: None });
    assert_unsold(&sell(&server, "ann").await);
    buyers.set("/buyer", Behaviour::accept("30.00"));
    assert_unsold(&sell(&server, "bob").await);
    assert_eq!(results(&server, &newest(&server).await).await, ["7 cap_reached"]);
    assert_eq!(buyers.count("/buyer"), 1);
}

#[tokio::test]
async fn the_credit_of_an_unknown_stays_reserved() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/buyer"), "30.00")
        .buyer("credit = { type = \"prepaid\", balance = \"59.99\" }");
    let server = Server::start(&market(&[contract])).await;
    buyers.set("/buyer", Behaviour::CutAfter { made: None });
    assert_unsold(&sell(&server, "ann").await);
    buyers.set("/buyer", Behaviour::accept("30.00"));
    assert_unsold(&sell(&server, "bob").await);
    assert_eq!(results(&server, &newest(&server).await).await, ["7 no_credit"]);
}

#[tokio::test]
async fn unknown_is_rejected_settles_at_once_and_the_next_candidate_is_tried() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/cut-after"), "30.00").with("unknown_is = \"rejected\"").row("cap = 1"),
        Contract::new(8, &buyers.url("/accept"), "20.00"),
    ];
    let server = Server::start(&market(&contracts)).await;
    for name in ["ann", "bob"] {
        assert_sold(&sell(&server, name).await);
        assert_eq!(newest(&server).await.revenue.to_string(), "20.00");
    }
    assert_eq!(buyers.count("/cut-after"), 2, "its cap is free again");
}

#[tokio::test]
async fn unknown_is_sold_settles_at_once_at_the_rows_price() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/cut-after"), "30.00").with("unknown_is = \"sold\""),
        Contract::new(8, &buyers.url("/accept"), "20.00"),
    ];
    let server = Server::start(&market(&contracts)).await;
    let reply = sell(&server, "ann").await;
    assert_sold(&reply);
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.revenue.to_string().as_str()), (LeadStatus::Sold, "30.00"));
    assert_eq!(lead.id.as_str(), lead_id(&reply));
    assert_eq!(buyers.count("/accept"), 0);
}

#[tokio::test]
async fn the_wait_over_it_counts_as_rejected_and_its_cap_is_free() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract =
        Contract::new(7, &buyers.url("/buyer"), "30.00").row("cap = 1").with("unknown_wait_minutes = 60");
    let server = Server::start(&market(&[contract])).await;
    buyers.set("/buyer", Behaviour::CutAfter { made: None });
    assert_unsold(&keyed(&server, "ann").await);
    buyers.set("/buyer", Behaviour::accept("30.00"));
    server.clock.advance_seconds(59 * 60);
    let server = server.restart().await;
    assert_unsold(&sell(&server, "bob").await);
    server.clock.advance_seconds(60);
    let server = server.restart().await;
    let ann = loop {
        let lead = stored(&server).await.remove(0);
        if lead.status != LeadStatus::PendingUnknown {
            break lead;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(ann.status, LeadStatus::Unsold);
    assert_eq!(ann.outcome, LeadOutcome::NoQualifiedBuyers);
    let again = keyed(&server, "ann").await;
    assert_unsold(&again);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_sold(&sell(&server, "cid").await);
    assert_eq!(buyers.count("/buyer"), 2, "no buyer is sent a lead twice");
}

#[tokio::test]
async fn a_lead_held_over_a_restart_is_held_still_and_sent_to_nobody() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/cut-after"), "30.00"),
        Contract::new(8, &buyers.url("/accept"), "20.00"),
    ];
    let server = Server::start(&market(&contracts)).await;
    assert_unsold(&keyed(&server, "ann").await);
    let server = server.restart().await;
    assert_eq!(only(&server).await.status, LeadStatus::PendingUnknown);
    assert_unsold(&keyed(&server, "ann").await);
    assert_eq!(buyers.seen().requests, 1);
}

#[tokio::test]
async fn a_pending_lead_is_an_earlier_one_for_duplicates() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/cut-after"), "30.00")])).await;
    assert_unsold(&sell(&server, "ann").await);
    let again = sell(&server, "ann").await;
    assert_eq!(again.text().trim_end(), crate::posts::refusal(&["Duplicate Lead"]));
}
