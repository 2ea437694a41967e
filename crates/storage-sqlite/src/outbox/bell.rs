//! Tells the worker of the outbox that deliveries were written, once they are committed.

use std::sync::Arc;
use tokio::sync::Notify;

/// The writer's end of it.
#[derive(Default)]
pub(crate) struct Bell {
    is_pulled: bool,
    rings: Arc<Notify>,
}

impl Bell {
    /// The open transaction writes deliveries. If it fails the bell rings for nothing.
    pub(crate) fn pull(&mut self) {
        self.is_pulled = true;
    }

    /// The transaction is committed.
    pub(crate) fn committed(&mut self) {
        if std::mem::take(&mut self.is_pulled) {
            self.rings.notify_one();
        }
    }

    /// What rings.
    pub(crate) fn rings(&self) -> Arc<Notify> {
        Arc::clone(&self.rings)
    }
}
