//! What people do with leads: accept, throw out, offer again, settle.

use crate::contracts::*;
use crate::posts::{ANN, HOST_N_POST, HOSTED, accepted, at_once, lead, lead_id, post};
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::ledger::{Account, LedgerKind};
use crumb_domain::{AffiliateId, BuyerId};
use crumb_storage::selling::SellingStore as _;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;
use crumb_testkit::{Reply, Request, Server};
use serde_json::{Value, json};

const REVIEW: (Part, &str) = (Part::ZipCode, "server_decision = \"review\"");
/// A lead that its zip code holds back.
const BAD: &str = "email_address=ann@example.com&zip_code=x";

async fn act(server: &Server, id: &str, action: &str) -> Reply {
    server.api_post(&format!("/leads/{id}/{action}"), &json!({})).await
}

/// Does it, and tells how the lead stands then.
async fn done(server: &Server, id: &str, action: &str) -> Value {
    let reply = act(server, id, action).await;
    assert_eq!(reply.status, 200, "{action}: {}", reply.text());
    reply.json()
}

async fn assert_refused(server: &Server, id: &str, action: &str, why: &str) {
    let reply = act(server, id, action).await;
    assert_eq!(reply.status, 409, "{action}: {}", reply.text());
    assert_eq!(reply.headers["content-type"], "application/problem+json");
    assert_eq!(reply.json()["code"], "refused");
    assert_eq!(reply.json()["detail"], format!("lead {id}: {why}"), "{action}");
}

async fn timeline(server: &Server, id: &str) -> Vec<Value> {
    server.api_json(&format!("/leads/{id}/timeline")).await["data"].as_array().unwrap().clone()
}

/// What happened, by its codes.
async fn codes(server: &Server, id: &str) -> Vec<String> {
    let entries = timeline(server, id).await;
    entries.iter().map(|entry| entry["code"].as_str().unwrap().to_owned()).collect()
}

/// What affiliate 12 is owed.
async fn owed(server: &Server) -> String {
    server.site.store.balance(Account::Affiliate(AffiliateId(12))).await.unwrap().to_string()
}

async fn payouts(server: &Server, lead: &Lead) -> Vec<String> {
    let entries = server.site.store.ledger_of(lead.row).await.unwrap();
    let payouts = entries.iter().filter(|entry| entry.kind == LedgerKind::Payout);
    payouts.map(|entry| entry.amount.to_string()).collect()
}

