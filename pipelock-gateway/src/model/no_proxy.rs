//! The list of destinations that clients do not send to a proxy, with the meanings their `NO_PROXY` variable has.
//!
//! Clients disagree in details; where they do, the comment of the test row says who means it so. Names match names and
//! addresses match addresses: an IP entry never matches a host that calls itself so, because a host name is the
//! workload's word and the address is the kernel's. Whether a matching *name* may be believed is
//! [`crate::policy`]'s question.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::model::domain::{is_below, is_within};
use crate::model::network::{InvalidNetwork, parse_network};
use crate::model::{OriginalDst, ServerName};

/// One entry, for example `.svc.cluster.local`, `10.0.0.0/8`, `db.example.com:5432`, `[2001:db8::1]:443` or `*`.
///
/// Read with [`FromStr`]; `Display` writes what would be read back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NoProxyEntry {
    host: HostRule,
    /// Only this port, in host byte order; `None` is every port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum HostRule {
    /// `*`.
    Everything,
    /// `example.com` and `.example.com`: the name and everything below it.
    Suffix(ServerName),
    /// `*.example.com`: only what is below it.
    Below(ServerName),
    /// A CIDR, or an IP literal as a network of one address.
    Network(IpNet),
}

/// Why a text is no [`NoProxyEntry`]; each message says what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNoProxy {
    /// Nothing but spaces, or nothing but a dot or a port.
    #[error("names no host; remove it")]
    Empty,
    /// `http://…`.
    #[error("is a URL; write the host alone")]
    Url,
    /// The part after the last colon is no port.
    #[error("has a bad port; write a number from 1 to 65535, or none")]
    Port,
    /// Something with a `/` that is no network, or one that is not meant.
    #[error(transparent)]
    Network(#[from] InvalidNetwork),
    /// A wildcard other than `*` and `*.example.com`.
    #[error("has a wildcard where none may stand; write *, *.example.com, or a CIDR")]
    Glob,
    /// Everything else a [`ServerName`] may not be.
    #[error("is neither a host name, an IP address nor a CIDR")]
    NotAHost,
}

impl FromStr for NoProxyEntry {
    type Err = InvalidNoProxy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.contains("://") {
            return Err(InvalidNoProxy::Url);
        }
        // Unbracketed IPv6 comes before the search for a port, as its last group looks like one.
        if let Ok(host) = text.parse::<IpAddr>() {
            return Ok(Self { host: HostRule::Network(host.to_canonical().into()), port: None });
        }
        let (host, port) = split_port(text)?;
        if host == "*" && port.is_some() {
            return Err(InvalidNoProxy::Glob);
        }
        Ok(Self { host: host.parse()?, port })
    }
}

/// Splits `host:port`, `[v6]:port` and `net/length:port`; the brackets of IPv6 are removed.
fn split_port(text: &str) -> Result<(&str, Option<u16>), InvalidNoProxy> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or(InvalidNoProxy::NotAHost)?;
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err(InvalidNoProxy::NotAHost),
            }
        }
        // More than one colon without brackets is IPv6, here with a prefix length: a bare address was read before.
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (text, None),
        },
    };
    let port = port.map(|port| port.parse().ok().filter(|port| *port != 0).ok_or(InvalidNoProxy::Port)).transpose()?;
    Ok((host, port))
}

impl FromStr for HostRule {
    type Err = InvalidNoProxy;

    fn from_str(host: &str) -> Result<Self, Self::Err> {
        if host == "*" {
            return Ok(Self::Everything);
        }
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(Self::Network(ip.to_canonical().into()));
        }
        if host.contains('/') {
            return Ok(Self::Network(parse_network(host)?));
        }
        let (bare, rule): (&str, fn(ServerName) -> Self) = match host.strip_prefix("*.") {
            Some(bare) => (bare, Self::Below),
            None => (host.strip_prefix('.').unwrap_or(host), Self::Suffix),
        };
        if bare.is_empty() {
            return Err(InvalidNoProxy::Empty);
        }
        if bare.contains('*') {
            return Err(InvalidNoProxy::Glob);
        }
        ServerName::parse(bare).map(rule).map_err(|_| InvalidNoProxy::NotAHost)
    }
}

impl NoProxyEntry {
    /// Whether the entry names this address: an IP literal, a CIDR or `*`, and the port where it has one.
    #[must_use]
    pub fn matches_address(&self, dst: OriginalDst) -> bool {
        let host = match &self.host {
            HostRule::Everything => true,
            HostRule::Network(net) => net.contains(&dst.ip()),
            HostRule::Suffix(_) | HostRule::Below(_) => false,
        };
        host && self.matches_port(dst.port())
    }

