//! Clicks, sessions and counts.

use super::build::{NOW, Rows, batch, click, duplicate, record, record_all};
use crate::clicks::{ClickBatch, ClickFilter, Impression, ImpressionsOf};
use crate::configuration::HistoryOf;
use crate::{PageRequest, Store};
use crumb_domain::caps::{CapCheck, CapScope, DayCount};
use crumb_domain::click::{Click, ClickSource, Disposition, NonHuman, VisitorId};
use crumb_domain::network::{CapOf, PriceFormat};
use crumb_domain::session::SessionOrigin;
use crumb_domain::time::Day;
use crumb_domain::{
    AffiliateId, CampaignId, ConfigVersion, CreativeId, MediaTypeId, Money, OfferContractId, OfferId, RowId,
    SubIds,
};
use std::sync::Arc;
use tokio::task::JoinSet;

async fn ids<S: Store>(store: &S, filter: ClickFilter) -> Vec<RowId> {
    let page = store.clicks(filter, PageRequest::default()).await.unwrap();
    assert_eq!(page.total, page.data.len() as u64);
    page.data.iter().map(|click| click.id).collect()
}

/// A click with every column filled.
fn full_click(id: RowId, session: RowId) -> Click {
    Click {
        id,
        at: NOW.plus_seconds(1),
        source: ClickSource::ImagePixel,
        session: Some(session),
        visitor: Some(VisitorId(u64::MAX)),
        affiliate: Some(AffiliateId::TEST),
        offer: Some(OfferId(1)),
        campaign: Some(CampaignId(2)),
        creative: Some(CreativeId(3)),
        offer_contract: Some(OfferContractId(4)),
        asked_contract: Some(OfferContractId(6)),
        media_type: Some(MediaTypeId(5)),
        price_format: Some(PriceFormat::Revshare),
        sub_ids: SubIds::new(["a", "", "ü", "", "e\0e"]),
        device_id: Some("udid".to_owned()),
        disposition: Disposition::BlockedIpAddress,
        duplicate: true,
        non_human: Some(NonHuman::Preview),
        test: true,
        ip: Some("2001:db8::1".parse().unwrap()),
        country: Some("US".to_owned()),
        user_agent: "Mozilla/5.0 \u{1F600}".to_owned(),
        referrer: "https://referrer.example/?q=1".to_owned(),
        redirect: Some("https://offer.example/?email=***".to_owned()),
        prefill: Vec::new(),
        payout: Money::from_micros(500_000),
        received: Money::from_micros(800_001),
        config_version: ConfigVersion(9),
    }
}

/// [`crate::ClickStore::session`] finds what a click opened, with that click's values.
pub async fn a_click_that_opens_a_session_is_found_as_that_session<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = Click {
        visitor: Some(VisitorId(7)),
        offer_contract: Some(OfferContractId(4)),
        sub_ids: SubIds::new(["sub", "", "", "", "five"]),
        device_id: Some("udid".to_owned()),
        test: true,
        country: Some("DE".to_owned()),
        ..click(rows.next_row())
    };
    record(&*store, opened.clone()).await;
    let session = store.session(opened.id).await.unwrap().unwrap();
    assert_eq!(session.id, opened.id);
    assert_eq!(session.origin, SessionOrigin::Click);
    assert_eq!((session.at, session.ip), (opened.at, opened.ip));
    assert_eq!(Some(session.affiliate), opened.affiliate);
    assert_eq!(Some(session.offer), opened.offer);
    assert_eq!((session.campaign, session.creative), (opened.campaign, opened.creative));
    assert_eq!(session.offer_contract, opened.offer_contract);
    assert_eq!((&session.sub_ids, &session.device_id), (&opened.sub_ids, &opened.device_id));
    assert_eq!((session.visitor, session.test), (opened.visitor, opened.test));
    assert_eq!(session.country, opened.country);
    assert!(!session.converted);
}

/// Every column of a click is kept.
pub async fn a_click_comes_back_as_it_was<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let bare = Click {
        session: None,
        affiliate: None,
        offer: None,
        campaign: None,
        creative: None,
        ip: None,
        user_agent: String::new(),
        redirect: None,
        disposition: Disposition::InvalidLink,
        ..click(rows.next_row())
    };
    let usual = click(rows.next_row());
    let full = full_click(rows.next_row(), usual.id);
    let kept = vec![bare, usual, full];
    record_all(&*store, kept.clone()).await;
    let page = PageRequest { ascending: true, ..PageRequest::default() };
    let found = store.clicks(ClickFilter::default(), page).await.unwrap();
    assert_eq!(found.data, kept);
    assert_eq!(found.next, None);
}

