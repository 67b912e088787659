//! Datagrams sent without `connect()`, and the answers to steered DNS queries.
//!
//! Applies the UDP half of the connect rules to each `sendmsg()` with an address (`sendto`, `sendmmsg`). A steered query
//! is answered from loopback, so `recvmsg` shows the server that was asked instead. One socket asking two servers gets
//! both answers attributed to the last one; resolvers accept that, per-server logic must not rely on it.
//!
//! Needs `cgroup/sendmsg4` and `sendmsg6` (4.18), `recvmsg4` and `recvmsg6` (5.2).

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use pipelock_common::{
    DenialReason, SkMeta, Stat, TargetStat, Udp, family, judge_udp, loopback_v6, mapped_v4, meta_kind, protocol,
    spread_address, to_mapped,
};

use crate::connect::{Destination, netns_cookie, steer_dns};
use crate::ctx::SockAddr;
use crate::maps::{count, count_for, sk_meta};
use crate::policy::{PROCEED, Refusal, governing, refuse};

/// Judges a datagram to an IPv4 address; also those an `AF_INET6` socket sends to a mapped one.
#[cgroup_sock_addr(sendmsg4)]
pub fn pl_sendmsg4(ctx: SockAddrContext) -> i32 {
    let addr = SockAddr(&ctx);
    sendmsg(&ctx, &addr, &Destination::of_v4(&addr))
}

/// Judges a datagram to an IPv6 address.
#[cgroup_sock_addr(sendmsg6)]
pub fn pl_sendmsg6(ctx: SockAddrContext) -> i32 {
    let addr = SockAddr(&ctx);
    sendmsg(&ctx, &addr, &Destination::of_v6(&addr))
}

#[inline(always)]
fn sendmsg(ctx: &SockAddrContext, addr: &SockAddr<'_>, dst: &Destination) -> i32 {
    match try_sendmsg(addr, dst) {
        Ok(()) => PROCEED,
        // Fail closed: a datagram that cannot be judged or steered is refused.
        Err(refusal) => refuse(ctx, refusal, &dst.subject(addr)),
    }
}

#[inline(always)]
fn try_sendmsg(ctx: &SockAddr<'_>, dst: &Destination) -> Result<(), Refusal> {
    let sk = ctx.sk();
    let meta = sk_meta(sk);
    // SAFETY: a map value of that type, checked for null.
    if !meta.is_null() && unsafe { (*meta).kind } == meta_kind::OWN {
        return Ok(());
    }
    if dst.is_local() {
        count(Stat::Local);
        return Ok(());
    }
    let Some(policy) = governing(|| netns_cookie(ctx))? else {
        return Ok(());
    };
    if dst.is_bypassed(policy.group) {
        count(Stat::Bypassed);
        count_for(policy.group, TargetStat::Bypassed);
        return Ok(());
    }
    if ctx.protocol() != protocol::UDP {
        return Err(Refusal::Denied(DenialReason::Protocol));
    }
    match judge_udp(dst.port(), policy.flags) {
        Udp::Pass => Ok(()),
        Udp::Quic => Err(Refusal::Denied(DenialReason::Quic)),
        Udp::Refuse => Err(Refusal::Denied(DenialReason::Udp)),
        Udp::Dns => steer_dns(ctx, sk, policy, dst),
    }
}

/// Shows an IPv4 socket the server it asked.
#[cgroup_sock_addr(recvmsg4)]
pub fn pl_recvmsg4(ctx: SockAddrContext) -> i32 {
    let addr = SockAddr(&ctx);
    // Nothing to refuse here, the kernel allows no other answer: without a record the source stays as it is.
    if let Some(meta) = dns_record(&addr, addr.ip4() == spread_address(0, 0))
        && meta.family == family::V4
    {
        addr.set_ip4(meta.addr[0]);
        addr.set_port_be(meta.port_be);
    }
    PROCEED
}

/// Shows an IPv6 socket the server it asked. Queries to mapped addresses go out through `sendmsg4`, but their answers
/// arrive here, so both forms are restored.
#[cgroup_sock_addr(recvmsg6)]
pub fn pl_recvmsg6(ctx: SockAddrContext) -> i32 {
    let addr = SockAddr(&ctx);
    let source = addr.ip6();
    let from_resolver = match mapped_v4(source) {
        Some(v4) => v4 == spread_address(0, 0),
        None => source == loopback_v6(),
    };
    // As in `recvmsg4`: nothing to refuse.
    if let Some(meta) = dns_record(&addr, from_resolver) {
        if meta.family == family::V4 {
            addr.set_ip6(to_mapped(meta.addr[0]));
        } else {
            addr.set_ip6(meta.addr);
        }
        addr.set_port_be(meta.port_be);
    }
    PROCEED
}

/// The record of the query this datagram answers, if it comes from the target's resolver.
#[inline(always)]
fn dns_record(ctx: &SockAddr<'_>, from_loopback: bool) -> Option<&'static SkMeta> {
    if !from_loopback {
        return None;
    }
    // SAFETY: a map value of that type, null or valid while the socket lives, and the program holds the socket.
    let meta = unsafe { sk_meta(ctx.sk()).as_ref() }?;
    (meta.kind == meta_kind::DNS && ctx.port_be() == meta.steered_port.to_be()).then_some(meta)
}
