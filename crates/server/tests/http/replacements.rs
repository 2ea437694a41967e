//! Leads that were taken back to be replaced: a later one is delivered free in their place.

use crate::contracts::*;
use crate::pings::{ping, quoted, sharing};
use crate::posts::{HOSTED, accepted, at_once};
use crumb_domain::Timestamp;
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_intake::selling::replaying::Replaying;
use crumb_storage::selling::SellingStore as _;
use crumb_testkit::buyers::{Behaviour, MockBuyers};
use crumb_testkit::network::Part;
use crumb_testkit::{Reply, Server};
use serde_json::{Value, json};

const HUNDRED: &str = "credit = { type = \"prepaid\", balance = \"100.00\", limit = \"0.00\" }";

async fn returned(server: &Server, lead: &Lead, as_what: &str) -> Reply {
    let body = json!({ "reason": "wrong number", "type": as_what });
    server.api_post(&format!("/leads/{}/returns", lead.id), &body).await
}

/// Gives a lead back, for another one.
async fn given_back(server: &Server, lead: &Lead) {
    let reply = returned(server, lead, "approve_to_replace").await;
    assert_eq!(reply.status, 201, "{}", reply.text());
}

/// A server of one buyer that has bought Ann and given her back for another.
async fn one_owed(contract: Contract) -> (Server, Lead) {
    let server = Server::start(&market(&[contract.buyer(HUNDRED)])).await;
    assert_sold(&sell(&server, "ann").await);
    let ann = only(&server).await;
    given_back(&server, &ann).await;
    (server, ann)
}

async fn has(server: &Server) -> (String, Value) {
    let has = server.api_json("/buyers/7/balance").await;
    (has["balance"].as_str().unwrap().to_owned(), has["returns_owed"].clone())
}

fn owes(leads: u32) -> Value {
    json!([{ "contract": 7, "leads": leads }])
}

fn is(balance: &str, owed: Value) -> (String, Value) {
    (balance.to_owned(), owed)
}

async fn shown(server: &Server, lead: &Lead) -> Value {
    server.api_json(&format!("/leads/{}", lead.id)).await
}

async fn last_said(server: &Server, lead: &Lead) -> String {
    server.site.store.timeline_of(lead.row).await.unwrap().pop().unwrap().text
}

#[tokio::test]
async fn the_next_lead_that_the_contract_buys_is_delivered_free_and_the_one_after_is_paid() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, ann) = one_owed(Contract::new(7, &buyers.url("/accept"), "30.00")).await;
    assert_eq!(has(&server).await, is("70.00", owes(1)));
    assert_sold(&sell(&server, "bob").await);
    assert_eq!(has(&server).await, is("70.00", json!([])));
    let bob = newest(&server).await;
    let told = shown(&server, &bob).await;
    assert_eq!(
        (&told["status"], &told["revenue"], &told["payout"]),
        (&"sold".into(), &"0.00".into(), &"2.00".into())
    );
    let sale = &told["sales"][0];
    assert_eq!((&sale["price"], &sale["replaces"]), (&"0.00".into(), &ann.id.as_str().into()));
    let why = server.api_json(&format!("/leads/{}/explain", bob.id)).await["contracts"][0].clone();
    let text = format!(
        "Delivered free in place of lead {}, which the buyer had given back; its price would have been 30.00.",
        ann.id
    );
    assert_eq!((&why["result"], &why["text"]), (&"sold".into(), &json!(text)));
    assert_eq!(
        last_said(&server, &bob).await,
        format!("delivered free to buyer 7 under contract 7, in place of lead {} that it gave back", ann.id)
    );
    assert_eq!(
        last_said(&server, &ann).await,
        format!("lead {} was delivered in its place under contract 7", bob.id)
    );
    let returns = server.api_json(&format!("/leads/{}/returns", ann.id)).await;
    assert_eq!(returns["data"][0]["replaced_by"], bob.id.as_str());
    assert_eq!(shown(&server, &ann).await["revenue"], "30.00", "the lead that was given back stays paid");
    let entry = server.api_json(&format!("/ledger?lead={}&account=buyer:7", bob.id)).await["data"][0].clone();
    assert_eq!(
        (&entry["amount"], &entry["note"]),
        (&"0.00".into(), &json!(format!("in place of lead {}", ann.id)))
    );
    assert_sold(&sell(&server, "carl").await);
    assert_eq!(has(&server).await, is("40.00", json!([])));
    assert_eq!(newest(&server).await.sales[0].replaces, None);
}

