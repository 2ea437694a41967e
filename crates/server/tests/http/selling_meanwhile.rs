//! What is done with a lead while a buyer is asked about it.

use crate::contracts::*;
use crate::posts::{ANN, BOB, HOST_N_POST, HOSTED, accepted};
use crate::selling_store_away::{Buyer, YES, answer, stands};
use crumb_domain::lead::{LeadOutcome, LeadStatus};
use crumb_domain::ledger::Account;
use crumb_storage::SellingStore as _;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;
use std::sync::Arc;

const NO: &str = "<result><msg>rejected</msg></result>";

#[tokio::test]
async fn a_lead_that_an_update_holds_back_while_it_is_sold_is_held_back_after_it_if_nobody_buys() {
    for (campaign, says, status, payout) in [
        (HOSTED, NO, LeadStatus::Review, "0.00"),
        (HOST_N_POST, NO, LeadStatus::Review, "0.00"),
        (HOSTED, YES, LeadStatus::Sold, "12.00"),
    ] {
        let buyer = Buyer::start().await;
        let review = [(Part::ZipCode, "server_decision = \"review\"")];
        let server = Server::start(&market_with(&review, &[Contract::new(7, &buyer.url(), "30.00")])).await;
        let client = server.tracking.clone();
        let posted =
            tokio::spawn(async move { client.post_form("/d.ashx", &format!("{campaign}&{ANN}")).await });
        let asked = buyer.asked().await;
        let id = only(&server).await.id;
        accepted(&server, &[campaign, &format!("ckm_lead_id={id}&zip_code=x")]).await;
        assert_eq!(only(&server).await.status, LeadStatus::Review);
        answer(asked, says).await;
        let reply = posted.await.unwrap();
        if campaign == HOST_N_POST {
            assert_unsold(&reply);
        }
        let lead = stands(&server, |lead| lead.status == status && lead.revision > 1).await;
        assert_eq!((lead.payout.to_string().as_str(), lead.field("zip_code")), (payout, Some("x")));
        if status == LeadStatus::Review {
            assert_eq!(lead.outcome, LeadOutcome::Review);
            assert_eq!(server.site.store.next_due().await.unwrap(), None, "it is offered to nobody");
        }
    }
}

#[tokio::test]
async fn a_lead_that_nobody_bought_is_tried_at_once_with_whom_the_network_has_named_meanwhile() {
    let (buyer, second) = (Buyer::start().await, MockBuyers::start().await.unwrap());
    let contract = Contract::new(7, &buyer.url(), "30.00")
        .with("filter = [{ field = \"state\", op = \"eq\", value = \"CA\" }]");
    let server = Server::start(&market(&[contract])).await;
    accepted(&server, &[HOSTED, ANN, "state=CA"]).await;
    let asked = buyer.asked().await;
    server.apply(&Contract::new(8, &second.url("/accept"), "20.00").to_string()).await;
    // Once another is sold by the new network, those that wait were woken already.
    accepted(&server, &[HOSTED, BOB, "state=NV"]).await;
    until(&server, LeadStatus::Sold).await;
    answer(asked, NO).await;
    while stored(&server).await.iter().any(|lead| lead.status != LeadStatus::Sold) {
        tokio::task::yield_now().await;
    }
    assert_eq!(second.count("/accept"), 2);
}

