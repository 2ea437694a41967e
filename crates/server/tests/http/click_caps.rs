//! Click caps of offers and campaigns, by the network's days.

use crate::traffic::*;
use crumb_testkit::network::Part;
use crumb_testkit::{Request, Server};
use http::Method;

fn cap(interval: &str, limit: u32) -> String {
    format!("caps = [{{ of = \"click\", interval = \"{interval}\", limit = {limit} }}]")
}

async fn disposition(server: &Server) -> String {
    follow(server, LINK).await;
    last_row(server).await["disposition"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn an_offers_click_cap_lets_as_many_clicks_through_as_it_says() {
    let server = server_with(&[(Part::HostedOffer, &cap("day", 3))]).await;
    for _ in 0..3 {
        assert_eq!(disposition(&server).await, "ok");
    }
    diverted(&server, LINK, "Offer Over Click Cap").await;
    diverted(&server, "/?a=13&c=1058", "Offer Over Click Cap").await;
    follow(&server, "/?a=12&c=2001").await;
    assert_eq!(last_row(&server).await["disposition"], "ok");
}

#[tokio::test]
async fn a_campaigns_click_cap_holds_for_that_campaign_alone() {
    let server = server_with(&[(Part::Campaign, &cap("day", 2))]).await;
    assert_eq!(disposition(&server).await, "ok");
    assert_eq!(disposition(&server).await, "ok");
    diverted(&server, LINK, "Campaign Over Click Cap").await;
    follow(&server, "/?a=13&c=1057").await;
    assert_eq!(last_row(&server).await["disposition"], "ok");
}

#[tokio::test]
async fn a_cap_resets_when_its_interval_ends_in_the_networks_time_zone() {
    // The network's zone is New York, four hours behind UTC in July; tests begin on
    // Wednesday, 1 July.
    for (interval, last_second) in [
        ("day", Some("2026-07-02T03:59:59Z")),
        ("week", Some("2026-07-06T03:59:59Z")),
        ("month", Some("2026-08-01T03:59:59Z")),
        ("total", None),
    ] {
        let server = server_with(&[(Part::HostedOffer, &cap(interval, 1))]).await;
        assert_eq!(disposition(&server).await, "ok", "{interval}");
        assert_eq!(disposition(&server).await, "Offer Over Click Cap", "{interval}");
        server.clock.set(last_second.unwrap_or("2029-01-01T00:00:00Z"));
        assert_eq!(disposition(&server).await, "Offer Over Click Cap", "{interval}");
        server.clock.advance_seconds(1);
        let expected = if interval == "total" { "Offer Over Click Cap" } else { "ok" };
        assert_eq!(disposition(&server).await, expected, "{interval}");
    }
}

#[tokio::test]
async fn a_week_counts_all_its_days() {
    let server = server_with(&[(Part::HostedOffer, &cap("week", 2))]).await;
    server.clock.set("2026-07-06T12:00:00Z");
    assert_eq!(disposition(&server).await, "ok");
    server.clock.set("2026-07-12T12:00:00Z");
    assert_eq!(disposition(&server).await, "ok");
    assert_eq!(disposition(&server).await, "Offer Over Click Cap");
    server.clock.set("2026-07-13T12:00:00Z");
    assert_eq!(disposition(&server).await, "ok");
}

#[tokio::test]
async fn duplicates_robots_head_tests_and_diverted_clicks_do_not_count() {
    let server = server_with(&[
        (Part::HostedOffer, &cap("day", 2)),
        (Part::Affiliate, "turned_off_sub_ids = [\"bad\"]"),
    ])
    .await;
    let visitor = server.visitor();
    visitor.get(LINK).await;
    for _ in 0..3 {
        visitor.get(LINK).await;
        server.tracking.send(Request::get(LINK).header("user-agent", "Googlebot/2.1")).await;
        server.tracking.send(Request::of(Method::HEAD, LINK).header("user-agent", FIREFOX)).await;
        follow(&server, "/?a=-1&c=1057").await;
        follow(&server, "/?a=12&c=1057&s1=bad").await;
    }
    assert_eq!(disposition(&server).await, "ok");
    assert_eq!(disposition(&server).await, "Offer Over Click Cap");
}

#[tokio::test]
async fn pixels_count_like_links() {
    let server = server_with(&[(Part::HostedOffer, &cap("day", 1))]).await;
    follow(&server, "/?a=12&c=1057&cp=js").await;
    assert_eq!(disposition(&server).await, "Offer Over Click Cap");
}

#[tokio::test]
async fn a_click_at_a_chains_target_counts_there() {
    let more = offer(500, &cap("day", 1));
    let server = server_with(&[
        (Part::HostedOffer, "status = \"inactive\"\nredirect_offer = 500"),
        (Part::More, &more),
    ])
    .await;
    follow(&server, LINK).await;
    diverted_at_last(&server).await;
}

async fn diverted_at_last(server: &Server) {
    let reply = follow(server, LINK).await;
    assert_eq!(reply.location(), "https://global.example/");
}

#[tokio::test]
async fn the_lowest_of_several_caps_holds() {
    let caps = "caps = [{ of = \"click\", interval = \"day\", limit = 5 }, { of = \"click\", interval = \"month\", limit = 2 }]";
    let server = server_with(&[(Part::HostedOffer, caps)]).await;
    assert_eq!(disposition(&server).await, "ok");
    assert_eq!(disposition(&server).await, "ok");
    assert_eq!(disposition(&server).await, "Offer Over Click Cap");
}

#[tokio::test]
async fn counts_are_kept_over_a_restart() {
    let server = server_with(&[(Part::HostedOffer, &cap("day", 2))]).await;
    assert_eq!(disposition(&server).await, "ok");
    let server = server.restart().await;
    assert_eq!(disposition(&server).await, "ok");
    assert_eq!(disposition(&server).await, "Offer Over Click Cap");
}

#[tokio::test]
async fn a_cap_that_is_set_later_counts_what_came_before() {
    let server = server_with(&[]).await;
    assert_eq!(disposition(&server).await, "ok");
    server.apply(&crumb_testkit::network::small_with(&[(Part::HostedOffer, &cap("day", 1))])).await;
    assert_eq!(disposition(&server).await, "Offer Over Click Cap");
}

#[tokio::test]
async fn a_hundred_clicks_at_once_pass_a_cap_by_one_batch_at_most() {
    let server = server_with(&[(Part::HostedOffer, &cap("day", 10))]).await;
    let mut running: tokio::task::JoinSet<_> = (0..100)
        .map(|_| {
            let client = server.tracking.clone();
            async move { client.get(LINK).await }
        })
        .collect();
    while let Some(reply) = running.join_next().await {
        assert_eq!(reply.unwrap().status, 302);
    }
    assert!(rows_of(&server, "disposition=ok").await.len() >= 10);
    assert_eq!(disposition(&server).await, "Offer Over Click Cap");
}
