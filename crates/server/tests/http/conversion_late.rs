//! What people say of conversions afterwards: adjusted, approved, rejected, returned.

use crate::conversions::*;
use crate::posts::{ANN, HOSTED, accepted, at_once};
use crumb_domain::Clock as _;
use crumb_server::api::events::event_json;
use crumb_testkit::network::SMALL;
use crumb_testkit::{Request, Server};
use serde_json::{Value, json};

const POSTBACK: &str = "postback_url = \"https://aff.example/one?price=#price#\"";

/// A conversion of the shop, worth 12.00 to its affiliate and 25.00 from its advertiser.
async fn one(server: &Server) -> String {
    let id = clicked(server).await;
    converted(server, &format!("r={id}&t=T-{id}")).await;
    conversions(server).await.pop().unwrap()["id"].as_str().unwrap().to_owned()
}

async fn said(server: &Server, id: &str, what: &str, body: Value) -> (u16, Value) {
    let reply = server.api_post(&format!("/conversions/{id}/{what}"), &body).await;
    (reply.status.as_u16(), reply.json())
}

/// What a fact makes of a conversion: payout, received, disposition.
async fn becomes(server: &Server, id: &str, what: &str, body: Value) -> [String; 3] {
    let (status, row) = said(server, id, what, body).await;
    assert_eq!(status, 200, "{row}");
    let read = server.api_json(&format!("/conversions/{id}")).await;
    assert_eq!(read, row, "what is answered is what stands");
    ["payout", "received", "disposition"].map(|member| row[member].as_str().unwrap().to_owned())
}

async fn refusal(server: &Server, id: &str, what: &str) -> String {
    let (status, problem) = said(server, id, what, json!({})).await;
    assert_eq!((status, &problem["code"]), (409, &json!("refused")), "{problem}");
    problem["detail"].as_str().unwrap().to_owned()
}

/// What affiliate and advertiser have.
async fn books(server: &Server) -> [String; 2] {
    [ledger_sum(server, "affiliate:12").await, ledger_sum(server, "advertiser:1").await]
}

async fn ledger(server: &Server) -> Vec<Value> {
    server.api_json("/ledger?sort=id&limit=1000").await["data"].as_array().unwrap().clone()
}

/// A lead that is a conversion of its offer's event 1.
async fn accepted_lead(server: &Server, pairs: &[&str]) -> String {
    let lead = accepted(server, pairs).await;
    server.edit_store("UPDATE lead SET event = 1 WHERE event IS NULL");
    lead
}

