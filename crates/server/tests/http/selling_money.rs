//! What sales bring and pay, and what they take from credit and caps.

use crate::contracts::*;
use crate::posts::{at_once, refusal};
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_storage::selling::SellingStore as _;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;

/// The only lead, sold or not, of an offer with these keys.
async fn lead_of(buyers: &MockBuyers, answer: &str, offer: &str) -> (Lead, String) {
    let changes = [(Part::HostNPostOffer, offer)];
    let server =
        Server::start(&market_with(&changes, &[Contract::new(7, &buyers.url(answer), "30.00")])).await;
    let reply = sell(&server, "ann").await.text();
    (only(&server).await, reply)
}

#[tokio::test]
async fn the_two_flags_of_an_offer_say_when_its_affiliate_is_paid() {
    let buyers = MockBuyers::start().await.unwrap();
    for (on_post, when_sold, if_sold, if_unsold) in [
        (true, true, "2.00", "0.00"),
        (false, true, "0.00", "0.00"),
        (false, false, "0.00", "0.00"),
        (true, false, "2.00", "2.00"),
    ] {
        let offer = format!("payout = \"2.00\"\npay_on_post = {on_post}\npay_only_when_sold = {when_sold}");
        let (sold, reply) = lead_of(&buyers, "/accept", &offer).await;
        assert_eq!((sold.status, sold.payout.to_string().as_str()), (LeadStatus::Sold, if_sold), "{offer}");
        assert!(reply.contains(&format!("<price>{if_sold}</price>")), "{offer}: {reply}");
        let (unsold, _) = lead_of(&buyers, "/reject", &offer).await;
        assert_eq!((unsold.status, unsold.payout.to_string().as_str()), (LeadStatus::Unsold, if_unsold));
    }
}

#[tokio::test]
async fn a_sale_pays_by_tier_else_campaign_else_offer() {
    let buyers = MockBuyers::start().await.unwrap();
    let tier = |zip: &str| {
        format!(
            "lead_tier = [{{ name = \"Gold\", payout = \"7.00\", \
             filter = [{{ field = \"zip_code\", op = \"eq\", value = \"{zip}\" }}] }}]"
        )
    };
    for (zip, campaign, paid) in [
        ("90210", "payout = \"5.00\"", "7.00"),
        ("10001", "payout = \"5.00\"", "5.00"),
        ("10001", "", "2.00"),
    ] {
        let changes = [(Part::Vertical, tier(zip))];
        let changes: Vec<(Part, &str)> = changes.iter().map(|(part, keys)| (*part, keys.as_str())).collect();
        let network = market_with(&changes, &[Contract::new(7, &buyers.url("/accept"), "30.00")]);
        let server = Server::start(&with_campaign(&network, campaign)).await;
        assert_eq!(sell(&server, "ann").await.between("<price>", "</price>"), paid);
        let lead = only(&server).await;
        assert_eq!((lead.payout.to_string().as_str(), lead.revenue.to_string().as_str()), (paid, "30.00"));
    }
}

#[tokio::test]
async fn a_tests_lead_is_offered_to_nobody_and_pays_nothing() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").row("cap = 1");
    let server = Server::start(&market(&[contract])).await;
    let reply = server.tracking.post_form("/d.ashx", &format!("{}&ckm_test=1", offered("ann"))).await;
    assert_sold(&reply);
    assert_eq!(reply.between("<price>", "</price>"), "0.00");
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.payout.to_string().as_str()), (LeadStatus::Test, "0.00"));
    assert_eq!(buyers.seen().requests, 0);
    assert_sold(&sell(&server, "bob").await);
}

#[tokio::test]
async fn of_a_thousand_leads_at_once_exactly_as_many_sell_as_the_cap_lets() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").row("cap = 10");
    let server = Server::start(&market(&[contract])).await;
    let posts = (0..1_000).map(|number| {
        let (client, body) = (server.tracking.clone(), offered(&format!("n{number}")));
        async move { client.post_form("/d.ashx", &body).await }
    });
    let replies = at_once(posts).await;
    assert_eq!(replies.iter().filter(|reply| reply.text().contains("<code>0</code>")).count(), 10);
    assert_eq!(buyers.count("/accept"), 10);
    let leads = stored(&server).await;
    assert_eq!(leads.len(), 1_000);
    assert_eq!(leads.iter().filter(|lead| lead.status == LeadStatus::Sold).count(), 10);
}

#[tokio::test]
async fn of_many_leads_at_once_as_many_sell_as_the_credit_pays_for() {
    let buyers = MockBuyers::start().await.unwrap();
    let credit = "credit = { type = \"prepaid\", balance = \"100.00\", limit = \"50.00\" }";
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").buyer(credit);
    let server = Server::start(&market(&[contract])).await;
    let posts = (0..60).map(|number| {
        let (client, body) = (server.tracking.clone(), offered(&format!("n{number}")));
        async move { client.post_form("/d.ashx", &body).await }
    });
    let replies = at_once(posts).await;
    assert_eq!(replies.iter().filter(|reply| reply.text().contains("<code>0</code>")).count(), 5);
}

#[tokio::test]
async fn what_was_reserved_and_not_paid_is_free_again() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept?price=10.00"), "30.00")
        .buyer("credit = { type = \"prepaid\", balance = \"60.00\" }")
        .post("price = \"xml:/result/price\"");
    let server = Server::start(&market(&[contract])).await;
    // 60, 50, 40 and 30 are enough for a reservation of 30; the 20 that are left are not.
    for name in ["ann", "bob", "cid", "dan"] {
        assert_sold(&sell(&server, name).await);
    }
    assert_unsold(&sell(&server, "eve").await);
    assert_eq!(results(&server, &newest(&server).await).await, ["7 no_credit"]);
}

