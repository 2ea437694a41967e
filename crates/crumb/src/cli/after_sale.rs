//! Arguments of the commands for what comes after a sale: returns, and buyers' money.

use clap::{Args, Subcommand, ValueEnum};
use crumb_domain::ledger::{Account, LedgerKind};
use crumb_domain::selling::ReturnState;
use crumb_domain::{BuyerId, ContractId, LeadId, Money};
use serde::{Deserialize, Serialize};

/// `crumb return`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct ReturnArguments {
    /// The lead's id, as the answer to its post gave it
    pub lead: LeadId,
    /// Under which contract it was sold, where it was sold more than once
    #[arg(long, value_name = "ID")]
    pub contract: Option<ContractId>,
    /// Why, in at most 200 characters
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// More of it, in at most 2,000 characters
    #[arg(long, value_name = "TEXT")]
    pub notes: Option<String>,
    /// Give the price back, owe another lead, or have it wait for approval
    #[arg(long = "as", value_enum, value_name = "HOW")]
    pub returned_as: ReturnedAs,
    /// Also after the days within which the contract takes leads back
    #[arg(long)]
    pub force: bool,
    /// Also take the affiliate's payout back: a share of the price, or all once no sale is left
    #[arg(long)]
    pub take_back_payout: bool,
}

/// What is done with a lead that comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnedAs {
    /// The buyer has its price again.
    Credit,
    /// The buyer is owed another lead.
    Replace,
    /// It waits for a person.
    Approval,
}

/// `crumb returns …`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ReturnsTyped {
    /// What to list
    #[command(flatten)]
    pub list: ReturnsArguments,
    /// What to decide
    #[command(subcommand)]
    pub command: Option<ReturnsCommand>,
}

/// `crumb returns`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct ReturnsArguments {
    /// submitted, credited, replaced or refused
    #[arg(long, value_parser = return_state)]
    pub state: Option<ReturnState>,
    /// Of one buyer
    #[arg(long, value_name = "ID")]
    pub buyer: Option<BuyerId>,
}

fn return_state(text: &str) -> Result<ReturnState, String> {
    ReturnState::from_code(text).ok_or_else(|| "expected submitted, credited, replaced or refused".to_owned())
}

/// `crumb returns approve` and `crumb returns refuse`.
#[derive(Debug, Subcommand)]
pub enum ReturnsCommand {
    /// Take a lead back whose return was submitted; as credit also one that a lead is owed for
    Approve {
        /// Which
        #[command(flatten)]
        of: DecisionArguments,
        /// Give the price back, or owe another lead
        #[arg(long = "as", value_enum, value_name = "HOW")]
        decided_as: DecidedAs,
        /// Also take the affiliate's payout back
        #[arg(long)]
        take_back_payout: bool,
    },
    /// Do not take it back
    Refuse {
        /// Which
        #[command(flatten)]
        of: DecisionArguments,
    },
}

/// Which return is decided.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct DecisionArguments {
    /// The lead's id
    pub lead: LeadId,
    /// Under which contract it was sold, where it has more than one return
    #[arg(long, value_name = "ID")]
    pub contract: Option<ContractId>,
}

/// As what a return is approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedAs {
    /// The buyer has its price again.
    Credit,
    /// The buyer is owed another lead.
    Replace,
}

/// `crumb buyer …`.
#[derive(Debug, Subcommand)]
pub enum BuyerCommand {
    /// Print what a buyer has, and may buy for
    Balance {
        /// The buyer's id
        id: BuyerId,
    },
    /// Put money into a buyer's account; leads that wait are tried again
    Credit {
        /// The buyer's id
        id: BuyerId,
        /// How much, like 500.00; below zero it is a correction, which takes it out
        #[arg(allow_negative_numbers = true)]
        amount: Money,
        /// What for, in at most 500 characters
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        /// Done once under this key within 72 hours, however often the command is run
        #[arg(long, value_name = "KEY", value_parser = idempotency_key)]
        idempotency_key: Option<String>,
    },
}

fn idempotency_key(text: &str) -> Result<String, String> {
    let is_key = crumb_intake::is_idempotency_key(text);
    is_key.then(|| text.to_owned()).ok_or_else(|| "expected 1 to 128 visible ASCII characters".to_owned())
}

/// `crumb ledger`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct LedgerArguments {
    /// From or to house, outside, buyer:ID, affiliate:ID or advertiser:ID
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<Account>,
    /// sale, payout, received, return, credit, adjustment, click_payout, click_received,
    /// impression_payout or impression_received
    #[arg(long, value_parser = ledger_kind)]
    pub kind: Option<LedgerKind>,
    /// For one lead
    #[arg(long, value_name = "ID")]
    pub lead: Option<LeadId>,
}

fn ledger_kind(text: &str) -> Result<LedgerKind, String> {
    LedgerKind::from_code(text).ok_or_else(|| {
        let kinds: Vec<&str> = LedgerKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("expected one of {}", kinds.join(", "))
    })
}
