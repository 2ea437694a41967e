//! Changing a lead: a post with `ckm_lead_id`.

use crate::credit::Credit;
use crate::judgement;
use crate::service::{
    Leads, PostAnswer, PostError, Refused, Way, claim, duplicate_check, duplicate_key, replay,
};
use crumb_domain::attribution::Attribution;
use crumb_domain::fields::FieldVerdict;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::network::OfferType;
use crumb_domain::outcome::Problem;
use crumb_domain::post::PostKind;
use crumb_domain::{LeadId, RequestId};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_storage::leads::{Posted, UpdateLead};
use crumb_storage::{Store, StoreError};
use crumb_wire::cookie::CookieClaim;

/// Times that a change is begun again because the lead changed meanwhile.
const MAX_TRIES: usize = 8;

impl<S: Store + Clone> Leads<S> {
    /// Changes the fields of a lead. What is not sent stays; the result is checked
    /// again; attribution and sales stay.
    pub(crate) async fn change(
        &self,
        way: &Way<'_>,
        snapshot: &Snapshot,
        offer: &CompiledOffer,
        credit: &Credit,
        text: &str,
    ) -> Result<PostAnswer, PostError> {
        for _ in 0..MAX_TRIES {
            let found = match text.trim().parse::<LeadId>() {
                Ok(id) => self.site.store.lead(id).await?,
                Err(_) => None,
            };
            let Some(lead) = found.filter(|lead| self.may_change(way, credit, lead)) else {
                return self.refuse(way, Refused::of(credit, Problem::InvalidLeadId, Some(offer))).await;
            };
            if let Some(problem) = way.request.malformed {
                return self.refuse(way, Refused::of(credit, problem, Some(offer))).await;
            }
            let today = snapshot.zone().day_of(way.now);
            let judged = judgement::judge(offer, way.request, way.client, &lead.fields, today);
            if judged.verdict == Some(FieldVerdict::Reject) {
                return self.refuse(way, Refused::fields(credit, &judged)).await;
            }
            let changed = changed(way, offer, &lead, &judged);
            let key = duplicate_key(offer, &changed);
            let skips = judged.verdict.is_some();
            let mut post = self.record(way, None, credit, judged.checked.texts());
            post.affiliate = Some(lead.affiliate);
            let update = UpdateLead {
                duplicate: duplicate_check(offer, key.clone(), way.now).filter(|_| !skips),
                register: key.filter(|_| counts_as_earlier(offer, &changed)),
                filtered: judged.filtered.filter(|_| !skips),
                post,
                idempotency: claim(way, credit.campaign, credit.offer),
                answer: self.answer_of_lead(way, offer, credit, changed.clone()),
                lead: changed.clone(),
            };
            match self.site.store.update_lead(update).await {
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(Posted::Before(before)) => return Ok(replay(way, &before)),
                Ok(Posted::LeadIdTaken) => {}
                Ok(Posted::Now(verdict, answer)) => return Ok(self.told(way, changed, verdict, answer)),
            }
        }
        Err(PostError::Store(StoreError::Conflict))
    }

    /// Its campaign's id and key, or the lead's own request id, or its session's
    /// cookie.
    fn may_change(&self, way: &Way<'_>, credit: &Credit, lead: &Lead) -> bool {
        if lead.offer != credit.offer {
            return false;
        }
        if way.kind == PostKind::Server {
            return credit.attribution == Attribution::Key && lead.campaign == credit.campaign;
        }
        let own = self.site.request_id(lead.session);
        let named = way.request.request_id.as_deref().and_then(|text| text.parse::<RequestId>().ok());
        let cookie = match way.client.cookies.offer(lead.offer) {
            CookieClaim::Session(id) => Some(id),
            CookieClaim::Absent | CookieClaim::Malformed => None,
        };
        own.is_some() && (named == own || cookie == own)
    }
}

/// The lead with its new values, and offered again where that is asked for.
fn changed(way: &Way<'_>, offer: &CompiledOffer, lead: &Lead, judged: &judgement::Judged) -> Lead {
    let mut changed =
        Lead { fields: judged.checked.values.clone(), errors: judged.checked.texts(), ..lead.clone() };
    let unsold = lead.status == LeadStatus::Unsold && !lead.test;
    if way.request.resell && unsold && offer.offer.offer_type == OfferType::Hosted {
        changed.status = LeadStatus::Queued;
        changed.outcome = LeadOutcome::Queued;
    }
    changed
}

/// Whether a lead, as it stands, is the earlier lead of a later one.
fn counts_as_earlier(offer: &CompiledOffer, lead: &Lead) -> bool {
    !lead.test
        && lead.outcome != LeadOutcome::UnattributedSession
        && (lead.status != LeadStatus::Unsold || offer.offer.offer_type == OfferType::Hosted)
}
