//! Reservations and what becomes of them: caps, credit, never twice to a buyer.

use super::build::{NOW, Rows, lead};
use super::build_selling::{
    DAY, PRICE, balance, count, credit, ended, free, held_count, hold, in_hand, money, pending, read,
    reserve, reserved, sale, sold, unsold,
};
use crate::selling::{EarlierSend, Held, LeadChange, ReservationEnd, ReservationState, Reserve, Reserved};
use crate::{PageRequest, Store, StoreError};
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::network::SaleType;
use crumb_domain::time::Day;
use crumb_domain::{BuyerId, ContractId, Money};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Takes so many leads in hand and reserves for each at the same moment.
async fn reserve_at_once<S: Store>(
    store: &Arc<S>,
    leads: u32,
    with: impl Fn(Reserve) -> Reserve,
) -> Vec<Reserved> {
    let mut rows = Rows::new();
    let mut tasks = JoinSet::new();
    for number in 0..leads {
        let lead = in_hand(&**store, lead(number, rows.next_row())).await;
        let (store, reserve) = (Arc::clone(store), with(reserve(lead.row, 7)));
        tasks.spawn(async move { store.reserve(reserve).await.unwrap() });
    }
    tasks.join_all().await
}

/// Ten are granted, and everybody else is told so.
pub async fn a_cap_of_ten_grants_ten_of_a_thousand_at_once<S: Store>(store: Arc<S>) {
    let answers = reserve_at_once(&store, 1_000, |r| Reserve { cap: Some(10), ..r }).await;
    let granted = answers.iter().filter(|answer| **answer == Reserved::Granted).count();
    assert_eq!(granted, 10);
    assert!(answers.iter().all(|a| matches!(a, Reserved::Granted | Reserved::CapReached { count: 10 })));
    assert_eq!(count(&*store, 7).await, 10);
}

/// 100.00 prepaid and 25.00 of limit are four times 30.00, one of them a part of each.
pub async fn credit_is_exact_however_many_ask_at_once<S: Store>(store: Arc<S>) {
    credit(&*store, 7, 100).await;
    let answers = reserve_at_once(&store, 100, |r| Reserve { credit_limit: Some(money(25)), ..r }).await;
    let granted = answers.iter().filter(|answer| **answer == Reserved::Granted).count();
    assert_eq!(granted, 4);
    let told = Reserved::NoCredit { available: money(5) };
    assert!(answers.iter().all(|answer| *answer == Reserved::Granted || *answer == told));
    assert_eq!(free(&*store, 7).await, Some(money(-20)));
    assert_eq!(balance(&*store, 7).await, money(100), "what is reserved is not spent");
}

/// A buyer with nothing but a limit, one without an account, a lead that costs nothing.
pub async fn a_lead_for_nothing_needs_no_credit_unless_the_buyer_is_over_it<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut ask = async |price: Money, limit| {
        let lead = in_hand(&*store, lead(rows.next_row().as_i64() as u32 % 10_000, rows.next_row())).await;
        store.reserve(Reserve { price, credit_limit: Some(limit), ..reserve(lead.row, 7) }).await.unwrap()
    };
    assert_eq!(ask(money(1), Money::ZERO).await, Reserved::NoCredit { available: Money::ZERO });
    assert_eq!(ask(Money::ZERO, Money::ZERO).await, Reserved::Granted);
    assert_eq!(ask(money(20), money(20)).await, Reserved::Granted);
    assert_eq!(ask(Money::ZERO, money(20)).await, Reserved::Granted);
    assert_eq!(ask(Money::ZERO, money(19)).await, Reserved::NoCredit { available: money(-1) });
}

/// Both ways: it was sent and refused, or nothing was sent.
pub async fn what_is_released_frees_cap_and_credit<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    credit(&*store, 7, PRICE).await;
    for (number, end) in [(1, ReservationEnd::Refused), (2, ReservationEnd::Unsent)] {
        let lead = in_hand(&*store, lead(number, rows.next_row())).await;
        let last = Reserve { cap: Some(1), credit_limit: Some(Money::ZERO), ..reserve(lead.row, 7) };
        assert_eq!(store.reserve(last).await.unwrap(), Reserved::Granted, "{end:?}");
        assert_eq!((count(&*store, 7).await, free(&*store, 7).await), (1, Some(Money::ZERO)));
        store.settle(unsold(&lead, &[ended(7, end)])).await.unwrap();
        assert_eq!((count(&*store, 7).await, free(&*store, 7).await), (0, Some(money(PRICE))));
        assert_eq!(store.ledger_of(lead.row).await.unwrap(), []);
    }
}

