//! Accepting connections: how many at a time, and how they end.

use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How long a listener rests after an accept that failed, as it does when the
/// process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves at most `places` connections at a time until `shutdown`; those beyond
/// wait in the listener's queue. Then lets what is under way end, for as long as
/// the caller waits.
pub(crate) async fn serve<C>(
    listener: TcpListener,
    places: usize,
    shutdown: CancellationToken,
    connection: impl Fn(TcpStream, SocketAddr) -> C,
) where
    C: GracefulConnection + Send + 'static,
    C::Error: Send,
{
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(places));
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let (place, accepted) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = async { (place.await, listener.accept().await) } => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Small answers must not wait for an acknowledgement of the last one.
                let _ = stream.set_nodelay(true);
                let connection = graceful.watch(connection(stream, peer));
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
    graceful.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::AsyncWriteExt as _;
    use tokio::sync::Notify;

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_is_let_end_for_as_long_as_the_caller_waits() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (begun, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let begin = Arc::clone(&begun);
        let slow = move |stream, _| {
            let begin = Arc::clone(&begin);
            let service = service_fn(move |_| {
                begin.notify_one();
                async {
                    tokio::time::sleep(Duration::from_secs(500)).await;
                    Ok::<_, std::convert::Infallible>(http::Response::new(Full::<Bytes>::default()))
                }
            });
            http1::Builder::new().serve_connection(TokioIo::new(stream), service)
        };
        let serving = tokio::spawn(serve(listener, 1, stop.clone(), slow));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        begun.notified().await;
        stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(400), serving).await;
        assert!(ended.is_err(), "the caller says how long it waits");
    }
}
