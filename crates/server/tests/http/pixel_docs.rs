//! Documents on pixels: what they show works when it is pasted.

use crate::conversions::*;
use crate::traffic::FIREFOX;
use crumb_domain::{CampaignId, Clock as _, OfferId};
use crumb_server::posting_doc::{PixelDoc, Subject, pixel_document};
use crumb_testkit::{Request, Server};
use crumb_wire::posting_doc::Language;
use serde_json::{Value, json};
use std::process::Command;

const EVENTS: &str = "[[offer.event]]\nid = 3\nname = \"Order\"\nshort = \"ord\"\ndefault = true\n\
                      [[offer.event]]\nid = 4\nname = \"Sign-up\"\n";

fn doc_of(server: &Server, subject: Subject) -> PixelDoc {
    let base_url = format!("http://{}", server.tracking_address);
    pixel_document(&server.site.network.snapshot(), subject, &base_url).unwrap()
}

const SHOP: Subject = Subject::Offer(OfferId(400));

/// Runs what a reader pastes into a shell or a Python file, and gives what it prints.
async fn run(language: Language, code: &str) -> String {
    let (program, code) = (if language == Language::Python { "python3" } else { "sh" }, code.to_owned());
    let ran = tokio::task::spawn_blocking(move || {
        // The server is on this machine, whatever way there is to others.
        Command::new(program)
            .args(["-c", &code])
            .env("NO_PROXY", "127.0.0.1")
            .env("POSTBACK_SECRET", "s3cret")
            .output()
    });
    let output = ran.await.unwrap().expect("the program is there");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    printed
}

/// Runs all examples of these languages; how many there were.
async fn run_all(doc: &PixelDoc) -> usize {
    let mut tried = 0;
    for example in doc.examples() {
        if matches!(example.language, Language::Shell | Language::Python) {
            assert_eq!(run(example.language, &example.code).await.trim_end(), SUCCESS, "{}", example.title);
            tried += 1;
        }
    }
    tried
}

/// The server's clock is put to the time that the examples sign with.
async fn at_the_present_second(server: &Server) {
    let present: i64 = run(Language::Shell, "date +%s").await.trim().parse().unwrap();
    server.clock.advance_seconds(present - server.clock.now().unix_seconds());
}

#[tokio::test]
async fn the_examples_of_signed_calls_make_test_conversions() {
    let server = shop_server(&format!("postback_secret = \"s3cret\"\n{EVENTS}"), "").await;
    at_the_present_second(&server).await;
    assert_eq!(run_all(&doc_of(&server, SHOP)).await, 2);
    let rows = conversions(&server).await;
    let told: Vec<_> = rows.iter().map(|row| (&row["transaction_id"], &row["test"], &row["event"])).collect();
    let (yes, event) = (json!(true), json!(3));
    assert_eq!(told, [(&json!("ORDER-1001"), &yes, &event), (&json!("ORDER 1002/é"), &yes, &event)]);
}

#[tokio::test]
async fn the_example_of_an_unsigned_call_makes_a_test_conversion() {
    for events in ["", EVENTS] {
        let server = shop_server(events, "").await;
        assert_eq!(run_all(&doc_of(&server, SHOP)).await, 1);
        assert_eq!(conversions(&server).await[0]["test"], true);
    }
}

/// The address in a tag, as a browser reads it.
fn source(html: &str) -> String {
    let (_, rest) = html.split_once("src=\"").unwrap();
    rest.split_once('"').unwrap().0.replace("&amp;", "&")
}

#[tokio::test]
async fn every_pixel_of_a_document_reports_its_event() {
    let server = shop_server(EVENTS, "").await;
    let doc = doc_of(&server, SHOP);
    let origin = format!("http://{}", server.tracking_address);
    let part = doc.sections.iter().find(|section| section.title == "The conversion pixel").unwrap();
    assert_eq!(part.examples.len(), 8);
    for example in &part.examples {
        let visitor = server.visitor();
        let id = visitor.click("/?a=12&c=4001").await;
        let address = match example.language {
            Language::Html => source(&example.code),
            _ => example.code.replace("REQUEST_ID", &id),
        };
        visitor.get(address.strip_prefix(&origin).unwrap()).await;
        let row = conversions(&server).await.pop().unwrap();
        let event =
            if example.title.starts_with("Order (event 3, short name ord, the default)") { 3 } else { 4 };
        assert_eq!((&row["event"], &row["transaction_id"]), (&json!(event), &json!("TRANSACTION_ID")));
        assert_eq!(row["request_id"], json!(id), "{}", example.title);
    }
    assert_eq!(conversions(&server).await.len(), 8);
}

