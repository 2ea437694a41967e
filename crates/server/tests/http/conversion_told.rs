//! Who is told of a conversion: postbacks of campaign and affiliate, and HTML pixels on
//! the advertiser's page.

use crate::conversions::*;
use crumb_testkit::network::{Part, small_with};
use crumb_testkit::{Server, Visitor};

const TELLING: &str = "postback_url = \"https://aff.example/all?s1=#s1#&price=#price#&tid=#tid#\"\n\
    pixel_html = \"<img src='https://aff.example/i?p=#price#&s=#s1#&t=#tid#'>\"";

/// The shop, whose affiliate 12 has a postback and an HTML pixel, and so has its campaign.
async fn telling_server() -> Server {
    telling_server_with("").await
}

/// The same, with events.
async fn telling_server_with(events: &str) -> Server {
    let campaign = "postback_url = \"https://aff.example/one?r=#reqid#&c=#campid#\"\n\
                    pixel_html = \"<b>campaign</b>\"";
    let network = shop(events, campaign);
    let line = "name = \"Traffic Co\"\n";
    assert_eq!(network.matches(line).count(), 1);
    Server::start(&network.replace(line, &format!("{line}{TELLING}\n"))).await
}

/// The URLs that are waiting to be called, oldest first.
async fn to_be_called(server: &Server) -> Vec<String> {
    let rows = server.api_json("/deliveries?sort=id&kind=postback").await["data"].clone();
    let url = |row: &serde_json::Value| row["url"].as_str().unwrap_or_default().to_owned();
    rows.as_array().map(|rows| rows.iter().map(url).collect()).unwrap_or_default()
}

async fn come(server: &Server) -> (Visitor, String) {
    let visitor = server.visitor();
    let id = visitor.click("/?a=12&c=4001&s1=a%20b").await;
    (visitor, id)
}

#[tokio::test]
async fn a_new_conversion_is_told_to_the_campaigns_and_the_affiliates_postback_both_once() {
    let server = telling_server().await;
    let (_, id) = come(&server).await;
    converted(&server, &format!("r={id}&t=T%261")).await;
    refused(&server, &format!("r={id}"), "Duplicate Conversion").await;
    assert_eq!(
        to_be_called(&server).await,
        [
            format!("https://aff.example/one?r={id}&c=60"),
            "https://aff.example/all?s1=a%20b&price=12.00&tid=T%261".to_owned(),
        ]
    );
}

#[tokio::test]
async fn every_form_that_makes_a_conversion_fires_the_postbacks() {
    let server = telling_server().await;
    for (count, form) in (1..).zip(["", "&f=js", "&f=img"]) {
        let (visitor, _) = come(&server).await;
        visitor.get(&format!("/p.ashx?o=400{form}")).await;
        assert_eq!(to_be_called(&server).await.len(), 2 * count, "{form}");
    }
}

#[tokio::test]
async fn what_makes_no_conversion_or_a_test_is_told_to_nobody() {
    let server = telling_server().await;
    let test = server.visitor().click("/?a=-1&c=4001").await;
    converted(&server, &format!("r={test}")).await;
    refused(&server, "o=400&r=7", "Invalid Request ID").await;
    assert!(to_be_called(&server).await.is_empty());
}

#[tokio::test]
async fn what_comes_over_the_cap_is_told_to_nobody() {
    let network = shop("caps = [{ of = \"conversion\", interval = \"day\", limit = 0 }]", "");
    let line = "name = \"Traffic Co\"\n";
    let server = Server::start(&network.replace(line, &format!("{line}{TELLING}\n"))).await;
    let (visitor, _) = come(&server).await;
    assert!(!visitor.get("/p.ashx?o=400&f=js").await.text().contains("aff.example"));
    assert_eq!(dispositions(&server).await, ["Over Conversion Cap"]);
    assert!(to_be_called(&server).await.is_empty());
}

#[tokio::test]
async fn iframe_and_script_carry_the_affiliates_own_pixels_sandboxed_and_an_image_none() {
    let server = telling_server().await;
    let page = come(&server).await.0.get("/p.ashx?o=400").await.text();
    assert!(page.contains("sandbox=\"allow-scripts\""), "{page}");
    assert!(page.contains("aff.example/i?p=12.00") && page.contains("campaign"), "{page}");
    assert!(!page.contains("allow-same-origin"), "{page}");
    let script = come(&server).await.0.get("/p.ashx?o=400&f=js").await.text();
    assert!(script.contains("aff.example/i?p=12.00") && script.contains("sandbox"), "{script}");
    let image = come(&server).await.0.get("/p.ashx?o=400&f=img").await;
    assert!(image.body.starts_with(b"GIF89a"));
}

