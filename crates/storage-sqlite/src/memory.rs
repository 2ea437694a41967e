//! What the writer remembers beside the file, and how it forgets what the file
//! took back.
//!
//! A write changes the file and this memory together. When a savepoint or the
//! whole transaction is rolled back, the memory goes back to the same moment;
//! when the transaction is committed, what it added is known from then on.

use crate::clicks::counts::Counts;
use crate::connection::SqliteOptions;
use crate::leads::recent::{self, Recent};
use crate::seen::Seen;
use crumb_storage::Result;
use rusqlite::Connection;

/// The writer's memory.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) seen: Seen,
    pub(crate) counts: Counts,
    pub(crate) recent: Recent,
}

/// A moment within a transaction to which the memory can go back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    seen: usize,
    counts: usize,
    recent: recent::Mark,
}

impl Memory {
    /// What a writer begins with on an opened file.
    pub(crate) fn load(connection: &Connection, options: &SqliteOptions) -> Result<Self> {
        Ok(Self { recent: Recent::load(connection, options.recent_leads)?, ..Self::default() })
    }

    /// Now.
    pub(crate) fn mark(&self) -> Mark {
        Mark { seen: self.seen.mark(), counts: self.counts.mark(), recent: self.recent.mark() }
    }

    /// Forgets what was added since: its savepoint was rolled back.
    pub(crate) fn forget_since(&mut self, mark: Mark) {
        self.seen.forget_since(mark.seen);
        self.counts.forget_since(mark.counts);
        self.recent.forget_since(mark.recent);
    }

    /// Forgets what the open transaction added: it was rolled back.
    pub(crate) fn forget_transaction(&mut self) {
        self.seen.forget_since(0);
        self.counts.forget_since(0);
        self.recent.forget_transaction();
    }

    /// Writes what was put off to the transaction's end, and what goes with it.
    pub(crate) fn finish(&mut self, connection: &Connection) -> Result<()> {
        self.counts.write(connection)?;
        self.recent.bring_in(connection)
    }

    /// The transaction is committed.
    pub(crate) fn committed(&mut self) {
        self.seen.committed();
        self.counts.committed();
        self.recent.committed();
    }

    /// Does what nobody waits for.
    pub(crate) fn after_answers(&mut self) {
        self.recent.begin_round();
    }
}
