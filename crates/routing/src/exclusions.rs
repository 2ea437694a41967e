//! Who was no candidate of a run that broke off, as far as that can still be told.

use crate::candidate::{Judge, NoCandidate};
use crate::reason::Reason;
use crate::run::Run;
use crate::tree::Tree;
use crumb_domain::ContractId;
use std::collections::HashMap;

/// The contracts that the network's rules and the lead itself kept from a run of which the
/// rest is lost, each with its reason. What was read when it began (caps, credit, buyers that
/// were left alone) is not asked, and ages and hours only where that moment is known
/// (`is_time_known`): of the contracts that are not named here nobody can tell.
pub fn exclusions(tree: &Tree, run: &Run, is_time_known: bool) -> HashMap<ContractId, Reason> {
    let all = |reason: Reason| tree.contracts().map(|contract| (contract, reason.clone())).collect();
    if run.sold_exclusively {
        return all(Reason::SoldExclusively);
    }
    if !tree.router.on {
        return all(Reason::RouterOff);
    }
    let judge = Judge::new(tree, run);
    let ruled_out = tree.contracts.iter().filter_map(|node| {
        let reason = match judge.rules_out(node, is_time_known).err()? {
            NoCandidate::Because(reason) => reason,
            NoCandidate::Filter => node.unmatched(run)?,
        };
        Some((node.id, reason))
    });
    ruled_out.collect()
}
