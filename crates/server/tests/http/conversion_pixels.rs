//! `p.ashx`: whose conversion it is, in which order reasons are looked for, and what each
//! form is answered.

use crate::conversions::*;
use crumb_testkit::Request;
use serde_json::{Value, json};

#[tokio::test]
async fn a_postback_with_a_request_id_is_credited_to_its_click() {
    let server = shop_server("", "").await;
    let id = server.visitor().click("/?a=12&c=4001&s1=paper").await;
    converted(&server, &format!("o=400&r={id}&t=T-1")).await;
    let all = conversions(&server).await;
    assert_eq!(all.len(), 1);
    let row = &all[0];
    for (member, value) in [
        ("event", json!(1)),
        ("offer", json!(400)),
        ("affiliate", json!(12)),
        ("campaign", json!(60)),
        ("request_id", json!(id)),
        ("transaction_id", json!("T-1")),
        ("payout", json!("12.00")),
        ("received", json!("25.00")),
        ("disposition", json!("approved")),
    ] {
        assert_eq!(row[member], value, "{member}");
    }
    assert!(row["id"].is_string() && row["at"].is_string());
    let click = server.api_json(&format!("/clicks/{id}")).await;
    assert_eq!(click["conversions"], Value::Array(all));
}

#[tokio::test]
async fn the_offer_need_not_be_said_where_a_request_id_is() {
    let server = shop_server("", "").await;
    let id = clicked(&server).await;
    converted(&server, &format!("r={id}")).await;
    assert_eq!(conversions(&server).await[0]["offer"], 400);
}

#[tokio::test]
async fn a_request_id_counts_instead_of_the_cookie_also_where_it_is_wrong() {
    let server = shop_server("", "").await;
    let visitor = server.visitor();
    let own = visitor.click("/?a=12&c=4001").await;
    let other = server.visitor().click("/?a=13&c=4001").await;
    for wrong in ["o=400&r=7", "o=400&r=x", "r=7", "a=1&r=7"] {
        let reply = visitor.get(&format!("/p.ashx?f=pb&{wrong}")).await;
        assert!(reply.text().contains("<error>Invalid Request ID</error>"), "{wrong}: {}", reply.text());
    }
    assert!(conversions(&server).await.is_empty());
    visitor.get(&format!("/p.ashx?o=400&f=img&r={other}")).await;
    visitor.get("/p.ashx?o=400&f=img&r=").await;
    let credited: Vec<_> = conversions(&server)
        .await
        .iter()
        .map(|row| (row["request_id"].clone(), row["affiliate"].clone()))
        .collect();
    assert_eq!(credited, [(json!(other), json!(13)), (json!(own), json!(12))]);
}

#[tokio::test]
async fn a_call_has_500_pairs_at_most() {
    let server = shop_server("", "").await;
    let id = clicked(&server).await;
    let query = |pairs: usize| format!("r={id}{}", "&x=1".repeat(pairs - 2));
    assert_eq!(postback(&server, &query(501)).await.status, 413);
    assert!(conversions(&server).await.is_empty());
    converted(&server, &query(500)).await;
}

#[tokio::test]
async fn a_pixel_in_a_page_is_credited_by_the_offers_cookie_in_each_form() {
    let server = shop_server("", "").await;
    for (query, source) in [("", "iframe"), ("&f=js", "js"), ("&f=img", "img")] {
        let visitor = server.visitor();
        let id = visitor.click("/?a=12&c=4001").await;
        assert_eq!(visitor.get(&format!("/p.ashx?o=400{query}")).await.status, 200);
        let row = conversions(&server).await.pop().unwrap();
        assert_eq!((&row["request_id"], &row["source"]), (&json!(id), &json!(source)));
    }
    assert_eq!(dispositions(&server).await, ["ok", "ok", "ok"]);
}

#[tokio::test]
async fn a_global_pixel_is_credited_to_the_visitors_last_click_on_any_of_the_advertisers_offers() {
    let server = shop_server("", "").await;
    let visitor = server.visitor();
    let shop = visitor.click("/?a=12&c=4001").await;
    visitor.click("/?a=12&c=1057").await;
    visitor.get("/p.ashx?a=1&f=img").await;
    assert_eq!(conversions(&server).await.pop().unwrap()["offer"], 100);
    // A further click of an earlier session is a later click.
    server.clock.advance_seconds(60);
    assert_eq!(visitor.click("/?a=13&c=4001").await, shop);
    visitor.get("/p.ashx?a=1&f=img").await;
    let row = conversions(&server).await.pop().unwrap();
    assert_eq!((&row["offer"], &row["affiliate"]), (&json!(400), &json!(12)));
}

#[tokio::test]
async fn a_global_postback_names_the_session_of_any_of_the_advertisers_offers() {
    let more = "[[advertiser]]\nid = 2\nname = \"Other\"";
    let server = shop_server("", more).await;
    let id = clicked(&server).await;
    refused(&server, &format!("a=2&r={id}"), "Invalid Request ID").await;
    refused(&server, &format!("a=9&r={id}"), "Invalid Offer").await;
    converted(&server, &format!("a=1&r={id}")).await;
}

