//! The tracking link: its parameters and its answer.

use crate::traffic::*;
use crumb_domain::{AffiliateId, OfferId};
use crumb_testkit::network::{Part, small_with};
use crumb_testkit::{Request, Server, network};
use http::Method;
use serde_json::json;

#[tokio::test]
async fn a_link_answers_302_with_location_no_store_cookies_and_one_link() {
    let server = Server::start(network::SMALL).await;
    let reply = follow(&server, "/?a=12&c=1057&s1=x").await;
    assert_eq!(reply.status, 302);
    let location = reply.location().to_owned();
    assert!(location.starts_with("https://lp.example/quote?reqid="), "{location}");
    assert!(location.ends_with("&aff=12&s1=x"), "{location}");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.cookies().len(), 2);
    assert!(reply.header("content-type").starts_with("text/html"));
    let text = reply.text();
    let escaped = location.replace('&', "&amp;");
    assert!(text.contains(&format!("Object moved to <a href=\"{escaped}\">here</a>.")), "{text}");
    assert_eq!(text.matches("href").count(), 1, "{text}");
    assert_eq!(text.matches("http").count(), 1, "{text}");
}

#[tokio::test]
async fn the_one_link_of_the_body_cannot_be_broken_out_of() {
    let server = server_with(&[
        (Part::HostedOffer, "append_prefill = true"),
        (Part::Creative, "link = \"https://lp.example/q?x=#s1#\""),
    ])
    .await;
    let reply = follow(&server, "/?a=12&c=1057&s1=%22%3E%3Cscript%3E%27").await;
    let text = reply.text();
    assert!(!text.contains("<script"), "{text}");
    assert_eq!(reply.location(), "https://lp.example/q?x=%22%3E%3Cscript%3E%27");
}

#[tokio::test]
async fn the_click_is_in_the_store_when_the_redirect_arrives() {
    let server = Server::start(network::SMALL).await;
    for number in 1..=20 {
        let reply = follow(&server, LINK).await;
        assert_eq!(reply.status, 302);
        let id = parameter(reply.location(), "reqid");
        let session = server.api_json(&format!("/clicks/{id}")).await;
        assert_eq!(session["request_id"], id);
        assert_eq!(session["clicks"].as_array().map(Vec::len), Some(1));
        assert_eq!(rows(&server).await.len(), number);
    }
}

#[tokio::test]
async fn names_of_parameters_are_case_insensitive() {
    let server = Server::start(network::SMALL).await;
    follow(&server, "/?A=12&C=1057&S1=x&Udid=d&M=3&First_Name=Ann").await;
    let row = last_row(&server).await;
    assert_eq!(row["affiliate"], 12);
    assert_eq!(row["creative"], 1057);
    assert_eq!(row["sub_ids"][0], "x");
    assert_eq!(row["device_id"], "d");
    assert_eq!(row["media_type"], 3);
}

#[tokio::test]
async fn values_of_parameters_keep_their_case() {
    let server = server_with(&[(Part::Affiliate, "turned_off_sub_ids = [\"bad\"]")]).await;
    follow(&server, "/?a=12&c=1057&s1=BAD&udid=UpLow").await;
    let row = last_row(&server).await;
    assert_eq!(row["disposition"], "ok");
    assert_eq!(row["sub_ids"][0], "BAD");
    assert_eq!(row["device_id"], "UpLow");
}

