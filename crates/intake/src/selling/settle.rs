//! One lead's sale, from its coming into hand to the write that settles it.

use super::market::Market;
use super::quote::Quoted;
use super::run::{Ran, Told};
use super::standing::{self, Earning};
use super::tries::{Meets, Tries};
use super::unsettled::{self, InHandBy};
use super::{Selling, alerts, becoming, broken_off, supervised};
use crate::onward::Onward;
use crumb_domain::conversion::Found;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::network::{OfferType, SaleType};
use crumb_domain::post::StoredAnswer;
use crumb_domain::selling::{AlertCode, ContractResult};
use crumb_domain::session::Session;
use crumb_domain::time::Day;
use crumb_domain::{ContractId, Money, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_routing::{ContractFacts, Earlier, Event, Had, Run, State, Tree};
use crumb_storage::selling::{
    Earlier as EarlierLead, EarlierSend, LeadChange, Quote, ReservationState, RunRecord, SellingFacts, Then,
    TimelineEntry,
};
use crumb_storage::{Store, StoreError};
use crumb_tracking::feed::Recorded;
use rand::RngExt as _;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Makes the answer to a post from its lead, and from where its visitor goes.
pub(crate) type AnswerOf<'a> = &'a (dyn Fn(&Lead, Onward) -> StoredAnswer + Sync);

/// A lead in hand, with what its sale depends on.
pub(crate) struct InHand<'a> {
    pub lead: Lead,
    pub facts: SellingFacts,
    pub snapshot: &'a Arc<Snapshot>,
    pub offer: &'a CompiledOffer,
    pub deadline: Timestamp,
    /// Its poster was answered that nobody bought it.
    pub is_late: bool,
    /// Until when it may wait in the queue.
    pub expires: Timestamp,
    /// It raised lead counts when it was accepted, for an answer that is still to come.
    pub is_counted: bool,
    /// Gives a token's value by its name, for what buyers are told.
    pub value: &'a (dyn Fn(&str) -> Option<String> + Sync),
    /// Makes the answer to the post that waits for it.
    pub answer: Option<AnswerOf<'a>>,
    /// What its seller was told before it posted the lead.
    pub quoted: Option<&'a Quoted>,
    /// Its session; none where it opened that itself.
    pub session: Option<&'a Session>,
}

impl InHand<'_> {
    /// How it came into hand.
    fn by(&self) -> InHandBy {
        match self.answer {
            None => InHandBy::Queue,
            Some(_) if self.is_counted => {
                InHandBy::Post { counted: crate::acceptance::lead_counts(self.snapshot, &self.lead) }
            }
            Some(_) => InHandBy::Post { counted: Vec::new() },
        }
    }
}

/// A lead at rest again.
pub(crate) struct Settled {
    pub lead: Lead,
    pub answer: Option<StoredAnswer>,
}

impl<S: Store + Clone> Selling<S> {
    /// The day from which a snapshot's counts matter to runs that begin now: rows of
    /// yesterday may be open, in zones a day apart.
    pub(crate) fn days_from(&self, snapshot: &Snapshot, now: Timestamp) -> Day {
        Day(snapshot.zone().day_of(now).0.saturating_sub(2))
    }

