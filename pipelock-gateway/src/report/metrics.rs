//! Everything that is counted, in one Prometheus registry.
//!
//! Methods take records and closed enums, never label strings, so that the set of series is bounded by the code and the
//! configuration; host names are never labels. Names that dashboards of the reference product use are kept where the
//! meaning is equal. Next: [`Metrics::render`] is what `/metrics` answers.

mod families;
mod kernel;
mod labels;
mod stats;
mod targets;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, TextEncoder};

use crate::model::{
    BlockReason, BoundBy, ConnectionEnd, ConnectionRecord, Decision, DenyReason, Family, Finding, FrontDoor, Limit,
    RequestRecord, Side, Surface, Verdict,
};

pub use kernel::KernelSource;
pub use labels::{DnsOutcome, EnvironmentRead, ExplicitKind, ExplicitOutcome, RecordLoss, TlsIntercept, UpstreamError};
pub use targets::{TargetSample, TargetSource};

pub use stats::{Counted, CrossRequests, Requests, Sessions, Stats};

use families::Families;
use kernel::KernelCollector;
use labels::status_class;
use targets::TargetCollector;

/// The value of the reference product's `agent` label for connections that no agent profile claims.
const DEFAULT_AGENT: &str = "_default";

/// Rule names come from configuration, so their number is bounded; this bounds it also across reloads.
const MAX_RULE_LABELS: usize = 1024;

/// Handle to the registry and its families; clones share them.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Families>);

/// Counts a connection as open until dropped.
#[derive(Debug)]
#[must_use = "the connection counts as open only while this lives"]
pub struct OpenGauge(IntGauge);

