//! The run of a lead through the contracts of its vertical.

mod ending;
mod events;
mod pings;
mod posts;
mod quotes;

pub use events::{Command, Event, Refusal, step};
pub use pings::MOST_BELIEVED;

use crate::candidate::{Candidate, Judge, NoCandidate, margin};
use crate::group::{Contest, Market, Turn};
use crate::order::{Standing, ordered};
use crate::outcome::{Alert, ContractOutcome, Ending, Held, Offered, Reservation, Sold};
use crate::reason::Reason;
use crate::run::{ContractFacts, Had, Run};
use crate::tree::{Node, Tree};
use crumb_domain::network::Distribution;
use crumb_domain::{LeadId, Money, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// A post is not begun with less than this left to the deadline, in milliseconds: a
/// buyer that is cut off in the middle may have the lead, and nobody would know.
pub const LEAST_POST_TIME_MS: i64 = 500;

/// A run, from its first event to its end.
#[derive(Debug, Clone)]
pub struct State {
    tree: Arc<Tree>,
    run: Run,
    /// By place in the tree, where the run's facts of the contract are.
    facts: Vec<Option<usize>>,
    /// By place in the tree; empty before the run has begun.
    slots: Vec<Slot>,
    /// The candidates in their order.
    order: Vec<usize>,
    phase: Phase,
    /// What the turn that is taken won against, while nobody has bought.
    contest: Option<Contest>,
    /// The lowest reserved price of this run's sales, priority rows apart.
    lowest_sold: Option<Money>,
    is_deadline_passed: bool,
    /// It ends where the first reservation would be, with the best offer.
    is_quote: bool,
    offered: Vec<Offered>,
    sales: Vec<Sold>,
    held: Vec<Held>,
    releases: Vec<Reservation>,
    alerts: Vec<Alert>,
}

/// Where a contract stands in a run.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    /// It may yet buy.
    Candidate(Candidate),
    /// It has ended.
    Done(NoCandidate),
}

/// What the run waits for.
#[derive(Debug, Clone)]
enum Phase {
    /// Its beginning.
    New,
    /// Answers to pings, of these places in the tree.
    Pinging(Vec<usize>),
    /// A reservation.
    Reserving(Taken),
    /// The answer to a post.
    Posting(Taken),
    /// Nothing.
    Ended(Ending),
}

/// The contract whose turn it is.
#[derive(Debug, Clone)]
struct Taken {
    index: usize,
    reservation: Reservation,
    /// Known once it is reserved.
    replaces: Option<LeadId>,
}

impl State {
    /// A run that has not begun.
    pub fn new(tree: Arc<Tree>, run: Run) -> Self {
        let facts = places_of_facts(&tree, &run.facts);
        Self {
            tree,
            run,
            facts,
            slots: Vec::new(),
            order: Vec::new(),
            phase: Phase::New,
            contest: None,
            lowest_sold: None,
            is_deadline_passed: false,
            is_quote: false,
            offered: Vec::new(),
            sales: Vec::new(),
            held: Vec::new(),
            releases: Vec::new(),
            alerts: Vec::new(),
        }
    }

    /// A run that asks for prices only: it reserves and posts nothing, and ends with
    /// the best offer for a lead that is still to come ([`State::offered`]).
    pub fn quoting(tree: Arc<Tree>, run: Run) -> Self {
        Self { is_quote: true, ..Self::new(tree, run) }
    }

    /// What the run was given.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The contracts that it goes through.
    pub fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    /// How it ended, `None` while it goes on.
    pub fn ending(&self) -> Option<Ending> {
        match self.phase {
            Phase::Ended(ending) => Some(ending),
            _ => None,
        }
    }

    /// Whether nothing more will be asked for.
    pub fn is_ended(&self) -> bool {
        self.ending().is_some()
    }

