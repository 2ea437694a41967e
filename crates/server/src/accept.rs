//! Accepting connections: how many at a time, and how they end.

use crate::shares::Shares;
use crate::threads::Threads;
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How long a listener rests after a connection could not be taken, as when the
/// process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections that a listener holds at a time.
pub(crate) struct Places {
    /// Altogether; those beyond wait in the listener's queue.
    pub(crate) all: usize,
    /// Of one client; those beyond are closed at once.
    pub(crate) shares: Arc<Shares>,
    /// Who serves them; nobody: the runtime that accepts them.
    pub(crate) threads: Option<Threads>,
}

/// Serves connections until `shutdown`. Then lets what is under way end, for as long as
/// the caller waits.
pub(crate) async fn serve<C>(
    listener: TcpListener,
    places: Places,
    shutdown: CancellationToken,
    connection: impl Fn(TcpStream, SocketAddr) -> C,
) where
    C: GracefulConnection + Send + 'static,
    C::Error: Send,
{
    let graceful = GracefulShutdown::new();
    let Places { all, shares, threads } = places;
    // Once: whoever is refused goes on trying.
    let mut told = false;
    let places = Arc::new(Semaphore::new(all));
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let (place, accepted) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = async { (place.await, listener.accept().await) } => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(share) = shares.place(peer.ip()) else {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(
                            "an address holds all connections that it may have: a proxy belongs into listen.trusted_proxies"
                        );
                    }
                    continue;
                };
                // Small answers must not wait for an acknowledgement of the last one.
                let _ = stream.set_nodelay(true);
                let thread = threads.as_ref().and_then(Threads::place);
                let runtime = thread.as_ref().map_or_else(Handle::current, |thread| thread.runtime.clone());
                let connection = match made_on(&runtime, stream, |stream| connection(stream, peer)) {
                    Ok(connection) => graceful.watch(connection),
                    Err(error) => {
                        tracing::warn!(%error, "cannot serve a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                };
                runtime.spawn(async move {
                    // A connection that breaks is its client's affair: nothing to log.
                    let _ = connection.await;
                    drop((place, share, thread));
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    graceful.shutdown().await;
    if let Some(threads) = threads {
        threads.end().await;
    }
}

/// Makes a connection of which the runtime has the stream and the timers.
fn made_on<C>(runtime: &Handle, stream: TcpStream, connection: impl FnOnce(TcpStream) -> C) -> io::Result<C> {
    let stream = stream.into_std()?;
    let _entered = runtime.enter();
    Ok(connection(TcpStream::from_std(stream)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use std::convert::Infallible;
    use std::sync::Mutex;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    /// A listener whose requests take some seconds: where it is, what tells that one
    /// has begun, what stops it, and when it has ended.
    async fn started(
        seconds: u64,
        places: Places,
    ) -> (SocketAddr, Arc<Notify>, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (begun, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let begin = Arc::clone(&begun);
        let slow = move |stream, _| {
            let begin = Arc::clone(&begin);
            let service = service_fn(move |_| {
                begin.notify_one();
                async move {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    Ok::<_, Infallible>(http::Response::new(Full::<Bytes>::default()))
                }
            });
            http1::Builder::new().serve_connection(TokioIo::new(stream), service)
        };
        let serving = tokio::spawn(serve(listener, places, stop.clone(), slow));
        (address, begun, stop, serving)
    }

    #[tokio::test]
    async fn connections_are_served_by_the_threads_evenly_until_they_end() {
        let served_by = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&served_by);
        let note_thread = move |stream, _| {
            let noted = Arc::clone(&noted);
            let service = service_fn(move |_| {
                noted.lock().unwrap().extend(std::thread::current().name().map(str::to_owned));
                std::future::ready(Ok::<_, Infallible>(http::Response::new(Full::<Bytes>::default())))
            });
            http1::Builder::new().serve_connection(TokioIo::new(stream), service)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shares, threads) = (Shares::new(9, Vec::new()), Some(Threads::so_many(2).unwrap()));
        let (places, stop) = (Places { all: 9, shares, threads }, CancellationToken::new());
        let serving = tokio::spawn(serve(listener, places, stop.clone(), note_thread));
        let mut clients = Vec::new();
        for _ in 0..4 {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(REQUEST).await.unwrap();
            client.read_exact(&mut [0; 9]).await.unwrap();
            clients.push(client);
        }
        assert_eq!(*served_by.lock().unwrap(), ["serve-0", "serve-1", "serve-0", "serve-1"]);
        stop.cancel();
        serving.await.unwrap();
        for mut client in clients {
            client.read_to_end(&mut Vec::new()).await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_is_let_end_for_as_long_as_the_caller_waits() {
        let places = Places { all: 1, shares: Shares::new(1, Vec::new()), threads: None };
        let (address, begun, stop, serving) = started(500, places).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(REQUEST).await.unwrap();
        begun.notified().await;
        stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(400), serving).await;
        assert!(ended.is_err(), "the caller says how long it waits");
    }

    #[tokio::test]
    async fn a_connection_beyond_its_clients_share_is_closed_at_once() {
        for (proxies, is_served) in [(vec![], false), (vec!["127.0.0.1/32".parse().unwrap()], true)] {
            let places = Places { all: 9, shares: Shares::new(1, proxies), threads: None };
            let (address, _, stop, _) = started(0, places).await;
            let mut first = TcpStream::connect(address).await.unwrap();
            first.write_all(REQUEST).await.unwrap();
            first.read_exact(&mut [0; 9]).await.unwrap();
            let mut second = TcpStream::connect(address).await.unwrap();
            let _ = second.write_all(REQUEST).await;
            assert_eq!(second.read_exact(&mut [0; 9]).await.is_ok(), is_served);
            stop.cancel();
        }
    }
}
