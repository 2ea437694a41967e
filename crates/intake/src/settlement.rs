//! What becomes of a lead once it is accepted.

use crate::case::Case;
use crate::judgement::Judged;
use crumb_domain::fields::FieldVerdict;
use crumb_domain::lead::{LeadOutcome, LeadStatus};
use crumb_domain::network::OfferType;
use crumb_domain::payout::{LeadFacts, Standing, Terms, lead_payout};
use crumb_domain::time::Zone;
use crumb_domain::{AffiliateId, LeadId, Money, Timestamp};
use crumb_network::CompiledOffer;
use crumb_routing::{Command, Ending, Event, Payout, Run, State, Tree, step};
use std::sync::Arc;

/// Where a lead stands after it was accepted and offered.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// Where it stands.
    pub status: LeadStatus,
    /// What became of it.
    pub outcome: LeadOutcome,
    /// What its affiliate earns.
    pub payout: Money,
    /// Whether it counts for caps: it is answered with success.
    pub counts: bool,
    /// Whether it is the earlier lead of a later one: it is answered with success,
    /// pending or queued.
    pub counts_as_earlier: bool,
    /// The texts of its bad fields, where it was taken all the same.
    pub errors: Vec<String>,
}

/// Settles an accepted lead.
pub(crate) fn settle(case: &Case<'_>, judged: &Judged, test: bool, id: LeadId) -> Settlement {
    let credit = case.credit;
    let at_rest = |status, outcome| Settlement {
        status,
        outcome,
        payout: Money::ZERO,
        counts: true,
        counts_as_earlier: true,
        errors: judged.checked.texts(),
    };
    if test {
        let rest = at_rest(LeadStatus::Test, LeadOutcome::Test);
        return Settlement { counts: false, counts_as_earlier: false, ..rest };
    }
    if let Some((status, outcome)) = held_back(judged) {
        return Settlement { counts_as_earlier: credit.for_sale, ..at_rest(status, outcome) };
    }
    let offer = case.offer;
    let hosted = offer.offer.offer_type == OfferType::Hosted;
    if !credit.for_sale {
        let rest = at_rest(LeadStatus::Unsold, LeadOutcome::UnattributedSession);
        return Settlement { counts: hosted, counts_as_earlier: false, ..rest };
    }
    let (status, outcome) = offered(offer, id, case.way.now);
    // A lead tier is what partners are paid; the house pays itself what its own
    // campaign says.
    let is_internal = case.snapshot.settings().internal_affiliate == Some(credit.affiliate);
    let tier_payout = judged.tier_payout.filter(|_| !is_internal);
    let facts = LeadFacts::accepted(Standing::Sellable, tier_payout);
    let contract = credit.offer_contract.and_then(|id| offer.contract(id));
    Settlement {
        payout: lead_payout(&Terms::of(&offer.offer, contract, case.campaign), &facts),
        counts: hosted,
        counts_as_earlier: status == LeadStatus::Queued,
        ..at_rest(status, outcome)
    }
}

/// Where the decisions of its bad fields put a lead, if it has any.
pub(crate) fn held_back(judged: &Judged) -> Option<(LeadStatus, LeadOutcome)> {
    match judged.verdict? {
        FieldVerdict::ThrowOut => Some((LeadStatus::Scrubbed, LeadOutcome::ThrownOut)),
        FieldVerdict::Review | FieldVerdict::Reject => Some((LeadStatus::Review, LeadOutcome::Review)),
    }
}

/// Where a lead stands that is offered for sale: hosted ones wait for a buyer,
/// host-n-post ones are offered within the request.
pub(crate) fn offered(offer: &CompiledOffer, lead: LeadId, now: Timestamp) -> (LeadStatus, LeadOutcome) {
    let queued = (LeadStatus::Queued, LeadOutcome::Queued);
    if offer.offer.offer_type == OfferType::Hosted {
        return queued;
    }
    // There are no contracts yet, so nothing of the run is looked at.
    let run = Run {
        lead,
        number: 1,
        at: now,
        begun_at: now,
        offer: offer.offer.id,
        affiliate: AffiliateId::TEST,
        is_upsell: false,
        fields: Vec::new(),
        today: Zone::UTC.day_of(now),
        payout: Payout::Fixed(Money::ZERO),
        distribution: offer.offer.distribution,
        deadline: Timestamp::from_micros(now.micros() + i64::from(offer.offer.deadline_ms) * 1_000),
        seed: 0,
        facts: Vec::new(),
        earlier: Vec::new(),
        sold_exclusively: false,
        bought_count: 0,
    };
    let state = State::new(Arc::new(Tree::empty(offer.vertical())), run);
    let (_, commands) = step(state, &Event::Begin, now);
    match commands.as_slice() {
        [Command::End { ending: Ending::GiveUp }] if offer.offer.queue_failures => queued,
        _ => (LeadStatus::Unsold, LeadOutcome::NoQualifiedBuyers),
    }
}
