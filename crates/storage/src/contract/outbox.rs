//! The outbox: written with what it tells, claimed by lease, ended, and replayed.

use super::build::{NOW, Rows, accept, accepted, lead, lead_id, reject, update};
use super::build_selling::in_hand;
use crate::alerts::AlertFilter;
use crate::leads::{AcceptLead, RejectPost, UpdateLead};
use crate::outbox::{
    AfterAttempt, ClaimRoom, Claimed, DeliveryFilter, EndLease, RefusedFn, WaitingDeliveries,
};
use crate::selling::LeadChange;
use crate::{PageRequest, Store, StoreError};
use crumb_domain::delivery::{Delivery, DeliveryAttempt, DeliveryKind, DeliveryState, latest_due};
use crumb_domain::outcome::Problem;
use crumb_domain::selling::{Alert, AlertCode};
use crumb_domain::{AffiliateId, CampaignId, OfferId, RowId, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How long the cases' leases run.
const LEASE_SECONDS: i64 = 12;

/// A postback of campaign 57, due now.
pub(super) fn postback(id: RowId) -> Delivery {
    Delivery {
        id,
        webhook_id: format!("msg_{}", id.as_i64()),
        at: NOW,
        kind: DeliveryKind::Postback,
        destination: "campaign:57".to_owned(),
        affiliate: Some(AffiliateId(12)),
        campaign: Some(CampaignId(57)),
        offer: Some(OfferId(100)),
        conversion: Some(id),
        lead: None,
        url: "https://affiliate.example/postback?id=1".to_owned(),
        shown_url: None,
        body: None,
        state: DeliveryState::Waits,
        tries: 0,
        due: NOW,
    }
}

fn attempt(at: Timestamp, status: Option<u16>) -> DeliveryAttempt {
    DeliveryAttempt {
        at,
        phase: "done".to_owned(),
        took_ms: 17,
        status,
        answer: "an answer".to_owned(),
        error: status.is_none().then(|| "no answer".to_owned()),
    }
}

fn later(seconds: i64) -> Timestamp {
    NOW.plus_seconds(seconds)
}

fn room(most: u32) -> ClaimRoom {
    ClaimRoom { most, each: 1_000, ..ClaimRoom::default() }
}

async fn claim<S: Store>(store: &S, now: Timestamp) -> Vec<Claimed> {
    claim_within(store, now, room(100)).await
}

async fn claim_within<S: Store>(store: &S, now: Timestamp, room: ClaimRoom) -> Vec<Claimed> {
    store.claim_deliveries(now, now.plus_seconds(LEASE_SECONDS), room).await.unwrap()
}

fn ids(claimed: &[Claimed]) -> Vec<RowId> {
    claimed.iter().map(|claimed| claimed.delivery.id).collect()
}

async fn end<S: Store>(store: &S, claimed: &Claimed, status: Option<u16>, after: AfterAttempt) {
    let ended = EndLease {
        id: claimed.delivery.id,
        lease: claimed.lease,
        attempt: Some(attempt(NOW, status)),
        after,
    };
    store.end_leases(vec![ended], Vec::new()).await.unwrap();
}

/// What a delivery is now: its state, tries and moment.
async fn stands<S: Store>(store: &S, id: RowId) -> (DeliveryState, u32, Timestamp) {
    let delivery = store.delivery(id).await.unwrap().unwrap();
    (delivery.state, delivery.tries, delivery.due)
}

/// With everything that it says, and none that there is not.
pub async fn a_delivery_comes_back_as_it_was<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let shown_url = Some("https://affiliate.example/postback?id=***".to_owned());
    let full = Delivery { lead: Some(lead_id(1)), shown_url, ..postback(rows.next_row()) };
    let bare = Delivery {
        kind: DeliveryKind::Webhook,
        destination: "webhook:1".to_owned(),
        affiliate: None,
        campaign: None,
        offer: None,
        conversion: None,
        body: Some("{\"type\":\"lead.sold\"}".to_owned()),
        due: later(60),
        ..postback(rows.next_row())
    };
    store.put_deliveries(vec![full.clone(), bare.clone()]).await.unwrap();
    store.put_deliveries(Vec::new()).await.unwrap();
    for delivery in [full, bare] {
        assert_eq!(store.delivery(delivery.id).await.unwrap(), Some(delivery));
    }
    assert_eq!(store.delivery(rows.next_row()).await.unwrap(), None);
    let again = postback(
        store.deliveries(DeliveryFilter::default(), PageRequest::default()).await.unwrap().data[0].id,
    );
    assert!(store.put_deliveries(vec![again]).await.is_err(), "a place is one delivery's");
}

