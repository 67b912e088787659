//! Layouts of map keys, map values and ring-buffer records.
//!
//! All are `#[repr(C)]` with fixed-width fields and explicit padding, so that there are no uninitialised bytes to leak or
//! to compare: hash maps compare keys byte by byte. Sizes and offsets are asserted at compile time, on both targets.

use core::mem::{align_of, offset_of, size_of};

use crate::limits::MAX_LEVELS;
use crate::stats::TARGET_COUNTS;

/// Version of every layout in this file, written to [`Settings::version`] and [`Event::version`].
///
/// Raised by one whenever a field moves or changes meaning; a loader that finds another version in pinned maps must not
/// attach its programs to them.
pub const LAYOUT_VERSION: u16 = 3;

/// Address families as these records spell them; not the `AF_` numbers, which differ in width between kernel structures.
pub mod family {
    /// IPv4, also when an `AF_INET6` socket used the mapped form.
    pub const V4: u8 = 4;
    /// IPv6.
    pub const V6: u8 = 6;
    /// No address: the operation was refused before there was one.
    pub const NONE: u8 = 0;
}

/// What an entry of `SK_META` says about its socket.
pub mod meta_kind {
    /// Nothing: an earlier connection of the socket was steered, the present one is not.
    pub const NONE: u8 = 0;
    /// A TCP connection that was steered to a listener.
    pub const TCP: u8 = 1;
    /// A UDP socket whose DNS queries are steered to the target's resolver.
    pub const DNS: u8 = 2;
    /// A socket of the gateway itself; no program ever steers it. Written by user space only.
    pub const OWN: u8 = 0x80;
}

/// Bits of [`SkMeta::flags`].
pub mod meta_flag {
    /// The workload used an IPv4-mapped IPv6 address.
    pub const MAPPED: u16 = 1;
    /// The socket was bound to a device and was taken off it.
    pub const DEVICE_UNBOUND: u16 = 2;
}

/// Bits of [`Policy::flags`].
pub mod policy_flag {
    /// Steer and refuse. Without it and without [`OBSERVE`] the programs refuse everything: a zeroed policy fails closed.
    pub const ENFORCE: u32 = 1;
    /// Count only; steer and refuse nothing.
    pub const OBSERVE: u32 = 1 << 1;
    /// Steer UDP/53 to [`super::Policy::dns_port`], and TCP/53 like any other connection; both also where the server is on
    /// loopback.
    pub const DNS: u32 = 1 << 2;
    /// Refuse UDP/443, so that clients fall back from QUIC to TCP.
    pub const DENY_QUIC: u32 = 1 << 3;
    /// Refuse all UDP that no CIDR entry lets through, steered DNS excepted.
    pub const DENY_UDP: u32 = 1 << 4;
    /// The gateway cannot reach IPv6 destinations: answer `ENETUNREACH` so that Happy Eyeballs (RFC 8305) falls back.
    pub const NO_V6: u32 = 1 << 5;
    /// Let connections through when the heartbeat is older than [`super::Policy::fail_open_after_ns`].
    pub const FAIL_OPEN: u32 = 1 << 6;
    /// Choose among `2^spread_bits` loopback destinations instead of one.
    pub const SPREAD: u32 = 1 << 7;
    /// The namespace has a resolver of somebody else's, on loopback, that asks other servers from in there (Docker's). Its
    /// datagrams pass the seatbelt while the gateway lives, because the gateway asks it; while the gateway is dead the target may
    /// ask it itself, and what it would have to ask others stays unanswered.
    pub const RESOLVER_INSIDE: u32 = 1 << 8;
}

