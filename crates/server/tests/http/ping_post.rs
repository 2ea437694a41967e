//! The lead that follows a ping: `d.ashx` with `ckm_ping_id`.

use crate::contracts::*;
use crate::pings::{ping, quoted, server, sharing};
use crate::posts::{HOSTED, at_once, lead_id, refusal};
use crate::selling_deadlines::slow_buyers;
use crumb_domain::ledger::Account;
use crumb_domain::{AffiliateId, Money};
use crumb_storage::selling::SellingStore as _;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;
use crumb_testkit::{Reply, Request, Server};

/// The body of a post for somebody of that name, after a ping.
fn after(name: &str, ping_id: &str, more: &str) -> String {
    format!("{}&ckm_ping_id={ping_id}{more}", offered(name))
}

async fn post(server: &Server, name: &str, ping_id: &str, more: &str) -> Reply {
    server.tracking.post_form("/d.ashx", &after(name, ping_id, more)).await
}

fn assert_refused(reply: &Reply, texts: &[&str]) {
    assert_eq!((reply.status.as_u16(), reply.text()), (200, refusal(texts)));
}

fn price(reply: &Reply) -> String {
    assert_sold(reply);
    reply.between("<price>", "</price>")
}

/// One buyer that takes everything at 30.00, and half of it the affiliate's.
async fn one_buyer(buyers: &MockBuyers) -> Server {
    sharing("direct", &[Contract::new(7, &buyers.url("/accept"), "30.00")]).await
}

#[tokio::test]
async fn the_lead_is_sold_at_the_quoted_price_by_what_its_buyers_said_then() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/accept/a"), "5.00")
            .ping(&buyers.url("/in-turn/a?of=ping,reject&price=20.00&session=S77"), ""),
        Contract::new(8, &buyers.url("/accept/b"), "5.00").ping(&buyers.url("/ping/b?price=12.00"), ""),
    ];
    for kind in ["ping", "async_ping"] {
        let server = sharing(kind, &contracts).await;
        let pings = buyers.requests().len();
        let (id, told) = quoted(&ping(&server, "").await);
        let asked = buyers.requests().len() - pings;
        if kind == "ping" {
            assert_eq!(told, "10.00");
        }
        let reply = post(&server, "ann", &id, "").await;
        assert_eq!(price(&reply), told);
        assert_eq!(buyers.requests().len() - pings, asked + 1, "one post, and no ping again");
        let lead = only(&server).await;
        assert_eq!(lead.revenue.micros(), 2 * lead.payout.micros());
        let kept = server.site.store.attempts_of(lead.row).await.unwrap();
        assert_eq!(kept.len(), asked + 1, "the lead shows how its buyers were asked");
    }
    let posted = buyers.requests_at("/accept/a").remove(0);
    assert_eq!(posted.value("session").as_deref(), Some("S77"));
}

#[tokio::test]
async fn buyers_know_the_lead_by_the_id_that_its_ping_named() {
    let buyers = MockBuyers::start().await.unwrap();
    let contract =
        Contract::new(7, &buyers.url("/accept"), "5.00").ping(&buyers.url("/ping?price=20.00"), "");
    let network =
        market_with(&[(Part::HostNPostOffer, "distribution = \"ping\"\npayout = \"2.00\"")], &[contract]);
    let network = network.replace(
        "params = [[\"zip\", \"#zip_code#\"]]",
        "params = [[\"zip\", \"#zip_code#\"], [\"lead\", \"#leadid#\"]]",
    );
    let server = Server::start(&network).await;
    let (id, _) = quoted(&ping(&server, "").await);
    let reply = post(&server, "ann", &id, "").await;
    let named = |path: &str| buyers.requests_at(path).remove(0).value("lead");
    assert_eq!(named("/ping"), Some(lead_id(&reply)));
    assert_eq!(named("/accept"), Some(lead_id(&reply)));
}

