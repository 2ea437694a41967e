//! What a lead would be bought for: `ping.ashx`.

use crate::contracts::*;
use crate::posts::{HOST_N_POST, HOSTED};
use crumb_domain::pings::PingLimits;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;
use crumb_testkit::{FakeClock, Reply, Request, Server};
use http::Method;

pub const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

/// A ping of the host-n-post campaign for somebody in that place.
pub async fn ping(server: &Server, more: &str) -> Reply {
    server.tracking.post_form("/ping.ashx", &format!("{HOST_N_POST}&zip_code=90210{more}")).await
}

/// A price that is told, and the id of the ping.
pub fn quoted(reply: &Reply) -> (String, String) {
    let text = reply.text();
    assert!(text.contains("<code>0</code><msg>accepted</msg>"), "{text}");
    (reply.between("<pingid>", "</pingid>"), reply.between("<price>", "</price>"))
}

/// The whole XML of a refusal.
fn rejected(texts: &[&str]) -> String {
    let errors: String = texts.iter().map(|text| format!("<error>{text}</error>")).collect();
    format!("{HEAD}<result><code>1</code><msg>rejected</msg><errors>{errors}</errors></result>")
}

fn assert_rejected(reply: &Reply, texts: &[&str]) {
    assert_eq!((reply.status.as_u16(), reply.text()), (200, rejected(texts)));
}

/// A host-n-post offer that asks its contracts in a way.
pub async fn server(kind: &str, contracts: &[Contract]) -> Server {
    let offer = format!("distribution = \"{kind}\"\npayout = \"2.00\"");
    Server::start(&market_with(&[(Part::HostNPostOffer, &offer)], contracts)).await
}

/// The same where the affiliate has half of what a lead brings.
pub async fn sharing(kind: &str, contracts: &[Contract]) -> Server {
    let offer = format!("distribution = \"{kind}\"\npayout_percent = \"50\"");
    Server::start(&market_with(&[(Part::HostNPostOffer, &offer)], contracts)).await
}

/// One buyer that takes everything at 30.00.
async fn one_buyer(buyers: &MockBuyers) -> Server {
    server("direct", &[Contract::new(7, &buyers.url("/accept"), "30.00")]).await
}

fn asked(buyers: &MockBuyers) -> Vec<String> {
    buyers.requests().iter().map(|request| request.path.clone()).collect()
}

#[tokio::test]
async fn a_price_is_told_with_a_ping_id_and_its_end_by_get_and_post_as_xml_and_json() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    let query = format!("{HOST_N_POST}&zip_code=90210");
    let json = |reply: &Reply| {
        let id = reply.json()["pingid"].as_str().unwrap().to_owned();
        let expected = format!(
            r#"{{"code":0,"msg":"accepted","pingid":"{id}","price":"2.00","expires":"2026-07-01T12:00:30Z"}}"#
        );
        assert_eq!((reply.text(), reply.header("content-type")), (expected, "application/json"));
        id
    };
    assert_eq!(FakeClock::START, "2026-07-01T12:00:00Z");
    let mut ids = Vec::new();
    for reply in [
        server.tracking.get(&format!("/ping.ashx?{query}")).await,
        server.tracking.get(&format!("/PING.ashx?{query}")).await,
        server.tracking.post_form("/ping.ashx", &query).await,
        server.tracking.post_form(&format!("/ping.ashx?{HOST_N_POST}"), "ZIP_CODE=90210").await,
        server
            .tracking
            .send(Request::post(
                &format!("/ping.ashx?ckm_xml=1&{HOST_N_POST}"),
                "text/xml",
                "<lead><zip_code>90210</zip_code></lead>",
            ))
            .await,
    ] {
        let (id, _) = quoted(&reply);
        let expected = format!(
            "{HEAD}<result><code>0</code><msg>accepted</msg><pingid>{id}</pingid><price>2.00</price>\
             <expires>2026-07-01T12:00:30Z</expires></result>"
        );
        assert_eq!((reply.status.as_u16(), reply.text()), (200, expected));
        assert_eq!(reply.header("content-type"), "text/xml; charset=utf-8");
        assert_eq!(reply.header("cache-control"), "no-store");
        ids.push(id);
    }
    let body = serde_json::json!({ "ckm_campaign_id": 58, "ckm_key": "Zy9xW7vU5tS", "zip_code": 90210 });
    ids.push(json(&server.tracking.post_json("/ping.ashx", &body).await));
    let accept = Request::get(&format!("/ping.ashx?{query}")).header("accept", "application/json");
    ids.push(json(&server.tracking.send(accept).await));
    for id in &ids {
        assert_eq!(id.len(), 20);
        assert!(id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()), "{id}");
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 7);
    assert_eq!(buyers.count("/accept"), 0, "nobody is posted to");
}

