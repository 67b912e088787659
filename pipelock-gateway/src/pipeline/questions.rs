//! DNS of captured workloads: judged like a request, put anew to the server that the workload asked, answered in its place.
//!
//! Queries come as datagrams, to places that tell the server (`capture::ResolverSocket`), or over TCP, to port 53. The gateway
//! asks from its own side; a server on loopback is one that only the target has, and is asked from inside its namespace. What an
//! answer says about addresses binds names for that workload, if its server is one that the workload cannot choose.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;
use zeroize::Zeroizing;

use super::draft::Draft;
use super::snapshot::Snapshot;
use super::{Downstream, Gateway};
use crate::capture::{Asked, Datapath};
use crate::connection::{Questions, TURN};
use crate::dns::{self, Code, Query, Told, Tunnels};
use crate::model::{
    Action, ConnectionEnd, Decision, EventRecord, Evidence, Family, Finding, InterceptReason, OriginalDst, PeerName,
    ServerName, Severity, Side, Surface, Verdict, View,
};
use crate::policy::AddressDecision;
use crate::report::metrics::DnsOutcome;

/// Where DNS servers listen.
pub(super) const DNS_PORT: u16 = 53;
/// Queries of one socket that are being answered; a workload with more waits, as it would for a busy server.
const IN_FLIGHT: usize = 256;
/// The largest query that is read: one question, and options that are not passed on.
const MAX_QUERY: usize = 4096;
/// Stub resolvers give up after 5 s (`resolv.conf(5)`), and ask again.
const PATIENCE: Duration = Duration::from_secs(5);
/// RFC 7766 §6.2.3 leaves it to the server; clients that ask more open another connection.
const STREAM_IDLE: Duration = Duration::from_secs(10);

const TUNNEL: &str = "DNS Tunnelling";

/// What answering queries takes beside the rules.
pub(super) struct Resolution {
    datapath: Arc<dyn Datapath>,
    tunnels: Mutex<Tunnels>,
}

impl Resolution {
    pub(super) fn new(datapath: Arc<dyn Datapath>) -> Self {
        Self { datapath, tunnels: Mutex::default() }
    }

    fn with_tunnels<R>(&self, work: impl FnOnce(&mut Tunnels) -> R) -> R {
        work(&mut self.tunnels.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How a query came, and so how it is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Udp,
    Tcp,
}

impl Gateway {
    /// Answers the datagrams of one socket until it is told to stop.
    pub(super) async fn answer_datagrams(self: Arc<Self>, questions: Questions) {
        let Questions { target, named, socket, datapath, stop, turning, .. } = questions;
        let socket = match socket.watch() {
            Ok(socket) => Arc::new(socket),
            // Dropping `turning` says that a loop has failed.
            Err(error) => return tracing::error!(%error, "DNS queries of a target cannot be watched"),
        };
        let places = Arc::new(Semaphore::new(IN_FLIGHT));
        let mut buffer = vec![0; MAX_QUERY];
        let mut idle = tokio::time::interval(TURN);
        idle.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turning.turn();
            let ready = tokio::select! {
                biased;
                () = stop.cancelled() => return turning.retire(),
                ready = socket.readable() => ready,
                _ = idle.tick() => continue,
            };
            let received = match ready {
                Ok(mut ready) => ready.try_io(|socket| socket.get_ref().receive(&mut buffer)),
                Err(error) => return tracing::error!(%error, "DNS queries of a target cannot be watched"),
            };
            let datagram = match received {
                Ok(Ok(datagram)) => datagram,
                Ok(Err(_)) => {
                    self.metrics().dns_query(DnsOutcome::Malformed);
                    continue;
                }
                Err(_would_block) => continue,
            };
            // Nothing was steered there: a program that dialled the port by itself gets no answer.
            let Ok(Some(mut asked)) = datapath.asked(target, datagram.place) else { continue };
            asked.workload.target.clone_from(&named);
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                self.metrics().dns_query(DnsOutcome::Overloaded);
                continue;
            };
            let query = Zeroizing::new(buffer.get(..datagram.length).unwrap_or_default().to_vec());
            let (gateway, socket) = (Arc::clone(&self), Arc::clone(&socket));
            self.tasks.spawn(async move {
                if let Some(answer) = gateway.answer(&asked, &query, Over::Udp).await
                    && let Err(error) = socket.get_ref().answer(&answer, &datagram)
                {
                    tracing::debug!(%error, "an answer was lost");
                }
                drop(place);
            });
        }
    }

