//! `mcp_listener`: who may come to the MCP port, how much they may bring, and where state is kept. Not in the reference.

use std::fmt;

use super::super::error::Error;
use super::super::reader::Value;
use super::super::schema::{Key, Kind, TEXTS};

pub(in crate::config) const MCP_LISTENER: Key = Key::new(
    "mcp_listener",
    Kind::Map(KEYS),
    "",
    "The MCP port: who may come, how much they may bring, where state is kept. A section of ours.",
);

const KEYS: &[Key] = &[
    Key::new(
        "allowed_origins",
        TEXTS,
        "[]",
        "Origins of browsers, such as https://app.example.com; loopback ones always may come.",
    ),
    Key::new(
        "allowed_hosts",
        TEXTS,
        "[]",
        "Names the port may be called by. Without any: loopback names on a loopback address, all names elsewhere.",
    ),
    Key::new("max_body_bytes", BYTES, "4194304", "Largest message of a client."),
    Key::new(
        "max_upload_bytes",
        BYTES,
        "37748736",
        "The same for calls of `upload_tools`; 25 MB of file are 34 MB of base64.",
    ),
    Key::new("upload_tools", TEXTS, "[upload_account_statement]", "Tools whose arguments are files."),
    Key::new("max_answer_bytes", BYTES, "16777216", "Largest answer, or event of a stream."),
    Key::new(
        "on_unknown_version",
        Kind::Words(&["forward", "reject"]),
        "forward",
        "What becomes of revisions of MCP newer than those known here: forwarded and judged by what all share, or refused.",
    ),
    Key::new("state", Kind::Map(STATE_KEYS), "", "Where sessions and definitions are remembered."),
];

const STATE_KEYS: &[Key] = &[
    Key::new(
        "redis",
        Kind::Text,
        "",
        "redis:// or rediss:// URL that replicas share; without one each process remembers by itself.",
    ),
    Key::new(
        "on_unavailable",
        Kind::Words(&["allow", "block"]),
        "allow",
        "When it cannot be reached: go on with what this process knows, or refuse what depends on it.",
    ),
];

const BYTES: Kind = Kind::Count(1024, 67_108_864);

/// The MCP port.
#[derive(Clone, Debug)]
pub struct McpListener {
    /// Origins of browsers, lower case; loopback ones always may come.
    pub allowed_origins: Vec<String>,
    /// Names it may be called by, lower case.
    pub allowed_hosts: Vec<String>,
    /// Bytes of one request.
    pub max_body_bytes: usize,
    /// Bytes of a call of an upload tool.
    pub max_upload_bytes: usize,
    /// Tools whose arguments are files.
    pub upload_tools: Vec<String>,
    /// Bytes of one answer or event.
    pub max_answer_bytes: usize,
    /// `on_unknown_version: reject`.
    pub reject_unknown_versions: bool,
    /// Where sessions and definitions are remembered.
    pub state: McpState,
}

/// `mcp_listener.state`.
#[derive(Clone, Debug, Default)]
pub struct McpState {
    /// A Redis that replicas share; without one each process remembers by itself.
    pub redis: Option<RedisUrl>,
    /// `on_unavailable: block`: what depends on state that cannot be reached is refused.
    pub refuse_when_unavailable: bool,
}

/// A `redis://` or `rediss://` URL; it may hold a password, so it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// The URL, password included.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.rsplit('@').next().unwrap_or_default();
        write!(f, "RedisUrl({})", host.rsplit("//").next().unwrap_or_default())
    }
}

impl Default for McpListener {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            max_body_bytes: 4 << 20,
            max_upload_bytes: 36 << 20,
            upload_tools: vec!["upload_account_statement".to_owned()],
            max_answer_bytes: 16 << 20,
            reject_unknown_versions: false,
            state: McpState::default(),
        }
    }
}

impl McpListener {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let default = Self::default();
        let list = |key: &str, default: Vec<String>, read: fn(&Value<'_>) -> Result<String, Error>| {
            section.read(key, default, |value| value.list()?.iter().map(read).collect())
        };
        Ok(Self {
            allowed_origins: list("allowed_origins", default.allowed_origins, origin)?,
            allowed_hosts: list("allowed_hosts", default.allowed_hosts, host)?,
            max_body_bytes: section.read("max_body_bytes", default.max_body_bytes, bytes)?,
            max_upload_bytes: section.read("max_upload_bytes", default.max_upload_bytes, bytes)?,
            upload_tools: list("upload_tools", default.upload_tools, |name| name.text().map(str::to_owned))?,
            max_answer_bytes: section.read("max_answer_bytes", default.max_answer_bytes, bytes)?,
            reject_unknown_versions: section
                .read("on_unknown_version", false, |action| action.choice(&[("forward", false), ("reject", true)]))?,
            state: section.read("state", McpState::default(), state)?,
        })
    }
}

fn state(value: &Value<'_>) -> Result<McpState, Error> {
    let section = value.section(STATE_KEYS)?;
    Ok(McpState {
        redis: section.field("redis").map(|url| redis(&url)).transpose()?,
        refuse_when_unavailable: section
            .read("on_unavailable", false, |action| action.choice(&[("allow", false), ("block", true)]))?,
    })
}

fn redis(value: &Value<'_>) -> Result<RedisUrl, Error> {
    let text = value.text()?;
    if text.starts_with("redis://") || text.starts_with("rediss://") {
        return Ok(RedisUrl(text.to_owned()));
    }
    // Not through `refuse`, which prints the value: it may hold a password all the same.
    Err(value.incomplete("is no Redis URL; write redis://host:6379/0, or rediss:// with TLS"))
}

fn origin(value: &Value<'_>) -> Result<String, Error> {
    let text = value.text()?.to_ascii_lowercase();
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '*', '@', '?', '#']) => Ok(text),
        _ => Err(value.refuse("is no origin; write scheme and host, for example https://app.example.com")),
    }
}

fn host(value: &Value<'_>) -> Result<String, Error> {
    let text = value.text()?.to_ascii_lowercase();
    if text.is_empty() || text.contains(['/', '*', '@', ' ']) {
        return Err(value.refuse("is no host name; write one without scheme, port or wildcard"));
    }
    Ok(text.trim_end_matches('.').to_owned())
}

fn bytes(value: &Value<'_>) -> Result<usize, Error> {
    let bytes = value.count()?;
    let size = usize::try_from(bytes).ok().filter(|bytes| (1024..=64 << 20).contains(bytes));
    size.ok_or_else(|| value.refuse("is no bound on a message; write a number of bytes from 1024 to 67108864"))
}