#[tokio::test]
async fn where_nobody_would_buy_the_ping_is_rejected_as_xml_and_json() {
    let buyers = MockBuyers::start().await.unwrap();
    let lone = Contract::new(7, &buyers.url("/accept"), "30.00").multisell();
    let server = server("direct", &[lone]).await;
    assert_rejected(&ping(&server, "").await, &["No Qualified Buyers Found"]);
    let body = serde_json::json!({ "ckm_campaign_id": 58, "ckm_key": "Zy9xW7vU5tS", "zip_code": "90210" });
    let reply = server.tracking.post_json("/ping.ashx", &body).await;
    assert_eq!(reply.text(), r#"{"code":1,"msg":"rejected","errors":["No Qualified Buyers Found"]}"#);
    assert_eq!(reply.header("content-type"), "application/json");
}

#[tokio::test]
async fn only_a_campaigns_id_with_its_key_may_ping() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    for query in [
        "zip_code=90210",
        "ckm_campaign_id=58&zip_code=90210",
        "ckm_campaign_id=58&ckm_key=Ab3dE5gH1jK&zip_code=90210",
        "ckm_campaign_id=999&ckm_key=Zy9xW7vU5tS&zip_code=90210",
        "ckm_campaign_id=x&ckm_key=Zy9xW7vU5tS",
        "ckm_offer_id=200&zip_code=90210",
        "ckm_offer_id=200&ckm_request_id=5&zip_code=90210",
        "",
    ] {
        let reply = server.tracking.get(&format!("/ping.ashx?{query}")).await;
        assert_rejected(&reply, &["Invalid Post Key"]);
    }
}

#[tokio::test]
async fn what_a_post_would_be_refused_for_before_its_fields_refuses_its_ping_with_the_same_text() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let off = "turned_off_sub_ids = [\"bad\"]";
    for (part, keys, more, text) in [
        (Part::Affiliate, "status = \"inactive\"", "", "Inactive Affiliate"),
        (Part::Affiliate, off, "&ckm_subid=bad", "Inactive Sub Affiliate"),
        (Part::HostNPostOffer, "status = \"inactive\"", "", "Inactive Offer"),
        (Part::HostNPostOffer, "expires_at = \"2026-07-01T12:00:00Z\"", "", "Offer Expired"),
        (Part::Network, "blocked_ips = [\"127.0.0.0/8\"]", "", "Blocked IP Address"),
    ] {
        let server = Server::start(&market_with(&[(part, keys)], &contracts)).await;
        assert_rejected(&ping(&server, more).await, &[text]);
    }
    let server = Server::start(&market(&contracts)).await;
    for (content_type, query, body, text) in [
        ("text/xml", "ckm_xml=1&", "<lead>", "Invalid XML Format"),
        ("application/json", "", "{", "Invalid JSON Format"),
    ] {
        let target = format!("/ping.ashx?{query}{HOST_N_POST}");
        let reply = server.tracking.send(Request::post(&target, content_type, body)).await;
        assert!(reply.text().contains(text), "{}", reply.text());
        assert!(reply.text().contains("rejected"), "{}", reply.text());
    }
}

#[tokio::test]
async fn fields_that_are_not_personal_are_checked_and_personal_ones_are_neither_asked_for_nor_looked_at() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    let pinged = |pairs: &'static str| {
        let server = &server;
        async move { server.tracking.post_form("/ping.ashx", &format!("{HOST_N_POST}&{pairs}")).await }
    };
    let missing = ["Lead Missing Data", "Zip code is required."];
    assert_rejected(&pinged("state=CA").await, &missing);
    assert_rejected(&pinged("email_address=ann@example.com").await, &missing);
    assert_rejected(
        &pinged("zip_code=nowhere&state=Mars").await,
        &["Validation Failed", "Zip code is not valid.", "State is not valid."],
    );
    quoted(&pinged("zip_code=90210&email_address=no-address&phone_home=1&ip_address=x").await);
    quoted(&pinged("zip_code=90210&state=&no_field=1").await);
}

