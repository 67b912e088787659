//! Server names as they may safely reach a certificate, a log line or a rule.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// A DNS name: lower case, no trailing dot, at most 253 bytes, labels of letters, digits, `-` and `_`; never an IP literal.
///
/// Names come from attackers (SNI, Host, CONNECT) and end up in DER and in logs, hence a type and not a string.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerName(Arc<str>);

/// A name that cannot be a [`ServerName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid DNS name")]
pub struct InvalidName;

impl ServerName {
    /// Parses a name as clients send it; upper case and one trailing dot are normalised away.
    ///
    /// # Errors
    /// [`InvalidName`] when it is empty, too long, an IP literal, or has a byte outside letters, digits, `-`, `_`, `.`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let label_ok = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if text.is_empty() || text.len() > 253 || !text.split('.').all(label_ok) {
            return Err(InvalidName);
        }
        // A last label of digits alone would be read as an IPv4 form by resolvers (RFC 3696 §2, WHATWG URL §3.5).
        let last = text.rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidName);
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// The name, lower case, without a trailing dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Who the workload believes it talks to: the name it gave, or the address where it gave none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PeerName {
    /// From SNI, Host or CONNECT.
    Dns(ServerName),
    /// The original destination, for clients that name nobody.
    Ip(IpAddr),
}

/// What binds a name to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BoundBy {
    /// `names.hosts`.
    Hosts,
    /// A DNS answer that the workload received.
    WorkloadDns,
    /// The gateway's own resolver.
    OwnResolver,
}

impl BoundBy {
    /// The name used in logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hosts => "hosts",
            Self::WorkloadDns => "workload_dns",
            Self::OwnResolver => "own_resolver",
        }
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => name.fmt(f),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised() {
        for (text, want) in
            [("API.OpenAI.com.", "api.openai.com"), ("_dmarc.a-b.example", "_dmarc.a-b.example"), ("db", "db")]
        {
            assert_eq!(ServerName::parse(text).unwrap().as_str(), want);
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        let long = format!("{}.com", "a".repeat(64));
        for text in [
            "", ".", "a..b", "-a.com", "a-.com", "a b.com", "a\0.com", "*.com", "1.2.3.4", "0x7f.1", "é.com", "a/b",
            "[::1]", &long,
        ] {
            assert_eq!(ServerName::parse(text), Err(InvalidName), "{text:?}");
        }
    }
}
