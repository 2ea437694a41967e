//! kill -9 between a reservation and the run's end: what may have been sent is known at
//! the next start, what was sold is sold once, and every sum is right.

#![expect(clippy::unwrap_used, reason = "a test ends where its setting fails")]

mod killing;

use crumb_domain::lead::LeadStatus;
use crumb_domain::request_id::{Node, RowIdSequence};
use crumb_domain::{LeadId, RowId};
use crumb_storage::contract::build::{NOW, answer_text, lead};
use crumb_storage::contract::build_selling::{
    DAY, credit, ended, hold, hold_all, in_hand_under, money, pending, reserve, reserved, sold, unsold,
    waiting,
};
use crumb_storage::leads::{LeadFilter, Verdict};
use crumb_storage::selling::{LeadChange, ReservationEnd, Reserve};
use crumb_storage::{ClickStore, LeadStore, PageRequest, SellingStore, Store};
use crumb_storage_sqlite::{PAGE_SIZE, SqliteOptions, SqliteStore};
use rusqlite::Connection;
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;

const TEST: &str = "a_process_that_is_killed_while_it_sells_leaves_no_sum_wrong";
const ROUNDS: usize = 6;
const BUYERS: i64 = 3;

#[test]
fn a_process_that_is_killed_while_it_sells_leaves_no_sum_wrong() {
    if let Some(file) = killing::childs_file() {
        sell_until_killed(Path::new(&file));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crumb.db");
    let (mut begun, mut ended) = (HashSet::new(), HashSet::new());
    let mut interrupted = 0;
    for round in 0..ROUNDS {
        let answers = killing::answers_before_the_end(round, 400);
        for line in killing::run_and_kill(TEST, &path, answers) {
            let (what, id) = line.split_once(' ').unwrap();
            let lead: LeadId = id.parse().unwrap();
            match what {
                "reserved" => begun.insert(lead),
                _ => ended.insert(lead),
            };
        }
        let when = format!("round {round}, killed after {answers} answers");
        interrupted += recover(&path, &begun, &ended, &when);
        look(&path, &when);
        assert_eq!(recover(&path, &begun, &ended, &when), 0, "a second start finds nothing: {when}");
    }
    assert!(interrupted > 0, "a run was cut off");
}

/// Starts, as a server does; how many leads were in hand.
fn recover(path: &Path, begun: &HashSet<LeadId>, ended: &HashSet<LeadId>, when: &str) -> usize {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(path, SqliteOptions::default()).unwrap();
        store.ready().await.unwrap();
        let recovered = store.recover(NOW, hold_all()).await.unwrap().ended;
        for recovered in &recovered {
            let (id, status) = (recovered.lead, recovered.status);
            assert!(!ended.contains(&id), "{id:?} was acknowledged as settled: {when}");
            // A lead that was said to be reserved for may have been sent.
            let was_told = begun.contains(&id);
            let may_be_sold = matches!(status, LeadStatus::Sold | LeadStatus::PendingUnknown);
            assert!(may_be_sold || !was_told, "{id:?} is {status:?}: {when}");
            assert_eq!(recovered.unsettled, may_be_sold, "{id:?}: {when}");
            if recovered.unsettled {
                let lead = store.lead(id).await.unwrap().unwrap();
                let answer = Some(answer_text("after the crash", &Verdict::Accepted));
                store.act(LeadChange { answer, ..LeadChange::new(lead, NOW) }).await.unwrap();
            }
        }
        // Whoever waits in the queue is taken again, so that none is lost there.
        for waiting in store.due(NOW, 1_000).await.unwrap() {
            let (lead, _) = store.begin_run(waiting.lead, DAY).await.unwrap().unwrap();
            store.settle(unsold(&lead, &[])).await.unwrap();
        }
        let queued = LeadFilter { status: Some(LeadStatus::Queued), ..LeadFilter::default() };
        assert_eq!(store.leads(queued, PageRequest::default()).await.unwrap().total, 0, "{when}");
        recovered.len()
    })
}

