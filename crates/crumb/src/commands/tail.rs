//! `crumb tail pixels`: the pixel log as it comes.
//!
//! It reads the store itself, beside a server that may own it, by a connection that
//! cannot write. Rows are numbered before they are stored, so that one may be stored after
//! a later one: each look goes back some seconds and leaves out what was printed.

use super::conversions::named;
use super::terminal::{json, one_line};
use super::{Reply, Result};
use crate::cli::TailPixelsArguments;
use crate::config::Settings;
use crate::data_dir::{DataDirectory, present_store};
use crate::secrets;
use anyhow::{Context as _, ensure};
use crumb_domain::pixel::PixelCall;
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::{RowId, Timestamp};
use crumb_server::api::pixels::PixelRow;
use crumb_storage::conversions::PixelFilter;
use crumb_storage::{ConversionStore as _, PageRequest};
use crumb_storage_sqlite::{SqliteOptions, SqliteStore};
use crumb_tracking::installation::Keys;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

/// How often it is looked for new calls: soon enough for eyes.
const LOOK: Duration = Duration::from_millis(500);

/// How far each look goes back: longer than a write waits for its turn.
const BACK_SECONDS: i64 = 60;

/// Prints until it is stopped, or nobody reads it any more.
///
/// # Errors
/// Where the store cannot be read.
pub fn pixels(settings: &Settings, arguments: &TailPixelsArguments) -> Result {
    let path = present_store(&settings.store)?;
    let directory = DataDirectory::open(&settings.store)?;
    let key_file = settings.key_file.clone().unwrap_or_else(|| directory.key_file());
    ensure!(key_file.exists(), "the key file {} is missing, by which ids are read", key_file.display());
    let names = Keys::derive(&secrets::read_or_make(&key_file)?.bytes).request_ids;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = SqliteStore::open_to_read(&path, SqliteOptions::default())
            .with_context(|| format!("the store {} cannot be read", path.display()))?;
        let mut tail = Tail { store, arguments, names, printed: BTreeMap::new(), newest: None, floor: None };
        tail.last().await?;
        while tail.look().await? {
            tokio::time::sleep(LOOK).await;
        }
        Ok(Reply::default())
    })
}

struct Tail<'a> {
    store: SqliteStore,
    arguments: &'a TailPixelsArguments,
    names: RequestIdKey,
    /// What was seen, and when that came, as far as looks go back.
    printed: BTreeMap<RowId, Timestamp>,
    newest: Option<Timestamp>,
    /// What stands before it was there at the start, and more than a page of it.
    floor: Option<RowId>,
}

impl Tail<'_> {
    fn filter(&self, from: Option<Timestamp>) -> PixelFilter {
        PixelFilter { offer: self.arguments.offer, from, ..PixelFilter::default() }
    }

    /// The last calls that are there; those before them count as printed.
    async fn last(&mut self) -> anyhow::Result<()> {
        let page = PageRequest { limit: PageRequest::MAX_LIMIT, ..PageRequest::default() };
        let page = self.store.pixels(self.filter(None), page).await?;
        self.floor = page.next.and(page.data.last().map(|call| call.id));
        let mut found = page.data;
        self.newest = found.first().map(|call| call.at);
        let shown = usize::try_from(self.arguments.lines).unwrap_or(usize::MAX);
        self.printed.extend(found.iter().skip(shown).map(|call| (call.id, call.at)));
        found.truncate(shown);
        found.reverse();
        // A reader that has gone already is found at the next look.
        self.print(found)?;
        Ok(())
    }

    /// Prints what came since: whether anybody still reads it.
    async fn look(&mut self) -> anyhow::Result<bool> {
        let from = self.newest.map(|newest| newest.plus_seconds(-BACK_SECONDS));
        let mut page = PageRequest { limit: PageRequest::MAX_LIMIT, ascending: true, cursor: None };
        loop {
            let found = self.store.pixels(self.filter(from), page.clone()).await?;
            if !self.print(found.data)? {
                return Ok(false);
            }
            match found.next {
                Some(next) => page.cursor = Some(next),
                None => break,
            }
        }
        if let Some(from) = self.newest.map(|newest| newest.plus_seconds(-BACK_SECONDS)) {
            self.printed.retain(|_, at| *at >= from);
        }
        Ok(true)
    }

    fn print(&mut self, calls: Vec<PixelCall>) -> anyhow::Result<bool> {
        let mut text = String::new();
        for call in calls {
            let is_before = self.floor.is_some_and(|floor| call.id < floor);
            if is_before || self.printed.insert(call.id, call.at).is_some() {
                continue;
            }
            self.newest = self.newest.max(Some(call.at));
            let row = PixelRow::new(call, &self.names);
            text += &if self.arguments.json { json(&row)? } else { line(&row) };
        }
        let mut stdout = std::io::stdout().lock();
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        Ok(written.is_ok())
    }
}

/// Without the visitor's address and browser: the API's rows have them.
fn line(row: &PixelRow) -> String {
    let mut text = format!("{}  {}  {}", row.at, row.form.as_str(), row.disposition.as_str());
    let mut say = |what: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            text += &format!("  {what} {}", one_line(&value));
        }
    };
    say("offer", row.offer.map(|id| id.to_string()));
    say("event", row.event.map(|id| id.to_string()));
    say("affiliate", row.affiliate.map(|id| id.to_string()));
    say("by", row.lookup.map(|lookup| lookup.as_str().to_owned()));
    say("request", Some(named(row.request_id)));
    say("conversion", Some(named(row.conversion)));
    say("transaction", row.transaction_id.clone());
    say("ignored", Some(row.ignored.join(",")));
    text + "\n"
}
