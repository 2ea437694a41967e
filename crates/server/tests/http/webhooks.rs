//! What the network's own systems are told, by signed messages, through a running server.

use crate::contracts::*;
use crate::conversions::{converted, shop};
use crate::posts::{ANN, BOB, HOSTED, accepted, refused};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crumb_domain::lead::LeadStatus;
use crumb_domain::{Clock as _, ContractId};
use crumb_storage::OutboxStore as _;
use crumb_testkit::Server;
use crumb_testkit::buyers::{Answer, MockBuyer, MockBuyers};
use crumb_testkit::network::Part;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A webhook's receiver.
async fn receiver() -> MockBuyer {
    MockBuyer::start(Answer::exactly("text/plain", "")).await.unwrap()
}

/// Webhook 3, which is told of these events.
fn webhook(receiver: &MockBuyer, events: &str) -> String {
    format!(
        "\n[[webhook]]\nid = 3\nname = \"Warehouse\"\nurl = \"{}\"\nsecret = \"{SECRET}\"\nevents = [{events}]\n",
        receiver.url()
    )
}

/// Waits until nothing waits to be delivered.
async fn all_told(server: &Server) {
    while server.site.store.waiting_deliveries().await.unwrap().count > 0 {
        tokio::task::yield_now().await;
    }
}

/// The messages that came, each verified as receivers do it, oldest first.
async fn messages(server: &Server, receiver: &MockBuyer) -> Vec<Value> {
    all_told(server).await;
    let key = BASE64_STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let verified = receiver.requests().into_iter().map(|request| {
        let header = |name: &str| request.header(name).unwrap().to_owned();
        let (id, seconds) = (header("webhook-id"), header("webhook-timestamp"));
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{id}.{seconds}.{}", request.text()).as_bytes());
        let signed = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(header("webhook-signature"), signed);
        let message: Value = serde_json::from_str(&request.text()).unwrap();
        assert!(message["timestamp"].as_str().unwrap().ends_with('Z'), "{message}");
        message
    });
    verified.collect()
}

/// The `data` of messages, all of which are of one event.
fn data_of(messages: &[Value], event: &str) -> Vec<Value> {
    assert!(messages.iter().all(|message| message["type"] == event), "{messages:?}");
    messages.iter().map(|message| message["data"].clone()).collect()
}

/// A market with a webhook.
async fn telling(events: &str, parts: &[(Part, &str)], contracts: &[Contract]) -> (Server, MockBuyer) {
    let receiver = receiver().await;
    let network = market_with(parts, contracts) + &webhook(&receiver, events);
    (Server::start(&network).await, receiver)
}

#[tokio::test]
async fn a_lead_that_is_sold_is_told_once_with_its_sale_and_nobody_is_named() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00");
    let (server, receiver) = telling("\"lead.sold\", \"lead.rejected\"", &[], &[contract]).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    let told = data_of(&messages(&server, &receiver).await, "lead.sold");
    let expected = json!({
        "lead": lead.id,
        "request_id": server.site.request_id(lead.session),
        "offer": 200,
        "vertical": 1,
        "affiliate": 12,
        "campaign": 58,
        "payout": lead.payout.to_string(),
        "revenue": "30.00",
        "sales": [{ "contract": 7, "buyer": 7, "price": "30.00", "type": "exclusive", "replaces": null }],
    });
    assert_eq!(told, [expected]);
    assert!(!receiver.requests()[0].text().contains("ann"), "nobody is named");
    let rows = server.api_json("/deliveries").await["data"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    assert_eq!((&rows[0]["destination"], &rows[0]["kind"]), (&json!("webhook:3"), &json!("webhook")));
    let key = server.api_key("affiliate:12").await;
    let seen = crate::returns::get_as(&server, &key, "/deliveries").await;
    assert_eq!(seen.json()["data"], json!([]), "no affiliate sees what the network is told");
}

#[tokio::test]
async fn a_hosted_lead_is_told_when_the_queue_has_sold_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00");
    let (server, receiver) = telling("\"lead.sold\"", &[], &[contract]).await;
    server.tracking.post_form("/d.ashx", &format!("{HOSTED}&{BOB}")).await;
    while stored(&server).await[0].sales.is_empty() {
        tokio::task::yield_now().await;
    }
    let told = data_of(&messages(&server, &receiver).await, "lead.sold");
    assert_eq!((told.len(), &told[0]["offer"]), (1, &json!(100)));
}

