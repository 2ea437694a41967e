//! Which leads are conversions, of what, and from when on.

use crate::contracts::*;
use crate::posts::{ANN, HOST_N_POST, HOSTED, accepted, lead_id, post};
use crumb_domain::EventId;
use crumb_domain::caps::{CapCheck, CapScope};
use crumb_domain::conversion::LeadConversion;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::network::CapOf;
use crumb_storage::selling::{LeadChange, SellingStore as _, Then};
use crumb_storage::{ClickStore as _, LeadStore as _};
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::{self, Part, small_with};
use crumb_testkit::{Reply, Server};
use serde_json::json;

/// A lead that its zip code holds back.
const BAD: &str = "email_address=ann@example.com&zip_code=x";
const REVIEW: (Part, &str) = (Part::ZipCode, "server_decision = \"review\"");

/// The event of which a lead is a conversion.
fn event(lead: &Lead) -> Option<i64> {
    lead.conversion.as_ref().map(|told| told.event.0)
}

async fn read(server: &Server, id: &str) -> Lead {
    server.site.store.lead(id.parse().unwrap()).await.unwrap().unwrap()
}

async fn act(server: &Server, id: &str, action: &str) {
    let reply = server.api_post(&format!("/leads/{id}/{action}"), &json!({})).await;
    assert_eq!(reply.status, 200, "{action}: {}", reply.text());
}

async fn resold(server: &Server) -> Reply {
    let id = newest(server).await.id;
    post(server, &[HOST_N_POST, &format!("ckm_lead_id={id}&ckm_resell=1")]).await
}

/// How many conversions the offer's and the campaign's caps have counted on the lead's day.
async fn counted(server: &Server, lead: &Lead) -> [u64; 2] {
    let day = server.site.network.snapshot().zone().day_of(lead.at);
    let count = async |scope| {
        let check = CapCheck { scope, of: CapOf::Conversion, first_day: day, day, limit: 0 };
        server.site.store.count(check).await.unwrap()
    };
    [count(CapScope::Offer(lead.offer)).await, count(CapScope::Campaign(lead.campaign.unwrap())).await]
}

/// What is kept where a pixel names the lead.
async fn named_by_a_pixel(server: &Server) {
    let lead = newest(server).await;
    let told = lead.conversion.clone().unwrap();
    let now = server.site.clock.now();
    let conversion = Some(LeadConversion { pixel_at: Some(now), ..told });
    let change = LeadChange { then: Then::AsBefore, ..LeadChange::new(Lead { conversion, ..lead }, now) };
    server.site.store.act(change).await.unwrap();
}

#[tokio::test]
async fn an_accepted_hosted_lead_is_a_conversion_of_event_1_at_once_and_stays_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = Server::start(network::SMALL).await;
    let id = accepted(&server, &[HOSTED, ANN]).await;
    let lead = read(&server, &id).await;
    assert_eq!((lead.status, event(&lead)), (LeadStatus::Queued, Some(1)));
    assert_eq!(lead.conversion, Some(LeadConversion::of(EventId(1))));
    assert_eq!(counted(&server, &lead).await, [1, 1]);
    server.apply(&Contract::new(7, &buyers.url("/accept"), "30.00").to_string()).await;
    let sold = until(&server, LeadStatus::Sold).await;
    assert_eq!((event(&sold), counted(&server, &sold).await), (Some(1), [1, 1]), "it counts once");
}

#[tokio::test]
async fn of_listed_events_it_is_the_default_one() {
    let events = |default: &str| {
        format!("event = [{{ id = 4, name = \"Signup\" }}, {{ id = 6, name = \"Lead\"{default} }}]")
    };
    for (default, expected) in [(", default = true", 6), ("", 4)] {
        let server = Server::start(&small_with(&[(Part::HostedOffer, &events(default))])).await;
        let id = accepted(&server, &[HOSTED, ANN]).await;
        assert_eq!(event(&read(&server, &id).await), Some(expected));
    }
}

