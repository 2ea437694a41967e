//! Arguments of the commands for what is sold: why and to whom, what people decide, what
//! else it could have earned, what to look at, and trying a contract.

use clap::{ArgGroup, Args, Subcommand};
use crumb_domain::lead::LeadStatus;
use crumb_domain::{AffiliateId, BuyerId, ContractId, LeadId, Money, OfferId, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `crumb explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// The lead's id, as the answer to its post gave it
    pub lead: LeadId,
    /// Print the API's JSON, with what was sent and answered
    #[arg(long)]
    pub json: bool,
}

/// `crumb leads`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct LeadsArguments {
    /// sold, unsold, queued, review, scrubbed, test, returned or pending_unknown
    #[arg(long, value_parser = status)]
    pub status: Option<LeadStatus>,
    /// On this offer
    #[arg(long, value_name = "ID")]
    pub offer: Option<OfferId>,
    /// Of this affiliate
    #[arg(long, value_name = "ID")]
    pub affiliate: Option<AffiliateId>,
    /// Bought by this buyer
    #[arg(long, value_name = "ID")]
    pub buyer: Option<BuyerId>,
    /// With this id, request id, e-mail address or phone number
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// At or after this moment, like 2030-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Before this moment
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub limit: u32,
    /// Print the API's rows as JSON
    #[arg(long)]
    pub json: bool,
}

fn status(text: &str) -> Result<LeadStatus, String> {
    LeadStatus::from_code(text).ok_or_else(|| {
        "expected sold, unsold, queued, review, scrubbed, test, returned or pending_unknown".to_owned()
    })
}

/// `crumb lead …`.
#[derive(Debug, Subcommand)]
pub enum LeadCommand {
    /// Print everything that happened to a lead
    Timeline {
        /// The lead's id
        lead: LeadId,
    },
    /// Let a lead through that is held back, or has expired: it is offered for sale
    Accept(LeadArguments),
    /// Take a lead out of the market that is not sold; a payout is taken back
    ThrowOut(LeadArguments),
    /// Offer a lead again, to those that have not bought it
    Resell(LeadArguments),
    /// Say how a post ended whose end is not known
    Settle(SettleArguments),
}

/// A lead, and why something is done with it.
#[derive(Debug, Args)]
pub struct LeadArguments {
    /// The lead's id
    pub lead: LeadId,
    /// Why, for the lead's time line
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// `crumb lead settle`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("end").required(true).args(["sold", "rejected"])))]
pub struct SettleArguments {
    #[command(flatten)]
    pub lead: LeadArguments,
    /// The contract to which it was posted
    #[arg(long, value_name = "ID")]
    pub contract: ContractId,
    /// Its buyer bought the lead [default: at the price that is reserved]
    #[arg(long, value_name = "PRICE", num_args = 0..=1)]
    pub sold: Option<Option<Money>>,
    /// Its buyer did not buy the lead
    #[arg(long)]
    pub rejected: bool,
}

/// `crumb replay`.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// Leads that came from then on: a day in the network's zone, or a moment like
    /// 2030-01-01T00:00:00Z [default: 7 days before --to]
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Leads that came before then [default: now]
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// A network file, .toml or .json, that says what is another way; it is not applied
    #[arg(long, value_name = "FILE")]
    pub network: Option<PathBuf>,
    /// Also without what the file does not mention
    #[arg(long, requires = "network")]
    pub prune: bool,
    /// This lead alone, with each contract of each of its runs
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "to"])]
    pub lead: Option<LeadId>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `crumb alerts`.
#[derive(Debug, Clone, PartialEq, Eq, Args, Serialize, Deserialize)]
pub struct AlertsArguments {
    /// Raised at or after this moment, like 2030-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Raised before this moment
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
    /// About this only: contract_switched_off, buyer_skipped, price_unreadable, …
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,
    /// Of this contract only
    #[arg(long, value_name = "ID")]
    pub contract: Option<ContractId>,
    /// Of this buyer only
    #[arg(long, value_name = "ID")]
    pub buyer: Option<BuyerId>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub limit: u32,
    /// Print the API's rows as JSON
    #[arg(long)]
    pub json: bool,
}

/// `crumb contract …`.
#[derive(Debug, Subcommand)]
pub enum ContractCommand {
    /// Let a contract buy again that the server switched off
    On {
        /// The contract's id
        id: ContractId,
    },
    /// Send its buyer a test lead, and show what was sent and answered
    ///
    /// No sale comes of it, and nothing of it is kept. Fields that are not given have
    /// sample values. Exits 1 where no answer came.
    Test(ContractTestArguments),
}

/// `crumb contract test`.
#[derive(Debug, Args)]
pub struct ContractTestArguments {
    /// The contract's id
    pub id: ContractId,
    /// Send the contract's ping instead of its post
    #[arg(long)]
    pub ping: bool,
    /// A field of the test lead; an empty value leaves it out
    #[arg(long = "field", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub fields: Vec<(String, String)>,
    /// What #session# says, for buyers that want the token of a ping
    #[arg(long, value_name = "TOKEN")]
    pub session: Option<String>,
    /// Print the API's JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) fn name_and_value(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "expected NAME=VALUE".to_owned())
}
