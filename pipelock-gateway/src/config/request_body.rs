//! `request_body_scanning`: what becomes of what is found in bodies and header fields of requests.

use super::error::Error;
use super::reader::Value;
use super::schema::{Key, Kind, TEXTS, WARN_BLOCK};

const ALL_HEADERS: &str = "all fields are scanned; a credential in its own provider's field is no finding";

pub(super) const KEYS: &[Key] = &[
    Key::new("enabled", Kind::Bool, "true", "Whether bodies are scanned. What is switched off leaves unjudged."),
    Key::new(
        "action",
        WARN_BLOCK,
        "",
        "`warn`: what is found in bodies and header fields is reported and passes. `block`, and without the key: the mode decides by severity. The reference's default is warn.",
    ),
    Key::new(
        "max_body_bytes",
        Kind::Count(1, 1 << 30),
        "5242880",
        "A larger body cannot be judged and is refused, outside of mode audit.",
    ),
    Key::new("scan_headers", Kind::Bool, "true", "Whether header fields are scanned."),
    Key::new("header_mode", Kind::Words(&["sensitive", "all"]), "all", "Which fields.").not_yet(ALL_HEADERS),
    Key::new("sensitive_headers", TEXTS, "[]", "Those of mode sensitive.").not_yet(ALL_HEADERS),
    Key::new("ignore_headers", TEXTS, "[]", "Those left out of mode all.").not_yet(ALL_HEADERS),
];

/// How bodies and header fields are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestBodyScanning {
    /// Whether bodies are scanned.
    pub enabled: bool,
    /// Whether header fields are.
    pub scan_headers: bool,
    /// `action: warn`: what is found is reported and passes.
    pub warn_only: bool,
    /// Largest body that is judged.
    pub max_body_bytes: usize,
}

impl Default for RequestBodyScanning {
    fn default() -> Self {
        Self { enabled: true, scan_headers: true, warn_only: false, max_body_bytes: 5 << 20 }
    }
}

impl RequestBodyScanning {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let default = Self::default();
        Ok(Self {
            enabled: section.read("enabled", true, Value::boolean)?,
            scan_headers: section.read("scan_headers", true, Value::boolean)?,
            warn_only: section.read("action", false, |action| action.choice(&[("warn", true), ("block", false)]))?,
            max_body_bytes: section.read("max_body_bytes", default.max_body_bytes, |n| {
                n.count_in(1, 1 << 30).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
            })?,
        })
    }
}
