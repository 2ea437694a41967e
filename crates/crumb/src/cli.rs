//! What may be typed: the commands and their arguments, before they are checked
//! against anything.

mod after_sale;
mod conversions;
mod deliveries;
mod selling;

pub use after_sale::{
    BuyerCommand, DecidedAs, DecisionArguments, LedgerArguments, ReturnArguments, ReturnedAs,
    ReturnsArguments, ReturnsCommand, ReturnsTyped,
};
pub use conversions::{ConversionsArguments, ImportArguments, TailCommand, TailPixelsArguments};
pub use deliveries::{DeliveriesCommand, DeliveriesTyped, DeliveryArguments, DeliveryFilterArguments};
pub use selling::{
    AlertsArguments, ContractCommand, ExplainArguments, LeadCommand, LeadsArguments, ReplayArguments,
};

use crate::bench::BenchCommand;
use crate::config::Flags;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use crumb_domain::{AffiliateId, CampaignId, CreativeId, MediaTypeId, OfferContractId, OfferId, VerticalId};
use crumb_server::posting_doc::Kind;
use crumb_wire::posting_doc::Method;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Tracks a visitor from a click to a lead to a sale, and says who is owed what.
#[derive(Debug, Parser)]
#[command(
    name = "crumb",
    version,
    disable_help_subcommand = true,
    after_help = "A command works on the data directory itself, or through the server that owns it.\n\
                  Exit codes: 0 done; 1 not done, with the reasons on standard error; 2 `plan` found changes."
)]
pub struct Cli {
    #[command(flatten)]
    everywhere: Everywhere,
    /// What to do.
    #[command(subcommand)]
    pub command: Typed,
}

/// Where a command's help lists what all commands take: behind its own.
const BEHIND: usize = 900;

