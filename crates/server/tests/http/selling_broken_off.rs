//! A sale that panics. Its lead is ended at once, by what was written, as a start after a
//! crash would end it; everybody else goes on.

use crate::contracts::*;
use crate::posts::{ANN, HOSTED, accepted, lead_id};
use crate::selling_store_away::{Buyer, YES, answer, stands};
use crumb_domain::Clock as _;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::selling::{AlertCode, AttemptKind};
use crumb_intake::selling::{AskedEnd, SellingObserver};
use crumb_storage::selling::SellingStore as _;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;
use crumb_testkit::{Observer, Options, Reply, Request, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A moment of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Asks(AttemptKind),
    Asked(AttemptKind),
    Settled,
    BrokeOff,
}

/// Panics the n-th time that a moment comes.
struct Fault(Vec<(At, AtomicUsize)>);

impl Fault {
    fn passes(&self, at: At) {
        for (_, left) in self.0.iter().filter(|(of, _)| *of == at) {
            assert_ne!(left.fetch_sub(1, Ordering::SeqCst), 1, "a fault of the program");
        }
    }
}

impl SellingObserver for Fault {
    fn asks(&self, kind: AttemptKind) {
        self.passes(At::Asks(kind));
    }

    fn asked(&self, kind: AttemptKind, _: AskedEnd, _: Duration) {
        self.passes(At::Asked(kind));
    }

    fn sold(&self, _: LeadOutcome, _: usize, _: Duration) {
        self.passes(At::Settled);
    }

    fn broke_off(&self, _: LeadOutcome) {
        self.passes(At::BrokeOff);
    }

    fn alerted(&self, _: AlertCode) {}
}

async fn faulty(network: &str, at: At, nth: usize) -> Server {
    faulty_at(network, &[(at, nth)]).await
}

async fn faulty_at(network: &str, faults: &[(At, usize)]) -> Server {
    let faults = faults.iter().map(|(at, nth)| (*at, AtomicUsize::new(*nth)));
    let observer: Arc<dyn SellingObserver> = Arc::new(Fault(faults.collect()));
    let store_patience = Some(Duration::from_millis(20));
    let options = Options { observer: Some(Observer(observer)), store_patience, ..Options::default() };
    Server::start_with(network, options).await
}

fn keyed(server: &Server) -> impl Future<Output = Reply> + Send + 'static {
    let client = server.tracking.clone();
    let request = Request::post("/d.ashx", "application/x-www-form-urlencoded", &offered("ann"));
    async move { client.send(request.header("idempotency-key", "k-1")).await }
}

async fn in_hand(server: &Server) -> u64 {
    server.site.store.selling_counts().await.unwrap().in_hand
}

fn assert_tells_to_try_again(reply: &Reply) {
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_ne!(reply.header("retry-after"), "");
}

#[tokio::test]
async fn a_panic_with_a_post_begun_leaves_the_lead_held_and_sends_it_to_nobody_again() {
    let buyers = MockBuyers::start().await.unwrap();
    let status = buyers.url("/status?id=#leadid#");
    let first = Contract::new(7, &buyers.url("/cut-after?made=accepted"), "30.00")
        .post(&format!("status_url = \"{status}\""));
    let next = Contract::new(8, &buyers.url("/accept"), "20.00");
    let server = faulty(&market(&[first, next]), At::Asked(AttemptKind::Post), 1).await;
    assert_tells_to_try_again(&keyed(&server).await);
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.outcome), (LeadStatus::PendingUnknown, LeadOutcome::PendingUnknown));
    assert_eq!(in_hand(&server).await, 0);
    assert_eq!(results(&server, &lead).await, ["7 post_unknown", "8 not_needed"]);
    assert_unsold(&keyed(&server).await);
    server.clock.advance_seconds(60);
    server.selling.look_at_held().await.unwrap();
    assert_eq!(only(&server).await.status, LeadStatus::Sold, "its buyer says that it bought");
    let again = keyed(&server).await;
    assert_eq!((lead_id(&again).as_str(), again.header("idempotency-replayed")), (lead.id.as_str(), "true"));
    assert_eq!((buyers.count("/cut-after"), buyers.count("/accept"), stored(&server).await.len()), (1, 0, 1));
}

