//! Everything before the command: each step fails with one line that says what to do, and leaves nothing attached.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use tokio::runtime::Runtime;

use super::command::Limits;
use crate::capture::probe::{self, Need, ThisKernel};
use crate::capture::{
    Armed, Datapath, Layout, LocalDatapath, Netns, Run, Scope, TargetPolicy, TargetSpec, sweep_stale,
};
use crate::cli::startup::{self, say};
use crate::cli::{ExecArgs, privilege};
use crate::config::{Config, LogOutput};
use crate::pipeline::{Gateway, Snapshot, SnapshotOptions};
use crate::report::{AuditOutput, Options, Report, SummaryOptions};
use crate::tls::RootLocations;
use crate::tls::trust::{self, TrustBundle};

/// A gateway that is armed and waits to be run.
pub(super) struct Prepared {
    pub(super) args: ExecArgs,
    pub(super) config: Config,
    /// Where the user's own variables say that roots are.
    pub(super) roots: RootLocations,
    pub(super) run: Run,
    pub(super) datapath: Arc<LocalDatapath>,
    pub(super) gateway: Arc<Gateway>,
    pub(super) report: Report,
    pub(super) trust: Option<TrustBundle>,
    pub(super) door: TcpListener,
    pub(super) spec: TargetSpec,
    pub(super) armed: Armed,
    pub(super) limits: Limits,
}

/// Does all that can fail before the command may run.
pub(super) fn prepare(args: &ExecArgs) -> anyhow::Result<(Runtime, Prepared)> {
    let config = startup::configuration(args.config.as_deref(), args.mode)?;
    let probed = capabilities()?;
    let layout = Layout::system()?;
    for run in sweep_stale(&layout).context("cleaning up after an earlier run")?.runs {
        say(&format!("cleaned up after run {run}, which was killed"));
    }
    let limits = Limits::now();
    startup::harden();
    // TLS is opened unless the file says no: `exec` makes the trust for it, too.
    let open_tls = config.tls_interception.enabled.unwrap_or(true);
    let locations = RootLocations::from_variables(|name| std::env::var_os(name));
    let options = SnapshotOptions { open_tls, roots: locations.clone(), now: SystemTime::now() };
    let snapshot = Snapshot::build(&config, &options)?;
    let report = Report::open(report_options(args, &config)?)?;
    let door = door_listener(args, &config)?;

    let run = Run::start(&layout).context("preparing a run")?;
    let trust = match &snapshot.tls {
        Some(opener) => Some(trust::render(&run.directory().join("trust"), &opener.ca, &locations)?),
        None => None,
    };
    let runtime = startup::runtime()?;
    // What watches descriptors of the kernel's side registers with the runtime as soon as it is made.
    let inside = runtime.enter();
    let datapath = Arc::new(LocalDatapath::load(run.pins(), &probed).context("loading the kernel programs")?);
    let gateway =
        Gateway::new(Arc::clone(&datapath) as Arc<dyn Datapath>, snapshot, report.clone(), startup::random_instance());
    let spec = TargetSpec {
        name: "exec".to_owned(),
        labels: BTreeMap::new(),
        scope: Scope::Cgroup(run.cgroup().path().to_owned()),
        netns: Netns::Own,
        policy: TargetPolicy {
            bypass: config.capture.cidr_bypass.clone(),
            ipv6_upstream: startup::has_global_ipv6(Path::new("/proc/net/if_inet6")),
            dns: true,
            ..TargetPolicy::default()
        },
    };
    let armed = datapath.arm(&spec).context("attaching the kernel programs")?;
    for listener in armed.listeners.iter().chain([&door]) {
        gateway.add_own_listener(listener.local_addr().context("reading a listener's address")?);
    }
    drop(inside);
    let (args, roots) = (args.clone(), locations);
    let prepared = Prepared { args, config, roots, run, datapath, gateway, report, trust, door, spec, armed, limits };
    Ok((runtime, prepared))
}

/// Makes sure of the privileges that the kernel side needs, by sudo if it must be.
pub(in crate::cli) fn capabilities() -> anyhow::Result<probe::Report> {
    let report = probe::probe(&ThisKernel);
    if !report.has(Need::Root) {
        let why_not = privilege::try_sudo();
        return report.require().map(|()| report).with_context(|| format!("not enough privileges ({why_not})"));
    }
    report.require()?;
    Ok(report)
}

fn report_options(args: &ExecArgs, config: &Config) -> anyhow::Result<Options> {
    // The command owns stdout here, so only files count: the one named on the command line, or in the configuration.
    let file = args.audit_log.clone().or_else(|| match &config.logging.output {
        LogOutput::Stdout => None,
        LogOutput::File(path) | LogOutput::Both(path) => Some(path.clone()),
    });
    let output = file.map_or(AuditOutput::Nowhere, AuditOutput::File);
    let audit = startup::audit_options(config, output);
    let summary = (!args.quiet).then(SummaryOptions::for_stderr);
    let (flight, emit) = (startup::flight_options(config), startup::emit_options(config)?);
    Ok(Options { version: env!("CARGO_PKG_VERSION"), audit, summary, flight, emit })
}

/// The port for /health, /metrics and CONNECT. Only a default gives way to another run that has it.
fn door_listener(args: &ExecArgs, config: &Config) -> anyhow::Result<TcpListener> {
    let wanted = args.admin_listen.unwrap_or(config.fetch_proxy.listen);
    let by_default = args.admin_listen.is_none() && args.config.is_none();
    let listener = match TcpListener::bind(wanted) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && by_default => {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("choosing an admin port")?;
            let chosen: SocketAddr = listener.local_addr().context("reading the admin port")?;
            say(&format!("{wanted} is taken; /health, /metrics and the proxy are on {chosen}"));
            listener
        }
        bound => bound.with_context(|| format!("listening on {wanted} (choose another with --admin-listen)"))?,
    };
    listener.set_nonblocking(true).context("preparing the admin listener")?;
    Ok(listener)
}
