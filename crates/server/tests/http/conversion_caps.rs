//! Leads that become a conversion while a conversion cap of their offer or campaign is full:
//! taken and sold like any other, and paid nothing unless a person says so.

use crate::contracts::*;
use crate::conversions::{conversions, converted, dispositions, ledger_sum};
use crate::posts::{ANN, BOB, HOST_N_POST, HOSTED, accepted, at_once, form, lead_id, post};
use crumb_domain::caps::{CapCheck, CapScope};
use crumb_domain::lead::LeadStatus;
use crumb_domain::network::CapOf;
use crumb_domain::time::Day;
use crumb_domain::{CampaignId, OfferId};
use crumb_storage::outbox::DeliveryFilter;
use crumb_storage::{ClickStore as _, OutboxStore as _, PageRequest};
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;
use crumb_testkit::{Reply, Request, Server};
use serde_json::{Value, json};

const AFFILIATE: (Part, &str) = (
    Part::Affiliate,
    "postback_url = \"https://aff.example/?p=#price#\"\npixel_html = \"<b>shown #price#</b>\"",
);
const REVIEW: (Part, &str) = (Part::ZipCode, "server_decision = \"review\"");
const OVER: &str = "Over Conversion Cap";

fn cap(limit: u32) -> String {
    format!("caps = [{{ of = \"conversion\", interval = \"total\", limit = {limit} }}]")
}

/// What the conversion of a lead comes to: where it stands and what it pays.
async fn stands(server: &Server, lead: &str) -> (String, String) {
    let row = server.api_json(&format!("/conversions/{lead}")).await;
    let text = |member: &str| row[member].as_str().unwrap().to_owned();
    (text("disposition"), text("payout"))
}

fn as_is(disposition: &str, payout: &str) -> (String, String) {
    (disposition.to_owned(), payout.to_owned())
}

async fn paid(server: &Server) -> String {
    ledger_sum(server, "affiliate:12").await
}

/// Waits for a lead that the queue has in hand at that moment.
async fn act(server: &Server, path: &str, body: Value) -> Value {
    loop {
        let reply = server.api_post(path, &body).await;
        if !reply.text().contains("it is being sold right now") {
            assert!(reply.status.is_success(), "{path}: {}", reply.text());
            return reply.json();
        }
        tokio::task::yield_now().await;
    }
}

async fn approve(server: &Server, lead: &str) {
    act(server, &format!("/conversions/{lead}/approve"), json!({})).await;
}

/// The destinations that were told, oldest first.
async fn told(server: &Server) -> Vec<String> {
    let page = PageRequest { limit: 1_000, ascending: true, cursor: None };
    let all = server.site.store.deliveries(DeliveryFilter::default(), page).await.unwrap().data;
    all.into_iter().map(|delivery| delivery.destination).collect()
}

/// How many conversions count for the caps of an offer.
async fn counted(server: &Server, scope: CapScope) -> u64 {
    let check =
        CapCheck { scope, of: CapOf::Conversion, first_day: Day(i32::MIN), day: Day(i32::MAX), limit: 0 };
    server.site.store.count(check).await.unwrap()
}

/// What a success says of the price.
fn price(reply: &Reply) -> String {
    assert_sold(reply);
    reply.between("<price>", "</price>")
}

async fn clicked(server: &Server, offer: u32) -> String {
    let creative = if offer == 100 { 1057 } else { 2001 };
    server.visitor().click(&format!("/?a=12&c={creative}")).await
}

/// A post for the session of a request id.
async fn post_of(server: &Server, offer: u32, id: &str, name: &str) -> Reply {
    let body =
        format!("ckm_offer_id={offer}&ckm_request_id={id}&email_address={name}@example.com&zip_code=90210");
    server.tracking.post_form("/d.ashx", &body).await
}

/// Once the newest lead is sold.
async fn sold(server: &Server) {
    until(server, LeadStatus::Sold).await;
}

/// Two contracts that buy together, for 30.00 each; of a second pair one has room.
fn pair(buyers: &MockBuyers, ids: [u32; 2]) -> [Contract; 2] {
    ids.map(|id| Contract::new(id, &buyers.url("/accept"), "30.00").multisell())
}

