//! Selling a lead: reservations, sales, the record of each run, and what comes after.
//!
//! A lead that is offered for sale goes this way, each step one transaction:
//!
//! 1. [`LeadStore::accept_lead`](crate::LeadStore::accept_lead) with an
//!    [`Offering`](crate::leads::Offering): the lead stands, and is *in hand* (within a
//!    request) or *waits* (in the queue).
//! 2. [`SellingStore::begin_run`] takes a waiting lead in hand, so that nobody else
//!    does, and reads what routing must know.
//! 3. [`SellingStore::reserve`], before each post: cap and credit are taken, and that
//!    the lead is about to be sent is written down, before its first byte is.
//! 4. [`SellingStore::settle`]: the lead is out of hand. Sales are confirmed, the rest
//!    is released, the run is recorded, the lead stands as it stands, and its post is
//!    answered.
//!
//! What comes later (an unknown end that becomes known, a person's decision, a return)
//! is [`SellingStore::act`], which leaves leads alone that are in hand.
//!
//! A crash between two steps leaves a lead in hand. [`SellingStore::recover`], at the
//! start, ends that by what was written: a reservation without an end may have been
//! sent and is *held*; without one nothing was sent. [`SellingStore::break_off`] does the
//! same to one lead whose run broke off while the server lives.
//!
//! Leads are named by their rows: whoever sells one has read it.
//!
//! # Money
//!
//! A reservation that is told to be [sold](ReservationEnd::Sold) is a sale at once, in
//! whichever write tells it: there the price leaves the buyer's account, as an entry of
//! the ledger that the store makes itself. So each sale has one entry, also if a crash
//! comes between its post and the run's end; callers append payouts, returns and
//! adjustments, never sales. A buyer's balance is always the sum of its entries.
//!
//! A lead that a buyer is owed for one that it gave back is reserved as caps and credit
//! are: with the reservation it is on its way, a sale delivers it (its entry of the ledger
//! is of 0.00, and the lead that was given back says so in its time line), and any other
//! end but a held one leaves it owed.

mod quote;
mod recovery;

pub use quote::{QUOTE_KEPT_HOURS, Quote, QuoteFound};
pub use recovery::{Aside, Ending, HoldFn, RecordFn, Recovered, Recovery, Unsent};

use crate::after_sale::{BuyerStatus, LeadReturn};
use crate::conversions::TakeOver;
use crate::leads::DuplicateKey;
use crate::outbox::{CapTold, NewDelivery};
use crate::{Page, PageRequest, Result};
use crumb_domain::caps::{CapCheck, DayCount};
use crumb_domain::lead::Lead;
use crumb_domain::ledger::{Account, LedgerEntry};
use crumb_domain::network::{SaleType, UnknownRule};
use crumb_domain::post::StoredAnswer;
use crumb_domain::selling::{Alert, Attempt, ContractResult};
use crumb_domain::time::Day;
use crumb_domain::{
    BuyerId, CampaignId, ConfigVersion, ContractId, LeadId, Money, RowId, Timestamp, VerticalId,
};
use std::collections::HashMap;

/// What routing must know of contracts and buyers beside the network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SellingFacts {
    /// Leads reserved or sold by contract and opening day, where there are any.
    pub counts: HashMap<(ContractId, Day), u32>,
    /// Balances less what is reserved, of buyers that have an account.
    pub balances: HashMap<BuyerId, Money>,
    /// Leads that buyers are owed under a contract for those that they gave back, less those
    /// that are on their way, where there are any.
    pub owed: HashMap<(ContractId, BuyerId), u32>,
    /// When each contract bought last, where it ever did.
    pub last_sold: HashMap<ContractId, Timestamp>,
    /// What this lead met in earlier runs.
    pub earlier: Vec<EarlierSend>,
    /// How many runs of this lead are recorded.
    pub runs: u32,
    /// What became of each contract in the last of them.
    pub last_met: Vec<(ContractId, ContractResult)>,
    /// The code of the last entry of its time line.
    pub last_told: Option<String>,
}

/// A buyer that was sent the lead before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlierSend {
    /// Under which contract.
    pub contract: ContractId,
    /// To whom.
    pub buyer: BuyerId,
    /// How that ended.
    pub state: ReservationState,
    /// The opening day that it counts for.
    pub day: Day,
    /// How many leads of that day the contract takes; none = any number.
    pub cap: Option<u32>,
}

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReservationState {
    /// The post is about to be sent, or under way.
    Reserved,
    /// Sold.
    Sold,
    /// Sent, and its end is not known: price and cap stay reserved.
    Held,
    /// Sent and not sold: cap and credit are free again, and the buyer is not sent
    /// this lead again.
    Refused,
}

