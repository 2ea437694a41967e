//! Contracts that a change of the network takes out of service, and those that it lets buy
//! again: what is told of the first is written with the change, so that neither is without
//! the other.

use crate::snapshot::Snapshot;
use crumb_domain::network::ActiveStatus;
use crumb_domain::selling::Alert;
use crumb_domain::{BuyerId, ContractId, Timestamp};
use crumb_storage::outbox::NewDelivery;
use crumb_storage::selling::PostFailures;
use std::sync::Arc;

/// A buyer's contract that is out of service from a change on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchedOff {
    /// Which.
    pub contract: ContractId,
    /// Whose.
    pub buyer: BuyerId,
    /// How its posts went, where the server switched it off for that; none where a person
    /// did.
    pub failures: Option<PostFailures>,
}

/// What is written with a change because of that.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Told {
    /// Who is told.
    pub deliveries: Vec<NewDelivery>,
    /// What a person should look at.
    pub alerts: Vec<Alert>,
}

/// Says who is told of contracts that are switched off, by the network as it is from then
/// on.
pub type SwitchedOffTold = Arc<dyn Fn(&Snapshot, &[SwitchedOff], Timestamp) -> Told + Send + Sync>;

/// Contracts that bought in the first and do not in the second, and those that buy again.
/// `failures` are those for which the server switches one off: people do so without.
pub(crate) fn between(
    before: &Snapshot,
    after: &Snapshot,
    failures: Option<PostFailures>,
) -> (Vec<SwitchedOff>, Vec<ContractId>) {
    let contracts = |snapshot: &Snapshot| -> Vec<(ContractId, BuyerId)> {
        snapshot.network().contract.iter().map(|contract| (contract.id, contract.buyer)).collect()
    };
    let off = contracts(before).into_iter().filter(|(id, _)| is_on(before, *id) && !is_on(after, *id));
    let off = off.map(|(contract, buyer)| SwitchedOff { contract, buyer, failures }).collect();
    let known = contracts(after).into_iter().map(|(id, _)| id);
    let on = known.filter(|id| before.contract(*id).is_some() && !is_on(before, *id) && is_on(after, *id));
    (off, on.collect())
}

fn is_on(snapshot: &Snapshot, contract: ContractId) -> bool {
    let is_active = snapshot.contract(contract).is_some_and(|found| found.status == ActiveStatus::Active);
    is_active && !snapshot.is_switched_off(contract)
}
