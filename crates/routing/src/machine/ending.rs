//! The end of a run: what becomes of the candidates that had no turn.
//!
//! Where the lead was sold, a candidate is *outbid* if money decided against it
//! before its turn: it is exclusive and a group's sum beat the exclusive price; it
//! was in the group that an exclusive price beat; or all were pinged at once and what
//! it offers is less than what was paid. Otherwise it was *not needed*: it would have
//! had its turn later, or the lead had as many buyers as it may. What priority rows
//! bought beats nobody by price.

use super::{Command, Phase, State};
use crate::candidate::{Candidate, margin, sum_of};
use crate::outcome::{Alert, Ending, Sold};
use crate::reason::Reason;
use crate::run::Had;
use crumb_domain::network::{Distribution, SaleType};

impl State {
    /// Ends the run. `is_late`: somebody would have had a turn if there were time.
    pub(super) fn finish(&mut self, is_late: bool) -> Vec<Command> {
        for index in 0..self.slots.len() {
            if let Some(candidate) = self.candidate(index) {
                let reason = self.reason_left(index, candidate, is_late);
                self.end(index, reason);
            }
        }
        self.check_margin();
        let ending = match (self.sales.is_empty(), self.held.is_empty()) {
            (false, _) => Ending::Sold,
            (true, false) => Ending::Hold,
            (true, true) => Ending::GiveUp,
        };
        self.phase = Phase::Ended(ending);
        vec![Command::End { ending }]
    }

    fn reason_left(&self, index: usize, candidate: &Candidate, is_late: bool) -> Reason {
        if let Some(held) = self.held.iter().find(|held| held.reserved.alone) {
            return Reason::MayBeSold(held.reserved.buyer);
        }
        if self.sales.iter().any(|sale| sale.reserved.alone) {
            let beaten = self.contest.as_ref().filter(|contest| contest.group.contains(&index));
            return match beaten {
                Some(contest) => Reason::OutbidByExclusive { sum: contest.sum, price: contest.exclusive },
                None => self.outbid(candidate).unwrap_or(Reason::SoldBefore),
            };
        }
        if self.market().partners() == 0 {
            return if is_late { Reason::Deadline } else { self.reason_unsold(candidate) };
        }
        if candidate.is_exclusive() {
            self.exclusive_left(candidate)
        } else {
            self.joiner_left(candidate, is_late)
        }
    }

    /// An exclusive, where others have the lead or may have it.
    fn exclusive_left(&self, candidate: &Candidate) -> Reason {
        if !self.sales.is_empty() {
            return match &self.contest {
                Some(contest) => Reason::OutbidByGroup { price: candidate.price, sum: contest.sum },
                None => self.outbid(candidate).unwrap_or(Reason::SoldBefore),
            };
        }
        if self.run.bought_count > 0 {
            return Reason::SoldEarlier;
        }
        let held = self.held.iter().map(|held| held.reserved.buyer);
        let earlier = self.run.earlier.iter().filter(|earlier| earlier.how == Had::MayHave);
        let mut may_have = held.chain(earlier.map(|earlier| earlier.buyer));
        may_have.next().map_or(Reason::SoldBefore, Reason::MayBeSold)
    }

    /// One that shares, where others have the lead or may have it.
    fn joiner_left(&self, candidate: &Candidate, is_late: bool) -> Reason {
        let market = self.market();
        if market.places() == 0 {
            let (buyers, limit) = (market.partners(), self.tree.router.resell_limit);
            return self.outbid(candidate).unwrap_or(Reason::NoPlace { buyers, limit });
        }
        if candidate.sweeper && market.bought < market.sweeper_partners() {
            return Reason::TooFewPartners { buyers: market.bought, partners: market.sweeper_partners() };
        }
        if is_late { Reason::Deadline } else { Reason::SoldBefore }
    }

    /// Nobody has the lead, and there was no turn for this one.
    fn reason_unsold(&self, candidate: &Candidate) -> Reason {
        let market = self.market();
        if candidate.sweeper {
            return Reason::NoPartners { partners: market.sweeper_partners() };
        }
        if market.places() == 0 {
            return Reason::NoSharing;
        }
        match market.lone_margin(candidate) {
            Err(reason) if candidate.sale_type == SaleType::Hybrid => reason,
            _ => Reason::NoSecondBuyer,
        }
    }

    /// Whether it lost to the prices that others were pinged for.
    pub(super) fn outbid(&self, candidate: &Candidate) -> Option<Reason> {
        let is_round = self.run.distribution == Distribution::AsyncPing && !candidate.priority;
        let sold = self.lowest_sold.filter(|sold| is_round && candidate.price < *sold)?;
        Some(Reason::OutbidByPrice { price: candidate.price, sold })
    }

    /// Says so where what was sold, with what is held, leaves too little.
    fn check_margin(&mut self) {
        if self.sales.is_empty() {
            return;
        }
        let sold = self.sales.iter().map(Sold::worth);
        let revenue = sum_of(sold.chain(self.held.iter().map(|held| held.reserved.price)));
        if let Err(Reason::MarginTooSmall { revenue, payout, minimum, .. }) =
            margin(&self.tree, &self.run, revenue, self.sales.len())
        {
            self.alerts.push(Alert::MarginUndercut { revenue, payout, minimum });
        }
    }
}
