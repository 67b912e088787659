//! The Scan API over real sockets, before a judge that does what each test needs.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::model::Severity;

const DEADLINE: Duration = Duration::from_secs(20);
const TOKEN: &str = "token-of-one";

/// Denies what holds the word "leak"; "slow" waits until it is let go, "bug" panics.
#[derive(Default)]
struct Double {
    killed: AtomicBool,
    judged: AtomicUsize,
    denied: Mutex<Vec<String>>,
    wait: Mutex<Option<std::sync::mpsc::Receiver<()>>>,
}

impl Judge for Double {
    fn killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    fn judge(&self, question: &Question) -> Judged {
        self.judged.fetch_add(1, Ordering::AcqRel);
        let text = match &question.ask {
            Ask::Url(text) | Ask::Text(text) | Ask::Content(text) => text.clone(),
            Ask::ToolCall { name, arguments } => format!("{name} {arguments}"),
        };
        assert!(text != "bug", "a defect of the judge");
        if text == "slow"
            && let Some(wait) = self.wait.lock().unwrap().take()
        {
            let _ = wait.recv_timeout(DEADLINE);
        }
        let reason = Reason {
            scanner: "dlp",
            rule_id: "DLP-Some-Rule".to_owned(),
            severity: Severity::High,
            message: "Some Rule".to_owned(),
            encoding: Some("decoded"),
        };
        let denied = text.contains("leak");
        Judged { denied, reasons: if denied { vec![reason] } else { Vec::new() } }
    }

    fn denied(&self, question: &Question, _judged: &Judged, scan_id: &str) {
        self.denied.lock().unwrap().push(format!("{scan_id} {:?}", question.request_id));
    }
}

fn settings() -> Settings {
    Settings {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        tokens: vec![TOKEN.to_owned(), "token-of-another".to_owned()],
        requests_per_minute: 600,
        burst: 50,
        max_body_bytes: 1000,
        max_field_bytes: [20, 100, 100, 100],
        read_timeout: DEADLINE,
        write_timeout: DEADLINE,
        scan_timeout: DEADLINE,
        max_connections: 100,
        kinds: [true; 4],
    }
}

struct Rig {
    address: SocketAddr,
    judge: Arc<Double>,
    metrics: Metrics,
    shutdown: CancellationToken,
}

impl Rig {
    async fn new(settings: Settings) -> Self {
        let (judge, metrics, shutdown) = (Arc::<Double>::default(), Metrics::new("test"), CancellationToken::new());
        let api = ScanApi::new(settings, Arc::clone(&judge) as Arc<dyn Judge>, metrics.clone());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(api.serve(listener, shutdown.clone()));
        Self { address, judge, metrics, shutdown }
    }

