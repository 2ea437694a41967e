//! Whatever strangers send, the endpoint answers and never fails.

use crate::posts::{BOB, HOSTED, accepted};
use crumb_testkit::network;
use crumb_testkit::{Request, Server};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Pieces that bodies are made of: what the dialect knows, in rubbish.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "ckm_campaign_id=57",
        "ckm_key=Ab3dE5gH1jK",
        "ckm_offer_id=100",
        "ckm_offer_id=200",
        "ckm_request_id=1234567890123",
        "ckm_request_id=",
        "ckm_lead_id=LEAD",
        "ckm_bp=1",
        "ckm_bp=0",
        "ckm_ifrm=1",
        "callback=cb",
        "ckm_xml=1",
        "ckm_test=1",
        "ckm_resell=1",
        "ckm_max_seconds=-1",
        "email_address=a@example.com",
        "zip_code=90210",
        "ip_address=127.0.0.1",
        "phone_home=1",
        "&",
        "=",
        "%",
        "<lead>",
        "</lead>",
        "<zip_code>90210</zip_code>",
        "{\"ckm_offer_id\":100,",
        "\"zip_code\":",
        "[[[[",
        "}",
        "\"x\":{}",
        "--B\r\n",
        "Content-Disposition: form-data; name=\"zip_code\"\r\n\r\n",
        "--B--",
    ])
    .prop_map(|text| format!("{text}&").into_bytes());
    let rubbish = prop::collection::vec(any::<u8>(), 0..20);
    prop::collection::vec(prop_oneof![6 => known, 1 => rubbish], 0..14).prop_map(|parts| parts.concat())
}

fn query() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK".to_owned()),
        Just("ckm_offer_id=100".to_owned()),
        Just("ckm_campaign_id=58&ckm_key=Zy9xW7vU5tS&ckm_xml=1".to_owned()),
        "[!-~&&[^#\"<>`{}]]{0,60}",
    ]
}

fn content_type() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "application/x-www-form-urlencoded",
        "application/json",
        "text/xml",
        "multipart/form-data; boundary=B",
        "multipart/form-data",
        "text/plain; charset=utf-16",
        "",
        "application/json; charset=x",
    ])
}

#[test]
fn no_post_whatsoever_is_answered_with_a_server_error() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(Server::start(network::SMALL));
    let lead = runtime.block_on(accepted(&server, &[HOSTED, BOB]));
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let posts = (query(), content_type(), body(), prop::option::of("[ -~]{0,20}"));
    TestRunner::new(config)
        .run(&posts, |(query, content_type, body, key)| {
            let body = replaced(&body, b"LEAD", lead.as_bytes());
            let request = Request::post(&format!("/d.ashx?{query}"), content_type, "").with_body(body);
            let request = match &key {
                Some(key) => request.header("idempotency-key", key),
                None => request,
            };
            let reply = runtime.block_on(server.tracking.send(request));
            prop_assert!(reply.status.as_u16() < 500, "{} {}", reply.status, reply.text());
            let known = [200, 302, 400, 413, 422];
            prop_assert!(known.contains(&reply.status.as_u16()), "{} {}", reply.status, reply.text());
            Ok(())
        })
        .unwrap();
}

#[test]
fn no_call_of_the_form_endpoints_is_answered_with_a_server_error() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(Server::start(network::SMALL));
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
    let paths = prop::sample::select(vec!["js.ashx", "v.ashx", "get.ashx", "t.ashx", "d.js"]);
    let queries =
        prop_oneof!["[!-~&&[^#\"<>`{}]]{0,60}", "o=(100|x)&f=[0-9]{1,20}&v=%[0-9a-f]{2}&callback=cb"];
    TestRunner::new(config)
        .run(&(paths, queries), |(path, query)| {
            let reply = runtime.block_on(server.tracking.get(&format!("/{path}?{query}")));
            prop_assert!(reply.status.as_u16() < 500, "{} {}", reply.status, reply.text());
            Ok(())
        })
        .unwrap();
}

/// A body with each piece that says one thing saying another.
fn replaced(body: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.windows(old.len()).position(|window| window == old) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(new);
        rest = &rest[at + old.len()..];
    }
    out.extend_from_slice(rest);
    out
}
