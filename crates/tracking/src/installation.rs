//! One running installation: what every service stands on.

use crate::double_tap::DoubleTaps;
use crate::feed::Feed;
use crate::geo::GeoDatabase;
use crumb_domain::request_id::{Node, RequestIdKey, RowIdSequence};
use crumb_domain::{Clock, RequestId, RowId, Timestamp};
use crumb_network::LiveNetwork;
use crumb_storage::{Store, StoreError};
use crumb_wire::cookie::CookieKey;
use std::sync::{Arc, Mutex, PoisonError};

/// Store, configuration, clock, keys and ids of one running server. The services
/// and the API share it behind an `Arc`.
pub struct Installation<S> {
    /// Where everything is kept.
    pub store: S,
    /// The configuration that decides now.
    pub network: LiveNetwork<S>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New row ids.
    pub rows: RowIds,
    /// What signs and names.
    pub keys: Keys,
    /// Countries of addresses, where a database is configured.
    pub geo: Option<GeoDatabase>,
    /// What was recorded, as it is recorded.
    pub feed: Feed,
    /// The recent clicks of which an equal one is a double tap.
    pub(crate) taps: DoubleTaps,
}

impl<S: Store + Clone> Installation<S> {
    /// Joins the parts; ids go on after the newest row that the store holds, and
    /// recent clicks are remembered, so that no visitor has to wait for either.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn new(
        store: S,
        network: LiveNetwork<S>,
        clock: Arc<dyn Clock>,
        keys: Keys,
        node: Node,
        geo: Option<GeoDatabase>,
    ) -> Result<Self, StoreError> {
        let newest = store.newest_row(node.number()).await?;
        let rows = RowIds::new(RowIdSequence::resume(node, clock.now(), newest), keys.request_ids.clone());
        let taps = DoubleTaps::recall(&store, &network.snapshot(), clock.now()).await?;
        Ok(Self { store, network, clock, rows, keys, geo, feed: Feed::new(), taps })
    }

    /// Chance: for keys, visitors' numbers and lead ids. The one place where the
    /// services take it from, so that none of them makes its own.
    #[expect(clippy::disallowed_methods, reason = "this is where randomness comes in")]
    pub fn random(&self) -> rand::rngs::ThreadRng {
        rand::rng()
    }

    /// The public name of a session or other row.
    ///
    /// Rows come from [`RowIds`], which skips the one without a name; 1 stands in
    /// for it where a foreign row is shown.
    pub fn request_id(&self, row: RowId) -> Option<RequestId> {
        self.keys.request_ids.request_id(row)
    }
}

/// The secrets of an installation, each derived from its key file for one use.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Between row ids and request ids.
    pub request_ids: RequestIdKey,
    /// Signs cookies.
    pub cookies: CookieKey,
    /// Signs the addresses of shared posting documents.
    pub shares: ShareKey,
}

/// Signs the addresses of shared posting documents.
#[derive(Clone)]
pub struct ShareKey(pub [u8; 32]);

impl std::fmt::Debug for ShareKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShareKey(…)")
    }
}

impl Keys {
    /// Derives each key from the installation's secret, so that knowing one says
    /// nothing about another.
    pub fn derive(secret: &[u8; 32]) -> Self {
        Self {
            request_ids: RequestIdKey::new(&derive(secret, b"request ids")),
            cookies: CookieKey::new(derive(secret, b"cookies")),
            shares: ShareKey(derive(secret, b"shared documents")),
        }
    }
}

fn derive(secret: &[u8; 32], use_of_it: &[u8]) -> [u8; 32] {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    // HMAC takes a key of any length, so this cannot fail.
    let Ok(mut mac) = Hmac::<sha2::Sha256>::new_from_slice(secret) else { return *secret };
    mac.update(b"crumb ");
    mac.update(use_of_it);
    mac.finalize().into_bytes().into()
}

/// The source of row ids: one sequence behind a short lock.
#[derive(Debug)]
pub struct RowIds {
    sequence: Mutex<RowIdSequence>,
    names: RequestIdKey,
}

impl RowIds {
    fn new(sequence: RowIdSequence, names: RequestIdKey) -> Self {
        Self { sequence: Mutex::new(sequence), names }
    }

    /// The next row id and its public name.
    pub fn next(&self, now: Timestamp) -> (RowId, RequestId) {
        let mut sequence = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let row = sequence.next(now);
            if let Some(name) = self.names.request_id(row) {
                return (row, name);
            }
        }
    }
}
