//! The answers to lead posts, in every form, to the letter.

use crate::posts::*;
use crumb_testkit::network::{self, Part, small_with};
use crumb_testkit::{Reply, Request, Server};
use std::collections::HashSet;

const BROWSER: &str = "ckm_offer_id=100";

fn is_page(reply: &Reply, text: &str) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    assert!(reply.text().contains(text), "{}", reply.text());
}

#[tokio::test]
async fn a_success_is_xml_with_its_declaration() {
    let server = Server::start(network::SMALL).await;
    let reply = post(&server, &[HOSTED, ANN]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "text/xml; charset=utf-8");
    let id = lead_id(&reply);
    assert!(id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()), "{id}");
    let expected = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<result><code>0</code><msg>success</msg><leadid>{id}</leadid><price>12.00</price><redirect>https://lp.example/thanks?lead={id}</redirect></result>"
    );
    assert_eq!(reply.text().trim_end(), expected);
}

#[tokio::test]
async fn a_redirect_is_escaped_in_xml_and_absent_where_there_is_none() {
    let link = "thank_you_link = \"https://lp.example/ty?a=#affid#&p=#price#&e=#email_address#&s=#S1#&o=#oid#&c=#campid#&n=#first_name#&u=#nonsense#&ip=#ip#\"";
    let server = Server::start(&small_with(&[(Part::HostedOffer, link)])).await;
    let reply = post(&server, &[HOSTED, ANN, "ckm_subid=a%26b&ip_address=192.0.2.1"]).await;
    let redirect = reply.between("<redirect>", "</redirect>");
    assert_eq!(
        redirect,
        "https://lp.example/ty?a=12&amp;p=12.00&amp;e=ann%40example.com&amp;s=a%26b&amp;o=100&amp;c=57&amp;n=&amp;u=#nonsense#&amp;ip=192.0.2.1"
    );
    let plain = network::SMALL.replace("thank_you_link = \"https://lp.example/thanks?lead=#leadid#\"\n", "");
    let server = Server::start(&plain).await;
    let reply = post(&server, &[HOSTED, ANN]).await;
    assert!(!reply.text().contains("redirect"), "{}", reply.text());
}

#[tokio::test]
async fn lead_ids_are_random() {
    let server = Server::start(network::SMALL).await;
    let mut ids = Vec::new();
    for n in 0..50 {
        ids.push(
            accepted(&server, &[HOSTED, &format!("email_address=p{n}@example.com&zip_code=90210")]).await,
        );
    }
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 50);
    for at in 0..8 {
        let there: HashSet<u8> = ids.iter().map(|id| id.as_bytes()[at]).collect();
        assert!(there.len() > 10, "place {at} of {ids:?}");
    }
    let rising = ids.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!((8..42).contains(&rising), "{rising} of 49 rise");
}

#[tokio::test]
async fn a_thank_you_link_knows_every_token_of_links_and_of_leads() {
    let thanks = "https://lp.example/t?a=#affid#&o=#oid#&m=#campid#&c=#cid#&s=#s1##s2##s3##s4##s5#&r=#reqid#\
        &q=#oreqid#&v=#vstid#&u=#udid#&t=#tid#&l=#leadid#&p=#price#&i=#ip#&j=#sourceip#&n=#utcunixtime#\
        &d=#sourcedate#&e=#SOURCETIME#&z=#zip_code#";
    let keys =
        format!("thank_you_link = \"{thanks}\"\nlink = \"https://lp.example/q?reqid=#reqid#&v=#vstid#\"");
    let server = Server::start(&small_with(&[(Part::HostedOffer, &keys)])).await;
    let reply = server.visitor().get("/?a=12&c=1057&s1=1&s2=2&s3=3&s4=4&s5=5&udid=dev").await;
    let (_, ids) = reply.location().split_once("reqid=").unwrap();
    let (request_id, visitor) = ids.split_once("&v=").unwrap();
    server.clock.set("2026-07-02T03:04:05Z");
    let session = format!("ckm_offer_id=100&ckm_request_id={request_id}");
    let reply = post(&server, &[&session, ANN, "ip_address=192.0.2.9"]).await;
    let lead = lead_id(&reply);
    let expected = format!(
        "https://lp.example/t?a=12&o=100&m=57&c=1057&s=12345&r={request_id}&q={request_id}&v={visitor}&u=dev\
         &t=&l={lead}&p=12.00&i=192.0.2.9&j=127.0.0.1&n=1782961445&d=2026-07-02T03%3A04%3A05.0000000\
         &e=2026-07-02T03%3A04%3A05.0000000&z=90210"
    );
    assert_eq!(reply.between("<redirect>", "</redirect>").replace("&amp;", "&"), expected);
}

