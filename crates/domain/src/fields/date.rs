//! Dates that leads carry, and the moving bounds they are held against.

use crate::time::{Day, Zone};
use jiff::Span;

/// How far from today a moving bound may lie, in its own unit: 273 years of days.
const MAX_DISTANCE: i64 = 99_999;

/// A date as posted: `YYYY-MM-DD` or `M/D/YYYY`, and such a day must exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PostedDate {
    /// The day.
    pub day: Day,
    year: i16,
    month: i8,
    day_of_month: i8,
}

impl PostedDate {
    /// Reads one; `None` for anything else.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (separator, american) = if text.contains('/') { ('/', true) } else { ('-', false) };
        let mut parts = text.split(separator);
        let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let (year, month, day_of_month) = if american {
            (digits(third, 4..=4)?, digits(first, 1..=2)?, digits(second, 1..=2)?)
        } else {
            (digits(first, 4..=4)?, digits(second, 2..=2)?, digits(third, 2..=2)?)
        };
        let (month, day_of_month) = (i8::try_from(month).ok()?, i8::try_from(day_of_month).ok()?);
        if year == 0 {
            return None;
        }
        let day = Zone::civil_day(year, month, day_of_month)?;
        Some(Self { day, year, month, day_of_month })
    }

    /// As it is kept: `YYYY-MM-DD`.
    pub(crate) fn canonical(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day_of_month)
    }
}

fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<i16> {
    let plain = length.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// A day to compare with: a date, or one that moves with today.
#[derive(Debug, Clone)]
pub(crate) enum DateBound {
    /// That day.
    On(Day),
    /// So far from today.
    FromToday(Span),
}

impl DateBound {
    /// Reads a date, `today`, or `today` with a distance in days, weeks, months or
    /// years: `today-21y`, `today+30d`.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no date; expected YYYY-MM-DD, \"today\" or \"today-21y\"");
        match text.strip_prefix("today") {
            Some("") => Ok(Self::FromToday(Span::new())),
            Some(distance) => span(distance).map(Self::FromToday).ok_or_else(wrong),
            None => PostedDate::read(text).map(|date| Self::On(date.day)).ok_or_else(wrong),
        }
    }

    /// The day it is when today is `today`; held at the ends of the calendar. 21
    /// years before 29 February is 28 February.
    pub(crate) fn day(&self, today: Day) -> Day {
        match self {
            Self::On(day) => *day,
            Self::FromToday(span) => {
                let epoch = jiff::civil::date(1970, 1, 1);
                let today_date = Span::new()
                    .try_days(i64::from(today.0))
                    .map_or(epoch, |since_epoch| epoch.saturating_add(since_epoch));
                let date = today_date.saturating_add(*span);
                Zone::civil_day(date.year(), date.month(), date.day()).unwrap_or(today)
            }
        }
    }
}

/// The day that a bound of a field or a filter names when today is `today`: a date, `today`, or
/// `today-21y`. `None` for anything else.
pub fn day_of_bound(bound: &str, today: Day) -> Option<Day> {
    DateBound::read(bound.trim()).ok().map(|bound| bound.day(today))
}

fn span(distance: &str) -> Option<Span> {
    let sign = match distance.chars().next()? {
        '-' => -1,
        '+' => 1,
        _ => return None,
    };
    let (count, unit) = distance.get(1..)?.split_at_checked(distance.len().checked_sub(2)?)?;
    if count.is_empty() || !count.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count = sign * count.parse::<i64>().ok().filter(|count| *count <= MAX_DISTANCE)?;
    match unit {
        "d" => Span::new().try_days(count).ok(),
        "w" => Span::new().try_weeks(count).ok(),
        "m" => Span::new().try_months(count).ok(),
        "y" => Span::new().try_years(count).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> Day {
        PostedDate::read(text).unwrap().day
    }

    #[test]
    fn a_date_is_read_in_two_forms_and_kept_in_one() {
        for text in ["2004-02-09", "2/9/2004", "02/09/2004", "2/09/2004"] {
            assert_eq!(PostedDate::read(text).unwrap().canonical(), "2004-02-09", "{text}");
        }
    }

    #[test]
    fn a_date_must_be_in_the_calendar() {
        for wrong in [
            "",
            "2023-02-29",
            "2/30/2004",
            "13/1/2004",
            "0/1/2004",
            "2004-1-2",
            "04-01-02",
            "1/2/04",
            "2004/01/02",
            "20040102",
            "2004-01-02-03",
            "2004-01-02T00:00",
            "0000-01-01",
            "1-2-2004",
            "+1/2/2004",
            "٢/٣/2004",
        ] {
            assert_eq!(PostedDate::read(wrong), None, "{wrong}");
        }
        assert!(PostedDate::read("2/29/2004").is_some());
    }

    #[test]
    fn a_bound_may_move_with_today() {
        let today = day("2024-02-29");
        for (bound, expected) in [
            ("1990-06-01", "1990-06-01"),
            ("today", "2024-02-29"),
            ("today-21y", "2003-02-28"),
            ("today+30d", "2024-03-30"),
            ("today-2w", "2024-02-15"),
            ("today+12m", "2025-02-28"),
        ] {
            assert_eq!(DateBound::read(bound).unwrap().day(today), day(expected), "{bound}");
        }
    }

    #[test]
    fn a_bound_of_another_form_is_refused_by_name() {
        for wrong in ["", "tomorrow", "today21y", "today-", "today-y", "today-21", "today-21q", "today--1y"] {
            let expected = format!("{wrong:?} is no date; expected YYYY-MM-DD, \"today\" or \"today-21y\"");
            assert_eq!(DateBound::read(wrong).unwrap_err(), expected);
        }
        assert!(DateBound::read("today-99999y").is_err(), "further than the calendar");
        assert!(DateBound::read("today-21yé").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_date_or_refused(text in ".*") {
            let _ = PostedDate::read(&text);
            let _ = DateBound::read(&text);
            let _ = DateBound::read(&format!("today{text}"));
        }

        #[test]
        fn a_moving_bound_never_fails(today in any::<i32>(), count in 0i64..=9_998, unit in "[dwmy]") {
            for sign in ["-", "+"] {
                DateBound::read(&format!("today{sign}{count}{unit}")).unwrap().day(Day(today));
            }
        }

        #[test]
        fn what_is_kept_is_read_back(days in -700_000i32..2_900_000) {
            let epoch = jiff::civil::date(1970, 1, 1);
            let date = epoch.saturating_add(Span::new().days(i64::from(days)));
            let read = PostedDate::read(&format!("{}/{}/{:04}", date.month(), date.day(), date.year())).unwrap();
            prop_assert_eq!(read.day, Day(days));
            prop_assert_eq!(PostedDate::read(&read.canonical()), Some(read));
        }
    }
}