/// Why an operation was refused. The discriminant is [`Event::reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum DenialReason {
    /// UDP/443.
    Quic = 1,
    /// Another UDP port under [`policy_flag::DENY_UDP`].
    Udp = 2,
    /// A socket type no program could steer: raw, UDP-Lite, MPTCP, SCTP and the like.
    SocketType = 3,
    /// Binding to a port on which the gateway listens.
    ReservedPort = 4,
    /// No record could be attached to the socket, so its destination would have been lost.
    Storage = 5,
    /// The socket is bound to a device and could not be taken off it.
    DeviceBound = 6,
    /// Neither the task's cgroup nor the fallback has a policy.
    NoPolicy = 7,
    /// A transport protocol the connect hooks do not know.
    Protocol = 8,
    /// DNS of a target that asks more servers at once than there are places to steer to.
    DnsServers = 9,
}

impl DenialReason {
    /// Reads back what a program wrote; `None` for a number this version does not know.
    #[must_use]
    pub const fn from_raw(raw: u16) -> Option<Self> {
        Some(match raw {
            1 => Self::Quic,
            2 => Self::Udp,
            3 => Self::SocketType,
            4 => Self::ReservedPort,
            5 => Self::Storage,
            6 => Self::DeviceBound,
            7 => Self::NoPolicy,
            8 => Self::Protocol,
            9 => Self::DnsServers,
            _ => return None,
        })
    }

    /// The name used in logs and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::Udp => "udp",
            Self::SocketType => "socket_type",
            Self::ReservedPort => "reserved_port",
            Self::Storage => "storage",
            Self::DeviceBound => "device_bound",
            Self::NoPolicy => "no_policy",
            Self::Protocol => "protocol",
            Self::DnsServers => "dns_servers",
        }
    }
}

/// Key of `FLOWS`: a steered connection as both of its ends see it.
///
/// The destination belongs into the key: with [`policy_flag::SPREAD`] the kernel gives the same source port to
/// connections that differ only there, and a key without it mixes up original destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct FlowKey {
    /// Network namespace cookie of both sockets.
    pub netns: u64,
    /// Source address, network byte order; IPv4 in the first word, the rest zero.
    pub saddr: [u32; 4],
    /// The loopback address really connected to, same form.
    pub daddr: [u32; 4],
    /// Source port, host byte order.
    pub sport: u16,
    /// The listener's port, host byte order.
    pub dport: u16,
    /// [`family::V4`] or [`family::V6`]; mapped addresses count as IPv4. A `u32` so that there is no padding.
    pub family: u32,
}

/// Value of `SK_META` and of `FLOWS`: where a socket meant to go, and who opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct SkMeta {
    /// Original destination, network byte order; IPv4 in the first word, the rest zero.
    pub addr: [u32; 4],
    /// Original port, network byte order.
    pub port_be: u16,
    /// [`family::V4`] or [`family::V6`]; mapped addresses count as IPv4.
    pub family: u8,
    /// One of [`meta_kind`].
    pub kind: u8,
    /// Thread-group id in the initial pid namespace.
    pub pid: u32,
    /// Socket cookie.
    pub cookie: u64,
    /// Cgroup id of the task that called `connect()`.
    pub cgroup: u64,
    /// `CLOCK_BOOTTIME` at `connect()`, nanoseconds.
    pub boot_ns: u64,
    /// User id of that task in the initial user namespace.
    pub uid: u32,
    /// Bits of [`meta_flag`].
    pub flags: u16,
    /// The port it was steered to, host byte order: `sock_ops` needs it, and the context's own field changed its form
    /// between kernel versions.
    pub steered_port: u16,
}

impl SkMeta {
    /// What the gateway writes for its own sockets.
    #[must_use]
    pub const fn own() -> Self {
        Self {
            addr: [0; 4],
            port_be: 0,
            family: family::NONE,
            kind: meta_kind::OWN,
            pid: 0,
            cookie: 0,
            cgroup: 0,
            boot_ns: 0,
            uid: 0,
            flags: 0,
            steered_port: 0,
        }
    }
}

