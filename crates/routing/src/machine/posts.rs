//! A turn: reserve, post, and what the buyer made of it.
//!
//! Cap and credit are reserved before the post, at the row's price or the ping's. An
//! accepted answer sells at the price that it names, which never unsells the lead:
//! none or an unreadable one is 0.00, one over the contract's maximum is the maximum; the
//! reason then tells what the answer said, and an alert that it did.
//! Whoever refused may not be asked again, by whichever contract, unless no byte was
//! sent: then the buyer knows nothing of the lead.
//!
//! A buyer that is owed a lead for one that it gave back has this one free. All is decided
//! as if it paid its price, which it has with the other lead: its place in the order, its
//! group's sum, the margin.
//!
//! Once a byte was sent and no answer was read, the buyer may have the lead. What was
//! reserved stays so, and the contract's rule decides: `rejected` goes on to the next,
//! `sold` is a sale, and `wait` ends a turn alone for the whole run, while a group goes
//! on with the buyer counted as one of it.

use super::{Command, Event, Phase, Refusal, Slot, State, Taken};
use crate::candidate::{Judge, NoCandidate, can_pay};
use crate::outcome::{Alert, Held, Reservation, Sold};
use crate::reason::Reason;
use crate::run::{ContractFacts, Had};
use crumb_domain::network::UnknownRule;
use crumb_domain::selling::{BuyerAnswer, BuyerReading, PostFailure};
use crumb_domain::{ContractId, LeadId, Money, Timestamp};

impl State {
    pub(super) fn take(&mut self, event: &Event, now: Timestamp) -> Vec<Command> {
        match event {
            Event::Begin if matches!(self.phase, Phase::New) => self.begin(now),
            Event::Begin => Vec::new(),
            Event::Reserved { contract, replaces } => self.reserved(*contract, *replaces, now),
            Event::Refused { contract, why } => self.refused(*contract, *why, now),
            Event::Pinged { contract, answer } => self.pinged(*contract, answer, now),
            Event::Posted { contract, answer } => self.posted(*contract, answer, now),
            Event::DeadlineReached => self.deadline_reached(now),
        }
    }

    fn deadline_reached(&mut self, now: Timestamp) -> Vec<Command> {
        self.is_deadline_passed = true;
        // Whatever is under way is answered by now, as its `until` promised.
        if matches!(self.phase, Phase::New) { self.begin(now) } else { Vec::new() }
    }

    pub(super) fn reserve(&mut self, index: usize, alone: bool) -> Vec<Command> {
        let (Some(node), Some(candidate)) = (self.node(index), self.candidate(index)) else {
            return self.finish(false);
        };
        let reservation = Reservation {
            contract: node.id,
            buyer: node.buyer,
            day: candidate.day,
            cap: candidate.cap,
            price: candidate.price,
            replacement: candidate.is_owed,
            sale_type: candidate.sale_type,
            alone,
            no_return: candidate.no_return || (candidate.is_owed && node.replaces_for_good),
        };
        let taken = Taken { index, reservation: reservation.clone(), replaces: None };
        self.phase = Phase::Reserving(taken);
        vec![Command::Reserve(reservation)]
    }

    fn reserved(&mut self, contract: ContractId, replaces: Option<LeadId>, now: Timestamp) -> Vec<Command> {
        let Phase::Reserving(taken) = &self.phase else { return Vec::new() };
        if taken.reservation.contract != contract {
            return Vec::new();
        }
        let replaces = replaces.filter(|_| taken.reservation.replacement);
        let taken = Taken { replaces, ..taken.clone() };
        if self.is_short(now) {
            self.releases.push(taken.reservation);
            return self.finish(true);
        }
        let timeout_ms = self.node(taken.index).map_or(0, |node| node.post_timeout_ms);
        let command = Command::Post {
            contract,
            buyer: taken.reservation.buyer,
            until: self.until(now, timeout_ms),
            session: self.candidate(taken.index).and_then(|candidate| candidate.session.clone()),
        };
        self.phase = Phase::Posting(taken);
        vec![command]
    }

    fn refused(&mut self, contract: ContractId, why: Refusal, now: Timestamp) -> Vec<Command> {
        let Phase::Reserving(Taken { index, reservation, .. }) = &self.phase else { return Vec::new() };
        if reservation.contract != contract {
            return Vec::new();
        }
        let (index, buyer) = (*index, reservation.buyer);
        match why {
            Refusal::CapReached { count, cap } => self.next_row(index, count, cap),
            Refusal::NoCredit { available, price } => self.end(index, Reason::NoCredit { available, price }),
            Refusal::NothingOwed => self.not_owed(index),
            Refusal::AlreadySent => {
                self.end(index, Reason::BuyerHad(buyer, Had::Sent));
                self.keep_out(index, Had::Sent);
            }
        }
        self.go_on(now)
    }

