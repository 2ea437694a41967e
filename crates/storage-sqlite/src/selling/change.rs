//! A lead changes: a run begins or ends, or something happens after it.

use super::facts::{self, OwnFacts};
use super::prepare::Change;
use super::queue::{self, Offered, State};
use super::{after_sale, records, reservations};
use crate::alerts;
use crate::batch::WriteContext;
use crate::conversions::{conversion_caps, take_over};
use crate::error::{corrupt, from_sqlite};
use crate::leads::{idempotency, posts, standing};
use crate::ledger;
use crate::{outbox, seen};
use crumb_domain::RowId;
use crumb_domain::lead::Lead;
use crumb_storage::selling::{Earlier, Then};
use crumb_storage::{Result, StoreError};
use rusqlite::Connection;

/// Takes a waiting lead in hand, with what it met before.
pub(crate) fn take(connection: &Connection, lead: RowId) -> Result<Option<(Lead, OwnFacts)>> {
    if !queue::take_waiting(connection, lead)? {
        return Ok(None);
    }
    let row = lead.as_i64();
    let lead = standing::read(connection, row)?;
    let lead = lead.ok_or_else(|| corrupt("an offered lead that there is not", row))?;
    Ok(Some((lead, facts::of_lead(connection, row)?)))
}

/// Ends the run of a lead that is in hand.
pub(crate) fn settle(context: &mut WriteContext<'_>, change: &Change) -> Result<()> {
    let offered = queue::find(context.connection, change.change.lead.row.as_i64())?;
    match offered {
        Some(offered) if offered.state == State::InHand => apply(context, change, Some(&offered)),
        _ => Err(StoreError::Conflict),
    }
}

/// Changes a lead that is not in hand.
pub(crate) fn act(context: &mut WriteContext<'_>, change: &Change) -> Result<()> {
    let offered = queue::find(context.connection, change.change.lead.row.as_i64())?;
    match offered {
        Some(offered) if offered.state == State::InHand => Err(StoreError::Conflict),
        offered => apply(context, change, offered.as_ref()),
    }
}

fn apply(context: &mut WriteContext<'_>, ready: &Change, offered: Option<&Offered>) -> Result<()> {
    let connection = context.connection;
    let change = &ready.change;
    let lead = change.lead.row.as_i64();
    // First, so that a change that is refused has changed nothing: nobody begins again.
    let is_taken_over = match change.lead.is_conversion() && take_over::is_open(connection, change.lead.row)?
    {
        true => take_over::check(connection, &change.lead, change.takes_over.as_ref())?.is_ok(),
        false => change.takes_over.is_none(),
    };
    if !is_taken_over || conversion_caps::otherwise(context, &change.lead, &change.conversion_caps)?.is_some()
    {
        return Err(StoreError::Conflict);
    }
    if !standing::write(connection, &change.lead, change.at)? {
        return Err(StoreError::Conflict);
    }
    if let Some(taken) = &change.takes_over {
        take_over::take(context, &change.lead, taken)?;
    }
    let event = seen::event_of_lead(&change.lead);
    context.memory.seen.note_all(connection, event).map_err(from_sqlite)?;
    // Whether its session has converted may have changed with it.
    context.memory.session_changes.unknown(change.lead.session);
    match &change.earlier {
        Earlier::AsBefore => {}
        Earlier::No => standing::is_nobodys(connection, change.lead.row)?,
        Earlier::Yes(key) => standing::is_persons(connection, change.lead.row, key)?,
    }
    for ended in &change.ended {
        reservations::end(connection, lead, change.at, *ended)?;
    }
    records::insert_attempts(context, lead, &ready.attempts)?;
    if let Some(run) = &change.run {
        records::insert_run(context, lead, run, &ready.summary)?;
    }
    ledger::append(connection, lead, &change.ledger)?;
    records::append_timeline(connection, lead, &change.timeline)?;
    outbox::put(context, &change.deliveries)?;
    alerts::raise(context, &change.alerts)?;
    if let Some(returned) = &change.put_return {
        after_sale::put_return(context, lead, returned)?;
    }
    if let Some(status) = &change.put_status {
        after_sale::put_status(connection, lead, status)?;
    }
    context.memory.counts.raise(&change.count);
    context.memory.counts.lower(ready.uncount.iter().copied());
    outbox::tell_caps(context, &change.caps_told, Some(lead))?;
    let is_in_hand = offered.is_some_and(|offered| offered.state == State::InHand);
    if change.then == Then::AsBefore && !is_in_hand {
        return Ok(());
    }
    if let Some(offered) = offered {
        answer(context, offered, ready.answer.as_deref())?;
        if change.then == Then::WaitOn && offered.state == State::Waits {
            return Ok(());
        }
    }
    rest(context, lead, offered, change.then)
}

/// Tells the post that waits, and whoever asks again under its key.
fn answer(context: &WriteContext<'_>, offered: &Offered, answer: Option<&str>) -> Result<()> {
    let connection = context.connection;
    if let (State::InHand, Some(post), Some(answer)) = (offered.state, offered.post, answer) {
        posts::answer(connection, post, answer)?;
    }
    match (&offered.key, answer) {
        (Some(key), Some(answer)) => idempotency::answer(connection, key, offered.post, answer),
        (Some(key), None) if offered.state != State::Held => idempotency::free(connection, key, offered.post),
        _ => Ok(()),
    }
}

/// The lead waits, or rests; its key is remembered while its answer may still change.
fn rest(context: &WriteContext<'_>, lead: i64, offered: Option<&Offered>, then: Then) -> Result<()> {
    let connection = context.connection;
    let has_key = offered.is_some_and(|offered| offered.key.is_some());
    let keeps_key = has_key && reservations::has_held(connection, lead)?;
    if !keeps_key {
        queue::rest(connection, lead)?;
    }
    match then {
        Then::Wait(due) => queue::wait(connection, lead, due),
        Then::Rest | Then::AsBefore | Then::WaitOn if keeps_key => queue::keep(connection, lead, State::Held),
        Then::Rest | Then::AsBefore | Then::WaitOn => Ok(()),
    }
}
