//! Everything that happened to a lead, in order.
//!
//! What changes a lead says so in the write that changes it. That it came is not written
//! again: the lead itself says so, and a good lead's acceptance costs nothing more.
//!
//! A lead that a buyer may have stands as pending, whoever holds it back meanwhile: that is
//! remembered here until the buyer's end is known.

use super::actions::{ACCEPTED, OFFERED_AGAIN};
use crumb_domain::Timestamp;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::post::PostKind;
use crumb_storage::selling::TimelineEntry;
use crumb_storage::{Store, StoreError};
use std::collections::HashMap;

/// Entries that are shown beside the lead's receipt: one that waits for a month is tried
/// thousands of times, each with an entry.
const MAX_ENTRIES: usize = 1_000;
/// Entries of one kind that stay shown, the newest, however many come of another: posters
/// and buyers add as many of some kinds as they like, and must not hide by them that a lead
/// was sold or who decided what.
const KEPT_OF_A_KIND: usize = 20;

/// A lead's time line, oldest first.
///
/// # Errors
/// The store's.
pub async fn of<S: Store>(store: &S, lead: &Lead) -> Result<Vec<TimelineEntry>, StoreError> {
    Ok(joined(lead, store.timeline_of(lead.row).await?))
}

fn joined(lead: &Lead, kept: Vec<TimelineEntry>) -> Vec<TimelineEntry> {
    let mut entries = vec![received(lead)];
    // What people say of its conversion does not move the lead.
    if kept.iter().all(|entry| entry.code.starts_with("conversion_")) {
        entries.extend(at_first(lead));
    }
    entries.extend(shown(kept));
    entries
}

/// As many as are shown: left out are the oldest of those of which there are many.
fn shown(kept: Vec<TimelineEntry>) -> Vec<TimelineEntry> {
    let mut over = kept.len().saturating_sub(MAX_ENTRIES);
    if over == 0 {
        return kept;
    }
    let mut of_a_kind: HashMap<String, usize> = HashMap::new();
    for entry in &kept {
        *of_a_kind.entry(entry.code.clone()).or_default() += 1;
    }
    let stays = |entry: &TimelineEntry| match of_a_kind.get_mut(&entry.code) {
        Some(left) if over > 0 && *left > KEPT_OF_A_KIND => {
            (*left, over) = (*left - 1, over - 1);
            false
        }
        _ => true,
    };
    let mut shown: Vec<TimelineEntry> = kept.into_iter().filter(stays).collect();
    shown.drain(..shown.len().saturating_sub(MAX_ENTRIES));
    shown
}

fn received(lead: &Lead) -> TimelineEntry {
    let text = format!(
        "received by a {} post, on offer {} for affiliate {} ({})",
        lead.post.as_str(),
        lead.offer,
        lead.affiliate,
        lead.attribution.as_str()
    );
    entry(lead.at, "received", text)
}

/// Where a lead went to which nothing has happened since.
fn at_first(lead: &Lead) -> Option<TimelineEntry> {
    let text = match lead.outcome {
        LeadOutcome::Queued => "it waits for a buyer",
        LeadOutcome::NoQualifiedBuyers => "no contract buys such leads",
        LeadOutcome::UnattributedSession => "its post named no session: it is offered to nobody",
        LeadOutcome::Test => "it is a test: it is offered to nobody",
        // Sold at this moment, or with an entry of its own.
        _ => return None,
    };
    Some(entry(lead.at, lead.outcome.as_str(), text.to_owned()))
}

/// That bad fields hold a lead back.
pub(crate) fn held_back(lead: &Lead, at: Timestamp) -> Option<TimelineEntry> {
    let to = match lead.outcome {
        LeadOutcome::Review => "it waits for a person",
        LeadOutcome::ThrownOut => "it is thrown out",
        _ => return None,
    };
    let text = format!("{to}, for its fields: {}", lead.errors.join(", "));
    Some(entry(at, lead.outcome.as_str(), text))
}

