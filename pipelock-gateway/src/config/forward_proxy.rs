//! `forward_proxy`: who may use the explicit proxy, and for what. The last four keys are not the reference's.

use std::num::NonZeroU16;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::error::Error;
use super::reader::Value;
use super::schema::{HOSTS, Key, Kind, NETWORKS, POSITIVE};
use crate::model::parse_network;

pub(super) const KEYS: &[Key] = &[
    Key::new("enabled", Kind::Bool, "true", "Whether CONNECT and requests in absolute form are served."),
    Key::new(
        "max_tunnel_seconds",
        POSITIVE,
        "",
        "How long a CONNECT tunnel may last; without it as long as it is used.",
    ),
    Key::new("idle_timeout_seconds", POSITIVE, "600", "How long it may be silent.")
        .not_yet("a tunnel that is relayed unopened ends after 10 minutes of silence"),
    Key::new("sni_verification", Kind::Bool, "true", "Whether the name inside must be the one asked for.")
        .not_yet("it always must"),
    Key::new("redirect_websocket_hosts", HOSTS, "[]", "Hosts whose WebSockets go by /ws.")
        .never("there is no /ws here"),
    Key::new(
        "connect_ports",
        Kind::List(&Kind::Count(1, 65_535)),
        "[]",
        "Ports that may be asked for beside 443 and 80.",
    ),
    Key::new(
        "allowed_sources",
        NETWORKS,
        "",
        "Who may use the proxy and read `/metrics`: without it loopback and private networks, with `[]` nobody. `/health` and `/ready` answer everybody.",
    ),
    Key::new(
        "credentials_file",
        Kind::Path,
        "",
        "A file of `user:password` lines, mode 0640 or narrower. With it every request to the proxy needs one of them (Basic).",
    ),
];

/// Permission bits that a file of passwords may not have.
const FORBIDDEN_MODE: u32 = 0o037;

/// The explicit proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardProxy {
    /// Whether it proxies at all.
    pub enabled: bool,
    /// How long a tunnel may last.
    pub max_tunnel: Option<Duration>,
    /// Ports beside 443 and 80.
    pub connect_ports: Vec<NonZeroU16>,
    /// Who may use it; `None` for loopback and private networks.
    pub allowed_sources: Option<Vec<IpNet>>,
    /// Passwords, one `user:password` a line; existing and private when checked.
    pub credentials_file: Option<PathBuf>,
}

impl Default for ForwardProxy {
    fn default() -> Self {
        Self {
            enabled: true,
            max_tunnel: None,
            connect_ports: Vec::new(),
            allowed_sources: None,
            credentials_file: None,
        }
    }
}

impl ForwardProxy {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let seconds = |value: &Value<'_>| value.count().map(|seconds| Some(Duration::from_secs(seconds)));
        Ok(Self {
            enabled: section.read("enabled", true, Value::boolean)?,
            max_tunnel: section.read("max_tunnel_seconds", None, seconds)?,
            connect_ports: section
                .read("connect_ports", Vec::new(), |list| list.list()?.iter().map(read_port).collect())?,
            allowed_sources: section.read("allowed_sources", None, |list| networks(list).map(Some))?,
            credentials_file: section.read("credentials_file", None, |file| private_file(file).map(Some))?,
        })
    }
}

/// `ssrf.ip_allowlist`: networks that names may resolve to although they are private.
pub(super) mod ssrf {
    use super::{Error, IpNet, Key, NETWORKS, Value, networks};

    pub(in crate::config) const KEYS: &[Key] = &[Key::new(
        "ip_allowlist",
        NETWORKS,
        "[]",
        "Private networks that the explicit proxy may reach under any name. Metadata services are never meant.",
    )];

    pub(in crate::config) fn read(value: &Value<'_>) -> Result<Vec<IpNet>, Error> {
        value.section(KEYS)?.read("ip_allowlist", Vec::new(), |list| {
            let networks = networks(list)?;
            match networks.iter().find(|net| net.prefix_len() == 0) {
                Some(_) => Err(list.incomplete("0.0.0.0/0 and ::/0 would allow everything; name the networks")),
                None => Ok(networks),
            }
        })
    }
}

fn networks(list: &Value<'_>) -> Result<Vec<IpNet>, Error> {
    list.list()?.iter().map(|net| parse_network(net.text()?).map_err(|reason| net.refuse(reason))).collect()
}

fn read_port(value: &Value<'_>) -> Result<NonZeroU16, Error> {
    let port = u16::try_from(value.count()?).ok().and_then(NonZeroU16::new);
    port.ok_or_else(|| value.refuse("is no port; write a number from 1 to 65535"))
}

fn private_file(value: &Value<'_>) -> Result<PathBuf, Error> {
    let path = value.path()?;
    let file = crate::files::metadata(&path).map_err(|error| {
        value.refuse(format!("cannot be used: {} ({error}); create it, or correct the path", path.display()))
    })?;
    let mode = file.permissions().mode() & 0o777;
    if mode & FORBIDDEN_MODE != 0 {
        let path = path.display();
        let why =
            format!("holds passwords that others may read (mode {mode:04o}, at most 0640); run: chmod 0640 {path}");
        return Err(value.refuse(why));
    }
    Ok(path)
}
