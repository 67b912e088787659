//! What comes and goes, kept captured: what `capture.discover` selects is armed as it appears.
//!
//! Of a daemon in two processes the helper looks, and arms what it finds ([`look_for`]); the proxy is told the same lists and serves what
//! they name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::capture;
use super::serve::Loops;
use super::startup::say;
use crate::capture::helper::{Helped, News, Service};
use crate::capture::{Layout, Netns, Scope, TargetPolicy, TargetSpec};
use crate::config::{Capture, Discover, DiscoverFrom};
use crate::connection::{Targets, targets};
use crate::discovery::{
    self, Answer, Changes, Compose, Cri, Docker, Found, Groups, Hierarchy, Labels, Look, Pods, Watch,
};
use crate::model::error_chain;

/// A process may have ended between being found and being captured; its container is looked at again after this.
const AGAIN: Duration = Duration::from_millis(50);

/// How what a source finds is captured.
struct Treatment {
    policy: TargetPolicy,
    cgroups: PathBuf,
    /// Our own cgroup, which may fit the selection as well.
    own: Option<PathBuf>,
}

impl Treatment {
    fn new(capture: &Capture, discover: &Discover, layout: &Layout) -> Self {
        // Docker's, in every container of a network that somebody made (127.0.0.11).
        let resolver_inside = matches!(discover.from, DiscoverFrom::Docker { .. });
        Self {
            policy: TargetPolicy { resolver_inside, ..capture::policy(capture, &discover.treatment) },
            cgroups: layout.cgroups.clone(),
            own: discovery::cgroup_of(std::process::id()).ok().flatten(),
        }
    }

    /// `None` for what holds the gateway itself.
    fn spec(&self, found: &Found) -> Option<TargetSpec> {
        let holds_us = |cgroup: &PathBuf| self.own.as_ref().is_some_and(|own| own.starts_with(cgroup));
        if found.cgroup.as_ref().is_some_and(holds_us) {
            return None;
        }
        let scope = found.cgroup.as_ref().map_or(Scope::Netns, |path| Scope::Cgroup(self.cgroups.join(path)));
        let (netns, policy) = (Netns::OfProcess(found.pid), self.policy.clone());
        Some(TargetSpec { name: found.name.clone(), labels: found.labels.clone(), scope, netns, policy })
    }
}

/// Whom to ask, what it said, and how what it finds is treated.
pub(super) struct Discovery {
    watch: Watch,
    treatment: Treatment,
    /// Names of what was captured here.
    captured: BTreeSet<String>,
    /// Names of what could not be, and how often it was tried.
    failed: BTreeMap<String, u32>,
    /// The runtime did not answer the last time.
    away: bool,
}

impl Discovery {
    pub(super) fn all(capture: &Capture, layout: &Layout) -> Vec<Self> {
        capture.discover.iter().map(|one| Self::new(capture, one, layout)).collect()
    }

    fn new(capture: &Capture, discover: &Discover, layout: &Layout) -> Self {
        let hierarchy = Hierarchy::new(layout.cgroups.clone());
        let labels = Labels { all: discover.labels.clone(), none: discover.exclude.clone() };
        let watch = match discover.from.clone() {
            DiscoverFrom::Docker { socket, project, services } => {
                Watch::new(Docker::new(socket, Compose { project, services }, labels, hierarchy))
            }
            DiscoverFrom::Cri { socket, nri, namespaces, annotations } => {
                let annotations = Labels { all: annotations, none: Vec::new() };
                Watch::new(Cri::new(socket, nri, Pods { namespaces, labels, annotations }, hierarchy))
            }
            DiscoverFrom::Cgroup { paths } => Watch::new(Groups::new(hierarchy, paths)),
        };
        Self::over(watch, Treatment::new(capture, discover, layout))
    }

    /// For a process that has no way to the runtimes: its helper asks them.
    pub(super) fn helped(capture: &Capture, layout: &Layout, helped: &Arc<Helped>) -> Vec<Self> {
        let one = |(source, discover)| {
            let asking = Asking { helped: Arc::clone(helped), source, seen: 0 };
            Self::over(Watch::over(asking), Treatment::new(capture, discover, layout))
        };
        capture.discover.iter().enumerate().map(one).collect()
    }

    fn over(watch: Watch, treatment: Treatment) -> Self {
        Self { watch, treatment, captured: BTreeSet::new(), failed: BTreeMap::new(), away: false }
    }

    /// How many of those that run are selected, ourselves included; captures nothing.
    pub(super) async fn selected(&mut self) -> Result<usize, discovery::Error> {
        Ok(self.watch.look().await?.appeared.len())
    }

    /// Captures what runs already; whether all of it is.
    pub(super) async fn begin(&mut self, targets: &Arc<Targets>) -> anyhow::Result<bool> {
        let changes = self.watch.look().await?;
        self.apply(changes, targets).await;
        // What ended meanwhile is no failure, but only another look can tell.
        if !self.failed.is_empty() {
            let changes = self.watch.next(AGAIN).await?;
            self.apply(changes, targets).await;
        }
        Ok(self.failed.is_empty())
    }

