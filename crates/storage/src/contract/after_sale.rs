//! What comes after a sale: returns, what buyers say, and lists of the ledger.

use super::build::{NOW, Rows, answer_text, lead};
use super::build_selling::{
    DAY, balance, credit, ended, hold, hold_all, in_hand, money, payment, read, reserve, reserved, sold,
    waiting,
};
use crate::after_sale::{BuyerAccount, BuyerStatus, LeadReturn, LedgerFilter, Paid, Payment, ReturnFilter};
use crate::leads::{IDEMPOTENCY_HOURS, IdempotencyClaim, IdempotencyScope, IdempotentAnswer, Verdict};
use crate::selling::{LeadChange, ReservationEnd, Reserve, Then};
use crate::{PageRequest, Store, StoreError};
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_domain::ledger::{Account, LedgerEntry, LedgerKind};
use crumb_domain::selling::{Redress, ReturnState, SaleReturn};
use crumb_domain::{AffiliateId, BuyerId, CampaignId, ContractId, RowId, Timestamp};
use std::sync::Arc;
use tokio::task::JoinSet;

/// A return of the sale on a contract that has the same number as its buyer.
pub(super) fn returned(id: RowId, contract: i64, at: Timestamp) -> LeadReturn {
    LeadReturn {
        id,
        contract: ContractId(contract),
        buyer: BuyerId(contract),
        price: money(30),
        at,
        by: Some("ann".to_owned()),
        reason: "wrong number".to_owned(),
        notes: "rang twice".to_owned(),
        state: ReturnState::Submitted,
        decided_at: None,
        decided_by: None,
        replaced_by: None,
        replaced_at: None,
    }
}

pub(super) async fn bought<S: Store>(store: &S, lead: Lead, contract: i64) -> Lead {
    let lead = in_hand(store, lead).await;
    reserved(store, lead.row, contract).await;
    store.settle(sold(&lead, contract, money(30))).await.unwrap();
    read(store, &lead).await
}

pub(super) fn put(lead: &Lead, returned: &LeadReturn) -> LeadChange {
    LeadChange {
        put_return: Some(returned.clone()),
        then: Then::AsBefore,
        ..LeadChange::new(lead.clone(), NOW)
    }
}

/// What was asked stays, what was decided is new.
pub async fn a_return_is_kept_once_for_a_sale_and_stands_as_it_was_decided<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = bought(&*store, lead(1, rows.next_row()), 7).await;
    let asked = returned(rows.next_row(), 7, NOW);
    store.act(put(&lead, &asked)).await.unwrap();
    assert_eq!(store.returns_of(lead.row).await.unwrap(), std::slice::from_ref(&asked));
    let decided = LeadReturn {
        state: ReturnState::Credited,
        decided_at: Some(NOW.plus_days(1)),
        decided_by: Some("bob".to_owned()),
        ..asked
    };
    let mut now = read(&*store, &lead).await;
    let taken_back = Some(SaleReturn { redress: Redress::Credited, payout_taken_back: true });
    now.sales[0].returned = taken_back;
    store.act(put(&now, &decided)).await.unwrap();
    assert_eq!(store.returns_of(lead.row).await.unwrap(), [decided]);
    assert_eq!(read(&*store, &lead).await.sales[0].returned, taken_back);
}

/// By state, buyer and time, newest first or oldest first.
pub async fn returns_are_found_by_each_filter_and_in_pages<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut leads = Vec::new();
    for number in 0..5_i64 {
        let at = NOW.plus_seconds(number * 1_000);
        let lead = lead(u32::try_from(number).unwrap(), rows.next_row_at(at));
        let lead = bought(&*store, lead, 7 + number % 2).await;
        let mut kept = returned(rows.next_row_at(at), 7 + number % 2, at);
        kept.state = ReturnState::ALL[usize::try_from(number).unwrap() % 4];
        store.act(put(&lead, &kept)).await.unwrap();
        leads.push(lead.id);
    }
    let filter = ReturnFilter::default;
    let (from, to) = (Some(NOW.plus_seconds(1_000)), Some(NOW.plus_seconds(3_000)));
    for (filter, expected) in [
        (filter(), vec![0, 1, 2, 3, 4]),
        (ReturnFilter { state: Some(ReturnState::Submitted), ..filter() }, vec![0, 4]),
        (ReturnFilter { buyer: Some(BuyerId(8)), ..filter() }, vec![1, 3]),
        (ReturnFilter { from, ..filter() }, vec![1, 2, 3, 4]),
        (ReturnFilter { from, to, ..filter() }, vec![1, 2]),
    ] {
        let page = PageRequest { ascending: true, ..PageRequest::default() };
        let found = store.returns(filter, page).await.unwrap();
        let names: Vec<_> = found.data.iter().map(|stored| stored.lead).collect();
        assert_eq!(names, expected.iter().map(|at| leads[*at]).collect::<Vec<_>>(), "{filter:?}");
        assert_eq!(found.total, expected.len() as u64);
    }
    let first = store.returns(filter(), PageRequest { limit: 3, ..PageRequest::default() }).await.unwrap();
    let next = PageRequest { limit: 3, cursor: first.next, ascending: false };
    let rest = store.returns(filter(), next).await.unwrap();
    let names: Vec<_> = first.data.iter().chain(&rest.data).map(|stored| stored.lead).collect();
    assert_eq!(names, leads.into_iter().rev().collect::<Vec<_>>());
    assert_eq!((first.total, rest.next), (5, None));
}

