//! `ckm_lead_id`: changing a lead that is there.

use crate::posts::*;
use crumb_storage::LeadStore as _;
use crumb_testkit::Server;
use crumb_testkit::network::{self, Part, small_with};

#[tokio::test]
async fn its_campaigns_key_may_change_a_lead_and_what_is_not_sent_stays() {
    let server = Server::start(network::SMALL).await;
    let id = accepted(&server, &[HOSTED, ANN, "first_name=Ann&ckm_subid=web"]).await;
    let before = lead(&server, &id).await;
    let reply = post(&server, &[HOSTED, &format!("ckm_lead_id={id}"), "zip_code=10001&last_name=Lee"]).await;
    assert_eq!(lead_id(&reply), id);
    assert!(reply.text().contains("<price>12.00</price>"), "{}", reply.text());
    let after = lead(&server, &id).await;
    assert_eq!(after["fields"]["zip_code"], "10001");
    assert_eq!(after["fields"]["last_name"], "Lee");
    assert_eq!(after["fields"]["first_name"], "Ann");
    assert_eq!(after["fields"]["email_address"], "ann@example.com");
    for same in
        ["affiliate", "campaign", "attribution", "request_id", "sub_ids", "payout", "status", "at", "post"]
    {
        assert_eq!(after[same], before[same], "{same}");
    }
    assert_eq!(leads(&server).await.len(), 1);
    let posts = server.site.store.posts_of_lead(id.parse().unwrap()).await.unwrap();
    assert_eq!(posts.len(), 2);
}

#[tokio::test]
async fn a_leads_own_request_id_may_change_it() {
    let server = Server::start(network::SMALL).await;
    let request_id = server.visitor().click("/?a=12&c=1057").await;
    let session = format!("ckm_offer_id=100&ckm_request_id={request_id}");
    let id = accepted(&server, &[&session, ANN]).await;
    let reply = post(&server, &[&session, &format!("ckm_lead_id={id}"), "first_name=Ann"]).await;
    assert_eq!(lead_id(&reply), id);
    assert_eq!(lead(&server, &id).await["fields"]["first_name"], "Ann");
    assert_eq!(lead(&server, &id).await["payout"], "12.00");
}

#[tokio::test]
async fn a_leads_own_request_id_or_cookie_needs_no_offer_id() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    let request_id = visitor.click("/?a=12&c=1057").await;
    let id = accepted(&server, &[&format!("ckm_offer_id=100&ckm_request_id={request_id}"), ANN]).await;
    let update = |name: &str| format!("ckm_lead_id={id}&first_name={name}");
    let named = format!("ckm_request_id={request_id}");
    assert_eq!(accepted(&server, &[&named, &update("Ann")]).await, id);
    assert_eq!(lead(&server, &id).await["fields"]["first_name"], "Ann");
    let reply = visitor.post_form("/d.ashx", &update("Anne")).await;
    assert_eq!(reply.location(), format!("https://lp.example/thanks?lead={id}"));
    assert_eq!(lead(&server, &id).await["fields"]["first_name"], "Anne");
    // Another session's, and whoever names nobody.
    let stranger = server.visitor();
    let other = format!("ckm_request_id={}", stranger.click("/?a=12&c=1057").await);
    refused(&server, &[&other, &update("Eve")], &["Invalid Lead ID"]).await;
    refused(&server, &[&named, "ckm_lead_id=ZZZZZZZZ&first_name=Eve"], &["Invalid Lead ID"]).await;
    refused(&server, &[&update("Eve")], &["Invalid Post Key"]).await;
    let reply = stranger.post_form("/d.ashx", &update("Eve")).await;
    assert_eq!(reply.text().trim_end(), refusal(&["Invalid Post Key"]));
    assert_eq!(lead(&server, &id).await["fields"]["first_name"], "Anne");
    assert_eq!(leads(&server).await.len(), 1);
}

