//! What conversions are worth, who may say so, how often they count, and the books.

use crate::conversions::*;
use crate::posts::at_once;
use crumb_testkit::{Request, Server};
use serde_json::{Value, json};

/// What the newest conversion pays and brings.
async fn worth(server: &Server) -> (String, String) {
    let row = conversions(server).await.pop().unwrap();
    let text = |member: &str| row[member].as_str().unwrap_or_default().to_owned();
    (text("payout"), text("received"))
}

fn is(payout: &str, received: &str) -> (String, String) {
    (payout.to_owned(), received.to_owned())
}

async fn convert(server: &Server, query: &str) -> (String, String) {
    let id = clicked(server).await;
    converted(server, &format!("o=400&r={id}{query}")).await;
    worth(server).await
}

const EVENTS: &str = "[[offer.event]]\nid = 1\nname = \"Sale\"\n\
    [[offer.event]]\nid = 2\nname = \"Sign-up\"\nshort = \"signup\"\npayout = \"1.50\"\nreceived = \"2.00\"\n\
    [[offer.event]]\nid = 3\nname = \"Order\"\nallow_duplicates = true\n\
    [[offer.event]]\nid = 4\nname = \"Refill\"\nallow_duplicates = true\ndeduplicate_transaction_id = true";

#[tokio::test]
async fn an_event_is_named_by_id_or_short_name_and_pays_its_own_price() {
    let server = shop_server(EVENTS, "").await;
    for named in ["2", "signup"] {
        assert_eq!(convert(&server, &format!("&e={named}")).await, is("1.50", "2.00"));
        assert_eq!(conversions(&server).await.pop().unwrap()["event"], 2);
    }
    assert_eq!(convert(&server, "").await, is("12.00", "25.00"));
    assert_eq!(conversions(&server).await.pop().unwrap()["event"], 1);
}

#[tokio::test]
async fn the_internal_affiliate_earns_nothing_at_the_offers_or_the_events_price() {
    let server = shop_server(EVENTS, "").await;
    for (event, received) in [("1", "25.00"), ("2", "2.00")] {
        let id = server.visitor().click("/?a=1&c=4001").await;
        converted(&server, &format!("o=400&r={id}&e={event}")).await;
        assert_eq!(worth(&server).await, is("0.00", received), "{event}");
    }
}

#[tokio::test]
async fn a_call_that_names_no_event_is_of_the_default_one() {
    let events = "[[offer.event]]\nid = 5\nname = \"Visit\"\npayout = \"0.10\"\n\
                  [[offer.event]]\nid = 6\nname = \"Sale\"\ndefault = true";
    let server = shop_server(events, "").await;
    assert_eq!(convert(&server, "&e=").await, is("12.00", "25.00"));
    assert_eq!(conversions(&server).await.pop().unwrap()["event"], 6);
}

#[tokio::test]
async fn an_offer_without_listed_events_has_event_1_and_no_other() {
    let server = shop_server("", "").await;
    convert(&server, "&e=1").await;
    assert_eq!(conversions(&server).await.pop().unwrap()["event"], 1);
    let id = clicked(&server).await;
    for other in ["2", "0", "-1", "x"] {
        refused(&server, &format!("r={id}&e={other}"), "Invalid Event").await;
    }
    let told = server.api_json("/conversion-pixels?offer=400").await["data"].clone();
    assert_eq!(
        (&told[0]["event"], &told[0]["name"], &told[1]),
        (&json!(1), &json!("Conversion"), &Value::Null)
    );
}

