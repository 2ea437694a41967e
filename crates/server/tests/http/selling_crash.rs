//! What a crash in the middle of a sale leaves, and how the next start goes on.

use crate::contracts::*;
use crate::posts::{ANN, HOSTED, accepted, lead_id};
use crumb_domain::lead::{LeadOutcome, LeadStatus};
use crumb_domain::{Clock as _, Timestamp};
use crumb_intake::selling::replaying::{Replaying, Report};
use crumb_server::api::explain::Explanation;
use crumb_storage::selling::SellingStore as _;
use crumb_testkit::buyers::{Behaviour, MockBuyers};
use crumb_testkit::network::Part;
use crumb_testkit::{Reply, Request, Server};

/// A post with an idempotency key whose answer is not waited for.
fn begin(server: &Server) {
    let (client, request) = (server.tracking.clone(), keyed());
    tokio::spawn(async move { client.send(request).await });
}

fn keyed() -> Request {
    let request = Request::post("/d.ashx", "application/x-www-form-urlencoded", &offered("ann"));
    request.header("idempotency-key", "k-1")
}

async fn again(server: &Server) -> Reply {
    server.tracking.send(keyed()).await
}

fn stalling(buyers: &MockBuyers, made: &str) -> Contract {
    let status = buyers.url("/status?id=#leadid#");
    Contract::new(7, &buyers.url(&format!("/stall?made={made}")), "30.00")
        .post(&format!("status_url = \"{status}\""))
}

async fn later(server: &Server) {
    server.clock.advance_seconds(60);
    server.selling.look_at_held().await.unwrap();
}

#[tokio::test]
async fn a_lead_with_a_post_begun_is_pending_unknown_and_sent_to_nobody_else() {
    let buyers = MockBuyers::start().await.unwrap();
    let next = Contract::new(8, &buyers.url("/accept"), "20.00");
    let server = Server::start(&market(&[stalling(&buyers, "accepted"), next])).await;
    begin(&server);
    buyers.wait_for(1).await.unwrap();
    let server = server.crashed().await;
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.outcome), (LeadStatus::PendingUnknown, LeadOutcome::PendingUnknown));
    assert_unsold(&again(&server).await);
    assert_eq!((stored(&server).await.len(), buyers.count("/stall"), buyers.count("/accept")), (1, 1, 0));
}

#[tokio::test]
async fn once_settled_its_key_answers_the_settled_state() {
    let buyers = MockBuyers::start().await.unwrap();
    for (made, status) in [("accepted", LeadStatus::Sold), ("rejected", LeadStatus::Unsold)] {
        let server = Server::start(&market(&[stalling(&buyers, made)])).await;
        let asked = buyers.count("/stall");
        begin(&server);
        buyers.wait_for(buyers.seen().requests + 1).await.unwrap();
        let server = server.crashed().await;
        later(&server).await;
        let lead = only(&server).await;
        assert_eq!(lead.status, status);
        let reply = again(&server).await;
        if status == LeadStatus::Sold {
            assert_eq!(lead_id(&reply), lead.id.as_str());
        } else {
            assert_unsold(&reply);
        }
        assert_eq!(reply.header("idempotency-replayed"), "true");
        assert_eq!((stored(&server).await.len(), buyers.count("/stall")), (1, asked + 1));
    }
}

#[tokio::test]
async fn a_lead_whose_poster_was_never_answered_is_paid_when_it_is_settled_as_sold() {
    let buyers = MockBuyers::start().await.unwrap();
    let network = market(&[stalling(&buyers, "accepted")]);
    // Whoever has asked again meanwhile was told that nobody bought it.
    for (campaign, is_asked, paid) in
        [("", false, "2.00"), ("", true, "0.00"), ("pay_late_sales = true", true, "2.00")]
    {
        let server = Server::start(&with_campaign(&network, campaign)).await;
        begin(&server);
        buyers.wait_for(buyers.seen().requests + 1).await.unwrap();
        let server = server.crashed().await;
        // A duplicate is told that the lead is there, and not how it stands.
        let duplicate = server.tracking.post_form("/d.ashx", &offered("ann")).await;
        assert_eq!(duplicate.between("<error>", "</error>"), "Duplicate Lead");
        if is_asked {
            assert_unsold(&again(&server).await);
        }
        later(&server).await;
        let lead = only(&server).await;
        assert_eq!((lead.status, lead.payout.to_string().as_str()), (LeadStatus::Sold, paid), "{campaign}");
        let reply = again(&server).await;
        assert_eq!(lead_id(&reply), lead.id.as_str());
        assert_eq!(reply.between("<price>", "</price>"), paid);
        assert_eq!(reply.header("idempotency-replayed"), "true");
    }
}

