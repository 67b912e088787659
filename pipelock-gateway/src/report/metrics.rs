//! Everything that is counted, in one Prometheus registry.
//!
//! Methods take records and closed enums, never label strings, so that the set of series is bounded by the code and the
//! configuration; host names are never labels. Names that dashboards of the reference product use are kept where the
//! meaning is equal. Next: [`Metrics::render`] is what `/metrics` answers.

mod kernel;
mod labels;
mod stats;
mod targets;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::model::{
    BlockReason, BoundBy, ConnectionEnd, ConnectionRecord, Decision, DenyReason, Family, Finding, FrontDoor,
    RequestRecord, Side, Surface, Verdict, WebSocketRecord,
};

pub use kernel::KernelSource;
pub use labels::{EnvironmentRead, ExplicitKind, ExplicitOutcome, RecordLoss, TlsIntercept, UpstreamError};
pub use targets::{TargetSample, TargetSource};

pub use stats::{Counted, Requests, Sessions, Stats};

use kernel::KernelCollector;
use labels::status_class;
use stats::Frequent;
use targets::TargetCollector;

/// Bounds of every latency histogram, in seconds: 100 µs, below which the hot path lies, to 10 s.
const LATENCY_BUCKETS: [f64; 16] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The value of the reference product's `agent` label for connections that no agent profile claims.
const DEFAULT_AGENT: &str = "_default";

/// Rule names come from configuration, so their number is bounded; this bounds it also across reloads.
const MAX_RULE_LABELS: usize = 1024;

/// Handle to the registry and its families; clones share them.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Families>);

#[derive(Debug)]
struct Families {
    registry: Registry,
    connections: IntCounterVec,
    connections_active: IntGaugeVec,
    connection_duration: HistogramVec,
    bytes: IntCounterVec,
    policy_decisions: IntCounterVec,
    name_bindings: IntCounterVec,
    orig_dst_missing: IntCounter,
    upstream_connect_duration: Histogram,
    upstream_errors: IntCounterVec,
    client_tls_rejected: IntCounter,
    client_certificate_requested: IntCounter,
    tls_intercept: IntCounterVec,
    tls_handshake_duration: HistogramVec,
    tls_cert_cache_size: IntGauge,
    leaf_mint_duration: Histogram,
    requests: IntCounterVec,
    request_duration: Histogram,
    http_requests: IntCounterVec,
    scan_duration: Histogram,
    blocks: IntCounterVec,
    /// For `/stats`; never a label.
    blocked_hosts: Frequent,
    findings: IntCounterVec,
    scanner_hits: IntCounterVec,
    body_dlp_hits: IntCounterVec,
    header_dlp_hits: IntCounterVec,
    tunnels: IntCounterVec,
    tunnels_active: IntGauge,
    explicit_requests: IntCounterVec,
    environment_reads: IntCounterVec,
    ws_connections: IntCounterVec,
    ws_active: IntGauge,
    ws_duration: Histogram,
    ws_bytes: IntCounterVec,
    ws_frames: IntCounterVec,
    ws_scan_hits: IntCounterVec,
    records_lost: IntCounterVec,
    receipts: IntCounter,
    receipts_lost: IntCounterVec,
    emitted: IntCounterVec,
    emit_dropped: IntCounterVec,
    mcp_requests: IntCounterVec,
    mcp_streams: IntGauge,
    mcp_drift: IntCounter,
    mcp_state_unavailable: IntCounter,
    panics: IntCounter,
    config_reloads: IntCounterVec,
    config_stale: IntGauge,
    snapshot_epoch: IntGauge,
    policy_cut: IntCounter,
    http2_floods: IntCounter,
    ca_not_after: IntGauge,
    ca_epoch: IntGauge,
    kill_switch_active: IntGaugeVec,
    kill_switch_denials: IntCounterVec,
    sessions_active: IntGauge,
    session_escalations: IntCounterVec,
    session_anomalies: IntCounter,
    rules_seen: Mutex<HashSet<Arc<str>>>,
}

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

impl Metrics {
    /// A registry of its own with every family in it, all at zero.
    ///
    /// # Panics
    /// When two families of this file have one name or a malformed one; each test that makes a `Metrics` would fail.
    #[must_use]
    pub fn new(version: &str) -> Self {
        Self::register(version).expect("family names in this file are valid and distinct")
    }

