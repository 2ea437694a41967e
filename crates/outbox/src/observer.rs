//! Whoever counts what happens.

use crumb_domain::delivery::DeliveryKind;

/// Whoever counts attempts. Called on the way of each: it must be quick, and must not wait.
pub trait OutboxObserver: Send + Sync {
    /// An attempt ended, and its end is stored.
    fn attempted(&self, kind: DeliveryKind, end: AttemptEnd);
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The receiver has it.
    Delivered,
    /// It is tried again.
    Failed,
    /// It was the last.
    Parked,
}

impl AttemptEnd {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Delivered, Self::Failed, Self::Parked];

    /// The stable code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Parked => "parked",
        }
    }
}

/// Counts nothing.
#[derive(Debug, Clone, Copy)]
pub struct NobodyCounts;

impl OutboxObserver for NobodyCounts {
    fn attempted(&self, _: DeliveryKind, _: AttemptEnd) {}
}
