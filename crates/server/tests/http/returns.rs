//! Leads that buyers give back, or ask to.

use crate::contracts::*;
use crate::posts::{BOB, HOSTED, accepted, at_once};
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_domain::ledger::Account;
use crumb_domain::{BuyerId, Clock as _};
use crumb_storage::{AfterSaleStore as _, SellingStore as _};
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;
use crumb_testkit::{Reply, Request, Server};
use serde_json::{Value, json};
use std::sync::Arc;

/// A return for that reason.
fn because(return_type: &str) -> Value {
    json!({ "reason": "wrong number", "type": return_type })
}

const CREDIT: &str = "approve_for_credit";
const REPLACE: &str = "approve_to_replace";
const SUBMIT: &str = "submit_for_approval";

/// With further members.
fn and(mut body: Value, further: Value) -> Value {
    body.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    body
}

async fn return_lead(server: &Server, lead: &Lead, body: &Value) -> Reply {
    server.api_post(&format!("/leads/{}/returns", lead.id), body).await
}

async fn done(server: &Server, lead: &Lead, body: &Value) -> Value {
    let reply = return_lead(server, lead, body).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

/// That it is a 409 with this detail.
fn assert_refused(reply: &Reply, detail: &str) {
    assert_eq!(reply.status, 409, "{}", reply.text());
    assert_eq!((&reply.json()["code"], &reply.json()["detail"]), (&json!("refused"), &json!(detail)));
}

/// With the key of a role.
pub async fn post_as(server: &Server, key: &str, target: &str, body: &Value) -> Reply {
    let request = Request::post(&format!("/api/v1{target}"), "application/json", &body.to_string());
    server.admin.send(request.bearer(key)).await
}

pub async fn get_as(server: &Server, key: &str, target: &str) -> Reply {
    server.admin.send(Request::get(&format!("/api/v1{target}")).bearer(key)).await
}

async fn present(server: &Server, lead: &Lead) -> Value {
    server.api_json(&format!("/leads/{}", lead.id)).await
}

/// A server that has sold one lead to contract 7, whose buyer had 100.00.
async fn one_sold(contract: Contract) -> (Server, Lead) {
    let credit = "credit = { type = \"prepaid\", balance = \"100.00\", limit = \"0.00\" }";
    let server = Server::start(&market(&[contract.buyer(credit)])).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    (server, lead)
}

async fn balance(server: &Server, buyer: i64) -> String {
    let has = server.api_json(&format!("/buyers/{buyer}/balance")).await;
    let sum = server.site.store.balance(Account::Buyer(BuyerId(buyer))).await.unwrap();
    assert_eq!(has["balance"], sum.to_string(), "a balance is the sum of its entries");
    sum.to_string()
}

async fn timeline(server: &Server, lead: &Lead) -> Vec<(String, String, Option<String>)> {
    let line = server.site.store.timeline_of(lead.row).await.unwrap();
    line.into_iter().map(|entry| (entry.code, entry.text, entry.by)).collect()
}

#[tokio::test]
async fn a_lead_that_is_taken_back_for_credit_gives_its_buyer_the_price_again() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, lead) = one_sold(Contract::new(7, &buyers.url("/accept"), "30.00")).await;
    assert_eq!(balance(&server, 7).await, "70.00");
    server.clock.advance_days(3);
    let body = and(because(CREDIT), json!({ "contract": 7, "notes": " Rang twice.\nNobody there. " }));
    let row = done(&server, &lead, &body).await;
    let by = row["by"].as_str().unwrap();
    assert!(by.starts_with("admin "), "the key's name: {by}");
    let at = server.clock.now();
    let expected = json!({
        "lead": lead.id, "contract": 7, "buyer": 7, "price": "30.00", "at": at, "state": "credited",
        "reason": "wrong number", "notes": "Rang twice.\nNobody there.", "decided_at": at, "by": by,
        "decided_by": by,
    });
    assert_eq!(row, expected);
    assert_eq!(balance(&server, 7).await, "100.00");
    let now = present(&server, &lead).await;
    assert_eq!((&now["status"], &now["outcome"]), (&json!("returned"), &json!("returned")));
    assert_eq!((&now["revenue"], &now["payout"]), (&json!("0.00"), &json!("2.00")));
    assert_eq!(
        (&now["sales"][0]["returned"], &now["sales"][0]["price"]),
        (&json!("credited"), &json!("30.00"))
    );
    let text = "buyer 7 has 30.00 back for contract 7: wrong number".to_owned();
    assert_eq!(
        timeline(&server, &lead).await.pop(),
        Some(("returned".to_owned(), text, Some(by.to_owned())))
    );
}

