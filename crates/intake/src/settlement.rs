//! What becomes of a lead once it is accepted.

use crate::credit::Credit;
use crate::judgement::Judged;
use crumb_domain::fields::FieldVerdict;
use crumb_domain::lead::{LeadOutcome, LeadStatus};
use crumb_domain::network::{Campaign, Offer, OfferType};
use crumb_domain::payout::{LeadFacts, Standing, Terms, lead_payout};
use crumb_domain::{LeadId, Money, Timestamp};
use crumb_network::CompiledOffer;
use crumb_routing::{Command, Event, State, Subject, step};

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
pub fn settle(
    offer: &CompiledOffer,
    campaign: Option<&Campaign>,
    credit: &Credit,
    judged: &Judged,
    test: bool,
    id: LeadId,
    now: Timestamp,
) -> Settlement {
    let at_rest = |status, outcome| Settlement {
        status,
        outcome,
        payout: Money::ZERO,
        counts: true,
        counts_as_earlier: true,
        errors: judged.checked.texts(),
    };
    match judged.verdict {
        Some(FieldVerdict::ThrowOut) => return at_rest(LeadStatus::Scrubbed, LeadOutcome::ThrownOut),
        Some(FieldVerdict::Review | FieldVerdict::Reject) => {
            return at_rest(LeadStatus::Review, LeadOutcome::Review);
        }
        None => {}
    }
    let hosted = offer.offer.offer_type == OfferType::Hosted;
    if test {
        let rest = at_rest(LeadStatus::Test, LeadOutcome::Test);
        return Settlement { counts: false, counts_as_earlier: false, ..rest };
    }
    if !credit.for_sale {
        let rest = at_rest(LeadStatus::Unsold, LeadOutcome::UnattributedSession);
        return Settlement { counts: hosted, counts_as_earlier: false, ..rest };
    }
    let waits = hosted || offer.offer.queue_failures;
    let (status, outcome) = if hosted {
        (LeadStatus::Queued, LeadOutcome::Queued)
    } else {
        sell(&offer.offer, offer, id, now, waits)
    };
    let facts = LeadFacts::accepted(Standing::Sellable, judged.tier_payout);
    let contract = credit.offer_contract.and_then(|id| offer.contract(id)).or(offer.default_contract());
    Settlement {
        payout: lead_payout(&Terms::of(&offer.offer, contract, campaign), &facts),
        counts: hosted,
        counts_as_earlier: waits,
        ..at_rest(status, outcome)
    }
}

/// Offers a host-n-post lead to the buyers, within the request.
fn sell(
    offer: &Offer,
    compiled: &CompiledOffer,
    lead: LeadId,
    now: Timestamp,
    waits: bool,
) -> (LeadStatus, LeadOutcome) {
    let subject = Subject {
        lead,
        offer: offer.id,
        offer_type: offer.offer_type,
        vertical: offer.vertical,
        router: compiled.vertical().router.clone(),
        deadline: Timestamp::from_micros(now.micros() + i64::from(offer.deadline_ms) * 1_000),
    };
    let (_, commands) = step(State::new(subject), &Event::LeadAccepted, now);
    let [Command::GiveUp] = commands.as_slice() else {
        return (LeadStatus::Unsold, LeadOutcome::NoQualifiedBuyers);
    };
    if waits {
        (LeadStatus::Queued, LeadOutcome::Queued)
    } else {
        (LeadStatus::Unsold, LeadOutcome::NoQualifiedBuyers)
    }
}