#[tokio::test]
async fn a_hosted_lead_cut_off_with_a_post_begun_is_held_and_goes_on_once_refused() {
    let buyers = MockBuyers::start().await.unwrap();
    let next = Contract::new(8, &buyers.url("/accept"), "20.00");
    let server = Server::start(&market(&[stalling(&buyers, "rejected"), next])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    buyers.wait_for(1).await.unwrap();
    let server = server.crashed().await;
    assert_eq!(only(&server).await.status, LeadStatus::PendingUnknown);
    assert_eq!(buyers.count("/accept"), 0);
    later(&server).await;
    let lead = until(&server, LeadStatus::Sold).await;
    assert_eq!(lead.payout.to_string(), "12.00");
    assert_eq!((buyers.count("/stall"), buyers.count("/accept")), (1, 1));
}

#[tokio::test]
async fn a_lead_cut_off_before_anything_was_sent_is_interrupted_no_duplicate_and_its_key_is_free() {
    let buyers = MockBuyers::start().await.unwrap();
    let ping = buyers.url("/stall");
    let contract = Contract::new(7, &buyers.url("/accept"), "20.00").ping(&ping, "");
    let offer = "distribution = \"async_ping\"\npayout = \"2.00\"";
    let changes = [(Part::HostNPostOffer, offer)];
    let server = Server::start(&market_with(&changes, &[contract])).await;
    begin(&server);
    buyers.wait_for(1).await.unwrap();
    let server = server.crashed().await;
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.outcome), (LeadStatus::Unsold, LeadOutcome::Interrupted));
    buyers.set("/stall", Behaviour::accept("25.00"));
    let reply = again(&server).await;
    assert_sold(&reply);
    assert_eq!(reply.header("idempotency-replayed"), "");
    assert_eq!(stored(&server).await.len(), 2);
}

/// Contracts of each kind beside one whose ping is not answered.
fn crowd(buyers: &MockBuyers) -> Vec<Contract> {
    let others = "filter = [{ field = \"email_address\", op = \"ne\", value = \"ann@example.com\" }]";
    let plain = |id| Contract::new(id, &buyers.url("/accept"), "20.00");
    vec![
        plain(6).ping(&buyers.url("/ping?price=30"), ""),
        plain(7).ping(&buyers.url("/stall"), ""),
        plain(8),
        plain(9).with("status = \"inactive\""),
        plain(10).with(others),
        plain(11).row("cap = 0"),
    ]
}

async fn replayed(server: &Server) -> Report {
    let (from, to) = (Timestamp::from_micros(0), Timestamp::from_micros(i64::MAX));
    let replaying = Replaying::new(&server.site.store, &server.site.network, None);
    replaying.leads(from, to, &mut |_, _| {}).await.unwrap()
}

