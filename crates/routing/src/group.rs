//! Who has the next turn: one buyer alone, or a group of buyers that share.
//!
//! A group takes the candidates that share in their order, one of each buyer and
//! buyer group, as many as there are places under the resell limit. A sweeper has a
//! place once enough buyers have the lead, those that would have it by then
//! included; so it never begins a group, but it may be the second buyer that makes
//! one possible.
//!
//! While a priority candidate can have its turn it goes first: an exclusive alone, one
//! that shares at the head of a group. Else the best exclusive price is held against
//! the group's sum, or, where no second buyer is possible, against the best hybrid
//! alone; the larger has the turn, and between equals the router's setting decides.
//! Once a buyer has the lead, or may have it, there is no exclusive turn any more.

use crate::candidate::{Candidate, margin, sum_of};
use crate::machine::Slot;
use crate::run::Run;
use crate::tree::Tree;
use crumb_domain::Money;
use crumb_domain::network::SaleType;

/// The market as it is before a turn.
pub(crate) struct Market<'a> {
    pub tree: &'a Tree,
    pub run: &'a Run,
    pub slots: &'a [Slot],
    /// Candidates in their order; some may have had their turn.
    pub order: &'a [usize],
    /// Buyers that have the lead.
    pub bought: u32,
    /// Buyers that may have it.
    pub may_have: u32,
}

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Turn {
    /// Nobody's.
    Nobody,
    /// One buyer's, who gets the lead alone.
    Alone(usize),
    /// The first of these; the others follow.
    Group(Vec<usize>),
}

/// A group's sum that was held against an exclusive price.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Contest {
    pub exclusive: Money,
    pub group: Vec<usize>,
    pub sum: Money,
}

impl Market<'_> {
    /// Decides, and says what was compared where a group stood against an exclusive.
    pub fn decide(&self) -> (Turn, Option<Contest>) {
        let members = self.members();
        if self.partners() > 0 {
            return (if members.is_empty() { Turn::Nobody } else { Turn::Group(members) }, None);
        }
        let group = Some(members).filter(|members| members.len() > 1);
        match self.priority_turn(group.as_deref()) {
            Some(turn) => (turn, None),
            None => self.best_turn(group),
        }
    }

    /// Buyers that have the lead or may have it.
    pub fn partners(&self) -> u32 {
        self.bought.saturating_add(self.may_have)
    }

    /// How many more may share it.
    pub fn places(&self) -> usize {
        let places = self.tree.router.resell_limit.saturating_sub(self.partners());
        usize::try_from(places).unwrap_or(usize::MAX)
    }

    /// How many buyers must have the lead before a sweeper joins.
    pub fn sweeper_partners(&self) -> u32 {
        self.tree.router.sweeper_partners.max(1)
    }

    /// What a candidate's price alone would leave; none where a ping has yet to say
    /// the price.
    pub fn lone_margin(&self, candidate: &Candidate) -> Result<(), crate::Reason> {
        if candidate.awaits_ping() {
            return Ok(());
        }
        margin(self.tree, self.run, candidate.price, 1)
    }

    fn candidates(&self) -> impl Iterator<Item = (usize, &Candidate)> {
        self.order.iter().filter_map(|index| match self.slots.get(*index) {
            Some(Slot::Candidate(candidate)) => Some((*index, candidate)),
            _ => None,
        })
    }

    fn members(&self) -> Vec<usize> {
        let places = self.places();
        let needed = usize::try_from(self.sweeper_partners().saturating_sub(self.bought));
        let needed = needed.unwrap_or(usize::MAX);
        let mut members = Members { taken: vec![false; self.tree.classes], chosen: Vec::new(), places };
        let mut waiting = Vec::new();
        for (index, candidate) in self.candidates().filter(|(_, candidate)| !candidate.is_exclusive()) {
            // Sweepers stand before those that come later in the order.
            if members.chosen.len() >= needed {
                waiting.drain(..).for_each(|sweeper| members.join(self.tree, sweeper));
            }
            if members.chosen.len() >= places {
                break;
            }
            if candidate.sweeper && members.chosen.len() < needed {
                waiting.push(index);
            } else {
                members.join(self.tree, index);
            }
        }
        if members.chosen.len() >= needed {
            waiting.drain(..).for_each(|sweeper| members.join(self.tree, sweeper));
        }
        members.chosen
    }

    fn priority_turn(&self, group: Option<&[usize]>) -> Option<Turn> {
        let first = self.candidates().take_while(|(_, candidate)| candidate.priority);
        first.filter(|(_, candidate)| !candidate.sweeper).find_map(|(index, candidate)| {
            if candidate.is_exclusive() {
                return Some(Turn::Alone(index));
            }
            match group {
                Some(members) => members.contains(&index).then(|| Turn::Group(members.to_vec())),
                None => self.may_go_alone(candidate).then_some(Turn::Alone(index)),
            }
        })
    }

    fn best_turn(&self, group: Option<Vec<usize>>) -> (Turn, Option<Contest>) {
        let open = || self.candidates().filter(|(_, candidate)| !candidate.sweeper);
        let exclusive = open().find(|(_, candidate)| candidate.is_exclusive());
        let favours_exclusive = |exclusive: Money, shared: Money| {
            exclusive > shared || (exclusive == shared && self.tree.router.tie_favors_exclusive)
        };
        let Some(group) = group else {
            let hybrid = open().find(|(_, candidate)| self.may_go_alone(candidate));
            let turn = match (exclusive, hybrid) {
                (Some((index, one)), Some((_, hybrid))) if favours_exclusive(one.price, hybrid.price) => {
                    index
                }
                (_, Some((index, _))) | (Some((index, _)), None) => index,
                (None, None) => return (Turn::Nobody, None),
            };
            return (Turn::Alone(turn), None);
        };
        let sum = self.sum(&group);
        let Some((index, exclusive)) = exclusive.map(|(index, candidate)| (index, candidate.price)) else {
            return (Turn::Group(group), None);
        };
        let contest = Contest { exclusive, group: group.clone(), sum };
        let turn = if favours_exclusive(exclusive, sum) { Turn::Alone(index) } else { Turn::Group(group) };
        (turn, Some(contest))
    }

    fn may_go_alone(&self, candidate: &Candidate) -> bool {
        candidate.sale_type == SaleType::Hybrid
            && !candidate.sweeper
            && self.places() > 0
            && self.lone_margin(candidate).is_ok()
    }

    /// What a group's members pay together.
    pub fn sum(&self, members: &[usize]) -> Money {
        sum_of(members.iter().filter_map(|index| match self.slots.get(*index) {
            Some(Slot::Candidate(candidate)) => Some(candidate.price),
            _ => None,
        }))
    }
}

/// A group while it is formed.
struct Members {
    /// By class.
    taken: Vec<bool>,
    chosen: Vec<usize>,
    places: usize,
}

impl Members {
    /// Joins unless another contract of its buyer or its buyer's group has, or all
    /// places are taken.
    fn join(&mut self, tree: &Tree, index: usize) {
        let class = tree.contracts.get(index).map(|node| node.class);
        let Some(taken) = class.and_then(|class| self.taken.get_mut(class)) else { return };
        if !*taken && self.chosen.len() < self.places {
            *taken = true;
            self.chosen.push(index);
        }
    }
}
