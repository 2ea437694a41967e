//! The servers' turns: each round runs all of them, each afresh.

use super::arguments::LoadArguments;
use super::figures::{Run, table};
use super::load::{Acknowledgement, Amount, Load, Seen};
use super::requests::{Requests, redirected};
use super::servers::{Crumb, Running, Server};
use super::{machine, say};
use crate::commands::{Reply, Result};
use anyhow::{Context as _, bail, ensure};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The part of the measured time for which a server warms up before it.
const WARM_UP_PARTS: u32 = 10;
/// How long the load would go on after the moment at which the server is killed.
const OVERRUN: Duration = Duration::from_secs(10);

/// Measures all servers, with `one` running one of them in a fresh directory.
///
/// # Errors
/// Where a run fails.
pub async fn take_turns(
    what: &str,
    arguments: &LoadArguments,
    one: impl AsyncFn(&Server, u32, &Path) -> anyhow::Result<Run>,
) -> Result {
    let mut text = machine::describe(&arguments.directory);
    for connections in &arguments.connections {
        let mut runs: Vec<(Server, Vec<Run>)> =
            Server::all().into_iter().map(|server| (server, Vec::new())).collect();
        for round in 1..=arguments.rounds {
            for (server, runs) in &mut runs {
                say(&format!("{what}, {connections} connections, round {round}: {}", server.name()));
                let directory = fresh_directory(&arguments.directory)?;
                let run = one(server, *connections, directory.path()).await;
                runs.push(run.with_context(|| format!("{} failed", server.name()))?);
            }
        }
        let named: Vec<(&str, Vec<Run>)> =
            runs.into_iter().map(|(server, runs)| (server.name(), runs)).collect();
        let title = format!(
            "{what}: {connections} connections, {} campaigns, {} s, middle of {}",
            arguments.campaigns, arguments.seconds, arguments.rounds
        );
        text += &table(&title, &named, Server::APPEND, Server::BARE);
    }
    text += "\nEvery acknowledged id was looked up in Crumb's store and found.\n";
    if arguments.kill {
        text += "Crumb was killed in the middle of the load.\n";
    }
    Ok(Reply::printed(text))
}

/// A directory that is removed when it is dropped.
pub fn fresh_directory(parent: &Path) -> anyhow::Result<tempfile::TempDir> {
    let made = tempfile::Builder::new().prefix("crumb-bench-").tempdir_in(parent);
    made.with_context(|| format!("no directory can be made in {}", parent.display()))
}

/// One run of a server to compare with.
///
/// # Errors
/// Where it does not answer as it should.
pub async fn rival(
    server: &Server,
    connections: u32,
    directory: &Path,
    requests: Arc<Requests>,
    arguments: &LoadArguments,
) -> anyhow::Result<Run> {
    let running = Running::rival(server, &directory.canonicalize()?).await?;
    let amount = amount(arguments, Duration::ZERO);
    let load = Load { address: running.address, connections, amount, requests, acknowledgement: redirected };
    let seen = load.run().await?;
    whole(&seen)?;
    let stored = std::fs::metadata(directory.join("requests.log")).ok().filter(|_| *server == Server::Append);
    // Of nginx only the idle master would be seen.
    let usage = running.usage().filter(|_| !matches!(server, Server::Nginx(_)));
    Ok(Run {
        rate: seen.rate,
        latency: seen.latency,
        bytes_per_row: stored.map(|file| file.len() as f64 / seen.acknowledged.len().max(1) as f64),
        processor_micros: usage.map(|usage| micros_each(usage.processor, seen.acknowledged.len())),
        peak_kib: usage.map(|usage| usage.peak_kib),
    })
}

/// The measured load on Crumb; at its end Crumb is stopped, or has been killed.
///
/// # Errors
/// Where an answer acknowledges nothing, or a connection broke that should not.
pub async fn crumb<T: Send + 'static>(
    crumb: &mut Crumb,
    connections: u32,
    requests: Arc<Requests>,
    acknowledgement: Acknowledgement<T>,
    arguments: &LoadArguments,
) -> anyhow::Result<(Vec<T>, Run)> {
    let before = crumb.running.usage().unwrap_or_default();
    let address = crumb.running.address;
    let overrun = if arguments.kill { OVERRUN } else { Duration::ZERO };
    let load = Load { address, connections, amount: amount(arguments, overrun), requests, acknowledgement };
    let (seen, usage) = if arguments.kill {
        let measured = Duration::from_secs(arguments.seconds.into());
        let killed = async {
            tokio::time::sleep(measured / WARM_UP_PARTS + measured).await;
            let usage = crumb.running.usage();
            let ended = crumb.running.kill()?;
            // One that had ended by itself before was not killed.
            ensure!(ended.signal().is_some(), "Crumb was not killed: {ended}");
            Ok(usage)
        };
        let (seen, usage) = tokio::join!(load.run(), killed);
        (seen?, usage?)
    } else {
        let seen = load.run().await?;
        whole(&seen)?;
        let usage = crumb.running.usage();
        crumb.stop()?;
        (seen, usage)
    };
    let processor = usage.map(|usage| usage.processor.saturating_sub(before.processor));
    let run = Run {
        rate: seen.rate,
        latency: seen.latency,
        bytes_per_row: None,
        processor_micros: processor.map(|time| micros_each(time, seen.acknowledged.len())),
        peak_kib: usage.map(|usage| usage.peak_kib),
    };
    Ok((seen.acknowledged, run))
}

/// Microseconds for each of so many.
pub fn micros_each(time: Duration, requests: usize) -> f64 {
    time.as_secs_f64() * 1_000_000.0 / requests.max(1) as f64
}

/// Refuses a load of which a part went unanswered.
///
/// # Errors
/// Where a connection broke.
pub fn whole<T>(seen: &Seen<T>) -> anyhow::Result<()> {
    match seen.broken.first() {
        None => Ok(()),
        Some(first) => bail!("{} connections broke, the first one so: {first}", seen.broken.len()),
    }
}

fn amount(arguments: &LoadArguments, overrun: Duration) -> Amount {
    let measured = Duration::from_secs(arguments.seconds.into());
    Amount::Time { warm_up: measured / WARM_UP_PARTS, measured, overrun }
}
