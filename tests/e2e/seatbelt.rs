//! What no hook on a socket sees: packets made by hand, processes beside the target, connections from before the capture.
//!
//! Two namespaces joined by a cable. The test process plays the gateway and the world on one side; the pod is on the other.
//! Every claim has its control: what is dropped or ended with the capture worked before it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use pipelock_gateway::capture::cgroup::Cgroup;
use pipelock_gateway::capture::probe::{ThisKernel, probe};
use pipelock_gateway::capture::{
    Armed, Attachment, Datapath, LocalDatapath, Netns, Run, Scope, TargetPolicy, TargetSpec, Weakness,
};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use socket2::{Domain, Type};

use crate::datapath::{DEADLINE, Namespace, TRACED, Workload, layout, run};

/// Our end of the cable, and the pod's.
const OURS: &str = "198.18.0.1";
const POD: &str = "198.18.0.2";
const OURS_V6: &str = "2001:db8:18::1";

pub(crate) fn cases() -> Vec<Case> {
    type Proof = fn() -> Result<()>;
    let cases: Vec<(&str, Proof)> = vec![
        ("a_process_beside_the_target_and_frames_made_by_hand_get_no_answer", beside),
        ("connections_from_before_the_capture_are_ended_and_no_others", before),
        ("a_resolver_beside_the_target_asks_others_while_the_gateway_lives_and_answers_alone_after", resolver),
    ];
    let needs = [Need::Bpf, Need::CgroupV2, Need::Python3];
    cases
        .into_iter()
        .map(|(name, case)| Case::new(format!("seatbelt::{name}"), needs, move |_| case()).alone())
        .collect()
}

/// A namespace at the end of a cable, and a cgroup.
struct Pod {
    name: String,
    cgroup: Cgroup,
}

impl Pod {
    /// Must be called inside the gateway's namespace.
    fn new(run_of: &Run) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("plb-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        run("ip", &["netns", "add", &name])?;
        let pod = Self { cgroup: Cgroup::create(&run_of.cgroup().path().join(&name))?, name };
        let (there, name) = (["-n", pod.name.as_str()], pod.name.as_str());
        let lines = [
            (false, format!("link add pod0 type veth peer name eth0 netns {name}")),
            (false, format!("addr add {OURS}/24 dev pod0")),
            (false, format!("addr add {OURS_V6}/64 dev pod0 nodad")),
            (false, "link set pod0 up".to_owned()),
            (true, "link set lo up".to_owned()),
            (true, format!("addr add {POD}/24 dev eth0")),
            (true, "addr add 2001:db8:18::2/64 dev eth0 nodad".to_owned()),
            (true, "link set eth0 up".to_owned()),
        ];
        for (inside, line) in &lines {
            let prefix: &[&str] = if *inside { &there } else { &[] };
            let args: Vec<&str> = prefix.iter().copied().chain(line.split(' ')).collect();
            run("ip", &args)?;
        }
        Ok(pod)
    }

    fn netns(&self) -> PathBuf {
        format!("/run/netns/{}", self.name).into()
    }

    fn spec(&self, policy: TargetPolicy) -> TargetSpec {
        let (scope, netns) = (Scope::Cgroup(self.cgroup.path().to_owned()), Netns::At(self.netns()));
        TargetSpec { name: "pod".to_owned(), labels: BTreeMap::new(), scope, netns, policy }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.netns().display())).arg("python3");
        command
    }

    /// A process of the target.
    fn workload(&self, script: &str) -> Result<Workload> {
        Workload::spawn(&self.cgroup, self.command(), script)
    }

    /// A process in the target's namespace, in the cgroup of the run: what a neighbour or an escaped process is.
    fn neighbour(&self, run_of: &Run, script: &str) -> Result<Workload> {
        Workload::spawn(run_of.cgroup(), self.command(), script)
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = self.cgroup.kill();
        let _ = run("ip", &["netns", "delete", &self.name]);
        let _ = self.cgroup.remove();
    }
}

fn with(case: impl FnOnce(&Run, &LocalDatapath, &Pod) -> Result<()> + Send) -> Result<()> {
    let namespace = Namespace::new()?;
    let state = tempfile::tempdir()?;
    namespace.enter(|| {
        let run = Run::start(&layout(&state.path().join("pipelock"))?)?;
        let datapath = LocalDatapath::open(run.pins(), &probe(&ThisKernel), Attachment::PerTarget)?;
        let pod = Pod::new(&run)?;
        let outcome = case(&run, &datapath, &pod);
        drop(pod);
        let pins = run.pins().to_owned();
        run.finish()?;
        ensure!(!pins.exists(), "the run left its pins");
        outcome
    })
}

