//! What keeps a contract from being bought under, told when the network is changed.
//!
//! `crumb_network` checks the file and may not know how buyers are talked to;
//! `crumb_delivery` knows that and reads no file. Here is where both are known, so
//! this is what a [`crumb_network::LiveNetwork`] is given to check contracts by.

use crumb_delivery::plan::{DeliveryPlan, Purpose};
use crumb_domain::fields::FieldRules;
use crumb_domain::network::{Contract, DeliveryMethod};
use crumb_network::FileError;

/// What stands for a secret that is not in the environment. That it is missing is told
/// for itself, wherever the network is looked at, and may be mended without a change of
/// the network. In the form of a user with a password, which is sound for each use.
const IN_PLACE_OF_A_SECRET: &str = "user:secret";

/// A contract's methods, with what each is for and its key.
pub(crate) fn methods(contract: &Contract) -> impl Iterator<Item = (&'static str, Purpose, &DeliveryMethod)> {
    let ping = contract.ping.iter().map(|method| ("ping", Purpose::Ping, method));
    ping.chain(std::iter::once(("post", Purpose::Post, &contract.post)))
}

/// All that is wrong with how a contract's buyer is talked to; the paths begin below the
/// contract. `rules` are those of its vertical's fields.
pub fn contract_faults(contract: &Contract, rules: &FieldRules) -> Vec<FileError> {
    let of_method = |(key, purpose, method): (&str, Purpose, &DeliveryMethod)| {
        let faults = DeliveryPlan::faults(method, rules, purpose, &secret).into_iter();
        faults
            .map(|fault| FileError::new(format!("{key}.{}", fault.place), fault.message))
            .collect::<Vec<_>>()
    };
    methods(contract).flat_map(of_method).collect()
}

/// A variable's value, whether it is there or not.
pub(crate) fn secret(name: &str) -> Option<String> {
    Some(std::env::var(name).unwrap_or_else(|_| IN_PLACE_OF_A_SECRET.to_owned()))
}
