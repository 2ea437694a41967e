//! `crumb bench clicks`.

use super::arguments::{ClicksArguments, LoadArguments};
use super::figures::{Run, met, mib};
use super::load::{Amount, Load, Seen};
use super::network::Shape;
use super::requests::{Requests, acknowledged_click};
use super::servers::{Crumb, Server};
use super::{audit, machine, rounds, say};
use crate::commands::{Reply, Result};
use crate::secrets;
use crumb_domain::RequestId;
use crumb_tracking::installation::Keys;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// What a server may hold after a million clicks.
const MOST_RESIDENT_KIB: u64 = 150 * 1_024;
/// What the second million's rate may be of the first one's.
const LEAST_OF_FIRST: f64 = 0.9;

/// Compares the servers under a load of clicks.
///
/// # Errors
/// Where a server could not be run, or a click that Crumb acknowledged is missing.
pub async fn run(arguments: &ClicksArguments) -> Result {
    let load = &arguments.load;
    rounds::take_turns("clicks", load, async |server, connections, directory| match server {
        Server::Crumb => crumb(connections, directory, load).await,
        rival => {
            let requests = Arc::new(Requests::clicks(Shape::of(load.campaigns)));
            rounds::rival(rival, connections, directory, requests, load).await
        }
    })
    .await
}

async fn crumb(connections: u32, directory: &Path, load: &LoadArguments) -> anyhow::Result<Run> {
    let shape = Shape::of(load.campaigns);
    let mut crumb = Crumb::start(directory, Some(&shape.file())).await?;
    let requests = Arc::new(Requests::clicks(shape));
    let (acknowledged, run) =
        rounds::crumb(&mut crumb, connections, requests, acknowledged_click, load).await?;
    let rows = look_up(&crumb, &acknowledged)?;
    let grown = crumb.bytes()?.saturating_sub(crumb.bytes_at_start);
    // Of a killed server the log still stands, whatever of it is in the file already.
    let bytes_per_row = (!load.kill).then(|| grown as f64 / rows.max(1) as f64);
    Ok(Run { bytes_per_row, ..run })
}

/// Looks all acknowledged clicks up in the store of a server that has ended.
///
/// # Errors
/// Where one is missing.
pub fn look_up(crumb: &Crumb, acknowledged: &[RequestId]) -> anyhow::Result<u64> {
    let keys = Keys::derive(&secrets::read_or_make(&crumb.key_file())?.bytes);
    audit::clicks(&crumb.database(), &keys.request_ids, acknowledged)
}

/// Two million clicks at Crumb alone.
///
/// # Errors
/// As above.
pub async fn million(arguments: &ClicksArguments) -> Result {
    const MILLION: u64 = 1_000_000;
    let load = &arguments.load;
    let mut text = machine::describe(&load.directory);
    let shape = Shape::of(load.campaigns);
    for connections in &load.connections {
        let directory = rounds::fresh_directory(&load.directory)?;
        let mut crumb = Crumb::start(directory.path(), Some(&shape.file())).await?;
        let requests = Arc::new(Requests::clicks(shape));
        let mut acknowledged = Vec::new();
        let mut rates = Vec::new();
        let _ = writeln!(text, "\n{connections} connections, {} campaigns", load.campaigns);
        for which in ["first", "second"] {
            say(&format!("{connections} connections: the {which} million clicks"));
            let load = Load {
                address: crumb.running.address,
                connections: *connections,
                amount: Amount::Requests(MILLION),
                requests: Arc::clone(&requests),
                acknowledgement: acknowledged_click,
            };
            let seen: Seen<RequestId> = load.run().await?;
            rounds::whole(&seen)?;
            let kib = crumb.running.usage().map(|usage| usage.now_kib).unwrap_or_default();
            let (rate, p99) = (seen.rate, f64::from(seen.latency.p99) / 1_000.0);
            let _ = writeln!(
                text,
                "{which} million: {rate:.0} clicks/s, p99 {p99:.2} ms; then {} MiB resident, {:.0} MiB stored",
                mib(kib),
                crumb.bytes()? as f64 / (1_024.0 * 1_024.0),
            );
            if which == "first" {
                let _ = writeln!(text, "  aim: under 150 MiB resident: {}", met(kib < MOST_RESIDENT_KIB));
            }
            rates.push(rate);
            acknowledged.extend(seen.acknowledged);
        }
        if let [first, second] = rates[..] {
            let ratio = second / first;
            let flat = met(ratio >= LEAST_OF_FIRST);
            let _ =
                writeln!(text, "  second to first: {ratio:.2}; aim: at least {LEAST_OF_FIRST:.2}: {flat}");
        }
        crumb.stop()?;
        let rows = look_up(&crumb, &acknowledged)?;
        let bytes = crumb.bytes()?.saturating_sub(crumb.bytes_at_start) as f64 / rows.max(1) as f64;
        let _ = writeln!(text, "{rows} rows of {bytes:.0} bytes; every acknowledged id was found");
    }
    Ok(Reply::printed(text))
}
