//! Secrets of a network: shown as `********`, and kept where that is applied.
//!
//! A secret that is kept in the environment (`env:NAME`) is shown as it is: the
//! name tells nothing.

use crate::error::FileError;
use crumb_domain::network::{
    Contract, DeliveryAuth, DeliveryMethod, Network, Offer, Secret, Webhook, credentials_in, is_secret_name,
    secrets_in,
};
use std::ops::Range;

/// What stands for a secret.
pub const MASK: &str = "********";

/// Masks all secrets of a network.
pub(crate) fn mask(network: &mut Network) {
    for campaign in &mut network.campaign {
        campaign.key.iter_mut().for_each(mask_one);
    }
    let of_campaigns = network.campaign.iter_mut().map(|campaign| &mut campaign.postback_url);
    let of_affiliates = network.affiliate.iter_mut().map(|affiliate| &mut affiliate.postback_url);
    for link in of_campaigns.chain(of_affiliates).flatten() {
        *link = masked_postback(link);
    }
    for offer in &mut network.offer {
        offer.postback_secret.iter_mut().for_each(mask_one);
    }
    for webhook in &mut network.webhook {
        mask_one(&mut webhook.secret);
        webhook.url = masked_link(&webhook.url);
    }
    for contract in &mut network.contract {
        methods(contract).for_each(|method| {
            method.headers.values_mut().for_each(mask_one);
            auth(method).into_iter().for_each(mask_one);
            for link in method.url.iter_mut().chain(&mut method.status_url) {
                *link = masked_link(link);
            }
            for (name, value) in &mut method.params {
                *value = masked_parameter(name, value);
            }
            if let Some(body) = &mut method.body {
                *body = masked_body(body);
            }
        });
    }
}

fn mask_one(secret: &mut Secret) {
    if secret.env_name().is_none() {
        *secret = Secret::new(MASK);
    }
}

/// A link without its password, and without what its query names as secrets are named.
pub(crate) fn masked_link(link: &str) -> String {
    masked_at(link, &secrets_of_link(link))
}

/// The address of postbacks without its password. Its query is the affiliate's own, and
/// shown: what looks like a secret there is mostly the name that it gives a click.
pub(crate) fn masked_postback(link: &str) -> String {
    masked_at(link, &password_of(link))
}

/// A parameter's value without secrets: the whole of it where its name says so.
pub(crate) fn masked_parameter(name: &str, value: &str) -> String {
    masked_at(value, &secrets_of_parameter(name, value))
}

/// A body without the constants that are named as secrets are.
pub(crate) fn masked_body(body: &str) -> String {
    masked_at(body, &secrets_in(body))
}

fn password_of(link: &str) -> Vec<Range<usize>> {
    credentials_in(link).into_iter().collect()
}

fn secrets_of_link(link: &str) -> Vec<Range<usize>> {
    credentials_in(link).into_iter().chain(secrets_in(link)).collect()
}

fn secrets_of_parameter(name: &str, value: &str) -> Vec<Range<usize>> {
    if value.is_empty() || Secret::new(value).env_name().is_some() {
        Vec::new()
    } else if is_secret_name(name) && !value.contains('#') {
        std::iter::once(0..value.len()).collect()
    } else {
        secrets_in(value)
    }
}

fn masked_at(text: &str, secrets: &[Range<usize>]) -> String {
    replaced(text, secrets.iter().map(|range| (range.clone(), MASK)))
}

/// A text with other parts at some places, which ascend.
fn replaced<'p>(text: &str, parts: impl Iterator<Item = (Range<usize>, &'p str)>) -> String {
    let (mut made, mut from) = (String::with_capacity(text.len()), 0);
    for (range, part) in parts {
        made += text.get(from..range.start).unwrap_or_default();
        made += part;
        from = range.end;
    }
    made + text.get(from..).unwrap_or_default()
}

/// Whether a key of an entity is a secret, by its dotted path.
pub(crate) fn is_secret(kind: &str, path: &str) -> bool {
    match kind {
        "campaign" => path == "key",
        "offer" => path == "postback_secret",
        "webhook" => path == "secret",
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

/// A text as a file has it, with the present one's secrets instead of masks. They are
/// found by where they stand, so that the rest may be another.
fn unmask_text(
    text: &mut String,
    present: Option<&str>,
    secrets_of: impl Fn(&str) -> Vec<Range<usize>>,
    place: &str,
    errors: &mut Vec<FileError>,
) {
    let secrets = secrets_of(text);
    if !secrets.iter().any(|range| text.get(range.clone()) == Some(MASK)) {
        return;
    }
    let kept: Vec<&str> = present
        .map(|present| secrets_of(present).into_iter().filter_map(|range| present.get(range)).collect())
        .unwrap_or_default();
    if kept.len() != secrets.len() {
        return errors.push(FileError::new(place, "is masked, and there is no present one to keep"));
    }
    let masked = |(range, _): &(Range<usize>, &str)| text.get(range.clone()) == Some(MASK);
    *text = replaced(text, secrets.into_iter().zip(kept).filter(masked));
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

/// The address of postbacks as a file has it, with the present password instead of a mask.
pub(crate) fn unmask_postback(
    link: &mut Option<String>,
    present: Option<&str>,
    place: &str,
    errors: &mut Vec<FileError>,
) {
    if let Some(link) = link {
        unmask_text(link, present, password_of, &format!("{place}.postback_url"), errors);
    }
}

/// A webhook as a file has it, with the present secrets instead of masks.
pub(crate) fn unmask_webhook(
    webhook: &mut Webhook,
    present: Option<&Webhook>,
    place: &str,
    errors: &mut Vec<FileError>,
) {
    unmask(&mut webhook.secret, present.map(|of| &of.secret), &format!("{place}.secret"), errors);
    let link = present.map(|of| of.url.as_str());
    unmask_text(&mut webhook.url, link, secrets_of_link, &format!("{place}.url"), errors);
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
    let links = [
        (&mut method.url, present.and_then(|method| method.url.as_deref()), "url"),
        (&mut method.status_url, present.and_then(|method| method.status_url.as_deref()), "status_url"),
    ];
    for (link, present, key) in links {
        if let Some(link) = link {
            unmask_text(link, present, secrets_of_link, &format!("{place}.{key}"), errors);
        }
    }
    unmask_params(method, present, &format!("{place}.params"), errors);
    if let Some(body) = &mut method.body {
        let present = present.and_then(|method| method.body.as_deref());
        unmask_text(body, present, secrets_in, &format!("{place}.body"), errors);
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

/// The first of a name goes by the first of it that is present, and so on.
fn unmask_params(
    method: &mut DeliveryMethod,
    present: Option<&DeliveryMethod>,
    place: &str,
    errors: &mut Vec<FileError>,
) {
    let mut left: Vec<&(String, String)> = present.into_iter().flat_map(|method| &method.params).collect();
    for (name, value) in &mut method.params {
        let at = left.iter().position(|(present, _)| present == name);
        let present = at.map(|at| left.remove(at).1.as_str());
        let secrets = |value: &str| secrets_of_parameter(name, value);
        unmask_text(value, present, secrets, &format!("{place}.{name}"), errors);
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
