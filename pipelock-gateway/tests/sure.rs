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
