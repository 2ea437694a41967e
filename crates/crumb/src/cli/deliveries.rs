//! Arguments of `crumb deliveries`.

use clap::{Args, Subcommand};
use crumb_domain::delivery::{DeliveryKind, DeliveryState};
use crumb_domain::{AffiliateId, CampaignId, LeadId, OfferId, Timestamp};
use serde::{Deserialize, Serialize};

/// `crumb deliveries …`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DeliveriesTyped {
    /// What to list
    #[command(flatten)]
    pub list: DeliveryArguments,
    /// What to do
    #[command(subcommand)]
    pub command: Option<DeliveriesCommand>,
}

/// `crumb deliveries`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct DeliveryArguments {
    /// Which
    #[command(flatten)]
    pub which: DeliveryFilterArguments,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub limit: u32,
    /// Print the API's rows as JSON
    #[arg(long)]
    pub json: bool,
}

/// What is done with deliveries.
#[derive(Debug, Subcommand)]
pub enum DeliveriesCommand {
    /// Send delivered and parked ones again, under their ids
    ///
    /// What waits goes on waiting. Prints how many they were.
    Replay(DeliveryFilterArguments),
}

/// Which deliveries.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct DeliveryFilterArguments {
    /// waiting, delivered or parked
    #[arg(long, value_parser = state)]
    pub state: Option<DeliveryState>,
    /// postback, webhook or mail
    #[arg(long, value_parser = kind)]
    pub kind: Option<DeliveryKind>,
    /// To this destination, like campaign:57
    #[arg(long, value_name = "TO")]
    pub destination: Option<String>,
    /// Of this affiliate
    #[arg(long, value_name = "ID")]
    pub affiliate: Option<AffiliateId>,
    /// Of this campaign
    #[arg(long, value_name = "ID")]
    pub campaign: Option<CampaignId>,
    /// About this offer
    #[arg(long, value_name = "ID")]
    pub offer: Option<OfferId>,
    /// About this lead
    #[arg(long, value_name = "ID")]
    pub lead: Option<LeadId>,
    /// Made at or after this moment, like 2030-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Made before this moment
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
}

fn state(text: &str) -> Result<DeliveryState, String> {
    DeliveryState::from_code(text).ok_or_else(|| "expected waiting, delivered or parked".to_owned())
}

fn kind(text: &str) -> Result<DeliveryKind, String> {
    DeliveryKind::from_code(text).ok_or_else(|| "expected postback, webhook or mail".to_owned())
}
