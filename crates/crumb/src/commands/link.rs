//! `crumb link`: an affiliate's tracking link.

use super::{Context, Reply, Result};
use crate::cli::LinkArguments;
use anyhow::ensure;
use crumb_domain::network::PriceFormat;
use crumb_domain::{AffiliateId, SubIds};
use crumb_network::Snapshot;
use crumb_storage::Store;
use crumb_wire::generate::{LinkOptions, tracking_link};

/// Prints the link.
pub fn link<S: Store + Clone>(context: &Context<'_, S>, arguments: &LinkArguments) -> Result {
    let snapshot = context.installation.network.snapshot();
    known(&snapshot, arguments)?;
    let base = context.base_url(&snapshot);
    let link = tracking_link(
        &base,
        arguments.affiliate,
        arguments.creative,
        &sub_ids(arguments),
        options(arguments),
    );
    Ok(Reply::printed(format!("{link}\n")))
}

/// Refuses what the network does not have: a link to nothing is a lost click.
pub fn known(snapshot: &Snapshot, arguments: &LinkArguments) -> anyhow::Result<()> {
    let LinkArguments { affiliate, creative, offer_contract, .. } = arguments;
    ensure!(
        *affiliate == AffiliateId::TEST || snapshot.affiliate(*affiliate).is_some(),
        "--affiliate: no affiliate {affiliate}"
    );
    let offer = snapshot.creative(*creative).map(|(offer, _)| offer);
    ensure!(offer.is_some(), "--creative: no creative {creative}");
    if let (Some(id), Some(offer)) = (offer_contract, offer) {
        let has = offer.offer.contract.iter().any(|contract| contract.id == *id);
        ensure!(has, "--offer-contract: no offer contract {id} of offer {}", offer.offer.id);
    }
    Ok(())
}

/// The sub ids, cut and spilled as a link's are.
pub fn sub_ids(arguments: &LinkArguments) -> SubIds {
    let LinkArguments { s1, s2, s3, s4, s5, .. } = arguments;
    SubIds::new([s1, s2, s3, s4, s5].map(|given| given.as_deref().unwrap_or_default()))
}

/// What else the link says.
pub fn options(arguments: &LinkArguments) -> LinkOptions {
    let price_format = arguments.price_format.as_deref().and_then(PriceFormat::from_letter);
    LinkOptions { price_format, offer_contract: arguments.offer_contract, media_type: arguments.media_type }
}
