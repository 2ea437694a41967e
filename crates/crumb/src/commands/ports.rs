//! Ports of a server, which it takes before it answers on them.
//!
//! A port on which a server listens cannot be taken: a second server ends before it has
//! written anything. Of two that start at the same moment both may have taken it; it is that
//! one's which listens first, and the other ends when it would listen itself.

use anyhow::anyhow;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be taken, at most.
const BACKLOG: u32 = 1_024;

/// A port on which nobody listened when it was taken, and on which connections are refused
/// until [`Self::listen`]: who connects to a server that is still starting, and may not start at
/// all, must not wait for an answer.
pub struct Port {
    socket: TcpSocket,
    what: &'static str,
    flag: &'static str,
    address: SocketAddr,
}

impl Port {
    /// Takes a port, for the listener called so, whose address that flag says.
    ///
    /// # Errors
    /// Where it cannot be had, as one on which somebody listens.
    pub fn take(what: &'static str, flag: &'static str, address: SocketAddr) -> anyhow::Result<Self> {
        let bound = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            // Connections of the server before are in no one's way.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            Ok((socket.local_addr()?, socket))
        };
        let (address, socket) = bound().map_err(|error| cannot_listen(what, flag, address, &error))?;
        Ok(Self { socket, what, flag, address })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes connections from now on.
    ///
    /// # Errors
    /// Where another server, which took the port at the same moment, was the first to listen.
    pub fn listen(self) -> anyhow::Result<TcpListener> {
        let Self { socket, what, flag, address } = self;
        socket.listen(BACKLOG).map_err(|error| cannot_listen(what, flag, address, &error))
    }
}

/// Says why, and how to choose another address where that helps.
pub fn cannot_listen(what: &str, flag: &str, address: SocketAddr, error: &Error) -> anyhow::Error {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => format!("; choose another address by {flag}"),
        _ => String::new(),
    };
    anyhow!("the {what} listener cannot listen on {address}: {error}{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn a_port_takes_connections_once_it_listens_and_is_nobody_elses_then() {
        let any = "127.0.0.1:0".parse().unwrap();
        let port = Port::take("tracking", "--listen", any).unwrap();
        let address = port.address();
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let listener = port.listen().unwrap();
        assert!(TcpStream::connect(address).await.is_ok());
        let error = Port::take("admin", "--admin-listen", address).map(|_| ()).unwrap_err();
        let expected = format!("the admin listener cannot listen on {address}: ");
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert!(error.to_string().ends_with("; choose another address by --admin-listen"), "{error}");
        drop(listener);
    }
}
