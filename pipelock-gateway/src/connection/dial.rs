//! Sockets towards the upstream. Every one is marked as the gateway's own before it connects, so that no program steers
//! it back to us; this is the only place that makes them.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};

use super::Error;
use crate::capture::Datapath;

/// Opens upstream connections.
#[derive(Clone)]
pub struct Dialer {
    datapath: Arc<dyn Datapath>,
}

impl Dialer {
    /// A dialler whose sockets `datapath` marks.
    #[must_use]
    pub fn new(datapath: Arc<dyn Datapath>) -> Self {
        Self { datapath }
    }

    /// Connects to an address within `timeout`; `TCP_NODELAY` is set. Dropping the future closes the socket.
    ///
    /// # Errors
    /// [`Error::Connect`] and [`Error::ConnectTimeout`] are the upstream's; the others are ours.
    pub async fn connect(&self, address: SocketAddr, timeout: Duration) -> Result<TcpStream, Error> {
        let socket = self.socket(address)?;
        let stream = tokio::time::timeout(timeout, socket.connect(address))
            .await
            .map_err(|_| Error::ConnectTimeout { address, timeout })?
            .map_err(|source| Error::Connect { address, source })?;
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    fn socket(&self, address: SocketAddr) -> Result<TcpSocket, Error> {
        let prepare = || {
            let socket =
                Socket::new(Domain::for_address(address), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
            Ok(socket)
        };
        let socket = prepare().map_err(|source| Error::PrepareSocket { address, source })?;
        self.datapath
            .mark_own(socket.as_fd())
            .map_err(|source| Error::MarkOwn { address, source: Box::new(source) })?;
        Ok(TcpSocket::from_std_stream(socket.into()))
    }
}
