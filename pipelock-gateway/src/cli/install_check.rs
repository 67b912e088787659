//! `pipelock install-check`: what an installation on this machine would meet, before there is one. The list of `doctor`, and
//! what it cannot know: the configuration, the container runtimes, the network of the pods, the ports, what is there already.
//!
//! Looks and asks; changes nothing, captures nothing. A port is bound for a moment and given back.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::InstallCheckArgs;
use super::discover::Discovery;
use super::doctor;
use crate::capture::doctor::{Check, Outcome, examine};
use crate::capture::{Layout, Node};
use crate::config::{Config, DiscoverFrom};
use crate::model::error_chain;

/// Sockets of runtimes, where the distributions of Docker, containerd, CRI-O and k3s put them.
const RUNTIMES: [&str; 4] = [
    "/var/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/k3s/containerd/containerd.sock",
];
/// Where network plugins are configured: of most runtimes, and of k3s.
const NETWORKS: [&str; 2] = ["/etc/cni/net.d", "/var/lib/rancher/k3s/agent/etc/cni/net.d"];
/// How long a runtime may take to list what it runs.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Prints every check; whether the gateway would work here.
pub(super) fn run(args: &InstallCheckArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let mut checks = examine();
    let (config, check) = configuration(args.config.as_deref());
    checks.push(check);
    match Layout::system() {
        Ok(layout) => {
            checks.extend(runtimes(&config, &layout)?);
            checks.push(earlier(&layout));
            checks.push(port(config.fetch_proxy.listen, Node::is_free(&layout).unwrap_or(true)));
        }
        // What is missing is in the list of `doctor`; the rest can still be told.
        Err(_) => checks.push(port(config.fetch_proxy.listen, true)),
    }
    checks.extend(networks(&NETWORKS.map(Path::new)));
    doctor::tell(&checks, args.json, out)
}

fn check(name: &'static str, outcome: Outcome, evidence: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { name, outcome, evidence: evidence.into(), remedy: remedy.into() }
}

/// The configuration that is to be installed; the defaults where it cannot be read, which is a failure already.
fn configuration(path: Option<&Path>) -> (Config, Check) {
    const NAME: &str = "configuration";
    let Some(path) = path else {
        return (Config::default(), check(NAME, Outcome::Ok, "none was named; the defaults are looked at", ""));
    };
    match Config::load(path) {
        Ok((config, warnings)) if warnings.is_empty() => {
            let seen = format!("{} is valid", path.display());
            (config, check(NAME, Outcome::Ok, seen, ""))
        }
        Ok((config, warnings)) => {
            let seen = format!("{} is valid, with {} warnings", path.display(), warnings.len());
            (config, check(NAME, Outcome::Warn, seen, "pipelock check --config FILE tells them"))
        }
        Err(error) => (
            Config::default(),
            check(NAME, Outcome::Fail, error_chain(&error), "correct the file: nothing starts with it"),
        ),
    }
}

