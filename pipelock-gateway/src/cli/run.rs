//! `pipelock run`: the gateway as a daemon, until a signal ends it.
//!
//! The explicit proxy and admin port is always open. Nothing is captured unless the configuration names targets, and without
//! one no privilege is needed: the process may be uid 1000 in a container without capabilities. Audit records go where
//! `logging` says, by default to standard output; messages for people go to standard error.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::mcp;
use super::reload::ReloadFrom;
use super::separate;
use super::serve::{self, Loops};
use super::startup::{self, say};
use super::{EXIT_CONFIG, RunArgs};
use crate::admin::{AdminState, Phase};
use crate::capture::helper::Helped;
use crate::capture::{Datapath, Inherited, Uncaptured};
use crate::cli::capture::{self, Captured, Ports};
use crate::config::{Config, LogOutput};
use crate::control::KillSource;
use crate::pipeline::{Gateway, Snapshot, SnapshotOptions};
use crate::report::{AuditOutput, Options, Report};
use crate::tls::RootLocations;

/// From the first signal on, what is open gets this long to finish (gateway.md §11). A pod's
/// `terminationGracePeriodSeconds` must be longer.
const DRAIN: Duration = Duration::from_secs(25);
/// What was accepted when a successor came gets this long to send its first request, before connections are asked to finish.
const LINGER: Duration = Duration::from_secs(2);
/// Time for the last records to be written.
const CLOSE_REPORT: Duration = Duration::from_secs(5);

/// A gateway that is ready to serve.
struct Prepared {
    config: Config,
    from: ReloadFrom,
    captured: Option<Captured>,
    /// From a predecessor that waits to hear that this one serves.
    inherited: Option<Inherited>,
    datapath: Arc<dyn Datapath>,
    gateway: Arc<Gateway>,
    report: Report,
    door: TcpListener,
    mcp: Option<mcp::Port>,
}

/// Serves until SIGTERM or SIGINT; exit code 0 then, 1 when it failed while serving, [`EXIT_CONFIG`] when it could not begin.
#[must_use]
pub fn run(args: &RunArgs) -> ExitCode {
    let failed = |error: anyhow::Error, code| {
        say(&format!("{error:#}"));
        ExitCode::from(code)
    };
    // Before anything is read: this process may have to serve without privileges, or to be the one that keeps them.
    if let Some(ended) = separate::separate(args) {
        return ended.unwrap_or_else(|error| failed(error, EXIT_CONFIG));
    }
    let helped = match args.helper.as_deref().map(separate::join).transpose() {
        Ok(helped) => helped,
        Err(error) => return failed(error, EXIT_CONFIG),
    };
    match prepare(args, helped) {
        Ok((runtime, prepared)) => {
            let report = prepared.report.clone();
            let served = runtime.block_on(serve(prepared));
            runtime.shutdown_timeout(Duration::from_secs(1));
            if let Err(error) = report.close(CLOSE_REPORT) {
                say(&crate::model::error_chain(&error));
            }
            served.map_or_else(|error| failed(error, 1), |()| ExitCode::SUCCESS)
        }
        Err(error) => failed(error, EXIT_CONFIG),
    }
}

fn prepare(args: &RunArgs, helped: Option<Arc<Helped>>) -> anyhow::Result<(Runtime, Prepared)> {
    let config = startup::configuration(args.config.as_deref(), args.mode)?;
    startup::harden();
    let options = snapshot_options(&config)?;
    let snapshot = Snapshot::build(&config, &options)?;
    if snapshot.tls.is_none() {
        say(
            "warning: TLS is relayed unopened, so that only its names are judged; set tls_interception.enabled with a CA that clients trust",
        );
    }
    let report = Report::open(report_options(&config)?)?;
    let mut inherited = if args.take_over && helped.is_none() { capture::inherit()? } else { None };
    let (old_door, old_mcp) = match (&helped, &mut inherited) {
        (Some(helped), _) => {
            let (door, mcp) = helped.ports().context("asking for the ports")?;
            (Some(door), mcp)
        }
        (None, Some(Inherited { sockets, .. })) => (sockets.door.take(), sockets.mcp.take()),
        (None, None) => (None, None),
    };
    let door = door_listener(args, &config, old_door)?;
    let mcp = mcp::bind(args, &config, &options.roots, old_mcp)?;
    let runtime = startup::runtime()?;
    let inside = runtime.enter();
    let captured = match helped {
        Some(helped) => Some(Captured::helped(&config.capture, helped)?),
        None if config.capture.is_empty() => None,
        None => Some(capture::load(&config.capture, &mut inherited)?),
    };
    let datapath: Arc<dyn Datapath> = match &captured {
        Some(captured) => captured.datapath(),
        None => Arc::new(Uncaptured),
    };
    let gateway = Gateway::new(Arc::clone(&datapath), snapshot, report.clone(), startup::random_instance());
    for listener in std::iter::once(&door).chain(mcp.as_ref().map(|port| &port.listener)) {
        gateway.add_own_listener(listener.local_addr().context("reading a listener's address")?);
    }
    drop(inside);
    let (path, mode) = (args.config.clone(), args.mode);
    let from = ReloadFrom { path, mode, roots: options.roots, open_tls: false };
    Ok((runtime, Prepared { config, from, captured, inherited, datapath, gateway, report, door, mcp }))
}

