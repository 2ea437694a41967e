//! `crumb bench leads`.

use super::arguments::LeadsArguments;
use super::figures::Run;
use super::network::Shape;
use super::requests::{Requests, acknowledged_lead};
use super::servers::Server;
use super::{audit, clicks, rounds, sessions};
use crate::commands::Result;
use std::path::Path;
use std::sync::Arc;

/// Compares the servers under a load of session posts.
///
/// # Errors
/// Where a server could not be run, or a lead that Crumb acknowledged is missing.
pub async fn run(arguments: &LeadsArguments) -> Result {
    let load = &arguments.load;
    rounds::take_turns("session posts", load, async |server, connections, directory| match server {
        Server::Crumb => crumb(connections, directory, arguments).await,
        rival => {
            let requests = Arc::new(Requests::leads(Vec::new()));
            rounds::rival(rival, connections, directory, requests, load).await
        }
    })
    .await
}

async fn crumb(connections: u32, directory: &Path, arguments: &LeadsArguments) -> anyhow::Result<Run> {
    let load = &arguments.load;
    let shape = Shape::on_one_offer(load.campaigns);
    let (mut crumb, sessions) = sessions::made(directory, shape, &shape.file(), arguments.sessions).await?;
    let requests = Arc::new(Requests::leads(sessions.clone()));
    let (acknowledged, run) =
        rounds::crumb(&mut crumb, connections, requests, acknowledged_lead, load).await?;
    clicks::look_up(&crumb, &sessions)?;
    let rows = audit::leads(&crumb.database(), &acknowledged)?;
    let grown = crumb.bytes()?.saturating_sub(crumb.bytes_at_start);
    let bytes_per_row = (!load.kill).then(|| grown as f64 / rows.max(1) as f64);
    Ok(Run { bytes_per_row, ..run })
}
