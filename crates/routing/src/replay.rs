//! Deciding again: with the same contracts, to see that the same comes of it; with
//! changed ones, to see what would have.
//!
//! The machine is the same one. What happened is taken from the record, by contract:
//! a buyer answers as it did and takes as long. What never happened is assumed, and
//! listed as such: a ping is accepted at the row's price, a post at the reserved one,
//! both at once. A reservation is granted while the [`Ledger`] has room for it.
//!
//! Answers come as late as they came, measured from what asked for them, so a replayed
//! run may meet its deadline; no time-out is made up for a contract whose was changed.

use crate::machine::{Command, Event, Refusal, State, step};
use crate::outcome::{Reservation, Sold};
use crate::run::{ContractFacts, Run};
use crate::tree::Tree;
use crumb_domain::network::Distribution;
use crumb_domain::selling::{BuyerAnswer, BuyerReading};
use crumb_domain::time::Day;
use crumb_domain::{BuyerId, ContractId, Money, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// An event as it was handed to [`step`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// When.
    pub at: Timestamp,
    /// Which.
    #[serde(flatten)]
    pub event: Event,
}

/// What a replay came to.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// The run at its end.
    pub state: State,
    /// What is not known to be so.
    pub assumptions: Assumptions,
    /// The posts whose ends came, in their order.
    pub posts: Vec<Posted>,
}

/// A post of a replay, at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// To which contract.
    pub contract: ContractId,
    /// Whether its buyer may know the lead since.
    pub was_sent: bool,
}

/// Answers that nobody gave.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Assumptions {
    /// Contracts whose ping is taken for accepted at the row's price.
    pub pings: Vec<ContractId>,
    /// Contracts whose post is taken for accepted at the reserved price.
    pub posts: Vec<ContractId>,
}

/// By how much replays of several leads used up more, or less, than what really
/// happened did: each lead sees what those before it changed.
///
/// [`replay()`] adds what it uses up; whoever replays leads one after the other tells
/// what each really used up by [`Ledger::really`]. Where the two are the same nothing
/// is changed of the facts as they were read, concurrent leads and all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    counts: BTreeMap<(ContractId, Day), i64>,
    spent: BTreeMap<BuyerId, i64>,
    really_spent: BTreeMap<BuyerId, i64>,
    /// Leads delivered free, of those that a contract's buyer was owed.
    replaced: BTreeMap<ContractId, i64>,
    /// The last replayed sales of contracts that bought other leads than they really did;
    /// none where they would not have bought any.
    last_sold: BTreeMap<ContractId, Option<Timestamp>>,
}

impl Ledger {
    /// How many leads more than really happened count for a contract's opening day.
    pub fn more_leads(&self, contract: ContractId, day: Day) -> i64 {
        self.counts.get(&(contract, day)).copied().unwrap_or(0)
    }

    /// How much more than it really did a buyer spent.
    pub fn more_spent(&self, buyer: BuyerId) -> Money {
        Money::from_micros(self.spent.get(&buyer).copied().unwrap_or(0))
    }

    /// How many leads more than it really did a contract's buyer had free.
    pub fn more_replaced(&self, contract: ContractId) -> i64 {
        self.replaced.get(&contract).copied().unwrap_or(0)
    }

    /// What a buyer really spent for the leads that were replayed.
    pub fn really_spent(&self, buyer: BuyerId) -> Money {
        Money::from_micros(self.really_spent.get(&buyer).copied().unwrap_or(0))
    }

    /// What a run that was replayed by `replayed` really used up.
    pub fn really(&mut self, state: &State, replayed: &State) {
        self.count(state, -1);
        for sale in replayed.sales() {
            let contract = sale.reserved.contract;
            let is_same = state.sales().iter().any(|really| really.reserved.contract == contract);
            if !is_same || self.last_sold.contains_key(&contract) {
                self.last_sold.insert(contract, Some(replayed.run().begun_at));
            }
        }
        self.not_sold(state, replayed.sales());
    }

    /// What a run really used up that no replay comes to.
    pub fn really_alone(&mut self, state: &State) {
        self.count(state, -1);
        self.not_sold(state, &[]);
    }

    fn not_sold(&mut self, state: &State, replayed: &[Sold]) {
        for sale in state.sales() {
            let contract = sale.reserved.contract;
            let facts = state.run().facts.iter().find(|facts| facts.contract == contract);
            let is_same = replayed.iter().any(|again| again.reserved.contract == contract);
            if !is_same {
                self.last_sold.entry(contract).or_insert(facts.and_then(|facts| facts.last_sold));
            }
        }
    }