#[tokio::test]
async fn a_host_n_post_lead_is_a_conversion_by_its_sale_or_where_unsold_ones_pay() {
    let buyers = MockBuyers::start().await.unwrap();
    for (when_sold, on_post, queued, if_unsold) in [
        (true, true, false, None),
        (true, false, false, None),
        (true, true, true, None),
        (false, true, false, Some(1)),
        (false, false, false, Some(1)),
        (false, true, true, Some(1)),
    ] {
        let keys = format!(
            "payout = \"2.00\"\npay_on_post = {on_post}\npay_only_when_sold = {when_sold}\nqueue_failures = {queued}"
        );
        let offer = (Part::HostNPostOffer, keys.as_str());
        let bought = [Contract::new(7, &buyers.url("/accept"), "30.00")];
        let server = Server::start(&market_with(&[offer], &bought)).await;
        assert_sold(&sell(&server, "ann").await);
        let sold = only(&server).await;
        assert_eq!((event(&sold), counted(&server, &sold).await), (Some(1), [1, 1]), "{keys}");
        for contracts in [Vec::new(), vec![Contract::new(7, &buyers.url("/reject"), "30.00")]] {
            let server = Server::start(&market_with(&[offer], &contracts)).await;
            assert_unsold(&sell(&server, "ann").await);
            let unsold = only(&server).await;
            let count = u64::from(if_unsold.is_some());
            assert_eq!((event(&unsold), counted(&server, &unsold).await), (if_unsold, [count; 2]), "{keys}");
        }
    }
}

#[tokio::test]
async fn a_lead_for_review_is_a_conversion_once_a_person_accepts_it() {
    for (campaign, keys, expected) in
        [(HOSTED, "", Some(1)), (HOST_N_POST, "", None), (HOST_N_POST, "pay_only_when_sold = false", Some(1))]
    {
        let server = Server::start(&market_with(&[REVIEW, (Part::HostNPostOffer, keys)], &[])).await;
        let id = accepted(&server, &[campaign, BAD]).await;
        let lead = read(&server, &id).await;
        assert_eq!(
            (lead.status, event(&lead), counted(&server, &lead).await),
            (LeadStatus::Review, None, [0, 0])
        );
        act(&server, &id, "accept").await;
        let lead = read(&server, &id).await;
        let count = u64::from(expected.is_some());
        assert_eq!(
            (event(&lead), counted(&server, &lead).await),
            (expected, [count; 2]),
            "{campaign} {keys}"
        );
    }
}

#[tokio::test]
async fn a_reviewed_host_n_post_lead_is_a_conversion_once_it_is_sold() {
    let buyers = MockBuyers::start().await.unwrap();
    let network = market_with(&[REVIEW], &[Contract::new(7, &buyers.url("/accept"), "30.00")]);
    let server = Server::start(&network).await;
    let id = accepted(&server, &[HOST_N_POST, BAD]).await;
    accepted(&server, &[HOST_N_POST, &format!("ckm_lead_id={id}&zip_code=90210")]).await;
    assert_eq!(event(&read(&server, &id).await), None);
    act(&server, &id, "accept").await;
    assert_eq!(event(&until(&server, LeadStatus::Sold).await), Some(1));
}

#[tokio::test]
async fn a_lead_that_is_thrown_out_or_held_back_later_stays_the_conversion_that_it_is() {
    let server = Server::start(&small_with(&[REVIEW])).await;
    let id = accepted(&server, &[HOSTED, ANN]).await;
    accepted(&server, &[HOSTED, &format!("ckm_lead_id={id}&zip_code=x")]).await;
    let lead = read(&server, &id).await;
    assert_eq!((lead.status, event(&lead)), (LeadStatus::Review, Some(1)));
    act(&server, &id, "throw-out").await;
    let lead = read(&server, &id).await;
    assert_eq!((lead.status, event(&lead)), (LeadStatus::Scrubbed, Some(1)));
    act(&server, &id, "accept").await;
    assert_eq!(event(&read(&server, &id).await), Some(1));
    assert_eq!(counted(&server, &lead).await, [1, 1], "it became one once");
}

#[tokio::test]
async fn a_test_and_an_unattributed_session_post_are_no_conversions() {
    let server = Server::start(network::SMALL).await;
    for campaign in [HOSTED, HOST_N_POST] {
        let id = accepted(&server, &[campaign, ANN, "ckm_test=1"]).await;
        let lead = read(&server, &id).await;
        assert_eq!(
            (lead.status, event(&lead), counted(&server, &lead).await),
            (LeadStatus::Test, None, [0, 0])
        );
    }
    let id = accepted(&server, &["ckm_offer_id=100&ckm_request_id=", ANN]).await;
    let lead = read(&server, &id).await;
    assert_eq!((lead.outcome, event(&lead)), (LeadOutcome::UnattributedSession, None));
    assert_eq!(counted(&server, &lead).await, [0, 0]);
}

