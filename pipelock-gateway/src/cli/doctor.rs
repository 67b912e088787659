//! `pipelock doctor`: what this machine lacks, and what to do about it; for people, or as JSON.

use std::io::Write;
use std::path::Path;

use crate::capture::doctor::{Check, Outcome, examine};

/// Prints every check, and that of a configuration where one is given; whether capture can work here.
pub(super) fn run(config: Option<&Path>, json: bool, out: &mut impl Write) -> anyhow::Result<bool> {
    let mut checks = examine();
    checks.extend(config.map(configuration));
    tell(&checks, json, out)
}

/// Whether a file is a valid configuration.
fn configuration(path: &Path) -> Check {
    let (mut said, mut wrong) = (Vec::new(), Vec::new());
    let valid = super::check::check(Some(path), &mut said, &mut wrong) == 0;
    let wrong = String::from_utf8_lossy(&wrong).into_owned();
    let count = wrong.lines().count();
    let (outcome, evidence) = match (valid, count) {
        (true, 0) => (Outcome::Ok, format!("{} is valid", path.display())),
        (true, count) => (Outcome::Warn, format!("{} is valid, with {count} warnings", path.display())),
        (false, _) => (Outcome::Fail, wrong.trim_end().trim_start_matches("error: ").to_owned()),
    };
    let remedy = if count == 0 { String::new() } else { format!("pipelock check --config {}", path.display()) };
    Check { name: "configuration", outcome, evidence, remedy }
}

/// Prints checks; whether none failed.
pub(super) fn tell(checks: &[Check], json: bool, out: &mut impl Write) -> anyhow::Result<bool> {
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(checks)?)?;
    } else {
        write!(out, "{}", table(checks))?;
    }
    Ok(checks.iter().all(|check| check.outcome != Outcome::Fail))
}

fn table(checks: &[Check]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for Check { name, outcome, evidence, remedy } in checks {
        let word = match outcome {
            Outcome::Ok => "ok",
            Outcome::Warn => "WARN",
            Outcome::Fail => "FAIL",
        };
        let _ = writeln!(text, "{word:<5} {name:<17} {evidence}");
        if !remedy.is_empty() {
            let _ = writeln!(text, "{:<23} -> {remedy}", "");
        }
    }
    let count = |outcome| checks.iter().filter(|check| check.outcome == outcome).count();
    let _ = match (count(Outcome::Fail), count(Outcome::Warn)) {
        (0, 0) => writeln!(text, "everything is as it should be"),
        (0, warnings) => writeln!(text, "capture works; {warnings} things could be better"),
        (failures, _) => writeln!(text, "capture does not work here: {failures} things are in the way"),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_that_is_given_is_checked_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipelock.yaml");
        for (text, outcome) in [
            ("mode: balanced\n", Outcome::Ok),
            ("sandbox: {enabled: true}\n", Outcome::Warn),
            ("mode: sometimes\n", Outcome::Fail),
        ] {
            std::fs::write(&path, text).unwrap();
            let check = configuration(&path);
            assert_eq!(check.outcome, outcome, "{check:?}");
            assert_eq!(check.remedy.is_empty(), outcome == Outcome::Ok, "{check:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_remedy_and_summed_up() {
        let check = |outcome, remedy: &str| Check {
            name: "jit",
            outcome,
            evidence: "off".to_owned(),
            remedy: remedy.to_owned(),
        };
        let text = table(&[check(Outcome::Ok, ""), check(Outcome::Warn, "turn it on")]);
        assert!(
            text.contains("WARN  jit") && text.contains("-> turn it on\n") && text.contains("capture works; 1"),
            "{text}"
        );
        assert!(table(&[check(Outcome::Fail, "x")]).contains("does not work here: 1"));
    }
}
