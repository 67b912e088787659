//! Many targets at once, and gateways that die: who is steered by whom, under which policy, and that nobody gets out between.
//!
//! The test process plays the gateway through `pipelock_gateway::capture`, in a namespace of its own; every target has another
//! one. The last cases start the real daemon and count at a server, by source address, who came directly.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use pipelock_gateway::capture::cgroup::{Cgroup, find_root};
use pipelock_gateway::capture::probe::{ThisKernel, probe};
use pipelock_gateway::capture::{
    Armed, Attachment, Datapath, Error, FlowTuple, LocalDatapath, Netns, Node, Run, Scope, Steered, TargetPolicy,
    TargetSpec, WhenDead,
};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::daemon::Counting;
use crate::datapath::{DEADLINE, Namespace, TRACED, Workload, attached_programs, layout, run};

pub(crate) fn cases() -> Vec<Case> {
    type Proof = fn() -> Result<()>;
    let cases: Vec<(&str, Proof)> = vec![
        ("each_is_steered_in_its_own_namespace_under_its_own_policy", own_policies),
        ("one_that_is_added_or_removed_leaves_the_others_alone", churn),
        ("observed_ones_go_direct_and_are_counted", observed),
        ("programs_at_the_root_capture_a_namespace_whatever_the_cgroup", root_by_namespace),
        ("programs_at_the_root_see_sockets_handed_in_and_processes_that_left", root_sees_escapes),
        ("a_task_that_left_its_cgroup_is_told_by_its_namespace", left_cgroup),
        ("a_foreign_program_that_lets_nobody_in_is_named", foreign),
        ("dead_gateways_refuse_keep_bypasses_and_open_only_who_asked", dead_gateway),
        ("a_successor_puts_its_programs_behind_the_same_links_and_lets_go_of_the_rest", successor),
        ("maps_of_another_layout_refuse_until_everything_is_armed_again", other_layout),
        ("uninstalling_leaves_nothing", uninstall),
        ("ways_around_lead_to_the_gateway", ways_around),
        ("fifty_with_two_hundred_connections_each_leave_no_records_in_the_maps", scale),
    ];
    let needs = [Need::Bpf, Need::CgroupV2, Need::Python3, Need::Bpftool];
    cases
        .into_iter()
        .map(|(name, case)| Case::new(format!("targets::{name}"), needs, move |_| case()).alone())
        .collect()
}

// ---------------------------------------------------------------------------------------------------------- fixture

/// A gateway in a namespace of its own. Everything it left goes when it is dropped.
struct Gateway {
    run: Run,
    datapath: LocalDatapath,
}

impl Gateway {
    fn datapath(pins: &Path, attachment: Attachment) -> Result<LocalDatapath> {
        Ok(LocalDatapath::open(pins, &probe(&ThisKernel), attachment)?)
    }

    /// The next gateway on the same pins, as after a crash; listeners of the dead one must be closed before.
    fn succeed(self, attachment: Attachment) -> Result<Self> {
        let Self { run, datapath } = self;
        drop(datapath);
        let datapath = Self::datapath(run.pins(), attachment)?;
        Ok(Self { run, datapath })
    }
}

fn with(attachment: Attachment, case: impl FnOnce(Gateway) -> Result<Gateway> + Send) -> Result<()> {
    let namespace = Namespace::new()?;
    let state = tempfile::tempdir()?;
    namespace.enter(|| {
        let run = Run::start(&layout(&state.path().join("pipelock"))?)?;
        let datapath = Gateway::datapath(run.pins(), attachment)?;
        let gateway = case(Gateway { run, datapath })?;
        let pins = gateway.run.pins().to_owned();
        gateway.run.finish()?;
        ensure!(!pins.exists(), "the run left its pins");
        Ok(())
    })
}

/// A cgroup and a namespace of its own.
struct Pod {
    namespace: Namespace,
    cgroup: Cgroup,
}

impl Pod {
    fn new(gateway: &Gateway, name: &str) -> Result<Self> {
        let cgroup = Cgroup::create(&gateway.run.cgroup().path().join(name))?;
        Ok(Self { namespace: Namespace::new()?, cgroup })
    }

    fn netns(&self) -> PathBuf {
        format!("/run/netns/{}", self.namespace.0).into()
    }

