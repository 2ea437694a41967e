//! For which date a late fact counts: the ledger's entries of it are written now, and listed
//! and added up by day as of then.

use super::Invalid;
use crumb_domain::Timestamp;
use crumb_domain::time::{Day, Zone};

/// The member of the API's body, and the column of an import.
const PATH: &str = "effective_date";

/// A date as a person says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EffectiveDate {
    /// When it is said.
    #[default]
    Today,
    /// When the conversion came.
    ConversionDate,
    /// A day of the network's zone.
    On(Day),
}

impl EffectiveDate {
    /// Reads `today`, `conversion_date` or `2030-01-31`.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "today" => Ok(Self::Today),
            "conversion_date" => Ok(Self::ConversionDate),
            _ => day(text).map(Self::On).ok_or_else(|| {
                Invalid::new(PATH, "expected today, conversion_date or a day like 2030-01-31")
            }),
        }
    }

    /// The moment for which something counts that is said now of a conversion that came then;
    /// none where that is now. A day counts from its beginning, that of the conversion from the
    /// conversion itself.
    ///
    /// # Errors
    /// A day before the conversion's, or one that has not come.
    pub fn of(self, came: Timestamp, zone: &Zone, now: Timestamp) -> Result<Option<Timestamp>, Invalid> {
        let (first, today) = (zone.day_of(came), zone.day_of(now));
        let day = match self {
            Self::Today => return Ok(None),
            Self::ConversionDate => first,
            Self::On(day) => day,
        };
        if day < first {
            return Err(Invalid::new(PATH, format!("{day} is before the conversion, which came on {first}")));
        }
        if day > today {
            return Err(Invalid::new(PATH, format!("{day} is after today, which is {today}")));
        }
        Ok(match () {
            () if day == today => None,
            () if day == first => Some(came),
            () => Some(zone.moment(day, 0)),
        })
    }
}

/// A day as `2030-01-31`, and in no other form.
fn day(text: &str) -> Option<Day> {
    let [year, month, day] = text.split('-').collect::<Vec<_>>().try_into().ok()?;
    let is_plain = (year.len(), month.len(), day.len()) == (4, 2, 2);
    let is_digits = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    Zone::civil_day(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
        .filter(|_| is_plain && is_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Option<String>, String> {
        let zone = Zone::named("America/New_York").unwrap();
        let moment = |text: &str| text.parse::<Timestamp>().unwrap();
        // In New York it came on the 19th, and today is the 22nd.
        let (came, now) = (moment("2026-11-20T04:30:00Z"), moment("2026-11-23T02:00:00Z"));
        let effective = EffectiveDate::parse(text).and_then(|date| date.of(came, &zone, now));
        effective.map(|moment| moment.map(|moment| moment.to_string())).map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn a_late_fact_counts_for_today_for_its_conversions_date_or_for_a_day_between() {
        let at = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(of("today"), Ok(None));
        assert_eq!(of("2026-11-22"), Ok(None), "the network's today");
        assert_eq!(of("conversion_date"), at("2026-11-20T04:30:00Z"));
        assert_eq!(of("2026-11-19"), at("2026-11-20T04:30:00Z"), "not before the conversion itself");
        assert_eq!(of("2026-11-21"), at("2026-11-21T05:00:00Z"), "from midnight of the network's zone");
    }

    #[test]
    fn a_day_before_the_conversion_or_to_come_is_refused_and_so_is_what_is_no_day() {
        let wrong = |text: &str| of(text).unwrap_err();
        let before = "effective_date: 2026-11-18 is before the conversion, which came on 2026-11-19";
        assert_eq!(wrong("2026-11-18"), before);
        assert_eq!(wrong("2026-11-23"), "effective_date: 2026-11-23 is after today, which is 2026-11-22");
        for text in ["", "yesterday", "Today", "2026-11-31", "2026-1-1", "+026-11-20", "2026-11-20T00:00:00Z"]
        {
            let expected = "effective_date: expected today, conversion_date or a day like 2030-01-31";
            assert_eq!(wrong(text), expected, "{text}");
        }
    }
}
