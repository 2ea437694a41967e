//! Leads and the posts that made them, or did not.

use crate::conversions::TakeOver;
use crate::outbox::{CapTold, NewDelivery, RefusedFn};
use crate::selling::TimelineEntry;
use crate::{Page, PageRequest, Result};
use crumb_domain::caps::{CapCheck, DayCount};
use crumb_domain::conversion::Conversion;
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::outcome::Problem;
use crumb_domain::post::{KeptPost, StoredAnswer};
use crumb_domain::{AffiliateId, BuyerId, CampaignId, LeadId, OfferId, RowId, SubIds, Timestamp, VerticalId};
use std::net::IpAddr;
use std::sync::Arc;

/// Renders the answer to a post with a verdict; it is stored with what it says.
/// A store may ask beforehand what an accepted post is answered, and then ask
/// again, inside the write, where the post is refused.
pub type AnswerFn = Box<dyn Fn(&Verdict) -> StoredAnswer + Send + Sync>;

/// Whether a post that the store refuses is kept or only counted. Asked inside the
/// write, once and only where it is refused, so that of many at the same moment no
/// more are kept than there is room for.
pub type KeepFn = Box<dyn Fn() -> bool + Send + Sync>;

/// A lead on its way into the store.
pub struct AcceptLead {
    /// The lead as it will stand if it is accepted. Shared with what renders its answer.
    pub lead: Arc<Lead>,
    /// The session to open for it, if it has none.
    pub open_session: Option<LeadSession>,
    /// What is an earlier lead of the same person.
    pub duplicate: Option<DuplicateCheck>,
    /// What makes this one the earlier lead of a later one; none if it does not
    /// count as such (tests, unattributed session posts, unsold leads). Its
    /// vertical is the lead's.
    pub register: Option<DuplicateKey>,
    /// The problem found by a check that comes after the duplicate check and
    /// before the caps: the vertical's inbound filter.
    pub filtered: Option<Problem>,
    /// Lead caps, with the problem that each one is when it is reached; in order.
    pub caps: Vec<(CapCheck, Problem)>,
    /// Conversion caps that it meets where it becomes a conversion by its acceptance. Where
    /// one is full its conversion must stand over the cap, and where none is it must not.
    pub conversion_caps: Vec<CapCheck>,
    /// Counts that rise by one when it is accepted.
    pub counts: Vec<DayCount>,
    /// Entries to append when it is accepted.
    pub ledger: Vec<LedgerEntry>,
    /// What its time line begins with, beside the post.
    pub timeline: Vec<TimelineEntry>,
    /// Who is to be told of it when it is accepted.
    pub deliveries: Vec<NewDelivery>,
    /// Who is to be told of caps that it fills when it is accepted.
    pub caps_told: Vec<CapTold>,
    /// Who is to be told where it is refused, if anybody.
    pub refused_told: Option<RefusedFn>,
    /// The conversion that the lead takes over when it is accepted.
    pub takes_over: Option<TakeOver>,
    /// The quote that it uses up when it is accepted.
    pub quote: Option<QuoteUse>,
    /// How it is offered for sale, if it is.
    pub offering: Option<Offering>,
    /// The post; its answer and outcome are filled in here.
    pub post: PostRecord,
    /// The key under which the answer is stored.
    pub idempotency: Option<IdempotencyClaim>,
    /// Renders the answer.
    pub answer: AnswerFn,
    /// Whether the post is kept if it is refused.
    pub keep_refused: KeepFn,
}

/// A quote that a post names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteUse {
    /// Its public name.
    pub id: String,
    /// Of which campaign it must be.
    pub campaign: CampaignId,
}

/// A change of a lead by `ckm_lead_id`.
pub struct UpdateLead {
    /// The lead as it will stand; `revision` is the one that was read.
    pub lead: Lead,
    /// What is another lead of the same person; the lead itself never counts.
    pub duplicate: Option<DuplicateCheck>,
    /// Its key from now on, if it counts as an earlier lead.
    pub register: Option<DuplicateKey>,
    /// As in [`AcceptLead`].
    pub filtered: Option<Problem>,
    /// Entries to append when it is changed.
    pub ledger: Vec<LedgerEntry>,
    /// What is added to its time line when it is changed.
    pub timeline: Vec<TimelineEntry>,
    /// Who is to be told when it is changed.
    pub deliveries: Vec<NewDelivery>,
    /// How it is offered for sale again, if it is. Without, a lead that waits goes on waiting
    /// where it is `queued`, `sold` or `returned` by this change and nothing is wrong with its
    /// values, and waits no more otherwise; one that does not wait is left alone.
    pub offering: Option<Offering>,
    /// What it waits for may have passed with its old values: a lead that goes on waiting is
    /// due at once.
    pub is_due: bool,
    /// As in [`AcceptLead`].
    pub post: PostRecord,
    /// As in [`AcceptLead`].
    pub idempotency: Option<IdempotencyClaim>,
    /// As in [`AcceptLead`].
    pub answer: AnswerFn,
    /// As in [`AcceptLead`].
    pub keep_refused: KeepFn,
}

