//! A numbered sequence of steps with headers and times, which stops at the first failure.
//!
//! Does not know what a step does; hands the outcome to the task that planned it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::command::Cmd;

/// What a step runs.
pub(crate) enum Action {
    /// Another program; repeated by its own line.
    Command(Cmd),
    /// A function of xtask; repeated by the task that calls it.
    Task {
        /// What to type to repeat it.
        rerun: &'static str,
        /// The function.
        run: Box<dyn FnOnce() -> Result<()>>,
    },
}

/// A step with the name shown in headers and in the summary.
pub(crate) struct Step {
    name: String,
    action: Action,
}

impl Step {
    /// A step that is another program.
    pub(crate) fn command(name: impl Into<String>, cmd: Cmd) -> Self {
        Self { name: name.into(), action: Action::Command(cmd) }
    }

    /// A step that is a function of xtask, repeated by `rerun`.
    pub(crate) fn task(name: &str, rerun: &'static str, run: impl FnOnce() -> Result<()> + 'static) -> Self {
        Self { name: name.to_owned(), action: Action::Task { rerun, run: Box::new(run) } }
    }
}

/// Runs the steps in order and prints a summary.
///
/// # Errors
/// The first failure; later steps are not run. The message says what to type to repeat the failed one.
pub(crate) fn run(steps: Vec<Step>) -> Result<()> {
    let total = steps.len();
    let mut done = Vec::new();
    for (index, step) in steps.into_iter().enumerate() {
        println!("\n==> [{}/{total}] {}", index + 1, step.name);
        let start = Instant::now();
        let (rerun, outcome) = match step.action {
            Action::Command(cmd) => {
                println!("    {cmd}");
                (cmd.to_string(), cmd.run())
            }
            Action::Task { rerun, run } => (rerun.to_owned(), run()),
        };
        let took = start.elapsed();
        println!("    {} in {:.1} s", if outcome.is_ok() { "ok" } else { "FAILED" }, took.as_secs_f32());
        done.push((step.name, took));
        if let Err(error) = outcome {
            print!("{}", summary(&done, total, true));
            bail!("{error:#}\nto repeat: {rerun}");
        }
    }
    print!("{}", summary(&done, total, false));
    Ok(())
}

fn summary(done: &[(String, Duration)], total: usize, failed: bool) -> String {
    let mut text = String::from("\n==> summary\n");
    for (index, (name, took)) in done.iter().enumerate() {
        let outcome = if failed && index + 1 == done.len() { "FAILED" } else { "ok" };
        let _ = writeln!(text, "    {outcome:<7}{:>7.1} s  {name}", took.as_secs_f32());
    }
    if done.len() < total {
        let _ = writeln!(text, "    not run: {} more", total - done.len());
    }
    let whole: Duration = done.iter().map(|(_, took)| *took).sum();
    let _ = writeln!(text, "    {:>14.1} s  in all", whole.as_secs_f32());
    text
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn the_first_failure_stops_the_sequence_and_says_how_to_repeat_it() {
        let later = Rc::new(Cell::new(false));
        let seen = Rc::clone(&later);
        let steps = vec![
            Step::command("fine", Cmd::new("true")),
            Step::command("broken", Cmd::new("sh").args(["-c", "exit 7"])),
            Step::task("later", "cargo xtask later", move || {
                seen.set(true);
                Ok(())
            }),
        ];
        let error = run(steps).unwrap_err().to_string();
        assert!(error.contains("to repeat: sh -c 'exit 7'"), "{error}");
        assert!(!later.get());
    }

    #[test]
    fn summary_tells_failed_and_unrun_steps() {
        let done = [("one".to_owned(), Duration::from_secs(2)), ("two".to_owned(), Duration::from_millis(500))];
        let text = summary(&done, 4, true);
        assert!(text.contains("ok         2.0 s  one"), "{text}");
        assert!(text.contains("FAILED     0.5 s  two"), "{text}");
        assert!(text.contains("not run: 2 more"), "{text}");
        assert!(text.contains("2.5 s  in all"), "{text}");
    }
}
