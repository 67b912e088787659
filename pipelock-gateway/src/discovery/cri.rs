//! Pods of containerd, CRI-O, or whatever speaks the Container Runtime Interface, over its unix socket on this node.
//!
//! Asks two things: the list of sandboxes that are ready, and the state of one. Needs no Kubernetes API and no token: labels
//! and annotations of a pod are what the kubelet handed to the runtime. A pod is captured by its own cgroup, in which the kubelet
//! starts its containers after the sandbox is ready: before there is a program in it. The interface had no events before 1.26,
//! so news of cgroups stands for them; where the runtime offers the Node Resource Interface, it announces each pod and waits (`nri`).
//! A pod whose cgroup does not carry its uid is captured container by container.
//!
//! Source: cri-api v1 (`k8s.io/cri-api/pkg/apis/runtime/v1/api.proto`), messages `ListPodSandbox*`, `PodSandboxStatus*`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::time::timeout;

use super::hierarchy::News;
use super::{Answer, Error, Found, Hierarchy, Labels, Source, cgroup};

mod client;
mod nri;
pub mod wire;

pub use client::CriClient;
use nri::{Announced, Hook};
use wire::Message;

/// Where the kubelet makes pods' cgroups: its cgroupfs driver, and its systemd driver.
const PARENTS: [&str; 6] = [
    "kubepods",
    "kubepods/besteffort",
    "kubepods/burstable",
    "kubepods.slice",
    "kubepods.slice/kubepods-besteffort.slice",
    "kubepods.slice/kubepods-burstable.slice",
];
/// A cgroup was made: the sandbox is ready some time later, which nothing announces.
const SOON: Duration = Duration::from_millis(40);
/// Setting up a pod's network takes this long at most, or the next list finds it.
const STARTS_WITHIN: Duration = Duration::from_secs(5);

/// Which pods are meant. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pods {
    /// In one of these namespaces; none is all.
    pub namespaces: Vec<String>,
    /// By their labels.
    pub labels: Labels,
    /// With all of these annotations.
    pub annotations: Labels,
}

/// A runtime, and which of its pods are meant.
pub struct Cri {
    client: CriClient,
    pods: Pods,
    hierarchy: Hierarchy,
    news: News,
    /// The hook of the runtime: where it is, and once it is wanted, what it says.
    nri: Option<PathBuf>,
    hook: Option<Hook>,
    /// Pods that were announced, until the runtime lists them, by id.
    announced: BTreeMap<String, Announced>,
    /// A process of each sandbox and of each container that is captured by itself, by its id.
    seen: BTreeMap<String, u32>,
    /// Cgroups in which pods' cgroups were found.
    parents: BTreeSet<PathBuf>,
    /// When a cgroup was made last.
    told: Option<Instant>,
}

/// A sandbox that is ready.
#[derive(Clone, Debug, Default)]
struct Sandbox {
    id: String,
    name: String,
    uid: String,
    namespace: String,
    created_at: u64,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

/// Of the verbose state of a sandbox, the entry `info`; containerd and CRI-O agree on this.
#[derive(Deserialize)]
struct Info {
    pid: u32,
}

impl Cri {
    /// Nothing is asked yet. `nri` is the socket of its Node Resource Interface; without one pods are not held back.
    #[must_use]
    pub fn new(socket: PathBuf, nri: Option<PathBuf>, pods: Pods, hierarchy: Hierarchy) -> Self {
        let news = News::of(hierarchy.root.clone());
        let parents = PARENTS.iter().map(PathBuf::from).collect();
        let (hook, announced, seen, told) = (None, BTreeMap::new(), BTreeMap::new(), None);
        Self { client: CriClient::new(socket), pods, hierarchy, news, nri, hook, announced, seen, parents, told }
    }

    async fn look(&mut self) -> Result<Vec<Found>, Error> {
        let wanted = self.parents.iter().cloned().chain([PathBuf::new()]).collect();
        self.news.follow(&wanted);
        let mut sandboxes = self.sandboxes().await?;
        sandboxes.retain(|one| self.pods.take(one));
        // What is listed, or has ended, need not be remembered, unless somebody waits for word of it.
        let hierarchy = &self.hierarchy;
        self.announced.retain(|id, one| {
            let listed = sandboxes.iter().any(|sandbox| sandbox.id == *id);
            one.is_waiting() || (!listed && hierarchy.netns(one.pid).is_some())
        });
        for (id, one) in &self.announced {
            if !sandboxes.iter().any(|sandbox| sandbox.id == *id) {
                self.seen.insert(id.clone(), one.pid);
                sandboxes.push(one.sandbox.clone());
            }
        }
        // A pod that was started again may have two for a moment; the later one is it.
        sandboxes.sort_by_key(|one| one.created_at);
        let mut found = BTreeMap::new();
        let mut alive = BTreeSet::new();
        for sandbox in sandboxes {
            alive.insert(sandbox.id.clone());
            for one in self.find(sandbox, &mut alive).await? {
                found.insert(one.name.clone(), one);
            }
        }
        self.seen.retain(|id, _| alive.contains(id));
        Ok(found.into_values().collect())
    }

