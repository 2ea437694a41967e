//! Conversions that change: a pixel names a lead, a person says something, or brings
//! many in at once.

use super::build::{NOW, Rows, accepted, lead, lead_id};
use super::build_conversions::{
    PAYOUT, RECEIVED, conversion, converted, log, makes, new, note, notes, session, stands, with_transaction,
};
use super::build_selling::{in_hand, money, read, reserved, sold};
use crate::conversions::{
    ChangeConversion, ImportConversions, ImportFault, ImportRow, NoteCall, RecordConversion, Recorded,
};
use crate::selling::TimelineEntry;
use crate::{PageRequest, Store, StoreError};
use crumb_domain::conversion::{Conversion, ConversionDisposition, LeadConversion, Reported, Withheld};
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_domain::ledger::{Account, LedgerEntry};
use crumb_domain::pixel::PixelDisposition;
use crumb_domain::{AffiliateId, EventId, RowId};
use std::sync::Arc;

fn changed(conversion: Conversion) -> ChangeConversion {
    ChangeConversion {
        conversion,
        ledger: Vec::new(),
        deliveries: Vec::new(),
        timeline: Vec::new(),
        once_a_transaction: false,
    }
}

/// The lead earns by it; what became of the lead otherwise stays.
pub async fn a_call_is_noted_with_its_lead<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let bought = in_hand(&*store, Lead { session: opened, ..lead(1, rows.next_row()) }).await;
    reserved(&*store, bought.row, 7).await;
    store.settle(sold(&bought, 7, money(30))).await.unwrap();
    let before = read(&*store, &bought).await;
    let named = with_transaction(stands(&*store, bought.row).await, "T-1");
    let named = Conversion { payout: PAYOUT, received: RECEIVED, said: true, pixels_shown: true, ..named };
    let paid = LedgerEntry::payout(NOW, bought.id, AffiliateId(12), PAYOUT);
    let note = NoteCall { ledger: vec![paid.clone()], ..note(named.clone()) };
    assert_eq!(store.record_pixel(notes(rows.next_row(), note)).await.unwrap(), None);
    let now = stands(&*store, bought.row).await;
    assert_eq!(now, Conversion { has_pixel: true, revision: named.revision + 1, ..named });
    let kept = read(&*store, &bought).await;
    let told = kept.conversion.clone().unwrap();
    assert_eq!((told.pixel_at, told.received, told.disposition), (Some(NOW), Some(RECEIVED), None));
    assert_eq!(told.event, EventId(1));
    assert_eq!(store.ledger_of(bought.row).await.unwrap().last(), Some(&paid));
    assert_eq!(log(&*store).await, [(PixelDisposition::Ok, Some(bought.row))]);
    let (payout, revision) = (PAYOUT, before.revision + 1);
    assert_eq!(kept.sales.len(), 1);
    assert_eq!(kept, Lead { conversion: Some(told), payout, revision, ..before });
}

/// It is no conversion by itself, however it is written again, until a person approves it.
pub async fn a_lead_that_was_not_accepted_is_only_named_by_a_pixel<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let unsold = Lead { conversion: None, ..lead(1, rows.next_row()) };
    accepted(&*store, unsold.clone()).await;
    let of = |lead: &Lead, disposition| {
        let told = LeadConversion { disposition: Some(disposition), ..LeadConversion::of(EventId(1)) };
        Conversion::of_lead(lead, &told, None)
    };
    let rejected = of(&read(&*store, &unsold).await, ConversionDisposition::Rejected);
    let named = Conversion { has_pixel: true, ..rejected };
    assert_eq!(store.record_pixel(notes(rows.next_row(), note(named))).await.unwrap(), None);
    let kept = read(&*store, &unsold).await;
    let told = kept.conversion.clone().unwrap();
    assert_eq!((told.only_named, told.pixel_at, kept.is_conversion()), (true, Some(NOW), false));
    let again = Conversion { pixels_shown: true, ..stands(&*store, unsold.row).await };
    assert_eq!(again.disposition, ConversionDisposition::Rejected);
    store.change_conversion(changed(again)).await.unwrap();
    assert!(!read(&*store, &unsold).await.is_conversion());
    let approved =
        Conversion { disposition: ConversionDisposition::Approved, ..stands(&*store, unsold.row).await };
    store.change_conversion(changed(approved)).await.unwrap();
    assert!(read(&*store, &unsold).await.is_conversion());
    let rejected =
        Conversion { disposition: ConversionDisposition::Rejected, ..stands(&*store, unsold.row).await };
    store.change_conversion(changed(rejected)).await.unwrap();
    assert!(read(&*store, &unsold).await.is_conversion(), "a person rejected one that it is");
}

