//! `crumb replay`: recorded leads decided again, then and now.
//!
//! It reads the store itself, beside a server that may own the directory, and takes no
//! lock: a replay may be long, and must neither hold the server's threads nor end with
//! the time that a handed-over command has. The file is opened by connections that
//! cannot write, each read on a snapshot of its own and short, so that neither the
//! writer nor its log wait for it.

use super::terminal::{json, one_line, push_table};
use super::{NetworkFile, Reply, Result, find_lead};
use crate::cli::ReplayArguments;
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::data_dir::present_store;
use anyhow::{Context as _, ensure};
use crumb_domain::lead::Lead;
use crumb_domain::time::Zone;
use crumb_domain::{Clock as _, ContractId, Money, Timestamp};
use crumb_intake::selling::contract_faults;
use crumb_intake::selling::replaying::{Decided, LeadRunReport, Replaying, Report, Totals};
use crumb_network::{LiveNetwork, Snapshot};
use crumb_storage_sqlite::{SqliteOptions, SqliteStore};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;

/// Days before the end that a replay begins, where it is not said.
const DAYS: i64 = 7;

/// Runs from which on it is shown how far a replay is: fewer take no time.
const LONG_RUNS: u64 = 500;

/// Characters of a contract's name that a table shows.
const NAME_CHARACTERS: usize = 24;

/// Replays and prints.
///
/// # Errors
/// Where store or file cannot be read.
pub fn run(settings: &Settings, arguments: &ReplayArguments) -> Result {
    let file = arguments.network.as_deref().map(NetworkFile::read).transpose()?;
    let path = present_store(&settings.store)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = SqliteStore::open_to_read(&path, SqliteOptions::default())
            .with_context(|| format!("the store {} cannot be read", path.display()))?;
        // What `apply` would refuse must not look as if it earned something.
        let network = LiveNetwork::load(store.clone()).await?.checking_contracts(contract_faults);
        let changed = match &file {
            Some(file) => Some(network.preview(&file.parsed()?, arguments.prune).await?),
            None => None,
        };
        let present = network.snapshot();
        let names = names(changed.as_ref().unwrap_or(&present), &present);
        let now = SystemClock::shifted_by(settings.clock_offset_seconds).now();
        let replaying = Replaying::new(&store, &network, changed);
        let (of, report) = match &arguments.lead {
            Some(id) => {
                let lead = find_lead(&store, *id).await?;
                let report = replaying.lead(&lead).await?;
                (Of::Lead(Box::new(lead)), report)
            }
            None => {
                let (from, to) = between(arguments, present.zone(), now)?;
                let bar = ProgressBar::no_length();
                let mut progress = |done, total| show(&bar, done, total);
                let report = replaying.leads(from, to, &mut progress).await?;
                bar.finish_and_clear();
                (Of::Leads { from, to }, report)
            }
        };
        let by = arguments.network.as_deref().map(Path::display).map(|path| path.to_string());
        let printed = Printed { of: &of, network: by.as_deref(), report: &report };
        let stdout = match arguments.json {
            true => json(&printed)?,
            false => printed.readable(&names, &present.settings().currency),
        };
        let (stderr, exit) = printed.trouble();
        Ok(Reply { stdout, stderr, exit })
    })
}

/// Which leads.
#[derive(Serialize)]
#[serde(rename_all = "snake_case", untagged)]
enum Of {
    /// Those that came in a time.
    Leads { from: Timestamp, to: Timestamp },
    /// One.
    #[serde(serialize_with = "id_of")]
    Lead(Box<Lead>),
}

fn id_of<S: serde::Serializer>(lead: &Lead, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Id {
        lead: crumb_domain::LeadId,
    }
    Id { lead: lead.id }.serialize(serializer)
}

/// What is printed.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    of: &'a Of,
    /// The file that changed the network.
    network: Option<&'a str>,
    #[serde(flatten)]
    report: &'a Report,
}

/// From when to when.
fn between(
    arguments: &ReplayArguments,
    zone: &Zone,
    now: Timestamp,
) -> anyhow::Result<(Timestamp, Timestamp)> {
    let given = |name: &str, text: &Option<String>| {
        text.as_deref().map(|text| moment(text, zone).with_context(|| format!("{name} {text}"))).transpose()
    };
    let to = given("--to", &arguments.to)?.unwrap_or(now);
    let from = given("--from", &arguments.from)?.unwrap_or(to.plus_days(-DAYS));
    ensure!(from < to, "--from {from} is not before --to {to}");
    Ok((from, to))
}

/// A day's beginning in the network's zone, or a moment.
fn moment(text: &str, zone: &Zone) -> anyhow::Result<Timestamp> {
    let day = || {
        let [year, month, day] = text.split('-').collect::<Vec<_>>().try_into().ok()?;
        let is_plain = (year.len(), month.len(), day.len()) == (4, 2, 2);
        Zone::civil_day(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).filter(|_| is_plain)
    };
    match day() {
        Some(day) => Ok(zone.moment(day, 0)),
        None => text.parse().context("not a day like \"2030-01-01\""),
    }
}

