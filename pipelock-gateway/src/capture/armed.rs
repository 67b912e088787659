//! Who is armed, who was found armed by an earlier process, and what follows from that for the maps.
//!
//! Bookkeeping without system calls, but for reading the maps once at the start.

use std::collections::HashMap;
use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;

use ipnet::IpNet;
use pipelock_common::{DNS_SLOTS_V6, MAX_LEVELS, Policy, UNLISTED_TARGET, policy_flag};

use super::cgroup::{self, Cgroup};
use super::listen::{Listeners, Ports};
use super::maps::Maps;
use super::target::{TargetPolicy, Weakness, WhenDead};
use super::{Error, sys};
use crate::model::{CgroupId, NetnsCookie};

/// Connections are spread over this many bits of loopback destinations: 64, so that 1.8 million tuples fit into one
/// namespace before its source ports run out.
const SPREAD_BITS: u16 = 6;

/// One armed target.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// `None` when its namespace is its scope.
    pub(super) cgroup: Option<Cgroup>,
    /// How deep its cgroup is; zero without one.
    pub(super) level: u8,
    pub(super) netns: NetnsCookie,
    /// Kept open, so that sockets can be made in there.
    pub(super) namespace: Arc<File>,
    /// Whether its namespace is to wear a seatbelt.
    pub(super) seatbelt: bool,
    pub(super) bypass: Vec<IpNet>,
    pub(super) policy: Policy,
}

impl Target {
    /// Whether a second one with this scope would be the same.
    pub(super) fn is_same(&self, cgroup: Option<&Cgroup>, netns: NetnsCookie) -> bool {
        match (&self.cgroup, cgroup) {
            (Some(mine), Some(other)) => mine.id() == other.id(),
            (None, None) => self.netns == netns,
            _ => false,
        }
    }
}

/// All targets of one datapath, by group. The lock around it orders arming and disarming; the data path does not take it.
#[derive(Debug, Default)]
pub(super) struct Targets {
    last_group: u32,
    pub(super) armed: HashMap<u32, Target>,
    found_cgroups: HashMap<u64, Policy>,
    found_namespaces: HashMap<u64, Policy>,
    found_levels: Vec<u8>,
    listeners: Vec<TcpListener>,
    resolvers: Vec<UdpSocket>,
    /// The host sides of the interfaces of a namespace that wear a seatbelt.
    pub(super) belts: HashMap<NetnsCookie, Vec<u32>>,
}

impl Targets {
    /// Nobody is armed; what the maps say is remembered.
    pub(super) fn found(maps: &Maps) -> Result<Self, Error> {
        let (by_cgroup, by_netns) = maps.policies()?;
        let last_group = by_cgroup.iter().chain(&by_netns).map(|(_, policy)| policy.group).max().unwrap_or(0);
        let found_levels = maps.levels()?.into_iter().filter(|level| *level != 0).collect();
        let found_cgroups = by_cgroup.into_iter().filter(|(cgroup, _)| *cgroup != UNLISTED_TARGET).collect();
        let found_namespaces = by_netns.into_iter().collect();
        Ok(Self { last_group, found_cgroups, found_namespaces, found_levels, ..Self::default() })
    }

    /// A group nobody has had.
    pub(super) fn next_group(&mut self) -> Result<u32, Error> {
        self.last_group = self.last_group.checked_add(1).ok_or(Error::TooManyTargets)?;
        Ok(self.last_group)
    }

    /// The policy an earlier process gave a cgroup.
    pub(super) fn found_policy(&self, cgroup: CgroupId) -> Option<Policy> {
        self.found_cgroups.get(&cgroup.0).copied()
    }

    /// The policy an earlier process gave a namespace.
    pub(super) fn found_namespace(&self, netns: NetnsCookie) -> Option<Policy> {
        self.found_namespaces.get(&netns.0).copied()
    }

    pub(super) fn unclaimed_cgroups(&self) -> Vec<(u64, Policy)> {
        let claimed = |id: u64| self.armed.values().any(|t| t.cgroup.as_ref().is_some_and(|c| c.id().0 == id));
        self.found_cgroups.iter().filter(|(id, _)| !claimed(**id)).map(|(id, policy)| (*id, *policy)).collect()
    }

    pub(super) fn unclaimed_namespaces(&self) -> Vec<(u64, Policy)> {
        let claimed = |cookie: u64| self.armed.values().any(|target| target.netns.0 == cookie);
        self.found_namespaces.iter().filter(|(id, _)| !claimed(**id)).map(|(id, policy)| (*id, *policy)).collect()
    }

    /// Nothing that was found counts any more, nor do listeners nobody took.
    pub(super) fn forget_found(&mut self) {
        self.found_cgroups.clear();
        self.found_namespaces.clear();
        self.found_levels.clear();
        self.listeners.clear();
        self.resolvers.clear();
    }

