//! `fetch_proxy`: the reference's name for the main listener, here the explicit proxy with `/health` and `/metrics`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::error::Error;
use super::reader::{Keys, Value};

const KEYS: Keys = Keys {
    read: &["listen"],
    not_yet: &["timeout_seconds", "max_response_mb", "user_agent", "monitoring"],
    no_effect: &[],
};

/// The explicit proxy and admin port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchProxy {
    /// Where it listens.
    pub listen: SocketAddr,
}

impl Default for FetchProxy {
    fn default() -> Self {
        Self { listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8888) }
    }
}

impl FetchProxy {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(&KEYS)?;
        let listen = section.read("listen", Self::default().listen, |listen| {
            let address = parse_listen(listen.text()?).ok_or_else(|| {
                listen.refuse("is no address to listen on; write an IP address and a port, for example 127.0.0.1:8888")
            })?;
            if !address.ip().is_loopback() {
                listen.warn("the proxy is open to everyone who can reach this address; 127.0.0.1 keeps it local");
            }
            Ok(address)
        })?;
        Ok(Self { listen })
    }
}

/// `ip:port`, and two forms Go programs take: `localhost:port`, and `:port` for every interface. No other name, because
/// what it resolves to is not known here.
#[must_use]
pub fn parse_listen(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    let ip = match host {
        "" => Ipv4Addr::UNSPECIFIED,
        "localhost" => Ipv4Addr::LOCALHOST,
        _ => return None,
    };
    Some(SocketAddr::new(IpAddr::V4(ip), port.parse().ok()?))
}