/// Not those that were credited, refused or wait.
pub async fn leads_to_replace_are_counted_by_contract<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    for (number, contract, state) in [
        (1, 7, ReturnState::Replaced),
        (2, 7, ReturnState::Replaced),
        (3, 7, ReturnState::Credited),
        (4, 8, ReturnState::Replaced),
        (5, 9, ReturnState::Submitted),
        (6, 9, ReturnState::Refused),
    ] {
        let lead = bought(&*store, lead(number, rows.next_row()), contract).await;
        let kept = LeadReturn { state, ..returned(rows.next_row(), contract, NOW) };
        store.act(put(&lead, &kept)).await.unwrap();
    }
    let all = [(ContractId(7), 2), (ContractId(8), 1)];
    assert_eq!(store.returns_owed(None).await.unwrap(), all.into());
    assert_eq!(store.returns_owed(Some(BuyerId(8))).await.unwrap(), [all[1]].into());
    assert_eq!(store.returns_owed(Some(BuyerId(9))).await.unwrap(), [].into());
}

/// One each, for each of the lead's sales.
pub async fn what_a_buyer_says_replaces_what_it_said_before<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = bought(&*store, lead(1, rows.next_row()), 7).await;
    let said = |contract, status: &str| BuyerStatus {
        contract: ContractId(contract),
        buyer: BuyerId(contract),
        at: NOW.plus_seconds(9),
        status: status.to_owned(),
        sub_status: (contract == 7).then(|| "left a message".to_owned()),
        note: (contract == 8).then(|| "rings back".to_owned()),
        by: Some("buyer".to_owned()),
    };
    for status in [said(8, "contacted"), said(7, "contacted"), said(7, "funded")] {
        let now = read(&*store, &lead).await;
        let change = LeadChange { put_status: Some(status), ..LeadChange::new(now, NOW) };
        store.act(change).await.unwrap();
    }
    assert_eq!(store.statuses_of(lead.row).await.unwrap(), [said(7, "funded"), said(8, "contacted")]);
}

/// It keeps its place in the queue, and its key its answer.
pub async fn what_is_said_of_a_waiting_lead_leaves_it_waiting<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let waits = waiting(&*store, lead(1, rows.next_row()), NOW).await;
    store.act(put(&waits, &returned(rows.next_row(), 7, NOW))).await.unwrap();
    assert_eq!(store.due(NOW, 10).await.unwrap().len(), 1);
    let (now, _) = store.begin_run(waits.row, DAY).await.unwrap().unwrap();
    let taken = store.act(put(&now, &returned(rows.next_row(), 8, NOW))).await;
    assert_eq!(taken, Err(StoreError::Conflict), "it is in hand");
}