    /// Sells a lead that is in hand, and settles it.
    ///
    /// # Errors
    /// The store's. The lead is out of hand all the same as soon as the store takes what
    /// the run came to: see `unsettled`.
    #[expect(clippy::disallowed_methods, reason = "how long a sale takes is measured where it happens")]
    pub(crate) async fn sell(&self, hand: InHand<'_>) -> Result<Settled, StoreError> {
        let begun = Instant::now();
        let market = self.markets.of(hand.snapshot);
        let tree = market.tree(hand.offer.vertical());
        let promised = hand.quoted.map(|quoted| quoted.quote.payout);
        let earning = Earning::of(hand.snapshot, hand.offer, &hand.lead, hand.is_late).promising(promised);
        let run = self.inputs(&hand, &market, &tree, &earning);
        let number = run.number;
        let begun_at = run.begun_at;
        let told = Told { lead: &hand.lead, value: hand.value };
        let before = hand.quoted.map(|quoted| quoted.attempts.clone()).unwrap_or_default();
        let ran = self.run(&market, State::new(tree, run), &told, before).await;
        let record = record(&ran, number, begun_at, hand.snapshot, self.site.rows.next(begun_at));
        let now = self.site.clock.now();
        let mut before = hand.lead.clone();
        if let Some(error) = &ran.broken
            && ran.state.sales().is_empty()
            && ran.state.held().is_empty()
        {
            let mut change = unsettled::as_it_was(&before, hand.by(), now);
            change.ended.clone_from(&ran.ended);
            change.attempts.clone_from(&ran.attempts);
            change.run = Some(broken_off::by_the_store(record, ran.state.results()));
            self.let_go(change).await?;
            return Err(error.clone());
        }
        let settled = |before: &Lead, found: &Found| {
            let earning = earning.finding(found);
            let after = standing::after_run(before, &ran.state, &earning, now);
            let onward = Onward::of(&ran.state, hand.snapshot);
            let unsold = (LeadStatus::Unsold, LeadOutcome::NoQualifiedBuyers);
            let answer = hand.answer.map(|answer| match standing::is_held_back_meanwhile(&after) {
                // Its poster asked for a sale.
                true => answer(&Lead { status: unsold.0, outcome: unsold.1, ..after.clone() }, onward),
                false => answer(&after, onward),
            });
            let mut change = change(before, &after, &ran, &hand, now);
            self.tell_webhooks(hand.snapshot, before, &mut change);
            let counts = hand.is_counted && change.uncount.is_empty();
            change.caps_told = self.caps_of_run(hand.snapshot, &ran.state, &after, counts, now);
            let is_other_network = self.site.network.snapshot().version() > hand.snapshot.version();
            if (is_other_network || before.fields != hand.lead.fields)
                && let Then::Wait(due) = &mut change.then
            {
                // The network or the lead's values changed while it was in hand: what kept
                // it from a buyer may be gone with the old ones.
                *due = now;
            }
            change.run = Some(record.clone());
            becoming::follow(&self.site, &mut change, before, hand.snapshot, hand.session, found);
            change.answer.clone_from(&answer);
            (change, Settled { lead: after, answer })
        };
        let mut tries = Tries::default();
        // What a session has that has not converted is nothing, nearly always, and most have
        // no conversion cap: the write looks, and begins this again.
        let mut found = match hand.session {
            Some(session) if session.converted => {
                self.found_by(&before, hand.snapshot).await.unwrap_or_default()
            }
            _ => Found::default(),
        };
        loop {
            if tries.with(&before, &found)? == Meets::TheSame {
                // It is not in hand any more.
                return Err(StoreError::Conflict);
            }
            let (change, settled) = settled(&before, &found);
            match self.settle(&change).await {
                Ok(()) => {
                    let took = begun.elapsed();
                    let after = self.after_settling(&market, hand.snapshot, &ran, &settled.lead, took);
                    supervised::beside(&settled.lead, after).await;
                    return Ok(settled);
                }
                // Its fields were changed meanwhile, a pixel has come or a cap is full: what the
                // run came to stands on those.
                Err(StoreError::Conflict) => match self.stands(&before, hand.snapshot).await {
                    Ok(Some(stands)) => (before, found) = stands,
                    Ok(None) => return Err(StoreError::Conflict),
                    Err(error) => {
                        self.tell_later(change);
                        return Err(error);
                    }
                },
                Err(error) => return Err(error),
            }
        }
    }

    /// The lead as it stands now, and what it finds if it becomes a conversion.
    pub(super) async fn stands(
        &self,
        lead: &Lead,
        snapshot: &Snapshot,
    ) -> Result<Option<(Lead, Found)>, StoreError> {
        let Some(lead) = self.site.store.lead(lead.id).await? else { return Ok(None) };
        let found = self.found_by(&lead, snapshot).await?;
        Ok(Some((lead, found)))
    }

    pub(super) fn inputs(
        &self,
        hand: &InHand<'_>,
        market: &Market,
        tree: &Tree,
        earning: &Earning<'_>,
    ) -> Run {
        let now = self.site.clock.now();
        let skipped: BTreeSet<_> = self.breakers.open(now).into_iter().collect();
        let facts = tree.contracts().map(|contract| {
            let buyer = tree.buyer_of(contract);
            let of_contract = hand.facts.counts.iter().filter(|((counted, _), _)| *counted == contract);
            let mut counts: Vec<(Day, u32)> = of_contract.map(|((_, day), count)| (*day, *count)).collect();
            counts.sort_unstable();
            let balance = |buyer| hand.facts.balances.get(&buyer).copied().unwrap_or(Money::ZERO);
            let available = buyer.and_then(|buyer| {
                let limit = market.credit_limit(buyer)?;
                Some(Money::from_micros(balance(buyer).micros().saturating_add(limit.micros())))
            });
            let owed = buyer.and_then(|buyer| hand.facts.owed.get(&(contract, buyer)));
            ContractFacts {
                contract,
                counts,
                available,
                last_sold: hand.facts.last_sold.get(&contract).copied(),
                owed: owed.copied().unwrap_or_default(),
                breaker_open: buyer.is_some_and(|buyer| skipped.contains(&buyer)),
            }
        });
        let lead = &hand.lead;
        Run {
            lead: lead.id,
            number: hand.facts.runs.saturating_add(1),
            at: lead.at,
            begun_at: now,
            offer: lead.offer,
            affiliate: lead.affiliate,
            is_upsell: lead.upsell,
            fields: lead.fields.clone(),
            today: hand.snapshot.zone().day_of(now),
            payout: earning.cost(!lead.sales.is_empty()),
            distribution: hand.offer.offer.distribution,
            deadline: hand.deadline,
            seed: hand.quoted.and_then(|quoted| quoted.seed).unwrap_or_else(|| self.site.random().random()),
            facts: facts.collect(),
            earlier: earlier(&hand.facts.earlier, hand.snapshot),
            sold_exclusively: is_sold_alone(lead),
            bought_count: u32::try_from(lead.sales.len()).unwrap_or(u32::MAX),
            quoted: hand.quoted.map(|quoted| quoted.pings.clone()).unwrap_or_default(),
        }
    }