    fn spec(&self, policy: TargetPolicy) -> TargetSpec {
        TargetSpec {
            name: self.cgroup.path().display().to_string(),
            labels: BTreeMap::new(),
            scope: Scope::Cgroup(self.cgroup.path().to_owned()),
            netns: Netns::At(self.netns()),
            policy,
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.netns().display())).arg("python3");
        command
    }

    fn workload(&self, script: &str) -> Result<Workload> {
        Workload::spawn(&self.cgroup, self.command(), script)
    }

    fn says(&self, script: &str) -> Result<Vec<String>> {
        self.workload(script)?.finish()
    }

    /// How a connect to an address of its own namespace ends: `direct` when it reached the server there, else the errno.
    fn connects_to_own_address(&self) -> Result<String> {
        let script = "l = socket.socket(); l.bind(('203.0.113.20', 0)); l.listen()\n\
                      s = tcp4(); said = errno_of(s.connect, l.getsockname())\n\
                      print('direct' if said == 'ok' and select.select([l], [], [], 0)[0] else said)";
        self.says(script)?.pop().context("it said nothing")
    }
}

fn closed() -> TargetPolicy {
    TargetPolicy::default()
}

fn bypassing(network: &str) -> Result<TargetPolicy> {
    Ok(TargetPolicy { bypass: vec![network.parse()?], ..closed() })
}

pub(crate) fn accept(datapath: &dyn Datapath, armed: &Armed) -> Result<(TcpStream, Option<Steered>)> {
    let mut ready: Vec<_> = armed.listeners.iter().map(|l| PollFd::new(l, PollFlags::IN)).collect();
    poll(&mut ready, Some(&Timespec::try_from(DEADLINE)?))?;
    let at = ready.iter().position(|fd| fd.revents().contains(PollFlags::IN)).context("nobody connected")?;
    let (stream, peer) = armed.listeners.get(at).context("no such listener")?.accept()?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let steered = datapath.take(FlowTuple { netns: armed.netns, peer, local: stream.local_addr()? })?;
    Ok((stream, steered))
}

/// Runs a connect in a workload and expects it at this target's listeners, meant for that destination.
fn expect(datapath: &dyn Datapath, armed: &Armed, workload: Workload, destination: &str) -> Result<()> {
    let (mut stream, steered) = accept(datapath, armed)?;
    let steered = steered.context("it has no record")?;
    ensure!(steered.original_dst.to_string() == destination, "recorded {}", steered.original_dst);
    stream.write_all(b"abc")?;
    drop(stream);
    workload.finish().map(drop)
}

const CONNECT: &str = "s = tcp4(); s.connect(('203.0.113.10', 443)); assert s.recv(3) == b'abc'";

fn is_idle(armed: &Armed) -> bool {
    armed.listeners.iter().all(|listener| listener.accept().is_err())
}

// ------------------------------------------------------------------------------------------------------------ cases

fn own_policies() -> Result<()> {
    with(Attachment::PerTarget, |gateway| {
        let (blue, red) = (Pod::new(&gateway, "blue")?, Pod::new(&gateway, "red")?);
        let blue_armed = gateway.datapath.arm(&blue.spec(bypassing("203.0.113.16/28")?))?;
        let red_policy = TargetPolicy { deny_udp: true, deny_quic: false, ..closed() };
        let red_armed = gateway.datapath.arm(&red.spec(red_policy))?;
        ensure!(blue_armed.netns != red_armed.netns);
        expect(&gateway.datapath, &blue_armed, blue.workload(CONNECT)?, "203.0.113.10:443")?;
        expect(&gateway.datapath, &red_armed, red.workload(CONNECT)?, "203.0.113.10:443")?;
        ensure!(is_idle(&blue_armed) && is_idle(&red_armed));
        // The same address, and only one of them may go there.
        ensure!(blue.connects_to_own_address()? == "direct");
        let workload = red.workload("s = tcp4(); s.connect(('203.0.113.20', 80)); assert s.recv(3) == b'abc'")?;
        expect(&gateway.datapath, &red_armed, workload, "203.0.113.20:80")?;
        let udp = "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); print(errno_of(u.sendto, b'x', ('203.0.113.9', 123)))";
        ensure!(blue.says(udp)? == ["ok"] && red.says(udp)? == ["EPERM"]);
        let (blue_did, red_did) =
            (gateway.datapath.target_counters(blue_armed.id)?, gateway.datapath.target_counters(red_armed.id)?);
        ensure!((blue_did.redirected, blue_did.bypassed, blue_did.denied) == (1, 1, 0), "{blue_did:?}");
        ensure!((red_did.redirected, red_did.bypassed, red_did.denied) == (2, 0, 1), "{red_did:?}");
        ensure!(gateway.datapath.links(blue_armed.id)?.len() == 12);
        Ok(gateway)
    })
}

