//! Sessions kept in memory: those that were opened or read last.
//!
//! Who posts a lead names the session of a click that came a moment before. To
//! read it from the file costs a way to another thread and back, and the pages
//! anew after each commit.
//!
//! A session never changes, except that it converts. The writer tells what it has
//! committed before it answers anybody, so that what is here is never behind what
//! was acknowledged. A read that the writer has overtaken is not kept.

use super::opened_session;
use crumb_domain::click::Click;
use crumb_domain::session::Session;
use crumb_domain::{ById, RowId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Sessions that are forgotten together.
pub(crate) type Generation = ById<RowId, Arc<Session>>;

/// The sessions, as readers and the writer share them.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// The newest; when it is full it becomes the old one, which is forgotten.
    young: Generation,
    old: Generation,
    /// How many make a generation full.
    full: usize,
    /// How often a session has changed.
    changes: u64,
}

/// When a read began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u64);

impl Sessions {
    /// Keeps so many at most; 0 = none.
    pub(crate) fn new(most: usize) -> Self {
        Self(Mutex::new(Kept { full: most / 2, ..Kept::default() }))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session, if it is kept.
    pub(crate) fn get(&self, id: RowId) -> Option<Session> {
        let kept = self.lock();
        let found = kept.young.get(&id).or_else(|| kept.old.get(&id)).map(Arc::clone);
        drop(kept);
        found.map(|session| session.as_ref().clone())
    }

    /// Now. To be asked before the first look into the file.
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.lock().changes)
    }

    /// Keeps what was read, unless a session has changed since: it might be this
    /// one.
    pub(crate) fn keep_read(&self, since: Moment, session: &Session) {
        let session = Arc::new(session.clone());
        let mut kept = self.lock();
        let forgotten = (kept.changes == since.0).then(|| kept.keep(session));
        drop(kept);
        drop(forgotten);
    }

    /// Keeps the sessions that committed clicks of people opened, and gives those
    /// that are forgotten for them: to be dropped where nobody waits.
    pub(crate) fn keep_opened(&self, clicks: impl Iterator<Item = Click>) -> Vec<Generation> {
        let of_people = clicks.filter(|click| click.non_human.is_none());
        let opened = of_people.filter_map(|click| opened_session(click, false)).map(Arc::new);
        let opened: Vec<Arc<Session>> = opened.collect();
        if opened.is_empty() {
            return Vec::new();
        }
        let mut kept = self.lock();
        opened.into_iter().filter_map(|session| kept.keep(session)).collect()
    }

    /// Takes in what a transaction has changed.
    pub(crate) fn change(&self, changes: &mut Changes) {
        if changes.0.is_empty() {
            return;
        }
        let mut kept = self.lock();
        kept.changes += 1;
        for (id, change) in changes.0.drain(..) {
            kept.change(id, change);
        }
    }
}

impl Kept {
    /// Keeps a session, and gives the generation that is forgotten for it.
    fn keep(&mut self, session: Arc<Session>) -> Option<Generation> {
        if self.full == 0 {
            return None;
        }
        let is_full = self.young.len() >= self.full;
        let forgotten = is_full.then(|| std::mem::replace(&mut self.old, std::mem::take(&mut self.young)));
        self.young.insert(session.id, session);
        forgotten
    }

    fn change(&mut self, id: RowId, change: Change) {
        for generation in [&mut self.young, &mut self.old] {
            match change {
                Change::Unknown => {
                    generation.remove(&id);
                }
                Change::Converted => {
                    if let Some(session) = generation.get_mut(&id) {
                        Arc::make_mut(session).converted = true;
                    }
                }
            }
        }
    }
}

/// What a write does to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// It has converted.
    Converted,
    /// It is to be read anew.
    Unknown,
}

/// What the open transaction does to sessions. Whatever makes a session convert
/// must be told here.
#[derive(Default)]
pub(crate) struct Changes(Vec<(RowId, Change)>);

impl Changes {
    /// The session has converted.
    pub(crate) fn converted(&mut self, id: RowId) {
        self.0.push((id, Change::Converted));
    }

    /// Whether it has is to be read anew.
    pub(crate) fn unknown(&mut self, id: RowId) {
        self.0.push((id, Change::Unknown));
    }

    /// A point to which [`Changes::forget_since`] goes back.
    pub(crate) fn mark(&self) -> usize {
        self.0.len()
    }

    /// Forgets what was noted since.
    pub(crate) fn forget_since(&mut self, mark: usize) {
        self.0.truncate(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_domain::click::NonHuman;
    use crumb_storage::contract::build::{Rows, click, duplicate};

    fn changed(note: impl FnOnce(&mut Changes)) -> Changes {
        let mut changes = Changes::default();
        note(&mut changes);
        changes
    }

    #[test]
    fn a_read_that_a_change_has_overtaken_is_not_kept() {
        let (sessions, mut rows) = (Sessions::new(8), Rows::new());
        let session = opened_session(click(rows.next_row()), false).unwrap();
        let before = sessions.moment();
        sessions.change(&mut changed(|changes| changes.converted(session.id)));
        sessions.keep_read(before, &session);
        assert_eq!(sessions.get(session.id), None);
        sessions.keep_read(sessions.moment(), &session);
        assert_eq!(sessions.get(session.id), Some(session));
    }

    #[test]
    fn a_kept_session_converts_or_is_forgotten() {
        let (sessions, mut rows) = (Sessions::new(8), Rows::new());
        let (first, second) = (rows.next_row(), rows.next_row());
        sessions.keep_opened([click(first), click(second)].into_iter());
        assert!(!sessions.get(first).unwrap().converted);
        sessions.change(&mut changed(|changes| {
            changes.converted(first);
            changes.unknown(second);
        }));
        assert!(sessions.get(first).unwrap().converted);
        assert_eq!(sessions.get(second), None);
    }

    #[test]
    fn only_sessions_of_people_are_kept_and_no_more_than_two_generations() {
        let (sessions, mut rows) = (Sessions::new(8), Rows::new());
        let first = rows.next_row();
        let bot = Click { non_human: Some(NonHuman::Bot), ..click(rows.next_row()) };
        let (bot_id, further) = (bot.id, duplicate(rows.next_row(), first));
        let further_id = further.id;
        sessions.keep_opened([click(first), bot, further].into_iter());
        assert!(sessions.get(first).is_some());
        assert_eq!((sessions.get(bot_id), sessions.get(further_id)), (None, None));
        for _ in 0..4 {
            sessions.keep_opened(std::iter::once(click(rows.next_row())));
        }
        assert!(sessions.get(first).is_some(), "it is in the old generation");
        for _ in 0..4 {
            sessions.keep_opened(std::iter::once(click(rows.next_row())));
        }
        assert_eq!(sessions.get(first), None);
    }
}