#[tokio::test]
async fn the_global_pixel_reports_the_offer_that_the_visitor_clicked_last() {
    let server = shop_server("", "").await;
    let doc = doc_of(&server, SHOP);
    let part = doc.sections.iter().find(|section| section.title == "One pixel for all your offers").unwrap();
    let visitor = server.visitor();
    visitor.click("/?a=12&c=4001").await;
    let origin = format!("http://{}", server.tracking_address);
    visitor.get(source(&part.examples[0].code).strip_prefix(&origin).unwrap()).await;
    assert_eq!(conversions(&server).await[0]["offer"], 400);
}

#[tokio::test]
async fn the_impression_pixel_of_a_campaigns_document_is_counted_for_it() {
    let server = shop_server("", "").await;
    let doc = doc_of(&server, Subject::Campaign(CampaignId(60)));
    let part = doc.sections.iter().find(|section| section.title == "The impression pixel").unwrap();
    let origin = format!("http://{}", server.tracking_address);
    let address = source(&part.examples[0].code);
    let asked = Request::get(address.strip_prefix(&origin).unwrap()).header("user-agent", FIREFOX);
    assert_eq!(server.tracking.send(asked).await.status, 200);
    assert_eq!(server.api_json("/impressions?campaign=60").await["total"], 1);
    assert_eq!(server.api_json("/impressions?creative=4001").await["total"], 1);
}

#[tokio::test]
async fn a_document_on_pixels_is_made_and_shared_like_one_on_leads() {
    let server = shop_server("", "").await;
    let key = server.api_key("manager").await;
    let ask = async |body: Value| {
        let request = Request::post("/api/v1/posting-docs", "application/json", &body.to_string());
        server.admin.send(request.bearer(&key)).await
    };
    let shared = ask(json!({ "offer": 400, "kind": "pixels", "share": true })).await;
    assert_eq!(shared.status, 201, "{}", shared.text());
    let shared = shared.json();
    assert!(shared["text"].as_str().unwrap().starts_with("# Offer 400: Shop — pixels and direct linking"));
    let path = shared["url"].as_str().unwrap().to_owned();
    let path = path.strip_prefix(&format!("http://{}", server.tracking_address)).unwrap();
    let page = server.tracking.get(path).await;
    assert_eq!((page.status.as_u16(), page.header("x-robots-tag")), (200, "noindex"));
    assert_eq!(page.text(), shared["html"].as_str().unwrap());
    for (body, status) in [
        (json!({ "vertical": 1, "kind": "pixels" }), 400),
        (json!({ "offer": 400, "kind": "pixels", "method": "session" }), 400),
        (json!({ "offer": 999, "kind": "pixels" }), 404),
        (json!({ "campaign": 60, "kind": "pixels" }), 200),
        (json!({ "offer": 400, "kind": "leads" }), 400),
    ] {
        assert_eq!(ask(body.clone()).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn the_api_gives_an_offers_conversion_pixels_in_their_four_forms() {
    let server = shop_server(EVENTS, "").await;
    let told = server.api_json("/conversion-pixels?offer=400").await;
    let base = format!("http://{}/p.ashx", server.tracking_address);
    let events: Vec<_> =
        told["data"].as_array().unwrap().iter().map(|row| (&row["event"], &row["default"])).collect();
    assert_eq!(events, [(&json!(3), &json!(true)), (&json!(4), &json!(false))]);
    let second = &told["data"][1];
    assert_eq!(second["pb"], format!("{base}?o=400&e=4&f=pb&r=REQUEST_ID&t=TRANSACTION_ID"));
    for (form, part) in [("iframe", "<iframe src"), ("js", "<script src"), ("img", "<img src")] {
        assert!(second[form].as_str().unwrap().starts_with(part), "{form}");
    }
    assert_eq!(told["advertiser"]["pb"], format!("{base}?a=1&f=pb&r=REQUEST_ID&t=TRANSACTION_ID"));
    for (query, status) in [("", 400), ("?offer=999", 400), ("?offer=400&x=1", 400)] {
        assert_eq!(server.api(&format!("/conversion-pixels{query}")).await.status, status, "{query}");
    }
    let key = server.api_key("affiliate:12").await;
    let asked = Request::get("/api/v1/conversion-pixels?offer=400").bearer(&key);
    assert_eq!(server.admin.send(asked).await.status, 403);
}
