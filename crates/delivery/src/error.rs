//! What is wrong with a delivery method, and what could not be rendered.

/// Why a delivery method cannot be used. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct CompileError {
    /// The key within the method: `accepted[0]`, `headers.X-Api-Key`.
    pub place: String,
    /// What is wrong with it.
    pub message: String,
}

impl CompileError {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }
}

/// What is wrong with a method, as it is found: what has a fault is left out, and the
/// rest is looked at all the same, so that a person is told everything at once.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<CompileError>);

impl Faults {
    pub(crate) fn note(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.0.push(CompileError::new(place, message));
    }

    /// What was compiled; where it could not be, the fault is noted.
    pub(crate) fn keep<T>(&mut self, compiled: Result<T, CompileError>) -> Option<T> {
        compiled.map_err(|fault| self.0.push(fault)).ok()
    }

    /// What was compiled, if nothing had a fault, or the first one.
    pub(crate) fn or<T>(self, compiled: T) -> Result<T, CompileError> {
        self.0.into_iter().next().map_or(Ok(compiled), Err)
    }

    pub(crate) fn into_all(self) -> Vec<CompileError> {
        self.0
    }
}

/// Why a lead cannot be written as its method says. Nothing was sent. Holds
/// neither secrets nor a lead's values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request could not be made: {0}; nothing was sent, so a repeat is safe")]
pub struct RenderError(pub(crate) String);
