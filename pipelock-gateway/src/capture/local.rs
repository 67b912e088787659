//! The datapath of this machine: programs loaded, targets armed and disarmed, steered connections looked up.
//!
//! One object and one set of maps serve all targets of a process. Works in the calling thread's network namespace.
//! Next: the caller accepts from the listeners of an [`Armed`] target and asks [`Datapath::take`].

use std::collections::HashMap;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aya::maps::{MapData, RingBuf};
use ipnet::IpNet;
use pipelock_common::{FlowKey, MAX_LEVELS, Policy, SkMeta, UNLISTED_TARGET, family, meta_kind, policy_flag};

use super::cgroup::{self, Cgroup};
use super::denials::Denials;
use super::listen::{self, Listeners};
use super::maps::{self, Maps};
use super::probe::Report;
use super::programs::{self, Programs};
use super::{
    Armed, Counters, Datapath, Environment, Error, FlowTuple, Process, Steered, TargetSpec, environment, sys, workload,
};
use crate::model::{CgroupId, NetnsCookie, OriginalDst, Workload};

/// Connections are spread over this many bits of loopback destinations: 64, so that 1.8 million tuples fit into one
/// namespace before its source ports run out.
const SPREAD_BITS: u16 = 6;

/// Heartbeat age for targets that fail open; no target does yet.
const FAIL_OPEN_AFTER_NS: u64 = 3_000_000_000;

/// The kernel programs of this process, behind [`Datapath`].
///
/// Dropping it closes descriptors and detaches nothing: links are pinned, so that connects of captured processes are
/// refused when the gateway dies. [`Datapath::disarm`] detaches one target, `Run::finish` all.
pub struct LocalDatapath {
    maps: Maps,
    programs: Programs,
    links: PathBuf,
    targets: Mutex<Targets>,
    events: Mutex<Option<RingBuf<MapData>>>,
}

impl std::fmt::Debug for LocalDatapath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalDatapath").field("links", &self.links).finish_non_exhaustive()
    }
}

/// Who is armed. The lock orders arming and disarming; lookups on the data path do not take it.
#[derive(Debug, Default)]
struct Targets {
    last_id: u32,
    armed: HashMap<u32, Target>,
}

#[derive(Debug)]
struct Target {
    cgroup: CgroupId,
    level: u8,
    bypass: Vec<IpNet>,
    policy: Policy,
}

impl LocalDatapath {
    /// Loads the programs and pins the maps under `pins/maps`; links will be pinned under `pins/links`. Attaches nothing.
    ///
    /// # Errors
    /// [`Error::Missing`] when the kernel or our privileges lack something (`report` says what), [`Error::Verify`] when
    /// the kernel refuses a program.
    pub fn load(pins: &Path, report: &Report) -> Result<Self, Error> {
        report.require()?;
        let maps_dir = pins.join("maps");
        std::fs::create_dir_all(&maps_dir).map_err(|e| Error::io("making", &maps_dir, e))?;
        let mut object = programs::open_object(report.has_set_retval())?;
        let programs = Programs::load(&mut object)?;
        Maps::pin(&object, &maps_dir)?;
        #[cfg(feature = "ebpf-log")]
        super::log::start(&mut object)?;
        let (maps, events) = Maps::take_from(&mut object)?;
        maps.set_levels([0; MAX_LEVELS])?;
        let events = Mutex::new(Some(events));
        Ok(Self { maps, programs, links: pins.join("links"), targets: Mutex::default(), events })
    }

