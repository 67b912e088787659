//! Pods of a real containerd, made over its CRI as a kubelet does: labels, pod cgroups, CNI, containers started one by one.
//!
//! containerd runs in a network namespace of its own (the "node"), with its own root, state and socket; images come from
//! archives made here. A server on the node tells by source address who came past the gateway.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use pipelock_gateway::discovery::cri::CriClient;
use pipelock_gateway::discovery::cri::wire::{self, Message};
use pipelock_tests::gateway::binary;
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use pipelock_tests::process::{Running, eventually, run as finish};
use tempfile::TempDir;

use crate::daemon::{Counting, SERVER};
use crate::datapath::run;

const LONG: Duration = Duration::from_mins(1);
/// Pods that come and go one after the other; `PIPELOCK_PODS` for more of them.
const CHURN: usize = 6;
/// What a pod does first: asks, and writes down what came of it.
const APP: &str = r#"
import socket, sys
s = socket.socket(); s.settimeout(20)
try:
    s.connect(("203.0.113.10", 80))
    s.sendall(b"GET / HTTP/1.1\r\nhost: api.example.test\r\nconnection: close\r\n\r\n")
    said = s.recv(100).split(b"\r\n")[0].decode()
except OSError as e:
    said = repr(e)
open("/out/" + sys.argv[1], "w").write(said)
"#;

pub(crate) fn cases() -> Vec<Case> {
    let needs = [Need::Bpf, Need::CgroupV2, Need::Python3, Need::Pipelock, Need::Containerd];
    let name = "pods::pods_of_a_containerd_are_captured_by_their_labels_and_none_that_waits_gets_past_the_gateway";
    vec![Case::new(name, needs, |_| pods()).alone()]
}

/// A node: containerd, a bridge for its pods, and whoever they talk to.
pub(crate) struct Machine {
    directory: TempDir,
    netns: String,
    cri: CriClient,
    runtime: tokio::runtime::Runtime,
    containerd: Option<Running>,
    gateway: Option<Running>,
    made: std::cell::Cell<usize>,
    /// Where a containerd with a Node Resource Interface is, which is then turned on.
    with_nri: Option<PathBuf>,
}

