//! A buyer's money beside its leads: what it has, and what is put in or taken out.
//!
//! There is one balance: what was prepaid, less what was bought. Prepaid credit is used
//! first because the limit only says how far below zero the balance may go; one sale may
//! cross zero and so take part of each.

use super::after_sale::{AfterSaleError, Lines, text};
use super::{Selling, concerned};
use crumb_domain::ledger::{LedgerEntry, LedgerKind};
use crumb_domain::network::BuyerCredit;
use crumb_domain::post::StoredAnswer;
use crumb_domain::{BuyerId, ContractId, Money, Timestamp};
use crumb_storage::Store;
use crumb_storage::after_sale::{BuyerAccount, Paid, PaidFn, Payment};
use crumb_storage::leads::{IdempotencyClaim, IdempotencyScope, IdempotentAnswer};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The longest note of a payment, in characters.
const MAX_NOTE_CHARACTERS: usize = 500;
/// The most that is put in or taken out at a time, in units: beyond it somebody mistyped,
/// and thousands of such still fit a balance.
const MAX_CREDIT_UNITS: i64 = 1_000_000_000;

/// The route of which idempotency keys are, however it is reached.
const ROUTE: &str = "credit";

/// Money for a buyer's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    /// Whose account.
    pub buyer: BuyerId,
    /// How much; below zero it is a correction, which takes it out.
    pub amount: Money,
    /// What for.
    pub note: Option<String>,
    /// Who gives it, for people.
    pub by: Option<String>,
    /// It is given once under this key.
    pub once: Option<OnceKey>,
}

/// An idempotency key of somebody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceKey {
    /// Whose keys these are: a name without spaces.
    pub caller: String,
    /// As sent: see [`crate::is_idempotency_key`].
    pub key: String,
}

/// What became of credit that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credited {
    /// It is given; the answer.
    Now(StoredAnswer),
    /// It was given before under its key; what was answered then.
    Before(StoredAnswer),
    /// Its key was used for other credit: nothing is given.
    KeyUsed,
}

impl Credited {
    fn before(before: IdempotentAnswer, hash: [u8; 32]) -> Self {
        if before.body_hash == hash { Self::Before(before.answer) } else { Self::KeyUsed }
    }
}

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
        let limit = self.credit_limit(id)?;
        let account = self.site.store.buyer_account(id).await?;
        let returns_owed = self.site.store.returns_owed(Some(id)).await?;
        Ok(BuyerBalance::of(id, account, limit, returns_owed))
    }

    fn credit_limit(&self, id: BuyerId) -> Result<Option<Money>, AfterSaleError> {
        let snapshot = self.site.network.snapshot();
        let buyer = snapshot.buyer(id).ok_or(AfterSaleError::NoBuyer(id))?;
        Ok(match buyer.credit {
            BuyerCredit::Prepaid { limit, .. } => Some(limit),
            BuyerCredit::Unlimited => None,
        })
    }

    /// Puts money into a buyer's account; below zero it is a correction, which takes it
    /// out. Leads that wait are tried again: it may be what they waited for. Under a key
    /// that is done once, and `answer`, which tells what the buyer has then, is kept with
    /// it.
    ///
    /// # Errors
    /// Where there is no such buyer, or the amount is none; the store's.
    pub async fn credit(
        &self,
        credit: Credit,
        answer: impl Fn(&BuyerBalance) -> StoredAnswer + Send + Sync + 'static,
    ) -> Result<Credited, AfterSaleError> {
        let (at, buyer, amount) = (self.site.clock.now(), credit.buyer, credit.amount);
        let asked = hash(&credit);
        let idempotency = credit.once.as_ref().map(|once| once.claim(asked));
        if let Some(claim) = &idempotency
            // Also where it could not be given today: its buyer may be gone by now.
            && let Some(before) =
                self.site.store.idempotent_answer(claim.scope.clone(), claim.key.clone(), at).await?
        {
            return Ok(Credited::before(before, asked));
        }
        let limit = self.credit_limit(buyer)?;
        let entries = vec![entry(&credit, at)?];
        let owed = self.site.store.returns_owed(Some(buyer)).await?;
        let answer: PaidFn =
            Box::new(move |account| answer(&BuyerBalance::of(buyer, *account, limit, owed.clone())));
        match self.site.store.pay(Payment { at, buyer, entries, idempotency, answer }).await? {
            Paid::Now(answer) => {
                if !amount.is_negative() {
                    self.credit_came(buyer).await;
                }
                Ok(Credited::Now(answer))
            }
            Paid::Before(before) => Ok(Credited::before(before, asked)),
        }
    }

    /// A buyer can pay more than before, or is owed a lead: those that wait where it has
    /// contracts are offered at once. A store that cannot wake the queue now is no
    /// reason to take the payment for failed: leads that wait for credit are tried again
    /// by themselves.
    pub(super) async fn credit_came(&self, buyer: BuyerId) {
        let verticals = concerned::by_buyer(&self.site.network.snapshot(), buyer).into_iter().collect();
        if let Err(error) = self.site.store.wake_of(self.site.clock.now(), verticals).await {
            tracing::error!(%error, "waiting leads cannot be told that credit came");
        }
        self.wake();
    }
}

impl BuyerBalance {
    fn of(
        buyer: BuyerId,
        account: BuyerAccount,
        limit: Option<Money>,
        returns_owed: BTreeMap<ContractId, u32>,
    ) -> Self {
        let BuyerAccount { balance, reserved } = account;
        let free = balance.micros().saturating_sub(reserved.micros());
        let available = limit.map(|limit| Money::from_micros(free.saturating_add(limit.micros())));
        Self { buyer, balance, reserved, limit, available, returns_owed }
    }
}

impl OnceKey {
    fn claim(&self, body_hash: [u8; 32]) -> IdempotencyClaim {
        let scope = IdempotencyScope::Call { caller: self.caller.clone(), route: ROUTE.to_owned() };
        IdempotencyClaim { scope, key: self.key.clone(), body_hash }
    }
}

/// Of what is asked for, in whatever form: to whom, how much, what for.
fn hash(credit: &Credit) -> [u8; 32] {
    let note = credit.note.as_deref().unwrap_or_default().trim();
    Sha256::digest(format!("{} {} {note}", credit.buyer, credit.amount.micros())).into()
}

fn entry(credit: &Credit, at: Timestamp) -> Result<LedgerEntry, AfterSaleError> {
    let amount = credit.amount;
    if amount == Money::ZERO {
        return Err(AfterSaleError::invalid("amount", "must not be zero"));
    }
    let most = Money::from_micros(MAX_CREDIT_UNITS * Money::MICROS_PER_UNIT);
    if amount.micros().unsigned_abs() > most.micros().unsigned_abs() {
        return Err(AfterSaleError::invalid("amount", format!("at most {most} at a time")));
    }
    let note = text("note", credit.note.as_deref().unwrap_or_default(), MAX_NOTE_CHARACTERS, Lines::One)?;
    let note = match (note.is_empty(), &credit.by) {
        (true, None) => None,
        (true, Some(by)) => Some(format!("by {by}")),
        (false, None) => Some(note),
        (false, Some(by)) => Some(format!("{note} (by {by})")),
    };
    let kind = if amount.is_negative() { LedgerKind::Adjustment } else { LedgerKind::Credit };
    Ok(LedgerEntry { kind, note, ..LedgerEntry::credit(at, credit.buyer, amount) })
}
