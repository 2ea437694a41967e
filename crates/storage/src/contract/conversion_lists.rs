//! Conversions, calls and sessions by what is asked for.

use super::build::{NOW, Rows, accepted, click, duplicate, lead, record};
use super::build_conversions::{call, conversion, converted, new, refused, session, with_transaction};
use crate::conversions::{ConversionFilter, PixelFilter, RecordConversion, SessionHad};
use crate::{PageRequest, Store};
use crumb_domain::click::{Click, Disposition};
use crumb_domain::conversion::{Conversion, ConversionDisposition, LeadConversion, Reported};
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::pixel::{PixelCall, PixelDisposition};
use crumb_domain::{AdvertiserId, AffiliateId, CampaignId, EventId, OfferId, RowId, Timestamp};
use std::sync::Arc;

fn later(number: i64) -> Timestamp {
    NOW.plus_seconds(number * 1_000)
}

/// Six: of its own, a lead, of its own…, each a thousand seconds after the other.
async fn six<S: Store>(store: &S, rows: &mut Rows) -> (RowId, Vec<RowId>) {
    let opened = session(store, rows.next_row_at(NOW)).await;
    let mut places = Vec::new();
    for number in 0..3_i64 {
        let own = Conversion {
            at: later(2 * number),
            session: if number == 0 { opened } else { rows.next_row_at(later(2 * number)) },
            offer: OfferId(100 + number),
            affiliate: AffiliateId(12 + number),
            campaign: Some(CampaignId(57 + number)),
            event: EventId(1 + number),
            advertiser: Some(AdvertiserId(1 + number % 2)),
            disposition: ConversionDisposition::ALL[usize::try_from(number).unwrap()],
            ..conversion(rows.next_row_at(later(2 * number)), opened)
        };
        let own = with_transaction(own, &format!("T-{number}"));
        places.push(own.id);
        let call_id = rows.next_row_at(later(2 * number));
        let lead = Lead {
            at: later(2 * number + 1),
            session: if number == 0 { opened } else { rows.next_row_at(later(2 * number + 1)) },
            offer: OfferId(100 + number),
            affiliate: AffiliateId(12),
            campaign: None,
            status: if number == 2 { LeadStatus::Returned } else { LeadStatus::Sold },
            outcome: if number == 2 { LeadOutcome::Returned } else { LeadOutcome::Sold },
            conversion: Some(LeadConversion {
                reported: Reported { transaction_id: Some(format!("T-{number}")), ..Reported::default() },
                ..LeadConversion::of(EventId(1))
            }),
            ..lead(u32::try_from(number).unwrap(), rows.next_row_at(later(2 * number + 1)))
        };
        places.push(lead.row);
        accepted(store, lead).await;
        let session_had = if number == 0 { SessionHad::Leads(1) } else { SessionHad::Nothing };
        converted(store, call_id, RecordConversion { session_had, once_a_session: false, ..new(own) }).await;
    }
    accepted(store, Lead { conversion: None, ..lead(9, rows.next_row_at(later(6))) }).await;
    (opened, places)
}

