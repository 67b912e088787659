//! The captured targets of the daemon: from the configuration to armed programs, and what is told about them.
//!
//! The programs outlive the daemon: when it dies or is stopped its targets are refused, until the next one serves them or
//! `pipelock uninstall` lets them go.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::discover::Discovery;
use super::serve::Loops;
use super::startup::{self, say};
use crate::capture::helper::{Files, Helped, Service};
use crate::capture::probe::{self, ThisKernel};
use crate::capture::{
    self as kernel, Attachment, Datapath, Inherited, Layout, LocalDatapath, Netns, Node, Scope, ShownBundle, Sockets,
    TargetPolicy, TargetSpec, WhenDead,
};
use crate::config::{Capture, CaptureTarget, Treatment};
use crate::connection::Targets;
use crate::connection::targets::{Protection, TargetStatus};

/// How often the file that `pipelock targets` shows is renewed.
const TELL: Duration = Duration::from_secs(2);

/// The kernel side of a daemon that captures something.
pub(super) struct Captured {
    side: Side,
    specs: Vec<TargetSpec>,
    discoveries: Vec<Discovery>,
    /// Whether what an earlier daemon captured and this one does not was let go.
    settled: Arc<AtomicBool>,
}

/// Where the privileges are.
#[derive(Clone)]
enum Side {
    /// In this process.
    Here {
        /// Held for as long as the daemon serves.
        node: Arc<Node>,
        datapath: Arc<LocalDatapath>,
    },
    /// In another one.
    Helped(Arc<Helped>),
}

impl Side {
    fn settle(&self) -> Result<usize, kernel::Error> {
        match self {
            Self::Here { datapath, .. } => datapath.settle(),
            Self::Helped(helped) => helped.settle(),
        }
    }

    fn tell(&self, text: &str) -> Result<(), kernel::Error> {
        match self {
            Self::Here { node, .. } => node.tell(text),
            Self::Helped(helped) => helped.tell(text),
        }
    }
}

/// The daemon's own ports once more, for a successor. Dropped before what is open is finished: kept, they would take connections
/// that nobody accepts.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) door: std::net::TcpListener,
    pub(super) mcp: Option<std::net::TcpListener>,
}

/// Asks the daemon that runs for its sockets.
pub(super) fn inherit() -> anyhow::Result<Option<Inherited>> {
    Node::ask(&Layout::system()?).context("--take-over")
}

/// Loads the programs, beside or over those of an earlier daemon; nothing is attached or detached. Must be called inside a
/// runtime.
pub(super) fn load(capture: &Capture, inherited: &mut Option<Inherited>) -> anyhow::Result<Captured> {
    let layout = Layout::system()?;
    let report = probe::probe(&ThisKernel);
    report.require()?;
    let (lock, listeners, resolvers) = match inherited {
        Some(Inherited { sockets, .. }) => {
            (sockets.lock.take(), std::mem::take(&mut sockets.listeners), std::mem::take(&mut sockets.resolvers))
        }
        None => (None, Vec::new(), Vec::new()),
    };
    let node = match lock {
        Some(lock) => Node::adopt(&layout, lock),
        None => Node::start(&layout),
    };
    let node = node.context("capture.targets")?;
    let attachment = if capture.at_root { Attachment::Root } else { Attachment::PerTarget };
    let datapath = LocalDatapath::open(node.pins(), &report, attachment).context("loading the kernel programs")?;
    datapath.inherit(listeners, resolvers);
    datapath.keep_bundles_in(&node_directory(&layout)).context("mount_bundle")?;
    // An old list of another version tells nothing, and is no reason not to begin.
    let told: Vec<Told> = Node::told(&layout)?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    datapath.ended_before(told.into_iter().map(|t| (t.name, usize::try_from(t.ended).unwrap_or(usize::MAX))));
    let specs = specs(capture, &layout);
    let discoveries = Discovery::all(capture, &layout);
    let side = Side::Here { node: Arc::new(node), datapath: Arc::new(datapath) };
    Ok(Captured { side, specs, discoveries, settled: Arc::default() })
}

/// What the configuration names, as the datapath is told it.
fn specs(capture: &Capture, layout: &Layout) -> Vec<TargetSpec> {
    capture.targets.iter().map(|target| spec(capture, target, &layout.cgroups)).collect()
}

