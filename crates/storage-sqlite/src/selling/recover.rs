//! The first thing after a crash: whatever was in hand is brought to an end, by what
//! was written before each post.

use super::queue::{self, Offered, State};
use super::{records, reservations};
use crate::batch::WriteContext;
use crate::error::corrupt;
use crate::leads::{idempotency, standing};
use crumb_domain::Money;
use crumb_domain::Timestamp;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_storage::Result;
use crumb_storage::selling::{EndedReservation, HoldFn, Recovered, ReservationEnd, TimelineEntry};

/// Ends all that a crash left in hand.
pub(crate) fn recover(
    context: &mut WriteContext<'_>,
    at: Timestamp,
    hold: &HoldFn,
) -> Result<Vec<Recovered>> {
    let mut recovered = Vec::new();
    for (row, state) in queue::left_over(context.connection)? {
        let lead = standing::read(context.connection, row)?
            .ok_or_else(|| corrupt("an offered lead that there is not", row))?;
        recovered.push(match state {
            State::Recovered => told(&lead, true),
            _ => end(context, at, hold, lead)?,
        });
    }
    Ok(recovered)
}

fn told(lead: &Lead, unsettled: bool) -> Recovered {
    Recovered { lead: lead.id, status: lead.status, outcome: lead.outcome, unsettled }
}

fn end(context: &mut WriteContext<'_>, at: Timestamp, hold: &HoldFn, mut lead: Lead) -> Result<Recovered> {
    let connection = context.connection;
    let row = lead.row.as_i64();
    let offered =
        queue::find(connection, row)?.ok_or_else(|| corrupt("a lead in hand that is not offered", row))?;
    for contract in reservations::without_end(connection, row)? {
        let end = ReservationEnd::Held(hold(contract));
        reservations::end(connection, row, at, EndedReservation { contract, end })?;
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
        return nothing_was_sent(context, at, &lead, &offered).map(|()| told(&lead, false));
    }
    standing::write(connection, &lead)?;
    queue::keep(connection, row, State::Recovered)?;
    Ok(told(&lead, true))
}

fn nothing_was_sent(
    context: &mut WriteContext<'_>,
    at: Timestamp,
    lead: &Lead,
    offered: &Offered,
) -> Result<()> {
    let row = lead.row.as_i64();
    let entry = TimelineEntry {
        at,
        code: LeadOutcome::Interrupted.as_str().to_owned(),
        text: "the server ended before it was sent to anybody".to_owned(),
        by: None,
    };
    records::append_timeline(context.connection, row, &[entry])?;
    if offered.is_of_queue {
        return queue::wait(context.connection, row, at);
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
