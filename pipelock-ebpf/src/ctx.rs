//! Access to the contexts the kernel hands to a program.
//!
//! LLVM likes to hoist `ctx + offset` out of branches, and the verifier answers "dereference of modified ctx ptr";
//! volatile access does not prevent it. So every load and store on a context is one instruction of inline assembly with
//! a constant offset. The offsets come from the kernel's own structures; assertions below say which ones are relied on.

use core::mem::offset_of;

use aya_ebpf::bindings::{__sk_buff, bpf_sock, bpf_sock_addr, bpf_sock_ops};
use aya_ebpf::programs::{SockAddrContext, SockContext, SockOpsContext, TcContext};

/// Loads a `u32` field at a constant offset.
macro_rules! load_u32 {
    ($base:expr, $offset:expr) => {{
        let value: u64;
        // SAFETY: one load from a structure of the kernel's; the verifier checks base and offset.
        unsafe {
            core::arch::asm!(
                "{value} = *(u32 *)({base} + {offset})",
                value = out(reg) value,
                base = in(reg) $base,
                offset = const $offset,
                options(nostack, readonly, preserves_flags),
            );
        }
        value as u32
    }};
}

/// Loads a pointer field at a constant offset.
macro_rules! load_ptr {
    ($base:expr, $offset:expr) => {{
        let value: u64;
        // SAFETY: as in `load_u32`.
        unsafe {
            core::arch::asm!(
                "{value} = *(u64 *)({base} + {offset})",
                value = out(reg) value,
                base = in(reg) $base,
                offset = const $offset,
                options(nostack, readonly, preserves_flags),
            );
        }
        value as *mut bpf_sock
    }};
}

/// Stores a `u32` field at a constant offset; the only width the kernel accepts for addresses and ports.
macro_rules! store_u32 {
    ($base:expr, $offset:expr, $value:expr) => {{
        // SAFETY: one store to a context field; the verifier checks that this hook may write it.
        unsafe {
            core::arch::asm!(
                "*(u32 *)({base} + {offset}) = {value}",
                base = in(reg) $base,
                offset = const $offset,
                value = in(reg) u64::from($value),
                options(nostack, preserves_flags),
            );
        }
    }};
}

const USER_IP4: usize = offset_of!(bpf_sock_addr, user_ip4);
const USER_IP6: usize = offset_of!(bpf_sock_addr, user_ip6);
const USER_PORT: usize = offset_of!(bpf_sock_addr, user_port);
const PROTOCOL: usize = offset_of!(bpf_sock_addr, protocol);
const SK: usize = offset_of!(bpf_sock_addr, __bindgen_anon_1);

const OPS_OP: usize = offset_of!(bpf_sock_ops, op);
const OPS_ARGS: usize = offset_of!(bpf_sock_ops, __bindgen_anon_1);
const OPS_REMOTE_IP4: usize = offset_of!(bpf_sock_ops, remote_ip4);
const OPS_LOCAL_IP4: usize = offset_of!(bpf_sock_ops, local_ip4);
const OPS_REMOTE_IP6: usize = offset_of!(bpf_sock_ops, remote_ip6);
const OPS_LOCAL_IP6: usize = offset_of!(bpf_sock_ops, local_ip6);
const OPS_LOCAL_PORT: usize = offset_of!(bpf_sock_ops, local_port);
const OPS_SK: usize = offset_of!(bpf_sock_ops, __bindgen_anon_2);

const SOCK_DEVICE: usize = offset_of!(bpf_sock, bound_dev_if);
const SOCK_FAMILY: usize = offset_of!(bpf_sock, family);
const SOCK_TYPE: usize = offset_of!(bpf_sock, type_);
const SOCK_PROTOCOL: usize = offset_of!(bpf_sock, protocol);

const SKB_IFINDEX: usize = offset_of!(__sk_buff, ifindex);

// include/uapi/linux/bpf.h, which is ABI: a binding that disagrees is a wrong binding.
const _: () = {
    assert!(USER_IP4 == 4 && USER_IP6 == 8 && USER_PORT == 24 && PROTOCOL == 36 && SK == 64);
    assert!(OPS_OP == 0 && OPS_ARGS == 4 && OPS_REMOTE_IP4 == 24 && OPS_LOCAL_IP4 == 28);
    assert!(OPS_REMOTE_IP6 == 32 && OPS_LOCAL_IP6 == 48 && OPS_LOCAL_PORT == 68 && OPS_SK == 184);
    assert!(SOCK_DEVICE == 0 && SOCK_FAMILY == 4 && SOCK_TYPE == 8 && SOCK_PROTOCOL == 12);
    assert!(SKB_IFINDEX == 40);
};

/// `bpf_sock_addr`: the address argument of the system call, and its socket.
pub(crate) struct SockAddr<'a>(pub(crate) &'a SockAddrContext);

