//! Conversions that were reported before a lead was accepted, which takes them over; and
//! what a call of the conversion pixel reads of its session.

use super::build::{NOW, Rows, accept, accepted, lead};
use super::build_conversions::{
    PAYOUT, RECEIVED, call, conversion, converted, makes, new, note, notes, refused, session, stands,
    with_transaction,
};
use super::build_selling::{in_hand, money, reserved, sold};
use crate::conversions::{
    ChangeConversion, ConversionFilter, PixelFilter, RecordConversion, Recorded, SessionHad, SessionQuery,
    SessionRead, TakeOver,
};
use crate::leads::{AcceptLead, Posted, Verdict};
use crate::selling::{LeadChange, TimelineEntry};
use crate::{PageRequest, Store, StoreError};
use crumb_domain::conversion::{Conversion, ConversionDisposition, LeadConversion};
use crumb_domain::lead::Lead;
use crumb_domain::ledger::{Account, LedgerEntry};
use crumb_domain::pixel::{PixelCall, PixelDisposition};
use crumb_domain::{AdvertiserId, AffiliateId, EventId, Money, RowId};
use std::sync::Arc;

/// What a time line has of a conversion that is taken over.
fn told(text: &str) -> TimelineEntry {
    TimelineEntry { at: NOW, code: "conversion_taken_over".to_owned(), text: text.to_owned(), by: None }
}

/// What takes a case's conversion over, as it stands.
fn taking(conversion: &Conversion) -> TakeOver {
    let back = Money::from_micros(-PAYOUT.micros());
    let ledger = vec![LedgerEntry::conversion_payout(NOW, conversion.id, conversion.affiliate, back)];
    let (told_of_lead, told) = (told("took it over"), told("was taken over"));
    TakeOver { conversion: conversion.id, revision: conversion.revision, ledger, told_of_lead, told }
}

/// A lead of a session that is a conversion at once, and takes that over.
fn taken(lead: Lead, earlier: Option<&Conversion>) -> AcceptLead {
    let told = lead.conversion.clone().unwrap_or_else(|| LeadConversion::of(EventId(1)));
    let conversion = Some(earlier.into_iter().fold(told, LeadConversion::taking_over));
    AcceptLead { takes_over: earlier.map(taking), ..accept(Lead { conversion, ..lead }) }
}

async fn earned<S: Store>(store: &S) -> i64 {
    store.balance(Account::Affiliate(AffiliateId(12))).await.unwrap().micros()
}

async fn all<S: Store>(store: &S) -> Vec<RowId> {
    let found = store.conversions(ConversionFilter::default(), PageRequest::default()).await.unwrap();
    found.data.iter().map(|conversion| conversion.id).collect()
}

/// Both are one: it is in no list any more, and found by its place as the lead.
pub async fn a_lead_takes_over_what_was_reported_before_it<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let earlier = with_transaction(conversion(rows.next_row(), opened), "T-1");
    converted(&*store, rows.next_row(), new(earlier.clone())).await;
    assert_eq!(store.before_lead(opened, EventId(1)).await.unwrap().as_ref(), Some(&earlier));
    assert_eq!(store.before_lead(opened, EventId(2)).await.unwrap(), None);
    let lead = Lead { session: opened, ..lead(1, rows.next_row()) };
    let posted = store.accept_lead(taken(lead.clone(), Some(&earlier))).await.unwrap();
    assert!(matches!(posted, Posted::Now(Verdict::Accepted, _)), "{posted:?}");
    let now = stands(&*store, lead.row).await;
    assert_eq!((now.has_pixel, now.reported.transaction_id.as_deref()), (true, Some("T-1")));
    assert_eq!(stands(&*store, earlier.id).await, now);
    assert_eq!(store.conversions_of(opened, 100).await.unwrap(), [now]);
    assert_eq!(all(&*store).await, [lead.row]);
    assert_eq!(store.before_lead(opened, EventId(1)).await.unwrap(), None);
    assert_eq!(earned(&*store).await, 0);
    assert_eq!(store.ledger_of(lead.row).await.unwrap(), [], "what is taken back is not the lead's");
    assert_eq!(store.timeline_of(lead.row).await.unwrap(), [told("took it over")]);
    assert_eq!(store.timeline_of(earlier.id).await.unwrap(), [told("was taken over")]);
}

