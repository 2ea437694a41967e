//! A lead on its way into the store, which decides about duplicates and caps.

use crate::case::Case;
use crate::idempotency::{claim, replay};
use crate::judgement::{self, IP_FIELD, Judged};
use crate::refused::{About, record};
use crate::replies::{self, ReplyTokens};
use crate::service::{Leads, PostAnswer, PostError};
use crate::settlement::{Settlement, settle};
use crumb_domain::caps::{self, CapCheck, CapScope, DayCount};
use crumb_domain::duplicate::duplicate_hash;
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::network::{CapOf, DuplicateScope};
use crumb_domain::outcome::Problem;
use crumb_domain::session::Session;
use crumb_domain::{LeadId, Money, RowId};
use crumb_network::CompiledOffer;
use crumb_storage::leads::{
    AcceptLead, AnswerFn, DuplicateCheck, DuplicateKey, LeadSession, Posted, Verdict,
};
use crumb_storage::{Store, StoreError};
use crumb_wire::answer::render;
use std::net::IpAddr;
use std::sync::Arc;

/// New random lead ids tried before a post is given up: one in 10^12 is taken
/// once a few million leads are stored, so a second try is already rare.
const MAX_ID_TRIES: usize = 8;

/// The names of a lead that is made.
#[derive(Clone, Copy)]
struct Names {
    id: LeadId,
    row: RowId,
    session: RowId,
}

impl<S: Store + Clone> Leads<S> {
    /// Hands a lead to the store.
    pub(crate) async fn accept(&self, case: &Case<'_>, judged: Judged) -> Result<PostAnswer, PostError> {
        let way = case.way;
        for _ in 0..MAX_ID_TRIES {
            let id = LeadId::random(&mut self.site.random());
            let row = self.site.rows.next(way.now).0;
            let session =
                case.credit.session.as_ref().map_or_else(|| self.site.rows.next(way.now).0, |s| s.id);
            let test = judgement::is_test(way.request, case.credit);
            let settlement = settle(case, &judged, test, id);
            let lead = lead(case, &judged, &settlement, Names { id, row, session }, test);
            let accept = self.accept_lead(case, &judged, &settlement, lead.clone());
            match self.site.store.accept_lead(accept).await? {
                Posted::LeadIdTaken => {}
                Posted::Before(before) => return Ok(replay(way, &before)),
                // No lead is taken in hand yet, so that no key is ever in flight.
                Posted::InHand | Posted::KeyInFlight { .. } => break,
                Posted::Now(verdict, answer) => return Ok(self.told(way, lead, verdict, answer)),
            }
        }
        Err(PostError::Store(StoreError::Conflict))
    }

    fn accept_lead(
        &self,
        case: &Case<'_>,
        judged: &Judged,
        settlement: &Settlement,
        lead: Lead,
    ) -> AcceptLead {
        let (way, credit) = (case.way, case.credit);
        // A lead for review or thrown out skips the checks after its fields.
        let skips = judged.verdict.is_some();
        let key = duplicate_key(case.offer, &lead);
        let about = About::credit(credit);
        AcceptLead {
            open_session: credit.session.is_none().then(|| session_of(&lead)),
            duplicate: duplicate_check(case, key.clone()).filter(|_| !skips),
            register: key.filter(|_| settlement.counts_as_earlier),
            filtered: judged.filtered.filter(|_| !skips),
            caps: if skips || lead.test { Vec::new() } else { lead_caps(case) },
            counts: if settlement.counts { lead_counts(case, &lead) } else { Vec::new() },
            ledger: payout_entry(&lead).into_iter().collect(),
            offering: None,
            post: record(way, lead.row, about, settlement.errors.clone()),
            idempotency: claim(way, credit.campaign, credit.offer),
            answer: self.answer_of_lead(case, lead.clone(), credit.session.clone(), Before::None),
            keep_refused: self.keeps(way, about),
            lead,
        }
    }

    /// Renders the answer once the store's verdict is known.
    pub(crate) fn answer_of_lead(
        &self,
        case: &Case<'_>,
        lead: Lead,
        session: Option<Session>,
        before: Before,
    ) -> AnswerFn {
        let form = case.way.form.clone();
        let request_id = self.site.request_id(lead.session);
        let snapshot = Arc::clone(case.snapshot);
        let (now, ip) = (case.way.now, consumer_ip(&lead).or(lead.ip));
        Box::new(move |verdict| {
            let Some(offer) = snapshot.offer(lead.offer) else {
                return render(&form, &replies::of_problem(None, Problem::InactiveOffer, None));
            };
            let is_kept = *verdict == Verdict::Accepted || before == Before::Kept;
            let rules = &offer.vertical().rules;
            let session = session.as_ref();
            let tokens = ReplyTokens { lead: &lead, is_kept, request_id, session, rules, ip, now };
            let reply = match verdict {
                Verdict::Accepted => replies::of_lead(&offer.offer, &tokens),
                Verdict::Rejected(problem) => {
                    replies::of_problem(Some(&offer.offer), *problem, Some(&tokens))
                }
            };
            render(&form, &reply)
        })
    }
}

/// Whether a lead was there before the post that is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// The post would make it.
    None,
    /// The post would change it.
    Kept,
}

fn lead(case: &Case<'_>, judged: &Judged, settlement: &Settlement, names: Names, test: bool) -> Lead {
    let (way, credit) = (case.way, case.credit);
    Lead {
        id: names.id,
        row: names.row,
        at: way.now,
        post: way.kind,
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
        fields: judged.checked.values.clone(),
        payout: settlement.payout,
        revenue: Money::ZERO,
        sales: Vec::new(),
        test,
        ip: Some(way.client.ip),
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
fn consumer_ip(lead: &Lead) -> Option<IpAddr> {
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
    key.map(|key| DuplicateCheck { key, offer: only_in, since: case.way.now.plus_days(-days) })
}

/// The offer's caps, then the campaign's.
fn lead_caps(case: &Case<'_>) -> Vec<(CapCheck, Problem)> {
    let (offer, day) = (&case.offer.offer, case.today());
    let of_offer = caps::checks(&offer.caps, CapScope::Offer(offer.id), CapOf::Lead, day)
        .map(|check| (check, Problem::OfferOverLeadCap));
    let of_campaign = case.campaign.into_iter().flat_map(|campaign| {
        caps::checks(&campaign.caps, CapScope::Campaign(campaign.id), CapOf::Lead, day)
            .map(|check| (check, Problem::CampaignOverLeadCap))
    });
    of_offer.chain(of_campaign).collect()
}

fn lead_counts(case: &Case<'_>, lead: &Lead) -> Vec<DayCount> {
    let scopes = [Some(CapScope::Offer(lead.offer)), lead.campaign.map(CapScope::Campaign)];
    let day = case.today();
    scopes.into_iter().flatten().map(|scope| DayCount { scope, of: CapOf::Lead, day }).collect()
}

/// What the lead earns its affiliate, as an entry of the ledger.
fn payout_entry(lead: &Lead) -> Option<LedgerEntry> {
    (lead.payout != Money::ZERO && lead.status != LeadStatus::Test)
        .then(|| LedgerEntry::payout(lead.at, lead.id, lead.affiliate, lead.payout))
}