/// Answers every connection with three bytes, for as long as the test lasts.
fn serve(address: &str) -> Result<SocketAddr> {
    let listener = TcpListener::bind((address, 0))?;
    let at = listener.local_addr()?;
    std::thread::spawn(move || {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.write_all(b"abc");
            open.push(stream);
        }
    });
    Ok(at)
}

/// Waits until a workload has printed `ready`.
fn ready(workload: &mut Workload) -> Result<()> {
    let mut said = [0; 6];
    workload.child.stdout.as_mut().context("no stdout")?.read_exact(&mut said)?;
    ensure!(&said == b"ready\n", "it said {said:?}");
    Ok(())
}

// ------------------------------------------------------------------------------------------------------------ cases

/// A frame with a SYN, by hand, from a packet socket; prints whether a SYN-ACK came.
const BY_HAND: &str = "
def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
source, destination = socket.inet_aton('198.18.0.2'), socket.inet_aton('198.18.0.1')
def tcp(check): return struct.pack('!HHIIBBHHH', 40123, PORT, 1, 0, 0x50, 2, 1024, check, 0)
pseudo = source + destination + struct.pack('!BBH', 0, 6, 20)
def ip(check): return struct.pack('!BBHHHBBH4s4s', 0x45, 0, 40, 1, 0, 64, 6, check, source, destination)
open_mac = lambda text: bytes.fromhex(text.strip().replace(':', ''))
p = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)); p.bind(('eth0', 0)); p.settimeout(1)
mac = p.getsockname()[4]
frame = open_mac('MAC') + mac + b'\\x08\\x00' + ip(checksum(ip(0))) + tcp(checksum(pseudo + tcp(0)))
p.send(frame)
try:
    while True:
        answer = p.recv(2000)
        if answer[23] == 6 and answer[34:36] == struct.pack('!H', PORT) and answer[47] & 0x12 == 0x12:
            print('answered'); break
except TimeoutError: print('silence')
";

fn beside() -> Result<()> {
    with(|run_of, datapath, pod| {
        let server = serve(OURS)?;
        let datagrams = UdpSocket::bind((OURS, 0))?;
        let port = server.port().to_string();
        let by_hand = BY_HAND.replace("PORT", &port).replace("MAC", &mac_of("pod0")?);
        let connect = format!(
            "s = tcp4(); s.settimeout(1)\ntry: s.connect(('{OURS}', {port})); print('connected')\nexcept TimeoutError: print('silence')"
        );
        let says = |script: &str| -> Result<String> {
            pod.neighbour(run_of, script)?.finish()?.pop().context("it said nothing")
        };
        ensure!(says(&connect)? == "connected" && says(&by_hand)? == "answered", "before the capture");

        let armed = datapath.arm(&pod.spec(TargetPolicy { deny_udp: true, ..TargetPolicy::default() }))?;
        ensure!(armed.weaknesses.is_empty(), "{:?}", armed.weaknesses);
        ensure!(says(&connect)? == "silence", "a neighbour got out");
        ensure!(says(&by_hand)? == "silence", "a frame by hand was answered");
        let dropped = datapath.target_counters(armed.id)?.dropped;
        ensure!(dropped >= 2, "{dropped} counted");
        let udp = format!(
            "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.sendto(b'x', ('{OURS}', {})); print('sent')",
            datagrams.local_addr()?.port()
        );
        ensure!(says(&udp)? == "sent");
        ensure!(datapath.target_counters(armed.id)?.dropped > dropped, "a datagram of a neighbour");
        datagrams.set_nonblocking(true)?;
        ensure!(datagrams.recv(&mut [0; 8]).is_err(), "it arrived");
        captured_ones_and_answers_pass(datapath, pod, &armed)?;
        sockets_of_others_get_no_answer(run_of, datapath, pod, &armed, server)?;

        datapath.disarm(armed.id)?;
        ensure!(says(&connect)? == "connected" && says(&by_hand)? == "answered", "after it");
        let off = datapath.arm(&pod.spec(TargetPolicy { seatbelt: false, ..TargetPolicy::default() }))?;
        ensure!(off.weaknesses == [Weakness::NoSeatbelt] && says(&connect)? == "connected", "turned off");
        datapath.disarm(off.id)?;
        let bypass = vec!["198.18.0.0/24".parse()?];
        let open = datapath.arm(&pod.spec(TargetPolicy { bypass, ..TargetPolicy::default() }))?;
        ensure!(says(&connect)? == "connected", "what is bypassed may pass");
        Ok(datapath.disarm(open.id)?)
    })
}

