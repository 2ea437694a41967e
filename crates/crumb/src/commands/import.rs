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
            return Ok(Reply::said(done(&would_be, Some("would be"))));
        }
        Owner::of(settings)?.carry_out(Command::ImportConversions(rows)).await
    })
}

/// Brings rows in that were read before.
pub async fn import<S: Store + Clone>(context: &Context<'_, S>, rows: &[Numbered]) -> Result {
    let lines: Vec<Line> = rows.iter().map(|row| row.line.clone()).collect();
    match import::import(context.installation, &lines, Some(BY)).await {
        Ok(imported) => Ok(Reply::said(done(&imported, None))),
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

/// How many they are; `would_be` where they are not brought in.
fn done(imported: &Imported, would_be: Option<&str>) -> String {
    let over_cap = match imported.over_cap {
        0 => String::new(),
        over => format!("; {over} of the new ones came over a cap, at 0.00"),
    };
    let are = would_be.unwrap_or(if imported.created == 1 { "is" } else { "are" });
    let new = counted(imported.created, "conversion");
    format!("{new} {are} new, {} changed{over_cap}\n", imported.changed)
}

fn counted(count: usize, unit: &str) -> String {
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
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
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut places = LineNumbers::of(bytes);
    let whole = match unclosed_quote(bytes) {
        None => bytes,
        Some(Unclosed { quote, record }) => {
            let message = "a quote is opened here that nothing closes up to the end of the file";
            read.faults.push((LineNumbers::of(bytes).at(quote), message.to_owned()));
            // All that follows stands within it.
            bytes.get(..record).unwrap_or_default()
        }
    };
    if whole.is_empty() && !read.faults.is_empty() {
        return Ok(read);
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(whole);
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            read.faults.push(unreadable(error, &mut places)?);
            read.is_unreadable = true;
            return Ok(read);
        }
    };
    let header_line = places.of_record(header.position());
    let names: Vec<String> = header.iter().map(str::to_ascii_lowercase).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    read.faults.extend(header_faults(&names, &header).into_iter().map(|fault| (header_line, fault)));
    read.is_unreadable = !is_readable(&names);
    let mut count = 0;
    let mut record = csv::StringRecord::new();
    while !read.is_unreadable {
        let more = match reader.read_record(&mut record) {
            Ok(more) => more,
            Err(error) => {
                // Behind bytes that are no text the next line can be read.
                read.faults.push(unreadable(error, &mut places)?);
                continue;
            }
        };
        if !more {
            break;
        }
        let number = places.of_record(record.position());
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
            let (has, of) = (counted(record.len(), "cell"), names.len());
            read.faults.push((number, format!("it has {has}, and the header {of}")));
        }
    }
    if read.faults.is_empty() && read.rows.is_empty() {
        read.faults.push((header_line, "no rows follow the header".to_owned()));
    }
    Ok(read)
}

/// What is wrong with a record that is no text, and where; another error is the file's.
fn unreadable(error: csv::Error, places: &mut LineNumbers<'_>) -> anyhow::Result<(u64, String)> {
    match error.kind() {
        csv::ErrorKind::Utf8 { pos, .. } => Ok((places.of_record(pos.as_ref()), "not UTF-8".to_owned())),
        _ => Err(error.into()),
    }
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

/// The lines of a file as an editor counts them, from 1: one ends with LF, CRLF or CR.
struct LineNumbers<'a> {
    bytes: &'a [u8],
    /// What was counted: so many bytes, after which this line goes on.
    counted: usize,
    line: u64,
}

impl<'a> LineNumbers<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, counted: 0, line: 1 }
    }

    /// The line in which a byte stands; of those asked for, each behind the one before.
    fn at(&mut self, byte: usize) -> u64 {
        let before = self.bytes.get(self.counted..byte).unwrap_or_default();
        let ends = before.iter().enumerate().filter(|(index, byte)| match byte {
            b'\n' => true,
            b'\r' => self.bytes.get(self.counted + index + 1) != Some(&b'\n'),
            _ => false,
        });
        self.line += ends.count() as u64;
        self.counted = self.counted.max(byte);
        self.line
    }

    /// The line in which a record begins. The reader's place lies where the one before
    /// ended: ahead of the LF of a CRLF, and of blank lines.
    fn of_record(&mut self, place: Option<&csv::Position>) -> u64 {
        let ended = place.and_then(|place| usize::try_from(place.byte()).ok()).unwrap_or_default();
        let rest = self.bytes.get(ended..).unwrap_or_default();
        let skipped = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        // Where nothing is left, the file's end is behind its last line.
        let begins = if skipped == rest.len() { ended } else { ended + skipped };
        self.at(begins)
    }
}

