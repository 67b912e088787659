//! `emit`: events for other systems, by HTTP, syslog and OTLP.

use std::time::Duration;

use http::Uri;

use super::error::Error;
use super::reader::{Section, Value};
use super::schema::{Key, Kind, POSITIVE};

const SEVERITY: Kind = Kind::Words(&["info", "warn", "critical"]);
/// Facilities by name, with their numbers (RFC 5424 §6.2.1).
const FACILITIES: [(&str, u8); 20] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

pub(super) const KEYS: &[Key] = &[
    Key::new("instance_id", Kind::Text, "", "What this gateway is called; the host's name."),
    Key::new("webhook", Kind::Map(WEBHOOK), "", "Events by HTTP, one post each."),
    Key::new("syslog", Kind::Map(SYSLOG), "", "Events by syslog (RFC 5424; over TCP with octet counts, RFC 6587)."),
    Key::new("otlp", Kind::Map(OTLP), "", "Events as OTLP log records, over HTTP in JSON."),
];

const WEBHOOK: &[Key] = &[
    Key::new("url", Kind::Text, "", "Where events are posted, http or https. Required."),
    Key::new("min_severity", SEVERITY, "warn", "From which severity on."),
    Key::new("auth_token", Kind::Text, "", "Sent as a bearer token."),
    Key::new("timeout_seconds", POSITIVE, "5", "For one post."),
    Key::new("queue_size", POSITIVE, "64", "Events that may wait; more are dropped and counted."),
];

const SYSLOG: &[Key] = &[
    Key::new("address", Kind::Text, "", "udp:// or tcp://, a host and a port. Required."),
    Key::new("min_severity", SEVERITY, "warn", "From which severity on."),
    Key::new("facility", Kind::Text, "local0", "The facility."),
    Key::new("tag", Kind::Text, "pipelock", "The application's name."),
];

const OTLP: &[Key] = &[
    Key::new("endpoint", Kind::Text, "", "The collector, http or https; /v1/logs is appended. Required."),
    Key::new("headers", Kind::Named(&Kind::Text), "", "Header fields for it."),
    Key::new("timeout_seconds", POSITIVE, "10", "For one post."),
    Key::new("min_severity", SEVERITY, "warn", "From which severity on."),
    Key::new("queue_size", POSITIVE, "256", "Events that may wait; more are dropped and counted."),
    Key::new("gzip", Kind::Bool, "false", "Whether posts are compressed."),
];

/// How loud an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Ordinary.
    Info,
    /// Something was found or refused.
    Warn,
    /// Somebody should look now.
    Critical,
}

const SEVERITIES: [(&str, Severity); 3] =
    [("info", Severity::Info), ("warn", Severity::Warn), ("critical", Severity::Critical)];

/// Where events go. A credential among header fields is not printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emit {
    /// What this gateway is called; the host's name when absent.
    pub instance_id: Option<String>,
    /// Events by HTTP.
    pub webhook: Option<Post>,
    /// Events by OTLP.
    pub otlp: Option<Post>,
    /// Whether OTLP posts are compressed.
    pub otlp_gzip: bool,
    /// Events by syslog.
    pub syslog: Option<Syslog>,
}

/// A receiver that is posted to.
#[derive(Clone, PartialEq, Eq)]
pub struct Post {
    /// Where to.
    pub url: Uri,
    /// From which severity on.
    pub min_severity: Severity,
    /// Header fields, the credential among them.
    pub headers: Vec<(String, String)>,
    /// For one post.
    pub timeout: Duration,
    /// Events that may wait.
    pub queue: usize,
}

impl std::fmt::Debug for Post {
    /// Never the header fields.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post")
            .field("url", &self.url)
            .field("min_severity", &self.min_severity)
            .field("headers", &self.headers.len())
            .field("timeout", &self.timeout)
            .field("queue", &self.queue)
            .finish()
    }
}

/// A syslog receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syslog {
    /// Whether over TCP, else UDP.
    pub tcp: bool,
    /// Host and port.
    pub address: String,
    /// From which severity on.
    pub min_severity: Severity,
    /// Number of the facility.
    pub facility: u8,
    /// The application's name.
    pub tag: String,
}

