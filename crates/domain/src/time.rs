//! Moments, and the days of a network's zone.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A moment: microseconds since 1970-01-01T00:00:00Z. Text form: RFC 3339, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    micros: i64,
}

/// The text is no RFC 3339 moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time like \"2030-01-01T00:00:00Z\"")]
pub struct InvalidTime;

impl Timestamp {
    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self { micros }
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.micros
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn unix_seconds(self) -> i64 {
        self.micros.div_euclid(1_000_000)
    }

    /// That many seconds later (earlier where negative), held at the ends of time.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_micros(self.micros.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// That many days of 24 hours later (earlier where negative).
    pub const fn plus_days(self, days: i64) -> Self {
        self.plus_seconds(days.saturating_mul(86_400))
    }

    fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.micros).unwrap_or(if self.micros < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let moment: jiff::Timestamp = text.parse().map_err(|_| InvalidTime)?;
        Ok(Self::from_micros(moment.as_microsecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            serde::de::Error::invalid_value(
                serde::de::Unexpected::Str(&text),
                &"a time like \"2030-01-01T00:00:00Z\"",
            )
        })
    }
}

/// A calendar day of some zone: days since 1970-01-01 of that calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

impl fmt::Display for Day {
    /// `YYYY-MM-DD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Zone::to_date(*self), f)
    }
}

/// What a wall clock reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallClock {
    /// The calendar day.
    pub day: Day,
    /// Minutes since its midnight, 0 to 1439.
    pub minute: u16,
}

/// A time zone by its IANA name.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone(jiff::tz::TimeZone);

