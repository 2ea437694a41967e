//! Selling: from a lead that is in hand to one that is settled.
//!
//! A lead comes into hand within the request that posted it (host-n-post) or from the
//! queue (hosted, and what waits). `run` takes it through the contracts of its
//! vertical, which the pure machine of `crumb_routing` decides; `standing` says where
//! it stands then; one write settles it. `quote` asks for prices only. What is not known by then is settled by
//! `held`; what people do is `actions`.

mod asking;
mod breakers;
pub mod held;
mod market;
mod queue;
pub(crate) mod quote;
mod record;
mod run;
pub(crate) mod settle;
mod standing;

pub use breakers::{OPEN_SECONDS, TIMEOUTS_TO_OPEN};
pub use record::is_replayable;

use crumb_delivery::Courier;
use crumb_domain::Timestamp;
use crumb_network::{CompiledOffer, Snapshot};
use crumb_storage::Store;
use crumb_tracking::Installation;
use std::sync::Arc;
use tokio::sync::{Mutex, Notify};

/// What sells leads. One for a server, shared by the posts and the queue.
pub struct Selling<S> {
    site: Arc<Installation<S>>,
    courier: Courier,
    markets: market::Markets,
    breakers: breakers::Breakers,
    /// When held posts were looked at last; one look at a time.
    held_looked_at: Mutex<Timestamp>,
    /// Something waits in the queue that did not before.
    queued: Notify,
    /// A lead in hand was settled: its idempotency key may have its answer.
    pub(crate) settled: Notify,
}

impl<S: Store + Clone> Selling<S> {
    /// What sells the leads of an installation.
    pub fn new(site: Arc<Installation<S>>, courier: Courier) -> Self {
        Self {
            site,
            courier,
            markets: market::Markets::default(),
            breakers: breakers::Breakers::default(),
            // What fell due while nobody looked is asked at the first look.
            held_looked_at: Mutex::new(Timestamp::from_micros(i64::MIN)),
            queued: Notify::new(),
            settled: Notify::new(),
        }
    }

    /// Whether anybody may buy an offer's leads.
    pub(crate) fn has_contracts(&self, snapshot: &Snapshot, offer: &CompiledOffer) -> bool {
        self.markets.of(snapshot).has_contracts(offer.vertical().id)
    }
}
