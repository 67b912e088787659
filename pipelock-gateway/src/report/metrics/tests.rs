//! The exposition text as a scraper reads it, and the list of names documentation is checked against.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::families::LATENCY_BUCKETS;
use super::*;
use crate::capture::{Counters, TargetCounters};
use crate::model::{Action, PassthroughReason, Severity, View};
use crate::report::tests::{blocked, connection, conversation, finding, request};

/// A parser of the text format that accepts nothing but what the format allows: `# HELP`, `# TYPE`, then samples of that
/// family; returns kinds by name and values by series.
fn parse(text: &str) -> (BTreeMap<String, String>, BTreeMap<String, f64>) {
    let (mut kinds, mut samples) = (BTreeMap::new(), BTreeMap::new());
    let mut family = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            assert!(help.ends_with('.'), "help of {name} is a sentence: {help}");
            name.clone_into(&mut family);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(name, family);
            assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let name = series.split('{').next().unwrap_or_default();
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            assert!(name == family || base == Some(family.as_str()), "{line} under {family}");
            assert!(!series.contains('{') || series.ends_with('}'), "{line}");
            assert!(samples.insert(series.to_owned(), value.parse().expect("a number")).is_none(), "{series} twice");
        }
    }
    (kinds, samples)
}

/// Touches every family once, because a vector shows nothing before its first use.
fn touch_all(metrics: &Metrics) {
    metrics
        .watch_kernel(Box::new(|| {
            Some(Counters { redirected: 5, bypassed: 4, denied: 3, lost: 2, failed_open: 1, observed: 6, dns: 7 })
        }))
        .unwrap();
    metrics.watch_targets(Box::new(|| vec![target("pod", 3)])).unwrap();
    drop(metrics.connection_opened(FrontDoor::Captured));
    drop(metrics.tunnel_opened());
    metrics.connection(&connection(1));
    metrics.request(&blocked(1, 1));
    let header = finding("AWS Access Key", Severity::Critical, Surface::RequestHeader);
    let mut warned = request(1, 2);
    warned.verdict =
        Verdict { action: Action::Warn, reason: None, findings: vec![header.clone(), header], ..Verdict::default() };
    metrics.request(&warned);
    metrics.config_reloaded(true);
    drop(metrics.scan_api_asked());
    metrics.session_anomaly("domain_burst");
    metrics.session_tainted("hostile");
    metrics.pieces_matched();
    metrics.suppressed("GitHub Token");
    metrics.scan_api_answered("dlp", "deny", "200", Duration::from_millis(2));
    metrics.scan_api_found("dlp", "dlp", "critical");
    metrics.scan_api_failed("unknown", "unauthorized");
    metrics.request(&conversation(1, 3));
    let websocket = metrics.websocket_opened();
    (0..7).for_each(|_| websocket.frame("text"));
    websocket.passed(true, 512);
    drop(websocket);
    metrics.upstream_connected(Duration::from_micros(400));
    metrics.upstream_error(UpstreamError::Refused);
    metrics.tls_intercept(TlsIntercept::Intercepted);
    metrics.tls_handshake(Side::Upstream, Duration::from_millis(3));
    metrics.tls_cert_cache_size(3);
    metrics.leaf_minted(Duration::from_micros(90));
    metrics.explicit_request(ExplicitKind::Connect, ExplicitOutcome::Blocked);
    metrics.environment_read(EnvironmentRead::Read);
    metrics.mcp_message("unsaid", "tools/call", "allow");
    metrics.records_lost(RecordLoss::QueueFull, 2);
    metrics.receipts_lost(RecordLoss::QueueFull, 1);
    metrics.emitted("webhook");
    metrics.emit_dropped("webhook", RecordLoss::QueueFull, 1);
    metrics.panicked();
}

