//! What happened to a conversion that is no lead, in order. (One that is a lead has its
//! lead's time line.)
//!
//! What a person says of it is written with the change. That it came is not written again:
//! the conversion itself says so, unless a person brought it in.

use crumb_domain::conversion::{Conversion, ConversionSource};
use crumb_storage::selling::TimelineEntry;
use crumb_storage::{Store, StoreError};

/// Entries that are shown beside the conversion's coming, the newest.
const MAX_ENTRIES: usize = 1_000;

/// A conversion's time line, oldest first.
///
/// # Errors
/// The store's.
pub async fn of<S: Store>(store: &S, conversion: &Conversion) -> Result<Vec<TimelineEntry>, StoreError> {
    let kept = store.timeline_of(conversion.id).await?;
    let left_out = kept.len().saturating_sub(MAX_ENTRIES);
    Ok(came(conversion).into_iter().chain(kept.into_iter().skip(left_out)).collect())
}

fn came(conversion: &Conversion) -> Option<TimelineEntry> {
    let by = match conversion.source {
        ConversionSource::Import => return None,
        source => source.as_str(),
    };
    let text = format!(
        "reported by a pixel ({by}), for event {} on offer {} and affiliate {}",
        conversion.event, conversion.offer, conversion.affiliate
    );
    Some(TimelineEntry { at: conversion.at, code: "reported".to_owned(), text, by: None })
}
