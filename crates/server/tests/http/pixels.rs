//! The click pixel.

use crate::traffic::*;
use crumb_testkit::network::Part;
use crumb_testkit::{Request, Server, network};
use http::Method;
use serde_json::json;

const JS: &str = "/?a=12&c=1057&cp=js";

#[tokio::test]
async fn cp_js_answers_a_script_with_the_request_id_on_a_line_of_its_own() {
    let server = Server::start(network::SMALL).await;
    let reply = follow(&server, JS).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/javascript; charset=utf-8");
    assert_eq!(reply.location(), "");
    let id = pixel_id(&reply);
    assert!(reply.text().lines().any(|line| line == format!("var ckm_request_id = {id};")));
    let session = server.api_json(&format!("/clicks/{id}")).await;
    assert_eq!(session["clicks"][0]["disposition"], "ok");
    assert_eq!(session["clicks"][0]["redirect"], json!(null));
}

#[tokio::test]
async fn a_pixel_sets_the_same_cookies_as_a_link() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    let reply = visitor.get(JS).await;
    assert_eq!(reply.cookies().len(), 2);
    assert_eq!(visitor.click(LINK).await, pixel_id(&reply));
    assert_eq!(pixel_id(&visitor.get(JS).await), pixel_id(&reply));
}

#[tokio::test]
async fn a_pixel_takes_the_same_parameters_as_a_link() {
    let server = Server::start(network::SMALL).await;
    follow(&server, "/?A=12&C=1057&CP=js&s1=sub&m=3&udid=d").await;
    let row = last_row(&server).await;
    assert_eq!(row["sub_ids"][0], "sub");
    assert_eq!(row["media_type"], 3);
    assert_eq!(row["device_id"], "d");
}

#[tokio::test]
async fn a_diverted_pixel_says_0_and_names_the_disposition_in_a_comment() {
    let server = server_with(&[
        (Part::HostedOffer, "status = \"inactive\"\nredirect_offer = 500"),
        (Part::More, &offer(500, "")),
    ])
    .await;
    for (target, disposition) in [
        ("/?a=12&c=1057&cp=js", "Inactive Offer"),
        ("/?a=14&c=2001&cp=js", "Inactive Affiliate"),
        ("/?a=x&c=1&cp=js", "Invalid Link"),
    ] {
        let reply = follow(&server, target).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-type"), "application/javascript; charset=utf-8");
        assert_eq!(pixel_id(&reply), "0");
        let text = reply.text();
        let comment = text.lines().any(|line| {
            let line = line.trim();
            line.contains(disposition) && (line.starts_with("//") || line.starts_with("/*"))
        });
        assert!(comment, "{text}");
        assert!(!text.contains("ckm_form"), "{text}");
    }
}

#[tokio::test]
async fn an_image_too_passes_on_the_request_id_of_the_pages_own_address() {
    let server = Server::start(network::SMALL).await;
    let id = server.visitor().click(LINK).await;
    let reply = follow(&server, &format!("/?a=13&c=1057&cp=img&ckm_request_id={id}")).await;
    assert_eq!(reply.header("content-type"), "image/gif");
    let row = last_row(&server).await;
    assert_eq!((&row["duplicate"], &row["request_id"]), (&true.into(), &id.into()));
}

#[tokio::test]
async fn a_diverted_pixel_is_recorded_and_redirects_and_opens_nothing() {
    let server = server_with(&[
        (Part::HostedOffer, "status = \"inactive\"\nredirect_offer = 500"),
        (Part::More, &offer(500, "")),
    ])
    .await;
    let reply = follow(&server, JS).await;
    assert!(
        reply.cookies().iter().all(|cookie| cookie.contains("Max-Age=34560000")),
        "{:?}",
        reply.cookies()
    );
    let rows = rows(&server).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["disposition"], "Inactive Offer");
}

#[tokio::test]
async fn a_pixel_is_answered_in_its_kind_where_a_link_would_be_a_404() {
    let without = network::SMALL.replace("global_redirect = \"https://global.example/\"\n", "");
    let ticked = network::small_with(&[(Part::HostedOffer, "status = \"inactive\"\nredirect_404 = true")]);
    for (text, target) in [(without, "/?a=12&c=999"), (ticked, LINK)] {
        let server = Server::start(&text).await;
        assert_eq!(follow(&server, target).await.status, 404);
        let script = follow(&server, &format!("{target}&cp=js")).await;
        assert_eq!((script.status.as_u16(), pixel_id(&script).as_str()), (200, "0"));
        let image = follow(&server, &format!("{target}&cp=img")).await;
        assert_eq!((image.status.as_u16(), image.header("content-type")), (200, "image/gif"));
    }
}

#[tokio::test]
async fn an_already_converted_visitor_is_still_told_the_request_id() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    let id = visitor.click(LINK).await;
    visitor.post_form("/d.ashx", "ckm_offer_id=100&email_address=a@example.com&zip_code=90210").await;
    let reply = visitor.get(JS).await;
    assert_eq!(pixel_id(&reply), id);
    assert_eq!(last_row(&server).await["disposition"], "Already Converted");
}

