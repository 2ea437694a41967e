//! Many leads and few buyers who lie: caps and balances are kept by a small store,
//! many runs are under way at once, and in the end the books must balance.

use crate::market::{
    Market, Spec, accepted, accepted_at, after_ms, contract, cut, given_back, market, money, noon, rejected,
    unreachable,
};
use crumb_domain::network::Distribution;
use crumb_domain::selling::{BuyerAnswer, PostFailure, PriceRead};
use crumb_domain::time::Zone;
use crumb_domain::{BuyerId, ContractId, Money};
use crumb_routing::replay::Recorded;
use crumb_routing::{Command, Event, Refusal, Reservation, State, Tree, step};
use rand_of_the_simulation::Dice;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// A small generator, so that a failing seed fails again.
pub mod rand_of_the_simulation {
    pub struct Dice(pub u64);

    impl Dice {
        pub fn below(&mut self, end: u64) -> u64 {
            // Xorshift; the simulation needs variety, not quality.
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % end
        }

        pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
            from[usize::try_from(self.below(from.len() as u64)).unwrap()]
        }
    }
}

/// Counts and balances, reserved and confirmed at once as a store does it.
#[derive(Default)]
pub struct Books {
    pub counts: BTreeMap<ContractId, u32>,
    balances: BTreeMap<BuyerId, i64>,
    reserved: i64,
    /// Leads that are still owed.
    owed: BTreeMap<ContractId, u32>,
}

impl Books {
    fn reserve(&mut self, wanted: &Reservation) -> Result<(), Refusal> {
        let count = self.counts.entry(wanted.contract).or_insert(0);
        if let Some(cap) = wanted.cap.filter(|cap| *count >= *cap) {
            return Err(Refusal::CapReached { count: *count, cap });
        }
        let balance = self.balances.entry(wanted.buyer).or_insert(0);
        let owed = self.owed.entry(wanted.contract).or_insert(0);
        if wanted.replacement && *owed == 0 {
            return Err(Refusal::NothingOwed);
        }
        if !wanted.replacement && (wanted.price.micros() > *balance || *balance < 0) {
            let available = Money::from_micros(*balance);
            return Err(Refusal::NoCredit { available, price: wanted.price });
        }
        *count += 1;
        *owed -= u32::from(wanted.replacement);
        *balance -= wanted.charged().micros();
        self.reserved += wanted.charged().micros();
        Ok(())
    }

    fn release(&mut self, reserved: &Reservation) {
        *self.counts.get_mut(&reserved.contract).unwrap() -= 1;
        *self.owed.get_mut(&reserved.contract).unwrap() += u32::from(reserved.replacement);
        *self.balances.get_mut(&reserved.buyer).unwrap() += reserved.charged().micros();
        self.reserved -= reserved.charged().micros();
    }
}

pub const TODAY_CAP: u32 = 6;
/// What each buyer can spend.
pub const FUNDS: &str = "90.00";

pub fn random_spec(dice: &mut Dice, id: i64) -> Spec {
    let sale_type = dice.pick(&["exclusive", "multisell", "multisell", "hybrid"]);
    let price = dice.pick(&["0.00", "5.00", "10.00", "15.00", "20.00"]);
    let mut spec = contract(id, sale_type, price).row("cap", TODAY_CAP).buyer(1 + (id - 1) % 7);
    if (id - 1) % 7 > 4 {
        spec = spec.group("carriers");
    }
    if dice.below(4) == 0 {
        spec = spec.sweeper();
    }
    if dice.below(8) == 0 {
        spec = spec.priority();
    }
    if dice.below(2) == 0 {
        spec = spec.ping();
    }
    let rule = dice.pick(&["wait", "wait", "rejected", "sold"]);
    spec.rank(dice.pick(&[0, 0, 1])).unknown_is(rule)
}

/// Accepts, rejects, stalls, cuts, cannot be reached, or lies about its price.
fn random_answer(dice: &mut Dice) -> BuyerAnswer {
    match dice.below(10) {
        0..=2 => accepted(),
        3 => accepted_at("500.00"),
        4 => accepted_at("1.00"),
        5 => crate::market::accepted_with(PriceRead::Unreadable),
        6 => rejected(),
        7 => cut(),
        8 => BuyerAnswer::Failed(PostFailure::TimedOut { sent: dice.below(2) == 0 }),
        _ => unreachable(),
    }
}

