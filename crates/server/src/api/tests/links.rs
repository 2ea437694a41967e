//! Links, pixel code and posting documents.

use super::World;
use axum::http::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn a_link_is_made_of_what_was_asked() {
    let world = World::new().await;
    let answer =
        world.get_as("reader", "/api/v1/links?affiliate=12&creative=1057&s1=a%20b&price_format=c").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.json(),
        json!({ "link": "https://trk.example/?a=12&c=1057&p=c&s1=a%20b", "disposition": "ok" })
    );
    let by_offer =
        world.get_as("reader", "/api/v1/links?affiliate=12&offer=100&s1=a%20b&price_format=c").await;
    assert_eq!(by_offer.json(), answer.json());
    let test = world.get_as("reader", "/api/v1/links?affiliate=-1&creative=1057").await;
    assert_eq!(test.json(), json!({ "link": "https://trk.example/?a=-1&c=1057", "disposition": "ok" }));
}

#[tokio::test]
async fn pixel_code_loads_the_click_of_the_same_link() {
    let world = World::new().await;
    let answer = world.get_as("affiliate:12", "/api/v1/pixel-code?affiliate=12&creative=1057").await;
    let code = answer.json()["code"].as_str().unwrap().to_owned();
    assert!(code.contains("a=12") && code.contains("c=1057") && code.contains("cp=js"), "{code}");
}

#[tokio::test]
async fn a_link_whose_clicks_are_turned_away_says_so() {
    let world = World::new().await;
    for path in ["links", "pixel-code"] {
        for (query, disposition) in [
            ("affiliate=12&creative=1057", "ok"),
            ("affiliate=12&creative=1058", "Affiliate Not Authorized for Campaign"),
            ("affiliate=-1&creative=1058", "ok"),
        ] {
            let answer = world.get_as("admin", &format!("/api/v1/{path}?{query}")).await;
            assert_eq!(answer.json()["disposition"], disposition, "{path}?{query}");
        }
    }
}

#[tokio::test]
async fn what_the_network_does_not_have_gets_no_link() {
    let world = World::new().await;
    for (query, expected) in [
        ("", json!([["affiliate", "is needed"], ["creative", "is needed, or offer"]])),
        (
            "affiliate=12&creative=1057&offer=100",
            json!([["offer", "only one of creative and offer can be given"]]),
        ),
        ("affiliate=12&offer=998", json!([["offer", "no offer 998"]])),
        (
            "affiliate=999&creative=998",
            json!([["affiliate", "no affiliate 999"], ["creative", "no creative 998"]]),
        ),
        (
            "affiliate=12&creative=1057&offer_contract=900",
            json!([["offer_contract", "no offer contract 900 of offer 100"]]),
        ),
    ] {
        for path in ["links", "pixel-code"] {
            let answer = world.get_as("admin", &format!("/api/v1/{path}?{query}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST);
            let errors = answer.json()["errors"].clone();
            let errors: Vec<Value> =
                errors.as_array().unwrap().iter().map(|e| json!([e["path"], e["message"]])).collect();
            assert_eq!(Value::from(errors), expected);
        }
    }
}

#[tokio::test]
async fn an_affiliate_makes_links_of_its_own_on_offers_that_it_may_run() {
    let world = World::new().await;
    let status =
        async |query: &str| world.get_as("affiliate:12", &format!("/api/v1/links?{query}")).await.status;
    assert_eq!(status("affiliate=12&creative=1057").await, StatusCode::OK);
    assert_eq!(status("affiliate=13&creative=1057").await, StatusCode::FORBIDDEN);
    assert_eq!(status("affiliate=12&creative=1058").await, StatusCode::BAD_REQUEST);
    let buyer = world.get_as("buyer:5", "/api/v1/links?affiliate=12&creative=1057").await;
    assert_eq!(buyer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_campaigns_document_has_its_key_and_is_for_those_who_may_have_it() {
    let world = World::new().await;
    let body = r#"{"campaign":57}"#;
    for (role, expected) in [
        ("admin", StatusCode::OK),
        ("manager", StatusCode::OK),
        ("affiliate:12", StatusCode::OK),
        ("affiliate:13", StatusCode::NOT_FOUND),
        ("reader", StatusCode::FORBIDDEN),
        ("buyer:5", StatusCode::FORBIDDEN),
    ] {
        let answer = world.post_as(role, "/api/v1/posting-docs", body).await;
        assert_eq!(answer.status, expected, "{role}");
        assert_eq!(answer.text.contains("Ab3dE5gH1jK"), expected == StatusCode::OK, "{role}");
    }
    let unknown = world.post_as("affiliate:13", "/api/v1/posting-docs", r#"{"campaign":999}"#).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND, "as if it were another's");
    let offer = world.post_as("reader", "/api/v1/posting-docs", r#"{"offer":100,"method":"session"}"#).await;
    assert_eq!(offer.status, StatusCode::OK);
    assert_eq!(offer.json()["url"], Value::Null);
    assert!(offer.json()["text"].as_str().unwrap().contains("ckm_request_id"));
    assert!(offer.json()["html"].as_str().unwrap().starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn a_shared_document_has_a_signed_address() {
    let world = World::new().await;
    let body = r#"{"campaign":57,"share":true}"#;
    let answer = world.post_as("manager", "/api/v1/posting-docs", body).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let url = answer.json()["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://trk.example/doc/"), "{url}");
    let refused = world.post_as("affiliate:12", "/api/v1/posting-docs", body).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_wrong_request_for_a_document_is_told_what_is_wrong() {
    let world = World::new().await;
    for body in ["{}", r#"{"offer":1,"vertical":1}"#] {
        let answer = world.post_as("admin", "/api/v1/posting-docs", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        let message = "exactly one of campaign, offer and vertical is needed";
        assert_eq!(answer.json()["errors"], json!([{ "path": "", "message": message }]));
    }
    let unknown = world.post_as("admin", "/api/v1/posting-docs", r#"{"offer":1}"#).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(unknown.json()["detail"], "no offer 1");
    for body in ["", "{", "[]", r#"{"offr":1}"#, r#"{"offer":100,"method":"fax"}"#] {
        let answer = world.post_as("admin", "/api/v1/posting-docs", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
    let large = world.post_as("admin", "/api/v1/posting-docs", " ".repeat(65 * 1024)).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(large.json()["code"], "payload_too_large");
}
