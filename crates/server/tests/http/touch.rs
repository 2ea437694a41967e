//! First and last touch, cookie days, double taps, and what a converted visitor
//! is shown.

use crate::contracts::{Contract, market_with};
use crate::traffic::*;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;
use crumb_testkit::{Request, Server, network};
use serde_json::json;

#[tokio::test]
async fn under_first_touch_a_later_click_through_anybody_is_a_duplicate_with_the_same_request_id() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    let first = visitor.click("/?a=12&c=1057").await;
    let cookies = visitor.cookies();
    server.clock.advance_days(3);
    assert_eq!(visitor.click("/?a=13&c=1057").await, first);
    assert_eq!(visitor.click("/?a=12&c=1058").await, first);
    assert_eq!(visitor.cookies(), cookies);
    let rows = rows(&server).await;
    let duplicates: Vec<_> = rows.iter().map(|row| row["duplicate"].clone()).collect();
    assert_eq!(duplicates, [json!(false), json!(true), json!(true)]);
    assert!(rows.iter().all(|row| row["request_id"] == first && row["disposition"] == "ok"));
    let affiliates: Vec<_> = rows.iter().map(|row| row["affiliate"].clone()).collect();
    assert_eq!(affiliates, [json!(12), json!(13), json!(12)]);
    assert_eq!(rows[2]["creative"], 1058);
}

#[tokio::test]
async fn a_lead_after_a_duplicate_credits_the_first_affiliate() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    visitor.click("/?a=12&c=1057").await;
    visitor.click("/?a=13&c=1057").await;
    let post = "ckm_offer_id=100&email_address=a@example.com&zip_code=90210&ckm_bp=0";
    let answer = visitor.post_form("/d.ashx", post).await;
    let lead = server.api_json(&format!("/leads/{}", answer.between("<leadid>", "</leadid>"))).await;
    assert_eq!(lead["affiliate"], 12);
}

#[tokio::test]
async fn tokens_of_a_duplicate_carry_the_credited_sessions_values_and_its_row_its_own() {
    let server = server_with(&[(
        Part::HostedOffer,
        "link = \"https://lp.example/q?reqid=#reqid#&x=#affid#.#campid#.#cid#.#s1#.#s2#.#udid#\"",
    )])
    .await;
    let visitor = server.visitor();
    let id = visitor.click("/?a=12&c=1057&s1=one&s2=two&udid=d1").await;
    let reply = visitor.get("/?a=13&c=1057&s1=other&s2=second&udid=d2").await;
    assert_eq!(reply.location(), format!("https://lp.example/q?reqid={id}&x=12.57.1057.one.two.d1"));
    let row = last_row(&server).await;
    assert_eq!(row["affiliate"], 13);
    assert_eq!(row["sub_ids"], json!(["other", "second", "", "", ""]));
    assert_eq!(row["device_id"], "d2");
    assert_eq!(row["request_id"], id);
    assert_ne!(row["campaign"], 57);
}

const LAST_TOUCH: &[(Part, &str)] = &[(Part::HostedOffer, "last_touch = true")];

#[tokio::test]
async fn under_last_touch_another_affiliate_takes_the_session_over_and_back() {
    let server = server_with(LAST_TOUCH).await;
    let visitor = server.visitor();
    let a = visitor.click("/?a=12&c=1057").await;
    let b = visitor.click("/?a=13&c=1057").await;
    let again = visitor.click("/?a=12&c=1057").await;
    assert_ne!(a, b);
    assert_ne!(b, again);
    assert_ne!(a, again);
    assert!(rows(&server).await.iter().all(|row| row["duplicate"] == false));
    let post = "ckm_offer_id=100&email_address=a@example.com&zip_code=90210&ckm_bp=0";
    let answer = visitor.post_form("/d.ashx", post).await;
    let lead = server.api_json(&format!("/leads/{}", answer.between("<leadid>", "</leadid>"))).await;
    assert_eq!(lead["request_id"], again);
}

