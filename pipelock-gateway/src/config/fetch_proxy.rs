//! `fetch_proxy`: the reference's name for the main listener, here the explicit proxy with `/health` and `/metrics`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::error::Error;
use super::reader::Value;
use super::schema::{ABOVE_ZERO, COUNT, HOSTS, Key, Kind};
use crate::model::DomainList;

const BUILT_IN: &str = "targets are judged by the built-in bounds";

const NO_FETCH: &str = "there is no /fetch here; programs make their own requests and these are judged";

pub(super) const KEYS: &[Key] = &[
    Key::new("listen", Kind::Listen, "127.0.0.1:8888", "Where the explicit proxy, `/health` and `/metrics` listen."),
    Key::new("timeout_seconds", COUNT, "30", "Time-out of /fetch.").never(NO_FETCH),
    Key::new("max_response_mb", COUNT, "10", "Largest page of /fetch.").never(NO_FETCH),
    Key::new("user_agent", Kind::Text, "Pipelock Fetch/1.0", "How /fetch calls itself.").never(NO_FETCH),
    Key::new("monitoring", Kind::Map(MONITORING), "", "What may go to a domain, and what targets are judged by."),
];

const MONITORING: &[Key] = &[
    Key::new(
        "max_requests_per_minute",
        COUNT,
        "0",
        "Requests a minute that one session may send to one domain (its last two labels); 0 for no bound. The reference's default is 60 for all together.",
    ),
    Key::new(
        "max_data_per_minute",
        COUNT,
        "0",
        "Bytes a minute that one session may exchange with one domain; 0 for no bound.",
    ),
    Key::new("blocklist", HOSTS, "[]", "Hosts that may not be reached, by name."),
    Key::new("max_url_length", COUNT, "2048", "Longest target.").not_yet(BUILT_IN),
    Key::new("entropy_threshold", ABOVE_ZERO, "4.5", "Bits a character from which a part of a target is suspicious.")
        .not_yet(BUILT_IN),
    Key::new("subdomain_entropy_threshold", ABOVE_ZERO, "4.0", "The same for labels of a host.").not_yet(BUILT_IN),
    Key::new("subdomain_entropy_exclusions", HOSTS, "[]", "Hosts whose labels may look random.").not_yet(BUILT_IN),
];

/// The explicit proxy and admin port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchProxy {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Requests a minute to one domain.
    pub requests_per_minute: Option<u64>,
    /// Bytes a minute to one domain.
    pub bytes_per_minute: Option<u64>,
    /// Hosts that may not be reached.
    pub blocklist: DomainList,
}

impl Default for FetchProxy {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8888),
            requests_per_minute: None,
            bytes_per_minute: None,
            blocklist: DomainList::default(),
        }
    }
}

impl FetchProxy {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let listen = section.read("listen", Self::default().listen, |listen| {
            let address = listen.listen()?;
            if !address.ip().is_loopback() {
                listen.warn("the proxy is open to everyone who can reach this address; 127.0.0.1 keeps it local");
            }
            Ok(address)
        })?;
        let mut read = Self { listen, ..Self::default() };
        if let Some(monitoring) = section.field("monitoring") {
            let section = monitoring.section(MONITORING)?;
            let bound = |key| section.read(key, None, |n| n.count().map(|n| Some(n).filter(|n| *n > 0)));
            read.requests_per_minute = bound("max_requests_per_minute")?;
            read.bytes_per_minute = bound("max_data_per_minute")?;
            read.blocklist = section.read("blocklist", DomainList::default(), Value::parse_list)?;
        }
        Ok(read)
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
