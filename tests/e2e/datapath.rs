//! The kernel programs on this very kernel: who is steered where, who is refused, and what is left behind.
//!
//! Each case has its own network namespace without a way out and its own run (cgroup, pins, programs). The test process
//! plays the gateway through `pipelock_gateway::capture`; workloads are Python processes started inside the cgroup,
//! because Python speaks every socket call by its name. Addresses are documentation space (RFC 5737, RFC 3849).
//!
//! The binary that runs these must call [`child_main`] first: one case needs a gateway process that can be killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use pipelock_gateway::capture::cgroup::{Cgroup, find_root};
use pipelock_gateway::capture::probe::{ThisKernel, probe};
use pipelock_gateway::capture::{
    Armed, Datagram, Datapath, DenialReason, FlowTuple, Layout, LocalDatapath, Netns, ResolverSocket, Run, Scope,
    Steered, TargetPolicy, TargetSpec, sweep_stale,
};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Far beyond what any machine needs, software emulation included: only a failure waits for it.
pub(crate) const DEADLINE: Duration = Duration::from_mins(3);

/// First argument of the binary when it is to be a gateway that will be killed.
const CHILD_FLAG: &str = "--datapath-gateway";

/// Every case of this file. They bring a namespace of their own and leave the harness's node alone.
pub(crate) fn cases() -> Vec<Case> {
    type Proof = fn() -> Result<()>;
    let cases: Vec<(&str, Proof)> = vec![
        ("connect4_is_steered_with_destination_and_workload", connect4),
        ("connect6_is_steered", connect6),
        ("mapped_connect_is_steered_as_ipv4", mapped),
        ("nonblocking_connect_is_steered", nonblocking),
        ("source_bound_connect_is_steered", source_bound),
        ("device_bound_connect_is_steered_or_refused", device_bound),
        ("fast_open_is_steered", fast_open),
        ("reconnect_after_unspec_is_steered_to_the_new_destination", reconnect),
        ("stale_record_is_cleared_when_the_next_connect_is_direct", stale_record),
        ("loopback_is_left_alone", loopback),
        ("listed_networks_go_direct", bypass),
        ("quic_is_refused_in_every_form_and_reported", quic),
        ("sockets_beside_the_hooks_are_refused", odd_sockets),
        ("listener_ports_are_reserved_even_when_the_listener_is_gone", reserved_ports),
        ("native_ipv6_is_unreachable_without_ipv6_upstream", no_ipv6),
        ("direct_dial_of_the_listener_has_no_record", direct_dial),
        ("spread_keeps_300_connections_apart_on_200_ports", spread),
        ("flows_closed_before_accept_keep_their_record", closed_before_accept),
        ("marked_socket_is_never_steered", own_socket),
        ("process_that_left_the_cgroup_is_still_steered", moved_out),
        ("disarmed_target_connects_directly", disarm),
        ("failed_arm_leaves_nothing_attached", failed_arm),
        ("file_system_mounted_for_the_run_goes_with_it", own_bpffs),
        ("killed_gateway_leaves_connects_refused_and_the_sweep_leaves_nothing", killed_gateway),
    ];
    let needs = [Need::Bpf, Need::CgroupV2, Need::Python3, Need::Bpftool];
    // Runs are counted and swept machine-wide, so nobody else's may come and go in between.
    cases
        .into_iter()
        .map(|(name, case)| Case::new(format!("datapath::{name}"), needs, move |_| case()).alone())
        .collect()
}

/// Runs the gateway of the last case when the binary was started for it; `None` otherwise.
#[expect(clippy::print_stdout, reason = "its standard output is read by the case that started it")]
pub(crate) fn child_main() -> Option<Result<()>> {
    let mut args = std::env::args_os().skip(1);
    (args.next()? == CHILD_FLAG).then(|| {
        let state = args.next().context("no state directory")?;
        let gateway = Gateway::start(Path::new(&state), Options::default())?;
        println!("{}", gateway.run.cgroup().path().display());
        println!("{}", gateway.run.pins().display());
        // Until killed.
        std::io::stdin().read_to_end(&mut Vec::new())?;
        Ok(())
    })
}

// ---------------------------------------------------------------------------------------------------------- fixture

/// A network namespace with a default route that leads nowhere, for the length of one case.
pub(crate) struct Namespace(pub(crate) String);

impl Namespace {
    pub(crate) fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("plt-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        run("ip", &["netns", "add", &name])?;
        let namespace = Self(name);
        for line in [
            "link set lo up",
            "link add out0 type veth peer name out1",
            "link set out1 up",
            "addr add 198.51.100.2/24 dev out0",
            "addr add 203.0.113.20/32 dev out0",
            "addr add 203.0.113.30/32 dev out0",
            "addr add 2001:db8:1::2/64 dev out0 nodad",
            "addr add 2001:db8:2::20/128 dev out0 nodad",
            "link set out0 up",
            "route add default dev out0",
            "-6 route add default dev out0",
        ] {
            let args: Vec<&str> = ["-n", &namespace.0].into_iter().chain(line.split(' ')).collect();
            run("ip", &args)?;
        }
        Ok(namespace)
    }

