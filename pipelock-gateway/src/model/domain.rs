//! Patterns for hosts as the configuration writes them: one host, a domain with everything below it, an address, a network.
//!
//! The grammar is the reference's `ValidateTrustedDomains`, an exact host, or `*.base` where base has a dot, and networks. Nothing here
//! resolves a name or knows what a list is used for; [`crate::policy`] asks the questions.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::model::{InvalidNetwork, PeerName, ServerName, parse_network};

/// One entry of `trusted_domains`, `api_allowlist`, `passthrough_domains` or `exempt_domains`.
///
/// Read with [`FromStr`]; lower case, without a trailing dot. `Display` writes what would be read back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DomainPattern(Shape);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Shape {
    Host(ServerName),
    /// An IP literal names the clients that name nobody; it never matches a DNS name.
    Address(IpAddr),
    /// The same for every address of a network.
    Network(IpNet),
    Subtree(ServerName),
}

/// Why a text is no [`DomainPattern`]; each message says what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDomain {
    /// Nothing but spaces.
    #[error("is empty; remove it, or write a host such as api.example.com")]
    Empty,
    /// `https://…`, or anything with a path.
    #[error("is a URL; write the host alone")]
    Url,
    /// An address and a slash, but no network.
    #[error(transparent)]
    Network(#[from] InvalidNetwork),
    /// `host:port` or `[v6]:port`.
    #[error("has a port; write the host alone, every port is meant")]
    Port,
    /// `*`.
    #[error("would match every host; list hosts, or domains as *.example.com")]
    Everything,
    /// `*.com`, `*.local`.
    #[error("would match a whole top-level domain; write at least *.example.com")]
    TopLevel,
    /// `a*.example.com`, `example.*`, `[ab].example.com`, `?.example.com`.
    #[error("has a wildcard where none may stand; write an exact host or *.example.com")]
    Glob,
    /// `*.203.0.113.7`.
    #[error("is a wildcard over an IP address; names below an address do not exist")]
    AddressSubtree,
    /// Letters outside ASCII.
    #[error("has letters outside ASCII; write the A-label, which begins with xn--")]
    NotAscii,
    /// Everything else a [`ServerName`] may not be.
    #[error("is not a host name: letters, digits, - and _ between dots, at most 63 a label and 253 in all")]
    NotAName,
}

impl FromStr for DomainPattern {
    type Err = InvalidDomain;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() || text == "." {
            return Err(InvalidDomain::Empty);
        }
        if let Some((address, _)) = text.split_once('/') {
            // Only what begins with an address can be meant as a network.
            if address.parse::<IpAddr>().is_ok() {
                return Ok(Self(Shape::Network(parse_network(text)?)));
            }
            return Err(InvalidDomain::Url);
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self(Shape::Address(ip.to_canonical())));
        }
        if text.contains(':') {
            return Err(InvalidDomain::Port);
        }
        let Some(base) = text.strip_prefix("*.") else {
            return exact_host(text).map(|name| Self(Shape::Host(name)));
        };
        if base.trim_end_matches('.').parse::<IpAddr>().is_ok() {
            return Err(InvalidDomain::AddressSubtree);
        }
        let base = exact_host(base)?;
        if base.as_str().contains('.') { Ok(Self(Shape::Subtree(base))) } else { Err(InvalidDomain::TopLevel) }
    }
}

fn exact_host(text: &str) -> Result<ServerName, InvalidDomain> {
    match text {
        "*" | "*." => Err(InvalidDomain::Everything),
        _ if text.contains(['*', '?', '[', ']', '{', '}']) => Err(InvalidDomain::Glob),
        _ if !text.is_ascii() => Err(InvalidDomain::NotAscii),
        _ => ServerName::parse(text).map_err(|_| InvalidDomain::NotAName),
    }
}

impl DomainPattern {
    /// Whether the pattern names this DNS name; `*.example.com` also names `example.com` itself.
    #[must_use]
    pub fn matches_dns(&self, name: &ServerName) -> bool {
        match &self.0 {
            Shape::Host(host) => host == name,
            Shape::Subtree(base) => is_within(name.as_str(), base.as_str()),
            Shape::Address(_) | Shape::Network(_) => false,
        }
    }

    /// Whether the pattern names this peer; addresses are compared with addresses only.
    #[must_use]
    pub fn matches(&self, peer: &PeerName) -> bool {
        match (peer, &self.0) {
            (PeerName::Dns(name), _) => self.matches_dns(name),
            (PeerName::Ip(ip), _) => self.covers(*ip),
        }
    }

    /// Whether the pattern names this address; a name never does, whatever it resolves to.
    #[must_use]
    pub fn covers(&self, ip: IpAddr) -> bool {
        match &self.0 {
            Shape::Address(listed) => ip.to_canonical() == *listed,
            Shape::Network(net) => net.contains(&ip.to_canonical()),
            Shape::Host(_) | Shape::Subtree(_) => false,
        }
    }

    /// Whether the pattern is this one address, not a network that it is in.
    #[must_use]
    pub fn is_address(&self, ip: IpAddr) -> bool {
        match &self.0 {
            Shape::Address(listed) => ip.to_canonical() == *listed,
            Shape::Network(net) => net.prefix_len() == net.max_prefix_len() && net.addr() == ip.to_canonical(),
            Shape::Host(_) | Shape::Subtree(_) => false,
        }
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Shape::Host(name) => name.fmt(f),
            Shape::Address(ip) => ip.fmt(f),
            Shape::Network(net) => net.fmt(f),
            Shape::Subtree(base) => write!(f, "*.{base}"),
        }
    }
}

