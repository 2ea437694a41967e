//! Buyers that fail: switched off after too many failed posts, left alone after time-outs;
//! and addresses that are not called at all.

use crate::contracts::*;
use crumb_testkit::Server;
use crumb_testkit::buyers::{Behaviour, MockBuyers, NobodyThere, Verdict};

async fn meets(server: &Server, number: usize) -> String {
    sell(server, &format!("n{number}")).await;
    results(server, &newest(server).await).await.remove(0)
}

#[tokio::test]
async fn so_many_failed_posts_of_the_last_ten_switch_a_contract_off() {
    let buyers = MockBuyers::start().await.unwrap();
    for failure in
        [Behaviour::say(Verdict::Error), Behaviour::say(Verdict::Unknown), Behaviour::CutAfter { made: None }]
    {
        buyers.set("/buyer", failure.clone());
        let contract = Contract::new(7, &buyers.url("/buyer"), "30.00").with("max_post_errors = 3");
        let server = Server::start(&market(&[contract])).await;
        for number in 0..3 {
            let found = meets(&server, number).await;
            assert!(found.starts_with("7 post_"), "{failure:?}: {found}");
        }
        assert_eq!(meets(&server, 3).await, "7 contract_inactive", "{failure:?}");
        server
            .apply(&Contract::new(7, &buyers.url("/buyer"), "31.00").with("max_post_errors = 3").to_string())
            .await;
        assert_eq!(meets(&server, 4).await, "7 contract_inactive", "applying does not switch it on");
    }
}

#[tokio::test]
async fn a_post_that_never_got_there_failed_too() {
    let nobody = NobodyThere::bind().unwrap();
    let contract = Contract::new(7, &nobody.url("/x"), "30.00").with("max_post_errors = 2");
    let server = Server::start(&market(&[contract])).await;
    for found in ["7 post_error", "7 post_error", "7 contract_inactive"] {
        let number = stored(&server).await.len();
        assert_eq!(meets(&server, number).await, found);
    }
}

#[tokio::test]
async fn rejected_and_duplicate_do_not_count_as_failed_and_push_failures_out_of_the_last_ten() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/buyer"), "30.00").with("max_post_errors = 2");
    let server = Server::start(&market(&[contract])).await;
    let mut number = 0..;
    for (verdict, times) in [
        (Verdict::Duplicate, 3),
        (Verdict::Error, 1),
        (Verdict::Rejected, 9),
        // The tenth before it was the error, which is no longer among the last ten.
        (Verdict::Error, 1),
        (Verdict::Rejected, 1),
    ] {
        buyers.set("/buyer", Behaviour::say(verdict));
        for _ in 0..times {
            let found = meets(&server, number.next().unwrap()).await;
            assert_eq!(found, format!("7 post_{}", verdict.name()));
        }
    }
    buyers.set("/buyer", Behaviour::say(Verdict::Error));
    assert_eq!(meets(&server, number.next().unwrap()).await, "7 post_error");
    assert_eq!(meets(&server, number.next().unwrap()).await, "7 contract_inactive");
}

#[tokio::test]
async fn by_default_ten_and_with_11_never() {
    let buyers = MockBuyers::start().await.unwrap();
    for (keys, last) in [("", "7 contract_inactive"), ("max_post_errors = 11", "7 post_error")] {
        let contract = Contract::new(7, &buyers.url("/error"), "30.00").with(keys);
        let server = Server::start(&market(&[contract])).await;
        for number in 0..10 {
            assert_eq!(meets(&server, number).await, "7 post_error");
        }
        assert_eq!(meets(&server, 10).await, last, "{keys}");
    }
}

#[tokio::test]
async fn a_buyer_whose_last_answers_timed_out_is_skipped_until_one_lead_has_tried_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/buyer"), "30.00")
        .with("max_post_errors = 11\nunknown_is = \"rejected\"")
        .post("timeout_ms = 300");
    let server = Server::start(&market(&[contract])).await;
    buyers.set("/buyer", Behaviour::Stall { made: None });
    let mut number = 0;
    let skipped = loop {
        let found = meets(&server, number).await;
        if found == "7 buyer_inactive" {
            break number;
        }
        assert_eq!(found, "7 post_unknown");
        number += 1;
        assert!(number < 20, "it is skipped some day");
    };
    assert!(skipped > 1, "one time-out may happen to anybody");
    server.clock.advance_seconds(60);
    buyers.set("/buyer", Behaviour::accept("30.00"));
    assert_eq!(meets(&server, 20).await, "7 sold");
    assert_eq!(meets(&server, 21).await, "7 sold");
}