#[tokio::test]
async fn an_error_is_xml_with_its_texts() {
    let server = Server::start(network::SMALL).await;
    let reply = post(&server, &[HOSTED]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "text/xml; charset=utf-8");
    assert_eq!(
        reply.text().trim_end(),
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<result><code>1</code><msg>error</msg><errors><error>Lead Missing Data</error><error>Email address is required.</error><error>Zip code is required.</error></errors></result>"
    );
}

#[tokio::test]
async fn an_error_text_is_escaped_for_where_it_stands() {
    let text = small_with(&[(Part::ZipCode, "error_text = \"<b>\\\"Zip\\\" & 'code'</b></script>\"")]);
    let server = Server::start(&text).await;
    let bad = "email_address=a@example.com";
    let xml = post(&server, &[HOSTED, bad]).await.text();
    assert!(xml.contains("<error>&lt;b&gt;") && xml.contains("&amp;"), "{xml}");
    let html = post(&server, &[BROWSER, bad]).await.text();
    assert!(html.contains("&lt;b&gt;") && !html.contains("<b>\""), "{html}");
    let frame = post(&server, &[BROWSER, bad, "ckm_ifrm=1"]).await.text();
    assert_eq!(frame.matches("</script>").count(), frame.matches("<script").count(), "{frame}");
}

#[tokio::test]
async fn json_in_is_json_out_and_so_is_accept_json() {
    let server = Server::start(network::SMALL).await;
    let body = serde_json::json!({"ckm_campaign_id": 57, "ckm_key": "Ab3dE5gH1jK", "email_address": "a@example.com", "zip_code": "90210"});
    let reply = server.tracking.post_json("/d.ashx", &body).await;
    assert_eq!(reply.status, 200);
    assert!(reply.header("content-type").starts_with("application/json"), "{}", reply.header("content-type"));
    let id = lead_id(&reply);
    assert_eq!(
        reply.text().trim_end(),
        format!(
            "{{\"code\":0,\"msg\":\"success\",\"leadid\":\"{id}\",\"price\":\"12.00\",\"redirect\":\"https://lp.example/thanks?lead={id}\"}}"
        )
    );
    let again = server.tracking.post_json("/d.ashx", &body).await;
    assert_eq!(again.text().trim_end(), "{\"code\":1,\"msg\":\"error\",\"errors\":[\"Duplicate Lead\"]}");
    let accepting = form(&format!("{HOSTED}&{ANN}")).header("accept", "application/json");
    assert_eq!(server.tracking.send(accepting).await.json()["code"], 0);
}

#[tokio::test]
async fn an_accept_that_is_not_exactly_json_is_answered_in_xml() {
    let server = Server::start(network::SMALL).await;
    for accept in ["application/json, */*", "application/json;q=1", "*/*", "text/html,application/json"] {
        let reply = server.tracking.send(form(HOSTED).header("accept", accept)).await;
        assert!(reply.header("content-type").starts_with("text/xml"), "{accept}");
    }
}

#[tokio::test]
async fn a_session_post_answers_json_likewise() {
    let server = Server::start(network::SMALL).await;
    let id = server.visitor().click("/?a=12&c=1057").await;
    let body = serde_json::json!({"ckm_offer_id": 100, "ckm_request_id": id.parse::<u64>().unwrap(), "email_address": "a@example.com", "zip_code": 90210});
    let reply = server.tracking.post_json("/d.ashx", &body).await;
    assert_eq!(reply.json()["price"], "12.00");
    assert_eq!(lead(&server, &lead_id(&reply)).await["attribution"], "request_id");
}

