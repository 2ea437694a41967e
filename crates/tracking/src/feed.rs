//! What was recorded, as it is recorded: for pages that show it arriving.

use crumb_domain::click::Click;
use crumb_domain::conversion::Conversion;
use crumb_domain::lead::Lead;
use crumb_domain::outcome::Problem;
use crumb_domain::pixel::PixelCall;
use crumb_domain::post::PostKind;
use crumb_domain::{OfferId, RowId, Timestamp};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Events kept for a slow listener; it misses what is older.
const BACKLOG: usize = 1_024;

/// Something that was recorded. Sent only after it is on stable storage.
#[derive(Debug, Clone)]
pub enum Recorded {
    /// A click.
    Click(Arc<Click>),
    /// A new or changed lead.
    Lead(Arc<Lead>),
    /// A call of the conversion pixel, whatever became of it.
    Pixel(Arc<PixelCall>),
    /// A new or changed conversion that is no lead, or a lead's that a pixel or a person
    /// changed.
    Conversion(Arc<Conversion>),
    /// A post that made no lead.
    Rejection {
        /// Its place in the store.
        id: RowId,
        /// When.
        at: Timestamp,
        /// How it was posted.
        kind: PostKind,
        /// On what, where that was known.
        offer: Option<OfferId>,
        /// Why.
        problem: Problem,
        /// The texts that were answered.
        errors: Vec<String>,
    },
}

/// The channel of what is recorded.
#[derive(Debug)]
pub struct Feed {
    sender: broadcast::Sender<Recorded>,
}

impl Feed {
    /// A feed that nobody listens to yet.
    pub fn new() -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG) }
    }

    /// Whether anybody listens.
    pub fn is_heard(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Tells the listeners, if there are any; `make` is called only then.
    pub fn tell(&self, make: impl FnOnce() -> Recorded) {
        if self.sender.receiver_count() > 0 {
            // Nobody listens any more: that is no error of the recorder's.
            let _ = self.sender.send(make());
        }
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Recorded> {
        self.sender.subscribe()
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}
