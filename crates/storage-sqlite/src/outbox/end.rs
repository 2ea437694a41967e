//! What becomes of deliveries: attempts end, leases are given back, and what has ended
//! is set going again.

use super::rows;
use crate::error::from_sqlite;
use crumb_domain::delivery::DeliveryState;
use crumb_domain::{RowId, Timestamp};
use crumb_storage::Result;
use crumb_storage::outbox::{AfterAttempt, EndLease};
use rusqlite::{Connection, params};

/// Ends a lease.
pub(crate) fn end(connection: &Connection, ended: &EndLease) -> Result<()> {
    if let Some(attempt) = &ended.attempt {
        rows::insert_attempt(connection, ended.id, attempt)?;
    }
    let tried = i64::from(ended.attempt.is_some());
    let (state, due) = match ended.after {
        AfterAttempt::Delivered => return delivered(connection, ended.id, tried),
        AfterAttempt::Again(due) => (DeliveryState::Waits, Some(due)),
        AfterAttempt::Parked => (DeliveryState::Parked, None),
        AfterAttempt::Postponed(due) => (DeliveryState::Waits, Some(due)),
    };
    connection
        .prepare_cached(
            "UPDATE delivery SET state = ?3, tries = tries + ?4, due = coalesce(?5, due), lease_until = NULL
             WHERE id = ?1 AND lease = ?2 AND state = 'waiting'",
        )
        .and_then(|mut update| {
            let due = due.map(Timestamp::micros);
            update.execute(params![ended.id.as_i64(), ended.lease, state.as_str(), tried, due])
        })
        .map_err(from_sqlite)?;
    Ok(())
}

/// Under whichever lease: the receiver has it.
fn delivered(connection: &Connection, id: RowId, tried: i64) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE delivery SET state = 'delivered', tries = tries + ?2, lease_until = NULL
             WHERE id = ?1 AND state <> 'delivered'",
        )
        .and_then(|mut update| update.execute([id.as_i64(), tried]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// Ends all leases; what they were of is due at the moment at which it was.
pub(crate) fn release(connection: &Connection, now: Timestamp) -> Result<u64> {
    connection
        .prepare_cached(
            "UPDATE delivery SET lease = lease + 1, lease_until = NULL, due = min(due, ?1)
             WHERE lease_until IS NOT NULL",
        )
        .and_then(|mut update| update.execute([now.micros()]))
        .map(|released| released as u64)
        .map_err(from_sqlite)
}

/// Sets those of them going again that have ended; how many they were.
pub(crate) fn replay(connection: &Connection, ids: &[RowId], now: Timestamp) -> Result<u64> {
    let mut update = connection
        .prepare_cached(
            "UPDATE delivery SET state = 'waiting', tries = 0, due = ?2, lease = lease + 1, lease_until = NULL
             WHERE id = ?1 AND state <> 'waiting'",
        )
        .map_err(from_sqlite)?;
    let mut replayed = 0;
    for id in ids {
        replayed += update.execute([id.as_i64(), now.micros()]).map_err(from_sqlite)? as u64;
    }
    Ok(replayed)
}
