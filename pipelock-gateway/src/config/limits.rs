//! `limits`: bounds and patience of the whole gateway, in one place. A section of ours (gateway.md §11).

use std::time::Duration;

use super::error::Error;
use super::reader::{Section, Value};
use super::schema::{Key, Kind};

/// More connections than a machine has descriptors for.
const MAX_CONNECTIONS: u64 = 1 << 20;
/// More bytes than any limit makes sense for.
const MAX_BYTES: u64 = 1 << 40;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "connections",
        Kind::Count(1, MAX_CONNECTIONS),
        "16384",
        "Captured connections at once; one more is reset.",
    ),
    Key::new(
        "connections_per_workload",
        Kind::Count(1, MAX_CONNECTIONS),
        "2048",
        "Those of one workload, which is a cgroup.",
    ),
    Key::new(
        "proxy_connections",
        Kind::Count(2, MAX_CONNECTIONS),
        "1024",
        "Connections to the explicit proxy port at once. Takes a restart.",
    ),
    Key::new(
        "proxy_tunnels",
        Kind::Count(1, MAX_CONNECTIONS),
        "960",
        "Tunnels and requests in absolute form at once; fewer than its connections, so that probes are still answered. Takes a restart.",
    ),
    Key::new(
        "reserved_descriptors",
        Kind::Count(0, 4096),
        "64",
        "Descriptors of the process that captured connections leave free, each of which takes two. Takes a restart.",
    ),
    Key::new("tls_handshakes", Kind::Count(1, MAX_CONNECTIONS), "512", "TLS handshakes at once; one more is reset."),
    Key::new(
        "new_certificates_per_second",
        Kind::Count(1, 100_000),
        "200",
        "Leaves minted for one workload a second; a connection that needs one more is reset.",
    ),
    Key::new("new_certificates_at_once", Kind::Count(1, 100_000), "1000", "The same at once, after a pause."),
    Key::new(
        "streams_per_connection",
        Kind::Count(1, 10_000),
        "200",
        "HTTP/2 requests open at once on one connection.",
    ),
    Key::new(
        "cancelled_requests_per_minute",
        Kind::Count(1, 1_000_000),
        "600",
        "HTTP/2 requests of one connection that its workload may reset before they are answered; one more ends it, however slowly they came.",
    ),
    Key::new(
        "head_bytes",
        Kind::Count(8192, 1 << 20),
        "65536",
        "Size of a request head, and of an answer's; a larger one is answered 431.",
    ),
    Key::new("head_fields", Kind::Count(16, 1000), "128", "Header fields in it (HTTP/1)."),
    Key::new(
        "held_bytes",
        Kind::Count(1 << 20, MAX_BYTES),
        "268435456",
        "Bytes of bodies held at once, over all connections. Takes a restart.",
    ),
    Key::new(
        "held_patience",
        Kind::Duration,
        "10s",
        "How long a body waits for room among them before it is answered 503.",
    ),
    Key::new(
        "streamed_body_bytes",
        Kind::Count(1, MAX_BYTES),
        "67108864",
        "Largest request body; what is beyond `request_body_scanning.max_body_bytes` is judged on its way.",
    ),
    Key::new(
        "decoded_bytes",
        Kind::Count(1, MAX_BYTES),
        "52428800",
        "Bytes that a compressed request body may become.",
    ),
    Key::new(
        "decode_ratio",
        Kind::Count(1, 100_000),
        "100",
        "Decoded bytes for each byte received, beyond the first MiB; of answers, too.",
    ),
    Key::new(
        "multipart_parts",
        Kind::Count(1, 1_000_000),
        "1000",
        "Parts of a multipart request body, those of parts included.",
    ),
    Key::new("connect_timeout", Kind::Duration, "10s", "For a TCP connection to an upstream."),
    Key::new("greeting_timeout", Kind::Duration, "30s", "For the first words of a connection, once they have begun."),
    Key::new(
        "silence_timeout",
        Kind::Duration,
        "10m",
        "How long a connection may stay without a word from either side.",
    ),
    Key::new("handshake_timeout", Kind::Duration, "10s", "For TLS, each side."),
    Key::new("head_timeout", Kind::Duration, "15s", "For an HTTP/1 request head, from its first byte."),
    Key::new("body_pause_timeout", Kind::Duration, "30s", "How long a request body may pause; gRPC may for ever."),
    Key::new(
        "body_bytes_per_second",
        Kind::Count(0, 1 << 30),
        "1024",
        "What a request body must come to on average, once it has taken `slow_body_after`; 0 for any.",
    ),
    Key::new("slow_body_after", Kind::Duration, "1m", "When that begins to be asked."),
    Key::new(
        "response_timeout",
        Kind::Duration,
        "10m",
        "How long an upstream may think before the head of its answer; language models take minutes.",
    ),
    Key::new(
        "keepalive_timeout",
        Kind::Duration,
        "75s",
        "How long an HTTP/1 connection may wait for its next request.",
    ),
    Key::new(
        "stream_idle_timeout",
        Kind::Duration,
        "10m",
        "How long nothing may move on an opened connection, streams of events included; not shorter than `response_timeout`. An HTTP/2 connection without requests is ended in an orderly way.",
    ),
    Key::new(
        "relay_idle_timeout",
        Kind::Duration,
        "10m",
        "How long a connection that is relayed unopened may be silent.",
    ),
];

