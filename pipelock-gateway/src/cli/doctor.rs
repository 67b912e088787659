//! `pipelock doctor`: what this machine lacks, and what to do about it; for people, or as JSON.

use std::io::Write;

use crate::capture::doctor::{Check, Outcome, examine};

/// Prints every check; whether capture can work here.
pub(super) fn run(json: bool, out: &mut impl Write) -> anyhow::Result<bool> {
    tell(&examine(), json, out)
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
