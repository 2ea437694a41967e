//! How far a call has come, and how long each phase took.

use super::observed::Sent;
use crumb_domain::selling::{Milliseconds, Phase};
use http::HeaderMap;
use tokio::time::Instant;

/// Kept outside of the call's future, so that it is there when time is up.
pub(crate) struct Progress {
    pub(crate) phase: Phase,
    pub(crate) ms: Milliseconds,
    pub(super) status: Option<u16>,
    pub(super) headers: HeaderMap,
    pub(super) answer: Vec<u8>,
    pub(super) sent: Option<Sent>,
    phase_began: Instant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Resolve,
            ms: Milliseconds::default(),
            status: None,
            headers: HeaderMap::new(),
            answer: Vec::new(),
            sent: None,
            phase_began: super::now(),
        }
    }

    /// Ends the phase and begins another.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.stop_the_watch();
        self.phase = phase;
    }

    /// Notes what the connection has seen since: the request's first byte, its last.
    pub(super) fn observe(&mut self) {
        let Some(sent) = &self.sent else { return };
        let (has_begun, is_handed_over) = (sent.has_begun(), sent.is_handed_over());
        if has_begun && !self.phase.is_sent() {
            self.enter(Phase::Write);
        }
        if is_handed_over && self.phase == Phase::Write {
            self.enter(Phase::Head);
        }
    }

    /// Notes the time of the phase that is on, where the call ends in it.
    pub(crate) fn stop_the_watch(&mut self) {
        let now = super::now();
        let ms = u32::try_from(now.duration_since(self.phase_began).as_millis()).unwrap_or(u32::MAX);
        let place = match self.phase {
            Phase::Resolve => &mut self.ms.resolve,
            Phase::Connect => &mut self.ms.connect,
            Phase::Tls => &mut self.ms.tls,
            Phase::Write => &mut self.ms.write,
            Phase::Head => &mut self.ms.head,
            Phase::Body => &mut self.ms.body,
            Phase::Done => return,
        };
        *place = Some(ms);
        self.phase_began = now;
    }
}
