//! How buyers' answers are read.

use crate::contracts::*;
use crumb_domain::lead::LeadStatus;
use crumb_storage::selling::SellingStore as _;
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;
use serde_json::json;

/// What a lead meets at a buyer that says these words, read by these patterns.
async fn read(buyers: &MockBuyers, said: &str, patterns: &str) -> String {
    let contract = Contract::new(7, &buyers.url(said), "30.00").patterns(patterns);
    let server = Server::start(&market(&[contract])).await;
    sell(&server, "ann").await;
    let lead = only(&server).await;
    let found = results(&server, &lead).await.remove(0);
    found.trim_start_matches("7 ").to_owned()
}

#[tokio::test]
async fn patterns_are_tried_in_the_order_rejected_duplicate_error_accepted() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        ("rejected = [\"contains:no\"]", "post_rejected"),
        ("duplicate = [\"contains:had\"]", "post_duplicate"),
        ("error = [\"contains:bad\"]", "post_error"),
        ("accepted = [\"contains:ok\"]", "sold"),
    ];
    for from in 0..all.len() {
        let mut patterns: Vec<&str> = all[from..].iter().map(|(pattern, _)| *pattern).collect();
        // The order in which they are written does not matter.
        patterns.reverse();
        if from == 0 {
            patterns.rotate_left(1);
        }
        let found = read(&buyers, "/say?body=ok+bad+had+no", &patterns.join("\n")).await;
        assert_eq!(found, all[from].1);
    }
}

#[tokio::test]
async fn each_kind_of_pattern_fits_what_it_says() {
    let buyers = MockBuyers::start().await.unwrap();
    let json =
        "/say?type=application/json&body=%7B%22a%22:%7B%22b%22:%5B%7B%22c%22:%22yes%22%7D%5D%7D,%22n%22:1%7D";
    let xml = "/say?type=text/xml&body=%3Cr%3E%3Ccode%3E0%3C/code%3E%3Cm%3Ea%26amp;b%3C/m%3E%3C/r%3E";
    for (said, pattern, fits) in [
        ("/say?body=it+is+ok+so", "contains:is ok", true),
        ("/say?body=it+is+OK+so", "contains:is ok", false),
        ("/say?body=ok", "equals:ok", true),
        ("/say?body=+ok", "equals:ok", false),
        ("/say?body=ok%0A", "equals:ok", false),
        ("/say?body=OK", "equals:ok", false),
        ("/say?body=id+123", "regex:^id [0-9]+$", true),
        ("/say?body=ID+123", "regex:^id [0-9]+$", false),
        ("/say?body=ID+123", "regex:(?i)^id [0-9]+$", true),
        ("/say?body=a%0Ab", "regex:a.b", true),
        (json, "json:$.a.b[0].c=yes", true),
        (json, "json:$.a.b[0].c=Yes", false),
        (json, "json:$.n=1", true),
        (json, "json:$.x=1", false),
        (xml, "xml:/r/code=0", true),
        (xml, "xml:/r/code=1", false),
        (xml, "xml:/r/m=a&b", true),
        ("/say?body=whatever&http=201", "status:201", true),
        ("/say?body=whatever&http=200", "status:201", false),
    ] {
        let found = read(&buyers, said, &format!("accepted = [{}]", json!(pattern))).await;
        assert_eq!(found, if fits { "sold" } else { "post_rejected" }, "{said} {pattern}");
    }
}

#[tokio::test]
async fn an_answer_that_nothing_matches_is_treated_as_rejected_and_shown_as_unknown() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/unknown"), "30.00")])).await;
    assert_unsold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    assert_eq!(
        (lead.status, results(&server, &lead).await),
        (LeadStatus::Unsold, vec!["7 post_rejected".to_owned()])
    );
    let explained = server.api_json(&format!("/leads/{}/explain", lead.id)).await;
    let contract = &explained["contracts"][0];
    assert_eq!(contract["attempts"][0]["outcome"], "unknown_answer");
    assert!(contract["text"].as_str().unwrap().contains("not understood"), "{contract}");
}