/// Only a click with disposition ok that opened its session is one.
pub async fn a_duplicate_or_diverted_click_is_no_session<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = click(rows.next_row());
    let further = duplicate(rows.next_row(), opened.id);
    let diverted = Click { session: None, disposition: Disposition::OfferExpired, ..click(rows.next_row()) };
    // Each of these lacks but one thing of a click that opens a session.
    let repeated = Click { duplicate: true, ..click(rows.next_row()) };
    let expired = Click { disposition: Disposition::OfferExpired, ..click(rows.next_row()) };
    let of_none = Click { session: None, ..click(rows.next_row()) };
    let unknown = rows.next_row();
    let none = [further, diverted, repeated, expired, of_none];
    let ids = none.each_ref().map(|click| click.id);
    record_all(&*store, [opened].into_iter().chain(none).collect()).await;
    for id in ids.into_iter().chain([unknown]) {
        assert_eq!(store.session(id).await.unwrap(), None);
    }
}

/// [`ClickFilter::session`]: the click itself and those credited to it.
pub async fn the_clicks_of_a_session_are_found_by_it<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let (first, other) = (click(rows.next_row()), click(rows.next_row()));
    let further = duplicate(rows.next_row(), first.id);
    let diverted = Click {
        session: Some(first.id),
        disposition: Disposition::AlreadyConverted,
        ..click(rows.next_row())
    };
    let (first_id, other_id) = (first.id, other.id);
    let expected = [diverted.id, further.id, first.id];
    record_all(&*store, vec![first, other, further.clone(), diverted]).await;
    let of = |session| ClickFilter { session: Some(session), ..ClickFilter::default() };
    assert_eq!(ids(&*store, of(first_id)).await, expected);
    assert_eq!(ids(&*store, of(other_id)).await, [other_id]);
    assert_eq!(ids(&*store, of(further.id)).await, [further.id]);
}

/// Each part of [`ClickFilter`] narrows; `from` is inclusive, `to` exclusive.
pub async fn clicks_are_found_by_each_filter_and_by_time<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut at = |seconds| {
        let at = NOW.plus_seconds(seconds);
        Click { at, ..click(rows.next_row_at(at)) }
    };
    let plain = at(0);
    let affiliate = Click { affiliate: Some(AffiliateId(13)), ..at(100) };
    let offer = Click { offer: Some(OfferId(101)), ..at(200) };
    let campaign = Click { campaign: Some(CampaignId(58)), ..at(300) };
    let creative = Click { creative: Some(CreativeId(1058)), ..at(400) };
    let diverted = Click { disposition: Disposition::InactiveOffer, session: None, ..at(500) };
    let kept = [plain, affiliate, offer, campaign, creative, diverted];
    record_all(&*store, kept.to_vec()).await;
    let none = ClickFilter::default;
    let by_value = [
        (ClickFilter { affiliate: Some(AffiliateId(13)), ..none() }, 1),
        (ClickFilter { offer: Some(OfferId(101)), ..none() }, 2),
        (ClickFilter { campaign: Some(CampaignId(58)), ..none() }, 3),
        (ClickFilter { creative: Some(CreativeId(1058)), ..none() }, 4),
        (ClickFilter { disposition: Some(Disposition::InactiveOffer), ..none() }, 5),
    ];
    for (filter, expected) in by_value {
        assert_eq!(ids(&*store, filter.clone()).await, [kept[expected].id], "{filter:?}");
    }
    let (from, to) = (Some(NOW.plus_seconds(200)), Some(NOW.plus_seconds(400)));
    let found = ids(&*store, ClickFilter { from, to, ..none() }).await;
    assert_eq!(found, [kept[3].id, kept[2].id]);
    let both = ClickFilter { affiliate: Some(AffiliateId(13)), offer: Some(OfferId(101)), ..none() };
    assert_eq!(ids(&*store, both).await, []);
}

