//! Answers stored under idempotency keys: of posts, and of payments.

use crate::answers;
use crate::error::{corrupt, from_sqlite};
use crate::selling::queue::KeyOf;
use crumb_domain::Timestamp;
use crumb_domain::post::StoredAnswer;
use crumb_storage::Result;
use crumb_storage::leads::{IDEMPOTENCY_HOURS, IdempotencyClaim, IdempotencyScope, IdempotentAnswer, Posted};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Ended answers that one claim sweeps away: more than it adds, so that the table
/// holds about three days' worth, and few enough not to be felt.
const SWEPT_PER_CLAIM: i64 = 4;

/// What a post with a claim is told where its key was claimed before.
pub(crate) fn claimed(
    connection: &Connection,
    claim: Option<&IdempotencyClaim>,
    now: Timestamp,
) -> Result<Option<Posted>> {
    let Some(claim) = claim else { return Ok(None) };
    Ok(find_claim(connection, &claim.scope, &claim.key, now)?.map(|(body_hash, answer)| match answer {
        Some(answer) => Posted::Before(IdempotentAnswer { body_hash, answer }),
        None => Posted::KeyInFlight { body_hash },
    }))
}

/// The answer under a key, unless it is too old or there is none yet.
pub(crate) fn find(
    connection: &Connection,
    scope: &IdempotencyScope,
    key: &str,
    now: Timestamp,
) -> Result<Option<IdempotentAnswer>> {
    let found = find_claim(connection, scope, key, now)?;
    Ok(found.and_then(|(body_hash, answer)| Some(IdempotentAnswer { body_hash, answer: answer? })))
}

fn find_claim(
    connection: &Connection,
    scope: &IdempotencyScope,
    key: &str,
    now: Timestamp,
) -> Result<Option<([u8; 32], Option<StoredAnswer>)>> {
    let found: Option<(Vec<u8>, Option<String>)> = connection
        .prepare_cached("SELECT body_hash, answer FROM idempotency WHERE scope = ?1 AND key = ?2 AND at > ?3")
        .and_then(|mut select| {
            select
                .query_row(params![column(scope), key, ended_by(now)], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .map_err(from_sqlite)?;
    let Some((hash, answer)) = found else { return Ok(None) };
    let body_hash = hash.try_into().map_err(|bytes| corrupt("a body's hash", bytes))?;
    Ok(Some((body_hash, answer.as_deref().map(answers::from_column).transpose()?)))
}

/// Stores an answer, as its column, under a claim's key, in place of one that is too old; none
/// keeps the key in flight.
pub(crate) fn keep(
    connection: &Connection,
    claim: Option<&IdempotencyClaim>,
    now: Timestamp,
    answer: Option<&str>,
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

/// What a key answers from now on, as its column, if it is still that post's: an end that was
/// long unknown may be told when the key is another's.
pub(crate) fn answer(connection: &Connection, key: &KeyOf, post: Option<i64>, answer: &str) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE idempotency SET answer = ?4
             WHERE scope = ?1 AND key = ?2 AND at = (SELECT at FROM post WHERE id = ?3)",
        )
        .and_then(|mut update| update.execute(params![key.scope, key.key, post, answer]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// Frees a key that is in flight for that post.
pub(crate) fn free(connection: &Connection, key: &KeyOf, post: Option<i64>) -> Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM idempotency WHERE scope = ?1 AND key = ?2 AND answer IS NULL
             AND at = (SELECT at FROM post WHERE id = ?3)",
        )
        .and_then(|mut delete| delete.execute(params![key.scope, key.key, post]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// A claim's key, as it is kept with a lead that is in hand.
pub(crate) fn key_of(claim: &IdempotencyClaim) -> KeyOf {
    KeyOf { scope: column(&claim.scope), key: claim.key.clone() }
}

/// Answers stored at or before this are no longer given.
fn ended_by(now: Timestamp) -> i64 {
    now.plus_seconds(-IDEMPOTENCY_HOURS * 3_600).micros()
}

fn column(scope: &IdempotencyScope) -> String {
    match scope {
        IdempotencyScope::Campaign(campaign) => format!("campaign {campaign}"),
        IdempotencyScope::OfferAndRequest(offer, request) => format!("offer {offer} {request}"),
        IdempotencyScope::Call { caller, route } => format!("call {caller} {route}"),
    }
}