#[tokio::test]
async fn an_answer_over_256_kib_is_an_error_and_the_next_buyer_has_its_turn() {
    let buyers = MockBuyers::start().await.unwrap();
    for (kib, expected) in [(256, ["7 sold", "8 not_needed"]), (257, ["7 post_error", "8 sold"])] {
        let all = [
            Contract::new(7, &buyers.url(&format!("/big?kb={kib}")), "30.00"),
            Contract::new(8, &buyers.url("/accept"), "20.00"),
        ];
        let server = Server::start(&market(&all)).await;
        assert_sold(&sell(&server, "ann").await);
        assert_eq!(results(&server, &only(&server).await).await, expected, "{kib}");
    }
    let endless = Contract::new(7, &buyers.url("/endless?kib_per_second=65536"), "30.00");
    let server = Server::start(&market(&[endless])).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(results(&server, &only(&server).await).await, ["7 post_error"]);
}

#[tokio::test]
async fn the_first_64_kib_of_an_answer_are_kept() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/big?kb=200"), "30.00")])).await;
    assert_sold(&sell(&server, "ann").await);
    let explained = server.api_json(&format!("/leads/{}/explain", only(&server).await.id)).await;
    let attempt = &explained["contracts"][0]["attempts"][0];
    assert_eq!(attempt["answer"].as_str().unwrap().len(), 65_536);
}

#[tokio::test]
async fn price_redirect_and_lead_id_are_read_by_regex_json_path_or_xml_path() {
    let buyers = MockBuyers::start().await.unwrap();
    let json = "/accept?format=json&price=21.00&redirect=https://b.example/j&lead_id=B77";
    let xml = "/accept?price=21.00&redirect=https://b.example/j&lead_id=B77";
    let explained = json!({ "price": "21.00", "redirect": "https://b.example/j", "lead_id": "B77" });
    for (said, patterns) in [
        (
            json,
            "accepted = [\"json:$.code=0\"]\nprice = \"json:$.price\"\nredirect = \"json:$.redirect\"\nlead_id = \"json:$.lead_id\"",
        ),
        (
            xml,
            "accepted = [\"xml:/result/code=0\"]\nprice = \"xml:/result/price\"\nredirect = \"xml:/result/redirect\"\nlead_id = \"xml:/result/lead_id\"",
        ),
        (
            xml,
            "accepted = [\"contains:success\"]\nprice = \"regex:<price>(.*?)</price>\"\nredirect = \"regex:<redirect>(.*?)</redirect>\"\nlead_id = \"regex:<lead_id>(.*?)</lead_id>\"",
        ),
    ] {
        let server =
            Server::start(&market(&[Contract::new(7, &buyers.url(said), "20.00").patterns(patterns)])).await;
        let reply = sell(&server, "ann").await;
        assert_sold(&reply);
        assert_eq!(reply.between("<redirect>", "</redirect>"), "https://b.example/j");
        let lead = only(&server).await;
        assert_eq!(lead.revenue.to_string(), "21.00");
        let shown = server.api_json(&format!("/leads/{}/explain", lead.id)).await;
        assert_eq!(shown["contracts"][0]["attempts"][0]["read"], explained, "{patterns}");
    }
}

#[tokio::test]
async fn the_session_of_a_ping_is_read_from_json_too_and_goes_into_url_header_and_body_of_the_post() {
    let buyers = MockBuyers::start().await.unwrap();
    let ping = format!(
        "[contract.ping]\nmethod = \"json\"\nurl = \"{}\"\naccepted = [\"json:$.code=0\"]\n\
         params = {{ zip = \"#zip_code#\" }}\nsession = \"json:$.session\"\n",
        buyers.url("/ping?format=json&session=S-42")
    );
    let contract = Contract::new(7, &buyers.url("/accept/#session#"), "20.00")
        .post(&format!("headers = {{ \"X-Session\" = \"#session#\" }}\n{ping}"));
    let offer = "distribution = \"async_ping\"\npayout = \"2.00\"";
    let changes = [(crumb_testkit::network::Part::HostNPostOffer, offer)];
    let server = Server::start(&market_with(&changes, &[contract])).await;
    assert_sold(&sell(&server, "ann").await);
    let post = buyers.requests_at("/accept/S-42").remove(0);
    assert_eq!(post.header("x-session"), Some("S-42"));
    assert_eq!(post.value("session").as_deref(), Some("S-42"));
}

