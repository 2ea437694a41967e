//! The rules of the network file, each as a test.

mod apply;
mod beside;
mod contract_check;
mod defaults;
mod export;
mod faults;
mod field_ids;
mod keys;
mod lookups;
mod prune;
mod server;
mod store;
mod text;
mod webhooks;

use crate::error::{FileError, NetworkError};
use crate::{FileFormat, LiveNetwork, Secrets, parse};
use crumb_domain::Timestamp;
use crumb_domain::network::Network;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::sync::Arc;
use store::MemoryStore;

/// Every key of the network file, in a consistent network, as people read it.
pub(super) const EXAMPLE: &str = include_str!("../../../../docs/network.toml");

pub(super) const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

pub(super) fn rng() -> StdRng {
    StdRng::seed_from_u64(7)
}

pub(super) fn toml(text: &str) -> Network {
    parse(text, FileFormat::Toml).unwrap()
}

pub(super) fn example() -> Network {
    toml(EXAMPLE)
}

/// The example with one text replaced: what a writer would have edited.
pub(super) fn edited(from: &str, to: &str) -> Network {
    assert!(EXAMPLE.contains(from), "the example has {from:?}");
    toml(&EXAMPLE.replacen(from, to, 1))
}

pub(super) type Live = LiveNetwork<Arc<MemoryStore>>;

/// A network without anything in it.
pub(super) async fn empty() -> (Live, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    (LiveNetwork::load(store.clone()).await.unwrap(), store)
}

/// A network that is the example.
pub(super) async fn running() -> (Live, Arc<MemoryStore>) {
    let (live, store) = empty().await;
    apply(&live, example()).await;
    (live, store)
}

pub(super) async fn apply(live: &Live, file: Network) -> crate::Applied {
    live.apply(file, false, NOW, &mut rng()).await.unwrap()
}

/// The lines of a plan.
pub(super) async fn planned(live: &Live, file: &Network, prune: bool) -> Vec<String> {
    live.plan(file, prune, Secrets::Masked).await.unwrap().lines.iter().map(ToString::to_string).collect()
}

/// The faults of a file, as they are printed.
pub(super) async fn faults(live: &Live, file: &Network) -> Vec<String> {
    match live.plan(file, false, Secrets::Masked).await {
        Err(NetworkError::Invalid(errors)) => printed(&errors),
        other => panic!("not refused: {other:?}"),
    }
}

pub(super) fn printed(errors: &[FileError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}
