//! `pipelock run` as a process: what answers, what is written where, and with which exit code it ends.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A debug build compiles its databases beside other tests.
const DEADLINE: Duration = Duration::from_mins(1);

fn pipelock() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipelock"));
    command.env_remove("PIPELOCK_CONFIG").stdin(Stdio::null());
    command
}

/// A daemon that has said where it listens.
struct Daemon {
    child: Option<Child>,
    address: SocketAddr,
    said: mpsc::Receiver<String>,
}

impl Daemon {
    fn start(mut command: Command) -> Self {
        command.args(["run", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (say, said) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        let mut daemon = Self { child: Some(child), address: ([0, 0, 0, 0], 0).into(), said };
        let ready = daemon.wait_for("ready: ");
        daemon.address = ready.split([' ', ',']).find_map(|word| word.parse().ok()).unwrap();
        daemon
    }

    fn with_config(text: &str, folder: &Path) -> Self {
        let path = folder.join("pipelock.yaml");
        std::fs::write(&path, text).unwrap();
        let mut command = pipelock();
        command.env("PIPELOCK_CONFIG", path);
        Self::start(command)
    }

    fn wait_for(&self, text: &str) -> String {
        let end = Instant::now() + DEADLINE;
        let mut all = String::new();
        while let Ok(line) = self.said.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if line.contains(text) {
                return line;
            }
            all.push_str(&line);
            all.push('\n');
        }
        panic!("never said {text:?}: {all}");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }

    /// Exit code and standard output.
    fn finish(mut self) -> (Option<i32>, String) {
        let output = self.child.take().unwrap().wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    fn exchange(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str) -> String {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn fails(arguments: &[&str]) -> (i32, String) {
    let Output { status, stderr, .. } = pipelock().args(arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn daemon_answers_until_sigterm_and_writes_audit_records_to_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::with_config("version: 1\nmode: balanced\n", folder.path());
    let health = daemon.get("/health");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    assert!(
        health.contains(r#""status":"healthy""#) && health.contains(r#""tls_interception_enabled":false"#),
        "{health}"
    );
    assert!(daemon.get("/ready").starts_with("HTTP/1.1 200"));
    assert!(daemon.get("/metrics").contains("pipelock_info{"));
    let healthcheck = pipelock().args(["healthcheck", "--addr", &daemon.address.to_string()]).status().unwrap();
    assert_eq!(healthcheck.code(), Some(0));
    // A private address, so it is refused before anything is dialled, and that is recorded.
    let refused = daemon.exchange("CONNECT 10.255.255.1:443 HTTP/1.1\r\nhost: 10.255.255.1:443\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    daemon.signal(Signal::TERM);
    let (code, records) = daemon.finish();
    assert_eq!(code, Some(0));
    let record: serde_json::Value = serde_json::from_str(records.lines().next().unwrap()).unwrap();
    assert_eq!((&record["event"], &record["decision"]), (&"connection".into(), &"deny".into()), "{records}");
}

#[test]
fn sigint_ends_it_and_sighup_does_not() {
    let daemon = Daemon::start(pipelock());
    daemon.signal(Signal::HUP);
    daemon.wait_for("was read again and is in force");
    assert!(daemon.get("/health").starts_with("HTTP/1.1 200"));
    daemon.signal(Signal::INT);
    assert_eq!(daemon.finish().0, Some(0));
}

#[test]
fn what_is_open_is_waited_for_until_a_second_signal() {
    let daemon = Daemon::start(pipelock());
    let mut open = TcpStream::connect(daemon.address).unwrap();
    open.write_all(b"GET /health HTTP/1.1\r\n").unwrap();
    daemon.signal(Signal::TERM);
    daemon.wait_for("SIGTERM: finishing");
    daemon.signal(Signal::TERM);
    daemon.wait_for("stopping at once");
    assert_eq!(daemon.finish().0, Some(0));
}

#[test]
fn runs_as_an_ordinary_user_without_capabilities() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can become another user; this process is an ordinary one already");
        return;
    }
    // The build directory may be closed to others, so the program is copied to where they may pass.
    let folder =
        tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir().unwrap();
    let program = folder.path().join("pipelock");
    std::fs::copy(env!("CARGO_BIN_EXE_pipelock"), &program).unwrap();
    let mut command = Command::new(program);
    command.uid(1000).gid(1000).env_clear().env("HOME", "/nonexistent").current_dir("/").stdin(Stdio::null());
    let daemon = Daemon::start(command);
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.child.as_ref().unwrap().id())).unwrap();
    assert!(status.lines().any(|line| line == "CapEff:\t0000000000000000"), "{status}");
    assert!(daemon.get("/health").starts_with("HTTP/1.1 200"));
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.finish().0, Some(0));
}

#[test]
fn what_cannot_begin_exits_with_2_and_says_why_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = |text: &str| {
        let path = folder.path().join("pipelock.yaml");
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (code, said) = fails(&["run", "-c", &file("mode: balancd\n")]);
    assert_eq!(code, 2);
    assert!(said.contains("pipelock.yaml:1:7: mode:"), "{said}");
    let (code, said) = fails(&["run", "-c", "/nonexistent/pipelock.yaml"]);
    assert_eq!((code, said.lines().count()), (2, 1), "{said}");
    let (code, said) = fails(&["run", "-c", &file("tls_interception:\n  enabled: true\n")]);
    assert_eq!(code, 2);
    assert!(said.contains("needs ca_cert and ca_key"), "{said}");
    let (code, said) = fails(&["run", "--mode", "nonsense"]);
    assert_eq!(code, 2, "{said}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = fails(&["run", "--listen", &address]);
    assert_eq!(code, 2);
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");
}

#[test]
fn kill_switch_is_flipped_by_signal_and_api_and_who_did_it_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let text = "kill_switch:\n  api_listen: 127.0.0.1:0\n  api_token: correct-horse\n";
    let daemon = Daemon::with_config(text, folder.path());
    let said = daemon.wait_for("kill switch and sessions on ");
    let url = format!("http://{}", said.rsplit(' ').next().unwrap());
    let ask = |arguments: &[&str], token: &str| {
        let mut command = pipelock();
        command.args(arguments).args(["--api-url", &url, "--token", token]);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text)
    };
    let connect = || daemon.exchange("CONNECT example.test:443 HTTP/1.1\r\nhost: example.test:443\r\n\r\n");
    let (code, said) = ask(&["kill-switch", "on"], "wrong");
    assert_eq!(code, 1);
    assert!(said.contains("401"), "{said}");
    assert_eq!(
        ask(&["kill-switch", "on", "--json"], "correct-horse"),
        (0, "{\"active\":true,\"source\":\"api\"}\n".to_owned())
    );
    assert!(connect().starts_with("HTTP/1.1 503"), "{}", connect());
    assert!(daemon.get("/health").contains("\"kill_switch_active\":true"));
    daemon.signal(Signal::USR1);
    let end = Instant::now() + DEADLINE;
    while !ask(&["kill-switch", "status", "--json"], "correct-horse").1.contains("\"signal\":true") {
        assert!(Instant::now() < end, "SIGUSR1 did nothing");
    }
    assert_eq!(ask(&["kill-switch", "status"], "correct-horse").0, 3, "it is on");
    assert_eq!(ask(&["kill-switch", "off"], "correct-horse").0, 0);
    assert!(connect().starts_with("HTTP/1.1 503"), "the signal still says so");
    assert_eq!(ask(&["session", "list", "--json"], "correct-horse").0, 0);
    assert_eq!(ask(&["session", "reset", "cgroup-1"], "correct-horse").0, 1, "there is no such session");
    daemon.signal(Signal::TERM);
    let (_, records) = daemon.finish();
    let by: Vec<String> = records
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|record| record["event"] == "kill_switch")
        .map(|record| format!("{} {} {}", record["source"], record["on"], record["by"]))
        .collect();
    assert_eq!(by.len(), 3, "{by:?}");
    assert!(by[0].contains("api caller 127.0.0.1") && by[1].contains("SIGUSR1") && by[2].contains("false"), "{by:?}");
}

