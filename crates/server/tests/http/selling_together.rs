//! A lead sold to several.

use crate::contracts::*;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;

fn router(keys: &str) -> String {
    format!("router = {{ on = true, {keys} }}")
}

#[tokio::test]
async fn a_lone_multisell_sells_nothing_and_a_lone_hybrid_sells_alone() {
    let buyers = MockBuyers::start().await.unwrap();
    let lone = Contract::new(7, &buyers.url("/accept/multi"), "30.00").multisell();
    let server = Server::start(&market(&[lone])).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(results(&server, &only(&server).await).await, ["7 group_incomplete"]);
    assert_eq!(buyers.count("/accept/multi"), 0);
    let hybrid = Contract::new(7, &buyers.url("/accept/hybrid"), "30.00").hybrid();
    let server = Server::start(&market(&[hybrid])).await;
    assert_sold(&sell(&server, "ann").await);
}

#[tokio::test]
async fn the_larger_of_the_best_exclusive_price_and_the_best_group_wins() {
    let buyers = MockBuyers::start().await.unwrap();
    let group = ["12.00", "11.00", "10.00", "9.00"]
        .iter()
        .zip(8..)
        .map(|(price, id)| Contract::new(id, &buyers.url(&format!("/accept/{id}")), price).multisell());
    let group: Vec<Contract> = group.collect();
    for (exclusive, keys, revenue) in [
        ("32.00", "resell_limit = 3", "33.00"),
        ("34.00", "resell_limit = 3", "34.00"),
        ("24.00", "resell_limit = 2", "24.00"),
        ("33.00", "resell_limit = 3", "33.00"),
        ("33.00", "resell_limit = 3, tie_favors_exclusive = true", "33.00"),
    ] {
        let mut all = vec![Contract::new(7, &buyers.url("/accept/7"), exclusive)];
        all.extend(group.clone());
        let server = Server::start(&market_with(&[(Part::Vertical, &router(keys))], &all)).await;
        assert_sold(&sell(&server, "ann").await);
        let lead = only(&server).await;
        assert_eq!(lead.revenue.to_string(), revenue, "{exclusive} {keys}");
        let alone = exclusive == "34.00" || exclusive == "24.00" || keys.contains("tie");
        assert_eq!(lead.sales.len(), if alone { 1 } else { 3 }, "{exclusive} {keys}");
    }
}

#[tokio::test]
async fn a_member_that_accepted_keeps_its_sale_if_the_others_then_refuse() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        Contract::new(7, &buyers.url("/accept"), "30.00").multisell(),
        Contract::new(8, &buyers.url("/reject"), "20.00").multisell(),
    ];
    let server = Server::start(&market(&all)).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    assert_eq!((lead.sales.len(), lead.revenue.to_string().as_str()), (1, "30.00"));
}

#[tokio::test]
async fn a_margin_below_the_verticals_minimum_is_not_sold() {
    let buyers = MockBuyers::start().await.unwrap();
    for (price, sold) in [("6.99", false), ("7.00", true)] {
        let keys = router("minimum_margin = \"5.00\"");
        let contract = Contract::new(7, &buyers.url("/accept"), price);
        let server = Server::start(&market_with(&[(Part::Vertical, &keys)], &[contract])).await;
        let reply = sell(&server, "ann").await;
        if sold {
            assert_sold(&reply);
        } else {
            assert_unsold(&reply);
            assert_eq!(results(&server, &only(&server).await).await, ["7 margin_too_small"]);
        }
    }
}

#[tokio::test]
async fn sweepers_join_after_enough_partners_have_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let sweeper = Contract::new(9, &buyers.url("/accept/s"), "90.00").multisell().row("sweeper = true");
    let server = Server::start(&market(std::slice::from_ref(&sweeper))).await;
    assert_unsold(&sell(&server, "ann").await);
    let partner = Contract::new(7, &buyers.url("/accept/p"), "20.00").multisell();
    let server = Server::start(&market(&[sweeper, partner])).await;
    assert_sold(&sell(&server, "ann").await);
    let asked: Vec<String> = buyers.requests().iter().map(|request| request.path.clone()).collect();
    assert_eq!(asked, ["/accept/p", "/accept/s"]);
}