/// Not under another contract of the buyer, not in another run; unless nothing was sent.
pub async fn a_lead_goes_to_a_buyer_once<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    let of_buyer_7 = |contract| Reserve { buyer: BuyerId(7), ..reserve(lead.row, contract) };
    assert_eq!(store.reserve(of_buyer_7(7)).await.unwrap(), Reserved::Granted);
    assert_eq!(store.reserve(of_buyer_7(8)).await.unwrap(), Reserved::AlreadySent);
    assert_eq!((count(&*store, 7).await, count(&*store, 8).await), (1, 0));
    let again = |contract, told, end| Reserve { ended: vec![ended(told, end)], ..of_buyer_7(contract) };
    let unsent = store.reserve(again(8, 7, ReservationEnd::Unsent)).await.unwrap();
    assert_eq!(unsent, Reserved::Granted, "it was never sent");
    let refused = store.reserve(again(9, 8, ReservationEnd::Refused)).await.unwrap();
    assert_eq!(refused, Reserved::AlreadySent);
    assert_eq!(
        (count(&*store, 7).await, count(&*store, 8).await, free(&*store, 7).await.unwrap()),
        (0, 0, Money::ZERO)
    );
    let facts = store.selling_facts(Some(lead.row), DAY).await.unwrap();
    let (contract, buyer, state) = (ContractId(8), BuyerId(7), ReservationState::Refused);
    let met = EarlierSend { contract, buyer, state, day: DAY, cap: None };
    assert_eq!(facts.earlier, [met]);
}

/// Cap, credit, sent before: the first that stands against it is told.
pub async fn a_reservation_is_refused_in_the_order_of_reasons<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    reserved(&*store, lead.row, 7).await;
    let poor = Reserve { credit_limit: Some(Money::ZERO), ..reserve(lead.row, 7) };
    let full = Reserve { cap: Some(1), ..poor.clone() };
    assert_eq!(store.reserve(full).await.unwrap(), Reserved::CapReached { count: 1 });
    let available = money(-PRICE);
    assert_eq!(store.reserve(poor).await.unwrap(), Reserved::NoCredit { available });
    assert_eq!(store.reserve(reserve(lead.row, 7)).await.unwrap(), Reserved::AlreadySent);
}

/// Each opening day has its own count, whatever cap is asked about later.
pub async fn a_contract_counts_by_opening_day<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut ask = async |number, day, cap| {
        let lead = in_hand(&*store, lead(number, rows.next_row())).await;
        store.reserve(Reserve { day, cap: Some(cap), ..reserve(lead.row, 7) }).await.unwrap()
    };
    assert_eq!(ask(1, DAY, 1).await, Reserved::Granted);
    assert_eq!(ask(2, DAY, 1).await, Reserved::CapReached { count: 1 });
    assert_eq!(ask(3, Day(DAY.0 + 1), 1).await, Reserved::Granted);
    assert_eq!(ask(4, DAY, 2).await, Reserved::Granted);
    assert_eq!(ask(5, DAY, 0).await, Reserved::CapReached { count: 2 });
    let counts = store.selling_facts(None, Day(DAY.0 + 1)).await.unwrap().counts;
    assert_eq!(counts, [((ContractId(7), Day(DAY.0 + 1)), 1)].into(), "days before are left out");
}

/// The count stays; the final price leaves the account, whatever was reserved.
pub async fn a_sale_costs_its_buyer_the_final_price_once<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    credit(&*store, 7, 100).await;
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    reserved(&*store, lead.row, 7).await;
    // Told with the next reservation, and again when the run ends.
    let told = vec![ended(7, ReservationEnd::Sold(money(42)))];
    store.reserve(Reserve { ended: told, ..reserve(lead.row, 8) }).await.unwrap();
    assert_eq!((balance(&*store, 7).await, free(&*store, 7).await), (money(58), Some(money(58))));
    let mut change = sold(&lead, 7, money(42));
    change.ended.push(ended(8, ReservationEnd::Refused));
    store.settle(change).await.unwrap();
    let entry = LedgerEntry::sale(NOW, lead.id, BuyerId(7), ContractId(7), money(42));
    assert_eq!(store.ledger_of(lead.row).await.unwrap(), [entry]);
    assert_eq!((balance(&*store, 7).await, free(&*store, 7).await), (money(58), Some(money(58))));
    assert_eq!((count(&*store, 7).await, count(&*store, 8).await), (1, 0));
    let facts = store.selling_facts(None, DAY).await.unwrap();
    assert_eq!(facts.last_sold, [(ContractId(7), NOW)].into());
    // A sale that is told late is not the last one.
    let other = in_hand(&*store, super::build::lead(2, rows.next_row())).await;
    reserved(&*store, other.row, 7).await;
    store.settle(LeadChange { at: NOW.plus_seconds(-60), ..sold(&other, 7, Money::ZERO) }).await.unwrap();
    assert_eq!(store.selling_facts(None, DAY).await.unwrap().last_sold, facts.last_sold);
    let after = read(&*store, &lead).await;
    assert_eq!((after.status, after.outcome), (LeadStatus::Sold, LeadOutcome::Sold));
    assert_eq!((after.revenue, after.sales), (money(42), vec![sale(7, money(42))]));
}

