//! The time the command runs: listeners accept, the door answers, the heart beats; and then everything is taken down.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustix::process::Signal;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::command;
use super::setup::Prepared;
use crate::admin::{AdminState, Phase};
use crate::capture::{Datapath, LocalDatapath, Run};
use crate::cli::reload::ReloadFrom;
use crate::cli::serve::{self, Loops};
use crate::cli::startup::say;
use crate::pipeline::Gateway;

/// What is still open when the command has ended gets this long to finish.
const DRAIN: Duration = Duration::from_secs(5);
/// What the command left running in its cgroup gets this long to end by itself.
const LEFTOVERS: Duration = Duration::from_secs(2);
/// Time for the last records to reach the disk.
const CLOSE_REPORT: Duration = Duration::from_secs(5);
/// Refused operations told one by one; a program that retries would fill the terminal.
const TOLD_DENIALS: usize = 64;

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
    let Prepared { args, config, roots, run, datapath, gateway, report, trust, door, spec, armed, limits } = prepared;
    let target = armed.id;
    let shutdown = CancellationToken::new();
    let mut loops = Loops::new();
    let mut door_task = Loops::new();
    let outcome = async {
        let kernel = Arc::clone(&datapath) as Arc<dyn Datapath>;
        let targets = serve::targets(&gateway, &kernel);
        targets.adopt(&spec, armed)?;
        serve::watch(&mut loops, &targets, &shutdown);
        serve::watch_sentinel(&mut loops, &gateway, &shutdown);
        serve::keep_names(&mut loops, &gateway, &shutdown);
        let admin = Arc::new(AdminState::new(serve::facts(&config, &gateway), report.metrics().clone()));
        serve::watch_kernel(&report, &kernel)?;
        serve::watch_targets(&report, &targets)?;
        serve::open_door(&mut door_task, &gateway, &admin, door, &shutdown)?;
        tell_denials(&mut loops, &datapath)?;
        let mut signals = command::signals()?;
        let file = ReloadFrom { path: args.config.clone(), mode: args.mode, roots, open_tls: true };
        let reload = serve::follow(&mut loops, &gateway, &admin, config, file, &shutdown);
        admin.enter(Phase::Ready);
        let java = std::env::var_os("JAVA_TOOL_OPTIONS");
        let environment = trust.map(|trust| trust.environment(java.as_deref())).unwrap_or_default();
        let mut child = command::start(&args.command, run.cgroup(), environment, &limits)?;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status.context("waiting for the command")?,
                Some(signal) = signals.recv() => {
                    if signal == Signal::HUP {
                        reload.reload();
                    }
                    command::forward(signal, &child);
                }
                Some(ended) = loops.join_next() => serve::complain_about(ended),
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
    // What is left then ends with this function.
    serve::drain(gateway, door_task, shutdown, DRAIN).await;
    datapath.disarm(target).context("detaching the kernel programs")?;
    run.finish().context("removing the run")?;
    Ok(())
}