#[tokio::test]
async fn over_a_conversion_cap_a_hosted_lead_is_taken_sold_and_paid_nothing() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    for part in [Part::HostedOffer, Part::Campaign] {
        let server = Server::start(&market_with(&[AFFILIATE, (part, &cap(1))], &contract)).await;
        assert_eq!(price(&post(&server, &[HOSTED, ANN]).await), "12.00");
        sold(&server).await;
        let reply = post(&server, &[HOSTED, BOB]).await;
        assert_eq!(price(&reply), "0.00");
        let bob = lead_id(&reply);
        sold(&server).await;
        assert_eq!(stands(&server, &bob).await, as_is(OVER, "0.00"));
        let lead = newest(&server).await;
        assert_eq!((lead.payout.to_string(), lead.revenue.to_string()), ("0.00".into(), "30.00".into()));
        assert_eq!(
            (paid(&server).await, ledger_sum(&server, "buyer:7").await),
            ("12.00".into(), "-60.00".into())
        );
        let scopes = [CapScope::Offer(OfferId(100)), CapScope::Campaign(CampaignId(57))];
        for scope in scopes {
            assert_eq!(counted(&server, scope).await, 1);
        }
        assert_eq!(told(&server).await, ["affiliate:12"]);
        // A person lets it count all the same: it is paid and told of then, and counts no more.
        approve(&server, &bob).await;
        assert_eq!(stands(&server, &bob).await, as_is("approved", "12.00"));
        assert_eq!((paid(&server).await, told(&server).await.len()), ("24.00".into(), 2));
        assert_eq!(counted(&server, scopes[0]).await, 1);
        let again = server.api_json(&format!("/leads/{bob}")).await;
        assert_eq!(again["payout"], "12.00");
    }
}

#[tokio::test]
async fn over_a_conversion_cap_a_lead_that_is_sold_within_its_post_is_paid_nothing() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let server = Server::start(&market_with(&[AFFILIATE, (Part::HostNPostOffer, &cap(1))], &contract)).await;
    assert_eq!(price(&sell(&server, "ann").await), "2.00");
    let reply = sell(&server, "bob").await;
    assert_eq!(price(&reply), "0.00");
    assert_eq!(stands(&server, &lead_id(&reply)).await, as_is(OVER, "0.00"));
    assert_eq!((paid(&server).await, ledger_sum(&server, "buyer:7").await), ("2.00".into(), "-60.00".into()));
    assert_eq!(counted(&server, CapScope::Offer(OfferId(200))).await, 1);
    assert_eq!(told(&server).await, ["affiliate:12"]);
    let entries = server.api_json(&format!("/leads/{}/timeline", lead_id(&reply))).await;
    let line = entries["data"].as_array().unwrap().iter().find(|line| line["code"] == "conversion_over_cap");
    assert_eq!(
        line.unwrap()["text"],
        "the conversion cap of its offer or campaign is full: its affiliate is paid nothing of 2.00 for now, \
         unless its conversion is approved"
    );
    approve(&server, &lead_id(&reply)).await;
    assert_eq!((paid(&server).await, told(&server).await.len()), ("4.00".into(), 2));
}

#[tokio::test]
async fn the_answer_is_the_same_in_json_and_under_its_idempotency_key() {
    let server = Server::start(&market_with(&[(Part::HostedOffer, &cap(0))], &[])).await;
    let send = || {
        let body = format!("{HOSTED}&{ANN}");
        form(&body).header("accept", "application/json").header("idempotency-key", "once")
    };
    let first = server.tracking.send(send()).await;
    assert_eq!((&first.json()["code"], &first.json()["price"]), (&json!(0), &json!("0.00")));
    assert_eq!(server.tracking.send(send()).await.text(), first.text());
}

