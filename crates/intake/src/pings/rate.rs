//! How fast a campaign may ask for prices: each ping may call many buyers and writes a
//! row, and costs its sender nothing.

use crumb_domain::pings::PingLimits;
use crumb_domain::{CampaignId, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What one ping takes: a bucket gains as many of these each microsecond as pings may come in
/// a second.
const PING: i64 = 1_000_000;

/// The pings of all campaigns that sent one: as many as the network has, at most.
#[derive(Debug)]
pub(crate) struct PingRate {
    per_second: i64,
    /// What a bucket holds at most.
    full: i64,
    buckets: Mutex<HashMap<CampaignId, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: i64,
    at: Timestamp,
}

impl PingRate {
    /// Nobody has sent one yet.
    pub fn new(limits: PingLimits) -> Self {
        let full = i64::from(limits.burst()).saturating_mul(PING);
        Self { per_second: i64::from(limits.per_second), full, buckets: Mutex::default() }
    }

    /// Whether a campaign may send one more now; if so, it has.
    pub fn takes(&self, campaign: CampaignId, now: Timestamp) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(campaign).or_insert(Bucket { left: self.full, at: now });
        let elapsed = now.micros().saturating_sub(bucket.at.micros()).max(0);
        bucket.left = bucket.left.saturating_add(elapsed.saturating_mul(self.per_second)).min(self.full);
        bucket.at = now;
        let is_taken = bucket.left >= PING;
        bucket.left -= if is_taken { PING } else { 0 };
        is_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_so_many_a_second_of_each_campaign() {
        let rate = PingRate::new(PingLimits::DEFAULT);
        let at = |milliseconds: i64| Timestamp::from_micros(1_800_000_000_000_000 + milliseconds * 1_000);
        let takes = |campaign, milliseconds| {
            (0..1_000).filter(|_| rate.takes(CampaignId(campaign), at(milliseconds))).count()
        };
        assert_eq!(takes(57, 0), 100);
        assert_eq!(takes(58, 0), 100, "another campaign's are its own");
        assert_eq!(takes(57, 19), 0);
        assert_eq!(takes(57, 20), 1);
        assert_eq!(takes(57, 1_020), 50);
        assert_eq!(takes(57, 3_600_000), 100, "a long pause is worth no more than a burst");
        assert_eq!(takes(57, 0), 0, "a clock that jumps back gives nothing");
    }
}