#[tokio::test]
async fn the_request_id_of_a_session_that_the_lead_opened_may_change_it() {
    let server = Server::start(network::SMALL).await;
    let id = accepted(&server, &[HOSTED, ANN]).await;
    let request_id = lead(&server, &id).await["request_id"].as_str().unwrap().to_owned();
    let session = format!("ckm_offer_id=100&ckm_request_id={request_id}");
    let reply = post(&server, &[&session, &format!("ckm_lead_id={id}"), "first_name=Ann"]).await;
    assert_eq!(lead_id(&reply), id);
    assert_eq!(lead(&server, &id).await["affiliate"], 12);
}

#[tokio::test]
async fn its_sessions_cookie_may_change_it() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    visitor.click("/?a=12&c=1057").await;
    visitor.post_form("/d.ashx", &format!("ckm_offer_id=100&{ANN}")).await;
    let id = leads(&server).await[0]["id"].as_str().unwrap().to_owned();
    let body = format!("ckm_offer_id=100&ckm_lead_id={id}&first_name=Ann");
    let reply = visitor.post_form("/d.ashx", &body).await;
    assert_eq!(reply.status, 302, "{}", reply.text());
    assert_eq!(reply.location(), format!("https://lp.example/thanks?lead={id}"));
    assert_eq!(lead(&server, &id).await["fields"]["first_name"], "Ann");
}

#[tokio::test]
async fn nobody_else_may_and_an_unknown_lead_is_the_same() {
    let text = small_with(&[(
        Part::More,
        "[[campaign]]\nid = 61\naffiliate = 13\noffer = 100\nkey = \"otherKey1234\"\n",
    )]);
    let server = Server::start(&text).await;
    let request_id = server.visitor().click("/?a=12&c=1057").await;
    let session = format!("ckm_offer_id=100&ckm_request_id={request_id}");
    let id = accepted(&server, &[&session, ANN]).await;
    let stranger = server.visitor();
    let other_id = stranger.click("/?a=12&c=1057").await;
    let update = format!("ckm_lead_id={id}&first_name=Eve");
    let texts = ["Invalid Lead ID"];
    refused(&server, &["ckm_campaign_id=61&ckm_key=otherKey1234", &update], &texts).await;
    refused(&server, &[HOST_N_POST, &update], &texts).await;
    refused(&server, &[&format!("ckm_offer_id=100&ckm_request_id={other_id}"), &update], &texts).await;
    refused(&server, &["ckm_offer_id=100&ckm_request_id=5", &update], &texts).await;
    let reply = stranger.post_form("/d.ashx", &format!("ckm_offer_id=100&{update}")).await;
    assert_eq!(reply.status, 200);
    assert!(reply.text().contains("Invalid Lead ID"), "{}", reply.text());
    for unknown in ["ZZZZZZZZ", "x", "0", "C8097F17C8097F17"] {
        refused(&server, &[HOSTED, &format!("ckm_lead_id={unknown}"), ANN], &texts).await;
    }
    refused(&server, &["ckm_campaign_id=57&ckm_key=no", &update], &["Invalid Post Key"]).await;
    assert!(lead(&server, &id).await["fields"].get("first_name").is_none_or(|name| name != "Eve"));
    assert_eq!(leads(&server).await.len(), 1);
    let kept = rejections(&server).await;
    assert_eq!(kept.last().unwrap().errors, ["Invalid Post Key"]);
    assert_eq!(kept[0].errors, ["Invalid Lead ID"]);
}

#[tokio::test]
async fn the_result_is_checked_again_and_a_bad_one_changes_nothing() {
    let server = Server::start(network::SMALL).await;
    let id = accepted(&server, &[HOSTED, ANN]).await;
    let update = format!("ckm_lead_id={id}");
    refused(&server, &[HOSTED, &update, "zip_code=x"], &["Validation Failed", "Zip code is not valid."])
        .await;
    refused(&server, &[HOSTED, &update, "zip_code="], &["Lead Missing Data", "Zip code is required."]).await;
    assert_eq!(lead(&server, &id).await["fields"]["zip_code"], "90210");
}