#[tokio::test]
async fn a_panic_before_anything_was_sent_interrupts_the_lead_and_frees_its_key() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "20.00").ping(&buyers.url("/ping?price=20"), "");
    let offer = "distribution = \"ping\"\npayout = \"2.00\"";
    let network = market_with(&[(Part::HostNPostOffer, offer)], &[contract]);
    let server = faulty(&network, At::Asked(AttemptKind::Ping), 1).await;
    assert_tells_to_try_again(&keyed(&server).await);
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.outcome), (LeadStatus::Unsold, LeadOutcome::Interrupted));
    assert_eq!((in_hand(&server).await, buyers.count("/accept")), (0, 0));
    assert_eq!(results(&server, &lead).await, ["7 deadline"]);
    let again = keyed(&server).await;
    assert_sold(&again);
    assert_eq!((again.header("idempotency-replayed"), stored(&server).await.len()), ("", 2));
}

#[tokio::test]
async fn a_waiting_lead_whose_sale_panics_waits_on_and_is_not_tried_as_fast_as_it_fails() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "20.00").ping(&buyers.url("/ping?price=20"), "");
    let network = market(&[contract]).replace(
        "type = \"hosted\"\nlink = \"https://lp.example/quote",
        "type = \"hosted\"\ndistribution = \"ping\"\nlink = \"https://lp.example/quote",
    );
    let server = faulty(&network, At::Asked(AttemptKind::Ping), 1).await;
    accepted(&server, &[HOSTED, ANN]).await;
    let row = only(&server).await.row;
    while server.site.store.timeline_of(row).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!((only(&server).await.status, in_hand(&server).await), (LeadStatus::Queued, 0));
    let due = server.site.store.next_due().await.unwrap();
    assert_eq!(due, Some(server.clock.now().plus_seconds(900)));
    server.clock.advance_seconds(900);
    stands(&server, |lead| lead.status == LeadStatus::Sold).await;
    assert_eq!(buyers.count("/accept"), 1);
}

#[tokio::test]
async fn what_was_sold_before_a_panic_is_sold_at_once_and_its_key_says_so() {
    let buyers = MockBuyers::start().await.unwrap();
    let both = [
        Contract::new(7, &buyers.url("/accept/7"), "30.00").multisell(),
        Contract::new(8, &buyers.url("/accept/8"), "20.00").multisell(),
    ];
    let server = faulty(&market(&both), At::Asks(AttemptKind::Post), 2).await;
    assert_tells_to_try_again(&keyed(&server).await);
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.revenue.to_string().as_str()), (LeadStatus::Sold, "30.00"));
    assert_eq!((lead.payout.to_string().as_str(), in_hand(&server).await), ("2.00", 0));
    let again = keyed(&server).await;
    assert_eq!((lead_id(&again).as_str(), again.header("idempotency-replayed")), (lead.id.as_str(), "true"));
    assert_eq!((buyers.count("/accept/7"), buyers.count("/accept/8")), (1, 0));
}

#[tokio::test]
async fn a_panic_after_the_sale_is_settled_takes_nothing_from_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let network = market(&[Contract::new(7, &buyers.url("/accept"), "30.00")]);
    let server = faulty(&network, At::Settled, 1).await;
    assert_sold(&keyed(&server).await);
    assert_eq!((only(&server).await.status, in_hand(&server).await), (LeadStatus::Sold, 0));
}

