//! A lead on its way into the store, which decides about duplicates and caps.

use crate::case::Case;
use crate::idempotency::{claim, replay};
use crate::judgement::{self, IP_FIELD, Judged};
use crate::onward::Onward;
use crate::refused::{About, record};
use crate::replies::{self, ReplyTokens};
use crate::sale::Waits;
use crate::selling::becoming::{self, Becoming};
use crate::selling::quote::Quoted;
use crate::selling::{timeline, webhooks};
use crate::service::{Leads, PostAnswer, PostError};
use crate::settlement::{Settlement, settle};
use crumb_domain::caps::{self, CapCheck, CapScope, DayCount};
use crumb_domain::conversion::{Conversion, Found};
use crumb_domain::duplicate::duplicate_hash;
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::network::{CapOf, DuplicateScope, WebhookEvent};
use crumb_domain::outcome::Problem;
use crumb_domain::post::{KeptPost, StoredAnswer};
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::session::Session;
use crumb_domain::{LeadId, Money, RowId, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_storage::leads::{
    AcceptLead, AnswerFn, DuplicateCheck, DuplicateKey, LeadSession, Offering, Posted, QuoteUse, Verdict,
};
use crumb_storage::outbox::NewDelivery;
use crumb_storage::outbox::{CapTold, RefusedFn};
use crumb_storage::{Store, StoreError};
use crumb_wire::answer::{AnswerForm, render};
use crumb_wire::post::parse_post;
use std::net::IpAddr;
use std::sync::Arc;

/// Times that a post is begun again before it is given up, with a new random lead id, with
/// what a pixel has reported meanwhile or with its conversion cap full: one id in 10^12 is
/// taken once a few million leads are stored, a session's event is reported once, and a cap
/// that is full stays so, so a third try is rare.
const MAX_TRIES: usize = 16;

/// The names of a lead that is made.
#[derive(Clone, Copy)]
struct Names {
    id: LeadId,
    row: RowId,
    session: RowId,
}

impl Names {
    fn give(self, lead: &mut Lead) {
        (lead.id, lead.row, lead.session) = (self.id, self.row, self.session);
    }
}

impl<S: Store + Clone> Leads<S> {
    /// Hands a lead to the store, and sells it where it is to be sold now.
    ///
    /// What few posts come to is boxed, here and where a lead is changed: the future of
    /// each post is as large as the largest of what it may come to, and is moved about.
    pub(crate) async fn accept(
        &self,
        case: &Case<'_>,
        mut judged: Judged,
        quoted: Option<Quoted>,
    ) -> Result<PostAnswer, PostError> {
        let incoming = case.incoming;
        let test = judgement::is_test(incoming.request, case.credit);
        let promised = quoted.as_ref().map(|quoted| quoted.quote.payout);
        let mut found = Found::default();
        let mut settlement = settle(case, &judged, test, promised, &found);
        let names = || self.names(case);
        let mut first = names();
        if let Some(id) = quoted.as_ref().and_then(|quoted| quoted.lead) {
            // By which its buyers know it already.
            first.id = id;
        }
        let mut lead = Arc::new(lead(case, &mut judged, &settlement, first, test));
        let mut tries = 0;
        let mut waits = Waits::default();
        loop {
            let earlier = found.earlier.as_deref();
            let accept = self.accept_lead(case, &judged, &settlement, &lead, quoted.as_ref(), earlier);
            match self.site.store.accept_lead(accept).await? {
                Posted::LeadIdTaken | Posted::TakesOver(_) | Posted::ConversionCap { .. }
                    if tries == MAX_TRIES =>
                {
                    return Err(PostError::Store(StoreError::Conflict));
                }
                Posted::LeadIdTaken => tries += 1,
                // Only now is it known that a pixel was faster or a cap is full: for all others
                // nothing is read.
                other @ (Posted::TakesOver(_) | Posted::ConversionCap { .. }) => {
                    tries += 1;
                    match other {
                        Posted::ConversionCap { is_full } => found.cap_is_full = is_full,
                        Posted::TakesOver(earlier) => found.earlier = earlier,
                        _ => {}
                    }
                    settlement = settle(case, &judged, test, promised, &found);
                    let lead = Arc::make_mut(&mut lead);
                    (lead.payout, lead.conversion) = (settlement.payout, settlement.conversion.clone());
                    continue;
                }
                Posted::Before(before) => return Ok(replay(incoming, &before)),
                Posted::KeyInFlight { body_hash } => {
                    let wait = Box::pin(self.wait_for_key(incoming, body_hash, &mut waits));
                    if let Some(answer) = wait.await? {
                        return Ok(answer);
                    }
                }
                Posted::InHand => {
                    let lead = Arc::unwrap_or_clone(lead);
                    return Box::pin(self.sell_now(case, lead, LeadEffect::Made, quoted.as_ref())).await;
                }
                Posted::Now(verdict, answer) => {
                    // What falls due later the queue looks for by itself.
                    if matches!(settlement.offering, Some(Offering::Waits(due)) if due <= incoming.now) {
                        self.selling.wake();
                    }
                    return Ok(self.told(incoming, lead, verdict, answer));
                }
            }
            names().give(Arc::make_mut(&mut lead));
        }
    }

    /// The names of a lead that has not been tried yet.
    fn names(&self, case: &Case<'_>) -> Names {
        let now = case.incoming.now;
        let session = case.credit.session.as_ref().map(|session| session.id);
        Names {
            id: LeadId::random(&mut self.site.random()),
            row: self.site.rows.next(now),
            session: session.unwrap_or_else(|| self.site.rows.next(now)),
        }
    }

    fn accept_lead(
        &self,
        case: &Case<'_>,
        judged: &Judged,
        settlement: &Settlement,
        lead: &Arc<Lead>,
        quoted: Option<&Quoted>,
        earlier: Option<&Conversion>,
    ) -> AcceptLead {
        let (incoming, credit) = (case.incoming, case.credit);
        let becomes = Becoming { before: None, lead, earlier };
        // A lead for review or thrown out skips the checks after its fields.
        let skips = judged.verdict.is_some();
        let key = duplicate_key(case.offer, lead);
        let about = About::credit(credit);
        AcceptLead {
            open_session: credit.session.is_none().then(|| session_of(lead)),
            duplicate: duplicate_check(case, key.clone()).filter(|_| !skips),
            register: key.filter(|_| settlement.counts.as_earlier()),
            filtered: judged.filtered.filter(|_| !skips),
            caps: if skips || lead.test { Vec::new() } else { lead_caps(case) },
            conversion_caps: becomes.caps(case.snapshot),
            counts: counts(case.snapshot, settlement, becomes),
            ledger: payout_entry(lead).into_iter().chain(advertisers_entry(lead)).collect(),
            takes_over: earlier.map(|earlier| becoming::take_over(&self.site, lead, earlier, incoming.now)),
            timeline: {
                let over_cap = becomes.over_cap_entry(incoming.now);
                timeline::held_back(lead, incoming.now).into_iter().chain(over_cap).collect()
            },
            deliveries: self.told_of(case, becomes),
            caps_told: self.caps_told(case, settlement, becomes),
            refused_told: self.refused_told(case, lead),
            quote: quoted
                .map(|Quoted { quote, .. }| QuoteUse { id: quote.id.clone(), campaign: quote.campaign }),
            offering: settlement.offering,
            post: record(incoming, lead.row, about, settlement.errors.clone()),
            idempotency: claim(incoming, credit.campaign, credit.offer),
            answer: self.answer_of_lead(case, Arc::clone(lead)),
            keep_refused: self.keep_fn(incoming, about),
            lead: Arc::clone(lead),
        }
    }

    /// Who is told of caps that it fills. Of leads, one in hand may not go on counting.
    fn caps_told(&self, case: &Case<'_>, settlement: &Settlement, becomes: Becoming<'_>) -> Vec<CapTold> {
        let (snapshot, now, lead) = (case.snapshot, case.incoming.now, becomes.lead);
        let mut told = Vec::new();
        if settlement.counts.in_caps() && settlement.offering != Some(Offering::InHand) {
            told.extend(webhooks::caps_filled(&self.site, snapshot, CapOf::Lead, lead, now));
        }
        if becomes.counts() {
            told.extend(webhooks::caps_filled(&self.site, snapshot, CapOf::Conversion, lead, now));
        }
        told
    }

    /// Who is told of it once it is accepted.
    fn told_of(&self, case: &Case<'_>, becomes: Becoming<'_>) -> Vec<NewDelivery> {
        let (snapshot, session, now) = (case.snapshot, case.credit.session.as_ref(), case.incoming.now);
        let mut all = becomes.deliveries(&self.site, snapshot, session, now);
        all.extend(webhooks::of_new_lead(&self.site, snapshot, becomes.lead));
        all
    }

    /// Who is told where the store refuses it, if anybody is.
    fn refused_told(&self, case: &Case<'_>, lead: &Lead) -> Option<RefusedFn> {
        if lead.test || case.snapshot.webhooks_told(WebhookEvent::LeadRejected).next().is_none() {
            return None;
        }
        let (site, snapshot) = (Arc::clone(&self.site), Arc::clone(case.snapshot));
        let (post, about, now) = ((lead.row, lead.post), About::credit(case.credit), case.incoming.now);
        Some(Box::new(move |problem| webhooks::of_refused(&site, &snapshot, post, about, problem, now)))
    }

    /// Renders the answer once the store's verdict is known.
    fn answer_of_lead(&self, case: &Case<'_>, lead: Arc<Lead>) -> AnswerFn {
        let answering = self.answering(case, case.credit.session.clone(), LeadEffect::Made);
        Box::new(move |verdict| answering.answer(&lead, verdict, &Onward::Offer, false))
    }

    /// What makes the answers to a post.
    pub(crate) fn answering(
        &self,
        case: &Case<'_>,
        session: Option<Session>,
        effect: LeadEffect,
    ) -> Answering {
        Answering {
            form: case.incoming.form.clone(),
            names: self.site.keys.request_ids.clone(),
            snapshot: Arc::clone(case.snapshot),
            session,
            effect,
            now: case.incoming.now,
        }
    }
}

/// What makes the answers to a post, by how its lead stands.
pub(crate) struct Answering {
    form: AnswerForm,
    names: RequestIdKey,
    snapshot: Arc<Snapshot>,
    session: Option<Session>,
    effect: LeadEffect,
    now: Timestamp,
}

impl Answering {
    /// For a lead that is settled after its post was answered, in the same form.
    pub fn at_rest(
        post: &KeptPost,
        names: RequestIdKey,
        snapshot: Arc<Snapshot>,
        session: Option<Session>,
    ) -> Self {
        let (form, now) = (form_of(post), post.at);
        Self { form, names, snapshot, session, effect: LeadEffect::Changed, now }
    }

    /// The answer, as [`replies::of_lead`] and [`replies::of_problem`] say.
    pub fn answer(&self, lead: &Lead, verdict: &Verdict, onward: &Onward, is_refused: bool) -> StoredAnswer {
        let Some(offer) = self.snapshot.offer(lead.offer) else {
            return render(&self.form, &replies::of_problem(None, Problem::InactiveOffer, None));
        };
        let is_kept = *verdict == Verdict::Accepted || self.effect == LeadEffect::Changed;
        let tokens = ReplyTokens {
            lead,
            is_kept,
            names: Some(&self.names),
            session: self.session.as_ref(),
            rules: &offer.vertical().rules,
            ip: consumer_ip(lead).or(lead.ip),
            now: self.now,
        };
        let reply = match verdict {
            Verdict::Accepted => replies::of_lead(&offer.offer, &tokens, onward, is_refused),
            Verdict::Rejected(problem) => replies::of_problem(Some(&offer.offer), *problem, Some(&tokens)),
        };
        render(&self.form, &reply)
    }
}

/// The form in which a post that is kept was answered.
fn form_of(post: &KeptPost) -> AnswerForm {
    let Ok(request) = parse_post(&post.query, Some(&post.content_type), &post.body) else {
        return AnswerForm::Xml;
    };
    let callback = request.callback.as_ref().and_then(|c| c.as_ref().ok()).map(|c| c.as_str());
    let is_json = |answer: &StoredAnswer| {
        answer
            .content_type
            .as_deref()
            .is_some_and(|content_type| content_type.starts_with("application/json"))
    };
    let json = request.json_body || post.answer.as_ref().is_some_and(is_json);
    AnswerForm::choose(request.iframe, callback, request.browser_post, json, post.kind)
}

/// What an accepted post does to its lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeadEffect {
    /// It makes it: before it, there was none.
    Made,
    /// It changes it: the lead is kept whatever becomes of the post.
    Changed,
}

