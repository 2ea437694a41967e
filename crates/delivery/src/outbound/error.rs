//! Why a call ended without an answer, in a sentence.

use crumb_domain::selling::{Phase, PostFailure};
use std::fmt;

/// Why a call ended without an answer that can be read.
///
/// Its text says what happened, in which phase, and whether a repeat is safe, as who sells
/// leads must know; [`CallError::happened`] says no more than the first. It holds neither
/// URL, header nor value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// In which phase.
    pub phase: Phase,
    /// What happened.
    pub what: Failure,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Time was up.
    TimedOut,
    /// The host has no address that may be called; why the first one may not.
    AddressRefused(&'static str),
    /// The connection or the protocol failed.
    Broken(String),
    /// The answer is longer than is read: it counts as an answer that says error.
    AnswerTooLong {
        /// Bytes that are read at most.
        limit: usize,
    },
}

impl CallError {
    /// Whether a byte of the request may have left.
    pub fn is_sent(&self) -> bool {
        self.phase.is_sent()
    }

    /// What the sale is told; none for an answer that was too long, which is an
    /// answer.
    pub fn post_failure(&self) -> Option<PostFailure> {
        let sent = self.is_sent();
        match self.what {
            Failure::TimedOut => Some(PostFailure::TimedOut { sent }),
            Failure::AddressRefused(_) | Failure::Broken(_) => Some(PostFailure::Broken { sent }),
            Failure::AnswerTooLong { .. } => None,
        }
    }
}

impl CallError {
    /// What happened, of calls that are repeated whatever became of them.
    pub fn happened(&self) -> String {
        let doing = match self.phase {
            Phase::Resolve => "looking the host up",
            Phase::Connect => "connecting",
            Phase::Tls => "agreeing on keys (TLS)",
            Phase::Write => "sending the request",
            Phase::Head => "waiting for the answer",
            Phase::Body | Phase::Done => "reading the answer",
        };
        match &self.what {
            Failure::TimedOut => format!("time was up while {doing}"),
            Failure::AddressRefused(why) => {
                format!("the host's address is {why} and no allowed network names it")
            }
            Failure::Broken(cause) => format!("failed while {doing}: {cause}"),
            Failure::AnswerTooLong { limit } => format!("the answer is longer than {limit} bytes"),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repeat = if self.is_sent() {
            "the request may have arrived, so a repeat is not safe"
        } else {
            "nothing was sent, so a repeat is safe"
        };
        write!(f, "{}; {repeat}", self.happened())
    }
}

impl std::error::Error for CallError {}