/// A reservation on a contract, and that the lead is about to be sent to its buyer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reserve {
    /// Which lead, in hand.
    pub lead: RowId,
    /// When.
    pub at: Timestamp,
    /// On which contract.
    pub contract: ContractId,
    /// Whose.
    pub buyer: BuyerId,
    /// The opening day that it counts for, in the contract's zone.
    pub day: Day,
    /// Leads of that day that are allowed; none = any number.
    pub cap: Option<u32>,
    /// The row's price, or the ping's; nothing for a replacement.
    pub price: Money,
    /// In place of a lead that the buyer is owed, of those the one owed longest: nobody
    /// else is reserved for that from now on.
    pub replacement: bool,
    /// How far below zero the buyer's balance may go; none = it needs no credit.
    pub credit_limit: Option<Money>,
    /// As what it would be sold.
    pub sale_type: SaleType,
    /// It would be sold for good.
    pub no_return: bool,
    /// What came of earlier reservations of this run, so that a crash finds them
    /// settled: what was sold stays sold.
    pub ended: Vec<EndedReservation>,
    /// Attempts made since the last write.
    pub attempts: Vec<Attempt>,
}

/// The end of a reservation. One that has ended already stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedReservation {
    /// On which contract.
    pub contract: ContractId,
    /// How.
    pub end: ReservationEnd,
}

/// How a reservation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationEnd {
    /// Sold, at what price in the end.
    Sold(Money),
    /// Sent, not sold.
    Refused,
    /// Nothing was sent: the buyer may be sent the lead another time.
    Unsent,
    /// Sent, end unknown.
    Held(Hold),
}

/// What a post whose end is not known counts as once the wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// As what.
    pub rule: UnknownRule,
    /// When that is.
    pub until: Timestamp,
}

/// The answer to a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// It is made.
    Granted,
    /// The same, in place of that lead, which the buyer had given back.
    Replaces(LeadId),
    /// The buyer is owed no lead under the contract, or those that it is are on their way.
    NothingOwed,
    /// The day has its leads.
    CapReached {
        /// So many.
        count: u32,
    },
    /// The buyer cannot pay.
    NoCredit {
        /// What it has, its limit included, less what is reserved.
        available: Money,
    },
    /// The buyer was sent this lead before.
    AlreadySent,
}

/// One run of a lead through the tree, as it is recorded. Inputs, events and results
/// are the routing machine's own JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// Its place in the store.
    pub id: RowId,
    /// Counted from 1: one more than [`SellingFacts::runs`].
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// The configuration that it ran on.
    pub config_version: ConfigVersion,
    /// What the machine was given.
    pub inputs: String,
    /// What happened, with when.
    pub events: String,
    /// What became of each contract.
    pub results: String,
    /// How each ended, for counts and sums: contract, result, price if sold.
    pub summary: Vec<(ContractId, ContractResult, Money)>,
}

/// A change of a lead: what a run came to, or what happened after it.
#[derive(Debug, Clone, PartialEq)]
pub struct LeadChange {
    /// The lead as it stands now; `revision` is the one that was read. Status,
    /// outcome, payout, revenue, sales and conversion are written, nothing else.
    pub lead: Lead,
    /// When.
    pub at: Timestamp,
    /// Whether it is the earlier lead of a later one from now on.
    pub earlier: Earlier,
    /// The conversion that the lead takes over, where it becomes one by this without a pixel
    /// having named it. Another one than [`crate::ConversionStore::before_lead`] says is
    /// [`crate::StoreError::Conflict`].
    pub takes_over: Option<TakeOver>,
    /// Conversion caps that it meets in becoming a conversion by this. Where one is full its
    /// conversion must stand over the cap, and where none is it must not: otherwise
    /// [`crate::StoreError::Conflict`].
    pub conversion_caps: Vec<CapCheck>,
    /// Counts that rise by one: it is a conversion from now on.
    pub count: Vec<DayCount>,
    /// Lead counts that fall by one: it was answered as not taken after all.
    pub uncount: Vec<DayCount>,
    /// The run, where there was one.
    pub run: Option<RunRecord>,
    /// How reservations ended, but those that an earlier write told.
    pub ended: Vec<EndedReservation>,
    /// Attempts made since the last write.
    pub attempts: Vec<Attempt>,
    /// Entries to append: payouts, returns, adjustments; no sales.
    pub ledger: Vec<LedgerEntry>,
    /// What happened, for the lead's time line.
    pub timeline: Vec<TimelineEntry>,
    /// Who is to be told of it.
    pub deliveries: Vec<NewDelivery>,
    /// Who is to be told of caps that it leaves filled.
    pub caps_told: Vec<CapTold>,
    /// What a person should look at.
    pub alerts: Vec<Alert>,
    /// A return that is made by this, or that stands elsewhere from now on.
    pub put_return: Option<LeadReturn>,
    /// What a buyer says of the lead, in place of what it said before.
    pub put_status: Option<BuyerStatus>,
    /// What the post that brought the lead into hand is answered, now and from now on
    /// under its idempotency key. Ignored where no post waits for it and no key is
    /// kept for the lead.
    pub answer: Option<StoredAnswer>,
    /// Whether the lead waits for another run.
    pub then: Then,
}

