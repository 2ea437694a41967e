//! Whose lead it is.

use crate::posts::*;
use crumb_testkit::network::{self, Part, small_with};
use crumb_testkit::{Request, Server};

#[tokio::test]
async fn a_server_post_is_its_campaigns_affiliates() {
    let server = Server::start(network::SMALL).await;
    let lead = lead(&server, &accepted(&server, &[HOSTED, ANN]).await).await;
    assert_eq!(lead["affiliate"], 12);
    assert_eq!(lead["campaign"], 57);
    assert_eq!(lead["offer"], 100);
    assert_eq!(lead["post"], "server");
    assert_eq!(lead["attribution"], "key");
}

#[tokio::test]
async fn a_campaign_without_its_valid_key_is_invalid_post_key_whatever_else_is_there() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    let request_id = visitor.click("/?a=12&c=1057").await;
    let session = format!("ckm_offer_id=100&ckm_request_id={request_id}");
    for named in [
        "ckm_campaign_id=57",
        "ckm_campaign_id=57&ckm_key=",
        "ckm_campaign_id=57&ckm_key=wrong",
        "ckm_campaign_id=57&ckm_key=AB3DE5GH1JK",
        "ckm_campaign_id=57&ckm_key=Zy9xW7vU5tS",
        "ckm_campaign_id=999&ckm_key=Ab3dE5gH1jK",
        "ckm_campaign_id=x&ckm_key=Ab3dE5gH1jK",
        "ckm_campaign_id=99999999999999999999&ckm_key=Ab3dE5gH1jK",
        "ckm_key=Ab3dE5gH1jK",
    ] {
        refused(&server, &[named, ANN], &["Invalid Post Key"]).await;
        if named.contains("campaign") {
            refused(&server, &[named, &session, ANN], &["Invalid Post Key"]).await;
            let reply = visitor.post_form("/d.ashx", &format!("{named}&ckm_offer_id=100&{ANN}")).await;
            assert_eq!(reply.text().trim_end(), refusal(&["Invalid Post Key"]), "{named}");
        }
    }
    assert!(leads(&server).await.is_empty());
}

#[tokio::test]
async fn a_post_that_names_neither_campaign_nor_offer_is_invalid_post_key() {
    let server = Server::start(network::SMALL).await;
    refused(&server, &[ANN], &["Invalid Post Key"]).await;
    refused(&server, &[""], &["Invalid Post Key"]).await;
    let reply = server.tracking.get("/d.ashx").await;
    assert_eq!(reply.text().trim_end(), refusal(&["Invalid Post Key"]));
    refused(&server, &["ckm_request_id=123", ANN], &["Invalid Post Key"]).await;
}

#[tokio::test]
async fn an_offer_that_does_not_exist_is_inactive_offer() {
    let server = Server::start(network::SMALL).await;
    for offer in ["999", "x", "99999999999999999999"] {
        let session = format!("ckm_offer_id={offer}&ckm_request_id=5");
        refused(&server, &[&session, ANN], &["Inactive Offer"]).await;
    }
    let reply = post(&server, &["ckm_offer_id=999", ANN]).await;
    assert!(reply.header("content-type").starts_with("text/html"));
    assert!(reply.text().contains("Inactive Offer"));
    assert!(rejections(&server).await.is_empty(), "only posts that name a known offer are kept");
}

#[tokio::test]
async fn a_server_post_keeps_a_request_id_of_its_campaign() {
    let server = Server::start(network::SMALL).await;
    let request_id = server.visitor().click("/?a=12&c=1057&s1=web").await;
    let id = accepted(&server, &[HOSTED, ANN, &format!("ckm_request_id={request_id}")]).await;
    let lead = lead(&server, &id).await;
    assert_eq!(lead["attribution"], "key");
    assert_eq!(lead["request_id"], request_id);
    let click = server.api_json(&format!("/clicks/{request_id}")).await;
    assert_eq!(click["leads"], serde_json::json!([id]));
}