/// Whichever of the two was written first: the post is decided again with what is there.
pub async fn a_lead_that_was_decided_before_a_pixel_came_is_decided_again<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let lead = Lead { session: opened, ..lead(1, rows.next_row()) };
    let earlier = conversion(rows.next_row(), opened);
    converted(&*store, rows.next_row(), new(earlier.clone())).await;
    let told = store.accept_lead(taken(lead.clone(), None)).await.unwrap();
    assert_eq!(told, Posted::TakesOver(Some(Box::new(earlier.clone()))));
    assert_eq!(store.lead(lead.id).await.unwrap(), None);
    let stale = Conversion { revision: 7, ..earlier.clone() };
    let told = store.accept_lead(taken(lead.clone(), Some(&stale))).await.unwrap();
    assert_eq!(told, Posted::TakesOver(Some(Box::new(earlier.clone()))));
    store.accept_lead(taken(lead, Some(&earlier))).await.unwrap();
    let second = Lead { session: opened, ..super::build::lead(2, rows.next_row()) };
    let told = store.accept_lead(taken(second, Some(&earlier))).await.unwrap();
    assert_eq!(told, Posted::TakesOver(None), "there is but one");
    assert_eq!(earned(&*store).await, 0);
}

/// A test is a world of its own, as is another event.
pub async fn a_lead_takes_over_no_test_and_no_other_event<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let test = Conversion { test: true, ..conversion(rows.next_row(), opened) };
    let event = Conversion { event: EventId(2), ..conversion(rows.next_row(), opened) };
    for other in [test, event] {
        let other = RecordConversion { session_had: SessionHad::Leads(0), ..new(other) };
        converted(&*store, rows.next_row(), other).await;
    }
    accepted(&*store, Lead { session: opened, ..lead(1, rows.next_row()) }).await;
    assert_eq!(all(&*store).await.len(), 3);
}

/// In the write that makes it a conversion, and only there.
pub async fn a_lead_in_hand_takes_over_what_is_there_when_its_run_ends<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let earlier = conversion(rows.next_row(), opened);
    converted(&*store, rows.next_row(), new(earlier.clone())).await;
    let lead = Lead { session: opened, conversion: None, ..lead(1, rows.next_row()) };
    let lead = in_hand(&*store, lead).await;
    reserved(&*store, lead.row, 7).await;
    let of = |earlier: Option<&Conversion>| {
        let told = earlier.into_iter().fold(LeadConversion::of(EventId(1)), LeadConversion::taking_over);
        let takes_over = earlier.map(taking);
        let sold = sold(&lead, 7, money(30));
        LeadChange { lead: Lead { conversion: Some(told), ..sold.lead }, takes_over, ..sold }
    };
    assert_eq!(store.settle(of(None)).await, Err(StoreError::Conflict));
    let shown = Conversion { pixels_shown: true, ..earlier.clone() };
    store.record_pixel(notes(rows.next_row(), note(shown))).await.unwrap();
    assert_eq!(store.settle(of(Some(&earlier))).await, Err(StoreError::Conflict));
    let unsold = LeadChange { takes_over: Some(taking(&earlier)), ..LeadChange::new(lead.clone(), NOW) };
    assert_eq!(store.settle(unsold).await, Err(StoreError::Conflict), "it becomes none by this");
    assert_eq!(earned(&*store).await, PAYOUT.micros());
    let earlier = store.before_lead(opened, EventId(1)).await.unwrap();
    store.settle(of(earlier.as_ref())).await.unwrap();
    assert_eq!(all(&*store).await, [lead.row]);
    assert_eq!(store.timeline_of(lead.row).await.unwrap(), [told("took it over")]);
    assert!(stands(&*store, lead.row).await.pixels_shown);
    assert_eq!(earned(&*store).await, 0);
}