/// Of a lead that is accepted, changed, settled or acted on; of a refused one none.
pub async fn deliveries_are_written_with_what_they_tell_or_not_at_all<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let problem = Problem::UnmatchedFilter;
    let first = lead(1, rows.next_row());
    let deliveries = vec![postback(rows.next_row())];
    let mut kept = vec![deliveries[0].id];
    store.accept_lead(AcceptLead { deliveries, ..accept(first.clone()) }).await.unwrap();
    let refused = lead(2, rows.next_row());
    let deliveries = vec![postback(rows.next_row())];
    let filtered = Some(Problem::UnmatchedFilter);
    store.accept_lead(AcceptLead { deliveries, filtered, ..accept(refused) }).await.unwrap();
    let mut change = |filtered| UpdateLead {
        filtered,
        deliveries: vec![postback(rows.next_row())],
        ..update(first.clone(), rows.next_row())
    };
    let (refused, held) = (change(Some(Problem::UnmatchedFilter)), change(None));
    store.update_lead(refused).await.unwrap();
    kept.push(held.deliveries[0].id);
    store.update_lead(held).await.unwrap();
    let sold = in_hand(&*store, lead(3, rows.next_row())).await;
    let told = |id| LeadChange { deliveries: vec![postback(id)], ..LeadChange::new(sold.clone(), NOW) };
    let (settled, conflict, acted) = (rows.next_row(), rows.next_row(), rows.next_row());
    store.settle(told(settled)).await.unwrap();
    assert_eq!(store.act(told(conflict)).await, Err(StoreError::Conflict));
    let now = store.lead(sold.id).await.unwrap().unwrap();
    let change = LeadChange { deliveries: vec![postback(acted)], ..LeadChange::new(now, NOW) };
    store.act(change).await.unwrap();
    kept.extend([settled, acted]);
    let (kept_post, lost_post) = (reject(rows.next_row(), problem), reject(rows.next_row(), problem));
    let deliveries = vec![postback(rows.next_row())];
    kept.push(deliveries[0].id);
    store.reject_post(RejectPost { deliveries, ..kept_post }).await.unwrap();
    let deliveries = vec![postback(rows.next_row())];
    store.reject_post(RejectPost { deliveries, keep: false, ..lost_post }).await.unwrap();
    for (number, keep) in [(4, true), (5, false)] {
        let told = postback(rows.next_row());
        kept.extend(keep.then_some(told.id));
        let refused_told: Option<RefusedFn> = Some(Box::new(move |found| {
            assert_eq!(found, problem);
            vec![told.clone()]
        }));
        let sent = accept(lead(number, rows.next_row()));
        let keep_refused = Box::new(move || keep);
        let sent = AcceptLead { refused_told, filtered: Some(problem), keep_refused, ..sent };
        store.accept_lead(sent).await.unwrap();
    }
    let page = PageRequest { ascending: true, ..PageRequest::default() };
    let all = store.deliveries(DeliveryFilter::default(), page).await.unwrap().data;
    assert_eq!(all.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), kept);
}

/// And what is not due yet is left.
pub async fn what_is_due_is_claimed_the_longest_due_first<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let due = [-10, 0, -30, 1, -20];
    let all: Vec<Delivery> =
        due.iter().map(|due| Delivery { due: later(*due), ..postback(rows.next_row()) }).collect();
    store.put_deliveries(all.clone()).await.unwrap();
    let first = claim_within(&*store, NOW, room(2)).await;
    assert_eq!(ids(&first), [all[2].id, all[4].id]);
    assert_eq!(first[0].delivery, all[2]);
    assert_eq!(ids(&claim(&*store, NOW).await), [all[0].id, all[1].id]);
    assert_eq!(ids(&claim(&*store, NOW).await), []);
    assert_eq!(ids(&claim(&*store, later(1)).await), [all[3].id]);
}

