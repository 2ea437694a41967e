//! `crumb bench start`.

use super::arguments::StartArguments;
use super::figures::{met, mib, middle};
use super::network::Shape;
use super::servers::Crumb;
use super::{audit, machine, rounds, say};
use crate::commands::{Reply, Result};
use std::time::Duration;

/// Within which a server must be ready.
const AIM: Duration = Duration::from_secs(1);

/// Measures the time from a process's start until `/readyz` says 200.
///
/// # Errors
/// Where it does not become ready.
pub async fn run(arguments: &StartArguments) -> Result {
    let directory = rounds::fresh_directory(&arguments.directory)?;
    say("applying the network");
    let shape = Shape::of(arguments.campaigns);
    let mut crumb = Crumb::start(directory.path(), Some(&shape.file())).await?;
    let applied = crumb.ready_after;
    crumb.stop()?;
    let mut times = Vec::new();
    let mut kib = 0;
    for _ in 0..arguments.rounds {
        let mut crumb = Crumb::start(directory.path(), None).await?;
        times.push(crumb.ready_after);
        kib = crumb.running.usage().map(|usage| usage.now_kib).unwrap_or_default();
        crumb.stop()?;
    }
    let time = middle(times).unwrap_or_default();
    // Those that it served, not those that it was to serve.
    let campaigns = audit::campaigns(&crumb.database())?;
    let text = format!(
        "{}\n{campaigns} campaigns, middle of {}: ready after {:.0} ms; aim: under {} ms: {}\n\
         then {} MiB resident; {:.0} ms with the network file applied at the start\n",
        machine::describe(&arguments.directory),
        arguments.rounds,
        time.as_secs_f64() * 1_000.0,
        AIM.as_millis(),
        met(time < AIM),
        mib(kib),
        applied.as_secs_f64() * 1_000.0,
    );
    Ok(Reply::printed(text))
}
