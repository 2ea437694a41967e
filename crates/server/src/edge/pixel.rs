//! `GET|POST /p.ashx`: the conversion pixel.

use super::Edge;
use super::answer::Answer;
use super::lead::{header_text, read};
use super::outliving::Outliving;
use crumb_storage::Store;
use crumb_wire::answer::{PixelAnswer, render_pixel, unavailable_pixel};
use crumb_wire::input::MAX_INPUT_BYTES;
use crumb_wire::pixel::parse_pixel;
use http::header;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use std::net::SocketAddr;
use std::sync::Arc;

impl<S: Store + Clone> Edge<S> {
    /// Takes a call. The work goes on if the client hangs up, as browsers do that leave
    /// the thank-you page: the conversion is recorded all the same.
    pub(super) async fn pixel(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let client = self.client(&request, peer);
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default().as_bytes().to_vec();
        let body = match read(body, MAX_INPUT_BYTES.saturating_sub(query.len())).await {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let content_type = header_text(&parts.headers, header::CONTENT_TYPE);
        let typed = (content_type.as_deref().unwrap_or_default(), body.as_ref());
        let Ok(request) = parse_pixel(&query, Some(typed)) else {
            return Answer::too_large();
        };
        let form = request.form;
        let conversions = Arc::clone(&self.conversions);
        let recorded = Outliving::new(async move { conversions.pixel(&request, &client).await }).await;
        let answered = match recorded {
            Ok(Ok(answered)) => answered,
            Ok(Err(error)) => {
                self.failed(&error);
                return content(unavailable_pixel(form)).with_retry_after();
            }
            Err(panicked) => {
                tracing::error!(%panicked, "a pixel's work ended early");
                return content(unavailable_pixel(form)).with_retry_after();
            }
        };
        self.metrics.pixel(answered.disposition);
        content(render_pixel(form, answered.disposition, &answered.html))
    }
}

fn content(answer: PixelAnswer) -> Answer {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::new(status, answer.content_type, answer.body).with_nosniff()
}
