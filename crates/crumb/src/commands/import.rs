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

/// What is wrong, by the line that it is about.
type Faults = Vec<(u64, String)>;

/// What a file says.
#[derive(Debug, Default)]
struct FileRows {
    /// The rows that can be read.
    rows: Vec<Numbered>,
    /// What is wrong with other lines.
    faults: Faults,
    /// What the columns mean is not known, or there are too many rows: what the rows say
    /// is not looked at.
    is_unreadable: bool,
}

/// Checks, and brings in.
///
/// # Errors
/// Where file or store cannot be read.
pub fn run(settings: &Settings, arguments: &ImportArguments) -> Result {
    let FileRows { rows, mut faults, is_unreadable } = read_file(&arguments.file)?;
    if is_unreadable || rows.is_empty() {
        return Ok(told(faults));
    }
    let path = present_store(&settings.store)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let checked = check(settings, &path, &rows).await?;
        let would_be = match checked {
            Err(error) => {
                faults.extend(faults_of(error, &rows)?);
                return Ok(told(faults));
            }
            Ok(_) if !faults.is_empty() => return Ok(told(faults)),
            Ok(would_be) => would_be,
        };
        if arguments.dry_run {
            return Ok(Reply::said(done(&would_be, "would be")));
        }
        Owner::of(settings)?.carry_out(Command::ImportConversions(rows)).await
    })
}

/// Brings rows in that were read before.
pub async fn import<S: Store + Clone>(context: &Context<'_, S>, rows: &[Numbered]) -> Result {
    let lines: Vec<Line> = rows.iter().map(|row| row.line.clone()).collect();
    match import::import(context.installation, &lines, Some(BY)).await {
        Ok(imported) => Ok(Reply::said(done(&imported, "are"))),
        Err(error) => Ok(told(faults_of(error, rows)?)),
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

fn faults_of(error: ImportError, rows: &[Numbered]) -> anyhow::Result<Faults> {
    let ImportError::Faults(faults) = error else { return Err(error.into()) };
    let told = |Fault { row, path, message }| {
        let number = rows.get(row).or(rows.last()).map_or(0, |row| row.number);
        (number, if path.is_empty() { message } else { format!("{path}: {message}") })
    };
    Ok(faults.into_iter().map(told).collect())
}

/// Tells all that is wrong, line by line.
fn told(mut faults: Faults) -> Reply {
    faults.sort_by_key(|(line, _)| *line);
    let mut stderr: String =
        faults.into_iter().map(|(line, message)| format!("line {line}: {message}\n")).collect();
    stderr += "nothing was brought in\n";
    Reply { stderr, exit: 1, ..Reply::default() }
}

fn read_file(path: &Path) -> anyhow::Result<FileRows> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut bytes = Vec::new();
    // A pipe has no length to ask for, so the limit is held while reading.
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).with_context(|| path.display().to_string())?;
    let is_small = bytes.len() as u64 <= MAX_FILE_BYTES;
    ensure!(is_small, "{}: larger than {MAX_FILE_BYTES} bytes; nothing was brought in", path.display());
    rows(&bytes).with_context(|| path.display().to_string())
}

