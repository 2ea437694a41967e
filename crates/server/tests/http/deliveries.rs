//! Postbacks on their way, through a running server: who gets them, how often, and who sees
//! what of it.

use crumb_domain::delivery::{Delivery, DeliveryKind, DeliveryState};
use crumb_domain::{AffiliateId, CampaignId, Clock as _, OfferId};
use crumb_storage::OutboxStore as _;
use crumb_testkit::buyers::{Answer, MockBuyer};
use crumb_testkit::{Request, Server};
use serde_json::{Value, json};

const NETWORK: &str = "[network]\nname = \"Example\"\ninternal_affiliate = 1\n\
                       [[affiliate]]\nid = 1\nname = \"House\"\n";

fn answer(status: u16) -> Answer {
    Answer::exactly("text/plain", "a word").status(status)
}

/// A postback of campaign 57 of affiliate 12, due now.
fn postback(server: &Server, number: i64, url: &str) -> Delivery {
    let now = server.clock.now();
    Delivery {
        id: server.site.rows.next(now),
        webhook_id: format!("msg_{number}"),
        at: now,
        kind: DeliveryKind::Postback,
        destination: "campaign:57".to_owned(),
        affiliate: Some(AffiliateId(12)),
        campaign: Some(CampaignId(57)),
        offer: Some(OfferId(100)),
        conversion: None,
        lead: None,
        url: url.to_owned(),
        shown_url: None,
        body: None,
        state: DeliveryState::Waits,
        tries: 0,
        due: now,
    }
}

async fn put(server: &Server, deliveries: Vec<Delivery>) {
    server.site.store.put_deliveries(deliveries).await.unwrap();
}

/// Waits until what waits is no more than that.
async fn until_waiting(server: &Server, count: u64) {
    while server.site.store.waiting_deliveries().await.unwrap().count > count {
        tokio::task::yield_now().await;
    }
}

/// Waits until a delivery was tried so often since it was made or sent again.
async fn until_tried(server: &Server, delivery: &Delivery, tries: u32) -> Delivery {
    loop {
        let found = server.site.store.delivery(delivery.id).await.unwrap().unwrap();
        if found.tries >= tries {
            return found;
        }
        tokio::task::yield_now().await;
    }
}

async fn get(server: &Server, key: &str, target: &str) -> crumb_testkit::Reply {
    server.admin.send(Request::get(&format!("/api/v1{target}")).bearer(key)).await
}

#[tokio::test]
async fn a_postback_goes_out_as_soon_as_it_is_written_and_once() {
    let receiver = MockBuyer::start(answer(200)).await.unwrap();
    let server = Server::start(NETWORK).await;
    put(&server, vec![postback(&server, 1, &receiver.url())]).await;
    until_waiting(&server, 0).await;
    server.clock.advance_days(5);
    server.outbox.wake();
    let requests = receiver.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("webhook-id"), Some("msg_1"));
    let row = &server.api_json("/deliveries").await["data"][0];
    assert_eq!((&row["state"], &row["tries"], &row["due"]), (&json!("delivered"), &json!(1), &Value::Null));
    let found = server.api_json(&format!("/deliveries/{}", row["id"].as_str().unwrap())).await;
    assert_eq!(found["webhook_id"], "msg_1");
    let attempts = found["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!((&attempts[0]["status"], &attempts[0]["answer"]), (&json!(200), &json!("a word")));
    // It is counted once it is stored, a moment after it can be seen.
    let counted = "crumb_delivery_attempts_total{kind=\"postback\",outcome=\"delivered\"} 1\n";
    let mut metrics = server.admin.get("/metrics").await.text();
    while !metrics.contains(counted) {
        metrics = server.admin.get("/metrics").await.text();
    }
    assert!(metrics.contains("crumb_deliveries_waiting 0\n"), "{metrics}");
}

