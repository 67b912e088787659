//! Lines as a log pipeline receives them: from a file written by the real writer, except for the snapshots of both shapes.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::model::{Action, BlockReason, Decision, DenyReason, Severity, Surface, Verdict};
use crate::report::tests::{blocked, connection, conversation, finding, request};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// Logs into a file through `f` and returns what is in it.
fn logged(mut options: AuditOptions, f: impl FnOnce(&AuditLog)) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    options.output = AuditOutput::File(path.clone());
    let log = AuditLog::open(options, &Metrics::new("t")).unwrap();
    f(&log);
    log.close(soon()).unwrap();
    std::fs::read_to_string(path).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
}

fn formatted(format: AuditFormat, records: Vec<Record>) -> String {
    let time: Timestamp = "2026-05-04T03:02:01.987654Z".parse().unwrap();
    let mut out = Vec::new();
    for record in records {
        Entry { time, format, record: Box::new(record) }.append_to(&mut out);
    }
    String::from_utf8(out).unwrap()
}

fn one_of_each() -> Vec<Record> {
    let rejected = ConnectionEnd::DownstreamRejectedCertificate { detail: "alert unknown_ca".into() };
    let failed = ConnectionEnd::Failed { side: Side::Upstream, detail: "connection \"reset\" by peer".into() };
    let denied = ConnectionRecord {
        workload: None,
        original_dst: None,
        name: None,
        protocol: None,
        decision: Some(Decision::Deny(DenyReason::NotSteered)),
        end: ConnectionEnd::Denied,
        ..connection(4)
    };
    vec![
        Record::Connection(connection(1)),
        Record::Connection(ConnectionRecord { end: rejected, ..connection(2) }),
        Record::Connection(ConnectionRecord { end: failed, ..connection(3) }),
        Record::Connection(denied),
        Record::Request { record: request(1, 1), findings_omitted: 0 },
        Record::Request { record: blocked(1, 2), findings_omitted: 0 },
        Record::Request { record: conversation(1, 4), findings_omitted: 0 },
        Record::Request { record: RequestRecord { status: None, ..request(1, 3) }, findings_omitted: 0 },
    ]
}

#[test]
fn json_lines_have_the_documented_shape() {
    insta::assert_snapshot!("audit_json", formatted(AuditFormat::Json, one_of_each()));
}

#[test]
fn text_lines_have_the_documented_shape() {
    insta::assert_snapshot!("audit_text", formatted(AuditFormat::Text, one_of_each()));
}

#[test]
fn hostile_text_reaches_neither_a_terminal_nor_another_record() {
    let mut record = request(1, 1);
    record.host = "good.test\u{202e}".into();
    record.method = "GET\r\nforged".into();
    record.path = format!("/a\u{1b}]0;owned\u{7}\n{{\"event\":\"blocked\"}}{}", "x".repeat(5000));
    let mut end = connection(1);
    end.end = ConnectionEnd::Failed { side: Side::Upstream, detail: "evil\u{9b}2J\nline".repeat(100) };
    if let Some(workload) = &mut end.workload {
        workload.executable = Some("/tmp/\u{1b}[31mruby".into());
    }
    for format in [AuditFormat::Json, AuditFormat::Text] {
        let text = logged(AuditOptions { format, ..AuditOptions::default() }, |log| {
            log.request(record.clone());
            log.connection(end.clone());
        });
        assert_eq!(text.lines().count(), 2, "{text}");
        let hostile = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!text.contains(hostile), "{text:?}");
        assert!(!text.contains("\\u{") && !text.contains("\\u0"), "removed, not escaped: {text}");
        assert!(text.len() < 6000, "a record is bounded: {}", text.len());
    }
}

#[test]
fn the_include_switches_drop_requests_and_never_connections() {
    for (include_allowed, include_blocked, want) in [
        (true, true, vec!["allowed", "allowed", "blocked", "connection"]),
        (false, true, vec!["blocked", "connection"]),
        (true, false, vec!["allowed", "allowed", "connection"]),
        (false, false, vec!["connection"]),
    ] {
        let text = logged(AuditOptions { include_allowed, include_blocked, ..AuditOptions::default() }, |log| {
            log.request(request(1, 1));
            let mut warned = blocked(1, 2);
            warned.verdict.action = Action::Warn;
            log.request(warned);
            log.request(blocked(1, 3));
            log.connection(connection(1));
        });
        let events: Vec<_> = lines(&text).iter().map(|l| l["event"].as_str().unwrap().to_owned()).collect();
        assert_eq!(events, want);
    }
}

#[test]
fn a_request_with_very_many_findings_stays_one_bounded_record() {
    let mut record = request(1, 1);
    let findings = vec![finding("Generic Secret", Severity::Low, Surface::RequestBody); 1000];
    record.verdict =
        Verdict { action: Action::Block, reason: Some(BlockReason::ScanLimit), findings, ..Verdict::default() };
    let text = logged(AuditOptions::default(), |log| log.request(record));
    let line = &lines(&text)[0];
    assert_eq!((line["findings"].as_array().unwrap().len(), &line["findings_omitted"]), (64, &Value::from(936)));
}

#[test]
fn the_file_is_private_and_appended_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    for _ in 0..2 {
        let options = AuditOptions { output: AuditOutput::File(path.clone()), ..AuditOptions::default() };
        let log = AuditLog::open(options, &Metrics::new("t")).unwrap();
        log.connection(connection(1));
        log.close(soon()).unwrap();
    }
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(lines(&std::fs::read_to_string(&path).unwrap()).len(), 2);
}

#[test]
fn a_full_disk_loses_records_counts_them_and_stops_nothing() {
    let metrics = Metrics::new("t");
    // The device every write to which fails with ENOSPC.
    let options = AuditOptions { output: AuditOutput::File("/dev/full".into()), ..AuditOptions::default() };
    let log = AuditLog::open(options, &metrics).unwrap();
    for i in 0..1000 {
        log.request(request(1, i));
    }
    log.close(soon()).unwrap();
    let text = metrics.render();
    assert!(text.contains("pipelock_audit_records_lost_total{cause=\"write_error\"} 1000\n"), "{text}");
}

#[test]
fn without_an_output_nothing_is_queued() {
    let log = AuditLog::open(AuditOptions::default(), &Metrics::new("t")).unwrap();
    assert!(log.writer.is_none());
    log.request(request(1, 1));
    log.close(Instant::now()).unwrap();
}