#[tokio::test]
async fn a_browser_post_is_sent_on_with_a_body_of_one_link() {
    let text =
        small_with(&[(Part::HostedOffer, "thank_you_link = \"https://lp.example/ty?a=1&l=#leadid#\"")]);
    let server = Server::start(&text).await;
    let reply = post(&server, &[BROWSER, ANN]).await;
    assert_eq!(reply.status, 302);
    let id = leads(&server).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(reply.location(), format!("https://lp.example/ty?a=1&l={id}"));
    let link = format!("Object moved to <a href=\"https://lp.example/ty?a=1&amp;l={id}\">here</a>.");
    assert!(reply.text().contains(&link), "{}", reply.text());
    assert_eq!(reply.text().matches("<a ").count(), 1);
}

#[tokio::test]
async fn a_browser_post_without_thank_you_link_gets_a_plain_thank_you_page() {
    let server = Server::start(network::SMALL).await;
    let reply = post(&server, &["ckm_offer_id=200", ANN]).await;
    is_page(&reply, "Thank");
    let again = post(&server, &["ckm_offer_id=300", BOB]).await;
    is_page(&again, "Thank");
}

#[tokio::test]
async fn ckm_bp_1_makes_any_post_answer_as_a_browsers() {
    let server = Server::start(network::SMALL).await;
    let reply = post(&server, &[HOSTED, ANN, "ckm_bp=1"]).await;
    assert_eq!(reply.status, 302);
    let lead = leads(&server).await.pop().unwrap();
    assert_eq!(lead["attribution"], "key");
    assert_eq!(lead["affiliate"], 12);
    is_page(&post(&server, &["ckm_campaign_id=57&ckm_bp=1"]).await, "Invalid Post Key");
}

#[tokio::test]
async fn ckm_bp_0_makes_a_browser_post_answer_in_xml_credited_as_ever() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    visitor.click("/?a=13&c=1057").await;
    let reply = visitor.post_form("/d.ashx", &format!("{BROWSER}&{ANN}&ckm_bp=0")).await;
    assert_eq!(reply.header("content-type"), "text/xml; charset=utf-8");
    assert_eq!(lead(&server, &lead_id(&reply)).await["attribution"], "cookie");
    let reply = post(&server, &[BROWSER, BOB, "ckm_bp=0"]).await;
    let internal = lead(&server, &lead_id(&reply)).await;
    assert_eq!(internal["attribution"], "internal");
    assert_eq!(internal["status"], "queued");
}

#[tokio::test]
async fn a_duplicate_or_unsold_browser_lead_is_sent_on_as_if_all_were_well() {
    let link = "thank_you_link = \"https://lp.example/done?l=#leadid#\"";
    let server = Server::start(&small_with(&[(Part::HostNPostOffer, link)])).await;
    post(&server, &[BROWSER, ANN]).await;
    let duplicate = post(&server, &[BROWSER, ANN]).await;
    assert_eq!(duplicate.status, 302);
    assert_eq!(duplicate.location(), "https://lp.example/thanks?lead=");
    let unsold = post(&server, &["ckm_offer_id=200", ANN]).await;
    assert_eq!(unsold.status, 302);
    assert!(unsold.location().starts_with("https://lp.example/done?l="), "{}", unsold.location());
    assert_eq!(leads(&server).await.len(), 2);
}

#[tokio::test]
async fn any_other_problem_of_a_browser_post_is_a_page_with_its_text() {
    let server =
        Server::start(&small_with(&[(Part::HostedOffer, "expires_at = \"2026-01-01T00:00:00Z\"")])).await;
    let visitor = server.visitor();
    let reply = visitor.post_form("/d.ashx", &format!("{BROWSER}&{ANN}")).await;
    is_page(&reply, "Offer Expired");
}

#[tokio::test]
async fn bad_fields_of_a_browser_post_are_listed_on_a_page_that_leads_back() {
    let server = Server::start(network::SMALL).await;
    let reply = server
        .tracking
        .send(form(&format!("{BROWSER}&zip_code=x")).header("referer", "https://lp.example/quote?x=1"))
        .await;
    is_page(&reply, "Email address is required.");
    is_page(&reply, "Zip code is not valid.");
    assert!(reply.text().contains("<a "), "{}", reply.text());
}

