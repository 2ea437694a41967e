//! Clicks and sessions.

use super::World;
use super::world::{at, click, diverted_click, further_click, lead, row};
use axum::http::StatusCode;
use crumb_domain::click::Click;
use serde_json::{Value, json};

#[tokio::test]
async fn a_session_shows_its_clicks_in_the_order_of_time_with_its_leads() {
    let world = World::new().await;
    world.record(click(1)).await;
    world.record(further_click(2, 1, 13)).await;
    world.accept(lead(3, 1, "C8097F17")).await;
    world.accept(lead(4, 1, "AAAAAAA1")).await;
    let answer = world.get_as("reader", &format!("/api/v1/clicks/{}", world.name(row(1)))).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_json_snapshot!(answer.json());
}

#[tokio::test]
async fn every_member_of_a_session_and_of_a_click_is_there_also_when_it_is_empty() {
    let world = World::new().await;
    world.record(diverted_click(1)).await;
    let session = world.get_as("reader", &format!("/api/v1/clicks/{}", world.name(row(1)))).await.json();
    let members = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&session), ["clicks", "conversions", "leads", "request_id"]);
    let all = [
        "affiliate",
        "at",
        "campaign",
        "config_version",
        "country",
        "creative",
        "device_id",
        "disposition",
        "duplicate",
        "ip",
        "media_type",
        "non_human",
        "offer",
        "offer_contract",
        "payout",
        "received",
        "redirect",
        "referrer",
        "request_id",
        "source",
        "sub_ids",
        "test",
        "user_agent",
        "visitor",
        "why",
    ];
    assert_eq!(members(&session["clicks"][0]), all);
}

#[tokio::test]
async fn a_diverted_click_is_found_by_its_own_id_and_a_duplicate_only_by_its_sessions() {
    let world = World::new().await;
    world.record(click(1)).await;
    world.record(further_click(2, 1, 12)).await;
    world.record(diverted_click(3)).await;
    let get = async |n| world.get_as("reader", &format!("/api/v1/clicks/{}", world.name(row(n)))).await;
    let diverted = get(3).await.json();
    assert_eq!(diverted["clicks"][0]["disposition"], "Offer Expired");
    assert_eq!(diverted["request_id"], world.name(row(3)).to_string());
    assert_eq!(get(2).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_list_is_newest_first_with_the_credited_session_in_each_row() {
    let world = World::new().await;
    world.record(click(1)).await;
    world.record(further_click(2, 1, 12)).await;
    world.record(diverted_click(3)).await;
    let answer = world.get_as("manager", "/api/v1/clicks").await;
    let names = [3, 1, 1].map(|n| json!(world.name(row(n)).to_string()));
    assert_eq!(answer.each("request_id"), names);
    assert_eq!(answer.each("duplicate"), [false, true, false]);
    assert_eq!(answer.json()["total"], 3);
    assert_eq!(answer.json()["next"], Value::Null);
    let oldest_first = world.get_as("manager", "/api/v1/clicks?sort=id").await;
    assert_eq!(oldest_first.each("at"), [1, 2, 3].map(|n| json!(at(n).to_string())));
}

#[tokio::test]
async fn each_filter_of_clicks_narrows_the_list() {
    let world = World::new().await;
    world.record(click(1)).await;
    world.record(further_click(2, 1, 13)).await;
    world.record(diverted_click(3)).await;
    let request_id = world.name(row(1));
    for (filter, expected) in [
        ("affiliate=13".to_owned(), vec![2]),
        ("offer=100".to_owned(), vec![3, 2, 1]),
        ("offer=101".to_owned(), vec![]),
        ("campaign=57".to_owned(), vec![3, 1]),
        ("creative=1057".to_owned(), vec![3, 2, 1]),
        ("creative=1058".to_owned(), vec![]),
        ("disposition=Offer%20Expired".to_owned(), vec![3]),
        ("disposition=ok".to_owned(), vec![2, 1]),
        (format!("request_id={request_id}"), vec![2, 1]),
        (format!("from={}", at(2)), vec![3, 2]),
        (format!("to={}", at(2)), vec![1]),
        (format!("from={}&to={}", at(2), at(3)), vec![2]),
    ] {
        let answer = world.get_as("admin", &format!("/api/v1/clicks?{filter}")).await;
        let expected: Vec<Value> = expected.into_iter().map(|n| json!(at(n).to_string())).collect();
        assert_eq!(answer.json()["total"], expected.len(), "{filter}");
        assert_eq!(answer.each("at"), expected, "{filter}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let world = World::new().await;
    for n in 1..=5 {
        world.record(click(n)).await;
    }
    for (sort, expected) in [("-id", [5, 4, 3, 2, 1]), ("id", [1, 2, 3, 4, 5])] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = format!("/api/v1/clicks?limit=2&sort={sort}&cursor={cursor}");
            let answer = world.get_as("admin", &page).await;
            assert_eq!(answer.json()["total"], 5);
            seen.extend(answer.each("at"));
            match answer.json()["next"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, expected.map(|n| json!(at(n).to_string())));
    }
}

#[tokio::test]
async fn prefill_values_are_shown_to_nobody() {
    let world = World::new().await;
    world.record(click(1)).await;
    for path in ["/api/v1/clicks".to_owned(), format!("/api/v1/clicks/{}", world.name(row(1)))] {
        assert!(!world.get_as("admin", &path).await.text.contains("ann@example.com"));
    }
}

#[tokio::test]
async fn an_affiliate_whose_click_is_anothers_duplicate_is_not_told_the_others_session() {
    let world = World::new().await;
    world.record(click(1)).await;
    let request_id = world.name(row(1));
    let redirect = Some(format!("https://lp.example/?reqid={request_id}&aff=12"));
    world.record(Click { redirect, ..further_click(2, 1, 13) }).await;
    let answer = world.get_as("affiliate:13", "/api/v1/clicks").await;
    assert_eq!(answer.each("request_id"), [Value::Null]);
    assert_eq!(answer.each("visitor"), [Value::Null]);
    assert!(!answer.text.contains(&request_id.to_string()), "{}", answer.text);
    let own = world.get_as("affiliate:12", &format!("/api/v1/clicks/{request_id}")).await.json();
    assert_eq!(own["clicks"].as_array().map(Vec::len), Some(1), "only its own clicks");
}
