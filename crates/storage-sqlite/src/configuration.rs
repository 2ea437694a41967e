//! The network's versions: each document with the versions between which it was
//! in force.

use crate::SqliteStore;
use crate::alerts;
use crate::batch::WriteContext;
use crate::codes::moment;
use crate::error::from_sqlite;
use crate::listing::Listing;
use crate::readers::LaneOf;
use crate::seen::Key;
use crate::selling::contracts;
use crate::{ledger, outbox};
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::{BuyerId, ConfigVersion, Money, Timestamp};
use crumb_storage::configuration::{
    ConfigurationChange, Entity, EntityKey, HistoryOf, StoredConfiguration, VersionInfo,
};
use crumb_storage::{ConfigurationStore, Page, PageRequest, Result, StoreError};
use rusqlite::{Connection, params};

impl ConfigurationStore for SqliteStore {
    async fn present_version(&self) -> Result<ConfigVersion> {
        self.readers().read(LaneOf::Short, present).await
    }

    async fn configuration(&self, version: Option<ConfigVersion>) -> Result<Option<StoredConfiguration>> {
        self.readers().read(LaneOf::Long, move |connection| read_version(connection, version)).await
    }

    async fn commit_configuration(&self, change: ConfigurationChange) -> Result<ConfigVersion> {
        self.writer().write(move |context| commit(context, &change)).await
    }

    async fn versions(&self, page: PageRequest) -> Result<Page<VersionInfo>> {
        self.readers().read(LaneOf::Long, move |connection| versions(connection, &page)).await
    }

    async fn entity_history(&self, key: EntityKey) -> Result<Vec<String>> {
        self.readers()
            .read(LaneOf::Short, move |connection| {
                let mut select = connection
                    .prepare_cached("SELECT document FROM entity WHERE key = ?1 ORDER BY version_from")
                    .map_err(from_sqlite)?;
                let documents = select.query_map([key.0], |row| row.get(0)).map_err(from_sqlite)?;
                documents.collect::<rusqlite::Result<_>>().map_err(from_sqlite)
            })
            .await
    }

    async fn have_history(&self, of: Vec<HistoryOf>) -> Result<Vec<bool>> {
        self.readers()
            // A few look-ups by key, for which visitors' first clicks may wait.
            .read(LaneOf::Short, move |connection| {
                of.into_iter()
                    .map(|of| Key::from(of).is_noted(connection))
                    .collect::<rusqlite::Result<_>>()
                    .map_err(from_sqlite)
            })
            .await
    }
}

fn present(connection: &Connection) -> Result<ConfigVersion> {
    connection
        .prepare_cached("SELECT coalesce(max(version), 0) FROM config_version")
        .and_then(|mut select| select.query_row([], |row| row.get(0)))
        .map(ConfigVersion)
        .map_err(from_sqlite)
}

fn read_version(
    connection: &Connection,
    version: Option<ConfigVersion>,
) -> Result<Option<StoredConfiguration>> {
    let present = present(connection)?;
    let version = version.unwrap_or(present);
    if !(ConfigVersion(0)..=present).contains(&version) {
        return Ok(None);
    }
    let mut select = connection
        .prepare_cached(
            "SELECT key, document FROM entity
             WHERE version_from <= ?1 AND (version_to IS NULL OR version_to > ?1) ORDER BY key",
        )
        .map_err(from_sqlite)?;
    let mut rows = select.query([version.0]).map_err(from_sqlite)?;
    let mut entities = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        entities.push(Entity {
            key: EntityKey(row.get(0).map_err(from_sqlite)?),
            document: row.get(1).map_err(from_sqlite)?,
        });
    }
    Ok(Some(StoredConfiguration { version, entities }))
}

fn commit(context: &mut WriteContext<'_>, change: &ConfigurationChange) -> Result<ConfigVersion> {
    let connection = context.connection;
    if present(connection)? != change.base {
        return Err(StoreError::Conflict);
    }
    let version = ConfigVersion(change.base.0 + 1);
    let count = |list: usize| u32::try_from(list).unwrap_or(u32::MAX);
    connection
        .prepare_cached(
            "INSERT INTO config_version (version, at, summary, put, deleted) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                version.0,
                change.at.micros(),
                change.summary,
                count(change.put.len()),
                count(change.delete.len())
            ])
        })
        .map_err(from_sqlite)?;
    for key in &change.delete {
        end(connection, key, version)?;
    }
    for entity in &change.put {
        end(connection, &entity.key, version)?;
        put(connection, entity, version)?;
    }
    for (buyer, amount) in &change.opening {
        open(context, *buyer, change.at, *amount)?;
    }
    for contract in &change.forgiven {
        contracts::forget_failures(connection, *contract)?;
    }
    outbox::put(context, &change.deliveries)?;
    alerts::raise(context, &change.alerts)?;
    Ok(version)
}

/// Gives a buyer what it has to begin with.
fn open(context: &mut WriteContext<'_>, buyer: BuyerId, at: Timestamp, amount: Money) -> Result<()> {
    if amount == Money::ZERO {
        return Ok(());
    }
    let connection = context.connection;
    ledger::append(connection, ledger::NO_LEAD, &[LedgerEntry::credit(at, buyer, amount)])?;
    context.memory.seen.note(connection, HistoryOf::Buyer(buyer).into()).map_err(from_sqlite)
}

/// The document in force ends with a version.
fn end(connection: &Connection, key: &EntityKey, version: ConfigVersion) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE entity SET version_to = ?2 WHERE key = ?1 AND version_to IS NULL AND version_from < ?2",
        )
        .and_then(|mut update| update.execute(params![key.0, version.0]))
        .map_err(from_sqlite)?;
    Ok(())
}

fn put(connection: &Connection, entity: &Entity, version: ConfigVersion) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO entity (key, version_from, document) VALUES (?1, ?2, ?3)")
        .and_then(|mut insert| insert.execute(params![entity.key.0, version.0, entity.document]))
        .map_err(from_sqlite)?;
    Ok(())
}

fn versions(connection: &Connection, page: &PageRequest) -> Result<Page<VersionInfo>> {
    let columns = "version, at, summary, put, deleted";
    Listing::new("config_version", "version").page(connection, page, columns, |row| {
        let version: i64 = row.get(0)?;
        let info = VersionInfo {
            version: ConfigVersion(version),
            at: moment(row.get(1)?),
            summary: row.get(2)?,
            put: row.get(3)?,
            deleted: row.get(4)?,
        };
        Ok((Ok(info), version))
    })
}