/// `PIPELOCK_SCALE` is connections of each target: 2000 for the hundred thousand of `tests/benches/RESULTS-scale.md`.
fn scale() -> Result<()> {
    const TARGETS: usize = 50;
    let each = std::env::var("PIPELOCK_SCALE").ok().map(|each| each.parse()).transpose()?.unwrap_or(200_usize);
    // Root may go beyond its hard limit, unless somebody took that away; then what it has must do.
    let (many, files) = (Some(TARGETS as u64 * each as u64 + 1024), getrlimit(Resource::Nofile));
    if files.current.is_some_and(|now| many.is_some_and(|many| many > now)) {
        setrlimit(Resource::Nofile, Rlimit { current: many, maximum: files.maximum.max(many) })?;
    }
    with(Attachment::PerTarget, |gateway| {
        let (began, empty) = (Instant::now(), kernel_memory_kib()?);
        let mut pods = Vec::new();
        for number in 0..TARGETS {
            let pod = Pod::new(&gateway, &format!("pod{number}"))?;
            let armed = gateway.datapath.arm(&pod.spec(closed()))?;
            pods.push((pod, armed));
        }
        let (armed_after, armed_memory) = (began.elapsed(), kernel_memory_kib()?);
        let (mut held, mut loads) = (Vec::new(), Vec::new());
        for (pod, armed) in &pods {
            let mut command = Command::new("nsenter");
            command.arg(format!("--net={}", pod.netns().display())).arg(env!("CARGO_BIN_EXE_load"));
            command.args(["hold", "203.0.113.10:443", &each.to_string()]);
            pod.cgroup.enter_on_exec(&mut command)?;
            loads.push(Counting::of(command)?);
            for _ in 0..each {
                let (stream, steered) = accept(&gateway.datapath, armed)?;
                ensure!(steered.context("it has no record")?.original_dst.to_string() == "203.0.113.10:443");
                held.push(stream);
            }
        }
        let live = kernel_memory_kib()?;
        for ((_, armed), load) in pods.iter().zip(&mut loads) {
            ensure!(load.count("ok")? == each as u64, "connections were refused");
            ensure!(gateway.datapath.target_counters(armed.id)?.redirected == each as u64);
        }
        ensure!(held.len() == TARGETS * each);
        let maps = ["FLOWS", "TARGETS_CGROUP", "TARGETS_NETNS", "TARGET_STATS"];
        let entries = maps.map(|map| entries(gateway.run.pins(), map));
        let [flows, by_cgroup, by_netns, stats] = entries;
        ensure!(
            (flows?, by_cgroup?, by_netns?, stats?) == (0, TARGETS, TARGETS, TARGETS),
            "a record stayed, or one is missing"
        );
        eprintln!(
            "{TARGETS} targets armed in {} ms; {} live connections after {} s; kernel memory: {} KiB a target, {} KiB a connection, both of its \
             sockets included",
            armed_after.as_millis(),
            held.len(),
            began.elapsed().as_secs(),
            armed_memory.saturating_sub(empty) / TARGETS as u64,
            live.saturating_sub(armed_memory) / held.len() as u64,
        );
        drop((held, loads));
        for (pod, armed) in pods {
            gateway.datapath.disarm(armed.id)?;
            pod.cgroup.wait_until_empty(DEADLINE)?;
            drop(pod.namespace);
            pod.cgroup.remove()?;
        }
        Ok(gateway)
    })
}

/// How many entries a pinned map has.
fn entries(pins: &Path, map: &str) -> Result<usize> {
    let path = pins.join("maps").join(map).display().to_string();
    let dump: serde_json::Value = serde_json::from_str(&run("bpftool", &["--json", "map", "dump", "pinned", &path])?)?;
    dump.as_array().map(Vec::len).with_context(|| format!("{map}: {dump}"))
}