/// Bounds and patience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Captured connections at once.
    pub connections: usize,
    /// Those of one workload.
    pub connections_per_workload: usize,
    /// Connections to the explicit proxy port.
    pub proxy_connections: usize,
    /// Tunnels through it.
    pub proxy_tunnels: usize,
    /// Descriptors that captured connections leave free.
    pub reserved_descriptors: usize,
    /// TLS handshakes at once.
    pub tls_handshakes: usize,
    /// Leaves for one workload a second.
    pub new_certificates_per_second: u32,
    /// And at once.
    pub new_certificates_at_once: u32,
    /// HTTP/2 requests at once on one connection.
    pub streams_per_connection: u32,
    /// HTTP/2 requests that a workload may reset within a minute.
    pub cancelled_requests_per_minute: u32,
    /// Bytes of a head.
    pub head_bytes: usize,
    /// Fields of an HTTP/1 head.
    pub head_fields: usize,
    /// Bytes of bodies held at once.
    pub held_bytes: usize,
    /// How long a body waits for room among them.
    pub held_patience: Duration,
    /// Largest request body.
    pub streamed_body_bytes: u64,
    /// Bytes that a request body may decode to.
    pub decoded_bytes: u64,
    /// Decoded bytes for each byte received.
    pub decode_ratio: u64,
    /// Parts of a multipart body.
    pub multipart_parts: usize,
    /// For TCP to an upstream.
    pub connect_timeout: Duration,
    /// For the first words once they have begun.
    pub greeting_timeout: Duration,
    /// Before any word.
    pub silence_timeout: Duration,
    /// For TLS, each side.
    pub handshake_timeout: Duration,
    /// For a request head.
    pub head_timeout: Duration,
    /// Between two pieces of a request body.
    pub body_pause_timeout: Duration,
    /// Average rate of a request body.
    pub body_bytes_per_second: u32,
    /// From when it is asked for.
    pub slow_body_after: Duration,
    /// Before the head of an answer.
    pub response_timeout: Duration,
    /// Before the next request.
    pub keepalive_timeout: Duration,
    /// On an opened connection.
    pub stream_idle_timeout: Duration,
    /// On a relayed connection.
    pub relay_idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            connections_per_workload: 2_048,
            proxy_connections: 1_024,
            proxy_tunnels: 960,
            reserved_descriptors: 64,
            tls_handshakes: 512,
            new_certificates_per_second: 200,
            new_certificates_at_once: 1_000,
            streams_per_connection: 200,
            cancelled_requests_per_minute: 600,
            head_bytes: 64 << 10,
            head_fields: 128,
            held_bytes: 256 << 20,
            held_patience: Duration::from_secs(10),
            streamed_body_bytes: 64 << 20,
            decoded_bytes: 50 << 20,
            decode_ratio: 100,
            multipart_parts: 1_000,
            connect_timeout: Duration::from_secs(10),
            greeting_timeout: Duration::from_secs(30),
            silence_timeout: Duration::from_mins(10),
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(15),
            body_pause_timeout: Duration::from_secs(30),
            body_bytes_per_second: 1_024,
            slow_body_after: Duration::from_mins(1),
            response_timeout: Duration::from_mins(10),
            keepalive_timeout: Duration::from_secs(75),
            stream_idle_timeout: Duration::from_mins(10),
            relay_idle_timeout: Duration::from_mins(10),
        }
    }
}

