//! Lines of the pixel log whose calls made a conversion: a store may keep both as one.

use super::build::{NOW, Rows};
use super::build_conversions::{call, conversion, converted, new, refused, session, with_transaction};
use crate::conversions::{
    ChangeConversion, PixelEffect, PixelFilter, PixelWrite, RecordConversion, Recorded, SessionHad,
};
use crate::retention::{KeptFor, REMOVED_PER_STEP, Removed};
use crate::{PageRequest, Store, StoreError};
use crumb_domain::caps::{CapCheck, CapScope};
use crumb_domain::conversion::{Conversion, ConversionDisposition};
use crumb_domain::network::CapOf;
use crumb_domain::pixel::{PixelCall, PixelDisposition, SessionLookup};
use crumb_domain::time::Day;
use crumb_domain::{OfferId, RowId, Timestamp};
use std::sync::Arc;

/// The call that makes a conversion and says nothing else, as calls do; it has its place.
fn call_of(made: &Conversion) -> PixelCall {
    PixelCall {
        at: made.at,
        form: made.source,
        conversion: Some(made.id),
        transaction_id: made.reported.transaction_id.clone(),
        ip: made.ip,
        ..call(made.id, made.session)
    }
}

fn write(call: PixelCall, new: RecordConversion) -> PixelWrite {
    PixelWrite { call: PixelCall { conversion: None, ..call }, effect: PixelEffect::New(Box::new(new)) }
}

/// One of many in its session.
fn one_of_many(conversion: Conversion) -> RecordConversion {
    RecordConversion { session_had: SessionHad::Any, once_a_session: false, ..new(conversion) }
}

async fn lines<S: Store>(store: &S, filter: PixelFilter) -> Vec<PixelCall> {
    let page = PageRequest { ascending: true, limit: 1_000, ..PageRequest::default() };
    let found = store.pixels(filter, page).await.unwrap();
    assert_eq!(found.total, found.data.len() as u64);
    found.data
}

/// Also over a cap, and where it differs from its conversion; one that made none has its line
/// too.
pub async fn the_line_of_a_call_that_made_a_conversion_says_all_of_the_call<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let mut made = || with_transaction(conversion(rows.next_row(), opened), "T-1");
    let mut expected = Vec::new();
    let plain = made();
    expected.push((call_of(&plain), one_of_many(plain)));
    let full = made();
    let full_call = PixelCall {
        trusted: true,
        ignored: vec!["ap".to_owned(), "p".to_owned()],
        user_agent: String::new(),
        referrer: "https://shop.example/thanks".to_owned(),
        ..call_of(&full)
    };
    expected.push((full_call, one_of_many(full)));
    let bare = Conversion { advertiser: None, campaign: None, ip: None, ..made() };
    let bare_call = PixelCall { advertiser: None, campaign: None, ..call_of(&bare) };
    expected.push((bare_call, one_of_many(bare)));
    let over = made();
    let (scope, of, day) = (CapScope::Offer(OfferId(100)), CapOf::Conversion, Day(20_779));
    let caps = vec![CapCheck { scope, of, first_day: day, day, limit: 0 }];
    let over_call = PixelCall { disposition: PixelDisposition::OverCap, ..call_of(&over) };
    expected.push((over_call, RecordConversion { caps, ..one_of_many(over) }));
    let duplicate = Conversion { at: NOW.plus_seconds(2), ..made() };
    let duplicate_call = PixelCall {
        disposition: PixelDisposition::DuplicateConversion,
        conversion: Some(expected[0].1.conversion.id),
        ..call_of(&duplicate)
    };
    expected.push((duplicate_call, RecordConversion { once_a_transaction: true, ..one_of_many(duplicate) }));
    let unknown = Conversion { lookup: None, ..made() };
    expected.push((PixelCall { lookup: None, ..call_of(&unknown) }, one_of_many(unknown)));
    let by_device = Conversion { lookup: Some(SessionLookup::Device), ..made() };
    let device_call = PixelCall { lookup: by_device.lookup, ..call_of(&by_device) };
    expected.push((device_call, one_of_many(by_device)));
    let differ: [fn(&mut PixelCall); 6] = [
        |call| call.at = NOW.plus_seconds(1),
        |call| call.ip = None,
        |call| call.lookup = Some(SessionLookup::Cookie),
        |call| call.transaction_id = None,
        |call| call.advertiser = None,
        |call| call.campaign = None,
    ];
    expected.extend(differ.map(|differ| {
        let made = made();
        let mut call = call_of(&made);
        differ(&mut call);
        (call, one_of_many(made))
    }));
    for (call, new) in expected.clone() {
        store.record_pixel(write(call, new)).await.unwrap();
    }
    let expected: Vec<PixelCall> = expected.into_iter().map(|(call, _)| call).collect();
    assert_eq!(lines(&*store, PixelFilter::default()).await, expected);
    let of_session = PixelFilter { session: Some(opened), ..PixelFilter::default() };
    assert_eq!(lines(&*store, of_session).await, expected);
    let over = PixelFilter { disposition: Some(PixelDisposition::OverCap), ..PixelFilter::default() };
    assert_eq!(lines(&*store, over).await, expected[3..4]);
}