#[tokio::test]
async fn an_update_that_would_offer_a_lead_which_is_being_sold_waits_for_its_end() {
    let buyer = Buyer::start().await;
    let second = MockBuyers::start().await.unwrap();
    let both = [
        Contract::new(7, &buyer.url(), "30.00").hybrid(),
        Contract::new(8, &second.url("/accept"), "20.00").multisell().with("offer = 100"),
    ];
    let server = Arc::new(Server::start(&market(&both)).await);
    let client = server.tracking.clone();
    let posted = tokio::spawn(async move { client.post_form("/d.ashx", &offered("ann")).await });
    let asked = buyer.asked().await;
    let id = only(&server).await.id;
    let (client, body) = (server.tracking.clone(), format!("{HOST_N_POST}&ckm_lead_id={id}&ckm_resell=1"));
    let resold = tokio::spawn(async move { client.post_form("/d.ashx", &body).await });
    // More time than a few hundred tries take.
    for _ in 0..1_000 {
        only(&server).await;
    }
    answer(asked, NO).await;
    assert_unsold(&posted.await.unwrap());
    let resold = resold.await.unwrap();
    assert_eq!(resold.status, 200, "{}", resold.text());
    assert_unsold(&resold);
    assert_eq!(server.site.store.runs_of(only(&server).await.row).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_buyer_that_does_not_tell_what_became_of_a_lead_keeps_no_other_from_it() {
    let (silent, buyers) = (Buyer::start().await, MockBuyers::start().await.unwrap());
    let status = |url: &str| format!("status_url = \"{url}\"");
    // Patient enough for a machine on which the other lead takes its time.
    let first = Contract::new(7, &buyers.url("/cut-after/7"), "30.00")
        .post(&status(&silent.url()))
        .post("timeout_ms = 120000")
        .row("cap = 1");
    let second = Contract::new(8, &buyers.url("/cut-after/8?made=accepted"), "20.00")
        .post(&status(&buyers.url("/status?id=#leadid#")));
    let server = Arc::new(Server::start(&market(&[first, second])).await);
    for name in ["ann", "bob"] {
        assert_unsold(&sell(&server, name).await);
    }
    server.clock.advance_seconds(60);
    let looking = tokio::spawn({
        let server = Arc::clone(&server);
        async move { server.selling.look_at_held().await }
    });
    let asked = silent.asked().await;
    while newest(&server).await.status != LeadStatus::Sold {
        tokio::task::yield_now().await;
    }
    answer(asked, YES).await;
    looking.await.unwrap().unwrap();
    let all = stored(&server).await;
    assert!(all.iter().all(|lead| lead.status == LeadStatus::Sold), "{all:?}");
}

/// How a lead comes to be held back while a buyer may have it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum HeldBack {
    /// While it is sold, before that buyer's end is unknown.
    InHand,
    /// While the end is unknown.
    Pending,
    /// Before, and a person has let it through since.
    Before,
}

#[tokio::test]
async fn a_lead_that_is_held_back_while_a_buyer_may_have_it_goes_there_once_that_has_refused() {
    use HeldBack as H;
    for (campaign, when, decision, status, outcome) in [
        (HOSTED, H::InHand, "review", LeadStatus::Review, LeadOutcome::Review),
        (HOSTED, H::Pending, "review", LeadStatus::Review, LeadOutcome::Review),
        (HOSTED, H::InHand, "throw_out", LeadStatus::Scrubbed, LeadOutcome::ThrownOut),
        (HOST_N_POST, H::InHand, "review", LeadStatus::Review, LeadOutcome::Review),
        (HOST_N_POST, H::Pending, "throw_out", LeadStatus::Scrubbed, LeadOutcome::ThrownOut),
        (HOSTED, H::Before, "review", LeadStatus::Queued, LeadOutcome::Queued),
    ] {
        let buyer = Buyer::start().await;
        let changes = [(Part::ZipCode, &*format!("server_decision = \"{decision}\""))];
        let server = Server::start(&market_with(&changes, &[Contract::new(7, &buyer.url(), "30.00")])).await;
        let client = server.tracking.clone();
        let zip_code = if when == H::Before { "x" } else { "90210" };
        let body = format!("{campaign}&email_address=ann@example.com&zip_code={zip_code}");
        let posted = tokio::spawn(async move { client.post_form("/d.ashx", &body).await });
        if when == H::Before {
            posted.await.unwrap();
            let accept = format!("/leads/{}/accept", only(&server).await.id);
            assert_eq!(server.api_post(&accept, &serde_json::json!({})).await.status, 200);
            drop(buyer.asked().await);
        } else {
            let asked = buyer.asked().await;
            let hold_back = format!("ckm_lead_id={}&zip_code=x", only(&server).await.id);
            if when == H::InHand {
                accepted(&server, &[campaign, &hold_back]).await;
            }
            drop(asked);
            assert_eq!(posted.await.unwrap().text().contains("<code>1</code>"), campaign == HOST_N_POST);
            until(&server, LeadStatus::PendingUnknown).await;
            if when == H::Pending {
                server.tracking.post_form("/d.ashx", &format!("{campaign}&{hold_back}")).await;
            }
        }
        let pending = until(&server, LeadStatus::PendingUnknown).await;
        let settle = serde_json::json!({ "contract": 7, "sold": false });
        let settled = server.api_post(&format!("/leads/{}/settle", pending.id), &settle).await;
        assert_eq!(settled.status, 200, "{}", settled.text());
        let lead = stands(&server, |lead| lead.status != LeadStatus::PendingUnknown).await;
        assert_eq!((lead.status, lead.outcome), (status, outcome), "{campaign} {when:?}");
        let paid = if status == LeadStatus::Queued { "12.00" } else { "0.00" };
        let owed = server.site.store.balance(Account::Affiliate(lead.affiliate)).await.unwrap();
        assert_eq!((lead.payout, owed.to_string().as_str()), (owed, paid), "{campaign} {when:?}");
        let counts = server.site.store.selling_counts().await.unwrap();
        // The queue may have it in hand just now.
        let waits = counts.waiting + counts.in_hand;
        assert_eq!(waits > 0, status == LeadStatus::Queued, "{campaign} {when:?}");
    }
}

#[tokio::test]
async fn a_lead_that_is_held_back_while_a_buyer_may_have_it_is_sold_once_that_has_bought() {
    let buyer = Buyer::start().await;
    let review = [(Part::ZipCode, "server_decision = \"review\"")];
    let server = Server::start(&market_with(&review, &[Contract::new(7, &buyer.url(), "30.00")])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    drop(buyer.asked().await);
    let id = until(&server, LeadStatus::PendingUnknown).await.id;
    accepted(&server, &[HOSTED, &format!("ckm_lead_id={id}&zip_code=x")]).await;
    let settle = serde_json::json!({ "contract": 7, "sold": true });
    assert_eq!(server.api_post(&format!("/leads/{id}/settle"), &settle).await.status, 200);
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.payout.to_string().as_str()), (LeadStatus::Sold, "12.00"));
}
