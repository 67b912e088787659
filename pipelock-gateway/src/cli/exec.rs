//! `pipelock exec`: a gateway for one command, in one process, for as long as the command runs.
//!
//! Order matters and is the same as for any target: configuration, privileges, what an earlier crash left, listeners,
//! policy, programs, and only then the command. On the way back, what the command left running is ended before the
//! programs are detached, because it must not go on unprotected.

pub(super) mod command;
mod session;
pub(super) mod setup;

use std::process::ExitCode;

use super::startup::say;
use super::{EXIT_CONFIG, ExecArgs};

/// Runs the command; the exit code is the command's own, a shell's 126 or 127 when it could not be started, or
/// [`EXIT_CONFIG`] when it was not even tried.
#[must_use]
pub fn run(args: &ExecArgs) -> ExitCode {
    match setup::prepare(args).and_then(|(runtime, prepared)| session::run(runtime, prepared)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&format!("{error:#}"));
            let code = error.downcast_ref::<command::NotStarted>().map_or(EXIT_CONFIG, command::NotStarted::exit_code);
            ExitCode::from(code)
        }
    }
}
