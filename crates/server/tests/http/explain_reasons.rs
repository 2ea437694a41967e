//! Which reason a contract is given, with the values that were compared.

use crate::contracts::*;
use crumb_testkit::Server;
use crumb_testkit::buyers::{Behaviour, MockBuyers};
use crumb_testkit::network::Part;
use serde_json::{Value, json};

/// What is said of the contracts of the newest lead.
async fn explained(server: &Server) -> Vec<Value> {
    let shown = server.api_json(&format!("/leads/{}/explain", newest(server).await.id)).await;
    shown["contracts"].as_array().unwrap().clone()
}

fn of(contracts: &[Value], id: u32) -> &Value {
    contracts.iter().find(|one| one["contract"] == id).unwrap()
}

const ZIP: &str = "filter = [{ field = \"zip_code\", op = \"in\", value = \"10001|10002\" }]";

#[tokio::test]
async fn the_later_reasons_come_in_their_order_too() {
    let buyers = MockBuyers::start().await.unwrap();
    let poor = "credit = { type = \"prepaid\", balance = \"0.00\" }";
    // Of each, the first that fails is told: cap, credit, filter, margin.
    let all = [
        Contract::new(7, &buyers.url("/accept"), "1.00").buyer(poor).with(ZIP).row("cap = 0"),
        Contract::new(8, &buyers.url("/accept"), "1.00").buyer(poor).with(ZIP),
        Contract::new(9, &buyers.url("/accept"), "1.00").with(ZIP),
        Contract::new(10, &buyers.url("/accept"), "1.00"),
    ];
    let server = Server::start(&market(&all)).await;
    assert_unsold(&sell(&server, "ann").await);
    let contracts = explained(&server).await;
    let told = |id| (of(&contracts, id)["result"].clone(), of(&contracts, id)["values"].clone());
    assert_eq!(told(7), (json!("cap_reached"), json!({ "count": 0, "cap": 0 })));
    assert_eq!(told(8), (json!("no_credit"), json!({ "available": "0.00", "price": "1.00" })));
    assert_eq!(told(9).0, json!("filter_unmatched"));
    assert_eq!((&told(9).1["field"], &told(9).1["found"]), (&json!("zip_code"), &json!("90210")));
    assert_eq!(told(10).0, json!("margin_too_small"));
    assert_eq!((&told(10).1["revenue"], &told(10).1["payout"]), (&json!("1.00"), &json!("2.00")));
    for contract in &contracts {
        let text = contract["text"].as_str().unwrap();
        assert!(!text.is_empty() && contract["attempts"] == json!([]), "{contract}");
    }
}

#[tokio::test]
async fn a_reached_cap_is_told_with_its_count() {
    let buyers = MockBuyers::start().await.unwrap();
    let server =
        Server::start(&market(&[Contract::new(7, &buyers.url("/accept"), "9.00").row("cap = 2")])).await;
    for name in ["ann", "bob", "cid"] {
        sell(&server, name).await;
    }
    let contracts = explained(&server).await;
    assert_eq!(of(&contracts, 7)["result"], "cap_reached");
    assert_eq!(of(&contracts, 7)["text"], "2 of 2 today");
}

#[tokio::test]
async fn contracts_of_the_vertical_are_listed_and_no_others() {
    let buyers = MockBuyers::start().await.unwrap();
    let vertical = "[[vertical]]\nid = 2\nname = \"Other\"\n[[vertical.field]]\nname = \"email_address\"\ntype = \"email\"\n";
    let other =
        Contract::new(9, &buyers.url("/accept"), "9.00").to_string().replace("vertical = 1", "vertical = 2");
    let all = [
        Contract::new(7, &buyers.url("/accept"), "9.00"),
        Contract::new(8, &buyers.url("/accept"), "8.00").with("offer = 100"),
    ];
    let server = Server::start(&(market(&all) + vertical + &other)).await;
    assert_sold(&sell(&server, "ann").await);
    let contracts = explained(&server).await;
    let listed: Vec<&Value> = contracts.iter().map(|one| &one["contract"]).collect();
    assert_eq!(listed, [&json!(7), &json!(8)]);
    assert_eq!(
        (&of(&contracts, 7)["result"], &of(&contracts, 8)["result"]),
        (&json!("sold"), &json!("wrong_offer"))
    );
}