#[tokio::test]
async fn under_last_touch_the_same_affiliate_again_is_a_duplicate_and_restarts_nothing() {
    let server = server_with(LAST_TOUCH).await;
    let visitor = server.visitor();
    let first = visitor.click("/?a=12&c=1057&s1=x").await;
    server.clock.advance_days(29);
    assert_eq!(visitor.click("/?a=12&c=1058&s1=y").await, first);
    server.clock.advance_days(1);
    assert_ne!(visitor.click("/?a=12&c=1057").await, first);
}

#[tokio::test]
async fn under_last_touch_another_affiliates_click_restarts_the_cookie_days() {
    let server = server_with(LAST_TOUCH).await;
    let visitor = server.visitor();
    visitor.click("/?a=12&c=1057").await;
    server.clock.advance_days(20);
    let second = visitor.click("/?a=13&c=1057").await;
    server.clock.advance_days(29);
    assert_eq!(visitor.click("/?a=13&c=1057").await, second);
}

#[tokio::test]
async fn the_internal_affiliate_never_takes_over_a_live_session() {
    let server = server_with(LAST_TOUCH).await;
    let visitor = server.visitor();
    let first = visitor.click("/?a=12&c=1057").await;
    assert_eq!(visitor.click("/?a=1&c=1057").await, first);
    let row = last_row(&server).await;
    assert_eq!(row["duplicate"], true);
    assert_eq!(row["affiliate"], 1);
}

#[tokio::test]
async fn under_last_touch_an_affiliate_takes_over_from_the_internal_one() {
    let server = server_with(LAST_TOUCH).await;
    let visitor = server.visitor();
    let first = visitor.click("/?a=1&c=1057").await;
    assert_ne!(visitor.click("/?a=12&c=1057").await, first);
    assert_eq!(last_row(&server).await["duplicate"], false);
}

#[tokio::test]
async fn a_session_ends_with_the_offers_cookie_days_by_the_servers_clock() {
    let server = server_with(&[(Part::HostedOffer, "click_cookie_days = 7")]).await;
    let visitor = server.visitor();
    let first = visitor.click(LINK).await;
    server.clock.advance_seconds(7 * 86_400 - 1);
    assert_eq!(visitor.click(LINK).await, first);
    server.clock.advance_seconds(1);
    let second = visitor.click(LINK).await;
    assert_ne!(second, first);
    assert_eq!(last_row(&server).await["duplicate"], false);
    assert_eq!(visitor.click(LINK).await, second);
}

#[tokio::test]
async fn offers_have_sessions_of_their_own() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    let hosted = visitor.click("/?a=12&c=1057").await;
    assert_ne!(visitor.click("/?a=12&c=2001").await, hosted);
    assert_eq!(last_row(&server).await["duplicate"], false);
    assert_eq!(visitor.click("/?a=12&c=1057").await, hosted);
}

#[tokio::test]
async fn visitors_without_cookies_make_new_sessions() {
    let server = Server::start(network::SMALL).await;
    let first = parameter(follow(&server, LINK).await.location(), "reqid");
    let second = parameter(follow(&server, LINK).await.location(), "reqid");
    assert_ne!(first, second);
    assert!(rows(&server).await.iter().all(|row| row["duplicate"] == false));
}

const THROW_OUT: &[(Part, &str)] = &[(Part::HostedOffer, "throw_out_seconds = 10")];

#[tokio::test]
async fn an_equal_click_without_cookies_within_the_throw_out_seconds_is_a_double_tap() {
    let server = server_with(THROW_OUT).await;
    let first = parameter(follow(&server, "/?a=12&c=1057&s1=x&s2=1").await.location(), "reqid");
    server.clock.advance_seconds(9);
    let reply = follow(&server, "/?a=12&c=1057&s1=x&s2=2&udid=d").await;
    assert_eq!(parameter(reply.location(), "reqid"), first);
    let row = last_row(&server).await;
    assert_eq!(row["duplicate"], true);
    assert_eq!(row["request_id"], first);
    server.clock.advance_seconds(1);
    let later = follow(&server, "/?a=12&c=1057&s1=x").await;
    assert_ne!(parameter(later.location(), "reqid"), first);
    assert_eq!(last_row(&server).await["duplicate"], false);
}