#[tokio::test]
async fn a_nested_member_of_a_ping_fails_its_field_unless_that_is_personal() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    let ask = async |zip: serde_json::Value, email: serde_json::Value| {
        let body = serde_json::json!({
            "ckm_campaign_id": 58, "ckm_key": "Zy9xW7vU5tS", "zip_code": zip, "email_address": email,
        });
        server.tracking.post_json("/ping.ashx", &body).await.json()["errors"].clone()
    };
    let nested = serde_json::json!({ "a": 1 });
    let wrong = serde_json::json!(["Validation Failed", "Zip code is not valid."]);
    assert_eq!(ask(nested.clone(), "a@example.com".into()).await, wrong);
    assert_eq!(ask("90210".into(), nested).await, serde_json::Value::Null, "it is not looked at");
}

#[tokio::test]
async fn nothing_personal_is_told_to_buyers_or_kept_and_neither_is_the_ping_as_it_came() {
    let buyers = MockBuyers::start().await.unwrap();
    let told = "params = [[\"zip\", \"#zip_code#\"], [\"mail\", \"#email_address#\"], [\"who\", \"#first_name#\"], \
                [\"ip\", \"#ip#\"]]";
    let contract =
        Contract::new(7, &buyers.url("/accept"), "30.00").ping(&buyers.url("/ping?price=30.00"), "");
    let network =
        market_with(&[(Part::HostNPostOffer, "distribution = \"ping\"\npayout = \"2.00\"")], &[contract]);
    let network = network.replace("params = [[\"zip\", \"#zip_code#\"]]", told);
    let server = Server::start(&network).await;
    let personal = [
        ("email_address", "quentin@secret.example"),
        ("first_name", "Quentinius"),
        ("last_name", "Xylophagous"),
        ("phone_home", "5557700123"),
        ("ip_address", "198.51.100.77"),
        ("no_field", "whateveritis"),
    ];
    let pairs: String = personal.iter().map(|(name, value)| format!("&{name}={value}")).collect();
    quoted(&server.tracking.get(&format!("/ping.ashx?{HOST_N_POST}&zip_code=90210{pairs}")).await);
    quoted(&ping(&server, &pairs).await);
    assert_rejected(
        &server.tracking.post_form("/ping.ashx", &format!("{HOST_N_POST}{pairs}")).await,
        &["Lead Missing Data", "Zip code is required."],
    );
    let asked = buyers.requests_at("/ping").remove(0);
    assert_eq!(asked.value("zip").as_deref(), Some("90210"));
    for name in ["mail", "who", "ip"] {
        assert_eq!(asked.value(name).as_deref(), Some(""), "{name}");
    }
    let bytes = server.stored_bytes();
    let holds = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("zip_code") && holds("90210"), "the quote is kept");
    for (_, value) in personal {
        assert!(!holds(value), "{value}");
    }
    assert!(stored(&server).await.is_empty());
    assert!(crate::posts::rejections(&server).await.is_empty());
}

#[tokio::test]
async fn a_field_is_personal_if_its_vertical_says_so() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let server = Server::start(&market_with(&[(Part::ZipCode, "pii = true")], &contracts)).await;
    quoted(&ping(&server, "&zip_code=nowhere").await);
    let open = market_with(&[(Part::FirstName, "pii = false\nrequired = true")], &contracts);
    let server = Server::start(&open).await;
    assert_rejected(&ping(&server, "").await, &["Lead Missing Data", "First name is required."]);
    quoted(&ping(&server, "&first_name=Al").await);
}

#[tokio::test]
async fn the_trees_filters_hold_and_find_personal_fields_absent() {
    let buyers = MockBuyers::start().await.unwrap();
    let filter = |field: &str, value: &str| {
        format!("filter = [{{ field = \"{field}\", op = \"eq\", value = \"{value}\" }}]")
    };
    let california = Contract::new(7, &buyers.url("/a"), "30.00").with(&filter("state", "CA"));
    let server = one_buyer_with(california).await;
    quoted(&ping(&server, "&state=ca").await);
    assert_rejected(&ping(&server, "&state=NV").await, &["No Qualified Buyers Found"]);
    assert_rejected(&ping(&server, "").await, &["No Qualified Buyers Found"]);
    let anns = Contract::new(7, &buyers.url("/a"), "30.00").with(&filter("first_name", "Ann"));
    let server = one_buyer_with(anns).await;
    assert_rejected(&ping(&server, "&first_name=Ann").await, &["No Qualified Buyers Found"]);
}

