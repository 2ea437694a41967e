//! What makes an attempt.

use crumb_domain::delivery::Delivery;

/// How long one attempt may take, in seconds: as long as buyers have by default. Whatever
/// a job does, it is not waited for any longer.
pub const ATTEMPT_SECONDS: u64 = 10;

/// Makes attempts. Which delivery, when and again is not its concern.
pub trait Job: Send + Sync + 'static {
    /// Makes one attempt, within [`ATTEMPT_SECONDS`].
    fn attempt(&self, delivery: &Delivery) -> impl Future<Output = Attempted> + Send;
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attempted {
    /// The phase that it reached.
    pub phase: String,
    /// How long it took.
    pub took_ms: u32,
    /// The answer's status, where there was one.
    pub status: Option<u16>,
    /// The beginning of the answer.
    pub answer: String,
    /// Why there was none, or not all of it.
    pub error: Option<String>,
    /// The answer's `Retry-After`, as it was sent.
    pub retry_after: Option<String>,
    /// Trying again would not help before a person changes something: it is parked at once.
    pub is_hopeless: bool,
}

impl Attempted {
    /// Whether the receiver has it: it answered with 2xx, whatever followed that.
    pub fn is_delivered(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }

    /// One that came to nothing.
    pub(crate) fn broken(error: &str) -> Self {
        Self { phase: "resolve".to_owned(), error: Some(error.to_owned()), ..Self::default() }
    }
}