/// What contracts are called, by the changed network before the present one.
fn names<'n>(changed: &'n Snapshot, present: &'n Snapshot) -> impl Fn(ContractId) -> String + use<> {
    let all = present.network().contract.iter().chain(&changed.network().contract);
    let names: std::collections::HashMap<ContractId, String> =
        all.map(|contract| (contract.id, plain(&contract.name))).collect();
    move |contract| names.get(&contract).cloned().unwrap_or_default()
}

/// As a table shows it.
fn plain(name: &str) -> String {
    one_line(name).chars().take(NAME_CHARACTERS).collect()
}

/// How far it is; on a terminal, and where it takes long.
fn show(bar: &ProgressBar, done: u64, total: u64) {
    if total < LONG_RUNS {
        return;
    }
    if bar.length() != Some(total) {
        bar.set_length(total);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos} of {len} runs, {eta} left") {
            bar.set_style(style);
        }
    }
    bar.set_position(done);
}

impl Printed<'_> {
    /// What must be told beside the figures, and the exit code.
    fn trouble(&self) -> (String, u8) {
        let Report { runs, different, differences, not_replayable, .. } = self.report;
        let mut text = String::new();
        // Writing to a string cannot fail.
        if let Some((lead, run)) = not_replayable.first {
            let _ = writeln!(
                text,
                "{} of {runs} runs cannot be decided again by this program, the first of them run {run} of lead \
                 {lead}; their leads are left out",
                not_replayable.runs
            );
        }
        if *different > 0 && self.network.is_some() {
            let _ = writeln!(
                text,
                "{different} results are not what they were even by the network that decided them; replay \
                 without --network to see them"
            );
        }
        if self.network.is_some() {
            return (text, 0);
        }
        for one in differences {
            let contract = one.contract.map_or_else(String::new, |id| format!(", contract {id}"));
            let _ = writeln!(
                text,
                "lead {}, run {}{contract}: recorded {}, replayed {}",
                one.lead, one.run, one.recorded, one.replayed
            );
        }
        let more = different.saturating_sub(differences.len() as u64);
        if more > 0 {
            let _ = writeln!(text, "and {more} more");
        }
        (text, u8::from(*different > 0 || not_replayable.runs > 0))
    }

    fn readable(&self, name: &dyn Fn(ContractId) -> String, currency: &str) -> String {
        let report = self.report;
        let mut text = match self.of {
            Of::Leads { from, to } => format!("Leads that came from {from} until before {to}\n"),
            Of::Lead(lead) => format!("Lead {}: {}\n", lead.id, lead.status.as_str()),
        };
        text += "Then: what happened. Now: decided again by ";
        text += &self.network.map_or_else(
            || "the network that decided it then.\n".to_owned(),
            |file| format!("the present network with {file}.\n"),
        );
        if report.then.leads == 0 && report.broken_off.runs + report.broken_off_unsent.runs == 0 {
            return text + "\nNo such lead was offered to anybody.\n";
        }
        for run in &report.lead_runs {
            push_run(&mut text, run);
        }
        push_totals(&mut text, &report.then, &report.now, currency);
        push_contracts(&mut text, report, name);
        text.push('\n');
        text += &assumed(report, currency);
        if report.runs_not_reached > 0 {
            text += &format!(
                "{} of {} recorded runs do not happen now: their leads are sold before, or their offers gone.\n",
                report.runs_not_reached, report.runs
            );
        }
        text += &broken_off(report);
        text += &broken_off_unsent(report);
        let left_out = [&report.not_replayable, &report.broken_off, &report.broken_off_unsent];
        let decided = report.runs - left_out.iter().map(|of| of.runs).sum::<u64>();
        if self.network.is_none() && report.different == 0 && decided > 0 {
            text += &match decided {
                1 => "1 run decided again: as it was recorded, to the byte.\n".to_owned(),
                runs => format!("{runs} runs decided again: each as it was recorded, to the byte.\n"),
            };
        }
        text
    }
}

/// What is left out because nobody can know what it met.
fn broken_off(report: &Report) -> String {
    match report.broken_off.runs {
        0 => String::new(),
        1 => "1 run was broken off: what it met is lost, and its lead is left out.\n".to_owned(),
        runs => {
            format!("{runs} runs were broken off: what they met is lost, and their leads are left out.\n")
        }
    }
}

/// What nobody can know either, and what took nothing from its leads.
fn broken_off_unsent(report: &Report) -> String {
    match report.broken_off_unsent.runs {
        0 => String::new(),
        1 => {
            "1 run was broken off before anybody had the lead: what it met is lost, and it changed nothing.\n"
                .to_owned()
        }
        runs => format!(
            "{runs} runs were broken off before anybody had the leads: what they met is lost, and they changed \
             nothing.\n"
        ),
    }
}