#[tokio::test]
async fn two_contracts_of_one_buyer_share_its_credit() {
    let buyers = MockBuyers::start().await.unwrap();
    let filter = |zip: &str| format!("filter = [{{ field = \"zip_code\", op = \"eq\", value = \"{zip}\" }}]");
    let all = [
        Contract::new(7, &buyers.url("/accept"), "30.00")
            .with(&filter("90210"))
            .buyer("credit = { type = \"prepaid\", balance = \"50.00\" }"),
        Contract::new(8, &buyers.url("/accept"), "30.00").with(&filter("10001")).of_buyer(7),
    ];
    let server = Server::start(&market(&all)).await;
    assert_sold(&sell(&server, "ann").await);
    let other = offered("bob").replace("90210", "10001");
    assert_unsold(&server.tracking.post_form("/d.ashx", &other).await);
    assert_eq!(results(&server, &newest(&server).await).await, ["7 no_credit", "8 no_credit"]);
}

#[tokio::test]
async fn a_lead_cap_of_the_offer_counts_what_was_answered_with_success() {
    let buyers = MockBuyers::start().await.unwrap();
    let caps = "payout = \"2.00\"\ncaps = [{ of = \"lead\", interval = \"day\", limit = 1 }]";
    let contract = Contract::new(7, &buyers.url("/in-turn?of=reject,accept"), "30.00");
    let server = Server::start(&market_with(&[(Part::HostNPostOffer, caps)], &[contract])).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_sold(&server.tracking.post_form("/d.ashx", &format!("{}&ckm_test=1", offered("tess"))).await);
    assert_sold(&sell(&server, "bob").await);
    assert_eq!(sell(&server, "cid").await.text().trim_end(), refusal(&["Offer Over Lead Cap"]));
}

#[tokio::test]
async fn the_books_hold_the_sale_and_the_payout() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/accept"), "30.00")])).await;
    sell(&server, "ann").await;
    let entries = server.site.store.ledger_of(only(&server).await.row).await.unwrap();
    let mut amounts: Vec<String> = entries.iter().map(|entry| entry.amount.to_string()).collect();
    amounts.sort();
    assert_eq!(amounts, ["2.00", "30.00"]);
}

#[tokio::test]
async fn applying_the_file_again_does_not_fill_a_balance_but_a_new_limit_holds() {
    let buyers = MockBuyers::start().await.unwrap();
    let with_limit = |limit: &str| {
        let credit = format!("credit = {{ type = \"prepaid\", balance = \"30.00\", limit = \"{limit}\" }}");
        Contract::new(7, &buyers.url("/accept"), "30.00").buyer(&credit)
    };
    let server = Server::start(&market(&[with_limit("0.00")])).await;
    assert_sold(&sell(&server, "ann").await);
    server.apply(&with_limit("0.00").to_string()).await;
    assert_unsold(&sell(&server, "bob").await);
    server.apply(&with_limit("30.00").to_string()).await;
    assert_sold(&sell(&server, "bob").await);
    assert_unsold(&sell(&server, "cid").await);
}

#[tokio::test]
async fn a_pings_price_is_what_is_reserved_and_one_that_credit_does_not_pay_for_goes_to_the_next() {
    let buyers = MockBuyers::start().await.unwrap();
    let by = |id: u32, quoted: &str| {
        Contract::new(id, &buyers.url(&format!("/accept/{id}")), "5.00")
            .ping(&buyers.url(&format!("/ping/{id}?price={quoted}")), "")
    };
    let all = [by(7, "40.00").buyer("credit = { type = \"prepaid\", balance = \"39.99\" }"), by(8, "20.00")];
    let offer = "distribution = \"async_ping\"\npayout = \"2.00\"";
    let server = Server::start(&market_with(&[(Part::HostNPostOffer, offer)], &all)).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(results(&server, &only(&server).await).await, ["7 no_credit", "8 sold"]);
    assert_eq!(buyers.count("/accept/7"), 0);
}

#[tokio::test]
async fn a_pings_price_over_the_maximum_counts_as_the_maximum() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "5.00")
        .with("maximum_price = \"12.00\"")
        .ping(&buyers.url("/ping?price=900.00"), "");
    let offer = "distribution = \"async_ping\"\npayout = \"2.00\"";
    let server = Server::start(&market_with(&[(Part::HostNPostOffer, offer)], &[contract])).await;
    assert_sold(&sell(&server, "ann").await);
    assert_eq!(only(&server).await.revenue.to_string(), "12.00");
}

#[tokio::test]
async fn the_margin_is_what_the_price_leaves_after_this_leads_own_payout() {
    let buyers = MockBuyers::start().await.unwrap();
    let share = "payout = \"0.00\"\npayout_percent = \"80\"";
    let tier = "router = { minimum_margin = \"5.00\" }\nlead_tier = [{ name = \"Gold\", payout = \"7.00\", filter = [] }]";
    let minimum = "router = { minimum_margin = \"5.00\" }";
    for (offer, vertical, price, found) in [
        (share, minimum, "24.99", "7 margin_too_small"),
        (share, minimum, "25.00", "7 sold"),
        ("payout = \"2.00\"", tier, "11.99", "7 margin_too_small"),
        ("payout = \"2.00\"", tier, "12.00", "7 sold"),
    ] {
        let changes = [(Part::HostNPostOffer, offer), (Part::Vertical, vertical)];
        let contract = Contract::new(7, &buyers.url("/accept"), price);
        let server = Server::start(&market_with(&changes, &[contract])).await;
        sell(&server, "ann").await;
        assert_eq!(results(&server, &only(&server).await).await, [found], "{offer} {price}");
    }
}