#[tokio::test]
async fn a_server_post_drops_a_request_id_of_another_campaign() {
    let by_click = "[[campaign]]\nid = 61\naffiliate = 12\noffer = 100\nprice_format = \"cpc\"\n";
    let server = Server::start(&small_with(&[(Part::More, by_click)])).await;
    for link in ["/?a=13&c=1057", "/?a=12&c=2001", "/?a=12&c=1057&p=c"] {
        let other = server.visitor().click(link).await;
        let email = format!("email_address={other}@example.com&zip_code=90210");
        let id = accepted(&server, &[HOSTED, &email, &format!("ckm_request_id={other}")]).await;
        let lead = lead(&server, &id).await;
        assert_eq!((&lead["affiliate"], &lead["campaign"]), (&12.into(), &57.into()), "{link}");
        assert_ne!(lead["request_id"], other, "{link}");
        assert!(lead["request_id"].as_str().unwrap().parse::<u64>().unwrap() > 0);
    }
}

#[tokio::test]
async fn a_server_post_says_whether_a_click_or_a_lead_opened_the_session_that_it_names() {
    let server = Server::start(network::SMALL).await;
    let click = server.visitor().click("/?a=12&c=1057").await;
    let key = "ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK";
    let first = accepted(&server, &[key, BOB]).await;
    let opened = lead(&server, &first).await["request_id"].as_str().unwrap().to_owned();
    for (index, (request_id, said)) in [
        (click, "a click of this campaign"),
        (opened, "a session that an earlier lead of this campaign opened"),
    ]
    .into_iter()
    .enumerate()
    {
        let who = format!("ckm_request_id={request_id}&email_address=p{index}@example.com&zip_code=90210");
        let id = accepted(&server, &[key, &who]).await;
        let lead = lead(&server, &id).await;
        assert_eq!(lead["request_id"], request_id);
        let why = lead["why"].as_str().unwrap();
        assert!(why.contains(&format!("its request id {request_id} is {said}, ")), "{why}");
    }
}