impl Emit {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let mut emit = Self {
            instance_id: section.read("instance_id", None, |id| id.text().map(|id| Some(id.to_owned())))?,
            ..Self::default()
        };
        if let Some(webhook) = section.field("webhook").filter(|webhook| !webhook.is_null()) {
            let section = webhook.section(WEBHOOK)?;
            let token = section.read("auth_token", None, |token| token.text().map(Some))?;
            let headers = token.map(|token| vec![("authorization".to_owned(), format!("Bearer {token}"))]);
            emit.webhook = post(&section, "url", headers.unwrap_or_default(), (5, 64))?;
        }
        if let Some(otlp) = section.field("otlp").filter(|otlp| !otlp.is_null()) {
            let section = otlp.section(OTLP)?;
            let headers = section.read("headers", Vec::new(), |headers| {
                let entries = headers.entries()?.into_iter();
                entries.map(|(name, value)| value.text().map(|text| (name.to_owned(), text.to_owned()))).collect()
            })?;
            if let Some(mut post) = post(&section, "endpoint", headers, (10, 256))? {
                let path = post.url.path().trim_end_matches('/');
                let authority = post.url.authority().map_or("", |authority| authority.as_str());
                let url = format!("{}://{authority}{path}/v1/logs", post.url.scheme_str().unwrap_or("http"));
                post.url = url.parse().map_err(|_| otlp.incomplete("endpoint is no URL"))?;
                emit.otlp = Some(post);
            }
            emit.otlp_gzip = section.read("gzip", false, Value::boolean)?;
        }
        if let Some(syslog) = section.field("syslog").filter(|syslog| !syslog.is_null()) {
            emit.syslog = read_syslog(&syslog)?;
        }
        Ok(emit)
    }
}

/// A receiver; `None`, with a warning, where it has no address: the rest of the section is checked all the same.
fn post(
    section: &Section<'_>,
    key: &str,
    headers: Vec<(String, String)>,
    defaults: (u64, u64),
) -> Result<Option<Post>, Error> {
    let min_severity = section.read("min_severity", Severity::Warn, |severity| severity.choice(&SEVERITIES))?;
    let timeout = Duration::from_secs(section.read("timeout_seconds", defaults.0, |n| n.count_in(1, 300))?);
    let queue = section.read("queue_size", defaults.1, |n| n.count_in(1, 1 << 20))?;
    let queue = usize::try_from(queue).unwrap_or(usize::MAX);
    let strange = |text: &str| text.contains(['\r', '\n', '\0']);
    if headers
        .iter()
        .any(|(name, value)| strange(value) || name.is_empty() || name.contains([':', ' ']) || strange(name))
    {
        return Err(section.value().incomplete("has a header field or a token that is not one line"));
    }
    let Some(address) = section.field(key) else {
        section.value().warn(format!("no events are sent: {key} is missing"));
        return Ok(None);
    };
    let url: Uri = address
        .text()?
        .parse()
        .map_err(|_| address.refuse("is no URL; write for example https://siem.example.com/in"))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none_or(str::is_empty) {
        return Err(address.refuse("is no http or https URL with a host"));
    }
    Ok(Some(Post { url, min_severity, headers, timeout, queue }))
}

/// A receiver; `None`, with a warning, where it has no address.
fn read_syslog(value: &Value<'_>) -> Result<Option<Syslog>, Error> {
    let section = value.section(SYSLOG)?;
    let min_severity = section.read("min_severity", Severity::Warn, |severity| severity.choice(&SEVERITIES))?;
    let facility = section.read("facility", 16, |facility| facility.choice(&FACILITIES))?;
    let tag = section.read("tag", "pipelock", Value::text)?;
    let printable = |c: char| c.is_ascii_graphic();
    if tag.is_empty() || tag.len() > 48 || !tag.chars().all(printable) {
        return Err(value.incomplete("has a tag that is not 1 to 48 printable letters without blanks"));
    }
    let Some(address) = section.field("address") else {
        value.warn("no events are sent: address is missing");
        return Ok(None);
    };
    let text = address.text()?;
    let (tcp, rest) = match (text.strip_prefix("tcp://"), text.strip_prefix("udp://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err(address.refuse("does not begin with udp:// or tcp://")),
    };
    let has_port = rest.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !has_port {
        return Err(address.refuse("names no host with a port; write for example udp://logs.example.com:514"));
    }
    Ok(Some(Syslog { tcp, address: rest.to_owned(), min_severity, facility, tag: tag.to_owned() }))
}
