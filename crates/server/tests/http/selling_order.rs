//! In which order buyers are offered a lead, and when the next one is.

use crate::contracts::*;
use crate::posts::{HOST_N_POST, post};
use crumb_domain::lead::LeadStatus;
use crumb_testkit::Server;
use crumb_testkit::buyers::{MockBuyers, NobodyThere};
use crumb_testkit::network::Part;

#[tokio::test]
async fn by_price_highest_first() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/reject/a"), "20.00"),
        Contract::new(8, &buyers.url("/reject/b"), "30.00"),
        Contract::new(9, &buyers.url("/reject/c"), "9.00"),
    ];
    let server = Server::start(&market(&contracts)).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(asked(&buyers), ["/reject/b", "/reject/a", "/reject/c"]);
    let lead = only(&server).await;
    assert_eq!(lead.status, LeadStatus::Unsold);
    assert_eq!(results(&server, &lead).await, ["7 post_rejected", "8 post_rejected", "9 post_rejected"]);
}

#[tokio::test]
async fn priority_rows_first_among_them_by_rank() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/reject/dear"), "90.00"),
        Contract::new(8, &buyers.url("/reject/second"), "30.00").row("priority = true").with("rank = 2"),
        Contract::new(9, &buyers.url("/reject/first"), "9.00").row("priority = true").with("rank = 1"),
    ];
    let server = Server::start(&market(&contracts)).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(asked(&buyers), ["/reject/first", "/reject/second", "/reject/dear"]);
}

#[tokio::test]
async fn ties_by_rank_then_by_least_recently_sold_then_by_id() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/accept/a"), "20.00").with("rank = 1"),
        Contract::new(8, &buyers.url("/accept/b"), "20.00"),
        Contract::new(9, &buyers.url("/accept/c"), "20.00"),
    ];
    let server = Server::start(&market(&contracts)).await;
    for name in ["ann", "bob", "cid", "dan"] {
        assert_sold(&sell(&server, name).await);
        server.clock.advance_seconds(60);
    }
    assert_eq!(asked(&buyers), ["/accept/b", "/accept/c", "/accept/b", "/accept/c"]);
}

#[tokio::test]
async fn reject_duplicate_error_and_unknown_answer_go_on_to_the_next() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/reject"), "70.00"),
        Contract::new(8, &buyers.url("/duplicate"), "60.00"),
        Contract::new(9, &buyers.url("/error?http=500"), "50.00"),
        Contract::new(10, &buyers.url("/unknown"), "40.00"),
        Contract::new(11, &buyers.url("/big?kb=300"), "30.00"),
        Contract::new(12, &buyers.url("/accept"), "20.00"),
        Contract::new(13, &buyers.url("/accept/late"), "10.00"),
    ];
    let server = Server::start(&market(&contracts)).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    assert_eq!(lead.revenue.to_string(), "20.00");
    assert_eq!(lead.sales.len(), 1);
    let expected = [
        "10 post_rejected",
        "11 post_error",
        "12 sold",
        "13 not_needed",
        "7 post_rejected",
        "8 post_duplicate",
        "9 post_error",
    ];
    assert_eq!(results(&server, &lead).await, expected);
    assert_eq!(buyers.count("/accept/late"), 0);
}

#[tokio::test]
async fn a_failure_before_any_byte_was_sent_goes_on_to_the_next() {
    let (buyers, nobody) = (MockBuyers::start().await.unwrap(), NobodyThere::bind().unwrap());
    let contracts = [
        Contract::new(7, &nobody.url("/x"), "30.00").row("cap = 1"),
        Contract::new(8, &buyers.url("/accept"), "20.00"),
    ];
    let server = Server::start(&market(&contracts)).await;
    for name in ["ann", "bob"] {
        assert_sold(&sell(&server, name).await);
        let found = results(&server, &newest(&server).await).await;
        assert_eq!(found, ["7 post_error", "8 sold"], "its cap is released");
    }
}

