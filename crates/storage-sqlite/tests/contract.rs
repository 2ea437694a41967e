//! The suite that every store must pass, on the embedded one.

#![expect(clippy::unwrap_used, reason = "a test ends where its setting fails")]

use crumb_storage_sqlite::{SqliteOptions, SqliteStore};
use std::sync::Arc;
use tempfile::TempDir;

async fn fresh() -> (Arc<SqliteStore>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("crumb.db"), SqliteOptions::default()).unwrap();
    (Arc::new(store), folder)
}

crumb_storage::store_contract!(fresh);
