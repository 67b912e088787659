//! The maps of one loaded object, as typed operations. Raw kernel records do not leave this module's callers.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use aya::Ebpf;
use aya::maps::lpm_trie::Key;
use aya::maps::{Map, MapData, PerCpuArray, RingBuf};
use ipnet::IpNet;
use pipelock_common::{
    BypassKey4, BypassKey6, FlowKey, LAYOUT_VERSION, MAX_LEVELS, Policy, STATS_ENTRIES, Settings, SkMeta, Stat,
};

use super::sys::{self, MapFd};
use super::{Counters, Error};

/// Every map that outlives the gateway. `.rodata` is not among them: it holds constants of the programs.
const PINNED: [&str; 9] =
    ["SK_META", "FLOWS", "TARGETS_CGROUP", "BYPASS4", "BYPASS6", "SETTINGS", "HEARTBEAT", "STATS", "EVENTS"];

/// The maps of one loaded object.
pub(super) struct Maps {
    sk_meta: MapFd<i32, SkMeta>,
    flows: MapFd<FlowKey, SkMeta>,
    targets: MapFd<u64, Policy>,
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
        let maps = Self {
            sk_meta: open(object, "SK_META")?,
            flows: open(object, "FLOWS")?,
            targets: open(object, "TARGETS_CGROUP")?,
            bypass4: open(object, "BYPASS4")?,
            bypass6: open(object, "BYPASS6")?,
            settings: open(object, "SETTINGS")?,
            heartbeat: open(object, "HEARTBEAT")?,
            stats: PerCpuArray::try_from(stats).map_err(|source| Error::MapType { map: "STATS", source })?,
        };
        let events = RingBuf::try_from(events).map_err(|source| Error::MapType { map: "EVENTS", source })?;
        Ok((maps, events))
    }

    /// Pins all maps of an object under their names. Before [`Maps::take_from`], which moves some of them out.
    pub(super) fn pin(object: &Ebpf, dir: &Path) -> Result<(), Error> {
        for name in PINNED {
            let map = object.map(name).ok_or(Error::MapMissing { map: name })?;
            let path = dir.join(name);
            sys::obj_pin(map_fd(map)?, &path).map_err(|source| Error::Pin { path, source })?;
        }
        Ok(())
    }

    pub(super) fn mark_own(&self, socket: BorrowedFd<'_>) -> Result<(), Error> {
        use std::os::fd::AsRawFd;
        self.sk_meta.insert(&socket.as_raw_fd(), &SkMeta::own()).map_err(|e| Error::map("SK_META", "marking", e))
    }

    pub(super) fn take_flow(&self, key: &FlowKey) -> Result<Option<SkMeta>, Error> {
        self.flows.take(key).map_err(|e| Error::map("FLOWS", "taking", e))
    }

    pub(super) fn set_policy(&self, target: u64, policy: &Policy) -> Result<(), Error> {
        self.targets.insert(&target, policy).map_err(|e| Error::map("TARGETS_CGROUP", "writing", e))
    }

    pub(super) fn forget_policy(&self, target: u64) -> Result<(), Error> {
        self.targets.remove(&target).map(drop).map_err(|e| Error::map("TARGETS_CGROUP", "removing", e))
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
        })
    }
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