#[tokio::test]
async fn a_lead_cut_off_during_its_pings_is_explained_with_every_contract() {
    let buyers = MockBuyers::start().await.unwrap();
    let offer = "distribution = \"async_ping\"\npayout = \"2.00\"";
    let changes = [(crumb_testkit::network::Part::HostNPostOffer, offer)];
    let server = Server::start(&market_with(&changes, &crowd(&buyers))).await;
    begin(&server);
    buyers.wait_for(2).await.unwrap();
    let server = server.crashed().await;
    let lead = only(&server).await;
    assert_eq!(lead.outcome, LeadOutcome::Interrupted);
    let explained = server.api_json(&format!("/leads/{}/explain", lead.id)).await;
    let contracts = explained["contracts"].as_array().unwrap();
    let told: Vec<_> = contracts.iter().map(|one| format!("{} {}", one["contract"], one["result"])).collect();
    let expected = [
        "6 \"deadline\"",
        "7 \"deadline\"",
        "8 \"deadline\"",
        "9 \"contract_inactive\"",
        "10 \"filter_unmatched\"",
        "11 \"cap_reached\"",
    ];
    assert_eq!(told, expected);
    let text = "The sale was broken off before the lead was posted to it: the server ended or failed before its \
                turn, or before its answer to a ping was kept.";
    for one in &contracts[..3] {
        assert_eq!(
            (&one["text"], &one["values"]),
            (&text.into(), &serde_json::json!({ "broken_off": true }))
        );
    }
    assert_eq!((&explained["runs"], &explained["replayable"]), (&1.into(), &false.into()));
    assert_eq!(explained["at"], lead.at.to_string());
    let report = replayed(&server).await;
    assert_eq!((report.runs, report.broken_off_unsent.runs, report.broken_off.runs), (1, 1, 0));
    assert_eq!((report.then.leads, report.now.leads, report.different), (0, 0, 0));
    // The next start says it no second time.
    let server = server.crashed().await;
    assert_eq!(server.site.store.runs_of(lead.row).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_waiting_lead_cut_off_during_its_pings_has_that_run_behind_the_one_that_sells_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let network = market(&crowd(&buyers)).replace(
        "type = \"hosted\"\nlink = \"https://lp.example/quote",
        "type = \"hosted\"\ndistribution = \"async_ping\"\nlink = \"https://lp.example/quote",
    );
    let server = Server::start(&network).await;
    accepted(&server, &[HOSTED, ANN]).await;
    buyers.wait_for(2).await.unwrap();
    buyers.set("/stall", Behaviour::accept("25.00"));
    let server = server.crashed().await;
    let lead = until(&server, LeadStatus::Sold).await;
    let explained = Explanation::of(&server.site.store, &lead).await.unwrap();
    assert_eq!((explained.runs, explained.replayable, explained.earlier.len()), (2, true, 1));
    let before = &explained.earlier[0];
    let told: Vec<_> = before.contracts.iter().map(|one| (one.contract.0, one.result.as_str())).collect();
    // When it began nobody knows, so that hours and caps of that moment rule nobody out.
    let expected = [
        (6, "deadline"),
        (7, "deadline"),
        (8, "deadline"),
        (9, "contract_inactive"),
        (10, "filter_unmatched"),
        (11, "deadline"),
    ];
    assert_eq!((before.run, before.replayable, told), (1, false, expected.to_vec()));
    let report = replayed(&server).await;
    assert_eq!((report.runs, report.broken_off_unsent.runs, report.different), (2, 1, 0));
    assert_eq!((report.then, report.now.sold), (report.now, 1));
}

#[tokio::test]
async fn a_hosted_lead_cut_off_before_anything_was_sent_goes_on_from_the_queue() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "20.00").ping(&buyers.url("/stall"), "");
    let pinging = (Part::HostedOffer, "distribution = \"async_ping\"");
    let server = Server::start(&market_with(&[pinging], &[contract])).await;
    let id = accepted(&server, &[HOSTED, ANN]).await;
    buyers.wait_for(1).await.unwrap();
    buyers.set("/stall", Behaviour::accept("25.00"));
    let server = server.crashed().await;
    let lead = until(&server, LeadStatus::Sold).await;
    assert_eq!((lead.id.as_str(), lead.payout.to_string().as_str()), (id.as_str(), "12.00"));
    assert_eq!((stored(&server).await.len(), buyers.count("/accept")), (1, 1));
}

#[tokio::test]
async fn what_a_crash_left_unknown_keeps_its_cap_and_its_credit() {
    let buyers = MockBuyers::start().await.unwrap();
    for (contract, reason) in [
        (stalling(&buyers, "accepted").row("cap = 1"), "7 cap_reached"),
        (
            stalling(&buyers, "accepted").buyer("credit = { type = \"prepaid\", balance = \"59.99\" }"),
            "7 no_credit",
        ),
    ] {
        let server = Server::start(&market(&[contract])).await;
        begin(&server);
        buyers.wait_for(buyers.seen().requests + 1).await.unwrap();
        let server = server.crashed().await;
        assert_unsold(&sell(&server, "bob").await);
        assert_eq!(results(&server, &newest(&server).await).await, [reason]);
    }
}

#[tokio::test]
async fn after_a_crash_the_contracts_rule_settles_it() {
    let buyers = MockBuyers::start().await.unwrap();
    for (rule, status) in [("sold", LeadStatus::Sold), ("rejected", LeadStatus::Unsold)] {
        let contract =
            Contract::new(7, &buyers.url("/stall"), "30.00").with(&format!("unknown_is = \"{rule}\""));
        let server = Server::start(&market(&[contract])).await;
        begin(&server);
        buyers.wait_for(buyers.seen().requests + 1).await.unwrap();
        let server = server.crashed().await;
        later(&server).await;
        assert_eq!(only(&server).await.status, status, "{rule}");
    }
}