async fn postbacks(server: &Server) -> usize {
    server.api_json("/deliveries").await["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn an_adjustment_is_an_entry_of_the_difference_with_its_note_and_nothing_is_edited() {
    let server = shop_server("", "").await;
    let id = one(&server).await;
    let before = ledger(&server).await;
    let body = json!({ "payout": "10.50", "received": "20", "note": "a refund" });
    assert_eq!(becomes(&server, &id, "adjust", body).await, ["10.50", "20.00", "approved"]);
    let after = ledger(&server).await;
    assert_eq!(after[..before.len()], before);
    let new: Vec<_> = after[before.len()..]
        .iter()
        .map(|row| ["kind", "from", "to", "amount", "note", "conversion"].map(|member| row[member].clone()))
        .collect();
    assert_eq!(
        json!(new),
        json!([
            ["adjustment", "advertiser:1", "house", "-5.00", "a refund", id],
            ["adjustment", "house", "affiliate:12", "-1.50", "a refund", id],
        ])
    );
    assert_eq!(books(&server).await, ["10.50", "-20.00"]);
}

#[tokio::test]
async fn an_adjustment_of_one_thing_leaves_the_others_and_the_same_again_moves_nothing() {
    let server = shop_server("", "").await;
    let id = one(&server).await;
    for _ in 0..2 {
        let body = json!({ "transaction_id": " A-1 ", "payout": "13.00" });
        assert_eq!(becomes(&server, &id, "adjust", body).await, ["13.00", "25.00", "approved"]);
    }
    assert_eq!(conversions(&server).await[0]["transaction_id"], "A-1");
    assert_eq!(
        (books(&server).await, ledger(&server).await.len()),
        (["13.00", "-25.00"].map(String::from), 3)
    );
}

#[tokio::test]
async fn what_is_rejected_or_returned_is_taken_back_and_approved_again_restored() {
    for (what, stands) in [("reject", "rejected"), ("return", "returned")] {
        let server = shop_server("", POSTBACK).await;
        let id = one(&server).await;
        assert_eq!(becomes(&server, &id, what, json!({ "note": "fraud" })).await, ["0.00", "0.00", stands]);
        assert_eq!(books(&server).await, ["0.00", "0.00"]);
        assert_eq!(
            refusal(&server, &id, what).await,
            format!("the conversion stays as it is: it is {stands} already")
        );
        // What it would be worth is adjusted, and nothing moves before it counts.
        assert_eq!(
            becomes(&server, &id, "adjust", json!({ "payout": "11" })).await,
            ["0.00", "0.00", stands]
        );
        assert_eq!(becomes(&server, &id, "approve", json!({})).await, ["11.00", "25.00", "approved"]);
        assert_eq!(books(&server).await, ["11.00", "-25.00"]);
        let kinds: Vec<_> = ledger(&server).await.iter().map(|row| row["kind"].clone()).collect();
        assert_eq!(
            json!(kinds),
            json!(["received", "payout", "adjustment", "adjustment", "adjustment", "adjustment"])
        );
        assert_eq!(postbacks(&server).await, 1, "told once, when it came");
    }
}

#[tokio::test]
async fn what_cannot_be_said_of_a_conversion_as_it_stands_is_refused() {
    let server = shop_server("", "").await;
    let id = one(&server).await;
    assert_eq!(
        refusal(&server, &id, "approve").await,
        "the conversion stays as it is: it is approved already"
    );
    becomes(&server, &id, "reject", json!({})).await;
    let text = refusal(&server, &id, "return").await;
    assert_eq!(text, "the conversion stays as it is: it is rejected: only what is approved can be returned");
    becomes(&server, &id, "approve", json!({})).await;
    becomes(&server, &id, "return", json!({})).await;
    let text = refusal(&server, &id, "reject").await;
    assert_eq!(text, "the conversion stays as it is: it was returned: approve it first");
}

#[tokio::test]
async fn a_conversion_over_its_cap_may_be_let_count_and_is_told_then() {
    let server =
        shop_server("caps = [{ of = \"conversion\", interval = \"day\", limit = 0 }]", POSTBACK).await;
    let id = one(&server).await;
    assert_eq!((postbacks(&server).await, ledger(&server).await.len()), (0, 0));
    assert_eq!(becomes(&server, &id, "approve", json!({})).await, ["12.00", "25.00", "approved"]);
    assert_eq!(books(&server).await, ["12.00", "-25.00"]);
    let kinds: Vec<_> = ledger(&server).await.iter().map(|row| row["kind"].clone()).collect();
    assert_eq!((json!(kinds), postbacks(&server).await), (json!(["received", "payout"]), 1));
    becomes(&server, &id, "reject", json!({})).await;
    becomes(&server, &id, "approve", json!({})).await;
    assert_eq!(postbacks(&server).await, 1);
}

#[tokio::test]
async fn a_transaction_id_that_counts_once_is_not_given_twice() {
    let event = "[[offer.event]]\nid = 1\nname = \"Sale\"\ndeduplicate_transaction_id = true";
    let server = shop_server(event, "").await;
    let (first, second) = (one(&server).await, one(&server).await);
    becomes(&server, &first, "adjust", json!({ "transaction_id": "A" })).await;
    let (status, problem) = said(&server, &second, "adjust", json!({ "transaction_id": "A" })).await;
    assert_eq!(status, 409, "{problem}");
    becomes(&server, &first, "adjust", json!({ "transaction_id": "A", "payout": "1" })).await;
    becomes(&server, &second, "adjust", json!({ "transaction_id": "B" })).await;
    // Of an event whose transactions are not counted it may be anybody's.
    let server = shop_server("", "").await;
    for id in [one(&server).await, one(&server).await] {
        becomes(&server, &id, "adjust", json!({ "transaction_id": "A" })).await;
    }
}

#[tokio::test]
async fn a_leads_conversion_is_adjusted_and_taken_back_and_its_sale_stays() {
    let server = Server::start(SMALL).await;
    let lead = accepted_lead(&server, &[HOSTED, ANN]).await;
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "12.00");
    let body = json!({ "payout": "20.00", "received": "9.00", "note": "a good one" });
    assert_eq!(becomes(&server, &lead, "adjust", body).await, ["20.00", "9.00", "approved"]);
    assert_eq!(books(&server).await, ["20.00", "-9.00"]);
    assert_eq!(server.api_json(&format!("/leads/{lead}")).await["payout"], "20.00");
    assert_eq!(becomes(&server, &lead, "reject", json!({})).await, ["0.00", "0.00", "rejected"]);
    assert_eq!(books(&server).await, ["0.00", "0.00"]);
    assert_eq!(server.api_json(&format!("/leads/{lead}")).await["payout"], "0.00");
    assert_eq!(becomes(&server, &lead, "approve", json!({})).await, ["20.00", "9.00", "approved"]);
    assert_eq!(books(&server).await, ["20.00", "-9.00"]);
    let of_lead = ledger(&server).await;
    assert!(of_lead.iter().all(|row| row["lead"] == json!(lead)), "{of_lead:?}");
}

