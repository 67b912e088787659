//! The sockets that steered connections arrive at.
//!
//! No `SO_REUSEPORT`: without it the kernel lets nobody bind beside us. The port is the kernel's choice, and the bind hook
//! keeps captured processes off it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;

use pipelock_common::DNS_SLOTS_V6;
use socket2::{Domain, Protocol, Socket, Type};

use super::{Error, sys};

/// Connections that may wait for `accept()`; the kernel cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// The listeners of one target.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) v4: TcpListener,
    /// Absent where the namespace has no IPv6.
    pub(super) v6: Option<TcpListener>,
    /// What captured DNS queries are steered to; see [`super::resolver`].
    pub(super) dns: Vec<UdpSocket>,
}

/// The ports a target was steered to before; its programs still know them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ports {
    pub(super) v4: u16,
    pub(super) v6: u16,
    pub(super) dns: u16,
}

/// How often another port is tried for DNS when one of those that follow it for IPv6 is taken.
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

/// One socket for all slots of IPv4, which tells them by the local address, and one a slot of IPv6, on the ports from the same one
/// on: a policy has room for one number.
fn resolver_sockets(before: u16, with_v6: bool) -> Result<Vec<UdpSocket>, Error> {
    let mut last = None;
    for attempt in 0..DNS_ATTEMPTS {
        let port = if attempt == 0 { before } else { 0 };
        match resolver_block(port, with_v6) {
            Ok(sockets) => return Ok(sockets),
            Err(error) => last = Some(error),
        }
    }
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let source = last.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into());
    Err(Error::Listen { address, source })
}

fn resolver_block(port: u16, with_v6: bool) -> std::io::Result<Vec<UdpSocket>> {
    let v4 = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    v4.bind_device(Some(b"lo"))?;
    v4.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    sys::tell_local_address(v4.as_fd())?;
    let v4: UdpSocket = v4.into();
    let first = v4.local_addr()?.port();
    let mut sockets = vec![v4];
    if with_v6 {
        for slot in 0..u16::try_from(DNS_SLOTS_V6).unwrap_or(0) {
            let port = first.checked_add(slot).ok_or(std::io::ErrorKind::AddrInUse)?;
            sockets.push(UdpSocket::bind((Ipv6Addr::LOCALHOST, port))?);
        }
    }
    for socket in &sockets {
        socket.set_nonblocking(true)?;
    }
    Ok(sockets)
}
