//! Posts of unknown end that are settled later: by what the buyer's status address says,
//! or because the wait is over.

use crate::contracts::*;
use crate::posts::{ANN, BOB, HOSTED, accepted};
use crumb_domain::lead::{LeadOutcome, LeadStatus};
use crumb_domain::{Clock as _, ContractId};
use crumb_storage::selling::SellingStore as _;
use crumb_testkit::buyers::{Behaviour, MockBuyers, Verdict};
use crumb_testkit::network::Part;
use crumb_testkit::{Reply, Request, Server};

/// A buyer that breaks off, and tells later what it made of the lead.
fn breaking_off(buyers: &MockBuyers, made: &str) -> Contract {
    let status = buyers.url("/status?id=#leadid#");
    Contract::new(7, &buyers.url(&format!("/cut-after?made={made}")), "30.00")
        .post(&format!("status_url = \"{status}\""))
}

/// Half a minute later, when buyers are asked what became of their leads.
async fn later(server: &Server) {
    server.clock.advance_seconds(30);
    server.selling.look_at_held().await.unwrap();
}

async fn keyed(server: &Server, name: &str) -> Reply {
    let request = Request::post("/d.ashx", "application/x-www-form-urlencoded", &offered(name));
    server.tracking.send(request.header("idempotency-key", name)).await
}

#[tokio::test]
async fn a_status_address_that_says_accepted_makes_it_a_sale() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[breaking_off(&buyers, "accepted")])).await;
    assert_unsold(&sell(&server, "ann").await);
    later(&server).await;
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.outcome), (LeadStatus::Sold, LeadOutcome::Sold));
    assert_eq!((lead.sales.len(), lead.revenue.to_string().as_str()), (1, "30.00"));
    assert_eq!(lead.payout.to_string(), "0.00", "answered code 1, it earns its affiliate nothing");
    let question = buyers.requests_at("/status").remove(0);
    assert_eq!((question.method.as_str(), question.value("id").as_deref()), ("GET", Some(lead.id.as_str())));
    later(&server).await;
    assert_eq!(
        (buyers.count("/status"), buyers.count("/cut-after")),
        (1, 1),
        "settled, nobody is asked again"
    );
}

#[tokio::test]
async fn a_status_address_that_says_rejected_frees_cap_and_credit_and_the_lead_counts_as_unsold() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = breaking_off(&buyers, "rejected")
        .row("cap = 1")
        .buyer("credit = { type = \"prepaid\", balance = \"30.00\" }");
    let server = Server::start(&market(&[contract])).await;
    assert_unsold(&sell(&server, "ann").await);
    later(&server).await;
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.outcome), (LeadStatus::Unsold, LeadOutcome::NoQualifiedBuyers));
    assert!(lead.sales.is_empty());
    buyers.set("/cut-after", Behaviour::accept("30.00"));
    // Unsold, it is no earlier lead of the same person either.
    assert_sold(&sell(&server, "ann").await);
}

#[tokio::test]
async fn a_status_that_says_neither_leaves_it_held() {
    let buyers = MockBuyers::start().await.unwrap();
    for status in
        [Behaviour::say(Verdict::Unknown), Behaviour::say(Verdict::Error), Behaviour::CutAfter { made: None }]
    {
        let server = Server::start(&market(&[breaking_off(&buyers, "accepted")])).await;
        buyers.set("/status", status.clone());
        assert_unsold(&sell(&server, "ann").await);
        let asked = buyers.count("/status");
        later(&server).await;
        assert_eq!(buyers.count("/status"), asked + 1, "{status:?}");
        assert_eq!(only(&server).await.status, LeadStatus::PendingUnknown, "{status:?}");
    }
}