    /// Whether the entry names this host by its name, and the port where it has one; never true for `*` and addresses.
    #[must_use]
    pub fn matches_name(&self, name: &ServerName, port: u16) -> bool {
        let host = match &self.host {
            HostRule::Suffix(base) => is_within(name.as_str(), base.as_str()),
            HostRule::Below(base) => is_below(name.as_str(), base.as_str()),
            HostRule::Everything | HostRule::Network(_) => false,
        };
        host && self.matches_port(port)
    }

    /// Whether the entry is `*`, which switches the gateway off for every destination.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.host == HostRule::Everything
    }

    fn matches_port(&self, port: u16) -> bool {
        self.port.is_none_or(|only| only == port)
    }
}

impl fmt::Display for NoProxyEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostRule::Everything => f.write_str("*")?,
            HostRule::Suffix(name) => name.fmt(f)?,
            HostRule::Below(name) => write!(f, "*.{name}")?,
            HostRule::Network(net) if net.prefix_len() < net.max_prefix_len() => match (net, self.port) {
                (IpNet::V6(net), Some(_)) => write!(f, "[{net}]")?,
                _ => net.fmt(f)?,
            },
            HostRule::Network(net) => match (net.addr(), self.port) {
                (IpAddr::V6(ip), Some(_)) => write!(f, "[{ip}]")?,
                (ip, _) => ip.fmt(f)?,
            },
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Entries taken of one variable of a workload; the rest is left out.
const MAX_OWN_ENTRIES: usize = 256;

/// The list; the order does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoProxyList(Vec<NoProxyEntry>);

impl NoProxyList {
    /// Reads the form environment variables have: entries divided by commas, white space, or both.
    ///
    /// # Errors
    /// The first entry that is none, with its reason; an entry is never dropped in silence.
    pub fn parse(text: &str) -> Result<Self, (String, InvalidNoProxy)> {
        text.split(|c: char| c == ',' || c.is_whitespace())
            .filter(|entry| !entry.is_empty())
            .map(|entry| entry.parse().map_err(|reason| (entry.to_owned(), reason)))
            .collect()
    }

    /// What a process asks for by its own environment: `NAME=value` records, each ended by a zero byte.
    ///
    /// The lower-case variable counts where both are there, as for curl, Ruby and Python. Whoever starts a program writes it
    /// and no operator sees it, so that what cannot be read is left out, and `*` is: it would switch the gateway off.
    #[must_use]
    pub fn of_environment(environ: &[u8]) -> Self {
        let value = |name: &[u8]| {
            let record = environ.split(|byte| *byte == 0).find_map(|record| record.strip_prefix(name));
            record.and_then(|value| std::str::from_utf8(value).ok()).filter(|value| !value.trim().is_empty())
        };
        let Some(text) = value(b"no_proxy=").or_else(|| value(b"NO_PROXY=")) else { return Self::default() };
        text.split(|c: char| c == ',' || c.is_whitespace())
            .filter_map(|entry| entry.parse().ok())
            .filter(|entry: &NoProxyEntry| !entry.is_everything())
            .take(MAX_OWN_ENTRIES)
            .collect()
    }

    /// An entry that names this address; `*` only where no other does.
    #[must_use]
    pub fn find_address(&self, dst: OriginalDst) -> Option<&NoProxyEntry> {
        self.0.iter().filter(|entry| entry.matches_address(dst)).min_by_key(|entry| entry.is_everything())
    }

    /// The first entry that names this host at this port.
    #[must_use]
    pub fn find_name(&self, name: &ServerName, port: u16) -> Option<&NoProxyEntry> {
        self.0.iter().find(|entry| entry.matches_name(name, port))
    }

    /// Whether the list has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries, as listed.
    pub fn iter(&self) -> std::slice::Iter<'_, NoProxyEntry> {
        self.0.iter()
    }
}

