//! What a CONNECT request names, and whether the addresses behind it may be dialled. Pure.
//!
//! It resolves nothing and knows no configuration: both come in as arguments. Next: [`super::serve`] dials what passes.

use std::net::{IpAddr, SocketAddr};

use http::uri::Authority;

use crate::model::{DenyReason, PeerName, ServerName};

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
        authority.port()?;
        Self::parse_or(authority, 0)
    }

    /// The same with a port for targets that name none, as those of a URL may.
    pub(super) fn parse_or(authority: &Authority, default_port: u16) -> Option<Self> {
        if authority.as_str().contains('@') {
            return None;
        }
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            None if authority.as_str().ends_with(':') => return None,
            None => default_port,
        };
        if port == 0 {
            return None;
        }
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
/// Whatever `check` says of the first address that it refuses.
pub(super) fn check_all(
    addresses: &[IpAddr],
    port: u16,
    check: impl Fn(SocketAddr) -> Result<(), DenyReason>,
) -> Result<Vec<SocketAddr>, DenyReason> {
    let mut checked: Vec<SocketAddr> = Vec::new();
    for ip in addresses {
        let address = SocketAddr::new(ip.to_canonical(), port);
        check(address)?;
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
        let bad: SocketAddr = "10.0.0.1:443".parse().unwrap();
        let check = |address| if address == bad { Err(DenyReason::AddressClass) } else { Ok(()) };
        let run = |addresses: &[&str]| {
            let addresses: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
            check_all(&addresses, 443, check)
        };
        assert!(run(&["203.0.113.1", "203.0.113.2"]).is_ok());
        for addresses in [&["203.0.113.1", "10.0.0.1"][..], &["10.0.0.1", "203.0.113.1"], &["::ffff:10.0.0.1"]] {
            assert_eq!(run(addresses), Err(DenyReason::AddressClass), "{addresses:?}");
        }
    }

    #[test]
    fn checked_addresses_are_canonical_distinct_and_bounded() {
        let addresses: Vec<IpAddr> =
            ["::ffff:203.0.113.1", "203.0.113.1"].iter().map(|text| text.parse().unwrap()).collect();
        let checked = check_all(&addresses, 443, |_| Ok(())).unwrap();
        assert_eq!(checked, ["203.0.113.1:443".parse().unwrap()]);
        let many: Vec<IpAddr> = (0..100).map(|i| IpAddr::from([203, 0, 113, i])).collect();
        assert_eq!(check_all(&many, 443, |_| Ok(())).unwrap().len(), MAX_ADDRESSES);
        let last_is_bad: Vec<IpAddr> = many.into_iter().chain([IpAddr::from([127, 0, 0, 1])]).collect();
        let check = |a: SocketAddr| if a.ip().is_loopback() { Err(DenyReason::AddressClass) } else { Ok(()) };
        assert_eq!(check_all(&last_is_bad, 443, check), Err(DenyReason::AddressClass), "also behind the bound");
    }
}
