//! Every command, where its files are missing, its reader has gone, or it has no permission: a code and a word, never a panic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};

/// Fine; a check failed; the configuration, the arguments or the machine are not fit. 3, everything is refused, is shown
/// by `tests/daemon.rs`; 10, the reference's for a wrapped program, is that program's own code here.
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
        (&["check"], FINE),
    ] {
        let mut command = Command::new(&program);
        command.env_clear().env("PATH", "/nonexistent").env("HOME", "/nonexistent").env("PIPELOCK_CACHE_DIR", "");
        command.uid(65_534).gid(65_534).current_dir("/").args(arguments).stdin(Stdio::null());
        let output = command.output().unwrap();
        ended(arguments, &output, code);
        assert!(!output.stderr.is_empty() || !output.stdout.is_empty(), "{arguments:?} says nothing");
    }
}