#[tokio::test]
async fn a_pixel_that_comes_for_a_rejected_lead_pays_nothing_until_it_is_approved() {
    let server = Server::start(SMALL).await;
    let session = server.visitor().click("/?a=12&c=1057").await;
    let lead = accepted_lead(&server, &[HOSTED, ANN, &format!("ckm_request_id={session}")]).await;
    assert_eq!(becomes(&server, &lead, "reject", json!({})).await, ["0.00", "0.00", "rejected"]);
    converted(&server, &format!("r={session}&p=9.00")).await;
    assert_eq!(books(&server).await, ["0.00", "0.00"]);
    assert_eq!(becomes(&server, &lead, "approve", json!({})).await, ["12.00", "9.00", "approved"]);
    assert_eq!(books(&server).await, ["12.00", "-9.00"]);
}

#[tokio::test]
async fn a_test_is_never_paid() {
    let server = shop_server("", "").await;
    let click = server.visitor().click("/?a=-1&c=4001").await;
    converted(&server, &format!("r={click}")).await;
    let id = conversions(&server).await[0]["id"].as_str().unwrap().to_owned();
    let (status, problem) = said(&server, &id, "adjust", json!({ "payout": "1.00" })).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("refused")));
}

#[tokio::test]
async fn facts_that_are_said_at_the_same_moment_all_count_and_the_books_agree() {
    let server = shop_server("", "").await;
    let id = one(&server).await;
    let key = server.api_key("manager").await;
    let calls = (1..=20).map(|n| {
        let (client, body) = (server.admin.clone(), format!("{{\"payout\":\"{n}.00\"}}"));
        let target = format!("/api/v1/conversions/{id}/adjust");
        let request = Request::post(&target, "application/json", &body).bearer(&key);
        async move { client.send(request).await }
    });
    assert!(at_once(calls).await.iter().all(|reply| reply.status == 200));
    let payout = conversions(&server).await[0]["payout"].as_str().unwrap().to_owned();
    assert_eq!(books(&server).await, [payout, "-25.00".to_owned()]);
}

