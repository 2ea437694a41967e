//! A small HTTP client that shows answers as they came: it follows no redirect
//! and keeps no cookie.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;

/// Sees what was asked and answered.
pub type Witness = fn(&Method, &str, &Reply);

/// A client of one listener.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    /// Sees each answer, with what was asked, before the test does.
    witness: Option<Witness>,
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
}

/// A request being made.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its content.
    pub body: Bytes,
}

impl Client {
    /// A client of a listener.
    pub fn new(address: SocketAddr) -> Self {
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .retry_canceled_requests(false)
            .build(HttpConnector::new());
        Self { address, witness: None, http }
    }

    /// The same, whose answers are seen by somebody else first.
    #[must_use]
    pub fn witnessed(self, witness: Option<Witness>) -> Self {
        Self { witness, ..self }
    }

    /// `GET` of a target such as `/?a=12&c=1057`.
    pub async fn get(&self, target: &str) -> Reply {
        self.send(Request::get(target)).await
    }

    /// A urlencoded `POST`.
    pub async fn post_form(&self, target: &str, body: &str) -> Reply {
        self.send(Request::post(target, "application/x-www-form-urlencoded", body)).await
    }

    /// A JSON `POST`.
    pub async fn post_json(&self, target: &str, body: &serde_json::Value) -> Reply {
        self.send(Request::post(target, "application/json", &body.to_string())).await
    }

    /// Sends a request.
    ///
    /// # Panics
    /// Where no answer comes: the test cannot go on.
    pub async fn send(&self, request: Request) -> Reply {
        let mut built = http::Request::builder()
            .method(request.method.clone())
            .uri(format!("http://{}{}", self.address, request.target))
            .body(Full::new(request.body))
            .expect("the test's request is well-formed");
        built.headers_mut().extend(request.headers);
        let response = self.http.request(built).await.expect("the server answers");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the answer is whole").to_bytes();
        let reply = Reply { status: parts.status, headers: parts.headers, body };
        if let Some(witness) = self.witness {
            witness(&request.method, &request.target, &reply);
        }
        reply
    }
}

impl Request {
    /// A `GET`.
    pub fn get(target: &str) -> Self {
        Self::of(Method::GET, target)
    }

    /// A request of any method without a body.
    pub fn of(method: Method, target: &str) -> Self {
        Self { method, target: target.to_owned(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A `POST` with a body of a type.
    pub fn post(target: &str, content_type: &str, body: &str) -> Self {
        let request =
            Self { body: Bytes::copy_from_slice(body.as_bytes()), ..Self::of(Method::POST, target) };
        request.header("content-type", content_type)
    }

    /// With any bytes as its body.
    pub fn with_body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// With a header more.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header's name");
        self.headers.append(name, HeaderValue::from_str(value).expect("a header's value"));
        self
    }

    /// With an API key.
    pub fn bearer(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }
}

impl Reply {
    /// Its content as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Its content as JSON.
    ///
    /// # Panics
    /// Where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header's text, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// `Location`.
    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// All `Set-Cookie` values.
    pub fn cookies(&self) -> Vec<String> {
        self.headers.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok()).map(str::to_owned).collect()
    }

    /// The text between two others, for picking a value out of an answer.
    ///
    /// # Panics
    /// Where they are not there.
    pub fn between(&self, before: &str, after: &str) -> String {
        let text = self.text();
        let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
        found.map(|(value, _)| value.to_owned()).unwrap_or_else(|| panic!("no {before}…{after} in {text}"))
    }
}