/// Whether `name` is `base` or ends in it at a label boundary; both lower case. `evil-example.com` is not in `example.com`.
pub(super) fn is_within(name: &str, base: &str) -> bool {
    name == base || is_below(name, base)
}

/// Whether `name` is a proper subdomain of `base`; both lower case.
pub(super) fn is_below(name: &str, base: &str) -> bool {
    name.strip_suffix(base).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// A list of [`DomainPattern`]s; the order does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DomainList(Vec<DomainPattern>);

impl DomainList {
    /// The first pattern that names this peer.
    #[must_use]
    pub fn find(&self, peer: &PeerName) -> Option<&DomainPattern> {
        self.0.iter().find(|pattern| pattern.matches(peer))
    }

    /// Whether any pattern names this peer.
    #[must_use]
    pub fn matches(&self, peer: &PeerName) -> bool {
        self.find(peer).is_some()
    }

    /// Whether any pattern names this DNS name.
    #[must_use]
    pub fn matches_dns(&self, name: &ServerName) -> bool {
        self.0.iter().any(|pattern| pattern.matches_dns(name))
    }

    /// Whether an address or network of the list covers this address.
    #[must_use]
    pub fn covers(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|pattern| pattern.covers(ip))
    }

    /// Whether the list names this very address.
    #[must_use]
    pub fn names_address(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|pattern| pattern.is_address(ip))
    }

    /// Whether the list has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The patterns, as listed.
    pub fn iter(&self) -> std::slice::Iter<'_, DomainPattern> {
        self.0.iter()
    }
}

impl FromIterator<DomainPattern> for DomainList {
    fn from_iter<I: IntoIterator<Item = DomainPattern>>(patterns: I) -> Self {
        Self(patterns.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a DomainList {
    type Item = &'a DomainPattern;
    type IntoIter = std::slice::Iter<'a, DomainPattern>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn peer(text: &str) -> PeerName {
        text.parse().map_or_else(|_| PeerName::Dns(ServerName::parse(text).unwrap()), PeerName::Ip)
    }

    #[test]
    fn patterns_match_at_label_boundaries_only() {
        for (pattern, name, matches) in [
            ("api.example.com", "api.example.com", true),
            ("API.Example.com.", "api.example.com", true),
            (" api.example.com ", "api.example.com", true),
            ("api.example.com", "v1.api.example.com", false),
            ("example.com", "example.com.evil.test", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", true),
            ("*.example.com", "evil-example.com", false),
            ("*.example.com", "com", false),
            ("localhost", "localhost", true),
            ("_dmarc.example.com", "_dmarc.example.com", true),
            ("203.0.113.7", "203.0.113.7", true),
            ("::ffff:203.0.113.7", "203.0.113.7", true),
            ("2001:db8::1", "2001:db8:0::1", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("10.0.0.0/8", "10.9.8.7", true),
            ("10.0.0.0/8", "::ffff:10.9.8.7", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("fd00::/8", "fd12::1", true),
            ("10.0.0.0/8", "api.example.com", false),
            ("*.example.com", "203.0.113.7", false),
        ] {
            assert_eq!(pattern.parse::<DomainPattern>().unwrap().matches(&peer(name)), matches, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", InvalidDomain::Empty),
            ("  ", InvalidDomain::Empty),
            (".", InvalidDomain::Empty),
            ("https://api.example.com", InvalidDomain::Url),
            ("api.example.com/v1", InvalidDomain::Url),
            ("example.com/8", InvalidDomain::Url),
            ("10.0.0.1/8", InvalidDomain::Network(InvalidNetwork::HostBits("10.0.0.0/8".parse().unwrap()))),
            ("0.0.0.0/0", InvalidDomain::Network(InvalidNetwork::WholeFamily)),
            ("api.example.com:443", InvalidDomain::Port),
            ("[2001:db8::1]:443", InvalidDomain::Port),
            ("*", InvalidDomain::Everything),
            ("*.", InvalidDomain::NotAName),
            ("*.*", InvalidDomain::Everything),
            ("*.com", InvalidDomain::TopLevel),
            ("*.com.", InvalidDomain::TopLevel),
            ("*.10.0.0.1", InvalidDomain::AddressSubtree),
            ("a*.example.com", InvalidDomain::Glob),
            ("*.*.example.com", InvalidDomain::Glob),
            ("example.*", InvalidDomain::Glob),
            ("a?.example.com", InvalidDomain::Glob),
            ("[ab].example.com", InvalidDomain::Glob),
            ("bücher.example", InvalidDomain::NotAscii),
            (".example.com", InvalidDomain::NotAName),
            ("a..example.com", InvalidDomain::NotAName),
            ("a b.example.com", InvalidDomain::NotAName),
            ("10.0.0", InvalidDomain::NotAName),
        ] {
            assert_eq!(text.parse::<DomainPattern>(), Err(reason), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_that_parses_is_written_as_it_is_read(text in "[*A-Za-z0-9.:_/-]{0,24}") {
            if let Ok(pattern) = text.parse::<DomainPattern>() {
                prop_assert_eq!(pattern.to_string().parse::<DomainPattern>(), Ok(pattern));
            }
        }

        #[test]
        fn a_subtree_never_matches_a_name_that_only_looks_alike(label in "[a-z]{1,8}", sub in "[a-z]{1,8}") {
            let pattern: DomainPattern = format!("*.{label}.example").parse().unwrap();
            let names = [
                (format!("{sub}.{label}.example"), true),
                (format!("{sub}{label}.example"), false),
                (format!("{label}.example.{sub}"), false),
            ];
            for (name, matches) in names {
                prop_assert_eq!(pattern.matches_dns(&ServerName::parse(&name).unwrap()), matches, "{}", name);
            }
        }
    }
}
