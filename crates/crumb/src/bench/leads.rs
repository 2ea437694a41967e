//! `crumb bench leads`.

use super::arguments::LeadsArguments;
use super::figures::Run;
use super::load::{Amount, Load};
use super::network::Shape;
use super::requests::{Requests, acknowledged_click, acknowledged_lead};
use super::servers::{Crumb, Server};
use super::{audit, clicks, rounds};
use crate::commands::Result;
use crumb_domain::RequestId;
use std::path::Path;
use std::sync::Arc;

/// Connections that make the sessions beforehand.
const CLICKING: u32 = 64;

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
    let mut crumb = Crumb::start(directory, Some(&shape.file())).await?;
    let sessions = sessions(&crumb, shape, arguments.sessions).await?;
    // Started again, so that the log is in the file and the leads' bytes can be told.
    crumb.stop()?;
    let mut crumb = Crumb::start(directory, None).await?;
    let requests = Arc::new(Requests::leads(sessions.clone()));
    let (acknowledged, run) =
        rounds::crumb(&mut crumb, connections, requests, acknowledged_lead, load).await?;
    clicks::look_up(&crumb, &sessions)?;
    let rows = audit::leads(&crumb.database(), &acknowledged)?;
    let grown = crumb.bytes()?.saturating_sub(crumb.bytes_at_start);
    let bytes_per_row = (!load.kill).then(|| grown as f64 / rows.max(1) as f64);
    Ok(Run { bytes_per_row, ..run })
}

/// The request ids of clicks made for the posts.
async fn sessions(crumb: &Crumb, shape: Shape, count: u32) -> anyhow::Result<Vec<RequestId>> {
    let load = Load {
        address: crumb.running.address,
        connections: CLICKING,
        amount: Amount::Requests(count.into()),
        requests: Arc::new(Requests::clicks(shape)),
        acknowledgement: acknowledged_click,
    };
    let seen = load.run().await?;
    rounds::whole(&seen)?;
    Ok(seen.acknowledged)
}