/// The lead once it has been offered so often; the clock may be moved then.
pub(crate) async fn after_runs(server: &Server, count: usize) -> Lead {
    loop {
        let row = newest(server).await.row;
        if server.site.store.runs_of(row).await.unwrap().len() >= count {
            return newest(server).await;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_accepted_review_lead_of_a_hosted_offer_is_paid_and_sold() {
    let buyers = MockBuyers::start().await.unwrap();
    let network = market_with(&[REVIEW], &[Contract::new(7, &buyers.url("/accept"), "30.00")]);
    let server = Server::start(&network).await;
    let id = accepted(&server, &[HOSTED, BAD]).await;
    assert_eq!(lead(&server, &id).await["status"], "review");
    assert_eq!(owed(&server).await, "0.00");
    let row = done(&server, &id, "accept").await;
    assert_eq!((&row["id"], &row["status"], &row["payout"]), (&json!(id), &json!("queued"), &json!("12.00")));
    let sold = until(&server, LeadStatus::Sold).await;
    assert_eq!((sold.payout.to_string().as_str(), owed(&server).await.as_str()), ("12.00", "12.00"));
    assert_eq!(payouts(&server, &sold).await, ["12.00"], "a lead pays its affiliate once");
    assert_eq!(codes(&server, &id).await, ["received", "review", "accepted", "sold"]);
    assert_refused(&server, &id, "accept", "it is sold: a sold lead is returned").await;
}

#[tokio::test]
async fn an_accepted_review_lead_of_a_host_n_post_offer_is_sold_and_paid_as_one_that_was_answered_with_success()
 {
    let buyers = MockBuyers::start().await.unwrap();
    let network = market_with(&[REVIEW], &[Contract::new(7, &buyers.url("/accept"), "30.00")]);
    let server = Server::start(&network).await;
    let id = accepted(&server, &[HOST_N_POST, BAD]).await;
    // Its poster puts the field right, which leaves it in the queue.
    accepted(&server, &[HOST_N_POST, &format!("ckm_lead_id={id}&zip_code=90210")]).await;
    let row = done(&server, &id, "accept").await;
    assert_eq!((&row["status"], &row["payout"]), (&json!("queued"), &json!("0.00")));
    let sold = until(&server, LeadStatus::Sold).await;
    assert_eq!(sold.payout.to_string(), "2.00");
    assert_eq!(owed(&server).await, "2.00");
    assert_eq!(codes(&server, &id).await, ["received", "review", "updated", "accepted", "sold"]);
}

#[tokio::test]
async fn an_accepted_host_n_post_lead_that_nobody_buys_is_unsold() {
    let buyers = MockBuyers::start().await.unwrap();
    let network = market_with(&[REVIEW], &[Contract::new(7, &buyers.url("/reject"), "30.00")]);
    let server = Server::start(&network).await;
    let id = accepted(&server, &[HOST_N_POST, BAD]).await;
    done(&server, &id, "accept").await;
    let unsold = until(&server, LeadStatus::Unsold).await;
    assert_eq!(unsold.outcome, LeadOutcome::NoQualifiedBuyers);
    assert_refused(&server, &id, "accept", "nothing holds it back: it is unsold").await;
    // The same where nobody buys such leads at all.
    let server = Server::start(&market_with(&[REVIEW], &[])).await;
    let id = accepted(&server, &[HOST_N_POST, BAD]).await;
    done(&server, &id, "accept").await;
    while newest(&server).await.status != LeadStatus::Unsold {
        tokio::task::yield_now().await;
    }
    assert_eq!(codes(&server, &id).await, ["received", "review", "accepted", "no_qualified_buyers"]);
}

#[tokio::test]
async fn a_thrown_out_lead_can_be_accepted() {
    let throw_out = (Part::ZipCode, "server_decision = \"throw_out\"");
    let server = Server::start(&market_with(&[throw_out], &[])).await;
    let id = accepted(&server, &[HOSTED, BAD]).await;
    assert_refused(&server, &id, "throw-out", "it is thrown out already").await;
    assert_refused(&server, &id, "resell", "it is held back (thrown_out): accept it to offer it").await;
    assert_eq!(done(&server, &id, "accept").await["status"], "queued");
    assert_eq!(owed(&server).await, "12.00");
}

#[tokio::test]
async fn an_accepted_session_post_that_named_no_session_is_offered_to_nobody() {
    let buyers = MockBuyers::start().await.unwrap();
    let network = market_with(&[REVIEW], &[Contract::new(7, &buyers.url("/accept"), "30.00")]);
    let server = Server::start(&network).await;
    let id = accepted(&server, &["ckm_offer_id=100&ckm_request_id=5", BAD]).await;
    let row = done(&server, &id, "accept").await;
    assert_eq!((&row["status"], &row["outcome"]), (&json!("unsold"), &json!("unattributed_session")));
    assert_eq!(row["payout"], "0.00");
}

#[tokio::test]
async fn a_waiting_lead_that_is_thrown_out_is_sold_to_nobody_and_its_payout_is_taken_back() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").open("09:00", "17:00");
    let server = Server::start(&market(&[contract])).await;
    let id = accepted(&server, &[HOSTED, ANN]).await;
    until(&server, LeadStatus::Queued).await;
    assert_eq!(owed(&server).await, "12.00");
    let row = done(&server, &id, "throw-out").await;
    assert_eq!((&row["status"], &row["outcome"]), (&json!("scrubbed"), &json!("thrown_out")));
    assert_eq!(row["payout"], "0.00");
    assert_eq!(owed(&server).await, "0.00");
    server.clock.set("2026-07-01T13:00:00Z");
    let next = accepted(&server, &[HOSTED, crate::posts::BOB]).await;
    let sold = until(&server, LeadStatus::Sold).await;
    assert_eq!((sold.id.as_str(), buyers.count("/accept")), (next.as_str(), 1));
    // Let through after all, it is paid again and sold.
    done(&server, &id, "accept").await;
    loop {
        let lead = stored(&server).await.remove(0);
        if lead.status == LeadStatus::Sold {
            assert_eq!(payouts(&server, &lead).await, ["12.00", "-12.00", "12.00"]);
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_refused(&server, &id, "throw-out", "it is sold: a sold lead is returned").await;
}

#[tokio::test]
async fn a_review_lead_is_thrown_out() {
    let server = Server::start(&market_with(&[REVIEW], &[])).await;
    let id = accepted(&server, &[HOSTED, BAD]).await;
    let note = json!({ "note": "a joke" });
    let reply = server.api_post(&format!("/leads/{id}/throw-out"), &note).await;
    assert_eq!(reply.json()["status"], "scrubbed");
    let entries = timeline(&server, &id).await;
    assert_eq!(entries[2]["code"], "thrown_out");
    assert_eq!(entries[2]["text"], "thrown out, before review: a joke");
    assert!(entries[2]["by"].as_str().unwrap().starts_with("admin "), "{}", entries[2]);
    assert_eq!((&entries[0]["by"], &entries[0]["at"]), (&Value::Null, &json!("2026-07-01T12:00:00Z")));
}

#[tokio::test]
async fn an_expired_lead_that_is_accepted_or_offered_again_waits_anew() {
    for action in ["accept", "resell"] {
        let buyers = MockBuyers::start().await.unwrap();
        let contract = Contract::new(7, &buyers.url("/accept"), "30.00").open("09:00", "17:00");
        let changes = [(Part::Vertical, "expiration_hours = 1")];
        let server = Server::start(&market_with(&changes, &[contract])).await;
        server.clock.set("2026-07-01T22:00:00Z");
        let id = accepted(&server, &[HOSTED, ANN]).await;
        after_runs(&server, 1).await;
        server.clock.set("2026-07-01T23:00:00Z");
        let row = until(&server, LeadStatus::Scrubbed).await.row;
        // A lead that was due as the queue looked twice has had one more, without news.
        let runs = server.site.store.runs_of(row).await.unwrap().len();
        server.clock.set("2026-07-02T12:30:00Z");
        assert_eq!(done(&server, &id, action).await["status"], "queued");
        after_runs(&server, runs + 1).await;
        server.clock.set("2026-07-02T13:00:00Z");
        let sold = until(&server, LeadStatus::Sold).await;
        assert_eq!(payouts(&server, &sold).await, ["12.00"]);
        let codes = codes(&server, &id).await;
        let happened: Vec<&str> = codes.iter().map(String::as_str).collect();
        let code = if action == "accept" { "accepted" } else { "offered_again" };
        assert_eq!(happened, ["received", "queued", "expired", code, "queued", "sold"]);
    }
}

#[tokio::test]
async fn a_waiting_lead_that_is_offered_again_is_tried_at_once() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").open("09:00", "17:00");
    let server = Server::start(&market(&[contract])).await;
    let id = accepted(&server, &[HOSTED, ANN]).await;
    until(&server, LeadStatus::Queued).await;
    assert_eq!(done(&server, &id, "resell").await["payout"], "12.00");
    assert_eq!(after_runs(&server, 2).await.status, LeadStatus::Queued);
    assert_eq!(owed(&server).await, "12.00");
}

#[tokio::test]
async fn a_late_sale_that_is_settled_by_hand_is_paid_where_late_sales_are() {
    let buyers = MockBuyers::start().await.unwrap();
    let network = market(&[Contract::new(7, &buyers.url("/cut-after"), "30.00")]);
    let server = Server::start(&network.replace("id = 58\n", "id = 58\npay_late_sales = true\n")).await;
    assert_unsold(&sell(&server, "ann").await);
    let id = only(&server).await.id.to_string();
    let sold = json!({ "contract": 7, "sold": true });
    let row = server.api_post(&format!("/leads/{id}/settle"), &sold).await.json();
    assert_eq!((&row["payout"], owed(&server).await.as_str()), (&json!("2.00"), "2.00"));
}

#[tokio::test]
async fn a_share_that_is_earned_stays_earned_whatever_becomes_of_an_unknown_beside_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        Contract::new(7, &buyers.url("/accept"), "30.00").multisell(),
        Contract::new(8, &buyers.url("/cut-after"), "20.00").multisell(),
    ];
    for (is_sold, payout) in [(false, "3.00"), (true, "5.00")] {
        let network = market(&all).replace("payout = \"2.00\"", "payout = \"0.00\"\npayout_percent = \"10\"");
        let server = Server::start(&network).await;
        let id = lead_id(&sell(&server, "ann").await);
        assert_eq!(owed(&server).await, "3.00");
        let settle = json!({ "contract": 8, "sold": is_sold });
        let row = server.api_post(&format!("/leads/{id}/settle"), &settle).await.json();
        assert_eq!((&row["payout"], owed(&server).await.as_str()), (&json!(payout), payout));
    }
}

/// Two that share a lead and, once it is sold to them, a third.
fn shared(buyers: &MockBuyers, count: u32) -> String {
    let contract = |id: u32| Contract::new(id, &buyers.url(&format!("/accept/{id}")), "30.00").multisell();
    let contracts: Vec<Contract> = (7..7 + count).map(contract).collect();
    market_with(&[(Part::Vertical, "router = { on = true, resell_limit = 3 }")], &contracts)
}

#[tokio::test]
async fn a_shared_lead_is_offered_again_to_those_that_have_not_bought_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&shared(&buyers, 2)).await;
    let id = lead_id(&sell(&server, "ann").await);
    assert_eq!(only(&server).await.sales.len(), 2);
    server.apply(&shared(&buyers, 3)).await;
    assert_eq!(done(&server, &id, "resell").await["status"], "sold");
    let lead = after_runs(&server, 2).await;
    assert_eq!(lead.sales.iter().map(|sale| sale.buyer).collect::<Vec<_>>(), [7, 8, 9].map(BuyerId));
    assert_eq!((lead.revenue.to_string().as_str(), lead.payout.to_string().as_str()), ("90.00", "2.00"));
    for path in ["/accept/7", "/accept/8", "/accept/9"] {
        assert_eq!(buyers.count(path), 1, "{path}: no buyer is sent a lead twice");
    }
    assert_eq!(codes(&server, &id).await, ["received", "sold", "sold", "offered_again", "sold"]);
    // Nobody is left.
    done(&server, &id, "resell").await;
    assert_eq!(after_runs(&server, 3).await.status, LeadStatus::Sold);
    assert_eq!(codes(&server, &id).await[5..], ["offered_again", "no_qualified_buyers"]);
    assert_eq!(buyers.seen().requests, 3);
}

