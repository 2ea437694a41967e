//! A run that broke off, by the server's end or a panic of its own, as far as what was stored
//! tells it: so that it can be said of such a lead too who may have bought it, and why the
//! others did not.
//!
//! What was written before each post tells who was sent it; the network and the lead tell who
//! was no candidate; of the others it is said that the run broke off before their turn.

use super::Selling;
use super::market::Market;
use super::record::LOST;
use super::settle::{earlier, had, is_sold_alone};
use crumb_domain::lead::Lead;
use crumb_domain::network::UnknownRule;
use crumb_domain::selling::{
    Attempt, AttemptKind, BuyerAnswer, ContractResult, Milliseconds, Phase, PostFailure,
};
use crumb_domain::{BuyerId, ContractId, Money, RowId, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_routing::{ContractOutcome, Payout, Reason, Run, exclusions};
use crumb_storage::selling::{EarlierSend, Ending, Held, ReservationState, RunRecord, Unsent};
use crumb_storage::{PageRequest, Store, StoreError};
use std::collections::HashMap;
use std::sync::Arc;

/// Held posts that are read in one go.
const AT_ONCE: u32 = 200;

impl<S: Store + Clone> Selling<S> {
    /// How runs that broke off are ended; `why` says what broke them off.
    pub(super) fn ending(&self, now: Timestamp, why: &'static str) -> Ending {
        let snapshot = self.site.network.snapshot();
        let hold = super::held::holding(Arc::clone(&snapshot), now);
        let (market, rows) = (self.markets.of(&snapshot), Arc::clone(&self.site.rows));
        let (market_then, rows_then) = (Arc::clone(&market), Arc::clone(&rows));
        let cut_off = move |contract, at| cut_off(&market_then, contract, (rows_then.next(now), at), why);
        let record = move |unsent: &Unsent| {
            let Unsent { lead, begun, earlier, runs, attempts } = unsent;
            let known = Known { begun: *begun, earlier, runs, attempts, held: &[] };
            known.record(&snapshot, &market, lead, rows.next(now), now)
        };
        Ending { hold, cut_off: Box::new(cut_off), record: Box::new(record) }
    }

    /// The record of a lead's run that never ended, and of which something was sold or may
    /// have been. What the machine was given and what happened is lost, so it cannot be
    /// decided again.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn broken_off(
        &self,
        snapshot: &Arc<Snapshot>,
        lead: &Lead,
        now: Timestamp,
    ) -> Result<Option<RunRecord>, StoreError> {
        let facts = self.site.store.selling_facts(Some(lead.row), self.days_from(snapshot, now)).await?;
        let runs = self.site.store.runs_of(lead.row).await?;
        let attempts = self.site.store.attempts_of(lead.row).await?;
        let held = self.held_of(lead).await?;
        let known =
            Known { begun: None, earlier: &facts.earlier, runs: &runs, attempts: &attempts, held: &held };
        let market = self.markets.of(snapshot);
        Ok(known.record(snapshot, &market, lead, self.site.rows.next(now), now))
    }

    async fn held_of(&self, lead: &Lead) -> Result<Vec<Held>, StoreError> {
        let mut page = PageRequest { limit: AT_ONCE, ascending: true, cursor: None };
        let mut found = Vec::new();
        loop {
            let held = self.site.store.held(page.clone()).await?;
            found.extend(held.data.into_iter().filter(|held| held.lead == lead.id));
            match held.next {
                Some(next) => page = PageRequest { cursor: Some(next), ..page },
                None => return Ok(found),
            }
        }
    }
}

/// The record of a run that sold nothing and could not go on, since the store failed: why
/// contracts took no part stands, and of those whose turn did not come that it was broken off,
/// and not that its time was over. As with one that a crash broke off, it is not decided again:
/// its lead goes on as if it had not been.
pub(super) fn by_the_store(record: RunRecord, results: Vec<ContractOutcome>) -> RunRecord {
    let told = results.into_iter().map(|one| match one.reason {
        Reason::Deadline => ContractOutcome { reason: Reason::BrokenOff, ..one },
        _ => one,
    });
    let results = written(&told.collect::<Vec<_>>());
    RunRecord { inputs: LOST.to_owned(), events: LOST.to_owned(), results, ..record }
}