    /// Runs a case inside, on its own thread: a namespace belongs to a thread, and children inherit it.
    pub(crate) fn enter<T: Send>(&self, case: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let handle = std::fs::File::open(format!("/run/netns/{}", self.0))?;
        let inside = || {
            rustix::thread::move_into_link_name_space(
                handle.as_fd(),
                Some(rustix::thread::LinkNameSpaceType::Network),
            )?;
            case()
        };
        std::thread::scope(|scope| scope.spawn(inside).join()).map_err(|_| anyhow::anyhow!("the case panicked"))?
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = run("ip", &["netns", "delete", &self.0]);
    }
}

pub(crate) fn run(program: &str, args: &[&str]) -> Result<String> {
    let output = Command::new(program).args(args).output().with_context(|| format!("starting {program}"))?;
    ensure!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) no_ipv6_upstream: bool,
    pub(crate) bypass: &'static [&'static str],
    /// Instead of one made from the others.
    pub(crate) policy: Option<TargetPolicy>,
}

/// The test process as a gateway.
pub(crate) struct Gateway {
    pub(crate) run: Run,
    pub(crate) datapath: LocalDatapath,
    pub(crate) armed: Armed,
}

impl Gateway {
    fn start(state: &Path, options: Options) -> Result<Self> {
        let layout = layout(state)?;
        let run = Run::start(&layout)?;
        let datapath = LocalDatapath::load(run.pins(), &probe(&ThisKernel))?;
        let armed = datapath.arm(&spec(run.cgroup().path(), options)?)?;
        Ok(Self { run, datapath, armed })
    }

    fn v4(&self) -> Result<SocketAddr> {
        Ok(self.armed.listeners.first().context("no IPv4 listener")?.local_addr()?)
    }

    /// Accepts the next connection on any listener and takes its record.
    fn accept(&self) -> Result<(TcpStream, Option<Steered>)> {
        let mut ready: Vec<_> = self.armed.listeners.iter().map(|l| PollFd::new(l, PollFlags::IN)).collect();
        poll(&mut ready, Some(&Timespec::try_from(DEADLINE)?))?;
        let at = ready.iter().position(|fd| fd.revents().contains(PollFlags::IN)).context("nobody connected")?;
        let (stream, peer) = self.armed.listeners.get(at).context("no such listener")?.accept()?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let flow = FlowTuple { netns: self.armed.netns, peer, local: stream.local_addr()? };
        let steered = self.datapath.take(flow)?;
        Ok((stream, steered))
    }

    /// Accepts a connection that must have been steered.
    fn steered(&self) -> Result<(TcpStream, Steered)> {
        let (stream, steered) = self.accept()?;
        Ok((stream, steered.context("the connection has no record")?))
    }

    /// Whether nobody has connected.
    fn is_idle(&self) -> bool {
        self.armed.listeners.iter().all(|listener| listener.accept().is_err())
    }

    /// The next DNS query on any socket that they are steered to.
    pub(crate) fn question(&self) -> Result<(&ResolverSocket, Datagram)> {
        let mut ready: Vec<_> = self.armed.resolvers.iter().map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
        poll(&mut ready, Some(&Timespec::try_from(DEADLINE)?))?;
        let at = ready.iter().position(|fd| fd.revents().contains(PollFlags::IN)).context("nobody asked")?;
        let socket = self.armed.resolvers.get(at).context("no such socket")?;
        Ok((socket, socket.receive(&mut [0; 512])?))
    }

    /// The port that policies know.
    pub(crate) fn resolver_port(&self) -> Result<u16> {
        let addresses = self.armed.resolvers.iter().map(|socket| Ok(socket.try_clone_socket()?.local_addr()?));
        let v4 = addresses.collect::<Result<Vec<SocketAddr>>>()?.into_iter().find(SocketAddr::is_ipv4);
        Ok(v4.context("no IPv4 resolver")?.port())
    }

    pub(crate) fn workload(&self, script: &str) -> Result<Workload> {
        Workload::start(self.run.cgroup(), script)
    }

    /// Runs a workload that must see `destination` as its peer, and checks what the gateway was told about it.
    fn expect_steered(&self, connect: &str, destination: &str) -> Result<Steered> {
        let workload = self.workload(&format!("{connect}\nprint(name(s.getpeername()))\nprint(s.recv(3).decode())"))?;
        let (mut stream, steered) = self.steered()?;
        let meant: SocketAddr = destination.parse()?;
        let meant = SocketAddr::new(meant.ip().to_canonical(), meant.port());
        ensure!(steered.original_dst.socket_addr() == meant, "recorded {}", steered.original_dst);
        ensure!(steered.workload.pid == workload.child.id(), "recorded pid {}", steered.workload.pid);
        stream.write_all(b"abc")?;
        let said = workload.finish()?;
        ensure!(said == [destination, "abc"], "the workload saw {said:?}");
        Ok(steered)
    }
}

