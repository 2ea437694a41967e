//! Money: balances are sums of entries, always, and every entry has two sides.

use super::build::{NOW, Rows, accepted, claim, lead};
use super::build_selling::{
    DAY, balance, credit, ended, free, hold, in_hand, key_answer, money, payment, read, reserve, reserved,
    sold,
};
use super::configuration::change;
use crate::after_sale::Payment;
use crate::configuration::HistoryOf;
use crate::selling::{LeadChange, ReservationEnd, Reserve, Reserved};
use crate::{Store, StoreError};
use crumb_domain::lead::Lead;
use crumb_domain::ledger::{Account, LedgerEntry, LedgerKind};
use crumb_domain::{AffiliateId, BuyerId, ContractId, Money};
use std::collections::HashMap;
use std::sync::Arc;

/// Numbers that are as good as random and the same each time (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn price(&mut self) -> Money {
        Money::from_micros(i64::try_from(self.below(50_000_000)).unwrap())
    }
}

/// What a sequence of steps has come to, told by another way of counting.
#[derive(Default)]
struct Expected {
    reserved: HashMap<i64, i64>,
    balance: HashMap<i64, i64>,
    counts: HashMap<i64, i64>,
    leads: Vec<Lead>,
}

const BUYERS: u64 = 3;

/// Hundreds of runs, holds, sales, returns and payments, against a plain model.
pub async fn balances_are_sums_of_entries_after_any_sequence_of_steps<S: Store>(store: Arc<S>) {
    let (mut rows, mut numbers) = (Rows::new(), Numbers(2026));
    let mut expected = Expected::default();
    let mut held: Vec<(Lead, i64, Money)> = Vec::new();
    for number in 0..200 {
        match numbers.below(5) {
            0 => {
                let (buyer, units) = (i64::try_from(numbers.below(BUYERS)).unwrap(), numbers.below(100));
                credit(&*store, buyer, i64::try_from(units).unwrap()).await;
                *expected.balance.entry(buyer).or_default() += i64::try_from(units).unwrap() * 1_000_000;
            }
            1 if !held.is_empty() => {
                let at = usize::try_from(numbers.below(held.len() as u64)).unwrap();
                let (lead, contract, price) = held.swap_remove(at);
                let now = read(&*store, &lead).await;
                let end = end_of(&mut numbers, false);
                let change = LeadChange { ended: vec![ended(contract, end)], ..LeadChange::new(now, NOW) };
                store.act(change).await.unwrap();
                settle(&mut expected, contract, price, end);
            }
            _ => {
                let lead = in_hand(&*store, lead(number, rows.next_row())).await;
                let made = one_run(&*store, &mut numbers, &mut expected, &lead).await;
                held.extend(made.into_iter().map(|(contract, price)| (lead.clone(), contract, price)));
                expected.leads.push(lead);
            }
        }
        if number % 20 == 0 {
            compare(&*store, &expected).await;
        }
    }
    compare(&*store, &expected).await;
}

fn end_of(numbers: &mut Numbers, may_be_held: bool) -> ReservationEnd {
    match numbers.below(if may_be_held { 4 } else { 3 }) {
        0 => ReservationEnd::Sold(numbers.price()),
        1 => ReservationEnd::Refused,
        2 => ReservationEnd::Unsent,
        _ => ReservationEnd::Held(hold()),
    }
}

fn settle(expected: &mut Expected, contract: i64, price: Money, end: ReservationEnd) {
    if matches!(end, ReservationEnd::Held(_)) {
        return;
    }
    *expected.reserved.entry(contract).or_default() -= price.micros();
    match end {
        ReservationEnd::Sold(price) => *expected.balance.entry(contract).or_default() -= price.micros(),
        _ => *expected.counts.entry(contract).or_default() -= 1,
    }
}

/// A run over some buyers; each told in a later reservation or at the end. What is held.
async fn one_run<S: Store>(
    store: &S,
    numbers: &mut Numbers,
    expected: &mut Expected,
    lead: &Lead,
) -> Vec<(i64, Money)> {
    let (mut told, mut held, mut returned) = (Vec::new(), Vec::new(), Vec::new());
    for contract in 0..i64::try_from(BUYERS).unwrap() {
        let (price, credit_limit) = (numbers.price(), Some(money(i64::try_from(numbers.below(60)).unwrap())));
        let wanted =
            Reserve { price, credit_limit, ended: std::mem::take(&mut told), ..reserve(lead.row, contract) };
        if store.reserve(wanted).await.unwrap() != Reserved::Granted {
            continue;
        }
        *expected.reserved.entry(contract).or_default() += price.micros();
        *expected.counts.entry(contract).or_default() += 1;
        let end = end_of(numbers, true);
        settle(expected, contract, price, end);
        told.push(ended(contract, end));
        match end {
            ReservationEnd::Held(_) => held.push((contract, price)),
            ReservationEnd::Sold(price) if numbers.below(3) == 0 => {
                returned.push(given_back(lead, contract, price));
                *expected.balance.entry(contract).or_default() += price.micros();
            }
            _ => {}
        }
    }
    let change = LeadChange { ended: told, ledger: returned, ..LeadChange::new(lead.clone(), NOW) };
    store.settle(change).await.unwrap();
    held
}

