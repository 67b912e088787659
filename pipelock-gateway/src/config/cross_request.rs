//! `cross_request_detection`: secrets that leave in pieces, one request each.
//!
//! Unlike the reference it is on unless switched off: looking for pieces costs microseconds a request here.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::error::Error;
use super::reader::{Keys, Value};

const KEYS: Keys =
    Keys { read: &["enabled", "action", "fragment_reassembly"], not_yet: &["entropy_budget"], no_effect: &[] };

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
        let section = value.section(&KEYS)?;
        let mut read = Self {
            enabled: section.read("enabled", true, Value::boolean)?,
            warn_only: section.read("action", false, |action| action.choice(&[("block", false), ("warn", true)]))?,
            ..Self::default()
        };
        if let Some(value) = section.field("fragment_reassembly") {
            let section = value.section(&Keys::all(&["enabled", "max_buffer_bytes", "window_minutes"]))?;
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