#[tokio::test]
async fn another_lead_makes_it_a_duplicate_and_it_itself_does_not() {
    let server = Server::start(network::SMALL).await;
    accepted(&server, &[HOSTED, BOB]).await;
    let id = accepted(&server, &[HOSTED, ANN]).await;
    let update = format!("ckm_lead_id={id}");
    refused(&server, &[HOSTED, &update, "email_address=bob@example.com"], &["Duplicate Lead"]).await;
    assert_eq!(lead(&server, &id).await["fields"]["email_address"], "ann@example.com");
    assert_eq!(accepted(&server, &[HOSTED, &update, "email_address=Ann@example.com"]).await, id);
    // Once it is somebody else's, the former one is free again.
    assert_eq!(accepted(&server, &[HOSTED, &update, "email_address=eve@example.com"]).await, id);
    refused(&server, &[HOSTED, "email_address=eve@example.com&zip_code=90210"], &["Duplicate Lead"]).await;
    accepted(&server, &[HOSTED, ANN]).await;
}

#[tokio::test]
async fn a_test_lead_that_is_changed_makes_no_later_lead_a_duplicate() {
    let server = Server::start(network::SMALL).await;
    let test = accepted(&server, &[HOSTED, ANN, "ckm_test=1"]).await;
    let update = format!("ckm_lead_id={test}&first_name=Ann&ckm_resell=1");
    assert_eq!(accepted(&server, &[HOSTED, &update]).await, test);
    assert_eq!(lead(&server, &test).await["status"], "test");
    let real = accepted(&server, &[HOSTED, ANN]).await;
    assert_eq!(lead(&server, &real).await["status"], "queued");
}

#[tokio::test]
async fn a_change_that_fails_the_inbound_filter_changes_nothing() {
    let filter = "inbound_filter = [{ field = \"state\", op = \"eq\", value = \"CA\" }]";
    let server = Server::start(&small_with(&[(Part::Vertical, filter)])).await;
    let id = accepted(&server, &[HOSTED, ANN, "state=CA"]).await;
    let update = format!("ckm_lead_id={id}");
    refused(&server, &[HOSTED, &update, "state=NV"], &["Unmatched Filter"]).await;
    assert_eq!(lead(&server, &id).await["fields"]["state"], "CA");
    accepted(&server, &[HOSTED, &update, "first_name=Ann"]).await;
}

#[tokio::test]
async fn an_update_is_answered_as_the_lead_stands() {
    let server = Server::start(network::SMALL).await;
    refused(&server, &[HOST_N_POST, ANN], &["No Qualified Buyers Found"]).await;
    let id = leads(&server).await[0]["id"].as_str().unwrap().to_owned();
    let update = format!("ckm_lead_id={id}&first_name=Ann");
    refused(&server, &[HOST_N_POST, &update], &["No Qualified Buyers Found"]).await;
    assert_eq!(lead(&server, &id).await["fields"]["first_name"], "Ann");
    assert_eq!(lead(&server, &id).await["status"], "unsold");
}

#[tokio::test]
async fn with_ckm_resell_a_lead_is_offered_again() {
    let server = Server::start(network::SMALL).await;
    let id = accepted(&server, &["ckm_offer_id=100&ckm_request_id=5", ANN]).await;
    let own = lead(&server, &id).await["request_id"].as_str().unwrap().to_owned();
    let update = format!("ckm_offer_id=100&ckm_request_id={own}&ckm_lead_id={id}");
    accepted(&server, &[&update, "ckm_resell=0"]).await;
    assert_eq!(lead(&server, &id).await["status"], "unsold");
    accepted(&server, &[&update, "ckm_resell=1"]).await;
    let after = lead(&server, &id).await;
    assert_eq!(after["status"], "queued");
    assert_eq!(after["outcome"], "queued");
    assert_eq!(after["affiliate"], 1);
    assert_eq!(after["attribution"], "internal");
}

