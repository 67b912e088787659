//! `flight_recorder`: signed receipts of every decision.

use std::path::PathBuf;

use super::error::Error;
use super::reader::Value;
use super::schema::{COUNT, Key, Kind, POSITIVE};

const NO_CONTENT: &str = "receipts never hold content";
const ALL_SIGNED: &str = "every receipt is signed";

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Bool,
        "false",
        "Whether receipts are written; needs `dir` and `signing_key_path`, and does nothing without.",
    ),
    Key::new(
        "require_receipts",
        Kind::Bool,
        "false",
        "Refuses requests from a receipt that could not be written until one could.",
    ),
    Key::new("dir", Kind::Path, "", "The directory. One gateway writes to it."),
    Key::new(
        "signing_key_path",
        Kind::Path,
        "",
        "The Ed25519 key (PKCS#8 in PEM, mode 0640 at most), as `pipelock keygen` makes it.",
    ),
    Key::new("max_entries_per_file", POSITIVE, "10000", "Receipts of one file."),
    Key::new("retention_days", COUNT, "0", "Older files are removed; 0 keeps them."),
    Key::new(
        "max_total_bytes",
        COUNT,
        "1073741824",
        "The oldest files are removed beyond so many bytes; 0 is no bound. A key of ours.",
    ),
    Key::new("checkpoint_interval", COUNT, "1000", "Entries between signed checkpoints.").not_yet(ALL_SIGNED),
    Key::new("sign_checkpoints", Kind::Bool, "true", "Whether checkpoints are signed.").not_yet(ALL_SIGNED),
    Key::new("redact", Kind::Bool, "true", "Whether content is left out.").not_yet(NO_CONTENT),
    Key::new("raw_escrow", Kind::Bool, "false", "Whether content is kept encrypted.").not_yet(NO_CONTENT),
    Key::new("escrow_public_key", Kind::Text, "", "For whom.").not_yet(NO_CONTENT),
];

/// Where receipts go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlightRecorder {
    /// The directory.
    pub directory: PathBuf,
    /// The Ed25519 key.
    pub signing_key: PathBuf,
    /// Whether nothing may pass while receipts cannot be written.
    pub required: bool,
    /// Receipts of one file.
    pub max_entries_per_file: u64,
    /// Days that files are kept; 0 for ever.
    pub retention_days: u64,
    /// Bytes of all files together; 0 for no bound.
    pub max_total_bytes: u64,
}

/// The section; `None` when it is off, or inert for want of a directory or a key.
pub(super) fn read(value: &Value<'_>) -> Result<Option<FlightRecorder>, Error> {
    let section = value.section(KEYS)?;
    let enabled = section.read("enabled", false, Value::boolean)?;
    let required = section.read("require_receipts", false, Value::boolean)?;
    let directory = section.read("dir", None, |dir| dir.path().map(Some))?;
    let signing_key = section.read("signing_key_path", None, |key| key.path().map(Some))?;
    let max_entries_per_file = section.read("max_entries_per_file", 10_000, |n| n.count_in(1, u64::MAX))?;
    let retention_days = section.read("retention_days", 0, Value::count)?;
    let max_total_bytes = section.read("max_total_bytes", 1 << 30, Value::count)?;
    if !enabled {
        return Ok(None);
    }
    match (directory, signing_key) {
        (Some(directory), Some(signing_key)) => Ok(Some(FlightRecorder {
            directory,
            signing_key,
            required,
            max_entries_per_file,
            retention_days,
            max_total_bytes,
        })),
        _ if required => {
            Err(section.value().incomplete("require_receipts needs dir and signing_key_path; add them, or remove it"))
        }
        _ => {
            section.value().warn("no receipts are written: dir and signing_key_path are both needed");
            Ok(None)
        }
    }
}
