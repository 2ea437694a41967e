//! Alerts: raised alone or with a lead's write, folded, and let go.

use super::build::{NOW, Rows, lead, lead_id};
use super::build_selling::in_hand;
use super::configuration::change;
use super::outbox::postback;
use crate::alerts::{ALERT_FOLDED_SECONDS, ALERTS_KEPT_DAYS, AlertFilter, StoredAlert};
use crate::configuration::ConfigurationChange;
use crate::outbox::DeliveryFilter;
use crate::selling::LeadChange;
use crate::{PageRequest, Store, StoreError};
use crumb_domain::delivery::Delivery;
use crumb_domain::selling::{Alert, AlertCode};
use crumb_domain::{BuyerId, ContractId, Timestamp};
use std::sync::{Arc, Mutex};

fn alert(code: AlertCode, contract: i64, at: Timestamp) -> Alert {
    let text = format!("contract {contract}: something");
    Alert { at, code, contract: Some(ContractId(contract)), buyer: Some(BuyerId(5)), lead: None, text }
}

async fn all<S: Store>(store: &S, filter: AlertFilter) -> Vec<StoredAlert> {
    let page = PageRequest { ascending: true, ..PageRequest::default() };
    store.alerts(filter, page).await.unwrap().data
}

/// With everything that it says, and those of one write in their order.
pub async fn an_alert_comes_back_as_it_was<S: Store>(store: Arc<S>) {
    let full = Alert { lead: Some(lead_id(1)), ..alert(AlertCode::PriceOverMaximum, 7, NOW) };
    let bare = Alert { contract: None, buyer: None, ..alert(AlertCode::MarginUndercut, 7, NOW) };
    store.raise(vec![full.clone(), bare.clone()]).await.unwrap();
    store.raise(Vec::new()).await.unwrap();
    let kept = all(&*store, AlertFilter::default()).await;
    assert_eq!(kept.iter().map(|kept| kept.alert.clone()).collect::<Vec<_>>(), [full, bare]);
    assert!(kept.iter().all(|kept| kept.last_at == NOW && kept.count == 1));
    assert!(kept[0].id < kept[1].id);
}

/// A failing buyer does not flood the list; others of the same minute stand for themselves.
pub async fn what_repeats_within_a_minute_is_counted_with_the_first<S: Store>(store: Arc<S>) {
    let later = |seconds| NOW.plus_seconds(seconds);
    let code = AlertCode::BadRedirect;
    let last = ALERT_FOLDED_SECONDS - 1;
    store.raise(vec![alert(code, 7, NOW), alert(code, 8, NOW)]).await.unwrap();
    store.raise(vec![Alert { text: "another".to_owned(), ..alert(code, 7, later(1)) }]).await.unwrap();
    store.raise(vec![alert(AlertCode::PriceUnreadable, 7, later(2))]).await.unwrap();
    store.raise(vec![Alert { buyer: Some(BuyerId(6)), ..alert(code, 7, later(3)) }]).await.unwrap();
    store.raise(vec![alert(code, 7, later(last))]).await.unwrap();
    store.raise(vec![alert(code, 7, later(ALERT_FOLDED_SECONDS))]).await.unwrap();
    let kept = all(&*store, AlertFilter::default()).await;
    let told: Vec<_> =
        kept.iter().map(|one| (one.alert.contract.unwrap().0, one.count, one.last_at)).collect();
    let folded = [
        (7, 3, later(last)),
        (8, 1, NOW),
        (7, 1, later(2)),
        (7, 1, later(3)),
        (7, 1, later(ALERT_FOLDED_SECONDS)),
    ];
    assert_eq!(told, folded);
    assert_eq!(kept[0].alert, alert(code, 7, NOW), "the first of them tells");
}

/// One that was raised at a later time, before the clock was put back, takes none in.
pub async fn alerts_of_a_clock_that_was_put_back_stand_for_themselves<S: Store>(store: Arc<S>) {
    let code = AlertCode::BuyerSkipped;
    store.raise(vec![alert(code, 7, NOW), alert(code, 7, NOW.plus_seconds(-1))]).await.unwrap();
    assert_eq!(all(&*store, AlertFilter::default()).await.len(), 2);
}

/// And only then.
pub async fn an_alert_is_kept_for_its_days<S: Store>(store: Arc<S>) {
    let code = AlertCode::PriceUnreadable;
    store.raise(vec![alert(code, 7, NOW), alert(code, 8, NOW.plus_seconds(1))]).await.unwrap();
    let end = NOW.plus_days(ALERTS_KEPT_DAYS);
    store.raise(vec![alert(code, 9, end)]).await.unwrap();
    assert_eq!(all(&*store, AlertFilter::default()).await.len(), 3);
    store.raise(vec![alert(code, 10, end.plus_seconds(1))]).await.unwrap();
    let kept = all(&*store, AlertFilter::default()).await;
    assert_eq!(kept.iter().map(|one| one.alert.contract.unwrap().0).collect::<Vec<_>>(), [8, 9, 10]);
}

