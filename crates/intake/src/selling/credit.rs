//! A buyer's money beside its leads: what it has, and what is put in or taken out.
//!
//! There is one balance: what was prepaid, less what was bought. Prepaid credit is used
//! first because the limit only says how far below zero the balance may go; one sale may
//! cross zero and so take part of each.

use super::Selling;
use super::after_sale::{AfterSaleError, Lines, text};
use crumb_domain::ledger::{LedgerEntry, LedgerKind};
use crumb_domain::network::BuyerCredit;
use crumb_domain::{BuyerId, ContractId, Money};
use crumb_storage::Store;
use std::collections::BTreeMap;

/// The longest note of a payment, in characters.
const MAX_NOTE_CHARACTERS: usize = 500;
/// The most that is put in or taken out at a time, in units: beyond it somebody mistyped,
/// and thousands of such still fit a balance.
const MAX_CREDIT_UNITS: i64 = 1_000_000_000;

/// What a buyer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuyerBalance {
    /// Which one.
    pub buyer: BuyerId,
    /// The sum of its entries; below zero it owes.
    pub balance: Money,
    /// What is kept for leads that are being sent to it, or whose end is not known.
    pub reserved: Money,
    /// How far below zero its balance may go; none = without end.
    pub limit: Option<Money>,
    /// What it may buy for; none = without end.
    pub available: Option<Money>,
    /// Leads that it is owed for those it gave back, by contract.
    pub returns_owed: BTreeMap<ContractId, u32>,
}

impl<S: Store + Clone> Selling<S> {
    /// What a buyer has.
    ///
    /// # Errors
    /// Where there is no such buyer; the store's.
    pub async fn buyer_balance(&self, id: BuyerId) -> Result<BuyerBalance, AfterSaleError> {
        let snapshot = self.site.network.snapshot();
        let buyer = snapshot.buyer(id).ok_or(AfterSaleError::NoBuyer(id))?;
        let account = self.site.store.buyer_account(id).await?;
        let limit = match buyer.credit {
            BuyerCredit::Prepaid { limit, .. } => Some(limit),
            BuyerCredit::Unlimited => None,
        };
        let free = account.balance.micros().saturating_sub(account.reserved.micros());
        Ok(BuyerBalance {
            buyer: id,
            balance: account.balance,
            reserved: account.reserved,
            limit,
            available: limit.map(|limit| Money::from_micros(free.saturating_add(limit.micros()))),
            returns_owed: self.site.store.returns_owed(Some(id)).await?,
        })
    }

    /// Puts money into a buyer's account; below zero it is a correction, which takes it
    /// out. Leads that wait are tried again: it may be what they waited for.
    ///
    /// # Errors
    /// Where there is no such buyer, or the amount is none; the store's.
    pub async fn credit(
        &self,
        id: BuyerId,
        amount: Money,
        note: Option<&str>,
        by: Option<&str>,
    ) -> Result<BuyerBalance, AfterSaleError> {
        if self.site.network.snapshot().buyer(id).is_none() {
            return Err(AfterSaleError::NoBuyer(id));
        }
        if amount == Money::ZERO {
            return Err(AfterSaleError::invalid("amount", "must not be zero"));
        }
        let most = Money::from_micros(MAX_CREDIT_UNITS * Money::MICROS_PER_UNIT);
        if amount.micros().unsigned_abs() > most.micros().unsigned_abs() {
            return Err(AfterSaleError::invalid("amount", format!("at most {most} at a time")));
        }
        let note = text("note", note.unwrap_or_default(), MAX_NOTE_CHARACTERS, Lines::One)?;
        let note = match (note.is_empty(), by) {
            (true, None) => None,
            (true, Some(by)) => Some(format!("by {by}")),
            (false, None) => Some(note),
            (false, Some(by)) => Some(format!("{note} (by {by})")),
        };
        let kind = if amount.is_negative() { LedgerKind::Adjustment } else { LedgerKind::Credit };
        let entry = LedgerEntry { kind, note, ..LedgerEntry::credit(self.site.clock.now(), id, amount) };
        self.site.store.append_ledger(vec![entry]).await?;
        if !amount.is_negative() {
            self.credit_came().await;
        }
        self.buyer_balance(id).await
    }

    /// Some buyer can pay more than before. A store that cannot wake the queue now is no
    /// reason to take the payment for failed: leads that wait for credit are tried again
    /// by themselves.
    pub(super) async fn credit_came(&self) {
        if let Err(error) = self.site.store.wake(self.site.clock.now()).await {
            tracing::error!(%error, "waiting leads cannot be told that credit came");
        }
        self.wake();
    }
}
