//! `connect()`: records where a TCP socket meant to go, and sends it to a loopback listener in its own namespace.
//!
//! UDP sockets are judged, not steered (DNS excepted, see [`crate::dns`]). Loopback, unspecified and listed destinations are
//! left alone, and so are the gateway's own sockets; of loopback, DNS is steered where it is captured. Next stage:
//! [`crate::sockops`].
//!
//! Needs `cgroup/connect4` and `connect6` (4.17) and, to take sockets off the device they are bound to,
//! `bpf_setsockopt(SO_BINDTODEVICE)` on these hooks (5.8).

use aya_ebpf::bindings::bpf_sock;
use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_get_current_pid_tgid, bpf_get_current_uid_gid, bpf_get_netns_cookie,
    bpf_get_socket_cookie, bpf_ktime_get_boot_ns, bpf_setsockopt,
};
use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use pipelock_common::{
    DNS_PORT, DenialReason, Policy, RESOLVER_ALONE_NS, Stat, TargetStat, Udp, family, is_local_v4, is_local_v6,
    judge_udp, loopback_v6, mapped_v4, meta_flag, meta_kind, policy_flag, protocol, spread_address, to_mapped,
};

use crate::ctx::{SockAddr, bound_device};
use crate::dns;
use crate::maps::{bypassed4, bypassed6, count, count_for, sk_meta, sk_meta_or_new};
use crate::policy::{PROCEED, Refusal, Subject, gateway_is_dead, governing, refuse};

const SOL_SOCKET: i32 = 1;
const SO_BINDTODEVICE: i32 = 25;

/// A destination in the form both families share: IPv4 in the first word, mapped addresses as IPv4.
pub(crate) struct Destination {
    pub(crate) addr: [u32; 4],
    pub(crate) port_be: u16,
    pub(crate) family: u8,
    pub(crate) mapped: bool,
}

impl Destination {
    /// What an IPv4 hook was called with.
    #[inline(always)]
    pub(crate) fn of_v4(ctx: &SockAddr<'_>) -> Self {
        Self { addr: [ctx.ip4(), 0, 0, 0], port_be: ctx.port_be(), family: family::V4, mapped: false }
    }

    /// What an IPv6 hook was called with.
    #[inline(always)]
    pub(crate) fn of_v6(ctx: &SockAddr<'_>) -> Self {
        let addr = ctx.ip6();
        let port_be = ctx.port_be();
        match mapped_v4(addr) {
            Some(v4) => Self { addr: [v4, 0, 0, 0], port_be, family: family::V4, mapped: true },
            None => Self { addr, port_be, family: family::V6, mapped: false },
        }
    }

    #[inline(always)]
    pub(crate) fn is_local(&self) -> bool {
        if self.family == family::V4 { is_local_v4(self.addr[0]) } else { is_local_v6(self.addr) }
    }

    #[inline(always)]
    pub(crate) fn is_bypassed(&self, group: u32) -> bool {
        if self.family == family::V4 { bypassed4(group, self.addr[0]) } else { bypassed6(group, self.addr) }
    }

    #[inline(always)]
    pub(crate) fn port(&self) -> u16 {
        u16::from_be(self.port_be)
    }

    /// For the report of a denial.
    #[inline(always)]
    pub(crate) fn subject(&self, ctx: &SockAddr<'_>) -> Subject {
        Subject {
            netns: netns_cookie(ctx),
            cookie: socket_cookie(ctx),
            addr: self.addr,
            port_be: self.port_be,
            family: self.family,
            protocol: ctx.protocol(),
            socket_type: 0,
        }
    }
}

/// Steers `connect()` to an IPv4 address.
#[cgroup_sock_addr(connect4)]
pub fn pl_connect4(ctx: SockAddrContext) -> i32 {
    let addr = SockAddr(&ctx);
    connect(&ctx, &addr, &Destination::of_v4(&addr))
}

/// Steers `connect()` to an IPv6 address, mapped ones included.
#[cgroup_sock_addr(connect6)]
pub fn pl_connect6(ctx: SockAddrContext) -> i32 {
    let addr = SockAddr(&ctx);
    connect(&ctx, &addr, &Destination::of_v6(&addr))
}

