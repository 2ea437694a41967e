//! Everything at once, in an order that nobody thought of: posts, updates, pings, people's
//! actions, returns, answers that never come, networks that change, a store that fails,
//! restarts and crashes. Whatever happened, the books must agree and nothing be sent twice.
//!
//! What is done is drawn from a seed; who is faster is the machine's to say.

use crate::contracts::*;
use crate::posts::{HOST_N_POST, HOSTED};
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_domain::ledger::{Account, LedgerKind};
use crumb_domain::network::SaleType;
use crumb_domain::selling::{Redress, ReturnState};
use crumb_domain::time::Day;
use crumb_domain::{BuyerId, Clock as _, ContractId, Money};
use crumb_storage::selling::ReservationState;
use crumb_storage::{AfterSaleStore as _, PageRequest, SellingStore as _};
use crumb_testkit::buyers::{Answer, Behaviour, MockBuyers, Verdict};
use crumb_testkit::network::Part;
use crumb_testkit::{Options, Server};
use rand::SeedableRng as _;
use serde_json::json;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Buyers, each with one contract of the same id.
const BUYERS: std::ops::RangeInclusive<u32> = 7..=12;
/// One whose affiliates are paid an amount, one where they are paid shares.
const SEEDS: [u64; 2] = [1, 2];
/// Rounds of each: some seconds of work.
const ROUNDS: usize = 24;

/// What is drawn, and so can be drawn again: splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap() % n
    }

    fn of<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        if among.is_empty() { None } else { among.get(self.below(among.len())) }
    }
}

fn network(buyers: &MockBuyers, is_share: bool, variant: usize) -> String {
    let url = |id: u32| buyers.url(&format!("/b{id}"));
    // Longer than the test, so that a server whose power failed sends nothing more.
    let long = "timeout_ms = 600000";
    let patient =
        |contract: Contract| contract.with("max_post_errors = 11\nunknown_wait_minutes = 10").post(long);
    let status = format!("status_url = \"{}\"", buyers.url("/status?id=#leadid#"));
    let cap = 15 + variant * 3;
    let all = [
        patient(Contract::new(7, &url(7), "30.00")).row(&format!("cap = {cap}")).post(&status),
        patient(Contract::new(8, &url(8), "28.00").hybrid()),
        patient(Contract::new(9, &url(9), "20.00").multisell()).post(&status),
        patient(Contract::new(10, &url(10), "18.00").multisell()).row("cap = 25"),
        patient(Contract::new(11, &url(11), "16.00").hybrid())
            .buyer("credit = { type = \"prepaid\", balance = \"300.00\", limit = \"40.00\" }"),
        Contract::new(12, &url(12), "12.00")
            .with("unknown_wait_minutes = 10")
            .post(long)
            .post("price = \"xml:/result/price\""),
    ];
    let pays = if is_share { "payout_percent = \"50\"" } else { "payout = \"2.00\"" };
    let fast = format!("{pays}\ndeadline_ms = 600000\nqueue_failures = {}", variant.is_multiple_of(2));
    market_with(
        &[
            (Part::Vertical, "router = { on = true, resell_limit = 3 }\nexpiration_hours = 3"),
            (Part::ZipCode, "server_decision = \"review\""),
            (Part::HostNPostOffer, &fast),
        ],
        &all,
    )
}

fn behaviour(dice: &mut Dice) -> Behaviour {
    match dice.below(10) {
        0..=3 => Behaviour::accept("12.50"),
        4 | 5 => Behaviour::reject(),
        6 => Behaviour::say(Verdict::Duplicate),
        7 => Behaviour::CutBefore,
        8 => Behaviour::CutAfter { made: Some(Verdict::Accepted) },
        _ => Behaviour::Answer(Answer::of(Verdict::Error)),
    }
}

/// One thing that somebody does.
#[derive(Debug, Clone)]
enum Deed {
    Form(String),
    Keyed(String, String),
    Pinged(String),
    Api(String, serde_json::Value),
    Look,
    Apply(String),
}

struct World {
    buyers: MockBuyers,
    server: Arc<Server>,
    dice: Dice,
    is_share: bool,
    people: usize,
}

impl World {
    async fn start(seed: u64) -> Self {
        let buyers = MockBuyers::start().await.unwrap();
        let is_share = seed.is_multiple_of(2);
        let options = Options { store_patience: Some(Duration::from_millis(20)), ..Options::default() };
        let server = Arc::new(Server::start_with(&network(&buyers, is_share, 0), options).await);
        Self { buyers, server, dice: Dice(seed), is_share, people: 0 }
    }