    /// A cap was reached since the facts were read: the contract goes on by a later
    /// row that is open and has a greater one. After a ping it does not, because the
    /// price was asked for by the first row's.
    fn next_row(&mut self, index: usize, count: u32, cap: u32) {
        let reached = Reason::CapReached { count, cap };
        let (Some(node), Some(candidate)) = (self.node(index), self.candidate(index)) else { return };
        if candidate.is_pinged {
            return self.end(index, reached);
        }
        let mut facts = self.facts_of(index).cloned().unwrap_or_else(|| ContractFacts::none_of(node.id));
        if !candidate.is_owed {
            facts.owed = 0;
        }
        facts.counts.retain(|(day, _)| *day != candidate.day);
        facts.counts.push((candidate.day, count));
        let judged = Judge::new(&self.tree, &self.run).judge(node, Some(&facts), candidate.row + 1);
        match judged {
            Ok(candidate) => {
                if let Some(slot) = self.slots.get_mut(index) {
                    *slot = Slot::Candidate(candidate);
                }
                self.sort();
            }
            Err(NoCandidate::Because(Reason::CapReached { .. } | Reason::ScheduleClosed(_))) => {
                self.end(index, reached);
            }
            Err(NoCandidate::Because(reason)) => self.end(index, reason),
            Err(NoCandidate::Filter) => self.end(index, reached),
        }
    }

    /// What the buyer was owed went to another lead since the facts were read: this one is
    /// sold as any other, if it can be paid.
    fn not_owed(&mut self, index: usize) {
        let Some(price) = self.candidate(index).map(|candidate| candidate.price) else { return };
        match can_pay(self.facts_of(index), price) {
            Err(reason) => self.end(index, reason),
            Ok(()) => {
                if let Some(Slot::Candidate(candidate)) = self.slots.get_mut(index) {
                    candidate.is_owed = false;
                }
            }
        }
    }

    fn posted(&mut self, contract: ContractId, answer: &BuyerAnswer, now: Timestamp) -> Vec<Command> {
        let Phase::Posting(taken) = &self.phase else { return Vec::new() };
        if taken.reservation.contract != contract {
            return Vec::new();
        }
        let taken = taken.clone();
        let refusal = match answer {
            BuyerAnswer::Accepted(reading) => return self.sold(taken, Some(reading), now),
            BuyerAnswer::Failed(failure) if failure.is_sent() => return self.unanswered(taken, now),
            BuyerAnswer::Rejected(_) => Reason::PostRefused,
            BuyerAnswer::Duplicate(_) => Reason::PostDuplicate,
            BuyerAnswer::UnknownAnswer(_) => Reason::PostNotUnderstood,
            BuyerAnswer::Error(_) => Reason::PostError(true),
            BuyerAnswer::Failed(PostFailure::TimedOut { .. }) => Reason::PostTimeout,
            BuyerAnswer::Failed(PostFailure::Broken { .. } | PostFailure::CutOff) => Reason::PostError(false),
        };
        // Where no byte was sent the buyer knows nothing of the lead.
        let was_sent = !matches!(answer, BuyerAnswer::Failed(_));
        self.not_sold(taken, refusal, was_sent, now)
    }

    fn not_sold(&mut self, taken: Taken, reason: Reason, was_sent: bool, now: Timestamp) -> Vec<Command> {
        self.end(taken.index, reason);
        self.releases.push(taken.reservation);
        if was_sent {
            self.keep_out(taken.index, Had::Sent);
        }
        self.go_on(now)
    }

    /// A byte was sent and no answer was read: the contract's rule says what that is.
    fn unanswered(&mut self, taken: Taken, now: Timestamp) -> Vec<Command> {
        let Some(node) = self.node(taken.index) else { return self.finish(false) };
        let (rule, wait_minutes) = (node.unknown_is, node.unknown_wait_minutes);
        let unknown = Reason::PostUnknown { price: taken.reservation.charged(), rule };
        match rule {
            UnknownRule::Rejected => self.not_sold(taken, unknown, true, now),
            UnknownRule::Sold => self.sold(taken, None, now),
            UnknownRule::Wait => {
                self.end(taken.index, unknown);
                self.keep_out(taken.index, Had::MayHave);
                let alone = taken.reservation.alone;
                self.held.push(Held { reserved: taken.reservation, rule, wait_minutes });
                if alone { self.finish(false) } else { self.go_on(now) }
            }
        }
    }

    fn sold(&mut self, taken: Taken, reading: Option<&BuyerReading>, now: Timestamp) -> Vec<Command> {
        let Taken { index, reservation, replaces } = taken;
        let agreed = reservation.price;
        let (floor, priority) =
            self.candidate(index).map_or((agreed, false), |candidate| (candidate.floor, candidate.priority));
        let (sold_price, odd) = match reading {
            // Whatever its answer names.
            _ if reservation.replacement => (Money::ZERO, None),
            Some(reading) => self.price_of(index, reading, agreed, floor),
            None => (agreed, None),
        };
        if reading.is_some_and(|reading| reading.bad_redirect) {
            self.alerts.push(Alert::BadRedirect { contract: reservation.contract });
        }
        let reason = match reading {
            _ if reservation.replacement => {
                Reason::Replacement { replaces, worth: Some(agreed), unanswered: reading.is_none() }
            }
            Some(_) => Reason::sold(sold_price, odd.as_ref()),
            None => Reason::SoldUnanswered(sold_price),
        };
        self.alerts.extend(odd);
        self.end(index, reason);
        self.keep_out(index, Had::Bought);
        if !priority {
            self.lowest_sold = Some(self.lowest_sold.map_or(agreed, |lowest: Money| lowest.min(agreed)));
        }
        let alone = reservation.alone;
        self.sales.push(Sold {
            reserved: reservation,
            sold_price,
            replaces,
            redirect: reading.and_then(|reading| reading.redirect.clone()),
            lead_id: reading.and_then(|reading| reading.lead_id.clone()),
            unanswered: reading.is_none(),
        });
        if alone { self.finish(false) } else { self.go_on(now) }
    }
}