#[tokio::test]
async fn updates_take_no_room_in_a_cap() {
    let caps = "caps = [{ of = \"lead\", interval = \"total\", limit = 2 }]";
    let server = Server::start(&small_with(&[(Part::Campaign, caps)])).await;
    let id = accepted(&server, &[HOSTED, ANN]).await;
    for name in ["a", "b", "c"] {
        accepted(&server, &[HOSTED, &format!("ckm_lead_id={id}&first_name={name}")]).await;
    }
    accepted(&server, &[HOSTED, BOB]).await;
    refused(&server, &[HOSTED, "email_address=c@example.com&zip_code=90210"], &["Campaign Over Lead Cap"])
        .await;
    accepted(&server, &[HOSTED, &format!("ckm_lead_id={id}&first_name=d")]).await;
}

#[tokio::test]
async fn fifty_updates_of_one_lead_at_once_are_all_answered() {
    let server = Server::start(network::SMALL).await;
    let id = accepted(&server, &[HOSTED, ANN]).await;
    let posts = (0..50).map(|n| {
        let client = server.tracking.clone();
        let body = format!("{HOSTED}&ckm_lead_id={id}&first_name=A{n}");
        async move { client.post_form("/d.ashx", &body).await }
    });
    for reply in at_once(posts).await {
        assert_eq!(lead_id(&reply), id);
    }
    let posts = server.site.store.posts_of_lead(id.parse().unwrap()).await.unwrap();
    assert_eq!(posts.len(), 51);
}

#[tokio::test]
async fn many_updates_at_once_lose_nothing() {
    let server = Server::start(network::SMALL).await;
    let id = accepted(&server, &[HOSTED, ANN]).await;
    let updates = ["first_name=Ann", "last_name=Lee", "phone_home=2125550123", "state=CA"];
    let posts = updates.into_iter().map(|update| {
        let client = server.tracking.clone();
        let body = format!("{HOSTED}&ckm_lead_id={id}&{update}");
        async move { client.post_form("/d.ashx", &body).await }
    });
    for reply in at_once(posts).await {
        assert_eq!(lead_id(&reply), id);
    }
    let fields = lead(&server, &id).await["fields"].clone();
    assert_eq!(fields["first_name"], "Ann");
    assert_eq!(fields["last_name"], "Lee");
    assert_eq!(fields["phone_home"], "2125550123");
    assert_eq!(fields["state"], "CA");
}

#[tokio::test]
async fn of_leads_that_are_given_one_address_at_once_one_has_it_and_the_others_are_duplicates() {
    let server = Server::start(network::SMALL).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        let person = format!("email_address=person{n}@example.com&zip_code=90210");
        ids.push(accepted(&server, &[HOSTED, &person]).await);
    }
    let posts = ids.iter().map(|id| {
        let client = server.tracking.clone();
        let body = format!("{HOSTED}&ckm_lead_id={id}&email_address=one@example.com");
        async move { client.post_form("/d.ashx", &body).await }
    });
    let replies = at_once(posts).await;
    let duplicate = refusal(&["Duplicate Lead"]);
    assert_eq!(replies.iter().filter(|reply| reply.text().contains("success")).count(), 1);
    assert_eq!(replies.iter().filter(|reply| reply.text().trim_end() == duplicate).count(), 19);
    let leads = leads(&server).await;
    let named = leads.iter().filter(|lead| lead["fields"]["email_address"] == "one@example.com");
    assert_eq!((leads.len(), named.count()), (20, 1));
}

#[tokio::test]
async fn a_blank_ckm_lead_id_is_none() {
    let server = Server::start(network::SMALL).await;
    accepted(&server, &[HOSTED, ANN, "ckm_lead_id="]).await;
    accepted(&server, &[HOSTED, BOB, "ckm_lead_id=%20"]).await;
    assert_eq!(leads(&server).await.len(), 2);
}