fn spec(capture: &Capture, target: &CaptureTarget, root: &Path) -> TargetSpec {
    let scope = target.cgroup.as_ref().map_or(Scope::Netns, |path| Scope::Cgroup(root.join(path)));
    let netns = target.netns.clone().map_or(Netns::Own, Netns::At);
    let policy = policy(capture, &target.treatment);
    TargetSpec { name: target.name.clone(), labels: target.labels.clone(), scope, netns, policy }
}

/// How a target is treated, in the words of the datapath.
pub(super) fn policy(capture: &Capture, treatment: &Treatment) -> TargetPolicy {
    TargetPolicy {
        bypass: capture.cidr_bypass.iter().chain(&treatment.cidr_bypass).copied().collect(),
        // The gateway dials from its own namespace, whatever the target's has.
        ipv6_upstream: startup::has_global_ipv6(Path::new("/proc/net/if_inet6")),
        deny_quic: treatment.deny_quic,
        deny_udp: treatment.deny_udp,
        dns: treatment.dns,
        resolver_inside: false,
        when_dead: treatment.fail_open_after.map_or(WhenDead::Refuse, |after| WhenDead::Direct { after }),
        observe: treatment.observe,
        seatbelt: treatment.seatbelt,
        mount_bundle: treatment.mount_bundle.clone(),
    }
}

impl Captured {
    /// For a process without privileges.
    pub(super) fn helped(capture: &Capture, helped: Arc<Helped>) -> anyhow::Result<Self> {
        let layout = Layout::system()?;
        let (specs, discoveries) = (specs(capture, &layout), Discovery::helped(capture, &layout, &helped));
        Ok(Self { side: Side::Helped(helped), specs, discoveries, settled: Arc::default() })
    }

    /// The same for the process that keeps the privileges: what a proxy can ask of it.
    pub(super) fn into_service(
        self,
        files: Box<dyn Files>,
        ports: (std::net::TcpListener, Option<std::net::TcpListener>),
        predecessor: Option<Inherited>,
    ) -> anyhow::Result<Service> {
        match self.side {
            Side::Here { node, datapath } => Ok(Service::new((datapath, node), self.specs, files, ports, predecessor)),
            Side::Helped(_) => anyhow::bail!("a helper of a helper"),
        }
    }

    /// The kernel's side.
    pub(super) fn datapath(&self) -> Arc<dyn Datapath> {
        match &self.side {
            Side::Here { datapath, .. } => Arc::clone(datapath) as Arc<dyn Datapath>,
            Side::Helped(helped) => Arc::clone(helped) as Arc<dyn Datapath>,
        }
    }

    /// Says that everything is served, where a helper waits to hear that; whether a predecessor was told.
    pub(super) fn serving(&self) -> anyhow::Result<bool> {
        match &self.side {
            Side::Here { .. } => Ok(false),
            Side::Helped(helped) => helped.serving().context("telling the helper"),
        }
    }

    /// What else an operator can do about targets that are refused.
    pub(super) fn remedy(&self) -> String {
        match &self.side {
            Side::Here { node, .. } => format!("pins in {}; `pipelock uninstall` removes them", node.pins().display()),
            Side::Helped(_) => "`pipelock uninstall` lets them go".to_owned(),
        }
    }

    /// Arms what the configuration names and what is found now, and lets go of what an earlier daemon captured and this one does not.
    ///
    /// A target that cannot be captured is told, listed and tried again, and until then nothing is let go: it may be the one that
    /// an earlier daemon protects.
    pub(super) async fn arm(&mut self, targets: &Arc<Targets>) -> anyhow::Result<()> {
        let mut failed = false;
        for discovery in &mut self.discoveries {
            failed |= !discovery.begin(targets).await.context("capture.discover")?;
        }
        for spec in &self.specs {
            if let Err(error) = targets.want(spec.clone()).await {
                say(&format!("NOT CAPTURED: {}", crate::model::error_chain(&error)));
                failed = true;
            }
        }
        if failed {
            say("it is tried again; what an earlier gateway captured stays captured until every target is");
            return Ok(());
        }
        settle(&self.side, &self.settled).await
    }

