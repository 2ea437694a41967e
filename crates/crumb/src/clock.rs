//! The system's clock, and the same one shifted.

use crumb_domain::{Clock, Timestamp};
use std::time::{SystemTime, UNIX_EPOCH};

/// The system's clock, shifted by whole seconds; 0 is the right time.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    offset_seconds: i64,
}

impl SystemClock {
    /// Shifted by that many seconds into the future, or into the past where negative.
    pub fn shifted_by(offset_seconds: i64) -> Self {
        Self { offset_seconds }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the system's time comes in")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(micros).plus_seconds(self.offset_seconds)
    }

    fn offset_seconds(&self) -> i64 {
        self.offset_seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_clock_is_ahead_by_its_offset() {
        let right = SystemClock::shifted_by(0).now().unix_seconds();
        let ahead = SystemClock::shifted_by(86_400).now().unix_seconds();
        assert!((86_400..86_460).contains(&(ahead - right)), "{}", ahead - right);
    }
}