    /// Answers what comes over one TCP connection to port 53.
    pub(super) async fn answer_stream(
        &self,
        draft: &mut Draft,
        dst: OriginalDst,
        mut stream: Downstream,
    ) -> ConnectionEnd {
        let Some(workload) = draft.workload().cloned() else { return ConnectionEnd::Closed };
        draft.decide(Decision::Intercept(InterceptReason::Default));
        let asked = Asked { server: dst.socket_addr(), workload };
        let mut answered = 0;
        let ended = loop {
            let query = tokio::select! {
                () = self.drain.cancelled() => break Ok(()),
                () = self.control.kill.activated() => break Ok(()),
                query = tokio::time::timeout(STREAM_IDLE, read_message(&mut stream, MAX_QUERY)) => query,
            };
            let query = match query {
                Ok(Ok(Some(query))) => query,
                Ok(Ok(None)) | Err(_) => break Ok(()),
                Ok(Err(error)) => break Err(error),
            };
            let Some(answer) = self.answer(&asked, &query, Over::Tcp).await else { break Ok(()) };
            if let Err(error) = write_message(&mut stream, &answer).await {
                break Err(error);
            }
            answered += 1;
            draft.requests(answered);
        };
        match ended {
            Ok(()) => ConnectionEnd::Closed,
            Err(error) => super::failed(Side::Downstream, &error),
        }
    }