/// Following the cursor gives every row once, in either direction, with the
/// whole list's total on every page.
pub async fn pages_of_clicks_follow_each_other_without_gap_or_repeat<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let kept: Vec<Click> = (0..25).map(|_| click(rows.next_row())).collect();
    record_all(&*store, kept.clone()).await;
    for ascending in [true, false] {
        let mut expected: Vec<RowId> = kept.iter().map(|click| click.id).collect();
        if !ascending {
            expected.reverse();
        }
        let (mut found, mut cursor, mut sizes) = (Vec::new(), None, Vec::new());
        loop {
            let request = PageRequest { limit: 10, cursor, ascending };
            let page = store.clicks(ClickFilter::default(), request).await.unwrap();
            assert_eq!(page.total, 25);
            sizes.push(page.data.len());
            found.extend(page.data.iter().map(|click| click.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected);
        assert_eq!(sizes, [10, 10, 5]);
    }
    let exactly = PageRequest { limit: 25, ..PageRequest::default() };
    let page = store.clicks(ClickFilter::default(), exactly).await.unwrap();
    assert_eq!(page.next, None, "a page that ends with the list has no next one");
}

/// A write is whole: one id that is taken refuses all of its request's clicks and
/// counts, and none of its neighbours'.
pub async fn the_clicks_of_one_request_are_kept_together_or_not_at_all<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let new: Vec<Click> = (0..40).map(|_| click(rows.next_row())).collect();
    // In the order of ids it comes last, when the others of its request are written.
    let taken = click(rows.next_row());
    record(&*store, taken.clone()).await;
    let day = Day(20_000);
    let count = DayCount { scope: CapScope::Offer(OfferId(100)), of: CapOf::Click, day };
    let mut tasks = JoinSet::new();
    for (number, click) in (0..).zip(new) {
        let id = click.id;
        let mut clicks = vec![click];
        let refused = number % 4 == 0;
        if refused {
            clicks.push(taken.clone());
        }
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let result = store
                .record_clicks(ClickBatch { clicks, counts: vec![count], ..ClickBatch::default() })
                .await;
            assert_eq!(result.is_err(), refused, "{result:?}");
            (id, refused)
        });
    }
    for (id, refused) in tasks.join_all().await {
        assert_eq!(store.session(id).await.unwrap().is_none(), refused);
    }
    let check = CapCheck { scope: count.scope, of: CapOf::Click, first_day: day, day, limit: 1_000 };
    assert_eq!(store.count(check).await.unwrap(), 30);
}

/// [`crate::ClickStore::prefill`], over several clicks of a session.
pub async fn prefill_values_are_kept_for_the_session_and_the_newest_of_a_name_holds<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let first =
        Click { prefill: pairs(&[("first_name", "Ann"), ("zip_code", "30301")]), ..click(rows.next_row()) };
    let session = first.id;
    record(&*store, first).await;
    assert_eq!(store.prefill(session).await.unwrap(), pairs(&[("first_name", "Ann"), ("zip_code", "30301")]));
    let further = Click {
        prefill: pairs(&[("zip_code", "10001"), ("state", "NY")]),
        ..duplicate(rows.next_row(), session)
    };
    record(&*store, further).await;
    assert_eq!(
        store.prefill(session).await.unwrap(),
        pairs(&[("first_name", "Ann"), ("zip_code", "10001"), ("state", "NY")])
    );
    assert_eq!(store.prefill(rows.next_row()).await.unwrap(), []);
}

/// [`crate::ClickStore::count`] sums its scope, its kind and its days, no others.
pub async fn counts_add_up_over_the_days_of_a_check<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let offer = CapScope::Offer(OfferId(57));
    let campaign = CapScope::Campaign(CampaignId(57));
    let count = |scope, of, day| DayCount { scope, of, day: Day(day) };
    let counts = vec![
        count(offer, CapOf::Click, 10),
        count(offer, CapOf::Click, 10),
        count(offer, CapOf::Click, 11),
        count(offer, CapOf::Click, 13),
        count(offer, CapOf::Lead, 11),
        count(campaign, CapOf::Click, 11),
    ];
    for _ in 0..2 {
        let clicks = vec![click(rows.next_row())];
        store
            .record_clicks(ClickBatch { clicks, counts: counts.clone(), ..ClickBatch::default() })
            .await
            .unwrap();
    }
    let check =
        |scope, of, first, last| CapCheck { scope, of, first_day: Day(first), day: Day(last), limit: 1 };
    for (check, expected) in [
        (check(offer, CapOf::Click, 10, 12), 6),
        (check(offer, CapOf::Click, 11, 11), 2),
        (check(offer, CapOf::Click, i32::MIN, 13), 8),
        (check(offer, CapOf::Lead, 0, 20), 2),
        (check(campaign, CapOf::Click, 0, 20), 2),
        (check(campaign, CapOf::Conversion, 0, 20), 0),
    ] {
        assert_eq!(store.count(check).await.unwrap(), expected, "{check:?}");
    }
}

fn impression(of: Vec<ImpressionsOf>, day: i32) -> Impression {
    Impression { of, day: Day(day), charges: Vec::new() }
}