async fn one_buyer_with(contract: Contract) -> Server {
    server("direct", &[contract]).await
}

#[tokio::test]
async fn the_inbound_filter_holds_as_far_as_a_ping_can_tell() {
    let buyers = MockBuyers::start().await.unwrap();
    let keys = "inbound_filter = [{ field = \"first_name\", op = \"exists\" }, \
                { field = \"state\", op = \"in\", value = \"CA|NV\" }]";
    let contracts = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let server = Server::start(&market_with(&[(Part::Vertical, keys)], &contracts)).await;
    quoted(&ping(&server, "&state=NV").await);
    assert_rejected(&ping(&server, "&state=NY&first_name=Ann").await, &["Unmatched Filter"]);
    let keys = "inbound_filter = [{ any = [{ field = \"first_name\", op = \"exists\" }, \
                { field = \"state\", op = \"eq\", value = \"CA\" }] }, \
                { any = [{ field = \"state\", op = \"eq\", value = \"CA\" }, \
                { field = \"state\", op = \"eq\", value = \"NV\" }] }]";
    let server = Server::start(&market_with(&[(Part::Vertical, keys)], &contracts)).await;
    quoted(&ping(&server, "&state=NV").await);
    assert_rejected(&ping(&server, "&state=NY").await, &["Unmatched Filter"]);
}

#[tokio::test]
async fn a_lead_cap_that_is_reached_is_told() {
    let buyers = MockBuyers::start().await.unwrap();
    let caps = "caps = [{ of = \"lead\", interval = \"day\", limit = 1 }]";
    let contracts = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let server = Server::start(&market_with(&[(Part::HostNPostOffer, caps)], &contracts)).await;
    quoted(&ping(&server, "").await);
    assert_sold(&sell(&server, "ann").await);
    assert_rejected(&ping(&server, "").await, &["Offer Over Lead Cap"]);
}

#[tokio::test]
async fn buyers_are_asked_as_the_offers_distribution_says() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/post/a"), "30.00").ping(&buyers.url("/reject/a"), ""),
        Contract::new(8, &buyers.url("/post/b"), "20.00").ping(&buyers.url("/ping/b?price=21.00"), ""),
        Contract::new(9, &buyers.url("/post/c"), "10.00").ping(&buyers.url("/ping/c?price=28.00"), ""),
        Contract::new(10, &buyers.url("/post/d"), "5.00"),
    ];
    let price = |kind: &'static str| {
        let contracts = &contracts;
        async move { quoted(&ping(&sharing(kind, contracts).await, "").await).1 }
    };
    assert_eq!(price("direct").await, "15.00");
    assert!(asked(&buyers).is_empty());
    assert_eq!(price("ping").await, "10.50");
    assert_eq!(asked(&buyers), ["/reject/a", "/ping/b"], "until the first accepts");
    assert_eq!(price("async_ping").await, "14.00");
    let mut all = asked(&buyers).split_off(2);
    all.sort();
    assert_eq!(all, ["/ping/b", "/ping/c", "/reject/a"]);
}

#[tokio::test]
async fn a_group_is_worth_its_sum() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/a"), "10.00").multisell().ping(&buyers.url("/ping/a?price=12.00"), ""),
        Contract::new(8, &buyers.url("/b"), "9.00").multisell().ping(&buyers.url("/ping/b?price=9.50"), ""),
        Contract::new(9, &buyers.url("/c"), "18.00"),
    ];
    for kind in ["ping", "async_ping"] {
        assert_eq!(quoted(&ping(&sharing(kind, &contracts).await, "").await).1, "10.75", "{kind}");
    }
    assert_eq!(quoted(&ping(&sharing("direct", &contracts).await, "").await).1, "9.50");
}

