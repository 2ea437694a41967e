//! The commands that read or change the store, checked and complete: what they
//! need of the caller's files is in them, so that they mean the same whoever
//! carries them out, the process they were typed into or the server.

mod alerts;
mod apply;
pub mod config;
mod contract;
mod conversion_pixel;
mod conversions;
mod deliveries;
mod explain;
mod export;
mod findings;
pub mod import;
mod key;
mod lead;
mod leads;
mod link;
mod money;
mod pages;
mod pixel;
mod plan;
pub mod ports;
mod posting_doc;
pub mod replay;
mod returns;
mod revert;
pub mod serve;
mod sign_postback;
pub mod tail;
pub mod terminal;
pub mod test_post;
mod versions;

pub use apply::{MAX_NETWORK_FILE_BYTES, NetworkFile};
pub use lead::LeadAction;

use crate::cli::{
    AlertsArguments, BuyerCommand, ContractCommand, ConversionPixelArguments, ConversionsArguments,
    DecidedAs, DecisionArguments, DeliveriesCommand, DeliveryArguments, DeliveryFilterArguments, Format,
    KeyCommand, LeadCommand, LeadsArguments, LedgerArguments, LinkArguments, PostingDocArguments,
    ReturnArguments, ReturnsArguments, ReturnsCommand, SignPostbackArguments, Typed,
};
use crate::no_store::NoStore;
use anyhow::{Context as _, bail};
use crumb_domain::lead::Lead;
use crumb_domain::{BuyerId, ConfigVersion, ContractId, LeadId, Money};
use crumb_intake::selling::{Selling, contract_faults};
use crumb_network::{LiveNetwork, Snapshot};
use crumb_storage::Store;
use crumb_tracking::Installation;
use serde::{Deserialize, Serialize};

/// Who does what a command does, in what is kept of it: whoever may use the data directory.
const BY: &str = "the command line";

/// A command, as it is carried out and as it is handed over.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// `crumb plan`.
    Plan {
        /// What is to be.
        file: NetworkFile,
        /// `--prune`.
        prune: bool,
        /// `--secrets`.
        secrets: bool,
    },
    /// `crumb apply`.
    Apply {
        /// What is to be.
        file: NetworkFile,
        /// `--prune`.
        prune: bool,
    },
    /// `crumb export`.
    Export {
        /// `--format`.
        format: Format,
        /// `--secrets`.
        secrets: bool,
    },
    /// `crumb versions`.
    Versions,
    /// `crumb revert`.
    Revert {
        /// To which.
        version: ConfigVersion,
    },
    /// `crumb key create`.
    KeyCreate {
        /// `--role`.
        role: String,
        /// `--name`.
        name: String,
    },
    /// `crumb key list`.
    KeyList,
    /// `crumb key revoke`.
    KeyRevoke {
        /// Which.
        name: String,
    },
    /// `crumb link`.
    Link(LinkArguments),
    /// `crumb pixel`.
    Pixel(LinkArguments),
    /// `crumb conversion-pixel`.
    ConversionPixel(ConversionPixelArguments),
    /// `crumb sign-postback`.
    SignPostback(SignPostbackArguments),
    /// `crumb posting-doc`.
    PostingDoc(PostingDocArguments),
    /// `crumb contract on`.
    ContractOn {
        /// Which.
        id: ContractId,
    },
    /// `crumb contract test`.
    ContractTest(test_post::Arguments),
    /// `crumb explain`.
    Explain {
        /// Which lead.
        lead: LeadId,
        /// `--json`.
        json: bool,
    },
    /// `crumb leads`.
    Leads(LeadsArguments),
    /// `crumb lead timeline`.
    LeadTimeline {
        /// Which.
        lead: LeadId,
    },
    /// `crumb lead accept`, `throw-out`, `resell` and `settle`.
    Lead {
        /// Which.
        lead: LeadId,
        /// What is done with it.
        action: LeadAction,
        /// `--note`.
        note: Option<String>,
    },
    /// `crumb held`.
    Held,
    /// `crumb alerts`.
    Alerts(AlertsArguments),
    /// `crumb conversions`.
    Conversions(ConversionsArguments),
    /// `crumb import`, of a file whose rows were checked.
    ImportConversions(Vec<import::Numbered>),
    /// `crumb deliveries`.
    Deliveries(DeliveryArguments),
    /// `crumb deliveries replay`.
    ReplayDeliveries(DeliveryFilterArguments),
    /// `crumb return`.
    Return(ReturnArguments),
    /// `crumb returns approve`, `crumb returns refuse`.
    DecideReturn {
        /// Which.
        of: DecisionArguments,
        /// As what it is approved, and whether the payout is taken back; none = refused.
        approved: Option<(DecidedAs, bool)>,
    },
    /// `crumb returns`.
    Returns(ReturnsArguments),
    /// `crumb buyer balance`.
    BuyerBalance {
        /// Whose.
        id: BuyerId,
    },
    /// `crumb buyer credit`.
    BuyerCredit {
        /// Whose.
        id: BuyerId,
        /// How much; below zero it is taken out.
        amount: Money,
        /// `--note`.
        note: Option<String>,
        /// `--idempotency-key`.
        idempotency_key: Option<String>,
    },
    /// `crumb ledger`.
    Ledger(LedgerArguments),
    /// The part of `crumb config check` that looks into the store.
    Check {
        /// What the network may count on.
        means: config::Means,
    },
}

