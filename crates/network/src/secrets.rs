//! Secrets of a network: shown as `********`, and kept where that is applied.
//!
//! A secret that is kept in the environment (`env:NAME`) is shown as it is: the
//! name tells nothing.

use crate::error::FileError;
use crumb_domain::network::{Contract, DeliveryAuth, DeliveryMethod, Network, Offer, Secret};

/// What stands for a secret.
pub const MASK: &str = "********";

/// Masks all secrets of a network.
pub(crate) fn mask(network: &mut Network) {
    for campaign in &mut network.campaign {
        campaign.key.iter_mut().for_each(mask_one);
    }
    for offer in &mut network.offer {
        offer.postback_secret.iter_mut().for_each(mask_one);
    }
    for contract in &mut network.contract {
        methods(contract).for_each(|method| {
            method.headers.values_mut().for_each(mask_one);
            auth(method).into_iter().for_each(mask_one);
        });
    }
}

fn mask_one(secret: &mut Secret) {
    if secret.env_name().is_none() {
        *secret = Secret::new(MASK);
    }
}

/// Whether a key of an entity is a secret, by its dotted path.
pub(crate) fn is_secret(kind: &str, path: &str) -> bool {
    match kind {
        "campaign" => path == "key",
        "offer" => path == "postback_secret",
        "contract" => {
            let below = path.strip_prefix("post.").or_else(|| path.strip_prefix("ping."));
            below.is_some_and(|key| key.starts_with("headers") || key.starts_with("auth"))
        }
        _ => false,
    }
}

/// A secret as a file has it, with the present one instead of the mask.
pub(crate) fn unmask(
    secret: &mut Secret,
    present: Option<&Secret>,
    place: &str,
    errors: &mut Vec<FileError>,
) {
    if secret.expose() != MASK {
        return;
    }
    match present {
        Some(present) => *secret = present.clone(),
        None => errors.push(FileError::new(place, "is masked, and there is no present one to keep")),
    }
}

/// An offer as a file has it, with the present secret instead of the mask.
pub(crate) fn unmask_offer(
    offer: &mut Offer,
    present: Option<&Offer>,
    place: &str,
    errors: &mut Vec<FileError>,
) {
    if let Some(secret) = &mut offer.postback_secret {
        let present = present.and_then(|offer| offer.postback_secret.as_ref());
        unmask(secret, present, &format!("{place}.postback_secret"), errors);
    }
}

/// A contract as a file has it, with the present secrets instead of masks.
pub(crate) fn unmask_contract(
    contract: &mut Contract,
    present: Option<&Contract>,
    place: &str,
    errors: &mut Vec<FileError>,
) {
    unmask_method(&mut contract.post, present.map(|c| &c.post), &format!("{place}.post"), errors);
    if let Some(ping) = &mut contract.ping {
        unmask_method(ping, present.and_then(|c| c.ping.as_ref()), &format!("{place}.ping"), errors);
    }
}

fn unmask_method(
    method: &mut DeliveryMethod,
    present: Option<&DeliveryMethod>,
    place: &str,
    errors: &mut Vec<FileError>,
) {
    for (name, value) in &mut method.headers {
        let present = present.and_then(|method| method.headers.get(name));
        unmask(value, present, &format!("{place}.headers.{name}"), errors);
    }
    let present = present.and_then(|method| method.auth.as_ref());
    match (&mut method.auth, present) {
        (Some(DeliveryAuth::Basic(secret)), Some(DeliveryAuth::Basic(present)))
        | (Some(DeliveryAuth::Bearer(secret)), Some(DeliveryAuth::Bearer(present))) => {
            unmask(secret, Some(present), &format!("{place}.auth"), errors);
        }
        (Some(DeliveryAuth::Basic(secret) | DeliveryAuth::Bearer(secret)), _) => {
            unmask(secret, None, &format!("{place}.auth"), errors);
        }
        (None, _) => {}
    }
}

/// The secret itself, and the name of its variable where the environment lacks it.
pub(crate) fn resolve(secret: Option<&Secret>) -> (Option<String>, Option<String>) {
    let Some(secret) = secret else { return (None, None) };
    match secret.env_name() {
        None => (Some(secret.expose().to_owned()), None),
        Some(name) => match std::env::var(name) {
            Ok(value) if !value.is_empty() => (Some(value), None),
            _ => (None, Some(name.to_owned())),
        },
    }
}

/// The secrets of a buyer's contract that the environment lacks, each once:
/// `contract 7: NAME`.
pub(crate) fn missing_of_contract(contract: &Contract) -> Vec<String> {
    let mut missing: Vec<String> = std::iter::once(&contract.post)
        .chain(&contract.ping)
        .flat_map(|method| {
            let auth = method.auth.as_ref().map(|auth| match auth {
                DeliveryAuth::Basic(secret) | DeliveryAuth::Bearer(secret) => secret,
            });
            method.headers.values().chain(auth)
        })
        .filter_map(|secret| resolve(Some(secret)).1)
        .collect();
    missing.sort();
    missing.dedup();
    missing.into_iter().map(|name| format!("contract {}: {name}", contract.id)).collect()
}

fn methods(contract: &mut Contract) -> impl Iterator<Item = &mut DeliveryMethod> {
    std::iter::once(&mut contract.post).chain(contract.ping.as_mut())
}

fn auth(method: &mut DeliveryMethod) -> Option<&mut Secret> {
    match &mut method.auth {
        Some(DeliveryAuth::Basic(secret) | DeliveryAuth::Bearer(secret)) => Some(secret),
        None => None,
    }
}
