//! The counters of the kernel programs: one slot each in the per-CPU array `STATS`.

/// Slots of `STATS`; room for later counters without a change of layout.
pub const STATS_ENTRIES: u32 = 64;

/// One counter. The discriminant is the index in `STATS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stat {
    /// TCP connections steered to a listener.
    Redirected = 0,
    /// Operations let through because the destination is loopback or unspecified.
    Local = 1,
    /// Operations let through by a CIDR entry.
    Bypassed = 2,
    /// Operations refused, for whatever [`crate::DenialReason`].
    Denied = 3,
    /// `connect()` answered with `ENETUNREACH` because the gateway has no IPv6.
    NoIpv6 = 4,
    /// Steered connections whose record did not fit into `FLOWS`; the gateway resets them.
    FlowsLost = 5,
    /// Denials that did not fit into the ring buffer.
    EventsLost = 6,
    /// Operations let through because the heartbeat is old and the target asked to fail open.
    FailedOpen = 7,
    /// Operations let through because the target is only observed.
    Observed = 8,
    /// DNS queries steered to the resolver of the target.
    Dns = 9,
    /// Sockets taken off the device they were bound to, so that they reach the loopback listener.
    DeviceUnbound = 10,
}

/// Slots of [`crate::TargetCounts`]; room for later counters without a change of layout.
pub const TARGET_COUNTS: usize = 8;

/// One counter of one target. The discriminant is the index in [`crate::TargetCounts::slots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum TargetStat {
    /// TCP connections steered to its listeners.
    Redirected = 0,
    /// Operations let through by a CIDR entry.
    Bypassed = 1,
    /// Operations refused.
    Denied = 2,
    /// Operations let through because the heartbeat is old.
    FailedOpen = 3,
    /// Operations let through because it is only observed.
    Observed = 4,
    /// DNS queries steered to its resolver.
    Dns = 5,
    /// Packets the seatbelt dropped.
    Dropped = 6,
}
