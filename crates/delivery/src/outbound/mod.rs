//! The client that calls buyers.
//!
//! One call: look the name up, check the addresses, connect to what was checked,
//! agree on keys, send one request, read one answer. No connection is used twice,
//! no redirect followed, nothing sent again: a lead must not arrive twice, so
//! whoever calls decides what a failure means. That is why a connection is driven
//! directly instead of through a pooling client, which repeats a request whose
//! connection it finds closed.

mod address;
mod connect;
mod error;
mod observed;
mod progress;
mod resolve;
mod target;
#[cfg(test)]
mod tests;

pub use address::AddressPolicy;
pub use error::{CallError, Failure};
pub use resolve::{ADDRESSES_LIVE, MAX_ADDRESSES, MAX_CACHED_HOSTS, Resolve, Resolving, SystemResolver};
pub use target::{MAX_URL_CHARS, Target, TargetError};

use self::connect::Stream;
use self::observed::Observed;
pub(crate) use self::progress::Progress;
use self::resolve::CachedResolver;
use bytes::Bytes;
use crumb_domain::selling::{Milliseconds, Phase};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::pki_types::CertificateDer;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use url::Host;

/// Bytes of an answer's body that are read; more is an error.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// Bytes of an answer's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Headers of an answer.
const MAX_HEADERS: usize = 128;
/// Calls in flight where the options say nothing: twice the 2,000 that a busy
/// network has, within the files that a process may have open.
pub const DEFAULT_MAX_IN_FLIGHT: usize = 4_096;

/// What an [`Outbound`] is made of.
pub struct OutboundOptions {
    /// Networks that may be called although they are not public.
    pub allow: Vec<IpNet>,
    /// Calls in flight at most; further ones wait within their own time.
    pub max_in_flight: usize,
    /// Certificates trusted besides the browsers' roots.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Where addresses come from.
    pub resolver: Arc<dyn Resolve>,
}

impl Default for OutboundOptions {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            max_in_flight: DEFAULT_MAX_IN_FLIGHT,
            extra_roots: Vec::new(),
            resolver: Arc::new(SystemResolver),
        }
    }
}

/// The client. Made once, shared by all calls.
pub struct Outbound {
    policy: AddressPolicy,
    resolver: CachedResolver,
    tls: TlsConnector,
    in_flight: Semaphore,
}

/// A request, as it leaves.
#[derive(Clone)]
pub struct OutboundRequest {
    /// GET or POST.
    pub method: Method,
    /// Where to.
    pub target: Target,
    /// In this order, after `Host` and before `Content-Length` and `Connection`,
    /// which are the client's own.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; a GET's is not sent.
    pub body: Bytes,
}

/// How long a call may take, connection, TLS, head and body together.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// From its start, waiting for a place included.
    pub timeout: Duration,
    /// The end of the whole that it is a part of.
    pub until: Option<Instant>,
}

/// What came of a call.
#[derive(Debug, Clone)]
pub struct Called {
    /// How far it came.
    pub phase: Phase,
    /// How long each phase took.
    pub ms: Milliseconds,
    /// The answer's status, where its head was read.
    pub status: Option<u16>,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// What was read of the answer's body, at most [`MAX_ANSWER_BYTES`].
    pub answer: Vec<u8>,
    /// Why there is no whole answer.
    pub error: Option<CallError>,
}

/// What went wrong, for people.
struct Broken(String);

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        // TLS errors come wrapped and say more than their kind does.
        match error.get_ref() {
            Some(inner) => Self(inner.to_string()),
            None => Self(error.kind().to_string()),
        }
    }
}

impl From<hyper::Error> for Broken {
    fn from(error: hyper::Error) -> Self {
        match std::error::Error::source(&error) {
            Some(cause) => Self(format!("{error}: {cause}")),
            None => Self(error.to_string()),
        }
    }
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken.0)
    }
}

impl Outbound {
    /// The client; fails where an extra root is no certificate.
    pub fn new(options: OutboundOptions) -> Result<Self, rustls::Error> {
        Ok(Self {
            policy: AddressPolicy::new(options.allow),
            resolver: CachedResolver::new(options.resolver),
            tls: TlsConnector::from(Arc::new(connect::tls_config(options.extra_roots)?)),
            in_flight: Semaphore::new(options.max_in_flight.min(Semaphore::MAX_PERMITS)),
        })
    }

    /// Makes one call. It ends by the budget's end, whatever the other side does;
    /// dropping the future closes the connection.
    pub async fn call(&self, request: OutboundRequest, budget: Budget) -> Called {
        let deadline = deadline(budget);
        let mut progress = Progress::new();
        let ended = tokio::time::timeout_at(deadline, self.run(request, &mut progress)).await;
        progress.observe();
        progress.stop_the_watch();
        let error = match ended {
            Ok(Ok(())) => None,
            Ok(Err(what)) => Some(CallError { phase: progress.phase, what }),
            Err(_) => Some(CallError { phase: progress.phase, what: Failure::TimedOut }),
        };
        Called {
            phase: progress.phase,
            ms: progress.ms,
            status: progress.status,
            headers: progress.headers,
            answer: progress.answer,
            error,
        }
    }

