//! Posts that made no lead.

use super::World;
use super::world::at;
use crumb_domain::outcome::Problem;
use crumb_domain::post::PostKind;
use serde_json::{Value, json};

#[tokio::test]
async fn a_rejection_shows_its_reason_and_what_was_said() {
    let world = World::new().await;
    world.reject(1, PostKind::Server, Problem::DuplicateLead).await;
    insta::assert_json_snapshot!(world.get_as("admin", "/api/v1/rejections").await.json());
}

#[tokio::test]
async fn a_reader_is_not_given_the_post_key_in_a_rejected_post() {
    let world = World::new().await;
    world.reject(1, PostKind::Server, Problem::DuplicateLead).await;
    let answer = world.get_as("reader", "/api/v1/rejections").await;
    assert_eq!(answer.each("outcome"), ["duplicate_lead"]);
    assert!(!answer.text.contains("Ab3dE5gH1jK"), "{}", answer.text);
    assert!(world.get_as("manager", "/api/v1/rejections").await.text.contains("Ab3dE5gH1jK"));
}

#[tokio::test]
async fn each_filter_of_rejections_narrows_the_list() {
    let world = World::new().await;
    world.reject(1, PostKind::Server, Problem::DuplicateLead).await;
    world.reject(2, PostKind::Browser, Problem::InactiveOffer).await;
    for (filter, expected) in [
        ("".to_owned(), vec![2, 1]),
        ("sort=id".to_owned(), vec![1, 2]),
        ("outcome=inactive_offer".to_owned(), vec![2]),
        ("offer=100&affiliate=12&campaign=57".to_owned(), vec![2, 1]),
        ("offer=1".to_owned(), vec![]),
        ("affiliate=1".to_owned(), vec![]),
        ("campaign=1".to_owned(), vec![]),
        (format!("from={}", at(2)), vec![2]),
        (format!("to={}", at(2)), vec![1]),
    ] {
        let answer = world.get_as("admin", &format!("/api/v1/rejections?{filter}")).await;
        let expected: Vec<Value> = expected.into_iter().map(|n| json!(at(n).to_string())).collect();
        assert_eq!(answer.json()["total"], expected.len(), "{filter}");
        assert_eq!(answer.each("at"), expected, "{filter}");
    }
}