    /// The namespace of this cookie, where a target lives in it.
    pub(super) fn namespace(&self, netns: NetnsCookie) -> Option<Arc<File>> {
        let here = self.armed.values().find(|target| target.netns == netns);
        here.map(|target| Arc::clone(&target.namespace))
    }

    /// The target that governs what is in a namespace and in no listed cgroup: the first that was armed there.
    pub(super) fn owner(&self, netns: NetnsCookie) -> Option<&Target> {
        self.armed.values().filter(|target| target.netns == netns).min_by_key(|target| target.policy.group)
    }

    /// The target whose policy the interfaces of a namespace get.
    pub(super) fn belted(&self, netns: NetnsCookie) -> Option<&Target> {
        let here = self.armed.values().filter(|target| target.netns == netns && target.seatbelt);
        here.min_by_key(|target| target.policy.group)
    }

    /// The one target there is.
    pub(super) fn only(&self) -> Option<&Target> {
        let mut all = self.armed.values();
        match (all.next(), all.next(), self.found_cgroups.is_empty()) {
            (Some(only), None, true) => Some(only),
            _ => None,
        }
    }

    /// The depths at which targets sit, deepest first, as the programs walk them.
    pub(super) fn levels(&self) -> Result<[u8; MAX_LEVELS], Error> {
        let armed = self.armed.values().map(|target| target.level).filter(|level| *level != 0);
        let mut distinct: Vec<u8> = armed.chain(self.found_levels.iter().copied()).collect();
        distinct.sort_unstable_by(|a, b| b.cmp(a));
        distinct.dedup();
        let mut levels = [0; MAX_LEVELS];
        if distinct.len() > levels.len() {
            return Err(Error::TooManyTargets);
        }
        levels.iter_mut().zip(distinct).for_each(|(slot, level)| *slot = level);
        Ok(levels)
    }

    pub(super) fn inherit(&mut self, listeners: Vec<TcpListener>, resolvers: Vec<UdpSocket>) {
        self.listeners = listeners;
        self.resolvers = resolvers;
    }

    /// The predecessor's sockets with these ports in this namespace; `None` unless all that are needed are there.
    pub(super) fn take_inherited(&mut self, netns: NetnsCookie, ports: Ports, dns: bool) -> Option<Listeners> {
        let at = |v6: bool, port: u16| {
            self.listeners.iter().position(|listener| {
                listener.local_addr().is_ok_and(|a| a.port() == port && a.is_ipv6() == v6)
                    && sys::netns_cookie(listener.as_fd()).is_ok_and(|cookie| cookie == netns.0)
            })
        };
        at(false, ports.v4)?;
        // IPv6 has a port for each slot, from the common one on.
        let last = ports.dns.saturating_add(u16::try_from(DNS_SLOTS_V6).unwrap_or(0));
        let resolves = |socket: &UdpSocket, v6: bool| {
            let port = |address: std::net::SocketAddr| {
                address.is_ipv6() == v6
                    && if v6 { (ports.dns..last).contains(&address.port()) } else { address.port() == ports.dns }
            };
            socket.local_addr().is_ok_and(port)
                && sys::netns_cookie(socket.as_fd()).is_ok_and(|cookie| cookie == netns.0)
        };
        let resolvers = |v6: bool| self.resolvers.iter().filter(|socket| resolves(socket, v6)).count();
        let wanted_v6 = if at(true, ports.v6).is_some() { usize::from(last - ports.dns) } else { 0 };
        if dns && (ports.dns == 0 || resolvers(false) != 1 || resolvers(true) != wanted_v6) {
            return None;
        }
        let v6 = at(true, ports.v6).map(|index| self.listeners.swap_remove(index));
        let index = self.listeners.iter().position(|listener| {
            listener.local_addr().is_ok_and(|a| a.port() == ports.v4 && a.is_ipv4())
                && sys::netns_cookie(listener.as_fd()).is_ok_and(|cookie| cookie == netns.0)
        })?;
        let v4 = self.listeners.swap_remove(index);
        let (ours, others) = std::mem::take(&mut self.resolvers)
            .into_iter()
            .partition(|socket| resolves(socket, false) || resolves(socket, true));
        self.resolvers = others;
        Some(Listeners { v4, v6, dns: if dns { ours } else { Vec::new() } })
    }
}