/// One by one and together; a span holds what was raised within it.
pub async fn alerts_are_found_by_each_filter_and_in_pages<S: Store>(store: Arc<S>) {
    for n in 0..6 {
        let code = if n % 2 == 0 { AlertCode::BadRedirect } else { AlertCode::MarginUndercut };
        let raised = alert(code, n, NOW.plus_seconds(n));
        store.raise(vec![Alert { buyer: Some(BuyerId(n / 3 + 1)), ..raised }]).await.unwrap();
    }
    let found = |filter: AlertFilter| {
        let store = Arc::clone(&store);
        async move {
            all(&*store, filter).await.iter().map(|one| one.alert.contract.unwrap().0).collect::<Vec<_>>()
        }
    };
    let any = AlertFilter::default();
    assert_eq!(found(AlertFilter { code: Some(AlertCode::BadRedirect), ..any }).await, [0, 2, 4]);
    assert_eq!(found(AlertFilter { contract: Some(ContractId(3)), ..any }).await, [3]);
    assert_eq!(found(AlertFilter { buyer: Some(BuyerId(1)), ..any }).await, [0, 1, 2]);
    let (from, to) = (Some(NOW.plus_seconds(2)), Some(NOW.plus_seconds(4)));
    assert_eq!(found(AlertFilter { from, to, ..any }).await, [2, 3]);
    let mut page = PageRequest { limit: 4, ..PageRequest::default() };
    let first = store.alerts(any, page.clone()).await.unwrap();
    assert_eq!(first.total, 6);
    page.cursor = first.next;
    let second = store.alerts(any, page).await.unwrap();
    let contracts: Vec<i64> =
        first.data.iter().chain(&second.data).map(|one| one.alert.contract.unwrap().0).collect();
    assert_eq!(contracts, [5, 4, 3, 2, 1, 0], "newest first");
    assert_eq!(second.next, None);
}

/// They stand and fall with it.
pub async fn a_leads_alerts_are_raised_with_its_write<S: Store>(store: Arc<S>) {
    let lead = in_hand(&*store, lead(1, Rows::new().next_row())).await;
    let raised = Alert { lead: Some(lead.id), ..alert(AlertCode::BadRedirect, 7, NOW) };
    let change = LeadChange { alerts: vec![raised.clone()], ..LeadChange::new(lead, NOW) };
    store.settle(change.clone()).await.unwrap();
    assert_eq!(store.settle(change).await, Err(StoreError::Conflict));
    let kept = all(&*store, AlertFilter::default()).await;
    assert_eq!((kept.len(), kept[0].count, &kept[0].alert), (1, 1, &raised));
}

/// Whatever raises them; what is folded into one that was told is not told again.
pub async fn who_is_told_of_alerts_is_told_in_the_write_that_raises_them<S: Store>(store: Arc<S>) {
    let rows = Mutex::new(Rows::new());
    store.tell_alerts(Arc::new(move |alert| {
        let told = postback(rows.lock().unwrap().next_row());
        vec![Delivery { body: Some(alert.text.clone()), ..told }]
    }));
    let alert = |code, text: &str| Alert {
        at: NOW,
        code,
        contract: None,
        buyer: None,
        lead: None,
        text: text.to_owned(),
    };
    let (first, folded) = (alert(AlertCode::BadRedirect, "one"), alert(AlertCode::BadRedirect, "again"));
    store.raise(vec![first, folded]).await.unwrap();
    let parked = alert(AlertCode::DeliveryParked, "two");
    store.end_leases(Vec::new(), vec![parked]).await.unwrap();
    let switched = vec![alert(AlertCode::ContractSwitchedOff, "three")];
    let refused = ConfigurationChange { alerts: switched.clone(), ..change(1, &[], &[]) };
    assert!(store.commit_configuration(refused).await.is_err());
    let made = ConfigurationChange { alerts: switched, ..change(0, &[], &[]) };
    store.commit_configuration(made).await.unwrap();
    let page = PageRequest { ascending: true, ..PageRequest::default() };
    let told = store.deliveries(DeliveryFilter::default(), page).await.unwrap().data;
    let bodies: Vec<&str> = told.iter().filter_map(|told| told.body.as_deref()).collect();
    assert_eq!(bodies, ["one", "two", "three"]);
}
