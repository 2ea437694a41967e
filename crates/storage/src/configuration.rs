//! The network's versions.
//!
//! An entity is a document (JSON text) under a key. A version is a change of some
//! entities; what it does not touch lives on. Each document is kept with the
//! versions between which it was in force, so that any version can be read again
//! while a small change costs a small write.

use crate::outbox::NewDelivery;
use crate::{Page, PageRequest, Result};
use crumb_domain::selling::Alert;
use crumb_domain::{
    AffiliateId, BuyerId, CampaignId, ConfigVersion, ContractId, CreativeId, EventId, Money, OfferId,
    Timestamp,
};

/// Names an entity: `network`, `offer:100`, `campaign:57`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityKey(pub String);

/// An entity's document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Its key.
    pub key: EntityKey,
    /// JSON text.
    pub document: String,
}

/// A change of the configuration: kept whole or not at all.
#[derive(Debug, Clone)]
pub struct ConfigurationChange {
    /// The version it was planned on; another present version is a conflict.
    pub base: ConfigVersion,
    /// When.
    pub at: Timestamp,
    /// For people: "apply network.toml", "campaign 1000001 made for affiliate 12".
    pub summary: String,
    /// Entities made or replaced.
    pub put: Vec<Entity>,
    /// Entities that end.
    pub delete: Vec<EntityKey>,
    /// What buyers that become prepaid by this have to begin with.
    pub opening: Vec<(BuyerId, Money)>,
    /// Contracts that buy again: how their last posts went is forgotten, so that no single
    /// further failure takes them out of service.
    pub forgiven: Vec<ContractId>,
    /// Who is to be told of it.
    pub deliveries: Vec<NewDelivery>,
    /// What a person should look at.
    pub alerts: Vec<Alert>,
}

/// All entities of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConfiguration {
    /// Which version; 0 with no entities where nothing was ever applied.
    pub version: ConfigVersion,
    /// Ordered by key.
    pub entities: Vec<Entity>,
}

/// A line of the list of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionInfo {
    /// Which.
    pub version: ConfigVersion,
    /// When.
    pub at: Timestamp,
    /// What.
    pub summary: String,
    /// Entities made or replaced.
    pub put: u32,
    /// Entities that ended.
    pub deleted: u32,
}

/// Something that clicks, posts, leads or sales may refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HistoryOf {
    /// A creative with clicks.
    Creative(CreativeId),
    /// A campaign with clicks or leads.
    Campaign(CampaignId),
    /// An affiliate with clicks or leads.
    Affiliate(AffiliateId),
    /// An offer with clicks or leads.
    Offer(OfferId),
    /// A buyer's contract that leads were offered by.
    Contract(ContractId),
    /// A buyer that leads were sent to, or that paid.
    Buyer(BuyerId),
    /// An offer's event with conversions, those that leads are among them.
    Event(OfferId, EventId),
    /// The ledger, once it has an entry.
    Ledger,
}

/// The store of the configuration.
pub trait ConfigurationStore {
    /// The present version, or 0.
    fn present_version(&self) -> impl Future<Output = Result<ConfigVersion>> + Send;

    /// All entities of a version (the present one for `None`); `None` where there
    /// is no such version.
    fn configuration(
        &self,
        version: Option<ConfigVersion>,
    ) -> impl Future<Output = Result<Option<StoredConfiguration>>> + Send;

    /// Makes the next version. [`crate::StoreError::Conflict`] where the present
    /// one is no longer `base`. An opening balance is an entry of the ledger, made with
    /// it, and history of its buyer.
    fn commit_configuration(
        &self,
        change: ConfigurationChange,
    ) -> impl Future<Output = Result<ConfigVersion>> + Send;

    /// Versions, newest first.
    fn versions(&self, page: PageRequest) -> impl Future<Output = Result<Page<VersionInfo>>> + Send;

    /// Every document that an entity ever had, oldest first.
    fn entity_history(&self, key: EntityKey) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// Which of these clicks, posts, leads or sales refer to, in the same order.
    fn have_history(&self, of: Vec<HistoryOf>) -> impl Future<Output = Result<Vec<bool>>> + Send;
}

impl<S: ConfigurationStore + Send + Sync + ?Sized> ConfigurationStore for std::sync::Arc<S> {
    fn present_version(&self) -> impl Future<Output = Result<ConfigVersion>> + Send {
        (**self).present_version()
    }

    fn configuration(
        &self,
        version: Option<ConfigVersion>,
    ) -> impl Future<Output = Result<Option<StoredConfiguration>>> + Send {
        (**self).configuration(version)
    }

    fn commit_configuration(
        &self,
        change: ConfigurationChange,
    ) -> impl Future<Output = Result<ConfigVersion>> + Send {
        (**self).commit_configuration(change)
    }

    fn versions(&self, page: PageRequest) -> impl Future<Output = Result<Page<VersionInfo>>> + Send {
        (**self).versions(page)
    }

    fn entity_history(&self, key: EntityKey) -> impl Future<Output = Result<Vec<String>>> + Send {
        (**self).entity_history(key)
    }

    fn have_history(&self, of: Vec<HistoryOf>) -> impl Future<Output = Result<Vec<bool>>> + Send {
        (**self).have_history(of)
    }
}
