//! Who is told of a cap that is reached, by which write, and how often.

use super::build::{NOW, Rows, accept, batch, click, lead};
use super::build_selling::{DAY, PRICE, ended, in_hand, money, pending, read, reserve, sold, unsold};
use super::outbox::postback;
use crate::clicks::ClickBatch;
use crate::leads::{AcceptLead, Offering, Posted};
use crate::outbox::{CapCount, CapTold, DeliveryFilter};
use crate::selling::{LeadChange, ReservationEnd, Reserve};
use crate::{PageRequest, Store};
use crumb_domain::caps::{CapCheck, CapScope, DayCount, first_day};
use crumb_domain::lead::{Lead, LeadOutcome};
use crumb_domain::network::{CapInterval, CapOf};
use crumb_domain::time::Day;
use crumb_domain::{ContractId, OfferId, RowId};
use std::sync::Arc;

/// A lead of offer 100 that came on a Monday.
const MONDAY: Day = Day(20_780);

fn count(day: Day) -> DayCount {
    DayCount { scope: CapScope::Offer(OfferId(100)), of: CapOf::Lead, day }
}

fn cap(interval: CapInterval, day: Day, limit: u32) -> CapCount {
    let DayCount { scope, of, .. } = count(day);
    CapCount::Of(CapCheck { scope, of, first_day: first_day(interval, day), day, limit }, interval)
}

/// One message about it, and which.
fn told(count: CapCount, rows: &mut Rows) -> (CapTold, RowId) {
    let delivery = postback(rows.next_row());
    let id = delivery.id;
    (CapTold { count, deliveries: vec![delivery] }, id)
}

async fn written<S: Store>(store: &S) -> Vec<RowId> {
    let page = PageRequest { ascending: true, ..PageRequest::default() };
    let all = store.deliveries(DeliveryFilter::default(), page).await.unwrap().data;
    all.iter().map(|delivery| delivery.id).collect()
}

/// Whatever counts, and whatever comes after it: a place that is free again and taken again
/// fills the cap no second time.
pub async fn a_cap_is_told_by_the_write_that_fills_it_and_once<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut filled = Vec::new();
    for number in 1..=3 {
        let (told, id) = told(cap(CapInterval::Day, DAY, 2), &mut rows);
        filled.extend((number == 2).then_some(id));
        let lead = lead(number, rows.next_row());
        let counted = AcceptLead { caps_told: vec![told], counts: vec![count(DAY)], ..accept(lead.clone()) };
        store.accept_lead(counted).await.unwrap();
        if number == 2 {
            let lead = read(&*store, &lead).await;
            let freed = LeadChange { uncount: vec![count(DAY)], ..LeadChange::new(lead, NOW) };
            store.act(freed).await.unwrap();
        }
    }
    assert_eq!(written(&*store).await, filled);
}

/// A day's cap and a week's that begin on the same day are two; another limit is another
/// cap, and so is another day's.
pub async fn each_interval_and_limit_of_a_cap_is_told_for_itself<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let caps = [
        (cap(CapInterval::Day, MONDAY, 1), true),
        (cap(CapInterval::Week, MONDAY, 1), true),
        (cap(CapInterval::Total, MONDAY, 1), true),
        (cap(CapInterval::Day, MONDAY, 2), false),
        (cap(CapInterval::Day, MONDAY, 1), false),
    ];
    let (caps_told, ids): (Vec<_>, Vec<_>) = caps.iter().map(|(count, _)| told(*count, &mut rows)).unzip();
    let mut filled: Vec<RowId> =
        ids.iter().zip(&caps).filter_map(|(id, (_, fills))| fills.then_some(*id)).collect();
    let first = accept(lead(1, rows.next_row()));
    store.accept_lead(AcceptLead { caps_told, counts: vec![count(MONDAY)], ..first }).await.unwrap();
    assert_eq!(written(&*store).await, filled);
    let next = Day(MONDAY.0 + 1);
    let (day, of_day) = told(cap(CapInterval::Day, next, 1), &mut rows);
    let (week, _) = told(cap(CapInterval::Week, next, 1), &mut rows);
    let (more, of_more) = told(cap(CapInterval::Week, next, 2), &mut rows);
    filled.extend([of_day, of_more]);
    let caps_told = vec![day, week, more];
    let second = accept(lead(2, rows.next_row()));
    store.accept_lead(AcceptLead { caps_told, counts: vec![count(next)], ..second }).await.unwrap();
    assert_eq!(written(&*store).await, filled);
}