#[tokio::test]
async fn a_return_is_an_entry_of_the_ledger_and_the_sales_own_stays() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, lead) = one_sold(Contract::new(7, &buyers.url("/accept"), "30.00")).await;
    done(&server, &lead, &because(CREDIT)).await;
    let ledger = server.api_json(&format!("/ledger?lead={}&account=buyer:7&sort=id", lead.id)).await;
    let entries: Vec<_> = ledger["data"].as_array().unwrap().iter().collect();
    let of = |entry: &Value| {
        [&entry["kind"], &entry["from"], &entry["to"], &entry["amount"], &entry["change"]]
            .map(|value| value.as_str().unwrap().to_owned())
    };
    assert_eq!(entries.len(), 2);
    assert_eq!(of(entries[0]), ["sale", "buyer:7", "house", "30.00", "-30.00"]);
    assert_eq!(of(entries[1]), ["return", "house", "buyer:7", "30.00", "30.00"]);
    assert_eq!((&entries[1]["contract"], &entries[1]["note"]), (&json!(7), &json!("wrong number")));
}

#[tokio::test]
async fn a_lead_that_is_taken_back_to_be_replaced_moves_no_money_and_is_owed() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, lead) = one_sold(Contract::new(7, &buyers.url("/accept"), "30.00")).await;
    assert_eq!(server.api_json("/buyers/7/balance").await["returns_owed"], json!([]));
    let row = done(&server, &lead, &because(REPLACE)).await;
    assert_eq!(row["state"], "replaced");
    assert_eq!(balance(&server, 7).await, "70.00");
    let now = present(&server, &lead).await;
    assert_eq!((&now["status"], &now["revenue"]), (&json!("returned"), &json!("30.00")));
    let owed = server.api_json("/buyers/7/balance").await["returns_owed"].clone();
    assert_eq!(owed, json!([{ "contract": 7, "leads": 1 }]));
}

#[tokio::test]
async fn a_lead_that_is_owed_may_be_paid_back_instead_and_is_owed_no_more() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, lead) = one_sold(Contract::new(7, &buyers.url("/accept"), "30.00")).await;
    done(&server, &lead, &and(because(REPLACE), json!({ "take_back_payout": true }))).await;
    let approve = format!("/leads/{}/returns/7/approve", lead.id);
    let refuse = format!("/leads/{}/returns/7/refuse", lead.id);
    let text = format!("lead {} was returned under contract 7 already", lead.id);
    assert_refused(&server.api_post(&approve, &json!({ "type": REPLACE })).await, &text);
    assert_refused(&server.api_post(&refuse, &json!({})).await, &text);
    assert_refused(&return_lead(&server, &lead, &because(CREDIT)).await, &text);
    assert_eq!(balance(&server, 7).await, "70.00");
    let paid_back = server.api_post(&approve, &json!({ "type": CREDIT })).await;
    assert_eq!((paid_back.status.as_u16(), &paid_back.json()["state"]), (200, &json!("credited")));
    assert_eq!(balance(&server, 7).await, "100.00");
    assert_eq!(server.api_json("/buyers/7/balance").await["returns_owed"], json!([]));
    let now = only(&server).await;
    assert_eq!((now.status, now.revenue.to_string().as_str()), (LeadStatus::Returned, "0.00"));
    let returned = now.sales[0].returned.unwrap();
    assert!(returned.payout_taken_back, "that its affiliate is not paid for it stands");
    let told = timeline(&server, &lead).await.pop().unwrap().1;
    let instead = "buyer 7 has 30.00 back for contract 7 instead of the lead that it was owed: wrong number";
    assert_eq!(told, instead);
    assert_refused(&server.api_post(&approve, &json!({ "type": CREDIT })).await, &text);
    assert_eq!(balance(&server, 7).await, "100.00");
}

