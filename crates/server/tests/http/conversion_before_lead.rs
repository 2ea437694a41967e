//! A pixel that comes before the lead of its session: the lead takes its conversion over as
//! soon as it is accepted, and whoever was first, the books are the same.

use crate::contracts::*;
use crate::conversions::{conversions, converted, ledger_sum, refused};
use crate::posts::{accepted, at_once, form};
use crumb_domain::lead::LeadStatus;
use crumb_storage::OutboxStore as _;
use crumb_storage::PageRequest;
use crumb_storage::outbox::DeliveryFilter;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;
use crumb_testkit::{Reply, Request, Server};
use serde_json::{Value, json};

const AFFILIATE: (Part, &str) = (Part::Affiliate, "postback_url = \"https://aff.example/?p=#price#\"");
const REVIEW: (Part, &str) = (Part::ZipCode, "server_decision = \"review\"");
/// What an advertiser pays for a conversion that is no lead.
const HOSTED: (Part, &str) = (Part::HostedOffer, "received = \"25.00\"");

fn post_of(offer: u32, id: &str, pairs: &str) -> String {
    format!("ckm_offer_id={offer}&ckm_request_id={id}&zip_code=90210&{pairs}")
}

async fn post(server: &Server, offer: u32, id: &str, name: &str) -> Reply {
    let body = post_of(offer, id, &format!("email_address={name}@example.com"));
    server.tracking.post_form("/d.ashx", &body).await
}

async fn clicked(server: &Server, offer: u32) -> String {
    let creative = if offer == 100 { 1057 } else { 2001 };
    server.visitor().click(&format!("/?a=12&c={creative}")).await
}

async fn books(server: &Server) -> [String; 3] {
    let sums = ["affiliate:12", "advertiser:1", "buyer:7"].map(|account| ledger_sum(server, account));
    let [affiliate, advertiser, buyer] = sums;
    [affiliate.await, advertiser.await, buyer.await]
}

/// The destinations that were told, oldest first.
async fn told(server: &Server) -> Vec<String> {
    let page = PageRequest { limit: 1_000, ascending: true, cursor: None };
    let all = server.site.store.deliveries(DeliveryFilter::default(), page).await.unwrap().data;
    all.into_iter().map(|delivery| delivery.destination).collect()
}

async fn act(server: &Server, path: &str, body: Value) -> Value {
    let reply = server.api_post(path, &body).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.json()
}

/// What a conversion comes to, whoever was first.
const MEMBERS: [&str; 6] = ["source", "payout", "received", "disposition", "transaction_id", "event"];

#[tokio::test]
async fn the_books_are_the_same_whether_the_pixel_or_the_lead_comes_first() {
    let buyers = MockBuyers::start().await.unwrap();
    let by_pixel = "payout = \"2.00\"\npay_on_post = false";
    let unsold_too = "payout = \"2.00\"\npay_on_post = false\npay_only_when_sold = false";
    let share = "payout_percent = \"50\"\npay_on_post = false";
    for (offer, keys) in [(100, ""), (100, "x"), (200, ""), (200, by_pixel), (200, unsold_too), (200, share)]
    {
        for said in ["", "&t=T-1", "&p=40.00&t=T-1", "&p=0.00"] {
            let (mut sums, mut rows) = (Vec::new(), Vec::new());
            for is_pixel_first in [true, false] {
                let shared = (Part::HostedOffer, "received = \"25.00\"\npayout_percent = \"50\"");
                let hosted = if keys == "x" { shared } else { HOSTED };
                let fast = (Part::HostNPostOffer, if offer == 200 { keys } else { "" });
                let contract = [Contract::new(7, &buyers.url("/accept"), "30.00")];
                let network = market_with(&[AFFILIATE, hosted, fast], &contract);
                let network = if keys == "x" { network.replace("payout = \"12.00\"\n", "") } else { network };
                let server = Server::start(&network).await;
                let id = clicked(&server, offer).await;
                let pixel = format!("r={id}{said}");
                if is_pixel_first {
                    converted(&server, &pixel).await;
                }
                post(&server, offer, &id, "ann").await;
                until(&server, LeadStatus::Sold).await;
                if !is_pixel_first {
                    converted(&server, &pixel).await;
                }
                refused(&server, &format!("r={id}&t=T-2"), "Duplicate Conversion").await;
                sums.push(books(&server).await);
                let all = conversions(&server).await;
                assert_eq!(all.len(), 1, "{offer} {keys} {said} {is_pixel_first}");
                rows.push(MEMBERS.map(|member| all[0][member].clone()));
                assert_eq!(told(&server).await, ["affiliate:12"], "{offer} {keys} {said} {is_pixel_first}");
            }
            assert_eq!(sums[0], sums[1], "{offer} {keys} {said}");
            assert_eq!(rows[0], rows[1], "{offer} {keys} {said}");
        }
    }
}

