//! `GET|POST /d.ashx`: lead posts.

use super::Edge;
use super::answer::Answer;
use super::outliving::Outliving;
use crate::idempotency::{IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED};
use bytes::Bytes;
use crumb_intake::{Answered, IdempotencyKey, PostError, RawPost, is_idempotency_key};
use crumb_storage::Store;
use crumb_wire::input::MAX_INPUT_BYTES;
use crumb_wire::post::{PostRequest, parse_post};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Incoming};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A request's body must arrive within this time.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What is taken in of a body that is too large: more than whoever mistook a lead's
/// photographs for fields sends, and less than a second of a fast line.
const MAX_THROWN_AWAY_BYTES: u64 = 64 << 20;

impl<S: Store + Clone> Edge<S> {
    /// Takes a post. The work goes on if the client hangs up: its lead is stored,
    /// and sold, whether or not anybody waits for the answer.
    pub(super) async fn lead(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let client = self.client(&request, peer);
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default().as_bytes().to_vec();
        let body = match read(body, MAX_INPUT_BYTES.saturating_sub(query.len())).await {
            Ok(body) => body,
            Err(answer) => return answer.with_any_origin(),
        };
        let content_type = header_text(&parts.headers, header::CONTENT_TYPE);
        let request = match parse_post(&query, content_type.as_deref(), &body) {
            Ok(request) => request,
            Err(error) => return Answer::unread(error).with_any_origin(),
        };
        if matches!(request.callback, Some(Err(_))) {
            return Answer::bad_request("callback is no name of a function.\n").with_any_origin();
        }
        let idempotency_key = match idempotency_key(&parts.headers, &request) {
            Ok(key) => key,
            Err(text) => return Answer::bad_request(text).with_any_origin(),
        };
        let raw = RawPost {
            query,
            content_type: content_type.unwrap_or_default(),
            body: body.to_vec(),
            accepts_json: header_text(&parts.headers, header::ACCEPT)
                .is_some_and(|accept| accept == "application/json"),
            idempotency_key,
        };
        let leads = Arc::clone(&self.leads);
        let posted = Outliving::new(async move { leads.post(&request, &raw, &client).await }).await;
        let answered = match posted {
            Ok(Ok(answered)) => answered,
            // Told where it broke off; nothing is wrong with the store.
            Ok(Err(PostError::BrokenOff(_))) => return Answer::unavailable().with_any_origin(),
            Ok(Err(error)) => return self.failed(&error).with_any_origin(),
            Err(panicked) => {
                tracing::error!(%panicked, "a post's work ended early");
                return Answer::unavailable().with_any_origin();
            }
        };
        match answered.outcome {
            Answered::Lead(outcome) => self.metrics.lead(answered.kind, outcome),
            Answered::Rejected(problem) => self.metrics.rejection(answered.kind, problem),
            Answered::Before => {}
        }
        let answer = Answer::stored(answered.answer).with_any_origin();
        if answered.replayed {
            answer.with(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"))
        } else {
            answer
        }
    }
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read<B>(mut body: B, limit: usize) -> Result<Bytes, Answer>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>> + Send> + Unpin + Send + 'static,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large(body));
    }
    let limited = Limited::new(&mut body, limit).collect();
    match tokio::time::timeout(BODY_TIMEOUT, limited).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large(body)),
        Ok(Err(_)) => Err(Answer::bad_request("The body ended early.\n")),
        Err(_) => Err(Answer::text(StatusCode::REQUEST_TIMEOUT, "The body took too long.\n")),
    }
}

/// The answer to a body that is too large, given at once. What is left of the body is
/// taken in meanwhile and thrown away, up to a bound: most clients read no answer before
/// they have sent all, and would see a broken connection instead of it.
fn too_large<B>(mut body: B) -> Answer
where
    B: Body<Data = Bytes, Error: Send> + Unpin + Send + 'static,
{
    if body.size_hint().lower() <= MAX_THROWN_AWAY_BYTES {
        tokio::spawn(tokio::time::timeout(BODY_TIMEOUT, async move {
            let mut left = MAX_THROWN_AWAY_BYTES;
            while let Some(Ok(frame)) = body.frame().await {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                let Some(less) = left.checked_sub(length) else { return };
                left = less;
            }
        }));
    }
    Answer::too_large()
}

pub(super) fn header_text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
}

/// The header, else the form library's parameter; the error is what to answer.
fn idempotency_key(
    headers: &HeaderMap,
    request: &PostRequest,
) -> Result<Option<IdempotencyKey>, &'static str> {
    const MALFORMED: &str = "Idempotency-Key must be 1 to 128 visible ASCII characters.\n";
    if let Some(value) = headers.get(IDEMPOTENCY_KEY) {
        let key = value.to_str().ok().filter(|key| is_idempotency_key(key)).ok_or(MALFORMED)?;
        return Ok(Some(IdempotencyKey::Header(key.to_owned())));
    }
    match request.idempotency_key.as_deref() {
        None => Ok(None),
        Some(key) if is_idempotency_key(key) => Ok(Some(IdempotencyKey::Form(key.to_owned()))),
        Some(_) => Err(MALFORMED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use std::convert::Infallible;
    use tokio_stream::wrappers::ReceiverStream;

    /// A body whose second half comes so many seconds after its first.
    fn in_halves(seconds: u64) -> impl Body<Data = Bytes, Error = Infallible> + Unpin + Send + 'static {
        let (halves, body) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            for wait in [0, seconds] {
                tokio::time::sleep(Duration::from_secs(wait)).await;
                let _ = halves.send(Ok(Frame::data(Bytes::from_static(b"half")))).await;
            }
        });
        StreamBody::new(ReceiverStream::new(body))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_must_arrive_within_30_seconds() {
        let read =
            async |seconds| read(in_halves(seconds), MAX_INPUT_BYTES).await.map_err(|answer| answer.status());
        assert_eq!(read(29).await, Ok(Bytes::from_static(b"halfhalf")));
        assert_eq!(read(31).await, Err(StatusCode::REQUEST_TIMEOUT));
    }
}