#[tokio::test]
async fn a_lead_that_a_person_accepts_meets_the_cap_then() {
    let server = Server::start(&market_with(&[AFFILIATE, REVIEW, (Part::HostedOffer, &cap(1))], &[])).await;
    let bad = "email_address=eve@example.com&zip_code=x";
    let eve = accepted(&server, &[HOSTED, bad]).await;
    accepted(&server, &[HOSTED, ANN]).await;
    act(&server, &format!("/leads/{eve}/accept"), json!({})).await;
    assert_eq!(stands(&server, &eve).await, as_is(OVER, "0.00"));
    assert_eq!((paid(&server).await, told(&server).await.len()), ("12.00".into(), 1));
    // Taken out and accepted once more it is still nobody's to pay.
    act(&server, &format!("/leads/{eve}/throw-out"), json!({})).await;
    act(&server, &format!("/leads/{eve}/accept"), json!({})).await;
    assert_eq!((stands(&server, &eve).await, paid(&server).await), (as_is(OVER, "0.00"), "12.00".into()));
    approve(&server, &eve).await;
    assert_eq!((paid(&server).await, told(&server).await.len()), ("24.00".into(), 2));
}

#[tokio::test]
async fn a_cap_is_that_of_the_day_on_which_the_lead_came_and_of_what_came_since_in_its_interval() {
    for (interval, expected) in [("total", OVER), ("day", "approved")] {
        let caps = format!("caps = [{{ of = \"conversion\", interval = \"{interval}\", limit = 1 }}]");
        let server = Server::start(&market_with(&[REVIEW, (Part::HostedOffer, &caps)], &[])).await;
        let eve = accepted(&server, &[HOSTED, "email_address=eve@example.com&zip_code=x"]).await;
        server.clock.advance_days(1);
        let ann = accepted(&server, &[HOSTED, ANN]).await;
        assert_eq!(stands(&server, &ann).await, as_is("approved", "12.00"));
        act(&server, &format!("/leads/{eve}/accept"), json!({})).await;
        assert_eq!(stands(&server, &eve).await.0, expected, "{interval}");
    }
}

#[tokio::test]
async fn tests_meet_no_conversion_cap() {
    let server = Server::start(&market_with(&[(Part::HostedOffer, &cap(0))], &[])).await;
    accepted(&server, &[HOSTED, ANN, "ckm_test=1"]).await;
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.conversion), (LeadStatus::Test, None));
}

#[tokio::test]
async fn no_later_sale_pays_a_share_over_the_cap_but_approving_it_does() {
    let buyers = MockBuyers::start().await.unwrap();
    let capped = format!("{}\npayout_percent = \"50\"", cap(0));
    let network =
        market_with(&[AFFILIATE, (Part::HostedOffer, &capped)], &[]).replace("payout = \"12.00\"\n", "");
    let pair = |ids: [u32; 2]| pair(&buyers, ids).map(|contract| contract.to_string()).concat();
    let server = Server::start(&network).await;
    let ann = accepted(&server, &[HOSTED, ANN]).await;
    server.apply(&pair([7, 8])).await;
    sold(&server).await;
    assert_eq!((stands(&server, &ann).await, paid(&server).await), (as_is(OVER, "0.00"), "0.00".into()));
    assert_eq!(told(&server).await, [""; 0]);
    approve(&server, &ann).await;
    assert_eq!((paid(&server).await, told(&server).await.len()), ("30.00".into(), 1));
    // From then on it is paid as any other.
    server.apply(&pair([9, 10])).await;
    act(&server, &format!("/leads/{ann}/resell"), json!({})).await;
    while only(&server).await.sales.len() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!((paid(&server).await, told(&server).await.len()), ("45.00".into(), 1));
}

#[tokio::test]
async fn a_share_that_is_approved_before_its_sale_is_paid_and_told_of_by_that() {
    let buyers = MockBuyers::start().await.unwrap();
    let capped = format!("{}\npayout_percent = \"50\"", cap(0));
    let network =
        market_with(&[AFFILIATE, (Part::HostedOffer, &capped)], &[]).replace("payout = \"12.00\"\n", "");
    let server = Server::start(&network).await;
    let ann = accepted(&server, &[HOSTED, ANN]).await;
    approve(&server, &ann).await;
    assert_eq!((paid(&server).await, told(&server).await.len()), ("0.00".into(), 0));
    server.apply(&Contract::new(7, &buyers.url("/accept"), "30.00").to_string()).await;
    sold(&server).await;
    assert_eq!((paid(&server).await, told(&server).await.len()), ("15.00".into(), 1));
}