pub(crate) fn layout(state: &Path) -> Result<Layout> {
    Ok(Layout { state: state.to_owned(), bpffs: "/sys/fs/bpf".into(), cgroups: find_root()? })
}

fn spec(cgroup: &Path, options: Options) -> Result<TargetSpec> {
    let bypass = options.bypass.iter().map(|network| network.parse()).collect::<Result<_, _>>()?;
    Ok(TargetSpec {
        name: cgroup.display().to_string(),
        labels: std::collections::BTreeMap::new(),
        scope: Scope::Cgroup(cgroup.to_owned()),
        netns: Netns::Own,
        policy: options.policy.unwrap_or(TargetPolicy {
            bypass,
            ipv6_upstream: !options.no_ipv6_upstream,
            ..TargetPolicy::default()
        }),
    })
}

/// Runs a case with a gateway in a fresh namespace, and takes everything down again.
pub(crate) fn with(options: Options, case: impl FnOnce(&Gateway) -> Result<()> + Send) -> Result<()> {
    let namespace = Namespace::new()?;
    let state = tempfile::tempdir()?;
    namespace.enter(|| {
        let gateway = Gateway::start(&state.path().join("pipelock"), options)?;
        let pins = gateway.run.pins().to_owned();
        let cgroup = gateway.run.cgroup().path().to_owned();
        let outcome = case(&gateway);
        gateway.run.finish()?;
        ensure!(!pins.exists() && !cgroup.exists(), "the run left something behind");
        outcome
    })
}

/// A process in a captured cgroup.
pub(crate) struct Workload {
    pub(crate) child: Child,
    stdin: Option<ChildStdin>,
}

/// What every script starts with.
const PRELUDE: &str = r#"
import ctypes, errno, os, select, socket, struct, sys
socket.setdefaulttimeout(180)
def name(a):
    return f"[{a[0]}]:{a[1]}" if ":" in a[0] else f"{a[0]}:{a[1]}"
def errno_of(f, *args):
    try:
        f(*args)
        return "ok"
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e))
def tcp4(): return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
def tcp6(): return socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
def disconnect(s):
    libc = ctypes.CDLL(None, use_errno=True)
    unspec = struct.pack("=H14x", socket.AF_UNSPEC)
    if libc.connect(s.fileno(), unspec, len(unspec)): raise OSError(ctypes.get_errno(), "AF_UNSPEC")
def turn(): sys.stdin.readline()
"#;

/// Makes another process do system calls, with the rights of a debugger: `Traced(pid).connect(flags, address, port)` gives the
/// descriptor there and what `connect` returned. The other must wait in `read`, whose instruction is used again.
///
/// Source: ptrace(2); the order of registers is that of `struct user_regs_struct` on x86-64.
pub(crate) const TRACED: &str = r#"
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]; libc.ptrace.restype = ctypes.c_long
def trace(request, pid, address=None, data=None):
    if libc.ptrace(request, pid, address, data) < 0: raise OSError(ctypes.get_errno(), f"ptrace {request}")
class Traced:
    def __init__(self, pid):
        while open(f"/proc/{pid}/syscall").read().split()[0] != "0": pass
        self.pid = pid; trace(16, pid); os.waitpid(pid, 0x40000000); self.then = self.registers()
    def registers(self):
        registers = (ctypes.c_ulonglong * 27)(); trace(12, self.pid, None, registers); return registers
    def call(self, number, *arguments):
        registers = self.registers()
        registers[16], registers[10], registers[15] = self.then[16] - 2, number, 2**64 - 1
        for register, value in zip((14, 13, 12, 7, 9, 8), arguments): registers[register] = value
        trace(13, self.pid, None, registers); trace(9, self.pid); os.waitpid(self.pid, 0x40000000)
        return ctypes.c_longlong(self.registers()[10]).value
    def connect(self, flags, address, port):
        fd, at = self.call(41, 2, 1 | flags, 0), self.then[19] - 512
        name = struct.pack("=H", 2) + struct.pack(">H", port) + socket.inet_aton(address) + bytes(8)
        for i in (0, 8): trace(5, self.pid, at + i, struct.unpack("=Q", name[i:i + 8])[0])
        return fd, self.call(42, fd, at, 16)
    def taken(self, fd): return socket.socket(fileno=libc.syscall(438, libc.syscall(434, self.pid, 0), fd, 0))
"#;

