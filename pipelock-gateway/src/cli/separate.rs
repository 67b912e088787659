//! `pipelock run` in two processes: a helper with privileges that reads nothing hostile, and a proxy with none that reads everything.
//!
//! The process that was started becomes the helper. It loads the programs, opens the ports, and starts the same executable once more
//! as another user, without capabilities, with the ends of a few socket pairs; that one serves. Signals are passed on, and the
//! proxy's exit code is the daemon's. Neither outlives the other.

use std::fs::File;
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};
use tokio::signal::unix::{SignalKind, signal};

use super::run::door_listener;
use super::startup::{self, say};
use super::{RunArgs, capture, confine, discover};
use crate::capture::helper::{Files, Helped, pair};
use crate::capture::{self as kernel, Inherited};
use crate::config::{Config, LogOutput};
use crate::model::error_chain;
use crate::report::flight::{Begun, Directory, FlightError, Shelf, set_shelf};
use crate::tls::RootLocations;
use crate::{files, pipeline};

/// Channels between the two: four for what a connection asks, one for what takes long, one for a successor; then one for each source
/// of `capture.discover`.
const CHANNELS: usize = 6;
/// Whom the proxy runs as where nobody is called [`USER`]: a number out of the range of people, services and containers.
const UID: u32 = 64_911;
const USER: &str = "pipelock";
/// How long the end of a killed process may take.
const DYING: Duration = Duration::from_secs(2);

/// Becomes the helper of a daemon that captures something and is root, and returns the daemon's exit code; `None` where there is no
/// need or no way, and this process is to serve itself.
pub(super) fn separate(args: &RunArgs) -> Option<anyhow::Result<ExitCode>> {
    if args.helper.is_some() || !rustix::process::geteuid().is_root() {
        return None;
    }
    // What is wrong with it is said by whoever serves.
    let (config, _) = args.config.as_deref().map(Config::load)?.ok()?;
    if config.capture.is_empty() || !config.capture.separate {
        return None;
    }
    let why_not = match missing_capabilities() {
        Ok(missing) if missing.is_empty() => return Some(help(args, &config)),
        Ok(missing) => {
            format!("starting a process without any takes capabilities that are missing here: {}", missing.join(", "))
        }
        Err(error) => format!("{error:#}"),
    };
    say(&format!("warning: one process with privileges does everything: {why_not}"));
    None
}

/// What it takes to become another user, to give up what can be inherited, and to send signals to that user; containers are
/// often started without.
fn missing_capabilities() -> anyhow::Result<Vec<&'static str>> {
    const NEEDED: [(CapabilitySet, &str); 4] = [
        (CapabilitySet::SETUID, "SETUID"),
        (CapabilitySet::SETGID, "SETGID"),
        (CapabilitySet::SETPCAP, "SETPCAP"),
        (CapabilitySet::KILL, "KILL"),
    ];
    let own = capabilities(None).context("reading capabilities")?.effective;
    Ok(NEEDED.into_iter().filter(|(one, _)| !own.contains(*one)).map(|(_, name)| name).collect())
}

