//! The time the command runs: listeners accept, the door answers, the heart beats; and then everything is taken down.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::{JoinError, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::setup::Prepared;
use super::{command, say};
use crate::admin::{AdminState, Facts, Phase};
use crate::capture::{Armed, Datapath, LocalDatapath, Run};
use crate::config::Config;
use crate::connection::{Acceptor, Gate};
use crate::forward::{self, AnswerLocal, Door, SystemResolver};
use crate::pipeline::{Entrance, Gateway};

/// How often the programs are told that the accept loops live (kernel-datapath.md §3).
const HEARTBEAT: Duration = Duration::from_millis(500);
/// What is still open when the command has ended gets this long to finish.
const DRAIN: Duration = Duration::from_secs(5);
/// What the command left running in its cgroup gets this long to end by itself.
const LEFTOVERS: Duration = Duration::from_secs(2);
/// Time for the last records to reach the disk.
const CLOSE_REPORT: Duration = Duration::from_secs(5);
/// gateway.md §11: connections in total, and for one workload.
const CONNECTIONS: (usize, usize) = (16_384, 2_048);
/// Refused operations told one by one; a program that retries would fill the terminal.
const TOLD_DENIALS: usize = 64;

type Loops = JoinSet<anyhow::Result<()>>;

/// Runs the command to its end.
pub(super) fn run(runtime: Runtime, prepared: Prepared) -> anyhow::Result<u8> {
    let report = prepared.report.clone();
    let code = runtime.block_on(serve(prepared));
    runtime.shutdown_timeout(Duration::from_secs(1));
    if let Err(error) = report.close(CLOSE_REPORT) {
        say(&crate::model::error_chain(&error));
    }
    code
}

async fn serve(prepared: Prepared) -> anyhow::Result<u8> {
    let Prepared { args, config, run, datapath, gateway, report, trust, door, armed, limits } = prepared;
    let target = armed.id;
    let shutdown = CancellationToken::new();
    let mut loops = Loops::new();
    let mut door_task = Loops::new();
    let outcome = async {
        accept_on(&mut loops, &gateway, &datapath, armed, &shutdown)?;
        let admin = Arc::new(AdminState::new(facts(&config, &gateway), report.metrics().clone()));
        let kernel = Arc::clone(&datapath);
        let counters = move || {
            kernel
                .counters()
                .inspect_err(|e| tracing::warn!(error = %crate::model::error_chain(e), "reading kernel counters"))
                .ok()
        };
        report.metrics().watch_kernel(Box::new(counters)).context("registering kernel metrics")?;
        open_door(&mut door_task, &gateway, &admin, door, &shutdown)?;
        tell_denials(&mut loops, &datapath)?;
        let mut signals = command::signals()?;
        admin.enter(Phase::Ready);
        let java = std::env::var_os("JAVA_TOOL_OPTIONS");
        let environment = trust.map(|trust| trust.environment(java.as_deref())).unwrap_or_default();
        let mut child = command::start(&args.command, run.cgroup(), environment, &limits)?;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status.context("waiting for the command")?,
                Some(signal) = signals.recv() => command::forward(signal, &child),
                Some(ended) = loops.join_next() => complain_about(ended),
            }
        };
        admin.enter(Phase::Draining);
        anyhow::Ok(command::exit_code(status))
    }
    .await;
    // Whatever happened above, nothing may stay behind.
    let taken_down = take_down(run, &datapath, target, &gateway, &mut door_task, &shutdown).await;
    let code = outcome?;
    taken_down?;
    Ok(code)
}

/// A loop that ends while the command runs is a defect worth a line; connections are refused from then on, not let out.
fn complain_about(ended: Result<anyhow::Result<()>, JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => say(&format!("{error:#}")),
        Err(error) => say(&format!("a task of the gateway failed: {error}")),
    }
}

fn accept_on(
    loops: &mut Loops,
    gateway: &Arc<Gateway>,
    datapath: &Arc<LocalDatapath>,
    armed: Armed,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let gate = Gate::new(CONNECTIONS.0, CONNECTIONS.1);
    for listener in armed.listeners {
        let acceptor = Acceptor {
            datapath: Arc::clone(datapath) as Arc<dyn Datapath>,
            netns: armed.netns,
            gate: Arc::clone(&gate),
            ids: gateway.ids(),
            accepted: Arc::new(Arc::clone(gateway)),
        };
        let listener = TcpListener::from_std(listener).context("watching a listener")?;
        let shutdown = shutdown.clone();
        loops.spawn(async move { Ok(acceptor.run(listener, shutdown).await?) });
    }
    let (datapath, shutdown) = (Arc::clone(datapath), shutdown.clone());
    loops.spawn(async move {
        let mut beat = tokio::time::interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = beat.tick() => datapath.beat().context("writing the heartbeat")?,
            }
        }
    });
    Ok(())
}

fn open_door(
    door_task: &mut Loops,
    gateway: &Arc<Gateway>,
    admin: &Arc<AdminState>,
    listener: std::net::TcpListener,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let entrance = Entrance::new(Arc::clone(gateway));
    let listener = TcpListener::from_std(listener).context("watching the admin listener")?;
    let door = Door::new(
        forward::Options::default(),
        entrance.clone(),
        Arc::new(SystemResolver),
        Arc::new(entrance),
        Arc::clone(admin) as Arc<dyn AnswerLocal>,
        gateway.metrics().clone(),
    );
    let shutdown = shutdown.clone();
    door_task.spawn(async move {
        door.serve(listener, shutdown).await;
        Ok(())
    });
    Ok(())
}

/// Says what the kernel refused, each thing once.
fn tell_denials(loops: &mut Loops, datapath: &Arc<LocalDatapath>) -> anyhow::Result<()> {
    let Some(mut denials) = datapath.denials().context("watching refused operations")? else { return Ok(()) };
    loops.spawn(async move {
        let mut told = HashSet::new();
        loop {
            let line = denials.next().await?.to_string();
            if told.len() < TOLD_DENIALS && told.insert(line.clone()) {
                say(&line);
            }
        }
    });
    Ok(())
}

fn facts(config: &Config, gateway: &Gateway) -> Facts {
    Facts {
        version: env!("CARGO_PKG_VERSION"),
        mode: config.effective_mode().as_str(),
        dlp_patterns: gateway.rule_count(),
        request_body_scan_enabled: true,
        tls_interception_enabled: gateway.opens_tls(),
        forward_proxy_enabled: true,
    }
}

/// Ends what the command left, then detaches, then removes every trace.
async fn take_down(
    run: Run,
    datapath: &Arc<LocalDatapath>,
    target: u64,
    gateway: &Arc<Gateway>,
    door_task: &mut Loops,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let run = tokio::task::spawn_blocking(move || {
        if run.cgroup().wait_until_empty(LEFTOVERS).is_err() {
            say("ending what the command left running: it must not go on unprotected");
            run.cgroup().kill()?;
        }
        anyhow::Ok(run)
    })
    .await
    .context("waiting for the command's processes")??;
    shutdown.cancel();
    // Tunnels of the explicit door are the door's tasks; they get the same time. What is left then ends with this function.
    tokio::join!(gateway.drain(DRAIN), async { tokio::time::timeout(DRAIN, door_task.join_next()).await.ok() });
    datapath.disarm(target).context("detaching the kernel programs")?;
    run.finish().context("removing the run")?;
    Ok(())
}
