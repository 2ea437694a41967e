//! What a run leaves behind.

use crate::reason::Reason;
use crumb_domain::network::{SaleType, UnknownRule};
use crumb_domain::selling::ContractResult;
use crumb_domain::time::Day;
use crumb_domain::{BuyerId, ContractId, LeadId, Money};
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

/// How a contract's part in a run ended. As JSON: `contract`, `result` (the code),
/// `text` (the sentence), `values` (what was compared).
#[derive(Debug, Clone, PartialEq)]
pub struct ContractOutcome {
    /// Which one.
    pub contract: ContractId,
    /// The code.
    pub result: ContractResult,
    /// Why.
    pub reason: Reason,
}

impl Serialize for ContractOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut outcome = serializer.serialize_struct("ContractOutcome", 4)?;
        outcome.serialize_field("contract", &self.contract)?;
        outcome.serialize_field("result", &self.result)?;
        outcome.serialize_field("text", &self.reason.text())?;
        outcome.serialize_field("values", &self.reason.values())?;
        outcome.end()
    }
}

/// What is kept free for a contract while it is posted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reservation {
    /// Which one.
    pub contract: ContractId,
    /// Of whom.
    pub buyer: BuyerId,
    /// The day of the contract's zone on which its row opened: its cap is of that
    /// day.
    pub day: Day,
    /// The row's cap; none is no cap, but the lead counts all the same.
    pub cap: Option<u32>,
    /// Of the buyer's credit: the row's price, or the ping's. By it all is decided, also
    /// where the lead is a replacement.
    pub price: Money,
    /// The buyer is owed a lead for one that it gave back: this one is free, and needs no
    /// credit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replacement: bool,
    /// How the row shares.
    #[serde(rename = "type")]
    pub sale_type: SaleType,
    /// Posted to as the only buyer: an exclusive, or a hybrid alone.
    pub alone: bool,
    /// The row's leads cannot be returned.
    pub no_return: bool,
}

impl Reservation {
    /// What the buyer is charged where its answer names no price: nothing for a replacement.
    pub fn charged(&self) -> Money {
        if self.replacement { Money::ZERO } else { self.price }
    }
}

/// What a buyer would pay for a lead that is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// Under which contract.
    pub contract: ContractId,
    /// Who.
    pub buyer: BuyerId,
    /// The row's price, or the ping's.
    pub price: Money,
    /// It would have it free, for one that it gave back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replacement: bool,
}

/// A sale of this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sold {
    /// What had been reserved for it: contract, buyer, opening day, type.
    #[serde(flatten)]
    pub reserved: Reservation,
    /// What the buyer pays; differs from the reserved price where its answer did, and is
    /// nothing for a replacement.
    pub sold_price: Money,
    /// The lead that it gave back and that this one makes up for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<LeadId>,
    /// Where the visitor goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// The buyer's name for the lead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_id: Option<String>,
    /// Counted as a sale although no answer was read.
    pub unanswered: bool,
}

impl Sold {
    /// What the sale is held against the margin at: a replacement was paid for with the
    /// lead that was given back.
    pub(crate) fn worth(&self) -> Money {
        if self.reserved.replacement { self.reserved.price } else { self.sold_price }
    }
}

/// A post whose end is not known, and whose price and cap stay reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// What is reserved.
    #[serde(flatten)]
    pub reserved: Reservation,
    /// What settles it: always `wait`, the others settle at once.
    pub rule: UnknownRule,
    /// After how many minutes it counts as rejected.
    pub wait_minutes: u32,
}

/// Something that a person should see; it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "alert")]
pub enum Alert {
    /// A post was accepted without the price that its answer should name: counts as 0.00.
    PriceAbsent {
        /// Whose answer.
        contract: ContractId,
    },
    /// A price that is no amount, or a negative one: counts as absent, hence 0.00.
    PriceUnreadable {
        /// Whose answer.
        contract: ContractId,
    },
    /// A price over the contract's maximum: counts as the maximum.
    PriceOverMaximum {
        /// Whose answer.
        contract: ContractId,
        /// As answered.
        price: Money,
        /// As counted.
        maximum: Money,
    },
    /// A redirect that is no absolute http(s) address: counts as absent.
    BadRedirect {
        /// Whose answer.
        contract: ContractId,
    },
    /// What the lead brought, what may yet come included, leaves less than the
    /// vertical's least margin.
    MarginUndercut {
        /// What it brought.
        revenue: Money,
        /// What its affiliate is paid.
        payout: Money,
        /// The least margin.
        minimum: Money,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Somebody bought; others may have.
    Sold,
    /// Nobody bought.
    GiveUp,
    /// Nobody is known to have bought, and somebody may have.
    Hold,
    /// It asked for prices only, and was offered one.
    Quoted,
}