/// TLS is opened only where the file says so: clients of a daemon must have been given the CA before.
fn snapshot_options(config: &Config) -> anyhow::Result<SnapshotOptions> {
    let open_tls = config.tls_interception.enabled == Some(true);
    anyhow::ensure!(
        !open_tls || config.tls_interception.ca.is_some(),
        "tls_interception.enabled: true needs ca_cert and ca_key in `pipelock run`: no client could trust a CA made for one run"
    );
    let roots = RootLocations::from_variables(|name| std::env::var_os(name));
    Ok(SnapshotOptions { open_tls, roots, now: SystemTime::now() })
}

fn report_options(config: &Config) -> anyhow::Result<Options> {
    let output = match &config.logging.output {
        LogOutput::Stdout => AuditOutput::Stdout,
        LogOutput::File(path) => AuditOutput::File(path.clone()),
        LogOutput::Both(path) => AuditOutput::Both(path.clone()),
    };
    Ok(Options {
        version: env!("CARGO_PKG_VERSION"),
        audit: startup::audit_options(config, output),
        summary: None,
        flight: startup::flight_options(config),
        emit: startup::emit_options(config)?,
    })
}

pub(super) fn door_listener(
    args: &RunArgs,
    config: &Config,
    inherited: Option<TcpListener>,
) -> anyhow::Result<TcpListener> {
    let address = args.listen.unwrap_or(config.fetch_proxy.listen);
    if let Some(listener) = inherited.filter(|listener| listener.local_addr().is_ok_and(|at| at == address)) {
        return Ok(listener);
    }
    let listener = TcpListener::bind(address).map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::AddrInUse => " (another process has this port; choose one with --listen or fetch_proxy.listen)",
            _ => "",
        };
        anyhow::Error::new(error).context(format!("listening on {address}{remedy}"))
    })?;
    listener.set_nonblocking(true).context("preparing the listener")?;
    Ok(listener)
}

