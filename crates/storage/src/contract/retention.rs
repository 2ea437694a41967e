//! What goes once it is old, and what stays.

use super::build::{NOW, Rows, lead};
use super::build_conversions::{call, refused, session};
use super::build_selling::{ended, in_hand, pending, reserve, unsold, waiting};
use super::outbox::postback;
use super::selling_records::attempt;
use crate::conversions::PixelFilter;
use crate::outbox::{AfterAttempt, ClaimRoom, DeliveryFilter, EndLease};
use crate::retention::{KeptFor, REMOVED_PER_STEP, Removed};
use crate::selling::{LeadChange, ReservationEnd, Reserve, Then};
use crate::{PageRequest, Store};
use crumb_domain::delivery::{Delivery, DeliveryAttempt, DeliveryState};
use crumb_domain::pixel::{PixelCall, PixelDisposition};
use crumb_domain::selling::{BuyerAnswer, BuyerReading};
use crumb_domain::{RowId, Timestamp};
use std::sync::Arc;

/// What is older goes.
fn before() -> Timestamp {
    NOW.plus_days(90)
}

fn page() -> PageRequest {
    PageRequest { ascending: true, limit: 1_000, ..PageRequest::default() }
}

/// Removes all that goes; how many, and in how many steps.
async fn removed<S: Store>(store: &S, what: KeptFor) -> (u32, u32) {
    let (mut all, mut steps, mut after) = (0, 0, None);
    loop {
        let Removed { count, next } = store.remove_old(what, before(), after).await.unwrap();
        assert!(count <= REMOVED_PER_STEP);
        (all, steps) = (all + count, steps + 1);
        match next {
            Some(next) => after = Some(next),
            None => return (all, steps),
        }
    }
}

/// The pixel log from a moment on stays, and so does all that a call made.
pub async fn the_pixel_log_goes_step_by_step_up_to_a_moment<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let opened = session(&*store, rows.next_row_at(NOW)).await;
    let count = 2 * REMOVED_PER_STEP + 10;
    let mut made = async |at: Timestamp| {
        let made = PixelCall { at, ..call(rows.next_row_at(at), opened) };
        let id = made.id;
        store.record_pixel(refused(made, PixelDisposition::DuplicateConversion)).await.unwrap();
        id
    };
    for number in 0..count {
        made(NOW.plus_seconds(i64::from(number))).await;
    }
    let kept = [made(before()).await, made(before().plus_days(1)).await];
    assert_eq!(removed(&*store, KeptFor::PixelLog).await, (count, 3));
    let left = store.pixels(PixelFilter::default(), page()).await.unwrap().data;
    assert_eq!(left.iter().map(|call| call.id).collect::<Vec<_>>(), kept);
    let of_session = PixelFilter { session: Some(opened), ..PixelFilter::default() };
    assert_eq!(store.pixels(of_session, page()).await.unwrap().total, 2);
    assert!(store.session(opened).await.unwrap().is_some());
    assert_eq!(removed(&*store, KeptFor::PixelLog).await, (0, 1), "nothing more");
    assert_eq!(store.newest_row(0).await.unwrap(), Some(kept[1]));
}

/// Parked ones stay for ever, with what was tried.
pub async fn delivered_deliveries_go_and_parked_or_waiting_ones_stay<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let all: Vec<Delivery> = (0..4).map(|_| postback(rows.next_row_at(NOW))).collect();
    let ids: Vec<RowId> = all.iter().map(|delivery| delivery.id).collect();
    store.put_deliveries(all).await.unwrap();
    let late = Delivery { at: before(), ..postback(rows.next_row_at(before())) };
    store.put_deliveries(vec![Delivery { state: DeliveryState::Delivered, ..late.clone() }]).await.unwrap();
    let room = ClaimRoom { most: 9, each: 9, ..ClaimRoom::default() };
    let claimed = store.claim_deliveries(NOW, NOW.plus_seconds(12), room).await.unwrap();
    let attempt = DeliveryAttempt {
        at: NOW,
        phase: "done".to_owned(),
        took_ms: 1,
        status: Some(200),
        answer: String::new(),
        error: None,
    };
    let after =
        [AfterAttempt::Delivered, AfterAttempt::Parked, AfterAttempt::Again(NOW), AfterAttempt::Delivered];
    let end = |(claimed, after): (crate::outbox::Claimed, AfterAttempt)| EndLease {
        id: claimed.delivery.id,
        lease: claimed.lease,
        attempt: Some(attempt.clone()),
        after,
    };
    store.end_leases(claimed.into_iter().zip(after).map(end).collect(), Vec::new()).await.unwrap();
    // One that was delivered, and is set going again, waits.
    let again = DeliveryFilter { from: Some(NOW), to: Some(NOW.plus_days(1)), ..DeliveryFilter::default() };
    assert_eq!(removed(&*store, KeptFor::Deliveries).await, (2, 1));
    let left = store.deliveries(DeliveryFilter::default(), page()).await.unwrap().data;
    assert_eq!(left.iter().map(|found| found.id).collect::<Vec<_>>(), [ids[1], ids[2], late.id]);
    for (id, count) in ids.iter().zip([0, 1, 1, 0]) {
        assert_eq!(store.attempts_of_delivery(*id).await.unwrap().len(), count);
    }
    assert_eq!(store.replay_deliveries(again, NOW).await.unwrap(), 1);
    assert_eq!(removed(&*store, KeptFor::Deliveries).await, (0, 1), "it waits again");
}

/// What was decided, and what is owed, is not theirs to take along.
pub async fn attempts_go_when_their_leads_rest<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut asked = async |number: u32| {
        let lead = in_hand(&*store, lead(number, rows.next_row_at(NOW))).await;
        let refused = BuyerAnswer::Rejected(BuyerReading::default());
        let attempts = vec![attempt(rows.next_row_at(NOW), 7, refused)];
        store.reserve(Reserve { attempts, ..reserve(lead.row, 7) }).await.unwrap();
        lead
    };
    let resting = asked(1).await;
    let refused = [ended(7, ReservationEnd::Refused)];
    store.settle(unsold(&resting, &refused)).await.unwrap();
    let held = asked(2).await;
    store.settle(pending(&held, 7)).await.unwrap();
    let queued = asked(3).await;
    let wait = LeadChange { then: Then::Wait(NOW), ..unsold(&queued, &refused) };
    store.settle(wait).await.unwrap();
    let handled = asked(4).await;
    waiting(&*store, lead(5, rows.next_row_at(NOW)), NOW).await;
    assert_eq!(removed(&*store, KeptFor::Attempts).await, (1, 1));
    for (lead, count) in [(&resting, 0), (&held, 1), (&queued, 1), (&handled, 1)] {
        assert_eq!(store.attempts_of(lead.row).await.unwrap().len(), count, "{}", lead.id);
        assert!(store.lead(lead.id).await.unwrap().is_some());
    }
}

/// Those that stay are passed over in steps, each of which looks at some only.
pub async fn many_that_stay_keep_no_other_from_going<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let parked =
        |rows: &mut Rows| Delivery { state: DeliveryState::Parked, ..postback(rows.next_row_at(NOW)) };
    let all = (0..crate::retention::LOOKED_AT_PER_STEP).map(|_| parked(&mut rows)).collect();
    store.put_deliveries(all).await.unwrap();
    let last = Delivery { state: DeliveryState::Delivered, ..postback(rows.next_row_at(NOW)) };
    store.put_deliveries(vec![last.clone()]).await.unwrap();
    assert_eq!(removed(&*store, KeptFor::Deliveries).await, (1, 2));
    assert_eq!(store.delivery(last.id).await.unwrap(), None);
}