    /// The stream of refused operations; `None` after the first call. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Io`] when the runtime cannot watch the ring buffer.
    pub fn denials(&self) -> Result<Option<Denials>, Error> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner).take();
        events.map(Denials::new).transpose()
    }

    fn targets(&self) -> MutexGuard<'_, Targets> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn links_of(&self, id: u32) -> PathBuf {
        self.links.join(id.to_string())
    }

    /// Writes everything the programs read about a target. The policy comes last: until then there is none, and no
    /// policy refuses.
    fn write(&self, targets: &Targets, target: &Target) -> Result<(), Error> {
        for network in &target.bypass {
            self.maps.allow(target.policy.group, *network)?;
        }
        self.maps.beat()?;
        self.maps.set_levels(levels(targets)?)?;
        self.maps.set_policy(target.cgroup.0, &target.policy)?;
        self.write_unlisted(targets)
    }

    /// Takes back what [`Self::write`] wrote; `targets` no longer holds the target.
    fn erase(&self, targets: &Targets, target: &Target) -> Result<(), Error> {
        self.maps.forget_policy(target.cgroup.0)?;
        self.write_unlisted(targets)?;
        self.maps.set_levels(levels(targets)?)?;
        target.bypass.iter().try_for_each(|network| self.maps.disallow(target.policy.group, *network))
    }

    /// While there is one target, its policy also governs sockets whose task has left its cgroup, and kernel workers.
    /// With several, nobody can say whose such a socket was, and it is refused.
    fn write_unlisted(&self, targets: &Targets) -> Result<(), Error> {
        let mut armed = targets.armed.values();
        match (armed.next(), armed.next()) {
            (Some(only), None) => self.maps.set_policy(UNLISTED_TARGET, &only.policy),
            _ => self.maps.forget_policy(UNLISTED_TARGET),
        }
    }
}

impl Datapath for LocalDatapath {
    fn arm(&self, spec: &TargetSpec) -> Result<Armed, Error> {
        let cgroup = Cgroup::open(&spec.cgroup)?;
        let directory = File::open(cgroup.path()).map_err(|e| Error::io("opening", cgroup.path(), e))?;
        let listeners = listen::bind()?;
        let netns = netns_of(&listeners.v4)?;
        let mut targets = self.targets();
        let id = targets.last_id.checked_add(1).ok_or(Error::TooManyTargets)?;
        targets.last_id = id;
        let policy = policy(id, spec, &listeners)?;
        let target = Target { cgroup: cgroup.id(), level: level(&cgroup)?, bypass: spec.bypass.clone(), policy };
        if targets.armed.values().any(|other| other.cgroup == target.cgroup) {
            return Err(Error::AlreadyArmed { path: spec.cgroup.clone() });
        }
        targets.armed.insert(id, target);
        let done = targets
            .armed
            .get(&id)
            .map_or(Ok(()), |target| self.write(&targets, target))
            .and_then(|()| self.programs.attach(directory.as_fd(), cgroup.path(), &self.links_of(id)));
        if let Err(error) = done {
            // Nothing is attached, so what stays in the maps is read by nobody; the first error is the one to tell.
            if let Some(target) = targets.armed.remove(&id) {
                let _ = self.erase(&targets, &target);
            }
            return Err(error);
        }
        let listeners = std::iter::once(listeners.v4).chain(listeners.v6).collect();
        Ok(Armed { id: u64::from(id), listeners, netns })
    }

    fn disarm(&self, id: u64) -> Result<(), Error> {
        let mut targets = self.targets();
        let key = u32::try_from(id).ok().filter(|key| targets.armed.contains_key(key));
        let key = key.ok_or(Error::UnknownTarget { id })?;
        // Links first: a program without its policy would refuse everything.
        programs::detach(&self.links_of(key))?;
        match targets.armed.remove(&key) {
            Some(target) => self.erase(&targets, &target),
            None => Ok(()),
        }
    }

    fn take(&self, flow: FlowTuple) -> Result<Option<Steered>, Error> {
        let key = flow_key(flow)?;
        match self.maps.take_flow(&key)? {
            Some(meta) => steered(flow, &meta).map(Some),
            None => Ok(None),
        }
    }

    fn mark_own(&self, socket: BorrowedFd<'_>) -> Result<(), Error> {
        self.maps.mark_own(socket)
    }