#[tokio::test]
async fn a_post_with_ckm_resell_offers_a_shared_lead_to_those_that_have_not_bought_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&shared(&buyers, 2)).await;
    let id = lead_id(&sell(&server, "ann").await);
    server.apply(&shared(&buyers, 3)).await;
    let update = format!("ckm_lead_id={id}&ckm_resell=1");
    assert_eq!(lead_id(&post(&server, &[HOST_N_POST, &update]).await), id);
    assert_eq!(only(&server).await.sales.len(), 3);
    assert_eq!(codes(&server, &id).await[3..], ["updated", "offered_again", "sold"]);
}

#[tokio::test]
async fn a_share_of_what_the_sales_bring_grows_with_each_sale() {
    let buyers = MockBuyers::start().await.unwrap();
    let percent = |count| {
        shared(&buyers, count).replace("payout = \"2.00\"", "payout = \"0.00\"\npayout_percent = \"10\"")
    };
    let server = Server::start(&percent(2)).await;
    let id = lead_id(&sell(&server, "ann").await);
    assert_eq!(owed(&server).await, "6.00");
    server.apply(&percent(3)).await;
    done(&server, &id, "resell").await;
    let lead = after_runs(&server, 2).await;
    assert_eq!(payouts(&server, &lead).await, ["6.00", "3.00"]);
}

