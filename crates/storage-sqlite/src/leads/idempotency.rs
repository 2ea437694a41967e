//! Answers stored under idempotency keys.

use crate::codes::from_json;
use crate::error::{corrupt, from_sqlite};
use crumb_domain::Timestamp;
use crumb_storage::Result;
use crumb_storage::leads::{IDEMPOTENCY_HOURS, IdempotencyClaim, IdempotencyScope, IdempotentAnswer};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Ended answers that one claim sweeps away: more than it adds, so that the table
/// holds about three days' worth, and few enough not to be felt.
const SWEPT_PER_CLAIM: i64 = 4;

/// The answer that a claim's key has already.
pub(crate) fn claimed(
    connection: &Connection,
    claim: Option<&IdempotencyClaim>,
    now: Timestamp,
) -> Result<Option<IdempotentAnswer>> {
    claim.map_or(Ok(None), |claim| find(connection, &claim.scope, &claim.key, now))
}

/// The answer under a key, unless it is too old.
pub(crate) fn find(
    connection: &Connection,
    scope: &IdempotencyScope,
    key: &str,
    now: Timestamp,
) -> Result<Option<IdempotentAnswer>> {
    let found: Option<(Vec<u8>, String)> = connection
        .prepare_cached("SELECT body_hash, answer FROM idempotency WHERE scope = ?1 AND key = ?2 AND at > ?3")
        .and_then(|mut select| {
            select
                .query_row(params![column(scope), key, ended_by(now)], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .map_err(from_sqlite)?;
    let Some((hash, answer)) = found else { return Ok(None) };
    let body_hash = hash.try_into().map_err(|bytes| corrupt("a body's hash", bytes))?;
    Ok(Some(IdempotentAnswer { body_hash, answer: from_json(&answer)? }))
}

/// Stores an answer, as JSON, under a claim's key, in place of one that is too old.
pub(crate) fn keep(
    connection: &Connection,
    claim: Option<&IdempotencyClaim>,
    now: Timestamp,
    answer: &str,
) -> Result<()> {
    let Some(claim) = claim else { return Ok(()) };
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO idempotency (scope, key, body_hash, at, answer)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut insert| {
            insert.execute(params![column(&claim.scope), claim.key, claim.body_hash, now.micros(), answer])
        })
        .map_err(from_sqlite)?;
    connection
        .prepare_cached(
            "DELETE FROM idempotency WHERE (scope, key) IN
                 (SELECT scope, key FROM idempotency WHERE at <= ?1 ORDER BY at LIMIT ?2)",
        )
        .and_then(|mut delete| delete.execute([ended_by(now), SWEPT_PER_CLAIM]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// Answers stored at or before this are no longer given.
fn ended_by(now: Timestamp) -> i64 {
    now.plus_seconds(-IDEMPOTENCY_HOURS * 3_600).micros()
}

fn column(scope: &IdempotencyScope) -> String {
    match scope {
        IdempotencyScope::Campaign(campaign) => format!("campaign {campaign}"),
        IdempotencyScope::OfferAndRequest(offer, request) => format!("offer {offer} {request}"),
    }
}