/// Value of `TARGETS_CGROUP`, `TARGETS_NETNS` and `SEATBELTS`: how one target's sockets are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Policy {
    /// Prefix of the target's entries in the CIDR tries; never [`crate::GLOBAL_GROUP`].
    pub group: u32,
    /// Bits of [`policy_flag`].
    pub flags: u32,
    /// The IPv4 listener's port, host byte order.
    pub port4: u16,
    /// The IPv6 listener's port, host byte order; zero when there is none.
    pub port6: u16,
    /// The resolver's UDP port, host byte order; zero when there is none. IPv6 uses the [`crate::DNS_SLOTS_V6`] ports from
    /// here on, one a slot.
    pub dns_port: u16,
    /// Bits of the socket cookie that choose the loopback destination, at most [`crate::MAX_SPREAD_BITS`].
    pub spread_bits: u16,
    /// Age of the heartbeat beyond which [`policy_flag::FAIL_OPEN`] applies, nanoseconds.
    pub fail_open_after_ns: u64,
    /// Zero.
    pub reserved: u64,
}

/// Value of `TARGET_STATS`, one for each CPU: what the programs did for one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct TargetCounts {
    /// One slot a [`crate::TargetStat`].
    pub slots: [u64; TARGET_COUNTS],
}

/// Value of `SETTINGS`: what holds for all targets of one set of maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Settings {
    /// [`LAYOUT_VERSION`] of the loader that made the maps.
    pub version: u32,
    /// Zero.
    pub flags: u32,
    /// Depths of the cgroup tree that hold targets, deepest first, the root being 0; the first zero ends the list.
    pub levels: [u8; MAX_LEVELS],
}

/// Key of `BYPASS4` behind the prefix length, which counts the group's 32 bits too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct BypassKey4 {
    /// The target's group, or [`crate::GLOBAL_GROUP`].
    pub group: u32,
    /// Network byte order.
    pub addr: u32,
}

/// Key of `BYPASS6`; see [`BypassKey4`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct BypassKey6 {
    /// The target's group, or [`crate::GLOBAL_GROUP`].
    pub group: u32,
    /// Network byte order.
    pub addr: [u32; 4],
}

/// Key of `DNS_SERVERS`: one of the places to which DNS queries of a target are steered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct DnsKey {
    /// The target's group.
    pub group: u32,
    /// Below [`crate::DNS_SLOTS_V4`]: the address [`crate::dns_address`] gives; from there on IPv6, a port each.
    pub slot: u32,
}

/// Value of `DNS_SERVERS`: whom the queries that come in at a place were for, and whose they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct DnsServer {
    /// The server's address, network byte order; IPv4 in the first word, the rest zero.
    pub addr: [u32; 4],
    /// Cgroup id of the tasks that ask.
    pub cgroup: u64,
    /// `CLOCK_BOOTTIME` of the last use, nanoseconds.
    pub boot_ns: u64,
    /// Thread-group id of the task that asked last, in the initial pid namespace.
    pub pid: u32,
    /// User id of the task that took the place, in the initial user namespace.
    pub uid: u32,
    /// The server's port, network byte order.
    pub port_be: u16,
    /// [`family::V4`] or [`family::V6`].
    pub family: u8,
    /// Zero.
    pub reserved: [u8; 5],
}

/// A record in the ring buffer `EVENTS`: one refused operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Event {
    /// `CLOCK_BOOTTIME`, nanoseconds.
    pub boot_ns: u64,
    /// Network namespace cookie of the socket.
    pub netns: u64,
    /// Cgroup id of the task.
    pub cgroup: u64,
    /// Socket cookie; zero where the socket has none yet.
    pub cookie: u64,
    /// Destination (for [`DenialReason::ReservedPort`] the bind address), network byte order; IPv4 in the first word.
    pub addr: [u32; 4],
    /// Thread-group id in the initial pid namespace.
    pub pid: u32,
    /// User id in the initial user namespace.
    pub uid: u32,
    /// [`LAYOUT_VERSION`].
    pub version: u16,
    /// A [`DenialReason`].
    pub reason: u16,
    /// Port, network byte order.
    pub port_be: u16,
    /// `IPPROTO_` number; 16 bits because MPTCP is 262.
    pub protocol: u16,
    /// One of [`family`].
    pub family: u8,
    /// `SOCK_` type; zero where it follows from the protocol.
    pub socket_type: u8,
    /// Zero.
    pub reserved: [u8; 6],
}

