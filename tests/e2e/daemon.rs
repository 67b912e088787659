//! The real daemon, killed, stopped and started again under load: the server tells by source address who came past it.
//!
//! Three namespaces: the gateway's, a pod's, and the world with a server in it. Whoever arrives from the pod's own address was
//! not judged. Nothing here has a way out of the machine.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use pipelock_gateway::capture::cgroup::{Cgroup, find_root};
use pipelock_tests::gateway::binary;
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::datapath::{DEADLINE, run};

pub(crate) const POD: &str = "192.0.2.2";

pub(crate) fn cases() -> Vec<Case> {
    let needs = [Need::Bpf, Need::CgroupV2, Need::Python3, Need::Pipelock];
    vec![
        Case::new("daemon::nobody_gets_past_a_gateway_that_is_killed_stopped_and_started_under_load", needs, |_| {
            under_load()
        })
        .alone(),
        Case::new("daemon::twenty_upgrades_under_load_lose_no_connection_and_let_none_past", needs, |_| upgrades())
            .alone(),
    ]
}

/// Connections at once.
const THREADS: &str = "32";

/// Answers everybody, and says who came when a line comes.
pub(crate) const SERVER: &str = r#"
import collections, json, socket, sys, threading
counts, lock = collections.Counter(), threading.Lock()
l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind(("203.0.113.10", 80)); l.listen(1024)
def serve():
    while True:
        s, peer = l.accept()
        with lock: counts[peer[0]] += 1
        try:
            s.settimeout(5); s.recv(4096)
            s.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        except OSError: pass
        s.close()
for _ in range(8): threading.Thread(target=serve, daemon=True).start()
for line in sys.stdin:
    with lock: print(json.dumps(counts), flush=True)
"#;

/// Three namespaces and the cables between them.
pub(crate) struct World {
    name: String,
    pub(crate) cgroup: Cgroup,
    pub(crate) directory: TempDir,
}

impl World {
    fn new() -> Result<Self> {
        Self::with("")
    }

    /// With more in the configuration.
    pub(crate) fn with(more: &str) -> Result<Self> {
        let name = format!("pltd-{}", std::process::id());
        let cgroup = Cgroup::create(&find_root()?.join(&name))?;
        let world = Self { name, cgroup, directory: tempfile::tempdir()? };
        for side in ["w", "g", "p"] {
            run("ip", &["netns", "add", &world.netns(side)])?;
            run("ip", &["-n", &world.netns(side), "link", "set", "lo", "up"])?;
        }
        world.ip("w", "addr add 203.0.113.10/32 dev lo")?;
        for (side, ours, theirs) in [("g", "198.51.100.2/24", "198.51.100.1"), ("p", "192.0.2.2/24", "192.0.2.1")] {
            world.ip("w", &format!("link add {side}0 type veth peer name eth0 netns {}", world.netns(side)))?;
            world.ip("w", &format!("addr add {theirs}/24 dev {side}0"))?;
            world.ip("w", &format!("link set {side}0 up"))?;
            world.ip(side, &format!("addr add {ours} dev eth0"))?;
            world.ip(side, "link set eth0 up")?;
            world.ip(side, &format!("route add default via {theirs}"))?;
        }
        let config = format!(
            "version: 1\nfetch_proxy:\n  listen: 127.0.0.1:8888\nlogging:\n  output: file\n  file: {}\ncapture:\n  targets:\n    \
             - {{name: pod, cgroup: /{}, netns: /run/netns/{}}}\n{more}",
            world.directory.path().join("audit.jsonl").display(),
            world.name,
            world.netns("p"),
        );
        std::fs::write(world.config(), config)?;
        Ok(world)
    }

