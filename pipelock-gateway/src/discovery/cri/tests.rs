//! Pods as the runtimes and drivers in use lay them out, without any of them: a runtime made here and a hierarchy of files.

use std::convert::Infallible;
use std::fs;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixListener;

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

/// What a runtime says of one pod and its containers.
#[derive(Clone, Default)]
struct Said {
    uid: &'static str,
    /// That of the sandbox; 0 where it has no process.
    pid: u32,
    /// Ids and names.
    containers: Vec<(&'static str, &'static str)>,
}

impl Said {
    fn answer(&self, method: &str) -> Message {
        let metadata = |name: &str| Message::new().text(1, name);
        match method {
            "ListPodSandbox" => {
                let metadata = metadata("web-1").text(2, self.uid).text(3, "finance");
                let label = Message::new().text(1, "app").text(2, "sure");
                Message::new().message(1, &Message::new().text(1, "sandbox").message(2, &metadata).message(5, &label))
            }
            "PodSandboxStatus" => {
                let info = serde_json::json!({ "pid": self.pid }).to_string();
                Message::new().message(2, &Message::new().text(1, "info").text(2, &info))
            }
            "ListContainers" => self.containers.iter().fold(Message::new(), |all, (id, name)| {
                all.message(1, &Message::new().text(1, id).text(2, "sandbox").message(3, &metadata(name)).number(6, 1))
            }),
            other => panic!("nobody asks for {other}"),
        }
    }
}

/// A node in a directory: its hierarchy, its processes, its runtime.
struct Node {
    directory: tempfile::TempDir,
    hierarchy: Hierarchy,
}

impl Node {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (root, proc) = (directory.path().join("cgroup"), directory.path().join("proc"));
        fs::create_dir_all(&root).unwrap();
        Self { hierarchy: Hierarchy { root, proc }, directory }
    }

    /// A process, the first of a pid namespace, in a cgroup.
    fn runs(&self, pid: u32, cgroup: &str) {
        let (proc, place) = (self.hierarchy.proc.join(pid.to_string()), self.hierarchy.root.join(cgroup));
        fs::create_dir_all(proc.join("ns")).unwrap();
        fs::create_dir_all(&place).unwrap();
        fs::write(proc.join("ns/net"), "").unwrap();
        fs::write(proc.join("status"), format!("NSpid:\t{pid}\t1\n")).unwrap();
        fs::write(proc.join("cgroup"), format!("0::/{cgroup}\n")).unwrap();
        fs::write(place.join("cgroup.procs"), format!("{pid}\n")).unwrap();
    }

    fn ends(&self, pid: u32, cgroup: &str) {
        fs::remove_dir_all(self.hierarchy.proc.join(pid.to_string())).unwrap();
        fs::remove_dir_all(self.hierarchy.root.join(cgroup)).unwrap();
    }

    /// A runtime over HTTP/2, as gRPC has it.
    fn serve(&self, said: Said) -> Cri {
        let socket = self.directory.path().join("cri.sock");
        let _ = fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let said = said.clone();
                let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let said = said.clone();
                    async move {
                        let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
                        request.into_body().collect().await.unwrap();
                        let message = said.answer(&method).as_bytes().to_vec();
                        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
                        let body = Bytes::from([&[0][..], &length, &message].concat());
                        let answer = Response::builder().header("grpc-status", "0").body(Full::new(body)).unwrap();
                        Ok::<_, Infallible>(answer)
                    }
                });
                let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        let labels = Labels { all: vec!["app=sure".into()], none: Vec::new() };
        let pods = Pods { labels, ..Pods::default() };
        Cri::new(socket, None, pods, self.hierarchy.clone())
    }
}

async fn found(cri: &mut Cri) -> Vec<(String, String, u32)> {
    let found = cri.list().await.unwrap();
    let told = |one: Found| (one.name, one.cgroup.map_or_else(String::new, |path| path.display().to_string()), one.pid);
    found.into_iter().map(told).collect()
}

const UID: &str = "0e2f1a54-7b1c-4d2e-9d3f-1234567890ab";
const SLICE: &str =
    "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0e2f1a54_7b1c_4d2e_9d3f_1234567890ab.slice";