#[tokio::test]
async fn a_return_that_is_submitted_waits_until_a_person_approves_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, lead) = one_sold(Contract::new(7, &buyers.url("/accept"), "30.00")).await;
    let row = done(&server, &lead, &because(SUBMIT)).await;
    assert_eq!((&row["state"], &row["decided_at"]), (&json!("submitted"), &Value::Null));
    assert_eq!(present(&server, &lead).await["status"], "sold");
    assert_eq!(balance(&server, 7).await, "70.00");
    // However long the person takes.
    server.clock.advance_days(60);
    let approve = format!("/leads/{}/returns/7/approve", lead.id);
    let wrong = server.api_post(&approve, &json!({ "type": SUBMIT })).await;
    assert_eq!((wrong.status.as_u16(), &wrong.json()["errors"][0]["path"]), (400, &json!("type")));
    let approved = server.api_post(&approve, &json!({ "type": CREDIT })).await;
    assert_eq!((approved.status.as_u16(), &approved.json()["state"]), (200, &json!("credited")));
    assert_eq!(balance(&server, 7).await, "100.00");
    assert_eq!(present(&server, &lead).await["status"], "returned");
    let again = server.api_post(&approve, &json!({ "type": CREDIT })).await;
    assert_refused(&again, &format!("lead {} was returned under contract 7 already", lead.id));
    let refuse = server.api_post(&format!("/leads/{}/returns/7/refuse", lead.id), &json!({})).await;
    assert_refused(&refuse, &format!("lead {} was returned under contract 7 already", lead.id));
    let codes: Vec<_> = timeline(&server, &lead).await.into_iter().map(|(code, ..)| code).collect();
    assert_eq!(codes, ["sold", "return_submitted", "returned"]);
}

#[tokio::test]
async fn a_return_that_was_refused_is_not_asked_for_again_but_may_still_be_approved() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, lead) = one_sold(Contract::new(7, &buyers.url("/accept"), "30.00")).await;
    let refuse = format!("/leads/{}/returns/7/refuse", lead.id);
    let nothing = server.api_post(&refuse, &json!({})).await;
    assert_eq!(nothing.status, 404, "{}", nothing.text());
    done(&server, &lead, &because(SUBMIT)).await;
    let waits = return_lead(&server, &lead, &because(CREDIT)).await;
    assert_refused(&waits, &format!("the return of lead {} under contract 7 waits for approval", lead.id));
    let refused = server.api_post(&refuse, &json!({})).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["state"]), (200, &json!("refused")));
    let name = format!("the return of lead {} under contract 7", lead.id);
    assert_refused(&return_lead(&server, &lead, &because(SUBMIT)).await, &format!("{name} was refused"));
    let twice = server.api_post(&refuse, &json!({})).await;
    assert_refused(&twice, &format!("{name} was refused already"));
    assert_eq!(
        (present(&server, &lead).await["status"].clone(), balance(&server, 7).await),
        (json!("sold"), "70.00".to_owned())
    );
    let approve = format!("/leads/{}/returns/7/approve", lead.id);
    let approved = server.api_post(&approve, &json!({ "type": REPLACE })).await;
    assert_eq!(approved.json()["state"], "replaced");
}

#[tokio::test]
async fn a_sale_is_returned_once_however_many_ask_at_once() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, lead) = one_sold(Contract::new(7, &buyers.url("/accept"), "30.00")).await;
    let server = Arc::new(server);
    let asking = (0..8).map(|_| {
        let (server, lead) = (Arc::clone(&server), lead.clone());
        async move { return_lead(&server, &lead, &because(CREDIT)).await }
    });
    let replies = at_once(asking).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    let text = format!("lead {} was returned under contract 7 already", lead.id);
    replies.iter().filter(|reply| reply.status != 201).for_each(|reply| assert_refused(reply, &text));
    assert_eq!(balance(&server, 7).await, "100.00");
}

