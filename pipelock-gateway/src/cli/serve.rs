//! The loops of a gateway that serves: accept on steering listeners, beat, open the door, and wait for what is open at the end.
//!
//! Used by `exec` and `run`, which differ in what is captured and in what ends them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Resource, getrlimit};
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::control_api::ControlApi;
use super::reload::{ReloadFrom, Reloader, Trigger};
use super::startup::say;
use crate::admin::{AdminState, Facts};
use crate::capture::Datapath;
use crate::config::Config;
use crate::connection::targets::TargetStatus;
use crate::connection::{Gate, Targets};
use crate::control::KillSource;
use crate::forward::{AnswerLocal, Door};
use crate::names::Resolve;
use crate::pipeline::{Entrance, Gateway};
use crate::report::Report;
use crate::report::metrics::TargetSample;

/// How often the sentinel file of the kill switch is looked for.
const SENTINEL: Duration = Duration::from_millis(500);
/// Descriptors that a captured connection takes: its own socket and the upstream's.
const DESCRIPTORS: usize = 2;

/// Tasks that go on for as long as the gateway serves.
pub(super) type Loops = JoinSet<anyhow::Result<()>>;

/// A loop that ends while the gateway serves is a defect worth a line; connections are refused from then on, not let out.
pub(super) fn complain_about(ended: Result<anyhow::Result<()>, JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => say(&format!("{error:#}")),
        Err(error) => say(&format!("a task of the gateway failed: {error}")),
    }
}

/// The captured targets of this gateway, none yet; all share one bound on connections.
pub(super) fn targets(gateway: &Arc<Gateway>, datapath: &Arc<dyn Datapath>) -> Arc<Targets> {
    let bounds = &gateway.snapshot().bounds;
    let descriptors =
        getrlimit(Resource::Nofile).current.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    let room = (descriptors.saturating_sub(bounds.reserved_descriptors) / DESCRIPTORS).max(1);
    if room < bounds.connections {
        say(&format!(
            "warning: descriptors for {room} captured connections only (limits.connections: {}); raise LimitNOFILE or ulimit -n",
            bounds.connections
        ));
    }
    let gate = Gate::with_room(bounds.connections, bounds.connections_per_workload, room);
    gateway.set_gate(Arc::clone(&gate));
    let accepted = Arc::new(Arc::clone(gateway));
    Arc::new(Targets::new(Arc::clone(datapath), gate, gateway.ids(), accepted))
}

/// Keeps the targets alive, and stops accepting when the shutdown comes.
pub(super) fn watch(loops: &mut Loops, targets: &Arc<Targets>, shutdown: &CancellationToken) {
    let (targets, shutdown) = (Arc::clone(targets), shutdown.clone());
    loops.spawn(async move {
        targets.watch(shutdown).await;
        Ok(())
    });
}

/// Opens the explicit proxy and admin port. The task ends when the shutdown came and the last tunnel closed.
pub(super) fn open_door(
    door_task: &mut Loops,
    gateway: &Arc<Gateway>,
    admin: &Arc<AdminState>,
    listener: std::net::TcpListener,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let entrance = Entrance::new(Arc::clone(gateway));
    let listener = TcpListener::from_std(listener).context("watching the admin listener")?;
    let door = Door::new(
        entrance.options(),
        entrance.clone(),
        Arc::clone(gateway.names()) as Arc<dyn Resolve>,
        Arc::new(entrance),
        Arc::clone(admin) as Arc<dyn AnswerLocal>,
        gateway.metrics().clone(),
    );
    gateway.set_door(listener.local_addr().context("reading the admin listener's address")?, door.hatch());
    let shutdown = shutdown.clone();
    door_task.spawn(async move {
        door.serve(listener, shutdown).await;
        Ok(())
    });
    Ok(())
}

/// Shows the kernel's counters among the metrics.
pub(super) fn watch_kernel(report: &Report, datapath: &Arc<dyn Datapath>) -> anyhow::Result<()> {
    let kernel = Arc::clone(datapath);
    let counters = move || {
        kernel
            .counters()
            .inspect_err(|e| tracing::warn!(error = %crate::model::error_chain(e), "reading kernel counters"))
            .ok()
    };
    report.metrics().watch_kernel(Box::new(counters)).context("registering kernel metrics")
}

/// Shows what was done for each target among the metrics.
pub(super) fn watch_targets(report: &Report, targets: &Arc<Targets>) -> anyhow::Result<()> {
    let targets = Arc::clone(targets);
    let samples = move || {
        let sample = |status: TargetStatus| TargetSample {
            protection: status.protection.as_str(),
            name: status.spec.name,
            counters: status.counters,
            ended: status.ended,
        };
        targets.list().into_iter().map(sample).collect()
    };
    report.metrics().watch_targets(Box::new(samples)).context("registering the metrics of targets")
}