impl Workload {
    pub(crate) fn start(cgroup: &Cgroup, script: &str) -> Result<Self> {
        Self::spawn(cgroup, Command::new("python3"), script)
    }

    pub(crate) fn spawn(cgroup: &Cgroup, mut command: Command, script: &str) -> Result<Self> {
        command.args(["-c", &format!("{PRELUDE}\n{script}")]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        cgroup.enter_on_exec(&mut command)?;
        let mut child = command.spawn().context("starting python3")?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin })
    }

    /// Lets a script that waits in `turn()` go on.
    pub(crate) fn go_on(&mut self) -> Result<()> {
        writeln!(self.stdin.as_mut().context("no stdin")?)?;
        Ok(())
    }

    /// Waits for its end; the lines it printed.
    pub(crate) fn finish(mut self) -> Result<Vec<String>> {
        drop(self.stdin.take());
        let mut text = String::new();
        self.child.stdout.take().context("no stdout")?.read_to_string(&mut text)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the workload failed: {status}, after {text:?}");
        Ok(text.lines().map(str::to_owned).collect())
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn python(gateway: &Gateway, script: &str) -> Result<Vec<String>> {
    gateway.workload(script)?.finish()
}

// ------------------------------------------------------------------------------------------------------------ cases

fn connect4() -> Result<()> {
    with(Options::default(), |gateway| {
        let connect = "s = tcp4(); s.connect(('203.0.113.10', 443))";
        let steered = gateway.expect_steered(connect, "203.0.113.10:443")?;
        ensure!(steered.workload.cgroup == gateway.run.cgroup().id());
        ensure!(steered.workload.uid == 0 && steered.workload.netns == gateway.armed.netns);
        let executable = steered.workload.executable.context("no executable")?;
        ensure!(executable.contains("python"), "executable is {executable}");
        ensure!(gateway.datapath.counters()?.redirected == 1);
        Ok(())
    })
}

fn connect6() -> Result<()> {
    with(Options::default(), |gateway| {
        let connect = "s = tcp6(); s.connect(('2001:db8::10', 443))";
        gateway.expect_steered(connect, "[2001:db8::10]:443").map(drop)
    })
}

fn mapped() -> Result<()> {
    with(Options::default(), |gateway| {
        let connect = "s = tcp6(); s.connect(('::ffff:203.0.113.10', 443))";
        gateway.expect_steered(connect, "[::ffff:203.0.113.10]:443").map(drop)
    })
}

fn nonblocking() -> Result<()> {
    with(Options::default(), |gateway| {
        let connect = "s = tcp4(); s.setblocking(False)\n\
                       assert s.connect_ex(('203.0.113.10', 443)) == errno.EINPROGRESS\n\
                       select.select([], [s], [], 60)\n\
                       assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0; s.setblocking(True)";
        gateway.expect_steered(connect, "203.0.113.10:443").map(drop)
    })
}

fn source_bound() -> Result<()> {
    with(Options::default(), |gateway| {
        for connect in [
            "s = tcp4(); s.bind(('198.51.100.2', 0)); s.connect(('203.0.113.10', 443))",
            "s = tcp4(); s.bind(('198.51.100.2', 5555)); s.connect(('203.0.113.10', 443))",
        ] {
            gateway.expect_steered(connect, "203.0.113.10:443")?;
        }
        let connect = "s = tcp6(); s.bind(('2001:db8:1::2', 0)); s.connect(('2001:db8::10', 443))";
        gateway.expect_steered(connect, "[2001:db8::10]:443").map(drop)
    })
}

fn device_bound() -> Result<()> {
    with(Options::default(), |gateway| {
        let bind = "s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'out0')";
        let connect = format!("s = tcp4(); {bind}; s.connect(('203.0.113.10', 443))");
        gateway.expect_steered(&connect, "203.0.113.10:443")?;
        let connect = format!("s = tcp6(); {bind}; s.connect(('2001:db8::10', 443))");
        gateway.expect_steered(&connect, "[2001:db8::10]:443")?;
        // Binding needs no privilege since 5.7, but unbinding needs CAP_NET_RAW even in the hook: such a workload is refused
        // at once, and the reason is reported; it neither slips out nor hangs.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let _inside = runtime.enter();
        let mut denials = gateway.datapath.denials()?.context("denials were taken before")?;
        let script = format!(
            "os.setgid(65534); os.setuid(65534); s = tcp4(); {bind}; print(errno_of(s.connect, ('203.0.113.10', 443)))"
        );
        let said = python(gateway, &script)?;
        ensure!(said == ["EPERM"], "{said:?}");
        let denial = runtime.block_on(async { tokio::time::timeout(DEADLINE, denials.next()).await })??;
        ensure!(denial.reason == DenialReason::DeviceBound && denial.workload.uid == 65534, "{denial:?}");
        Ok(())
    })
}

fn fast_open() -> Result<()> {
    with(Options::default(), |gateway| {
        let message = "s = tcp4(); s.settimeout(None); s.sendto(b'early', socket.MSG_FASTOPEN, ('203.0.113.10', 443))";
        gateway.expect_steered(message, "203.0.113.10:443")?;
        // TCP_FASTOPEN_CONNECT is 30.
        let option = "s = tcp4(); s.settimeout(None); s.setsockopt(socket.IPPROTO_TCP, 30, 1); s.connect(('203.0.113.10', 443)); s.send(b'x')";
        gateway.expect_steered(option, "203.0.113.10:443").map(drop)
    })
}

fn reconnect() -> Result<()> {
    with(Options::default(), |gateway| {
        let first =
            "s = tcp4(); s.connect(('203.0.113.9', 80)); turn(); disconnect(s); s.connect(('203.0.113.10', 443))";
        let mut workload = gateway.workload(&format!("{first}\nprint(name(s.getpeername()))"))?;
        let (_stream, steered) = gateway.steered()?;
        ensure!(steered.original_dst.to_string() == "203.0.113.9:80");
        workload.go_on()?;
        let (_stream, steered) = gateway.steered()?;
        ensure!(steered.original_dst.to_string() == "203.0.113.10:443");
        ensure!(workload.finish()? == ["203.0.113.10:443"]);
        Ok(())
    })
}

fn stale_record() -> Result<()> {
    with(Options { bypass: &["203.0.113.20/32"], ..Options::default() }, |gateway| {
        let server = TcpListener::bind("203.0.113.20:0")?;
        let port = server.local_addr()?.port();
        let script = format!(
            "s = tcp4(); s.connect(('203.0.113.9', 80)); turn(); disconnect(s)\n\
             s.connect(('203.0.113.20', {port})); print(name(s.getpeername())); s.send(b'x')"
        );
        let mut workload = gateway.workload(&script)?;
        let (_stream, _) = gateway.steered()?;
        workload.go_on()?;
        let (mut direct, peer) = server.accept()?;
        direct.read_exact(&mut [0])?;
        ensure!(workload.finish()? == [format!("203.0.113.20:{port}")], "getpeername must not show the old record");
        let flow = FlowTuple { netns: gateway.armed.netns, peer, local: direct.local_addr()? };
        ensure!(gateway.datapath.take(flow)?.is_none(), "a direct connection must not be published");
        ensure!(gateway.is_idle());
        Ok(())
    })
}

fn loopback() -> Result<()> {
    with(Options::default(), |gateway| {
        for (bind, family, host) in [
            ("127.0.0.1:0", "tcp4", "127.0.0.1"),
            ("127.9.9.9:0", "tcp4", "127.9.9.9"),
            ("0.0.0.0:0", "tcp4", "0.0.0.0"),
            ("[::1]:0", "tcp6", "::1"),
            ("127.0.0.1:0", "tcp6", "::ffff:127.0.0.1"),
        ] {
            let server = TcpListener::bind(bind)?;
            let port = server.local_addr()?.port();
            let workload = gateway.workload(&format!("s = {family}(); s.connect(('{host}', {port})); s.send(b'x')"))?;
            server.accept()?.0.read_exact(&mut [0])?;
            workload.finish()?;
        }
        ensure!(gateway.is_idle() && gateway.datapath.counters()?.redirected == 0);
        Ok(())
    })
}

fn bypass() -> Result<()> {
    let options = Options { bypass: &["203.0.113.16/28", "2001:db8:2::/48"], ..Options::default() };
    with(options, |gateway| {
        for (bind, family, host) in [
            ("203.0.113.20:0", "tcp4", "203.0.113.20"),
            ("203.0.113.20:0", "tcp6", "::ffff:203.0.113.20"),
            ("[2001:db8:2::20]:0", "tcp6", "2001:db8:2::20"),
        ] {
            let server = TcpListener::bind(bind)?;
            let port = server.local_addr()?.port();
            let workload = gateway.workload(&format!("s = {family}(); s.connect(('{host}', {port})); s.send(b'x')"))?;
            server.accept()?.0.read_exact(&mut [0])?;
            workload.finish()?;
        }
        ensure!(gateway.is_idle() && gateway.datapath.counters()?.bypassed == 3);
        // The neighbours of the listed networks are not listed.
        gateway.expect_steered("s = tcp4(); s.connect(('203.0.113.10', 443))", "203.0.113.10:443")?;
        gateway.expect_steered("s = tcp4(); s.connect(('203.0.113.32', 443))", "203.0.113.32:443").map(drop)
    })
}

fn quic() -> Result<()> {
    with(Options::default(), |gateway| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let _inside = runtime.enter();
        let mut denials = gateway.datapath.denials()?.context("denials were taken before")?;
        let said = python(
            gateway,
            "u4 = lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
             u6 = lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n\
             print(errno_of(u4().connect, ('203.0.113.10', 443)))\n\
             print(errno_of(u4().sendto, b'x', ('203.0.113.10', 443)))\n\
             print(errno_of(u6().connect, ('2001:db8::10', 443)))\n\
             print(errno_of(u6().sendto, b'x', ('2001:db8::10', 443)))\n\
             print(errno_of(u6().connect, ('::ffff:203.0.113.10', 443)))\n\
             print(errno_of(u6().sendto, b'x', ('::ffff:203.0.113.10', 443)))\n\
             print(errno_of(u4().sendto, b'x', ('203.0.113.10', 123)))\n\
             print(errno_of(u4().sendto, b'x', ('127.0.0.1', 443)))",
        )?;
        ensure!(said == ["EPERM", "EPERM", "EPERM", "EPERM", "EPERM", "EPERM", "ok", "ok"], "{said:?}");
        for expected in ["203.0.113.10", "203.0.113.10", "2001:db8::10", "2001:db8::10", "203.0.113.10", "203.0.113.10"]
        {
            let denial = runtime.block_on(async { tokio::time::timeout(DEADLINE, denials.next()).await })??;
            let to = SocketAddr::new(expected.parse::<IpAddr>()?, 443);
            ensure!(denial.reason == DenialReason::Quic && denial.address == Some(to), "{denial:?}");
            ensure!(denial.workload.cgroup == gateway.run.cgroup().id() && denial.protocol == 17, "{denial:?}");
        }
        ensure!(gateway.datapath.counters()?.denied == 6);
        Ok(())
    })
}

