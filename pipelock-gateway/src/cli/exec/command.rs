//! The command under `exec`: started inside the cgroup, given our signals, asked for its exit code.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};

use anyhow::Context;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::capture::cgroup::Cgroup;
use crate::cli::privilege;

/// What is passed on to the command when somebody sends it to us.
const FORWARDED: [Signal; 6] = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2];

/// The resource limits the command was started under, before we changed ours.
#[derive(Debug)]
pub(in crate::cli) struct Limits(Vec<(Resource, Rlimit)>);

impl Limits {
    /// Ours as they are now.
    pub(in crate::cli) fn now() -> Self {
        Self([Resource::Nofile, Resource::Core].map(|resource| (resource, getrlimit(resource))).into())
    }

    /// Gives them to the command, which inherited our own. Best effort: it may have ended already.
    fn give_back(&self, child: Option<u32>) {
        let Some(child) = child.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw) else { return };
        for (resource, limit) in &self.0 {
            let _ = prlimit(Some(child), *resource, *limit);
        }
    }
}

/// The command could not be started.
#[derive(Debug, thiserror::Error)]
#[error("running {}", .program.display())]
pub(super) struct NotStarted {
    program: OsString,
    #[source]
    source: io::Error,
}

impl NotStarted {
    /// What a shell answers: 127 when there is no such command, 126 when it cannot be run (POSIX XCU 2.8.2).
    pub(super) fn exit_code(&self) -> u8 {
        if self.source.kind() == io::ErrorKind::NotFound { 127 } else { 126 }
    }
}

/// Starts the command inside `cgroup`, with `environment` on top of ours, as the user who called.
pub(in crate::cli) fn start(
    command: &[OsString],
    cgroup: &Cgroup,
    environment: Vec<(&'static str, OsString)>,
    limits: &Limits,
) -> anyhow::Result<tokio::process::Child> {
    let (program, arguments) = command.split_first().context("there is no command to run")?;
    let mut child = Command::new(program);
    child.args(arguments).envs(environment);
    if let Some((uid, gid)) = privilege::calling_user()? {
        child.uid(uid).gid(gid);
        for variable in privilege::HIDDEN_VARIABLES {
            child.env_remove(variable);
        }
    }
    cgroup.enter_on_exec(&mut child)?;
    let mut child = tokio::process::Command::from(child);
    let child = child.spawn().map_err(|source| NotStarted { program: program.clone(), source })?;
    limits.give_back(child.id());
    Ok(child)
}

/// Exit code as a shell would give it: the command's own, or 128 and the signal that ended it.
pub(in crate::cli) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

/// Signals sent to us from now on, as they come.
pub(in crate::cli) fn signals() -> anyhow::Result<mpsc::Receiver<Signal>> {
    let (sender, receiver) = mpsc::channel(16);
    for kind in FORWARDED {
        let mut stream = signal(SignalKind::from_raw(kind.as_raw())).context("listening for signals")?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if sender.send(kind).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(receiver)
}

/// Passes a signal on, unless the terminal has given it to the command already.
pub(in crate::cli) fn forward(signal: Signal, child: &tokio::process::Child) {
    let typed = matches!(signal, Signal::INT | Signal::QUIT) && on_the_terminal();
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    if let (false, Some(pid)) = (typed, pid) {
        // It may have ended just now; then there is nobody to tell.
        let _ = kill_process(pid, signal);
    }
}

/// Whether we are in the foreground of a terminal: then Ctrl-C reaches the whole process group, the command included.
fn on_the_terminal() -> bool {
    rustix::termios::tcgetpgrp(std::io::stdin()).is_ok_and(|foreground| foreground == rustix::process::getpgrp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_a_shell() {
        assert_eq!(exit_code(ExitStatus::from_raw(0)), 0);
        assert_eq!(exit_code(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137, "killed by SIGKILL");
    }

    #[test]
    fn the_command_gets_back_the_limits_it_was_started_under() {
        let mut child = Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let limit = Rlimit { current: Some(123), maximum: Some(456) };
        Limits(vec![(Resource::Nofile, limit)]).give_back(Some(child.id()));
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        assert_eq!(line.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["123", "456"]);
    }
}
