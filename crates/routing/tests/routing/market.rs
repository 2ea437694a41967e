//! A vertical with contracts, a lead, and buyers that answer by a script.

use crate::invariants;
use crumb_domain::fields::FieldRules;
use crumb_domain::network::{Buyer, Contract, Distribution, Settings, Vertical};
use crumb_domain::selling::{BuyerAnswer, BuyerReading, PostFailure, PriceRead};
use crumb_domain::time::Zone;
use crumb_domain::{AffiliateId, BuyerId, ContractId, LeadId, Money, OfferId, Timestamp};
use crumb_routing::replay::Recorded;
use crumb_routing::{Alert, Command, ContractFacts, Ending, Event, Payout, Refusal, Run, State, Tree, step};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// A Sunday, 12:00 in UTC.
pub const NOON: &str = "2026-11-22T12:00:00Z";

pub fn money(text: &str) -> Money {
    text.parse().unwrap()
}

pub fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

/// Milliseconds after noon.
pub fn after_ms(milliseconds: i64) -> Timestamp {
    Timestamp::from_micros(noon().micros() + milliseconds * 1_000)
}

/// A contract of a buyer of its own, open all day, that takes whatever comes.
pub fn contract(id: i64, sale_type: &str, price: &str) -> Spec {
    let row =
        json!({ "days": ["all"], "open": "00:00", "close": "24:00", "price": price, "type": sale_type });
    Spec {
        buyer: json!({ "id": id * 100, "name": "b" }),
        contract: json!({ "id": id, "buyer": id * 100, "vertical": 1, "name": "c", "schedule": [row],
            "post": { "method": "post", "url": "http://b.example/", "accepted": ["contains:ok"] } }),
        facts: ContractFacts::none_of(ContractId(id)),
    }
}

/// A contract with its buyer and what was read of it.
#[derive(Debug, Clone)]
pub struct Spec {
    pub buyer: Value,
    pub contract: Value,
    pub facts: ContractFacts,
}

impl Spec {
    pub fn id(&self) -> ContractId {
        ContractId(self.contract["id"].as_i64().unwrap())
    }

    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.contract[key] = value.into();
        self
    }

    pub fn row(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.contract["schedule"][0][key] = value.into();
        self
    }

    pub fn priority(self) -> Self {
        self.row("priority", true)
    }

    pub fn sweeper(self) -> Self {
        self.row("sweeper", true)
    }

    pub fn rank(self, rank: i32) -> Self {
        self.with("rank", rank)
    }

    pub fn unknown_is(self, rule: &str) -> Self {
        self.with("unknown_is", rule)
    }

    pub fn ping(self) -> Self {
        let ping = json!({ "method": "get", "url": "http://b.example/", "accepted": ["contains:ok"] });
        self.with("ping", ping)
    }

    pub fn buyer(mut self, id: i64) -> Self {
        self.buyer["id"] = json!(id);
        self.with("buyer", id)
    }

    pub fn group(mut self, name: &str) -> Self {
        self.buyer["group"] = json!(name);
        self
    }

    pub fn buyer_with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.buyer[key] = value.into();
        self
    }

    /// Its buyer is owed so many leads.
    pub fn owed(self, leads: u32) -> Self {
        self.facts(|facts| facts.owed = leads)
    }

    pub fn facts(mut self, change: impl FnOnce(&mut ContractFacts)) -> Self {
        change(&mut self.facts);
        self
    }
}

/// The lead that replacements are for.
pub fn given_back() -> LeadId {
    "BACK0001".parse().unwrap()
}

/// A market for one lead.
#[derive(Debug, Clone)]
pub struct Market {
    pub vertical: Value,
    pub specs: Vec<Spec>,
    pub run: Run,
    pub switched_off: HashSet<ContractId>,
    pub script: Script,
}

/// What happens to commands; whatever is not in it goes well.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pub pings: HashMap<i64, BuyerAnswer>,
    pub posts: HashMap<i64, BuyerAnswer>,
    pub refusals: HashMap<i64, VecDeque<Refusal>>,
    /// Milliseconds that each ping, post and reservation takes; 10 where absent.
    pub takes_ms: HashMap<i64, i64>,
}

/// A market with these contracts, in which affiliates are paid nothing.
pub fn market(specs: impl IntoIterator<Item = Spec>) -> Market {
    let vertical = json!({ "id": 1, "name": "Auto", "field": [
        { "name": "state", "type": "list", "values": ["CA", "NV", "TX"] },
        { "name": "age", "type": "number" },
    ] });
    Market {
        vertical,
        specs: specs.into_iter().collect(),
        run: Run {
            lead: "C8097F17".parse().unwrap(),
            number: 1,
            at: noon(),
            begun_at: noon(),
            offer: OfferId(100),
            affiliate: AffiliateId(12),
            is_upsell: false,
            fields: vec![("state".to_owned(), "CA".to_owned()), ("age".to_owned(), "30".to_owned())],
            today: Zone::UTC.day_of(noon()),
            payout: Payout::Fixed(Money::ZERO),
            distribution: Distribution::Direct,
            deadline: after_ms(20_000),
            seed: 7,
            facts: Vec::new(),
            earlier: Vec::new(),
            sold_exclusively: false,
            bought_count: 0,
            quoted: Vec::new(),
        },
        switched_off: HashSet::new(),
        script: Script::default(),
    }
}

