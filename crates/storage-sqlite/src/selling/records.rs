//! What is kept of a lead's way: runs, attempts, time line.

use super::contracts;
use super::prepare::AttemptRow;
use crate::batch::WriteContext;
use crate::codes::{from_json, moment, row_id};
use crate::error::{corrupt, from_sqlite};
use crate::leads::standing;
use crate::listing::lowest_row;
use crate::seen::Key;
use crumb_domain::selling::{Attempt, AttemptKind, BuyerAnswer, ContractResult, Phase, PostFailure};
use crumb_domain::{ConfigVersion, ContractId, Money, RowId, Timestamp};
use crumb_storage::configuration::HistoryOf;
use crumb_storage::selling::{LeadRun, RunRecord, TimelineEntry};
use crumb_storage::{PageRequest, Result};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

/// Keeps attempts; posts count among those by which a contract is switched off, but those
/// that were cut off, which is none of its doing.
pub(crate) fn insert_attempts(
    context: &mut WriteContext<'_>,
    lead: i64,
    attempts: &[AttemptRow],
) -> Result<()> {
    let connection = context.connection;
    for AttemptRow { attempt, ms, read } in attempts {
        connection
            .prepare_cached(
                "INSERT INTO attempt (id, lead, at, contract, kind, phase, ms, status, request, answer, read, error)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    attempt.id.as_i64(),
                    lead,
                    attempt.at.micros(),
                    attempt.contract.0,
                    attempt.kind.as_str(),
                    attempt.phase.as_str(),
                    ms,
                    attempt.status,
                    attempt.request,
                    attempt.answer,
                    read,
                    attempt.error,
                ])
            })
            .map_err(from_sqlite)?;
        let refers_to = [Key::node(attempt.id), HistoryOf::Contract(attempt.contract).into()];
        context.memory.seen.note_all(connection, refers_to).map_err(from_sqlite)?;
        let is_cut_off = attempt.read == BuyerAnswer::Failed(PostFailure::CutOff);
        if attempt.kind == AttemptKind::Post && !is_cut_off {
            contracts::posted(connection, attempt.contract, attempt.read.is_failure())?;
        }
    }
    Ok(())
}

/// A lead's attempts, oldest first.
pub(crate) fn attempts_of(connection: &Connection, lead: i64) -> Result<Vec<Attempt>> {
    let mut select = connection
        .prepare_cached(
            "SELECT id, at, contract, kind, phase, ms, status, request, answer, read, error
             FROM attempt WHERE lead = ?1 ORDER BY id",
        )
        .map_err(from_sqlite)?;
    let mut rows = select.query([lead]).map_err(from_sqlite)?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        let text = |at| row.get::<_, String>(at).map_err(from_sqlite);
        let (kind, phase) = (text(3)?, text(4)?);
        attempts.push(Attempt {
            id: row_id(row.get(0).map_err(from_sqlite)?)?,
            at: moment(row.get(1).map_err(from_sqlite)?),
            contract: ContractId(row.get(2).map_err(from_sqlite)?),
            kind: AttemptKind::from_code(&kind).ok_or_else(|| corrupt("an attempt's kind", kind))?,
            phase: Phase::from_code(&phase).ok_or_else(|| corrupt("an attempt's phase", phase))?,
            ms: from_json(&text(5)?)?,
            status: row.get(6).map_err(from_sqlite)?,
            request: row.get(7).map_err(from_sqlite)?,
            answer: row.get(8).map_err(from_sqlite)?,
            read: from_json(&text(9)?)?,
            error: row.get(10).map_err(from_sqlite)?,
        });
    }
    Ok(attempts)
}

/// Keeps a run, with its summary as JSON.
pub(crate) fn insert_run(
    context: &mut WriteContext<'_>,
    lead: i64,
    run: &RunRecord,
    summary: &str,
) -> Result<()> {
    let connection = context.connection;
    connection
        .prepare_cached(
            "INSERT INTO run (id, lead, number, at, config_version, inputs, events, results, summary)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                run.id.as_i64(),
                lead,
                run.number,
                run.at.micros(),
                run.config_version.0,
                run.inputs,
                run.events,
                run.results,
                summary,
            ])
        })
        .map_err(from_sqlite)?;
    context.memory.seen.note(connection, Key::node(run.id)).map_err(from_sqlite)
}

/// How many runs of a lead are kept.
pub(crate) fn count_runs(connection: &Connection, lead: i64) -> Result<u32> {
    connection
        .prepare_cached("SELECT count(*) FROM run WHERE lead = ?1")
        .and_then(|mut select| select.query_row([lead], |row| row.get(0)))
        .map_err(from_sqlite)
}

/// The columns that [`run`] reads.
const RUN_COLUMNS: &str = "id, number, at, config_version, inputs, events, results, summary";

/// A lead's runs, oldest first.
pub(crate) fn runs_of(connection: &Connection, lead: i64) -> Result<Vec<RunRecord>> {
    let mut select = connection
        .prepare_cached(&format!("SELECT {RUN_COLUMNS} FROM run WHERE lead = ?1 ORDER BY number"))
        .map_err(from_sqlite)?;
    let mut rows = select.query([lead]).map_err(from_sqlite)?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        runs.push(run(row)?);
    }
    Ok(runs)
}

