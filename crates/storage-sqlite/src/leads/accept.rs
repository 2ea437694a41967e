//! What a post becomes. It all happens inside one write of the one writer, so
//! that of two equal posts at the same moment the second finds the first.

use super::{duplicates, idempotency, posts, rows};
use crate::batch::WriteContext;
use crate::clicks::counts;
use crate::codes::{IpBytes, sub_id_columns};
use crate::error::from_sqlite;
use crate::seen;
use crumb_domain::caps::CapCheck;
use crumb_domain::lead::LedgerEntry;
use crumb_domain::outcome::Problem;
use crumb_domain::{LeadId, RowId};
use crumb_storage::leads::{
    AcceptLead, AnswerFn, DuplicateCheck, IdempotencyClaim, LeadSession, PostRecord, Posted, RejectPost,
    UpdateLead, Verdict,
};
use crumb_storage::{Result, StoreError};
use rusqlite::{Connection, params};

/// A post that passed all checks which need no store.
pub(crate) fn accept(context: &mut WriteContext<'_>, accept: &AcceptLead) -> Result<Posted> {
    let connection = context.connection;
    let AcceptLead { lead, open_session, duplicate, register, filtered, caps, .. } = accept;
    if let Some(before) = idempotency::claimed(connection, accept.idempotency.as_ref(), accept.post.at)? {
        return Ok(Posted::Before(before));
    }
    if rows::id_is_taken(connection, lead.id)? {
        return Ok(Posted::LeadIdTaken);
    }
    let problem = match refused(connection, duplicate.as_ref(), None, *filtered)? {
        Some(problem) => Some(problem),
        None => reached_cap(connection, caps)?,
    };
    if let Some(problem) = problem {
        let answer = (accept.answer)(&Verdict::Rejected(problem));
        let (post, idempotency) = (accept.post.clone(), accept.idempotency.clone());
        return refuse(
            context,
            RejectPost { post, problem, idempotency, answer, keep: (accept.keep_refused)() },
        );
    }
    if let Some(session) = open_session {
        insert_session(connection, session)?;
    }
    rows::insert(connection, lead)?;
    if let Some(key) = register {
        duplicates::register(connection, lead, key)?;
    }
    counts::raise(connection, accept.counts.iter()).map_err(from_sqlite)?;
    append(connection, lead.row, &accept.ledger)?;
    context.seen.note_all(connection, seen::references_of_lead(lead)).map_err(from_sqlite)?;
    keep_accepted(connection, lead.row, &accept.post, accept.idempotency.as_ref(), &accept.answer)
}

/// A change of a lead by its id.
pub(crate) fn update(context: &mut WriteContext<'_>, update: &UpdateLead) -> Result<Posted> {
    let connection = context.connection;
    let UpdateLead { lead, duplicate, register, filtered, .. } = update;
    if let Some(before) = idempotency::claimed(connection, update.idempotency.as_ref(), update.post.at)? {
        return Ok(Posted::Before(before));
    }
    if rows::revision(connection, lead.id)? != Some((lead.row, lead.revision)) {
        return Err(StoreError::Conflict);
    }
    if let Some(problem) = refused(connection, duplicate.as_ref(), Some(lead.id), *filtered)? {
        let answer = (update.answer)(&Verdict::Rejected(problem));
        let (post, idempotency) = (update.post.clone(), update.idempotency.clone());
        return refuse(
            context,
            RejectPost { post, problem, idempotency, answer, keep: (update.keep_refused)() },
        );
    }
    rows::replace(connection, lead)?;
    duplicates::unregister(connection, lead.row)?;
    if let Some(key) = register {
        duplicates::register(connection, lead, key)?;
    }
    append(connection, lead.row, &update.ledger)?;
    keep_accepted(connection, lead.row, &update.post, update.idempotency.as_ref(), &update.answer)
}

