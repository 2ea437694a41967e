//! Caps and credit of contracts.

use crate::contracts::*;
use crate::posts::at_once;
use crumb_domain::lead::LeadStatus;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;

#[tokio::test]
async fn of_two_leads_a_cap_of_one_sells_one_until_the_next_day() {
    let buyers = MockBuyers::start().await.unwrap();
    let server =
        Server::start(&market(&[Contract::new(7, &buyers.url("/accept"), "30.00").row("cap = 1")])).await;
    assert_sold(&sell(&server, "ann").await);
    assert_unsold(&sell(&server, "bob").await);
    assert_eq!(results(&server, &newest(&server).await).await, ["7 cap_reached"]);
    server.clock.advance_days(1);
    assert_sold(&sell(&server, "cid").await);
    assert_eq!(buyers.count("/accept"), 2);
}

#[tokio::test]
async fn a_cap_is_free_again_where_the_buyer_refused() {
    let buyers = MockBuyers::start().await.unwrap();
    let url = buyers.url("/in-turn?of=reject,accept");
    let server = Server::start(&market(&[Contract::new(7, &url, "30.00").row("cap = 1")])).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_sold(&sell(&server, "bob").await);
    assert_unsold(&sell(&server, "cid").await);
}

#[tokio::test]
async fn with_twenty_leads_at_once_and_a_cap_of_five_exactly_five_sell() {
    let buyers = MockBuyers::start().await.unwrap();
    let server =
        Server::start(&market(&[Contract::new(7, &buyers.url("/accept"), "30.00").row("cap = 5")])).await;
    let posts = (0..20).map(|number| {
        let (client, body) = (server.tracking.clone(), offered(&format!("n{number}")));
        async move { client.post_form("/d.ashx", &body).await }
    });
    let replies = at_once(posts).await;
    assert_eq!(replies.iter().filter(|reply| reply.text().contains("<code>0</code>")).count(), 5);
    let sold = stored(&server).await.iter().filter(|lead| lead.status == LeadStatus::Sold).count();
    assert_eq!((sold, buyers.count("/accept")), (5, 5));
}

#[tokio::test]
async fn prepaid_credit_is_used_before_the_limit_and_a_sale_may_take_part_of_each() {
    let buyers = MockBuyers::start().await.unwrap();
    for (credit, sold) in [
        ("balance = \"60.00\", limit = \"0.00\"", 2),
        ("balance = \"59.99\", limit = \"0.00\"", 1),
        ("balance = \"45.00\", limit = \"15.00\"", 2),
        ("balance = \"0.00\", limit = \"30.00\"", 1),
        ("balance = \"0.00\", limit = \"0.00\"", 0),
    ] {
        let contract = Contract::new(7, &buyers.url("/accept"), "30.00")
            .buyer(&format!("credit = {{ type = \"prepaid\", {credit} }}"));
        let server = Server::start(&market(&[contract])).await;
        for number in 0..sold {
            assert_sold(&sell(&server, &format!("n{number}")).await);
        }
        assert_unsold(&sell(&server, "last").await);
        assert_eq!(results(&server, &newest(&server).await).await, ["7 no_credit"], "{credit}");
    }
}

#[tokio::test]
async fn a_sale_that_costs_nothing_needs_no_credit() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "0.00")
        .buyer("credit = { type = \"prepaid\", balance = \"0.00\", limit = \"0.00\" }");
    let changes = [(crumb_testkit::network::Part::HostNPostOffer, "payout = \"0.00\"")];
    let server = Server::start(&market_with(&changes, &[contract])).await;
    assert_sold(&sell(&server, "ann").await);
}

#[tokio::test]
async fn an_answer_above_the_rows_price_may_take_the_balance_below_zero_and_then_there_is_no_credit() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept?price=100.00"), "30.00")
        .buyer("credit = { type = \"prepaid\", balance = \"90.00\", limit = \"0.00\" }")
        .post("price = \"xml:/result/price\"");
    let server = Server::start(&market(&[contract])).await;
    assert_sold(&sell(&server, "ann").await);
    assert_unsold(&sell(&server, "bob").await);
    assert_eq!(results(&server, &newest(&server).await).await, ["7 no_credit"]);
}
