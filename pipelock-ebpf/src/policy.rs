//! Which policy governs the current operation, and what refusing one means.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::{
    bpf_get_current_ancestor_cgroup_id, bpf_get_current_cgroup_id, bpf_get_current_pid_tgid, bpf_get_current_uid_gid,
    bpf_ktime_get_boot_ns, bpf_set_retval,
};
use pipelock_common::{
    DenialReason, Event, LAYOUT_VERSION, Policy, Stat, TargetStat, UNLISTED_TARGET, family, is_stale, policy_flag,
};

use crate::maps::{
    AT_ROOT, EVENTS, HAVE_SET_RETVAL, HEARTBEAT, SETTINGS, TARGETS_CGROUP, TARGETS_NETNS, count, count_for,
};

/// What a hook returns to let an operation go on.
pub(crate) const PROCEED: i32 = 1;

/// What a hook returns to refuse it: `EPERM`, unless `bpf_set_retval` chose another errno.
const REFUSE: i32 = 0;

/// `ENETUNREACH` of every architecture Linux has eBPF on.
pub(crate) const ENETUNREACH: i32 = 101;

/// `EADDRINUSE`, likewise.
pub(crate) const EADDRINUSE: i32 = 98;

/// Why an operation is refused, and with which errno.
pub(crate) enum Refusal {
    /// Refused by a rule, or because it cannot be judged or steered. Counted and reported; `EPERM`.
    Denied(DenialReason),
    /// The port belongs to the gateway. Counted and reported; `EADDRINUSE`, as if another process had it.
    PortTaken,
    /// The gateway has no IPv6. Counted only, because clients try it on every connection; `ENETUNREACH`.
    NoIpv6,
}

/// The destination (or bind address) of an operation, as far as it has one.
pub(crate) struct Subject {
    pub(crate) netns: u64,
    pub(crate) cookie: u64,
    pub(crate) addr: [u32; 4],
    pub(crate) port_be: u16,
    pub(crate) family: u8,
    pub(crate) protocol: u32,
    pub(crate) socket_type: u32,
}

/// The policy to enforce; `None` when the target is observed only, may fail open while the gateway is dead, or, at the root
/// of the hierarchy, when this is nobody's target.
///
/// In a copy attached to a target it fails closed: no policy is a refusal. One without a mode (a zeroed record) is refused
/// everywhere. `netns` is asked only when the task's cgroup tells nothing.
#[inline(always)]
pub(crate) fn governing(netns: impl FnOnce() -> u64) -> Result<Option<&'static Policy>, Refusal> {
    let Some(policy) = policy_of(netns) else {
        return if AT_ROOT.load() != 0 { Ok(None) } else { Err(Refusal::Denied(DenialReason::NoPolicy)) };
    };
    let flags = policy.flags;
    if flags & policy_flag::OBSERVE != 0 {
        count(Stat::Observed);
        count_for(policy.group, TargetStat::Observed);
        return Ok(None);
    }
    if flags & policy_flag::ENFORCE == 0 {
        return Err(Refusal::Denied(DenialReason::NoPolicy));
    }
    if may_fail_open(policy) {
        return Ok(None);
    }
    Ok(Some(policy))
}

/// Whether the target asked to fail open and the gateway is dead; counted.
#[inline(always)]
pub(crate) fn may_fail_open(policy: &Policy) -> bool {
    let open = policy.flags & policy_flag::FAIL_OPEN != 0 && gateway_is_dead(policy.fail_open_after_ns);
    if open {
        count(Stat::FailedOpen);
        count_for(policy.group, TargetStat::FailedOpen);
    }
    open
}

/// The nearest listed ancestor of the task's cgroup, else the namespace of the socket, else, where a single target is armed,
/// that one. `bpf_get_current_ancestor_cgroup_id` needs 5.7 on these hooks.
#[inline(always)]
pub(crate) fn policy_of(netns: impl FnOnce() -> u64) -> Option<&'static Policy> {
    if let Some(policy) = listed() {
        return Some(policy);
    }
    // SAFETY: values are replaced, never torn: user space updates whole elements under RCU.
    if let Some(policy) = unsafe { TARGETS_NETNS.get(netns()) } {
        return Some(policy);
    }
    if AT_ROOT.load() != 0 { None } else { unlisted() }
}

