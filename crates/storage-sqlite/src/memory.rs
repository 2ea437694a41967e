//! What the writer remembers beside the file, and how it forgets what the file
//! took back.
//!
//! A write changes the file and this memory together. When a savepoint or the
//! whole transaction is rolled back, the memory goes back to the same moment;
//! when the transaction is committed, what it added is known from then on.

use crate::clicks::charges::Charges;
use crate::clicks::counts::Counts;
use crate::clicks::sessions::{Changes, Generation, Sessions};
use crate::connection::SqliteOptions;
use crate::leads::recent::{self, Recent};
use crate::outbox::bell::Bell;
use crate::seen::Seen;
use crate::sub_affiliates::SubAffiliates;
use crumb_domain::click::Click;
use crumb_storage::Result;
use crumb_storage::alerts::AlertToldFn;
use rusqlite::Connection;
use std::sync::{Arc, OnceLock};

/// The writer's memory.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) seen: Seen,
    pub(crate) sub_affiliates: SubAffiliates,
    pub(crate) counts: Counts,
    pub(crate) charges: Charges,
    pub(crate) recent: Recent,
    pub(crate) outbox: Bell,
    /// Who is told of new alerts.
    pub(crate) alerts_told: Arc<OnceLock<AlertToldFn>>,
    /// What the open transaction does to sessions.
    pub(crate) session_changes: Changes,
    /// Sessions that readers find without the file.
    pub(crate) sessions: Arc<Sessions>,
    /// Sessions that are kept no more.
    forgotten: Vec<Generation>,
}

/// A moment within a transaction to which the memory can go back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    seen: usize,
    sub_affiliates: usize,
    counts: usize,
    charges: usize,
    recent: recent::Mark,
    session_changes: usize,
}

impl Memory {
    /// What a writer begins with on an opened file.
    pub(crate) fn load(connection: &Connection, options: &SqliteOptions) -> Result<Self> {
        Ok(Self {
            sub_affiliates: SubAffiliates::new(options.sub_affiliates),
            counts: Counts::load(connection, options.counts_put_off)?,
            recent: Recent::load(connection, options.recent_leads)?,
            sessions: Arc::new(Sessions::new(options.kept_sessions)),
            ..Self::default()
        })
    }

    /// Now.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            seen: self.seen.mark(),
            sub_affiliates: self.sub_affiliates.mark(),
            counts: self.counts.mark(),
            charges: self.charges.mark(),
            recent: self.recent.mark(),
            session_changes: self.session_changes.mark(),
        }
    }

    /// Forgets what was added since: its savepoint was rolled back.
    pub(crate) fn forget_since(&mut self, mark: Mark) {
        self.seen.forget_since(mark.seen);
        self.sub_affiliates.forget_since(mark.sub_affiliates);
        self.counts.forget_since(mark.counts);
        self.charges.forget_since(mark.charges);
        self.recent.forget_since(mark.recent);
        self.session_changes.forget_since(mark.session_changes);
    }

    /// Forgets what the open transaction added: it was rolled back.
    pub(crate) fn forget_transaction(&mut self) {
        self.seen.forget_since(0);
        self.sub_affiliates.forget_since(0);
        self.counts.forget_since(0);
        self.charges.forget_since(0);
        self.recent.forget_transaction();
        self.session_changes.forget_since(0);
    }

    /// Writes what was put off to the transaction's end, and what goes with it.
    pub(crate) fn finish(&mut self, connection: &Connection) -> Result<()> {
        self.counts.write(connection)?;
        self.charges.book(connection)?;
        self.recent.write(connection)
    }

    /// The transaction is committed, with these clicks. A lead may have changed the
    /// session of one of them, so they come first.
    pub(crate) fn committed(&mut self, clicks: impl Iterator<Item = Click>) {
        self.forgotten = self.sessions.keep_opened(clicks);
        self.seen.committed();
        self.sub_affiliates.committed();
        self.counts.committed();
        self.charges.committed();
        self.recent.committed();
        self.outbox.committed();
        self.sessions.change(&mut self.session_changes);
    }

    /// Does what nobody waits for.
    pub(crate) fn after_answers(&mut self) {
        self.recent.begin_round();
        self.forgotten.clear();
    }
}