#[derive(Debug, Args)]
struct Everywhere {
    /// Data directory of the embedded store [default: ./data, the demo's: ./data/demo]
    #[arg(long, global = true, value_name = "DIR", display_order = BEHIND)]
    data: Option<String>,
    /// Database instead of a data directory: sqlite:PATH
    #[arg(long, global = true, value_name = "URL", conflicts_with = "data", display_order = BEHIND + 1)]
    database: Option<String>,
    /// The server's own settings [default: ./crumb.toml if there]
    #[arg(long, global = true, value_name = "FILE", display_order = BEHIND + 2)]
    config: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Typed {
    /// Run the server until SIGTERM or SIGINT
    Serve(ServeArguments),
    /// Run a small network with an advertiser's site, to watch in a browser
    ///
    /// Its data is apart from any other where --data names no directory. Ctrl-C
    /// stops it.
    Demo(DemoArguments),
    /// Show what a network file would change, and change nothing
    ///
    /// Exits 2 if something would change, 0 if nothing would, 1 if the file is faulty.
    Plan(PlanArguments),
    /// Make the network as a file says, in one transaction
    ///
    /// Prints the configuration's version on standard output, and what changed on
    /// standard error. What the file does not mention stays, unless --prune.
    Apply(ApplyArguments),
    /// Print the network as a network file
    Export(ExportArguments),
    /// List the configuration's versions, newest first
    Versions(VersionsArguments),
    /// Make an earlier version the present one again, as a new version
    ///
    /// What the server made itself stays. Prints the new version on standard output.
    Revert {
        /// The version to go back to, as `crumb versions` lists it
        version: i64,
    },
    /// Make, list and revoke keys of the API
    #[command(subcommand)]
    Key(KeyCommand),
    /// Print an affiliate's tracking link
    Link(LinkArguments),
    /// Print the pixel code of a page that visitors may reach without a link
    Pixel(LinkArguments),
    /// Print an offer's conversion pixels, in their four forms
    ConversionPixel(ConversionPixelArguments),
    /// Print the signed address of a conversion postback, to try or report one by hand
    SignPostback(SignPostbackArguments),
    /// Print the posting document of a campaign, offer or vertical, or that on pixels
    PostingDoc(PostingDocArguments),
    /// Say who bought a lead, and why the others did not
    ///
    /// Prints each contract of the lead's vertical with its result, and what its buyer
    /// was asked and sent: the latest run first, the earlier ones behind it.
    Explain(ExplainArguments),
    /// List leads and where they stand, newest first
    ///
    /// Those that wait for a person have the status review, those that wait for a buyer
    /// queued, and those that were thrown out or have expired scrubbed.
    Leads(LeadsArguments),
    /// See what happened to a lead, and decide what becomes of it
    #[command(subcommand)]
    Lead(LeadCommand),
    /// List posts whose end is not known: their buyers may have the leads
    Held,
    /// Decide recorded leads again, and say what they earned then and earn now
    ///
    /// Without --network each lead is decided by the very network that decided it then,
    /// which must come to the same: each difference is told, and the exit code is 1. With
    /// --network it is also decided by the present network with that file laid over it, as
    /// `apply` would: prices, caps, order, filters, schedules, distribution, payouts.
    ///
    /// Buyers answer as they did. One that no run of the lead asked is taken to accept, a
    /// ping at its row's price, a post at the reserved price; how much rests on that is
    /// told. Leads are taken in the order in which they were offered, and each sees the caps
    /// and credit that those before it left.
    ///
    /// A lead counts once, however many runs it has: they follow each other until one sells
    /// it, and a lead that its last recorded run leaves unsold is unsold. What a lead earned
    /// then is as it stands at present, later settlements and returns included. Tests count
    /// nowhere, nor do leads that were never offered. Nobody is asked and nothing is
    /// written: a server may run beside it.
    Replay(ReplayArguments),
    /// List what a person should look at, newest first
    ///
    /// Contracts that were switched off, buyers that time out, prices and redirects that
    /// cannot be used, undercut margins, exceeded credit. Those of a minute about the
    /// same are one line; they are kept for 90 days.
    Alerts(AlertsArguments),
    /// List conversions and where they stand, newest first
    Conversions(ConversionsArguments),
    /// Bring conversions in from a CSV file, or change some: all of them or none
    ///
    /// The first line names the columns: request_id, event, at, transaction_id, payout,
    /// received, disposition, note, effective_date; and id in place of request_id for a
    /// conversion that is there. What is not said of a new one is as its offer says it. What
    /// is wrong is told of all lines at once, and then nothing is brought in; what depends on
    /// something wrong (an event on a request id that is not known) once that is right.
    Import(ImportArguments),
    /// Print what comes as it comes
    #[command(subcommand)]
    Tail(TailCommand),
    /// List postbacks, webhooks and mails and what became of them, or send some again
    Deliveries(DeliveriesTyped),
    /// Send a contract's buyer a test lead, or let a contract buy again
    #[command(subcommand)]
    Contract(ContractCommand),
    /// Take a lead back that a buyer returns
    Return(ReturnArguments),
    /// List returns, and decide those that wait for it
    Returns(ReturnsTyped),
    /// Show what a buyer has, and take its payments
    #[command(subcommand)]
    Buyer(BuyerCommand),
    /// List the movements of money, oldest first
    Ledger(LedgerArguments),
    /// Show and check the server's own settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Measure this program on this machine, beside servers that do less
    ///
    /// Each server runs afresh, in turns, as a process of its own. Whatever Crumb
    /// acknowledged is looked up in its store afterwards; where something is
    /// missing the run fails.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Play buyers, to try a ping tree against
    ///
    /// Prints who they are and contracts for a network file, then a line for each
    /// request. Some answer; others are slow, endless, or break off. Ctrl-C stops them.
    MockBuyer(MockBuyerArguments),
}

/// `crumb serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Address of the tracking listener [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Address of health, metrics and the API [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR")]
    pub admin_listen: Option<String>,
    /// Network file to apply at the start
    #[arg(long, value_name = "FILE")]
    pub network: Option<PathBuf>,
}

/// `crumb demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Address of the tracking listener [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Address of health, metrics and the API [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR")]
    pub admin_listen: Option<String>,
    /// Address of the advertiser's site, and of the page that shows what arrives
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    pub landing_listen: SocketAddr,
    /// Address of the buyers, which are played
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8095")]
    pub buyers_listen: SocketAddr,
}

