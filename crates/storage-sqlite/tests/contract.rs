//! The suite that every store must pass, on the embedded one.

#![expect(clippy::unwrap_used, reason = "a test ends where its setting fails")]

use crumb_storage_sqlite::{SqliteOptions, SqliteStore};
use std::sync::Arc;
use tempfile::TempDir;

async fn open(options: SqliteOptions) -> (Arc<SqliteStore>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("crumb.db"), options).unwrap();
    (Arc::new(store), folder)
}

mod as_installed {
    use super::*;

    async fn fresh() -> (Arc<SqliteStore>, TempDir) {
        open(SqliteOptions::default()).await
    }

    crumb_storage::store_contract!(fresh);
}

/// Leads enter the indexes one with the next, so that each case meets leads
/// before, in and after that; and sessions are read from the file.
mod with_little_memory {
    use super::*;

    async fn fresh() -> (Arc<SqliteStore>, TempDir) {
        let little = SqliteOptions {
            recent_leads: 1,
            kept_sessions: 0,
            counts_put_off: 1,
            ..SqliteOptions::default()
        };
        open(little).await
    }

    crumb_storage::store_contract!(fresh);
}