    /// The facts as they are after the replays so far.
    fn see(&self, tree: &Tree, facts: &[ContractFacts]) -> Vec<ContractFacts> {
        let seen = |facts: &ContractFacts| {
            let mut facts = facts.clone();
            for (day, count) in &mut facts.counts {
                *count = self.counted(facts.contract, *day, *count);
            }
            let days = (facts.contract, Day(i32::MIN))..=(facts.contract, Day(i32::MAX));
            for ((_, day), more) in self.counts.range(days) {
                if *more > 0 && facts.counts.iter().all(|(known, _)| known != day) {
                    facts.counts.push((*day, self.counted(facts.contract, *day, 0)));
                }
            }
            let more = tree.buyer_of(facts.contract).map_or(Money::ZERO, |buyer| self.more_spent(buyer));
            facts.available = facts.available.map(|available| minus(available, more));
            let owed = i64::from(facts.owed).saturating_sub(self.more_replaced(facts.contract)).max(0);
            facts.owed = u32::try_from(owed).unwrap_or(u32::MAX);
            facts.last_sold = self.last_sold.get(&facts.contract).copied().unwrap_or(facts.last_sold);
            facts
        };
        facts.iter().map(seen).collect()
    }

    /// A count as it is after the replays so far.
    fn counted(&self, contract: ContractId, day: Day, count: u32) -> u32 {
        let count = i64::from(count).saturating_add(self.more_leads(contract, day)).max(0);
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Whether a contract's cap, credit and what it is owed stand as they really did.
    fn is_as_it_was(&self, wanted: &Reservation) -> bool {
        self.more_leads(wanted.contract, wanted.day) == 0
            && self.more_spent(wanted.buyer) == Money::ZERO
            && self.more_replaced(wanted.contract) == 0
    }

    fn count(&mut self, state: &State, sign: i64) {
        let sold = state.sales().iter().map(|sale| (&sale.reserved, sale.sold_price));
        let held = state.held().iter().map(|held| (&held.reserved, held.reserved.charged()));
        for (used, price) in sold.chain(held) {
            let count = self.counts.entry((used.contract, used.day)).or_insert(0);
            *count = count.saturating_add(sign);
            if used.replacement {
                let replaced = self.replaced.entry(used.contract).or_insert(0);
                *replaced = replaced.saturating_add(sign);
            }
            let spent = self.spent.entry(used.buyer).or_insert(0);
            *spent = spent.saturating_add(price.micros().saturating_mul(sign));
            if sign < 0 {
                let spent = self.really_spent.entry(used.buyer).or_insert(0);
                *spent = spent.saturating_add(price.micros());
            }
        }
    }
}

/// Decides a run again. `recorded` are the events of the run as they were handed in;
/// in the order of their times, which do not run backwards; `ledger` is a new one
/// unless several leads are replayed one after the other.
///
/// With the tree that the run was decided by, its events and a new ledger, the
/// results are the same to the byte.
pub fn replay(tree: Arc<Tree>, run: &Run, recorded: &[Recorded], ledger: &mut Ledger) -> Replayed {
    replay_changed(tree, run, run.distribution, recorded, &Answers::default(), ledger)
}

/// As [`replay()`], of a run whose inputs were changed. `asked` is how its offer asked
/// buyers when it was recorded: it tells how long their answers took. What a buyer did not
/// answer in this run it answers as `elsewhere`.
pub fn replay_changed(
    tree: Arc<Tree>,
    run: &Run,
    asked: Distribution,
    recorded: &[Recorded],
    elsewhere: &Answers,
    ledger: &mut Ledger,
) -> Replayed {
    let facts = ledger.see(&tree, &run.facts);
    let run = Run { facts, ..run.clone() };
    let record = Record::of(recorded, &run, asked);
    let pending = record.of_itself.clone();
    let facts = run.facts.clone();
    let assumptions = Assumptions::default();
    let mut driver =
        Driver { record, elsewhere, ledger, facts: &facts, pending, assumptions, posts: Vec::new() };
    let mut state = State::new(tree, run);
    // Each event answers a command, and a run asks each contract for finitely many
    // things.
    while let Some(next) = driver.next() {
        let commands;
        (state, commands) = step(state, &next.event, next.at);
        for command in &commands {
            driver.answer(command, next.at);
        }
    }
    let Driver { assumptions, posts, .. } = driver;
    ledger.count(&state, 1);
    Replayed { state, assumptions, posts }
}

/// What buyers answered a lead, in whichever of its runs. The first answer counts: a
/// buyer that was sent a lead is not sent it again.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    pings: HashMap<ContractId, Took>,
    posts: HashMap<ContractId, Took>,
}

