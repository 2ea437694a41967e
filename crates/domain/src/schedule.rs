//! When a buyer's contract buys: rows of days and hours in the contract's zone.
//!
//! A row is open while the wall clock of its zone reads an hour of it, so that on
//! the days when clocks change it opens and closes at the hours that are written. A
//! row that passes midnight belongs, cap included, to the day it opens on.

use crate::Money;
use crate::Timestamp;
use crate::network::{SaleType, ScheduleDay, ScheduleRow};
use crate::time::{Day, WallClock, Zone};

/// Minutes of a wall clock's day.
const DAY_MINUTES: u16 = 24 * 60;
/// Days looked ahead for an opening: a week, and the days that a zone may skip.
const OPENING_DAYS: i32 = 9;

/// A contract's schedule, compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    rows: Vec<Row>,
}

/// A row of a schedule, compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Leads a day; none = no cap.
    pub cap: Option<u32>,
    /// What it pays.
    pub price: Money,
    /// How it shares.
    pub sale_type: SaleType,
    /// Joins a lead that has buyers already.
    pub sweeper: bool,
    /// Comes first whatever it pays.
    pub priority: bool,
    /// Its leads cannot be returned.
    pub no_return: bool,
    /// Monday first.
    days: [bool; 7],
    open: u16,
    /// Beyond a day's minutes where it passes midnight.
    close: u16,
}

/// A row that is open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenRow<'a> {
    /// Its place in the contract's schedule, from 0.
    pub index: usize,
    /// The row.
    pub row: &'a Row,
    /// The day it opened on, in the contract's zone: what its sales count for.
    pub day: Day,
}

/// A time of a schedule row is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("schedule[{index}].{key}: {text:?} is no time like \"08:00\"")]
pub struct ScheduleError {
    /// Which row.
    pub index: usize,
    /// `open` or `close`.
    pub key: &'static str,
    /// As written.
    pub text: String,
}

impl Schedule {
    /// Compiles a contract's rows.
    ///
    /// # Errors
    /// Where a time is no `HH:MM`.
    pub fn compile(rows: &[ScheduleRow]) -> Result<Self, ScheduleError> {
        let compile = |(index, row): (usize, &ScheduleRow)| {
            let time = |key, text: &str| {
                minute_of(text).ok_or_else(|| ScheduleError { index, key, text: text.to_owned() })
            };
            let (open, close) = (time("open", &row.open)?, time("close", &row.close)?);
            Ok(Row {
                cap: row.cap,
                price: row.price,
                sale_type: row.sale_type,
                sweeper: row.sweeper,
                priority: row.priority,
                no_return: row.no_return,
                days: days_of(&row.days),
                open,
                close: if close <= open { close + DAY_MINUTES } else { close },
            })
        };
        rows.iter().enumerate().map(compile).collect::<Result<_, _>>().map(|rows| Self { rows })
    }

    /// All rows, in the order in which they are written.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows that are open when the contract's wall clock reads that, in the order
    /// in which they are written.
    pub fn open_at(&self, now: WallClock) -> impl Iterator<Item = OpenRow<'_>> {
        self.rows.iter().enumerate().filter_map(move |(index, row)| {
            let yesterday = Day(now.day.0.saturating_sub(1));
            let day = if row.opens_on(now.day) && (row.open..row.close).contains(&now.minute) {
                now.day
            } else if row.opens_on(yesterday) && now.minute + DAY_MINUTES < row.close {
                yesterday
            } else {
                return None;
            };
            Some(OpenRow { index, row, day })
        })
    }

    /// The first moment after `now` at which a row opens in the zone, which is also
    /// when its cap begins anew: what wakes leads that wait. `None` where none opens.
    pub fn next_opening(&self, zone: &Zone, now: Timestamp) -> Option<Timestamp> {
        let today = zone.day_of(now);
        let openings = |ahead: i32| {
            let day = Day(today.0.saturating_add(ahead));
            let rows = self.rows.iter().filter(move |row| row.opens_on(day));
            rows.map(move |row| zone.moment(day, row.open))
        };
        (0..OPENING_DAYS).flat_map(openings).filter(|opening| *opening > now).min()
    }
}

impl Row {
    fn opens_on(&self, day: Day) -> bool {
        let since_monday = day.0.saturating_sub(Zone::monday_of(day).0);
        usize::try_from(since_monday).is_ok_and(|index| self.days.get(index).copied().unwrap_or(false))
    }
}

fn days_of(days: &[ScheduleDay]) -> [bool; 7] {
    use ScheduleDay::{All, Fri, Mon, Sat, Sun, Thu, Tue, Wed};
    [Mon, Tue, Wed, Thu, Fri, Sat, Sun].map(|day| days.contains(&day) || days.contains(&All))
}

