//! Sure's own configurations, and the commands its pipelines run, by the binary itself (sure-integration.md a, b).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::process::Command;

use pipelock_gateway::config::Config;
use pipelock_gateway::model::Mode;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sure").join(name)
}

/// Exit code, standard output and standard error of `pipelock` with these arguments.
fn pipelock(arguments: &[&str]) -> (i32, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_pipelock")).env_remove("PIPELOCK_CONFIG").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The rendered configuration with what an operator put under `pipelock.extraConfig`, which the chart appends as text.
fn chart_with(extra: &str, folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(fixture("chart.yaml")).unwrap() + extra;
    let path = folder.join("pipelock.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn example_and_rendered_config_map_load_unchanged_and_every_key_without_effect_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let extra = std::fs::read_to_string(fixture("extra.yaml")).unwrap();
    for path in [fixture("compose.yaml"), fixture("chart.yaml"), chart_with(&extra, folder.path())] {
        let (config, warnings) = Config::load(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.effective_mode(), Mode::Balanced);
        let (code, out, err) = pipelock(&["check", "--config", path.to_str().unwrap()]);
        assert_eq!(code, 0, "{err}");
        assert!(out.contains(": valid"), "{out}");
        assert_eq!(err.lines().filter(|line| line.starts_with("warning: ")).count(), warnings.len(), "{err}");
    }
}

#[test]
fn a_key_that_extra_config_repeats_is_an_error_that_names_both_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = chart_with("response_scanning:\n  action: block\n", folder.path());
    let (code, _, err) = pipelock(&["check", "--config", path.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(err.contains("response_scanning: is written twice, first in line"), "{err}");
}

/// sure-integration.md a.5: every command of Sure's pipelines, with its exit code.
#[test]
fn every_command_of_sures_pipelines_has_the_exit_code_they_ask_for() {
    let categories = "dlp,entropy,scheme,response_injection,mcp_response,mcp_input,mcp_tools,clean";
    for name in ["compose.yaml", "chart.yaml"] {
        let path = fixture(name);
        let path = path.to_str().unwrap();
        assert!(!std::fs::read_to_string(path).unwrap().contains("blocklist"));
        assert_eq!(pipelock(&["check", "--config", path]).0, 0);
        let (code, out, err) = pipelock(&["test", "--fail-on-gap", "--category", categories, "--config", path]);
        assert_eq!(code, 0, "{out}{err}");
        assert!(out.ends_with("0 failed, 0 gaps\n"), "{out}");
        let (code, json, _) = pipelock(&["test", "--json", "--config", path]);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((code, &json["failed"]), (0, &0.into()), "{json:#}");
    }
    // Nobody listens there.
    assert_eq!(pipelock(&["healthcheck", "--addr", "127.0.0.1:1"]).0, 1);
}

#[test]
fn a_gap_a_broken_file_and_an_unknown_category_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipelock.yaml");
    std::fs::write(&path, "response_scanning: {enabled: false}\n").unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(pipelock(&["test", "--config", path]).0, 0, "a gap is told, and is no failure unless asked");
    let (code, out, _) = pipelock(&["test", "--config", path, "--fail-on-gap", "--category", "response_injection"]);
    assert_eq!(code, 1);
    assert!(out.contains("off by response_scanning.enabled"), "{out}");
    assert_eq!(pipelock(&["test", "--category", "nonsense"]).0, 2);
    std::fs::write(path, "mode: sometimes\n").unwrap();
    for command in [&["test"][..], &["simulate"], &["audit", "score"], &["check"]] {
        let (code, _, err) = pipelock(&[command, &["--config", path]].concat());
        assert_eq!(code, 2, "{command:?}");
        assert!(err.contains("pipelock.yaml:1:7") && err.contains("mode"), "{err}");
    }
}

#[test]
fn scorecards_have_a_grade_and_the_version_is_told() {
    for command in [&["simulate", "--json"][..], &["audit", "score", "--json"]] {
        let (code, out, err) = pipelock(command);
        assert_eq!(code, 0, "{err}");
        let score: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert!(score["score"].as_u64().is_some_and(|score| score <= 100) && score["grade"].is_string(), "{score:#}");
    }
    assert_eq!(pipelock(&["version"]).1, format!("pipelock {}\n", env!("CARGO_PKG_VERSION")));
    assert!(pipelock(&["version", "--json"]).1.contains("\"version\""));
}

/// Commands that read files, where there is none, and where nobody reads their output.
#[test]
fn commands_without_their_files_or_their_reader_end_with_a_word_and_a_code() {
    for (arguments, code) in [
        (&["logs", "--file", "/nonexistent"][..], 2),
        (&["logs"], 2),
        (&["explain", "a-1", "--file", "/nonexistent"], 2),
        (&["report", "--file", "/nonexistent"], 2),
        (&["report", "--file", "/dev/null", "--output", "/nonexistent/report.html"], 1),
        (&["verify-receipt", "--key", "/nonexistent", "/nonexistent"], 2),
        (&["keygen", "/nonexistent/key"], 2),
        (&["check", "--config", "/nonexistent"], 2),
        (&["test", "--config", "/nonexistent"], 2),
        (&["run", "--config", "/nonexistent"], 2),
    ] {
        let (actual, _, err) = pipelock(arguments);
        assert_eq!(actual, code, "{arguments:?}: {err}");
        assert!(!err.trim().is_empty() && !err.contains("panicked"), "{arguments:?}: {err}");
    }
    for arguments in
        [&["rules", "list"][..], &["test"], &["simulate"], &["check"], &["version"], &["report", "--file", "/dev/null"]]
    {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pipelock"))
            .env_remove("PIPELOCK_CONFIG")
            .args(arguments)
            .stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut err = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut err).unwrap();
        assert_ne!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
        assert!(!err.contains("panicked"), "{arguments:?}: {err}");
    }
}

#[test]
fn receipts_are_signed_with_a_key_that_keygen_makes_and_verified_with_its_other_half() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    assert_eq!(pipelock(&["keygen", key.to_str().unwrap()]).0, 0);
    assert_eq!(pipelock(&["keygen", key.to_str().unwrap()]).0, 2, "a key is never replaced");
    std::fs::create_dir(path("empty")).unwrap();
    assert_eq!(pipelock(&["verify-receipt", "--key", &path("key.pub"), &path("empty")]).0, 2);
    std::fs::write(path("evidence-1-000000000000.jsonl"), "{}\n").unwrap();
    let (code, out, _) = pipelock(&["verify-receipt", "--key", &path("key.pub"), &path("")]);
    assert_eq!(code, 1);
    assert!(out.contains("is no receipt") && out.contains("NOT VALID"), "{out}");
}
