//! Where a lead stands after a run, what it has earned, and what follows.

use crumb_domain::conversion::{Found, LeadConversion};
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus, Sale};
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::network::OfferType;
use crumb_domain::payout::{self, LeadFacts, Standing, Terms, is_conversion, lead_payout};
use crumb_domain::selling::ContractResult;
use crumb_domain::{BuyerId, ContractId, LeadId, Money, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_routing::{Alert, Ending, Payout, State};
use crumb_tracking::lead_tier;

/// A lead that waits is tried again after at most so many seconds: credit that came by
/// other ways, buyers whose pause is over.
pub(super) const LONGEST_WAIT_SECONDS: i64 = 15 * 60;

/// What a lead's affiliate earns, whatever it sells for.
#[derive(Clone, Copy)]
pub(crate) struct Earning<'a> {
    terms: Terms,
    tier_payout: Option<Money>,
    offer: &'a CompiledOffer,
    /// Its poster had been answered that nobody bought it.
    is_late: bool,
    /// A pixel has named it.
    has_pixel: bool,
    /// What its seller was told that the lead earns, before it was posted.
    promised: Option<Money>,
    /// What it finds where it becomes a conversion; nothing unless told otherwise.
    found: Option<&'a Found>,
}

impl<'a> Earning<'a> {
    /// By the network as it stands.
    pub fn of(snapshot: &Snapshot, offer: &'a CompiledOffer, lead: &Lead, is_late: bool) -> Self {
        let contract = lead.offer_contract.and_then(|id| offer.contract(id));
        let campaign = snapshot.campaign_of(lead.campaign, lead.affiliate, lead.offer);
        Self {
            terms: Terms::of(&offer.offer, contract, campaign),
            tier_payout: lead_tier::payout(snapshot, offer, lead),
            offer,
            is_late,
            has_pixel: has_pixel(lead),
            promised: None,
            found: None,
        }
    }

    /// The same where the lead finds something in becoming a conversion.
    pub fn finding(self, found: &'a Found) -> Self {
        Self { found: Some(found), ..self }
    }

    /// The same where a price was promised: once the lead is sold it earns no less.
    pub fn promising(self, promised: Option<Money>) -> Self {
        Self { promised, ..self }
    }

    fn facts(&self, sold: Option<Money>) -> LeadFacts {
        LeadFacts {
            sold,
            is_late_sale: self.is_late,
            has_pixel: self.has_pixel,
            ..LeadFacts::accepted(Standing::Sellable, self.tier_payout)
        }
    }

    /// Whether it is a share of each sale.
    fn is_share(&self) -> bool {
        self.terms.payout_percent.is_some() && self.tier_payout.is_none()
    }

    /// What the lead has earned once its sales have brought that together; none where
    /// nobody bought it.
    pub fn after(&self, sold: Option<Money>) -> Money {
        self.at_least(lead_payout(&self.terms, &self.facts(sold)), sold.is_some())
    }

    fn at_least(&self, payout: Money, is_sold: bool) -> Money {
        self.promised.filter(|_| is_sold).map_or(payout, |promised| payout.max(promised))
    }

    /// What the lead has earned by now that had earned so much before. A lead is paid
    /// once, whatever the network pays later; a share follows the sales, and falls only
    /// where what they bring has fallen.
    pub fn total(&self, sold: Option<Money>, before: Money, has_fallen: bool) -> Money {
        match before {
            Money::ZERO => self.after(sold),
            paid if !self.is_share() => paid,
            _ if has_fallen => self.after(sold),
            paid => self.after(sold).max(paid),
        }
    }

