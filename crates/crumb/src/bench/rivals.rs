//! The servers that Crumb is compared with, on the same HTTP engine and runtime.

use super::arguments::{RivalArguments, RivalKind};
use super::journal::Journal;
use super::selling::rivals::{calls, wait};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Where everybody is sent.
pub const TARGET: &str = "https://lp.example/quote?reqid=1234567890123456&s1=sub1";

/// Serves until the process is ended; the first line of standard output is the
/// address.
///
/// # Errors
/// Where it cannot listen, or make its file.
pub fn run(arguments: &RivalArguments) -> anyhow::Result<()> {
    crate::descriptors::raise_limit();
    let work = match arguments.kind {
        RivalKind::Bare => Work::Redirect,
        RivalKind::Append => Work::Append(Journal::open(&arguments.file)?),
        RivalKind::Wait => Work::Wait(Duration::from_millis(arguments.wait_ms.into())),
        RivalKind::Calls => Work::Call(arguments.buyers),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(serve(stream, work.clone()));
        }
    })
}

/// What is done before a request is answered.
#[derive(Clone)]
enum Work {
    Redirect,
    Append(Journal),
    Wait(Duration),
    Call(SocketAddr),
}

async fn serve(stream: TcpStream, work: Work) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, work.clone()));
    // A connection that breaks is its client's affair.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, work: Work) -> hyper::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(match work {
        Work::Redirect => redirect(true),
        Work::Append(journal) => redirect(journal.append(|bytes| write_record(bytes, &head, &body)).await),
        Work::Wait(time) => wait(time).await,
        Work::Call(buyers) => calls(buyers, &body).await,
    })
}

fn redirect(stored: bool) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(PAGE)));
    *response.status_mut() = if stored { StatusCode::FOUND } else { StatusCode::SERVICE_UNAVAILABLE };
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::from_static(TARGET));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

const PAGE: &[u8] = b"<!DOCTYPE html><title>Object moved</title>Object moved.";

/// What Crumb keeps of a request too: the target, who asked, whence, and the body.
fn write_record(bytes: &mut Vec<u8>, head: &http::request::Parts, body: &[u8]) {
    let target = head.uri.path_and_query().map(|target| target.as_str()).unwrap_or_default();
    bytes.extend_from_slice(target.as_bytes());
    for name in [header::USER_AGENT, header::REFERER] {
        bytes.push(b'\t');
        bytes.extend_from_slice(head.headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default());
    }
    bytes.push(b'\t');
    bytes.extend_from_slice(body);
    bytes.push(b'\n');
}
