//! Connections to addresses that were checked.

use super::Broken;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use url::Host;

/// How long one address is waited for before the next is tried beside it (RFC 8305
/// recommends this): a host with one dead address costs little of a call's time.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// A stream that a request can travel on.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects to the first of these addresses that answers, and to none else.
///
/// Nothing of a request is sent here, so trying several is no repeat of anything.
pub(super) async fn connect(addresses: &[IpAddr], port: u16) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter();
    let mut tries = JoinSet::new();
    let mut last_error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(address) = waiting.next() {
            tries.spawn(TcpStream::connect(SocketAddr::new(*address, port)));
        } else if tries.is_empty() {
            return Err(last_error);
        }
        let has_more = waiting.len() > 0;
        tokio::select! {
            Some(tried) = tries.join_next() => match tried.map_err(io::Error::other).flatten() {
                Ok(stream) => {
                    // The request leaves in one piece; waiting to fill a packet would only delay it.
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last_error = error,
            },
            () = tokio::time::sleep(NEXT_ADDRESS_AFTER), if has_more => {}
        }
    }
}

/// TLS as buyers' servers speak it.
pub(super) fn tls_config(extra_roots: Vec<CertificateDer<'static>>) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for root in extra_roots {
        roots.add(root)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Agrees on keys with the host by its name: the certificate must be its own,
/// whichever address was connected to.
pub(super) async fn handshake(
    connector: &TlsConnector,
    host: &Host<String>,
    stream: TcpStream,
) -> Result<Box<dyn Stream>, Broken> {
    let name = match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_owned();
            ServerName::try_from(name).map_err(|_| Broken("the host's name is no DNS name".to_owned()))?
        }
        Host::Ipv4(address) => ServerName::IpAddress(IpAddr::V4(*address).into()),
        Host::Ipv6(address) => ServerName::IpAddress(IpAddr::V6(*address).into()),
    };
    Ok(Box::new(connector.connect(name, stream).await?))
}
