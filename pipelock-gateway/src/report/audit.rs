//! The audit log: one record a connection, one a request, as JSON or text lines.
//!
//! It does not decide what is worth recording beyond the two `include_*` switches, and records hold no secret by their
//! type (findings carry fingerprints, targets are cut before the query). Peers choose host, path and error texts, so these
//! are cleaned and cut before they are queued. Next: [`super::writer`] puts the lines where they belong.

mod json;
mod plain;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;

use super::Error;
use super::metrics::Metrics;
use super::text::clean_in_place;
use super::writer::{Line, Sink, Writer};
use crate::model::{ConnectionEnd, ConnectionRecord, EventRecord, RequestRecord, Side};

/// Cuts, in bytes, so that the queue has a bound. A DNS name has 253 bytes and a port 6 more.
const MAX_HOST_BYTES: usize = 259;
/// Methods in use have at most 17 bytes (`VERSION-CONTROL` and relatives); more is an attack on the log.
const MAX_METHOD_BYTES: usize = 32;
/// Enough to recognise a route.
const MAX_PATH_BYTES: usize = 2048;
/// An error chain, one line.
const MAX_DETAIL_BYTES: usize = 512;
/// Findings told of one request; the metrics count all of them.
const MAX_FINDINGS: usize = 64;

/// How a record is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AuditFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// `key=value` pairs, for people.
    Text,
}

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum AuditOutput {
    /// Nowhere; metrics still count.
    #[default]
    Nowhere,
    /// Standard output.
    Stdout,
    /// This file: appended to, created with mode 0600.
    File(PathBuf),
    /// Both.
    Both(PathBuf),
}

/// What is recorded, how and where.
#[derive(Clone, Debug)]
pub struct AuditOptions {
    /// How.
    pub format: AuditFormat,
    /// Where.
    pub output: AuditOutput,
    /// Whether requests that went through are recorded. Connections always are.
    pub include_allowed: bool,
    /// Whether blocked requests are recorded. Connections always are.
    pub include_blocked: bool,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self {
            format: AuditFormat::default(),
            output: AuditOutput::default(),
            include_allowed: true,
            include_blocked: true,
        }
    }
}

/// The log, open.
pub(super) struct AuditLog {
    options: AuditOptions,
    writer: Option<Writer<Entry>>,
}

impl AuditLog {
    /// Opens the sinks and starts the writer.
    ///
    /// # Errors
    /// When the file cannot be opened or there is no thread to write it.
    pub(super) fn open(options: AuditOptions, metrics: &Metrics) -> Result<Self, Error> {
        let sinks = match &options.output {
            AuditOutput::Nowhere => Vec::new(),
            AuditOutput::Stdout => vec![stdout()?],
            AuditOutput::File(path) => vec![file(path)?],
            AuditOutput::Both(path) => vec![stdout()?, file(path)?],
        };
        let writer =
            if sinks.is_empty() { None } else { Some(Writer::spawn("pipelock-audit", sinks, metrics.clone())?) };
        Ok(Self { options, writer })
    }

    /// Records the end of a connection.
    pub(super) fn connection(&self, mut record: ConnectionRecord) {
        let Some(writer) = &self.writer else { return };
        clean_connection(&mut record);
        self.push(writer, Record::Connection(record));
    }

    /// Records the end of a request, unless the options leave its kind out.
    pub(super) fn request(&self, mut record: RequestRecord) {
        let Some(writer) = &self.writer else { return };
        let include =
            if record.verdict.is_block() { self.options.include_blocked } else { self.options.include_allowed };
        if !include {
            return;
        }
        let findings_omitted = clean_request(&mut record);
        self.push(writer, Record::Request { record, findings_omitted });
    }

    /// Records something else.
    pub(super) fn event(&self, mut record: EventRecord) {
        let Some(writer) = &self.writer else { return };
        clean_event(&mut record);
        self.push(writer, Record::Event(record));
    }

    fn push(&self, writer: &Writer<Entry>, record: Record) {
        writer.push(Entry { time: Timestamp::now(), format: self.options.format, record: Box::new(record) });
    }

    /// See [`Writer::close`].
    pub(super) fn close(&self, deadline: Instant) -> Result<(), u64> {
        self.writer.as_ref().map_or(Ok(()), |writer| writer.close(deadline))
    }
}

fn clean_connection(record: &mut ConnectionRecord) {
    if let ConnectionEnd::DownstreamRejectedCertificate { detail } | ConnectionEnd::Failed { detail, .. } =
        &mut record.end
    {
        clean_in_place(detail, MAX_DETAIL_BYTES);
    }
}

/// Returns how many findings were left out.
fn clean_request(record: &mut RequestRecord) -> usize {
    clean_in_place(&mut record.host, MAX_HOST_BYTES);
    clean_in_place(&mut record.method, MAX_METHOD_BYTES);
    clean_in_place(&mut record.path, MAX_PATH_BYTES);
    if let Some(mcp) = &mut record.mcp {
        for name in [&mut mcp.method, &mut mcp.tool].into_iter().flatten() {
            clean_in_place(name, MAX_METHOD_BYTES);
        }
    }
    let omitted = record.verdict.findings.len().saturating_sub(MAX_FINDINGS);
    record.verdict.findings.truncate(MAX_FINDINGS);
    omitted
}

