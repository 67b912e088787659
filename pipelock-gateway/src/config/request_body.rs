//! `request_body_scanning`: what becomes of what is found in bodies and header fields of requests.

use super::error::Error;
use super::reader::Value;
use super::schema::{Key, Kind, TEXTS};

const ALL_HEADERS: &str = "all fields are scanned; a credential in its own provider's field is no finding";

pub(super) const KEYS: &[Key] = &[
    Key::new("enabled", Kind::Bool, "true", "Whether bodies are scanned. What is switched off leaves unjudged."),
    Key::new(
        "action",
        Kind::Words(&["warn", "block", "redact"]),
        "",
        "`warn`: what is found in bodies and header fields is reported and passes. `block`, and without the key: the mode decides by severity. `redact`: what would be warned of or refused in a body is replaced by `<pl:RULE:N>`, and the request refused only where that is not possible: on streams, for canary tokens, for what is found in a header field; a key of ours. The reference's default is warn.",
    ),
    Key::new(
        "max_body_bytes",
        Kind::Count(1, 1 << 30),
        "5242880",
        "So much of a body is held until it is judged. A larger one is judged while it goes on, up to 64 MiB, and is broken off before its end where something is found; beyond 64 MiB, or beyond this where this is more, it is refused outside of mode audit.",
    ),
    Key::new("scan_headers", Kind::Bool, "true", "Whether header fields are scanned."),
    Key::new("header_mode", Kind::Words(&["sensitive", "all"]), "all", "Which fields.").not_yet(ALL_HEADERS),
    Key::new("sensitive_headers", TEXTS, "[]", "Those of mode sensitive.").not_yet(ALL_HEADERS),
    Key::new("ignore_headers", TEXTS, "[]", "Those left out of mode all.").not_yet(ALL_HEADERS),
];

/// What becomes of a secret in a body or header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSecret {
    /// The mode decides by severity.
    ByMode,
    /// It is reported and passes.
    Warn,
    /// It is replaced in bodies; elsewhere the mode decides.
    Redact,
}

/// How bodies and header fields are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestBodyScanning {
    /// Whether bodies are scanned.
    pub enabled: bool,
    /// Whether header fields are.
    pub scan_headers: bool,
    /// What becomes of what is found.
    pub on_secret: OnSecret,
    /// Largest body that is judged.
    pub max_body_bytes: usize,
}

impl Default for RequestBodyScanning {
    fn default() -> Self {
        Self { enabled: true, scan_headers: true, on_secret: OnSecret::ByMode, max_body_bytes: 5 << 20 }
    }
}

impl RequestBodyScanning {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let default = Self::default();
        Ok(Self {
            enabled: section.read("enabled", true, Value::boolean)?,
            scan_headers: section.read("scan_headers", true, Value::boolean)?,
            on_secret: section.read("action", OnSecret::ByMode, |action| {
                action.choice(&[("warn", OnSecret::Warn), ("block", OnSecret::ByMode), ("redact", OnSecret::Redact)])
            })?,
            max_body_bytes: section.read("max_body_bytes", default.max_body_bytes, |n| {
                n.count_in(1, 1 << 30).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
            })?,
        })
    }
}
