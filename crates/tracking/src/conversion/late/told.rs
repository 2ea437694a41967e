//! What a time line says of a late fact: what was done, what moved by it, why and by whom.

use super::decision::Fact;
use crumb_domain::conversion::Conversion;
use crumb_domain::time::Day;
use crumb_domain::{Money, Timestamp};
use crumb_storage::selling::TimelineEntry;

/// What the time line has of a fact that changed a conversion; `effective` is the day for which
/// it counts where that is not the present one.
pub(super) fn entry(
    before: &Conversion,
    after: &Conversion,
    fact: &Fact,
    effective: Option<Day>,
    note: Option<&str>,
    by: Option<&str>,
    at: Timestamp,
) -> TimelineEntry {
    let (code, done) = match fact {
        Fact::Adjust(_) => ("conversion_adjusted", "adjusted"),
        Fact::Approve => ("conversion_approved", "approved"),
        Fact::Reject => ("conversion_rejected", "rejected"),
        Fact::Return => ("conversion_returned", "returned"),
    };
    let mut text = format!("the conversion was {done}");
    let moved = moved(before, after).join(", ");
    if !moved.is_empty() {
        text += &format!(" ({moved})");
    }
    if let Some(day) = effective {
        text += &format!(", effective {day}");
    }
    if let Some(note) = note {
        text += &format!(": {note}");
    }
    TimelineEntry { at, code: code.to_owned(), text, by: by.map(str::to_owned) }
}

/// What of it is otherwise than before.
fn moved(before: &Conversion, after: &Conversion) -> Vec<String> {
    let mut moved = Vec::new();
    let mut amount = |name: &str, before: Money, after: Money| {
        if before != after {
            moved.push(format!("{name} from {before} to {after}"));
        }
    };
    amount("payout", before.payout, after.payout);
    amount("received", before.received, after.received);
    // What waits was worth something and is worth something else: nothing has moved yet.
    if let (Some(was), Some(is)) = (before.withheld, after.withheld) {
        amount("payout once it is approved", was.payout, is.payout);
        amount("received once it is approved", was.received, is.received);
    }
    let (was, is) = (&before.reported.transaction_id, &after.reported.transaction_id);
    if was != is {
        let named = |id: &Option<String>| id.as_ref().map_or("none".to_owned(), |id| format!("{id:?}"));
        moved.push(format!("transaction id from {} to {}", named(was), named(is)));
    }
    moved
}
