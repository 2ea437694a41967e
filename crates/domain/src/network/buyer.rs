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
#[serde(try_from = "CreditTable", into = "CreditTable")]
pub enum BuyerCredit {
    /// Without end.
    #[default]
    Unlimited,
    /// A prepaid balance, used before a credit limit.
    Prepaid {
        /// Opening balance, read once: when the buyer is made, or first becomes prepaid.
        balance: Money,
        /// How far below zero the balance may go.
        limit: Money,
    },
}

/// The table as written. A tagged enum would let unknown keys of its unit variant pass.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreditTable {
    #[serde(rename = "type")]
    kind: CreditType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    balance: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<Money>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CreditType {
    Unlimited,
    Prepaid,
}

impl TryFrom<CreditTable> for BuyerCredit {
    type Error = &'static str;

    fn try_from(table: CreditTable) -> Result<Self, Self::Error> {
        match table {
            CreditTable { kind: CreditType::Prepaid, balance, limit } => {
                Ok(Self::Prepaid { balance: balance.unwrap_or_default(), limit: limit.unwrap_or_default() })
            }
            CreditTable { kind: CreditType::Unlimited, balance: None, limit: None } => Ok(Self::Unlimited),
            CreditTable { kind: CreditType::Unlimited, .. } => {
                Err("unlimited credit has no balance and no limit")
            }
        }
    }
}

impl From<BuyerCredit> for CreditTable {
    fn from(credit: BuyerCredit) -> Self {
        match credit {
            BuyerCredit::Unlimited => Self { kind: CreditType::Unlimited, balance: None, limit: None },
            BuyerCredit::Prepaid { balance, limit } => {
                Self { kind: CreditType::Prepaid, balance: Some(balance), limit: Some(limit) }
            }
        }
    }
}
