//! A test lead sent to a buyer: everything is shown, nothing is kept.

use crate::contracts::{Contract, market, market_with, only, sell, stored};
use crumb_storage::SellingStore as _;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;
use crumb_testkit::{Request, Server};
use serde_json::{Value, json};

async fn server(contract: &Contract) -> Server {
    Server::start(&market(std::slice::from_ref(contract))).await
}

async fn sent(server: &Server, body: &Value) -> Value {
    let reply = server.api_post("/contracts/7/test-post", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn a_test_lead_is_sent_and_request_answer_and_what_was_read_are_shown() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract =
        Contract::new(7, &buyers.url("/accept?price=22.50&redirect=https://b.example/hi"), "20.00")
            .post("price = \"xml:/result/price\"\nheaders = { \"X-Api-Key\" = \"topsecret\" }");
    let server = server(&contract).await;
    let shown = sent(&server, &json!({})).await;
    assert_eq!((&shown["contract"], &shown["kind"]), (&json!(7), &json!("test")));
    assert_eq!(
        (&shown["outcome"], &shown["status"], &shown["phase"]),
        (&json!("accepted"), &json!(200), &json!("body"))
    );
    assert!(shown["ms"]["connect"].is_u64() && shown["ms"]["body"].is_u64(), "{shown}");
    assert_eq!(shown["read"]["price"], "22.50");
    assert_eq!(shown["read"]["redirect"], "https://b.example/hi");
    let request = shown["request"].as_str().unwrap();
    assert!(request.contains("zip=94105") && request.contains("X-Api-Key: ********"), "{request}");
    assert!(!shown.to_string().contains("topsecret"));
    assert!(shown["answer"].as_str().unwrap().contains("success"), "{shown}");
    assert_eq!(shown["fields"]["email_address"], "ann.miller@example.com");
    assert_eq!(buyers.count("/accept"), 1);
    let key = buyers.requests()[0].headers.iter().any(|(_, value)| *value == "topsecret");
    assert!(key, "the buyer itself is told");
}

#[tokio::test]
async fn fields_may_be_given_are_kept_in_their_form_and_an_empty_one_is_left_out() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = server(&Contract::new(7, &buyers.url("/accept"), "20.00")).await;
    let fields = json!({ "Email_Address": "bob@example.com", "zip_code": "" });
    let shown = sent(&server, &json!({ "fields": fields, "session": "tok-1" })).await;
    assert_eq!(shown["fields"]["email_address"], "bob@example.com");
    assert_eq!(shown["fields"].get("zip_code"), None);
    let request = shown["request"].as_str().unwrap();
    assert!(
        request.contains("zip=&email=bob%40example.com&") && request.ends_with("session=tok-1"),
        "{request}"
    );
}

#[tokio::test]
async fn a_ping_sends_what_the_ping_lists() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract =
        Contract::new(7, &buyers.url("/accept"), "10.00").ping(&buyers.url("/ping?price=12.00"), "");
    let server = server(&contract).await;
    let shown = sent(&server, &json!({ "kind": "ping" })).await;
    assert_eq!((&shown["kind"], &shown["read"]["price"]), (&json!("ping"), &json!("12.00")));
    assert!(shown["read"]["session"].is_string(), "{shown}");
    assert!(!shown["request"].as_str().unwrap().contains("example.com"), "{shown}");
    assert_eq!((buyers.count("/ping"), buyers.count("/accept")), (1, 0));
}

#[tokio::test]
async fn the_tokens_of_a_test_lead_are_those_of_a_lead_that_the_contract_might_buy() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "20.00").sent(
        "params = [[\"a\", \"#affid#\"], [\"o\", \"#oid#\"], [\"l\", \"#leadid#\"], [\"r\", \"#reqid#\"], \
         [\"i\", \"#ip#\"], [\"j\", \"#sourceip#\"], [\"n\", \"#utcunixtime#\"], [\"d\", \"#sourcedate#\"]]",
    );
    let others = "[[vertical]]\nid = 2\nname = \"Loans\"\n\
        [[offer]]\nid = 50\nname = \"Shop\"\nvertical = 1\nadvertiser = 1\ntype = \"third_party\"\n\
        link = \"https://shop.example/\"\n\
        [[offer]]\nid = 60\nname = \"Loan\"\nvertical = 2\nadvertiser = 1\ntype = \"hosted\"\n\
        link = \"https://lp.example/\"";
    let server = Server::start(&market_with(&[(Part::More, others)], &[contract])).await;
    let shown = sent(&server, &json!({})).await;
    let request = shown["request"].as_str().unwrap();
    let (_, body) = request.rsplit_once("a=1&o=100&l=").unwrap_or_else(|| panic!("{request}"));
    let (lead, rest) = body.split_once("&r=").unwrap();
    let (request_id, rest) = rest.split_once('&').unwrap();
    assert_eq!((lead.len(), request_id.parse::<u64>().is_ok()), (8, true), "{request}");
    assert_eq!(rest, "i=198.51.100.7&j=198.51.100.7&n=1782907200&d=2026-07-01T12%3A00%3A00.0000000");
}