impl LeadChange {
    /// The lead as it stands now, and nothing else.
    pub fn new(lead: Lead, at: Timestamp) -> Self {
        Self {
            lead,
            at,
            earlier: Earlier::AsBefore,
            takes_over: None,
            conversion_caps: Vec::new(),
            count: Vec::new(),
            uncount: Vec::new(),
            run: None,
            ended: Vec::new(),
            attempts: Vec::new(),
            ledger: Vec::new(),
            timeline: Vec::new(),
            deliveries: Vec::new(),
            caps_told: Vec::new(),
            alerts: Vec::new(),
            put_return: None,
            put_status: None,
            answer: None,
            then: Then::Rest,
        }
    }
}

/// Whether a lead is the earlier one of a later lead of the same person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// As it was.
    AsBefore,
    /// It is none.
    No,
    /// It is that person's, from the time of its own acceptance on.
    Yes(DuplicateKey),
}

/// What comes after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing: it waits for no run.
    Rest,
    /// It waits in the queue and is tried at that time.
    Wait(Timestamp),
    /// As before: it waits if it waited, and what it was answered stays. For
    /// [`SellingStore::act`]; a run that ends so rests.
    AsBefore,
    /// It waits if it waited, and rests otherwise. For [`SellingStore::act`]; a run that
    /// ends so rests.
    WaitOn,
}

/// A lead that waits in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub lead: RowId,
    /// When it is due.
    pub due: Timestamp,
}

/// A post whose end is not known.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Of which lead.
    pub lead: LeadId,
    /// To whom.
    pub buyer: BuyerId,
    /// Under which contract.
    pub contract: ContractId,
    /// What is reserved.
    pub price: Money,
    /// As what it would be sold.
    pub sale_type: SaleType,
    /// It would be sold for good.
    pub no_return: bool,
    /// The lead in whose place it would be delivered free.
    pub replaces: Option<LeadId>,
    /// When it was about to be sent.
    pub at: Timestamp,
    /// What it counts as, and when.
    pub hold: Hold,
}

/// What happened to a lead, or to a conversion that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// What, as a stable code: `sold`, `returned`, `thrown_out`, …
    pub code: String,
    /// For people, one sentence.
    pub text: String,
    /// Which key's owner did it; none = the server.
    pub by: Option<String>,
}

/// A run with its lead as it stands now.
#[derive(Debug, Clone, PartialEq)]
pub struct LeadRun {
    /// The lead.
    pub lead: Lead,
    /// How many runs it has.
    pub runs: u32,
    /// One of them.
    pub run: RunRecord,
}

/// Posts of a contract of which the store knows whether they failed.
pub const REMEMBERED_POSTS: u32 = 10;

/// How the last [`REMEMBERED_POSTS`] posts of a contract went, or as many as there were
/// since this was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PostFailures {
    /// How many failed.
    pub failed: u32,
    /// Of how many.
    pub of: u32,
}

/// How much is being sold, and is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SellingCounts {
    /// Leads that somebody sells now.
    pub in_hand: u64,
    /// Leads that wait for their turn.
    pub waiting: u64,
    /// Posts whose end is not known.
    pub held: u64,
}

/// The store of what is sold.
pub trait SellingStore {
    /// Takes a waiting lead in hand, due or not, and reads what routing must know, counts of
    /// `days_from` on. `None` where it does not wait: another has it, or nobody.
    fn begin_run(
        &self,
        lead: RowId,
        days_from: Day,
    ) -> impl Future<Output = Result<Option<(Lead, SellingFacts)>>> + Send;

    /// The same facts for a lead that is in hand already, or for none: a quote's.
    fn selling_facts(
        &self,
        lead: Option<RowId>,
        days_from: Day,
    ) -> impl Future<Output = Result<SellingFacts>> + Send;

    /// Reserves, or says why not: first the cap, then credit, then what is owed, then whether
    /// the buyer was sent the lead before. What is told with it (ends, attempts) is kept either way,
    /// and counts before the question. With 1,000 at once and a cap of 10, ten are
    /// granted. [`crate::StoreError::Conflict`] where the lead is not in hand.
    fn reserve(&self, reserve: Reserve) -> impl Future<Output = Result<Reserved>> + Send;

    /// Ends a run. [`crate::StoreError::Conflict`] where the lead has changed since it was
    /// read (read it again, and settle what the run found on that), or is not in hand.
    /// Without an answer to a post that waits for one, its idempotency key is free again.
    fn settle(&self, change: LeadChange) -> impl Future<Output = Result<()>> + Send;

