//! Priority, rank and weight, with pings and without; and what a ping is told.

use crate::contracts::*;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;

async fn server(kind: &str, contracts: &[Contract]) -> Server {
    let offer = format!("distribution = \"{kind}\"\npayout = \"2.00\"");
    Server::start(&market_with(&[(Part::HostNPostOffer, &offer)], contracts)).await
}

fn pinged(buyers: &MockBuyers, id: u32, quoted: &str) -> Contract {
    let ping = buyers.url(&format!("/ping/{id}?price={quoted}"));
    Contract::new(id, &buyers.url(&format!("/reject/{id}")), "5.00").ping(&ping, "")
}

/// The paths of posts, in their order.
fn posted(buyers: &MockBuyers) -> Vec<String> {
    asked(buyers).into_iter().filter(|path| !path.starts_with("/ping")).collect()
}

#[tokio::test]
async fn priority_rows_come_first_whatever_pings_return() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        pinged(&buyers, 7, "40.00"),
        Contract::new(8, &buyers.url("/reject/8"), "3.00").row("priority = true"),
        pinged(&buyers, 9, "6.00").row("priority = true"),
        pinged(&buyers, 10, "45.00"),
    ];
    let server = server("async_ping", &all).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(posted(&buyers), ["/reject/9", "/reject/8", "/reject/10", "/reject/7"]);
}

#[tokio::test]
async fn among_priority_rows_rank_comes_before_price() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        pinged(&buyers, 7, "40.00").row("priority = true").with("rank = 3"),
        pinged(&buyers, 8, "6.00").row("priority = true").with("rank = 1"),
        Contract::new(9, &buyers.url("/reject/9"), "50.00").row("priority = true").with("rank = 2"),
    ];
    let server = server("async_ping", &all).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(posted(&buyers), ["/reject/8", "/reject/9", "/reject/7"]);
}

#[tokio::test]
async fn a_contract_without_a_ping_takes_part_at_its_rows_price() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        pinged(&buyers, 7, "12.00"),
        Contract::new(8, &buyers.url("/reject/8"), "11.00"),
        pinged(&buyers, 9, "10.00"),
    ];
    for kind in ["async_ping", "ping"] {
        let server = server(kind, &all).await;
        assert_unsold(&sell(&server, "ann").await);
    }
    let one_at_a_time = ["/reject/8", "/reject/7", "/reject/9"];
    assert_eq!(posted(&buyers), [&["/reject/7", "/reject/8", "/reject/9"][..], &one_at_a_time].concat());
}

#[tokio::test]
async fn pings_that_lost_by_price_were_outbid() {
    let buyers = MockBuyers::start().await.unwrap();
    let winner = pinged(&buyers, 9, "14.00").at(&buyers.url("/accept"));
    let all = [pinged(&buyers, 7, "12.00"), pinged(&buyers, 8, "13.00"), winner];
    let server = server("async_ping", &all).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    assert_eq!(results(&server, &lead).await, ["7 outbid", "8 outbid", "9 sold"]);
    let explained = server.api_json(&format!("/leads/{}/explain", lead.id)).await;
    let lost = explained["contracts"].as_array().unwrap().iter().find(|one| one["contract"] == 7).unwrap();
    assert_eq!(lost["values"], serde_json::json!({ "price": "12.00", "sold": "14.00" }));
}

#[tokio::test]
async fn direct_distribution_asks_no_prices() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = server("direct", &[pinged(&buyers, 7, "12.00").at(&buyers.url("/accept"))]).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(asked(&buyers), ["/accept"]);
    assert_eq!(only(&server).await.revenue.to_string(), "5.00");
}

#[tokio::test]
async fn a_ping_that_errs_or_says_duplicate_takes_no_part() {
    let buyers = MockBuyers::start().await.unwrap();
    let by = |id: u32, path: &str| {
        Contract::new(id, &buyers.url("/accept/no"), "30.00").ping(&buyers.url(path), "")
    };
    let all = [
        by(7, "/error"),
        by(8, "/cut-after"),
        by(9, "/unknown"),
        by(10, "/duplicate"),
        by(11, "/big?kb=300&price=40.00"),
        Contract::new(12, &buyers.url("/accept"), "5.00"),
    ];
    for kind in ["async_ping", "ping"] {
        let server = server(kind, &all).await;
        assert_sold(&sell(&server, "ann").await);
        let expected = [
            "10 ping_rejected",
            "11 ping_error",
            "12 sold",
            "7 ping_error",
            "8 ping_error",
            "9 ping_rejected",
        ];
        assert_eq!(results(&server, &only(&server).await).await, expected, "{kind}");
    }
    assert_eq!(buyers.count("/accept/no"), 0);
}

#[tokio::test]
async fn a_ping_sends_the_fields_that_its_contract_lists_and_no_other() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = server("async_ping", &[pinged(&buyers, 7, "12.00").at(&buyers.url("/accept"))]).await;
    let body = format!(
        "{}&first_name=Ann&last_name=Other&phone_home=2125550100&state=CA&ip_address=192.0.2.9",
        offered("ann")
    );
    server.tracking.post_form("/d.ashx", &body).await;
    let ping = buyers.requests_at("/ping/7").remove(0);
    assert_eq!(ping.text(), "zip=90210");
    assert_eq!(ping.target(), "/ping/7?price=12.00");
    let all = format!("{:?}", ping.headers);
    for private in ["Ann", "Other", "2125550100", "ann@example", "192.0.2.9"] {
        assert!(!all.contains(private), "{all}");
    }
}

#[tokio::test]
async fn a_ping_may_list_a_personal_field() {
    let buyers = MockBuyers::start().await.unwrap();
    let ping = "formats = { email_address = \"sha256\" }";
    let contract =
        Contract::new(7, &buyers.url("/accept"), "5.00").ping(&buyers.url("/ping?price=6.00"), ping);
    let listed = "[[\"zip\", \"#zip_code#\"]";
    let text = market_with(
        &[(Part::HostNPostOffer, "distribution = \"async_ping\"\npayout = \"2.00\"")],
        &[contract],
    );
    let text = text.replace(&format!("{listed}]"), &format!("{listed}, [\"mail\", \"#email_address#\"]]"));
    let server = Server::start(&text).await;
    assert_sold(&sell(&server, "ann").await);
    let hash = "71d4f55f72fa128dfb468a1a3901507c804b74316488744d769d7f4b16696476";
    assert_eq!(buyers.requests_at("/ping").remove(0).value("mail").as_deref(), Some(hash));
}

#[tokio::test]
async fn rank_and_price_come_before_weight() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        Contract::new(7, &buyers.url("/reject/7"), "20.00").with("weight = 1000\nrank = 1"),
        Contract::new(8, &buyers.url("/reject/8"), "20.00").with("weight = 1"),
        Contract::new(9, &buyers.url("/reject/9"), "20.01").with("weight = 1\nrank = 5"),
    ];
    let server = Server::start(&market(&all)).await;
    for name in ["ann", "bob", "cid"] {
        assert_unsold(&sell(&server, name).await);
    }
    let each = ["/reject/9", "/reject/8", "/reject/7"];
    assert_eq!(asked(&buyers), [each, each, each].concat());
}