#[tokio::test]
async fn a_lead_that_nobody_bought_is_told_as_rejected() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/reject"), "30.00");
    let (server, receiver) = telling("\"lead.sold\", \"lead.rejected\"", &[], &[contract]).await;
    assert_unsold(&sell(&server, "ann").await);
    let told = data_of(&messages(&server, &receiver).await, "lead.rejected");
    let lead = only(&server).await;
    assert_eq!((told.len(), &told[0]["lead"]), (1, &json!(lead.id)));
    assert_eq!(told[0]["outcome"], "no_qualified_buyers");
}

#[tokio::test]
async fn a_refused_post_is_told_as_rejected_but_not_a_strangers_or_a_test() {
    let (server, receiver) = telling("\"lead.rejected\"", &[], &[]).await;
    for (body, expected) in [
        (format!("{HOSTED}&email_address=bob@example.com"), Some("lead_missing_data")),
        (format!("{HOSTED}&ckm_test=1&email_address=bob@example.com"), None),
        ("ckm_campaign_id=57&ckm_key=wrong&zip_code=90210".to_owned(), None),
    ] {
        let before = messages(&server, &receiver).await.len();
        server.tracking.post_form("/d.ashx", &body).await;
        let told = messages(&server, &receiver).await.split_off(before);
        let outcomes: Vec<Value> =
            data_of(&told, "lead.rejected").into_iter().map(|data| data["outcome"].clone()).collect();
        assert_eq!(outcomes, expected.into_iter().collect::<Vec<_>>(), "{body}");
    }
    let visitor = server.visitor();
    visitor.click("/?a=-1&c=1057").await;
    let of_test_link = "ckm_offer_id=100&ckm_bp=0&email_address=bob@example.com";
    assert!(visitor.post_form("/d.ashx", of_test_link).await.text().contains("Lead Missing Data"));
    assert_eq!(messages(&server, &receiver).await.len(), 1, "nor one of a test link");
    // What only the store can tell: that it came before.
    let body = format!("{HOSTED}&{BOB}");
    server.tracking.post_form("/d.ashx", &body).await;
    server.tracking.post_form("/d.ashx", &body).await;
    let told = messages(&server, &receiver).await;
    let last = &told.last().unwrap()["data"];
    assert_eq!((told.len(), &last["outcome"], &last["lead"]), (2, &json!("duplicate_lead"), &Value::Null));
    let rejections = server.api_json("/rejections?sort=-id").await;
    assert_eq!(last["post"], rejections["data"][0]["id"]);
}

#[tokio::test]
async fn a_refused_post_that_is_not_kept_is_not_told_either() {
    let (server, receiver) = telling("\"lead.rejected\"", &[], &[]).await;
    for _ in 0..62 {
        server.tracking.post_form("/d.ashx", &format!("{HOSTED}&email_address=bob@example.com")).await;
    }
    // Nor one that is refused only once it is written.
    accepted(&server, &[HOSTED, ANN]).await;
    refused(&server, &[HOSTED, ANN], &["Duplicate Lead"]).await;
    assert_eq!(
        messages(&server, &receiver).await.len(),
        60,
        "a script gone wrong is told of sixty times a minute"
    );
}

#[tokio::test]
async fn a_lead_that_waited_and_that_nobody_buys_any_more_is_told_as_rejected_and_may_come_again() {
    let buyers = MockBuyers::start().await.unwrap();
    let closed = Contract::new(7, &buyers.url("/accept"), "30.00").open("09:00", "17:00");
    let queues = |queues: bool| format!("queue_failures = {queues}\npayout = \"2.00\"");
    // Its contract is inactive; or there is none any more that could be asked.
    let inactive = (closed.clone().with("status = \"inactive\"").to_string(), "");
    let loans = "\n[[vertical]]\nid = 2\nname = \"Loans\"\n";
    let of_loans = (closed.to_string().replacen("vertical = 1", "vertical = 2", 1), loans);
    for (gone, more) in [inactive, of_loans] {
        let receiver = receiver().await;
        let network = |waits: bool, contract: &str, more: &str| {
            let parts = [(Part::HostNPostOffer, queues(waits)), (Part::More, contract.to_owned())];
            let parts = parts.each_ref().map(|(part, text)| (*part, text.as_str()));
            market_with(&parts, &[]) + &webhook(&receiver, "\"lead.rejected\"") + more
        };
        let server = Server::start(&network(true, &closed.to_string(), "")).await;
        assert_unsold(&sell(&server, "ann").await);
        assert_eq!(only(&server).await.status, LeadStatus::Queued);
        assert!(messages(&server, &receiver).await.is_empty());
        server.apply(&network(false, &gone, more)).await;
        server.selling.wake();
        while only(&server).await.status == LeadStatus::Queued {
            tokio::task::yield_now().await;
        }
        let told = data_of(&messages(&server, &receiver).await, "lead.rejected");
        assert_eq!((told.len(), &told[0]["outcome"]), (1, &json!("no_qualified_buyers")), "{gone}");
        let again = sell(&server, "ann").await;
        assert!(again.text().contains("No Qualified Buyers Found"), "no duplicate: {}", again.text());
    }
}

