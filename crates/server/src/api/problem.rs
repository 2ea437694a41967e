//! Errors as `application/problem+json` (RFC 9457).

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use crumb_storage::StoreError;
use serde::Serialize;
use std::fmt;
use utoipa::{IntoResponses, ToSchema};

/// Seconds after which a client may ask again while the store is not available:
/// long enough to let it breathe, short enough that people do not wait.
const RETRY_AFTER_SECONDS: u16 = 5;

/// Why a request was not fulfilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// No key, or one that is wrong or revoked.
    Unauthorized,
    /// A key that may not do this; says why.
    Forbidden(String),
    /// There is none, or the key's owner may not see it; says what.
    NotFound(String),
    /// The address exists, but not with this method.
    MethodNotAllowed,
    /// The body is larger than any that the API takes.
    TooLarge,
    /// The request is wrong in these places.
    Invalid(Vec<FieldError>),
    /// Changed by somebody else in the meantime.
    Conflict,
    /// What is asked for cannot be done to the thing as it stands; says why.
    Refused(String),
    /// The idempotency key was used for another request.
    KeyUsed,
    /// As many others are served as can be; says what.
    Busy(String),
    /// The store cannot be used now; the text is for the log.
    Unavailable(String),
    /// A fault of the program; the text is for the log.
    Internal(String),
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where: a query parameter's name, or a member of the body; empty for the whole.
    pub path: String,
    /// What.
    pub message: String,
}

impl FieldError {
    /// Says what is wrong at a place.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

/// The body of an answer that is an error.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// A name of this kind of error: `urn:crumb:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, in general.
    pub title: &'static str,
    /// As the HTTP status.
    pub status: u16,
    /// What happened, in this case.
    pub detail: String,
    /// A stable code.
    pub code: &'static str,
    /// The single things that are wrong.
    pub errors: Vec<FieldError>,
}

/// What every address that needs a key may answer instead, for the API's description.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "describes the answers, which are made of errors")]
pub(crate) enum KeyProblems {
    /// No key, or one that is wrong or revoked.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// The store cannot be used now, or too many others are served; `Retry-After` says when.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// What a list may answer instead.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "describes the answers, which are made of errors")]
pub(crate) enum ListProblems {
    /// A parameter is wrong, or there is none of its name.
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(Problem),
    /// The key may not see the list, or not that part of it.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
}

/// What the address of one thing may answer instead.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "describes the answers, which are made of errors")]
pub(crate) enum OneProblems {
    /// The key may not see such things.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// There is none, or the key's owner may not see it.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
}

/// What a change of one thing may answer instead.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "describes the answers, which are made of errors")]
pub(crate) enum ChangeProblems {
    /// The body or a parameter is wrong.
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(Problem),
    /// The key may not do this.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// There is none, or the key's owner may not see it.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
    /// It cannot be done as things stand, or somebody else changed them meanwhile.
    #[response(status = 409, content_type = "application/problem+json")]
    Refused(Problem),
    /// The body is larger than any that the API takes.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
}

/// What an answer's error means inside; the outermost layer logs it, once.
#[derive(Debug, Clone)]
pub(crate) struct LogText(pub String);

impl ApiError {
    fn parts(&self) -> (StatusCode, &'static str, &'static str, String) {
        match self {
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "A valid API key is needed",
                "Send \"Authorization: Bearer <key>\" with a key that is not revoked.".to_owned(),
            ),
            Self::Forbidden(why) => (StatusCode::FORBIDDEN, "forbidden", "Not allowed", why.clone()),
            Self::NotFound(what) => (StatusCode::NOT_FOUND, "not_found", "Not found", what.clone()),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Method not allowed",
                "This address does not take this method.".to_owned(),
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "payload_too_large",
                "The body is too large",
                "The body is larger than any that the API takes.".to_owned(),
            ),
            Self::Invalid(errors) => {
                let texts: Vec<String> = errors.iter().map(FieldError::to_string).collect();
                (StatusCode::BAD_REQUEST, "invalid_request", "The request is not valid", texts.join("; "))
            }
            Self::Conflict => (
                StatusCode::CONFLICT,
                "conflict",
                "Changed in the meantime",
                "Somebody else changed this in the meantime; read it again.".to_owned(),
            ),
            Self::Refused(why) => {
                (StatusCode::CONFLICT, "refused", "It cannot be done as things stand", why.clone())
            }
            Self::KeyUsed => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_used",
                "The idempotency key was used before",
                "This Idempotency-Key was used for another request.".to_owned(),
            ),
            Self::Busy(why) => {
                (StatusCode::SERVICE_UNAVAILABLE, "busy", "Too many at this moment", why.clone())
            }
            Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "The store is not available",
                "The store cannot be used now; try again soon.".to_owned(),
            ),
            Self::Internal(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal_error",
                "A fault of the server",
                "The server failed to answer; its log says why.".to_owned(),
            ),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Overloaded(_) => Self::Unavailable(error.to_string()),
            StoreError::Conflict => Self::Conflict,
            StoreError::Corrupt(_) => Self::Internal(error.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code, title, detail) = self.parts();
        let kind = format!("urn:crumb:problem:{code}");
        let (errors, log) = match self {
            Self::Invalid(errors) => (errors, None),
            Self::Unavailable(text) | Self::Internal(text) => (Vec::new(), Some(text)),
            _ => (Vec::new(), None),
        };
        let body = Problem { kind, title, status: status.as_u16(), detail, code, errors };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
            }
            _ => {}
        }
        if let Some(text) = log {
            response.extensions_mut().insert(LogText(text));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn what_is_inside_goes_to_the_log_and_not_outside() {
        for (error, status, logged) in [
            (
                StoreError::Corrupt("row 7".to_owned()),
                StatusCode::INTERNAL_SERVER_ERROR,
                "stored data cannot be read: row 7",
            ),
            (
                StoreError::Unavailable("row 7".to_owned()),
                StatusCode::SERVICE_UNAVAILABLE,
                "the store is not available: row 7",
            ),
        ] {
            let response = ApiError::from(error).into_response();
            assert_eq!(response.status(), status);
            let log = response.extensions().get::<LogText>().map(|text| text.0.clone());
            assert_eq!(log.as_deref(), Some(logged));
            let told = response.into_body().collect().await.unwrap().to_bytes();
            let told = String::from_utf8_lossy(&told);
            assert!(!told.contains("row 7"), "{told}");
        }
    }

    #[test]
    fn a_store_that_is_away_says_when_to_try_again() {
        for error in [StoreError::Unavailable("disk full".to_owned()), StoreError::Overloaded(10)] {
            let response = ApiError::from(error).into_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers().get(RETRY_AFTER), Some(&HeaderValue::from(5u16)));
        }
    }
}