fn written(results: &[ContractOutcome]) -> String {
    serde_json::to_string(results).unwrap_or_else(|error| {
        tracing::error!(%error, "a run cannot be written as JSON");
        "[]".to_owned()
    })
}

/// What is kept of a post that may have been under way. What was sent is not: only that it
/// was about to be, and where its contract's leads go.
fn cut_off(market: &Market, contract: ContractId, (id, at): (RowId, Timestamp), why: &str) -> Attempt {
    Attempt {
        id,
        at,
        contract,
        kind: AttemptKind::Post,
        // Nothing is known of it, so that it may have come this far.
        phase: Phase::Write,
        ms: Milliseconds::default(),
        status: None,
        request: market.plans(contract).map(|plans| plans.post.target()).unwrap_or_default(),
        answer: Vec::new(),
        read: BuyerAnswer::Failed(PostFailure::CutOff),
        error: Some(format!("{why} after the lead was about to be sent and before its answer was kept")),
    }
}

/// What is stored of a lead whose run broke off.
struct Known<'a> {
    begun: Option<Timestamp>,
    earlier: &'a [EarlierSend],
    runs: &'a [RunRecord],
    attempts: &'a [Attempt],
    held: &'a [Held],
}

impl Known<'_> {
    /// The run; none where its offer is gone, and with it the tree.
    fn record(
        &self,
        snapshot: &Snapshot,
        market: &Market,
        lead: &Lead,
        id: RowId,
        now: Timestamp,
    ) -> Option<RunRecord> {
        let offer = snapshot.offer(lead.offer)?;
        let tree = market.tree(offer.vertical());
        let sent = self.sent(lead);
        let begun = self.begun.or_else(|| {
            let of_run = self.held.iter().filter(|held| sent.is_in_run(held.contract));
            of_run.map(|held| held.at).min()
        });
        let ruled_out = exclusions(&tree, &self.run(snapshot, offer, lead, &sent, now), self.begun.is_some());
        let rule = |contract| super::held::hold_of(snapshot, contract, now).rule;
        let mut results = Vec::new();
        for contract in tree.contracts() {
            let Some(buyer) = tree.buyer_of(contract) else { continue };
            let reason = sent.reason(contract, buyer, &rule, ruled_out.get(&contract));
            results.push(ContractOutcome { contract, result: reason.result(), reason });
        }
        Some(RunRecord {
            id,
            number: u32::try_from(self.runs.len()).unwrap_or(u32::MAX).saturating_add(1),
            at: begun.unwrap_or(now),
            config_version: snapshot.version(),
            inputs: LOST.to_owned(),
            events: LOST.to_owned(),
            results: written(&results),
            summary: results.iter().map(|one| (one.contract, one.result, sold_for(lead, one))).collect(),
        })
    }

    /// What was sent in the run, and what before it.
    fn sent<'s>(&'s self, lead: &'s Lead) -> Sent<'s> {
        let was_told = |contract| {
            let mut ends = self.runs.iter().flat_map(|run| &run.summary);
            ends.any(|(of, result, _)| *of == contract && was_sent(*result))
        };
        let (before, in_run) = self.earlier.iter().partition(|sent| was_told(sent.contract));
        let last = self.runs.iter().map(|run| run.id).max();
        let answers = |kind| {
            let of_run = self.attempts.iter().filter(move |attempt| Some(attempt.id) > last);
            let of_kind = of_run.filter(move |attempt| attempt.kind == kind);
            of_kind.map(|attempt| (attempt.contract, &attempt.read)).collect()
        };
        let (posts, pings) = (answers(AttemptKind::Post), answers(AttemptKind::Ping));
        Sent { lead, in_run, before, held: self.held, posts, pings }
    }

    /// What the run was given, as far as contracts are ruled out by it.
    fn run(
        &self,
        snapshot: &Snapshot,
        offer: &CompiledOffer,
        lead: &Lead,
        sent: &Sent<'_>,
        now: Timestamp,
    ) -> Run {
        let begun_at = self.begun.unwrap_or(now);
        let mut before = lead.clone();
        before.sales.retain(|sale| !sent.is_in_run(sale.contract));
        Run {
            lead: lead.id,
            number: 0,
            at: lead.at,
            begun_at,
            offer: lead.offer,
            affiliate: lead.affiliate,
            is_upsell: lead.upsell,
            fields: lead.fields.clone(),
            today: snapshot.zone().day_of(begun_at),
            // No price is held against it.
            payout: Payout::Fixed(Money::ZERO),
            distribution: offer.offer.distribution,
            deadline: begun_at,
            seed: 0,
            facts: Vec::new(),
            earlier: earlier(sent.before.iter().copied(), snapshot),
            sold_exclusively: is_sold_alone(&before),
            bought_count: u32::try_from(before.sales.len()).unwrap_or(u32::MAX),
            quoted: Vec::new(),
        }
    }
}

