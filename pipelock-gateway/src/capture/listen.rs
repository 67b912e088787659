//! The sockets that steered connections arrive at.
//!
//! No `SO_REUSEPORT`: without it the kernel lets nobody bind beside us. The port is the kernel's choice, and the bind hook
//! keeps captured processes off it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

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
    /// What captured DNS queries are steered to: one socket a family, the same port.
    pub(super) dns: Vec<UdpSocket>,
}

/// The ports a target was steered to before; its programs still know them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ports {
    pub(super) v4: u16,
    pub(super) v6: u16,
    pub(super) dns: u16,
}

/// How often another port is tried for DNS when IPv6 has the one that IPv4 got for something else.
const DNS_ATTEMPTS: usize = 8;

/// Binds in the calling thread's network namespace, to the same ports as before where that is still possible.
///
/// IPv4 listens on the wildcard address, because connections are spread over `127.x.0.1`, but on `lo` only, so that
/// nothing outside the machine reaches it. IPv6 has one loopback address, which the kernel accepts from `lo` alone; bound
/// to the device, its answers to a workload that chose a global source address would find no route.
pub(super) fn bind(before: Ports, with_dns: bool) -> Result<Listeners, Error> {
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let again = |mut address: SocketAddr, port| {
        address.set_port(port);
        (port != 0).then(|| listener(address).ok()).flatten()
    };
    let listen = |address| listener(address).map_err(|source| Error::Listen { address, source });
    let tcp4 = again(v4, before.v4).map_or_else(|| listen(v4), Ok)?;
    let tcp6 = again(v6, before.v6).or_else(|| listener(v6).ok());
    let dns = if with_dns { resolver_sockets(before.dns, tcp6.is_some())? } else { Vec::new() };
    Ok(Listeners { v4: tcp4, v6: tcp6, dns })
}

fn listener(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    } else {
        socket.bind_device(Some(b"lo"))?;
    }
    // Connections of a gateway that died keep its port in TIME_WAIT for a minute. This lets nobody listen beside us: of two
    // listeners the second is refused all the same.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Sockets on `127.0.0.1` and `::1` with one port between them, since a policy has room for one.
fn resolver_sockets(before: u16, with_v6: bool) -> Result<Vec<UdpSocket>, Error> {
    let mut last = None;
    for attempt in 0..DNS_ATTEMPTS {
        let port = if attempt == 0 { before } else { 0 };
        match resolver_pair(port, with_v6) {
            Ok(sockets) => return Ok(sockets),
            Err(error) => last = Some(error),
        }
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let source = last.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into());
    Err(Error::Listen { address, source })
}

fn resolver_pair(port: u16, with_v6: bool) -> std::io::Result<Vec<UdpSocket>> {
    let v4 = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    v4.set_nonblocking(true)?;
    let port = v4.local_addr()?.port();
    let mut sockets = vec![v4];
    if with_v6 {
        let v6 = UdpSocket::bind((Ipv6Addr::LOCALHOST, port))?;
        v6.set_nonblocking(true)?;
        sockets.push(v6);
    }
    Ok(sockets)
}
