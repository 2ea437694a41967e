//! What the form library calls: `js.ashx`, `v.ashx`, `get.ashx`, `t.ashx`.

use crate::posts::*;
use crumb_testkit::network::{self, Part, small_with};
use crumb_testkit::{Reply, Request, Server, Visitor};

fn is_script(reply: &Reply) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.header("content-type").starts_with("application/javascript"));
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
}

async fn includes(visitor: &Visitor, header: &str, value: &str) -> String {
    let request = Request::get("/js.ashx?o=100");
    let request = if header.is_empty() { request } else { request.header(header, value) };
    let reply = visitor.send(request).await;
    is_script(&reply);
    assert!(reply.header("cache-control").contains("no-store"));
    reply.text()
}

#[tokio::test]
async fn each_validated_field_gets_one_validator() {
    let text = small_with(&[(Part::FirstName, "id = 1\nrequired = true\nerror_text = \"Who?\"")])
        .replace("name = \"phone_home\"\n", "name = \"phone_home\"\nid = 6\n");
    let server = Server::start(&text).await;
    let script = includes(&server.visitor(), "", "").await;
    assert!(script.contains("CKM.add_validator(1,\"first_name\",null,\"Who?\");"), "{script}");
    assert!(script.contains("CKM.add_validator(4,\"email_address\",null,null);"), "{script}");
    assert!(script.contains("CKM.add_validator(5,\"zip_code\",null,null);"), "{script}");
    let phone = "CKM.add_validator(6,\"phone_home\",[\"home_area\",\"home_prefix\",\"home_suffix\"],null);";
    assert!(script.contains(phone), "{script}");
    assert!(!script.contains("last_name"), "{script}");
    assert!(!script.contains("prepop_field"), "{script}");
}

#[tokio::test]
async fn a_text_with_a_length_of_its_own_is_checked_as_it_is_filled_in() {
    let server = Server::start(&small_with(&[(Part::FirstName, "id = 1\nmax_length = 5")])).await;
    let script = includes(&server.visitor(), "", "").await;
    assert!(script.contains("CKM.add_validator(1,\"first_name\",null,null);"), "{script}");
    for (value, answer) in
        [("Annie", "{\"success\":true}"), ("Annika", "{\"success\":false,"), ("", "{\"success\":true}")]
    {
        let reply = server.tracking.get(&format!("/v.ashx?o=100&f=1&v={value}&callback=CB")).await;
        assert!(reply.text().starts_with(&format!("CB({answer}")), "{value}: {}", reply.text());
    }
    let required = "id = 1\nmax_length = 5\nrequired = true";
    let server = Server::start(&small_with(&[(Part::FirstName, required)])).await;
    let script = includes(&server.visitor(), "", "").await;
    assert!(
        script.contains("CKM.add_validator(1,\"first_name\",null,\"First name is required.\");"),
        "{script}"
    );
}

#[tokio::test]
async fn prefill_values_are_told_to_the_offers_own_pages_only() {
    let text = small_with(&[(Part::HostedOffer, "link_override_hosts = [\"over.example\"]")]);
    let text = text.replace(
        "link = \"https://lp.example/banner?reqid=#reqid#\"",
        "link = \"https://banner.example/?reqid=#reqid#\"",
    );
    let server = Server::start(&text).await;
    let visitor = server.visitor();
    let values = "zip_code=90210&phone_home=2125550123&first_name=%22A%3C/script%3E&nothing=1&ckm_test=1";
    visitor.click(&format!("/?a=12&c=1057&{values}")).await;
    for (header, value) in [
        ("referer", "https://lp.example/quote?x=1"),
        ("referer", "http://LP.example/"),
        ("origin", "https://lp.example"),
        ("referer", "https://banner.example/x"),
        ("referer", "https://over.example/x"),
    ] {
        let script = includes(&visitor, header, value).await;
        assert!(script.contains("CKM.prepop_field(\"zip_code\",\"90210\",null);"), "{value}: {script}");
        let parts = "[\"home_area\",\"home_prefix\",\"home_suffix\"]";
        let phone = format!("CKM.prepop_field(\"phone_home\",\"2125550123\",{parts});");
        assert!(script.contains(&phone), "{value}: {script}");
        assert!(script.contains("CKM.prepop_field(\"first_name\",\"\\\"A"), "{script}");
        assert!(!script.contains("</script>") && !script.contains("nothing") && !script.contains("ckm_test"));
    }
    for (header, value) in [
        ("", ""),
        ("referer", "https://evil.example/?lp.example"),
        ("referer", "https://lp.example.evil.example/"),
        ("referer", "https://lp.example@evil.example/"),
        ("origin", "null"),
        ("origin", "https://evil.example"),
        ("referer", "nonsense"),
    ] {
        assert!(!includes(&visitor, header, value).await.contains("prepop_field"), "{value}");
    }
    assert!(!includes(&server.visitor(), "referer", "https://lp.example/").await.contains("prepop_field"));
}

