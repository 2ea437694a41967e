//! New conversions, and the leads that are one.

use super::build::{Rows, accepted, click, duplicate, lead, record};
use super::build_conversions::{
    PAYOUT, RECEIVED, call, conversion, converted, log, makes, money_of, new, refused, session, stands,
    with_transaction,
};
use crate::after_sale::LedgerFilter;
use crate::conversions::{ChangeConversion, RecordConversion, Recorded, SessionHad};
use crate::{PageRequest, Store, StoreError};
use crumb_domain::caps::{CapCheck, CapScope, DayCount};
use crumb_domain::conversion::{
    Conversion, ConversionDisposition, ConversionSource, LeadConversion, Order, OrderLine, Reported, Withheld,
};
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::ledger::Account;
use crumb_domain::network::CapOf;
use crumb_domain::pixel::PixelDisposition;
use crumb_domain::time::Day;
use crumb_domain::{AdvertiserId, AffiliateId, EventId, Money, OfferContractId, OfferId, RowId, SubIds};
use std::sync::Arc;

const DAY: Day = Day(20_779);

fn everything() -> Reported {
    let line = OrderLine {
        sku: "123ABC".to_owned(),
        quantity: 2,
        unit_price: Money::from_micros(10_000_000),
        discount: Money::ZERO,
    };
    let order = Order {
        total: Some(Money::from_micros(69_800_000)),
        coupons: vec!["FF25".to_owned(), "SHOES50OFF".to_owned()],
        lines: vec![line],
        ..Order::default()
    };
    Reported {
        transaction_id: Some("T-1".to_owned()),
        user_id: Some("u".to_owned()),
        device_id: Some("d".to_owned()),
        currency: Some("EUR".to_owned()),
        order: Some(Box::new(order)),
    }
}

/// By its place and by its session, with all that was reported of it.
pub async fn a_conversion_comes_back_as_it_was<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let plain = conversion(rows.next_row(), session(&*store, rows.next_row()).await);
    let full = Conversion {
        source: ConversionSource::Script,
        event: EventId(344),
        advertiser: None,
        campaign: None,
        offer_contract: Some(OfferContractId(9)),
        sub_ids: SubIds::new(["a", "", "c", "", ""]),
        disposition: ConversionDisposition::Pending,
        withheld: Some(Withheld {
            payout: PAYOUT,
            received: RECEIVED,
            said: false,
            told: true,
            over_cap: false,
        }),
        reported: everything(),
        pixels_shown: true,
        ip: None,
        ..conversion(rows.next_row(), plain.session)
    };
    converted(&*store, rows.next_row(), new(plain.clone())).await;
    converted(
        &*store,
        rows.next_row(),
        RecordConversion { session_had: SessionHad::Leads(0), ..new(full.clone()) },
    )
    .await;
    assert_eq!(store.conversion(full.id).await.unwrap().as_ref(), Some(&full));
    assert_eq!(store.conversions_of(plain.session, 100).await.unwrap(), [plain.clone(), full]);
    let unknown = rows.next_row();
    assert_eq!(store.conversion(unknown).await.unwrap(), None);
    assert_eq!(store.conversions_of(unknown, 100).await.unwrap(), []);
}