    fn register(version: &str) -> Result<Self, prometheus::Error> {
        let r = Registry::new();
        info(&r, "pipelock_info", "Version of the running gateway.", &[("version", version)])?;
        let build = [("version", version), ("tls_provider", "aws_lc_rs"), ("arch", std::env::consts::ARCH)];
        info(&r, "pipelock_build_info", "What the running gateway was built of.", &build)?;
        Ok(Self(Arc::new(Families {
            connections: counters(
                &r,
                "pipelock_connections_total",
                "Connections that ended, by front door, protocol and policy decision.",
                &["front_door", "protocol", "decision"],
            )?,
            connections_active: add(
                &r,
                IntGaugeVec::new(Opts::new("pipelock_connections_active", "Connections open now."), &["front_door"])?,
            )?,
            connection_duration: histograms(
                &r,
                "pipelock_connection_duration_seconds",
                "From accept to close.",
                &["decision"],
            )?,
            bytes: counters(
                &r,
                "pipelock_bytes_total",
                "Bytes sent (up) and received (down) by workloads.",
                &["direction", "decision"],
            )?,
            policy_decisions: counters(
                &r,
                "pipelock_policy_decisions_total",
                "Policy decisions on connections, with their reason.",
                &["decision", "reason"],
            )?,
            name_bindings: counters(
                &r,
                "pipelock_name_bindings_total",
                "Names that a rule would relay unopened, by what bound them to the address; none: opened or refused.",
                &["source"],
            )?,
            orig_dst_missing: counter(
                &r,
                "pipelock_orig_dst_missing_total",
                "Accepted sockets without a recorded original destination; each was reset.",
            )?,
            upstream_connect_duration: histogram(
                &r,
                "pipelock_upstream_connect_duration_seconds",
                "TCP connect to the original destination.",
            )?,
            upstream_errors: counters(&r, "pipelock_upstream_errors_total", "Upstream failures by class.", &["class"])?,
            client_tls_rejected: counter(
                &r,
                "pipelock_client_tls_rejected_total",
                "Workloads that refused the gateway's certificate; none was passed through.",
            )?,
            client_certificate_requested: counter(
                &r,
                "pipelock_upstream_client_cert_requested_total",
                "Upstreams that asked for a client certificate when their TLS was opened.",
            )?,
            tls_intercept: counters(
                &r,
                "pipelock_tls_intercept_total",
                "Attempts to open TLS, by outcome.",
                &["outcome"],
            )?,
            tls_handshake_duration: histograms(
                &r,
                "pipelock_tls_handshake_duration_seconds",
                "TLS handshakes by side.",
                &["side"],
            )?,
            tls_cert_cache_size: gauge(&r, "pipelock_tls_cert_cache_size", "Leaf certificates in the cache.")?,
            leaf_mint_duration: histogram(&r, "pipelock_leaf_mint_duration_seconds", "Minting one leaf certificate.")?,
            requests: counters(
                &r,
                "pipelock_requests_total",
                "Requests on intercepted connections, by result.",
                &["result", "agent"],
            )?,
            request_duration: histogram(
                &r,
                "pipelock_request_duration_seconds",
                "From request head to the end of the response.",
            )?,
            http_requests: counters(
                &r,
                "pipelock_http_requests_total",
                "Requests by front door, version, status class and action.",
                &["front_door", "version", "status_class", "action"],
            )?,
            scan_duration: histogram(&r, "pipelock_scan_duration_seconds", "Time one request spent being judged.")?,
            blocks: counters(&r, "pipelock_blocks_total", "Requests blocked, by reason.", &["reason"])?,
            blocked_hosts: Frequent::default(),
            findings: counters(
                &r,
                "pipelock_findings_total",
                "Findings by rule, family, severity and the action their request got.",
                &["rule", "family", "severity", "action"],
            )?,
            scanner_hits: counters(
                &r,
                "pipelock_scanner_hits_total",
                "Requests in which a scanner found something.",
                &["scanner", "agent"],
            )?,
            body_dlp_hits: counters(
                &r,
                "pipelock_body_dlp_hits_total",
                "Requests with a secret in the body or its trailers.",
                &["action", "agent"],
            )?,
            header_dlp_hits: counters(
                &r,
                "pipelock_header_dlp_hits_total",
                "Requests with a secret in a header field.",
                &["action", "agent"],
            )?,
            tunnels: counters(
                &r,
                "pipelock_tunnels_total",
                "CONNECT requests on the explicit proxy port, by result.",
                &["result", "agent"],
            )?,
            tunnels_active: gauge(&r, "pipelock_active_tunnels", "CONNECT tunnels open now.")?,
            explicit_requests: counters(
                &r,
                "pipelock_explicit_requests_total",
                "Requests on the explicit proxy port, by kind and outcome.",
                &["kind", "outcome"],
            )?,
            environment_reads: counters(
                &r,
                "pipelock_environment_reads_total",
                "Connections before which the workload's environment was looked at for secrets, by outcome.",
                &["outcome"],
            )?,
            ws_connections: counters(
                &r,
                "pipelock_ws_connections_total",
                "WebSocket connections that ended, by result.",
                &["result"],
            )?,
            ws_active: gauge(&r, "pipelock_ws_active_connections", "WebSocket connections open now.")?,
            ws_duration: add(
                &r,
                Histogram::with_opts(
                    HistogramOpts::new("pipelock_ws_duration_seconds", "From handshake to close of a WebSocket.")
                        .buckets(vec![0.1, 1.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0]),
                )?,
            )?,
            ws_bytes: counters(
                &r,
                "pipelock_ws_bytes_total",
                "Bytes of WebSocket frames, counted when the connection ends.",
                &["direction"],
            )?,
            ws_frames: counters(
                &r,
                "pipelock_ws_frames_total",
                "WebSocket frames, counted when the connection ends.",
                &["type"],
            )?,
            ws_scan_hits: counters(
                &r,
                "pipelock_ws_scan_hits_total",
                "WebSocket connections in which a scanner found something.",
                &["scanner"],
            )?,
            receipts: counter(&r, "pipelock_receipts_total", "Signed receipts that are on disk.")?,
            emitted: counters(&r, "pipelock_emit_events_total", "Events that a receiver took.", &["receiver"])?,
            emit_dropped: counters(
                &r,
                "pipelock_emit_dropped_total",
                "Events that did not reach a receiver, by cause.",
                &["receiver", "cause"],
            )?,
            receipts_lost: counters(
                &r,
                "pipelock_receipts_lost_total",
                "Receipts that were not written, by cause.",
                &["cause"],
            )?,
            records_lost: counters(
                &r,
                "pipelock_audit_records_lost_total",
                "Audit records and summary lines that were not written, by cause.",
                &["cause"],
            )?,
            mcp_requests: counters(
                &r,
                "pipelock_mcp_requests_total",
                "Messages of MCP clients, by revision, kind of method and outcome.",
                &["era", "method_class", "outcome"],
            )?,
            mcp_streams: gauge(&r, "pipelock_mcp_streams", "Event streams open now on the MCP port.")?,
            mcp_drift: counter(&r, "pipelock_mcp_tool_drift_total", "Tool definitions that changed.")?,
            mcp_state_unavailable: counter(
                &r,
                "pipelock_mcp_state_unavailable_total",
                "Times that shared MCP state could not be reached.",
            )?,
            panics: counter(&r, "pipelock_panics_total", "Tasks that panicked; each took only its own connection.")?,
            config_reloads: counters(
                &r,
                "pipelock_config_reloads_total",
                "Attempts to put a changed configuration in force, by result.",
                &["result"],
            )?,
            config_stale: gauge(
                &r,
                "pipelock_config_stale",
                "1 while the files on disk are not what is in force, because they are wrong.",
            )?,
            snapshot_epoch: gauge(&r, "pipelock_snapshot_epoch", "How many configurations were in force so far.")?,
            policy_cut: counter(
                &r,
                "pipelock_policy_cut_total",
                "Relayed connections that were cut because a changed configuration does not relay them.",
            )?,
            http2_floods: counter(
                &r,
                "pipelock_http2_floods_total",
                "HTTP/2 connections that were ended because the workload flooded them with frames.",
            )?,
            ca_not_after: gauge(
                &r,
                "pipelock_ca_not_after_timestamp_seconds",
                "When the certificate that signs leaves ends, in seconds since 1970.",
            )?,
            ca_epoch: gauge(&r, "pipelock_ca_epoch", "How many authorities have signed leaves so far.")?,
            kill_switch_active: add(
                &r,
                IntGaugeVec::new(
                    Opts::new("pipelock_kill_switch_active", "1 while this source refuses everything."),
                    &["source"],
                )?,
            )?,
            kill_switch_denials: counters(
                &r,
                "pipelock_kill_switch_denials_total",
                "What was refused because the kill switch was on.",
                &["transport"],
            )?,
            sessions_active: gauge(&r, "pipelock_sessions_active", "Sessions remembered.")?,
            session_escalations: counters(
                &r,
                "pipelock_session_escalations_total",
                "Sessions that reached a higher level.",
                &["from", "to"],
            )?,
            session_anomalies: counter(
                &r,
                "pipelock_session_anomalies_total",
                "Requests that were unusual for their session.",
            )?,
            rules_seen: Mutex::default(),
            registry: r,
        })))
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
        if let Some(counts) = &record.websocket {
            self.websocket(record, counts);
        }
    }

