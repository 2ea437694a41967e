//! Deciding again: with the same contracts, to see that the same comes of it; with
//! changed ones, to see what would have.
//!
//! The machine is the same one. What happened is taken from the record, by contract:
//! a buyer answers as it did and takes as long. What never happened is assumed, and
//! listed as such: a ping is accepted at the row's price, a post at the reserved one,
//! both at once. A reservation is granted while the [`Ledger`] has room for it: by what the
//! replayed leads used up before, not by what was read when the run began, which leads that
//! came at once all read alike.
//!
//! Answers come as late as they came, measured from what asked for them, so a replayed
//! run may meet its deadline; no time-out is made up for a contract whose was changed.

mod ledger;
mod stock;

pub use ledger::{Ledger, Really};

use crate::machine::{Command, Event, LEAST_POST_TIME_MS, Refusal, State, step};
use crate::outcome::Reservation;
use crate::run::Run;
use crate::tree::Tree;
use crumb_domain::network::{Distribution, UnknownRule};
use crumb_domain::selling::{BuyerAnswer, BuyerReading};
use crumb_domain::{ContractId, Timestamp};
use ledger::minus;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
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

/// Decides a run again by the tree that decided it. `recorded` are the events of the run as
/// they were handed in, in the order of their times, which do not run backwards.
///
/// The results are the same to the byte: whatever was granted is granted again, and what was
/// refused refused.
pub fn replay(tree: Arc<Tree>, run: &Run, recorded: &[Recorded]) -> Replayed {
    let record = Record::of(recorded, run, run.distribution);
    let mut ledger = Ledger::default();
    ledger.see(&tree, &run.facts, run.begun_at);
    drive(tree, run.clone(), record, None, &ledger)
}

/// Decides a run by a changed tree, with inputs that were changed with it. `really` is what it
/// was by its own; what a buyer did not answer in this run it answers as in the others. The
/// ledger is a new one unless several leads are replayed one after the other.
pub fn replay_changed(tree: Arc<Tree>, run: &Run, really: &Really<'_>, ledger: &mut Ledger) -> Replayed {
    let facts = ledger.see(&tree, &run.facts, run.begun_at);
    let run = Run { facts, ..run.clone() };
    let record = Record::of(really.recorded, &run, really.state.run().distribution);
    let replayed = drive(tree, run, record, Some(really), ledger);
    ledger.replayed(&replayed.state, really.is_in_vain);
    replayed
}

