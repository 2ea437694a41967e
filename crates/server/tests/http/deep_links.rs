//! `ckmrdr`: deep links, and that they open no way to strangers' hosts.

use crate::traffic::*;
use crumb_testkit::Server;
use crumb_testkit::network::Part;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const ALLOWED: &str = "link_override_hosts = [\"lp.example\", \"shop.example\"]";

async fn server() -> Server {
    server_with(&[(Part::HostedOffer, ALLOWED), (Part::Creative, "allow_link_override = true")]).await
}

#[tokio::test]
async fn an_unencoded_target_takes_everything_after_it() {
    let server = server().await;
    let reply =
        follow(&server, "/?a=12&c=1057&s1=own&ckmrdr=https://lp.example/x?a=1&b=2&s1=theirs&c=9").await;
    assert_eq!(reply.location(), "https://lp.example/x?a=1&b=2&s1=theirs&c=9");
    let row = last_row(&server).await;
    assert_eq!(row["sub_ids"][0], "own");
    assert_eq!(row["creative"], 1057);
    assert_eq!(row["redirect"], "https://lp.example/x?a=1&b=2&s1=theirs&c=9");
}

#[tokio::test]
async fn a_deep_link_of_any_length_is_followed_and_its_beginning_kept() {
    let server = server().await;
    let target = format!("https://lp.example/x?q={}", "y".repeat(50_000));
    let reply = follow(&server, &format!("/?a=12&c=1057&ckmrdr={target}")).await;
    assert_eq!(reply.location(), target);
    assert_eq!(last_row(&server).await["redirect"], target[..2_048]);
}