/// `crumb mock-buyer`.
#[derive(Debug, Args)]
pub struct MockBuyerArguments {
    /// Address of the buyers
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8095")]
    pub listen: SocketAddr,
    /// Show what is sent too: it may be people's data
    #[arg(long)]
    pub content: bool,
}

/// `crumb plan`.
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// The network file, .toml or .json
    pub file: PathBuf,
    /// Also remove what the file does not mention, save what the server itself made
    ///
    /// What has clicks, leads, sales or payments is made inactive instead.
    #[arg(long)]
    pub prune: bool,
    /// Show keys and credentials instead of masking them
    #[arg(long)]
    pub secrets: bool,
}

/// `crumb apply`.
#[derive(Debug, Args)]
pub struct ApplyArguments {
    /// The network file, .toml or .json
    pub file: PathBuf,
    /// Also remove what the file does not mention, save what the server itself made
    ///
    /// What has clicks, leads, sales or payments is made inactive instead.
    #[arg(long)]
    pub prune: bool,
}

/// `crumb export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// The form
    #[arg(long, value_enum, default_value_t = Format::Toml)]
    pub format: Format,
    /// Write keys and credentials instead of masking them
    #[arg(long)]
    pub secrets: bool,
}

/// A form of the network file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// TOML.
    Toml,
    /// JSON.
    Json,
}

/// `crumb versions`.
#[derive(Debug, Args)]
pub struct VersionsArguments {
    /// Accepted as `plan` and `export` do; a version's line never holds a secret
    #[arg(long)]
    pub secrets: bool,
}

/// `crumb key …`.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key and print it; it is shown this once only
    Create {
        /// admin, manager, reader, affiliate:ID or buyer:ID
        #[arg(long)]
        role: String,
        /// What to call it; unique among keys that are not revoked
        #[arg(long)]
        name: String,
    },
    /// List the keys' names and roles, never the keys
    List,
    /// End a key
    Revoke {
        /// The key's name
        name: String,
    },
}

/// `crumb link` and `crumb pixel`.
#[derive(Debug, Clone, PartialEq, Eq, Args, Serialize, Deserialize)]
#[command(group(ArgGroup::new("target").required(true).args(["creative", "offer"])))]
pub struct LinkArguments {
    /// The affiliate's id; -1 makes a test link
    #[arg(long, value_name = "ID", value_parser = affiliate, allow_negative_numbers = true)]
    pub affiliate: AffiliateId,
    /// The creative's id
    #[arg(long, value_name = "ID")]
    pub creative: Option<CreativeId>,
    /// The offer's id instead, where it has one creative that can be used
    #[arg(long, value_name = "ID")]
    pub offer: Option<OfferId>,
    /// Sub-affiliate
    #[arg(long, value_name = "TEXT")]
    pub s1: Option<String>,
    /// Free sub id
    #[arg(long, value_name = "TEXT")]
    pub s2: Option<String>,
    /// Free sub id
    #[arg(long, value_name = "TEXT")]
    pub s3: Option<String>,
    /// Free sub id
    #[arg(long, value_name = "TEXT")]
    pub s4: Option<String>,
    /// Free sub id
    #[arg(long, value_name = "TEXT")]
    pub s5: Option<String>,
    /// Which of the affiliate's campaigns: c CPC, m CPM, f fixed, r RevShare
    #[arg(short = 'p', long, value_name = "LETTER", value_parser = ["c", "m", "f", "r"])]
    pub price_format: Option<String>,
    /// Offer contract, where the offer has more than one
    #[arg(long, value_name = "ID")]
    pub offer_contract: Option<OfferContractId>,
    /// Media type, recorded only
    #[arg(short = 'm', long, value_name = "ID")]
    pub media_type: Option<MediaTypeId>,
}

fn affiliate(text: &str) -> Result<AffiliateId, String> {
    if text == "-1" {
        return Ok(AffiliateId::TEST);
    }
    text.parse().map_err(|error: crumb_domain::id::InvalidId| error.to_string())
}