const _: () = {
    assert!(size_of::<FlowKey>() == 48 && align_of::<FlowKey>() == 8);
    assert!(offset_of!(FlowKey, saddr) == 8 && offset_of!(FlowKey, daddr) == 24);
    assert!(offset_of!(FlowKey, sport) == 40 && offset_of!(FlowKey, dport) == 42 && offset_of!(FlowKey, family) == 44);

    assert!(size_of::<SkMeta>() == 56 && align_of::<SkMeta>() == 8);
    assert!(offset_of!(SkMeta, port_be) == 16 && offset_of!(SkMeta, family) == 18 && offset_of!(SkMeta, kind) == 19);
    assert!(offset_of!(SkMeta, pid) == 20 && offset_of!(SkMeta, cookie) == 24 && offset_of!(SkMeta, cgroup) == 32);
    assert!(offset_of!(SkMeta, boot_ns) == 40 && offset_of!(SkMeta, uid) == 48 && offset_of!(SkMeta, flags) == 52);
    assert!(offset_of!(SkMeta, steered_port) == 54);

    assert!(size_of::<Policy>() == 32 && align_of::<Policy>() == 8);
    assert!(offset_of!(Policy, flags) == 4 && offset_of!(Policy, port4) == 8 && offset_of!(Policy, port6) == 10);
    assert!(offset_of!(Policy, dns_port) == 12 && offset_of!(Policy, spread_bits) == 14);
    assert!(offset_of!(Policy, fail_open_after_ns) == 16 && offset_of!(Policy, reserved) == 24);

    assert!(size_of::<TargetCounts>() == 8 * TARGET_COUNTS && align_of::<TargetCounts>() == 8);

    assert!(size_of::<Settings>() == 16 && align_of::<Settings>() == 4);
    assert!(offset_of!(Settings, flags) == 4 && offset_of!(Settings, levels) == 8);

    assert!(size_of::<BypassKey4>() == 8 && offset_of!(BypassKey4, addr) == 4);
    assert!(size_of::<BypassKey6>() == 20 && offset_of!(BypassKey6, addr) == 4);

    assert!(size_of::<DnsKey>() == 8 && offset_of!(DnsKey, slot) == 4);
    assert!(size_of::<DnsServer>() == 48 && align_of::<DnsServer>() == 8);
    assert!(
        offset_of!(DnsServer, cgroup) == 16 && offset_of!(DnsServer, boot_ns) == 24 && offset_of!(DnsServer, pid) == 32
    );
    assert!(
        offset_of!(DnsServer, uid) == 36 && offset_of!(DnsServer, port_be) == 40 && offset_of!(DnsServer, family) == 42
    );
    assert!(offset_of!(DnsServer, reserved) == 43);

    assert!(size_of::<Event>() == 72 && align_of::<Event>() == 8);
    assert!(offset_of!(Event, netns) == 8 && offset_of!(Event, cgroup) == 16 && offset_of!(Event, cookie) == 24);
    assert!(offset_of!(Event, addr) == 32 && offset_of!(Event, pid) == 48 && offset_of!(Event, uid) == 52);
    assert!(offset_of!(Event, version) == 56 && offset_of!(Event, reason) == 58 && offset_of!(Event, port_be) == 60);
    assert!(offset_of!(Event, protocol) == 62 && offset_of!(Event, family) == 64);
    assert!(offset_of!(Event, socket_type) == 65 && offset_of!(Event, reserved) == 66);
};