#[tokio::test]
async fn a_lead_is_taken_back_within_its_contracts_days_and_later_by_force_only() {
    let buyers = MockBuyers::start().await.unwrap();
    for (keys, days) in [("max_return_days = 5", 5), ("rank = 0", 30)] {
        let contract = Contract::new(7, &buyers.url("/accept"), "30.00").with(keys);
        let (server, lead) = one_sold(contract).await;
        assert_sold(&sell(&server, "bob").await);
        let second = newest(&server).await;
        server.clock.advance_days(days);
        done(&server, &lead, &because(CREDIT)).await;
        server.clock.advance_seconds(1);
        let late = return_lead(&server, &second, &because(CREDIT)).await;
        let text = format!(
            "lead {} was sold under contract 7 on {}: the {days} days within which it is taken back are over",
            second.id, second.sales[0].at
        );
        assert_refused(&late, &text);
        assert_refused(&return_lead(&server, &second, &because(SUBMIT)).await, &text);
        done(&server, &second, &and(because(CREDIT), json!({ "force": true }))).await;
        let (_, line, _) = timeline(&server, &second).await.pop().unwrap();
        assert_eq!(line, "buyer 7 has 30.00 back for contract 7 after its days: wrong number");
    }
}

#[tokio::test]
async fn a_contract_of_no_return_days_takes_nothing_back() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").with("max_return_days = 0");
    let (server, lead) = one_sold(contract).await;
    let refused = return_lead(&server, &lead, &because(SUBMIT)).await;
    assert_refused(&refused, "contract 7 takes no leads back (max_return_days = 0)");
}

#[tokio::test]
async fn a_lead_of_a_no_return_row_is_not_taken_back_whatever_the_row_says_later() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = |keys| Contract::new(7, &buyers.url("/accept"), "30.00").row(keys);
    let (server, lead) = one_sold(contract("no_return = true")).await;
    assert_eq!(present(&server, &lead).await["sales"][0]["no_return"], json!(true));
    server.apply(&market(&[contract("no_return = false")])).await;
    let text =
        format!("lead {} was sold under contract 7 for good (no_return): it is not taken back", lead.id);
    for body in [because(SUBMIT), and(because(CREDIT), json!({ "force": true }))] {
        assert_refused(&return_lead(&server, &lead, &body).await, &text);
    }
    assert!(server.site.store.returns_of(lead.row).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_return_does_not_free_the_cap() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00").row("cap = 1");
    let (server, lead) = one_sold(contract).await;
    done(&server, &lead, &because(CREDIT)).await;
    assert_unsold(&sell(&server, "bob").await);
    assert_eq!(results(&server, &newest(&server).await).await, ["7 cap_reached"]);
}

/// Contracts 7 at 30.00 and 8 at 20.00, which share their leads.
fn pair(buyers: &MockBuyers) -> [Contract; 2] {
    [(7, "30.00"), (8, "20.00")]
        .map(|(id, price)| Contract::new(id, &buyers.url(&format!("/accept/{id}")), price).multisell())
}

#[tokio::test]
async fn a_lead_is_returned_when_all_its_sales_are() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&pair(&buyers))).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    let unclear = return_lead(&server, &lead, &because(CREDIT)).await;
    assert_refused(&unclear, &format!("lead {} was sold more than once: name the contract", lead.id));
    let other = return_lead(&server, &lead, &and(because(CREDIT), json!({ "contract": 9 }))).await;
    assert_refused(&other, &format!("lead {} was not sold under contract 9", lead.id));
    done(&server, &lead, &and(because(CREDIT), json!({ "contract": 7 }))).await;
    let now = present(&server, &lead).await;
    assert_eq!((&now["status"], &now["revenue"]), (&json!("sold"), &json!("20.00")));
    done(&server, &lead, &and(because(REPLACE), json!({ "contract": 8 }))).await;
    let now = present(&server, &lead).await;
    assert_eq!((&now["status"], &now["revenue"]), (&json!("returned"), &json!("20.00")));
    let listed = server.api_json(&format!("/leads/{}/returns", lead.id)).await;
    let states: Vec<_> = listed["data"].as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
    assert_eq!((states, &listed["total"]), (vec![json!("credited"), json!("replaced")], &json!(2)));
}

#[tokio::test]
async fn a_lead_that_nobody_bought_is_not_returned() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/reject"), "30.00")])).await;
    assert_unsold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    assert_refused(
        &return_lead(&server, &lead, &because(CREDIT)).await,
        &format!("lead {} was not sold", lead.id),
    );
    let nobody = server.api_post("/leads/AAAAAAAA/returns", &because(CREDIT)).await;
    assert_eq!(nobody.status, 404);
}

