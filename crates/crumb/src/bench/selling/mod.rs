//! `crumb bench selling`: what selling a lead takes beyond what its buyers take, and
//! thousands of calls to buyers at once.
//!
//! The load and the buyers are this process, each on a thread of its own; the server is
//! another, started afresh for each run. Beside it, in turns and under the same load,
//! stand one that only waits as long as a ping and a post together take (what the machine's
//! own scheduling adds), and one that makes the same calls and decides and stores nothing
//! (what the calls add).
//!
//! * `network`: the tree; `buyers`: who buys, and what they were asked.
//! * `posts`, `schedule`: the load.
//! * `rivals`: what is measured against.
//! * `stored`, `audit`: whether every lead is accounted for; `figures`: the table.

mod audit;
pub mod buyers;
mod figures;
pub mod network;
pub mod posts;
pub mod rivals;
mod schedule;
mod stored;

use super::arguments::SellingArguments;
use super::figures::{Latency, mib};
use super::rounds::{fresh_directory, micros_each};
use super::servers::{Crumb, Running};
use super::{machine, say};
use crate::commands::{Reply, Result};
use anyhow::{Context as _, ensure};
use audit::Tally;
use buyers::{Buyers, Record};
use figures::{Run, table};
use posts::{Way, post};
use schedule::{Answered, Posts};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// The part of the leads that warm the server up before those that are measured.
const WARM_UP_PARTS: u64 = 10;

/// Measures selling, then calls in flight.
///
/// # Errors
/// Where a server could not be run, or a lead is not accounted for.
pub async fn run(arguments: &SellingArguments) -> Result {
    let mut text = machine::describe(&arguments.directory);
    text += &through_the_tree(arguments).await?;
    if arguments.in_flight > 0 {
        text += &in_flight(arguments).await?;
    }
    text += "\nEvery lead was accounted for: its answer, the store, the ledger and the buyers agree.\n";
    Ok(Reply::printed(text))
}

/// Who takes the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Crumb,
    Calls,
    Wait,
}

impl Server {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Crumb, "crumb"), (Self::Calls, "bare calls"), (Self::Wait, "bare wait")];
}

async fn through_the_tree(arguments: &SellingArguments) -> anyhow::Result<String> {
    let mut runs: Vec<(&str, Vec<Run>)> = Server::ALL.map(|(_, name)| (name, Vec::new())).into();
    let mut tallies = Vec::new();
    for round in 1..=arguments.rounds {
        for ((server, name), (_, runs)) in Server::ALL.into_iter().zip(&mut runs) {
            say(&format!("selling, {} leads/s, round {round}: {name}", arguments.rate));
            let directory = fresh_directory(&arguments.directory)?;
            let load = Load { arguments, directory: directory.path() };
            let run = match server {
                Server::Crumb => load.crumb(&mut tallies).await,
                Server::Calls => load.calls().await,
                Server::Wait => load.wait().await,
            };
            runs.push(run.with_context(|| format!("{name} failed"))?);
        }
    }
    let title = format!(
        "host-n-post leads through 30 contracts, 10 of them pinged at once, buyers answer after {} ms:\n\
         {} leads/s for {} s, middle of {}",
        arguments.buyer_ms, arguments.rate, arguments.seconds, arguments.rounds
    );
    let mut text = table(&title, &runs);
    for (round, tally) in (1..).zip(&tallies) {
        let _ = writeln!(text, "round {round}: {}", told(tally));
    }
    Ok(text)
}

fn told(tally: &Tally) -> String {
    let Tally { sold, sold_after_refusal, unsold, pings, late_pings, posts, revenue, payout } = tally;
    format!(
        "{} leads: {sold} sold at once, {sold_after_refusal} after a refusal, {unsold} bought by nobody; \
         {pings} pings ({late_pings} not answered in time), {posts} posts; brought {revenue}, pay {payout}",
        sold + sold_after_refusal + unsold
    )
}

/// One run of one server.
struct Load<'a> {
    arguments: &'a SellingArguments,
    directory: &'a Path,
}

