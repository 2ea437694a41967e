//! Who is told of leads that are conversions, and that they are told once.

use crate::contracts::*;
use crate::posts::{ANN, HOSTED, accepted, post};
use crumb_domain::Money;
use crumb_domain::conversion::{Conversion, ConversionDisposition};
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_storage::conversions::{ChangeConversion, ConversionStore as _};
use crumb_storage::outbox::{DeliveryFilter, OutboxStore as _};
use crumb_storage::{LeadStore as _, PageRequest, SellingStore as _};
use crumb_testkit::Server;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;
use serde_json::json;

const AFFILIATE: (Part, &str) = (
    Part::Affiliate,
    "postback_url = \"https://aff.example/all?p=#price#&l=#leadid#&e=#email_address#&s=#s1#\"",
);
const CAMPAIGN: &str = "postback_url = \"https://aff.example/one?c=#campid#\"";
const REVIEW: (Part, &str) = (Part::ZipCode, "server_decision = \"review\"");
const BAD: &str = "email_address=ann@example.com&zip_code=x";

/// The network of these contracts, whose affiliate and campaigns have postbacks.
fn telling(changes: &[(Part, &str)], contracts: &[Contract]) -> String {
    let all = [&[AFFILIATE, (Part::Campaign, CAMPAIGN)], changes].concat();
    with_campaign(&market_with(&all, contracts), CAMPAIGN)
}

/// The URLs that are to be called, oldest first.
async fn told(server: &Server) -> Vec<String> {
    let page = PageRequest { limit: 100, ascending: true, cursor: None };
    let all = server.site.store.deliveries(DeliveryFilter::default(), page).await.unwrap().data;
    all.into_iter().map(|delivery| delivery.url).collect()
}

/// That both were told of the lead once.
async fn assert_told(server: &Server, campaign: u32, price: &str, lead: &Lead) {
    let id = &lead.id;
    let expected = [
        format!("https://aff.example/one?c={campaign}"),
        format!("https://aff.example/all?p={price}&l={id}&e=ann%40example.com&s="),
    ];
    assert_eq!(told(server).await, expected);
}