/// How a lead that was posted is offered for sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offering {
    /// Within the request: it is in hand at once, and [`Posted::InHand`] says so. Its
    /// post has no answer and its idempotency key is in flight until
    /// [`settle`](crate::SellingStore::settle). The lead is handed in as it shall
    /// stand if a crash ends this before anything was sent: `unsold`, `interrupted`.
    InHand,
    /// From the queue, at that moment; its post is answered now.
    Waits(Timestamp),
}

/// A post that made no lead.
pub struct RejectPost {
    /// The post.
    pub post: PostRecord,
    /// Why.
    pub problem: Problem,
    /// The key under which the answer is stored.
    pub idempotency: Option<IdempotencyClaim>,
    /// What is answered.
    pub answer: StoredAnswer,
    /// False where only the count of such posts rises (too many a minute).
    pub keep: bool,
    /// Who is to be told, where it is kept.
    pub deliveries: Vec<NewDelivery>,
}

/// A post without its answer and outcome, which the store fills in.
#[derive(Debug, Clone)]
pub struct PostRecord {
    /// As [`KeptPost::id`].
    pub id: RowId,
    /// As [`KeptPost::at`].
    pub at: Timestamp,
    /// As [`KeptPost::kind`].
    pub kind: crumb_domain::post::PostKind,
    /// As [`KeptPost::campaign`].
    pub campaign: Option<CampaignId>,
    /// As [`KeptPost::offer`].
    pub offer: Option<OfferId>,
    /// As [`KeptPost::affiliate`].
    pub affiliate: Option<AffiliateId>,
    /// As [`KeptPost::ip`].
    pub ip: Option<IpAddr>,
    /// As [`KeptPost::query`].
    pub query: Vec<u8>,
    /// As [`KeptPost::content_type`].
    pub content_type: String,
    /// The whole body; the store cuts that of a rejected post.
    pub body: Vec<u8>,
    /// As [`KeptPost::errors`].
    pub errors: Vec<String>,
}

/// A session opened by a lead that has none: no click, attributes no later post.
#[derive(Debug, Clone, PartialEq)]
pub struct LeadSession {
    /// Its id.
    pub id: RowId,
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub affiliate: AffiliateId,
    /// On what.
    pub offer: OfferId,
    /// The campaign, where there is one.
    pub campaign: Option<CampaignId>,
    /// Of the post.
    pub sub_ids: SubIds,
    /// Of a test lead.
    pub test: bool,
    /// The consumer's or poster's address.
    pub ip: Option<IpAddr>,
}

/// Which leads are the same person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateKey {
    /// In which vertical.
    pub vertical: VerticalId,
    /// SHA-256 of the normalised values of its duplicate fields.
    pub hash: [u8; 32],
}

/// Where an earlier lead is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateCheck {
    /// Of whom.
    pub key: DuplicateKey,
    /// Only in this offer; none = the whole vertical.
    pub offer: Option<OfferId>,
    /// Accepted at or after.
    pub since: Timestamp,
}

/// A claim of an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyClaim {
    /// Of which campaign, offer and request id, or caller.
    pub scope: IdempotencyScope,
    /// As sent.
    pub key: String,
    /// SHA-256 of what was asked: of a post its parsed pairs.
    pub body_hash: [u8; 32],
}

/// Within what an idempotency key is unique.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum IdempotencyScope {
    /// A campaign.
    Campaign(CampaignId),
    /// An offer and a request id, as sent.
    OfferAndRequest(OfferId, String),
    /// What somebody may do here.
    Call {
        /// Who: a name without spaces.
        caller: String,
        /// What: a route of the API, or whatever else does the same.
        route: String,
    },
}

/// How long an idempotency key's answer is stored, in hours.
pub const IDEMPOTENCY_HOURS: i64 = 72;