/// Leads as well as others.
pub async fn conversions_are_found_by_each_filter_and_by_time<S: Store>(store: Arc<S>) {
    let (opened, places) = six(&*store, &mut Rows::new()).await;
    let filter = ConversionFilter::default;
    let disposition = |disposition| ConversionFilter { disposition: Some(disposition), ..filter() };
    let advertiser = Some(AdvertiserId(1));
    let advertiser_offers = vec![OfferId(100), OfferId(101)];
    let (from, to) = (Some(later(1)), Some(later(4)));
    for (filter, expected) in [
        (filter(), vec![0, 1, 2, 3, 4, 5]),
        (ConversionFilter { offer: Some(OfferId(101)), ..filter() }, vec![2, 3]),
        (ConversionFilter { affiliate: Some(AffiliateId(12)), ..filter() }, vec![0, 1, 3, 5]),
        (ConversionFilter { campaign: Some(CampaignId(58)), ..filter() }, vec![2]),
        (ConversionFilter { event: Some(EventId(1)), ..filter() }, vec![0, 1, 3, 5]),
        (ConversionFilter { advertiser, ..filter() }, vec![0, 4]),
        (ConversionFilter { advertiser, advertiser_offers, ..filter() }, vec![0, 1, 3, 4]),
        (disposition(ConversionDisposition::Approved), vec![0, 1, 3]),
        (disposition(ConversionDisposition::Pending), vec![2]),
        (disposition(ConversionDisposition::Returned), vec![5]),
        (disposition(ConversionDisposition::OverCap), vec![]),
        (ConversionFilter { session: Some(opened), ..filter() }, vec![0, 1]),
        (ConversionFilter { transaction_id: Some("T-1".to_owned()), ..filter() }, vec![2, 3]),
        (ConversionFilter { from, ..filter() }, vec![1, 2, 3, 4, 5]),
        (ConversionFilter { to, ..filter() }, vec![0, 1, 2, 3]),
        (ConversionFilter { from, to, offer: Some(OfferId(100)), ..filter() }, vec![1]),
    ] {
        let page = PageRequest { ascending: true, ..PageRequest::default() };
        let found = store.conversions(filter.clone(), page).await.unwrap();
        let found_at: Vec<RowId> = found.data.iter().map(|conversion| conversion.id).collect();
        let expected: Vec<RowId> = expected.iter().map(|at: &usize| places[*at]).collect();
        assert_eq!(found_at, expected, "{filter:?}");
        assert_eq!(found.total, expected.len() as u64, "{filter:?}");
    }
}

