//! What replays of several leads use up together.

use super::Recorded;
use super::stock::{Stock, Use};
use crate::machine::{Event, State};
use crate::outcome::{Reservation, Sold};
use crate::run::ContractFacts;
use crate::tree::Tree;
use crumb_domain::time::Day;
use crumb_domain::{BuyerId, ContractId, Money, Timestamp};
use std::collections::BTreeMap;

/// What replays of several leads used up of caps, credit and what buyers are owed, beside
/// what the same leads really did: each lead sees what those before it changed.
///
/// [`replay_changed`](super::replay_changed) adds what it uses up; whoever replays leads one
/// after the other, in the order in which their runs began, tells what each really used up
/// by [`Ledger::really`]. Where the two are the same nothing is changed of the facts as they
/// were read, concurrent leads and all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    counts: BTreeMap<(ContractId, Day), Stock>,
    credit: BTreeMap<BuyerId, Stock>,
    /// Leads delivered free, of those that a contract's buyer was owed.
    owed: BTreeMap<ContractId, Stock>,
    /// The last replayed sales of contracts that bought other leads than they really did;
    /// none where they would not have bought any.
    last_sold: BTreeMap<ContractId, Option<Timestamp>>,
}

/// A run as it really was: decided by its own tree.
#[derive(Clone, Copy)]
pub struct Really<'a> {
    /// At its end.
    pub state: &'a State,
    /// Its events as they were handed in.
    pub recorded: &'a [Recorded],
    /// What buyers answered the lead in its other runs.
    pub elsewhere: &'a super::Answers,
    /// Whether a post of unknown end is known by now to have sold nothing.
    pub is_in_vain: &'a dyn Fn(ContractId) -> bool,
}

impl Really<'_> {
    /// What was granted to a contract.
    pub(super) fn reserved(&self, contract: ContractId) -> Option<&Reservation> {
        let sold = self.state.sales().iter().map(|sale| &sale.reserved);
        let held = self.state.held().iter().map(|held| &held.reserved);
        sold.chain(held).chain(self.state.releases()).find(|one| one.contract == contract)
    }
}

impl Ledger {
    /// How many leads more than really happened count for a contract's opening day.
    pub fn more_leads(&self, contract: ContractId, day: Day) -> i64 {
        self.counts.get(&(contract, day)).map_or(0, Stock::more)
    }

    /// How much more than it really did a buyer spent.
    pub fn more_spent(&self, buyer: BuyerId) -> Money {
        Money::from_micros(self.credit.get(&buyer).map_or(0, Stock::more))
    }

    /// How many leads more than it really did a contract's buyer had free.
    pub fn more_replaced(&self, contract: ContractId) -> i64 {
        self.owed.get(&contract).map_or(0, Stock::more)
    }

    /// What a buyer really spent for the leads that were replayed.
    pub fn really_spent(&self, buyer: BuyerId) -> Money {
        Money::from_micros(self.credit.get(&buyer).map_or(0, |spent| spent.real))
    }

    /// What a run really used up that was replayed by `replayed`, or by nothing.
    pub fn really(&mut self, really: &Really<'_>, replayed: Option<&State>) {
        self.note(really);
        let sales: &[Sold] = replayed.map_or(&[], State::sales);
        for sale in sales {
            let contract = sale.reserved.contract;
            let is_same = really.state.sales().iter().any(|really| really.reserved.contract == contract);
            if let Some(begun_at) = replayed.map(|replayed| replayed.run().begun_at)
                && (!is_same || self.last_sold.contains_key(&contract))
            {
                self.last_sold.insert(contract, Some(begun_at));
            }
        }
        for sale in really.state.sales() {
            let contract = sale.reserved.contract;
            let facts = really.state.run().facts.iter().find(|facts| facts.contract == contract);
            let is_same = sales.iter().any(|again| again.reserved.contract == contract);
            if !is_same {
                self.last_sold.entry(contract).or_insert(facts.and_then(|facts| facts.last_sold));
            }
        }
    }

