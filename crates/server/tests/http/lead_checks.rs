//! The checks of a lead, in their order.

use crate::posts::*;
use crumb_domain::post::PostOutcome;
use crumb_storage::LeadStore as _;
use crumb_testkit::network::{self, Part, small_with};
use crumb_testkit::{Options, Request, Server, geo};

/// What a step adds to the network.
type Faults = Vec<(Part, &'static str)>;

/// A server that believes what a proxy says, and knows some countries.
async fn behind_a_proxy(network: &str, with_geo: bool) -> (Server, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let path = directory.path().join("country.mmdb");
    geo::write(&path, &[("192.0.2.0", 24, "US"), ("198.51.100.0", 24, "FR"), ("2001:db8::", 32, "US")]);
    let options = Options {
        trusted_proxies: vec!["127.0.0.0/8".to_owned()],
        geo_database: with_geo.then_some(path),
        ..Options::default()
    };
    (Server::start_with(network, options).await, directory)
}

async fn post_from(server: &Server, ip: &str, pairs: &[&str]) -> String {
    let reply = server.tracking.send(form(&pairs.join("&")).header("x-forwarded-for", ip)).await;
    reply.text().trim_end().to_owned()
}

#[tokio::test]
async fn of_all_that_is_wrong_the_first_in_order_is_said() {
    let (server, _directory) = behind_a_proxy(network::SMALL, true).await;
    let ip = "203.0.113.9";
    let visitor = server.visitor();
    let click = Request::get("/?a=12&c=1057&s1=bad").header("x-forwarded-for", ip);
    let location = visitor.send(click).await.location().to_owned();
    let request_id = location.split_once("reqid=").unwrap().1.split('&').next().unwrap().to_owned();
    let session = format!("ckm_offer_id=100&ckm_request_id={request_id}");
    let taken = post_from(&server, ip, &[&session, ANN]).await;
    assert!(taken.contains("success"), "{taken}");

    let caps = "caps = [{ of = \"lead\", interval = \"total\", limit = 1 }]";
    let mut changes: Vec<(Part, &str)> = Vec::new();
    let broken = |query: &str| {
        Request::post(&format!("/d.ashx?{query}&ckm_xml=1"), "text/xml", "<lead><zip_code>")
            .header("x-forwarded-for", ip)
    };
    // Each step leaves the faults of those before it.
    let steps: [(&str, &str, Faults); 17] = [
        ("Campaign Over Lead Cap", BOB, vec![(Part::Campaign, caps)]),
        ("Offer Over Lead Cap", BOB, vec![(Part::HostedOffer, caps)]),
        (
            "Unmatched Filter",
            BOB,
            vec![(Part::Vertical, "inbound_filter = [{ field = \"state\", op = \"eq\", value = \"CA\" }]")],
        ),
        ("Duplicate Lead", ANN, vec![]),
        ("Lead Missing Data", "email_address=ann@example.com", vec![]),
        ("Invalid XML Format", "", vec![]),
        ("Geotarget Mismatch", "", vec![(Part::HostedOffer, "countries = [\"US\"]")]),
        ("Blocked IP Address", "", vec![(Part::Network, "blocked_ips = [\"203.0.113.0/24\"]")]),
        ("Creative Expired", "", vec![(Part::Creative, "expires_at = \"2026-07-01T11:00:00Z\"")]),
        ("Inactive Creative", "", vec![(Part::Creative, "status = \"inactive\"")]),
        ("Campaign Expired", "", vec![(Part::Campaign, "expires_at = \"2026-07-01T11:00:00Z\"")]),
        ("Inactive Campaign", "", vec![(Part::Campaign, "status = \"inactive\"")]),
        ("Offer Expired", "", vec![(Part::HostedOffer, "expires_at = \"2026-07-01T11:00:00Z\"")]),
        ("Inactive Offer", "", vec![(Part::HostedOffer, "status = \"inactive\"")]),
        (
            "Blacklisted Sub Affiliate",
            "",
            vec![(Part::More, "[[blacklist]]\naffiliate = 12\nsub_id = \"bad\"")],
        ),
        ("Blacklisted Affiliate", "", vec![(Part::More, "[[blacklist]]\naffiliate = 12")]),
        ("Inactive Sub Affiliate", "", vec![(Part::Affiliate, "turned_off_sub_ids = [\"bad\"]")]),
    ];
    for (text, fields, faults) in steps {
        changes.extend(faults);
        server.apply(&small_with(&changes)).await;
        let said = if fields.is_empty() {
            server.tracking.send(broken(&session)).await.text().trim_end().to_owned()
        } else {
            post_from(&server, ip, &[&session, fields]).await
        };
        if text == "Lead Missing Data" {
            assert_eq!(said, refusal(&["Lead Missing Data", "Zip code is required."]));
        } else {
            assert_eq!(said, refusal(&[text]));
        }
        let kept = rejections(&server).await.pop().unwrap();
        let PostOutcome::Rejected(problem) = kept.outcome else { panic!("{:?}", kept.outcome) };
        assert_eq!(problem.as_str(), text);
    }
    changes.push((Part::Affiliate, "status = \"inactive\""));
    server.apply(&small_with(&changes)).await;
    let said = server.tracking.send(broken(&session)).await.text();
    assert_eq!(said.trim_end(), refusal(&["Inactive Affiliate"]));
    let unauthorised = server.tracking.send(broken("ckm_campaign_id=57&ckm_key=no")).await.text();
    assert_eq!(unauthorised.trim_end(), refusal(&["Invalid Post Key"]));
}

#[tokio::test]
async fn the_same_checks_hold_for_a_server_post() {
    let cases: [(&str, Vec<(Part, &str)>); 9] = [
        ("Inactive Affiliate", vec![(Part::Affiliate, "status = \"inactive\"")]),
        ("Inactive Affiliate", vec![(Part::Affiliate, "status = \"pending\"")]),
        ("Inactive Sub Affiliate", vec![(Part::Affiliate, "turned_off_sub_ids = [\"bad\"]")]),
        ("Blacklisted Affiliate", vec![(Part::More, "[[blacklist]]\naffiliate = 12\noffer = 100")]),
        (
            "Blacklisted Sub Affiliate",
            vec![(Part::More, "[[blacklist]]\naffiliate = 12\nsub_id = \"bad\"\nadvertiser = 1")],
        ),
        ("Inactive Offer", vec![(Part::HostedOffer, "status = \"inactive\"")]),
        ("Offer Expired", vec![(Part::HostedOffer, "expires_at = \"2026-07-01T11:59:59Z\"")]),
        ("Inactive Campaign", vec![(Part::Campaign, "status = \"inactive\"")]),
        ("Campaign Expired", vec![(Part::Campaign, "expires_at = \"2026-07-01T11:59:59Z\"")]),
    ];
    for (text, faults) in cases {
        let server = Server::start(&small_with(&faults)).await;
        refused(&server, &[HOSTED, ANN, "ckm_subid=bad"], &[text]).await;
        assert!(leads(&server).await.is_empty());
    }
}

#[tokio::test]
async fn a_blacklist_entry_of_another_offer_sub_id_or_advertiser_does_no_harm() {
    let more = "[[advertiser]]\nid = 2\nname = \"Other\"\n[[blacklist]]\naffiliate = 12\noffer = 200\n[[blacklist]]\naffiliate = 12\nsub_id = \"other\"\n[[blacklist]]\naffiliate = 12\nadvertiser = 2\n";
    let server = Server::start(&small_with(&[(Part::More, more)])).await;
    accepted(&server, &[HOSTED, ANN, "ckm_subid=bad"]).await;
}

#[tokio::test]
async fn the_posters_and_the_consumers_address_may_be_blocked() {
    let blocked = small_with(&[(Part::Network, "blocked_ips = [\"203.0.113.0/24\", \"2001:db8:1::/48\"]")]);
    let (server, _directory) = behind_a_proxy(&blocked, false).await;
    let said = refusal(&["Blocked IP Address"]);
    assert_eq!(post_from(&server, "203.0.113.5", &[HOSTED, ANN]).await, said);
    assert_eq!(post_from(&server, "203.0.113.5", &[HOSTED, ANN, "ip_address=192.0.2.1"]).await, said);
    assert_eq!(post_from(&server, "192.0.2.1", &[HOSTED, ANN, "ip_address=203.0.113.5"]).await, said);
    assert_eq!(post_from(&server, "192.0.2.1", &[HOSTED, ANN, "ip_address=2001:db8:1::5"]).await, said);
    let mapped = "ip_address=%3A%3Affff%3A203.0.113.5";
    assert_eq!(post_from(&server, "192.0.2.1", &[HOSTED, ANN, mapped]).await, said);
    assert!(post_from(&server, "192.0.2.1", &[HOSTED, ANN]).await.contains("success"));
}

#[tokio::test]
async fn an_ip_address_that_is_none_blocks_nobody_and_fails_its_validator() {
    let server = Server::start(&small_with(&[(Part::Network, "blocked_ips = [\"203.0.113.0/24\"]")])).await;
    let texts = ["Validation Failed", "Ip address is not valid."];
    refused(&server, &[HOSTED, ANN, "ip_address=203.0.113.5.x"], &texts).await;
}

#[tokio::test]
async fn a_browsers_post_without_ip_address_has_the_clients() {
    let server = Server::start(network::SMALL).await;
    let browsers = format!("ckm_offer_id=100&{ANN}");
    for (more, address) in [
        ("", "127.0.0.1"),
        ("&ip_address=", "127.0.0.1"),
        ("&ip_address=%20", "127.0.0.1"),
        ("&ip_address=203.0.113.5", "203.0.113.5"),
    ] {
        let server = Server::start(network::SMALL).await;
        server.visitor().post_form("/d.ashx", &format!("{browsers}{more}")).await;
        assert_eq!(leads(&server).await[0]["fields"]["ip_address"], address, "{more}");
    }
    for server_post in [format!("{ANN}&ip_address="), BOB.to_owned()] {
        let id = accepted(&server, &[HOSTED, &server_post]).await;
        let address = &lead(&server, &id).await["fields"]["ip_address"];
        assert_eq!(address, &serde_json::Value::Null, "no browser's: {server_post}");
    }
}

#[tokio::test]
async fn the_country_is_that_of_ip_address_else_the_browsers_else_the_clicks() {
    let countries = small_with(&[(Part::HostedOffer, "countries = [\"US\", \"CA\"]")]);
    let (server, _directory) = behind_a_proxy(&countries, true).await;
    let mismatch = refusal(&["Geotarget Mismatch"]);
    let (us, fr, unknown) = ("192.0.2.1", "198.51.100.1", "203.0.113.1");

    // ip_address comes first, an unknown country is a mismatch.
    assert_eq!(post_from(&server, us, &[HOSTED, ANN, &format!("ip_address={fr}")]).await, mismatch);
    assert_eq!(post_from(&server, us, &[HOSTED, ANN, &format!("ip_address={unknown}")]).await, mismatch);
    let accepted = post_from(&server, fr, &[HOSTED, ANN, "ip_address=2001:db8::7"]).await;
    assert!(accepted.contains("success"), "{accepted}");

    // A server post without it is not held to countries.
    let accepted = post_from(&server, fr, &[HOSTED, BOB]).await;
    assert!(accepted.contains("success"), "{accepted}");

    // A browser post is where its client is.
    let browser = "ckm_offer_id=100&email_address=c@example.com&zip_code=90210";
    assert!(post_from(&server, fr, &[browser]).await.contains("Geotarget Mismatch"));
    assert!(!post_from(&server, us, &[browser]).await.contains("Geotarget Mismatch"));

    // A session post is where its click was.
    let click = Request::get("/?a=12&c=1057").header("x-forwarded-for", us);
    let location = server.tracking.send(click).await.location().to_owned();
    let id = location.split_once("reqid=").unwrap().1.split('&').next().unwrap().to_owned();
    let session = format!("ckm_offer_id=100&ckm_request_id={id}&email_address=d@example.com&zip_code=90210");
    assert!(post_from(&server, fr, &[&session]).await.contains("success"));
}

#[tokio::test]
async fn the_consumers_address_is_read_ahead_of_the_fields_and_counts_only_if_it_is_one() {
    let text = small_with(&[
        (Part::Network, "blocked_ips = [\"203.0.113.0/24\"]"),
        (Part::HostedOffer, "countries = [\"US\"]"),
    ]);
    let (server, _directory) = behind_a_proxy(&text, true).await;
    let (us, fr) = ("192.0.2.1", "198.51.100.1");
    for (address, said) in [("203.0.113.5", "Blocked IP Address"), (fr, "Geotarget Mismatch")] {
        let pairs = [HOSTED, "zip_code=x", &format!("ip_address={address}")];
        assert_eq!(post_from(&server, us, &pairs).await, refusal(&[said]));
    }
    let none = "ip_address=198.51.100.1.x";
    let texts = ["Validation Failed", "Ip address is not valid."];
    assert_eq!(post_from(&server, fr, &[HOSTED, ANN, none]).await, refusal(&texts));
    let browser = ["ckm_offer_id=100", ANN, none];
    assert!(post_from(&server, fr, &browser).await.contains("Geotarget Mismatch"));
    assert!(post_from(&server, us, &browser).await.contains("Ip address is not valid."));
}

#[tokio::test]
async fn a_session_post_is_refused_where_its_click_was_outside() {
    let (server, _directory) = behind_a_proxy(network::SMALL, true).await;
    let click = Request::get("/?a=12&c=1057").header("x-forwarded-for", "198.51.100.1");
    let location = server.tracking.send(click).await.location().to_owned();
    let id = location.split_once("reqid=").unwrap().1.split('&').next().unwrap().to_owned();
    server.apply(&small_with(&[(Part::HostedOffer, "countries = [\"US\"]")])).await;
    let session = format!("ckm_offer_id=100&ckm_request_id={id}");
    let said = post_from(&server, "192.0.2.1", &[&session, ANN]).await;
    assert_eq!(said, refusal(&["Geotarget Mismatch"]));
}

#[tokio::test]
async fn without_a_geo_database_countries_are_not_enforced() {
    let countries = small_with(&[(Part::HostedOffer, "countries = [\"US\"]")]);
    let (server, _directory) = behind_a_proxy(&countries, false).await;
    let said = post_from(&server, "198.51.100.1", &[HOSTED, ANN, "ip_address=198.51.100.1"]).await;
    assert!(said.contains("success"), "{said}");
}

#[tokio::test]
async fn what_fails_an_inbound_filter_is_unmatched_filter() {
    let filter = "inbound_filter = [{ field = \"state\", op = \"in\", value = \"CA|NV\" }]";
    let server = Server::start(&small_with(&[(Part::Vertical, filter)])).await;
    refused(&server, &[HOSTED, ANN, "state=NY"], &["Unmatched Filter"]).await;
    refused(&server, &[HOSTED, ANN], &["Unmatched Filter"]).await;
    accepted(&server, &[HOSTED, ANN, "state=nv"]).await;
}

#[tokio::test]
async fn a_lead_cap_holds_exactly_when_a_thousand_posts_come_at_once() {
    let caps = "caps = [{ of = \"lead\", interval = \"day\", limit = 10 }]";
    let server = Server::start(&small_with(&[(Part::Campaign, caps)])).await;
    let posts = (0..1_000).map(|n| {
        let body = format!("{HOSTED}&email_address=p{n}@example.com&zip_code=90210");
        let client = server.tracking.clone();
        async move { client.post_form("/d.ashx", &body).await }
    });
    let replies = at_once(posts).await;
    let capped = refusal(&["Campaign Over Lead Cap"]);
    assert_eq!(replies.iter().filter(|reply| reply.text().contains("success")).count(), 10);
    assert_eq!(replies.iter().filter(|reply| reply.text().trim_end() == capped).count(), 990);
    assert_eq!(leads(&server).await.len(), 10);
}

#[tokio::test]
async fn a_cap_that_is_full_is_said_ahead_of_there_being_no_buyer() {
    let caps = "caps = [{ of = \"lead\", interval = \"total\", limit = 0 }]";
    let server = Server::start(&small_with(&[(Part::HostNPostOffer, caps)])).await;
    refused(&server, &[HOST_N_POST, ANN], &["Offer Over Lead Cap"]).await;
    assert!(leads(&server).await.is_empty());
}

#[tokio::test]
async fn a_lead_cap_begins_anew_with_its_interval_in_the_networks_time_zone() {
    let caps = "caps = [{ of = \"lead\", interval = \"day\", limit = 1 }]";
    let server = Server::start(&small_with(&[(Part::HostedOffer, caps)])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    refused(&server, &[HOSTED, BOB], &["Offer Over Lead Cap"]).await;
    // Midnight in New York is 04:00 UTC in summer.
    server.clock.set("2026-07-02T03:59:59Z");
    refused(&server, &[HOSTED, BOB], &["Offer Over Lead Cap"]).await;
    server.clock.set("2026-07-02T04:00:00Z");
    accepted(&server, &[HOSTED, BOB]).await;
}

#[tokio::test]
async fn tests_duplicates_and_rejections_take_no_room_in_a_cap() {
    let caps = "caps = [{ of = \"lead\", interval = \"total\", limit = 2 }]";
    let server = Server::start(&small_with(&[(Part::Campaign, caps)])).await;
    accepted(&server, &[HOSTED, ANN, "ckm_test=1"]).await;
    refused(&server, &[HOSTED, "zip_code=90210"], &["Lead Missing Data", "Email address is required."]).await;
    accepted(&server, &[HOSTED, BOB]).await;
    refused(&server, &[HOSTED, BOB], &["Duplicate Lead"]).await;
    accepted(&server, &[HOSTED, ANN]).await;
    let carl = "email_address=carl@example.com&zip_code=90210";
    refused(&server, &[HOSTED, carl], &["Campaign Over Lead Cap"]).await;
}

#[tokio::test]
async fn every_post_that_names_something_known_is_kept_as_it_came_but_for_its_key() {
    let server = Server::start(network::SMALL).await;
    let body = format!("{ANN}&first_name=Jos%E9");
    let reply = server
        .tracking
        .send(Request::post(&format!("/d.ashx?{HOSTED}"), "application/x-www-form-urlencoded", &body))
        .await;
    let id = lead_id(&reply).parse().unwrap();
    let kept = server.site.store.posts_of_lead(id).await.unwrap();
    assert_eq!(kept.len(), 1);
    let masked = HOSTED.replace("Ab3dE5gH1jK", "***");
    assert_eq!(String::from_utf8_lossy(&kept[0].query), masked);
    assert_eq!(kept[0].body, body.as_bytes());
    let answer = kept[0].answer.as_ref().unwrap();
    assert_eq!(answer.body, reply.text());
    assert_eq!(answer.status, 200);
    assert_eq!(kept[0].outcome, PostOutcome::Lead(id));
    assert!(rejections(&server).await.is_empty());
}

#[tokio::test]
async fn a_post_of_an_unknown_campaign_is_kept_where_its_offer_is_known() {
    let server = Server::start(network::SMALL).await;
    for campaign in ["9999", "abc"] {
        let unknown = format!("ckm_campaign_id={campaign}&ckm_key=z");
        let known = format!("{unknown}&ckm_offer_id=100");
        assert_eq!(post(&server, &[&known, ANN]).await.text().trim_end(), refusal(&["Invalid Post Key"]));
        for nothing_known in [&unknown, &format!("{unknown}&ckm_offer_id=999")] {
            post(&server, &[nothing_known, ANN]).await;
        }
    }
    let shown = server.api_json("/rejections?offer=100").await;
    assert_eq!((shown["total"].as_u64(), rejections(&server).await.len()), (Some(2), 2));
    assert_eq!(shown["data"][0]["outcome"], "invalid_post_key");
}

#[tokio::test]
async fn a_rejected_post_is_kept_with_its_answer_and_four_kib_of_its_body() {
    let server = Server::start(network::SMALL).await;
    let body = format!("{HOSTED}&first_name={}", "x".repeat(10_000));
    let reply = server.tracking.post_form("/d.ashx", &body).await;
    post(&server, &["ckm_campaign_id=57&ckm_key=wrong", ANN]).await;
    let kept = rejections(&server).await;
    assert_eq!(kept.len(), 2);
    let masked = body.replace("Ab3dE5gH1jK", "***");
    assert!(kept[0].body == masked.as_bytes()[..4_096], "the first of the body, its key masked");
    assert_eq!(kept[0].answer.as_ref().unwrap().body, reply.text());
    let PostOutcome::Rejected(first) = kept[0].outcome else { panic!("{:?}", kept[0].outcome) };
    assert_eq!(first.code(), "lead_missing_data");
    let PostOutcome::Rejected(second) = kept[1].outcome else { panic!("{:?}", kept[1].outcome) };
    assert_eq!(second.code(), "invalid_post_key");
    let shown = server.api_json("/rejections").await;
    assert_eq!(shown["total"], 2);
    assert_eq!(shown["data"][1]["outcome"], "lead_missing_data");
    assert_eq!(shown["data"][0]["outcome"], "invalid_post_key");
    assert!(leads(&server).await.is_empty());
}

#[tokio::test]
async fn a_post_key_is_masked_in_what_is_kept_of_a_post() {
    let server = Server::start(network::SMALL).await;
    let key = "Ab3dE5gH1jK";
    let by_form = format!("ckm_campaign_id=57&ckm%5FKey={key}&email_address=b@example.com&zip_code=90210");
    let by_json = format!(r#"{{"ckm_campaign_id":57,"ckm_key":"{key}","email_address":"c@example.com"}}"#);
    let by_xml = format!("<r><ckm_key>{key}</ckm_key></r>");
    let query = format!("/d.ashx?ckm_campaign_id=57&ckm_key={key}");
    let taken = server.tracking.post_form("/d.ashx", &by_form).await;
    let id = lead_id(&taken).parse().unwrap();
    for request in [
        Request::post("/d.ashx", "application/json", &by_json),
        Request::post(&format!("{query}&ckm_xml=1"), "text/xml", &by_xml),
        Request::get(&query),
    ] {
        assert!(server.tracking.send(request).await.text().contains("Lead Missing Data"));
    }
    let mut kept = server.site.store.posts_of_lead(id).await.unwrap();
    kept.extend(rejections(&server).await);
    assert_eq!(kept.len(), 4);
    for post in kept {
        let (query, body) = (String::from_utf8(post.query).unwrap(), String::from_utf8(post.body).unwrap());
        assert!(!query.contains(key) && !body.contains(key), "{query} {body}");
        assert!(format!("{query}{body}").contains("***"), "{query} {body}");
    }
}

#[tokio::test]
async fn of_rejected_posts_sixty_a_minute_per_campaign_and_address_are_kept() {
    let (server, _directory) = behind_a_proxy(network::SMALL, false).await;
    for _ in 0..65 {
        post_from(&server, "192.0.2.1", &[HOSTED]).await;
    }
    assert_eq!(rejections(&server).await.len(), 60);
    assert_eq!(server.site.store.rejections_not_kept().await.unwrap(), 5);
    post_from(&server, "192.0.2.2", &[HOSTED]).await;
    post_from(&server, "192.0.2.1", &[HOST_N_POST]).await;
    assert_eq!(rejections(&server).await.len(), 62);
    server.clock.advance_seconds(61);
    post_from(&server, "192.0.2.1", &[HOSTED]).await;
    assert_eq!(rejections(&server).await.len(), 63);
}

#[tokio::test]
async fn a_rejected_post_makes_no_lead_and_its_click_lists_none() {
    let server = Server::start(network::SMALL).await;
    let request_id = server.visitor().click("/?a=12&c=1057").await;
    let session = format!("ckm_offer_id=100&ckm_request_id={request_id}");
    refused(
        &server,
        &[&session],
        &["Lead Missing Data", "Email address is required.", "Zip code is required."],
    )
    .await;
    let click = server.api_json(&format!("/clicks/{request_id}")).await;
    assert_eq!(click["leads"], serde_json::json!([]));
}

#[tokio::test]
async fn duplicates_are_among_the_sixty_a_minute() {
    let server = Server::start(network::SMALL).await;
    let id = accepted(&server, &[HOSTED, ANN]).await;
    let other = accepted(&server, &[HOSTED, BOB]).await;
    let posts = (0..70).map(|n| {
        let client = server.tracking.clone();
        let update = if n % 2 == 0 { String::new() } else { format!("&ckm_lead_id={other}") };
        async move { client.post_form("/d.ashx", &format!("{HOSTED}&{ANN}{update}")).await }
    });
    let duplicate = refusal(&["Duplicate Lead"]);
    assert!(at_once(posts).await.iter().all(|reply| reply.text().trim_end() == duplicate));
    assert_eq!(rejections(&server).await.len(), 60);
    assert_eq!(server.site.store.rejections_not_kept().await.unwrap(), 10);
    assert_eq!(server.site.store.posts_of_lead(id.parse().unwrap()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_third_party_offer_takes_no_leads() {
    let more = "[[offer]]\nid = 600\nname = \"Theirs\"\nvertical = 1\nadvertiser = 1\ntype = \"third_party\"\nlink = \"https://lp.example/\"\n[[campaign]]\nid = 62\naffiliate = 12\noffer = 600\nkey = \"theirsKey123\"\n";
    let server = Server::start(&small_with(&[(Part::More, more)])).await;
    refused(&server, &["ckm_campaign_id=62&ckm_key=theirsKey123", ANN], &["Inactive Offer"]).await;
    refused(&server, &["ckm_offer_id=600&ckm_request_id=5", ANN], &["Inactive Offer"]).await;
    assert_eq!(rejections(&server).await.len(), 2);
}
