//! `crumb explain`: who bought a lead, and why the others did not.

use super::lead::stands;
use super::terminal::{self, one_line};
use super::{Context, Reply, Result, find_lead};
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_domain::selling::Milliseconds;
use crumb_domain::{ConfigVersion, LeadId, Timestamp};
use crumb_server::api::explain::{ExplainedAttempt, ExplainedContract, Explanation};
use crumb_storage::Store;
use std::fmt::Write as _;

/// Prints the latest run and then the earlier ones, or the API's JSON.
pub async fn explain<S: Store + Clone>(context: &Context<'_, S>, id: LeadId, json: bool) -> Result {
    let store = &context.installation.store;
    let lead = find_lead(store, id).await?;
    let explanation = Explanation::of(store, &lead).await?;
    let printed = if json { terminal::json(&explanation)? } else { readable(&lead, &explanation) };
    Ok(Reply::printed(printed))
}

fn readable(lead: &Lead, explanation: &Explanation) -> String {
    let mut text = stands(lead);
    match (explanation.at, explanation.config_version) {
        (Some(at), Some(version)) => {
            push_run(&mut text, explanation.runs, at, version, &explanation.contracts)
        }
        _ if lead.status == LeadStatus::Queued => text += "\nIt was not offered yet.\n",
        _ => text += &format!("\nIt was never offered: crumb lead timeline {} says why.\n", lead.id),
    }
    for run in &explanation.earlier {
        push_run(&mut text, run.run, run.at, run.config_version, &run.contracts);
    }
    if !explanation.broken_off.is_empty() {
        text += "\nSent before the server's end broke the run off\n";
        for sent in &explanation.broken_off {
            text += &format!("contract {}\n", sent.contract);
            push_attempt(&mut text, &sent.attempt);
        }
    }
    text
}

fn push_run(
    text: &mut String,
    number: u32,
    at: Timestamp,
    version: ConfigVersion,
    contracts: &[ExplainedContract],
) {
    text.push_str(&format!("\nrun {number}, {at}, configuration {}\n", version.0));
    if contracts.is_empty() {
        text.push_str("The lead's vertical has no contracts.\n");
        return;
    }
    let width = contracts.iter().map(|one| one.result.as_str().len()).max().unwrap_or(0);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:>8}  {:width$}  TEXT", "CONTRACT", "RESULT");
    for one in contracts {
        let _ = writeln!(text, "{:>8}  {:width$}  {}", one.contract.0, one.result.as_str(), one.text);
        for attempt in &one.attempts {
            push_attempt(text, attempt);
        }
    }
}

pub(super) fn push_attempt(text: &mut String, attempt: &ExplainedAttempt) {
    let mut line = format!(
        "{:>10}{}: {} in {} ms, reached {}",
        "",
        attempt.kind.as_str(),
        attempt.outcome,
        total(&attempt.ms),
        attempt.phase.as_str()
    );
    let phases = phases(&attempt.ms);
    if !phases.is_empty() {
        line += &format!(" ({phases})");
    }
    if let Some(status) = attempt.status {
        line += &format!(", HTTP {status}");
    }
    if let Some(price) = attempt.read.price {
        line += &format!(", price {price}");
    }
    if let Some(error) = &attempt.error {
        line += &format!(": {error}");
    }
    *text += &one_line(&line);
    text.push('\n');
}

fn each(ms: &Milliseconds) -> [(&'static str, Option<u32>); 6] {
    [
        ("resolve", ms.resolve),
        ("connect", ms.connect),
        ("tls", ms.tls),
        ("write", ms.write),
        ("head", ms.head),
        ("body", ms.body),
    ]
}

fn total(ms: &Milliseconds) -> u64 {
    each(ms).iter().filter_map(|(_, took)| *took).map(u64::from).sum()
}

fn phases(ms: &Milliseconds) -> String {
    let reached = each(ms).into_iter().filter_map(|(name, took)| took.map(|took| format!("{name} {took}")));
    reached.collect::<Vec<_>>().join(", ")
}
