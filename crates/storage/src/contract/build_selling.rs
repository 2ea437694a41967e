//! Values for the cases about selling.

use super::build::{NOW, Rows, accept, answer_text, claim};
use crate::after_sale::{BuyerAccount, Payment};
use crate::leads::{AcceptLead, IdempotentAnswer, Offering, Posted, Verdict};
use crate::selling::{EndedReservation, Ending, Hold, LeadChange, ReservationEnd, Reserve, Reserved};
use crate::{PageRequest, Store};
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus, Sale};
use crumb_domain::ledger::{Account, LedgerEntry};
use crumb_domain::network::{SaleType, UnknownRule};
use crumb_domain::post::StoredAnswer;
use crumb_domain::selling::{Attempt, AttemptKind, BuyerAnswer, Milliseconds, Phase, PostFailure};
use crumb_domain::time::Day;
use crumb_domain::{BuyerId, ContractId, Money, RowId, Timestamp};
use std::sync::{LazyLock, Mutex};

/// The opening day of the cases' contracts.
pub const DAY: Day = Day(20_779);
/// The price of the cases' leads, in units.
pub const PRICE: i64 = 30;

/// An amount in whole units.
pub fn money(units: i64) -> Money {
    Money::from_micros(units * Money::MICROS_PER_UNIT)
}

/// A reservation on a contract, whose buyer has the same number, for 30.00, without a
/// cap and on unlimited credit.
pub fn reserve(lead: RowId, contract: i64) -> Reserve {
    Reserve {
        lead,
        at: NOW,
        contract: ContractId(contract),
        buyer: BuyerId(contract),
        day: DAY,
        cap: None,
        price: money(PRICE),
        replacement: false,
        credit_limit: None,
        sale_type: SaleType::Exclusive,
        no_return: false,
        ended: Vec::new(),
        attempts: Vec::new(),
    }
}

/// Makes a reservation that nothing stands against.
pub async fn reserved<S: Store>(store: &S, lead: RowId, contract: i64) {
    assert_eq!(store.reserve(reserve(lead, contract)).await.unwrap(), Reserved::Granted);
}

/// Accepts a lead that is sold within its request.
pub async fn in_hand<S: Store>(store: &S, lead: Lead) -> Lead {
    let lead = Lead { outcome: LeadOutcome::Interrupted, ..lead };
    let sent = AcceptLead { offering: Some(Offering::InHand), ..accept(lead.clone()) };
    assert_eq!(store.accept_lead(sent).await.unwrap(), Posted::InHand);
    lead
}

/// Accepts a lead that is sold within its request, under an idempotency key.
pub async fn in_hand_under<S: Store>(store: &S, lead: Lead, key: &str) -> Lead {
    let lead = Lead { outcome: LeadOutcome::Interrupted, ..lead };
    let idempotency = Some(claim(key));
    let sent = AcceptLead { offering: Some(Offering::InHand), idempotency, ..accept(lead.clone()) };
    assert_eq!(store.accept_lead(sent).await.unwrap(), Posted::InHand);
    lead
}

/// Accepts a lead that waits in the queue.
pub async fn waiting<S: Store>(store: &S, lead: Lead, due: Timestamp) -> Lead {
    let lead = Lead { status: LeadStatus::Queued, outcome: LeadOutcome::Queued, ..lead };
    let sent = AcceptLead { offering: Some(Offering::Waits(due)), ..accept(lead.clone()) };
    assert!(matches!(store.accept_lead(sent).await.unwrap(), Posted::Now(..)));
    lead
}

/// The end of the reservation on a contract.
pub fn ended(contract: i64, end: ReservationEnd) -> EndedReservation {
    EndedReservation { contract: ContractId(contract), end }
}

/// Held for a day, then refused.
pub fn hold() -> Hold {
    Hold { rule: UnknownRule::Wait, until: NOW.plus_days(1) }
}

/// What is left of a post that was cut off.
pub fn cut_off(id: RowId, contract: ContractId, at: Timestamp) -> Attempt {
    Attempt {
        id,
        at,
        contract,
        kind: AttemptKind::Post,
        phase: Phase::Write,
        ms: Milliseconds::default(),
        status: None,
        request: b"POST https://buyer.example/".to_vec(),
        answer: Vec::new(),
        read: BuyerAnswer::Failed(PostFailure::CutOff),
        error: Some("it ended".to_owned()),
    }
}