    /// The answer to one message; `None` for silence, which over UDP is what a lost packet would have been.
    async fn answer(&self, asked: &Asked, message: &[u8], over: Over) -> Option<Vec<u8>> {
        let query = match Query::parse(message) {
            Ok(query) => query,
            Err(error) => {
                tracing::debug!(%error, workload = %asked.workload, "a DNS message that is no query which can be put");
                self.metrics().dns_query(DnsOutcome::Malformed);
                return dns::refused(message, error);
            }
        };
        let snapshot = self.live.pin().of(asked.workload.target.as_deref());
        let verdict = self.judge_query(&snapshot, asked, &query).await;
        if verdict.is_block() {
            self.metrics().dns_query(DnsOutcome::Blocked);
            return Some(query.refused(Code::Refused));
        }
        let put = tokio::time::timeout(PATIENCE, self.put(asked, &query, over)).await;
        let answer = match put {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::debug!(%error, server = %asked.server, "a DNS server did not answer");
                self.metrics().dns_query(DnsOutcome::Failed);
                return Some(query.refused(Code::ServFail));
            }
            Err(_) => {
                self.metrics().dns_query(DnsOutcome::Failed);
                return (over == Over::Tcp).then(|| query.refused(Code::ServFail));
            }
        };
        let Ok(told) = query.told(&answer) else {
            self.metrics().dns_query(DnsOutcome::Failed);
            return Some(query.refused(Code::ServFail));
        };
        if self.judge_answer(&snapshot, asked, &query, &told).is_block() {
            self.metrics().dns_query(DnsOutcome::Blocked);
            return Some(query.refused(Code::Refused));
        }
        self.bind(asked, &query, &told);
        self.metrics().dns_query(DnsOutcome::Answered);
        let limit = if over == Over::Udp { query.payload() } else { usize::from(u16::MAX) };
        Some(query.restored(answer, limit))
    }

    /// Remembers what a workload was told, where nobody but the operator chose who told it.
    fn bind(&self, asked: &Asked, query: &Query, told: &Told) {
        let here = self.resolution.datapath.is_own_netns(asked.workload.netns);
        if told.addresses.is_empty() || !self.names.believes(asked.server.ip(), here) {
            return;
        }
        if let Ok(name) = ServerName::parse(&query.name()) {
            self.names.record(asked.workload.cgroup, &name, &told.addresses, told.ttl);
        }
    }

    /// What a query gives away, and whether it may: its name, its server, and how it stands among others.
    async fn judge_query(&self, snapshot: &Snapshot, asked: &Asked, query: &Query) -> Verdict {
        if let Some(why) = self.forbidden(snapshot, asked, query) {
            self.tell(asked, query, "block", why);
            return Verdict { action: Action::Block, ..Verdict::default() };
        }
        let known = self.workloads.of(&asked.workload);
        let secrets = if snapshot.scans_environment {
            self.workloads.secrets(&known, &asked.workload, &snapshot.environment, self.metrics()).await
        } else {
            Arc::default()
        };
        let mut findings = Vec::new();
        for spelling in spellings(query) {
            let found = if spelling.host {
                snapshot.engine.scan_url(&[b"https://", spelling.text.as_slice(), b"/"].concat())
            } else {
                snapshot.engine.scan(Surface::Url, &spelling.text)
            };
            let literals = [&secrets, &snapshot.known_secrets];
            let known = literals.into_iter().flat_map(|literals| literals.scan(Surface::Url, &spelling.text));
            for finding in found.into_iter().chain(known) {
                // What nobody wrote like that counts only where its format leaves no doubt.
                let counts = spelling.as_sent || finding.severity >= Severity::High;
                if counts && !findings.iter().any(|other: &Finding| other.rule == finding.rule) {
                    findings.push(finding);
                }
            }
        }
        let cgroup = asked.workload.cgroup.0;
        let tunnel = self.resolution.with_tunnels(|tunnels| tunnels.asked(cgroup, query, Instant::now()));
        findings.extend(tunnel.map(|bytes| tunnelling(bytes, Surface::Url)));
        self.fold(snapshot, asked, query, findings)
    }

    fn judge_answer(&self, snapshot: &Snapshot, asked: &Asked, query: &Query, told: &Told) -> Verdict {
        let cgroup = asked.workload.cgroup.0;
        let tunnel = |tunnels: &mut Tunnels| tunnels.answered(cgroup, query, told.text_bytes, Instant::now());
        let findings = self.resolution.with_tunnels(tunnel).map(|bytes| tunnelling(bytes, Surface::Response));
        self.fold(snapshot, asked, query, findings.into_iter().collect())
    }

    fn fold(&self, snapshot: &Snapshot, asked: &Asked, query: &Query, mut findings: Vec<Finding>) -> Verdict {
        if findings.is_empty() {
            return Verdict::allow();
        }
        for rule in snapshot.suppressions.retain(&mut findings, &query.name(), std::time::SystemTime::now()) {
            self.metrics().suppressed(&rule);
        }
        let verdict = snapshot.fold(findings);
        self.metrics().dns_findings(&verdict);
        if verdict.action != Action::Allow {
            let rules: Vec<&str> = verdict.findings.iter().map(|finding| &*finding.rule).collect();
            self.tell(asked, query, verdict.action.as_str(), &rules.join(", "));
        }
        verdict
    }

    /// Why a query is refused whatever it says.
    fn forbidden(&self, snapshot: &Snapshot, asked: &Asked, query: &Query) -> Option<&'static str> {
        if self.control.kill.is_active() {
            return Some("kill switch");
        }
        let blocked = ServerName::parse(&query.name()).is_ok_and(|n| snapshot.blocklist.matches(&PeerName::Dns(n)));
        if snapshot.verdict.enforce && blocked {
            return Some("blocklist");
        }
        let dst = OriginalDst::new(asked.server);
        let denied = || matches!(snapshot.rules.address(dst, &self.own_listeners()), AddressDecision::Deny(_));
        (!is_inside(asked.server.ip()) && denied()).then_some("server")
    }

    /// One line of evidence, without the part of the name that may be a secret.
    fn tell(&self, asked: &Asked, query: &Query, action: &str, why: &str) {
        let fields = vec![
            ("action", action.to_owned()),
            ("why", why.to_owned()),
            ("domain", dns::parent(query).filter(|domain| domain.len() < query.dotted().len()).unwrap_or_default()),
            ("type", query.record_type().to_string()),
            ("server", asked.server.to_string()),
            ("cgroup", asked.workload.cgroup.0.to_string()),
            ("pid", asked.workload.pid.to_string()),
        ];
        self.report.event(EventRecord { level: "warn", event: "dns_query", fields });
    }

    /// Puts the query to its server, under an id and from a port that nobody can guess.
    async fn put(&self, asked: &Asked, query: &Query, over: Over) -> io::Result<Vec<u8>> {
        let server = SocketAddr::new(reachable(asked.server.ip()), asked.server.port());
        let id = unguessable();
        let bytes = query.rebuilt(id);
        match over {
            Over::Udp => {
                let socket: std::net::UdpSocket = self.socket_towards(asked, Type::DGRAM).await?.into();
                let socket = UdpSocket::from_std(socket)?;
                socket.connect(server).await?;
                socket.send(&bytes).await?;
                let mut answer = vec![0; usize::from(u16::MAX)];
                loop {
                    let length = socket.recv(&mut answer).await?;
                    if query.is_answered_by(id, answer.get(..length).unwrap_or_default()) {
                        answer.truncate(length);
                        return Ok(answer);
                    }
                }
            }
            Over::Tcp => {
                let socket: std::net::TcpStream = self.socket_towards(asked, Type::STREAM).await?.into();
                let mut stream = TcpSocket::from_std_stream(socket).connect(server).await?;
                write_message(&mut stream, &bytes).await?;
                let answer = read_message(&mut stream, usize::from(u16::MAX)).await?;
                let answer = answer.ok_or(io::ErrorKind::UnexpectedEof)?;
                if query.is_answered_by(id, &answer) { Ok(answer) } else { Err(io::ErrorKind::InvalidData.into()) }
            }
        }
    }

    /// A socket of the gateway's own: in its own namespace, or inside the target's for what only the target can reach.
    async fn socket_towards(&self, asked: &Asked, kind: Type) -> io::Result<OwnedFd> {
        let domain = Domain::for_address(asked.server);
        let datapath = Arc::clone(&self.resolution.datapath);
        if is_inside(asked.server.ip()) {
            let netns = asked.workload.netns;
            let made = tokio::task::spawn_blocking(move || datapath.socket_inside(netns, domain, kind));
            return made.await.map_err(io::Error::other)?.map_err(io::Error::other);
        }
        let socket = Socket::new(domain, kind.nonblocking().cloexec(), None)?;
        datapath.mark_own(socket.as_fd()).map_err(io::Error::other)?;
        Ok(socket.into())
    }
}

