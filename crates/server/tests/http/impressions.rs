//! The impression pixel.

use crate::traffic::*;
use crumb_domain::Clock as _;
use crumb_testkit::network::{self, Part};
use crumb_testkit::{Reply, Request, Server};
use http::Method;
use serde_json::{Value, json};

const SHOWN: &str = "/i.ashx?a=12&c=1057";

fn is_image(reply: &Reply) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "image/gif");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert!(reply.cookies().is_empty());
}

fn today(server: &Server) -> String {
    server.site.network.snapshot().zone().day_of(server.site.clock.now()).to_string()
}

async fn shown(server: &Server, of: &str) -> Value {
    server.api_json(&format!("/impressions?{of}")).await
}

#[tokio::test]
async fn an_impression_is_counted_for_campaign_and_creative_on_its_day() {
    let server = Server::start(network::SMALL).await;
    for _ in 0..2 {
        is_image(&follow(&server, SHOWN).await);
    }
    let first = today(&server);
    server.clock.advance_seconds(86_400);
    is_image(&follow(&server, "/I.ashx?A=12&C=1057&s1=mail").await);
    let second = today(&server);
    let expected = json!({
        "data": [{ "day": first, "impressions": 2 }, { "day": second, "impressions": 1 }],
        "total": 3,
    });
    assert_eq!(shown(&server, "campaign=57").await, expected);
    assert_eq!(shown(&server, "creative=1057").await, expected);
    let today = format!("campaign=57&from={second}T12:00:00Z");
    assert_eq!(shown(&server, &today).await["total"], 1);
    assert_eq!(shown(&server, &format!("creative=1057&to={first}T12:00:00Z")).await["total"], 2);
}

#[tokio::test]
async fn an_impression_makes_no_click_no_session_and_no_campaign() {
    let server = Server::start(network::SMALL).await;
    is_image(&follow(&server, SHOWN).await);
    // Offer 100 is public, and this affiliate has no campaign on it yet.
    is_image(&follow(&server, "/i.ashx?a=13&c=1057").await);
    assert_eq!(rows(&server).await, Vec::<Value>::new());
    assert_eq!(shown(&server, "creative=1057").await["total"], 2);
    assert_eq!(shown(&server, "campaign=57").await["total"], 1);
    let network = server.site.network.snapshot();
    assert!(network.campaigns(crumb_domain::AffiliateId(13), crumb_domain::OfferId(100)).next().is_none());
}

#[tokio::test]
async fn what_no_person_was_shown_is_answered_alike_and_not_counted() {
    let server = Server::start(network::SMALL).await;
    let browser = |target: &str| Request::get(target).header("user-agent", FIREFOX);
    for request in [
        browser(SHOWN).header("sec-purpose", "prefetch;prerender"),
        Request::of(Method::HEAD, SHOWN).header("user-agent", FIREFOX),
        Request::get(SHOWN).header("user-agent", "Slackbot-LinkExpanding 1.0"),
        Request::get(SHOWN).header("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)"),
        browser("/i.ashx?a=-1&c=1057"),
        browser("/i.ashx?a=999&c=1057"),
        browser("/i.ashx?a=12&c=999"),
        browser("/i.ashx?a=12"),
        browser("/i.ashx"),
        browser("/i.ashx?a=14&c=1057"),
    ] {
        is_image(&server.tracking.send(request).await);
    }
    assert_eq!(shown(&server, "campaign=57").await["total"], 0);
    assert_eq!(shown(&server, "creative=1057").await["total"], 0);
}

#[tokio::test]
async fn an_inactive_offers_advertisement_is_an_image_and_not_counted() {
    let server = server_with(&[(Part::HostedOffer, "status = \"inactive\"")]).await;
    is_image(&follow(&server, SHOWN).await);
    assert_eq!(shown(&server, "creative=1057").await["total"], 0);
}

#[tokio::test]
async fn other_methods_are_refused_and_the_limits_of_input_hold() {
    let server = Server::start(network::SMALL).await;
    let post = server.tracking.send(Request::of(Method::POST, SHOWN)).await;
    assert_eq!((post.status.as_u16(), post.header("allow")), (405, "GET, HEAD"));
    let many = "&x=1".repeat(501);
    assert_eq!(server.tracking.get(&format!("{SHOWN}{many}")).await.status, 413);
}

#[tokio::test]
async fn while_the_store_is_down_an_impression_is_no_image() {
    let server = Server::start(network::SMALL).await;
    let lock = server.lock_store();
    let reply = follow(&server, SHOWN).await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.header("retry-after"), "5");
    drop(lock);
    is_image(&follow(&server, SHOWN).await);
    assert_eq!(shown(&server, "creative=1057").await["total"], 1);
}

#[tokio::test]
async fn counts_are_of_one_campaign_or_creative_and_an_affiliate_sees_its_own() {
    let server = Server::start(network::SMALL).await;
    follow(&server, SHOWN).await;
    follow(&server, "/?a=13&c=1057").await;
    let others = last_row(&server).await["campaign"].clone();
    for query in ["", "?campaign=57&creative=1057"] {
        let admin = server.api_key("admin").await;
        let asked = Request::get(&format!("/api/v1/impressions{query}")).bearer(&admin);
        assert_eq!(server.admin.send(asked).await.status, 400, "{query}");
    }
    let key = server.api_key("affiliate:12").await;
    let ask = async |query: &str| {
        let asked = Request::get(&format!("/api/v1/impressions?{query}")).bearer(&key);
        server.admin.send(asked).await
    };
    assert_eq!(ask("campaign=57").await.json()["total"], 1);
    assert_eq!(ask("campaign=999").await.status, 404);
    let refused = ask(&format!("campaign={others}")).await;
    assert_eq!((refused.status.as_u16(), others.is_i64()), (404, true), "another's is as if there were none");
    assert_eq!(ask("creative=1057").await.status, 403);
}