fn odd_sockets() -> Result<()> {
    with(Options::default(), |gateway| {
        let said = python(
            gateway,
            "for args in [(socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_INET, socket.SOCK_RAW, 255),\n\
             \x20            (socket.AF_INET6, socket.SOCK_RAW, 6), (socket.AF_INET, socket.SOCK_DGRAM, 136),\n\
             \x20            (socket.AF_INET, socket.SOCK_STREAM, 262), (socket.AF_INET, socket.SOCK_STREAM, 0),\n\
             \x20            (socket.AF_INET6, socket.SOCK_DGRAM, 0), (socket.AF_UNIX, socket.SOCK_STREAM, 0)]:\n\
             \x20   print(errno_of(socket.socket, *args))",
        )?;
        ensure!(said == ["EPERM", "EPERM", "EPERM", "EPERM", "EPERM", "ok", "ok", "ok"], "{said:?}");
        Ok(())
    })
}

fn reserved_ports() -> Result<()> {
    let namespace = Namespace::new()?;
    let state = tempfile::tempdir()?;
    namespace.enter(|| {
        let mut gateway = Gateway::start(&state.path().join("pipelock"), Options::default())?;
        let (v4, v6) = match gateway.armed.listeners.as_slice() {
            [v4, v6] => (v4.local_addr()?.port(), v6.local_addr()?.port()),
            other => bail!("listeners {other:?}"),
        };
        let script = format!(
            "for make, at in [(tcp4, ('127.0.0.1', {v4})), (tcp4, ('0.0.0.0', {v4})), (tcp4, ('198.51.100.2', {v4})),\n\
             \x20                (tcp6, ('::', {v4})), (tcp6, ('::1', {v6})), (tcp6, ('::', {v6})), (tcp4, ('127.0.0.1', 0))]:\n\
             \x20   s = make(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1); print(errno_of(s.bind, at))"
        );
        let expected = ["EADDRINUSE", "EADDRINUSE", "EADDRINUSE", "EADDRINUSE", "EADDRINUSE", "EADDRINUSE", "ok"];
        ensure!(python(&gateway, &script)? == expected, "with the gateway listening");
        gateway.armed.listeners.clear();
        ensure!(python(&gateway, &script)? == expected, "with the gateway gone");
        let said = python(&gateway, "print(errno_of(tcp4().connect, ('203.0.113.10', 443)))")?;
        ensure!(said == ["ECONNREFUSED"], "{said:?}");
        Ok(gateway.run.finish()?)
    })
}