#[tokio::test]
async fn a_receiver_that_is_down_is_tried_by_its_schedule_under_one_id_and_the_server_stays_ready() {
    let receiver = MockBuyer::start(answer(503)).await.unwrap();
    let server = Server::start(NETWORK).await;
    let first = postback(&server, 1, &receiver.url());
    put(&server, vec![first.clone()]).await;
    for (tries, wait) in [5, 30, 120, 600, 3_600, 21_600, 86_400, 172_800].into_iter().enumerate() {
        let tried = until_tried(&server, &first, tries as u32 + 1).await;
        assert_eq!(tried.due, server.clock.now().plus_seconds(wait));
        assert_eq!(server.admin.get("/readyz").await.status, 200);
        server.clock.advance_seconds(wait);
        server.outbox.wake();
    }
    until_waiting(&server, 0).await;
    let row = &server.api_json("/deliveries?state=parked").await["data"][0];
    assert_eq!((&row["webhook_id"], &row["tries"]), (&json!("msg_1"), &json!(9)));
    let alert = &server.api_json("/alerts?code=delivery_parked").await["data"][0];
    assert!(alert["text"].as_str().unwrap().ends_with("is parked after 9 attempts; the last answer was 503"));
    receiver.set(answer(204));
    let replayed = server.api_post("/deliveries/replay", &json!({ "state": "parked" })).await;
    assert_eq!(replayed.json(), json!({ "replayed": 1 }));
    until_waiting(&server, 0).await;
    assert_eq!(server.api_json("/deliveries?state=delivered").await["total"], 1);
    let requests = receiver.requests();
    assert_eq!(requests.len(), 10);
    assert!(requests.iter().all(|request| request.header("webhook-id") == Some("msg_1")));
}

#[tokio::test]
async fn what_waits_for_a_destination_that_fails_in_a_row_is_not_due_in_the_past() {
    let receiver = MockBuyer::start(answer(503)).await.unwrap();
    let server = Server::start(NETWORK).await;
    let all: Vec<_> = (1..=20).map(|number| postback(&server, number, &receiver.url())).collect();
    put(&server, all.clone()).await;
    for delivery in &all {
        until_tried(&server, delivery, 1).await;
    }
    put(&server, vec![postback(&server, 21, &receiver.url())]).await;
    server.clock.advance_seconds(3);
    let row = &server.api_json("/deliveries").await["data"][0];
    let expected = (&json!("msg_21"), &json!(0), &json!(server.clock.now().to_string()));
    assert_eq!((&row["webhook_id"], &row["tries"], &row["due"]), expected);
    server.clock.advance_seconds(2);
    receiver.set(answer(200));
    server.outbox.wake();
    until_waiting(&server, 0).await;
}

#[tokio::test]
async fn what_a_crash_leaves_under_way_is_taken_up_at_once_by_the_next_start() {
    let receiver = MockBuyer::start(crumb_testkit::buyers::Behaviour::Stall { made: None }).await.unwrap();
    let server = Server::start(NETWORK).await;
    put(&server, vec![postback(&server, 1, &receiver.url())]).await;
    receiver.wait_for(1).await.unwrap();
    receiver.set(answer(200));
    let started = server.crashed().await;
    until_waiting(&started, 0).await;
    assert_eq!(receiver.requests().len(), 2);
}

#[tokio::test]
async fn an_affiliate_sees_the_address_without_what_it_may_not_see_of_a_person() {
    let receiver = MockBuyer::start(answer(200)).await.unwrap();
    let server = Server::start(NETWORK).await;
    let sent = format!("{}?e=ann@example.com", receiver.url());
    let shown = format!("{}?e=***", receiver.url());
    let personal = Delivery { shown_url: Some(shown.clone()), ..postback(&server, 1, &sent) };
    put(&server, vec![personal, postback(&server, 2, &receiver.url())]).await;
    let (affiliate, reader) = (server.api_key("affiliate:12").await, server.api_key("reader").await);
    for (key, expected) in [(affiliate, &shown), (reader, &sent)] {
        let rows = get(&server, &key, "/deliveries?sort=id").await.json()["data"].clone();
        assert_eq!((&rows[0]["url"], &rows[1]["url"]), (&json!(expected), &json!(receiver.url())));
        let one = get(&server, &key, &format!("/deliveries/{}", rows[0]["id"].as_str().unwrap())).await;
        assert_eq!(one.json()["url"], json!(expected));
    }
    until_waiting(&server, 0).await;
    assert!(receiver.requests().iter().any(|request| request.query.contains("ann@example.com")), "as it is");
}