#[tokio::test]
async fn the_price_of_a_status_is_read_as_an_answers() {
    let buyers = MockBuyers::start().await.unwrap();
    for (status, price, alert) in [
        ("&price=25.50", "25.50", None),
        ("&price=41.00", "40.00", Some("price_over_maximum")),
        ("&price=cheap", "0.00", Some("price_unreadable")),
        ("", "0.00", Some("price_absent")),
    ] {
        let url = buyers.url(&format!("/status?is=accepted{status}"));
        let contract = Contract::new(7, &buyers.url("/cut-after"), "30.00")
            .with("maximum_price = \"40.00\"")
            .post(&format!("price = \"xml:/result/price\"\nstatus_url = \"{url}\""));
        let server = Server::start(&market(&[contract])).await;
        assert_unsold(&sell(&server, "ann").await);
        later(&server).await;
        let lead = only(&server).await;
        assert_eq!((lead.status, lead.revenue.to_string().as_str()), (LeadStatus::Sold, price), "{status}");
        let alerts = server.api_json("/alerts").await;
        let codes: Vec<_> =
            alerts["data"].as_array().unwrap().iter().map(|row| row["code"].as_str()).collect();
        assert_eq!(codes, alert.iter().map(|code| Some(*code)).collect::<Vec<_>>(), "{status}");
    }
}

#[tokio::test]
async fn a_hosted_lead_that_was_refused_after_all_goes_on_to_the_next_buyer() {
    let buyers = MockBuyers::start().await.unwrap();
    let next = Contract::new(8, &buyers.url("/accept"), "20.00");
    let server = Server::start(&market(&[breaking_off(&buyers, "rejected"), next])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    until(&server, LeadStatus::PendingUnknown).await;
    assert_eq!(buyers.count("/accept"), 0, "no other while the first one's outcome is unknown");
    later(&server).await;
    let lead = until(&server, LeadStatus::Sold).await;
    assert_eq!((lead.sales[0].contract, lead.revenue.to_string().as_str()), (ContractId(8), "20.00"));
    assert_eq!(lead.payout.to_string(), "12.00", "a hosted lead was answered with success");
    assert_eq!(buyers.count("/cut-after"), 1, "no buyer is sent a lead twice");
}

#[tokio::test]
async fn a_day_later_by_default_it_counts_as_rejected_and_a_hosted_lead_goes_on() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/cut-after"), "30.00"),
        Contract::new(8, &buyers.url("/accept"), "20.00"),
    ];
    let server = Server::start(&market(&contracts)).await;
    accepted(&server, &[HOSTED, ANN]).await;
    until(&server, LeadStatus::PendingUnknown).await;
    server.clock.advance_seconds(1_440 * 60 - 1);
    server.selling.look_at_held().await.unwrap();
    assert_eq!(only(&server).await.status, LeadStatus::PendingUnknown);
    server.clock.advance_seconds(1);
    server.selling.look_at_held().await.unwrap();
    assert_eq!(until(&server, LeadStatus::Sold).await.sales[0].contract, ContractId(8));
}

#[tokio::test]
async fn the_networks_rule_is_that_of_contracts_without_one() {
    let buyers = MockBuyers::start().await.unwrap();
    for (rule, own, status) in [
        ("sold", "", LeadStatus::Sold),
        ("rejected", "", LeadStatus::Unsold),
        ("sold", "unknown_is = \"wait\"", LeadStatus::PendingUnknown),
    ] {
        let contract = Contract::new(7, &buyers.url("/cut-after"), "30.00").with(own);
        let keys = format!("unknown_is = \"{rule}\"");
        let server = Server::start(&market_with(&[(Part::Network, &keys)], &[contract])).await;
        sell(&server, "ann").await;
        assert_eq!(only(&server).await.status, status, "{rule} {own}");
    }
}

#[tokio::test]
async fn a_refused_lead_of_an_offer_that_queues_failures_goes_on_and_earns_nothing_unless_late_sales_pay() {
    let buyers = MockBuyers::start().await.unwrap();
    let next = Contract::new(8, &buyers.url("/accept"), "20.00");
    let changes = [(Part::HostNPostOffer, "queue_failures = true\npayout = \"2.00\"")];
    let network = market_with(&changes, &[breaking_off(&buyers, "rejected"), next]);
    for (campaign, paid) in [("", "0.00"), ("pay_late_sales = true", "2.00")] {
        let server = Server::start(&with_campaign(&network, campaign)).await;
        assert_unsold(&sell(&server, "ann").await);
        later(&server).await;
        let lead = until(&server, LeadStatus::Sold).await;
        assert_eq!((lead.revenue.to_string().as_str(), lead.payout.to_string().as_str()), ("20.00", paid));
    }
}