#[inline(always)]
fn connect(ctx: &SockAddrContext, addr: &SockAddr<'_>, dst: &Destination) -> i32 {
    match try_connect(addr, dst) {
        Ok(()) => PROCEED,
        // Fail closed: a connection that cannot be judged or steered is refused.
        Err(refusal) => refuse(ctx, refusal, &dst.subject(addr)),
    }
}

#[inline(always)]
fn try_connect(ctx: &SockAddr<'_>, dst: &Destination) -> Result<(), Refusal> {
    let sk = ctx.sk();
    if is_own_else_clear(sk) {
        return Ok(());
    }
    let Some(policy) = steerable(ctx, dst)? else {
        return Ok(());
    };
    match ctx.protocol() {
        protocol::TCP => steer_tcp(ctx, sk, policy, dst),
        protocol::UDP => match judge_udp(dst.port(), policy.flags) {
            Udp::Pass => Ok(()),
            Udp::Quic => Err(Refusal::Denied(DenialReason::Quic)),
            Udp::Refuse => Err(Refusal::Denied(DenialReason::Udp)),
            Udp::Dns => {
                unbind_device(ctx, sk)?;
                dns::steer(ctx, sk, policy, dst)
            }
        },
        // Ping sockets carry no stream; `sock_create` lets them be made.
        protocol::ICMP | protocol::ICMPV6 => Ok(()),
        _ => Err(Refusal::Denied(DenialReason::Protocol)),
    }
}

