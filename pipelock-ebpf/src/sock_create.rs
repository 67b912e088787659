//! `socket()`: refuses inet sockets that would pass beside the connect hooks.
//!
//! Sees inet sockets only: `AF_PACKET`, `AF_XDP`, `AF_VSOCK` and netlink never come here; dropped capabilities and the
//! filter on the host side of a pod's interface are for those.
//!
//! Needs `cgroup/sock_create` (4.10).

use aya_ebpf::helpers::generated::bpf_get_netns_cookie;
use aya_ebpf::macros::cgroup_sock;
use aya_ebpf::programs::SockContext;
use pipelock_common::{DenialReason, socket_allowed};

use crate::ctx::Sock;
use crate::policy::{PROCEED, Refusal, Subject, governing, refuse};

/// Judges a new socket.
#[cgroup_sock(sock_create)]
pub fn pl_sock_create(ctx: SockContext) -> i32 {
    let sock = Sock(&ctx);
    match try_sock_create(&sock) {
        Ok(()) => PROCEED,
        // Fail closed: a socket that cannot be judged is not made.
        Err(refusal) => {
            // SAFETY: the context of this hook.
            let netns = unsafe { bpf_get_netns_cookie(sock.as_ptr()) };
            refuse(&ctx, refusal, &Subject::socket(netns, sock.protocol(), sock.socket_type()))
        }
    }
}

#[inline(always)]
fn try_sock_create(sock: &Sock<'_>) -> Result<(), Refusal> {
    if socket_allowed(sock.family(), sock.socket_type(), sock.protocol()) {
        return Ok(());
    }
    // SAFETY: the context of this hook.
    match governing(|| unsafe { bpf_get_netns_cookie(sock.as_ptr()) })? {
        Some(_) => Err(Refusal::Denied(DenialReason::SocketType)),
        None => Ok(()),
    }
}
