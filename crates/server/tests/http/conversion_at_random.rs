//! Clicks, leads, pixels in all forms, sales, returns, what people say of conversions,
//! restarts and crashes, in an order that nobody thought of. Whatever happened, a session has each event once, of a pixel that
//! came before its lead both are one, the books hold what the conversions say, each counts
//! once, and each is told once to each destination.
//!
//! What is done is drawn from a seed; who is faster is the machine's to say.

use crate::contracts::*;
use crate::conversions::shop;
use crumb_domain::caps::{CapCheck, CapScope};
use crumb_domain::conversion::{Conversion, ConversionDisposition};
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_domain::ledger::Account;
use crumb_domain::network::CapOf;
use crumb_domain::time::Day;
use crumb_domain::{AdvertiserId, AffiliateId, BuyerId, Clock as _, Money, OfferId, RequestId, RowId};
use crumb_storage::conversions::{ConversionFilter, ConversionStore as _};
use crumb_storage::outbox::{DeliveryFilter, OutboxStore as _};
use crumb_storage::{ClickStore as _, PageRequest, SellingStore as _};
use crumb_testkit::buyers::{Behaviour, MockBuyers};
use crumb_testkit::{Request, Server, Visitor};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

const SEEDS: [u64; 3] = [1, 2, 3];
const ROUNDS: usize = 24;
/// Conversions that the shop takes.
const CAP: usize = 12;
/// Those that each of the offers takes that take leads: few, so that leads come over it.
const LEADS_CAP: usize = 4;
/// Where visitors come from: the creative and its offer.
const OFFERS: [(u32, u32); 3] = [(4001, 400), (1057, 100), (2001, 200)];
const PAGE: PageRequest = PageRequest { limit: 1_000, ascending: true, cursor: None };

fn network(buyers: &MockBuyers) -> String {
    let postback = "postback_url = \"https://aff.example/?c=#campid#\"\npixel_html = \"<b>#price#</b>\"";
    let offer = format!(
        "caps = [{{ of = \"conversion\", interval = \"total\", limit = {CAP} }}]\n\
         event = [{{ id = 1, name = \"Sale\" }}, {{ id = 2, name = \"Visit\", payout = \"1.00\", \
         allow_duplicates = true, deduplicate_transaction_id = true }}]"
    );
    let multi = |id: u32| Contract::new(id, &buyers.url(&format!("/b{id}")), "30.00").multisell();
    let cap = format!("caps = [{{ of = \"conversion\", interval = \"total\", limit = {LEADS_CAP} }}]\n");
    let network = with_campaign(&shop(&offer, postback), postback)
        .replace("name = \"Free quote\"\n", &format!("name = \"Free quote\"\n{cap}"))
        .replace("name = \"Fast sale\"\n", &format!("name = \"Fast sale\"\n{cap}"))
        .replace("payout = \"20.00\"", "payout = \"20.00\"\npay_on_post = false\nqueue_failures = true")
        .replace("name = \"Traffic Co\"\n", &format!("name = \"Traffic Co\"\n{postback}\n"));
    format!("{network}\n{}\n{}", multi(7), multi(8))
}

/// Somebody who came: the visitor, its request id and the offer.
type Came = (Arc<Visitor>, String, u32);

struct World {
    buyers: MockBuyers,
    server: Arc<Server>,
    random: StdRng,
    came: Vec<Came>,
    people: usize,
    /// Leads that came over a cap, whatever a person has said of them since.
    over: HashSet<RowId>,
}

impl World {
    async fn start(seed: u64) -> Self {
        let buyers = MockBuyers::start().await.unwrap();
        let server = Arc::new(Server::start(&network(&buyers)).await);
        Self {
            buyers,
            server,
            random: StdRng::seed_from_u64(seed),
            came: Vec::new(),
            people: 0,
            over: HashSet::new(),
        }
    }

    /// Some things at the same moment, most of them for the same session.
    async fn round(&mut self) {
        for id in [7, 8] {
            let accepts = self.random.random_ratio(2, 3);
            let behaviour = if accepts { Behaviour::accept("30.00") } else { Behaviour::reject() };
            self.buyers.set(&format!("/b{id}"), behaviour);
        }
        let &(creative, offer) = OFFERS.choose(&mut self.random).unwrap();
        let visitor = self.server.visitor();
        let id = visitor.click(&format!("/?a=12&c={creative}")).await;
        self.came.push((Arc::new(visitor), id, offer));
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..self.random.random_range(1..8) {
            let one = match self.random.random_ratio(3, 4) {
                true => self.came.last().cloned(),
                false => self.came.choose(&mut self.random).cloned(),
            };
            let request = self.request(&one.unwrap());
            let tracking = self.server.tracking.clone();
            running.spawn(async move { assert_ne!(tracking.send(request).await.status, 503) });
        }
        if self.random.random_ratio(1, 2)
            && let Some(id) = self.one_that_counted().await
        {
            let said = [("approve", json!({})), ("reject", json!({})), ("return", json!({}))];
            let adjusted = ("adjust", json!({ "received": "5.00" }));
            let (what, body) =
                said.iter().chain([&adjusted]).nth(self.random.random_range(0..4)).unwrap().clone();
            let server = Arc::clone(&self.server);
            running.spawn(async move {
                let reply = server.api_post(&format!("/conversions/{id}/{what}"), &body).await;
                assert!(matches!(reply.status.as_u16(), 200 | 409), "{what}: {}", reply.text());
            });
        }
        while let Some(done) = running.join_next().await {
            done.unwrap();
        }
    }