/// Of many that claim at once.
pub async fn each_delivery_is_claimed_by_one<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let all: Vec<Delivery> = (0..40).map(|_| postback(rows.next_row())).collect();
    store.put_deliveries(all.clone()).await.unwrap();
    let mut claims = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        claims.spawn(async move { ids(&claim_within(&*store, NOW, room(7)).await) });
    }
    let mut claimed: Vec<RowId> = claims.join_all().await.into_iter().flatten().collect();
    while let rest @ [_, ..] = &ids(&claim(&*store, NOW).await)[..] {
        claimed.extend(rest);
    }
    claimed.sort();
    assert_eq!(claimed, all.iter().map(|delivery| delivery.id).collect::<Vec<_>>());
}

/// All together, of one destination with those under way, and of none that is paused.
pub async fn a_claim_keeps_to_its_room<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let to = |destination: &str, rows: &mut Rows| Delivery {
        destination: destination.to_owned(),
        ..postback(rows.next_row())
    };
    let all: Vec<Delivery> =
        ["a", "a", "a", "b", "b", "b", "c", "d"].map(|to_whom| to(to_whom, &mut rows)).into();
    store.put_deliveries(all.clone()).await.unwrap();
    let under_way = HashMap::from([("b".to_owned(), 1), ("d".to_owned(), 2)]);
    let paused = HashSet::from(["c".to_owned()]);
    let room = ClaimRoom { most: 100, each: 2, under_way, paused };
    assert_eq!(ids(&claim_within(&*store, NOW, room).await), [all[0].id, all[1].id, all[3].id]);
    assert_eq!(
        ids(&claim_within(&*store, NOW, ClaimRoom { most: 0, each: 9, ..Default::default() }).await),
        []
    );
    let rest = claim_within(&*store, NOW, ClaimRoom { most: 3, each: 9, ..Default::default() }).await;
    assert_eq!(ids(&rest), [all[2].id, all[4].id, all[5].id]);
}

/// However long they wait.
pub async fn thousands_that_wait_for_one_destination_keep_no_other_back<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let waiting = |_| Delivery { due: later(-9), ..postback(rows.next_row()) };
    let many: Vec<Delivery> = (0..2_000).map(waiting).collect();
    let [first, second] = [many[0].id, many[1].id];
    store.put_deliveries(many).await.unwrap();
    let other = |id, destination: &str, due| Delivery {
        due: later(due),
        destination: destination.to_owned(),
        ..postback(id)
    };
    let others = [
        (rows.next_row(), "a", -1),
        (rows.next_row(), "z", -2),
        (rows.next_row(), "z", -3),
        (rows.next_row(), "z", 1),
    ];
    let (a, z, y) = (others[0].0, others[1].0, others[2].0);
    store.put_deliveries(others.map(|(id, to, due)| other(id, to, due)).into()).await.unwrap();
    let room = ClaimRoom { most: 10, each: 2, ..ClaimRoom::default() };
    assert_eq!(ids(&claim_within(&*store, NOW, room.clone()).await), [first, second, y, z, a]);
    let paused = HashSet::from(["campaign:57".to_owned()]);
    assert_eq!(ids(&claim_within(&*store, NOW, ClaimRoom { paused, ..room }).await), []);
}

