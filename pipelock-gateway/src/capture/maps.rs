//! The maps of one loaded object, as typed operations. Raw kernel records do not leave this module's callers.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aya::Ebpf;
use aya::maps::lpm_trie::Key;
use aya::maps::{Map, MapData, MapError, PerCpuArray, PerCpuHashMap, PerCpuValues, RingBuf};
use ipnet::IpNet;
use pipelock_common::{
    BYPASS_ENTRIES, BypassKey4, BypassKey6, DNS_SLOTS_V4, DNS_SLOTS_V6, DnsKey, DnsServer, FLOW_ENTRIES, FlowKey,
    LAYOUT_VERSION, MAX_LEVELS, Policy, SEATBELT_ENTRIES, STATS_ENTRIES, Settings, SkMeta, Stat, TARGET_ENTRIES,
    TargetCounts, TargetStat,
};

use super::sys::{self, MapFd};
use super::target::TargetCounters;
use super::{Counters, Error};

/// Every map that outlives the gateway. `.rodata` is not among them: it holds constants of the programs.
pub(super) const PINNED: [&str; 13] = [
    "SK_META",
    "FLOWS",
    "TARGETS_CGROUP",
    "TARGETS_NETNS",
    "SEATBELTS",
    "TARGET_STATS",
    "DNS_SERVERS",
    "BYPASS4",
    "BYPASS6",
    "SETTINGS",
    "HEARTBEAT",
    "STATS",
    "EVENTS",
];

/// Policies by cgroup id or by namespace cookie.
pub(super) type Policies = Vec<(u64, Policy)>;

/// The maps of one loaded object.
pub(super) struct Maps {
    sk_meta: MapFd<i32, SkMeta>,
    flows: MapFd<FlowKey, SkMeta>,
    by_cgroup: MapFd<u64, Policy>,
    by_netns: MapFd<u64, Policy>,
    belts: MapFd<u32, Policy>,
    counts: Mutex<PerCpuHashMap<MapData, u32, TargetCounts>>,
    dns: MapFd<DnsKey, DnsServer>,
    bypass4: MapFd<Key<BypassKey4>, u32>,
    bypass6: MapFd<Key<BypassKey6>, u32>,
    settings: MapFd<u32, Settings>,
    heartbeat: MapFd<u32, u64>,
    stats: PerCpuArray<MapData, u64>,
}

impl Maps {
    /// Takes the maps out of a loaded object; also the ring buffer of denials.
    pub(super) fn take_from(object: &mut Ebpf) -> Result<(Self, RingBuf<MapData>), Error> {
        let stats = take(object, "STATS")?;
        let events = take(object, "EVENTS")?;
        let counts = take(object, "TARGET_STATS")?;
        let maps = Self {
            sk_meta: open(object, "SK_META")?,
            flows: open(object, "FLOWS")?,
            by_cgroup: open(object, "TARGETS_CGROUP")?,
            by_netns: open(object, "TARGETS_NETNS")?,
            belts: open(object, "SEATBELTS")?,
            counts: Mutex::new(
                PerCpuHashMap::try_from(counts).map_err(|source| Error::MapType { map: "TARGET_STATS", source })?,
            ),
            dns: open(object, "DNS_SERVERS")?,
            bypass4: open(object, "BYPASS4")?,
            bypass6: open(object, "BYPASS6")?,
            settings: open(object, "SETTINGS")?,
            heartbeat: open(object, "HEARTBEAT")?,
            stats: PerCpuArray::try_from(stats).map_err(|source| Error::MapType { map: "STATS", source })?,
        };
        let events = RingBuf::try_from(events).map_err(|source| Error::MapType { map: "EVENTS", source })?;
        Ok((maps, events))
    }

    pub(super) fn mark_own(&self, socket: BorrowedFd<'_>) -> Result<(), Error> {
        use std::os::fd::AsRawFd;
        self.sk_meta.insert(&socket.as_raw_fd(), &SkMeta::own()).map_err(|e| Error::map("SK_META", "marking", e))
    }

    pub(super) fn take_flow(&self, key: &FlowKey) -> Result<Option<SkMeta>, Error> {
        self.flows.take(key).map_err(|e| Error::map("FLOWS", "taking", e))
    }

    pub(super) fn set_cgroup(&self, cgroup: u64, policy: &Policy) -> Result<(), Error> {
        self.by_cgroup.insert(&cgroup, policy).map_err(|e| Error::map("TARGETS_CGROUP", "writing", e))
    }

    pub(super) fn forget_cgroup(&self, cgroup: u64) -> Result<(), Error> {
        self.by_cgroup.remove(&cgroup).map(drop).map_err(|e| Error::map("TARGETS_CGROUP", "removing", e))
    }