/// How much rests on answers that nobody gave.
fn assumed(report: &Report, currency: &str) -> String {
    let assumed = report.assumptions;
    if assumed.leads == 0 {
        return "Nothing is assumed: each answer was given.\n".to_owned();
    }
    format!(
        "Assumed: {} posts and {} pings that were never made, of {} leads, are taken for accepted. {} {currency} \
         of the revenue now rests on that.\n",
        assumed.posts, assumed.pings, assumed.leads, assumed.revenue
    )
}

fn push_totals(text: &mut String, then: &Totals, now: &Totals, currency: &str) {
    let rate = |totals: &Totals| totals.sell_rate().map_or_else(String::new, |rate| format!("{rate} %"));
    let count = |then: u64, now: u64| signed(i128::from(now) - i128::from(then), |count| count.to_string());
    let money = |then: Money, now: Money| {
        signed(i128::from(now.micros()) - i128::from(then.micros()), |micros| {
            Money::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)).to_string()
        })
    };
    let rows = [
        ("leads", then.leads.to_string(), now.leads.to_string(), String::new()),
        ("sold", then.sold.to_string(), now.sold.to_string(), count(then.sold, now.sold)),
        ("sell rate", rate(then), rate(now), String::new()),
        ("revenue", then.revenue.to_string(), now.revenue.to_string(), money(then.revenue, now.revenue)),
        ("payout", then.payout.to_string(), now.payout.to_string(), money(then.payout, now.payout)),
        ("margin", then.margin().to_string(), now.margin().to_string(), money(then.margin(), now.margin())),
    ];
    let _ = writeln!(text, "\n{:<10}{:>16}{:>16}{:>16}", currency, "THEN", "NOW", "DIFFERENCE");
    for (what, then, now, difference) in rows {
        let line = format!("{what:<10}{then:>16}{now:>16}{difference:>16}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// With its sign; nothing for nothing.
fn signed(difference: i128, text: impl Fn(i128) -> String) -> String {
    match difference {
        0 => String::new(),
        more if more > 0 => format!("+{}", text(more)),
        less => format!("-{}", text(-less)),
    }
}

fn push_contracts(text: &mut String, report: &Report, name: &dyn Fn(ContractId) -> String) {
    let change = |then: &dyn ToString, now: &dyn ToString| {
        let (then, now) = (then.to_string(), now.to_string());
        if then == now { now } else { format!("{then} → {now}") }
    };
    let head = ["CONTRACT", "NAME", "OFFERED", "POSTED", "SOLD", "REVENUE"].map(str::to_owned);
    let rows = report.contracts.iter().map(|sums| {
        let (then, now) = (&sums.then, &sums.now);
        [
            sums.contract.to_string(),
            name(sums.contract),
            change(&then.offered, &now.offered),
            change(&then.posted, &now.posted),
            change(&then.sold, &now.sold),
            change(&then.revenue, &now.revenue),
        ]
    });
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(rows).collect();
    text.push('\n');
    push_table(text, &rows, &[1]);
}

fn push_run(text: &mut String, run: &LeadRunReport) {
    let _ = write!(text, "\nrun {}, {}, configuration {}", run.run, run.at, run.config_version.0);
    text.push_str(if run.reached { "\n" } else { "; the lead does not come to it now\n" });
    let decided = |decided: &Option<Decided>| match decided {
        None => "-".to_owned(),
        Some(Decided { result, price: Some(price), .. }) => format!("{} {price}", result.as_str()),
        Some(Decided { result, .. }) => result.as_str().to_owned(),
    };
    let head = ["CONTRACT", "THEN", "NOW", ""].map(str::to_owned);
    let rows = run.contracts.iter().map(|one| {
        let note = if one.assumed { "assumed" } else { "" };
        [one.contract.to_string(), decided(&one.then), decided(&one.now), note.to_owned()]
    });
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(rows).collect();
    push_table(text, &rows, &[1, 2, 3]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> std::result::Result<String, String> {
        let zone = Zone::named("America/New_York").unwrap();
        moment(text, &zone).map(|moment| moment.to_string()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_time_is_a_day_of_the_networks_zone_or_a_moment() {
        assert_eq!(at("2026-11-15").unwrap(), "2026-11-15T05:00:00Z");
        assert_eq!(at("2026-07-01").unwrap(), "2026-07-01T04:00:00Z");
        assert_eq!(at("2026-11-15T08:30:00+01:00").unwrap(), "2026-11-15T07:30:00Z");
        for faulty in ["2026-02-30", "2026-1-1", "yesterday", "", "2026-11-15T25:00:00Z"] {
            let error = at(faulty).unwrap_err();
            assert!(error.starts_with("not a day like \"2030-01-01\": not a time like"), "{error}");
        }
    }

    #[test]
    fn a_difference_has_its_sign_and_none_is_nothing() {
        let text = |difference| signed(difference, |n| n.to_string());
        assert_eq!([text(7), text(0), text(-7)], ["+7", "", "-7"]);
    }
}
