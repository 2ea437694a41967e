//! Selling: from a lead that is in hand to one that is settled.
//!
//! A lead comes into hand within the request that posted it (host-n-post) or from the
//! queue (hosted, and what waits). `run` takes it through the contracts of its vertical,
//! which the pure machine of `crumb_routing` decides; `standing` says where it stands then;
//! one write settles it, with what `becoming` a conversion brings, or is repeated by `unsettled` until the store takes it. What is
//! not known by then is settled by `held`, what a crash left by `recovering`; what people do is `actions`. What panics on the
//! way is ended by `supervised`. `quote` asks for prices only, for a lead to come.
//!
//! What comes after a sale is `returns` and `statuses`, which change a lead by `after_sale`,
//! and `credit`, a buyer's money beside its leads. What was sold, and to whom it would be by
//! another network, `replaying` tells. What a person should look at is `alerts`; whether
//! buyers can be talked to, `soundness` and `findings` say, and `trial` tries.

pub mod actions;
pub mod after_sale;
mod alerts;
mod asking;
pub(crate) mod becoming;
mod breakers;
mod broken_off;
mod concerned;
pub mod credit;
pub mod findings;
pub mod held;
mod market;
mod observer;
mod queue;
pub(crate) mod quote;
mod record;
mod recovering;
pub mod replaying;
pub mod returns;
mod run;
pub(crate) mod settle;
pub mod settled_posts;
mod soundness;
pub(crate) mod standing;
pub mod statuses;
pub(crate) mod supervised;
pub mod timeline;
mod trial;
pub(crate) mod tries;
pub(crate) mod unsettled;
pub(crate) mod webhooks;

pub use breakers::TIMEOUTS_TO_OPEN;
pub use observer::{AskedEnd, SellingObserver};
pub use record::is_replayable;
pub use soundness::contract_faults;
pub use supervised::BrokenOff;
pub use trial::{Trial, TrialError, Tried};
pub use tries::InHand;

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
    told: observer::Told,
    /// When held posts were looked at last; one look at a time.
    held_looked_at: Mutex<Timestamp>,
    /// What the store could not take.
    unsettled: unsettled::Unsettled,
    /// Something waits in the queue that did not before.
    queued: Notify,
}

impl<S: Store + Clone> Selling<S> {
    /// What sells the leads of an installation.
    pub fn new(site: Arc<Installation<S>>, courier: Courier) -> Self {
        Self {
            site,
            courier,
            markets: market::Markets::default(),
            breakers: breakers::Breakers::default(),
            told: observer::Told::default(),
            // What fell due while nobody looked is asked at the first look.
            held_looked_at: Mutex::new(Timestamp::from_micros(i64::MIN)),
            unsettled: unsettled::Unsettled::default(),
            queued: Notify::new(),
        }
    }

    /// With somebody who counts what happens.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn SellingObserver>) -> Self {
        Self { told: observer::Told::to(observer), ..self }
    }

    /// How many buyers are skipped now, because their last answers timed out.
    pub fn skipped_buyers(&self) -> usize {
        self.breakers.count_open()
    }

    /// Whether anybody may buy an offer's leads.
    pub(crate) fn has_contracts(&self, snapshot: &Snapshot, offer: &CompiledOffer) -> bool {
        self.markets.of(snapshot).has_contracts(offer.vertical().id)
    }
}