    pub(crate) fn netns(&self, side: &str) -> String {
        format!("{}-{side}", self.name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.directory.path().join("pipelock.yaml")
    }

    pub(crate) fn rewrite_config(&self, change: impl FnOnce(String) -> String) -> Result<()> {
        let text = std::fs::read_to_string(self.config())?;
        Ok(std::fs::write(self.config(), change(text))?)
    }

    pub(crate) fn ip(&self, side: &str, line: &str) -> Result<()> {
        let netns = self.netns(side);
        let args: Vec<&str> = ["-n", netns.as_str()].into_iter().chain(line.split(' ')).collect();
        run("ip", &args).map(drop)
    }

    pub(crate) fn command(&self, side: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.netns(side))).arg(program);
        command
    }

    /// Starts the daemon and waits until it says that it is ready.
    pub(crate) fn gateway(&self) -> Result<Process> {
        self.gateway_with(&[], "ready:")
    }

    /// Starts the next daemon beside the one that runs, and waits until it has taken its place.
    fn successor(&self) -> Result<Process> {
        self.gateway_with(&["--take-over"], "took the place")
    }

    fn gateway_with(&self, flags: &[&str], said: &str) -> Result<Process> {
        let mut command = self.command("g", binary());
        command.arg("run").args(flags).arg("--config").arg(self.config()).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = Guard(command.spawn()?);
        let mut told = BufReader::new(child.0.stderr.take().context("no stderr")?);
        let mut text = String::new();
        loop {
            let mut line = String::new();
            ensure!(told.read_line(&mut line)? > 0, "the daemon ended: {text}");
            text.push_str(&line);
            ensure!(!line.contains("NOT CAPTURED"), "{text}");
            if line.contains(said) {
                // Its later words go to the end of the pipe, which must not fill.
                std::thread::spawn(move || std::io::copy(&mut told, &mut std::io::sink()));
                return Ok(Process { child });
            }
        }
    }

    /// Asks in a loop from many threads of the target, and counts what became of it.
    fn load(&self) -> Result<Counting> {
        let mut command = self.command("p", env!("CARGO_BIN_EXE_load"));
        command.args(["ask", "203.0.113.10:80", THREADS]);
        self.cgroup.enter_on_exec(&mut command)?;
        Counting::of(command)
    }

    /// Answers everybody, and counts who came.
    fn server(&self) -> Result<Counting> {
        let mut command = self.command("w", env!("CARGO_BIN_EXE_load"));
        command.args(["serve", "203.0.113.10:80", THREADS]);
        Counting::of(command)
    }

    pub(crate) fn pipelock(&self, arguments: &[&str]) -> Result<(bool, String)> {
        let output = self.command("g", binary()).args(arguments).output()?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.cgroup.kill();
        let _ = self.pipelock(&["uninstall"]);
        for side in ["p", "g", "w"] {
            let _ = run("ip", &["netns", "delete", &self.netns(side)]);
        }
        let _ = self.cgroup.remove();
    }
}

struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) struct Process {
    child: Guard,
}

impl Process {
    /// The process that was started.
    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.0.id()).ok().and_then(Pid::from_raw).context("no pid")?;
        Ok(kill_process(pid, signal)?)
    }

    pub(crate) fn ended(mut self) -> Result<()> {
        self.child.0.wait()?;
        Ok(())
    }
}

/// A script that counts, and tells its counts when asked.
pub(crate) struct Counting {
    _child: Guard,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Counting {
    pub(crate) fn start(mut command: Command, script: &str) -> Result<Self> {
        command.arg("-c").arg(script);
        Self::of(command)
    }

    /// Of a command that is complete.
    pub(crate) fn of(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Guard(command.spawn()?);
        let stdin = child.0.stdin.take().context("no stdin")?;
        let stdout = BufReader::new(child.0.stdout.take().context("no stdout")?);
        Ok(Self { _child: child, stdin, stdout })
    }

    pub(crate) fn count(&mut self, what: &str) -> Result<u64> {
        Ok(self.counts()?.get(what).copied().unwrap_or(0))
    }

    fn counts(&mut self) -> Result<BTreeMap<String, u64>> {
        self.told()
    }

    /// What it tells when a line comes.
    pub(crate) fn told<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        writeln!(self.stdin)?;
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("it said {line:?}"))
    }

    /// Waits until so many more of these have been counted.
    fn more(&mut self, what: &str, by: u64) -> Result<()> {
        let (began, before) = (Instant::now(), self.count(what)?);
        while self.count(what)? < before + by {
            ensure!(began.elapsed() < DEADLINE, "{what} stays at {}", self.count(what)?);
            std::thread::yield_now();
        }
        Ok(())
    }
}

