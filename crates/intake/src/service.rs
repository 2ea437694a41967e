//! The lead service: takes a post, makes a lead of it or says why not.

use crate::case::{Case, IncomingPost};
use crate::credit::{self, CreditError};
use crate::idempotency::IdempotencyKey;
use crate::judgement;
use crate::pings::PingRate;
use crate::refused::RejectedPost;
use crate::rejections::RejectionBudget;
use crate::selling::{BrokenOff, Selling};
use crate::update::OfItsLead;
use crumb_domain::fields::FieldVerdict;
use crumb_domain::lead::LeadOutcome;
use crumb_domain::network::OfferType;
use crumb_domain::outcome::Problem;
use crumb_domain::post::{PostKind, StoredAnswer};
use crumb_storage::{Store, StoreError};
use crumb_tracking::Installation;
use crumb_tracking::client::Client;
use crumb_wire::answer::AnswerForm;
use crumb_wire::post::{Given, PostRequest};
use std::sync::Arc;

/// The lead service.
pub struct Leads<S> {
    pub(crate) site: Arc<Installation<S>>,
    pub(crate) selling: Arc<Selling<S>>,
    pub(crate) budget: Arc<RejectionBudget>,
    pub(crate) ping_rate: PingRate,
}

/// A post as it came, beside its parsed form.
#[derive(Debug, Clone)]
pub struct RawPost {
    /// The query string, as sent.
    pub query: Vec<u8>,
    /// The body's content type, as sent.
    pub content_type: String,
    /// The body, as sent.
    pub body: Vec<u8>,
    /// `Accept` is exactly `application/json`.
    pub accepts_json: bool,
    /// `Idempotency-Key`, already of its form; or the form library's token.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// The answer to a post, after it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostAnswer {
    /// What to send.
    pub answer: StoredAnswer,
    /// Whether it was given before, under the same idempotency key.
    pub replayed: bool,
    /// How it was posted.
    pub kind: PostKind,
    /// What became of it.
    pub outcome: Answered,
}

/// What became of a post that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It made or changed a lead.
    Lead(LeadOutcome),
    /// It made no lead.
    Rejected(Problem),
    /// Its idempotency key had been used: the earlier answer, or 422.
    Before,
}