/// What it made, what it found there, or why it made nothing.
pub async fn every_call_is_in_the_log_with_what_became_of_it<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let first = conversion(rows.next_row(), opened);
    converted(&*store, rows.next_row(), new(first.clone())).await;
    let again =
        RecordConversion { session_had: SessionHad::Leads(0), ..new(conversion(rows.next_row(), opened)) };
    let recorded = store.record_pixel(makes(rows.next_row(), again)).await.unwrap();
    assert_eq!(recorded, Some(Recorded::Duplicate(first.id)));
    let mut unknown = call(rows.next_row(), opened);
    (unknown.offer, unknown.advertiser, unknown.event, unknown.session) = (None, None, None, None);
    (unknown.affiliate, unknown.campaign, unknown.ip) = (None, None, None);
    let write = refused(unknown.clone(), PixelDisposition::InvalidOffer);
    assert_eq!(store.record_pixel(write).await.unwrap(), None);
    assert_eq!(
        log(&*store).await,
        [
            (PixelDisposition::Ok, Some(first.id)),
            (PixelDisposition::DuplicateConversion, Some(first.id)),
            (PixelDisposition::InvalidOffer, None),
        ]
    );
    let full = crumb_domain::pixel::PixelCall {
        form: ConversionSource::Iframe,
        disposition: PixelDisposition::NotWhitelisted,
        transaction_id: Some("T-1".to_owned()),
        trusted: true,
        ignored: vec!["ap".to_owned(), "p".to_owned()],
        referrer: "https://shop.example/thanks".to_owned(),
        ..call(rows.next_row(), opened)
    };
    store.record_pixel(refused(full.clone(), PixelDisposition::NotWhitelisted)).await.unwrap();
    let newest =
        store.pixels(Default::default(), PageRequest { limit: 2, ..Default::default() }).await.unwrap();
    let unknown = crumb_domain::pixel::PixelCall { disposition: PixelDisposition::InvalidOffer, ..unknown };
    assert_eq!(newest.data, [full, unknown]);
}

/// With what it earns and brings; one that is held back is none.
pub async fn an_accepted_lead_is_the_conversion_of_its_place<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let (payout, revenue) = (PAYOUT, Money::from_micros(30_000_000));
    let sub_ids = SubIds::new(["a", "", "", "", "e"]);
    let told = Lead { session: opened, payout, revenue, sub_ids, ..lead(1, rows.next_row()) };
    let held_back = Lead { session: opened, conversion: None, ..lead(2, rows.next_row()) };
    accepted(&*store, told.clone()).await;
    accepted(&*store, held_back.clone()).await;
    let expected = Conversion {
        source: ConversionSource::Lead,
        advertiser: None,
        lookup: None,
        lead: Some(told.id),
        sub_ids: told.sub_ids.clone(),
        received: revenue,
        has_pixel: false,
        ip: told.ip,
        ..conversion(told.row, opened)
    };
    assert_eq!(store.conversions_of(opened, 100).await.unwrap(), std::slice::from_ref(&expected));
    assert_eq!(store.conversion(told.row).await.unwrap(), Some(expected));
    assert_eq!(store.conversion(held_back.row).await.unwrap(), None);
}

/// Returned, in review, thrown out, or anything else; a person's word goes before.
pub async fn a_leads_conversion_stands_by_its_status_until_somebody_says_otherwise<S: Store>(store: Arc<S>) {
    use ConversionDisposition::{Approved, Pending, Rejected, Returned};
    let mut rows = Rows::new();
    for (number, (status, outcome, expected)) in (1..).zip([
        (LeadStatus::Sold, LeadOutcome::Sold, Approved),
        (LeadStatus::Unsold, LeadOutcome::NoQualifiedBuyers, Approved),
        (LeadStatus::Queued, LeadOutcome::Queued, Approved),
        (LeadStatus::Returned, LeadOutcome::Returned, Returned),
        (LeadStatus::Review, LeadOutcome::Review, Pending),
        (LeadStatus::Scrubbed, LeadOutcome::ThrownOut, Rejected),
        (LeadStatus::Scrubbed, LeadOutcome::Expired, Approved),
    ]) {
        let lead = Lead { status, outcome, ..lead(number, rows.next_row()) };
        accepted(&*store, lead.clone()).await;
        let now = stands(&*store, lead.row).await;
        assert_eq!(now.disposition, expected, "{status:?} {outcome:?}");
        let disposition = if expected == Rejected { Approved } else { Rejected };
        let said = Conversion { disposition, ..now };
        let (ledger, deliveries) = (Vec::new(), Vec::new());
        let change = ChangeConversion {
            conversion: said.clone(),
            ledger,
            deliveries,
            timeline: Vec::new(),
            once_a_transaction: false,
        };
        store.change_conversion(change).await.unwrap();
        assert_eq!(stands(&*store, lead.row).await, Conversion { revision: said.revision + 1, ..said });
        let kept = store.lead(lead.id).await.unwrap().unwrap();
        assert_eq!((kept.status, kept.outcome), (status, outcome));
    }
}