/// Follows the files of the configuration; the trigger is for SIGHUP.
pub(super) fn follow(
    loops: &mut Loops,
    gateway: &Arc<Gateway>,
    admin: &Arc<AdminState>,
    config: Config,
    from: ReloadFrom,
    shutdown: &CancellationToken,
) -> Trigger {
    let (told, admin) = (Arc::clone(gateway), Arc::clone(admin));
    let reloader = Reloader {
        gateway: Arc::clone(gateway),
        config,
        from,
        tell: Box::new(say),
        applied: Box::new(move |config| {
            told.policy_in_force(config.source.digest());
            admin.changed(facts(config, &told));
        }),
    };
    let (trigger, watching) = reloader.start(shutdown.clone());
    loops.spawn(async {
        watching.await;
        Ok(())
    });
    trigger
}

/// What `/health` tells of this gateway.
pub(super) fn facts(config: &Config, gateway: &Gateway) -> Facts {
    Facts {
        version: env!("CARGO_PKG_VERSION"),
        mode: config.effective_mode().as_str(),
        dlp_patterns: gateway.rule_count(),
        request_body_scan_enabled: true,
        response_scan_enabled: config.response_scanning.enabled,
        tls_interception_enabled: gateway.opens_tls(),
        forward_proxy_enabled: config.forward_proxy.enabled,
    }
}

/// Accepts nothing new and waits for what is open, connections and tunnels alike, at most for `within`.
pub(super) async fn drain(gateway: &Gateway, door_task: &mut Loops, shutdown: &CancellationToken, within: Duration) {
    shutdown.cancel();
    // Tunnels of the explicit door are the door's tasks; they get the same time.
    tokio::join!(gateway.drain(within), async {
        tokio::time::timeout(within, async { while door_task.join_next().await.is_some() {} }).await.ok()
    });
}

/// Keeps what is known of names fresh.
pub(super) fn keep_names(loops: &mut Loops, gateway: &Arc<Gateway>, shutdown: &CancellationToken) {
    let (names, shutdown) = (Arc::clone(gateway.names()), shutdown.clone());
    loops.spawn(async move {
        names.run(shutdown).await;
        Ok(())
    });
}

/// Looks for the sentinel file of the kill switch, twice a second. One that cannot be looked for counts as there.
pub(super) fn watch_sentinel(loops: &mut Loops, gateway: &Arc<Gateway>, shutdown: &CancellationToken) {
    let (gateway, shutdown) = (Arc::clone(gateway), shutdown.clone());
    loops.spawn(async move {
        let mut look = tokio::time::interval(SENTINEL);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = look.tick() => {}
            }
            let file = gateway.snapshot().kill_switch.sentinel_file.clone();
            let there = match &file {
                Some(path) => {
                    let path = path.clone();
                    let looked = tokio::task::spawn_blocking(move || crate::files::metadata(&path)).await;
                    !matches!(looked, Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound)
                }
                None => false,
            };
            let by = file.map_or_else(|| "no sentinel file".to_owned(), |path| path.display().to_string());
            gateway.flip(KillSource::Sentinel, there, &by);
        }
    });
}

/// Opens the Scan API, where the configuration asks for it; returns where.
pub(super) fn open_scan_api(
    loops: &mut Loops,
    gateway: &Arc<Gateway>,
    config: &Config,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<SocketAddr>> {
    let Some(settings) = &config.scan_api else { return Ok(None) };
    let address = settings.listen;
    let listener =
        std::net::TcpListener::bind(address).with_context(|| format!("scan_api.listen: listening on {address}"))?;
    listener.set_nonblocking(true).context("preparing the listener of the Scan API")?;
    let address = listener.local_addr().context("reading the Scan API's address")?;
    gateway.add_own_listener(address);
    let listener = TcpListener::from_std(listener).context("watching the listener of the Scan API")?;
    let (api, shutdown) = (gateway.scan_api(settings.clone()), shutdown.clone());
    loops.spawn(async move {
        api.serve(listener, shutdown).await;
        Ok(())
    });
    Ok(Some(address))
}

/// Opens the API of the kill switch and of sessions, where the configuration asks for it; returns where.
pub(super) fn open_control_api(
    loops: &mut Loops,
    gateway: &Arc<Gateway>,
    config: &Config,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<SocketAddr>> {
    let Some(address) = config.kill_switch.api_listen else { return Ok(None) };
    let from_environment = std::env::var("PIPELOCK_KILLSWITCH_API_TOKEN").ok().filter(|token| !token.trim().is_empty());
    let token = from_environment.or_else(|| config.kill_switch.api_token.clone());
    let token = token.context("kill_switch.api_listen needs api_token, or PIPELOCK_KILLSWITCH_API_TOKEN")?;
    let listener = std::net::TcpListener::bind(address)
        .with_context(|| format!("kill_switch.api_listen: listening on {address}"))?;
    listener.set_nonblocking(true).context("preparing the listener of the API")?;
    let address = listener.local_addr().context("reading the API's address")?;
    gateway.add_own_listener(address);
    let listener = TcpListener::from_std(listener).context("watching the listener of the API")?;
    let (api, shutdown) = (ControlApi::new(Arc::clone(gateway), token.trim()), shutdown.clone());
    loops.spawn(async move {
        api.serve(listener, shutdown).await;
        Ok(())
    });
    Ok(Some(address))
}
