//! Changing a lead: a post with `ckm_lead_id`.

use crate::acceptance::{LeadEffect, duplicate_check, duplicate_key};
use crate::case::Case;
use crate::credit::Credit;
use crate::idempotency::{claim, replay};
use crate::judgement::{self, Judged};
use crate::onward::Onward;
use crate::refused::{About, RejectedPost, record};
use crate::sale::Waits;
use crate::selling::settle::is_sold_alone;
use crate::selling::timeline;
use crate::selling::tries::{Meets, Tries};
use crate::service::{Leads, PostAnswer, PostError};
use crate::settlement;
use crumb_domain::attribution::Attribution;
use crumb_domain::fields::FieldVerdict;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::network::OfferType;
use crumb_domain::outcome::Problem;
use crumb_domain::post::PostKind;
use crumb_domain::{LeadId, Money, OfferId, RequestId};
use crumb_storage::leads::{Offering, Posted, UpdateLead};
use crumb_storage::{Store, StoreError};
use crumb_tracking::client::Client;
use crumb_wire::cookie::CookieClaim;
use crumb_wire::post::PostRequest;

/// What a post that names neither campaign nor offer has to say of a lead.
pub(crate) enum OfItsLead {
    /// Nothing; or it names no session.
    Other,
    /// It names a lead, and a session that is not that lead's.
    NotIts,
    /// It names its lead and brings that one's session, which is of this offer.
    Offer(OfferId),
}

impl<S: Store + Clone> Leads<S> {
    /// Of a post that names neither campaign nor offer: a lead's own request id or its
    /// session's cookie is all that a change of it needs, since the lead knows its offer.
    /// Whoever brings neither names nobody, as in any post.
    pub(crate) async fn of_its_lead(
        &self,
        request: &PostRequest,
        client: &Client,
    ) -> Result<OfItsLead, StoreError> {
        let Some(text) = request.lead_id.as_deref() else { return Ok(OfItsLead::Other) };
        let found = match text.trim().parse::<LeadId>() {
            Ok(id) => self.site.store.lead(id).await?,
            Err(_) => None,
        };
        match found.filter(|lead| self.is_of_its_session(lead, request, client)) {
            Some(lead) => Ok(OfItsLead::Offer(lead.offer)),
            None if request.request_id.is_some() => Ok(OfItsLead::NotIts),
            None => Ok(OfItsLead::Other),
        }
    }

    /// Changes the fields of a lead. What is not sent stays; the result is checked
    /// again, as that of the lead's own affiliate and campaign; attribution and
    /// sales stay. One that is to be offered again and is being sold is waited for.
    pub(crate) async fn change(&self, case: &Case<'_>, text: &str) -> Result<PostAnswer, PostError> {
        let (mut waits, mut tries) = (Waits::default(), Tries::default());
        loop {
            let found = match text.trim().parse::<LeadId>() {
                Ok(id) => self.site.store.lead(id).await?,
                Err(_) => None,
            };
            let Some(lead) = found.filter(|lead| self.may_change(case, lead)) else {
                return self
                    .refuse(case.incoming, RejectedPost::of(case.credit, Problem::InvalidLeadId))
                    .await;
            };
            if tries.on(&lead)? == Meets::TheSame {
                // It is being sold.
                waits.a_moment().await?;
            }
            if let Some(answer) = self.change_once(case, lead, &mut waits).await? {
                return Ok(answer);
            }
        }
    }

    /// `None` where the lead changed meanwhile.
    async fn change_once(
        &self,
        case: &Case<'_>,
        lead: Lead,
        waits: &mut Waits,
    ) -> Result<Option<PostAnswer>, PostError> {
        let incoming = case.incoming;
        let session = self.site.store.session(lead.session).await?;
        let credit = Credit::of_lead(&lead, session.clone());
        let campaign = lead.campaign.and_then(|id| case.snapshot.campaign(id));
        let case = &Case { credit: &credit, campaign, ..*case };
        if let Some(problem) = self.refusal(case).or(incoming.request.malformed) {
            return self.refuse(incoming, RejectedPost::of(&credit, problem)).await.map(Some);
        }
        let judged = judgement::check(case, &lead.fields);
        if judged.verdict == Some(FieldVerdict::Reject) {
            return self.refuse(incoming, RejectedPost::fields(&credit, &judged)).await.map(Some);
        }
        let (changed, offering) = changed(case, &lead, &judged);
        // Whoever has it alone keeps it so.
        let is_refused = incoming.request.resell && is_sold_alone(&lead);
        let key = duplicate_key(case.offer, &changed);
        let skips = judged.verdict.is_some();
        let about = About::credit(&credit);
        let id = self.site.rows.next(incoming.now);
        let update = UpdateLead {
            duplicate: duplicate_check(case, key.clone()).filter(|_| !skips),
            register: key.filter(|_| counts_as_earlier(case, &changed)),
            filtered: judged.filtered.filter(|_| !skips),
            ledger: taken_back(case, &lead, &changed).into_iter().collect(),
            timeline: {
                let bad = settlement::held_back(&judged).map(|(_, outcome)| outcome);
                timeline::of_update(&lead, &changed, bad, offering.is_some(), incoming.kind, incoming.now)
            },
            deliveries: Vec::new(),
            offering,
            is_due: changed.fields != lead.fields,
            post: record(incoming, id, about, judged.checked.texts()),
            idempotency: claim(incoming, credit.campaign, credit.offer),
            answer: {
                let (answering, lead) = (self.answering(case, session, LeadEffect::Changed), changed.clone());
                let onward = Onward::of_sales(&lead, case.snapshot);
                Box::new(move |verdict| answering.answer(&lead, verdict, &onward, is_refused))
            },
            keep_refused: self.keep_fn(incoming, about),
            lead: changed.clone(),
        };
        match self.site.store.update_lead(update).await {
            Err(StoreError::Conflict)
            | Ok(Posted::LeadIdTaken | Posted::TakesOver(_) | Posted::ConversionCap { .. }) => Ok(None),
            Ok(Posted::KeyInFlight { body_hash }) => self.wait_for_key(incoming, body_hash, waits).await,
            Ok(Posted::InHand) => {
                // As it stands now that it is written.
                let revision = changed.revision.saturating_add(1);
                self.sell_now(case, Lead { revision, ..changed }, LeadEffect::Changed, None).await.map(Some)
            }
            Err(error) => Err(error.into()),
            Ok(Posted::Before(before)) => Ok(Some(replay(incoming, &before))),
            Ok(Posted::Now(verdict, answer)) => {
                if matches!(changed.status, LeadStatus::Queued | LeadStatus::Sold | LeadStatus::Returned) {
                    self.selling.wake();
                }
                Ok(Some(self.told(incoming, changed.into(), verdict, answer)))
            }
        }
    }