/// Whether a server is one of the target's own namespace: the resolvers of Docker (`127.0.0.11`) and systemd.
fn is_inside(server: IpAddr) -> bool {
    let server = server.to_canonical();
    server.is_loopback() || server.is_unspecified()
}

/// The kernel takes the unspecified address for the local host; not every way of connecting does.
fn reachable(server: IpAddr) -> IpAddr {
    match server {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

/// A way in which a name may be read.
struct Spelling {
    text: Zeroizing<Vec<u8>>,
    /// With its dots, so that its labels can be looked at.
    host: bool,
    /// Not put together or respelt.
    as_sent: bool,
}

/// As it was sent; its labels put together, because one label has 63 bytes; both in capitals, since names are often put in lower
/// case on their way, and formats and Base32 are not.
fn spellings(query: &Query) -> impl Iterator<Item = Spelling> {
    let of = |text: Vec<u8>, host, as_sent| Spelling { text: Zeroizing::new(text), host, as_sent };
    let (name, joined) = (query.dotted(), joined(query));
    let capitals = [of(name.to_ascii_uppercase(), false, false), of(joined.to_ascii_uppercase(), false, false)];
    [of(name, true, true), of(joined, false, false)].into_iter().chain(capitals).filter(|s| !s.text.is_empty())
}

/// Labels put together, in every way in which neighbours can be: nobody tells where a secret in pieces begins and where the domain
/// of the receiver does. One line each. Of a name with more labels than hosts have, all of them and all but the last few.
fn joined(query: &Query) -> Vec<u8> {
    const MANY: usize = 8;
    let labels: Vec<&[u8]> = query.labels().collect();
    let ranges: Vec<(usize, usize)> = if labels.len() <= MANY {
        (0..labels.len()).flat_map(|from| (from + 2..=labels.len()).map(move |to| (from, to))).collect()
    } else {
        (labels.len() - MANY / 2..=labels.len()).map(|to| (0, to)).collect()
    };
    let lines = ranges.into_iter().filter_map(|(from, to)| labels.get(from..to)).map(<[&[u8]]>::concat);
    lines.collect::<Vec<_>>().join(&b'\n')
}

/// A finding about many names, none of which says it alone.
fn tunnelling(bytes: usize, surface: Surface) -> Finding {
    Finding {
        rule: TUNNEL.into(),
        family: Family::Url,
        severity: Severity::High,
        surface,
        view: View::Raw,
        span: 0..0,
        evidence: Evidence { len: u32::try_from(bytes).unwrap_or(u32::MAX), fingerprint: 0 },
    }
}

/// 16 bits that an outsider cannot predict: the standard library keys its hashers from the kernel.
fn unguessable() -> u16 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let [a, b, ..] = RandomState::new().build_hasher().finish().to_ne_bytes();
    u16::from_ne_bytes([a, b])
}

/// A message behind its length (RFC 1035 §4.2.2); `None` at an orderly end.
async fn read_message(stream: &mut (impl AsyncReadExt + Unpin), limit: usize) -> io::Result<Option<Vec<u8>>> {
    let length = match stream.read_u16().await {
        Ok(length) => usize::from(length),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > limit {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    Ok(Some(message))
}

/// Length and message in one write: some clients read them as one.
async fn write_message(stream: &mut (impl AsyncWriteExt + Unpin), message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    stream.write_all(&[length.to_be_bytes().as_slice(), message].concat()).await?;
    stream.flush().await
}
