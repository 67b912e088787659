//! Pods of containerd, CRI-O, or whatever speaks the Container Runtime Interface, over its unix socket on this node.
//!
//! Asks two things: the list of sandboxes that are ready, and the state of one. Needs no Kubernetes API and no token: labels
//! and annotations of a pod are what the kubelet handed to the runtime. A pod is captured by its own cgroup, in which the kubelet
//! starts its containers after the sandbox is ready: before there is a program in it. The interface had no events before 1.26,
//! so news of cgroups stands for them.
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
pub mod wire;

pub use client::CriClient;
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
    /// The first process of each sandbox, by its id.
    seen: BTreeMap<String, u32>,
    /// Cgroups in which pods' cgroups were found.
    parents: BTreeSet<PathBuf>,
    /// When a cgroup was made last.
    told: Option<Instant>,
}

/// A sandbox that is ready.
#[derive(Debug, Default)]
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
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(socket: PathBuf, pods: Pods, hierarchy: Hierarchy) -> Self {
        let news = News::of(hierarchy.root.clone());
        let parents = PARENTS.iter().map(PathBuf::from).collect();
        Self { client: CriClient::new(socket), pods, hierarchy, news, seen: BTreeMap::new(), parents, told: None }
    }

    async fn look(&mut self) -> Result<Vec<Found>, Error> {
        let wanted = self.parents.iter().cloned().chain([PathBuf::new()]).collect();
        self.news.follow(&wanted);
        let mut sandboxes = self.sandboxes().await?;
        sandboxes.retain(|one| {
            (self.pods.namespaces.is_empty() || self.pods.namespaces.contains(&one.namespace))
                && self.pods.labels.take(&one.labels)
                && self.pods.annotations.take(&one.annotations)
        });
        // A pod that was started again may have two for a moment; the later one is it.
        sandboxes.sort_by_key(|one| one.created_at);
        self.seen.retain(|id, _| sandboxes.iter().any(|one| one.id == *id));
        let mut found = BTreeMap::new();
        for sandbox in sandboxes {
            if let Some(one) = self.find(sandbox).await? {
                found.insert(one.name.clone(), one);
            }
        }
        Ok(found.into_values().collect())
    }

    async fn find(&mut self, sandbox: Sandbox) -> Result<Option<Found>, Error> {
        let known = self.seen.get(&sandbox.id).copied().filter(|pid| self.hierarchy.netns(*pid).is_some());
        let pid = match known {
            Some(pid) => pid,
            None => match self.first_process(&sandbox.id).await? {
                Some(pid) => *self.seen.entry(sandbox.id.clone()).insert_entry(pid).get(),
                None => return Ok(None),
            },
        };
        let name = format!("{}/{}", sandbox.namespace, sandbox.name);
        // Otherwise it has ended since.
        let Ok(own) = cgroup::of(&self.hierarchy.proc, pid) else { return Ok(None) };
        let pod = own.as_deref().and_then(|own| of_pod(own, &sandbox.uid));
        if let Some(parent) = pod.as_deref().and_then(Path::parent) {
            self.parents.insert(parent.to_owned());
        }
        let found = self.hierarchy.found_in(&name, pod, pid);
        Ok(found.map(|mut found| {
            found.labels = sandbox.labels;
            found.labels.insert("pod_namespace".to_owned(), sandbox.namespace);
            found
        }))
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

impl Sandbox {
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

/// The cgroup of the pod that a process of its sandbox is in: the ancestor that carries the pod's uid, written with dashes by
/// the kubelet's cgroupfs driver and with underscores by its systemd driver. Any other ancestor may be many pods'.
fn of_pod(own: &Path, uid: &str) -> Option<PathBuf> {
    let underscored = uid.replace('-', "_");
    let carries = |path: &&Path| {
        let name = path.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
        let name = name.strip_suffix(".slice").unwrap_or(name);
        !uid.is_empty()
            && [uid, &underscored].iter().any(|uid| name.strip_suffix(uid).is_some_and(|head| head.ends_with("pod")))
    };
    own.ancestors().skip(1).find(carries).map(Path::to_owned)
}

impl Source for Cri {
    fn list(&mut self) -> Answer<'_, Vec<Found>> {
        Box::pin(self.look())
    }

    fn changed(&mut self) -> Answer<'_, ()> {
        Box::pin(async {
            let soon = self.told.is_some_and(|told| told.elapsed() < STARTS_WITHIN);
            let news = self.news.next();
            if !soon {
                news.await;
                self.told = Some(Instant::now());
            } else if timeout(SOON, news).await.is_ok() {
                self.told = Some(Instant::now());
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_told_by_the_cgroup_that_carries_its_uid() {
        let uid = "0e2f1a54-7b1c-4d2e-9d3f-1234567890ab";
        for (own, pod) in [
            ("kubepods/burstable/pod0e2f1a54-7b1c-4d2e-9d3f-1234567890ab/abc", Some(1)),
            (
                "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0e2f1a54_7b1c_4d2e_9d3f_1234567890ab.slice/cri-containerd-abc.scope",
                Some(1),
            ),
            ("kubepods/pod0e2f1a54-7b1c-4d2e-9d3f-1234567890ab/abc/inner", Some(2)),
            ("k8s.io/abc", None),
            ("kubepods/podffffffff-7b1c-4d2e-9d3f-1234567890ab/abc", None),
        ] {
            let own = Path::new(own);
            let expected = pod.and_then(|above| own.ancestors().nth(above)).map(Path::to_owned);
            assert_eq!(of_pod(own, uid), expected, "{}", own.display());
        }
        assert_eq!(of_pod(Path::new("kubepods/pod/abc"), ""), None, "no uid is no match");
    }

    #[test]
    fn a_sandbox_is_read_with_its_labels_and_annotations() {
        let metadata = Message::new().text(1, "web-1").text(2, "uid-1").text(3, "finance").number(4, 2);
        let pair = |key: &str, value: &str| Message::new().text(1, key).text(2, value);
        let bytes = Message::new()
            .text(1, "abc")
            .message(2, &metadata)
            .number(4, 99)
            .message(5, &pair("app", "sure"))
            .message(5, &pair("tier", "web"))
            .message(6, &pair("note", "x"))
            .text(7, "runc");
        let sandbox = Sandbox::read(bytes.as_bytes()).unwrap();
        assert_eq!((sandbox.id.as_str(), sandbox.name.as_str(), sandbox.uid.as_str()), ("abc", "web-1", "uid-1"));
        assert_eq!((sandbox.namespace.as_str(), sandbox.created_at), ("finance", 99));
        assert_eq!(sandbox.labels["tier"], "web");
        assert_eq!(sandbox.annotations["note"], "x");
        assert!(Sandbox::read(&[0x0a, 0x05, b'a']).is_err(), "cut short");
    }
}
