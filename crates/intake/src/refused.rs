//! Posts that make no lead, and how every post is kept.

use crate::case::IncomingPost;
use crate::credit::{Credit, Uncredited};
use crate::idempotency::{claim, replay};
use crate::judgement::Judged;
use crate::rejections::RejectionBudget;
use crate::replies;
use crate::sale::Waits;
use crate::selling::webhooks;
use crate::service::{Answered, Leads, PostAnswer, PostError, RawPost};
use crumb_domain::lead::Lead;
use crumb_domain::outcome::Problem;
use crumb_domain::post::StoredAnswer;
use crumb_domain::{AffiliateId, CampaignId, OfferId, RowId};
use crumb_network::Snapshot;
use crumb_storage::Store;
use crumb_storage::leads::{KeepFn, PostRecord, Posted, RejectPost, Verdict};
use crumb_tracking::feed::Recorded;
use crumb_wire::answer::{LeadReply, render};
use crumb_wire::post::mask_key;
use std::sync::Arc;

/// A post that makes no lead.
pub(crate) struct RejectedPost {
    pub problem: Problem,
    pub reply: LeadReply,
    pub errors: Vec<String>,
    pub about: About,
    /// Whether the poster may be believed to be the campaign's: false for a wrong
    /// key, under which nothing may be stored for the right one.
    pub authentic: bool,
    /// Whether its lead would have been a test, as far as that is known.
    pub test: bool,
}

/// What a post is about, as far as that is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About {
    pub campaign: Option<CampaignId>,
    pub offer: Option<OfferId>,
    pub affiliate: Option<AffiliateId>,
}

impl About {
    /// What a credited post is about.
    pub fn credit(credit: &Credit) -> Self {
        Self { campaign: credit.campaign, offer: Some(credit.offer), affiliate: Some(credit.affiliate) }
    }
}

impl RejectedPost {
    pub fn unknown(problem: Problem) -> Self {
        Self {
            problem,
            reply: LeadReply::Problem { problem, redirect: None },
            errors: vec![problem.as_str().to_owned()],
            about: About::default(),
            authentic: false,
            test: false,
        }
    }

    pub fn uncredited(snapshot: &Snapshot, uncredited: Uncredited) -> Self {
        let Uncredited { problem, campaign, offer, authentic } = uncredited;
        let affiliate = campaign.and_then(|id| snapshot.campaign(id)).map(|campaign| campaign.affiliate);
        Self { about: About { campaign, offer, affiliate }, authentic, ..Self::unknown(problem) }
    }

    pub fn of(credit: &Credit, problem: Problem) -> Self {
        let session = credit.session.as_ref();
        let test = credit.affiliate == AffiliateId::TEST || session.is_some_and(|session| session.test);
        Self { about: About::credit(credit), authentic: true, test, ..Self::unknown(problem) }
    }

    pub fn fields(credit: &Credit, judged: &Judged) -> Self {
        let missing = !judged.checked.missing.is_empty();
        let problem = if missing { Problem::LeadMissingData } else { Problem::ValidationFailed };
        Self {
            reply: replies::of_fields(&judged.checked),
            errors: judged.checked.texts(),
            ..Self::of(credit, problem)
        }
    }
}

impl<S: Store + Clone> Leads<S> {
    /// Keeps a post that made no lead, and answers it.
    pub(crate) async fn refuse(
        &self,
        incoming: &IncomingPost<'_>,
        refused: RejectedPost,
    ) -> Result<PostAnswer, PostError> {
        let RejectedPost { problem, reply, errors, about, authentic, test } = refused;
        let answer = render(&incoming.form, &reply);
        let outcome = Answered::Rejected(problem);
        let told = PostAnswer { answer: answer.clone(), replayed: false, kind: incoming.kind, outcome };
        if about.campaign.is_none() && about.offer.is_none() {
            return Ok(told);
        }
        let id = self.site.rows.next(incoming.now);
        // Whoever lacks the key speaks for no campaign: its own budget, by address.
        let keep = self.keep_fn(incoming, if authentic { about } else { About::default() })();
        // A stranger's post is none of the campaign's, and one that changes a lead rejects none.
        let tells =
            keep && authentic && !test && !incoming.request.test && incoming.request.lead_id.is_none();
        let deliveries = match tells {
            true => {
                let snapshot = self.site.network.snapshot();
                webhooks::of_refused(&self.site, &snapshot, (id, incoming.kind), about, problem, incoming.now)
            }
            false => Vec::new(),
        };
        let mut waits = Waits::default();
        loop {
            let reject = RejectPost {
                post: record(incoming, id, about, errors.clone()),
                problem,
                idempotency: about
                    .offer
                    .filter(|_| authentic)
                    .and_then(|offer| claim(incoming, about.campaign, offer)),
                answer: answer.clone(),
                keep,
                deliveries: deliveries.clone(),
            };
            match self.site.store.reject_post(reject).await? {
                Posted::Before(before) => return Ok(replay(incoming, &before)),
                Posted::KeyInFlight { body_hash } => {
                    let wait = Box::pin(self.wait_for_key(incoming, body_hash, &mut waits));
                    if let Some(answer) = wait.await? {
                        return Ok(answer);
                    }
                }
                Posted::Now(..)
                | Posted::LeadIdTaken
                | Posted::TakesOver(_)
                | Posted::ConversionCap { .. }
                | Posted::InHand => {
                    self.tell_rejection(incoming, id, about.offer, problem, errors);
                    return Ok(told);
                }
            }
        }
    }

    /// Whether a post is kept if it is refused: there is room for some a minute.
    pub(crate) fn keep_fn(&self, incoming: &IncomingPost<'_>, about: About) -> KeepFn {
        RejectionBudget::ask(&self.budget, (about.campaign, about.offer, incoming.client.ip), incoming.now)
    }

    /// Tells what became of a post that was handed to the store as a lead.
    pub(crate) fn told(
        &self,
        incoming: &IncomingPost<'_>,
        lead: Arc<Lead>,
        verdict: Verdict,
        answer: StoredAnswer,
    ) -> PostAnswer {
        let outcome = match verdict {
            Verdict::Accepted => {
                let outcome = Answered::Lead(lead.outcome);
                self.site.feed.tell(|| Recorded::Lead(lead));
                outcome
            }
            Verdict::Rejected(problem) => {
                let errors = vec![problem.as_str().to_owned()];
                self.tell_rejection(incoming, lead.row, Some(lead.offer), problem, errors);
                Answered::Rejected(problem)
            }
        };
        PostAnswer { answer, replayed: false, kind: incoming.kind, outcome }
    }

    fn tell_rejection(
        &self,
        incoming: &IncomingPost<'_>,
        id: RowId,
        offer: Option<OfferId>,
        problem: Problem,
        errors: Vec<String>,
    ) {
        let (at, kind) = (incoming.now, incoming.kind);
        self.site.feed.tell(|| Recorded::Rejection { id, at, kind, offer, problem, errors });
    }
}

/// A post for the record, its key masked; the store adds its answer and outcome.
pub(crate) fn record(
    incoming: &IncomingPost<'_>,
    id: RowId,
    about: About,
    errors: Vec<String>,
) -> PostRecord {
    let RawPost { query, content_type, body, .. } = incoming.raw;
    let (query, body) = mask_key(query, Some(content_type), body);
    PostRecord {
        id,
        at: incoming.now,
        kind: incoming.kind,
        campaign: about.campaign,
        offer: about.offer,
        affiliate: about.affiliate,
        ip: Some(incoming.client.ip),
        query,
        content_type: content_type.clone(),
        body,
        errors,
    }
}
