//! `getpeername()`: shows the application the peer it asked for, not our listener.
//!
//! `getsockname()` is left alone: some programs bind a second socket to that address, and a lie would break them. MPTCP
//! sockets would see the listener, since their record sits on the subflow; `sock_create` refuses them anyway.
//!
//! Needs `cgroup/getpeername4` and `getpeername6` (5.8).

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use pipelock_common::{SkMeta, family, meta_kind, to_mapped};

use crate::ctx::SockAddr;
use crate::maps::sk_meta;
use crate::policy::PROCEED;

/// Restores an IPv4 peer.
#[cgroup_sock_addr(getpeername4)]
pub fn pl_getpeername4(ctx: SockAddrContext) -> i32 {
    let addr = SockAddr(&ctx);
    // Nothing to refuse here, the kernel allows no other answer: without a record the name stays as it is.
    if let Some(meta) = record(&addr)
        && meta.family == family::V4
    {
        addr.set_ip4(meta.addr[0]);
        addr.set_port_be(meta.port_be);
    }
    PROCEED
}

/// Restores an IPv6 peer, mapped ones in their mapped form.
#[cgroup_sock_addr(getpeername6)]
pub fn pl_getpeername6(ctx: SockAddrContext) -> i32 {
    let addr = SockAddr(&ctx);
    // As in `getpeername4`: nothing to refuse.
    if let Some(meta) = record(&addr) {
        if meta.family == family::V4 {
            addr.set_ip6(to_mapped(meta.addr[0]));
        } else {
            addr.set_ip6(meta.addr);
        }
        addr.set_port_be(meta.port_be);
    }
    PROCEED
}

#[inline(always)]
fn record(ctx: &SockAddr<'_>) -> Option<&'static SkMeta> {
    // SAFETY: a map value of that type, null or valid while the socket lives, and the program holds the socket.
    let meta = unsafe { sk_meta(ctx.sk()).as_ref() }?;
    (meta.kind == meta_kind::TCP || meta.kind == meta_kind::DNS).then_some(meta)
}