impl Machine {
    /// With this machine's containerd, or the one in the directory `with_nri`.
    pub(crate) fn new(with_nri: Option<PathBuf>) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let netns = format!("plcri-{}", std::process::id());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let cri = CriClient::new(directory.path().join("cri.sock"));
        run("ip", &["netns", "add", &netns])?;
        let (containerd, gateway) = (None, None);
        let mut machine =
            Self { directory, netns, cri, runtime, containerd, gateway, made: std::cell::Cell::new(0), with_nri };
        run("ip", &["-n", &machine.netns, "link", "set", "lo", "up"])?;
        run("ip", &["-n", &machine.netns, "addr", "add", "203.0.113.10/32", "dev", "lo"])?;
        machine.configure()?;
        let mut command = machine.command("containerd");
        if let Some(directory) = &machine.with_nri {
            // Its shim is of the same version.
            let path = std::env::var("PATH").unwrap_or_default();
            command.env("PATH", format!("{}:{path}", directory.display()));
        }
        command.arg("--config").arg(machine.at("config.toml"));
        machine.containerd = Some(Running::start(command)?);
        eventually(LONG, || machine.call("Version", &Message::new()).map(drop).map_err(|error| format!("{error:#}")))?;
        machine.import()?;
        Ok(machine)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.netns)).arg(program);
        command
    }

    fn configure(&self) -> Result<()> {
        let at = |name: &str| self.at(name).display().to_string();
        for directory in ["net.d", "out"] {
            std::fs::create_dir_all(self.at(directory))?;
        }
        let containerd = format!(
            "version = 2\nroot = {:?}\nstate = {:?}\n[grpc]\naddress = {:?}\n[plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = \"pause:test\"\nrestrict_oom_score_adj = true\n\
             [plugins.\"io.containerd.grpc.v1.cri\".cni]\nbin_dir = \"/usr/lib/cni\"\nconf_dir = {:?}\n",
            at("root"),
            at("state"),
            at("cri.sock"),
            at("net.d"),
        );
        let (containerd, nri) = match self.with_nri {
            None => (containerd, String::new()),
            Some(_) => (
                format!(
                    "{containerd}[plugins.\"io.containerd.nri.v1.nri\"]\ndisable = false\nsocket_path = {:?}\nplugin_path = {:?}\nplugin_config_path = {:?}\n",
                    at("nri.sock"),
                    at("plugins"),
                    at("plugins.d"),
                ),
                format!("      nri: {}\n", at("nri.sock")),
            ),
        };
        std::fs::write(self.at("config.toml"), containerd)?;
        let network = serde_json::json!({
            "cniVersion": "0.4.0", "name": "pods",
            "plugins": [{
                "type": "bridge", "bridge": "pl0", "isGateway": true,
                "ipam": {"type": "host-local", "subnet": "192.0.2.0/24", "dataDir": at("ipam"), "routes": [{"dst": "0.0.0.0/0"}]},
            }],
        });
        std::fs::write(self.at("net.d/10-pods.conflist"), network.to_string())?;
        let config = format!(
            "version: 1\nfetch_proxy: {{listen: '127.0.0.1:8888'}}\nlogging: {{output: file, file: {}}}\ncapture:\n  discover:\n    - source: cri\n      \
             socket: {}\n      namespaces: [finance]\n      labels: [app.kubernetes.io/name=sure, app.kubernetes.io/instance=prod]\n      \
             exclude: [app.kubernetes.io/component=redis]\n{nri}",
            at("audit.jsonl"),
            at("cri.sock"),
        );
        Ok(std::fs::write(self.at("pipelock.yaml"), config)?)
    }

    /// The sandbox's image, which sleeps; an empty root into which `/usr` is mounted; and the gateway's.
    fn import(&self) -> Result<()> {
        let (pause, app) = (self.at("pause"), self.at("app"));
        for library in run("ldd", &["/usr/bin/sleep"])?.split_whitespace().filter(|word| word.starts_with('/')) {
            let to = pause.join(library.trim_start_matches('/'));
            std::fs::create_dir_all(to.parent().context("a library is in a directory")?)?;
            std::fs::copy(library, to)?;
        }
        std::fs::copy("/usr/bin/sleep", pause.join("pause"))?;
        for directory in ["usr", "etc", "tmp", "proc", "sys", "dev", "run", "out"] {
            std::fs::create_dir_all(app.join(directory))?;
        }
        for name in ["bin", "lib", "lib64", "sbin"] {
            std::os::unix::fs::symlink(format!("usr/{name}"), app.join(name))?;
        }
        let ours = std::env::var("PIPELOCK_IMAGE_ARCHIVE").context("cargo xtask e2e names the archive")?;
        let archives = [self.archive("pause", &["/pause", "infinity"])?, self.archive("app", &[])?, ours.into()];
        for archive in archives {
            let (socket, archive) = (self.at("cri.sock").display().to_string(), archive.display().to_string());
            run("ctr", &["--address", &socket, "--namespace", "k8s.io", "images", "import", &archive])?;
        }
        Ok(())
    }

    /// An image of one layer, `name:test`, in the format of `docker save`.
    fn archive(&self, name: &str, entrypoint: &[&str]) -> Result<PathBuf> {
        let (into, out) = (self.at(&format!("{name}-image")), self.at(&format!("{name}.tar")));
        std::fs::create_dir_all(&into)?;
        let tar = |from: &Path, to: &Path| {
            run("tar", &["-C", &from.display().to_string(), "-cf", &to.display().to_string(), "."])
        };
        tar(&self.at(name), &into.join("layer.tar"))?;
        let sum = run("sha256sum", &[&into.join("layer.tar").display().to_string()])?;
        let diff = format!("sha256:{}", sum.split_whitespace().next().unwrap_or_default());
        let config = serde_json::json!({
            "architecture": std::env::consts::ARCH.replace("x86_64", "amd64").replace("aarch64", "arm64"), "os": "linux",
            "config": {"Entrypoint": entrypoint}, "rootfs": {"type": "layers", "diff_ids": [diff]},
        });
        std::fs::write(into.join("config.json"), config.to_string())?;
        let manifest = serde_json::json!([{"Config": "config.json", "RepoTags": [format!("{name}:test")], "Layers": ["layer.tar"]}]);
        std::fs::write(into.join("manifest.json"), manifest.to_string())?;
        tar(&into, &out)?;
        Ok(out)
    }

    fn call(&self, method: &str, message: &Message) -> Result<bytes::Bytes> {
        Ok(self.runtime.block_on(self.cri.call(method, message))?)
    }

    /// The text in the first field of an answer: an id.
    fn id(&self, method: &str, message: &Message) -> Result<String> {
        let answer = self.call(method, message)?;
        let (_, value) = wire::fields(&answer).next().context("an empty answer")??;
        Ok(value.text()?)
    }

    /// Waits until containerd has taken the gateway for a plugin.
    pub(crate) fn wait_for_plugin(&self) -> Result<()> {
        let containerd = self.containerd.as_ref().context("it runs")?;
        containerd.wait_for_complaint("00-pipelock")
    }

    pub(crate) fn start_gateway(&mut self) -> Result<()> {
        let mut command = self.command(binary());
        command.arg("run").arg("--config").arg(self.at("pipelock.yaml"));
        let gateway = Running::start(command)?;
        gateway.wait_for_complaint("ready:")?;
        self.gateway = Some(gateway);
        Ok(())
    }

    pub(crate) fn pod(&self, name: &str, component: &str) -> Result<Pod<'_>> {
        let number = self.made.replace(self.made.get() + 1);
        let uid = format!("{:08x}-0000-4000-8000-{number:012x}", std::process::id());
        let parent = format!("/kubepods/burstable/pod{uid}");
        self.sandbox(name, component, uid, &Message::new().text(1, &parent))
    }

    /// One whose containers are in cgroups beside each other, and those of other pods; none carries its uid.
    fn pod_without_cgroup(&self, name: &str, component: &str) -> Result<Pod<'_>> {
        self.sandbox(name, component, "0000-none".to_owned(), &Message::new())
    }

    fn sandbox(&self, name: &str, component: &str, uid: String, linux: &Message) -> Result<Pod<'_>> {
        let pair = |key: &str, value: &str| Message::new().text(1, key).text(2, value);
        let config = Message::new()
            .message(1, &Message::new().text(1, name).text(2, &uid).text(3, "finance"))
            .text(2, name)
            .message(6, &pair("app.kubernetes.io/name", "sure"))
            .message(6, &pair("app.kubernetes.io/instance", "prod"))
            .message(6, &pair("app.kubernetes.io/component", component))
            .message(8, linux);
        let id = self.id("RunPodSandbox", &Message::new().message(1, &config))?;
        Ok(Pod { machine: self, name: name.to_owned(), id, uid, config })
    }

    /// What a pod's program wrote down.
    pub(crate) fn out(&self, name: &str) -> String {
        std::fs::read_to_string(self.at("out").join(name)).unwrap_or_default()
    }

    pub(crate) fn pipelock(&self, argument: &str) -> Result<String> {
        let mut command = self.command(binary());
        command.arg(argument);
        Ok(finish(command, LONG)?.stdout)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.gateway.take());
        let _ = self.pipelock("uninstall");
        if let Ok(answer) = self.call("ListPodSandbox", &Message::new()) {
            for item in wire::messages(&answer, 1).unwrap_or_default() {
                if let Some(Ok((1, id))) = wire::fields(item).next() {
                    let ask = Message::new().text(1, &id.text().unwrap_or_default());
                    let _ = self.call("StopPodSandbox", &ask);
                    let _ = self.call("RemovePodSandbox", &ask);
                }
            }
        }
        drop(self.containerd.take());
        let _ = run("ip", &["netns", "delete", &self.netns]);
        for hierarchy in std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().filter_map(Result::ok) {
            for parent in ["kubepods", "k8s.io"] {
                remove_tree(&hierarchy.path().join(parent));
            }
        }
    }
}