#[tokio::test]
async fn a_run_that_a_crash_broke_off_is_explained_with_every_contract() {
    let buyers = MockBuyers::start().await.unwrap();
    let first = Contract::new(6, &buyers.url("/reject"), "40.00");
    let next = Contract::new(8, &buyers.url("/accept"), "20.00");
    let off = Contract::new(9, &buyers.url("/accept"), "10.00").with("status = \"inactive\"");
    let server = Server::start(&market(&[first, stalling(&buyers, "accepted"), next, off])).await;
    begin(&server);
    buyers.wait_for(2).await.unwrap();
    let server = server.crashed().await;
    let lead = only(&server).await;
    let told = ["6 post_rejected", "7 post_unknown", "8 not_needed", "9 contract_inactive"];
    assert_eq!(results(&server, &lead).await, told);
    let runs = server.site.store.runs_of(lead.row).await.unwrap();
    assert_eq!((runs.len(), runs[0].number), (1, 1));
    assert!(!crumb_intake::selling::is_replayable(&runs[0]));
    let kept: serde_json::Value = serde_json::from_str(&runs[0].results).unwrap();
    assert_eq!(kept[1]["values"]["price"], "30.00");
    let server = server.crashed().await;
    assert_eq!(server.site.store.runs_of(lead.row).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_post_that_a_crash_cut_off_is_among_its_contracts_attempts() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[stalling(&buyers, "accepted")])).await;
    let before = server.clock.now();
    begin(&server);
    buyers.wait_for(1).await.unwrap();
    let server = server.crashed().await;
    let lead = only(&server).await;
    let explained = server.api_json(&format!("/leads/{}/explain", lead.id)).await;
    let contract = &explained["contracts"][0];
    assert_eq!(contract["result"], "post_unknown");
    let [attempt] = contract["attempts"].as_array().unwrap().as_slice() else { panic!("{contract}") };
    assert_eq!((&attempt["kind"], &attempt["outcome"]), (&"post".into(), &"cut_off".into()));
    let target = buyers.url("/stall?made=accepted");
    assert_eq!(attempt["request"], format!("POST {target}"));
    let told = "the server ended after the lead was about to be sent and before its answer was kept";
    assert_eq!(attempt["error"], told);
    let at: Timestamp = attempt["at"].as_str().unwrap().parse().unwrap();
    assert!(at >= before && at <= server.clock.now());
    // Its end is told beside it.
    later(&server).await;
    let explained = server.api_json(&format!("/leads/{}/explain", lead.id)).await;
    let attempts = explained["contracts"][0]["attempts"].as_array().unwrap();
    let outcomes: Vec<_> = attempts.iter().map(|one| format!("{} {}", one["kind"], one["outcome"])).collect();
    assert_eq!(outcomes, ["\"post\" \"cut_off\"", "\"status\" \"accepted\""]);
}

#[tokio::test]
async fn what_was_settled_as_a_sale_is_explained_as_one() {
    let buyers = MockBuyers::start().await.unwrap();
    let next = Contract::new(8, &buyers.url("/accept"), "20.00");
    let server = Server::start(&market(&[stalling(&buyers, "accepted"), next])).await;
    begin(&server);
    buyers.wait_for(1).await.unwrap();
    let server = server.crashed().await;
    later(&server).await;
    let lead = only(&server).await;
    let explained = Explanation::of(&server.site.store, &lead).await.unwrap();
    let told: Vec<_> = explained.contracts.iter().map(|one| (one.contract.0, one.result.as_str())).collect();
    assert_eq!(told, [(7, "sold"), (8, "not_needed")]);
    assert_eq!(explained.contracts[0].values["price"].as_str(), Some(&*lead.sales[0].price.to_string()));
    assert_eq!(explained.runs, 1);
}

#[tokio::test]
async fn what_a_crash_left_is_answered_with_the_redirect_of_its_buyer() {
    let buyers = MockBuyers::start().await.unwrap();
    let own = "thank_you_link = \"https://contract.example/hi\"";
    // Whoever was asked first had bought when the server ended; the other says so later.
    let told = Contract::new(8, &buyers.url("/accept?redirect=https://b.example/8"), "40.00").multisell();
    let asked = |to: &str| {
        let status = buyers.url(&format!("/status?id=#leadid#&is=accepted&redirect={to}"));
        Contract::new(7, &buyers.url("/stall"), "30.00").post(&format!("status_url = \"{status}\"")).with(own)
    };
    let there = "https://b.example/7";
    for (contracts, expected) in [
        (vec![told.clone().with(own), asked(there).multisell()], "https://b.example/8"),
        (vec![asked(there)], there),
        (vec![asked("nowhere")], "https://contract.example/hi"),
    ] {
        let server = Server::start(&market(&contracts)).await;
        let asked = buyers.seen().requests + contracts.len() as u64;
        begin(&server);
        buyers.wait_for(asked).await.unwrap();
        let server = server.crashed().await;
        later(&server).await;
        let reply = again(&server).await;
        assert_sold(&reply);
        assert_eq!(reply.header("idempotency-replayed"), "true");
        assert_eq!(reply.between("<redirect>", "</redirect>"), expected);
        let id = only(&server).await.id;
        let update = format!("{}&ckm_lead_id={id}", offered("ann"));
        let reply = server.tracking.post_form("/d.ashx", &update).await;
        assert_eq!(reply.between("<redirect>", "</redirect>"), expected);
    }
}
