//! Decisions that need no kernel: pure functions, run by the programs and tested as ordinary Rust.
//!
//! Addresses come in as the kernel holds them: 32-bit words whose bytes in memory are in network order.
#![expect(clippy::inline_always, reason = "a call in a BPF program is a subprogram that the verifier must follow")]

use crate::limits::{DNS_SLOTS_V4, DNS_SLOTS_V6, MAX_SPREAD_BITS};
use crate::records::policy_flag;

/// Transport protocol numbers the programs tell apart.
///
/// Source: IANA protocol numbers; `IPPROTO_MPTCP` from include/uapi/linux/in.h.
pub mod protocol {
    /// TCP.
    pub const TCP: u32 = 6;
    /// UDP.
    pub const UDP: u32 = 17;
    /// ICMP, as an unprivileged ping socket.
    pub const ICMP: u32 = 1;
    /// `ICMPv6`, likewise.
    pub const ICMPV6: u32 = 58;
    /// Hop-by-hop options, routing, fragment, authentication, destination options: headers of IPv6 in front of another one
    /// (RFC 8200 section 4.1, RFC 4302).
    pub const EXTENSIONS: [u32; 5] = [0, 43, 44, 51, 60];
}

const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;

/// The third word of an IPv4-mapped IPv6 address, `0000:ffff`.
const MAPPED_WORD: u32 = 0xffff_u32.to_be();

/// 127.0.0.0/8, or 0.0.0.0, which the kernel takes for the local host: never leaves the machine, never steered.
#[inline(always)]
#[must_use]
pub const fn is_local_v4(addr: u32) -> bool {
    addr == 0 || addr.to_ne_bytes()[0] == 127
}

/// `::1` or `::`. Mapped addresses are not looked into; see [`mapped_v4`].
#[inline(always)]
#[must_use]
pub const fn is_local_v6(addr: [u32; 4]) -> bool {
    addr[0] == 0 && addr[1] == 0 && addr[2] == 0 && (addr[3] == 0 || addr[3] == 1_u32.to_be())
}

/// The IPv4 address inside `::ffff:a.b.c.d`.
#[inline(always)]
#[must_use]
pub const fn mapped_v4(addr: [u32; 4]) -> Option<u32> {
    if addr[0] == 0 && addr[1] == 0 && addr[2] == MAPPED_WORD { Some(addr[3]) } else { None }
}

/// The mapped form of an IPv4 address.
#[inline(always)]
#[must_use]
pub const fn to_mapped(addr: u32) -> [u32; 4] {
    [0, 0, MAPPED_WORD, addr]
}

/// `::1`.
#[inline(always)]
#[must_use]
pub const fn loopback_v6() -> [u32; 4] {
    [0, 0, 0, 1_u32.to_be()]
}

/// The loopback address a connection is steered to: `127.x.0.1`, `x` being the low `bits` bits of the socket cookie.
///
/// All steered connections of a namespace otherwise share one destination, and the source ports run out after 28 232.
#[inline(always)]
#[must_use]
pub const fn spread_address(cookie: u64, bits: u16) -> u32 {
    let bits = if bits > MAX_SPREAD_BITS { MAX_SPREAD_BITS } else { bits };
    let mask = (1_u64 << bits) - 1;
    u32::from_ne_bytes([127, (cookie & mask).to_le_bytes()[0], 0, 1])
}

/// Where DNS servers listen.
pub const DNS_PORT: u16 = 53;

/// The second byte of the first of [`dns_address`].
const FIRST_DNS_BYTE: u8 = 64;

/// The loopback address that IPv4 queries are steered to by a slot: `127.(64 + slot).0.1`.
#[inline(always)]
#[must_use]
pub const fn dns_address(slot: u32) -> u32 {
    let slot = (slot % DNS_SLOTS_V4).to_le_bytes()[0];
    u32::from_ne_bytes([127, FIRST_DNS_BYTE + slot, 0, 1])
}

/// The slot that an address of [`dns_address`] stands for.
#[inline(always)]
#[must_use]
pub const fn dns_slot(addr: u32) -> Option<u32> {
    match addr.to_ne_bytes() {
        [127, byte, 0, 1] if byte >= FIRST_DNS_BYTE && ((byte - FIRST_DNS_BYTE) as u32) < DNS_SLOTS_V4 => {
            Some((byte - FIRST_DNS_BYTE) as u32)
        }
        _ => None,
    }
}