#[tokio::test]
async fn a_redirect_longer_than_2048_or_with_control_characters_counts_as_absent_with_an_alert() {
    let buyers = MockBuyers::start().await.unwrap();
    let start = "https://b.example/";
    let longest = format!("{start}{}", "x".repeat(2_048 - start.len()));
    for (redirect, is_taken) in [
        (longest.clone(), true),
        (format!("{longest}x"), false),
        ("https://b.example/a%0Ab".to_owned(), false),
        ("https://b.example/a%7Fb".to_owned(), false),
        ("//b.example/".to_owned(), false),
        ("HTTPS://b.example/".to_owned(), true),
    ] {
        let url = buyers.url(&format!("/accept?redirect={redirect}"));
        let server = Server::start(&market(&[Contract::new(7, &url, "20.00")])).await;
        let reply = sell(&server, "ann").await;
        assert_sold(&reply);
        assert_eq!(reply.text().contains("<redirect>"), is_taken, "{redirect}: {}", reply.text());
        let timeline = server.site.store.timeline_of(only(&server).await.row).await.unwrap();
        assert_eq!(timeline.iter().any(|entry| entry.code == "alert"), !is_taken, "{redirect}");
    }
}

#[tokio::test]
async fn odd_prices_are_read_or_count_as_absent_with_an_alert() {
    let buyers = MockBuyers::start().await.unwrap();
    for (said, price, has_alert) in [
        ("$1,234.50", "1234.50", false),
        ("1,234,567.25", "1234567.25", false),
        ("12.123456", "12.123456", false),
        ("12.1234567", "0.00", true),
        ("USD12", "0.00", true),
        ("-0.01", "0.00", true),
        ("1e3", "0.00", true),
        ("0", "0.00", false),
        ("12", "12.00", false),
    ] {
        let url = buyers.url(&format!("/accept?price={said}"));
        // A row that pays nothing knows no maximum.
        let contract = Contract::new(7, &url, "0.00").post("price = \"xml:/result/price\"");
        let changes = [(crumb_testkit::network::Part::HostNPostOffer, "payout = \"0.00\"")];
        let server = Server::start(&market_with(&changes, &[contract])).await;
        assert_sold(&sell(&server, "ann").await);
        let lead = only(&server).await;
        assert_eq!(lead.revenue.to_string(), price, "{said}");
        let timeline = server.site.store.timeline_of(lead.row).await.unwrap();
        assert_eq!(timeline.iter().any(|entry| entry.code == "alert"), has_alert, "{said}");
    }
}

#[tokio::test]
async fn an_undercut_margin_is_an_alert_and_never_an_unsold_lead() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract =
        Contract::new(7, &buyers.url("/accept?price=1.00"), "20.00").post("price = \"xml:/result/price\"");
    let server = Server::start(&market(&[contract])).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    assert_eq!((lead.revenue.to_string().as_str(), lead.payout.to_string().as_str()), ("1.00", "2.00"));
    let timeline = server.site.store.timeline_of(lead.row).await.unwrap();
    assert!(timeline.iter().any(|entry| entry.code == "alert"), "{timeline:?}");
}

#[tokio::test]
async fn an_answer_that_is_no_json_or_xml_or_abuses_it_fits_no_path() {
    let buyers = MockBuyers::start().await.unwrap();
    let both = "accepted = [\"xml:/r/a=ok\", \"json:$.a=ok\"]";
    let bomb = "%3C!DOCTYPE+r+%5B%3C!ENTITY+e+%22ok%22%3E%5D%3E%3Cr%3E%3Ca%3E%26e;%3C/a%3E%3C/r%3E";
    let deep = "%5B".repeat(2_000);
    for body in ["", "%3Cr%3E%3Ca%3Eok", "%7B%22a%22:", bomb, &deep] {
        let said = format!("/say?body={body}");
        assert_eq!(read(&buyers, &said, both).await, "post_rejected", "{body}");
    }
    assert_eq!(read(&buyers, "/say?body=%3Cr%3E%3Ca%3Eok%3C/a%3E%3C/r%3E", both).await, "sold");
}
