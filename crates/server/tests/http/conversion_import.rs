//! Conversions that a person brings in by the API: all of them or none.

use crate::conversions::*;
use crumb_domain::Clock as _;
use crumb_testkit::{Request, Server};
use serde_json::{Value, json};

const EVENTS: &str = "[[offer.event]]\nid = 1\nname = \"Sale\"\n\
    [[offer.event]]\nid = 2\nname = \"Sign-up\"\nshort = \"signup\"\npayout = \"1.50\"\nreceived = \"2.00\"\n\
    deduplicate_transaction_id = true";
const POSTBACK: &str = "postback_url = \"https://aff.example/one?price=#price#\"";

async fn bring(server: &Server, rows: Value) -> (u16, Value) {
    let reply = server.api_post("/conversions", &json!({ "conversions": rows })).await;
    (reply.status.as_u16(), reply.json())
}

/// What is wrong, by its place.
async fn wrong(server: &Server, rows: Value) -> Vec<(String, String)> {
    let (status, problem) = bring(server, rows).await;
    assert_eq!(status, 400, "{problem}");
    let text = |error: &Value, member: &str| error[member].as_str().unwrap().to_owned();
    let errors = problem["errors"].as_array().unwrap();
    errors.iter().map(|error| (text(error, "path"), text(error, "message"))).collect()
}

async fn postbacks(server: &Server) -> usize {
    server.api_json("/deliveries").await["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn new_conversions_and_changes_are_brought_in_together() {
    let server = shop_server(EVENTS, POSTBACK).await;
    let (old, new) = (clicked(&server).await, clicked(&server).await);
    converted(&server, &format!("r={old}")).await;
    let there = conversions(&server).await[0]["id"].clone();
    // A click that is too old for a pixel stops no person.
    server.clock.advance_days(40);
    refused(&server, &format!("r={new}"), "Click Expired").await;
    let (status, done) = bring(
        &server,
        json!([
            { "request_id": new, "transaction_id": "N-1" },
            { "request_id": new, "event": "signup", "at": "2026-07-02T00:00:00Z", "payout": "3.00" },
            { "id": there, "received": "20.00", "disposition": "returned", "note": "sent back" },
            { "request_id": old, "event": 2, "disposition": "pending" },
        ]),
    )
    .await;
    assert_eq!((status, &done["created"], &done["changed"]), (201, &json!(3), &json!(1)), "{done}");
    let shown: Vec<_> = done["conversions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            ["request_id", "event", "payout", "received", "disposition", "source"].map(|m| row[m].clone())
        })
        .collect();
    assert_eq!(
        json!(shown),
        json!([
            [new, 1, "12.00", "25.00", "approved", "import"],
            [new, 2, "3.00", "2.00", "approved", "import"],
            [old, 1, "0.00", "0.00", "returned", "pb"],
            [old, 2, "0.00", "0.00", "pending", "import"],
        ])
    );
    assert_eq!(done["conversions"][1]["at"], "2026-07-02T00:00:00Z");
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "15.00");
    assert_eq!(ledger_sum(&server, "advertiser:1").await, "-27.00");
    // The pixel's, and the two that count from the start.
    assert_eq!(postbacks(&server).await, 3);
    let waits = done["conversions"][3]["id"].as_str().unwrap();
    for (status, sum) in [(200, "16.50"), (409, "16.50")] {
        let reply = server.api_post(&format!("/conversions/{waits}/approve"), &json!({})).await;
        assert_eq!(reply.status.as_u16(), status);
        assert_eq!((ledger_sum(&server, "affiliate:12").await.as_str(), postbacks(&server).await), (sum, 4));
    }
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once_and_nothing_is_half_done() {
    let server = shop_server(EVENTS, "").await;
    let (old, new) = (clicked(&server).await, clicked(&server).await);
    converted(&server, &format!("r={old}&e=2&t=A")).await;
    let there = conversions(&server).await[0]["id"].as_str().unwrap().to_owned();
    let errors = wrong(
        &server,
        json!([
            { "request_id": new },
            { "request_id": "7" },
            { "request_id": new, "event": "nonsense" },
            { "request_id": new, "at": "2020-01-01T00:00:00Z" },
            { "request_id": new, "at": "2036-01-01T00:00:00Z" },
            { "request_id": old, "event": 2 },
            { "request_id": new, "event": 1 },
            { "request_id": new, "event": 2, "transaction_id": "A" },
            { "payout": "1.00" },
            { "request_id": old, "payout": "-1", "received": "lots", "at": "now", "disposition": "good" },
            { "id": there },
            { "id": there, "event": 1, "payout": "1" },
            { "id": there, "disposition": "pending" },
            { "request_id": "7", "event": "nonsense", "payout": "lots" },
            { "request_id": old, "event": "nonsense", "at": "2020-01-01T00:00:00Z", "payout": "lots" },
            {
                "request_id": old, "event": 2, "transaction_id": "A", "received": "lots",
                "effective_date": "2020-01-01",
            },
            { "request_id": new, "at": "2026-11-99T00:00:00Z", "effective_date": "2020-01-01" },
        ]),
    )
    .await;
    let places: Vec<&str> = errors.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        places,
        [
            "conversions[1].request_id",
            "conversions[2].event",
            "conversions[3].at",
            "conversions[4].at",
            "conversions[5].request_id",
            "conversions[6].request_id",
            "conversions[7].transaction_id",
            "conversions[8].request_id",
            "conversions[9].at",
            "conversions[9].payout",
            "conversions[9].received",
            "conversions[9].disposition",
            "conversions[10]",
            "conversions[11].event",
            "conversions[11].id",
            "conversions[12].id",
            "conversions[13].payout",
            "conversions[13].request_id",
            "conversions[14].payout",
            "conversions[14].event",
            "conversions[14].at",
            "conversions[15].received",
            "conversions[15].request_id",
            "conversions[15].transaction_id",
            "conversions[15].effective_date",
            "conversions[16].at",
        ]
    );
    assert_eq!(errors[0].1, "no click or lead has this request id");
    let there = format!("duplicate: its session has this event already, by conversion {there}");
    assert_eq!(errors[4].1, there);
    assert_eq!(errors[5].1, "duplicate: a row above is of this session and event");
    assert_eq!(conversions(&server).await.len(), 1);
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "1.50");
}