    fn deed(&mut self, leads: &[Lead]) -> Deed {
        let kind = self.dice.below(20);
        let campaign = if self.dice.below(3) == 0 { HOSTED } else { HOST_N_POST };
        let lead = self.dice.of(leads).cloned();
        match (kind, lead) {
            (0..=4, _) | (_, None) => {
                self.people += 1;
                let zip = if self.dice.below(8) == 0 { "x" } else { "90210" };
                let n = self.people;
                Deed::Form(format!("{campaign}&email_address=p{n}@example.com&zip_code={zip}"))
            }
            (5 | 6, _) => {
                // Often two at once under one key.
                self.people += self.dice.below(2);
                let n = self.people;
                let body = format!("{campaign}&email_address=k{n}@example.com&zip_code=90210");
                Deed::Keyed(format!("{n}{}", campaign.len()), body)
            }
            (7, _) => {
                self.people += 1;
                Deed::Pinged(format!("{campaign}&email_address=q{}@example.com", self.people))
            }
            (8..=10, Some(lead)) => {
                let campaign = if lead.offer.0 == 100 { HOSTED } else { HOST_N_POST };
                let more =
                    ["&ckm_resell=1", "&ckm_resell=1", "&first_name=Al", "&zip_code=x", "&zip_code=90211"];
                let more = self.dice.of(&more).copied().unwrap_or_default();
                Deed::Form(format!("{campaign}&ckm_lead_id={}{more}", lead.id))
            }
            (11..=14, Some(lead)) => {
                let what = ["accept", "throw-out", "resell", "resell"];
                let what = self.dice.of(&what).copied().unwrap_or_default();
                Deed::Api(format!("/leads/{}/{what}", lead.id), json!({}))
            }
            (15, Some(lead)) => {
                let contract = 7 + self.dice.below(6);
                let sold = self.dice.below(2) == 0;
                Deed::Api(format!("/leads/{}/settle", lead.id), json!({ "contract": contract, "sold": sold }))
            }
            (16 | 17, Some(lead)) => {
                let types = ["approve_for_credit", "approve_to_replace", "submit_for_approval"];
                let kind = self.dice.of(&types).copied().unwrap_or_default();
                let takes = kind != "submit_for_approval" && self.dice.below(2) == 0;
                let contract = self.dice.of(&lead.sales).map_or(7, |sale| sale.contract.0);
                let (target, mut body) = if self.dice.below(3) == 0 && kind != "submit_for_approval" {
                    (format!("/leads/{}/returns/{contract}/approve", lead.id), json!({ "type": kind }))
                } else {
                    let body = json!({ "type": kind, "reason": "wrong number", "contract": contract });
                    (format!("/leads/{}/returns", lead.id), body)
                };
                if takes && let Some(body) = body.as_object_mut() {
                    body.insert("take_back_payout".to_owned(), json!(true));
                }
                Deed::Api(target, body)
            }
            (18, Some(lead)) => {
                Deed::Api(format!("/leads/{}/statuses", lead.id), json!({ "status": "called" }))
            }
            _ if self.dice.below(3) == 0 => {
                Deed::Apply(network(&self.buyers, self.is_share, self.dice.below(3)))
            }
            _ => Deed::Look,
        }
    }

    /// Does some things at the same moment, the store failing meanwhile where so drawn.
    async fn round(&mut self, leads: &[Lead]) {
        for id in BUYERS {
            self.buyers.set(&format!("/b{id}"), behaviour(&mut self.dice));
        }
        let count = 1 + self.dice.below(6);
        let deeds: Vec<Deed> = (0..count).map(|_| self.deed(leads)).collect();
        let before = self.buyers.seen().requests;
        let mut running = tokio::task::JoinSet::new();
        for deed in deeds {
            running.spawn(done(Arc::clone(&self.server), deed));
        }
        let mut lock = None;
        let fails = self.dice.below(6) == 0;
        while !running.is_empty() {
            if fails && lock.is_none() && self.buyers.seen().requests > before {
                lock = Some(self.server.lock_store());
            }
            if running.try_join_next().map(|done| done.unwrap()).is_none() {
                tokio::task::yield_now().await;
            }
        }
        drop(lock);
    }

