use super::*;
use crate::api::World;
use axum::http::Method;

#[tokio::test]
async fn a_living_process_says_ok_without_a_key() {
    let answer = World::new().await.ask(Method::GET, "/healthz", None).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "ok"));
}

#[tokio::test]
async fn a_server_that_can_write_is_ready_and_shows_its_warnings() {
    let warnings = vec!["countries are not enforced".to_owned()];
    let world = World::with_options(AdminOptions { warnings, ..AdminOptions::default() }).await;
    let answer = world.ask(Method::GET, "/readyz", None).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["ready"], true);
    assert_eq!(answer.json()["warnings"], serde_json::json!(["countries are not enforced"]));
}

#[tokio::test]
async fn a_server_that_cannot_write_is_not_ready_and_says_why_but_lives() {
    let world = World::full().await;
    let answer = world.ask(Method::GET, "/readyz", None).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["ready"], false);
    let reason = answer.json()["reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("the store is not available: "), "{reason}");
    assert_eq!(world.ask(Method::GET, "/healthz", None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_shifted_clock_is_announced() {
    let world = World::new().await;
    world.clock.shift(3_600);
    let answer = world.ask(Method::GET, "/readyz", None).await;
    assert_eq!(answer.json()["warnings"], serde_json::json!(["the clock is shifted by 3600 seconds"]));
}

#[tokio::test]
async fn the_metrics_are_prometheus_text() {
    let world = World::new().await;
    world.metrics.store_write_failed();
    let answer = world.ask(Method::GET, "/metrics", None).await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert!(answer.text.lines().any(|line| line == "crumb_store_write_errors_total 1"), "{}", answer.text);
}

#[tokio::test]
async fn no_answer_is_stored_or_taken_for_another_type() {
    let world = World::new().await;
    for path in ["/healthz", "/readyz", "/api/v1/leads", "/nothing"] {
        let answer = world.ask(Method::GET, path, None).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn a_panic_is_an_answer_of_500_and_ends_nothing() {
    async fn fails() -> &'static str {
        panic!("a fault of the program")
    }
    let router: Router = Router::new().route("/fails", get(fails)).layer(from_fn(guard));
    let service = hyper_util::service::TowerToHyperService::new(router);
    for _ in 0..2 {
        let request = Request::get("/fails").body(Body::empty()).unwrap();
        let response = hyper::service::Service::call(&service, request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }
}