#[tokio::test]
async fn a_lead_that_the_buyer_does_not_want_is_not_the_one_that_tries_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let filter = "filter = [{ field = \"zip_code\", op = \"eq\", value = \"90210\" }]";
    let contract = Contract::new(7, &buyers.url("/buyer"), "30.00")
        .with("max_post_errors = 11\nunknown_is = \"rejected\"")
        .with(filter)
        .post("timeout_ms = 300");
    let server = Server::start(&market(&[contract])).await;
    buyers.set("/buyer", Behaviour::Stall { made: None });
    for number in 0..20 {
        if meets(&server, number).await == "7 buyer_inactive" {
            break;
        }
    }
    server.clock.advance_seconds(60);
    buyers.set("/buyer", Behaviour::accept("30.00"));
    let unwanted = offered("elsewhere").replace("90210", "10001");
    assert_unsold(&server.tracking.post_form("/d.ashx", &unwanted).await);
    assert_eq!(meets(&server, 21).await, "7 sold");
}

#[tokio::test]
async fn private_loopback_and_link_local_addresses_are_refused_and_the_next_buyer_has_its_turn() {
    let buyers = MockBuyers::start().await.unwrap();
    let port = buyers.address().port();
    for host in [
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "[::1]",
        "[fe80::1]",
        "[fd00::1]",
        "0.0.0.0",
        "[::ffff:10.0.0.1]",
        "100.64.0.1",
    ] {
        let all = [
            Contract::new(7, &format!("http://{host}:{port}/accept/private"), "30.00"),
            Contract::new(8, &buyers.url("/accept"), "20.00"),
        ];
        let server = Server::start(&market(&all)).await;
        assert_sold(&sell(&server, "ann").await);
        let lead = only(&server).await;
        assert_eq!(results(&server, &lead).await, ["7 post_error", "8 sold"], "{host}");
        let explained = server.api_json(&format!("/leads/{}/explain", lead.id)).await;
        let refused =
            explained["contracts"].as_array().unwrap().iter().find(|one| one["contract"] == 7).unwrap();
        assert_eq!(refused["attempts"][0]["phase"], "resolve", "{host}");
    }
    assert_eq!(buyers.count("/accept/private"), 0);
}

#[tokio::test]
async fn only_http_and_https_addresses_are_applied() {
    for url in [
        "ftp://buyer.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//buyer.example/",
        "buyer.example/x",
    ] {
        let network = market(&[Contract::new(7, url, "30.00")]);
        let server = Server::start(crumb_testkit::network::SMALL).await;
        let file = crumb_network::parse(&network, crumb_network::FileFormat::Toml).unwrap();
        let now = crumb_domain::Timestamp::from_micros(0);
        let mut random = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(7);
        let error = server.site.network.apply(file, false, now, &mut random).await.unwrap_err();
        assert!(format!("{error:?}").contains("contract[0].post.url"), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn secrets_are_masked_in_what_is_shown_of_a_post() {
    let buyers = MockBuyers::start().await.unwrap();
    for (auth, hidden) in [
        ("auth = { basic = \"carl:hunter2x\" }", vec!["hunter2x", "Y2FybDpodW50ZXIyeA=="]),
        ("auth = { bearer = \"b3arert0ken\" }", vec!["b3arert0ken"]),
        ("headers = { \"X-Api-Key\" = \"s3cr3tvalue\" }", vec!["s3cr3tvalue"]),
    ] {
        let contract = Contract::new(7, &buyers.url("/accept"), "30.00").post(auth);
        let server = Server::start(&market(&[contract])).await;
        assert_sold(&sell(&server, "ann").await);
        let lead = only(&server).await;
        let shown = server.api(&format!("/leads/{}/explain", lead.id)).await.text();
        assert!(shown.contains("zip=90210"), "{shown}");
        for secret in hidden {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
    }
    let sent = buyers.requests();
    assert_eq!(sent[0].header("authorization"), Some("Basic Y2FybDpodW50ZXIyeA=="));
    assert_eq!(sent[2].header("x-api-key"), Some("s3cr3tvalue"));
}

#[tokio::test]
async fn secrets_are_masked_in_pings_and_where_a_buyer_says_them_back() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = Contract::new(7, &buyers.url("/say?body=your+key+is+s3cr3tvalue"), "5.00")
        .post("headers = { \"X-Api-Key\" = \"s3cr3tvalue\" }")
        .ping(&buyers.url("/ping?price=9.00"), "headers = { \"X-Ping-Key\" = \"p1ngs3cret\" }");
    let offer = "distribution = \"async_ping\"\npayout = \"2.00\"";
    let changes = [(crumb_testkit::network::Part::HostNPostOffer, offer)];
    let server = Server::start(&market_with(&changes, &[contract])).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(buyers.requests()[0].header("x-ping-key"), Some("p1ngs3cret"));
    let shown = server.api(&format!("/leads/{}/explain", only(&server).await.id)).await.text();
    assert!(shown.contains("your key is"), "{shown}");
    for secret in ["s3cr3tvalue", "p1ngs3cret"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}