fn no_ipv6() -> Result<()> {
    with(Options { no_ipv6_upstream: true, ..Options::default() }, |gateway| {
        let said = python(gateway, "print(errno_of(tcp6().connect, ('2001:db8::10', 443)))")?;
        ensure!(said == ["ENETUNREACH"], "{said:?}");
        let connect = "s = tcp6(); s.connect(('::ffff:203.0.113.10', 443))";
        gateway.expect_steered(connect, "[::ffff:203.0.113.10]:443").map(drop)
    })
}

fn direct_dial() -> Result<()> {
    with(Options::default(), |gateway| {
        let port = gateway.v4()?.port();
        let _outsider = TcpStream::connect(("127.0.0.1", port))?;
        ensure!(gateway.accept()?.1.is_none(), "a process outside");
        let workload = gateway.workload(&format!("s = tcp4(); s.connect(('127.0.0.1', {port})); turn()"))?;
        ensure!(gateway.accept()?.1.is_none(), "a captured process");
        workload.finish().map(drop)
    })
}

fn spread() -> Result<()> {
    with(Options::default(), |gateway| {
        // Through the child's own namespace: /proc/sys/net is that of the reader.
        run("sysctl", &["-qw", "net.ipv4.ip_local_port_range=20000 20199"])?;
        let workload = gateway.workload(
            "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))\n\
             kept = []\n\
             for i in range(300):\n\
             \x20   s = tcp4(); to = (f'203.0.113.{i % 250 + 1}', 10000 + i); s.connect(to); s.send((name(to) + '\\n').encode())\n\
             \x20   kept.append(s)\n\
             turn()",
        )?;
        let mut open = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..300 {
            let (stream, steered) = gateway.steered()?;
            let mut meant = String::new();
            BufReader::new(&stream).read_line(&mut meant)?;
            ensure!(
                meant.trim() == steered.original_dst.to_string(),
                "meant {meant}, recorded {}",
                steered.original_dst
            );
            seen.insert(steered.original_dst);
            open.push(stream);
        }
        ensure!(seen.len() == 300, "{} distinct destinations", seen.len());
        let destinations: std::collections::HashSet<_> =
            open.iter().filter_map(|stream| stream.local_addr().ok()).map(|local| local.ip()).collect();
        ensure!(destinations.len() > 32, "only {} loopback destinations were used", destinations.len());
        workload.finish().map(drop)
    })
}