#[test]
fn the_scan_api_answers_on_its_own_port_and_asks_for_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let text = "scan_api:\n  listen: 127.0.0.1:0\n  auth: {bearer_tokens: [correct-horse]}\n";
    let daemon = Daemon::with_config(text, folder.path());
    let said = daemon.wait_for("Scan API on ");
    let address: SocketAddr = said.rsplit(' ').next().unwrap().parse().unwrap();
    let ask = |token: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let body = r#"{"kind":"dlp","input":{"text":"an ordinary sentence"}}"#;
        let head =
            format!("POST /api/v1/scan HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\nconnection: close\r\n");
        stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = ask("correct-horse");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""decision":"allow""#), "{answer}");
    assert!(ask("wrong").starts_with("HTTP/1.1 401"));
    assert!(daemon.get("/metrics").contains("pipelock_scan_api_requests_total"));
    let (code, said) = fails(&["run", "-c", &{
        let path = folder.path().join("no-token.yaml");
        std::fs::write(&path, "scan_api:\n  listen: 127.0.0.1:0\n").unwrap();
        path.display().to_string()
    }]);
    assert!(code == 2 && said.contains("no-token.yaml:2:3: scan_api: listen needs auth.bearer_tokens"), "{said}");
}

/// What `install-check --json` says of a configuration: exit code, and outcomes by name.
fn install_check(yaml: &str) -> (Option<i32>, Vec<(String, String, String)>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipelock.yaml");
    std::fs::write(&path, yaml).unwrap();
    let said = pipelock().args(["install-check", "--json", "--config"]).arg(&path).output().unwrap();
    let checks: Vec<serde_json::Value> = serde_json::from_slice(&said.stdout).unwrap();
    let text = |check: &serde_json::Value, key: &str| check[key].as_str().unwrap().to_owned();
    let checks = checks.iter().map(|check| (text(check, "name"), text(check, "outcome"), text(check, "evidence")));
    (said.status.code(), checks.collect())
}