    pub(super) fn set_netns(&self, cookie: u64, policy: &Policy) -> Result<(), Error> {
        self.by_netns.insert(&cookie, policy).map_err(|e| Error::map("TARGETS_NETNS", "writing", e))
    }

    pub(super) fn forget_netns(&self, cookie: u64) -> Result<(), Error> {
        self.by_netns.remove(&cookie).map(drop).map_err(|e| Error::map("TARGETS_NETNS", "removing", e))
    }

    pub(super) fn set_belt(&self, interface: u32, policy: &Policy) -> Result<(), Error> {
        self.belts.insert(&interface, policy).map_err(|e| Error::map("SEATBELTS", "writing", e))
    }

    pub(super) fn forget_belt(&self, interface: u32) -> Result<(), Error> {
        self.belts.remove(&interface).map(drop).map_err(|e| Error::map("SEATBELTS", "removing", e))
    }

    /// Whom queries that are steered to a slot are for.
    pub(super) fn dns_server(&self, group: u32, slot: u32) -> Result<Option<DnsServer>, Error> {
        self.dns.get(&DnsKey { group, slot }).map_err(|e| Error::map("DNS_SERVERS", "reading", e))
    }

    /// Forgets all servers that a target asked.
    pub(super) fn forget_dns(&self, group: u32) -> Result<(), Error> {
        for slot in 0..DNS_SLOTS_V4 + DNS_SLOTS_V6 {
            self.dns.remove(&DnsKey { group, slot }).map_err(|e| Error::map("DNS_SERVERS", "removing", e))?;
        }
        Ok(())
    }

    /// The interfaces that have a policy.
    pub(super) fn belts(&self) -> Result<Vec<u32>, Error> {
        let limit = usize::try_from(SEATBELT_ENTRIES).unwrap_or(usize::MAX);
        self.belts.keys(limit).map_err(|e| Error::map("SEATBELTS", "reading", e))
    }

    /// The policies there are, by cgroup and by namespace.
    pub(super) fn policies(&self) -> Result<(Policies, Policies), Error> {
        let limit = usize::try_from(TARGET_ENTRIES).unwrap_or(usize::MAX);
        let all = |map: &MapFd<u64, Policy>, name| -> Result<Policies, Error> {
            let failed = |e| Error::map(name, "reading", e);
            let mut found = Vec::new();
            for key in map.keys(limit).map_err(failed)? {
                found.extend(map.get(&key).map_err(failed)?.map(|policy| (key, policy)));
            }
            Ok(found)
        };
        Ok((all(&self.by_cgroup, "TARGETS_CGROUP")?, all(&self.by_netns, "TARGETS_NETNS")?))
    }

