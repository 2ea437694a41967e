//! `crumb bench`: what this program does on this machine, beside what any program
//! could do.
//!
//! This process is the load; each server is a process of its own, started afresh
//! for each run: Crumb on a new store, a server that answers the same without
//! storing anything (the limit of not storing), one that appends each request to
//! a file and syncs it before it answers (the limit of storing), and nginx where
//! it is installed. They take turns, so that a machine which drifts harms none
//! more than another.
//!
//! A rate is worth nothing if answers were given for what was not stored. So every
//! acknowledged id is looked up in the store after the run, and a missing one
//! fails it.
//!
//! * `clicks`, `leads`, `conversions`, `start`, `selling`: the measurements; `rounds`:
//!   their turns; `sessions`: what leads and conversions are of.
//! * `servers`, `rivals`, `journal`: what is measured, and what against.
//! * `load`, `client`, `requests`: the load; `network`: what Crumb is to serve.
//! * `audit`: whether what was acknowledged is stored; `receiver`: who is told of it.
//! * `figures`, `machine`: what is printed.

mod arguments;
mod audit;
mod clicks;
mod client;
mod conversions;
mod figures;
mod journal;
mod leads;
mod load;
mod machine;
mod network;
mod receiver;
mod requests;
mod rivals;
mod rounds;
mod selling;
mod servers;
mod sessions;
mod start;

pub use arguments::BenchCommand;

use crate::commands::Reply;
use std::time::Instant;

/// Runs a measurement.
///
/// # Errors
/// Where a server could not be run, answered otherwise than it should, or had not
/// stored what it acknowledged.
pub fn run(command: &BenchCommand) -> anyhow::Result<Reply> {
    if let BenchCommand::Rival(rival) = command {
        return rivals::run(rival).map(|()| Reply::default());
    }
    crate::descriptors::raise_limit();
    // One thread: the load must leave the machine to the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            BenchCommand::Clicks(arguments) if arguments.million => clicks::million(arguments).await,
            BenchCommand::Clicks(arguments) => clicks::run(arguments).await,
            BenchCommand::Leads(arguments) => leads::run(arguments).await,
            BenchCommand::Conversions(arguments) => conversions::run(arguments).await,
            BenchCommand::Start(arguments) => start::run(arguments).await,
            BenchCommand::Selling(arguments) => selling::run(arguments).await,
            BenchCommand::Rival(_) => Ok(Reply::default()),
        }
    })
}

/// Tells the person who waits what is being done.
fn say(text: &str) {
    use std::io::Write as _;
    // Nobody may be listening; the figures come on standard output.
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[expect(clippy::disallowed_methods, reason = "measuring time is what a benchmark is for")]
fn now() -> Instant {
    Instant::now()
}