/// Another event is another one, as is another session.
pub async fn the_same_event_of_a_session_counts_once_unless_it_may_come_again<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let other = session(&*store, rows.next_row()).await;
    let first = conversion(rows.next_row(), opened);
    converted(&*store, rows.next_row(), new(first.clone())).await;
    const SOME: SessionHad = SessionHad::Leads(0);
    let with = |session_had, once_a_session, conversion| RecordConversion {
        session_had,
        once_a_session,
        ..new(conversion)
    };
    let again = with(SOME, true, conversion(rows.next_row(), opened));
    let recorded = store.record_pixel(makes(rows.next_row(), again)).await.unwrap();
    assert_eq!(recorded, Some(Recorded::Duplicate(first.id)));
    let event = Conversion { event: EventId(2), ..conversion(rows.next_row(), opened) };
    converted(&*store, rows.next_row(), with(SOME, true, event)).await;
    converted(&*store, rows.next_row(), with(SOME, false, conversion(rows.next_row(), opened))).await;
    converted(&*store, rows.next_row(), with(SessionHad::Nothing, true, conversion(rows.next_row(), other)))
        .await;
    assert_eq!(store.conversions_of(opened, 100).await.unwrap().len(), 3);
    let account = Account::Affiliate(AffiliateId(12));
    assert_eq!(store.balance(account).await.unwrap().micros(), 4 * PAYOUT.micros());
}

/// Of the event that the lead is the conversion of.
pub async fn a_lead_counts_among_its_sessions_conversions<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let lead = Lead { session: opened, ..lead(1, rows.next_row()) };
    accepted(&*store, lead.clone()).await;
    let again =
        RecordConversion { session_had: SessionHad::Leads(1), ..new(conversion(rows.next_row(), opened)) };
    let recorded = store.record_pixel(makes(rows.next_row(), again)).await.unwrap();
    assert_eq!(recorded, Some(Recorded::Duplicate(lead.row)));
    let event = Conversion { event: EventId(2), ..conversion(rows.next_row(), opened) };
    for others in [0, 2] {
        let session_had = SessionHad::Leads(others);
        let decided = RecordConversion { session_had, ..new(event.clone()) };
        let refused = store.record_pixel(makes(rows.next_row(), decided)).await;
        assert_eq!(refused, Err(StoreError::Conflict), "a lead has come or is none of it: {others}");
    }
    converted(&*store, rows.next_row(), RecordConversion { session_had: SessionHad::Leads(1), ..new(event) })
        .await;
}

/// Over all sessions of its offer and event, leads' included; tests are a world of their own.
pub async fn a_transaction_id_counts_once_for_its_offer_and_event<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let once = |conversion| RecordConversion { once_a_transaction: true, ..new(conversion) };
    let first = with_transaction(conversion(rows.next_row(), rows.next_row()), "T-1");
    converted(&*store, rows.next_row(), once(first.clone())).await;
    let told = LeadConversion {
        reported: Reported { transaction_id: Some("T-2".to_owned()), ..Reported::default() },
        ..LeadConversion::of(EventId(1))
    };
    let lead = Lead { conversion: Some(told), ..lead(1, rows.next_row()) };
    accepted(&*store, lead.clone()).await;
    let mut with =
        |transaction_id| with_transaction(conversion(rows.next_row(), rows.next_row()), transaction_id);
    let (none, other) = (Conversion { reported: Reported::default(), ..with("") }, with("T-3"));
    for (case, expected) in [
        (with("T-1"), Recorded::Duplicate(first.id)),
        (with("T-2"), Recorded::Duplicate(lead.row)),
        (other, Recorded::New),
        (with("t-1"), Recorded::New),
        (none.clone(), Recorded::New),
        (Conversion { id: with("").id, session: with("").id, ..none }, Recorded::New),
        (Conversion { offer: OfferId(101), ..with("T-1") }, Recorded::New),
        (Conversion { event: EventId(2), ..with("T-1") }, Recorded::New),
        (Conversion { test: true, ..with("T-4") }, Recorded::New),
        (with("T-4"), Recorded::New),
    ] {
        let call_id = with("").id;
        let recorded = store.record_pixel(makes(call_id, once(case.clone()))).await.unwrap();
        assert_eq!(recorded, Some(expected), "{case:?}");
    }
    let careless = new(with("T-1"));
    converted(&*store, with("").id, careless).await;
}

