//! A store that fails while a lead is in hand: what its run came to is told as soon as
//! the store takes it, without a restart.

use crate::contracts::*;
use crate::posts::{ANN, HOST_N_POST, HOSTED, accepted, lead_id};
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::ledger::Account;
use crumb_domain::{AffiliateId, BuyerId, LeadId};
use crumb_storage::LeadStore as _;
use crumb_storage::selling::SellingStore as _;
use crumb_testkit::buyers::MockBuyers;
use crumb_testkit::network::Part;
use crumb_testkit::{Options, Reply, Request, Server};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub const YES: &str = "<result><msg>success</msg></result>";

/// A buyer that answers when the test says so.
pub struct Buyer(TcpListener);

impl Buyer {
    pub async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.0.local_addr().unwrap())
    }

    /// The next request, read to its end.
    pub async fn asked(&self) -> TcpStream {
        let mut stream = self.0.accept().await.unwrap().0;
        let (mut request, mut buffer) = (Vec::new(), [0; 4_096]);
        loop {
            let count = stream.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "the request broke off");
            request.extend(buffer.iter().take(count));
            let text = String::from_utf8_lossy(&request).to_lowercase();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.trim().parse().unwrap()) {
                return stream;
            }
        }
    }
}

pub async fn answer(mut stream: TcpStream, body: &str) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}

/// A server whose store gives up soon where it is locked.
async fn impatient(network: &str) -> Server {
    let options = Options { store_patience: Some(Duration::from_millis(20)), ..Options::default() };
    Server::start_with(network, options).await
}

/// Posts a lead under an idempotency key.
fn keyed(server: &Server) -> impl Future<Output = Reply> + Send + 'static {
    let client = server.tracking.clone();
    let request = Request::post("/d.ashx", "application/x-www-form-urlencoded", &offered("ann"));
    async move { client.send(request.header("idempotency-key", "ann")).await }
}

/// The only lead, once it stands as told. The queue's worker is a part of the server that
/// needs no clock of the test's.
pub async fn stands(server: &Server, is: impl Fn(&Lead) -> bool) -> Lead {
    loop {
        let lead = only(server).await;
        if is(&lead) {
            return lead;
        }
        tokio::task::yield_now().await;
    }
}

async fn paid_by(server: &Server, buyer: i64) -> String {
    let balance = server.site.store.balance(Account::Buyer(BuyerId(buyer))).await.unwrap();
    balance.to_string()
}