#[tokio::test]
async fn of_many_leads_at_once_as_many_are_free_as_are_owed() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "1.00").buyer(HUNDRED);
    let changes = [(Part::HostNPostOffer, "payout = \"0.50\"")];
    let server = Server::start(&market_with(&changes, &[contract])).await;
    for name in ["ann", "bob", "carl"] {
        assert_sold(&sell(&server, name).await);
    }
    for lead in stored(&server).await {
        given_back(&server, &lead).await;
    }
    assert_eq!(has(&server).await, is("97.00", owes(3)));
    let posts = (0..12).map(|number| {
        let (client, body) = (server.tracking.clone(), offered(&format!("n{number}")));
        async move { client.post_form("/d.ashx", &body).await }
    });
    at_once(posts).await.iter().for_each(assert_sold);
    assert_eq!(has(&server).await, is("88.00", json!([])));
    let free = stored(&server).await.into_iter().filter(|lead| lead.sales[0].replaces.is_some());
    assert_eq!(free.count(), 3);
}

#[tokio::test]
async fn what_is_owed_needs_no_credit_and_comes_from_the_queue_too() {
    let buyers = MockBuyers::start().await.unwrap();
    let thirty = "credit = { type = \"prepaid\", balance = \"30.00\", limit = \"0.00\" }";
    let server =
        Server::start(&market(&[Contract::new(7, &buyers.url("/accept"), "30.00").buyer(thirty)])).await;
    assert_sold(&sell(&server, "ann").await);
    let ann = only(&server).await;
    accepted(&server, &[HOSTED, "email_address=bob@example.com&zip_code=90210"]).await;
    until(&server, LeadStatus::Queued).await;
    given_back(&server, &ann).await;
    let bob = until(&server, LeadStatus::Sold).await;
    assert_eq!((bob.sales[0].replaces, bob.payout.to_string().as_str()), (Some(ann.id), "12.00"));
    assert_eq!(has(&server).await, is("0.00", json!([])));
    assert_unsold(&sell(&server, "carl").await);
    assert_eq!(results(&server, &newest(&server).await).await, ["7 no_credit"]);
}

#[tokio::test]
async fn a_lead_that_the_buyer_refuses_leaves_it_owed() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, ann) =
        one_owed(Contract::new(7, &buyers.url("/in-turn/a?of=accept,reject,duplicate,accept"), "30.00"))
            .await;
    for name in ["bob", "carl"] {
        assert_unsold(&sell(&server, name).await);
        assert_eq!(has(&server).await, is("70.00", owes(1)));
    }
    assert_sold(&sell(&server, "dora").await);
    assert_eq!(newest(&server).await.sales[0].replaces, Some(ann.id));
}

#[tokio::test]
async fn while_the_outcome_is_unknown_nobody_else_is_delivered_for_it_and_then_it_counts_or_is_owed_again() {
    for (is_sold, status, left) in [(true, LeadStatus::Sold, json!([])), (false, LeadStatus::Unsold, owes(1))]
    {
        let buyers = MockBuyers::start().await.unwrap();
        let (server, ann) =
            one_owed(Contract::new(7, &buyers.url("/in-turn/a?of=accept,cut-after,accept"), "30.00")).await;
        assert_unsold(&sell(&server, "bob").await);
        let bob = newest(&server).await;
        assert_eq!((bob.status, has(&server).await), (LeadStatus::PendingUnknown, is("70.00", owes(1))));
        let held = server.api_json("/held").await["data"][0].clone();
        assert_eq!((&held["price"], &held["replaces"]), (&"0.00".into(), &ann.id.as_str().into()));
        // It may be paid back no more while another may have come for it.
        let instead = server
            .api_post(
                &format!("/leads/{}/returns/7/approve", ann.id),
                &json!({ "type": "approve_for_credit" }),
            )
            .await;
        assert_eq!(
            instead.json()["detail"],
            format!("lead {} is on its way in place of lead {} under contract 7", bob.id, ann.id)
        );
        assert_sold(&sell(&server, "carl").await);
        assert_eq!(newest(&server).await.sales[0].price.to_string(), "30.00");
        let settle = format!("/leads/{}/settle", bob.id);
        let priced = server.api_post(&settle, &json!({ "contract": 7, "sold": true, "price": "5.00" })).await;
        assert!(priced.status.is_client_error() && priced.text().contains("it is free"), "{}", priced.text());
        let settled = server.api_post(&settle, &json!({ "contract": 7, "sold": is_sold })).await;
        assert_eq!(settled.status, 200, "{}", settled.text());
        let now = stored(&server).await.remove(1);
        assert_eq!((now.status, has(&server).await), (status, is("40.00", left)));
        if is_sold {
            assert_eq!(
                (now.sales[0].replaces, now.sales[0].price.to_string().as_str()),
                (Some(ann.id), "0.00")
            );
            let why = server.api_json(&format!("/leads/{}/explain", bob.id)).await["contracts"][0].clone();
            let free = format!("it had the lead free, in place of lead {} that it gave back.", ann.id);
            assert!(why["text"].as_str().unwrap().ends_with(&free), "{why}");
            assert_eq!(why["values"]["replaces"], ann.id.as_str());
        }
    }
}