/// Not even the log has it: the caller decides again.
pub async fn a_call_decided_before_its_session_changed_is_decided_again<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let late = new(Conversion { event: EventId(2), ..conversion(rows.next_row(), opened) });
    accepted(&*store, Lead { session: opened, ..lead(1, rows.next_row()) }).await;
    let refused = store.record_pixel(makes(rows.next_row(), late.clone())).await;
    assert_eq!(refused, Err(StoreError::Conflict));
    assert_eq!(log(&*store).await, []);
    assert_eq!(store.balance(Account::Affiliate(AffiliateId(12))).await.unwrap(), Money::ZERO);
    converted(&*store, rows.next_row(), RecordConversion { session_had: SessionHad::Leads(1), ..late }).await;
}

/// Of any number.
pub async fn equal_calls_at_the_same_moment_make_one_conversion<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (store, call_id) = (Arc::clone(&store), rows.next_row());
            let new = new(conversion(rows.next_row(), opened));
            // As a caller does: what it decided on may have changed.
            tokio::spawn(async move {
                loop {
                    let has_some = !store.conversions_of(opened, 100).await.unwrap().is_empty();
                    let session_had = if has_some { SessionHad::Leads(0) } else { SessionHad::Nothing };
                    let new = RecordConversion { session_had, ..new.clone() };
                    match store.record_pixel(makes(call_id, new)).await {
                        Err(StoreError::Conflict) => {}
                        other => return other.unwrap(),
                    }
                }
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += usize::from(task.await.unwrap() == Some(Recorded::New));
    }
    assert_eq!(made, 1);
    assert_eq!(store.conversions_of(opened, 100).await.unwrap().len(), 1);
    assert_eq!(store.balance(Account::Affiliate(AffiliateId(12))).await.unwrap(), PAYOUT);
    assert_eq!(log(&*store).await.len(), 50);
}

/// Of as many sessions.
pub async fn equal_transaction_ids_at_the_same_moment_make_one_conversion<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let conversion = with_transaction(conversion(rows.next_row(), rows.next_row()), "T-1");
            let new = RecordConversion { once_a_transaction: true, ..new(conversion) };
            let (store, write) = (Arc::clone(&store), makes(rows.next_row(), new));
            tokio::spawn(async move { store.record_pixel(write).await.unwrap() })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += usize::from(task.await.unwrap() == Some(Recorded::New));
    }
    assert_eq!(made, 1);
    assert_eq!(store.balance(Account::Affiliate(AffiliateId(12))).await.unwrap(), PAYOUT);
}

fn capped(conversion: Conversion, limit: u32) -> RecordConversion {
    let (scope, of, day) = (CapScope::Offer(OfferId(100)), CapOf::Conversion, DAY);
    let caps = vec![CapCheck { scope, of, first_day: day, day, limit }];
    RecordConversion { caps, counts: vec![DayCount { scope, of, day }], ..new(conversion) }
}

