//! Events by HTTP/1.1, one post each: a webhook, or a collector that speaks OTLP (JSON encoding of its protobuf, as the OTLP
//! specification has it).
//!
//! One connection a post: at the severities that are worth telling there are few, and a connection that is kept would have to be
//! watched. Blocking, on the receiver's own thread, with a deadline for the whole exchange. The answer's body is not read.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use http::Uri;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;
use serde_json::{Value, json};

use super::{Event, Receiver, Severity};

/// How often a collector that is busy is asked again (OTLP, "Retryable response codes").
const ATTEMPTS: u32 = 4;
/// Between the first attempts; doubles.
const PAUSE: Duration = Duration::from_millis(200);
/// A status line is shorter.
const MAX_HEAD: usize = 4096;

/// What is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The envelope of the reference.
    Webhook,
    /// An `ExportLogsServiceRequest` with one record.
    Otlp {
        /// Whether it is compressed.
        gzip: bool,
    },
}

/// A receiver that is posted to.
#[derive(Clone)]
pub struct PostOptions {
    /// Where to; http or https with a host.
    pub url: Uri,
    /// What.
    pub shape: Shape,
    /// Header fields, a credential among them.
    pub headers: Vec<(String, String)>,
    /// For one post.
    pub timeout: Duration,
    /// From which severity on.
    pub min_severity: Severity,
    /// Events that may wait.
    pub queue: usize,
    /// How a receiver by https is verified.
    pub tls: Arc<ClientConfig>,
}

impl std::fmt::Debug for PostOptions {
    /// Never the header fields.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostOptions").field("url", &self.url).field("shape", &self.shape).finish_non_exhaustive()
    }
}

pub(super) struct Poster {
    options: PostOptions,
    instance: Arc<str>,
}

impl Poster {
    pub(super) fn new(options: PostOptions, instance: Arc<str>) -> Self {
        Self { options, instance }
    }

    fn body(&self, event: &Event) -> io::Result<Vec<u8>> {
        match self.options.shape {
            Shape::Webhook => Ok(event.envelope(&self.instance).into_bytes()),
            Shape::Otlp { gzip } => {
                let body = otlp(event, &self.instance).to_string().into_bytes();
                if !gzip {
                    return Ok(body);
                }
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(&body)?;
                encoder.finish()
            }
        }
    }

    fn request(&self, body: &[u8]) -> Vec<u8> {
        let url = &self.options.url;
        let path = url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let host = url.authority().map_or("", |authority| authority.as_str().rsplit('@').next().unwrap_or_default());
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n",
            body.len()
        );
        if self.options.shape == (Shape::Otlp { gzip: true }) {
            head.push_str("content-encoding: gzip\r\n");
        }
        for (name, value) in &self.options.headers {
            head.extend([name.as_str(), ": ", value.as_str(), "\r\n"]);
        }
        [head.as_bytes(), b"\r\n", body].concat()
    }

    fn post(&self, request: &[u8]) -> io::Result<u16> {
        let deadline = Instant::now() + self.options.timeout;
        let url = &self.options.url;
        let https = url.scheme_str() == Some("https");
        let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = url.port_u16().unwrap_or(if https { 443 } else { 80 });
        let mut error = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, left(deadline)?) {
                Ok(stream) => {
                    let stream = Bounded { stream, deadline };
                    if !https {
                        return exchange(stream, request);
                    }
                    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                    let tls = ClientConnection::new(Arc::clone(&self.options.tls), name).map_err(io::Error::other)?;
                    return exchange(StreamOwned::new(tls, stream), request);
                }
                Err(failed) => error = failed,
            }
        }
        Err(error)
    }
}

impl Receiver for Poster {
    fn name(&self) -> &'static str {
        match self.options.shape {
            Shape::Webhook => "webhook",
            Shape::Otlp { .. } => "otlp",
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a collector that is busy asks for a pause; there is no event to wait for"
    )]
    fn send(&mut self, event: &Event) -> Result<(), String> {
        let body = self.body(event).map_err(|error| error.to_string())?;
        let request = self.request(&body);
        let attempts = if self.options.shape == Shape::Webhook { 1 } else { ATTEMPTS };
        let mut pause = PAUSE;
        for attempt in 1..=attempts {
            match self.post(&request) {
                Ok(200..=299) => return Ok(()),
                Ok(429 | 502 | 503 | 504) if attempt < attempts => std::thread::sleep(pause),
                Ok(status) => return Err(format!("answered {status}")),
                Err(error) => return Err(error.to_string()),
            }
            pause *= 2;
        }
        Err("busy".to_owned())
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// A socket whose every step ends at one deadline.
struct Bounded {
    stream: TcpStream,
    deadline: Instant,
}

impl Read for Bounded {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.deadline)?))?;
        self.stream.read(bytes)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.deadline)?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Sends a request and returns the status.
fn exchange(mut stream: impl Read + Write, request: &[u8]) -> io::Result<u16> {
    stream.write_all(request)?;
    stream.flush()?;
    let mut head = Vec::new();
    let mut chunk = [0; 512];
    while !head.contains(&b'\n') && head.len() < MAX_HEAD {
        match stream.read(&mut chunk)? {
            0 => break,
            n => head.extend_from_slice(chunk.get(..n).unwrap_or_default()),
        }
    }
    let line = String::from_utf8_lossy(&head);
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|digits| digits.parse().ok());
    status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no HTTP/1 answer"))
}

/// One log record in OTLP's JSON encoding: camel-case names, 64-bit numbers as text (OTLP 1.x, "JSON Protobuf Encoding").
fn otlp(event: &Event, instance: &str) -> Value {
    // SeverityNumber of the logs data model: INFO 9, WARN 13, FATAL 21.
    let number = match event.severity {
        Severity::Info => 9,
        Severity::Warn => 13,
        Severity::Critical => 21,
    };
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let fields = event.fields.as_object().into_iter().flatten();
    let attributes: Vec<Value> = fields
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| match value {
            Value::String(value) => text(key, value),
            Value::Bool(value) => json!({"key": key, "value": {"boolValue": value}}),
            Value::Number(value) if value.is_u64() || value.is_i64() => {
                json!({"key": key, "value": {"intValue": value.to_string()}})
            }
            other => text(key, &other.to_string()),
        })
        .collect();
    let nanoseconds = event.time.as_nanosecond().to_string();
    json!({"resourceLogs": [{
        "resource": {"attributes": [text("service.name", "pipelock"), text("service.instance.id", instance)]},
        "scopeLogs": [{"scope": {"name": "pipelock"}, "logRecords": [{
            "timeUnixNano": nanoseconds,
            "observedTimeUnixNano": nanoseconds,
            "severityNumber": number,
            "severityText": event.severity.as_str(),
            "eventName": event.kind,
            "body": {"stringValue": event.kind},
            "attributes": attributes,
        }]}],
    }]})
}