    /// The pod, or where it has no cgroup of its own its containers, whose ids are put into `alive`.
    async fn find(&mut self, sandbox: Sandbox, alive: &mut BTreeSet<String>) -> Result<Vec<Found>, Error> {
        let known = self.seen.get(&sandbox.id).copied().filter(|pid| self.hierarchy.netns(*pid).is_some());
        let pid = match known {
            Some(pid) => Some(pid),
            None => self.first_process(&sandbox.id).await?,
        };
        let (pid, pod) = match pid {
            // Otherwise it has ended since.
            Some(pid) => match cgroup::of(&self.hierarchy.proc, pid) {
                Ok(Some(own)) => {
                    let Some(pod) = of_pod(&own, &sandbox.uid) else {
                        self.seen.insert(sandbox.id.clone(), pid);
                        return self.containers(&sandbox, &own, alive).await;
                    };
                    (pid, Some(pod))
                }
                // The root of the hierarchy, as where the runtime uses cgroup v1.
                Ok(None) => (pid, None),
                Err(_) => return Ok(Vec::new()),
            },
            // CRI-O keeps no process in a sandbox: the first one comes with the first container.
            None => match self.started_in_pod(&sandbox.uid) {
                Some((pid, pod)) => (pid, Some(pod)),
                None => return Ok(Vec::new()),
            },
        };
        self.seen.insert(sandbox.id.clone(), pid);
        if let Some(parent) = pod.as_deref().and_then(Path::parent) {
            self.parents.insert(parent.to_owned());
        }
        let found = self.hierarchy.found_in(&sandbox.full_name(), pod, pid);
        Ok(found.map(|found| sandbox.label(found)).into_iter().collect())
    }

    /// The cgroup that carries a pod's uid, and the first process of a container in it.
    fn started_in_pod(&self, uid: &str) -> Option<(u32, PathBuf)> {
        let places = self
            .parents
            .iter()
            .flat_map(|parent| self.hierarchy.children(parent).into_iter().map(move |name| parent.join(name)));
        let pod = places.into_iter().find(|path| carries(path, uid))?;
        let pid = self.hierarchy.processes(&pod).into_iter().find(|pid| self.hierarchy.is_init(*pid))?;
        Some((pid, pod))
    }

    /// The containers of a pod whose sandbox is in the cgroup `own`, which carries the sandbox's id: theirs carry theirs.
    async fn containers(
        &mut self,
        sandbox: &Sandbox,
        own: &Path,
        alive: &mut BTreeSet<String>,
    ) -> Result<Vec<Found>, Error> {
        let name = own.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
        let (Some(parent), true) = (own.parent(), name.contains(&sandbox.id)) else {
            tracing::error!(pod = sandbox.full_name(), cgroup = %own.display(), "neither its uid nor its id is there; NOT CAPTURED");
            return Ok(Vec::new());
        };
        self.parents.insert(parent.to_owned());
        // There is nothing to capture yet, and its containers are found as they come.
        if let Some(announced) = self.announced.get_mut(&sandbox.id) {
            announced.answer(true);
        }
        let of_sandbox = Message::new().message(1, &Message::new().text(3, &sandbox.id));
        let answer = self.client.call("ListContainers", &of_sandbox).await?;
        let listed = wire::messages(&answer, 1).and_then(|items| items.into_iter().map(Member::read).collect());
        let listed: Vec<Member> = listed.map_err(|source| self.client.not_understood("ListContainers", source))?;
        let mut found = Vec::new();
        for member in listed.into_iter().filter(Member::may_run) {
            let cgroup = parent.join(name.replace(&sandbox.id, &member.id));
            alive.insert(member.id.clone());
            let known = self.seen.get(&member.id).copied().filter(|pid| self.hierarchy.netns(*pid).is_some());
            let processes = self.hierarchy.processes(&cgroup);
            let first = processes.iter().find(|pid| self.hierarchy.is_init(**pid));
            // In a pod that shares its pid namespace only the sandbox has the first process of one.
            let first = first.or_else(|| processes.first().filter(|_| member.state == RUNNING)).copied();
            let Some(pid) = known.or(first) else { continue };
            self.seen.insert(member.id, pid);
            let name = format!("{}/{}", sandbox.full_name(), member.name);
            found.extend(self.hierarchy.found_in(&name, Some(cgroup), pid).map(|one| sandbox.clone().label(one)));
        }
        Ok(found)
    }

    /// All sandboxes that are ready, chosen or not.
    async fn sandboxes(&self) -> Result<Vec<Sandbox>, Error> {
        // filter { state { state: SANDBOX_READY = 0 } }: a message that is there and empty.
        let ready = Message::new().message(2, &Message::new());
        let answer = self.client.call("ListPodSandbox", &Message::new().message(1, &ready)).await?;
        let listed = wire::messages(&answer, 1).and_then(|items| items.into_iter().map(Sandbox::read).collect());
        listed.map_err(|source| self.client.not_understood("ListPodSandbox", source))
    }

