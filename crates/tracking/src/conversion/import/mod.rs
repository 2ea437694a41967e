//! Conversions that a person brings in: new ones by request id, and changes of those that
//! are there by id. All of them or none; what is wrong is told of all rows at once, and of a
//! row all that can be looked at: what its event is, say, only where its session is known.
//!
//! A new one is looked at as a pixel's: offer, event, duplicates, caps. That its click is
//! too old stops no person. A changed one is what [`super::late`] makes of it.

mod line;
mod new;

pub use line::Line;

use super::MAX_TRIES;
use super::late::{self, LateError};
use crate::feed::Recorded;
use crate::installation::Installation;
use crumb_domain::conversion::Conversion;
use crumb_domain::{EventId, OfferId, RowId};
use crumb_network::Snapshot;
use crumb_storage::conversions::{self as stored, ImportConversions, ImportFault, ImportRow};
use crumb_storage::{Store, StoreError};
use line::{Checked, Subject};
use std::collections::HashSet;
use std::sync::Arc;

/// Rows of an import at most: they are one write, and clicks wait while it is made. So
/// many take a second or two.
pub const MAX_ROWS: usize = 20_000;

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which row, counted from 0.
    pub row: usize,
    /// What of it, by its column; empty for the whole.
    pub path: &'static str,
    /// What is wrong.
    pub message: String,
}

/// Why nothing was brought in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Rows are wrong: these, in their order.
    #[error("{} rows cannot be brought in", .0.len())]
    Faults(Vec<Fault>),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an import makes, or has made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// The rows' conversions, in their order.
    pub ids: Vec<RowId>,
    /// New ones.
    pub created: usize,
    /// Changed ones.
    pub changed: usize,
    /// New ones that came over a cap, at 0.00; known only of those that were brought in.
    pub over_cap: usize,
}

/// Checks all rows and changes nothing.
///
/// # Errors
/// What is wrong with them; the store's.
pub async fn check<S: Store + Clone>(
    site: &Installation<S>,
    lines: &[Line],
    progress: impl FnMut(usize) + Send,
) -> Result<Imported, ImportError> {
    Ok(Plan::of(site, lines, None, progress).await?.imported)
}

/// Brings all rows in. `by` is whoever does so, for the time lines.
///
/// # Errors
/// As [`check`]; then nothing was brought in.
pub async fn import<S: Store + Clone>(
    site: &Installation<S>,
    lines: &[Line],
    by: Option<&str>,
) -> Result<Imported, ImportError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let Plan { rows, places, mut imported } = Plan::of(site, lines, by, |_| ()).await?;
        let heard = site.feed.is_heard().then(|| rows.iter().map(conversion_of).collect::<Vec<_>>());
        match site.store.import_conversions(ImportConversions { rows }).await? {
            Ok(recorded) => {
                let is_over = |one: &&stored::Recorded| **one == stored::Recorded::OverCap;
                imported.over_cap = recorded.iter().filter(is_over).count();
                for (conversion, recorded) in heard.into_iter().flatten().zip(recorded) {
                    let over = recorded == stored::Recorded::OverCap;
                    let stands = if over { conversion.over_cap() } else { conversion };
                    site.feed.tell(|| Recorded::Conversion(Arc::new(stands)));
                }
                return Ok(imported);
            }
            Err((_, ImportFault::Conflict)) if tries < MAX_TRIES => {}
            // Another was faster than its row: the next look finds it.
            Err((_, ImportFault::Duplicate(_))) if tries < MAX_TRIES => {}
            Err((at, _)) => {
                let row = places.get(at).copied().unwrap_or(at);
                return Err(ImportError::Faults(vec![fault(row, "", "it changes all the time")]));
            }
        }
    }
}

fn conversion_of(row: &ImportRow) -> Conversion {
    match row {
        ImportRow::New(record) => record.conversion.clone(),
        ImportRow::Changed(change) => change.conversion.clone(),
    }
}

fn fault(row: usize, path: &'static str, message: impl Into<String>) -> Fault {
    Fault { row, path, message: message.into() }
}