#[tokio::test]
async fn a_late_sale_makes_a_conversion_only_where_the_campaign_pays_late_sales() {
    let buyers = MockBuyers::start().await.unwrap();
    let network = market(&[Contract::new(7, &buyers.url("/cut-after"), "30.00")]);
    for (keys, expected) in [("", None), ("pay_late_sales = true", Some(1))] {
        let server = Server::start(&with_campaign(&network, keys)).await;
        assert_unsold(&sell(&server, "ann").await);
        let pending = only(&server).await;
        assert_eq!((pending.status, event(&pending)), (LeadStatus::PendingUnknown, None));
        let settle = json!({ "contract": 7, "sold": true });
        let reply = server.api_post(&format!("/leads/{}/settle", pending.id), &settle).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let sold = only(&server).await;
        let count = u64::from(expected.is_some());
        assert_eq!((sold.status, event(&sold)), (LeadStatus::Sold, expected), "{keys}");
        assert_eq!(counted(&server, &sold).await, [count; 2]);
    }
}

#[tokio::test]
async fn a_lead_that_is_offered_again_and_sold_late_is_one_only_where_that_pays() {
    let buyers = MockBuyers::start().await.unwrap();
    for (keys, expected) in [("", None), ("pay_late_sales = true", Some(1))] {
        let network = market(&[Contract::new(7, &buyers.url("/reject"), "30.00")]);
        let server = Server::start(&with_campaign(&network, keys)).await;
        assert_unsold(&sell(&server, "ann").await);
        server.apply(&Contract::new(8, &buyers.url("/accept"), "20.00").to_string()).await;
        assert_sold(&resold(&server).await);
        let sold = only(&server).await;
        assert_eq!((sold.status, event(&sold)), (LeadStatus::Sold, expected), "{keys}");
    }
}

#[tokio::test]
async fn a_sale_that_a_crash_left_untold_makes_a_conversion_at_the_next_start() {
    let buyers = MockBuyers::start().await.unwrap();
    let all = [
        Contract::new(7, &buyers.url("/accept"), "30.00").multisell(),
        Contract::new(8, &buyers.url("/stall"), "20.00").multisell(),
    ];
    let server = Server::start(&market(&all)).await;
    let client = server.tracking.clone();
    tokio::spawn(async move { client.post_form("/d.ashx", &offered("ann")).await });
    buyers.wait_for(2).await.unwrap();
    let server = server.crashed().await;
    let lead = only(&server).await;
    assert_eq!((lead.status, event(&lead)), (LeadStatus::Sold, Some(1)));
    assert_eq!(counted(&server, &lead).await, [1, 1]);
}

#[tokio::test]
async fn a_lead_that_a_pixel_has_named_is_paid_its_share_of_a_sale_that_comes_after() {
    let buyers = MockBuyers::start().await.unwrap();
    let keys =
        "payout_percent = \"10\"\npay_on_post = false\npay_only_when_sold = false\nqueue_failures = true";
    for (is_named, paid) in [(false, "0.00"), (true, "2.00")] {
        let network = market_with(&[(Part::HostNPostOffer, keys)], &[]);
        let server = Server::start(&with_campaign(&network, "pay_late_sales = true")).await;
        assert_unsold(&sell(&server, "ann").await);
        if is_named {
            named_by_a_pixel(&server).await;
        }
        server.apply(&Contract::new(7, &buyers.url("/accept"), "20.00").to_string()).await;
        assert_eq!(until(&server, LeadStatus::Sold).await.payout.to_string(), paid);
    }
}

#[tokio::test]
async fn a_lead_sold_in_time_is_not_late_by_a_second_sale_before_its_pixel_comes() {
    let buyers = MockBuyers::start().await.unwrap();
    let multi = |id: u32| Contract::new(id, &buyers.url("/accept"), "9.00").multisell();
    let keys = "payout = \"2.00\"\npay_on_post = false";
    let server = Server::start(&market_with(&[(Part::HostNPostOffer, keys)], &[multi(7), multi(8)])).await;
    assert_eq!(lead_id(&sell(&server, "ann").await), newest(&server).await.id.as_str());
    named_by_a_pixel(&server).await;
    server.apply(&format!("{}{}", multi(9), multi(10))).await;
    assert_sold(&resold(&server).await);
    assert_eq!(only(&server).await.payout.to_string(), "2.00");
}

#[tokio::test]
async fn a_conversion_cap_refuses_no_lead_and_pays_none_over_it() {
    let caps = "caps = [{ of = \"conversion\", interval = \"day\", limit = 1 }]";
    let server = Server::start(&small_with(&[(Part::HostedOffer, caps), (Part::Campaign, caps)])).await;
    for (name, payout) in [("ann", "12.00"), ("bob", "0.00")] {
        let person = format!("email_address={name}@example.com&zip_code=90210");
        let id = accepted(&server, &[HOSTED, &person]).await;
        let lead = read(&server, &id).await;
        assert_eq!((lead.payout.to_string().as_str(), event(&lead)), (payout, Some(1)), "{name}");
        assert_eq!(counted(&server, &lead).await, [1; 2]);
    }
}