/// Every third contract's buyer is owed two leads.
fn owed_at_first(contract: ContractId) -> u32 {
    if contract.0 % 3 == 1 { 2 } else { 0 }
}

pub struct Simulation {
    pub dice: Dice,
    pub books: Books,
    pub market: Market,
    tree: Arc<Tree>,
    pub runs: Vec<State>,
    /// The events of each as they were handed in.
    pub recorded: Vec<Vec<Recorded>>,
    /// Run and what is to be handed to it.
    pub pending: Vec<(usize, Event)>,
    sent: Vec<HashSet<BuyerId>>,
    clock_ms: i64,
    /// How long it may be from one event to the next.
    pub pause_ms: u64,
    /// Buyers name no prices of their own.
    pub is_honest: bool,
}

impl Simulation {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice(seed * 2 + 1);
        let contracts = 2 + dice.below(12);
        let specs: Vec<Spec> =
            (1..=contracts).map(|id| random_spec(&mut dice, i64::try_from(id).unwrap())).collect();
        let market = market(specs)
            .router("resell_limit", dice.below(4))
            .router("sweeper_partners", 1 + dice.below(2))
            .payout(dice.pick(&["0.00", "5.00"]))
            .distribution(dice.pick(&[Distribution::Direct, Distribution::Ping, Distribution::AsyncPing]));
        let mut books = Books::default();
        let start = money(FUNDS).micros();
        books.balances = (1..=7).map(|buyer| (BuyerId(buyer), start)).collect();
        let tree = market.tree();
        books.owed = tree.contracts().map(|contract| (contract, owed_at_first(contract))).collect();
        Self {
            dice,
            books,
            market,
            tree,
            runs: Vec::new(),
            recorded: Vec::new(),
            pending: Vec::new(),
            sent: Vec::new(),
            clock_ms: 0,
            pause_ms: 1,
            is_honest: false,
        }
    }

    /// A lead comes in, with the facts as they are.
    pub fn lead(&mut self) {
        let mut run = self.market.inputs();
        run.at = after_ms(self.clock_ms);
        run.begun_at = run.at;
        run.deadline = after_ms(self.clock_ms + 20_000);
        run.seed = self.dice.below(1_000);
        for facts in &mut run.facts {
            let count = self.books.counts.get(&facts.contract).copied().unwrap_or(0);
            facts.counts = vec![(Zone::UTC.day_of(noon()), count)];
            let buyer = self.tree.buyer_of(facts.contract).unwrap();
            facts.available = Some(Money::from_micros(self.books.balances[&buyer]));
            facts.owed = self.books.owed[&facts.contract];
        }
        self.pending.push((self.runs.len(), Event::Begin));
        if self.dice.below(8) == 0 {
            self.pending.push((self.runs.len(), Event::DeadlineReached));
        }
        self.runs.push(State::new(Arc::clone(&self.tree), run));
        self.recorded.push(Vec::new());
        self.sent.push(HashSet::new());
    }

    /// Something that is pending happens, in no particular order.
    pub fn happen(&mut self) {
        let next = usize::try_from(self.dice.below(self.pending.len() as u64)).unwrap();
        let (index, event) = self.pending.swap_remove(next);
        self.clock_ms += 1 + i64::try_from(self.dice.below(self.pause_ms)).unwrap();
        self.recorded[index].push(Recorded { at: after_ms(self.clock_ms), event: event.clone() });
        let state = self.runs[index].clone();
        let released = state.releases().len();
        let (state, commands) = step(state, &event, after_ms(self.clock_ms));
        // What is set free is free for others at once.
        state.releases()[released..].iter().for_each(|one| self.books.release(one));
        self.runs[index] = state;
        for command in commands {
            self.carry_out(index, command);
        }
    }

    fn answer(&mut self) -> BuyerAnswer {
        match random_answer(&mut self.dice) {
            BuyerAnswer::Accepted(_) if self.is_honest => accepted(),
            answer => answer,
        }
    }

    fn carry_out(&mut self, index: usize, command: Command) {
        let event = match command {
            Command::Ping { contract, .. } => Event::Pinged { contract, answer: self.answer() },
            Command::Reserve(wanted) => {
                let contract = wanted.contract;
                match self.books.reserve(&wanted) {
                    Ok(()) => Event::Reserved { contract, replaces: wanted.replacement.then(given_back) },
                    Err(why) => Event::Refused { contract, why },
                }
            }
            Command::Post { contract, buyer, .. } => {
                let answer = self.answer();
                let is_unsent = matches!(&answer, BuyerAnswer::Failed(why) if !why.is_sent());
                assert!(is_unsent || self.sent[index].insert(buyer), "{buyer} was sent a lead twice");
                Event::Posted { contract, answer }
            }
            Command::End { .. } => return,
        };
        self.pending.push((index, event));
    }

    fn check(&self) {
        let (mut revenue, mut reserved, mut counts) = (BTreeMap::new(), 0, BTreeMap::new());
        let mut free: BTreeMap<ContractId, u32> = BTreeMap::new();
        for state in &self.runs {
            assert!(state.is_ended());
            assert_eq!(state.results().len(), self.market.specs.len());
            let sold = state.sales().iter().map(|sale| &sale.reserved);
            let have: Vec<_> = sold.chain(state.held().iter().map(|held| &held.reserved)).collect();
            assert!(have.len() == 1 || have.iter().all(|one| !one.alone));
            for one in have {
                *counts.entry(one.contract).or_insert(0u32) += 1;
                *revenue.entry(one.buyer).or_insert(0i64) += one.charged().micros();
                reserved += one.charged().micros();
                *free.entry(one.contract).or_insert(0) += u32::from(one.replacement);
            }
        }
        for (contract, owed) in &self.books.owed {
            let free = free.get(contract).copied().unwrap_or(0);
            assert_eq!(owed + free, owed_at_first(*contract), "each lead that was owed is owed or delivered");
        }
        assert_eq!(reserved, self.books.reserved, "what was reserved is sold, held, or free again");
        for (contract, count) in &self.books.counts {
            assert_eq!(*count, counts.get(contract).copied().unwrap_or(0));
            assert!(*count <= TODAY_CAP, "over the cap");
        }
        for (buyer, balance) in &self.books.balances {
            let spent = revenue.get(buyer).copied().unwrap_or(0);
            assert_eq!(*balance, money(FUNDS).micros() - spent);
            assert!(*balance >= 0, "spent more than there was");
        }
    }
}