impl Drop for OpenGauge {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl OpenGauge {
    fn enter(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

/// One open WebSocket connection, whose frames are counted as they come.
#[must_use = "the connection counts as open only while this lives"]
pub struct OpenWebSocket {
    frames: IntCounterVec,
    up: IntCounter,
    down: IntCounter,
    _open: OpenGauge,
}

impl OpenWebSocket {
    /// Counts a frame of this kind.
    pub fn frame(&self, kind: &'static str) {
        self.frames.with_label_values(&[kind]).inc();
    }

    /// Counts bytes of frames that have gone on.
    pub fn passed(&self, up: bool, bytes: usize) {
        if up { &self.up } else { &self.down }.inc_by(bytes as u64);
    }
}

impl Metrics {
    /// A registry of its own with every family in it, all at zero.
    ///
    /// # Panics
    /// When two families of this file have one name or a malformed one; each test that makes a `Metrics` would fail.
    #[must_use]
    pub fn new(version: &str) -> Self {
        Self(Arc::new(Families::register(version).expect("family names in this file are valid and distinct")))
    }

    /// Adds the kernel programs' counters, read at each scrape. Call once.
    ///
    /// # Errors
    /// When called twice: the names are taken.
    pub fn watch_kernel(&self, source: KernelSource) -> Result<(), prometheus::Error> {
        self.0.registry.register(Box::new(KernelCollector::new(source)?))
    }

    /// Adds what was done for each target, read at each scrape. Call once.
    ///
    /// # Errors
    /// When called twice: the names are taken.
    pub fn watch_targets(&self, source: TargetSource) -> Result<(), prometheus::Error> {
        self.0.registry.register(Box::new(TargetCollector::new(source)?))
    }

    /// Counts a connection as open until the guard is dropped.
    pub fn connection_opened(&self, front_door: FrontDoor) -> OpenGauge {
        OpenGauge::enter(self.0.connections_active.with_label_values(&[front_door.as_str()]))
    }

    /// Counts a finished connection. [`super::Report::connection`] calls it.
    pub fn connection(&self, record: &ConnectionRecord) {
        let f = &*self.0;
        let (decision, reason) = record.decision_words();
        let protocol = record.protocol.map_or("none", crate::model::Protocol::as_str);
        f.connections.with_label_values(&[record.front_door.as_str(), protocol, decision]).inc();
        f.connection_duration.with_label_values(&[decision]).observe(record.duration.as_secs_f64());
        f.bytes.with_label_values(&["up", decision]).inc_by(record.bytes_up);
        f.bytes.with_label_values(&["down", decision]).inc_by(record.bytes_down);
        f.policy_decisions.with_label_values(&[decision, reason]).inc();
        if record.decision == Some(Decision::Deny(DenyReason::NotSteered)) {
            f.orig_dst_missing.inc();
        }
        if matches!(record.end, ConnectionEnd::DownstreamRejectedCertificate { .. }) {
            f.client_tls_rejected.inc();
        }
    }

    /// Counts a finished request. [`super::Report::request`] calls it.
    pub fn request(&self, record: &RequestRecord) {
        let f = &*self.0;
        let action = record.verdict.action.as_str();
        let result = if record.verdict.is_block() { "blocked" } else { "allowed" };
        f.requests.with_label_values(&[result, DEFAULT_AGENT]).inc();
        f.request_duration.observe(record.duration.as_secs_f64());
        f.scan_duration.observe(record.scan_duration.as_secs_f64());
        f.http_requests
            .with_label_values(&[
                record.front_door.as_str(),
                record.version.as_str(),
                status_class(record.status),
                action,
            ])
            .inc();
        if record.verdict.is_block() {
            // A block without a reason is a defect of the judge; it must not vanish from this sum.
            let reason = record.verdict.reason.map_or("unknown", BlockReason::as_str);
            f.blocks.with_label_values(&[reason]).inc();
            f.blocked_hosts.count(&record.host);
            if record.verdict.reason == Some(BlockReason::KillSwitch) {
                self.kill_switch_denied("request");
            }
        }
        self.findings(&record.verdict);
        if record.websocket.is_some() {
            self.websocket(record);
        }
    }

    fn websocket(&self, record: &RequestRecord) {
        let f = &*self.0;
        let result = if record.verdict.is_block() { "blocked" } else { "allowed" };
        f.ws_connections.with_label_values(&[result]).inc();
        f.ws_duration.observe(record.duration.as_secs_f64());
        for scanner in scanners(&record.verdict) {
            f.ws_scan_hits.with_label_values(&[scanner]).inc();
        }
    }

    /// Counts a WebSocket connection as open until the guard is dropped.
    pub fn websocket_opened(&self) -> OpenWebSocket {
        let f = &*self.0;
        let [up, down] = ["up", "down"].map(|direction| f.ws_bytes.with_label_values(&[direction]));
        OpenWebSocket { frames: f.ws_frames.clone(), up, down, _open: OpenGauge::enter(f.ws_active.clone()) }
    }

    fn findings(&self, verdict: &Verdict) {
        let f = &*self.0;
        let action = verdict.action.as_str();
        for Finding { rule, family, severity, .. } in &verdict.findings {
            let rule = self.rule_label(rule);
            f.findings.with_label_values(&[rule, family.as_str(), severity.as_str(), action]).inc();
        }
        for scanner in scanners(verdict) {
            f.scanner_hits.with_label_values(&[scanner, DEFAULT_AGENT]).inc();
        }
        let found_in = |surfaces: &[Surface]| {
            verdict.findings.iter().any(|f| f.family == Family::Dlp && surfaces.contains(&f.surface))
        };
        if found_in(&[Surface::RequestBody, Surface::RequestTrailer]) {
            f.body_dlp_hits.with_label_values(&[action, DEFAULT_AGENT]).inc();
        }
        if found_in(&[Surface::RequestHeader]) {
            f.header_dlp_hits.with_label_values(&[action, DEFAULT_AGENT]).inc();
        }
    }

    fn rule_label<'a>(&self, rule: &'a Arc<str>) -> &'a str {
        let mut seen = self.0.rules_seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(rule) || (seen.len() < MAX_RULE_LABELS && seen.insert(rule.clone())) { rule } else { "other" }
    }

    /// Counts what bound a name to an address where a rule hung on it; `None` when nothing did.
    pub fn name_binding(&self, by: Option<BoundBy>) {
        self.0.name_bindings.with_label_values(&[by.map_or("none", BoundBy::as_str)]).inc();
    }

    /// Observes a TCP connect to an original destination that succeeded.
    pub fn upstream_connected(&self, took: Duration) {
        self.0.upstream_connect_duration.observe(took.as_secs_f64());
    }

    /// Counts an upstream that asked for a client certificate.
    pub fn client_certificate_requested(&self) {
        self.0.client_certificate_requested.inc();
    }

    /// Counts an upstream failure.
    pub fn upstream_error(&self, class: UpstreamError) {
        self.0.upstream_errors.with_label_values(&[class.as_str()]).inc();
    }

    /// Counts an attempt to open TLS.
    pub fn tls_intercept(&self, outcome: TlsIntercept) {
        self.0.tls_intercept.with_label_values(&[outcome.as_str()]).inc();
    }

    /// Observes a TLS handshake that succeeded.
    pub fn tls_handshake(&self, side: Side, took: Duration) {
        self.0.tls_handshake_duration.with_label_values(&[side.as_str()]).observe(took.as_secs_f64());
    }