#[tokio::test]
async fn each_attempt_says_how_far_it_came() {
    let buyers = MockBuyers::start().await.unwrap();
    let port = buyers.address().port();
    let all = [
        Contract::new(7, &format!("https://127.0.0.1:{port}/accept"), "60.00"),
        Contract::new(8, &buyers.url("/reject"), "50.00"),
        Contract::new(9, &buyers.url("/cut-before"), "40.00").with("unknown_is = \"rejected\""),
        Contract::new(10, &buyers.url("/stall"), "30.00")
            .with("unknown_is = \"rejected\"")
            .post("timeout_ms = 200"),
        Contract::new(11, &buyers.url("/slow-body?ms=20000"), "20.00")
            .with("unknown_is = \"rejected\"")
            .post("timeout_ms = 200"),
    ];
    let server = Server::start(&market(&all)).await;
    assert_unsold(&sell(&server, "ann").await);
    let contracts = explained(&server).await;
    for (id, result, phases) in [
        (7, "post_error", &["tls"][..]),
        (8, "post_rejected", &["body"]),
        // The reset may be met while the request is still being written.
        (9, "post_unknown", &["write", "head"]),
        (10, "post_unknown", &["head"]),
        (11, "post_unknown", &["body"]),
    ] {
        let contract = of(&contracts, id);
        assert_eq!(contract["result"], result, "{contract}");
        let attempts = contract["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 1);
        assert!(phases.contains(&attempts[0]["phase"].as_str().unwrap()), "{contract}");
        assert_eq!(attempts[0]["kind"], "post");
    }
}

#[tokio::test]
async fn a_connection_that_never_comes_about_is_a_time_out_before_a_byte_was_sent() {
    let buyers = MockBuyers::start().await.unwrap();
    // A listener that accepts nobody, and whose queue is full.
    let listener = tokio::net::TcpSocket::new_v4().unwrap();
    listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listener.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    let patience = std::time::Duration::from_millis(300);
    while let Ok(Ok(stream)) = tokio::time::timeout(patience, tokio::net::TcpStream::connect(address)).await {
        queued.push(stream);
    }
    let all = [
        Contract::new(7, &format!("http://{address}/accept"), "30.00").post("timeout_ms = 200"),
        Contract::new(8, &buyers.url("/accept"), "20.00"),
    ];
    let server = Server::start(&market(&all)).await;
    assert_sold(&sell(&server, "ann").await);
    let contracts = explained(&server).await;
    assert_eq!(
        (&of(&contracts, 7)["result"], &of(&contracts, 8)["result"]),
        (&json!("post_timeout"), &json!("sold"))
    );
    assert_eq!(of(&contracts, 7)["attempts"][0]["phase"], "connect");
}

#[tokio::test]
async fn a_buyer_that_had_the_lead_in_an_earlier_run_has_already_bought_or_was_sent_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let changes = [(Part::HostNPostOffer, "queue_failures = true\npayout = \"2.00\"")];
    let all = [
        Contract::new(7, &buyers.url("/buyer"), "30.00"),
        Contract::new(8, &buyers.url("/accept"), "20.00").open("09:00", "17:00"),
    ];
    let server = Server::start(&market_with(&changes, &all)).await;
    buyers.set("/buyer", Behaviour::reject());
    assert_unsold(&sell(&server, "ann").await);
    server.clock.set("2026-07-01T13:00:00Z");
    until(&server, crumb_domain::lead::LeadStatus::Sold).await;
    let contracts = explained(&server).await;
    assert_eq!(
        (&of(&contracts, 7)["result"], &of(&contracts, 8)["result"]),
        (&json!("already_bought"), &json!("sold"))
    );
    assert_eq!(buyers.count("/buyer"), 1);
}