#[tokio::test]
async fn nothing_of_a_test_post_is_kept_and_it_counts_for_nothing() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract =
        Contract::new(7, &buyers.url("/error"), "20.00").with("max_post_errors = 1").row("cap = 1");
    let server = server(&contract).await;
    for _ in 0..12 {
        assert_eq!(sent(&server, &json!({})).await["outcome"], "error");
    }
    assert!(stored(&server).await.is_empty());
    let failures = server.site.store.post_failures(crumb_domain::ContractId(7)).await.unwrap();
    assert_eq!((failures.failed, failures.of), (0, 0));
    assert!(!server.site.network.snapshot().is_switched_off(crumb_domain::ContractId(7)));
    server.apply(&Contract::new(7, &buyers.url("/accept"), "20.00").row("cap = 1").to_string()).await;
    sell(&server, "ann").await;
    assert_eq!(only(&server).await.sales.len(), 1, "cap and breaker know nothing of the tests");
}

#[tokio::test]
async fn a_contract_that_does_not_buy_can_be_tried_too() {
    let buyers = MockBuyers::start().await.unwrap();
    let server =
        server(&Contract::new(7, &buyers.url("/accept"), "20.00").with("status = \"inactive\"")).await;
    assert_eq!(sent(&server, &json!({})).await["outcome"], "accepted");
}

#[tokio::test]
async fn a_private_address_is_refused_as_for_any_lead() {
    let server = server(&Contract::new(7, "http://10.1.2.3/", "20.00")).await;
    let shown = sent(&server, &json!({})).await;
    assert_eq!((&shown["outcome"], &shown["phase"]), (&json!("broken"), &json!("resolve")));
    assert!(shown["error"].as_str().unwrap().contains("private"), "{shown}");
}

#[tokio::test]
async fn what_cannot_be_tried_is_refused_with_its_place() {
    let server = server(&Contract::new(7, "http://127.0.0.1:1/", "20.00")).await;
    let refused = |body: Value| {
        let server = &server;
        async move {
            let reply = server.api_post("/contracts/7/test-post", &body).await;
            assert_eq!(reply.status, 400, "{}", reply.text());
            let error = &reply.json()["errors"][0];
            format!("{}: {}", error["path"].as_str().unwrap(), error["message"].as_str().unwrap())
        }
    };
    assert_eq!(refused(json!({ "kind": "ping" })).await, "kind: contract 7 has no ping");
    let unknown = refused(json!({ "fields": { "zip": "94105" } })).await;
    assert_eq!(unknown, "fields.zip: vertical 1 has no such field");
    let wrong = refused(json!({ "fields": { "EMAIL_address": "nobody" } })).await;
    assert!(wrong.starts_with("fields.email_address: "), "{wrong}");
    assert_eq!(refused(json!({ "fild": {} })).await, "fild: there is no such member");
    for id in ["8", "x"] {
        assert_eq!(server.api_post(&format!("/contracts/{id}/test-post"), &json!({})).await.status, 404);
    }
}

#[tokio::test]
async fn only_those_who_may_change_things_send_test_posts() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = server(&Contract::new(7, &buyers.url("/accept"), "20.00")).await;
    for (role, status) in
        [("admin", 200), ("manager", 200), ("reader", 403), ("affiliate:12", 403), ("buyer:7", 403)]
    {
        let key = server.api_key(role).await;
        let request = Request::post("/api/v1/contracts/7/test-post", "application/json", "").bearer(&key);
        assert_eq!(server.admin.send(request).await.status, status, "{role}");
    }
}