fn clean_event(record: &mut EventRecord) {
    for (_, value) in &mut record.fields {
        clean_in_place(value, MAX_DETAIL_BYTES);
    }
}

/// Records as JSON, cleaned and cut as in the log, for those who tell them on.
pub(super) struct AuditLine;

impl AuditLine {
    pub(super) fn connection(record: &ConnectionRecord) -> Vec<u8> {
        let (mut record, mut out) = (record.clone(), Vec::new());
        clean_connection(&mut record);
        json::connection(&mut out, Timestamp::now(), &record);
        out
    }

    pub(super) fn request(record: &RequestRecord) -> Vec<u8> {
        let (mut record, mut out) = (record.clone(), Vec::new());
        let omitted = clean_request(&mut record);
        json::request(&mut out, Timestamp::now(), &record, omitted);
        out
    }

    pub(super) fn event(record: &EventRecord) -> Vec<u8> {
        let (mut record, mut out) = (record.clone(), Vec::new());
        clean_event(&mut record);
        json::event(&mut out, Timestamp::now(), &record);
        out
    }
}

/// Whether the end of a connection is more than ordinary.
pub(super) fn is_loud(record: &ConnectionRecord) -> bool {
    connection_level(record) != "info"
}

fn stdout() -> Result<Sink, Error> {
    Sink::stdout().map_err(Error::StandardStream)
}

fn file(path: &Path) -> Result<Sink, Error> {
    // 0600: records name hosts, paths and processes. Append, so that two gateways and a rotation by copy do no harm.
    let file = crate::files::append(path).map_err(|source| Error::AuditFile { path: path.to_owned(), source })?;
    Ok(Sink::new(path.display().to_string(), file))
}

/// A record on its way to the writer. Formatting is left to the writer's thread.
struct Entry {
    time: Timestamp,
    format: AuditFormat,
    record: Box<Record>,
}

#[expect(clippy::large_enum_variant, reason = "boxed as a whole")]
enum Record {
    Connection(ConnectionRecord),
    Request { record: RequestRecord, findings_omitted: usize },
    Event(EventRecord),
}

impl Line for Entry {
    fn append_to(&self, out: &mut Vec<u8>) {
        match (&*self.record, self.format) {
            (Record::Connection(record), AuditFormat::Json) => json::connection(out, self.time, record),
            (Record::Connection(record), AuditFormat::Text) => plain::connection(out, self.time, record),
            (Record::Request { record, findings_omitted }, AuditFormat::Json) => {
                json::request(out, self.time, record, *findings_omitted);
            }
            (Record::Event(record), AuditFormat::Json) => json::event(out, self.time, record),
            (Record::Event(record), AuditFormat::Text) => plain::event(out, self.time, record),
            (Record::Request { record, .. }, AuditFormat::Text) => plain::request(out, self.time, record),
        }
        out.push(b'\n');
    }
}

/// How loud a connection's end is.
fn connection_level(record: &ConnectionRecord) -> &'static str {
    match record.end {
        ConnectionEnd::Failed { side: Side::Gateway, .. } => "error",
        // Peers and upstreams fail all day; that is not the operator's concern.
        ConnectionEnd::Closed | ConnectionEnd::Failed { .. } => "info",
        ConnectionEnd::Denied | ConnectionEnd::DownstreamRejectedCertificate { .. } => "warn",
    }
}

/// The word for how a connection ended.
fn connection_end(end: &ConnectionEnd) -> &'static str {
    match end {
        ConnectionEnd::Closed => "closed",
        ConnectionEnd::Denied => "denied",
        ConnectionEnd::DownstreamRejectedCertificate { .. } => "rejected_certificate",
        ConnectionEnd::Failed { .. } => "failed",
    }
}

/// Whose fault an end is, and what was seen, where there is either.
fn end_detail(end: &ConnectionEnd) -> (Option<Side>, Option<&str>) {
    match end {
        ConnectionEnd::Closed | ConnectionEnd::Denied => (None, None),
        ConnectionEnd::DownstreamRejectedCertificate { detail } => (Some(Side::Downstream), Some(detail)),
        ConnectionEnd::Failed { side, detail } => (Some(*side), Some(detail)),
    }
}

/// How loud a request's outcome is.
fn request_level(record: &RequestRecord) -> &'static str {
    match record.verdict.action {
        crate::model::Action::Allow => "info",
        crate::model::Action::Warn | crate::model::Action::Redact | crate::model::Action::Block => "warn",
    }
}

/// `blocked` or `allowed`; a warning is an allowed request.
fn request_event(record: &RequestRecord) -> &'static str {
    if record.verdict.is_block() { "blocked" } else { "allowed" }
}

/// RFC 3339 in UTC with milliseconds.
fn rfc3339(time: Timestamp) -> String {
    format!("{time:.3}")
}
