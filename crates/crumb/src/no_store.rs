//! The network of a place where there is no store yet: none. For those who ask what a file
//! would make there, which must make nothing.

use crumb_domain::ConfigVersion;
use crumb_storage::configuration::{
    ConfigurationChange, EntityKey, HistoryOf, StoredConfiguration, VersionInfo,
};
use crumb_storage::{ConfigurationStore, Page, PageRequest, Result, StoreError};

/// No store: it holds no version and takes none.
#[derive(Debug, Clone, Copy)]
pub struct NoStore;

impl ConfigurationStore for NoStore {
    async fn present_version(&self) -> Result<ConfigVersion> {
        Ok(ConfigVersion(0))
    }

    async fn configuration(&self, _: Option<ConfigVersion>) -> Result<Option<StoredConfiguration>> {
        Ok(None)
    }

    async fn commit_configuration(&self, _: ConfigurationChange) -> Result<ConfigVersion> {
        Err(StoreError::Unavailable("there is none".to_owned()))
    }

    async fn versions(&self, _: PageRequest) -> Result<Page<VersionInfo>> {
        Ok(Page { data: Vec::new(), next: None, total: 0 })
    }

    async fn entity_history(&self, _: EntityKey) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn have_history(&self, of: Vec<HistoryOf>) -> Result<Vec<bool>> {
        Ok(vec![false; of.len()])
    }
}