#[tokio::test]
async fn a_value_is_judged_by_its_fields_validator() {
    let server = Server::start(network::SMALL).await;
    let cases = [
        ("o=100&f=5&v=90210", "cb({\"success\":true});"),
        ("o=100&f=5&v=9021", "cb({\"success\":false,\"error\":\"Zip code is not valid.\"});"),
        ("o=100&f=5&v=", "cb({\"success\":false,\"error\":\"Zip code is required.\"});"),
        ("o=100&f=4&v=ann%40example.com", "cb({\"success\":true});"),
        ("o=100&f=4&v=ann", "cb({\"success\":false,\"error\":\"Email address is not valid.\"});"),
        ("o=100&f=999&v=x", "cb({\"success\":true});"),
        ("o=100&f=x&v=x", "cb({\"success\":true});"),
        ("o=999&f=5&v=x", "cb({\"success\":true});"),
        ("O=100&F=5&V=9021", "cb({\"success\":false,\"error\":\"Zip code is not valid.\"});"),
    ];
    for (query, answer) in cases {
        let reply = server.tracking.get(&format!("/v.ashx?{query}&callback=cb")).await;
        is_script(&reply);
        assert_eq!(reply.text().trim_end(), answer, "{query}");
    }
}

#[tokio::test]
async fn get_ashx_says_success() {
    let server = Server::start(network::SMALL).await;
    let reply = server.tracking.get("/get.ashx?callback=jQuery.x_1").await;
    is_script(&reply);
    assert_eq!(reply.text().trim_end(), "jQuery.x_1({\"success\":true});");
}

#[tokio::test]
async fn a_callback_that_is_no_name_is_400() {
    let server = Server::start(network::SMALL).await;
    let long = "a".repeat(129);
    for path in ["/v.ashx?o=100&f=5&v=1", "/get.ashx?x=1", "/t.ashx?t=c&o=100"] {
        for callback in ["a()", "1", "%3Cb%3E", "a-b", long.as_str()] {
            let reply = server.tracking.get(&format!("{path}&callback={callback}")).await;
            assert_eq!(reply.status, 400, "{path} {callback}");
        }
    }
}

#[tokio::test]
async fn t_ashx_clears_the_cookie_of_a_test_session() {
    let server = Server::start(network::SMALL).await;
    let tester = server.visitor();
    let first = tester.click("/?a=-1&c=1057").await;
    assert_eq!(tester.click("/?a=-1&c=1057").await, first, "a duplicate of the first");
    let untold = tester.get("/t.ashx?t=c&o=100&callback=1x").await;
    assert!(untold.status == 400 && untold.cookies().is_empty(), "nobody would know of it");
    let reply = tester.get("/t.ashx?t=c&o=100&callback=cb").await;
    is_script(&reply);
    assert_eq!(reply.text().trim_end(), "cb({\"success\":true});");
    assert_ne!(tester.click("/?a=-1&c=1057").await, first, "the tester starts over");
}

#[tokio::test]
async fn t_ashx_changes_nothing_for_anybody_else() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    let first = visitor.click("/?a=12&c=1057").await;
    for query in
        ["t=c&o=100&callback=cb", "t=x&o=100&callback=cb", "o=100&callback=cb", "t=c&o=999&callback=cb"]
    {
        let reply = visitor.get(&format!("/t.ashx?{query}")).await;
        assert_eq!(reply.text().trim_end(), "cb({\"success\":true});");
        assert!(reply.cookies().is_empty(), "{query}");
    }
    assert_eq!(visitor.click("/?a=12&c=1057").await, first);
}

#[tokio::test]
async fn a_form_that_is_posted_with_the_librarys_token_twice_makes_one_lead() {
    let server = Server::start(network::SMALL).await;
    let library = server.tracking.get("/d.js").await;
    assert_eq!(library.status, 200);
    // The library sends one token per filled form; its name is in the script.
    let text = library.text();
    let start = text.find("ckm_idempotency").expect("the script names its token's parameter");
    let name: String = text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let visitor = server.visitor();
    visitor.click("/?a=12&c=1057").await;
    let target = format!("/d.ashx?ckm_offer_id=100&{ANN}&callback=cb&{name}=tok-1");
    let first = visitor.get(&target).await.text();
    let second = visitor.get(&target).await.text();
    assert!(first.contains("\"success\":true"), "{first}");
    assert_eq!(first, second);
    assert_eq!(leads(&server).await.len(), 1);
}

#[tokio::test]
async fn a_field_that_lets_wrong_leads_through_stops_no_visitor() {
    for decision in ["review", "throw_out"] {
        let keys = format!("id = 1\nrequired = true\nclient_decision = \"{decision}\"");
        let text = small_with(&[(Part::FirstName, &keys)]).replace(
            "name = \"zip_code\"\n",
            &format!("name = \"zip_code\"\nclient_decision = \"{decision}\"\n"),
        );
        let server = Server::start(&text).await;
        let script = includes(&server.visitor(), "", "").await;
        assert!(script.contains("CKM.add_validator(1,\"first_name\",null,null);"), "{script}");
        let judged = server.tracking.get("/v.ashx?o=100&f=5&v=x&callback=cb").await;
        assert_eq!(judged.text(), "cb({\"success\":true});");
    }
}