#[tokio::test]
async fn jsonp_answers_each_case() {
    let text = small_with(&[(Part::Campaign, "status = \"inactive\"")]);
    let server = Server::start(&text).await;
    let good = post(&server, &[BROWSER, ANN, "callback=jQuery1_2.cb$"]).await;
    assert_eq!(good.status, 200);
    assert!(good.header("content-type").starts_with("application/javascript"));
    assert_eq!(good.header("x-content-type-options"), "nosniff");
    let id = leads(&server).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        good.text().trim_end(),
        format!("jQuery1_2.cb$({{\"success\":true,\"nextPage\":\"https://lp.example/thanks?lead={id}\"}});")
    );
    let said = |pairs: &'static str| {
        let client = server.tracking.clone();
        async move { client.get(&format!("/d.ashx?{pairs}&callback=cb")).await.text().trim_end().to_owned() }
    };
    assert_eq!(
        said("ckm_offer_id=100&email_address=ann@example.com&zip_code=90210").await,
        "cb({\"success\":false,\"error\":\"Duplicate Lead\"});"
    );
    assert_eq!(
        said("ckm_offer_id=200&email_address=ann@example.com&zip_code=90210").await,
        "cb({\"success\":false,\"error\":\"No Qualified Buyers Found\"});"
    );
    assert_eq!(
        said("ckm_campaign_id=57&ckm_key=no").await,
        "cb({\"success\":false,\"error\":\"Invalid Post Key\"});"
    );
    assert_eq!(
        said("ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK").await,
        "cb({\"success\":false,\"error\":\"Inactive Campaign\"});"
    );
    assert_eq!(
        said("ckm_offer_id=100&zip_code=x").await,
        "cb({\"success\":false,\"errors\":[[\"email_address\",\"Email address is required.\"],[\"zip_code\",\"Zip code is not valid.\"]]});"
    );
}

#[tokio::test]
async fn jsonp_works_with_a_campaigns_key_too() {
    let server = Server::start(network::SMALL).await;
    let reply = post(&server, &[HOSTED, ANN, "callback=cb"]).await;
    assert!(reply.text().starts_with("cb({\"success\":true,\"nextPage\":"), "{}", reply.text());
    let client_decision = small_with(&[(Part::ZipCode, "client_decision = \"review\"")]);
    let server = Server::start(&client_decision).await;
    let reply = post(&server, &[BROWSER, "email_address=a@example.com&zip_code=x&callback=cb"]).await;
    assert!(reply.text().starts_with("cb({\"success\":true"), "{}", reply.text());
}

#[tokio::test]
async fn the_iframe_answer_calls_its_parent_and_posts_a_message() {
    let server = Server::start(network::SMALL).await;
    let reply = post(&server, &[BROWSER, ANN, "ckm_ifrm=1"]).await;
    let id = leads(&server).await[0]["id"].as_str().unwrap().to_owned();
    is_page(&reply, "parent.CKM.on_iframe_load(");
    is_page(&reply, "postMessage(");
    let answer = format!("{{\"success\":true,\"nextPage\":\"https://lp.example/thanks?lead={id}\"}}");
    is_page(&reply, &answer);
    let bad = post(&server, &[BROWSER, "ckm_ifrm=1&email_address=a@example.com"]).await;
    is_page(&bad, "{\"success\":false,\"errors\":[[\"zip_code\",\"Zip code is required.\"]]}");
}