/// What a command has to say, and how it ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// For standard output.
    pub stdout: String,
    /// For standard error.
    pub stderr: String,
    /// The exit code.
    pub exit: u8,
}

/// What each command gives: a reply, or why it was not carried out.
pub type Result = anyhow::Result<Reply>;

impl Reply {
    /// Done; this is what was asked for.
    pub fn printed(stdout: String) -> Self {
        Self { stdout, ..Self::default() }
    }

    /// Done; this is for people to read.
    pub fn said(stderr: String) -> Self {
        Self { stderr, ..Self::default() }
    }

    /// Not done, and why.
    pub fn failed(reason: &str) -> Self {
        Self { stderr: format!("{reason}\n"), exit: 1, ..Self::default() }
    }
}

/// What commands work on.
pub struct Context<'i, S> {
    /// Store, network, clock and keys.
    pub installation: &'i Installation<S>,
    /// What sells leads.
    pub selling: &'i Selling<S>,
    /// The tracking listener's own address, as the base of links.
    pub listener_url: &'i str,
}

impl<S> Context<'_, S> {
    /// The base of generated links.
    pub fn base_url(&self, snapshot: &Snapshot) -> String {
        snapshot.settings().tracking_url.clone().unwrap_or_else(|| self.listener_url.to_owned())
    }
}

/// The lead that a command names.
async fn find_lead<S: Store>(store: &S, id: LeadId) -> anyhow::Result<Lead> {
    store.lead(id).await?.with_context(|| format!("no lead {id}"))
}

