//! Accepting connections: how many at a time, and how they end.

use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How long requests under way may take once the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a listener rests after an accept that failed, as it does when the
/// process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves at most `places` connections at a time until `shutdown`; those beyond
/// wait in the listener's queue. Then lets what is under way end.
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
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still under way when the time to drain was up");
    }
}
