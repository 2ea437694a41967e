//! The worker on a store, with a clock that stands still and a job in the test's hands.
//!
//! Most of them take the worker's turns one by one, so that three days pass in a moment.

use super::*;
use crate::works::Works;
use crumb_domain::delivery::{Delivery, DeliveryKind, DeliveryState, RETRY_AFTER_SECONDS};
use crumb_domain::selling::AlertCode;
use crumb_domain::{Clock, RowId, Timestamp};
use crumb_storage::alerts::AlertFilter;
use crumb_storage::contract::build::{NOW, Rows};
use crumb_storage::outbox::{ClaimRoom, DeliveryFilter};
use crumb_storage::{AlertStore as _, OutboxStore as _, PageRequest};
use crumb_storage_sqlite::{SqliteOptions, SqliteStore};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
struct StoppedClock(AtomicI64);

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

impl StoppedClock {
    fn set(&self, moment: Timestamp) {
        self.0.store(moment.micros(), Ordering::SeqCst);
    }
}

type AnswerFn = Box<dyn Fn(&Delivery, Timestamp) -> Attempted + Send + Sync>;

/// Who is called, and how each of them answers.
struct Receivers {
    clock: Arc<StoppedClock>,
    answer: AnswerFn,
    calls: Mutex<Vec<(String, Timestamp)>>,
    /// Attempts end only with a place here, and say so before.
    gate: Semaphore,
    begun: mpsc::UnboundedSender<RowId>,
}

impl Job for Arc<Receivers> {
    async fn attempt(&self, delivery: &Delivery) -> Attempted {
        self.calls.lock().unwrap().push((delivery.webhook_id.clone(), self.clock.now()));
        let _ = self.begun.send(delivery.id);
        self.gate.acquire().await.unwrap().forget();
        (self.answer)(delivery, self.clock.now())
    }
}

fn answered(status: u16) -> Attempted {
    Attempted {
        phase: "done".to_owned(),
        status: Some(status),
        answer: "word".to_owned(),
        ..Attempted::default()
    }
}

#[derive(Default)]
struct Counts(Mutex<Vec<AttemptEnd>>);

impl OutboxObserver for Counts {
    fn attempted(&self, _: DeliveryKind, end: AttemptEnd) {
        self.0.lock().unwrap().push(end);
    }
}

struct World {
    clock: Arc<StoppedClock>,
    store: SqliteStore,
    receivers: Arc<Receivers>,
    begun: mpsc::UnboundedReceiver<RowId>,
    counts: Arc<Counts>,
    outbox: Arc<Outbox<SqliteStore, Arc<Receivers>>>,
    works: Works,
    rows: Rows,
    _folder: tempfile::TempDir,
}

impl World {
    fn new(answer: impl Fn(&Delivery, Timestamp) -> Attempted + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("crumb.db"), SqliteOptions::default()).unwrap();
        let clock = Arc::new(StoppedClock(AtomicI64::new(NOW.micros())));
        let (begin, begun) = mpsc::unbounded_channel();
        let receivers = Arc::new(Receivers {
            clock: Arc::clone(&clock),
            answer: Box::new(answer),
            calls: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            begun: begin,
        });
        let counts = Arc::new(Counts::default());
        let outbox = Outbox::new(
            store.clone(),
            Arc::clone(&receivers),
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::clone(&counts) as Arc<dyn OutboxObserver>,
            || 0,
        );
        let (outbox, works, rows) = (Arc::new(outbox), Works::default(), Rows::new());
        Self { clock, store, receivers, begun, counts, outbox, works, rows, _folder: folder }
    }

    /// A postback that is due now.
    async fn due(&mut self, destination: &str) -> RowId {
        let id = self.rows.next_row();
        let delivery = Delivery { due: self.clock.now(), ..postback(id, destination) };
        self.store.put_deliveries(vec![delivery]).await.unwrap();
        id
    }

    /// Takes turns until nothing is due at this moment.
    async fn settle(&mut self) {
        loop {
            self.outbox.turn(&mut self.works).await.unwrap();
            if !self.works.is_trying() {
                return;
            }
            let ended = self.works.next_ended().await;
            self.outbox.ended(&mut self.works, ended);
        }
    }

    /// Settles, and goes on to the next moment at which something is due, until nothing
    /// waits or that moment has come.
    async fn live_until(&mut self, end: Timestamp) {
        loop {
            self.settle().await;
            let now = self.clock.now();
            let due = self.store.next_delivery_due(now).await.unwrap();
            let next = due.into_iter().chain(self.works.next_pause_end(now)).min();
            match next {
                Some(next) if next <= end => self.clock.set(next),
                _ => return,
            }
        }
    }

    async fn stands(&self, id: RowId) -> (DeliveryState, u32) {
        let delivery = self.store.delivery(id).await.unwrap().unwrap();
        (delivery.state, delivery.tries)
    }

    /// When it was tried, in seconds from the beginning.
    fn tried(&self, id: RowId) -> Vec<i64> {
        let calls = self.receivers.calls.lock().unwrap();
        let own = calls.iter().filter(|(webhook_id, _)| *webhook_id == format!("msg_{}", id.as_i64()));
        own.map(|(_, at)| (at.micros() - NOW.micros()) / 1_000_000).collect()
    }

    fn calls(&self) -> usize {
        self.receivers.calls.lock().unwrap().len()
    }

    fn counted(&self, end: AttemptEnd) -> usize {
        self.counts.0.lock().unwrap().iter().filter(|counted| **counted == end).count()
    }
}

