//! Child processes that cannot outlive their test and cannot keep it waiting.
//!
//! Output is collected by threads as it comes, every wait has a deadline, and dropping the handle ends the child's whole
//! process group, politely first. Only groups started here are ever signalled.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};

/// How long anything that should take moments may take on a slow, busy machine, or on one that is emulated.
pub const DEADLINE: Duration = Duration::from_mins(2);

/// A child that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    pid: Pid,
    exit: OwnedFd,
    stdout: Collector,
    stderr: Collector,
    described: String,
}

/// A child that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl Running {
    /// Starts `command` with pipes on all three standard streams.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(mut command: Command) -> Result<Self> {
        let described = command.get_program().display().to_string();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("starting {described}"))?;
        let pid = Pid::from_child(&child);
        let exit = pidfd_open(pid, PidfdFlags::empty()).context("pidfd_open")?;
        let stdout = Collector::start(child.stdout.take().context("stdout")?);
        let stderr = Collector::start(child.stderr.take().context("stderr")?);
        Ok(Self { child, pid, exit, stdout, stderr, described })
    }

    /// The process id, also the id of its group when it was started through [`crate::sys::Namespaces::enter`].
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process alone.
    ///
    /// # Errors
    /// When it has already been waited for.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid, signal).with_context(|| format!("signalling {}", self.described))
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    /// When it has closed it.
    pub fn say(&mut self, line: &str) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("standard input was closed")?;
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).with_context(|| format!("writing to {}", self.described))
    }

    /// Waits until its standard output contains `text`.
    ///
    /// # Errors
    /// After [`DEADLINE`], or when the output ended without it; both show what it said.
    pub fn wait_for_output(&self, text: &str) -> Result<()> {
        if self.stdout.wait_until(DEADLINE, |bytes| contains(bytes, text.as_bytes())) {
            return Ok(());
        }
        bail!("{} never said {text:?}\nstdout: {}\nstderr: {}", self.described, self.stdout.text(), self.stderr.text())
    }

    /// Waits until its standard error contains `text`.
    ///
    /// # Errors
    /// As [`Self::wait_for_output`].
    pub fn wait_for_complaint(&self, text: &str) -> Result<()> {
        if self.stderr.wait_until(DEADLINE, |bytes| contains(bytes, text.as_bytes())) {
            return Ok(());
        }
        bail!("{} never complained {text:?}\nstderr: {}", self.described, self.stderr.text())
    }

    /// Waits until its standard output contains `text` after the first `from` bytes, and returns what follows `from`.
    ///
    /// # Errors
    /// As [`Self::wait_for_output`].
    pub fn wait_for_more(&self, from: usize, text: &str, deadline: Duration) -> Result<String> {
        if self.stdout.wait_until(deadline, |bytes| contains(bytes.get(from..).unwrap_or_default(), text.as_bytes())) {
            return Ok(self.stdout.text().get(from..).unwrap_or_default().to_owned());
        }
        bail!("{} said no more\nstdout: {}\nstderr: {}", self.described, self.stdout.text(), self.stderr.text())
    }

    /// What it has written to standard output so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.stdout.text()
    }

    /// What it has written to standard error so far.
    #[must_use]
    pub fn complaints(&self) -> String {
        self.stderr.text()
    }

    /// Waits for the process to end, without touching what it started.
    ///
    /// # Errors
    /// After `deadline`; the message shows what it said.
    pub fn wait_exit(&self, deadline: Duration) -> Result<()> {
        let end = Instant::now() + deadline;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!(
                    "{} still runs after {deadline:?}\nstdout: {}\nstderr: {}",
                    self.described,
                    self.stdout.text(),
                    self.stderr.text()
                );
            }
            let timeout = Timespec::try_from(left).context("deadline")?;
            match poll(&mut [PollFd::new(&self.exit, PollFlags::IN)], Some(&timeout)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error).context("waiting for a child"),
            }
        }
    }

    /// Waits for it to end and returns all it said; then ends whatever is left of its group.
    ///
    /// # Errors
    /// As [`Self::wait_exit`].
    pub fn finish(mut self, deadline: Duration) -> Result<Finished> {
        drop(self.child.stdin.take());
        self.wait_exit(deadline)?;
        // Not yet reaped, so the id still names this group and no other.
        kill_process_group(self.pid, Signal::KILL).ok();
        let status = self.child.wait().context("reaping")?;
        let patience = Duration::from_secs(5);
        self.stdout.wait_end(patience);
        self.stderr.wait_end(patience);
        Ok(Finished { status, stdout: self.stdout.text(), stderr: self.stderr.text() })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // `try_wait` says `Some` only after the id was given back; from then on it may name somebody else's group.
        if let Ok(None) = self.child.try_wait() {
            // Asked first, so that a gateway whose test failed half-way still takes its programs out of the kernel.
            if self.signal(Signal::TERM).is_ok() {
                self.wait_exit(Duration::from_secs(5)).ok();
            }
            kill_process_group(self.pid, Signal::KILL).ok();
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started or does not end in time; not when it fails.
pub fn run(command: Command, deadline: Duration) -> Result<Finished> {
    Running::start(command)?.finish(deadline)
}

/// Asks `holds` again and again until it is true: only for state of the kernel that nothing announces.
///
/// # Errors
/// After `deadline`, with what `holds` last said was missing.
pub fn eventually(deadline: Duration, mut holds: impl FnMut() -> Result<(), String>) -> Result<()> {
    let end = Instant::now() + deadline;
    loop {
        match holds() {
            Ok(()) => return Ok(()),
            Err(missing) if Instant::now() >= end => bail!("after {deadline:?}: {missing}"),
            Err(_) => std::thread::park_timeout(Duration::from_millis(20)),
        }
    }
}

/// Bytes of one stream, growing until its end.
#[derive(Debug, Clone)]
struct Collector {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Mutex<Held>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    ended: bool,
}

impl Collector {
    fn start(mut stream: impl Read + Send + 'static) -> Self {
        let collector = Self { state: Arc::default() };
        let state = Arc::clone(&collector.state);
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                let count = stream.read(&mut buffer).unwrap_or(0);
                let mut held = state.held.lock().unwrap_or_else(PoisonError::into_inner);
                held.bytes.extend_from_slice(&buffer[..count]);
                held.ended = count == 0;
                state.changed.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        collector
    }

    /// Waits until `holds` is true of the bytes; false after the deadline or at the end of the stream.
    fn wait_until(&self, deadline: Duration, holds: impl Fn(&[u8]) -> bool) -> bool {
        self.wait(deadline, |bytes, ended| ended || holds(bytes));
        holds(&self.lock().bytes)
    }

    fn wait_end(&self, deadline: Duration) {
        self.wait(deadline, |_, ended| ended);
    }

    fn wait(&self, deadline: Duration, holds: impl Fn(&[u8], bool) -> bool) {
        let undone = |held: &mut Held| !holds(&held.bytes, held.ended);
        drop(self.state.changed.wait_timeout_while(self.lock(), deadline, undone));
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.state.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
