//! What is made ready before a post goes to the writer: texts, keys, and the
//! answer to the likely verdict. All writes wait for the one writer, so it only
//! binds values and steps through statements.

use super::indexes::{id_column, person_of, search_column};
use crate::answers;
use crate::codes::to_json;
use crumb_domain::caps::{CapCheck, DayCount};
use crumb_domain::lead::Lead;
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::outcome::Problem;
use crumb_domain::post::StoredAnswer;
use crumb_storage::conversions::TakeOver;
use crumb_storage::leads::{
    AcceptLead, AnswerFn, DuplicateCheck, DuplicateKey, IdempotencyClaim, KeepFn, LeadSession, Offering,
    PostRecord, QuoteUse, UpdateLead, Verdict,
};
use crumb_storage::outbox::{CapTold, NewDelivery, RefusedFn};
use crumb_storage::selling::TimelineEntry;
use crumb_storage::{Result, StoreError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Characters kept of a content type: the longest boundary, and room.
const MAX_CONTENT_TYPE_CHARS: usize = 256;

/// A lead's row.
pub(crate) struct LeadRow {
    pub(crate) lead: Arc<Lead>,
    /// What makes it the earlier one of a later lead.
    pub(crate) register: Option<DuplicateKey>,
    /// Its id as a column.
    pub(crate) id: i64,
    /// By what it is found, as a column.
    pub(crate) search: Arc<str>,
    /// JSON.
    pub(crate) errors: String,
    /// JSON.
    pub(crate) trace: String,
    /// JSON.
    pub(crate) fields: String,
}

impl LeadRow {
    fn new(lead: Arc<Lead>, register: Option<DuplicateKey>) -> Result<Self> {
        Ok(Self {
            id: id_column(lead.id),
            search: search_column(&lead.fields).into(),
            errors: to_json(&lead.errors)?,
            trace: to_json(&lead.trace)?,
            fields: to_json(&lead.fields)?,
            register,
            lead,
        })
    }

    /// The part of its person's hash that is looked up.
    pub(crate) fn person(&self) -> Option<i64> {
        self.register.as_ref().map(person_of)
    }
}

/// A post's row, without what becomes of it.
pub(crate) struct PostRow {
    pub(crate) record: PostRecord,
    /// JSON of the record's errors.
    pub(crate) errors: String,
}

impl PostRow {
    fn new(mut record: PostRecord) -> Result<Self> {
        cut(&mut record);
        let errors = to_json(&record.errors)?;
        Ok(Self { record, errors })
    }
}

/// Cuts what a post may send at any length and nobody reads to its end.
pub(crate) fn cut(post: &mut PostRecord) {
    if let Some((end, _)) = post.content_type.char_indices().nth(MAX_CONTENT_TYPE_CHARS) {
        post.content_type.truncate(end);
    }
}

/// The part that new and changed leads share.
pub(crate) struct Posting {
    pub(crate) row: LeadRow,
    pub(crate) duplicate: Option<DuplicateCheck>,
    pub(crate) filtered: Option<Problem>,
    pub(crate) ledger: Vec<LedgerEntry>,
    pub(crate) timeline: Vec<TimelineEntry>,
    pub(crate) deliveries: Vec<NewDelivery>,
    pub(crate) refused_told: Option<RefusedFn>,
    pub(crate) post: PostRow,
    pub(crate) idempotency: Option<IdempotencyClaim>,
    pub(crate) offering: Option<Offering>,
    pub(crate) is_due: bool,
    /// The answer if the lead is kept, as its column; none where it is to be sold first.
    pub(crate) accepted: Option<String>,
    /// Renders any other answer.
    pub(crate) answer: AnswerFn,
    pub(crate) keep_refused: KeepFn,
}

/// A new lead.
pub(crate) struct NewLead {
    pub(crate) posting: Posting,
    pub(crate) open_session: Option<LeadSession>,
    pub(crate) caps: Vec<(CapCheck, Problem)>,
    pub(crate) conversion_caps: Vec<CapCheck>,
    pub(crate) counts: Vec<DayCount>,
    pub(crate) caps_told: Vec<CapTold>,
    pub(crate) takes_over: Option<TakeOver>,
    pub(crate) quote: Option<QuoteUse>,
}

/// A new lead and the answer if it is accepted.
pub(crate) fn new_lead(accept: AcceptLead) -> Result<(Box<NewLead>, Option<StoredAnswer>)> {
    let answer = accepted(&accept.answer, accept.offering)?;
    let posting = Posting {
        row: LeadRow::new(accept.lead, accept.register)?,
        duplicate: accept.duplicate,
        filtered: accept.filtered,
        ledger: accept.ledger,
        timeline: accept.timeline,
        deliveries: accept.deliveries,
        refused_told: accept.refused_told,
        offering: accept.offering,
        is_due: false,
        post: PostRow::new(accept.post)?,
        idempotency: accept.idempotency,
        accepted: answer.as_ref().map(answers::column),
        answer: accept.answer,
        keep_refused: accept.keep_refused,
    };
    let AcceptLead { open_session, caps, conversion_caps, counts, caps_told, takes_over, quote, .. } = accept;
    let new = NewLead { posting, open_session, caps, conversion_caps, counts, caps_told, takes_over, quote };
    Ok((Box::new(new), answer))
}

/// A changed lead, one revision on, and the answer if the change holds.
pub(crate) fn changed_lead(update: UpdateLead) -> Result<(Box<Posting>, Option<StoredAnswer>)> {
    let answer = accepted(&update.answer, update.offering)?;
    let posting = Posting {
        row: LeadRow::new(update.lead.into(), update.register)?,
        duplicate: update.duplicate,
        filtered: update.filtered,
        ledger: update.ledger,
        timeline: update.timeline,
        deliveries: update.deliveries,
        refused_told: None,
        offering: update.offering,
        is_due: update.is_due,
        post: PostRow::new(update.post)?,
        idempotency: update.idempotency,
        accepted: answer.as_ref().map(answers::column),
        answer: update.answer,
        keep_refused: update.keep_refused,
    };
    Ok((Box::new(posting), answer))
}

/// The answer to an accepted post, unless that is known only when its lead has been
/// sold. A caller's function that panics fails this write alone.
fn accepted(answer: &AnswerFn, offering: Option<Offering>) -> Result<Option<StoredAnswer>> {
    if offering == Some(Offering::InHand) {
        return Ok(None);
    }
    catch_unwind(AssertUnwindSafe(|| Some(answer(&Verdict::Accepted))))
        .map_err(|_| StoreError::Corrupt("an answer panicked".to_owned()))
}