/// What the kernel has allocated for itself: slabs, and pages of per-CPU maps.
fn kernel_memory_kib() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/meminfo")?;
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    Ok(of("Slab") + of("Percpu") + of("KernelStack"))
}

fn churn() -> Result<()> {
    with(Attachment::PerTarget, |gateway| {
        let steady = Pod::new(&gateway, "steady")?;
        let armed = gateway.datapath.arm(&steady.spec(closed()))?;
        let before = open_files()?;
        let pod = Pod::new(&gateway, "comes-and-goes")?;
        for round in 0..200 {
            let other = gateway.datapath.arm(&pod.spec(bypassing("203.0.113.16/28")?))?;
            if round % 10 == 0 {
                expect(&gateway.datapath, &other, pod.workload(CONNECT)?, "203.0.113.10:443")?;
                expect(&gateway.datapath, &armed, steady.workload(CONNECT)?, "203.0.113.10:443")?;
            }
            gateway.datapath.disarm(other.id)?;
            ensure!(gateway.datapath.target_counters(other.id).is_err(), "its counters stay");
        }
        ensure!(pod.connects_to_own_address()? == "direct");
        let workload = steady.workload("s = tcp4(); s.connect(('203.0.113.20', 80)); assert s.recv(3) == b'abc'")?;
        expect(&gateway.datapath, &armed, workload, "203.0.113.20:80").context("another's bypass must not stay")?;
        ensure!(open_files()? <= before, "descriptors are left: {} of {before}", open_files()?);
        Ok(gateway)
    })
}

/// Descriptors of this process, namespaces among them.
fn open_files() -> Result<usize> {
    Ok(std::fs::read_dir("/proc/self/fd")?.count())
}

fn observed() -> Result<()> {
    with(Attachment::PerTarget, |gateway| {
        let pod = Pod::new(&gateway, "observed")?;
        let armed = gateway.datapath.arm(&pod.spec(TargetPolicy { observe: true, ..closed() }))?;
        ensure!(pod.connects_to_own_address()? == "direct");
        ensure!(is_idle(&armed) && gateway.datapath.target_counters(armed.id)?.observed >= 1);
        ensure!(armed.weaknesses.iter().any(|weakness| weakness.as_str() == "observed"));
        Ok(gateway)
    })
}

fn root_by_namespace() -> Result<()> {
    with(Attachment::Root, |gateway| {
        let (pod, other) = (Pod::new(&gateway, "elsewhere")?, Pod::new(&gateway, "not-a-target")?);
        let spec = TargetSpec { scope: Scope::Netns, ..pod.spec(closed()) };
        let armed = gateway.datapath.arm(&spec)?;
        // Neither the cgroup of the pod nor that of this process is listed anywhere.
        expect(&gateway.datapath, &armed, pod.workload(CONNECT)?, "203.0.113.10:443")?;
        ensure!(
            other.connects_to_own_address()? == "direct" && is_idle(&armed),
            "another namespace is nobody's target"
        );
        let own = TargetSpec { netns: Netns::Own, ..spec.clone() };
        ensure!(matches!(gateway.datapath.arm(&own), Err(Error::OwnNetwork { .. })));
        gateway.datapath.disarm(armed.id)?;
        ensure!(pod.connects_to_own_address()? == "direct", "after disarming");
        Ok(gateway)
    })?;
    with(Attachment::PerTarget, |gateway| {
        let pod = Pod::new(&gateway, "elsewhere")?;
        let spec = TargetSpec { scope: Scope::Netns, ..pod.spec(closed()) };
        ensure!(matches!(gateway.datapath.arm(&spec), Err(Error::NeedsRoot { .. })));
        Ok(gateway)
    })
}

