//! Leads in hand and in the queue, and the posts that wait for their answers.

use super::build::{NOW, Rows, accept, answer_text, claim, earlier, lead, person, reject, update, verdict};
use super::build_selling::{
    DAY, PRICE, ended, hold, in_hand, in_hand_under, key_answer, money, pending, read, reserved, sold,
    unsold, waiting,
};
use crate::leads::{AcceptLead, IdempotentAnswer, Offering, Posted, RejectPost, UpdateLead, Verdict};
use crate::selling::{Earlier, LeadChange, ReservationEnd, SellingCounts, Then, Waiting};
use crate::{Store, StoreError};
use crumb_domain::caps::{CapCheck, CapScope, DayCount};
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::network::CapOf;
use crumb_domain::outcome::Problem;
use crumb_domain::post::StoredAnswer;
use crumb_domain::{OfferId, VerticalId};
use std::sync::Arc;
use tokio::task::JoinSet;

fn told(text: &str) -> StoredAnswer {
    answer_text(text, &Verdict::Accepted)
}

async fn kept_answer<S: Store>(store: &S, lead: &Lead) -> Option<StoredAnswer> {
    store.posts_of_lead(lead.id).await.unwrap()[0].answer.clone()
}

/// The post and its key are answered when the run ends, and never before.
pub async fn a_post_waits_for_its_answer_until_the_run_ends<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = in_hand_under(&*store, lead(1, rows.next_row()), "key").await;
    assert_eq!(kept_answer(&*store, &lead).await, None);
    assert_eq!(key_answer(&*store, "key").await, None);
    let second = || AcceptLead { idempotency: Some(claim("key")), ..accept(super::build::lead(2, lead.row)) };
    let in_flight = Posted::KeyInFlight { body_hash: [1; 32] };
    assert_eq!(store.accept_lead(second()).await.unwrap(), in_flight);
    let rejected =
        RejectPost { idempotency: Some(claim("key")), ..reject(rows.next_row(), Problem::InvalidXml) };
    assert_eq!(store.reject_post(rejected).await.unwrap(), in_flight);
    store.settle(LeadChange { answer: Some(told("sold")), ..unsold(&lead, &[]) }).await.unwrap();
    assert_eq!(kept_answer(&*store, &lead).await, Some(told("sold")));
    let before = IdempotentAnswer { body_hash: [1; 32], answer: told("sold") };
    assert_eq!(store.accept_lead(second()).await.unwrap(), Posted::Before(before));
}

/// Of a hundred posts one has the lead in hand.
pub async fn posts_with_one_key_at_the_same_moment_take_one_lead_in_hand<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut tasks = JoinSet::new();
    for number in 0..100 {
        let sent = AcceptLead {
            idempotency: Some(claim("once")),
            offering: Some(Offering::InHand),
            ..accept(lead(number, rows.next_row()))
        };
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.accept_lead(sent).await.unwrap() });
    }
    let posted = tasks.join_all().await;
    assert_eq!(posted.iter().filter(|posted| **posted == Posted::InHand).count(), 1);
    let in_flight = Posted::KeyInFlight { body_hash: [1; 32] };
    assert_eq!(posted.iter().filter(|posted| **posted == in_flight).count(), 99);
}

/// Nobody will answer under it any more.
pub async fn a_run_that_ends_without_an_answer_frees_the_key<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = in_hand_under(&*store, lead(1, rows.next_row()), "key").await;
    store.settle(unsold(&first, &[])).await.unwrap();
    in_hand_under(&*store, lead(2, rows.next_row()), "key").await;
}

/// Each lead and each post counts as what it is now.
pub async fn what_is_in_hand_waits_and_is_held_is_counted<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    assert_eq!(store.selling_counts().await.unwrap(), SellingCounts::default());
    for number in 1..=3 {
        waiting(&*store, lead(number, rows.next_row()), NOW).await;
    }
    let held = in_hand(&*store, lead(4, rows.next_row())).await;
    let in_hand = in_hand(&*store, lead(5, rows.next_row())).await;
    let now = store.selling_counts().await.unwrap();
    assert_eq!(now, SellingCounts { in_hand: 2, waiting: 3, held: 0 });
    reserved(&*store, held.row, 7).await;
    store.settle(pending(&held, 7)).await.unwrap();
    store.settle(unsold(&in_hand, &[])).await.unwrap();
    let now = store.selling_counts().await.unwrap();
    assert_eq!(now, SellingCounts { in_hand: 0, waiting: 3, held: 1 });
}

