//! What somebody outside is told: postbacks and webhooks on their way, and the schedule
//! by which they are tried again.

use crate::coded::coded;
use crate::{AffiliateId, CampaignId, LeadId, OfferId, RowId, Timestamp};
use serde::Serialize;

/// A call on its way to somebody outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its place in the store.
    pub id: RowId,
    /// What the receiver knows it by, in the `Webhook-Id` header: the same at each
    /// attempt, so that what arrives twice can be told.
    pub webhook_id: String,
    /// When it was made.
    pub at: Timestamp,
    /// What it is.
    pub kind: DeliveryKind,
    /// Who gets it, as `affiliate:12`, `campaign:57`, `webhook:1` or `mail:ops@example.com`: what shares a limit
    /// of calls at once and a breaker.
    pub destination: String,
    /// Whose log shows it.
    pub affiliate: Option<AffiliateId>,
    /// Under which campaign.
    pub campaign: Option<CampaignId>,
    /// On which offer.
    pub offer: Option<OfferId>,
    /// About which conversion.
    pub conversion: Option<RowId>,
    /// About which lead.
    pub lead: Option<LeadId>,
    /// Where to, with its tokens replaced.
    pub url: String,
    /// The same for those who may not see people's data, which is masked; none where it
    /// holds none.
    pub shown_url: Option<String>,
    /// What is posted; none for a GET.
    pub body: Option<String>,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried since it was made or set going again.
    pub tries: u32,
    /// When it is tried next, while it waits.
    pub due: Timestamp,
}

coded! {
    /// What a delivery is.
    DeliveryKind {
        /// An affiliate's or campaign's postback URL.
        Postback = "postback";
        /// A signed message to the network's own systems.
        Webhook = "webhook";
        /// A mail to the network's own people.
        Mail = "mail";
    }
}

coded! {
    /// Where a delivery stands.
    DeliveryState {
        /// It is tried when it is due.
        Waits = "waiting";
        /// It was answered with 2xx.
        Delivered = "delivered";
        /// Nobody answered; it is kept, and can be set going again.
        Parked = "parked";
    }
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryAttempt {
    /// When it began.
    pub at: Timestamp,
    /// The phase that it reached: `resolve` to `body`.
    pub phase: String,
    /// How long it took.
    pub took_ms: u32,
    /// The answer's status, where there was one.
    pub status: Option<u16>,
    /// The first [`MAX_KEPT_ANSWER_CHARS`] of the answer.
    pub answer: String,
    /// Why there was none.
    pub error: Option<String>,
}

/// Characters of an answer that are kept: what a person looks at. What a receiver says
/// beyond that changes nothing.
pub const MAX_KEPT_ANSWER_CHARS: usize = 500;

/// Seconds until the next attempt after the first, second… failed one: three days and a
/// half together. After the last it is parked.
pub const RETRY_AFTER_SECONDS: [i64; 8] = [5, 30, 2 * 60, 10 * 60, 3_600, 6 * 3_600, 24 * 3_600, 48 * 3_600];
/// What is added to each of them at most, in per mille, at random: so that what failed
/// together does not come back together.
pub const RETRY_JITTER_PER_MILLE: i64 = 200;
/// A receiver that asks for more patience than this is tried then all the same.
pub const MAX_RETRY_AFTER_SECONDS: i64 = 48 * 3_600;

/// No delivery waits longer than this for its next attempt.
const LONGEST_WAIT_SECONDS: i64 = MAX_RETRY_AFTER_SECONDS * (1_000 + RETRY_JITTER_PER_MILLE) / 1_000;

/// Whether a delivery is tried now. One that is due later than any wait lasts was put off
/// by a clock that has been put back since.
pub fn is_due(now: Timestamp, due: Timestamp) -> bool {
    due <= now || due > latest_due(now)
}

/// The latest moment at which a delivery can be due that was put off until now.
pub fn latest_due(now: Timestamp) -> Timestamp {
    now.plus_seconds(LONGEST_WAIT_SECONDS)
}

/// When a delivery is tried again that has failed `tries` times; none where it is parked.
/// `chance` is 0 to 999; `retry_after` is what the receiver asked for, in seconds, which
/// can only lengthen the wait.
pub fn next_try(now: Timestamp, tries: u32, chance: u16, retry_after: Option<i64>) -> Option<Timestamp> {
    let index = usize::try_from(tries.checked_sub(1)?).ok()?;
    let wait = *RETRY_AFTER_SECONDS.get(index)?;
    let jitter_micros = wait * 1_000 * RETRY_JITTER_PER_MILLE * i64::from(chance.min(999)) / 999;
    let asked = retry_after.unwrap_or_default().clamp(0, MAX_RETRY_AFTER_SECONDS);
    let by_schedule = Timestamp::from_micros(now.plus_seconds(wait).micros() + jitter_micros);
    Some(by_schedule.max(now.plus_seconds(asked)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    #[test]
    fn a_postback_is_tried_nine_times_over_three_days_and_then_parked() {
        let waits = (1..=8).map(|tries| next_try(NOW, tries, 0, None).unwrap());
        let seconds: Vec<i64> = waits.map(|at| (at.micros() - NOW.micros()) / 1_000_000).collect();
        assert_eq!(seconds, [5, 30, 120, 600, 3_600, 21_600, 86_400, 172_800]);
        assert!(seconds.iter().sum::<i64>() > 3 * 86_400);
        assert_eq!(next_try(NOW, 9, 0, None), None);
        assert_eq!(next_try(NOW, 9, 999, Some(60)), None);
    }

    #[test]
    fn a_receiver_can_lengthen_the_wait_and_not_shorten_it() {
        assert_eq!(next_try(NOW, 1, 0, Some(60)), Some(NOW.plus_seconds(60)));
        assert_eq!(next_try(NOW, 2, 0, Some(1)), Some(NOW.plus_seconds(30)));
        assert_eq!(next_try(NOW, 1, 0, Some(i64::MAX)), Some(NOW.plus_seconds(MAX_RETRY_AFTER_SECONDS)));
        assert_eq!(next_try(NOW, 1, 0, Some(i64::MIN)), Some(NOW.plus_seconds(5)));
    }

    #[test]
    fn a_clock_that_was_put_back_holds_no_delivery_up() {
        for (due, expected) in [(-1, true), (0, true), (1, false), (207_360, false), (207_361, true)] {
            assert_eq!(is_due(NOW, NOW.plus_seconds(due)), expected, "{due}");
        }
        let longest = next_try(NOW, 8, 999, Some(i64::MAX)).unwrap();
        assert!(!is_due(NOW, longest) && longest == latest_due(NOW));
    }

    proptest! {
        #[test]
        fn chance_adds_a_fifth_at_most(tries in 1u32..=8, chance in any::<u16>()) {
            let least = next_try(NOW, tries, 0, None).unwrap().micros() - NOW.micros();
            let at = next_try(NOW, tries, chance, None).unwrap().micros() - NOW.micros();
            prop_assert!(least <= at && at <= least + least / 5);
        }
    }
}
