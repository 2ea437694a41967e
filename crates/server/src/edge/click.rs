//! `GET /`: tracking links and click pixels.

use super::Edge;
use super::answer::Answer;
use super::connection::Fragment;
use crumb_storage::Store;
use crumb_tracking::click::ClickReply;
use crumb_wire::answer::{PIXEL_GIF, not_found_page, redirect};
use crumb_wire::link::{PixelKind, parse_link};
use crumb_wire::script::{PRERENDERED_PIXEL, click_pixel};
use http::{HeaderMap, HeaderName, Request, StatusCode};
use hyper::body::Incoming;
use std::net::SocketAddr;

impl<S: Store + Clone> Edge<S> {
    /// Records a click and sends its visitor on.
    pub(super) async fn click(&self, request: &Request<Incoming>, peer: SocketAddr) -> Answer {
        let query = request.uri().query().unwrap_or_default().as_bytes();
        let parsed = match request.extensions().get::<Fragment>() {
            None => parse_link(query),
            Some(Fragment(fragment)) => parse_link(&[query, fragment].concat()),
        };
        // Whether it is a pixel's nobody knows.
        let Ok(link) = parsed else { return Answer::too_large().with_any_origin() };
        let pixel = link.pixel.is_some();
        if is_prefetch(request.headers()) {
            let answer = match link.pixel {
                Some(PixelKind::Js) if is_prerender(request.headers()) => {
                    Answer::script(PRERENDERED_PIXEL.to_owned())
                }
                _ => Answer::not_prefetched(),
            };
            return if pixel { answer.with_any_origin() } else { answer };
        }
        let client = self.client(request, peer);
        let answered = match self.clicks.click(&link, &client).await {
            Ok(answered) => answered,
            Err(error) => {
                let answer = self.failed(&error);
                return if pixel { answer.with_any_origin() } else { answer };
            }
        };
        self.metrics.click(answered.disposition, answered.counted);
        let answer = match answered.reply {
            ClickReply::Redirect(target) => Answer::stored(redirect(&target)),
            ClickReply::NotFound => Answer::stored(not_found_page()),
            ClickReply::Script(session) => Answer::script(click_pixel(session)),
            ClickReply::Image => Answer::new(StatusCode::OK, "image/gif", PIXEL_GIF),
        };
        let answer = answer.with_cookies(&answered.cookies);
        if pixel { answer.with_any_origin() } else { answer }
    }
}

/// Headers by which browsers say what they ask for.
static PURPOSES: [HeaderName; 4] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-purpose"),
    HeaderName::from_static("x-moz"),
];

/// Whether a browser loads this ahead of a person's going there.
pub(super) fn is_prefetch(headers: &HeaderMap) -> bool {
    ["prefetch", "prerender", "preview"].iter().any(|purpose| has_purpose(headers, purpose))
}

/// Whether it belongs to a page that a browser makes ready ahead, scripts and all: once a
/// person goes there, the page is shown as it is, and nothing of it is asked for again.
fn is_prerender(headers: &HeaderMap) -> bool {
    has_purpose(headers, "prerender")
}

fn has_purpose(headers: &HeaderMap, purpose: &str) -> bool {
    PURPOSES.iter().any(|name| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.to_ascii_lowercase().contains(purpose))
    })
}