#[tokio::test]
async fn a_visitor_whose_own_cookie_came_along_is_nobody_elses_double() {
    let server = server_with(THROW_OUT).await;
    let (one, other) = (server.visitor(), server.visitor());
    // Both have been here before, for something else.
    for visitor in [&one, &other] {
        visitor.click("/?a=12&c=2001").await;
    }
    let first = one.click(LINK).await;
    assert_ne!(other.click(LINK).await, first);
    assert_eq!(last_row(&server).await["duplicate"], false);
    // A second tap is sent before the answer to the first was read.
    let third = server.visitor();
    third.click("/?a=12&c=2001").await;
    let early = third.cookies();
    let tap = || Request::get(LINK).header("user-agent", FIREFOX).header("cookie", &early);
    let answers = [server.tracking.send(tap()).await, server.tracking.send(tap()).await];
    let [a, b] = answers.map(|answer| parameter(answer.location(), "reqid"));
    assert_eq!(a, b);
    assert!(a != first);
}

#[tokio::test]
async fn a_click_that_differs_in_any_part_is_no_double_tap() {
    let more = "[[offer.contract]]\nid = 900\n[[offer.contract]]\nid = 901";
    let text = network::small_with(THROW_OUT)
        .replace("[[offer.creative]]\nid = 1057\n", &format!("{more}\n\n[[offer.creative]]\nid = 1057\n"));
    let options =
        crumb_testkit::Options { trusted_proxies: vec!["127.0.0.0/8".to_owned()], ..Default::default() };
    let server = Server::start_with(&text, options).await;
    let from = "198.51.100.1";
    let first = "/?a=12&c=1057&s1=x&m=1&p=c&oc=900";
    follow_from(&server, from, first).await;
    for other in [
        "/?a=13&c=1057&s1=x&m=1&p=c&oc=900",
        "/?a=12&c=1058&s1=x&m=1&p=c&oc=900",
        "/?a=12&c=1057&s1=y&m=1&p=c&oc=900",
        "/?a=12&c=1057&s1=x&m=2&p=c&oc=900",
        "/?a=12&c=1057&s1=x&m=1&p=m&oc=900",
        "/?a=12&c=1057&s1=x&m=1&p=c&oc=901",
        // By its words: such an offer contract there is not.
        "/?a=12&c=1057&s1=x&m=1&p=c&oc=999",
        "/?a=12&c=1057&s1=x&m=1&p=c",
    ] {
        follow_from(&server, from, other).await;
        assert_eq!(last_row(&server).await["duplicate"], false, "{other}");
    }
    follow_from(&server, "198.51.100.2", first).await;
    assert_eq!(last_row(&server).await["duplicate"], false);
    let other_agent = crumb_testkit::Request::get(first)
        .header("user-agent", "Mozilla/5.0 Other")
        .header("x-forwarded-for", from);
    server.tracking.send(other_agent).await;
    assert_eq!(last_row(&server).await["duplicate"], false);
    follow_from(&server, from, first).await;
    assert_eq!(last_row(&server).await["duplicate"], true);
}

#[tokio::test]
async fn a_program_that_asks_by_head_first_does_not_make_a_persons_click_its_double() {
    let server = server_with(THROW_OUT).await;
    let head = crumb_testkit::Request::of(http::Method::HEAD, LINK).header("user-agent", FIREFOX);
    server.tracking.send(head).await;
    follow(&server, LINK).await;
    assert_eq!(last_row(&server).await["duplicate"], false);
}

#[tokio::test]
async fn a_double_tap_of_a_visitor_who_converted_meanwhile_is_already_converted() {
    let server = server_with(THROW_OUT).await;
    let id = parameter(follow(&server, LINK).await.location(), "reqid");
    let post = format!("ckm_offer_id=100&ckm_request_id={id}&email_address=a@example.com&zip_code=90210");
    server.tracking.post_form("/d.ashx", &post).await;
    let reply = follow(&server, LINK).await;
    assert_eq!(reply.location(), "https://lp.example/thanks?lead=");
    assert_eq!(last_row(&server).await["disposition"], "Already Converted");
}

