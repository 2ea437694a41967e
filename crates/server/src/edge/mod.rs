//! The tracking listener: links, pixels, the pages' scripts, lead posts and shared
//! posting documents. Nothing else answers here, so that it can face the
//! internet alone.
//!
//! Plain hyper without a router: a dozen paths, and the click path should not pay
//! for what it does not use.

mod answer;
mod click;
mod client;
mod connection;
mod direct_linking;
mod document;
mod form_library;
mod impression;
mod lead;
mod lenient;
mod outliving;
mod ping;
mod pixel;
mod target;

pub use connection::{FIRST_BYTE_TIMEOUT, HEAD_TIMEOUT, IDLE_TIMEOUT, WRITE_TIMEOUT};

use crate::accept::{self, Places};
use crate::metrics::{Endpoint, Metrics};
use crate::shares::Shares;
use crate::threads::Threads;
use answer::Answer;
pub(crate) use connection::{Phase, TimedStream};
use crumb_intake::Leads;
use crumb_intake::selling::Selling;
use crumb_storage::Store;
use crumb_tracking::{Clicks, Conversions, Impressions, Installation};
use http::{Method, Request, StatusCode, Version, header};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use lenient::LenientStream;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Connections at a time. Each costs some 20 KiB, and a process usually may hold that many descriptors.
const MAX_CONNECTIONS: usize = 16_384;
/// Connections of one client address (IPv6: of one /64) at a time: an eighth of all, so that no client
/// shuts the others out, and enough for all who share an address behind a carrier's network. Trusted
/// proxies, who stand for everybody, may have any number.
const MAX_CONNECTIONS_PER_CLIENT: usize = MAX_CONNECTIONS / 8;
/// Seconds between two lines of the log about the same trouble.
const TROUBLE_INTERVAL_SECONDS: i64 = 10;
/// Bytes of a request's head: the longest target that HTTP allows here, and room
/// for cookies and headers.
const MAX_HEAD_BYTES: usize = 128 * 1024;

/// The tracking listener's state.
pub struct Edge<S> {
    site: Arc<Installation<S>>,
    clicks: Clicks<S>,
    conversions: Arc<Conversions<S>>,
    impressions: Impressions<S>,
    leads: Arc<Leads<S>>,
    metrics: Arc<Metrics>,
    trusted_proxies: Vec<IpNet>,
    /// The second in which trouble was last told.
    trouble_told: AtomicI64,
}

impl<S: Store + Clone> Edge<S> {
    /// The listener of an installation. Forwarded addresses and schemes count
    /// only from peers in `trusted_proxies`.
    pub fn new(
        site: Arc<Installation<S>>,
        selling: Arc<Selling<S>>,
        metrics: Arc<Metrics>,
        trusted_proxies: Vec<IpNet>,
    ) -> Self {
        Self {
            clicks: Clicks::new(Arc::clone(&site)),
            conversions: Arc::new(Conversions::new(Arc::clone(&site))),
            impressions: Impressions::new(Arc::clone(&site)),
            leads: Arc::new(Leads::new(Arc::clone(&site), selling)),
            site,
            metrics,
            trusted_proxies,
            trouble_told: AtomicI64::new(i64::MIN / 2),
        }
    }

