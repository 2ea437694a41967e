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

/// Why a lead cannot be written as its method says. Nothing was sent. Holds
/// neither secrets nor a lead's values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request could not be made: {0}; nothing was sent, so a repeat is safe")]
pub struct RenderError(pub(crate) String);