    /// Gives everything to the first successor that asks and comes to serve; ends the returned token then.
    pub(super) fn offer(&self, targets: &Arc<Targets>, ports: &Arc<Ports>) -> anyhow::Result<CancellationToken> {
        let (targets, ports) = (Arc::clone(targets), Arc::downgrade(ports));
        let handed_over = CancellationToken::new();
        let told = handed_over.clone();
        let gather = move || {
            let ports = ports.upgrade().ok_or_else(|| std::io::Error::other("this gateway is ending"))?;
            let (listeners, resolvers) = targets.sockets()?;
            Ok(Sockets {
                lock: None,
                door: Some(ports.door.try_clone()?),
                mcp: ports.mcp.as_ref().map(std::net::TcpListener::try_clone).transpose()?,
                listeners,
                resolvers,
            })
        };
        let hand_over: Box<dyn FnOnce() -> Result<(), kernel::Error> + Send> = match &self.side {
            Side::Here { node, .. } => {
                let offer = node.offer().context("offering the sockets to a successor")?;
                let lock = node.lock()?;
                Box::new(move || offer.hand_over(|| Ok(Sockets { lock: Some(lock.try_clone()?), ..gather()? })))
            }
            Side::Helped(helped) => {
                let helped = Arc::clone(helped);
                Box::new(move || helped.hand_over(gather))
            }
        };
        // Blocks until a successor comes, or the process ends; it must not be waited for.
        std::thread::Builder::new()
            .name("hand-over".to_owned())
            .spawn(move || match hand_over() {
                Ok(()) => told.cancel(),
                Err(error) => say(&crate::model::error_chain(&error)),
            })
            .context("starting a thread")?;
        Ok(handed_over)
    }

    /// Captures what comes and lets go of what ends, from now on.
    pub(super) fn follow(&mut self, loops: &mut Loops, targets: &Arc<Targets>, shutdown: &CancellationToken) {
        for discovery in self.discoveries.drain(..) {
            discovery.follow(loops, targets, shutdown);
        }
    }

    /// Keeps the file for `pipelock targets` up to date.
    pub(super) fn tell(&self, loops: &mut Loops, targets: &Arc<Targets>, shutdown: &CancellationToken) {
        let (trying, until) = (Arc::clone(targets), shutdown.clone());
        loops.spawn(async move {
            trying.retry(until).await;
            Ok(())
        });
        let (targets, shutdown) = (Arc::clone(targets), shutdown.clone());
        let (side, settled) = (self.side.clone(), Arc::clone(&self.settled));
        loops.spawn(async move {
            let mut tick = tokio::time::interval(TELL);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(()),
                    _ = tick.tick() => {}
                }
                if !settled.load(Ordering::Relaxed) && targets.all_captured() {
                    settle(&side, &settled).await?;
                }
                let told: Vec<Told> = targets.list().iter().map(Told::of).collect();
                let (side, told) = (side.clone(), serde_json::to_string_pretty(&told)?);
                // A list that is old is no reason to stop looking after the targets.
                if let Err(error) = tokio::task::spawn_blocking(move || side.tell(&told)).await? {
                    tracing::warn!(error = %crate::model::error_chain(&error), "the list of targets is not renewed");
                }
            }
        });
    }
}

/// Lets go of what an earlier daemon captured and this one does not.
async fn settle(side: &Side, settled: &AtomicBool) -> anyhow::Result<()> {
    let side = side.clone();
    let detached = match tokio::task::spawn_blocking(move || side.settle()).await.context("letting go")? {
        // The helper has found something that is not captured yet.
        Err(kernel::Error::Helper { why, kind: ErrorKind::PermissionDenied }) => {
            tracing::debug!(why, "nothing is let go yet");
            return Ok(());
        }
        detached => detached?,
    };
    settled.store(true, Ordering::Relaxed);
    if detached > 0 {
        say(&format!("{detached} targets of an earlier gateway are not captured any more"));
    }
    Ok(())
}

/// One target, as `pipelock targets` shows it.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    name: String,
    scope: String,
    netns: String,
    protection: String,
    why: String,
    /// Seconds since the epoch.
    since: u64,
    links: Vec<String>,
    redirected: u64,
    bypassed: u64,
    denied: u64,
    failed_open: u64,
    observed: u64,
    #[serde(default)]
    dns: u64,
    #[serde(default)]
    dropped: u64,
    #[serde(default)]
    ended: u64,
    /// What its containers were shown of the bundle; written by whoever has the privileges, so not part of the list.
    #[serde(default)]
    bundles: Vec<ShownBundle>,
}