    /// Serves with the given threads until `shutdown`, then lets what is under way end, for as
    /// long as the caller waits.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        threads: Threads,
        shutdown: CancellationToken,
    ) {
        let shares = Shares::new(MAX_CONNECTIONS_PER_CLIENT, self.trusted_proxies.clone());
        let places = Places { all: MAX_CONNECTIONS, shares, threads: Some(threads) };
        accept::serve(listener, places, shutdown, |stream, peer| self.connection(stream, peer)).await;
    }

    /// The answer while nothing can be recorded; said in the log now and then: at
    /// thousands of clicks a second a line for each would fill the disk that has no
    /// room.
    fn failed(&self, error: &dyn std::fmt::Display) -> Answer {
        self.metrics.store_write_failed();
        let now = self.site.clock.now().unix_seconds();
        let told = self.trouble_told.load(Ordering::Relaxed);
        let is_due = (now - told).abs() >= TROUBLE_INTERVAL_SECONDS;
        if is_due
            && self.trouble_told.compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            tracing::error!(%error, "requests cannot be recorded and are answered 503");
        }
        Answer::unavailable()
    }

    fn connection(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + use<S> {
        let phase = Phase::default();
        let edge = Arc::clone(self);
        let stream = LenientStream::new(TimedStream::new(stream, phase.clone()), phase.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            phase.begin(request.body().size_hint().exact());
            if let Some(fragment) = phase.fragment() {
                request.extensions_mut().insert(fragment);
            }
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
            // Answers are small: one buffer and a plain write cost less than two and a vectored one.
            .writev(false)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
    }

    #[expect(clippy::disallowed_methods, reason = "this is an edge that measures")]
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let began = tokio::time::Instant::now();
        let head = *request.method() == Method::HEAD;
        let path = request.uri().path().to_ascii_lowercase();
        let answer = match (path.as_str(), request.method()) {
            _ if !names_one_host(&request) => Answer::bad_request("A request of HTTP/1.1 names one host.\n"),
            (path @ ("/" | "/d.ashx" | "/v.ashx"), &Method::OPTIONS) => Answer::preflight(methods(path)),
            ("/", &Method::GET | &Method::HEAD) => self.click(&request, peer).await,
            ("/d.ashx", &Method::GET | &Method::POST) => self.lead(request, peer).await,
            ("/ping.ashx", &Method::GET | &Method::POST) => Box::pin(self.ping(request, peer)).await,
            ("/p.ashx", &Method::GET | &Method::POST) => self.pixel(request, peer).await,
            ("/i.ashx", &Method::GET | &Method::HEAD) => self.impression(&request, peer).await,
            ("/d.js", &Method::GET | &Method::HEAD) => form_library::library(&request),
            ("/dl.js", &Method::GET | &Method::HEAD) => direct_linking::landing_page_script(),
            ("/cv.js", &Method::GET | &Method::HEAD) => direct_linking::thank_you_page_script(),
            ("/js.ashx", &Method::GET) => self.validators(&request, peer).await,
            ("/v.ashx", &Method::GET) => self.validate(&request),
            ("/get.ashx", &Method::GET) => form_library::nothing(&request),
            ("/t.ashx", &Method::GET) => self.start_over(&request, peer).await,
            ("/robots.txt", &Method::GET | &Method::HEAD) => {
                Answer::text(StatusCode::OK, "User-agent: *\nDisallow: /\n")
            }
            (path, &Method::GET | &Method::HEAD) if path.starts_with("/doc/") => {
                self.document(&request).await
            }
            (
                path @ ("/" | "/d.ashx" | "/p.ashx" | "/i.ashx" | "/ping.ashx" | "/v.ashx" | "/d.js"
                | "/dl.js" | "/cv.js" | "/js.ashx" | "/get.ashx" | "/t.ashx"),
                _,
            ) => Answer::method_not_allowed(methods(path)),
            _ => Answer::not_found(),
        };
        self.metrics.answered(endpoint(&path), answer.status().as_u16(), began.elapsed());
        if head { answer.without_body() } else { answer }
    }
}

/// Whether a request has the one `Host` that HTTP/1.1 asks for (RFC 9112, 3.2): of two, a proxy in front may
/// have judged the other. The older HTTP/1.0 needs none.
fn names_one_host(request: &Request<Incoming>) -> bool {
    let named = request.headers().get_all(header::HOST).iter().count();
    named == 1 || named == 0 && request.version() < Version::HTTP_11
}

/// The methods of a path, as `Allow` and a preflight's answer name them.
fn methods(path: &str) -> &'static str {
    match path {
        "/" => "GET, HEAD, OPTIONS",
        "/d.ashx" => "GET, POST, OPTIONS",
        "/p.ashx" | "/ping.ashx" => "GET, POST",
        "/v.ashx" => "GET, OPTIONS",
        "/d.js" | "/dl.js" | "/cv.js" | "/i.ashx" => "GET, HEAD",
        _ => "GET",
    }
}

fn endpoint(path: &str) -> Endpoint {
    match path {
        "/" => Endpoint::Click,
        "/d.ashx" => Endpoint::Post,
        "/p.ashx" => Endpoint::Pixel,
        "/i.ashx" => Endpoint::Impression,
        "/ping.ashx" => Endpoint::Ping,
        "/d.js" | "/dl.js" | "/cv.js" | "/js.ashx" | "/v.ashx" | "/get.ashx" | "/t.ashx" => Endpoint::Form,
        _ => Endpoint::Other,
    }
}
