//! `cargo xtask test`: every test there is, and one line that counts them.
//!
//! Runs cargo's own runner for unit, integration and documentation tests, then the end-to-end tests. It judges nothing
//! itself: it adds up what the runners say and fails when one of them does.

use std::fmt;
use std::io::Write;
use std::ops::AddAssign;

use anyhow::{Result, bail};

use crate::command::Cmd;
use crate::{deps, e2e, valgrind};

/// What test runners counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Not run: a privilege or a feature of the kernel was missing, or a documentation test is marked so.
    pub(crate) skipped: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// The closing line that any CI can read.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Runs all tests.
///
/// # Errors
/// When a runner fails, or nothing ran.
pub(crate) fn test() -> Result<()> {
    deps::ensure_clients()?;
    // The end-to-end crate is left to its own runner; `testing` is what that crate turns on, so that the gateway is not
    // built twice.
    let unit = "test --no-fail-fast --workspace --exclude pipelock-ebpf --exclude pipelock-tests --features pipelock-gateway/testing";
    let mut count = run(&Cmd::cargo(unit))?;
    count += run(&Cmd::cargo("test --no-fail-fast --package pipelock-tests --lib --bins"))?;
    count += valgrind::run_or_skip()?;
    count += match e2e::run("", None) {
        Ok(count) => count,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            Count { failed: 1, ..Count::default() }
        }
    };
    if count.skipped > 0 {
        println!(
            "\nnot everything ran: {} test(s) SKIPPED, with the reason where they are listed above",
            count.skipped
        );
    }
    println!("\n{count}");
    if count.failed > 0 {
        bail!("{} test(s) failed", count.failed);
    }
    if count.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

/// Runs one runner and adds up its summaries. A runner that fails without naming a failed test (it did not compile, it
/// crashed) counts as one failure, so that the closing line can never look green. A runner that failed only because it had
/// to skip everything does not: without privilege that is what the end-to-end tests do, and the count says it.
///
/// # Errors
/// When it cannot start.
pub(crate) fn run(cmd: &Cmd) -> Result<Count> {
    println!("\n==> {cmd}");
    count(cmd, &mut std::io::stdout())
}

fn count(cmd: &Cmd, out: &mut impl Write) -> Result<Count> {
    let mut count = Count::default();
    let status = cmd.tee(out, |line| count += summary(line).unwrap_or_default())?;
    let only_skipped = count.passed == 0 && count.skipped > 0;
    if !status.success() && count.failed == 0 && !only_skipped {
        eprintln!("xtask: `{cmd}` failed: {status}");
        count.failed = 1;
    }
    Ok(count)
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; …`, as libtest and libtest-mimic close; colours may surround words.
pub(crate) fn summary(line: &str) -> Option<Count> {
    let line = without_colours(line);
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let of = |word: &str| counts.split("; ").find_map(|part| part.strip_suffix(word)?.trim().parse().ok());
    Some(Count { passed: of("passed")?, failed: of("failed")?, skipped: of("ignored").unwrap_or(0) })
}

/// Drops `ESC [ … m` sequences. Source: ECMA-48 §8.3.117 (SGR).
fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_both_runners_are_read() {
        let line = "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 2 filtered out; finished in 0.01s";
        assert_eq!(summary(line), Some(Count { passed: 12, failed: 0, skipped: 3 }));
        let coloured =
            "test result: \u{1b}[31mFAILED\u{1b}[0m. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(summary(coloured), Some(Count { passed: 1, failed: 2, skipped: 0 }));
    }

    #[test]
    fn other_lines_are_not_summaries() {
        for line in [
            "test result",
            "test summary ... ok",
            "running 3 tests",
            "12 passed, 0 failed",
            "test result: ok. x passed; 0 failed",
        ] {
            assert_eq!(summary(line), None, "{line}");
        }
    }

    #[test]
    fn several_summaries_add_up() {
        let script = "echo 'test result: ok. 2 passed; 0 failed; 1 ignored; '; echo noise; echo 'test result: ok. 3 passed; 0 failed; 0 ignored; '";
        let sum = count(&Cmd::new("sh").args(["-c", script]), &mut Vec::new()).unwrap();
        assert_eq!(sum.to_string(), "5 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn a_runner_that_could_only_skip_is_told_and_is_no_failure() {
        let script = "echo 'test result: ok. 0 passed; 0 failed; 7 ignored; '; exit 1";
        let sum = count(&Cmd::new("sh").args(["-c", script]), &mut Vec::new()).unwrap();
        assert_eq!(sum, Count { passed: 0, failed: 0, skipped: 7 });
    }

    #[test]
    fn a_runner_that_breaks_after_some_passed_is_a_failure() {
        let script = "echo 'test result: ok. 4 passed; 0 failed; 7 ignored; '; exit 1";
        let sum = count(&Cmd::new("sh").args(["-c", script]), &mut Vec::new()).unwrap();
        assert_eq!(sum, Count { passed: 4, failed: 1, skipped: 7 });
    }

    #[test]
    fn a_runner_that_breaks_before_counting_is_a_failure() {
        assert_eq!(
            count(&Cmd::new("sh").args(["-c", "exit 101"]), &mut Vec::new()).unwrap(),
            Count { failed: 1, ..Count::default() }
        );
    }
}
