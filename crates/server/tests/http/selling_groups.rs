//! Multisells, hybrids and sweepers: who makes up a group, and what a group is worth.

use crate::contracts::*;
use crate::posts::lead_id;
use crumb_domain::lead::LeadStatus;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;

fn router(keys: &str) -> String {
    format!("router = {{ on = true, {keys} }}")
}

async fn server_with(keys: &str, contracts: &[Contract]) -> Server {
    Server::start(&market_with(&[(Part::Vertical, &router(keys))], contracts)).await
}

fn multi(buyers: &MockBuyers, id: u32, path: &str, price: &str) -> Contract {
    Contract::new(id, &buyers.url(path), price).multisell()
}

#[tokio::test]
async fn no_more_buyers_than_the_resell_limit_have_the_lead() {
    let buyers = MockBuyers::start().await.unwrap();
    let prices = ["9.00", "8.00", "7.00", "6.00", "5.00"];
    let all: Vec<Contract> =
        (7..).zip(prices).map(|(id, price)| multi(&buyers, id, "/accept", price)).collect();
    for (keys, sold) in [("resell_limit = 2", 2), ("sweeper_partners = 1", 3), ("resell_limit = 4", 4)] {
        let server = server_with(keys, &all).await;
        assert_sold(&sell(&server, "ann").await);
        let lead = only(&server).await;
        assert_eq!(lead.sales.len(), sold, "{keys}");
        let found = results(&server, &lead).await;
        let of = |result: &str| found.iter().filter(|one| one.ends_with(result)).count();
        assert_eq!((of(" sold"), of(" not_needed")), (sold, 5 - sold), "{keys}: {found:?}");
    }
}

#[tokio::test]
async fn a_member_that_refuses_makes_room_for_the_next() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        multi(&buyers, 7, "/accept", "9.00"),
        multi(&buyers, 8, "/reject", "8.00"),
        multi(&buyers, 9, "/accept", "7.00"),
        multi(&buyers, 10, "/accept", "6.00"),
    ];
    let server = server_with("resell_limit = 2", &all).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    assert_eq!(results(&server, &lead).await, ["10 not_needed", "7 sold", "8 post_rejected", "9 sold"]);
    assert_eq!(lead.revenue.to_string(), "16.00");
}

#[tokio::test]
async fn a_groups_margin_is_that_of_its_sum() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [multi(&buyers, 7, "/accept/7", "6.00"), multi(&buyers, 8, "/accept/8", "5.00")];
    // 6.00 + 5.00, less the affiliate's 2.00; neither would leave as much alone.
    let server = server_with("minimum_margin = \"9.00\"", &all).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(only(&server).await.revenue.to_string(), "11.00");
    let server = server_with("minimum_margin = \"9.01\"", &all).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(results(&server, &only(&server).await).await, ["7 margin_too_small", "8 margin_too_small"]);
    assert_eq!(buyers.seen().requests, 2);
}

#[tokio::test]
async fn a_hybrid_alone_is_held_against_the_margin_with_its_own_price() {
    let buyers = MockBuyers::start().await.unwrap();
    for (price, result) in [("6.99", "7 margin_too_small"), ("7.00", "7 sold")] {
        let hybrid = Contract::new(7, &buyers.url("/accept"), price).hybrid();
        let server = server_with("minimum_margin = \"5.00\"", &[hybrid]).await;
        sell(&server, "ann").await;
        assert_eq!(results(&server, &only(&server).await).await, [result]);
    }
}

#[tokio::test]
async fn what_lost_by_price_was_outbid_group_or_exclusive() {
    let buyers = MockBuyers::start().await.unwrap();
    for (exclusive, expected) in
        [("16.00", ["7 sold", "8 outbid", "9 outbid"]), ("14.00", ["7 outbid", "8 sold", "9 sold"])]
    {
        let all = [
            Contract::new(7, &buyers.url("/accept"), exclusive),
            multi(&buyers, 8, "/accept", "8.00"),
            multi(&buyers, 9, "/accept", "7.00"),
        ];
        let server = server_with("resell_limit = 3", &all).await;
        assert_sold(&sell(&server, "ann").await);
        assert_eq!(results(&server, &only(&server).await).await, expected);
    }
}