/// Those with conversions, those of calls that made none, and those with rows of their own.
pub async fn lines_are_in_one_order_wherever_they_lie<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let mut ids = Vec::new();
    for number in 0..9 {
        let made = conversion(rows.next_row(), opened);
        let id = match number % 3 {
            0 => {
                store.record_pixel(write(call_of(&made), one_of_many(made.clone()))).await.unwrap();
                made.id
            }
            1 => {
                let id = rows.next_row();
                converted(&*store, id, one_of_many(made)).await;
                id
            }
            _ => {
                let refused = refused(call(made.id, opened), PixelDisposition::ClickExpired);
                store.record_pixel(refused).await.unwrap();
                made.id
            }
        };
        ids.push(id);
    }
    for (ascending, session) in [(true, None), (false, None), (true, Some(opened)), (false, Some(opened))] {
        let filter = PixelFilter { session, ..PixelFilter::default() };
        let (mut cursor, mut found) = (None, Vec::new());
        loop {
            let page = PageRequest { limit: 2, cursor, ascending };
            let page = store.pixels(filter.clone(), page).await.unwrap();
            assert_eq!(page.total, 9);
            found.extend(page.data.iter().map(|line| line.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        if !ascending {
            found.reverse();
        }
        assert_eq!(found, ids);
    }
}

/// Whatever a person says of it; a change that is refused changes nothing of it either.
pub async fn a_line_stays_as_it_was_whatever_becomes_of_its_conversion<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let mut made = || with_transaction(conversion(rows.next_row(), opened), "T-1");
    let made = [made(), made(), made()];
    let mut calls = made.each_ref().map(call_of);
    calls[1].trusted = true;
    for (call, made) in calls.iter().zip(&made) {
        store.record_pixel(write(call.clone(), one_of_many(made.clone()))).await.unwrap();
    }
    let change = |conversion| ChangeConversion {
        conversion,
        ledger: Vec::new(),
        deliveries: Vec::new(),
        timeline: Vec::new(),
        once_a_transaction: false,
    };
    let [renamed, unnamed, rejected] = made;
    let too_late = Conversion { revision: 7, ..with_transaction(renamed.clone(), "T-0") };
    assert_eq!(store.change_conversion(change(too_late)).await, Err(StoreError::Conflict));
    for changed in [
        with_transaction(renamed.clone(), "T-2"),
        Conversion { reported: Default::default(), ..unnamed },
        Conversion { disposition: ConversionDisposition::Rejected, ..rejected },
        Conversion { revision: 1, ..with_transaction(renamed.clone(), "T-3") },
    ] {
        assert_eq!(store.change_conversion(change(changed)).await, Ok(None));
    }
    let stands = store.conversion(renamed.id).await.unwrap().unwrap();
    assert_eq!(stands.reported.transaction_id.as_deref(), Some("T-3"));
    assert_eq!(lines(&*store, PixelFilter::default()).await, calls);
    let of_session = PixelFilter { session: Some(opened), ..PixelFilter::default() };
    assert_eq!(lines(&*store, of_session).await, calls);
    // Also to be removed.
    let removed = store.remove_old(KeptFor::PixelLog, NOW.plus_days(1), None).await.unwrap();
    assert_eq!(removed, Removed { count: 3, next: None });
    assert_eq!(lines(&*store, PixelFilter::default()).await, []);
}

/// The conversions stay, and so do younger lines, wherever they lie.
pub async fn lines_of_conversions_go_when_they_are_old_like_all_others<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row_at(NOW)).await;
    let before = NOW.plus_days(90);
    let mut number = 0;
    let mut called = async |at: Timestamp| -> (RowId, Option<RowId>) {
        let made = Conversion { at, ..conversion(rows.next_row_at(at), opened) };
        number += 1;
        if number % 3 == 0 {
            let call = PixelCall { at, ..call(made.id, opened) };
            store.record_pixel(refused(call, PixelDisposition::ClickExpired)).await.unwrap();
            return (made.id, None);
        }
        let write = write(call_of(&made), one_of_many(made.clone()));
        assert_eq!(store.record_pixel(write).await.unwrap(), Some(Recorded::New));
        (made.id, Some(made.id))
    };
    let (mut conversions, mut kept) = (Vec::new(), Vec::new());
    for second in 0..2 * i64::from(REMOVED_PER_STEP) + 10 {
        conversions.extend(called(NOW.plus_seconds(second)).await.1);
    }
    // With the next lines after them, and once more: what begins later goes as well.
    for (days, goes) in [(90, before), (100, NOW.plus_days(100)), (110, NOW.plus_days(110))] {
        for second in 0..5 {
            let (line, made) = called(NOW.plus_days(days).plus_seconds(second)).await;
            kept.push(line);
            conversions.extend(made);
        }
        let (mut count, mut after) = (0, None);
        loop {
            let removed = store.remove_old(KeptFor::PixelLog, goes, after).await.unwrap();
            count += removed.count;
            after = removed.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(count, if days == 90 { 2 * REMOVED_PER_STEP + 10 } else { 5 }, "{days}");
        let left: Vec<RowId> =
            lines(&*store, PixelFilter::default()).await.iter().map(|line| line.id).collect();
        assert_eq!(left, kept[kept.len() - 5..], "{days}");
    }
    let stand = store.conversions_of(opened, 1_000).await.unwrap();
    assert_eq!(stand.iter().map(|conversion| conversion.id).collect::<Vec<_>>(), conversions);
    assert!(stand.iter().all(|conversion| conversion.revision == 0));
}