#[tokio::test]
async fn a_lead_that_a_field_threw_out_is_told_as_rejected() {
    let throw_out = (Part::ZipCode, "server_decision = \"throw_out\"");
    let (server, receiver) = telling("\"lead.rejected\"", &[throw_out], &[]).await;
    server.tracking.post_form("/d.ashx", &format!("{HOSTED}&email_address=bob@example.com&zip_code=x")).await;
    let told = data_of(&messages(&server, &receiver).await, "lead.rejected");
    assert_eq!((told.len(), &told[0]["outcome"]), (1, &json!("thrown_out")));
}

#[tokio::test]
async fn a_new_conversion_is_told_once_and_the_cap_that_it_fills() {
    let receiver = receiver().await;
    let caps = "caps = [{ of = \"conversion\", interval = \"day\", limit = 2 }]";
    let network = shop(caps, "") + &webhook(&receiver, "\"conversion.created\", \"cap.reached\"");
    let server = Server::start(&network).await;
    let mut told = Vec::new();
    for _ in 0..3 {
        let id = server.visitor().click("/?a=12&c=4001").await;
        crate::conversions::postback(&server, &format!("r={id}")).await;
        crate::conversions::postback(&server, &format!("r={id}")).await;
        let mut types: Vec<Value> = messages(&server, &receiver).await;
        let new = types.split_off(told.len());
        told.extend(new);
    }
    let types: Vec<&str> = told.iter().map(|message| message["type"].as_str().unwrap()).collect();
    let mut sorted = types.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["cap.reached", "conversion.created", "conversion.created"]);
    let conversion = &told[0]["data"];
    let kept = server.api_json("/conversions?sort=id").await["data"][0].clone();
    assert_eq!((&conversion["conversion"], &conversion["request_id"]), (&kept["id"], &kept["request_id"]));
    assert_eq!((&conversion["payout"], &conversion["received"]), (&json!("12.00"), &json!("25.00")));
    assert_eq!((&conversion["offer"], &conversion["affiliate"]), (&json!(400), &json!(12)));
    let cap = told.iter().find(|message| message["type"] == "cap.reached").unwrap();
    assert_eq!((&cap["data"]["scope"], &cap["data"]["limit"]), (&json!("offer"), &json!(2)));
}

#[tokio::test]
async fn a_conversion_over_its_cap_is_told_once_when_a_person_approves_it() {
    let receiver = receiver().await;
    let caps = "caps = [{ of = \"conversion\", interval = \"day\", limit = 0 }]";
    let network = shop(caps, "") + &webhook(&receiver, "\"conversion.created\"");
    let server = Server::start(&network).await;
    for (told, facts) in
        [["approve", "reject", "approve"], ["reject", "approve", "return"]].iter().enumerate()
    {
        let click = server.visitor().click("/?a=12&c=4001").await;
        crate::conversions::postback(&server, &format!("r={click}")).await;
        let kept = server.api_json("/conversions").await["data"][0].clone();
        assert_eq!((&kept["request_id"], messages(&server, &receiver).await.len()), (&json!(click), told));
        for fact in facts {
            let path = format!("/conversions/{}/{fact}", kept["id"].as_str().unwrap());
            assert_eq!(server.api_post(&path, &json!({})).await.status.as_u16(), 200, "{fact}");
        }
        let all = data_of(&messages(&server, &receiver).await, "conversion.created");
        assert_eq!(all.len(), told + 1, "{facts:?}");
        assert_eq!(all[told]["conversion"], kept["id"]);
        assert_eq!((&all[told]["payout"], &all[told]["disposition"]), (&json!("12.00"), &json!("approved")));
    }
    let click = server.visitor().click("/?a=12&c=4001").await;
    let row = json!([{ "request_id": click, "event": 1, "disposition": "rejected" }]);
    assert_eq!(server.api_post("/conversions", &json!({ "conversions": row })).await.status.as_u16(), 201);
    let kept = server.api_json("/conversions").await["data"][0].clone();
    assert_eq!(messages(&server, &receiver).await.len(), 3, "what is brought in is told as it is");
    let path = format!("/conversions/{}/approve", kept["id"].as_str().unwrap());
    assert_eq!(server.api_post(&path, &json!({})).await.status.as_u16(), 200);
    assert_eq!(messages(&server, &receiver).await.len(), 3);
}

