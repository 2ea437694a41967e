//! Answers of the tracking listener, and the headers that each kind carries.

use bytes::Bytes;
use crumb_domain::post::StoredAnswer;
use crumb_wire::input::InputError;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;

/// Seconds after which a client may try again while the store is down.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Headers of nearly every answer at most. A map of eight has room for twelve, which is
/// more than the allocator gives out of hand.
const USUAL_HEADERS: usize = 6;

/// An answer on its way out.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// An answer with a body of a type; never cached.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::with_capacity(USUAL_HEADERS);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        Self { status, headers, body: body.into() }
    }

    /// A plain text.
    pub fn text(status: StatusCode, text: &'static str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
    }

    /// A script.
    pub fn script(script: String) -> Self {
        Self::new(StatusCode::OK, "application/javascript; charset=utf-8", script).with_nosniff()
    }

    /// What was stored, or would be.
    pub fn stored(answer: StoredAnswer) -> Self {
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut headers = HeaderMap::with_capacity(USUAL_HEADERS);
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        if let Some(value) = answer.content_type.as_deref().and_then(|text| HeaderValue::from_str(text).ok())
        {
            headers.insert(header::CONTENT_TYPE, value);
        }
        let answer_of = Self { status, headers, body: answer.body.into() };
        match answer.location {
            Some(location) => answer_of.with_location(&location),
            None => answer_of,
        }
        .with_nosniff()
    }

    /// The answer while the store takes no writes.
    pub fn unavailable() -> Self {
        Self::text(StatusCode::SERVICE_UNAVAILABLE, "Temporarily unavailable. Please try again.\n")
            .with_retry_after()
    }

    /// The answer to a prefetch: nothing is recorded, so that the browser asks
    /// again when a person goes there.
    pub fn not_prefetched() -> Self {
        Self::text(StatusCode::SERVICE_UNAVAILABLE, "Not prefetched.\n")
    }

    /// A request over a limit.
    pub fn too_large() -> Self {
        Self::text(
            StatusCode::PAYLOAD_TOO_LARGE,
            "Query and body together may have 64 KiB and 500 parameters.\n",
        )
    }

    /// A path that is not here.
    pub fn not_found() -> Self {
        Self::stored(crumb_wire::answer::not_found_page())
    }

    /// A path that is here, with other methods.
    pub fn method_not_allowed(allowed: &'static str) -> Self {
        Self::text(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.\n")
            .with(header::ALLOW, HeaderValue::from_static(allowed))
    }

    /// The answer to a request whose parameters are not read.
    pub fn unread(error: InputError) -> Self {
        match error {
            InputError::TooLarge | InputError::TooManyPairs => Self::too_large(),
            InputError::NoBoundary => Self::bad_request(
                "The body is multipart/form-data: its boundary must be in the Content-Type and begin each part.\n",
            ),
        }
    }

    /// A bad request, with what is wrong.
    pub fn bad_request(text: &'static str) -> Self {
        Self::text(StatusCode::BAD_REQUEST, text)
    }

    /// The answer to a preflight: any page may post a lead or load a pixel with
    /// `fetch`, without credentials, by the methods that are answered there.
    pub fn preflight(allowed: &'static str) -> Self {
        let mut answer = Self::text(StatusCode::NO_CONTENT, "");
        answer.headers.remove(header::CONTENT_TYPE);
        answer
            .with_any_origin()
            .with(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(allowed))
            .with(
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                HeaderValue::from_static("Accept, Content-Type, Idempotency-Key"),
            )
            .with(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"))
    }

    /// With a header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Readable by scripts of any origin.
    pub fn with_any_origin(self) -> Self {
        self.with(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"))
            .with(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Idempotency-Replayed"))
    }

    /// Not to be taken for another type than it says.
    pub fn with_nosniff(self) -> Self {
        self.with(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF)
    }

    /// Worth another try.
    pub fn with_retry_after(self) -> Self {
        self.with(header::RETRY_AFTER, RETRY_AFTER)
    }

    /// With cookies.
    pub fn with_cookies(mut self, cookies: &[String]) -> Self {
        for cookie in cookies.iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok()) {
            self.headers.append(header::SET_COOKIE, cookie);
        }
        self
    }

    fn with_location(self, location: &str) -> Self {
        match HeaderValue::from_str(location) {
            Ok(value) => self.with(header::LOCATION, value),
            Err(_) => self,
        }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer to `HEAD`: the headers of `GET`, its content's length too.
    pub fn without_body(mut self) -> Self {
        self.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        self.body = Bytes::new();
        self
    }

    /// For hyper.
    pub fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
