//! What clicks and impressions cost: entries of the ledger, exact however they come.

use super::build::{NOW, Rows, batch, click};
use crate::after_sale::LedgerFilter;
use crate::clicks::{ClickBatch, Impression, ImpressionsOf};
use crate::{PageRequest, Store, StoreError};
use crumb_domain::charge::{Charge, Party, Priced};
use crumb_domain::ledger::{Account, LedgerEntry, LedgerKind};
use crumb_domain::time::Day;
use crumb_domain::{AdvertiserId, AffiliateId, CampaignId, Money};
use std::sync::Arc;
use tokio::task::JoinSet;

const AFFILIATE: Party = Party::Affiliate(AffiliateId(12));
const ADVERTISER: Party = Party::Advertiser(AdvertiserId(1));

fn charge(priced: Priced, party: Party, micros: i64) -> Charge {
    let price = Money::from_micros(micros);
    Charge { campaign: CampaignId(57), party, priced, price, at: NOW, day: Day(3) }
}

fn charged(rows: &mut Rows, charges: Vec<Charge>) -> ClickBatch {
    ClickBatch { charges, ..batch(vec![click(rows.next_row())]) }
}

fn shown(charges: Vec<Charge>) -> Impression {
    Impression { of: vec![ImpressionsOf::Campaign(CampaignId(57))], day: Day(3), charges }
}

async fn entries<S: Store>(store: &S) -> Vec<LedgerEntry> {
    let page = PageRequest { limit: PageRequest::MAX_LIMIT, ascending: true, cursor: None };
    store.ledger(LedgerFilter::default(), page).await.unwrap().data
}

/// How many an account's entries of a kind are for, and what they come to.
fn sum(entries: &[LedgerEntry], kind: LedgerKind, account: Account) -> (u64, i64) {
    let of = || entries.iter().filter(|entry| entry.kind == kind);
    let change = |entry: &LedgerEntry| entry.change_of(account).micros();
    (of().filter_map(|entry| entry.count).sum(), of().map(change).sum())
}

/// [`crate::ClickStore::record_clicks`]: who is paid and who pays has an entry each, with
/// their number; of another campaign or day it is another.
pub async fn clicks_that_are_written_at_once_are_one_entry_a_party_campaign_and_day<S: Store>(store: Arc<S>) {
    let paid = charge(Priced::Click, AFFILIATE, 500_000);
    let pays = charge(Priced::Click, ADVERTISER, 800_000);
    let dearer = Charge { price: Money::from_micros(600_000), at: NOW.plus_seconds(1), ..paid };
    let tomorrow = Charge { day: Day(4), at: NOW.plus_seconds(2), ..paid };
    let other = Charge { campaign: CampaignId(58), ..paid };
    let mut rows = Rows::new();
    let all = charged(&mut rows, vec![paid, pays, dearer, pays, tomorrow, other]);
    store.record_clicks(all).await.unwrap();
    let found = entries(&*store).await;
    assert_eq!(found.len(), 4);
    let entry =
        |charge: &Charge, count, micros| LedgerEntry::traffic(charge, count, Money::from_micros(micros));
    for expected in [
        entry(&dearer, 2, 1_100_000),
        entry(&pays, 2, 1_600_000),
        entry(&tomorrow, 1, 500_000),
        entry(&other, 1, 500_000),
    ] {
        assert!(found.contains(&expected), "{expected:?} is not among {found:?}");
    }
}

/// A click that costs nothing leaves nothing in the ledger.
pub async fn a_click_that_nobody_is_paid_for_has_no_entry<S: Store>(store: Arc<S>) {
    store.record_clicks(charged(&mut Rows::new(), Vec::new())).await.unwrap();
    store.record_impression(shown(Vec::new())).await.unwrap();
    assert_eq!(entries(&*store).await, []);
}

/// Hundreds of writers lose no click and charge none twice.
pub async fn entries_of_clicks_sum_to_count_times_price_however_many_come_at_once<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut tasks = JoinSet::new();
    for _ in 0..300 {
        let costs = vec![charge(Priced::Click, ADVERTISER, 7), charge(Priced::Click, AFFILIATE, 3)];
        let (store, batch) = (Arc::clone(&store), charged(&mut rows, costs));
        tasks.spawn(async move { store.record_clicks(batch).await.unwrap() });
    }
    tasks.join_all().await;
    let found = entries(&*store).await;
    let affiliate = Account::Affiliate(AffiliateId(12));
    let advertiser = Account::Advertiser(AdvertiserId(1));
    assert_eq!(sum(&found, LedgerKind::ClickPayout, affiliate), (300, 900));
    assert_eq!(sum(&found, LedgerKind::ClickReceived, advertiser), (300, -2_100));
    assert_eq!(sum(&found, LedgerKind::ClickReceived, Account::House), (300, 2_100));
}