impl Market {
    pub fn router(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.vertical["router"][key] = value.into();
        self
    }

    pub fn run(mut self, change: impl FnOnce(&mut Run)) -> Self {
        change(&mut self.run);
        self
    }

    pub fn payout(self, amount: &str) -> Self {
        let amount = money(amount);
        self.run(|run| run.payout = Payout::Fixed(amount))
    }

    pub fn distribution(self, distribution: Distribution) -> Self {
        self.run(|run| run.distribution = distribution)
    }

    pub fn post(mut self, contract: i64, answer: BuyerAnswer) -> Self {
        self.script.posts.insert(contract, answer);
        self
    }

    pub fn pinged(mut self, contract: i64, answer: BuyerAnswer) -> Self {
        self.script.pings.insert(contract, answer);
        self
    }

    pub fn refuses(mut self, contract: i64, why: Refusal) -> Self {
        self.script.refusals.entry(contract).or_default().push_back(why);
        self
    }

    pub fn takes_ms(mut self, contract: i64, milliseconds: i64) -> Self {
        self.script.takes_ms.insert(contract, milliseconds);
        self
    }

    pub fn tree(&self) -> Arc<Tree> {
        let vertical: Vertical = serde_json::from_value(self.vertical.clone()).unwrap();
        let rules = FieldRules::compile(&vertical).unwrap();
        let contracts: Vec<Contract> =
            self.specs.iter().map(|spec| serde_json::from_value(spec.contract.clone()).unwrap()).collect();
        let buyers: BTreeMap<i64, Buyer> = self
            .specs
            .iter()
            .map(|spec| {
                let buyer: Buyer = serde_json::from_value(spec.buyer.clone()).unwrap();
                (buyer.id.0, buyer)
            })
            .collect();
        let settings = Settings::default();
        let tree =
            Tree::compile(&vertical, &rules, &contracts, buyers.values(), &settings, &self.switched_off);
        Arc::new(tree.unwrap())
    }

    pub fn inputs(&self) -> Run {
        let facts = self.specs.iter().map(|spec| spec.facts.clone()).collect();
        Run { facts, ..self.run.clone() }
    }

    /// Asks for a price only, to the end.
    pub fn quote(self) -> Played {
        let state = State::quoting(self.tree(), self.inputs());
        let played = drive(state, self.script);
        invariants::check_quote(&played);
        played
    }

    /// Runs it to its end, and checks what must always hold.
    pub fn play(self) -> Played {
        let script = self.script.clone();
        play(self.tree(), self.inputs(), script)
    }
}

/// A run at its end.
pub struct Played {
    pub state: State,
    pub recorded: Vec<Recorded>,
    /// With the moment of each.
    pub commands: Vec<(Timestamp, Command)>,
}

/// Drives a run: time passes as the script says, and the deadline comes when it does.
pub fn play(tree: Arc<Tree>, run: Run, script: Script) -> Played {
    let played = drive(State::new(tree, run), script);
    invariants::check(&played);
    played
}

fn drive(mut state: State, mut script: Script) -> Played {
    let (begun_at, deadline) = (state.run().begun_at, state.run().deadline);
    let (mut recorded, mut commands) = (Vec::new(), Vec::new());
    let mut pending = vec![(begun_at, Event::Begin), (deadline, Event::DeadlineReached)];
    while !pending.is_empty() && !state.is_ended() {
        let (first, _) = pending.iter().enumerate().min_by_key(|(_, (at, _))| *at).unwrap();
        let (at, event) = pending.remove(first);
        recorded.push(Recorded { at, event: event.clone() });
        let asked;
        (state, asked) = step(state, &event, at);
        for command in asked {
            pending.extend(script.end_of(&command, at));
            commands.push((at, command));
        }
    }
    Played { state, recorded, commands }
}