/// Removes empty cgroups from the leaves up.
fn remove_tree(cgroup: &Path) {
    for below in std::fs::read_dir(cgroup).into_iter().flatten().filter_map(Result::ok) {
        if below.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&below.path());
        }
    }
    let _ = std::fs::remove_dir(cgroup);
}

/// A pod whose sandbox is ready.
pub(crate) struct Pod<'a> {
    machine: &'a Machine,
    name: String,
    id: String,
    uid: String,
    config: Message,
}

impl Pod<'_> {
    fn start(&self, container: &str, image: &str, command: &[&str]) -> Result<String> {
        let mount = |from: &str, to: &str, readonly| Message::new().text(1, to).text(2, from).number(3, readonly);
        let out = self.machine.at("out").display().to_string();
        let mut config =
            Message::new().message(1, &Message::new().text(1, container)).message(2, &Message::new().text(1, image));
        for word in command {
            config = config.text(3, word);
        }
        if image == "app:test" {
            config = config.message(7, &mount("/usr", "/usr", 1)).message(7, &mount(&out, "/out", 0));
        }
        let create = Message::new().text(1, &self.id).message(2, &config).message(3, &self.config);
        let id = self.machine.id("CreateContainer", &create)?;
        self.machine.call("StartContainer", &Message::new().text(1, &id))?;
        Ok(id)
    }

    /// Starts the program and waits for its end.
    pub(crate) fn ask(&self) -> Result<()> {
        let id = self.start("app", "app:test", &["/usr/bin/python3", "-c", APP, &self.name])?;
        self.ended(&id).map(drop)
    }

    /// The init container, until it ends well.
    fn wait(&self) -> Result<()> {
        let id = self.start("pipelock-wait", pipelock(), &["/pipelock", "wait", "--timeout", "30s"])?;
        let code = self.ended(&id)?;
        ensure!(code == 0, "pipelock wait in {} ended with {code}", self.name);
        Ok(())
    }

    /// Its exit code.
    fn ended(&self, id: &str) -> Result<u64> {
        let ask = Message::new().text(1, id);
        let mut code = 0;
        eventually(LONG, || {
            let answer = self.machine.call("ContainerStatus", &ask).map_err(|error| format!("{error:#}"))?;
            let status = wire::messages(&answer, 1).map_err(|error| error.to_string())?;
            let fields =
                status.first().map(|bytes| wire::fields(bytes).flatten().collect::<Vec<_>>()).unwrap_or_default();
            let number =
                |field| fields.iter().find(|(found, _)| *found == field).and_then(|(_, value)| value.number().ok());
            code = number(7).unwrap_or(0);
            if number(3) == Some(2) { Ok(()) } else { Err("it still runs".to_owned()) }
        })?;
        Ok(code)
    }

    pub(crate) fn end(self) -> Result<()> {
        let ask = Message::new().text(1, &self.id);
        self.machine.call("StopPodSandbox", &ask)?;
        self.machine.call("RemovePodSandbox", &ask)?;
        // As the kubelet does.
        for hierarchy in std::fs::read_dir("/sys/fs/cgroup")?.filter_map(Result::ok) {
            let _ = std::fs::remove_dir(hierarchy.path().join(format!("kubepods/burstable/pod{}", self.uid)));
        }
        Ok(())
    }
}

