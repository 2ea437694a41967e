//! What whoever counts is told while leads are sold.
//!
//! Nothing here names a lead, a buyer or a contract: who counts keeps a number for each
//! name, and networks have as many contracts as they like.

use crumb_domain::lead::LeadOutcome;
use crumb_domain::selling::{AlertCode, AttemptKind, BuyerAnswer};
use std::sync::Arc;
use std::time::Duration;

/// Whoever counts what happens. Called on the way of each lead: it must be quick, and must
/// not wait.
pub trait SellingObserver: Send + Sync {
    /// A buyer is asked from now on; [`Self::asked`] follows, whatever comes of it.
    fn asks(&self, kind: AttemptKind);

    /// What came of it, and how long it took.
    fn asked(&self, kind: AttemptKind, end: AskedEnd, took: Duration);

    /// A lead was taken in hand and is settled: where it stands now, how many buyers
    /// bought it this time, and how long it took, the writes included.
    fn sold(&self, outcome: LeadOutcome, sales: usize, took: Duration);

    /// A sale that broke off, by the server's end or a fault, is ended: where its lead
    /// stands now.
    fn broke_off(&self, outcome: LeadOutcome);

    /// A person should look at something.
    fn alerted(&self, about: AlertCode);
}

/// How a question to a buyer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedEnd {
    /// Yes.
    Accepted,
    /// No.
    Rejected,
    /// The buyer has the lead.
    Duplicate,
    /// The buyer failed, or said more than anybody reads.
    Error,
    /// No pattern knows the answer.
    UnknownAnswer,
    /// Time was up; of a post, before any of it was sent.
    TimedOut,
    /// It broke; a post, before any of it was sent.
    Broken,
    /// A post was sent, and nobody knows whether the buyer bought.
    UnknownEnd,
    /// It was not waited for: the lead's time was up.
    GivenUp,
}

impl AskedEnd {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Accepted,
        Self::Rejected,
        Self::Duplicate,
        Self::Error,
        Self::UnknownAnswer,
        Self::TimedOut,
        Self::Broken,
        Self::UnknownEnd,
        Self::GivenUp,
    ];

    /// Its code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Duplicate => "duplicate",
            Self::Error => "error",
            Self::UnknownAnswer => "unknown_answer",
            Self::TimedOut => "timed_out",
            Self::Broken => "broken",
            Self::UnknownEnd => "unknown_end",
            Self::GivenUp => "given_up",
        }
    }

    fn of(kind: AttemptKind, answer: &BuyerAnswer) -> Self {
        use crumb_domain::selling::PostFailure;
        match answer {
            BuyerAnswer::Accepted(_) => Self::Accepted,
            BuyerAnswer::Rejected(_) => Self::Rejected,
            BuyerAnswer::Duplicate(_) => Self::Duplicate,
            BuyerAnswer::Error(_) => Self::Error,
            BuyerAnswer::UnknownAnswer(_) => Self::UnknownAnswer,
            BuyerAnswer::Failed(failure) if kind == AttemptKind::Post && failure.is_sent() => {
                Self::UnknownEnd
            }
            BuyerAnswer::Failed(PostFailure::TimedOut { .. }) => Self::TimedOut,
            BuyerAnswer::Failed(PostFailure::Broken { .. } | PostFailure::CutOff) => Self::Broken,
        }
    }
}

/// Who is told: somebody, or nobody.
#[derive(Clone, Default)]
pub(crate) struct Told(Option<Arc<dyn SellingObserver>>);

impl Told {
    pub fn to(observer: Arc<dyn SellingObserver>) -> Self {
        Self(Some(observer))
    }

    pub fn sold(&self, outcome: LeadOutcome, sales: usize, took: Duration) {
        if let Some(observer) = &self.0 {
            observer.sold(outcome, sales, took);
        }
    }

    pub fn broke_off(&self, outcome: LeadOutcome) {
        if let Some(observer) = &self.0 {
            observer.broke_off(outcome);
        }
    }

    pub fn alerted(&self, about: AlertCode) {
        if let Some(observer) = &self.0 {
            observer.alerted(about);
        }
    }

    /// A question that goes out now.
    #[expect(clippy::disallowed_methods, reason = "how long buyers take is measured where they are asked")]
    pub fn asks(&self, kind: AttemptKind) -> Asking<'_> {
        if let Some(observer) = &self.0 {
            observer.asks(kind);
        }
        Asking { told: self, kind, begun: tokio::time::Instant::now(), end: AskedEnd::GivenUp }
    }
}

/// A question under way; who counts is told when it is dropped, so that also one that is
/// not waited for comes to an end.
pub(crate) struct Asking<'a> {
    told: &'a Told,
    kind: AttemptKind,
    begun: tokio::time::Instant,
    end: AskedEnd,
}

impl Asking<'_> {
    pub fn answered(mut self, answer: &BuyerAnswer) {
        self.end = AskedEnd::of(self.kind, answer);
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if let Some(observer) = &self.told.0 {
            observer.asked(self.kind, self.end, self.begun.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_domain::selling::{BuyerReading, PostFailure};
    use std::sync::{Mutex, PoisonError};

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Heard {
        fn hear(&self, text: String) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        }
    }

    impl SellingObserver for Heard {
        fn asks(&self, kind: AttemptKind) {
            self.hear(format!("asks {}", kind.as_str()));
        }

        fn asked(&self, kind: AttemptKind, end: AskedEnd, _: Duration) {
            self.hear(format!("asked {} {}", kind.as_str(), end.as_str()));
        }

        fn sold(&self, outcome: LeadOutcome, sales: usize, _: Duration) {
            self.hear(format!("{} {sales}", outcome.as_str()));
        }

        fn broke_off(&self, outcome: LeadOutcome) {
            self.hear(format!("broke off {}", outcome.as_str()));
        }

        fn alerted(&self, about: AlertCode) {
            self.hear(about.as_str().to_owned());
        }
    }

    #[test]
    fn each_question_that_begins_also_ends_waited_for_or_not() {
        let heard = Arc::new(Heard::default());
        let told = Told::to(Arc::clone(&heard) as Arc<dyn SellingObserver>);
        told.asks(AttemptKind::Post).answered(&BuyerAnswer::Rejected(BuyerReading::default()));
        drop(told.asks(AttemptKind::Ping));
        let heard = heard.0.lock().unwrap();
        assert_eq!(
            heard.as_slice(),
            ["asks post", "asked post rejected", "asks ping", "asked ping given_up"]
        );
    }

    #[test]
    fn only_a_post_that_was_sent_has_an_unknown_end() {
        let failed = |sent| BuyerAnswer::Failed(PostFailure::TimedOut { sent });
        assert_eq!(AskedEnd::of(AttemptKind::Post, &failed(true)), AskedEnd::UnknownEnd);
        assert_eq!(AskedEnd::of(AttemptKind::Post, &failed(false)), AskedEnd::TimedOut);
        assert_eq!(AskedEnd::of(AttemptKind::Ping, &failed(true)), AskedEnd::TimedOut);
    }
}