/// Where rows are brought in, on what network, and by whom.
struct Bringing<'a, S> {
    site: &'a Installation<S>,
    snapshot: &'a Snapshot,
    by: Option<&'a str>,
}

/// What an import is to write.
struct Plan {
    rows: Vec<ImportRow>,
    /// Which line each of them is.
    places: Vec<usize>,
    imported: Imported,
}

/// What the rows above have.
#[derive(Default)]
struct Above {
    /// Conversions that are changed.
    changed: HashSet<RowId>,
    /// Sessions and events that have one, where one is all they may have.
    once_a_session: HashSet<(RowId, EventId)>,
    /// Transaction ids that count once.
    transactions: HashSet<(OfferId, EventId, bool, String)>,
}

impl Plan {
    async fn of<S: Store + Clone>(
        site: &Installation<S>,
        lines: &[Line],
        by: Option<&str>,
        mut progress: impl FnMut(usize) + Send,
    ) -> Result<Self, ImportError> {
        if lines.len() > MAX_ROWS {
            let message = format!("at most {MAX_ROWS} rows at once: bring the others in by another file");
            return Err(ImportError::Faults(vec![fault(MAX_ROWS, "", message)]));
        }
        let snapshot = site.network.snapshot();
        let mut plan = Self { rows: Vec::new(), places: Vec::new(), imported: Imported::default() };
        let mut above = Above::default();
        let mut faults = Vec::new();
        for (row, line) in lines.iter().enumerate() {
            let (checked, mut wrong) = line.checked(&site.keys.request_ids);
            if let Some(checked) = checked {
                let bringing = Bringing { site, snapshot: &snapshot, by };
                match plan.take(&bringing, row, checked, &mut above).await {
                    Ok(()) => {}
                    Err(Stop::Wrong(more)) => wrong.extend(more),
                    Err(Stop::Store(error)) => return Err(error.into()),
                }
            }
            faults.extend(wrong.into_iter().map(|wrong| fault(row, wrong.path, wrong.message)));
            progress(row + 1);
        }
        if faults.is_empty() { Ok(plan) } else { Err(ImportError::Faults(faults)) }
    }

    async fn take<S: Store + Clone>(
        &mut self,
        bringing: &Bringing<'_, S>,
        row: usize,
        checked: Checked,
        above: &mut Above,
    ) -> Result<(), Stop> {
        let Bringing { site, snapshot, by } = *bringing;
        match checked.subject {
            Subject::Session { .. } => {
                let record = new::record(bringing, checked, above).await?;
                self.imported.ids.push(record.conversion.id);
                self.imported.created += 1;
                self.rows.push(ImportRow::New(Box::new(record)));
                self.places.push(row);
            }
            Subject::Conversion(id) => {
                if !above.changed.insert(id) {
                    return Err(Stop::wrong("id", "a row above changes it already"));
                }
                let before = site.store.conversion(id).await?;
                let before = before.ok_or_else(|| Stop::wrong("id", "there is no conversion of this id"))?;
                let facts = checked.facts(&before)?;
                self.imported.ids.push(id);
                if let Some(change) = late::change(site, snapshot, &before, &facts, by).await? {
                    self.imported.changed += 1;
                    self.rows.push(ImportRow::Changed(Box::new(change)));
                    self.places.push(row);
                }
            }
        }
        Ok(())
    }
}

/// Why a row cannot be.
enum Stop {
    /// These things about it are wrong.
    Wrong(Vec<late::Invalid>),
    Store(StoreError),
}

impl Stop {
    fn wrong(path: &'static str, message: impl Into<String>) -> Self {
        late::Invalid::new(path, message).into()
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<late::Invalid> for Stop {
    fn from(invalid: late::Invalid) -> Self {
        Self::Wrong(vec![invalid])
    }
}

impl From<LateError> for Stop {
    fn from(error: LateError) -> Self {
        match error {
            LateError::Store(error) => Self::Store(error),
            LateError::TransactionTaken => Self::wrong("transaction_id", error.to_string()),
            LateError::Invalid(invalid) => invalid.into(),
            LateError::Missing => Self::wrong("id", error.to_string()),
            LateError::Refused(_) => Self::wrong("", error.to_string()),
        }
    }
}
