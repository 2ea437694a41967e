//! What a post becomes. It all happens inside one write of the one writer, so
//! that of two equal posts at the same moment the second finds the first.

use super::prepare::{NewLead, Posting};
use super::{idempotency, indexes, posts, rows};
use crate::answers;
use crate::batch::WriteContext;
use crate::clicks::counts;
use crate::codes::{IpBytes, sub_id_columns, to_json};
use crate::conversions::conversion_caps;
use crate::conversions::take_over::{self, Instead};
use crate::error::from_sqlite;
use crate::ledger;
use crate::outbox;
use crate::seen;
use crate::selling::{queue, quotes, records};
use crate::statements::Statements;
use crumb_domain::LeadId;
use crumb_domain::caps::{CapCheck, DayCount};
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_domain::outcome::Problem;
use crumb_domain::post::StoredAnswer;
use crumb_storage::leads::{
    IdempotencyClaim, LeadSession, Offering, PostRecord, Posted, RejectPost, Verdict,
};
use crumb_storage::{Result, StoreError};
use rusqlite::{Connection, params};

/// What became of a post.
pub(crate) enum Decided {
    /// It was accepted; its caller has the answer already, or sells the lead first.
    Accepted,
    /// Anything else.
    Otherwise(Posted),
}

impl Decided {
    /// For the caller, with the answer of an accepted post, where it has one already.
    pub(crate) fn told(self, accepted: Option<StoredAnswer>) -> Posted {
        match self {
            Self::Accepted => {
                accepted.map_or(Posted::InHand, |answer| Posted::Now(Verdict::Accepted, answer))
            }
            Self::Otherwise(posted) => posted,
        }
    }
}

/// A post that passed all checks which need no store.
pub(crate) fn accept(context: &mut WriteContext<'_>, new: &NewLead) -> Result<Decided> {
    let connection = context.connection;
    let posting = &new.posting;
    let lead = &posting.row.lead;
    if let Some(before) = claimed(connection, posting)? {
        return Ok(before);
    }
    if indexes::row_of(context.statements, &context.memory.recent.now(), posting.row.id)?.is_some() {
        return Ok(Decided::Otherwise(Posted::LeadIdTaken));
    }
    if let Some(problem) = problem_of(context, new)? {
        return refuse(context, posting, problem);
    }
    if let Err(Instead(taken)) = taken_over(context.statements, new)? {
        return Ok(Decided::Otherwise(Posted::TakesOver(taken)));
    }
    if let Some(is_full) = conversion_caps::otherwise(context, lead, &new.conversion_caps)? {
        return Ok(Decided::Otherwise(Posted::ConversionCap { is_full }));
    }
    if let Some(quote) = &new.quote {
        quotes::use_up(connection, quote)?;
    }
    if let Some(session) = &new.open_session {
        insert_session(connection, session)?;
    }
    rows::insert(context.statements, &posting.row, lead.revision)?;
    context.memory.recent.add(&posting.row);
    context.memory.sub_affiliates.note_lead(connection, lead).map_err(from_sqlite)?;
    context.memory.counts.raise(&new.counts);
    outbox::tell_caps(context, &new.caps_told, None)?;
    if converts(lead) {
        context.memory.session_changes.converted(lead.session);
    }
    if let Some(taken) = &new.takes_over {
        take_over::take(context, lead, taken)?;
    }
    context.memory.seen.note_all(connection, seen::references_of_lead(lead)).map_err(from_sqlite)?;
    if let Some(offering) = posting.offering {
        offer(context.statements, posting, offering, &new.counts)?;
    }
    keep_accepted(context, posting)
}

/// Whether it takes over what it must. A session that it opens itself has nothing.
fn taken_over(statements: &dyn Statements, new: &NewLead) -> Result<std::result::Result<(), Instead>> {
    match &new.open_session {
        Some(_) => Ok(Ok(())),
        None => take_over::check(statements, &new.posting.row.lead, new.takes_over.as_ref()),
    }
}