#[test]
fn the_exposition_parses_and_says_what_happened() {
    let metrics = Metrics::new("1.2.3");
    touch_all(&metrics);
    let (kinds, samples) = parse(&metrics.render());
    for (series, want) in [
        (r#"pipelock_info{version="1.2.3"}"#, 1.0),
        (r#"pipelock_connections_total{decision="intercept",front_door="captured",protocol="tls"}"#, 1.0),
        (r#"pipelock_connections_active{front_door="captured"}"#, 0.0),
        (r#"pipelock_policy_decisions_total{decision="intercept",reason="default"}"#, 1.0),
        (r#"pipelock_bytes_total{decision="intercept",direction="up"}"#, 1500.0),
        (r#"pipelock_bytes_total{decision="intercept",direction="down"}"#, 900.0),
        (r#"pipelock_requests_total{agent="_default",result="allowed"}"#, 1.0),
        (r#"pipelock_requests_total{agent="_default",result="blocked"}"#, 2.0),
        (
            r#"pipelock_http_requests_total{action="block",front_door="captured",status_class="4xx",version="http1"}"#,
            1.0,
        ),
        (r#"pipelock_blocks_total{reason="secret"}"#, 2.0),
        (r#"pipelock_findings_total{action="warn",family="dlp",rule="AWS Access Key",severity="critical"}"#, 2.0),
        // Two findings in one request are one hit of the scanner.
        (r#"pipelock_scanner_hits_total{agent="_default",scanner="dlp"}"#, 3.0),
        (r#"pipelock_body_dlp_hits_total{action="block",agent="_default"}"#, 2.0),
        (r#"pipelock_header_dlp_hits_total{action="warn",agent="_default"}"#, 1.0),
        (r#"pipelock_tunnels_total{agent="_default",result="blocked"}"#, 1.0),
        (r#"pipelock_ws_connections_total{result="blocked"}"#, 1.0),
        (r#"pipelock_ws_frames_total{type="text"}"#, 7.0),
        (r#"pipelock_ws_bytes_total{direction="up"}"#, 512.0),
        (r#"pipelock_ws_scan_hits_total{scanner="dlp"}"#, 1.0),
        ("pipelock_ws_active_connections", 0.0),
        ("pipelock_tls_cert_cache_size", 3.0),
        ("pipelock_kernel_redirected_total", 5.0),
        ("pipelock_kernel_lost_total", 2.0),
        (r#"pipelock_upstream_connect_duration_seconds_bucket{le="0.0005"}"#, 1.0),
        (r#"pipelock_upstream_connect_duration_seconds_bucket{le="0.00025"}"#, 0.0),
        (r#"pipelock_upstream_connect_duration_seconds_bucket{le="+Inf"}"#, 1.0),
    ] {
        assert_eq!(samples.get(series), Some(&want), "{series}");
    }
    assert_eq!(kinds["pipelock_kernel_denied_total"], "counter");
    let buckets = samples.keys().filter(|s| s.starts_with("pipelock_scan_duration_seconds_bucket")).count();
    assert_eq!(buckets, LATENCY_BUCKETS.len() + 1);
}

#[test]
fn metric_names_are_those_documented() {
    let metrics = Metrics::new("1.2.3");
    touch_all(&metrics);
    let (kinds, samples) = parse(&metrics.render());
    let labels = |name: &str| -> BTreeSet<String> {
        let series = samples.keys().filter(|s| {
            let base = s.split('{').next().unwrap_or_default();
            base == name || ["_bucket", "_sum", "_count"].iter().any(|x| base.strip_suffix(x) == Some(name))
        });
        let names = series.filter_map(|s| s.split_once('{')).flat_map(|(_, rest)| {
            rest.trim_end_matches('}').split("\",").filter_map(|l| l.split_once('=')).map(|(k, _)| k.to_owned())
        });
        names.filter(|label| label != "le").collect()
    };
    let list: Vec<String> = kinds
        .iter()
        .map(|(name, kind)| format!("{name} {kind} {{{}}}", labels(name).into_iter().collect::<Vec<_>>().join(",")))
        .collect();
    insta::assert_snapshot!("metric_names", list.join("\n"));
}

#[test]
fn an_open_connection_is_active_until_its_guard_is_dropped() {
    let metrics = Metrics::new("t");
    let guard = metrics.connection_opened(FrontDoor::Explicit);
    let other = metrics.connection_opened(FrontDoor::Explicit);
    assert!(metrics.render().contains("pipelock_connections_active{front_door=\"explicit\"} 2\n"));
    drop((guard, other));
    assert!(metrics.render().contains("pipelock_connections_active{front_door=\"explicit\"} 0\n"));
}

#[test]
fn an_unsteered_socket_counts_as_missing_its_destination() {
    let metrics = Metrics::new("t");
    let mut record = connection(1);
    record.decision = Some(Decision::Deny(DenyReason::NotSteered));
    record.protocol = None;
    record.end = ConnectionEnd::Denied;
    metrics.connection(&record);
    record.decision = Some(Decision::Passthrough(PassthroughReason::Opaque));
    metrics.connection(&record);
    let text = metrics.render();
    assert!(text.contains("pipelock_orig_dst_missing_total 1\n"), "{text}");
    assert!(text.contains(r#"decision="deny",front_door="captured",protocol="none"} 1"#), "{text}");
}

fn target(name: &str, redirected: u64) -> TargetSample {
    let counters = TargetCounters { redirected, ..TargetCounters::default() };
    TargetSample { name: name.to_owned(), protection: "protected", counters, ended: 2 }
}

#[test]
fn targets_are_shown_while_they_are_there_and_in_one_state_each() {
    let metrics = Metrics::new("t");
    let samples = Arc::new(Mutex::new(vec![target("blue", 7), target("red", 1)]));
    let source = Arc::clone(&samples);
    metrics.watch_targets(Box::new(move || source.lock().unwrap().clone())).unwrap();
    let text = metrics.render();
    assert!(text.contains("pipelock_target_redirected_total{target=\"blue\"} 7\n"), "{text}");
    assert!(text.contains("pipelock_target_ended_total{target=\"red\"} 2\n"), "{text}");
    let mut changed = target("blue", 8);
    changed.protection = "unprotected";
    *samples.lock().unwrap() = vec![changed];
    let text = metrics.render();
    assert!(
        text.contains("pipelock_target_redirected_total{target=\"blue\"} 8\n") && !text.contains("red\""),
        "{text}"
    );
    assert!(text.contains("state=\"unprotected\"") && !text.contains("state=\"protected\""), "{text}");
}

#[test]
fn kernel_counters_follow_their_source_and_vanish_when_it_cannot_be_read() {
    let metrics = Metrics::new("t");
    let value = Arc::new(AtomicU64::new(10));
    let source = Arc::clone(&value);
    let read = move || match source.load(Ordering::Relaxed) {
        u64::MAX => None,
        redirected => Some(Counters { redirected, ..Counters::default() }),
    };
    metrics.watch_kernel(Box::new(read)).unwrap();
    // Down again: programs were loaded anew.
    for n in [10, 25, 3] {
        value.store(n, Ordering::Relaxed);
        assert!(metrics.render().contains(&format!("pipelock_kernel_redirected_total {n}\n")));
    }
    value.store(u64::MAX, Ordering::Relaxed);
    assert!(!metrics.render().contains("pipelock_kernel_"));
    assert!(metrics.watch_kernel(Box::new(|| None)).is_err(), "a second source would shadow the first");
}

#[test]
fn rules_beyond_the_bound_share_one_label() {
    let metrics = Metrics::new("t");
    let mut record = blocked(1, 1);
    record.verdict.findings = (0..MAX_RULE_LABELS + 50)
        .map(|i| Finding { view: View::Text, ..finding(&format!("rule {i}"), Severity::High, Surface::Url) })
        .collect();
    metrics.request(&record);
    metrics.request(&record);
    let text = metrics.render();
    let series = text.lines().filter(|line| line.starts_with("pipelock_findings_total{")).count();
    assert_eq!(series, MAX_RULE_LABELS + 1);
    assert!(text.contains(r#"rule="other",severity="high"} 100"#));
}

#[test]
fn upstream_errors_are_classified_by_what_the_system_said() {
    use std::io::{Error, ErrorKind};
    for (kind, class) in [
        (ErrorKind::ConnectionRefused, UpstreamError::Refused),
        (ErrorKind::TimedOut, UpstreamError::Timeout),
        (ErrorKind::NetworkUnreachable, UpstreamError::Unreachable),
        (ErrorKind::ConnectionReset, UpstreamError::Reset),
        (ErrorKind::InvalidData, UpstreamError::Other),
    ] {
        assert_eq!(UpstreamError::of(&Error::from(kind)), class, "{kind:?}");
    }
}
