//! `Idempotency-Key` on what must not be done twice where a client asks again because the
//! answer was lost.

use super::key::Caller;
use super::problem::{ApiError, FieldError};
use crate::idempotency::{IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED};
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use crumb_domain::post::StoredAnswer;
use crumb_intake::is_idempotency_key;
use crumb_intake::selling::credit::OnceKey;
use std::fmt::Write as _;

/// A request's key, which is its API key's own.
///
/// # Errors
/// [`ApiError::Invalid`] where it is malformed, or there are several.
pub(super) fn once(caller: Caller, headers: &HeaderMap) -> Result<Option<OnceKey>, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| is_idempotency_key(key) && values.next().is_none());
    let key = key.ok_or_else(|| {
        let message = "expected one key of 1 to 128 visible ASCII characters";
        ApiError::Invalid(vec![FieldError::new("Idempotency-Key", message)])
    })?;
    Ok(Some(OnceKey { caller: name_of(caller), key: key.to_owned() }))
}

fn name_of(caller: Caller) -> String {
    caller.key_hash.iter().fold(String::new(), |mut name, byte| {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
        name
    })
}

/// An answer as it is kept.
pub(super) fn kept(status: StatusCode, json: String) -> StoredAnswer {
    StoredAnswer {
        status: status.as_u16(),
        content_type: Some("application/json".to_owned()),
        location: None,
        body: json,
    }
}

/// A kept answer as it is sent.
///
/// # Errors
/// [`ApiError::Internal`] where what was kept is no answer.
pub(super) fn answered(kept: StoredAnswer, is_replayed: bool) -> Result<Response, ApiError> {
    let mut response = Response::builder().status(kept.status);
    if let Some(content_type) = kept.content_type {
        response = response.header(CONTENT_TYPE, content_type);
    }
    if is_replayed {
        response = response.header(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    response.body(Body::from(kept.body)).map_err(|error| ApiError::Internal(error.to_string()))
}