    fn beat(&self) -> Result<(), Error> {
        self.maps.beat()
    }

    fn environments(&self, workload: &Workload, known: &dyn Fn(Process) -> bool) -> Result<Vec<Environment>, Error> {
        environment::read(workload, known)
    }

    fn counters(&self) -> Result<Counters, Error> {
        self.maps.counters()
    }
}

/// The policy of one target. IPv6 is offered only when both the gateway and the namespace have it.
fn policy(group: u32, spec: &TargetSpec, listeners: &Listeners) -> Result<Policy, Error> {
    let port4 = port_of(&listeners.v4)?;
    let port6 = listeners.v6.as_ref().map(port_of).transpose()?.unwrap_or(0);
    let mut flags = policy_flag::ENFORCE | policy_flag::SPREAD;
    if spec.deny_quic {
        flags |= policy_flag::DENY_QUIC;
    }
    if !spec.ipv6_upstream || port6 == 0 {
        flags |= policy_flag::NO_V6;
    }
    Ok(Policy {
        group,
        flags,
        port4,
        port6,
        dns_port: 0,
        spread_bits: SPREAD_BITS,
        fail_open_after_ns: FAIL_OPEN_AFTER_NS,
        reserved: 0,
    })
}

/// The depths at which targets sit, deepest first, as the programs walk them.
fn levels(targets: &Targets) -> Result<[u8; MAX_LEVELS], Error> {
    let mut distinct: Vec<u8> = targets.armed.values().map(|target| target.level).collect();
    distinct.sort_unstable_by(|a, b| b.cmp(a));
    distinct.dedup();
    let mut levels = [0; MAX_LEVELS];
    if distinct.len() > levels.len() {
        return Err(Error::TooManyTargets);
    }
    levels.iter_mut().zip(distinct).for_each(|(slot, level)| *slot = level);
    Ok(levels)
}

/// How deep a cgroup is below the root of its hierarchy, which is 0.
fn level(cgroup: &Cgroup) -> Result<u8, Error> {
    let root = cgroup::find_root()?;
    let outside = || Error::NotCgroup2 { path: cgroup.path().to_owned() };
    let below = cgroup.path().strip_prefix(&root).map_err(|_| outside())?;
    match u8::try_from(below.components().count()) {
        Ok(0) | Err(_) => Err(outside()),
        Ok(level) => Ok(level),
    }
}

fn port_of(listener: &TcpListener) -> Result<u16, Error> {
    let address = listener.local_addr().map_err(|e| Error::io("reading", "listener address", e))?;
    Ok(address.port())
}

fn netns_of(listener: &TcpListener) -> Result<NetnsCookie, Error> {
    let cookie = sys::netns_cookie(listener.as_fd()).map_err(|e| Error::io("reading", "SO_NETNS_COOKIE", e))?;
    Ok(NetnsCookie(cookie))
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

/// Passes an object through this kernel's verifier and drops it again; nothing is attached or pinned.
///
/// # Errors
/// [`Error::Object`] or [`Error::Verify`].
pub fn verify_object(object: &[u8], report: &Report) -> Result<(), Error> {
    report.require()?;
    let mut object = programs::parse_object(object, report.has_set_retval())?;
    Programs::load(&mut object).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn levels_are_distinct_and_deepest_first() {
        let target = |level| Target { cgroup: CgroupId(1), level, bypass: Vec::new(), policy: Policy::default() };
        let of = |depths: &[u8]| {
            let armed = (1..).zip(depths.iter().map(|level| target(*level))).collect();
            levels(&Targets { last_id: 0, armed })
        };
        assert_eq!(of(&[2, 5, 2, 3]).unwrap(), [5, 3, 2, 0, 0, 0, 0, 0]);
        assert!(of(&[1, 2, 3, 4, 5, 6, 7, 8, 9]).is_err());
    }
}
