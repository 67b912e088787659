//! Publishes steered connections for the gateway to find on accept.
//!
//! `TCP_CONNECT_CB` runs after the source port is chosen and before the SYN leaves, so the entry exists before the
//! listener can accept the connection; no retry is needed on the other side. Never steers and never refuses.
//!
//! Needs `sock_ops` (4.13), socket storage in it (5.8), the netns cookie in it (5.15).

use aya_ebpf::bindings::{
    BPF_SOCK_OPS_STATE_CB, BPF_SOCK_OPS_STATE_CB_FLAG, BPF_SOCK_OPS_TCP_CONNECT_CB, BPF_TCP_CLOSE, BPF_TCP_SYN_SENT,
};
use aya_ebpf::helpers::generated::{bpf_get_netns_cookie, bpf_sock_ops_cb_flags_set};
use aya_ebpf::macros::sock_ops;
use aya_ebpf::programs::SockOpsContext;
use pipelock_common::{FlowKey, SkMeta, Stat, family, meta_kind};

use crate::ctx::SockOps;
use crate::maps::{FLOWS, count, sk_meta};

/// Follows the life of steered TCP sockets.
#[sock_ops]
pub fn pl_sockops(ctx: SockOpsContext) -> u32 {
    let ops = SockOps(&ctx);
    match ops.op() {
        BPF_SOCK_OPS_TCP_CONNECT_CB => publish(&ops),
        BPF_SOCK_OPS_STATE_CB => withdraw(&ops),
        _ => {}
    }
    1
}

/// Puts the socket's record under its four addresses.
#[inline(always)]
fn publish(ops: &SockOps<'_>) {
    let Some(meta) = steered(ops) else {
        return;
    };
    if FLOWS.insert(flow_key(ops, meta), meta, 0).is_err() {
        // Fail closed: the gateway finds no record and resets the connection.
        count(Stat::FlowsLost);
        return;
    }
    // Only steered sockets pay for state callbacks. A failure leaves the entry of a refused connect to the sweep.
    // SAFETY: the context of this hook.
    unsafe { bpf_sock_ops_cb_flags_set(ops.0.ops, BPF_SOCK_OPS_STATE_CB_FLAG as i32) };
}

/// Takes back the entry of a connect that never succeeded.
///
/// Not on every close: a client that connects, writes and closes before the gateway accepts still has its data in the
/// accept queue.
#[inline(always)]
fn withdraw(ops: &SockOps<'_>) {
    if ops.old_state() != BPF_TCP_SYN_SENT || ops.new_state() != BPF_TCP_CLOSE {
        return;
    }
    if let Some(meta) = steered(ops) {
        // Absent when the gateway has taken it already.
        let _ = FLOWS.remove(flow_key(ops, meta));
    }
}

#[inline(always)]
fn steered<'a>(ops: &SockOps<'a>) -> Option<&'a SkMeta> {
    // SAFETY: a map value of that type, null or valid while the socket lives, and the program holds the socket.
    let meta = unsafe { sk_meta(ops.sk()).as_ref() }?;
    (meta.kind == meta_kind::TCP).then_some(meta)
}

#[inline(always)]
fn flow_key(ops: &SockOps<'_>, meta: &SkMeta) -> FlowKey {
    let (saddr, daddr) = if meta.family == family::V4 {
        let (local, remote) = ops.ip4();
        ([local, 0, 0, 0], [remote, 0, 0, 0])
    } else {
        (ops.local_ip6(), ops.remote_ip6())
    };
    FlowKey {
        // SAFETY: the context of this hook.
        netns: unsafe { bpf_get_netns_cookie(ops.as_ptr()) },
        saddr,
        daddr,
        sport: ops.local_port(),
        dport: meta.steered_port,
        family: u32::from(meta.family),
    }
}