    /// Status, head and answer to raw bytes on a connection of their own.
    async fn raw(&self, bytes: &[u8]) -> (u16, String, Value) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        tokio::time::timeout(DEADLINE, read(&mut stream)).await.expect("an answer in time").expect("an answer")
    }

    async fn ask(&self, body: &str) -> (u16, Value) {
        let (status, _, answer) = self.raw(request(TOKEN, body).as_bytes()).await;
        (status, answer)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn request(token: &str, body: &str) -> String {
    format!(
        "POST /api/v1/scan HTTP/1.1\r\nhost: scan\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one answer by its length.
async fn read(stream: &mut TcpStream) -> Option<(u16, String, Value)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length: usize = head.lines().find_map(|l| l.strip_prefix("content-length: "))?.parse().ok()?;
            if body.len() >= length {
                return Some((head.get(9..12)?.parse().ok()?, head.clone(), serde_json::from_str(body).ok()?));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

#[tokio::test]
async fn an_answer_has_the_shape_that_clients_of_the_reference_read() {
    let rig = Rig::new(settings()).await;
    let (status, answer) = rig
        .ask(r#"{"kind":"dlp","input":{"text":"a leak"},"context":{"request_id":"r1"},"options":{"include_evidence":true}}"#)
        .await;
    assert_eq!(status, 200);
    assert_eq!((&answer["status"], &answer["decision"]), (&"completed".into(), &"deny".into()));
    assert_eq!((&answer["kind"], &answer["request_id"]), (&"dlp".into(), &"r1".into()));
    assert_eq!(answer["engine_version"], env!("CARGO_PKG_VERSION"));
    assert!(answer["duration_ms"].is_u64() && answer["errors"].as_array().unwrap().is_empty());
    let scan_id = answer["scan_id"].as_str().unwrap();
    let digits = scan_id.strip_prefix("scan-").unwrap();
    assert!(digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{scan_id}");
    let finding = serde_json::json!({"scanner": "dlp", "rule_id": "DLP-Some-Rule", "severity": "high",
        "message": "Some Rule", "evidence": {"encoding": "decoded"}});
    assert_eq!(answer["findings"], serde_json::json!([finding]));
    assert_eq!(*rig.judge.denied.lock().unwrap(), [format!("{scan_id} Some(\"r1\")")]);
    let (_, answer) = rig.ask(r#"{"kind":"dlp","input":{"text":"a leak"}}"#).await;
    assert!(answer["findings"][0].get("evidence").is_none(), "only where it is asked for");
    for (kind, input) in [
        ("url", r#"{"url":"https://a.test/"}"#),
        ("dlp", r#"{"text":"fine"}"#),
        ("prompt_injection", r#"{"content":"fine"}"#),
        ("tool_call", r#"{"tool_name":"get","arguments":{"a":1}}"#),
        ("tool_call", r#"{"tool_name":"get","arguments":"{\"a\":1}"}"#),
        ("tool_call", r#"{"tool_name":"get"}"#),
    ] {
        let (status, answer) = rig.ask(&format!(r#"{{"kind":"{kind}","input":{input}}}"#)).await;
        assert_eq!((status, &answer["decision"], &answer["kind"]), (200, &"allow".into(), &kind.into()), "{answer}");
    }
    let text = rig.metrics.render();
    for series in [
        r#"pipelock_scan_api_requests_total{decision="deny",kind="dlp",status_code="200"} 2"#,
        r#"pipelock_scan_api_requests_total{decision="allow",kind="tool_call",status_code="200"} 3"#,
        r#"pipelock_scan_api_findings_total{kind="dlp",scanner="dlp",severity="high"} 2"#,
        r#"pipelock_scan_api_duration_seconds_count{kind="url"} 1"#,
        "pipelock_scan_api_inflight_requests 0",
    ] {
        assert!(text.contains(series), "{series}\n{text}");
    }
}

#[tokio::test]
async fn what_is_wrong_has_its_code_and_is_never_allowed() {
    let rig = Rig::new(Settings { kinds: [true, true, false, true], ..settings() }).await;
    let long = "x".repeat(101);
    let wrong = [
        ("[]", 400, "invalid_json"),
        ("{\"kind\":", 400, "invalid_json"),
        (r#"{"kind":"dlp","kind":"url"}"#, 400, "invalid_json"),
        (r#"{"input":{"text":"a"}}"#, 400, "invalid_kind"),
        (r#"{"kind":"DLP","input":{"text":"a"}}"#, 400, "invalid_kind"),
        (r#"{"kind":"prompt_injection","input":{"content":"a"}}"#, 400, "kind_disabled"),
        (r#"{"kind":"dlp"}"#, 400, "invalid_input"),
        (r#"{"kind":"dlp","input":{"txt":"a"}}"#, 400, "invalid_input"),
        (r#"{"kind":"dlp","input":{"text":" "}}"#, 400, "invalid_input"),
        (r#"{"kind":"dlp","input":{"text":"a","url":"https://b.test/"}}"#, 400, "invalid_input"),
        (&format!(r#"{{"kind":"dlp","input":{{"text":"{long}"}}}}"#), 400, "invalid_input"),
        (r#"{"kind":"url","input":{"url":"https://a.test/12345678"}}"#, 400, "invalid_input"),
        (r#"{"kind":"tool_call","input":{"arguments":{}}}"#, 400, "invalid_input"),
        (r#"{"kind":"tool_call","input":{"tool_name":"a","arguments":[1]}}"#, 400, "invalid_input"),
        (&format!(r#"{{"kind":"dlp","input":{{"text":"{}"}}}}"#, "x".repeat(1000)), 400, "body_too_large"),
        (r#"{"kind":"dlp","input":{"text":"bug"}}"#, 500, "internal_error"),
    ];
    for (body, status, code) in wrong {
        let answer = rig.ask(body).await;
        assert_eq!((answer.0, &answer.1["errors"][0]["code"]), (status, &code.into()), "{body}: {}", answer.1);
        assert_eq!((&answer.1["decision"], &answer.1["status"]), (&"deny".into(), &"error".into()), "{body}");
    }
    let known = request(TOKEN, r#"{"kind":"dlp","input":{"text":"a"}}"#);
    for (head, status, code, field) in [
        (known.replace(TOKEN, "wrong"), 401, "unauthorized", Some("www-authenticate: bearer realm=\"pipelock\"")),
        (known.replace("authorization: Bearer", "x-auth:"), 401, "unauthorized", None),
        (known.replace("Bearer", "Basic"), 401, "unauthorized", None),
        (known.replace("POST", "PUT"), 405, "method_not_allowed", Some("allow: post")),
        (known.replace("/scan", "/scans"), 404, "not_found", None),
    ] {
        let (seen, head, answer) = rig.raw(head.as_bytes()).await;
        assert_eq!((seen, &answer["errors"][0]["code"]), (status, &code.into()), "{answer}");
        assert!(field.is_none_or(|field| head.contains(field)), "{head}");
        assert_eq!(answer["decision"], "deny");
    }
    rig.judge.killed.store(true, Ordering::Release);
    let (status, answer) = rig.ask(r#"{"kind":"dlp","input":{"text":"a"}}"#).await;
    assert_eq!((status, &answer["errors"][0]["code"]), (503, &"kill_switch_active".into()));
    assert!(answer["errors"][0]["retryable"].as_bool().unwrap());
    let text = rig.metrics.render();
    assert!(text.contains(r#"pipelock_scan_api_errors_total{error_code="unauthorized",kind="unknown"} 3"#), "{text}");
    assert_eq!(rig.judge.judged.load(Ordering::Acquire), 1, "only the one that met the defect was judged");
}

#[tokio::test]
async fn a_judgement_that_comes_too_late_is_no_permission() {
    let rig = Rig::new(Settings { scan_timeout: Duration::from_millis(50), ..settings() }).await;
    let (go, wait) = std::sync::mpsc::channel();
    *rig.judge.wait.lock().unwrap() = Some(wait);
    let (status, answer) = rig.ask(r#"{"kind":"dlp","input":{"text":"slow"}}"#).await;
    assert_eq!((status, &answer["errors"][0]["code"]), (503, &"scan_deadline_exceeded".into()));
    assert_eq!(answer["decision"], "deny");
    go.send(()).unwrap();
}

#[tokio::test]
async fn each_token_has_a_rate_of_its_own() {
    let rig = Rig::new(Settings { requests_per_minute: 1, burst: 2, ..settings() }).await;
    let body = r#"{"kind":"dlp","input":{"text":"a"}}"#;
    let mut seen = Vec::new();
    for token in [TOKEN, TOKEN, TOKEN, "token-of-another"] {
        let (status, head, _) = rig.raw(request(token, body).as_bytes()).await;
        seen.push(status);
        assert_eq!(status == 429, head.contains("retry-after: "), "{head}");
    }
    assert_eq!(seen, [200, 200, 429, 200]);
}

#[tokio::test]
async fn connections_are_kept_bounded_and_closed_when_nothing_comes() {
    let rig = Rig::new(Settings { max_connections: 1, read_timeout: Duration::from_millis(200), ..settings() }).await;
    let mut first = TcpStream::connect(rig.address).await.unwrap();
    let body = r#"{"kind":"dlp","input":{"text":"a"}}"#;
    for _ in 0..3 {
        first.write_all(request(TOKEN, body).as_bytes()).await.unwrap();
        assert_eq!(read(&mut first).await.unwrap().0, 200, "one connection carries many questions");
    }
    let mut second = TcpStream::connect(rig.address).await.unwrap();
    let _ = second.write_all(request(TOKEN, body).as_bytes()).await;
    assert!(tokio::time::timeout(DEADLINE, read(&mut second)).await.unwrap().is_none(), "one too many");
    // A body that never comes, then a head that never comes.
    first.write_all(request(TOKEN, body).trim_end_matches(body).as_bytes()).await.unwrap();
    let (status, _, answer) = tokio::time::timeout(DEADLINE, read(&mut first)).await.unwrap().unwrap();
    assert_eq!((status, &answer["errors"][0]["code"]), (400, &"read_error".into()));
    drop(first);
    let mut silent = loop {
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        stream.write_all(request(TOKEN, body).as_bytes()).await.unwrap();
        // The place of the first is given back when its task has ended.
        if read(&mut stream).await.is_some() {
            break stream;
        }
    };
    let closed = tokio::time::timeout(DEADLINE, silent.read(&mut [0; 16])).await.expect("closed by us");
    assert_eq!(closed.unwrap(), 0);
}
