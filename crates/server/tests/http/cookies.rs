//! The cookies of the tracking domain: attributes, signatures, bounds.

use crate::traffic::*;
use crumb_testkit::network::Part;
use crumb_testkit::{Options, Reply, Request, Server, network};

const VISITOR_MAX_AGE: &str = "Max-Age=34560000";

/// The visitor's cookie and the offer's, as set.
fn both(reply: &Reply) -> (String, String) {
    let (visitor, offers): (Vec<_>, Vec<_>) =
        reply.cookies().into_iter().partition(|cookie| cookie.contains(VISITOR_MAX_AGE));
    assert_eq!((visitor.len(), offers.len()), (1, 1), "{visitor:?} {offers:?}");
    (visitor[0].clone(), offers[0].clone())
}

fn attributes(cookie: &str) -> Vec<&str> {
    let mut attributes: Vec<&str> = cookie.split(';').skip(1).map(str::trim).collect();
    attributes.sort_unstable();
    attributes
}

fn name(cookie: &str) -> &str {
    cookie.split('=').next().unwrap_or_default()
}

fn value(cookie: &str) -> &str {
    cookie.split_once('=').and_then(|(_, rest)| rest.split(';').next()).unwrap_or_default()
}

#[tokio::test]
async fn on_http_cookies_are_lax_and_live_as_long_as_the_offer_says_and_400_days() {
    let server = server_with(&[(Part::Creative, "status = \"active\"")]).await;
    let (visitor, offer) = both(&follow(&server, LINK).await);
    assert_eq!(attributes(&visitor), ["HttpOnly", VISITOR_MAX_AGE, "Path=/", "SameSite=Lax"]);
    assert_eq!(attributes(&offer), ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax"]);
    let server = server_with(&[(Part::HostedOffer, "click_cookie_days = 7")]).await;
    let (_, offer) = both(&follow(&server, LINK).await);
    assert!(offer.contains("Max-Age=604800"), "{offer}");
}

#[tokio::test]
async fn on_https_as_a_trusted_proxy_has_it_cookies_are_secure_and_for_all_sites() {
    let server = server_behind_a_proxy(&[]).await;
    let request =
        Request::get(LINK).header("x-forwarded-proto", "https").header("x-forwarded-for", "192.0.2.1");
    let (visitor, offer) = both(&server.tracking.send(request).await);
    assert_eq!(attributes(&visitor), ["HttpOnly", VISITOR_MAX_AGE, "Path=/", "SameSite=None", "Secure"]);
    assert_eq!(attributes(&offer), ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=None", "Secure"]);
    let plain = Request::get(LINK).header("x-forwarded-proto", "http");
    assert!(attributes(&both(&server.tracking.send(plain).await).1).contains(&"SameSite=Lax"));
}

#[tokio::test]
async fn a_peer_that_is_not_trusted_cannot_say_https() {
    let server = Server::start(network::SMALL).await;
    let request = Request::get(LINK).header("x-forwarded-proto", "https");
    let (_, offer) = both(&server.tracking.send(request).await);
    assert!(attributes(&offer).contains(&"SameSite=Lax"), "{offer}");
}

#[tokio::test]
async fn a_forged_cookie_is_treated_as_absent() {
    let server = Server::start(network::SMALL).await;
    let reply = follow(&server, LINK).await;
    let (visitor, offer) = both(&reply);
    let first = parameter(reply.location(), "reqid");
    let follow_with = async |cookie: String| {
        let reply = server.tracking.send(Request::get(LINK).header("cookie", &cookie)).await;
        parameter(reply.location(), "reqid")
    };
    let visitor_pair = format!("{}={}", name(&visitor), value(&visitor));
    let good = value(&offer);
    assert_eq!(follow_with(format!("{visitor_pair}; {}={good}", name(&offer))).await, first);
    for index in 0..good.len() {
        let mut bytes = good.as_bytes().to_vec();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(bytes).unwrap();
        let id = follow_with(format!("{visitor_pair}; {}={forged}", name(&offer))).await;
        assert_ne!(id, first, "byte {index} of {good} changed");
    }
    for forged in ["", "x", &good[1..], &good[..good.len() - 1], &format!("{good}{good}")] {
        assert_ne!(
            follow_with(format!("{visitor_pair}; {}={forged}", name(&offer))).await,
            first,
            "{forged}"
        );
    }
}

#[tokio::test]
async fn a_forged_visitor_cookie_is_treated_as_absent() {
    let link = "link = \"https://lp.example/?reqid=#reqid#&v=#vstid#\"";
    let server = server_with(&[(Part::HostedOffer, link)]).await;
    let reply = follow(&server, LINK).await;
    let (visitor, _) = both(&reply);
    let (first, good) = (parameter(reply.location(), "v"), value(&visitor));
    let follow_with = async |value: &str| {
        let cookie = format!("{}={value}", name(&visitor));
        let reply = server.tracking.send(Request::get(LINK).header("cookie", &cookie)).await;
        parameter(reply.location(), "v")
    };
    assert_eq!(follow_with(good).await, first);
    for index in 0..good.len() {
        let mut bytes = good.as_bytes().to_vec();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(bytes).unwrap();
        assert_ne!(follow_with(&forged).await, first, "byte {index} of {good} changed");
    }
}

#[tokio::test]
async fn a_cookie_of_one_offer_is_worth_nothing_on_another() {
    let server = Server::start(network::SMALL).await;
    let (visitor, hosted) = both(&follow(&server, "/?a=12&c=1057").await);
    let (_, other) = both(&follow(&server, "/?a=12&c=2001").await);
    assert_ne!(name(&hosted), name(&other));
    let cookie = format!("{}={}; {}={}", name(&visitor), value(&visitor), name(&other), value(&hosted));
    server.tracking.send(Request::get("/?a=12&c=2001").header("cookie", &cookie)).await;
    let row = last_row(&server).await;
    assert_eq!(row["offer"], 200);
    assert_eq!(row["duplicate"], false);
}

#[tokio::test]
async fn a_valid_visitor_cookie_does_not_stand_in_for_an_offers() {
    let server =
        server_with(&[(Part::HostedOffer, "link = \"https://lp.example/?reqid=#reqid#&v=#vstid#\"")]).await;
    let reply = follow(&server, LINK).await;
    let (visitor, _) = both(&reply);
    let cookie = format!("{}={}", name(&visitor), value(&visitor));
    let again = server.tracking.send(Request::get(LINK).header("cookie", &cookie)).await;
    assert_ne!(parameter(again.location(), "reqid"), parameter(reply.location(), "reqid"));
    assert_eq!(parameter(again.location(), "v"), parameter(reply.location(), "v"));
    assert_eq!(last_row(&server).await["duplicate"], false);
    let post = Request::post(
        "/d.ashx",
        "application/x-www-form-urlencoded",
        "ckm_offer_id=100&email_address=a@example.com&zip_code=90210&ckm_bp=0",
    );
    let answer = server.tracking.send(post.header("cookie", &cookie)).await;
    let lead = server.api_json(&format!("/leads/{}", answer.between("<leadid>", "</leadid>"))).await;
    assert_eq!(lead["attribution"], "internal");
}

#[tokio::test]
async fn a_duplicate_leaves_the_offers_cookie_as_it_is() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    let (_, offer) = both(&visitor.get(LINK).await);
    server.clock.advance_days(10);
    let again = visitor.get("/?a=13&c=1057").await;
    assert!(again.cookies().iter().all(|cookie| name(cookie) != name(&offer)), "{:?}", again.cookies());
}

#[tokio::test]
async fn a_visitor_keeps_forty_offer_cookies_and_the_oldest_are_expired_first() {
    let offers: String = (500..545).map(|id| offer(id, "")).collect();
    let server = server_with(&[(Part::More, &offers)]).await;
    let visitor = server.visitor();
    let mut ids = Vec::new();
    for id in 500..545 {
        ids.push(visitor.click(&format!("/?a=12&c={id}0")).await);
        server.clock.advance_seconds(1);
        assert!(visitor.cookie_names().len() <= 41, "{} cookies", visitor.cookie_names().len());
    }
    assert_eq!(visitor.cookie_names().len(), 41);
    // The last forty are still known, from the newest to the oldest.
    for id in (505..545).rev() {
        assert_eq!(visitor.click(&format!("/?a=12&c={id}0")).await, ids[id - 500], "offer {id}");
    }
    assert_ne!(visitor.click("/?a=12&c=5040").await, ids[4]);
}

#[tokio::test]
async fn a_cookie_header_full_of_others_does_no_harm() {
    let server = Server::start(network::SMALL).await;
    let reply = follow(&server, LINK).await;
    let (visitor, offer) = both(&reply);
    let others: String = (0..150).map(|n| format!("other{n}=value; =; x; ")).collect();
    let own = format!("{}={}; {}={}", name(&visitor), value(&visitor), name(&offer), value(&offer));
    let again = server.tracking.send(Request::get(LINK).header("cookie", &format!("{others}{own}"))).await;
    assert_eq!(parameter(again.location(), "reqid"), parameter(reply.location(), "reqid"));
}

#[tokio::test]
async fn cookies_are_known_after_a_restart() {
    let server = Server::start_with(network::SMALL, Options::default()).await;
    let reply = follow(&server, LINK).await;
    let (visitor, offer) = both(&reply);
    let server = server.restart().await;
    let own = format!("{}={}; {}={}", name(&visitor), value(&visitor), name(&offer), value(&offer));
    let again = server.tracking.send(Request::get(LINK).header("cookie", &own)).await;
    assert_eq!(parameter(again.location(), "reqid"), parameter(reply.location(), "reqid"));
}