impl FromIterator<NoProxyEntry> for NoProxyList {
    fn from_iter<I: IntoIterator<Item = NoProxyEntry>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl Extend<NoProxyEntry> for NoProxyList {
    fn extend<I: IntoIterator<Item = NoProxyEntry>>(&mut self, entries: I) {
        self.0.extend(entries);
    }
}

impl<'a> IntoIterator for &'a NoProxyList {
    type Item = &'a NoProxyEntry;
    type IntoIter = std::slice::Iter<'a, NoProxyEntry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name_is_listed(list: &str, host: &str, port: u16) -> bool {
        NoProxyList::parse(list).unwrap().find_name(&ServerName::parse(host).unwrap(), port).is_some()
    }

    fn address_is_listed(list: &str, dst: &str) -> bool {
        NoProxyList::parse(list).unwrap().find_address(OriginalDst::new(dst.parse().unwrap())).is_some()
    }

    /// Measured with Ruby 3.1 (uri 0.11, `URI::Generic.use_proxy?`) and curl 7.88; Go by its golang.org/x/net/http/httpproxy.
    #[test]
    fn names_match_as_the_clients_mean_it() {
        for (list, host, port, matches) in [
            // Ruby, curl, Go: a name means itself and everything below it.
            ("example.com", "example.com", 443, true),
            ("example.com", "a.b.example.com", 443, true),
            // All: only at a label boundary.
            ("example.com", "notexample.com", 443, false),
            ("example.com", "example.com.evil.test", 443, false),
            // All: a leading dot changes nothing below the name.
            (".svc.cluster.local", "db.svc.cluster.local", 5432, true),
            // curl strips the leading dot, so the name itself matches; Ruby and Go would proxy it.
            (".svc.cluster.local", "svc.cluster.local", 443, true),
            ("svc.cluster.local", "svc.cluster.local", 443, true),
            // Go only: `*.` is a subdomain wildcard, without the name itself. Ruby and curl never match it.
            ("*.example.com", "a.example.com", 443, true),
            ("*.example.com", "a.b.example.com", 443, true),
            ("*.example.com", "example.com", 443, false),
            ("*.example.com", "notexample.com", 443, false),
            // Ruby and Go: a port pins the entry to it. curl never matches an entry with a port.
            ("example.com:8443", "example.com", 8443, true),
            ("example.com:8443", "a.example.com", 8443, true),
            ("example.com:8443", "example.com", 443, false),
            // All: case does not matter. curl: nor does a trailing dot.
            ("Example.COM.", "EXAMPLE.com.", 443, true),
            // Ruby and curl: commas, spaces or both divide entries; empty ones are nothing.
            ("a.test, b.test", "b.test", 443, true),
            ("a.test b.test", "b.test", 443, true),
            (" ,a.test,,b.test, ", "b.test", 443, true),
            ("", "a.test", 443, false),
            // All: a single label is a name like others; short names must be listed.
            ("localhost", "localhost", 80, true),
            ("redis", "redis", 6379, true),
            ("cluster.local", "redis", 6379, false),
            // Ours: an address entry never matches a name, whatever that name resolves to.
            ("10.0.0.0/8", "ten.test", 443, false),
            ("*", "a.test", 443, false),
        ] {
            assert_eq!(name_is_listed(list, host, port), matches, "{list:?} {host}:{port}");
        }
    }

    #[test]
    fn addresses_match_as_the_clients_mean_it() {
        for (list, dst, matches) in [
            // Ruby (`IPAddr#include?`), curl from 7.86, Go: CIDR against the address.
            ("10.0.0.0/8", "10.1.2.3:443", true),
            ("10.0.0.0/8", "11.1.2.3:443", false),
            ("2001:db8::/32", "[2001:db8::1]:443", true),
            // Ours: the kernel's IPv4-mapped form is the IPv4 address.
            ("10.0.0.0/8", "[::ffff:10.1.2.3]:443", true),
            // All: an address is itself.
            ("127.0.0.1", "127.0.0.1:80", true),
            ("127.0.0.1", "127.0.0.2:80", false),
            // curl, Go: IPv6 bare. Ruby's pattern cuts it at the colons and matches nothing.
            ("::1", "[::1]:80", true),
            // curl, Go: IPv6 in brackets, and Go: with a port.
            ("[2001:db8::1]", "[2001:db8::1]:80", true),
            ("[2001:db8::1]:443", "[2001:db8::1]:443", true),
            ("[2001:db8::1]:443", "[2001:db8::1]:80", false),
            // Ruby, Go: address with port.
            ("203.0.113.7:443", "203.0.113.7:443", true),
            ("203.0.113.7:443", "203.0.113.7:80", false),
            // Ruby: CIDR with port.
            ("10.0.0.0/8:5432", "10.1.2.3:5432", true),
            ("10.0.0.0/8:5432", "10.1.2.3:443", false),
            // curl, Go, Python: everything. Ruby matches nothing with it.
            ("*", "203.0.113.7:443", true),
            ("*", "[2001:db8::1]:443", true),
            // Ours: a name never matches an address.
            ("example.com", "203.0.113.7:443", false),
        ] {
            assert_eq!(address_is_listed(list, dst), matches, "{list:?} {dst}");
        }
    }

