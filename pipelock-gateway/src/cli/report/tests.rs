//! What a report shows, and what it does not do.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::{LogSource, ReportArgs, ReportFormat};

/// What a workload could have put into its records to get at whoever reads the report.
const HOSTILE: [&str; 5] = [
    "<script>document.title='owned'</script>",
    "\"><img src=http://203.0.113.1/x onerror=\"document.title='owned'\">",
    "</text></svg><iframe src=http://203.0.113.1/></iframe>",
    "'-alert(1)-'",
    "<style>@import url(http://203.0.113.1/a.css)</style>",
];

fn log(folder: &Path) -> PathBuf {
    let path = folder.join("audit.jsonl");
    let mut file = std::fs::File::create(&path).unwrap();
    for minute in 0..30 {
        for (index, text) in HOSTILE.iter().enumerate() {
            let (event, action) = [("allowed", "allow"), ("allowed", "warn"), ("blocked", "block")][index % 3];
            let record = serde_json::json!({
                "time": format!("2026-11-28T07:{minute:02}:00.000Z"), "event": event, "action": action, "host": text,
                "request_id": format!("{text}-{minute}"), "method": text, "url": format!("https://{text}/{text}"),
                "reason": text, "workload": {"executable": text}, "findings": [{"rule": text}],
            });
            writeln!(file, "{record}").unwrap();
        }
        for decision in ["intercept", "passthrough", "deny"] {
            let time = format!("2026-11-28T07:{minute:02}:01.000Z");
            let record =
                serde_json::json!({"time": time, "event": "connection", "decision": decision, "reason": "no_proxy"});
            writeln!(file, "{record}").unwrap();
        }
    }
    writeln!(file, "half a rec").unwrap();
    path
}

fn args(file: PathBuf, format: ReportFormat, output: Option<PathBuf>) -> ReportArgs {
    let source = LogSource { file: Some(file), config: None };
    ReportArgs { source, format, output, title: "Report <b>".to_owned(), since: None, until: None, days: None }
}

#[test]
fn json_adds_up_and_time_bounds_are_honoured() {
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = args(log(folder.path()), ReportFormat::Json, None);
    wanted.until = Some("2026-11-28T07:10".to_owned());
    let mut out = Vec::new();
    assert_eq!(super::report(&wanted, &mut out, &mut Vec::new()), 0);
    let tally: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&tally["allowed"], &tally["warned"], &tally["blocked"]), (&20.into(), &20.into(), &10.into()));
    assert_eq!(tally["coverage"]["passthrough"], 10);
    assert_eq!(tally["unreadable_lines"], 1);
    assert_eq!(tally["timeline"].as_object().unwrap().len(), 10);
}

#[test]
fn text_of_records_is_text_in_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut out = Vec::new();
    assert_eq!(super::report(&args(log(folder.path()), ReportFormat::Html, None), &mut out, &mut Vec::new()), 0);
    let page = String::from_utf8(out).unwrap();
    for element in ["<script", "<img", "<iframe", "onerror=\"", "Report <b>"] {
        assert!(!page.contains(element), "{element} in {page}");
    }
    // One style, which is ours: the one of the log is text.
    assert_eq!(page.matches("<style").count(), 1);
    assert!(page.contains("&lt;script&gt;") && page.contains("default-src 'none'"));
}

#[test]
fn a_missing_log_is_an_error_and_an_empty_one_is_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let mut err = Vec::new();
    let missing = args(folder.path().join("none"), ReportFormat::Html, None);
    assert_eq!(super::report(&missing, &mut Vec::new(), &mut err), crate::cli::EXIT_CONFIG);
    assert!(String::from_utf8(err).unwrap().contains("none"));
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    let mut out = Vec::new();
    assert_eq!(super::report(&args(empty, ReportFormat::Html, None), &mut out, &mut Vec::new()), 0);
    assert!(String::from_utf8(out).unwrap().contains("no records"));
}

/// The page in a real browser: charts are there, nothing was asked for, nothing of the log has run. Where there is no Chromium
/// the test says so, and fails when `PIPELOCK_REQUIRE` names `chromium` or all.
#[test]
fn in_chromium_charts_are_drawn_nothing_is_requested_and_nothing_runs() {
    let Some(chromium) = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok())
    else {
        let required = std::env::var("PIPELOCK_REQUIRE").unwrap_or_default();
        assert!(
            !required.split(',').any(|need| ["chromium", "all"].contains(&need.trim())),
            "PIPELOCK_REQUIRE names chromium, and there is none"
        );
        eprintln!("SKIPPED: no Chromium here (apt-get install chromium); the page was not opened");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let written = args(log(folder.path()), ReportFormat::Html, Some(page.clone()));
    assert_eq!(super::report(&written, &mut Vec::new(), &mut Vec::new()), 0);
    let requests = folder.path().join("net.json");
    let output = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--dump-dom",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("--log-net-log={}", requests.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // What the browser made of it: its own serialisation of the tree, after everything that would run has run.
    assert!(dom.matches("<rect").count() > 100 && dom.matches("<svg").count() >= 6, "charts: {dom}");
    assert!(dom.contains("<title>Report &lt;b&gt;</title>"), "{dom}");
    for forbidden in ["<script", "<img", "<iframe", "<title>owned"] {
        assert!(!dom.contains(forbidden), "{forbidden} is an element of the page");
    }
    let asked = std::fs::read_to_string(&requests).unwrap();
    assert!(asked.contains("file://"), "the log of requests is empty: {asked}");
    assert!(!asked.contains("203.0.113.1"), "the page asked for something");
}