#[test]
fn leads_at_once_on_thousands_of_random_trees_keep_caps_and_balances() {
    let mut sold = 0;
    for seed in 0..3_000 {
        let mut simulation = Simulation::new(seed);
        for _ in 0..8 {
            simulation.lead();
        }
        while !simulation.pending.is_empty() {
            simulation.happen();
        }
        simulation.check();
        sold += simulation.runs.iter().filter(|state| !state.sales().is_empty()).count();
    }
    assert!(sold > 3_000, "only {sold} of 24,000 were sold: the simulation shows nothing");
}

#[test]
fn with_a_cap_of_ten_and_a_buyer_that_takes_all_exactly_ten_of_many_sell() {
    let market = market([contract(1, "exclusive", "1.00").row("cap", 10)]);
    let mut books = Books::default();
    books.balances.insert(BuyerId(100), money("1000.00").micros());
    let tree = market.tree();
    let begun: Vec<_> =
        (0..100).map(|_| step(State::new(tree.clone(), market.inputs()), &Event::Begin, noon())).collect();
    let mut sold = 0;
    for (state, commands) in begun {
        let Some(Command::Reserve(wanted)) = commands.first() else { panic!("{commands:?}") };
        let contract = wanted.contract;
        let event = match books.reserve(wanted) {
            Ok(()) => Event::Reserved { contract, replaces: None },
            Err(why) => Event::Refused { contract, why },
        };
        let (state, _) = step(state, &event, noon());
        let (state, _) = step(state, &Event::Posted { contract, answer: accepted() }, noon());
        sold += state.sales().len();
        assert!(state.is_ended());
    }
    assert_eq!(sold, 10);
}
