//! The bound of every map and every loop in the kernel programs, each with its reason.

/// Entries of `FLOWS`: connecting or not yet accepted connections.
///
/// One network namespace has at most 28 232 live tuples per loopback destination (the default ephemeral range), and an
/// entry leaves the map on accept, so this only bounds the sum of all accept queues. Not preallocated.
pub const FLOW_ENTRIES: u32 = 131_072;

/// Entries of the target tables; a node runs at most a few hundred pods.
pub const TARGET_ENTRIES: u32 = 4_096;

/// Entries of `SEATBELTS`: one a host-side interface of a target, and targets rarely have more than one.
pub const SEATBELT_ENTRIES: u32 = TARGET_ENTRIES;

/// Extension headers of one IPv6 packet that the seatbelt walks over. RFC 8200 names five, each of which may stand once;
/// a packet with more is dropped.
pub const MAX_EXTENSION_HEADERS: usize = 5;

/// Entries of each CIDR trie, over all targets. Not preallocated.
pub const BYPASS_ENTRIES: u32 = 16_384;

/// Bytes of the denial ring buffer: a power of two times the page size; about 13 000 records.
pub const EVENTS_BYTES: u32 = 1 << 20;

/// How many different depths of the cgroup tree may hold targets at once: the bound of the policy lookup loop.
///
/// Kubernetes puts pods at two depths (guaranteed pods one level higher), nested runtimes add their own.
pub const MAX_LEVELS: usize = 8;

/// The most bits of the socket cookie that choose a loopback destination: the second byte of `127.x.0.1`.
pub const MAX_SPREAD_BITS: u16 = 8;

/// Places of one target to which its DNS queries over IPv4 are steered, one a server and cgroup: the second byte of
/// `127.x.0.1` from 64 on, beside those of [`MAX_SPREAD_BITS`] as they are used.
pub const DNS_SLOTS_V4: u32 = 64;

/// The same over IPv6, which has one loopback address: a port each, and so a socket each.
pub const DNS_SLOTS_V6: u32 = 8;

/// Entries of `DNS_SERVERS`, over all targets. Not preallocated; most targets ask one or two servers.
pub const DNS_ENTRIES: u32 = 65_536;

/// From this age on, nanoseconds, a place may be given to another server when all are taken. Longer than a stub resolver
/// waits for an answer.
pub const DNS_SLOT_IDLE_NS: u64 = 30_000_000_000;

/// The group whose CIDR entries apply to every target.
pub const GLOBAL_GROUP: u32 = 0;

/// The key of `TARGETS_CGROUP` for operations whose task is in none of the listed cgroups.
///
/// A program only runs for sockets made in an attached cgroup, but the task using one may have been moved since, or be a
/// kernel worker. Never the id of a real cgroup.
pub const UNLISTED_TARGET: u64 = 0;

/// From this age of the heartbeat on, nanoseconds, the gateway is dead for [`crate::policy_flag::RESOLVER_INSIDE`]: four beats.
pub const RESOLVER_ALONE_NS: u64 = 2_000_000_000;