#[inline(always)]
fn listed() -> Option<&'static Policy> {
    let settings = SETTINGS.get(0)?;
    for level in settings.levels {
        if level == 0 {
            break;
        }
        // SAFETY: a helper without pointers.
        let cgroup = unsafe { bpf_get_current_ancestor_cgroup_id(i32::from(level)) };
        // SAFETY: as in `policy_of`.
        if let Some(policy) = unsafe { TARGETS_CGROUP.get(cgroup) }
            && cgroup != UNLISTED_TARGET
        {
            return Some(policy);
        }
    }
    None
}

#[inline(always)]
fn unlisted() -> Option<&'static Policy> {
    // SAFETY: as in `policy_of`.
    unsafe { TARGETS_CGROUP.get(UNLISTED_TARGET) }
}

/// Whether no gateway gives a sign of life.
#[inline(always)]
pub(crate) fn gateway_is_dead(after_ns: u64) -> bool {
    // SAFETY: a helper without pointers.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    HEARTBEAT.get(0).is_none_or(|beat| is_stale(now, *beat, after_ns))
}

/// Refuses an operation: counts it, reports it, chooses the errno. The returned value is the hook's.
#[inline(always)]
pub(crate) fn refuse<C: EbpfContext>(ctx: &C, refusal: Refusal, subject: &Subject) -> i32 {
    if !matches!(refusal, Refusal::NoIpv6)
        && let Some(policy) = policy_of(|| subject.netns)
    {
        count_for(policy.group, TargetStat::Denied);
    }
    match refusal {
        Refusal::NoIpv6 => {
            count(Stat::NoIpv6);
            set_errno(ENETUNREACH);
        }
        Refusal::PortTaken => {
            count(Stat::Denied);
            report(DenialReason::ReservedPort, subject);
            set_errno(EADDRINUSE);
        }
        Refusal::Denied(reason) => {
            count(Stat::Denied);
            report(reason, subject);
            log_denial(ctx, reason);
        }
    }
    REFUSE
}

#[inline(always)]
fn set_errno(errno: i32) {
    if HAVE_SET_RETVAL.load() != 0 {
        // SAFETY: a helper without pointers. Its failure leaves `EPERM`, which refuses as well.
        unsafe { bpf_set_retval(-errno) };
    }
}

/// Publishes a denial. A full buffer loses it, counted; the refusal stands either way.
#[inline(always)]
fn report(reason: DenialReason, subject: &Subject) {
    let Some(mut entry) = EVENTS.reserve_untyped::<Event>(0) else {
        count(Stat::EventsLost);
        return;
    };
    let event: *mut Event = entry.as_mut_ptr();
    // SAFETY: reserved memory of that size; fields are assigned one by one because copying a whole structure becomes a
    // byte-wise memcpy. Every byte is written. Helpers without pointers.
    unsafe {
        (*event).boot_ns = bpf_ktime_get_boot_ns();
        (*event).netns = subject.netns;
        (*event).cgroup = bpf_get_current_cgroup_id();
        (*event).cookie = subject.cookie;
        (*event).addr[0] = subject.addr[0];
        (*event).addr[1] = subject.addr[1];
        (*event).addr[2] = subject.addr[2];
        (*event).addr[3] = subject.addr[3];
        (*event).pid = (bpf_get_current_pid_tgid() >> 32) as u32;
        (*event).uid = bpf_get_current_uid_gid() as u32;
        (*event).version = LAYOUT_VERSION;
        (*event).reason = reason as u16;
        (*event).port_be = subject.port_be;
        (*event).protocol = subject.protocol as u16;
        (*event).family = subject.family;
        (*event).socket_type = subject.socket_type as u8;
        (*event).reserved = [0; 6];
    }
    entry.submit(0);
}

#[cfg(feature = "log")]
#[inline(always)]
fn log_denial<C: EbpfContext>(ctx: &C, reason: DenialReason) {
    aya_log_ebpf::info!(ctx, "refused: reason {}", reason as u16);
}

#[cfg(not(feature = "log"))]
#[inline(always)]
fn log_denial<C: EbpfContext>(_ctx: &C, _reason: DenialReason) {}

impl Subject {
    /// An operation without an address.
    #[inline(always)]
    pub(crate) fn socket(netns: u64, protocol: u32, socket_type: u32) -> Self {
        Self { netns, cookie: 0, addr: [0; 4], port_be: 0, family: family::NONE, protocol, socket_type }
    }
}