#[tokio::test]
async fn a_session_post_is_its_request_ids_without_any_cookie() {
    let server = Server::start(network::SMALL).await;
    let request_id = server.visitor().click("/?a=13&c=1058&s1=web&s2=x").await;
    let session = format!("ckm_offer_id=100&ckm_request_id={request_id}");
    let id = accepted(&server, &[&session, ANN]).await;
    let lead = lead(&server, &id).await;
    assert_eq!(lead["post"], "session");
    assert_eq!(lead["attribution"], "request_id");
    assert_eq!(lead["affiliate"], 13);
    assert_eq!(lead["request_id"], request_id);
    assert_eq!(lead["sub_ids"], serde_json::json!(["web", "x", "", "", ""]));
    let click = server.api_json(&format!("/clicks/{request_id}")).await;
    assert_eq!(click["leads"], serde_json::json!([id]));
    assert_eq!(click["clicks"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_browser_post_is_its_cookies() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    let request_id = visitor.click("/?a=13&c=1057").await;
    let reply = visitor.post_form("/d.ashx", &format!("ckm_offer_id=100&{ANN}")).await;
    assert_eq!(reply.status, 302, "{}", reply.text());
    let lead = leads(&server).await.pop().unwrap();
    assert_eq!(lead["post"], "browser");
    assert_eq!(lead["attribution"], "cookie");
    assert_eq!(lead["affiliate"], 13);
    assert_eq!(lead["request_id"], request_id);
}

#[tokio::test]
async fn a_browser_post_without_cookie_is_the_internal_affiliates_and_is_offered() {
    let server = Server::start(network::SMALL).await;
    let reply = post(&server, &["ckm_offer_id=100", ANN]).await;
    assert_eq!(reply.status, 302, "{}", reply.text());
    post(&server, &["ckm_offer_id=200", BOB]).await;
    let leads = leads(&server).await;
    assert_eq!(leads[0]["affiliate"], 1);
    assert_eq!(leads[0]["attribution"], "internal");
    assert_eq!(leads[0]["status"], "queued");
    assert_eq!(leads[0]["outcome"], "queued");
    assert_eq!(leads[0]["payout"], "0.00");
    assert_eq!(leads[1]["affiliate"], 1);
    assert_eq!(leads[1]["status"], "unsold");
    assert_eq!(leads[1]["outcome"], "no_qualified_buyers");
}

#[tokio::test]
async fn a_session_post_without_a_session_is_kept_for_the_internal_affiliate_and_not_offered() {
    let server = Server::start(network::SMALL).await;
    let other_offer = server.visitor().click("/?a=12&c=2001").await;
    let internal = accepted(&server, &["ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK", BOB]).await;
    let lead_opened = lead(&server, &internal).await["request_id"].as_str().unwrap().to_owned();
    let old = server.visitor().click("/?a=12&c=1057").await;
    server.clock.advance_days(31);
    let ids = ["123456", "", "x", "-5", "9999999999999999999999", &other_offer, &lead_opened, &old];
    for (index, id) in ids.iter().enumerate() {
        let session = format!("ckm_offer_id=100&ckm_request_id={id}");
        let who = format!("email_address=p{index}@example.com&zip_code=90210");
        let reply = post(&server, &[&session, &who]).await;
        let lead = lead(&server, &lead_id(&reply)).await;
        assert!(reply.text().contains("<price>0.00</price>"), "{}", reply.text());
        assert_eq!(lead["affiliate"], 1, "{id}");
        assert_eq!(lead["attribution"], "internal", "{id}");
        assert_eq!(lead["status"], "unsold", "{id}");
        assert_eq!(lead["outcome"], "unattributed_session", "{id}");
        assert_eq!(lead["payout"], "0.00");
        assert_eq!(lead["post"], "session");
    }
}

#[tokio::test]
async fn an_unattributed_session_post_on_host_n_post_says_no_qualified_buyers_found_and_is_kept() {
    let server = Server::start(network::SMALL).await;
    let session = "ckm_offer_id=200&ckm_request_id=5";
    refused(&server, &[session, ANN], &["No Qualified Buyers Found"]).await;
    let lead = leads(&server).await.pop().unwrap();
    assert_eq!(lead["status"], "unsold");
    assert_eq!(lead["outcome"], "unattributed_session");
}

#[tokio::test]
async fn an_unattributed_session_post_that_is_a_browsers_is_offered() {
    let server = Server::start(network::SMALL).await;
    let forms = ["ckm_bp=1", "callback=cb", "ckm_ifrm=1", "ckm_bp=0&callback=cb", "ckm_bp=0&ckm_ifrm=1"];
    for (index, form) in forms.iter().enumerate() {
        let who = format!("email_address=p{index}@example.com&zip_code=90210");
        post(&server, &["ckm_offer_id=100&ckm_request_id=5", form, &who]).await;
        let lead = leads(&server).await.pop().unwrap();
        assert_eq!(lead["affiliate"], 1, "{form}");
        assert_eq!(lead["attribution"], "internal", "{form}");
        assert_eq!(lead["status"], "queued", "{form}");
        assert_eq!(lead["outcome"], "queued", "{form}");
    }
}

#[tokio::test]
async fn a_session_post_whose_request_id_fails_falls_back_to_the_cookie() {
    let server = Server::start(network::SMALL).await;
    for (index, form) in ["", "ckm_bp=1", "callback=cb", "ckm_ifrm=1"].iter().enumerate() {
        for (turn, id) in ["", "123", "rubbish"].iter().enumerate() {
            let visitor = server.visitor();
            let credited = visitor.click("/?a=13&c=1057").await;
            let who = format!("email_address=p{index}{turn}@example.com&zip_code=90210");
            let body = format!("ckm_offer_id=100&ckm_request_id={id}&{form}&{who}");
            visitor.post_form("/d.ashx", &body).await;
            let lead = leads(&server).await.pop().unwrap();
            assert_eq!(lead["attribution"], "cookie", "{form} {id}");
            assert_eq!(lead["affiliate"], 13, "{form} {id}");
            assert_eq!(lead["request_id"], credited, "{form} {id}");
            assert_eq!(lead["post"], "session", "{form} {id}");
        }
    }
}

#[tokio::test]
async fn of_all_that_a_post_brings_the_key_counts_first_then_the_request_id_then_the_cookie() {
    let server = Server::start(network::SMALL).await;
    let named = server.visitor().click("/?a=13&c=1058").await;
    let keys = [None, Some("ckm_campaign_id=57&ckm_key=Ab3dE5gH1jK&")];
    let request_ids = [None, Some(""), Some("123456"), Some(named.as_str())];
    let mut post = 0;
    for key in keys {
        for request_id in request_ids {
            for (cookie, form) in ["none", "forged", "valid"]
                .map(|cookie| ["", "&ckm_bp=1"].map(|form| (cookie, form)))
                .concat()
            {
                let visitor = server.visitor();
                let clicked =
                    if cookie == "none" { String::new() } else { visitor.click("/?a=13&c=1057").await };
                // It names a session, and nobody has signed it.
                let forged = format!("{clicked}.AAAAAAAAAAAAAAAAAAAAAA");
                for name in visitor.cookie_names().iter().filter(|_| cookie == "forged") {
                    visitor.set_cookie(name, Some(&forged));
                }
                let session = request_id.map(|id| format!("&ckm_request_id={id}")).unwrap_or_default();
                let who = format!("email_address=p{post}@example.com&zip_code=90210");
                post += 1;
                let key = key.unwrap_or_default();
                let body = format!("{key}ckm_offer_id=100{session}{form}&{who}");
                visitor.post_form("/d.ashx", &body).await;
                let lead = leads(&server).await.pop().unwrap();
                let (attribution, affiliate) = match (key, request_id, cookie) {
                    ("", Some(id), _) if id == named => ("request_id", 13),
                    ("", _, "valid") => ("cookie", 13),
                    ("", ..) => ("internal", 1),
                    _ => ("key", 12),
                };
                let case = format!("{body}, cookie {cookie}");
                assert_eq!(
                    (&lead["attribution"], &lead["affiliate"]),
                    (&attribution.into(), &affiliate.into()),
                    "{case}"
                );
                match attribution {
                    "request_id" => assert_eq!(lead["request_id"], named, "{case}"),
                    "cookie" => assert_eq!(lead["request_id"], clicked, "{case}"),
                    "key" => assert_ne!(lead["request_id"], named, "another campaign's: {case}"),
                    "internal" if request_id.is_some() && form.is_empty() => {
                        assert_eq!(lead["outcome"], "unattributed_session", "{case}");
                    }
                    _ => assert_eq!(lead["outcome"], "queued", "{case}"),
                }
            }
        }
    }
    assert_eq!(post, 48);
}

#[tokio::test]
async fn a_request_id_attributes_until_the_cookie_days_are_over() {
    let server = Server::start(network::SMALL).await;
    let request_id = server.visitor().click("/?a=12&c=1057").await;
    let session = format!("ckm_offer_id=100&ckm_request_id={request_id}");
    server.clock.advance_seconds(30 * 86_400 - 1);
    let id = accepted(&server, &[&session, ANN]).await;
    assert_eq!(lead(&server, &id).await["attribution"], "request_id");
    server.clock.advance_seconds(2);
    let id = accepted(&server, &[&session, BOB]).await;
    assert_eq!(lead(&server, &id).await["attribution"], "internal");
}

#[tokio::test]
async fn a_cookie_attributes_until_the_cookie_days_are_over() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    visitor.click("/?a=12&c=1057").await;
    for (seconds, who, attribution) in [(30 * 86_400 - 1, ANN, "cookie"), (1, BOB, "internal")] {
        server.clock.advance_seconds(seconds);
        visitor.post_form("/d.ashx", &format!("ckm_offer_id=100&{who}")).await;
        let lead = leads(&server).await.pop().unwrap();
        assert_eq!(lead["attribution"], attribution);
        assert_eq!(lead["status"], "queued", "it is offered for sale, whosever it is");
    }
}

#[tokio::test]
async fn a_forged_cookie_is_none() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    visitor.click("/?a=12&c=1057").await;
    for name in visitor.cookie_names() {
        visitor.set_cookie(&name, Some("1.2.3.AAAA"));
    }
    visitor.post_form("/d.ashx", &format!("ckm_offer_id=100&{ANN}")).await;
    assert_eq!(leads(&server).await[0]["attribution"], "internal");
}

