//! What both sides of the kernel boundary agree on: record layouts, constants, and rules decided the same way on both.
//!
//! Nothing here calls a helper, a system call or an allocator. The kernel programs (`pipelock-ebpf`) and the gateway's
//! `capture` module both import it, so a rule tested here as ordinary Rust is the rule the kernel runs, and a layout
//! asserted here is the layout both read. Byte order is named at every field, because addresses cross the boundary as the
//! kernel holds them: network order in memory, whatever the machine.
#![no_std]

mod limits;
#[cfg(feature = "user")]
mod pod;
mod records;
mod rules;
mod stats;

pub use limits::{
    BYPASS_ENTRIES, DNS_ENTRIES, DNS_SLOT_IDLE_NS, DNS_SLOTS_V4, DNS_SLOTS_V6, EVENTS_BYTES, FLOW_ENTRIES,
    GLOBAL_GROUP, MAX_EXTENSION_HEADERS, MAX_LEVELS, MAX_SPREAD_BITS, RESOLVER_ALONE_NS, SEATBELT_ENTRIES,
    TARGET_ENTRIES, UNLISTED_TARGET,
};
pub use records::{
    BypassKey4, BypassKey6, DenialReason, DnsKey, DnsServer, Event, FlowKey, LAYOUT_VERSION, Policy, Settings, SkMeta,
    TargetCounts, family, meta_flag, meta_kind, policy_flag,
};
pub use rules::{
    DNS_PORT, Udp, dns_address, dns_slot, extension_header, is_local_v4, is_local_v6, is_of_resolver_inside,
    is_reserved_port, is_stale, judge_udp, loopback_v6, mapped_v4, may_leave, protocol, socket_allowed, spread_address,
    to_mapped,
};
pub use stats::{STATS_ENTRIES, Stat, TARGET_COUNTS, TargetStat};