    /// Wakes who waits, tells the feed, and switches off what failed too often.
    async fn after_settling(
        &self,
        market: &Market,
        snapshot: &Snapshot,
        ran: &Ran,
        lead: &Lead,
        took: Duration,
    ) {
        self.queued.notify_one();
        self.site.feed.tell(|| Recorded::Lead(Arc::new(lead.clone())));
        self.told.sold(lead.outcome, ran.state.sales().len(), took);
        for alert in ran.state.alerts() {
            self.tell(alert, lead.id);
        }
        if let Err(error) = self.look_at_credit(market, snapshot, ran, lead).await {
            tracing::error!(lead = %lead.id, %error, "its buyers' credit cannot be looked at");
        }
        let failed = ran.events.iter().filter_map(|recorded| match &recorded.event {
            Event::Posted { contract, answer } if answer.is_failure() => Some(*contract),
            _ => None,
        });
        for contract in failed.collect::<BTreeSet<ContractId>>() {
            if let Err(error) = self.switch_off_if_failing(contract).await {
                tracing::error!(contract = contract.0, %error, "its failed posts cannot be counted");
            }
        }
    }

    async fn switch_off_if_failing(&self, contract: ContractId) -> Result<(), crate::PostError> {
        let snapshot = self.site.network.snapshot();
        let Some(limit) = snapshot.contract(contract).map(|of| of.max_post_errors) else { return Ok(()) };
        let failures = self.site.store.post_failures(contract).await?;
        if failures.failed < limit || snapshot.is_switched_off(contract) {
            return Ok(());
        }
        let now = self.site.clock.now();
        let applied = self.site.network.switch_off(contract, failures, now).await?;
        if applied.plan.is_empty() {
            // Another lead's failed post was faster.
            return Ok(());
        }
        self.told.alerted(AlertCode::ContractSwitchedOff);
        tracing::warn!(
            contract = contract.0,
            "switched off: {} of its last {} posts failed",
            failures.failed,
            failures.of
        );
        Ok(())
    }
}

/// Who was sent a lead by earlier runs, as a run is told.
pub(super) fn earlier<'a>(
    sends: impl IntoIterator<Item = &'a EarlierSend>,
    snapshot: &Snapshot,
) -> Vec<Earlier> {
    let told = |sent: &EarlierSend| Earlier {
        buyer: sent.buyer,
        group: snapshot.buyer(sent.buyer).and_then(|buyer| buyer.group.clone()),
        how: had(sent.state),
    };
    sends.into_iter().map(told).collect()
}

/// How a buyer came by a lead that it was sent.
pub(super) fn had(state: ReservationState) -> Had {
    match state {
        ReservationState::Sold => Had::Bought,
        ReservationState::Refused => Had::Sent,
        ReservationState::Held | ReservationState::Reserved => Had::MayHave,
    }
}

/// Whether a buyer has the lead alone.
pub(crate) fn is_sold_alone(lead: &Lead) -> bool {
    lead.sales.iter().any(|sale| sale.sale_type == SaleType::Exclusive)
}