/// Docker's, in short: it answers on loopback, and asks a server outside from in there.
fn resolver() -> Result<()> {
    with(|run_of, datapath, pod| {
        let outside = UdpSocket::bind((OURS, 53))?;
        outside.set_read_timeout(Some(DEADLINE))?;
        let policy = TargetPolicy { dns: true, resolver_inside: true, ..TargetPolicy::default() };
        let armed = datapath.arm(&pod.spec(policy))?;
        ensure!(armed.weaknesses.is_empty(), "{:?}", armed.weaknesses);
        let script = format!(
            "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.11', 53)); print('ready'); sys.stdout.flush()\n\
             f = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
             for _ in range(2):\n    q, who = u.recvfrom(64); f.sendto(q, ('{OURS}', 53)); u.sendto(b'inside', who)"
        );
        let mut resolver = pod.neighbour(run_of, &script)?;
        ready(&mut resolver)?;
        // The gateway's question, while it lives.
        datapath.beat()?;
        let ours: UdpSocket = datapath.socket_inside(armed.netns, Domain::IPV4, Type::DGRAM)?.into();
        ours.set_nonblocking(false)?;
        ours.set_read_timeout(Some(DEADLINE))?;
        ours.send_to(b"alive", ("127.0.0.11", 53))?;
        let mut said = [0; 64];
        ensure!(ours.recv(&mut said)? == 6 && outside.recv(&mut said)? == 5, "answered, and passed on");
        // The target's, until it is answered: by nobody while it is steered, and by the resolver once the heart has stopped.
        let asking = pod.workload(
            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.2)\nfor _ in range(50):\n    \
             s.sendto(b'dead', ('127.0.0.11', 53))\n    \
             try: print(s.recvfrom(64)); break\n    except TimeoutError: pass",
        )?;
        ensure!(asking.finish()? == ["(b'inside', ('127.0.0.11', 53))"]);
        resolver.finish()?;
        ensure!(datapath.target_counters(armed.id)?.dropped >= 1, "what it would have passed on was dropped");
        outside.set_nonblocking(true)?;
        ensure!(outside.recv(&mut said).is_err(), "it arrived");
        Ok(datapath.disarm(armed.id)?)
    })
}

/// What is steered arrives, and so does the answer to a connection from outside.
fn captured_ones_and_answers_pass(datapath: &LocalDatapath, pod: &Pod, armed: &Armed) -> Result<()> {
    let workload = pod.workload("s = tcp4(); s.connect(('198.18.0.1', 443)); print(s.recv(3).decode())")?;
    let (mut stream, steered) = crate::targets::accept(datapath, armed)?;
    ensure!(steered.context("no record")?.original_dst.to_string() == "198.18.0.1:443");
    stream.write_all(b"abc")?;
    drop(stream);
    ensure!(workload.finish()? == ["abc"]);
    let script = "l = socket.socket(); l.bind(('0.0.0.0', 8080)); l.listen(); print('ready'); sys.stdout.flush()\nc = l.accept()[0]; c.sendall(b'abc')";
    let mut server = pod.workload(script)?;
    ready(&mut server)?;
    let mut inbound = TcpStream::connect((POD, 8080))?;
    inbound.set_read_timeout(Some(DEADLINE))?;
    let mut said = [0; 3];
    inbound.read_exact(&mut said)?;
    ensure!(&said == b"abc");
    server.finish().map(drop)
}

/// A socket that a neighbour made belongs to the neighbour's cgroup for life: the hooks on the target's never run for it, however
/// the target came by it. What it sends leaves by the same cable.
fn sockets_of_others_get_no_answer(
    run_of: &Run,
    datapath: &LocalDatapath,
    pod: &Pod,
    armed: &Armed,
    server: SocketAddr,
) -> Result<()> {
    let connect = format!(
        "s.settimeout(1)\ntry: s.connect(('{OURS}', {})); print('connected')\nexcept TimeoutError: print('silence')",
        server.port()
    );
    // Taken with the rights of a debugger: pidfd_open(2) is call 434, pidfd_getfd(2) 438.
    let owner = "s = tcp4(); print('ready'); sys.stdout.flush(); turn()";
    let mut neighbour = pod.neighbour(run_of, owner)?;
    ready(&mut neighbour)?;
    let stolen = format!(
        "libc = ctypes.CDLL(None, use_errno=True); pid = {}\n\
         fds = [int(n) for n in os.listdir(f'/proc/{{pid}}/fd') if os.readlink(f'/proc/{{pid}}/fd/{{n}}').startswith('socket:')]\n\
         s = socket.socket(fileno=libc.syscall(438, libc.syscall(434, pid, 0), fds[0], 0))\n{connect}",
        neighbour.child.id()
    );
    let before = datapath.target_counters(armed.id)?;
    ensure!(pod.workload(&stolen)?.finish()? == ["silence"], "a socket taken from another process");
    // The neighbour itself, made to connect by a debugger.
    let traced = format!(
        "{TRACED}\nt = Traced({}); fd, said = t.connect(0o4000, '{OURS}', {}); assert said == -errno.EINPROGRESS, said\n\
         s = t.taken(fd); _, w, _ = select.select([], [s], [], 1)\n\
         print('connected' if w and not s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) else 'silence'); os.kill(t.pid, 9)",
        neighbour.child.id(),
        server.port()
    );
    ensure!(pod.workload(&traced)?.finish()? == ["silence"], "a process that is traced");
    drop(neighbour);
    // Handed over by one that helps, in a message.
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("in").display().to_string();
    let takes = format!(
        "u = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); u.bind('{path}'); print('ready'); sys.stdout.flush()\n\
         s = socket.socket(fileno=socket.recv_fds(u, 1, 1)[1][0])\n{connect}"
    );
    let mut taker = pod.workload(&takes)?;
    ready(&mut taker)?;
    let gives = format!(
        "u = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); u.connect('{path}'); s = tcp4(); socket.send_fds(u, [b'x'], [s.fileno()])"
    );
    pod.neighbour(run_of, &gives)?.finish()?;
    ensure!(taker.finish()? == ["silence"], "a socket handed in");
    let after = datapath.target_counters(armed.id)?;
    ensure!(after.redirected == before.redirected && after.dropped >= before.dropped + 3, "{before:?}, {after:?}");
    Ok(())
}

