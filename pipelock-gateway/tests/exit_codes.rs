//! Every command, where its files are missing, its reader has gone, or it has no permission: a code and a word, never a panic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};

/// Fine; a check failed; the configuration, the arguments or the machine are not fit. 3, everything is refused, is shown
/// by `tests/daemon.rs`; 10, a wrapped command that failed
/// by itself, is what `trust check` ends with, which takes a kernel.
const FINE: i32 = 0;
const FAILED: i32 = 1;
const UNFIT: i32 = 2;

fn pipelock(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipelock"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("PIPELOCK_CACHE_DIR", kept());
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Rules are compiled once for all commands.
fn kept() -> &'static std::path::Path {
    static KEPT: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    KEPT.get_or_init(|| tempfile::tempdir().unwrap()).path()
}

fn ended(arguments: &[&str], output: &Output, code: i32) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {err}");
    assert!(!err.contains("panicked"), "{arguments:?}: {err}");
}

const NOWHERE: &str = "/nonexistent/file";

/// Arguments that name a file which is not there, and the code.
const MISSING: &[(&[&str], i32)] = &[
    (&["run", "-c", NOWHERE], UNFIT),
    (&["exec", "-c", NOWHERE, "--", "true"], UNFIT),
    (&["check", "-c", NOWHERE], UNFIT),
    (&["check", "--json", "-c", NOWHERE], UNFIT),
    (&["scan", "-c", NOWHERE], UNFIT),
    (&["rules", "list", "-c", NOWHERE], UNFIT),
    (&["rules", "show", "iban", "-c", NOWHERE], UNFIT),
    (&["rules", "test", "-c", NOWHERE], UNFIT),
    (&["rules", "cost", "-c", NOWHERE], UNFIT),
    (&["test", "-c", NOWHERE], UNFIT),
    (&["simulate", "-c", NOWHERE], UNFIT),
    (&["audit", "score", "-c", NOWHERE], UNFIT),
    (&["logs", "--file", NOWHERE], UNFIT),
    (&["explain", "a-1", "--file", NOWHERE], UNFIT),
    (&["report", "--file", NOWHERE], UNFIT),
    (&["keygen", "/nonexistent/key"], UNFIT),
    (&["verify-receipt", "--key", NOWHERE, NOWHERE], UNFIT),
    (&["generate", "config", "-o", "/nonexistent/pipelock.yaml"], FAILED),
    (&["generate", "man", "/proc/nonexistent"], FAILED),
    (&["ca", "show", "--cert", NOWHERE], UNFIT),
    (&["ca", "bundle", "--cert", NOWHERE], UNFIT),
    (&["ca", "env", "--dir", "/nonexistent/trust", "--cert", NOWHERE], UNFIT),
    (&["ca", "rotate", "begin", "--cert", NOWHERE], UNFIT),
    (&["ca", "install-ca", "--dry-run", "--cert", NOWHERE], UNFIT),
    (&["trust", "render", "--dir", "/nonexistent/trust", "--cert", NOWHERE], UNFIT),
    (&["trust", "check", "--cert", NOWHERE, "--", "true"], UNFIT),
    (&["check", "--url", "https://api.example.com/", "-c", NOWHERE], UNFIT),
    (&["check", "--url", "https://127.0.0.1/"], FAILED),
    (&["check", "--url", "https://api.example.com/"], FINE),
    (&["report", "--days", "0", "--file", "/dev/null"], UNFIT),
    (&["kill-switch", "status", "--api-url", "http://127.0.0.1:1", "--token", "t"], FAILED),
    (&["session", "list", "--api-url", "http://127.0.0.1:1", "--token", "t"], FAILED),
    (&["healthcheck", "--addr", "127.0.0.1:1"], FAILED),
    (&["healthcheck", "--json", "--addr", "nonsense"], FAILED),
    (&["nonsense"], UNFIT),
    (&["run", "--mode", "nonsense"], UNFIT),
    (&["test", "--category", "nonsense"], UNFIT),
    (&["rules", "show", "no such rule"], FAILED),
    (&["version"], FINE),
    (&["check"], FINE),
    (&["generate", "schema"], FINE),
];

