//! What is kept of a run, as it is read again.

use crumb_domain::selling::ContractResult;
use crumb_routing::Run;
use crumb_routing::replay::Recorded;
use crumb_storage::selling::RunRecord;

/// What stands for what a run was given and what happened where it broke off.
pub(super) const LOST: &str = "null";

/// Whether a run broke off, so that what it was given and what happened is lost.
pub(super) fn is_broken_off(run: &RunRecord) -> bool {
    run.inputs == LOST && run.events == LOST
}

/// Whether a run that broke off ended before anybody who may have bought was sent its lead:
/// whatever it met, it has changed nothing.
pub(super) fn was_nothing_sent(run: &RunRecord) -> bool {
    let may_have_bought = |result| matches!(result, ContractResult::Sold | ContractResult::PostUnknown);
    is_broken_off(run) && !run.summary.iter().any(|(_, result, _)| may_have_bought(*result))
}

/// Whether a run was kept so that it can be decided again: what the machine was given,
/// and what happened, in the form that this program reads.
pub fn is_replayable(run: &RunRecord) -> bool {
    let is_begun = |events: Vec<Recorded>| !events.is_empty();
    serde_json::from_str::<Run>(&run.inputs).is_ok()
        && serde_json::from_str::<Vec<Recorded>>(&run.events).is_ok_and(is_begun)
}