/// What to do with a datagram, or with a UDP socket being connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Udp {
    /// Let it through.
    Pass,
    /// Steer it to the target's resolver.
    Dns,
    /// Refuse it as QUIC.
    Quic,
    /// Refuse it because the target may not use UDP.
    Refuse,
}

/// Judges UDP by destination port (host byte order) under the bits of [`policy_flag`].
#[inline(always)]
#[must_use]
pub const fn judge_udp(port: u16, flags: u32) -> Udp {
    if port == DNS_PORT && flags & policy_flag::DNS != 0 {
        Udp::Dns
    } else if port == 443 && flags & policy_flag::DENY_QUIC != 0 {
        Udp::Quic
    } else if flags & policy_flag::DENY_UDP != 0 {
        Udp::Refuse
    } else {
        Udp::Pass
    }
}

/// Whether a socket can be steered (TCP), judged (UDP) or carries no stream (ping). All other inet sockets would pass
/// beside the connect hooks: raw IP, UDP-Lite, SCTP, DCCP, L2TP, and MPTCP, whose later subflows have hooks of their own
/// only on recent kernels.
#[inline(always)]
#[must_use]
pub const fn socket_allowed(family: u32, socket_type: u32, proto: u32) -> bool {
    if family != AF_INET && family != AF_INET6 {
        return false;
    }
    match socket_type {
        SOCK_STREAM => proto == protocol::TCP,
        SOCK_DGRAM => proto == protocol::UDP || proto == protocol::ICMP || proto == protocol::ICMPV6,
        _ => false,
    }
}

/// Whether binding to `port` (host byte order) would sit on one of the gateway's listeners; zero is "any port".
#[inline(always)]
#[must_use]
pub const fn is_reserved_port(proto: u32, port: u16, port4: u16, port6: u16, dns_port: u16) -> bool {
    port != 0
        && match proto {
            protocol::TCP => port == port4 || port == port6,
            protocol::UDP => dns_port != 0 && port >= dns_port && ((port - dns_port) as u32) < DNS_SLOTS_V6,
            _ => false,
        }
}

/// Whether a packet may leave a target beside the gateway: what the filter on the host side of its interface decides.
///
/// `flags` are those of the TCP header, byte 13 (RFC 9293 section 3.1). Only openings are dropped: answers of connections from
/// outside go on, and those from before the attach are destroyed by user space. DNS and QUIC as in [`judge_udp`], except that
/// captured DNS never leaves as UDP: the gateway asks from its own side.
#[inline(always)]
#[must_use]
pub const fn may_leave(proto: u32, port: u16, flags: u8, policy_flags: u32) -> bool {
    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    match proto {
        protocol::TCP => flags & SYN == 0 || flags & ACK != 0,
        protocol::UDP => matches!(judge_udp(port, policy_flags), Udp::Pass),
        protocol::ICMP | protocol::ICMPV6 => true,
        _ => false,
    }
}

/// Whether a packet is a query of the resolver that a namespace has beside its target, which may leave while the gateway lives.
#[inline(always)]
#[must_use]
pub const fn is_of_resolver_inside(proto: u32, port: u16, policy_flags: u32) -> bool {
    proto == protocol::UDP && port == DNS_PORT && policy_flags & policy_flag::RESOLVER_INSIDE != 0
}

/// The length in bytes of an IPv6 extension header whose second byte is `length`; `None` when `proto` is not one.
///
/// Source: RFC 8200 section 4: units of 8 bytes beyond the first 8; RFC 4302 section 2.2: words of 4, less 2; a fragment
/// header has 8.
#[inline(always)]
#[must_use]
pub const fn extension_header(proto: u32, length: u8) -> Option<u32> {
    match proto {
        0 | 43 | 60 => Some((length as u32 + 1) * 8),
        44 => Some(8),
        51 => Some((length as u32 + 2) * 4),
        _ => None,
    }
}