    /// Sets how many leaf certificates are cached.
    pub fn tls_cert_cache_size(&self, leaves: usize) {
        self.0.tls_cert_cache_size.set(i64::try_from(leaves).unwrap_or(i64::MAX));
    }

    /// Observes the minting of one leaf certificate.
    pub fn leaf_minted(&self, took: Duration) {
        self.0.leaf_mint_duration.observe(took.as_secs_f64());
    }

    /// Counts a request on the explicit proxy port; CONNECT also counts as a tunnel.
    pub fn explicit_request(&self, kind: ExplicitKind, outcome: ExplicitOutcome) {
        self.0.explicit_requests.with_label_values(&[kind.as_str(), outcome.as_str()]).inc();
        if kind == ExplicitKind::Connect {
            self.0.tunnels.with_label_values(&[outcome.as_str(), DEFAULT_AGENT]).inc();
        }
    }

    /// Counts a CONNECT tunnel as open until the guard is dropped.
    pub fn tunnel_opened(&self) -> OpenGauge {
        OpenGauge::enter(self.0.tunnels_active.clone())
    }

    /// Counts a look at a workload's environment.
    pub fn environment_read(&self, outcome: EnvironmentRead) {
        self.0.environment_reads.with_label_values(&[outcome.as_str()]).inc();
    }

    /// Counts a message of an MCP client; all three words come from closed sets.
    pub fn mcp_message(&self, era: &'static str, method: &'static str, outcome: &'static str) {
        self.0.mcp_requests.with_label_values(&[era, method, outcome]).inc();
    }

    /// One MCP stream more, or one fewer.
    pub fn mcp_streams(&self, opened: bool) {
        if opened { self.0.mcp_streams.inc() } else { self.0.mcp_streams.dec() }
    }

    /// Counts a tool definition that changed.
    pub fn mcp_drift(&self) {
        self.0.mcp_drift.inc();
    }

    /// Counts a question that shared MCP state did not answer.
    pub fn mcp_state_unavailable(&self) {
        self.0.mcp_state_unavailable.inc();
    }

    /// Counts records that were not written.
    pub fn records_lost(&self, cause: RecordLoss, records: u64) {
        self.0.records_lost.with_label_values(&[cause.as_str()]).inc_by(records);
    }

    /// Counts receipts that are on disk.
    pub fn receipts(&self, receipts: u64) {
        self.0.receipts.inc_by(receipts);
    }

    /// Counts receipts that were not written.
    pub fn receipts_lost(&self, cause: RecordLoss, receipts: u64) {
        self.0.receipts_lost.with_label_values(&[cause.as_str()]).inc_by(receipts);
    }

    /// Counts an event that a receiver took.
    pub fn emitted(&self, receiver: &'static str) {
        self.0.emitted.with_label_values(&[receiver]).inc();
    }

    /// Counts events that did not reach a receiver.
    pub fn emit_dropped(&self, receiver: &'static str, cause: RecordLoss, events: u64) {
        self.0.emit_dropped.with_label_values(&[receiver, cause.as_str()]).inc_by(events);
    }

    /// Sets whether a source of the kill switch is on.
    pub fn kill_switch(&self, source: &'static str, on: bool) {
        self.0.kill_switch_active.with_label_values(&[source]).set(i64::from(on));
    }

    /// Whether any source of the kill switch is on.
    #[must_use]
    pub fn kill_switch_is_active(&self) -> bool {
        let families = self.0.kill_switch_active.collect();
        families
            .iter()
            .flat_map(prometheus::proto::MetricFamily::get_metric)
            .any(|metric| metric.get_gauge().get_value() > 0.0)
    }

    /// Counts something that the kill switch refused.
    pub fn kill_switch_denied(&self, transport: &'static str) {
        self.0.kill_switch_denials.with_label_values(&[transport]).inc();
    }

    /// Sets how many sessions are remembered.
    pub fn sessions_active(&self, sessions: usize) {
        self.0.sessions_active.set(i64::try_from(sessions).unwrap_or(i64::MAX));
    }

    /// Counts a session that reached a higher level.
    pub fn session_escalated(&self, from: &'static str, to: &'static str) {
        self.0.session_escalations.with_label_values(&[from, to]).inc();
    }

    /// Counts something that was unusual for its session; the word comes from a closed set.
    pub fn session_anomaly(&self, kind: &'static str) {
        self.0.session_anomalies.with_label_values(&[kind]).inc();
    }

