//! What `crumb config check` finds in a network that is in force, and `plan` and `apply` in
//! a file.

use crumb_domain::network::Network;
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
    let empty = snapshot.network().contract.iter().filter_map(|contract| {
        Some(format!("contract {}.post: {}", contract.id, findings::says_nothing(contract)?))
    });
    let never = findings::never_buying(snapshot).into_iter();
    let never = never.map(|(contract, why)| format!("contract {contract} can never buy: {why}"));
    let switched_off = findings::switched_off_texts(snapshot);
    tokens.chain(empty).chain(never).chain(forgeable(snapshot)).chain(switched_off).collect()
}

/// What is hardly meant of what a file says, by its places, as lines for people. What only
/// shows against the rest of the network `config check` tells.
pub fn of_file(file: &Network) -> String {
    let contracts = file.contract.iter().enumerate();
    let empty = contracts.filter_map(|(at, contract)| {
        Some(format!("warning: contract[{at}].post: {}\n", findings::says_nothing(contract)?))
    });
    empty.collect()
}
