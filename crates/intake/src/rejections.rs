//! How many rejected posts are kept: a script gone wrong must not fill the disk.

use crumb_domain::post::MAX_REJECTED_PER_MINUTE;
use crumb_domain::{CampaignId, OfferId, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Posters watched at most in one minute; those beyond are counted, not kept.
const MAX_POSTERS: usize = 10_000;

/// Who posts what: a campaign or an offer, from an address.
pub type Poster = (Option<CampaignId>, Option<OfferId>, IpAddr);

/// The rejected posts of the present minute.
#[derive(Debug, Default)]
pub struct RejectionBudget {
    minute: Mutex<(i64, HashMap<Poster, u32>)>,
}

impl RejectionBudget {
    /// Whether one more rejected post of this poster is kept.
    pub fn keeps(&self, poster: Poster, now: Timestamp) -> bool {
        let minute = now.unix_seconds().div_euclid(60);
        let mut current = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != minute {
            *current = (minute, HashMap::new());
        }
        if current.1.len() >= MAX_POSTERS && !current.1.contains_key(&poster) {
            return false;
        }
        let count = current.1.entry(poster).or_insert(0);
        *count = count.saturating_add(1);
        *count <= MAX_REJECTED_PER_MINUTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_a_minute_are_kept_of_one_poster() {
        let budget = RejectionBudget::default();
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let poster = (Some(CampaignId(57)), None, IpAddr::from([127, 0, 0, 1]));
        let other = (Some(CampaignId(57)), None, IpAddr::from([127, 0, 0, 2]));
        assert_eq!((0..100).filter(|_| budget.keeps(poster, now)).count(), 60);
        assert!(budget.keeps(other, now));
        assert!(budget.keeps(poster, now.plus_seconds(60)));
    }
}
