//! Who is told that a cap is reached: by the write that fills it, and once in its interval.

use super::put;
use crate::batch::WriteContext;
use crate::clicks::counts;
use crate::codes::{cap_of, scope};
use crate::error::from_sqlite;
use crate::selling::{contracts, queue};
use crumb_domain::caps::{CapCheck, DayCount};
use crumb_domain::network::CapInterval;
use crumb_storage::Result;
use crumb_storage::outbox::{CapCount, CapTold};
use rusqlite::{Connection, params};

/// The scope of a contract's caps, after those of [`scope`].
const CONTRACT: i64 = 3;
/// What these count: sales, after what [`cap_of`] says.
const SALE: i64 = 4;

/// A cap in its present interval, as its row names it.
struct Interval {
    scope: i64,
    id: i64,
    of: i64,
    interval: &'static str,
    first_day: i32,
    limit: u32,
}

impl Interval {
    fn new(count: &CapCount) -> Self {
        match count {
            CapCount::Of(check, interval) | CapCount::Reached(check, interval) => {
                let (scope, id) = scope(check.scope);
                let (of, first_day) = (cap_of(check.of), check.first_day.0);
                Self { scope, id, of, interval: name(*interval), first_day, limit: check.limit }
            }
            CapCount::Contract { contract, day, limit } => Self {
                scope: CONTRACT,
                id: contract.0,
                of: SALE,
                interval: name(CapInterval::Day),
                first_day: day.0,
                limit: *limit,
            },
        }
    }

    /// Notes that it is told now; false where it was before.
    fn is_new(&self, connection: &Connection) -> Result<bool> {
        let Self { scope, id, of, interval, first_day, limit } = self;
        connection
            .prepare_cached(
                "INSERT INTO cap_told (scope, scope_id, of, interval, first_day, n)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            )
            .and_then(|mut insert| insert.execute(params![scope, id, of, interval, first_day, limit]))
            .map(|inserted| inserted == 1)
            .map_err(from_sqlite)
    }
}

fn name(interval: CapInterval) -> &'static str {
    match interval {
        CapInterval::Day => "day",
        CapInterval::Week => "week",
        CapInterval::Month => "month",
        CapInterval::Total => "total",
    }
}

/// Writes what is to be told of caps that are reached now. `lead` is the one that this
/// write settles, if it settles one: what it has counted stays.
pub(crate) fn tell_caps(context: &mut WriteContext<'_>, told: &[CapTold], lead: Option<i64>) -> Result<()> {
    for CapTold { count, deliveries } in told {
        if is_reached(context, count, lead)? && Interval::new(count).is_new(context.connection)? {
            put(context, deliveries)?;
        }
    }
    Ok(())
}

fn is_reached(context: &WriteContext<'_>, count: &CapCount, lead: Option<i64>) -> Result<bool> {
    let connection = context.connection;
    match count {
        CapCount::Reached(..) => Ok(true),
        CapCount::Contract { contract, day, limit } => {
            Ok(contracts::sold_count(connection, *contract, *day)? >= *limit)
        }
        CapCount::Of(check, _) => {
            let (stands, limit) = (context.memory.counts.count(connection, check)?, u64::from(check.limit));
            // Who is in hand is looked up for a full cap alone.
            Ok(stands >= limit && stands.saturating_sub(in_hand(connection, check, lead)?) >= limit)
        }
    }
}

/// How many of a check's count are of leads in hand other than that one.
fn in_hand(connection: &Connection, check: &CapCheck, lead: Option<i64>) -> Result<u64> {
    let on = |day| counts::key(&DayCount { scope: check.scope, of: check.of, day });
    let days = on(check.first_day)..=on(check.day);
    let counted = queue::counted_in_hand(connection, lead)?;
    Ok(counted.iter().filter(|key| days.contains(key)).count() as u64)
}
