//! A conversion that is there changes: a pixel names it, or a person says something.

use super::{duplicates, pixels, rows};
use crate::batch::WriteContext;
use crate::codes::to_json;
use crate::error::from_sqlite;
use crate::selling::records::append_timeline;
use crate::{leads, ledger, outbox};
use crumb_domain::conversion::{Conversion, ConversionDisposition, LeadConversion};
use crumb_domain::delivery::Delivery;
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::{RowId, Timestamp};
use crumb_storage::conversions::ChangeConversion;
use crumb_storage::selling::TimelineEntry;
use crumb_storage::{Result, StoreError};
use rusqlite::params;

/// A change, made ready.
pub(crate) struct Change {
    conversion: Conversion,
    /// JSON, of one that is no lead.
    reported: Option<String>,
    ledger: Vec<LedgerEntry>,
    deliveries: Vec<Delivery>,
    timeline: Vec<TimelineEntry>,
    once_a_transaction: bool,
}

impl Change {
    pub(crate) fn new(
        conversion: Conversion,
        ledger: Vec<LedgerEntry>,
        deliveries: Vec<Delivery>,
        timeline: Vec<TimelineEntry>,
        once_a_transaction: bool,
    ) -> Result<Self> {
        let reported = rows::reported_column(&conversion)?;
        Ok(Self { reported, conversion, ledger, deliveries, timeline, once_a_transaction })
    }

    pub(crate) fn of(change: ChangeConversion) -> Result<Self> {
        let ChangeConversion { conversion, ledger, deliveries, timeline, once_a_transaction } = change;
        Self::new(conversion, ledger, deliveries, timeline, once_a_transaction)
    }

    /// The other conversion that has its transaction id, where that counts once.
    pub(crate) fn taken_by(&self, context: &WriteContext<'_>) -> Result<Option<RowId>> {
        match self.once_a_transaction {
            true => duplicates::of_transaction(context.statements, &self.conversion),
            false => Ok(None),
        }
    }

    /// The conversion as it will stand.
    pub(crate) fn conversion(&self) -> &Conversion {
        &self.conversion
    }
}

/// Writes what a person says of a conversion, unless another has its transaction id: that
/// one.
pub(crate) fn say(context: &mut WriteContext<'_>, change: &Change) -> Result<Option<RowId>> {
    let taken = change.taken_by(context)?;
    if taken.is_none() {
        apply(context, change, None)?;
    }
    Ok(taken)
}

/// Writes a change, and when a pixel named the conversion if one does. Refused before
/// anything is changed where the conversion is no longer the one that was read.
pub(crate) fn apply(
    context: &mut WriteContext<'_>,
    change: &Change,
    pixel_at: Option<Timestamp>,
) -> Result<()> {
    let conversion = &change.conversion;
    let lead = match conversion.lead {
        Some(_) => {
            of_lead(context, conversion, pixel_at)?;
            conversion.id.as_i64()
        }
        None => {
            of_its_own(context, change)?;
            ledger::NO_LEAD
        }
    };
    // Whether its session has converted may have changed with it.
    context.memory.session_changes.unknown(conversion.session);
    ledger::append(context.connection, lead, &change.ledger)?;
    append_timeline(context.connection, conversion.id.as_i64(), &change.timeline)?;
    outbox::put(context, &change.deliveries)
}

/// Of a lead, what it earns and what is kept of the conversion changes; where it stands
/// and what it was sold for are its run's.
fn of_lead(context: &WriteContext<'_>, conversion: &Conversion, pixel_at: Option<Timestamp>) -> Result<()> {
    if leads::rows::revision(context.connection, conversion.id)? != Some(conversion.revision) {
        return Err(StoreError::Conflict);
    }
    let is_named = becomes_one(context, conversion)?;
    let found = rows::read_lead(context.connection, conversion.id)?;
    let (stands, kept) = found.ok_or(StoreError::Conflict)?;
    let is_said = conversion.said || conversion.withheld.is_some_and(|withheld| withheld.said);
    let kept = LeadConversion {
        event: kept.event,
        pixel_at: kept.pixel_at.or(pixel_at.filter(|_| conversion.has_pixel)),
        reported: conversion.reported.clone(),
        received: conversion.said.then_some(conversion.received),
        advertiser: conversion.advertiser.or(kept.advertiser).filter(|_| is_said),
        disposition: Some(conversion.disposition)
            .filter(|new| *new != stands.disposition)
            .or(kept.disposition),
        withheld: conversion.withheld,
        pixels_shown: conversion.pixels_shown,
        only_named: (is_named || kept.only_named)
            && conversion.disposition == ConversionDisposition::Rejected,
        waits: conversion.waits,
    };
    let column = (kept != LeadConversion::of(kept.event)).then(|| to_json(&kept)).transpose()?;
    let changed = context
        .connection
        .prepare_cached(
            "UPDATE lead SET payout = ?3, conversion = ?4, revision = revision + 1
             WHERE row = ?1 AND revision = ?2",
        )
        .and_then(|mut update| {
            update.execute(params![
                conversion.id.as_i64(),
                conversion.revision,
                conversion.payout.micros(),
                column
            ])
        })
        .map_err(from_sqlite)?;
    if changed == 0 { Err(StoreError::Conflict) } else { Ok(()) }
}

/// A lead that was not accepted is no conversion until a pixel names it all the same:
/// whether this one does.
fn becomes_one(context: &WriteContext<'_>, conversion: &Conversion) -> Result<bool> {
    let changed = context
        .connection
        .prepare_cached("UPDATE lead SET event = ?2 WHERE row = ?1 AND event IS NULL")
        .and_then(|mut update| update.execute(params![conversion.id.as_i64(), conversion.event.0]))
        .map_err(from_sqlite)?;
    Ok(changed > 0)
}

fn of_its_own(context: &WriteContext<'_>, change: &Change) -> Result<()> {
    let conversion = &change.conversion;
    pixels::move_out(context.connection, conversion)?;
    let changed = context
        .connection
        .prepare_cached(
            "UPDATE conversion SET payout = ?3, received = ?4, disposition = ?5, transaction_id = ?6,
                 reported = ?7, pixels_shown = ?8, revision = revision + 1
             WHERE id = ?1 AND revision = ?2 AND taken_by IS NULL",
        )
        .and_then(|mut update| {
            update.execute(params![
                conversion.id.as_i64(),
                conversion.revision,
                conversion.payout.micros(),
                conversion.received.micros(),
                conversion.disposition.as_str(),
                conversion.reported.transaction_id,
                change.reported,
                conversion.pixels_shown,
            ])
        })
        .map_err(from_sqlite)?;
    if changed == 0 { Err(StoreError::Conflict) } else { Ok(()) }
}