fn later(seconds: i64) -> Timestamp {
    NOW.plus_seconds(seconds)
}

/// A postback that is due.
fn postback(id: RowId, destination: &str) -> Delivery {
    Delivery {
        id,
        webhook_id: format!("msg_{}", id.as_i64()),
        at: NOW,
        kind: DeliveryKind::Postback,
        destination: destination.to_owned(),
        affiliate: None,
        campaign: None,
        offer: None,
        conversion: None,
        lead: None,
        url: "https://receiver.example/?secret=1".to_owned(),
        shown_url: None,
        body: None,
        state: DeliveryState::Waits,
        tries: 0,
        due: NOW,
    }
}

#[tokio::test]
async fn what_is_due_is_delivered_once_and_its_attempt_is_kept() {
    let mut world = World::new(|_, _| answered(204));
    let id = world.due("campaign:57").await;
    world.live_until(later(1_000_000)).await;
    assert_eq!((world.stands(id).await, world.tried(id)), ((DeliveryState::Delivered, 1), vec![0]));
    let kept = world.store.attempts_of_delivery(id).await.unwrap();
    assert_eq!(
        (kept.len(), kept[0].at, kept[0].status, kept[0].answer.as_str()),
        (1, NOW, Some(204), "word")
    );
    assert_eq!(world.counted(AttemptEnd::Delivered), 1);
}

#[tokio::test]
async fn what_is_hopeless_is_parked_at_once_with_an_alert() {
    let mut world = World::new(|_, _| Attempted { is_hopeless: true, ..Attempted::broken("it is inactive") });
    let id = world.due("webhook:1").await;
    world.live_until(later(1_000_000)).await;
    assert_eq!((world.stands(id).await, world.tried(id)), ((DeliveryState::Parked, 1), vec![0]));
    let alerts = world.store.alerts(AlertFilter::default(), PageRequest::default()).await.unwrap().data;
    let text = format!(
        "postback msg_{} to webhook:1 is parked after 1 attempt; at last: it is inactive",
        id.as_i64()
    );
    assert_eq!(alerts.iter().map(|kept| kept.alert.text.as_str()).collect::<Vec<_>>(), [text]);
}

#[test]
fn that_a_mail_is_parked_is_an_alert_of_its_own_kind() {
    let parked = |kind| {
        let delivery =
            Delivery { kind, ..postback(RowId::from_i64(1 << 40).unwrap(), "mail:ops@example.com") };
        crate::verdict::parked(&delivery, &answered(500), NOW).code
    };
    assert_eq!(parked(DeliveryKind::Mail), AlertCode::MailParked);
    assert_eq!(parked(DeliveryKind::Webhook), AlertCode::DeliveryParked);
}

#[tokio::test]
async fn what_nobody_takes_is_tried_by_its_schedule_and_then_parked_with_an_alert() {
    let mut world = World::new(|_, _| answered(500));
    let id = world.due("campaign:57").await;
    world.live_until(later(10_000_000)).await;
    let mut moments = vec![0];
    for wait in RETRY_AFTER_SECONDS {
        moments.push(moments[moments.len() - 1] + wait);
    }
    assert_eq!(world.tried(id), moments);
    assert_eq!(world.stands(id).await, (DeliveryState::Parked, 9));
    assert_eq!(world.store.attempts_of_delivery(id).await.unwrap().len(), 9);
    assert_eq!((world.counted(AttemptEnd::Failed), world.counted(AttemptEnd::Parked)), (8, 1));
    let alerts = world.store.alerts(AlertFilter::default(), PageRequest::default()).await.unwrap().data;
    assert_eq!((alerts.len(), alerts[0].alert.code), (1, AlertCode::DeliveryParked));
    let expected = format!(
        "postback msg_{} to campaign:57 is parked after 9 attempts; the last answer was 500",
        id.as_i64()
    );
    assert_eq!(alerts[0].alert.text, expected, "and no URL");
}

