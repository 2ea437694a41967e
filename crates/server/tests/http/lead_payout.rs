//! What a lead earns, and how tests, queues and the API show it.

use crate::posts::*;
use crumb_testkit::Server;
use crumb_testkit::network::{self, Part, small_with};

async fn price(changes: &[(Part, &str)], pairs: &[&str]) -> String {
    let server = Server::start(&small_with(changes)).await;
    let reply = post(&server, pairs).await;
    let price = reply.between("<price>", "</price>");
    assert_eq!(lead(&server, &lead_id(&reply)).await["payout"], price.as_str());
    price
}

#[tokio::test]
async fn a_hosted_lead_is_queued_with_its_payout() {
    let server = Server::start(network::SMALL).await;
    let lead = lead(&server, &accepted(&server, &[HOSTED, ANN]).await).await;
    assert_eq!(lead["status"], "queued");
    assert_eq!(lead["outcome"], "queued");
    assert_eq!(lead["payout"], "12.00");
    assert_eq!(lead["revenue"], "0.00");
    assert_eq!(lead["sales"], serde_json::json!([]));
}

#[tokio::test]
async fn the_price_is_the_campaigns_else_the_offers() {
    assert_eq!(price(&[], &[HOSTED, ANN]).await, "12.00");
    let campaign = "[[campaign]]\nid = 61\naffiliate = 13\noffer = 100\nkey = \"otherKey1234\"\n";
    assert_eq!(
        price(&[(Part::More, campaign)], &["ckm_campaign_id=61&ckm_key=otherKey1234", ANN]).await,
        "10.00"
    );
}

#[tokio::test]
async fn the_price_of_an_offer_contract_is_between_the_two() {
    let more =
        "[[campaign]]\nid = 61\naffiliate = 13\noffer = 100\nkey = \"otherKey1234\"\noffer_contract = 900\n";
    let text = small_with(&[(Part::More, more)]).replace(
        "[[offer.creative]]\nid = 1058\n",
        "[[offer.contract]]\nid = 900\npayout = \"11.00\"\n\n[[offer.creative]]\nid = 1058\n",
    );
    let server = Server::start(&text).await;
    let reply = post(&server, &["ckm_campaign_id=61&ckm_key=otherKey1234", ANN]).await;
    assert!(reply.text().contains("<price>11.00</price>"), "{}", reply.text());
}

#[tokio::test]
async fn a_tiers_payout_is_the_leads_where_its_filter_fits_first() {
    let tiers = "lead_tier = [{ name = \"Gold\", payout = \"20.00\", filter = [{ field = \"state\", op = \"eq\", value = \"CA\" }] }, { name = \"Silver\", payout = \"15.00\", filter = [{ field = \"state\", op = \"in\", value = \"CA|NV\" }] }]";
    assert_eq!(price(&[(Part::Vertical, tiers)], &[HOSTED, ANN, "state=CA"]).await, "20.00");
    assert_eq!(price(&[(Part::Vertical, tiers)], &[HOSTED, ANN, "state=NV"]).await, "15.00");
    assert_eq!(price(&[(Part::Vertical, tiers)], &[HOSTED, ANN, "state=NY"]).await, "12.00");
}

#[tokio::test]
async fn a_tier_pays_the_house_nothing() {
    let tiers = "lead_tier = [{ name = \"Gold\", payout = \"20.00\", filter = [] }]";
    assert_eq!(price(&[(Part::Vertical, tiers)], &["ckm_offer_id=100&ckm_bp=0", ANN]).await, "0.00");
}

#[tokio::test]
async fn a_campaign_that_pays_per_click_pays_nothing_for_a_lead() {
    assert_eq!(price(&[(Part::Campaign, "price_format = \"cpc\"")], &[HOSTED, ANN]).await, "0.00");
    assert_eq!(price(&[(Part::Campaign, "price_format = \"cpm\"")], &[HOSTED, ANN]).await, "0.00");
}

