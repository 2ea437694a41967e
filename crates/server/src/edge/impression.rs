//! `GET /i.ashx`: the impression pixel.

use super::Edge;
use super::answer::Answer;
use super::click::is_prefetch;
use crumb_storage::Store;
use crumb_wire::answer::PIXEL_GIF;
use crumb_wire::link::parse_link;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use std::net::SocketAddr;

impl<S: Store + Clone> Edge<S> {
    /// Counts that an advertisement was shown, and answers an image, whatever was shown:
    /// a broken one would spoil the page or mail that it stands in.
    pub(super) async fn impression(&self, request: &Request<Incoming>, peer: SocketAddr) -> Answer {
        let image = Answer::new(StatusCode::OK, "image/gif", PIXEL_GIF).with_nosniff();
        if is_prefetch(request.headers()) {
            return image;
        }
        let Ok(link) = parse_link(request.uri().query().unwrap_or_default().as_bytes()) else {
            return Answer::too_large();
        };
        match self.impressions.impression(&link, &self.client(request, peer)).await {
            Ok(_) => image,
            Err(error) => self.failed(&error),
        }
    }
}
