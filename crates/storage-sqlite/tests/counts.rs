//! Counts are exact at every stage of their way into the rows of their days,
//! whatever happens between.

#![expect(clippy::unwrap_used, reason = "a test ends where its setting fails")]

use crumb_domain::CampaignId;
use crumb_domain::caps::{CapCheck, CapScope, DayCount};
use crumb_domain::click::Click;
use crumb_domain::network::CapOf;
use crumb_domain::time::Day;
use crumb_storage::ClickStore;
use crumb_storage::clicks::{ClickBatch, Impression, ImpressionsOf};
use crumb_storage::contract::build::{Rows, click};
use crumb_storage_sqlite::{PAGE_SIZE, SqliteOptions, SqliteStore};
use rusqlite::Connection;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Commits before a round begins: few, so that a test sees many rounds.
const PUT_OFF: usize = 3;
/// More than a commit brings in, so that a round takes several.
const CAMPAIGNS: u32 = 80;
const DAYS: i32 = 3;

struct Place {
    _folder: TempDir,
    path: PathBuf,
    rows: Rows,
    seed: u32,
}

impl Place {
    fn new(seed: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { path: folder.path().join("crumb.db"), _folder: folder, rows: Rows::new(), seed }
    }

    fn open(&self) -> SqliteStore {
        open(&self.path, None)
    }

    fn any(&mut self, below: u32) -> u32 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.seed >> 8) % below
    }

    /// The clicks of a request that raises so many counts, some of them the same.
    fn clicks(&mut self, counts: u32) -> ClickBatch {
        let counts = (0..counts).map(|_| self.count()).collect();
        ClickBatch { clicks: vec![click(self.rows.next_row())], counts, ..ClickBatch::default() }
    }

    fn count(&mut self) -> DayCount {
        let of = [CapOf::Click, CapOf::Lead, CapOf::Conversion][self.any(3) as usize];
        let day = Day(i32::try_from(self.any(DAYS.cast_unsigned())).unwrap());
        DayCount { scope: campaign(self.any(CAMPAIGNS)), of, day }
    }
}

fn open(path: &Path, max_pages: Option<u32>) -> SqliteStore {
    let options = SqliteOptions { counts_put_off: PUT_OFF, max_pages, ..SqliteOptions::default() };
    SqliteStore::open(path, options).unwrap()
}

fn campaign(number: u32) -> CapScope {
    CapScope::Campaign(CampaignId(i64::from(number)))
}

/// What the counts must come to: by campaign, kind and day.
#[derive(Default)]
struct Expected(HashMap<(CapScope, CapOf, i32), u64>, BTreeMap<(u32, i32), u64>);

impl Expected {
    fn add(&mut self, counts: &[DayCount]) {
        for count in counts {
            *self.0.entry((count.scope, count.of, count.day.0)).or_default() += 1;
        }
    }

    async fn is_met(&self, store: &SqliteStore, number: u32) {
        let scope = campaign(number);
        for of in [CapOf::Click, CapOf::Lead, CapOf::Conversion] {
            for (first, last) in [(0, 0), (1, DAYS), (0, DAYS)] {
                let days = (first..=last).filter_map(|day| self.0.get(&(scope, of, day)));
                let check = CapCheck { scope, of, first_day: Day(first), day: Day(last), limit: 0 };
                assert_eq!(store.count(check).await.unwrap(), days.sum::<u64>(), "{check:?}");
            }
        }
        let shown = store.impressions(ImpressionsOf::Campaign(CampaignId(number.into())), Day(0), Day(DAYS));
        let expected = (0..DAYS).filter_map(|day| Some((Day(day), *self.1.get(&(number, day))?)));
        assert_eq!(shown.await.unwrap(), expected.collect::<Vec<_>>());
    }

    async fn all_are_met(&self, store: &SqliteStore) {
        for number in 0..CAMPAIGNS {
            self.is_met(store, number).await;
        }
    }
}

fn rows_in(path: &Path, table: &str) -> u32 {
    let other = Connection::open(path).unwrap();
    other.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_count_is_exact_before_while_and_after_it_is_brought_in() {
    for seed in 0..3 {
        let mut place = Place::new(seed);
        let mut store = place.open();
        let mut expected = Expected::default();
        let taken = click(place.rows.next_row());
        let first = ClickBatch { clicks: vec![taken.clone()], ..ClickBatch::default() };
        store.record_clicks(first).await.unwrap();
        for _ in 0..120 {
            match place.any(10) {
                0 => {
                    drop(store);
                    store = place.open();
                }
                1 => {
                    let mut refused = place.clicks(20);
                    refused.clicks.push(Click { ..taken.clone() });
                    store.record_clicks(refused).await.unwrap_err();
                }
                2 | 3 => {
                    let (number, day) = (place.any(CAMPAIGNS), place.any(DAYS.cast_unsigned()));
                    let day = i32::try_from(day).unwrap();
                    let of = vec![ImpressionsOf::Campaign(CampaignId(number.into()))];
                    let impression = Impression { of, day: Day(day), charges: Vec::new() };
                    store.record_impression(impression).await.unwrap();
                    *expected.1.entry((number, day)).or_default() += 1;
                }
                _ => {
                    let counts = place.any(60);
                    let clicks = place.clicks(counts);
                    expected.add(&clicks.counts);
                    store.record_clicks(clicks).await.unwrap();
                }
            }
            let number = place.any(CAMPAIGNS);
            expected.is_met(&store, number).await;
        }
        drop(store);
        // A round of all places, and the commits before it.
        let most = PUT_OFF as u32 + CAMPAIGNS * DAYS.cast_unsigned() / 32 + 1;
        assert!(rows_in(&place.path, "count_step") <= most, "what is brought in is put off no more");
        assert!(rows_in(&place.path, "day_count") > 0, "something was brought in");
        expected.all_are_met(&place.open()).await;
    }
}

#[tokio::test]
async fn a_commit_that_fails_leaves_the_counts_as_they_were() {
    /// Pages that the file may grow by: enough for some rounds.
    const ROOM: u32 = 24;
    // Full after each number of pages, so in each part of the transaction.
    for pages in 0..12 {
        let mut place = Place::new(pages);
        drop(place.open());
        let other = Connection::open(&place.path).unwrap();
        let used: u32 = other.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let store = open(&place.path, Some(used + ROOM));
        other.execute("UPDATE probe SET filler = zeroblob(?1)", [(ROOM - pages) * PAGE_SIZE]).unwrap();
        let mut expected = Expected::default();
        let error = loop {
            let mut clicks = place.clicks(60);
            clicks.clicks[0].user_agent = "x".repeat(300);
            let counts = clicks.counts.clone();
            match store.record_clicks(clicks).await {
                Ok(()) => expected.add(&counts),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("the disk is full"), "{error}");
        expected.is_met(&store, place.any(CAMPAIGNS)).await;
        other.execute_batch("UPDATE probe SET filler = NULL").unwrap();
        for _ in 0..10 {
            let clicks = place.clicks(60);
            expected.add(&clicks.counts);
            store.record_clicks(clicks).await.unwrap();
        }
        drop(store);
        expected.all_are_met(&place.open()).await;
    }
}