/// It is listed, counts and costs, until it is sold or refused by a later change.
pub async fn what_is_held_keeps_cap_and_credit_until_it_is_settled<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    credit(&*store, 7, 2 * PRICE).await;
    let mut leads = Vec::new();
    for number in [1, 2] {
        let lead = in_hand(&*store, lead(number, rows.next_row())).await;
        reserved(&*store, lead.row, 7).await;
        store.settle(pending(&lead, 7)).await.unwrap();
        leads.push(read(&*store, &lead).await);
    }
    assert_eq!((count(&*store, 7).await, free(&*store, 7).await), (2, Some(Money::ZERO)));
    let listed = held(&*store).await;
    let expected = |lead: &Lead| Held {
        no_return: false,
        replaces: None,
        lead: lead.id,
        buyer: BuyerId(7),
        contract: ContractId(7),
        price: money(PRICE),
        sale_type: SaleType::Exclusive,
        at: NOW,
        hold: hold(),
    };
    assert_eq!(listed, [expected(&leads[0]), expected(&leads[1])]);
    store.act(unsold(&leads[0], &[ended(7, ReservationEnd::Refused)])).await.unwrap();
    assert_eq!((count(&*store, 7).await, free(&*store, 7).await), (1, Some(money(PRICE))));
    store.act(sold(&leads[1], 7, money(PRICE))).await.unwrap();
    assert_eq!((count(&*store, 7).await, free(&*store, 7).await), (1, Some(money(PRICE))));
    assert_eq!(balance(&*store, 7).await, money(PRICE));
    assert_eq!(held_count(&*store).await, 0);
    // What has ended stays as it is.
    let late = read(&*store, &leads[0]).await;
    store.act(sold(&late, 7, money(PRICE))).await.unwrap();
    assert_eq!((count(&*store, 7).await, balance(&*store, 7).await), (1, money(PRICE)));
}

async fn held<S: Store>(store: &S) -> Vec<Held> {
    store.held(PageRequest { ascending: true, ..PageRequest::default() }).await.unwrap().data
}

/// A stale run, or a lead that nobody took, reserves nothing.
pub async fn only_a_lead_in_hand_is_reserved_for<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    store.settle(unsold(&lead, &[])).await.unwrap();
    for row in [lead.row, rows.next_row()] {
        assert_eq!(store.reserve(reserve(row, 7)).await, Err(StoreError::Conflict));
    }
    assert_eq!(count(&*store, 7).await, 0);
}

/// A change in between is read before the run is settled on it; nothing of a refused
/// settlement is kept.
pub async fn a_run_is_settled_on_the_lead_as_it_was_read<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    reserved(&*store, lead.row, 7).await;
    let fields = vec![("first_name".to_owned(), "Bea".to_owned())];
    let changed = Lead { fields: fields.clone(), ..lead.clone() };
    store.update_lead(super::build::update(changed, rows.next_row())).await.unwrap();
    assert_eq!(store.settle(sold(&lead, 7, money(PRICE))).await, Err(StoreError::Conflict));
    assert_eq!(balance(&*store, 7).await, Money::ZERO);
    assert_eq!(read(&*store, &lead).await.outcome, LeadOutcome::Interrupted);
    let now = read(&*store, &lead).await;
    store.settle(sold(&now, 7, money(PRICE))).await.unwrap();
    let after = read(&*store, &lead).await;
    assert_eq!((after.status, after.fields, after.revision), (LeadStatus::Sold, fields, 2));
    assert_eq!(balance(&*store, 7).await, money(-PRICE));
    // It is out of hand: settled once.
    let twice = LeadChange::new(read(&*store, &lead).await, NOW);
    assert_eq!(store.settle(twice).await, Err(StoreError::Conflict));
}

/// What was told stands although the reservation does not.
pub async fn what_a_refused_reservation_tells_is_kept<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    reserved(&*store, lead.row, 7).await;
    let refused =
        Reserve { cap: Some(0), ended: vec![ended(7, ReservationEnd::Refused)], ..reserve(lead.row, 8) };
    assert_eq!(store.reserve(refused).await.unwrap(), Reserved::CapReached { count: 0 });
    assert_eq!((count(&*store, 7).await, free(&*store, 7).await), (0, Some(Money::ZERO)));
    // And counts before the question.
    let own = Reserve { cap: Some(1), ..reserve(lead.row, 9) };
    assert_eq!(store.reserve(own.clone()).await.unwrap(), Reserved::Granted);
    let freed = Reserve { buyer: BuyerId(10), ended: vec![ended(9, ReservationEnd::Refused)], ..own };
    assert_eq!(store.reserve(freed).await.unwrap(), Reserved::Granted);
}