/// `crumb posting-doc`.
#[derive(Debug, Clone, PartialEq, Eq, Args, Serialize, Deserialize)]
#[command(group(ArgGroup::new("subject").required(true).args(["campaign", "offer", "vertical", "revoke"])))]
pub struct PostingDocArguments {
    /// For one campaign, its key included
    #[arg(long, value_name = "ID")]
    pub campaign: Option<CampaignId>,
    /// For any affiliate of an offer
    #[arg(long, value_name = "ID")]
    pub offer: Option<OfferId>,
    /// The fields of a vertical
    #[arg(long, value_name = "ID")]
    pub vertical: Option<VerticalId>,
    /// What it tells: how leads are posted, or conversion pixels, direct linking and impressions;
    /// third-party offers take no leads
    #[arg(long, value_enum, default_value_t = TypedKind::Leads)]
    pub kind: TypedKind,
    /// The way of posting it opens with: server, server_json, xml, browser_http, browser_ajax, session or session_json
    #[arg(long, value_name = "NAME")]
    pub method: Option<Method>,
    /// In which form: a page to print, or plain text for a terminal
    #[arg(long, value_enum, default_value_t = DocumentForm::Html)]
    pub format: DocumentForm,
    /// Print a signed address of the document instead, for 30 days
    #[arg(long)]
    pub share: bool,
    /// End a share: from now on its address is not found
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["method", "share"])]
    pub revoke: Option<String>,
}

/// What a posting document tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypedKind {
    /// How leads are posted.
    Leads,
    /// Conversion pixels, direct linking, impressions.
    Pixels,
}

impl From<TypedKind> for Kind {
    fn from(typed: TypedKind) -> Self {
        match typed {
            TypedKind::Leads => Self::Leads,
            TypedKind::Pixels => Self::Pixels,
        }
    }
}

/// `crumb conversion-pixel`.
#[derive(Debug, Clone, PartialEq, Eq, Args, Serialize, Deserialize)]
pub struct ConversionPixelArguments {
    /// Of which offer
    #[arg(long, value_name = "ID")]
    pub offer: OfferId,
    /// Of one of its events, by id or short name, instead of all
    #[arg(long, value_name = "EVENT")]
    pub event: Option<String>,
    /// The one for all offers of the offer's advertiser instead
    #[arg(long, conflicts_with = "event")]
    pub global: bool,
}

/// `crumb sign-postback`.
#[derive(Debug, Clone, PartialEq, Eq, Args, Serialize, Deserialize)]
pub struct SignPostbackArguments {
    /// Of which offer, whose postback_secret signs
    #[arg(long, value_name = "ID")]
    pub offer: OfferId,
    /// What the call says: r=REQUEST_ID t=ORDER-1 p=12.50; f=pb, o and ts (now) are added
    #[arg(value_name = "NAME=VALUE", value_parser = selling::name_and_value)]
    pub parameters: Vec<(String, String)>,
}

/// In which form a posting document is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentForm {
    /// A page that stands alone.
    Html,
    /// Markdown.
    Text,
}

/// `crumb config …`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the documented defaults
    Default,
    /// Say what is wrong with the settings, and what to know about the network
    Check,
}

impl Cli {
    /// What was said about settings.
    pub fn flags(&self) -> Flags {
        let (listen, admin_listen) = match &self.command {
            Typed::Serve(serve) => (serve.listen.clone(), serve.admin_listen.clone()),
            Typed::Demo(demo) => (demo.listen.clone(), demo.admin_listen.clone()),
            _ => (None, None),
        };
        Flags {
            config: self.everywhere.config.clone(),
            data: self.everywhere.data.clone(),
            database: self.everywhere.database.clone(),
            listen,
            admin_listen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_of_the_commands_agree_with_each_other() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn the_list_of_the_commands_tells_each_in_one_sentence() {
        use clap::CommandFactory as _;
        for command in Cli::command().get_subcommands() {
            let told = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(!told.is_empty() && !told.contains(". "), "{}: {told}", command.get_name());
        }
    }
}
