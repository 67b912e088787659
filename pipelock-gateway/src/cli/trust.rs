//! `pipelock trust check -- CMD`: does this client trust our authority, and what has to be set if it does not?
//!
//! The command runs captured, as under `exec`, but nothing is dialled: whatever TLS it opens ends at an endpoint of ours that
//! shows a leaf of the authority for the name it asked for. What a client does with such a leaf is the only proof there is;
//! variables, stores and documentation only explain it afterwards. Nothing it sends leaves the machine.

mod advice;
mod endpoint;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::Args;
use rustix::process::Signal;
use tokio_util::sync::CancellationToken;

use super::ca::{CaFilesArgs, Files};
use super::exec::{command, setup};
use super::serve::{self, Loops};
use super::startup::{self, say};
use super::{EXIT_COMMAND, EXIT_CONFIG, ca};
use crate::capture::{Datapath, Layout, LocalDatapath, Netns, Run, Scope, TargetPolicy, TargetSpec, sweep_stale};
use crate::connection::{Gate, Targets};
use crate::tls::trust;
use crate::tls::{CertificateAuthority, Leaves, RootLocations};
use advice::Environment;
use endpoint::Endpoint;

/// A client that is not done after its last connection has ended is waited for; its connections get this long at the end.
const SETTLE: Duration = Duration::from_secs(2);
/// Connections of the command at once; a check is no load test.
const CONNECTIONS: usize = 256;

/// Arguments of `pipelock trust check`.
#[derive(Clone, Debug, Args)]
pub struct CheckTrustArgs {
    #[command(flatten)]
    files: CaFilesArgs,
    /// Set the variables that `pipelock exec` sets. Without it the command is checked in the environment it would have anyway;
    /// where there is no authority yet, one is made for the check and the variables are always set.
    #[arg(long)]
    with_variables: bool,
    /// The command and its arguments: something that opens a TLS connection, as the program does that is to be captured.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Runs the check; exit code 0 when every client trusted us and there was one, 1 when not, 2 when it could not be tried, and
/// [`EXIT_COMMAND`] when the command failed by itself, so that nothing is known.
#[must_use]
pub fn check(args: &CheckTrustArgs) -> ExitCode {
    match checked(args) {
        Ok(report) if report.command_failed => ExitCode::from(EXIT_COMMAND),
        Ok(report) => ExitCode::from(u8::from(!report.trusted)),
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::from(EXIT_CONFIG)
        }
    }
}

fn checked(args: &CheckTrustArgs) -> anyhow::Result<advice::Report> {
    let probed = setup::capabilities()?;
    let layout = Layout::system()?;
    sweep_stale(&layout).context("cleaning up after an earlier run")?;
    let limits = command::Limits::now();
    startup::harden();
    let (authority, made) = authority(&args.files)?;
    let locations = RootLocations::from_variables(|name| std::env::var_os(name));
    let authority = Arc::new(authority);
    let endpoint = Endpoint::new(Arc::new(Leaves::new(Arc::clone(&authority))))?;
    let run = Run::start(&layout).context("preparing a run")?;
    let files = trust::render(&run.directory().join("trust"), &authority, &locations)?;
    let runtime = startup::runtime()?;
    let inside = runtime.enter();
    let datapath = Arc::new(LocalDatapath::load(run.pins(), &probed).context("loading the kernel programs")?);
    let spec = TargetSpec {
        name: "trust check".to_owned(),
        labels: BTreeMap::new(),
        scope: Scope::Cgroup(run.cgroup().path().to_owned()),
        netns: Netns::Own,
        // Nothing is dialled, so it does not matter where IPv6 would lead.
        policy: TargetPolicy { ipv6_upstream: true, ..TargetPolicy::default() },
    };
    let armed = datapath.arm(&spec).context("attaching the kernel programs")?;
    let target = armed.id;
    let set = if made || args.with_variables {
        files.environment(std::env::var_os("JAVA_TOOL_OPTIONS").as_deref())
    } else {
        Vec::new()
    };
    let environment = Environment::new(&set, authority.anchor());
    drop(inside);
    let outcome = runtime.block_on(async {
        let kernel = Arc::clone(&datapath) as Arc<dyn Datapath>;
        let gate = Gate::new(CONNECTIONS, CONNECTIONS);
        let targets = Arc::new(Targets::new(kernel, gate, Arc::default(), Arc::new(endpoint.clone())));
        targets.adopt(&spec, armed)?;
        let (shutdown, mut loops) = (CancellationToken::new(), Loops::new());
        serve::watch(&mut loops, &targets, &shutdown);
        let ended = run_command(&args.command, &run, set, &limits).await;
        endpoint.settle(SETTLE).await;
        shutdown.cancel();
        ended
    });
    // Before the files are gone that variables may lead to.
    let report = outcome.map(|code| advice::report(&endpoint.seen(), &environment, &files, code));
    // Whatever happened above, nothing may stay behind.
    let taken_down = take_down(run, &datapath, target);
    runtime.shutdown_timeout(Duration::from_secs(1));
    let report = report?;
    taken_down?;
    let text = if args.files.json { format!("{}\n", report.json) } else { report.text.clone() };
    std::io::stdout().write_all(text.as_bytes()).context("writing the report")?;
    Ok(report)
}

/// The authority of the machine, or one for this check alone.
fn authority(args: &CaFilesArgs) -> anyhow::Result<(CertificateAuthority, bool)> {
    if !ca::is_named(args) && !Files::of(args).is_ok_and(|files| files.exist()) {
        return Ok((CertificateAuthority::generate(SystemTime::now())?, true));
    }
    Ok((Files::of(args)?.load()?, false))
}

async fn run_command(
    command_line: &[OsString],
    run: &Run,
    environment: Vec<(&'static str, OsString)>,
    limits: &command::Limits,
) -> anyhow::Result<u8> {
    let mut signals = command::signals()?;
    let mut child = command::start(command_line, run.cgroup(), environment, limits)?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(command::exit_code(status.context("waiting for the command")?)),
            Some(signal) = signals.recv() => {
                if signal != Signal::HUP {
                    command::forward(signal, &child);
                }
            }
        }
    }
}

fn take_down(run: Run, datapath: &Arc<LocalDatapath>, target: u64) -> anyhow::Result<()> {
    if run.cgroup().wait_until_empty(SETTLE).is_err() {
        run.cgroup().kill().context("ending what the command left running")?;
    }
    datapath.disarm(target).context("detaching the kernel programs")?;
    run.finish().context("removing the run")?;
    Ok(())
}
