//! After the sale: returns, what buyers say of leads, and the ledger's lists.
//!
//! All of that is written with its lead, by [`SellingStore::act`](crate::SellingStore::act):
//! a return is a change of the lead (its sale is marked, its revenue falls), of the
//! ledger and of the return's own row in one write, guarded by the lead's revision, so
//! that of two at once one holds. What is paid in or out beside leads is written by
//! [`AfterSaleStore::pay`].

use crate::leads::{IdempotencyClaim, IdempotentAnswer};
use crate::{Page, PageRequest, Result};
use crumb_domain::ledger::{Account, LedgerEntry, LedgerKind};
use crumb_domain::post::StoredAnswer;
use crumb_domain::selling::ReturnState;
use crumb_domain::{BuyerId, ContractId, LeadId, Money, RowId, Timestamp};
use std::collections::BTreeMap;

/// A lead that a buyer gives back, or asks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadReturn {
    /// Its place in the store, from when it was asked for.
    pub id: RowId,
    /// Under which contract it was sold.
    pub contract: ContractId,
    /// To whom.
    pub buyer: BuyerId,
    /// For how much.
    pub price: Money,
    /// When it was asked for.
    pub at: Timestamp,
    /// By whom.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
    /// More of it.
    pub notes: String,
    /// Where it stands.
    pub state: ReturnState,
    /// When that was decided; none while it waits.
    pub decided_at: Option<Timestamp>,
    /// By whom.
    pub decided_by: Option<String>,
    /// The lead that is on its way, or was delivered, in its place. Kept by the store: not
    /// written with a return.
    pub replaced_by: Option<LeadId>,
    /// When that was delivered; none while it is not known whether it is.
    pub replaced_at: Option<Timestamp>,
}

/// A return with its lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReturn {
    /// Of which lead.
    pub lead: LeadId,
    /// It.
    pub returned: LeadReturn,
}

/// Which returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReturnFilter {
    /// That stand so.
    pub state: Option<ReturnState>,
    /// Of this buyer.
    pub buyer: Option<BuyerId>,
    /// Asked for at or after.
    pub from: Option<Timestamp>,
    /// Asked for before.
    pub to: Option<Timestamp>,
}

/// What a buyer says of a lead that it bought: its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuyerStatus {
    /// Under which contract it bought.
    pub contract: ContractId,
    /// Who bought.
    pub buyer: BuyerId,
    /// When it said so.
    pub at: Timestamp,
    /// How the lead stands with it.
    pub status: String,
    /// More exactly.
    pub sub_status: Option<String>,
    /// In a sentence.
    pub note: Option<String>,
    /// Whose key told it.
    pub by: Option<String>,
}

/// Which entries of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LedgerFilter {
    /// That take from or give to this account.
    pub account: Option<Account>,
    /// Of this kind.
    pub kind: Option<LedgerKind>,
    /// Of this lead.
    pub lead: Option<LeadId>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}

/// What a buyer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BuyerAccount {
    /// The sum of its entries.
    pub balance: Money,
    /// What is reserved for leads that are being sent to it, or whose end is not known.
    pub reserved: Money,
}

/// Renders what is told of a payment, from what its buyer has after it. A store may ask
/// it again, where a write had to be repeated.
pub type PaidFn = Box<dyn Fn(&BuyerAccount) -> StoredAnswer + Send + Sync>;

/// Money that moves beside a lead's changes: credit, adjustments.
pub struct Payment {
    /// When.
    pub at: Timestamp,
    /// Whose account is told of.
    pub buyer: BuyerId,
    /// The entries.
    pub entries: Vec<LedgerEntry>,
    /// It is made once under this key, whose answer is kept in the same write.
    pub idempotency: Option<IdempotencyClaim>,
    /// What is told of it.
    pub answer: PaidFn,
}

/// What became of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paid {
    /// It is made; what is told of it.
    Now(StoredAnswer),
    /// Its key had been used within [`IDEMPOTENCY_HOURS`](crate::leads::IDEMPOTENCY_HOURS),
    /// and nothing was written: what was told then, and of what.
    Before(IdempotentAnswer),
}

/// The store of what comes after a sale.
pub trait AfterSaleStore {
    /// A lead's returns, by contract: at most one each.
    fn returns_of(&self, lead: RowId) -> impl Future<Output = Result<Vec<LeadReturn>>> + Send;

    /// Returns by filter, in the order in which they were asked for.
    fn returns(
        &self,
        filter: ReturnFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<StoredReturn>>> + Send;

    /// By contract, how many leads were taken back to be replaced and are not yet; a buyer's,
    /// or all.
    fn returns_owed(
        &self,
        buyer: Option<BuyerId>,
    ) -> impl Future<Output = Result<BTreeMap<ContractId, u32>>> + Send;

    /// What a lead's buyers say of it now, by contract: at most one each.
    fn statuses_of(&self, lead: RowId) -> impl Future<Output = Result<Vec<BuyerStatus>>> + Send;

    /// Entries of the ledger, in the order in which they were made. Reads them all.
    fn ledger(
        &self,
        filter: LedgerFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<LedgerEntry>>> + Send;

    /// Appends entries, once under a key. [`crate::StoreError::Conflict`], and nothing is
    /// written, where one names a lead that there is not.
    fn pay(&self, payment: Payment) -> impl Future<Output = Result<Paid>> + Send;

    /// What a buyer has; nothing where it has no account yet.
    fn buyer_account(&self, buyer: BuyerId) -> impl Future<Output = Result<BuyerAccount>> + Send;
}