#[tokio::test]
async fn of_two_returns_each_is_decided_by_its_contract() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&pair(&buyers))).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    let before = [balance(&server, 7).await, balance(&server, 8).await];
    for contract in [7, 8] {
        done(&server, &lead, &and(because(SUBMIT), json!({ "contract": contract }))).await;
    }
    let approve = format!("/leads/{}/returns/8/approve", lead.id);
    let approved = server.api_post(&approve, &json!({ "type": CREDIT })).await;
    assert_eq!((approved.status.as_u16(), &approved.json()["contract"]), (200, &json!(8)));
    let refused = server.api_post(&format!("/leads/{}/returns/7/refuse", lead.id), &json!({})).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["state"]), (200, &json!("refused")));
    assert_eq!(balance(&server, 7).await, before[0]);
    assert_ne!(balance(&server, 8).await, before[1]);
}

async fn paid(server: &Server) -> String {
    let account = Account::Affiliate(crumb_domain::AffiliateId(12));
    server.site.store.balance(account).await.unwrap().to_string()
}

#[tokio::test]
async fn an_affiliate_keeps_its_payout_unless_it_is_taken_back_with_the_last_sale() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&pair(&buyers))).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    assert_eq!(paid(&server).await, "2.00");
    let take_back =
        |contract: u32| and(because(CREDIT), json!({ "contract": contract, "take_back_payout": true }));
    done(&server, &lead, &take_back(7)).await;
    assert_eq!(paid(&server).await, "2.00", "a sale stands, which pays it");
    done(&server, &lead, &take_back(8)).await;
    assert_eq!(
        (paid(&server).await, present(&server, &lead).await["payout"].clone()),
        ("0.00".to_owned(), json!("0.00"))
    );
    let (_, line, _) = timeline(&server, &lead).await.pop().unwrap();
    assert_eq!(
        line,
        "buyer 8 has 20.00 back for contract 8: wrong number; its affiliate earns 0.00 instead of 2.00"
    );
}

#[tokio::test]
async fn a_share_of_a_price_is_taken_back_with_its_sale_and_not_paid_again() {
    let buyers = MockBuyers::start().await.unwrap();
    let changes = [(Part::HostNPostOffer, "payout = \"0.00\"\npayout_percent = \"50\"")];
    let server = Server::start(&market_with(&changes, &pair(&buyers))).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    assert_eq!(paid(&server).await, "25.00");
    let body = and(because(CREDIT), json!({ "contract": 7, "take_back_payout": true }));
    done(&server, &lead, &body).await;
    assert_eq!(paid(&server).await, "10.00");
    done(&server, &lead, &and(because(CREDIT), json!({ "contract": 8 }))).await;
    assert_eq!(paid(&server).await, "10.00", "nobody asked to take that back");
    let submitted = and(because(SUBMIT), json!({ "take_back_payout": true }));
    let wrong = return_lead(&server, &lead, &submitted).await;
    assert_eq!(
        (wrong.status.as_u16(), &wrong.json()["errors"][0]["path"]),
        (400, &json!("take_back_payout"))
    );
}

#[tokio::test]
async fn a_payout_that_was_taken_back_is_not_paid_again_when_a_held_post_is_settled() {
    let buyers = MockBuyers::start().await.unwrap();
    let [seven, eight] = pair(&buyers);
    let server = Server::start(&market(&[seven, eight.at(&buyers.url("/cut-after"))])).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    assert_eq!(lead.sales.len(), 1, "the other may have it");
    done(&server, &lead, &and(because(CREDIT), json!({ "take_back_payout": true }))).await;
    assert_eq!(paid(&server).await, "0.00");
    server.clock.advance_days(2);
    server.selling.look_at_held().await.unwrap();
    let now = present(&server, &lead).await;
    assert_eq!(
        (&now["status"], &now["payout"], &now["revenue"]),
        (&json!("returned"), &json!("0.00"), &json!("0.00"))
    );
    assert_eq!(paid(&server).await, "0.00");
}