#[tokio::test]
async fn pixels_that_nobody_could_show_are_shown_by_the_page_that_comes_after_the_postback_once() {
    let server = telling_server().await;
    let (visitor, id) = come(&server).await;
    converted(&server, &format!("r={id}")).await;
    let first = visitor.get("/p.ashx?o=400").await.text();
    assert!(first.contains("aff.example/i"), "{first}");
    let second = visitor.get("/p.ashx?o=400").await.text();
    assert!(!second.contains("aff.example/i"), "{second}");
    assert_eq!(dispositions(&server).await, ["ok", "Duplicate Conversion", "Duplicate Conversion"]);
    assert_eq!(conversions(&server).await.len(), 1);
    assert_eq!(to_be_called(&server).await.len(), 2);
}

#[tokio::test]
async fn a_page_that_says_its_servers_transaction_id_again_shows_the_pixels_once() {
    let event = "[[offer.event]]\nid = 7\nname = \"Order\"\nallow_duplicates = true\n\
                 deduplicate_transaction_id = true";
    let server = telling_server_with(event).await;
    let (visitor, id) = come(&server).await;
    for transaction in ["T-1", "T-2"] {
        converted(&server, &format!("r={id}&t={transaction}")).await;
    }
    for shown in [true, false] {
        for transaction in ["T-1", "T-2"] {
            let page = visitor.get(&format!("/p.ashx?o=400&t={transaction}")).await.text();
            let own = format!("aff.example/i?p=12.00&amp;s=a%20b&amp;t={transaction}");
            assert_eq!(page.contains(&own), shown, "{page}");
        }
    }
    // What another session has said is not this one's to show.
    let (stranger, _) = come(&server).await;
    assert!(!stranger.get("/p.ashx?o=400&t=T-1").await.text().contains("aff.example"));
    assert_eq!(conversions(&server).await.len(), 2);
    let told = dispositions(&server).await;
    assert_eq!(told, [["ok"; 2].as_slice(), &["Duplicate Conversion"; 5]].concat());
}

#[tokio::test]
async fn a_conversion_that_was_shown_is_not_shown_again() {
    let server = telling_server().await;
    let (visitor, _) = come(&server).await;
    assert!(visitor.get("/p.ashx?o=400&f=js").await.text().contains("aff.example/i"));
    assert!(!visitor.get("/p.ashx?o=400&f=js").await.text().contains("aff.example/i"));
    assert!(!visitor.get("/p.ashx?o=400").await.text().contains("aff.example/i"));
}

#[tokio::test]
async fn a_value_cannot_break_out_of_the_pixel_or_the_script_it_stands_in() {
    let network = small_with(&[
        (Part::Affiliate, "pixel_html = \"<img alt='#s1#' src='https://aff.example/i?s=#s1#'>\""),
        (Part::HostedOffer, "pay_on_post = true"),
    ]);
    let server = Server::start(&network).await;
    let visitor = server.visitor();
    visitor.click("/?a=12&c=1057&s1=%3C/script%3E%3Cscript%3Ealert(1)//'%22").await;
    for form in ["", "&f=js"] {
        let visitor = server.visitor();
        visitor.click("/?a=12&c=1057&s1=%3C/script%3E%3Cscript%3Ealert(1)//'%22").await;
        let shown = visitor.get(&format!("/p.ashx?o=100{form}")).await.text();
        assert!(shown.contains("aff.example"), "{shown}");
        assert!(!shown.contains("<script>alert") && !shown.contains("</script><script"), "{shown}");
    }
}

#[tokio::test]
async fn a_leads_pixels_that_are_shown_late_say_what_the_lead_says() {
    let pixel = "pixel_html = \"<img src='https://aff.example/i?z=#zip_code#'>\"";
    let server = Server::start(&small_with(&[(Part::Affiliate, pixel)])).await;
    let visitor = server.visitor();
    let id = visitor.click("/?a=12&c=1057").await;
    let lead = format!("ckm_offer_id=100&ckm_request_id={id}&email_address=ann@example.com&zip_code=90210");
    visitor.post_form("/d.ashx", &lead).await;
    converted(&server, &format!("o=100&r={id}")).await;
    let page = visitor.get("/p.ashx?o=100").await.text();
    assert!(page.contains("https://aff.example/i?z=90210"), "{page}");
}