#[tokio::test]
async fn a_lead_sold_exclusively_is_not_offered_again() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        Contract::new(7, &buyers.url("/accept/dear"), "30.00"),
        Contract::new(8, &buyers.url("/accept/cheap"), "20.00"),
    ];
    let server = Server::start(&market(&all)).await;
    let id = lead_id(&sell(&server, "ann").await);
    let why = "No Qualified Buyers Found: it is sold exclusively and is not offered again";
    assert_refused(&server, &id, "resell", why).await;
    let reply = post(&server, &[HOST_N_POST, &format!("ckm_lead_id={id}&ckm_resell=1")]).await;
    assert_unsold(&reply);
    assert_eq!(buyers.seen().requests, 1);
}

#[tokio::test]
async fn an_unsold_lead_that_is_offered_again_and_sold_earns_nothing_unless_late_sales_are_paid() {
    let buyers = MockBuyers::start().await.unwrap();
    for (keys, payout) in [("", "0.00"), ("\npay_late_sales = true", "2.00")] {
        let network = |status: &str| {
            let contract = Contract::new(7, &buyers.url("/accept"), "30.00").with(status);
            market(&[contract]).replace("id = 58\n", &format!("id = 58{keys}\n"))
        };
        let server = Server::start(&network("status = \"inactive\"")).await;
        assert_unsold(&sell(&server, "ann").await);
        server.apply(&network("status = \"active\"")).await;
        let id = only(&server).await.id.to_string();
        assert_eq!(done(&server, &id, "resell").await["status"], "queued");
        assert_eq!(until(&server, LeadStatus::Sold).await.payout.to_string(), payout);
        assert_eq!(codes(&server, &id).await, ["received", "no_qualified_buyers", "offered_again", "sold"]);
    }
}

