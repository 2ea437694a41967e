//! An affiliate has a bounded number of sub-affiliates.

#![expect(clippy::unwrap_used, reason = "a test ends where its setting fails")]

use crumb_domain::click::Click;
use crumb_domain::{AffiliateId, SubIds};
use crumb_storage::clicks::ClickBatch;
use crumb_storage::contract::build::{Rows, click, record, record_all};
use crumb_storage::{ClickStore, PageRequest};
use crumb_storage_sqlite::{SqliteOptions, SqliteStore};
use std::path::Path;

const MOST: u32 = 3;

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, SqliteOptions { sub_affiliates: MOST, ..SqliteOptions::default() }).unwrap()
}

fn of(affiliate: i64, s1: &str, rows: &mut Rows) -> Click {
    let affiliate = Some(AffiliateId(affiliate));
    Click { affiliate, sub_ids: SubIds::new([s1, "", "", "", ""]), ..click(rows.next_row()) }
}

async fn named(store: &SqliteStore, affiliate: i64) -> Vec<String> {
    let page = PageRequest { ascending: true, ..PageRequest::default() };
    let page = store.sub_affiliates(AffiliateId(affiliate), page).await.unwrap();
    page.data.into_iter().map(|found| found.s1).collect()
}

#[tokio::test]
async fn those_beyond_the_bound_stand_on_their_clicks_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crumb.db");
    let mut rows = Rows::new();
    let store = open(&path);
    record_all(&store, ["a", "b"].map(|s1| of(12, s1, &mut rows)).into()).await;
    // Two that are known, one for which there is room, and one too many, at once.
    let beyond = of(12, "d", &mut rows);
    let id = beyond.id;
    let mut clicks: Vec<Click> = ["b", "a", "c"].map(|s1| of(12, s1, &mut rows)).into();
    clicks.push(Click { id: rows.next_row(), session: None, ..beyond.clone() });
    record_all(&store, clicks).await;
    record(&store, beyond.clone()).await;
    assert_eq!(named(&store, 12).await, ["a", "b", "c"]);
    let session = store.session(id).await.unwrap().unwrap();
    assert_eq!(session.sub_ids, beyond.sub_ids, "its click has it");
    record(&store, of(13, "d", &mut rows)).await;
    assert_eq!(named(&store, 13).await, ["d"], "each affiliate has a bound of its own");
    // Counted anew after a start.
    drop(store);
    let store = open(&path);
    record(&store, of(12, "e", &mut rows)).await;
    record_all(&store, ["e", "f", "d", "g"].map(|s1| of(13, s1, &mut rows)).into()).await;
    assert_eq!(named(&store, 12).await, ["a", "b", "c"]);
    assert_eq!(named(&store, 13).await, ["d", "e", "f"]);
}

#[tokio::test]
async fn a_write_that_is_taken_back_takes_no_place() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("crumb.db"));
    let mut rows = Rows::new();
    let noted = ["b", "x", "y"].map(|s1| of(12, s1, &mut rows));
    let first = of(12, "a", &mut rows);
    record(&store, first.clone()).await;
    // Clicks are written in the order of their ids: what is there already comes second.
    for noted in noted {
        let clicks = vec![noted, first.clone()];
        assert!(store.record_clicks(ClickBatch { clicks, ..ClickBatch::default() }).await.is_err());
    }
    record_all(&store, ["b", "c", "d"].map(|s1| of(12, s1, &mut rows)).into()).await;
    assert_eq!(named(&store, 12).await, ["a", "b", "c"]);
}
