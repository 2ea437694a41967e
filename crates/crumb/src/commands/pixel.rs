//! `crumb pixel`: the pixel code of a page that visitors may reach without a link.

use super::link::{creative, options, sub_ids, turned_away};
use super::{Context, Reply, Result};
use crate::cli::LinkArguments;
use crumb_storage::Store;
use crumb_wire::generate::click_pixel_code;

/// Prints the code.
pub fn pixel<S: Store + Clone>(context: &Context<'_, S>, arguments: &LinkArguments) -> Result {
    let snapshot = context.installation.network.snapshot();
    let now = context.installation.clock.now();
    let creative = creative(&snapshot, arguments, now)?;
    let base = context.base_url(&snapshot);
    let code =
        click_pixel_code(&base, arguments.affiliate, creative, &sub_ids(arguments), options(arguments));
    Ok(Reply { stderr: turned_away(&snapshot, arguments, creative, now), ..Reply::printed(code + "\n") })
}