fn root_sees_escapes() -> Result<()> {
    with(Attachment::Root, |gateway| {
        let pod = Pod::new(&gateway, "pod")?;
        let armed = gateway.datapath.arm(&pod.spec(closed()))?;
        // A socket made outside, handed in: no program on the target's own cgroup would see it.
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("in");
        let script = format!(
            "u = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); u.bind('{}'); print('bound'); sys.stdout.flush()\n\
             fds = socket.recv_fds(u, 1, 1)[1]; s = socket.socket(fileno=fds[0])\n\
             s.connect(('203.0.113.10', 443)); assert s.recv(3) == b'abc'",
            path.display()
        );
        let mut workload = pod.workload(&script)?;
        let mut bound = [0; 6];
        workload.child.stdout.as_mut().context("no stdout")?.read_exact(&mut bound)?;
        let outside = pod.namespace.enter(|| {
            Ok(rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None)?)
        })?;
        send_fd(&path, outside.as_fd())?;
        drop(outside);
        expect(&gateway.datapath, &armed, workload, "203.0.113.10:443").context("a socket handed in")?;
        // A process that leaves for another cgroup and makes its socket there.
        let leave = format!("open('{}/cgroup.procs', 'w').write('0'); {CONNECT}", find_root()?.display());
        expect(&gateway.datapath, &armed, pod.workload(&leave)?, "203.0.113.10:443").context("a process that left")?;
        // One that is born elsewhere: clone3 with CLONE_INTO_CGROUP (0x200000000), system call 435.
        let born = format!(
            "fd = os.open('{}', os.O_RDONLY)\n\
             args = struct.pack('=11Q', 0x200000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, fd)\n\
             pid = ctypes.CDLL(None, use_errno=True).syscall(435, args, len(args))\n\
             if pid < 0: raise OSError(ctypes.get_errno(), 'clone3')\n\
             if pid == 0:\n\
             \x20   {CONNECT}\n\
             \x20   os._exit(0)\n\
             assert os.waitpid(pid, 0)[1] == 0",
            find_root()?.display()
        );
        expect(&gateway.datapath, &armed, pod.workload(&born)?, "203.0.113.10:443")
            .context("a process born elsewhere")?;
        Ok(gateway)
    })
}

fn send_fd(path: &Path, fd: std::os::fd::BorrowedFd<'_>) -> Result<()> {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds = [fd];
    ensure!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
    sendmsg(&socket, &[std::io::IoSlice::new(b"x")], &mut ancillary, SendFlags::empty())?;
    Ok(())
}

fn left_cgroup() -> Result<()> {
    with(Attachment::PerTarget, |gateway| {
        let (pod, other) = (Pod::new(&gateway, "pod")?, Pod::new(&gateway, "other")?);
        let armed = gateway.datapath.arm(&pod.spec(closed()))?;
        let other_armed = gateway.datapath.arm(&other.spec(closed()))?;
        // The socket is made in the target's cgroup, so its programs run; with two targets only the namespace tells whose.
        let script = format!(
            "s = tcp4(); open('{}/cgroup.procs', 'w').write('0'); s.connect(('203.0.113.10', 443)); assert s.recv(3) == b'abc'",
            find_root()?.display()
        );
        expect(&gateway.datapath, &armed, pod.workload(&script)?, "203.0.113.10:443")?;
        ensure!(is_idle(&other_armed));
        Ok(gateway)
    })
}

fn foreign() -> Result<()> {
    with(Attachment::PerTarget, |gateway| {
        let first = Pod::new(&gateway, "first")?;
        let _armed = gateway.datapath.arm(&first.spec(closed()))?;
        let text = run("bpftool", &["-j", "cgroup", "show", &first.cgroup.path().display().to_string()])?;
        let attached: Vec<serde_json::Value> = serde_json::from_str(&text)?;
        let connect4 = attached.iter().find(|entry| entry["name"] == "pl_connect4").context("no pl_connect4")?;
        let id = connect4["id"].to_string();
        // Ours, but attached as somebody else might: without the flag that lets others in.
        let parent = Cgroup::create(&gateway.run.cgroup().path().join("exclusive"))?;
        let at = parent.path().display().to_string();
        run("bpftool", &["cgroup", "attach", &at, "connect4", "id", &id])?;
        let pod = Pod::new(&gateway, "exclusive/pod")?;
        let refused = gateway.datapath.arm(&pod.spec(closed()));
        run("bpftool", &["cgroup", "detach", &at, "connect4", "id", &id])?;
        match refused {
            Err(Error::Blocked { at: blocker, ids, .. }) => {
                ensure!(blocker == parent.path() && ids == id, "{} {ids}", blocker.display());
            }
            other => bail!("armed beside a program that lets nobody in: {other:?}"),
        }
        ensure!(attached_programs(&pod.cgroup)?.is_empty());
        gateway.datapath.arm(&pod.spec(closed())).context("once it is gone")?;
        Ok(gateway)
    })
}

