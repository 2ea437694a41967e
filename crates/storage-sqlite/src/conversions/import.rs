//! Conversions brought in at once: all of them or none.

use super::change::{self, Change};
use super::record::{self, New};
use crate::batch::{WriteContext, in_savepoint};
use crumb_storage::conversions::{ImportConversions, ImportFault, ImportRow, Recorded};
use crumb_storage::{Result, StoreError};

/// A row, made ready.
pub(crate) enum ReadyRow {
    New(Box<New>),
    Changed(Box<Change>),
}

/// Makes all rows ready.
pub(crate) fn prepare(import: ImportConversions) -> Result<Vec<ReadyRow>> {
    let ready = import.rows.into_iter().map(|row| {
        Ok(match row {
            ImportRow::New(record) => ReadyRow::New(Box::new(New::of(*record)?)),
            ImportRow::Changed(change) => ReadyRow::Changed(Box::new(Change::of(*change)?)),
        })
    });
    ready.collect()
}

/// Writes all rows; where one cannot be, takes back those before it and says which and why.
pub(crate) fn import(
    context: &mut WriteContext<'_>,
    rows: &[ReadyRow],
) -> Result<std::result::Result<Vec<Recorded>, (usize, ImportFault)>> {
    let (connection, statements) = (context.connection, context.statements);
    let mut recorded = Vec::with_capacity(rows.len());
    let mut fault = None;
    let written = in_savepoint(connection, context.memory, |memory| {
        let mut context = WriteContext { connection, statements, memory };
        for (at, row) in rows.iter().enumerate() {
            match one(&mut context, row) {
                Ok(Recorded::Duplicate(before)) => fault = Some((at, ImportFault::Duplicate(before))),
                Ok(other) => recorded.push(other),
                Err(StoreError::Conflict) => fault = Some((at, ImportFault::Conflict)),
                Err(error) => return Err(error),
            }
            if fault.is_some() {
                return Err(StoreError::Conflict);
            }
        }
        Ok(())
    })?;
    match (written, fault) {
        (Ok(()), _) => Ok(Ok(recorded)),
        (Err(_), Some(fault)) => Ok(Err(fault)),
        (Err(error), None) => Err(error),
    }
}

fn one(context: &mut WriteContext<'_>, row: &ReadyRow) -> Result<Recorded> {
    match row {
        ReadyRow::New(new) => record::bring_in(context, new),
        ReadyRow::Changed(change) => {
            change::say(context, change).map(|taken| taken.map_or(Recorded::New, Recorded::Duplicate))
        }
    }
}