/// Where a link leads that is sent as it is written, by a client that strips no fragment.
async fn sent_on(server: &Server, target: &str) -> String {
    let mut socket = tokio::net::TcpStream::connect(server.tracking_address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let location = answer.lines().find_map(|line| line.strip_prefix("location: "));
    location.unwrap_or_else(|| panic!("no redirect: {answer}")).to_owned()
}

#[tokio::test]
async fn an_unencoded_target_keeps_the_fragment_that_a_client_sends() {
    let server = server().await;
    let deep = |target: &str| format!("/?a=12&c=1057&s1=own&ckmrdr={target}");
    for (target, location) in [
        ("http://lp.example/y#z", "http://lp.example/y#z"),
        ("https://lp.example/?x=1#top?y=2&z", "https://lp.example/?x=1#top?y=2&z"),
        ("https://lp.example/?s=#s1#&x=%23", "https://lp.example/?s=own&x=%23"),
        ("https://lp.example/#", "https://lp.example/#"),
    ] {
        assert_eq!(sent_on(&server, &deep(target)).await, location);
        assert_eq!(last_row(&server).await["redirect"], location);
    }
    let encoded = deep("https%3A%2F%2Flp.example%2Fx#&s2=out");
    assert_eq!(sent_on(&server, &encoded).await, "https://lp.example/x");
    assert_eq!(last_row(&server).await["sub_ids"][1], "");
    let foreign = sent_on(&server, &deep("https://evil.example/#@lp.example")).await;
    assert!(foreign.starts_with("https://lp.example/quote?"), "{foreign}");
    let none = sent_on(&server, "/?a=12&c=1057#&ckmrdr=https://lp.example/x").await;
    assert!(none.starts_with("https://lp.example/quote?"), "{none}");
}

#[tokio::test]
async fn an_encoded_target_ends_at_the_next_ampersand() {
    let server = server().await;
    let reply =
        follow(&server, "/?a=12&c=1057&ckmrdr=https%3A%2F%2Flp.example%2Fx%3Fq%3D1%26r%3D2&s1=sub").await;
    assert_eq!(reply.location(), "https://lp.example/x?q=1&r=2");
    assert_eq!(last_row(&server).await["sub_ids"][0], "sub");
    let reply = follow(&server, "/?a=12&c=1057&CKMRDR=https%3a%2f%2fshop.example%2fy&s1=sub").await;
    assert_eq!(reply.location(), "https://shop.example/y");
}

#[tokio::test]
async fn http_and_https_on_any_port_are_followed() {
    let server = server().await;
    for target in [
        "http://lp.example/x",
        "https://lp.example:8443/x",
        "http://lp.example:81/",
        "https://shop.example/a/b",
    ] {
        assert_eq!(follow(&server, &format!("{LINK}&ckmrdr={target}")).await.location(), target);
    }
    let upper = follow(&server, &format!("{LINK}&ckmrdr=HTTPS://LP.EXAMPLE/Path")).await;
    assert_eq!(upper.location().to_ascii_lowercase(), "https://lp.example/path");
    assert!(upper.location().ends_with("/Path"));
}

#[tokio::test]
async fn tokens_are_replaced_in_a_deep_link() {
    let server = server().await;
    let target = "https%3A%2F%2Flp.example%2Fx%3Freqid%3D%23reqid%23%26s%3D%23S1%23";
    let reply = follow(&server, &format!("/?a=12&c=1057&s1=a+b&ckmrdr={target}")).await;
    let id = parameter(reply.location(), "reqid");
    assert_eq!(reply.location(), format!("https://lp.example/x?reqid={id}&s=a%20b"));
    assert_eq!(server.api_json(&format!("/clicks/{id}")).await["request_id"], id);
}

#[tokio::test]
async fn a_target_that_is_not_allowed_is_ignored() {
    let server = server().await;
    for target in [
        "https://evil.example/",
        "https://lp.example.evil.example/",
        "https://evillp.example/",
        "https://sub.lp.example/",
        "https://lp.example@evil.example/",
        "https://lp.example:443@evil.example/",
        "https:%5C%5Cevil.example/",
        "https://evil.example%5C%5C.lp.example/",
        "https://evil.example%3F.lp.example/",
        "//evil.example/",
        "//lp.example/x",
        "/x",
        "lp.example/x",
        "javascript:alert(1)//lp.example/",
        "javascript://lp.example/%250Aalert(1)",
        "data:text/html,lp.example",
        "ftp://lp.example/",
        "https:///",
        "https://",
        "https://%00lp.example/",
        "https://lp.example%00.evil.example/",
        "https://lp.example%0d%0a.evil.example/",
        "%09javascript:alert(1)",
        "https%3A%2F%2Fevil.example%2F",
        "https%3A%2F%2Flp.example%40evil.example%2F",
        "https%3A%5C%5Cevil.example",
        "%2F%2Fevil.example",
        "%20https://evil.example/",
    ] {
        let reply = follow(&server, &format!("{LINK}&ckmrdr={target}")).await;
        assert_eq!(reply.status, 302, "{target}");
        assert!(
            reply.location().starts_with("https://lp.example/quote?"),
            "{target} led to {}",
            reply.location()
        );
    }
}

#[tokio::test]
async fn whatever_stands_before_the_host_leads_to_a_listed_host() {
    let server = server().await;
    for target in [
        "https://evil.example@lp.example/",
        "https://evil.example%5C@lp.example/",
        "https://evil.example%2F@lp.example/",
        "https://evil.example%23@lp.example/",
        "https%3A%2F%2Flp.example%5C%40evil.example%2F",
        "https%3A%2F%2Flp.example%5C.evil.example%2F",
        "https:lp.example/x",
    ] {
        let reply = follow(&server, &format!("{LINK}&ckmrdr={target}")).await;
        assert_eq!(host_of(reply.location()), "lp.example", "{target} led to {}", reply.location());
        assert!(!reply.location().contains('\\'), "{target} led to {}", reply.location());
    }
}

#[tokio::test]
async fn a_token_cannot_change_the_host_that_was_allowed() {
    let server = server().await;
    for (s1, target) in [
        (".evil.example", "https%3A%2F%2Flp.example%23s1%23%2Fx"),
        ("evil.example", "https%3A%2F%2F%23s1%23%2Fx"),
        ("evil.example", "https%3A%2F%2Flp.example%40%23s1%23%2Fx"),
        ("evil.example", "https%3A%2F%2F%23s1%23%23%40lp.example%2F"),
    ] {
        let reply = follow(&server, &format!("/?a=12&c=1057&s1={s1}&ckmrdr={target}")).await;
        let host = host_of(reply.location());
        assert!(host == "lp.example" || host == "shop.example", "{target} led to {}", reply.location());
    }
}

#[tokio::test]
async fn a_deep_link_wants_both_the_creatives_leave_and_a_listed_host() {
    for changes in
        [vec![(Part::HostedOffer, ALLOWED)], vec![(Part::Creative, "allow_link_override = true")], vec![]]
    {
        let server = server_with(&changes).await;
        let reply = follow(&server, &format!("{LINK}&ckmrdr=https://lp.example/x")).await;
        assert!(reply.location().starts_with("https://lp.example/quote?"), "{}", reply.location());
    }
}

#[tokio::test]
async fn a_deep_link_goes_before_the_creatives_own_link() {
    let server = server_with(&[
        (Part::HostedOffer, ALLOWED),
        (Part::Creative, "allow_link_override = true\nlink = \"https://own.example/\""),
    ])
    .await;
    assert_eq!(
        follow(&server, &format!("{LINK}&ckmrdr=https://lp.example/x")).await.location(),
        "https://lp.example/x"
    );
    assert_eq!(follow(&server, LINK).await.location(), "https://own.example/");
}

#[tokio::test]
async fn a_diverted_click_is_not_led_by_its_deep_link() {
    let server = server_with(&[
        (Part::HostedOffer, &format!("{ALLOWED}\nstatus = \"inactive\"")),
        (Part::Creative, "allow_link_override = true"),
    ])
    .await;
    diverted(&server, "/?a=12&c=1057&ckmrdr=https://lp.example/x", "Inactive Offer").await;
}

#[test]
fn no_bytes_in_a_query_are_an_error_of_the_server() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(server());
    proptest!(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() }, |(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        start in prop_oneof![Just("/?"), Just("/?a=12&c=1057&s2="), Just("/?a=12&c=1057&cp="), Just("/?a=12&c=1057&first_name=")],
    )| {
        let escaped: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
        let reply = runtime.block_on(server.tracking.get(&format!("{start}{escaped}")));
        prop_assert!(reply.status == 302 || reply.status == 200, "{start}{escaped}: {}", reply.status);
    });
}