/// What a pixel said is received beside what the sales bring, from the advertiser.
pub async fn what_was_said_is_received_is_in_the_books_from_the_leads_acceptance_on<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = in_hand(&*store, Lead { conversion: None, ..lead(1, rows.next_row()) }).await;
    reserved(&*store, lead.row, 7).await;
    let told = LeadConversion { advertiser: Some(AdvertiserId(1)), ..LeadConversion::of(EventId(1)) };
    let told = LeadConversion { received: Some(RECEIVED), ..told };
    let owed = async || store.balance(Account::Advertiser(AdvertiserId(1))).await.unwrap().micros();
    let sold = sold(&lead, 7, money(30));
    let sold = LeadChange { lead: Lead { conversion: Some(told), ..sold.lead }, ..sold };
    store.settle(sold).await.unwrap();
    assert_eq!(owed().await, money(30).micros() - RECEIVED.micros());
    let mut kept = store.lead(lead.id).await.unwrap().unwrap();
    kept.revenue = Money::ZERO;
    store.act(LeadChange::new(kept, NOW)).await.unwrap();
    assert_eq!(owed().await, -RECEIVED.micros());
}

/// Of two changes at the same moment one has it, as of a change and a call.
pub async fn a_transaction_id_that_another_has_is_not_given_to_a_conversion<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut places = Vec::new();
    for _ in 0..2 {
        let place = conversion(rows.next_row(), rows.next_row());
        places.push(place.id);
        converted(&*store, rows.next_row(), new(place)).await;
    }
    let give = async |place: RowId| {
        let conversion = with_transaction(stands(&*store, place).await, "T-1");
        let (ledger, deliveries) = (Vec::new(), Vec::new());
        let change = ChangeConversion {
            conversion,
            ledger,
            deliveries,
            timeline: Vec::new(),
            once_a_transaction: true,
        };
        store.change_conversion(change).await.unwrap()
    };
    let (first, second) = tokio::join!(give(places[0]), give(places[1]));
    let mut told = [first, second];
    told.sort_unstable_by_key(Option::is_some);
    assert_eq!(told[0], None);
    let has = told[1].unwrap();
    assert_eq!(stands(&*store, has).await.reported.transaction_id.as_deref(), Some("T-1"));
    assert_eq!(give(has).await, None, "its own does not stand in its way");
}

/// One row for each question, however much there is.
pub async fn a_call_reads_of_its_session_what_it_rests_on<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let read = async |transaction_id: Option<&str>| {
        let transaction_id = transaction_id.map(str::to_owned);
        store.session_read(SessionQuery { session: opened, event: EventId(1), transaction_id }).await.unwrap()
    };
    assert_eq!(read(Some("T-1")).await, SessionRead::default());
    let test = Lead { session: opened, test: true, conversion: None, ..lead(1, rows.next_row()) };
    accepted(&*store, test).await;
    let tried = read(None).await;
    assert_eq!((tried.leads, tried.only_tests, tried.open_lead), (1, true, None));
    let unsold = Lead { session: opened, conversion: None, ..lead(2, rows.next_row()) };
    accepted(&*store, unsold.clone()).await;
    let open = async |transaction_id| read(transaction_id).await.open_lead.map(|lead| lead.id);
    assert_eq!(open(None).await, Some(unsold.id));
    assert!(!read(None).await.only_tests);
    let own = with_transaction(conversion(rows.next_row(), opened), "T-1");
    let made = RecordConversion { session_had: SessionHad::Leads(2), ..new(own.clone()) };
    converted(&*store, rows.next_row(), made).await;
    let found = read(Some("T-1")).await;
    assert!(found.is_before_lead);
    for found in [found.oldest, found.unshown, found.same_transaction] {
        assert_eq!(found.as_ref(), Some(&own));
    }
    assert_eq!(read(Some("T-2")).await.same_transaction, None);
    let shown = Conversion { pixels_shown: true, ..own };
    store.record_pixel(notes(rows.next_row(), note(shown))).await.unwrap();
    assert_eq!(read(None).await.unshown, None);
    let earlier = store.before_lead(opened, EventId(1)).await.unwrap();
    let accepted = Lead { session: opened, ..lead(3, rows.next_row()) };
    store.accept_lead(taken(accepted.clone(), earlier.as_ref())).await.unwrap();
    assert!(!read(None).await.is_before_lead);
    assert_eq!(open(None).await, Some(unsold.id), "the other has its pixel");
    let further = Lead { session: opened, ..lead(4, rows.next_row()) };
    super::build::accepted(&*store, further.clone()).await;
    let found = read(None).await;
    assert_eq!((found.open_lead.map(|lead| lead.id), found.leads), (Some(further.id), 4));
    assert_eq!(found.oldest.map(|oldest| oldest.id), Some(accepted.row));
    assert_eq!(found.unshown.map(|unshown| unshown.id), Some(further.row));
}