#[tokio::test]
async fn a_lead_that_a_pixel_alone_has_named_is_told_of_once_a_person_approves_it() {
    let (server, receiver) = telling("\"conversion.created\"", &[], &[]).await;
    let click = server.visitor().click("/?a=12&c=2001").await;
    refused(
        &server,
        &["ckm_offer_id=200", ANN, &format!("ckm_request_id={click}")],
        &["No Qualified Buyers Found"],
    )
    .await;
    converted(&server, &format!("r={click}")).await;
    let named = server.api_json("/conversions").await["data"][0].clone();
    assert_eq!((&named["disposition"], messages(&server, &receiver).await.len()), (&json!("rejected"), 0));
    for (fact, body) in [
        ("adjust", json!({ "payout": "3.00" })),
        ("approve", json!({})),
        ("reject", json!({})),
        ("approve", json!({})),
    ] {
        let path = format!("/conversions/{}/{fact}", named["id"].as_str().unwrap());
        assert_eq!(server.api_post(&path, &body).await.status.as_u16(), 200, "{fact}");
    }
    let all = data_of(&messages(&server, &receiver).await, "conversion.created");
    assert_eq!(all.len(), 1);
    assert_eq!((&all[0]["conversion"], &all[0]["payout"]), (&named["id"], &json!("3.00")));
}

#[tokio::test]
async fn the_caps_of_a_contract_and_of_leads_are_told_by_the_sale_that_fills_them() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract =
        Contract::new(7, &buyers.url("/in-turn?of=accept,reject,accept,reject"), "30.00").row("cap = 2");
    let caps = (Part::HostNPostOffer, "caps = [{ of = \"lead\", interval = \"total\", limit = 2 }]");
    let (server, receiver) = telling("\"cap.reached\"", &[caps], &[contract]).await;
    assert_sold(&sell(&server, "ann").await);
    assert_unsold(&sell(&server, "bob").await);
    assert!(messages(&server, &receiver).await.is_empty(), "a place that was free again fills nothing");
    assert_sold(&sell(&server, "cid").await);
    let mut told = data_of(&messages(&server, &receiver).await, "cap.reached");
    told.sort_by_key(|data| data["scope"].to_string());
    let [contract, offer] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((&contract["scope"], &contract["contract"]), (&json!("contract"), &json!(7)));
    assert_eq!((&contract["of"], &contract["limit"]), (&json!("sale"), &json!(2)));
    assert_eq!((&offer["scope"], &offer["offer"]), (&json!("offer"), &json!(200)));
    assert_eq!((&offer["of"], &offer["interval"]), (&json!("lead"), &json!("total")));
}

#[tokio::test]
async fn a_hosted_lead_that_fills_a_cap_tells_it_as_it_is_accepted() {
    let caps = (Part::HostedOffer, "caps = [{ of = \"lead\", interval = \"day\", limit = 1 }]");
    let (server, receiver) = telling("\"cap.reached\"", &[caps], &[]).await;
    for name in ["ann", "bob"] {
        let body = format!("{HOSTED}&email_address={name}@example.com&zip_code=90210");
        server.tracking.post_form("/d.ashx", &body).await;
    }
    let told = data_of(&messages(&server, &receiver).await, "cap.reached");
    assert_eq!((told.len(), &told[0]["offer"], &told[0]["campaign"]), (1, &json!(100), &Value::Null));
}