impl SockAddr<'_> {
    /// The context as helpers want it.
    #[inline(always)]
    pub(crate) fn as_ptr(&self) -> *mut core::ffi::c_void {
        self.0.sock_addr.cast()
    }

    /// The IPv4 address, network byte order.
    #[inline(always)]
    pub(crate) fn ip4(&self) -> u32 {
        load_u32!(self.0.sock_addr, USER_IP4)
    }

    /// The IPv6 address, network byte order.
    #[inline(always)]
    pub(crate) fn ip6(&self) -> [u32; 4] {
        [
            load_u32!(self.0.sock_addr, USER_IP6),
            load_u32!(self.0.sock_addr, USER_IP6 + 4),
            load_u32!(self.0.sock_addr, USER_IP6 + 8),
            load_u32!(self.0.sock_addr, USER_IP6 + 12),
        ]
    }

    /// The port, network byte order; the kernel keeps it in the low half of the field.
    #[inline(always)]
    pub(crate) fn port_be(&self) -> u16 {
        load_u32!(self.0.sock_addr, USER_PORT) as u16
    }

    /// `IPPROTO_` number of the socket.
    #[inline(always)]
    pub(crate) fn protocol(&self) -> u32 {
        load_u32!(self.0.sock_addr, PROTOCOL)
    }

    /// The socket.
    #[inline(always)]
    pub(crate) fn sk(&self) -> *mut bpf_sock {
        load_ptr!(self.0.sock_addr, SK)
    }

    /// Replaces the IPv4 address.
    #[inline(always)]
    pub(crate) fn set_ip4(&self, address: u32) {
        store_u32!(self.0.sock_addr, USER_IP4, address);
    }

    /// Replaces the IPv6 address.
    #[inline(always)]
    pub(crate) fn set_ip6(&self, address: [u32; 4]) {
        store_u32!(self.0.sock_addr, USER_IP6, address[0]);
        store_u32!(self.0.sock_addr, USER_IP6 + 4, address[1]);
        store_u32!(self.0.sock_addr, USER_IP6 + 8, address[2]);
        store_u32!(self.0.sock_addr, USER_IP6 + 12, address[3]);
    }

    /// Replaces the port, given in network byte order.
    #[inline(always)]
    pub(crate) fn set_port_be(&self, port_be: u16) {
        store_u32!(self.0.sock_addr, USER_PORT, u32::from(port_be));
    }
}

/// `bpf_sock_ops`: a TCP socket at a point of its life.
pub(crate) struct SockOps<'a>(pub(crate) &'a SockOpsContext);

impl SockOps<'_> {
    /// The context as helpers want it.
    #[inline(always)]
    pub(crate) fn as_ptr(&self) -> *mut core::ffi::c_void {
        self.0.ops.cast()
    }

    /// Which point of its life: a `BPF_SOCK_OPS_` number.
    #[inline(always)]
    pub(crate) fn op(&self) -> u32 {
        load_u32!(self.0.ops, OPS_OP)
    }

    /// Old state, of a state callback.
    #[inline(always)]
    pub(crate) fn old_state(&self) -> u32 {
        load_u32!(self.0.ops, OPS_ARGS)
    }

    /// New state, of a state callback.
    #[inline(always)]
    pub(crate) fn new_state(&self) -> u32 {
        load_u32!(self.0.ops, OPS_ARGS + 4)
    }

    /// Local and remote IPv4 address, network byte order; valid for mapped sockets too.
    #[inline(always)]
    pub(crate) fn ip4(&self) -> (u32, u32) {
        (load_u32!(self.0.ops, OPS_LOCAL_IP4), load_u32!(self.0.ops, OPS_REMOTE_IP4))
    }

    /// Local IPv6 address, network byte order.
    #[inline(always)]
    pub(crate) fn local_ip6(&self) -> [u32; 4] {
        [
            load_u32!(self.0.ops, OPS_LOCAL_IP6),
            load_u32!(self.0.ops, OPS_LOCAL_IP6 + 4),
            load_u32!(self.0.ops, OPS_LOCAL_IP6 + 8),
            load_u32!(self.0.ops, OPS_LOCAL_IP6 + 12),
        ]
    }

    /// Remote IPv6 address, network byte order.
    #[inline(always)]
    pub(crate) fn remote_ip6(&self) -> [u32; 4] {
        [
            load_u32!(self.0.ops, OPS_REMOTE_IP6),
            load_u32!(self.0.ops, OPS_REMOTE_IP6 + 4),
            load_u32!(self.0.ops, OPS_REMOTE_IP6 + 8),
            load_u32!(self.0.ops, OPS_REMOTE_IP6 + 12),
        ]
    }

    /// The local port, host byte order (unlike the remote one).
    #[inline(always)]
    pub(crate) fn local_port(&self) -> u16 {
        load_u32!(self.0.ops, OPS_LOCAL_PORT) as u16
    }

    /// The socket, null when it is not a full one.
    #[inline(always)]
    pub(crate) fn sk(&self) -> *mut bpf_sock {
        load_ptr!(self.0.ops, OPS_SK)
    }
}

/// `bpf_sock` as the context of `sock_create`.
pub(crate) struct Sock<'a>(pub(crate) &'a SockContext);

impl Sock<'_> {
    /// The context as helpers want it.
    #[inline(always)]
    pub(crate) fn as_ptr(&self) -> *mut core::ffi::c_void {
        self.0.sock.cast()
    }

    /// `AF_` number.
    #[inline(always)]
    pub(crate) fn family(&self) -> u32 {
        load_u32!(self.0.sock, SOCK_FAMILY)
    }

    /// `SOCK_` number.
    #[inline(always)]
    pub(crate) fn socket_type(&self) -> u32 {
        load_u32!(self.0.sock, SOCK_TYPE)
    }

    /// `IPPROTO_` number.
    #[inline(always)]
    pub(crate) fn protocol(&self) -> u32 {
        load_u32!(self.0.sock, SOCK_PROTOCOL)
    }
}

/// The interface a packet came in by.
#[inline(always)]
pub(crate) fn interface_of(packet: &TcContext) -> u32 {
    load_u32!(packet.skb.skb, SKB_IFINDEX)
}

/// The interface a socket is bound to, zero when to none.
#[inline(always)]
pub(crate) fn bound_device(sk: *mut bpf_sock) -> u32 {
    load_u32!(sk, SOCK_DEVICE)
}
