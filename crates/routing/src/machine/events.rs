//! What happens to a run, and what it asks for.

use super::State;
use crate::outcome::{Ending, Reservation};
use crumb_domain::selling::BuyerAnswer;
use crumb_domain::{BuyerId, ContractId, LeadId, Money, Timestamp};
use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The lead is on its way.
    Begin,
    /// What was asked for is reserved, and "about to post" is on stable storage.
    Reserved {
        /// For which contract.
        contract: ContractId,
        /// The lead for which it is a replacement, where that was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<LeadId>,
    },
    /// It could not be reserved; nothing is.
    Refused {
        /// For which contract.
        contract: ContractId,
        /// Because of what.
        why: Refusal,
    },
    /// A ping ended.
    Pinged {
        /// Whose.
        contract: ContractId,
        /// With what.
        answer: BuyerAnswer,
    },
    /// A post ended.
    Posted {
        /// Whose.
        contract: ContractId,
        /// With what.
        answer: BuyerAnswer,
    },
    /// The sale's time is up: nobody is asked any more. The ends of what is under way
    /// are still waited for, since no ping or post is given more time than that.
    DeadlineReached,
}

/// Why nothing was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum Refusal {
    /// The day has its leads.
    CapReached {
        /// So many.
        count: u32,
        /// Of so many.
        cap: u32,
    },
    /// The buyer cannot pay.
    NoCredit {
        /// What it can spend.
        available: Money,
        /// What was asked for.
        price: Money,
    },
    /// The buyer is owed no lead any more: it may have this one for its price.
    NothingOwed,
    /// The buyer was sent the lead before.
    AlreadySent,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// Ask a buyer for a price.
    Ping {
        /// By which contract.
        contract: ContractId,
        /// Whom.
        buyer: BuyerId,
        /// Given up then.
        until: Timestamp,
    },
    /// Reserve cap and credit, and note that the buyer is about to be posted to.
    Reserve(Reservation),
    /// Send a buyer the lead.
    Post {
        /// By which contract.
        contract: ContractId,
        /// Whom.
        buyer: BuyerId,
        /// Given up then.
        until: Timestamp,
        /// What its ping was answered with.
        #[serde(skip_serializing_if = "Option::is_none")]
        session: Option<String>,
    },
    /// The run is over.
    End {
        /// How.
        ending: Ending,
    },
}

/// What to do once something has happened. What cannot happen at this moment — an
/// answer after the end, of a contract that was not asked, a second one — changes
/// nothing.
pub fn step(mut state: State, event: &Event, now: Timestamp) -> (State, Vec<Command>) {
    let commands = state.take(event, now);
    (state, commands)
}
