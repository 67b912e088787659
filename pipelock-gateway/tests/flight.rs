//! Receipts and `kill -9`: what was acknowledged is there, whenever the process ended.
#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use pipelock_gateway::model::{ConnId, FrontDoor, HttpVersion, RequestId, RequestRecord, Verdict};
use pipelock_gateway::report::flight::verify::{VerifyingKey, verify};
use pipelock_gateway::report::flight::{FlightOptions, generate_key};
use pipelock_gateway::report::{AuditOptions, Options, Report};

/// Where the process that is killed records, and which number it has.
const CHILD: &str = "PIPELOCK_FLIGHT_CHILD";
/// How often it is killed.
const KILLS: u64 = 200;
/// Receipts that may wait in the child; less than its queue, so that none is lost.
const AHEAD: u64 = 4000;

fn options(folder: &Path) -> FlightOptions {
    FlightOptions {
        directory: folder.join("receipts"),
        signing_key: folder.join("key"),
        max_entries_per_file: 500,
        retention_days: 0,
        max_total_bytes: 0,
        required: false,
        version: "test",
        policy: "defaults".to_owned(),
    }
}

fn request(run: &str, number: u64) -> RequestRecord {
    RequestRecord {
        id: RequestId { instance: 1, conn: ConnId(number), sequence: 1 },
        front_door: FrontDoor::Captured,
        workload: None,
        client: None,
        original_dst: None,
        host: format!("r{run}-n{number}.test"),
        scheme: "https",
        version: HttpVersion::Http1,
        method: "GET".to_owned(),
        path: "/".to_owned(),
        status: Some(200),
        request_bytes: 0,
        response_bytes: 0,
        duration: Duration::ZERO,
        scan_duration: Duration::ZERO,
        verdict: Verdict::allow(),
        websocket: None,
        mcp: None,
    }
}

#[test]
#[ignore = "no claim of its own: the process that the test below kills"]
fn child() {
    let Some(given) = std::env::var_os(CHILD) else { panic!("started by the other test only") };
    let given = given.into_string().unwrap();
    let (run, folder) = given.split_once(':').unwrap();
    let flight = Some(options(Path::new(folder)));
    let report = Report::open(Options {
        version: "test",
        audit: AuditOptions::default(),
        summary: None,
        flight,
        emit: pipelock_gateway::report::emit::EmitOptions::default(),
    })
    .unwrap();
    let (mut sent, mut told) = (0, 0);
    loop {
        let acknowledged = report.receipts_acknowledged();
        if acknowledged > told {
            told = acknowledged;
            println!("acknowledged {told}");
            std::io::stdout().flush().unwrap();
        }
        if sent - acknowledged < AHEAD {
            report.request(request(run, sent));
            sent += 1;
        }
    }
}

/// Kills one run at a moment that nobody chose; returns how many receipts it had been told of.
#[expect(clippy::disallowed_methods, reason = "the moment is what the test is about")]
fn run_and_kill(run: u64, folder: &Path, moment: Duration) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, format!("{run}:{}", folder.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reader = std::thread::spawn(move || {
        // The harness writes its own words in front of the first.
        let told = lines.map_while(Result::ok).filter_map(|line| line.split("acknowledged ").nth(1)?.parse().ok());
        told.max().unwrap_or(0)
    });
    std::thread::sleep(moment);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn after_kill_9_at_200_moments_every_acknowledged_receipt_verifies_and_at_most_the_last_is_torn() {
    let folder = tempfile::tempdir().unwrap();
    let (private, public) = generate_key().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, private.as_bytes()).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let key = VerifyingKey::from_pem(&public).unwrap();
    let random = RandomState::new();
    let mut acknowledged = HashMap::new();
    for run in 0..KILLS {
        let moment = Duration::from_micros(random.hash_one(run) % 120_000);
        acknowledged.insert(run, run_and_kill(run, folder.path(), moment));
    }
    let receipts = folder.path().join("receipts");
    let shown = verify(&receipts, &key).unwrap();
    assert!(shown.valid, "{shown:#?}");
    let total: u64 = acknowledged.values().sum();
    assert!(total > KILLS, "the runs were too short to show anything: {total}");
    let present = present(&receipts);
    for (run, count) in &acknowledged {
        for number in 0..*count {
            assert!(
                present.contains(&format!("https://r{run}-n{number}.test")),
                "run {run} lost receipt {number} of {count}"
            );
        }
    }
    println!("{} receipts, {total} acknowledged, {} repairs", shown.receipts, shown.repairs);
}

fn present(directory: &Path) -> std::collections::HashSet<String> {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let texts =
        files.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).map(|path| std::fs::read(path).unwrap());
    let mut present = std::collections::HashSet::new();
    for text in texts {
        for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            let receipt: serde_json::Value = serde_json::from_slice(line).unwrap();
            present.extend(receipt["target"].as_str().map(str::to_owned));
        }
    }
    present
}