#[test]
fn an_installation_is_looked_at_before_there_is_one() {
    let outcome = |checks: &[(String, String, String)], wanted: &str| {
        let found = checks.iter().find(|(name, ..)| name == wanted);
        found.map_or_else(|| panic!("{checks:?}"), |(_, outcome, evidence)| (outcome.clone(), evidence.clone()))
    };
    // A port that is taken, by something that is no gateway of this machine.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let (code, checks) = install_check(&format!(
        "fetch_proxy:\n  listen: {listen}\ncapture:\n  discover:\n  - {{source: docker, socket: /no/such.sock, project: a}}\n"
    ));
    assert_eq!(code, Some(2), "{checks:?}");
    assert_eq!(outcome(&checks, "configuration").0, "ok");
    let (runtime, evidence) = outcome(&checks, "runtime");
    assert!(runtime == "fail" && evidence.contains("/no/such.sock"), "{evidence}");
    let (port, evidence) = outcome(&checks, "proxy_port");
    assert!(port == "fail" && evidence.contains(&listen.to_string()), "{evidence}");
    outcome(&checks, "kernel");
    drop(taken);
    let (_, checks) = install_check(&format!("fetch_proxy:\n  listen: {listen}\n"));
    assert_eq!(outcome(&checks, "proxy_port").0, "ok");
    let (code, checks) = install_check("mood: strict\n");
    assert_eq!((code, outcome(&checks, "configuration").0.as_str()), (Some(2), "fail"));
}
