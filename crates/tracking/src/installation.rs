//! One running installation: what every service stands on.

use crate::double_tap::DoubleTaps;
use crate::feed::Feed;
use crate::geo::GeoDatabase;
use crate::webhooks;
use crumb_domain::keyed_hash::{HASH_BYTES, KeyedHash};
use crumb_domain::pings::PingLimits;
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
    pub rows: Arc<RowIds>,
    /// What signs and names.
    pub keys: Keys,
    /// Countries of addresses, where a database is configured.
    pub geo: Option<GeoDatabase>,
    /// What was recorded, as it is recorded.
    pub feed: Feed,
    /// How far sellers may go with pings.
    pub pings: PingLimits,
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
        let sequence = RowIdSequence::resume(node, clock.now(), newest);
        let rows = Arc::new(RowIds::new(sequence, keys.request_ids.clone()));
        let network = network.telling_of_switched_off(webhooks::switched_off(Arc::clone(&rows)));
        let taps = DoubleTaps::recall(&store, &network.snapshot(), clock.now()).await?;
        Ok(Self {
            store,
            network,
            clock,
            rows,
            keys,
            geo,
            feed: Feed::new(),
            pings: PingLimits::DEFAULT,
            taps,
        })
    }

    /// The same with other limits of pings than the default ones.
    pub fn limiting_pings(self, pings: PingLimits) -> Self {
        Self { pings, ..self }
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
    pub fn derive(secret: &[u8; HASH_BYTES]) -> Self {
        let secret = KeyedHash::new(secret);
        let of = |use_of_it: &[u8]| secret.digest(&[b"crumb ", use_of_it]);
        Self {
            request_ids: RequestIdKey::new(&of(b"request ids")),
            cookies: CookieKey::new(of(b"cookies")),
            shares: ShareKey(of(b"shared documents")),
        }
    }
}

/// The source of row ids: one sequence behind a short lock.
#[derive(Debug)]
pub struct RowIds {
    sequence: Mutex<RowIdSequence>,
    names: RequestIdKey,
    /// The one that has no name and is never given out.
    unnamed: Option<RowId>,
}

impl RowIds {
    pub(crate) fn new(sequence: RowIdSequence, names: RequestIdKey) -> Self {
        let unnamed = names.unnamed_row();
        Self { sequence: Mutex::new(sequence), names, unnamed }
    }

    /// The next row id, one that has a public name.
    pub fn next(&self, now: Timestamp) -> RowId {
        let mut sequence = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let row = sequence.next(now);
            if Some(row) != self.unnamed {
                return row;
            }
        }
    }

    /// As [`RowIds::next`], with its public name. To work that out takes as long as all else.
    pub fn next_named(&self, now: Timestamp) -> (RowId, RequestId) {
        loop {
            let row = self.next(now);
            if let Some(name) = self.names.request_id(row) {
                return (row, name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_a_name_is_not_given_out() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let sequence = || RowIdSequence::resume(Node::new(0).unwrap(), now, None);
        let (first, second) = (sequence().next(now), RowId::from_i64(sequence().next(now).as_i64() + 1));
        let rows = RowIds::new(sequence(), Keys::derive(&[7; HASH_BYTES]).request_ids);
        let rows = RowIds { unnamed: Some(first), ..rows };
        assert_eq!(Some(rows.next(now)), second);
    }

    #[test]
    fn keys_of_an_installation_stay_what_they_were_and_differ() {
        let keys = Keys::derive(&[7; HASH_BYTES]);
        let bytes = |hex: &str| -> [u8; HASH_BYTES] {
            let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            bytes.collect::<Vec<u8>>().try_into().unwrap()
        };
        let of_request_ids = "d14b3ed04ae39d320b66b945932874be5fc126c4c55c2f843f0bed9aa264bb63";
        let of_cookies = "3db16300a12f0fb5a91e01da5b35d704c161c028a42239faad0004872ee00518";
        let of_shares = "21503288ac9c033ad5296d0d75b29362fd89a5b6d514e940696a10d04e8e4571";
        let named = |key: &RequestIdKey| key.request_id(RowId::from_i64(5).unwrap());
        assert_eq!(named(&keys.request_ids), named(&RequestIdKey::new(&bytes(of_request_ids))));
        let set =
            |key: &CookieKey| crumb_wire::cookie::set_visitor(key, crumb_domain::click::VisitorId(1), true);
        assert_eq!(set(&keys.cookies), set(&CookieKey::new(bytes(of_cookies))));
        assert_eq!(keys.shares.0, bytes(of_shares));
    }
}
