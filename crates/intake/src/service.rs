//! The lead service: takes a post, makes a lead of it or says why not.

use crate::credit::{self, Credit, CreditError, Uncredited, is_browsers};
use crate::judgement::{self, IP_FIELD, Judged};
use crate::rejections::RejectionBudget;
use crate::replies::{self, ReplyTokens};
use crate::settlement::{self, Settlement};
use crumb_domain::caps::{self, CapScope, DayCount};
use crumb_domain::duplicate::duplicate_hash;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus, LedgerEntry, LedgerKind};
use crumb_domain::network::{Campaign, CapOf, DuplicateScope};
use crumb_domain::outcome::Problem;
use crumb_domain::post::{PostKind, StoredAnswer};
use crumb_domain::{LeadId, OfferId, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_storage::leads::{
    AcceptLead, DuplicateCheck, DuplicateKey, IdempotencyClaim, IdempotencyScope, LeadSession, PostRecord,
    Posted, RejectPost, Verdict,
};
use crumb_storage::{Store, StoreError};
use crumb_tracking::Installation;
use crumb_tracking::client::Client;
use crumb_tracking::feed::Recorded;
use crumb_tracking::gate::{self, Geo, Visit};
use crumb_wire::answer::{AnswerForm, LeadReply, render};
use crumb_wire::post::{Given, PostRequest};
use std::net::IpAddr;
use std::sync::Arc;

/// New random lead ids tried before a post is given up: one in 10^12 is taken
/// once a few million leads are stored, so a second try is already rare.
const MAX_ID_TRIES: usize = 8;

/// The lead service.
pub struct Leads<S> {
    pub(crate) site: Arc<Installation<S>>,
    budget: RejectionBudget,
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

/// An idempotency key, by where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencyKey {
    /// In the header: ignored on a browser post without a request id.
    Header(String),
    /// In the form library's own parameter: random per filled form.
    Form(String),
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

/// A post that could not be stored; nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The store took no write or read.
    #[error(transparent)]
    Store(#[from] StoreError),
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

/// One post on its way, with what is the same at each step.
pub(crate) struct Way<'a> {
    pub request: &'a PostRequest,
    pub raw: &'a RawPost,
    pub client: &'a Client,
    pub now: Timestamp,
    pub kind: PostKind,
    pub form: AnswerForm,
}

impl<S: Store + Clone> Leads<S> {
    /// A service on an installation.
    pub fn new(site: Arc<Installation<S>>) -> Self {
        Self { site, budget: RejectionBudget::default() }
    }

    /// Takes a post and answers it, once it is stored.
    ///
    /// # Errors
    /// Where it could not be stored; then nothing of it was kept.
    pub async fn post(
        &self,
        request: &PostRequest,
        raw: &RawPost,
        client: &Client,
    ) -> Result<PostAnswer, PostError> {
        let kind = credit::kind(request);
        let callback = request.callback.as_ref().and_then(|c| c.as_ref().ok()).map(|c| c.as_str());
        let json = request.json_body || raw.accepts_json;
        let form = AnswerForm::choose(request.iframe, callback, request.browser_post, json, kind);
        let way = Way { request, raw, client, now: self.site.clock.now(), kind, form };
        let names_nobody = request.campaign == Given::Absent && request.offer == Given::Absent;
        if let Some(problem) = request.malformed.filter(|_| names_nobody) {
            return self.refuse(&way, Refused::unknown(problem)).await;
        }
        let snapshot = self.site.network.snapshot();
        let credit = match credit::credit(&self.site, &snapshot, request, client, way.now).await? {
            Ok(credit) => credit,
            Err(uncredited) => return self.refuse(&way, Refused::uncredited(&snapshot, uncredited)).await,
        };
        // A campaign may have been made on the way: read on in the newest version.
        let snapshot = self.site.network.snapshot();
        let Some(offer) = snapshot.offer(credit.offer) else {
            return self.refuse(&way, Refused::of(&credit, Problem::InactiveOffer, None)).await;
        };
        if let Some(text) = &request.lead_id {
            return self.change(&way, &snapshot, offer, &credit, text).await;
        }
        let campaign = credit.campaign.and_then(|id| snapshot.campaign(id));
        let problem = self.shared_checks(&way, &snapshot, offer, campaign, &credit).or(request.malformed);
        if let Some(problem) = problem {
            return self.refuse(&way, Refused::of(&credit, problem, Some(offer))).await;
        }
        let today = snapshot.zone().day_of(way.now);
        let judged = judgement::judge(offer, request, client, &[], today);
        if judged.verdict == Some(crumb_domain::fields::FieldVerdict::Reject) {
            return self.refuse(&way, Refused::fields(&credit, &judged)).await;
        }
        self.accept(&way, &snapshot, offer, campaign, credit, judged).await
    }

    /// The checks that need no fields, in the order of the dialect.
    fn shared_checks(
        &self,
        way: &Way<'_>,
        snapshot: &Snapshot,
        offer: &CompiledOffer,
        campaign: Option<&Campaign>,
        credit: &Credit,
    ) -> Option<Problem> {
        let consumer = way.request.fields.get(IP_FIELD).and_then(|text| text.trim().parse::<IpAddr>().ok());
        let session = credit.session.as_ref();
        let creative = session
            .and_then(|session| session.creative)
            .and_then(|id| snapshot.creative(id))
            .filter(|(of, _)| of.offer.id == offer.offer.id)
            .map(|(_, creative)| creative);
        let located = self.site.geo.as_ref().map(|geo| {
            let address = consumer.or((is_browsers(way.request)).then_some(way.client.ip));
            match (address, session) {
                (Some(address), _) => Some(geo.country(address)),
                (None, Some(session)) if session.ip.is_some() => {
                    Some(session.country.clone().or_else(|| session.ip.and_then(|ip| geo.country(ip))))
                }
                (None, _) => None,
            }
        });
        let visit = Visit {
            now: way.now,
            affiliate: credit.affiliate,
            sub_affiliate: credit.sub_ids.sub_affiliate(),
            offer,
            campaign,
            creative,
            addresses: [Some(way.client.ip), consumer],
            country: match &located {
                None | Some(None) => Geo::NotEnforced,
                Some(Some(None)) => Geo::Unknown,
                Some(Some(Some(code))) => Geo::Country(code),
            },
        };
        gate::refuse(snapshot, &visit).map(|refused| refused.why.problem())
    }

    /// Hands a lead to the store, which decides about duplicates and caps.
    async fn accept(
        &self,
        way: &Way<'_>,
        snapshot: &Snapshot,
        offer: &CompiledOffer,
        campaign: Option<&Campaign>,
        credit: Credit,
        judged: Judged,
    ) -> Result<PostAnswer, PostError> {
        let test = judgement::is_test(way.request, &credit);
        for _ in 0..MAX_ID_TRIES {
            let id = LeadId::random(&mut self.site.random());
            let (row, _) = self.site.rows.next(way.now);
            let session_row =
                credit.session.as_ref().map_or_else(|| self.site.rows.next(way.now).0, |s| s.id);
            let settlement = settlement::settle(offer, campaign, &credit, &judged, test, id, way.now);
            let lead =
                lead(way, snapshot, offer, &credit, &judged, &settlement, (id, row, session_row), test);
            let accept =
                self.accept_lead(way, snapshot, offer, campaign, &credit, &judged, &settlement, lead.clone());
            match self.site.store.accept_lead(accept).await? {
                Posted::LeadIdTaken => {}
                Posted::Before(before) => return Ok(replay(way, &before)),
                Posted::Now(verdict, answer) => return Ok(self.told(way, lead, verdict, answer)),
            }
        }
        Err(PostError::Store(StoreError::Conflict))
    }

    #[expect(clippy::too_many_arguments, reason = "each is a step's own result; a struct would be read once")]
    fn accept_lead(
        &self,
        way: &Way<'_>,
        snapshot: &Snapshot,
        offer: &CompiledOffer,
        campaign: Option<&Campaign>,
        credit: &Credit,
        judged: &Judged,
        settlement: &Settlement,
        lead: Lead,
    ) -> AcceptLead {
        // A lead for review or thrown out skips the checks after its fields.
        let skips = judged.verdict.is_some();
        let key = duplicate_key(offer, &lead);
        let day = snapshot.zone().day_of(way.now);
        let counted = settlement.counts && !lead.test;
        let scopes = [Some(CapScope::Offer(lead.offer)), lead.campaign.map(CapScope::Campaign)];
        let open_session = credit.session.is_none().then(|| LeadSession {
            id: lead.session,
            at: way.now,
            affiliate: lead.affiliate,
            offer: lead.offer,
            campaign: lead.campaign,
            sub_ids: lead.sub_ids.clone(),
            test: lead.test,
            ip: consumer_ip(&lead).or(lead.ip),
        });
        AcceptLead {
            open_session,
            duplicate: duplicate_check(offer, key.clone(), way.now).filter(|_| !skips),
            register: key.filter(|_| settlement.counts_as_earlier && !lead.test),
            filtered: judged.filtered.filter(|_| !skips),
            caps: if skips || lead.test { Vec::new() } else { lead_caps(offer, campaign, day) },
            counts: scopes
                .into_iter()
                .flatten()
                .filter(|_| counted)
                .map(|scope| DayCount { scope, of: CapOf::Lead, day })
                .collect(),
            ledger: payout_entry(&lead).into_iter().collect(),
            post: self.record(way, Some(&lead), credit, settlement.errors.clone()),
            idempotency: claim(way, credit.campaign, credit.offer),
            answer: self.answer_of_lead(way, offer, credit, lead.clone()),
            lead,
        }
    }

    /// Renders the answer once the store's verdict is known.
    pub(crate) fn answer_of_lead(
        &self,
        way: &Way<'_>,
        offer: &CompiledOffer,
        credit: &Credit,
        lead: Lead,
    ) -> crumb_storage::leads::AnswerFn {
        let form = way.form.clone();
        let request_id = self.site.request_id(lead.session);
        let session = credit.session.clone();
        let offer = Arc::new(offer.offer.clone());
        let (now, ip) = (way.now, consumer_ip(&lead).or(lead.ip));
        Box::new(move |verdict| {
            let tokens = ReplyTokens { lead: &lead, request_id, session: session.as_ref(), ip, now };
            let reply = match verdict {
                Verdict::Accepted => replies::of_lead(&offer, &tokens),
                Verdict::Rejected(problem) => replies::of_problem(Some(&offer), *problem, Some(&tokens)),
            };
            render(&form, &reply)
        })
    }

    pub(crate) fn told(
        &self,
        way: &Way<'_>,
        lead: Lead,
        verdict: Verdict,
        answer: StoredAnswer,
    ) -> PostAnswer {
        let outcome = match verdict {
            Verdict::Accepted => {
                let outcome = Answered::Lead(lead.outcome);
                self.site.feed.tell(|| Recorded::Lead(Arc::new(lead)));
                outcome
            }
            Verdict::Rejected(problem) => {
                self.tell_rejection(
                    way,
                    lead.row,
                    Some(lead.offer),
                    problem,
                    vec![problem.as_str().to_owned()],
                );
                Answered::Rejected(problem)
            }
        };
        PostAnswer { answer, replayed: false, kind: way.kind, outcome }
    }

    fn tell_rejection(
        &self,
        way: &Way<'_>,
        id: crumb_domain::RowId,
        offer: Option<OfferId>,
        problem: Problem,
        errors: Vec<String>,
    ) {
        let (at, kind) = (way.now, way.kind);
        self.site.feed.tell(|| Recorded::Rejection { id, at, kind, offer, problem, errors });
    }

    /// Keeps a post that made no lead, and answers it.
    pub(crate) async fn refuse(&self, way: &Way<'_>, refused: Refused) -> Result<PostAnswer, PostError> {
        let answer = render(&way.form, &refused.reply);
        let outcome = Answered::Rejected(refused.problem);
        let kept = PostAnswer { answer: answer.clone(), replayed: false, kind: way.kind, outcome };
        if refused.campaign.is_none() && refused.offer.is_none() {
            return Ok(kept);
        }
        let poster = (refused.campaign, refused.offer, way.client.ip);
        let mut post = self.record(way, None, &refused, refused.errors.clone());
        post.affiliate = refused.affiliate;
        let (id, offer) = (post.id, post.offer);
        let reject = RejectPost {
            post,
            problem: refused.problem,
            idempotency: refused
                .offer
                .filter(|_| refused.authentic)
                .and_then(|o| claim(way, refused.campaign, o)),
            answer,
            keep: self.budget.keeps(poster, way.now),
        };
        match self.site.store.reject_post(reject).await? {
            Posted::Before(before) => Ok(replay(way, &before)),
            Posted::Now(..) | Posted::LeadIdTaken => {
                self.tell_rejection(way, id, offer, refused.problem, refused.errors);
                Ok(kept)
            }
        }
    }

    pub(crate) fn record(
        &self,
        way: &Way<'_>,
        lead: Option<&Lead>,
        named: &impl Named,
        errors: Vec<String>,
    ) -> PostRecord {
        let (campaign, offer) = named.named();
        PostRecord {
            id: lead.map_or_else(|| self.site.rows.next(way.now).0, |lead| lead.row),
            at: way.now,
            kind: way.kind,
            campaign,
            offer,
            affiliate: lead.map(|lead| lead.affiliate),
            ip: Some(way.client.ip),
            query: way.raw.query.clone(),
            content_type: way.raw.content_type.clone(),
            body: way.raw.body.clone(),
            errors,
        }
    }
}

/// What a post named: a campaign, an offer.
pub(crate) trait Named {
    fn named(&self) -> (Option<crumb_domain::CampaignId>, Option<OfferId>);
}

impl Named for Credit {
    fn named(&self) -> (Option<crumb_domain::CampaignId>, Option<OfferId>) {
        (self.campaign, Some(self.offer))
    }
}

/// A post that makes no lead.
pub(crate) struct Refused {
    pub problem: Problem,
    pub reply: LeadReply,
    pub errors: Vec<String>,
    pub campaign: Option<crumb_domain::CampaignId>,
    pub offer: Option<OfferId>,
    pub affiliate: Option<crumb_domain::AffiliateId>,
    pub authentic: bool,
}

impl Named for Refused {
    fn named(&self) -> (Option<crumb_domain::CampaignId>, Option<OfferId>) {
        (self.campaign, self.offer)
    }
}

impl Refused {
    fn unknown(problem: Problem) -> Self {
        Self {
            problem,
            reply: replies::of_problem(None, problem, None),
            errors: vec![problem.as_str().to_owned()],
            campaign: None,
            offer: None,
            affiliate: None,
            authentic: false,
        }
    }

    fn uncredited(snapshot: &Snapshot, uncredited: Uncredited) -> Self {
        let Uncredited { problem, campaign, offer, authentic } = uncredited;
        let affiliate = campaign.and_then(|id| snapshot.campaign(id)).map(|campaign| campaign.affiliate);
        Self { campaign, offer, affiliate, authentic, ..Self::unknown(problem) }
    }

    pub(crate) fn of(credit: &Credit, problem: Problem, offer: Option<&CompiledOffer>) -> Self {
        Self {
            reply: replies::of_problem(offer.map(|o| &o.offer), problem, None),
            campaign: credit.campaign,
            offer: Some(credit.offer),
            affiliate: Some(credit.affiliate),
            authentic: true,
            ..Self::unknown(problem)
        }
    }

    pub(crate) fn fields(credit: &Credit, judged: &Judged) -> Self {
        let missing = !judged.checked.missing.is_empty();
        let problem = if missing { Problem::LeadMissingData } else { Problem::ValidationFailed };
        Self {
            reply: replies::of_fields(&judged.checked),
            errors: judged.checked.texts(),
            ..Self::of(credit, problem, None)
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "a lead is made of all that was found out about its post")]
fn lead(
    way: &Way<'_>,
    snapshot: &Snapshot,
    offer: &CompiledOffer,
    credit: &Credit,
    judged: &Judged,
    settlement: &Settlement,
    (id, row, session): (LeadId, crumb_domain::RowId, crumb_domain::RowId),
    test: bool,
) -> Lead {
    Lead {
        id,
        row,
        at: way.now,
        post: way.kind,
        status: settlement.status,
        outcome: settlement.outcome,
        errors: settlement.errors.clone(),
        affiliate: credit.affiliate,
        offer: credit.offer,
        vertical: offer.offer.vertical,
        campaign: credit.campaign,
        offer_contract: credit.offer_contract,
        attribution: credit.attribution,
        trace: credit.trace,
        session,
        sub_ids: credit.sub_ids.clone(),
        fields: judged.checked.values.clone(),
        payout: settlement.payout,
        revenue: crumb_domain::Money::ZERO,
        sales: Vec::new(),
        test,
        ip: Some(way.client.ip),
        revision: 0,
        config_version: snapshot.version(),
    }
}

/// The consumer's address, where the lead says it.
pub(crate) fn consumer_ip(lead: &Lead) -> Option<IpAddr> {
    lead.field(IP_FIELD).and_then(|text| text.parse().ok())
}

pub(crate) fn duplicate_key(offer: &CompiledOffer, lead: &Lead) -> Option<DuplicateKey> {
    let vertical = offer.vertical();
    let hash = duplicate_hash(&vertical.duplicate_fields, &vertical.rules, &lead.fields)?;
    Some(DuplicateKey { vertical: vertical.id, hash })
}

pub(crate) fn duplicate_check(
    offer: &CompiledOffer,
    key: Option<DuplicateKey>,
    now: Timestamp,
) -> Option<DuplicateCheck> {
    let only_in = match offer.offer.duplicate_scope() {
        DuplicateScope::Vertical => None,
        DuplicateScope::Offer => Some(offer.offer.id),
        DuplicateScope::None => return None,
    };
    let days = i64::from(offer.vertical().duplicate_window_days);
    key.map(|key| DuplicateCheck { key, offer: only_in, since: now.plus_days(-days) })
}

fn lead_caps(
    offer: &CompiledOffer,
    campaign: Option<&Campaign>,
    day: crumb_domain::time::Day,
) -> Vec<(crumb_domain::caps::CapCheck, Problem)> {
    let of_offer = caps::checks(&offer.offer.caps, CapScope::Offer(offer.offer.id), CapOf::Lead, day)
        .map(|check| (check, Problem::OfferOverLeadCap));
    let of_campaign = campaign.into_iter().flat_map(|campaign| {
        caps::checks(&campaign.caps, CapScope::Campaign(campaign.id), CapOf::Lead, day)
            .map(|check| (check, Problem::CampaignOverLeadCap))
    });
    of_offer.chain(of_campaign).collect()
}

/// What the lead earns its affiliate, as an entry of the ledger.
fn payout_entry(lead: &Lead) -> Option<LedgerEntry> {
    (lead.payout != crumb_domain::Money::ZERO && lead.status != LeadStatus::Test).then(|| LedgerEntry {
        at: lead.at,
        kind: LedgerKind::Payout,
        lead: lead.id,
        affiliate: lead.affiliate,
        amount: lead.payout,
    })
}

/// The idempotency key's claim: of the campaign, or of offer and request id. A
/// header on a browser post without a request id is ignored, since any visitor
/// could meet any other's key; the form library's token is random and counts.
pub(crate) fn claim(
    way: &Way<'_>,
    campaign: Option<crumb_domain::CampaignId>,
    offer: OfferId,
) -> Option<IdempotencyClaim> {
    let request_id = way.request.request_id.clone().unwrap_or_default();
    let (key, scope) = match (way.raw.idempotency_key.clone()?, way.kind) {
        (IdempotencyKey::Header(key), PostKind::Server) => (key, IdempotencyScope::Campaign(campaign?)),
        (IdempotencyKey::Header(_), PostKind::Browser) => return None,
        (IdempotencyKey::Header(key), PostKind::Session) => {
            (key, IdempotencyScope::OfferAndRequest(offer, request_id))
        }
        // Its own space of keys, so that a header cannot meet it.
        (IdempotencyKey::Form(key), _) => {
            (format!("form {key}"), IdempotencyScope::OfferAndRequest(offer, request_id))
        }
    };
    Some(IdempotencyClaim { scope, key, body_hash: way.request.pairs_hash })
}

/// The answer given before under the same key, or 422 where the post differs.
pub(crate) fn replay(way: &Way<'_>, before: &crumb_storage::leads::IdempotentAnswer) -> PostAnswer {
    if before.body_hash == way.request.pairs_hash {
        let answer = before.answer.clone();
        return PostAnswer { answer, replayed: true, kind: way.kind, outcome: Answered::Before };
    }
    let answer = StoredAnswer {
        status: 422,
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        location: None,
        body: "This Idempotency-Key was used for another post.\n".to_owned(),
    };
    PostAnswer { answer, replayed: false, kind: way.kind, outcome: Answered::Before }
}