/// Until it is parked or delivered.
pub async fn a_delivery_that_fails_is_due_again_as_told_and_its_tries_count<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let (one, other) = (rows.next_row(), rows.next_row());
    store.put_deliveries(vec![postback(one), postback(other)]).await.unwrap();
    for claimed in claim(&*store, NOW).await {
        end(&*store, &claimed, Some(500), AfterAttempt::Again(later(5))).await;
    }
    assert_eq!(stands(&*store, one).await, (DeliveryState::Waits, 1, later(5)));
    assert_eq!(ids(&claim(&*store, later(4)).await), []);
    let again = claim(&*store, later(5)).await;
    assert_eq!(
        (again[0].delivery.tries, again[0].delivery.webhook_id.as_str()),
        (1, &*format!("msg_{}", one.as_i64()))
    );
    end(&*store, &again[0], Some(204), AfterAttempt::Delivered).await;
    end(&*store, &again[1], None, AfterAttempt::Parked).await;
    assert_eq!(stands(&*store, one).await, (DeliveryState::Delivered, 2, later(5)));
    assert_eq!(stands(&*store, other).await, (DeliveryState::Parked, 2, later(5)));
    assert_eq!(ids(&claim(&*store, later(1_000_000)).await), []);
    let kept = store.attempts_of_delivery(one).await.unwrap();
    assert_eq!(kept, [attempt(NOW, Some(500)), attempt(NOW, Some(204))]);
    assert_eq!(store.attempts_of_delivery(other).await.unwrap()[1], attempt(NOW, None));
}

/// And leaves no attempt.
pub async fn a_postponed_delivery_counts_no_try<S: Store>(store: Arc<S>) {
    let id = Rows::new().next_row();
    store.put_deliveries(vec![postback(id)]).await.unwrap();
    let claimed = claim(&*store, NOW).await.remove(0);
    let after = AfterAttempt::Postponed(later(30));
    let ended = EndLease { id, lease: claimed.lease, attempt: None, after };
    store.end_leases(vec![ended], Vec::new()).await.unwrap();
    assert_eq!(stands(&*store, id).await, (DeliveryState::Waits, 0, later(30)));
    assert_eq!(store.attempts_of_delivery(id).await.unwrap(), []);
    assert_eq!(ids(&claim(&*store, later(29)).await), []);
    assert_eq!(ids(&claim(&*store, later(30)).await), [id]);
}

/// But its attempt is kept.
pub async fn a_lease_that_ran_out_is_claimed_anew_and_its_end_counts_no_more<S: Store>(store: Arc<S>) {
    let id = Rows::new().next_row();
    store.put_deliveries(vec![postback(id)]).await.unwrap();
    let first = claim(&*store, NOW).await.remove(0);
    assert_eq!(ids(&claim(&*store, later(LEASE_SECONDS - 1)).await), []);
    let second = claim(&*store, later(LEASE_SECONDS)).await.remove(0);
    assert_eq!((second.delivery.id, second.lease), (id, first.lease + 1));
    end(&*store, &first, Some(500), AfterAttempt::Parked).await;
    assert_eq!(stands(&*store, id).await, (DeliveryState::Waits, 0, NOW));
    assert_eq!(ids(&claim(&*store, later(LEASE_SECONDS)).await), [], "the second lease runs");
    end(&*store, &second, Some(500), AfterAttempt::Again(later(60))).await;
    assert_eq!(stands(&*store, id).await, (DeliveryState::Waits, 1, later(60)));
    assert_eq!(store.attempts_of_delivery(id).await.unwrap().len(), 2);
}

/// And its newer lease changes that no more.
pub async fn what_was_delivered_under_an_old_lease_is_delivered<S: Store>(store: Arc<S>) {
    let id = Rows::new().next_row();
    store.put_deliveries(vec![postback(id)]).await.unwrap();
    let first = claim(&*store, NOW).await.remove(0);
    let second = claim(&*store, later(LEASE_SECONDS)).await.remove(0);
    end(&*store, &first, Some(200), AfterAttempt::Delivered).await;
    assert_eq!(stands(&*store, id).await.0, DeliveryState::Delivered);
    end(&*store, &second, Some(500), AfterAttempt::Again(later(5))).await;
    assert_eq!(stands(&*store, id).await.0, DeliveryState::Delivered);
    assert_eq!(ids(&claim(&*store, later(1_000)).await), []);
}