#[tokio::test]
async fn a_sale_that_is_paid_late_meets_the_cap_then() {
    let buyers = MockBuyers::start().await.unwrap();
    let capped = format!("{}\nqueue_failures = true", cap(0));
    let network = market_with(&[AFFILIATE, (Part::HostNPostOffer, &capped)], &[]);
    let server = Server::start(&with_campaign(&network, "pay_late_sales = true")).await;
    assert_unsold(&sell(&server, "ann").await);
    server.apply(&Contract::new(7, &buyers.url("/accept"), "30.00").to_string()).await;
    sold(&server).await;
    let ann = only(&server).await.id.to_string();
    assert_eq!((stands(&server, &ann).await, paid(&server).await), (as_is(OVER, "0.00"), "0.00".into()));
    approve(&server, &ann).await;
    assert_eq!((paid(&server).await, told(&server).await.len()), ("2.00".into(), 1));
}

#[tokio::test]
async fn a_post_whose_end_becomes_known_meets_the_cap_then() {
    let buyers = MockBuyers::start().await.unwrap();
    let cut = Contract::new(7, &buyers.url("/cut-after"), "30.00");
    let network = market_with(&[AFFILIATE, (Part::HostNPostOffer, &cap(0))], &[cut]);
    let server = Server::start(&with_campaign(&network, "pay_late_sales = true")).await;
    assert_unsold(&sell(&server, "ann").await);
    let lead = only(&server).await;
    act(&server, &format!("/leads/{}/settle", lead.id), json!({ "contract": 7, "sold": true })).await;
    let lead = only(&server).await;
    assert_eq!((lead.status, lead.payout.to_string()), (LeadStatus::Sold, "0.00".into()));
    assert_eq!((stands(&server, lead.id.as_str()).await.0, told(&server).await.len()), (OVER.into(), 0));
}

#[tokio::test]
async fn no_pixel_pays_a_lead_over_the_cap_and_its_page_shows_nothing() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let capped = format!("{}\npayout = \"2.00\"\npay_on_post = false", cap(0));
    let server = Server::start(&market_with(&[AFFILIATE, (Part::HostNPostOffer, &capped)], &contract)).await;
    let visitor = server.visitor();
    let id = visitor.click("/?a=12&c=2001").await;
    let ann = lead_id(&post_of(&server, 200, &id, "ann").await);
    let page = visitor.get("/p.ashx?o=200&t=T-1&p=40.00").await.text();
    assert!(!page.contains("shown"), "{page}");
    assert_eq!(dispositions(&server).await, ["ok"]);
    assert_eq!((stands(&server, &ann).await, paid(&server).await), (as_is(OVER, "0.00"), "0.00".into()));
    assert_eq!((ledger_sum(&server, "advertiser:1").await, told(&server).await.len()), ("0.00".into(), 0));
    approve(&server, &ann).await;
    assert_eq!((paid(&server).await, told(&server).await.len()), ("2.00".into(), 1));
    assert_eq!(conversions(&server).await[0]["received"], "40.00");
    let page = visitor.get("/p.ashx?o=200&t=T-1").await.text();
    assert!(page.contains("shown 2.00"), "{page}");
}

#[tokio::test]
async fn one_that_is_approved_before_its_pixel_is_paid_by_that() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let capped = format!("{}\npayout = \"2.00\"\npay_on_post = false", cap(0));
    let server = Server::start(&market_with(&[AFFILIATE, (Part::HostNPostOffer, &capped)], &contract)).await;
    let id = clicked(&server, 200).await;
    let ann = lead_id(&post_of(&server, 200, &id, "ann").await);
    approve(&server, &ann).await;
    assert_eq!((paid(&server).await, told(&server).await.len()), ("0.00".into(), 0));
    converted(&server, &format!("r={id}")).await;
    assert_eq!((paid(&server).await, told(&server).await.len()), ("2.00".into(), 1));
}