/// Does it as soon as the lead is not in hand: what was let through is run at once.
async fn act(server: &Server, lead: &Lead, action: &str, body: serde_json::Value) {
    loop {
        let reply = server.api_post(&format!("/leads/{}/{action}", lead.id), &body).await;
        if !reply.text().contains("it is being sold right now") {
            assert_eq!(reply.status, 200, "{action}: {}", reply.text());
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn read(server: &Server, id: &str) -> Lead {
    server.site.store.lead(id.parse().unwrap()).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_accepted_hosted_lead_is_told_of_at_once_and_not_again_when_it_is_sold() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&telling(&[], &[])).await;
    let lead = read(&server, &accepted(&server, &[HOSTED, ANN]).await).await;
    assert_told(&server, 57, "12.00", &lead).await;
    server.apply(&Contract::new(7, &buyers.url("/accept"), "30.00").to_string()).await;
    let sold = until(&server, LeadStatus::Sold).await;
    assert_told(&server, 57, "12.00", &sold).await;
}

#[tokio::test]
async fn a_delivery_says_what_it_is_about() {
    let server = Server::start(&telling(&[], &[])).await;
    let lead = read(&server, &accepted(&server, &[HOSTED, ANN]).await).await;
    let all = server.site.store.deliveries(DeliveryFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!(all.data.len(), 2, "the campaign's and the affiliate's");
    for delivery in all.data {
        assert_eq!((delivery.conversion, delivery.lead), (Some(lead.row), Some(lead.id)));
        assert_eq!((delivery.offer, delivery.campaign), (Some(lead.offer), lead.campaign));
    }
}

#[tokio::test]
async fn a_host_n_post_lead_is_told_of_when_it_is_sold_and_not_where_nobody_bought_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let server =
        Server::start(&telling(&[], &[Contract::new(7, &buyers.url("/in-turn?of=reject,accept"), "30.00")]))
            .await;
    assert_unsold(&sell(&server, "bob").await);
    assert!(told(&server).await.is_empty());
    assert_sold(&sell(&server, "ann").await);
    assert_told(&server, 58, "2.00", &newest(&server).await).await;
}

#[tokio::test]
async fn an_unsold_lead_that_is_paid_all_the_same_is_told_of() {
    let buyers = MockBuyers::start().await.unwrap();
    let pays = (Part::HostNPostOffer, "payout = \"2.00\"\npay_only_when_sold = false");
    for contracts in [Vec::new(), vec![Contract::new(7, &buyers.url("/reject"), "30.00")]] {
        let server = Server::start(&telling(&[pays], &contracts)).await;
        assert_unsold(&sell(&server, "ann").await);
        assert_told(&server, 58, "2.00", &only(&server).await).await;
    }
}

#[tokio::test]
async fn a_lead_that_its_offer_pays_by_the_pixel_is_told_of_once_when_that_comes() {
    let buyers = MockBuyers::start().await.unwrap();
    let accept = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let reject = [Contract::new(7, &buyers.url("/reject"), "30.00")];
    for (when_sold, contracts) in [(true, &accept), (false, &accept), (false, &reject)] {
        let keys = format!("payout = \"2.00\"\npay_on_post = false\npay_only_when_sold = {when_sold}");
        let server = Server::start(&telling(&[(Part::HostNPostOffer, &keys)], contracts)).await;
        sell(&server, "ann").await;
        assert!(told(&server).await.is_empty(), "{keys}");
        let lead = only(&server).await;
        assert_eq!(lead.payout.to_string(), "0.00");
        let pixel = format!("/p.ashx?f=pb&o=200&r={}", server.site.request_id(lead.session).unwrap());
        assert!(server.tracking.get(&pixel).await.text().contains("<msg>SUCCESS</msg>"));
        assert_told(&server, 58, "2.00", &lead).await;
        assert_eq!(only(&server).await.payout.to_string(), "2.00");
    }
}

#[tokio::test]
async fn a_late_sale_fires_the_postbacks_where_the_campaign_pays_late_sales() {
    let buyers = MockBuyers::start().await.unwrap();
    let network = telling(&[], &[Contract::new(7, &buyers.url("/cut-after"), "30.00")]);
    for (keys, is_told) in [("", false), ("pay_late_sales = true", true)] {
        let server = Server::start(&with_campaign(&network, keys)).await;
        assert_unsold(&sell(&server, "ann").await);
        assert!(told(&server).await.is_empty());
        let lead = only(&server).await;
        act(&server, &lead, "settle", json!({ "contract": 7, "sold": true })).await;
        if is_told {
            assert_told(&server, 58, "2.00", &lead).await;
        } else {
            assert!(told(&server).await.is_empty());
        }
    }
}

#[tokio::test]
async fn a_lead_that_a_pixel_named_while_nobody_had_bought_it_is_paid_and_told_of_by_its_late_sale() {
    let buyers = MockBuyers::start().await.unwrap();
    for (on_post, late, is_paid) in
        [(true, true, true), (false, true, true), (true, false, false), (false, false, false)]
    {
        let keys = format!("payout = \"2.00\"\npay_on_post = {on_post}");
        let cut = [Contract::new(7, &buyers.url("/cut-after"), "30.00")];
        let network = telling(&[(Part::HostNPostOffer, &keys)], &cut);
        let server = Server::start(&with_campaign(&network, &format!("pay_late_sales = {late}"))).await;
        assert_unsold(&sell(&server, "ann").await);
        let lead = only(&server).await;
        let request_id = server.site.request_id(lead.session).unwrap();
        let pixel = server.tracking.get(&format!("/p.ashx?f=pb&o=200&r={request_id}&t=T-1")).await.text();
        assert!(pixel.contains("<msg>SUCCESS</msg>"), "{pixel}");
        let named = only(&server).await;
        assert!(!named.is_conversion() && named.conversion.is_some(), "it is named, and none");
        assert!(told(&server).await.is_empty());
        act(&server, &lead, "settle", json!({ "contract": 7, "sold": true })).await;
        let sold = only(&server).await;
        let conversion = server.site.store.conversion(lead.row).await.unwrap().unwrap();
        assert_eq!(conversion.reported.transaction_id.as_deref(), Some("T-1"));
        assert_eq!(sold.is_conversion(), is_paid);
        if is_paid {
            assert_eq!(sold.payout.to_string(), "2.00");
            assert_eq!(conversion.disposition, ConversionDisposition::Approved);
            assert_told(&server, 58, "2.00", &lead).await;
        } else {
            assert_eq!(sold.payout.to_string(), "0.00");
            assert_eq!(conversion.disposition, ConversionDisposition::Rejected);
            assert!(told(&server).await.is_empty());
        }
    }
}

#[tokio::test]
async fn a_lead_for_review_is_told_of_once_however_often_a_person_lets_it_through() {
    let server = Server::start(&telling(&[REVIEW], &[])).await;
    let id = accepted(&server, &[HOSTED, BAD]).await;
    assert!(told(&server).await.is_empty());
    let lead = read(&server, &id).await;
    act(&server, &lead, "accept", json!({})).await;
    assert_told(&server, 57, "12.00", &lead).await;
    accepted(&server, &[HOSTED, &format!("ckm_lead_id={id}&zip_code=90210")]).await;
    accepted(&server, &[HOSTED, &format!("ckm_lead_id={id}&zip_code=y")]).await;
    assert_eq!(read(&server, &id).await.status, LeadStatus::Review);
    while server.site.store.selling_counts().await.unwrap().in_hand > 0 {
        tokio::task::yield_now().await;
    }
    act(&server, &lead, "accept", json!({})).await;
    assert_told(&server, 57, "12.00", &lead).await;
}

#[tokio::test]
async fn a_test_a_refused_post_and_a_duplicate_are_told_to_nobody() {
    let server = Server::start(&telling(&[], &[])).await;
    accepted(&server, &[HOSTED, ANN, "ckm_test=1"]).await;
    post(&server, &[HOSTED, "email_address=ann"]).await;
    assert!(told(&server).await.is_empty());
    let lead = read(&server, &accepted(&server, &[HOSTED, ANN]).await).await;
    assert!(post(&server, &[HOSTED, ANN]).await.text().contains("Duplicate Lead"));
    assert_told(&server, 57, "12.00", &lead).await;
}

#[tokio::test]
async fn the_session_of_the_click_is_told_with_the_lead() {
    let own = "postback_url = \"https://aff.example/?r=#reqid#&u=#udid#&s=#s1#\"";
    let server = Server::start(&telling(&[], &[]).replace(AFFILIATE.1, own)).await;
    let id = server.visitor().click("/?a=12&c=1057&s1=web&udid=d-1").await;
    accepted(&server, &[&format!("ckm_offer_id=100&ckm_request_id={id}"), ANN]).await;
    assert_eq!(told(&server).await[1], format!("https://aff.example/?r={id}&u=d-1&s=web"));
}

#[tokio::test]
async fn a_sale_pays_no_conversion_that_a_person_has_rejected() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(&telling(&[], &[])).await;
    let lead = read(&server, &accepted(&server, &[HOSTED, ANN]).await).await;
    let conversion = server.site.store.conversion(lead.row).await.unwrap().unwrap();
    let rejected =
        Conversion { payout: Money::ZERO, disposition: ConversionDisposition::Rejected, ..conversion };
    let change = ChangeConversion {
        conversion: rejected,
        ledger: Vec::new(),
        deliveries: Vec::new(),
        timeline: Vec::new(),
        once_a_transaction: false,
    };
    server.site.store.change_conversion(change).await.unwrap();
    server.apply(&Contract::new(7, &buyers.url("/accept"), "30.00").to_string()).await;
    let sold = until(&server, LeadStatus::Sold).await;
    assert_eq!((sold.payout.to_string().as_str(), sold.revenue.to_string().as_str()), ("0.00", "30.00"));
    assert_eq!(told(&server).await.len(), 2);
}

#[tokio::test]
async fn a_lead_that_was_told_of_is_not_told_of_again_where_its_offer_pays_by_the_pixel_later() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let server = Server::start(&telling(&[], &contracts)).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    assert_told(&server, 58, "2.00", &lead).await;
    let keys = "payout = \"2.00\"\npay_on_post = false";
    server.apply(&telling(&[(Part::HostNPostOffer, keys)], &contracts)).await;
    named(&server, &lead).await;
    assert_told(&server, 58, "2.00", &lead).await;
    assert_eq!(only(&server).await.payout.to_string(), "2.00");
}

#[tokio::test]
async fn a_pixel_pays_no_conversion_that_a_person_has_rejected() {
    let buyers = MockBuyers::start().await.unwrap();
    let keys = "payout = \"2.00\"\npay_on_post = false";
    let contracts = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let server = Server::start(&telling(&[(Part::HostNPostOffer, keys)], &contracts)).await;
    assert_sold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    let conversion = server.site.store.conversion(lead.row).await.unwrap().unwrap();
    let conversion = Conversion { disposition: ConversionDisposition::Rejected, ..conversion };
    let change = ChangeConversion {
        conversion,
        ledger: Vec::new(),
        deliveries: Vec::new(),
        timeline: Vec::new(),
        once_a_transaction: false,
    };
    server.site.store.change_conversion(change).await.unwrap();
    named(&server, &lead).await;
    assert_eq!(only(&server).await.payout.to_string(), "0.00");
    assert!(told(&server).await.is_empty());
}

/// A pixel names the lead.
async fn named(server: &Server, lead: &Lead) {
    let pixel = format!("/p.ashx?f=pb&o=200&r={}", server.site.request_id(lead.session).unwrap());
    assert!(server.tracking.get(&pixel).await.text().contains("<msg>SUCCESS</msg>"));
}
