//! What a person should look at, although nothing stands still for it.

use crate::coded::coded;
use crate::delivery::DeliveryKind;
use crate::{BuyerId, ContractId, LeadId, Timestamp};
use serde::Serialize;

coded! {
    /// What an alert is about.
    AlertCode {
        /// Too many of a contract's last posts failed: it does not buy until a person
        /// switches it on.
        ContractSwitchedOff = "contract_switched_off";
        /// A buyer's last answers timed out: it is skipped for a while.
        BuyerSkipped = "buyer_skipped";
        /// A post was accepted without the price that its answer should name.
        PriceAbsent = "price_absent";
        /// An answered price is no amount, or a negative one.
        PriceUnreadable = "price_unreadable";
        /// An answered price is over the contract's maximum.
        PriceOverMaximum = "price_over_maximum";
        /// An answered redirect is no address that a visitor can be sent to.
        BadRedirect = "bad_redirect";
        /// A lead leaves less than the vertical's minimum margin.
        MarginUndercut = "margin_undercut";
        /// An answered price took a prepaid buyer below what its credit allows.
        CreditExceeded = "credit_exceeded";
        /// A postback or webhook that nobody took at its last attempt is parked.
        DeliveryParked = "delivery_parked";
        /// A mail that no relay took at its last attempt is parked. Of this nobody is told by
        /// mail.
        MailParked = "mail_parked";
        /// The store refuses what became of a lead: something about that lead cannot be
        /// read or written.
        LeadUnsettled = "lead_unsettled";
    }
}

impl AlertCode {
    /// That a delivery of that kind is parked.
    pub fn parked(kind: DeliveryKind) -> Self {
        match kind {
            DeliveryKind::Mail => Self::MailParked,
            DeliveryKind::Postback | DeliveryKind::Webhook => Self::DeliveryParked,
        }
    }
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// When.
    pub at: Timestamp,
    /// About what.
    pub code: AlertCode,
    /// Which contract, where it is about one.
    pub contract: Option<ContractId>,
    /// Which buyer, where it is about one.
    pub buyer: Option<BuyerId>,
    /// The lead that brought it up.
    pub lead: Option<LeadId>,
    /// For people, one sentence.
    pub text: String,
}