#[tokio::test]
async fn a_second_lead_in_one_session_is_paid_and_credited_to_the_same_click() {
    let server = Server::start(network::SMALL).await;
    let request_id = server.visitor().click("/?a=12&c=1057").await;
    let session = format!("ckm_offer_id=100&ckm_request_id={request_id}");
    let first = accepted(&server, &[&session, ANN]).await;
    let second = accepted(&server, &[&session, BOB]).await;
    for id in [&first, &second] {
        let lead = lead(&server, id).await;
        assert_eq!(lead["request_id"], request_id);
        assert_eq!(lead["payout"], "12.00");
    }
    let click = server.api_json(&format!("/clicks/{request_id}")).await;
    assert_eq!(click["leads"], serde_json::json!([first, second]));
}

#[tokio::test]
async fn a_lead_without_a_session_opens_one_that_counts_no_click() {
    let server = Server::start(&small_with(&[(
        Part::HostedOffer,
        "thank_you_link = \"https://lp.example/thanks?r=#reqid#\"",
    )]))
    .await;
    let reply = post(&server, &[HOSTED, ANN]).await;
    let id = lead_id(&reply);
    let lead = lead(&server, &id).await;
    let request_id = lead["request_id"].as_str().unwrap();
    assert!(
        reply.text().contains(&format!("<redirect>https://lp.example/thanks?r={request_id}</redirect>")),
        "{}",
        reply.text()
    );
    let click = server.api_json(&format!("/clicks/{request_id}")).await;
    assert_eq!(click["request_id"], request_id);
    assert_eq!(click["clicks"], serde_json::json!([]));
    assert_eq!(click["leads"], serde_json::json!([id]));
    assert_eq!(server.api_json("/clicks").await["total"], 0);
}

