//! Datagrams sent without `connect()`, and the answers to steered DNS queries.
//!
//! Applies the UDP half of the connect rules to each `sendmsg()` with an address (`sendto`, `sendmmsg`). A steered query
//! is answered from loopback, so `recvmsg` shows the server that was asked instead: by the place it was steered to, so that one
//! socket may ask several.
//!
//! Needs `cgroup/sendmsg4` and `sendmsg6` (4.18), `recvmsg4` and `recvmsg6` (5.2).

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use pipelock_common::{DenialReason, Udp, family, judge_udp, loopback_v6, mapped_v4, meta_kind, protocol, to_mapped};

use crate::connect::{Destination, steerable};
use crate::ctx::SockAddr;
use crate::dns;
use crate::maps::sk_meta;
use crate::policy::{PROCEED, Refusal, refuse};

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
    let Some(policy) = steerable(ctx, dst)? else {
        return Ok(());
    };
    if ctx.protocol() != protocol::UDP {
        return Err(Refusal::Denied(DenialReason::Protocol));
    }
    match judge_udp(dst.port(), policy.flags) {
        Udp::Pass => Ok(()),
        Udp::Quic => Err(Refusal::Denied(DenialReason::Quic)),
        Udp::Refuse => Err(Refusal::Denied(DenialReason::Udp)),
        Udp::Dns => dns::steer(ctx, sk, policy, dst),
    }
}

/// Shows an IPv4 socket the server it asked.
#[cgroup_sock_addr(recvmsg4)]
pub fn pl_recvmsg4(ctx: SockAddrContext) -> i32 {
    let addr = SockAddr(&ctx);
    // Nothing to refuse here, the kernel allows no other answer: what no resolver of ours sent stays as it is.
    if let Some(server) = dns::asked(&addr, dns::slot_of_v4(addr.ip4()))
        && server.family == family::V4
    {
        addr.set_ip4(server.addr[0]);
        addr.set_port_be(server.port_be);
    }
    PROCEED
}

/// Shows an IPv6 socket the server it asked. Queries to mapped addresses go out through `sendmsg4`, but their answers
/// arrive here, so both forms are restored.
#[cgroup_sock_addr(recvmsg6)]
pub fn pl_recvmsg6(ctx: SockAddrContext) -> i32 {
    let addr = SockAddr(&ctx);
    let source = addr.ip6();
    let from = match mapped_v4(source) {
        Some(v4) => dns::slot_of_v4(v4),
        None if source == loopback_v6() => dns::From::Port,
        None => dns::From::Elsewhere,
    };
    // As in `recvmsg4`: nothing to refuse.
    if let Some(server) = dns::asked(&addr, from) {
        if server.family == family::V4 {
            addr.set_ip6(to_mapped(server.addr[0]));
        } else {
            addr.set_ip6(server.addr);
        }
        addr.set_port_be(server.port_be);
    }
    PROCEED
}