#[tokio::test]
async fn where_the_store_is_away_at_a_panic_the_lead_is_ended_as_soon_as_it_is_there_again() {
    let buyer = Buyer::start().await;
    let network = market(&[Contract::new(7, &buyer.url(), "30.00")]);
    let server = faulty(&network, At::Asked(AttemptKind::Post), 1).await;
    let posted = tokio::spawn(keyed(&server));
    let asked = buyer.asked().await;
    let lock = server.lock_store();
    answer(asked, YES).await;
    assert_tells_to_try_again(&posted.await.unwrap());
    assert_eq!((in_hand(&server).await, server.selling.unsettled()), (1, 1));
    drop(lock);
    stands(&server, |lead| lead.status == LeadStatus::PendingUnknown).await;
    assert_eq!(in_hand(&server).await, 0);
    assert_unsold(&keyed(&server).await);
}

#[tokio::test]
async fn where_what_is_told_of_a_panicked_sale_panics_too_it_is_told_again() {
    let buyers = MockBuyers::start().await.unwrap();
    let network = market(&[Contract::new(7, &buyers.url("/accept"), "30.00")]);
    let server = faulty_at(&network, &[(At::Asked(AttemptKind::Post), 1), (At::BrokeOff, 1)]).await;
    assert_tells_to_try_again(&keyed(&server).await);
    stands(&server, |lead| lead.status == LeadStatus::PendingUnknown).await;
    while server.selling.unsettled() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(in_hand(&server).await, 0);
    assert_unsold(&keyed(&server).await);
}

#[tokio::test]
async fn a_panic_while_a_start_tells_of_one_lead_keeps_neither_it_nor_the_server_from_going_on() {
    let buyers = MockBuyers::start().await.unwrap();
    let status = buyers.url("/status?id=#leadid#");
    let contract = Contract::new(7, &buyers.url("/stall?made=accepted"), "30.00")
        .post(&format!("status_url = \"{status}\""));
    let server = faulty(&market(&[contract]), At::BrokeOff, 1).await;
    let leads = crate::selling_corrupt::in_hand(&server, &buyers, &["ann", "bob", "carl"]).await;
    let server = server.crashed().await;
    // The first of them is the one whose telling panicked.
    let told = async |lead: &Lead| server.site.store.runs_of(lead.row).await.unwrap().len();
    assert_eq!((told(&leads[0]).await, told(&leads[1]).await, told(&leads[2]).await), (0, 1, 1));
    for lead in stored(&server).await {
        assert_eq!(lead.status, LeadStatus::PendingUnknown);
    }
    assert_eq!((in_hand(&server).await, server.selling.unsettled()), (0, 1));
    let alerts = server.api_json("/alerts").await;
    assert_eq!(alerts["data"].as_array().map(Vec::len), Some(1), "{alerts}");
    assert_eq!(
        (&alerts["data"][0]["code"], &alerts["data"][0]["lead"]),
        (&"lead_unsettled".into(), &leads[0].id.as_str().into())
    );
    server.clock.advance_seconds(60);
    while server.selling.unsettled() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(told(&leads[0]).await, 1);
    server.selling.look_at_held().await.unwrap();
    assert!(stored(&server).await.iter().all(|lead| lead.status == LeadStatus::Sold));
    assert_eq!(buyers.count("/stall"), 3);
}

#[tokio::test]
async fn a_look_at_a_held_post_that_panics_keeps_no_other_from_it_and_is_made_again() {
    let buyers = MockBuyers::start().await.unwrap();
    let status = buyers.url("/status?id=#leadid#");
    let contract = Contract::new(7, &buyers.url("/cut-after?made=accepted"), "30.00")
        .post(&format!("status_url = \"{status}\""));
    let server = faulty(&market(&[contract]), At::Asks(AttemptKind::Status), 1).await;
    for name in ["ann", "bob"] {
        assert_unsold(&sell(&server, name).await);
    }
    let sold = async || stored(&server).await.iter().filter(|lead| lead.status == LeadStatus::Sold).count();
    for expected in [1, 2] {
        server.clock.advance_seconds(120);
        server.selling.look_at_held().await.unwrap();
        assert_eq!(sold().await, expected);
    }
}