fn drive(
    tree: Arc<Tree>,
    run: Run,
    record: Record,
    really: Option<&Really<'_>>,
    ledger: &Ledger,
) -> Replayed {
    let pending = record.of_itself.clone();
    let (deadline, assumptions) = (run.deadline, Assumptions::default());
    let by = Arc::clone(&tree);
    let mut driver =
        Driver { record, really, ledger, tree: &by, deadline, pending, assumptions, posts: Vec::new() };
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
    /// None where the tree is the run's own.
    really: Option<&'a Really<'a>>,
    ledger: &'a Ledger,
    tree: &'a Tree,
    deadline: Timestamp,
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
                let recorded = recorded.or_else(|| self.elsewhere()?.pings.get(contract).cloned());
                if recorded.is_none() {
                    self.assumptions.pings.push(*contract);
                }
                let assumed = || Event::Pinged { contract: *contract, answer: accepted() };
                self.comes(recorded, assumed, now);
            }
            Command::Post { contract, .. } => {
                let recorded = self.record.posts.remove(contract);
                let recorded = recorded.or_else(|| self.elsewhere()?.posts.get(contract).cloned());
                if recorded.is_none() {
                    self.assumptions.posts.push(*contract);
                }
                let assumed = || Event::Posted { contract: *contract, answer: accepted() };
                self.comes(recorded, assumed, now);
            }
            Command::Reserve(wanted) => {
                let queue = self.record.reservations.get_mut(&wanted.contract);
                let recorded = queue.and_then(|queue| next_of(queue, wanted));
                let micros = recorded.as_ref().map_or(0, |took| took.micros);
                let at = Timestamp::from_micros(now.micros().saturating_add(micros));
                let event = self.reservation(wanted, recorded.as_ref().map(|took| &took.event), at);
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

    fn elsewhere(&self) -> Option<&Answers> {
        self.really.map(|really| really.elsewhere)
    }

    /// What a reservation comes to, at that moment. By a changed tree what was granted is
    /// granted again, and what was refused refused, unless cap or price are others now, or
    /// other replayed leads used up more or less; then it is reckoned.
    fn reservation(&self, wanted: &Reservation, recorded: Option<&Event>, at: Timestamp) -> Event {
        let contract = wanted.contract;
        let refused = match (self.really, recorded) {
            (None, Some(recorded)) => return recorded.clone(),
            (None, None) => self.refusal(wanted),
            (Some(_), Some(Event::Refused { why, .. })) => self.refused_again(wanted, *why),
            (Some(really), Some(Event::Reserved { .. })) if self.is_granted_again(wanted, really, at) => None,
            (Some(_), _) => self.refusal(wanted),
        };
        match (refused, recorded) {
            (Some(why), _) => Event::Refused { contract, why },
            (None, Some(Event::Reserved { replaces, .. })) if wanted.replacement => {
                Event::Reserved { contract, replaces: *replaces }
            }
            (None, _) => Event::Reserved { contract, replaces: None },
        }
    }

    /// What was refused, with what was left at that moment.
    fn refused_again(&self, wanted: &Reservation, why: Refusal) -> Option<Refusal> {
        let Reservation { contract, cap, price, .. } = *wanted;
        let is_as_it_was = self.ledger.is_as_it_was(wanted);
        let refused = match why {
            Refusal::CapReached { count, cap: was } => {
                let now = self.ledger.counted(contract, wanted.day, count);
                let is_same = is_as_it_was && cap == Some(was);
                let refuses = |cap: u32| is_same || now >= cap;
                cap.filter(|cap| refuses(*cap)).map(|cap| Refusal::CapReached { count: now, cap })
            }
            Refusal::NoCredit { available, price: was } => {
                let now = minus(available, self.ledger.more_spent(wanted.buyer));
                let is_same = is_as_it_was && price == was;
                (is_same || price > now).then_some(Refusal::NoCredit { available: now, price })
            }
            Refusal::NothingOwed => is_as_it_was.then_some(Refusal::NothingOwed),
            Refusal::AlreadySent => Some(Refusal::AlreadySent),
        };
        refused.or_else(|| self.refusal(wanted))
    }

    /// Whether what was granted is granted again although the reckoning may not have room for
    /// it: either it is the very sale that really took its place, or nothing will be kept of
    /// it, as of a post that is refused while others take the last places.
    fn is_granted_again(&self, wanted: &Reservation, really: &Really<'_>, at: Timestamp) -> bool {
        let Some(was) = really.reserved(wanted.contract) else { return false };
        let what = |one: &Reservation| (one.day, one.cap, one.price, one.replacement);
        if !self.ledger.is_as_it_was(wanted) || what(was) != what(wanted) {
            return false;
        }
        let is_of = |one: &Reservation| one.contract == wanted.contract;
        let is_sold = really.state.sales().iter().any(|sale| is_of(&sale.reserved));
        let is_held = really.state.held().iter().any(|held| is_of(&held.reserved));
        let waits = self.unknown_is(wanted.contract) == Some(UnknownRule::Wait);
        is_sold || (is_held && waits) || self.is_let_go(wanted.contract, at)
    }

    /// Whether what is reserved then is free again at the end of the turn, by what is known of
    /// that.
    fn is_let_go(&self, contract: ContractId, at: Timestamp) -> bool {
        let left = self.deadline.micros().saturating_sub(at.micros());
        let is_over = |of_itself: &Next| of_itself.event == Event::DeadlineReached && of_itself.at <= at;
        if left < LEAST_POST_TIME_MS * 1_000 || self.record.of_itself.iter().any(is_over) {
            return true;
        }
        let here = self.record.posts.get(&contract);
        let end = here.or_else(|| self.elsewhere()?.posts.get(&contract)).map(|took| &took.event);
        match end {
            Some(Event::Posted { answer: BuyerAnswer::Accepted(_), .. }) => false,
            Some(Event::Posted { answer: BuyerAnswer::Failed(failure), .. }) if failure.is_sent() => {
                self.unknown_is(contract) == Some(UnknownRule::Rejected)
            }
            Some(Event::Posted { .. }) => true,
            _ => false,
        }
    }

    fn unknown_is(&self, contract: ContractId) -> Option<UnknownRule> {
        let index = self.tree.index_of(contract)?;
        self.tree.contracts.get(index).map(|node| node.unknown_is)
    }

    /// Whether a reservation is refused by what the replays so far left.
    fn refusal(&self, wanted: &Reservation) -> Option<Refusal> {
        let count = self.ledger.count(wanted.contract, wanted.day);
        if let Some(cap) = wanted.cap.filter(|cap| count >= *cap) {
            return Some(Refusal::CapReached { count, cap });
        }
        if wanted.replacement {
            return (!self.ledger.is_owed(wanted.contract)).then_some(Refusal::NothingOwed);
        }
        let (available, price) = (self.ledger.available(wanted.buyer)?, wanted.price);
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