#[tokio::test]
async fn the_price_is_the_affiliates_payout_by_the_offers_rules() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let tier = "lead_tier = [{ name = \"West\", payout = \"7.00\", \
                filter = [{ field = \"state\", op = \"eq\", value = \"CA\" }] }]";
    let later = "payout = \"2.00\"\npay_on_post = false";
    for (changes, more, price) in [
        (vec![], "", "2.00"),
        (vec![(Part::HostNPostOffer, "payout_percent = \"33.5\"")], "", "10.05"),
        (vec![(Part::Vertical, tier)], "&state=CA", "7.00"),
        (vec![(Part::Vertical, tier)], "&state=NV", "2.00"),
        (vec![(Part::HostNPostOffer, later)], "", "0.00"),
    ] {
        let server = Server::start(&market_with(&changes, &contracts)).await;
        let (id, told) = quoted(&ping(&server, more).await);
        assert_eq!(told, price, "{changes:?}");
        let post = format!("{}{more}&ckm_ping_id={id}", offered("ann"));
        let sold = server.tracking.post_form("/d.ashx", &post).await;
        assert_eq!(sold.between("<price>", "</price>"), price, "the post is answered the same");
    }
    let dear = Server::start(&market_with(&[(Part::HostNPostOffer, "payout = \"30.01\"")], &contracts)).await;
    assert_rejected(&ping(&dear, "").await, &["No Qualified Buyers Found"]);
}

#[tokio::test]
async fn a_hosted_offers_ping_tells_what_its_leads_are_paid_where_somebody_would_buy_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let state = "filter = [{ field = \"state\", op = \"eq\", value = \"CA\" }]";
    let server = one_buyer_with(Contract::new(7, &buyers.url("/accept"), "30.00").with(state)).await;
    let pinged = |more: &'static str| {
        let server = &server;
        async move { server.tracking.get(&format!("/ping.ashx?{HOSTED}&zip_code=90210{more}")).await }
    };
    assert_rejected(&pinged("").await, &["No Qualified Buyers Found"]);
    let (id, price) = quoted(&pinged("&state=CA").await);
    assert_eq!(price, "12.00");
    let post = format!("{HOSTED}&zip_code=90210&state=CA&email_address=a@example.com&ckm_ping_id={id}");
    let reply = server.tracking.post_form("/d.ashx", &post).await;
    assert_eq!(reply.between("<price>", "</price>"), "12.00");
}

#[tokio::test]
async fn a_ping_reserves_nothing() {
    let buyers = MockBuyers::start().await.unwrap();
    let one = Contract::new(7, &buyers.url("/accept"), "30.00").row("cap = 1");
    let server = server("direct", &[one]).await;
    for _ in 0..3 {
        quoted(&ping(&server, "").await);
    }
    assert!(stored(&server).await.is_empty());
    assert_sold(&sell(&server, "ann").await);
    assert_rejected(&ping(&server, "").await, &["No Qualified Buyers Found"]);
}

#[tokio::test]
async fn a_test_ping_asks_nobody_and_is_worth_nothing() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract =
        Contract::new(7, &buyers.url("/accept"), "30.00").ping(&buyers.url("/ping?price=30.00"), "");
    let server = server("ping", &[contract]).await;
    for mark in ["&ckm_test=1", "&first_name=ckmtest"] {
        let (id, price) = quoted(&ping(&server, mark).await);
        assert_eq!(price, "0.00");
        let post = format!("{}&ckm_test=1&ckm_ping_id={id}", offered("ann"));
        let reply = server.tracking.post_form("/d.ashx", &post).await;
        assert_sold(&reply);
        assert_eq!(reply.between("<price>", "</price>"), "0.00");
    }
    assert!(asked(&buyers).is_empty());
}

#[tokio::test]
async fn pings_count_against_a_rate_limit_per_campaign() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    let no_key = server.tracking.get("/ping.ashx?ckm_campaign_id=58&ckm_key=guess&zip_code=90210").await;
    assert_rejected(&no_key, &["Invalid Post Key"]);
    for _ in 0..PingLimits::DEFAULT.burst() {
        quoted(&ping(&server, "").await);
    }
    let reply = ping(&server, "").await;
    assert_eq!((reply.status.as_u16(), reply.text()), (429, rejected(&["Too Many Pings"])));
    assert_eq!(reply.header("retry-after"), "1");
    let body = serde_json::json!({ "ckm_campaign_id": 58, "ckm_key": "Zy9xW7vU5tS", "zip_code": "90210" });
    let reply = server.tracking.post_json("/ping.ashx", &body).await;
    assert_eq!(reply.text(), r#"{"code":1,"msg":"rejected","errors":["Too Many Pings"]}"#);
    let other = server.tracking.get(&format!("/ping.ashx?{HOSTED}&zip_code=90210")).await;
    quoted(&other);
    server.clock.advance_seconds(1);
    for _ in 0..PingLimits::DEFAULT.per_second {
        quoted(&ping(&server, "").await);
    }
    assert_eq!(ping(&server, "").await.status, 429);
}