fn closed_before_accept() -> Result<()> {
    with(Options::default(), |gateway| {
        python(
            gateway,
            "for i in range(10):\n\
             \x20   s = tcp4(); s.connect(('203.0.113.10', 1000 + i)); s.send(b'last words')\n\
             \x20   if i % 2: s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))\n\
             \x20   s.close()",
        )?;
        let mut ports = Vec::new();
        for _ in 0..10 {
            let (mut stream, steered) = gateway.steered()?;
            let port = steered.original_dst.port();
            if port % 2 == 0 {
                let mut said = String::new();
                stream.read_to_string(&mut said)?;
                ensure!(said == "last words");
            }
            ports.push(port);
        }
        ensure!(ports == (1000..1010).collect::<Vec<u16>>(), "{ports:?}");
        Ok(())
    })
}

fn own_socket() -> Result<()> {
    with(Options::default(), |gateway| {
        let server = TcpListener::bind("203.0.113.30:0")?;
        let port = server.local_addr()?.port();
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("fd");
        let receiver = UnixDatagram::bind(&path)?;
        // The socket is made in the captured cgroup, so its connect runs the hooks; only the mark keeps it out.
        let script = format!(
            "s = tcp4(); u = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); u.connect('{}')\n\
             socket.send_fds(u, [b'x'], [s.fileno()]); turn()\n\
             s.connect(('203.0.113.30', {port})); s.send(b'x')",
            path.display()
        );
        let mut workload = gateway.workload(&script)?;
        gateway.datapath.mark_own(receive_fd(&receiver)?.as_fd())?;
        workload.go_on()?;
        let (mut direct, _) = server.accept()?;
        direct.read_exact(&mut [0])?;
        workload.finish()?;
        ensure!(gateway.is_idle());
        // And without the mark the same connect is steered.
        let to = format!("203.0.113.30:{port}");
        gateway.expect_steered(&format!("s = tcp4(); s.connect(('203.0.113.30', {port}))"), &to).map(drop)
    })
}