/// Clicks that are refused cost nothing, and their neighbours what they cost.
pub async fn a_click_that_is_not_kept_costs_nothing<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = charged(&mut rows, vec![charge(Priced::Click, AFFILIATE, 5)]);
    store.record_clicks(first.clone()).await.unwrap();
    let mut tasks = JoinSet::new();
    for n in 0..40 {
        let new = charged(&mut rows, vec![charge(Priced::Click, AFFILIATE, 5)]);
        let again = ClickBatch { charges: vec![charge(Priced::Click, AFFILIATE, 1_000)], ..first.clone() };
        let (store, is_new) = (Arc::clone(&store), n % 2 == 0);
        tasks.spawn(async move {
            let kept = store.record_clicks(if is_new { new } else { again }).await;
            let refused = matches!(kept, Err(StoreError::Conflict));
            assert_eq!(refused, !is_new, "{kept:?}");
        });
    }
    tasks.join_all().await;
    let affiliate = Account::Affiliate(AffiliateId(12));
    assert_eq!(sum(&entries(&*store).await, LedgerKind::ClickPayout, affiliate), (21, 105));
}

/// What no single amount can hold is told in more than one.
pub async fn clicks_beyond_the_range_of_an_amount_are_several_entries<S: Store>(store: Arc<S>) {
    let dear = charge(Priced::Click, AFFILIATE, i64::MAX / 2);
    store.record_clicks(charged(&mut Rows::new(), vec![dear; 3])).await.unwrap();
    let told: Vec<_> = entries(&*store).await.iter().map(|entry| (entry.count, entry.amount)).collect();
    let two = Money::from_micros(i64::MAX / 2 * 2);
    assert_eq!(told, [(Some(2), two), (Some(1), Money::from_micros(i64::MAX / 2))]);
}

/// [`crate::ClickStore::record_impression`]: a thousand is one entry, and what is short
/// of it none; of many at once none is lost.
pub async fn impressions_are_entries_by_the_thousand_however_many_come_at_once<S: Store>(store: Arc<S>) {
    let costs = || {
        let paid = charge(Priced::ThousandImpressions, AFFILIATE, 1_000_001);
        vec![charge(Priced::ThousandImpressions, ADVERTISER, 3), paid]
    };
    let nearly = (0..999).flat_map(|_| costs()).collect();
    store.record_impression(shown(nearly)).await.unwrap();
    assert_eq!(entries(&*store).await, []);
    let mut tasks = JoinSet::new();
    for _ in 0..1_501 {
        let (store, impression) = (Arc::clone(&store), shown(costs()));
        tasks.spawn(async move { store.record_impression(impression).await.unwrap() });
    }
    tasks.join_all().await;
    let found = entries(&*store).await;
    assert!(found.iter().all(|entry| entry.count == Some(1_000)), "{found:?}");
    let affiliate = Account::Affiliate(AffiliateId(12));
    let advertiser = Account::Advertiser(AdvertiserId(1));
    assert_eq!(sum(&found, LedgerKind::ImpressionPayout, affiliate), (2_000, 2_000_002));
    assert_eq!(sum(&found, LedgerKind::ImpressionReceived, advertiser), (2_000, -6));
}

/// A price that changes within a thousand holds for those that came under it, to the
/// last thousandth of a micro-unit.
pub async fn a_price_that_changes_within_a_thousand_holds_for_those_that_came_under_it<S: Store>(
    store: Arc<S>,
) {
    let at = |micros| charge(Priced::ThousandImpressions, AFFILIATE, micros);
    // As many charges as impressions; what they count for does not matter here.
    let come = async |micros, times| store.record_impression(shown(vec![at(micros); times])).await.unwrap();
    come(1, 999).await;
    come(10, 1_001).await;
    let affiliate = Account::Affiliate(AffiliateId(12));
    // 999 + 10 thousandths, of which 9 stay; the next 1,000 bring 10,000 more.
    assert_eq!(sum(&entries(&*store).await, LedgerKind::ImpressionPayout, affiliate), (2_000, 11));
    come(991, 1_000).await;
    assert_eq!(sum(&entries(&*store).await, LedgerKind::ImpressionPayout, affiliate), (3_000, 1_002));
    come(991, 1_000).await;
    assert_eq!(sum(&entries(&*store).await, LedgerKind::ImpressionPayout, affiliate), (4_000, 1_993));
}
