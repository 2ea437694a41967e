//! A price for a lead that is still to come: what the run would sell it for, if each
//! buyer that is asked for the lead itself took it.
//!
//! The turns are those of any run, and so are the pings: none, one buyer at a time, or
//! all at once. The run ends where it would reserve for the first post. Of a group all
//! members are asked before, one after the other, because it is their sum that is told.
//! When time is up, whoever has not said a price is out, and what the others offer is
//! told.

use super::{Command, Phase, Slot, State};
use crate::candidate::{Candidate, sum_of};
use crate::group::Turn;
use crate::outcome::{Ending, Offered};
use crate::reason::Reason;
use crumb_domain::{Money, Timestamp};

impl State {
    /// The best offer that a run which asks for prices only came to: one buyer that would
    /// have the lead alone, or the members of a group. Empty where nobody wants it, and
    /// in any other run.
    pub fn offered(&self) -> &[Offered] {
        &self.offered
    }

    /// What that would bring: a replacement brings nothing.
    pub fn offered_sum(&self) -> Option<Money> {
        let paid = self.offered.iter().filter(|one| !one.replacement);
        (!self.offered.is_empty()).then(|| sum_of(paid.map(|one| one.price)))
    }

    /// Asks whoever must say a price, or ends with the best offer.
    pub(super) fn go_on_quoting(&mut self, now: Timestamp) -> Vec<Command> {
        loop {
            let (turn, contest) = self.market().decide();
            self.contest = contest;
            let members = match turn {
                Turn::Nobody => return self.finish(false),
                Turn::Alone(index) => vec![index],
                Turn::Group(members) => members,
            };
            let awaiting = |index: &usize| self.candidate(*index).is_some_and(Candidate::awaits_ping);
            match members.iter().copied().find(awaiting) {
                Some(late) if self.is_short(now) => self.end(late, Reason::Deadline),
                Some(next) => return self.ping(vec![next], now),
                None if members.len() > 1 && self.first_of_group(&members).is_none() => {}
                None => return self.quote(&members),
            }
        }
    }

    /// Ends with an offer; all others are told what they lost to.
    fn quote(&mut self, members: &[usize]) -> Vec<Command> {
        self.offered = members.iter().filter_map(|index| self.offer_of(*index)).collect();
        let priced = members.iter().filter_map(|index| self.candidate(*index));
        self.lowest_sold = priced.filter(|one| !one.priority).map(|one| one.price).min();
        for index in 0..self.slots.len() {
            if members.contains(&index) {
                continue;
            }
            if let Some(Slot::Candidate(candidate)) = self.slots.get(index) {
                let reason = self.reason_not_quoted(index, candidate, members.len() == 1);
                self.end(index, reason);
            }
        }
        self.phase = Phase::Ended(Ending::Quoted);
        vec![Command::End { ending: Ending::Quoted }]
    }

    fn offer_of(&self, index: usize) -> Option<Offered> {
        let (node, candidate) = (self.node(index)?, self.candidate(index)?);
        let (contract, buyer) = (node.id, node.buyer);
        Some(Offered { contract, buyer, price: candidate.price, replacement: candidate.is_owed })
    }

    fn reason_not_quoted(&self, index: usize, candidate: &Candidate, is_alone: bool) -> Reason {
        match &self.contest {
            Some(contest) if is_alone && contest.group.contains(&index) => {
                Reason::OutbidByExclusive { sum: contest.sum, price: contest.exclusive }
            }
            Some(contest) if !is_alone && candidate.is_exclusive() => {
                Reason::OutbidByGroup { price: candidate.price, sum: contest.sum }
            }
            _ => self.outbid(candidate).unwrap_or(Reason::QuotedBefore),
        }
    }
}