#[tokio::test]
async fn a_late_sale_pays_only_where_the_campaign_says_so() {
    let buyers = MockBuyers::start().await.unwrap();
    let network = market(&[breaking_off(&buyers, "accepted")]);
    for (campaign, paid) in [("pay_late_sales = false", "0.00"), ("pay_late_sales = true", "2.00")] {
        let server = Server::start(&with_campaign(&network, campaign)).await;
        assert_unsold(&sell(&server, "ann").await);
        later(&server).await;
        let lead = only(&server).await;
        assert_eq!((lead.status, lead.payout.to_string().as_str()), (LeadStatus::Sold, paid), "{campaign}");
        let entries = server.site.store.ledger_of(lead.row).await.unwrap();
        assert_eq!(
            entries.len(),
            if paid == "0.00" { 1 } else { 2 },
            "the sale, and the payout: {entries:?}"
        );
    }
}

#[tokio::test]
async fn the_first_answer_is_given_again_under_its_key_also_after_a_late_sale() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[breaking_off(&buyers, "accepted")])).await;
    let first = keyed(&server, "ann").await;
    assert_unsold(&first);
    let pending = keyed(&server, "ann").await;
    assert_eq!((pending.text(), pending.header("idempotency-replayed")), (first.text(), "true"));
    later(&server).await;
    assert_eq!(only(&server).await.status, LeadStatus::Sold);
    let again = keyed(&server, "ann").await;
    assert_eq!((again.text(), again.header("idempotency-replayed")), (first.text(), "true"));
    assert_eq!(stored(&server).await.len(), 1);
}

#[tokio::test]
async fn a_lead_that_is_held_is_found_by_its_status() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/cut-after"), "30.00")])).await;
    accepted(&server, &[HOSTED, BOB]).await;
    until(&server, LeadStatus::PendingUnknown).await;
    let held = server.api_json("/leads?status=pending_unknown").await;
    assert_eq!(held["data"][0]["outcome"], "pending_unknown");
    assert_eq!(held["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_unknown_first_is_explained_as_it_was_settled_with_by_whom_and_when() {
    let buyers = MockBuyers::start().await.unwrap();
    let by_hand = |sold: bool| Some(serde_json::json!({ "contract": 7, "sold": sold }));
    for (made, hand, how, result, days) in [
        ("rejected", None, "status_url", "post_rejected", 0),
        ("accepted", None, "status_url", "sold", 0),
        ("", by_hand(false), "hand", "post_rejected", 0),
        ("", by_hand(true), "hand", "sold", 0),
        ("", None, "rule", "post_rejected", 1),
    ] {
        let contract = match made {
            "" => Contract::new(7, &buyers.url("/cut-after"), "30.00"),
            made => breaking_off(&buyers, made),
        };
        let server = Server::start(&market(&[contract])).await;
        assert_unsold(&sell(&server, "ann").await);
        let id = only(&server).await.id;
        let path = format!("/leads/{id}/explain");
        let unknown = server.api_json(&path).await["contracts"][0].clone();
        assert_eq!((&unknown["result"], &unknown["values"]["settled"]), (&"post_unknown".into(), &().into()));
        server.clock.advance_days(days);
        match &hand {
            Some(body) => {
                assert_eq!(server.api_post(&format!("/leads/{id}/settle"), body).await.status, 200);
            }
            None => later(&server).await,
        }
        let explained = server.api_json(&path).await["contracts"][0].clone();
        assert_eq!(explained["result"], result, "{how}");
        let settled = &explained["values"]["settled"];
        assert_eq!((&settled["was"], &settled["how"]), (&"post_unknown".into(), &how.into()));
        assert_eq!(settled["at"], server.clock.now().to_string());
        assert_eq!(settled["by"].is_string(), hand.is_some());
        assert_eq!(explained["values"]["price"], "30.00");
        let text = explained["text"].as_str().unwrap();
        let end = if result == "sold" { "that it bought for 30.00." } else { "that it did not buy." };
        assert!(text.starts_with("Its answer was unknown; ") && text.ends_with(end), "{text}");
        assert!(text.contains(&server.clock.now().to_string()), "{text}");
    }
}