#[tokio::test]
async fn the_form_of_an_answer_is_ifrm_else_callback_else_bp_else_json() {
    let server = Server::start(network::SMALL).await;
    let json = |pairs: &str| {
        Request::post(&format!("/d.ashx?{pairs}"), "application/json", "{}")
            .header("accept", "application/json")
    };
    let all = "ckm_offer_id=100&ckm_ifrm=1&callback=cb&ckm_bp=1";
    assert!(server.tracking.send(json(all)).await.text().contains("on_iframe_load"));
    let callback = "ckm_offer_id=100&callback=cb&ckm_bp=1";
    assert!(server.tracking.send(json(callback)).await.text().starts_with("cb("));
    let page = server.tracking.send(json("ckm_offer_id=100&ckm_bp=1")).await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert_eq!(server.tracking.send(json("ckm_offer_id=100")).await.json()["code"], 1);
    assert_eq!(server.tracking.send(json("ckm_campaign_id=1")).await.json()["code"], 1);
}

#[tokio::test]
async fn a_callback_that_is_no_name_is_400_and_makes_no_lead() {
    let server = Server::start(network::SMALL).await;
    let long = "a".repeat(129);
    for bad in ["alert(1)", "1a", "a-b", "a b", ".a", "%3Cscript%3E", &long, ""] {
        let reply = post(&server, &[BROWSER, ANN, &format!("callback={bad}")]).await;
        assert_eq!(reply.status, 400, "{bad}: {}", reply.text());
    }
    assert!(leads(&server).await.is_empty());
    for good in ["a", "$", "_x.y.z1", &"a".repeat(128)] {
        let reply = post(&server, &[BROWSER, &format!("callback={good}")]).await;
        assert_eq!(reply.status, 200, "{good}");
        assert!(reply.text().starts_with(&format!("{good}(")));
    }
}

#[tokio::test]
async fn every_origin_may_read_the_answer_and_its_preflight_is_answered() {
    let server = Server::start(network::SMALL).await;
    let reply = server.tracking.send(form(HOSTED).header("origin", "https://page.example")).await;
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    for path in ["/d.ashx", "/v.ashx"] {
        let preflight = Request::of(http::Method::OPTIONS, path)
            .header("origin", "https://page.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,idempotency-key");
        let reply = server.tracking.send(preflight).await;
        assert!(reply.status.is_success(), "{path}: {}", reply.status);
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        let headers = reply.header("access-control-allow-headers").to_ascii_lowercase();
        assert!(headers == "*" || (headers.contains("content-type") && headers.contains("idempotency-key")));
        assert_eq!(reply.header("access-control-allow-credentials"), "");
    }
    let valid = server.tracking.get("/v.ashx?o=100&f=5&v=90210&callback=cb").await;
    assert_eq!(valid.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn every_origin_may_read_refusals_and_failures_too() {
    let patience = Some(std::time::Duration::from_millis(20));
    let options = crumb_testkit::Options { store_patience: patience, ..Default::default() };
    let server = Server::start_with(network::SMALL, options).await;
    let keyed = |key: &str, who: &str| form(&format!("{HOSTED}&{who}")).header("idempotency-key", key);
    server.tracking.send(keyed("k", ANN)).await;
    let large = "x".repeat(70_000);
    for (request, status) in [
        (form(&format!("{BROWSER}&callback=a-b")), 400),
        (keyed("a b", ANN), 400),
        (form(&format!("{HOSTED}&{large}")), 413),
        (form(&format!("{HOSTED}{}", "&x=1".repeat(500))), 413),
        (keyed("k", BOB), 422),
        (Request::get("/v.ashx?o=100&f=5&v=1&callback=a-b"), 400),
    ] {
        let reply = server.tracking.send(request.header("origin", "https://page.example")).await;
        assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (status, "*"));
    }
    let _lock = server.lock_store();
    for request in [form(&format!("{HOSTED}&{BOB}")), Request::get("/?a=12&c=1057&cp=js")] {
        let reply = server.tracking.send(request.header("origin", "https://page.example")).await;
        assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (503, "*"));
    }
}

#[tokio::test]
async fn a_preflight_allows_the_methods_that_are_answered_and_no_others() {
    use http::Method;
    let server = Server::start(network::SMALL).await;
    for path in ["/d.ashx", "/v.ashx", "/?a=12&c=1057"] {
        let reply = server.tracking.send(Request::of(Method::OPTIONS, path)).await;
        let allowed = reply.header("access-control-allow-methods").to_owned();
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE] {
            let reply = server.tracking.send(Request::of(method.clone(), path)).await;
            let is_allowed = allowed.split(", ").any(|name| name == method.as_str());
            assert_eq!(is_allowed, reply.status != 405, "{method} {path}: {allowed}");
        }
    }
}