async fn counted<S: Store>(store: &S) -> u64 {
    let (scope, of, day) = (CapScope::Offer(OfferId(100)), CapOf::Conversion, DAY);
    store.count(CapCheck { scope, of, first_day: day, day, limit: 0 }).await.unwrap()
}

/// The others are there, at nothing.
pub async fn a_cap_of_ten_pays_ten_of_fifty_at_once<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let new = capped(conversion(rows.next_row(), rows.next_row()), 10);
            let (store, write) = (Arc::clone(&store), makes(rows.next_row(), new));
            tokio::spawn(async move { store.record_pixel(write).await.unwrap() })
        })
        .collect();
    let mut paid = 0;
    for task in tasks {
        match task.await.unwrap() {
            Some(Recorded::New) => paid += 1,
            other => assert_eq!(other, Some(Recorded::OverCap)),
        }
    }
    assert_eq!((paid, counted(&*store).await), (10, 10));
    let page = PageRequest { limit: 100, ..PageRequest::default() };
    let all = store.conversions(Default::default(), page).await.unwrap().data;
    assert_eq!(all.iter().filter(|one| one.payout == PAYOUT && one.received == RECEIVED).count(), 10);
    let over = |one: &&Conversion| one.disposition == ConversionDisposition::OverCap;
    let at_nothing =
        all.iter().filter(over).filter(|one| one.payout == one.received && one.payout == Money::ZERO);
    let worth =
        Some(Withheld { payout: PAYOUT, received: RECEIVED, said: false, told: false, over_cap: false });
    assert_eq!(at_nothing.filter(|one| one.withheld == worth).count(), 40);
    assert_eq!(
        store.balance(Account::Affiliate(AffiliateId(12))).await.unwrap().micros(),
        10 * PAYOUT.micros()
    );
    let owed = store.balance(Account::Advertiser(AdvertiserId(1))).await.unwrap();
    assert_eq!(owed.micros(), -10 * RECEIVED.micros());
}

/// It is a duplicate's earlier one all the same, and makes no session a converted one.
pub async fn what_is_over_a_cap_earns_and_counts_nothing<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let over = conversion(rows.next_row(), opened);
    let recorded = store.record_pixel(makes(rows.next_row(), capped(over.clone(), 0))).await.unwrap();
    assert_eq!(recorded, Some(Recorded::OverCap));
    assert_eq!(log(&*store).await, [(PixelDisposition::OverCap, Some(over.id))]);
    assert_eq!(counted(&*store).await, 0);
    let ledger = store.ledger(LedgerFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!(ledger.data, []);
    assert!(!store.session(opened).await.unwrap().unwrap().converted);
    let again = RecordConversion {
        session_had: SessionHad::Leads(0),
        ..capped(conversion(rows.next_row(), opened), 5)
    };
    let recorded = store.record_pixel(makes(rows.next_row(), again)).await.unwrap();
    assert_eq!(recorded, Some(Recorded::Duplicate(over.id)));
}

/// However full it is.
pub async fn a_test_meets_no_cap_and_raises_no_count<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let test = Conversion { test: true, ..conversion(rows.next_row(), rows.next_row()) };
    converted(&*store, rows.next_row(), RecordConversion { ledger: Vec::new(), ..capped(test, 0) }).await;
    assert_eq!(counted(&*store).await, 0);
    converted(&*store, rows.next_row(), capped(conversion(rows.next_row(), rows.next_row()), 1)).await;
    assert_eq!(counted(&*store).await, 1);
}

