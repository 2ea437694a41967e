//! Where the lines of the pixel log lie: with the conversions that their calls made, where
//! these say all of them.

#![expect(clippy::unwrap_used, reason = "a test ends where its setting fails")]

use crumb_domain::Timestamp;
use crumb_domain::conversion::Conversion;
use crumb_domain::pixel::{PixelCall, PixelDisposition};
use crumb_storage::contract::build::{NOW, Rows};
use crumb_storage::contract::build_conversions::{call, conversion, new, refused, session, with_transaction};
use crumb_storage::conversions::{ChangeConversion, PixelEffect, PixelWrite};
use crumb_storage::retention::KeptFor;
use crumb_storage::{ConversionStore, RetentionStore};
use crumb_storage_sqlite::{SqliteOptions, SqliteStore};
use rusqlite::Connection;
use std::path::PathBuf;
use tempfile::TempDir;

struct Place {
    _folder: TempDir,
    path: PathBuf,
    store: SqliteStore,
    rows: Rows,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crumb.db");
        let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
        Self { _folder: folder, path, store, rows: Rows::new() }
    }

    /// A conversion of a session of its own, made by a call that says what calls say.
    async fn converts(&mut self, at: Timestamp) -> Conversion {
        let opened = session(&self.store, self.rows.next_row_at(at)).await;
        let made = Conversion { at, ..conversion(self.rows.next_row_at(at), opened) };
        let made = with_transaction(made, "T-1");
        self.writes(call_of(&made), &made).await;
        made
    }

    async fn writes(&self, call: PixelCall, made: &Conversion) {
        let effect = PixelEffect::New(Box::new(new(made.clone())));
        self.store.record_pixel(PixelWrite { call, effect }).await.unwrap();
    }

    fn number(&self, sql: &str) -> i64 {
        Connection::open(&self.path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Lines with rows of their own, and those that lie with conversions.
    fn lines(&self) -> [i64; 2] {
        let with = "SELECT count(*) FROM conversion WHERE call_disposition IS NOT NULL";
        [self.number("SELECT count(*) FROM pixel"), self.number(with)]
    }

    async fn sweeps(&self, before: Timestamp) -> u32 {
        self.store.remove_old(KeptFor::PixelLog, before, None).await.unwrap().count
    }

    fn first_conversion(&self) -> i64 {
        self.number("SELECT first_conversion FROM pixel_log")
    }
}

fn call_of(made: &Conversion) -> PixelCall {
    PixelCall {
        at: made.at,
        form: made.source,
        conversion: None,
        transaction_id: made.reported.transaction_id.clone(),
        ip: made.ip,
        ..call(made.id, made.session)
    }
}

#[tokio::test]
async fn a_line_takes_a_row_only_where_its_conversion_does_not_say_what_it_does() {
    let mut place = Place::new();
    let made = place.converts(NOW).await;
    assert_eq!(place.lines(), [0, 1]);
    let duplicate = PixelCall { id: place.rows.next_row(), ..call_of(&made) };
    place.store.record_pixel(refused(duplicate, PixelDisposition::DuplicateConversion)).await.unwrap();
    assert_eq!(place.lines(), [1, 1], "it made nothing");
    let opened = session(&place.store, place.rows.next_row()).await;
    let other = Conversion { id: place.rows.next_row(), ip: None, session: opened, ..made.clone() };
    place.writes(PixelCall { ip: made.ip, ..call_of(&other) }, &other).await;
    assert_eq!(place.lines(), [2, 1], "from elsewhere than its conversion says");
    let change = ChangeConversion {
        conversion: with_transaction(made, "T-2"),
        ledger: Vec::new(),
        deliveries: Vec::new(),
        timeline: Vec::new(),
        once_a_transaction: false,
    };
    assert_eq!(place.store.change_conversion(change).await, Ok(None));
    assert_eq!(place.lines(), [3, 0], "of an order that has another number now");
}

#[tokio::test]
async fn conversions_without_lines_are_not_looked_through_again() {
    let mut place = Place::new();
    for seconds in 0..3 {
        place.converts(NOW.plus_seconds(seconds)).await;
    }
    assert_eq!(place.sweeps(NOW.plus_days(5)).await, 3);
    let second = place.converts(NOW.plus_days(10)).await;
    assert_eq!(place.sweeps(NOW.plus_days(15)).await, 1);
    assert_eq!(place.first_conversion(), second.id.as_i64(), "the first that had a line then");
    place.converts(NOW.plus_days(20)).await;
    assert_eq!(place.sweeps(NOW.plus_days(15)).await, 0);
    assert_eq!(place.first_conversion(), second.id.as_i64() + 1, "behind all that are old");
}
