//! Sessions that have lost their trust: what they were given by answers, and how that changes what may come of a verdict. For
//! captured traffic and the MCP port alike.

use std::time::Instant;

use super::snapshot::Snapshot;
use crate::control::Session;
use crate::model::{
    Action, BlockReason, EventRecord, Family, PeerName, RequestRecord, ServerName, SessionPolicy, Severity, Surface,
    Taint, Verdict,
};
use crate::report::Report;
use crate::verdict;

/// Whether what a session was given makes a difference.
pub(super) fn is_tainted(snapshot: &Snapshot, session: &Session) -> bool {
    let taint = &snapshot.sessions.taint;
    taint.enabled && taint.matters(session.taint(Instant::now()))
}

/// Treats what goes to a target more strictly whose sender was given orders by an answer.
pub(super) fn distrusted(snapshot: &Snapshot, session: &Session, target: &str, mut verdict: Verdict) -> Verdict {
    let taint = &snapshot.sessions.taint;
    let among = |patterns: &[String]| patterns.iter().any(|pattern| verdict::matches_target(pattern, target));
    let (protected, elevated) = (among(&taint.protected), among(&taint.elevated));
    if !(protected || elevated) || !is_tainted(snapshot, session) {
        return verdict;
    }
    if protected {
        verdict.join(verdict::refuse(snapshot.verdict, BlockReason::Tainted));
    } else {
        verdict.join(Verdict { action: Action::Warn, reason: Some(BlockReason::Tainted), ..Verdict::default() });
    }
    verdict
}

/// A session that has lost its trust gets no warnings.
pub(super) fn upgraded(snapshot: &Snapshot, session: &Session, host: &str, verdict: Verdict) -> Verdict {
    let warned = verdict.action == Action::Warn && !verdict.findings.is_empty();
    let upgrades = || snapshot.sessions.adaptive && session.upgrades(host, &snapshot.sessions, Instant::now());
    if warned && (is_tainted(snapshot, session) || upgrades()) {
        return verdict::escalate(snapshot.verdict, verdict);
    }
    verdict
}

/// What the answer of an exchange was to whom it was given.
pub(super) fn given(policy: &SessionPolicy, record: &RequestRecord) -> Option<Taint> {
    let verdict = &record.verdict;
    let host = host(record);
    let name = ServerName::parse(host).map(PeerName::Dns);
    if !policy.taint.enabled || name.is_ok_and(|name| policy.taint.trusted.matches(&name)) {
        return None;
    }
    let is_order = |finding: &crate::model::Finding| {
        matches!(finding.surface, Surface::Response | Surface::ToolResult | Surface::ToolDefinitions)
            && finding.family == Family::Injection
            && finding.severity >= Severity::Medium
    };
    // What was withheld has not been read, and what was stripped is gone. A stream that was cut has been read in part; then the
    // status is still the upstream's. An answer on the MCP port is withheld message by message, whatever its status.
    let withheld = verdict.is_block() && (record.status == Some(403) || record.mcp.is_some());
    let given = !withheld && verdict.action != Action::Redact;
    if given && verdict.findings.iter().any(is_order) {
        Some(Taint::Hostile)
    } else if policy.taint.counts_every_text() && !verdict.is_block() && record.response_bytes > 0 {
        Some(Taint::Untrusted)
    } else {
        None
    }
}

/// Takes note of what a session was given by an answer.
pub(super) fn note(report: &Report, session: &Session, policy: &SessionPolicy, record: &RequestRecord, taint: Taint) {
    let host = host(record);
    if session.tainted_by(host, taint, policy, Instant::now()) {
        report.metrics().session_tainted(taint.as_str());
        let fields = vec![
            ("session", session.key().to_string()),
            ("source", host.to_owned()),
            ("taint", taint.as_str().to_owned()),
            ("stricter", policy.taint.matters(taint).to_string()),
            ("request_id", record.id.to_string()),
        ];
        report.event(EventRecord { level: "warn", event: "taint_decision", fields });
    }
}

/// The host of an exchange, without its port.
fn host(record: &RequestRecord) -> &str {
    let host = record.host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    host.map_or(record.host.as_str(), |(host, _)| host)
}