#[tokio::test]
async fn the_leads_conversion_is_the_pixels_which_is_found_by_its_id_and_listed_once() {
    let server = Server::start(&market_with(&[AFFILIATE, HOSTED], &[])).await;
    let id = clicked(&server, 100).await;
    converted(&server, &format!("r={id}&t=T-1&p=40.00")).await;
    let before = conversions(&server).await;
    assert_eq!((before.len(), &before[0]["payout"]), (1, &json!("12.00")));
    server
        .api_post(
            &format!("/conversions/{}/adjust", before[0]["id"].as_str().unwrap()),
            &json!({ "payout": "9.00" }),
        )
        .await;
    post(&server, 100, &id, "ann").await;
    let after = conversions(&server).await;
    assert_eq!(after.len(), 1);
    assert!(after[0]["lead"].is_string());
    for (member, value) in [("payout", "12.00"), ("received", "40.00"), ("transaction_id", "T-1")] {
        assert_eq!(after[0][member], value, "{member}");
    }
    let by_id = server.api_json(&format!("/conversions/{}", before[0]["id"].as_str().unwrap())).await;
    assert_eq!(by_id, after[0]);
    assert_eq!(books(&server).await, ["12.00", "-40.00", "0.00"]);
    assert_eq!(told(&server).await.len(), 1);
    // What a person says of it by either id is said of one thing.
    act(&server, &format!("/conversions/{}/reject", before[0]["id"].as_str().unwrap()), json!({})).await;
    assert_eq!(books(&server).await, ["0.00", "0.00", "0.00"]);
}

#[tokio::test]
async fn a_second_lead_of_the_session_is_a_conversion_of_its_own() {
    let server = Server::start(&market_with(&[AFFILIATE], &[])).await;
    let id = clicked(&server, 100).await;
    converted(&server, &format!("r={id}&t=T-1")).await;
    for name in ["ann", "bob"] {
        post(&server, 100, &id, name).await;
    }
    let all = conversions(&server).await;
    assert_eq!(
        all.iter().map(|row| &row["transaction_id"]).collect::<Vec<_>>(),
        [&json!("T-1"), &json!(null)]
    );
    assert_eq!(books(&server).await[0], "24.00");
    assert_eq!(told(&server).await.len(), 2);
    converted(&server, &format!("r={id}&t=T-2")).await;
    assert_eq!(conversions(&server).await[1]["transaction_id"], "T-2");
}

#[tokio::test]
async fn a_pixel_without_any_accepted_lead_stays_as_it_is() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = [Contract::new(7, &buyers.url("/reject"), "30.00")];
    let server = Server::start(&market_with(&[AFFILIATE], &contract)).await;
    let id = clicked(&server, 200).await;
    converted(&server, &format!("r={id}&t=T-1&p=40.00")).await;
    assert_unsold(&post(&server, 200, &id, "ann").await);
    let all = conversions(&server).await;
    assert_eq!((all.len(), &all[0]["disposition"], &all[0]["lead"]), (1, &json!("approved"), &json!(null)));
    refused(&server, &format!("r={id}&t=T-2"), "Duplicate Conversion").await;
    assert_eq!(books(&server).await, ["2.00", "-40.00", "0.00"]);
}

