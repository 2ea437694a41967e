//! Who takes postbacks and webhooks to their receivers: the outbox's job.

use crate::outbound::{Budget, Called, Outbound, OutboundRequest, Target};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use crumb_domain::delivery::{Delivery, MAX_KEPT_ANSWER_CHARS};
use crumb_domain::selling::Milliseconds;
use crumb_outbox::{ATTEMPT_SECONDS, Attempted, Job};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderName, HeaderValue, Method};
use std::sync::Arc;
use std::time::Duration;

/// By what the receiver knows a delivery again, at each attempt the same.
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
/// What calls. Receivers' firewalls turn clients away that do not say so.
const AGENT: &str = concat!("Crumb/", env!("CARGO_PKG_VERSION"));
/// Bytes of an answer that can be in what is kept of it: four for each character at most.
const MAX_KEPT_BYTES: usize = 4 * MAX_KEPT_ANSWER_CHARS;

/// Calls receivers: a GET, or a POST of JSON where there is a body.
#[derive(Clone)]
pub struct Postman {
    outbound: Arc<Outbound>,
}

impl Postman {
    /// With the client, which checks addresses and follows no redirect.
    pub fn new(outbound: Arc<Outbound>) -> Self {
        Self { outbound }
    }
}

impl Job for Postman {
    async fn attempt(&self, delivery: &Delivery) -> Attempted {
        let request = match request(delivery) {
            Ok(request) => request,
            // As the receiver may be put right, so may its URL: it follows the schedule.
            Err(error) => {
                return Attempted {
                    phase: "resolve".to_owned(),
                    error: Some(format!("{error}; nothing was sent")),
                    ..Attempted::default()
                };
            }
        };
        let budget = Budget { timeout: Duration::from_secs(ATTEMPT_SECONDS), until: None };
        attempted(self.outbound.call(request, budget).await)
    }
}

fn request(delivery: &Delivery) -> Result<OutboundRequest, String> {
    let target = Target::parse(&delivery.url).map_err(|error| error.to_string())?;
    let id =
        HeaderValue::try_from(&delivery.webhook_id).map_err(|_| "its id is no header value".to_owned())?;
    let mut headers = vec![
        (USER_AGENT, HeaderValue::from_static(AGENT)),
        (ACCEPT, HeaderValue::from_static("*/*")),
        (WEBHOOK_ID, id),
    ];
    if let Some((user, password)) = &target.user_info {
        let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
        let mut basic = HeaderValue::try_from(basic)
            .map_err(|_| "its user and password are no header value".to_owned())?;
        basic.set_sensitive(true);
        headers.push((AUTHORIZATION, basic));
    }
    let (method, body) = match &delivery.body {
        None => (Method::GET, Bytes::new()),
        Some(body) => {
            headers.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
            (Method::POST, Bytes::from(body.clone()))
        }
    };
    Ok(OutboundRequest { method, target, headers, body })
}

fn attempted(called: Called) -> Attempted {
    let Called { phase, ms, status, headers, answer, error } = called;
    let answer = answer.get(..MAX_KEPT_BYTES).unwrap_or(&answer);
    let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    Attempted {
        phase: phase.as_str().to_owned(),
        took_ms: took(&ms),
        status,
        answer: String::from_utf8_lossy(answer).chars().take(MAX_KEPT_ANSWER_CHARS).collect(),
        error: error.map(|error| error.to_string()),
        retry_after: retry_after.map(str::to_owned),
    }
}

fn took(ms: &Milliseconds) -> u32 {
    let phases = [ms.resolve, ms.connect, ms.tls, ms.write, ms.head, ms.body];
    phases.into_iter().flatten().fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests;
