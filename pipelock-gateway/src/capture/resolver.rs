//! The sockets that DNS queries of a target are steered to, and the places they arrive at.
//!
//! A place stands for one server that one cgroup asks; the programs chose it (`pipelock-ebpf/src/dns.rs`) and the answer must leave
//! from it, because that is how the workload is shown the server it asked. Nothing here reads a query.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use pipelock_common::{DNS_SLOTS_V4, DNS_SLOTS_V6, DnsServer, dns_address, dns_slot};
use tokio::io::unix::AsyncFd;

use super::{Asked, maps, sys, workload};
use crate::model::{CgroupId, NetnsCookie};

/// One socket that queries arrive at; non-blocking.
#[derive(Debug)]
pub struct ResolverSocket {
    socket: UdpSocket,
    /// `None` for IPv4, where each datagram tells its own.
    slot: Option<u32>,
}

/// Where a query arrived, and so for whom it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place(pub(super) u32);

/// A datagram as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Bytes of it, at the start of the buffer.
    pub length: usize,
    /// The workload's end.
    pub from: SocketAddr,
    /// Where it arrived.
    pub place: Place,
}

impl ResolverSocket {
    /// The sockets of one target, in any order, as `listen::bind` makes them.
    pub(super) fn all(sockets: Vec<UdpSocket>) -> io::Result<Vec<Self>> {
        let mut first = None;
        for socket in &sockets {
            let address = socket.local_addr()?;
            if address.is_ipv4() {
                first = Some(u32::from(address.port()));
            }
        }
        let first = first.ok_or(io::ErrorKind::InvalidInput)?;
        let slot = |address: SocketAddr| u32::from(address.port()).checked_sub(first).filter(|s| *s < DNS_SLOTS_V6);
        let one = |socket: UdpSocket| {
            let address = socket.local_addr()?;
            let slot = match address {
                SocketAddr::V4(_) => None,
                SocketAddr::V6(_) => Some(DNS_SLOTS_V4 + slot(address).ok_or(io::ErrorKind::InvalidInput)?),
            };
            Ok(Self { socket, slot })
        };
        sockets.into_iter().map(one).collect()
    }

    /// Watches it in the current tokio runtime.
    ///
    /// # Errors
    /// When the runtime cannot.
    pub fn watch(self) -> io::Result<AsyncFd<Self>> {
        sys::watch(self)
    }

    /// The next query, if there is one.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; `InvalidData` for one that does not fit or came to no place.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Datagram> {
        if let Some(slot) = self.slot {
            let (length, from) = self.socket.recv_from(buffer)?;
            return Ok(Datagram { length, from, place: Place(slot) });
        }
        let (length, from, local) = sys::receive_at(self.socket.as_fd(), buffer)?;
        let slot = local.and_then(|local| dns_slot(u32::from_ne_bytes(local.octets())));
        let place = slot.map(Place).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Datagram { length, from: from.into(), place })
    }

    /// Sends an answer from the place at which its query arrived.
    ///
    /// # Errors
    /// What the kernel says; `WouldBlock` when the workload does not read its answers.
    pub fn answer(&self, bytes: &[u8], query: &Datagram) -> io::Result<()> {
        match (self.slot, query.from) {
            (None, SocketAddr::V4(to)) => {
                let local = Ipv4Addr::from(dns_address(query.place.0).to_ne_bytes());
                sys::send_from(self.socket.as_fd(), bytes, to, local)
            }
            _ => self.socket.send_to(bytes, query.from).map(drop),
        }
    }

    /// The socket alone.
    pub(super) fn into_socket(self) -> UdpSocket {
        self.socket
    }

    /// The same socket, for a successor.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn try_clone_socket(&self) -> io::Result<UdpSocket> {
        self.socket.try_clone()
    }
}

impl AsFd for ResolverSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for ResolverSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// What the programs say of a place; `None` for a record of a family they do not write.
pub(super) fn asked(server: &DnsServer, netns: NetnsCookie) -> Option<Asked> {
    let ip: IpAddr = maps::address(server.addr, server.family)?;
    let workload = workload(CgroupId(server.cgroup), netns, server.pid, server.uid);
    Some(Asked { server: SocketAddr::new(ip, u16::from_be(server.port_be)), workload })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::listen;

    #[test]
    fn a_query_tells_its_place_and_the_answer_leaves_from_there() {
        let listeners = listen::bind(listen::Ports::default(), true).unwrap();
        let sockets = ResolverSocket::all(listeners.dns).unwrap();
        let v4 = sockets.iter().find(|socket| socket.slot.is_none()).unwrap();
        let port = v4.socket.local_addr().unwrap().port();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        for slot in [0, 1, 63] {
            let place = Ipv4Addr::from(dns_address(slot).to_ne_bytes());
            client.send_to(b"question", (place, port)).unwrap();
            let mut buffer = [0; 64];
            let query = v4.receive(&mut buffer).unwrap();
            assert_eq!((query.place, &buffer[..query.length]), (Place(slot), b"question".as_slice()));
            v4.answer(b"answer", &query).unwrap();
            let (_, from) = client.recv_from(&mut buffer).unwrap();
            assert_eq!(from, (place, port).into());
        }
        client.send_to(b"question", ("127.0.0.1", port)).unwrap();
        let elsewhere = v4.receive(&mut [0; 64]).unwrap_err();
        assert_eq!(elsewhere.kind(), io::ErrorKind::InvalidData, "that is no place");
        assert_eq!(v4.receive(&mut [0; 64]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        client.send_to(&[0; 65], (Ipv4Addr::from(dns_address(0).to_ne_bytes()), port)).unwrap();
        assert_eq!(v4.receive(&mut [0; 64]).unwrap_err().kind(), io::ErrorKind::InvalidData, "it does not fit");
    }
}
