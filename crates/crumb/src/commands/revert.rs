//! `crumb revert`: an earlier version, made the present one again.

use super::apply::applied;
use super::{Context, Result};
use crumb_domain::ConfigVersion;
use crumb_storage::Store;

/// Prints the new version's number, alone on standard output.
pub async fn revert<S: Store + Clone>(context: &Context<'_, S>, to: ConfigVersion) -> Result {
    let installation = context.installation;
    Ok(applied(&installation.network.revert(to, installation.clock.now()).await?))
}
