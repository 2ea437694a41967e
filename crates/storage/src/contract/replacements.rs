//! Leads that buyers are owed for those that they gave back.

use super::after_sale::{bought, put, returned};
use super::build::{NOW, Rows, lead};
use super::build_selling::{
    DAY, balance, count, ended, free, hold, hold_all, in_hand, money, pending, read, reserve, unsold,
};
use crate::selling::{LeadChange, ReservationEnd, Reserve, Reserved};
use crate::{PageRequest, Store, StoreError};
use crumb_domain::lead::{Lead, Sale};
use crumb_domain::selling::ReturnState;
use crumb_domain::{BuyerId, ContractId, LeadId, Money, RowId};
use std::sync::Arc;
use tokio::task::JoinSet;

/// A lead that the contract's buyer gave back, and is owed another for.
async fn given_back<S: Store>(store: &S, rows: &mut Rows, number: u32, contract: i64) -> Lead {
    let lead = bought(store, lead(number, rows.next_row()), contract).await;
    let owed = super::super::after_sale::LeadReturn {
        state: ReturnState::Replaced,
        ..returned(rows.next_row(), contract, NOW)
    };
    store.act(put(&lead, &owed)).await.unwrap();
    read(store, &lead).await
}

fn replacement(lead: RowId, contract: i64) -> Reserve {
    Reserve { replacement: true, price: Money::ZERO, ..reserve(lead, contract) }
}

/// Sold on a contract for nothing, in place of another.
fn delivered(lead: &Lead, contract: i64, replaces: LeadId) -> LeadChange {
    let mut change = super::build_selling::sold(lead, contract, Money::ZERO);
    change.lead.sales =
        change.lead.sales.into_iter().map(|sale| Sale { replaces: Some(replaces), ..sale }).collect();
    change
}

/// Still owed by the list of returns, and free to be reserved.
async fn owed<S: Store>(store: &S, contract: i64) -> (u32, u32) {
    let listed = store.returns_owed(None).await.unwrap();
    let facts = store.selling_facts(None, DAY).await.unwrap();
    let of = |found: Option<&u32>| found.copied().unwrap_or_default();
    (of(listed.get(&ContractId(contract))), of(facts.owed.get(&(ContractId(contract), BuyerId(contract)))))
}

/// Of twenty that want one of two at the same moment.
pub async fn leads_at_once_are_free_as_often_as_one_is_owed_and_no_oftener<S: Store + 'static>(
    store: Arc<S>,
) {
    let mut rows = Rows::new();
    let both = [given_back(&*store, &mut rows, 1, 7).await.id, given_back(&*store, &mut rows, 2, 7).await.id];
    let mut tasks = JoinSet::new();
    for number in 10..30 {
        let lead = in_hand(&*store, lead(number, rows.next_row())).await;
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.reserve(replacement(lead.row, 7)).await.unwrap() });
    }
    let answers = tasks.join_all().await;
    for id in both {
        assert_eq!(answers.iter().filter(|answer| **answer == Reserved::Replaces(id)).count(), 1);
    }
    assert_eq!(answers.iter().filter(|answer| **answer == Reserved::NothingOwed).count(), 18);
    assert_eq!(owed(&*store, 7).await, (2, 0));
}

/// It needs no credit, takes none, and counts for the cap.
pub async fn a_replacement_is_owed_reserved_and_delivered_in_the_write_that_says_so<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let back = given_back(&*store, &mut rows, 1, 7).await;
    assert_eq!((owed(&*store, 7).await, balance(&*store, 7).await), ((1, 1), money(-30)));
    let lead = in_hand(&*store, lead(2, rows.next_row())).await;
    let full = Reserve { cap: Some(1), ..replacement(lead.row, 7) };
    assert_eq!(store.reserve(full).await.unwrap(), Reserved::CapReached { count: 1 });
    assert_eq!(store.reserve(replacement(lead.row, 7)).await.unwrap(), Reserved::Replaces(back.id));
    assert_eq!((owed(&*store, 7).await, free(&*store, 7).await), ((1, 0), Some(money(-30))));
    assert_eq!(store.reserve(replacement(lead.row, 7)).await.unwrap(), Reserved::NothingOwed);
    let on_its_way = store.returns_of(back.row).await.unwrap().remove(0);
    assert_eq!((on_its_way.replaced_by, on_its_way.replaced_at), (Some(lead.id), None));
    store.settle(delivered(&lead, 7, back.id)).await.unwrap();
    assert_eq!(
        (owed(&*store, 7).await, balance(&*store, 7).await, count(&*store, 7).await),
        ((0, 0), money(-30), 2)
    );
    let done = store.returns_of(back.row).await.unwrap().remove(0);
    assert_eq!((done.replaced_by, done.replaced_at), (Some(lead.id), Some(NOW)));
    assert_eq!(read(&*store, &lead).await.sales[0].replaces, Some(back.id));
    let told = store.timeline_of(back.row).await.unwrap().pop().unwrap();
    assert_eq!(told.text, format!("lead {} was delivered in its place under contract 7", lead.id));
    let entry = store.ledger_of(lead.row).await.unwrap().remove(0);
    assert_eq!((entry.amount, entry.note), (Money::ZERO, Some(format!("in place of lead {}", back.id))));
}

