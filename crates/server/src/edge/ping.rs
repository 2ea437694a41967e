//! `GET|POST /ping.ashx`: what a lead would be bought for.

use super::Edge;
use super::answer::Answer;
use super::lead::{header_text, read};
use crumb_domain::outcome::Problem;
use crumb_storage::Store;
use crumb_wire::input::MAX_INPUT_BYTES;
use crumb_wire::post::parse_post;
use http::Request;
use http::header::{self, HeaderValue};
use hyper::body::Incoming;
use std::net::SocketAddr;

/// Seconds after which a campaign that pinged too fast may go on: it has its whole rate
/// again by then.
const PAUSE: HeaderValue = HeaderValue::from_static("1");

impl<S: Store + Clone> Edge<S> {
    /// Takes a ping. One whose sender hangs up is not gone on with: nobody would use what
    /// it comes to.
    pub(super) async fn ping(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let client = self.client(&request, peer);
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let body = match read(body, MAX_INPUT_BYTES.saturating_sub(query.len())).await {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let content_type = header_text(&parts.headers, header::CONTENT_TYPE);
        let request = match parse_post(query, content_type.as_deref(), &body) {
            Ok(request) => request,
            Err(error) => return Answer::unread(error),
        };
        let accepts_json =
            header_text(&parts.headers, header::ACCEPT).is_some_and(|accept| accept == "application/json");
        let pinged = match self.leads.ping(&request, accepts_json, &client).await {
            Ok(pinged) => pinged,
            Err(error) => return self.failed(&error),
        };
        self.metrics.ping(pinged.refused);
        let answer = Answer::stored(pinged.answer);
        match pinged.refused {
            Some(Problem::TooManyPings) => answer.with(header::RETRY_AFTER, PAUSE),
            _ => answer,
        }
    }
}
