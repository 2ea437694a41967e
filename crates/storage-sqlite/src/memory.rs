//! What the writer remembers beside the file, and how it forgets what the file
//! took back.
//!
//! A write changes the file and this memory together. When a savepoint or the
//! whole transaction is rolled back, the memory goes back to the same moment;
//! when the transaction is committed, what it added is known from then on.

use crate::clicks::counts::Counts;
use crate::seen::Seen;
use crumb_storage::Result;
use rusqlite::Connection;

/// The writer's memory.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) seen: Seen,
    pub(crate) counts: Counts,
}

/// A moment within a transaction to which the memory can go back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    seen: usize,
    counts: usize,
}

impl Memory {
    /// Now.
    pub(crate) fn mark(&self) -> Mark {
        Mark { seen: self.seen.mark(), counts: self.counts.mark() }
    }

    /// Forgets what was added since: its savepoint was rolled back.
    pub(crate) fn forget_since(&mut self, mark: Mark) {
        self.seen.forget_since(mark.seen);
        self.counts.forget_since(mark.counts);
    }

    /// Forgets what the open transaction added: it was rolled back.
    pub(crate) fn forget_transaction(&mut self) {
        self.forget_since(Mark { seen: 0, counts: 0 });
    }

    /// Writes what was put off to the transaction's end.
    pub(crate) fn finish(&mut self, connection: &Connection) -> Result<()> {
        self.counts.write(connection)
    }

    /// The transaction is committed.
    pub(crate) fn committed(&mut self) {
        self.seen.committed();
        self.counts.committed();
    }
}