#[tokio::test]
async fn it_is_sold_for_more_where_more_is_paid() {
    let buyers = MockBuyers::start().await.unwrap();
    let token = "price = \"xml:/result/price\"";
    let dynamic = Contract::new(7, &buyers.url("/accept?price=44.00"), "30.00").post(token);
    let server = sharing("direct", &[dynamic]).await;
    let (id, told) = quoted(&ping(&server, "").await);
    assert_eq!(told, "15.00");
    assert_eq!(price(&post(&server, "ann", &id, "").await), "22.00");
}

#[tokio::test]
async fn a_buyer_that_pays_less_than_it_said_takes_nothing_from_the_affiliate() {
    let buyers = MockBuyers::start().await.unwrap();
    let token = "price = \"xml:/result/price\"";
    let dynamic = Contract::new(7, &buyers.url("/accept?price=20.00"), "30.00").post(token);
    let server = sharing("direct", &[dynamic]).await;
    let (id, told) = quoted(&ping(&server, "").await);
    assert_eq!(told, "15.00");
    assert_eq!(price(&post(&server, "ann", &id, "").await), "15.00");
    let lead = only(&server).await;
    assert_eq!((lead.payout.to_string(), lead.revenue.to_string()), ("15.00".into(), "20.00".into()));
    let paid = server.site.store.ledger_of(lead.row).await.unwrap();
    assert!(paid.iter().any(|entry| entry.amount.to_string() == "15.00"), "{paid:?}");
}

#[tokio::test]
async fn whoever_pays_too_little_for_the_quote_is_not_sold_to() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [
        Contract::new(7, &buyers.url("/reject"), "30.00"),
        Contract::new(8, &buyers.url("/accept/little"), "14.00"),
    ];
    let server = sharing("direct", &contracts).await;
    let (id, told) = quoted(&ping(&server, "").await);
    assert_eq!(told, "15.00");
    assert_unsold(&post(&server, "ann", &id, "").await);
    let lead = only(&server).await;
    assert_eq!(results(&server, &lead).await, ["7 post_rejected", "8 margin_too_small"]);
    assert_eq!(buyers.count("/accept/little"), 0);
    let account = Account::Affiliate(AffiliateId(12));
    let earned = server.site.store.balance(account).await.unwrap();
    assert_eq!((lead.payout, earned), (Money::ZERO, Money::ZERO), "what was told is paid for a sale only");
    assert_refused(&post(&server, "bob", &id, "").await, &["Invalid Ping ID"]);
}

#[tokio::test]
async fn whoever_had_no_time_to_say_a_price_may_pay_more_and_leaves_the_affiliate_no_less() {
    for (says, sold) in
        [("/ping/0?price=25.00", "12.50"), ("/ping/0?price=24.99", "10.00"), ("/reject/0", "10.00")]
    {
        let (buyers, clock) = slow_buyers().await;
        let contracts = [
            // It takes all the time that there is, and the next is not asked.
            Contract::new(7, &buyers.url("/a"), "30.00").ping(&buyers.url("/reject/5"), "timeout_ms = 60000"),
            Contract::new(8, &buyers.url("/accept/late"), "25.00").ping(&buyers.url(says), ""),
            Contract::new(9, &buyers.url("/accept/quoted"), "20.00"),
        ];
        let server = sharing("ping", &contracts).await;
        assert!(clock.set(std::sync::Arc::clone(&server.clock)).is_ok());
        let (id, told) = quoted(&ping(&server, "").await);
        assert_eq!((told.as_str(), buyers.requests().len()), ("10.00", 1), "{says}");
        assert_eq!(price(&post(&server, "ann", &id, "").await), sold, "{says}");
        assert_eq!(buyers.count("/a"), 0);
    }
}