#[tokio::test]
async fn a_device_id_stands_in_for_the_cookie() {
    let server = shop_server("", "").await;
    let id = server.visitor().click("/?a=12&c=4001&udid=phone-1").await;
    server.visitor().click("/?a=13&c=4001&udid=phone-2").await;
    converted(&server, "o=400&udid=phone-1").await;
    let row = conversions(&server).await.pop().unwrap();
    assert_eq!((&row["request_id"], &row["affiliate"]), (&json!(id), &json!(12)));
    refused(&server, "o=400&udid=phone-3", "Invalid Request ID").await;
}

#[tokio::test]
async fn by_first_touch_a_device_converts_for_its_first_affiliate_and_by_last_touch_for_its_last() {
    for (keys, affiliate) in [("", 12), ("last_touch = true", 13)] {
        let server = shop_server(keys, "").await;
        server.visitor().click("/?a=12&c=4001&udid=phone").await;
        server.clock.advance_seconds(60);
        server.visitor().click("/?a=13&c=4001&udid=phone").await;
        converted(&server, "o=400&udid=phone").await;
        assert_eq!(conversions(&server).await[0]["affiliate"], affiliate);
    }
}

#[tokio::test]
async fn by_first_touch_a_devices_session_that_earns_credit_goes_before_an_older_one_that_does_not() {
    let server = shop_server("click_cookie_days = 10", "").await;
    server.visitor().click("/?a=12&c=4001&udid=phone").await;
    server.clock.advance_days(8);
    server.visitor().click("/?a=13&c=4001&udid=phone").await;
    server.clock.advance_days(4);
    converted(&server, "o=400&udid=phone").await;
    assert_eq!(conversions(&server).await[0]["affiliate"], 13);
}

#[tokio::test]
async fn reasons_are_looked_for_in_their_order() {
    let keys = "allowed_ips = [\"198.51.100.0/24\"]\npostback_secret = \"s3cret\"\nclick_cookie_days = 10";
    let server = shop_server(keys, "").await;
    let id = clicked(&server).await;
    refused(&server, "o=999&e=9&r=1", "Invalid Offer").await;
    refused(&server, "e=9", "Invalid Offer").await;
    refused(&server, "o=x", "Invalid Offer").await;
    refused(&server, "o=400&e=9&r=1", "Invalid Signature").await;
    assert_eq!(
        server.apply(&shop("allowed_ips = [\"198.51.100.0/24\"]\nclick_cookie_days = 10", "")).await,
        ()
    );
    refused(&server, "o=400&e=9&r=1", "Not Whitelisted").await;
    server.apply(&shop("click_cookie_days = 10", "")).await;
    for unknown in ["&r=1", "&r=", "", "&r=x", "&r=99999999999999999999999"] {
        refused(&server, &format!("o=400&e=9{unknown}"), "Invalid Request ID").await;
    }
    refused(&server, &format!("o=100&e=9&r={id}"), "Invalid Request ID").await;
    refused(&server, &format!("o=400&e=9&r={id}"), "Invalid Event").await;
    converted(&server, &format!("o=400&r={id}")).await;
    refused(&server, &format!("o=400&r={id}"), "Duplicate Conversion").await;
    server.clock.advance_days(10);
    refused(&server, &format!("o=400&e=9&r={id}"), "Click Expired").await;
    assert_eq!(conversions(&server).await.len(), 1);
}

#[tokio::test]
async fn a_cookie_of_a_click_that_is_too_old_is_an_expired_click() {
    let server = shop_server("click_cookie_days = 10", "").await;
    let visitor = server.visitor();
    visitor.click("/?a=12&c=4001").await;
    server.clock.advance_days(10);
    for query in ["o=400", "a=1"] {
        let reply = visitor.get(&format!("/p.ashx?f=pb&{query}")).await;
        assert!(reply.text().contains("<error>Click Expired</error>"), "{query}: {}", reply.text());
    }
    server.clock.advance_seconds(-1);
    visitor.get("/p.ashx?f=img&o=400").await;
    assert_eq!(dispositions(&server).await, ["Click Expired", "Click Expired", "ok"]);
}

#[tokio::test]
async fn every_call_is_in_the_log_with_what_became_of_it() {
    let server = shop_server("", "").await;
    let id = clicked(&server).await;
    postback(&server, &format!("o=400&r={id}&t=T-1&p=5&ap=5")).await;
    postback(&server, &format!("o=400&r={id}")).await;
    postback(&server, "o=999").await;
    let log = log(&server).await;
    let told: Vec<_> = log.iter().map(|row| row["disposition"].clone()).collect();
    assert_eq!(told, ["ok", "Duplicate Conversion", "Invalid Offer"]);
    let conversion = &conversions(&server).await[0]["id"];
    assert_eq!((&log[0]["conversion"], &log[1]["conversion"]), (conversion, conversion));
    assert_eq!(&log[0]["id"], conversion, "the call and what it made are one");
    assert_ne!(&log[1]["id"], conversion);
    assert_eq!(log[0]["transaction_id"], "T-1");
    assert_eq!(log[0]["ignored"], json!(["ap"]));
    assert_eq!(log[0]["form"], "pb");
    let of_session = server.api_json(&format!("/pixels?request_id={id}")).await;
    assert_eq!(of_session["total"], 2);
    assert_eq!(server.api_json("/pixels?offer=400").await["total"], 2);
}

