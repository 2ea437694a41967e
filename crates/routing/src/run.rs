//! What one run over a lead's tree is given: everything that is not in the tree
//! itself, as it was read when the run began. Kept as JSON beside the lead, it is
//! enough to decide again.

use crumb_domain::network::Distribution;
use crumb_domain::selling::BuyerAnswer;
use crumb_domain::time::Day;
use crumb_domain::{AffiliateId, BuyerId, ContractId, LeadId, Money, OfferId, Timestamp, payout};
use serde::{Deserialize, Serialize};

/// The inputs of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Which lead.
    pub lead: LeadId,
    /// Which of the lead's runs, from 1.
    pub number: u32,
    /// When the lead was accepted: its age is counted from there.
    pub at: Timestamp,
    /// When the run began: schedules and ages are held against this moment, however
    /// long the run takes.
    pub begun_at: Timestamp,
    /// On which offer it came.
    pub offer: OfferId,
    /// Whose it is.
    pub affiliate: AffiliateId,
    /// Whether it came by an upsell.
    pub is_upsell: bool,
    /// What it says, by the fields' names as the vertical has them.
    pub fields: Vec<(String, String)>,
    /// The day in the network's zone, for filters like `today-21y`.
    pub today: Day,
    /// What its affiliate is still to be paid if it sells: nothing where an earlier
    /// run has earned it.
    pub payout: Payout,
    /// How its offer asks buyers.
    pub distribution: Distribution,
    /// Until when it must be sold.
    pub deadline: Timestamp,
    /// Decides between equals that set a weight.
    pub seed: u64,
    /// What was read of each contract. One without facts has sold nothing, has
    /// unlimited credit and a sound buyer.
    pub facts: Vec<ContractFacts>,
    /// Who was sent the lead by earlier runs.
    pub earlier: Vec<Earlier>,
    /// Sold as an exclusive by an earlier run, or sent to a buyer as one whose
    /// answer is not known yet: it is offered to nobody.
    pub sold_exclusively: bool,
    /// How many buyers have it from earlier runs, those that may have it apart.
    pub bought_count: u32,
    /// What buyers answered when a price was asked for before the lead was sent: it
    /// still holds, and they are not asked again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quoted: Vec<QuotedPing>,
}

/// A buyer's answer to a ping that was made for a quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedPing {
    /// Whose.
    pub contract: ContractId,
    /// What it was.
    pub answer: BuyerAnswer,
}

/// What a lead's affiliate is paid when it sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payout {
    /// This, once.
    Fixed(Money),
    /// This share of what it brings, in percent.
    Percent(Money),
    /// The same, but no less than an amount that was promised.
    PercentAtLeast {
        /// Of what it brings.
        percent: Money,
        /// What was promised.
        least: Money,
    },
}

impl Payout {
    /// What is paid when the lead brings that.
    pub fn of(self, revenue: Money) -> Money {
        match self {
            Self::Fixed(amount) => amount,
            Self::Percent(percent) => payout::share(revenue, percent),
            Self::PercentAtLeast { percent, least } => payout::share(revenue, percent).max(least),
        }
    }

    /// What remains of a revenue, held at the ends of what an amount can be.
    pub fn margin_of(self, revenue: Money) -> Money {
        Money::from_micros(revenue.micros().saturating_sub(self.of(revenue).micros()))
    }
}

/// A contract as it stood when the run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractFacts {
    /// Which one.
    pub contract: ContractId,
    /// Leads that count for its caps, sold or reserved, by the day of its own zone
    /// on which the schedule row opened: of the days on which a row may be open now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<(Day, u32)>,
    /// What its buyer can still spend: balance and credit limit, without what is
    /// reserved. `None` is unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<Money>,
    /// When it last bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sold: Option<Timestamp>,
    /// Leads that its buyer is owed for those that it gave back, less those that are on
    /// their way to it.
    #[serde(default, skip_serializing_if = "is_none_owed")]
    pub owed: u32,
    /// Whether its buyer is left alone because its last answers timed out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breaker_open: bool,
}

impl ContractFacts {
    /// A contract of which nothing is known.
    pub fn none_of(contract: ContractId) -> Self {
        let (available, last_sold) = (None, None);
        Self { contract, counts: Vec::new(), available, last_sold, owed: 0, breaker_open: false }
    }

    /// The leads that count for an opening day.
    pub fn count_on(&self, day: Day) -> u32 {
        self.counts.iter().find(|(counted, _)| *counted == day).map_or(0, |(_, count)| *count)
    }
}

fn is_none_owed(owed: &u32) -> bool {
    *owed == 0
}

/// A buyer that was sent the lead by an earlier run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// Who.
    pub buyer: BuyerId,
    /// The group that it belonged to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// With what end.
    pub how: Had,
}

/// How a buyer came by a lead. Each keeps the buyer from being sent it again; a
/// buyer group is kept from it by the first and the last only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Had {
    /// Bought it.
    Bought,
    /// Was sent it and did not buy.
    Sent,
    /// Was sent it, and whether it bought is not known yet.
    MayHave,
}

impl Had {
    /// Whether the others of its buyer group are kept from the lead.
    pub fn keeps_group_out(self) -> bool {
        matches!(self, Self::Bought | Self::MayHave)
    }
}
