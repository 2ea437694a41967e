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
use crate::outcome::Reservation;
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
}

/// Answers that nobody gave.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Assumptions {
    /// Contracts whose ping is taken for accepted at the row's price.
    pub pings: Vec<ContractId>,
    /// Contracts whose post is taken for accepted at the reserved price.
    pub posts: Vec<ContractId>,
}

/// What replays of several leads have used up: each of them sees what those before
/// it bought. It begins with what the first lead's facts say of a contract, and from
/// then on counts the replayed sales only, not those that were really made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    counts: BTreeMap<(ContractId, Day), u32>,
    /// Whether a replay has bought anything.
    is_used: bool,
    /// What a contract's buyer could spend before any replay; none is unlimited.
    credit: BTreeMap<ContractId, Option<Money>>,
    spent: BTreeMap<BuyerId, Money>,
}

impl Ledger {
    /// Leads that count for a contract's opening day.
    pub fn count_of(&self, contract: ContractId, day: Day) -> u32 {
        self.counts.get(&(contract, day)).copied().unwrap_or(0)
    }

    /// What a buyer spent in replays.
    pub fn spent_by(&self, buyer: BuyerId) -> Money {
        self.spent.get(&buyer).copied().unwrap_or(Money::ZERO)
    }

    /// The facts as they are after the replays so far.
    fn see(&mut self, tree: &Tree, facts: &[ContractFacts]) -> Vec<ContractFacts> {
        let seen = |facts: &ContractFacts| {
            let mut facts = facts.clone();
            for (day, count) in &mut facts.counts {
                *count = *self.counts.entry((facts.contract, *day)).or_insert(*count);
            }
            let days = (facts.contract, Day(i32::MIN))..=(facts.contract, Day(i32::MAX));
            for ((_, day), count) in self.counts.range(days) {
                if facts.counts.iter().all(|(known, _)| known != day) {
                    facts.counts.push((*day, *count));
                }
            }
            let spent = tree.buyer_of(facts.contract).map_or(Money::ZERO, |buyer| self.spent_by(buyer));
            let first = || facts.available.map(|available| plus(available, spent));
            let credit = *self.credit.entry(facts.contract).or_insert_with(first);
            facts.available = credit.map(|credit| minus(credit, spent));
            facts
        };
        facts.iter().map(seen).collect()
    }

    fn refusal(&self, wanted: &Reservation) -> Option<Refusal> {
        let count = self.count_of(wanted.contract, wanted.day);
        if let Some(cap) = wanted.cap.filter(|cap| count >= *cap) {
            return Some(Refusal::CapReached { count, cap });
        }
        let credit = self.credit.get(&wanted.contract).copied().flatten()?;
        let available = minus(credit, self.spent_by(wanted.buyer));
        let price = wanted.price;
        (price > available).then_some(Refusal::NoCredit { available, price })
    }

    fn use_up(&mut self, used: &Reservation, price: Money) {
        self.is_used = true;
        let count = self.counts.entry((used.contract, used.day)).or_insert(0);
        *count = count.saturating_add(1);
        let spent = self.spent.entry(used.buyer).or_insert(Money::ZERO);
        *spent = plus(*spent, price);
    }
}

/// Decides a run again. `recorded` are the events of the run as they were handed in;
/// in the order of their times, which do not run backwards; `ledger` is a new one
/// unless several leads are replayed one after the other.
///
/// With the tree that the run was decided by, its events and a new ledger, the
/// results are the same to the byte.
pub fn replay(tree: Arc<Tree>, run: &Run, recorded: &[Recorded], ledger: &mut Ledger) -> Replayed {
    let facts = ledger.see(&tree, &run.facts);
    let run = Run { facts, ..run.clone() };
    let record = Record::of(recorded, &run);
    let pending = record.of_itself.clone();
    let mut driver = Driver { record, ledger, pending, assumptions: Assumptions::default() };
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
    let assumptions = driver.assumptions;
    for sale in state.sales() {
        ledger.use_up(&sale.reserved, sale.sold_price);
    }
    for held in state.held() {
        ledger.use_up(&held.reserved, held.reserved.price);
    }
    Replayed { state, assumptions }
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
    fn of(recorded: &[Recorded], run: &Run) -> Self {
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
                Event::Reserved { contract } | Event::Refused { contract, .. } => {
                    record.reservations.entry(*contract).or_default().push_back(took(before));
                }
                Event::Pinged { contract, .. } => {
                    let is_round = run.distribution == Distribution::AsyncPing;
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
    ledger: &'a Ledger,
    pending: Vec<Next>,
    assumptions: Assumptions,
}

impl Driver<'_> {
    fn next(&mut self) -> Option<Next> {
        let pending = self.pending.iter().enumerate();
        let (first, _) = pending.min_by_key(|(_, next)| (next.at, next.place))?;
        Some(self.pending.remove(first))
    }

    fn answer(&mut self, command: &Command, now: Timestamp) {
        let accepted = || BuyerAnswer::Accepted(BuyerReading::default());
        match command {
            Command::Ping { contract, .. } => {
                let recorded = self.record.pings.remove(contract);
                if recorded.is_none() {
                    self.assumptions.pings.push(*contract);
                }
                let assumed = || Event::Pinged { contract: *contract, answer: accepted() };
                self.comes(recorded, assumed, now);
            }
            Command::Post { contract, .. } => {
                let recorded = self.record.posts.remove(contract);
                if recorded.is_none() {
                    self.assumptions.posts.push(*contract);
                }
                let assumed = || Event::Posted { contract: *contract, answer: accepted() };
                self.comes(recorded, assumed, now);
            }
            Command::Reserve(wanted) => {
                let queue = self.record.reservations.get_mut(&wanted.contract);
                let recorded = queue.and_then(VecDeque::pop_front);
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

    /// What a reservation comes to. A recorded refusal stands as it is for what was
    /// refused, and by its values for another cap or price; what was granted is
    /// granted again unless another replayed lead has used it up.
    fn reservation(&self, wanted: &Reservation, recorded: Option<&Event>) -> Event {
        let contract = wanted.contract;
        let Reservation { cap, price, .. } = *wanted;
        let refused = match recorded {
            Some(Event::Refused { why, .. }) => match *why {
                Refusal::CapReached { count, cap: was } => match cap {
                    Some(cap) if cap == was || count >= cap => Some(Refusal::CapReached { count, cap }),
                    _ => None,
                },
                Refusal::NoCredit { available, price: was } => {
                    let is_refused = price == was || price > available;
                    is_refused.then_some(Refusal::NoCredit { available, price })
                }
                Refusal::AlreadySent => Some(Refusal::AlreadySent),
            },
            Some(_) if !self.ledger.is_used => return Event::Reserved { contract },
            _ => None,
        };
        match refused.or_else(|| self.ledger.refusal(wanted)) {
            Some(why) => Event::Refused { contract, why },
            None => Event::Reserved { contract },
        }
    }
}

fn plus(a: Money, b: Money) -> Money {
    Money::from_micros(a.micros().saturating_add(b.micros()))
}

fn minus(a: Money, b: Money) -> Money {
    Money::from_micros(a.micros().saturating_sub(b.micros()))
}