#[tokio::test]
async fn a_replayed_delivery_goes_out_again_under_its_id() {
    let mut world = World::new(|_, now| answered(if now < later(1_000_000) { 500 } else { 200 }));
    let id = world.due("campaign:57").await;
    world.live_until(later(900_000)).await;
    assert_eq!(world.stands(id).await, (DeliveryState::Parked, 9));
    world.clock.set(later(1_000_000));
    world.settle().await;
    assert_eq!(world.tried(id).len(), 9, "parked is parked");
    world.store.replay_deliveries(DeliveryFilter::default(), world.clock.now()).await.unwrap();
    world.settle().await;
    assert_eq!((world.stands(id).await, world.tried(id).len()), ((DeliveryState::Delivered, 1), 10));
}

#[tokio::test]
async fn retry_after_lengthens_the_wait_and_does_not_shorten_it() {
    for (asked, second) in [("90", 90), ("1", 5), ("Sun, 22 Nov 2026 12:02:00 GMT", 121), ("nonsense", 5)] {
        for status in [429, 503, 500] {
            let mut world = World::new(move |_, now| match now == NOW {
                true => Attempted { retry_after: Some(asked.to_owned()), ..answered(status) },
                false => answered(200),
            });
            let id = world.due("campaign:57").await;
            world.live_until(later(1_000)).await;
            assert_eq!(world.tried(id), [0, second], "{asked} with {status}");
        }
    }
}

/// A receiver is down for three days; meanwhile more comes for it, and for another.
#[tokio::test]
async fn a_receiver_that_is_down_for_three_days_gets_everything_when_it_is_back() {
    const BACK: i64 = 3 * 86_400;
    let mut world = World::new(|delivery, now| match delivery.destination.as_str() {
        "campaign:57" if now < later(BACK) => {
            Attempted { error: Some("refused".to_owned()), ..Attempted::default() }
        }
        _ => answered(200),
    });
    let mut all = Vec::new();
    for hour in 0..72 {
        for _ in 0..2 {
            all.push(world.due("campaign:57").await);
        }
        let other = world.due("campaign:58").await;
        world.live_until(later((hour + 1) * 3_600)).await;
        assert_eq!(world.stands(other).await, (DeliveryState::Delivered, 1), "nobody waits for another");
        world.clock.set(later((hour + 1) * 3_600));
    }
    for id in &all {
        assert_eq!(world.stands(*id).await.0, DeliveryState::Waits, "none is given up");
    }
    world.live_until(later(10 * 86_400)).await;
    for id in &all {
        assert_eq!(world.stands(*id).await.0, DeliveryState::Delivered);
        let tried = world.tried(*id);
        assert!(tried.iter().filter(|at| **at >= BACK).count() == 1 && tried.len() <= 9, "{tried:?}");
    }
    let ids: HashSet<String> =
        world.receivers.calls.lock().unwrap().iter().map(|call| call.0.clone()).collect();
    assert_eq!(ids.len(), all.len() + 72, "each under one id");
}

#[tokio::test]
async fn a_destination_that_fails_in_a_row_is_paused_and_its_deliveries_count_no_try() {
    let mut world = World::new(|delivery, now| match delivery.destination.as_str() {
        "campaign:57" if now < later(PAUSE_SECONDS) => answered(500),
        _ => answered(200),
    });
    let mut all = Vec::new();
    for _ in 0..60 {
        all.push(world.due("campaign:57").await);
    }
    let other = world.due("campaign:58").await;
    world.settle().await;
    assert_eq!(world.stands(other).await.0, DeliveryState::Delivered);
    let tried = world.calls() - 1;
    // Those that were under way when it was paused ended as well.
    assert!((FAILURES_TO_OPEN..FAILURES_TO_OPEN + AT_ONCE_EACH).contains(&(tried as u32)), "{tried}");
    for id in &all[tried..] {
        assert_eq!(world.stands(*id).await, (DeliveryState::Waits, 0));
    }
    world.clock.set(later(PAUSE_SECONDS - 1));
    let meanwhile = world.due("campaign:58").await;
    world.settle().await;
    assert_eq!(world.stands(meanwhile).await.0, DeliveryState::Delivered, "nobody else waits for it");
    assert_eq!(world.calls() - 2, tried, "it is left alone");
    world.clock.set(later(PAUSE_SECONDS));
    world.outbox.turn(&mut world.works).await.unwrap();
    let room = world.works.room(world.clock.now());
    assert_eq!((room.left_for("campaign:57"), room.most), (0, AT_ONCE - 1), "one of them tries it");
    world.settle().await;
    for id in &all {
        assert_eq!(world.stands(*id).await.0, DeliveryState::Delivered);
    }
}