/// Though its event may come again, and though its session has changed by it.
pub async fn a_signed_call_counts_once<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row()).await;
    let signed = |conversion, number| RecordConversion {
        once_a_session: false,
        signature: Some([number; 32]),
        ..new(conversion)
    };
    let first = conversion(rows.next_row(), opened);
    converted(&*store, rows.next_row(), signed(first.clone(), 1)).await;
    for session_had in [SessionHad::Nothing, SessionHad::Leads(0)] {
        let again = RecordConversion { session_had, ..signed(conversion(rows.next_row(), opened), 1) };
        let recorded = store.record_pixel(makes(rows.next_row(), again)).await.unwrap();
        assert_eq!(recorded, Some(Recorded::Duplicate(first.id)));
    }
    let other = RecordConversion {
        session_had: SessionHad::Leads(0),
        ..signed(conversion(rows.next_row(), opened), 2)
    };
    converted(&*store, rows.next_row(), other).await;
    // A call that is refused has not used its signature up.
    let late = signed(conversion(rows.next_row(), opened), 3);
    assert_eq!(store.record_pixel(makes(rows.next_row(), late.clone())).await, Err(StoreError::Conflict));
    converted(&*store, rows.next_row(), RecordConversion { session_had: SessionHad::Leads(0), ..late }).await;
}

/// Not with one that waits, is a test's, or was taken back; read anew or not.
pub async fn a_session_has_converted_with_an_approved_conversion<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    for (disposition, test, expected) in [
        (ConversionDisposition::Approved, false, true),
        (ConversionDisposition::Approved, true, false),
        (ConversionDisposition::Pending, false, false),
        (ConversionDisposition::Rejected, false, false),
    ] {
        let opened = session(&*store, rows.next_row()).await;
        record(&*store, duplicate(rows.next_row(), opened)).await;
        let converted_now = async || store.session(opened).await.unwrap().unwrap().converted;
        assert!(!converted_now().await);
        let made = Conversion { disposition, test, ..conversion(rows.next_row(), opened) };
        converted(&*store, rows.next_row(), new(made.clone())).await;
        assert_eq!(converted_now().await, expected, "{disposition:?} {test}");
        let disposition = match disposition {
            ConversionDisposition::Approved => ConversionDisposition::Returned,
            _ => ConversionDisposition::Approved,
        };
        let conversion = Conversion { disposition, ..made };
        let change = ChangeConversion {
            conversion,
            ledger: Vec::new(),
            deliveries: Vec::new(),
            timeline: Vec::new(),
            once_a_transaction: false,
        };
        store.change_conversion(change).await.unwrap();
        assert_eq!(converted_now().await, !expected && !test, "{disposition:?} {test}");
    }
}

/// Of its conversion, and under the accounts of both sides.
pub async fn what_a_conversion_moves_is_in_the_ledger<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let made = conversion(rows.next_row(), rows.next_row());
    converted(&*store, rows.next_row(), new(made.clone())).await;
    converted(&*store, rows.next_row(), new(conversion(rows.next_row(), rows.next_row()))).await;
    let [paid, received] = <[_; 2]>::try_from(money_of(&made)).unwrap();
    let page = || PageRequest { ascending: true, limit: 2, cursor: None };
    let all = store.ledger(LedgerFilter::default(), page()).await.unwrap();
    assert_eq!((all.data, all.total), (vec![paid, received.clone()], 4));
    let account = Some(Account::Advertiser(AdvertiserId(1)));
    let of_advertiser =
        store.ledger(LedgerFilter { account, ..LedgerFilter::default() }, page()).await.unwrap();
    assert_eq!((of_advertiser.data.first(), of_advertiser.total), (Some(&received), 2));
}

/// A node's ids go on after its conversions and calls too; those of leads and clicks it
/// does not know.
pub async fn rows_of_conversions_and_calls_count_as_newest<S: Store>(store: Arc<S>) {
    let (mut rows, mut fifth, mut sixth) = (Rows::new(), Rows::of_node(5), Rows::of_node(6));
    record(&*store, click(rows.next_row())).await;
    let made = conversion(fifth.next_row(), rows.next_row());
    let of_sixth: RowId = sixth.next_row();
    converted(&*store, of_sixth, new(made.clone())).await;
    assert_eq!(store.newest_row(5).await.unwrap(), Some(made.id));
    assert_eq!(store.newest_row(6).await.unwrap(), Some(of_sixth));
}
