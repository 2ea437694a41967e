//! kill -9 at any instant loses nothing that was acknowledged, and leaves nothing
//! half done.

#![expect(clippy::unwrap_used, reason = "a test ends where its setting fails")]

mod killing;

use crumb_domain::caps::{CapCheck, CapScope, DayCount};
use crumb_domain::charge::{Charge, Party, Priced};
use crumb_domain::network::CapOf;
use crumb_domain::request_id::{Node, RowIdSequence};
use crumb_domain::time::Day;
use crumb_domain::{AffiliateId, CampaignId, Money, OfferId, RowId};
use crumb_storage::clicks::{ClickBatch, ClickFilter};
use crumb_storage::contract::build::{NOW, accept, click, lead};
use crumb_storage::leads::{AcceptLead, LeadFilter};
use crumb_storage::{ClickStore, LeadStore, PageRequest, Store};
use crumb_storage_sqlite::{PAGE_SIZE, SqliteOptions, SqliteStore};
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;

const TEST: &str = "nothing_acknowledged_is_lost_when_the_process_is_killed";
const ROUNDS: usize = 6;

const LEADS: DayCount = DayCount { scope: CapScope::Offer(OfferId(100)), of: CapOf::Lead, day: Day(1) };
/// Of a click, and of a thousand impressions.
const PRICE: Money = Money::from_micros(70_001);
const CLICKS: DayCount = DayCount { of: CapOf::Click, ..LEADS };

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    if let Some(file) = killing::childs_file() {
        write_until_killed(Path::new(&file));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crumb.db");
    let mut acknowledged = HashSet::new();
    for round in 0..ROUNDS {
        let answers = killing::answers_before_the_end(round, 600);
        acknowledged.extend(killing::run_and_kill(TEST, &path, answers));
        look(&path, &acknowledged, &format!("round {round}, killed after {answers} answers"));
    }
}

fn look(path: &Path, acknowledged: &HashSet<String>, when: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(path, SqliteOptions::default()).unwrap();
        store.ready().await.unwrap();
        for answer in acknowledged {
            let (kind, id) = answer.split_once(' ').unwrap();
            let found = match kind {
                "click" => {
                    let id = RowId::from_i64(id.parse().unwrap()).unwrap();
                    store.session(id).await.unwrap().is_some()
                }
                _ => {
                    let id = id.parse().unwrap();
                    let posts = store.posts_of_lead(id).await.unwrap();
                    let lead = store.lead(id).await.unwrap();
                    let session = lead.as_ref().map(|lead| lead.session);
                    let filter = LeadFilter { session, ..LeadFilter::default() };
                    let of_session = store.leads(filter, PageRequest::default()).await.unwrap();
                    lead.is_some() && of_session.data == lead.as_slice() && posts.len() == 1
                }
            };
            assert!(found, "{answer} was acknowledged and is lost: {when}");
        }
        let page = PageRequest { limit: 1, ..PageRequest::default() };
        let clicks = store.clicks(ClickFilter::default(), page.clone()).await.unwrap().total;
        let leads = store.leads(LeadFilter::default(), page).await.unwrap().total;
        for (count, kept) in [(CLICKS, clicks), (LEADS, leads)] {
            let DayCount { scope, of, day } = count;
            let check = CapCheck { scope, of, first_day: day, day, limit: 0 };
            assert_eq!(store.count(check).await.unwrap(), kept, "a count without its record: {when}");
        }
        look_at_books(path, i64::try_from(clicks).unwrap(), when);
    });
    let whole: String = rusqlite::Connection::open(path)
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(whole, "ok", "{when}");
}

/// The ledger has what the clicks cost that are kept: no more, no less.
fn look_at_books(path: &Path, clicks: i64, when: &str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let sums = |kind: &str| -> (i64, i64) {
        let sql = "SELECT coalesce(sum(count), 0), coalesce(sum(amount), 0) FROM ledger WHERE kind = ?1";
        connection.query_row(sql, [kind], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let price = PRICE.micros();
    assert_eq!(sums("click_payout"), (clicks, clicks * price), "clicks in the ledger: {when}");
    let thousands = clicks / 1_000;
    assert_eq!(sums("impression_payout"), (thousands * 1_000, thousands * price), "thousands: {when}");
}

/// The child's part: clicks and leads from several tasks, each printed once it is
/// acknowledged. A short log, so that checkpoints are killed too, and few recent
/// leads, so that bringing them into the indexes is.
fn write_until_killed(path: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = SqliteOptions {
            checkpoint_bytes: 30 * PAGE_SIZE,
            recent_leads: 20,
            counts_put_off: 20,
            ..SqliteOptions::default()
        };
        let store = SqliteStore::open(path, options).unwrap();
        let newest = store.newest_row(0).await.unwrap();
        let rows = RowIdSequence::resume(Node::new(0).unwrap(), NOW, newest);
        let rows = Arc::new(Mutex::new(rows));
        let mut tasks = JoinSet::new();
        for number in 0..16 {
            let (store, rows) = (store.clone(), Arc::clone(&rows));
            tasks.spawn(async move {
                loop {
                    let row = rows.lock().unwrap().next(NOW);
                    if number % 4 == 0 {
                        write_lead(&store, row).await;
                    } else {
                        write_click(&store, row).await;
                    }
                }
            });
        }
        tasks.join_all().await;
    });
}

async fn write_click(store: &SqliteStore, row: RowId) {
    let click = click(row);
    // As if each click were an impression too.
    let charges = [Priced::Click, Priced::ThousandImpressions].map(|priced| Charge {
        campaign: CampaignId(57),
        party: Party::Affiliate(AffiliateId(12)),
        priced,
        price: PRICE,
        at: click.at,
        day: CLICKS.day,
    });
    let batch = ClickBatch {
        clicks: vec![click],
        counts: vec![CLICKS],
        charges: charges.to_vec(),
        ..ClickBatch::default()
    };
    store.record_clicks(batch).await.unwrap();
    println!("acknowledged click {}", row.as_i64());
}

async fn write_lead(store: &SqliteStore, row: RowId) {
    // The last digits of a row id differ within this test's few thousand.
    let lead = lead(u32::try_from(row.as_i64() % 100_000_000).unwrap(), row);
    let id = lead.id;
    store.accept_lead(AcceptLead { counts: vec![LEADS], ..accept(lead) }).await.unwrap();
    println!("acknowledged lead {id}");
}