#[tokio::test]
async fn neither_a_resell_nor_a_return_moves_the_payout_of_a_lead_over_the_cap() {
    let buyers = MockBuyers::start().await.unwrap();
    let capped = format!("{}\npayout = \"0.00\"\npayout_percent = \"50\"", cap(0));
    let network = market_with(&[AFFILIATE, (Part::HostNPostOffer, &capped)], &pair(&buyers, [7, 8]));
    let server = Server::start(&with_campaign(&network, "pay_late_sales = true")).await;
    let ann = lead_id(&sell(&server, "ann").await);
    server.apply(&pair(&buyers, [9, 10]).map(|contract| contract.to_string()).concat()).await;
    let resold = post(&server, &[HOST_N_POST, &format!("ckm_lead_id={ann}&ckm_resell=1")]).await;
    assert_eq!(price(&resold), "0.00");
    assert_eq!((only(&server).await.sales.len(), paid(&server).await), (3, "0.00".into()));
    let body = json!({
        "type": "approve_for_credit", "reason": "wrong number", "contract": 7, "take_back_payout": true
    });
    act(&server, &format!("/leads/{ann}/returns"), body).await;
    assert_eq!((stands(&server, &ann).await, paid(&server).await), (as_is(OVER, "0.00"), "0.00".into()));
    // What is left of it is its share of the sales that stand.
    approve(&server, &ann).await;
    assert_eq!((paid(&server).await, told(&server).await.len()), ("30.00".into(), 1));
}