/// Refused, or never sent.
pub async fn a_replacement_that_is_not_bought_is_owed_on<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let back = given_back(&*store, &mut rows, 1, 7).await;
    for (number, end) in [(2, ReservationEnd::Refused), (3, ReservationEnd::Unsent)] {
        let lead = in_hand(&*store, lead(number, rows.next_row())).await;
        store.reserve(replacement(lead.row, 7)).await.unwrap();
        store.settle(unsold(&lead, &[ended(7, end)])).await.unwrap();
        assert_eq!(owed(&*store, 7).await, (1, 1), "{end:?}");
    }
    let next = in_hand(&*store, lead(4, rows.next_row())).await;
    assert_eq!(store.reserve(replacement(next.row, 7)).await.unwrap(), Reserved::Replaces(back.id));
}

/// While its end is not known nobody else is sent one for it.
pub async fn a_replacement_of_unknown_end_is_held_and_settled_once<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let back = given_back(&*store, &mut rows, 1, 7).await;
    for (number, end, left) in
        [(2, ReservationEnd::Refused, (1, 1)), (3, ReservationEnd::Sold(Money::ZERO), (0, 0))]
    {
        let lead = in_hand(&*store, lead(number, rows.next_row())).await;
        store.reserve(replacement(lead.row, 7)).await.unwrap();
        store.settle(pending(&lead, 7)).await.unwrap();
        assert_eq!(owed(&*store, 7).await, (1, 0));
        let held = store.held(PageRequest::default()).await.unwrap().data.remove(0);
        assert_eq!((held.price, held.replaces, held.hold), (Money::ZERO, Some(back.id), hold()));
        for _ in 0..2 {
            let change = LeadChange::new(read(&*store, &lead).await, NOW);
            store.act(LeadChange { ended: vec![ended(7, end)], ..change }).await.unwrap();
            assert_eq!(owed(&*store, 7).await, left, "{end:?}");
        }
    }
}

/// What was sold before it is delivered; what may have been sent is held.
pub async fn a_crash_leaves_a_replacement_on_its_way_or_delivered<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let back = given_back(&*store, &mut rows, 1, 7).await;
    let other = given_back(&*store, &mut rows, 2, 8).await;
    let lead = in_hand(&*store, lead(3, rows.next_row())).await;
    store.reserve(replacement(lead.row, 7)).await.unwrap();
    let told = vec![ended(7, ReservationEnd::Sold(Money::ZERO))];
    let second = Reserve { ended: told, ..replacement(lead.row, 8) };
    assert_eq!(store.reserve(second).await.unwrap(), Reserved::Replaces(other.id));
    store.recover(NOW, hold_all()).await.unwrap();
    assert_eq!((owed(&*store, 7).await, owed(&*store, 8).await), ((0, 0), (1, 0)));
    let sales = read(&*store, &lead).await.sales;
    assert_eq!(
        sales.iter().map(|sale| (sale.price, sale.replaces)).collect::<Vec<_>>(),
        [(Money::ZERO, Some(back.id))]
    );
}

/// Whichever lead comes.
pub async fn what_is_owed_is_one_buyers_under_one_contract_and_the_longest_owed_first<S: Store>(
    store: Arc<S>,
) {
    let mut rows = Rows::new();
    let first = given_back(&*store, &mut rows, 1, 7).await;
    given_back(&*store, &mut rows, 2, 7).await;
    let next = in_hand(&*store, lead(3, rows.next_row())).await;
    let of_others = [
        replacement(next.row, 8),
        Reserve { buyer: BuyerId(9), ..replacement(next.row, 7) },
        Reserve { buyer: BuyerId(7), ..replacement(next.row, 8) },
    ];
    for wanted in of_others {
        assert_eq!(store.reserve(wanted).await.unwrap(), Reserved::NothingOwed);
    }
    assert_eq!(store.reserve(replacement(next.row, 7)).await.unwrap(), Reserved::Replaces(first.id));
}

/// So that nobody is given both the money and another lead.
pub async fn whoever_pays_a_lead_back_that_is_being_replaced_reads_it_again<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let back = given_back(&*store, &mut rows, 1, 7).await;
    let next = in_hand(&*store, lead(2, rows.next_row())).await;
    store.reserve(replacement(next.row, 7)).await.unwrap();
    let paid = LeadChange { ledger: Vec::new(), ..LeadChange::new(back.clone(), NOW) };
    assert_eq!(store.act(paid).await, Err(StoreError::Conflict));
    assert_eq!(read(&*store, &back).await.revision, back.revision + 1);
}
