//! Packets that leave a target: drops new flows that did not come through the gateway.
//!
//! Attached to the ingress of the host side of a target's interface, where nothing inside the target can remove it. It sees
//! what no socket hook does: hand-made frames (`AF_PACKET`, `AF_XDP`), sockets made elsewhere, transports without hooks. The
//! gateway dials from its own side, so that no opening of a connection is ever meant to pass here.
//!
//! Needs tcx (6.6), or clsact (4.5). The return values are the same for both.

use aya_ebpf::macros::classifier;
use aya_ebpf::programs::TcContext;
use pipelock_common::{
    MAX_EXTENSION_HEADERS, Policy, RESOLVER_ALONE_NS, TargetStat, extension_header, is_of_resolver_inside, may_leave,
    policy_flag, protocol,
};

use crate::ctx::interface_of;
use crate::maps::{SEATBELTS, bypassed4, bypassed6, count_for};
use crate::policy::{gateway_is_dead, may_fail_open};

/// Goes on to the next program: `TCX_NEXT` and `TC_ACT_UNSPEC`.
const PASS: i32 = -1;
/// `TCX_DROP` and `TC_ACT_SHOT`.
const DROP: i32 = 2;

const ETHERNET_HEADER: usize = 14;
const ETH_IPV4: u16 = 0x0800;
const ETH_ARP: u16 = 0x0806;
const ETH_IPV6: u16 = 0x86dd;

/// Where a packet goes, as far as the decision needs it.
struct Packet {
    proto: u32,
    transport: usize,
}

/// Judges a packet that leaves a target.
#[classifier]
pub fn pl_seatbelt(ctx: TcContext) -> i32 {
    // SAFETY: values are replaced, never torn.
    let Some(policy) = (unsafe { SEATBELTS.get(interface_of(&ctx)) }) else {
        // Between detaching and forgetting the policy, or never a target's interface.
        return PASS;
    };
    if policy.flags & policy_flag::OBSERVE != 0 || may_pass(&ctx, policy) || may_fail_open(policy) {
        return PASS;
    }
    // Fail closed: what cannot be read is dropped.
    count_for(policy.group, TargetStat::Dropped);
    DROP
}

#[inline(always)]
fn may_pass(ctx: &TcContext, policy: &Policy) -> bool {
    let Ok(ethertype) = ctx.load::<u16>(12) else {
        return false;
    };
    let packet = match u16::from_be(ethertype) {
        ETH_ARP => return true,
        ETH_IPV4 => ipv4(ctx, policy),
        ETH_IPV6 => ipv6(ctx, policy),
        _ => return false,
    };
    match packet {
        Judged::Pass => true,
        Judged::Drop => false,
        Judged::By(packet) => transport(ctx, policy, &packet),
    }
}

/// What the network header says.
enum Judged {
    Pass,
    Drop,
    By(Packet),
}

#[inline(always)]
fn ipv4(ctx: &TcContext, policy: &Policy) -> Judged {
    let (Ok(first), Ok(fragment), Ok(proto), Ok(destination)) = (
        ctx.load::<u8>(ETHERNET_HEADER),
        ctx.load::<u16>(ETHERNET_HEADER + 6),
        ctx.load::<u8>(ETHERNET_HEADER + 9),
        ctx.load::<u32>(ETHERNET_HEADER + 16),
    ) else {
        return Judged::Drop;
    };
    if bypassed4(policy.group, destination) {
        return Judged::Pass;
    }
    // A later fragment has no ports, and could rewrite the flags of the first.
    if u16::from_be(fragment) & 0x1fff != 0 && u32::from(proto) != protocol::ICMP {
        return Judged::Drop;
    }
    let header = usize::from(first & 0x0f) * 4;
    Judged::By(Packet { proto: u32::from(proto), transport: ETHERNET_HEADER + header })
}

#[inline(always)]
fn ipv6(ctx: &TcContext, policy: &Policy) -> Judged {
    let (Ok(next), Ok(destination)) = (ctx.load::<u8>(ETHERNET_HEADER + 6), ctx.load::<[u32; 4]>(ETHERNET_HEADER + 24))
    else {
        return Judged::Drop;
    };
    if bypassed6(policy.group, destination) {
        return Judged::Pass;
    }
    let mut proto = u32::from(next);
    let mut at = (ETHERNET_HEADER + 40) as u32;
    for _ in 0..MAX_EXTENSION_HEADERS {
        let (Ok(next), Ok(length)) = (ctx.load::<u8>(at as usize), ctx.load::<u8>(at as usize + 1)) else {
            break;
        };
        let Some(bytes) = extension_header(proto, length) else {
            break;
        };
        if proto == 44 {
            let Ok(fragment) = ctx.load::<u16>(at as usize + 2) else {
                return Judged::Drop;
            };
            if u16::from_be(fragment) & 0xfff8 != 0 {
                return Judged::Drop;
            }
        }
        proto = u32::from(next);
        at += bytes;
    }
    // One header too many is no transport, and dropped as one that is unknown.
    Judged::By(Packet { proto, transport: at as usize })
}

#[inline(always)]
fn transport(ctx: &TcContext, policy: &Policy, packet: &Packet) -> bool {
    let port = ctx.load::<u16>(packet.transport + 2).map(u16::from_be);
    let flags = if packet.proto == protocol::TCP { ctx.load::<u8>(packet.transport + 13) } else { Ok(0) };
    match (packet.proto, port, flags) {
        (protocol::ICMP | protocol::ICMPV6, _, _) => true,
        // Before the others: it must not pass while the target may ask that resolver itself.
        (proto, Ok(port), _) if is_of_resolver_inside(proto, port, policy.flags) => !gateway_is_dead(RESOLVER_ALONE_NS),
        (proto, Ok(port), Ok(flags)) => may_leave(proto, port, flags, policy.flags),
        _ => false,
    }
}
