//! What `/metrics` says of selling.

use crate::contracts::*;
use crate::selling::{NOW, post};
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;

/// The value of a series, by its line's beginning.
async fn value(server: &Server, series: &str) -> i64 {
    let text = server.admin.get("/metrics").await.text();
    let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
    line.unwrap_or_else(|| panic!("{series} is not in\n{text}")).rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn questions_runs_and_sales_are_counted_by_how_they_end() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        Contract::new(7, &buyers.url("/reject/a"), "5.00").ping(&buyers.url("/ping/a?price=30.00"), ""),
        Contract::new(8, &buyers.url("/accept/b"), "5.00").ping(&buyers.url("/ping/b?price=20.00"), ""),
        Contract::new(9, &buyers.url("/accept/c"), "5.00").ping(&buyers.url("/reject/ping"), ""),
    ];
    let offer = "distribution = \"async_ping\"\npayout = \"2.00\"";
    let server = Server::start(&market_with(&[(Part::HostNPostOffer, offer)], &all)).await;
    assert_sold(&sell(&server, "ann").await);
    for (series, expected) in [
        ("crumb_buyer_calls_total{kind=\"ping\",outcome=\"accepted\"}", 2),
        ("crumb_buyer_calls_total{kind=\"ping\",outcome=\"rejected\"}", 1),
        ("crumb_buyer_calls_total{kind=\"post\",outcome=\"rejected\"}", 1),
        ("crumb_buyer_calls_total{kind=\"post\",outcome=\"accepted\"}", 1),
        ("crumb_buyer_calls_in_flight{kind=\"post\"}", 0),
        ("crumb_buyer_call_seconds_count{kind=\"ping\"}", 3),
        ("crumb_selling_runs_total{outcome=\"sold\"}", 1),
        ("crumb_selling_run_seconds_count", 1),
        ("crumb_sales_total", 1),
        ("crumb_leads_in_hand", 0),
    ] {
        assert_eq!(value(&server, series).await, expected, "{series}");
    }
}

#[tokio::test]
async fn a_post_is_in_flight_and_its_lead_in_hand_while_its_buyer_thinks_and_held_if_it_breaks_off() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [Contract::new(7, &buyers.url("/stall"), "5.00")];
    let server = Server::start(&market_with(&[], &all)).await;
    let posted = post(&server, NOW, "ann@example.com");
    let looked = async {
        buyers.wait_for(1).await.unwrap();
        let flying = value(&server, "crumb_buyer_calls_in_flight{kind=\"post\"}").await;
        let in_hand = value(&server, "crumb_leads_in_hand").await;
        buyers.stop().await;
        (flying, in_hand)
    };
    let (_, looked) = tokio::join!(posted, looked);
    assert_eq!(looked, (1, 1));
    for (series, expected) in [
        ("crumb_buyer_calls_in_flight{kind=\"post\"}", 0),
        ("crumb_buyer_calls_total{kind=\"post\",outcome=\"unknown_end\"}", 1),
        ("crumb_selling_runs_total{outcome=\"pending_unknown\"}", 1),
        ("crumb_leads_in_hand", 0),
        ("crumb_posts_held", 1),
    ] {
        assert_eq!(value(&server, series).await, expected, "{series}");
    }
}

#[tokio::test]
async fn what_a_person_should_look_at_is_counted_and_skipped_buyers_stand_there() {
    let buyers = MockBuyers::start().await.unwrap();
    let slow =
        Contract::new(7, &buyers.url("/accept/a"), "5.00").ping(&buyers.url("/stall"), "timeout_ms = 50");
    let odd =
        Contract::new(8, &buyers.url("/accept/b?price=lots"), "5.00").post("price = \"xml:/result/price\"");
    let offer = "distribution = \"async_ping\"\npayout = \"0.00\"";
    let server = Server::start(&market_with(&[(Part::HostNPostOffer, offer)], &[slow, odd])).await;
    for person in ["ann", "ben", "cat", "dan", "eve"] {
        sell(&server, person).await;
    }
    assert_eq!(value(&server, "crumb_selling_alerts_total{alert=\"price_unreadable\"}").await, 5);
    assert_eq!(value(&server, "crumb_selling_alerts_total{alert=\"buyer_skipped\"}").await, 1);
    assert_eq!(value(&server, "crumb_buyers_skipped").await, 1);
    assert_eq!(value(&server, "crumb_buyer_calls_total{kind=\"ping\",outcome=\"timed_out\"}").await, 5);
}
