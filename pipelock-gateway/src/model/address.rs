//! Addresses that say what they are: where a workload meant to go, and what kind of address that is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where the workload meant to go, before the kernel steered its socket to us.
///
/// IPv4-mapped IPv6 is normalised to IPv4 on construction, and nowhere else; the port is in host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OriginalDst(SocketAddr);

impl OriginalDst {
    /// Wraps an address, turning `::ffff:a.b.c.d` into `a.b.c.d` and dropping flow label and scope.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    /// The address and port, IPv4-mapped addresses as IPv4.
    #[must_use]
    pub fn socket_addr(self) -> SocketAddr {
        self.0
    }

    /// The address alone.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        self.0.ip()
    }

    /// The port in host byte order.
    #[must_use]
    pub fn port(self) -> u16 {
        self.0.port()
    }
}

impl fmt::Display for OriginalDst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What kind of place an address is, for rules that keep a proxy from being a door into private networks.
///
/// Source: IANA special-purpose address registries (RFC 6890 and its updates); cloud metadata addresses from the
/// providers' documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// Reachable on the Internet, or documentation space that behaves like it.
    Public,
    /// 127.0.0.0/8 and `::1`.
    Loopback,
    /// RFC 1918, RFC 4193 (`fc00::/7`), site-local, and what no router of the Internet carries: 192.0.0.0/24, 198.18.0.0/15, 240.0.0.0/4.
    Private,
    /// RFC 6598 carrier-grade NAT, 100.64.0.0/10.
    SharedNat,
    /// 169.254.0.0/16 and `fe80::/10`, metadata addresses excepted.
    LinkLocal,
    /// Services that hand a machine its credentials: 169.254.169.254, 169.254.170.2 and .23, 100.100.100.200, 192.0.0.192,
    /// `fd00:ec2::254`, `fd00:ec2::23`, `fd20:ce::254`.
    Metadata,
    /// 224.0.0.0/4, `ff00::/8` and 255.255.255.255.
    Multicast,
    /// 0.0.0.0/8 and `::`.
    Unspecified,
}

impl AddressClass {
    /// Classifies an address; IPv4 inside IPv6 (mapped, compatible, NAT64, 6to4) is classified as the IPv4 it names.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => embedded_v4(v6).map_or_else(|| Self::of_v6(v6), Self::of_v4),
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Self {
        let [a, b, ..] = ip.octets();
        match (a, b) {
            (0, _) => Self::Unspecified,
            (127, _) => Self::Loopback,
            _ if METADATA_V4.contains(&ip) => Self::Metadata,
            (169, 254) => Self::LinkLocal,
            (10, _) | (192, 168) | (172, 16..=31) | (198, 18..=19) => Self::Private,
            (192, 0) if ip.octets()[2] == 0 => Self::Private,
            (100, 64..=127) => Self::SharedNat,
            (224..=239, _) => Self::Multicast,
            _ if ip.is_broadcast() => Self::Multicast,
            (240..=255, _) => Self::Private,
            _ => Self::Public,
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Self {
        let first = ip.segments()[0];
        if ip.is_unspecified() {
            Self::Unspecified
        } else if ip.is_loopback() {
            Self::Loopback
        } else if METADATA_V6.contains(&ip) {
            Self::Metadata
        } else if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 {
            Self::Private
        } else if first & 0xffc0 == 0xfe80 {
            Self::LinkLocal
        } else if first & 0xff00 == 0xff00 {
            Self::Multicast
        } else {
            Self::Public
        }
    }

    /// The name used in logs and reasons.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::SharedNat => "shared_nat",
            Self::LinkLocal => "link_local",
            Self::Metadata => "metadata",
            Self::Multicast => "multicast",
            Self::Unspecified => "unspecified",
        }
    }
}

/// The link-local ones of most providers, of ECS tasks and EKS pods; Alibaba's; Oracle's.
const METADATA_V4: [Ipv4Addr; 5] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// EC2, EKS pods, Google.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// The IPv4 address that an IPv6 address carries inside it, where a router or the kernel would unwrap it.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = ip.octets();
    match ip.segments() {
        // Unspecified and loopback, which look like IPv4-compatible addresses.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // Mapped and compatible (RFC 4291 §2.5.5), NAT64 (RFC 6052, and RFC 8215 for local use): the last four bytes.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => {
            octets.last_chunk::<4>().copied().map(Ipv4Addr::from)
        }
        // 6to4 (RFC 3056): behind the first two bytes.
        [0x2002, ..] => octets.get(2..)?.first_chunk::<4>().copied().map(Ipv4Addr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_original_destination_is_ipv4() {
        let dst = OriginalDst::new("[::ffff:203.0.113.7]:443".parse().unwrap());
        assert_eq!(dst.to_string(), "203.0.113.7:443");
    }

    #[test]
    fn addresses_are_classified_in_every_disguise() {
        for (text, class) in [
            ("203.0.113.7", AddressClass::Public),
            ("127.9.9.9", AddressClass::Loopback),
            ("::1", AddressClass::Loopback),
            ("::ffff:127.0.0.1", AddressClass::Loopback),
            ("10.1.2.3", AddressClass::Private),
            ("172.31.255.255", AddressClass::Private),
            ("172.32.0.1", AddressClass::Public),
            ("192.168.0.1", AddressClass::Private),
            ("64:ff9b::10.0.0.1", AddressClass::Private),
            ("2002:a00:1::", AddressClass::Private),
            ("fd12::1", AddressClass::Private),
            ("fd00:ec2::254", AddressClass::Metadata),
            ("169.254.169.254", AddressClass::Metadata),
            ("::ffff:169.254.169.254", AddressClass::Metadata),
            ("169.254.1.1", AddressClass::LinkLocal),
            ("fe80::1", AddressClass::LinkLocal),
            ("100.64.0.1", AddressClass::SharedNat),
            ("100.100.100.200", AddressClass::Metadata),
            ("192.0.0.192", AddressClass::Metadata),
            ("192.0.0.1", AddressClass::Private),
            ("192.0.2.1", AddressClass::Public),
            ("198.18.0.1", AddressClass::Private),
            ("240.0.0.1", AddressClass::Private),
            ("169.254.170.23", AddressClass::Metadata),
            ("fd20:ce::254", AddressClass::Metadata),
            ("fec0::1", AddressClass::Private),
            ("::10.0.0.1", AddressClass::Private),
            ("64:ff9b:1::a9fe:a9fe", AddressClass::Metadata),
            ("::", AddressClass::Unspecified),
            ("0.0.0.0", AddressClass::Unspecified),
            ("255.255.255.255", AddressClass::Multicast),
            ("ff02::1", AddressClass::Multicast),
        ] {
            assert_eq!(AddressClass::of(text.parse().unwrap()), class, "{text}");
        }
    }
}