#[tokio::test]
async fn how_far_pings_may_go_is_the_servers_to_say() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/a"), "30.00").ping(&buyers.url("/stall"), "timeout_ms = 60000"),
        Contract::new(8, &buyers.url("/b"), "5.00").ping(&buyers.url("/ping?price=20.00"), ""),
    ];
    let pings = PingLimits { deadline_ms: 1_000, life_seconds: 90, per_second: 1 };
    let options = crumb_testkit::Options { pings, ..Default::default() };
    let offer = "distribution = \"async_ping\"\npayout_percent = \"50\"";
    let network = market_with(&[(Part::HostNPostOffer, offer)], &contracts);
    let server = Server::start_with(&network, options).await;
    for _ in 0..2 {
        let ping = ping(&server, "&ckm_max_seconds=20");
        let reply = tokio::time::timeout(std::time::Duration::from_secs(30), ping).await.unwrap();
        assert_eq!(quoted(&reply).1, "10.00", "the slow buyer is left out");
        assert!(reply.text().contains("<expires>2026-07-01T12:01:30Z</expires>"), "{}", reply.text());
    }
    assert_eq!(ping(&server, "").await.status, 429);
}

#[tokio::test]
async fn buyers_that_are_too_slow_are_left_out_so_that_the_answer_is_in_time() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/a"), "30.00").ping(&buyers.url("/stall"), "timeout_ms = 60000"),
        Contract::new(8, &buyers.url("/b"), "5.00").ping(&buyers.url("/ping?price=20.00"), ""),
    ];
    let server = sharing("async_ping", &contracts).await;
    let ping = ping(&server, "&ckm_max_seconds=1");
    let reply = tokio::time::timeout(std::time::Duration::from_secs(30), ping).await.unwrap();
    assert_eq!(quoted(&reply).1, "10.00");
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    for method in [Method::HEAD, Method::PUT, Method::OPTIONS, Method::DELETE] {
        let reply = server.tracking.send(Request::of(method, "/ping.ashx")).await;
        assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, "GET, POST"));
    }
}

#[tokio::test]
async fn too_large_a_ping_is_answered_413() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    assert_eq!(ping(&server, &format!("&x={}", "x".repeat(64 * 1024))).await.status, 413);
    assert_eq!(ping(&server, &"&a=1".repeat(500)).await.status, 413);
}

#[tokio::test]
async fn no_price_is_told_that_is_not_stored() {
    let buyers = MockBuyers::start().await.unwrap();
    let options = crumb_testkit::Options { max_store_pages: Some(120), ..Default::default() };
    let contracts = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let server = Server::start_with(&market(&contracts), options).await;
    let filler = "x".repeat(60_000);
    let mut is_full = false;
    for n in 0..200 {
        let lead = format!("{HOSTED}&email_address=p{n}@example.com&zip_code=90210&note={filler}");
        is_full = server.tracking.post_form("/d.ashx", &lead).await.status == 503;
        if is_full {
            break;
        }
    }
    assert!(is_full);
    for _ in 0..PingLimits::DEFAULT.burst() {
        let reply = ping(&server, "").await;
        if reply.status != 200 {
            assert_eq!(reply.status, 503);
            assert!(reply.header("retry-after").parse::<u32>().unwrap() > 0);
            assert!(!reply.text().contains("accepted"), "{}", reply.text());
            return;
        }
    }
    panic!("the store takes quotes without end");
}

#[tokio::test]
async fn pings_are_counted_by_outcome() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    quoted(&ping(&server, "").await);
    server.tracking.get("/ping.ashx").await;
    let text = server.admin.get("/metrics").await.text();
    for line in [
        "crumb_pings_total{outcome=\"accepted\"} 1",
        "crumb_pings_total{outcome=\"invalid_post_key\"} 1",
        "crumb_request_seconds_count{endpoint=\"ping\"} 2",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}