#[tokio::test]
async fn group_inputs_change_the_field_that_they_make() {
    let server = Server::start(network::SMALL).await;
    let id = accepted(&server, &[HOSTED, ANN, "phone_home=2125550123"]).await;
    let update = format!("ckm_lead_id={id}");
    accepted(&server, &[HOSTED, &update, "home_area=310&home_prefix=555&home_suffix=9999"]).await;
    assert_eq!(lead(&server, &id).await["fields"]["phone_home"], "3105559999");
    accepted(&server, &[HOSTED, &update, "home_area=&first_name=Ann"]).await;
    assert_eq!(lead(&server, &id).await["fields"]["phone_home"], "3105559999");
}

#[tokio::test]
async fn a_change_that_fails_a_field_for_review_holds_the_lead_back() {
    for (decision, status) in [("review", "review"), ("throw_out", "scrubbed")] {
        let text = small_with(&[(Part::ZipCode, &format!("server_decision = \"{decision}\""))]);
        let server = Server::start(&text).await;
        let id = accepted(&server, &[HOSTED, ANN]).await;
        let reply = post(&server, &[HOSTED, &format!("ckm_lead_id={id}&zip_code=x")]).await;
        assert_eq!(lead_id(&reply), id);
        assert!(reply.text().contains("<price>0.00</price>"), "{}", reply.text());
        let after = lead(&server, &id).await;
        assert_eq!(after["status"], status);
        assert_eq!(after["fields"]["zip_code"], "x");
        assert_eq!(after["payout"], "0.00");
    }
}

#[tokio::test]
async fn whoever_is_switched_off_changes_nothing_more() {
    let server = Server::start(network::SMALL).await;
    let visitor = server.visitor();
    let request_id = visitor.click("/?a=12&c=1057").await;
    let session = format!("ckm_offer_id=100&ckm_request_id={request_id}");
    let id = accepted(&server, &[&session, ANN]).await;
    server.apply(&small_with(&[(Part::Affiliate, "status = \"inactive\"")])).await;
    let update = format!("ckm_lead_id={id}&first_name=Ann&ckm_resell=1");
    refused(&server, &[&session, &update], &["Inactive Affiliate"]).await;
    refused(&server, &[HOSTED, &update], &["Inactive Affiliate"]).await;
}

#[tokio::test]
async fn a_host_n_post_lead_that_is_offered_again_waits_where_failures_are_queued() {
    let server = Server::start(network::SMALL).await;
    refused(&server, &[HOST_N_POST, ANN], &["No Qualified Buyers Found"]).await;
    let id = leads(&server).await[0]["id"].as_str().unwrap().to_owned();
    let update = format!("ckm_lead_id={id}&ckm_resell=1");
    refused(&server, &[HOST_N_POST, &update], &["No Qualified Buyers Found"]).await;
    assert_eq!(lead(&server, &id).await["status"], "unsold");
    server.apply(&small_with(&[(Part::HostNPostOffer, "queue_failures = true")])).await;
    refused(&server, &[HOST_N_POST, &update], &["No Qualified Buyers Found"]).await;
    assert_eq!(lead(&server, &id).await["status"], "queued");
}

#[tokio::test]
async fn the_tokens_of_an_update_are_the_leads() {
    let link = "thank_you_link = \"https://lp.example/t?c=#cid#&r=#reqid#&l=#leadid#&s=#s1#\"";
    let server = Server::start(&small_with(&[(Part::HostedOffer, link)])).await;
    let request_id = server.visitor().click("/?a=12&c=1057&s1=web").await;
    let id = accepted(&server, &[&format!("ckm_offer_id=100&ckm_request_id={request_id}"), ANN]).await;
    let reply = post(&server, &[HOSTED, &format!("ckm_lead_id={id}&first_name=Ann")]).await;
    let redirect = format!("https://lp.example/t?c=1057&amp;r={request_id}&amp;l={id}&amp;s=web");
    assert_eq!(reply.between("<redirect>", "</redirect>"), redirect);
}
