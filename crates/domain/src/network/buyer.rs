//! `[[buyer]]`: who buys leads, and on what credit.

use super::ActiveStatus;
use crate::{BuyerId, Money};
use serde::{Deserialize, Serialize};

/// The `[[buyer]]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Buyer {
    /// Its id.
    pub id: BuyerId,
    /// Its name.
    pub name: String,
    /// Whether it buys.
    #[serde(default)]
    pub status: ActiveStatus,
    /// Only one buyer of a group has a lead.
    #[serde(default, deserialize_with = "super::serde_forms::empty_is_none")]
    pub group: Option<String>,
    /// What it may spend.
    #[serde(default)]
    pub credit: BuyerCredit,
}

/// What a buyer may spend.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum BuyerCredit {
    /// Without end.
    #[default]
    Unlimited,
    /// A prepaid balance, used before a credit limit.
    Prepaid {
        /// Opening balance, read only when the buyer is made.
        #[serde(default)]
        balance: Money,
        /// How far below zero the balance may go.
        #[serde(default)]
        limit: Money,
    },
}
