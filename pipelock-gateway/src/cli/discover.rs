//! What comes and goes, kept captured: what `capture.discover` selects is armed as it appears.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::capture;
use super::serve::Loops;
use super::startup::say;
use crate::capture::{Layout, Netns, Scope, TargetPolicy, TargetSpec};
use crate::config::{Capture, Discover, DiscoverFrom};
use crate::connection::{Targets, targets};
use crate::discovery::{self, Changes, Compose, Cri, Docker, Found, Groups, Hierarchy, Labels, Pods, Watch};

/// A process may have ended between being found and being captured; its container is looked at again after this.
const AGAIN: Duration = Duration::from_millis(50);

/// Whom to ask, what it said, and how what it finds is treated.
pub(super) struct Discovery {
    watch: Watch,
    policy: TargetPolicy,
    cgroups: PathBuf,
    /// Our own cgroup, which may fit the selection as well.
    own: Option<PathBuf>,
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
        Self {
            watch,
            policy: capture::policy(capture, &discover.treatment),
            cgroups: layout.cgroups.clone(),
            own: discovery::cgroup_of(std::process::id()).ok().flatten(),
            captured: BTreeSet::new(),
            failed: BTreeMap::new(),
            away: false,
        }
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
            let changes = self.watch.look().await?;
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
                        let error = crate::model::error_chain(&error);
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
                    tracing::debug!(target_name = name, error = %crate::model::error_chain(&error), "letting go");
                }
            }
        }
        let again: Vec<_> = self.failed.keys().filter_map(|name| self.watch.known(name).cloned()).collect();
        let mut adding = JoinSet::new();
        for found in changes.appeared.into_iter().chain(again) {
            let holds_us = |cgroup: &PathBuf| self.own.as_ref().is_some_and(|own| own.starts_with(cgroup));
            if self.captured.contains(&found.name) || found.cgroup.as_ref().is_some_and(holds_us) {
                continue;
            }
            let (name, spec, targets) = (found.name.clone(), self.spec(found), Arc::clone(targets));
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
                    say(&format!("NOT CAPTURED: {}", crate::model::error_chain(&error)));
                }
            }
        }
    }

    fn spec(&self, found: Found) -> TargetSpec {
        let scope = found.cgroup.map_or(Scope::Netns, |path| Scope::Cgroup(self.cgroups.join(path)));
        let netns = Netns::OfProcess(found.pid);
        TargetSpec { name: found.name, labels: found.labels, scope, netns, policy: self.policy.clone() }
    }
}
