//! What `crumb config check` finds in a network that is in force.

use crumb_intake::selling::findings;
use crumb_network::Snapshot;
use crumb_tracking::forgeable::forgeable;
use crumb_tracking::unknown_tokens::unknown_tokens;

/// What is wrong with it: contracts that take no part.
pub fn faults(snapshot: &Snapshot) -> Vec<String> {
    findings::faults(snapshot).iter().map(ToString::to_string).collect()
}

/// What is hardly meant, or is to be mended by a person.
pub fn warnings(snapshot: &Snapshot) -> Vec<String> {
    let tokens = unknown_tokens(snapshot).into_iter().chain(findings::unknown_tokens(snapshot));
    let tokens = tokens.map(|found| found.to_string());
    let never = findings::never_buying(snapshot).into_iter();
    let never = never.map(|(contract, why)| format!("contract {contract} can never buy: {why}"));
    let switched_off = findings::switched_off_texts(snapshot);
    tokens.chain(never).chain(forgeable(snapshot)).chain(switched_off).collect()
}
