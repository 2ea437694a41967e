//! `crumb sign-postback`: the address of a signed call, to try with an advertiser whether
//! both sign alike, or to report a conversion by hand.

use super::{Context, Reply, Result};
use crate::cli::SignPostbackArguments;
use anyhow::{Context as _, bail, ensure};
use crumb_domain::{Clock as _, Timestamp};
use crumb_network::CompiledOffer;
use crumb_storage::Store;
use crumb_wire::percent;
use crumb_wire::pixel::signed_query;

/// Prints the address.
pub fn sign_postback<S: Store + Clone>(
    context: &Context<'_, S>,
    arguments: &SignPostbackArguments,
) -> Result {
    let snapshot = context.installation.network.snapshot();
    let base = context.base_url(&snapshot);
    let id = arguments.offer;
    let Some(offer) = snapshot.offer(id) else { bail!("no offer {id}") };
    let query = signed(offer, &arguments.parameters, context.installation.clock.now())?;
    Ok(Reply::printed(format!("{base}/p.ashx?{query}\n")))
}

/// The signed query of a call with these parameters; what every call from a server has
/// is added where they do not say it.
fn signed(offer: &CompiledOffer, parameters: &[(String, String)], now: Timestamp) -> anyhow::Result<String> {
    let id = offer.id;
    let without = || format!("offer {id} has no postback_secret: its calls need no signature");
    ensure!(offer.offer.postback_secret.is_some(), without());
    let secret = offer.postback_secret();
    let secret =
        secret.with_context(|| format!("the environment lacks the postback_secret of offer {id}"))?;
    let says = |name: &str| parameters.iter().any(|(said, _)| said.eq_ignore_ascii_case(name));
    ensure!(!says("sig"), "sig is what is reckoned here: leave it out");
    let usual = [("f", "pb".to_owned()), ("o", id.to_string()), ("ts", now.unix_seconds().to_string())];
    let usual = usual.iter().filter(|(name, _)| !says(name)).map(|(name, value)| (*name, value.as_str()));
    let said = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let pair = |(name, value)| format!("{}={}", percent::encode(name), percent::encode(value));
    let raw: Vec<String> = usual.chain(said).map(pair).collect();
    Ok(signed_query(raw.join("&").as_bytes(), secret)?)
}
