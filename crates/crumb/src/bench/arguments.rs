//! What may be typed after `crumb bench`.

use clap::{Args, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `crumb bench …`.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Clicks a second, each on stable storage before its redirect
    Clicks(ClicksArguments),
    /// Session posts a second, each lead on stable storage before its answer
    Leads(LeadsArguments),
    /// Server postbacks a second, each conversion on stable storage before its answer
    Conversions(ConversionsArguments),
    /// Time from start to readiness with a large network
    Start(StartArguments),
    /// What selling a lead takes beyond what its buyers take, and thousands of calls at once
    Selling(SellingArguments),
    /// A server to compare with
    #[command(hide = true)]
    Rival(RivalArguments),
}

/// What both loads need.
#[derive(Debug, Clone, Args)]
pub struct LoadArguments {
    /// Keep-alive connections, each of which asks as soon as it is answered
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [64, 256], value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: Vec<u32>,
    /// Seconds that each run is measured, after a tenth of that to warm up
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub seconds: u32,
    /// How many times the servers take turns; the middle value is told
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub rounds: u32,
    /// Campaigns of the network, among which the load is spread evenly
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub campaigns: u32,
    /// Kill Crumb in the middle of the load instead of stopping it after it
    #[arg(long)]
    pub kill: bool,
    /// Where the stores are made, and removed afterwards; a real disk
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
}

/// `crumb bench clicks`.
#[derive(Debug, Clone, Args)]
pub struct ClicksArguments {
    #[command(flatten)]
    pub load: LoadArguments,
    /// Two million clicks at Crumb alone: its memory after the first, and the rate of the second
    #[arg(long)]
    pub million: bool,
}

/// `crumb bench leads`.
#[derive(Debug, Clone, Args)]
pub struct LeadsArguments {
    #[command(flatten)]
    pub load: LoadArguments,
    /// Clicks made beforehand, whose request ids the posts carry
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub sessions: u32,
}

/// `crumb bench conversions`.
#[derive(Debug, Clone, Args)]
pub struct ConversionsArguments {
    #[command(flatten)]
    pub load: LoadArguments,
    /// Clicks made beforehand, each of which converts once: as many as there is time for
    #[arg(long, value_name = "N", default_value_t = 400_000, value_parser = clap::value_parser!(u32).range(1..=4_000_000))]
    pub sessions: u32,
    /// With affiliates that are told of each conversion by a postback
    #[arg(long)]
    pub postbacks: bool,
}

/// `crumb bench start`.
#[derive(Debug, Clone, Args)]
pub struct StartArguments {
    /// Campaigns of the network
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub campaigns: u32,
    /// Starts; the middle one is told
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub rounds: u32,
    /// Where the store is made, and removed afterwards; a real disk
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
}

/// `crumb bench selling`.
#[derive(Debug, Clone, Args)]
pub struct SellingArguments {
    /// Leads a second, posted at fixed moments whether or not earlier ones are answered
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,
    /// Seconds that each run is measured, after a tenth of that to warm up
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub seconds: u32,
    /// How many times the servers take turns; the middle value is told
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub rounds: u32,
    /// After how many milliseconds the buyers answer
    #[arg(long, value_name = "MS", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_500))]
    pub buyer_ms: u32,
    /// Calls to buyers that are held at once afterwards; 0 for none
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(0..=4_000))]
    pub in_flight: u32,
    /// Where the stores are made, and removed afterwards; a real disk
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
}

/// `crumb bench rival`.
#[derive(Debug, Clone, Args)]
pub struct RivalArguments {
    /// Which
    #[arg(value_enum)]
    pub kind: RivalKind,
    /// The file that is appended to
    #[arg(long, value_name = "FILE", default_value = "requests.log")]
    pub file: PathBuf,
    /// How long is waited
    #[arg(long, value_name = "MS", default_value_t = 40)]
    pub wait_ms: u32,
    /// Where the buyers are that are called
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8095")]
    pub buyers: SocketAddr,
}

/// A server to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RivalKind {
    /// A constant redirect; nothing is stored.
    Bare,
    /// Each request is in a file, and the file synced, before the redirect.
    Append,
    /// Answers after a time.
    Wait,
    /// Calls buyers as the tree of `bench selling` does.
    Calls,
}