/// What the machine carried: a figure for people, of which nothing is claimed.
fn tell(what: &str, counts: &BTreeMap<String, u64>, began: Instant) {
    let (seconds, all) = (began.elapsed().as_secs_f64(), counts.values().sum::<u64>());
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = all as f64 / seconds;
    eprintln!("{what}: {all} connections in {seconds:.0} s, {rate:.0} a second: {counts:?}");
}

fn under_load() -> Result<()> {
    let world = World::new()?;
    let mut server = world.server()?;
    let mut gateway = world.gateway()?;
    let mut load = world.load()?;
    let began = Instant::now();
    load.more("ok", 100)?;
    for _ in 0..3 {
        gateway.signal(Signal::KILL)?;
        gateway.ended()?;
        load.more("ECONNREFUSED", 500)?;
        let (well, said) = world.pipelock(&["targets"])?;
        ensure!(!well && said.contains("no gateway runs"), "{said}");
        gateway = world.gateway()?;
        load.more("ok", 100)?;
        // Stopped, its queue fills and empties again; nobody is let past it meanwhile.
        gateway.signal(Signal::STOP)?;
        load.more("timeout", 1)?;
        gateway.signal(Signal::CONT)?;
        load.more("ok", 100)?;
    }
    let (well, said) = world.pipelock(&["targets"])?;
    ensure!(well && said.contains("pod") && said.contains("12"), "{said}");
    gateway.signal(Signal::TERM)?;
    gateway.ended()?;
    load.more("ECONNREFUSED", 500)?;
    ensure!(server.count(POD)? == 0, "{} connections came from the pod itself", server.count(POD)?);
    let judged = server.count("198.51.100.2")?;
    ensure!(judged >= 700, "only {judged} came through the gateway");
    tell("kills and stops", &load.counts()?, began);
    // The control: let go, the pod is seen by its own address.
    let (well, said) = world.pipelock(&["uninstall"])?;
    ensure!(well, "{said}");
    server.more(POD, 1)?;
    ensure!(!PathBuf::from("/sys/fs/bpf/pipelock/node").exists() && !PathBuf::from("/run/pipelock/node").exists());
    Ok(())
}

fn upgrades() -> Result<()> {
    let world = World::new()?;
    let mut server = world.server()?;
    let mut gateway = world.gateway()?;
    let mut load = world.load()?;
    let began = Instant::now();
    load.more("ok", 100)?;
    for _ in 0..20 {
        let successor = world.successor()?;
        // It ends by itself, and what it had open has ended well.
        gateway.ended()?;
        gateway = successor;
        load.more("ok", 20)?;
    }
    let counts = load.counts()?;
    tell("upgrades", &counts, began);
    ensure!(counts.keys().eq(["ok"]), "connections were lost: {counts:?}");
    ensure!(server.count(POD)? == 0, "{} connections came from the pod itself", server.count(POD)?);
    let (well, said) = world.pipelock(&["targets"])?;
    ensure!(well && said.contains("pod"), "{said}");
    // The lock went along: nobody else can start, and when the last one ends it is free.
    let second = world.command("g", binary()).arg("run").arg("--config").arg(world.config()).output()?;
    ensure!(!second.status.success(), "two gateways");
    gateway.signal(Signal::TERM)?;
    gateway.ended()?;
    load.more("ECONNREFUSED", 100)?;
    let (well, said) = world.pipelock(&["uninstall"])?;
    ensure!(well, "{said}");
    Ok(())
}