    /// Counts a session that was given untrusted text.
    pub fn session_tainted(&self, taint: &'static str) {
        self.0.session_taints.with_label_values(&[taint]).inc();
    }

    /// Counts a finding that the configuration names as harmless.
    pub fn suppressed(&self, rule: &str) {
        self.0.suppressed.with_label_values(&[rule]).inc();
    }

    /// Counts a secret that was sent in pieces.
    pub fn pieces_matched(&self) {
        self.0.pieces_matched.inc();
    }

    /// Counts an attempt to put a changed configuration in force; one that failed leaves what is in force stale.
    pub fn config_reloaded(&self, succeeded: bool) {
        let result = if succeeded { "success" } else { "failure" };
        self.0.config_reloads.with_label_values(&[result]).inc();
        self.0.config_stale.set(i64::from(!succeeded));
    }

    /// Whether the last attempt failed.
    #[must_use]
    pub fn config_is_stale(&self) -> bool {
        self.0.config_stale.get() != 0
    }

    /// Sets which configuration is in force.
    pub fn snapshot_replaced(&self, epoch: u64) {
        self.0.snapshot_epoch.set(i64::try_from(epoch).unwrap_or(i64::MAX));
    }

    /// Counts a connection that was cut because the configuration in force forbids it.
    pub fn policy_cut(&self) {
        self.0.policy_cut.inc();
    }

    /// Counts a DNS query of a workload.
    pub fn dns_query(&self, outcome: DnsOutcome) {
        self.0.dns_queries.with_label_values(&[outcome.as_str()]).inc();
    }

    /// Counts what was found in a DNS query.
    pub fn dns_findings(&self, verdict: &Verdict) {
        self.findings(verdict);
    }

    /// Counts an HTTP/2 connection that was ended because of a flood of frames.
    pub fn http2_flood(&self) {
        self.0.http2_floods.inc();
    }

    /// Counts a bound that was reached.
    pub fn limit_reached(&self, limit: Limit) {
        self.0.limits.with_label_values(&[limit.as_str()]).inc();
    }

    /// Counts bytes of a request body, or of a part of one, of a type that is no text.
    pub fn binary_bytes(&self, class: &'static str, bytes: usize) {
        self.0.binary_bytes.with_label_values(&[class]).inc_by(bytes as u64);
    }

    /// Counts an answer of a type that is no text, which nobody looks into.
    pub fn binary_answer(&self, class: &'static str) {
        self.0.binary_answers.with_label_values(&[class]).inc();
    }

    /// Sets when the signing certificate ends, and counts another one when it is `new`.
    pub fn ca_in_force(&self, not_after: SystemTime, new: bool) {
        let seconds = not_after.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        self.0.ca_not_after.set(i64::try_from(seconds).unwrap_or(i64::MAX));
        if new {
            self.0.ca_epoch.inc();
        }
    }

    /// Counts a question to the Scan API as being answered until the guard is dropped.
    pub fn scan_api_asked(&self) -> OpenGauge {
        OpenGauge::enter(self.0.scan_api_inflight.clone())
    }

    /// Counts an answer of the Scan API; all words come from closed sets.
    pub fn scan_api_answered(&self, kind: &'static str, decision: &'static str, status: &str, took: Duration) {
        self.0.scan_api_requests.with_label_values(&[kind, decision, status]).inc();
        self.0.scan_api_duration.with_label_values(&[kind]).observe(took.as_secs_f64());
    }

    /// Counts something found in a question to the Scan API.
    pub fn scan_api_found(&self, kind: &'static str, scanner: &'static str, severity: &'static str) {
        self.0.scan_api_findings.with_label_values(&[kind, scanner, severity]).inc();
    }

    /// Counts a question to the Scan API that was not judged.
    pub fn scan_api_failed(&self, kind: &'static str, code: &'static str) {
        self.0.scan_api_errors.with_label_values(&[kind, code]).inc();
    }

    /// Counts a task that panicked.
    pub fn panicked(&self) {
        self.0.panics.inc();
    }

    /// Writes every family that has a sample, in the text exposition format, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.0.registry.gather()).unwrap_or_else(|error| {
            // Only an empty family makes the encoder fail, and gather() drops those. A scrape must not end the process.
            tracing::error!(%error, "metrics could not be encoded");
            String::new()
        })
    }
}

/// Families of which something was found, each once.
fn scanners(verdict: &Verdict) -> Vec<&'static str> {
    let mut scanners: Vec<_> = verdict.findings.iter().map(|finding| finding.family.as_str()).collect();
    scanners.sort_unstable();
    scanners.dedup();
    scanners
}
