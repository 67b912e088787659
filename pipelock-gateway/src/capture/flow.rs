//! From an accepted socket to the record the programs made of it, and the sweep of records nobody came for.

use std::collections::HashSet;
use std::net::SocketAddr;

use pipelock_common::{FlowKey, SkMeta, family, meta_kind};

use super::maps::{self, Maps};
use super::{Error, FlowTuple, Steered, workload};
use crate::model::{CgroupId, OriginalDst};

/// What the programs recorded about a flow; reads and deletes it.
pub(super) fn take(maps: &Maps, flow: FlowTuple) -> Result<Option<Steered>, Error> {
    let key = flow_key(flow)?;
    match maps.take_flow(&key)? {
        Some(meta) => steered(flow, &meta).map(Some),
        None => Ok(None),
    }
}

/// Records that were there at the last look and still are: their sockets ended in a queue that no gateway emptied.
///
/// Called a minute apart, so that what waits in the accept queue of a gateway that was only stopped has had a minute to be
/// accepted since it runs again.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    seen: HashSet<FlowKey>,
}

impl Sweep {
    /// Removes what is left over; how many that were.
    pub(super) fn run(&mut self, maps: &Maps) -> Result<usize, Error> {
        let waiting = maps.waiting_flows()?;
        let mut removed = 0;
        for key in waiting.iter().filter(|key| self.seen.contains(key)) {
            removed += usize::from(maps.drop_flow(key)?);
        }
        self.seen = waiting.into_iter().collect();
        Ok(removed)
    }
}

/// The key under which `sock_ops` published a flow: what is the peer to us is the source to the workload.
fn flow_key(flow: FlowTuple) -> Result<FlowKey, Error> {
    let (source, destination) = (flow.peer.ip().to_canonical(), flow.local.ip().to_canonical());
    if source.is_ipv4() != destination.is_ipv4() {
        return Err(Error::MixedFamilies { flow });
    }
    Ok(FlowKey {
        netns: flow.netns.0,
        saddr: maps::words(source),
        daddr: maps::words(destination),
        sport: flow.peer.port(),
        dport: flow.local.port(),
        family: u32::from(if source.is_ipv4() { family::V4 } else { family::V6 }),
    })
}

/// What a record says about a flow. Refuses one that cannot be about it.
fn steered(flow: FlowTuple, meta: &SkMeta) -> Result<Steered, Error> {
    let mismatch = || Error::RecordMismatch { flow };
    let expected = if flow.local.ip().to_canonical().is_ipv4() { family::V4 } else { family::V6 };
    if meta.kind != meta_kind::TCP || meta.family != expected || meta.steered_port != flow.local.port() {
        return Err(mismatch());
    }
    let ip = maps::address(meta.addr, meta.family).ok_or_else(mismatch)?;
    Ok(Steered {
        original_dst: OriginalDst::new(SocketAddr::new(ip, u16::from_be(meta.port_be))),
        workload: workload(CgroupId(meta.cgroup), flow.netns, meta.pid, meta.uid),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NetnsCookie;

    fn flow(peer: &str, local: &str) -> FlowTuple {
        FlowTuple { netns: NetnsCookie(5), peer: peer.parse().unwrap(), local: local.parse().unwrap() }
    }

    fn meta() -> SkMeta {
        SkMeta {
            addr: maps::words("203.0.113.10".parse().unwrap()),
            port_be: 443_u16.to_be(),
            family: family::V4,
            kind: meta_kind::TCP,
            steered_port: 4001,
            cgroup: 9,
            ..SkMeta::own()
        }
    }

    #[test]
    fn mapped_flows_have_the_key_of_the_ipv4_flow() {
        let plain = flow_key(flow("10.0.0.1:5000", "127.3.0.1:4001")).unwrap();
        assert_eq!(flow_key(flow("[::ffff:10.0.0.1]:5000", "[::ffff:127.3.0.1]:4001")).unwrap(), plain);
        assert_eq!((plain.sport, plain.dport, plain.family), (5000, 4001, 4));
        assert_ne!(flow_key(flow("10.0.0.1:5000", "127.4.0.1:4001")).unwrap(), plain, "destination is in the key");
    }

    #[test]
    fn families_are_never_mixed() {
        let mixed = flow("[2001:db8::1]:5000", "127.0.0.1:4001");
        assert!(matches!(flow_key(mixed), Err(Error::MixedFamilies { .. })));
    }

    #[test]
    fn record_of_another_kind_family_or_port_is_refused() {
        let flow = flow("10.0.0.1:5000", "127.0.0.1:4001");
        assert_eq!(steered(flow, &meta()).unwrap().original_dst.to_string(), "203.0.113.10:443");
        for wrong in [
            SkMeta { kind: meta_kind::NONE, ..meta() },
            SkMeta { kind: meta_kind::OWN, ..meta() },
            SkMeta { family: family::V6, ..meta() },
            SkMeta { steered_port: 4002, ..meta() },
        ] {
            assert!(matches!(steered(flow, &wrong), Err(Error::RecordMismatch { .. })), "{wrong:?}");
        }
    }
}