#[tokio::test]
async fn what_its_status_address_says_of_a_price_counts_for_nothing() {
    let buyers = MockBuyers::start().await.unwrap();
    let status = buyers.url("/status?is=accepted&price=12.00");
    let contract = Contract::new(7, &buyers.url("/in-turn/a?of=accept,cut-after"), "30.00")
        .post(&format!("status_url = \"{status}\"\nprice = \"xml:/result/price\""));
    let server = Server::start(&market(&[contract])).await;
    assert_sold(&sell(&server, "ann").await);
    given_back(&server, &only(&server).await).await;
    assert_unsold(&sell(&server, "bob").await);
    server.clock.advance_seconds(30);
    server.selling.look_at_held().await.unwrap();
    let bob = newest(&server).await;
    assert_eq!((bob.status, bob.sales[0].price.to_string().as_str()), (LeadStatus::Sold, "0.00"));
}

#[tokio::test]
async fn a_lead_is_replaced_or_paid_back_and_never_both() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, ann) = one_owed(Contract::new(7, &buyers.url("/accept"), "30.00")).await;
    let approve = format!("/leads/{}/returns/7/approve", ann.id);
    assert_sold(&sell(&server, "bob").await);
    let bob = newest(&server).await;
    let instead = server.api_post(&approve, &json!({ "type": "approve_for_credit" })).await;
    assert_eq!(instead.status, 409);
    assert_eq!(
        instead.json()["detail"],
        format!("lead {} was delivered in place of lead {} under contract 7", bob.id, ann.id)
    );
    // What was free is replaced again, and has no price to give back.
    let credit = returned(&server, &bob, "approve_for_credit").await;
    let text = format!(
        "lead {} was delivered free under contract 7 in place of lead {}: it has no price to give back, but may \
         be replaced",
        bob.id, ann.id
    );
    assert_eq!((credit.status.as_u16(), credit.json()["detail"].clone()), (409, json!(text)));
    assert_eq!(returned(&server, &bob, "submit_for_approval").await.status, 201);
    let of_bob = format!("/leads/{}/returns/7/approve", bob.id);
    let credit = server.api_post(&of_bob, &json!({ "type": "approve_for_credit" })).await;
    assert_eq!((credit.status.as_u16(), credit.json()["detail"].clone()), (409, json!(text)));
    assert_eq!(server.api_post(&of_bob, &json!({ "type": "approve_to_replace" })).await.status, 200);
    // Paid back in time, another is owed no more.
    assert_sold(&sell(&server, "carl").await);
    let carl = newest(&server).await;
    assert_eq!(carl.sales[0].replaces, Some(bob.id));
    assert_sold(&sell(&server, "dora").await);
    let dora = newest(&server).await;
    given_back(&server, &dora).await;
    let of_dora = format!("/leads/{}/returns/7/approve", dora.id);
    let paid = server.api_post(&of_dora, &json!({ "type": "approve_for_credit" })).await;
    assert_eq!(paid.status, 200);
    assert_eq!(has(&server).await, is("70.00", json!([])));
    assert_sold(&sell(&server, "eve").await);
    assert_eq!(newest(&server).await.sales[0].replaces, None);
}

#[tokio::test]
async fn a_contract_may_take_replacements_for_good_or_have_none_delivered() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = || Contract::new(7, &buyers.url("/accept"), "30.00");
    let (server, _) = one_owed(contract().with("replacements_non_returnable = true")).await;
    assert_sold(&sell(&server, "bob").await);
    let bob = newest(&server).await;
    assert_eq!(shown(&server, &bob).await["sales"][0]["no_return"], true);
    let refused = returned(&server, &bob, "approve_to_replace").await;
    assert!(refused.text().contains("for good (no_return)"), "{}", refused.text());
    let (server, _) = one_owed(contract().with("replace_returns = false")).await;
    assert_sold(&sell(&server, "bob").await);
    assert_eq!(has(&server).await, is("40.00", owes(1)));
}