impl Limits {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let default = Self::default();
        let time = |key, default| section.read(key, default, Value::duration);
        let limits = Self {
            connections: count(&section, "connections", default.connections)?,
            connections_per_workload: count(&section, "connections_per_workload", default.connections_per_workload)?,
            proxy_connections: count(&section, "proxy_connections", default.proxy_connections)?,
            proxy_tunnels: count(&section, "proxy_tunnels", default.proxy_tunnels)?,
            reserved_descriptors: count(&section, "reserved_descriptors", default.reserved_descriptors)?,
            tls_handshakes: count(&section, "tls_handshakes", default.tls_handshakes)?,
            new_certificates_per_second: count(
                &section,
                "new_certificates_per_second",
                default.new_certificates_per_second,
            )?,
            new_certificates_at_once: count(&section, "new_certificates_at_once", default.new_certificates_at_once)?,
            streams_per_connection: count(&section, "streams_per_connection", default.streams_per_connection)?,
            cancelled_requests_per_minute: count(
                &section,
                "cancelled_requests_per_minute",
                default.cancelled_requests_per_minute,
            )?,
            head_bytes: count(&section, "head_bytes", default.head_bytes)?,
            head_fields: count(&section, "head_fields", default.head_fields)?,
            held_bytes: count(&section, "held_bytes", default.held_bytes)?,
            held_patience: time("held_patience", default.held_patience)?,
            streamed_body_bytes: count(&section, "streamed_body_bytes", default.streamed_body_bytes)?,
            decoded_bytes: count(&section, "decoded_bytes", default.decoded_bytes)?,
            decode_ratio: count(&section, "decode_ratio", default.decode_ratio)?,
            multipart_parts: count(&section, "multipart_parts", default.multipart_parts)?,
            connect_timeout: time("connect_timeout", default.connect_timeout)?,
            greeting_timeout: time("greeting_timeout", default.greeting_timeout)?,
            silence_timeout: time("silence_timeout", default.silence_timeout)?,
            handshake_timeout: time("handshake_timeout", default.handshake_timeout)?,
            head_timeout: time("head_timeout", default.head_timeout)?,
            body_pause_timeout: time("body_pause_timeout", default.body_pause_timeout)?,
            body_bytes_per_second: count(&section, "body_bytes_per_second", default.body_bytes_per_second)?,
            slow_body_after: time("slow_body_after", default.slow_body_after)?,
            response_timeout: time("response_timeout", default.response_timeout)?,
            keepalive_timeout: time("keepalive_timeout", default.keepalive_timeout)?,
            stream_idle_timeout: time("stream_idle_timeout", default.stream_idle_timeout)?,
            relay_idle_timeout: time("relay_idle_timeout", default.relay_idle_timeout)?,
        };
        if limits.proxy_tunnels >= limits.proxy_connections
            && let Some(value) = section.field("proxy_tunnels").or(section.field("proxy_connections"))
        {
            let most = limits.proxy_connections.saturating_sub(1);
            return Err(value.incomplete(format!(
                "proxy_tunnels would leave no connection for probes; let it be at most {most}, or raise proxy_connections"
            )));
        }
        Ok(limits)
    }
}

/// A number within the bounds that the table of keys has.
fn count<T: TryFrom<u64>>(section: &Section<'_>, name: &str, default: T) -> Result<T, Error> {
    let bounds = KEYS.iter().find(|key| key.name == name).map(|key| key.kind);
    let (least, most) = if let Some(Kind::Count(least, most)) = bounds { (least, most) } else { (1, u64::MAX) };
    section.read(name, default, |value| {
        let number = value.count_in(least, most)?;
        T::try_from(number).map_err(|_| value.refuse("is more than this machine can count"))
    })
}
