//! How the advertiser's server posts to the tracker: an ordinary client, as any
//! landing page's server has one. No cookie is sent, and none is kept.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;

/// How long the tracker may take: longer than it gives itself for a sale.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The largest answer: an XML or JSON document of a few lines.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// By this a repeated post is known for what it is.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A client of the tracker.
pub struct Tracker {
    client: Client<HttpConnector, Full<Bytes>>,
    d_ashx: String,
}

/// What the tracker answered.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// Whether it is the answer to an earlier post of the same key.
    pub replayed: bool,
}

/// Which form the answer is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// As the kind of post has it.
    Xml,
    /// JSON.
    Json,
}

impl Tracker {
    /// Of a tracking domain.
    pub fn new(tracking_url: &str) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        // Whether to send a lead again is the caller's to decide.
        builder.retry_canceled_requests(false);
        Self { client: builder.build_http(), d_ashx: format!("{tracking_url}/d.ashx") }
    }

    /// Posts a body and waits for the answer.
    ///
    /// # Errors
    /// Why there was none, for people.
    pub async fn post(&self, body: String, key: Option<&str>, wanted: Wanted) -> Result<Answer, String> {
        let mut request =
            Request::post(&self.d_ashx).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if wanted == Wanted::Json {
            request = request.header(ACCEPT, "application/json");
        }
        if let Some(key) = key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
        let answered = async {
            let response = self.client.request(request).await.map_err(|error| error.to_string())?;
            let status = response.status().as_u16();
            let replayed = response.headers().contains_key("idempotency-replayed");
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| error.to_string())?.to_bytes();
            Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned(), replayed })
        };
        tokio::time::timeout(TIMEOUT, answered).await.map_err(|_| "it took too long".to_owned())?
    }
}