    async fn run(&self, request: OutboundRequest, progress: &mut Progress) -> Result<(), Failure> {
        // The semaphore is never closed; were it, the call would go without a place.
        let _place = self.in_flight.acquire().await;
        let addresses = self.addresses(&request.target.host).await?;
        progress.enter(Phase::Connect);
        let stream = connect::connect(&addresses, request.target.port).await.map_err(Broken::from)?;
        let stream: Box<dyn Stream> = if request.target.is_https {
            progress.enter(Phase::Tls);
            connect::handshake(&self.tls, &request.target.host, stream).await?
        } else {
            Box::new(stream)
        };
        exchange(stream, request, progress).await
    }

    /// The host's addresses that may be called, at least one.
    async fn addresses(&self, host: &Host<String>) -> Result<Vec<IpAddr>, Failure> {
        let found: Arc<[IpAddr]> = match host {
            Host::Ipv4(address) => Arc::new([IpAddr::V4(*address)]),
            Host::Ipv6(address) => Arc::new([IpAddr::V6(*address)]),
            Host::Domain(name) => self.resolver.resolve(name).await.map_err(Broken::from)?,
        };
        let mut refused = None;
        let mut allowed = Vec::with_capacity(found.len());
        for address in found.iter() {
            match self.policy.check(*address) {
                Ok(()) => allowed.push(*address),
                Err(why) => refused = refused.or(Some(why)),
            }
        }
        match refused {
            Some(why) if allowed.is_empty() => Err(Failure::AddressRefused(why)),
            _ => Ok(allowed),
        }
    }
}

/// Sends the request and reads the answer, with the connection driven in this task:
/// nothing is left behind where the call is dropped.
async fn exchange(
    stream: Box<dyn Stream>,
    request: OutboundRequest,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let request = http_request(request)?;
    let (observed, sent) = Observed::new(stream);
    progress.sent = Some(sent);
    let (mut sender, connection) = http1::Builder::new()
        // Header names mean the same in any case, and every current server takes them
        // so; the old ones that compare `Content-Type` letter by letter were written
        // against clients that title-case. So it is always done.
        .title_case_headers(true)
        // Old servers' heads are read as far as they can be understood.
        .ignore_invalid_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .handshake(TokioIo::new(observed))
        .await
        .map_err(Broken::from)?;
    let mut connection = Some(pin!(connection));
    let head = sender.send_request(request);
    let answer = drive(&mut connection, progress, head).await.map_err(Broken::from)?;
    progress.enter(Phase::Body);
    let (head, mut body) = answer.into_parts();
    progress.status = Some(head.status.as_u16());
    progress.headers = head.headers;
    while let Some(frame) = drive(&mut connection, progress, body.frame()).await {
        let frame = frame.map_err(Broken::from)?;
        let Some(data) = frame.data_ref() else { continue };
        let room = MAX_ANSWER_BYTES - progress.answer.len();
        progress.answer.extend_from_slice(data.get(..room).unwrap_or(data));
        if data.len() > room {
            return Err(Failure::AnswerTooLong { limit: MAX_ANSWER_BYTES });
        }
    }
    progress.enter(Phase::Done);
    Ok(())
}

/// Waits for a step of the exchange while the connection moves its bytes.
async fn drive<C: Future, F: Future>(
    connection: &mut Option<Pin<&mut C>>,
    progress: &mut Progress,
    step: F,
) -> F::Output {
    let mut step = pin!(step);
    std::future::poll_fn(move |context| {
        if let Some(running) = connection
            && running.as_mut().poll(context).is_ready()
        {
            // How it ended, the step tells: its answer may be whole.
            *connection = None;
        }
        progress.observe();
        step.as_mut().poll(context)
    })
    .await
}

fn http_request(request: OutboundRequest) -> Result<Request<Full<Bytes>>, Failure> {
    let has_body = request.method != Method::GET;
    let broken = |what: &str| Failure::Broken(what.to_owned());
    let mut headers = HeaderMap::with_capacity(request.headers.len() + 3);
    let host = HeaderValue::try_from(request.target.authority());
    headers.insert(HOST, host.map_err(|_| broken("the host's name is no header value"))?);
    for (name, value) in request.headers {
        // Framing is the client's: a configured length or transfer coding would let
        // one request be read as two.
        if name == HOST {
            headers.insert(name, value);
        } else if !is_framing(&name) {
            headers.append(name, value);
        }
    }
    if has_body {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
    }
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let body = if has_body { request.body } else { Bytes::new() };
    let mut built = Request::new(Full::new(body));
    *built.method_mut() = request.method;
    *built.uri_mut() =
        request.target.path_and_query.parse().map_err(|_| broken("the address has no valid path"))?;
    *built.headers_mut() = headers;
    Ok(built)
}

fn is_framing(name: &HeaderName) -> bool {
    use http::header::{TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
    [CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING, TE, TRAILER, UPGRADE].contains(name)
        || name == "expect"
        || name == "keep-alive"
}

pub(crate) fn deadline(budget: Budget) -> Instant {
    let own = now() + budget.timeout;
    budget.until.map_or(own, |until| own.min(until))
}

#[expect(clippy::disallowed_methods, reason = "a call's time is measured where the call is made")]
fn now() -> Instant {
    Instant::now()
}
