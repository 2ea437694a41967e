//! `GET /events`: what is recorded, as it is recorded, as server-sent events.

use super::call::QueryCall;
use super::clicks::ClickRow;
use super::conversions::ConversionRow;
use super::leads::{LeadRow, Sight};
use super::pixels::PixelRow;
use super::problem::{ApiError, KeyProblems, Problem};
use super::rejections::RejectionRow;
use crate::admin::Admin;
use axum::response::sse::{Event, KeepAlive, Sse};
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::{Clock as _, Timestamp};
use crumb_network::Snapshot;
use crumb_storage::Store;
use crumb_tracking::feed::Recorded;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;

/// Listeners at one moment: a few people's pages, each of which costs the
/// making of every event's text.
pub(crate) const MAX_LISTENERS: usize = 64;
/// Events made for a listener that does not read them yet; the feed keeps more.
const WAITING_EVENTS: usize = 16;
/// How often a quiet connection shows that it lives: often enough for proxies
/// that close what is silent for half a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How old the last look at a listener's key may be: a read a second costs nothing,
/// one for every click would.
const KEY_CHECK_MICROS: i64 = 1_000_000;

/// One event, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventText {
    /// `click`, `lead`, `pixel`, `conversion`, `rejection` or `missed`.
    pub name: &'static str,
    /// JSON of the same shape as the row of the API.
    pub json: String,
}

/// What was recorded, as an event for the network's own people.
pub fn event_json(recorded: &Recorded, names: &RequestIdKey, network: &Snapshot) -> Option<EventText> {
    match recorded {
        Recorded::Click(click) => text("click", &ClickRow::new(click, names, None)),
        Recorded::Lead(lead) => text("lead", &LeadRow::new(lead, names, Sight::Network)?),
        Recorded::Pixel(call) => text("pixel", &PixelRow::new((**call).clone(), names)),
        Recorded::Conversion(conversion) => {
            text("conversion", &ConversionRow::new((**conversion).clone(), names, network))
        }
        Recorded::Rejection { id, at, kind, offer, problem, errors } => {
            let row = RejectionRow::new(*id, *at, *kind, *problem, errors.clone(), names);
            text("rejection", &RejectionRow { offer: *offer, ..row })
        }
    }
}

/// Says how many events a listener was too slow for.
fn missed(events: u64) -> Option<EventText> {
    #[derive(Serialize)]
    struct Missed {
        missed: u64,
    }
    text("missed", &Missed { missed: events })
}

fn text(name: &'static str, row: &impl Serialize) -> Option<EventText> {
    Some(EventText { name, json: serde_json::to_string(row).ok()? })
}

/// What is recorded from now on: events `click`, `lead`, `pixel`, `conversion` and
/// `rejection`, each a row of the API, and `missed` where the listener was too slow.
#[utoipa::path(
    get,
    path = "/events",
    tag = "events",
    operation_id = "stream_events",
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        KeyProblems,
    )
)]
pub(crate) async fn stream<S: Store + Clone>(
    QueryCall { admin, caller, query }: QueryCall<S>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<S>>, ApiError> {
    caller.must_be_of_the_network()?;
    query.finish()?;
    let place = admin
        .listeners
        .clone()
        .try_acquire_owned()
        .map_err(|_| ApiError::Busy(format!("{MAX_LISTENERS} listeners are connected already")))?;
    let (sender, receiver) = mpsc::channel(WAITING_EVENTS);
    let listener = Listener { admin, key_hash: caller.key_hash, checked_at: None, sender };
    let feed = listener.admin.installation.feed.listen();
    tokio::spawn(async move {
        listener.listen(feed).await;
        drop(place);
    });
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// Somebody who is told events.
struct Listener<S> {
    admin: Arc<Admin<S>>,
    key_hash: [u8; 32],
    /// When its key was last seen to be valid since it listens.
    checked_at: Option<Timestamp>,
    sender: mpsc::Sender<Result<Event, Infallible>>,
}

impl<S: Store + Clone> Listener<S> {
    /// Passes events on until the listener leaves, its key is revoked or the server
    /// stops.
    async fn listen(mut self, mut feed: broadcast::Receiver<Recorded>) {
        let stop = self.admin.options.stop.clone();
        loop {
            let received = tokio::select! {
                received = feed.recv() => received,
                () = stop.cancelled() => return,
                () = self.sender.closed() => return,
            };
            let event = match received {
                Ok(recorded) => {
                    let site = &self.admin.installation;
                    event_json(&recorded, &site.keys.request_ids, &site.network.snapshot())
                }
                Err(RecvError::Lagged(events)) => missed(events),
                Err(RecvError::Closed) => return,
            };
            let Some(EventText { name, json }) = event else { continue };
            if !self.may_go_on().await {
                return;
            }
            let sent = tokio::select! {
                sent = self.sender.send(Ok(Event::default().event(name).data(json))) => sent,
                () = stop.cancelled() => return,
            };
            if sent.is_err() {
                return;
            }
        }
    }

    /// Whether the key is still valid. A store that cannot say ends the stream: its
    /// listener asks again, and is told.
    async fn may_go_on(&mut self) -> bool {
        let installation = &self.admin.installation;
        let now = installation.clock.now();
        if self.checked_at.is_some_and(|at| (now.micros() - at.micros()).abs() < KEY_CHECK_MICROS) {
            return true;
        }
        self.checked_at = Some(now);
        let key = installation.store.api_key(self.key_hash).await;
        matches!(key, Ok(Some(key)) if key.revoked_at.is_none())
    }
}
