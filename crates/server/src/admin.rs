//! The admin listener: health, metrics and the API.
//!
//! It stands apart from the tracking listener, so that the tracking domain can
//! face the internet alone.

use crate::accept::{self, Places};
use crate::api::problem::{ApiError, LogText};
use crate::api::{self, events, openapi};
use crate::edge::{HEAD_TIMEOUT, Phase, TimedStream};
use crate::metrics::{Metrics, OutboxStands, SellingStands};
use crate::shares::Shares;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use crumb_domain::Clock as _;
use crumb_intake::selling::{Selling, findings};
use crumb_network::Snapshot;
use crumb_storage::{Store, StoreError};
use crumb_tracking::Installation;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// The largest body of a request: the API takes small documents only.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Connections at a time: operators, a console and scrapers, not the public.
const MAX_CONNECTIONS: usize = 1_024;

/// What the admin listener is told at start.
#[derive(Debug, Clone, Default)]
pub struct AdminOptions {
    /// What an operator should know, shown by `/readyz`: "countries are not
    /// enforced". What the running server knows by itself is added there.
    pub warnings: Vec<String>,
    /// Ends streams of events, which would otherwise outlast an orderly stop.
    pub stop: CancellationToken,
    /// Base of generated links where the network names none: the tracking
    /// listener's own address, like `http://127.0.0.1:8080`.
    pub listener_url: String,
}

/// What the routes of the admin listener share.
pub(crate) struct Admin<S> {
    pub(crate) installation: Arc<Installation<S>>,
    pub(crate) selling: Arc<Selling<S>>,
    pub(crate) options: AdminOptions,
    pub(crate) listeners: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl<S> Admin<S> {
    /// Base of generated links.
    pub(crate) fn tracking_url<'a>(&'a self, network: &'a Snapshot) -> &'a str {
        network.settings().tracking_url.as_deref().unwrap_or(&self.options.listener_url)
    }
}

/// Serves the routes of the admin listener until `shutdown`, then lets what is
/// under way end, for as long as the caller waits. A connection must bring a request's head in time; one that brings
/// none is closed as well.
pub async fn serve(listener: TcpListener, routes: Router, shutdown: CancellationToken) {
    // Whoever is let near this listener may use all of it.
    let places =
        Places { all: MAX_CONNECTIONS, shares: Shares::new(MAX_CONNECTIONS, Vec::new()), threads: None };
    accept::serve(listener, places, shutdown, |stream, _| {
        // Reading is timed by hyper, and each body by itself; a client that takes nothing of its
        // answer is given up here.
        let phase = Phase::default();
        phase.begin(None);
        http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).serve_connection(
            TokioIo::new(TimedStream::new(stream, phase)),
            TowerToHyperService::new(routes.clone()),
        )
    })
    .await;
}

/// The routes of the admin listener.
pub fn admin_router<S: Store + Clone>(
    installation: Arc<Installation<S>>,
    selling: Arc<Selling<S>>,
    metrics: Arc<Metrics>,
    options: AdminOptions,
) -> Router {
    let listeners = Arc::new(Semaphore::new(events::MAX_LISTENERS));
    let admin = Arc::new(Admin { installation, selling, options, listeners, metrics });
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready::<S>))
        .route("/metrics", get(metrics_text::<S>))
        .route("/api/v1/openapi.json", get(openapi::document))
        .nest("/api/v1", api::router(admin.clone()))
        .fallback(api::not_found)
        .method_not_allowed_fallback(api::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(guard))
        .with_state(admin)
}

/// `/healthz`: the process lives and answers.
async fn health() -> &'static str {
    "ok"
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    reason: Option<String>,
    config_version: i64,
    warnings: Vec<String>,
}

/// `/readyz`: whether it may take traffic, which it may while writes succeed.
async fn ready<S: Store + Clone>(State(admin): State<Arc<Admin<S>>>) -> (StatusCode, Json<Readiness>) {
    let installation = &admin.installation;
    let reason = installation.store.ready().await.err().map(|error| error.to_string());
    let network = installation.network.snapshot();
    let mut warnings = admin.options.warnings.clone();
    let offset = installation.clock.offset_seconds();
    if offset != 0 {
        warnings.push(format!("the clock is shifted by {offset} seconds"));
    }
    let unsettled = admin.selling.unsettled();
    if unsettled > 0 {
        warnings.push(format!("{unsettled} leads stay in hand until the store takes what became of them"));
    }
    let missing = network.missing_secrets();
    warnings.extend(missing.into_iter().map(|name| format!("a secret is not in the environment: {name}")));
    warnings.extend(findings::switched_off_texts(&network));
    let status = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let config_version = network.version().0;
    (status, Json(Readiness { ready: reason.is_none(), reason, config_version, warnings }))
}

/// `/metrics`, for Prometheus.
async fn metrics_text<S: Store + Clone>(State(admin): State<Arc<Admin<S>>>) -> Result<Response, ApiError> {
    let installation = &admin.installation;
    let counted = async {
        let counts = installation.store.selling_counts().await?;
        let waiting = installation.store.waiting_deliveries().await?;
        let outbox = OutboxStands::new(waiting, installation.clock.now());
        Ok::<_, StoreError>(SellingStands { counts, skipped_buyers: admin.selling.skipped_buyers(), outbox })
    };
    let stands = match counted.await {
        Ok(stands) => Some(stands),
        Err(error) => {
            // The other series are worth more than ever now.
            tracing::warn!(%error, "what is being sold cannot be counted");
            None
        }
    };
    let text = admin.metrics.text(stands).map_err(|error| ApiError::Internal(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// The outermost layer: turns a panic into an answer, logs what went wrong once,
/// and says how answers may be used. Query strings hold people's data and are
/// never logged.
async fn guard(request: Request<Body>, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let mut response = match unpanicked(next.run(request)).await {
        Some(response) => response,
        None => ApiError::Internal("a handler panicked".to_owned()).into_response(),
    };
    if let Some(LogText(error)) = response.extensions().get() {
        let route = route.unwrap_or_default();
        tracing::error!(%method, route, status = response.status().as_u16(), error, "admin request failed");
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// The future's value, `None` where it panicked. What it held is dropped with
/// it, so that nothing half-changed is seen afterwards.
async fn unpanicked<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod tests;