#[tokio::test]
async fn what_lost_by_price_has_its_turn_when_the_winner_refuses() {
    let buyers = MockBuyers::start().await.unwrap();
    let group = [multi(&buyers, 8, "/accept/8", "8.00"), multi(&buyers, 9, "/accept/9", "7.00")];
    let exclusive = Contract::new(7, &buyers.url("/reject/7"), "16.00");
    let server = server_with("resell_limit = 3", &[&[exclusive][..], &group].concat()).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(results(&server, &only(&server).await).await, ["7 post_rejected", "8 sold", "9 sold"]);
    let group = [multi(&buyers, 8, "/reject/8", "8.00"), multi(&buyers, 9, "/reject/9", "7.00")];
    let exclusive = Contract::new(7, &buyers.url("/accept/7"), "14.00");
    let server = server_with("resell_limit = 3", &[&[exclusive][..], &group].concat()).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    assert_eq!((lead.sales.len(), lead.revenue.to_string().as_str()), (1, "14.00"));
    assert_eq!(buyers.count("/reject/9"), 0, "the first refused, so no second buyer was possible");
}

#[tokio::test]
async fn a_group_is_posted_to_only_while_a_second_buyer_is_possible() {
    let buyers = MockBuyers::start().await.unwrap();
    let two = [multi(&buyers, 7, "/reject/7", "9.00"), multi(&buyers, 8, "/accept/8", "8.00")];
    let server = Server::start(&market(&two)).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(results(&server, &only(&server).await).await, ["7 post_rejected", "8 group_incomplete"]);
    assert_eq!(buyers.count("/accept/8"), 0);
    let three = [&two[..], &[multi(&buyers, 9, "/accept/9", "7.00")]].concat();
    let server = Server::start(&market(&three)).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(results(&server, &only(&server).await).await, ["7 post_rejected", "8 sold", "9 sold"]);
}

#[tokio::test]
async fn two_contracts_of_one_buyer_or_of_one_buyer_group_are_no_two_buyers() {
    let buyers = MockBuyers::start().await.unwrap();
    let group = "group = \"carriers\"";
    let first = multi(&buyers, 7, "/accept/7", "9.00").buyer(group);
    for second in [
        multi(&buyers, 8, "/accept/8", "8.00").of_buyer(7),
        multi(&buyers, 8, "/accept/8", "8.00").buyer(group),
    ] {
        let server = Server::start(&market(&[first.clone(), second.clone()])).await;
        assert_unsold(&sell(&server, "ann").await);
        assert_eq!(buyers.seen().requests, 0);
    }
    let other = multi(&buyers, 9, "/accept/9", "7.00");
    let second = multi(&buyers, 8, "/accept/8", "8.00").buyer(group);
    let server = Server::start(&market(&[first, second, other])).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(results(&server, &only(&server).await).await, ["7 sold", "8 already_bought", "9 sold"]);
}

#[tokio::test]
async fn a_hybrid_joins_a_multisell_and_sells_alone_where_the_multisell_refuses() {
    let buyers = MockBuyers::start().await.unwrap();
    let hybrid = Contract::new(8, &buyers.url("/accept/8"), "8.00").hybrid();
    for (path, sold) in [("/accept/7", 2), ("/reject/7", 1)] {
        let server = Server::start(&market(&[multi(&buyers, 7, path, "9.00"), hybrid.clone()])).await;
        assert_sold(&sell(&server, "ann").await);
        assert_eq!(only(&server).await.sales.len(), sold, "{path}");
    }
}

#[tokio::test]
async fn a_sweeper_joins_after_as_many_partners_as_the_vertical_says() {
    let buyers = MockBuyers::start().await.unwrap();
    let sweeper = multi(&buyers, 9, "/accept/s", "90.00").row("sweeper = true");
    for (second, sold) in [("/accept/8", 3), ("/reject/8", 1)] {
        let all =
            [multi(&buyers, 7, "/accept/7", "9.00"), multi(&buyers, 8, second, "8.00"), sweeper.clone()];
        let server = server_with("sweeper_partners = 2", &all).await;
        assert_sold(&sell(&server, "ann").await);
        assert_eq!(only(&server).await.sales.len(), sold, "{second}");
    }
    let order = asked(&buyers);
    assert_eq!(order[..3], ["/accept/7", "/accept/8", "/accept/s"]);
    assert_eq!(buyers.count("/accept/s"), 1);
}