#[tokio::test]
async fn only_get_and_post_make_a_lead() {
    let server = Server::start(network::SMALL).await;
    for method in [http::Method::HEAD, http::Method::PUT, http::Method::DELETE, http::Method::PATCH] {
        let request = Request::of(method.clone(), &format!("/d.ashx?{HOSTED}&{ANN}"));
        let reply = server.tracking.send(request).await;
        assert_eq!(reply.status, 405, "{method}");
        assert_eq!(reply.header("allow"), "GET, POST, OPTIONS", "{method}");
    }
    assert!(leads(&server).await.is_empty());
}

#[tokio::test]
async fn answers_are_not_to_be_stored() {
    let server = Server::start(network::SMALL).await;
    let reply = server.tracking.get(&format!("/d.ashx?{HOSTED}&{ANN}")).await;
    assert!(reply.header("cache-control").contains("no-store"));
}

#[tokio::test]
async fn a_store_that_cannot_write_is_503_with_retry_after_in_every_form() {
    let options = crumb_testkit::Options { max_store_pages: Some(120), ..Default::default() };
    let server = Server::start_with(network::SMALL, options).await;
    let filler = "x".repeat(60_000);
    let mut full = None;
    for n in 0..200 {
        let reply =
            post(&server, &[HOSTED, &format!("email_address=p{n}@example.com&zip_code=90210&note={filler}")])
                .await;
        if reply.status != 200 {
            full = Some(reply);
            break;
        }
        assert!(reply.text().contains("success"), "{}", reply.text());
    }
    let reply = full.unwrap();
    let kept = leads(&server).await.len();
    for form in ["", "callback=cb", "ckm_ifrm=1", "ckm_bp=1", "ckm_test=1"] {
        let reply = post(&server, &[HOSTED, ANN, form, &format!("note={filler}")]).await;
        assert_eq!(reply.status, 503, "{form}: {}", reply.text());
        assert!(reply.header("retry-after").parse::<u32>().unwrap() > 0);
        assert!(!reply.text().contains("success\":true") && !reply.text().contains("<code>0"), "{form}");
    }
    assert_eq!(reply.status, 503);
    assert_eq!(leads(&server).await.len(), kept);
}

#[tokio::test]
async fn json_has_no_redirect_where_there_is_none() {
    let plain = network::SMALL.replace("thank_you_link = \"https://lp.example/thanks?lead=#leadid#\"\n", "");
    let server = Server::start(&plain).await;
    let reply =
        server.tracking.send(form(&format!("{HOSTED}&{ANN}")).header("accept", "application/json")).await;
    let id = lead_id(&reply);
    let expected = format!("{{\"code\":0,\"msg\":\"success\",\"leadid\":\"{id}\",\"price\":\"12.00\"}}");
    assert_eq!(reply.text().trim_end(), expected);
}

#[tokio::test]
async fn a_post_that_the_store_could_not_keep_leaves_its_key_free() {
    let options = crumb_testkit::Options { max_store_pages: Some(120), ..Default::default() };
    let server = Server::start_with(network::SMALL, options).await;
    let filler = "x".repeat(60_000);
    let with_key = |n: u32, note: &str| {
        let body = format!("{HOSTED}&email_address=p{n}@example.com&zip_code=90210&note={note}");
        server.tracking.send(form(&body).header("idempotency-key", "k").header("x-n", &n.to_string()))
    };
    let mut n = 0;
    loop {
        let body = format!("{HOSTED}&email_address=f{n}@example.com&zip_code=90210&note={filler}");
        if server.tracking.post_form("/d.ashx", &body).await.status == 503 {
            break;
        }
        n += 1;
        assert!(n < 200, "the store is never full");
    }
    for _ in 0..2 {
        let reply = with_key(1_000, &filler).await;
        assert_eq!(reply.status, 503);
        assert_eq!(reply.header("idempotency-replayed"), "");
    }
}
