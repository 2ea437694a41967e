//! Impressions: counts by day, beside those that caps are held by.

use crate::batch::WriteContext;
use crate::clicks::counts::{self, StepsRead};
use crate::codes::{IMPRESSION, impressions_of};
use crate::error::{corrupt, from_sqlite};
use crate::seen::Key;
use crumb_domain::time::Day;
use crumb_storage::Result;
use crumb_storage::clicks::{Impression, ImpressionsOf};
use crumb_storage::configuration::HistoryOf;
use rusqlite::Connection;

/// Counts one of each, notes that they have history, and charges for it.
pub(crate) fn record(context: &mut WriteContext<'_>, impression: &Impression) -> Result<()> {
    for of in &impression.of {
        let (scope, id) = impressions_of(*of);
        context.memory.counts.raise_key((scope, id, IMPRESSION, impression.day.0));
        let history = match *of {
            ImpressionsOf::Campaign(id) => HistoryOf::Campaign(id),
            ImpressionsOf::Creative(id) => HistoryOf::Creative(id),
        };
        context.memory.seen.note(context.connection, Key::from(history)).map_err(from_sqlite)?;
    }
    context.memory.charges.add(&impression.charges);
    Ok(())
}

/// Its days of `first..=last`, in order.
pub(crate) fn by_day(
    connection: &Connection,
    steps: &StepsRead,
    of: ImpressionsOf,
    first: Day,
    last: Day,
) -> Result<Vec<(Day, u64)>> {
    let (scope, id) = impressions_of(of);
    let days = counts::by_day(connection, steps, (scope, id, IMPRESSION), first, last)?;
    days.into_iter()
        .map(|(day, n)| Ok((day, u64::try_from(n).map_err(|_| corrupt("a count of impressions", n))?)))
        .collect()
}
