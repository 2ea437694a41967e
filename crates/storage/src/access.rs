//! API keys and shared documents.

use crate::Result;
use crumb_domain::Timestamp;

/// An API key as it is kept: never the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// What its maker calls it; unique among keys that are not revoked.
    pub name: String,
    /// `admin`, `manager`, `reader`, `affiliate:12`, `buyer:5`.
    pub role: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ended, if it has.
    pub revoked_at: Option<Timestamp>,
}

/// A posting document that was given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Random, part of the signed address.
    pub id: String,
    /// JSON text: of what, and with which method chosen.
    pub subject: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was ended by hand, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// The store of who may see what.
pub trait AccessStore {
    /// Keeps a key. [`crate::StoreError::Conflict`] where a key that is not
    /// revoked has its name.
    fn create_api_key(&self, key: ApiKey) -> impl Future<Output = Result<()>> + Send;

    /// The key of that hash, revoked or not.
    fn api_key(&self, hash: [u8; 32]) -> impl Future<Output = Result<Option<ApiKey>>> + Send;

    /// All keys, oldest first.
    fn api_keys(&self) -> impl Future<Output = Result<Vec<ApiKey>>> + Send;

    /// Ends the key of that name; false where there is none.
    fn revoke_api_key(&self, name: String, at: Timestamp) -> impl Future<Output = Result<bool>> + Send;

    /// Keeps a share.
    fn create_share(&self, share: Share) -> impl Future<Output = Result<()>> + Send;

    /// The share of that id.
    fn share(&self, id: String) -> impl Future<Output = Result<Option<Share>>> + Send;

    /// Ends a share; false where there is none.
    fn revoke_share(&self, id: String, at: Timestamp) -> impl Future<Output = Result<bool>> + Send;
}
