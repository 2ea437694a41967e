//! The time that a sale may take. Buyers move the server's clock as they are asked, so
//! that no test waits.

use crate::contracts::*;
use crumb_domain::lead::LeadStatus;
use crumb_testkit::Server;
use crumb_testkit::buyers::{MockBuyers, Options};
use crumb_testkit::network::Part;
use std::sync::{Arc, OnceLock};

pub type Clock = Arc<OnceLock<Arc<crumb_testkit::FakeClock>>>;

/// Buyers that take as many seconds as the second part of their path says:
/// `/reject/3`.
pub async fn slow_buyers() -> (MockBuyers, Clock) {
    let clock = Clock::default();
    let moved = Arc::clone(&clock);
    let options = Options::default().watcher(move |request| {
        let seconds = request.path.rsplit('/').next().and_then(|part| part.parse().ok());
        if let (Some(clock), Some(seconds)) = (moved.get(), seconds) {
            clock.advance_seconds(seconds);
        }
    });
    (MockBuyers::start_with(options).await.unwrap(), clock)
}

async fn server(clock: &Clock, offer: &str, contracts: &[Contract]) -> Server {
    let offer = format!("payout = \"2.00\"\n{offer}");
    let server = Server::start(&market_with(&[(Part::HostNPostOffer, &offer)], contracts)).await;
    clock.set(Arc::clone(&server.clock)).unwrap();
    server
}

/// Whether the second of [`two`] was posted to; how it answered in what was left of real
/// time does not matter.
async fn is_second_begun(server: &Server, buyers: &MockBuyers) -> bool {
    let found = results(server, &only(server).await).await;
    assert_eq!(found[0], "7 post_rejected");
    let is_begun = buyers.count("/accept") == 1;
    assert_eq!(found[1] == "8 deadline", !is_begun, "{found:?}");
    is_begun
}

fn two(buyers: &MockBuyers, seconds: u32) -> [Contract; 2] {
    [
        Contract::new(7, &buyers.url(&format!("/reject/{seconds}")), "30.00"),
        Contract::new(8, &buyers.url("/accept"), "20.00"),
    ]
}

#[tokio::test]
async fn no_post_is_begun_with_less_than_half_a_second_left() {
    for (deadline_ms, is_begun) in [(1_499, false), (1_500, true)] {
        let (buyers, clock) = slow_buyers().await;
        let server = server(&clock, &format!("deadline_ms = {deadline_ms}"), &two(&buyers, 1)).await;
        sell(&server, "ann").await;
        assert_eq!(is_second_begun(&server, &buyers).await, is_begun, "{deadline_ms}");
    }
}

#[tokio::test]
async fn the_whole_sale_has_20_seconds_by_default() {
    for (seconds, is_begun) in [(19, true), (20, false)] {
        let (buyers, clock) = slow_buyers().await;
        let contracts = two(&buyers, seconds).map(|contract| contract.post("timeout_ms = 60000"));
        let server = server(&clock, "", &contracts).await;
        sell(&server, "ann").await;
        assert_eq!(is_second_begun(&server, &buyers).await, is_begun, "{seconds}");
    }
}

#[tokio::test]
async fn a_poster_may_shorten_it_and_not_lengthen_it() {
    for (asked_for, seconds, is_begun) in
        [("5", 4, true), ("5", 5, false), ("60", 19, true), ("60", 20, false)]
    {
        let (buyers, clock) = slow_buyers().await;
        let server = server(&clock, "", &two(&buyers, seconds)).await;
        let body = format!("{}&ckm_max_seconds={asked_for}", offered("ann"));
        server.tracking.post_form("/d.ashx", &body).await;
        assert_eq!(is_second_begun(&server, &buyers).await, is_begun, "{asked_for} {seconds}");
    }
}

#[tokio::test]
async fn posts_with_callback_or_frame_have_7_seconds_at_most() {
    for form in ["callback=cb", "ckm_ifrm=1"] {
        for (seconds, is_begun) in [(6, true), (7, false)] {
            let (buyers, clock) = slow_buyers().await;
            let server = server(&clock, "", &two(&buyers, seconds)).await;
            server.tracking.get(&format!("/d.ashx?{}&{form}", offered("ann"))).await;
            assert_eq!(is_second_begun(&server, &buyers).await, is_begun, "{form} {seconds}");
        }
    }
}