fn change(before: &Lead, after: &Lead, ran: &Ran, hand: &InHand<'_>, now: Timestamp) -> LeadChange {
    let is_answered = hand.offer.offer.offer_type == OfferType::Hosted;
    let is_taken = matches!(after.status, LeadStatus::Sold | LeadStatus::Returned);
    let mut change = LeadChange::new(after.clone(), now);
    change.ended.clone_from(&ran.ended);
    change.attempts.clone_from(&ran.attempts);
    change.ledger = standing::payout_difference(before, after, now).into_iter().collect();
    change.timeline = hand.quoted.map(|quoted| quoted_entry(&quoted.quote)).into_iter().collect();
    if !is_no_news(before, after, ran, hand) {
        change.timeline.extend(timeline(ran, after, now));
    }
    change.alerts = alerts::of_run(ran, after, hand.snapshot, now);
    if hand.is_counted && !is_answered && !is_taken {
        // It was counted when it came; it is answered as not taken.
        change.uncount = crate::acceptance::lead_counts(hand.snapshot, after);
    }
    change.earlier = match after.outcome {
        _ if standing::is_held_back_meanwhile(after) => EarlierLead::AsBefore,
        LeadOutcome::NoQualifiedBuyers => EarlierLead::No,
        _ => crate::acceptance::duplicate_key(hand.offer, after).map_or(EarlierLead::No, EarlierLead::Yes),
    };
    if after.status == LeadStatus::Queued {
        change.then = Then::Wait(standing::next_try(&ran.state, after, now, hand.expires));
    }
    change
}

fn record(ran: &Ran, number: u32, at: Timestamp, snapshot: &Snapshot, id: crumb_domain::RowId) -> RunRecord {
    let json = |value: serde_json::Result<String>| {
        value.unwrap_or_else(|error| {
            tracing::error!(%error, "a run cannot be written as JSON");
            "null".to_owned()
        })
    };
    let results = ran.state.results();
    let price = |contract| {
        let sales = ran.state.sales().iter().filter(|sale| sale.reserved.contract == contract);
        sales.map(|sale| sale.sold_price).next().unwrap_or(Money::ZERO)
    };
    RunRecord {
        id,
        number,
        at,
        config_version: snapshot.version(),
        inputs: json(serde_json::to_string(ran.state.run())),
        events: json(serde_json::to_string(&ran.events)),
        results: json(serde_json::to_string(&results)),
        summary: results.iter().map(|one| (one.contract, one.result, price(one.contract))).collect(),
    }
}

/// What its seller was told before, for the lead's time line.
fn quoted_entry(quote: &Quote) -> TimelineEntry {
    let text = format!("pinged before it was posted: {} was told, until {}", quote.payout, quote.expires);
    TimelineEntry { at: quote.at, code: "quoted".to_owned(), text, by: None }
}

/// Whether a lead waits on as it did: nothing has happened to it since its last run, nobody was
/// asked, and each contract says what it said then. The run is recorded all the same; the time
/// line has had it.
fn is_no_news(before: &Lead, after: &Lead, ran: &Ran, hand: &InHand<'_>) -> bool {
    let stands = |lead: &Lead| (lead.status, lead.outcome);
    let results = ran.state.results();
    let met = results.iter().map(|one| (one.contract, one.result));
    hand.answer.is_none()
        && hand.facts.last_told.as_deref() == Some(unsold_code(after))
        && stands(before) == stands(after)
        && ran.events.iter().all(|recorded| matches!(recorded.event, Event::Begin))
        && met.eq(hand.facts.last_met.iter().copied())
}

/// What the run brought, for the lead's time line.
fn timeline(ran: &Ran, lead: &Lead, now: Timestamp) -> Vec<TimelineEntry> {
    let entry = |code: &str, text: String| TimelineEntry { at: now, code: code.to_owned(), text, by: None };
    let mut entries = Vec::new();
    for sale in ran.state.sales() {
        let (buyer, contract) = (sale.reserved.buyer, sale.reserved.contract);
        entries.push(entry("sold", standing::sold_text(buyer, contract, sale.sold_price, sale.replaces)));
    }
    for held in ran.state.held() {
        let text = format!(
            "buyer {} may have it under contract {}: its answer is not known",
            held.reserved.buyer, held.reserved.contract
        );
        entries.push(entry("held", text));
    }
    if entries.is_empty() {
        let results = ran.state.results();
        let asked = results.iter().filter(|one| is_asked(one.result)).count();
        let text = format!("offered to {} contracts, {asked} of them asked: nobody bought", results.len());
        entries.push(entry(unsold_code(lead), text));
    }
    entries.extend(ran.state.alerts().iter().map(|alert| entry("alert", standing::alert_text(alert))));
    entries
}

/// What the time line calls a run in which nobody bought.
fn unsold_code(lead: &Lead) -> &'static str {
    match lead.status {
        // Others have it already.
        LeadStatus::Sold | LeadStatus::Returned => LeadOutcome::NoQualifiedBuyers.as_str(),
        _ => lead.outcome.as_str(),
    }
}

fn is_asked(result: ContractResult) -> bool {
    use ContractResult as R;
    matches!(
        result,
        R::PingRejected
            | R::PingTimeout
            | R::PingError
            | R::PostRejected
            | R::PostDuplicate
            | R::PostTimeout
            | R::PostUnknown
            | R::PostError
            | R::Outbid
    )
}