/// By account, kind, lead and time.
pub async fn entries_of_the_ledger_are_found_by_each_filter_and_in_pages<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    credit(&*store, 7, 100).await;
    reserved(&*store, lead.row, 7).await;
    let payout = LedgerEntry::payout(NOW.plus_seconds(5), lead.id, AffiliateId(12), money(12));
    store.settle(LeadChange { ledger: vec![payout], ..sold(&lead, 7, money(30)) }).await.unwrap();
    let at = NOW.plus_seconds(10);
    let reason = "wrong number".to_owned();
    let back = LedgerEntry::give_back(at, lead.id, BuyerId(7), ContractId(7), money(30), reason);
    // Written last, and counts for a day before all others.
    let back = LedgerEntry { effective: Some(NOW.plus_seconds(-86_400)), ..back };
    store.pay(payment(7, vec![back.clone()])).await.unwrap();
    credit(&*store, 8, 1).await;
    let filter = LedgerFilter::default;
    let kinds = |entries: &[LedgerEntry]| entries.iter().map(|entry| entry.kind).collect::<Vec<_>>();
    use LedgerKind::{Credit, Payout, Return, Sale};
    let (buyer, affiliate) = (Account::Buyer(BuyerId(7)), Account::Affiliate(AffiliateId(12)));
    let other = super::build::lead(2, rows.next_row()).id;
    for (filter, expected) in [
        (filter(), vec![Credit, Sale, Payout, Return, Credit]),
        (LedgerFilter { account: Some(buyer), ..filter() }, vec![Credit, Sale, Return]),
        (LedgerFilter { account: Some(affiliate), ..filter() }, vec![Payout]),
        (LedgerFilter { account: Some(Account::House), ..filter() }, vec![Sale, Payout, Return]),
        (LedgerFilter { account: Some(Account::Outside), ..filter() }, vec![Credit, Credit]),
        (LedgerFilter { kind: Some(Return), ..filter() }, vec![Return]),
        (LedgerFilter { lead: Some(lead.id), ..filter() }, vec![Sale, Payout, Return]),
        (LedgerFilter { lead: Some(other), ..filter() }, vec![]),
        (LedgerFilter { from: Some(NOW.plus_seconds(5)), ..filter() }, vec![Payout]),
        (LedgerFilter { to: Some(NOW.plus_seconds(5)), ..filter() }, vec![Credit, Sale, Return, Credit]),
        (LedgerFilter { to: Some(NOW.plus_seconds(-60)), ..filter() }, vec![Return]),
    ] {
        let page = PageRequest { ascending: true, ..PageRequest::default() };
        let found = store.ledger(filter, page).await.unwrap();
        assert_eq!(kinds(&found.data), expected, "{filter:?}");
        assert_eq!(found.total, expected.len() as u64);
    }
    let first = store.ledger(filter(), PageRequest { limit: 2, ..PageRequest::default() }).await.unwrap();
    assert_eq!((kinds(&first.data), first.data.get(1)), (vec![Credit, Return], Some(&back)));
    let next = PageRequest { limit: 3, cursor: first.next, ascending: false };
    let rest = store.ledger(filter(), next).await.unwrap();
    assert_eq!((kinds(&rest.data), rest.next), (vec![Payout, Sale, Credit], None));
}

/// Also where it is held.
pub async fn a_buyers_account_holds_balance_and_what_is_reserved<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let account = |buyer| store.buyer_account(BuyerId(buyer));
    assert_eq!(account(7).await.unwrap(), BuyerAccount::default());
    credit(&*store, 7, 100).await;
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    reserved(&*store, lead.row, 7).await;
    let both = BuyerAccount { balance: money(100), reserved: money(30) };
    assert_eq!(account(7).await.unwrap(), both);
    let held = vec![ended(7, ReservationEnd::Held(hold()))];
    let change = LeadChange { ended: held, ..LeadChange::new(read(&*store, &lead).await, NOW) };
    store.settle(change).await.unwrap();
    assert_eq!(account(7).await.unwrap(), both);
    let change = sold(&read(&*store, &lead).await, 7, money(20));
    store.act(change).await.unwrap();
    let sold = BuyerAccount { balance: money(80), reserved: money(0) };
    assert_eq!(account(7).await.unwrap(), sold);
    assert_eq!(balance(&*store, 7).await, money(80));
}

fn call(caller: &str, route: &str) -> IdempotencyScope {
    IdempotencyScope::Call { caller: caller.to_owned(), route: route.to_owned() }
}

fn keyed(scope: IdempotencyScope, key: &str, body_hash: [u8; 32]) -> Payment {
    let idempotency = Some(IdempotencyClaim { scope, key: key.to_owned(), body_hash });
    let entry = LedgerEntry::credit(NOW, BuyerId(7), money(10));
    Payment { idempotency, ..payment(7, vec![entry]) }
}