#[tokio::test]
async fn posts_with_callback_or_frame_that_say_how_long_they_wait_have_that_time() {
    for form in ["callback=cb", "ckm_ifrm=1"] {
        for (seconds, is_begun) in [(14, true), (15, false)] {
            let (buyers, clock) = slow_buyers().await;
            let server = server(&clock, "", &two(&buyers, seconds)).await;
            let body = format!("{}&{form}&ckm_max_seconds=15", offered("ann"));
            server.tracking.post_form("/d.ashx", &body).await;
            assert_eq!(is_second_begun(&server, &buyers).await, is_begun, "{form} {seconds}");
        }
    }
}

#[tokio::test]
async fn a_deadline_that_passes_during_a_post_makes_it_unknown() {
    let buyers = MockBuyers::start().await.unwrap();
    let changes = [(Part::HostNPostOffer, "deadline_ms = 700\npayout = \"2.00\"")];
    let all =
        [Contract::new(7, &buyers.url("/stall"), "30.00"), Contract::new(8, &buyers.url("/accept"), "20.00")];
    let server = Server::start(&market_with(&changes, &all)).await;
    assert_unsold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    assert_eq!(lead.status, LeadStatus::PendingUnknown);
    assert_eq!(results(&server, &lead).await[0], "7 post_unknown");
    assert_eq!(buyers.count("/accept"), 0);
}

#[tokio::test]
async fn the_time_of_a_post_counts_head_and_body() {
    let buyers = MockBuyers::start().await.unwrap();
    for slow in ["/slow-head?ms=20000", "/slow-body?ms=20000", "/after?ms=20000"] {
        let contract = Contract::new(7, &buyers.url(slow), "30.00").post("timeout_ms = 200");
        let server = Server::start(&market(&[contract])).await;
        assert_unsold(&sell(&server, "ann").await);
        assert_eq!(only(&server).await.status, LeadStatus::PendingUnknown, "{slow}");
    }
}

#[tokio::test]
async fn a_ping_has_its_own_time() {
    let buyers = MockBuyers::start().await.unwrap();
    for slow in ["/slow-head?ms=20000", "/slow-body?ms=20000", "/stall"] {
        let contract =
            Contract::new(7, &buyers.url("/accept"), "5.00").ping(&buyers.url(slow), "timeout_ms = 200");
        for kind in ["ping", "async_ping"] {
            let offer = format!("distribution = \"{kind}\"\npayout = \"2.00\"");
            let changes = [(Part::HostNPostOffer, offer.as_str())];
            let server = Server::start(&market_with(&changes, std::slice::from_ref(&contract))).await;
            assert_unsold(&sell(&server, "ann").await);
            let lead = only(&server).await;
            assert_eq!(
                (lead.status, results(&server, &lead).await),
                (LeadStatus::Unsold, vec!["7 ping_timeout".into()])
            );
        }
    }
}

/// A lead whose client has hung up, with or without a word, while its one buyer thinks it over.
async fn sale_without_client(resets: bool) -> (Server, MockBuyers) {
    use tokio::io::AsyncWriteExt as _;
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/after?ms=200&then=accept"), "30.00");
    let server = Server::start(&market(&[contract])).await;
    let mut client = tokio::net::TcpStream::connect(server.tracking_address).await.unwrap();
    let target = format!("/d.ashx?{}", offered("ann"));
    client.write_all(format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n").as_bytes()).await.unwrap();
    buyers.wait_for(1).await.unwrap();
    if resets {
        client.set_zero_linger().unwrap();
    }
    (server, buyers)
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_a_sale() {
    for resets in [false, true] {
        let (server, _buyers) = sale_without_client(resets).await;
        assert_eq!(until(&server, LeadStatus::Sold).await.revenue.to_string(), "30.00");
    }
}

#[tokio::test]
async fn a_server_that_stops_waits_for_a_sale_whose_client_has_hung_up() {
    for resets in [false, true] {
        let (server, buyers) = sale_without_client(resets).await;
        let server = server.restart().await;
        let lead = only(&server).await;
        assert_eq!((lead.status, lead.revenue.to_string()), (LeadStatus::Sold, "30.00".to_owned()));
        assert_eq!(buyers.count("/after"), 1);
    }
}
