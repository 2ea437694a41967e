//! A run that broke off, by the server's end or a panic of its own, as far as what was written before each post
//! tells it: so that it can be said of such a lead too who may have bought it.

use super::Selling;
use super::record::LOST;
use crumb_domain::lead::Lead;
use crumb_domain::network::UnknownRule;
use crumb_domain::selling::{AttemptKind, BuyerAnswer, ContractResult};
use crumb_domain::{BuyerId, ContractId, Money, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_routing::{ContractOutcome, Had, Reason};
use crumb_storage::selling::{EarlierSend, Held, ReservationState, RunRecord};
use crumb_storage::{PageRequest, Store, StoreError};
use std::collections::HashMap;
use std::sync::Arc;

/// Held posts that are read in one go.
const AT_ONCE: u32 = 200;

impl<S: Store + Clone> Selling<S> {
    /// The record of a lead's run that never ended. What the machine was given and what
    /// happened is lost, so it cannot be decided again.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn broken_off(
        &self,
        snapshot: &Arc<Snapshot>,
        offer: &CompiledOffer,
        lead: &Lead,
        now: Timestamp,
    ) -> Result<RunRecord, StoreError> {
        let facts = self.site.store.selling_facts(Some(lead.row), self.days_from(snapshot, now)).await?;
        let runs = self.site.store.runs_of(lead.row).await?;
        let told = |contract| {
            let was_sent = |result| {
                use ContractResult as R;
                matches!(result, R::Sold | R::PostRejected | R::PostDuplicate | R::PostError | R::PostUnknown)
            };
            runs.iter()
                .flat_map(|run| &run.summary)
                .any(|(of, result, _)| *of == contract && was_sent(*result))
        };
        let sent = Sent {
            lead,
            in_run: facts.earlier.iter().filter(|sent| !told(sent.contract)).copied().collect(),
            before: facts.earlier.iter().filter(|sent| told(sent.contract)).copied().collect(),
            held: self.held_of(lead).await?,
            answers: self.answers_of(lead).await?,
            rule: &|contract| super::held::hold_of(snapshot, contract, now).rule,
        };
        let market = self.markets.of(snapshot);
        let tree = market.tree(offer.vertical());
        let mut results = Vec::new();
        for contract in tree.contracts() {
            let Some(buyer) = tree.buyer_of(contract) else { continue };
            let reason = sent.reason(contract, buyer);
            results.push(ContractOutcome { contract, result: reason.result(), reason });
        }
        let begun = sent.held.iter().filter(|held| sent.is_in_run(held.contract)).map(|held| held.at).min();
        Ok(RunRecord {
            id: self.site.rows.next(now).0,
            number: facts.runs.saturating_add(1),
            at: begun.unwrap_or(now),
            config_version: snapshot.version(),
            inputs: LOST.to_owned(),
            events: LOST.to_owned(),
            results: serde_json::to_string(&results).unwrap_or_else(|error| {
                tracing::error!(%error, "a run cannot be written as JSON");
                "[]".to_owned()
            }),
            summary: results.iter().map(|one| (one.contract, one.result, sold_for(lead, one))).collect(),
        })
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

    /// How each post ended whose end was written before the run's.
    async fn answers_of(&self, lead: &Lead) -> Result<HashMap<ContractId, BuyerAnswer>, StoreError> {
        let attempts = self.site.store.attempts_of(lead.row).await?;
        let posts = attempts.into_iter().filter(|attempt| attempt.kind == AttemptKind::Post);
        Ok(posts.map(|attempt| (attempt.contract, attempt.read)).collect())
    }
}

/// What is written of the posts of a lead.
struct Sent<'a> {
    lead: &'a Lead,
    in_run: Vec<EarlierSend>,
    before: Vec<EarlierSend>,
    held: Vec<Held>,
    answers: HashMap<ContractId, BuyerAnswer>,
    rule: &'a dyn Fn(ContractId) -> UnknownRule,
}

impl Sent<'_> {
    fn is_in_run(&self, contract: ContractId) -> bool {
        self.in_run.iter().any(|sent| sent.contract == contract)
    }

    fn reason(&self, contract: ContractId, buyer: BuyerId) -> Reason {
        if let Some(sent) = self.in_run.iter().find(|sent| sent.contract == contract) {
            return match sent.state {
                ReservationState::Sold => bought(self.lead, contract),
                ReservationState::Refused => self.refusal(contract),
                ReservationState::Held | ReservationState::Reserved => {
                    let held = self.held.iter().find(|held| held.contract == contract);
                    let price = held.map_or(Money::ZERO, |held| held.price);
                    Reason::PostUnknown { price, rule: (self.rule)(contract) }
                }
            };
        }
        if let Some(sent) = self.before.iter().chain(&self.in_run).find(|sent| sent.buyer == buyer) {
            let had = match sent.state {
                ReservationState::Sold => Had::Bought,
                ReservationState::Refused => Had::Sent,
                ReservationState::Held | ReservationState::Reserved => Had::MayHave,
            };
            return Reason::BuyerHad(buyer, had);
        }
        let in_state = |state| self.in_run.iter().find(move |sent| sent.state == state);
        match in_state(ReservationState::Held) {
            Some(sent) => Reason::MayBeSold(sent.buyer),
            None => Reason::SoldBefore,
        }
    }

    fn refusal(&self, contract: ContractId) -> Reason {
        match self.answers.get(&contract) {
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
