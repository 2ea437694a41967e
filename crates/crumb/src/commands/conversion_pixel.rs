//! `crumb conversion-pixel`: what an advertiser puts on its thank-you page or into its server.

use super::{Context, Reply, Result};
use crate::cli::ConversionPixelArguments;
use anyhow::{Context as _, bail};
use crumb_domain::network::Event;
use crumb_storage::Store;
use crumb_wire::conversion_code::{ConversionCode, PixelOf, conversion_code};

/// Prints each event's pixel, form by form.
pub fn conversion_pixel<S: Store + Clone>(
    context: &Context<'_, S>,
    arguments: &ConversionPixelArguments,
) -> Result {
    let id = arguments.offer;
    let snapshot = context.installation.network.snapshot();
    let base = context.base_url(&snapshot);
    let Some(offer) = snapshot.offer(id) else { bail!("no offer {id}") };
    if arguments.global {
        let advertiser = offer.offer.advertiser.with_context(|| format!("offer {id} has no advertiser"))?;
        let code = conversion_code(&base, PixelOf::Advertiser(advertiser), None);
        return Ok(Reply::printed(printed(&format!("Any offer of advertiser {advertiser}"), &code)));
    }
    let events: Vec<&Event> = match &arguments.event {
        None => offer.events().iter().collect(),
        Some(named) => match offer.event(named) {
            Some(event) => vec![event],
            None => bail!("offer {id} has no event {named}"),
        },
    };
    let texts = events.iter().map(|event| {
        let code = conversion_code(&base, PixelOf::Offer(id), Some(event.id));
        printed(&format!("{} (event {})", event.name, event.id), &code)
    });
    Ok(Reply::printed(texts.collect::<Vec<_>>().join("\n")))
}

fn printed(of: &str, code: &ConversionCode) -> String {
    let ConversionCode { iframe, script, image, postback } = code;
    format!(
        "# {of}\n\niframe:\n{iframe}\n\njs:\n{script}\n\nimg:\n{image}\n\npb (from your server):\n{postback}\n"
    )
}