#[tokio::test]
async fn every_parameter_is_recorded() {
    let server = server_with(&[(
        Part::More,
        "[[offer]]\nid = 400\nname = \"Two terms\"\nvertical = 1\nadvertiser = 1\ntype = \"hosted\"\n\
         link = \"https://lp.example/4?reqid=#reqid#\"\n[[offer.creative]]\nid = 4001\nname = \"x\"\n\
         [[offer.contract]]\nid = 900\n[[offer.contract]]\nid = 901\nlink = \"https://lp.example/901?reqid=#reqid#\"",
    )])
    .await;
    let request = Request::get("/?a=12&c=4001&p=c&oc=901&m=7&s1=1&s2=2&s3=3&s4=4&s5=5&udid=device")
        .header("user-agent", "Mozilla/5.0 Test")
        .header("referer", "https://blog.example/post");
    let reply = server.tracking.send(request).await;
    assert!(reply.location().starts_with("https://lp.example/901?"), "{}", reply.location());
    let row = last_row(&server).await;
    assert_eq!(row["affiliate"], 12);
    assert_eq!(row["offer"], 400);
    assert_eq!(row["creative"], 4001);
    assert_eq!(row["offer_contract"], 901);
    assert_eq!(row["media_type"], 7);
    assert_eq!(row["sub_ids"], json!(["1", "2", "3", "4", "5"]));
    assert_eq!(row["device_id"], "device");
    assert_eq!(row["ip"], "127.0.0.1");
    assert_eq!(row["user_agent"], "Mozilla/5.0 Test");
    assert_eq!(row["referrer"], "https://blog.example/post");
    assert_eq!(row["redirect"], reply.location());
    assert_eq!(row["at"], crumb_testkit::FakeClock::START);
    assert_eq!(row["disposition"], "ok");
    assert_eq!(row["non_human"], json!(null));
}

#[tokio::test]
async fn a_link_asks_for_no_other_contract_than_the_one_that_its_campaign_names() {
    let more = "[[offer.contract]]\nid = 900\npayout = \"11.00\"\n[[offer.contract]]\nid = 901\npayout = \"13.00\"\n\
                [[offer.creative]]\nid = 1057\n";
    let text = small_with(&[(Part::Campaign, "offer_contract = 900")])
        .replace("[[offer.creative]]\nid = 1057\n", more);
    let server = Server::start(&text).await;
    for link in ["/?a=12&c=1057&oc=901", "/?a=12&c=1057&oc=900", "/?a=12&c=1057"] {
        follow(&server, link).await;
        assert_eq!(last_row(&server).await["offer_contract"], 900, "{link}");
    }
}

#[tokio::test]
async fn k_is_another_name_of_the_device_id() {
    let server = Server::start(network::SMALL).await;
    follow(&server, "/?a=12&c=1057&k=old").await;
    assert_eq!(last_row(&server).await["device_id"], "old");
}

#[tokio::test]
async fn what_other_parameters_cannot_mean_is_no_error() {
    let server = Server::start(network::SMALL).await;
    for rest in ["&m=x", "&p=zz", "&oc=99", "&oc=x", "&unknown=1", "&&&", "&=", "&=x", "&cpx=1", "&ckmrdr="] {
        let reply = follow(&server, &format!("{LINK}{rest}")).await;
        assert_eq!(reply.status, 302, "{rest}");
        assert!(reply.location().starts_with("https://lp.example/quote?"), "{rest}: {}", reply.location());
        assert_eq!(last_row(&server).await["disposition"], "ok", "{rest}");
    }
}

#[tokio::test]
async fn empty_pairs_and_outer_ampersands_are_ignored_and_the_first_of_equals_wins() {
    let server = Server::start(network::SMALL).await;
    follow(&server, "/?&a=12&&c=1057&s1=first&s1=second&A=13&").await;
    let row = last_row(&server).await;
    assert_eq!(row["affiliate"], 12);
    assert_eq!(row["sub_ids"][0], "first");
}

#[tokio::test]
async fn percent_decoding_is_lenient() {
    let server = Server::start(network::SMALL).await;
    for (sent, kept) in
        [("%zz", "%zz"), ("100%", "100%"), ("%4", "%4"), ("%E9", "é"), ("%C3%A9", "é"), ("a+b", "a b")]
    {
        follow(&server, &format!("{LINK}&s1={sent}")).await;
        assert_eq!(last_row(&server).await["sub_ids"][0], kept, "{sent}");
    }
}

#[tokio::test]
async fn s1_is_cut_at_fifty_characters() {
    let server = Server::start(network::SMALL).await;
    follow(&server, &format!("{LINK}&s1={}&s2=two", "%C3%BC".repeat(60))).await;
    let row = last_row(&server).await;
    assert_eq!(row["sub_ids"][0], "ü".repeat(50));
    assert_eq!(row["sub_ids"][1], "two");
}