impl Told {
    fn of(status: &TargetStatus) -> Self {
        let why = match &status.protection {
            Protection::Protected => String::new(),
            Protection::Partial(weaknesses) => {
                weaknesses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
            Protection::Unprotected(reason) => reason.clone(),
        };
        let (scope, netns) = (&status.spec.scope, &status.spec.netns);
        Self {
            name: status.spec.name.clone(),
            scope: match scope {
                Scope::Cgroup(path) => path.display().to_string(),
                Scope::Netns => "network namespace".to_owned(),
            },
            netns: match netns {
                Netns::Own => "the gateway's".to_owned(),
                Netns::OfProcess(pid) => format!("of process {pid}"),
                Netns::At(path) => path.display().to_string(),
            },
            protection: status.protection.as_str().to_owned(),
            why,
            since: status.since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            links: status.links.iter().map(|link| (*link).to_owned()).collect(),
            redirected: status.counters.redirected,
            bypassed: status.counters.bypassed,
            denied: status.counters.denied,
            failed_open: status.counters.failed_open,
            observed: status.counters.observed,
            dns: status.counters.dns,
            dropped: status.counters.dropped,
            ended: status.ended,
            bundles: Vec::new(),
        }
    }
}

fn node_directory(layout: &Layout) -> PathBuf {
    layout.state.join("node")
}

/// `pipelock targets`: what the daemon of this machine captures; exit code 1 when something is not captured, or nobody serves.
pub(super) fn show(json: bool, out: &mut impl Write) -> anyhow::Result<bool> {
    let layout = Layout::system()?;
    let alive = !Node::is_free(&layout)?;
    let text = Node::told(&layout)?.unwrap_or_else(|| "[]".to_owned());
    let mut targets: Vec<Told> = serde_json::from_str(&text).context("reading the list of targets")?;
    let bundles = kernel::shown_bundles(&node_directory(&layout))?;
    for target in &mut targets {
        target.bundles = bundles.iter().filter(|shown| shown.target == target.name).cloned().collect();
    }
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&targets)?)?;
    } else {
        write!(out, "{}", table(&targets, SystemTime::now()))?;
        if targets.is_empty() && !alive {
            writeln!(out, "no gateway that captures anything runs on this machine")?;
        }
    }
    let pinned = Node::pinned(&layout)?;
    if !alive && !pinned.is_empty() {
        writeln!(out, "no gateway runs: new connections of {} captured cgroups are refused", pinned.len())?;
    }
    Ok((alive || pinned.is_empty()) && targets.iter().all(|target| target.protection != "unprotected"))
}

fn table(targets: &[Told], now: SystemTime) -> String {
    use std::fmt::Write as _;
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<20} {:<12} {:>8} {:>5} {:>10} {:>8} {:>8} {:>11}  WHY",
        "TARGET", "PROTECTION", "FOR", "LINKS", "REDIRECTED", "BYPASSED", "DENIED", "FAILED-OPEN"
    );
    for target in targets {
        let _ = writeln!(
            text,
            "{:<20} {:<12} {:>7}s {:>5} {:>10} {:>8} {:>8} {:>11}  {}",
            target.name,
            target.protection,
            now.saturating_sub(target.since),
            target.links.len(),
            target.redirected,
            target.bypassed,
            target.denied,
            target.failed_open,
            target.why
        );
    }
    for shown in targets.iter().flat_map(|target| &target.bundles) {
        let places = if shown.places.is_empty() { "nowhere".to_owned() } else { shown.places.join(", ") };
        let _ = write!(text, "bundle in {} (process {}): {places}", shown.target, shown.pid);
        for refused in &shown.refused {
            let _ = write!(text, "; not {refused}");
        }
        text.push('\n');
    }
    text
}

/// `pipelock uninstall`: detaches what an ended daemon left attached.
pub(super) fn uninstall(json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let layout = Layout::system()?;
    let runs = crate::capture::sweep_stale(&layout).context("cleaning up after an earlier run")?.runs;
    let removed = Node::uninstall(&layout)?;
    if json {
        let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
        writeln!(out, "{}", serde_json::json!({ "removed": removed, "runs": runs }))?;
        return Ok(());
    }
    for run in runs {
        writeln!(out, "removed what run {run} left")?;
    }
    writeln!(
        out,
        "{}",
        if removed { "removed all programs and pins; nothing is captured any more" } else { "nothing to remove" }
    )?;
    Ok(())
}