/// The host as browsers take it: by the URL standard.
fn host_of(location: &str) -> String {
    let url = url::Url::parse(location).unwrap_or_else(|error| panic!("{location}: {error}"));
    assert!(matches!(url.scheme(), "http" | "https"), "{location}");
    url.host_str().unwrap_or_default().to_owned()
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("https:"),
        Just("http://"),
        Just("//"),
        Just("%2F"),
        Just("%5C"),
        Just("/"),
        Just("@"),
        Just("%40"),
        Just("lp.example"),
        Just("evil.example"),
        Just("."),
        Just(":"),
        Just("%3A"),
        Just("%23s1%23"),
        Just("%23"),
        Just("?"),
        Just("%3F"),
        Just("&"),
        Just("%09"),
        Just("%0D%0A"),
        Just("%00"),
        Just("%E3%80%82"),
        Just("%25"),
        Just("javascript:"),
        Just("&s1=evil.example"),
        Just("&s1=.evil.example"),
        Just("&s1=@evil.example"),
        Just("&ckmrdr="),
        Just("&cp="),
        Just("&a=1"),
        Just("&first_name=x"),
        Just("%zz"),
        Just("%ff"),
        Just("8080"),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[test]
fn no_query_is_an_error_of_the_server_or_leads_to_a_host_that_the_network_does_not_name() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(server());
    let allowed = ["lp.example", "shop.example", "global.example"];
    proptest!(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() }, |(
        target in pieces(),
        before in prop_oneof![
            Just("/?a=12&c=1057&s1=.evil.example&ckmrdr=".to_owned()),
            Just("/?a=12&c=1057&ckmrdr=https://".to_owned()),
            Just("/?a=12&c=1057&ckmrdr=https%3A%2F%2F".to_owned()),
            "/\\?[ac0-9&=%x-]{0,12}",
        ],
    )| {
        let reply = runtime.block_on(server.tracking.get(&format!("{before}{target}")));
        prop_assert!(!reply.status.is_server_error(), "{before}{target}: {}", reply.status);
        if reply.status == 302 {
            let host = host_of(reply.location());
            prop_assert!(allowed.contains(&host.as_str()), "{before}{target} led to {}", reply.location());
        }
    });
}
