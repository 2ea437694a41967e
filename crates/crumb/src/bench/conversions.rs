//! `crumb bench conversions`.

use super::arguments::ConversionsArguments;
use super::audit::conversions::{Expected, check};
use super::figures::Run;
use super::network::Shape;
use super::receiver::Receiver;
use super::requests::{Requests, acknowledged_conversion};
use super::servers::Server;
use super::{rounds, say, sessions};
use crate::commands::Result;
use crate::secrets;
use anyhow::ensure;
use crumb_tracking::installation::Keys;
use std::path::Path;
use std::sync::Arc;

/// Compares the servers under a load of server postbacks, each for a session of its own.
///
/// # Errors
/// Where a server could not be run, or a conversion that Crumb acknowledged is missing or
/// not whole.
pub async fn run(arguments: &ConversionsArguments) -> Result {
    let load = &arguments.load;
    let what = if arguments.postbacks { "conversions, affiliates told of them" } else { "conversions" };
    rounds::take_turns(what, load, async |server, connections, directory| match server {
        Server::Crumb => crumb(connections, directory, arguments).await,
        rival => {
            let requests = Arc::new(Requests::conversions(Vec::new()));
            rounds::rival(rival, connections, directory, requests, load).await
        }
    })
    .await
}

async fn crumb(connections: u32, directory: &Path, arguments: &ConversionsArguments) -> anyhow::Result<Run> {
    let load = &arguments.load;
    let shape = Shape::on_one_offer(load.campaigns);
    let receiver = arguments.postbacks.then(Receiver::start).transpose()?;
    let file = shape.of_advertiser(receiver.as_ref().map(Receiver::address));
    let (mut crumb, sessions) = sessions::made(directory, shape, &file, arguments.sessions).await?;
    let requests = Arc::new(Requests::conversions(sessions.clone()));
    let (acknowledged, run) =
        rounds::crumb(&mut crumb, connections, requests, acknowledged_conversion, load).await?;
    ensure!(
        acknowledged.len() < sessions.len(),
        "all {} sessions had converted before the time was up: name more by --sessions",
        sessions.len()
    );
    let keys = Keys::derive(&secrets::read_or_make(&crumb.key_file())?.bytes);
    let told = receiver.as_ref().map(Receiver::told);
    let expected = Expected {
        key: &keys.request_ids,
        sessions: &sessions,
        acknowledged: &acknowledged,
        told: told.as_ref(),
    };
    let rows = check(&crumb.database(), &expected)?;
    if let Some(told) = told {
        say(&format!("{} of {rows} postbacks had arrived by the end", told.len()));
    }
    let grown = crumb.bytes()?.saturating_sub(crumb.bytes_at_start);
    let bytes_per_row = (!load.kill).then(|| grown as f64 / rows.max(1) as f64);
    Ok(Run { bytes_per_row, ..run })
}