#[tokio::test]
async fn a_pod_is_found_under_every_runtime_and_driver() {
    let cgroupfs = format!("kubepods/burstable/pod{UID}");
    // A static pod has the digest of its file for a uid; guaranteed pods are in no class.
    let digest = "5f3a0c1d9b8e7f6a5b4c3d2e1f0a9b8c";
    for (uid, pod, sandbox) in [
        (UID, cgroupfs.clone(), format!("{cgroupfs}/sandbox")),
        (UID, SLICE.to_owned(), format!("{SLICE}/cri-containerd-sandbox.scope")),
        (UID, SLICE.to_owned(), format!("{SLICE}/crio-sandbox.scope")),
        (UID, cgroupfs.clone(), format!("{cgroupfs}/crio-sandbox")),
        (
            digest,
            format!("kubepods.slice/kubepods-pod{digest}.slice"),
            format!("kubepods.slice/kubepods-pod{digest}.slice/crio-sandbox.scope"),
        ),
        // In a nested hierarchy, as in kind's nodes.
        (UID, format!("kubelet/{cgroupfs}"), format!("kubelet/{cgroupfs}/sandbox")),
    ] {
        let node = Node::new();
        node.runs(71, &sandbox);
        let mut cri = node.serve(Said { uid, pid: 71, containers: Vec::new() });
        assert_eq!(found(&mut cri).await, [("finance/web-1".to_owned(), pod, 71)], "{sandbox}");
    }
}

#[tokio::test]
async fn a_sandbox_without_a_process_is_found_by_its_pod_when_the_first_container_is_made() {
    let node = Node::new();
    let mut cri = node.serve(Said { uid: UID, pid: 0, containers: Vec::new() });
    assert!(found(&mut cri).await.is_empty());
    node.runs(72, &format!("{SLICE}/crio-abc.scope"));
    assert_eq!(found(&mut cri).await, [("finance/web-1".to_owned(), SLICE.to_owned(), 72)]);
}

#[tokio::test]
async fn a_pod_without_its_uid_is_found_container_by_container_and_again_after_a_restart() {
    let node = Node::new();
    node.runs(71, "k8s.io/sandbox");
    node.runs(73, "k8s.io/aaa");
    node.runs(74, "k8s.io/bbb");
    node.runs(75, "k8s.io/of-another-pod");
    let mut cri =
        node.serve(Said { uid: UID, pid: 71, containers: vec![("aaa", "app"), ("bbb", "sidecar"), ("ccc", "later")] });
    let app = ("finance/web-1/app".to_owned(), "k8s.io/aaa".to_owned(), 73);
    let sidecar = ("finance/web-1/sidecar".to_owned(), "k8s.io/bbb".to_owned(), 74);
    assert_eq!(found(&mut cri).await, [app, sidecar.clone()]);
    let later = ("finance/web-1/later".to_owned(), "k8s.io/ccc".to_owned(), 76);
    node.ends(73, "k8s.io/aaa");
    node.runs(76, "k8s.io/ccc");
    assert_eq!(found(&mut cri).await, [later, sidecar]);
    assert!(cri.parents.contains(Path::new("k8s.io")), "what is made there is news");
}

#[tokio::test]
async fn where_the_runtime_uses_cgroups_of_the_first_version_a_pod_is_its_network() {
    let node = Node::new();
    node.runs(71, "");
    let mut cri = node.serve(Said { uid: UID, pid: 71, containers: Vec::new() });
    assert_eq!(found(&mut cri).await, [("finance/web-1".to_owned(), String::new(), 71)]);
}

#[tokio::test]
async fn a_pod_that_was_announced_is_found_before_it_is_listed_and_answered_when_it_is_captured() {
    let node = Node::new();
    node.runs(77, &format!("{SLICE}/cri-containerd-new.scope"));
    node.runs(71, "kubepods/podother/sandbox");
    let mut cri = node.serve(Said { uid: "other", pid: 71, containers: Vec::new() });
    let sandbox = Sandbox {
        id: "new".into(),
        name: "web-2".into(),
        namespace: "finance".into(),
        uid: UID.into(),
        ..Sandbox::default()
    };
    let (announced, answer) = Announced::new(sandbox, 77);
    cri.announced.insert("new".into(), announced);
    let names: Vec<_> = found(&mut cri).await.into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["finance/web-1", "finance/web-2"]);
    cri.settled(&BTreeSet::from(["finance/web-2".to_owned()]));
    assert_eq!(answer.await, Ok(true));
    // Not listed yet, and alive: it stays found, so that it is not let go between the answer and the list.
    assert_eq!(found(&mut cri).await.len(), 2);
    node.ends(77, &format!("{SLICE}/cri-containerd-new.scope"));
    assert_eq!(found(&mut cri).await.len(), 1);
}