/// An end that is told twice has no second effect.
pub async fn a_delivery_that_ended_stays_as_it_is<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let (one, other) = (rows.next_row(), rows.next_row());
    store.put_deliveries(vec![postback(one), postback(other)]).await.unwrap();
    let claimed = claim(&*store, NOW).await;
    end(&*store, &claimed[0], Some(200), AfterAttempt::Delivered).await;
    end(&*store, &claimed[0], Some(500), AfterAttempt::Parked).await;
    end(&*store, &claimed[1], Some(500), AfterAttempt::Parked).await;
    end(&*store, &claimed[1], Some(500), AfterAttempt::Again(later(5))).await;
    assert_eq!(stands(&*store, one).await, (DeliveryState::Delivered, 1, NOW));
    assert_eq!(stands(&*store, other).await, (DeliveryState::Parked, 1, NOW));
}

/// At once, and what that process may still say counts no more.
pub async fn leases_of_a_process_that_is_gone_are_released<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let all = [rows.next_row(), rows.next_row(), rows.next_row()];
    let free = Delivery { due: later(9), ..postback(all[2]) };
    store.put_deliveries(vec![postback(all[0]), postback(all[1]), free]).await.unwrap();
    let gone = claim(&*store, NOW).await;
    assert_eq!(store.release_leases(later(1)).await.unwrap(), 2);
    assert_eq!(store.release_leases(later(1)).await.unwrap(), 0);
    // Before anybody has them again, and after.
    end(&*store, &gone[0], Some(500), AfterAttempt::Parked).await;
    let again = claim(&*store, later(1)).await;
    assert_eq!(ids(&again), [all[0], all[1]]);
    end(&*store, &gone[1], Some(500), AfterAttempt::Parked).await;
    for id in [all[0], all[1]] {
        assert_eq!(stands(&*store, id).await, (DeliveryState::Waits, 0, NOW));
    }
}

/// What it put off, and what it leased.
pub async fn a_clock_that_was_put_back_holds_nothing_up<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let [leased, far, soon, late] = [(); 4].map(|()| rows.next_row());
    let far_off = latest_due(NOW).plus_seconds(1);
    store
        .put_deliveries(vec![
            postback(leased),
            Delivery { due: far_off, ..postback(far) },
            Delivery { due: latest_due(NOW), ..postback(soon) },
            Delivery { due: later(-9), ..postback(late) },
        ])
        .await
        .unwrap();
    let first = claim_within(&*store, NOW, room(2)).await;
    assert_eq!(ids(&first), [late, leased]);
    let back = later(-1);
    let again = claim(&*store, back).await;
    let mut claimed = ids(&again);
    claimed.sort();
    // The lease that was too long is over; what is due by its own time later is due then.
    assert_eq!(claimed, [far, soon, late]);
    end(&*store, &first[1], Some(500), AfterAttempt::Again(later(-2))).await;
    let third = claim(&*store, back).await;
    assert_eq!(ids(&third), [leased]);
}

/// Of what waits and of leases, after a moment.
pub async fn the_next_moment_at_which_something_is_due_is_known<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    assert_eq!(store.next_delivery_due(NOW).await.unwrap(), None);
    let all = [0, 5, 30].map(|due| Delivery { due: later(due), ..postback(rows.next_row()) });
    store.put_deliveries(all.into()).await.unwrap();
    assert_eq!(store.next_delivery_due(later(-1)).await.unwrap(), Some(NOW));
    assert_eq!(store.next_delivery_due(NOW).await.unwrap(), Some(later(5)));
    let claimed = claim(&*store, NOW).await;
    assert_eq!(store.next_delivery_due(later(5)).await.unwrap(), Some(later(LEASE_SECONDS)));
    end(&*store, &claimed[0], Some(200), AfterAttempt::Delivered).await;
    assert_eq!(store.next_delivery_due(later(5)).await.unwrap(), Some(later(30)));
    assert_eq!(store.next_delivery_due(later(30)).await.unwrap(), None);
}