/// The lead, which takes the values of the checked fields.
fn lead(case: &Case<'_>, judged: &mut Judged, settlement: &Settlement, names: Names, test: bool) -> Lead {
    let (incoming, credit) = (case.incoming, case.credit);
    Lead {
        id: names.id,
        row: names.row,
        at: incoming.now,
        post: incoming.kind,
        status: settlement.status,
        outcome: settlement.outcome,
        errors: settlement.errors.clone(),
        affiliate: credit.affiliate,
        offer: credit.offer,
        vertical: case.offer.offer.vertical,
        campaign: credit.campaign,
        offer_contract: credit.offer_contract,
        attribution: credit.attribution,
        trace: credit.trace,
        session: names.session,
        sub_ids: credit.sub_ids.clone(),
        fields: std::mem::take(&mut judged.checked.values),
        payout: settlement.payout,
        revenue: Money::ZERO,
        sales: Vec::new(),
        conversion: settlement.conversion.clone(),
        test,
        upsell: incoming.request.upsell,
        ip: Some(incoming.client.ip),
        revision: 0,
        config_version: case.snapshot.version(),
    }
}

/// The session that a lead without one opens: no click, attributes no later post.
fn session_of(lead: &Lead) -> LeadSession {
    LeadSession {
        id: lead.session,
        at: lead.at,
        affiliate: lead.affiliate,
        offer: lead.offer,
        campaign: lead.campaign,
        sub_ids: lead.sub_ids.clone(),
        test: lead.test,
        ip: consumer_ip(lead).or(lead.ip),
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

pub(crate) fn duplicate_check(case: &Case<'_>, key: Option<DuplicateKey>) -> Option<DuplicateCheck> {
    let offer = case.offer;
    let only_in = match offer.offer.duplicate_scope() {
        DuplicateScope::Vertical => None,
        DuplicateScope::Offer => Some(offer.offer.id),
        DuplicateScope::None => return None,
    };
    let days = i64::from(offer.vertical().duplicate_window_days);
    key.map(|key| DuplicateCheck { key, offer: only_in, since: case.incoming.now.plus_days(-days) })
}

/// The offer's caps, then the campaign's.
pub(crate) fn lead_caps(case: &Case<'_>) -> Vec<(CapCheck, Problem)> {
    let (offer, day) = (&case.offer.offer, case.today());
    let of_offer = caps::checks(&offer.caps, CapScope::Offer(offer.id), CapOf::Lead, day)
        .map(|check| (check, Problem::OfferOverLeadCap));
    let of_campaign = case.campaign.into_iter().flat_map(|campaign| {
        caps::checks(&campaign.caps, CapScope::Campaign(campaign.id), CapOf::Lead, day)
            .map(|check| (check, Problem::CampaignOverLeadCap))
    });
    of_offer.chain(of_campaign).collect()
}

/// What a lead that is accepted counts as at once.
fn counts(snapshot: &Snapshot, settlement: &Settlement, becomes: Becoming<'_>) -> Vec<DayCount> {
    let of_lead = settlement.counts.in_caps().then_some(CapOf::Lead);
    let of_conversion = becomes.counts().then_some(CapOf::Conversion);
    let all = of_lead.into_iter().chain(of_conversion);
    all.flat_map(|of| day_counts(snapshot, becomes.lead, of)).collect()
}

/// The counts that a lead raises.
pub(crate) fn lead_counts(snapshot: &Snapshot, lead: &Lead) -> Vec<DayCount> {
    day_counts(snapshot, lead, CapOf::Lead).collect()
}

/// The counts that a lead raises in the moment in which it becomes a conversion. They stay,
/// as it stays one.
pub(crate) fn conversion_counts(snapshot: &Snapshot, lead: &Lead) -> Vec<DayCount> {
    day_counts(snapshot, lead, CapOf::Conversion).collect()
}

/// Its offer's and its campaign's, on the day of the network's zone on which it came.
fn day_counts(snapshot: &Snapshot, lead: &Lead, of: CapOf) -> impl Iterator<Item = DayCount> {
    let scopes = [Some(CapScope::Offer(lead.offer)), lead.campaign.map(CapScope::Campaign)];
    let day = snapshot.zone().day_of(lead.at);
    scopes.into_iter().flatten().map(move |scope| DayCount { scope, of, day })
}

/// What its advertiser pays for a lead that took over what was said of that.
fn advertisers_entry(lead: &Lead) -> Option<LedgerEntry> {
    let told = lead.conversion.as_ref()?;
    let part = told.advertisers_part(lead.revenue);
    let received = |advertiser| LedgerEntry::received(lead.at, lead.row, advertiser, part);
    told.advertiser.map(received).filter(|entry| entry.amount != Money::ZERO)
}

/// What the lead earns its affiliate, as an entry of the ledger.
fn payout_entry(lead: &Lead) -> Option<LedgerEntry> {
    (lead.payout != Money::ZERO && lead.status != LeadStatus::Test)
        .then(|| LedgerEntry::payout(lead.at, lead.id, lead.affiliate, lead.payout))
}
