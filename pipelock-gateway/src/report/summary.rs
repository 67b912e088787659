//! One line a connection for people: what `pipelock exec` prints on standard error while the command runs.
//!
//! It is not a log (that is [`super::audit`]) and carries nothing a script should parse. What the requests of a connection
//! came to is remembered in a [`Tally`] until the connection ends. Next: [`super::writer`] prints the lines.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{self, Write};
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::Error;
use super::metrics::Metrics;
use super::text::clean;
use super::writer::{Sink, Writer};
use crate::model::{Action, BlockReason, ConnId, ConnectionEnd, ConnectionRecord, Decision, PeerName, RequestRecord};

/// Connections that may have a tally at once: as many as may be open (gateway.md §11).
const MAX_TALLIES: usize = 16_384;

/// Distinct causes one line tells; `…` stands for the rest.
const MAX_CAUSES: usize = 6;

/// Longest text of a peer in a line, in bytes.
const MAX_TEXT_BYTES: usize = 256;

/// How the line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SummaryOptions {
    /// Whether outcomes are coloured.
    pub colour: bool,
}

impl SummaryOptions {
    /// Colour when standard error is a terminal and `NO_COLOR` is unset or empty (no-color.org).
    #[must_use]
    pub fn for_stderr() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colour: !refused && std::io::stderr().is_terminal() }
    }
}

/// Remembers, counts, prints.
pub(super) struct Summary {
    options: SummaryOptions,
    tallies: Mutex<HashMap<ConnId, Tally>>,
    writer: Writer<String>,
}

impl Summary {
    /// Starts the writer on standard error.
    pub(super) fn open(options: SummaryOptions, metrics: &Metrics) -> Result<Self, Error> {
        Self::to(Sink::stderr().map_err(Error::StandardStream)?, options, metrics)
    }

    /// Starts the writer on a given sink.
    pub(super) fn to(sink: Sink, options: SummaryOptions, metrics: &Metrics) -> Result<Self, Error> {
        let writer = Writer::spawn("pipelock-summary", vec![sink], metrics.clone())?;
        Ok(Self { options, tallies: Mutex::default(), writer })
    }

    /// Adds a request to its connection's tally.
    pub(super) fn request(&self, record: &RequestRecord) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        if tallies.len() >= MAX_TALLIES && !tallies.contains_key(&record.id.conn) {
            return;
        }
        tallies.entry(record.id.conn).or_default().add(record);
    }

    /// Prints the connection and forgets its tally.
    pub(super) fn connection(&self, record: &ConnectionRecord) {
        let tally = self.tallies.lock().unwrap_or_else(PoisonError::into_inner).remove(&record.id).unwrap_or_default();
        self.writer.push(line(record, &tally, self.options));
    }

    /// See [`Writer::close`].
    pub(super) fn close(&self, deadline: Instant) -> Result<(), u64> {
        self.writer.close(deadline)
    }
}

/// What the requests of one connection came to. Bounded, whatever the connection does.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    requests: u32,
    warned: Outcomes,
    blocked: Outcomes,
}

#[derive(Clone, Debug, Default)]
struct Outcomes {
    count: u32,
    causes: Vec<Cause>,
    more: bool,
}

/// A reason and the rules behind it, as one entry of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cause {
    reason: Option<BlockReason>,
    rule: Option<Arc<str>>,
}

impl Tally {
    fn add(&mut self, record: &RequestRecord) {
        self.requests = self.requests.saturating_add(1);
        let outcomes = match record.verdict.action {
            Action::Allow => return,
            Action::Warn | Action::Redact => &mut self.warned,
            Action::Block => &mut self.blocked,
        };
        outcomes.count = outcomes.count.saturating_add(1);
        let reason = record.verdict.reason;
        if record.verdict.findings.is_empty() {
            outcomes.add(Cause { reason, rule: None });
        }
        for finding in &record.verdict.findings {
            outcomes.add(Cause { reason, rule: Some(finding.rule.clone()) });
        }
    }
}

impl Outcomes {
    fn add(&mut self, cause: Cause) {
        if self.causes.contains(&cause) {
            return;
        }
        if self.causes.len() < MAX_CAUSES {
            self.causes.push(cause);
        } else {
            self.more = true;
        }
    }
}

impl fmt::Display for Outcomes {
    /// `secret: GitHub Token, AWS Access Key; framing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reasons: Vec<Option<BlockReason>> = Vec::new();
        for cause in &self.causes {
            if !reasons.contains(&cause.reason) {
                reasons.push(cause.reason);
            }
        }
        for (i, reason) in reasons.iter().enumerate() {
            let rules: Vec<&str> =
                self.causes.iter().filter(|c| c.reason == *reason).filter_map(|c| c.rule.as_deref()).collect();
            f.write_str(if i == 0 { "" } else { "; " })?;
            // A warning below the blocking severity has findings and no reason.
            f.write_str(reason.map_or("finding", BlockReason::as_str))?;
            if !rules.is_empty() {
                write!(f, ": {}", rules.join(", "))?;
            }
        }
        f.write_str(if self.more { ", …" } else { "" })
    }
}

