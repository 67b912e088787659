//! DNS queries: sent to the target's resolver in a way that tells whom they were for, and whose they are.
//!
//! A datagram has no record that could be taken like that of a connection, and at `connect()` a UDP socket has no port yet.
//! So the *place* it is steered to says everything: each server that a cgroup asks has a slot, each slot an address on
//! loopback (IPv6: a port), and `DNS_SERVERS` says what the slot stands for. The gateway answers from that same place.

use aya_ebpf::bindings::bpf_sock;
use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_get_current_pid_tgid, bpf_get_current_uid_gid, bpf_ktime_get_boot_ns,
};
use pipelock_common::{
    DNS_SLOT_IDLE_NS, DNS_SLOTS_V4, DNS_SLOTS_V6, DenialReason, DnsKey, DnsServer, Policy, Stat, TargetStat,
    dns_address, dns_slot, family, loopback_v6, meta_kind,
};

use crate::connect::{Destination, netns_cookie, remember, set_v4};
use crate::ctx::SockAddr;
use crate::maps::{DNS_SERVERS, count, count_for, sk_meta};
use crate::policy::{Refusal, policy_of};

/// `BPF_NOEXIST` of include/uapi/linux/bpf.h.
const NO_EXIST: u64 = 1;

/// Sends a query to the resolver of the target. Native IPv6 goes to `::1`, since the kernel refuses to rewrite such a datagram
/// to a mapped address.
#[inline(always)]
pub(crate) fn steer(ctx: &SockAddr<'_>, sk: *mut bpf_sock, policy: &Policy, dst: &Destination) -> Result<(), Refusal> {
    if dst.family == family::V6 {
        let slot = place(policy.group, DNS_SLOTS_V4, DNS_SLOTS_V4 + DNS_SLOTS_V6, dst)?;
        let port = policy.dns_port + (slot - DNS_SLOTS_V4) as u16;
        remember(ctx, sk, dst, meta_kind::DNS, 0, port)?;
        ctx.set_ip6(loopback_v6());
        ctx.set_port_be(port.to_be());
    } else {
        let slot = place(policy.group, 0, DNS_SLOTS_V4, dst)?;
        remember(ctx, sk, dst, meta_kind::DNS, 0, policy.dns_port)?;
        set_v4(ctx, dst, dns_address(slot));
        ctx.set_port_be(policy.dns_port.to_be());
    }
    count(Stat::Dns);
    count_for(policy.group, TargetStat::Dns);
    Ok(())
}

/// The slot of a server, that of earlier queries or a new one. When all are taken, one that was not used for a while is given
/// away: no answer is on its way there any more.
///
/// Two passes, and none carries a choice to its end: up to 6.2 the verifier looks at every choice of every round anew, and refuses what a
/// later kernel takes (seen on 6.1: over a million instructions).
#[inline(always)]
fn place(group: u32, first: u32, end: u32, dst: &Destination) -> Result<u32, Refusal> {
    // SAFETY: helpers without pointers.
    let (now, cgroup) = unsafe { (bpf_ktime_get_boot_ns(), bpf_get_current_cgroup_id()) };
    let mut slot = first;
    while slot < end {
        let key = DnsKey { group, slot };
        match DNS_SERVERS.get_ptr_mut(key) {
            // SAFETY: a map value of that type. Its fields are written one by one and only about the last use; what says for
            // whom the slot is never changes in place.
            Some(server) => unsafe {
                if is_for(&*server, dst, cgroup) {
                    (*server).boot_ns = now;
                    (*server).pid = (bpf_get_current_pid_tgid() >> 32) as u32;
                    return Ok(slot);
                }
            },
            None => {
                // Lost to another processor: the next one is free, or the slot is for the same server and found next time.
                if DNS_SERVERS.insert(key, server_of(dst, cgroup, now), NO_EXIST).is_ok() {
                    return Ok(slot);
                }
            }
        }
        slot += 1;
    }
    slot = first;
    while slot < end {
        let key = DnsKey { group, slot };
        // SAFETY: a map value of that type.
        let idle = match unsafe { DNS_SERVERS.get(key) } {
            Some(server) => now.saturating_sub(server.boot_ns) >= DNS_SLOT_IDLE_NS,
            None => true,
        };
        if idle {
            return match DNS_SERVERS.insert(key, server_of(dst, cgroup, now), 0) {
                Ok(()) => Ok(slot),
                Err(_) => Err(Refusal::Denied(DenialReason::Storage)),
            };
        }
        slot += 1;
    }
    Err(Refusal::Denied(DenialReason::DnsServers))
}

/// One comparison of everything: a branch for each field is a branch in each of 64 rounds.
#[inline(always)]
fn is_for(server: &DnsServer, dst: &Destination, cgroup: u64) -> bool {
    let addresses = (server.addr[0] ^ dst.addr[0])
        | (server.addr[1] ^ dst.addr[1])
        | (server.addr[2] ^ dst.addr[2])
        | (server.addr[3] ^ dst.addr[3]);
    (server.cgroup ^ cgroup) | u64::from(addresses) | u64::from(server.port_be ^ dst.port_be) == 0
}

#[inline(always)]
fn server_of(dst: &Destination, cgroup: u64, boot_ns: u64) -> DnsServer {
    DnsServer {
        addr: dst.addr,
        cgroup,
        boot_ns,
        // SAFETY: helpers without pointers.
        pid: unsafe { bpf_get_current_pid_tgid() >> 32 } as u32,
        // SAFETY: as above.
        uid: unsafe { bpf_get_current_uid_gid() } as u32,
        port_be: dst.port_be,
        family: dst.family,
        reserved: [0; 5],
    }
}

/// Where an answer came from, as far as it tells a slot.
pub(crate) enum From {
    /// An address of a slot.
    Slot(u32),
    /// `::1`, whose port tells the slot.
    Port,
    /// Not from a resolver of the gateway.
    Elsewhere,
}

/// The slot of an IPv4 source.
#[inline(always)]
pub(crate) fn slot_of_v4(addr: u32) -> From {
    match dns_slot(addr) {
        Some(slot) => From::Slot(slot),
        None => From::Elsewhere,
    }
}

/// The server in whose place the gateway sent this datagram; `None` when it did not.
#[inline(always)]
pub(crate) fn asked(ctx: &SockAddr<'_>, from: From) -> Option<&'static DnsServer> {
    if let From::Elsewhere = from {
        return None;
    }
    // SAFETY: a map value of that type, null or valid while the socket lives, and the program holds the socket.
    let meta = unsafe { sk_meta(ctx.sk()).as_ref() }?;
    if meta.kind != meta_kind::DNS {
        return None;
    }
    let policy = policy_of(|| netns_cookie(ctx))?;
    let (port, base) = (u32::from(u16::from_be(ctx.port_be())), u32::from(policy.dns_port));
    let slot = match from {
        From::Slot(slot) if port == base => slot,
        From::Port if port >= base && port - base < DNS_SLOTS_V6 => DNS_SLOTS_V4 + port - base,
        _ => return None,
    };
    // SAFETY: values are replaced as a whole; what is read here never changes in place.
    unsafe { DNS_SERVERS.get(DnsKey { group: policy.group, slot }) }
}