#[tokio::test]
async fn the_quote_is_kept_where_the_network_pays_less_by_now() {
    let buyers = MockBuyers::start().await.unwrap();
    let contracts = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let pays = |amount: &str| {
        let keys = format!("payout = \"{amount}\"");
        market_with(&[(Part::HostNPostOffer, &keys), (Part::Campaign, &keys)], &contracts)
    };
    let server = Server::start(&pays("9.00")).await;
    let (id, told) = quoted(&ping(&server, "").await);
    let hosted = server.tracking.get(&format!("/ping.ashx?{HOSTED}&zip_code=90210")).await;
    let (hosted, _) = quoted(&hosted);
    server.apply(&pays("4.00")).await;
    assert_eq!((told.as_str(), price(&post(&server, "ann", &id, "").await).as_str()), ("9.00", "9.00"));
    assert_eq!(price(&sell(&server, "bob").await), "4.00");
    let body = format!("{HOSTED}&email_address=cid@example.com&zip_code=90210&ckm_ping_id={hosted}");
    assert_eq!(price(&server.tracking.post_form("/d.ashx", &body).await), "9.00");
}

#[tokio::test]
async fn a_quote_passes_after_30_seconds() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    let (first, _) = quoted(&ping(&server, "").await);
    let (second, _) = quoted(&ping(&server, "").await);
    server.clock.advance_seconds(29);
    assert_eq!(price(&post(&server, "ann", &first, "").await), "15.00");
    server.clock.advance_seconds(1);
    assert_refused(&post(&server, "bob", &second, "").await, &["Ping Expired"]);
    assert_refused(&post(&server, "bob", &first, "").await, &["Invalid Ping ID"]);
    // What it was made of goes with the next ping; that it has passed is still known.
    quoted(&ping(&server, "").await);
    assert_refused(&post(&server, "bob", &second, "").await, &["Ping Expired"]);
    server.clock.advance_days(2);
    assert_refused(&post(&server, "bob", &second, "").await, &["Invalid Ping ID"]);
}

#[tokio::test]
async fn a_ping_id_is_used_once() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    let (id, _) = quoted(&ping(&server, "").await);
    assert_eq!(price(&post(&server, "ann", &id, "").await), "15.00");
    assert_refused(&post(&server, "ann", &id, "").await, &["Invalid Ping ID"]);
    assert_refused(&post(&server, "bob", &id, "").await, &["Invalid Ping ID"]);
    assert_eq!(buyers.count("/accept"), 1);
}

#[tokio::test]
async fn of_many_posts_at_once_with_one_ping_id_one_is_sold() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    let (id, _) = quoted(&ping(&server, "").await);
    let posts = (0..20).map(|number| {
        let (client, body) = (server.tracking.clone(), after(&format!("n{number}"), &id, ""));
        async move { client.post_form("/d.ashx", &body).await }
    });
    let (sold, others): (Vec<Reply>, Vec<Reply>) =
        at_once(posts).await.into_iter().partition(|reply| reply.text().contains("<code>0</code>"));
    assert_eq!((sold.len(), buyers.count("/accept")), (1, 1));
    others.iter().for_each(|reply| assert_refused(reply, &["Invalid Ping ID"]));
}

#[tokio::test]
async fn only_the_campaign_that_pinged_may_use_it() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    let (id, _) = quoted(&ping(&server, "").await);
    let other = format!("{HOSTED}&email_address=ann@example.com&zip_code=90210&ckm_ping_id={id}");
    assert_refused(&server.tracking.post_form("/d.ashx", &other).await, &["Invalid Ping ID"]);
    let session = format!(
        "ckm_offer_id=200&ckm_request_id=1&email_address=a@example.com&zip_code=90210&ckm_ping_id={id}"
    );
    assert_refused(&server.tracking.post_form("/d.ashx", &session).await, &["Invalid Ping ID"]);
    assert_sold(&post(&server, "ann", &id, "").await);
}

