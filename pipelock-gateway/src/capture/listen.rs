//! The sockets that steered connections arrive at.
//!
//! No `SO_REUSEPORT`: without it the kernel lets nobody bind beside us. The port is the kernel's choice, and the bind hook
//! keeps captured processes off it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use super::Error;

/// Connections that may wait for `accept()`; the kernel cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// The listeners of one target.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) v4: TcpListener,
    /// Absent where the namespace has no IPv6.
    pub(super) v6: Option<TcpListener>,
}

/// Binds in the calling thread's network namespace.
///
/// IPv4 listens on the wildcard address, because connections are spread over `127.x.0.1`, but on `lo` only, so that
/// nothing outside the machine reaches it. IPv6 has one loopback address.
pub(super) fn bind() -> Result<Listeners, Error> {
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let listen = |address| listener(address).map_err(|source| Error::Listen { address, source });
    Ok(Listeners { v4: listen(v4)?, v6: listener(v6).ok() })
}

fn listener(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind_device(Some(b"lo"))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