    /// Makes the lead the conversion that it is once its sales have brought that together,
    /// which has earned what `total` says then: whether it became one by this. One that is a
    /// conversion stays the one that it is, whatever the network says later.
    pub fn convert(
        &self,
        lead: &mut Lead,
        sold: Option<Money>,
        total: impl FnOnce(&Earning<'_>) -> Money,
    ) -> bool {
        if lead.is_conversion() || !is_conversion(&self.terms, &self.facts(sold)) {
            return false;
        }
        let named = lead.conversion.take().map(LeadConversion::accepted);
        let new = || self.offer.default_event().map(|event| LeadConversion::of(event.id));
        let Some(told) = named.or_else(new) else { return false };
        let earn = |facts: &LeadFacts| total(&Earning { has_pixel: facts.has_pixel, ..*self });
        let nothing = Found::default();
        let found = self.found.unwrap_or(&nothing);
        let (told, earned) = payout::converted(told, found, &self.terms, &self.facts(sold), earn);
        (lead.conversion, lead.payout) = (Some(told), earned);
        true
    }

    /// What a sale costs, for the margin: what the affiliate is paid for it, also where a
    /// pixel must come first; nothing more where earlier sales have paid for it.
    pub fn cost(&self, has_sales: bool) -> Payout {
        let paid = |sold| lead_payout(&self.terms, &LeadFacts { has_pixel: true, ..self.facts(Some(sold)) });
        match self.terms.payout_percent.filter(|_| self.tier_payout.is_none()) {
            Some(percent) if paid(Money::from_micros(100 * Money::MICROS_PER_UNIT)) != Money::ZERO => {
                match self.promised {
                    Some(least) => Payout::PercentAtLeast { percent, least },
                    None => Payout::Percent(percent),
                }
            }
            _ if has_sales => Payout::Fixed(Money::ZERO),
            _ => Payout::Fixed(self.at_least(paid(Money::ZERO), true)),
        }
    }
}

/// The lead after a run: with the run's sales, where it stands, and what it has earned.
pub(crate) fn after_run(lead: &Lead, state: &State, earning: &Earning<'_>, now: Timestamp) -> Lead {
    let mut after = lead.clone();
    after.sales.extend(state.sales().iter().map(|sold| Sale {
        contract: sold.reserved.contract,
        buyer: sold.reserved.buyer,
        price: sold.sold_price,
        sale_type: sold.reserved.sale_type,
        at: now,
        no_return: sold.reserved.no_return,
        returned: None,
        replaces: sold.replaces,
        redirect: sold.redirect.clone(),
    }));
    if is_held_back_meanwhile(lead) && after.sales.is_empty() {
        if state.ending() == Some(Ending::Hold) {
            // Its time line says where it goes if the buyer did not buy.
            (after.status, after.outcome) = (LeadStatus::PendingUnknown, LeadOutcome::PendingUnknown);
        }
        return after;
    }
    let (status, outcome) = stands(&after, state.ending(), earning.offer);
    (after.status, after.outcome) = (status, outcome);
    earned(&mut after, earning);
    after
}

/// Whether a lead, as it stands when its run is told, was held back while it was in hand:
/// an update gave it values that are wrong. Then it stays so, unless somebody has it.
pub(crate) fn is_held_back_meanwhile(lead: &Lead) -> bool {
    lead.sales.is_empty() && matches!(lead.status, LeadStatus::Review | LeadStatus::Scrubbed)
}

fn stands(lead: &Lead, ending: Option<Ending>, offer: &CompiledOffer) -> (LeadStatus, LeadOutcome) {
    let waits = waits(offer);
    match ending {
        _ if lead.is_given_back() => (LeadStatus::Returned, LeadOutcome::Returned),
        _ if !lead.sales.is_empty() => (LeadStatus::Sold, LeadOutcome::Sold),
        Some(Ending::Hold) => (LeadStatus::PendingUnknown, LeadOutcome::PendingUnknown),
        _ if waits => (LeadStatus::Queued, LeadOutcome::Queued),
        _ => (LeadStatus::Unsold, LeadOutcome::NoQualifiedBuyers),
    }
}

/// Whether an offer's leads that nobody bought wait for a buyer.
pub(crate) fn waits(offer: &CompiledOffer) -> bool {
    offer.offer.offer_type == OfferType::Hosted || offer.offer.queue_failures
}

/// Adds a lead's sales up, and what its affiliate has earned by them; where it is a
/// conversion by them, it becomes one.
pub(crate) fn earned(lead: &mut Lead, earning: &Earning<'_>) {
    // A pixel may have come since the lead was taken in hand.
    let earning = Earning { has_pixel: has_pixel(lead), ..*earning };
    let (before, worth) = (lead.revenue, worth(lead));
    lead.revenue = brought(lead);
    let is_paid_for = |sale: &&Sale| sale.returned.is_none_or(|returned| !returned.payout_taken_back);
    match sum(lead.sales.iter().filter(is_paid_for)) {
        // Its payout was taken back with its last sale, and no sale has come since.
        None if !lead.sales.is_empty() => now_worth(lead, Money::ZERO),
        sold => {
            let has_fallen = lead.revenue < before;
            let total = |earning: &Earning<'_>| earning.total(sold, worth, has_fallen);
            if !earning.convert(lead, sold, total) {
                now_worth(lead, total(&earning));
            }
        }
    }
    is_told_if_paid(lead);
}

/// Whether the conversion does not count, by a person's word or for a full cap: no sale pays
/// it then, but what it is worth is kept.
pub(crate) fn is_taken_back(lead: &Lead) -> bool {
    lead.conversion.as_ref().is_some_and(|told| !told.only_named && !told.may_count())
}

/// What a lead has earned: its payout, or what is kept until a person lets it count.
pub(crate) fn worth(lead: &Lead) -> Money {
    let withheld = lead.conversion.as_ref().and_then(|told| told.withheld).filter(|_| is_taken_back(lead));
    withheld.map_or(lead.payout, |withheld| withheld.payout)
}

/// A lead has earned so much from now on, which is paid only where it may count.
pub(crate) fn now_worth(lead: &mut Lead, worth: Money) {
    if !is_taken_back(lead) {
        lead.payout = worth;
    } else if let Some(withheld) = lead.conversion.as_mut().and_then(|told| told.withheld.as_mut()) {
        withheld.payout = worth;
    }
}

/// A lead that is paid waits for nothing more.
pub(crate) fn is_told_if_paid(lead: &mut Lead) {
    let paid = lead.payout != Money::ZERO;
    if let Some(told) = lead.conversion.as_mut().filter(|_| paid) {
        told.waits = None;
    }
}

/// Whether a pixel has named a lead, be it before that was a conversion.
pub(crate) fn has_pixel(lead: &Lead) -> bool {
    lead.conversion.as_ref().is_some_and(|told| told.pixel_at.is_some())
}

/// What a lead has brought: its sales' prices, but those that were given back.
pub(crate) fn brought(lead: &Lead) -> Money {
    lead.sales.iter().fold(Money::ZERO, |sum, sale| plus(sum, sale.brings()))
}

/// What is left of what a lead has earned once it is taken back for every sale that was
/// returned: a share is paid of the sales that stand, a fixed payout while one stands.
/// `earning` is none where the offer is gone, so that no share can be told.
pub(crate) fn left_of_worth(lead: &Lead, earning: Option<&Earning<'_>>) -> Money {
    match (sum(lead.sales.iter().filter(|sale| sale.returned.is_none())), earning) {
        (None, _) => Money::ZERO,
        (sold, Some(earning)) if earning.is_share() => earning.after(sold).min(worth(lead)),
        _ => worth(lead),
    }
}

/// What sales cost together; none where there are none.
fn sum<'a>(sales: impl Iterator<Item = &'a Sale>) -> Option<Money> {
    sales.map(|sale| sale.price).reduce(plus)
}

