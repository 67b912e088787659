//! Who may use the proxy: from where, with which password, to which ports. Pure but for nothing: all of it comes in.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use http::HeaderMap;
use http::header::PROXY_AUTHORIZATION;
use ipnet::IpNet;
use sha2::{Digest, Sha256};

use super::DEFAULT_PORTS;
use crate::model::AddressClass;

/// What the configuration in force says about users of the proxy.
#[derive(Clone)]
pub struct Access {
    /// Whether anything is proxied at all.
    pub enabled: bool,
    /// Ports beside [`DEFAULT_PORTS`].
    pub ports: Vec<u16>,
    /// From where; `None` for loopback and private networks, so that a port open to every interface is no open proxy.
    pub sources: Option<Vec<IpNet>>,
    /// With which passwords; `None` when none is needed.
    pub credentials: Option<Credentials>,
    /// How long a tunnel may last.
    pub max_tunnel: Option<Duration>,
    /// Whether refusals carry a hint, `explain_blocks`. They name keys of the configuration, not values.
    pub explains: bool,
}

impl Default for Access {
    fn default() -> Self {
        Self { enabled: true, ports: Vec::new(), sources: None, credentials: None, max_tunnel: None, explains: false }
    }
}

impl Access {
    /// Whether somebody at this address may use the proxy.
    #[must_use]
    pub fn admits_source(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        match &self.sources {
            Some(networks) => networks.iter().any(|net| net.contains(&ip)),
            None => matches!(
                AddressClass::of(ip),
                AddressClass::Loopback | AddressClass::Private | AddressClass::SharedNat | AddressClass::LinkLocal
            ),
        }
    }

    /// Whether this port may be asked for.
    #[must_use]
    pub fn admits_port(&self, port: u16) -> bool {
        DEFAULT_PORTS.contains(&port) || self.ports.contains(&port)
    }

    /// Whether the request carries one of the passwords, where one is needed.
    #[must_use]
    pub fn authenticates(&self, headers: &HeaderMap) -> bool {
        let Some(credentials) = &self.credentials else { return true };
        let mut given = headers.get_all(PROXY_AUTHORIZATION).iter();
        match (given.next(), given.next()) {
            (Some(value), None) => credentials.hold(value.as_bytes()),
            _ => false,
        }
    }
}

/// Digests of what `Proxy-Authorization` may say after `Basic `; the passwords themselves are not kept.
#[derive(Clone)]
pub struct Credentials(Vec<[u8; 32]>);

impl Credentials {
    /// Reads lines of `user:password`; blank ones and those that begin with `#` are left out.
    ///
    /// # Errors
    /// The number of the first line, from 1, that is neither.
    pub fn parse(text: &[u8]) -> Result<Self, usize> {
        let mut digests = Vec::new();
        for (number, line) in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).enumerate() {
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            if line.iter().position(|byte| *byte == b':').is_none_or(|at| at == 0) {
                return Err(number + 1);
            }
            digests.push(Sha256::digest(line).into());
        }
        Ok(Self(digests))
    }

    fn hold(&self, value: &[u8]) -> bool {
        let Some((scheme, token)) = value.split_at_checked(6) else { return false };
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return false;
        }
        let Some(given) = base64(token.trim_ascii()) else { return false };
        let digest: [u8; 32] = Sha256::digest(&given).into();
        // Digests of equal length, all of them compared to the end: time tells nothing about what is right.
        self.0.iter().fold(false, |found, known| {
            found | aws_lc_rs::constant_time::verify_slices_are_equal(known, &digest).is_ok()
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.0.len())
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("enabled", &self.enabled).field("sources", &self.sources).finish_non_exhaustive()
    }
}

/// Undoes RFC 4648 §4, padding required where it belongs.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let body = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut bytes = Vec::with_capacity(body.len() / 4 * 3 + 2);
    for chunk in body.chunks(4) {
        let bits = chunk.iter().try_fold(0_u32, |bits, byte| Some(bits << 6 | u32::from(value(*byte)?)))?;
        let [_, a, b, c] = (bits << (6 * (4 - chunk.len()))).to_be_bytes();
        bytes.extend([a, b, c].iter().take(chunk.len() - 1));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn without_a_list_only_private_networks_are_served() {
        let access = Access::default();
        for (ip, admitted) in [
            ("127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("10.1.2.3", true),
            ("fd00::1", true),
            ("203.0.113.7", false),
            ("2001:db8::1", false),
            ("169.254.169.254", false),
        ] {
            assert_eq!(access.admits_source(ip.parse().unwrap()), admitted, "{ip}");
        }
        let nobody = Access { sources: Some(Vec::new()), ..Access::default() };
        assert!(!nobody.admits_source("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_password_is_told_from_every_other_text() {
        let access = Access {
            credentials: Some(Credentials::parse(b"# who\n\nuser:pass:word\nother:x\n").unwrap()),
            ..Access::default()
        };
        // `user:pass:word`, `other:x`, `other:y`, `user:pass:wor`.
        for (value, right) in [
            ("Basic dXNlcjpwYXNzOndvcmQ=", true),
            ("basic b3RoZXI6eA==", true),
            ("Basic b3RoZXI6eQ==", false),
            ("Basic dXNlcjpwYXNzOndvcg==", false),
            ("Bearer b3RoZXI6eA==", false),
            ("Basic b3RoZXI6eA", false),
            ("Basic", false),
            ("Basic ====", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(PROXY_AUTHORIZATION, HeaderValue::from_static(value));
            assert_eq!(access.authenticates(&headers), right, "{value}");
            headers.append(PROXY_AUTHORIZATION, HeaderValue::from_static("Basic b3RoZXI6eA=="));
            assert!(!access.authenticates(&headers), "two of them");
        }
        assert!(!access.authenticates(&HeaderMap::new()));
        assert!(Access::default().authenticates(&HeaderMap::new()), "where none is needed");
        assert_eq!(Credentials::parse(b"user:ok\nno-colon\n").err(), Some(2));
    }
}