/// The other is decided again, and finds it named.
pub async fn of_two_calls_for_one_lead_at_once_one_is_noted<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    accepted(&*store, lead(1, rows.next_row())).await;
    let place = read(&*store, &lead(1, rows.next_row())).await.row;
    let before = stands(&*store, place).await;
    let name = |id, transaction_id| {
        store.record_pixel(notes(id, note(with_transaction(before.clone(), transaction_id))))
    };
    let (first, second) = tokio::join!(name(rows.next_row(), "T-1"), name(rows.next_row(), "T-2"));
    let mut results = [first, second];
    results.sort_by_key(Result::is_err);
    assert_eq!(results, [Ok(None), Err(StoreError::Conflict)]);
    assert_eq!(log(&*store).await, [(PixelDisposition::Ok, Some(place))]);
    assert_eq!(stands(&*store, place).await.revision, before.revision + 1);
}

/// It stays with the first, and the lead is left without a pixel.
pub async fn a_transaction_id_or_signature_that_was_there_is_not_noted<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = with_transaction(conversion(rows.next_row(), rows.next_row()), "T-1");
    let signed = RecordConversion { signature: Some([1; 32]), ..new(first.clone()) };
    converted(&*store, rows.next_row(), signed).await;
    let lead = lead(1, rows.next_row());
    accepted(&*store, lead.clone()).await;
    let before = stands(&*store, lead.row).await;
    let again = note(with_transaction(before.clone(), "T-1"));
    for again in [
        NoteCall { once_a_transaction: true, ..again.clone() },
        NoteCall { signature: Some([1; 32]), ..again.clone() },
    ] {
        let recorded = store.record_pixel(notes(rows.next_row(), again)).await.unwrap();
        assert_eq!(recorded, Some(Recorded::Duplicate(first.id)));
        assert_eq!(log(&*store).await.last(), Some(&(PixelDisposition::DuplicateConversion, Some(first.id))));
        assert_eq!(stands(&*store, lead.row).await, before);
    }
    // Its own does not stand in its way, and its signature counts once as well.
    let own = NoteCall {
        once_a_transaction: true,
        signature: Some([2; 32]),
        ..note(with_transaction(before, "T-2"))
    };
    assert_eq!(store.record_pixel(notes(rows.next_row(), own.clone())).await.unwrap(), None);
    let shown = stands(&*store, lead.row).await;
    let shown =
        NoteCall { signature: None, conversion: Conversion { pixels_shown: true, ..shown }, ..own.clone() };
    assert_eq!(store.record_pixel(notes(rows.next_row(), shown)).await.unwrap(), None);
    let twice = store.record_pixel(notes(rows.next_row(), own)).await.unwrap();
    assert_eq!(twice, Some(Recorded::Duplicate(lead.row)));
}

/// As the run that ends finds it: one that rests on the lead before is made again.
pub async fn a_run_that_ends_leaves_what_was_noted_meanwhile<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    reserved(&*store, lead.row, 7).await;
    let named = with_transaction(stands(&*store, lead.row).await, "T-1");
    store.record_pixel(notes(rows.next_row(), note(named))).await.unwrap();
    assert_eq!(store.settle(sold(&lead, 7, money(30))).await, Err(StoreError::Conflict));
    store.settle(sold(&read(&*store, &lead).await, 7, money(30))).await.unwrap();
    let now = stands(&*store, lead.row).await;
    assert_eq!((now.has_pixel, now.received), (true, money(30)));
    assert_eq!(now.reported.transaction_id.as_deref(), Some("T-1"));
    assert_eq!(read(&*store, &lead).await.status, LeadStatus::Sold);
}

