//! Hosted leads, and who does not take part.

use crate::contracts::*;
use crate::posts::{ANN, BOB, HOSTED, accepted};
use crumb_domain::Clock as _;
use crumb_domain::lead::LeadStatus;
use crumb_domain::selling::Phase;
use crumb_storage::SellingStore as _;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;

#[tokio::test]
async fn an_unsold_hosted_lead_is_tried_again_when_the_schedule_opens() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").open("09:00", "17:00");
    let server = Server::start(&market(&[contract])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    until(&server, LeadStatus::Queued).await;
    server.clock.set("2026-07-01T13:00:00Z");
    let lead = until(&server, LeadStatus::Sold).await;
    assert_eq!(lead.payout.to_string(), "12.00");
    assert_eq!(buyers.count("/accept"), 1);
}

#[tokio::test]
async fn an_unsold_hosted_lead_is_tried_again_when_the_cap_resets() {
    let buyers = MockBuyers::start().await.unwrap();
    let server =
        Server::start(&market(&[Contract::new(7, &buyers.url("/accept"), "30.00").row("cap = 1")])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    until(&server, LeadStatus::Sold).await;
    accepted(&server, &[HOSTED, BOB]).await;
    until(&server, LeadStatus::Queued).await;
    server.clock.set("2026-07-02T04:00:00Z");
    until(&server, LeadStatus::Sold).await;
}

#[tokio::test]
async fn after_failed_connections_to_all_buyers_a_hosted_lead_is_tried_again_in_a_quarter_of_an_hour() {
    let taken = Port::take();
    let contracts = [7, 8].map(|id| Contract::new(id, &taken.url(), "30.00"));
    let server = Server::start(&market(&contracts)).await;
    accepted(&server, &[HOSTED, ANN]).await;
    let lead = until(&server, LeadStatus::Queued).await;
    assert_eq!(results(&server, &lead).await, ["7 post_error", "8 post_error"]);
    let attempts = server.site.store.attempts_of(lead.row).await.unwrap();
    assert!(attempts.iter().all(|attempt| attempt.phase == Phase::Connect), "{attempts:?}");
    let due = server.clock.now().plus_seconds(15 * 60);
    assert_eq!(server.site.store.next_due().await.unwrap(), Some(due));
    server.clock.advance_seconds(15 * 60);
    while server.site.store.runs_of(lead.row).await.unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    // Nothing was sent, so both are asked again.
    assert_eq!(results(&server, &lead).await, ["7 post_error", "8 post_error"]);
    assert_eq!(server.site.store.attempts_of(lead.row).await.unwrap().len(), 4);
}

/// A port on which nobody listens, and nobody else does meanwhile.
struct Port(tokio::net::TcpSocket);

impl Port {
    fn take() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self(socket)
    }

    fn url(&self) -> String {
        format!("http://{}/", self.0.local_addr().unwrap())
    }
}

#[tokio::test]
async fn failures_of_a_host_n_post_offer_wait_in_the_queue_if_it_says_so() {
    let buyers = MockBuyers::start().await.unwrap();
    let changes = [(Part::HostNPostOffer, "queue_failures = true\npayout = \"2.00\"")];
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").open("09:00", "17:00");
    let server = Server::start(&market_with(&changes, &[contract])).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(only(&server).await.status, LeadStatus::Queued);
    server.clock.set("2026-07-01T13:00:00Z");
    let lead = until(&server, LeadStatus::Sold).await;
    assert_eq!(lead.payout.to_string(), "0.00", "answered code 1, it earns its affiliate nothing");
}

#[tokio::test]
async fn the_first_thing_that_fails_is_why_a_contract_takes_no_part() {
    let buyers = MockBuyers::start().await.unwrap();
    let plain = Contract::new(7, &buyers.url("/accept"), "30.00");
    let filter = "filter = [{ field = \"zip_code\", op = \"eq\", value = \"10001\" }]";
    for (contract, reason) in [
        (plain.clone().with("status = \"inactive\"").buyer("status = \"inactive\""), "contract_inactive"),
        (plain.clone().with("offer = 100").buyer("status = \"inactive\""), "buyer_inactive"),
        (plain.clone().with("offer = 100\nexclude_affiliates = [12]"), "wrong_offer"),
        (plain.clone().with("exclude_affiliates = [12]").open("09:00", "17:00"), "affiliate_excluded"),
        (plain.clone().with("min_lead_age_minutes = 1").open("09:00", "17:00"), "lead_too_young"),
        (plain.clone().with(filter).open("09:00", "17:00"), "schedule_closed"),
        (plain.clone().with(filter).row("cap = 0"), "cap_reached"),
        (plain.clone().with(filter), "filter_unmatched"),
    ] {
        let server = Server::start(&market(&[contract])).await;
        assert_unsold(&sell(&server, "ann").await);
        assert_eq!(results(&server, &only(&server).await).await, [format!("7 {reason}")]);
    }
    assert_eq!(buyers.seen().requests, 0);
}

#[tokio::test]
async fn a_buyer_is_sent_a_lead_by_one_of_its_contracts_only() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        Contract::new(7, &buyers.url("/reject/a"), "30.00"),
        Contract::new(8, &buyers.url("/accept/b"), "20.00").of_buyer(7),
    ];
    let server = Server::start(&market(&all)).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(buyers.count("/accept/b"), 0);
}

#[tokio::test]
async fn a_lead_that_was_paid_for_is_paid_no_more_where_the_network_pays_more_when_it_sells() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").open("09:00", "17:00");
    let network = market(&[contract]);
    let server = Server::start(&network).await;
    accepted(&server, &[HOSTED, ANN]).await;
    assert_eq!(until(&server, LeadStatus::Queued).await.payout.to_string(), "12.00");
    let raised = network.replace("payout = \"12.00\"", "payout = \"20.00\"");
    assert_ne!(raised, network);
    server.apply(&raised).await;
    server.clock.set("2026-07-01T13:00:00Z");
    assert_eq!(until(&server, LeadStatus::Sold).await.payout.to_string(), "12.00");
}