/// A change of a lead by its id.
pub(crate) fn update(context: &mut WriteContext<'_>, posting: &Posting) -> Result<Decided> {
    let connection = context.connection;
    let lead = &posting.row.lead;
    if let Some(before) = claimed(connection, posting)? {
        return Ok(before);
    }
    let row = indexes::row_of(context.statements, &context.memory.recent.now(), posting.row.id)?;
    if row != Some(lead.row.as_i64()) || rows::revision(connection, lead.row)? != Some(lead.revision) {
        return Err(StoreError::Conflict);
    }
    if posting.offering.is_some() && queue::taking_in_hand(connection, lead.row.as_i64())?.is_some() {
        return Err(StoreError::Conflict);
    }
    if let Some(problem) = refused(context, posting, Some(lead.id))? {
        return refuse(context, posting, problem);
    }
    indexes::take_out(connection, &mut context.memory.recent, posting.row.id, lead.row.as_i64())?;
    rows::replace(connection, &posting.row)?;
    indexes::put_in(connection, &posting.row)?;
    match posting.offering {
        Some(offering) => offer(context.statements, posting, offering, &[])?,
        None if is_for_sale(lead) && posting.is_due => {
            queue::wait_no_longer(connection, lead.row, posting.post.record.at)?;
        }
        None if is_for_sale(lead) => {}
        None => queue::wait_no_more(connection, lead.row)?,
    }
    context.memory.session_changes.unknown(lead.session);
    context.memory.seen.note_all(connection, seen::event_of_lead(lead)).map_err(from_sqlite)?;
    keep_accepted(context, posting)
}

/// Whether a lead goes on waiting if it waits, as one does also that has buyers already: a
/// person may have offered it to others. Not with values that none should be sent.
fn is_for_sale(lead: &Lead) -> bool {
    let may_wait = matches!(lead.status, LeadStatus::Queued | LeadStatus::Sold | LeadStatus::Returned);
    may_wait && lead.errors.is_empty()
}

/// Takes the lead in hand, or lets it wait.
fn offer(
    statements: &dyn Statements,
    posting: &Posting,
    offering: Offering,
    counts: &[DayCount],
) -> Result<()> {
    let lead = &posting.row.lead;
    match offering {
        Offering::InHand => {
            let key = posting.idempotency.as_ref().map(idempotency::key_of);
            let counts: Vec<counts::Key> = counts.iter().map(counts::key).collect();
            queue::take_for(statements.connection(), lead.row, posting.post.record.id, key.as_ref(), &counts)
        }
        Offering::Waits(due) => queue::wait(statements, lead.row.as_i64(), due),
    }
}

/// A post that made no lead.
pub(crate) fn reject(context: &mut WriteContext<'_>, reject: &RejectPost) -> Result<Posted> {
    let RejectPost { post, problem, idempotency, answer, keep, deliveries } = reject;
    if let Some(before) = idempotency::claimed(context.connection, idempotency.as_ref(), post.at)? {
        return Ok(before);
    }
    let refused = Refused { problem: *problem, idempotency: idempotency.as_ref(), answer, keep: *keep };
    settle_refused(context, &refused, post, &to_json(&post.errors)?)?;
    if *keep {
        outbox::put(context, deliveries)?;
    }
    Ok(Posted::Now(Verdict::Rejected(*problem), answer.clone()))
}

/// Whether its session has converted by it, as reads of sessions say it in SQL.
fn converts(lead: &Lead) -> bool {
    !lead.test && (matches!(lead.status, LeadStatus::Sold | LeadStatus::Queued) || lead.payout.micros() > 0)
}

fn claimed(connection: &Connection, posting: &Posting) -> Result<Option<Decided>> {
    let before = idempotency::claimed(connection, posting.idempotency.as_ref(), posting.post.record.at)?;
    Ok(before.map(Decided::Otherwise))
}

