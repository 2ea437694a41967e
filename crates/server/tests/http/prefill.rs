//! Pre-fill: further link parameters that are fields of the vertical.

use crate::traffic::*;
use crumb_testkit::Request;
use crumb_testkit::network::Part;

const PREFILL: &str = "/?a=12&c=1057&first_name=Ann&zip_code=90210&colour=red";

#[tokio::test]
async fn values_of_fields_are_appended_to_the_offer_link_and_others_are_not() {
    let server = server_with(&[(Part::HostedOffer, "link = \"https://lp.example/q\"")]).await;
    let reply = follow(&server, PREFILL).await;
    assert_eq!(reply.location(), "https://lp.example/q?first_name=Ann&zip_code=90210");
    let reply = follow(&server, "/?a=12&c=1057&first_name=&zip_code=90210").await;
    assert_eq!(reply.location(), "https://lp.example/q?zip_code=90210", "an empty one is none");
}

#[tokio::test]
async fn values_are_appended_after_a_query_and_before_a_fragment() {
    for (link, location) in [
        ("https://lp.example/q?x=1", "https://lp.example/q?x=1&first_name=Ann%20%26"),
        ("https://lp.example/q?x=1#top", "https://lp.example/q?x=1&first_name=Ann%20%26#top"),
        (
            "https://lp.example/q?x=#nope#&y=#s1#&z=2",
            "https://lp.example/q?x=#nope#&y=&z=2&first_name=Ann%20%26",
        ),
        ("https://lp.example/q?", "https://lp.example/q?first_name=Ann%20%26"),
        ("https://lp.example/q?x=1&", "https://lp.example/q?x=1&first_name=Ann%20%26"),
        ("https://lp.example/q#top?", "https://lp.example/q?first_name=Ann%20%26#top?"),
        ("https://lp.example", "https://lp.example?first_name=Ann%20%26"),
    ] {
        let server = server_with(&[(Part::HostedOffer, &format!("link = \"{link}\""))]).await;
        let reply = follow(&server, "/?a=12&c=1057&first_name=Ann+%26").await;
        assert_eq!(reply.location(), location);
    }
}

#[tokio::test]
async fn an_offer_may_say_that_nothing_is_appended() {
    let server =
        server_with(&[(Part::HostedOffer, "append_prefill = false\nlink = \"https://lp.example/q\"")]).await;
    assert_eq!(follow(&server, PREFILL).await.location(), "https://lp.example/q");
}

#[tokio::test]
async fn values_are_kept_for_the_session_for_forms_of_the_offers_hosts() {
    for keys in ["append_prefill = true", "append_prefill = false"] {
        let server = server_with(&[(Part::HostedOffer, keys)]).await;
        let visitor = server.visitor();
        visitor.get(PREFILL).await;
        let script = Request::get("/js.ashx?o=100").header("referer", "https://lp.example/quote");
        let script = visitor.send(script).await.text();
        assert!(script.contains("CKM.prepop_field(\"first_name\",\"Ann\","), "{script}");
        assert!(script.contains("CKM.prepop_field(\"zip_code\",\"90210\","), "{script}");
        assert!(!script.contains("colour"), "{script}");
    }
}

#[tokio::test]
async fn a_value_is_appended_and_kept_up_to_255_characters_or_as_many_as_its_field_takes() {
    let fields = "[[vertical.field]]\nname = \"short\"\ntype = \"string\"\nmax_length = 10\n\n\
                  [[vertical.field]]\nname = \"notes\"\ntype = \"string\"\nmax_length = 300";
    let server =
        server_with(&[(Part::HostedOffer, "link = \"https://lp.example/q\""), (Part::More, fields)]).await;
    for (name, most) in [("short", 255), ("notes", 300), ("home_area", 255)] {
        for (length, is_kept) in [(most, true), (most + 1, false)] {
            let reply = follow(&server, &format!("/?a=12&c=1057&{name}={}", "x".repeat(length))).await;
            assert_eq!(reply.location().contains(name), is_kept, "{name} of {length}");
        }
    }
    let visitor = server.visitor();
    let link = |length| format!("/?a=12&c=1057&zip_code=90210&first_name={}", "x".repeat(length));
    assert!(visitor.get(&link(256)).await.location().ends_with("/q?zip_code=90210"));
    let script = Request::get("/js.ashx?o=100").header("referer", "https://lp.example/quote");
    assert!(!visitor.send(script).await.text().contains("\"first_name\",\"x"));
    assert!(follow(&server, &link(255)).await.location().ends_with("xxx"));
}

