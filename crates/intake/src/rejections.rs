//! How many rejected posts are kept: a script gone wrong must not fill the disk.

use crumb_domain::post::MAX_REJECTED_PER_MINUTE;
use crumb_domain::{CampaignId, OfferId, Timestamp};
use crumb_storage::leads::KeepFn;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Posters watched at most in one minute; those beyond are counted, not kept.
const MAX_POSTERS: usize = 10_000;

/// Rejected posts kept in one minute of all posters together: at some 10 KiB each
/// a flood fills a disk at a pace that an operator can meet.
const MAX_KEPT: u32 = 6_000;

/// Who posts what: a campaign or an offer (neither, where the poster is not
/// believed to be theirs), from an address.
pub type Poster = (Option<CampaignId>, Option<OfferId>, IpAddr);

/// The rejected posts of the present minute.
#[derive(Debug, Default)]
pub struct RejectionBudget {
    current: Mutex<Minute>,
}

#[derive(Debug, Default)]
struct Minute {
    number: i64,
    kept: u32,
    posters: HashMap<Poster, u32>,
}

impl RejectionBudget {
    /// Asks, once the store refuses a post of this poster, whether it is kept. A write
    /// may be run twice: the first answer holds, and only it counts.
    pub fn ask(budget: &Arc<Self>, poster: Poster, now: Timestamp) -> KeepFn {
        let (budget, answer) = (Arc::clone(budget), OnceLock::new());
        Box::new(move || *answer.get_or_init(|| budget.keeps(poster, now)))
    }

    /// Whether one more rejected post of this poster is kept.
    fn keeps(&self, poster: Poster, now: Timestamp) -> bool {
        let number = now.unix_seconds().div_euclid(60);
        let poster = (poster.0, poster.1, network_of(poster.2));
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.number != number {
            *current = Minute { number, ..Minute::default() };
        }
        if current.posters.len() >= MAX_POSTERS && !current.posters.contains_key(&poster) {
            return false;
        }
        let count = current.posters.entry(poster).or_insert(0);
        *count = count.saturating_add(1);
        let keeps = *count <= MAX_REJECTED_PER_MINUTE && current.kept < MAX_KEPT;
        current.kept += u32::from(keeps);
        keeps
    }
}

/// What one poster can send from: an address, or the 2^64 of an IPv6 network that
/// are given out as one.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
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

    #[test]
    fn a_post_whose_write_is_run_again_counts_once() {
        let budget = Arc::new(RejectionBudget::default());
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let poster = (Some(CampaignId(57)), None, IpAddr::from([127, 0, 0, 1]));
        let asked: Vec<KeepFn> = (0..61).map(|_| RejectionBudget::ask(&budget, poster, now)).collect();
        let kept = |asked: &KeepFn| asked() && asked();
        assert_eq!(asked.iter().filter(|asked| kept(asked)).count(), 60);
        assert_eq!(asked.iter().filter(|asked| kept(asked)).count(), 60);
    }

    #[test]
    fn of_a_flood_from_everywhere_a_bounded_number_of_posters_is_remembered() {
        let budget = RejectionBudget::default();
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let of = |number: u32| (None, None, IpAddr::from(number.to_be_bytes()));
        for number in 0..12_000 {
            budget.keeps(of(number), now);
        }
        let watched = |number| budget.current.lock().unwrap().posters.get(&of(number)).copied();
        assert_eq!(budget.current.lock().unwrap().posters.len(), MAX_POSTERS);
        assert_eq!((watched(9_999), watched(10_000)), (Some(1), None));
        budget.keeps(of(9_999), now);
        assert_eq!(watched(9_999), Some(2), "those that are watched go on being counted");
    }

    #[test]
    fn an_ipv6_network_is_one_poster_and_all_posters_share_a_bound() {
        let budget = RejectionBudget::default();
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let of = |text: &str| (None, None, text.parse::<IpAddr>().unwrap());
        let kept = (0..100).filter(|host| budget.keeps(of(&format!("2001:db8::{host:x}")), now)).count();
        assert_eq!(kept, 60);
        assert!(budget.keeps(of("2001:db8:0:1::1"), now));
        let flood = (0..200).flat_map(|host| std::iter::repeat_n(of(&format!("10.0.0.{host}")), 60));
        assert_eq!(61 + flood.filter(|poster| budget.keeps(*poster, now)).count(), MAX_KEPT as usize);
    }
}