/// In both directions.
pub async fn pages_of_conversions_follow_each_other_without_gap_or_repeat<S: Store>(store: Arc<S>) {
    let (_, places) = six(&*store, &mut Rows::new()).await;
    for ascending in [true, false] {
        let (mut cursor, mut found) = (None, Vec::new());
        loop {
            let page = PageRequest { limit: 2, cursor, ascending };
            let page = store.conversions(ConversionFilter::default(), page).await.unwrap();
            assert_eq!(page.total, 6);
            found.extend(page.data.iter().map(|conversion| conversion.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        if !ascending {
            found.reverse();
        }
        assert_eq!(found, places);
    }
}

/// By offer, affiliate, session, end and time.
pub async fn calls_are_found_by_each_filter_and_in_pages<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let sessions = [rows.next_row(), rows.next_row()];
    let mut lines = Vec::new();
    for number in 0..4_i64 {
        let even = number % 2 == 0;
        let disposition =
            if even { PixelDisposition::ClickExpired } else { PixelDisposition::InvalidRequestId };
        let line = PixelCall {
            at: later(number),
            offer: Some(OfferId(100 + number / 2)),
            affiliate: even.then_some(AffiliateId(12)),
            session: sessions.get(usize::try_from(number).unwrap()).copied(),
            ..call(rows.next_row_at(later(number)), sessions[0])
        };
        lines.push(line.id);
        store.record_pixel(refused(line, disposition)).await.unwrap();
    }
    let filter = PixelFilter::default;
    let (from, to) = (Some(later(1)), Some(later(3)));
    for (filter, expected) in [
        (filter(), vec![0, 1, 2, 3]),
        (PixelFilter { offer: Some(OfferId(101)), ..filter() }, vec![2, 3]),
        (PixelFilter { affiliate: Some(AffiliateId(12)), ..filter() }, vec![0, 2]),
        (PixelFilter { session: Some(sessions[1]), ..filter() }, vec![1]),
        (PixelFilter { disposition: Some(PixelDisposition::ClickExpired), ..filter() }, vec![0, 2]),
        (PixelFilter { from, ..filter() }, vec![1, 2, 3]),
        (PixelFilter { from, to, ..filter() }, vec![1, 2]),
    ] {
        let page = PageRequest { ascending: true, ..PageRequest::default() };
        let found = store.pixels(filter.clone(), page).await.unwrap();
        let ids: Vec<RowId> = found.data.iter().map(|line| line.id).collect();
        let expected: Vec<RowId> = expected.iter().map(|at: &usize| lines[*at]).collect();
        assert_eq!((ids, found.total), (expected.clone(), expected.len() as u64), "{filter:?}");
    }
    let first = store.pixels(filter(), PageRequest { limit: 3, ..PageRequest::default() }).await.unwrap();
    let next = PageRequest { limit: 3, cursor: first.next, ascending: false };
    let rest = store.pixels(filter(), next).await.unwrap();
    assert_eq!(first.data.iter().chain(&rest.data).map(|line| line.id).rev().collect::<Vec<_>>(), lines);
    assert_eq!(rest.next, None);
}

/// In one order, in pages, and with other filters; nothing of another session.
pub async fn calls_of_a_session_are_found_whether_or_not_they_made_something<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let [opened, other] = [session(&*store, rows.next_row()).await, session(&*store, rows.next_row()).await];
    let one_of_many = |conversion| RecordConversion {
        session_had: SessionHad::Any,
        once_a_session: false,
        ..new(conversion)
    };
    let mut lines = Vec::new();
    for number in 0..5 {
        let line = rows.next_row();
        lines.push(line);
        if number % 2 == 0 {
            converted(&*store, line, one_of_many(conversion(rows.next_row(), opened))).await;
        } else {
            let of_nothing = refused(call(line, opened), PixelDisposition::DuplicateConversion);
            store.record_pixel(of_nothing).await.unwrap();
        }
        let line = rows.next_row();
        converted(&*store, line, one_of_many(conversion(rows.next_row(), other))).await;
    }
    let filter = PixelFilter { session: Some(opened), ..PixelFilter::default() };
    let mut found = Vec::new();
    let mut page = PageRequest { limit: 2, ..PageRequest::default() };
    loop {
        let some = store.pixels(filter.clone(), page.clone()).await.unwrap();
        assert_eq!(some.total, 5);
        found.extend(some.data.iter().map(|line| line.id));
        let Some(next) = some.next else { break };
        page.cursor = Some(next);
    }
    assert_eq!(found, lines.iter().rev().copied().collect::<Vec<_>>());
    let that_made = PixelFilter { disposition: Some(PixelDisposition::Ok), ..filter };
    let page = PageRequest { ascending: true, ..PageRequest::default() };
    let found = store.pixels(that_made, page).await.unwrap();
    assert_eq!(found.data.iter().map(|line| line.id).collect::<Vec<_>>(), [lines[0], lines[2], lines[4]]);
}

/// On the offers that are asked for; a further or diverted click opens none.
pub async fn the_sessions_of_a_device_are_found_newest_first<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let device = |id, name: &str, offer| Click {
        device_id: Some(name.to_owned()),
        offer: Some(OfferId(offer)),
        ..click(id)
    };
    let mut opened = Vec::new();
    for (name, offer) in [("d", 100), ("d", 101), ("other", 100), ("d", 100), ("d", 102)] {
        let click = device(rows.next_row(), name, offer);
        opened.push(click.id);
        record(&*store, click).await;
    }
    let further = duplicate(rows.next_row(), opened[0]);
    record(&*store, Click { device_id: Some("d".to_owned()), ..further }).await;
    let diverted = device(rows.next_row(), "d", 100);
    record(&*store, Click { session: None, disposition: Disposition::OfferExpired, ..diverted }).await;
    record(&*store, click(rows.next_row())).await;
    let find = async |name: &str, offers: &[i64], limit| {
        let offers = offers.iter().map(|offer| OfferId(*offer)).collect();
        let found = store.sessions_of_device(name.to_owned(), offers, limit).await.unwrap();
        found.iter().map(|session| session.id).collect::<Vec<_>>()
    };
    assert_eq!(find("d", &[100], 10).await, [opened[3], opened[0]]);
    assert_eq!(find("d", &[102, 100, 101], 3).await, [opened[4], opened[3], opened[1]]);
    assert_eq!(find("other", &[100], 10).await, [opened[2]]);
    assert_eq!(find("D", &[100], 10).await, []);
    assert_eq!(find("d", &[], 10).await, []);
    let newest = store.sessions_of_device("d".to_owned(), vec![OfferId(100)], 1).await.unwrap();
    assert_eq!(Some(&newest[0]), store.session(opened[3]).await.unwrap().as_ref());
}

/// Also where it is the first.
pub async fn the_last_click_of_a_session_is_its_newest<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    assert_eq!(store.last_click(opened).await.unwrap(), opened);
    for _ in 0..2 {
        let further = duplicate(rows.next_row(), opened);
        let id = further.id;
        record(&*store, further).await;
        assert_eq!(store.last_click(opened).await.unwrap(), id);
    }
    let other = session(&*store, rows.next_row()).await;
    assert_eq!(store.last_click(other).await.unwrap(), other);
}