    /// The id of a conversion that came within its caps, or of a lead that is known to have
    /// come over them; no lead that was only named.
    async fn one_that_counted(&mut self) -> Option<RequestId> {
        let mut all = self.all().await;
        let leads = stored(&self.server).await;
        let is_named = |one: &Conversion| {
            let lead = leads.iter().find(|lead| Some(lead.id) == one.lead);
            lead.is_some_and(|lead| !lead.is_conversion())
        };
        let is_over = |one: &Conversion| one.disposition == ConversionDisposition::OverCap;
        all.retain(|one| (!is_over(one) || self.over.contains(&one.id)) && !is_named(one));
        all.choose(&mut self.random).and_then(|one| self.server.site.request_id(one.id))
    }

    async fn all(&self) -> Vec<Conversion> {
        let all = self.server.site.store.conversions(ConversionFilter::default(), PAGE).await.unwrap().data;
        assert!(all.len() < 1_000);
        all
    }

    fn request(&mut self, (visitor, id, offer): &Came) -> Request {
        let has_leads = *offer != 400;
        if has_leads && self.random.random_ratio(1, 3) {
            self.people += 1;
            let body = format!(
                "ckm_offer_id={offer}&ckm_request_id={id}&email_address=p{}@example.com&zip_code=90210",
                self.people
            );
            return Request::post("/d.ashx", "application/x-www-form-urlencoded", &body);
        }
        let mut say = |choices: &[&'static str]| choices.choose(&mut self.random).copied().unwrap();
        let form = say(&["", "&f=js", "&f=img", "&f=pb"]);
        let event = if has_leads { "" } else { say(&["", "&e=1", "&e=2"]) };
        let money = say(&["", "", "&p=40.00", "&p=3.50", "&p=0.00"]);
        let transaction = say(&["", "&t=A", "&t=B", "&t=C"]);
        let said = format!("{form}{event}{money}{transaction}");
        if say(&["r", "cookie"]) == "r" {
            return Request::get(&format!("/p.ashx?r={id}{said}"));
        }
        Request::get(&format!("/p.ashx?o={offer}{said}")).header("cookie", &visitor.cookies())
    }

    async fn give_one_back(&mut self) {
        let leads = stored(&self.server).await;
        let sold: Vec<_> = leads.iter().filter(|lead| lead.status == LeadStatus::Sold).collect();
        let Some(lead) = sold.choose(&mut self.random) else { return };
        let contract = lead.sales[0].contract;
        let takes = self.random.random_ratio(1, 2);
        let body = json!({
            "type": "approve_for_credit", "reason": "wrong number", "contract": contract, "take_back_payout": takes
        });
        self.server.api_post(&format!("/leads/{}/returns", lead.id), &body).await;
    }

    /// Once nobody is sold any more.
    async fn rest(&self) {
        let store = &self.server.site.store;
        loop {
            let due = store.due(crumb_domain::Clock::now(&*self.server.clock), 1).await.unwrap();
            let in_hand = store.selling_counts().await.unwrap().in_hand;
            if due.is_empty() && in_hand == 0 && self.server.selling.unsettled() == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn note_over(&mut self) {
        let is_over =
            |one: &Conversion| one.lead.is_some() && one.disposition == ConversionDisposition::OverCap;
        let all = self.all().await;
        self.over.extend(all.iter().filter(|one| is_over(one)).map(|one| one.id));
    }

    async fn check(&self, seed: u64) {
        let all = self.all().await;
        let mut once = HashSet::new();
        for conversion in all.iter().filter(|one| one.lead.is_none() && one.event.0 == 1) {
            assert!(once.insert(conversion.session), "{seed}: {conversion:?}");
        }
        let accepted: Vec<_> = stored(&self.server).await.into_iter().filter(Lead::is_conversion).collect();
        for lead in &accepted {
            // Whichever came first: a pixel's conversion is that of its session's lead.
            assert!(!once.contains(&lead.session), "{seed}: {lead:?}");
        }
        self.each_counts_once(seed, &all, &accepted).await;
        let mut transactions = HashSet::new();
        for conversion in all.iter().filter(|one| one.offer.0 == 400 && one.event.0 == 2) {
            let Some(transaction) = &conversion.reported.transaction_id else { continue };
            assert!(transactions.insert(transaction), "{seed}: {conversion:?}");
        }
        let counted = |one: &&Conversion| one.offer.0 == 400 && one.converts();
        assert!(all.iter().filter(counted).count() <= CAP, "{seed}");
        self.books_agree(seed, &all).await;
        self.each_is_told_once(seed, &all).await;
    }

    /// For the caps: each that came within them, of pixels and of accepted leads.
    async fn each_counts_once(&self, seed: u64, all: &[Conversion], accepted: &[Lead]) {
        let today = self.server.site.network.snapshot().zone().day_of(self.server.site.clock.now());
        for (_, offer) in OFFERS {
            let of = OfferId(i64::from(offer));
            let check = CapCheck {
                scope: CapScope::Offer(of),
                of: CapOf::Conversion,
                first_day: Day(today.0 - 30),
                day: today,
                limit: 0,
            };
            let counted = self.server.site.store.count(check).await.unwrap();
            let is_own = |one: &&Conversion| {
                one.offer == of && one.lead.is_none() && one.disposition != ConversionDisposition::OverCap
            };
            let own = all.iter().filter(is_own).count();
            let leads = accepted.iter().filter(|lead| lead.offer == of).count();
            let is_over = |one: &&Conversion| one.offer == of && self.over.contains(&one.id);
            let over = all.iter().filter(is_over).count();
            assert_eq!(counted, (own + leads - over) as u64, "{seed}: {of}");
            assert!(counted <= (if offer == 400 { CAP } else { LEADS_CAP }) as u64, "{seed}: {of}");
        }
    }

    async fn books_agree(&self, seed: u64, all: &[Conversion]) {
        let micros = async |account| self.server.site.store.balance(account).await.unwrap().micros();
        let paid: i64 = all.iter().map(|one| one.payout.micros()).sum();
        assert_eq!(micros(Account::Affiliate(AffiliateId(12))).await, paid, "{seed}: what the affiliate has");
        let known: HashSet<_> = all.iter().map(|one| one.id).collect();
        let leads = stored(&self.server).await;
        let others = leads.iter().filter(|lead| !known.contains(&lead.row)).map(|lead| lead.revenue.micros());
        let received: i64 = all.iter().map(|one| one.received.micros()).chain(others).sum();
        assert_eq!(micros(Account::House).await, received - paid, "{seed}: what the house has");
        let mut sum = micros(Account::House).await + micros(Account::Outside).await + paid;
        sum += micros(Account::Advertiser(AdvertiserId(1))).await;
        for buyer in [7, 8] {
            sum += micros(Account::Buyer(BuyerId(buyer))).await;
        }
        assert_eq!(sum, 0, "{seed}");
    }

    async fn each_is_told_once(&self, seed: u64, all: &[Conversion]) {
        let deliveries =
            self.server.site.store.deliveries(DeliveryFilter::default(), PAGE).await.unwrap().data;
        assert!(deliveries.len() < 1_000);
        let mut told: HashMap<_, HashSet<String>> = HashMap::new();
        for delivery in deliveries {
            // What was told of a pixel's conversion was told of the lead that took it over.
            let of = self.server.site.store.conversion(delivery.conversion.unwrap()).await.unwrap();
            let of = told.entry(of.unwrap().id).or_default();
            assert!(of.insert(delivery.destination.clone()), "{seed}: told twice: {delivery:?}");
        }
        for conversion in all {
            // Campaign 57 has no postback, its affiliate has.
            let has = if conversion.offer.0 == 100 { 1 } else { 2 };
            let expected = match (conversion.disposition, conversion.lead) {
                (ConversionDisposition::OverCap, _) => 0,
                (ConversionDisposition::Approved, None) => has,
                (ConversionDisposition::Approved, Some(_)) if conversion.payout != Money::ZERO => has,
                // Told of once at most, which was looked at.
                _ => continue,
            };
            let told = told.get(&conversion.id).map_or(0, HashSet::len);
            assert_eq!(told, expected, "{seed}: {conversion:?}");
        }
    }
}

/// How many leads came over a cap.
async fn run(seed: u64) -> usize {
    let mut world = World::start(seed).await;
    for _ in 0..ROUNDS {
        world.round().await;
        world.server.clock.advance_seconds([0, 1, 60, 1_000][world.random.random_range(0..4)]);
        world.give_one_back().await;
        match world.random.random_range(0..8) {
            0 => {
                world.rest().await;
                let server = Arc::into_inner(world.server).unwrap();
                world.server = Arc::new(server.restart().await);
            }
            1 => {
                world.rest().await;
                world.server = Arc::new(world.server.crashed().await);
            }
            _ => {}
        }
        world.rest().await;
        world.note_over().await;
        world.check(seed).await;
    }
    world.over.len()
}

#[tokio::test]
async fn whatever_is_reported_in_whatever_order_each_conversion_counts_and_is_told_once() {
    for seed in SEEDS {
        assert!(run(seed).await > 0, "{seed}: leads came over their caps");
    }
}