/// A refused post is answered at once, and leaves nothing in hand.
pub async fn a_refused_post_takes_nothing_in_hand<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let refused = AcceptLead {
        offering: Some(Offering::InHand),
        filtered: Some(Problem::UnmatchedFilter),
        ..accept(lead(1, rows.next_row()))
    };
    assert_eq!(
        verdict(store.accept_lead(refused).await.unwrap()),
        Verdict::Rejected(Problem::UnmatchedFilter)
    );
    assert_eq!(store.selling_counts().await.unwrap(), SellingCounts::default());
    let recovered = store.recover(NOW, super::build_selling::hold_all()).await.unwrap();
    assert_eq!((recovered.ended, recovered.aside), (vec![], vec![]));
}

/// While its end is not known the key answers what was told; then what came of it.
pub async fn a_held_leads_key_answers_the_settled_state<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = in_hand_under(&*store, lead(1, rows.next_row()), "key").await;
    reserved(&*store, lead.row, 7).await;
    let change = LeadChange { answer: Some(told("not yet")), ..pending(&lead, 7) };
    store.settle(change).await.unwrap();
    assert_eq!(key_answer(&*store, "key").await, Some(told("not yet")));
    // Another run in between is not what the post was answered.
    let waits = LeadChange { then: Then::Wait(NOW), ..LeadChange::new(read(&*store, &lead).await, NOW) };
    store.act(waits).await.unwrap();
    let (lead, _) = store.begin_run(lead.row, DAY).await.unwrap().unwrap();
    let again = LeadChange { answer: Some(told("not yet again")), ..LeadChange::new(lead.clone(), NOW) };
    store.settle(again).await.unwrap();
    assert_eq!(key_answer(&*store, "key").await, Some(told("not yet again")));
    let lead = read(&*store, &lead).await;
    let change = LeadChange { answer: Some(told("sold")), ..sold(&lead, 7, money(30)) };
    store.act(change).await.unwrap();
    assert_eq!(key_answer(&*store, "key").await, Some(told("sold")));
    assert_eq!(kept_answer(&*store, &lead).await, Some(told("not yet")), "that is what went out");
    // Nothing is held any more: the answer is the last one.
    let lead = read(&*store, &lead).await;
    let change = LeadChange { answer: Some(told("late")), ..LeadChange::new(lead, NOW) };
    store.act(change).await.unwrap();
    assert_eq!(key_answer(&*store, "key").await, Some(told("sold")));
}

/// Due first first; later ones stay away.
pub async fn waiting_leads_come_in_the_order_in_which_they_are_due<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let mut leads = Vec::new();
    for (number, seconds) in [(1, 30), (2, 10), (3, 20), (4, 40)] {
        let due = NOW.plus_seconds(seconds);
        leads.push(Waiting { lead: waiting(&*store, lead(number, rows.next_row()), due).await.row, due });
    }
    assert_eq!(store.next_due().await.unwrap(), Some(NOW.plus_seconds(10)));
    assert_eq!(store.due(NOW, 10).await.unwrap(), []);
    let due = store.due(NOW.plus_seconds(30), 10).await.unwrap();
    assert_eq!(due, [leads[1], leads[2], leads[0]]);
    assert_eq!(store.due(NOW.plus_seconds(30), 2).await.unwrap(), [leads[1], leads[2]]);
    let vertical = store.lead(lead(1, leads[0].lead).id).await.unwrap().unwrap().vertical;
    let other = VerticalId(vertical.0 + 1);
    assert_eq!(store.wake_of(NOW, vec![]).await.unwrap(), 0);
    assert_eq!(store.wake_of(NOW, vec![other]).await.unwrap(), 0);
    assert_eq!(store.due(NOW, 10).await.unwrap(), [], "those of another vertical are left as they are");
    assert_eq!(store.wake_of(NOW.plus_seconds(-5), vec![other, vertical]).await.unwrap(), 4);
    assert_eq!(store.due(NOW, 10).await.unwrap().len(), 4);
    assert_eq!(store.wake(NOW.plus_seconds(-10)).await.unwrap(), 4);
    assert_eq!(store.due(NOW, 10).await.unwrap().len(), 4);
    assert_eq!(store.wake(NOW).await.unwrap(), 0);
}

