//! Why a contract bought a lead, or did not.

use crate::posts::lead_id;
use crate::selling::{LATER, NOW, contract, post};
use crumb_domain::lead::LeadStatus;
use crumb_storage::{LeadStore as _, SellingStore as _};
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::{Part, small_with};
use crumb_testkit::{Request, Server};
use serde_json::json;

async fn selling_to(contracts: &str) -> Server {
    Server::start(&small_with(&[(Part::More, contracts)])).await
}

#[tokio::test]
async fn every_contract_of_the_vertical_is_listed_with_its_result_and_what_was_sent() {
    let buyers = MockBuyers::start().await.unwrap();
    let dear = contract(8, &buyers.url("/reject"), "30.00", "");
    let cheap = contract(7, &buyers.url("/accept/7?price=20.00"), "20.00", "");
    let dull = contract(9, &buyers.url("/accept/9"), "10.00", "status = \"inactive\"");
    let server = selling_to(&(dear + &cheap + &dull)).await;
    let id = lead_id(&post(&server, NOW, "ann@example.com").await);
    let explained = server.api_json(&format!("/leads/{id}/explain")).await;
    assert_eq!((&explained["runs"], &explained["replayable"]), (&json!(1), &json!(true)));
    assert_eq!(explained["earlier"], json!([]));
    let contracts = explained["contracts"].as_array().unwrap();
    let of = |id: u32| contracts.iter().find(|one| one["contract"] == id).unwrap();
    assert_eq!(contracts.len(), 3);
    assert_eq!(of(8)["result"], "post_rejected");
    assert_eq!(of(9)["result"], "contract_inactive");
    assert_eq!(of(9)["text"], "The contract is inactive.");
    assert_eq!((&of(9)["values"], &of(9)["attempts"]), (&json!({}), &json!([])));
    let sold = of(7);
    assert_eq!((&sold["result"], &sold["text"]), (&json!("sold"), &json!("Bought for 20.00.")));
    assert_eq!(sold["values"], json!({ "price": "20.00" }));
    let attempts = sold["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1);
    let attempt = &attempts[0];
    assert_eq!(
        (&attempt["kind"], &attempt["phase"], &attempt["status"]),
        (&json!("post"), &json!("body"), &json!(200))
    );
    assert!(attempt["ms"]["connect"].is_u64() && attempt["ms"]["body"].is_u64(), "{attempt}");
    assert!(attempt["request"].as_str().unwrap().contains("zip=90210"), "{attempt}");
    assert!(attempt["answer"].as_str().unwrap().contains("success"), "{attempt}");
    assert_eq!(attempt["outcome"], "accepted");
}

#[tokio::test]
async fn what_was_read_from_an_answer_is_shown() {
    let buyers = MockBuyers::start().await.unwrap();
    let reading =
        contract(7, &buyers.url("/accept?price=22.50&redirect=https://buyer.example/hi"), "20.00", "")
            + "price = \"xml:/result/price\"\n";
    let server = selling_to(&reading).await;
    let id = lead_id(&post(&server, NOW, "ann@example.com").await);
    let explained = server.api_json(&format!("/leads/{id}/explain")).await;
    let read = &explained["contracts"][0]["attempts"][0]["read"];
    assert_eq!(*read, json!({ "price": "22.50", "redirect": "https://buyer.example/hi" }));
}

#[tokio::test]
async fn a_lead_that_was_never_offered_has_no_runs_and_no_contracts() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = selling_to(&contract(7, &buyers.url("/accept"), "20.00", "")).await;
    let id = lead_id(&post(&server, &format!("{NOW}&ckm_test=1"), "ann@example.com").await);
    let explained = server.api_json(&format!("/leads/{id}/explain")).await;
    let expected = json!({ "contracts": [], "runs": 0, "replayable": false, "earlier": [] });
    assert_eq!(explained, expected);
}

#[tokio::test]
async fn the_latest_run_is_shown_with_the_earlier_ones_behind_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = selling_to(&contract(7, &buyers.url("/reject/7"), "20.00", "")).await;
    let reply = post(&server, LATER, "ann@example.com").await;
    let id = lead_id(&reply);
    let row = server.site.store.lead(id.parse().unwrap()).await.unwrap().unwrap().row;
    while server.site.store.runs_of(row).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    // Another buyer comes: the lead, which waits, is offered again.
    server.apply(&contract(8, &buyers.url("/accept/8"), "30.00", "")).await;
    until_sold(&server, &id).await;
    let explained = server.api_json(&format!("/leads/{id}/explain")).await;
    assert_eq!(explained["runs"], 2);
    let of = |run: &serde_json::Value, id: u32| {
        let contracts = run["contracts"].as_array().unwrap();
        contracts.iter().find(|one| one["contract"] == id).cloned().unwrap()
    };
    let (latest, earlier) = (&explained, &explained["earlier"][0]);
    assert_eq!(of(latest, 8)["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&of(latest, 7)["result"], &of(latest, 7)["attempts"]),
        (&json!("already_bought"), &json!([]))
    );
    assert_eq!((&earlier["run"], &earlier["replayable"]), (&json!(1), &json!(true)));
    assert_eq!(of(earlier, 7)["result"], "post_rejected");
    assert_eq!(of(earlier, 7)["attempts"].as_array().unwrap().len(), 1);
}

pub(crate) async fn until_sold(server: &Server, id: &str) {
    loop {
        let lead = server.site.store.lead(id.parse().unwrap()).await.unwrap().unwrap();
        if lead.status == LeadStatus::Sold {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn only_the_networks_own_people_are_told() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = selling_to(&contract(7, &buyers.url("/accept"), "20.00", "")).await;
    let id = lead_id(&post(&server, NOW, "ann@example.com").await);
    let roles = [
        ("admin", 200),
        ("manager", 200),
        ("reader", 200),
        ("affiliate:12", 403),
        ("buyer:7", 403),
        ("affiliate:13", 404),
        ("buyer:8", 404),
    ];
    for (role, status) in roles {
        let key = server.api_key(role).await;
        let asked = Request::get(&format!("/api/v1/leads/{id}/explain")).bearer(&key);
        assert_eq!(server.admin.send(asked).await.status, status, "{role}");
    }
    assert_eq!(server.api("/leads/AAAAAAAA/explain").await.status, 404);
}