    /// Follows what comes and goes until the shutdown.
    pub(super) fn follow(mut self, loops: &mut Loops, targets: &Arc<Targets>, shutdown: &CancellationToken) {
        let (targets, shutdown) = (Arc::clone(targets), shutdown.clone());
        loops.spawn(async move {
            loop {
                let within = if self.failed.values().any(|tries| *tries == 1) { AGAIN } else { discovery::RECONCILE };
                let looked = tokio::select! {
                    () = shutdown.cancelled() => return Ok(()),
                    looked = self.watch.next(within) => looked,
                };
                match looked {
                    Ok(changes) => {
                        if std::mem::take(&mut self.away) {
                            say("the runtime answers again");
                        }
                        self.apply(changes, &targets).await;
                    }
                    Err(error) if !self.away => {
                        self.away = true;
                        let error = error_chain(&error);
                        say(&format!("what is new is NOT CAPTURED while the runtime does not answer: {error}"));
                    }
                    Err(_) => {}
                }
            }
        });
    }

    async fn apply(&mut self, changes: Changes, targets: &Arc<Targets>) {
        for name in changes.gone {
            if self.captured.remove(&name) || self.failed.remove(&name).is_some() {
                // Its cgroup has gone with it, or will; programs and listeners must not outlive it.
                if let Err(error) = targets.remove(&name).await {
                    tracing::debug!(target_name = name, error = %error_chain(&error), "letting go");
                }
            }
        }
        let again: Vec<_> = self.failed.keys().filter_map(|name| self.watch.known(name).cloned()).collect();
        let mut adding = JoinSet::new();
        for found in changes.appeared.into_iter().chain(again) {
            let spec = self.treatment.spec(&found).filter(|_| !self.captured.contains(&found.name));
            let Some(spec) = spec else { continue };
            let (name, targets) = (found.name, Arc::clone(targets));
            // All at once: each is about to begin.
            adding.spawn(async move { (name, targets.add(spec).await) });
        }
        while let Some(added) = adding.join_next().await {
            match added {
                Ok((name, outcome)) => self.captured(name, outcome),
                Err(error) => tracing::error!(%error, "capturing was cut short"),
            }
        }
        self.watch.settled(&self.captured);
    }

    fn captured(&mut self, name: String, outcome: Result<(), targets::Error>) {
        match outcome {
            Ok(()) => {
                self.failed.remove(&name);
                say(&format!("captured {name}"));
                self.captured.insert(name);
            }
            Err(error) => {
                let tries = self.failed.entry(name).or_default();
                *tries = tries.saturating_add(1);
                // The first time its process may just have ended; later it is known.
                if *tries == 2 {
                    say(&format!("NOT CAPTURED: {}", error_chain(&error)));
                }
            }
        }
    }
}

/// The helper's word for what runs.
struct Asking {
    helped: Arc<Helped>,
    source: usize,
    /// The number of the list that came last.
    seen: u64,
}

impl Look for Asking {
    fn look(&mut self, within: Option<Duration>) -> Answer<'_, Vec<Found>> {
        Box::pin(async move {
            let (helped, source, seen) = (Arc::clone(&self.helped), self.source, self.seen);
            let asked = tokio::task::spawn_blocking(move || helped.look(source, seen, within.unwrap_or_default()));
            let told = |why: String| discovery::Error::Told { why };
            let looked = asked.await.map_err(|cut| told(cut.to_string()))?;
            let (number, list) = looked.map_err(|error| told(error_chain(&error)))?;
            self.seen = number;
            serde_json::from_slice(&list).map_err(|error| told(error.to_string()))
        })
    }
}

/// The helper's part: looks for as long as the process lives, and captures what is found. A thread for each source.
pub(super) fn look_for(service: &Arc<Service>, capture: &Capture, layout: &Layout) -> anyhow::Result<()> {
    for (source, mut discovery) in (0_u32..).zip(Discovery::all(capture, layout)) {
        let service = Arc::clone(service);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("starting a runtime")?;
        let looking = move || {
            runtime.block_on(async {
                let (mut within, mut failed) = (Duration::ZERO, false);
                loop {
                    let all = service.found(source, discovery.news(within).await);
                    discovery.watch.settled(&service.captured_names());
                    // As in the proxy: the first time its process may just have ended.
                    within = if all || failed { discovery::RECONCILE } else { AGAIN };
                    failed = !all;
                }
            });
        };
        std::thread::Builder::new().name(format!("look-{source}")).spawn(looking).context("starting a thread")?;
    }
    Ok(())
}

impl Discovery {
    async fn news(&mut self, within: Duration) -> Result<News, String> {
        let looked = if within.is_zero() { self.watch.look().await } else { self.watch.next(within).await };
        let Changes { gone, .. } = looked.map_err(|error| error_chain(&error))?;
        let captured = self.watch.all().filter_map(|found| Some((found, self.treatment.spec(found)?)));
        let (list, specs): (Vec<&Found>, Vec<TargetSpec>) = captured.unzip();
        Ok(News { gone, specs, list: serde_json::to_vec(&list).map_err(|error| error.to_string())? })
    }
}