/// A quote that nothing closes.
#[derive(Debug, PartialEq, Eq)]
struct Unclosed {
    /// Where it stands, in bytes.
    quote: usize,
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
    let (mut at, mut quote, mut record) = (At::CellBegin, 0, 0);
    for (index, byte) in bytes.iter().enumerate() {
        at = match (at, byte) {
            (At::CellBegin, b'"') => {
                quote = index;
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
    }
    matches!(at, At::Quoted).then_some(Unclosed { quote, record })
}

/// Whether it can be told what the columns mean, but for those that are not known.
fn is_readable(names: &[&str]) -> bool {
    let is_once = |(at, name)| !names.iter().take(at).any(|before| before == name);
    names_a_subject(names) && names.iter().enumerate().all(is_once)
}

fn names_a_subject(names: &[&str]) -> bool {
    names.iter().any(|name| ["id", "request_id"].contains(name))
}

/// What is wrong with the columns, told by their names as they are written.
fn header_faults(names: &[&str], written: &csv::StringRecord) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, (name, written)) in names.iter().zip(written).enumerate() {
        if !Line::COLUMNS.contains(name) {
            let known = Line::COLUMNS.join(", ");
            faults.push(format!("no column is called {written:?}; there are {known}"));
        } else if names.iter().take(at).any(|before| before == name) {
            faults.push(format!("{name:?} stands twice"));
        }
    }
    if !names_a_subject(names) {
        faults.push("a column request_id (for new conversions) or id (for changes) is needed".to_owned());
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unclosed(text: &str) -> Option<(u64, &str)> {
        let bytes = text.as_bytes();
        unclosed_quote(bytes)
            .map(|found| (LineNumbers::of(bytes).at(found.quote), text.get(found.record..).unwrap()))
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
            ("a\r\"b", 2, "\"b"),
            ("a\n\"b\"\"", 2, "\"b\"\""),
        ] {
            assert_eq!(unclosed(text), Some((line, record)), "{text:?}");
        }
        assert_eq!(faults("\u{feff}\"a"), [1]);
    }

    fn lines(text: &[u8]) -> Vec<u64> {
        rows(text).unwrap().rows.iter().map(|row| row.number).collect()
    }

    fn faults(text: impl AsRef<[u8]>) -> Vec<u64> {
        rows(text.as_ref()).unwrap().faults.iter().map(|fault| fault.0).collect()
    }

    #[test]
    fn a_row_has_the_line_in_which_it_begins_as_an_editor_shows_it() {
        for (text, expected) in [
            ("id\n1\n2\n", vec![2, 3]),
            ("id\n1\n\n\n2", vec![2, 5]),
            ("\nid\n1\n", vec![3]),
            ("id,note\n1,\"a\nb\n\"\n2,\n", vec![2, 5]),
            ("id,note\n1,\"\n\n\n\"\n\n\"2\",\n", vec![2, 7]),
            ("\"id\",\"note\n\"\n1,\n", vec![3]),
        ] {
            for end in ["\n", "\r\n", "\r"] {
                for bom in ["", "\u{feff}"] {
                    let text = format!("{bom}{}", text.replace('\n', end));
                    assert_eq!(lines(text.as_bytes()), expected, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_wrong_has_the_line_in_which_it_stands() {
        for end in ["\n", "\r\n", "\r"] {
            let of = |text: &str| faults(text.replace('\n', end));
            assert_eq!(of("id,note\n1\n2,\n\n3\n"), [2, 5], "{end:?}");
            assert_eq!(of("\n\nprice,id\n1,1\n"), [3], "{end:?}");
            assert_eq!(of("\nid\n"), [2], "{end:?}: no rows follow it");
            assert_eq!(of("id\n\n"), [1], "{end:?}: no rows follow it");
            assert_eq!(of("id,note\n\n1,\"\n"), [3], "{end:?}: a quote");
            let end = end.as_bytes();
            let latin = [b"id,note", end, b"1,", end, end, b"2,\xe9", end, b"3,"].concat();
            assert_eq!((faults(&latin), lines(&latin)), (vec![4], vec![2, 5]));
            assert_eq!(faults([end, b"id,\xe9", end, b"2,"].concat()), [2], "the header");
        }
    }

    #[test]
    fn columns_are_known_whatever_their_case_and_with_spaces_around_them() {
        let read = rows(b"\xef\xbb\xbf Request_ID ,\" PAYOUT\"\n7,1.00\n").unwrap();
        assert_eq!(read.faults, []);
        let line = &read.rows.first().unwrap().line;
        assert_eq!((line.request_id.as_deref(), line.payout.as_deref()), (Some("7"), Some("1.00")));
        assert_eq!(faults("id,ID\n1,1\n"), [1], "it stands twice");
    }
}
