//! `names`: how the gateway itself finds the addresses of names. A section of ours; the reference asks the system.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::error::Error;
use super::reader::Value;
use super::schema::{Key, Kind, TEXTS};
use crate::model::ServerName;

/// Where DNS servers listen.
const DNS_PORT: u16 = 53;
/// More would be a hosts file of its own.
const MAX_HOSTS: usize = 4096;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "hosts",
        Kind::Named(&TEXTS),
        "",
        "Names and their addresses, before any resolver is asked. A name here is bound to these addresses and no others.",
    ),
    Key::new(
        "servers",
        TEXTS,
        "[]",
        "DNS servers to ask, each an address or `address:port`; without any those of `/etc/resolv.conf`, whose search domains are used in any case.",
    ),
    Key::new(
        "workload_servers",
        TEXTS,
        "[]",
        "DNS servers of workloads whose answers bind names to addresses for the workload that got them, beside the servers that the gateway asks itself. Name only those that no workload can answer in place of, such as 127.0.0.11 of Docker.",
    ),
    Key::new("timeout", Kind::Duration, "5s", "How long one name may take, all attempts together."),
];

/// How names are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The operator's own names.
    pub hosts: HashMap<ServerName, Vec<IpAddr>>,
    /// Whom to ask; empty for the system's servers.
    pub servers: Vec<SocketAddr>,
    /// For one name.
    pub timeout: Duration,
    /// Servers of workloads whose answers are believed.
    pub workload_servers: Vec<IpAddr>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            hosts: HashMap::new(),
            servers: Vec::new(),
            timeout: Duration::from_secs(5),
            workload_servers: Vec::new(),
        }
    }
}

impl Names {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let default = Self::default();
        Ok(Self {
            hosts: section.read("hosts", default.hosts, read_hosts)?,
            servers: section.read("servers", default.servers, |list| list.list()?.iter().map(read_server).collect())?,
            timeout: section.read("timeout", default.timeout, Value::duration)?,
            workload_servers: section
                .read("workload_servers", Vec::new(), |list| list.list()?.iter().map(read_address).collect())?,
        })
    }
}

fn read_hosts(value: &Value<'_>) -> Result<HashMap<ServerName, Vec<IpAddr>>, Error> {
    let entries = value.entries()?;
    if entries.len() > MAX_HOSTS {
        return Err(value.incomplete(format!("has more than {MAX_HOSTS} names; use a DNS server")));
    }
    let mut hosts = HashMap::new();
    for (name, addresses) in entries {
        let parsed = ServerName::parse(name);
        let name = parsed.map_err(|_| addresses.incomplete("stands under what is no host name; write one"))?;
        let addresses_of = addresses.list()?.iter().map(read_address).collect::<Result<Vec<_>, _>>()?;
        if addresses_of.is_empty() {
            return Err(addresses.incomplete("has no address; write one, or remove the name"));
        }
        if hosts.insert(name, addresses_of).is_some() {
            return Err(addresses.incomplete("is there twice, in two spellings; write it once"));
        }
    }
    Ok(hosts)
}

fn read_address(value: &Value<'_>) -> Result<IpAddr, Error> {
    let address: Result<IpAddr, _> = value.text()?.trim().parse();
    address.map(|ip| ip.to_canonical()).map_err(|_| value.refuse("is no IP address; write one such as 10.1.2.3"))
}

fn read_server(value: &Value<'_>) -> Result<SocketAddr, Error> {
    let text = value.text()?.trim();
    let address =
        text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS_PORT)).or_else(|_| text.parse::<SocketAddr>());
    let usable = address.ok().filter(|address| address.port() != 0 && !address.ip().is_unspecified());
    usable.ok_or_else(|| value.refuse("is no DNS server; write an address, or address:port"))
}