#[tokio::test]
async fn the_same_rows_again_are_duplicates_and_pay_nobody_twice() {
    let server = shop_server("", "").await;
    let id = clicked(&server).await;
    assert_eq!(bring(&server, json!([{ "request_id": id }])).await.0, 201);
    assert_eq!(bring(&server, json!([{ "request_id": id }])).await.0, 400);
    refused(&server, &format!("r={id}"), "Duplicate Conversion").await;
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "12.00");
}

#[tokio::test]
async fn what_is_brought_in_counts_for_the_cap_and_over_it_is_recorded_at_nothing() {
    let server = shop_server("caps = [{ of = \"conversion\", interval = \"day\", limit = 1 }]", "").await;
    let (first, second) = (clicked(&server).await, clicked(&server).await);
    let (_, done) = bring(&server, json!([{ "request_id": first }, { "request_id": second }])).await;
    assert_eq!((&done["created"], &done["over_cap"]), (&json!(2), &json!(1)));
    assert_eq!(done["conversions"][1]["disposition"], "Over Conversion Cap");
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "12.00");
}

#[tokio::test]
async fn two_rows_of_one_transaction_are_duplicates() {
    let server = shop_server(EVENTS, "").await;
    let (first, second) = (clicked(&server).await, clicked(&server).await);
    let row =
        |id: &str, transaction: &str| json!({ "request_id": id, "event": 2, "transaction_id": transaction });
    let told = wrong(&server, json!([row(&first, "A"), row(&second, "A")])).await;
    let message = "duplicate: a row above of this offer and event has it";
    assert_eq!(told, [("conversions[1].transaction_id".to_owned(), message.to_owned())]);
    assert!(conversions(&server).await.is_empty());
    assert_eq!(bring(&server, json!([row(&first, "A"), row(&second, "B")])).await.0, 201);
    // Of an event whose transactions are not counted it may be anybody's.
    let row = |id: &str| json!({ "request_id": id, "transaction_id": "A" });
    assert_eq!(bring(&server, json!([row(&first), row(&second)])).await.0, 201);
}

#[tokio::test]
async fn what_is_brought_in_as_rejected_or_returned_takes_no_room_in_a_cap() {
    let server = shop_server("caps = [{ of = \"conversion\", interval = \"day\", limit = 1 }]", "").await;
    for disposition in ["rejected", "returned", "approved"] {
        let row = json!({ "request_id": clicked(&server).await, "disposition": disposition });
        let (status, done) = bring(&server, json!([row])).await;
        assert_eq!((status, &done["over_cap"]), (201, &json!(0)), "{done}");
        assert_eq!(done["conversions"][0]["disposition"], disposition);
    }
    assert_eq!(ledger_sum(&server, "affiliate:12").await, "12.00");
    let over = json!({ "request_id": clicked(&server).await, "disposition": "Over Conversion Cap" });
    let expected = "expected approved, pending, rejected or returned".to_owned();
    let path = "conversions[0].disposition".to_owned();
    assert_eq!(wrong(&server, json!([over])).await, [(path, expected)], "the server's to say");
}

#[tokio::test]
async fn what_is_brought_in_of_a_test_link_is_a_test_whatever_is_said_of_its_worth() {
    let server = shop_server("", POSTBACK).await;
    let id = server.visitor().click("/?a=-1&c=4001").await;
    let row = json!({ "request_id": id, "payout": "9.00", "received": "20.00" });
    let (status, done) = bring(&server, json!([row])).await;
    assert_eq!(status, 201, "{done}");
    let row = &done["conversions"][0];
    assert_eq!(
        (&row["test"], &row["payout"], &row["received"]),
        (&json!(true), &json!("0.00"), &json!("0.00"))
    );
    assert_eq!(ledger_sum(&server, "advertiser:1").await, "0.00");
    assert_eq!(postbacks(&server).await, 0);
}