fn dead_gateway() -> Result<()> {
    with(Attachment::PerTarget, |gateway| {
        let (shut, open) = (Pod::new(&gateway, "shut")?, Pod::new(&gateway, "open")?);
        let bypass = bypassing("203.0.113.16/28")?;
        let after = Duration::from_secs(2);
        let shut_armed = gateway.datapath.arm(&shut.spec(bypass))?;
        let open_armed =
            gateway.datapath.arm(&open.spec(TargetPolicy { when_dead: WhenDead::Direct { after }, ..closed() }))?;
        gateway.datapath.beat()?;
        drop((shut_armed.listeners, open_armed.listeners));
        ensure!(open.connects_to_own_address()? == "ECONNREFUSED", "a fresh sign of life and no listener");
        let began = Instant::now();
        while open.connects_to_own_address()? != "direct" {
            ensure!(began.elapsed() < DEADLINE, "it never failed open");
        }
        ensure!(began.elapsed() >= Duration::from_secs(1), "it failed open at once");
        ensure!(gateway.datapath.target_counters(open_armed.id)?.failed_open >= 1);
        let connect = "print(errno_of(tcp4().connect, ('203.0.113.10', 443)))";
        ensure!(shut.says(connect)? == ["ECONNREFUSED"], "who did not ask stays shut");
        ensure!(shut.connects_to_own_address()? == "direct", "what is bypassed works without a gateway");
        gateway.datapath.beat()?;
        ensure!(open.connects_to_own_address()? == "ECONNREFUSED", "a gateway lives again");
        Ok(gateway)
    })
}

fn successor() -> Result<()> {
    with(Attachment::PerTarget, |gateway| {
        let (kept, left) = (Pod::new(&gateway, "kept")?, Pod::new(&gateway, "left")?);
        let kept_armed = gateway.datapath.arm(&kept.spec(bypassing("203.0.113.16/28")?))?;
        let left_armed = gateway.datapath.arm(&left.spec(closed()))?;
        let (programs, port) = (attached_programs(&kept.cgroup)?, port(&kept_armed)?);
        expect(&gateway.datapath, &kept_armed, kept.workload(CONNECT)?, "203.0.113.10:443")?;
        drop((kept_armed, left_armed));
        let gateway = gateway.succeed(Attachment::PerTarget)?;
        for pod in [&kept, &left] {
            let refused = pod.says("print(errno_of(tcp4().connect, ('203.0.113.10', 443)))")?;
            ensure!(refused == ["ECONNREFUSED"], "between two gateways: {refused:?}");
        }
        // Its list is shorter now, and what the dead one let through must not stay.
        let armed = gateway.datapath.arm(&kept.spec(closed()))?;
        expect(&gateway.datapath, &armed, kept.workload(CONNECT)?, "203.0.113.10:443")?;
        let workload = kept.workload("s = tcp4(); s.connect(('203.0.113.20', 80)); assert s.recv(3) == b'abc'")?;
        expect(&gateway.datapath, &armed, workload, "203.0.113.20:80")?;
        ensure!(
            gateway.datapath.target_counters(armed.id)?.redirected == 4,
            "it goes on counting, the refused one included"
        );
        let now = attached_programs(&kept.cgroup)?;
        ensure!(
            now.len() == programs.len() && now.iter().all(|id| !programs.contains(id)),
            "{programs:?}, then {now:?}"
        );
        ensure!(self::port(&armed)? == port, "the ports are those its sockets know");
        ensure!(gateway.datapath.settle()? == 1 && attached_programs(&left.cgroup)?.is_empty());
        ensure!(left.connects_to_own_address()? == "direct", "let go");
        expect(&gateway.datapath, &armed, kept.workload(CONNECT)?, "203.0.113.10:443")?;
        Ok(gateway)
    })
}

fn port(armed: &Armed) -> Result<u16> {
    Ok(armed.listeners.first().context("no listener")?.local_addr()?.port())
}

