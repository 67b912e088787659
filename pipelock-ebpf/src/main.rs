//! Kernel programs of Pipelock eBPF: steer the outbound connections of captured cgroups to the gateway's listeners.
//!
//! One file a hook. Each program is a thin function that calls a `try_*` and whose error arm names its fail mode: what
//! cannot be judged or steered is refused, never let through by accident. The programs keep no policy of their own; user
//! space computes everything that can be computed there (ports, CIDR tries, flags) and writes it to the maps in
//! [`maps`]. Layouts and pure rules come from `pipelock-common`, where they are tested as ordinary Rust.
//!
//! What happens to a connection: [`connect`] records where it meant to go in per-socket storage and rewrites the address
//! to a loopback listener; [`sockops`] publishes the record under the connection's four addresses just before the SYN
//! leaves; the gateway takes it from there on accept. [`dns`] steers queries. [`peername`] and [`sendmsg`] keep the application's view intact,
//! [`sock_create`] and [`bind`] close the ways around, [`seatbelt`] those
//! that no socket hook sees.
//!
//! Baseline: Linux 5.15. Built by `cargo xtask build-ebpf`; the object is committed, so nothing else needs to build this.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod bind;
mod connect;
mod ctx;
mod dns;
mod maps;
mod peername;
mod policy;
mod seatbelt;
mod sendmsg;
mod sock_create;
mod sockops;

/// What the kernel reads before it offers GPL-only helpers. None of those used here is one.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // Never reached: the verifier refuses programs with a path that does not end.
    loop {}
}
