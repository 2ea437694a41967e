//! API keys and shared documents.

use crate::SqliteStore;
use crate::codes::moment;
use crate::error::{corrupt, from_sqlite};
use crate::readers::LaneOf;
use crumb_domain::Timestamp;
use crumb_storage::access::{ApiKey, Share};
use crumb_storage::{AccessStore, Result};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

impl AccessStore for SqliteStore {
    /// Two keys of one name cannot both be in force: an index over the names of
    /// those that are says so.
    async fn create_api_key(&self, key: ApiKey) -> Result<()> {
        self.writer()
            .write(move |context| {
                context
                    .connection
                    .prepare_cached(
                        "INSERT INTO api_key (hash, name, role, created_at, revoked_at)
                         VALUES (?1, ?2, ?3, ?4, ?5)",
                    )
                    .and_then(|mut insert| {
                        insert.execute(params![
                            key.hash,
                            key.name,
                            key.role,
                            key.created_at.micros(),
                            key.revoked_at.map(Timestamp::micros)
                        ])
                    })
                    .map_err(from_sqlite)?;
                Ok(())
            })
            .await
    }

    async fn api_key(&self, hash: [u8; 32]) -> Result<Option<ApiKey>> {
        self.readers()
            .read(LaneOf::Short, move |connection| {
                connection
                    .prepare_cached(
                        "SELECT hash, name, role, created_at, revoked_at FROM api_key WHERE hash = ?1",
                    )
                    .and_then(|mut select| select.query_row([hash], |row| Ok(api_key(row))).optional())
                    .map_err(from_sqlite)?
                    .transpose()
            })
            .await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        self.readers().read(LaneOf::Short, all_api_keys).await
    }

    async fn revoke_api_key(&self, name: String, at: Timestamp) -> Result<bool> {
        self.writer()
            .write(move |context| {
                let ended = context
                    .connection
                    .prepare_cached(
                        "UPDATE api_key SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL",
                    )
                    .and_then(|mut update| update.execute(params![name, at.micros()]))
                    .map_err(from_sqlite)?;
                Ok(ended > 0)
            })
            .await
    }

    async fn create_share(&self, share: Share) -> Result<()> {
        self.writer()
            .write(move |context| {
                context
                    .connection
                    .prepare_cached(
                        "INSERT INTO share (id, subject, created_at, expires_at, revoked_at)
                         VALUES (?1, ?2, ?3, ?4, ?5)",
                    )
                    .and_then(|mut insert| {
                        insert.execute(params![
                            share.id,
                            share.subject,
                            share.created_at.micros(),
                            share.expires_at.micros(),
                            share.revoked_at.map(Timestamp::micros)
                        ])
                    })
                    .map_err(from_sqlite)?;
                Ok(())
            })
            .await
    }

    async fn share(&self, id: String) -> Result<Option<Share>> {
        self.readers()
            .read(LaneOf::Short, move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id, subject, created_at, expires_at, revoked_at FROM share WHERE id = ?1",
                    )
                    .and_then(|mut select| select.query_row([id], share).optional())
                    .map_err(from_sqlite)
            })
            .await
    }

    /// A share that was ended before keeps the moment at which it was.
    async fn revoke_share(&self, id: String, at: Timestamp) -> Result<bool> {
        self.writer()
            .write(move |context| {
                let found = context
                    .connection
                    .prepare_cached("UPDATE share SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1")
                    .and_then(|mut update| update.execute(params![id, at.micros()]))
                    .map_err(from_sqlite)?;
                Ok(found > 0)
            })
            .await
    }
}

fn all_api_keys(connection: &Connection) -> Result<Vec<ApiKey>> {
    let mut select = connection
        .prepare_cached(
            "SELECT hash, name, role, created_at, revoked_at FROM api_key ORDER BY created_at, rowid",
        )
        .map_err(from_sqlite)?;
    let mut rows = select.query([]).map_err(from_sqlite)?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        keys.push(api_key(row)?);
    }
    Ok(keys)
}

fn api_key(row: &Row<'_>) -> Result<ApiKey> {
    let hash: Vec<u8> = row.get(0).map_err(from_sqlite)?;
    let hash = hash.try_into().map_err(|bytes| corrupt("an API key's hash", bytes))?;
    Ok(ApiKey {
        hash,
        name: row.get(1).map_err(from_sqlite)?,
        role: row.get(2).map_err(from_sqlite)?,
        created_at: moment(row.get(3).map_err(from_sqlite)?),
        revoked_at: row.get::<_, Option<i64>>(4).map_err(from_sqlite)?.map(moment),
    })
}

fn share(row: &Row<'_>) -> rusqlite::Result<Share> {
    Ok(Share {
        id: row.get(0)?,
        subject: row.get(1)?,
        created_at: moment(row.get(2)?),
        expires_at: moment(row.get(3)?),
        revoked_at: row.get::<_, Option<i64>>(4)?.map(moment),
    })
}