impl Load<'_> {
    async fn crumb(&self, tallies: &mut Vec<Tally>) -> anyhow::Result<Run> {
        let buyers = Buyers::start(self.buyers_answer_after(), 0)?;
        let file = network::file(buyers.address());
        let mut crumb = Crumb::start(self.directory, Some(&file)).await?;
        let before = crumb.running.usage().unwrap_or_default();
        let address = crumb.running.address;
        let posts = Posts { address, post: |number| post(Way::Tree, number), read: posts::said };
        let answers = posts.paced(self.leads(), self.arguments.rate).await?;
        let usage = crumb.running.usage();
        crumb.stop()?;
        let (stored, record) = (stored::read(&crumb.database())?, buyers.take_record());
        tallies.push(audit::check(&answers, &stored, &record)?);
        let times = audit::times(&answers, &stored, &record);
        let processor = usage.map(|usage| usage.processor.saturating_sub(before.processor));
        Ok(Run {
            peak_kib: usage.map(|usage| usage.peak_kib),
            processor_micros: processor.map(|time| micros_each(time, answers.len())),
            ..self.measured(&answers, times)
        })
    }

    /// The same calls, with nothing decided or stored.
    async fn calls(&self) -> anyhow::Result<Run> {
        let buyers = Buyers::start(self.buyers_answer_after(), 0)?;
        let running = Running::own(&["calls", "--buyers", &buyers.address().to_string()], self.directory)?;
        let address = running.address;
        let posts = Posts { address, post: |number| post(Way::Tree, number), read: posts::said_by_calls };
        let answers = posts.paced(self.leads(), self.arguments.rate).await?;
        let record = buyers.take_record();
        let times = answers.iter().map(|answered| {
            let calls = record.leads.get(&posts::email(answered.number));
            let waited = calls.map(buyers::Calls::waited).unwrap_or_default();
            (answered.took, answered.took.saturating_sub(waited))
        });
        self.rival_run(&answers, times, &running)
    }

    /// As long as a ping and a post, and nothing else.
    async fn wait(&self) -> anyhow::Result<Run> {
        let wait = 2 * self.arguments.buyer_ms;
        let running = Running::own(&["wait", "--wait-ms", &wait.to_string()], self.directory)?;
        let address = running.address;
        let posts = Posts { address, post: |number| post(Way::Tree, number), read: posts::waited };
        let answers = posts.paced(self.leads(), self.arguments.rate).await?;
        let times =
            answers.iter().map(|answered| (answered.took, answered.took.saturating_sub(answered.said)));
        self.rival_run(&answers, times, &running)
    }

    fn rival_run<T>(
        &self,
        answers: &[Answered<T>],
        times: impl Iterator<Item = (Duration, Duration)>,
        running: &Running,
    ) -> anyhow::Result<Run> {
        let usage = running.usage();
        Ok(Run {
            peak_kib: usage.map(|usage| usage.peak_kib),
            processor_micros: usage.map(|usage| micros_each(usage.processor, answers.len())),
            ..self.measured(answers, times)
        })
    }

    /// Of those after the warm-up: how long answers took, and how much of it was not the
    /// buyers' time.
    fn measured<T>(&self, answers: &[Answered<T>], times: impl Iterator<Item = (Duration, Duration)>) -> Run {
        let measured = answers.iter().zip(times).filter(|(answered, _)| answered.number >= self.warm_up());
        let micros = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        let (answer, own) = measured.map(|(_, (took, own))| (micros(took), micros(own))).unzip();
        Run { answer: Latency::of(answer), own: Latency::of(own), processor_micros: None, peak_kib: None }
    }

    fn buyers_answer_after(&self) -> Duration {
        Duration::from_millis(self.arguments.buyer_ms.into())
    }

    fn warm_up(&self) -> u64 {
        u64::from(self.arguments.rate) * u64::from(self.arguments.seconds) / WARM_UP_PARTS
    }

    fn leads(&self) -> u64 {
        self.warm_up() + u64::from(self.arguments.rate) * u64::from(self.arguments.seconds)
    }
}

/// Posts so many leads at once, to a buyer that answers none of them before it has them
/// all.
async fn in_flight(arguments: &SellingArguments) -> anyhow::Result<String> {
    let wanted = arguments.in_flight;
    say(&format!("{wanted} calls in flight"));
    let directory = fresh_directory(&arguments.directory)?;
    let buyers = Buyers::start(Duration::from_millis(arguments.buyer_ms.into()), wanted as usize)?;
    let mut crumb = Crumb::start(directory.path(), Some(&network::file(buyers.address()))).await?;
    let address = crumb.running.address;
    let posts = Posts { address, post: |number| post(Way::Held, number), read: posts::said };
    let begun = super::now();
    let answers = posts.at_once(wanted.into()).await?;
    let took = begun.elapsed();
    let usage = crumb.running.usage().unwrap_or_default();
    crumb.stop()?;
    let (stored, record) = (stored::read(&crumb.database())?, buyers.take_record());
    let Record { most_in_flight, .. } = record;
    let tally = audit::check(&answers, &stored, &record)?;
    ensure!(most_in_flight >= wanted as usize, "only {most_in_flight} calls were in flight at once");
    ensure!(tally.unsold == 0, "{} of the leads were not sold", tally.unsold);
    Ok(format!(
        "\n{most_in_flight} calls to buyers in flight at once, all answered after the last had come; \
         all leads sold\n{:.2} s from the first connection to the last answer, {} MiB at the peak\n",
        took.as_secs_f64(),
        mib(usage.peak_kib)
    ))
}
