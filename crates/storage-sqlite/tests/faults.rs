//! What a full disk, a locked file, a damaged file and a stranger's file do: a
//! clear error, never a false success, and recovery once the fault is gone.

#![expect(clippy::unwrap_used, reason = "a test ends where its setting fails")]

use crumb_domain::RowId;
use crumb_domain::outcome::Problem;
use crumb_storage::clicks::{ClickBatch, ClickFilter};
use crumb_storage::contract::build::{self, Rows, accept, accepted, click, lead, lead_id, record, verdict};
use crumb_storage::leads::{AcceptLead, RejectionFilter, Verdict};
use crumb_storage::{ClickStore, LeadStore, PageRequest, Store, StoreError};
use crumb_storage_sqlite::{MAX_QUEUED_WRITES, PAGE_SIZE, SqliteOptions, SqliteStore};
use rusqlite::Connection;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;

struct Place {
    _folder: TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    Place { path: folder.path().join("crumb.db"), _folder: folder }
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, SqliteOptions::default()).unwrap()
}

fn open_error(path: &Path) -> StoreError {
    SqliteStore::open(path, SqliteOptions::default()).err().unwrap()
}

fn one(click: crumb_domain::click::Click) -> ClickBatch {
    ClickBatch { clicks: vec![click], ..ClickBatch::default() }
}