#[tokio::test]
async fn a_return_is_told_when_it_is_made_and_its_reason_is_not() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00");
    let (server, receiver) = telling("\"return.created\"", &[], &[contract]).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    let body = json!({ "reason": "ann has no car", "type": "submit_for_approval" });
    assert_eq!(server.api_post(&format!("/leads/{}/returns", lead.id), &body).await.status, 201);
    let told = data_of(&messages(&server, &receiver).await, "return.created");
    assert_eq!(
        told,
        [json!({
            "lead": lead.id, "contract": 7, "buyer": 7, "price": "30.00", "state": "submitted",
            "offer": 200, "affiliate": 12, "campaign": 58,
        })]
    );
}

#[tokio::test]
async fn a_contract_that_the_server_switches_off_is_told() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/error"), "30.00").with("max_post_errors = 2");
    let (server, receiver) = telling("\"contract.switched_off\"", &[], &[contract]).await;
    for name in ["ann", "bob", "cid"] {
        assert_unsold(&sell(&server, name).await);
    }
    let told = data_of(&messages(&server, &receiver).await, "contract.switched_off");
    let off = json!({ "contract": 7, "buyer": 7, "by": "server", "failed_posts": 2, "of_posts": 2 });
    assert_eq!(told, [off]);
    server.site.network.switch_on(ContractId(7), server.clock.now()).await.unwrap();
    assert_unsold(&sell(&server, "dan").await);
    assert!(!server.site.network.snapshot().is_switched_off(ContractId(7)), "it begins anew");
    assert_eq!(messages(&server, &receiver).await.len(), 1);
}

#[tokio::test]
async fn a_contract_that_a_person_switches_off_is_told_and_is_no_alert() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00");
    let (server, receiver) = telling("\"contract.switched_off\"", &[], std::slice::from_ref(&contract)).await;
    server.apply(&contract.with("status = \"inactive\"").to_string()).await;
    let told = data_of(&messages(&server, &receiver).await, "contract.switched_off");
    let off = json!({ "contract": 7, "buyer": 7, "by": "person", "failed_posts": null, "of_posts": null });
    assert_eq!(told, [off]);
    assert_eq!(server.api_json("/alerts").await["data"], json!([]));
}

#[tokio::test]
async fn a_click_cap_is_told_with_the_click_that_fills_it_and_once_in_its_interval() {
    let receiver = receiver().await;
    let caps = "caps = [{ of = \"click\", interval = \"day\", limit = 3 }]";
    let network = market_with(&[(Part::HostedOffer, caps)], &[]) + &webhook(&receiver, "\"cap.reached\"");
    let server = Server::start(&network).await;
    let mut told = Vec::new();
    for days in 0..2 {
        for clicks in 1..=5 {
            server.tracking.get(crate::traffic::LINK).await;
            told = data_of(&messages(&server, &receiver).await, "cap.reached");
            assert_eq!(told.len(), days + usize::from(clicks >= 3), "{clicks} clicks after {days} days");
        }
        server.clock.advance_days(1);
    }
    let [first, second] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(
        (&first["scope"], &first["offer"], &first["campaign"]),
        (&json!("offer"), &json!(100), &Value::Null)
    );
    assert_eq!(
        (&first["of"], &first["interval"], &first["limit"]),
        (&json!("click"), &json!("day"), &json!(3))
    );
    assert_ne!(first["day"], second["day"]);
}

#[tokio::test]
async fn of_clicks_at_the_same_moment_one_tells_the_cap() {
    let receiver = receiver().await;
    let caps = "caps = [{ of = \"click\", interval = \"total\", limit = 10 }]";
    let network = market_with(&[(Part::Campaign, caps)], &[]) + &webhook(&receiver, "\"cap.reached\"");
    let server = Server::start(&network).await;
    let clicks: tokio::task::JoinSet<_> = (0..40)
        .map(|_| {
            let tracking = server.tracking.clone();
            async move { tracking.get(crate::traffic::LINK).await }
        })
        .collect();
    clicks.join_all().await;
    let told = data_of(&messages(&server, &receiver).await, "cap.reached");
    assert_eq!((told.len(), &told[0]["scope"], &told[0]["campaign"]), (1, &json!("campaign"), &json!(57)));
}

