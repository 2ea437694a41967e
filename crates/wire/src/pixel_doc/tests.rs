use super::*;
use crate::posting_doc::Language;
use crumb_domain::network::Network;
use serde_json::json;

const BASE: &str = "https://trk.example";

fn network(offer: serde_json::Value) -> Network {
    let mut shop = json!({
        "id": 400, "name": "Shop", "vertical": 1, "advertiser": 7, "type": "third_party",
        "link": "https://shop.example/?reqid=#reqid#",
        "creative": [{ "id": 4000, "name": "Old", "status": "inactive" }, { "id": 4001, "name": "Link" }]
    });
    shop.as_object_mut().unwrap().extend(offer.as_object().unwrap().clone());
    serde_json::from_value(json!({
        "network": { "name": "Example" },
        "offer": [shop],
        "campaign": [{ "id": 60, "affiliate": 12, "offer": 400 }]
    }))
    .unwrap()
}

/// An offer with all that a document can speak of.
fn full() -> Network {
    network(json!({
        "postback_secret": "s3cret", "allowed_ips": ["203.0.113.0/24", "198.51.100.7"], "last_touch": true,
        "click_cookie_days": 7,
        "event": [
            { "id": 2, "name": "Sign-up", "short": "su" },
            { "id": 3, "name": "Order", "short": "ord", "default": true }
        ]
    }))
}

/// As an offer without listed events has one.
fn conversion() -> Event {
    serde_json::from_value(json!({ "id": 1, "name": "Conversion", "default": true })).unwrap()
}

fn offer_doc(network: &Network) -> PixelDoc {
    let offer = &network.offer[0];
    match offer.event.is_empty() {
        true => PixelDoc::for_offer(offer, &[conversion()], BASE),
        false => PixelDoc::for_offer(offer, &offer.event, BASE),
    }
}

fn campaign_doc(network: &Network) -> PixelDoc {
    let offer = &network.offer[0];
    PixelDoc::for_campaign(&network.campaign[0], offer, &offer.event, BASE)
}

#[test]
fn the_documents_are_what_was_agreed() {
    insta::assert_snapshot!("plain", text(&offer_doc(&network(json!({})))));
    insta::assert_snapshot!("full", text(&offer_doc(&full())));
    insta::assert_snapshot!("campaign", text(&campaign_doc(&full())));
}

#[test]
fn no_document_shows_the_secret_and_an_affiliates_not_whom_the_advertiser_calls_from() {
    let network = full();
    let (offer, campaign) = (text(&offer_doc(&network)), text(&campaign_doc(&network)));
    assert!(!offer.contains("s3cret") && !campaign.contains("s3cret"));
    assert!(offer.contains("203.0.113.0/24, 198.51.100.7/32"), "{offer}");
    assert!(!campaign.contains("203.0.113") && !campaign.contains("POSTBACK_SECRET"), "{campaign}");
}

#[test]
fn an_offer_that_takes_trusted_calls_only_says_so() {
    let said = |more: serde_json::Value| text(&offer_doc(&network(more)));
    let (condition, none) = ("where they meet what is asked of calls", "It takes no calls now.");
    let full = said(json!({ "trusted_only": true, "postback_secret": "s3cret" }));
    assert!(full.contains(condition) && full.contains("must be signed") && !full.contains(none), "{full}");
    let closed = said(json!({ "trusted_only": true }));
    assert!(closed.contains(none) && !closed.contains("from any address"), "{closed}");
    assert!(!said(json!({})).contains(condition));
}

