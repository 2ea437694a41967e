//! `GET /doc/{token}`: posting documents that were given out.

use super::Edge;
use super::answer::Answer;
use crate::posting_doc::{SHARED_HEADERS, SharedPage, shared_page};
use crumb_storage::Store;
use crumb_wire::input::parse_query;
use http::{Request, StatusCode};
use hyper::body::Incoming;

impl<S: Store + Clone> Edge<S> {
    /// A shared document, or a 404 that does not say why.
    pub(super) async fn document(&self, request: &Request<Incoming>) -> Answer {
        let token = request.uri().path().trim_start_matches("/doc/").to_owned();
        let Ok(query) = parse_query(request.uri().query().unwrap_or_default().as_bytes()) else {
            return Answer::too_large();
        };
        let page = match shared_page(&self.site, &token, query.get("method")).await {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "a shared document could not be read");
                return Answer::unavailable();
            }
        };
        let answer = match page {
            SharedPage::Html(html) => Answer::new(StatusCode::OK, "text/html; charset=utf-8", html),
            SharedPage::NotFound => Answer::not_found(),
        };
        SHARED_HEADERS.iter().fold(answer, |answer, (name, value)| answer.with(name.clone(), value.clone()))
    }
}
