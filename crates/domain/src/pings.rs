//! How far sellers may go with pings: a server's settings, which their documents tell as well.

/// What a ping may take, and what its quote is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PingLimits {
    /// Milliseconds in which a ping is answered; its sender may ask for fewer.
    pub deadline_ms: u32,
    /// How long a quote holds, in seconds.
    pub life_seconds: u32,
    /// Pings a second of one campaign, in the long run.
    pub per_second: u32,
}

impl PingLimits {
    /// What holds where nothing else is said. A quote lives as long as a seller needs to compare
    /// offers, and is short enough for buyers to stand by theirs; the rate is more than the leads
    /// of a whole network at its peak.
    pub const DEFAULT: Self = Self { deadline_ms: 5_000, life_seconds: 30, per_second: 50 };

    /// Pings of one campaign that may come at once after a pause: those of two seconds.
    pub fn burst(self) -> u32 {
        self.per_second.saturating_mul(2)
    }
}

impl Default for PingLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pings_of_two_seconds_may_come_at_once() {
        assert_eq!(PingLimits::default().burst(), 100);
        assert_eq!(PingLimits { per_second: u32::MAX, ..PingLimits::DEFAULT }.burst(), u32::MAX);
    }
}