#[tokio::test]
async fn a_thousand_are_taken_and_more_are_not() {
    let server = shop_server("[[offer.event]]\nid = 1\nname = \"Order\"\nallow_duplicates = true", "").await;
    let id = clicked(&server).await;
    let row = json!({ "request_id": id, "note": "n".repeat(400) });
    let (status, done) = bring(&server, json!(vec![row.clone(); 1_000])).await;
    assert_eq!((status, &done["created"]), (201, &json!(1_000)));
    for rows in [json!(vec![row; 1_001]), json!([])] {
        assert_eq!(
            wrong(&server, rows).await,
            [("conversions".to_owned(), "expected 1 to 1000 conversions".to_owned())]
        );
    }
}

#[tokio::test]
async fn only_admins_and_managers_bring_conversions_in() {
    let server = shop_server("", "").await;
    let body = json!({ "conversions": [{ "request_id": clicked(&server).await }] }).to_string();
    for (role, status) in [("reader", 403), ("affiliate:12", 403), ("buyer:5", 403), ("manager", 201)] {
        let key = server.api_key(role).await;
        let request = Request::post("/api/v1/conversions", "application/json", &body).bearer(&key);
        assert_eq!(server.admin.send(request).await.status.as_u16(), status, "{role}");
    }
}

#[tokio::test]
async fn a_whole_second_that_is_its_clicks_own_is_the_moment_of_the_click() {
    let server = shop_server("", "").await;
    server.clock.set("2026-07-01T12:00:40.964699Z");
    let id = clicked(&server).await;
    let click =
        server.api_json(&format!("/clicks/{id}")).await["clicks"][0]["at"].as_str().unwrap().to_owned();
    let (second, fraction) = click.split_once('.').unwrap();
    assert_eq!(fraction, "964699Z");
    server.clock.advance_seconds(60);
    let finer = json!([{ "request_id": id, "at": format!("{second}.9Z") }]);
    assert_eq!(wrong(&server, finer).await[0].0, "conversions[0].at");
    let (status, done) = bring(&server, json!([{ "request_id": id, "at": format!("{second}Z") }])).await;
    assert_eq!((status, &done["conversions"][0]["at"]), (201, &json!(click)), "{done}");
}

#[tokio::test]
async fn one_that_came_before_what_has_filled_its_cap_since_is_over_it() {
    let server = shop_server("caps = [{ of = \"conversion\", interval = \"total\", limit = 1 }]", "").await;
    let (early, late) = (clicked(&server).await, clicked(&server).await);
    server.clock.advance_days(3);
    converted(&server, &format!("r={late}")).await;
    let (status, done) = bring(&server, json!([{ "request_id": early, "at": "2026-07-02T00:00:00Z" }])).await;
    assert_eq!((status, &done["over_cap"]), (201, &json!(1)), "{done}");
}

#[tokio::test]
async fn what_a_row_moves_counts_for_its_effective_date() {
    let server = shop_server(EVENTS, "").await;
    let (old, new, late_told) = (clicked(&server).await, clicked(&server).await, clicked(&server).await);
    converted(&server, &format!("r={old}")).await;
    let there = conversions(&server).await[0].clone();
    let day = |days: i64| server.clock.now().plus_days(days).to_string()[..10].to_owned();
    let came = day(0);
    server.clock.advance_days(2);
    let late = day(-9);
    let found = wrong(
        &server,
        json!([
            { "request_id": new, "effective_date": day(1) },
            { "id": there["id"], "payout": "10.00", "effective_date": late },
            { "id": there["id"], "payout": "10.00", "effective_date": "soon" },
        ]),
    )
    .await;
    let places: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
    let row = |row: usize| format!("conversions[{row}].effective_date");
    let above = "conversions[2].id".to_owned();
    assert_eq!(places, [row(0), row(1), row(2), above], "{found:?}");
    assert_eq!(found[1].1, format!("{late} is before the conversion, which came on {came}"));
    let (status, done) = bring(
        &server,
        json!([
            { "request_id": new, "event": "signup", "effective_date": "" },
            { "request_id": late_told, "at": there["at"], "effective_date": "conversion_date" },
            { "id": there["id"], "payout": "10.00", "effective_date": "conversion_date" },
        ]),
    )
    .await;
    assert_eq!(status, 201, "{done}");
    let list = server.api_json("/ledger?account=affiliate:12&sort=id").await;
    let rows: Vec<_> = list["data"].as_array().unwrap().iter().skip(1).collect();
    let now = json!(server.clock.now().to_string());
    let moments: Vec<_> = rows
        .iter()
        .map(|row| (row["change"].clone(), row["at"].clone(), row["effective_at"].clone()))
        .collect();
    assert_eq!(
        moments,
        [
            (json!("1.50"), now.clone(), now.clone()),
            (json!("12.00"), now.clone(), there["at"].clone()),
            (json!("-2.00"), now, there["at"].clone())
        ],
        "{list}"
    );
}