#[tokio::test]
async fn a_receiver_that_is_back_is_told_when_the_schedule_says_however_many_failed() {
    let first_wait = RETRY_AFTER_SECONDS[0];
    let mut world = World::new(move |_, now| answered(if now < later(3) { 500 } else { 200 }));
    let mut all = Vec::new();
    for _ in 0..60 {
        all.push(world.due("campaign:57").await);
    }
    world.live_until(later(2)).await;
    world.clock.set(later(2));
    let new = world.due("campaign:57").await;
    world.live_until(later(first_wait)).await;
    for id in all.iter().chain([&new]) {
        assert_eq!(world.stands(*id).await.0, DeliveryState::Delivered);
    }
    assert_eq!(world.tried(new), [first_wait], "it waited for the trial");
}

#[tokio::test]
async fn a_trial_does_not_wait_for_attempts_that_began_before_the_pause() {
    let mut world = World::new(|_, _| answered(500));
    world.receivers.gate.forget_permits(Semaphore::MAX_PERMITS);
    let all = FAILURES_TO_OPEN + 2;
    for _ in 0..all {
        world.due("campaign:57").await;
    }
    // All begin before the last failure that pauses the receiver.
    world.receivers.gate.add_permits((all - AT_ONCE_EACH) as usize);
    while world.calls() < all as usize {
        world.outbox.turn(&mut world.works).await.unwrap();
        tokio::task::yield_now().await;
    }
    world.receivers.gate.add_permits((AT_ONCE_EACH - 2) as usize);
    while world.works.next_pause_end(world.clock.now()).is_none() {
        world.outbox.turn(&mut world.works).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(world.works.is_trying(), "two hang");
    world.clock.set(later(PAUSE_SECONDS));
    for _ in 0..10 {
        world.outbox.turn(&mut world.works).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(world.calls(), all as usize + 1, "one tries it");
    world.receivers.gate.add_permits(2);
    for _ in 0..2 {
        let ended = world.works.next_ended().await;
        world.outbox.ended(&mut world.works, ended);
    }
    assert_eq!(world.works.next_pause_end(world.clock.now()), None, "what hung decides nothing");
    world.receivers.gate.add_permits(1);
    let ended = world.works.next_ended().await;
    world.outbox.ended(&mut world.works, ended);
    assert_eq!(world.works.next_pause_end(world.clock.now()), Some(later(2 * PAUSE_SECONDS)));
}

#[tokio::test]
async fn a_destination_has_its_share_of_places_and_all_have_theirs() {
    let mut world = World::new(|_, _| answered(200));
    world.receivers.gate.forget_permits(Semaphore::MAX_PERMITS);
    for n in 0..AT_ONCE / AT_ONCE_EACH + 1 {
        for _ in 0..AT_ONCE_EACH + 1 {
            world.due(&format!("campaign:{n}")).await;
        }
    }
    world.outbox.turn(&mut world.works).await.unwrap();
    world.outbox.turn(&mut world.works).await.unwrap();
    let mut by_destination: HashMap<String, u32> = HashMap::new();
    for _ in 0..AT_ONCE {
        let id = world.begun.recv().await.unwrap();
        let delivery = world.store.delivery(id).await.unwrap().unwrap();
        *by_destination.entry(delivery.destination).or_default() += 1;
    }
    assert_eq!(by_destination.values().max(), Some(&AT_ONCE_EACH));
    assert_eq!(world.works.room(NOW).most, 0);
    assert!(world.begun.try_recv().is_err());
    world.receivers.gate.add_permits(10_000);
    world.settle().await;
    assert_eq!(world.calls() as u32, (AT_ONCE / AT_ONCE_EACH + 1) * (AT_ONCE_EACH + 1));
}

#[tokio::test]
async fn a_clock_that_jumps_makes_no_second_attempt_and_loses_nothing() {
    for jump in [3_600, 10_000_000, -3_600, -10_000_000] {
        let mut world = World::new(|_, _| answered(200));
        world.receivers.gate.forget_permits(Semaphore::MAX_PERMITS);
        let id = world.due("campaign:57").await;
        world.outbox.turn(&mut world.works).await.unwrap();
        world.begun.recv().await.unwrap();
        world.clock.set(later(jump));
        world.outbox.turn(&mut world.works).await.unwrap();
        world.outbox.turn(&mut world.works).await.unwrap();
        let second = world.due("campaign:57").await;
        world.receivers.gate.add_permits(100);
        world.settle().await;
        for id in [id, second] {
            assert_eq!(
                (world.stands(id).await, world.tried(id).len()),
                ((DeliveryState::Delivered, 1), 1),
                "{jump}"
            );
        }
    }
}

#[tokio::test]
async fn an_attempt_that_outlasts_its_lease_counts_all_the_same() {
    let mut world = World::new(|_, _| answered(500));
    world.receivers.gate.forget_permits(Semaphore::MAX_PERMITS);
    let id = world.due("campaign:57").await;
    world.outbox.turn(&mut world.works).await.unwrap();
    world.begun.recv().await.unwrap();
    world.clock.set(later(LEASE_SECONDS));
    world.outbox.turn(&mut world.works).await.unwrap();
    world.receivers.gate.add_permits(1);
    world.settle().await;
    assert_eq!((world.stands(id).await, world.tried(id)), ((DeliveryState::Waits, 1), vec![0]));
    assert_eq!(world.store.delivery(id).await.unwrap().unwrap().due, later(LEASE_SECONDS + 5));
}

#[tokio::test]
async fn an_attempt_that_breaks_off_has_failed() {
    let mut world =
        World::new(|_, now| if now == NOW { panic!("a fault of the program") } else { answered(200) });
    let id = world.due("campaign:57").await;
    world.live_until(later(100)).await;
    assert_eq!((world.stands(id).await, world.tried(id)), ((DeliveryState::Delivered, 2), vec![0, 5]));
}

#[tokio::test]
async fn a_process_that_begins_takes_up_what_a_dead_one_had_and_hears_of_what_is_written() {
    let mut world = World::new(|_, _| answered(200));
    let id = world.due("campaign:57").await;
    let room = ClaimRoom { most: 1, each: 1, ..ClaimRoom::default() };
    let had = world.store.claim_deliveries(NOW, later(LEASE_SECONDS), room).await.unwrap();
    assert_eq!(had.len(), 1);
    // Attempts do not end, so that none of their ends has the worker look.
    world.receivers.gate.forget_permits(Semaphore::MAX_PERMITS);
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::clone(&world.outbox).run(stop.clone()));
    let begun = tokio::time::timeout(10 * LONGEST_SLEEP, world.begun.recv()).await;
    assert_eq!(begun, Ok(Some(id)), "the clock stands still: its lease did not run out");
    let mut all = vec![id];
    let each_at_once = async {
        for n in 0..20 {
            // The worker goes to sleep meanwhile.
            tokio::time::sleep(Duration::from_millis(30)).await;
            all.push(world.due(&format!("campaign:{n}")).await);
            assert_eq!(world.begun.recv().await.as_ref(), all.last());
        }
    };
    // One that hears of nothing looks when it has slept enough, and needs twice as long.
    tokio::time::timeout(10 * LONGEST_SLEEP, each_at_once).await.unwrap();
    world.receivers.gate.add_permits(all.len());
    stop.cancel();
    running.await.unwrap();
    for id in all {
        assert_eq!(world.stands(id).await.0, DeliveryState::Delivered);
    }
}

#[tokio::test]
async fn a_stop_lets_running_attempts_end_and_begins_none() {
    let mut world = World::new(|_, _| answered(200));
    world.receivers.gate.forget_permits(Semaphore::MAX_PERMITS);
    let mut all = Vec::new();
    for _ in 0..=AT_ONCE_EACH {
        all.push(world.due("campaign:57").await);
    }
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::clone(&world.outbox).run(stop.clone()));
    let mut begun = HashSet::new();
    for _ in 0..AT_ONCE_EACH {
        begun.insert(world.begun.recv().await.unwrap());
    }
    stop.cancel();
    // One more waits for a place, and there is one as soon as the first attempt has ended.
    world.receivers.gate.add_permits(10 * AT_ONCE_EACH as usize);
    running.await.unwrap();
    for id in all {
        let expected =
            if begun.contains(&id) { (DeliveryState::Delivered, 1) } else { (DeliveryState::Waits, 0) };
        assert_eq!(world.stands(id).await, expected);
    }
    assert_eq!(world.store.release_leases(NOW).await.unwrap(), 0, "no lease is left behind");
}