fn other_layout() -> Result<()> {
    with(Attachment::PerTarget, |gateway| {
        let pod = Pod::new(&gateway, "pod")?;
        drop(gateway.datapath.arm(&pod.spec(closed()))?);
        // The version in the pinned settings becomes one that no release has: little-endian 255, then zeroes.
        let settings = gateway.run.pins().join("maps/SETTINGS").display().to_string();
        let value = ["255", "0", "0", "0"].into_iter().chain(["0"; 12]);
        let args: Vec<&str> = ["map", "update", "pinned", &settings, "key", "0", "0", "0", "0", "value"]
            .into_iter()
            .chain(value)
            .collect();
        run("bpftool", &args)?;
        let gateway = gateway.succeed(Attachment::PerTarget)?;
        ensure!(gateway.run.pins().join("aside/links").exists());
        let refused = pod.says("print(errno_of(tcp4().connect, ('203.0.113.10', 443)))")?;
        ensure!(refused != ["ok"], "the old programs went before ours came: {refused:?}");
        let armed = gateway.datapath.arm(&pod.spec(closed()))?;
        gateway.datapath.settle()?;
        ensure!(!gateway.run.pins().join("aside").exists() && attached_programs(&pod.cgroup)?.len() == 12);
        expect(&gateway.datapath, &armed, pod.workload(CONNECT)?, "203.0.113.10:443")?;
        Ok(gateway)
    })
}

fn uninstall() -> Result<()> {
    let state = tempfile::tempdir()?;
    let layout = layout(&state.path().join("pipelock"))?;
    let namespace = Namespace::new()?;
    let pod = Namespace::new()?;
    let cgroup = Cgroup::create(&find_root()?.join(format!("plt-node-{}", std::process::id())))?;
    let outcome = namespace.enter(|| {
        let node = Node::start(&layout)?;
        ensure!(matches!(Node::start(&layout), Err(Error::AnotherGateway { .. })), "there is one a machine");
        let datapath = LocalDatapath::open(node.pins(), &probe(&ThisKernel), Attachment::PerTarget)?;
        let spec = TargetSpec {
            name: "pod".to_owned(),
            labels: BTreeMap::new(),
            scope: Scope::Cgroup(cgroup.path().to_owned()),
            netns: Netns::At(format!("/run/netns/{}", pod.0).into()),
            policy: closed(),
        };
        let armed = datapath.arm(&spec)?;
        ensure!(attached_programs(&cgroup)?.len() == 12 && Node::pinned(&layout)?.len() == 1);
        ensure!(Node::uninstall(&layout).is_err(), "not while it runs");
        let pins = node.pins().to_owned();
        drop((armed, datapath, node));
        ensure!(attached_programs(&cgroup)?.len() == 12, "they outlive the gateway");
        ensure!(Node::uninstall(&layout)?);
        ensure!(attached_programs(&cgroup)?.is_empty() && !pins.exists() && !layout.state.exists());
        Ok(())
    });
    cgroup.remove()?;
    outcome
}