impl Script {
    fn end_of(&mut self, command: &Command, at: Timestamp) -> Option<(Timestamp, Event)> {
        let (contract, until) = match command {
            Command::Ping { contract, until, .. } | Command::Post { contract, until, .. } => {
                (*contract, *until)
            }
            Command::Reserve(reservation) => (reservation.contract, Timestamp::from_micros(i64::MAX)),
            Command::End { .. } => return None,
        };
        let took = self.takes_ms.get(&contract.0).copied().unwrap_or(10);
        let end = Timestamp::from_micros(at.micros() + took * 1_000);
        let timed_out = BuyerAnswer::Failed(PostFailure::TimedOut { sent: true });
        let answer = |given: Option<&BuyerAnswer>| match given {
            _ if end > until => timed_out.clone(),
            Some(answer) => answer.clone(),
            None => accepted(),
        };
        let event = match command {
            Command::Ping { .. } => Event::Pinged { contract, answer: answer(self.pings.get(&contract.0)) },
            Command::Post { .. } => Event::Posted { contract, answer: answer(self.posts.get(&contract.0)) },
            Command::Reserve(wanted) => {
                let refused = self.refusals.get_mut(&contract.0).and_then(VecDeque::pop_front);
                // A store says that nothing is owed to those who ask for what is.
                match refused.filter(|why| wanted.replacement || *why != Refusal::NothingOwed) {
                    // A store names the price that it was asked for.
                    Some(Refusal::NoCredit { available, .. }) => {
                        Event::Refused { contract, why: Refusal::NoCredit { available, price: wanted.price } }
                    }
                    Some(why) => Event::Refused { contract, why },
                    None => Event::Reserved { contract, replaces: wanted.replacement.then(given_back) },
                }
            }
            Command::End { .. } => return None,
        };
        Some((end.min(until), event))
    }
}

impl Played {
    /// `7 sold`, by contract.
    pub fn results(&self) -> Vec<String> {
        let results = self.state.results();
        results.iter().map(|one| format!("{} {}", one.contract, one.result.as_str())).collect()
    }

    pub fn result(&self, contract: i64) -> &'static str {
        self.outcome(contract).result.as_str()
    }

    pub fn text(&self, contract: i64) -> String {
        self.outcome(contract).reason.text()
    }

    pub fn values(&self, contract: i64) -> Value {
        self.outcome(contract).reason.values()
    }

    fn outcome(&self, contract: i64) -> crumb_routing::ContractOutcome {
        self.state.results().into_iter().find(|one| one.contract.0 == contract).unwrap()
    }

    pub fn ending(&self) -> Ending {
        self.state.ending().unwrap()
    }

    /// The contracts posted to, in order.
    pub fn posts(&self) -> Vec<i64> {
        let posts = self.commands.iter().filter_map(|(_, command)| match command {
            Command::Post { contract, .. } => Some(contract.0),
            _ => None,
        });
        posts.collect()
    }

    /// The contracts pinged, in order.
    pub fn pings(&self) -> Vec<i64> {
        let pings = self.commands.iter().filter_map(|(_, command)| match command {
            Command::Ping { contract, .. } => Some(contract.0),
            _ => None,
        });
        pings.collect()
    }

    /// `7 30.00`, in order.
    pub fn sales(&self) -> Vec<String> {
        let sales = self.state.sales().iter();
        sales.map(|sale| format!("{} {}", sale.reserved.contract, sale.sold_price)).collect()
    }

    /// What a quote was offered: `7 30.00`, in order.
    pub fn offered(&self) -> Vec<String> {
        self.state.offered().iter().map(|one| format!("{} {}", one.contract, one.price)).collect()
    }

    pub fn held(&self) -> Vec<i64> {
        self.state.held().iter().map(|held| held.reserved.contract.0).collect()
    }

    pub fn alerts(&self) -> &[Alert] {
        self.state.alerts()
    }

    /// The results as they are kept.
    pub fn bytes(&self) -> String {
        let state = &self.state;
        let all = json!({ "results": state.results(), "sales": state.sales(), "held": state.held(),
            "releases": state.releases(), "alerts": state.alerts(), "redirect": state.redirect() });
        serde_json::to_string(&all).unwrap()
    }
}

pub fn accepted() -> BuyerAnswer {
    BuyerAnswer::Accepted(BuyerReading::default())
}

pub fn accepted_at(price: &str) -> BuyerAnswer {
    accepted_with(PriceRead::Amount(money(price)))
}

pub fn accepted_with(price: PriceRead) -> BuyerAnswer {
    BuyerAnswer::Accepted(BuyerReading { price: Some(price), ..BuyerReading::default() })
}

pub fn rejected() -> BuyerAnswer {
    BuyerAnswer::Rejected(BuyerReading::default())
}

pub fn cut() -> BuyerAnswer {
    BuyerAnswer::Failed(PostFailure::Broken { sent: true })
}

pub fn unreachable() -> BuyerAnswer {
    BuyerAnswer::Failed(PostFailure::Broken { sent: false })
}

pub fn bought_by(buyer: i64) -> crumb_routing::Earlier {
    crumb_routing::Earlier { buyer: BuyerId(buyer), group: None, how: crumb_routing::Had::Bought }
}