/// What the ledger takes in so that it holds what the lead has earned now.
pub(crate) fn payout_difference(before: &Lead, after: &Lead, now: Timestamp) -> Option<LedgerEntry> {
    payout_entry(after, before.payout, now)
}

/// The entry that makes a payout of what it was.
pub(crate) fn payout_entry(lead: &Lead, was: Money, now: Timestamp) -> Option<LedgerEntry> {
    let amount = lead.payout.checked_sub(was).filter(|amount| *amount != Money::ZERO)?;
    Some(LedgerEntry::payout(now, lead.id, lead.affiliate, amount))
}

/// When a lead that nobody bought is tried again: as soon as what kept a contract from
/// it may have passed.
pub(crate) fn next_try(state: &State, lead: &Lead, now: Timestamp, expires: Timestamp) -> Timestamp {
    // Counted from the run's beginning, by which it was decided: what opened meanwhile
    // was not seen by it.
    let begun_at = state.run().begun_at;
    let results = state.results();
    let chances = results.iter().filter_map(|outcome| match outcome.result {
        // The row that opens next may pay more than today's, make the second of a group,
        // or be asked for a price anew: whoever was not sent the lead has another chance.
        ContractResult::ScheduleClosed
        | ContractResult::CapReached
        | ContractResult::MarginTooSmall
        | ContractResult::PingRejected
        | ContractResult::Outbid
        | ContractResult::NotNeeded
        | ContractResult::GroupIncomplete => state.tree().next_opening(outcome.contract, begun_at),
        ContractResult::LeadTooYoung => state.tree().old_enough_at(outcome.contract, lead.at),
        ContractResult::NoCredit
        | ContractResult::BuyerInactive
        | ContractResult::PingTimeout
        | ContractResult::PingError
        | ContractResult::PostTimeout
        | ContractResult::PostError
        | ContractResult::Deadline => Some(now.plus_seconds(LONGEST_WAIT_SECONDS)),
        _ => None,
    });
    chances.min().unwrap_or(expires).min(expires).max(now)
}

/// When a lead stops to be offered whose wait began at a moment.
pub(crate) fn expiry(offer: &CompiledOffer, began: Timestamp) -> Timestamp {
    began.plus_seconds(i64::from(offer.vertical().expiration_hours) * 3_600)
}

/// A sale as a sentence.
pub(crate) fn sold_text(
    buyer: BuyerId,
    contract: ContractId,
    price: Money,
    replaces: Option<LeadId>,
) -> String {
    match replaces {
        Some(given_back) => format!(
            "delivered free to buyer {buyer} under contract {contract}, in place of lead {given_back} that it gave \
             back"
        ),
        None => format!("sold to buyer {buyer} under contract {contract} for {price}"),
    }
}

fn plus(a: Money, b: Money) -> Money {
    Money::from_micros(a.micros().saturating_add(b.micros()))
}

/// An alert as a sentence.
pub(crate) fn alert_text(alert: &Alert) -> String {
    match alert {
        Alert::PriceAbsent { contract } => {
            format!("contract {contract}: the answer names no price; it counts as 0.00")
        }
        Alert::PriceUnreadable { contract } => {
            format!("contract {contract}: the answered price is no amount; it counts as 0.00")
        }
        Alert::PriceOverMaximum { contract, price, maximum } => {
            format!("contract {contract}: the answered price {price} is over {maximum}, which it counts as")
        }
        Alert::BadRedirect { contract } => {
            format!("contract {contract}: the answered redirect is no address that a visitor can be sent to")
        }
        Alert::MarginUndercut { revenue, payout, minimum } => {
            let left = Money::from_micros(revenue.micros().saturating_sub(payout.micros()));
            format!("it brought {revenue} and pays {payout}, which leaves {left}: less than {minimum}")
        }
    }
}