    /// Some posts are begun, no buyer answers, and the power fails.
    async fn crash(&mut self) {
        for id in BUYERS {
            self.buyers.set(&format!("/b{id}"), Behaviour::Stall { made: Some(Verdict::Accepted) });
        }
        let before = self.buyers.seen().requests;
        let (mut posted, count) = (tokio::task::JoinSet::new(), 1 + self.dice.below(3));
        for _ in 0..count {
            self.people += 1;
            let body = format!("{HOST_N_POST}&email_address=c{}@example.com&zip_code=90210", self.people);
            let client = self.server.tracking.clone();
            posted.spawn(async move { drop(client.post_form("/d.ashx", &body).await) });
        }
        loop {
            let sent = self.buyers.seen().requests - before;
            let in_hand = self.server.site.store.selling_counts().await.unwrap().in_hand;
            while posted.try_join_next().is_some() {}
            if sent == in_hand && in_hand == u64::try_from(posted.len()).unwrap() {
                break;
            }
            tokio::task::yield_now().await;
        }
        posted.detach_all();
        // Those who were asked stay silent, to the next server they are others.
        for id in BUYERS {
            self.buyers.set(&format!("/b{id}"), behaviour(&mut self.dice));
        }
        self.server = Arc::new(self.server.crashed().await);
    }

    /// Has one lead owed, and the next one delivered for it, before chance has its way.
    async fn replace_one(&mut self) {
        for id in BUYERS {
            self.buyers.set(&format!("/b{id}"), Behaviour::accept("12.50"));
        }
        assert_sold(&sell(&self.server, "first").await);
        let lead = only(&self.server).await;
        let body = json!({
            "type": "approve_to_replace", "reason": "wrong number", "contract": lead.sales[0].contract.0,
        });
        done(Arc::clone(&self.server), Deed::Api(format!("/leads/{}/returns", lead.id), body)).await;
        assert_sold(&sell(&self.server, "second").await);
    }

