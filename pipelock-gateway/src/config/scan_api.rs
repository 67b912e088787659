//! `scan_api`: judging messages for other programs, on a port of its own (pipelock-config.md §17).

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::error::Error;
use super::reader::{Section, Value};
use super::schema::{Key, Kind, TEXTS};

const MAX_BYTES: Kind = Kind::Count(1, 64 << 20);

const AUTH: &[Key] = &[Key::new("bearer_tokens", TEXTS, "[]", "Who may ask: each token is somebody of his own.")];

const RATE: &[Key] = &[
    Key::new("requests_per_minute", Kind::Count(1, 1_000_000), "600", "For each token."),
    Key::new("burst", Kind::Count(1, 1_000_000), "50", "How many of them at once."),
];

const FIELDS: &[Key] = &[
    Key::new("url", MAX_BYTES, "8192", "Bytes of `input.url`."),
    Key::new("text", MAX_BYTES, "524288", "Bytes of `input.text`."),
    Key::new("content", MAX_BYTES, "524288", "Bytes of `input.content`."),
    Key::new("arguments", MAX_BYTES, "524288", "Bytes of `input.arguments`."),
];

const TIMEOUTS: &[Key] = &[
    Key::new("read", Kind::Duration, "2s", "For a question, and between two of one connection."),
    Key::new("write", Kind::Duration, "2s", "While the asker takes nothing of the answer."),
    Key::new("scan", Kind::Duration, "5s", "For the judgement; who waits longer is told 503 and deny."),
];

const KINDS: &[Key] = &[
    Key::new("url", Kind::Bool, "true", "Whether URLs may be asked about."),
    Key::new("dlp", Kind::Bool, "true", "Whether texts that leave may."),
    Key::new("prompt_injection", Kind::Bool, "true", "Whether texts that a model will read may."),
    Key::new("tool_call", Kind::Bool, "true", "Whether tool calls may."),
];

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "listen",
        Kind::Listen,
        "",
        "Where `POST /api/v1/scan` is answered; without it nowhere. A change takes a restart.",
    ),
    Key::new("auth", Kind::Map(AUTH), "", "Who may ask; needed with `listen`."),
    Key::new("rate_limit", Kind::Map(RATE), "", "How often."),
    Key::new("max_body_bytes", MAX_BYTES, "1048576", "Largest question."),
    Key::new("field_limits", Kind::Map(FIELDS), "", "Bounds of single members of a question."),
    Key::new("timeouts", Kind::Map(TIMEOUTS), "", "How long."),
    Key::new("connection_limit", Kind::Count(1, 65_536), "100", "Connections at once."),
    Key::new("kinds", Kind::Map(KINDS), "", "What may be asked."),
];

/// The port on which other programs have messages judged.
#[derive(Clone, PartialEq, Eq)]
pub struct ScanApi {
    /// Where.
    pub listen: SocketAddr,
    /// Who may ask; never empty.
    pub tokens: Vec<String>,
    /// For each token.
    pub requests_per_minute: u32,
    /// Of these, at once.
    pub burst: u32,
    /// Largest question in bytes.
    pub max_body_bytes: usize,
    /// Bounds of `url`, `text`, `content` and `arguments` in bytes.
    pub max_field_bytes: [usize; 4],
    /// For reading a question.
    pub read_timeout: Duration,
    /// While the answer is not taken.
    pub write_timeout: Duration,
    /// For judging.
    pub scan_timeout: Duration,
    /// Connections at once.
    pub max_connections: usize,
    /// Whether `url`, `dlp`, `prompt_injection` and `tool_call` may be asked.
    pub kinds: [bool; 4],
}

impl fmt::Debug for ScanApi {
    /// Never the tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanApi")
            .field("listen", &self.listen)
            .field("tokens", &self.tokens.len())
            .finish_non_exhaustive()
    }
}

/// The section; `None` where nothing listens.
pub(super) fn read(value: &Value<'_>) -> Result<Option<ScanApi>, Error> {
    let section = value.section(KEYS)?;
    let listen = section.read("listen", None, |listen| listen.listen().map(Some))?;
    let tokens = match section.field("auth") {
        Some(auth) => auth.section(AUTH)?.read("bearer_tokens", Vec::new(), tokens)?,
        None => Vec::new(),
    };
    let (requests_per_minute, burst) = match section.field("rate_limit") {
        Some(rate) => {
            let rate = rate.section(RATE)?;
            (number(&rate, "requests_per_minute", 600)?, number(&rate, "burst", 50)?)
        }
        None => (600, 50),
    };
    let mut max_field_bytes = [8192, 512 << 10, 512 << 10, 512 << 10];
    if let Some(fields) = section.field("field_limits") {
        let fields = fields.section(FIELDS)?;
        for (bound, key) in max_field_bytes.iter_mut().zip(FIELDS) {
            *bound = bytes(&fields, key.name, *bound)?;
        }
    }
    let mut timeouts = [2, 2, 5].map(Duration::from_secs);
    if let Some(values) = section.field("timeouts") {
        let values = values.section(TIMEOUTS)?;
        for (timeout, key) in timeouts.iter_mut().zip(TIMEOUTS) {
            *timeout = values.read(key.name, *timeout, Value::duration)?;
        }
    }
    let mut kinds = [true; 4];
    if let Some(values) = section.field("kinds") {
        let values = values.section(KINDS)?;
        for (allowed, key) in kinds.iter_mut().zip(KINDS) {
            *allowed = values.read(key.name, true, Value::boolean)?;
        }
    }
    let max_body_bytes = bytes(&section, "max_body_bytes", 1 << 20)?;
    let max_connections = section
        .read("connection_limit", 100, |n| n.count_in(1, 65_536).map(|n| usize::try_from(n).unwrap_or(usize::MAX)))?;
    let Some(listen) = listen else { return Ok(None) };
    if tokens.is_empty() {
        return Err(section
            .value()
            .incomplete("listen needs auth.bearer_tokens; add a long random one for each asker"));
    }
    let [read_timeout, write_timeout, scan_timeout] = timeouts;
    Ok(Some(ScanApi {
        listen,
        tokens,
        requests_per_minute,
        burst,
        max_body_bytes,
        max_field_bytes,
        read_timeout,
        write_timeout,
        scan_timeout,
        max_connections,
        kinds,
    }))
}

/// Tokens are not quoted in messages: these end up in logs.
fn tokens(list: &Value<'_>) -> Result<Vec<String>, Error> {
    let mut tokens: Vec<String> = Vec::new();
    for entry in list.list()? {
        let token = entry.text()?.trim();
        if token.is_empty() {
            return Err(entry.incomplete("is no token; write a long random one"));
        }
        if tokens.iter().any(|known| known == token) {
            return Err(entry.incomplete("stands in the list before; make a token of its own for each asker"));
        }
        tokens.push(token.to_owned());
    }
    Ok(tokens)
}

fn number(section: &Section<'_>, key: &str, default: u32) -> Result<u32, Error> {
    section.read(key, default, |n| n.count_in(1, 1_000_000).map(|n| u32::try_from(n).unwrap_or(u32::MAX)))
}

fn bytes(section: &Section<'_>, key: &str, default: usize) -> Result<usize, Error> {
    section.read(key, default, |n| n.count_in(1, 64 << 20).map(|n| usize::try_from(n).unwrap_or(usize::MAX)))
}
