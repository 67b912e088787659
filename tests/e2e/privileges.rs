//! The daemon in two processes: what the proxy may, seen from outside and tried from within, and what a hostile one is refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use pipelock_gateway::capture::cgroup::{Cgroup, find_root};
use pipelock_gateway::capture::helper::{Files, Helped, News, Service, pair};
use pipelock_gateway::capture::probe::{ThisKernel, probe};
use pipelock_gateway::capture::{Attachment, Datapath, LocalDatapath, Netns, Node, Scope, TargetPolicy, TargetSpec};
use pipelock_gateway::files::Access;
use pipelock_gateway::model::{CgroupId, NetnsCookie, Workload as Who};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use pipelock_tests::process::eventually;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::daemon::{Counting, POD, Process, SERVER, World};
use crate::datapath::{DEADLINE, Namespace, Workload, layout};

type Claim = fn() -> Result<()>;

pub(crate) fn cases() -> Vec<Case> {
    let needs = [Need::Bpf, Need::CgroupV2, Need::Python3, Need::Pipelock];
    let cases: [(&str, Claim); 5] = [
        ("the_proxy_process_has_none_and_serves", none),
        ("what_a_proxy_would_try_fails_from_within", from_within),
        ("neither_process_outlives_the_other", together),
        ("receipts_are_written_by_the_proxy_to_files_that_its_helper_keeps", receipts),
        ("a_hostile_proxy_is_refused_what_configuration_does_not_say", hostile),
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

/// In a directory that only root can enter, over two runs, and one chain.
fn receipts() -> Result<()> {
    let world = World::with("")?;
    let directory = world.directory.path().join("private");
    std::fs::create_dir(&directory)?;
    std::fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let (key, kept) = (directory.join("key").display().to_string(), directory.join("kept").display().to_string());
    let (well, said) = world.pipelock(&["keygen", &key])?;
    ensure!(well, "{said}");
    world.rewrite_config(|text| {
        format!(
            "{text}flight_recorder: {{enabled: true, dir: {kept}, signing_key_path: {key}, require_receipts: true}}\n"
        )
    })?;
    let _server = Counting::start(world.command("w", "python3"), SERVER)?;
    for _ in 0..2 {
        let gateway = world.gateway()?;
        ensure!(status(proxy_of(gateway.pid())?, "Seccomp")? == "2", "it is separated");
        let said = Workload::spawn(
            &world.cgroup,
            world.command("p", "python3"),
            "s = tcp4(); s.connect(('203.0.113.10', 80)); s.sendall(b'GET / HTTP/1.1\\r\\nhost: api.example.test\\r\\n\\r\\n'); print(s.recv(15).decode())",
        )?;
        ensure!(said.finish()? == ["HTTP/1.1 200 OK"]);
        gateway.signal(Signal::TERM)?;
        gateway.ended()?;
    }
    let (well, said) = world.pipelock(&["verify-receipt", "--key", &format!("{key}.pub"), &kept])?;
    ensure!(well, "{said}");
    let mut requests = 0;
    for file in std::fs::read_dir(&kept)? {
        let text = std::fs::read_to_string(file?.path())?;
        requests += text.lines().filter(|line| line.contains("\"action_type\":\"request\"")).count();
    }
    ensure!(requests == 2, "{requests} receipts of requests");
    Ok(())
}

/// What a configuration might name.
struct Named(PathBuf);

impl Files for Named {
    fn may_read(&self, path: &Path) -> bool {
        path == self.0
    }

    fn may_append(&self, _path: &Path) -> bool {
        false
    }
}

fn hostile() -> Result<()> {
    let namespace = Namespace::new()?;
    let state = tempfile::tempdir()?;
    namespace.enter(|| {
        let layout = layout(&state.path().join("pipelock"))?;
        let run = pipelock_gateway::capture::Run::start(&layout)?;
        let datapath = Arc::new(LocalDatapath::open(run.pins(), &probe(&ThisKernel), Attachment::PerTarget)?);
        let node = Arc::new(Node::start(&layout)?);
        let spec = |name: &str| TargetSpec {
            name: name.to_owned(),
            labels: std::collections::BTreeMap::new(),
            scope: Scope::Cgroup(run.cgroup().path().to_owned()),
            netns: Netns::Own,
            policy: TargetPolicy::default(),
        };
        let key = state.path().join("key");
        std::fs::write(&key, "secret")?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?;
        let (files, ports) = (Box::new(Named(key.clone())), (port, None));
        let specs = vec![spec("pod"), TargetSpec { scope: Scope::Cgroup("/nowhere".into()), ..spec("later") }];
        let service = Arc::new(Service::new((Arc::clone(&datapath), Arc::clone(&node)), specs, files, ports, None));
        let (mut ends, mut threads) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            let (ours, theirs) = pair()?;
            let service = Arc::clone(&service);
            threads.push(std::thread::spawn(move || service.serve(&ours)));
            ends.push(theirs);
        }
        let looking = ends.split_off(3);
        let proxy = Helped::new(ends, looking)?;
        // A wider policy under a name of the configuration changes nothing; a name that is not there is nobody.
        let bypass = vec!["0.0.0.0/1".parse()?];
        let wider =
            TargetSpec { policy: TargetPolicy { bypass, observe: true, ..TargetPolicy::default() }, ..spec("pod") };
        ensure!(proxy.arm(&spec("other")).is_err());
        let armed = proxy.arm(&wider)?;
        ensure!(armed.listeners.len() == 2 && armed.weaknesses.iter().all(|weakness| weakness.as_str() != "observed"));
        let said = Workload::start(
            run.cgroup(),
            "s = tcp4(); s.setblocking(False); print(errno_of(s.connect, ('10.1.2.3', 443)))",
        )?;
        ensure!(said.finish()? == ["EINPROGRESS"]);
        ensure!(proxy.counters()?.redirected == 1 && proxy.target_counters(armed.id)?.bypassed == 0);
        // A living target is not let go, nor what an earlier daemon captured while one is missing.
        ensure!(proxy.disarm(armed.id).is_err() && proxy.settle().is_err());
        // Files and processes.
        let mut read = String::new();
        std::io::Read::read_to_string(&mut proxy.open(&key, Access::Read)?, &mut read)?;
        ensure!(read == "secret");
        ensure!(
            proxy.open(&key, Access::Append).is_err() && proxy.open(Path::new("/etc/shadow"), Access::Read).is_err()
        );
        let who = |pid: u32, cgroup: u64| Who {
            cgroup: CgroupId(cgroup),
            netns: armed.netns,
            pid,
            uid: 0,
            executable: None,
            target: None,
        };
        let init = std::fs::metadata(pipelock_gateway::capture::cgroup::find_root()?)?;
        let init = std::os::unix::fs::MetadataExt::ino(&init);
        ensure!(proxy.environments(&who(1, init), &|_| false).is_err());
        ensure!(proxy.environments(&who(std::process::id(), init), &|_| false).is_err());
        let mut workload = Workload::start(run.cgroup(), "turn()")?;
        let own = who(workload.child.id(), run.cgroup().id().0);
        // While it still becomes another program, its environment changes once; what was read is then not read again.
        eventually(DEADLINE, || {
            let environments = proxy.environments(&own, &|_| false).map_err(|error| error.to_string())?;
            let whole = environments.iter().find(|one| one.bytes.windows(5).any(|bytes| bytes == b"PATH="));
            let process = whole.map(|one| one.process).ok_or_else(|| format!("{} environments", environments.len()))?;
            let again = proxy.environments(&own, &|known| known == process).map_err(|error| error.to_string())?;
            if again.is_empty() { Ok(()) } else { Err("it was read again".to_owned()) }
        })?;
        workload.go_on()?;
        workload.finish()?;
        // Sockets inside a namespace of no target; receipts and compiled rules where there are none, or beside their directory.
        let elsewhere = proxy.socket_inside(NetnsCookie(1), socket2::Domain::IPV4, socket2::Type::DGRAM);
        ensure!(elsewhere.is_err() && proxy.receipts().is_err() && proxy.next_receipts("../0a", 0).is_err());
        ensure!(proxy.compiled("../shadow")?.is_none());
        found(&service, &proxy, &spec("found"))?;
        let list = "[é]".repeat(100_000);
        proxy.tell(&list)?;
        ensure!(Node::told(&layout)?.is_some_and(|told| told == list), "a list of any length is kept whole");
        // The helper's threads end when they see that the proxy has gone, and hold the lock until then.
        drop(proxy);
        for thread in threads {
            thread.join().map_err(|_| anyhow::anyhow!("a helper's thread panicked"))?;
        }
        drop(service);
        datapath.disarm(armed.id)?;
        drop((datapath, node));
        ensure!(Node::uninstall(&layout)?, "there was something to remove");
        run.finish()?;
        Ok(())
    })
}

/// What the helper finds is captured without the proxy's help, and let go only when the helper says that it has ended.
fn found(service: &Service, proxy: &Helped, like: &TargetSpec) -> Result<()> {
    let cgroup = Cgroup::create(&find_root()?.join(format!("pltf-{}", std::process::id())))?;
    let spec = TargetSpec { scope: Scope::Cgroup(cgroup.path().to_owned()), ..like.clone() };
    let news = |specs: &[TargetSpec], gone: &[&str], list: &[u8]| News {
        gone: gone.iter().map(|name| (*name).to_owned()).collect(),
        specs: specs.to_vec(),
        list: list.to_vec(),
    };
    let before = proxy.counters()?.redirected;
    ensure!(service.found(0, Ok(news(std::slice::from_ref(&spec), &[], b"[1]"))), "all is captured");
    let said =
        Workload::start(&cgroup, "s = tcp4(); s.setblocking(False); print(errno_of(s.connect, ('10.1.2.3', 443)))")?;
    ensure!(said.finish()? == ["EINPROGRESS"] && proxy.counters()?.redirected == before + 1, "whoever asked for it");
    ensure!(proxy.look(0, 0, Duration::ZERO)? == (1, b"[1]".to_vec()) && proxy.look(1, 0, Duration::ZERO).is_err());
    let armed = proxy.arm(&spec)?;
    ensure!(armed.listeners.len() == 2 && proxy.arm(&spec).is_err(), "it is given once");
    ensure!(proxy.disarm(armed.id).is_err(), "it lives");
    ensure!(service.found(0, Ok(news(&[], &["found"], b"[]"))));
    ensure!(proxy.look(0, 1, DEADLINE)? == (2, b"[]".to_vec()));
    ensure!(proxy.disarm(armed.id).is_ok() && proxy.arm(&spec).is_err(), "it was let go, and is nobody now");
    let direct =
        Workload::start(&cgroup, "s = tcp4(); s.setblocking(False); print(errno_of(s.connect, ('10.1.2.3', 443)))")?;
    ensure!(direct.finish()? == ["EINPROGRESS"] && proxy.counters()?.redirected == before + 1);
    cgroup.remove()?;
    Ok(())
}
