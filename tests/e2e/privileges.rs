//! The daemon in two processes: what the proxy may, seen from outside and tried from within.

use anyhow::{Context, Result, bail, ensure};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use pipelock_tests::process::eventually;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::daemon::{Counting, POD, Process, SERVER, World};
use crate::datapath::{DEADLINE, Workload};

type Claim = fn() -> Result<()>;

pub(crate) fn cases() -> Vec<Case> {
    let needs = [Need::Bpf, Need::CgroupV2, Need::Python3, Need::Pipelock];
    let cases: [(&str, Claim); 3] = [
        ("the_proxy_process_has_none_and_serves", none),
        ("what_a_proxy_would_try_fails_from_within", from_within),
        ("neither_process_outlives_the_other", together),
    ];
    cases
        .into_iter()
        .map(|(name, case)| Case::new(format!("privileges::{name}"), needs, move |_| case()).alone())
        .collect()
}

/// The proxy process of a daemon: its only child.
fn proxy_of(helper: u32) -> Result<u32> {
    let path = format!("/proc/{helper}/task/{helper}/children");
    let children = std::fs::read_to_string(path)?;
    let [child] = children.split_whitespace().collect::<Vec<_>>()[..] else { bail!("children: {children:?}") };
    Ok(child.parse()?)
}

/// A field of `/proc/<pid>/status`.
fn status(pid: u32, field: &str) -> Result<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    Ok(line.with_context(|| format!("no {field}"))?.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn none() -> Result<()> {
    let world = World::with("")?;
    // A key that only root can read, in a directory that only root can enter.
    let directory = world.directory.path();
    let (well, said) = world.pipelock(&["ca", "init", "--out", &directory.join("ca").display().to_string()])?;
    ensure!(well, "{said}");
    world.rewrite_config(|text| {
        let (cert, key) = (directory.join("ca/ca.pem"), directory.join("ca/ca-key.pem"));
        format!("{text}tls_interception: {{enabled: true, ca_cert: {}, ca_key: {}}}\n", cert.display(), key.display())
    })?;
    let mut server = Counting::start(world.command("w", "python3"), SERVER)?;
    let gateway: Process = world.gateway()?;
    let proxy = proxy_of(gateway.pid())?;
    ensure!(status(gateway.pid(), "Uid")?.starts_with("0 "), "the helper is root");
    let uid = status(proxy, "Uid")?;
    let ids: Vec<&str> = uid.split(' ').collect();
    ensure!(ids.iter().all(|id| *id == ids[0] && *id != "0"), "{uid}");
    ensure!(status(proxy, "Gid")?.split(' ').all(|id| id != "0") && status(proxy, "Groups")?.is_empty());
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        ensure!(status(proxy, set)? == "0000000000000000", "{set}: {}", status(proxy, set)?);
    }
    ensure!(status(proxy, "Seccomp")? == "2" && status(proxy, "NoNewPrivs")? == "1");
    // Of the files it has open only the audit log and what it was started with can be written to.
    for entry in std::fs::read_dir(format!("/proc/{proxy}/fd"))? {
        let entry = entry?;
        let target = std::fs::read_link(entry.path())?;
        let info = std::fs::read_to_string(format!("/proc/{proxy}/fdinfo/{}", entry.file_name().to_string_lossy()))?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).context("no flags")?.trim();
        let writable = u32::from_str_radix(flags, 8)? & 3 != 0;
        let is_file = target.starts_with("/") && !target.starts_with("/dev") && !target.starts_with("/memfd:");
        ensure!(!(writable && is_file) || target == directory.join("audit.jsonl"), "{}", target.display());
    }
    // And it serves: captured, judged, in the world under the gateway's address, told in the list of targets.
    let said = Workload::spawn(
        &world.cgroup,
        world.command("p", "python3"),
        "s = tcp4(); s.connect(('203.0.113.10', 80)); s.sendall(b'GET / HTTP/1.1\\r\\nhost: api.example.test\\r\\n\\r\\n'); print(s.recv(15).decode())",
    )?;
    ensure!(said.finish()? == ["HTTP/1.1 200 OK"]);
    ensure!(server.count(POD)? == 0 && server.count("198.51.100.2")? == 1);
    let audit = std::fs::read_to_string(directory.join("audit.jsonl"))?;
    ensure!(audit.contains("python"), "the workload's executable is told: {audit}");
    eventually(DEADLINE, || match world.pipelock(&["targets"]) {
        Ok((true, said)) if said.contains("pod") => Ok(()),
        other => Err(format!("{other:?}")),
    })?;
    gateway.signal(Signal::TERM)?;
    gateway.ended()
}

fn from_within() -> Result<()> {
    let output = std::process::Command::new(pipelock_tests::gateway::binary()).arg("confinement").output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout)?;
    let lines: Vec<Value> = said.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let [here, inside] = lines.as_slice() else { bail!("{said}") };
    for what in ["bpf", "setns", "environ_of_init", "environ_of_parent", "write", "exec", "netlink", "raw"] {
        // Some machines protect their first process from root, too.
        ensure!(here[what] == "ok" || what == "environ_of_init", "the control: {what} is {}", here[what]);
        ensure!(inside[what] == "permission denied", "{what} from within is {}", inside[what]);
    }
    Ok(())
}

fn together() -> Result<()> {
    let world = World::with("")?;
    let gone = |pid: u32| {
        eventually(DEADLINE, || match status(pid, "State") {
            Ok(state) if !state.starts_with('Z') => Err(format!("{pid} is {state}")),
            _ => Ok(()),
        })
    };
    let gateway = world.gateway()?;
    let proxy = proxy_of(gateway.pid())?;
    gateway.signal(Signal::KILL)?;
    gateway.ended()?;
    gone(proxy)?;
    let gateway = world.gateway()?;
    let (helper, proxy) = (gateway.pid(), proxy_of(gateway.pid())?);
    kill_process(i32::try_from(proxy).ok().and_then(Pid::from_raw).context("no pid")?, Signal::KILL)?;
    gateway.ended()?;
    gone(helper)?;
    let (well, said) = world.pipelock(&["targets"])?;
    ensure!(!well && said.contains("no gateway runs"), "{said}");
    Ok(())
}
