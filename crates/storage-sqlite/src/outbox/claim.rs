//! What is due, and who takes it.
//!
//! Those due are looked for in the order of their time. Where that leads through too many
//! that there is no room for (a destination is paused, and thousands wait for it), it is
//! done by destination instead, which takes a step for each of these.

use super::rows::{self, COLUMN_COUNT, COLUMNS};
use crate::codes::{moment, row_id};
use crate::error::from_sqlite;
use crumb_domain::delivery::latest_due;
use crumb_domain::{RowId, Timestamp};
use crumb_storage::Result;
use crumb_storage::outbox::{ClaimRoom, Claimed};
use rusqlite::{Connection, OptionalExtension as _, Params, params};
use std::collections::HashMap;

/// Rows that are looked at in the order of their time for each that there is room for.
const LOOKED_AT_FOR_EACH: u32 = 8;

/// What can be claimed: in nobody's lease.
const FREE: &str = "state = 'waiting' AND lease_until IS NULL";

/// A delivery that is due.
#[derive(Debug, Clone)]
struct Due {
    id: i64,
    destination: String,
    due: i64,
}

/// What may be claimed, while there is room.
struct Found<'r> {
    room: &'r ClaimRoom,
    taken: HashMap<String, u32>,
    due: Vec<Due>,
}

impl Found<'_> {
    fn left_for(&self, destination: &str) -> u32 {
        let taken = self.taken.get(destination).copied().unwrap_or_default();
        self.room.left_for(destination).saturating_sub(taken)
    }

    fn is_full(&self) -> bool {
        self.due.len() >= self.room.most as usize
    }

    fn add(&mut self, due: Due) {
        if self.left_for(&due.destination) > 0 {
            *self.taken.entry(due.destination.clone()).or_default() += 1;
            self.due.push(due);
        }
    }
}

/// What is due and in nobody's lease, the longest due first: as many as there is room for.
pub(crate) fn find(
    connection: &Connection,
    now: Timestamp,
    until: Timestamp,
    room: &ClaimRoom,
) -> Result<Vec<RowId>> {
    if room.most == 0 {
        return Ok(Vec::new());
    }
    let mut found = Found { room, taken: HashMap::new(), due: Vec::new() };
    let limit = i64::from(room.most.saturating_mul(LOOKED_AT_FOR_EACH));
    let (now_micros, latest) = (now.micros(), latest_due(now).micros());
    // Few at any time: leases that ran out.
    let lapsed = "SELECT id, destination, due FROM delivery WHERE lease_until IS NOT NULL
                  AND (lease_until <= ?1 OR lease_until > ?2) AND (due <= ?1 OR due > ?3) LIMIT ?4";
    each(connection, lapsed, params![now_micros, until.micros(), latest, limit], |due| found.add(due))?;
    let begun = (found.taken.clone(), found.due.clone());
    let in_time = format!(
        "SELECT id, destination, due FROM delivery WHERE {FREE} AND due <= ?1 ORDER BY due, id LIMIT ?2"
    );
    let mut seen = 0;
    each(connection, &in_time, params![now_micros, limit], |due| {
        seen += 1;
        if !found.is_full() {
            found.add(due);
        }
    })?;
    if seen == limit && !found.is_full() {
        (found.taken, found.due) = begun;
        by_destination(connection, now, &mut found)?;
    }
    if !found.is_full() {
        // None, unless a clock put them off that was put back since.
        let beyond = format!(
            "SELECT id, destination, due FROM delivery WHERE {FREE} AND due > ?1 ORDER BY due LIMIT ?2"
        );
        each(connection, &beyond, params![latest, limit], |due| found.add(due))?;
    }
    found.due.sort_by_key(|due| (due.due, due.id));
    found.due.truncate(room.most as usize);
    found.due.iter().map(|due| row_id(due.id)).collect()
}

/// The longest due of each destination that has room.
fn by_destination(connection: &Connection, now: Timestamp, found: &mut Found<'_>) -> Result<()> {
    let next = format!("SELECT min(destination) FROM delivery WHERE {FREE} AND destination > ?1");
    let first = format!(
        "SELECT id, destination, due FROM delivery WHERE {FREE} AND destination = ?1 AND due <= ?2
         ORDER BY due LIMIT ?3"
    );
    let mut destination = String::new();
    loop {
        let after: Option<String> = connection
            .prepare_cached(&next)
            .and_then(|mut select| select.query_row([&destination], |row| row.get(0)))
            .map_err(from_sqlite)?;
        let Some(after) = after else { return Ok(()) };
        let left = found.left_for(&after);
        if left > 0 {
            each(connection, &first, params![after, now.micros(), left], |due| found.add(due))?;
        }
        destination = after;
    }
}

fn each(connection: &Connection, sql: &str, values: impl Params, mut found: impl FnMut(Due)) -> Result<()> {
    let mut select = connection.prepare_cached(sql).map_err(from_sqlite)?;
    let rows = select
        .query_map(values, |row| Ok(Due { id: row.get(0)?, destination: row.get(1)?, due: row.get(2)? }))
        .map_err(from_sqlite)?;
    for due in rows {
        found(due.map_err(from_sqlite)?);
    }
    Ok(())
}

/// Takes those of them that are still free.
pub(crate) fn take(
    connection: &Connection,
    found: &[RowId],
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<Claimed>> {
    let sql = format!(
        "UPDATE delivery SET lease = lease + 1, lease_until = ?3
         WHERE id = ?1 AND state = 'waiting' AND (lease_until IS NULL OR lease_until <= ?2 OR lease_until > ?3)
             AND (due <= ?2 OR due > ?4)
         RETURNING {COLUMNS}, lease"
    );
    let mut update = connection.prepare_cached(&sql).map_err(from_sqlite)?;
    let mut claimed = Vec::with_capacity(found.len());
    for id in found {
        let values = params![id.as_i64(), now.micros(), until.micros(), latest_due(now).micros()];
        let taken = update
            .query_row(values, |row| Ok((rows::delivery(row), row.get(COLUMN_COUNT)?)))
            .optional()
            .map_err(from_sqlite)?;
        if let Some((delivery, lease)) = taken {
            claimed.push(Claimed { delivery: delivery?, lease });
        }
    }
    Ok(claimed)
}

/// When the next one is due after a moment, or a lease runs out.
pub(crate) fn next_due(connection: &Connection, after: Timestamp) -> Result<Option<Timestamp>> {
    let sql = format!(
        "SELECT (SELECT min(due) FROM delivery WHERE {FREE} AND due > ?1),
             (SELECT min(lease_until) FROM delivery WHERE lease_until IS NOT NULL AND lease_until > ?1)"
    );
    let (due, lease): (Option<i64>, Option<i64>) = connection
        .prepare_cached(&sql)
        .and_then(|mut select| select.query_row([after.micros()], |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(from_sqlite)?;
    Ok([due, lease].into_iter().flatten().min().map(moment))
}