#[tokio::test]
async fn an_accepted_answer_without_the_price_that_a_token_asks_for_sells_at_0_00() {
    let buyers = MockBuyers::start().await.unwrap();
    let price = "price = \"xml:/result/price\"";
    for (answer, sold) in [
        ("/accept", "0.00"),
        ("/accept?price=", "0.00"),
        ("/accept?price=cheap", "0.00"),
        ("/accept?price=-5.00", "0.00"),
        ("/accept?price=12.5", "12.50"),
        ("/accept?price=$1,012.125000", "200.00"),
        ("/accept?price=$12.125000", "12.125"),
        ("/accept?price=200.01", "200.00"),
        ("/accept?price=150.00", "150.00"),
    ] {
        let server =
            Server::start(&market(&[Contract::new(7, &buyers.url(answer), "20.00").post(price)])).await;
        assert_sold(&sell(&server, "ann").await);
        let lead = only(&server).await;
        assert_eq!(lead.status, LeadStatus::Sold, "{answer}");
        let revenue = lead.revenue.to_string();
        assert!(revenue.starts_with(sold.trim_end_matches('0')), "{answer}: {revenue}, not {sold}");
    }
}

#[tokio::test]
async fn over_maximum_price_that_is_the_price() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept?price=31.00"), "20.00")
        .with("maximum_price = \"30.00\"")
        .post("price = \"xml:/result/price\"");
    let server = Server::start(&market(&[contract])).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(only(&server).await.revenue.to_string(), "30.00");
}

#[tokio::test]
async fn without_a_price_token_the_rows_price_stands_whatever_the_answer_says() {
    let buyers = MockBuyers::start().await.unwrap();
    let server =
        Server::start(&market(&[Contract::new(7, &buyers.url("/accept?price=31.00"), "20.00")])).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(only(&server).await.revenue.to_string(), "20.00");
}

#[tokio::test]
async fn the_redirect_is_the_buyers_else_the_contracts_else_the_offers() {
    let buyers = MockBuyers::start().await.unwrap();
    let thanks = "thank_you_link = \"https://lp.example/thanks?lead=#leadid#\"";
    let offer: &[(Part, &str)] = &[(Part::HostNPostOffer, thanks)];
    let plain = Contract::new(7, &buyers.url("/accept"), "20.00");
    let own = plain.clone().with("thank_you_link = \"https://contract.example/hi?lead=#leadid#\"");
    let told = |to: &str| own.clone().at(&buyers.url(&format!("/accept?redirect={to}")));
    let long = format!("https://b.example/{}", "x".repeat(2_048));
    for (changes, contract, expected) in [
        (offer, told("https://b.example/ok%3Fa%3D1%26b%3D2"), Some("https://b.example/ok?a=1&amp;b=2")),
        (offer, told("/relative"), Some("https://contract.example/hi")),
        (offer, told("javascript:alert(1)"), Some("https://contract.example/hi")),
        (offer, told("ftp://b.example/"), Some("https://contract.example/hi")),
        (offer, told(&long), Some("https://contract.example/hi")),
        (offer, own.clone(), Some("https://contract.example/hi")),
        (offer, plain.clone(), Some("https://lp.example/thanks?lead=")),
        (&[][..], plain.clone(), None),
    ] {
        let server = Server::start(&market_with(changes, &[contract])).await;
        let reply = sell(&server, "ann").await;
        assert_sold(&reply);
        match expected {
            Some(start) => assert!(reply.text().contains(&format!("<redirect>{start}")), "{}", reply.text()),
            None => assert!(!reply.text().contains("redirect"), "{}", reply.text()),
        }
    }
}

