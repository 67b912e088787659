//! Runs cases, and makes it impossible not to notice the ones that did not run.
//!
//! A case with a missing need is listed as *ignored*, the need shown as its kind, and counted in the last line.
//! `PIPELOCK_REQUIRE` (needs separated by commas, or `all`) turns such a skip into a failure. A run in which nothing ran
//! fails. Built on libtest-mimic, so the arguments are those of any Rust test.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::{PoisonError, RwLock};

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::need::Need;
use crate::node::{self, Node};

/// How a claim is shown on a node of its own.
type Run = Box<dyn FnOnce(&Node) -> Result<()> + Send>;

/// One end-to-end test: a claim, what it needs, and how it is shown.
pub struct Case {
    name: String,
    needs: Vec<Need>,
    alone: bool,
    run: Run,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("name", &self.name).field("needs", &self.needs).finish_non_exhaustive()
    }
}

impl Case {
    /// A case that gets a node of its own and may run beside others.
    pub fn new(
        name: impl Into<String>,
        needs: impl IntoIterator<Item = Need>,
        run: impl FnOnce(&Node) -> Result<()> + Send + 'static,
    ) -> Self {
        let needs = [Need::Root, Need::Namespaces].into_iter().chain(needs).collect::<BTreeSet<_>>();
        let name = name.into();
        // `e2e!` puts the crate before the module; every case is in that crate.
        let name = name.strip_prefix("e2e::").map_or(name.clone(), str::to_owned);
        Self { name, needs: needs.into_iter().collect(), alone: false, run: Box::new(run) }
    }

    /// The same, but while it runs no other case does: for cases that look at what is loaded in the whole kernel.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    fn missing(&self) -> Vec<Need> {
        self.needs.iter().copied().filter(|need| !need.probe().present).collect()
    }

    fn into_trial(self, required: &BTreeSet<Need>) -> Trial {
        let missing = self.missing();
        if missing.is_empty() {
            return Trial::test(self.name, move || {
                let _turn = Turn::take(self.alone);
                let node = Node::new().map_err(|error| Failed::from(format!("{error:#}")))?;
                (self.run)(&node).map_err(|error| Failed::from(format!("{error:#}")))
            });
        }
        let words = missing.iter().map(|need| need.as_str()).collect::<Vec<_>>().join(",");
        let fatal = missing.iter().any(|need| required.contains(need));
        let message = format!("PIPELOCK_REQUIRE forbids to skip this, but missing is: {words}");
        Trial::test(self.name, move || Err(Failed::from(message)))
            .with_kind(format!("needs {words}"))
            .with_ignored_flag(!fatal)
    }
}

/// Declares a case: `e2e! { name_that_is_a_claim, needs: [Pipelock, Curl], |node| { …; Ok(()) } }`.
///
/// Root and namespaces are needed by every case, because every case has a node.
#[macro_export]
macro_rules! e2e {
    ($name:ident, needs: [$($need:ident),* $(,)?], $run:expr $(,)?) => {
        $crate::harness::Case::new(concat!(module_path!(), "::", stringify!($name)), [$($crate::need::Need::$need),*], $run)
    };
}

/// Runs the cases under the arguments of this process; the exit code says whether all was well.
#[must_use]
pub fn main(cases: Vec<Case>) -> ExitCode {
    let arguments = Arguments::from_args();
    let required = match required(&std::env::var("PIPELOCK_REQUIRE").unwrap_or_default()) {
        Ok(required) => required,
        Err(unknown) => {
            eprintln!("PIPELOCK_REQUIRE names an unknown need: {unknown}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = node::sweep() {
        eprintln!("cleaning up after earlier runs: {error:#}");
    }
    // What a run leaves out is not looked for either: some answers take seconds, in software emulation minutes.
    let chosen = |case: &Case| !arguments.is_filtered_out(&Trial::test(&case.name, || Ok(())));
    let cases: Vec<Case> = cases.into_iter().filter(chosen).collect();
    if !arguments.list {
        print_needs(&cases.iter().flat_map(|case| case.needs.iter().copied()).collect());
    }
    let mut skipped: BTreeMap<String, usize> = BTreeMap::new();
    let trials: Vec<Trial> = cases.into_iter().map(|case| case.into_trial(&required)).collect();
    for trial in trials.iter().filter(|trial| trial.has_ignored_flag() && !arguments.is_filtered_out(trial)) {
        *skipped.entry(trial.kind().trim_start_matches("needs ").to_owned()).or_default() += 1;
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.list {
        return ExitCode::SUCCESS;
    }
    let reasons = skipped.iter().map(|(needs, count)| format!("{count}: {needs} missing")).collect::<Vec<_>>();
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
    eprintln!(
        "{} passed, {} failed, {} SKIPPED{reasons}",
        conclusion.num_passed, conclusion.num_failed, conclusion.num_ignored
    );
    if conclusion.num_passed + conclusion.num_failed == 0 {
        eprintln!("nothing ran: this shows nothing, so it counts as a failure");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// Needs whose absence must fail a case instead of skipping it.
fn required(list: &str) -> Result<BTreeSet<Need>, String> {
    if list.trim() == "all" {
        return Ok(Need::ALL.iter().copied().collect());
    }
    list.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(|word| Need::ALL.iter().copied().find(|need| need.as_str() == word).ok_or_else(|| word.to_owned()))
        .collect()
}

fn print_needs(needs: &BTreeSet<Need>) {
    eprintln!("{:<14} {:<8} EVIDENCE", "NEED", "");
    for need in needs {
        let answer = need.probe();
        let word = if answer.present { "present" } else { "MISSING" };
        eprintln!("{need:<14} {word:<8} {}", answer.evidence);
        if !answer.present {
            eprintln!("{:<14} {:<8} -> {}", "", "", need.remedy());
        }
    }
}

/// The right to run: shared by most cases, exclusive for those that must be alone.
enum Turn {
    Shared(#[expect(dead_code, reason = "held, not read")] std::sync::RwLockReadGuard<'static, ()>),
    Alone(#[expect(dead_code, reason = "held, not read")] std::sync::RwLockWriteGuard<'static, ()>),
}

impl Turn {
    fn take(alone: bool) -> Self {
        static TURNS: RwLock<()> = RwLock::new(());
        // A case that panicked left nothing half-done behind this lock.
        if alone {
            Self::Alone(TURNS.write().unwrap_or_else(PoisonError::into_inner))
        } else {
            Self::Shared(TURNS.read().unwrap_or_else(PoisonError::into_inner))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_words_or_all() {
        assert_eq!(required("").unwrap(), BTreeSet::new());
        assert_eq!(required("root, bpf").unwrap(), BTreeSet::from([Need::Root, Need::Bpf]));
        assert_eq!(required("all").unwrap().len(), Need::ALL.len());
        assert_eq!(required("root,nonsense").unwrap_err(), "nonsense");
    }
}