#[tokio::test]
async fn a_share_of_nothing_is_nothing_and_a_quote_says_so() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = sharing("direct", &[Contract::new(7, &buyers.url("/accept"), "30.00")]).await;
    assert_sold(&sell(&server, "ann").await);
    given_back(&server, &only(&server).await).await;
    let (id, told) = quoted(&ping(&server, "").await);
    assert_eq!(told, "0.00");
    assert_sold(&sell(&server, "bob").await);
    assert_eq!(
        (newest(&server).await.payout.to_string().as_str(), newest(&server).await.sales.len()),
        ("0.00", 1)
    );
    // Nothing is reserved by a quote: by now the buyer is owed nothing, and pays.
    let post = format!("{}&ckm_ping_id={id}", offered("carl"));
    let reply = server.tracking.post_form("/d.ashx", &post).await;
    assert_sold(&reply);
    assert_eq!(reply.between("<price>", "</price>"), "15.00");
}

#[tokio::test]
async fn a_buyer_that_is_owed_a_lead_has_no_better_place_for_that() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/in-turn/a?of=accept"), "20.00").buyer(HUNDRED),
        Contract::new(8, &buyers.url("/in-turn/b?of=reject,accept,reject,reject"), "30.00"),
    ];
    let changes = [(Part::HostNPostOffer, "payout = \"10.00\"")];
    let server = Server::start(&market_with(&changes, &contracts)).await;
    assert_sold(&sell(&server, "ann").await);
    given_back(&server, &only(&server).await).await;
    assert_sold(&sell(&server, "bob").await);
    assert_eq!(newest(&server).await.sales[0].contract.0, 8);
    assert_sold(&sell(&server, "carl").await);
    let carl = newest(&server).await;
    assert_eq!((carl.sales[0].contract.0, carl.sales[0].price.to_string()), (7, "0.00".to_owned()));
    assert_eq!(carl.payout.to_string(), "10.00");
    assert_eq!(server.api_json("/alerts").await["data"], json!([]), "its margin is that of its price");
}

#[tokio::test]
async fn replays_come_to_the_same_and_a_changed_network_delivers_what_is_owed_by_its_rules() {
    let buyers = MockBuyers::start().await.unwrap();
    let (server, _) = one_owed(Contract::new(7, &buyers.url("/accept"), "30.00")).await;
    for name in ["bob", "carl"] {
        assert_sold(&sell(&server, name).await);
    }
    let (from, to) = (Timestamp::from_micros(0), Timestamp::from_micros(i64::MAX));
    let own = Replaying::new(&server.site.store, &server.site.network, None);
    let own = own.leads(from, to, &mut |_, _| {}).await.unwrap();
    assert_eq!((own.runs, own.different), (3, 0));
    let money = |sums: crumb_intake::selling::replaying::Totals| format!("{} {}", sums.sold, sums.revenue);
    assert_eq!([money(own.then), money(own.now)], ["3 60.00", "3 60.00"]);
    let dearer = Contract::new(7, &buyers.url("/accept"), "40.00").buyer(HUNDRED).to_string();
    let file = crumb_network::parse(&dearer, crumb_network::FileFormat::Toml).unwrap();
    let changed = server.site.network.preview(&file, false).await.unwrap();
    let replaying = Replaying::new(&server.site.store, &server.site.network, Some(changed));
    let report = replaying.leads(from, to, &mut |_, _| {}).await.unwrap();
    assert_eq!(money(report.now), "3 80.00");
}

#[tokio::test]
async fn a_crash_loses_no_replacement_and_delivers_none_twice() {
    let buyers = MockBuyers::start().await.unwrap();
    let status = buyers.url("/status?id=#leadid#");
    let contract = Contract::new(7, &buyers.url("/stall?made=accepted"), "30.00")
        .post(&format!("status_url = \"{status}\""));
    buyers.set("/stall", Behaviour::accept("30.00"));
    let (server, ann) = one_owed(contract).await;
    buyers.set("/stall", Behaviour::Stall { made: Some(crumb_testkit::buyers::Verdict::Accepted) });
    let (client, asked) = (server.tracking.clone(), buyers.seen().requests);
    tokio::spawn(async move { client.post_form("/d.ashx", &offered("bob")).await });
    buyers.wait_for(asked + 1).await.unwrap();
    let server = server.crashed().await;
    assert_eq!(has(&server).await, is("70.00", owes(1)));
    buyers.set("/stall", Behaviour::accept("30.00"));
    assert_sold(&sell(&server, "carl").await);
    assert_eq!(newest(&server).await.sales[0].replaces, None, "the one that is owed may have come");
    server.clock.advance_seconds(60);
    server.selling.look_at_held().await.unwrap();
    let bob = stored(&server).await.remove(1);
    assert_eq!((bob.status, bob.sales[0].replaces), (LeadStatus::Sold, Some(ann.id)));
    assert_eq!(has(&server).await, is("40.00", json!([])));
}