#[tokio::test]
async fn a_long_free_sub_id_spills_into_the_next_before_its_own() {
    let server = Server::start(network::SMALL).await;
    let long = format!("{}{}", "x".repeat(100), "y".repeat(50));
    follow(&server, &format!("{LINK}&s2={long}&s3=own")).await;
    let row = last_row(&server).await;
    assert_eq!(row["sub_ids"][1], "x".repeat(100));
    assert_eq!(row["sub_ids"][2], format!("{}own", "y".repeat(50)));
    assert_eq!(row["sub_ids"][3], "");
}

#[tokio::test]
async fn spilling_goes_left_to_right_by_characters_and_what_is_over_in_s5_is_cut() {
    let server = Server::start(network::SMALL).await;
    let s2 = "%C3%A4".repeat(250);
    let s5 = "5".repeat(100);
    follow(&server, &format!("{LINK}&s2={s2}&s4=four&s5={s5}")).await;
    let row = last_row(&server).await;
    assert_eq!(row["sub_ids"][1], "ä".repeat(100));
    assert_eq!(row["sub_ids"][2], "ä".repeat(100));
    assert_eq!(row["sub_ids"][3], format!("{}four", "ä".repeat(50)));
    assert_eq!(row["sub_ids"][4], s5);
    follow(&server, &format!("{LINK}&s4={}&s5=own", "4".repeat(190))).await;
    let row = last_row(&server).await;
    assert_eq!(row["sub_ids"][3], "4".repeat(100));
    assert_eq!(row["sub_ids"][4], format!("{}own", "4".repeat(90)));
    follow(&server, &format!("{LINK}&s5={}", "5".repeat(101))).await;
    assert_eq!(last_row(&server).await["sub_ids"][4], "5".repeat(100));
}

#[tokio::test]
async fn a_test_link_makes_a_test_click_without_a_campaign_that_leads_to_the_offer() {
    let server = Server::start(network::SMALL).await;
    for creative in [1057, 3001] {
        let reply = follow(&server, &format!("/?a=-1&c={creative}")).await;
        assert_eq!(reply.status, 302);
        assert!(reply.location().starts_with("https://lp.example/"), "{}", reply.location());
        let row = last_row(&server).await;
        assert_eq!(row["affiliate"], -1);
        assert_eq!(row["test"], true);
        assert_eq!(row["disposition"], "ok");
        assert_eq!(row["campaign"], json!(null));
    }
}

#[tokio::test]
async fn leads_of_a_test_link_are_tests() {
    let server = Server::start(network::SMALL).await;
    let id = server.visitor().click("/?a=-1&c=1057").await;
    let post = format!("ckm_offer_id=100&ckm_request_id={id}&email_address=a@example.com&zip_code=90210");
    let answer = server.tracking.post_form("/d.ashx", &post).await;
    assert_eq!(answer.between("<price>", "</price>"), "0.00");
    let lead = server.api_json(&format!("/leads/{}", answer.between("<leadid>", "</leadid>"))).await;
    assert_eq!(lead["status"], "test");
}

#[tokio::test]
async fn a_creatives_own_link_goes_before_the_offers() {
    let server = Server::start(network::SMALL).await;
    let reply = follow(&server, "/?a=12&c=1058").await;
    assert!(reply.location().starts_with("https://lp.example/banner?reqid="), "{}", reply.location());
}