#[tokio::test]
async fn a_duplicate_is_led_by_its_own_link() {
    let more = "[[offer.contract]]\nid = 900\n[[offer.contract]]\nid = 901\nlink = \"https://lp.example/901?reqid=#reqid#\"";
    let text = network::SMALL
        .replace("[[offer.creative]]\nid = 1057\n", &format!("{more}\n\n[[offer.creative]]\nid = 1057\n"));
    let server = Server::start(&text).await;
    let visitor = server.visitor();
    let id = visitor.click("/?a=12&c=1057&oc=900").await;
    let reply = visitor.get("/?a=12&c=1057&oc=901").await;
    assert_eq!(reply.location(), format!("https://lp.example/901?reqid={id}"));
    let banner = visitor.get("/?a=12&c=1058").await;
    assert_eq!(banner.location(), format!("https://lp.example/banner?reqid={id}"));
}

#[tokio::test]
async fn fifty_taps_at_once_open_one_session() {
    let server = server_with(THROW_OUT).await;
    let mut running: tokio::task::JoinSet<_> = (0..50)
        .map(|_| {
            let client = server.tracking.clone();
            async move { client.get("/?a=12&c=1057&s1=x").await }
        })
        .collect();
    while let Some(reply) = running.join_next().await {
        assert_eq!(reply.unwrap().status, 302);
    }
    let rows = rows(&server).await;
    assert_eq!(rows.len(), 50);
    assert_eq!(rows.iter().filter(|row| row["duplicate"] == false).count(), 1);
    assert!(rows.iter().all(|row| row["request_id"] == rows[0]["request_id"]));
}

#[tokio::test]
async fn a_double_tap_is_known_after_a_restart_too() {
    let server = server_with(THROW_OUT).await;
    let first = parameter(follow(&server, LINK).await.location(), "reqid");
    server.clock.advance_seconds(4);
    let server = server.restart().await;
    let second = parameter(follow(&server, LINK).await.location(), "reqid");
    assert_eq!(second, first);
    assert_eq!(last_row(&server).await["duplicate"], true);
    server.clock.advance_seconds(6);
    assert_ne!(parameter(follow(&server, LINK).await.location(), "reqid"), first);
}

#[tokio::test]
async fn clicks_are_double_taps_by_what_their_links_say_and_not_by_what_it_comes_to() {
    let contract = "[[offer.contract]]\nid = 900\n\n[[offer.creative]]\nid = 1057\n";
    let text = network::small_with(&[THROW_OUT[0], (Part::Campaign, "offer_contract = 900")])
        .replace("[[offer.creative]]\nid = 1057\n", contract);
    let server = Server::start(&text).await;
    // Both run under contract 900.
    let bare = parameter(follow(&server, LINK).await.location(), "reqid");
    let named = format!("{LINK}&oc=900");
    assert_ne!(parameter(follow(&server, &named).await.location(), "reqid"), bare);
    let server = server.restart().await;
    assert_eq!(parameter(follow(&server, LINK).await.location(), "reqid"), bare);
}

#[tokio::test]
async fn a_visitor_whose_session_has_a_queued_lead_is_sent_to_the_thank_you_link() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    let id = visitor.click(LINK).await;
    visitor.post_form("/d.ashx", "ckm_offer_id=100&email_address=a@example.com&zip_code=90210").await;
    let reply = visitor.get("/?a=13&c=1057").await;
    assert_eq!(reply.status, 302);
    assert!(reply.location().starts_with("https://lp.example/thanks"), "{}", reply.location());
    let row = last_row(&server).await;
    assert_eq!(row["disposition"], "Already Converted");
    assert_eq!(row["affiliate"], 13);
    assert_eq!(row["creative"], 1057);
    let session = server.api_json(&format!("/clicks/{id}")).await;
    assert_eq!(session["clicks"].as_array().map(Vec::len), Some(2), "{session}");
}

