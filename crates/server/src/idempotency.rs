//! The headers of idempotency, on both listeners.

use http::header::HeaderName;

/// Under which a client asks to have something done once: 1 to 128 visible ASCII characters.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// `true` on an answer that was given before.
pub(crate) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
