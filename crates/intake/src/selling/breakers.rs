//! Buyers that are left alone for a while because their last answers timed out.
//!
//! A buyer that does not answer costs each lead the whole of its time-out, and the
//! lead's other buyers theirs. After some time-outs in a row it is skipped; after a
//! pause one lead is let through to try it, and its answer decides. Kept in memory:
//! what a buyer did before a restart says little about now.

use crumb_domain::selling::{BuyerAnswer, PostFailure};
use crumb_domain::{BuyerId, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Time-outs in a row after which a buyer is skipped.
pub const TIMEOUTS_TO_OPEN: u32 = 5;
/// Seconds for which it is skipped before one lead tries it again.
const OPEN_SECONDS: i64 = 60;

/// The breakers of all buyers that have one.
#[derive(Debug, Default)]
pub(crate) struct Breakers(Mutex<HashMap<BuyerId, Breaker>>);

#[derive(Debug, Clone, Copy, Default)]
struct Breaker {
    timeouts: u32,
    /// Skipped until then; whoever asks the buyer after that moves it on, so that others
    /// do not while the first answer is under way.
    until: Option<Timestamp>,
}

impl Breakers {
    fn lock(&self) -> MutexGuard<'_, HashMap<BuyerId, Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The buyers that a lead must skip now. One whose pause is over is not among them:
    /// the first lead that comes to it tries it.
    pub fn open(&self, now: Timestamp) -> Vec<BuyerId> {
        let breakers = self.lock();
        let open = breakers.iter().filter(|(_, breaker)| breaker.until.is_some_and(|until| now < until));
        open.map(|(buyer, _)| *buyer).collect()
    }

    /// A buyer is about to be asked. If its pause is over this is the trial, and leads
    /// that begin now skip the buyer until it has answered.
    pub fn asking(&self, buyer: BuyerId, now: Timestamp) {
        if let Some(until) = self.lock().get_mut(&buyer).and_then(|breaker| breaker.until.as_mut()) {
            *until = (*until).max(now.plus_seconds(OPEN_SECONDS));
        }
    }

    /// How many buyers are skipped; those of whom one lead tries whether they answer again
    /// are among them.
    pub fn count_open(&self) -> usize {
        self.lock().values().filter(|breaker| breaker.until.is_some()).count()
    }

    /// Takes an answer in; tells whether the buyer is skipped from now on and was not
    /// before.
    pub fn answered(&self, buyer: BuyerId, answer: &BuyerAnswer, now: Timestamp) -> bool {
        let mut breakers = self.lock();
        if !matches!(answer, BuyerAnswer::Failed(PostFailure::TimedOut { .. })) {
            breakers.remove(&buyer);
            return false;
        }
        let breaker = breakers.entry(buyer).or_default();
        breaker.timeouts = breaker.timeouts.saturating_add(1);
        if breaker.timeouts < TIMEOUTS_TO_OPEN {
            return false;
        }
        let is_new = breaker.until.is_none();
        breaker.until = Some(now.plus_seconds(OPEN_SECONDS));
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_domain::selling::BuyerReading;

    const BUYER: BuyerId = BuyerId(5);
    const TIMED_OUT: BuyerAnswer = BuyerAnswer::Failed(PostFailure::TimedOut { sent: true });

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(0).plus_seconds(seconds)
    }

    fn opened() -> Breakers {
        let breakers = Breakers::default();
        for _ in 0..TIMEOUTS_TO_OPEN {
            breakers.answered(BUYER, &TIMED_OUT, at(0));
        }
        breakers
    }

    #[test]
    fn a_buyer_is_skipped_after_some_time_outs_in_a_row() {
        let breakers = Breakers::default();
        for n in 1..TIMEOUTS_TO_OPEN {
            assert!(!breakers.answered(BUYER, &TIMED_OUT, at(0)), "{n}");
            assert_eq!(breakers.count_open(), 0);
            assert!(breakers.open(at(1)).is_empty());
        }
        assert!(breakers.answered(BUYER, &TIMED_OUT, at(0)), "told once");
        assert_eq!(breakers.open(at(1)), [BUYER]);
        assert_eq!(breakers.count_open(), 1);
        assert!(!breakers.answered(BUYER, &TIMED_OUT, at(1)));
    }

    #[test]
    fn any_other_answer_begins_the_count_anew() {
        let breakers = Breakers::default();
        for n in 0..20 {
            let answer = if n % 2 == 0 { TIMED_OUT } else { BuyerAnswer::Rejected(BuyerReading::default()) };
            assert!(!breakers.answered(BUYER, &answer, at(0)));
        }
        assert!(breakers.open(at(1)).is_empty());
    }

    #[test]
    fn after_the_pause_one_lead_tries_the_buyer_and_its_answer_decides() {
        let breakers = opened();
        assert_eq!(breakers.open(at(OPEN_SECONDS - 1)), [BUYER]);
        assert!(breakers.open(at(OPEN_SECONDS)).is_empty(), "the next that comes to it tries it");
        assert!(breakers.open(at(OPEN_SECONDS)).is_empty(), "a lead that it does not buy tries nothing");
        breakers.asking(BUYER, at(OPEN_SECONDS));
        assert_eq!(breakers.open(at(OPEN_SECONDS)), [BUYER], "no second one meanwhile");
        breakers.answered(BUYER, &BuyerAnswer::Rejected(BuyerReading::default()), at(OPEN_SECONDS + 1));
        assert!(breakers.open(at(OPEN_SECONDS + 1)).is_empty());
        let breakers = opened();
        breakers.asking(BUYER, at(OPEN_SECONDS));
        breakers.answered(BUYER, &TIMED_OUT, at(OPEN_SECONDS + 2));
        assert_eq!(breakers.open(at(OPEN_SECONDS + 3)), [BUYER], "the trial failed");
    }
}
