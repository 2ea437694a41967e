//! From a host's name to its addresses.

use quick_cache::sync::Cache;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long addresses are used without asking again: long enough that a burst of
/// leads asks once, short enough to follow a buyer that moves.
pub const ADDRESSES_LIVE: Duration = Duration::from_secs(30);
/// Hosts whose addresses are kept: more than a network has buyers.
pub const MAX_CACHED_HOSTS: usize = 1_024;
/// Addresses used of a name: more are not tried within a call's time.
pub const MAX_ADDRESSES: usize = 8;

/// What [`Resolve::resolve`] gives.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Where addresses come from.
pub trait Resolve: Send + Sync {
    /// A host's addresses, the preferred ones first. Called for names only.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            // The port is not looked at; the call needs one.
            Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
        })
    }
}

/// A resolver whose answers are kept for a moment. Calls for the same name at the
/// same moment ask once; a failure is not kept.
pub(super) struct CachedResolver {
    resolver: Arc<dyn Resolve>,
    kept: Cache<String, Kept>,
}

#[derive(Clone)]
struct Kept {
    until: Instant,
    addresses: Arc<[IpAddr]>,
}

impl CachedResolver {
    pub(super) fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, kept: Cache::new(MAX_CACHED_HOSTS) }
    }

    /// At most [`MAX_ADDRESSES`], at least one.
    pub(super) async fn resolve(&self, host: &str) -> io::Result<Arc<[IpAddr]>> {
        loop {
            let guard = match self.kept.get_value_or_guard_async(host).await {
                Ok(kept) if kept.until > super::now() => return Ok(kept.addresses),
                Ok(stale) => {
                    self.kept.remove_if(host, |kept| kept.until == stale.until);
                    continue;
                }
                Err(guard) => guard,
            };
            let addresses: Arc<[IpAddr]> =
                self.resolver.resolve(host).await?.into_iter().take(MAX_ADDRESSES).collect();
            if addresses.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
            }
            let kept = Kept { until: super::now() + ADDRESSES_LIVE, addresses: Arc::clone(&addresses) };
            // It fails only where the entry was removed meanwhile: then it is not kept.
            let _ = guard.insert(kept);
            return Ok(addresses);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Resolve for Counting {
        fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
            Box::pin(async move {
                let asked = self.0.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                match host {
                    "fails.test" if asked == 0 => Err(io::Error::other("no such name")),
                    "empty.test" => Ok(vec![]),
                    "many.test" => Ok((0..20).map(|n| IpAddr::from([192, 0, 2, n])).collect()),
                    _ => Ok(vec![IpAddr::from([192, 0, 2, 1])]),
                }
            })
        }
    }

    fn counting() -> (Arc<Counting>, CachedResolver) {
        let counting = Arc::new(Counting::default());
        (Arc::clone(&counting), CachedResolver::new(counting))
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_kept_for_a_moment() {
        let (asked, resolver) = counting();
        for _ in 0..3 {
            assert_eq!(resolver.resolve("a.test").await.unwrap().len(), 1);
        }
        assert_eq!(asked.0.load(Ordering::Relaxed), 1);
        tokio::time::advance(ADDRESSES_LIVE).await;
        resolver.resolve("a.test").await.unwrap();
        assert_eq!(asked.0.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn calls_at_the_same_moment_ask_once() {
        let (asked, resolver) = counting();
        let resolver = Arc::new(resolver);
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let resolver = Arc::clone(&resolver);
            calls.spawn(async move { resolver.resolve("a.test").await.is_ok() });
        }
        assert!(calls.join_all().await.into_iter().all(|found| found));
        assert_eq!(asked.0.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let (_, resolver) = counting();
        assert!(resolver.resolve("fails.test").await.is_err());
        assert!(resolver.resolve("fails.test").await.is_ok());
    }

    #[tokio::test]
    async fn a_name_has_at_least_one_address_and_eight_are_used() {
        let (_, resolver) = counting();
        assert!(resolver.resolve("empty.test").await.is_err());
        assert_eq!(resolver.resolve("many.test").await.unwrap().len(), MAX_ADDRESSES);
    }
}