#[tokio::test]
async fn who_changes_a_sold_lead_is_sent_where_its_contract_says_not_its_offer() {
    let buyers = MockBuyers::start().await.unwrap();
    let thanks: &[(Part, &str)] =
        &[(Part::HostNPostOffer, "thank_you_link = \"https://lp.example/thanks?lead=#leadid#\"")];
    let own = "thank_you_link = \"https://contract.example/hi?lead=#leadid#\"";
    let contract = Contract::new(7, &buyers.url("/accept"), "20.00").with(own);
    let server = Server::start(&market_with(thanks, &[contract])).await;
    assert_sold(&sell(&server, "ann").await);
    let id = only(&server).await.id;
    let reply = post(&server, &[HOST_N_POST, &format!("ckm_lead_id={id}&zip_code=10001")]).await;
    assert_sold(&reply);
    assert_eq!(reply.between("<redirect>", "</redirect>"), format!("https://contract.example/hi?lead={id}"));
    assert_eq!(buyers.count("/accept"), 1);
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.sales.len()), (LeadStatus::Sold, 1), "past sales stay");
    assert_eq!((lead.revenue.to_string().as_str(), lead.payout.to_string().as_str()), ("20.00", "2.00"));
}

#[tokio::test]
async fn who_changes_a_sold_lead_is_sent_where_its_buyer_said_that_paid_most() {
    let buyers = MockBuyers::start().await.unwrap();
    let own = "thank_you_link = \"https://contract.example/hi\"";
    let contract = |id, path: &str, price| Contract::new(id, &buyers.url(path), price).multisell().with(own);
    let (low, high) = ("https://low.example/?a=1%26b=2", "https://high.example/?a=1%26b=2");
    let says = |to| format!("/accept?redirect={to}");
    for (of_nine, of_five, expected) in [
        (says(high), says(low), "https://high.example/?a=1&amp;b=2"),
        ("/accept".to_owned(), says(low), "https://low.example/?a=1&amp;b=2"),
        ("/accept".to_owned(), "/accept".to_owned(), "https://contract.example/hi"),
    ] {
        // The lower one is asked first: it is a priority.
        let first = contract(7, &of_five, "5.00").row("priority = true");
        let server = Server::start(&market(&[first, contract(8, &of_nine, "9.00")])).await;
        let sold = sell(&server, "ann").await;
        let lead = only(&server).await;
        assert_eq!(lead.sales.iter().map(|sale| sale.contract.0).collect::<Vec<_>>(), [7, 8]);
        let update = format!("ckm_lead_id={}&zip_code=10001", lead.id);
        let changed = post(&server, &[HOST_N_POST, &update]).await;
        for reply in [sold, changed] {
            assert_sold(&reply);
            assert_eq!(reply.between("<redirect>", "</redirect>"), expected);
        }
    }
}

#[tokio::test]
async fn a_buyer_that_redirects_is_not_followed() {
    let buyers = MockBuyers::start().await.unwrap();
    let server =
        Server::start(&market(&[Contract::new(7, &buyers.url("/redirect?to=/accept"), "20.00")])).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(buyers.count("/accept"), 0);
}

#[tokio::test]
async fn the_price_of_the_answer_is_what_the_affiliate_is_paid() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/accept"), "30.00")])).await;
    let reply = sell(&server, "ann").await;
    assert_eq!(reply.between("<price>", "</price>"), "2.00");
    assert_eq!(only(&server).await.payout.to_string(), "2.00");
}

#[tokio::test]
async fn a_weight_shares_leads_among_equals() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/accept/a"), "20.00").with("weight = 1"),
        Contract::new(8, &buyers.url("/accept/b"), "20.00").with("weight = 1"),
    ];
    let server = Server::start(&market(&contracts)).await;
    for number in 0..40 {
        assert_sold(&sell(&server, &format!("n{number}")).await);
    }
    let (a, b) = (buyers.count("/accept/a"), buyers.count("/accept/b"));
    assert_eq!(a + b, 40);
    assert!(a > 0 && b > 0, "{a} and {b}");
}