#[tokio::test]
async fn events_short_names_and_transaction_ids_are_their_offers_own() {
    let other = "[[offer]]\nid = 401\nname = \"Other shop\"\nvertical = 1\nadvertiser = 1\n\
        type = \"third_party\"\nlink = \"https://shop.example/?reqid=#reqid#\"\npayout = \"3.00\"\n\
        [[offer.event]]\nid = 2\nname = \"Other\"\n\
        [[offer.event]]\nid = 9\nname = \"Sign-up\"\nshort = \"signup\"\ndeduplicate_transaction_id = true\n\
        [[offer.creative]]\nid = 4011\nname = \"Link\"";
    let own = "[[offer.event]]\nid = 2\nname = \"Sign-up\"\nshort = \"signup\"\npayout = \"1.50\"\n\
               deduplicate_transaction_id = true";
    let server = shop_server(own, other).await;
    let elsewhere = server.visitor().click("/?a=12&c=4011").await;
    converted(&server, &format!("r={}&e=signup&t=A", clicked(&server).await)).await;
    converted(&server, &format!("r={elsewhere}&e=signup&t=A")).await;
    converted(&server, &format!("r={elsewhere}&e=2")).await;
    refused(&server, &format!("r={}&e=9", clicked(&server).await), "Invalid Event").await;
    refused(&server, &format!("r={}&e=2&t=A", clicked(&server).await), "Duplicate Conversion").await;
    let told: Vec<_> = conversions(&server)
        .await
        .iter()
        .map(|row| ["offer", "event", "payout"].map(|member| row[member].clone()))
        .collect();
    assert_eq!(json!(told), json!([[400, 2, "1.50"], [401, 9, "3.00"], [401, 2, "3.00"]]));
}

#[tokio::test]
async fn a_session_converts_once_for_each_event() {
    let server = shop_server(EVENTS, "").await;
    let id = clicked(&server).await;
    converted(&server, &format!("r={id}")).await;
    converted(&server, &format!("r={id}&e=2")).await;
    refused(&server, &format!("r={id}&e=2&t=other"), "Duplicate Conversion").await;
    refused(&server, &format!("r={id}&e=1"), "Duplicate Conversion").await;
    assert_eq!(conversions(&server).await.len(), 2);
}

#[tokio::test]
async fn an_event_that_allows_duplicates_has_them_but_no_transaction_id_twice_where_it_says_so() {
    let server = shop_server(EVENTS, "").await;
    let (one, two) = (clicked(&server).await, clicked(&server).await);
    converted(&server, &format!("r={one}&e=3&t=A")).await;
    converted(&server, &format!("r={one}&e=3&t=A")).await;
    converted(&server, &format!("r={one}&e=4&t=A")).await;
    converted(&server, &format!("r={one}&e=4&t=B")).await;
    // Over all sessions of the offer and event.
    refused(&server, &format!("r={two}&e=4&t=A"), "Duplicate Conversion").await;
    converted(&server, &format!("r={two}&e=4")).await;
    converted(&server, &format!("r={two}&e=4&t=")).await;
    assert_eq!(conversions(&server).await.len(), 6);
}

#[tokio::test]
async fn equal_pixels_at_the_same_moment_make_one_conversion() {
    let server = shop_server("", "").await;
    let id = clicked(&server).await;
    let calls = (0..50).map(|_| {
        let (client, target) = (server.tracking.clone(), format!("/p.ashx?f=pb&r={id}"));
        async move { client.send(Request::get(&target)).await }
    });
    let successes = at_once(calls).await.iter().filter(|reply| reply.text().contains("SUCCESS")).count();
    assert_eq!((successes, conversions(&server).await.len()), (1, 1));
    assert_eq!(log(&server).await.len(), 50);
}

#[tokio::test]
async fn a_share_is_of_what_the_advertiser_pays() {
    let more = "[[campaign]]\nid = 61\naffiliate = 13\noffer = 400\nkey = \"Qw3eR5tY7uJ\"";
    for keys in ["payout_percent = \"80\"", "payout_percent = \"80\"\nprice_format = \"revshare\""] {
        let server = shop_server(keys, more).await;
        let id = server.visitor().click("/?a=13&c=4001").await;
        converted(&server, &format!("r={id}&p=40")).await;
        assert_eq!(worth(&server).await, is("32.00", "40.00"));
    }
}

#[tokio::test]
async fn clicks_thousands_and_fixed_sums_pay_nothing_for_a_conversion() {
    // What clicks and impressions have brought, a conversion does not bring again.
    for (format, received) in [("cpc", "0.00"), ("cpm", "0.00"), ("fixed", "25.00")] {
        let server = shop_server(&format!("price_format = \"{format}\""), "").await;
        assert_eq!(convert(&server, "").await, is("0.00", received));
        assert_eq!(convert(&server, "&p=40").await, is("0.00", "40.00"));
    }
}

