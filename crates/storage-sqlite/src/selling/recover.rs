//! The first thing after a crash: whatever was in hand is brought to an end, by what
//! was written before each post. And the same for one run that broke off while the server
//! lives.

use super::queue::{self, Offered, State};
use super::{prepare, records, reservations};
use crate::batch::{WriteContext, in_savepoint};
use crate::codes::row_id;
use crate::error::corrupt;
use crate::leads::{idempotency, standing};
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::{Money, RowId, Timestamp};
use crumb_storage::selling::{
    Aside, EndedReservation, Ending, Recovered, Recovery, ReservationEnd, TimelineEntry, Unsent,
};
use crumb_storage::{Result, StoreError};
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What ended a run early.
struct BrokenOff<'a> {
    at: Timestamp,
    /// When a lead of the queue that was sent to nobody is tried again.
    due: Timestamp,
    ending: &'a Ending,
    /// What its time line says where it was sent to nobody.
    text: &'static str,
}

/// Ends all that a crash left in hand. Each lead is ended by itself: one of which something
/// cannot be read, or whose end panics, stays as it is, and the others are ended all the same.
pub(crate) fn recover(context: &mut WriteContext<'_>, at: Timestamp, ending: &Ending) -> Result<Recovery> {
    let text = "the server ended before it was sent to anybody";
    let crash = BrokenOff { at, due: at, ending, text };
    let mut recovery = Recovery::default();
    for (row, state) in queue::left_over(context.connection)? {
        let (connection, statements) = (context.connection, context.statements);
        let (is_ended, mut ended) = (state == Ok(State::Recovered), None);
        let one = in_savepoint(connection, context.memory, |memory| {
            let context = &mut WriteContext { connection, statements, memory };
            let state = state?;
            // What one that panics has changed goes back with its savepoint.
            let one = catch_unwind(AssertUnwindSafe(|| recover_one(context, &crash, row, state)));
            ended = Some(one.unwrap_or_else(|_| Err(StoreError::Corrupt("its end panicked".to_owned())))?);
            Ok(())
        })?;
        match one {
            Ok(()) => recovery.ended.extend(ended),
            Err(error @ (StoreError::Unavailable(_) | StoreError::Overloaded(_))) => return Err(error),
            Err(error) => recovery.aside.push(aside(connection, row, is_ended, error)?),
        }
    }
    Ok(recovery)
}

fn recover_one(
    context: &mut WriteContext<'_>,
    crash: &BrokenOff<'_>,
    row: i64,
    state: State,
) -> Result<Recovered> {
    let lead = standing::read(context.connection, row)?
        .ok_or_else(|| corrupt("an offered lead that there is not", row))?;
    match state {
        State::Recovered => Ok(told(&lead, true)),
        _ => end(context, crash, lead),
    }
}

fn aside(connection: &Connection, row: i64, is_ended: bool, error: StoreError) -> Result<Aside> {
    let lead = standing::id_of(connection, row).unwrap_or_default();
    Ok(Aside { row: row_id(row)?, lead, is_ended, error })
}

/// Ends the run of a lead in hand, if it is.
pub(crate) fn break_off(
    context: &mut WriteContext<'_>,
    lead: RowId,
    at: Timestamp,
    due: Timestamp,
    ending: &Ending,
) -> Result<Option<Recovered>> {
    let row = lead.as_i64();
    let offered = queue::find(context.connection, row)?;
    if offered.is_none_or(|offered| offered.state != State::InHand) {
        return Ok(None);
    }
    let lead = standing::read(context.connection, row)?
        .ok_or_else(|| corrupt("an offered lead that there is not", row))?;
    let text = "its sale broke off before it was sent to anybody";
    end(context, &BrokenOff { at, due, ending, text }, lead).map(Some)
}

fn told(lead: &Lead, unsettled: bool) -> Recovered {
    Recovered { lead: lead.id, status: lead.status, outcome: lead.outcome, unsettled }
}

fn end(context: &mut WriteContext<'_>, broken: &BrokenOff<'_>, mut lead: Lead) -> Result<Recovered> {
    let connection = context.connection;
    let row = lead.row.as_i64();
    let offered =
        queue::find(connection, row)?.ok_or_else(|| corrupt("a lead in hand that is not offered", row))?;
    for (contract, begun) in reservations::without_end(connection, row)? {
        let end = ReservationEnd::Held((broken.ending.hold)(contract));
        reservations::end(connection, row, broken.at, EndedReservation { contract, end })?;
        let attempts = prepare::attempts(&mut vec![(broken.ending.cut_off)(contract, begun)])?;
        records::insert_attempts(context, row, &attempts)?;
    }
    let sold = reservations::sales_of_taking(connection, row, offered.taking)?;
    if !sold.is_empty() {
        (lead.status, lead.outcome) = (LeadStatus::Sold, LeadOutcome::Sold);
        let brought =
            sold.iter().map(|sale| sale.price.micros()).fold(lead.revenue.micros(), i64::saturating_add);
        lead.revenue = Money::from_micros(brought);
        lead.sales.extend(sold);
    } else if reservations::has_held_of_taking(connection, row, offered.taking)? {
        if lead.sales.is_empty() {
            (lead.status, lead.outcome) = (LeadStatus::PendingUnknown, LeadOutcome::PendingUnknown);
        }
        // Nobody was told that it is taken.
        context.memory.counts.lower(offered.counts()?);
    } else {
        return nothing_was_sent(context, broken, &lead, &offered).map(|()| told(&lead, false));
    }
    standing::write(connection, &lead, broken.at)?;
    queue::keep(connection, row, State::Recovered)?;
    Ok(told(&lead, true))
}

fn nothing_was_sent(
    context: &mut WriteContext<'_>,
    broken: &BrokenOff<'_>,
    lead: &Lead,
    offered: &Offered,
) -> Result<()> {
    let row = lead.row.as_i64();
    let entry = TimelineEntry {
        at: broken.at,
        code: LeadOutcome::Interrupted.as_str().to_owned(),
        text: broken.text.to_owned(),
        by: None,
    };
    records::append_timeline(context.connection, row, &[entry])?;
    record(context, broken, lead, offered)?;
    if offered.is_of_queue {
        return queue::wait(context.connection, row, broken.due);
    }
    if lead.outcome == LeadOutcome::Interrupted {
        standing::is_nobodys(context.connection, lead.row)?;
        context.memory.counts.lower(offered.counts()?);
    }
    if let Some(key) = &offered.key {
        idempotency::free(context.connection, key, offered.post)?;
    }
    queue::rest(context.connection, row)
}

/// Keeps the run, as far as whoever ends it can tell it by what is stored.
fn record(
    context: &mut WriteContext<'_>,
    broken: &BrokenOff<'_>,
    lead: &Lead,
    offered: &Offered,
) -> Result<()> {
    let (connection, row) = (context.connection, lead.row.as_i64());
    let runs = records::runs_of(connection, row)?;
    let is_first = runs.is_empty() && lead.revision == 0 && offered.post.is_some() && !offered.is_of_queue;
    let unsent = Unsent {
        lead: lead.clone(),
        begun: is_first.then_some(lead.at),
        earlier: reservations::of_lead(connection, row)?,
        runs,
        attempts: records::attempts_of(connection, row)?,
    };
    match (broken.ending.record)(&unsent) {
        Some(run) => records::insert_run(context, row, &run, &prepare::summary(&run)?),
        None => Ok(()),
    }
}