/// Fifty take it, one has it; it is in the queue again if its run says so.
pub async fn a_waiting_lead_is_taken_in_hand_by_one<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = waiting(&*store, lead(1, rows.next_row()), NOW).await;
    assert_eq!(kept_answer(&*store, &lead).await, Some(told(lead.id.as_str())), "answered at once");
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let (store, row) = (Arc::clone(&store), lead.row);
        tasks.spawn(async move { store.begin_run(row, DAY).await.unwrap() });
    }
    let taken: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].0, lead);
    assert_eq!(store.due(NOW, 10).await.unwrap(), []);
    assert_eq!((store.next_due().await.unwrap(), store.wake(NOW).await.unwrap()), (None, 0));
    let later = NOW.plus_seconds(600);
    let change = LeadChange { then: Then::Wait(later), ..LeadChange::new(lead.clone(), NOW) };
    store.settle(change).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(later));
    let (lead, _) = store.begin_run(lead.row, DAY).await.unwrap().unwrap();
    store.settle(unsold(&lead, &[])).await.unwrap();
    assert!(store.begin_run(lead.row, DAY).await.unwrap().is_none(), "it rests");
    assert!(store.begin_run(rows.next_row(), DAY).await.unwrap().is_none(), "there is no such lead");
}

/// A person's hand, a held post's end: they wait for the run.
pub async fn a_lead_in_hand_is_left_alone<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = in_hand(&*store, lead(1, rows.next_row())).await;
    let change = LeadChange::new(first.clone(), NOW);
    assert_eq!(store.act(change.clone()).await, Err(StoreError::Conflict));
    let again = UpdateLead { offering: Some(Offering::InHand), ..update(first.clone(), rows.next_row()) };
    assert_eq!(store.update_lead(again).await, Err(StoreError::Conflict));
    assert_eq!(read(&*store, &first).await, first);
    // One that was never offered may be changed, once for each revision.
    let second = lead(2, rows.next_row());
    super::build::accepted(&*store, second.clone()).await;
    let change = LeadChange { then: Then::Wait(NOW), ..LeadChange::new(second, NOW) };
    store.act(change.clone()).await.unwrap();
    assert_eq!(store.act(change.clone()).await, Err(StoreError::Conflict));
    assert_eq!(store.due(NOW, 10).await.unwrap().len(), 1);
    let change = LeadChange { then: Then::Rest, ..LeadChange::new(read(&*store, &change.lead).await, NOW) };
    store.act(change).await.unwrap();
    assert_eq!(store.due(NOW, 10).await.unwrap(), [], "taken out of the queue");
}

/// By a later post with `ckm_resell`, within its request or from the queue.
pub async fn a_changed_lead_is_offered_again<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = in_hand(&*store, lead(1, rows.next_row())).await;
    reserved(&*store, first.row, 7).await;
    store.settle(unsold(&first, &[ended(7, ReservationEnd::Refused)])).await.unwrap();
    let now = read(&*store, &first).await;
    let post = rows.next_row();
    let again = UpdateLead {
        offering: Some(Offering::InHand),
        idempotency: Some(claim("again")),
        ..update(now, post)
    };
    assert_eq!(store.update_lead(again).await.unwrap(), Posted::InHand);
    let now = read(&*store, &first).await;
    reserved(&*store, first.row, 8).await;
    store.settle(LeadChange { answer: Some(told("sold")), ..sold(&now, 8, money(30)) }).await.unwrap();
    let posts = store.posts_of_lead(first.id).await.unwrap();
    assert_eq!((posts[1].id, posts[1].answer.clone()), (post, Some(told("sold"))));
    assert_eq!((posts[0].answer.clone(), key_answer(&*store, "again").await), (None, Some(told("sold"))));

    let now = read(&*store, &first).await;
    let waits = Lead { status: LeadStatus::Queued, outcome: LeadOutcome::Queued, ..now };
    let later = UpdateLead { offering: Some(Offering::Waits(NOW)), ..update(waits, rows.next_row()) };
    assert_eq!(verdict(store.update_lead(later).await.unwrap()), Verdict::Accepted);
    assert_eq!(store.due(NOW, 10).await.unwrap().len(), 1);
    // Its fields change: it still waits. It is held back: it does not.
    let now = read(&*store, &first).await;
    store.update_lead(update(now, rows.next_row())).await.unwrap();
    assert_eq!(store.due(NOW, 10).await.unwrap().len(), 1);
    let now = read(&*store, &first).await;
    let held_back = Lead { status: LeadStatus::Review, outcome: LeadOutcome::Review, ..now };
    store.update_lead(update(held_back, rows.next_row())).await.unwrap();
    assert_eq!(store.due(NOW, 10).await.unwrap(), []);
}