#[tokio::test]
async fn only_admins_and_managers_say_such_things_and_what_is_wrong_is_named() {
    let server = shop_server("", "").await;
    let id = one(&server).await;
    for role in ["reader", "affiliate:12", "buyer:5"] {
        let key = server.api_key(role).await;
        for what in ["adjust", "approve", "reject", "return"] {
            let target = format!("/api/v1/conversions/{id}/{what}");
            let request = Request::post(&target, "application/json", "{\"payout\":\"1\"}").bearer(&key);
            assert_eq!(server.admin.send(request).await.status.as_u16(), 403, "{role} {what}");
        }
    }
    let key = server.api_key("manager").await;
    let request =
        Request::post(&format!("/api/v1/conversions/{id}/reject"), "application/json", "").bearer(&key);
    assert_eq!(server.admin.send(request).await.status.as_u16(), 200);
    for (body, path) in [
        (json!({}), ""),
        (json!({ "note": "nothing" }), ""),
        (json!({ "payout": "-1" }), "payout"),
        (json!({ "received": "1000001" }), "received"),
        (json!({ "transaction_id": " " }), "transaction_id"),
        (json!({ "transaction_id": "a\u{1b}b" }), "transaction_id"),
        (json!({ "payout": "1", "note": "n".repeat(501) }), "note"),
        (json!({ "price": "1" }), "price"),
    ] {
        let (status, problem) = said(&server, &id, "adjust", body.clone()).await;
        assert_eq!((status, problem["errors"][0]["path"].as_str()), (400, Some(path)), "{body}: {problem}");
    }
    assert_eq!(said(&server, "7", "approve", json!({})).await.0, 404);
}

#[tokio::test]
async fn pixels_and_conversions_are_told_to_listeners_as_rows_of_the_api() {
    let server = shop_server("", "").await;
    let click = clicked(&server).await;
    let mut feed = server.site.feed.listen();
    let mut next = || {
        let recorded = feed.try_recv().unwrap();
        let site = &server.site;
        let event = event_json(&recorded, &site.keys.request_ids, &site.network.snapshot()).unwrap();
        (event.name, serde_json::from_str::<Value>(&event.json).unwrap())
    };
    converted(&server, &format!("r={click}")).await;
    let stands = conversions(&server).await[0].clone();
    assert_eq!(next(), ("pixel", log(&server).await[0].clone()));
    assert_eq!(next(), ("conversion", stands.clone()));
    refused(&server, &format!("r={click}"), "Duplicate Conversion").await;
    assert_eq!(next(), ("pixel", log(&server).await[1].clone()));
    becomes(&server, stands["id"].as_str().unwrap(), "reject", json!({})).await;
    assert_eq!(next(), ("conversion", conversions(&server).await[0].clone()));
    let body = json!({ "conversions": [{ "request_id": clicked(&server).await }] });
    server.api_post("/conversions", &body).await;
    assert_eq!(next().0, "click");
    assert_eq!(next(), ("conversion", conversions(&server).await[1].clone()));
}

/// What a time line has beside the times: code, text, by whom.
async fn timeline(server: &Server, path: &str) -> Vec<[Value; 3]> {
    let line = server.api_json(&format!("/{path}/timeline")).await;
    let entries = line["data"].as_array().unwrap();
    entries.iter().map(|entry| ["code", "text", "by"].map(|member| entry[member].clone())).collect()
}

fn entry(code: &str, text: &str, by: Option<&str>) -> [Value; 3] {
    [json!(code), json!(text), json!(by)]
}

/// Says something by the key of a person of the network.
async fn said_by(server: &Server, key: &str, id: &str, what: &str, body: Value) -> u16 {
    let path = format!("/api/v1/conversions/{id}/{what}");
    let request = Request::post(&path, "application/json", &body.to_string()).bearer(key);
    server.admin.send(request).await.status.as_u16()
}