    /// How the contracts ended, by id: once the run has, each of the tree exactly
    /// once, but those of [`State::offered`]; before that, those that have.
    pub fn results(&self) -> Vec<ContractOutcome> {
        let ends = self.tree.contracts.iter().zip(&self.slots);
        ends.filter_map(|(node, slot)| {
            let reason = match slot {
                Slot::Candidate(_) => return None,
                Slot::Done(NoCandidate::Because(reason)) => reason.clone(),
                Slot::Done(NoCandidate::Filter) => node.unmatched(&self.run)?,
            };
            Some(ContractOutcome { contract: node.id, result: reason.result(), reason })
        })
        .collect()
    }

    /// What was sold in this run, in order.
    pub fn sales(&self) -> &[Sold] {
        &self.sales
    }

    /// What stays reserved for buyers that may have the lead.
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// What was reserved and is to be set free: it can be as soon as it is here.
    pub fn releases(&self) -> &[Reservation] {
        &self.releases
    }

    /// What a person should see.
    pub fn alerts(&self) -> &[Alert] {
        &self.alerts
    }

    /// Where the visitor goes: as the buyer says that pays most, of those that say;
    /// of equals, the first that bought.
    pub fn redirect(&self) -> Option<&str> {
        let redirects =
            self.sales.iter().filter_map(|sale| Some((sale.sold_price, sale.redirect.as_deref()?)));
        let best = redirects.reduce(|best, other| if other.0 > best.0 { other } else { best });
        best.map(|(_, redirect)| redirect)
    }

    fn facts_of(&self, index: usize) -> Option<&ContractFacts> {
        self.run.facts.get((*self.facts.get(index)?)?)
    }

    fn node(&self, index: usize) -> Option<&Node> {
        self.tree.contracts.get(index)
    }

    fn candidate(&self, index: usize) -> Option<&Candidate> {
        match self.slots.get(index) {
            Some(Slot::Candidate(candidate)) => Some(candidate),
            _ => None,
        }
    }