/// Where a lead is held back by its fields or a person, unless one has let it through
/// since.
pub(crate) fn holds_back(entries: &[TimelineEntry]) -> Option<(LeadStatus, LeadOutcome)> {
    let decided = entries.iter().rev().find_map(|entry| match entry.code.as_str() {
        code if code == LeadOutcome::Review.as_str() => Some(Some((LeadStatus::Review, LeadOutcome::Review))),
        code if code == LeadOutcome::ThrownOut.as_str() => {
            Some(Some((LeadStatus::Scrubbed, LeadOutcome::ThrownOut)))
        }
        ACCEPTED | OFFERED_AGAIN => Some(None),
        _ => None,
    });
    decided.flatten()
}

/// What a post made of a lead that it changed. `bad`: what the lead's fields are from now
/// on, where they would hold it back.
pub(crate) fn of_update(
    before: &Lead,
    after: &Lead,
    bad: Option<LeadOutcome>,
    is_offered: bool,
    kind: PostKind,
    at: Timestamp,
) -> Vec<TimelineEntry> {
    let mut entries =
        vec![entry(at, "updated", format!("its fields were changed by a {} post", kind.as_str()))];
    let is_held_back = |lead: &Lead| matches!(lead.status, LeadStatus::Review | LeadStatus::Scrubbed);
    if is_held_back(after) && !is_held_back(before) {
        entries.extend(held_back(after, at));
    }
    if let Some(bad) = bad
        && after.status == LeadStatus::PendingUnknown
    {
        let lead = Lead { outcome: bad, ..after.clone() };
        let held = held_back(&lead, at);
        entries.extend(held.map(|held| TimelineEntry {
            text: format!("{} (once no buyer may have it)", held.text),
            ..held
        }));
    }
    if is_offered {
        let text = "offered again to those that have not bought it, as its poster asked";
        entries.push(entry(at, OFFERED_AGAIN, text.to_owned()));
    }
    entries
}

fn entry(at: Timestamp, code: &str, text: String) -> TimelineEntry {
    TimelineEntry { at, code: code.to_owned(), text, by: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_time_line_the_receipt_and_the_newest_entries_are_shown() {
        let lead = super::super::actions::tests::lead(LeadStatus::Queued, LeadOutcome::Queued);
        let shown = |count: usize| {
            let kept = (0..count).map(|number| entry(lead.at, "queued", number.to_string()));
            let entries = joined(&lead, kept.collect());
            entries.into_iter().map(|entry| entry.text).collect::<Vec<_>>()
        };
        let received = "received by a server post, on offer 100 for affiliate 12 (key)";
        assert_eq!(shown(0), [received, "it waits for a buyer"]);
        assert_eq!(shown(2), [received, "0", "1"]);
        let long = shown(MAX_ENTRIES + 5);
        assert_eq!((long.len(), long[0].as_str(), long[1].as_str()), (MAX_ENTRIES + 1, received, "5"));
    }

    #[test]
    fn no_number_of_entries_of_one_kind_hides_those_of_another() {
        let lead = super::super::actions::tests::lead(LeadStatus::Sold, LeadOutcome::Sold);
        let of_kind = |code: &'static str, count: usize| {
            (0..count).map(move |number| entry(lead.at, code, number.to_string()))
        };
        let kept = of_kind("sold", 1).chain(of_kind("buyer_status", 3_000)).chain(of_kind("thrown_out", 2));
        let entries = shown(kept.chain(of_kind("updated", 3_000)).collect());
        let count = |code: &str| entries.iter().filter(|entry| entry.code == code).count();
        assert_eq!(entries.len(), MAX_ENTRIES);
        assert_eq!((count("sold"), count("thrown_out"), count("buyer_status")), (1, 2, KEPT_OF_A_KIND));
        assert_eq!(entries.last().map(|entry| entry.text.as_str()), Some("2999"));
        let kinds = (0..2_000).map(|kind| entry(lead.at, &format!("kind_{kind}"), String::new()));
        assert_eq!(shown(kinds.collect()).len(), MAX_ENTRIES);
    }
}
