//! What is kept of a run: everything that it was given, and everything that happened.

use crate::contracts::*;
use crate::posts::{ANN, HOST_N_POST, post};
use crumb_domain::{Clock as _, ContractId};
use crumb_intake::selling::is_replayable;
use crumb_storage::selling::SellingStore as _;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;
use serde_json::{Value, json};

#[tokio::test]
async fn everything_that_a_run_was_given_is_kept_with_its_lead_and_every_answer_with_its_time() {
    let buyers = MockBuyers::start().await.unwrap();
    let credit = "credit = { type = \"prepaid\", balance = \"100.00\", limit = \"5.00\" }";
    let contracts = [
        Contract::new(7, &buyers.url("/in-turn/a?of=accept,reject"), "30.00")
            .ping(&buyers.url("/ping?price=31.00"), "")
            .row("cap = 9")
            .buyer(credit),
        Contract::new(8, &buyers.url("/accept"), "20.00"),
        Contract::new(9, &buyers.url("/stall"), "10.00").ping(&buyers.url("/stall"), "timeout_ms = 50"),
    ];
    let changes = [(Part::HostNPostOffer, "distribution = \"async_ping\"\npayout = \"2.00\"")];
    let server = Server::start(&market_with(&changes, &contracts)).await;
    assert_sold(&sell(&server, "bob").await);
    let sold_at = server.clock.now();
    server.clock.advance_seconds(60);
    // Two time-outs more, and the third buyer is left alone.
    for name in ["carl", "dora", "eve", "finn"] {
        sell(&server, name).await;
    }
    assert_sold(&post(&server, &[HOST_N_POST, ANN, "state=CA"]).await);
    let lead = newest(&server).await;
    let run = server.site.store.runs_of(lead.row).await.unwrap().remove(0);
    assert!(is_replayable(&run));
    assert_eq!(run.config_version, server.site.network.snapshot().version());
    let inputs: Value = serde_json::from_str(&run.inputs).unwrap();
    assert_eq!((&inputs["lead"], &inputs["begun_at"]), (&json!(lead.id), &json!(server.clock.now())));
    assert!(inputs["fields"].as_array().unwrap().contains(&json!(["state", "CA"])), "{inputs}");
    assert!(inputs["seed"].is_u64() && inputs["deadline"].is_string(), "{inputs}");
    let facts = &inputs["facts"];
    assert_eq!(facts[0]["contract"], 7);
    assert_eq!(facts[0]["counts"][0][1], 1, "{facts}");
    // 100.00 and the limit of 5.00, less the one lead at 31.00.
    assert_eq!((&facts[0]["available"], &facts[0]["last_sold"]), (&json!("74.00"), &json!(sold_at)));
    assert_eq!((&facts[2]["contract"], &facts[2]["breaker_open"]), (&json!(9), &json!(true)));
    assert_eq!((&inputs["earlier"], &inputs["sold_exclusively"]), (&json!([]), &json!(false)));
    let events: Vec<Value> = serde_json::from_str(&run.events).unwrap();
    let told: Vec<(&str, i64)> = events
        .iter()
        .map(|one| (one["event"].as_str().unwrap(), one["contract"].as_i64().unwrap_or_default()))
        .collect();
    let expected =
        [("begin", 0), ("pinged", 7), ("reserved", 7), ("posted", 7), ("reserved", 8), ("posted", 8)];
    assert_eq!(told, expected);
    assert!(events.iter().all(|one| one["at"].is_string()), "each has its time: {events:?}");
    assert_eq!(events[1]["answer"]["price"], json!({ "amount": "31.00" }));
    let attempts = server.site.store.attempts_of(lead.row).await.unwrap();
    let asked: Vec<ContractId> = attempts.iter().map(|attempt| attempt.contract).collect();
    assert_eq!(asked, [ContractId(7), ContractId(7), ContractId(8)]);
    assert!(attempts.iter().all(|attempt| attempt.ms.head.is_some()), "and its latency: {attempts:?}");
}