#[test]
fn every_command_without_its_files_ends_with_the_code_of_the_table_and_a_word() {
    for (arguments, code) in MISSING {
        let output = pipelock(arguments).output().unwrap();
        ended(arguments, &output, *code);
        let silent = output.stderr.is_empty() && output.stdout.is_empty();
        assert!(!silent && (*code != FINE || output.stderr.is_empty()), "{arguments:?}");
    }
}

/// Commands that write to standard output.
const WRITERS: &[&[&str]] = &[
    &["check"],
    &["check", "--json"],
    &["rules", "list"],
    &["rules", "list", "--json"],
    &["rules", "show", "iban"],
    &["rules", "show", "iban", "--json"],
    &["rules", "test"],
    &["rules", "test", "--json"],
    &["test"],
    &["test", "--json"],
    &["simulate"],
    &["simulate", "--json"],
    &["audit", "score"],
    &["audit", "score", "--json"],
    &["version"],
    &["version", "--json"],
    &["report", "--file", "/dev/null"],
    &["generate", "config"],
    &["generate", "schema"],
    &["generate", "reference"],
    &["generate", "completions", "bash"],
    &["generate", "reference", "--json"],
    &["generate", "config", "--json"],
    &["check", "--url", "https://api.example.com/"],
    &["check", "--url", "https://api.example.com/", "--json"],
    &["targets"],
    &["targets", "--json"],
    &["probe"],
    &["probe", "--json"],
];

#[test]
fn a_reader_that_has_gone_is_no_success_and_no_panic() {
    for arguments in WRITERS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output =
            pipelock(arguments).stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        ended(arguments, &output, FAILED);
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output =
            pipelock(arguments).stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        ended(arguments, &output, FAILED);
    }
}

#[test]
fn what_says_json_prints_json() {
    for arguments in WRITERS.iter().filter(|arguments| arguments.contains(&"--json")) {
        let output = pipelock(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.is_empty(), "{arguments:?}");
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line)
                .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {line}"));
        }
    }
    for (arguments, member, value) in [
        (&["check", "--json", "-c", NOWHERE][..], "valid", false),
        (&["healthcheck", "--json", "--addr", "127.0.0.1:1"], "healthy", false),
        (&["check", "--json"], "valid", true),
    ] {
        let output = pipelock(arguments).output().unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer[member], value, "{arguments:?}: {answer}");
    }
}

/// The authority, from its making to its rotation, for programs.
#[test]
fn every_step_of_an_authority_is_told_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (out, cert, trust, root) = (path("ca"), path("ca/ca.pem"), path("trust"), path("root"));
    std::fs::create_dir_all(path("root/usr/local/share/ca-certificates")).unwrap();
    for (arguments, member) in [
        (&["ca", "init", "--json", "--out", &out][..], "sha256"),
        (&["ca", "init", "--keep", "--json", "--out", &out], "sha256"),
        (&["ca", "show", "--json", "--cert", &cert], "ends"),
        (&["ca", "bundle", "--json", "--cert", &cert], "pem"),
        (&["ca", "bundle", "--json", "--cert", &cert, "--output", &path("bundle.pem")], "written"),
        (&["ca", "env", "--json", "--cert", &cert, "--dir", &trust], "SSL_CERT_FILE"),
        (&["trust", "render", "--json", "--cert", &cert, "--dir", &trust], "variables"),
        (&["ca", "install-ca", "--json", "--cert", &cert, "--root", &root], "files"),
        (&["ca", "rotate", "begin", "--json", "--cert", &cert], "rotation"),
        (&["ca", "rotate", "swap", "--json", "--cert", &cert], "rotation"),
        (&["ca", "rotate", "finish", "--json", "--cert", &cert], "rotation"),
        (&["keygen", "--json", &path("receipts.key")], "public_key"),
    ] {
        let output = pipelock(arguments).output().unwrap();
        ended(arguments, &output, FINE);
        let text = String::from_utf8(output.stdout).unwrap();
        let answer: serde_json::Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"));
        // Which members `keygen` has is its own claim's business.
        assert!(!answer[member].is_null() || arguments[0] == "keygen", "{arguments:?}: {answer}");
        assert!(!text.contains("PRIVATE KEY"), "{arguments:?}");
    }
    let again = pipelock(&["ca", "init", "--json", "--out", &out]).output().unwrap();
    ended(&["ca", "init"], &again, UNFIT);
}

