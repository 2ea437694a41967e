//! Leads are found by each of their keys at every stage of their way into the
//! indexes, whatever happens between.

#![expect(clippy::unwrap_used, reason = "a test ends where its setting fails")]

use crumb_domain::lead::Lead;
use crumb_domain::outcome::Problem;
use crumb_domain::{LeadId, RowId};
use crumb_storage::contract::build::{Rows, accept, earlier, lead, lead_id, person, update, verdict};
use crumb_storage::leads::{AcceptLead, LeadFilter, Posted, UpdateLead, Verdict};
use crumb_storage::{LeadStore, PageRequest, StoreError};
use crumb_storage_sqlite::{PAGE_SIZE, SqliteOptions, SqliteStore};
use rusqlite::Connection;
use std::ops::Range;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// Rounds of four leads, so that few show every stage of two.
const RECENT: usize = 4;

struct Place {
    _folder: TempDir,
    path: PathBuf,
    rows: Rows,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { path: folder.path().join("crumb.db"), _folder: folder, rows: Rows::new() }
    }

    fn open(&self) -> SqliteStore {
        open(&self.path)
    }

    fn lead(&mut self, number: u32) -> Lead {
        let lead = with_email(lead(number, self.rows.next_row()), &email(number));
        Lead { session: session(number), ..lead }
    }
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, SqliteOptions { recent_leads: RECENT, ..SqliteOptions::default() }).unwrap()
}

/// A session for each number, in no order.
fn session(number: u32) -> RowId {
    RowId::from_i64(i64::from(number.wrapping_mul(2_654_435_761)) + 1).unwrap()
}

fn email(number: u32) -> String {
    format!("{number}@example.com")
}

fn with_email(lead: Lead, email: &str) -> Lead {
    Lead { fields: vec![("email_address".to_owned(), email.to_owned())], ..lead }
}

/// A person of each number, whose hashes lie in no order.
fn somebody(number: u32) -> crumb_storage::leads::DuplicateKey {
    let mut key = person(0);
    let mixed = number.wrapping_mul(2_654_435_761).to_be_bytes();
    key.hash[..4].copy_from_slice(&mixed);
    key
}

async fn keep(store: &SqliteStore, lead: Lead, number: u32) {
    let sent = AcceptLead { register: Some(somebody(number)), ..accept(lead) };
    assert_eq!(verdict(store.accept_lead(sent).await.unwrap()), Verdict::Accepted);
}

async fn of_session(store: &SqliteStore, number: u32) -> Vec<LeadId> {
    let filter = LeadFilter { session: Some(session(number)), ..LeadFilter::default() };
    let page = store.leads(filter, PageRequest::default()).await.unwrap();
    assert_eq!(page.total, page.data.len() as u64, "nobody is found twice");
    page.data.iter().map(|lead| lead.id).collect()
}

async fn found_by(store: &SqliteStore, text: &str) -> Vec<LeadId> {
    let filter = LeadFilter { text: Some(text.to_owned()), ..LeadFilter::default() };
    let page = store.leads(filter, PageRequest::default()).await.unwrap();
    assert_eq!(page.total, page.data.len() as u64, "nobody is found twice");
    page.data.iter().map(|lead| lead.id).collect()
}

/// Whether a further post of that person would be a duplicate; keeps nothing.
async fn has_a_lead(store: &SqliteStore, row: RowId, number: u32) -> bool {
    let sent = AcceptLead {
        duplicate: Some(earlier(somebody(number))),
        filtered: Some(Problem::UnmatchedFilter),
        ..accept(lead(99_999_999, row))
    };
    match verdict(store.accept_lead(sent).await.unwrap()) {
        Verdict::Rejected(problem) => problem == Problem::DuplicateLead,
        Verdict::Accepted => panic!("the filter was passed"),
    }
}

async fn is_taken(store: &SqliteStore, row: RowId, id: LeadId) -> bool {
    let sent = AcceptLead { filtered: Some(Problem::UnmatchedFilter), ..accept(Lead { id, ..lead(0, row) }) };
    store.accept_lead(sent).await.unwrap() == Posted::LeadIdTaken
}

/// Looks for leads by id, person, session and e-mail address.
async fn look(store: &SqliteStore, rows: &mut Rows, numbers: Range<u32>, when: &str) {
    let mut writes = JoinSet::new();
    for number in numbers {
        let id = lead_id(number);
        assert!(store.lead(id).await.unwrap().is_some(), "{number} by id {when}");
        assert_eq!(store.posts_of_lead(id).await.unwrap().len(), 1, "{number} {when}");
        assert_eq!(found_by(store, &email(number)).await, [id], "{number} by address {when}");
        assert_eq!(of_session(store, number).await, [id], "{number} by session {when}");
        assert_eq!(found_by(store, id.as_str()).await, [id], "{number} by text {when}");
        let (store, [first, second]) = (store.clone(), [rows.next_row(), rows.next_row()]);
        writes.spawn(async move {
            (number, is_taken(&store, first, id).await, has_a_lead(&store, second, number).await)
        });
    }
    for (number, is_taken, has_a_lead) in writes.join_all().await {
        assert!(is_taken, "{number}'s id {when}");
        assert!(has_a_lead, "{number} by person {when}");
    }
}