#[tokio::test]
async fn an_unknown_member_counts_as_a_buyer_that_may_have_bought() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        multi(&buyers, 7, "/cut-after", "9.00"),
        multi(&buyers, 8, "/accept/8", "8.00"),
        multi(&buyers, 9, "/accept/9", "7.00"),
    ];
    let server = server_with("resell_limit = 2", &all).await;
    let reply = sell(&server, "ann").await;
    assert_sold(&reply);
    let lead = only(&server).await;
    assert_eq!(lead.id.as_str(), lead_id(&reply));
    assert_eq!((lead.status, lead.revenue.to_string().as_str()), (LeadStatus::Sold, "8.00"));
    assert_eq!(results(&server, &lead).await, ["7 post_unknown", "8 sold", "9 not_needed"]);
    assert_eq!(buyers.count("/accept/9"), 0);
}

#[tokio::test]
async fn after_an_unknown_member_no_exclusive_buyer_is_posted_to() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        multi(&buyers, 7, "/cut-after", "9.00"),
        multi(&buyers, 8, "/reject/8", "8.00"),
        Contract::new(9, &buyers.url("/accept/9"), "10.00"),
    ];
    let server = Server::start(&market(&all)).await;
    assert_unsold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    assert_eq!(lead.status, LeadStatus::PendingUnknown);
    assert_eq!((buyers.count("/reject/8"), buyers.count("/accept/9")), (1, 0));
}

#[tokio::test]
async fn a_member_that_is_settled_later_adds_to_what_the_lead_brought() {
    let buyers = MockBuyers::start().await.unwrap();
    let status = format!("status_url = \"{}\"", buyers.url("/status?id=#leadid#"));
    let all = [
        multi(&buyers, 7, "/cut-after?made=accepted", "9.00").post(&status),
        multi(&buyers, 8, "/accept/8", "8.00"),
    ];
    let server = Server::start(&market(&all)).await;
    assert_sold(&sell(&server, "ann").await);
    server.clock.advance_seconds(30);
    server.selling.look_at_held().await.unwrap();
    let lead = only(&server).await;
    assert_eq!((lead.sales.len(), lead.revenue.to_string().as_str()), (2, "17.00"));
    assert_eq!(lead.payout.to_string(), "2.00", "a lead pays its affiliate at most once");
}

#[tokio::test]
async fn a_share_is_paid_of_each_sale() {
    let buyers = MockBuyers::start().await.unwrap();
    let changes = [(Part::HostNPostOffer, "payout = \"0.00\"\npayout_percent = \"50\"")];
    let all = [multi(&buyers, 7, "/accept/7", "9.00"), multi(&buyers, 8, "/accept/8", "8.00")];
    let server = Server::start(&market_with(&changes, &all)).await;
    assert_eq!(sell(&server, "ann").await.between("<price>", "</price>"), "8.50");
}

#[tokio::test]
async fn of_several_buyers_the_redirect_of_the_highest_price_is_used() {
    let buyers = MockBuyers::start().await.unwrap();
    let price = "price = \"xml:/result/price\"";
    let all = [
        multi(&buyers, 7, "/accept/7?price=5.00&redirect=https://seven.example/", "9.00").post(price),
        multi(&buyers, 8, "/accept/8?price=8.00&redirect=https://eight.example/", "8.00").post(price),
        multi(&buyers, 9, "/accept/9?price=30.00", "7.00").post(price),
    ];
    let server = Server::start(&market(&all)).await;
    let reply = sell(&server, "ann").await;
    assert_eq!(reply.between("<redirect>", "</redirect>"), "https://eight.example/");
}

#[tokio::test]
async fn a_priority_row_goes_before_a_group_that_pays_more() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        multi(&buyers, 7, "/accept/7", "90.00"),
        multi(&buyers, 8, "/accept/8", "80.00"),
        Contract::new(9, &buyers.url("/reject/9"), "5.00").row("priority = true"),
    ];
    let server = Server::start(&market(&all)).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(asked(&buyers), ["/reject/9", "/accept/7", "/accept/8"]);
}

#[tokio::test]
async fn a_group_stays_within_each_members_cap() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        multi(&buyers, 7, "/accept/7", "9.00").row("cap = 1"),
        multi(&buyers, 8, "/accept/8", "8.00"),
        multi(&buyers, 9, "/accept/9", "7.00"),
    ];
    let server = server_with("resell_limit = 2", &all).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(results(&server, &newest(&server).await).await, ["7 sold", "8 sold", "9 not_needed"]);
    assert_sold(&sell(&server, "bob").await);
    assert_eq!(results(&server, &newest(&server).await).await, ["7 cap_reached", "8 sold", "9 sold"]);
}