fn was_sent(result: ContractResult) -> bool {
    use ContractResult as R;
    matches!(result, R::Sold | R::PostRejected | R::PostDuplicate | R::PostError | R::PostUnknown)
}

/// What is written of the posts of a lead.
struct Sent<'a> {
    lead: &'a Lead,
    in_run: Vec<&'a EarlierSend>,
    before: Vec<&'a EarlierSend>,
    held: &'a [Held],
    /// How each post ended whose end was written before the run's.
    posts: HashMap<ContractId, &'a BuyerAnswer>,
    /// How each ping did.
    pings: HashMap<ContractId, &'a BuyerAnswer>,
}

impl Sent<'_> {
    fn is_in_run(&self, contract: ContractId) -> bool {
        self.in_run.iter().any(|sent| sent.contract == contract)
    }

    fn reason(
        &self,
        contract: ContractId,
        buyer: BuyerId,
        rule: &dyn Fn(ContractId) -> UnknownRule,
        ruled_out: Option<&Reason>,
    ) -> Reason {
        if let Some(sent) = self.in_run.iter().find(|sent| sent.contract == contract) {
            return match sent.state {
                ReservationState::Sold => bought(self.lead, contract),
                ReservationState::Refused => self.refusal(contract),
                ReservationState::Held | ReservationState::Reserved => {
                    let held = self.held.iter().find(|held| held.contract == contract);
                    let price = held.map_or(Money::ZERO, |held| held.price);
                    Reason::PostUnknown { price, rule: rule(contract) }
                }
            };
        }
        if let Some(reason) = ruled_out {
            return reason.clone();
        }
        if let Some(sent) = self.before.iter().chain(&self.in_run).find(|sent| sent.buyer == buyer) {
            return Reason::BuyerHad(buyer, had(sent.state));
        }
        if let Some(reason) = self.pings.get(&contract).and_then(|answer| Reason::of_ping(answer)) {
            return reason;
        }
        let in_state = |state| self.in_run.iter().find(move |sent| sent.state == state);
        match (in_state(ReservationState::Held), in_state(ReservationState::Sold)) {
            (Some(sent), _) => Reason::MayBeSold(sent.buyer),
            (None, Some(_)) => Reason::SoldBefore,
            (None, None) => Reason::BrokenOff,
        }
    }

    fn refusal(&self, contract: ContractId) -> Reason {
        match self.posts.get(&contract) {
            Some(BuyerAnswer::Duplicate(_)) => Reason::PostDuplicate,
            Some(BuyerAnswer::UnknownAnswer(_)) => Reason::PostNotUnderstood,
            Some(BuyerAnswer::Error(_)) => Reason::PostError(true),
            Some(BuyerAnswer::Accepted(_) | BuyerAnswer::Rejected(_) | BuyerAnswer::Failed(_)) | None => {
                Reason::PostRefused
            }
        }
    }
}

/// What a replacement would have cost is not known any more.
fn bought(lead: &Lead, contract: ContractId) -> Reason {
    let sale = lead.sales.iter().find(|sale| sale.contract == contract);
    match sale.and_then(|sale| sale.replaces) {
        Some(given_back) => {
            Reason::Replacement { replaces: Some(given_back), worth: None, unanswered: false }
        }
        None => Reason::Sold(price(lead, contract)),
    }
}

fn price(lead: &Lead, contract: ContractId) -> Money {
    lead.sales.iter().find(|sale| sale.contract == contract).map_or(Money::ZERO, |sale| sale.price)
}

fn sold_for(lead: &Lead, outcome: &ContractOutcome) -> Money {
    if outcome.result == ContractResult::Sold { price(lead, outcome.contract) } else { Money::ZERO }
}