#[tokio::test]
async fn an_unsigned_call_says_of_money_what_its_offer_lets_it() {
    for (keys, expected, ignored) in [
        ("", is("12.00", "40.00"), json!(["ap"])),
        ("price_override = \"received\"", is("12.00", "40.00"), json!(["ap"])),
        ("price_override = \"none\"", is("12.00", "25.00"), json!(["ap", "p"])),
        ("price_override = \"all\"", is("7.00", "40.00"), json!([])),
        // From an address of the list.
        ("price_override = \"none\"\nallowed_ips = [\"127.0.0.0/8\"]", is("7.00", "40.00"), json!([])),
    ] {
        let server = shop_server(keys, "").await;
        assert_eq!(convert(&server, "&p=40.00&ap=7.00").await, expected, "{keys}");
        assert_eq!(log(&server).await[0]["ignored"], ignored, "{keys}");
    }
}

#[tokio::test]
async fn an_amount_that_is_none_or_in_another_currency_is_ignored_and_said_to_be() {
    let server = shop_server("price_override = \"all\"", "").await;
    for (query, ignored) in [
        ("&p=-5&ap=lots", json!(["ap", "p"])),
        ("&p=5.00&c=EUR", json!(["p"])),
        ("&p=99999999999999999999", json!(["p"])),
    ] {
        assert_eq!(convert(&server, query).await, is("12.00", "25.00"), "{query}");
        assert_eq!(log(&server).await.pop().unwrap()["ignored"], ignored, "{query}");
    }
    assert_eq!(convert(&server, "&p=5.00&c=usd").await, is("12.00", "5.00"));
}

#[tokio::test]
async fn over_a_conversion_cap_a_conversion_is_recorded_at_nothing() {
    let caps = "caps = [{ of = \"conversion\", interval = \"day\", limit = 2 }]";
    let server = shop_server(caps, "").await;
    for _ in 0..2 {
        assert_eq!(convert(&server, "").await, is("12.00", "25.00"));
    }
    assert_eq!(convert(&server, "").await, is("0.00", "0.00"));
    assert_eq!(conversions(&server).await.pop().unwrap()["disposition"], "Over Conversion Cap");
    assert_eq!(dispositions(&server).await, ["ok", "ok", "Over Conversion Cap"]);
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "24.00");
    server.clock.advance_days(1);
    assert_eq!(convert(&server, "").await, is("12.00", "25.00"));
}

#[tokio::test]
async fn a_campaigns_conversion_cap_is_its_own() {
    let more = "caps = [{ of = \"conversion\", interval = \"month\", limit = 1 }]\n\
                [[campaign]]\nid = 61\naffiliate = 13\noffer = 400\nkey = \"Qw3eR5tY7uJ\"";
    let server = shop_server("", more).await;
    assert_eq!(convert(&server, "").await, is("12.00", "25.00"));
    assert_eq!(convert(&server, "").await, is("0.00", "0.00"));
    assert_eq!(conversions(&server).await.pop().unwrap()["disposition"], "Over Conversion Cap");
    let other = server.visitor().click("/?a=13&c=4001").await;
    converted(&server, &format!("r={other}")).await;
    assert_eq!(worth(&server).await, is("10.00", "25.00"));
}

#[tokio::test]
async fn conversion_caps_go_by_the_networks_zone_and_weeks_begin_on_monday() {
    for (interval, over, free) in [
        ("day", "2026-07-02T03:59:59Z", Some("2026-07-02T04:00:00Z")),
        ("week", "2026-07-06T03:59:59Z", Some("2026-07-06T04:00:00Z")),
        ("month", "2026-08-01T03:59:59Z", Some("2026-08-01T04:00:00Z")),
        ("total", "2028-01-01T00:00:00Z", None),
    ] {
        let caps = format!("caps = [{{ of = \"conversion\", interval = \"{interval}\", limit = 1 }}]");
        for (of_offer, of_campaign) in [(caps.as_str(), ""), ("", caps.as_str())] {
            let server = shop_server(of_offer, of_campaign).await;
            assert_eq!(convert(&server, "").await, is("12.00", "25.00"), "{interval}");
            server.clock.set(over);
            assert_eq!(convert(&server, "").await, is("0.00", "0.00"), "{interval}");
            assert_eq!(conversions(&server).await.pop().unwrap()["disposition"], "Over Conversion Cap");
            if let Some(free) = free {
                server.clock.set(free);
                assert_eq!(convert(&server, "").await, is("12.00", "25.00"), "{interval}");
            }
        }
    }
}