#[tokio::test]
async fn a_post_of_unknown_end_is_settled_by_hand_both_ways() {
    let buyers = MockBuyers::start().await.unwrap();
    for (settlement, status, revenue, code) in [
        (json!({ "contract": 7, "sold": true, "price": "25.00" }), "sold", "25.00", "sold"),
        (json!({ "contract": 7, "sold": true }), "sold", "30.00", "sold"),
        (json!({ "contract": 7, "sold": false, "note": "she said so" }), "unsold", "0.00", "not_sold"),
    ] {
        let server = Server::start(&market(&[Contract::new(7, &buyers.url("/cut-after"), "30.00")])).await;
        assert_unsold(&sell(&server, "ann").await);
        let id = only(&server).await.id.to_string();
        let held = server.api_json("/held").await;
        assert_eq!(held["total"], 1);
        let row = json!({ "lead": id, "buyer": 7, "contract": 7, "price": "30.00", "type": "exclusive",
            "at": "2026-07-01T12:00:00Z", "rule": "wait", "until": "2026-07-02T12:00:00Z" });
        assert_eq!(held["data"], json!([row]));
        for action in ["accept", "throw-out", "resell"] {
            let why = "a buyer may have it: settle the post whose end is not known first";
            assert_refused(&server, &id, action, why).await;
        }
        let path = format!("/leads/{id}/settle");
        let reply = server.api_post(&path, &settlement).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!((&reply.json()["status"], &reply.json()["revenue"]), (&json!(status), &json!(revenue)));
        assert_eq!(reply.json()["payout"], "0.00", "it was answered code 1");
        let last = timeline(&server, &id).await.pop().unwrap();
        assert_eq!(last["code"], code);
        assert!(last["by"].as_str().unwrap().starts_with("admin "), "{last}");
        assert_eq!(last["text"].as_str().unwrap().ends_with(": she said so"), code == "not_sold");
        assert_eq!(server.api_json("/held").await["total"], 0);
        let balance = server.site.store.balance(Account::Buyer(BuyerId(7))).await.unwrap();
        assert_eq!(balance.to_string().trim_start_matches('-'), revenue);
        let again = server.api_post(&path, &settlement).await;
        let why = format!("lead {id} has no post to contract 7 whose end is unknown");
        assert_eq!((again.status.as_u16(), &again.json()["detail"]), (409, &json!(why)));
    }
}

