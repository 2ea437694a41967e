//! What a store must fulfil.
//!
//! The services above speak to these traits only. A store keeps five promises:
//!
//! 1. **Acknowledged means stored.** A write's future resolves to `Ok` only after
//!    the record is on stable storage (fsync). An `Err` means that nothing of
//!    that write was kept.
//! 2. **A write is whole.** Each method is one transaction; a write that breaks a
//!    rule of the store harms no neighbour that shares its commit.
//! 3. **Reads see acknowledged writes**, from a consistent snapshot.
//! 4. **Checks and effects are one.** Duplicates, caps, idempotency keys and
//!    revisions are decided where the write is serialised, not before.
//! 5. **A store that cannot write says so** with [`StoreError::Unavailable`].
//!
//! How to add a method: put it into the trait of its room with its promise in the
//! comment, write its case in the `contract` module, then implement it in each store.

pub mod access;
pub mod after_sale;
pub mod alerts;
pub mod clicks;
pub mod configuration;
#[cfg(feature = "contract")]
pub mod contract;
pub mod conversions;
pub mod error;
pub mod lead_search;
pub mod leads;
pub mod outbox;
pub mod paging;
pub mod retention;
pub mod selling;

pub use access::AccessStore;
pub use after_sale::AfterSaleStore;
pub use alerts::AlertStore;
pub use clicks::ClickStore;
pub use configuration::ConfigurationStore;
pub use conversions::ConversionStore;
pub use error::StoreError;
pub use leads::LeadStore;
pub use outbox::OutboxStore;
pub use paging::{Cursor, Page, PageRequest};
pub use retention::RetentionStore;
pub use selling::SellingStore;

/// All that the server needs of a store.
pub trait Store:
    ClickStore
    + LeadStore
    + SellingStore
    + AfterSaleStore
    + AlertStore
    + OutboxStore
    + ConversionStore
    + RetentionStore
    + ConfigurationStore
    + AccessStore
    + Send
    + Sync
    + 'static
{
    /// Whether writes can be expected to succeed now: what `/readyz` says. A
    /// store that failed to write is asked to try a small write here, so that it
    /// recovers once the disk has room again.
    fn ready(&self) -> impl Future<Output = Result<()>> + Send;
}

/// What every method answers.
pub type Result<T> = std::result::Result<T, StoreError>;