#[tokio::test]
async fn duplicates_tests_and_calls_that_are_refused_take_no_room_in_a_conversion_cap() {
    let caps = "caps = [{ of = \"conversion\", interval = \"day\", limit = 2 }]";
    let server = shop_server(caps, "").await;
    let id = clicked(&server).await;
    converted(&server, &format!("r={id}")).await;
    for _ in 0..2 {
        refused(&server, &format!("r={id}"), "Duplicate Conversion").await;
        refused(&server, "o=400&r=1", "Invalid Request ID").await;
        let test = server.visitor().click("/?a=-1&c=4001").await;
        converted(&server, &format!("r={test}")).await;
    }
    assert_eq!(convert(&server, "").await, is("12.00", "25.00"));
    assert_eq!(convert(&server, "").await, is("0.00", "0.00"));
}

#[tokio::test]
async fn a_cap_holds_under_many_at_once() {
    let caps = "caps = [{ of = \"conversion\", interval = \"total\", limit = 10 }]";
    let server = shop_server(caps, "").await;
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.push(clicked(&server).await);
    }
    let calls = ids.into_iter().map(|id| {
        let client = server.tracking.clone();
        async move { client.get(&format!("/p.ashx?f=pb&r={id}")).await }
    });
    at_once(calls).await;
    let paid = conversions(&server).await.iter().filter(|row| row["payout"] == "12.00").count();
    assert_eq!(paid, 10);
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "120.00");
}

#[tokio::test]
async fn the_books_say_what_the_advertiser_owes_and_the_affiliate_earns() {
    let server = shop_server("", "").await;
    convert(&server, "").await;
    let sums = [
        ledger_sum(&server, "advertiser:1").await,
        ledger_sum(&server, "affiliate:12").await,
        ledger_sum(&server, "house").await,
    ];
    assert_eq!(sums, ["-25.00", "12.00", "13.00"]);
}

#[tokio::test]
async fn an_order_is_recorded_as_it_was_reported() {
    let server = shop_server("", "").await;
    let order = "&ecsk=144^201^242&ecqu=1^2^3&ecpr=10.00^8.00^12.00&ecld=0^1.00&ecst=61.00&ecd=2&ectx=5.80\
                 &ecsh=5.00&ect=69.80&ecco=US&ecrg=CA&ecv=V-1&ecc=FF25^SHOES&eccu=usd&p=61.00\
                 &u=jane&udid=D-1&c=usd";
    assert_eq!(convert(&server, order).await, is("12.00", "61.00"));
    let row = conversions(&server).await.remove(0);
    for (member, value) in [("user_id", "jane"), ("device_id", "D-1"), ("currency", "USD")] {
        assert_eq!(row[member], value, "{member}");
    }
    let told = row["order"].clone();
    for (member, value) in [
        ("total", "69.80"),
        ("subtotal", "61.00"),
        ("tax", "5.80"),
        ("shipping", "5.00"),
        ("discount", "2.00"),
        ("voucher", "V-1"),
        ("currency", "USD"),
        ("country", "US"),
        ("region", "CA"),
    ] {
        assert_eq!(told[member], value, "{member}");
    }
    assert_eq!(
        (&told["coupons"], told["lines"].as_array().map(Vec::len)),
        (&json!(["FF25", "SHOES"]), Some(3))
    );
    assert_eq!(
        told["lines"][1],
        json!({ "sku": "201", "quantity": 2, "unit_price": "8.00", "discount": "1.00" })
    );
    assert_eq!(log(&server).await[0]["ignored"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn an_address_list_is_for_postbacks_alone() {
    let server = shop_server("allowed_ips = [\"198.51.100.0/24\"]", "").await;
    let visitor = server.visitor();
    let id = visitor.click("/?a=12&c=4001").await;
    refused(&server, &format!("r={id}"), "Not Whitelisted").await;
    visitor.get("/p.ashx?o=400&f=img").await;
    assert_eq!(dispositions(&server).await, ["Not Whitelisted", "ok"]);
    let listed = shop_server("allowed_ips = [\"127.0.0.0/8\"]", "").await;
    assert_eq!(convert(&listed, "").await, is("12.00", "25.00"));
}