/// The count of offer 100's leads today.
pub(super) const LEADS: DayCount =
    DayCount { scope: CapScope::Offer(OfferId(100)), of: CapOf::Lead, day: DAY };

/// What that count is.
pub(super) async fn counted<S: Store>(store: &S) -> u64 {
    let DayCount { scope, of, day } = LEADS;
    store.count(CapCheck { scope, of, first_day: day, day, limit: 0 }).await.unwrap()
}

/// Accepts a lead in hand that counts, and is the earlier one of its person.
pub(super) async fn counted_in_hand<S: Store>(store: &S, lead: Lead, number: u8) -> Lead {
    let lead = Lead { outcome: LeadOutcome::Interrupted, ..lead };
    let sent = AcceptLead {
        counts: vec![LEADS],
        register: Some(person(number)),
        offering: Some(Offering::InHand),
        ..accept(lead.clone())
    };
    assert_eq!(store.accept_lead(sent).await.unwrap(), Posted::InHand);
    lead
}

/// Whether a new lead of that person would be a duplicate.
pub(super) async fn is_duplicate<S: Store>(store: &S, number: u8, rows: &mut Rows) -> bool {
    let probe = AcceptLead {
        duplicate: Some(earlier(person(number))),
        filtered: Some(Problem::UnmatchedFilter),
        ..accept(lead(9_999, rows.next_row()))
    };
    match verdict(store.accept_lead(probe).await.unwrap()) {
        Verdict::Rejected(Problem::DuplicateLead) => true,
        Verdict::Rejected(_) => false,
        Verdict::Accepted => panic!("the filter does not match"),
    }
}

/// From acceptance on, so that equal posts at one moment make one; until nobody bought
/// it; and again once somebody did.
pub async fn a_lead_is_an_earlier_one_and_counts_while_its_run_says_so<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let lead = counted_in_hand(&*store, lead(1, rows.next_row()), 1).await;
    assert_eq!((is_duplicate(&*store, 1, &mut rows).await, counted(&*store).await), (true, 1));
    let change = LeadChange { earlier: Earlier::No, uncount: vec![LEADS], ..unsold(&lead, &[]) };
    store.settle(change).await.unwrap();
    assert_eq!((is_duplicate(&*store, 1, &mut rows).await, counted(&*store).await), (false, 0));
    let now = read(&*store, &lead).await;
    let change = LeadChange { earlier: Earlier::Yes(person(1)), ..LeadChange::new(now, NOW) };
    store.act(change).await.unwrap();
    assert!(is_duplicate(&*store, 1, &mut rows).await);
    let now = read(&*store, &lead).await;
    store.act(LeadChange { earlier: Earlier::AsBefore, ..LeadChange::new(now, NOW) }).await.unwrap();
    assert!(is_duplicate(&*store, 1, &mut rows).await);
    let other = in_hand(&*store, super::build::lead(2, rows.next_row())).await;
    assert!(!is_duplicate(&*store, 2, &mut rows).await, "it was registered as nobody's");
    let change = LeadChange { earlier: Earlier::Yes(person(2)), ..sold(&other, 7, money(30)) };
    store.settle(change).await.unwrap();
    assert!(is_duplicate(&*store, 2, &mut rows).await);
}

