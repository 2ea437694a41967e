//! kill -9 while postbacks are delivered: each that was written arrives, and arrives as one.

#![expect(clippy::unwrap_used, reason = "a test ends where its setting fails")]

#[path = "../../storage-sqlite/tests/killing/mod.rs"]
mod killing;

use crumb_delivery::{NoKey, Outbound, OutboundOptions, Postman, WebhookKeys};
use crumb_domain::delivery::{Delivery, DeliveryKind, DeliveryState};
use crumb_domain::request_id::{Node, RowIdSequence};
use crumb_domain::{Clock, RowId, Timestamp};
use crumb_mock_buyer::{Answer, Behaviour, MockBuyers, Options};
use crumb_outbox::{NobodyCounts, Outbox};
use crumb_storage::contract::build::NOW;
use crumb_storage::outbox::DeliveryFilter;
use crumb_storage::{ClickStore as _, OutboxStore as _, PageRequest};
use crumb_storage_sqlite::{PAGE_SIZE, SqliteOptions, SqliteStore};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

const TEST: &str = "a_process_that_is_killed_while_it_delivers_loses_no_postback_and_makes_none_twice";
const ROUNDS: usize = 6;

/// Stands still: nothing here waits for its schedule.
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        NOW
    }
}

#[test]
fn a_process_that_is_killed_while_it_delivers_loses_no_postback_and_makes_none_twice() {
    if let Some(file) = killing::childs_file() {
        deliver_until_killed(Path::new(&file));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crumb.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let arrived: Arc<Mutex<HashMap<String, u32>>> = Arc::default();
    let receiver = runtime.block_on(receiver(Arc::clone(&arrived)));
    // What the child is to call stands beside its file.
    std::fs::write(path.with_extension("url"), receiver.url("/postback")).unwrap();
    let mut written = HashSet::new();
    for round in 0..ROUNDS {
        let answers = killing::answers_before_the_end(round, 150);
        written.extend(killing::run_and_kill(TEST, &path, answers));
    }
    runtime.block_on(deliver_the_rest(&path));
    let arrived = arrived.lock().unwrap();
    let missing: Vec<&String> = written.iter().filter(|id| !arrived.contains_key(*id)).collect();
    assert!(missing.is_empty(), "{missing:?} of {} never arrived", written.len());
    // What was written and not acknowledged may have come as well, each once by its id.
    let stored = runtime.block_on(stored(&path));
    let by_id: HashSet<&String> = arrived.keys().collect();
    assert_eq!(by_id, stored.iter().collect::<HashSet<_>>());
    assert_eq!(by_id.len(), stored.len(), "no two deliveries have one id");
    assert!(written.len() > ROUNDS, "{}", written.len());
}

/// Takes every second postback at once and lets the others wait a little, so that some are
/// under way at any time; counts them by their ids.
async fn receiver(arrived: Arc<Mutex<HashMap<String, u32>>>) -> MockBuyers {
    let options = Options::default().watcher(move |request| {
        let id = request.header("webhook-id").unwrap().to_owned();
        *arrived.lock().unwrap().entry(id).or_default() += 1;
    });
    let receiver = MockBuyers::start_with(options).await.unwrap();
    let quick = Behaviour::from(Answer::exactly("text/plain", "thanks"));
    let slow = quick.clone().after(std::time::Duration::from_millis(20));
    receiver.set("/postback", Behaviour::InTurn([quick, slow].into_iter().cycle().take(2_000).collect()));
    receiver
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, SqliteOptions { checkpoint_bytes: 30 * PAGE_SIZE, ..SqliteOptions::default() })
        .unwrap()
}

fn outbox(store: &SqliteStore) -> Arc<Outbox<SqliteStore, Postman>> {
    let allow = vec!["127.0.0.0/8".parse().unwrap()];
    let outbound = Outbound::new(OutboundOptions { allow, ..OutboundOptions::default() }).unwrap();
    let keys: WebhookKeys = Arc::new(|_| Err(NoKey::NotNow("no webhook is told here".to_owned())));
    let postman = Postman::new(Arc::new(outbound), keys, Arc::new(StoppedClock));
    Arc::new(Outbox::new(store.clone(), postman, Arc::new(StoppedClock), Arc::new(NobodyCounts), || 0))
}

fn postback(id: RowId, url: &str) -> Delivery {
    Delivery {
        id,
        webhook_id: format!("msg_{}", id.as_i64()),
        at: NOW,
        kind: DeliveryKind::Postback,
        destination: format!("campaign:{}", id.as_i64() % 5),
        affiliate: None,
        campaign: None,
        offer: None,
        conversion: None,
        lead: None,
        url: url.to_owned(),
        shown_url: None,
        body: None,
        state: DeliveryState::Waits,
        tries: 0,
        due: NOW,
    }
}

/// The child's part: postbacks are written one after the other, each printed once it is
/// acknowledged, while the outbox delivers them.
fn deliver_until_killed(path: &Path) {
    let url = std::fs::read_to_string(path.with_extension("url")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = open(path);
        let mut rows = RowIdSequence::resume(Node::new(0).unwrap(), NOW, store.newest_row(0).await.unwrap());
        tokio::spawn(outbox(&store).run(CancellationToken::new()));
        loop {
            let postback = postback(rows.next(NOW), &url);
            let id = postback.webhook_id.clone();
            store.put_deliveries(vec![postback]).await.unwrap();
            println!("acknowledged {id}");
        }
    });
}

/// The next start, which nobody kills.
async fn deliver_the_rest(path: &Path) {
    let store = open(path);
    let stop = CancellationToken::new();
    let running = tokio::spawn(outbox(&store).run(stop.clone()));
    while store.waiting_deliveries().await.unwrap().count > 0 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.unwrap();
}

/// The ids of all deliveries that there are, each of which is delivered.
async fn stored(path: &Path) -> Vec<String> {
    let store = open(path);
    let mut page = PageRequest { limit: PageRequest::MAX_LIMIT, ..PageRequest::default() };
    let mut ids = Vec::new();
    loop {
        let found = store.deliveries(DeliveryFilter::default(), page.clone()).await.unwrap();
        for delivery in found.data {
            assert_eq!(delivery.state, DeliveryState::Delivered);
            ids.push(delivery.webhook_id);
        }
        match found.next {
            Some(next) => page.cursor = Some(next),
            None => return ids,
        }
    }
}