#[test]
fn a_user_who_may_nothing_is_told_what_is_missing() {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("PIPELOCK_REQUIRE").is_none(), "PIPELOCK_REQUIRE: this claim needs root");
        eprintln!("SKIPPED: only root can become a user who may nothing");
        return;
    }
    let folder =
        tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir().unwrap();
    let program = folder.path().join("pipelock");
    std::fs::copy(env!("CARGO_BIN_EXE_pipelock"), &program).unwrap();
    let closed = folder.path().join("closed.yaml");
    std::fs::write(&closed, "mode: balanced\n").unwrap();
    std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let closed = closed.to_str().unwrap();
    for (arguments, code) in [
        (&["check", "-c", closed][..], UNFIT),
        (&["run", "-c", closed], UNFIT),
        (&["test", "-c", closed], UNFIT),
        (&["logs", "--file", closed], UNFIT),
        (&["report", "--file", closed], UNFIT),
        (&["verify-receipt", "--key", closed, "/"], UNFIT),
        (&["keygen", "/root/key"], UNFIT),
        (&["exec", "--", "true"], UNFIT),
        (&["probe"], UNFIT),
        (&["probe", "--json"], UNFIT),
        (&["doctor"], UNFIT),
        (&["diagnose", "--json"], UNFIT),
        (&["diagnose", "--no-color", "-c", closed], UNFIT),
        (&["install-check"], UNFIT),
        (&["trust", "check", "--", "true"], UNFIT),
        (&["ca", "init", "--out", "/root/ca"], UNFIT),
        (&["generate", "man", "/root/man"], FAILED),
        (&["check"], FINE),
    ] {
        let mut command = Command::new(&program);
        command.env_clear().env("PATH", "/nonexistent").env("HOME", "/nonexistent").env("PIPELOCK_CACHE_DIR", "");
        command.uid(65_534).gid(65_534).current_dir("/").args(arguments).stdin(Stdio::null());
        let output = command.output().unwrap();
        ended(arguments, &output, code);
        assert!(!output.stderr.is_empty() || !output.stdout.is_empty(), "{arguments:?} says nothing");
    }
    // What these answer depends on whether somebody else captures on this machine; that they end with a word does not.
    for arguments in [&["targets"][..], &["targets", "--json"], &["uninstall"], &["uninstall", "--json"]] {
        let mut command = Command::new(&program);
        command.env_clear().uid(65_534).gid(65_534).current_dir("/").args(arguments).stdin(Stdio::null());
        let output = command.output().unwrap();
        assert!(matches!(output.status.code(), Some(FINE | FAILED | UNFIT)), "{arguments:?}: {output:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{arguments:?}");
        assert!(!output.stderr.is_empty() || !output.stdout.is_empty(), "{arguments:?} says nothing");
    }
    // A namespace of its own, from which nothing leads out.
    for json in [&[][..], &["--json"]] {
        let mut command = Command::new("unshare");
        command.arg("--net").arg(&program).args(["wait", "--timeout", "300ms"]).args(json).stdin(Stdio::null());
        ended(&["wait"], &command.output().unwrap(), FAILED);
    }
}