#[tokio::test]
async fn of_two_that_settle_a_lead_at_once_one_does() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/cut-after"), "30.00")])).await;
    assert_unsold(&sell(&server, "ann").await);
    let id = only(&server).await.id.to_string();
    let key = server.api_key("manager").await;
    let settle = |sold: bool| {
        let (client, key, path) = (server.admin.clone(), key.clone(), format!("/api/v1/leads/{id}/settle"));
        let body = json!({ "contract": 7, "sold": sold }).to_string();
        async move { client.send(Request::post(&path, "application/json", &body).bearer(&key)).await }
    };
    let replies = at_once((0..20).map(|n| settle(n % 2 == 0))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    assert!(replies.iter().all(|reply| reply.status == 200 || reply.json()["code"] == "refused"));
    let lead = only(&server).await;
    let balance = server.site.store.balance(Account::Buyer(BuyerId(7))).await.unwrap();
    assert_eq!(balance.micros(), -lead.revenue.micros(), "what it brought is what was paid");
}

#[tokio::test]
async fn of_many_that_accept_a_lead_at_once_one_does() {
    let server = Server::start(&market_with(&[REVIEW], &[])).await;
    let id = accepted(&server, &[HOSTED, BAD]).await;
    let key = server.api_key("manager").await;
    let accept = || {
        let (client, key, path) = (server.admin.clone(), key.clone(), format!("/api/v1/leads/{id}/accept"));
        async move { client.send(Request::post(&path, "application/json", "").bearer(&key)).await }
    };
    let replies = at_once((0..20).map(|_| accept())).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    for refused in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(refused.status, 409);
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        let is_in_hand = detail.ends_with("it is being sold right now");
        assert!(is_in_hand || detail.ends_with("nothing holds it back: it is queued"), "{detail}");
    }
    assert_eq!(owed(&server).await, "12.00", "it is paid once");
    assert_eq!(codes(&server, &id).await, ["received", "review", "accepted"]);
}

#[tokio::test]
async fn nobody_touches_a_lead_that_is_being_sold() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/stall"), "30.00")])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    while buyers.seen().requests == 0 {
        tokio::task::yield_now().await;
    }
    let id = only(&server).await.id.to_string();
    for action in ["throw-out", "resell"] {
        assert_refused(&server, &id, action, "it is being sold right now").await;
    }
    assert_refused(&server, &id, "accept", "nothing holds it back: it is queued").await;
}

#[tokio::test]
async fn a_test_lead_stays_where_it_is() {
    let server = Server::start(&market(&[])).await;
    let id = accepted(&server, &[HOSTED, ANN, "ckm_test=1"]).await;
    for action in ["accept", "throw-out", "resell"] {
        assert_refused(&server, &id, action, "it is a test").await;
    }
    assert_eq!(codes(&server, &id).await, ["received", "test"]);
}

#[tokio::test]
async fn only_admins_and_managers_act_and_only_the_network_reads_the_time_line() {
    let server = Server::start(&market_with(&[REVIEW], &[])).await;
    let id = accepted(&server, &[HOSTED, BAD]).await;
    let lead = format!("/api/v1/leads/{id}");
    for role in ["reader", "affiliate:12", "buyer:5"] {
        let key = server.api_key(role).await;
        for action in ["accept", "throw-out", "resell", "settle"] {
            let request = Request::post(&format!("{lead}/{action}"), "application/json", "").bearer(&key);
            assert_eq!(server.admin.send(request).await.status, 403, "{role} {action}");
        }
        for path in [format!("{lead}/timeline"), "/api/v1/held".to_owned()] {
            let reply = server.admin.send(Request::get(&path).bearer(&key)).await;
            let status = match role {
                "reader" => 200,
                // It did not buy the lead.
                "buyer:5" if path.ends_with("timeline") => 404,
                _ => 403,
            };
            assert_eq!(reply.status, status, "{role} {path}");
        }
    }
    for path in ["timeline", "accept", "throw-out", "resell", "settle"] {
        let path = format!("{lead}/{path}");
        let request = match path.ends_with("timeline") {
            true => Request::get(&path),
            false => Request::post(&path, "application/json", ""),
        };
        assert_eq!(server.admin.send(request).await.status, 401, "{path}");
    }
    assert_eq!(server.admin.get("/api/v1/held").await.status, 401);
    assert_eq!(act(&server, "AAAAAAAA", "accept").await.status, 404);
    let settle = json!({ "contract": 7, "sold": false });
    assert_eq!(server.api_post("/leads/AAAAAAAA/settle", &settle).await.status, 404);
    assert_eq!(server.api("/leads/AAAAAAAA/timeline").await.status, 404);
}

