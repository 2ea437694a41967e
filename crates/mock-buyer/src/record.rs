//! What was asked, in bounded memory.

use crate::answer::Verdict;
use crate::request::Request;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How many requests are kept; of more, the oldest go.
pub const MAX_RECORDED: usize = 10_000;
/// How much memory they take; of more, the oldest go.
pub const MAX_RECORDED_BYTES: usize = 32 * 1_024 * 1_024;
/// How many paths are counted apart; requests on further ones count in the sum only.
const MAX_PATHS: usize = 4_096;
/// How long something is waited for that does not come: longer than a busy machine
/// takes for anything, shorter than anybody waits for a test.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server has seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Requests that were recorded, whole or not.
    pub requests: u64,
    /// Connections that were taken.
    pub opened: u64,
    /// Of those, the ones on which no byte has come, so far or ever.
    pub silent: u64,
    /// Of those, the ones that are open.
    pub open: u64,
    /// Connections that were closed at once, because too many were open.
    pub refused: u64,
}

/// What was waited for did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("waited in vain; seen so far: {seen:?}")]
pub struct NeverCame {
    /// What has come.
    pub seen: Seen,
}

/// The requests of a server, and its counts.
#[derive(Debug)]
pub(crate) struct Records {
    kept: Mutex<Kept>,
    seen: watch::Sender<Seen>,
}

#[derive(Debug, Default)]
struct Kept {
    requests: VecDeque<Arc<Request>>,
    bytes: usize,
    counts: HashMap<String, u64>,
    number: u64,
}

impl Records {
    pub fn new() -> Self {
        Self { kept: Mutex::default(), seen: watch::Sender::new(Seen::default()) }
    }

    /// Keeps a request, under the next number.
    pub fn keep(&self, mut request: Request) -> Arc<Request> {
        let mut kept = self.kept();
        kept.number += 1;
        request.number = kept.number;
        let request = Arc::new(request);
        kept.bytes += request.bytes();
        kept.requests.push_back(Arc::clone(&request));
        while kept.requests.len() > MAX_RECORDED || kept.bytes > MAX_RECORDED_BYTES {
            let Some(oldest) = kept.requests.pop_front() else { break };
            kept.bytes -= oldest.bytes();
        }
        if let Some(count) = kept.counts.get_mut(&request.path) {
            *count += 1;
        } else if kept.counts.len() < MAX_PATHS {
            kept.counts.insert(request.path.clone(), 1);
        }
        drop(kept);
        self.saw(|seen| seen.requests += 1);
        request
    }

    /// Those that are still kept, oldest first.
    pub fn requests(&self) -> Vec<Arc<Request>> {
        self.kept().requests.iter().cloned().collect()
    }

    /// How many were on a path.
    pub fn count(&self, path: &str) -> u64 {
        self.kept().counts.get(path).copied().unwrap_or_default()
    }

    /// What was made of the last lead in which a text stands.
    pub fn made_of(&self, id: &str) -> Option<Verdict> {
        if id.is_empty() {
            return None;
        }
        let holds = |request: &Request| {
            request.query.contains(id) || request.body.windows(id.len()).any(|part| part == id.as_bytes())
        };
        self.kept().requests.iter().rev().find(|request| request.made.is_some() && holds(request))?.made
    }

    /// Changes the counts.
    pub fn saw(&self, change: impl FnOnce(&mut Seen)) {
        self.seen.send_modify(change);
    }

    pub fn seen(&self) -> Seen {
        *self.seen.borrow()
    }

    /// Waits until what was seen is enough.
    pub async fn until(&self, is_enough: impl Fn(&Seen) -> bool) -> Result<Seen, NeverCame> {
        let mut seen = self.seen.subscribe();
        match tokio::time::timeout(PATIENCE, seen.wait_for(is_enough)).await {
            Ok(Ok(enough)) => Ok(*enough),
            // The sender is ours: that it is gone cannot be, but the time may be up.
            Ok(Err(_)) | Err(_) => Err(NeverCame { seen: self.seen() }),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str, body: &str, made: Option<Verdict>) -> Request {
        Request {
            number: 0,
            method: "POST".to_owned(),
            path: path.to_owned(),
            query: String::new(),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
            since_start: Duration::ZERO,
            is_whole: true,
            told: String::new(),
            made,
        }
    }

    #[test]
    fn of_too_many_requests_the_oldest_go_but_all_are_counted() {
        let records = Records::new();
        for _ in 0..=MAX_RECORDED {
            records.keep(request("/a", "", None));
        }
        let kept = records.requests();
        assert_eq!((kept.len(), kept[0].number), (MAX_RECORDED, 2));
        assert_eq!(records.count("/a"), MAX_RECORDED as u64 + 1);
        assert_eq!(records.seen().requests, MAX_RECORDED as u64 + 1);
    }

    #[test]
    fn of_too_much_memory_the_oldest_go() {
        let records = Records::new();
        // Of the bodies alone, 32 would fit.
        let body = "x".repeat(1_024 * 1_024 - 256);
        for _ in 0..40 {
            records.keep(request("/a", &body, None));
        }
        assert_eq!(records.requests().len(), 31, "with what each takes besides its body");
    }

    #[test]
    fn paths_without_number_are_counted_in_the_sum_only() {
        let records = Records::new();
        for number in 0..=MAX_PATHS {
            records.keep(request(&format!("/{number}"), "", None));
        }
        assert_eq!((records.count("/0"), records.count(&format!("/{MAX_PATHS}"))), (1, 0));
        assert_eq!(records.seen().requests, MAX_PATHS as u64 + 1);
    }

    #[test]
    fn the_last_that_was_made_of_a_lead_is_told() {
        let records = Records::new();
        records.keep(request("/reject", "id=AB12", Some(Verdict::Rejected)));
        records.keep(request("/accept", "<id>AB12</id>", Some(Verdict::Accepted)));
        records.keep(request("/ping", "AB12", None));
        assert_eq!(records.made_of("AB12"), Some(Verdict::Accepted));
        assert_eq!(records.made_of("ZZ99"), None);
        assert_eq!(records.made_of(""), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_comes_is_not_waited_for_for_ever() {
        let records = Records::new();
        records.keep(request("/a", "", None));
        let waiting = tokio::time::timeout(2 * PATIENCE, records.until(|seen| seen.requests == 2));
        let seen = waiting.await.expect("an end").expect_err("one came").seen;
        assert_eq!(seen.requests, 1);
    }
}