    /// Begins to count for a target, from zero unless it was counted for before.
    pub(super) fn begin_counting(&self, group: u32) -> Result<(), Error> {
        const NO_EXIST: u64 = 1;
        let cpus = aya::util::nr_cpus().map_err(|(_, e)| Error::io("reading", "the number of processors", e))?;
        let zeroes = PerCpuValues::try_from(vec![TargetCounts::default(); cpus])
            .map_err(|e| Error::map("TARGET_STATS", "writing", e))?;
        match self.counts().insert(group, zeroes, NO_EXIST) {
            Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::EEXIST) => Ok(()),
            other => other.map_err(|source| Error::MapType { map: "TARGET_STATS", source }),
        }
    }

    pub(super) fn end_counting(&self, group: u32) -> Result<(), Error> {
        match self.counts().remove(&group) {
            Ok(()) | Err(MapError::KeyNotFound) => Ok(()),
            Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            Err(source) => Err(Error::MapType { map: "TARGET_STATS", source }),
        }
    }

    pub(super) fn target_counters(&self, group: u32) -> Result<TargetCounters, Error> {
        let per_cpu = self.counts().get(&group, 0).map_err(|source| Error::MapType { map: "TARGET_STATS", source })?;
        let sum =
            |stat: TargetStat| -> u64 { per_cpu.iter().filter_map(|counts| counts.slots.get(stat as usize)).sum() };
        Ok(TargetCounters {
            redirected: sum(TargetStat::Redirected),
            bypassed: sum(TargetStat::Bypassed),
            denied: sum(TargetStat::Denied),
            failed_open: sum(TargetStat::FailedOpen),
            observed: sum(TargetStat::Observed),
            dns: sum(TargetStat::Dns),
            dropped: sum(TargetStat::Dropped),
        })
    }

    fn counts(&self) -> MutexGuard<'_, PerCpuHashMap<MapData, u32, TargetCounts>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The networks let through for a group, as far as they stand still meanwhile.
    pub(super) fn allowed(&self, group: u32) -> Result<Vec<IpNet>, Error> {
        let limit = usize::try_from(BYPASS_ENTRIES).unwrap_or(usize::MAX);
        let failed = |e| Error::map("BYPASS", "reading", e);
        let length = |prefix: u32| u8::try_from(prefix.saturating_sub(32)).unwrap_or(u8::MAX);
        let mut found = Vec::new();
        for key in self.bypass4.keys(limit).map_err(failed)? {
            if key.data().group == group {
                let address = IpAddr::from(key.data().addr.to_ne_bytes());
                found.extend(IpNet::new(address, length(key.prefix_len())));
            }
        }
        for key in self.bypass6.keys(limit).map_err(failed)? {
            let address = address(key.data().addr, pipelock_common::family::V6);
            if let (true, Some(address)) = (key.data().group == group, address) {
                found.extend(IpNet::new(address, length(key.prefix_len())));
            }
        }
        Ok(found)
    }

    /// The keys of flows that nobody has taken.
    pub(super) fn waiting_flows(&self) -> Result<Vec<FlowKey>, Error> {
        let limit = usize::try_from(FLOW_ENTRIES).unwrap_or(usize::MAX);
        self.flows.keys(limit).map_err(|e| Error::map("FLOWS", "reading", e))
    }

    /// Removes a flow nobody took; whether it was still there.
    pub(super) fn drop_flow(&self, key: &FlowKey) -> Result<bool, Error> {
        self.flows.remove(key).map_err(|e| Error::map("FLOWS", "removing", e))
    }

    pub(super) fn allow(&self, group: u32, network: IpNet) -> Result<(), Error> {
        match lpm_key(group, network) {
            LpmKey::V4(key) => self.bypass4.insert(&key, &1),
            LpmKey::V6(key) => self.bypass6.insert(&key, &1),
        }
        .map_err(|e| Error::map("BYPASS", "writing", e))
    }

    pub(super) fn disallow(&self, group: u32, network: IpNet) -> Result<(), Error> {
        match lpm_key(group, network) {
            LpmKey::V4(key) => self.bypass4.remove(&key),
            LpmKey::V6(key) => self.bypass6.remove(&key),
        }
        .map(drop)
        .map_err(|e| Error::map("BYPASS", "removing", e))
    }

    /// Tells the programs at which depths of the cgroup tree to look for policies; deepest first.
    pub(super) fn set_levels(&self, levels: [u8; MAX_LEVELS]) -> Result<(), Error> {
        let settings = Settings { version: u32::from(LAYOUT_VERSION), flags: 0, levels };
        self.settings.insert(&0, &settings).map_err(|e| Error::map("SETTINGS", "writing", e))
    }

    /// The depths that were written last, by us or by who pinned the maps.
    pub(super) fn levels(&self) -> Result<[u8; MAX_LEVELS], Error> {
        let settings = self.settings.get(&0).map_err(|e| Error::map("SETTINGS", "reading", e))?;
        Ok(settings.unwrap_or_default().levels)
    }

    pub(super) fn beat(&self) -> Result<(), Error> {
        self.heartbeat.insert(&0, &sys::boot_ns()).map_err(|e| Error::map("HEARTBEAT", "writing", e))
    }

    pub(super) fn counters(&self) -> Result<Counters, Error> {
        let read = |stat: Stat| -> Result<u64, Error> {
            let index = stat as u32;
            debug_assert!(index < STATS_ENTRIES);
            let per_cpu = self.stats.get(&index, 0).map_err(|source| Error::MapType { map: "STATS", source })?;
            Ok(per_cpu.iter().sum())
        };
        Ok(Counters {
            redirected: read(Stat::Redirected)?,
            bypassed: read(Stat::Local)? + read(Stat::Bypassed)?,
            denied: read(Stat::Denied)?,
            lost: read(Stat::FlowsLost)?,
            failed_open: read(Stat::FailedOpen)?,
            observed: read(Stat::Observed)?,
            dns: read(Stat::Dns)?,
        })
    }
}

/// The layout version of pinned maps; `None` when none are pinned there, or none that could be read.
pub(super) fn pinned_version(dir: &Path) -> Option<u32> {
    let fd = sys::obj_get(&dir.join("SETTINGS")).ok()?;
    let settings: MapFd<u32, Settings> = MapFd::new(fd).ok()?;
    settings.get(&0).ok().flatten().map(|settings| settings.version)
}

enum LpmKey {
    V4(Key<BypassKey4>),
    V6(Key<BypassKey6>),
}

