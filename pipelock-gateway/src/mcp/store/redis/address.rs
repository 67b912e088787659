//! Where a Redis is and who we are to it, from a `redis://` or `rediss://` URL. Holds a password: nothing of it is printed.

use std::fmt;

use redis::{ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};

/// The address of a Redis.
#[derive(Clone)]
pub struct RedisAddress {
    /// Whether it is spoken to by TLS: `rediss`.
    pub tls: bool,
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    pub(super) login: RedisConnectionInfo,
}

/// A text is no address of a Redis. Says nothing of it, for it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no Redis URL; write redis://[user:password@]host[:port][/database], or rediss:// with TLS")]
pub struct InvalidRedisAddress;

impl std::str::FromStr for RedisAddress {
    type Err = InvalidRedisAddress;

    fn from_str(text: &str) -> Result<Self, InvalidRedisAddress> {
        let (tls, rest) = match (text.strip_prefix("rediss://"), text.strip_prefix("redis://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(InvalidRedisAddress),
        };
        // The connection is ours to open, TLS included; the crate only reads the rest.
        let info = format!("redis://{rest}").into_connection_info().map_err(|_| InvalidRedisAddress)?;
        let ConnectionAddr::Tcp(host, port) = info.addr() else { return Err(InvalidRedisAddress) };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(InvalidRedisAddress);
        }
        Ok(Self { tls, host, port: *port, login: info.redis_settings().clone() })
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_what_they_hold_is_not_printed() {
        for (text, tls, host, port, user, password) in [
            ("redis://cache", false, "cache", 6379, None, None),
            ("rediss://:pw@cache.example:6380/2", true, "cache.example", 6380, None, Some("pw")),
            ("redis://us%65r:p%40ss@10.0.0.1:1/0", false, "10.0.0.1", 1, Some("user"), Some("p@ss")),
            ("redis://[::1]:6379", false, "::1", 6379, None, None),
        ] {
            let address: RedisAddress = text.parse().unwrap();
            assert_eq!((address.tls, address.host.as_str(), address.port), (tls, host, port), "{text}");
            assert_eq!((address.login.username(), address.login.password()), (user, password), "{text}");
            assert_eq!(format!("{address:?}"), format!("{host}:{port}"));
        }
        for text in ["http://cache", "redis://", "redis://cache:port", "unix:///x", "rediss://a b"] {
            assert_eq!(text.parse::<RedisAddress>().err(), Some(InvalidRedisAddress), "{text}");
        }
    }
}