/// And then stays, whatever the lead brings.
pub async fn what_is_received_for_a_lead_is_what_it_brings_until_somebody_says_otherwise<S: Store>(
    store: Arc<S>,
) {
    let mut rows = Rows::new();
    let lead = in_hand(&*store, lead(1, rows.next_row())).await;
    let shown = Conversion { pixels_shown: true, ..stands(&*store, lead.row).await };
    store.change_conversion(changed(shown)).await.unwrap();
    assert!(stands(&*store, lead.row).await.pixels_shown);
    reserved(&*store, lead.row, 7).await;
    store.settle(sold(&read(&*store, &lead).await, 7, money(30))).await.unwrap();
    let now = stands(&*store, lead.row).await;
    assert_eq!((now.received, now.has_pixel), (money(30), false));
    store.change_conversion(changed(Conversion { received: money(9), said: true, ..now })).await.unwrap();
    let now = Conversion { payout: money(1), ..stands(&*store, lead.row).await };
    store.change_conversion(changed(now)).await.unwrap();
    let mut kept = read(&*store, &lead).await;
    kept.revenue = money(60);
    store.act(crate::selling::LeadChange::new(kept, NOW)).await.unwrap();
    assert_eq!(stands(&*store, lead.row).await.received, money(9));
}

/// Of either kind; what it moves is not moved then.
pub async fn a_change_holds_on_what_was_read_only<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let own = conversion(rows.next_row(), rows.next_row());
    converted(&*store, rows.next_row(), new(own.clone())).await;
    let lead = lead(1, rows.next_row());
    accepted(&*store, lead.clone()).await;
    let account = Account::Affiliate(AffiliateId(12));
    for place in [own.id, lead.row] {
        let before = store.balance(account).await.unwrap();
        let read = stands(&*store, place).await;
        let reported = Reported { user_id: Some("u".to_owned()), ..Reported::default() };
        let (payout, disposition) = (money(7), ConversionDisposition::Returned);
        let withheld =
            Some(Withheld { payout: PAYOUT, received: RECEIVED, said: false, told: false, over_cap: false });
        let after = Conversion {
            payout,
            received: money(8),
            said: true,
            disposition,
            withheld,
            reported,
            pixels_shown: true,
            ..read
        };
        let entry = LedgerEntry::conversion_payout(NOW, place, AffiliateId(12), money(2));
        let change = ChangeConversion { ledger: vec![entry], ..changed(after.clone()) };
        store.change_conversion(change.clone()).await.unwrap();
        assert_eq!(stands(&*store, place).await, Conversion { revision: after.revision + 1, ..after });
        assert_eq!(store.change_conversion(change).await, Err(StoreError::Conflict));
        assert_eq!(store.balance(account).await.unwrap().micros() - before.micros(), money(2).micros());
    }
    let unknown = changed(conversion(rows.next_row(), rows.next_row()));
    assert_eq!(store.change_conversion(unknown.clone()).await, Err(StoreError::Conflict));
    let mut of_lead = unknown;
    of_lead.conversion.lead = Some(lead_id(1));
    assert_eq!(store.change_conversion(of_lead).await, Err(StoreError::Conflict));
}

/// New ones with what they move, and changed ones; the log knows nothing of them.
pub async fn all_rows_of_an_import_are_brought_in_together<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let lead = Lead { session: opened, ..lead(1, rows.next_row()) };
    accepted(&*store, lead.clone()).await;
    let of_lead = Conversion { received: RECEIVED, said: true, ..stands(&*store, lead.row).await };
    let made = Conversion { event: EventId(2), ..conversion(rows.next_row(), opened) };
    let further = Conversion { event: EventId(3), ..conversion(rows.next_row(), opened) };
    let import = ImportConversions {
        rows: vec![
            ImportRow::New(Box::new(new(made.clone()))),
            ImportRow::Changed(Box::new(changed(of_lead.clone()))),
            ImportRow::New(Box::new(new(further.clone()))),
        ],
    };
    let done = store.import_conversions(import).await.unwrap();
    assert_eq!(done, Ok(vec![Recorded::New; 3]));
    let of_lead = Conversion { revision: of_lead.revision + 1, ..of_lead };
    assert_eq!(store.conversions_of(opened, 100).await.unwrap(), [of_lead, made, further]);
    let paid = store.balance(Account::Affiliate(AffiliateId(12))).await.unwrap();
    assert_eq!(paid.micros(), 2 * PAYOUT.micros());
    assert_eq!(log(&*store).await, []);
    assert!(store.session(opened).await.unwrap().unwrap().converted);
}