#[tokio::test]
async fn a_further_parameter_picks_the_campaign_by_price_format() {
    let server = server_with(&[(
        Part::More,
        "[[campaign]]\nid = 70\naffiliate = 13\noffer = 100\nprice_format = \"cpc\"\n\
         [[campaign]]\nid = 71\naffiliate = 13\noffer = 100\nprice_format = \"cpm\"\n\
         [[campaign]]\nid = 72\naffiliate = 13\noffer = 100\nprice_format = \"fixed\"\n\
         [[campaign]]\nid = 73\naffiliate = 13\noffer = 100\nprice_format = \"revshare\"\n\
         [[campaign]]\nid = 74\naffiliate = 13\noffer = 100\nprice_format = \"cpa\"\n\
         [[campaign]]\nid = 81\naffiliate = 13\noffer = 300\nprice_format = \"revshare\"\n\
         [[campaign]]\nid = 80\naffiliate = 13\noffer = 300\nprice_format = \"cpm\"",
    )])
    .await;
    for (link, campaign) in [
        ("c=1057&p=c", 70),
        ("c=1057&p=m", 71),
        ("c=1057&p=f", 72),
        ("c=1057&p=r", 73),
        ("c=1057", 74),
        ("c=3001&p=r", 81),
        ("c=3001", 80),
    ] {
        follow(&server, &format!("/?a=13&{link}")).await;
        assert_eq!(last_row(&server).await["campaign"], campaign, "{link}");
    }
}

#[tokio::test]
async fn a_public_offer_is_run_at_once_with_one_campaign_at_the_offers_payout() {
    let server = Server::start(network::SMALL).await;
    let id = server.visitor().click("/?a=13&c=1057").await;
    let row = last_row(&server).await;
    assert_eq!(row["disposition"], "ok");
    assert!(row["campaign"].is_number());
    let post = format!("ckm_offer_id=100&ckm_request_id={id}&email_address=a@example.com&zip_code=90210");
    let answer = server.tracking.post_form("/d.ashx", &post).await;
    assert_eq!(answer.between("<price>", "</price>"), "10.00");
    server.visitor().click("/?a=13&c=1057").await;
    assert_eq!(last_row(&server).await["campaign"], row["campaign"]);
}

/// It redirects like any other, and what its session earns has a campaign.
#[tokio::test]
async fn a_machines_first_click_makes_the_campaign_too() {
    for (method, agent) in [(Method::GET, "Googlebot/2.1"), (Method::HEAD, "Mozilla/5.0")] {
        let server = Server::start(network::SMALL).await;
        let request = Request::of(method, "/?a=13&c=1057").header("user-agent", agent);
        let id = parameter(server.tracking.send(request).await.location(), "reqid");
        let campaign = last_row(&server).await["campaign"].clone();
        assert!(campaign.is_number(), "{agent}");
        let post = format!("ckm_offer_id=100&ckm_request_id={id}&email_address=a@example.com&zip_code=90210");
        let answer = server.tracking.post_form("/d.ashx", &post).await;
        assert_eq!(answer.between("<price>", "</price>"), "10.00");
        let lead = server.api_json(&format!("/leads/{}", answer.between("<leadid>", "</leadid>"))).await;
        assert_eq!(lead["campaign"], campaign, "{agent}");
    }
}

#[tokio::test]
async fn a_hundred_first_clicks_at_once_make_one_campaign() {
    let server = Server::start(network::SMALL).await;
    let clicks = (0..100).map(|_| {
        let client = server.tracking.clone();
        async move { client.get("/?a=13&c=1057").await }
    });
    let mut running: tokio::task::JoinSet<_> = clicks.collect();
    while let Some(reply) = running.join_next().await {
        assert_eq!(reply.unwrap().status, 302);
    }
    let rows = rows(&server).await;
    assert_eq!(rows.len(), 100);
    assert!(rows.iter().all(|row| row["campaign"].is_number() && row["campaign"] == rows[0]["campaign"]));
    let network = server.site.network.snapshot();
    assert_eq!(network.campaigns(AffiliateId(13), OfferId(100)).count(), 1);
}

#[tokio::test]
async fn a_click_that_is_refused_makes_no_campaign() {
    let server = server_with(&[(Part::More, "[[blacklist]]\naffiliate = 13")]).await;
    follow(&server, "/?a=13&c=1057").await;
    follow(&server, "/?a=14&c=1057").await;
    let network = server.site.network.snapshot();
    for affiliate in [13, 14] {
        assert_eq!(network.campaigns(AffiliateId(affiliate), OfferId(100)).count(), 0);
    }
}
