//! `logging`: where the audit log goes and what is in it.

use std::path::PathBuf;

use super::error::Error;
use super::reader::Value;
use super::schema::{Key, Kind};

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "format",
        Kind::Words(&["json", "text"]),
        "json",
        "One JSON object a line, or `key=value` pairs for people.",
    ),
    Key::new(
        "output",
        Kind::Words(&["stdout", "file", "both"]),
        "stdout",
        "Where records go; `file` and `both` need `file`.",
    ),
    Key::new("file", Kind::Path, "", "The file, appended to and created with mode 0600."),
    Key::new(
        "include_allowed",
        Kind::Bool,
        "true",
        "Whether requests that passed are recorded. Connections always are.",
    ),
    Key::new("include_blocked", Kind::Bool, "true", "Whether requests that were blocked are recorded."),
];

/// The audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// How records are written.
    pub format: LogFormat,
    /// Where they go.
    pub output: LogOutput,
    /// Whether requests that passed are recorded.
    pub include_allowed: bool,
    /// Whether requests that were blocked are recorded.
    pub include_blocked: bool,
}

/// How records are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// One line for people.
    Text,
}

/// Where records go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogOutput {
    /// Standard output.
    #[default]
    Stdout,
    /// This file, appended to; absolute.
    File(PathBuf),
    /// Standard output and this file.
    Both(PathBuf),
}

#[derive(Clone, Copy)]
enum Output {
    Stdout,
    File,
    Both,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            output: LogOutput::default(),
            include_allowed: true,
            include_blocked: true,
        }
    }
}

impl Logging {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let output = section.read("output", Output::Stdout, |output| {
            output.choice(&[("stdout", Output::Stdout), ("file", Output::File), ("both", Output::Both)])
        })?;
        let file = section.read("file", None, |file| file.path().map(Some))?;
        let output = match (output, file) {
            (Output::Stdout, _) => LogOutput::Stdout,
            (Output::File, Some(file)) => LogOutput::File(file),
            (Output::Both, Some(file)) => LogOutput::Both(file),
            (Output::File | Output::Both, None) => {
                return Err(section.value().incomplete("output file or both needs file; add the path to write to"));
            }
        };
        Ok(Self {
            format: section.read("format", LogFormat::default(), |format| {
                format.choice(&[("json", LogFormat::Json), ("text", LogFormat::Text)])
            })?,
            output,
            include_allowed: section.read("include_allowed", true, Value::boolean)?,
            include_blocked: section.read("include_blocked", true, Value::boolean)?,
        })
    }
}