/// Each source of `capture.discover`, asked as the daemon will ask it; without any, what would answer here.
fn runtimes(config: &Config, layout: &Layout) -> anyhow::Result<Vec<Check>> {
    const NAME: &str = "runtime";
    if config.capture.discover.is_empty() {
        let answering: Vec<&str> = RUNTIMES.into_iter().filter(|socket| UnixStream::connect(socket).is_ok()).collect();
        return Ok(vec![if answering.is_empty() {
            let remedy =
                "for containers, mount the runtime's socket and name it in capture.discover; cgroups need none";
            check(NAME, Outcome::Warn, "no container runtime answers at its usual socket", remedy)
        } else {
            check(NAME, Outcome::Ok, format!("answering: {}", answering.join(", ")), "")
        }]);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut checks = Vec::new();
    for (source, mut discovery) in config.capture.discover.iter().zip(Discovery::all(&config.capture, layout)) {
        let place = place(&source.from);
        let asked = runtime.block_on(async { tokio::time::timeout(ANSWERS_WITHIN, discovery.selected()).await });
        checks.push(match asked {
            Ok(Ok(0)) => {
                let remedy = "if something runs that should be captured, compare its labels with the selection";
                check(NAME, Outcome::Warn, format!("{place} answers, and selects nothing that runs now"), remedy)
            }
            Ok(Ok(found)) => check(NAME, Outcome::Ok, format!("{place} answers; {found} selected"), ""),
            Ok(Err(error)) => {
                let remedy = "start the runtime, or mount its socket where the configuration says it is";
                check(NAME, Outcome::Fail, error_chain(&error), remedy)
            }
            Err(_) => {
                let seen = format!("{place} does not answer within {} s", ANSWERS_WITHIN.as_secs());
                check(NAME, Outcome::Fail, seen, "look after the runtime; nothing new is captured while it is silent")
            }
        });
    }
    Ok(checks)
}

fn place(from: &DiscoverFrom) -> String {
    match from {
        DiscoverFrom::Docker { socket, .. } => format!("Docker at {}", socket.display()),
        DiscoverFrom::Cri { socket, .. } => format!("the CRI at {}", socket.display()),
        DiscoverFrom::Cgroup { .. } => "the cgroup hierarchy".to_owned(),
    }
}

/// What a gateway from before has left, or is holding.
fn earlier(layout: &Layout) -> Check {
    const NAME: &str = "earlier_gateway";
    let runs = !Node::is_free(layout).unwrap_or(true);
    match Node::pinned(layout) {
        Ok(pinned) if pinned.is_empty() && !runs => check(NAME, Outcome::Ok, "none", ""),
        Ok(pinned) if runs => {
            let seen = format!("one runs and captures {}", pinned.len());
            check(NAME, Outcome::Warn, seen, "pipelock run --take-over replaces it without a gap")
        }
        Ok(pinned) => {
            let seen = format!("programs of one that is gone capture {}, whose connections are refused", pinned.len());
            check(NAME, Outcome::Warn, seen, "pipelock run takes them up; pipelock uninstall removes them")
        }
        Err(error) => check(NAME, Outcome::Warn, error_chain(&error), "run as root to see them"),
    }
}

/// Whether the port of the explicit proxy and `/health` is to be had. `free`: no gateway of this machine runs.
fn port(listen: SocketAddr, free: bool) -> Check {
    const NAME: &str = "proxy_port";
    match TcpListener::bind(listen) {
        Ok(_) => check(NAME, Outcome::Ok, format!("{listen} is free"), ""),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && !free => check(
            NAME,
            Outcome::Warn,
            format!("{listen} is held by a gateway that runs"),
            "pipelock run --take-over gets it",
        ),
        Err(error) => {
            let remedy = "choose another with fetch_proxy.listen or --listen, or stop what is there";
            check(NAME, Outcome::Fail, format!("binding {listen}: {error}"), remedy)
        }
    }
}

/// What is known of a network plugin that gets in the way, or that the gateway gets in the way of.
fn hint(plugin: &str) -> Option<&'static str> {
    Some(match plugin {
        "cilium-cni" => {
            "its socket load balancer, if on, stands at the root of the hierarchy behind ours and sees loopback: services are then resolved for the gateway's own connections; untested on a cluster"
        }
        "istio-cni" | "linkerd-cni" => {
            "a mesh redirects the connections of pods a second time, on the gateway's side too: exclude the gateway from it; untested together"
        }
        "macvlan" | "ipvlan" | "sriov" | "host-device" => {
            "interfaces without a host side have no seatbelt: drop CAP_NET_RAW in pods"
        }
        _ => return None,
    })
}

/// The plugins that give pods their network, by the files that the runtime reads.
fn networks(folders: &[&Path]) -> Vec<Check> {
    const NAME: &str = "pod_network";
    let mut plugins = BTreeSet::new();
    for file in folders.iter().flat_map(|folder| files(folder)) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let Ok(config) = serde_json::from_str::<Value>(&text) else {
            let remedy = "the runtime cannot read it either; correct or remove it";
            return vec![check(NAME, Outcome::Warn, format!("{} is no JSON", file.display()), remedy)];
        };
        let listed = config.get("plugins").and_then(Value::as_array).into_iter().flatten();
        let types = listed.chain([&config]).filter_map(|plugin| plugin.get("type")?.as_str());
        plugins.extend(types.map(str::to_owned));
    }
    if plugins.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = plugins.iter().map(String::as_str).collect();
    let mut checks: Vec<Check> = names
        .iter()
        .filter_map(|plugin| {
            hint(plugin).map(|remedy| check(NAME, Outcome::Warn, format!("CNI plugin {plugin}"), remedy))
        })
        .collect();
    if checks.is_empty() {
        checks.push(check(NAME, Outcome::Ok, format!("CNI plugins {}", names.join(", ")), ""));
    }
    checks
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|kind| kind == "conf" || kind == "conflist")).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_read_from_both_shapes_of_files_and_hints_follow_them() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        assert_eq!(networks(&[folder.path(), Path::new("/no/such/folder")]), []);
        write("10-bridge.conf", r#"{"cniVersion":"1.0.0","name":"pods","type":"bridge"}"#);
        write("ignored.txt", "not json");
        let only = networks(&[folder.path()]);
        assert_eq!((only.len(), only[0].outcome), (1, Outcome::Ok));
        assert!(only[0].evidence.contains("bridge"), "{only:?}");
        write("05-cilium.conflist", r#"{"plugins":[{"type":"cilium-cni"},{"type":"portmap"}]}"#);
        let told = networks(&[folder.path()]);
        assert_eq!((told.len(), told[0].outcome), (1, Outcome::Warn));
        assert!(told[0].evidence.contains("cilium") && told[0].remedy.contains("load balancer"), "{told:?}");
        write("99-broken.conf", "{");
        assert!(networks(&[folder.path()])[0].evidence.contains("99-broken.conf is no JSON"));
    }

    #[test]
    fn a_port_that_is_taken_is_in_the_way_unless_a_gateway_has_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        assert_eq!(port(address, true).outcome, Outcome::Fail);
        assert!(port(address, false).remedy.contains("--take-over"));
        drop(taken);
        assert_eq!(port(address, true).outcome, Outcome::Ok);
    }
}