/// Every sum that is kept, against the rows that it is of.
fn look(path: &Path, when: &str) {
    let connection = Connection::open(path).unwrap();
    let none = |what: &str, sql: &str| {
        let rows: i64 =
            connection.query_row(&format!("SELECT count(*) FROM ({sql})"), [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{what}: {when}");
    };
    none("a lead in hand", "SELECT 1 FROM offered WHERE state = 1");
    none("a reservation without an end", "SELECT 1 FROM reservation WHERE state = 1");
    none(
        "a balance that is not the sum of entries",
        "SELECT 1 FROM buyer_account WHERE balance <> (SELECT coalesce(sum(amount), 0) FROM ledger WHERE to_kind = 4
             AND to_id = buyer) - (SELECT coalesce(sum(amount), 0) FROM ledger WHERE from_kind = 4 AND from_id = buyer)",
    );
    none(
        "a reserved sum that is not what is held",
        "SELECT 1 FROM buyer_account WHERE reserved <>
             (SELECT coalesce(sum(price), 0) FROM reservation AS r WHERE r.buyer = buyer_account.buyer AND r.state = 3)",
    );
    none(
        "a count that is not what is sold and held",
        "SELECT 1 FROM contract_count AS c WHERE n <>
             (SELECT count(*) FROM reservation AS r WHERE r.contract = c.contract AND r.state IN (2, 3))",
    );
    none(
        "a count of sold ones that is not what is sold",
        "SELECT 1 FROM contract_count AS c WHERE sold <>
             (SELECT count(*) FROM reservation AS r WHERE r.contract = c.contract AND r.state = 2)",
    );
    none(
        "a sale without its one entry",
        "SELECT 1 FROM reservation AS r WHERE (SELECT count(*) FROM ledger AS l WHERE l.lead = r.lead
             AND l.contract = r.contract AND l.kind = 'sale' AND l.amount = r.price) <> (r.state = 2)",
    );
    none(
        "a sale that its lead does not know, or knows alone",
        "SELECT 1 FROM reservation AS r WHERE (r.state = 2) <>
             (SELECT count(*) FROM sale WHERE sale.lead = r.lead AND sale.contract = r.contract AND sale.price = r.price)",
    );
    none(
        "a lead whose revenue is not its sales",
        "SELECT 1 FROM lead WHERE revenue <> (SELECT coalesce(sum(price), 0) FROM sale WHERE sale.lead = lead.row)",
    );
    none(
        "a held reservation that is not listed, or one listed that is not held",
        "SELECT lead, buyer FROM reservation WHERE state = 3 EXCEPT SELECT lead, buyer FROM held",
    );
    none("a key in flight that nobody answers", "SELECT 1 FROM idempotency WHERE answer IS NULL");
}

/// The child's part: runs from several tasks, each step printed once it is acknowledged.
fn sell_until_killed(path: &Path) {
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
        let rows = Arc::new(Mutex::new(RowIdSequence::resume(Node::new(0).unwrap(), NOW, newest)));
        let mut tasks = JoinSet::new();
        for task in 0..8 {
            let (store, rows) = (store.clone(), Arc::clone(&rows));
            tasks.spawn(async move {
                for number in task.. {
                    let row = rows.lock().unwrap().next(NOW);
                    credit(&store, 0, 10).await;
                    sell(&store, row, number).await;
                }
            });
        }
        tasks.join_all().await;
    });
}

/// A run through three buyers: one refuses, one takes, one is not known.
async fn sell(store: &SqliteStore, row: RowId, number: i64) {
    // The last digits of a row id differ within this test's few thousand.
    let new = lead(u32::try_from(row.as_i64() % 100_000_000).unwrap(), row);
    let lead = if number % 3 == 0 {
        let lead = waiting(store, new, NOW).await;
        let Some((lead, _)) = store.begin_run(lead.row, DAY).await.unwrap() else { return };
        lead
    } else {
        in_hand_under(store, new, &row.as_i64().to_string()).await
    };
    reserved(store, lead.row, 0).await;
    println!("acknowledged reserved {}", lead.id);
    let first = if number % 2 == 0 { ReservationEnd::Refused } else { ReservationEnd::Sold(money(12)) };
    let second = Reserve { ended: vec![ended(0, first)], ..reserve(lead.row, 1) };
    store.reserve(second).await.unwrap();
    let third =
        Reserve { ended: vec![ended(1, ReservationEnd::Held(hold()))], ..reserve(lead.row, BUYERS - 1) };
    store.reserve(third).await.unwrap();
    let mut change = if number % 2 == 0 { pending(&lead, BUYERS - 1) } else { sold(&lead, 0, money(12)) };
    change.ended.push(ended(BUYERS - 1, ReservationEnd::Unsent));
    change.answer = Some(answer_text("told", &Verdict::Accepted));
    store.settle(change).await.unwrap();
    println!("acknowledged settled {}", lead.id);
}