/// The first of the checks that new and changed leads share, in the dialect's
/// order: an earlier lead of the same person, then the inbound filter.
fn refused(context: &WriteContext<'_>, posting: &Posting, itself: Option<LeadId>) -> Result<Option<Problem>> {
    let is_duplicate = match &posting.duplicate {
        Some(check) => {
            indexes::is_there_another(context.statements, &context.memory.recent.now(), check, itself)?
        }
        None => false,
    };
    Ok(if is_duplicate { Some(Problem::DuplicateLead) } else { posting.filtered })
}

/// The first of all checks that a new lead fails.
fn problem_of(context: &WriteContext<'_>, new: &NewLead) -> Result<Option<Problem>> {
    let at = new.posting.post.record.at;
    if let Some(quote) = &new.quote
        && let Some(problem) = quotes::problem(context.connection, quote, at)?
    {
        return Ok(Some(problem));
    }
    match refused(context, &new.posting, None)? {
        Some(problem) => Ok(Some(problem)),
        None => reached_cap(context, &new.caps),
    }
}

/// The problem of the first cap that one more lead would exceed.
fn reached_cap(context: &WriteContext<'_>, caps: &[(CapCheck, Problem)]) -> Result<Option<Problem>> {
    for (check, problem) in caps {
        if context.memory.counts.count(context.connection, check)? >= u64::from(check.limit) {
            return Ok(Some(*problem));
        }
    }
    Ok(None)
}

/// Refuses a post inside the write, with the problem among its errors.
fn refuse(context: &mut WriteContext<'_>, posting: &Posting, problem: Problem) -> Result<Decided> {
    let post = &posting.post.record;
    let answer = (posting.answer)(&Verdict::Rejected(problem));
    let keep = (posting.keep_refused)();
    let refused = Refused { problem, idempotency: posting.idempotency.as_ref(), answer: &answer, keep };
    let errors: Vec<&str> = post.errors.iter().map(String::as_str).chain([problem.as_str()]).collect();
    settle_refused(context, &refused, post, &to_json(&errors)?)?;
    if let Some(told) = posting.refused_told.as_ref().filter(|_| keep) {
        outbox::put(context, &told(problem))?;
    }
    Ok(Decided::Otherwise(Posted::Now(Verdict::Rejected(problem), answer)))
}

/// Why a post makes no lead, and what is kept of that.
struct Refused<'p> {
    problem: Problem,
    idempotency: Option<&'p IdempotencyClaim>,
    answer: &'p StoredAnswer,
    keep: bool,
}

/// Keeps a rejected post with its errors as JSON, or counts it, and its answer
/// under its key.
fn settle_refused(
    context: &mut WriteContext<'_>,
    refused: &Refused<'_>,
    post: &PostRecord,
    errors: &str,
) -> Result<()> {
    let connection = context.connection;
    let answer = answers::column(refused.answer);
    if refused.keep {
        posts::insert(connection, post, Err(refused.problem), Some(&answer), errors)?;
        note_post(context, post)?;
    } else {
        posts::count_not_kept(connection, refused.problem)?;
    }
    idempotency::keep(connection, refused.idempotency, post.at, Some(&answer), Some(post.id))
}

fn keep_accepted(context: &mut WriteContext<'_>, posting: &Posting) -> Result<Decided> {
    let (connection, statements) = (context.connection, context.statements);
    let (lead, post) = (posting.row.lead.row, &posting.post);
    let answer = posting.accepted.as_deref();
    ledger::append(statements, lead.as_i64(), &posting.ledger)?;
    records::append_timeline(connection, lead.as_i64(), &posting.timeline)?;
    outbox::put(context, &posting.deliveries)?;
    posts::insert(statements, &post.record, Ok(lead), answer, &post.errors)?;
    let claim = posting.idempotency.as_ref();
    idempotency::keep(connection, claim, post.record.at, answer, Some(post.record.id))?;
    Ok(Decided::Accepted)
}

fn note_post(context: &mut WriteContext<'_>, post: &PostRecord) -> Result<()> {
    let keys = seen::references(post.affiliate, post.offer, post.campaign).chain([seen::Key::node(post.id)]);
    context.memory.seen.note_all(context.connection, keys).map_err(from_sqlite)
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