/// A post that made no lead.
pub(crate) fn reject(context: &mut WriteContext<'_>, reject: &RejectPost) -> Result<Posted> {
    let connection = context.connection;
    if let Some(before) = idempotency::claimed(connection, reject.idempotency.as_ref(), reject.post.at)? {
        return Ok(Posted::Before(before));
    }
    settle_rejected(context, reject)
}

/// The first of the checks that new and changed leads share, in the dialect's
/// order: an earlier lead of the same person, then the inbound filter.
fn refused(
    connection: &Connection,
    duplicate: Option<&DuplicateCheck>,
    itself: Option<LeadId>,
    filtered: Option<Problem>,
) -> Result<Option<Problem>> {
    let is_duplicate = match duplicate {
        Some(check) => duplicates::is_there_another(connection, check, itself)?,
        None => false,
    };
    Ok(if is_duplicate { Some(Problem::DuplicateLead) } else { filtered })
}

/// The problem of the first cap that one more lead would exceed.
fn reached_cap(connection: &Connection, caps: &[(CapCheck, Problem)]) -> Result<Option<Problem>> {
    for (check, problem) in caps {
        if counts::count(connection, check)? >= u64::from(check.limit) {
            return Ok(Some(*problem));
        }
    }
    Ok(None)
}

/// Refuses a post inside the write, with the problem among its errors.
fn refuse(context: &mut WriteContext<'_>, mut reject: RejectPost) -> Result<Posted> {
    reject.post.errors.push(reject.problem.as_str().to_owned());
    settle_rejected(context, &reject)
}

/// Keeps a rejected post, or counts it, and its answer under its key.
fn settle_rejected(context: &mut WriteContext<'_>, reject: &RejectPost) -> Result<Posted> {
    let connection = context.connection;
    let RejectPost { post, problem, idempotency, answer, keep } = reject;
    if *keep {
        posts::insert(connection, post, Err(*problem), answer, &post.errors)?;
        note_post(context, post)?;
    } else {
        posts::count_not_kept(connection, *problem)?;
    }
    idempotency::keep(connection, idempotency.as_ref(), post.at, answer)?;
    Ok(Posted::Now(Verdict::Rejected(*problem), answer.clone()))
}

fn keep_accepted(
    connection: &Connection,
    lead: RowId,
    post: &PostRecord,
    claim: Option<&IdempotencyClaim>,
    answer: &AnswerFn,
) -> Result<Posted> {
    let answer = answer(&Verdict::Accepted);
    posts::insert(connection, post, Ok(lead), &answer, &post.errors)?;
    idempotency::keep(connection, claim, post.at, &answer)?;
    Ok(Posted::Now(Verdict::Accepted, answer))
}

fn note_post(context: &mut WriteContext<'_>, post: &PostRecord) -> Result<()> {
    let keys = seen::references(post.affiliate, post.offer, post.campaign).chain([seen::Key::node(post.id)]);
    context.seen.note_all(context.connection, keys).map_err(from_sqlite)
}

fn insert_session(connection: &Connection, session: &LeadSession) -> Result<()> {
    let [s1, s2, s3, s4, s5] = sub_id_columns(&session.sub_ids);
    connection
        .prepare_cached(
            "INSERT INTO lead_session (id, at, affiliate, offer, campaign, s1, s2, s3, s4, s5, test, ip)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                session.id.as_i64(),
                session.at.micros(),
                session.affiliate.0,
                session.offer.0,
                session.campaign.map(|id| id.0),
                s1,
                s2,
                s3,
                s4,
                s5,
                session.test,
                session.ip.map(IpBytes::new),
            ])
        })
        .map_err(from_sqlite)?;
    Ok(())
}

fn append(connection: &Connection, lead: RowId, ledger: &[LedgerEntry]) -> Result<()> {
    for entry in ledger {
        connection
            .prepare_cached(
                "INSERT INTO ledger (at, kind, lead, affiliate, amount) VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    entry.at.micros(),
                    entry.kind.as_str(),
                    lead.as_i64(),
                    entry.affiliate.0,
                    entry.amount.micros()
                ])
            })
            .map_err(from_sqlite)?;
    }
    Ok(())
}