    #[test]
    fn what_is_no_entry_is_refused_and_never_dropped() {
        for (entry, reason) in [
            ("http://example.com", InvalidNoProxy::Url),
            ("example.com:", InvalidNoProxy::Port),
            ("example.com:0", InvalidNoProxy::Port),
            ("example.com:65536", InvalidNoProxy::Port),
            ("example.com:https", InvalidNoProxy::Port),
            ("[::1]:x", InvalidNoProxy::Port),
            ("[::1", InvalidNoProxy::NotAHost),
            ("[::1]443", InvalidNoProxy::NotAHost),
            ("10.0.0.0/33", InvalidNetwork::Prefix { max: 32, example: "10.0.0.0/8" }.into()),
            ("10.0.0.1/8", InvalidNetwork::HostBits("10.0.0.0/8".parse().unwrap()).into()),
            ("0.0.0.0/0", InvalidNetwork::WholeFamily.into()),
            ("example.com/8", InvalidNetwork::NotANetwork.into()),
            ("192.168.*", InvalidNoProxy::Glob),
            ("*example.com", InvalidNoProxy::Glob),
            ("*:443", InvalidNoProxy::Glob),
            ("*.*", InvalidNoProxy::Glob),
            (".", InvalidNoProxy::Empty),
            ("*.", InvalidNoProxy::Empty),
            (":443", InvalidNoProxy::Empty),
            ("..a", InvalidNoProxy::NotAHost),
            // Prefixes of addresses, as some tools allow, would be read as names that never match.
            ("10.", InvalidNoProxy::NotAHost),
            ("10.1", InvalidNoProxy::NotAHost),
        ] {
            assert_eq!(NoProxyList::parse(entry), Err((entry.to_owned(), reason)), "{entry:?}");
        }
    }

    #[test]
    fn of_a_processs_own_variables_what_can_be_read_counts_but_never_everything() {
        for (environ, entries) in [
            (&b"PATH=/bin\0NO_PROXY=a.test, 10.0.0.0/8\0"[..], &["a.test", "10.0.0.0/8"][..]),
            // curl, Ruby, Python: the lower-case one. Go: the other.
            (b"NO_PROXY=a.test\0no_proxy=b.test:8443\0", &["b.test:8443"]),
            (b"NO_PROXY=a.test\0no_proxy=\0", &["a.test"]),
            (b"NO_PROXY=*,http://x,a.test,10.0.0.0/99\0", &["a.test"]),
            (b"XNO_PROXY=a.test\0", &[]),
            (b"NO_PROXY=\xff\0", &[]),
            (b"", &[]),
        ] {
            let list = NoProxyList::of_environment(environ);
            assert_eq!(list.iter().map(ToString::to_string).collect::<Vec<_>>(), entries);
        }
        let many = format!("NO_PROXY={}", "a.test,".repeat(1000));
        assert_eq!(NoProxyList::of_environment(many.as_bytes()).iter().len(), MAX_OWN_ENTRIES);
    }

    proptest! {
        #[test]
        fn an_entry_that_parses_is_written_as_it_is_read(text in "[*a-z0-9.:/\\[\\]-]{0,20}") {
            if let Ok(entry) = text.parse::<NoProxyEntry>() {
                prop_assert_eq!(entry.to_string().parse::<NoProxyEntry>(), Ok(entry));
            }
        }

        #[test]
        fn no_name_entry_matches_an_address_and_no_address_entry_a_name(
            text in "[*a-z0-9.:/]{1,16}", ip in any::<u32>(), port in any::<u16>(), host in "[a-z]{1,5}(\\.[a-z]{1,5}){0,2}",
        ) {
            if let Ok(entry) = text.parse::<NoProxyEntry>() {
                let dst = OriginalDst::new((std::net::Ipv4Addr::from(ip), port).into());
                let name = ServerName::parse(&host).unwrap();
                prop_assert!(!(entry.matches_address(dst) && entry.matches_name(&name, port)));
            }
        }
    }
}