    fn end(&mut self, index: usize, reason: Reason) {
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Slot::Done(NoCandidate::Because(reason));
        }
    }

    /// Ends the contracts that a buyer's having the lead keeps from it: its own
    /// others, and those of its group unless it did not buy.
    fn keep_out(&mut self, buyer: usize, how: Had) {
        let tree = Arc::clone(&self.tree);
        let Some(had) = tree.contracts.get(buyer) else { return };
        for (index, node) in tree.contracts.iter().enumerate() {
            if index == buyer || self.candidate(index).is_none() {
                continue;
            }
            if node.buyer == had.buyer {
                self.end(index, Reason::BuyerHad(had.buyer, how));
            } else if how.keeps_group_out() && node.class == had.class {
                self.end(index, Reason::GroupHad(had.buyer, how));
            }
        }
    }

    fn market(&self) -> Market<'_> {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let earlier = self.run.earlier.iter().filter(|earlier| earlier.how == Had::MayHave).count();
        Market {
            tree: &self.tree,
            run: &self.run,
            slots: &self.slots,
            order: &self.order,
            bought: self.run.bought_count.saturating_add(count(self.sales.len())),
            may_have: count(earlier.saturating_add(self.held.len())),
        }
    }

    /// Whether nobody is asked any more. A ping that is cut off leaves nothing open, so
    /// that prices are asked for up to the end.
    fn is_short(&self, now: Timestamp) -> bool {
        let left = self.run.deadline.micros().saturating_sub(now.micros());
        let least = if self.is_quote { 1 } else { LEAST_POST_TIME_MS * 1_000 };
        self.is_deadline_passed || left < least
    }

    /// When a call that may take so long is given up.
    fn until(&self, now: Timestamp, timeout_ms: u32) -> Timestamp {
        let timeout = now.micros().saturating_add(i64::from(timeout_ms) * 1_000);
        Timestamp::from_micros(timeout).min(self.run.deadline)
    }

    fn begin(&mut self, now: Timestamp) -> Vec<Command> {
        let all = |reason: Reason| vec![Slot::Done(NoCandidate::Because(reason)); self.tree.contracts.len()];
        if self.run.sold_exclusively {
            self.slots = all(Reason::SoldExclusively);
        } else if !self.tree.router.on {
            self.slots = all(Reason::RouterOff);
        } else {
            self.slots = self.judged();
            self.sort();
            self.recall_quoted();
        }
        if self.run.distribution == Distribution::AsyncPing && !self.is_short(now) {
            let awaiting = |index: &usize| self.candidate(*index).is_some_and(Candidate::awaits_ping);
            let pings: Vec<usize> = self.order.iter().copied().filter(awaiting).collect();
            if !pings.is_empty() {
                return self.ping(pings, now);
            }
        }
        self.go_on(now)
    }

    fn judged(&self) -> Vec<Slot> {
        let judge = Judge::new(&self.tree, &self.run);
        let nodes = self.tree.contracts.iter().enumerate();
        nodes
            .map(|(index, node)| match judge.judge(node, self.facts_of(index), 0) {
                Ok(candidate) => Slot::Candidate(candidate),
                Err(reason) => Slot::Done(reason),
            })
            .collect()
    }

    /// Orders the candidates by the prices that are known.
    fn sort(&mut self) {
        let nodes = self.tree.contracts.iter().enumerate();
        let standings = nodes.filter_map(|(index, node)| {
            let candidate = self.candidate(index)?;
            let last_sold = self.facts_of(index).and_then(|facts| facts.last_sold);
            Some(Standing::of(index, node, candidate, last_sold))
        });
        self.order = ordered(standings.collect(), self.run.seed);
    }

    /// Finds whose turn it is, and gives it.
    fn go_on(&mut self, now: Timestamp) -> Vec<Command> {
        if self.is_quote {
            return self.go_on_quoting(now);
        }
        loop {
            let (turn, contest) = self.market().decide();
            let is_shared = !self.sales.is_empty() || !self.held.is_empty();
            if !is_shared {
                self.contest = contest;
            }
            let (next, alone) = match turn {
                Turn::Nobody => return self.finish(false),
                _ if self.is_short(now) => return self.finish(true),
                Turn::Alone(index) => (index, true),
                Turn::Group(members) if is_shared => match members.first() {
                    Some(first) => (*first, false),
                    None => return self.finish(false),
                },
                Turn::Group(members) => match self.first_of_group(&members) {
                    Some(first) => (first, false),
                    None => continue,
                },
            };
            return match self.candidate(next) {
                Some(candidate) if candidate.awaits_ping() => self.ping(vec![next], now),
                _ => self.reserve(next, alone),
            };
        }
    }

    /// The member of a new group that is asked next, `None` where their prices leave
    /// too little: then none of them is. Where a ping may yet raise the sum, the
    /// members are pinged one by one before the first is posted to.
    fn first_of_group(&mut self, members: &[usize]) -> Option<usize> {
        let revenue = self.market().sum(members);
        let Err(reason) = margin(&self.tree, &self.run, revenue, members.len()) else {
            return members.first().copied();
        };
        let awaiting = |index: &usize| self.candidate(*index).is_some_and(Candidate::awaits_ping);
        let unpinged = members.iter().copied().find(awaiting);
        if unpinged.is_none() {
            members.iter().for_each(|index| self.end(*index, reason.clone()));
        }
        unpinged
    }
}

/// By place in the tree, where the facts of its contract are. Mostly they stand in
/// the tree's own order.
fn places_of_facts(tree: &Tree, facts: &[ContractFacts]) -> Vec<Option<usize>> {
    let is_aligned = tree.contracts.iter().map(|node| node.id).eq(facts.iter().map(|facts| facts.contract));
    if is_aligned {
        return (0..facts.len()).map(Some).collect();
    }
    let places = facts.iter().enumerate().map(|(place, facts)| (facts.contract, place));
    let places: HashMap<_, _> = places.collect();
    tree.contracts.iter().map(|node| places.get(&node.id).copied()).collect()
}
