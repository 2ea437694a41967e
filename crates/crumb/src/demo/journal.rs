//! What was recorded since the start, for pages that are opened later.

use crumb_server::api::events::{EventText, event_json};
use crumb_storage_sqlite::SqliteStore;
use crumb_tracking::Installation;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Events kept: more than anybody scrolls through, and little memory.
const KEPT: usize = 500;

/// The latest events, numbered in the order in which they came.
#[derive(Debug)]
pub struct Journal {
    entries: Mutex<VecDeque<Entry>>,
    newest: watch::Sender<u64>,
}

/// An event and its number, which begins at 1.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its number.
    pub number: u64,
    /// It.
    pub event: Arc<EventText>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { entries: Mutex::default(), newest: watch::Sender::new(0) }
    }
}

impl Journal {
    /// Writes down what the installation records from now on, until told to stop.
    pub fn record(
        self: Arc<Self>,
        installation: Arc<Installation<SqliteStore>>,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send {
        let mut feed = installation.feed.listen();
        async move {
            loop {
                let received = tokio::select! {
                    received = feed.recv() => received,
                    () = stop.cancelled() => return,
                };
                match received {
                    Ok(recorded) => {
                        let network = installation.network.snapshot();
                        if let Some(event) = event_json(&recorded, &installation.keys.request_ids, &network) {
                            self.add(event);
                        }
                    }
                    // A person's clicks do not outrun this; a load test's may, and are in the API.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return stop.cancelled().await,
                }
            }
        }
    }

    /// Writes down an event.
    pub fn add(&self, event: EventText) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let number = entries.back().map_or(1, |last| last.number + 1);
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(Entry { number, event: Arc::new(event) });
        drop(entries);
        self.newest.send_replace(number);
    }

    /// What came after that number and is still kept, oldest first.
    pub fn after(&self, number: u64) -> Vec<Entry> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().filter(|entry| entry.number > number).cloned().collect()
    }

    /// Tells the number of the newest event whenever there is one.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> EventText {
        EventText { name: "click", json: text.to_owned() }
    }

    #[test]
    fn a_page_that_is_opened_later_gets_what_it_missed_and_no_event_twice() {
        let journal = Journal::default();
        let watch = journal.watch();
        journal.add(event("a"));
        journal.add(event("b"));
        assert_eq!(*watch.borrow(), 2);
        let texts = |after| journal.after(after).iter().map(|e| e.event.json.clone()).collect::<Vec<_>>();
        assert_eq!(texts(0), ["a", "b"]);
        assert_eq!(texts(1), ["b"]);
        assert!(texts(2).is_empty());
    }

    #[test]
    fn the_oldest_events_go_when_there_are_too_many() {
        let journal = Journal::default();
        for number in 0..=KEPT {
            journal.add(event(&number.to_string()));
        }
        let kept = journal.after(0);
        assert_eq!(kept.len(), KEPT);
        assert_eq!(kept.first().map(|entry| entry.number), Some(2));
    }
}
