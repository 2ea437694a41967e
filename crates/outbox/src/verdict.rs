//! What follows from an attempt.

use crate::job::Attempted;
use crate::observer::AttemptEnd;
use crate::retry_after;
use crumb_domain::Timestamp;
use crumb_domain::delivery::{Delivery, MAX_KEPT_ANSWER_CHARS, next_try};
use crumb_domain::selling::{Alert, AlertCode};
use crumb_storage::outbox::AfterAttempt;

/// What becomes of a delivery after an attempt that ended now. `chance` is 0 to 999.
pub(crate) fn after(delivery: &Delivery, attempted: &Attempted, now: Timestamp, chance: u16) -> AfterAttempt {
    if attempted.is_delivered() {
        return AfterAttempt::Delivered;
    }
    if attempted.is_hopeless {
        return AfterAttempt::Parked;
    }
    let asked = attempted.retry_after.as_deref().and_then(|header| retry_after::seconds(header, now));
    match next_try(now, delivery.tries.saturating_add(1), chance, asked) {
        Some(at) => AfterAttempt::Again(at),
        None => AfterAttempt::Parked,
    }
}

/// As what that is counted.
pub(crate) fn end_of(after: AfterAttempt) -> AttemptEnd {
    match after {
        AfterAttempt::Delivered => AttemptEnd::Delivered,
        AfterAttempt::Parked => AttemptEnd::Parked,
        AfterAttempt::Again(_) | AfterAttempt::Postponed(_) => AttemptEnd::Failed,
    }
}

/// What a person is told of a delivery that is parked. Its URL is not repeated: it may
/// hold secrets and people's data.
pub(crate) fn parked(delivery: &Delivery, attempted: &Attempted, now: Timestamp) -> Alert {
    let why = match (attempted.status, &attempted.error) {
        (Some(status), _) => format!("the last answer was {status}"),
        (None, Some(error)) => format!("at last: {error}"),
        (None, None) => "the last was not answered".to_owned(),
    };
    let (kind, tries) = (delivery.kind.as_str(), delivery.tries.saturating_add(1));
    let s = if tries == 1 { "" } else { "s" };
    let text = format!(
        "{kind} {} to {} is parked after {tries} attempt{s}; {why}",
        delivery.webhook_id, delivery.destination
    );
    let code = AlertCode::parked(delivery.kind);
    Alert { at: now, code, contract: None, buyer: None, lead: delivery.lead, text }
}

/// The beginning of an answer, as it is kept.
pub(crate) fn kept(answer: &str) -> String {
    answer.chars().take(MAX_KEPT_ANSWER_CHARS).collect()
}
