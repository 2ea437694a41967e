//! What an affiliate has: a server that is told of its conversions, and an HTML pixel.

use super::Site;
use super::request::Seen;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use crumb_server::api::events::EventText;
use crumb_wire::answer::PIXEL_GIF;
use serde::Serialize;
use std::sync::Arc;

/// Whose they are.
const TRAFFIC_CO: i64 = 12;

/// The most characters of a value that are shown: whoever calls may say anything.
const MAX_CHARS: usize = 64;

/// What it was told, for the page that shows what arrives.
#[derive(Serialize)]
struct Told {
    at: String,
    /// `postback` or `pixel`.
    by: &'static str,
    affiliate: i64,
    offer: Option<i64>,
    request_id: Option<String>,
    order: Option<String>,
    earned: Option<String>,
}

/// Its server is called.
pub async fn postback(State(site): State<Arc<Site>>, seen: Seen) -> &'static str {
    note(&site, &seen, "postback");
    "OK"
}

/// Its pixel is loaded.
pub async fn pixel(State(site): State<Arc<Site>>, seen: Seen) -> Response {
    note(&site, &seen, "pixel");
    ([(CONTENT_TYPE, "image/gif"), (CACHE_CONTROL, "no-store")], PIXEL_GIF).into_response()
}

fn note(site: &Site, seen: &Seen, by: &'static str) {
    let value = |name| seen.value(name).map(|value| value.chars().take(MAX_CHARS).collect::<String>());
    let told = Told {
        at: site.now(),
        by,
        affiliate: TRAFFIC_CO,
        offer: seen.value("offer").and_then(|offer| offer.parse().ok()),
        request_id: seen
            .value("session")
            .filter(|id| id.bytes().all(|c| c.is_ascii_digit()))
            .map(str::to_owned),
        order: value("order"),
        earned: value("earned"),
    };
    if let Ok(json) = serde_json::to_string(&told) {
        site.journal.add(EventText { name: "told", json });
    }
}