/// The first that cannot be is named; a neighbour of the import is not harmed.
pub async fn an_import_of_which_a_row_cannot_be_leaves_nothing<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let there = with_transaction(conversion(rows.next_row(), opened), "T-1");
    converted(&*store, rows.next_row(), new(there.clone())).await;
    let mut made = |session: Option<RowId>| {
        let id = rows.next_row();
        let opened = session.unwrap_or_else(|| rows.next_row());
        RecordConversion { once_a_transaction: true, ..new(conversion(id, opened)) }
    };
    let (good, again) = (made(None), made(Some(opened)));
    let twice = made(Some(good.conversion.session));
    let mut same_transaction = made(None);
    same_transaction.conversion = with_transaction(same_transaction.conversion, "T-1");
    let stale = Conversion { revision: 7, ..there.clone() };
    for (bad, expected) in [
        (ImportRow::New(Box::new(again)), ImportFault::Duplicate(there.id)),
        (ImportRow::New(Box::new(same_transaction)), ImportFault::Duplicate(there.id)),
        (ImportRow::New(Box::new(twice)), ImportFault::Duplicate(good.conversion.id)),
        (ImportRow::Changed(Box::new(changed(stale))), ImportFault::Conflict),
    ] {
        let first = ImportRow::New(Box::new(good.clone()));
        let import = ImportConversions { rows: vec![first, bad.clone(), bad] };
        let other = makes(made(None).conversion.id, made(None));
        let (done, other) = tokio::join!(store.import_conversions(import), store.record_pixel(other));
        assert_eq!(done.unwrap(), Err((1, expected)));
        assert_eq!(other.unwrap(), Some(Recorded::New));
        assert_eq!(store.conversion(good.conversion.id).await.unwrap(), None);
    }
    let page = PageRequest { limit: 1, ..PageRequest::default() };
    assert_eq!(store.conversions(Default::default(), page).await.unwrap().total, 5);
    let paid = store.balance(Account::Affiliate(AffiliateId(12))).await.unwrap();
    assert_eq!(paid.micros(), 5 * PAYOUT.micros());
}

/// Of a lead's conversion in the lead's; what is refused is in none.
pub async fn what_people_say_is_in_the_time_line_with_what_it_changes<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let said = |code: &str| TimelineEntry {
        at: NOW,
        code: code.to_owned(),
        text: format!("{code} by somebody"),
        by: Some("Ann".to_owned()),
    };
    let opened = session(&*store, rows.next_row()).await;
    let lead = Lead { session: opened, ..lead(1, rows.next_row()) };
    accepted(&*store, lead.clone()).await;
    let own = Conversion { event: EventId(2), ..conversion(rows.next_row(), opened) };
    let made = RecordConversion { timeline: vec![said("came")], ..new(own.clone()) };
    let rows = vec![ImportRow::New(Box::new(made.clone()))];
    store.import_conversions(ImportConversions { rows: rows.clone() }).await.unwrap().unwrap();
    for (place, first) in [(own.id, Some("came")), (lead.row, None)] {
        let mut expected: Vec<TimelineEntry> = first.into_iter().map(said).collect();
        for code in ["first", "second"] {
            let stands = Conversion { received: money(7), ..stands(&*store, place).await };
            let change = ChangeConversion { timeline: vec![said(code)], ..changed(stands.clone()) };
            store.change_conversion(change.clone()).await.unwrap();
            assert_eq!(store.change_conversion(change).await, Err(StoreError::Conflict));
            expected.push(said(code));
        }
        assert_eq!(store.timeline_of(place).await.unwrap(), expected);
    }
    let again = store.import_conversions(ImportConversions { rows }).await.unwrap();
    assert_eq!(again, Err((0, ImportFault::Duplicate(own.id))));
    assert_eq!(store.timeline_of(own.id).await.unwrap().len(), 3);
}
