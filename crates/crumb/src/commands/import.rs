//! `crumb import`: conversions from a CSV file, all of them or none.
//!
//! The rows are checked here first, by connections that cannot write, where it can be
//! shown how far that is; only what is right is handed to whoever owns the store, which
//! checks it again as it writes.

use super::{BY, Command, Context, Reply, Result};
use crate::cli::ImportArguments;
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::data_dir::{DataDirectory, present_store};
use crate::owner::Owner;
use crate::secrets;
use anyhow::{Context as _, ensure};
use crumb_intake::selling::contract_faults;
use crumb_network::LiveNetwork;
use crumb_storage::Store;
use crumb_storage_sqlite::{SqliteOptions, SqliteStore};
use crumb_tracking::Installation;
use crumb_tracking::conversion::import::{self, Fault, ImportError, Imported, Line, MAX_ROWS};
use crumb_tracking::installation::Keys;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// The largest file: so many rows with all columns and notes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Rows from which on it is shown how far a check is: fewer take no time.
const LONG_ROWS: u64 = 500;

/// A row with its place in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Numbered {
    /// Its line, the header's being 1.
    number: u64,
    line: Line,
}

/// Checks, and brings in.
///
/// # Errors
/// Where file or store cannot be read.
pub fn run(settings: &Settings, arguments: &ImportArguments) -> Result {
    let rows = match read_file(&arguments.file)? {
        Ok(rows) => rows,
        Err(faults) => return Ok(Reply { stderr: faults, exit: 1, ..Reply::default() }),
    };
    let path = present_store(&settings.store)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match check(settings, &path, &rows).await? {
            Err(error) => Ok(refused(error, &rows)?),
            Ok(would_be) if arguments.dry_run => Ok(Reply::said(done(&would_be, "would be"))),
            Ok(_) => Owner::of(settings)?.carry_out(Command::ImportConversions(rows)).await,
        }
    })
}

/// Brings rows in that were read before.
pub async fn import<S: Store + Clone>(context: &Context<'_, S>, rows: &[Numbered]) -> Result {
    let lines: Vec<Line> = rows.iter().map(|row| row.line.clone()).collect();
    match import::import(context.installation, &lines, Some(BY)).await {
        Ok(imported) => Ok(Reply::said(done(&imported, "are"))),
        Err(error) => refused(error, rows),
    }
}

async fn check(
    settings: &Settings,
    path: &Path,
    rows: &[Numbered],
) -> anyhow::Result<std::result::Result<Imported, ImportError>> {
    let directory = DataDirectory::open(&settings.store)?;
    let key_file = settings.key_file.clone().unwrap_or_else(|| directory.key_file());
    let missing = || format!("the key file {} is missing, by which ids are read", key_file.display());
    ensure!(key_file.exists(), missing());
    let keys = Keys::derive(&secrets::read_or_make(&key_file)?.bytes);
    let store = SqliteStore::open_to_read(path, SqliteOptions::default())
        .with_context(|| format!("the store {} cannot be read", path.display()))?;
    let network = LiveNetwork::load(store.clone()).await?.checking_contracts(contract_faults);
    let clock = Arc::new(SystemClock::shifted_by(settings.clock_offset_seconds));
    let site = Installation::new(store, network, clock, keys, settings.node, None).await?;
    let lines: Vec<Line> = rows.iter().map(|row| row.line.clone()).collect();
    let bar = ProgressBar::no_length();
    let total = lines.len() as u64;
    let checked = import::check(&site, &lines, |done| show(&bar, done as u64, total)).await;
    bar.finish_and_clear();
    Ok(checked)
}

/// How far it is; on a terminal, and where it takes long.
fn show(bar: &ProgressBar, done: u64, total: u64) {
    if total < LONG_ROWS {
        return;
    }
    if bar.length() != Some(total) {
        bar.set_length(total);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos} of {len} rows, {eta} left") {
            bar.set_style(style);
        }
    }
    bar.set_position(done);
}

