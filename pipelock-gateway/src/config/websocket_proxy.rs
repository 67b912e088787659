//! `websocket_proxy`: what holds for WebSocket connections.
//!
//! In the reference this is a front door of its own that must be switched on. Here every WebSocket of a captured process comes
//! by, so that nothing needs to be switched on; `enabled: false` means that none may pass.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::error::Error;
use super::reader::Value;
use super::schema::{Key, Kind, POSITIVE};

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Bool,
        "true",
        "false refuses every WebSocket. The reference's default is false: there it is a front door of its own.",
    ),
    Key::new(
        "max_message_bytes",
        Kind::Count(1024, 67_108_864),
        "1048576",
        "Largest message, all fragments together; a larger one closes the connection (1009).",
    ),
    Key::new(
        "allow_binary_frames",
        Kind::Bool,
        "true",
        "Whether messages of bytes pass, judged like text. The reference's default is false.",
    ),
    Key::new(
        "idle_timeout_seconds",
        SECONDS,
        "3600",
        "How long neither side may say anything; then the connection is closed (1001). In the reference 300.",
    ),
    Key::new("max_connection_seconds", SECONDS, "", "How long a connection may last. In the reference 3600."),
    Key::new("max_concurrent_connections", POSITIVE, "128", "Connections at once.")
        .not_yet("they count among all connections"),
    Key::new("scan_text_frames", Kind::Bool, "true", "Whether text is scanned.").not_yet("it always is"),
    Key::new("strip_compression", Kind::Bool, "true", "Compression cannot be left on.")
        .never("extensions are never negotiated"),
    Key::new("origin_policy", Kind::Words(&["rewrite", "forward", "strip"]), "forward", "What becomes of Origin.")
        .never("the handshake goes on as the program sent it"),
    Key::new("forward_cookies", Kind::Bool, "true", "Whether cookies pass.")
        .never("the handshake goes on as the program sent it"),
];

/// Up to a week.
const SECONDS: Kind = Kind::Count(1, 604_800);

/// A message is held until it is judged, so this is memory that each connection may take.
const MESSAGE_BYTES: std::ops::RangeInclusive<u64> = 1024..=67_108_864;

/// WebSocket connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebSocketProxy {
    /// Whether they may be opened at all.
    pub enabled: bool,
    /// Bytes of one message.
    pub max_message_bytes: NonZeroUsize,
    /// Whether messages of bytes pass, judged like text.
    pub allow_binary_frames: bool,
    /// How long neither side may send anything.
    pub idle_timeout: Duration,
    /// How long a connection may last, if that is bounded.
    pub max_connection: Option<Duration>,
}

impl Default for WebSocketProxy {
    fn default() -> Self {
        Self {
            enabled: true,
            max_message_bytes: NonZeroUsize::MIN.saturating_add((1 << 20) - 1),
            allow_binary_frames: true,
            idle_timeout: Duration::from_hours(1),
            max_connection: None,
        }
    }
}

impl WebSocketProxy {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let default = Self::default();
        Ok(Self {
            enabled: section.read("enabled", default.enabled, Value::boolean)?,
            max_message_bytes: section.read("max_message_bytes", default.max_message_bytes, read_bytes)?,
            allow_binary_frames: section.read("allow_binary_frames", default.allow_binary_frames, Value::boolean)?,
            idle_timeout: section.read("idle_timeout_seconds", default.idle_timeout, read_seconds)?,
            max_connection: section.read("max_connection_seconds", None, |value| read_seconds(value).map(Some))?,
        })
    }
}

fn read_bytes(value: &Value<'_>) -> Result<NonZeroUsize, Error> {
    let (least, most) = MESSAGE_BYTES.into_inner();
    let bytes = value.count()?;
    let size = usize::try_from(bytes).ok().and_then(NonZeroUsize::new).filter(|_| MESSAGE_BYTES.contains(&bytes));
    size.ok_or_else(|| value.refuse(format!("is no size for a message; write a number from {least} to {most}")))
}

fn read_seconds(value: &Value<'_>) -> Result<Duration, Error> {
    match value.count()? {
        seconds @ 1..=604_800 => Ok(Duration::from_secs(seconds)),
        _ => Err(value.refuse("is no time limit; write a number of seconds from 1 to 604800 (a week)")),
    }
}