/// The policy to enforce on what goes to a destination; `None` where it goes on: local, listed, or not enforced.
///
/// The resolvers of Docker and systemd listen on loopback, so port 53 there is nobody's own business while DNS is captured. While
/// the gateway is dead, one that knows names of its own is asked directly: the seatbelt keeps it from asking anybody else then.
#[inline(always)]
pub(crate) fn steerable(ctx: &SockAddr<'_>, dst: &Destination) -> Result<Option<&'static Policy>, Refusal> {
    let local = dst.is_local();
    if local && dst.port() != DNS_PORT {
        count(Stat::Local);
        return Ok(None);
    }
    let Some(policy) = governing(|| netns_cookie(ctx))? else {
        return Ok(None);
    };
    let alone = policy.flags & policy_flag::RESOLVER_INSIDE != 0 && gateway_is_dead(RESOLVER_ALONE_NS);
    if local && (policy.flags & policy_flag::DNS == 0 || alone) {
        count(Stat::Local);
        return Ok(None);
    }
    if dst.is_bypassed(policy.group) {
        count(Stat::Bypassed);
        count_for(policy.group, TargetStat::Bypassed);
        return Ok(None);
    }
    Ok(Some(policy))
}

/// Whether the socket is the gateway's own; if not, forgets what an earlier `connect()` recorded.
///
/// Without the clearing, a steered connect, `AF_UNSPEC`, and a connect to a listed address leave a record behind:
/// `getpeername` lies, and `sock_ops` publishes a flow for a connection that was never steered.
#[inline(always)]
fn is_own_else_clear(sk: *mut bpf_sock) -> bool {
    let meta = sk_meta(sk);
    if meta.is_null() {
        return false;
    }
    // SAFETY: a map value of that type, checked for null.
    unsafe {
        if (*meta).kind == meta_kind::OWN {
            return true;
        }
        (*meta).kind = meta_kind::NONE;
    }
    false
}

#[inline(always)]
fn steer_tcp(ctx: &SockAddr<'_>, sk: *mut bpf_sock, policy: &Policy, dst: &Destination) -> Result<(), Refusal> {
    let native_v6 = dst.family == family::V6;
    if native_v6 && (policy.flags & policy_flag::NO_V6 != 0 || policy.port6 == 0) {
        return Err(Refusal::NoIpv6);
    }
    let port = if native_v6 { policy.port6 } else { policy.port4 };
    let device_flag = unbind_device(ctx, sk)?;
    let cookie = remember(ctx, sk, dst, meta_kind::TCP, device_flag, port)?;
    if native_v6 {
        ctx.set_ip6(loopback_v6());
    } else {
        let bits = if policy.flags & policy_flag::SPREAD != 0 { policy.spread_bits } else { 0 };
        set_v4(ctx, dst, spread_address(cookie, bits));
    }
    ctx.set_port_be(port.to_be());
    count(Stat::Redirected);
    count_for(policy.group, TargetStat::Redirected);
    Ok(())
}

/// Replaces an IPv4 destination in the form it came in.
#[inline(always)]
pub(crate) fn set_v4(ctx: &SockAddr<'_>, dst: &Destination, addr: u32) {
    if dst.mapped {
        ctx.set_ip6(to_mapped(addr));
    } else {
        ctx.set_ip4(addr);
    }
}

/// Takes the socket off the device it is bound to (`curl --interface`), because its SYN for loopback would leave through
/// that device and time out. Returns the flag to record.
///
/// Binding needs no privilege since 5.7, unbinding needs `CAP_NET_RAW` even here (`sock_bindtoindex_locked` in
/// net/core/sock.c asks the current task). A workload without it is refused, with the reason reported.
#[inline(always)]
pub(crate) fn unbind_device(ctx: &SockAddr<'_>, sk: *mut bpf_sock) -> Result<u16, Refusal> {
    if bound_device(sk) == 0 {
        return Ok(0);
    }
    let mut none = 0_u32;
    let none: *mut u32 = &mut none;
    // SAFETY: the context of this hook, and four readable bytes: an empty device name.
    let failed = unsafe { bpf_setsockopt(ctx.as_ptr(), SOL_SOCKET, SO_BINDTODEVICE, none.cast(), 4) } != 0;
    if failed {
        return Err(Refusal::Denied(DenialReason::DeviceBound));
    }
    count(Stat::DeviceUnbound);
    Ok(meta_flag::DEVICE_UNBOUND)
}

/// Attaches the record to the socket; returns the socket's cookie.
///
/// Fields are assigned one by one: copying a whole structure becomes a byte-wise memcpy subprogram.
#[inline(always)]
pub(crate) fn remember(
    ctx: &SockAddr<'_>,
    sk: *mut bpf_sock,
    dst: &Destination,
    kind: u8,
    flags: u16,
    steered_port: u16,
) -> Result<u64, Refusal> {
    let meta = sk_meta_or_new(sk);
    if meta.is_null() {
        return Err(Refusal::Denied(DenialReason::Storage));
    }
    let cookie = socket_cookie(ctx);
    // SAFETY: a map value of that type, checked for null; helpers without pointers.
    unsafe {
        (*meta).addr[0] = dst.addr[0];
        (*meta).addr[1] = dst.addr[1];
        (*meta).addr[2] = dst.addr[2];
        (*meta).addr[3] = dst.addr[3];
        (*meta).port_be = dst.port_be;
        (*meta).family = dst.family;
        (*meta).pid = (bpf_get_current_pid_tgid() >> 32) as u32;
        (*meta).cookie = cookie;
        (*meta).cgroup = bpf_get_current_cgroup_id();
        (*meta).boot_ns = bpf_ktime_get_boot_ns();
        (*meta).uid = bpf_get_current_uid_gid() as u32;
        (*meta).flags = flags | if dst.mapped { meta_flag::MAPPED } else { 0 };
        (*meta).steered_port = steered_port;
        (*meta).kind = kind;
    }
    Ok(cookie)
}

#[inline(always)]
pub(crate) fn netns_cookie(ctx: &SockAddr<'_>) -> u64 {
    // SAFETY: the context of this hook.
    unsafe { bpf_get_netns_cookie(ctx.as_ptr()) }
}

#[inline(always)]
pub(crate) fn socket_cookie(ctx: &SockAddr<'_>) -> u64 {
    // SAFETY: the context of this hook.
    unsafe { bpf_get_socket_cookie(ctx.as_ptr()) }
}
