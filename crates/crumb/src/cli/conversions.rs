//! Arguments of `crumb conversions`, `crumb import` and `crumb tail`.

use clap::{Args, Subcommand};
use crumb_domain::conversion::ConversionDisposition;
use crumb_domain::{AffiliateId, CampaignId, EventId, OfferId, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `crumb conversions`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct ConversionsArguments {
    /// approved, pending, rejected, returned or "Over Conversion Cap"
    #[arg(long, value_parser = disposition)]
    pub disposition: Option<ConversionDisposition>,
    /// On this offer
    #[arg(long, value_name = "ID")]
    pub offer: Option<OfferId>,
    /// Of this affiliate
    #[arg(long, value_name = "ID")]
    pub affiliate: Option<AffiliateId>,
    /// Of this campaign
    #[arg(long, value_name = "ID")]
    pub campaign: Option<CampaignId>,
    /// Of this event
    #[arg(long, value_name = "ID")]
    pub event: Option<EventId>,
    /// With this number of the advertiser's
    #[arg(long, value_name = "TEXT")]
    pub transaction_id: Option<String>,
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

/// `crumb import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// The conversions, as CSV: at most 20,000 rows and 16 MiB, all of them or none
    pub file: PathBuf,
    /// Say what is wrong, or how many there are, and bring nothing in
    #[arg(long)]
    pub dry_run: bool,
}

/// `crumb tail …`.
#[derive(Debug, Subcommand)]
pub enum TailCommand {
    /// Print the calls of the conversion pixel and of advertisers' servers as they come
    ///
    /// The last ones first, then each as it is stored; Ctrl-C ends it. It reads the store
    /// itself: a server may run beside it, and need not.
    Pixels(TailPixelsArguments),
}

/// `crumb tail pixels`.
#[derive(Debug, Args)]
pub struct TailPixelsArguments {
    /// Only those on this offer
    #[arg(long, value_name = "ID")]
    pub offer: Option<OfferId>,
    /// How many of the last ones are printed before those that come
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub lines: u32,
    /// Print the API's rows as JSON, one a line
    #[arg(long)]
    pub json: bool,
}

fn disposition(text: &str) -> Result<ConversionDisposition, String> {
    ConversionDisposition::from_code(text)
        .ok_or_else(|| "expected approved, pending, rejected, returned or \"Over Conversion Cap\"".to_owned())
}