/// [`crate::ClickStore::impressions`] tells each day's count apart from clicks and from
/// each other's; what was shown has history.
pub async fn impressions_are_counted_by_day_for_campaign_and_creative<S: Store>(store: Arc<S>) {
    let campaign = ImpressionsOf::Campaign(CampaignId(57));
    let creative = ImpressionsOf::Creative(CreativeId(57));
    for day in [3, 1, 3] {
        store.record_impression(impression(vec![campaign, creative], day)).await.unwrap();
    }
    store.record_impression(impression(vec![creative], 4)).await.unwrap();
    let click = ClickBatch {
        clicks: vec![click(Rows::new().next_row())],
        counts: vec![DayCount { scope: CapScope::Campaign(CampaignId(57)), of: CapOf::Click, day: Day(3) }],
        ..ClickBatch::default()
    };
    store.record_clicks(click).await.unwrap();
    let shown = async |of, first, last| store.impressions(of, Day(first), Day(last)).await.unwrap();
    assert_eq!(shown(campaign, 0, 9).await, [(Day(1), 1), (Day(3), 2)]);
    assert_eq!(shown(creative, 2, 4).await, [(Day(3), 2), (Day(4), 1)]);
    assert_eq!(shown(ImpressionsOf::Campaign(CampaignId(58)), 0, 9).await, []);
    assert_eq!(shown(creative, 4, 3).await, []);
    let check = CapCheck {
        scope: CapScope::Campaign(CampaignId(57)),
        of: CapOf::Click,
        first_day: Day(0),
        day: Day(9),
        limit: 1,
    };
    assert_eq!(store.count(check).await.unwrap(), 1, "an impression is no click");
    let shown = vec![HistoryOf::Campaign(CampaignId(57)), HistoryOf::Creative(CreativeId(57))];
    assert_eq!(store.have_history(shown).await.unwrap(), [true, true]);
}

/// Hundreds of writers lose nothing, and reads see what was acknowledged.
pub async fn many_clicks_at_once_are_all_kept_and_counted<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let count = DayCount { scope: CapScope::Offer(OfferId(100)), of: CapOf::Click, day: Day(1) };
    let mut tasks = JoinSet::new();
    for _ in 0..300 {
        let click = click(rows.next_row());
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let id = click.id;
            store.record_clicks(ClickBatch { counts: vec![count], ..batch(vec![click]) }).await.unwrap();
            assert!(store.session(id).await.unwrap().is_some(), "an acknowledged click is seen");
        });
    }
    tasks.join_all().await;
    let page = store.clicks(ClickFilter::default(), PageRequest { limit: 1, ..Default::default() });
    assert_eq!(page.await.unwrap().total, 300);
    let check = CapCheck { scope: count.scope, of: CapOf::Click, first_day: Day(1), day: Day(1), limit: 1 };
    assert_eq!(store.count(check).await.unwrap(), 300);
}

/// [`crate::ClickStore::newest_row`] tells nodes apart.
pub async fn the_newest_row_of_each_node_is_known<S: Store>(store: Arc<S>) {
    assert_eq!(store.newest_row(0).await.unwrap(), None);
    let (mut of_zero, mut of_one) = (Rows::new(), Rows::of_node(1));
    let zero = click(of_zero.next_row());
    let one = click(of_one.next_row_at(NOW.plus_seconds(100)));
    record_all(&*store, vec![zero.clone(), one.clone()]).await;
    assert_eq!(store.newest_row(0).await.unwrap(), Some(zero.id));
    assert_eq!(store.newest_row(1).await.unwrap(), Some(one.id));
    assert_eq!(store.newest_row(2).await.unwrap(), None);
}

/// [`crate::ClickStore::recent_openings`] leaves out what opened no session, lies
/// before the moment or is on another offer, and begins with the newest.
pub async fn recent_openings_are_the_newest_sessions_of_the_offers<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut at = |seconds: i64| {
        let at = NOW.plus_seconds(seconds);
        Click { at, ..click(rows.next_row_at(at)) }
    };
    let (before, first, other, second, third) = (at(9), at(10), at(11), at(12), at(13));
    let mut further = at(14);
    (further.session, further.duplicate) = (Some(first.id), true);
    let mut refused = at(15);
    (refused.session, refused.disposition) = (None, Disposition::InactiveOffer);
    let other = Click { offer: Some(OfferId(101)), ..other };
    let second = Click { offer: Some(OfferId(102)), ..second };
    let all = [&before, &first, &other, &second, &third, &further, &refused];
    record_all(&*store, all.into_iter().cloned().collect()).await;
    let recent = async |offers: &[i64], limit| {
        let offers = offers.iter().copied().map(OfferId).collect();
        store.recent_openings(offers, NOW.plus_seconds(10), limit).await.unwrap()
    };
    assert_eq!(recent(&[100, 102], 9).await, [third.clone(), second.clone(), first]);
    assert_eq!(recent(&[100, 102], 2).await, [third, second]);
    assert_eq!(recent(&[103], 9).await, []);
}
