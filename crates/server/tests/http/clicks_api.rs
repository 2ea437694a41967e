//! The API's view of clicks.

use crate::traffic::*;
use crumb_testkit::{Request, Server, network};
use serde_json::{Value, json};

#[tokio::test]
async fn a_session_is_shown_with_its_clicks_leads_and_conversions() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    let id = visitor.click("/?a=12&c=1057&s1=a").await;
    server.clock.advance_seconds(5);
    visitor.click("/?a=13&c=1058&s1=b").await;
    let answer = visitor
        .post_form("/d.ashx", "ckm_offer_id=100&email_address=a@example.com&zip_code=90210&ckm_bp=0")
        .await;
    let lead = answer.between("<leadid>", "</leadid>");
    let session = server.api_json(&format!("/clicks/{id}")).await;
    assert_eq!(session["request_id"], json!(id));
    assert_eq!(session["leads"], json!([lead]));
    let conversions = session["conversions"].as_array().unwrap();
    let named = conversions.iter().map(|one| (&one["lead"], &one["source"], &one["disposition"]));
    let (lead, source, approved) = (json!(lead), json!("lead"), json!("approved"));
    assert_eq!(named.collect::<Vec<_>>(), [(&lead, &source, &approved)], "an accepted lead is one");
    let clicks = session["clicks"].as_array().unwrap();
    let of = |name: &str| clicks.iter().map(|click| click[name].clone()).collect::<Vec<Value>>();
    assert_eq!(of("affiliate"), [12, 13]);
    assert_eq!(of("offer"), [100, 100]);
    assert_eq!(of("creative"), [1057, 1058]);
    assert_eq!(of("duplicate"), [false, true]);
    assert_eq!(of("disposition"), ["ok", "ok"]);
    assert_eq!(of("at"), ["2026-07-01T12:00:00Z", "2026-07-01T12:00:05Z"]);
    assert_eq!(of("sub_ids"), [json!(["a", "", "", "", ""]), json!(["b", "", "", "", ""])]);
    assert_eq!(of("non_human"), [Value::Null, Value::Null]);
}

#[tokio::test]
async fn an_unknown_request_id_is_not_found_and_says_so_as_a_problem() {
    let server = Server::start(network::SMALL).await;
    for id in ["1", "9007199254740991", "9007199254740992", "x", "0", "-1"] {
        let reply = server.api(&format!("/clicks/{id}")).await;
        assert_eq!(reply.status, 404, "{id}");
        assert_eq!(reply.header("content-type"), "application/problem+json");
        assert_eq!(reply.json()["status"], 404);
    }
}

#[tokio::test]
async fn clicks_are_listed_by_each_filter() {
    let server = Server::start(network::SMALL).await;
    let id = server.visitor().click("/?a=12&c=1057").await;
    server.visitor().click("/?a=12&c=1058").await;
    server.clock.advance_seconds(60);
    server.visitor().click("/?a=13&c=2001").await;
    follow(&server, "/?a=14&c=1057").await;
    follow(&server, "/?a=-1&c=1057").await;
    let count = async |filter: &str| rows_of(&server, filter).await.len();
    assert_eq!(count("").await, 5);
    assert_eq!(count("affiliate=12").await, 2);
    assert_eq!(count("affiliate=13").await, 1);
    assert_eq!(count("affiliate=-1").await, 1);
    assert_eq!(count("affiliate=99").await, 0);
    assert_eq!(count("offer=100").await, 4);
    assert_eq!(count("offer=200").await, 1);
    assert_eq!(count("campaign=57").await, 2);
    assert_eq!(count("creative=1057").await, 3);
    assert_eq!(count("creative=1058&affiliate=12").await, 1);
    assert_eq!(count("disposition=ok").await, 4);
    assert_eq!(count("disposition=Inactive%20Affiliate").await, 1);
    assert_eq!(count(&format!("request_id={id}")).await, 1);
    assert_eq!(count("from=2026-07-01T12:01:00Z").await, 3);
    assert_eq!(count("to=2026-07-01T12:01:00Z").await, 2);
    assert_eq!(count("from=2026-07-01T12:00:00Z&to=2026-07-01T12:00:01Z").await, 2);
}

#[tokio::test]
async fn a_request_id_that_names_nothing_lists_nothing() {
    let server = Server::start(network::SMALL).await;
    follow(&server, LINK).await;
    assert_eq!(rows_of(&server, "request_id=12345").await.len(), 0);
}