    /// Its campaign's id and key, or the lead's own request id, or its session's
    /// cookie.
    fn may_change(&self, case: &Case<'_>, lead: &Lead) -> bool {
        let (incoming, credit) = (case.incoming, case.credit);
        if lead.offer != credit.offer {
            return false;
        }
        if incoming.kind == PostKind::Server {
            return credit.attribution == Attribution::Key && lead.campaign == credit.campaign;
        }
        self.is_of_its_session(lead, incoming.request, incoming.client)
    }

    /// Whether a post brings a lead's own request id, or its session's cookie.
    fn is_of_its_session(&self, lead: &Lead, request: &PostRequest, client: &Client) -> bool {
        let own = self.site.request_id(lead.session);
        let named = request.request_id.as_deref().and_then(|text| text.parse::<RequestId>().ok());
        let cookie = match client.cookies.offer(lead.offer) {
            CookieClaim::Session(id) => Some(id),
            CookieClaim::Absent | CookieClaim::Malformed => None,
        };
        own.is_some() && (named == own || cookie == own)
    }
}

/// The lead with its new values: held back where they are bad, offered again where
/// that is asked for. A lead that somebody may have bought stays where it is.
fn changed(case: &Case<'_>, lead: &Lead, judged: &Judged) -> (Lead, Option<Offering>) {
    let mut changed =
        Lead { fields: judged.checked.values.clone(), errors: judged.checked.texts(), ..lead.clone() };
    if lead.test {
        return (changed, None);
    }
    if let Some((status, outcome)) = settlement::held_back(judged) {
        if matches!(lead.status, LeadStatus::Unsold | LeadStatus::Queued) {
            (changed.status, changed.outcome, changed.payout) = (status, outcome, Money::ZERO);
        }
        return (changed, None);
    }
    if !(case.incoming.request.resell && may_be_offered(lead)) {
        return (changed, None);
    }
    let (status, outcome, offering) = settlement::offered(case);
    if lead.status == LeadStatus::Queued && offering == Some(Offering::InHand) {
        // It goes on waiting, and a crash does not take it from the queue.
        return (changed, Some(Offering::Waits(case.incoming.now)));
    }
    if lead.sales.is_empty() {
        (changed.status, changed.outcome) = (status, outcome);
    }
    (changed, offering)
}

/// Whether a lead can be offered again: nobody has it alone or may have it, and no
/// person holds it back.
fn may_be_offered(lead: &Lead) -> bool {
    match lead.status {
        LeadStatus::Unsold | LeadStatus::Queued => true,
        LeadStatus::Sold => !is_sold_alone(lead),
        _ => lead.outcome == LeadOutcome::Expired,
    }
}

/// What a lead had earned and earns no more, now that it is held back.
fn taken_back(case: &Case<'_>, lead: &Lead, changed: &Lead) -> Option<LedgerEntry> {
    let amount = changed.payout.checked_sub(lead.payout).filter(|amount| *amount != Money::ZERO)?;
    Some(LedgerEntry::payout(case.incoming.now, lead.id, lead.affiliate, amount))
}

/// Whether a lead, as it stands, is the earlier lead of a later one. A session post
/// that named no session is nobody's, also while it waits for a person.
fn counts_as_earlier(case: &Case<'_>, lead: &Lead) -> bool {
    let is_held = matches!(lead.status, LeadStatus::Review | LeadStatus::Scrubbed);
    let is_nobodys = lead.attribution == Attribution::Internal && lead.post == PostKind::Session;
    !(lead.test || is_held && is_nobodys)
        && lead.outcome != LeadOutcome::UnattributedSession
        && (lead.status != LeadStatus::Unsold || case.offer.offer.offer_type == OfferType::Hosted)
}
