//! A clock that stands still until a test moves it.

use crumb_domain::{Clock, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock in a test's hands.
#[derive(Debug)]
pub struct FakeClock {
    micros: AtomicI64,
}

impl FakeClock {
    /// Where tests begin: Wednesday 2026-07-01, 12:00 UTC.
    pub const START: &'static str = "2026-07-01T12:00:00Z";

    /// A clock at [`FakeClock::START`].
    pub fn new() -> Self {
        let start: Timestamp = Self::START.parse().expect("the constant is a time");
        Self { micros: AtomicI64::new(start.micros()) }
    }

    /// Goes on (or back, where negative) by that many seconds.
    pub fn advance_seconds(&self, seconds: i64) {
        self.micros.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// Goes on by that many days.
    pub fn advance_days(&self, days: i64) {
        self.advance_seconds(days * 86_400);
    }

    /// Stands at a moment.
    pub fn set(&self, moment: &str) {
        let moment: Timestamp = moment.parse().expect("a time like 2026-07-01T12:00:00Z");
        self.micros.store(moment.micros(), Ordering::SeqCst);
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst))
    }
}