/// The policy of one target. IPv6 is offered only when both the gateway and the namespace have it.
pub(super) fn policy(group: u32, spec: &TargetPolicy, listeners: &Listeners) -> Result<Policy, Error> {
    let port_of = |address: std::io::Result<std::net::SocketAddr>| {
        address.map(|address| address.port()).map_err(|e| Error::io("reading", "listener address", e))
    };
    let port4 = port_of(listeners.v4.local_addr())?;
    let port6 = listeners.v6.as_ref().map(|v6| port_of(v6.local_addr())).transpose()?.unwrap_or(0);
    let dns = listeners.dns.iter().find(|socket| socket.local_addr().is_ok_and(|address| address.is_ipv4()));
    let dns_port = dns.map(|dns| port_of(dns.local_addr())).transpose()?.unwrap_or(0);
    let mut flags = policy_flag::SPREAD | if spec.observe { policy_flag::OBSERVE } else { policy_flag::ENFORCE };
    let mut set = |flag: u32, when: bool| flags |= if when { flag } else { 0 };
    set(policy_flag::DENY_QUIC, spec.deny_quic);
    set(policy_flag::DENY_UDP, spec.deny_udp);
    set(policy_flag::DNS, dns_port != 0);
    set(policy_flag::NO_V6, !spec.ipv6_upstream || port6 == 0);
    let fail_open_after_ns = match spec.when_dead {
        WhenDead::Refuse => 0,
        WhenDead::Direct { after } => {
            set(policy_flag::FAIL_OPEN, true);
            u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)
        }
    };
    Ok(Policy { group, flags, port4, port6, dns_port, spread_bits: SPREAD_BITS, fail_open_after_ns, reserved: 0 })
}

/// Networks as the tries spell them, so that what is there and what is wanted can be compared.
pub(super) fn networks(bypass: &[IpNet]) -> Vec<IpNet> {
    let canonical = |network: &IpNet| {
        let network = network.trunc();
        match (network.addr(), network.addr().to_canonical()) {
            (std::net::IpAddr::V6(_), v4 @ std::net::IpAddr::V4(_)) if network.prefix_len() >= 96 => {
                IpNet::new(v4, network.prefix_len() - 96).unwrap_or(network)
            }
            _ => network,
        }
    };
    bypass.iter().map(canonical).collect()
}

/// What the policy itself leaves open.
pub(super) fn weaknesses(policy: &TargetPolicy) -> Vec<Weakness> {
    let mut found = Vec::new();
    if policy.observe {
        found.push(Weakness::Observed);
    }
    if matches!(policy.when_dead, WhenDead::Direct { .. }) {
        found.push(Weakness::FailsOpen);
    }
    found
}

/// How deep a cgroup is below the root of its hierarchy, which is 0.
pub(super) fn level(cgroup: &Cgroup) -> Result<u8, Error> {
    let root = cgroup::find_root()?;
    let outside = || Error::NotCgroup2 { path: cgroup.path().to_owned() };
    let below = cgroup.path().strip_prefix(&root).map_err(|_| outside())?;
    match u8::try_from(below.components().count()) {
        Ok(0) | Err(_) => Err(outside()),
        Ok(level) => Ok(level),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(level: u8, netns: u64, group: u32) -> Target {
        let policy = Policy { group, ..Policy::default() };
        let namespace = Arc::new(File::open("/proc/thread-self/ns/net").unwrap());
        let netns = NetnsCookie(netns);
        Target { cgroup: None, level, netns, namespace, seatbelt: false, bypass: Vec::new(), policy }
    }

    #[test]
    fn levels_are_distinct_deepest_first_and_include_what_was_found() {
        let of = |depths: &[u8], found: &[u8]| {
            let armed = (1..).zip(depths.iter().map(|level| target(*level, 1, 1))).collect();
            Targets { armed, found_levels: found.to_vec(), ..Targets::default() }.levels()
        };
        assert_eq!(of(&[2, 5, 2, 3], &[]).unwrap(), [5, 3, 2, 0, 0, 0, 0, 0]);
        assert_eq!(of(&[2, 0], &[4, 2]).unwrap(), [4, 2, 0, 0, 0, 0, 0, 0], "namespaces have no level");
        assert!(of(&[1, 2, 3, 4, 5, 6, 7, 8, 9], &[]).is_err());
    }

    #[test]
    fn a_namespace_is_governed_by_the_first_that_was_armed_there() {
        let mut targets = Targets::default();
        for (group, netns) in [(3, 7), (2, 7), (1, 8)] {
            targets.armed.insert(group, target(1, netns, group));
        }
        let owner = |netns| targets.owner(NetnsCookie(netns)).map(|target| target.policy.group);
        assert_eq!((owner(7), owner(8), owner(9)), (Some(2), Some(1), None));
        assert!(targets.only().is_none());
    }

    #[test]
    fn networks_are_compared_as_the_tries_hold_them() {
        let given = ["10.1.2.3/16", "::ffff:10.0.0.0/104", "2001:db8::1/32"].map(|text| text.parse().unwrap());
        let held = networks(&given).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(held, ["10.1.0.0/16", "10.0.0.0/8", "2001:db8::/32"]);
    }

    #[test]
    fn what_a_policy_leaves_open_is_named() {
        let after = std::time::Duration::from_secs(3);
        let open = TargetPolicy { observe: true, when_dead: WhenDead::Direct { after }, ..TargetPolicy::default() };
        assert_eq!(weaknesses(&open), [Weakness::Observed, Weakness::FailsOpen]);
        assert_eq!(weaknesses(&TargetPolicy::default()), []);
    }
}
