//! `crumb plan`: what applying a file would change.

use super::apply::NetworkFile;
use super::terminal::as_it_is;
use super::{Reply, Result, findings};
use crumb_network::{LiveNetwork, Secrets};
use crumb_storage::ConfigurationStore;

/// The exit code that says that something would change.
const WOULD_CHANGE: u8 = 2;

/// A line for each change, and exit 2 where there is one; beside them, for people, their number
/// and what is hardly meant.
pub async fn plan<S: ConfigurationStore + Send + Sync>(
    network: &LiveNetwork<S>,
    file: &NetworkFile,
    prune: bool,
    secrets: bool,
) -> Result {
    let file = file.parsed()?;
    let secrets = if secrets { Secrets::Shown } else { Secrets::Masked };
    let plan = network.plan(&file, prune, secrets).await?;
    let exit = if plan.is_empty() { 0 } else { WOULD_CHANGE };
    let summary = if plan.is_empty() { "nothing to change".to_owned() } else { plan.summary() };
    let stderr = format!("{summary}\n{}", findings::of_file(&file));
    Ok(Reply { stdout: as_it_is(&plan.to_string()), stderr, exit })
}