#[tokio::test]
async fn the_script_fills_the_empty_fields_of_the_form_now_and_when_the_document_is_ready() {
    let server = Server::start(network::SMALL).await;
    let text = follow(&server, JS).await.text();
    for part in ["ckm_form", "input[name=", "ckm_request_id", "DOMContentLoaded"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn cp_img_answers_a_transparent_gif_of_one_pixel() {
    let server = Server::start(network::SMALL).await;
    for target in ["/?a=12&c=1057&cp=img", "/?a=x&c=1057&cp=img"] {
        let reply = follow(&server, target).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-type"), "image/gif");
        assert_eq!(&reply.body[..6], b"GIF89a");
        assert_eq!(&reply.body[6..10], [1, 0, 1, 0]);
        assert_eq!(reply.body.last(), Some(&0x3b));
        assert_eq!(last_row(&server).await["source"], "image_pixel");
    }
    assert_eq!(follow(&server, "/?a=12&c=1057&cp=img").await.cookies().len(), 2);
}

#[tokio::test]
async fn any_other_value_of_cp_is_answered_like_js() {
    let server = Server::start(network::SMALL).await;
    for value in ["jsr", "JS", "IMG", "1", ""] {
        let reply = follow(&server, &format!("{LINK}&cp={value}")).await;
        assert_eq!(reply.status, 200, "cp={value}");
        assert_eq!(reply.header("content-type"), "application/javascript; charset=utf-8");
        assert_ne!(pixel_id(&reply), "0");
    }
}

#[tokio::test]
async fn pixels_are_not_stored_and_are_readable_across_origins() {
    let server = Server::start(network::SMALL).await;
    for target in [JS, "/?a=12&c=1057&cp=img", "/?a=x&cp=js", "/?a=x&cp=img"] {
        let reply = server.tracking.send(Request::get(target).header("origin", "https://lp.example")).await;
        assert_eq!(reply.header("cache-control"), "no-store", "{target}");
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{target}");
        assert_eq!(reply.header("access-control-allow-credentials"), "", "{target}");
    }
}

#[tokio::test]
async fn a_pixels_preflight_is_answered_and_records_nothing() {
    let server = Server::start(network::SMALL).await;
    let preflight = Request::of(Method::OPTIONS, JS)
        .header("origin", "https://lp.example")
        .header("access-control-request-method", "GET");
    let reply = server.tracking.send(preflight).await;
    assert!(reply.status.is_success(), "{}", reply.status);
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert!(reply.header("access-control-allow-methods").contains("GET"));
    assert!(rows(&server).await.is_empty());
}

#[tokio::test]
async fn a_request_id_that_is_passed_on_makes_the_pixel_a_duplicate_and_is_answered() {
    let server = Server::start(network::SMALL).await;
    let id = server.visitor().click(LINK).await;
    // Another browser, as far as cookies tell, on a page with an organic pixel.
    let reply = follow(&server, &format!("/?a=1&c=1057&cp=js&ckm_request_id={id}")).await;
    assert_eq!(pixel_id(&reply), id);
    let row = last_row(&server).await;
    assert_eq!(row["duplicate"], true);
    assert_eq!(row["request_id"], id);
    assert_eq!(row["affiliate"], 1);
}

#[tokio::test]
async fn a_request_id_in_a_link_that_is_followed_is_no_pages_and_is_ignored() {
    let server = Server::start(network::SMALL).await;
    let id = server.visitor().click(LINK).await;
    let other = server.visitor().click(&format!("{LINK}&ckm_request_id={id}")).await;
    assert_ne!(other, id);
    assert_eq!(last_row(&server).await["duplicate"], false);
}

#[tokio::test]
async fn a_request_id_that_is_passed_on_goes_before_last_touch() {
    let server = server_with(&[(Part::HostedOffer, "last_touch = true")]).await;
    let id = server.visitor().click(LINK).await;
    let reply = follow(&server, &format!("/?a=13&c=1057&cp=js&ckm_request_id={id}")).await;
    assert_eq!(pixel_id(&reply), id);
    assert_eq!(last_row(&server).await["duplicate"], true);
}

#[tokio::test]
async fn a_page_that_passes_its_own_request_id_on_does_not_take_a_visitors_cookie_over() {
    let server = Server::start(network::SMALL).await;
    let own = server.visitor().click("/?a=13&c=1057").await;
    let visitor = server.visitor();
    let first = visitor.click("/?a=12&c=1057").await;
    let reply = visitor.get(&format!("/?a=13&c=1057&cp=js&ckm_request_id={own}")).await;
    assert_eq!(pixel_id(&reply), own);
    assert_eq!(visitor.click(LINK).await, first);
    // A visitor without a cookie of the offer gets that session's.
    let other = server.visitor();
    other.get(&format!("/?a=13&c=1057&cp=js&ckm_request_id={own}")).await;
    assert_eq!(other.click(LINK).await, own);
}

#[tokio::test]
async fn a_request_id_of_another_offer_an_expired_or_an_unknown_one_is_ignored() {
    let server = Server::start(network::SMALL).await;
    let other = server.visitor().click("/?a=12&c=2001").await;
    let expired = server.visitor().click(LINK).await;
    server.clock.advance_days(30);
    for id in [other.as_str(), &expired, "", "0", "x", "-1", "9007199254740991", "99999999999999999999"] {
        let reply = follow(&server, &format!("{JS}&ckm_request_id={id}")).await;
        let answered = pixel_id(&reply);
        assert_ne!(answered, "0", "{id}");
        assert_ne!(answered, id);
        assert_eq!(last_row(&server).await["duplicate"], false, "{id}");
    }
}