/// Names attempts that were cut off, those of later recoveries too, and nothing else.
static CUT_OFF: LazyLock<Mutex<Rows>> = LazyLock::new(|| Mutex::new(Rows::of_node(9)));

/// Holds all that a crash left, for a day.
pub fn hold_all() -> Ending {
    let cut_off = |contract, at| cut_off(CUT_OFF.lock().unwrap().next_row(), contract, at);
    Ending { hold: Box::new(|_| hold()), cut_off: Box::new(cut_off), record: Box::new(|_| None) }
}

/// The sale on a contract that has the same number as its buyer.
pub fn sale(contract: i64, price: Money) -> Sale {
    let (contract, buyer) = (ContractId(contract), BuyerId(contract));
    let sale_type = SaleType::Exclusive;
    let (returned, replaces, redirect) = (None, None, None);
    Sale { contract, buyer, price, sale_type, at: NOW, no_return: false, returned, replaces, redirect }
}

/// A lead that nobody bought, with how its reservations ended.
pub fn unsold(lead: &Lead, ends: &[EndedReservation]) -> LeadChange {
    let (status, outcome) = (LeadStatus::Unsold, LeadOutcome::NoQualifiedBuyers);
    LeadChange { ended: ends.to_vec(), ..LeadChange::new(Lead { status, outcome, ..lead.clone() }, NOW) }
}

/// A lead that was sold on a contract.
pub fn sold(lead: &Lead, contract: i64, price: Money) -> LeadChange {
    let mut lead = lead.clone();
    (lead.status, lead.outcome) = (LeadStatus::Sold, LeadOutcome::Sold);
    lead.revenue = lead.revenue.checked_add(price).unwrap();
    lead.sales.push(sale(contract, price));
    LeadChange { ended: vec![ended(contract, ReservationEnd::Sold(price))], ..LeadChange::new(lead, NOW) }
}

/// A lead of which a post's end is not known.
pub fn pending(lead: &Lead, contract: i64) -> LeadChange {
    let (status, outcome) = (LeadStatus::PendingUnknown, LeadOutcome::PendingUnknown);
    LeadChange {
        ended: vec![ended(contract, ReservationEnd::Held(hold()))],
        ..LeadChange::new(Lead { status, outcome, ..lead.clone() }, NOW)
    }
}

/// The lead as it stands.
pub async fn read<S: Store>(store: &S, lead: &Lead) -> Lead {
    store.lead(lead.id).await.unwrap().unwrap()
}

/// Puts so many units into a buyer's account.
pub async fn credit<S: Store>(store: &S, buyer: i64, units: i64) {
    let entry = LedgerEntry::credit(NOW, BuyerId(buyer), money(units));
    store.pay(payment(buyer, vec![entry])).await.unwrap();
}

/// A payment that is told of by what its buyer has then.
pub fn payment(buyer: i64, entries: Vec<LedgerEntry>) -> Payment {
    let answer = |account: &BuyerAccount| answer_text(&account.balance.to_string(), &Verdict::Accepted);
    Payment { at: NOW, buyer: BuyerId(buyer), entries, idempotency: None, answer: Box::new(answer) }
}

/// What a buyer has left after what is reserved.
pub async fn free<S: Store>(store: &S, buyer: i64) -> Option<Money> {
    store.selling_facts(None, DAY).await.unwrap().balances.get(&BuyerId(buyer)).copied()
}

/// The sum of a buyer's entries.
pub async fn balance<S: Store>(store: &S, buyer: i64) -> Money {
    store.balance(Account::Buyer(BuyerId(buyer))).await.unwrap()
}

/// Leads of a contract on [`DAY`].
pub async fn count<S: Store>(store: &S, contract: i64) -> u32 {
    let facts = store.selling_facts(None, DAY).await.unwrap();
    facts.counts.get(&(ContractId(contract), DAY)).copied().unwrap_or_default()
}

/// How many posts have no known end.
pub async fn held_count<S: Store>(store: &S) -> u64 {
    store.held(PageRequest { limit: 1, ..PageRequest::default() }).await.unwrap().total
}

/// What campaign 57's key answers now.
pub async fn key_answer<S: Store>(store: &S, key: &str) -> Option<StoredAnswer> {
    let claim = claim(key);
    let found = store.idempotent_answer(claim.scope, claim.key, NOW).await.unwrap();
    found.map(|IdempotentAnswer { answer, .. }| answer)
}
