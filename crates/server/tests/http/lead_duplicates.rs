//! Which leads are an earlier one again.

use crate::contracts::{Contract, assert_unsold, market, only, sell};
use crate::posts::*;
use crumb_domain::lead::LeadStatus;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::{self, Part, small_with};
use crumb_testkit::{Request, Server};

#[tokio::test]
async fn an_equal_e_mail_however_written_is_a_duplicate() {
    let server = Server::start(network::SMALL).await;
    accepted(&server, &[HOSTED, ANN]).await;
    refused(&server, &[HOSTED, ANN], &["Duplicate Lead"]).await;
    refused(&server, &[HOSTED, "email_address=%20ANN@Example.COM&zip_code=10001"], &["Duplicate Lead"]).await;
    accepted(&server, &[HOSTED, BOB]).await;
}

#[tokio::test]
async fn a_phone_is_compared_by_its_digits() {
    let server = Server::start(&small_with(&[(Part::Vertical, "duplicate_fields = [\"phone_home\"]")])).await;
    accepted(&server, &[HOSTED, ANN, "phone_home=(212) 555-0123"]).await;
    refused(&server, &[HOSTED, BOB, "phone_home=212.555.0123"], &["Duplicate Lead"]).await;
    accepted(&server, &[HOSTED, ANN, "phone_home=2125550124"]).await;
}

