//! Signed postbacks: HMAC over the sorted parameters and a time stamp.

use crate::conversions::*;
use crumb_domain::Clock as _;
use crumb_testkit::Server;
use crumb_wire::pixel::sign_query;

const SECRET: &str = "s3cret";
const SIGNED: &str = "postback_secret = \"s3cret\"\nprice_override = \"none\"";

/// A query, signed as of so many seconds after the server's now.
fn signed(server: &Server, query: &str, seconds: i64) -> String {
    let stamped = format!("f=pb&{query}&ts={}", server.clock.now().unix_seconds() + seconds);
    let signature = sign_query(stamped.as_bytes(), SECRET).unwrap();
    format!("{}&sig={signature}", stamped.trim_start_matches("f=pb&"))
}

#[tokio::test]
async fn an_offer_with_a_secret_takes_what_is_signed_with_it_alone() {
    let server = shop_server(SIGNED, "").await;
    let id = clicked(&server).await;
    let query = format!("o=400&r={id}&t=T-1");
    refused(&server, &query, "Invalid Signature").await;
    let right = signed(&server, &query, 0);
    refused(&server, &right.replace("T-1", "T-2"), "Invalid Signature").await;
    refused(&server, &format!("{query}&sig="), "Invalid Signature").await;
    converted(&server, &right).await;
}

#[tokio::test]
async fn a_signature_holds_five_minutes_in_either_direction() {
    let server = shop_server(SIGNED, "").await;
    for (seconds, is_right) in [(-301, false), (-300, true), (300, true), (301, false)] {
        let query = signed(&server, &format!("o=400&r={}", clicked(&server).await), seconds);
        if is_right {
            converted(&server, &query).await;
        } else {
            refused(&server, &query, "Invalid Signature").await;
        }
    }
}

#[tokio::test]
async fn a_signed_call_says_what_is_received_and_paid() {
    let server = shop_server(SIGNED, "").await;
    let id = clicked(&server).await;
    converted(&server, &signed(&server, &format!("o=400&r={id}&p=40.00&ap=7.00"), 0)).await;
    let row = conversions(&server).await.pop().unwrap();
    assert_eq!((&row["payout"], &row["received"]), (&"7.00".into(), &"40.00".into()));
    assert_eq!(log(&server).await[0]["trusted"], true);
}

#[tokio::test]
async fn a_signed_call_counts_once_also_for_an_event_that_allows_duplicates() {
    let events = "[[offer.event]]\nid = 3\nname = \"Order\"\nallow_duplicates = true";
    let server = shop_server(&format!("{SIGNED}\n{events}"), "").await;
    let id = clicked(&server).await;
    let call = signed(&server, &format!("o=400&r={id}&e=3"), 0);
    converted(&server, &call).await;
    refused(&server, &call, "Duplicate Conversion").await;
    server.clock.advance_seconds(1);
    converted(&server, &signed(&server, &format!("o=400&r={id}&e=3"), 0)).await;
    assert_eq!(conversions(&server).await.len(), 2);
}

#[tokio::test]
async fn a_pixel_in_a_page_needs_no_signature_and_one_that_is_signed_must_be_signed_rightly() {
    let server = shop_server(SIGNED, "").await;
    let visitor = server.visitor();
    visitor.click("/?a=12&c=4001").await;
    visitor.get("/p.ashx?o=400&f=img&sig=00").await;
    visitor.get("/p.ashx?o=400&f=img").await;
    assert_eq!(dispositions(&server).await, ["Invalid Signature", "ok"]);
}

#[tokio::test]
async fn where_the_environment_lacks_the_secret_no_call_is_signed_rightly() {
    let server = shop_server("postback_secret = \"env:CRUMB_TEST_NOT_THERE\"", "").await;
    let query = format!("o=400&r={}", clicked(&server).await);
    refused(&server, &query, "Invalid Signature").await;
    for secret in ["", "env:CRUMB_TEST_NOT_THERE"] {
        let stamped = format!("f=pb&{query}&ts={}", server.clock.now().unix_seconds());
        let signature = sign_query(stamped.as_bytes(), secret).unwrap();
        refused(
            &server,
            &format!("{query}&ts={}&sig={signature}", server.clock.now().unix_seconds()),
            "Invalid Signature",
        )
        .await;
    }
}

/// What became of a visitor's pixels in the page's forms, with so much more in each query.
async fn fired(server: &Server, more: &str) -> Vec<String> {
    for form in ["", "&f=img", "&f=js"] {
        let visitor = server.visitor();
        visitor.click("/?a=12&c=4001").await;
        visitor.get(&format!("/p.ashx?o=400{form}{more}")).await;
    }
    dispositions(server).await
}

#[tokio::test]
async fn an_offer_that_takes_trusted_calls_only_holds_every_form_to_what_postbacks_are() {
    let server = shop_server(&format!("{SIGNED}\ntrusted_only = true"), "").await;
    assert_eq!(fired(&server, "").await, ["Invalid Signature"; 3]);
    assert_eq!(conversions(&server).await.len(), 0);
    let id = clicked(&server).await;
    converted(&server, &signed(&server, &format!("o=400&r={id}"), 0)).await;

    let elsewhere = shop_server("allowed_ips = [\"198.51.100.0/24\"]\ntrusted_only = true", "").await;
    assert_eq!(fired(&elsewhere, "&p=1000000.00").await, ["Not Whitelisted"; 3]);
    let here = shop_server("allowed_ips = [\"127.0.0.0/8\"]\ntrusted_only = true", "").await;
    assert_eq!(fired(&here, "").await, ["ok"; 3]);
    let unsigned =
        shop_server(&format!("{SIGNED}\nallowed_ips = [\"127.0.0.0/8\"]\ntrusted_only = true"), "").await;
    assert_eq!(fired(&unsigned, "").await, ["Invalid Signature"; 3]);
    // What is signed must come from there as well.
    let both = format!("{SIGNED}\nallowed_ips = [\"198.51.100.0/24\"]\ntrusted_only = true");
    let elsewhere = shop_server(&both, "").await;
    let id = clicked(&elsewhere).await;
    let query = format!("f=img&o=400&r={id}&ts={}", elsewhere.clock.now().unix_seconds());
    let signature = sign_query(query.as_bytes(), SECRET).unwrap();
    elsewhere.tracking.get(&format!("/p.ashx?{query}&sig={signature}")).await;
    assert_eq!(dispositions(&elsewhere).await, ["Not Whitelisted"]);
}

#[tokio::test]
async fn an_offer_that_takes_trusted_calls_only_and_trusts_nobody_has_no_conversions_by_pixels() {
    let server = shop_server("trusted_only = true", "").await;
    assert_eq!(fired(&server, "").await, ["Not Whitelisted"; 3]);
    let id = clicked(&server).await;
    refused(&server, &format!("r={id}"), "Not Whitelisted").await;
    assert_eq!(conversions(&server).await.len(), 0);
}