fn counted(path: &Path, table: &str) -> u32 {
    let sql = format!("SELECT count(*) FROM {table}");
    Connection::open(path).unwrap().query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_lead_is_found_by_every_key_at_every_stage() {
    let mut place = Place::new();
    let store = place.open();
    for number in 0..24 {
        let lead = place.lead(number);
        keep(&store, lead, number).await;
        look(&store, &mut place.rows, 0..number + 1, &format!("after {number}")).await;
        assert!(!has_a_lead(&store, place.rows.next_row(), number + 1).await);
        assert_eq!(store.lead(lead_id(number + 1)).await.unwrap(), None);
        assert_eq!(of_session(&store, number + 1).await, []);
    }
    assert!(counted(&place.path, "recent_leads") <= 2 * RECENT as u32, "older ones are recent no more");
    assert!(counted(&place.path, "lead_by_id") >= 16 && counted(&place.path, "lead_by_person") >= 16);
    assert!(counted(&place.path, "lead_by_session") >= 16);
}

#[tokio::test]
async fn what_an_end_interrupts_is_begun_again() {
    // Ended after each number of leads, so in each stage of a round.
    for end in 1..=10 {
        let mut place = Place::new();
        let store = place.open();
        for number in 0..end {
            let lead = place.lead(number);
            keep(&store, lead, number).await;
        }
        drop(store);
        let store = place.open();
        look(&store, &mut place.rows, 0..end, &format!("after the end at {end}")).await;
        for number in end..end + 10 {
            let lead = place.lead(number);
            keep(&store, lead, number).await;
        }
        look(&store, &mut place.rows, 0..end + 10, &format!("10 after the end at {end}")).await;
    }
}

#[tokio::test]
async fn a_changed_lead_is_found_by_its_new_keys_only_at_every_stage() {
    // The change comes after each number of further leads, so at each stage.
    for further in 0..=10 {
        let mut place = Place::new();
        let store = place.open();
        let first = place.lead(0);
        keep(&store, first.clone(), 0).await;
        for number in 1..=further {
            let lead = place.lead(number);
            keep(&store, lead, number).await;
        }
        let changed = Lead { session: session(1_000), ..with_email(first, &email(1_000)) };
        let change = UpdateLead { register: Some(somebody(1_000)), ..update(changed, place.rows.next_row()) };
        assert_eq!(verdict(store.update_lead(change).await.unwrap()), Verdict::Accepted);
        let mut store = store;
        for more in 0..12 {
            let when = format!("changed after {further}, looked at after {more} more");
            assert_eq!(found_by(&store, &email(0)).await, [], "{when}");
            assert_eq!(found_by(&store, &email(1_000)).await, [lead_id(0)], "{when}");
            assert!(!has_a_lead(&store, place.rows.next_row(), 0).await, "{when}");
            assert!(has_a_lead(&store, place.rows.next_row(), 1_000).await, "{when}");
            assert_eq!(store.lead(lead_id(0)).await.unwrap().unwrap().revision, 1, "{when}");
            assert_eq!(of_session(&store, 0).await, [], "{when}");
            assert_eq!(of_session(&store, 1_000).await, [lead_id(0)], "{when}");
            if more == further % 5 {
                drop(store);
                store = place.open();
            }
            let number = 2_000 + more;
            let lead = place.lead(number);
            keep(&store, lead, number).await;
        }
    }
}

#[tokio::test]
async fn a_write_that_is_taken_back_leaves_the_recent_leads_as_they_were() {
    let mut place = Place::new();
    let store = place.open();
    let first = place.lead(0);
    let used = first.row;
    keep(&store, first, 0).await;
    for number in 1..16 {
        let lead = place.lead(number);
        // Its post has another's id, which is noticed last.
        let mut broken = AcceptLead { register: Some(somebody(number)), ..accept(lead.clone()) };
        broken.post.id = used;
        assert_eq!(store.accept_lead(broken).await, Err(StoreError::Conflict));
        assert_eq!(store.lead(lead.id).await.unwrap(), None);
        assert!(!is_taken(&store, place.rows.next_row(), lead.id).await);
        assert!(!has_a_lead(&store, place.rows.next_row(), number).await);
        assert_eq!(found_by(&store, &email(number)).await, []);
        assert_eq!(of_session(&store, number).await, []);
        keep(&store, lead, number).await;
        look(&store, &mut place.rows, 0..number + 1, &format!("after {number}")).await;
    }
}

/// Pages that the file may grow by: enough for the leads of a round.
const ROOM: u32 = 40;

#[tokio::test]
async fn a_transaction_that_finds_the_disk_full_is_made_again_when_there_is_room() {
    // Full after each number of pages, so in each part of the transaction.
    for pages in 0..12 {
        let mut place = Place::new();
        drop(place.open());
        let other = Connection::open(&place.path).unwrap();
        let used: u32 = other.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let most = Some(used + ROOM);
        let full = SqliteOptions { recent_leads: RECENT, max_pages: most, ..SqliteOptions::default() };
        let store = SqliteStore::open(&place.path, full).unwrap();
        let filler = (ROOM - pages) * PAGE_SIZE;
        other.execute("UPDATE probe SET filler = zeroblob(?1)", [filler]).unwrap();
        let mut number = 0;
        let refused = loop {
            let lead = place.lead(number);
            let mut sent = AcceptLead { register: Some(somebody(number)), ..accept(lead.clone()) };
            sent.post.body = vec![b'x'; 300];
            match store.accept_lead(sent).await {
                Ok(posted) => assert_eq!(verdict(posted), Verdict::Accepted),
                Err(error) => break (lead, error),
            }
            number += 1;
        };
        assert!(refused.1.to_string().contains("the disk is full"), "{}", refused.1);
        other.execute_batch("UPDATE probe SET filler = NULL").unwrap();
        keep(&store, refused.0, number).await;
        for more in number + 1..number + 10 {
            let lead = place.lead(more);
            keep(&store, lead, more).await;
        }
        look(&store, &mut place.rows, 0..number + 10, &format!("with {pages} pages")).await;
    }
}