#[tokio::test]
async fn a_lead_meets_what_pixels_have_counted_and_they_what_leads_have() {
    let server = Server::start(&market_with(&[(Part::HostedOffer, &cap(1))], &[])).await;
    converted(&server, &format!("r={}", clicked(&server, 100).await)).await;
    let ann = accepted(&server, &[HOSTED, ANN]).await;
    assert_eq!(stands(&server, &ann).await.0, OVER);
    let server = Server::start(&market_with(&[(Part::HostedOffer, &cap(1))], &[])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    converted(&server, &format!("r={}", clicked(&server, 100).await)).await;
    assert_eq!(conversions(&server).await[1]["disposition"], OVER);
}

#[tokio::test]
async fn a_lead_that_takes_over_what_was_told_of_does_not_meet_the_cap_again() {
    let server = Server::start(&market_with(&[AFFILIATE, (Part::HostedOffer, &cap(1))], &[])).await;
    let id = clicked(&server, 100).await;
    converted(&server, &format!("r={id}")).await;
    let ann = lead_id(&post_of(&server, 100, &id, "ann").await);
    assert_eq!(stands(&server, &ann).await, as_is("approved", "12.00"));
    assert_eq!(counted(&server, CapScope::Offer(OfferId(100))).await, 1);
    assert_eq!((paid(&server).await, told(&server).await.len()), ("12.00".into(), 1));
}

#[tokio::test]
async fn a_lead_that_takes_over_what_stands_over_the_cap_stays_so_while_that_is_full() {
    for (limit, expected) in [(1, (OVER, "0.00", "12.00", 1)), (2, ("approved", "12.00", "24.00", 2))] {
        let network = |limit| market_with(&[AFFILIATE, (Part::HostedOffer, &cap(limit))], &[]);
        let server = Server::start(&network(1)).await;
        converted(&server, &format!("r={}", clicked(&server, 100).await)).await;
        let id = clicked(&server, 100).await;
        converted(&server, &format!("r={id}&p=40.00")).await;
        server.apply(&network(limit)).await;
        let ann = lead_id(&post_of(&server, 100, &id, "ann").await);
        let (disposition, payout, all, count) = expected;
        assert_eq!(stands(&server, &ann).await, as_is(disposition, payout), "{limit}");
        assert_eq!((paid(&server).await, told(&server).await.len() as u64), (all.into(), count));
        assert_eq!(counted(&server, CapScope::Offer(OfferId(100))).await, count);
        if limit == 1 {
            assert_eq!(ledger_sum(&server, "advertiser:1").await, "0.00");
            approve(&server, &ann).await;
            assert_eq!(paid(&server).await, "24.00");
        }
        assert_eq!(ledger_sum(&server, "advertiser:1").await, "-40.00", "{limit}");
    }
}

#[tokio::test]
async fn no_webhook_is_told_of_a_lead_over_the_cap_and_of_the_full_cap_once() {
    let webhook = "[[webhook]]\nid = 3\nname = \"W\"\nurl = \"https://hook.example/\"\n\
                   secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n\
                   events = [\"conversion.created\", \"cap.reached\"]\n";
    let server =
        Server::start(&market_with(&[(Part::HostedOffer, &cap(1)), (Part::More, webhook)], &[])).await;
    accepted(&server, &[HOSTED, ANN]).await;
    assert_eq!(told(&server).await.len(), 2);
    let over = accepted(&server, &[HOSTED, BOB]).await;
    assert_eq!(told(&server).await.len(), 2);
    approve(&server, &over).await;
    assert_eq!(told(&server).await.len(), 3, "a person lets it count");
}

#[tokio::test]
async fn of_forty_leads_at_once_a_cap_of_ten_pays_ten_whichever_way_they_become_conversions() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let ten = cap(10);
    let changes =
        [AFFILIATE, REVIEW, (Part::HostedOffer, ten.as_str()), (Part::HostNPostOffer, ten.as_str())];
    let server = Server::start(&market_with(&changes, &contract)).await;
    let mut requests = Vec::new();
    for number in 0..40 {
        for keys in [HOSTED, HOST_N_POST] {
            let body = format!("{keys}&email_address=p{number}@example.com&zip_code=90210");
            requests.push((false, form(&body.replace('@', if keys == HOSTED { "@h." } else { "@n." }))));
        }
    }
    // Some wait for a person, who accepts them while the others come.
    for number in 0..10 {
        let bad = format!("email_address=r{number}@example.com&zip_code=x");
        let held = accepted(&server, &[HOSTED, &bad]).await;
        let accept = Request::post(&format!("/api/v1/leads/{held}/accept"), "application/json", "{}");
        requests.push((true, accept));
    }
    let key = server.api_key("admin").await;
    let send = |(is_api, request): (bool, Request)| {
        let (tracking, admin, key) = (server.tracking.clone(), server.admin.clone(), key.clone());
        async move {
            match is_api {
                true => admin.send(request.bearer(&key)).await,
                false => tracking.send(request).await,
            }
        }
    };
    let replies = at_once(requests.into_iter().map(send)).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let answered = |price: &str| {
        let text = format!("<price>{price}</price>");
        replies.iter().filter(|reply| reply.text().contains(&text)).count()
    };
    while stored(&server).await.iter().any(|lead| lead.status != LeadStatus::Sold) {
        tokio::task::yield_now().await;
    }
    let all = server.api_json("/conversions?limit=1000").await["data"].as_array().unwrap().clone();
    assert_eq!(all.len(), 90);
    for (offer, payout) in [(100, "12.00"), (200, "2.00")] {
        let of = |row: &&Value| row["offer"] == offer;
        let paid =
            all.iter().filter(of).filter(|row| row["payout"] == payout && row["disposition"] == "approved");
        assert_eq!(paid.count(), 10, "{offer}");
        let over = all.iter().filter(of).filter(|row| row["disposition"] == OVER && row["payout"] == "0.00");
        assert_eq!(over.count(), if offer == 100 { 40 } else { 30 }, "{offer}");
        assert_eq!(counted(&server, CapScope::Offer(OfferId(offer))).await, 10);
    }
    assert_eq!(answered("2.00"), 10);
    assert!(answered("12.00") <= 10 && answered("0.00") >= 60);
    assert_eq!((paid(&server).await, told(&server).await.len()), ("140.00".into(), 20));
    assert_eq!(ledger_sum(&server, "buyer:7").await, "-2700.00");
}

#[tokio::test]
async fn one_that_earns_nothing_is_told_of_once_it_is_approved() {
    let network = market_with(&[AFFILIATE, (Part::HostedOffer, &cap(0))], &[]);
    let server = Server::start(&network.replace("payout = \"12.00\"\n", "payout = \"0.00\"\n")).await;
    let ann = accepted(&server, &[HOSTED, ANN]).await;
    assert_eq!(told(&server).await.len(), 0);
    approve(&server, &ann).await;
    assert_eq!((stands(&server, &ann).await, told(&server).await.len()), (as_is("approved", "0.00"), 1));
}
