//! Events for other systems: a queue and a thread for each receiver, so that a slow one loses its own events and nobody else's.
//!
//! An event is a record of the audit log in an envelope (surfaces.md §6): severity, type, time, which gateway. What does not fit
//! the queue, and what a receiver does not take, is dropped and counted; traffic never waits. How events travel is in `post` and
//! `syslog`.

mod post;
mod syslog;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::audit::AuditLine;
use super::metrics::{Metrics, RecordLoss};
use super::throttle::Throttle;
use super::writer::{Consume, Writer};
use crate::model::{Action, ConnectionRecord, EventRecord, RequestRecord, Severity as FindingSeverity};

pub use post::{PostOptions, Shape};
pub use syslog::SyslogOptions;

/// A receiver that fails is named in the log once in this time.
const COMPLAINT_INTERVAL: Duration = Duration::from_mins(1);

/// How loud an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Ordinary.
    Info,
    /// Something was found or refused.
    Warn,
    /// Somebody should look now.
    Critical,
}

impl Severity {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Critical => "critical",
        }
    }
}

/// Who gets events.
#[derive(Clone, Debug, Default)]
pub struct EmitOptions {
    /// What this gateway is called.
    pub instance: String,
    /// Receivers that are posted to.
    pub posts: Vec<PostOptions>,
    /// A syslog receiver.
    pub syslog: Option<SyslogOptions>,
}

/// One event on its way.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) severity: Severity,
    pub(super) kind: String,
    pub(super) time: Timestamp,
    pub(super) fields: Value,
}

impl Event {
    /// The envelope of the reference, as JSON.
    pub(super) fn envelope(&self, instance: &str) -> String {
        let envelope = Envelope {
            severity: self.severity.as_str(),
            kind: &self.kind,
            timestamp: format!("{:.9}", self.time),
            pipelock_instance: instance,
            fields: &self.fields,
        };
        // Texts and numbers in memory always serialise.
        serde_json::to_string(&envelope).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    severity: &'static str,
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: String,
    pipelock_instance: &'a str,
    fields: &'a Value,
}

/// Somebody who takes one event at a time.
pub(super) trait Receiver: Send + 'static {
    /// The name in the log and in metrics.
    fn name(&self) -> &'static str;
    /// Sends one event.
    fn send(&mut self, event: &Event) -> Result<(), String>;
}

/// All receivers.
pub(super) struct Emitter(Vec<Line>);

struct Line {
    min_severity: Severity,
    writer: Writer<Arc<Event>>,
}

impl Emitter {
    pub(super) fn open(options: EmitOptions, metrics: &Metrics) -> Result<Self, super::Error> {
        let mut lines = Vec::new();
        let instance: Arc<str> = options.instance.into();
        for post in options.posts {
            let (min_severity, queue) = (post.min_severity, post.queue);
            let receiver = post::Poster::new(post, Arc::clone(&instance));
            lines.push(Line { min_severity, writer: start(receiver, queue, metrics)? });
        }
        if let Some(syslog) = options.syslog {
            let min_severity = syslog.min_severity;
            let receiver = syslog::Sender::new(syslog, instance);
            lines.push(Line { min_severity, writer: start(receiver, syslog::QUEUE, metrics)? });
        }
        Ok(Self(lines))
    }

    pub(super) fn request(&self, record: &RequestRecord) {
        let critical = record.verdict.findings.iter().any(|finding| finding.severity == FindingSeverity::Critical);
        let severity = match record.verdict.action {
            Action::Allow => Severity::Info,
            Action::Block if critical => Severity::Critical,
            Action::Block | Action::Redact | Action::Warn => Severity::Warn,
        };
        self.emit(severity, || AuditLine::request(record));
    }

    pub(super) fn connection(&self, record: &ConnectionRecord) {
        let severity = if super::audit::is_loud(record) { Severity::Warn } else { Severity::Info };
        self.emit(severity, || AuditLine::connection(record));
    }

    pub(super) fn event(&self, record: &EventRecord) {
        let severity = match (record.event, record.level) {
            ("kill_switch", _) | (_, "critical") => Severity::Critical,
            (_, "info") => Severity::Info,
            _ => Severity::Warn,
        };
        self.emit(severity, || AuditLine::event(record));
    }

    /// The record is written out only for somebody who wants it.
    fn emit(&self, severity: Severity, line: impl FnOnce() -> Vec<u8>) {
        if !self.0.iter().any(|receiver| severity >= receiver.min_severity) {
            return;
        }
        let Ok(fields) = serde_json::from_slice::<Value>(&line()) else { return };
        let kind = fields["event"].as_str().unwrap_or_default().to_owned();
        let event = Arc::new(Event { severity, kind, time: Timestamp::now(), fields });
        for receiver in self.0.iter().filter(|receiver| severity >= receiver.min_severity) {
            receiver.writer.push(Arc::clone(&event));
        }
    }

    /// See [`Writer::close`]; how many events were given up.
    pub(super) fn close(&self, deadline: Instant) -> u64 {
        self.0.iter().map(|receiver| receiver.writer.close(deadline).err().unwrap_or(0)).sum()
    }
}

fn start(receiver: impl Receiver, queue: usize, metrics: &Metrics) -> Result<Writer<Arc<Event>>, super::Error> {
    let name = receiver.name();
    let counted = metrics.clone();
    let count = Arc::new(move |cause: RecordLoss, events| counted.emit_dropped(name, cause, events));
    let complaints = Throttle::new(COMPLAINT_INTERVAL, 1);
    Writer::with("pipelock-emit", queue, Delivery { receiver, complaints, metrics: metrics.clone() }, count)
}

struct Delivery<R> {
    receiver: R,
    complaints: Throttle,
    metrics: Metrics,
}

impl<R: Receiver> Consume<Arc<Event>> for Delivery<R> {
    fn consume(&mut self, batch: &mut Vec<Arc<Event>>) -> u64 {
        let mut lost = 0;
        for event in batch.drain(..) {
            match self.receiver.send(&event) {
                Ok(()) => self.metrics.emitted(self.receiver.name()),
                Err(error) => {
                    lost += 1;
                    if let Some(unsaid) = self.complaints.admit("receiver", Instant::now()) {
                        tracing::warn!(
                            receiver = self.receiver.name(),
                            error,
                            unsaid,
                            "an event was not taken and is lost"
                        );
                    }
                }
            }
        }
        lost
    }
}