#[tokio::test]
async fn a_lead_that_is_accepted_later_takes_it_over_then() {
    let buyers = MockBuyers::start().await.unwrap();
    let cut = Contract::new(7, &buyers.url("/cut-after"), "30.00");
    let late = "pay_late_sales = true";
    // A person accepts it from review.
    let server = Server::start(&market_with(&[AFFILIATE, REVIEW], &[])).await;
    let id = clicked(&server, 100).await;
    converted(&server, &format!("r={id}&p=40.00")).await;
    let body = format!("ckm_offer_id=100&ckm_request_id={id}&email_address=ann@example.com&zip_code=x");
    let lead = crate::posts::lead_id(&server.tracking.post_form("/d.ashx", &body).await);
    assert_eq!((conversions(&server).await.len(), books(&server).await[1].clone()), (1, "-40.00".to_owned()));
    act(&server, &format!("/leads/{lead}/accept"), json!({})).await;
    assert_eq!(books(&server).await, ["12.00", "-40.00", "0.00"]);
    assert_eq!((conversions(&server).await.len(), told(&server).await.len()), (1, 1));
    // A buyer's end that was not known becomes known.
    let server = Server::start(&with_campaign(&market_with(&[AFFILIATE], &[cut]), late)).await;
    let id = clicked(&server, 200).await;
    converted(&server, &format!("r={id}")).await;
    assert_unsold(&post(&server, 200, &id, "ann").await);
    let lead = only(&server).await;
    act(&server, &format!("/leads/{}/settle", lead.id), json!({ "contract": 7, "sold": true })).await;
    assert_eq!(books(&server).await, ["2.00", "0.00", "-30.00"]);
    assert_eq!((conversions(&server).await.len(), told(&server).await.len()), (1, 1));
}

#[tokio::test]
async fn what_a_person_has_thrown_out_stays_out_and_is_worth_what_the_lead_earns() {
    for said in ["reject", "return"] {
        let server = Server::start(&market_with(&[AFFILIATE, HOSTED], &[])).await;
        let id = clicked(&server, 100).await;
        converted(&server, &format!("r={id}&p=40.00")).await;
        let place = conversions(&server).await[0]["id"].as_str().unwrap().to_owned();
        act(&server, &format!("/conversions/{place}/adjust"), json!({ "payout": "9.00" })).await;
        act(&server, &format!("/conversions/{place}/{said}"), json!({})).await;
        post(&server, 100, &id, "ann").await;
        let all = conversions(&server).await;
        assert_eq!((all.len(), &all[0]["payout"], &all[0]["received"]), (1, &json!("0.00"), &json!("0.00")));
        assert_eq!(books(&server).await, ["0.00", "0.00", "0.00"]);
        act(&server, &format!("/conversions/{place}/approve"), json!({})).await;
        assert_eq!(books(&server).await, ["12.00", "-40.00", "0.00"], "{said}");
        assert_eq!(told(&server).await.len(), 1);
    }
}

#[tokio::test]
async fn the_time_lines_of_both_say_that_the_lead_took_it_over() {
    let server = Server::start(&market_with(&[AFFILIATE, HOSTED], &[])).await;
    let id = clicked(&server, 100).await;
    converted(&server, &format!("r={id}&t=T-1")).await;
    let place = conversions(&server).await[0]["id"].as_str().unwrap().to_owned();
    act(&server, &format!("/conversions/{place}/adjust"), json!({ "payout": "9.00", "note": "typo" })).await;
    server.clock.advance_seconds(1);
    let lead = crate::posts::lead_id(&post(&server, 100, &id, "ann").await);
    let line = async |path: String| {
        let entries = server.api_json(&format!("{path}/timeline")).await["data"].as_array().unwrap().clone();
        let text = |entry: &Value| format!("{}: {}", entry["code"], entry["text"]).replace('"', "");
        entries.iter().map(text).collect::<Vec<_>>()
    };
    let of_lead = [
        "received: received by a session post, on offer 100 for affiliate 12 (request_id)".to_owned(),
        "queued: it waits for a buyer".to_owned(),
        format!(
            "conversion_taken_over: it took over conversion {place}, which was reported before it was accepted: both \
             are one from now on"
        ),
    ];
    assert_eq!(line(format!("/leads/{lead}")).await, of_lead);
    assert_eq!(line(format!("/conversions/{lead}")).await, of_lead);
    // By its own id there is what was said of it before, too.
    let own = [
        "conversion_adjusted: the conversion was adjusted (payout from 12.00 to 9.00): typo".to_owned(),
        format!("conversion_taken_over: lead {lead} took it over: both are one from now on"),
    ];
    assert_eq!(line(format!("/conversions/{place}")).await, [own.as_slice(), &of_lead].concat());
    // A second lead takes over nothing.
    let second = crate::posts::lead_id(&post(&server, 100, &id, "bob").await);
    assert_eq!(line(format!("/leads/{second}")).await.len(), 2);
}