/// A post that has no answer.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The store took no write or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fault of the program broke its sale off. The lead is kept, and is ended by what
    /// was sent of it; its idempotency key says as what, or is free.
    #[error(transparent)]
    BrokenOff(#[from] BrokenOff),
    /// A campaign that was needed could not be made.
    #[error(transparent)]
    Network(#[from] crumb_network::NetworkError),
}

impl From<CreditError> for PostError {
    fn from(error: CreditError) -> Self {
        match error {
            CreditError::Store(error) => Self::Store(error),
            CreditError::Network(error) => Self::Network(error),
        }
    }
}

impl<S: Store + Clone> Leads<S> {
    /// A service on an installation, whose leads are sold by `selling`.
    pub fn new(site: Arc<Installation<S>>, selling: Arc<Selling<S>>) -> Self {
        let ping_rate = PingRate::new(site.pings);
        Self { site, selling, budget: Arc::default(), ping_rate }
    }

    /// Takes a post and answers it, once it is stored.
    ///
    /// # Errors
    /// Where it could not be stored, and then nothing of it was kept; and where its sale
    /// broke off.
    pub async fn post(
        &self,
        request: &PostRequest,
        raw: &RawPost,
        client: &Client,
    ) -> Result<PostAnswer, PostError> {
        let whose = match request.lead_id {
            Some(_) if names_nobody(request) => Box::pin(self.of_its_lead(request, client)).await?,
            _ => OfItsLead::Other,
        };
        match whose {
            OfItsLead::Other => self.take(request, false, raw, client).await,
            OfItsLead::NotIts => self.take(request, true, raw, client).await,
            OfItsLead::Offer(offer) => {
                let named = PostRequest { offer: Given::Value(offer), ..request.clone() };
                self.take(&named, false, raw, client).await
            }
        }
    }

    /// Takes a post that names whose it is, if it does at all. `is_not_its`: it names a lead
    /// that it may not change.
    async fn take(
        &self,
        request: &PostRequest,
        is_not_its: bool,
        raw: &RawPost,
        client: &Client,
    ) -> Result<PostAnswer, PostError> {
        let kind = credit::kind(request);
        let callback = request.callback.as_ref().and_then(|c| c.as_ref().ok()).map(|c| c.as_str());
        let json = request.json_body || raw.accepts_json;
        let form = AnswerForm::choose(request.iframe, callback, request.browser_post, json, kind);
        let incoming = IncomingPost { request, raw, client, now: self.site.clock.now(), kind, form };
        if let Some(problem) = unreadable(request) {
            return self.refuse(&incoming, RejectedPost::unknown(problem)).await;
        }
        if is_not_its {
            // Its offer is not for whoever has no part in it to know.
            return self.refuse(&incoming, RejectedPost::unknown(Problem::InvalidLeadId)).await;
        }
        let snapshot = self.site.network.snapshot();
        let credit = match credit::credit(&self.site, &snapshot, request, client, incoming.now).await? {
            Ok(credit) => credit,
            Err(uncredited) => {
                return self.refuse(&incoming, RejectedPost::uncredited(&snapshot, uncredited)).await;
            }
        };
        // A post is decided by one version, unless a campaign was made for it on the
        // way: that is in a newer one.
        let is_made = credit.campaign.is_some_and(|id| snapshot.campaign(id).is_none());
        let snapshot = if is_made { self.site.network.snapshot() } else { snapshot };
        // Third-party offers take no leads: for a poster they are not run.
        let takes_leads =
            |offer: &&crumb_network::CompiledOffer| offer.offer.offer_type != OfferType::ThirdParty;
        let Some(offer) = snapshot.offer(credit.offer).filter(takes_leads) else {
            return self.refuse(&incoming, RejectedPost::of(&credit, Problem::InactiveOffer)).await;
        };
        let campaign = credit.campaign.and_then(|id| snapshot.campaign(id));
        let has_contracts = self.selling.has_contracts(&snapshot, offer);
        let case = Case {
            incoming: &incoming,
            snapshot: &snapshot,
            offer,
            campaign,
            credit: &credit,
            has_contracts,
        };
        if let Some(text) = &request.lead_id {
            if request.ping_id.is_some() {
                // A price is told for a lead to come.
                return self.refuse(&incoming, RejectedPost::of(&credit, Problem::InvalidPingId)).await;
            }
            return Box::pin(self.change(&case, text)).await;
        }
        if let Some(problem) = self.refusal(&case).or(request.malformed) {
            return self.refuse(&incoming, RejectedPost::of(&credit, problem)).await;
        }
        let judged = judgement::check(&case, &[]);
        if judged.verdict == Some(FieldVerdict::Reject) {
            return self.refuse(&incoming, RejectedPost::fields(&credit, &judged)).await;
        }
        let quoted = match &request.ping_id {
            None => None,
            Some(id) => match Box::pin(self.quoted(&case, &judged, id)).await? {
                Ok(quoted) => Some(quoted),
                Err(problem) => return self.refuse(&incoming, RejectedPost::of(&credit, problem)).await,
            },
        };
        self.accept(&case, judged, quoted).await
    }
}

/// What is told ahead of all else: JSON that cannot be read where its query names nobody,
/// as it may have done so itself. XML names nobody, readable or not.
pub(crate) fn unreadable(request: &PostRequest) -> Option<Problem> {
    request.malformed.filter(|problem| names_nobody(request) && *problem == Problem::InvalidJson)
}

/// Whether a post names neither campaign nor offer.
fn names_nobody(request: &PostRequest) -> bool {
    request.campaign == Given::Absent && request.offer == Given::Absent
}