    fn websocket(&self, record: &RequestRecord, counts: &WebSocketRecord) {
        let f = &*self.0;
        let result = if record.verdict.is_block() { "blocked" } else { "allowed" };
        f.ws_connections.with_label_values(&[result]).inc();
        f.ws_duration.observe(record.duration.as_secs_f64());
        f.ws_bytes.with_label_values(&["up"]).inc_by(record.request_bytes);
        f.ws_bytes.with_label_values(&["down"]).inc_by(record.response_bytes);
        for (kind, frames) in counts.frames() {
            f.ws_frames.with_label_values(&[kind]).inc_by(frames);
        }
        for scanner in scanners(&record.verdict) {
            f.ws_scan_hits.with_label_values(&[scanner]).inc();
        }
    }

    /// Counts a WebSocket connection as open until the guard is dropped.
    pub fn websocket_opened(&self) -> OpenGauge {
        OpenGauge::enter(self.0.ws_active.clone())
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

    /// Counts a request that was unusual for its session.
    pub fn session_anomaly(&self) {
        self.0.session_anomalies.inc();
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

    /// Sets which configuration is in force, and counts the relayed connections that it ended.
    pub fn snapshot_replaced(&self, epoch: u64, cut: usize) {
        self.0.snapshot_epoch.set(i64::try_from(epoch).unwrap_or(i64::MAX));
        self.0.policy_cut.inc_by(cut as u64);
    }

    /// Counts an HTTP/2 connection that was ended because of a flood of frames.
    pub fn http2_flood(&self) {
        self.0.http2_floods.inc();
    }

    /// Sets when the signing certificate ends, and counts another one when it is `new`.
    pub fn ca_in_force(&self, not_after: SystemTime, new: bool) {
        let seconds = not_after.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        self.0.ca_not_after.set(i64::try_from(seconds).unwrap_or(i64::MAX));
        if new {
            self.0.ca_epoch.inc();
        }
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

fn add<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    add(registry, IntCounter::new(name, help)?)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    add(registry, IntGauge::new(name, help)?)
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    add(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn histogram(registry: &Registry, name: &str, help: &str) -> Result<Histogram, prometheus::Error> {
    add(registry, Histogram::with_opts(HistogramOpts::new(name, help).buckets(LATENCY_BUCKETS.to_vec()))?)
}

fn histograms(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<HistogramVec, prometheus::Error> {
    add(registry, HistogramVec::new(HistogramOpts::new(name, help).buckets(LATENCY_BUCKETS.to_vec()), labels)?)
}

/// A gauge that is always 1 and carries facts in its labels.
fn info(registry: &Registry, name: &str, help: &str, facts: &[(&str, &str)]) -> Result<(), prometheus::Error> {
    let opts = facts.iter().fold(Opts::new(name, help), |opts, (label, value)| opts.const_label(*label, *value));
    add(registry, IntGauge::with_opts(opts)?)?.set(1);
    Ok(())
}