#[tokio::test]
async fn a_list_is_read_page_by_page_with_its_total() {
    let server = Server::start(network::SMALL).await;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(json!(server.visitor().click(LINK).await));
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.api_json(&format!("/clicks?limit=3{cursor}")).await;
        assert_eq!(page["total"], 7);
        seen.extend(page["data"].as_array().unwrap().iter().map(|row| row["request_id"].clone()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    made.reverse();
    assert_eq!(seen, made);
}

#[tokio::test]
async fn a_limit_over_a_thousand_is_refused() {
    let server = Server::start(network::SMALL).await;
    assert_eq!(server.api("/clicks?limit=1000").await.status, 200);
    assert_eq!(server.api("/clicks?limit=1001").await.status, 400);
}

#[tokio::test]
async fn an_affiliate_sees_its_own_clicks_alone() {
    let server = Server::start(network::SMALL).await;
    let own = server.visitor().click("/?a=12&c=1057").await;
    let others = server.visitor().click("/?a=13&c=1057").await;
    let key = server.api_key("affiliate:12").await;
    let get =
        async |target: &str| server.admin.send(Request::get(&format!("/api/v1{target}")).bearer(&key)).await;
    let list = get("/clicks").await.json();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["data"][0]["request_id"], own);
    assert_eq!(get(&format!("/clicks/{own}")).await.status, 200);
    assert_eq!(get(&format!("/clicks/{others}")).await.status, 404);
    assert_eq!(server.admin.get(&format!("/api/v1/clicks/{own}")).await.status, 401);
}

#[tokio::test]
async fn of_a_duplicate_click_an_affiliate_is_told_its_own_session_and_no_other() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    let first = visitor.click("/?a=13&c=1057").await;
    visitor.click("/?a=12&c=1057").await;
    let key = server.api_key("affiliate:12").await;
    let named = async || {
        let list = server.admin.send(Request::get("/api/v1/clicks?sort=id").bearer(&key)).await.json();
        let rows = list["data"].as_array().unwrap().clone();
        rows.iter().map(|row| (row["duplicate"].clone(), row["request_id"].clone())).collect::<Vec<_>>()
    };
    let whole = server.api_json("/clicks?affiliate=12").await;
    assert_eq!(whole["data"][0]["request_id"], json!(first), "the network is told whose it is");
    assert_eq!(named().await, [(json!(true), json!(null))]);
    let other = server.visitor();
    let own = other.click("/?a=12&c=1057").await;
    server.clock.advance_seconds(60);
    other.click("/?a=12&c=1058").await;
    let own = json!(own);
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(named().await, [(yes.clone(), json!(null)), (no, own.clone()), (yes, own)]);
}

#[tokio::test]
async fn an_affiliate_sees_neither_its_visitors_address_nor_their_number() {
    let link = "link = \"https://lp.example/quote?reqid=#reqid#";
    let server = Server::start(&network::SMALL.replace(link, &format!("{link}&v=#vstid#"))).await;
    let own = server.visitor().click("/?a=12&c=1057").await;
    let whole = server.api_json(&format!("/clicks/{own}")).await["clicks"][0].clone();
    let visitor = whole["visitor"].as_str().unwrap();
    assert_eq!(whole["ip"], "127.0.0.1");
    assert!(whole["redirect"].as_str().unwrap().contains(&format!("&v={visitor}&")), "{whole}");
    let key = server.api_key("affiliate:12").await;
    for target in ["/clicks".to_owned(), format!("/clicks/{own}")] {
        let reply = server.admin.send(Request::get(&format!("/api/v1{target}")).bearer(&key)).await;
        let row = reply.json()[if target == "/clicks" { "data" } else { "clicks" }][0].clone();
        assert_eq!((&row["ip"], &row["visitor"]), (&json!(null), &json!(null)));
        assert!(row["redirect"].as_str().unwrap().contains(&format!("reqid={own}&v=***&")), "{row}");
        assert!(!reply.text().contains(visitor), "{}", reply.text());
    }
}

#[tokio::test]
async fn every_distinct_s1_is_a_sub_affiliate_of_the_affiliate() {
    let server = Server::start(network::SMALL).await;
    for s1 in ["news", "blog", "news"] {
        follow(&server, &format!("/?a=12&c=1057&s1={s1}")).await;
    }
    follow(&server, "/?a=13&c=1057&s1=other").await;
    let list = server.api_json("/sub-affiliates?affiliate=12&sort=id").await;
    assert_eq!((&list["data"][0]["s1"], &list["data"][1]["s1"]), (&json!("news"), &json!("blog")));
    assert_eq!((&list["total"], &list["data"][0]["first_at"]), (&json!(2), &json!("2026-07-01T12:00:00Z")));
    assert_eq!(server.api("/sub-affiliates").await.status, 400);
    let status = async |role: &str, target: &str| {
        let key = server.api_key(role).await;
        server.admin.send(Request::get(&format!("/api/v1{target}")).bearer(&key)).await
    };
    assert_eq!(status("affiliate:12", "/sub-affiliates").await.json()["total"], 2);
    assert_eq!(status("affiliate:12", "/sub-affiliates?affiliate=13").await.status, 403);
    assert_eq!(status("buyer:5", "/sub-affiliates?affiliate=12").await.status, 403);
}