/// The line, without its line feed.
pub(super) fn line(record: &ConnectionRecord, tally: &Tally, options: SummaryOptions) -> String {
    let paint = |colour: Colour, text: &str| -> String {
        if options.colour { format!("{}{text}{}", colour.code(), Colour::RESET) } else { text.to_owned() }
    };
    let mut out = format!("pipelock: {} {} -> {} ", record.id, who(record), destination(record));
    let _ = match (&record.end, record.decision) {
        (ConnectionEnd::DownstreamRejectedCertificate { detail }, _) => {
            write!(out, "{}", paint(Colour::Red, &rejected(record, detail)))
        }
        (_, Some(Decision::Deny(reason))) => {
            write!(out, "{}", paint(Colour::Red, &format!("denied: {}", reason.as_str())))
        }
        (_, Some(Decision::Passthrough(reason))) => write!(
            out,
            "passthrough ({}): {} up, {} down",
            reason.as_str(),
            Size(record.bytes_up),
            Size(record.bytes_down)
        ),
        (_, Some(Decision::Intercept(_))) => write!(out, "intercept: {}", requests(record, tally, paint)),
        (_, None) => write!(out, "ended before anything was decided"),
    };
    if let ConnectionEnd::Failed { side, detail } = &record.end {
        let failure = format!("failed ({}): {}", side.as_str(), clean(detail, MAX_TEXT_BYTES));
        let _ = write!(out, "; {}", paint(Colour::Yellow, &failure));
    }
    out
}

fn requests(record: &ConnectionRecord, tally: &Tally, paint: impl Fn(Colour, &str) -> String) -> String {
    // The tally misses requests when there were too many connections to remember; the record never does.
    let total = record.requests.max(tally.requests);
    let mut out = format!("{total} request{}", if total == 1 { "" } else { "s" });
    if tally.warned.count > 0 {
        let _ =
            write!(out, ", {}", paint(Colour::Yellow, &format!("{} warned ({})", tally.warned.count, tally.warned)));
    }
    if tally.blocked.count > 0 {
        let _ =
            write!(out, ", {}", paint(Colour::Red, &format!("{} blocked ({})", tally.blocked.count, tally.blocked)));
    } else if tally.warned.count == 0 && tally.requests > 0 {
        out.push_str(", all allowed");
    }
    out
}

fn who(record: &ConnectionRecord) -> Cow<'static, str> {
    match &record.workload {
        Some(workload) => clean(&workload.to_string(), MAX_TEXT_BYTES).into_owned().into(),
        None => record.peer.to_string().into(),
    }
}

/// `name (address)`, or whichever of the two is known.
fn destination(record: &ConnectionRecord) -> String {
    match (&record.name, record.original_dst) {
        (Some(PeerName::Dns(name)), Some(original_dst)) => format!("{name} ({original_dst})"),
        (_, Some(original_dst)) => original_dst.to_string(),
        (Some(name), None) => name.to_string(),
        (None, None) => "unknown destination".to_owned(),
    }
}

fn rejected(record: &ConnectionRecord, detail: &str) -> String {
    format!(
        "rejected: client does not trust the CA: {}; it was NOT passed through; make it trust the CA, or set {}",
        clean(detail, MAX_TEXT_BYTES),
        passthrough_setting(record)
    )
}

/// The exact configuration that would let this destination through unopened. Only ever told, never applied.
pub(super) fn passthrough_setting(record: &ConnectionRecord) -> String {
    match (&record.name, record.original_dst) {
        (Some(PeerName::Dns(name)), _) => format!("tls_interception.passthrough_domains: [\"{name}\"]"),
        (Some(PeerName::Ip(ip)), _) => format!("no_proxy.list: [\"{ip}\"]"),
        (None, Some(original_dst)) => format!("no_proxy.list: [\"{}\"]", original_dst.ip()),
        (None, None) => "tls_interception.passthrough_domains".to_owned(),
    }
}

/// Of the eight every terminal has, those that say something.
#[derive(Clone, Copy)]
enum Colour {
    Red,
    Yellow,
}

impl Colour {
    const RESET: &'static str = "\x1b[0m";

    fn code(self) -> &'static str {
        match self {
            Self::Red => "\x1b[31m",
            Self::Yellow => "\x1b[33m",
        }
    }
}

/// A number of bytes with at most four digits.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let mut scaled = self.0;
        let mut unit = UNITS[0];
        for next in &UNITS[1..] {
            if scaled < 1024 * 1024 {
                break;
            }
            scaled /= 1024;
            unit = next;
        }
        // One decimal, cut and not rounded: a size is never shown larger than it is.
        write!(f, "{}.{} {unit}", scaled / 1024, scaled % 1024 * 10 / 1024)
    }
}

#[cfg(test)]
mod tests;
