//! Caps: how many clicks, leads and conversions an offer or campaign takes.
//!
//! A lead counts as a lead and, from the moment in which it is a conversion, as one of
//! those too, on the day on which it came. Lead caps refuse leads, conversion caps none:
//! over one of those a lead is taken and sold, and its affiliate is paid nothing for it.

use crate::network::{CapInterval, CapOf, CapRule};
use crate::time::{Day, Zone};
use crate::{CampaignId, OfferId};

/// What a count is kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CapScope {
    /// An offer.
    Offer(OfferId),
    /// A campaign.
    Campaign(CampaignId),
}

/// A count that stores keep: how many of something on one day of the network's
/// zone. Weeks, months and totals are sums of days, so that editing a cap never
/// resets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DayCount {
    /// Whose.
    pub scope: CapScope,
    /// Of what.
    pub of: CapOf,
    /// When.
    pub day: Day,
}

/// A cap to be held: the count over `first_day..=day` must stay at or below
/// `limit` with the new one in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapCheck {
    /// Whose.
    pub scope: CapScope,
    /// Of what.
    pub of: CapOf,
    /// First day of the present interval.
    pub first_day: Day,
    /// The present day.
    pub day: Day,
    /// How many are allowed.
    pub limit: u32,
}

/// The first day of the interval that `day` lies in.
pub fn first_day(interval: CapInterval, day: Day) -> Day {
    match interval {
        CapInterval::Day => day,
        CapInterval::Week => Zone::monday_of(day),
        CapInterval::Month => Zone::first_of_month(day),
        CapInterval::Total => Day(i32::MIN),
    }
}

/// The last day of the interval that `day` lies in.
pub fn last_day(interval: CapInterval, day: Day) -> Day {
    match interval {
        CapInterval::Day => day,
        CapInterval::Week => Day(Zone::monday_of(day).0.saturating_add(6)),
        // So many days on it is the next month, whichever it is.
        CapInterval::Month => {
            let in_next = Day(Zone::first_of_month(day).0.saturating_add(31));
            Day(Zone::first_of_month(in_next).0.saturating_sub(1))
        }
        CapInterval::Total => Day(i32::MAX),
    }
}

/// The checks that a list of caps asks for when one more of `of` comes on `day`.
pub fn checks(caps: &[CapRule], scope: CapScope, of: CapOf, day: Day) -> impl Iterator<Item = CapCheck> + '_ {
    caps.iter().filter(move |cap| cap.of == of).map(move |cap| CapCheck {
        scope,
        of,
        first_day: first_day(cap.interval, day),
        day,
        limit: cap.limit,
    })
}

/// The same checks for what counts on a day that may be over: later days of its interval
/// have counted already.
pub fn late_checks(
    caps: &[CapRule],
    scope: CapScope,
    of: CapOf,
    day: Day,
) -> impl Iterator<Item = CapCheck> + '_ {
    caps.iter().filter(move |cap| cap.of == of).map(move |cap| CapCheck {
        scope,
        of,
        first_day: first_day(cap.interval, day),
        day: last_day(cap.interval, day),
        limit: cap.limit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_begins_where_its_name_says() {
        let day = |y, m, d| Zone::civil_day(y, m, d).unwrap();
        let sunday = day(2026, 11, 22);
        assert_eq!(first_day(CapInterval::Day, sunday), sunday);
        assert_eq!(first_day(CapInterval::Week, sunday), day(2026, 11, 16));
        assert_eq!(first_day(CapInterval::Month, sunday), day(2026, 11, 1));
        assert!(first_day(CapInterval::Total, sunday) < day(1970, 1, 1));
    }

    #[test]
    fn an_interval_ends_before_the_next_one_begins() {
        let day = |y, m, d| Zone::civil_day(y, m, d).unwrap();
        for (of, week, month) in [
            (day(2026, 11, 16), day(2026, 11, 22), day(2026, 11, 30)),
            (day(2026, 12, 31), day(2027, 1, 3), day(2026, 12, 31)),
            (day(2028, 2, 1), day(2028, 2, 6), day(2028, 2, 29)),
        ] {
            assert_eq!(last_day(CapInterval::Day, of), of);
            assert_eq!(last_day(CapInterval::Week, of), week);
            assert_eq!(last_day(CapInterval::Month, of), month);
            assert!(last_day(CapInterval::Total, of) > day(2999, 1, 1));
        }
    }

    #[test]
    fn what_counts_on_a_day_that_is_over_meets_what_came_since_in_its_interval() {
        let caps = [CapRule { of: CapOf::Conversion, interval: CapInterval::Week, limit: 5 }];
        let scope = CapScope::Offer(OfferId(100));
        let tuesday = Zone::civil_day(2026, 11, 24).unwrap();
        let days = |check: CapCheck| (check.first_day.0 - tuesday.0, check.day.0 - tuesday.0);
        assert_eq!(checks(&caps, scope, CapOf::Conversion, tuesday).map(days).collect::<Vec<_>>(), [(-1, 0)]);
        let late = late_checks(&caps, scope, CapOf::Conversion, tuesday);
        assert_eq!(late.map(days).collect::<Vec<_>>(), [(-1, 5)]);
    }

    #[test]
    fn only_the_caps_of_what_comes_are_checked() {
        let caps = [
            CapRule { of: CapOf::Click, interval: CapInterval::Day, limit: 5 },
            CapRule { of: CapOf::Lead, interval: CapInterval::Total, limit: 7 },
        ];
        let scope = CapScope::Offer(OfferId(100));
        let limits: Vec<u32> = checks(&caps, scope, CapOf::Lead, Day(3)).map(|c| c.limit).collect();
        assert_eq!(limits, [7]);
    }
}