fn given_back(lead: &Lead, contract: i64, amount: Money) -> LedgerEntry {
    LedgerEntry {
        at: NOW,
        effective: None,
        kind: LedgerKind::Return,
        from: Account::House,
        to: Account::Buyer(BuyerId(contract)),
        amount,
        lead: Some(lead.id),
        conversion: None,
        contract: Some(ContractId(contract)),
        campaign: None,
        count: None,
        note: Some("returned".to_owned()),
    }
}

async fn compare<S: Store>(store: &S, expected: &Expected) {
    let mut total = 0;
    for buyer in 0..i64::try_from(BUYERS).unwrap() {
        let of = |map: &HashMap<i64, i64>| map.get(&buyer).copied().unwrap_or_default();
        let sum = balance(store, buyer).await.micros();
        assert_eq!(sum, of(&expected.balance), "the ledger of buyer {buyer}");
        let left = free(store, buyer).await.unwrap_or_default().micros();
        assert_eq!(left, of(&expected.balance) - of(&expected.reserved), "the account of buyer {buyer}");
        let count = i64::from(super::build_selling::count(store, buyer).await);
        assert_eq!(count, of(&expected.counts), "the count of contract {buyer}");
        total += sum;
    }
    let [house, outside] = [Account::House, Account::Outside].map(|account| store.balance(account));
    total += house.await.unwrap().micros() + outside.await.unwrap().micros();
    assert_eq!(total, 0, "the ledger balances");
    let (mut sales, mut sold) = (0, 0);
    for lead in &expected.leads {
        let entries = store.ledger_of(lead.row).await.unwrap();
        sales += entries.iter().filter(|entry| entry.kind == LedgerKind::Sale).count();
        let facts = store.selling_facts(Some(lead.row), DAY).await.unwrap();
        let is_sold =
            |send: &&crate::selling::EarlierSend| send.state == crate::selling::ReservationState::Sold;
        sold += facts.earlier.iter().filter(is_sold).count();
    }
    assert_eq!(sales, sold, "each sale has one entry");
}

/// Also to a buyer that has spent before, and not where the change is refused. It is history,
/// which nothing is not.
pub async fn an_opening_balance_is_added_with_its_change<S: Store>(store: Arc<S>) {
    let opening = |base, opening: &[(i64, i64)]| {
        let opening = opening.iter().map(|(buyer, units)| (BuyerId(*buyer), money(*units))).collect();
        crate::configuration::ConfigurationChange { opening, ..change(base, &[], &[]) }
    };
    let spent = LedgerEntry::credit(NOW, BuyerId(7), money(-30));
    store.pay(payment(7, vec![spent])).await.unwrap();
    store.commit_configuration(opening(0, &[(5, 500), (6, 0)])).await.unwrap();
    store.commit_configuration(opening(1, &[(7, 70)])).await.unwrap();
    let refused = store.commit_configuration(opening(1, &[(8, 80)])).await;
    assert_eq!(refused, Err(StoreError::Conflict));
    for (buyer, units) in [(5, 500), (6, 0), (7, 40), (8, 0)] {
        assert_eq!(balance(&*store, buyer).await, money(units), "buyer {buyer}");
    }
    assert_eq!(free(&*store, 8).await, None);
    assert_eq!(store.balance(Account::Outside).await.unwrap(), money(-540));
    let asked = [5, 6, 7, 8].map(|buyer| HistoryOf::Buyer(BuyerId(buyer)));
    assert_eq!(store.have_history(asked.to_vec()).await.unwrap(), [true, false, true, false]);
}

/// Beside the store's own sale: a payout, an adjustment that names the lead.
pub async fn a_leads_entries_come_back_as_they_were<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    reserved(&*store, lead.row, 7).await;
    let payout = LedgerEntry::payout(NOW, lead.id, AffiliateId(12), money(12));
    let change = LeadChange { ledger: vec![payout.clone()], ..sold(&lead, 7, money(30)) };
    store.settle(change).await.unwrap();
    let adjusted = LedgerEntry {
        kind: LedgerKind::Adjustment,
        from: Account::House,
        to: Account::Buyer(BuyerId(7)),
        note: Some("for trouble".to_owned()),
        ..payout.clone()
    };
    store.pay(payment(7, vec![adjusted.clone()])).await.unwrap();
    let sale = LedgerEntry::sale(NOW, lead.id, BuyerId(7), ContractId(7), money(30));
    assert_eq!(store.ledger_of(lead.row).await.unwrap(), [sale, payout, adjusted.clone()]);
    assert_eq!(store.balance(Account::Affiliate(AffiliateId(12))).await.unwrap(), money(12));
    assert_eq!(balance(&*store, 7).await, money(-18));
    // Entries of leads that there are not, and nothing of those beside them.
    let other = super::build::lead(2, rows.next_row());
    let unknown = LedgerEntry { lead: Some(other.id), ..adjusted.clone() };
    let entries = vec![LedgerEntry { lead: None, ..adjusted }, unknown];
    let keyed = Payment { idempotency: Some(claim("key")), ..payment(7, entries.clone()) };
    assert_eq!(store.pay(keyed).await, Err(StoreError::Conflict));
    assert_eq!(key_answer(&*store, "key").await, None, "its key is free");
    assert_eq!(balance(&*store, 7).await, money(-18));
    accepted(&*store, other).await;
    store.pay(payment(7, entries)).await.unwrap();
    assert_eq!(balance(&*store, 7).await, money(6));
}