    /// The facts as they are after the replays so far.
    pub(super) fn see(
        &mut self,
        tree: &Tree,
        facts: &[ContractFacts],
        begun_at: Timestamp,
    ) -> Vec<ContractFacts> {
        for facts in facts {
            for (day, count) in &facts.counts {
                let counts = self.counts.entry((facts.contract, *day)).or_insert_with(Stock::of_places);
                counts.read(-i64::from(*count), begun_at);
            }
            self.owed.entry(facts.contract).or_default().read(i64::from(facts.owed), begun_at);
            if let (Some(buyer), Some(available)) = (tree.buyer_of(facts.contract), facts.available) {
                self.credit.entry(buyer).or_default().read(available.micros(), begun_at);
            }
        }
        let seen = |facts: &ContractFacts| {
            let mut facts = facts.clone();
            for (day, count) in &mut facts.counts {
                *count = self.counted(facts.contract, *day, *count);
            }
            let days = (facts.contract, Day(i32::MIN))..=(facts.contract, Day(i32::MAX));
            for ((_, day), count) in self.counts.range(days) {
                if count.more() > 0 && facts.counts.iter().all(|(known, _)| known != day) {
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

    /// A count that was read, as it is after the replays so far.
    pub(super) fn counted(&self, contract: ContractId, day: Day, count: u32) -> u32 {
        let count = i64::from(count).saturating_add(self.more_leads(contract, day)).max(0);
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// How many leads count for a contract's opening day: those that were replayed, and
    /// those that nobody replays.
    pub(super) fn count(&self, contract: ContractId, day: Day) -> u32 {
        let Some(stock) = self.counts.get(&(contract, day)) else { return 0 };
        let count = stock.left().map_or(stock.replayed, i64::saturating_neg);
        u32::try_from(count.max(0)).unwrap_or(u32::MAX)
    }

    /// What a buyer can still spend; none for one whose credit nobody read.
    pub(super) fn available(&self, buyer: BuyerId) -> Option<Money> {
        self.credit.get(&buyer).and_then(Stock::left).map(Money::from_micros)
    }

    /// Whether a contract's buyer is still owed a lead.
    pub(super) fn is_owed(&self, contract: ContractId) -> bool {
        self.owed.get(&contract).and_then(Stock::left).is_some_and(|left| left > 0)
    }

    /// Whether a contract's cap, credit and what it is owed stand as they really did.
    pub(super) fn is_as_it_was(&self, wanted: &Reservation) -> bool {
        self.more_leads(wanted.contract, wanted.day) == 0
            && self.more_spent(wanted.buyer) == Money::ZERO
            && self.more_replaced(wanted.contract) == 0
    }

    /// Takes in what a replay used up.
    pub(super) fn replayed(&mut self, state: &State, is_in_vain: &dyn Fn(ContractId) -> bool) {
        for (used, price, _) in used(state, is_in_vain).filter(|(_, _, is_kept)| *is_kept) {
            for (stock, amount) in self.stocks(used, price) {
                stock.replayed = stock.replayed.saturating_add(amount);
            }
        }
    }

    fn note(&mut self, really: &Really<'_>) {
        let last = really.recorded.last().map(|last| last.at);
        for (reserved, price, is_kept) in used(really.state, really.is_in_vain) {
            let is_held = really.state.held().iter().any(|held| held.reserved.contract == reserved.contract);
            let (after, by) = taken(really.recorded, reserved.contract);
            let freed = match last {
                _ if is_kept => None,
                // It was settled by a person or by time, who knows when.
                Some(last) if !is_held => Some(last),
                _ => Some(Timestamp::from_micros(i64::MAX)),
            };
            for (stock, amount) in self.stocks(reserved, price) {
                stock.really(Use { amount, after, by, freed });
            }
        }
    }

    /// Of what a reservation takes, and how much of it.
    fn stocks(&mut self, used: &Reservation, price: Money) -> impl Iterator<Item = (&mut Stock, i64)> {
        let count = self.counts.entry((used.contract, used.day)).or_insert_with(Stock::of_places);
        let credit = self.credit.entry(used.buyer).or_default();
        let replaced = used.replacement.then(|| self.owed.entry(used.contract).or_default());
        [(count, 1), (credit, price.micros())].into_iter().chain(replaced.map(|owed| (owed, 1)))
    }
}

/// What a run took, at which price, and whether it keeps it.
fn used<'a>(
    state: &'a State,
    is_in_vain: &'a dyn Fn(ContractId) -> bool,
) -> impl Iterator<Item = (&'a Reservation, Money, bool)> {
    let sold = state.sales().iter().map(|sale| (&sale.reserved, sale.sold_price, true));
    let held = state
        .held()
        .iter()
        .map(move |held| (&held.reserved, held.reserved.charged(), !is_in_vain(held.reserved.contract)));
    let released = state.releases().iter().map(|released| (released, released.charged(), false));
    sold.chain(held).chain(released)
}

/// Between which moments a contract's reservation was written.
fn taken(recorded: &[Recorded], contract: ContractId) -> (Timestamp, Timestamp) {
    let is_reserved =
        |one: &Recorded| matches!(one.event, Event::Reserved { contract: of, .. } if of == contract);
    let place = recorded.iter().rposition(is_reserved);
    let at = |place: usize| recorded.get(place).map(|one| one.at);
    let by = place.and_then(at);
    let after = place.and_then(|place| at(place.saturating_sub(1)));
    (after.unwrap_or(Timestamp::from_micros(i64::MIN)), by.unwrap_or(Timestamp::from_micros(i64::MAX)))
}

pub(super) fn minus(a: Money, b: Money) -> Money {
    Money::from_micros(a.micros().saturating_sub(b.micros()))
}
