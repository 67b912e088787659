//! What a CONNECT request names, and whether the addresses behind it may be dialled. Pure.
//!
//! It resolves nothing and knows no configuration: both come in as arguments. Next: [`super::serve`] dials what passes.

use std::net::{IpAddr, SocketAddr};

use http::uri::Authority;

use crate::model::{AddressClass, DenyReason, PeerName, ServerName};

/// Addresses handed on for dialling. Names with more exist, but nobody waits for a seventeenth attempt.
const MAX_ADDRESSES: usize = 16;

/// A host and a port, as a client wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: PeerName,
    pub(super) port: u16,
}

impl Target {
    /// Parses an authority-form target: `host:port`, the port not optional, no user information (RFC 9112 §3.2.3).
    pub(super) fn parse(authority: &Authority) -> Option<Self> {
        if authority.as_str().contains('@') {
            return None;
        }
        let port = authority.port_u16().filter(|port| *port != 0)?;
        let host = authority.host();
        let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(literal) => PeerName::Ip(IpAddr::V6(literal.parse().ok()?).to_canonical()),
            None => match host.parse() {
                Ok(ip) => PeerName::Ip(IpAddr::V4(ip)),
                // Other spellings of an address (`0x7f.1`, `2130706433`) are no names, or resolve to one that is checked.
                Err(_) => PeerName::Dns(ServerName::parse(host).ok()?),
            },
        };
        Some(Self { host, port })
    }
}

/// Checks every address a name has; one bad address condemns the name, because whoever put it there controls the rest.
///
/// Returns the addresses to dial, IPv4-mapped ones as IPv4, without duplicates.
///
/// # Errors
/// [`DenyReason::Loop`] for our own listeners; [`DenyReason::AddressClass`] for addresses that are not on the Internet.
/// `may_be_private` lifts that for loopback, private and shared ones: a name an operator trusts may live there, but no
/// name has business at a link-local, metadata, multicast or unspecified address.
pub(super) fn check(
    addresses: &[IpAddr],
    port: u16,
    may_be_private: bool,
    is_own: impl Fn(SocketAddr) -> bool,
) -> Result<Vec<SocketAddr>, DenyReason> {
    let mut checked: Vec<SocketAddr> = Vec::new();
    for ip in addresses {
        let address = SocketAddr::new(ip.to_canonical(), port);
        let allowed = match AddressClass::of(address.ip()) {
            AddressClass::Public => true,
            AddressClass::Loopback | AddressClass::Private | AddressClass::SharedNat => may_be_private,
            AddressClass::LinkLocal | AddressClass::Metadata | AddressClass::Multicast | AddressClass::Unspecified => {
                false
            }
        };
        if !allowed {
            return Err(DenyReason::AddressClass);
        }
        if is_own(address) {
            return Err(DenyReason::Loop);
        }
        if !checked.contains(&address) {
            checked.push(address);
        }
    }
    checked.truncate(MAX_ADDRESSES);
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_host_and_port_and_nothing_else() {
        for (text, want) in [
            ("API.example.test:443", Some("api.example.test 443")),
            ("203.0.113.9:80", Some("203.0.113.9 80")),
            ("[2001:db8::1]:443", Some("2001:db8::1 443")),
            ("[::ffff:127.0.0.1]:443", Some("127.0.0.1 443")),
            ("example.test", None),
            ("example.test:", None),
            ("example.test:0", None),
            ("example.test:65536", None),
            ("user@example.test:443", None),
            ("user:pw@example.test:443", None),
            ("127.1:443", None),
            ("0x7f.0.0.1:443", None),
            ("2130706433:443", None),
            ("[127.0.0.1]:443", None),
            ("[fe80::1%25eth0]:443", None),
            ("-bad-.test:443", None),
        ] {
            let parsed = text.parse::<Authority>().ok().and_then(|authority| Target::parse(&authority));
            assert_eq!(parsed.map(|t| format!("{} {}", t.host, t.port)).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn one_bad_address_condemns_the_name() {
        let own: SocketAddr = "198.51.100.1:443".parse().unwrap();
        let run = |addresses: &[&str], trusted| {
            let addresses: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
            check(&addresses, 443, trusted, |a| a == own)
        };
        let refused = Err(DenyReason::AddressClass);
        for (addresses, untrusted, trusted) in [
            (vec!["203.0.113.1"], true, true),
            (vec!["127.0.0.1"], false, true),
            (vec!["::1"], false, true),
            (vec!["203.0.113.1", "10.0.0.1"], false, true),
            (vec!["::ffff:10.0.0.1"], false, true),
            (vec!["100.64.0.1"], false, true),
            (vec!["169.254.169.254"], false, false),
            (vec!["::ffff:169.254.169.254"], false, false),
            (vec!["64:ff9b::a9fe:a9fe"], false, false),
            (vec!["fd00:ec2::254"], false, false),
            (vec!["203.0.113.1", "169.254.0.23"], false, false),
            (vec!["fe80::1"], false, false),
            (vec!["0.0.0.0"], false, false),
            (vec!["::"], false, false),
            (vec!["224.0.0.1"], false, false),
        ] {
            for (may_be_private, allowed) in [(false, untrusted), (true, trusted)] {
                let result = run(&addresses, may_be_private);
                if allowed {
                    assert_eq!(result.map(|a| a.len()), Ok(addresses.len()), "{addresses:?}");
                } else {
                    assert_eq!(result, refused, "{addresses:?}, trusted: {may_be_private}");
                }
            }
        }
        assert_eq!(run(&["203.0.113.1", "198.51.100.1"], true), Err(DenyReason::Loop));
    }

    #[test]
    fn checked_addresses_are_canonical_distinct_and_bounded() {
        let addresses: Vec<IpAddr> =
            ["::ffff:203.0.113.1", "203.0.113.1"].iter().map(|text| text.parse().unwrap()).collect();
        let checked = check(&addresses, 443, false, |_| false).unwrap();
        assert_eq!(checked, ["203.0.113.1:443".parse().unwrap()]);
        let many: Vec<IpAddr> = (0..100).map(|i| IpAddr::from([203, 0, 113, i])).collect();
        assert_eq!(check(&many, 443, false, |_| false).unwrap().len(), MAX_ADDRESSES);
        let last_is_bad: Vec<IpAddr> = many.into_iter().chain([IpAddr::from([127, 0, 0, 1])]).collect();
        assert_eq!(check(&last_is_bad, 443, false, |_| false), Err(DenyReason::AddressClass));
    }
}
