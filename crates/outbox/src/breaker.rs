//! Receivers that failed too often in a row are left alone for a moment.
//!
//! A receiver that is down costs each attempt its whole time, and the places that others
//! could have. After some failures in a row its deliveries wait, without a try being
//! counted; after a pause one of them is tried, and its answer decides: by the first that
//! is taken all the others go at once, a failure begins the next pause. Attempts that began
//! before a pause decide nothing about it, unless the receiver takes one. Kept in memory:
//! what a receiver did before a restart says little about now.

use crumb_domain::Timestamp;
use crumb_domain::delivery::RETRY_AFTER_SECONDS;
use std::collections::HashMap;

/// Failures in a row after which a destination is paused: more than a few deliveries of
/// one moment, so that a hiccup pauses nobody.
pub const FAILURES_TO_OPEN: u32 = 20;
/// For how long, in seconds, until one delivery tries it again: no longer than the first
/// wait of the schedule, so that a receiver which is back is told when the schedule says.
pub const PAUSE_SECONDS: i64 = RETRY_AFTER_SECONDS[0];

#[derive(Debug, Default)]
pub(crate) struct Breakers(HashMap<String, Breaker>);

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Breaker {
    failures: u32,
    /// Paused until then, where it is; afterwards one at a time is tried.
    until: Option<Timestamp>,
}

impl Breaker {
    /// Not where the clock was put back since: no pause lasts so long.
    fn is_paused(self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| now < until && until <= now.plus_seconds(PAUSE_SECONDS))
    }

    fn is_on_trial(self, now: Timestamp) -> bool {
        self.until.is_some() && !self.is_paused(now)
    }

    /// Whether an attempt that began then is one that decides: it began after the pause, or
    /// the clock was put back since and nobody can tell.
    pub fn is_decided_by(self, began: Timestamp, now: Timestamp) -> bool {
        self.until.is_some_and(|until| began >= until || until > now.plus_seconds(PAUSE_SECONDS))
    }
}

impl Breakers {
    /// An attempt ended.
    pub fn ended(&mut self, destination: &str, is_delivered: bool, began: Timestamp, now: Timestamp) {
        if is_delivered {
            self.0.remove(destination);
            return;
        }
        let breaker = self.0.entry(destination.to_owned()).or_default();
        breaker.failures = breaker.failures.saturating_add(1);
        let opens = breaker.until.is_none() || breaker.is_decided_by(began, now);
        if breaker.failures >= FAILURES_TO_OPEN && opens {
            breaker.until = Some(now.plus_seconds(PAUSE_SECONDS));
        }
    }

    /// Destinations that are left alone now.
    pub fn paused(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(_, breaker)| breaker.is_paused(now)).map(|(to, _)| to.as_str())
    }

    /// Destinations that one delivery tries: their pause is over.
    pub fn on_trial(&self, now: Timestamp) -> impl Iterator<Item = (&str, Breaker)> {
        let on_trial = self.0.iter().filter(move |(_, breaker)| breaker.is_on_trial(now));
        on_trial.map(|(to, breaker)| (to.as_str(), *breaker))
    }

    /// When the next pause is over.
    pub fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.values().filter(|breaker| breaker.is_paused(now)).filter_map(|breaker| breaker.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(0).plus_seconds(seconds)
    }

    fn failing(times: u32) -> Breakers {
        let mut breakers = Breakers::default();
        (0..times).for_each(|_| breakers.ended("a", false, at(0), at(0)));
        breakers
    }

    fn paused(breakers: &Breakers, now: i64) -> Vec<&str> {
        breakers.paused(at(now)).collect()
    }

    fn on_trial(breakers: &Breakers, now: i64) -> Vec<&str> {
        breakers.on_trial(at(now)).map(|(to, _)| to).collect()
    }

    #[test]
    fn a_destination_is_paused_after_some_failures_in_a_row() {
        let mut breakers = failing(FAILURES_TO_OPEN - 1);
        assert!(paused(&breakers, 0).is_empty() && on_trial(&breakers, 0).is_empty());
        breakers.ended("a", true, at(0), at(0));
        breakers.ended("a", false, at(0), at(0));
        assert!(paused(&breakers, 0).is_empty(), "an answer begins the count anew");
        let breakers = failing(FAILURES_TO_OPEN);
        assert_eq!(paused(&breakers, PAUSE_SECONDS - 1), ["a"]);
        assert_eq!(breakers.next_end(at(0)), Some(at(PAUSE_SECONDS)));
    }

    #[test]
    fn after_the_pause_one_delivery_decides() {
        let mut breakers = failing(FAILURES_TO_OPEN);
        assert_eq!(
            (paused(&breakers, PAUSE_SECONDS), on_trial(&breakers, PAUSE_SECONDS)),
            (vec![], vec!["a"])
        );
        breakers.ended("a", false, at(PAUSE_SECONDS), at(PAUSE_SECONDS));
        assert_eq!(paused(&breakers, PAUSE_SECONDS + 1), ["a"], "the trial failed");
        breakers.ended("a", true, at(2 * PAUSE_SECONDS), at(2 * PAUSE_SECONDS));
        assert!(on_trial(&breakers, 2 * PAUSE_SECONDS).is_empty());
    }

    #[test]
    fn a_pause_lasts_no_longer_than_the_schedules_first_wait_whatever_ends_meanwhile() {
        let mut breakers = failing(FAILURES_TO_OPEN);
        for now in [1, RETRY_AFTER_SECONDS[0] - 1, RETRY_AFTER_SECONDS[0], 9] {
            breakers.ended("a", false, at(0), at(now));
        }
        assert_eq!(paused(&breakers, RETRY_AFTER_SECONDS[0] - 1), ["a"]);
        assert_eq!(on_trial(&breakers, RETRY_AFTER_SECONDS[0]), ["a"], "they began before it was paused");
        breakers.ended("a", true, at(0), at(10));
        assert!(on_trial(&breakers, 10).is_empty(), "it takes deliveries, whenever they were sent");
    }

    #[test]
    fn a_clock_that_is_put_back_pauses_nobody_for_longer() {
        let breakers = failing(FAILURES_TO_OPEN);
        assert!(paused(&breakers, -1).is_empty());
        assert_eq!(on_trial(&breakers, -1), ["a"]);
        assert_eq!(breakers.next_end(at(-1)), None);
        let mut breakers = breakers;
        breakers.ended("a", false, at(-1), at(-1));
        assert_eq!(paused(&breakers, -1), ["a"], "the trial failed");
    }
}