/// So that none is parked without a word.
pub async fn alerts_are_raised_with_the_end_of_leases<S: Store>(store: Arc<S>) {
    let id = Rows::new().next_row();
    store.put_deliveries(vec![postback(id)]).await.unwrap();
    let claimed = claim(&*store, NOW).await.remove(0);
    let text = "parked".to_owned();
    let alert =
        Alert { at: NOW, code: AlertCode::DeliveryParked, contract: None, buyer: None, lead: None, text };
    let ended = EndLease { id, lease: claimed.lease, attempt: None, after: AfterAttempt::Parked };
    store.end_leases(vec![ended], vec![alert.clone()]).await.unwrap();
    let raised = store.alerts(AlertFilter::default(), PageRequest::default()).await.unwrap().data;
    assert_eq!(raised.into_iter().map(|raised| raised.alert).collect::<Vec<_>>(), [alert]);
}

/// Once, by whichever write; of one that writes none nobody hears.
pub async fn whoever_waits_for_deliveries_hears_of_those_written<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let is_told = async || {
        tokio::select! {
            biased;
            () = store.deliveries_written() => true,
            () = std::future::ready(()) => false,
        }
    };
    assert!(!is_told().await);
    accepted(&*store, lead(1, rows.next_row())).await;
    assert!(!is_told().await, "nobody is to be told of it");
    let deliveries = vec![postback(rows.next_row())];
    store.accept_lead(AcceptLead { deliveries, ..accept(lead(2, rows.next_row())) }).await.unwrap();
    assert!(is_told().await);
    assert!(!is_told().await);
    let id = rows.next_row();
    store.put_deliveries(vec![Delivery { state: DeliveryState::Parked, ..postback(id) }]).await.unwrap();
    assert!(is_told().await);
    assert_eq!(store.replay_deliveries(DeliveryFilter::default(), NOW).await.unwrap(), 1);
    assert!(is_told().await);
}

/// Whether a worker has them or not.
pub async fn what_waits_is_counted_with_its_oldest<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    assert_eq!(store.waiting_deliveries().await.unwrap(), WaitingDeliveries::default());
    let made = |seconds, due, rows: &mut Rows| Delivery {
        at: later(seconds),
        due: later(due),
        ..postback(rows.next_row())
    };
    let all = [made(-9, 0, &mut rows), made(-5, 60, &mut rows)];
    store.put_deliveries(all.into()).await.unwrap();
    let both = WaitingDeliveries { count: 2, oldest: Some(later(-9)) };
    assert_eq!(store.waiting_deliveries().await.unwrap(), both);
    let claimed = claim(&*store, NOW).await.remove(0);
    assert_eq!(store.waiting_deliveries().await.unwrap(), both);
    end(&*store, &claimed, Some(200), AfterAttempt::Delivered).await;
    let one = WaitingDeliveries { count: 1, oldest: Some(later(-5)) };
    assert_eq!(store.waiting_deliveries().await.unwrap(), one);
}

/// One by one and together.
pub async fn deliveries_are_found_by_each_filter_and_in_pages<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let plain = postback(rows.next_row_at(NOW));
    let other = Delivery {
        at: later(120),
        kind: DeliveryKind::Webhook,
        destination: "webhook:1".to_owned(),
        affiliate: Some(AffiliateId(13)),
        campaign: Some(CampaignId(58)),
        offer: Some(OfferId(101)),
        lead: Some(lead_id(7)),
        due: later(999),
        ..postback(rows.next_row_at(later(120)))
    };
    store.put_deliveries(vec![plain.clone(), other.clone()]).await.unwrap();
    let claimed = claim(&*store, NOW).await.remove(0);
    end(&*store, &claimed, None, AfterAttempt::Parked).await;
    let all = DeliveryFilter::default;
    for (filter, is_plain) in [
        (DeliveryFilter { kind: Some(DeliveryKind::Postback), ..all() }, true),
        (DeliveryFilter { kind: Some(DeliveryKind::Webhook), ..all() }, false),
        (DeliveryFilter { state: Some(DeliveryState::Parked), ..all() }, true),
        (DeliveryFilter { state: Some(DeliveryState::Waits), ..all() }, false),
        (DeliveryFilter { destination: Some("webhook:1".to_owned()), ..all() }, false),
        (DeliveryFilter { affiliate: Some(AffiliateId(12)), ..all() }, true),
        (DeliveryFilter { campaign: Some(CampaignId(58)), ..all() }, false),
        (DeliveryFilter { offer: Some(OfferId(101)), ..all() }, false),
        (DeliveryFilter { conversion: Some(plain.id), ..all() }, true),
        (DeliveryFilter { lead: Some(lead_id(7)), ..all() }, false),
        (DeliveryFilter { from: Some(later(120)), ..all() }, false),
        (DeliveryFilter { to: Some(later(120)), ..all() }, true),
    ] {
        let found = store.deliveries(filter.clone(), PageRequest::default()).await.unwrap();
        let expected = if is_plain { plain.id } else { other.id };
        let found: Vec<RowId> = found.data.iter().map(|delivery| delivery.id).collect();
        assert_eq!(found, [expected], "{filter:?}");
    }
    let page = PageRequest { limit: 1, ..PageRequest::default() };
    let first = store.deliveries(all(), page.clone()).await.unwrap();
    assert_eq!((first.data[0].id, first.total), (other.id, 2));
    let second = store.deliveries(all(), PageRequest { cursor: first.next, ..page }).await.unwrap();
    assert_eq!((second.data[0].id, second.next), (plain.id, None));
}

