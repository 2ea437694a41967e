//! Buyers that are asked for a price first.

use crate::contracts::*;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;

fn distribution(kind: &str) -> String {
    format!("distribution = \"{kind}\"\npayout = \"2.00\"")
}

async fn server(kind: &str, contracts: &[Contract]) -> Server {
    Server::start(&market_with(&[(Part::HostNPostOffer, &distribution(kind))], contracts)).await
}

#[tokio::test]
async fn all_are_pinged_at_once_and_the_best_price_is_posted_to_with_its_session() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        Contract::new(7, &buyers.url("/accept/a"), "5.00").ping(&buyers.url("/ping/a?price=12.00"), ""),
        Contract::new(8, &buyers.url("/accept/b"), "5.00")
            .ping(&buyers.url("/ping/b?price=15.00&session=S77"), ""),
        Contract::new(9, &buyers.url("/accept/plain"), "13.00"),
    ];
    let server = server("async_ping", &all).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!((buyers.count("/ping/a"), buyers.count("/ping/b")), (1, 1));
    assert_eq!((buyers.count("/accept/a"), buyers.count("/accept/plain")), (0, 0));
    let post = buyers.requests_at("/accept/b").remove(0);
    assert_eq!(post.value("session").as_deref(), Some("S77"));
    assert_eq!(only(&server).await.revenue.to_string(), "15.00");
    for ping in buyers.requests_at("/ping/a").iter().chain(&buyers.requests_at("/ping/b")) {
        assert!(!ping.text().contains("example.com"), "{}", ping.text());
    }
}

#[tokio::test]
async fn the_rows_price_is_the_floor_of_a_ping() {
    let buyers = MockBuyers::start().await.unwrap();
    for (kind, price, found) in [
        ("ping", "9.99", "7 ping_rejected"),
        ("async_ping", "9.99", "7 ping_rejected"),
        ("ping", "10.00", "7 sold"),
        ("async_ping", "10.00", "7 sold"),
    ] {
        let ping = buyers.url(&format!("/ping?price={price}"));
        let contract = Contract::new(7, &buyers.url("/accept"), "10.00").ping(&ping, "");
        let server = server(kind, &[contract]).await;
        sell(&server, "ann").await;
        assert_eq!(results(&server, &only(&server).await).await, [found], "{kind} {price}");
    }
}

#[tokio::test]
async fn one_at_a_time_posts_to_the_first_that_accepts_and_goes_on_only_if_that_fails() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        Contract::new(7, &buyers.url("/accept/a"), "30.00").ping(&buyers.url("/reject/ping"), ""),
        Contract::new(8, &buyers.url("/reject/post"), "20.00").ping(&buyers.url("/ping/b?price=20.00"), ""),
        Contract::new(9, &buyers.url("/accept/c"), "15.00").ping(&buyers.url("/ping/c?price=15.00"), ""),
        Contract::new(10, &buyers.url("/accept/d"), "10.00").ping(&buyers.url("/ping/d?price=99.00"), ""),
    ];
    let server = server("ping", &all).await;
    assert_sold(&sell(&server, "ann").await);
    let asked: Vec<String> = buyers.requests().iter().map(|request| request.path.clone()).collect();
    assert_eq!(asked, ["/reject/ping", "/ping/b", "/reject/post", "/ping/c", "/accept/c"]);
}

#[tokio::test]
async fn a_ping_that_is_not_answered_in_time_takes_no_part() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        Contract::new(7, &buyers.url("/accept/a"), "30.00").ping(&buyers.url("/stall"), "timeout_ms = 200"),
        Contract::new(8, &buyers.url("/accept/b"), "20.00"),
    ];
    let server = server("async_ping", &all).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(results(&server, &only(&server).await).await, ["7 ping_timeout", "8 sold"]);
}