#[tokio::test]
async fn a_body_that_says_what_nobody_knows_is_an_error() {
    let server = Server::start(&market_with(&[REVIEW], &[])).await;
    let id = accepted(&server, &[HOSTED, BAD]).await;
    let long = "n".repeat(1_001);
    for (action, body, path) in [
        ("accept", json!({ "because": "x" }), "because"),
        ("throw-out", json!({ "note": 7 }), "note"),
        ("resell", json!([]), ""),
        ("accept", json!({ "note": long }), "note"),
        ("settle", json!({ "sold": true }), "contract"),
        ("settle", json!({ "contract": 7 }), "sold"),
        ("settle", json!({ "contract": 7, "sold": true, "price": "x" }), "price"),
        ("settle", json!({ "contract": 7, "sold": true, "price": "-1.00" }), "price"),
        ("settle", json!({ "contract": 7, "sold": false, "price": "1.00" }), "price"),
        ("settle", json!({ "contract": 7, "sold": true, "buyer": 7 }), "buyer"),
    ] {
        let reply = server.api_post(&format!("/leads/{id}/{action}"), &body).await;
        assert_eq!(reply.status, 400, "{action} {body}");
        assert_eq!(reply.json()["errors"][0]["path"], path, "{action} {body}");
    }
    let key = server.api_key("admin").await;
    let path = format!("/api/v1/leads/{id}/accept");
    for wrong in ["{", "null x", "note"] {
        let request = Request::post(&path, "application/json", wrong).bearer(&key);
        assert_eq!(server.admin.send(request).await.status, 400, "{wrong}");
    }
    assert_eq!(server.api("/held?status=wait").await.status, 400);
    assert_eq!(lead(&server, &id).await["status"], "review");
    let note = json!({ "note": "n".repeat(1_000) });
    assert_eq!(server.api_post(&format!("/leads/{id}/accept"), &note).await.status, 200);
}

#[tokio::test]
async fn a_price_that_is_settled_by_hand_is_bounded_as_a_buyers_own_answer_is() {
    let buyers = MockBuyers::start().await.unwrap();
    for (key, wrong, why, most) in [
        ("maximum_price = \"40.00\"", "40.01", "a price under contract 7 is at most 40.00", "40.00"),
        ("", "1000000000.01", "a price under contract 7 is at most 1000000000.00", "1000000000.00"),
        ("", "-0.01", "a price is not below zero", "0.00"),
    ] {
        let contract = Contract::new(7, &buyers.url("/cut-after"), "30.00").with(key);
        let server = Server::start(&market(&[contract])).await;
        assert_unsold(&sell(&server, "ann").await);
        let path = format!("/leads/{}/settle", only(&server).await.id);
        let settle = |price: &str| json!({ "contract": 7, "sold": true, "price": price });
        let refused = server.api_post(&path, &settle(wrong)).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        assert_eq!(refused.json()["errors"], json!([{ "path": "price", "message": why }]));
        assert_eq!(only(&server).await.status, LeadStatus::PendingUnknown);
        let settled = server.api_post(&path, &settle(most)).await;
        assert_eq!((settled.status.as_u16(), &settled.json()["revenue"]), (200, &json!(most)));
    }
}