fn help(args: &RunArgs, config: &Config) -> anyhow::Result<ExitCode> {
    startup::harden();
    let mut inherited = if args.take_over { capture::inherit()? } else { None };
    let (old_door, old_mcp) = match &mut inherited {
        Some(Inherited { sockets, .. }) => (sockets.door.take(), sockets.mcp.take()),
        None => (None, None),
    };
    let door = match old_door {
        Some(door) => door_listener(args, config, Some(door))?,
        None => free_door(args, config)?,
    };
    let mcp = args.mcp_listen.map(|address| match old_mcp.filter(|p| p.local_addr().is_ok_and(|at| at == address)) {
        Some(port) => Ok(port),
        None => TcpListener::bind(address).with_context(|| format!("listening on {address}")),
    });
    let loaded = capture::load(&config.capture, &mut inherited)?;
    let service = loaded.into_service(Box::new(Named::of(args, config)), (door, mcp.transpose()?), inherited)?;
    let service = Arc::new(service);
    discover::look_for(&service, &config.capture, &kernel::Layout::system()?)?;
    let mut theirs = Vec::new();
    for number in 0..CHANNELS + config.capture.discover.len() {
        let (ours, end) = pair().context("making a channel")?;
        let service = Arc::clone(&service);
        let thread = std::thread::Builder::new().name(format!("helper-{number}"));
        thread.spawn(move || service.serve(&ours)).context("starting a thread")?;
        theirs.push(end);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(until_it_ends(theirs))
}

/// The port of the proxy. The proxy process of a helper that was killed dies with it, but not in the same instant: whoever starts the
/// next daemon at once must not be told that the port is taken.
fn free_door(args: &RunArgs, config: &Config) -> anyhow::Result<TcpListener> {
    let taken = |error: &anyhow::Error| {
        let source = error.downcast_ref::<std::io::Error>();
        source.is_some_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
    };
    let until = Instant::now() + DYING;
    loop {
        match door_listener(args, config, None) {
            Err(error) if taken(&error) && Instant::now() < until => {
                #[expect(clippy::disallowed_methods, reason = "a port tells nobody when it is free")]
                std::thread::sleep(DYING / 40);
            }
            other => return other,
        }
    }
}

/// Starts the proxy, passes signals on, and waits for its end.
async fn until_it_ends(channels: Vec<OwnedFd>) -> anyhow::Result<ExitCode> {
    let on = |kind| signal(kind).context("listening for signals");
    let mut signals = (
        on(SignalKind::terminate())?,
        on(SignalKind::interrupt())?,
        on(SignalKind::hangup())?,
        on(SignalKind::user_defined1())?,
    );
    let (command, executable) = proxy(&channels)?;
    let mut proxy = tokio::process::Command::from(command);
    // On this thread, which lives as long as the process: the proxy dies with the thread that started it.
    give_up_privileges()?;
    let mut proxy = proxy.kill_on_drop(true).spawn().context("starting the proxy process")?;
    drop((channels, executable));
    let pid = proxy.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw).context("no process")?;
    let ended = loop {
        let passed = tokio::select! {
            ended = proxy.wait() => break ended.context("waiting for the proxy process")?,
            _ = signals.0.recv() => Signal::TERM,
            _ = signals.1.recv() => Signal::INT,
            _ = signals.2.recv() => Signal::HUP,
            _ = signals.3.recv() => Signal::USR1,
        };
        let _ = kill_process(pid, passed);
    };
    if ended.code().is_none() {
        say(&format!("the proxy process was ended: {ended}"));
    }
    Ok(ExitCode::from(ended.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// The same executable with the same arguments, and the channels. The file must stay open until it was started.
fn proxy(channels: &[OwnedFd]) -> anyhow::Result<(Command, File)> {
    // What somebody left open for this process is not the proxy's.
    kernel::close_on_exec().context("closing descriptors")?;
    let mut numbers = Vec::new();
    for channel in channels {
        fcntl_setfd(channel, FdFlags::empty()).context("preparing a channel")?;
        numbers.push(channel.as_raw_fd().to_string());
    }
    let (mut command, executable) = unprivileged()?;
    command.args(std::env::args_os().skip(1)).arg("--helper").arg(numbers.join(","));
    Ok((command, executable))
}

/// This executable as another user, in a process group of its own, so that a terminal's signals come once.
fn unprivileged() -> anyhow::Result<(Command, File)> {
    // By descriptor: the path may lead through directories that only root enters.
    let executable = File::open(std::env::current_exe().context("finding this executable")?).context("opening it")?;
    let (uid, gid) = user();
    let mut command = Command::new(format!("/proc/self/fd/{}", executable.as_raw_fd()));
    command.arg0("pipelock").uid(uid).gid(gid).process_group(0);
    Ok((command, executable))
}

/// `pipelock confinement`: what a proxy process must not be able to do, tried here and in a process like one.
pub(super) fn try_confinement(inside: bool, out: &mut impl Write) -> ExitCode {
    let mut tried = || -> anyhow::Result<()> {
        if inside {
            confine::confine()?;
            return Ok(writeln!(out, "{}", serde_json::to_string(&confine::attempts())?)?);
        }
        writeln!(out, "{}", serde_json::to_string(&confine::attempts())?)?;
        out.flush()?;
        let (mut command, _executable) = unprivileged()?;
        give_up_privileges()?;
        let ended = command.args(["confinement", "--inside"]).status().context("starting a confined process")?;
        anyhow::ensure!(ended.success(), "the confined process failed: {ended}");
        Ok(())
    };
    match tried() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The user and group of the proxy.
fn user() -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ours = users.lines().find_map(|line| {
        let mut fields = line.strip_prefix(USER)?.strip_prefix(':')?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    ours.filter(|(uid, _)| *uid != 0).unwrap_or((UID, UID))
}

/// What the calling thread's children can never have. Its own capabilities stay, but for what is inherited.
fn give_up_privileges() -> anyhow::Result<()> {
    clear_ambient_capability_set().context("giving up ambient capabilities")?;
    let own = capabilities(None).context("reading capabilities")?;
    for number in 0..64 {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if capability_is_in_bounding_set(one).unwrap_or(false) {
            remove_capability_from_bounding_set(one).context("giving up capabilities")?;
        }
    }
    set_capabilities(None, CapabilitySets { inheritable: CapabilitySet::empty(), ..own })
        .context("giving up capabilities")?;
    set_no_new_privs(true).context("setting no_new_privs")
}

/// The files that the configuration names, read from it again each time: a reload may name others.
struct Named {
    config: Option<PathBuf>,
    roots: Vec<PathBuf>,
    log: Option<PathBuf>,
    /// As they were at the start, like the log.
    receipts: Option<(Directory, PathBuf)>,
    /// Whether the proxy asked for compiled rules that are not kept.
    missed: AtomicBool,
}

impl Named {
    fn of(args: &RunArgs, config: &Config) -> Self {
        let roots = RootLocations::from_variables(|name| std::env::var_os(name));
        let log = match &config.logging.output {
            LogOutput::Stdout => None,
            LogOutput::File(path) | LogOutput::Both(path) => Some(path.clone()),
        };
        let receipts = startup::flight_options(config);
        let receipts = receipts.map(|options| (Directory::of(&options), options.signing_key));
        let roots = roots.file.into_iter().chain(roots.directories).collect();
        Self { config: args.config.clone(), roots, log, receipts, missed: AtomicBool::new(false) }
    }

    fn directory(&self) -> io::Result<&Directory> {
        let (directory, _) = self.receipts.as_ref().ok_or(io::ErrorKind::PermissionDenied)?;
        Ok(directory)
    }
}

impl Files for Named {
    fn may_read(&self, path: &Path) -> bool {
        let from_variables = self.roots.iter().any(|root| path.starts_with(root));
        let signing_key = self.receipts.as_ref().is_some_and(|(_, key)| key == path);
        if self.config.as_deref() == Some(path) || from_variables || signing_key {
            return true;
        }
        let config = self.config.as_deref().and_then(|config| Config::load(config).ok());
        config.is_some_and(|(config, _)| {
            let sentinel = config.kill_switch.sentinel_file.as_deref() == Some(path);
            sentinel || config.files().iter().any(|named| named == path)
        })
    }

    fn may_append(&self, path: &Path) -> bool {
        self.log.as_deref() == Some(path)
    }

    fn compiled(&self, name: &str) -> Option<File> {
        let kept = pipeline::compiled_rules_file(name);
        if kept.is_none() {
            self.missed.store(true, Ordering::Relaxed);
        }
        kept
    }

    fn receipts(&self) -> io::Result<(String, File)> {
        let (begun, lock) = self.directory()?.begin().map_err(|error| io::Error::other(error_chain(&error)))?;
        Ok((serde_json::to_string(&begun)?, lock))
    }

    fn next_receipts(&self, run: &str, first: u64) -> io::Result<File> {
        self.directory()?.next(run, first).map_err(|error| io::Error::other(error_chain(&error)))
    }

    /// Has rules compiled for the next start, beside what is served: the proxy compiled its own, and what it could hand over nobody
    /// should believe. By a process that ends, so that its memory is not kept.
    fn serving(&self) {
        if !self.missed.swap(false, Ordering::Relaxed) || !pipeline::keeps_compiled_rules() {
            return;
        }
        let mut command = Command::new("/proc/self/exe");
        command.arg("check").args(self.config.iter().flat_map(|path| ["--config".into(), path.clone()]));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let compiling = std::thread::Builder::new().name("compile".to_owned()).spawn(move || command.status());
        if let Err(error) = compiling {
            tracing::debug!(%error, "rules are not compiled for the next start");
        }
    }
}

/// Receipts of a proxy: its helper keeps them.
struct Kept(Arc<Helped>);

impl Shelf for Kept {
    fn begin(&self) -> Result<(Begun, File), FlightError> {
        let (begun, lock) = self.0.receipts().map_err(|error| not_kept(&error))?;
        Ok((serde_json::from_str(&begun).map_err(|error| not_kept(&error))?, lock))
    }

    fn next(&self, run: &str, first: u64) -> Result<File, FlightError> {
        self.0.next_receipts(run, first).map_err(|error| not_kept(&error))
    }
}

fn not_kept(error: &dyn std::error::Error) -> FlightError {
    let (path, source) = ("receipts".into(), io::Error::other(error_chain(error)));
    FlightError::File { doing: "keeping", path, source }
}

/// The proxy's first act: gives everything up, and learns to ask its helper.
pub(super) fn join(channels: &str) -> anyhow::Result<Arc<Helped>> {
    confine::confine().context("confining this process")?;
    let channels = channels.split(',').map(|number| {
        let number = number.parse().context("--helper")?;
        kernel::inherited_descriptor(number).context("--helper")
    });
    let mut channels = channels.collect::<anyhow::Result<Vec<_>>>()?;
    let looking = channels.split_off(channels.len().min(CHANNELS));
    let helped = Arc::new(Helped::new(channels, looking)?);
    let opener = Arc::clone(&helped);
    files::set_opener(Box::new(move |path, access| opener.open(path, access)));
    set_shelf(Box::new(Kept(Arc::clone(&helped))));
    let reader = Arc::clone(&helped);
    pipeline::read_compiled_rules(move |name| {
        let file = reader.compiled(name).ok().flatten()?;
        pipeline::read_compiled(file).ok()
    });
    Ok(helped)
}