#[tokio::test]
async fn a_session_is_converted_by_a_lead_that_was_sold_or_is_paid_and_by_no_other() {
    let buyers = MockBuyers::start().await.unwrap();
    for (answer, keys, is_converted) in [
        ("/accept", "", true),
        ("/reject", "pay_only_when_sold = false", true),
        ("/reject", "", false),
        ("/cut-after", "", false),
    ] {
        let keys = format!("payout = \"2.00\"\nthank_you_link = \"https://lp.example/thanks\"\n{keys}");
        let contract = Contract::new(7, &buyers.url(answer), "30.00");
        let server = Server::start(&market_with(&[(Part::HostNPostOffer, &keys)], &[contract])).await;
        let visitor = server.visitor();
        let id = visitor.click("/?a=12&c=2001").await;
        visitor.post_form("/d.ashx", "ckm_offer_id=200&email_address=a@example.com&zip_code=90210").await;
        let location = visitor.get("/?a=13&c=2001").await.location().to_owned();
        let row = last_row(&server).await;
        assert_eq!(row["request_id"], id, "{answer} {keys}");
        if is_converted {
            assert_eq!(location, "https://lp.example/thanks", "{answer} {keys}");
            assert_eq!(row["disposition"], "Already Converted", "{answer} {keys}");
        } else {
            assert_eq!(location, format!("https://lp.example/fast?reqid={id}"), "{answer} {keys}");
            assert_eq!(row["disposition"], "ok", "{answer} {keys}");
        }
    }
}

#[tokio::test]
async fn without_a_thank_you_link_a_converted_visitor_goes_to_the_global_redirect() {
    let server = server_with(&[(Part::More, "[[campaign]]\nid = 80\naffiliate = 12\noffer = 300")]).await;
    let visitor = server.visitor();
    visitor.click("/?a=12&c=3001").await;
    visitor.post_form("/d.ashx", "ckm_offer_id=300&email_address=a@example.com&zip_code=90210").await;
    let reply = visitor.get("/?a=12&c=3001").await;
    assert_eq!(reply.location(), "https://global.example/");
    assert_eq!(last_row(&server).await["disposition"], "Already Converted");
}

#[tokio::test]
async fn a_lead_that_was_not_accepted_converts_nobody() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    let id = visitor.click(LINK).await;
    visitor.post_form("/d.ashx", "ckm_offer_id=100&email_address=wrong").await;
    visitor
        .post_form("/d.ashx", "ckm_offer_id=100&email_address=a@example.com&zip_code=90210&ckm_test=1")
        .await;
    assert_eq!(visitor.click(LINK).await, id);
    assert_eq!(last_row(&server).await["disposition"], "ok");
}

#[tokio::test]
async fn what_diverts_a_click_is_looked_for_before_whether_the_visitor_converted() {
    let server = server_with(&[(Part::HostedOffer, "expires_at = \"2026-07-01T12:00:10Z\"")]).await;
    let visitor = server.visitor();
    visitor.click(LINK).await;
    visitor.post_form("/d.ashx", "ckm_offer_id=100&email_address=a@example.com&zip_code=90210").await;
    server.clock.advance_seconds(10);
    assert_eq!(visitor.get(LINK).await.location(), "https://global.example/");
    assert_eq!(last_row(&server).await["disposition"], "Offer Expired");
}

#[tokio::test]
async fn a_request_id_older_than_the_cookie_days_no_longer_attributes() {
    let server = Server::start(network::SMALL).await;
    let id = server.visitor().click(LINK).await;
    server.clock.advance_days(30);
    let post = format!("ckm_offer_id=100&ckm_request_id={id}&email_address=a@example.com&zip_code=90210");
    let answer = server.tracking.post_form("/d.ashx", &post).await;
    let lead = server.api_json(&format!("/leads/{}", answer.between("<leadid>", "</leadid>"))).await;
    assert_eq!(lead["outcome"], "unattributed_session");
    assert_eq!(lead["affiliate"], 1);
}

#[tokio::test]
async fn under_last_touch_a_test_link_takes_over_and_what_follows_is_a_test() {
    let server = server_with(&[(Part::HostedOffer, "last_touch = true")]).await;
    let tester = server.visitor();
    let real = tester.click(LINK).await;
    let test = tester.click("/?a=-1&c=1057").await;
    assert_ne!(test, real);
    let post = "ckm_offer_id=100&email_address=a@example.com&zip_code=90210&ckm_bp=0";
    let answer = tester.post_form("/d.ashx", post).await;
    let lead = server.api_json(&format!("/leads/{}", answer.between("<leadid>", "</leadid>"))).await;
    assert_eq!((&lead["status"], &lead["request_id"]), (&json!("test"), &json!(test)));
    assert_ne!(tester.click(LINK).await, test, "and a partner's link takes over from it");
}