impl Command {
    /// The command that was typed, with the files that it names read; `None` for
    /// those that are carried out otherwise.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn of(typed: &Typed) -> anyhow::Result<Option<Self>> {
        Ok(Some(match typed {
            Typed::Serve(_)
            | Typed::Demo(_)
            | Typed::Config(_)
            | Typed::Bench(_)
            | Typed::MockBuyer(_)
            | Typed::Replay(_)
            | Typed::Import(_)
            | Typed::Tail(_) => return Ok(None),
            Typed::Leads(arguments) => Self::Leads(arguments.clone()),
            Typed::Conversions(arguments) => Self::Conversions(arguments.clone()),
            Typed::Plan(plan) => {
                Self::Plan { file: NetworkFile::read(&plan.file)?, prune: plan.prune, secrets: plan.secrets }
            }
            Typed::Apply(apply) => Self::Apply { file: NetworkFile::read(&apply.file)?, prune: apply.prune },
            Typed::Export(export) => Self::Export { format: export.format, secrets: export.secrets },
            Typed::Versions(_) => Self::Versions,
            Typed::Revert { version } => Self::Revert { version: ConfigVersion(*version) },
            Typed::Key(KeyCommand::Create { role, name }) => {
                Self::KeyCreate { role: role.clone(), name: name.clone() }
            }
            Typed::Key(KeyCommand::List) => Self::KeyList,
            Typed::Key(KeyCommand::Revoke { name }) => Self::KeyRevoke { name: name.clone() },
            Typed::Link(link) => Self::Link(link.clone()),
            Typed::Pixel(link) => Self::Pixel(link.clone()),
            Typed::ConversionPixel(arguments) => Self::ConversionPixel(arguments.clone()),
            Typed::SignPostback(arguments) => Self::SignPostback(arguments.clone()),
            Typed::PostingDoc(arguments) => Self::PostingDoc(arguments.clone()),
            Typed::Alerts(arguments) => Self::Alerts(arguments.clone()),
            Typed::Deliveries(asked) => match &asked.command {
                None => Self::Deliveries(asked.list.clone()),
                Some(DeliveriesCommand::Replay(which)) => Self::ReplayDeliveries(which.clone()),
            },
            Typed::Explain(explain) => Self::Explain { lead: explain.lead, json: explain.json },
            Typed::Lead(command) => Self::of_lead(command),
            Typed::Held => Self::Held,
            Typed::Contract(ContractCommand::On { id }) => Self::ContractOn { id: *id },
            Typed::Contract(ContractCommand::Test(test)) => Self::ContractTest(test_post::Arguments {
                id: test.id,
                ping: test.ping,
                fields: test.fields.clone(),
                session: test.session.clone(),
                json: test.json,
            }),
            Typed::Return(asked) => Self::Return(asked.clone()),
            Typed::Returns(asked) => match &asked.command {
                None => Self::Returns(asked.list.clone()),
                Some(ReturnsCommand::Approve { of, decided_as, take_back_payout }) => {
                    let approved = Some((*decided_as, *take_back_payout));
                    Self::DecideReturn { of: of.clone(), approved }
                }
                Some(ReturnsCommand::Refuse { of }) => Self::DecideReturn { of: of.clone(), approved: None },
            },
            Typed::Buyer(BuyerCommand::Balance { id }) => Self::BuyerBalance { id: *id },
            Typed::Buyer(BuyerCommand::Credit { id, amount, note, idempotency_key }) => Self::BuyerCredit {
                id: *id,
                amount: *amount,
                note: note.clone(),
                idempotency_key: idempotency_key.clone(),
            },
            Typed::Ledger(asked) => Self::Ledger(asked.clone()),
        }))
    }

    /// What becomes of it where there is no store.
    pub fn without_a_store(&self) -> WithoutAStore {
        match self {
            Self::Plan { .. } => WithoutAStore::NotMissed,
            Self::Apply { .. } | Self::KeyCreate { .. } | Self::Check { .. } => WithoutAStore::Made,
            Self::Export { .. }
            | Self::Versions
            | Self::KeyList
            | Self::Revert { .. }
            | Self::KeyRevoke { .. }
            | Self::Link(_)
            | Self::Pixel(_)
            | Self::ConversionPixel(_)
            | Self::SignPostback(_)
            | Self::PostingDoc(_)
            | Self::ContractOn { .. }
            | Self::ContractTest(_)
            | Self::Explain { .. }
            | Self::Leads(_)
            | Self::LeadTimeline { .. }
            | Self::Lead { .. }
            | Self::Held
            | Self::Alerts(_)
            | Self::Conversions(_)
            | Self::ImportConversions(_)
            | Self::Deliveries(_)
            | Self::ReplayDeliveries(_)
            | Self::Return(_)
            | Self::DecideReturn { .. }
            | Self::Returns(_)
            | Self::BuyerBalance { .. }
            | Self::BuyerCredit { .. }
            | Self::Ledger(_) => WithoutAStore::Missed,
        }
    }

    fn of_lead(typed: &LeadCommand) -> Self {
        let (of, action) = match typed {
            LeadCommand::Timeline { lead } => return Self::LeadTimeline { lead: *lead },
            LeadCommand::Accept(of) => (of, LeadAction::Accept),
            LeadCommand::ThrowOut(of) => (of, LeadAction::ThrowOut),
            LeadCommand::Resell(of) => (of, LeadAction::Resell),
            LeadCommand::Settle(settle) => {
                let (sold, price) = (settle.sold.is_some(), settle.sold.flatten());
                (&settle.lead, LeadAction::Settle { contract: settle.contract, sold, price })
            }
        };
        Self::Lead { lead: of.lead, action, note: of.note.clone() }
    }
}

