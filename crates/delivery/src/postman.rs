//! Who takes postbacks, webhooks and mails to their receivers: the outbox's job.

use crate::mail::{Mail, MailOutcome, Mailed, Mailer};
use crate::outbound::{Budget, Called, Outbound, OutboundRequest, Target};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use crumb_domain::delivery::{Delivery, DeliveryKind, MAX_KEPT_ANSWER_CHARS};
use crumb_domain::selling::Milliseconds;
use crumb_domain::webhook_key::WebhookKey;
use crumb_domain::{Clock, Timestamp};
use crumb_outbox::{ATTEMPT_SECONDS, Attempted, Job};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderName, HeaderValue, Method};
use std::sync::Arc;
use std::time::Duration;

/// By what the receiver knows a delivery again, at each attempt the same.
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
/// When a message was sent, in seconds: what is older a receiver refuses, so that nobody
/// plays it again.
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// That a message is ours.
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
/// What calls. Receivers' firewalls turn clients away that do not say so.
const AGENT: &str = concat!("Crumb/", env!("CARGO_PKG_VERSION"));
/// What relays say to a mail that they have.
const TAKEN: u16 = 250;
/// Bytes of an answer that can be in what is kept of it: four for each character at most.
const MAX_KEPT_BYTES: usize = 4 * MAX_KEPT_ANSWER_CHARS;

/// Gives what messages to a webhook are signed with, by the delivery's destination: as the
/// network has it when they are sent, since no secret is kept with what is signed by it.
pub type WebhookKeys = Arc<dyn Fn(&str) -> Result<WebhookKey, NoKey> + Send + Sync>;

/// Why a message is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoKey {
    /// There is nobody to tell any more: it is parked.
    Hopeless(String),
    /// It cannot be signed now: it follows the schedule.
    NotNow(String),
}

/// Calls receivers: a GET, or a POST of JSON where there is a body. Messages to webhooks
/// are signed.
#[derive(Clone)]
pub struct Postman {
    outbound: Arc<Outbound>,
    keys: WebhookKeys,
    clock: Arc<dyn Clock>,
    mailer: Option<Arc<Mailer>>,
}

impl Postman {
    /// With the client, which checks addresses and follows no redirect, and what signs
    /// messages to webhooks.
    pub fn new(outbound: Arc<Outbound>, keys: WebhookKeys, clock: Arc<dyn Clock>) -> Self {
        Self { outbound, keys, clock, mailer: None }
    }

    /// With the relay that takes mails.
    #[must_use]
    pub fn mailing(self, mailer: Option<Arc<Mailer>>) -> Self {
        Self { mailer, ..self }
    }

    /// Hands a mail to the relay. What the relay refuses follows the schedule too: it may
    /// be put right.
    async fn mail(&self, delivery: &Delivery) -> Attempted {
        let Some(mailer) = &self.mailer else { return not_sent("there is no mail relay") };
        let Some(mail) = mail_of(delivery) else { return not_sent("it is no mail") };
        let budget = Budget { timeout: Duration::from_secs(ATTEMPT_SECONDS), until: None };
        let Mailed { phase, ms, answer, outcome } = mailer.send(&mail, budget).await;
        let (status, error) = match outcome {
            MailOutcome::Taken => (Some(TAKEN), None),
            MailOutcome::Refused(why) => (None, Some(why)),
            MailOutcome::Failed(error) => (None, Some(error.happened())),
        };
        let (phase, took_ms) = (phase.as_str().to_owned(), took(&ms));
        Attempted { phase, took_ms, status, answer, error, retry_after: None, is_hopeless: false }
    }

    /// The signature of a message to a webhook; none of what is none.
    fn signature(&self, delivery: &Delivery, at: Timestamp) -> Result<Option<String>, NoKey> {
        match delivery.kind {
            DeliveryKind::Postback | DeliveryKind::Mail => Ok(None),
            DeliveryKind::Webhook => {
                let key = (self.keys)(&delivery.destination)?;
                let body = delivery.body.as_deref().unwrap_or_default();
                Ok(Some(key.signature(&delivery.webhook_id, at, body)))
            }
        }
    }
}

impl Job for Postman {
    async fn attempt(&self, delivery: &Delivery) -> Attempted {
        if delivery.kind == DeliveryKind::Mail {
            return self.mail(delivery).await;
        }
        let at = self.clock.now();
        let signature = match self.signature(delivery, at) {
            Ok(signature) => signature,
            Err(NoKey::Hopeless(why)) => return Attempted { is_hopeless: true, ..not_sent(&why) },
            Err(NoKey::NotNow(why)) => return not_sent(&why),
        };
        let request = match request(delivery, signature.map(|signature| (at, signature))) {
            Ok(request) => request,
            // As the receiver may be put right, so may its URL: it follows the schedule.
            Err(error) => return not_sent(&error),
        };
        let budget = Budget { timeout: Duration::from_secs(ATTEMPT_SECONDS), until: None };
        attempted(self.outbound.call(request, budget).await)
    }
}

/// A mail as it is handed in, from `mailto:ops@example.com?subject=…` and the text.
fn mail_of(delivery: &Delivery) -> Option<Mail> {
    let (to, subject) = delivery.url.strip_prefix("mailto:")?.split_once("?subject=")?;
    Some(Mail {
        to: vec![to.to_owned()],
        subject: crumb_wire::percent::decode(subject.as_bytes()),
        body: delivery.body.clone().unwrap_or_default(),
        is_html: false,
        id: Some(delivery.webhook_id.clone()),
    })
}

fn not_sent(why: &str) -> Attempted {
    Attempted {
        phase: "resolve".to_owned(),
        error: Some(format!("{why}; nothing was sent")),
        ..Attempted::default()
    }
}

fn request(delivery: &Delivery, signed: Option<(Timestamp, String)>) -> Result<OutboundRequest, String> {
    let target = Target::parse(&delivery.url).map_err(|error| error.to_string())?;
    let id =
        HeaderValue::try_from(&delivery.webhook_id).map_err(|_| "its id is no header value".to_owned())?;
    let mut headers = vec![
        (USER_AGENT, HeaderValue::from_static(AGENT)),
        (ACCEPT, HeaderValue::from_static("*/*")),
        (WEBHOOK_ID, id),
    ];
    if let Some((at, signature)) = signed {
        let signature =
            HeaderValue::try_from(signature).map_err(|_| "its signature is no header value".to_owned())?;
        headers.push((WEBHOOK_TIMESTAMP, HeaderValue::from(at.unix_seconds())));
        headers.push((WEBHOOK_SIGNATURE, signature));
    }
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
        error: error.map(|error| error.happened()),
        retry_after: retry_after.map(str::to_owned),
        is_hopeless: false,
    }
}

fn took(ms: &Milliseconds) -> u32 {
    let phases = [ms.resolve, ms.connect, ms.tls, ms.write, ms.head, ms.body];
    phases.into_iter().flatten().fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests;
