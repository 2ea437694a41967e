//! A lead becomes a conversion: what is written together with that, once.

use crate::acceptance::conversion_counts;
use crumb_domain::lead::Lead;
use crumb_network::Snapshot;
use crumb_storage::selling::LeadChange;

/// Whether a lead is a conversion now that was none before.
pub(crate) fn is_new(before: &Lead, after: &Lead) -> bool {
    before.conversion.is_none() && after.conversion.is_some()
}

/// Adds to the change of a lead what follows where the change makes it a conversion.
pub(crate) fn follow(change: &mut LeadChange, before: &Lead, snapshot: &Snapshot) {
    if is_new(before, &change.lead) {
        change.count = conversion_counts(snapshot, &change.lead);
    }
}