#[tokio::test]
async fn nobody_sees_the_password_of_an_address() {
    let server = Server::start(NETWORK).await;
    put(&server, vec![postback(&server, 1, "http://ann:s3cret@127.0.0.1:9/pb?t=1")]).await;
    for role in ["affiliate:12", "admin"] {
        let rows = get(&server, &server.api_key(role).await, "/deliveries").await.json()["data"].clone();
        assert_eq!(rows[0]["url"], "http://ann:***@127.0.0.1:9/pb?t=1");
    }
}

#[tokio::test]
async fn an_affiliate_sees_its_own_postbacks_and_nobody_elses() {
    let receiver = MockBuyer::start(answer(200)).await.unwrap();
    let server = Server::start(NETWORK).await;
    let own = postback(&server, 1, &receiver.url());
    let other = Delivery { affiliate: Some(AffiliateId(13)), ..postback(&server, 2, &receiver.url()) };
    let webhook = Delivery {
        kind: DeliveryKind::Webhook,
        destination: "webhook:1".to_owned(),
        body: Some("{}".to_owned()),
        ..postback(&server, 3, &receiver.url())
    };
    put(&server, vec![own, other, webhook]).await;
    until_waiting(&server, 0).await;
    let all = server.api_json("/deliveries?sort=id").await;
    let ids: Vec<&str> =
        all["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    let key = server.api_key("affiliate:12").await;
    let seen = get(&server, &key, "/deliveries").await.json();
    assert_eq!((&seen["total"], &seen["data"][0]["webhook_id"]), (&json!(1), &json!("msg_1")));
    for (id, status) in ids.iter().zip([200, 404, 404]) {
        assert_eq!(get(&server, &key, &format!("/deliveries/{id}")).await.status, status);
    }
    assert_eq!(get(&server, &key, "/deliveries?affiliate=13").await.status, 403);
    assert_eq!(get(&server, &key, "/deliveries?kind=webhook").await.status, 403);
    assert_eq!(get(&server, &key, "/deliveries?kind=postback").await.json()["total"], 1);
    assert_eq!(get(&server, &server.api_key("buyer:5").await, "/deliveries").await.status, 403);
    let replay = Request::post("/api/v1/deliveries/replay", "application/json", "{\"affiliate\":12}");
    assert_eq!(server.admin.send(replay.bearer(&key)).await.status, 403);
}

#[tokio::test]
async fn deliveries_are_found_by_each_filter_and_a_wrong_one_is_named() {
    let server = Server::start(NETWORK).await;
    // Nobody is there: it waits.
    put(&server, vec![postback(&server, 1, "http://127.0.0.1:1/")]).await;
    for (filter, total) in [
        ("kind=postback", 1),
        ("kind=webhook", 0),
        ("state=waiting", 1),
        ("state=parked", 0),
        ("destination=campaign:57", 1),
        ("kind=mail", 0),
        ("affiliate=12", 1),
        ("affiliate=13", 0),
        ("campaign=57", 1),
        ("campaign=58", 0),
        ("offer=100", 1),
        ("lead=C8097F17", 0),
        ("from=2026-07-01T12:00:00Z", 1),
        ("to=2026-07-01T12:00:00Z", 0),
    ] {
        assert_eq!(server.api_json(&format!("/deliveries?{filter}")).await["total"], total, "{filter}");
    }
    for wrong in ["kind=fax", "state=gone", "conversion=x", "lead=x", "colour=red"] {
        assert_eq!(server.api(&format!("/deliveries?{wrong}")).await.status, 400, "{wrong}");
    }
    for missing in ["/deliveries/1", "/deliveries/x"] {
        assert_eq!(server.api(missing).await.status, 404, "{missing}");
    }
    for wrong in [json!({}), json!({ "colour": "red" }), json!({ "conversion": "x" })] {
        assert_eq!(server.api_post("/deliveries/replay", &wrong).await.status, 400, "{wrong}");
    }
}