/// Rows of kernel-datapath.md §8 that need no fixture of their own; each script connects once.
fn ways_around() -> Result<()> {
    with(Attachment::PerTarget, |gateway| {
        let pod = Pod::new(&gateway, "pod")?;
        let armed = gateway.datapath.arm(&pod.spec(closed()))?;
        let read = "assert s.recv(3) == b'abc'";
        let traced = format!(
            "{TRACED}\nr, w = os.pipe(); pid = os.fork()\nif pid == 0: os.read(r, 1)\n\
             t = Traced(pid); fd, said = t.connect(0, '203.0.113.10', 443); assert said == 0, said\n\
             s = t.taken(fd); os.kill(pid, 9)"
        );
        for (what, script) in [
            ("another user", "os.setgid(65534); os.setuid(65534); s = tcp4(); s.connect(('203.0.113.10', 443))"),
            ("a mark", "s = tcp4(); s.setsockopt(socket.SOL_SOCKET, 36, 0x1234); s.connect(('203.0.113.10', 443))"),
            (
                "a grandchild",
                "if os.fork(): os.wait(); os._exit(0)\nif os.fork(): os.wait(); os._exit(0)\ns = tcp4(); s.connect(('203.0.113.10', 443))",
            ),
            (
                "a session of its own",
                "if os.fork(): os.wait(); os._exit(0)\nos.setsid(); s = tcp4(); s.connect(('203.0.113.10', 443))",
            ),
            (
                "a socket handed between processes",
                "a, b = socket.socketpair()\nif os.fork():\n    t = tcp4(); socket.send_fds(a, [b'x'], [t.fileno()]); os.wait(); os._exit(0)\ns = socket.socket(fileno=socket.recv_fds(b, 1, 1)[1][0]); s.connect(('203.0.113.10', 443))",
            ),
            (
                "a cgroup below",
                "os.mkdir('CGROUP/below'); open('CGROUP/below/cgroup.procs', 'w').write('0'); s = tcp4(); s.connect(('203.0.113.10', 443))",
            ),
            ("io_uring", URING),
            ("another process that is traced", &traced),
        ] {
            let script = script.replace("CGROUP", &pod.cgroup.path().display().to_string());
            let workload = pod.workload(&format!("{script}\n{read}"))?;
            expect(&gateway.datapath, &armed, workload, "203.0.113.10:443").with_context(|| what.to_owned())?;
        }
        // 300 processes at once, none of them beside the gateway.
        let storm = "pids = []\nfor i in range(300):\n    pid = os.fork()\n    if pid == 0:\n        s = tcp4(); s.connect(('203.0.113.10', 443)); os._exit(0)\n    pids.append(pid)\nprint(sum(os.waitpid(p, 0)[1] == 0 for p in pids))";
        let before = gateway.datapath.target_counters(armed.id)?.redirected;
        ensure!(pod.says(storm)? == ["300"]);
        ensure!(gateway.datapath.target_counters(armed.id)?.redirected == before + 300);
        // Many datagrams in one call: sendmmsg(2) to UDP/443.
        let sent = pod.says(SENDMMSG)?;
        ensure!(sent == ["EPERM"], "sendmmsg to QUIC's port: {sent:?}");
        Ok(gateway)
    })
}

/// `IORING_OP_CONNECT` by hand: system calls 425 and 426; offsets from `include/uapi/linux/io_uring.h`.
const URING: &str = "
import mmap
libc = ctypes.CDLL(None, use_errno=True)
params = ctypes.create_string_buffer(120)
ring = libc.syscall(425, 4, params)
if ring < 0: raise OSError(ctypes.get_errno(), 'io_uring_setup')
sq_entries, cq_entries = struct.unpack_from('=II', params, 0)
head, tail, mask, entries, flags, dropped, array = struct.unpack_from('=7I', params, 40)
sq = mmap.mmap(ring, array + sq_entries * 4, offset=0)
sqes = mmap.mmap(ring, sq_entries * 64, offset=0x10000000)
s = tcp4()
address = ctypes.create_string_buffer(struct.pack('=H', 2) + struct.pack('>H', 443) + socket.inet_aton('203.0.113.10') + bytes(8))
sqes[0:64] = struct.pack('=BBHiQQIIQ', 16, 0, 0, s.fileno(), 16, ctypes.addressof(address), 0, 0, 7) + bytes(24)
sq[array:array + 4] = struct.pack('=I', 0)
sq[tail:tail + 4] = struct.pack('=I', 1)
assert libc.syscall(426, ring, 1, 1, 1, None, 0) == 1
s.getpeername()";

/// Two datagrams in one `sendmmsg(2)`.
const SENDMMSG: &str = "
libc = ctypes.CDLL(None, use_errno=True)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
name = ctypes.create_string_buffer(struct.pack('=H', 2) + struct.pack('>H', 443) + socket.inet_aton('203.0.113.10') + bytes(8), 16)
data = ctypes.create_string_buffer(b'x', 1)
iov = ctypes.create_string_buffer(struct.pack('=QQ', ctypes.addressof(data), 1), 16)
one = struct.pack('=QIIQQQQiiII', ctypes.addressof(name), 16, 0, ctypes.addressof(iov), 1, 0, 0, 0, 0, 0, 0)
both = ctypes.create_string_buffer(one + one)
sent = libc.sendmmsg(u.fileno(), both, 2, 0)
print('sent' if sent > 0 else errno.errorcode[ctypes.get_errno()])";