async fn serve(prepared: Prepared) -> anyhow::Result<()> {
    let Prepared { config, from, mut captured, inherited, datapath, gateway, report, door, mcp } = prepared;
    let shutdown = CancellationToken::new();
    let mut loops = Loops::new();
    let mut door_task = Loops::new();
    let mut signals = Signals::listen()?;
    let listening = door.local_addr().context("reading the listener's address")?;
    let admin = Arc::new(AdminState::new(serve::facts(&config, &gateway), report.metrics().clone()));
    serve::watch_kernel(&report, &datapath)?;
    let ports =
        Arc::new(Ports { door: door.try_clone().context("duplicating the listener")?, mcp: mcp_socket(mcp.as_ref())? });
    let targets = serve::targets(&gateway, &datapath);
    serve::watch(&mut loops, &targets, &shutdown);
    if let Some(captured) = &mut captured {
        captured.arm(&targets).await?;
        captured.tell(&mut loops, &targets, &shutdown);
        captured.follow(&mut loops, &targets, &shutdown);
        serve::watch_targets(&report, &targets)?;
        if config.capture.ready_when_captured {
            let targets = Arc::clone(&targets);
            admin.ready_while(move || targets.all_captured());
        }
    }
    // Only now, so that nobody is told "healthy" before what runs is captured.
    serve::open_door(&mut door_task, &gateway, &admin, door, &shutdown)?;
    if let Some(port) = mcp {
        say(&format!("MCP on {}", port.listener.local_addr().context("reading the MCP listener's address")?));
        mcp::open(&mut door_task, &gateway, &config, port, &shutdown)?;
    }
    serve::watch_sentinel(&mut loops, &gateway, &shutdown);
    serve::keep_names(&mut loops, &gateway, &shutdown);
    let api = serve::open_control_api(&mut loops, &gateway, &config, &shutdown)?;
    let scan_api = serve::open_scan_api(&mut loops, &gateway, &config, &shutdown)?;
    let mode = config.effective_mode();
    let reload = serve::follow(&mut loops, &gateway, &admin, config, from, &shutdown);
    admin.enter(Phase::Ready);
    say(&format!("ready: proxy, /health, /ready and /metrics on {listening}, mode {mode}"));
    if let Some(api) = api {
        say(&format!("kill switch and sessions on {api}"));
    }
    if let Some(api) = scan_api {
        say(&format!("Scan API on {api}"));
    }
    let took_over = match (&captured, inherited) {
        (Some(captured), None) => captured.serving()?,
        (_, Some(inherited)) => {
            // One that has ended meanwhile need not be told.
            let _ = inherited.serving();
            true
        }
        (None, None) => false,
    };
    if took_over {
        say("took the place of the gateway that ran");
    }
    let successor = match &captured {
        Some(captured) => captured.offer(&targets, &ports)?,
        None => CancellationToken::new(),
    };
    let served = loop {
        tokio::select! {
            () = successor.cancelled() => {
                say(&format!("a successor serves: finishing what is open, at most {} s", DRAIN.as_secs()));
                break Ok(());
            }
            asked = signals.next() => match asked {
                Asked::Stop(name) => {
                    say(&format!("{name}: finishing what is open, at most {} s; once more to stop at once", DRAIN.as_secs()));
                    break Ok(());
                }
                Asked::Reload => reload.reload(),
                Asked::Toggle => gateway.toggle(KillSource::Signal, "SIGUSR1"),
            },
            Some(ended) = loops.join_next() => serve::complain_about(ended),
            Some(ended) = door_task.join_next() => {
                serve::complain_about(ended);
                break Err(anyhow::anyhow!("a port has closed"));
            }
        }
    };
    admin.enter(Phase::Draining);
    drop(ports);
    if let (Some(captured), false) = (&captured, successor.is_cancelled()) {
        say(&format!("new connections of the targets are refused until a gateway runs again ({})", captured.remedy()));
    }
    let finish = async {
        if successor.is_cancelled() {
            shutdown.cancel();
            // What an accept loop takes in its last turn is waited for as well, and not asked to finish before it began.
            targets.stop_accepting().await;
            gateway.linger(LINGER).await;
        }
        serve::drain(&gateway, &mut door_task, &shutdown, DRAIN).await;
    };
    tokio::select! {
        () = finish => {}
        () = signals.stop() => say("stopping at once"),
    }
    served
}

/// The MCP port once more, for a successor.
fn mcp_socket(port: Option<&mcp::Port>) -> anyhow::Result<Option<TcpListener>> {
    port.map(|port| port.listener.try_clone()).transpose().context("duplicating the MCP listener")
}

/// What somebody asks of the daemon by a signal.
enum Asked {
    /// SIGTERM or SIGINT.
    Stop(&'static str),
    /// SIGHUP.
    Reload,
    /// SIGUSR1.
    Toggle,
}

/// The signals a daemon answers to.
struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    usr1: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let on = |kind| signal(kind).context("listening for signals");
        Ok(Self {
            term: on(SignalKind::terminate())?,
            int: on(SignalKind::interrupt())?,
            hup: on(SignalKind::hangup())?,
            usr1: on(SignalKind::user_defined1())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.term.recv() => Asked::Stop("SIGTERM"),
            _ = self.int.recv() => Asked::Stop("SIGINT"),
            _ = self.hup.recv() => Asked::Reload,
            _ = self.usr1.recv() => Asked::Toggle,
        }
    }

    /// Waits for the next request to stop, whatever else comes.
    async fn stop(&mut self) {
        while !matches!(self.next().await, Asked::Stop(_)) {}
    }
}
