//! The handle as stages use it, and the records the tests of its parts share.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{
    Action, BlockReason, CgroupId, ConnId, Decision, Evidence, Family, Finding, FrontDoor, HttpVersion,
    InterceptReason, NetnsCookie, OriginalDst, PeerName, Protocol, RequestId, ServerName, Severity, Surface, Verdict,
    View, WebSocketRecord, Workload,
};

pub(super) fn workload() -> Workload {
    Workload {
        cgroup: CgroupId(4242),
        netns: NetnsCookie(7),
        pid: 1234,
        uid: 1000,
        executable: Some("/usr/bin/ruby".into()),
        target: None,
    }
}

pub(super) fn dns(name: &str) -> PeerName {
    PeerName::Dns(ServerName::parse(name).unwrap())
}

/// An intercepted connection that closed in an orderly way.
pub(super) fn connection(id: u64) -> ConnectionRecord {
    ConnectionRecord {
        id: ConnId(id),
        front_door: FrontDoor::Captured,
        workload: Some(workload()),
        peer: "127.0.0.1:53210".parse().unwrap(),
        original_dst: Some(OriginalDst::new("203.0.113.10:443".parse().unwrap())),
        name: Some(dns("api.example.test")),
        protocol: Some(Protocol::Tls),
        decision: Some(Decision::Intercept(InterceptReason::Default)),
        binding: None,
        requests: 2,
        bytes_up: 1500,
        bytes_down: 900,
        duration: Duration::from_millis(73),
        end: ConnectionEnd::Closed,
    }
}

/// A request that went through.
pub(super) fn request(conn: u64, sequence: u32) -> RequestRecord {
    RequestRecord {
        id: RequestId { instance: 0xabcd_1234, conn: ConnId(conn), sequence },
        front_door: FrontDoor::Captured,
        workload: Some(workload()),
        client: Some("127.0.0.1".parse().unwrap()),
        original_dst: Some(OriginalDst::new("203.0.113.10:443".parse().unwrap())),
        host: "api.example.test".into(),
        scheme: "https",
        version: HttpVersion::Http1,
        method: "POST".into(),
        path: "/v1/chat".into(),
        status: Some(200),
        request_bytes: 512,
        response_bytes: 64,
        duration: Duration::from_millis(12),
        scan_duration: Duration::from_micros(340),
        verdict: Verdict::allow(),
        websocket: None,
        mcp: None,
    }
}

pub(super) fn finding(rule: &str, severity: Severity, surface: Surface) -> Finding {
    Finding {
        rule: rule.into(),
        family: Family::Dlp,
        severity,
        surface,
        view: View::Raw,
        span: 17..57,
        evidence: Evidence { len: 40, fingerprint: 0x0012_3456_789a_bcde },
    }
}

/// A request that was stopped for a secret in its body.
pub(super) fn blocked(conn: u64, sequence: u32) -> RequestRecord {
    let findings = vec![finding("GitHub Token", Severity::Critical, Surface::RequestBody)];
    RequestRecord {
        status: Some(403),
        verdict: Verdict { action: Action::Block, reason: Some(BlockReason::Secret), findings, ..Verdict::default() },
        ..request(conn, sequence)
    }
}

/// A WebSocket connection that was stopped in the middle.
pub(super) fn conversation(conn: u64, sequence: u32) -> RequestRecord {
    let counts = WebSocketRecord { text: 7, continuation: 2, ping: 1, pong: 1, ..WebSocketRecord::default() };
    let websocket = WebSocketRecord { messages_up: 3, messages_down: 4, closed_with: Some(1008), ..counts };
    RequestRecord { status: Some(101), websocket: Some(websocket), ..blocked(conn, sequence) }
}

fn report(audit: AuditOptions) -> Report {
    Report::open(Options { version: "1.2.3", audit, summary: None, flight: None, emit: emit::EmitOptions::default() })
        .unwrap()
}

#[test]
fn concurrent_stages_lose_no_record_and_tear_no_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let report = report(AuditOptions { output: AuditOutput::File(path.clone()), ..AuditOptions::default() });
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let report = report.clone();
            scope.spawn(move || {
                for i in 0..100 {
                    report.request(blocked(worker, i));
                }
                report.connection(super::tests::connection(worker));
            });
        }
    });
    report.close(Duration::from_secs(10)).unwrap();

    let text = std::fs::read_to_string(&path).unwrap();
    let events: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |event: &str| events.iter().filter(|e| e["event"] == event).count();
    // Beside each request the event that the reference would have written.
    assert_eq!((count("blocked"), count("body_dlp"), count("connection"), events.len()), (800, 800, 8, 1608));
    assert!(report.metrics().render().contains("pipelock_requests_total{agent=\"_default\",result=\"blocked\"} 800\n"));
}

#[test]
fn an_audit_file_that_cannot_be_opened_is_named() {
    let options = AuditOptions { output: AuditOutput::File("/nonexistent/audit.jsonl".into()), ..Default::default() };
    let error = Report::open(Options {
        version: "1",
        audit: options,
        summary: None,
        flight: None,
        emit: emit::EmitOptions::default(),
    })
    .unwrap_err();
    assert_eq!(error.to_string(), "cannot open audit log /nonexistent/audit.jsonl");
    assert!(std::error::Error::source(&error).is_some());
}

/// Collects what is logged, so that the hint to the operator can be read back.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_client_that_refuses_our_certificate_is_told_of_once_with_the_line_to_add() {
    let log = Captured::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || sink.clone()).finish();
    let report = report(AuditOptions::default());
    let rejected = |id| ConnectionRecord {
        end: ConnectionEnd::DownstreamRejectedCertificate { detail: "alert \u{1b}[2Junknown_ca".into() },
        ..connection(id)
    };
    tracing::subscriber::with_default(subscriber, || {
        report.connection(rejected(1));
        report.connection(rejected(2));
        report.connection(ConnectionRecord { name: Some(dns("other.example.test")), ..rejected(3) });
    });

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    for host in ["api.example.test", "other.example.test"] {
        assert!(text.contains(&format!("tls_interception.passthrough_domains: [\"{host}\"]")), "{text}");
    }
    assert!(text.contains("NOT passed through") && text.contains("unknown_ca") && !text.contains('\u{1b}'), "{text}");
    assert!(report.metrics().render().contains("pipelock_client_tls_rejected_total 3\n"));
}