#[test]
fn every_parameter_that_a_pixel_reads_is_in_the_table() {
    let doc = offer_doc(&full());
    let told: Vec<&str> =
        doc.sections.iter().flat_map(|section| &section.parameters).map(|p| p.name).collect();
    let told: Vec<&str> = told.iter().flat_map(|names| names.split(", ")).collect();
    assert!(doc.sections.iter().flat_map(|section| &section.parameters).any(|p| {
        p.description
            .contains(&format!("at most {} characters", crumb_domain::conversion::MAX_TRANSACTION_ID_CHARS))
    }));
    for name in [
        "o", "a", "e", "r", "t", "f", "p", "ap", "udid", "u", "c", "ect", "ecst", "ectx", "ecsh", "ecd",
        "ecv", "ecc", "eccu", "ecco", "ecrg", "ecsk", "ecqu", "ecpr", "ecld", "ts", "sig",
    ] {
        assert!(told.contains(&name), "{name}");
    }
}

#[test]
fn each_event_has_the_four_forms_and_an_offer_without_listed_events_needs_no_e() {
    let of = |doc: &PixelDoc, title: &str| {
        let part = doc.sections.iter().find(|section| section.title == title).unwrap();
        part.examples.iter().map(|example| example.code.clone()).collect::<Vec<_>>()
    };
    let listed = of(&offer_doc(&full()), "The conversion pixel");
    assert_eq!(listed.len(), 8);
    assert!(listed[..4].iter().all(|code| code.contains("e=3")), "the default one first: {listed:?}");
    assert!(listed[4..].iter().all(|code| code.contains("e=2")));
    let unlisted = of(&offer_doc(&network(json!({}))), "The conversion pixel");
    assert!(unlisted.len() == 4 && unlisted.iter().all(|code| !code.contains("e=1")), "{unlisted:?}");
}

#[test]
fn a_link_without_the_request_id_is_spoken_of() {
    let told =
        |link| text(&offer_doc(&network(json!({ "link": link })))).contains("does not carry the request id");
    assert!(told("https://shop.example/"));
    assert!(!told("https://shop.example/?x=#ReqID#"));
}

#[test]
fn an_event_that_counts_each_time_is_warned_of_unless_its_transaction_ids_are_deduplicated() {
    let warns = |repeated: bool, deduplicated: bool| {
        let order = json!({ "id": 3, "name": "Order", "allow_duplicates": repeated,
            "deduplicate_transaction_id": deduplicated });
        let events = json!({ "event": [{ "id": 2, "name": "Sign-up" }, order] });
        text(&offer_doc(&network(events))).contains("counts each time it is reported")
    };
    assert!(warns(true, false));
    assert!(!warns(true, true) && !warns(false, false) && !warns(false, true));
}

#[test]
fn no_name_becomes_markup_in_an_example() {
    let mut wild = full();
    wild.offer[0].name = "</script><img src=x>".to_owned();
    wild.offer[0].event[0].name = "\"><b>".to_owned();
    let (wild, tame) = (offer_doc(&wild), offer_doc(&full()));
    let codes = |doc: &PixelDoc| {
        let html = doc.examples().filter(|example| example.language == Language::Html);
        html.map(|example| example.code.clone()).collect::<Vec<_>>()
    };
    assert!(codes(&tame).iter().any(|code| code.contains("<iframe src=")), "there is markup to compare");
    assert_eq!(codes(&wild), codes(&tame));
}

#[test]
fn the_worked_example_of_a_signature_is_what_the_server_takes() {
    let told = text(&offer_doc(&full()));
    let call = "e=3&f=pb&o=400&p=12.50&r=4503599627370495&t=ORDER%201002%2F%C3%A9&ts=1800000000";
    // By Python's hmac.new(b"example-secret", text, "sha256").hexdigest().
    let sig = "9b653e9c317353784e83f54977ee4f9243feb2d786d78c033179365725b69ac8";
    assert!(told.contains(&format!("`ORDER 1002/é` is `{call}` and `sig` is `{sig}`.")), "{told}");
    let pixel = crate::pixel::parse_pixel(format!("{call}&sig={sig}").as_bytes(), None).unwrap();
    let then = crumb_domain::Timestamp::from_micros(1_800_000_000_000_000);
    let check = pixel.check_signature("example-secret", then);
    assert!(matches!(check, crate::pixel::SignatureCheck::Valid(_)));
}
