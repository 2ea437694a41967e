//! What can go wrong with a store.

/// A failed read or write. Nothing of a failed write was kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be written or read now: the disk is full, the file is
    /// locked or damaged, the connection is gone. Callers answer 503.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// The queue of writes is full. Callers answer 503.
    #[error("the store has {0} writes waiting and takes no more for now")]
    Overloaded(usize),
    /// The write rests on a state that has changed since. Callers read again.
    #[error("changed by somebody else in the meantime")]
    Conflict,
    /// What is stored cannot be understood: a fault of the program or of the file.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
}