fn done(imported: &Imported, are: &str) -> String {
    let over_cap = match imported.over_cap {
        0 => String::new(),
        over => format!("; {over} of the new ones came over a cap, at 0.00"),
    };
    format!("{} conversions {are} new, {} changed{over_cap}\n", imported.created, imported.changed)
}

fn refused(error: ImportError, rows: &[Numbered]) -> Result {
    let ImportError::Faults(faults) = error else { return Err(error.into()) };
    let mut stderr = String::new();
    for Fault { row, path, message } in faults {
        let number = rows.get(row).or(rows.last()).map_or(0, |row| row.number);
        let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
        // Writing to a string cannot fail.
        let _ = writeln!(stderr, "line {number}: {path}{message}");
    }
    stderr += "nothing was brought in\n";
    Ok(Reply { stderr, exit: 1, ..Reply::default() })
}

/// The rows of a file, or all that is wrong with its lines.
fn read_file(path: &Path) -> anyhow::Result<std::result::Result<Vec<Numbered>, String>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    // A pipe has no length to ask for, so the limit is held while reading.
    let (read, left) = rows(file.take(MAX_FILE_BYTES + 1)).with_context(|| path.display().to_string())?;
    ensure!(left > 0, "{}: larger than {MAX_FILE_BYTES} bytes; nothing was brought in", path.display());
    Ok(read)
}

/// Rows as they are read, one after the other; with them how many bytes more could be.
fn rows<R: Read>(
    file: std::io::Take<R>,
) -> anyhow::Result<(std::result::Result<Vec<Numbered>, String>, u64)> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file);
    let header = reader.headers()?.clone();
    let names: Vec<&str> = header.iter().map(|name| name.trim_start_matches('\u{feff}')).collect();
    let mut faults = header_faults(&names);
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    while faults.is_empty() || !rows.is_empty() {
        let more = match reader.read_record(&mut record) {
            Ok(more) => more,
            Err(error) => {
                // Behind bytes that are no text the next line can be read; else nothing can.
                let number = error.position().map_or(0, csv::Position::line);
                let _ = writeln!(faults, "line {number}: not UTF-8");
                match error.kind() {
                    csv::ErrorKind::Utf8 { .. } => continue,
                    _ => return Err(error.into()),
                }
            }
        };
        if !more {
            break;
        }
        let number = record.position().map_or(0, csv::Position::line);
        if rows.len() == MAX_ROWS {
            let _ = writeln!(
                faults,
                "line {number}: at most {MAX_ROWS} rows at once: bring the others in by another file"
            );
            break;
        }
        if record.len() != names.len() {
            let (has, of) = (record.len(), names.len());
            let _ = writeln!(faults, "line {number}: it has {has} cells, and the header {of}");
        }
        let mut line = Line::default();
        for (name, cell) in names.iter().zip(&record) {
            if let Some(place) = line.cell_mut(name) {
                *place = Some(cell.to_owned());
            }
        }
        rows.push(Numbered { number, line });
    }
    let left = reader.into_inner().limit();
    if faults.is_empty() && rows.is_empty() {
        faults = "line 1: no rows follow the header\n".to_owned();
    }
    let read = if faults.is_empty() { Ok(rows) } else { Err(faults + "nothing was brought in\n") };
    Ok((read, left))
}

fn header_faults(names: &[&str]) -> String {
    let mut faults = String::new();
    for (at, name) in names.iter().enumerate() {
        if !Line::COLUMNS.contains(name) {
            let known = Line::COLUMNS.join(", ");
            let _ = writeln!(faults, "line 1: no column is called {name:?}; there are {known}");
        } else if names.iter().take(at).any(|before| before == name) {
            let _ = writeln!(faults, "line 1: {name:?} stands twice");
        }
    }
    if !names.iter().any(|name| ["id", "request_id"].contains(name)) {
        faults += "line 1: a column request_id (for new conversions) or id (for changes) is needed\n";
    }
    faults
}