#[tokio::test]
async fn a_lead_that_takes_one_over_by_its_sale_says_so_too() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let server = Server::start(&market_with(&[], &contract)).await;
    let id = clicked(&server, 200).await;
    converted(&server, &format!("r={id}")).await;
    let place = conversions(&server).await[0]["id"].as_str().unwrap().to_owned();
    let lead = crate::posts::lead_id(&post(&server, 200, &id, "ann").await);
    let entries = server.api_json(&format!("/leads/{lead}/timeline")).await;
    let codes: Vec<&Value> = entries["data"].as_array().unwrap().iter().map(|entry| &entry["code"]).collect();
    assert_eq!(codes, ["received", "conversion_taken_over", "sold"]);
    assert!(entries["data"][1]["text"].as_str().unwrap().contains(&place));
}

#[tokio::test]
async fn of_a_pixel_and_a_lead_at_the_same_moment_whoever_is_first_there_is_one_conversion() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let fast = (Part::HostNPostOffer, "payout = \"2.00\"\npay_on_post = false");
    let server = Server::start(&market_with(&[AFFILIATE, HOSTED, fast], &contract)).await;
    let mut requests = Vec::new();
    for number in 0..40 {
        let offer = if number % 2 == 0 { 100 } else { 200 };
        let id = clicked(&server, offer).await;
        let body = post_of(offer, &id, &format!("email_address=p{number}@example.com"));
        let pixel = Request::get(&format!("/p.ashx?f=pb&r={id}&t={number}"));
        let post = form(&body);
        requests.extend(if number % 4 < 2 { [post, pixel] } else { [pixel, post] });
    }
    let tracking = server.tracking.clone();
    let send = |request| {
        let tracking = tracking.clone();
        async move { tracking.send(request).await }
    };
    for reply in at_once(requests.into_iter().map(send)).await {
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    while stored(&server).await.iter().any(|lead| lead.status != LeadStatus::Sold) {
        tokio::task::yield_now().await;
    }
    let all = server.api_json("/conversions?limit=1000").await["data"].as_array().unwrap().clone();
    assert_eq!(all.len(), 40);
    assert!(all.iter().all(|row| row["lead"].is_string() && row["transaction_id"].is_string()));
    assert_eq!(books(&server).await, ["280.00", "0.00", "-1200.00"]);
    assert_eq!(told(&server).await.len(), 40);
}

#[tokio::test]
async fn the_webhook_conversion_created_is_told_once_of_both() {
    let webhook = "[[webhook]]\nid = 3\nname = \"W\"\nurl = \"https://hook.example/\"\n\
                   secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\nevents = [\"conversion.created\"]\n";
    let server = Server::start(&market_with(&[(Part::More, webhook)], &[])).await;
    let id = clicked(&server, 100).await;
    converted(&server, &format!("r={id}")).await;
    post(&server, 100, &id, "ann").await;
    assert_eq!(told(&server).await, ["webhook:3"]);
}

#[tokio::test]
async fn p_for_a_lead_that_waits_for_a_person_is_booked_when_it_is_accepted_and_only_then() {
    let server = Server::start(&market_with(&[AFFILIATE, REVIEW], &[])).await;
    let mut leads = Vec::new();
    for _ in 0..2 {
        let id = clicked(&server, 100).await;
        let body = format!("ckm_offer_id=100&ckm_request_id={id}&email_address=p{id}@example.com&zip_code=x");
        let posted = server.tracking.post_form("/d.ashx", &body).await;
        leads.push(crate::posts::lead_id(&posted));
        converted(&server, &format!("r={id}&p=40.00")).await;
    }
    assert_eq!(books(&server).await, ["0.00", "0.00", "0.00"]);
    assert!(conversions(&server).await.iter().all(|row| row["received"] == "0.00"));
    act(&server, &format!("/leads/{}/accept", leads[0]), json!({})).await;
    act(&server, &format!("/leads/{}/throw-out", leads[1]), json!({})).await;
    assert_eq!(books(&server).await, ["12.00", "-40.00", "0.00"]);
    assert_eq!(conversions(&server).await[0]["received"], "40.00");
    act(&server, &format!("/leads/{}/accept", leads[1]), json!({})).await;
    assert_eq!(books(&server).await, ["24.00", "-80.00", "0.00"]);
}

#[tokio::test]
async fn a_lead_that_waited_for_its_pixel_is_paid_by_it_whatever_its_offer_says_since() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let fast = |on_post: bool| {
        let keys = format!("payout = \"2.00\"\npay_on_post = {on_post}");
        market_with(&[AFFILIATE, (Part::HostNPostOffer, &keys)], &contract)
    };
    let server = Server::start(&fast(false)).await;
    let id = clicked(&server, 200).await;
    assert_sold(&post(&server, 200, &id, "ann").await);
    server.apply(&fast(true)).await;
    assert_eq!((books(&server).await[0].as_str(), told(&server).await.len()), ("0.00", 0));
    converted(&server, &format!("r={id}")).await;
    assert_eq!((books(&server).await[0].as_str(), told(&server).await.len()), ("2.00", 1));
    refused(&server, &format!("r={id}"), "Duplicate Conversion").await;
    assert_eq!((books(&server).await[0].as_str(), told(&server).await.len()), ("2.00", 1));
}