    /// `None` for a sandbox that has gone since.
    async fn first_process(&self, id: &str) -> Result<Option<u32>, Error> {
        let ask = Message::new().text(1, id).number(2, 1);
        let answer = match self.client.call("PodSandboxStatus", &ask).await {
            Ok(answer) => answer,
            Err(Error::Grpc { code: 5, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let unclear = |source| self.client.not_understood("PodSandboxStatus", source);
        let info = wire::texts(&answer, 2).map_err(unclear)?;
        let info: Option<Info> = info.get("info").and_then(|text| serde_json::from_str(text).ok());
        if info.is_none() {
            tracing::error!(sandbox = id, "the runtime does not tell its process; NOT CAPTURED");
        }
        Ok(info.map(|info| info.pid).filter(|pid| *pid != 0))
    }
}

impl Pods {
    /// Whether a pod is meant.
    fn take(&self, pod: &Sandbox) -> bool {
        (self.namespaces.is_empty() || self.namespaces.contains(&pod.namespace))
            && self.labels.take(&pod.labels)
            && self.annotations.take(&pod.annotations)
    }
}

impl Sandbox {
    /// Unique on a node.
    fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    fn label(self, mut found: Found) -> Found {
        found.labels = self.labels;
        found.labels.insert("pod_namespace".to_owned(), self.namespace);
        found
    }

    fn read(bytes: &[u8]) -> Result<Self, wire::Malformed> {
        let mut sandbox =
            Self { labels: wire::texts(bytes, 5)?, annotations: wire::texts(bytes, 6)?, ..Self::default() };
        for field in wire::fields(bytes) {
            match field? {
                (1, value) => sandbox.id = value.text()?,
                (2, value) => {
                    for field in wire::fields(value.bytes()?) {
                        match field? {
                            (1, value) => sandbox.name = value.text()?,
                            (2, value) => sandbox.uid = value.text()?,
                            (3, value) => sandbox.namespace = value.text()?,
                            _ => {}
                        }
                    }
                }
                (4, value) => sandbox.created_at = value.number()?,
                _ => {}
            }
        }
        Ok(sandbox)
    }
}

/// A container of a sandbox.
#[derive(Debug, Default)]
struct Member {
    id: String,
    name: String,
    /// 0 created, 1 running, 2 exited, 3 unknown.
    state: u64,
}

const RUNNING: u64 = 1;

impl Member {
    fn read(bytes: &[u8]) -> Result<Self, wire::Malformed> {
        let mut member = Self::default();
        for field in wire::fields(bytes) {
            match field? {
                (1, value) => member.id = value.text()?,
                (3, value) => {
                    for field in wire::fields(value.bytes()?) {
                        if let (1, value) = field? {
                            member.name = value.text()?;
                        }
                    }
                }
                (6, value) => member.state = value.number()?,
                _ => {}
            }
        }
        Ok(member)
    }

    fn may_run(&self) -> bool {
        self.state <= RUNNING && !self.id.is_empty()
    }
}

/// The cgroup of the pod that a process of its sandbox is in: the ancestor that carries the pod's uid. Any other ancestor may be
/// many pods'.
fn of_pod(own: &Path, uid: &str) -> Option<PathBuf> {
    own.ancestors().skip(1).find(|path| carries(path, uid)).map(Path::to_owned)
}

/// Whether a cgroup is that of the pod with this uid, which the kubelet's cgroupfs driver writes with dashes and its systemd driver
/// with underscores.
fn carries(cgroup: &Path, uid: &str) -> bool {
    let name = cgroup.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    let name = name.strip_suffix(".slice").unwrap_or(name);
    let underscored = uid.replace('-', "_");
    !uid.is_empty()
        && [uid, &underscored].iter().any(|uid| name.strip_suffix(uid).is_some_and(|head| head.ends_with("pod")))
}

impl Source for Cri {
    fn list(&mut self) -> Answer<'_, Vec<Found>> {
        Box::pin(self.look())
    }

    fn changed(&mut self) -> Answer<'_, ()> {
        Box::pin(async {
            if let (None, Some(socket)) = (&self.hook, &self.nri) {
                self.hook = Some(Hook::start(socket.clone(), self.pods.clone()));
            }
            let soon = self.told.is_some_and(|told| told.elapsed() < STARTS_WITHIN);
            tokio::select! {
                announced = nri::next(&mut self.hook) => {
                    self.announced.insert(announced.sandbox.id.clone(), announced);
                }
                told = async {
                    let news = self.news.next();
                    if soon { timeout(SOON, news).await.is_ok() } else { news.await; true }
                } => if told {
                    self.told = Some(Instant::now());
                }
            }
            Ok(())
        })
    }

    fn settled(&mut self, captured: &BTreeSet<String>) {
        for one in self.announced.values_mut() {
            one.answer(captured.contains(&one.sandbox.full_name()));
        }
    }
}

#[cfg(test)]
mod tests;