fn receive_fd(socket: &UnixDatagram) -> Result<OwnedFd> {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    socket.set_read_timeout(Some(DEADLINE))?;
    recvmsg(socket, &mut [std::io::IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut fds = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    fds.next().and_then(|mut fds| fds.next()).context("no descriptor came")
}

fn moved_out() -> Result<()> {
    with(Options::default(), |gateway| {
        // A socket's cgroup is fixed when it is made; the task has left, so only the fallback policy governs it.
        let root = find_root()?;
        let connect = format!(
            "s = tcp4(); open('{}/cgroup.procs', 'w').write('0'); s.connect(('203.0.113.10', 443))",
            root.display()
        );
        let steered = gateway.expect_steered(&connect, "203.0.113.10:443")?;
        ensure!(steered.workload.cgroup != gateway.run.cgroup().id(), "the record tells where the task was");
        Ok(())
    })
}

fn disarm() -> Result<()> {
    with(Options::default(), |gateway| {
        let server = TcpListener::bind("203.0.113.30:0")?;
        let port = server.local_addr()?.port();
        gateway.datapath.disarm(gateway.armed.id)?;
        let workload = gateway.workload(&format!("s = tcp4(); s.connect(('203.0.113.30', {port})); s.send(b'x')"))?;
        server.accept()?.0.read_exact(&mut [0])?;
        workload.finish()?;
        ensure!(gateway.is_idle() && gateway.datapath.disarm(gateway.armed.id).is_err());
        Ok(())
    })
}

fn failed_arm() -> Result<()> {
    with(Options::default(), |gateway| {
        // A second target whose pins cannot be made: its directory is taken by a file-like pin.
        let other = Cgroup::create(&gateway.run.cgroup().path().join("other"))?;
        let pins = gateway.run.pins().join("links").join(other.id().0.to_string());
        std::fs::create_dir_all(pins.join("pl_connect6"))?;
        let refused = gateway.datapath.arm(&spec(other.path(), Options::default())?);
        ensure!(refused.is_err(), "pinning over a directory must fail");
        let attached = run("bpftool", &["-j", "cgroup", "show", &other.path().display().to_string()])?;
        ensure!(!attached.contains("pl_"), "{attached}");
        std::fs::remove_dir_all(&pins)?;
        // The first target is as it was.
        gateway.expect_steered("s = tcp4(); s.connect(('203.0.113.10', 443))", "203.0.113.10:443").map(drop)
    })
}

fn own_bpffs() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let bpffs = dir.path().join("bpf");
    std::fs::create_dir(&bpffs)?;
    let layout = Layout { bpffs: bpffs.clone(), ..layout(&dir.path().join("pipelock"))? };
    let is_mounted = || Ok::<_, anyhow::Error>(run("mount", &["-t", "bpf"])?.contains(&bpffs.display().to_string()));
    let first = Run::start(&layout)?;
    let second = Run::start(&layout)?;
    LocalDatapath::load(first.pins(), &probe(&ThisKernel))?;
    ensure!(is_mounted()? && first.pins().join("maps/FLOWS").exists());
    first.finish()?;
    ensure!(is_mounted()?, "another run still uses it");
    second.finish()?;
    ensure!(!is_mounted()? && !layout.state.exists(), "the last run must leave nothing");
    Ok(())
}

fn killed_gateway() -> Result<()> {
    let namespace = Namespace::new()?;
    let state = tempfile::tempdir()?;
    let state = state.path().join("pipelock");
    namespace.enter(|| {
        let mut gateway = Command::new(std::env::current_exe()?)
            .arg(CHILD_FLAG)
            .arg(&state)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(gateway.stdout.take().context("no stdout")?).lines();
        let cgroup = Cgroup::open(Path::new(&said.next().context("the gateway did not start")??))?;
        let pins = PathBuf::from(said.next().context("the gateway did not start")??);
        let programs = attached_programs(&cgroup)?;
        ensure!(programs.len() == 12, "{programs:?}");
        let connect = "turn(); print(errno_of(tcp4().connect, ('203.0.113.10', 443))); sys.stdout.flush(); turn()";
        let mut running = Workload::start(&cgroup, connect)?;
        gateway.kill()?;
        gateway.wait()?;
        running.go_on()?;
        let mut lines = BufReader::new(running.child.stdout.take().context("no stdout")?).lines();
        ensure!(lines.next().context("no answer")?? == "ECONNREFUSED", "a process that ran before the kill");
        let later = Workload::start(&cgroup, "print(errno_of(tcp6().connect, ('2001:db8::10', 443)))")?.finish()?;
        ensure!(later == ["ECONNREFUSED"], "a process that started after it: {later:?}");
        ensure!(pins.join("links").join(cgroup.id().0.to_string()).join("pl_connect4").exists(), "pins survive");

        let swept = sweep_stale(&layout(&state)?)?;
        ensure!(swept.runs.len() == 1, "{swept:?}");
        let status = running.child.wait()?;
        ensure!(!status.success(), "captured processes must not go on unprotected");
        ensure!(!cgroup.path().exists() && !pins.exists() && !state.exists(), "the sweep left something");
        for id in programs {
            ensure!(run("bpftool", &["prog", "show", "id", &id]).is_err(), "program {id} is still loaded");
        }
        Ok(())
    })
}

/// Ids of the programs attached to a cgroup.
pub(crate) fn attached_programs(cgroup: &Cgroup) -> Result<Vec<String>> {
    let text = run("bpftool", &["-j", "cgroup", "show", &cgroup.path().display().to_string()])?;
    // It prints nothing at all for a cgroup without programs.
    let text = if text.trim().is_empty() { "[]" } else { text.trim() };
    let list: Vec<serde_json::Value> = serde_json::from_str(text)?;
    Ok(list.iter().filter_map(|entry| entry.get("id")).map(ToString::to_string).collect())
}