/// What became of each contract in a lead's last run; nothing where it has none.
pub(crate) fn last_met(connection: &Connection, lead: i64) -> Result<Vec<(ContractId, ContractResult)>> {
    let last: Option<String> = connection
        .prepare_cached("SELECT summary FROM run WHERE lead = ?1 ORDER BY number DESC LIMIT 1")
        .and_then(|mut select| select.query_row([lead], |row| row.get(0)).optional())
        .map_err(from_sqlite)?;
    let summary = last.as_deref().map_or(Ok(Vec::new()), summary_of)?;
    Ok(summary.into_iter().map(|(contract, result, _)| (contract, result)).collect())
}

/// The code of the last entry of a lead's time line.
pub(crate) fn last_told(connection: &Connection, lead: i64) -> Result<Option<String>> {
    connection
        .prepare_cached("SELECT code FROM timeline WHERE of = ?1 ORDER BY number DESC LIMIT 1")
        .and_then(|mut select| select.query_row([lead], |row| row.get(0)).optional())
        .map_err(from_sqlite)
}

fn summary_of(text: &str) -> Result<Vec<(ContractId, ContractResult, Money)>> {
    let summary: Vec<(i64, String, i64)> = from_json(text)?;
    let summary = summary.into_iter().map(|(contract, result, price)| {
        let result =
            ContractResult::from_code(&result).ok_or_else(|| corrupt("a contract's result", result))?;
        Ok((ContractId(contract), result, Money::from_micros(price)))
    });
    summary.collect()
}

fn run(row: &Row<'_>) -> Result<RunRecord> {
    let summary: String = row.get(7).map_err(from_sqlite)?;
    Ok(RunRecord {
        id: row_id(row.get(0).map_err(from_sqlite)?)?,
        number: row.get(1).map_err(from_sqlite)?,
        at: moment(row.get(2).map_err(from_sqlite)?),
        config_version: ConfigVersion(row.get(3).map_err(from_sqlite)?),
        inputs: row.get(4).map_err(from_sqlite)?,
        events: row.get(5).map_err(from_sqlite)?,
        results: row.get(6).map_err(from_sqlite)?,
        summary: summary_of(&summary)?,
    })
}

/// Runs whose leads came in a time, and which began after the lowest row that one of them
/// may have. Runs are gone through as they lie, and each one's lead is looked up.
const OF_LEADS: &str = "run CROSS JOIN lead ON lead.row = run.lead
                        WHERE run.id > ?1 AND +run.lead >= ?2 AND lead.at >= ?3 AND lead.at < ?4";

/// Runs of leads that came in a time, in the order in which they began.
pub(crate) fn runs_of_leads(
    connection: &Connection,
    from: Timestamp,
    to: Timestamp,
    after: Option<RowId>,
    limit: u32,
) -> Result<Vec<LeadRun>> {
    let lowest = lowest_row(from).as_i64();
    let after = after.map_or(lowest.saturating_sub(1), |after| after.as_i64());
    let mut select = connection
        .prepare_cached(&format!(
            "SELECT run.id, run.number, run.at, run.config_version, run.inputs, run.events, run.results,
                    run.summary, run.lead
             FROM {OF_LEADS} ORDER BY run.id LIMIT ?5"
        ))
        .map_err(from_sqlite)?;
    let limit = limit.clamp(1, PageRequest::MAX_LIMIT);
    let mut rows =
        select.query(params![after, lowest, from.micros(), to.micros(), limit]).map_err(from_sqlite)?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        let lead: i64 = row.get(8).map_err(from_sqlite)?;
        let missing = || corrupt("a run's lead", lead.to_string());
        let found = standing::read(connection, lead)?.ok_or_else(missing)?;
        runs.push(LeadRun { lead: found, runs: count_runs(connection, lead)?, run: run(row)? });
    }
    Ok(runs)
}

/// How many these are.
pub(crate) fn count_runs_of_leads(connection: &Connection, from: Timestamp, to: Timestamp) -> Result<u64> {
    let lowest = lowest_row(from).as_i64();
    let count: i64 = connection
        .prepare_cached(&format!("SELECT count(*) FROM {OF_LEADS}"))
        .and_then(|mut select| {
            let values = params![lowest.saturating_sub(1), lowest, from.micros(), to.micros()];
            select.query_row(values, |row| row.get(0))
        })
        .map_err(from_sqlite)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Appends to the time line of a lead or conversion, by its row.
pub(crate) fn append_timeline(connection: &Connection, of: i64, entries: &[TimelineEntry]) -> Result<()> {
    for entry in entries {
        connection
            .prepare_cached(
                "INSERT INTO timeline (of, number, at, code, text, by)
                 VALUES (?1, (SELECT coalesce(max(number) + 1, 0) FROM timeline WHERE of = ?1), ?2, ?3, ?4, ?5)",
            )
            .and_then(|mut insert| {
                insert.execute(params![of, entry.at.micros(), entry.code, entry.text, entry.by])
            })
            .map_err(from_sqlite)?;
    }
    Ok(())
}

/// The time line of a lead or conversion, by its row.
pub(crate) fn timeline_of(connection: &Connection, of: i64) -> Result<Vec<TimelineEntry>> {
    let mut select = connection
        .prepare_cached("SELECT at, code, text, by FROM timeline WHERE of = ?1 ORDER BY number")
        .map_err(from_sqlite)?;
    let entries = select
        .query_map([of], |row| {
            Ok(TimelineEntry {
                at: moment(row.get(0)?),
                code: row.get(1)?,
                text: row.get(2)?,
                by: row.get(3)?,
            })
        })
        .map_err(from_sqlite)?
        .collect::<rusqlite::Result<_>>();
    entries.map_err(from_sqlite)
}