#[tokio::test]
async fn a_test_is_accepted_at_nothing_on_every_offer_type() {
    let server = Server::start(network::SMALL).await;
    let cases = [
        "ckm_test=1".to_owned(),
        "first_name=ckmtest".to_owned(),
        "last_name=xCKMTestpixel".to_owned(),
        "address=12+ckmtest+street".to_owned(),
    ];
    for campaign in [HOSTED, HOST_N_POST] {
        for case in &cases {
            let reply = post(&server, &[campaign, ANN, case]).await;
            assert!(reply.text().contains("<code>0</code>"), "{case}: {}", reply.text());
            assert!(reply.text().contains("<price>0.00</price>"), "{case}: {}", reply.text());
            let lead = lead(&server, &lead_id(&reply)).await;
            assert_eq!(lead["status"], "test", "{case}");
            assert_eq!(lead["outcome"], "test");
            assert_eq!(lead["payout"], "0.00");
        }
    }
    let reply = post(&server, &[HOSTED, ANN, "ckm_test=0"]).await;
    assert_eq!(lead(&server, &lead_id(&reply)).await["status"], "queued");
}

#[tokio::test]
async fn a_test_is_validated() {
    let server = Server::start(network::SMALL).await;
    let texts = ["Lead Missing Data", "Email address is required.", "Zip code is required."];
    refused(&server, &[HOSTED, "ckm_test=1"], &texts).await;
}

#[tokio::test]
async fn a_host_n_post_lead_that_nobody_buys_is_kept_and_its_click_lists_it() {
    let server = Server::start(network::SMALL).await;
    let request_id = server.visitor().click("/?a=12&c=2001").await;
    let session = format!("ckm_offer_id=200&ckm_request_id={request_id}");
    refused(&server, &[&session, ANN], &["No Qualified Buyers Found"]).await;
    let lead = leads(&server).await.pop().unwrap();
    assert_eq!(lead["status"], "unsold");
    assert_eq!(lead["outcome"], "no_qualified_buyers");
    assert_eq!(lead["payout"], "0.00");
    assert_eq!(lead["affiliate"], 12);
    let click = server.api_json(&format!("/clicks/{request_id}")).await;
    assert_eq!(click["leads"], serde_json::json!([lead["id"]]));
    assert!(rejections(&server).await.is_empty());
}

#[tokio::test]
async fn queue_failures_lets_an_unsold_lead_wait_and_count_as_an_earlier_one() {
    let server = Server::start(&small_with(&[(Part::HostNPostOffer, "queue_failures = true")])).await;
    post(&server, &[HOST_N_POST, ANN]).await;
    let lead = leads(&server).await.pop().unwrap();
    assert_eq!(lead["status"], "queued");
    assert_eq!(lead["outcome"], "queued");
    refused(&server, &[HOST_N_POST, ANN], &["Duplicate Lead"]).await;
}

#[tokio::test]
async fn pay_flags_decide_what_an_unsold_host_n_post_lead_earns() {
    for (on_post, when_sold, payout) in
        [(true, true, "0.00"), (true, false, "20.00"), (false, true, "0.00"), (false, false, "0.00")]
    {
        let flags = format!("pay_on_post = {on_post}\npay_only_when_sold = {when_sold}");
        let server = Server::start(&small_with(&[(Part::HostNPostOffer, &flags)])).await;
        post(&server, &[HOST_N_POST, ANN]).await;
        let lead = leads(&server).await.pop().unwrap();
        assert_eq!(lead["payout"], payout, "{flags}");
    }
}

#[tokio::test]
async fn the_api_shows_a_lead_in_its_shape() {
    let server = Server::start(network::SMALL).await;
    let id = accepted(&server, &[HOSTED, ANN, "ckm_subid=web"]).await;
    let shown = lead(&server, &id).await;
    assert_eq!(shown["id"], id);
    assert_eq!(shown["at"].as_str().unwrap().parse::<crumb_domain::Timestamp>().unwrap().to_string(), {
        use crumb_domain::Clock as _;
        server.clock.now().to_string()
    });
    assert_eq!(shown["errors"], serde_json::json!([]));
    assert_eq!(shown["sub_ids"], serde_json::json!(["web", "", "", "", ""]));
    assert!(shown["request_id"].is_string());
    assert!(shown["config_version"].is_number());
    for name in [
        "id",
        "at",
        "post",
        "status",
        "outcome",
        "errors",
        "affiliate",
        "offer",
        "campaign",
        "attribution",
        "request_id",
        "sub_ids",
        "fields",
        "payout",
        "revenue",
        "sales",
        "config_version",
    ] {
        assert!(shown.get(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_test_with_a_field_for_review_is_a_test() {
    let server = Server::start(&small_with(&[(Part::ZipCode, "server_decision = \"review\"")])).await;
    let id = accepted(&server, &[HOSTED, "ckm_test=1&email_address=a@example.com&zip_code=x"]).await;
    assert_eq!(lead(&server, &id).await["status"], "test");
}
