//! What becomes of a lead once it is accepted.

use crate::case::Case;
use crate::judgement::Judged;
use crumb_domain::Money;
use crumb_domain::conversion::{Found, LeadConversion};
use crumb_domain::fields::FieldVerdict;
use crumb_domain::lead::{LeadOutcome, LeadStatus};
use crumb_domain::network::OfferType;
use crumb_domain::payout::{LeadFacts, Standing, Terms, converted, is_conversion, lead_payout};
use crumb_storage::leads::Offering;

/// Where a lead stands after it was accepted and offered.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// Where it stands.
    pub status: LeadStatus,
    /// What became of it.
    pub outcome: LeadOutcome,
    /// What its affiliate earns.
    pub payout: Money,
    /// The conversion that it is at once.
    pub conversion: Option<LeadConversion>,
    /// What it counts for.
    pub counts: Counts,
    /// The texts of its bad fields, where it was taken all the same.
    pub errors: Vec<String>,
    /// How it is offered for sale, if it is.
    pub offering: Option<Offering>,
}

/// What an accepted lead counts for: for caps where it is answered with success; as
/// the earlier lead of a later one also where it is queued, unless it is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// For caps, and as an earlier lead.
    Fully,
    /// For caps only: a session post that named no session.
    InCaps,
    /// As an earlier lead only: it is queued, and its poster was told that it is unsold.
    AsEarlier,
    /// For nothing: a test, or unsold.
    Nowhere,
}

impl Counts {
    /// Whether it counts for caps.
    pub fn in_caps(self) -> bool {
        matches!(self, Self::Fully | Self::InCaps)
    }

    /// Whether it is the earlier lead of a later one.
    pub fn as_earlier(self) -> bool {
        matches!(self, Self::Fully | Self::AsEarlier)
    }
}

/// Settles an accepted lead. `promised`: what its seller was told that it earns; `found`:
/// what it finds where it is a conversion at once.
pub(crate) fn settle(
    case: &Case<'_>,
    judged: &Judged,
    test: bool,
    promised: Option<Money>,
    found: &Found,
) -> Settlement {
    let credit = case.credit;
    let at_rest = |status, outcome| Settlement {
        status,
        outcome,
        payout: Money::ZERO,
        conversion: None,
        counts: Counts::Fully,
        errors: judged.checked.texts(),
        offering: None,
    };
    if test {
        return Settlement { counts: Counts::Nowhere, ..at_rest(LeadStatus::Test, LeadOutcome::Test) };
    }
    if let Some((status, outcome)) = held_back(judged) {
        let counts = if credit.for_sale { Counts::Fully } else { Counts::InCaps };
        return Settlement { counts, ..at_rest(status, outcome) };
    }
    let offer = case.offer;
    let hosted = offer.offer.offer_type == OfferType::Hosted;
    if !credit.for_sale {
        let rest = at_rest(LeadStatus::Unsold, LeadOutcome::UnattributedSession);
        let counts = if hosted { Counts::InCaps } else { Counts::Nowhere };
        return Settlement { counts, ..rest };
    }
    let (status, outcome, offering) = offered(case);
    if offering == Some(Offering::InHand) {
        // What it earns is known once it is sold, or not. Until then it counts.
        return Settlement { offering, ..at_rest(status, outcome) };
    }
    // A lead tier is what partners are paid; the house pays itself what its own
    // campaign says.
    let is_internal = case.snapshot.settings().internal_affiliate == Some(credit.affiliate);
    let tier_payout = judged.tier_payout.filter(|_| !is_internal);
    let facts = LeadFacts::accepted(Standing::Sellable, tier_payout);
    let contract = credit.offer_contract.and_then(|id| offer.contract(id));
    let terms = Terms::of(&offer.offer, contract, case.campaign);
    // Only hosted leads earn before they are sold.
    let promised = promised.filter(|_| hosted).unwrap_or_default();
    let earn = |facts: &LeadFacts| lead_payout(&terms, facts).max(promised);
    let event = offer.default_event().filter(|_| is_conversion(&terms, &facts));
    let (conversion, payout) = match event.map(|event| LeadConversion::of(event.id)) {
        Some(told) => {
            let (told, payout) = converted(told, found, &terms, &facts, earn);
            (Some(told), payout)
        }
        None => (None, earn(&facts)),
    };
    Settlement {
        conversion,
        payout,
        counts: match status {
            LeadStatus::Queued if hosted => Counts::Fully,
            LeadStatus::Queued => Counts::AsEarlier,
            _ => Counts::Nowhere,
        },
        offering,
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

/// How a lead that is offered for sale stands meanwhile, and how it is offered: hosted
/// ones wait for a buyer in the queue, host-n-post ones are sold within the request. One
/// that is in hand stands as a crash would leave it.
pub(crate) fn offered(case: &Case<'_>) -> (LeadStatus, LeadOutcome, Option<Offering>) {
    // Where nobody buys there is nothing to try before the network changes, which wakes
    // all that waits.
    let expires = case.incoming.now.plus_seconds(i64::from(case.offer.vertical().expiration_hours) * 3_600);
    let due = if case.has_contracts { case.incoming.now } else { expires };
    let queued = (LeadStatus::Queued, LeadOutcome::Queued, Some(Offering::Waits(due)));
    let offer = &case.offer.offer;
    if offer.offer_type == OfferType::Hosted {
        return queued;
    }
    if case.has_contracts {
        return (LeadStatus::Unsold, LeadOutcome::Interrupted, Some(Offering::InHand));
    }
    if offer.queue_failures { queued } else { (LeadStatus::Unsold, LeadOutcome::NoQualifiedBuyers, None) }
}