#[tokio::test]
async fn an_internal_campaign_is_made_once_at_no_payout_on_any_offer() {
    let server = Server::start(network::SMALL).await;
    let posts = (0..20).map(|n| {
        let body = format!("ckm_offer_id=300&email_address=p{n}@example.com&zip_code=90210");
        let client = server.tracking.clone();
        async move { client.post_form("/d.ashx", &body).await }
    });
    for reply in crate::posts::at_once(posts).await {
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let leads = leads(&server).await;
    assert_eq!(leads.len(), 20);
    let campaign = leads[0]["campaign"].clone();
    assert!(campaign.is_number());
    for lead in &leads {
        assert_eq!(lead["campaign"], campaign);
        assert_eq!(lead["payout"], "0.00");
        assert_eq!(lead["status"], "queued");
    }
}

#[tokio::test]
async fn an_internal_campaign_with_a_written_payout_pays_it() {
    let campaign = "[[campaign]]\nid = 60\naffiliate = 1\noffer = 100\npayout = \"3.00\"\n";
    let server = Server::start(&small_with(&[(Part::More, campaign)])).await;
    let reply = post(&server, &["ckm_offer_id=100", "ckm_bp=0", ANN]).await;
    assert!(reply.text().contains("<price>3.00</price>"), "{}", reply.text());
    assert_eq!(leads(&server).await[0]["campaign"], 60);
}

#[tokio::test]
async fn status_checks_do_not_apply_to_the_internal_affiliate() {
    let campaign = "[[campaign]]\nid = 60\naffiliate = 1\noffer = 100\nstatus = \"inactive\"\nexpires_at = \"2020-01-01T00:00:00Z\"\n[[blacklist]]\naffiliate = 1\n";
    let text = small_with(&[(Part::More, campaign)])
        .replace("name = \"House\"\n", "name = \"House\"\nstatus = \"inactive\"\n");
    let server = Server::start(&text).await;
    let reply = post(&server, &["ckm_offer_id=100", ANN]).await;
    assert_eq!(reply.status, 302, "{}", reply.text());
    assert_eq!(leads(&server).await[0]["affiliate"], 1);
}

#[tokio::test]
async fn sub_ids_of_a_server_post_are_cut_and_spill_as_a_links() {
    let server = Server::start(network::SMALL).await;
    let s1 = "a".repeat(60);
    let s2 = "b".repeat(150);
    let s5 = "e".repeat(150);
    let subs = format!("ckm_subid={s1}&ckm_subid_2={s2}&ckm_subid_3=own&CKM_SUBID_5={s5}");
    let id = accepted(&server, &[HOSTED, ANN, &subs]).await;
    let lead = lead(&server, &id).await;
    let expected =
        ["a".repeat(50), "b".repeat(100), format!("{}own", "b".repeat(50)), String::new(), "e".repeat(100)];
    assert_eq!(lead["sub_ids"], serde_json::json!(expected));
}

#[tokio::test]
async fn a_server_post_has_five_sub_ids_and_a_sessions_are_its_clicks() {
    let server = Server::start(network::SMALL).await;
    let subs = "ckm_subid=1&ckm_subid_2=2&ckm_subid_3=3&ckm_subid_4=4&ckm_subid_5=5";
    let id = accepted(&server, &[HOSTED, ANN, subs]).await;
    assert_eq!(lead(&server, &id).await["sub_ids"], serde_json::json!(["1", "2", "3", "4", "5"]));
    let request_id = server.visitor().click("/?a=12&c=1057&s1=web").await;
    let session = format!("ckm_offer_id=100&ckm_request_id={request_id}");
    let id = accepted(&server, &[&session, BOB, subs]).await;
    assert_eq!(lead(&server, &id).await["sub_ids"], serde_json::json!(["web", "", "", "", ""]));
}

#[tokio::test]
async fn a_lead_of_a_test_links_session_is_a_test() {
    let server = Server::start(network::SMALL).await;
    let request_id = server.visitor().click("/?a=-1&c=1057").await;
    let reply = post(&server, &[&format!("ckm_offer_id=100&ckm_request_id={request_id}"), ANN]).await;
    assert!(reply.text().contains("<price>0.00</price>"), "{}", reply.text());
    let lead = lead(&server, &lead_id(&reply)).await;
    assert_eq!(lead["status"], "test");
    assert_eq!(lead["outcome"], "test");
    assert_eq!(lead["payout"], "0.00");
}

#[tokio::test]
async fn the_credit_of_a_get_is_that_of_a_post() {
    let server = Server::start(network::SMALL).await;
    let reply = server.tracking.send(Request::get(&format!("/d.ashx?{HOSTED}&{ANN}"))).await;
    assert_eq!(lead(&server, &lead_id(&reply)).await["attribution"], "key");
}

#[tokio::test]
async fn a_browser_post_with_a_test_links_cookie_is_a_test() {
    let server = Server::start(network::SMALL).await;
    let tester = server.visitor();
    tester.click("/?a=-1&c=2001").await;
    let reply = tester.post_form("/d.ashx", &format!("ckm_offer_id=200&{ANN}")).await;
    assert_eq!(reply.status, 200);
    let lead = leads(&server).await.pop().unwrap();
    assert_eq!(lead["status"], "test");
    assert_eq!(lead["attribution"], "cookie");
}

#[tokio::test]
async fn a_session_whose_campaign_is_anothers_by_now_earns_nobody_anything_under_its_terms() {
    let paid = "payout = \"12.00\"";
    let server = Server::start(&small_with(&[(Part::Campaign, paid)])).await;
    let request_id = server.visitor().click("/?a=12&c=1057").await;
    let session = format!("ckm_offer_id=100&ckm_request_id={request_id}");
    server.apply(&small_with(&[(Part::Campaign, &format!("{paid}\naffiliate = 13"))])).await;
    refused(&server, &[&session, ANN], &["Affiliate Not Authorized for Campaign"]).await;
    // A pixel has no such error: its conversion is paid as one without a campaign.
    server.tracking.get(&format!("/p.ashx?f=pb&r={request_id}")).await;
    let conversions = server.api_json("/conversions").await;
    assert_eq!(conversions["data"][0]["affiliate"], 12, "{conversions}");
    assert_ne!(conversions["data"][0]["payout"], "12.00", "{conversions}");
}