    /// Ends what a crash left in hand; at the start, before anything is sold.
    ///
    /// * Nothing was sent: a lead that the queue had in hand waits again, due now. Any other
    ///   stays as it stands (`unsold`, `interrupted`); it is nobody's earlier lead, its lead
    ///   counts fall, and its idempotency key is free.
    /// * A post was begun and its end is not known: it is held; the lead is
    ///   `pending_unknown` unless others have it, and its lead counts fall.
    /// * Something was sold: the lead is `sold`, with these sales and their revenue.
    ///
    /// The time line says where nothing was sent (`interrupted`), and its run is recorded as
    /// `ending` tells it. A lead that cannot be ended, because of what is stored of it or since
    /// its end (`ending` too) panics, keeps no other from that: it stays in hand.
    fn recover(&self, at: Timestamp, ending: Ending) -> impl Future<Output = Result<Recovery>> + Send;

    /// Ends the run of one lead in hand that broke off while the server lives on, as
    /// [`Self::recover`] does at the start; one that the queue had in hand is due at
    /// `due`. `None` where it is not in hand any more.
    fn break_off(
        &self,
        lead: RowId,
        at: Timestamp,
        due: Timestamp,
        ending: Ending,
    ) -> impl Future<Output = Result<Option<Recovered>>> + Send;

    /// Changes a lead after its run. [`crate::StoreError::Conflict`] where it has changed
    /// since it was read, or is in hand.
    fn act(&self, change: LeadChange) -> impl Future<Output = Result<()>> + Send;

    /// Waiting leads whose turn has come, those due first before others.
    fn due(&self, now: Timestamp, limit: u32) -> impl Future<Output = Result<Vec<Waiting>>> + Send;

    /// When the next one is due.
    fn next_due(&self) -> impl Future<Output = Result<Option<Timestamp>>> + Send;

    /// How many leads are in hand and wait, and how many posts are held.
    fn selling_counts(&self) -> impl Future<Output = Result<SellingCounts>> + Send;

    /// Makes all waiting leads due now, and says how many were not: a network changed, a
    /// contract was switched on, credit came.
    fn wake(&self, now: Timestamp) -> impl Future<Output = Result<u64>> + Send;

    /// The same of the leads of some verticals.
    fn wake_of(&self, now: Timestamp, verticals: Vec<VerticalId>)
    -> impl Future<Output = Result<u64>> + Send;

    /// Posts whose end is not known, those held first before others where ascending. The
    /// total tells how many there are.
    fn held(&self, page: PageRequest) -> impl Future<Output = Result<Page<Held>>> + Send;

    /// The runs of a lead, oldest first.
    fn runs_of(&self, lead: RowId) -> impl Future<Output = Result<Vec<RunRecord>>> + Send;

    /// Its attempts, oldest first.
    fn attempts_of(&self, lead: RowId) -> impl Future<Output = Result<Vec<Attempt>>> + Send;

    /// Its time line, oldest first; that of a conversion which is no lead too, by its place.
    fn timeline_of(&self, of: RowId) -> impl Future<Output = Result<Vec<TimelineEntry>>> + Send;

    /// Its entries of the ledger, oldest first.
    fn ledger_of(&self, lead: RowId) -> impl Future<Output = Result<Vec<LedgerEntry>>> + Send;

    /// Runs of leads that came at or after a moment and before another, whenever they were
    /// run, in the order in which they began. Those after `after`, so many at most, as of a
    /// page.
    fn runs_of_leads(
        &self,
        from: Timestamp,
        to: Timestamp,
        after: Option<RowId>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<LeadRun>>> + Send;

    /// How many these are.
    fn count_runs_of_leads(&self, from: Timestamp, to: Timestamp)
    -> impl Future<Output = Result<u64>> + Send;

    /// How the last posts of a contract went, those before it was
    /// [switched on again](crate::configuration::ConfigurationChange::forgiven) left out.
    fn post_failures(&self, contract: ContractId) -> impl Future<Output = Result<PostFailures>> + Send;

    /// What an account has: the sum of its entries. Reads them all; for a buyer while
    /// selling, see [`SellingFacts::balances`].
    fn balance(&self, account: Account) -> impl Future<Output = Result<Money>> + Send;

    /// Keeps a quote. [`crate::StoreError::Conflict`] where its name is taken.
    fn put_quote(&self, quote: Quote) -> impl Future<Output = Result<()>> + Send;

    /// A campaign's quote. It is used up by the lead that names it:
    /// [`AcceptLead::quote`](crate::leads::AcceptLead::quote).
    fn quote(
        &self,
        id: String,
        campaign: CampaignId,
        now: Timestamp,
    ) -> impl Future<Output = Result<QuoteFound>> + Send;
}
