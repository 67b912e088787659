//! `cross_request_detection`: secrets that leave in pieces, one request each.
//!
//! Unlike the reference it is on unless switched off: looking for pieces costs microseconds a request here.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::error::Error;
use super::reader::Value;
use super::schema::{ABOVE_ZERO, HOSTS, Key, Kind, POSITIVE, WARN_BLOCK};

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Bool,
        "true",
        "Whether pieces of secrets that leave one request each are put together. The reference's default is false.",
    ),
    Key::new("action", WARN_BLOCK, "block", "What becomes of the request that completes one."),
    Key::new("fragment_reassembly", Kind::Map(REASSEMBLY), "", "How pieces are kept."),
    Key::new("entropy_budget", Kind::Map(ENTROPY), "", "A budget of random bits a workload may send.")
        .not_yet("pieces are judged by what they give together, not by how random they are"),
];

const REASSEMBLY: &[Key] = &[
    Key::new("enabled", Kind::Bool, "true", "Whether pieces are kept at all."),
    Key::new("max_buffer_bytes", Kind::Count(4096, 65_536), "65536", "Bytes kept of what one workload sent."),
    Key::new("window_minutes", Kind::Count(1, 1440), "5", "How long a piece is kept."),
];

const ENTROPY: &[Key] = &[
    Key::new("enabled", Kind::Bool, "false", "Whether bits are counted."),
    Key::new("bits_per_window", ABOVE_ZERO, "4096", "The budget."),
    Key::new("window_minutes", POSITIVE, "5", "How long bits count."),
    Key::new("action", WARN_BLOCK, "warn", "What happens beyond it."),
    Key::new("exempt_domains", HOSTS, "[]", "Hosts to which bits do not count."),
];

/// Less would not hold one long key in pieces; more is more than the scanner holds of any stream.
const BUFFER_BYTES: std::ops::RangeInclusive<u64> = 4096..=65_536;

/// Looking for secrets in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrossRequest {
    /// Whether pieces are kept and put together.
    pub enabled: bool,
    /// `action: warn`: what is found is reported and never enforced.
    pub warn_only: bool,
    /// Bytes kept of what one workload sent.
    pub max_buffer_bytes: NonZeroUsize,
    /// How long a piece is kept.
    pub window: Duration,
}

impl Default for CrossRequest {
    fn default() -> Self {
        let max_buffer_bytes = NonZeroUsize::MIN.saturating_add(65_535);
        Self { enabled: true, warn_only: false, max_buffer_bytes, window: Duration::from_mins(5) }
    }
}

impl CrossRequest {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let mut read = Self {
            enabled: section.read("enabled", true, Value::boolean)?,
            warn_only: section.read("action", false, |action| action.choice(&[("block", false), ("warn", true)]))?,
            ..Self::default()
        };
        if let Some(value) = section.field("fragment_reassembly") {
            let section = value.section(REASSEMBLY)?;
            read.enabled &= section.read("enabled", true, Value::boolean)?;
            read.max_buffer_bytes = section.read("max_buffer_bytes", read.max_buffer_bytes, read_bytes)?;
            read.window = section.read("window_minutes", read.window, read_minutes)?;
        }
        Ok(read)
    }
}

fn read_bytes(value: &Value<'_>) -> Result<NonZeroUsize, Error> {
    let (least, most) = BUFFER_BYTES.into_inner();
    let bytes = value.count()?;
    let size = usize::try_from(bytes).ok().and_then(NonZeroUsize::new).filter(|_| BUFFER_BYTES.contains(&bytes));
    size.ok_or_else(|| value.refuse(format!("is no size for the buffer; write a number from {least} to {most}")))
}

fn read_minutes(value: &Value<'_>) -> Result<Duration, Error> {
    match value.count()? {
        minutes @ 1..=1440 => Ok(Duration::from_mins(minutes)),
        _ => Err(value.refuse("is no length for the window; write a number of minutes from 1 to 1440")),
    }
}