/// No zone of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no time zone {0:?}; expected an IANA name like \"America/New_York\"")]
pub struct UnknownZone(pub String);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Zone = Zone(jiff::tz::TimeZone::UTC);

    /// Years of the calendar, from -9999 to 9999.
    const MAX_YEARS: i16 = 19_998;

    /// The zone of that IANA name.
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        jiff::tz::TimeZone::get(name).map(Zone).map_err(|_| UnknownZone(name.to_owned()))
    }

    /// The calendar day of a moment.
    pub fn day_of(&self, moment: Timestamp) -> Day {
        Self::to_day(moment.to_jiff().to_zoned(self.0.clone()).date())
    }

    /// What a wall clock of the zone reads at a moment.
    pub fn wall_clock(&self, moment: Timestamp) -> WallClock {
        let local = moment.to_jiff().to_zoned(self.0.clone());
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        WallClock { day: Self::to_day(local.date()), minute: u16::try_from(minute).unwrap_or(0) }
    }

    /// The moment at which a wall clock of the zone reads that many minutes after the
    /// midnight that begins a day: the first of two, and where clocks skip it, the
    /// moment at which they do. Held at the ends of time.
    pub fn moment(&self, day: Day, minute: u16) -> Timestamp {
        use jiff::ToSpan as _;
        let midnight = Self::to_date(day).at(0, 0, 0, 0);
        let local = midnight.saturating_add(i64::from(minute).minutes());
        let ambiguous = self.0.to_ambiguous_zoned(local);
        let is_skipped = matches!(ambiguous.offset(), jiff::tz::AmbiguousOffset::Gap { .. });
        match ambiguous.compatible().map(|zoned| zoned.timestamp()) {
            Ok(at) => {
                // As much later as clocks skip: what they skipped lies before it.
                let skip = if is_skipped { self.0.preceding(at).next() } else { None };
                let at = skip.map_or(at, |transition| transition.timestamp());
                Timestamp::from_micros(at.as_microsecond())
            }
            Err(_) => Timestamp::from_micros(if day.0 < 0 { i64::MIN } else { i64::MAX }),
        }
    }

    /// The Monday of the week of a day.
    pub fn monday_of(day: Day) -> Day {
        // 1970-01-01 was a Thursday.
        Day(day.0.saturating_sub(day.0.rem_euclid(7).saturating_add(3).rem_euclid(7)))
    }

    /// The first day of the month of a day.
    pub fn first_of_month(day: Day) -> Day {
        let date = Self::to_date(day);
        Self::to_day(date.first_of_month())
    }

    /// The date that many whole years before a day, as dates of birth are
    /// compared: 29 February becomes 28 February.
    pub fn years_before(day: Day, years: i16) -> Day {
        // More years than the calendar has are all of them.
        let years = years.clamp(-Self::MAX_YEARS, Self::MAX_YEARS);
        let span = jiff::Span::new().years(years);
        Self::to_day(Self::to_date(day).saturating_sub(span))
    }

    /// The day that a civil date is, `None` where there is no such date.
    pub fn civil_day(year: i16, month: i8, day: i8) -> Option<Day> {
        jiff::civil::Date::new(year, month, day).ok().map(Self::to_day)
    }

    fn to_day(date: jiff::civil::Date) -> Day {
        let epoch = jiff::civil::date(1970, 1, 1);
        let days = date.duration_since(epoch).as_secs() / 86_400;
        Day(i32::try_from(days).unwrap_or(i32::MAX))
    }

    /// Held at the ends of the calendar, which are the years -9999 and 9999.
    fn to_date(day: Day) -> jiff::civil::Date {
        let days = jiff::SignedDuration::from_hours(i64::from(day.0) * 24);
        jiff::civil::date(1970, 1, 1).saturating_add(days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_moment_is_rfc_3339_in_utc() {
        let moment: Timestamp = "2030-01-01T01:00:00+01:00".parse().unwrap();
        assert_eq!(moment.to_string(), "2030-01-01T00:00:00Z");
        assert!("2030-01-01".parse::<Timestamp>().is_err());
    }

    #[test]
    fn days_begin_at_midnight_of_the_zone_also_when_its_clocks_change() {
        let zone = Zone::named("America/New_York").unwrap();
        let day = |text: &str| zone.day_of(text.parse().unwrap());
        // 9 March 2025 has 23 hours there.
        assert_eq!(day("2025-03-09T04:59:59Z"), Zone::civil_day(2025, 3, 8).unwrap());
        assert_eq!(day("2025-03-09T05:00:00Z"), Zone::civil_day(2025, 3, 9).unwrap());
        assert_eq!(day("2025-03-10T03:59:59Z"), Zone::civil_day(2025, 3, 9).unwrap());
        assert_eq!(day("2025-03-10T04:00:00Z"), Zone::civil_day(2025, 3, 10).unwrap());
    }

    #[test]
    fn a_wall_clock_reads_the_hour_and_minute_of_its_zone() {
        let zone = Zone::named("America/New_York").unwrap();
        let clock = zone.wall_clock("2026-11-23T04:45:59Z".parse().unwrap());
        let day = Zone::civil_day(2026, 11, 22).unwrap();
        assert_eq!(clock, WallClock { day, minute: 23 * 60 + 45 });
        assert_eq!(zone.moment(day, clock.minute).to_string(), "2026-11-23T04:45:00Z");
    }

    #[test]
    fn a_moment_beyond_the_calendar_is_held_at_its_end() {
        let [first, last] = [i64::MIN, i64::MAX].map(Timestamp::from_micros);
        assert!(first.to_string().starts_with("-009999-"), "{first}");
        assert!(last.to_string().starts_with("9999-"), "{last}");
        assert_eq!(Zone::UTC.moment(Day(i32::MIN), 0), first);
        assert_eq!(Zone::UTC.moment(Day(i32::MAX), 0), last);
    }

    #[test]
    fn weeks_start_on_monday_and_months_on_the_first() {
        let day = |y, m, d| Zone::civil_day(y, m, d).unwrap();
        assert_eq!(Zone::monday_of(day(2026, 11, 22)), day(2026, 11, 16));
        assert_eq!(Zone::monday_of(day(2026, 11, 16)), day(2026, 11, 16));
        assert_eq!(Zone::monday_of(day(1969, 12, 31)), day(1969, 12, 29));
        assert_eq!(Zone::first_of_month(day(2024, 2, 29)), day(2024, 2, 1));
        assert_eq!(Zone::years_before(day(2024, 2, 29), 21), day(2003, 2, 28));
    }

    #[test]
    fn a_day_is_shown_as_its_date() {
        for (year, month, day, text) in
            [(2026, 11, 22, "2026-11-22"), (2024, 2, 29, "2024-02-29"), (1969, 12, 31, "1969-12-31")]
        {
            assert_eq!(Zone::civil_day(year, month, day).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_day_beyond_the_calendar_is_held_at_its_end() {
        assert_eq!(Day(i32::MAX).to_string(), "9999-12-31");
        assert_eq!(Day(i32::MIN).to_string(), "-009999-01-01");
        for day in [Day(i32::MIN), Day(i32::MAX)] {
            assert!(Zone::monday_of(day) <= day);
            assert_eq!(Zone::to_date(Zone::first_of_month(day)).day(), 1);
            Zone::years_before(day, i16::MAX);
            Zone::years_before(day, i16::MIN);
        }
    }

    proptest! {
        #[test]
        fn every_day_has_a_date_and_a_monday(day in proptest::num::i32::ANY) {
            let monday = Zone::monday_of(Day(day));
            prop_assert!(monday <= Day(day));
            prop_assert!(i64::from(day) - i64::from(monday.0) < 7);
            prop_assert!(!Day(day).to_string().is_empty());
        }

        #[test]
        fn what_is_printed_is_read_back(micros in -62_135_596_800_000_000i64..253_402_300_799_000_000) {
            let moment = Timestamp::from_micros(micros);
            prop_assert_eq!(moment.to_string().parse::<Timestamp>(), Ok(moment));
        }
    }
}