#[tokio::test]
async fn a_share_is_told_of_when_a_sale_has_paid_it_and_not_before() {
    let buyers = MockBuyers::start().await.unwrap();
    let hosted = (Part::HostedOffer, "payout_percent = \"50\"");
    let network = market_with(&[AFFILIATE, hosted], &[]).replace("payout = \"12.00\"\n", "");
    let server = Server::start(&network).await;
    accepted(&server, &[crate::posts::HOSTED, crate::posts::ANN]).await;
    assert!(told(&server).await.is_empty());
    server.apply(&Contract::new(7, &buyers.url("/accept"), "30.00").to_string()).await;
    until(&server, LeadStatus::Sold).await;
    let page = PageRequest { limit: 10, ascending: true, cursor: None };
    let all = server.site.store.deliveries(DeliveryFilter::default(), page).await.unwrap().data;
    assert_eq!(all.iter().map(|one| one.url.as_str()).collect::<Vec<_>>(), ["https://aff.example/?p=15.00"]);
}

#[tokio::test]
async fn an_affiliate_does_not_see_of_which_conversion_of_another_its_call_is_a_duplicate() {
    let once = "event = [{ id = 1, name = \"Sale\", deduplicate_transaction_id = true }]";
    let other = "[[campaign]]\nid = 61\naffiliate = 13\noffer = 400\n";
    let server = crate::conversions::shop_server(once, other).await;
    for affiliate in [13, 12] {
        let id = server.visitor().click(&format!("/?a={affiliate}&c=4001")).await;
        server.tracking.get(&format!("/p.ashx?f=pb&r={id}&t=T-1")).await;
    }
    let log = server.api_json("/pixels?sort=id").await["data"].clone();
    assert_eq!(log[1]["disposition"], "Duplicate Conversion");
    assert_eq!(log[1]["conversion"], log[0]["conversion"]);
    let key = server.api_key("affiliate:12").await;
    let request = Request::get("/api/v1/pixels").bearer(&key);
    let seen = server.admin.send(request).await.json();
    assert_eq!((&seen["total"], &seen["data"][0]["conversion"]), (&json!(1), &json!(null)));
}

#[tokio::test]
async fn a_busy_session_takes_every_conversion_of_an_event_that_may_come_again() {
    let again = "event = [{ id = 1, name = \"Visit\", allow_duplicates = true }]";
    let server = crate::conversions::shop_server(again, "").await;
    let id = crate::conversions::clicked(&server).await;
    let tracking = server.tracking.clone();
    let calls = (0..600).map(|_| {
        let (tracking, target) = (tracking.clone(), format!("/p.ashx?f=pb&r={id}"));
        async move { tracking.get(&target).await }
    });
    for reply in at_once(calls).await {
        assert!(reply.text().contains("SUCCESS"), "{}", reply.text());
    }
    assert_eq!(server.api_json("/conversions").await["total"], 600);
}

#[tokio::test]
async fn what_a_person_adjusts_of_a_lead_that_is_not_accepted_is_booked_when_it_is() {
    let server = Server::start(&market_with(&[AFFILIATE, REVIEW], &[])).await;
    for said in ["", "&p=40.00"] {
        let id = clicked(&server, 100).await;
        let body = format!("ckm_offer_id=100&ckm_request_id={id}&email_address=p{id}@example.com&zip_code=x");
        let lead = crate::posts::lead_id(&server.tracking.post_form("/d.ashx", &body).await);
        converted(&server, &format!("r={id}{said}")).await;
        let before = books(&server).await;
        let place = conversions(&server).await.pop().unwrap()["id"].as_str().unwrap().to_owned();
        act(&server, &format!("/conversions/{place}/adjust"), json!({ "received": "50.00" })).await;
        assert_eq!(books(&server).await, before, "{said}");
        act(&server, &format!("/leads/{lead}/accept"), json!({})).await;
        assert_eq!(conversions(&server).await.pop().unwrap()["received"], "50.00");
    }
    assert_eq!(books(&server).await, ["24.00", "-100.00", "0.00"]);
}
