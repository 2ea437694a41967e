//! `crumb contract on`: lets a contract buy again that the server switched off.

use super::apply::applied;
use super::{Context, Result};
use crumb_domain::ContractId;
use crumb_storage::Store;

/// Prints the version that is in force now, alone on standard output.
pub async fn on<S: Store + Clone>(context: &Context<'_, S>, id: ContractId) -> Result {
    let installation = context.installation;
    let now = installation.clock.now();
    Ok(applied(&installation.network.switch_on(id, now).await?))
}