#[tokio::test]
async fn a_sale_that_could_not_be_settled_is_settled_once_the_store_is_there_again() {
    let buyer = Buyer::start().await;
    let server = impatient(&market(&[Contract::new(7, &buyer.url(), "30.00")])).await;
    let posted = tokio::spawn(keyed(&server));
    let asked = buyer.asked().await;
    let lock = server.lock_store();
    answer(asked, YES).await;
    assert_eq!(posted.await.unwrap().status, 503);
    assert_eq!(only(&server).await.outcome, LeadOutcome::Interrupted, "it is in hand");
    drop(lock);
    let sold = stands(&server, |lead| lead.status == LeadStatus::Sold).await;
    assert_eq!((sold.revenue.to_string().as_str(), sold.payout.to_string().as_str()), ("30.00", "2.00"));
    assert_eq!(paid_by(&server, 7).await, "-30.00");
    let again = keyed(&server).await;
    assert_eq!((lead_id(&again).as_str(), again.header("idempotency-replayed")), (sold.id.as_str(), "true"));
    assert_eq!(server.site.store.runs_of(sold.row).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_sold_before_a_reservation_failed_stays_sold() {
    let buyer = Buyer::start().await;
    let both = [
        Contract::new(7, &buyer.url(), "30.00").multisell(),
        Contract::new(8, &buyer.url(), "20.00").multisell(),
    ];
    let server = impatient(&market(&both)).await;
    let posted = tokio::spawn(keyed(&server));
    let asked = buyer.asked().await;
    let lock = server.lock_store();
    answer(asked, YES).await;
    assert_eq!(posted.await.unwrap().status, 503);
    drop(lock);
    let sold = stands(&server, |lead| lead.status == LeadStatus::Sold).await;
    assert_eq!(sold.sales.iter().map(|sale| sale.buyer).collect::<Vec<_>>(), [BuyerId(7)]);
    assert_eq!(
        (paid_by(&server, 7).await, paid_by(&server, 8).await),
        ("-30.00".to_owned(), "0.00".to_owned())
    );
    assert_eq!(results(&server, &sold).await, ["7 sold", "8 deadline"]);
}

#[tokio::test]
async fn a_lead_of_which_nothing_could_be_sent_is_put_back_and_can_be_posted_again() {
    let buyer = Buyer::start().await;
    let contract = Contract::new(7, &buyer.url(), "30.00").ping(&buyer.url(), "");
    let off = Contract::new(8, &buyer.url(), "20.00").with("status = \"inactive\"");
    let network = market(&[contract, off])
        .replace("type = \"host_n_post\"", "type = \"host_n_post\"\ndistribution = \"ping\"");
    let server = impatient(&network).await;
    let posted = tokio::spawn(keyed(&server));
    let pinged = buyer.asked().await;
    let lock = server.lock_store();
    answer(pinged, "<result><msg>success</msg><price>30.00</price></result>").await;
    assert_eq!(posted.await.unwrap().status, 503);
    drop(lock);
    let ann = only(&server).await;
    while server.site.store.timeline_of(ann.row).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(only(&server).await.outcome, LeadOutcome::Interrupted);
    let attempts = server.site.store.attempts_of(ann.row).await.unwrap();
    assert_eq!(attempts.len(), 1, "that it was pinged is kept");
    // And so is the run, of every contract.
    let explained = server.api_json(&format!("/leads/{}/explain", ann.id)).await;
    let [told, off] = explained["contracts"].as_array().unwrap().as_slice() else { panic!("{explained}") };
    assert_eq!((&told["result"], &told["values"]), (&"deadline".into(), &json!({ "broken_off": true })));
    assert!(told["text"].as_str().unwrap().starts_with("The sale was broken off"), "{told}");
    assert_eq!(
        (told["attempts"].as_array().unwrap().len(), &off["result"]),
        (1, &"contract_inactive".into())
    );
    assert_eq!((&explained["runs"], &explained["replayable"]), (&1.into(), &false.into()));
    // The same post makes a new lead: the first is nobody's earlier lead, its key is free.
    let posted = tokio::spawn(keyed(&server));
    answer(buyer.asked().await, "<result><msg>success</msg><price>30.00</price></result>").await;
    answer(buyer.asked().await, YES).await;
    assert_sold(&posted.await.unwrap());
    assert_eq!(stored(&server).await.len(), 2);
}

#[tokio::test]
async fn a_waiting_lead_of_which_nothing_could_be_sent_waits_again() {
    let buyer = Buyer::start().await;
    let contract = Contract::new(7, &buyer.url(), "30.00").ping(&buyer.url(), "");
    let network = market(&[contract]).replace(
        "type = \"hosted\"\nlink = \"https://lp.example/quote",
        "type = \"hosted\"\ndistribution = \"ping\"\nlink = \"https://lp.example/quote",
    );
    let server = impatient(&network).await;
    accepted(&server, &[HOSTED, ANN]).await;
    let pinged = buyer.asked().await;
    let lock = server.lock_store();
    answer(pinged, "<result><msg>success</msg><price>30.00</price></result>").await;
    while server.selling.unsettled() == 0 {
        tokio::task::yield_now().await;
    }
    let warnings = server.admin.get("/readyz").await.json()["warnings"].to_string();
    assert!(warnings.contains("1 leads stay in hand until the store takes"), "{warnings}");
    drop(lock);
    let row = only(&server).await.row;
    while server.site.store.timeline_of(row).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    server.clock.advance_seconds(2);
    answer(buyer.asked().await, "<result><msg>success</msg><price>30.00</price></result>").await;
    answer(buyer.asked().await, YES).await;
    let sold = stands(&server, |lead| lead.status == LeadStatus::Sold).await;
    assert_eq!(sold.payout.to_string(), "12.00");
}

#[tokio::test]
async fn what_a_run_came_to_is_told_again_where_its_leads_row_could_not_be_read_and_stops_nobody() {
    for (campaign, status, payout) in [(HOST_N_POST, 503, "2.00"), (HOSTED, 200, "12.00")] {
        let (buyer, buyers) = (Buyer::start().await, MockBuyers::start().await.unwrap());
        let only_ann = "filter = [{ field = \"email_address\", op = \"eq\", value = \"ann@example.com\" }]";
        let both = [
            Contract::new(7, &buyer.url(), "30.00").with(only_ann),
            Contract::new(8, &buyers.url("/accept"), "20.00"),
        ];
        let server = Server::start(&market(&both)).await;
        let client = server.tracking.clone();
        let posted =
            tokio::spawn(async move { client.post_form("/d.ashx", &format!("{campaign}&{ANN}")).await });
        let asked = buyer.asked().await;
        let ann = only(&server).await;
        server.edit_store("UPDATE offered SET state = 9");
        answer(asked, YES).await;
        assert_eq!(posted.await.unwrap().status, status);
        while server.selling.unsettled() == 0 {
            tokio::task::yield_now().await;
        }
        assert_sold(&sell(&server, "bob").await);
        loop {
            let alerts = server.api_json("/alerts").await["data"].clone();
            if alerts[0]["code"] == "lead_unsettled" {
                assert_eq!(alerts[0]["lead"], ann.id.as_str());
                break;
            }
            tokio::task::yield_now().await;
        }
        server.edit_store("UPDATE offered SET state = 1");
        server.clock.advance_seconds(60);
        let sold = until_sold(&server, ann.id).await;
        assert_eq!((sold.revenue.to_string().as_str(), sold.payout.to_string().as_str()), ("30.00", payout));
        assert_eq!(paid_by(&server, 7).await, "-30.00");
        assert_eq!(server.api_json("/alerts").await["data"].as_array().unwrap().len(), 1, "told once");
    }
}

/// A lead once it is sold.
async fn until_sold(server: &Server, id: LeadId) -> Lead {
    loop {
        let lead = server.site.store.lead(id).await.unwrap().unwrap();
        if lead.status == LeadStatus::Sold {
            return lead;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_told_later_meets_the_conversion_cap_that_others_have_filled_meanwhile() {
    let (buyer, buyers) = (Buyer::start().await, MockBuyers::start().await.unwrap());
    let only_ann = "filter = [{ field = \"email_address\", op = \"eq\", value = \"ann@example.com\" }]";
    let both = [
        Contract::new(7, &buyer.url(), "30.00").with(only_ann),
        Contract::new(8, &buyers.url("/accept"), "20.00"),
    ];
    let capped = "caps = [{ of = \"conversion\", interval = \"total\", limit = 1 }]";
    let server = Server::start(&market_with(&[(Part::HostNPostOffer, capped)], &both)).await;
    let posted = tokio::spawn(keyed(&server));
    let asked = buyer.asked().await;
    let ann = only(&server).await;
    server.edit_store("UPDATE offered SET state = 9");
    answer(asked, YES).await;
    assert_eq!(posted.await.unwrap().status, 503);
    assert_sold(&sell(&server, "bob").await);
    server.edit_store("UPDATE offered SET state = 1");
    server.clock.advance_seconds(60);
    let sold = until_sold(&server, ann.id).await;
    assert_eq!((sold.revenue.to_string().as_str(), sold.payout.to_string().as_str()), ("30.00", "0.00"));
    let told = sold.conversion.unwrap();
    assert_eq!((told.is_over_cap(), told.withheld.unwrap().payout.to_string().as_str()), (true, "2.00"));
    assert_eq!(
        server.site.store.balance(Account::Affiliate(AffiliateId(12))).await.unwrap().to_string(),
        "2.00"
    );
    // What is answered under its key is what it is paid.
    let again = keyed(&server).await;
    assert_eq!((lead_id(&again).as_str(), again.header("idempotency-replayed")), (sold.id.as_str(), "true"));
    assert_eq!(again.between("<price>", "</price>"), "0.00");
}

#[tokio::test]
async fn a_lead_that_is_held_back_before_its_run_is_told_says_nothing_of_a_full_cap() {
    let (buyer, buyers) = (Buyer::start().await, MockBuyers::start().await.unwrap());
    let only_ann = "filter = [{ field = \"email_address\", op = \"eq\", value = \"ann@example.com\" }]";
    // Nobody else would have Ann: her run ends before the store is away, and is told later.
    let both = [
        Contract::new(7, &buyer.url(), "30.00").with(only_ann),
        Contract::new(8, &buyers.url("/accept"), "20.00").with(&only_ann.replace("\"eq\"", "\"ne\"")),
    ];
    let offer =
        "pay_only_when_sold = false\ncaps = [{ of = \"conversion\", interval = \"total\", limit = 1 }]";
    let changes = [(Part::HostNPostOffer, offer), (Part::ZipCode, "server_decision = \"review\"")];
    let server = Server::start(&market_with(&changes, &both)).await;
    // In a session that has converted the cap is looked at before the run is told.
    let session = server.visitor().click("/?a=12&c=2001").await;
    let of_session = format!("ckm_offer_id=200&ckm_request_id={session}");
    let whole = |name| format!("{of_session}&zip_code=90210&email_address={name}@example.com");
    accepted(&server, &[&whole("bob")]).await;
    let (client, body) = (server.tracking.clone(), whole("ann"));
    let posted = tokio::spawn(async move { client.post_form("/d.ashx", &body).await });
    let asked = buyer.asked().await;
    let ann = newest(&server).await;
    server.edit_store("UPDATE offered SET state = 9");
    answer(asked, "<result><msg>rejected</msg></result>").await;
    assert_eq!(posted.await.unwrap().status, 503);
    accepted(&server, &[&of_session, &format!("ckm_lead_id={}&zip_code=x", ann.id)]).await;
    server.edit_store("UPDATE offered SET state = 1");
    server.clock.advance_seconds(60);
    while server.site.store.runs_of(ann.row).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let lead = newest(&server).await;
    assert_eq!((lead.status, lead.payout.to_string().as_str()), (LeadStatus::Review, "0.00"));
    let happened = server.site.store.timeline_of(ann.row).await.unwrap();
    let codes: Vec<_> = happened.iter().map(|entry| entry.code.as_str()).collect();
    assert!(!codes.contains(&"conversion_over_cap"), "{codes:?}");
}
