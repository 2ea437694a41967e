//! A configuration store in memory.

use crumb_domain::selling::Alert;
use crumb_domain::{BuyerId, ConfigVersion, ContractId, Money};
use crumb_storage::configuration::{
    ConfigurationChange, Entity, EntityKey, HistoryOf, StoredConfiguration, VersionInfo,
};
use crumb_storage::{ConfigurationStore, Page, PageRequest, Result, StoreError};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    versions: Mutex<Vec<(VersionInfo, BTreeMap<EntityKey, Entity>)>>,
    documents: Mutex<Vec<(EntityKey, String)>>,
    /// What each change gave buyers to begin with.
    pub opened: Mutex<Vec<Vec<(BuyerId, Money)>>>,
    /// Alerts that were raised with each change, and contracts whose failures it forgot.
    pub told: Mutex<Vec<(Vec<Alert>, Vec<ContractId>)>>,
    /// What clicks and leads refer to.
    pub history: Mutex<HashSet<HistoryOf>>,
    /// Where questions about the past wait, once a test closed it.
    gate: Mutex<Option<Arc<Semaphore>>>,
}

impl MemoryStore {
    /// From now on clicks or leads refer to it.
    pub fn remember(&self, of: HistoryOf) {
        self.history.lock().unwrap().insert(of);
    }

    /// From now on questions about history wait for a permit each.
    pub fn close_history(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    pub fn count(&self) -> usize {
        self.versions.lock().unwrap().len()
    }

    pub fn entity(&self, key: &str) -> Option<Entity> {
        self.versions.lock().unwrap().last()?.1.get(&EntityKey(key.to_owned())).cloned()
    }

    pub fn last_change(&self) -> VersionInfo {
        self.versions.lock().unwrap().last().unwrap().0.clone()
    }
}

impl ConfigurationStore for MemoryStore {
    async fn present_version(&self) -> Result<ConfigVersion> {
        Ok(ConfigVersion(self.count() as i64))
    }

    async fn configuration(&self, version: Option<ConfigVersion>) -> Result<Option<StoredConfiguration>> {
        let versions = self.versions.lock().unwrap();
        let version = version.unwrap_or(ConfigVersion(versions.len() as i64));
        if version == ConfigVersion(0) {
            return Ok(Some(StoredConfiguration { version, entities: Vec::new() }));
        }
        let found = usize::try_from(version.0 - 1).ok().and_then(|index| versions.get(index));
        Ok(found.map(|(_, entities)| StoredConfiguration {
            version,
            entities: entities.values().cloned().collect(),
        }))
    }

    async fn commit_configuration(&self, change: ConfigurationChange) -> Result<ConfigVersion> {
        // Others get their turn here, as they would while a real store writes.
        tokio::task::yield_now().await;
        let mut versions = self.versions.lock().unwrap();
        if change.base != ConfigVersion(versions.len() as i64) {
            return Err(StoreError::Conflict);
        }
        let mut entities = versions.last().map(|(_, entities)| entities.clone()).unwrap_or_default();
        let version = ConfigVersion(versions.len() as i64 + 1);
        let info = VersionInfo {
            version,
            at: change.at,
            summary: change.summary,
            put: change.put.len() as u32,
            deleted: change.delete.len() as u32,
        };
        for key in change.delete {
            assert!(entities.remove(&key).is_some(), "{key:?} is deleted but not there");
        }
        for entity in change.put {
            self.documents.lock().unwrap().push((entity.key.clone(), entity.document.clone()));
            entities.insert(entity.key.clone(), entity);
        }
        self.opened.lock().unwrap().push(change.opening);
        self.told.lock().unwrap().push((change.alerts, change.forgiven));
        versions.push((info, entities));
        Ok(version)
    }

    async fn versions(&self, _page: PageRequest) -> Result<Page<VersionInfo>> {
        let data: Vec<_> = self.versions.lock().unwrap().iter().rev().map(|(info, _)| info.clone()).collect();
        let total = data.len() as u64;
        Ok(Page { data, next: None, total })
    }

    async fn entity_history(&self, key: EntityKey) -> Result<Vec<String>> {
        let documents = self.documents.lock().unwrap();
        Ok(documents.iter().filter(|(of, _)| *of == key).map(|(_, text)| text.clone()).collect())
    }

    async fn have_history(&self, of: Vec<HistoryOf>) -> Result<Vec<bool>> {
        let gate = self.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        let history = self.history.lock().unwrap();
        Ok(of.iter().map(|of| history.contains(of)).collect())
    }
}