/// An answer stored under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotentAnswer {
    /// Of what was answered.
    pub body_hash: [u8; 32],
    /// What was answered.
    pub answer: StoredAnswer,
}

/// What became of a post inside the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It made the lead.
    Accepted,
    /// It made no lead.
    Rejected(Problem),
}

/// The answer of the store to a post.
#[derive(Debug, Clone, PartialEq)]
pub enum Posted {
    /// Decided now; the answer to send.
    Now(Verdict, StoredAnswer),
    /// The idempotency key had been used before: its answer, and whether the
    /// bodies are equal.
    Before(IdempotentAnswer),
    /// It made or changed the lead, which is in hand: whoever posted sells it now.
    InHand,
    /// The first post under the idempotency key has no answer yet. Callers wait for
    /// it, and ask again: the answer may be there then, or the key free.
    KeyInFlight {
        /// Of the first post.
        body_hash: [u8; 32],
    },
    /// Another lead has this random id; try again with a new one.
    LeadIdTaken,
    /// What the lead is to take over has changed since it was decided: this is what it takes
    /// over now, as [`crate::ConversionStore::before_lead`] says. Decide again.
    TakesOver(Option<Box<Conversion>>),
    /// Whether one of its [conversion caps](AcceptLead::conversion_caps) is full is not as it
    /// was decided: this is how it is. Decide again.
    ConversionCap {
        /// One is full.
        is_full: bool,
    },
}

/// Which leads.
#[derive(Debug, Clone, Default)]
pub struct LeadFilter {
    /// With this status.
    pub status: Option<LeadStatus>,
    /// Of this offer.
    pub offer: Option<OfferId>,
    /// Of this affiliate.
    pub affiliate: Option<AffiliateId>,
    /// Bought by this buyer.
    pub buyer: Option<BuyerId>,
    /// Of this session.
    pub session: Option<RowId>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// Has this id, e-mail or phone. A request id is resolved to `session` by
    /// the caller.
    pub text: Option<String>,
}

/// Which posts that made no lead.
#[derive(Debug, Clone, Default)]
pub struct RejectionFilter {
    /// Of this offer.
    pub offer: Option<OfferId>,
    /// Of this affiliate.
    pub affiliate: Option<AffiliateId>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// For this reason.
    pub problem: Option<Problem>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}

/// The store of leads.
pub trait LeadStore {
    /// Decides and keeps a post that passed all checks which need no store, in
    /// this order: idempotency key, quote ([`Problem::InvalidPingId`],
    /// [`Problem::PingExpired`]), duplicate, `filtered`, caps. Equal posts at the same
    /// moment make one lead. A quote is used up by an accepted post only, and by one.
    /// Looked at last, of a lead that is a conversion at once: whether it takes over what it
    /// must, and whether it stands over its conversion caps where one is full.
    fn accept_lead(&self, accept: AcceptLead) -> impl Future<Output = Result<Posted>> + Send;

    /// Changes a lead, in the same order. [`crate::StoreError::Conflict`] where
    /// the revision is no longer the one that was read, or where it is offered and
    /// somebody has it in hand.
    fn update_lead(&self, update: UpdateLead) -> impl Future<Output = Result<Posted>> + Send;

    /// Keeps a post that made no lead, or counts it.
    fn reject_post(&self, reject: RejectPost) -> impl Future<Output = Result<Posted>> + Send;

    /// The answer stored under an idempotency key within [`IDEMPOTENCY_HOURS`]; none
    /// while the key is in flight.
    fn idempotent_answer(
        &self,
        scope: IdempotencyScope,
        key: String,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<IdempotentAnswer>>> + Send;

    /// The lead of that id.
    fn lead(&self, id: LeadId) -> impl Future<Output = Result<Option<Lead>>> + Send;

    /// Leads by filter, ordered by row.
    fn leads(&self, filter: LeadFilter, page: PageRequest)
    -> impl Future<Output = Result<Page<Lead>>> + Send;

    /// The posts that made or changed a lead, oldest first.
    fn posts_of_lead(&self, id: LeadId) -> impl Future<Output = Result<Vec<KeptPost>>> + Send;

    /// Posts that made no lead, by filter, ordered by id.
    fn rejections(
        &self,
        filter: RejectionFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<KeptPost>>> + Send;

    /// How many rejected posts were counted but not kept.
    fn rejections_not_kept(&self) -> impl Future<Output = Result<u64>> + Send;
}