/// What becomes of a command where there is no store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutAStore {
    /// It makes one.
    Made,
    /// It says what it has to say, and makes none.
    NotMissed,
    /// It is about what was there before, and is refused: whoever looks into a directory
    /// without a store is in the wrong place.
    Missed,
}

/// Carries a command out that misses no store.
pub async fn beside_no_store(command: Command) -> Result {
    let network = LiveNetwork::load(NoStore).await?.checking_contracts(contract_faults);
    match command {
        Command::Plan { file, prune, secrets } => plan::plan(&network, &file, prune, secrets).await,
        _ => bail!("this needs a store"),
    }
}

/// Carries a command out.
pub async fn execute<S: Store + Clone>(command: Command, context: &Context<'_, S>) -> Reply {
    let done = match command {
        Command::Plan { file, prune, secrets } => {
            plan::plan(&context.installation.network, &file, prune, secrets).await
        }
        Command::Apply { file, prune } => apply::apply(context, &file, prune).await,
        Command::Export { format, secrets } => export::export(context, format, secrets).await,
        Command::Versions => versions::versions(context).await,
        Command::Revert { version } => revert::revert(context, version).await,
        Command::KeyCreate { role, name } => key::create(context, &role, name).await,
        Command::KeyList => key::list(context).await,
        Command::KeyRevoke { name } => key::revoke(context, name).await,
        Command::Link(arguments) => link::link(context, &arguments),
        Command::Pixel(arguments) => pixel::pixel(context, &arguments),
        Command::ConversionPixel(arguments) => conversion_pixel::conversion_pixel(context, &arguments),
        Command::SignPostback(arguments) => sign_postback::sign_postback(context, &arguments),
        Command::PostingDoc(arguments) => posting_doc::posting_doc(context, &arguments).await,
        Command::ContractOn { id } => contract::on(context, id).await,
        Command::ContractTest(arguments) => test_post::test(context, arguments).await,
        Command::Explain { lead, json } => explain::explain(context, lead, json).await,
        Command::Leads(asked) => leads::list(context, asked).await,
        Command::LeadTimeline { lead } => lead::timeline(context, lead).await,
        Command::Lead { lead, action, note } => lead::act(context, lead, action, note).await,
        Command::Held => lead::held(context).await,
        Command::Alerts(arguments) => alerts::alerts(context, &arguments).await,
        Command::Conversions(asked) => conversions::list(context, asked).await,
        Command::ImportConversions(rows) => import::import(context, &rows).await,
        Command::Deliveries(asked) => deliveries::list(context, asked).await,
        Command::ReplayDeliveries(which) => deliveries::replay(context, which).await,
        Command::Return(asked) => returns::give_back(context, asked).await,
        Command::DecideReturn { of, approved } => returns::decide(context, of, approved).await,
        Command::Returns(asked) => returns::list(context, asked).await,
        Command::BuyerBalance { id } => money::balance(context, id).await,
        Command::BuyerCredit { id, amount, note, idempotency_key } => {
            money::credit(context, id, amount, note, idempotency_key).await
        }
        Command::Ledger(asked) => money::ledger(context, asked).await,
        Command::Check { means } => config::check_network(context, means).await,
    };
    done.unwrap_or_else(|error| Reply::failed(&format!("{error:#}")))
}