#[tokio::test]
async fn values_are_masked_in_click_rows_and_the_api() {
    let server = server_with(&[(Part::Network, "blocked_ips = []")]).await;
    let reply = follow(&server, "/?a=12&c=1057&first_name=Anneliese&email_address=anne%40example.com").await;
    assert!(reply.location().contains("Anneliese"));
    let id = parameter(reply.location(), "reqid");
    for target in [format!("/clicks/{id}"), "/clicks".to_owned()] {
        let text = server.api(&target).await.text();
        assert!(text.contains("lp.example/quote"), "{text}");
        assert!(!text.contains("Anneliese") && !text.contains("anne"), "{text}");
    }
}

#[tokio::test]
async fn personal_values_in_the_address_of_the_page_are_masked_in_click_rows_and_the_api() {
    let server = server_with(&[(Part::HostedOffer, "link = \"https://lp.example/q\"")]).await;
    let visitor = server.visitor();
    let link =
        "/?a=12&c=1057&First_Name=Anneliese&email_address=anne%40example.com&zip_code=90210&colour=red";
    let page = visitor.get(link).await.location().to_owned() + "&Email_ADDRESS=anne&colour=red";
    let pixel = Request::get("/?a=1&c=1057&cp=js").header("referer", &page);
    visitor.send(pixel).await;
    let shown =
        "https://lp.example/q?first_name=***&email_address=***&zip_code=90210&Email_ADDRESS=***&colour=red";
    assert_eq!(last_row(&server).await["referrer"], shown);
    let stored = server.stored_bytes();
    assert!(!stored.windows(5).any(|bytes| bytes == b"=anne"), "not in the store's files either");

    // A mask may be longer than what it stands for.
    let long = format!("https://lp.example/?{}", "first_name=A&".repeat(100));
    follow_from(&server, &long).await;
    let row = last_row(&server).await;
    let kept = row["referrer"].as_str().unwrap();
    assert!(kept.len() == 1_000 && !kept.contains("=A"), "{kept}");
    let open = "https://blog.example/post?id=7&first=x#top";
    follow_from(&server, open).await;
    assert_eq!(last_row(&server).await["referrer"], open);
}

async fn follow_from(server: &crumb_testkit::Server, page: &str) {
    server.tracking.send(Request::get("/?a=12&c=1057").header("referer", page)).await;
}

#[tokio::test]
async fn names_are_matched_without_case_and_sent_on_as_the_field_is_named() {
    let server = server_with(&[
        (Part::HostedOffer, "link = \"https://lp.example/q\""),
        (Part::More, "[[vertical.field]]\nname = \"HomeOwner\"\ntype = \"string\""),
    ])
    .await;
    let reply = follow(&server, "/?a=12&c=1057&First_NAME=Ann&homeowner=Yes").await;
    assert_eq!(reply.location(), "https://lp.example/q?first_name=Ann&HomeOwner=Yes");
}

#[tokio::test]
async fn control_parameters_of_posts_are_never_pre_filled() {
    let server = server_with(&[(Part::HostedOffer, "link = \"https://lp.example/q\"")]).await;
    let reply = follow(&server, "/?a=12&c=1057&ckm_test=1&ckmtest=1&ckm_request_id=5&ckm_key=x").await;
    assert_eq!(reply.location(), "https://lp.example/q");
}

#[tokio::test]
async fn a_diverted_click_keeps_no_value_in_its_row() {
    let server = server_with(&[(Part::HostedOffer, "status = \"inactive\"")]).await;
    diverted(&server, "/?a=12&c=1057&first_name=Anneliese", "Inactive Offer").await;
    assert!(!server.api("/clicks").await.text().contains("Anneliese"));
}
