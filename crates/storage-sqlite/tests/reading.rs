//! A file that one process writes to and another only reads.

use crumb_domain::ConfigVersion;
use crumb_domain::Timestamp;
use crumb_storage::configuration::{ConfigurationChange, Entity, EntityKey};
use crumb_storage::{ConfigurationStore as _, Store as _, StoreError};
use crumb_storage_sqlite::{SqliteOptions, SqliteStore};

fn change(base: i64) -> ConfigurationChange {
    ConfigurationChange {
        base: ConfigVersion(base),
        at: Timestamp::from_micros(1),
        summary: "a change".to_owned(),
        put: vec![Entity { key: EntityKey("network".to_owned()), document: format!("{{\"n\":{base}}}") }],
        delete: Vec::new(),
        opening: Vec::new(),
        forgiven: Vec::new(),
        deliveries: Vec::new(),
        alerts: Vec::new(),
    }
}

#[tokio::test]
async fn a_store_is_read_beside_its_writer_and_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crumb.db");
    let writer = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    writer.commit_configuration(change(0)).await.unwrap();
    let reader = SqliteStore::open_to_read(&path, SqliteOptions::default()).unwrap();
    assert_eq!(reader.present_version().await, Ok(ConfigVersion(1)));
    writer.commit_configuration(change(1)).await.unwrap();
    assert_eq!(reader.present_version().await, Ok(ConfigVersion(2)), "what is committed is seen");
    let refused = reader.commit_configuration(change(2)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(reader.ready().await.is_err());
    writer.commit_configuration(change(2)).await.unwrap();
    drop(writer);
    assert_eq!(reader.present_version().await, Ok(ConfigVersion(3)));
    drop(reader);
    let alone = SqliteStore::open_to_read(&path, SqliteOptions::default()).unwrap();
    assert_eq!(alone.present_version().await, Ok(ConfigVersion(3)));
    // Who only reads keeps nobody from writing.
    let writer = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    writer.commit_configuration(change(3)).await.unwrap();
    assert_eq!(alone.present_version().await, Ok(ConfigVersion(4)));
}

#[tokio::test]
async fn who_only_reads_makes_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crumb.db");
    assert!(SqliteStore::open_to_read(&path, SqliteOptions::default()).is_err());
    std::fs::write(&path, "").unwrap();
    assert!(SqliteStore::open_to_read(&path, SqliteOptions::default()).is_err());
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
}
