//! Where the time comes from.

use crate::Timestamp;

/// A source of the present moment. The binary gives the system's clock, tests a
/// clock that stands still until it is moved.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// By how many seconds it was shifted on purpose, for rehearsals; 0 = right.
    fn offset_seconds(&self) -> i64 {
        0
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn offset_seconds(&self) -> i64 {
        (**self).offset_seconds()
    }
}