#[tokio::test]
async fn what_people_say_of_a_conversion_is_in_its_time_line_with_who_why_and_what_it_moved() {
    let server = shop_server("", "").await;
    let id = one(&server).await;
    let key = server.api_key("manager").await;
    let by = format!("manager {}", &key[key.len() - 6..]);
    let body = json!({ "payout": "10.50", "transaction_id": "T-2", "note": "a refund" });
    assert_eq!(said_by(&server, &key, &id, "adjust", body).await, 200);
    assert_eq!(said_by(&server, &key, &id, "reject", json!({})).await, 200);
    assert_eq!(said_by(&server, &key, &id, "reject", json!({})).await, 409);
    assert_eq!(said_by(&server, &key, &id, "adjust", json!({ "received": "30" })).await, 200);
    assert_eq!(said_by(&server, &key, &id, "approve", json!({ "note": "it is good" })).await, 200);
    assert_eq!(said_by(&server, &key, &id, "return", json!({})).await, 200);
    let transaction = conversions(&server).await[0]["request_id"].as_str().unwrap().to_owned();
    let adjusted = format!(
        "the conversion was adjusted (payout from 12.00 to 10.50, transaction id from \"T-{transaction}\" to \
         \"T-2\"): a refund"
    );
    let (moved, by) = ("payout from 10.50 to 0.00, received from", Some(by.as_str()));
    assert_eq!(
        timeline(&server, &format!("conversions/{id}")).await,
        [
            entry("reported", "reported by a pixel (pb), for event 1 on offer 400 and affiliate 12", None),
            entry("conversion_adjusted", &adjusted, by),
            entry("conversion_rejected", &format!("the conversion was rejected ({moved} 25.00 to 0.00)"), by),
            entry(
                "conversion_adjusted",
                "the conversion was adjusted (received once it is approved from 25.00 to 30.00)",
                by
            ),
            entry(
                "conversion_approved",
                "the conversion was approved (payout from 0.00 to 10.50, received from 0.00 to 30.00): it is good",
                by
            ),
            entry("conversion_returned", &format!("the conversion was returned ({moved} 30.00 to 0.00)"), by),
        ]
    );
}

