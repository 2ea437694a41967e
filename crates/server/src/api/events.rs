//! `GET /events`: what is recorded, as it is recorded, as server-sent events.

use super::clicks::ClickRow;
use super::key::Caller;
use super::leads::{LeadRow, Sight};
use super::problem::{ApiError, KeyProblems, Problem};
use super::query::QueryString;
use super::rejections::RejectionRow;
use crate::admin::Admin;
use axum::extract::State;
use axum::http::Uri;
use axum::response::sse::{Event, KeepAlive, Sse};
use crumb_domain::request_id::RequestIdKey;
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
use tokio_util::sync::CancellationToken;

/// Listeners at one moment: a few people's pages, each of which costs the
/// making of every event's text.
pub(crate) const MAX_LISTENERS: usize = 64;
/// Events made for a listener that does not read them yet; the feed keeps more.
const WAITING_EVENTS: usize = 16;
/// How often a quiet connection shows that it lives: often enough for proxies
/// that close what is silent for half a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// One event, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventText {
    /// `click`, `lead`, `rejection` or `missed`.
    pub name: &'static str,
    /// JSON of the same shape as the row of the API.
    pub json: String,
}

/// What was recorded, as an event for the network's own people.
pub fn event_json(recorded: &Recorded, names: &RequestIdKey) -> Option<EventText> {
    match recorded {
        Recorded::Click(click) => text("click", &ClickRow::new(click, names, None)),
        Recorded::Lead(lead) => text("lead", &LeadRow::new(lead, names, Sight::Network)?),
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

/// What is recorded from now on: events `click`, `lead` and `rejection`, each a
/// row of the API, and `missed` where the listener was too slow.
#[utoipa::path(
    get,
    path = "/events",
    tag = "events",
    operation_id = "stream_events",
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        KeyProblems,
    )
)]
pub(crate) async fn stream<S: Store + Clone>(
    State(admin): State<Arc<Admin<S>>>,
    caller: Caller,
    uri: Uri,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<S>>, ApiError> {
    caller.must_be_of_the_network()?;
    QueryString::of(&uri).finish()?;
    let place = admin
        .listeners
        .clone()
        .try_acquire_owned()
        .map_err(|_| ApiError::Busy(format!("{MAX_LISTENERS} listeners are connected already")))?;
    let feed = admin.installation.feed.listen();
    let names = admin.installation.keys.request_ids.clone();
    let stop = admin.options.stop.clone();
    let (sender, receiver) = mpsc::channel(WAITING_EVENTS);
    tokio::spawn(async move {
        forward(feed, names, sender, stop).await;
        drop(place);
    });
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// Passes events on until the listener leaves or the server stops.
async fn forward(
    mut feed: broadcast::Receiver<Recorded>,
    names: RequestIdKey,
    listener: mpsc::Sender<Result<Event, Infallible>>,
    stop: CancellationToken,
) {
    loop {
        let received = tokio::select! {
            received = feed.recv() => received,
            () = stop.cancelled() => return,
            () = listener.closed() => return,
        };
        let event = match received {
            Ok(recorded) => event_json(&recorded, &names),
            Err(RecvError::Lagged(events)) => missed(events),
            Err(RecvError::Closed) => return,
        };
        let Some(EventText { name, json }) = event else { continue };
        let sent = tokio::select! {
            sent = listener.send(Ok(Event::default().event(name).data(json))) => sent,
            () = stop.cancelled() => return,
        };
        if sent.is_err() {
            return;
        }
    }
}