#[tokio::test]
async fn all_duplicate_fields_must_be_equal_and_none_means_no_check() {
    let both = small_with(&[(Part::Vertical, "duplicate_fields = [\"email_address\", \"phone_home\"]")]);
    let server = Server::start(&both).await;
    accepted(&server, &[HOSTED, ANN, "phone_home=2125550123"]).await;
    accepted(&server, &[HOSTED, ANN, "phone_home=2125550124"]).await;
    refused(&server, &[HOSTED, ANN, "phone_home=2125550123"], &["Duplicate Lead"]).await;
    let server = Server::start(&small_with(&[(Part::Vertical, "duplicate_fields = []")])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    accepted(&server, &[HOSTED, ANN]).await;
}

#[tokio::test]
async fn after_the_verticals_window_it_is_none() {
    let server = Server::start(&small_with(&[(Part::Vertical, "duplicate_window_days = 7")])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    server.clock.advance_seconds(7 * 86_400 - 1);
    refused(&server, &[HOSTED, ANN], &["Duplicate Lead"]).await;
    server.clock.advance_seconds(2);
    accepted(&server, &[HOSTED, ANN]).await;
}

#[tokio::test]
async fn the_window_is_thirty_days_by_default() {
    let server = Server::start(network::SMALL).await;
    accepted(&server, &[HOSTED, ANN]).await;
    server.clock.advance_seconds(30 * 86_400 - 1);
    refused(&server, &[HOSTED, ANN], &["Duplicate Lead"]).await;
    server.clock.advance_seconds(2);
    accepted(&server, &[HOSTED, ANN]).await;
}

#[tokio::test]
async fn the_scope_is_the_offers() {
    let second = "[[offer]]\nid = 400\nname = \"Other\"\nvertical = 1\ntype = \"hosted\"\nlink = \"https://lp.example/o\"\nduplicate_scope = \"SCOPE\"\n[[campaign]]\nid = 61\naffiliate = 12\noffer = 400\nkey = \"otherKey1234\"\n";
    let other = "ckm_campaign_id=61&ckm_key=otherKey1234";
    for (scope, elsewhere, here) in [("vertical", false, false), ("offer", true, false), ("none", true, true)]
    {
        let server = Server::start(&small_with(&[(Part::More, &second.replace("SCOPE", scope))])).await;
        accepted(&server, &[HOSTED, ANN]).await;
        let reply = post(&server, &[other, ANN]).await;
        assert_eq!(reply.text().contains("success"), elsewhere, "{scope}: {}", reply.text());
        accepted(&server, &[other, BOB]).await;
        let reply = post(&server, &[other, BOB]).await;
        assert_eq!(reply.text().contains("success"), here, "{scope}: {}", reply.text());
    }
}

#[tokio::test]
async fn host_n_post_looks_at_its_own_offer_unless_told_otherwise() {
    let server = Server::start(network::SMALL).await;
    accepted(&server, &[HOSTED, ANN]).await;
    refused(&server, &[HOST_N_POST, ANN], &["No Qualified Buyers Found"]).await;
    let server =
        Server::start(&small_with(&[(Part::HostNPostOffer, "duplicate_scope = \"vertical\"")])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    refused(&server, &[HOST_N_POST, ANN], &["Duplicate Lead"]).await;
}

#[tokio::test]
async fn rejects_tests_unattributed_session_posts_and_unsold_host_n_post_leads_are_no_earlier_ones() {
    let server =
        Server::start(&small_with(&[(Part::HostNPostOffer, "duplicate_scope = \"vertical\"")])).await;
    refused(
        &server,
        &[HOSTED, "email_address=ann@example.com"],
        &["Lead Missing Data", "Zip code is required."],
    )
    .await;
    accepted(&server, &[HOSTED, ANN, "ckm_test=1"]).await;
    accepted(&server, &["ckm_offer_id=100&ckm_request_id=5", ANN]).await;
    refused(&server, &[HOST_N_POST, ANN], &["No Qualified Buyers Found"]).await;
    refused(&server, &[HOST_N_POST, ANN], &["No Qualified Buyers Found"]).await;
    accepted(&server, &[HOSTED, ANN]).await;
    refused(&server, &[HOSTED, ANN], &["Duplicate Lead"]).await;
}

#[tokio::test]
async fn a_lead_for_review_that_was_answered_with_success_is_an_earlier_one() {
    let server = Server::start(&small_with(&[(Part::ZipCode, "server_decision = \"review\"")])).await;
    accepted(&server, &[HOSTED, "email_address=ann@example.com&zip_code=x"]).await;
    refused(&server, &[HOSTED, ANN], &["Duplicate Lead"]).await;
}

#[tokio::test]
async fn a_hundred_equal_posts_at_once_make_one_lead_and_ninety_nine_duplicates() {
    let server = Server::start(network::SMALL).await;
    let posts = (0..100).map(|_| {
        let client = server.tracking.clone();
        async move { client.post_form("/d.ashx", &format!("{HOSTED}&{ANN}")).await }
    });
    let replies = at_once(posts).await;
    let duplicate = refusal(&["Duplicate Lead"]);
    assert_eq!(replies.iter().filter(|reply| reply.text().contains("success")).count(), 1);
    assert_eq!(replies.iter().filter(|reply| reply.text().trim_end() == duplicate).count(), 99);
    assert_eq!(leads(&server).await.len(), 1);
}

#[tokio::test]
async fn one_person_who_comes_at_once_in_several_ways_and_over_two_campaigns_is_one_lead() {
    let other = "[[campaign]]\nid = 400\naffiliate = 13\noffer = 100\nkey = \"otherKey400\"\n";
    let server = Server::start(&small_with(&[(Part::More, other)])).await;
    let id = server.visitor().click("/?a=12&c=1057").await;
    let json = r#"{"ckm_offer_id":100,"email_address":"ANN@example.com ","zip_code":"90210"}"#;
    let ways = [
        form(&format!("{HOSTED}&{ANN}")),
        form(&format!("ckm_campaign_id=400&ckm_key=otherKey400&{ANN}")),
        form(&format!("ckm_offer_id=100&ckm_request_id={id}&{ANN}")),
        Request::post("/d.ashx", "application/json", json),
        Request::get(&format!("/d.ashx?ckm_offer_id=100&callback=CB&{ANN}")),
    ];
    let posts = (0..10).flat_map(|_| ways.clone()).map(|request| {
        let client = server.tracking.clone();
        async move { client.send(request).await }
    });
    let texts: Vec<String> = at_once(posts).await.iter().map(|reply| reply.text()).collect();
    let taken = texts.iter().filter(|text| !text.contains("Duplicate Lead"));
    assert_eq!((texts.len(), taken.count()), (50, 1), "{texts:?}");
    assert_eq!(leads(&server).await.len(), 1);
}

#[tokio::test]
async fn an_unattributed_session_post_is_no_earlier_one_even_where_it_is_for_review() {
    let server = Server::start(&small_with(&[(Part::ZipCode, "server_decision = \"review\"")])).await;
    let session = "ckm_offer_id=100&ckm_request_id=5";
    let id = accepted(&server, &[session, "email_address=ann@example.com&zip_code=x"]).await;
    assert_eq!(lead(&server, &id).await["status"], "review");
    accepted(&server, &[HOSTED, ANN]).await;
}

#[tokio::test]
async fn hosted_offers_share_the_leads_of_their_vertical_by_default_and_verticals_share_none() {
    let hosted = |id: u32, vertical: u32| {
        format!(
            "[[offer]]\nid = {id}\nname = \"Other {id}\"\nvertical = {vertical}\ntype = \"hosted\"\n\
             link = \"https://lp.example/o\"\n[[campaign]]\nid = {id}\naffiliate = 12\noffer = {id}\n\
             key = \"otherKey{id}\"\n"
        )
    };
    let vertical = "[[vertical]]\nid = 2\nname = \"Loans\"\n[[vertical.field]]\nname = \"email_address\"\n\
                    type = \"email\"\n";
    let more = format!("{vertical}{}{}", hosted(400, 1), hosted(500, 2));
    let server = Server::start(&small_with(&[(Part::More, &more)])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    refused(&server, &["ckm_campaign_id=400&ckm_key=otherKey400", ANN], &["Duplicate Lead"]).await;
    let other = ["ckm_campaign_id=500&ckm_key=otherKey500", ANN];
    accepted(&server, &other).await;
    refused(&server, &other, &["Duplicate Lead"]).await;
}

#[tokio::test]
async fn a_lead_of_which_nobody_knows_whether_it_was_sold_is_an_earlier_one() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&market(&[Contract::new(7, &buyers.url("/cut-after"), "30.00")])).await;
    assert_unsold(&sell(&server, "ann").await);
    assert_eq!(only(&server).await.status, LeadStatus::PendingUnknown);
    assert_eq!(sell(&server, "ann").await.text().trim_end(), refusal(&["Duplicate Lead"]));
}