#[tokio::test]
async fn what_people_say_of_a_leads_conversion_is_in_the_leads_time_line() {
    let server = Server::start(SMALL).await;
    let lead = accepted_lead(&server, &[HOSTED, ANN]).await;
    let before = timeline(&server, &format!("leads/{lead}")).await;
    assert_eq!(said(&server, &lead, "reject", json!({ "note": "no such person" })).await.0, 200);
    let name = server.api_json("/keys").await["data"][0]["name"].as_str().unwrap().to_owned();
    let rejected = "the conversion was rejected (payout from 12.00 to 0.00): no such person";
    let expected = [before, vec![entry("conversion_rejected", rejected, Some(&name))]].concat();
    for path in [format!("leads/{lead}"), format!("conversions/{lead}")] {
        assert_eq!(timeline(&server, &path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn what_is_brought_in_is_in_the_time_line_with_who_did_it() {
    let server = shop_server("", "").await;
    let name = server.api_json("/keys").await["data"][0]["name"].as_str().unwrap().to_owned();
    let session = clicked(&server).await;
    let mut rows = vec![json!({ "request_id": session, "disposition": "pending", "note": "by phone" })];
    for _ in 0..2 {
        let reply = server.api_post("/conversions", &json!({ "conversions": rows })).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        let id = reply.json()["conversions"][0]["id"].clone();
        rows = vec![json!({ "id": id, "payout": "1", "disposition": "approved", "note": "checked" })];
    }
    let id = rows[0]["id"].as_str().unwrap();
    let by = Some(name.as_str());
    let imported =
        "the conversion was brought in as pending, for event 1 on offer 400 and affiliate 12: by phone";
    let approved =
        "the conversion was approved (payout from 0.00 to 1.00, received from 0.00 to 25.00): checked";
    assert_eq!(
        timeline(&server, &format!("conversions/{id}")).await,
        [
            entry("conversion_imported", imported, by),
            entry(
                "conversion_adjusted",
                "the conversion was adjusted (payout once it is approved from 12.00 to 1.00): checked",
                by
            ),
            entry("conversion_approved", approved, by),
        ]
    );
}

#[tokio::test]
async fn a_conversions_time_line_is_for_the_networks_own_people() {
    let server = shop_server("", "").await;
    let id = one(&server).await;
    for (role, status) in [("affiliate:12", 403), ("buyer:1", 403), ("reader", 200)] {
        let key = server.api_key(role).await;
        let path = format!("/api/v1/conversions/{id}/timeline");
        assert_eq!(server.admin.send(Request::get(&path).bearer(&key)).await.status, status, "{role}");
    }
    assert_eq!(server.api("/conversions/1/timeline").await.status, 404);
}

/// The entries that a filter of the ledger finds: what the affiliate has by each, when it was
/// written and when it counts for.
async fn effective(server: &Server, filter: &str) -> Vec<[String; 3]> {
    let list = server.api_json(&format!("/ledger?account=affiliate:12&sort=id{filter}")).await;
    let rows = list["data"].as_array().unwrap().iter();
    rows.map(|row| ["change", "at", "effective_at"].map(|member| row[member].as_str().unwrap().to_owned()))
        .collect()
}

#[tokio::test]
async fn a_late_fact_counts_for_the_date_that_is_said_of_it_and_is_written_now() {
    let server = shop_server("", "").await;
    let id = one(&server).await;
    let came = server.api_json(&format!("/conversions/{id}")).await["at"].as_str().unwrap().to_owned();
    server.clock.advance_days(3);
    let now = server.clock.now().to_string();
    let day = |days: i64| server.clock.now().plus_days(-days).to_string()[..10].to_owned();
    let zone = server.site.network.snapshot().zone().clone();
    let midnight = zone.moment(zone.day_of(server.clock.now().plus_days(-1)), 0);
    for (what, body, change, counts) in [
        ("adjust", json!({ "payout": "10.00", "effective_date": "conversion_date" }), "-2.00", came.clone()),
        ("return", json!({ "effective_date": day(1) }), "-10.00", midnight.to_string()),
        ("approve", json!({ "effective_date": "today" }), "10.00", now.clone()),
        ("reject", json!({}), "-10.00", now.clone()),
    ] {
        let (status, row) = said(&server, &id, what, body).await;
        assert_eq!(status, 200, "{row}");
        let last = effective(&server, "").await.pop().unwrap();
        assert_eq!(last, [change.to_owned(), now.clone(), counts], "{what}");
    }
    let all = effective(&server, "").await;
    assert_eq!(all.len(), 5);
    assert_eq!(effective(&server, &format!("&to={midnight}")).await, all[..2]);
    assert_eq!(effective(&server, &format!("&from={midnight}")).await, all[2..]);
    let line = timeline(&server, &format!("conversions/{id}")).await;
    let texts: Vec<_> = line.iter().map(|entry| entry[1].as_str().unwrap().to_owned()).collect();
    let says = |what: &str, days: i64| {
        let end = format!(", effective {}", day(days));
        texts.iter().any(|text| text.contains(what) && text.ends_with(&end))
    };
    assert!(says("adjusted", 3) && says("returned", 1), "{texts:?}");
    assert_eq!(texts.iter().filter(|text| text.contains("effective")).count(), 2, "{texts:?}");
}

#[tokio::test]
async fn a_date_before_the_conversion_or_to_come_is_refused_and_nothing_moves() {
    let server = shop_server("", "").await;
    let id = one(&server).await;
    let day = |days: i64| server.clock.now().plus_days(days).to_string()[..10].to_owned();
    let came = day(0);
    server.clock.advance_days(3);
    let before = ledger(&server).await;
    let (yesterday, today, tomorrow) = (day(-4), day(0), day(1));
    for (date, message) in [
        (yesterday.clone(), format!("{yesterday} is before the conversion, which came on {came}")),
        (tomorrow.clone(), format!("{tomorrow} is after today, which is {today}")),
        ("now".to_owned(), "expected today, conversion_date or a day like 2030-01-31".to_owned()),
    ] {
        let (status, problem) = said(&server, &id, "reject", json!({ "effective_date": date })).await;
        let error = &problem["errors"][0];
        assert_eq!(
            (status, &error["path"], &error["message"]),
            (400, &json!("effective_date"), &json!(message)),
            "{problem}"
        );
    }
    assert_eq!(ledger(&server).await, before);
}