/// What waits is left as it is; the schedule begins anew.
pub async fn what_has_ended_is_replayed_by_filter_with_its_ids<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let places: Vec<RowId> = (0..4).map(|_| rows.next_row()).collect();
    let mut all: Vec<Delivery> = places.iter().map(|id| postback(*id)).collect();
    all[3].campaign = Some(CampaignId(58));
    let before = all.clone();
    store.put_deliveries(all).await.unwrap();
    let claimed = claim(&*store, NOW).await;
    end(&*store, &claimed[0], Some(200), AfterAttempt::Delivered).await;
    end(&*store, &claimed[1], Some(500), AfterAttempt::Parked).await;
    end(&*store, &claimed[2], Some(500), AfterAttempt::Again(later(500))).await;
    end(&*store, &claimed[3], Some(500), AfterAttempt::Parked).await;
    let filter = DeliveryFilter { campaign: Some(CampaignId(57)), ..DeliveryFilter::default() };
    assert_eq!(store.replay_deliveries(filter.clone(), later(60)).await.unwrap(), 2);
    assert_eq!(store.replay_deliveries(filter, later(60)).await.unwrap(), 0);
    let again = claim(&*store, later(60)).await;
    assert_eq!(ids(&again), places[..2]);
    for (again, before) in again.iter().zip(&before) {
        assert_eq!(again.delivery, Delivery { due: later(60), ..before.clone() });
    }
    assert_eq!(stands(&*store, places[2]).await, (DeliveryState::Waits, 1, later(500)));
    assert_eq!(stands(&*store, places[3]).await.0, DeliveryState::Parked);
    assert_eq!(store.attempts_of_delivery(places[1]).await.unwrap().len(), 1, "earlier attempts are kept");
    let parked = DeliveryFilter { state: Some(DeliveryState::Parked), ..DeliveryFilter::default() };
    assert_eq!(store.replay_deliveries(parked, later(60)).await.unwrap(), 1);
}

/// Each of them once.
pub async fn more_than_one_write_holds_are_replayed<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let parked = |_| Delivery { state: DeliveryState::Parked, ..postback(rows.next_row()) };
    store.put_deliveries((0..4_500).map(parked).collect()).await.unwrap();
    assert_eq!(store.replay_deliveries(DeliveryFilter::default(), NOW).await.unwrap(), 4_500);
    assert_eq!(store.waiting_deliveries().await.unwrap().count, 4_500);
}

/// So that a later place is none's again.
pub async fn rows_of_deliveries_count_as_newest<S: Store>(store: Arc<S>) {
    let mut rows = Rows::of_node(3);
    let first = lead(1, rows.next_row());
    accepted(&*store, first).await;
    let id = rows.next_row();
    store.put_deliveries(vec![postback(id)]).await.unwrap();
    assert_eq!(store.newest_row(3).await.unwrap(), Some(id));
    let other = Rows::of_node(4).next_row();
    store.put_deliveries(vec![postback(other)]).await.unwrap();
    assert_eq!(store.newest_row(4).await.unwrap(), Some(other));
}