impl Answers {
    /// Keeps those of a run, as it was recorded.
    pub fn note(&mut self, run: &Run, recorded: &[Recorded]) {
        let Record { pings, posts, .. } = Record::of(recorded, run, run.distribution);
        for (contract, took) in pings {
            self.pings.entry(contract).or_insert(took);
        }
        for (contract, took) in posts {
            self.posts.entry(contract).or_insert(took);
        }
    }
}

/// An event that is to come.
#[derive(Debug, Clone)]
struct Next {
    at: Timestamp,
    /// Its place in the record; behind all of them where it is assumed.
    place: usize,
    event: Event,
}

/// An end as it is recorded, with how long it took.
#[derive(Debug, Clone)]
struct Took {
    micros: i64,
    place: usize,
    event: Event,
}

/// What is recorded, by what it answers.
#[derive(Default)]
struct Record {
    /// Events that answer nothing: the beginning, the deadline.
    of_itself: Vec<Next>,
    pings: HashMap<ContractId, Took>,
    posts: HashMap<ContractId, Took>,
    /// In order: a contract refused by one row may be reserved by another.
    reservations: HashMap<ContractId, VecDeque<Took>>,
}

impl Record {
    fn of(recorded: &[Recorded], run: &Run, asked: Distribution) -> Self {
        let mut record = Self::default();
        let begun = recorded.iter().find(|one| one.event == Event::Begin).map(|one| one.at);
        let is_begun_by_deadline = recorded.iter().any(|one| one.event == Event::DeadlineReached);
        if begun.is_none() && !is_begun_by_deadline {
            record.of_itself.push(Next { at: run.begun_at, place: 0, event: Event::Begin });
        }
        let begun = begun.unwrap_or(run.begun_at);
        // What asked for an end is the event before it, but all of a round of pings
        // are asked for by the beginning.
        let mut before = begun;
        for (place, Recorded { at, event }) in recorded.iter().enumerate() {
            let took = |since: Timestamp| Took {
                micros: at.micros().saturating_sub(since.micros()),
                place,
                event: event.clone(),
            };
            match event {
                Event::Begin | Event::DeadlineReached => {
                    record.of_itself.push(Next { at: *at, place, event: event.clone() });
                    continue;
                }
                Event::Reserved { contract, .. } | Event::Refused { contract, .. } => {
                    record.reservations.entry(*contract).or_default().push_back(took(before));
                }
                Event::Pinged { contract, .. } => {
                    let is_round = asked == Distribution::AsyncPing;
                    let since = if is_round { begun } else { before };
                    record.pings.entry(*contract).or_insert_with(|| took(since));
                }
                Event::Posted { contract, .. } => {
                    record.posts.entry(*contract).or_insert_with(|| took(before));
                }
            }
            before = *at;
        }
        record
    }
}

struct Driver<'a> {
    record: Record,
    elsewhere: &'a Answers,
    ledger: &'a Ledger,
    /// As the run sees them.
    facts: &'a [ContractFacts],
    pending: Vec<Next>,
    assumptions: Assumptions,
    posts: Vec<Posted>,
}

