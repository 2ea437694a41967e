//! A lead that its buyer gives back.

use crate::coded::coded;
use serde::Serialize;

coded! {
    /// Where a return stands.
    ReturnState {
        /// Asked for; waits for a person.
        Submitted = "submitted";
        /// Taken back, the price given back.
        Credited = "credited";
        /// Taken back, to be replaced by another lead.
        Replaced = "replaced";
        /// Not taken back.
        Refused = "refused";
    }
}