/// `HH:MM`, up to `24:00`.
fn minute_of(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= DAY_MINUTES).then_some(minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(days: &str, open: &str, close: &str) -> ScheduleRow {
        let days: Vec<String> = days.split(' ').map(str::to_owned).collect();
        let row = serde_json::json!({ "days": days, "open": open, "close": close, "price": "1.00",
            "type": "exclusive" });
        serde_json::from_value(row).unwrap()
    }

    fn new_york() -> Zone {
        Zone::named("America/New_York").unwrap()
    }

    /// The days (of November 2026) on which the open rows opened.
    fn open_days(rows: &[ScheduleRow], zone: &Zone, at: &str) -> Vec<String> {
        let schedule = Schedule::compile(rows).unwrap();
        let clock = zone.wall_clock(at.parse().unwrap());
        schedule.open_at(clock).map(|open| open.day.to_string()).collect()
    }

    fn next(rows: &[ScheduleRow], zone: &Zone, at: &str) -> Option<String> {
        let schedule = Schedule::compile(rows).unwrap();
        schedule.next_opening(zone, at.parse().unwrap()).map(|moment| moment.to_string())
    }

    #[test]
    fn a_row_is_open_from_its_opening_to_before_its_closing_on_its_days() {
        let rows = [row("mon tue", "08:00", "20:00")];
        let open = |at| !open_days(&rows, &Zone::UTC, at).is_empty();
        assert!(!open("2026-11-23T07:59:59Z"));
        assert!(open("2026-11-23T08:00:00Z"));
        assert!(open("2026-11-24T19:59:59Z"));
        assert!(!open("2026-11-24T20:00:00Z"));
        assert!(!open("2026-11-25T12:00:00Z"), "a Wednesday");
    }

    #[test]
    fn a_row_that_passes_midnight_belongs_to_the_day_it_opens_on() {
        let rows = [row("fri", "22:00", "02:00")];
        assert_eq!(open_days(&rows, &Zone::UTC, "2026-11-27T23:00:00Z"), ["2026-11-27"]);
        assert_eq!(open_days(&rows, &Zone::UTC, "2026-11-28T01:59:00Z"), ["2026-11-27"]);
        assert!(open_days(&rows, &Zone::UTC, "2026-11-28T02:00:00Z").is_empty());
        assert!(open_days(&rows, &Zone::UTC, "2026-11-27T01:00:00Z").is_empty(), "Thursday is not its day");
    }

    #[test]
    fn all_day_is_open_all_day() {
        let rows = [row("all", "00:00", "24:00")];
        for at in ["2026-11-27T00:00:00Z", "2026-11-27T23:59:59Z"] {
            assert_eq!(open_days(&rows, &Zone::UTC, at), ["2026-11-27"]);
        }
    }

    #[test]
    fn hours_are_the_wall_clocks_before_and_after_it_is_changed() {
        let rows = [row("all", "08:00", "20:00")];
        let open = |at| !open_days(&rows, &new_york(), at).is_empty();
        // Clocks went back on 2026-11-01: 08:00 is 12:00 UTC before and 13:00 UTC after.
        assert!(open("2026-10-31T12:00:00Z"));
        assert!(!open("2026-11-01T12:00:00Z"));
        assert!(open("2026-11-01T13:00:00Z"));
        // They went ahead on 2026-03-08.
        assert!(!open("2026-03-07T12:59:00Z"));
        assert!(open("2026-03-08T12:00:00Z"));
    }

    #[test]
    fn the_next_opening_is_found_over_the_week_and_over_a_change_of_clocks() {
        let rows = [row("mon", "08:00", "20:00")];
        assert_eq!(next(&rows, &Zone::UTC, "2026-11-23T07:00:00Z").unwrap(), "2026-11-23T08:00:00Z");
        assert_eq!(next(&rows, &Zone::UTC, "2026-11-23T08:00:00Z").unwrap(), "2026-11-30T08:00:00Z");
        let daily = [row("all", "08:00", "20:00")];
        assert_eq!(next(&daily, &new_york(), "2026-10-31T23:00:00Z").unwrap(), "2026-11-01T13:00:00Z");
        assert_eq!(next(&[], &Zone::UTC, "2026-11-23T07:00:00Z"), None);
    }

    #[test]
    fn a_row_that_opens_within_the_hour_that_clocks_skip_opens_when_they_skip() {
        let early = [row("all", "02:30", "04:00")];
        assert_eq!(next(&early, &new_york(), "2026-03-08T05:00:00Z").unwrap(), "2026-03-08T07:00:00Z");
        assert_eq!(next(&early, &new_york(), "2026-03-08T07:00:00Z").unwrap(), "2026-03-09T06:30:00Z");
    }

    #[test]
    fn a_time_that_is_none_is_named() {
        let error = Schedule::compile(&[row("all", "8:00", "20:00")]).unwrap_err();
        assert_eq!(error.to_string(), "schedule[0].open: \"8:00\" is no time like \"08:00\"");
        for wrong in ["07:60", "23:60", "24:01", "25:00", "+8:00", "08:0", "0800", ""] {
            let error =
                Schedule::compile(&[row("all", "08:00", "20:00"), row("all", "08:00", wrong)]).unwrap_err();
            assert_eq!(error.to_string(), format!("schedule[1].close: {wrong:?} is no time like \"08:00\""));
        }
    }

    #[test]
    fn rows_are_kept_in_the_order_in_which_they_are_written() {
        let capped = ScheduleRow { cap: Some(5), ..row("fri", "08:00", "20:00") };
        let schedule = Schedule::compile(&[row("mon", "08:00", "20:00"), capped]).unwrap();
        assert_eq!(schedule.rows().iter().map(|row| row.cap).collect::<Vec<_>>(), [None, Some(5)]);
    }
}