#[tokio::test]
async fn each_form_is_answered_in_its_own_kind_whatever_became_of_it() {
    let server = shop_server("", "").await;
    for query in ["o=400", "o=999"] {
        let get = async |form: &str| server.tracking.get(&format!("/p.ashx?{query}{form}")).await;
        let image = get("&f=img").await;
        assert_eq!((image.header("content-type"), &image.body[..6]), ("image/gif", &b"GIF89a"[..]));
        let script = get("&f=js").await;
        assert_eq!(script.header("content-type"), "application/javascript; charset=utf-8");
        let page = get("").await;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(page.text().contains("</html>"));
        let xml = get("&f=pb").await;
        assert_eq!(xml.header("content-type"), "text/xml; charset=utf-8");
        for reply in [image, script, page, xml] {
            assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, "no-store"));
        }
    }
}

#[tokio::test]
async fn a_post_says_the_same_as_a_get_and_the_query_wins() {
    let server = shop_server("", "").await;
    let (one, two) = (clicked(&server).await, clicked(&server).await);
    let body = format!("o=400&r={two}&t=body");
    let reply = server.tracking.post_form(&format!("/p.ashx?F=PB&R={one}"), &body).await;
    assert_eq!(reply.text().trim_end(), SUCCESS);
    let row = conversions(&server).await.pop().unwrap();
    assert_eq!((&row["request_id"], &row["transaction_id"]), (&json!(one), &json!("body")));
}

#[tokio::test]
async fn a_conversion_makes_its_session_a_converted_one() {
    let server = shop_server("thank_you_link = \"https://shop.example/thanks\"", "").await;
    let visitor = server.visitor();
    let id = visitor.click("/?a=12&c=4001").await;
    converted(&server, &format!("r={id}")).await;
    let again = visitor.get("/?a=12&c=4001").await;
    assert_eq!(again.location(), "https://shop.example/thanks");
    assert_eq!(visitor.get("/?a=12&c=4001").await.location(), "https://shop.example/thanks");
}

#[tokio::test]
async fn a_conversion_over_its_cap_makes_no_session_a_converted_one() {
    let keys = "thank_you_link = \"https://shop.example/thanks\"\n\
                caps = [{ of = \"conversion\", interval = \"total\", limit = 0 }]";
    let server = shop_server(keys, "").await;
    let visitor = server.visitor();
    let id = visitor.click("/?a=12&c=4001").await;
    converted(&server, &format!("r={id}")).await;
    assert_eq!(conversions(&server).await[0]["disposition"], "Over Conversion Cap");
    assert_eq!(visitor.click("/?a=12&c=4001").await, id);
}

#[tokio::test]
async fn a_test_links_conversion_is_a_test_and_earns_nobody_anything() {
    let server = shop_server("", "").await;
    let id = server.visitor().click("/?a=-1&c=4001").await;
    converted(&server, &format!("r={id}")).await;
    let row = conversions(&server).await.pop().unwrap();
    assert_eq!(
        (&row["payout"], &row["received"], &row["test"]),
        (&json!("0.00"), &json!("0.00"), &json!(true))
    );
    assert_eq!(ledger_sum(&server, "house").await, "0.00");
}

#[tokio::test]
async fn while_nothing_can_be_stored_each_form_says_so_in_its_own_kind() {
    let server = shop_server("", "").await;
    let id = clicked(&server).await;
    let lock = server.lock_store();
    for (form, content_type) in [
        ("", "text/html; charset=utf-8"),
        ("&f=js", "application/javascript; charset=utf-8"),
        ("&f=img", "image/gif"),
        ("&f=pb", "text/xml; charset=utf-8"),
    ] {
        let reply = server.tracking.send(Request::get(&format!("/p.ashx?r={id}{form}"))).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (503, content_type));
        assert!(!reply.header("retry-after").is_empty());
        assert!(!reply.text().contains("SUCCESS"), "{}", reply.text());
        assert_eq!(reply.body.starts_with(b"GIF89a"), content_type == "image/gif");
    }
    drop(lock);
    converted(&server, &format!("r={id}")).await;
    assert_eq!(conversions(&server).await.len(), 1);
}

#[tokio::test]
async fn only_get_and_post_make_a_conversion() {
    let server = shop_server("", "").await;
    let id = clicked(&server).await;
    for method in ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let method = http::Method::from_bytes(method.as_bytes()).unwrap();
        let reply = server.tracking.send(Request::of(method.clone(), &format!("/p.ashx?r={id}"))).await;
        assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, "GET, POST"), "{method}");
    }
    assert!(conversions(&server).await.is_empty());
}