fn pipelock() -> &'static str {
    concat!("pipelock-ebpf:", env!("CARGO_PKG_VERSION"))
}

/// Connections that came from a pod's own address.
pub(crate) fn direct(server: &mut Counting) -> Result<u64> {
    (2..255).map(|last| format!("192.0.2.{last}")).map(|pod| server.count(&pod)).sum()
}

fn pods() -> Result<()> {
    let mut machine = Machine::new(None)?;
    let mut server = Counting::start(machine.command("python3"), SERVER)?;
    machine.start_gateway()?;
    let machine = &machine;
    // Of the same release, and not to be captured: the control that a pod could go out directly.
    let redis = machine.pod("redis-0", "redis")?;
    redis.ask()?;
    ensure!(machine.out("redis-0").contains("200"), "{:?}", machine.out("redis-0"));
    ensure!(direct(&mut server)? == 1, "the control did not come by itself");

    let web = machine.pod("web-1", "web")?;
    web.wait()?;
    web.ask()?;
    ensure!(machine.out("web-1").contains("200"), "{:?}", machine.out("web-1"));
    eventually(LONG, || match machine.pipelock("targets") {
        Ok(told) if told.contains("finance/web-1") && !told.contains("redis") => Ok(()),
        told => Err(format!("{told:?}")),
    })?;
    // Started again: the name stays, cgroup and network are others.
    web.end()?;
    let web = machine.pod("web-1", "web")?;
    web.wait()?;
    web.ask()?;

    // The kubelet made no cgroup for it: its containers are captured one by one.
    let bare = machine.pod_without_cgroup("bare-0", "web")?;
    bare.wait()?;
    bare.end()?;

    let many = std::env::var("PIPELOCK_PODS").ok().and_then(|many| many.parse().ok()).unwrap_or(CHURN);
    let began = Instant::now();
    for index in 0..many {
        let pod = machine.pod(&format!("job-{index}"), "worker")?;
        pod.wait()?;
        pod.ask()?;
        ensure!(machine.out(&format!("job-{index}")).contains("200"), "{:?}", machine.out(&format!("job-{index}")));
        pod.end()?;
    }
    ensure!(direct(&mut server)? == 1, "{} of those that waited went past the gateway", direct(&mut server)? - 1);
    eprintln!(
        "{many} pods that wait: none past the gateway, {} ms each",
        began.elapsed().as_millis() / many.max(1) as u128
    );
    for index in 0..many {
        let pod = machine.pod(&format!("hasty-{index}"), "worker")?;
        pod.ask()?;
        pod.end()?;
    }
    eprintln!("{many} pods that do not wait: {} past the gateway", direct(&mut server)? - 1);
    web.end()?;
    redis.end()
}