#[tokio::test]
async fn a_buyer_may_ask_for_its_own_sale_within_its_days_and_no_more() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&pair(&buyers))).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    let (own, foreign) = (server.api_key("buyer:7").await, server.api_key("buyer:9").await);
    let target = format!("/leads/{}/returns", lead.id);
    assert_eq!(post_as(&server, &foreign, &target, &because(SUBMIT)).await.status, 404);
    for body in [
        because(CREDIT),
        because(REPLACE),
        and(because(SUBMIT), json!({ "force": true })),
        and(because(SUBMIT), json!({ "take_back_payout": true })),
    ] {
        assert_eq!(post_as(&server, &own, &target, &body).await.status, 403, "{body}");
    }
    let others = post_as(&server, &own, &target, &and(because(SUBMIT), json!({ "contract": 8 }))).await;
    assert_refused(&others, &format!("lead {} was not sold under contract 8", lead.id));
    let asked = post_as(&server, &own, &target, &because(SUBMIT)).await;
    assert_eq!(
        (asked.status.as_u16(), &asked.json()["contract"]),
        (201, &json!(7)),
        "its only sale is meant"
    );
    assert!(asked.json().get("by").is_none(), "names of keys are the network's");
    for decision in ["approve", "refuse"] {
        let decided =
            post_as(&server, &own, &format!("{target}/7/{decision}"), &json!({ "type": CREDIT })).await;
        assert_eq!(decided.status, 403);
    }
    let eight = server.api_key("buyer:8").await;
    assert_eq!(get_as(&server, &eight, &target).await.json()["data"], json!([]), "another's is not shown");
    assert_eq!(get_as(&server, &own, &target).await.json()["total"], 1);
    assert_eq!(get_as(&server, &own, "/returns").await.json()["data"][0]["lead"], lead.id.to_string());
    assert_eq!(get_as(&server, &eight, "/returns").await.json()["total"], 0);
    assert_eq!(get_as(&server, &eight, "/returns?buyer=7").await.status, 403);
    server.clock.advance_days(31);
    assert_eq!(post_as(&server, &eight, &target, &because(SUBMIT)).await.status, 409, "its days are over");
}

#[tokio::test]
async fn readers_see_returns_and_affiliates_do_not() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, lead) = one_sold(Contract::new(7, &buyers.url("/accept"), "30.00")).await;
    let target = format!("/leads/{}/returns", lead.id);
    let (reader, affiliate) = (server.api_key("reader").await, server.api_key("affiliate:12").await);
    for key in [&reader, &affiliate] {
        assert_eq!(post_as(&server, key, &target, &because(SUBMIT)).await.status, 403);
    }
    let manager = server.api_key("manager").await;
    assert_eq!(post_as(&server, &manager, &target, &because(SUBMIT)).await.status, 201);
    assert_eq!(get_as(&server, &reader, &target).await.json()["total"], 1);
    assert_eq!(get_as(&server, &reader, "/returns?state=submitted").await.json()["total"], 1);
    assert_eq!(get_as(&server, &reader, "/returns?state=credited").await.json()["total"], 0);
    assert_eq!(get_as(&server, &reader, "/returns?state=gone").await.status, 400);
    for target in [target.as_str(), "/returns"] {
        assert_eq!(get_as(&server, &affiliate, target).await.status, 403);
    }
}

#[tokio::test]
async fn a_return_needs_a_reason_and_takes_notes_within_their_lengths() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, lead) = one_sold(Contract::new(7, &buyers.url("/accept"), "30.00")).await;
    for (further, path, message) in [
        (json!({ "reason": " " }), "reason", "required"),
        (json!({ "reason": "x".repeat(201) }), "reason", "at most 200 characters"),
        (json!({ "reason": "a\nb" }), "reason", "control characters are not taken"),
        (json!({ "notes": "x".repeat(2_001) }), "notes", "at most 2000 characters"),
        (json!({ "notes": "a\u{1b}[2Jb" }), "notes", "control characters are not taken"),
    ] {
        let refused = return_lead(&server, &lead, &and(because(CREDIT), further)).await;
        assert_eq!(refused.status, 400);
        assert_eq!(refused.json()["errors"], json!([{ "path": path, "message": message }]));
    }
    for body in [
        json!({ "reason": "x" }),
        json!({ "reason": "x", "type": "refund" }),
        and(because(CREDIT), json!({ "why": 1 })),
    ] {
        assert_eq!(return_lead(&server, &lead, &body).await.status, 400, "{body}");
    }
    let notes = format!("a\n\tb\r\n{}", "é".repeat(1_994));
    let most = and(because(CREDIT), json!({ "reason": "é".repeat(200), "notes": notes }));
    assert_eq!(done(&server, &lead, &most).await["notes"], notes, "several lines");
}

