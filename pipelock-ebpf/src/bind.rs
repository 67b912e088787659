//! `bind()`: keeps captured processes off the ports the gateway listens on.
//!
//! A live listener excludes them anyway (no `SO_REUSEPORT`); this refuses the ports by number also while the gateway is
//! dead, when whoever holds one would receive the connections steered to it. A port that the kernel chooses (`bind` to 0,
//! `listen` without `bind`) is not seen here, and may by chance be one of them until the next start sweeps.
//!
//! Needs `cgroup/bind4` and `bind6` (4.17).

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use pipelock_common::is_reserved_port;

use crate::connect::{Destination, netns_cookie};
use crate::ctx::SockAddr;
use crate::policy::{PROCEED, Refusal, governing, refuse};

/// Judges `bind()` to an IPv4 address.
#[cgroup_sock_addr(bind4)]
pub fn pl_bind4(ctx: SockAddrContext) -> i32 {
    let addr = SockAddr(&ctx);
    bind(&ctx, &addr, &Destination::of_v4(&addr))
}

/// Judges `bind()` to an IPv6 address, wildcard and mapped included.
#[cgroup_sock_addr(bind6)]
pub fn pl_bind6(ctx: SockAddrContext) -> i32 {
    let addr = SockAddr(&ctx);
    bind(&ctx, &addr, &Destination::of_v6(&addr))
}

#[inline(always)]
fn bind(ctx: &SockAddrContext, addr: &SockAddr<'_>, at: &Destination) -> i32 {
    match try_bind(addr, at) {
        Ok(()) => PROCEED,
        // Fail closed: a bind that cannot be judged is refused.
        Err(refusal) => refuse(ctx, refusal, &at.subject(addr)),
    }
}

#[inline(always)]
fn try_bind(ctx: &SockAddr<'_>, at: &Destination) -> Result<(), Refusal> {
    let Some(policy) = governing(|| netns_cookie(ctx))? else {
        return Ok(());
    };
    if is_reserved_port(ctx.protocol(), at.port(), policy.port4, policy.port6, policy.dns_port) {
        return Err(Refusal::PortTaken);
    }
    Ok(())
}
