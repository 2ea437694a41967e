//! Bodies of the API: JSON within the limit that the whole admin listener has.

use super::problem::{ApiError, FieldError};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use serde::de::DeserializeOwned;

/// A body, or why it could not be taken.
pub(crate) type Body = Result<Bytes, BytesRejection>;

/// Reads a body.
///
/// # Errors
/// [`ApiError::TooLarge`], and [`ApiError::Invalid`] with what is wrong and where.
pub(super) fn json<T: DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    read(&body.map_err(|_| ApiError::TooLarge)?)
}

/// Reads a body that may be left out.
///
/// # Errors
/// As [`json`].
pub(super) fn json_or_none<T: DeserializeOwned + Default>(body: Body) -> Result<T, ApiError> {
    let body = body.map_err(|_| ApiError::TooLarge)?;
    if body.is_empty() { Ok(T::default()) } else { read(&body) }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::Invalid(vec![FieldError::new("", error.to_string())]))
}
