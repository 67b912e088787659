//! The maps, and the few operations on them that more than one hook needs.
//!
//! Names are those user space pins and opens. Bounds and their reasons are in `pipelock-common`.

use core::ptr;

use aya_ebpf::Global;
use aya_ebpf::bindings::{BPF_F_NO_PREALLOC, BPF_SK_STORAGE_GET_F_CREATE, bpf_sock};
use aya_ebpf::btf_maps::lpm_trie::Key;
use aya_ebpf::btf_maps::{Array, HashMap, LpmTrie, PerCpuArray, PerCpuHashMap, RingBuf, SkStorage};
use aya_ebpf::helpers::generated::bpf_sk_storage_get;
use aya_ebpf::macros::btf_map;
use pipelock_common::{
    BYPASS_ENTRIES, BypassKey4, BypassKey6, DNS_ENTRIES, DnsKey, DnsServer, EVENTS_BYTES, FLOW_ENTRIES, FlowKey,
    GLOBAL_GROUP, Policy, SEATBELT_ENTRIES, STATS_ENTRIES, Settings, SkMeta, Stat, TARGET_ENTRIES, TargetCounts,
    TargetStat,
};

const NO_PREALLOC: usize = BPF_F_NO_PREALLOC as usize;

/// Socket to record. Freed with the socket, so nothing can evict it; 5.2, in `sock_ops` 5.8.
#[btf_map]
static SK_META: SkStorage<SkMeta> = SkStorage::new();

/// Steered connections nobody accepted yet.
#[btf_map]
pub(crate) static FLOWS: HashMap<FlowKey, SkMeta, { FLOW_ENTRIES as usize }, NO_PREALLOC> = HashMap::new();

/// Cgroup id to policy; [`pipelock_common::UNLISTED_TARGET`] for tasks in none of them.
#[btf_map]
pub(crate) static TARGETS_CGROUP: HashMap<u64, Policy, { TARGET_ENTRIES as usize }, NO_PREALLOC> = HashMap::new();

/// Network namespace cookie to policy, for what no cgroup tells: runtimes that use cgroup v1, tasks that left theirs.
#[btf_map]
pub(crate) static TARGETS_NETNS: HashMap<u64, Policy, { TARGET_ENTRIES as usize }, NO_PREALLOC> = HashMap::new();

/// Interface index on the host side to policy.
#[btf_map]
pub(crate) static SEATBELTS: HashMap<u32, Policy, { SEATBELT_ENTRIES as usize }, NO_PREALLOC> = HashMap::new();

/// Where DNS queries are steered to whom they were for. Bounded for each target by its slots.
#[btf_map]
pub(crate) static DNS_SERVERS: HashMap<DnsKey, DnsServer, { DNS_ENTRIES as usize }, NO_PREALLOC> = HashMap::new();

/// What was done for each target, by group. User space makes the entries, so that no workload can fill it.
#[btf_map]
static TARGET_STATS: PerCpuHashMap<u32, TargetCounts, { TARGET_ENTRIES as usize }, NO_PREALLOC> = PerCpuHashMap::new();

/// IPv4 destinations let through, by group.
#[btf_map]
static BYPASS4: LpmTrie<BypassKey4, u32, { BYPASS_ENTRIES as usize }> = LpmTrie::new();

/// IPv6 destinations let through, by group.
#[btf_map]
static BYPASS6: LpmTrie<BypassKey6, u32, { BYPASS_ENTRIES as usize }> = LpmTrie::new();

/// What holds for all targets.
#[btf_map]
pub(crate) static SETTINGS: Array<Settings, 1> = Array::new();

/// `CLOCK_BOOTTIME` of the last sign of life of the accept loop, nanoseconds.
#[btf_map]
pub(crate) static HEARTBEAT: Array<u64, 1> = Array::new();

/// Refused operations, as [`pipelock_common::Event`]s; 5.8. Untyped, because libbpf refuses a ring buffer with a value size.
#[btf_map]
pub(crate) static EVENTS: RingBuf<(), { EVENTS_BYTES as usize }> = RingBuf::new();

/// One slot a [`Stat`]. Per CPU: a shared counter with `+= 1` loses counts and bounces its cache line.
#[btf_map]
static STATS: PerCpuArray<u64, { STATS_ENTRIES as usize }> = PerCpuArray::new();

/// Set by the loader when the kernel has `bpf_set_retval` (5.18). The verifier prunes the call where it is zero, so the
/// same object loads on 5.15, and every refusal is then `EPERM`.
#[unsafe(no_mangle)]
pub(crate) static HAVE_SET_RETVAL: Global<u8> = Global::new(0);

/// Set in the copy of the programs that is attached to the root of the hierarchy: there a socket without a policy is
/// nobody's target and goes on; in the copies attached to targets it is refused.
#[unsafe(no_mangle)]
pub(crate) static AT_ROOT: Global<u8> = Global::new(0);

/// Adds one to a counter of one target; to none when it has just been disarmed.
#[inline(always)]
pub(crate) fn count_for(group: u32, stat: TargetStat) {
    if let Some(counts) = TARGET_STATS.get_ptr_mut(group) {
        // SAFETY: as in `count`; the index is below the length of the array.
        unsafe { (*counts).slots[stat as usize] += 1 };
    }
}

/// Adds one.
#[inline(always)]
pub(crate) fn count(stat: Stat) {
    if let Some(slot) = STATS.get_ptr_mut(stat as u32) {
        // SAFETY: a slot of this CPU; programs on cgroup hooks do not migrate, and a lost count would be all.
        unsafe { *slot += 1 };
    }
}

/// The record of a socket, null when it has none.
///
/// The raw helper instead of [`SkStorage`]'s methods, which accept a `sock_addr` context only.
#[inline(always)]
pub(crate) fn sk_meta(sk: *mut bpf_sock) -> *mut SkMeta {
    sk_storage(sk, 0)
}

/// The record of a socket, made when it has none; null when there is no memory.
#[inline(always)]
pub(crate) fn sk_meta_or_new(sk: *mut bpf_sock) -> *mut SkMeta {
    sk_storage(sk, u64::from(BPF_SK_STORAGE_GET_F_CREATE))
}

#[inline(always)]
fn sk_storage(sk: *mut bpf_sock, flags: u64) -> *mut SkMeta {
    if sk.is_null() {
        return ptr::null_mut();
    }
    let map = ptr::from_ref(&SK_META).cast_mut().cast();
    // SAFETY: a map of the right type and a socket that is not null.
    unsafe { bpf_sk_storage_get(map, sk.cast(), ptr::null_mut(), flags) }.cast()
}

/// Whether an IPv4 destination is let through for a group or for all.
#[inline(always)]
pub(crate) fn bypassed4(group: u32, addr: u32) -> bool {
    let hit = |group| BYPASS4.get(&Key::new(64, BypassKey4 { group, addr })).is_some();
    hit(group) || hit(GLOBAL_GROUP)
}

/// Whether an IPv6 destination is let through for a group or for all.
#[inline(always)]
pub(crate) fn bypassed6(group: u32, addr: [u32; 4]) -> bool {
    let hit = |group| BYPASS6.get(&Key::new(160, BypassKey6 { group, addr })).is_some();
    hit(group) || hit(GLOBAL_GROUP)
}