/// Of a duplicate in its own session; one of another session has nothing for it.
pub async fn a_call_that_can_show_html_is_decided_again_where_its_session_has_the_event<S: Store>(
    store: Arc<S>,
) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let first = with_transaction(conversion(rows.next_row(), opened), "T-1");
    converted(&*store, rows.next_row(), new(first.clone())).await;
    let showing = |conversion| RecordConversion {
        session_had: SessionHad::Leads(0),
        shows_html: true,
        once_a_transaction: true,
        ..new(conversion)
    };
    let again = showing(conversion(rows.next_row(), opened));
    assert_eq!(store.record_pixel(makes(rows.next_row(), again)).await, Err(StoreError::Conflict));
    let elsewhere = showing(with_transaction(conversion(rows.next_row(), rows.next_row()), "T-1"));
    let recorded = store.record_pixel(makes(rows.next_row(), elsewhere)).await.unwrap();
    assert_eq!(recorded, Some(Recorded::Duplicate(first.id)));
}

/// Nobody's decision rests on how many there are.
pub async fn conversions_of_an_event_that_may_come_again_do_not_stand_in_each_others_way<S: Store>(
    store: Arc<S>,
) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let calls = (0..50).map(|_| {
        let (call_id, made) = (rows.next_row(), new(conversion(rows.next_row(), opened)));
        let made = RecordConversion { session_had: SessionHad::Leads(0), once_a_session: false, ..made };
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.record_pixel(makes(call_id, made)).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), Ok(Some(Recorded::New)));
    }
}

/// To whoever must not know.
pub async fn a_call_hides_of_which_conversion_of_another_affiliate_it_is_a_duplicate<S: Store>(
    store: Arc<S>,
) {
    let mut rows = Rows::new();
    let own = conversion(rows.next_row(), rows.next_row());
    let strange = Conversion { affiliate: AffiliateId(13), ..conversion(rows.next_row(), rows.next_row()) };
    let lead = lead(1, rows.next_row());
    accepted(&*store, lead.clone()).await;
    for made in [&own, &strange] {
        converted(&*store, rows.next_row(), new(made.clone())).await;
    }
    for of in [own.id, strange.id, lead.row] {
        let line = PixelCall { conversion: Some(of), ..call(rows.next_row(), rows.next_row()) };
        store.record_pixel(refused(line, PixelDisposition::DuplicateConversion)).await.unwrap();
    }
    let of = async |hides_others| {
        let disposition = Some(PixelDisposition::DuplicateConversion);
        let filter = PixelFilter { hides_others, disposition, ..PixelFilter::default() };
        let page = PageRequest { ascending: true, ..PageRequest::default() };
        let found = store.pixels(filter, page).await.unwrap();
        found.data.iter().map(|line| line.conversion).collect::<Vec<_>>()
    };
    assert_eq!(of(false).await, [Some(own.id), Some(strange.id), Some(lead.row)]);
    assert_eq!(of(true).await, [Some(own.id), None, Some(lead.row)]);
}

/// As a person said of it, until that is taken back.
pub async fn a_conversion_that_does_not_count_is_taken_over_as_one<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let rejected =
        Conversion { disposition: ConversionDisposition::Rejected, ..conversion(rows.next_row(), opened) };
    converted(&*store, rows.next_row(), new(rejected.clone())).await;
    let lead = Lead { session: opened, ..lead(1, rows.next_row()) };
    store.accept_lead(taken(lead.clone(), Some(&rejected))).await.unwrap();
    let now = stands(&*store, lead.row).await;
    assert_eq!(now.disposition, ConversionDisposition::Rejected);
    assert!(now.withheld.is_some());
}