/// Whoever pays again under it is told what was told then, and of what.
pub async fn a_payment_is_made_once_under_its_key<S: Store>(store: Arc<S>) {
    let told = |balance: &str| answer_text(balance, &Verdict::Accepted);
    let before = Paid::Before(IdempotentAnswer { body_hash: [1; 32], answer: told("10.00") });
    let pay = |body_hash, at| {
        let payment = keyed(call("ann", "credit"), "key", body_hash);
        let entries = payment.entries.iter().map(|entry| LedgerEntry { at, ..entry.clone() }).collect();
        store.pay(Payment { at, entries, ..payment })
    };
    assert_eq!(pay([1; 32], NOW).await.unwrap(), Paid::Now(told("10.00")));
    credit(&*store, 7, 1).await;
    let ends = NOW.plus_seconds(IDEMPOTENCY_HOURS * 3_600);
    assert_eq!(pay([1; 32], ends.plus_seconds(-1)).await.unwrap(), before);
    assert_eq!(pay([2; 32], NOW).await.unwrap(), before, "another one under the same key");
    assert_eq!(balance(&*store, 7).await, money(11));
    assert_eq!(pay([2; 32], ends).await.unwrap(), Paid::Now(told("21.00")));
    let entries = store.ledger(LedgerFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!(entries.total, 3);
}

/// A key is its caller's, of one route, and meets no post's.
pub async fn keys_of_payments_are_of_caller_and_route<S: Store>(store: Arc<S>) {
    let scopes = [
        call("ann", "credit"),
        call("bob", "credit"),
        call("ann", "other"),
        IdempotencyScope::Campaign(CampaignId(57)),
    ];
    for scope in scopes {
        let paid = store.pay(keyed(scope.clone(), "key", [1; 32])).await.unwrap();
        assert!(matches!(paid, Paid::Now(_)), "{scope:?}");
    }
    assert_eq!(balance(&*store, 7).await, money(40));
}

/// Of many at the same moment one is made, and all are told of it.
pub async fn payments_with_one_key_at_the_same_moment_are_one<S: Store>(store: Arc<S>) {
    let mut paying = JoinSet::new();
    for _ in 0..20 {
        let store = Arc::clone(&store);
        paying.spawn(async move { store.pay(keyed(call("ann", "credit"), "key", [1; 32])).await.unwrap() });
    }
    let paid = paying.join_all().await;
    assert_eq!(paid.iter().filter(|one| matches!(one, Paid::Now(_))).count(), 1);
    let all = paid.into_iter().map(|one| match one {
        Paid::Now(answer) | Paid::Before(IdempotentAnswer { answer, .. }) => answer,
    });
    assert!(all.eq(std::iter::repeat_n(answer_text("10.00", &Verdict::Accepted), 20)));
    assert_eq!(balance(&*store, 7).await, money(10));
}

/// The other is on a lead that has changed since.
pub async fn of_two_returns_at_once_one_holds<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = bought(&*store, lead(1, rows.next_row()), 7).await;
    let give_back = |id| {
        let reason = "wrong number".to_owned();
        let entry = LedgerEntry::give_back(NOW, lead.id, BuyerId(7), ContractId(7), money(30), reason);
        store.act(LeadChange { ledger: vec![entry], ..put(&lead, &returned(id, 7, NOW)) })
    };
    let (first, second) = tokio::join!(give_back(rows.next_row()), give_back(rows.next_row()));
    assert_eq!([first, second].into_iter().filter(Result::is_ok).count(), 1);
    assert_eq!(balance(&*store, 7).await, money(0));
    assert_eq!(store.returns_of(lead.row).await.unwrap().len(), 1);
}

/// Held and settled later, or sold and then a crash.
pub async fn a_sale_for_good_is_one_whatever_comes_between<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let held = in_hand(&*store, lead(1, rows.next_row())).await;
    let for_good = Reserve { no_return: true, ..reserve(held.row, 7) };
    store.reserve(for_good).await.unwrap();
    store.settle(super::build_selling::pending(&held, 7)).await.unwrap();
    assert!(store.held(PageRequest::default()).await.unwrap().data[0].no_return);
    let left = in_hand(&*store, lead(2, rows.next_row())).await;
    store.reserve(Reserve { no_return: true, ..reserve(left.row, 7) }).await.unwrap();
    let told = vec![ended(7, ReservationEnd::Sold(money(30)))];
    store.reserve(Reserve { ended: told, ..reserve(left.row, 8) }).await.unwrap();
    store.recover(NOW, hold_all()).await.unwrap();
    let recovered = read(&*store, &left).await;
    assert_eq!(recovered.status, LeadStatus::Sold);
    assert_eq!(recovered.sales.iter().map(|sale| sale.no_return).collect::<Vec<_>>(), [true]);
}

/// A node's ids go on after its returns too.
pub async fn rows_of_returns_count_as_newest<S: Store>(store: Arc<S>) {
    let (mut rows, mut others) = (Rows::new(), Rows::of_node(5));
    let lead = bought(&*store, lead(1, rows.next_row()), 7).await;
    let kept = returned(others.next_row(), 7, NOW);
    store.act(put(&lead, &kept)).await.unwrap();
    assert_eq!(store.newest_row(5).await.unwrap(), Some(kept.id));
}
