//! `crumb link`: an affiliate's tracking link.

use super::{Context, Reply, Result};
use crate::cli::LinkArguments;
use anyhow::{Context as _, anyhow, bail, ensure};
use crumb_domain::click::Disposition;
use crumb_domain::network::PriceFormat;
use crumb_domain::{AffiliateId, CreativeId, SubIds, Timestamp};
use crumb_network::Snapshot;
use crumb_storage::Store;
use crumb_tracking::gate;
use crumb_wire::generate::{LinkOptions, tracking_link};

/// Prints the link.
pub fn link<S: Store + Clone>(context: &Context<'_, S>, arguments: &LinkArguments) -> Result {
    let snapshot = context.installation.network.snapshot();
    let now = context.installation.clock.now();
    let creative = creative(&snapshot, arguments, now)?;
    let base = context.base_url(&snapshot);
    let link = tracking_link(&base, arguments.affiliate, creative, &sub_ids(arguments), options(arguments));
    Ok(Reply { stderr: turned_away(&snapshot, arguments, creative, now), ..Reply::printed(link + "\n") })
}

/// Says why a click is turned away from its offer at present; nothing where it is taken.
pub fn turned_away(
    snapshot: &Snapshot,
    arguments: &LinkArguments,
    creative: CreativeId,
    now: Timestamp,
) -> String {
    let (sub_ids, options) = (sub_ids(arguments), options(arguments));
    match gate::of_link(snapshot, now, arguments.affiliate, creative, &sub_ids, options) {
        Disposition::Ok => String::new(),
        why => format!("a click is turned away from its offer at present: {}\n", why.as_str()),
    }
}

/// The creative that is meant. Refuses what the network does not have: a link to nothing is
/// a lost click.
pub fn creative(
    snapshot: &Snapshot,
    arguments: &LinkArguments,
    now: Timestamp,
) -> anyhow::Result<CreativeId> {
    let affiliate = arguments.affiliate;
    ensure!(
        affiliate == AffiliateId::TEST || snapshot.affiliate(affiliate).is_some(),
        "--affiliate: no affiliate {affiliate}"
    );
    let (creative, offer) = match (arguments.creative, arguments.offer) {
        (Some(id), None) => {
            let found = snapshot.creative(id);
            (id, found.with_context(|| format!("--creative: no creative {id}"))?.0)
        }
        (None, Some(id)) => {
            let offer = snapshot.offer(id).with_context(|| format!("--offer: no offer {id}"))?;
            let only = offer.only_creative(now);
            (only.map_err(|why| anyhow!("--offer: {why} (--creative)"))?, offer)
        }
        _ => bail!("one of --creative and --offer is needed"),
    };
    if let Some(id) = arguments.offer_contract {
        let has = offer.offer.contract.iter().any(|contract| contract.id == id);
        ensure!(has, "--offer-contract: no offer contract {id} of offer {}", offer.offer.id);
    }
    Ok(creative)
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