#[tokio::test]
async fn a_contracts_cap_that_a_settled_post_fills_is_told_then() {
    let buyers = MockBuyers::start().await.unwrap();
    let status = buyers.url("/status?id=#leadid#");
    let contract = Contract::new(7, &buyers.url("/cut-after?made=accepted"), "30.00")
        .post(&format!("status_url = \"{status}\""))
        .row("cap = 1");
    let (server, receiver) = telling("\"cap.reached\"", &[], &[contract]).await;
    assert_unsold(&sell(&server, "ann").await);
    assert!(messages(&server, &receiver).await.is_empty(), "its end is not known");
    server.clock.advance_seconds(30);
    server.selling.look_at_held().await.unwrap();
    assert_eq!(only(&server).await.sales.len(), 1);
    let told = data_of(&messages(&server, &receiver).await, "cap.reached");
    assert_eq!((told.len(), &told[0]["scope"], &told[0]["contract"]), (1, &json!("contract"), &json!(7)));
}

#[tokio::test]
async fn a_conversion_cap_that_a_lead_fills_is_told() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/accept"), "30.00");
    let caps = (Part::HostNPostOffer, "caps = [{ of = \"conversion\", interval = \"month\", limit = 2 }]");
    let (server, receiver) = telling("\"cap.reached\"", &[caps], &[contract]).await;
    for (name, expected) in [("ann", 0), ("bob", 1), ("cid", 1)] {
        assert_sold(&sell(&server, name).await);
        let told = data_of(&messages(&server, &receiver).await, "cap.reached");
        assert_eq!(told.len(), expected, "{name}");
    }
}

#[tokio::test]
async fn messages_to_a_webhook_that_is_switched_off_are_parked_and_go_out_when_it_is_on_again() {
    let receiver = receiver().await;
    receiver.set(Answer::exactly("text/plain", "").status(500));
    let network = shop("", "") + &webhook(&receiver, "\"conversion.created\"");
    let server = Server::start(&network).await;
    let id = server.visitor().click("/?a=12&c=4001").await;
    converted(&server, &format!("r={id}")).await;
    while server.api_json("/deliveries").await["data"][0]["tries"] == 0 {
        tokio::task::yield_now().await;
    }
    let off = webhook(&receiver, "\"conversion.created\"") + "status = \"inactive\"\n";
    server.apply(&off).await;
    server.clock.advance_seconds(30);
    server.outbox.wake();
    all_told(&server).await;
    let row = server.api_json("/deliveries").await["data"][0].clone();
    assert_eq!((&row["state"], &row["tries"]), (&json!("parked"), &json!(2)));
    let found = server.api_json(&format!("/deliveries/{}", row["id"].as_str().unwrap())).await;
    assert!(found.to_string().contains("webhook 3 is inactive; nothing was sent"), "{found}");
    server.apply(&webhook(&receiver, "\"conversion.created\"")).await;
    receiver.set(Answer::exactly("text/plain", ""));
    server.api_post("/deliveries/replay", &json!({ "state": "parked" })).await;
    let told = messages(&server, &receiver).await;
    assert_eq!(told.len(), 2, "the one that was answered with 500, and the same again");
    let ids = receiver.requests().into_iter().map(|r| r.header("webhook-id").unwrap().to_owned());
    let ids: std::collections::HashSet<String> = ids.collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn each_sale_of_a_run_that_a_crash_broke_off_is_told_once_as_it_is_found() {
    let buyers = MockBuyers::start().await.unwrap();
    let status = format!("status_url = \"{}\"", buyers.url("/status?id=#leadid#&is=accepted"));
    let bought = Contract::new(8, &buyers.url("/accept"), "40.00").multisell();
    let asked = Contract::new(7, &buyers.url("/stall"), "30.00").multisell().post(&status);
    let (server, receiver) = telling("\"lead.sold\", \"lead.rejected\"", &[], &[bought, asked]).await;
    let client = server.tracking.clone();
    tokio::spawn(async move { client.post_form("/d.ashx", &offered("ann")).await });
    buyers.wait_for(2).await.unwrap();
    let server = server.crashed().await;
    let contracts = |told: &[Value]| -> Vec<Value> {
        data_of(told, "lead.sold").iter().map(|data| data["sales"][0]["contract"].clone()).collect()
    };
    assert_eq!(contracts(&messages(&server, &receiver).await), [8]);
    server.clock.advance_seconds(60);
    server.selling.look_at_held().await.unwrap();
    let told = messages(&server, &receiver).await;
    assert_eq!(contracts(&told), [8, 7]);
    assert_eq!(told[1]["data"]["sales"].as_array().unwrap().len(), 1);
    let again = server.crashed().await;
    assert_eq!(messages(&again, &receiver).await.len(), 2, "and not again by another start");
}
