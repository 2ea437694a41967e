//! Who is told of conversions: takes every postback at once, and keeps its id.
//!
//! It runs on a thread of its own, so that the load's work does not delay it.

use crumb_mock_buyer::{Answer, MockBuyers, Options};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Runtime;

/// The receiver, until it is dropped.
pub struct Receiver {
    buyers: MockBuyers,
    told: Arc<Mutex<HashSet<String>>>,
    runtime: Option<Runtime>,
}

impl Receiver {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// Where it cannot listen.
    pub fn start() -> anyhow::Result<Self> {
        let told: Arc<Mutex<HashSet<String>>> = Arc::default();
        let keeping = Arc::clone(&told);
        let options = Options::default().watcher(move |request| {
            let id = request.header("webhook-id").unwrap_or_default().to_owned();
            keeping.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (send, receive) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            // Whoever waits for it is there.
            let _ = send.send(MockBuyers::start_with(options).await);
        });
        let buyers = receive.recv()??;
        buyers.set("/postback", Answer::exactly("text/plain", "thanks"));
        Ok(Self { buyers, told, runtime: Some(runtime) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.buyers.address()
    }

    /// The ids of all postbacks that came.
    pub fn told(&self) -> HashSet<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // Dropped within another runtime, which must not be made to wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
