//! What is made ready before a write: the texts of JSON columns. All writes wait for
//! the one writer, so it only binds values and steps through statements.

use crate::answers;
use crate::clicks::counts;
use crate::codes::to_json;
use crumb_domain::selling::Attempt;
use crumb_storage::Result;
use crumb_storage::selling::{LeadChange, RunRecord};

/// An attempt's row.
pub(crate) struct AttemptRow {
    pub(crate) attempt: Attempt,
    /// JSON.
    pub(crate) ms: String,
    /// JSON.
    pub(crate) read: String,
}

/// Takes attempts out of what is written, and makes them ready.
pub(crate) fn attempts(attempts: &mut Vec<Attempt>) -> Result<Vec<AttemptRow>> {
    let rows = std::mem::take(attempts)
        .into_iter()
        .map(|attempt| Ok(AttemptRow { ms: to_json(&attempt.ms)?, read: to_json(&attempt.read)?, attempt }));
    rows.collect()
}

/// A run's summary, as its column.
pub(crate) fn summary(run: &RunRecord) -> Result<String> {
    let ends = run.summary.iter();
    let ends: Vec<(i64, &str, i64)> =
        ends.map(|(contract, result, price)| (contract.0, result.as_str(), price.micros())).collect();
    to_json(&ends)
}

/// A change, made ready.
pub(crate) struct Change {
    pub(crate) change: LeadChange,
    pub(crate) attempts: Vec<AttemptRow>,
    /// JSON.
    pub(crate) summary: String,
    /// As its column.
    pub(crate) answer: Option<String>,
    pub(crate) uncount: Vec<counts::Key>,
}

impl Change {
    pub(crate) fn new(mut change: LeadChange) -> Result<Self> {
        Ok(Self {
            summary: change.run.as_ref().map(summary).transpose()?.unwrap_or_default(),
            answer: change.answer.as_ref().map(answers::column),
            uncount: change.uncount.iter().map(counts::key).collect(),
            attempts: attempts(&mut change.attempts)?,
            change,
        })
    }
}
