//! Answers stored under idempotency keys: of posts, and of payments.

use super::posts;
use crate::answers;
use crate::error::{corrupt, from_sqlite};
use crate::selling::queue::KeyOf;
use crumb_domain::post::StoredAnswer;
use crumb_domain::{RowId, Timestamp};
use crumb_storage::Result;
use crumb_storage::leads::{IDEMPOTENCY_HOURS, IdempotencyClaim, IdempotencyScope, IdempotentAnswer, Posted};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Ended answers that one claim sweeps away: more than it adds, so that the table
/// holds about three days' worth, and few enough not to be felt.
const SWEPT_PER_CLAIM: i64 = 4;

/// What a post with a claim is told where its key was claimed before. Where the post that
/// claimed it was never answered, it is noted that its poster is told now.
pub(crate) fn claimed(
    connection: &Connection,
    claim: Option<&IdempotencyClaim>,
    now: Timestamp,
) -> Result<Option<Posted>> {
    let Some(claim) = claim else { return Ok(None) };
    let Some(Found { body_hash, answer, post }) = find_claim(connection, &claim.scope, &claim.key, now)?
    else {
        return Ok(None);
    };
    let Some(answer) = answer else { return Ok(Some(Posted::KeyInFlight { body_hash })) };
    // Another post under the key is told that it is another, and nothing of that one.
    if let Some(post) = post.filter(|_| body_hash == claim.body_hash) {
        posts::tell_later(connection, post)?;
    }
    Ok(Some(Posted::Before(IdempotentAnswer { body_hash, answer })))
}

/// The answer under a key, unless it is too old or there is none yet.
pub(crate) fn find(
    connection: &Connection,
    scope: &IdempotencyScope,
    key: &str,
    now: Timestamp,
) -> Result<Option<IdempotentAnswer>> {
    let found = find_claim(connection, scope, key, now)?;
    Ok(found
        .and_then(|Found { body_hash, answer, .. }| Some(IdempotentAnswer { body_hash, answer: answer? })))
}

/// What is kept under a key.
struct Found {
    body_hash: [u8; 32],
    /// None while it is in flight.
    answer: Option<StoredAnswer>,
    post: Option<i64>,
}

fn find_claim(
    connection: &Connection,
    scope: &IdempotencyScope,
    key: &str,
    now: Timestamp,
) -> Result<Option<Found>> {
    let found: Option<(Vec<u8>, Option<String>, Option<i64>)> = connection
        .prepare_cached(
            "SELECT body_hash, answer, post FROM idempotency WHERE scope = ?1 AND key = ?2 AND at > ?3",
        )
        .and_then(|mut select| {
            let of_key = params![column(scope), key, ended_by(now)];
            select.query_row(of_key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
        })
        .map_err(from_sqlite)?;
    let Some((hash, answer, post)) = found else { return Ok(None) };
    let body_hash = hash.try_into().map_err(|bytes| corrupt("a body's hash", bytes))?;
    let answer = answer.as_deref().map(answers::from_column).transpose()?;
    Ok(Some(Found { body_hash, answer, post }))
}

/// Stores an answer, as its column, under a claim's key, in place of one that is too old; none
/// keeps the key in flight. `post` is the one that it answers.
pub(crate) fn keep(
    connection: &Connection,
    claim: Option<&IdempotencyClaim>,
    now: Timestamp,
    answer: Option<&str>,
    post: Option<RowId>,
) -> Result<()> {
    let Some(claim) = claim else { return Ok(()) };
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO idempotency (scope, key, body_hash, at, answer, post)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .and_then(|mut insert| {
            let (scope, post) = (column(&claim.scope), post.map(RowId::as_i64));
            insert.execute(params![scope, claim.key, claim.body_hash, now.micros(), answer, post])
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
