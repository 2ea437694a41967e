//! What a run is given by a changed network.

use super::versions::Version;
use super::world::World;
use crate::selling::standing::Earning;
use crumb_domain::lead::Lead;
use crumb_domain::network::BuyerCredit;
use crumb_domain::{BuyerId, ContractId, Money};
use crumb_routing::replay::Ledger;
use crumb_routing::{ContractFacts, Earlier, Run, Tree};
use std::sync::Arc;

/// A run as it was, and what its lead came to before it.
pub(super) struct Inputs<'a> {
    pub past: &'a Run,
    pub lead: &'a Lead,
    /// By the network that decided it.
    pub own: &'a World,
    /// By the changed one.
    pub now: &'a World,
    /// Its poster was answered that nobody bought it.
    pub late: bool,
    /// What the leads before it used up.
    pub ledger: &'a Ledger,
}

impl Inputs<'_> {
    /// What the run is given, and the tree that decides it; none where it does not happen:
    /// the lead would not have come to it, or its offer is gone.
    pub fn by(&self, changed: &Version, was: &Version, own_tree: &Tree) -> Option<(Arc<Tree>, Run)> {
        let (offer, tree) = changed.tree(self.lead)?;
        let was_tried_again = self.past.bought_count == 0 && !self.past.sold_exclusively;
        if was_tried_again && !(self.now.sales.is_empty() && self.now.held.is_empty()) {
            return None;
        }
        let earning = Earning::of(changed.snapshot(), offer, self.lead, self.late);
        // Sales that no replayed run made are the same in both.
        let own_count = u32::try_from(self.own.sales.len()).unwrap_or(u32::MAX);
        let now_count = u32::try_from(self.now.sales.len()).unwrap_or(u32::MAX);
        let bought_count = self.past.bought_count.saturating_sub(own_count).saturating_add(now_count);
        let was_sold_elsewhere = self.past.sold_exclusively && !self.own.is_sold_alone();
        let run = Run {
            today: changed.snapshot().zone().day_of(self.past.begun_at),
            payout: earning.cost(bought_count > 0),
            distribution: offer.offer.distribution,
            facts: self.facts(changed, was, &tree, own_tree),
            earlier: self.earlier(changed),
            sold_exclusively: self.now.is_sold_alone() || was_sold_elsewhere,
            bought_count,
            ..self.past.clone()
        };
        Some((tree, run))
    }

    /// Who was sent the lead before: as recorded, but for what the replayed runs did
    /// otherwise.
    fn earlier(&self, changed: &Version) -> Vec<Earlier> {
        let group = |buyer: BuyerId| changed.snapshot().buyer(buyer).and_then(|buyer| buyer.group.clone());
        let mut earlier = Vec::new();
        for recorded in &self.past.earlier {
            let buyer = recorded.buyer;
            let how = match (self.own.sent.get(&buyer), self.now.sent.get(&buyer)) {
                // No replayed run knows of it, or both say the same.
                (None, None) => recorded.how,
                (Some(own), Some(now)) if own == now => recorded.how,
                (_, Some(now)) => *now,
                (Some(_), None) => continue,
            };
            earlier.push(Earlier { buyer, group: group(buyer), how });
        }
        let is_recorded = |buyer: &BuyerId| self.past.earlier.iter().any(|sent| sent.buyer == *buyer);
        let more = self.now.sent.iter().filter(|(buyer, _)| !is_recorded(buyer));
        earlier.extend(more.map(|(buyer, how)| Earlier { buyer: *buyer, group: group(*buyer), how: *how }));
        earlier
    }

    /// What was read of each contract. Of one that there was not it is what was read of
    /// its buyer; credit follows the buyer's terms.
    fn facts(&self, changed: &Version, was: &Version, tree: &Tree, own_tree: &Tree) -> Vec<ContractFacts> {
        let facts = |contract: ContractId| {
            let of = self.past.facts.iter().find(|facts| facts.contract == contract);
            let mut facts = of.cloned().unwrap_or_else(|| ContractFacts::none_of(contract));
            let Some(buyer) = tree.buyer_of(contract) else { return facts };
            let of_buyer =
                self.past.facts.iter().find(|facts| own_tree.buyer_of(facts.contract) == Some(buyer));
            if own_tree.buyer_of(contract) != Some(buyer) {
                // It was another that was owed.
                facts.owed = 0;
            }
            facts.breaker_open = of_buyer.is_some_and(|facts| facts.breaker_open);
            facts.available = self.available(changed, was, buyer, of_buyer.and_then(|facts| facts.available));
            facts
        };
        tree.contracts().map(facts).collect()
    }

    /// What a buyer can spend by the changed network's terms, of what it could. One that
    /// was not prepaid before begins with its opening balance, less what it spent since.
    fn available(
        &self,
        changed: &Version,
        was: &Version,
        buyer: BuyerId,
        could: Option<Money>,
    ) -> Option<Money> {
        let credit = |version: &Version| version.snapshot().buyer(buyer).map(|buyer| buyer.credit.clone());
        let BuyerCredit::Prepaid { balance, limit } = credit(changed)? else { return None };
        let (left, less) = match (could, credit(was)) {
            (Some(could), Some(BuyerCredit::Prepaid { limit, .. })) => (could, limit),
            _ => (balance, self.ledger.really_spent(buyer)),
        };
        let micros = left.micros().saturating_sub(less.micros()).saturating_add(limit.micros());
        Some(Money::from_micros(micros))
    }
}