#[tokio::test]
async fn a_hosted_lead_stays_sold_and_is_offered_to_nobody_when_one_buyer_gives_it_back() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, _) = one_sold(Contract::new(7, &buyers.url("/accept"), "30.00")).await;
    accepted(&server, &[HOSTED, BOB]).await;
    let lead = until(&server, LeadStatus::Sold).await;
    let asked = buyers.count("/accept");
    done(&server, &lead, &because(CREDIT)).await;
    let after = newest(&server).await;
    assert_eq!((after.status, after.payout.to_string().as_str()), (LeadStatus::Returned, "12.00"));
    server.selling.wake();
    assert_eq!((buyers.count("/accept"), server.site.store.next_due().await.unwrap()), (asked, None));
}

/// Numbers that are as good as random and the same each time (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// The sum of all movements, by account, as the API lists them.
async fn sums(server: &Server) -> std::collections::BTreeMap<String, i64> {
    let ledger = server.api_json("/ledger?limit=1000").await;
    assert_eq!(ledger["next"], Value::Null);
    let mut sums = std::collections::BTreeMap::new();
    for entry in ledger["data"].as_array().unwrap() {
        let text = |name: &str| entry[name].as_str().unwrap().to_owned();
        let amount: crumb_domain::Money = text("amount").parse().unwrap();
        *sums.entry(text("from")).or_default() -= amount.micros();
        *sums.entry(text("to")).or_default() += amount.micros();
    }
    sums
}

#[tokio::test]
async fn whatever_is_sold_returned_and_credited_the_ledger_balances() {
    let buyers = MockBuyers::start().await.unwrap();
    let prepaid = "credit = { type = \"prepaid\", balance = \"90.00\", limit = \"40.00\" }";
    let changes = [(Part::HostNPostOffer, "payout = \"0.00\"\npayout_percent = \"30\"")];
    let contracts = pair(&buyers).map(|contract| contract.buyer(prepaid));
    let server = Server::start(&market_with(&changes, &contracts)).await;
    let mut numbers = Numbers(2_026);
    for step in 0..150 {
        let buyer = 7 + numbers.below(2);
        match numbers.below(6) {
            0 => {
                let sign = if numbers.below(3) == 0 { "-" } else { "" };
                let body = json!({ "amount": format!("{sign}{}.25", numbers.below(40)) });
                let reply = server.api_post(&format!("/buyers/{buyer}/credit"), &body).await;
                assert_eq!(reply.status, 200, "{}", reply.text());
            }
            1..=3 => {
                let leads = stored(&server).await;
                let Some(lead) = leads.get(usize::try_from(numbers.below(150)).unwrap() % leads.len().max(1))
                else {
                    continue;
                };
                let kind = [CREDIT, REPLACE, SUBMIT][usize::try_from(numbers.below(3)).unwrap()];
                let take_back = kind != SUBMIT && numbers.below(2) == 0;
                let further = json!({ "contract": buyer, "take_back_payout": take_back });
                let reply = return_lead(&server, lead, &and(because(kind), further)).await;
                assert!([201, 409].contains(&reply.status.as_u16()), "{}", reply.text());
            }
            _ => {
                sell(&server, &format!("n{step}")).await;
            }
        }
    }
    let sums = sums(&server).await;
    assert_eq!(sums.values().sum::<i64>(), 0, "the sum over all accounts is nothing");
    for buyer in [7, 8] {
        let has: crumb_domain::Money = balance(&server, buyer).await.parse().unwrap();
        assert_eq!(sums[&format!("buyer:{buyer}")], has.micros());
    }
    let leads = stored(&server).await;
    let total =
        |of: fn(&Lead) -> crumb_domain::Money| leads.iter().map(|lead| of(lead).micros()).sum::<i64>();
    assert_eq!(sums["affiliate:12"], total(|lead| lead.payout), "what leads pay is what the ledger paid");
    assert_eq!(sums["house"] + sums["affiliate:12"], total(|lead| lead.revenue));
    assert!(leads.iter().any(|lead| lead.status == LeadStatus::Returned));
}