/// Requests are answered in any order: of two the one that came later may be written first,
/// and what is old go between them.
pub async fn a_line_is_listed_also_where_what_is_old_goes_before_it_comes<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    store.record_pixel(refused(call(rows.next_row(), opened), PixelDisposition::ClickExpired)).await.unwrap();
    let now = NOW.plus_days(92);
    let made = [(), ()].map(|()| Conversion { at: now, ..conversion(rows.next_row_at(now), opened) });
    for (round, made) in made.iter().rev().enumerate() {
        store.record_pixel(write(call_of(made), one_of_many(made.clone()))).await.unwrap();
        let removed = store.remove_old(KeptFor::PixelLog, NOW.plus_days(91), None).await.unwrap();
        assert_eq!(removed.count, u32::from(round == 0));
    }
    let expected: Vec<PixelCall> = made.iter().map(call_of).collect();
    assert_eq!(lines(&*store, PixelFilter::default()).await, expected);
}

/// A sweep that took it for a later time has removed what there was, and hides nothing that
/// comes.
pub async fn lines_are_listed_also_after_the_clock_was_ahead<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let mut made = || conversion(rows.next_row(), opened);
    let [before, after] = [made(), made()];
    store.record_pixel(write(call_of(&before), one_of_many(before))).await.unwrap();
    for expected in [1, 0] {
        let removed = store.remove_old(KeptFor::PixelLog, NOW.plus_days(365), None).await.unwrap();
        assert_eq!(removed, Removed { count: expected, next: None });
    }
    store.record_pixel(write(call_of(&after), one_of_many(after.clone()))).await.unwrap();
    assert_eq!(lines(&*store, PixelFilter::default()).await, [call_of(&after)]);
}