fn rows(bytes: &[u8]) -> anyhow::Result<FileRows> {
    let mut read = FileRows::default();
    let bytes = match unclosed_quote(bytes) {
        None => bytes,
        Some(Unclosed { line, record }) => {
            let message = "a quote is opened here that nothing closes up to the end of the file";
            read.faults.push((line, message.to_owned()));
            // All that follows stands within it.
            bytes.get(..record).unwrap_or_default()
        }
    };
    if bytes.is_empty() && !read.faults.is_empty() {
        return Ok(read);
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let header = reader.headers()?.clone();
    let names: Vec<&str> = header.iter().map(|name| name.trim_start_matches('\u{feff}')).collect();
    read.faults.extend(header_faults(&names));
    read.is_unreadable = !is_readable(&names);
    let mut count = 0;
    let mut record = csv::StringRecord::new();
    while !read.is_unreadable {
        let more = match reader.read_record(&mut record) {
            Ok(more) => more,
            Err(error) => {
                // Behind bytes that are no text the next line can be read; else nothing can.
                let number = error.position().map_or(0, csv::Position::line);
                match error.kind() {
                    csv::ErrorKind::Utf8 { .. } => read.faults.push((number, "not UTF-8".to_owned())),
                    _ => return Err(error.into()),
                }
                continue;
            }
        };
        if !more {
            break;
        }
        let number = record.position().map_or(0, csv::Position::line);
        if count == MAX_ROWS {
            let message = format!("at most {MAX_ROWS} rows at once: bring the others in by another file");
            read.faults.push((number, message));
            read.is_unreadable = true;
            break;
        }
        count += 1;
        if record.len() == names.len() {
            read.rows.push(Numbered { number, line: line_of(&names, &record) });
        } else {
            let (has, of) = (record.len(), names.len());
            read.faults.push((number, format!("it has {has} cells, and the header {of}")));
        }
    }
    if read.faults.is_empty() && read.rows.is_empty() {
        read.faults.push((1, "no rows follow the header".to_owned()));
    }
    Ok(read)
}

fn line_of(names: &[&str], record: &csv::StringRecord) -> Line {
    let mut line = Line::default();
    for (name, cell) in names.iter().zip(record) {
        if let Some(place) = line.cell_mut(name) {
            *place = Some(cell.to_owned());
        }
    }
    line
}

/// A quote that nothing closes.
#[derive(Debug, PartialEq, Eq)]
struct Unclosed {
    /// The line in which it stands.
    line: u64,
    /// Where its row begins, in bytes.
    record: usize,
}

/// The reader takes the end of the file for the end of a quote: what stands before it is
/// read here once more, by the reader's rules.
fn unclosed_quote(bytes: &[u8]) -> Option<Unclosed> {
    enum At {
        CellBegin,
        Cell,
        Quoted,
        QuoteInQuoted,
    }
    let bom = if bytes.starts_with("\u{feff}".as_bytes()) { "\u{feff}".len() } else { 0 };
    let (mut at, mut line, mut opened, mut record) = (At::CellBegin, 1, 1, 0);
    for (index, byte) in bytes.iter().enumerate().skip(bom) {
        at = match (at, byte) {
            (At::CellBegin, b'"') => {
                opened = line;
                At::Quoted
            }
            (At::QuoteInQuoted, b'"') => At::Quoted,
            (At::Quoted, b'"') => At::QuoteInQuoted,
            (At::Quoted, _) => At::Quoted,
            (_, b',') => At::CellBegin,
            (_, b'\n' | b'\r') => {
                record = index + 1;
                At::CellBegin
            }
            _ => At::Cell,
        };
        line += u64::from(*byte == b'\n');
    }
    matches!(at, At::Quoted).then_some(Unclosed { line: opened, record })
}

/// Whether it can be told what the columns mean, but for those that are not known.
fn is_readable(names: &[&str]) -> bool {
    let is_once = |(at, name)| !names.iter().take(at).any(|before| before == name);
    names_a_subject(names) && names.iter().enumerate().all(is_once)
}

fn names_a_subject(names: &[&str]) -> bool {
    names.iter().any(|name| ["id", "request_id"].contains(name))
}

fn header_faults(names: &[&str]) -> Faults {
    let mut faults = Vec::new();
    for (at, name) in names.iter().enumerate() {
        if !Line::COLUMNS.contains(name) {
            let known = Line::COLUMNS.join(", ");
            faults.push((1, format!("no column is called {name:?}; there are {known}")));
        } else if names.iter().take(at).any(|before| before == name) {
            faults.push((1, format!("{name:?} stands twice")));
        }
    }
    if !names_a_subject(names) {
        let message = "a column request_id (for new conversions) or id (for changes) is needed";
        faults.push((1, message.to_owned()));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unclosed(text: &str) -> Option<(u64, &str)> {
        unclosed_quote(text.as_bytes()).map(|found| (found.line, &text[found.record..]))
    }

    #[test]
    fn a_quote_that_nothing_closes_is_found_with_its_line() {
        for closed in
            ["", "a,b", "\"a\"", "a\n\"b\nc\"\n", "\"say \"\"it\"\"\"", "a\"b", " \"b", "\"a\"b\"", "\"\""]
        {
            assert_eq!(unclosed(closed), None, "{closed:?}");
        }
        for (text, line, record) in [
            ("\"", 1, "\""),
            ("a,b\n1,\"2", 2, "1,\"2"),
            ("a,b\r\n1,\"2\"\r\n3,\"4\r\n5,6\r\n", 3, "3,\"4\r\n5,6\r\n"),
            ("a\n\"b\nc\",\"d", 3, "\"b\nc\",\"d"),
            ("a\n\"b\"\"", 2, "\"b\"\""),
        ] {
            assert_eq!(unclosed(text), Some((line, record)), "{text:?}");
        }
        assert_eq!(unclosed("\u{feff}\"a").map(|found| found.0), Some(1));
    }
}