#[tokio::test]
async fn pinged_fields_are_unchanged_once_normalised_and_others_may_be_added() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    let (id, _) = quoted(&ping(&server, "&state=CA").await);
    for changed in ["&state=NV", "", "&state="] {
        assert_refused(&post(&server, "ann", &id, changed).await, &["Invalid Ping ID"]);
    }
    let zip = after("ann", &id, "&state=CA").replace("90210", "90211");
    assert_refused(&server.tracking.post_form("/d.ashx", &zip).await, &["Invalid Ping ID"]);
    let same = after("ann", &id, "&state=ca").replace("90210", "%2090210+");
    assert_sold(&server.tracking.post_form("/d.ashx", &same).await);
    let (id, _) = quoted(&ping(&server, "").await);
    assert_sold(&post(&server, "bob", &id, "&state=NV&first_name=Bob").await);
}

#[tokio::test]
async fn no_other_text_is_a_ping_id() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    for id in ["", "9F2K", "%00", "'%20OR%201=1--", &"A".repeat(5_000)] {
        assert_refused(&post(&server, "ann", id, "").await, &["Invalid Ping ID"]);
    }
    assert_eq!(crate::posts::rejections(&server).await.len(), 5, "kept like any post that is refused");
}

#[tokio::test]
async fn a_post_that_makes_no_lead_leaves_the_quote_for_one_that_does() {
    let buyers = MockBuyers::start().await.unwrap();
    let filter = "inbound_filter = [{ field = \"first_name\", op = \"ne\", value = \"Bob\" }]";
    let contracts = [Contract::new(7, &buyers.url("/accept"), "30.00")];
    let server = Server::start(&market_with(&[(Part::Vertical, filter)], &contracts)).await;
    assert_sold(&sell(&server, "ann").await);
    let (id, _) = quoted(&ping(&server, "").await);
    let bad = after("bob", &id, "").replace("bob@example.com", "nobody");
    assert_refused(
        &server.tracking.post_form("/d.ashx", &bad).await,
        &["Validation Failed", "Email address is not valid."],
    );
    assert_refused(&post(&server, "ann", &id, "").await, &["Duplicate Lead"]);
    assert_refused(&post(&server, "bob", &id, "&first_name=Bob").await, &["Unmatched Filter"]);
    assert_sold(&post(&server, "bob", &id, "").await);
}

#[tokio::test]
async fn an_idempotency_key_gives_the_answer_again_although_the_ping_id_is_used() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    let (id, _) = quoted(&ping(&server, "").await);
    let send = || {
        let request = Request::post("/d.ashx", "application/x-www-form-urlencoded", &after("ann", &id, ""));
        server.tracking.send(request.header("idempotency-key", "once"))
    };
    let (first, again) = (send().await, send().await);
    assert_sold(&first);
    assert_eq!((first.text(), again.header("idempotency-replayed")), (again.text(), "true"));
}

#[tokio::test]
async fn a_lead_that_is_there_cannot_be_changed_under_a_quote() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    let lead = lead_id(&sell(&server, "ann").await);
    let (id, _) = quoted(&ping(&server, "").await);
    let more = format!("&ckm_lead_id={lead}&ckm_resell=1");
    assert_refused(&post(&server, "ann", &id, &more).await, &["Invalid Ping ID"]);
}

#[tokio::test]
async fn quotes_outlive_the_server() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = one_buyer(&buyers).await;
    let (id, told) = quoted(&ping(&server, "").await);
    let server = server.restart().await;
    assert_eq!(price(&post(&server, "ann", &id, "").await), told);
}

#[tokio::test]
async fn the_lead_says_that_it_was_pinged() {
    let buyers = MockBuyers::start().await.unwrap();
    let server = server("direct", &[Contract::new(7, &buyers.url("/accept"), "30.00")]).await;
    let (id, _) = quoted(&ping(&server, "").await);
    assert_sold(&post(&server, "ann", &id, "").await);
    let told = server.site.store.timeline_of(only(&server).await.row).await.unwrap();
    let first = told.first().unwrap();
    assert_eq!(first.code, "quoted");
    assert_eq!(first.text, "pinged before it was posted: 2.00 was told, until 2026-07-01T12:00:30Z");
}
