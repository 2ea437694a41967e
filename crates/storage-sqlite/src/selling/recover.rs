//! The first thing after a crash: whatever was in hand is brought to an end, by what
//! was written before each post. And the same for one run that broke off while the server
//! lives.

use super::queue::{self, Offered, State};
use super::{records, reservations};
use crate::batch::WriteContext;
use crate::error::corrupt;
use crate::leads::{idempotency, standing};
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::{Money, RowId, Timestamp};
use crumb_storage::Result;
use crumb_storage::selling::{EndedReservation, HoldFn, Recovered, ReservationEnd, TimelineEntry};

/// What ended a run early.
struct BrokenOff<'a> {
    at: Timestamp,
    /// When a lead of the queue that was sent to nobody is tried again.
    due: Timestamp,
    hold: &'a HoldFn,
    /// What its time line says where it was sent to nobody.
    text: &'static str,
}

/// Ends all that a crash left in hand.
pub(crate) fn recover(
    context: &mut WriteContext<'_>,
    at: Timestamp,
    hold: &HoldFn,
) -> Result<Vec<Recovered>> {
    let text = "the server ended before it was sent to anybody";
    let crash = BrokenOff { at, due: at, hold, text };
    let mut recovered = Vec::new();
    for (row, state) in queue::left_over(context.connection)? {
        let lead = standing::read(context.connection, row)?
            .ok_or_else(|| corrupt("an offered lead that there is not", row))?;
        recovered.push(match state {
            State::Recovered => told(&lead, true),
            _ => end(context, &crash, lead)?,
        });
    }
    Ok(recovered)
}

/// Ends the run of a lead in hand, if it is.
pub(crate) fn break_off(
    context: &mut WriteContext<'_>,
    lead: RowId,
    at: Timestamp,
    due: Timestamp,
    hold: &HoldFn,
) -> Result<Option<Recovered>> {
    let row = lead.as_i64();
    if queue::taking_in_hand(context.connection, row)?.is_none() {
        return Ok(None);
    }
    let lead = standing::read(context.connection, row)?
        .ok_or_else(|| corrupt("an offered lead that there is not", row))?;
    let text = "its sale broke off before it was sent to anybody";
    end(context, &BrokenOff { at, due, hold, text }, lead).map(Some)
}

fn told(lead: &Lead, unsettled: bool) -> Recovered {
    Recovered { lead: lead.id, status: lead.status, outcome: lead.outcome, unsettled }
}

fn end(context: &mut WriteContext<'_>, broken: &BrokenOff<'_>, mut lead: Lead) -> Result<Recovered> {
    let connection = context.connection;
    let row = lead.row.as_i64();
    let offered =
        queue::find(connection, row)?.ok_or_else(|| corrupt("a lead in hand that is not offered", row))?;
    for contract in reservations::without_end(connection, row)? {
        let end = ReservationEnd::Held((broken.hold)(contract));
        reservations::end(connection, row, broken.at, EndedReservation { contract, end })?;
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