/// A trie key: the group's 32 bits are always matched in full, so they add to the prefix length. A mapped network
/// (`::ffff:0:0/96` or longer) is the IPv4 network it names, because the programs look mapped addresses up as IPv4.
fn lpm_key(group: u32, network: IpNet) -> LpmKey {
    let length = u32::from(network.prefix_len());
    match (network.network(), network.network().to_canonical()) {
        (IpAddr::V6(_), IpAddr::V4(mapped)) if length >= 96 => {
            LpmKey::V4(Key::new(32 + length - 96, BypassKey4 { group, addr: v4_words(mapped)[0] }))
        }
        (IpAddr::V4(address), _) => LpmKey::V4(Key::new(32 + length, BypassKey4 { group, addr: v4_words(address)[0] })),
        (IpAddr::V6(address), _) => LpmKey::V6(Key::new(32 + length, BypassKey6 { group, addr: v6_words(address) })),
    }
}

/// An address as the kernel holds it: network byte order in memory, IPv4 in the first word.
pub(super) fn words(address: IpAddr) -> [u32; 4] {
    match address {
        IpAddr::V4(v4) => v4_words(v4),
        IpAddr::V6(v6) => v6_words(v6),
    }
}

fn v4_words(address: std::net::Ipv4Addr) -> [u32; 4] {
    [u32::from_ne_bytes(address.octets()), 0, 0, 0]
}

fn v6_words(address: std::net::Ipv6Addr) -> [u32; 4] {
    let octets = address.octets();
    let mut words = [0; 4];
    words.iter_mut().zip(octets.as_chunks().0).for_each(|(word, chunk)| *word = u32::from_ne_bytes(*chunk));
    words
}

/// The address in such words; `None` for a family these records do not have.
pub(super) fn address(words: [u32; 4], family: u8) -> Option<IpAddr> {
    let [first, ..] = words;
    match family {
        pipelock_common::family::V4 => Some(IpAddr::from(first.to_ne_bytes())),
        pipelock_common::family::V6 => {
            let mut octets = [0; 16];
            octets.as_chunks_mut().0.iter_mut().zip(words).for_each(|(chunk, word)| *chunk = word.to_ne_bytes());
            Some(IpAddr::from(octets))
        }
        _ => None,
    }
}

fn open<K: aya::Pod, V: aya::Pod>(object: &Ebpf, name: &'static str) -> Result<MapFd<K, V>, Error> {
    let map = object.map(name).ok_or(Error::MapMissing { map: name })?;
    let fd: OwnedFd = map_fd(map)?.try_clone_to_owned().map_err(|e| Error::map(name, "opening", e))?;
    MapFd::new(fd).map_err(|e| Error::map(name, "opening", e))
}

fn take(object: &mut Ebpf, name: &'static str) -> Result<Map, Error> {
    object.take_map(name).ok_or(Error::MapMissing { map: name })
}

fn map_fd(map: &Map) -> Result<BorrowedFd<'_>, Error> {
    match map {
        Map::Array(data)
        | Map::HashMap(data)
        | Map::PerCpuHashMap(data)
        | Map::LpmTrie(data)
        | Map::PerCpuArray(data)
        | Map::RingBuf(data)
        | Map::SkStorage(data) => Ok(data.fd().as_fd()),
        _ => Err(Error::MapMissing { map: "of an expected type" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_cross_the_boundary_unchanged() {
        for text in ["203.0.113.10", "2001:db8::1:2", "::1", "0.0.0.0"] {
            let ip: IpAddr = text.parse().unwrap();
            let family = if ip.is_ipv4() { 4 } else { 6 };
            assert_eq!(address(words(ip), family), Some(ip));
        }
        assert_eq!(address([0; 4], 0), None);
    }

    #[test]
    fn trie_keys_count_the_group_and_unwrap_mapped_networks() {
        let v4 = |text: &str| match lpm_key(7, text.parse().unwrap()) {
            LpmKey::V4(key) => (key.prefix_len(), key.data().addr.to_ne_bytes()),
            LpmKey::V6(_) => panic!("{text} is IPv4"),
        };
        assert_eq!(v4("10.1.0.0/16"), (48, [10, 1, 0, 0]));
        assert_eq!(v4("10.1.2.3/16"), (48, [10, 1, 0, 0]), "host bits are cut");
        assert_eq!(v4("0.0.0.0/0"), (32, [0, 0, 0, 0]));
        assert_eq!(v4("::ffff:10.1.0.0/112"), (48, [10, 1, 0, 0]));
        for (text, length) in [("2001:db8::/32", 64), ("::/0", 32), ("::ffff:0:0/64", 96)] {
            let LpmKey::V6(key) = lpm_key(7, text.parse().unwrap()) else { panic!("{text} is IPv6") };
            assert_eq!(key.prefix_len(), length, "{text}");
        }
    }
}
