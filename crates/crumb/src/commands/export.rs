//! `crumb export`: the network as a network file.

use super::{Context, Reply, Result};
use crate::cli::Format;
use crumb_network::{to_json, to_toml};
use crumb_storage::Store;

/// Prints a file that changes nothing where it is applied; with `--secrets`, also
/// on an empty store.
pub async fn export<S: Store + Clone>(context: &Context<'_, S>, format: Format, secrets: bool) -> Result {
    let network = context.installation.network.export(secrets).await;
    Ok(Reply::printed(match format {
        Format::Toml => to_toml(&network),
        Format::Json => to_json(&network),
    }))
}