impl Driver<'_> {
    fn next(&mut self) -> Option<Next> {
        let pending = self.pending.iter().enumerate();
        let (first, _) = pending.min_by_key(|(_, next)| (next.at, next.place))?;
        let next = self.pending.remove(first);
        if let Event::Posted { contract, answer } = &next.event {
            let was_sent = !matches!(answer, BuyerAnswer::Failed(failure) if !failure.is_sent());
            self.posts.push(Posted { contract: *contract, was_sent });
        }
        Some(next)
    }

    fn answer(&mut self, command: &Command, now: Timestamp) {
        let accepted = || BuyerAnswer::Accepted(BuyerReading::default());
        match command {
            Command::Ping { contract, .. } => {
                let recorded = self.record.pings.remove(contract);
                let recorded = recorded.or_else(|| self.elsewhere.pings.get(contract).cloned());
                if recorded.is_none() {
                    self.assumptions.pings.push(*contract);
                }
                let assumed = || Event::Pinged { contract: *contract, answer: accepted() };
                self.comes(recorded, assumed, now);
            }
            Command::Post { contract, .. } => {
                let recorded = self.record.posts.remove(contract);
                let recorded = recorded.or_else(|| self.elsewhere.posts.get(contract).cloned());
                if recorded.is_none() {
                    self.assumptions.posts.push(*contract);
                }
                let assumed = || Event::Posted { contract: *contract, answer: accepted() };
                self.comes(recorded, assumed, now);
            }
            Command::Reserve(wanted) => {
                let queue = self.record.reservations.get_mut(&wanted.contract);
                let recorded = queue.and_then(|queue| next_of(queue, wanted));
                let event = self.reservation(wanted, recorded.as_ref().map(|took| &took.event));
                let recorded = recorded.map(|took| Took { event: event.clone(), ..took });
                self.comes(recorded, || event, now);
            }
            Command::End { .. } => {}
        }
    }

    fn comes(&mut self, recorded: Option<Took>, assumed: impl FnOnce() -> Event, now: Timestamp) {
        let next = match recorded {
            Some(Took { micros, place, event }) => {
                Next { at: Timestamp::from_micros(now.micros().saturating_add(micros)), place, event }
            }
            None => Next { at: now, place: usize::MAX, event: assumed() },
        };
        self.pending.push(next);
    }

    /// What a reservation comes to. What was granted is granted again, and what was
    /// refused refused, unless cap or price are others now, or other replayed leads used
    /// up more or less; then it is reckoned from the counts and the credit of the moment.
    fn reservation(&self, wanted: &Reservation, recorded: Option<&Event>) -> Event {
        let contract = wanted.contract;
        let Reservation { cap, price, .. } = *wanted;
        let is_as_it_was = self.ledger.is_as_it_was(wanted);
        let refused = match recorded {
            Some(Event::Refused { why: Refusal::CapReached { count, cap: was }, .. }) => {
                let now = self.ledger.counted(contract, wanted.day, *count);
                let is_same = is_as_it_was && cap == Some(*was);
                let refuses = |cap: u32| is_same || now >= cap;
                cap.filter(|cap| refuses(*cap)).map(|cap| Refusal::CapReached { count: now, cap })
            }
            Some(Event::Refused { why: Refusal::NoCredit { available, price: was }, .. }) => {
                let now = minus(*available, self.ledger.more_spent(wanted.buyer));
                let is_same = is_as_it_was && price == *was;
                (is_same || price > now).then_some(Refusal::NoCredit { available: now, price })
            }
            Some(Event::Refused { why: Refusal::NothingOwed, .. }) if is_as_it_was => {
                Some(Refusal::NothingOwed)
            }
            Some(Event::Refused { why: Refusal::AlreadySent, .. }) => Some(Refusal::AlreadySent),
            Some(Event::Reserved { replaces, .. })
                if is_as_it_was && replaces.is_some() == wanted.replacement =>
            {
                None
            }
            _ => self.refusal(wanted),
        };
        match (refused, recorded) {
            (Some(why), _) => Event::Refused { contract, why },
            (None, Some(Event::Reserved { replaces, .. })) if wanted.replacement => {
                Event::Reserved { contract, replaces: *replaces }
            }
            (None, _) => Event::Reserved { contract, replaces: None },
        }
    }

    /// Whether the facts refuse a reservation.
    fn refusal(&self, wanted: &Reservation) -> Option<Refusal> {
        let facts = self.facts.iter().find(|facts| facts.contract == wanted.contract);
        let none = ContractFacts::none_of(wanted.contract);
        let facts = facts.unwrap_or(&none);
        let unseen = self.ledger.counted(wanted.contract, wanted.day, 0);
        let count = facts.count_on(wanted.day).max(unseen);
        if let Some(cap) = wanted.cap.filter(|cap| count >= *cap) {
            return Some(Refusal::CapReached { count, cap });
        }
        if wanted.replacement {
            return (facts.owed == 0).then_some(Refusal::NothingOwed);
        }
        let (available, price) = (facts.available?, wanted.price);
        (price > available).then_some(Refusal::NoCredit { available, price })
    }
}

/// What is recorded next of a contract's reservations. That nothing was owed is an answer
/// only to whoever asks for a replacement.
fn next_of(queue: &mut VecDeque<Took>, wanted: &Reservation) -> Option<Took> {
    let is_of_other = |took: &Took| {
        !wanted.replacement && matches!(took.event, Event::Refused { why: Refusal::NothingOwed, .. })
    };
    loop {
        let took = queue.pop_front()?;
        if !is_of_other(&took) {
            return Some(took);
        }
    }
}

fn minus(a: Money, b: Money) -> Money {
    Money::from_micros(a.micros().saturating_sub(b.micros()))
}