/// The error's text, where it says that the store is not available.
fn unavailable<T: std::fmt::Debug>(result: crumb_storage::Result<T>) -> String {
    match result {
        Err(StoreError::Unavailable(text)) => text,
        other => panic!("not unavailable: {other:?}"),
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let place = place();
    let mut rows = Rows::new();
    let (clicked, lead) = (click(rows.next_row()), lead(1, rows.next_row()));
    let store = open(&place.path);
    record(&store, clicked.clone()).await;
    accepted(&store, lead.clone()).await;
    drop(store);
    let store = open(&place.path);
    assert!(store.session(clicked.id).await.unwrap().is_some());
    assert_eq!(store.lead(lead.id).await.unwrap(), Some(lead));
}

#[tokio::test]
async fn a_full_disk_refuses_writes_loses_nothing_acknowledged_and_ends_when_there_is_room() {
    let place = place();
    let full = SqliteOptions { max_pages: Some(80), ..SqliteOptions::default() };
    let store = SqliteStore::open(&place.path, full).unwrap();
    let mut rows = Rows::new();
    let mut acknowledged: Vec<RowId> = Vec::new();
    let refused = loop {
        let clicks: Vec<_> = (0..50).map(|_| click(rows.next_row())).collect();
        let ids: Vec<RowId> = clicks.iter().map(|click| click.id).collect();
        match store.record_clicks(ClickBatch { clicks, ..ClickBatch::default() }).await {
            Ok(()) => acknowledged.extend(ids),
            Err(error) => break (ids, error),
        }
    };
    assert!(refused.1.to_string().contains("the disk is full"), "{}", refused.1);
    assert!(unavailable(store.ready().await).contains("the disk is full"));
    let long = vec![b'x'; PAGE_SIZE as usize * 4];
    let mut post = accept(lead(1, rows.next_row()));
    post.post.body = long;
    assert!(unavailable(store.accept_lead(post).await).contains("full"));
    for id in &refused.0 {
        assert_eq!(store.session(*id).await.unwrap(), None, "nothing of a failed write was kept");
    }
    drop(store);

    let store = open(&place.path);
    store.ready().await.unwrap();
    let page = PageRequest { limit: 1, ..PageRequest::default() };
    let kept = store.clicks(ClickFilter::default(), page).await.unwrap();
    assert_eq!(kept.total, acknowledged.len() as u64);
    for id in acknowledged {
        assert!(store.session(id).await.unwrap().is_some());
    }
    record(&store, click(rows.next_row())).await;
}

#[tokio::test]
async fn a_file_locked_by_another_process_refuses_writes_until_it_is_free() {
    let place = place();
    let options = SqliteOptions { busy_timeout: Duration::from_millis(20), ..SqliteOptions::default() };
    let store = SqliteStore::open(&place.path, options).unwrap();
    let mut rows = Rows::new();
    let before = click(rows.next_row());
    record(&store, before.clone()).await;

    let other = Connection::open(&place.path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let refused = click(rows.next_row());
    let text = unavailable(store.record_clicks(one(refused.clone())).await);
    assert!(text.contains("locked by another process"), "{text}");
    assert!(unavailable(store.ready().await).contains("locked"));
    assert!(store.session(before.id).await.unwrap().is_some(), "reads go on");

    other.execute_batch("ROLLBACK").unwrap();
    store.ready().await.unwrap();
    assert_eq!(store.session(refused.id).await.unwrap(), None);
    record(&store, refused.clone()).await;
    assert!(store.session(refused.id).await.unwrap().is_some());
}

#[tokio::test]
async fn beyond_its_queue_the_store_says_that_it_is_overloaded() {
    let place = place();
    let patient = SqliteOptions { busy_timeout: Duration::from_secs(600), ..SqliteOptions::default() };
    let store = SqliteStore::open(&place.path, patient).unwrap();
    let other = Connection::open(&place.path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut rows = Rows::new();
    let mut writes = JoinSet::new();
    // One batch in the writer's hands, one queue full, and more.
    let all = MAX_QUEUED_WRITES * 2 + 100;
    for _ in 0..all {
        let (store, batch) = (store.clone(), one(click(rows.next_row())));
        writes.spawn(async move { store.record_clicks(batch).await });
    }
    let first = writes.join_next().await.unwrap().unwrap();
    assert_eq!(first, Err(StoreError::Overloaded(MAX_QUEUED_WRITES)), "nothing else can be answered yet");
    other.execute_batch("ROLLBACK").unwrap();
    let results = writes.join_all().await;
    let kept = results.iter().filter(|result| result.is_ok()).count();
    assert!(results.iter().all(|r| matches!(r, Ok(()) | Err(StoreError::Overloaded(_)))));
    let page = PageRequest { limit: 1, ..PageRequest::default() };
    assert_eq!(store.clicks(ClickFilter::default(), page).await.unwrap().total, kept as u64);
}

#[tokio::test]
async fn a_file_of_another_kind_is_not_opened_and_not_touched() {
    let place = place();
    let text = "not a database, but the only copy of somebody's notes\n".repeat(1_000);
    std::fs::write(&place.path, &text).unwrap();
    let error = open_error(&place.path).to_string();
    assert!(error.contains("the file is not a database"), "{error}");
    assert_eq!(std::fs::read_to_string(&place.path).unwrap(), text);
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_named_as_such() {
    let place = place();
    let error = open_error(&place.path.join("no such folder").join("crumb.db")).to_string();
    assert!(error.contains("the file cannot be opened"), "{error}");
}

#[tokio::test]
async fn a_damaged_table_is_an_error_for_who_reads_and_who_writes_it() {
    let place = place();
    let mut rows = Rows::new();
    let clicked = click(rows.next_row());
    let kept = lead(1, rows.next_row());
    let store = open(&place.path);
    record(&store, clicked.clone()).await;
    accepted(&store, kept.clone()).await;
    drop(store);

    let root: u32 = Connection::open(&place.path)
        .unwrap()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'click'", [], |row| row.get(0))
        .unwrap();
    let file = File::options().write(true).open(&place.path).unwrap();
    let garbage = vec![0xA5; PAGE_SIZE as usize];
    file.write_all_at(&garbage, u64::from(root - 1) * u64::from(PAGE_SIZE)).unwrap();
    drop(file);

    let store = open(&place.path);
    let text = unavailable(store.session(clicked.id).await);
    assert!(text.contains("the file is damaged"), "{text}");
    let text = unavailable(store.record_clicks(one(click(rows.next_row()))).await);
    assert!(text.contains("the file is damaged"), "{text}");
    assert_eq!(store.lead(kept.id).await.unwrap(), Some(kept), "what is whole can still be read");
}

#[tokio::test]
async fn a_file_of_a_newer_program_or_with_changed_steps_is_not_opened() {
    let place = place();
    drop(open(&place.path));
    let change = |sql: &str| Connection::open(&place.path).unwrap().execute_batch(sql).unwrap();
    change("INSERT INTO schema_migration VALUES (9999, 'later', 'x', 0)");
    let error = open_error(&place.path).to_string();
    assert!(error.contains("written by a newer program: its schema is number 9999"), "{error}");
    change("DELETE FROM schema_migration WHERE number = 9999; UPDATE schema_migration SET checksum = 'x'");
    let error = open_error(&place.path).to_string();
    assert!(error.contains("0001_begin has another checksum"), "{error}");
}

#[tokio::test]
async fn an_answer_that_panics_keeps_nothing_and_harms_no_neighbour() {
    let place = place();
    let store = open(&place.path);
    let mut rows = Rows::new();
    let mut tasks = JoinSet::new();
    for number in 0..40 {
        let mut sent = accept(lead(number, rows.next_row()));
        if number % 2 == 0 {
            sent.answer = Box::new(|_| panic!("a fault of the caller's"));
        }
        if number % 4 == 0 {
            // Why a lead is refused is known within the write, and told there.
            sent.filtered = Some(Problem::UnmatchedFilter);
            sent.answer = Box::new(|verdict| {
                assert_eq!(*verdict, Verdict::Accepted, "a fault of the caller's");
                build::answer_text("kept", verdict)
            });
        }
        let store = store.clone();
        tasks.spawn(async move { (number, store.accept_lead(sent).await) });
    }
    for (number, result) in tasks.join_all().await {
        let kept = store.lead(lead_id(number)).await.unwrap();
        if number % 2 == 0 {
            assert!(matches!(result, Err(StoreError::Corrupt(_))), "{result:?}");
            assert_eq!(kept, None);
        } else {
            assert_eq!(verdict(result.unwrap()), Verdict::Accepted);
            assert!(kept.is_some());
        }
    }
    let rejected = store.rejections(RejectionFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!(rejected.total, 0);
    let again = AcceptLead { answer: build::answer("again"), ..accept(lead(0, rows.next_row())) };
    assert_eq!(verdict(store.accept_lead(again).await.unwrap()), Verdict::Accepted);
}

#[tokio::test]
async fn a_read_that_takes_too_long_ends_and_the_next_one_is_served() {
    let place = place();
    let hasty = SqliteOptions { read_timeout: Duration::ZERO, ..SqliteOptions::default() };
    let store = SqliteStore::open(&place.path, hasty).unwrap();
    let mut rows = Rows::new();
    let mut newest = None;
    for _ in 0..20 {
        let clicks: Vec<_> = (0..5_000).map(|_| click(rows.next_row())).collect();
        newest = clicks.last().map(|click| click.id);
        store.record_clicks(ClickBatch { clicks, ..ClickBatch::default() }).await.unwrap();
    }
    let all = ClickFilter { offer: Some(crumb_domain::OfferId(7)), ..ClickFilter::default() };
    let text = unavailable(store.clicks(all, PageRequest::default()).await);
    assert!(text.contains("took too long"), "{text}");
    assert!(store.session(newest.unwrap()).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_write_ahead_log_stays_short_while_readers_follow_each_other() {
    let place = place();
    let options =
        SqliteOptions { checkpoint_bytes: 20 * PAGE_SIZE, kept_sessions: 0, ..SqliteOptions::default() };
    let store = SqliteStore::open(&place.path, options).unwrap();
    let mut rows = Rows::new();
    let first = click(rows.next_row());
    record(&store, first.clone()).await;
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (store, id) = (store.clone(), first.id);
        readers.spawn(async move {
            loop {
                store.session(id).await.unwrap();
            }
        });
    }
    let mut longest = 0;
    for _ in 0..500 {
        record(&store, click(rows.next_row())).await;
        longest = longest.max(log_pages(&place));
    }
    readers.shutdown().await;
    // Each commit adds a page at least: without checkpoints it would be 500.
    assert!(longest < 250, "the log reached {longest} pages");
}

fn log_pages(place: &Place) -> u64 {
    let log = place.path.with_file_name("crumb.db-wal");
    std::fs::metadata(log).unwrap().len() / u64::from(PAGE_SIZE)
}

#[tokio::test]
async fn a_long_read_lets_the_write_ahead_log_grow_until_it_ends() {
    let place = place();
    let options = SqliteOptions { checkpoint_bytes: 20 * PAGE_SIZE, ..SqliteOptions::default() };
    let store = SqliteStore::open(&place.path, options).unwrap();
    let mut rows = Rows::new();
    record(&store, click(rows.next_row())).await;
    let reader = Connection::open(&place.path).unwrap();
    let seen = |reader: &Connection| -> i64 {
        reader.query_row("SELECT count(*) FROM click", [], |row| row.get(0)).unwrap()
    };
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(seen(&reader), 1);
    for _ in 0..250 {
        record(&store, click(rows.next_row())).await;
    }
    assert_eq!(seen(&reader), 1, "a read sees one state to its end");
    assert!(log_pages(&place) >= 250, "what it sees is kept");
    reader.execute_batch("COMMIT").unwrap();
    for _ in 0..100 {
        record(&store, click(rows.next_row())).await;
    }
    let pages = log_pages(&place);
    assert!(pages < 200, "the log still has {pages} pages");
    assert_eq!(seen(&reader), 351);
}

#[tokio::test]
async fn a_file_that_is_removed_while_it_is_used_takes_no_more_writes() {
    for name in ["crumb.db", "crumb.db-wal"] {
        let place = place();
        let mut rows = Rows::new();
        let store = open(&place.path);
        record(&store, click(rows.next_row())).await;
        std::fs::remove_file(place.path.with_file_name(name)).unwrap();
        let (later, post) = (click(rows.next_row()), lead(1, rows.next_row()));
        let refused = unavailable(store.record_clicks(one(later.clone())).await);
        assert!(
            refused.contains(&format!("{name} was removed or replaced while it was in use")),
            "{refused}"
        );
        let refused = unavailable(store.accept_lead(accept(post.clone())).await);
        assert!(refused.contains("start again"), "{refused}");
        unavailable(store.ready().await);
        drop(store);
        let store = open(&place.path);
        store.ready().await.unwrap();
        assert_eq!(store.session(later.id).await.unwrap(), None, "{name}: what was refused is not kept");
        assert_eq!(store.lead(post.id).await.unwrap(), None, "{name}: what was refused is not kept");
    }
}