/// Whether within its run or after it, and once each time.
pub async fn a_lead_that_becomes_a_conversion_counts_as_one<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let conversions = DayCount { of: CapOf::Conversion, ..LEADS };
    let counted = async || {
        let DayCount { scope, of, day } = conversions;
        store.count(CapCheck { scope, of, first_day: day, day, limit: 0 }).await.unwrap()
    };
    let lead = counted_in_hand(&*store, lead(1, rows.next_row()), 1).await;
    assert_eq!(counted().await, 0);
    let change = LeadChange { count: vec![conversions], uncount: vec![LEADS], ..unsold(&lead, &[]) };
    store.settle(change.clone()).await.unwrap();
    assert_eq!((counted().await, super::selling_offers::counted(&*store).await), (1, 0));
    assert_eq!(store.settle(change).await, Err(StoreError::Conflict));
    assert_eq!(counted().await, 1, "what is refused counts nothing");
    let now = read(&*store, &lead).await;
    store.act(LeadChange { count: vec![conversions], ..LeadChange::new(now, NOW) }).await.unwrap();
    assert_eq!(counted().await, 2);
}

/// Somebody had it offered to others: neither new values nor the end of a post that was not
/// known take it from the queue, but values that are wrong do.
pub async fn a_sold_lead_that_waits_for_others_goes_on_waiting<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = in_hand(&*store, lead(1, rows.next_row())).await;
    for contract in [7, 8] {
        reserved(&*store, first.row, contract).await;
    }
    let mut half = sold(&first, 7, money(PRICE));
    half.ended.push(ended(8, ReservationEnd::Held(hold())));
    store.settle(half).await.unwrap();
    let later = NOW.plus_seconds(60);
    let offered = LeadChange { then: Then::Wait(later), ..LeadChange::new(read(&*store, &first).await, NOW) };
    store.act(offered).await.unwrap();
    let settled = sold(&read(&*store, &first).await, 8, money(PRICE));
    store.act(LeadChange { then: Then::WaitOn, ..settled }).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(later));
    for (is_due, due) in [(false, later), (true, NOW)] {
        let changed = UpdateLead { is_due, ..update(read(&*store, &first).await, rows.next_row()) };
        store.update_lead(changed).await.unwrap();
        assert_eq!(store.next_due().await.unwrap(), Some(due));
    }
    let wrong = Lead { errors: vec!["Zip code is not valid.".to_owned()], ..read(&*store, &first).await };
    store.update_lead(update(wrong, rows.next_row())).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), None);
    // One that waits for nobody waits for nobody then either.
    let rests = LeadChange { then: Then::WaitOn, ..LeadChange::new(read(&*store, &first).await, NOW) };
    store.act(rests).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), None);
}

/// An end may stay unknown for longer than keys are remembered.
pub async fn a_late_end_does_not_answer_another_post_under_its_key<S: Store>(store: Arc<S>) {
    let mut rows = Rows::new();
    let first = in_hand_under(&*store, lead(1, rows.next_row()), "key").await;
    reserved(&*store, first.row, 7).await;
    store.settle(LeadChange { answer: Some(told("first")), ..pending(&first, 7) }).await.unwrap();
    let (second, much_later) = (lead(2, rows.next_row()), NOW.plus_days(4));
    let second = Lead { at: much_later, outcome: LeadOutcome::Interrupted, ..second };
    let mut sent = AcceptLead {
        offering: Some(Offering::InHand),
        idempotency: Some(claim("key")),
        ..accept(second.clone())
    };
    sent.post.at = much_later;
    assert_eq!(store.accept_lead(sent).await.unwrap(), Posted::InHand);
    let late = sold(&read(&*store, &first).await, 7, money(PRICE));
    store.act(LeadChange { answer: Some(told("first, late")), ..late }).await.unwrap();
    let under_key = || async {
        let claim = claim("key");
        let found = store.idempotent_answer(claim.scope, claim.key, much_later).await.unwrap();
        found.map(|found| found.answer)
    };
    assert_eq!(under_key().await, None, "the second post is in flight");
    store.settle(LeadChange { answer: Some(told("second")), ..unsold(&second, &[]) }).await.unwrap();
    assert_eq!(under_key().await, Some(told("second")));
}
