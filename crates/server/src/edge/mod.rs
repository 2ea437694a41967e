//! The tracking listener: links, pixels, the form library, lead posts and shared
//! posting documents. Nothing else answers here, so that it can face the
//! internet alone.
//!
//! Plain hyper without a router: nine paths, and the click path should not pay
//! for what it does not use.

mod answer;
mod click;
mod client;
mod connection;
mod document;
mod form_library;
mod lead;

pub use connection::{HEAD_TIMEOUT, IDLE_TIMEOUT, WRITE_TIMEOUT};

use crate::metrics::{Endpoint, Metrics};
use answer::Answer;
use connection::{Phase, TimedStream};
use crumb_intake::Leads;
use crumb_storage::Store;
use crumb_tracking::{Clicks, Installation};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Connections at a time; those beyond wait in the listener's queue. Each costs
/// some 20 KiB, and a process usually may hold that many descriptors.
const MAX_CONNECTIONS: usize = 16_384;
/// Bytes of a request's head: the longest target that HTTP allows here, and room
/// for cookies and headers.
const MAX_HEAD_BYTES: usize = 128 * 1024;
/// How long requests under way may take once the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the listener rests after an accept that failed, as it does when the
/// process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The tracking listener's state.
pub struct Edge<S> {
    site: Arc<Installation<S>>,
    clicks: Clicks<S>,
    leads: Arc<Leads<S>>,
    metrics: Arc<Metrics>,
    trusted_proxies: Vec<IpNet>,
}

impl<S: Store + Clone> Edge<S> {
    /// The listener of an installation. Forwarded addresses and schemes count
    /// only from peers in `trusted_proxies`.
    pub fn new(site: Arc<Installation<S>>, metrics: Arc<Metrics>, trusted_proxies: Vec<IpNet>) -> Self {
        Self {
            clicks: Clicks::new(Arc::clone(&site)),
            leads: Arc::new(Leads::new(Arc::clone(&site))),
            site,
            metrics,
            trusted_proxies,
        }
    }

    /// Serves until `shutdown`, then lets what is under way end.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: CancellationToken) {
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let place = Arc::clone(&places).acquire_owned();
            let (place, accepted) = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = async { (place.await, listener.accept().await) } => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let connection = graceful.watch(self.connection(stream, peer));
                    tokio::spawn(async move {
                        // A connection that breaks is its client's affair: nothing to log.
                        let _ = connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests were still under way when the time to drain was up");
        }
    }

    fn connection(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + use<S> {
        // Small answers must not wait for an acknowledgement of the last one.
        let _ = stream.set_nodelay(true);
        let phase = Phase::default();
        let edge = Arc::clone(self);
        let timed = TimedStream::new(stream, phase.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            phase.begin();
            let (edge, phase) = (Arc::clone(&edge), phase.clone());
            async move {
                let answer = edge.answer(request, peer).await;
                phase.end();
                Ok::<_, Infallible>(answer.into_response())
            }
        });
        http1::Builder::new()
            .header_read_timeout(None)
            .half_close(true)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(timed), service)
    }

    #[expect(clippy::disallowed_methods, reason = "this is an edge that measures")]
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let began = tokio::time::Instant::now();
        let head = *request.method() == Method::HEAD;
        let path = request.uri().path().to_ascii_lowercase();
        let answer = match (path.as_str(), request.method()) {
            ("/" | "/d.ashx" | "/v.ashx", &Method::OPTIONS) => Answer::preflight(),
            ("/", &Method::GET | &Method::HEAD) => self.click(&request, peer).await,
            ("/d.ashx", &Method::GET | &Method::POST) => self.lead(request, peer).await,
            ("/d.js", &Method::GET | &Method::HEAD) => form_library::library(&request),
            ("/js.ashx", &Method::GET) => self.validators(&request, peer).await,
            ("/v.ashx", &Method::GET) => self.validate(&request),
            ("/get.ashx", &Method::GET) => form_library::nothing(&request),
            ("/t.ashx", &Method::GET) => self.start_over(&request, peer).await,
            ("/robots.txt", &Method::GET | &Method::HEAD) => {
                Answer::text(StatusCode::OK, "User-agent: *\nDisallow: /\n")
            }
            (path, &Method::GET) if path.starts_with("/doc/") => self.document(&request).await,
            ("/", _) => Answer::method_not_allowed("GET, HEAD, OPTIONS"),
            ("/d.ashx", _) => Answer::method_not_allowed("GET, POST, OPTIONS"),
            ("/v.ashx", _) => Answer::method_not_allowed("GET, OPTIONS"),
            ("/d.js", _) => Answer::method_not_allowed("GET, HEAD"),
            ("/js.ashx" | "/get.ashx" | "/t.ashx", _) => Answer::method_not_allowed("GET"),
            _ => Answer::not_found(),
        };
        self.metrics.answered(endpoint(&path), answer.status().as_u16(), began.elapsed());
        if head { answer.without_body() } else { answer }
    }
}

fn endpoint(path: &str) -> Endpoint {
    match path {
        "/" => Endpoint::Click,
        "/d.ashx" => Endpoint::Post,
        "/d.js" | "/js.ashx" | "/v.ashx" | "/get.ashx" | "/t.ashx" => Endpoint::Form,
        _ => Endpoint::Other,
    }
}
