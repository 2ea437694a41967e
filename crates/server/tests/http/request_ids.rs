//! Request ids.

use crate::traffic::*;
use crumb_testkit::{Server, network};
use std::collections::HashSet;

async fn ids(server: &Server, count: usize) -> Vec<u64> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let text = parameter(follow(server, LINK).await.location(), "reqid");
        ids.push(text.parse().expect("a decimal number"));
    }
    ids
}

#[tokio::test]
async fn a_request_id_is_a_positive_number_below_two_to_the_53() {
    let server = Server::start(network::SMALL).await;
    for id in ids(&server, 50).await {
        assert!(0 < id && id < 1 << 53, "{id}");
    }
}

#[tokio::test]
async fn ids_that_follow_each_other_cannot_be_counted() {
    let server = Server::start(network::SMALL).await;
    let ids = ids(&server, 60).await;
    let rising = ids.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!((10..50).contains(&rising), "{rising} of 59 rise");
    let near = ids.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 1 << 32).count();
    assert_eq!(near, 0);
    // All 53 bits take part.
    let high = ids.iter().filter(|id| **id >= 1 << 52).count();
    assert!((10..50).contains(&high), "{high} of 60 have the highest bit");
}

#[tokio::test]
async fn ids_made_at_once_are_all_different_and_each_names_its_session() {
    let server = Server::start(network::SMALL).await;
    let mut running: tokio::task::JoinSet<_> = (0..200)
        .map(|_| {
            let client = server.tracking.clone();
            async move { parameter(client.get(LINK).await.location(), "reqid") }
        })
        .collect();
    let mut ids = HashSet::new();
    while let Some(id) = running.join_next().await {
        ids.insert(id.unwrap());
    }
    assert_eq!(ids.len(), 200);
    let recorded: HashSet<String> =
        rows(&server).await.iter().filter_map(|row| row["request_id"].as_str().map(str::to_owned)).collect();
    assert_eq!(recorded, ids);
}

#[tokio::test]
async fn ids_stay_valid_and_new_ones_differ_after_a_restart_also_when_the_clock_went_back() {
    let server = Server::start(network::SMALL).await;
    let mut seen: HashSet<u64> = ids(&server, 20).await.into_iter().collect();
    let old = *seen.iter().next().unwrap();
    for seconds in [0, 0, -3_600] {
        server.clock.advance_seconds(seconds);
    }
    let server = server.restart().await;
    for id in ids(&server, 20).await {
        assert!(seen.insert(id), "{id} was given twice");
    }
    assert_eq!(server.api_json(&format!("/clicks/{old}")).await["request_id"], old.to_string());
    let post = format!("ckm_offer_id=100&ckm_request_id={old}&email_address=a@example.com&zip_code=90210");
    let answer = server.tracking.post_form("/d.ashx", &post).await;
    let lead = server.api_json(&format!("/leads/{}", answer.between("<leadid>", "</leadid>"))).await;
    assert_eq!(lead["attribution"], "request_id");
}
