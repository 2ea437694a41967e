//! `crumb versions`: the configuration's history.

use super::pages::each_row;
use super::{Context, Reply, Result};
use crumb_storage::Store;
use crumb_storage::configuration::VersionInfo;

/// A line a version, newest first: number, time, what changed; tabs between them.
/// The lines count and name what changed and never hold a secret.
pub async fn versions<S: Store + Clone>(context: &Context<'_, S>) -> Result {
    let mut lines = String::new();
    let network = &context.installation.network;
    let push = |version: VersionInfo| {
        lines += &format!("{}\t{}\t{}\n", version.version, version.at, version.summary);
    };
    each_row(false, |page| network.versions(page), push).await?;
    Ok(Reply::printed(lines))
}
