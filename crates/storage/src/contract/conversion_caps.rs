//! Leads that become a conversion while a conversion cap is full.

use super::build::{NOW, Rows, accept, lead};
use super::build_selling::{in_hand, money, read, reserved, sold};
use crate::leads::{AcceptLead, Posted, Verdict};
use crate::selling::LeadChange;
use crate::{Store, StoreError};
use crumb_domain::caps::{CapCheck, CapScope, DayCount};
use crumb_domain::conversion::LeadConversion;
use crumb_domain::lead::Lead;
use crumb_domain::ledger::{Account, LedgerEntry};
use crumb_domain::network::CapOf;
use crumb_domain::time::Day;
use crumb_domain::{AffiliateId, EventId, Money, OfferId};
use std::sync::Arc;

/// What the cases' leads earn, in units.
const WORTH: i64 = 5;
const COUNT: DayCount =
    DayCount { scope: CapScope::Offer(OfferId(100)), of: CapOf::Conversion, day: Day(20_779) };

fn cap(limit: u32) -> CapCheck {
    let DayCount { scope, of, day } = COUNT;
    CapCheck { scope, of, first_day: day, day, limit }
}

async fn counted<S: Store>(store: &S) -> u64 {
    store.count(cap(0)).await.unwrap()
}

async fn earned<S: Store>(store: &S) -> i64 {
    store.balance(Account::Affiliate(AffiliateId(12))).await.unwrap().micros()
}

/// The lead as a conversion within its caps, or over one, with its entries and counts.
fn becoming(lead: Lead, is_over: bool) -> (Lead, Vec<LedgerEntry>, Vec<DayCount>) {
    let told = LeadConversion::of(EventId(1));
    if is_over {
        let conversion = Some(told.over_cap());
        return (Lead { conversion, payout: Money::ZERO, ..lead }, Vec::new(), Vec::new());
    }
    let paid = LedgerEntry::payout(NOW, lead.id, lead.affiliate, money(WORTH));
    (Lead { conversion: Some(told), payout: money(WORTH), ..lead }, vec![paid], vec![COUNT])
}

/// A lead that becomes a conversion at once, decided as one within its cap or over it.
fn posted(lead: Lead, limit: u32, is_over: bool) -> AcceptLead {
    let (lead, ledger, counts) = becoming(lead, is_over);
    AcceptLead { ledger, counts, conversion_caps: vec![cap(limit)], ..accept(lead) }
}

/// One that is sold first.
fn settled(lead: &Lead, limit: u32, is_over: bool) -> LeadChange {
    let sold = sold(lead, 7, money(30));
    let (lead, ledger, count) = becoming(sold.lead, is_over);
    LeadChange { lead, ledger, count, conversion_caps: vec![cap(limit)], ..sold }
}

/// Whoever decided it otherwise begins again, and nothing of it is there.
pub async fn a_lead_that_was_decided_on_another_count_of_its_cap_is_decided_again<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = lead(1, rows.next_row());
    let told = store.accept_lead(posted(first.clone(), 1, true)).await.unwrap();
    assert_eq!(told, Posted::ConversionCap { is_full: false });
    store.accept_lead(posted(first.clone(), 1, false)).await.unwrap();
    let second = lead(2, rows.next_row());
    let told = store.accept_lead(posted(second.clone(), 1, false)).await.unwrap();
    assert_eq!(told, Posted::ConversionCap { is_full: true });
    assert_eq!((store.lead(second.id).await.unwrap(), earned(&*store).await), (None, money(WORTH).micros()));
    let told = store.accept_lead(posted(second.clone(), 1, true)).await.unwrap();
    assert!(matches!(told, Posted::Now(Verdict::Accepted, _)), "{told:?}");
    assert!(read(&*store, &second).await.conversion.unwrap().is_over_cap());
    assert_eq!((counted(&*store).await, earned(&*store).await), (1, money(WORTH).micros()));
    let either =
        AcceptLead { conversion_caps: vec![cap(9), cap(1)], ..posted(lead(3, rows.next_row()), 1, false) };
    assert_eq!(store.accept_lead(either).await.unwrap(), Posted::ConversionCap { is_full: true });
}

/// Within its run or after it.
pub async fn a_lead_that_becomes_a_conversion_later_meets_the_cap_then<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let taken = Lead { conversion: None, ..lead(1, rows.next_row()) };
    let taken = in_hand(&*store, taken).await;
    reserved(&*store, taken.row, 7).await;
    assert_eq!(store.settle(settled(&taken, 0, false)).await, Err(StoreError::Conflict));
    assert_eq!(store.settle(settled(&taken, 1, true)).await, Err(StoreError::Conflict));
    assert_eq!((counted(&*store).await, earned(&*store).await), (0, 0));
    store.settle(settled(&taken, 0, true)).await.unwrap();
    assert_eq!((counted(&*store).await, earned(&*store).await), (0, 0));
    let now = read(&*store, &taken).await;
    assert!(now.conversion.as_ref().unwrap().is_over_cap());
    // What is no news meets none, however many it allows.
    let approved = LeadConversion::of(EventId(1));
    store.act(LeadChange::new(Lead { conversion: Some(approved), ..now }, NOW)).await.unwrap();
    let rested = Lead { conversion: None, ..lead(2, rows.next_row()) };
    super::build::accepted(&*store, rested.clone()).await;
    let (becomes, ledger, count) = becoming(read(&*store, &rested).await, false);
    let change = LeadChange { ledger, count, ..LeadChange::new(becomes, NOW) };
    let full = LeadChange { conversion_caps: vec![cap(0)], ..change.clone() };
    assert_eq!(store.act(full).await, Err(StoreError::Conflict));
    store.act(LeadChange { conversion_caps: vec![cap(1)], ..change }).await.unwrap();
    assert_eq!((counted(&*store).await, earned(&*store).await), (1, money(WORTH).micros()));
}

/// Those that are accepted and those that are sold share it; the others are there, at nothing.
pub async fn a_cap_of_ten_pays_ten_of_forty_leads_at_once<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut tasks = Vec::new();
    for number in 0..40 {
        let lead = lead(number, rows.next_row());
        if number % 2 == 0 {
            let store = Arc::clone(&store);
            tasks.push(tokio::spawn(async move {
                match store.accept_lead(posted(lead.clone(), 10, false)).await.unwrap() {
                    Posted::Now(..) => {}
                    Posted::ConversionCap { is_full: true } => {
                        let told = store.accept_lead(posted(lead, 10, true)).await.unwrap();
                        assert!(matches!(told, Posted::Now(Verdict::Accepted, _)), "{told:?}");
                    }
                    other => panic!("{other:?}"),
                }
            }));
            continue;
        }
        let lead = in_hand(&*store, Lead { conversion: None, ..lead }).await;
        reserved(&*store, lead.row, 7).await;
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move {
            match store.settle(settled(&lead, 10, false)).await {
                Ok(()) => {}
                Err(error) => {
                    assert_eq!(error, StoreError::Conflict);
                    store.settle(settled(&lead, 10, true)).await.unwrap();
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!((counted(&*store).await, earned(&*store).await), (10, 10 * money(WORTH).micros()));
}