/// A lead in hand has counted and may not stay: the cap is filled once it is known that
/// all its leads do.
pub async fn a_cap_that_leads_in_hand_fill_is_told_by_the_one_that_stays<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut leads = Vec::new();
    for number in 1..=3 {
        let lead = Lead { outcome: LeadOutcome::Interrupted, ..lead(number, rows.next_row()) };
        let offering = Some(Offering::InHand);
        let sent = AcceptLead { offering, counts: vec![count(DAY)], ..accept(lead.clone()) };
        assert_eq!(store.accept_lead(sent).await.unwrap(), Posted::InHand);
        leads.push(lead);
    }
    let mut settle = async |lead: &Lead, stays: bool| {
        let (told, id) = told(cap(CapInterval::Day, DAY, 2), &mut rows);
        let uncount = if stays { Vec::new() } else { vec![count(DAY)] };
        let caps_told = if stays { vec![told] } else { Vec::new() };
        store.settle(LeadChange { uncount, caps_told, ..unsold(lead, &[]) }).await.unwrap();
        id
    };
    settle(&leads[0], true).await;
    settle(&leads[1], false).await;
    assert_eq!(written(&*store).await, [], "two have counted, of which one may not stay");
    let last = settle(&leads[2], true).await;
    assert_eq!(written(&*store).await, [last]);
}

/// Held ones have their place, and may yet be refused.
pub async fn a_contracts_cap_is_told_when_its_last_lead_is_sold<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let of_contract = CapCount::Contract { contract: ContractId(7), day: DAY, limit: 2 };
    let mut leads = Vec::new();
    for number in 1..=2 {
        let lead = in_hand(&*store, lead(number, rows.next_row())).await;
        store.reserve(Reserve { cap: Some(2), ..reserve(lead.row, 7) }).await.unwrap();
        leads.push(lead);
    }
    let [first, second] = leads.as_slice() else { unreachable!() };
    let facts = store.selling_facts(Some(first.row), DAY).await.unwrap();
    assert_eq!(facts.earlier.iter().map(|sent| (sent.day, sent.cap)).collect::<Vec<_>>(), [(DAY, Some(2))]);
    store.settle(pending(first, 7)).await.unwrap();
    let (of_second, _) = told(of_contract, &mut rows);
    let caps_told = vec![of_second];
    store.settle(LeadChange { caps_told, ..sold(second, 7, money(PRICE)) }).await.unwrap();
    assert_eq!(written(&*store).await, [], "one is held");
    let (of_first, id) = told(of_contract, &mut rows);
    let caps_told = vec![of_first];
    let first = read(&*store, first).await;
    store.act(LeadChange { caps_told, ..sold(&first, 7, money(PRICE)) }).await.unwrap();
    assert_eq!(written(&*store).await, [id]);
    // Another day's leads are another cap's, and the day's count stays.
    let third = in_hand(&*store, lead(3, rows.next_row())).await;
    store.reserve(Reserve { day: Day(DAY.0 + 1), ..reserve(third.row, 7) }).await.unwrap();
    let (again, _) = told(of_contract, &mut rows);
    let change = LeadChange { caps_told: vec![again], ..unsold(&third, &[ended(7, ReservationEnd::Unsent)]) };
    store.settle(change).await.unwrap();
    assert_eq!(written(&*store).await, [id]);
}

/// Clicks are counted by whoever sends them here, who says which one fills a cap.
pub async fn a_cap_that_clicks_fill_is_told_with_their_write_or_not_at_all<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let CapCount::Of(check, interval) = cap(CapInterval::Day, DAY, 9) else { unreachable!() };
    let filling = |rows: &mut Rows, id: RowId| {
        let (told, written) = told(CapCount::Reached(check, interval), rows);
        (ClickBatch { caps_told: vec![told], ..batch(vec![click(id)]) }, written)
    };
    let taken = rows.next_row();
    store.record_clicks(batch(vec![click(taken)])).await.unwrap();
    let (refused, _) = filling(&mut rows, taken);
    assert!(store.record_clicks(refused).await.is_err(), "its id is another's");
    assert_eq!(written(&*store).await, []);
    let id = rows.next_row();
    let (first, of_first) = filling(&mut rows, id);
    let id = rows.next_row();
    let (second, _) = filling(&mut rows, id);
    store.record_clicks(first).await.unwrap();
    store.record_clicks(second).await.unwrap();
    assert_eq!(written(&*store).await, [of_first]);
}
