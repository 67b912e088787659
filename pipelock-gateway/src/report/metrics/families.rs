//! The families of the registry: name, help, labels. What is counted in them is `super`'s.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::stats::Frequent;

/// Bounds of every latency histogram, in seconds: 100 µs, below which the hot path lies, to 10 s.
pub(super) const LATENCY_BUCKETS: [f64; 16] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Debug)]
pub(super) struct Families {
    pub(super) registry: Registry,
    pub(super) connections: IntCounterVec,
    pub(super) connections_active: IntGaugeVec,
    pub(super) connection_duration: HistogramVec,
    pub(super) bytes: IntCounterVec,
    pub(super) policy_decisions: IntCounterVec,
    pub(super) name_bindings: IntCounterVec,
    pub(super) orig_dst_missing: IntCounter,
    pub(super) upstream_connect_duration: Histogram,
    pub(super) upstream_errors: IntCounterVec,
    pub(super) client_tls_rejected: IntCounter,
    pub(super) client_certificate_requested: IntCounter,
    pub(super) tls_intercept: IntCounterVec,
    pub(super) tls_handshake_duration: HistogramVec,
    pub(super) tls_cert_cache_size: IntGauge,
    pub(super) leaf_mint_duration: Histogram,
    pub(super) requests: IntCounterVec,
    pub(super) request_duration: Histogram,
    pub(super) http_requests: IntCounterVec,
    pub(super) scan_duration: Histogram,
    pub(super) blocks: IntCounterVec,
    /// For `/stats`; never a label.
    pub(super) blocked_hosts: Frequent,
    pub(super) findings: IntCounterVec,
    pub(super) scanner_hits: IntCounterVec,
    pub(super) body_dlp_hits: IntCounterVec,
    pub(super) header_dlp_hits: IntCounterVec,
    pub(super) tunnels: IntCounterVec,
    pub(super) tunnels_active: IntGauge,
    pub(super) explicit_requests: IntCounterVec,
    pub(super) environment_reads: IntCounterVec,
    pub(super) ws_connections: IntCounterVec,
    pub(super) ws_active: IntGauge,
    pub(super) ws_duration: Histogram,
    pub(super) ws_bytes: IntCounterVec,
    pub(super) ws_frames: IntCounterVec,
    pub(super) ws_scan_hits: IntCounterVec,
    pub(super) records_lost: IntCounterVec,
    pub(super) receipts: IntCounter,
    pub(super) receipts_lost: IntCounterVec,
    pub(super) emitted: IntCounterVec,
    pub(super) emit_dropped: IntCounterVec,
    pub(super) mcp_requests: IntCounterVec,
    pub(super) mcp_streams: IntGauge,
    pub(super) mcp_drift: IntCounter,
    pub(super) mcp_state_unavailable: IntCounter,
    pub(super) scan_api_requests: IntCounterVec,
    pub(super) scan_api_duration: HistogramVec,
    pub(super) scan_api_findings: IntCounterVec,
    pub(super) scan_api_errors: IntCounterVec,
    pub(super) scan_api_inflight: IntGauge,
    pub(super) panics: IntCounter,
    pub(super) config_reloads: IntCounterVec,
    pub(super) config_stale: IntGauge,
    pub(super) snapshot_epoch: IntGauge,
    pub(super) policy_cut: IntCounter,
    pub(super) http2_floods: IntCounter,
    pub(super) limits: IntCounterVec,
    pub(super) dns_queries: IntCounterVec,
    pub(super) binary_bytes: IntCounterVec,
    pub(super) binary_answers: IntCounterVec,
    pub(super) ca_not_after: IntGauge,
    pub(super) ca_epoch: IntGauge,
    pub(super) kill_switch_active: IntGaugeVec,
    pub(super) kill_switch_denials: IntCounterVec,
    pub(super) sessions_active: IntGauge,
    pub(super) session_escalations: IntCounterVec,
    pub(super) session_anomalies: IntCounterVec,
    pub(super) session_taints: IntCounterVec,
    pub(super) pieces_matched: IntCounter,
    pub(super) suppressed: IntCounterVec,
    pub(super) rules_seen: Mutex<HashSet<Arc<str>>>,
}

impl Families {
    /// All families, at zero.
    pub(super) fn register(version: &str) -> Result<Self, prometheus::Error> {
        let r = Registry::new();
        info(&r, "pipelock_info", "Version of the running gateway.", &[("version", version)])?;
        let build = [("version", version), ("tls_provider", "aws_lc_rs"), ("arch", std::env::consts::ARCH)];
        info(&r, "pipelock_build_info", "What the running gateway was built of.", &build)?;
        Ok(Self {
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
                "Bytes of WebSocket frames that went on.",
                &["direction"],
            )?,
            ws_frames: counters(&r, "pipelock_ws_frames_total", "WebSocket frames that came.", &["type"])?,
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
                "Connections that were cut, relayed or in the middle of a request, because a changed configuration forbids them.",
            )?,
            dns_queries: counters(
                &r,
                "pipelock_dns_queries_total",
                "DNS queries of captured workloads by what became of them.",
                &["outcome"],
            )?,
            http2_floods: counter(
                &r,
                "pipelock_http2_floods_total",
                "HTTP/2 connections that were ended because the workload flooded them with frames.",
            )?,
            limits: counters(
                &r,
                "pipelock_limit_reached_total",
                "Times that a bound of the configuration was reached, by its key in limits.",
                &["limit"],
            )?,
            binary_bytes: counters(
                &r,
                "pipelock_binary_bytes_total",
                "Bytes of request bodies, and of parts of them, of types that are no text.",
                &["class"],
            )?,
            binary_answers: counters(
                &r,
                "pipelock_binary_answers_total",
                "Answers of types that are no text, which are not looked into.",
                &["class"],
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
            session_anomalies: counters(
                &r,
                "pipelock_session_anomalies_total",
                "What was unusual for a session.",
                &["type"],
            )?,
            session_taints: counters(
                &r,
                "pipelock_session_taints_total",
                "Sessions that were given untrusted text.",
                &["taint"],
            )?,
            suppressed: counters(
                &r,
                "pipelock_suppressed_findings_total",
                "Findings that `suppress` left out, by rule.",
                &["rule"],
            )?,
            pieces_matched: counter(
                &r,
                "pipelock_cross_request_dlp_match_total",
                "Secrets that were sent in pieces, one request each.",
            )?,
            scan_api_requests: counters(
                &r,
                "pipelock_scan_api_requests_total",
                "Questions to the Scan API.",
                &["kind", "decision", "status_code"],
            )?,
            scan_api_duration: histograms(
                &r,
                "pipelock_scan_api_duration_seconds",
                "From a question's head to its answer.",
                &["kind"],
            )?,
            scan_api_findings: counters(
                &r,
                "pipelock_scan_api_findings_total",
                "What was found in questions to the Scan API.",
                &["kind", "scanner", "severity"],
            )?,
            scan_api_errors: counters(
                &r,
                "pipelock_scan_api_errors_total",
                "Questions to the Scan API that were not judged.",
                &["kind", "error_code"],
            )?,
            scan_api_inflight: gauge(
                &r,
                "pipelock_scan_api_inflight_requests",
                "Questions to the Scan API that are being answered.",
            )?,
            rules_seen: Mutex::default(),
            registry: r,
        })
    }
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