/// Whether a heartbeat is older than `after_ns`. A beat from the future (two CPUs, two clock reads) is fresh.
#[inline(always)]
#[must_use]
pub const fn is_stale(now_ns: u64, beat_ns: u64, after_ns: u64) -> bool {
    now_ns.saturating_sub(beat_ns) > after_ns
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn v4(text: &str) -> u32 {
        u32::from_ne_bytes(text.parse::<Ipv4Addr>().unwrap().octets())
    }

    fn v6(text: &str) -> [u32; 4] {
        let octets = text.parse::<Ipv6Addr>().unwrap().octets();
        core::array::from_fn(|i| u32::from_ne_bytes(octets[i * 4..][..4].try_into().unwrap()))
    }

    #[test]
    fn only_loopback_and_unspecified_are_local() {
        for (text, local) in [
            ("127.0.0.1", true),
            ("127.255.255.255", true),
            ("0.0.0.0", true),
            ("0.0.0.127", false),
            ("1.0.0.127", false),
            ("128.0.0.1", false),
            ("203.0.113.10", false),
        ] {
            assert_eq!(is_local_v4(v4(text)), local, "{text}");
        }
        for (text, local) in [
            ("::1", true),
            ("::", true),
            ("::2", false),
            ("::100:0", false),
            ("1::", false),
            ("0:1::1", false),
            ("2001:db8::1", false),
            ("::ffff:127.0.0.1", false),
        ] {
            assert_eq!(is_local_v6(v6(text)), local, "{text}");
        }
    }

    #[test]
    fn mapped_addresses_round_trip_and_others_are_not_taken_for_them() {
        assert_eq!(mapped_v4(v6("::ffff:203.0.113.10")), Some(v4("203.0.113.10")));
        assert_eq!(to_mapped(v4("203.0.113.10")), v6("::ffff:203.0.113.10"));
        for text in ["::203.0.113.10", "::ffff:0:203.0.113.10", "64:ff9b::203.0.113.10", "::1"] {
            assert_eq!(mapped_v4(v6(text)), None, "{text}");
        }
        assert_eq!(loopback_v6(), v6("::1"));
    }

    #[test]
    fn spread_stays_on_loopback_and_uses_every_slot() {
        assert_eq!(spread_address(u64::MAX, 0), v4("127.0.0.1"));
        assert_eq!(spread_address(63, 6), v4("127.63.0.1"));
        assert_eq!(spread_address(64, 6), v4("127.0.0.1"));
        assert_eq!(spread_address(u64::MAX, 60), v4("127.255.0.1"), "more bits than the byte has are cut");
        let mut seen = [false; 64];
        for cookie in 4096..4160 {
            seen[usize::from(spread_address(cookie, 6).to_ne_bytes()[1])] = true;
        }
        assert!(seen.iter().all(|slot| *slot));
    }

    #[test]
    fn every_slot_has_an_address_of_its_own_that_tells_it() {
        for slot in 0..DNS_SLOTS_V4 {
            assert_eq!(dns_slot(dns_address(slot)), Some(slot));
        }
        assert_eq!(dns_address(0), v4("127.64.0.1"));
        for text in ["127.0.0.1", "127.63.0.1", "127.128.0.1", "127.64.0.2", "127.64.1.1", "10.64.0.1"] {
            assert_eq!(dns_slot(v4(text)), None, "{text}");
        }
    }

    #[test]
    fn udp_is_judged_by_port_and_flags() {
        use policy_flag::{DENY_QUIC, DENY_UDP, DNS};
        for (port, flags, expected) in [
            (443, 0, Udp::Pass),
            (443, DENY_QUIC, Udp::Quic),
            (443, DENY_QUIC | DENY_UDP, Udp::Quic),
            (53, DENY_QUIC, Udp::Pass),
            (53, DNS | DENY_UDP, Udp::Dns),
            (53, DENY_UDP, Udp::Refuse),
            (123, DENY_QUIC, Udp::Pass),
            (123, DENY_UDP, Udp::Refuse),
        ] {
            assert_eq!(judge_udp(port, flags), expected, "{port} {flags:b}");
        }
    }

    #[test]
    fn sockets_that_pass_beside_the_connect_hooks_are_refused() {
        const SOCK_RAW: u32 = 3;
        const SOCK_SEQPACKET: u32 = 5;
        for (family, kind, proto, allowed) in [
            (AF_INET, SOCK_STREAM, 6, true),
            (AF_INET6, SOCK_STREAM, 6, true),
            (AF_INET6, SOCK_DGRAM, 17, true),
            (AF_INET, SOCK_DGRAM, 1, true),
            (AF_INET6, SOCK_DGRAM, 58, true),
            (AF_INET, SOCK_RAW, 1, false),
            (AF_INET, SOCK_RAW, 255, false),
            (AF_INET, SOCK_RAW, 6, false),
            (AF_INET, SOCK_DGRAM, 136, false),
            (AF_INET, SOCK_STREAM, 262, false),
            (AF_INET, SOCK_STREAM, 132, false),
            (AF_INET, SOCK_SEQPACKET, 132, false),
            (AF_INET, 6, 33, false),
            (AF_INET, SOCK_DGRAM, 115, false),
            (17, SOCK_DGRAM, 17, false),
        ] {
            assert_eq!(socket_allowed(family, kind, proto), allowed, "{family} {kind} {proto}");
        }
    }

    #[test]
    fn only_the_listeners_ports_are_reserved_and_never_port_zero() {
        assert!(is_reserved_port(protocol::TCP, 4001, 4001, 4002, 4003));
        assert!(is_reserved_port(protocol::TCP, 4002, 4001, 4002, 4003));
        assert!(!is_reserved_port(protocol::TCP, 4003, 4001, 4002, 4003));
        assert!(is_reserved_port(protocol::UDP, 4003, 4001, 4002, 4003));
        assert!(is_reserved_port(protocol::UDP, 4010, 4001, 4002, 4003), "one port a slot of IPv6");
        assert!(!is_reserved_port(protocol::UDP, 4011, 4001, 4002, 4003));
        assert!(!is_reserved_port(protocol::UDP, 4001, 4001, 4002, 4003));
        assert!(!is_reserved_port(protocol::UDP, 5, 4001, 4002, 0), "no resolver reserves nothing");
        assert!(is_reserved_port(protocol::UDP, 65_535, 0, 0, 65_535));
        assert!(!is_reserved_port(protocol::TCP, 0, 4001, 0, 0), "no IPv6 listener must not reserve 'any port'");
    }

    #[test]
    fn only_answers_and_what_policy_allows_may_leave_beside_the_gateway() {
        use policy_flag::{DENY_QUIC, DENY_UDP, DNS};
        const SYN: u8 = 2;
        const ACK: u8 = 16;
        for (proto, port, flags, policy, may) in [
            (6, 443, SYN, 0, false),
            (6, 443, SYN | ACK, 0, true),
            (6, 443, ACK, 0, true),
            (6, 443, SYN | 1, 0, false),
            (6, 443, 0, 0, true),
            (17, 443, 0, DENY_QUIC, false),
            (17, 443, 0, 0, true),
            (17, 53, 0, DNS, false),
            (17, 53, 0, 0, true),
            (17, 123, 0, DENY_UDP, false),
            (1, 0, 0, DENY_UDP, true),
            (58, 0, 0, DENY_UDP, true),
            (132, 0, 0, 0, false),
            (4, 0, 0, 0, false),
            (41, 0, 0, 0, false),
            (47, 0, 0, 0, false),
            (136, 53, 0, 0, false),
        ] {
            assert_eq!(may_leave(proto, port, flags, policy), may, "{proto} {port} {flags:x} {policy:b}");
        }
    }

    #[test]
    fn every_extension_header_has_a_length_and_no_transport_has() {
        for proto in protocol::EXTENSIONS {
            assert!(extension_header(proto, 0).is_some_and(|bytes| bytes >= 8), "{proto}");
        }
        assert_eq!(extension_header(43, 2), Some(24));
        assert_eq!(extension_header(51, 4), Some(24));
        assert_eq!(extension_header(0, 255), Some(2048));
        for proto in [6, 17, 58, 59, 4, 41, 50, 135] {
            assert_eq!(extension_header(proto, 1), None, "{proto}");
        }
    }

    #[test]
    fn only_dns_datagrams_of_a_namespace_with_a_resolver_are_of_it() {
        use policy_flag::{DNS, RESOLVER_INSIDE};
        for (proto, port, flags, expected) in [
            (protocol::UDP, 53, DNS | RESOLVER_INSIDE, true),
            (protocol::UDP, 53, DNS, false),
            (protocol::UDP, 54, DNS | RESOLVER_INSIDE, false),
            (protocol::TCP, 53, DNS | RESOLVER_INSIDE, false),
        ] {
            assert_eq!(is_of_resolver_inside(proto, port, flags), expected, "{proto} {port} {flags:#x}");
        }
    }

    #[test]
    fn heartbeat_from_the_future_is_fresh() {
        assert!(!is_stale(100, 200, 0));
        assert!(!is_stale(200, 100, 100));
        assert!(is_stale(201, 100, 100));
    }
}
