//! What the kernel programs refused, as typed values out of their ring buffer.
//!
//! Refusals only; steered connections are seen on accept. A full buffer loses records, counted by the programs.

use std::fmt;
use std::net::SocketAddr;

use aya::maps::{MapData, RingBuf};
use pipelock_common::{DenialReason, Event, LAYOUT_VERSION};
use tokio::io::unix::AsyncFd;

use super::{Error, maps, sys, workload};
use crate::model::{CgroupId, NetnsCookie, Workload};

/// One refused operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub reason: DenialReason,
    /// `IPPROTO_` number of the socket.
    pub protocol: u16,
    /// Where it was to go, or to bind; `None` when the socket itself was refused. IPv4-mapped addresses as IPv4.
    pub address: Option<SocketAddr>,
    /// Who tried.
    pub workload: Workload,
}

impl fmt::Display for Denial {
    /// One line for a terminal: what was refused, to whom, why. No port or pid of the caller, so that retries read the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.reason {
            DenialReason::Quic => "QUIC (UDP/443); clients fall back to TCP",
            DenialReason::Udp => "UDP",
            DenialReason::SocketType => "a socket of a type that cannot be redirected (raw, MPTCP, SCTP, ...)",
            DenialReason::ReservedPort => "a bind to a port of the gateway",
            DenialReason::Storage => "a connection that could not be recorded",
            DenialReason::DeviceBound => "a connection bound to a device",
            DenialReason::NoPolicy => "a connection of a process that left its cgroup",
            DenialReason::Protocol => "an unknown transport protocol",
            DenialReason::DnsServers => "more DNS servers at once than can be told apart",
        };
        write!(f, "the kernel refused {what}")?;
        if let Some(address) = self.address {
            write!(f, ", to {address}")?;
        }
        match &self.workload.executable {
            Some(path) => write!(f, ", from {path}"),
            None => Ok(()),
        }
    }
}

/// The reading end; there is one for each loaded datapath.
#[derive(Debug)]
pub struct Denials {
    ring: AsyncFd<Ring>,
}

/// aya's ring buffer has no `Debug`.
struct Ring(RingBuf<MapData>);

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RingBuf(EVENTS)")
    }
}

impl std::os::fd::AsRawFd for Ring {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.as_raw_fd()
    }
}

impl Denials {
    /// Must be called inside a tokio runtime.
    pub(super) fn new(ring: RingBuf<MapData>) -> Result<Self, Error> {
        let ring = sys::watch(Ring(ring)).map_err(|e| Error::io("watching", "EVENTS", e))?;
        Ok(Self { ring })
    }

    /// Waits for the next one. Records of a layout this version does not know are passed over. Dropping the future loses
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Io`] when the runtime is shutting down.
    pub async fn next(&mut self) -> Result<Denial, Error> {
        loop {
            let mut ready = self.ring.readable_mut().await.map_err(|e| Error::io("watching", "EVENTS", e))?;
            while let Some(item) = ready.get_inner_mut().0.next() {
                if let Some(denial) = parse(&item) {
                    return Ok(denial);
                }
            }
            ready.clear_ready();
        }
    }
}

/// Reads a record; `None` when it is not one of this layout.
fn parse(bytes: &[u8]) -> Option<Denial> {
    let event = event(bytes)?;
    let address = maps::address(event.addr, event.family).map(|ip| SocketAddr::new(ip, u16::from_be(event.port_be)));
    Some(Denial {
        reason: DenialReason::from_raw(event.reason)?,
        protocol: event.protocol,
        address,
        workload: workload(CgroupId(event.cgroup), NetnsCookie(event.netns), event.pid, event.uid),
    })
}

/// Reads the fields one by one, in the order of `pipelock_common::Event`: the buffer promises no alignment.
fn event(bytes: &[u8]) -> Option<Event> {
    if bytes.len() != size_of::<Event>() {
        return None;
    }
    let u64_at = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let u32_at = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let u16_at = |at: usize| Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let event = Event {
        boot_ns: u64_at(0)?,
        netns: u64_at(8)?,
        cgroup: u64_at(16)?,
        cookie: u64_at(24)?,
        addr: [u32_at(32)?, u32_at(36)?, u32_at(40)?, u32_at(44)?],
        pid: u32_at(48)?,
        uid: u32_at(52)?,
        version: u16_at(56)?,
        reason: u16_at(58)?,
        port_be: u16_at(60)?,
        protocol: u16_at(62)?,
        family: *bytes.get(64)?,
        socket_type: *bytes.get(65)?,
        reserved: [0; 6],
    };
    (event.version == LAYOUT_VERSION).then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> [u8; 72] {
        let mut bytes = [0; 72];
        bytes[16..24].copy_from_slice(&77_u64.to_ne_bytes());
        bytes[32..36].copy_from_slice(&[203, 0, 113, 10]);
        bytes[48..52].copy_from_slice(&0_u32.to_ne_bytes());
        bytes[52..56].copy_from_slice(&1000_u32.to_ne_bytes());
        bytes[56..58].copy_from_slice(&LAYOUT_VERSION.to_ne_bytes());
        bytes[58..60].copy_from_slice(&(DenialReason::Quic as u16).to_ne_bytes());
        bytes[60..62].copy_from_slice(&443_u16.to_be_bytes());
        bytes[62..64].copy_from_slice(&17_u16.to_ne_bytes());
        bytes[64] = 4;
        bytes
    }

    #[test]
    fn record_is_read_field_by_field() {
        let denial = parse(&record()).unwrap();
        assert_eq!(denial.reason, DenialReason::Quic);
        assert_eq!(denial.protocol, 17);
        assert_eq!(denial.address, Some("203.0.113.10:443".parse().unwrap()));
        assert_eq!((denial.workload.cgroup, denial.workload.uid), (CgroupId(77), 1000));
    }

    #[test]
    fn unknown_layouts_are_passed_over() {
        let mut other_version = record();
        other_version[56] ^= 0xff;
        let mut other_reason = record();
        other_reason[58] = 0xff;
        for bytes in [&other_version[..], &other_reason[..], &record()[..71], &[]] {
            assert_eq!(parse(bytes), None);
        }
    }
}