fn mac_of(interface: &str) -> Result<String> {
    let text = run("ip", &["-j", "link", "show", "dev", interface])?;
    let links: serde_json::Value = serde_json::from_str(&text)?;
    Ok(links[0]["address"].as_str().context("no address")?.to_owned())
}

/// Opens every kind of connection, waits, and says of each whether it still lives.
const OPEN: &str = "
def opened(family, kind, address):
    s = socket.socket(family, kind); s.connect(address)
    if kind == socket.SOCK_STREAM: assert s.recv(3) == b'abc'
    return s
own = socket.socket(); own.bind(('127.0.0.1', 0)); own.listen()
sockets = {
    'tcp4': opened(socket.AF_INET, socket.SOCK_STREAM, ('198.18.0.1', PORT4)),
    'tcp6': opened(socket.AF_INET6, socket.SOCK_STREAM, ('2001:db8:18::1', PORT6)),
    'mapped': opened(socket.AF_INET6, socket.SOCK_STREAM, ('::ffff:198.18.0.1', PORT4)),
    'udp': opened(socket.AF_INET, socket.SOCK_DGRAM, ('198.18.0.1', PORTU)),
    'bypassed': opened(socket.AF_INET, socket.SOCK_STREAM, ('198.18.0.3', PORTB)),
}
local = socket.socket(); local.connect(own.getsockname()); sockets['local'] = local
print('ready'); sys.stdout.flush(); turn()
def lives(s):
    try:
        s.send(b'x')
        s.setblocking(False)
        try: return s.recv(1) != b''
        except BlockingIOError: return s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    except OSError: return False
print(' '.join(n for n, s in sockets.items() if lives(s)))
";

fn before() -> Result<()> {
    with(|run_of, datapath, pod| {
        run("ip", &["addr", "add", "198.18.0.3/32", "dev", "pod0"])?;
        let udp = UdpSocket::bind((OURS, 0))?;
        let script = OPEN
            .replace("PORT4", &serve(OURS)?.port().to_string())
            .replace("PORT6", &serve(OURS_V6)?.port().to_string())
            .replace("PORTB", &serve("198.18.0.3")?.port().to_string())
            .replace("PORTU", &udp.local_addr()?.port().to_string());
        // One in the target itself, one in a cgroup below it, one outside.
        let below = Cgroup::create(&pod.cgroup.path().join("below"))?;
        let mut ours = pod.workload(&script)?;
        let mut nested = Workload::spawn(&below, pod.command(), &script)?;
        let mut other = pod.neighbour(run_of, &script)?;
        for workload in [&mut ours, &mut nested, &mut other] {
            ready(workload)?;
        }
        let bypass = vec!["198.18.0.3/32".parse()?];
        let policy = TargetPolicy { bypass, deny_udp: true, ..TargetPolicy::default() };
        let armed = datapath.arm(&pod.spec(policy))?;
        ensure!(armed.ended == 8, "{} were ended", armed.ended);
        ensure!(!armed.weaknesses.contains(&Weakness::OldConnections));
        for (mut workload, expected) in
            [(ours, "bypassed local"), (nested, "bypassed local"), (other, "tcp4 tcp6 mapped udp bypassed local")]
        {
            workload.go_on()?;
            let said = workload.finish()?;
            ensure!(said == [expected], "{said:?}, not {expected:?}");
        }
        below.remove()?;
        datapath.disarm(armed.id)?;
        Ok(())
    })
}