    /// Once nothing is left to do at this moment.
    async fn rest(&self) {
        let store = &self.server.site.store;
        loop {
            let due = store.due(self.server.clock.now(), 1).await.unwrap();
            let counts = store.selling_counts().await.unwrap();
            if due.is_empty() && counts.in_hand == 0 && self.server.selling.unsettled() == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// How many leads were delivered free.
    async fn check(&self, seed: u64) -> usize {
        // What a look finds due is done, so that none comes between while the clock stands.
        self.rest().await;
        self.server.selling.look_at_held().await.unwrap();
        self.rest().await;
        let leads = stored(&self.server).await;
        self.nobody_is_sent_twice();
        let waiting = self.waiting().await;
        let held = self.held().await;
        let free = self.replacements_agree(seed, &leads, &held).await;
        let mut taken: HashMap<ContractId, u32> = HashMap::new();
        for lead in &leads {
            self.books_agree(lead).await;
            match lead.status {
                LeadStatus::Queued => assert!(waiting.contains(&lead.row), "{seed}: {} waits", lead.id),
                LeadStatus::PendingUnknown => {
                    assert!(held.iter().any(|held| held.lead == lead.id), "{seed}: {} is held", lead.id);
                }
                LeadStatus::Review | LeadStatus::Scrubbed | LeadStatus::Unsold | LeadStatus::Test => {
                    assert!(!waiting.contains(&lead.row), "{seed}: {} {:?} rests", lead.id, lead.status);
                    assert!(lead.sales.is_empty(), "{seed}: {}", lead.id);
                }
                LeadStatus::Sold | LeadStatus::Returned => assert!(!lead.sales.is_empty(), "{seed}"),
            }
            let facts = self.server.site.store.selling_facts(Some(lead.row), Day(0)).await.unwrap();
            for sent in facts.earlier {
                let sold = lead.sales.iter().any(|sale| sale.contract == sent.contract);
                assert_eq!(sold, sent.state == ReservationState::Sold, "{seed}: {} {sent:?}", lead.id);
                assert_ne!(sent.state, ReservationState::Reserved, "{seed}: {} {sent:?}", lead.id);
                if sent.state != ReservationState::Refused {
                    *taken.entry(sent.contract).or_default() += 1;
                }
            }
        }
        let facts = self.server.site.store.selling_facts(None, Day(0)).await.unwrap();
        let mut counted: HashMap<ContractId, u32> = HashMap::new();
        for ((contract, _), count) in facts.counts {
            *counted.entry(contract).or_default() += count;
        }
        assert_eq!(counted, taken, "{seed}: caps count what is sold and held");
        for id in BUYERS {
            let buyer = BuyerId(i64::from(id));
            let account = self.server.site.store.buyer_account(buyer).await.unwrap();
            let entries = self.server.site.store.balance(Account::Buyer(buyer)).await.unwrap();
            assert_eq!(account.balance, entries, "{seed}: {buyer}");
            let reserved =
                held.iter().filter(|held| held.buyer == buyer).map(|held| held.price.micros()).sum();
            assert_eq!(account.reserved, Money::from_micros(reserved), "{seed}: {buyer}");
        }
        free
    }

    /// A free lead makes up for one that was given back, and each of those is made up for
    /// once, or is on its way to be. How many were delivered.
    async fn replacements_agree(
        &self,
        seed: u64,
        leads: &[Lead],
        held: &[crumb_storage::selling::Held],
    ) -> usize {
        let store = &self.server.site.store;
        let free = leads.iter().flat_map(|lead| {
            let free = lead.sales.iter().filter_map(|sale| Some((sale.contract, sale.replaces?, lead.id)));
            lead.sales.iter().for_each(|sale| {
                assert!(sale.replaces.is_none() || sale.price == Money::ZERO, "{seed}: {} {sale:?}", lead.id);
            });
            free.collect::<Vec<_>>()
        });
        let on_their_way = held.iter().filter_map(|held| Some((held.contract, held.replaces?, held.lead)));
        let (mut free, mut on_their_way): (Vec<_>, Vec<_>) = (free.collect(), on_their_way.collect());
        let (mut delivered, mut sent, mut owed) = (Vec::new(), Vec::new(), BTreeMap::new());
        for lead in leads {
            for returned in store.returns_of(lead.row).await.unwrap() {
                let is_replaced = returned.state == ReturnState::Replaced;
                assert!(is_replaced || returned.replaced_by.is_none(), "{seed}: {} {returned:?}", lead.id);
                match returned.replaced_by {
                    Some(by) if returned.replaced_at.is_some() => {
                        delivered.push((returned.contract, lead.id, by))
                    }
                    Some(by) => sent.push((returned.contract, lead.id, by)),
                    None => {}
                }
                if is_replaced && returned.replaced_at.is_none() {
                    *owed.entry(returned.contract).or_insert(0) += 1;
                }
            }
        }
        for list in [&mut free, &mut on_their_way, &mut delivered, &mut sent] {
            list.sort_unstable();
        }
        assert_eq!((&free, &on_their_way), (&delivered, &sent), "{seed}");
        assert_eq!(store.returns_owed(None).await.unwrap(), owed, "{seed}");
        free.len()
    }

    fn nobody_is_sent_twice(&self) {
        let mut sent: BTreeMap<(String, String), usize> = BTreeMap::new();
        for request in self.buyers.requests().iter().filter(|request| request.path.starts_with("/b")) {
            // A connection that is reset at once is no post.
            let Some(lead) = request.value("lead") else { continue };
            *sent.entry((lead, request.path.clone())).or_default() += 1;
        }
        let twice: Vec<_> = sent.into_iter().filter(|(_, count)| *count > 1).collect();
        assert!(twice.is_empty(), "sent twice: {twice:?}");
    }

    async fn waiting(&self) -> HashSet<crumb_domain::RowId> {
        let far = self.server.clock.now().plus_days(365);
        let due = self.server.site.store.due(far, 100_000).await.unwrap();
        due.into_iter().map(|waiting| waiting.lead).collect()
    }

    async fn held(&self) -> Vec<crumb_storage::selling::Held> {
        let page = PageRequest { limit: 1_000, ascending: true, cursor: None };
        self.server.site.store.held(page).await.unwrap().data
    }

    /// Each sale is one entry, each credited return too, and the rest is the payout.
    async fn books_agree(&self, lead: &Lead) {
        let id = &lead.id;
        let alone = lead.sales.iter().filter(|sale| sale.sale_type == SaleType::Exclusive).count();
        assert!(alone == 0 || lead.sales.len() == 1, "{id} was sold alone and to others: {:?}", lead.sales);
        let buyers: HashSet<_> = lead.sales.iter().map(|sale| sale.buyer).collect();
        assert_eq!(buyers.len(), lead.sales.len(), "{id}: {:?}", lead.sales);
        let entries = self.server.site.store.ledger_of(lead.row).await.unwrap();
        let of = |kind| {
            let of_kind = entries.iter().filter(move |entry| entry.kind == kind);
            let mut found: Vec<_> = of_kind.map(|entry| (entry.contract, entry.amount)).collect();
            found.sort();
            found
        };
        let mut sales: Vec<_> = lead.sales.iter().map(|sale| (Some(sale.contract), sale.price)).collect();
        sales.sort();
        assert_eq!(of(LedgerKind::Sale), sales, "{id}");
        let credited = |sale: &&crumb_domain::lead::Sale| {
            sale.returned.is_some_and(|returned| returned.redress == Redress::Credited)
        };
        let mut returns: Vec<_> =
            lead.sales.iter().filter(credited).map(|sale| (Some(sale.contract), sale.price)).collect();
        returns.sort();
        assert_eq!(of(LedgerKind::Return), returns, "{id}");
        let brought: i64 = lead.sales.iter().map(|sale| sale.brings().micros()).sum();
        assert_eq!(lead.revenue, Money::from_micros(brought), "{id}");
        let account = Account::Affiliate(lead.affiliate);
        let paid: i64 = entries.iter().map(|entry| entry.change_of(account).micros()).sum();
        assert_eq!(lead.payout, Money::from_micros(paid), "{id}: {entries:?}");
    }
}

async fn done(server: Arc<Server>, deed: Deed) {
    match deed {
        Deed::Form(body) => drop(server.tracking.post_form("/d.ashx", &body).await),
        Deed::Keyed(key, body) => {
            let request = crumb_testkit::Request::post("/d.ashx", "application/x-www-form-urlencoded", &body);
            drop(server.tracking.send(request.header("idempotency-key", &key)).await);
        }
        Deed::Pinged(who) => {
            let campaign = who.split("&email").next().unwrap_or_default();
            let ping = server.tracking.get(&format!("/ping.ashx?{campaign}&zip_code=90210")).await;
            if ping.text().contains("<pingid>") {
                let id = ping.between("<pingid>", "</pingid>");
                let body = format!("{who}&zip_code=90210&ckm_ping_id={id}");
                let both = server.tracking.post_form("/d.ashx", &body);
                let other = server.tracking.post_form("/d.ashx", &body);
                tokio::join!(both, other);
            }
        }
        Deed::Api(target, body) => {
            let reply = server.api_post(&target, &body).await;
            assert!(reply.status != 500, "{target} {body}: {}", reply.text());
        }
        // Where the store is away the next look finds it.
        Deed::Look => drop(server.selling.look_at_held().await),
        Deed::Apply(network) => {
            let file = crumb_network::parse(&network, crumb_network::FileFormat::Toml).unwrap();
            let now = server.clock.now();
            // No key is made: the file names them all.
            let mut random = rand::rngs::StdRng::seed_from_u64(0);
            drop(server.site.network.apply(file, false, now, &mut random).await);
        }
    }
}

async fn run(seed: u64) -> usize {
    let mut world = World::start(seed).await;
    world.replace_one().await;
    for round in 0..ROUNDS {
        let leads = stored(&world.server).await;
        world.round(&leads).await;
        world.server.clock.advance_seconds([0, 1, 60, 700, 5_000][world.dice.below(5)]);
        match world.dice.below(12) {
            0 => {
                world.rest().await;
                world.crash().await;
            }
            1 => {
                world.rest().await;
                let server = Arc::into_inner(world.server).unwrap();
                world.server = Arc::new(server.restart().await);
            }
            2 => drop(world.server.selling.look_at_held().await),
            _ => {}
        }
        if round % 8 == 7 {
            world.check(seed).await;
        }
    }
    // A day later every wait is over.
    world.server.clock.advance_days(1);
    world.server.selling.look_at_held().await.unwrap();
    world.rest().await;
    world.server.clock.advance_days(1);
    world.server.selling.wake();
    let free = world.check(seed).await;
    assert_eq!(world.held().await, [], "{seed}: every end is known");
    free
}

#[tokio::test]
async fn whatever_is_done_in_whatever_order_the_books_agree_and_nobody_is_sent_a_lead_twice() {
    for seed in SEEDS {
        assert!(run(seed).await > 0, "{seed}: no lead was delivered free, and one is to begin with");
    }
}
