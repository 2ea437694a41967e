//! What is recorded, as it is recorded.

use super::World;
use super::world::{at, click, lead, row};
use crate::admin::AdminOptions;
use crate::api::events::MAX_LISTENERS;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use crumb_domain::OfferId;
use crumb_domain::outcome::Problem;
use crumb_domain::post::PostKind;
use crumb_storage::AccessStore as _;
use crumb_tracking::feed::Recorded;
use http_body_util::BodyExt as _;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

async fn next(body: &mut Body) -> (String, Value) {
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let text = String::from_utf8(frame.to_vec()).unwrap();
    let line =
        |field: &str| text.lines().find_map(|line| line.strip_prefix(field)).unwrap().trim().to_owned();
    (line("event:"), serde_json::from_str(&line("data:")).unwrap())
}

#[tokio::test]
async fn clicks_leads_and_rejections_are_told_in_the_shape_of_their_rows() {
    let world = World::new().await;
    let key = world.key("reader").await;
    let response = world.response(Method::GET, "/api/v1/events", Some(&key)).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let mut body = response.into_body();

    let feed = &world.installation.feed;
    feed.tell(|| Recorded::Click(Arc::new(click(1))));
    feed.tell(|| Recorded::Lead(Arc::new(lead(2, 1, "C8097F17"))));
    feed.tell(|| Recorded::Rejection {
        id: row(3),
        at: at(3),
        kind: PostKind::Browser,
        offer: Some(OfferId(100)),
        problem: Problem::DuplicateLead,
        errors: vec!["Duplicate Lead".to_owned()],
    });

    world.record(click(1)).await;
    world.accept(lead(2, 1, "C8097F17")).await;
    let mut rows = Vec::new();
    for path in ["/api/v1/clicks", "/api/v1/leads"] {
        rows.push(world.get_as("reader", path).await.json()["data"][0].clone());
    }
    assert_eq!(next(&mut body).await, ("click".to_owned(), rows[0].clone()));
    assert_eq!(next(&mut body).await, ("lead".to_owned(), rows[1].clone()));
    let (name, rejection) = next(&mut body).await;
    assert_eq!(name, "rejection");
    insta::assert_json_snapshot!(rejection);
}

#[tokio::test]
async fn a_listener_that_is_too_slow_is_told_how_much_it_missed() {
    let world = World::new().await;
    let key = world.key("reader").await;
    let mut body = world.response(Method::GET, "/api/v1/events", Some(&key)).await.into_body();
    // Nothing is read before all is told: this test's runtime has one thread.
    for n in 0..2_000 {
        world.installation.feed.tell(|| Recorded::Click(Arc::new(click(n))));
    }
    let (name, told) = next(&mut body).await;
    assert_eq!(name, "missed");
    let missed = told["missed"].as_u64().unwrap();
    assert!(missed > 0 && missed < 2_000, "{missed}");
    assert_eq!(next(&mut body).await.0, "click");
}

#[tokio::test]
async fn a_stream_ends_when_its_key_is_revoked() {
    let world = World::new().await;
    let key = world.key("reader").await;
    let mut body = world.response(Method::GET, "/api/v1/events", Some(&key)).await.into_body();
    assert!(world.installation.store.revoke_api_key("reader".to_owned(), at(1)).await.unwrap());
    world.installation.feed.tell(|| Recorded::Click(Arc::new(click(2))));
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops() {
    let world = World::with_options(AdminOptions::default()).await;
    let key = world.key("reader").await;
    let mut body = world.response(Method::GET, "/api/v1/events", Some(&key)).await.into_body();
    world.options.stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(10), body.frame()).await;
    assert!(ended.expect("it ends").is_none());
}

#[tokio::test]
async fn listeners_beyond_the_limit_are_told_to_come_back() {
    let world = World::new().await;
    let key = world.key("reader").await;
    let mut open = Vec::new();
    for _ in 0..MAX_LISTENERS {
        open.push(world.response(Method::GET, "/api/v1/events", Some(&key)).await);
    }
    let refused = world.response(Method::GET, "/api/v1/events", Some(&key)).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "5");
    let problem = refused.into_body().collect().await.unwrap().to_bytes();
    let problem: Value = serde_json::from_slice(&problem).unwrap();
    assert_eq!(problem["code"], "busy", "the store is well");
    // A listener that leaves makes room, as soon as its task has seen it.
    drop(open);
    let comes_in = async {
        while world.response(Method::GET, "/api/v1/events", Some(&key)).await.status() != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), comes_in).await.expect("there is room");
}
