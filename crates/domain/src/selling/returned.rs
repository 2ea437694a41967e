//! A lead that its buyer gives back, or asks to.

use crate::coded::coded;
use serde::{Deserialize, Serialize};

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

coded! {
    /// What is asked with a return.
    ReturnType {
        /// Take the lead back and give its price back.
        ApproveForCredit = "approve_for_credit";
        /// Take the lead back and owe another for it.
        ApproveToReplace = "approve_to_replace";
        /// Let a person decide.
        SubmitForApproval = "submit_for_approval";
    }
}

coded! {
    /// What a taken-back sale came to.
    Redress {
        /// The buyer has its price again.
        Credited = "credited";
        /// The price stays paid; the buyer is owed another lead.
        Replaced = "replaced";
    }
}

/// That a sale was taken back, as the sale itself tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleReturn {
    /// For what.
    pub redress: Redress,
    /// The affiliate is no longer paid for this sale.
    pub payout_taken_back: bool,
}
